"""Start and stop a recorded site again and again, and count what is left behind.

python bench/cycles.py [cycles]
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time

import psutil
from figures import Report, app

from asgilive import fetch, serve

ME = psutil.Process()


def counts() -> dict[str, int]:
    """Ports that listen, threads, tasks and file descriptors of this process."""
    gc.collect()
    listening = [c for c in ME.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    return {
        "ports": len(listening),
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
        "file descriptors": ME.num_fds() if hasattr(ME, "num_fds") else ME.num_handles(),
        "processes": len(ME.children(recursive=True)),
    }


async def cycle() -> None:
    """One life of a site, with a client."""
    site = await serve(app, record=True)
    assert (await fetch(site)).status == 200
    await site.stop()


async def main(cycles: int) -> None:
    """Count, run, count."""
    await cycle()
    before, began = counts(), time.perf_counter()
    for _ in range(cycles):
        await cycle()
    took, after = time.perf_counter() - began, counts()
    print(f"{cycles} cycles in {took:.1f} s")
    report = Report()
    for name, count in before.items():
        report.line(f"{name} left", after[name] - count, 0)
    report.end()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
