"""What recording costs: latency of keep-alive requests with it on, beside off.

    python bench/recording.py [rounds]

The client is a process of its own. In-process servers are tapped; a server in a process of its own
is recorded through the relay.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time

from figures import Report, app, ratio, spread

from asgilive import serve

REQUESTS = 600
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BOUNDS = {"uvicorn": 1.2, "hypercorn": 1.2, "granian": 1.7}


async def client(port: int) -> None:
    """Ask again and again on one connection; print the median time of an answer, in seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        writer.write(GET)
        received = b""
        while not received.endswith(b"Hello"):
            received += await reader.read(65536)
        times.append(time.perf_counter() - began)
    writer.close()
    print(statistics.median(times))


async def latency(server: str, *, record: bool) -> float:
    """The median latency of one server, in seconds."""
    target = app if server != "granian" else "figures:app"
    async with serve(target, server=server, record=record) as site:
        command = [sys.executable, __file__, "client", str(site.port)]
        done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    return float(done.stdout)


async def main(rounds: int) -> None:
    """Off and on in turn, server by server."""
    report = Report()
    for server, bound in BOUNDS.items():
        off, on = [], []
        for _ in range(rounds):
            off.append(await latency(server, record=False))
            on.append(await latency(server, record=True))
        print(f"{server}: off {spread(off, 'µs', 1e6)}, on {spread(on, 'µs', 1e6)}")
        report.line(f"{server}, on / off", ratio(on, off), bound)
    report.end()


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        asyncio.run(client(int(sys.argv[2])))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
