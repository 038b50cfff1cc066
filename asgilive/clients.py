"""Clients that show their bytes: a request, exact bytes, a held connection, a crowd, no socket.

Rules: every client takes a site or a URL first; nothing is hidden or mended: a broken answer is a
`Reply` like any other, and how it ended is in `ended`. The rude clients of the book are these with
a pace, a small buffer or an `abort`. All times are in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import socket
import string
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from asgilive import application, drawing, recording, wire
from asgilive.recording import App, Call, Conversation, Message, Scope

T = TypeVar("T")

Ended = Literal["complete", "closed", "reset", "silent"]
Headers = Sequence[tuple[str | bytes, str | bytes]]


class HasUrl(Protocol):
    """What a client needs of a site."""

    @property
    def url(self) -> str:
        """http://host:port"""


class Later(Generic[T]):
    """What `await` starts; `async with` starts it and ends it too."""

    def __init__(
        self, start: Callable[[], Awaitable[T]], end: Callable[[T], Awaitable[None]], words: str
    ) -> None:
        self._start, self._end, self._words = start, end, words
        self._found: T | None = None

    def __await__(self) -> Generator[Any, None, T]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> T:
        if self._found is None:
            self._found = await self._start()
        return self._found

    async def __aexit__(self, *_: object) -> None:
        await self._end(await self)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name if name.startswith("_") else f"no .{name} yet: {self._words}")

    def __repr__(self) -> str:
        return self._words


# -- one request, or exact bytes


@dataclass(slots=True)
class Reply:
    """The bytes that came back, and what they say.

    `took` is in seconds. `ended` says how the reading ended: "complete", a whole answer to every
    request; "closed" or "reset", the server ended the connection before that; "silent", no byte
    for `wait` seconds. `status`, `headers` and `body` are those of the last answer.
    """

    sent: bytes
    received: bytes
    ended: Ended
    took: float

    @property
    def replies(self) -> list[Answer]:
        """Every answer on the connection, in order; interim ones (1xx) are not counted."""
        closed = self.ended in ("complete", "closed")
        return list(_answers(self.sent, self.received, closed=closed))

    @property
    def status(self) -> int | None:
        """The status code, None where there is no whole head."""
        return self._last.status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header lines as (name in lower case, value), in order."""
        return self._last.headers

    @property
    def body(self) -> bytes:
        """The body without its framing, as far as it came."""
        return self._last.body

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")

    @property
    def _last(self) -> Answer:
        return (self.replies or [Answer(None, b"", [], b"")])[-1]

    def _figure(self) -> drawing.Figure:
        answers = [(a.line, a.lines, a.body) for a in self.replies]
        return drawing.reply(self.sent, self.received, answers, self.ended, self.took)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


@dataclass(slots=True)
class Answer:
    """One answer on a connection: its first line and its header lines as they came, its body."""

    status: int | None
    line: bytes
    lines: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header lines, names in lower case."""
        return [(name.lower(), value) for name, value in self.lines]


async def fetch(
    site: HasUrl | str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Headers = (),
    body: bytes = b"",
    wait: float = 10.0,
) -> Reply:
    """Ask for `path` with the smallest legal request, and return the bytes that came back.

    The request is its first line, Host, Content-Length where there is a body, and the headers
    given, which may replace those two; nothing else. In `path`, blanks and what is not ASCII are
    percent-encoded. `wait` is how many seconds without a byte mean that none will come. An answer
    that breaks off is returned, not raised. Raises ConnectionRefusedError where nothing listens.
    Taught in chapter 1.
    """
    host, port = address(site)
    given = [(_bytes(name), _bytes(value)) for name, value in headers]
    names = {name.lower() for name, _ in given}
    own = [] if b"host" in names else [(b"Host", b"%s:%d" % (host.encode(), port))]
    size = [(b"Content-Length", b"%d" % len(body))]
    fields = own + given + (size if body and not names & _FRAMING else [])
    first = f"{method} {quote(path, safe=string.punctuation)} HTTP/1.1".encode()
    lines = [first, *(name + b": " + value for name, value in fields)]
    return await raw(site, b"\r\n".join(lines) + b"\r\n\r\n" + body, wait=wait)


_FRAMING = {b"content-length", b"transfer-encoding"}


async def raw(site: HasUrl | str, data: bytes, *, wait: float = 1.0) -> Reply:
    """Send exactly these bytes, and read until every request in them is answered.

    Where they hold no whole head, one answer is awaited. `wait` is how many seconds without a
    byte, either way, mean that none will come. Taught in chapter 1.
    """
    async with dial(site) as line:
        began = time.perf_counter()
        writing = asyncio.ensure_future(line.write(data))  # a server may answer before it has read
        try:
            await asyncio.sleep(0)  # silence counts from what was written
            ended = await _read_answers(line, data, wait)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            if line.unsent:
                line.abort()
        reply = Reply(line.sent, line.received, ended, time.perf_counter() - began)
    if isinstance(conversation := getattr(site, "conversation", None), Conversation):
        await conversation.settle(line.port)
    return reply


async def _read_answers(line: Line, data: bytes, wait: float) -> Ended:
    asked = wire.asked(data, wire.requests(data))
    answers = wire.Answers(asked)
    wanted = max(1, len(asked))
    while answers.count < wanted:
        gone = line.gone
        try:
            piece = await line.read(wait=wait)
        except TimeoutError:
            if line.gone > gone:
                continue
            return "silent"
        except ConnectionError:
            return "reset"
        if answers.feed(piece) < wanted and not piece:
            return "closed"
    return "complete"


def _answers(sent: bytes, received: bytes, *, closed: bool) -> Generator[Answer]:
    asked = wire.asked(sent, wire.requests(sent))
    spans = wire.responses(received, asked, closed=closed)
    for head in (span for span in spans if span.part == "head"):
        lines = received[head.start : head.end].splitlines()
        pairs = [line.partition(b":") for line in lines[1:] if line]
        parts = [s.payload for s in spans if s.part == "body" and s.index == head.index]
        yield Answer(
            status=int(lines[0].split()[1]),
            line=lines[0],
            lines=[(name, value.strip()) for name, _, value in pairs],
            body=b"".join(received[begin:end] for begin, end in parts),
        )


def address(site: HasUrl | str) -> tuple[str, int]:
    """Host and port of a site or URL. Raises TypeError for something that is neither."""
    url = site if isinstance(site, str) else getattr(site, "url", None)
    if not isinstance(url, str) or not url.startswith(("http://", "ws://")):
        raise TypeError(
            f"{site!r} is neither a site nor an http:// URL: give what `await serve(…)` returned"
        )
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


# -- a connection that is held


class Line:
    """One TCP connection held open, every byte that crossed it, and when."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.port: int = writer.get_extra_info("sockname")[1]
        self._began = time.perf_counter()
        self._written = 0
        self._received = bytearray()
        self.events: list[tuple[float, Literal["out", "in", "end"], bytes]] = []

    @property
    def sent(self) -> bytes:
        """Everything written so far."""
        return b"".join(data for _, way, data in self.events if way == "out")

    @property
    def received(self) -> bytes:
        """Everything read so far."""
        return bytes(self._received)

    @property
    def unsent(self) -> int:
        """How many bytes wait in this program because the other side does not take them."""
        return self._writer.transport.get_write_buffer_size()

    @property
    def gone(self) -> int:
        """How many of the bytes that were written have left this program."""
        return self._written - self.unsent

    async def write(self, data: bytes, *, pace: float | None = None) -> None:
        """Send bytes, at once or byte by byte at `pace` bytes a second."""
        pieces = [data] if pace is None else [data[i : i + 1] for i in range(len(data))]
        for piece in pieces:
            self._writer.write(piece)
            self._written += len(piece)
            self._note("out", piece)
            await self._writer.drain()
            if pace is not None:
                await asyncio.sleep(1 / pace)

    async def read(self, *, until: bytes | None = None, wait: float = 1.0) -> bytes:
        """The next bytes; with `until`, everything up to where those bytes have come.

        Returns b"" when the server has closed. Raises TimeoutError after `wait` seconds without
        a byte, ConnectionResetError when the server dropped the connection.
        """
        got = bytearray()
        while True:
            data = await self._next(wait)
            got += data
            new = len(data) + len(until or b"")  # the bytes looked for may have begun before
            if not data or until is None or until in got[-new:]:
                return bytes(got)

    async def _next(self, wait: float) -> bytes:
        try:
            async with asyncio.timeout(wait):
                data = await self._reader.read(65536)
        except TimeoutError:
            size = len(self._received)
            text = f"nothing for {wait:g} s; the server has sent {size} bytes so far"
            raise TimeoutError(text) from None
        if not data and isinstance(self._reader, _Inbox) and self._reader.lost:
            raise self._reader.lost
        self._received += data
        self._note("in" if data else "end", data)
        return data

    async def finish(self) -> None:
        """Say that no more will be sent (FIN); reading goes on."""
        self._writer.write_eof()
        await self._writer.drain()

    def close(self) -> None:
        """End the connection both ways."""
        self._writer.close()

    def abort(self) -> None:
        """Vanish: drop the connection with RST, without a word."""
        reset(self._writer.transport)

    def _note(self, way: Literal["out", "in", "end"], data: bytes) -> None:
        self.events.append((time.perf_counter() - self._began, way, data))

    def _figure(self) -> drawing.Figure:
        return drawing.line(self.events)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


class _Inbox(asyncio.StreamReader):
    """asyncio's reader, which gives out what came before it raises that the connection is lost."""

    lost: Exception | None = None

    def set_exception(self, exc: Exception) -> None:
        """Note it, as the end of the stream."""
        self.lost = exc
        self.feed_eof()


def dial(site: HasUrl | str, *, buffer: int | None = None) -> Later[Line]:
    """Open a connection and hold it; `buffer` is how many bytes may wait unread at this end.

    A client that is silent, slow, gone or never reads is one that does not `write`, writes at a
    `pace`, calls `abort`, or has a small `buffer` and does not `read`. Taught in chapter 1.
    """
    where = address(site)
    words = "not connected: write `line = await dial(site)` or `async with dial(site) as line:`"
    return Later(lambda: _open(where, buffer), _hang_up, words)


async def _open(where: tuple[str, int], buffer: int | None) -> Line:
    """As `asyncio.open_connection`, with a reader that loses no byte."""
    loop = asyncio.get_running_loop()
    reader = _Inbox(buffer or 1 << 16, loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    host, port = where
    if buffer is None:
        transport, _ = await loop.create_connection(lambda: protocol, host, port)
    else:
        sock = await _small(where, buffer)
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
    return Line(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


async def _hang_up(line: Line) -> None:
    line.close()
    await asyncio.sleep(0)  # asyncio closes the socket in its next step


def reset(transport: Any) -> None:
    """Drop a connection so that the other side sees RST: SO_LINGER with no time to linger."""
    sock = transport.get_extra_info("socket")
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    with contextlib.suppress(OSError):  # closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def _small(address: tuple[str, int], size: int) -> socket.socket:
    """A connected socket with a small receive buffer: set before connecting, or it is too late."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


# -- many clients


@dataclass(slots=True)
class Visit:
    """One client of a crowd: when it began and how long it took, in seconds."""

    number: int
    began: float
    took: float
    result: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class Crowd:
    """Many clients at once, and what came of each."""

    visits: list[Visit]

    @property
    def took(self) -> float:
        """Seconds from the first start to the last end."""
        return max((visit.began + visit.took for visit in self.visits), default=0.0)

    @property
    def errors(self) -> list[Exception]:
        """What the visits raised."""
        return [visit.error for visit in self.visits if visit.error is not None]

    @property
    def results(self) -> list[Any]:
        """What the visits returned, in order of their numbers, failed ones left out."""
        return [visit.result for visit in self.visits if visit.error is None]

    def percentile(self, p: float) -> float:
        """The time, in seconds, within which `p` percent of the visits ended (nearest rank)."""
        times = sorted(visit.took for visit in self.visits) or [0.0]
        rank = -(-len(times) * p // 100)
        return times[max(int(rank), 1) - 1]

    def _figure(self) -> drawing.Figure:
        lanes = [
            (str(v.number + 1), [(v.began, v.began + v.took, "bad" if v.error else "wait")])
            for v in self.visits
        ]
        failed = f", {len(self.errors)} failed" if self.errors else ""
        caption = f"{len(self.visits)} clients in {self.took:.2f} s{failed}."
        words = {"wait": "asked, until answered", "bad": "failed"}
        return drawing.gantt(lanes, title="One lane a client", caption=caption, words=words)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


async def crowd(n: int, visit: Callable[[int], Awaitable[Any]], *, gap: float = 0.0) -> Crowd:
    """Be `n` clients at once: `visit(i)` is awaited for i from 0 to n - 1.

    `gap` is the time in seconds between two starts. What a visit raises is kept, not raised.
    Raises TypeError where `visit` is no function. Taught in chapter 6.
    """
    if not callable(visit):
        raise TypeError("a visit is a function of its number: crowd(20, lambda i: fetch(site))")
    began = time.perf_counter()

    async def one(number: int) -> Visit:
        await asyncio.sleep(number * gap)
        start = time.perf_counter()
        found = Visit(number, start - began, 0.0)
        try:
            found.result = await visit(number)
        except Exception as error:
            found.error = error
        found.took = time.perf_counter() - start
        return found

    return Crowd(list(await asyncio.gather(*(one(number) for number in range(n)))))


# -- no socket at all

_PEERS: Scope = {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000)}
_REQUEST: Scope = {
    "asgi": {"version": "3.0", "spec_version": "2.5"},
    "http_version": "1.1",
    "path": "/",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    **_PEERS,
}
SCOPES: dict[str, Scope] = {
    "http": {**_REQUEST, "method": "GET", "scheme": "http"},
    "websocket": {**_REQUEST, "scheme": "ws", "subprotocols": []},
    "lifespan": {"asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}},
}
OPENING: dict[str, Message] = {
    "http": {"type": "http.request", "body": b"", "more_body": False},
    "websocket": {"type": "websocket.connect"},
    "lifespan": {"type": "lifespan.startup"},
}


QUIET = 0.05  # seconds without a message after which a waiting application counts as waiting


async def drive(
    app: App, scope: Scope, messages: list[Message] | None = None, *, wait: float = 1.0
) -> Call:
    """Call the application in memory, without socket or server, and return what it did.

    `scope` needs its `type`; missing keys get the specification's defaults. `messages` are what
    `receive()` gives, by default the one that opens the protocol; when they run out it waits, and
    the call ends as "waiting" once the application awaits another, or after `wait` seconds.
    Raises TypeError for what is not an application. Taught in chapter 2.
    """
    application.check(app)
    if "type" not in scope:
        raise TypeError('a scope has a type: drive(app, {"type": "http"})')
    kind = str(scope["type"])
    full = {"type": kind, **copy.deepcopy(SCOPES.get(kind, {})), **scope}
    if "path" in full:
        full.setdefault("raw_path", str(full["path"]).encode())
    opening = OPENING.get(kind, {"type": kind})
    left = [dict(opening)] if messages is None else list(messages)
    hungry = asyncio.get_running_loop().create_future()
    conversation = Conversation()

    async def receive() -> Message:
        if not left:
            if not hungry.done():
                hungry.set_result(None)
            await asyncio.Event().wait()
        return left.pop(0)

    async def send(message: Message) -> None:
        return None

    async def run() -> None:
        note = lambda what, data=None: conversation.add(what, None, 1, data)  # noqa: E731
        with contextlib.suppress(Exception, SystemExit):  # it is in the recording
            await recording.observe(app, full, receive, send, note, conversation.began)

    task = asyncio.ensure_future(run())
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await _settle(task, hungry, conversation)
    finally:
        call = conversation.calls[0] if conversation.calls else Call(1, None, full)
        call.entries = [replace(entry) for entry in call.entries]  # ending it is no part of it
        task.cancel()
        await asyncio.wait({task}, timeout=wait)
    return call


async def _settle(
    task: asyncio.Task[None], hungry: asyncio.Future[None], conversation: Conversation
) -> None:
    """Until the call ends, or waits for a message there is not while nothing else moves."""
    await asyncio.wait({task, hungry}, return_when=asyncio.FIRST_COMPLETED)
    seen = -1
    while not task.done() and seen != (seen := len(conversation.entries)):
        await asyncio.wait({task}, timeout=QUIET)


# -- failing on purpose


class DidNotFail(AssertionError):
    """The block of a `with fails(…)` raised nothing."""


class fails:
    """Run a block that must raise one of `errors`; the error is kept, and shows in one line.

    Without `errors`, any Exception will do. Also silences what such a failure leaves behind:
    coroutines that nobody awaited. Raises DidNotFail where nothing was raised; another error
    passes through. Taught in chapter 1.
    """

    def __init__(self, *errors: type[BaseException]) -> None:
        self.errors = errors or (Exception,)
        self.error: BaseException | None = None
        self._quiet = warnings.catch_warnings()

    @property
    def text(self) -> str:
        """The error as one line."""
        return recording.describe(self.error) if self.error else "nothing was raised yet"

    def __enter__(self) -> fails:
        self._quiet.__enter__()
        warnings.simplefilter("ignore", RuntimeWarning)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        self.error = error
        for link in _chain(error):
            traceback.clear_frames(link.__traceback__)
        gc.collect()
        self._quiet.__exit__(None, None, None)
        if error is None:
            names = " or ".join(e.__name__ for e in self.errors)
            raise DidNotFail(f"nothing was raised: the book expected {names}")
        return isinstance(error, self.errors)

    def _repr_html_(self) -> str:
        return drawing.failure(self.text)._repr_html_()

    def __repr__(self) -> str:
        return self.text


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those it came from: their frames hold what nobody awaited."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
