"""What recording costs: latency of keep-alive requests with it on, beside off.

    python bench/recording.py [rounds]

Both sites stand side by side, and one client, a process of its own, asks them in turn: what the
machine does meanwhile meets both. In-process servers are tapped; a server in a process of its own
is recorded through the relay.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time

from figures import Report, app, ratio, spread

from asgilive import serve

TURNS, REQUESTS = 40, 25  # in one turn one site gets so many requests; the recording must not fill
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BOUNDS = {"uvicorn": 1.2, "hypercorn": 1.2, "granian": 1.7}


async def client(ports: list[int]) -> None:
    """Ask sites in turn; print the median time of an answer of each, in seconds, as JSON."""
    lines = [await asyncio.open_connection("127.0.0.1", port) for port in ports]
    times: list[list[float]] = [[] for _ in lines]
    for _ in range(TURNS):
        for (reader, writer), kept in zip(lines, times, strict=True):
            kept += [await answer(reader, writer) for _ in range(REQUESTS)]
    for _, writer in lines:
        writer.close()
    print(json.dumps([statistics.median(kept) for kept in times]))


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    """Seconds that one answer takes."""
    began = time.perf_counter()
    writer.write(GET)
    received = b""
    while not received.endswith(b"Hello"):
        received += await reader.read(65536)
    return time.perf_counter() - began


async def latencies(server: str) -> list[float]:
    """The median latency of one server without and with recording, in seconds."""
    target = app if server != "granian" else "figures:app"
    async with serve(target, server=server) as off, serve(target, server=server, record=True) as on:
        command = [sys.executable, __file__, "client", str(off.port), str(on.port)]
        done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        assert on.conversation is not None
        assert not on.conversation.full
    return list(json.loads(done.stdout))


async def main(rounds: int) -> None:
    """Server by server."""
    report = Report()
    for server, bound in BOUNDS.items():
        found = [await latencies(server) for _ in range(rounds)]
        off, on = ([pair[i] for pair in found] for i in range(2))
        print(f"{server}: off {spread(off, 'µs', 1e6)}, on {spread(on, 'µs', 1e6)}")
        report.line(f"{server}, on / off", ratio(on, off), bound)
    report.end()


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        asyncio.run(client([int(word) for word in sys.argv[2:]]))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
