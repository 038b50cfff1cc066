"""How long `serve` takes to start and stop, beside a bare uvicorn thread. Times are warm.

python bench/start_stop.py [rounds]
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time

import uvicorn
from figures import Report, app, ratio, spread

from asgilive import serve


async def ours() -> tuple[float, float]:
    """Seconds to start and to stop a site."""
    began = time.perf_counter()
    site = await serve(app)
    up = time.perf_counter()
    await site.stop()
    return up - began, time.perf_counter() - up


def bare() -> tuple[float, float]:
    """Seconds to start and to stop uvicorn in a thread, as its documentation has it."""
    began = time.perf_counter()
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    while not server.started:
        time.sleep(0.0002)
    up = time.perf_counter()
    server.should_exit = True
    thread.join()
    return up - began, time.perf_counter() - up


async def main(rounds: int) -> None:
    """Warm up, then measure in turn."""
    await ours()
    bare()
    sites, threads = [], []
    for _ in range(rounds):
        sites.append(await ours())
        threads.append(await asyncio.to_thread(bare))
    starts, stops = zip(*sites, strict=True)
    print("serve starts in", spread(starts, "ms", 1e3), "and stops in", spread(stops, "ms", 1e3))
    bare_starts, bare_stops = zip(*threads, strict=True)
    print("bare uvicorn in", spread(bare_starts, "ms", 1e3), "and", spread(bare_stops, "ms", 1e3))
    report = Report()
    report.line("start, serve / bare thread", ratio(starts, bare_starts), 1.5)
    report.line("stop, longest, seconds", max(stops), 0.2)
    report.end()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
