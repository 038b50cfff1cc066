"""Where a server runs: a thread with an event loop of its own, or a process.

Rules: the kernel's loop is never blocked and never shared; a host is asked to stop before it is
made to; what a server would print becomes lines of a log. A host knows nothing of sites or
notebooks.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import ctypes
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from asgilive.application import Lifespan
from asgilive.recording import describe

STARTUP = 10.0  # seconds a server may take until it listens
UNSEEN = 0.2  # seconds after which a server that opens no asyncio server counts as listening
PULSE = 0.2  # seconds: an interrupted cell learns of it only when the kernel's loop wakes up
UNASKED = 0.5  # seconds after which an application that no server asked to start will not be
LINGER = 1.2  # seconds after which a server that was asked to stop loses its connections
LONGEST_LOG = 200
NOT_ASKED = "not asked"

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
    forced = False  # to end with the next `exit`

    def __init__(self) -> None:
        super().__init__()
        self.transports: weakref.WeakSet[Any] = weakref.WeakSet()

    def _make_socket_transport(self, sock: Any, *arguments: Any, **options: Any) -> Any:
        """As asyncio has it; what a server leaves open, `close` must find."""
        server = options.get("server")
        if server is not None and not server.sockets:  # it accepted, and closed before it went on
            sock.close()
            raise ConnectionAbortedError
        transport = super()._make_socket_transport(sock, *arguments, **options)
        self.transports.add(transport)
        return transport

    def close(self) -> None:
        """Close, and the connections too: not every server does."""
        if not self.is_closed():
            self.drop()
            self.run_until_complete(asyncio.sleep(0))
        super().close()

    def drop(self) -> None:
        """Drop every connection: some servers wait for their clients to leave."""
        for transport in list(self.transports):
            transport.abort()

    def exit(self) -> None:
        """End what the loop runs, once, where that was forced."""
        if self.forced:
            self.forced = False
            raise SystemExit

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio would print: also when it is noticed late, in another thread."""
        error = context.get("exception")
        if isinstance(error, ConnectionAbortedError):  # accepted amid the end: asyncio's debug mode
            return
        why = f" {describe(error)}" if error else ""
        self.complain(f"ERROR {first_line(context['message'])}{why}")

    async def create_server(self, factory: Any, *arguments: Any, **options: Any) -> Any:
        """As asyncio has it; every asyncio server in the world comes through here."""
        sock = options.get("sock")
        ours = sock is not None and sock.getsockname() == self.address
        if ours and self.tap is not None:
            factory = self.tap(factory)
        server = await super().create_server(factory, *arguments, **options)
        if ours:  # a step later: a server that returns now was never up
            self.call_soon(self.listening)
        return server


_RAISED = re.compile(r"[\w.]+(Error|Exception)(: |$)")


def first_line(text: str) -> str:
    """The first line of what may be a traceback."""
    return text.strip().partition("\n")[0]


def why_not(
    lifespan: str, failure: str | None, error: BaseException | None, log: list[str]
) -> StartupFailed:
    """The failure of a start: the application's reason, else the server's, else its last words."""
    raised = [line for line in log if _RAISED.match(line)]  # at the end of a traceback
    words = [failure or "", *(raised or log)[-1:]]
    text = ": ".join(filter(None, words)) or "the server ended, and must serve until it is stopped"
    if failure and lifespan.startswith("failed"):
        text = failure
    elif error:
        text = describe(error)
    failed = StartupFailed(text)
    failed.__cause__ = error
    return failed


async def _first(*moments: concurrent.futures.Future[None], timeout: float) -> bool:
    """Whether one of them comes within `timeout` seconds; it may come in another thread."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        with contextlib.suppress(asyncio.InvalidStateError):  # the other one was first
            woken.set_result(None)

    def call(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # this loop is closed: nobody waits any more
            loop.call_soon_threadsafe(wake)

    for moment in moments:
        moment.add_done_callback(call)
    await asyncio.wait({woken}, timeout=timeout)
    return any(moment.done() for moment in moments)


class ThreadHost:
    """A server in a daemon thread of this process, with an event loop of its own.

    `serve` is called with the listening socket inside that loop, and serves until cancelled. It
    is up when it has opened an asyncio server on that socket; one that opens none counts as up
    after `unseen` seconds, unless its `lifespan` is still starting.
    """

    def __init__(
        self,
        name: str,
        sock: socket.socket,
        serve: Callable[[socket.socket], Awaitable[None]],
        *,
        tap: Callable[[Any], Any] | None = None,
        unseen: float | None = None,
        lifespan: Lifespan | None = None,
    ) -> None:
        self.name, self.sock, self.serve = name, sock, serve
        self.tap, self.unseen, self._lifespan = tap, unseen, lifespan
        self.address = sock.getsockname()
        self.error: BaseException | None = None
        self.log: list[str] = []
        self._asked = False
        self._up: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: SiteLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the server is there."""
        return self._thread.is_alive() and not self._ended.done()

    @property
    def owner(self) -> str:
        """Who owns the socket, in words."""
        return f"{self.pid}, this kernel's, in the thread {self.name!r}"

    @property
    def pid(self) -> int:
        """This process."""
        return os.getpid()

    @property
    def pids(self) -> list[int]:
        """This process."""
        return [os.getpid()]

    @property
    def lifespan(self) -> str:
        """How the application's start-up went."""
        return self._lifespan.state if self._lifespan else NOT_ASKED

    @property
    def inside(self) -> bool:
        """Whether the caller runs in the loop of this server."""
        with contextlib.suppress(RuntimeError):
            return asyncio.get_running_loop() is self._loop
        return False

    async def start(self) -> None:
        """Start, and return when the server listens.

        Raises StartupFailed, or StartupTimeout after `STARTUP` seconds; then it is to be stopped.
        """
        LOGS.watch()
        self._thread.start()
        end = time.monotonic() + STARTUP
        step = min(PULSE, STARTUP) if self.unseen is None else self.unseen
        while not await _first(self._up, self._ended, timeout=step):
            if self.unseen is not None and not (self._lifespan and self._lifespan.starting):
                return
            if time.monotonic() >= end:
                raise StartupTimeout(f"not up after {STARTUP:g} s: {self._doing()}")
        if self._ended.done():
            failure = self._lifespan.failure if self._lifespan else None
            raise why_not(self.lifespan, failure, self.error, self.log)

    async def stop(self, within: float) -> None:
        """Ask the server to stop; after `within` seconds, make it. Raises StillRunning."""
        self.abandon()
        if await self._gone(within):
            return
        self.log.append("WARNING the application did not stop when asked: its thread was ended")
        for _ in range(5):  # its tasks may not want to end either
            self._force()
            if await self._gone(0.2):
                return
        raise StillRunning(f"{self.name} could not be stopped: {self._doing()}")

    def abandon(self) -> None:
        """Ask the server to stop, once, and do not wait."""
        asked, self._asked = self._asked, True
        if self._thread.ident is None:
            self.sock.close()
        elif not asked:
            self._tell(self._leave)

    def _tell(self, step: Callable[[], None]) -> None:
        """Have the loop do something."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just closed
                self._loop.call_soon_threadsafe(step)

    def _leave(self) -> None:
        assert self._loop is not None
        if self._task is not None:
            self._task.cancel()
        self._loop.call_later(LINGER, self._loop.drop)

    async def _gone(self, within: float) -> bool:
        if self._thread.is_alive() and await _first(self._ended, timeout=within):
            self._thread.join()  # its last lines: no time at all
        if self._thread.is_alive():
            return False
        self.sock.close()  # where the last resort met it before that
        return True

    def _force(self) -> None:
        """The last resort: SystemExit in the loop's next step, or in the thread's next line.

        The second only where a loop took no step: under a tracer Python 3.11 holds all other
        threads until this one has come to that line.
        """
        loop = self._loop
        if loop is None:
            return
        loop.forced = not loop.forced
        if loop.forced:
            self._tell(loop.exit)
        else:
            thread = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(SystemExit))

    def _run(self) -> None:
        SITE_LOG.set(self.log)
        try:
            with asyncio.Runner(loop_factory=self._make_loop) as runner:
                runner.run(self._main())
        except BaseException as error:
            self.error = None if isinstance(error, asyncio.CancelledError | SystemExit) else error
        finally:
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
        if not self._up.done() and self._task is not None and not self._task.done():
            self._up.set_result(None)

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        if not self._asked:  # it may have been asked to stop before it could be told
            await self.serve(self.sock)

    def _doing(self) -> str:
        """Where the thread is; where it only waits, where its tasks are."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        line = _last_line(traceback.extract_stack(frame)) if frame else None
        if line:
            return f"blocked in {line}"
        return waiting_in(_tasks(self._loop))


def _tasks(loop: asyncio.AbstractEventLoop | None) -> set[asyncio.Task[Any]]:
    with contextlib.suppress(RuntimeError):
        return asyncio.all_tasks(loop)
    return set()


def waiting_in(tasks: set[asyncio.Task[Any]]) -> str:
    """The reader's line in which one of these tasks waits, in words."""
    for task in sorted(tasks, key=lambda task: task.get_name()):
        if line := _last_line(_awaiting(task.get_coro())):
            return f"the application waits in {line}"
    return "the server waits"


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


# The log of the site that the running code belongs to: its server, the calls of its application.
SITE_LOG: contextvars.ContextVar[list[str] | None]
SITE_LOG = contextvars.ContextVar("asgilive.log", default=None)


class Logs:
    """Loggers that servers use: what a site's code says goes to the site, and nowhere else."""

    names = (
        "uvicorn.error",
        "uvicorn.access",
        "hypercorn.error",
        "hypercorn.access",
        "asyncio",
        "asgilive.wsgiref",
        "apps.server",  # the reader's own, in chapter 11
    )

    def watch(self) -> None:
        """Sit in front of the loggers; again is harmless, also after others configured them."""
        for name in self.names:
            logging.getLogger(name).addFilter(self.keep)

    def keep(self, record: logging.LogRecord) -> bool:
        """A filter: False, once the record has gone to its site's log."""
        log = SITE_LOG.get()
        if log is None:
            return True
        if len(log) < LONGEST_LOG:
            error = record.exc_info[1] if record.exc_info else None
            why = f" {describe(error)}" if error else ""
            log.append(f"{record.levelname} {first_line(record.getMessage())}{why}")
        return False


LOGS = Logs()


class ProcessHost:
    """A server as a process of its own, in a group of its own, that ends with this one.

    `words` is the command line, `port` where it will listen. In `folder` stands what it prints,
    and what its `workers` tell of themselves: the start waits for that many. With 0 nobody tells.
    `asked` says whether this server asks an application to start at all.
    """

    inside = False

    def __init__(
        self,
        words: list[str],
        port: int,
        *,
        env: Mapping[str, str],
        folder: Path,
        workers: int,
        asked: bool = True,
    ) -> None:
        self.words, self.port, self.env = words, port, env
        self.folder, self.workers, self.asked = folder, workers, asked
        self._process: subprocess.Popen[bytes] | None = None
        self._printed = b""
        self._workers: dict[int, dict[str, Any]] = {}

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def owner(self) -> str:
        """Who owns the socket, in words."""
        return f"{self.pid}, its own"

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        return self._process.pid if self._process else 0

    @property
    def pids(self) -> list[int]:
        """Of the workers, those alive; of the server where they are not known."""
        return [pid for pid in self._told() if alive(pid)] or [self.pid]

    @property
    def lifespan(self) -> str:
        """How the application's start-up went, in the worst case."""
        states = [worker["lifespan"] for worker in self._told().values()]
        return max(states, key=lambda state: state.startswith("failed"), default=NOT_ASKED)

    @property
    def _failure(self) -> str | None:
        failures = [worker["failure"] for worker in self._told().values()]
        return next(filter(None, failures), None)

    @property
    def log(self) -> list[str]:
        """What the server printed, the first lines of it."""
        with contextlib.suppress(FileNotFoundError), (self.folder / "log").open("rb") as file:
            self._printed = file.read(1 << 20)
        return self._printed.decode("utf-8", "replace").splitlines()[:LONGEST_LOG]

    async def start(self) -> None:
        """Start, and return when every worker is ready and the port answers.

        Raises StartupFailed, or StartupTimeout after `STARTUP` seconds; then it is to be stopped.
        """
        self._process = self._spawn()
        atexit.register(self.abandon)
        end = time.monotonic() + STARTUP
        while True:
            if not self.running or self.lifespan.startswith("failed"):
                raise why_not(self.lifespan, self._failure, None, self.log)
            if self._all_ready() and await _answers(self.port):
                return
            if time.monotonic() > end:
                said = self.log[-1] if self.log else "it printed nothing"
                raise StartupTimeout(f"not up after {STARTUP:g} s: {said}")
            await asyncio.sleep(0.01)

    def _spawn(self) -> subprocess.Popen[bytes]:
        """The process, in a group of its own, with all its words in the log."""
        apart: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        with (self.folder / "log").open("ab") as output:
            apart |= {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
            try:
                return subprocess.Popen(self.words, env={**os.environ, **self.env}, **apart)
            except OSError as error:
                raise StartupFailed(
                    f"{self.words[0]} cannot be run, {error.strerror}: is it installed, and is"
                    " its folder in PATH?"
                ) from error

    async def stop(self, within: float) -> None:
        """Ask the process to stop (on Windows: end it); after `within` seconds, end its group."""
        if self._process is None:
            return
        self._process.terminate()
        clock = asyncio.get_running_loop().time
        end = clock() + within
        while self.running and clock() < end:  # noqa: ASYNC110, no event tells
            await asyncio.sleep(0.01)
        self.abandon()

    def abandon(self) -> None:
        """End whatever is left of the process and its group, and collect it."""
        atexit.unregister(self.abandon)
        if self._process is None:
            return
        if sys.platform == "win32":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._told(), self.log  # the folder may go now

    def _all_ready(self) -> bool:
        """Whether all workers have told that the application is up, or will not be asked."""
        states = [worker["lifespan"] for worker in self._told().values()]
        if len(states) < self.workers or "starting" in states:
            return False
        if NOT_ASKED not in states or not self.asked:
            return True
        return time.time() - self._workers_file.stat().st_mtime > UNASKED

    def _told(self) -> dict[int, dict[str, Any]]:
        """What each worker told last, by its pid."""
        with contextlib.suppress(FileNotFoundError):
            lines = self._workers_file.read_text().rpartition("\n")[0].splitlines()
            self._workers = {worker["pid"]: worker for worker in map(json.loads, lines)}
        return self._workers

    @property
    def _workers_file(self) -> Path:
        return self.folder / "workers"


async def _answers(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await asyncio.sleep(0)  # asyncio closes the socket in its next step
    return True


def alive(pid: int) -> bool:
    """Whether a process is there; on Windows nobody can tell."""
    if sys.platform == "win32":  # there os.kill(pid, 0) ends the process
        return True
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
