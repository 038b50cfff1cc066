"""A page's Python without a page: its loop stepped from here, its words collected.

`page` is a fixture: what the package puts in place of Python's own is taken back behind the test.
"""

import asyncio
import builtins
import contextlib
import contextvars
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import IPython.lib.pretty
import pytest
from anyio._backends._asyncio import AsyncIOBackend

from asgilive import hosting
from asgilive.browser import worker

PATCHED = [
    (socket, ("socket", "socketpair", "getaddrinfo")),
    (time, ("perf_counter",)),
    (threading.Thread, ("start",)),
    (subprocess, ("Popen",)),
    (os, ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen", "kill")),
    (signal, ("raise_signal",)),
    (hosting, ("ThreadHost", "ProcessHost")),
    (AsyncIOBackend, ("run_sync_in_worker_thread",)),
    (sys, ("stdout", "stderr", "meta_path", "platform")),
]


class Page:
    """The script's side of the worker: it is woken, told and asked."""

    def __init__(self, progress=""):
        self.due = None
        self.said, self.told = [], []
        self.python = worker.Worker(self, "https://book/app/tab/{port}/", progress)

    def wake(self, seconds):
        self.due = time.monotonic() + seconds

    def say(self, message):
        self.said.append(json.loads(message))

    def tell(self, id, event, value):
        value = value if isinstance(value, bytes) else json.loads(value)
        self.told.append((id, event, value))

    def until(self, true, limit=10.0):
        """Step until something is true; raises TimeoutError."""
        end = time.monotonic() + limit
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {limit} s: {self.said[-3:]} {self.told[-3:]}")
            if self.due is None or self.due > time.monotonic():
                time.sleep(0.001)
                continue
            self.due = None
            with self.streams():
                self.python.step()
        return true()

    @contextlib.contextmanager
    def streams(self):
        """The kernel's streams, which pytest's own replace before each test."""
        kernel = self.python.kernel
        with contextlib.redirect_stdout(kernel.out), contextlib.redirect_stderr(kernel.err):
            yield

    def cell(self, code, id="a", number=1):
        """Run a cell: its outputs, and how it ended."""
        before = len(self.said)
        self.python.run(id, number, code)
        self.until(lambda: any(said["kind"] == "end" for said in self.said[before:]))
        said = self.said[before:]
        outputs = [each["output"] for each in said if each["kind"] == "output"]
        return outputs, said[-1]

    def shown(self, code, **more):
        """The plain text of a cell's last output; its error is raised."""
        outputs, end = self.cell(code, **more)
        assert end["ok"], outputs[-1]["traceback"]
        return outputs[-1]["data"]["text/plain"] if "data" in outputs[-1] else outputs[-1]["text"]

    def run(self, work, limit=10.0):
        """What a coroutine gives that runs in the page's loop."""
        task = self.python.loop.create_task(work)
        self.until(task.done, limit)
        return task.result()

    def events(self, id):
        return [(event, value) for who, event, value in self.told if who == id]


@pytest.fixture
def page(monkeypatch):
    for module, names in PATCHED:
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(builtins, "display", None, raising=False)
    monkeypatch.setattr(builtins, "input", builtins.input)
    for name in ("ASGILIVE_PROGRESS", "ASGILIVE_LINK"):
        monkeypatch.delenv(name, raising=False)
    for name in ("__main__", "IPython", "IPython.display"):
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name))
    monkeypatch.setitem(sys.modules, "ipython_pretty", IPython.lib.pretty)
    if sys.version_info < (3, 12):
        monkeypatch.setattr(worker, "PageLoop", Loop)
    made = Page()
    yield made
    made.run(leave())
    for key in ("ASGILIVE_PROGRESS", "ASGILIVE_LINK"):
        os.environ.pop(key, None)
    made.python.loop.close()


class Task(asyncio.Task):
    """A task that tells its context, as it does from Python 3.12 on."""

    def __init__(self, work, *, context=None, **more):
        self.context = context or contextvars.copy_context()
        super().__init__(work, context=self.context, **more)

    def get_context(self):
        return self.context


class Loop(worker.PageLoop):
    """A loop with such tasks."""

    def __init__(self, wake):
        super().__init__(wake)
        self.set_task_factory(lambda loop, work, **more: Task(work, loop=loop, **more))


async def leave():
    """End what the test left in the loop."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=3)
