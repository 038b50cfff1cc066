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

from asgilive.clients import HasUrl, address
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
                end.drop()


class End(asyncio.Protocol):
    """One end of a carried connection: what it reads goes to its other end."""

    transport: Any

    def __init__(self, cable: Cable) -> None:
        self.cable = cable
        self.other: End | None = None
        self.waiting: deque[tuple[float, bytes]] = deque()  # when it came; b"" is the end
        self.size = 0
        self.timer: asyncio.TimerHandle | None = None
        self.left: int | None = None
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        """This end is connected."""
        self.transport = transport
        self.cable.ends.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes for the other end: now, or when the cable's faults let them through."""
        self.waiting.append((self.loop.time(), data))
        self.size += len(data)
        self._forward()
        if self.size > MOST:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """No more from here; the other direction stays open."""
        self.waiting.append((self.loop.time(), b""))
        self._forward()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone: the other end learns it in the way it happened."""
        self.cable.ends.discard(self)
        if self.other is not None and exc is not None:
            self.other.drop()
        elif self.other is not None and not self.waiting:
            self.other.transport.close()

    def pause_writing(self) -> None:
        """This end takes no more for now: hold who sends to it."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """This end takes bytes again."""
        if self.other is not None:
            self.other.transport.resume_reading()

    def drop(self) -> None:
        """Break off, without a word."""
        self.waiting.clear()
        self.transport.abort()

    def _forward(self) -> None:
        """Write what may go now, and come back when the rest may."""
        while self.waiting and self.other is not None and self.timer is None:
            came, data = self.waiting[0]
            wait = came + self.cable.delay - self.loop.time() if self.cable.delay else 0.0
            if wait <= 0:
                wait = self._write(data)
            if wait > 0:
                self.timer = self.loop.call_later(wait, self._again)

    def _again(self) -> None:
        self.timer = None
        self._forward()

    def _write(self, data: bytes) -> float:
        """Write the next piece; returns the seconds that it takes on a slow cable."""
        came, _ = self.waiting.popleft()
        if not data:
            self._finish()
            return 0.0
        rate = self.cable.rate
        piece = data[: max(1, int(rate * TICK))] if rate else data
        if len(piece) < len(data):
            self.waiting.appendleft((came, data[len(piece) :]))
        self._pass_on(piece)
        return len(piece) / rate if rate else 0.0

    def _pass_on(self, piece: bytes) -> None:
        assert self.other is not None
        held, self.size = self.size > MOST, self.size - len(piece)
        if self.left is not None:
            piece, self.left = piece[: self.left], self.left - len(piece)
        self.other.transport.write(piece)
        if self.left is not None and self.left <= 0:
            self.other.transport.close()
            self.drop()
        elif held and self.size <= MOST:
            self.transport.resume_reading()

    def _finish(self) -> None:
        assert self.other is not None
        with contextlib.suppress(OSError, RuntimeError):
            self.other.transport.write_eof()
        if self.transport.is_closing():
            self.other.transport.close()


class Near(End):
    """The end towards the client: it connects the far one."""

    def connection_made(self, transport: Any) -> None:
        """Connect to the target, and read nothing before that."""
        super().connection_made(transport)
        transport.pause_reading()
        self.connecting = self.loop.create_task(self._connect())

    async def _connect(self) -> None:
        """The far end; to the server behind, its port is the client, and a recording must know."""
        try:
            transport, far = await self.loop.create_connection(
                lambda: End(self.cable), self.cable.host, self.cable.port
            )
        except OSError:
            self.drop()
            return
        if self.transport.is_closing():
            transport.abort()
            return
        number = current_connection()
        if self.cable.conversation is not None and number is not None:
            port = transport.get_extra_info("sockname")[1]
            self.cable.conversation.alias(port, number)
        self.other, far.other = far, self
        far.left = self.cable.cut
        self.transport.resume_reading()
        far._forward()
