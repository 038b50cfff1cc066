"""Where a server runs in a page: a task of the one loop, with the manners of a thread of its own.

Rules: what `hosting.ThreadHost` promises, as far as one thread can: a start ends when the server
listens, a log is the site's alone, a stop leaves no connection. What cannot be had is force: a
call that holds the loop holds the page, and only ending Python ends it.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, cast

from asgilive import hosting
from asgilive.application import Lifespan
from asgilive.browser import guard
from asgilive.browser.loop import Door, PageLoop

_inside: contextvars.ContextVar[TaskHost | None] = contextvars.ContextVar("site", default=None)


class TaskHost(Door):
    """A server as a task; `serve` is called with the listening socket, until it is cancelled.

    The arguments are those of `hosting.ThreadHost`.
    """

    def __init__(
        self,
        name: str,
        sock: Any,
        serve: Callable[[Any], Awaitable[None]],
        *,
        tap: Callable[[Any], Any] | None = None,
        unseen: float | None = None,
        lifespan: Lifespan | None = None,
    ) -> None:
        self.name, self.sock, self.serve = name, sock, serve
        self.unseen, self._lifespan = unseen, lifespan
        self._tap = tap or (lambda factory: factory)
        self.address = sock.getsockname()
        self.error: BaseException | None = None
        self.log: list[str] = []
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._transports: weakref.WeakSet[Any] = weakref.WeakSet()

    @property
    def running(self) -> bool:
        """Whether the server is there."""
        return self._task is not None and not self._task.done()

    @property
    def owner(self) -> str:
        """Who owns the socket, in words."""
        return f"this page's Python, in the task {self.name!r}"

    @property
    def pid(self) -> int:
        """This process, the only one of the page."""
        return os.getpid()

    @property
    def pids(self) -> list[int]:
        """This process, the only one of the page."""
        return [os.getpid()]

    @property
    def lifespan(self) -> str:
        """How the application's start-up went."""
        return self._lifespan.state if self._lifespan else hosting.NOT_ASKED

    @property
    def inside(self) -> bool:
        """Whether the caller is this server, or a call of its application."""
        return _inside.get() is self

    # -- the door

    def tap(self, factory: Any) -> Any:
        """The recording's tap, where there is one."""
        return self._tap(factory)

    def listening(self) -> None:
        """Up, unless it has ended already."""
        if self.running:
            self._up.set()

    def accepted(self, transport: Any) -> None:
        """What a server leaves open, a stop must find."""
        self._transports.add(transport)

    # -- start and stop

    async def start(self) -> None:
        """Start, and return when the server listens.

        Raises StartupFailed, or StartupTimeout after `hosting.STARTUP` seconds.
        """
        hosting.LOGS.watch()
        loop = _loop()
        loop.doors[self.address] = self
        context = contextvars.copy_context()
        context.run(hosting.SITE_LOG.set, self.log)
        context.run(_inside.set, self)
        self._task = loop.create_task(self._run(), name=self.name, context=context)
        end = loop.time() + hosting.STARTUP
        step = hosting.STARTUP if self.unseen is None else self.unseen
        while not await self._first(step):
            if self.unseen is not None and not (self._lifespan and self._lifespan.starting):
                return
            if loop.time() >= end:
                said = f"not up after {hosting.STARTUP:g} s: {hosting.waiting_in(self._own())}"
                raise hosting.StartupTimeout(said)
        if not self.running:
            failure = self._lifespan.failure if self._lifespan else None
            raise hosting.why_not(self.lifespan, failure, self.error, self.log)

    async def _first(self, timeout: float) -> bool:
        """Whether the server is up or has ended within `timeout` seconds."""
        assert self._task is not None
        up = asyncio.ensure_future(self._up.wait())
        done, _ = await asyncio.wait(
            {up, self._task}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        up.cancel()
        return bool(done)

    async def _run(self) -> None:
        try:
            await self.serve(self.sock)
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self.error = None if isinstance(error, SystemExit) else error
        finally:
            self._drop()
            self.sock.close()
            _loop().doors.pop(self.address, None)
            await self._sweep()

    async def _sweep(self) -> None:
        """End what the server and the application left running, as the end of a loop would."""
        left = self._own() - {self._task}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=hosting.LINGER)

    async def stop(self, within: float) -> None:
        """Ask the server to stop, and after `within` seconds its calls. Raises StillRunning."""
        self.abandon()
        if self._task is None or await self._ended(within):
            return
        self.log.append("WARNING the application did not stop when asked: its tasks were cancelled")
        for task in self._own():
            task.cancel()
        if not await self._ended(hosting.LINGER):
            said = f"{self.name} could not be stopped: {hosting.waiting_in(self._own())}"
            raise hosting.StillRunning(said)

    def _own(self) -> set[asyncio.Task[Any]]:
        """The tasks of the server and of the application's calls."""
        tasks: set[Any] = asyncio.all_tasks()
        return {task for task in tasks if task.get_context().get(_inside) is self}

    async def _ended(self, within: float) -> bool:
        assert self._task is not None
        await asyncio.wait({self._task}, timeout=within)
        return self._task.done()

    def abandon(self) -> None:
        """Ask the server to stop, once, and do not wait."""
        if self._task is None:
            self.sock.close()
        elif not self._task.done() and not self._task.cancelling():
            self._task.cancel()
            _loop().call_later(hosting.LINGER, self._drop)

    def _drop(self) -> None:
        """Drop every connection: some servers wait for their clients to leave."""
        for transport in list(self._transports):
            transport.abort()


class NoProcessHost:
    """A page has no processes."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise guard.NotHere(guard.PROCESSES)


def _loop() -> PageLoop:
    return cast(PageLoop, asyncio.get_running_loop())


def install() -> None:
    """Have `serving` start servers here."""
    hosting.ThreadHost = TaskHost  # type: ignore[assignment,misc]
    hosting.ProcessHost = NoProcessHost  # type: ignore[assignment,misc]
