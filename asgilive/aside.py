"""Run a reader's code aside: in a thread and an event loop of its own, with a deadline.

Rules: the caller's loop stays free, whatever the code does; what it leaves (tasks, generators) is
ended; an end that needs force is forced. What went wrong comes back as an exception: the code's
own, `Late` when it waited too long, `Held` when it never gave the loop back. In the page there is
one loop and no thread: there the deadline works only while the code awaits.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ctypes
import linecache
import os
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

Work = Callable[[], Awaitable[Any]]

SLACK = 0.5  # seconds after the deadline until a silent loop counts as held
GRACE = 1.0  # seconds that cancelled tasks get to clean up
_STEP = 0.05  # seconds between two tries to end a thread by force

_LIBRARIES = (os.path.dirname(os.__file__) + os.sep, os.path.dirname(__file__) + os.sep)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}", "<frozen ")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the reader's own code: its number in the cell or file, and its text."""

    number: int
    text: str

    def __str__(self) -> str:
        return f"line {self.number}" + (f", `{self.text}`" if self.text else "")


class Late(Exception):
    """The code was still waiting at the deadline; `place` is where."""

    def __init__(self, place: Place | None) -> None:
        super().__init__("the code did not finish in time")
        self.place = place


class Held(Exception):
    """The code held its loop past the deadline; `place` is where it was then."""

    def __init__(self, place: Place | None) -> None:
        super().__init__("the code held its loop")
        self.place = place


# -- whose line it is


def raised_at(error: BaseException) -> Place | None:
    """The reader's line that an exception came through last; None where it met none."""
    return _place((f.filename, f.lineno or 0) for f in traceback.extract_tb(error.__traceback__))


def standing(tasks: Iterable[asyncio.Task[Any]]) -> Place | None:
    """The reader's line at which one of these tasks waits."""
    places = [_place(_suspended(task.get_coro())) for task in tasks]
    return next((place for place in places if place), None)


def line_of(frame: FrameType | None) -> Place | None:
    """The reader's line nearest to this frame, going out to its callers."""
    stack = [(f.f_code.co_filename, number) for f, number in traceback.walk_stack(frame)]
    return _place(reversed(stack))


def _suspended(step: Any) -> Iterator[tuple[str, int]]:
    """File and line of a coroutine, of what it awaits, and so on inwards."""
    while step is not None:
        frame = getattr(step, "cr_frame", None) or getattr(step, "gi_frame", None)
        if frame is not None:
            yield frame.f_code.co_filename, frame.f_lineno
        step = getattr(step, "cr_await", None) or getattr(step, "gi_yieldfrom", None)


def _place(lines: Iterable[tuple[str, int]]) -> Place | None:
    own = [(file, number) for file, number in lines if not _is_library(file)]
    if not own:
        return None
    text = linecache.getline(*own[-1]).strip()
    return Place(own[-1][1], text if len(text) <= 60 else text[:59] + "…")


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) or any(part in file for part in _INSTALLED)


# -- running it


async def run(work: Work, within: float) -> BaseException | None:
    """Run `work()` aside, at most `within` seconds; return what it raised, or None."""
    if sys.platform == "emscripten":
        return await _limited(work, within)
    thread = _Aside(work, within)
    try:
        for patience in thread.patience():
            await asyncio.wait({asyncio.wrap_future(thread.outcome)}, timeout=patience)
    except BaseException:
        thread.end()
        raise
    return thread.result()


def run_sync(work: Work, within: float) -> BaseException | None:
    """The same for callers without a loop; it blocks its thread until then.

    Raises RuntimeError in the page, which has one thread.
    """
    if sys.platform == "emscripten":
        raise RuntimeError("this page has one thread: write `await check.<name>(…)`")
    thread = _Aside(work, within)
    try:
        for patience in thread.patience():
            concurrent.futures.wait({thread.outcome}, timeout=patience)
    except BaseException:
        thread.end()
        raise
    return thread.result()


async def _limited(
    work: Work, within: float, over: Callable[[], None] = lambda: None
) -> BaseException | None:
    """Run `work()`, at most `within` seconds; call `over` then; leave no task behind."""
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(work())
    try:
        await asyncio.wait({task}, timeout=within)
        late = None if task.done() else Late(standing(asyncio.all_tasks() - before))
    finally:
        over()
        await _sweep(asyncio.all_tasks() - before)
    if late is not None:
        return late
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _sweep(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait for them; one that will not end is left."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE)


class _Force(SystemExit):
    """Raised in a thread to end it."""


class _Aside:
    """A thread with a loop that runs one piece of work."""

    def __init__(self, work: Work, within: float) -> None:
        self.outcome: concurrent.futures.Future[BaseException | None] = concurrent.futures.Future()
        self._within = within
        self._over = False
        self._leaving = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # what a task left unsaid
        self._main = self._loop.create_task(_limited(work, within, self._is_over))
        self._thread = threading.Thread(target=self._run, name="asgilive check", daemon=True)
        self._thread.start()

    def patience(self) -> Iterator[float]:
        """How many seconds to wait for the outcome, step by step; none once it is there."""
        yield self._within + SLACK
        if self._over and not self.outcome.done():  # the loop lives: it is cleaning up
            yield GRACE + SLACK

    def result(self) -> BaseException | None:
        """The outcome; where there is none by now, the loop is held, and the thread is ended."""
        if self.outcome.done():
            self._thread.join()  # its last line
            return self.outcome.result()
        held = Held(line_of(sys._current_frames().get(self._thread.ident or 0)))
        self.end(grace=0.0)
        return held

    def end(self, grace: float = GRACE) -> None:
        """Nobody waits any more: cancel the work, and after `grace` seconds force it."""
        with contextlib.suppress(RuntimeError):  # the loop may have closed just now
            self._loop.call_soon_threadsafe(self._main.cancel)
        name = "asgilive check end"
        threading.Thread(target=self._force, args=(grace,), name=name, daemon=True).start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            error = self._loop.run_until_complete(self._main)
        except BaseException as raised:  # an exit in the reader's code, or by force
            error = raised
        finally:
            self._leaving = True
            self._close()
            self.outcome.set_result(error)

    def _is_over(self) -> None:
        self._over = True

    def _close(self) -> None:
        """End what is left. After an exit the work is still in the middle: it cleans up itself."""
        loop, main = self._loop, self._main
        main.cancel()
        with contextlib.suppress(BaseException):  # its outcome is known, or nobody waits for it
            loop.run_until_complete(main)
        generators = loop.create_task(loop.shutdown_asyncgens())
        loop.run_until_complete(asyncio.wait({generators}, timeout=GRACE))
        loop.close()

    def _force(self, grace: float) -> None:
        """Raise in the thread until it gives in: a bare `except` swallows it once, or for ever."""
        concurrent.futures.wait({self.outcome}, timeout=grace)
        ident, end = ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(_Force)
        while self._thread.is_alive() and not self._leaving:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, end)
            time.sleep(_STEP)
