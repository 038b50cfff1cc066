"""Where a server runs: a thread with an event loop of its own, or a process.

Rules: the kernel's loop is never blocked and never shared; a host is asked to stop before it is
made to; what a server would print becomes lines of a log. A host knows nothing of sites,
recordings or notebooks.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO, Any

STARTUP = 10.0  # seconds a server may take until it listens
UNSEEN = 0.2  # seconds after which a server that opens no asyncio server counts as listening
LONGEST_LOG = 200

_BaseLoop: Any = getattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop)


class StartupFailed(Exception):
    """The server did not come up, because of the application, the server or its options."""


class StartupTimeout(StartupFailed):
    """The server was not up in time; the message says what it was doing."""


class StillRunning(Exception):
    """The server could not be stopped: it is inside a call that nothing can interrupt."""


class SiteLoop(_BaseLoop):  # type: ignore[misc]
    """An event loop that notices when the server listens on its socket, and may tap it."""

    address: Any = None
    listening: Callable[[], None] = staticmethod(lambda: None)
    tap: Callable[[Any], Any] | None = None
    complain: Callable[[str], None] = staticmethod(lambda text: None)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio would print: also when it is noticed late, in another thread."""
        error = context.get("exception")
        why = f" {type(error).__name__}: {error}" if error else ""
        self.complain(f"ERROR {context['message'].splitlines()[0]}{why}")

    async def create_server(self, factory: Any, *arguments: Any, **options: Any) -> Any:
        """As asyncio has it; every asyncio server in the world comes through here."""
        sock = options.get("sock")
        ours = sock is not None and sock.getsockname() == self.address
        if ours and self.tap is not None:
            factory = self.tap(factory)
        server = await super().create_server(factory, *arguments, **options)
        if ours:
            self.listening()
        return server


class ThreadHost:
    """A server in a daemon thread of this process, with an event loop of its own.

    `serve` is called with the listening socket inside that loop, and serves until cancelled. It
    is up when it has opened an asyncio server on that socket; one that opens none counts as up
    after `unseen` seconds, unless the application is still `busy` starting.
    """

    def __init__(
        self,
        name: str,
        sock: socket.socket,
        serve: Callable[[socket.socket], Awaitable[None]],
        *,
        tap: Callable[[Any], Any] | None = None,
        unseen: float | None = None,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name, self.sock, self.serve = name, sock, serve
        self.tap, self.unseen, self.busy = tap, unseen, busy
        self.address = sock.getsockname()
        self.error: BaseException | None = None
        self.log: list[str] = []
        self.forced = False
        self._up: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: SiteLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread.is_alive()

    @property
    def pids(self) -> list[int]:
        """This process."""
        return [os.getpid()]

    def has_ended(self) -> bool:
        """Whether the server is over, by itself or by `stop`."""
        return self._ended.done()

    async def start(self) -> None:
        """Start, and return when the server listens or has ended.

        Raises StartupTimeout after `STARTUP` seconds.
        """
        LOGS.watch()
        self._thread.start()
        try:
            async with asyncio.timeout(STARTUP):
                await self._listening()
        except TimeoutError:
            doing = self._doing()
            self._ask()
            if not await self._gone(1.0):
                self._force()
            raise StartupTimeout(f"not up after {STARTUP:g} s: {doing}") from None
        except BaseException:
            self._ask()
            raise

    async def _listening(self) -> None:
        both = {asyncio.wrap_future(self._up), asyncio.wrap_future(self._ended)}
        while not any(future.done() for future in both):
            await asyncio.wait(both, timeout=self.unseen, return_when=asyncio.FIRST_COMPLETED)
            if self.unseen is not None and not self.busy():
                return

    async def stop(self, within: float) -> None:
        """Ask the server to stop; after `within` seconds, make it. Raises StillRunning."""
        if not self._thread.ident or self.has_ended():
            return
        if self._inside():
            raise RuntimeError(
                "stop was called inside the application that it would stop, which then waits for"
                " itself: call it from a cell or another program"
            )
        self._ask()
        if await self._gone(within):
            return
        self._force()
        if not await self._gone(1.0):
            raise StillRunning(f"{self.name} could not be stopped: {self._doing()}")

    def ask(self) -> None:
        """Ask the server to stop, and do not wait."""
        self._ask()

    def _inside(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    async def _gone(self, within: float) -> bool:
        ended = asyncio.wrap_future(self._ended)
        await asyncio.wait({ended}, timeout=within)
        if not ended.done():
            return False
        self._thread.join()  # its last lines: no time at all
        return True

    def _ask(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have closed just now
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _force(self) -> None:
        """The last resort: SystemExit in the thread, at its next line of Python."""
        self.forced = True
        self.log.append("WARNING the application did not stop when asked: its thread was ended")
        thread = ctypes.c_ulong(self._thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(SystemExit))

    def _run(self) -> None:
        LOGS.threads[threading.get_ident()] = self.log
        try:
            with asyncio.Runner(loop_factory=self._make_loop) as runner:
                runner.run(self._main())
        except BaseException as error:
            self.error = None if isinstance(error, asyncio.CancelledError | SystemExit) else error
        finally:
            LOGS.threads.pop(threading.get_ident(), None)
            with contextlib.suppress(OSError):
                self.sock.close()
            self._ended.set_result(None)

    def _make_loop(self) -> SiteLoop:
        loop = self._loop = SiteLoop()
        loop.address, loop.tap = self.address, self.tap
        loop.listening, loop.complain = self._is_up, self._note
        return loop

    def _note(self, text: str) -> None:
        if len(self.log) < LONGEST_LOG:
            self.log.append(text)

    def _is_up(self) -> None:
        if not self._up.done():
            self._up.set_result(None)

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        await self.serve(self.sock)

    def _doing(self) -> str:
        """Where the thread is; where it only waits, where its tasks are."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        line = _last_line(traceback.extract_stack(frame)) if frame else None
        if line:
            return f"blocked in {line}"
        for task in _tasks(self._loop):
            if line := _last_line(_awaiting(task.get_coro())):
                return f"the application waits in {line}"
        return "the server waits"


def _tasks(loop: asyncio.AbstractEventLoop | None) -> list[asyncio.Task[Any]]:
    with contextlib.suppress(RuntimeError):
        return sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    return []


def _awaiting(coroutine: Any) -> list[traceback.FrameSummary]:
    """The lines a suspended task stands in, outermost first."""
    lines: list[traceback.FrameSummary] = []
    while frame := getattr(coroutine, "cr_frame", None):
        lines += traceback.StackSummary.extract([(frame, frame.f_lineno)])
        coroutine = coroutine.cr_await
    return lines


_NOT_THE_READERS = (os.path.dirname(os.__file__), os.path.dirname(__file__), "site-packages")


def _last_line(stack: list[traceback.FrameSummary]) -> str | None:
    """The innermost line of the reader's own code."""
    own = [f for f in stack if not any(part in f.filename for part in _NOT_THE_READERS)]
    return f"line {own[-1].lineno}, `{(own[-1].line or '?').strip()}`" if own else None


class Logs:
    """Loggers that servers use: what a site's thread says goes to the site, and nowhere else."""

    names = ("uvicorn.error", "uvicorn.access", "hypercorn.error", "hypercorn.access", "asyncio")

    def __init__(self) -> None:
        self.threads: dict[int, list[str]] = {}

    def watch(self) -> None:
        """Sit in front of the loggers; again is harmless, also after others configured them."""
        for name in self.names:
            logging.getLogger(name).addFilter(self.keep)

    def keep(self, record: logging.LogRecord) -> bool:
        """A filter: False, once the record has gone to its site's log."""
        log = self.threads.get(record.thread or 0)
        if log is None:
            return True
        if len(log) < LONGEST_LOG:
            error = record.exc_info[1] if record.exc_info else None
            why = f" {type(error).__name__}: {error}" if error else ""
            log.append(f"{record.levelname} {record.getMessage().strip()}{why}")
        return False


LOGS = Logs()


class ProcessHost:
    """A server as a process of its own, in a group of its own, that ends with this one.

    `words` is the command line, `port` where it will listen. With `ready`, the path of a file in
    which each worker writes its pid once its application is up, the start waits for `workers`
    of them.
    """

    def __init__(
        self,
        words: list[str],
        port: int,
        *,
        env: Mapping[str, str],
        ready: Path | None = None,
        workers: int = 1,
    ) -> None:
        self.words, self.port, self.env = words, port, env
        self.ready, self.workers = ready, workers
        self.forced = False
        self.error: BaseException | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, closed by stop

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        return self._process.pid if self._process else 0

    @property
    def pids(self) -> list[int]:
        """Of the workers, those alive; of the server where they are not known."""
        return [pid for pid in self._ready_pids() if _alive(pid)] or [self.pid]

    @property
    def log(self) -> list[str]:
        """What the server printed, the first lines of it."""
        if self._output.closed:
            return self._last_words
        self._output.seek(0)
        return self._output.read(1 << 20).decode("utf-8", "replace").splitlines()[:LONGEST_LOG]

    def has_ended(self) -> bool:
        """Whether the process is over, by itself or by `stop`."""
        return self._process is not None and self._process.poll() is not None

    async def start(self) -> None:
        """Start, and return when every worker is ready and the port answers, or it has ended."""
        apart: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        self._process = subprocess.Popen(  # noqa: ASYNC220, it returns at once
            self.words,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.env},
            **apart,
        )
        atexit.register(self._kill)
        try:
            await self._listening()
        except BaseException:
            self._kill()
            raise

    async def _listening(self) -> None:
        end = time.monotonic() + STARTUP
        while not self.has_ended() and not (self._all_ready() and await _answers(self.port)):
            if time.monotonic() > end:
                said = self.log[-1:] or ["it printed nothing"]
                raise StartupTimeout(f"not up after {STARTUP:g} s: {said[0]}")
            await asyncio.sleep(0.01)

    async def stop(self, within: float) -> None:
        """Ask the process to stop; after `within` seconds, end its whole group."""
        if self._process is None:
            return
        if not self.has_ended():
            self.ask()
            end = time.monotonic() + within
            while not self.has_ended() and time.monotonic() < end:  # noqa: ASYNC110, no event tells
                await asyncio.sleep(0.01)
            self.forced = not self.has_ended()
        self._kill()
        self._last_words = self.log
        self._output.close()

    def ask(self) -> None:
        """SIGTERM; on Windows that is already the end."""
        if self._process is not None:
            self._process.terminate()

    def _kill(self) -> None:
        """End whatever is left of the process and its group, and collect it."""
        atexit.unregister(self._kill)
        assert self._process is not None
        if sys.platform == "win32":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _all_ready(self) -> bool:
        return self.ready is None or len(self._ready_pids()) >= self.workers

    def _ready_pids(self) -> list[int]:
        if self.ready is None or not self.ready.exists():
            return []
        return list(dict.fromkeys(int(word) for word in self.ready.read_text().split()))


async def _answers(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _alive(pid: int) -> bool:
    if sys.platform == "win32":  # there os.kill(pid, 0) ends the process
        return True
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
