"""Requests a second of chapter 11's server, beside uvicorn on h11 and the same loop.

    python bench/server.py [rounds]        needs wrk (Debian: apt-get install wrk)

Each is a process of its own on asyncio's loop; wrk is a third, and only one of the two servers is
under load at a time. A short answer to a GET, the same to a POST with a body, and one of a hundred
pieces: what a server does for a request, for a body and for a message.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from figures import Report, ratio, spread

from asgilive import serve

LOAD = ["wrk", "-t1", "-c16", "-d2s"]
HERE, NOTEBOOKS = Path(__file__).parent, Path(__file__).parents[1] / "notebooks"
BOUND = 0.7
POST = 'wrk.method = "POST"\nwrk.body = "' + "x" * 1000 + '"\n'


async def app(scope, receive, send):
    """Read the body; answer in one piece, or in a hundred where the path asks for them."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    while (await receive()).get("more_body"):
        pass
    pieces = 100 if scope["path"] == "/pieces" else 1
    length = (b"content-length", b"%d" % (5 * pieces))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    for number in range(1, pieces + 1):
        await send({"type": "http.response.body", "body": b"Hello", "more_body": number < pieces})


async def load(url: str, script: str = "") -> float:
    """Requests a second that wrk got answered."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        more = ["-s", file.name] if script else []
        process = await asyncio.create_subprocess_exec(
            *LOAD, *more, url, stdout=asyncio.subprocess.PIPE
        )
        text = (await process.communicate())[0].decode()
    assert "Non-2xx" not in text, text
    assert "Socket errors" not in text, text
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found, text
    return float(found[1])


async def main(rounds: int) -> None:
    """Load both in turn, with each kind of request."""
    own = "{python} -m apps.server server:app {port}"
    other = "{python} -m uvicorn server:app --port {port} --loop asyncio --http h11"
    other += " --no-access-log --log-level error"
    env = {"PYTHONPATH": f"{HERE}:{NOTEBOOKS}"}
    report = Report()
    async with serve(command=own, env=env) as mine, serve(command=other, env=env) as theirs:
        for name, path, script in [
            ("GET", "/", ""),
            ("POST, 1 kB", "/", POST),
            ("GET, 100 pieces", "/pieces", ""),
        ]:
            ours, uvicorns = [], []
            await load(mine.url + path, script)
            for _ in range(rounds):
                ours.append(await load(mine.url + path, script))
                uvicorns.append(await load(theirs.url + path, script))
            print(f"{name}: chapter 11's server", spread(ours, "requests/s"))
            print(f"{name}: uvicorn", spread(uvicorns, "requests/s"))
            report.line(f"{name}: ours / uvicorn", ratio(ours, uvicorns), BOUND, least=True)
    report.end()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
