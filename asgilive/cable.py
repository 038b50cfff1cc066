"""A cable: it carries bytes between clients and a server, and can have faults.

Rules: order is kept and nothing is invented; back-pressure and half-closed connections pass
through; a fault may change while bytes are on their way. It has the shape of a server, so that a
site can run it and a recording can tap it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

from asgilive.clients import HasUrl, address
from asgilive.recording import Conversation, current_connection

PIECE = 65536
TICK = 0.05  # seconds between two pieces of a slow cable


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
        self._carrying: set[asyncio.Task[Any]] = set()

    async def serve(self, sock: socket.socket) -> None:
        """Carry until cancelled."""
        server = await asyncio.start_server(self._carry, sock=sock)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for task in self._carrying:
                task.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: two directions, until both are over or one is dropped."""
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        finally:
            self._carrying.discard(task)
        self._tell(far_writer)
        self._carrying.add(task)
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, None), self._pump(far_reader, writer, self.cut)
            )
        except (OSError, _Cut):
            writer.transport.abort()
            far_writer.transport.abort()
        finally:
            self._carrying.discard(task)
            writer.close()
            far_writer.close()

    def _tell(self, far_writer: asyncio.StreamWriter) -> None:
        """To the server behind, our own port is the client: the recording must know it."""
        number = current_connection()
        if self.conversation is not None and number is not None:
            self.conversation.alias(far_writer.get_extra_info("sockname")[1], number)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
    ) -> None:
        """One direction. Raises _Cut once `left` bytes have passed."""
        late = _Late(writer)
        while data := await reader.read(self._piece()):
            if left is not None:
                data, left = data[:left], left - len(data)
            await late.write(data, self.delay)
            if left is not None and left <= 0:
                raise _Cut
            if self.rate:
                await asyncio.sleep(len(data) / self.rate)
        await late.finish(self.delay)

    def _piece(self) -> int:
        return max(1, int(self.rate * TICK)) if self.rate else PIECE


class _Cut(Exception):
    """The cable is cut."""


class _Late:
    """Writes that arrive later, in order; at most `most` bytes are on their way."""

    most = 1 << 20

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.due = 0.0
        self.flying = 0
        self.landed = asyncio.Event()

    async def write(self, data: bytes, delay: float) -> None:
        """Write now, or after `delay` seconds."""
        if delay <= 0 and not self.flying:
            self.writer.write(data)
        else:
            self._send(delay, data)
            while self.flying > self.most:
                self.landed.clear()
                await self.landed.wait()
        await self.writer.drain()

    def _send(self, delay: float, data: bytes) -> None:
        self.flying += len(data)
        self.due = max(self.due, time.monotonic() + delay)
        loop = asyncio.get_running_loop()
        loop.call_later(self.due - time.monotonic(), self._land, data)

    def _land(self, data: bytes) -> None:
        self.flying -= len(data)
        self.landed.set()
        if not self.writer.is_closing():
            self.writer.write(data)

    async def finish(self, delay: float) -> None:
        """End the stream, behind what is still on its way."""
        if delay > 0 or self.flying:
            await asyncio.sleep(max(delay, self.due - time.monotonic()) + 0.001)
        with contextlib.suppress(OSError, RuntimeError):
            if self.writer.can_write_eof():
                self.writer.write_eof()
