"""Which bytes became which message: a connection's spans beside the calls they belong to.

Rules: a request belongs to the next call with its method and path, a response to its request; a
body is matched by offsets of decoded bytes, never by time, so it does not matter how a server
joins or splits what it read; frames are matched in order. What is left over is the server's own.
Everything here is computed from a finished or running recording and changes nothing in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
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
LONGEST = 1000  # bytes or characters of a value that is written in full,
LONG_SHOWN = 60  # and how many of a longer one


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
        for number, call in enumerate(waiting):
            if _belongs(both.bytes_in, exchange, call):
                exchange.call = call
                del waiting[: number + 1]
                break
    return found


def title(connection: Connection) -> str:
    """What a wire figure of this connection is called: its first request's first line."""
    line = connection.bytes_in.split(b"\r\n")[0]
    return line[:200].decode("latin-1") or "a connection without a request"


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
    waits = entry.data is None and entry.took is None
    return {
        "role": entry.what,
        "name": _type(entry) or ("waiting" if waits else "?"),
        "keys": [] if waits else _keys(entry),
        "t": entry.t - zero,
        "took": entry.took,
        "error": entry.error,
    }


def bits(data: bytes, frame: wire.Frame) -> list[Row]:
    """A frame, its bytes and what they say, as fields for `drawing.frame`."""
    said, notes = _said_by_bits(data, frame), _notes(data, frame)
    return [
        {
            "name": found.name,
            "start": found.start,
            "size": found.size,
            "text": said.get(found.name, ""),
            "notes": notes[found.start // 8 :][: found.size // 8],
        }
        for found in wire.bits(data)
    ]


def shown(value: Any) -> str:
    """A value as Python writes it, with double quotes as in the book's code."""
    if isinstance(value, str | bytes):
        if len(value) > LONGEST:
            unit = "bytes" if isinstance(value, bytes) else "characters"
            return f"{shown(value[:LONG_SHOWN])} … {len(value):,} {unit}"
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
        heard = [e for e in self.call.entries if e.what == "receive"] if self.call else []
        self.got = [e for e in heard if e.data is not None]

    @property
    def upgraded(self) -> bool:
        """Whether this exchange went on as a WebSocket."""
        data = self.both.bytes_out
        return any(_is_switch(data, span) for span in self.exchange.response)

    def http(self) -> Iterator[Row]:
        """A request and its response."""
        yield self._tape("in", self.exchange.request, "request")
        yield from self._way_in()
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
        handshake = [s for s in self.exchange.request if s.part in ("head", "body", "end")]
        yield self._tape("in", handshake, "handshake")
        yield from self._heads_in(handshake)
        yield from self._bodies("in", handshake, [])
        yield from self._plain([e for e in self.got if _type(e) == "websocket.connect"])
        answer = [s for s in self.exchange.response if s.part in ("interim", "head")]
        yield self._tape("out", answer, "answer")
        accepts = [e for e in self.sent if _type(e) == "websocket.accept"]
        yield from self._heads_out(answer, accepts)
        yield from self._talk()
        yield from self._after()

    # the way in

    def _way_in(self) -> Iterator[Row]:
        yield from self._heads_in(self.exchange.request)
        requests = [e for e in self.got if _type(e) == "http.request"]
        yield from self._bodies("in", self.exchange.request, requests)
        yield from self._broken("in", self.exchange.request)

    def _heads_in(self, spans: list[wire.Span]) -> Iterator[Row]:
        for span in spans:
            if span.part == "head":
                yield from self._request_head(span)

    def _broken(self, way: str, spans: list[wire.Span]) -> Iterator[Row]:
        """What is no HTTP, or not whole: always the last bytes."""
        for span in spans:
            if span.part in ("error", "unfinished"):
                yield self._stray(way, span, span.note or "not whole")

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
        yield from self._heads_out(self.exchange.response, starts)
        bodies = [e for e in self.sent if _type(e).endswith("response.body")]
        yield from self._bodies("out", self.exchange.response, bodies)
        known = {id(e) for e in starts[:1] + bodies}
        yield from self._plain([e for e in self.sent if id(e) not in known])
        yield from self._broken("out", self.exchange.response)

    def _heads_out(self, spans: list[wire.Span], starts: list[Entry]) -> Iterator[Row]:
        for span in spans:
            if span.part in ("interim", "head"):
                yield from self._head(span, starts if span.part == "head" else [])

    def _head(self, span: wire.Span, starts: list[Entry]) -> Iterator[Row]:
        """A response's head beside the message that asked for it."""
        fields = wire.fields(self._raw("out", span), span.start)
        if not starts:
            yield from self._lines("out", fields, NO_MESSAGE)
            return
        entry = starts[0]
        yield self._send(entry)
        headers = _Headers(entry.data.get("headers", ()))
        for piece in fields:
            raw = self.both.bytes_out[piece.start : piece.end]
            if piece.name == "status":
                said = [("status", shown(entry.data["status"]))] if "status" in entry.data else []
                yield _pair("send", "out", piece, raw, said or [("", "the connection is accepted")])
            elif piece.name == "header" and (keys := headers.take(raw)):
                yield _pair("send", "out", piece, raw, keys)
            else:
                yield self._stray("out", piece, "end of the head" if piece.name == "end" else "")
        rest = [(key, shown(entry.data[key])) for key in ("subprotocol",) if entry.data.get(key)]
        if rest or headers.left:
            yield {"row": "rest", "keys": rest + headers.left}

    # bodies, either way

    def _bodies(self, way: str, spans: list[wire.Span], entries: list[Entry]) -> Iterator[Row]:
        """Each message beside the stretches of body that it brought or asked for."""
        stretches = deque(span for span in spans if span.part == "body")
        last = [span for span in spans if span.part == "end"]
        at = 0
        for entry in entries:
            yield self._receive(entry) if way == "in" else self._send(entry)
            until = at + len(_body(entry))
            keys = _keys(entry)
            for row in self._stretches(way, stretches, at, until):
                yield row | {"keys": keys}
                keys = []
            if last and entry is entries[-1] and not stretches:
                closing = keys or [("", "the last chunk: nothing follows")]
                span = last.pop()
                yield _pair(_role(way), way, span, self._raw(way, span), closing)
                keys = []
            if keys:
                yield {"row": "rest", "keys": keys}
            at = until
        yield from self._unclaimed(way, stretches, at)
        for span in last:
            yield self._stray(way, span, "the last chunk")

    def _stretches(
        self, way: str, stretches: deque[wire.Span], low: int, high: int
    ) -> Iterator[Row]:
        """The parts of the stretches in [low, high); those that end there are taken away."""
        while stretches and stretches[0].body[0] < high:
            span = stretches[0]
            yield self._stretch(way, span, max(low, span.body[0]), min(high, span.body[1]))
            if span.body[1] > high:
                return
            stretches.popleft()

    def _stretch(self, way: str, span: wire.Span, low: int, high: int) -> Row:
        """The part [low, high) of a stretch of body, with its framing where it begins or ends."""
        begin = span.payload[0] + low - span.body[0]
        end = span.payload[0] + high - span.body[0]
        start = span.start if low == span.body[0] else begin
        stop = span.end if high == span.body[1] else end
        piece = wire.Field(start, stop, "end", ((begin, end),))
        return _pair(_role(way), way, piece, self._bytes(way)[start:stop], [])

    def _unclaimed(self, way: str, stretches: Iterable[wire.Span], at: int) -> Iterator[Row]:
        """Body bytes beyond what messages carried: not read by the app, or not sent by it."""
        text = "no message brought these" if way == "in" else NO_MESSAGE
        for span in stretches:
            used = span.body[0] < at
            start = span.payload[0] + at - span.body[0] if used else span.start
            yield self._stray(way, wire.Span(start, span.end, "body", span.index), text)

    # WebSocket

    def _talk(self) -> Iterator[Row]:
        """Frames of both directions, beside the messages they became or came from."""
        told = [e for e in self.got if _type(e) != "websocket.connect"]
        said = [e for e in self.sent if _type(e) in ("websocket.send", "websocket.close")]
        found: list[tuple[float, str, wire.Span | None, Entry | None]] = []
        for way, spans, entries in (
            ("in", self.exchange.request, told),
            ("out", self.exchange.response, said),
        ):
            times = _Clock(self.connection, way)
            pool = _Messages(entries)
            for span in spans:
                if span.part in ("frame", "unfinished", "error"):
                    found.append((times.of(span), way, span, pool.take(span)))
        framed = {id(entry) for *_, entry in found}
        for entry in (e for e in told if id(e) not in framed):
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
            name = span.frame.name if span.frame else span.note or "not whole"
            yield self._stray(way, span, f"{name}: no message")
            return
        yield self._receive(entry) if way == "in" else self._send(entry)
        keys = [(name, text) for name, text in _keys(entry) if text != "None"]
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
        yield from self._plain([e for e in self.got if _type(e) == "http.disconnect"])
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
            yield {"row": "rest", "keys": _keys(entry) or [("", "no bytes of its own")]}

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
        return _message("receive", _type(entry) or "?", "await receive()", when, entry.error)

    def _send(self, entry: Entry) -> Row:
        kind = _type(entry) or "?"
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

    def __init__(self, pairs: Any) -> None:
        self.pairs = list(pairs) if isinstance(pairs, list | tuple) else []
        self.open = list(range(len(self.pairs)))

    def take(self, line: bytes) -> list[tuple[str, str]]:
        """The key and value for this line, as they stand in the list; none if it is not there."""
        name, _, value = line.partition(b":")
        wanted = (name.strip().lower(), value.strip())
        for number in self.open:
            if _bare(self.pairs[number]) == wanted:
                self.open.remove(number)
                return [self._item(number)]
        return []

    @property
    def left(self) -> list[tuple[str, str]]:
        """Pairs that no line showed."""
        return [self._item(number) for number in self.open]

    def _item(self, number: int) -> tuple[str, str]:
        first, last = number == 0, number == len(self.pairs) - 1
        pair = self.pairs[number]
        text = shown(tuple(pair) if isinstance(pair, list) else pair)
        return ("headers" if first else "", ("[" if first else " ") + text + ("]" if last else ","))


def _bare(pair: Any) -> Any:
    """A header as it is compared; what a careless application sent may be anything."""
    match pair:
        case [bytes(name), bytes(value)]:
            return name.lower(), value.strip()
    return pair


class _Messages:
    """WebSocket messages in order; a message may have come in several frames."""

    def __init__(self, entries: list[Entry]) -> None:
        self.left = deque(entries)

    def take(self, span: wire.Span) -> Entry | None:
        """The message a frame completes, None for control frames and unfinished ones."""
        if span.frame is None or not span.frame.fin or not self.left:
            return None
        closes = _type(self.left[0]) in ("websocket.close", "websocket.disconnect")
        wanted = (8,) if closes else (0, 1, 2)
        return self.left.popleft() if span.frame.opcode in wanted else None


class _Clock:
    """When the last byte of a span crossed the wire."""

    def __init__(self, connection: Connection, way: str) -> None:
        passed = [entry for entry in connection.entries if entry.what == way]
        self.times = [entry.t for entry in passed]
        self.ends = list(accumulate(len(entry.data) for entry in passed))

    def of(self, span: wire.Span) -> float:
        """Seconds since the recording began."""
        return self.times[bisect_left(self.ends, span.end)]


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


def _data(entry: Entry) -> dict[Any, Any]:
    """The message; a careless application may send what is none."""
    return entry.data if isinstance(entry.data, dict) else {"": entry.data}


def _type(entry: Entry) -> str:
    return str(_data(entry).get("type", ""))


def _keys(entry: Entry) -> list[tuple[str, str]]:
    """The message's keys but its type, written."""
    return [(str(key), shown(value)) for key, value in _data(entry).items() if key != "type"]


def _body(entry: Entry) -> bytes:
    body = _data(entry).get("body")
    return body if isinstance(body, bytes) else b""


def _role(way: str) -> str:
    return "receive" if way == "in" else "send"


def _own(scope: dict[str, Any]) -> list[tuple[str, str]]:
    """The keys that the server adds, and the names of those left out of the figure."""
    keys = [(name, shown(scope[name])) for name in FROM_SERVER if name in scope]
    others = [str(name) for name in scope if name not in FROM_SERVER + FROM_BYTES]
    return keys + ([("", "also " + ", ".join(others))] if others else [])


def _is_switch(data: bytes, span: wire.Span) -> bool:
    return span.part == "head" and data[span.start :][8:13] == b" 101 "


def _belongs(data: bytes, exchange: Exchange, call: Call) -> bool:
    """Whether a call is this request's: its method and its path are."""
    head = next((s for s in exchange.request if s.part == "head"), None)
    if head is None:
        return False
    method, target, _ = data[head.start : head.end].split(b" ", 2)
    path, scope = target.partition(b"?")[0], call.scope
    if str(scope.get("method", "GET")).upper() != method.decode("latin-1").upper():
        return False
    end = unquote_to_bytes(path).decode("utf-8", "replace")
    whole = str(scope.get("path", "")).endswith(end) or scope.get("raw_path") == path
    return whole or not path.startswith(b"/")


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
        detail = f"{_type(entry)} {_data(entry).get('path', '')}".strip()
        yield _arrow(t, "server", "app", "scope", "app(scope, …)", detail) | {"begins": True}
    elif what == "receive" and data is not None:
        text = _type(entry) or "?"
        yield _arrow(t + (entry.took or 0.0), "server", "app", "receive", text, _detail(entry))
    elif what == "send":
        why = f"refused: {entry.error.partition(':')[0]}" if entry.error else ""
        role = "error" if entry.error else "send"
        yield _arrow(t, "app", "server", role, _type(entry) or "?", why or _detail(entry))
    elif what == "close":
        who, _, error = str(data).partition(": ")
        text = f"the {who} hangs up" + (f" ({error.partition(':')[0]})" if error else "")
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
    if data[:1] and data[0] & 0xF0 == 0x80 and (found := wire.frame(data, 0)):
        frame, _, _ = found
        return f"{frame.name} frame", data[:12].hex(" ")
    return _start(data), size


def _start(data: bytes) -> str:
    return repr(data[:24])[2:-1] + ("…" if len(data) > 24 else "")


def _detail(entry: Entry) -> str:
    """The one value of a message that a reader looks for."""
    message = _data(entry)
    for key in ("status", "body", "text", "bytes", "code", "message"):
        if message.get(key) not in (None, b"", ""):
            text = shown(message[key])
            return f"{key} {text}" if len(text) < 40 else f"{key} {text[:36]}…"
    return ""


# -- the bits of a frame


def _said_by_bits(data: bytes, frame: wire.Frame) -> dict[str, str]:
    count = len(frame.payload)
    size = f"{count:,} byte{'s' * (count != 1)} of payload"
    short = data[1] & 0x7F
    wide = {126: 2, 127: 8}.get(short)
    return {
        "FIN": "the last frame of its message" if frame.fin else "more frames follow",
        "RSV": "an extension, such as compression" if data[0] & 0x70 else "no extension",
        "opcode": f"{frame.opcode}: {frame.name}",
        "MASK": "a key follows" if frame.masked else "no key",
        "length": f"{short}: the next {wide} bytes say it" if wide else size,
        "long length": size,
        "code": str(int.from_bytes(frame.payload[:2], "big")),
    }


def _notes(data: bytes, frame: wire.Frame) -> list[str]:
    """A word for each byte of the key, and for those of the payload that a figure shows."""
    begin = len(data) - len(frame.payload)
    key = data[begin - 4 : begin] if frame.masked else b""
    head = [""] * (begin - len(key))
    pieces = enumerate(zip(data[begin:], frame.payload[:LONG_SHOWN], strict=False))
    return [*head, *(f"{b:02x}" for b in key), *(_note(*pair, key, n) for n, pair in pieces)]


def _note(raw: int, byte: int, key: bytes, place: int) -> str:
    """A byte of the payload: how it is unmasked, and its letter."""
    sign = f" {chr(byte)}" if 0x20 < byte < 0x7F else ""
    return f"{raw:02x} ^ {key[place % 4]:02x} = {byte:02x}{sign}" if key else f"{byte:02x}{sign}"
