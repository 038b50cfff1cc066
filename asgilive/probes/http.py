"""Experiments with HTTP/1.1: what the scope says, what comes in, what goes out."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from asgilive.probes.notes import say
from asgilive.probes.scenario import NotHere, Unclear, scenario
from asgilive.probes.seen import Seen
from asgilive.probes.visit import Visit
from asgilive.recording import Receive, Scope, Send

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: dict[str, Any] = {"type": "http.response.body", "body": b"hello"}
MORE: dict[str, Any] = {"type": "http.response.body", "body": b"half", "more_body": True}


async def read(receive: Receive) -> bytes:
    """The whole body."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


async def next_type(receive: Receive, wait: float) -> str:
    """The type of the next message, "nothing" where none comes within `wait` seconds."""
    try:
        async with asyncio.timeout(wait):
            return str((await receive())["type"])
    except TimeoutError:
        return "nothing"


# -- the scope


@scenario()
async def request(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a request with everything in it, and answer."""
    await read(receive)
    await send(START)
    await send(BODY)


@request.client
async def _(visit: Visit) -> None:
    await visit.get(
        b"MiXeD: v",
        b"X-Dup: 1",
        b"X-Other: z",
        b"x-dup: 2",
        method=b"POST",
        rest="/a%20b%2Fc/%E2%82%AC?q=%20x&q=2",
        body=b"hello",
    )


def _values(of: Any) -> list[Any]:
    """A value and every value inside it."""
    inner = of.values() if isinstance(of, dict) else of if isinstance(of, (list, tuple)) else ()
    return [of, *(each for one in inner for each in _values(one))]


def _all(seen: Seen) -> list[dict[str, Any]]:
    """The scope without its state, which may hold anything, and every message received."""
    scope = {key: value for key, value in seen.scope.items() if key != "state"}
    return [scope, *seen.call.received]


@request.judge("C01")
def _(seen: Seen) -> bool | str:
    return seen.call.ended == "returned" or f"the call ended as {seen.call.notes[-1].value}"


@request.judge("C03", "C04", "H01")
def _(seen: Seen) -> bool | str:
    return seen.scope.get("type") == "http" or f"the type is {seen.scope.get('type')!r}"


@request.judge("C05")
def _(seen: Seen) -> bool | str:
    version = (seen.scope.get("asgi") or {}).get("version")
    return version in ("2.0", "2.1", "3.0") or f"asgi has the version {version!r}"


@request.judge("C06")
def _(seen: Seen) -> bool | str:
    version = seen.scope["asgi"].get("spec_version", "2.0")
    known = ("2.0", "2.1", "2.2", "2.3", "2.4", "2.5")
    return version in known or f"spec_version is {version!r}"


@request.judge("C07")
def _(seen: Seen) -> bool | str:
    dicts = [value for one in _all(seen) for value in _values(one) if isinstance(value, dict)]
    odd = [key for one in dicts for key in one if not isinstance(key, str)]
    return not odd or f"the key {odd[0]!r} is no str"


@request.judge("C08")
def _(seen: Seen) -> bool | str:
    odd = [m for m in seen.call.received if not isinstance(m.get("type"), str)]
    return not odd or f"a message has the type {odd[0].get('type')!r}"


@request.judge("C09")
def _(seen: Seen) -> bool | str:
    odd = [m["type"] for m in seen.call.received if not str(m["type"]).startswith("http.")]
    return not odd or f"a message is called {odd[0]!r}"


@request.judge("C10")
def _(seen: Seen) -> bool | str:
    odd = [value for one in _all(seen) for value in _values(one) if isinstance(value, set)]
    odd = [value for value in odd if not str(value).startswith("{'float")]
    return not odd or f"a value is a {next(iter(odd[0]))}"


@request.judge("C11")
def _(seen: Seen) -> bool | str:
    ints = [value for one in _all(seen) for value in _values(one) if isinstance(value, int)]
    odd = [value for value in ints if not -(2**63) <= value < 2**63]
    return not odd or f"{odd[0]} has more than 64 bits"


@request.judge("C12")
def _(seen: Seen) -> bool | str:
    odd = [value for one in _all(seen) for value in _values(one) if isinstance(value, set)]
    odd = [value for value in odd if str(value).startswith("{'float")]
    return not odd or f"a number is {next(iter(odd[0]))}"


@request.judge("C34")
def _(seen: Seen) -> bool | str:
    wanted = {"method": str, "path": str, "query_string": bytes, "scheme": str}
    odd = [key for key, kind in wanted.items() if type(seen.scope.get(key, kind())) is not kind]
    odd += ["body" for m in seen.call.received if type(m.get("body", b"")) is not bytes]
    return not odd or f"{odd[0]} is a {type(seen.scope.get(odd[0])).__name__}"


@request.judge("H03")
def _(seen: Seen) -> bool | str:
    version = seen.scope.get("http_version")
    return version == "1.1" or f"http_version is {version!r}"


@request.judge("H04")
def _(seen: Seen) -> bool | str:
    return seen.scope.get("method") == "POST" or f"the method is {seen.scope.get('method')!r}"


@request.judge("H05")
def _(seen: Seen) -> bool | str:
    scheme = seen.scope.get("scheme", "http")
    return scheme == "http" or f"the scheme is {scheme!r}"


@request.judge("H06", "H70")
def _(seen: Seen) -> bool | str:
    path = seen.scope.get("path")
    return str(path).endswith("/a b/c/€") or f"the path is {path!r}"


@request.judge("H07")
def _(seen: Seen) -> bool | str:
    raw_path = seen.scope.get("raw_path")
    if raw_path is None:
        raise NotHere("there is no raw_path")
    target = seen.wire.sent.split()[1].partition(b"?")[0]
    return raw_path == target or f"raw_path is {raw_path!r}"


@request.judge("H08")
def _(seen: Seen) -> bool | str:
    query = seen.scope.get("query_string")
    return query == b"q=%20x&q=2" or f"query_string is {query!r}"


@request.judge("H09")
def _(seen: Seen) -> bool | str:
    root_path = seen.scope.get("root_path", "")
    return root_path == "" or f"root_path is {root_path!r}"


def _headers(seen: Seen) -> list[tuple[bytes, bytes]]:
    headers = seen.scope.get("headers", [])
    if not isinstance(headers, (list, tuple)):
        raise Unclear(f"headers are a {headers}, of which no note could be made")
    return [(name, value) for name, value in headers]


@request.judge("H11")
def _(seen: Seen) -> bool | str:
    odd = [pair for pair in _headers(seen) if [type(part) for part in pair] != [bytes, bytes]]
    return not odd or f"a header is {odd[0]!r}"


@request.judge("H12", "H13")
def _(seen: Seen) -> bool | str:
    values = [value for name, value in _headers(seen) if name.lower() == b"x-dup"]
    return values == [b"1", b"2"] or f"x-dup: 1 and x-dup: 2 became {values}"


@request.judge("H14")
def _(seen: Seen) -> bool | str:
    odd = [name for name, _ in _headers(seen) if name != name.lower()]
    return not odd or f"a name is {odd[0]!r}"


def address(value: Any) -> bool:
    """Whether a value is a pair of host and port, or None."""
    if value is None:
        return True
    return [type(part) for part in value] in ([str, int], [str, type(None)])


@request.judge("H17")
def _(seen: Seen) -> bool | str:
    client = seen.scope.get("client")
    return address(client) or f"client is {client!r}"


@request.judge("H18")
def _(seen: Seen) -> bool | str:
    server = seen.scope.get("server")
    return address(server) or f"server is {server!r}"


@request.judge("H26")
def _(seen: Seen) -> bool | str:
    first = seen.call.received[0]["type"] if seen.call.received else "nothing"
    return first == "http.request" or f"the first message is {first}"


@scenario()
async def lower_case(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a method in small letters, where the server lets it pass."""
    await send(START)
    await send(BODY)


@lower_case.client
async def _(visit: Visit) -> None:
    await visit.get(method=b"get")


@lower_case.judge("H04")
def _(seen: Seen) -> bool | str:
    if not seen.calls:
        return seen.reply.status is not None or "no answer came, and the app was not called"
    method = seen.scope.get("method")
    return method == "GET" or f"`get / HTTP/1.1` has the method {method!r}"


@scenario()
async def http_1_0(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a client of HTTP/1.0 in two pieces, without a length."""
    await send(START)
    await send(MORE)
    await send(BODY)


@http_1_0.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(b"GET " + visit.path.encode() + b" HTTP/1.0\r\n\r\n")
    await connection.rest(wait=0.5)


@http_1_0.judge("H03")
def _(seen: Seen) -> bool | str:
    version = seen.scope.get("http_version")
    return version == "1.0" or f"http_version is {version!r} for a client of HTTP/1.0"


@http_1_0.judge("H38")
def _(seen: Seen) -> bool | str:
    chunked = b"transfer-encoding: chunked" in seen.wire.received.lower()
    return not chunked or "a client of HTTP/1.0 is sent chunks, which it cannot read"


@scenario(place="root")
async def root_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, on a server that was told that the application is mounted at /api."""
    await send(START)
    await send(BODY)


@root_path.client
async def _(visit: Visit) -> None:
    """As two kinds of proxies would ask: one that takes the prefix off, and one that does not."""
    await visit.get()
    visit.path = "/api" + visit.path
    await visit.get()


@root_path.judge("H09")
def _(seen: Seen) -> bool | str:
    root = seen.scope.get("root_path")
    return root == "/api" or f"root_path is {root!r}"


@root_path.judge("H10")
def _(seen: Seen) -> bool | str:
    wanted = seen.wires[1].sent.split()[1].decode()
    paths = [call.scope["path"] for call in seen.calls if call.scope.get("root_path") == "/api"]
    return wanted in paths or f"behind neither kind of proxy the path is {wanted}: {paths}"


# -- the request


@scenario()
async def chunked(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body that comes in chunks."""
    say("body", await read(receive))
    await send(START)
    await send(BODY)


@chunked.client
async def _(visit: Visit) -> None:
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    connection = await visit.dial()
    head = visit.request(b"Transfer-Encoding: chunked", method=b"POST")
    await connection.write(head + body)
    await connection.reply()


@chunked.judge("H20", "H30")
def _(seen: Seen) -> bool | str:
    body = seen.call.said.get("body")
    return body == b"hello world" or f"the body is {body!r}"


@scenario()
async def upload(scope: Scope, receive: Receive, send: Send) -> None:
    """Take the sum of a body that comes slowly."""
    total, pieces, more = hashlib.sha256(), [], True
    while more:
        message = await receive()
        body = message.get("body", b"")
        pieces.append((len(body), message.get("more_body", False)))
        total.update(body)
        more = message["type"] == "http.request" and message.get("more_body", False)
    say("pieces", pieces)
    say("sum", total.hexdigest())
    await send(START)
    await send(BODY)


UPLOAD = bytes(range(256)) * 2000


@upload.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    head = visit.request(b"Content-Length: %d" % len(UPLOAD), method=b"POST")
    await connection.write(head)
    for begin in range(0, len(UPLOAD), len(UPLOAD) // 4):
        await connection.write(UPLOAD[begin : begin + len(UPLOAD) // 4])
        await asyncio.sleep(0.05)
    await connection.reply()


@upload.judge("H28")
def _(seen: Seen) -> bool | str:
    *before, last = seen.call.said.get("pieces") or [(0, None)]
    if not before:
        return "more_body was not True while the body was on its way"
    return (
        not last[1] and all(more is True for _, more in before)
    ) or f"more_body: {before}, {last}"


@upload.judge("H29")
def _(seen: Seen) -> bool | str:
    found = seen.call.said.get("sum")
    wanted = hashlib.sha256(UPLOAD).hexdigest()
    return found == wanted or "the pieces, joined, are not the body that was sent"


@scenario()
async def no_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive the message of a request that has no body; then nothing may come."""
    message = await receive()
    say("body", message.get("body", b""))
    say("more_body", message.get("more_body", False))
    say("then", await next_type(receive, 0.3))
    await send(START)
    await send(BODY)


@no_body.judge("H27")
def _(seen: Seen) -> bool | str:
    body, more = seen.call.said.get("body"), seen.call.said.get("more_body")
    return (body, more) == (b"", False) or f"body is {body!r}, more_body {more!r}"


@no_body.judge("C13")
def _(seen: Seen) -> bool | str:
    then = seen.call.said.get("then")
    return then == "nothing" or f"receive gave {then} though nothing had happened"


@scenario()
async def two_requests(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer each of two requests on one connection."""
    await read(receive)
    await send(START | {"headers": [(b"content-length", b"5")]})
    await send(BODY)


@two_requests.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(visit.request(rest="/one") + visit.request(rest="/two"))
    await connection.reply()


@two_requests.judge("C02")
def _(seen: Seen) -> bool | str:
    paths = [call.scope["path"][-4:] for call in seen.calls]
    return paths == ["/one", "/two"] or f"two requests made the calls {paths}"


@scenario(patience=2.5)
async def asks_after(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and receive once more."""
    await read(receive)
    await send(START)
    await send(BODY)
    say("then", await next_type(receive, 1.5))


@asks_after.judge("H31")
def _(seen: Seen) -> bool | str:
    then = seen.call.said.get("then")
    return then == "http.disconnect" or f"receive after the answer gives {then}"


@scenario(patience=4.0)
async def client_leaves(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin to answer; the client vanishes; receive, send, and clean up."""
    await read(receive)
    await send(START)
    await send(MORE)
    say("then", await next_type(receive, 3.0))
    try:
        await send(MORE)
        await asyncio.sleep(0.05)
        await send(MORE)
    except Exception:
        say("cleaned up", True)
        return
    await asyncio.sleep(0.1)
    say("cleaned up", True)


@client_leaves.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(visit.request())
    await connection.read(until=b"half")
    connection.abort()


@client_leaves.judge("H32")
def _(seen: Seen) -> bool | str:
    then = seen.call.said.get("then")
    return then == "http.disconnect" or f"receive after the client has left gives {then}"


@client_leaves.judge("H51")
def _(seen: Seen) -> bool | str:
    errors = [classes for _, classes in seen.call.refused]
    if not errors:
        return "send after the client has left does not raise"
    return "OSError" in errors[0] or f"send raises {errors[0][0]}, which is no OSError"


@client_leaves.judge("C23")
def _(seen: Seen) -> bool | str:
    odd = [classes[0] for _, classes in seen.call.refused if "OSError" not in classes]
    return not odd or f"send after the client has left raises {odd[0]}"


@client_leaves.judge("C31")
def _(seen: Seen) -> bool | str:
    cleaned = seen.call.said.get("cleaned up") is True
    return cleaned or f"the call ended before it had cleaned up: {seen.call.ended or 'never'}"


@scenario(patience=2.5)
async def long_poll(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer after a second and a half."""
    await read(receive)
    await asyncio.sleep(1.5)
    await send(START)
    await send(BODY)


@long_poll.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(visit.request())
    await connection.reply(wait=4.0)


@long_poll.judge("H24")
def _(seen: Seen) -> bool | str:
    return seen.reply.body == b"hello" or f"after 1.5 s the client has {seen.reply.received!r}"


# -- the response


@scenario()
async def pieces(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in five pieces, with headers in an order, and note what send returns."""
    await read(receive)
    headers = [(b"x-a", b"1"), (b"set-cookie", b"a=1"), (b"x-b", b"2"), (b"x-a", b"3")]
    say("send", await send(START | {"headers": [*headers, (b"set-cookie", b"b=2")]}))  # type: ignore[func-returns-value]
    for number in range(5):
        body = b"%d" % number
        await send({"type": "http.response.body", "body": body, "more_body": number < 4})


@pieces.judge("C14")
def _(seen: Seen) -> bool | str:
    if "send" not in seen.call.said:
        return "send never returned"
    return seen.call.said["send"] is None or f"send returned {seen.call.said['send']!r}"


def _named(seen: Seen, *names: bytes) -> list[tuple[bytes, bytes]]:
    return [pair for pair in seen.reply.headers if pair[0] in names]


@pieces.judge("H23")
def _(seen: Seen) -> bool | str:
    cookies = [value for _, value in _named(seen, b"set-cookie")]
    return cookies == [b"a=1", b"b=2"] or f"two cookies became {cookies}"


@pieces.judge("H43")
def _(seen: Seen) -> bool | str:
    found = [name for name, _ in _named(seen, b"x-a", b"x-b", b"set-cookie")]
    wanted = [b"x-a", b"set-cookie", b"x-b", b"x-a", b"set-cookie"]
    return found == wanted or f"the headers came as {b', '.join(found).decode()}"


@pieces.judge("H50")
def _(seen: Seen) -> bool | str:
    return seen.reply.body == b"01234" or f"five pieces became {seen.reply.body!r}"


@scenario()
async def header_shapes(scope: Scope, receive: Receive, send: Send) -> None:
    """Give headers as a generator of lists."""
    await read(receive)
    await send(START | {"headers": ([b"x-%d" % n, b"%d" % n] for n in range(2))})
    await send(BODY)


@header_shapes.judge("H11")
def _(seen: Seen) -> bool | str:
    found = _named(seen, b"x-0", b"x-1")
    if seen.call.refused:
        return f"a generator as headers raises {seen.call.refused[0][1][0]}"
    return len(found) == 2 or "a generator as headers is lost"


@scenario()
async def bare_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Start without headers."""
    await read(receive)
    await send({"type": "http.response.start", "status": 200})
    await send(BODY)


@bare_start.judge("H41")
def _(seen: Seen) -> bool | str:
    return _taken(seen, "http.response.start", "headers")


@scenario()
async def bare_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a body with neither of its keys."""
    await read(receive)
    await send(START)
    await send({"type": "http.response.body"})


@bare_body.judge("H47")
def _(seen: Seen) -> bool | str:
    return _taken(seen, "http.response.body", "body")


@bare_body.judge("H48")
def _(seen: Seen) -> bool | str:
    whole = seen.reply.ended == "complete" and seen.reply.body == b""
    return whole or "without more_body the answer is not complete"


def _taken(seen: Seen, type: str, key: str) -> bool | str:
    errors = [classes for message, classes in seen.call.refused if message["type"] == type]
    return not errors or f"{type} without {key} raises {errors[0][0]}"


@scenario()
async def more_keys(scope: Scope, receive: Receive, send: Send) -> None:
    """Send messages with a key that nobody knows."""
    await read(receive)
    await send(START | {"zzz": 1})
    await send(BODY | {"zzz": 1})


@more_keys.judge("C20")
def _(seen: Seen) -> bool | str:
    if seen.call.refused:
        return f"an unknown key raises {seen.call.refused[0][1][0]}"
    return seen.reply.body == b"hello" or "with an unknown key no whole answer comes"


def _refused(seen: Seen, what: str) -> bool | str:
    """Whether the first message was refused."""
    return bool(seen.call.refused) or f"{what} is taken without an exception"


@scenario()
async def unknown_type(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a message that does not exist."""
    await read(receive)
    await send({"type": "http.nonsense"})


@unknown_type.judge("C16")
def _(seen: Seen) -> bool | str:
    return _refused(seen, "http.nonsense")


async def _check_alive(visit: Visit) -> None:
    """Ask for something that works, on a connection of its own."""
    connection = await visit.dial()
    target = visit.path.replace("/" + visit.path.split("/")[1] + "/", "/fine/")
    await connection.write(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await connection.reply()


def _next_works(seen: Seen) -> bool | str:
    if not seen.call.refused:
        raise Unclear("send did not raise, so nothing escaped")
    status = seen.wires[-1].reply.status
    return status == 200 or f"the next request is answered {status}"


@scenario()
async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer: what other scenarios ask for when they look whether the server still works."""
    await read(receive)
    await send(START | {"headers": [(b"content-length", b"5")]})
    await send(BODY)


@scenario()
async def no_status(scope: Scope, receive: Receive, send: Send) -> None:
    """Leave out the status."""
    await read(receive)
    await send({"type": "http.response.start", "headers": []})


@no_status.judge("C17")
def _(seen: Seen) -> bool | str:
    return _refused(seen, "http.response.start without a status")


@no_status.judge("C24")
def _(seen: Seen) -> bool | str:
    return _next_works(seen)


@no_status.client
async def _(visit: Visit) -> None:
    await visit.get()
    await _check_alive(visit)


@scenario()
async def text_headers(scope: Scope, receive: Receive, send: Send) -> None:
    """Give a header as text."""
    await read(receive)
    await send(START | {"headers": [("x-a", "1")]})
    await send(BODY)


@text_headers.judge("C18")
def _(seen: Seen) -> bool | str:
    return _refused(seen, "a header of str")


@scenario()
async def text_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Give a body as text."""
    await read(receive)
    await send(START)
    await send(BODY | {"body": "hello"})


@text_body.judge("C18")
def _(seen: Seen) -> bool | str:
    return _refused(seen, "a body of str")


@scenario()
async def too_much(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a second body behind the last one."""
    await read(receive)
    await send(START)
    await send(BODY)
    await send(BODY)


@too_much.judge("H49")
def _(seen: Seen) -> bool | str:
    if seen.call.refused:
        return f"a message behind the end raises {seen.call.refused[0][1][0]}"
    return seen.reply.body == b"hello" or f"the client was sent {seen.reply.body!r}"


@scenario()
async def own_framing(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a transfer-encoding, which is the server's business."""
    await read(receive)
    headers = [(b"transfer-encoding", b"chunked"), (b"content-length", b"5")]
    await send(START | {"headers": headers})
    await send(BODY)


@own_framing.judge("H37")
def _(seen: Seen) -> bool | str:
    names = [name for name, _ in _named(seen, b"transfer-encoding", b"content-length")]
    if len(names) > 1:
        return "the head has both a length and a transfer-encoding"
    whole = seen.reply.body == b"hello" and seen.reply.ended == "complete"
    return whole or f"the client has {seen.wire.received[-40:]!r}, {seen.reply.ended}"


@scenario(patience=8.0)
async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Send to a client that does not read, until send waits or 400 pieces of 64 KiB are gone."""
    await read(receive)
    await send(START)
    for number in range(400):
        try:
            async with asyncio.timeout(1.0):
                await send(MORE | {"body": bytes(65536)})
        except TimeoutError:
            say("waited at", number)
            return
    say("waited at", "never")


@flood.client
async def _(visit: Visit) -> None:
    connection = await visit.dial(buffer=4096)
    await connection.write(visit.request())


@flood.judge("H46")
def _(seen: Seen) -> bool | str:
    waited = seen.call.said.get("waited at")
    if seen.call.refused:
        raise Unclear(f"send raised {seen.call.refused[0][1][0]}")
    return isinstance(waited, int) or "send took 26 MB that nobody reads, and never waited"


# -- failures


@scenario()
async def fails_before(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise before anything is sent."""
    await read(receive)
    raise ValueError("nothing was sent")


@fails_before.judge("C21")
def _(seen: Seen) -> bool | str:
    over = bool(seen.wire.ended) or seen.reply.ended == "complete"
    return over or "an app that raises at once leaves its client waiting"


@fails_before.judge("C22")
def _(seen: Seen) -> bool | str:
    return seen.call.ended == "raised" or "the app did not raise"


@scenario()
async def fails_after(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise after the start."""
    await read(receive)
    await send(START)
    raise ValueError("the start was sent")


@fails_after.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(visit.request())
    await connection.reply(wait=4.0)


@fails_after.judge("C21")
def _(seen: Seen) -> bool | str:
    over = bool(seen.wire.ended) or seen.reply.ended == "complete"
    return over or "an app that raises after the start leaves its client waiting"


@fails_after.judge("H36")
def _(seen: Seen) -> bool | str:
    status = seen.reply.status if seen.call.sent else 0
    return status in (200, 500, None) or f"the status is {status}"


@scenario()
async def fails_amid(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise amid the body."""
    await read(receive)
    await send(START)
    await send(MORE)
    raise ValueError("half was sent")


@fails_amid.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(visit.request())
    await connection.rest(wait=4.0)


@fails_amid.judge("C21")
def _(seen: Seen) -> bool | str:
    return bool(seen.wire.ended) or "an app that raises amid its body leaves its client waiting"


# -- an app of another age, and a log


@scenario(place="life", legacy=True)
async def older(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, as an application of ASGI 2."""
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await send(START)
    await send(BODY)


@older.client
async def _(visit: Visit) -> None:
    await visit.get()


@older.judge("C29")
def _(seen: Seen) -> bool | str:
    served = bool(seen.wires) and seen.reply.body == b"hello"
    return served or "an application of ASGI 2 is not served as it is; asgiref converts it"


@older.judge("C30")
def _(seen: Seen) -> bool | str:
    if not seen.wires or seen.reply.body != b"hello":
        raise NotHere("an application of ASGI 2 is not served as it is")
    return True


@scenario(place="life", patience=4.0)
async def lets_escape(scope: Scope, receive: Receive, send: Send) -> None:
    """Let what send raises after the client has left escape."""
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await send(START)
    await send(MORE)
    say("then", await next_type(receive, 3.0))
    for _ in range(3):
        await send(MORE)
        await asyncio.sleep(0.05)


@lets_escape.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(visit.request())
    await connection.read(until=b"half")
    connection.abort()


@lets_escape.judge("H53")
def _(seen: Seen) -> bool | str:
    call = next((call for call in seen.calls if call.scope["type"] == "http"), None)
    if call is None or not call.refused or "OSError" not in call.refused[0][1]:
        raise NotHere("send after the client has left raises no OSError")
    name = call.refused[0][1][0]
    odd = [line for line in seen.log if "ERROR" in line.upper() or name in line]
    return not odd or f"the log says {odd[0]}"
