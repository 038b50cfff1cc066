"""A client's end of a WebSocket (RFC 6455): frames are written raw, and read as they came."""

from __future__ import annotations

import base64
import os
import time

from asgilive import wire
from asgilive.probes.seen import Wire
from asgilive.probes.visit import Connection, Visit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """One masked frame, as a client sends it; payloads here are short."""
    assert len(payload) < 126
    key = os.urandom(4)
    return bytes([opcode | 0x80 * fin, 0x80 | len(payload)]) + key + wire.unmask(payload, key)


def closing(code: int, reason: str = "") -> bytes:
    """A close frame."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


def handshake(visit: Visit, *more: bytes, rest: str = "") -> bytes:
    """The request that asks for a WebSocket."""
    key = base64.b64encode(os.urandom(16))
    return visit.request(
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + key,
        *more,
        rest=rest,
    )


async def upgrade(visit: Visit, *more: bytes, rest: str = "", wait: float = 3.0) -> Connection:
    """Ask for a WebSocket, and read the head of the answer."""
    connection = await visit.dial()
    await connection.write(handshake(visit, *more, rest=rest))
    await connection.read(until=b"\r\n\r\n", wait=wait)
    return connection


async def until_frames(connection: Connection, count: int, wait: float = 3.0) -> None:
    """Read until so many frames have come, the connection has ended, or it was too long."""
    end = time.perf_counter() + wait
    while len(frames(connection.wire)) < count and not connection.wire.ended:
        if (left := end - time.perf_counter()) <= 0:
            return
        await connection.read(wait=left)


def head(seen: Wire) -> bytes:
    """The head of the answer."""
    return seen.received.partition(b"\r\n\r\n")[0]


def status(seen: Wire) -> int:
    """The status of the answer, 0 where none came."""
    words = head(seen).split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def frames(seen: Wire) -> list[wire.Frame]:
    """The whole frames that came behind the head."""
    found, at = [], len(head(seen)) + 4
    if status(seen) != 101:
        return []
    while one := wire.frame(seen.received, at):
        found.append(one[0])
        at = one[2]
    return found


def close_code(seen: Wire) -> int:
    """The code of the close frame that came; 1005 for one without, 1006 for none."""
    closes = [one.payload for one in frames(seen) if one.opcode == CLOSE]
    if not closes:
        return 1006
    return int.from_bytes(closes[0][:2], "big") if len(closes[0]) > 1 else 1005
