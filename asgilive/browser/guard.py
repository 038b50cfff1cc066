"""What a page has not, in one sentence each: threads, processes, signals, the world's sockets.

Rules: a sentence says what is missing and where it is there; it is raised where the reader's line
asks, before anything is half done. A call into a thread pool is the one thing that can be done
without a thread: it runs at once, in the loop, and holds it meanwhile.
"""

from __future__ import annotations

import asyncio
import builtins
import contextvars
import importlib.abc
import importlib.machinery
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

ELSEWHERE = "JupyterLab on your machine runs this cell: python3 start.py"
THREADS = f"this page has one thread, and starts no other: {ELSEWHERE}"
PROCESSES = f"this page has no processes: {ELSEWHERE}"
SIGNALS = f"this page has no processes to signal: {ELSEWHERE}"
SOCKETS = f"this page has TCP on 127.0.0.1, and no other sockets: {ELSEWHERE}"
INPUT = "this page has no line to type into: write the value into the cell"
WAITING = (
    "this page has one thread, and a call that waits would stop every server in it: use a client"
    " with await, such as `await fetch(site)` or httpx.AsyncClient"
)


def sockets_of(host: str) -> str:
    """The sentence for an address elsewhere."""
    return f"this page reaches no {host!r}, only the servers it runs on 127.0.0.1: {ELSEWHERE}"


class NotHere(RuntimeError):
    """A page has nothing of the kind."""


class NoSuchSocket(NotHere, OSError):
    """A page has no such socket; also an OSError, for libraries that handle those."""

    def __init__(self, number: int, sentence: str) -> None:
        OSError.__init__(self, number, sentence)

    def __str__(self) -> str:
        return str(self.strerror)


class WouldWait(NotHere, OSError):
    """A blocking call would have to wait for something that cannot come meanwhile."""


def _refusing(sentence: str) -> Callable[..., NoReturn]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise NotHere(sentence)

    return refused


class NoProcess(subprocess.Popen[Any]):
    """Still a class, for libraries that inherit from it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotHere(PROCESSES)

    def __del__(self, *_: Any) -> None:
        """There is nothing to end."""


def install() -> None:
    """Put the sentences in place."""
    threading.Thread.start = _refusing(THREADS)  # type: ignore[method-assign]
    subprocess.Popen = NoProcess  # type: ignore[misc]
    for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen"):
        setattr(os, name, _refusing(PROCESSES))
    os.kill = _refusing(SIGNALS)
    builtins.input = _refusing(INPUT)
    signal.raise_signal = _refusing(SIGNALS)
    sys.meta_path.insert(0, Inline())
    if Inline.name in sys.modules:
        Inline.mend(sys.modules[Inline.name])


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a thread pool would do, done here: a step later, in the caller's context."""
    await asyncio.sleep(0)
    return contextvars.copy_context().run(function, *arguments)


class Inline(importlib.abc.MetaPathFinder):
    """Mends anyio's thread pool once it is imported, which takes long and may never happen."""

    name = "anyio._backends._asyncio"

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's own spec, with a step behind its execution."""
        if name != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self.mend(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    @staticmethod
    def mend(module: Any) -> None:
        """Have calls made at once."""
        module.AsyncIOBackend.run_sync_in_worker_thread = classmethod(_in_worker_thread)


async def _in_worker_thread(
    _: type[Any], function: Callable[..., Any], arguments: tuple[Any, ...], /, **__: Any
) -> Any:
    return await at_once(function, *arguments)
