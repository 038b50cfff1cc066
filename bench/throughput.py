"""Requests a second of a served app, beside the same app under the uvicorn command.

    python bench/throughput.py [rounds]        needs wrk (Debian: apt-get install wrk)

Both run uvicorn on asyncio's loop and h11; wrk is a process of its own, and only one of the two
servers is under load at a time.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from figures import Report, app, ratio, spread

from asgilive import serve

LOAD = ["wrk", "-t1", "-c16", "-d3s"]


async def load(url: str) -> float:
    """Requests a second that wrk got answered."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*LOAD, url, stdout=pipe)
    text = (await process.communicate())[0].decode()
    assert "Non-2xx" not in text, text
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found, text
    return float(found[1])


async def main(rounds: int) -> None:
    """Load both in turn."""
    command = "{python} -m uvicorn figures:app --port {port} --loop asyncio --http h11"
    command += f" --no-access-log --log-level error --app-dir {Path(__file__).parent}"
    served, commanded = [], []
    async with serve(app, http="h11") as site, serve(command=command) as other:
        await load(site.url)
        for _ in range(rounds):
            served.append(await load(site.url))
            commanded.append(await load(other.url))
    print("served app", spread(served, "requests/s"))
    print("uvicorn command", spread(commanded, "requests/s"))
    report = Report()
    report.line("served / command", ratio(served, commanded), 0.9, least=True)
    report.end()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
