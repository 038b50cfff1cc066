"""The client of a scenario: connections whose every byte is kept, for one visit.

Paths are `visit.path`, so that the application knows which scenario is meant. Whatever a scenario
leaves open is closed behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from asgilive import clients
from asgilive.probes.seen import Wire


class Place(NamedTuple):
    """Where a server answers: a port on 127.0.0.1, with TLS or without."""

    port: int
    tls: Callable[[list[str]], ssl.SSLContext] | None = None


class Connection:
    """One connection: write, read, hang up. Its bytes are in `wire`."""

    def __init__(self, line: clients.Line, wire: Wire) -> None:
        self.line = line
        self.wire = wire
        tls = line._writer.get_extra_info("ssl_object")
        self.protocol: str = tls.selected_alpn_protocol() or "" if tls else ""

    async def write(self, data: bytes) -> None:
        """Send bytes. A server that has hung up is no error: reading tells."""
        self.wire.events.append((time.perf_counter(), "out", data))
        with contextlib.suppress(OSError):
            await self.line.write(data)

    async def read(self, *, until: bytes = b"", wait: float = 3.0) -> bytes:
        """Bytes up to `until`, or whatever comes next; b"" when none came within `wait` seconds,
        or none will come: `wire.ended` tells which.
        """
        got = b""
        deadline = time.perf_counter() + wait
        while not self.wire.ended and (left := deadline - time.perf_counter()) > 0:
            data = await self._next(left)
            got += data
            if not data or not until or until in got:
                break
        return got

    async def rest(self, wait: float = 1.0) -> bytes:
        """Everything until the server hangs up, or is silent for `wait` seconds."""
        got = b""
        while data := await self.read(wait=wait):
            got += data
        return got

    async def reply(self, wait: float = 3.0) -> bytes:
        """The whole answer to a request: to its end by its own framing, or what came of it."""
        got = b""
        while not self.wire.complete and (data := await self.read(wait=wait)):
            got += data
        return got

    async def _next(self, wait: float) -> bytes:
        try:
            data = await self.line.read(wait=wait)
        except TimeoutError:
            return b""
        except OSError:
            self._end("reset")
            return b""
        if not data:
            self._end("closed")
        else:
            self.wire.events.append((time.perf_counter(), "in", data))
        return data

    def _end(self, how: str) -> None:
        self.wire.ended = how
        self.wire.events.append((time.perf_counter(), "end", how.encode()))

    async def finish(self) -> None:
        """Say that no more will be sent (FIN)."""
        with contextlib.suppress(OSError):
            await self.line.finish()

    def close(self) -> None:
        """End the connection."""
        self.line.close()

    def abort(self) -> None:
        """Vanish with RST."""
        self.line.abort()


class Visit:
    """One run of a scenario against a place."""

    def __init__(self, place: Place, name: str) -> None:
        self.place = place
        self.serial = secrets.token_hex(6)
        self.path = f"/{name}/{self.serial}"
        self.wires: list[Wire] = []
        self.said: dict[str, Any] = {}
        self._open: list[Connection] = []

    def say(self, name: str, value: Any) -> None:
        """Note something for the judge."""
        self.said[name] = value

    async def dial(self, *, buffer: int | None = None, alpn: str = "http/1.1") -> Connection:
        """Open a connection; `buffer` is how many bytes may wait unread at this end."""
        connection = Connection(await self._line(buffer, alpn), Wire())
        self.wires.append(connection.wire)
        self._open.append(connection)
        return connection

    async def _line(self, buffer: int | None, alpn: str) -> clients.Line:
        where = ("127.0.0.1", self.place.port)
        if self.place.tls is None:
            return await clients.dial("http://{}:{}".format(*where), buffer=buffer)
        tls = self.place.tls([alpn])
        pair = await asyncio.open_connection(*where, ssl=tls, server_hostname="localhost")
        return clients.Line(*pair)

    def request(
        self, *more: bytes, method: bytes = b"GET", rest: str = "", body: bytes = b""
    ) -> bytes:
        """A request of HTTP/1.1 for this visit, with these header lines more."""
        target = (self.path + rest).encode()
        lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", *more]
        if body:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    async def get(self, *more: bytes, **about: Any) -> Connection:
        """Send one request and read its answer."""
        connection = await self.dial()
        await connection.write(self.request(*more, **about))
        await connection.reply()
        return connection

    def end(self) -> None:
        """Close what is open."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.close()
