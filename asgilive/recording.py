"""What crossed the wire and the application's boundary, as one flat list of entries.

Rules: entries are only appended while a server runs, and nothing is parsed then; every view
(calls, connections, figures) is computed from the entries when it is looked at. A recording stops
at 20,000 entries or 32 MiB and says so (`full`). Bytes stay as they were: masking dates and ports
is the business of whoever compares outputs.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import json
import math
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from asgilive import drawing, pairing, wire

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
What = Literal["open", "in", "eof", "out", "close", "call", "receive", "send", "return", "raise"]


CARD = b"text/x-asgilive-card"  # what a site's card accepts when it asks whether the site is there

MOST_ENTRIES = 20_000
MOST_BYTES = 32 << 20
RECENT = 0.02  # seconds after which what has not moved counts as waiting

_OPENING = {"call": 1, "return": -1, "raise": -1}

# The connection whose bytes are being handled: the call that they start inherits it.
_connection: contextvars.ContextVar[int | None] = contextvars.ContextVar(
    "asgilive.connection", default=None
)


def current_connection() -> int | None:
    """The connection whose bytes are being handled here."""
    return _connection.get()


@dataclass(slots=True)
class Entry:
    """One thing that happened.

    `t` is in seconds since the recording began (`time.perf_counter`, one clock for all processes
    of a machine). `connection` and `call` count from 1; `connection` is None for lifespan or where
    it is unknown, `call` is None on the wire. `data` is bytes (in, out), the scope (call), the
    message (receive, send) or text (raise, close). `took` is in seconds, None while a receive or
    send has not returned. `error` is what a send or receive raised in the application's face.
    """

    t: float
    what: What
    connection: int | None = None
    call: int | None = None
    data: Any = None
    took: float | None = None
    error: str | None = None

    def plain(self) -> dict[str, Any]:
        """The entry as JSON; `Entry(**from_json(…))` is its inverse."""
        return {name: to_json(getattr(self, name)) for name in Entry.__slots__}


@dataclass(slots=True)
class Call:
    """One call of the application (ASGI core specification, "Applications"): a view."""

    number: int
    connection: int | None
    scope: Scope
    began: float = 0.0
    ended: Literal["returned", "raised", "waiting"] = "waiting"
    error: str | None = None
    took: float | None = None
    entries: list[Entry] = field(default_factory=list, repr=False)

    @property
    def received(self) -> list[Message]:
        """The messages that `receive()` returned, in order."""
        return [e.data for e in self.entries if e.what == "receive" and e.data is not None]

    @property
    def sent(self) -> list[Message]:
        """The messages that were given to `send()`, in order, refused ones included."""
        return [e.data for e in self.entries if e.what == "send"]

    def add(self, entry: Entry) -> None:
        """Take the next entry of this call."""
        self.entries.append(entry)
        if entry.what in ("return", "raise"):
            self.ended = "returned" if entry.what == "return" else "raised"
            self.error, self.took = entry.data, entry.t - self.began

    def _figure(self) -> drawing.Figure:
        from asgilive.spec import spec

        messages = [
            pairing.crossing(e, self.began) for e in self.entries if e.what in ("receive", "send")
        ]
        return drawing.call(
            self.scope, messages, self.ended, self.error, self.took, spec.links(self.scope)
        )

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


@dataclass(frozen=True, slots=True, repr=False)
class Framed:
    """A WebSocket frame that crossed: `data` are its bytes, `at` their place in their direction.

    It shows as its bits.
    """

    way: Literal["in", "out"]
    at: int
    data: bytes
    frame: wire.Frame

    def _figure(self) -> drawing.Figure:
        sender = "client" if self.way == "in" else "server"
        title = f"A {self.frame.name} frame of the {sender}, bit by bit"
        return drawing.frame(self.data, pairing.bits(self.data, self.frame), title=title)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


@dataclass(slots=True)
class Connection:
    """One TCP connection as the server saw it: a view."""

    number: int
    opened: float = 0.0
    closed: float | None = None
    closed_by: str | None = None
    calls: list[Call] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list, repr=False)

    @property
    def bytes_in(self) -> bytes:
        """Everything the client sent."""
        return b"".join(e.data for e in self.entries if e.what == "in")

    @property
    def bytes_out(self) -> bytes:
        """Everything the server sent."""
        return b"".join(e.data for e in self.entries if e.what == "out")

    @property
    def spans_in(self) -> list[wire.Span]:
        """The client's bytes, cut where their meaning changes."""
        return pairing.cut(self).spans_in

    @property
    def spans_out(self) -> list[wire.Span]:
        """The server's bytes, cut where their meaning changes."""
        return pairing.cut(self).spans_out

    @property
    def frames_in(self) -> list[Framed]:
        """The WebSocket frames that the client sent."""
        return _framed("in", self.bytes_in, self.spans_in)

    @property
    def frames_out(self) -> list[Framed]:
        """The WebSocket frames that the server sent."""
        return _framed("out", self.bytes_out, self.spans_out)

    def add(self, entry: Entry) -> None:
        """Take the next entry on the wire."""
        self.entries.append(entry)
        if entry.what == "open":
            self.opened = entry.t
        elif entry.what == "close":
            self.closed, self.closed_by = entry.t, entry.data


def _framed(way: Literal["in", "out"], data: bytes, spans: list[wire.Span]) -> list[Framed]:
    return [Framed(way, s.start, data[s.start : s.end], s.frame) for s in spans if s.frame]


class Conversation:
    """A recording: what `serve(app, record=True)` keeps. It shows as bytes beside messages.

    `about` says whose recording it is, for captions: server, version, date.
    """

    def __init__(self, about: Mapping[str, str] | None = None) -> None:
        self.about = dict(about or {})
        self.began = time.perf_counter()
        self.full = False
        self.sources: list[Callable[[Conversation], None]] = []  # bring entries of other processes
        self._entries: list[Entry] = []
        self._wire = self._messages = 0  # bytes kept of each: a body counts once in either
        self._clients = _Ports()
        self._relayed = _Ports()  # apart: to another address a port may be used at the same time
        self._ignored: set[int | None] = set()
        self._next_connection = itertools.count(1)
        self._next_call = itertools.count(1)

    # -- writing

    def add(
        self, what: What, connection: int | None = None, call: int | None = None, data: Any = None
    ) -> Entry:
        """Append an entry that happens now, unless the recording is full."""
        entry = Entry(time.perf_counter() - self.began, what, connection, call, data)
        self.append(entry)
        return entry

    def append(self, entry: Entry) -> None:
        """Append an entry, unless the recording is full."""
        if self.full or entry.connection in self._ignored:
            return
        if len(self._entries) >= MOST_ENTRIES or max(self._wire, self._messages) >= MOST_BYTES:
            self.full = True
            return
        self._entries.append(entry)
        if entry.call is None:
            self._wire += len(entry.data or "")
        elif isinstance(entry.data, dict):
            self._messages += _weight(entry.data)

    def open(self, port: int | None) -> int:
        """Number a new connection; `port` is the client's, by which its calls can be found."""
        number = next(self._next_connection)
        entry = self.add("open", number)
        if port is not None:
            self._clients.note(port, entry.t, number)
        return number

    def ignore(self, connection: int) -> None:
        """Leave a connection out of the recording, with the calls it makes."""
        self._ignored.add(connection)
        self._entries = [e for e in self._entries if e.connection != connection]

    def alias(self, port: int, connection: int) -> None:
        """A relay's own outgoing port: to the server behind it, that is the client."""
        self._relayed.note(port, time.perf_counter() - self.began, connection)

    def connection_of(self, scope: Scope, when: float = math.inf) -> int | None:
        """The connection a scope came from, by the port its client had at that time."""
        client = scope.get("client")
        return (self._relayed or self._clients).find(client[1], when) if client else None

    def next_call(self) -> int:
        """A number for a call that happened elsewhere."""
        return next(self._next_call)

    def wrap(self, app: App) -> App:
        """`app`, with everything that crosses its boundary noted."""

        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            connection = _connection.get()
            if connection is None:
                connection = self.connection_of(scope)
            note = partial(self.add, connection=connection, call=next(self._next_call))
            await observe(app, scope, receive, send, note, self.began)

        return recorded

    def tap(self, factory: Callable[[], asyncio.BaseProtocol]) -> Callable[[], Tap]:
        """A protocol factory whose connections are noted byte by byte."""
        return lambda: Tap(factory(), self)

    async def settle(self, port: int, within: float = 0.1) -> None:
        """Until the server is done with a client that has left, or only waits.

        `port` is that client's own. A client has its answer a moment before the application's call
        is over; who looks at the recording then wants to see the end. `within` is in seconds.
        """
        end = time.perf_counter() + within
        number = self._clients.find(port)
        while number and self._is_moving(number) and time.perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    def _is_moving(self, number: int) -> bool:
        """Whether a connection is there still, or has calls that are not over and not stuck."""
        self.bring()
        if self.full or number in self._ignored:
            return False
        calls, last, over = 0, 0.0, False
        for entry in reversed(self._entries):
            if entry.connection == number:
                calls += _OPENING.get(entry.what, 0)
                last, over = max(last, entry.t), over or entry.what == "close"
                if entry.what == "open":
                    break
        quiet = time.perf_counter() - self.began - last
        return not over or (calls > 0 and quiet < RECENT)

    def clear(self) -> None:
        """Forget what was recorded; numbers go on."""
        self.bring()
        self._entries.clear()
        self._wire, self._messages, self.full = 0, 0, False

    # -- looking

    @property
    def entries(self) -> list[Entry]:
        """Everything in order of time."""
        self.bring()
        return sorted(self._entries, key=lambda entry: entry.t)

    def bring(self) -> None:
        """Take in what other processes have written so far."""
        for bring in self.sources:
            bring(self)

    @property
    def calls(self) -> list[Call]:
        """The calls of the application, in order."""
        calls: dict[int, Call] = {}
        for entry in self.entries:
            if entry.call is None:
                continue
            if entry.what == "call":
                calls[entry.call] = Call(entry.call, entry.connection, entry.data, entry.t)
            elif entry.call in calls:
                calls[entry.call].add(entry)
        return list(calls.values())

    @property
    def connections(self) -> list[Connection]:
        """The connections, in order of accept, each with its calls."""
        found: dict[int, Connection] = {}
        for entry in self.entries:
            if entry.connection is not None and entry.call is None:
                found.setdefault(entry.connection, Connection(entry.connection)).add(entry)
        for call in self.calls:
            if call.connection in found:
                found[call.connection].calls.append(call)
        return list(found.values())

    @property
    def wire(self) -> drawing.Figure:
        """The latest connection: its bytes beside the messages they became."""
        connections = self.connections
        if not connections:
            return self._nothing()
        caption = self._caption(len(connections) - 1)
        rows = pairing.rows(connections[-1])
        return drawing.wire(rows, title=pairing.title(connections[-1]), caption=caption)

    @property
    def sequence(self) -> drawing.Figure:
        """The latest connection, and a lifespan that was not refused, in order of time."""
        connections = self.connections
        latest = connections[-1].number if connections else None
        refused = {c.number for c in self.calls if c.ended == "raised" and not c.entries[:-1]}
        entries = [
            e
            for e in self.entries
            if e.connection == latest or (e.connection is None and e.call not in refused)
        ]
        if not entries:
            return self._nothing()
        caption = "Times in ms. " + self._caption(max(len(connections) - 1, 0))
        return drawing.sequence(pairing.steps(entries), title="In order of time", caption=caption)

    def _nothing(self) -> drawing.Figure:
        return drawing.failure("nothing was recorded yet: ask the site something first")

    def _caption(self, earlier: int) -> str:
        parts = [self.about.get("server", ""), self.about.get("date", "")]
        if earlier:
            plural = "connection" if earlier == 1 else "connections"
            parts.append(f"{earlier} earlier {plural} in .connections")
        if self.full:
            parts.append("the recording was full and stopped")
        return ", ".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        return self.wire._repr_html_()

    def __repr__(self) -> str:
        return repr(self.wire)

    # -- keeping

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording as JSON; `load` gives the same entries back."""
        entries = [entry.plain() for entry in self.entries]
        content = {"about": self.about, "full": self.full, "entries": entries}
        Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Conversation:
        """Read a recording that `save` wrote."""
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        conversation = cls(content["about"])
        conversation._entries = [Entry(**from_json(entry)) for entry in content["entries"]]
        conversation.full = content["full"]
        return conversation


class _Ports(dict[str, list[tuple[float, int]]]):
    """Which connection a port was, and since when: a port may be used again."""

    def note(self, port: int, began: float, connection: int) -> None:
        self.setdefault(str(port), []).append((began, connection))

    def find(self, port: int | str, when: float = math.inf) -> int | None:
        known = self.get(str(port), [])  # granian gives the port as a str
        return next((number for began, number in reversed(known) if began <= when), None)


async def observe(
    app: App,
    scope: Scope,
    receive: Receive,
    send: Send,
    note: Callable[..., Entry],
    began: float,
    done: Callable[[Entry], None] = lambda entry: None,
) -> None:
    """Call `app` and note the call, every message both ways, and how it ended.

    `note` makes an entry as it happens, its time counted from `began`, so that what ends and what
    happens are told by one clock; `done` is told once a receive or send has returned.
    """
    note("call", data=snapshot(scope))
    clock = time.perf_counter

    async def receive_noted() -> Message:
        entry = note("receive")
        try:
            message = await receive()
        except BaseException as error:
            refused(entry, error)
            raise
        entry.took = clock() - began - entry.t
        entry.data = snapshot(message)
        done(entry)
        return message

    async def send_noted(message: Message) -> None:
        entry = note("send", data=snapshot(message))
        try:
            await send(message)
        except BaseException as error:
            refused(entry, error)
            raise
        entry.took = clock() - began - entry.t
        done(entry)

    def refused(entry: Entry, error: BaseException) -> None:
        entry.error = describe(error)
        done(entry)

    try:
        await app(scope, receive_noted, send_noted)
    except BaseException as error:
        note("raise", data=describe(error))
        raise
    note("return")


def describe(error: BaseException) -> str:
    """`ValueError: text`, or the bare name where there is no text."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def snapshot(message: Any) -> Any:
    """One level deep, as it is now: frameworks write into a scope after it was given to them."""
    if not isinstance(message, dict):
        return message
    kept = message.copy()
    for key, value in message.items():
        if copy := _COPIES.get(type(value)):
            kept[key] = copy(value)
    return kept


_COPIES: Mapping[type, Callable[[Any], Any]] = {
    list: list.copy,
    dict: dict.copy,
    bytearray: bytes,
    memoryview: bytes,
}


def _weight(message: Message) -> int:
    """Bytes that a message holds, where messages hold many."""
    part = message.get("body") or message.get("bytes") or message.get("text")
    return len(part) if isinstance(part, (bytes, str)) else 0


def to_json(value: Any) -> Any:
    """Plain JSON: bytes as {"bytes": latin-1 text}, what is not data as {"repr": its class}."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": bytes(value).decode("latin-1")}
    if isinstance(value, Mapping):
        plain = {str(key): to_json(item) for key, item in value.items()}
        return {"dict": plain} if set(plain) in ({"bytes"}, {"dict"}) else plain
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return {"repr": f"{type(value).__module__}.{type(value).__qualname__}"}


def from_json(value: Any) -> Any:
    """The inverse of `to_json`; tuples come back as lists, objects as their {"repr": …}."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"bytes"}:
        return value["bytes"].encode("latin-1")
    inner = value["dict"] if set(value) == {"dict"} else value
    return {key: from_json(item) for key, item in inner.items()}


class Tap(asyncio.Protocol):
    """Between asyncio's transport and a server's own protocol: all passes through, and is noted."""

    def __init__(self, inner: Any, conversation: Conversation) -> None:
        self.inner = inner
        self.conversation = conversation
        self.number = 0
        self.closing: str | None = None

    def connection_made(self, transport: Any) -> None:
        """Number the connection and hand the server a transport that notes its writes."""
        peer = transport.get_extra_info("peername")
        self.number = self.conversation.open(peer[1] if isinstance(peer, tuple) else None)
        self._inside(self.inner.connection_made, TappedTransport(transport, self))

    def data_received(self, data: bytes) -> None:
        """Note the bytes, then hand them on."""
        if CARD in data:
            self.conversation.ignore(self.number)
        self.conversation.add("in", self.number, None, bytes(data))
        self._inside(self.inner.data_received, data)

    def eof_received(self) -> Any:
        """The client will send no more."""
        self.closing = self.closing or "client"
        self.conversation.add("eof", self.number)
        return self._inside(self.inner.eof_received)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note who closed, then tell the server."""
        who = self.closing or "client"
        self.conversation.add("close", self.number, None, f"{who}: {describe(exc)}" if exc else who)
        self._inside(self.inner.connection_lost, exc)

    def pause_writing(self) -> None:
        """Back-pressure is the server's business."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Back-pressure is the server's business."""
        self.inner.resume_writing()

    def _inside(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Run a step of the server so that the call it may start knows its connection."""
        token = _connection.set(self.number)
        try:
            return step(*arguments)
        finally:
            _connection.reset(token)


class TappedTransport:
    """The transport a server writes to: the same one, with writes and closing noted."""

    def __init__(self, transport: Any, tap: Tap) -> None:
        self._transport = transport
        self._tap = tap

    def write(self, data: bytes) -> None:
        """Note the bytes, then write them."""
        if data:
            self._tap.conversation.add("out", self._tap.number, None, bytes(data))
        self._transport.write(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Note the bytes as one write: that is what the socket sees."""
        self.write(b"".join(parts))

    def close(self) -> None:
        """The server ends the connection."""
        self._tap.closing = self._tap.closing or "server"
        self._transport.close()

    def abort(self) -> None:
        """The server drops the connection."""
        self._tap.closing = self._tap.closing or "server"
        self._transport.abort()

    def write_eof(self) -> None:
        """The server has said all."""
        self._tap.closing = self._tap.closing or "server"
        self._transport.write_eof()

    def set_protocol(self, protocol: Any) -> None:
        """A WebSocket upgrade swaps the server's protocol; the tap stays in front of it."""
        self._tap.inner = protocol

    def get_protocol(self) -> Any:
        """The server's own protocol, not the tap."""
        return self._tap.inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
