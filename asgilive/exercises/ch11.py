"""Chapter 11, Build your own ASGI server: a tester for each of ten stages, and four exercises more.

A stage is judged on a real socket: the reader's server runs an application of the tester's, and
the tester is its client. Each stage needs what is before it, and nothing that comes behind. What
HTTP and ASGI leave to a server passes: any status of a refusal between 400 and 499, a body in any
pieces, any framing that says where an answer ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from asgilive import hosting, wire
from asgilive.checks import Wrong, exercise, raised, want
from asgilive.clients import Line, Reply, dial, drive, raw
from asgilive.recording import App, Message, Receive, Scope, Send, describe

Server = Callable[..., Awaitable[None]]

PATIENCE = 1.0  # seconds that a server may take for what is due at once
MOMENT = 0.25  # seconds in which nothing is to happen
WITHIN = 20.0  # seconds for a stage: some wait on purpose

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


# -- a reader's server, running


class Running:
    """A reader's server on a port of its own; `url` is where."""

    def __init__(self, server: Server, app: App, limits: dict[str, Any]) -> None:
        self.troubles: list[BaseException] = []
        self.transports: list[Any] = []
        loop: Any = asyncio.get_running_loop()
        self._loop, self._handler = loop, loop.get_exception_handler()
        self._before = asyncio.all_tasks()
        self.sock = _listening()
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        try:
            made: Any = server(app, self.sock, **limits)
            if not inspect.isawaitable(made):
                raise Wrong("your server is a plain `def`: write `async def server(app, sock)`")
        except Wrong:
            self.sock.close()
            raise
        except Exception as error:
            self.sock.close()
            raise Wrong(raised("server", error)) from error
        hosting.LOGS.watch()
        token = hosting.SITE_LOG.set([])  # what it logs is not for the notebook
        self.task = asyncio.ensure_future(made)
        hosting.SITE_LOG.reset(token)
        self._loop.set_exception_handler(self._note)
        self._loop._make_socket_transport = self._make  # as hosting.SiteLoop: none is left open

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback of the loop raised, as a protocol's method: nobody else catches it."""
        if error := context.get("exception"):
            self.troubles.append(error)

    def _make(self, *arguments: Any, **options: Any) -> Any:
        make = type(self._loop)._make_socket_transport
        self.transports.append(make(self._loop, *arguments, **options))
        return self.transports[-1]

    async def up(self) -> None:
        """Raise Wrong where the server ends before anybody asked it to."""
        await asyncio.wait({self.task}, timeout=0.05)
        self.alive()

    def alive(self) -> None:
        """Raise Wrong where the server has ended."""
        if self.task.done():
            if error := None if self.task.cancelled() else self.task.exception():
                raise error
            raise Wrong("your server returned: it is to serve until it is cancelled")

    async def stop(self, within: float = 3.0) -> bool:
        """Cancel it; whether it ended in time."""
        self.task.cancel()
        done, _ = await asyncio.wait({self.task}, timeout=within)
        return bool(done)

    async def end(self) -> None:
        """Stop it, and end what it leaves."""
        await self.stop()
        for task in asyncio.all_tasks() - self._before - {self.task}:
            task.cancel()
        for transport in self.transports:
            transport.abort()
        await asyncio.sleep(0.01)
        self.sock.close()
        del self._loop._make_socket_transport
        self._loop.set_exception_handler(self._handler)


def _listening() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    sock.listen(100)
    return sock


@contextlib.asynccontextmanager
async def started(server: Server, app: App, **limits: Any) -> AsyncIterator[Running]:
    """The reader's server, serving this application; it is stopped in the end.

    What its callbacks raised is the sentence where the tester finds something wrong.
    """
    _judge_server(server)
    running = Running(server, app, limits)
    try:
        await running.up()
        yield running
    except Wrong as wrong:
        for error in running.troubles:
            raise Wrong(raised("server", error), wrong.evidence) from None
        raise
    finally:
        await running.end()


def _judge_server(server: Any) -> None:
    """Raise Wrong for what is no server."""
    if inspect.iscoroutine(server):
        server.close()
        raise Wrong("you called the server: give `server` itself, without brackets")
    want(callable(server), f"`{repr(server)[:60]}` is no server: it is called as server(app, sock)")
    with contextlib.suppress(ValueError):
        try:
            inspect.signature(server).bind(None, None)
        except TypeError:
            takes = inspect.signature(server)
            raise Wrong(f"your server takes {takes}, and is called as server(app, sock)") from None


async def _ask(running: Running, data: bytes, wait: float = PATIENCE) -> Reply:
    """Send these bytes and read the answers. Raises Wrong where nobody takes them."""
    running.alive()
    try:
        return await raw(running.url, data, wait=wait)
    except ConnectionError as error:
        raise Wrong(f"a client that connects is turned away: {describe(error)}") from None


async def _answered(running: Running, data: bytes, what: str, wait: float = PATIENCE) -> Reply:
    """Send these bytes, and want one whole answer."""
    reply = await _ask(running, data, wait)
    want(reply.received or reply.ended != "silent", f"{what} is not answered", reply)
    want(
        reply.received, f"{what} is answered with nothing: the connection was {_end(reply)}", reply
    )
    begin = reply.received[:5]
    want(begin == b"HTTP/", f"{what} is answered with {begin!r}…, and HTTP begins `HTTP/`", reply)
    want(reply.status is not None, f"{what} is answered with a head that does not end", reply)
    want(
        reply.ended == "complete", f"{what}: the answer is not complete, then {_end(reply)}", reply
    )
    return reply


def _end(reply: Reply) -> str:
    return {"silent": "silence", "complete": "complete"}.get(reply.ended, reply.ended)


def _told(reply: Reply, status: int, body: bytes, what: str) -> None:
    """Want this answer."""
    want(reply.status == status, f"{what}: the status is {reply.status}, not {status}", reply)
    want(reply.body == body, f"{what}: the body is {reply.body[:40]!r}, not {body[:40]!r}", reply)


async def _reply(send: Send, body: bytes = b"", status: int = 200) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


def _http(scope: Scope) -> None:
    """As the book's applications, raise for another scope."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    _http(scope)
    await _reply(send, b"hello")


# -- 11.1


@exercise(
    "11.1",
    "Stage 1: accept",
    your="server",
    within=WITHIN,
    hints=(
        "asyncio accepts for you: `loop.create_server(Connection, sock=sock)` calls `Connection`"
        " once for every client.",
        "`data_received` of an asyncio.Protocol gets the bytes; `self.transport.write` answers.",
        "The coroutine `server` must not return: behind `create_server`, await a future that nobody"
        " fills, `loop.create_future()`.",
    ),
)
async def stage_1(server: Server) -> None:
    """Every client is accepted at once and answered, until the server is cancelled."""
    async with started(server, _hello) as running, _silent(running):
        for what in ("the first request", "the second, on a new connection"):
            await _answered(running, GET, f"{what}, beside a client that says nothing,")
        running.alive()
        want(await running.stop(), "your server goes on after it was cancelled: let it end")


@contextlib.asynccontextmanager
async def _silent(running: Running) -> AsyncIterator[Line]:
    """A client that says nothing. Raises Wrong where nobody takes it."""
    try:
        line = await dial(running.url)
    except ConnectionError as error:
        raise Wrong(f"a client that connects is turned away: {describe(error)}") from None
    try:
        yield line
    finally:
        line.close()


# -- 11.2


@exercise(
    "11.2",
    "Stage 2: read the head",
    your="server",
    within=WITHIN,
    hints=(
        "Bytes come in pieces of any size: keep what has come, and look for the empty line in all"
        " of it.",
        'With h11: `conn.receive_data(data)`, then `conn.next_event()`. `NEED_DATA` means "wait",'
        " a `Request` is a whole head.",
        "What breaks HTTP raises `h11.RemoteProtocolError`: write a 400 with `connection: close`,"
        " then close.",
    ),
)
async def stage_2(server: Server) -> None:
    """A head may come in any pieces, and what is no head is refused with a 4xx."""
    async with started(server, _hello) as running:
        async with dial(running.url) as line:
            await line.write(b"GET / HTTP/1.1\r\nHo")
            early = await _quiet(line)
            want(not early, f"half a head came, and your server answered {early[:20]!r}", line)
            await line.write(b"st: a\r\n\r\n")
            await _heard(line, b"HTTP/1.1 2", "a head that came in two pieces", b"\r\n\r\n")
        async with dial(running.url) as line:
            await line.write(GET, pace=500)
            await _heard(line, b"HTTP/1.1 2", "a head that came byte by byte", b"\r\n\r\n")
        for what, data in _NO_HEADS.items():
            await _refused(running, what, data)
        await _answered(running, GET, "a good request after all that")


_NO_HEADS = {
    "`nonsense`": b"nonsense\r\n\r\n",
    "a request without Host": b"GET / HTTP/1.1\r\n\r\n",
    "a header line without a colon": b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    "a path with a blank in it": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a head of 200 kB without an end": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000,
}


async def _refused(running: Running, what: str, data: bytes) -> None:
    """Want a 4xx and the end of the connection."""
    reply = await _ask(running, data)
    if reply.ended == "reset" and not reply.received:
        return  # so much came that its answer was lost on the way
    want(reply.received, f"{what} gets no answer: say 400, then close", reply)
    right = reply.status is not None and 400 <= reply.status < 500
    want(right, f"{what} is answered with {reply.status}, and should be refused: 400", reply)


async def _quiet(line: Line) -> bytes:
    """What comes in a moment in which nothing should."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        return await line.read(wait=MOMENT)
    return b""


async def _heard(line: Line, begin: bytes, what: str, until: bytes) -> bytes:
    """Want an answer that begins so, and read until these bytes have come."""
    got = b""
    try:
        got = await line.read(until=until, wait=PATIENCE)
    except (TimeoutError, ConnectionError):
        want(line.received, f"{what} is not answered", line)
    want(got, f"{what} is answered with nothing: the connection was closed", line)
    want(got.startswith(begin), f"{what} is answered with {got[:30]!r}, not {begin!r}…", line)
    want(until in got, f"{what}: {until!r} never came", line)
    return got


# -- 11.3


@exercise(
    "11.3",
    "Stage 3: scope, and the call",
    your="server",
    within=WITHIN,
    hints=(
        "Make a task of `app(scope, receive, send)` as soon as the head is whole; until stages 4"
        " and 5, `receive` and `send` may be empty functions.",
        "`raw_path` is what stood in front of the `?`; `path` is the same, percent-decoded, then"
        " read as UTF-8: `urllib.parse.unquote`.",
        "Names of headers are in lower case, in the order they came, twice if they came twice:"
        " a list of pairs of bytes, never a dict.",
    ),
)
async def stage_3(server: Server) -> None:
    """Each request is one call of the app, with a scope that says what the head said."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _http(scope)
        scopes.append(scope)
        if scope["path"] == "/fails":
            raise ValueError("on purpose")

    head = (
        b"GET /a%20b%2Fc/%E2%82%AC?q=%20x&q HTTP/1.1\r\nHost: a\r\nMiXeD: v\r\n"
        b"X-Dup: 1\r\nX-Other: z\r\nx-dup: 2\r\n\r\n"
    )
    async with started(server, app) as running:
        async with dial(running.url) as line:
            await line.write(head)
            await _until(lambda: scopes, "a request came, and your server did not call the app")
            _judge_scope(scopes[0], line.port, int(running.url.rpartition(":")[2]))
        await _ask(running, GET.replace(b"/ ", b"/fails "))
        await _ask(running, GET.replace(b"/ ", b"/again "))
        one = len({id(scope) for scope in scopes}) < len(scopes)
        want(not one, "two requests were given one and the same dict as scope")
        paths = [scope["path"] for scope in scopes[1:]]
        want(paths == ["/fails", "/again"], f"an app raised at /fails, and the calls were {paths}")


def _judge_scope(scope: Any, client: int, server: int) -> None:
    want(type(scope) is dict, f"the scope is a {type(scope).__name__}, not a dict")
    version = (scope.get("asgi") or {}).get("version")
    want(version == "3.0", f'scope["asgi"]["version"] is {version!r}, not "3.0"')
    for key, right in _SCOPE.items():
        want(key in scope, f"the scope has no {key!r}")
        text = f"scope[{key!r}] is {scope[key]!r}, not {right!r}"
        want(type(scope[key]) is type(right) and scope[key] == right, text)
    want("headers" in scope, "the scope has no 'headers'")
    given = scope["headers"]
    want(not isinstance(given, dict), "the headers are a dict, and one name may come twice: pairs")
    headers = [tuple(pair) for pair in given]
    want(headers == _HEADERS, f"the headers are {headers!r}, not {_HEADERS!r}")
    for key, port in (("client", client), ("server", server)):
        pair = scope.get(key)
        want(pair is not None, f"the scope has no {key!r}: the transport knows the address")
        right = ["127.0.0.1", port]
        want([*pair] == right, f"scope[{key!r}] is {pair!r}, and that end is at {right}")


_SCOPE: dict[str, Any] = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "path": "/a b/c/€",
    "raw_path": b"/a%20b%2Fc/%E2%82%AC",
    "query_string": b"q=%20x&q",
}
_HEADERS = [
    (b"host", b"a"),
    (b"mixed", b"v"),
    (b"x-dup", b"1"),
    (b"x-other", b"z"),
    (b"x-dup", b"2"),
]


async def _until(condition: Callable[[], Any], sentence: str, wait: float = PATIENCE) -> None:
    """Wait until it is so. Raises Wrong when it is not in time."""
    end = time.monotonic() + wait
    while not condition():
        want(time.monotonic() < end, sentence)
        await asyncio.sleep(0.005)


# -- 11.4


@exercise(
    "11.4",
    "Stage 4: the body, as messages",
    your="server",
    within=WITHIN,
    hints=(
        "`receive` waits until something has come: an asyncio.Event that `data_received` sets.",
        "Each h11 `Data` is a message with `more_body` True; `EndOfMessage` is the last, and its"
        " `more_body` is False. A GET has only that one.",
        "When the last has been given, `receive` waits: nothing else has happened yet.",
    ),
)
async def stage_4(server: Server) -> None:
    """The app receives the body in pieces as it comes, without its framing, and then waits."""
    calls: list[list[Message]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _http(scope)
        calls.append([])
        more = True
        while more:
            calls[-1].append(await receive())
            more = calls[-1][-1].get("more_body", False)
        calls[-1].append({"type": "whole"})
        calls[-1].append(await receive())

    post = b"POST / HTTP/1.1\r\nHost: a\r\n"
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
    async with started(server, app) as running:
        await _judge_body(running, calls, "a GET", [GET], b"")
        sized = [post + b"Content-Length: 11\r\n\r\nhello", b" world"]
        await _judge_body(running, calls, "a body in two pieces", sized, b"hello world")
        chunks = [chunked + b"5\r\nhello\r\n6", b"\r\n world\r\n0\r\n\r\n"]
        await _judge_body(running, calls, "a body in chunks", chunks, b"hello world")
        long = bytes(range(256)) * 4000
        pieces = [post + b"Content-Length: %d\r\n\r\n" % len(long), long]
        await _judge_body(running, calls, "a body of a megabyte", pieces, long)


async def _judge_body(
    running: Running, calls: list[list[Message]], what: str, pieces: Sequence[bytes], body: bytes
) -> None:
    count = len(calls)
    async with dial(running.url) as line:
        for number, piece in enumerate(pieces):
            await line.write(piece)
            if number == 0 and len(pieces) > 1 and not piece.endswith(b"\r\n\r\n"):
                text = f"{what}: the first came, and the app has received nothing of it yet"
                await _until(lambda: len(calls) > count and calls[-1], text)
        text = f"{what}: the app never receives a message whose `more_body` is False"
        await _until(lambda: len(calls) > count and {"type": "whole"} in calls[-1], text)
        await asyncio.sleep(MOMENT)
        got = calls[-1][: calls[-1].index({"type": "whole"})]
        after = calls[-1][len(got) + 1 :]
    odd = [message.get("type") for message in got if message.get("type") != "http.request"]
    want(not odd, f"{what}: the app received {odd[:1]}, not http.request")
    parts = [message.get("body", b"") for message in got]
    kind = next((type(part).__name__ for part in parts if type(part) is not bytes), "bytes")
    want(kind == "bytes", f"{what}: `body` is a {kind}, not bytes")
    found = b"".join(parts)
    want(found == body, f"{what}: the app received {len(found)} bytes, {found[:30]!r}…, not"
         f" {len(body)}, {body[:30]!r}…")  # fmt: skip
    want(not after, f"{what}: behind the whole body receive gave {after}, and nothing had happened")


# -- 11.5


@exercise(
    "11.5",
    "Stage 5: the answer, and where it ends",
    your="server",
    within=WITHIN,
    hints=(
        "`http.response.start` becomes an `h11.Response`, each body an `h11.Data`, and behind the"
        " last an `h11.EndOfMessage`: h11 chooses the framing.",
        "When the app raises or returns and nothing was written yet, write a 500. When something"
        " was, close: the missing end tells the client.",
        "To HEAD goes the same head, and no byte of a body.",
    ),
)
async def stage_5(server: Server) -> None:
    """What the app sends arrives as it is sent, whole, and a failure looks like one."""
    gate = asyncio.Event()
    async with started(server, _speaker(gate)) as running:
        reply = await _answered(running, _get("/given"), "an answer with a length")
        _told(reply, 201, b"hello", "an answer with a length")
        pair = (b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")
        headers = [found for found in reply.headers if found in pair]
        want(headers == [*pair], f"the app's headers arrived as {headers}, not {[*pair]}", reply)
        reply = await _answered(running, _get("/pieces"), "an answer in pieces")
        _told(reply, 200, b"one two three", "an answer in pieces")
        async with dial(running.url) as line:
            await line.write(_get("/stream"))
            await _heard(line, b"HTTP/1.1 200", "a piece, while the app goes on,", b"now")
            gate.set()
        reply = await _ask(running, _get("/pieces").replace(b"GET", b"HEAD"))
        want(reply.status == 200, "HEAD is answered with something else than GET", reply)
        body = reply.received.partition(b"\r\n\r\n")[2]
        want(not body, f"behind the head that answers HEAD came {body[:20]!r}", reply)
        for path, what in _FAILURES.items():
            reply = await _answered(running, _get(path), what)
            want(reply.status == 500, f"{what}: the status is {reply.status}, not 500", reply)
        reply = await _ask(running, _get("/amid"))
        text = "an app that raised amid its body: the client takes the half for the whole"
        want(reply.ended != "complete", text, reply)
        want(reply.ended != "silent", "an app that raised amid its body: the client waits", reply)
        reply = await _answered(running, _get("/mended"), "an app whose first messages were wrong")
        _told(reply, 200, b"none", "an app that sent what does not exist, and caught the errors")


def _get(path: str) -> bytes:
    return GET.replace(b"/ ", path.encode() + b" ", 1)


_FAILURES = {
    "/raises": "an app that raises at once",
    "/returns": "an app that sends nothing",
}


def _speaker(gate: asyncio.Event) -> App:
    """An application with a way of answering for each path."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _http(scope)
        match scope["path"]:
            case "/given":
                pairs = ([b"x-a", b"1"], [b"x-b", b"2"], [b"x-a", b"3"], [b"content-length", b"5"])
                start = {"type": "http.response.start", "status": 201}
                await send({**start, "headers": (pair for pair in pairs)})
                await send({"type": "http.response.body", "body": b"hello"})
            case "/pieces":
                await send({"type": "http.response.start", "status": 200})
                for word in (b"one ", b"", b"two "):
                    await send({"type": "http.response.body", "body": word, "more_body": True})
                await send({"type": "http.response.body", "body": b"three"})
            case "/stream":
                await send({"type": "http.response.start", "status": 200})
                await send({"type": "http.response.body", "body": b"now", "more_body": True})
                await gate.wait()
                await send({"type": "http.response.body"})
            case "/raises":
                raise ValueError("on purpose")
            case "/amid":
                await send({"type": "http.response.start", "status": 200})
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise ValueError("on purpose")
            case "/mended":
                await _mended(send)

    return app


async def _mended(send: Send) -> None:
    """Send what must be refused; say which was taken."""
    taken = []
    for name, message in _WRONG.items():
        with contextlib.suppress(Exception):
            await send(message)
            taken.append(name)
    await _reply(send, b", ".join(taken) or b"none")


_WRONG: dict[bytes, Message] = {
    b"http.nonsense": {"type": "http.nonsense"},
    b"a body before the start": {"type": "http.response.body", "body": b"early"},
    b"a start without status": {"type": "http.response.start"},
}


# -- 11.6


@exercise(
    "11.6",
    "Stage 6: the next request",
    your="server",
    within=WITHIN,
    hints=(
        "When both sides are `DONE`, `conn.start_next_cycle()` makes h11 ready for the next head;"
        " in any other state close.",
        "The next request may have come already: h11 keeps its bytes, so ask for events again when"
        " an answer is complete, and not only when bytes come.",
        "What the app left of a body must be read and dropped before the next head can be.",
    ),
)
async def stage_6(server: Server) -> None:
    """A connection carries one request after the other, whenever they come, and ends when asked."""
    async with started(server, _by_number) as running:
        async with dial(running.url) as line:
            for number in (b"1", b"2"):
                await line.write(_get("/" + number.decode()))
                what = f"request {number.decode()} on one connection"
                await _heard(line, b"HTTP/1.1 200", what, b"this was " + number)
        many = b"".join(_get(f"/{number}") for number in range(3))
        reply = await _ask(running, many, wait=2)
        found = [answer.body for answer in reply.replies]
        right = [b"this was 0", b"this was 1", b"this was 2"]
        want(found == right, f"three requests in one packet: the answers are {found}", reply)
        post = b"POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n"
        inner = b"GET /evil HTTP/1.1\r\nHost: a\r\nX: 12345"
        reply = await _ask(running, post + inner[:33] + b"\r\n\r\n" + _get("/next"))
        found = [answer.body for answer in reply.replies]
        text = f"a body that the app leaves, then a request: the answers are {found}"
        want(found[:1] == [b"this was left"], text, reply)
        text = "a body that the app left was taken for a request: smuggled in"
        want(b"this was evil" not in reply.received, text, reply)
        want(found[1:] == [b"this was next"] or reply.ended == "closed", text + "?", reply)
        for what, data in _LAST.items():
            async with dial(running.url) as line:
                await line.write(data)
                await _heard(line, b"HTTP/1.1 200", what, b"this was last")
                end = await _closed(line)
                want(end, f"{what}: the answer is complete, and the connection stays open", line)


async def _by_number(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer by the path; /0 is slow."""
    _http(scope)
    if scope["path"] == "/0":
        await asyncio.sleep(0.1)
    await _reply(send, b"this was " + scope["path"].strip("/").encode())


_LAST = {
    "Connection: close": b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "a request of HTTP/1.0": b"GET /last HTTP/1.0\r\n\r\n",
}


async def _closed(line: Line) -> bool:
    """Whether the server ends the connection."""
    with contextlib.suppress(ConnectionError):
        try:
            while await line.read(wait=PATIENCE):
                pass
        except TimeoutError:
            return False
    return True


# -- 11.7


@exercise(
    "11.7",
    "Stage 7: the client leaves",
    your="server",
    within=WITHIN,
    hints=(
        "asyncio calls `connection_lost` on your protocol. Wake up whoever waits in `receive`.",
        "From then on `receive` gives `http.disconnect`, as often as it is asked; so it does when"
        " the answer is complete.",
        "`send` raises a subclass of OSError once the client has gone. Do not cancel the app: it"
        " may have to clean up.",
    ),
)
async def stage_7(server: Server) -> None:
    """The app hears that its client has left, may clean up, and learns it from send as well."""
    notes: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _http(scope)
        notes["first"] = await receive()
        if scope["path"] == "/answered":
            await _reply(send, b"hello")
            notes["answered"] = await receive()
            return
        try:
            notes["second"] = await receive()
            notes["third"] = await receive()
            await asyncio.sleep(0.1)
            notes["send"] = await _told_by_send(send)
        except asyncio.CancelledError:
            notes["cancelled"] = True
            raise

    async with started(server, app) as running:
        async with dial(running.url) as line:
            await line.write(_get("/answered"))
            await _heard(line, b"HTTP/1.1 200", "a request", b"hello")
            text = "the answer is complete, and the app that receives again hears nothing"
            await _until(lambda: "answered" in notes, text)
        _judge_gone(notes["answered"], "the answer is complete")
        async with dial(running.url) as line:
            await line.write(_get("/leaves"))
            await _until(lambda: "first" in notes, "the app receives nothing")
            await asyncio.sleep(0.05)
            line.abort()
        await _until(lambda: "second" in notes or "cancelled" in notes, "the client has left, and"
                     " the app that waits in receive does not hear of it")  # fmt: skip
        want("cancelled" not in notes, "the client has left, and your server cancelled the app")
        _judge_gone(notes["second"], "the client has left")
        text = "the client has left, and the second time the app asks, receive gives nothing"
        await _until(lambda: "third" in notes, text)
        await _until(lambda: {"send", "cancelled"} & notes.keys(), "send never returns, to nobody")
        want("cancelled" not in notes, "the client has left, and your server cancelled the app")
        error = notes["send"]
        want(error is not None, "the client has left, and send does not raise")
        text = f"send to nobody raises {describe(error)}, which is no OSError"
        want(isinstance(error, OSError), text)


async def _told_by_send(send: Send) -> Exception | None:
    """What send raises, sooner or later."""
    try:
        await send({"type": "http.response.start", "status": 200})
        for _ in range(5):
            await send({"type": "http.response.body", "body": b"to nobody", "more_body": True})
            await asyncio.sleep(0.02)
    except Exception as error:
        return error
    return None


def _judge_gone(message: Any, when: str) -> None:
    kind = message.get("type") if isinstance(message, dict) else message
    want(kind == "http.disconnect", f"{when}, and receive gives {kind!r}, not 'http.disconnect'")


# -- 11.8


@exercise(
    "11.8",
    "Stage 8: nobody is faster than the other",
    your="server",
    within=WITHIN,
    hints=(
        "asyncio calls `pause_writing` and `resume_writing` on your protocol: an Event that `send`"
        " awaits.",
        "The other way: when much waits to be received, `transport.pause_reading()`; when the app"
        " has taken it, `transport.resume_reading()`.",
        "A `send` that waits must also wake up when the connection is lost.",
    ),
)
async def stage_8(server: Server) -> None:
    """send waits for a client that does not read, and a client for an app that does not receive."""
    sent: list[int] = []
    gate = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _http(scope)
        if scope["method"] == "POST":
            await gate.wait()
            total, more = 0, True
            while more:
                message = await receive()
                total += len(message.get("body", b""))
                more = bool(message.get("more_body"))
            return await _reply(send, b"%d bytes" % total)
        await send({"type": "http.response.start", "status": 200})
        for number in range(PIECES):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            sent.append(number)
        await send({"type": "http.response.body", "body": b"the end"})

    async with started(server, app) as running:
        await _judge_writing(running, sent)
        await _judge_reading(running, gate)


PIECES = 300  # of 64 KiB: more than all buffers between two programs hold


async def _judge_writing(running: Running, sent: list[int]) -> None:
    async with dial(running.url, buffer=4096) as line:
        await line.write(GET)
        count = -1
        while count != len(sent) < PIECES:
            count = len(sent)
            await asyncio.sleep(MOMENT)
        megabytes = len(sent) // 16
        text = f"the client reads nothing, and send took {megabytes} MB without waiting once"
        want(len(sent) < PIECES, text, line)
        want(sent, "the client reads slowly, and send of the first piece never returns", line)
        size = 0
        try:
            while data := await line.read(wait=PATIENCE):
                size += len(data)
                if data.endswith((b"the end", b"the end\r\n0\r\n\r\n")):
                    break
        except (TimeoutError, ConnectionError) as error:
            text = f"the client reads again, and after {size // 1024} kB comes {describe(error)}"
            raise Wrong(text, line) from None
    want(size > PIECES * 65536, f"of {PIECES * 64} kB only {size // 1024} kB arrived", line)


async def _judge_reading(running: Running, gate: asyncio.Event) -> None:
    size = 20_000_000
    async with dial(running.url) as line:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
        writing = asyncio.ensure_future(line.write(head + bytes(size)))
        gone = -1
        while gone != line.gone < size:
            gone = line.gone
            await asyncio.sleep(MOMENT)
        text = "the app receives nothing, and your server has read 20 MB for it: pause reading"
        want(line.unsent, text, line)
        gate.set()
        answer = b"%d bytes" % size
        await _heard(line, b"HTTP/1.1 200", "an upload that was received late", answer)
        await writing


# -- 11.9


@exercise(
    "11.9",
    "Stage 9: the beginning and the end",
    your="server",
    within=WITHIN,
    hints=(
        "Call the app with a scope of the type `lifespan` before `create_server`; send"
        " `lifespan.startup`, and wait for the answer or for the end of that call.",
        "An app that raises there has no lifespan: go on without. One that answers"
        " `lifespan.startup.failed` must not be served: raise.",
        "Cancelled, in `finally`: close the listener, let running calls answer, drop what is idle,"
        " and only then send `lifespan.shutdown`. Not for ever: two seconds at most.",
    ),
)
async def stage_9(server: Server) -> None:
    """The app is started before the first client gets in, shares its state, and ends last."""
    await _judge_start(server)
    await _judge_no_start(server)
    await _judge_stop(server)
    await _judge_endless(server)


class _Life:
    """An application with a lifespan; `said` is what happened, in order."""

    def __init__(self, start: str = "complete", seconds: float = 0.0) -> None:
        self.said: list[str] = []
        self.states: list[dict[str, Any]] = []
        self.start, self.seconds = start, seconds
        self.gate = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note what the server does."""
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        _http(scope)
        self.said.append(scope["path"])
        state = scope.get("state")
        if state is not None and "list" in state:
            state["number"] = state.get("number", 0) + 1
            state["list"].append(scope["path"])
            self.states.append({**state, "list": [*state["list"]]})
        await receive()
        if scope["path"] == "/slow":
            await asyncio.sleep(0.3)
        if scope["path"] == "/endless":
            await asyncio.Event().wait()
        await _reply(send, b"hello")
        self.said.append(f"{scope['path']} answered")
        return None

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.get("state", {})["list"] = []
        message = await receive()
        self.said.append(message["type"])
        await asyncio.sleep(self.seconds)
        await send({"type": f"lifespan.startup.{self.start}"})
        self.said.append(self.start)
        message = await receive()
        self.said.append(message["type"])
        await send({"type": "lifespan.shutdown.complete"})


async def _judge_start(server: Server) -> None:
    life = _Life(seconds=0.3)
    async with started(server, life) as running:
        text = "the app is not called with a scope of the type lifespan"
        await _until(lambda: life.said, text)
        first = life.said[0]
        text = f"at first the app received {first}, not lifespan.startup"
        want(first == "lifespan.startup", text)
        await _answered(running, _get("/1"), "a request amid the start")
        text = "a request got to the app before it had answered lifespan.startup"
        want("complete" in life.said[: life.said.index("/1")], text)
        await _answered(running, _get("/2"), "a second request")
    want(len(life.states) == 2, 'the scope of a request has no "state", or not what start-up set')
    numbers = [state["number"] for state in life.states]
    want(numbers == [1, 1], "a number that one request set in its state is in the next one's: copy")
    lists = life.states[1]["list"]
    want(lists == ["/1", "/2"], f"a list in the state is to be shared by all requests: {lists}")


async def _judge_no_start(server: Server) -> None:
    async with started(server, _hello) as running:
        await _answered(running, GET, "an app that raises in its lifespan")
    life = _Life("failed")
    running = Running(server, life, {})
    try:
        done, _ = await asyncio.wait({running.task}, timeout=2 * PATIENCE)
        want(done, "the app answered lifespan.startup.failed, and your server runs on")
        running.task.exception()  # an error is a good way to say so
    finally:
        await running.end()


async def _judge_stop(server: Server) -> None:
    life = _Life()
    async with started(server, life) as running, dial(running.url) as idle:
        await idle.write(_get("/idle"))
        await _heard(idle, b"HTTP/1.1 200", "a request", b"hello")
        asking = asyncio.ensure_future(raw(running.url, _get("/slow"), wait=2))
        await _until(lambda: "/slow" in life.said, "a second request does not get to the app")
        stopping = asyncio.ensure_future(running.stop())
        reply = await asking
        text = f"the server was stopped amid a call, and its client has {reply.received[:20]!r}"
        want(reply.status == 200 and reply.body == b"hello", text, reply)
        want(await stopping, "three seconds after it was cancelled, your server still runs")
        want(await _closed(idle), "your server ended, and an idle connection is still open", idle)
        with contextlib.suppress(ConnectionError):
            late = await raw(running.url, GET, wait=MOMENT)
            want(not late.received, "your server ended, and still answers new clients", late)
    said = life.said
    want("lifespan.shutdown" in said, "the app never received lifespan.shutdown")
    before = said.index("/slow answered") < said.index("lifespan.shutdown")
    want(before, "lifespan.shutdown came while a call was still to answer")


async def _judge_endless(server: Server) -> None:
    life = _Life()
    async with started(server, life) as running, dial(running.url) as line:
        await line.write(_get("/endless"))
        await _until(lambda: "/endless" in life.said, "a request does not get to the app")
        text = "a call that never ends keeps your server from stopping: cancel it in the end"
        want(await running.stop(), text)


# -- 11.10


@exercise(
    "11.10",
    "Stage 10: WebSocket",
    your="server",
    within=WITHIN,
    hints=(
        "`Upgrade: websocket` makes another scope: type `websocket`, scheme `ws`, `subprotocols`."
        " The 101 is written when the app sends `websocket.accept`, not before.",
        "wsproto reads and writes the frames. Answer its `Ping` yourself, join the parts of a"
        " message, and give the app text as `text`, binary as `bytes`.",
        "Closed before it was accepted: 403. Closed by the client: answer its close frame, then"
        " `websocket.disconnect` with its code and reason.",
    ),
)
async def stage_10(server: Server) -> None:
    """A WebSocket opens when the app accepts, carries messages both ways, and has its codes."""
    notes: dict[str, Any] = {}
    async with started(server, _socket_app(notes)) as running:
        await _judge_handshake(running, notes)
        await _judge_messages(running, notes)
        async with _opened(running, "/close") as line:
            frames = await _frames(line, 1)
            text = f"the app closed with 4001, and its client was sent {_names(frames)}"
            right = bool(frames) and frames[0].opcode == 8 and frames[0].payload[:2] == b"\x0f\xa1"
            want(right, text, line)
        reply = await _ask(running, _upgrade("/deny"))
        text = f"a socket that was not accepted is answered with {reply.status}, not 403"
        want(reply.status == 403, text, reply)
        await _answered(running, _get("/plain"), "a plain request beside sockets")


_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455, section 1.3, with its answer
_ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def _upgrade(path: str) -> bytes:
    return (
        f"GET {path}?q=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, v2\r\nSec-WebSocket-Key: "
    ).encode() + _KEY + b"\r\n\r\n"  # fmt: skip


def _socket_app(notes: dict[str, Any]) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            return await _reply(send, b"hello")
        if scope["type"] != "websocket":
            raise NotImplementedError(scope["type"])
        notes["scope"] = scope
        notes["first"] = await receive()
        if scope["path"] == "/deny":
            return await send({"type": "websocket.close"})
        await asyncio.sleep(MOMENT)
        await send({"type": "websocket.accept", "subprotocol": "v2"})
        if scope["path"] == "/close":
            return await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
        notes["received"] = []
        while (message := await receive())["type"] == "websocket.receive":
            notes["received"].append(message)
            await send({**message, "type": "websocket.send"})
        notes["end"] = message
        return None

    return app


async def _judge_handshake(running: Running, notes: dict[str, Any]) -> None:
    async with dial(running.url) as line:
        await line.write(_upgrade("/chat"))
        await _until(
            lambda: "scope" in notes, "an upgrade came, and the app was not called with it"
        )
        for key, right in _SOCKET_SCOPE.items():
            found = notes["scope"].get(key)
            want(found == right, f"scope[{key!r}] of a WebSocket is {found!r}, not {right!r}")
        await _until(lambda: "first" in notes, "the app receives nothing: websocket.connect is due")
        kind = notes["first"].get("type")
        want(kind == "websocket.connect", f"at first the app received {kind!r}")
        want(not line.received, "the answer came before the app had accepted", line)
        head = await _heard(line, b"HTTP/1.1 101", "a WebSocket that was accepted", b"\r\n\r\n")
        lower = head.lower()
        want(_ACCEPT in head, "Sec-WebSocket-Accept is wrong: chapter 9 computes it", line)
        text = "the app chose the subprotocol v2, and the answer does not say so"
        want(b"sec-websocket-protocol: v2" in lower, text, line)


_SOCKET_SCOPE: dict[str, Any] = {
    "type": "websocket",
    "scheme": "ws",
    "path": "/chat",
    "query_string": b"q=1",
    "subprotocols": ["chat", "v2"],
}


async def _judge_messages(running: Running, notes: dict[str, Any]) -> None:
    async with _opened(running, "/chat") as line:
        await line.write(_frame(1, "hé".encode()) + _frame(2, b"\x00\x01"))
        frames = await _frames(line, 2)
        kinds = [(each.opcode, each.payload) for each in frames]
        text = f"a text and two bytes were sent back as {_names(frames)}"
        want(kinds == [(1, "hé".encode()), (2, b"\x00\x01")], text, line)
        got = [{k: v for k, v in m.items() if v is not None} for m in notes["received"]]
        kind = {"type": "websocket.receive"}
        right = [{**kind, "text": "hé"}, {**kind, "bytes": b"\x00\x01"}]
        want(got == right, f"the app received {got}, not {right}", line)
        await line.write(_frame(1, b"he", fin=False) + _frame(9, b"?") + _frame(0, b"llo"))
        frames = await _frames(line, 2)
        pong = [each.payload for each in frames if each.opcode == 10]
        want(pong == [b"?"], f"a ping amid a message is answered with {_names(frames)}", line)
        whole = [each.payload for each in frames if each.opcode == 1]
        want(whole == [b"hello"], f"a message in two frames came back as {whole}", line)
        await line.write(_frame(8, b"\x0f\xa2why"))
        frames = await _frames(line, 1)
        text = f"a close frame is answered with {_names(frames)}, not with one like it"
        want(bool(frames) and frames[0].opcode == 8, text, line)
        await _until(lambda: "end" in notes, "the client closed, and the app does not hear of it")
    end = notes["end"]
    want(end.get("type") == "websocket.disconnect", f"the client closed, and the app hears {end}")
    found = end.get("code"), end.get("reason", "why")
    want(found == (4002, "why"), f"the client closed with 4002 and why, and the app hears {found}")


@contextlib.asynccontextmanager
async def _opened(running: Running, path: str) -> AsyncIterator[Line]:
    """An open WebSocket, as a line of bytes."""
    async with dial(running.url) as line:
        await line.write(_upgrade(path))
        await _heard(line, b"HTTP/1.1 101", f"a WebSocket at {path}", b"\r\n\r\n")
        yield line


def _frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A client's frame: masked, with a short payload."""
    key = b"\x01\x02\x03\x04"
    head = bytes([opcode | 0x80 * fin, 0x80 | len(payload)])
    return head + key + wire.unmask(payload, key)


async def _frames(line: Line, count: int) -> list[wire.Frame]:
    """The next frames, as far as they come in time."""
    mark = line.received.index(b"\r\n\r\n") + 4
    seen = getattr(line, "seen", 0)
    found: list[wire.Frame] = []
    while len(found) < count:
        spans = wire.frames(line.received[mark:])
        found = [span.frame for span in spans if span.frame][seen:]
        if len(found) < count:
            try:
                if not await line.read(wait=PATIENCE):
                    break
            except (TimeoutError, ConnectionError):
                break
    line.seen = seen + len(found)  # type: ignore[attr-defined]
    return found


def _names(frames: Sequence[wire.Frame]) -> str:
    return ", ".join(f"{each.name} {each.payload[:20]!r}" for each in frames) or "nothing"


# -- 11.11


@exercise(
    "11.11",
    "Limits",
    your="server",
    within=WITHIN,
    hints=(
        "`server(app, sock, head=…, body=…, wait=…)`: bytes, bytes, seconds. Too much of a head is"
        " 431, of a body 413, too late 408.",
        "Content-Length says the size before a byte has come; a chunked body has to be counted.",
        "One timer a connection, `loop.call_later`, started when it opens and after each answer,"
        " and cancelled when a head is whole: a byte now and then must not move it.",
    ),
)
async def limits(server: Server) -> None:
    """Heads and bodies that are too large, and heads that are too slow, are refused in time."""
    reached: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _http(scope)
        reached.append(scope["path"])
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            more = message.get("more_body", False)
        await _reply(send, b"hello")

    async with started(server, app, head=2000, body=3000, wait=0.5) as running:
        await _answered(running, GET, "a small request")
        post = b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n" + bytes(3000)
        reply = await _answered(running, post, "a body of just the size that is allowed")
        want(reply.status == 200, f"a body of just that size is refused: {reply.status}", reply)
        long = b"GET /long HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 4000 + b"\r\n\r\n"
        await _limited(running, long, 431, "a head of 4000 bytes")
        post = b"POST /said HTTP/1.1\r\nHost: a\r\nContent-Length: 3001\r\n\r\n"
        await _limited(running, post, 413, "a Content-Length of 3001")
        want("/said" not in reached, "a Content-Length of 3001 got to the app: refuse it before")
        chunks = b"".join(b"64\r\n" + bytes(100) + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
        post = b"POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        await _limited(running, post + chunks, 413, "a chunked body of 4000 bytes")
        for what, data, pace in (("silence", b"", 1.0), ("a head that dribbles in", GET, 10.0)):
            async with dial(running.url) as line:
                writing = asyncio.ensure_future(line.write(data, pace=pace))
                began = time.monotonic()
                await _answers_nothing(line, what)
                took = time.monotonic() - began
                writing.cancel()
                want(took > 0.3, f"{what} is hung up on after {took:.1f} s, allowed are 0.5", line)
        await _answered(running, GET, "a small request after all that")


async def _limited(running: Running, data: bytes, status: int, what: str) -> None:
    reply = await _ask(running, data)
    want(reply.ended != "silent" or reply.received, f"{what}: nothing is said to it", reply)
    if reply.received:
        want(reply.status == status, f"{what} is answered with {reply.status}, not {status}", reply)


async def _answers_nothing(line: Line, what: str) -> None:
    """Want the end of the connection, with 408 or without a word."""
    got = b""
    try:
        while data := await line.read(wait=PATIENCE):
            got += data
    except TimeoutError:
        raise Wrong(f"{what}: after a second the connection is still open", line) from None
    except ConnectionError:
        return
    right = not got or got.startswith(b"HTTP/1.1 408")
    want(right, f"{what} is answered with {got[:16]!r}: 408, or nothing", line)


# -- 11.12


@exercise(
    "11.12",
    "An access log",
    your="logged",
    hints=(
        "An app around an app: define `async def app(scope, receive, send)` inside, and return it.",
        "Wrap `send`: note the status of `http.response.start`, add up the bodies.",
        "The line is due when the call has ended, also when it raised: `finally`. What was raised"
        " before a start is a 500 of the server's.",
    ),
)
async def access_log(logged: Callable[[App, Callable[[str], object]], App]) -> None:
    """Each request is one line, with method, path, status and the bytes of the body."""
    want(callable(logged), "give the function itself, without brackets behind it")
    for what, app, right, error in _LOGGED:
        lines: list[str] = []
        made: Any = logged(app, lines.append)
        text = f"logged(app, write) gives {made!r:.40}, and not an app"
        want(callable(made) and not inspect.iscoroutine(made), text)
        scope = {"type": "http", "method": "GET", "path": "/a"}
        call = await drive(made, scope, wait=1.0)
        want(call.ended != "waiting", f"{what}: the call never ends", call)
        want((call.ended == "raised") == error, f"{what}: the call ended as {call.ended}", call)
        want(lines, f"{what}: nothing was written", call)
        want(len(lines) == 1, f"{what}: {len(lines)} lines were written, not one", call)
        line = str(lines[0])
        want(line.split() == right.split(), f"{what}: the line is {line!r}, not {right!r}", call)
    lines = []
    call = await drive(logged(_alive, lines.append), {"type": "lifespan"}, wait=1.0)
    kinds = [message["type"] for message in call.sent]
    want(kinds == ["lifespan.startup.complete"], f"a lifespan must pass as it is: {kinds}", call)
    want(not lines, f"a lifespan is no request, and {lines} was written", call)


async def _alive(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


async def _in_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404})
    await send({"type": "http.response.body", "body": b"not ", "more_body": True})
    await send({"type": "http.response.body", "body": b"here", "more_body": True})
    await send({"type": "http.response.body"})


async def _raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("on purpose")


async def _raises_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError("on purpose")


_LOGGED: list[tuple[str, App, str, bool]] = [
    ("an answer of 5 bytes", _hello, "GET /a 200 5", False),
    ("a 404 in pieces", _in_pieces, "GET /a 404 8", False),
    ("an app that raises", _raises, "GET /a 500 0", True),
    ("an app that raises amid its body", _raises_late, "GET /a 200 4", True),
]


# -- 11.13


@exercise(
    "11.13",
    "100-continue",
    your="server",
    within=WITHIN,
    hints=(
        "h11 knows: `conn.they_are_waiting_for_100_continue`.",
        "The app wants the body when it receives: write"
        " `h11.InformationalResponse(status_code=100, headers=[])` there, and once.",
        "An answer without that 100 leaves open whether the body will follow. Close behind it:"
        " `connection: close`.",
    ),
)
async def hundred(server: Server) -> None:
    """100 is said when the app receives and never else, and a refusal closes the connection."""
    gate = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _http(scope)
        if scope["path"] == "/refuses":
            return await _reply(send, b"too large", 413)
        await gate.wait()
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        return await _reply(send, b"thank you")

    head = b"POST /takes HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    async with started(server, app) as running:
        async with dial(running.url) as line:
            await line.write(head)
            early = await _quiet(line)
            want(not early, f"the app has not received, and the client hears {early[:12]!r}", line)
            gate.set()
            what = "the app receives, and the client that waits for a 100"
            got = await _heard(line, b"HTTP/1.1 100", what, b"\r\n\r\n")
            rest = got.partition(b"\r\n\r\n")[2]
            want(not rest, f"behind the 100 came {rest[:20]!r}, and the body had not", line)
            await line.write(b"hi")
            got = await _heard(line, b"HTTP/1.1 200", "a body behind the 100", b"thank you")
        async with dial(running.url) as line:
            await line.write(head.replace(b"/takes", b"/refuses"))
            await _heard(line, b"HTTP/1.1 413", "a request that is refused", b"too large")
            text = "refused without a 100: is what comes next the body, or a request? Close."
            want(await _closed(line), text, line)
        got = (await _ask(running, head.replace(b"Expect: 100-continue\r\n", b"") + b"hi")).received
        want(b" 100 " not in got, "a client that did not ask for it hears a 100")


# -- 11.14


class Asked(NamedTuple):
    """A case: what the request was, what the app sends, and how the answer's end is told."""

    version: str
    method: str
    status: int
    headers: list[tuple[bytes, bytes]]
    right: str
    why: str


_SIZED = [(b"content-length", b"5")]
_FRAMED = [
    Asked("1.1", "GET", 200, _SIZED, "length", "the app gave a length"),
    Asked("1.1", "GET", 200, [], "chunked", "HTTP/1.1 knows chunks"),
    Asked("1.0", "GET", 200, [], "close", "HTTP/1.0 does not know chunks"),
    Asked("1.0", "GET", 200, _SIZED, "length", "HTTP/1.0 knows lengths"),
    Asked("1.1", "HEAD", 200, _SIZED, "none", "an answer to HEAD has no body"),
    Asked("1.0", "HEAD", 200, [], "none", "an answer to HEAD has no body"),
    Asked("1.1", "GET", 204, [], "none", "204 has no body"),
    Asked("1.1", "GET", 304, _SIZED, "none", "304 has no body, whatever length it tells"),
    Asked("1.1", "GET", 200, [(b"Content-Length", b"5")], "length", "case is nothing in a name"),
    Asked("1.1", "GET", 200, [(b"transfer-encoding", b"chunked"), *_SIZED], "length", "the app's"
          " transfer-encoding is ignored (H37)"),
]  # fmt: skip


@exercise(
    "11.14",
    "HTTP/1.0, and four ways to end",
    your="framing",
    hints=(
        "Begin with those that have no body at all: HEAD, 204, 304.",
        "A length that the app gave is good in both versions. Names of headers have no case.",
        "What is left is a body whose length nobody knows: chunks for 1.1, the end of the"
        " connection for 1.0.",
    ),
)
async def framing(framing: Callable[..., str]) -> None:
    """For each request and answer it is known how the client learns where the body ends."""
    want(callable(framing), "give the function itself, without brackets behind it")
    for case in _FRAMED:
        made = framing(case.version, case.method, case.status, [*case.headers])
        made = await made if inspect.isawaitable(made) else made
        given = f"framing({case.version!r}, {case.method!r}, {case.status}, {case.headers})"
        known = ("length", "chunked", "close", "none")
        want(made in known, f"{given} gives {made!r}, and not one of {', '.join(known)}")
        want(made == case.right, f"{given} gives {made!r}, not {case.right!r}: {case.why}")
