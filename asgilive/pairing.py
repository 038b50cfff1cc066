"""Which bytes became which message: a connection's spans beside the calls they belong to.

Rules: a request belongs to the next call with its method and path, a response to its request; a
body is matched by offsets of decoded bytes, never by time, so it does not matter how a server
joins or splits what it read; frames are matched in order. What is left over is the server's own.
Everything here is computed from a finished or running recording and changes nothing in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from asgilive import wire

if TYPE_CHECKING:
    from asgilive.recording import Call, Connection, Entry

Row = dict[str, Any]

# Scope keys that no byte of the request carries: the server knows them from elsewhere.
FROM_SERVER = ("type", "scheme", "client", "server")
FROM_BYTES = ("method", "path", "raw_path", "query_string", "http_version", "headers")
NO_MESSAGE = "no message asked for this"


@dataclass(slots=True)
class Cut:
    """Both directions of a connection in spans."""

    bytes_in: bytes
    bytes_out: bytes
    spans_in: list[wire.Span]
    spans_out: list[wire.Span]


@dataclass(slots=True)
class Exchange:
    """One request, the response to it, and the call that came between, if there was one."""

    request: list[wire.Span] = field(default_factory=list)
    response: list[wire.Span] = field(default_factory=list)
    call: Call | None = None


def cut(connection: Connection) -> Cut:
    """Both directions of a connection in spans: each one's meaning depends on the other."""
    data_in, data_out = connection.bytes_in, connection.bytes_out
    spans_in = wire.requests(data_in)
    ended = connection.closed is not None
    spans_out = wire.responses(data_out, wire.asked(data_in, spans_in), closed=ended)
    upgraded = next((s.index for s in spans_out if _is_switch(data_out, s)), None)
    if upgraded is not None:
        spans_in = wire.requests(data_in, upgraded=upgraded)
    return Cut(data_in, data_out, spans_in, spans_out)


def exchanges(connection: Connection, both: Cut) -> list[Exchange]:
    """The connection's requests in order, each with its response and its call."""
    count = max((s.index for s in both.spans_in + both.spans_out), default=-1) + 1
    found = [Exchange() for _ in range(count)]
    for span in both.spans_in:
        found[span.index].request.append(span)
    for span in both.spans_out:
        found[span.index].response.append(span)
    waiting = list(connection.calls)
    for exchange in found:
        if waiting and _belongs(both.bytes_in, exchange, waiting[0]):
            exchange.call = waiting.pop(0)
    return found


def title(connection: Connection) -> str:
    """What a wire figure of this connection is called: its requests' first lines."""
    both = cut(connection)
    lines = [both.bytes_in[s.start : s.end].split(b"\r\n")[0] for s in both.spans_in if s.index < 2]
    text = [line.decode("latin-1") for line in lines[:1]] or ["a connection without a request"]
    return text[0]


def rows(connection: Connection) -> list[Row]:
    """The connection as rows for `drawing.wire`, in reading order."""
    both = cut(connection)
    found: list[Row] = []
    for exchange in exchanges(connection, both):
        drawn = _Drawn(connection, both, exchange)
        found += drawn.frames() if drawn.upgraded else drawn.http()
    return found + list(_ending(connection))


def steps(entries: Iterable[Entry]) -> list[Row]:
    """Entries as steps for `drawing.sequence`, in order of time; the first is at 0."""
    found = sorted((step for e in entries for step in _step(e)), key=lambda step: step["t"])
    zero = found[0]["t"] if found else 0.0
    return [step | {"t": step["t"] - zero} for step in found]


def crossing(entry: Entry, zero: float) -> Row:
    """A receive or send as `drawing.call` takes it; times count from `zero`."""
    message = entry.data if isinstance(entry.data, dict) else {}
    return {
        "role": entry.what,
        "name": str(message.get("type", "")) or ("waiting" if entry.took is None else "?"),
        "keys": [(key, shown(value)) for key, value in message.items() if key != "type"],
        "t": entry.t - zero,
        "took": entry.took,
        "error": entry.error,
    }


def shown(value: Any) -> str:
    """A value as Python writes it, with double quotes as in the book's code."""
    if isinstance(value, str | bytes):
        text = repr(value)
        prefix, body = ("b", text[2:-1]) if isinstance(value, bytes) else ("", text[1:-1])
        plain = text[-1] == "'" and '"' not in body and "\\'" not in body
        return f'{prefix}"{body}"' if plain else text
    if isinstance(value, list | tuple):
        inner = ", ".join(shown(item) for item in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(k)}: {shown(v)}" for k, v in value.items()) + "}"
    if value is None or isinstance(value, int | float):
        return repr(value)
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


# -- rows of the wire figure


class _Drawn:
    """The rows of one exchange."""

    def __init__(self, connection: Connection, both: Cut, exchange: Exchange) -> None:
        self.connection, self.both, self.exchange = connection, both, exchange
        self.call = exchange.call
        said = [e for e in self.call.entries if e.what == "send"] if self.call else []
        self.sent = [e for e in said if e.error is None]
        self.refused = [e for e in said if e.error is not None]
        self.got = [
            e for e in (self.call.entries if self.call else []) if e.what == "receive" and e.data
        ]

    @property
    def upgraded(self) -> bool:
        """Whether this exchange went on as a WebSocket."""
        data = self.both.bytes_out
        return any(_is_switch(data, span) for span in self.exchange.response)

    def http(self) -> Iterator[Row]:
        """A request and its response."""
        yield self._tape("in", self.exchange.request, "request")
        yield from self._scope()
        requests = [e for e in self.got if e.data["type"] == "http.request"]
        yield from self._bodies("in", self.exchange.request, requests)
        yield from self._turn()
        if not self.sent:
            yield from self._plain(self.refused)
        yield self._tape("out", self.exchange.response, "response")
        yield from self._response()
        if self.sent:
            yield from self._plain(self.refused)
        yield from self._after()

    def frames(self) -> Iterator[Row]:
        """A handshake, then what both sides sent, in order of time."""
        yield self._tape("in", self.exchange.request[:1], "handshake")
        yield from self._scope()
        yield from self._plain([e for e in self.got if e.data["type"] == "websocket.connect"])
        yield self._tape("out", self.exchange.response[:1], "answer")
        accepts = [e for e in self.sent if _type(e) == "websocket.accept"]
        yield from self._head("out", self.exchange.response[0], accepts)
        yield from self._talk()
        yield from self._after()

    # the way in

    def _scope(self) -> Iterator[Row]:
        for span in self.exchange.request:
            if span.part == "head":
                yield from self._request_head(span)
            elif span.part in ("error", "unfinished"):
                yield self._stray("in", span, span.note or "not whole")

    def _request_head(self, span: wire.Span) -> Iterator[Row]:
        head = self.both.bytes_in[span.start : span.end]
        if self.call is None:
            yield from self._lines("in", wire.fields(head, span.start), "")
            return
        scope = self.call.scope
        yield _message("scope", "scope", "the app is called", self.call.began - self._zero)
        headers = _Headers(scope.get("headers", ()))
        for piece in wire.fields(head, span.start):
            raw = self.both.bytes_in[piece.start : piece.end]
            keys = self._request_keys(piece, raw, scope, headers)
            if keys:
                yield _pair("scope", "in", piece, raw, keys, self._indent(piece, span))
            else:
                yield self._stray("in", piece, "end of the head" if piece.name == "end" else "")
        yield {"row": "own", "keys": _own(scope), "note": "the server fills these in"}

    def _request_keys(
        self, piece: wire.Field, raw: bytes, scope: dict[str, Any], headers: _Headers
    ) -> list[tuple[str, str]]:
        if piece.name == "header":
            return headers.take(raw)
        names = {
            "method": ("method",),
            "path": ("path", "raw_path"),
            "query": ("query_string",),
            "version": ("http_version",),
        }.get(piece.name, ())
        return [(name, shown(scope[name])) for name in names if name in scope]

    # the way out

    def _turn(self) -> Iterator[Row]:
        if self.call is None:
            return
        began = max([self.call.began, *(e.t + (e.took or 0) for e in self.got[:1])])
        if said := self.sent + self.refused:
            took = max(min(e.t for e in said) - began, 0.0)
            yield {"row": "turn", "text": "the app runs", "took": took}

    def _response(self) -> Iterator[Row]:
        starts = [e for e in self.sent if _type(e).endswith("response.start")]
        for span in self.exchange.response:
            if span.part == "interim":
                head = self.both.bytes_out[span.start : span.end]
                yield from self._lines("out", wire.fields(head, span.start), NO_MESSAGE)
            elif span.part == "head":
                yield from self._head("out", span, starts)
            elif span.part in ("error", "unfinished"):
                yield self._stray("out", span, span.note or "not whole")
        bodies = [e for e in self.sent if _type(e).endswith("response.body")]
        yield from self._bodies("out", self.exchange.response, bodies)
        known = {id(e) for e in starts[:1] + bodies}
        yield from self._plain([e for e in self.sent if id(e) not in known])

    def _head(self, way: str, span: wire.Span, starts: list[Entry]) -> Iterator[Row]:
        """A response's head beside the message that asked for it."""
        head = self.both.bytes_out[span.start : span.end]
        if not starts:
            yield from self._lines(way, wire.fields(head, span.start), NO_MESSAGE)
            return
        entry = starts[0]
        yield self._send(entry)
        headers = _Headers(entry.data.get("headers", ()))
        for piece in wire.fields(head, span.start):
            raw = self.both.bytes_out[piece.start : piece.end]
            if piece.name == "status":
                said = [("status", shown(entry.data["status"]))] if "status" in entry.data else []
                yield _pair("send", way, piece, raw, said or [("", "the connection is accepted")])
            elif piece.name == "header" and (keys := headers.take(raw)):
                yield _pair("send", way, piece, raw, keys)
            else:
                yield self._stray(way, piece, "end of the head" if piece.name == "end" else "")
        rest = [(key, shown(entry.data[key])) for key in ("subprotocol",) if entry.data.get(key)]
        if rest or headers.left:
            yield {"row": "rest", "keys": rest + headers.left}

    # bodies, either way

    def _bodies(self, way: str, spans: list[wire.Span], entries: list[Entry]) -> Iterator[Row]:
        """Each message beside the stretches of body that it brought or asked for."""
        stretches = [span for span in spans if span.part == "body"]
        last = [span for span in spans if span.part == "end"]
        at = 0
        for entry in entries:
            size = len(entry.data.get("body", b"") or b"") if isinstance(entry.data, dict) else 0
            yield self._receive(entry) if way == "in" else self._send(entry)
            extra = [(k, shown(v)) for k, v in entry.data.items() if k not in ("type", "body")]
            keys = [("body", shown(entry.data.get("body", b""))), *extra]
            for span in stretches:
                low, high = max(at, span.body[0]), min(at + size, span.body[1])
                if low < high:
                    yield self._stretch(way, span, low, high, keys)
                    keys = []
            if last and entry is entries[-1]:
                closing = keys or [("", "the last chunk: nothing follows")]
                yield _pair(_role(way), way, last.pop(), self._raw(way, spans[-1]), closing)
                keys = []
            if keys:
                yield {"row": "rest", "keys": keys}
            at += size
        yield from self._unclaimed(way, stretches, at)
        for span in last:
            yield self._stray(way, span, "the last chunk")

    def _stretch(
        self, way: str, span: wire.Span, low: int, high: int, keys: list[tuple[str, str]]
    ) -> Row:
        """The part [low, high) of a stretch of body, with its framing where it begins or ends."""
        begin = span.payload[0] + low - span.body[0]
        end = span.payload[0] + high - span.body[0]
        start = span.start if low == span.body[0] else begin
        stop = span.end if high == span.body[1] else end
        piece = wire.Field(start, stop, "end", ((begin, end),))
        return _pair(_role(way), way, piece, self._bytes(way)[start:stop], keys)

    def _unclaimed(self, way: str, stretches: list[wire.Span], at: int) -> Iterator[Row]:
        """Body bytes beyond what messages carried: not read by the app, or not sent by it."""
        text = "no message brought these" if way == "in" else NO_MESSAGE
        for span in stretches:
            if span.body[1] > at:
                start = span.start if span.body[0] >= at else span.payload[0] + at - span.body[0]
                raw = self._bytes(way)[start : span.end]
                role = None if way == "in" else "server"
                yield {"row": "bytes", "at": start, "bytes": raw, "note": text, "role": role}

    # WebSocket

    def _talk(self) -> Iterator[Row]:
        """Frames of both directions, beside the messages they became or came from."""
        told = [e for e in self.got if e.data["type"] != "websocket.connect"]
        said = [e for e in self.sent if _type(e) in ("websocket.send", "websocket.close")]
        found: list[tuple[float, str, wire.Span | None, Entry | None]] = []
        for way, spans, entries in (
            ("in", self.exchange.request, told),
            ("out", self.exchange.response, said),
        ):
            times = _Clock(self.connection, way)
            pool = _Messages(entries)
            for span in spans:
                if span.part in ("frame", "unfinished"):
                    found.append((times.of(span), way, span, pool.take(span)))
        for entry in (e for e in told if not any(e is f[3] for f in found)):
            found.append((entry.t + (entry.took or 0.0), "in", None, entry))
        previous = ""
        for _, way, frame, item in sorted(found, key=lambda f: f[0]):
            if frame is not None and way != previous:
                yield {"row": "tape", "way": way, "title": "frames", "size": None}
                previous = way
            yield from self._frame(way, frame, item)

    def _frame(self, way: str, span: wire.Span | None, entry: Entry | None) -> Iterator[Row]:
        if entry is None:
            assert span is not None
            name = span.frame.name if span.frame else "not whole"
            yield self._stray(way, span, f"{name}: no message")
            return
        yield self._receive(entry) if way == "in" else self._send(entry)
        keys = [(k, shown(v)) for k, v in entry.data.items() if k != "type" and v is not None]
        if span is None:
            yield {"row": "rest", "keys": keys}
            return
        piece = wire.Field(span.start, span.end, "end", (span.payload,))
        row = _pair(_role(way), way, piece, self._raw(way, span), keys or [("", "no keys")])
        yield row | {"hex": True}

    # what is left

    def _after(self) -> Iterator[Row]:
        """What the app learned too late for a body, and how its call ended."""
        if self.call is None:
            return
        yield from self._plain([e for e in self.got if e.data["type"] == "http.disconnect"])
        if self.call.ended == "raised":
            text = f"the app raised {self.call.error}"
            yield {"row": "note", "role": "error", "text": text}
        elif self.call.ended == "waiting":
            open_steps = [e for e in self.call.entries if e.took is None and e.error is None]
            where = f" in {open_steps[-1].what}()" if open_steps else ""
            yield {"row": "note", "role": "app", "text": f"the app is still waiting{where}"}

    def _plain(self, entries: list[Entry]) -> Iterator[Row]:
        """Messages with no bytes of their own on the wire."""
        for entry in entries:
            yield self._receive(entry) if entry.what == "receive" else self._send(entry)
            data = entry.data if isinstance(entry.data, dict) else {"": entry.data}
            keys = [(key, shown(value)) for key, value in data.items() if key != "type"]
            yield {"row": "rest", "keys": keys or [("", "no bytes of its own")]}

    def _lines(self, way: str, fields: Iterable[wire.Field], note: str) -> Iterator[Row]:
        """A head that no call stands beside, line by line."""
        line: list[wire.Field] = []
        role = "server" if way == "out" else None
        for piece in fields:
            line.append(piece)
            if piece.name in ("version", "status", "header", "end"):
                raw = self._bytes(way)[line[0].start : piece.end]
                yield {
                    "row": "bytes",
                    "at": line[0].start,
                    "bytes": raw,
                    "note": "end of the head" if piece.name == "end" else note,
                    "role": role,
                }
                line, note = [], ""

    def _stray(self, way: str, span: wire.Span | wire.Field, note: str) -> Row:
        """Bytes that belong to no message."""
        raw = self._bytes(way)[span.start : span.end]
        wrong = isinstance(span, wire.Span) and span.part == "error"
        role = "error" if wrong else "server" if way == "out" else None
        row = {"row": "bytes", "at": span.start, "bytes": raw, "note": note, "role": role}
        return row | ({"hex": True} if isinstance(span, wire.Span) and span.frame else {})

    def _tape(self, way: str, spans: list[wire.Span], name: str) -> Row:
        size = sum(span.end - span.start for span in spans)
        return {"row": "tape", "way": way, "title": name, "size": size}

    def _receive(self, entry: Entry) -> Row:
        when = entry.t + (entry.took or 0.0) - self._zero
        kind = str(entry.data.get("type"))
        return _message("receive", kind, "await receive()", when, entry.error)

    def _send(self, entry: Entry) -> Row:
        kind = str(entry.data.get("type")) if isinstance(entry.data, dict) else repr(entry.data)
        return _message("send", kind, "await send(…)", entry.t - self._zero, entry.error)

    def _indent(self, piece: wire.Field, span: wire.Span) -> int:
        """How far into its line a piece of the request line stands."""
        return 0 if piece.name in ("header", "end") else piece.start - span.start

    def _bytes(self, way: str) -> bytes:
        return self.both.bytes_in if way == "in" else self.both.bytes_out

    def _raw(self, way: str, span: wire.Span) -> bytes:
        return self._bytes(way)[span.start : span.end]

    @property
    def _zero(self) -> float:
        """The first byte of the connection: times in a figure count from there."""
        return next((e.t for e in self.connection.entries if e.what == "in"), 0.0)


class _Headers:
    """The pairs of a scope or message, taken one by one as their lines come by."""

    def __init__(self, pairs: Iterable[Any]) -> None:
        pairs = list(pairs) if isinstance(pairs, list | tuple) else []
        self.pairs = [tuple(pair) for pair in pairs]
        self.open = list(range(len(self.pairs)))

    def take(self, line: bytes) -> list[tuple[str, str]]:
        """The key and value for this line, as they stand in the list; none if it is not there."""
        name, _, value = line.partition(b":")
        wanted = (name.strip().lower(), value.strip())
        for number in self.open:
            pair = self.pairs[number]
            if (pair[0].lower(), pair[1].strip()) == wanted:
                self.open.remove(number)
                return [self._item(number)]
        return []

    @property
    def left(self) -> list[tuple[str, str]]:
        """Pairs that no line showed."""
        return [self._item(number) for number in self.open]

    def _item(self, number: int) -> tuple[str, str]:
        first, last = number == 0, number == len(self.pairs) - 1
        text = shown(self.pairs[number])
        return ("headers" if first else "", ("[" if first else " ") + text + ("]" if last else ","))


class _Messages:
    """WebSocket messages in order; a message may have come in several frames."""

    def __init__(self, entries: list[Entry]) -> None:
        self.left = list(entries)

    def take(self, span: wire.Span) -> Entry | None:
        """The message a frame completes, None for control frames and unfinished ones."""
        if span.frame is None or not span.frame.fin or not self.left:
            return None
        kind = str(self.left[0].data["type"])
        closes = kind in ("websocket.close", "websocket.disconnect")
        if span.frame.opcode in (0, 1, 2) and not closes:
            return self.left.pop(0)
        return self.left.pop(0) if span.frame.opcode == 8 and closes else None


class _Clock:
    """When the last byte of a span crossed the wire."""

    def __init__(self, connection: Connection, way: str) -> None:
        self.marks: list[tuple[int, float]] = []
        total = 0
        for entry in connection.entries:
            if entry.what == way:
                total += len(entry.data)
                self.marks.append((total, entry.t))

    def of(self, span: wire.Span) -> float:
        """Seconds since the recording began."""
        return next((t for end, t in self.marks if end >= span.end), 0.0)


def _message(role: str, name: str, verb: str, t: float, error: str | None = None) -> Row:
    return {"row": "message", "role": role, "name": name, "verb": verb, "t": t, "error": error}


def _pair(
    role: str,
    way: str,
    piece: wire.Field | wire.Span,
    raw: bytes,
    keys: list[tuple[str, str]],
    indent: int = 0,
) -> Row:
    """Bytes beside keys; ranges count from the first byte of the piece."""
    marks = piece.marks if isinstance(piece, wire.Field) else ()
    inside = [(a - piece.start, b - piece.start) for a, b in marks]
    return {
        "row": "pair",
        "role": role,
        "way": way,
        "at": piece.start,
        "bytes": raw,
        "marks": inside,
        "framing": _between(inside, len(raw)) if way == "out" else [],
        "indent": indent,
        "keys": keys,
    }


def _between(marks: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """What no mark covers: on the way out the server wrote that."""
    edges = [0, *(edge for mark in marks for edge in mark), size]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def _type(entry: Entry) -> str:
    """The type of a message, "" for what is none."""
    return str(entry.data.get("type", "")) if isinstance(entry.data, dict) else ""


def _role(way: str) -> str:
    return "receive" if way == "in" else "send"


def _own(scope: dict[str, Any]) -> list[tuple[str, str]]:
    """The keys that the server adds, and the names of those left out of the figure."""
    keys = [(name, shown(scope[name])) for name in FROM_SERVER if name in scope]
    others = [name for name in scope if name not in FROM_SERVER + FROM_BYTES]
    return keys + ([("", "also " + ", ".join(others))] if others else [])


def _is_switch(data: bytes, span: wire.Span) -> bool:
    first = data[span.start : span.end][:12]
    return span.part == "head" and first == b"HTTP/1.1 101"


def _belongs(data: bytes, exchange: Exchange, call: Call) -> bool:
    """Whether a call is this request's: its method and its path are."""
    head = next((s for s in exchange.request if s.part == "head"), None)
    if head is None:
        return False
    method, _, rest = data[head.start : head.end].partition(b" ")
    path = rest.split(b" ")[0].partition(b"?")[0]
    scope = call.scope
    if scope.get("method", method.decode("latin-1")).upper() != method.decode("latin-1").upper():
        return False
    end = unquote_to_bytes(path).decode("utf-8", "replace")
    return (
        str(scope.get("path", "")).endswith(end)
        or scope.get("raw_path") == path
        or (not path.startswith(b"/"))
    )


def _ending(connection: Connection) -> Iterator[Row]:
    over = all(call.ended == "returned" for call in connection.calls)
    if connection.closed is not None and connection.closed_by not in (
        None,
        "client" if over else "",
    ):
        who, _, error = connection.closed_by.partition(": ")
        text = f"the {who} closed the connection" + (f" ({error})" if error else "")
        yield {"row": "note", "role": who, "text": text}


# -- steps of the sequence figure


def _step(entry: Entry) -> Iterator[Row]:
    """An entry as one arrow or event of the sequence."""
    t, what, data = entry.t, entry.what, entry.data
    if what in ("in", "out"):
        ends = ("client", "server") if what == "in" else ("server", "client")
        text, detail = _told(data)
        yield _arrow(t, *ends, "wire", text, detail)
    elif what == "call":
        kind, path = data.get("type", "?"), data.get("path", "")
        yield _arrow(t, "server", "app", "scope", "app(scope, …)", f"{kind} {path}".strip()) | {
            "begins": True
        }
    elif what == "receive" and data is not None:
        text, detail = str(data.get("type")), _detail(data)
        yield _arrow(t + (entry.took or 0.0), "server", "app", "receive", text, detail)
    elif what == "send":
        text = str(data.get("type")) if isinstance(data, dict) else repr(data)
        detail = f"refused: {entry.error.partition(':')[0]}" if entry.error else _detail(data)
        yield _arrow(t, "app", "server", "error" if entry.error else "send", text, detail)
    elif what == "close":
        who, _, error = str(data).partition(": ")
        text = f"the {who} hangs up" + (f" ({error})" if error else "")
        at = "client" if who == "client" else "server"
        yield {"t": t, "event": text, "at": at, "role": "error" if error else at}
    elif what == "return":
        yield {"t": t, "event": "the app returns", "at": "app", "role": "app", "ends": True}
    elif what == "raise":
        text = f"the app raises {data}"
        yield {"t": t, "event": text, "at": "app", "role": "error", "ends": True}


def _arrow(t: float, start: str, end: str, role: str, text: str, detail: str) -> Row:
    return {"t": t, "from": start, "to": end, "role": role, "text": text, "detail": detail}


def _told(data: bytes) -> tuple[str, str]:
    """A read or write in a few words: a head's first line, a frame's name, or its size."""
    first = data.split(b"\r\n")[0]
    size = f"{len(data)} bytes"
    if first.startswith(b"HTTP/") or b" HTTP/" in first:
        return first.decode("latin-1"), size
    frames = [s.frame for s in wire.frames(data) if s.frame]
    if frames and data[0] & 0x70 == 0 and (data[0] & 0x0F) in wire.OPCODES and data[0] & 0x80:
        return f"{frames[0].name} frame", " ".join(f"{byte:02x}" for byte in data[:12])
    return _start(data), size


def _start(data: bytes) -> str:
    text = json.dumps(data[:24].decode("latin-1"))[1:-1]
    return text + ("…" if len(data) > 24 else "")


def _detail(message: Any) -> str:
    """The one value of a message that a reader looks for."""
    if not isinstance(message, dict):
        return ""
    for key in ("status", "body", "text", "bytes", "code", "message"):
        if message.get(key) not in (None, b"", ""):
            text = shown(message[key])
            return f"{key} {text}" if len(text) < 40 else f"{key} {text[:36]}…"
    return ""
