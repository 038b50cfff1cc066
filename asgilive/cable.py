"""A cable: it carries bytes between clients and a server, and can have faults.

Rules: order is kept and nothing is invented; back-pressure and half-closed connections pass
through; a fault may change while bytes are on their way. A cable has the shape of a server, so that
a site can run it and a recording can tap it; without a fault it writes in the call that read, since
what it adds to a request's time is what recording a process costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from typing import Any

from asgilive.clients import HasUrl, address, reset
from asgilive.recording import Conversation, current_connection

TICK = 0.05  # seconds between two pieces of a slow cable
MOST = 1 << 20  # bytes that may be on their way before a sender is held


class Cable:
    """To `target`, with `delay` seconds each way, `rate` bytes a second, `cut` after so many."""

    def __init__(
        self,
        target: HasUrl | str,
        *,
        delay: float = 0.0,
        rate: float | None = None,
        cut: int | None = None,
        conversation: Conversation | None = None,
    ) -> None:
        self.host, self.port = address(target)
        self.delay, self.rate, self.cut = delay, rate, cut
        self.conversation = conversation
        self.ends: set[End] = set()

    async def serve(self, sock: socket.socket) -> None:
        """Carry until cancelled; then drop what is connected."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Near(self), sock=sock)
        try:
            await loop.create_future()
        finally:
            server.close()
            for end in list(self.ends):
                end.transport.abort()


class End(asyncio.Protocol):
    """One end of a carried connection: what it reads goes to its other end."""

    transport: Any

    def __init__(self, cable: Cable) -> None:
        self.cable = cable
        self.loop = asyncio.get_running_loop()
        self.other: End | None = None
        self.waiting: deque[tuple[float, bytes]] = deque()  # when it came; b"" is the end
        self.size = 0  # bytes in `waiting`
        self.held = False  # nothing is read from this end
        self.full = False  # nothing can be written to this end
        self.ended = False  # this end sends no more,
        self.done = False  # and all of it was passed on
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """This end is connected."""
        self.transport = transport
        self.cable.ends.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes for the other end: now, or when the cable's faults let them through."""
        self.waiting.append((self.loop.time(), data))
        self.size += len(data)
        self._forward()
        self._balance()

    def eof_received(self) -> bool:
        """No more from here; the other direction stays open."""
        self.ended = True
        self.waiting.append((self.loop.time(), b""))
        self._forward()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone: what is lost at one end is lost at the other."""
        self.cable.ends.discard(self)
        if self.other is not None and exc is not None:
            self.other.drop()

    def pause_writing(self) -> None:
        """This end takes no more for now: hold who sends to it."""
        self._set_full(True)

    def resume_writing(self) -> None:
        """This end takes bytes again."""
        self._set_full(False)

    def _set_full(self, full: bool) -> None:
        assert self.other is not None  # it was the other one's bytes that filled it
        self.full = full
        self.other._balance()

    def _balance(self) -> None:
        """Read only where there is room for it; after its end asyncio would read that again."""
        held = self.size > MOST or self.other is None or self.other.full
        if held != self.held and not self.ended:
            self.held = held
            (self.transport.pause_reading if held else self.transport.resume_reading)()

    def drop(self) -> None:
        """Break off with RST, without a word."""
        self.waiting.clear()
        reset(self.transport)

    def _forward(self) -> None:
        """Write what may go now, and come back when the rest may."""
        while self.waiting and self.other is not None and self.timer is None:
            came, data = self.waiting[0]
            wait = came + self.cable.delay - self.loop.time() if self.cable.delay else 0.0
            if wait <= 0:
                wait = self._write(self.other, data)
            if wait > 0:
                self.timer = self.loop.call_later(wait, self._again)

    def _again(self) -> None:
        self.timer = None
        self._forward()
        self._balance()

    def _write(self, other: End, data: bytes) -> float:
        """Write the next piece; returns the seconds that it takes on a slow cable."""
        came, _ = self.waiting.popleft()
        if not data:
            self._finish(other)
            return 0.0
        rate = self.cable.rate
        piece = data[: max(1, int(rate * TICK))] if rate else data
        if len(piece) < len(data):
            self.waiting.appendleft((came, data[len(piece) :]))
        self.size -= len(piece)
        self._pass_on(other, piece)
        return len(piece) / rate if rate else 0.0

    def _pass_on(self, other: End, piece: bytes) -> None:
        other.transport.write(piece)

    def _finish(self, other: End) -> None:
        """The end of what this end sends; when both have finished, both may go."""
        self.done = True
        with contextlib.suppress(OSError, RuntimeError):
            other.transport.write_eof()
        if other.done:
            self.transport.close()
            other.transport.close()


class Far(End):
    """The end towards the target, whose bytes are counted: after so many the cable is cut."""

    passed = 0

    def _pass_on(self, other: End, piece: bytes) -> None:
        cut = self.cable.cut
        if cut is not None:
            piece = piece[: max(cut - self.passed, 0)]
        self.passed += len(piece)
        other.transport.write(piece)
        if cut is not None and self.passed >= cut:
            other.transport.close()
            self.drop()


class Near(End):
    """The end towards the client: it connects the far one."""

    def connection_made(self, transport: Any) -> None:
        """Connect to the target, and read nothing before that."""
        super().connection_made(transport)
        self._balance()
        self.connecting = self.loop.create_task(self._connect())

    async def _connect(self) -> None:
        """The far end; to the server behind, its port is the client, and a recording must know."""
        where = self.cable.host, self.cable.port
        try:
            transport, far = await self.loop.create_connection(lambda: Far(self.cable), *where)
        except OSError:
            self.transport.abort()
            return
        number = current_connection()
        if self.cable.conversation is not None and number is not None:
            port = transport.get_extra_info("sockname")[1]
            self.cable.conversation.alias(port, number)
        self.other, far.other = far, self
        self._balance()
        far._forward()
