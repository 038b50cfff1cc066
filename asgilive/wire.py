"""Bytes of one direction of one connection, cut where their meaning changes.

Rules: offsets count from the first byte of the direction; the spans of a direction lie end to end
and cover every byte; h11 decides what HTTP/1.1 means, this module keeps the offsets. Nothing here
knows of applications or messages: `asgilive.pairing` puts those beside the spans.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import h11

Part = Literal["head", "interim", "body", "end", "frame", "error", "unfinished"]

PIECE = 1 << 13  # bytes given to h11 at a time: it copies what it has not read yet
ANY_SIZE = 1 << 30  # how long a head is, is the business of the server

OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket frame (RFC 6455, section 5.2); `payload` is unmasked."""

    fin: bool
    opcode: int
    masked: bool
    payload: bytes

    @property
    def name(self) -> str:
        """The opcode as a word, "opcode 3" for a reserved one."""
        return OPCODES.get(self.opcode, f"opcode {self.opcode}")


@dataclass(frozen=True, slots=True)
class Bits:
    """A field of a frame: `size` bits from bit `start` of the frame on."""

    name: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes [start, end) of one direction and what they are.

    `index` counts requests or responses on the connection from 0. A body span carries the range
    `body` of decoded body bytes and the range `payload` in which they stand on the wire: a chunk
    has its size in front and a line end behind. `note` says what h11 refused, for part "error".
    """

    start: int
    end: int
    part: Part
    index: int
    body: tuple[int, int] = (0, 0)
    payload: tuple[int, int] = (0, 0)
    frame: Frame | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A piece of a head: its part in the grammar, and the ranges that carry meaning."""

    start: int
    end: int
    name: Literal["method", "path", "query", "version", "status", "header", "end"]
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a response must know of its request: a HEAD is answered without a body."""

    method: str = "GET"
    upgrade: bool = False


def requests(data: bytes, *, upgraded: int | None = None) -> list[Span]:
    """Cut what a client sent into heads, bodies and frames.

    `upgraded` is the index of the request that was answered with 101: what follows it is frames.
    """
    spans: list[Span] = []
    start, index, whole = 0, 0, True
    while start < len(data) and whole:
        conn = h11.Connection(h11.SERVER, max_incomplete_event_size=ANY_SIZE)
        message, start, whole = _message(conn, data, start, index)
        spans += message
        if index == upgraded and whole:
            return spans + frames(data, start, index)
        index += 1
    return spans


def responses(data: bytes, asked: Sequence[Asked] = (), *, closed: bool = False) -> list[Span]:
    """Cut what a server sent; `asked` are the requests in order, GETs where there are too few.

    `closed` says that the server has ended the stream, which ends a body without a length.
    """
    spans: list[Span] = []
    start, index, whole = 0, 0, True
    while start < len(data) and whole:
        question = asked[index] if index < len(asked) else Asked()
        conn = _asking(question)
        message, start, whole = _message(conn, data, start, index, closed=closed)
        spans += message
        if conn.their_state is h11.SWITCHED_PROTOCOL and question.upgrade:
            return spans + frames(data, start, index)
        if conn.their_state is h11.SWITCHED_PROTOCOL:
            return spans + _left(start, len(data), "error", index, "a tunnel, not HTTP any more")
        index += 1
    return spans


class Answers:
    """Counts whole responses while their bytes come: a client must know when to stop reading."""

    def __init__(self, asked: Iterable[Asked]) -> None:
        self.count = 0
        self._asked = iter(asked)
        self._conn = self._next()

    def feed(self, data: bytes) -> int:
        """Take the next bytes, b"" for the end of the stream; how many responses are whole."""
        with contextlib.suppress(h11.RemoteProtocolError):
            self._read(data)
        return self.count

    def _read(self, data: bytes) -> None:
        self._conn.receive_data(data)
        while isinstance(event := self._conn.next_event(), h11.Event):
            if self._conn.their_state is h11.SWITCHED_PROTOCOL:
                self.count += 1
            elif isinstance(event, h11.EndOfMessage):
                self.count += 1
                left, _ = self._conn.trailing_data
                self._conn = self._next()
                if left:
                    self._conn.receive_data(left)

    def _next(self) -> h11.Connection:
        return _asking(next(self._asked, Asked()))


def asked(data: bytes, spans: Sequence[Span]) -> list[Asked]:
    """The questions in a client's bytes, as `responses` wants them."""
    heads = [data[s.start : s.end] for s in spans if s.part == "head"]
    return [Asked(_method(head), b"\nupgrade:" in head.lower()) for head in heads]


def frames(data: bytes, start: int = 0, index: int = 0) -> list[Span]:
    """WebSocket frames from `start` on; what is not whole yet is "unfinished"."""
    spans: list[Span] = []
    while start < len(data):
        cut = frame(data, start)
        if cut is None:
            return spans + _left(start, len(data), "unfinished", index)
        found, payload, end = cut
        spans.append(Span(start, end, "frame", index, payload=(payload, end), frame=found))
        start = end
    return spans


def fields(head: bytes, at: int = 0) -> Iterator[Field]:
    """Cut a head, request or response, into its fields; `at` is the offset of its first byte."""
    line_end = head.index(b"\n") + 1
    first = head[:line_end]
    yield from _status_line(first, at) if first.startswith(b"HTTP/") else _request_line(first, at)
    for line in head[line_end:].splitlines(keepends=True):
        start, line_end = at + line_end, line_end + len(line)
        yield _header(line, start) if line.strip() else Field(start, start + len(line), "end")


def _method(head: bytes) -> str:
    return head.split(b" ", 1)[0].decode("latin-1")


def _asking(question: Asked) -> h11.Connection:
    """A client that has asked: h11 reads a response only as the answer to a request."""
    conn = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANY_SIZE)
    headers = [("host", "x")]
    if question.upgrade:
        headers += [("connection", "upgrade"), ("upgrade", "websocket")]
    conn.send(h11.Request(method=question.method, target="/", headers=headers))
    conn.send(h11.EndOfMessage())
    return conn


def _message(
    conn: h11.Connection, data: bytes, start: int, index: int, *, closed: bool = False
) -> tuple[list[Span], int, bool]:
    """The spans of one request or response, the offset behind it, and whether it is whole."""
    spans: list[Span] = []
    at, body, goes_on = start, 0, False
    try:
        for event, end in _events(conn, data, start, closed):
            if isinstance(event, h11.EndOfMessage):
                return spans + _left(at, end, "end", index), end, True
            if isinstance(event, h11.Data):
                fresh = _no_body(at, end - len(event.data), body, index)
                spans.append(_grown(spans.pop() if goes_on else fresh, data, end, event))
                body = spans[-1].body[1]
            else:
                spans.append(Span(at, end, _kind(event), index))
            goes_on = isinstance(event, h11.Data) and not event.chunk_end
            at = spans[-1].end
            if conn.their_state is h11.SWITCHED_PROTOCOL:
                return spans, end, True
    except h11.RemoteProtocolError as error:
        return spans + _left(at, len(data), "error", index, _refused(error)), len(data), False
    return spans + _left(at, len(data), "unfinished", index), len(data), False


def _events(
    conn: h11.Connection, data: bytes, start: int, closed: bool
) -> Iterator[tuple[h11.Event, int]]:
    """What h11 reads in `data` from `start` on, each event with the offset behind it."""
    for begin in [*range(start, len(data), PIECE), *([len(data)] if closed else [])]:
        piece = data[begin : begin + PIECE]
        conn.receive_data(piece)
        while isinstance(event := conn.next_event(), h11.Event):
            yield event, begin + len(piece) - len(conn.trailing_data[0])


def _refused(error: h11.RemoteProtocolError) -> str:
    return re.sub(r"bytearray\((b.*)\)", r"\1", str(error))


def _left(at: int, end: int, part: Part, index: int, note: str = "") -> list[Span]:
    """What is left from `at` on as one span, or none where nothing is left."""
    return [Span(at, end, part, index, note=note)] if at < end else []


def _kind(event: h11.Event) -> Part:
    """A 1xx head comes before the real one; 101 is the last head there is."""
    interim = isinstance(event, h11.InformationalResponse) and event.status_code != 101
    return "interim" if interim else "head"


def _no_body(at: int, payload: int, body: int, index: int) -> Span:
    """A stretch of body that begins here, with its chunk's size in front."""
    return Span(at, at, "body", index, body=(body, body), payload=(payload, payload))


def _grown(span: Span, data: bytes, end: int, event: h11.Data) -> Span:
    """The stretch, longer; the line end behind a chunk belongs to it, h11 reads it a step later."""
    behind = 2 if event.chunk_end and data[end : end + 2] == b"\r\n" else 0
    body = (span.body[0], span.body[1] + len(event.data))
    return replace(span, end=end + behind, body=body, payload=(span.payload[0], end))


def frame(data: bytes, at: int) -> tuple[Frame, int, int] | None:
    """The frame at `at`, where its payload begins and where it ends; None if it is not whole."""
    if len(data) < at + 2:
        return None
    first, second = data[at], data[at + 1]
    length, mark = second & 0x7F, at + 2
    if length > 125:
        wide = 2 if length == 126 else 8
        length, mark = int.from_bytes(data[mark : mark + wide], "big"), mark + wide
    masked = bool(second & 0x80)
    key = data[mark : mark + 4] if masked else b""
    begin = mark + len(key)
    if len(data) < begin + length or len(data) < mark + 4 * masked:
        return None
    payload = data[begin : begin + length]
    found = Frame(bool(first & 0x80), first & 0x0F, masked, unmask(payload, key))
    return found, begin, begin + length


def bits(data: bytes) -> Iterator[Bits]:
    """The fields of a whole frame, in order (RFC 6455, section 5.2; of a close frame 5.5.1)."""
    yield from (Bits("FIN", 0, 1), Bits("RSV", 1, 3), Bits("opcode", 4, 4), Bits("MASK", 8, 1))
    at = 9
    for name, size in _rest(data):
        if size:
            yield Bits(name, at, size)
        at += size


def _rest(data: bytes) -> Iterator[tuple[str, int]]:
    """What stands behind the bit MASK: fields, and how many bits each has here."""
    wide = {126: 16, 127: 64}.get(data[1] & 0x7F, 0)
    key = 32 * (data[1] >> 7)
    left = 8 * len(data) - 16 - wide - key
    code = 16 if data[0] & 0x0F == 8 and left >= 16 else 0
    yield from (("length", 7), ("long length", wide), ("key", key), ("code", code))
    yield "reason" if code else "payload", left - code


def unmask(payload: bytes, key: bytes) -> bytes:
    """RFC 6455, section 5.3: each byte XOR the key's byte at its position modulo 4."""
    if not key:
        return payload
    size = len(payload)
    long = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(long, "big")).to_bytes(size, "big")


def _request_line(line: bytes, at: int) -> Iterator[Field]:
    """`GET /path?query HTTP/1.1` and its line end."""
    method, target, version = line.split(b" ", 2)
    path, mark, query = target.partition(b"?")
    stop = at + len(method)
    yield Field(at, stop + 1, "method", ((at, stop),))
    begin, stop = stop + 1, stop + 1 + len(path)
    yield Field(begin, stop if mark else stop + 1, "path", ((begin, stop),))
    if mark:
        begin, stop = stop, stop + 1 + len(query)
        yield Field(begin, stop + 1, "query", ((begin + 1, stop),))
    begin = stop + 1
    digits = (begin + len("HTTP/"), begin + len(version.rstrip()))
    yield Field(begin, begin + len(version), "version", (digits,))


def _status_line(line: bytes, at: int) -> Iterator[Field]:
    """`HTTP/1.1 200 OK` and its line end: the code is what the application chose."""
    begin = at + line.index(b" ") + 1
    yield Field(at, at + len(line), "status", ((begin, begin + 3),))


def _header(line: bytes, at: int) -> Field:
    name, _, value = line.partition(b":")
    text = value.strip()
    begin = at + len(name) + 1 + (value.index(text) if text else 0)
    return Field(at, at + len(line), "header", ((at, at + len(name)), (begin, begin + len(text))))
