"""The event loop of a page: asyncio's own, without the waiting.

A loop on a machine waits in its selector. In a page only the browser waits: it calls `step`, which
runs what is due and says when it wants to be called again. Transports, servers, streams, timers
and tasks are asyncio's; the sockets beneath are those of `network`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from asyncio import events
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable
from typing import Any

from asgilive.browser.guard import at_once
from asgilive.browser.network import Selector, getaddrinfo

SLICE = 0.008  # seconds that a step may go on, before the browser has its turn

Wake = Callable[[float], object]


class Door:
    """What stands at a listening address: the hooks of one site."""

    def tap(self, factory: Any) -> Any:
        """The factory of protocols that the server is to use."""
        return factory

    def listening(self) -> None:
        """The server listens."""

    def accepted(self, transport: Any) -> None:
        """A connection was accepted."""


_Base: Any = BaseSelectorEventLoop  # its hooks are not in its types


class PageLoop(_Base):  # type: ignore[misc]
    """The one loop of a page; `wake(seconds)` asks the browser for the next step."""

    _ready: Any  # BaseEventLoop's own
    _scheduled: Any

    def __init__(self, wake: Wake) -> None:
        self._wake, self._stepping = wake, False
        self.doors: dict[Any, Door] = {}
        self._watched = Selector()
        super().__init__(self._watched)

    # -- steps

    def step(self) -> None:
        """Run what is due, for a moment; then ask to be woken when more will be."""
        end = time.perf_counter() + SLICE
        self._stepping = True
        events._set_running_loop(self)
        try:
            self._once()
            while (self._ready or self._watched.waiting) and time.perf_counter() < end:
                self._once()
        finally:
            events._set_running_loop(None)
            self._stepping = False
            self._plan()

    def _once(self) -> None:
        """One turn of asyncio's loop; what wants to end the program ends its task, which has it."""
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            self._run_once()

    def _plan(self) -> None:
        if self._ready or self._watched.waiting:
            self._wake(0.0)
        elif self._scheduled:
            self._wake(max(0.0, self._scheduled[0].when() - self.time()))

    def _call_soon(
        self, callback: Any, args: Any, context: contextvars.Context | None
    ) -> asyncio.Handle:
        """As asyncio has it; from outside a step it asks for one."""
        handle: asyncio.Handle = super()._call_soon(callback, args, context)
        self._write_to_self()
        return handle

    def call_at(self, when: float, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        """As asyncio has it; from outside a step it asks for one."""
        handle: asyncio.TimerHandle = super().call_at(when, *arguments, **options)
        if not self._stepping:
            self._plan()
        return handle

    def is_running(self) -> bool:
        """While it steps: between two steps nobody could ask."""
        return self._stepping

    def run_forever(self) -> None:
        """Not here: the browser runs this loop."""
        raise RuntimeError("Cannot run the event loop while another loop is running")

    # -- what has no file descriptor here

    def _make_self_pipe(self) -> None:
        """Nobody else is there to write to it."""

    def _close_self_pipe(self) -> None:
        """There is none."""

    def _write_to_self(self) -> None:
        """Wake up."""
        if not self._stepping:
            self._wake(0.0)

    # -- what would take a thread

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        """The call runs in the loop, which it holds meanwhile."""
        task: asyncio.Future[Any] = self.create_task(at_once(func, *args))
        return task

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """The page's own addresses."""
        return getaddrinfo(host, port, **options)

    # -- doors

    async def create_server(self, factory: Any, *arguments: Any, **options: Any) -> Any:
        """As asyncio has it; a door of that address may tap it and hears when it listens."""
        sock = options.get("sock")
        door = self.doors.get(sock.getsockname()) if sock is not None else None
        if door is not None:
            factory = door.tap(factory)
        server = await super().create_server(factory, *arguments, **options)
        if door is not None:  # a step later: a server that returns now was never up
            self.call_soon(door.listening)
        return server

    def _make_socket_transport(self, sock: Any, *arguments: Any, **options: Any) -> Any:
        """As asyncio has it; a door hears of each connection it accepts."""
        server = options.get("server")
        if server is not None and not server.sockets:  # it accepted, and closed before it went on
            sock.close()
            raise ConnectionAbortedError
        transport = super()._make_socket_transport(sock, *arguments, **options)
        door = self.doors.get(sock.getsockname()) if server is not None else None
        if door is not None:
            door.accepted(transport)
        return transport
