"""Chapter 11's server: literal bytes in and out, frameworks, hostile clients, slow ones, an end.

Server and clients share the test's loop, so that what is left of a connection is seen: after each
test nothing runs but the server itself, and the next request works.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest
import websockets
from fastapi import FastAPI, WebSocket, responses
from hypothesis import given, settings
from hypothesis import strategies as st
from some_apps import http, reply, until, with_lifespan

from asgilive import dial, fetch, raw, serve, spec

sys.path.insert(0, str(Path(__file__).parent.parent / "notebooks"))

from apps import calls
from apps.server import Limits, server

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
DATE = re.compile(rb"date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")


@contextlib.asynccontextmanager
async def running(app, **limits):
    """The server on a port of its own; in the end it is idle, works, and leaves no task."""
    sock = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:{1}".format(*sock.getsockname())
    before = asyncio.all_tasks()
    limits = {"grace": 0.2, "wait": 5, "stall": 5, **limits}
    task = asyncio.create_task(server(app, sock, **limits))
    try:
        yield url
        life = [t for t in asyncio.all_tasks() if "Lifespan.run" in repr(t)]
        await until(lambda: not asyncio.all_tasks() - before - {task, *life})
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled() or task.exception() is None


@http
async def echo(scope, receive, send):
    """The method, the path, how many pieces are no matter, and the body."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    line = f"{scope['method']} {scope['path']} ".encode()
    await reply(send, 200, line + body)


@http
async def pieces(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    await send({"type": "http.response.body", "body": b"three"})


def undated(data):
    """The bytes of answers without their Date, which each with an app's head has once."""
    return DATE.sub(b"", data)


async def works(url):
    reply = await fetch(url, "/next")
    assert (reply.status, reply.text, reply.ended) == (200, "GET /next ", "complete")


# -- bytes


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"content-length: %d\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("app", "sent", "answer"),
    [
        (echo, GET, OK + LENGTH % 6 + b"\r\nGET / "),
        (echo, GET * 2, (OK + LENGTH % 6 + b"\r\nGET / ") * 2),
        (echo, b"GET / HTTP/1.0\r\n\r\n", OK + LENGTH % 6 + CLOSE + b"\r\nGET / "),
        (
            echo,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET,
            OK + LENGTH % 6 + CLOSE + b"\r\nGET / ",
        ),
        (echo, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", OK + LENGTH % 7 + b"\r\n"),
        (echo, POST + b"Content-Length: 2\r\n\r\nhi", OK + LENGTH % 10 + b"\r\nPOST /p hi"),
        (
            echo,
            POST + CHUNKED + b"\r\n2;a=b\r\nhi\r\n3\r\n yo\r\n0\r\nx: y\r\n\r\n",
            OK + LENGTH % 13 + b"\r\nPOST /p hi yo",
        ),
        (echo, b"GET http://b/x?q HTTP/1.1\r\nHost: a\r\n\r\n", OK + LENGTH % 7 + b"\r\nGET /x "),
        (echo, b"GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", OK + LENGTH % 6 + b"\r\nGET / "),
        (
            echo,
            b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            OK + LENGTH % 10 + b"\r\nOPTIONS * ",
        ),
        (
            echo,
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + GET,
            (OK + LENGTH % 6 + b"\r\nGET / ") * 2,
        ),
        (pieces, GET, OK + CHUNKED + b"\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"),
        (pieces, b"GET / HTTP/1.0\r\n\r\n", OK + CLOSE + b"\r\nonethree"),
        (pieces, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + GET, None),
    ],
)
async def test_bytes_in_and_out(app, sent, answer):
    async with running(app) as url:
        got = await raw(url, sent)
        if answer is None:
            one = OK + CHUNKED + b"\r\n"
            answer = one + one + b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"
        assert undated(got.received) == answer
        assert len(DATE.findall(got.received)) == len(got.replies)


async def test_an_app_may_date_its_answer():
    @http
    async def app(scope, receive, send):
        await reply(send, 200, b"", [(b"date", b"today")])

    async with running(app) as url:
        got = await raw(url, GET)
        assert [value for name, value in got.headers if name == b"date"] == [b"today"]


async def test_the_scope():
    scopes = []

    @http
    async def app(scope, receive, send):
        scopes.append(scope)
        await reply(send)

    head = b"GET http://b:1/a%2Fb/%E2%82%AC?q=%20 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
    async with running(app) as url:
        async with dial(url) as line:
            await line.write(head)
            await line.read(until=b"\r\n\r\n")
            port = line.port
        assert scopes == [
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.5"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": "/a/b/€",
                "raw_path": b"/a%2Fb/%E2%82%AC",
                "query_string": b"q=%20",
                "root_path": "",
                "headers": [(b"host", b"b:1"), (b"x-a", b"1"), (b"x-a", b"2")],
                "client": ("127.0.0.1", port),
                "server": ("127.0.0.1", int(url.rpartition(":")[2])),
                "state": {},
                "extensions": {},
            }
        ]


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")
async def test_a_unix_socket(tmp_path):
    scopes = []

    @http
    async def app(scope, receive, send):
        scopes.append(scope)
        await reply(send)

    path = str(tmp_path / "sock")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    task = asyncio.create_task(server(app, sock))
    while not scopes:
        with contextlib.suppress(ConnectionRefusedError):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait({task})
    assert (scopes[0]["client"], scopes[0]["server"]) == (None, (path, None))


async def test_a_call_has_context_variables_of_its_own():
    from contextvars import ContextVar

    mark = ContextVar("mark", default=0)
    seen = []

    @http
    async def app(scope, receive, send):
        await receive()
        seen.append(mark.get())
        mark.set(len(seen))
        await reply(send)

    async with running(app) as url:
        await raw(url, GET * 3)
        assert seen == [0, 0, 0]


async def test_what_follows_an_answer_holds_up_nobody():
    gate = asyncio.Event()

    @http
    async def app(scope, receive, send):
        await reply(send, 200, scope["path"].encode())
        await gate.wait()
        assert await receive() == {"type": "http.disconnect"}
        await send({"type": "http.response.body", "body": b"more"})  # ignored: H49

    async with running(app) as url:
        got = await raw(url, GET + GET.replace(b"/ ", b"/2 "))
        assert [answer.body for answer in got.replies] == [b"/", b"/2"]
        gate.set()


# -- the application's faults


START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"hello"}


def sends(*messages):
    """An application that sends these, and one that raises what `send` raises."""

    @http
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


@pytest.mark.parametrize(
    ("messages", "answered"),
    [
        ([], 500),
        ([START], 500),
        ([BODY], 500),
        ([START, START], 500),
        ([{"type": "http.nonsense"}], 500),
        ([{"type": "websocket.accept"}], 500),
        ([{}], 500),
        ([{"type": "http.response.start"}], 500),
        ([START | {"status": "200"}], 500),
        ([START | {"status": 101}], 500),
        ([START | {"headers": [("a", "b")]}], 500),
        ([START | {"headers": [(b"a",)]}], 500),
        ([START | {"headers": [(b":status", b"1")]}], 500),
        ([START | {"headers": [(b"a", b"b\r\nc: d")]}], 500),
        ([START | {"headers": None}], 500),
        ([START, BODY | {"body": "hello"}], 500),
        ([START, BODY | {"more_body": "no"}], 500),
        ([START | {"headers": [(b"content-length", b"3")]}, BODY], 500),
        ([START | {"headers": [(b"content-length", b"9")]}, BODY], 500),
        ([START | {"status": 204}, BODY], 500),
        ([START, BODY | {"more_body": True}], 200),
        ([START, BODY | {"more_body": True}, BODY | {"body": 1}], 200),
    ],
)
async def test_a_fault_of_the_app_is_an_end(messages, answered, caplog):
    async with running(sends(*messages)) as url:
        got = await raw(url, GET)
        assert got.status == answered
        assert got.ended == ("closed" if answered == 200 else "complete")
        assert got.received.count(b"HTTP/1.1") == 1
        [record] = caplog.records
        assert record.getMessage() == "the app failed"
        caplog.clear()
        assert (await raw(url, GET)).status == answered


async def test_send_can_be_asked_again_after_it_has_refused():
    @http
    async def app(scope, receive, send):
        for wrong in ({"type": "http.nonsense"}, {"type": "http.response.start"}, BODY):
            with pytest.raises((RuntimeError, KeyError)):
                await send(wrong)
        await send({"type": "http.response.start", "status": 200, "more": 1})
        with pytest.raises(TypeError):
            await send({"type": "http.response.body", "body": "text"})
        await send({"type": "http.response.body", "body": memoryview(b"fine")})

    async with running(app) as url:
        assert (await raw(url, GET)).text == "fine"


async def test_headers_in_any_iterable():
    async with running(sends(START | {"headers": ([b"X-%d" % n, b""] for n in "ab")}, BODY)) as url:
        assert (await raw(url, GET)).status == 500
    iterables = ([b"X-%d" % n, b"v"] for n in range(2))
    async with running(sends(START | {"headers": iterables}, BODY)) as url:
        got = await raw(url, GET)
        assert got.headers[:2] == [(b"x-0", b"v"), (b"x-1", b"v")]


async def test_the_app_may_not_frame_its_answer():
    headers = [(b"Transfer-Encoding", b"chunked"), (b"content-length", b"5")]
    async with running(sends(START | {"headers": headers}, BODY)) as url:
        assert undated((await raw(url, GET)).received) == OK + LENGTH % 5 + b"\r\nhello"


async def test_a_plain_function_is_no_app(caplog):
    async with running(lambda scope, receive, send: None) as url:
        assert (await raw(url, GET)).status == 500


async def test_apps_of_asgi_2():
    class Two:
        def __init__(self, scope):
            self.scope = scope

        async def __call__(self, receive, send):
            await echo(self.scope, receive, send)

    async with running(Two) as url:
        await works(url)
    assert server.__globals__["single"](min) is min  # a built-in that shows no signature


# -- 100-continue


async def test_100_continue_when_the_app_receives():
    asks = POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    async with running(echo) as url, dial(url) as line:
        await line.write(asks)
        assert await line.read(until=b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await line.write(b"hi")
        assert (await line.read(until=b"hi")).endswith(b"POST /p hi")
        await line.write(GET)
        assert (await line.read(until=b"GET / ")).startswith(OK)


async def test_no_continue_where_it_does_not():
    async with running(sends(START | {"status": 413}, BODY)) as url, dial(url) as line:
        await line.write(POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        got = await line.read(until=b"hello")
        assert got.startswith(b"HTTP/1.1 413 ")
        assert b"\nconnection: close\r\n" in got  # or the two bytes might be the next request
        while not await line.read():
            break


# -- the client leaves


async def test_receive_hears_that_the_client_left():
    heard = asyncio.Queue()

    @http
    async def app(scope, receive, send):
        for _ in range(3):
            heard.put_nowait(await receive())
        with pytest.raises(OSError, match="left") as caught:
            await send(START)
        heard.put_nowait(caught.type)

    async with running(app) as url:
        async with dial(url) as line:
            await line.write(GET)
            assert await heard.get() == {"type": "http.request", "body": b"", "more_body": False}
        assert await heard.get() == {"type": "http.disconnect"}
        assert await heard.get() == {"type": "http.disconnect"}
        assert await heard.get() is calls.ClientGone


async def test_what_came_before_the_client_left_is_received():
    heard, gate = [], asyncio.Event()

    @http
    async def app(scope, receive, send):
        await gate.wait()
        heard.extend([await receive(), await receive()])

    async with running(app) as url:
        async with dial(url) as line:
            await line.write(POST + b"Content-Length: 9\r\n\r\nhalf")
            await asyncio.sleep(0.05)
            line.abort()
        await asyncio.sleep(0.05)
        gate.set()
        await until(lambda: len(heard) == 2)
        assert heard[0] == {"type": "http.request", "body": b"half", "more_body": True}
        assert heard[1] == {"type": "http.disconnect"}


async def test_a_stream_to_nobody_raises_and_is_no_error(caplog):
    errors = []

    @http
    async def app(scope, receive, send):
        await send(START)
        try:
            for _ in range(1000):
                await send(BODY | {"more_body": True})
                await asyncio.sleep(0.001)
        except OSError as error:
            errors.append(error)
            raise RuntimeError("as Starlette does") from error

    async with running(app) as url:
        async with dial(url) as line:
            await line.write(GET)
            await line.read(until=b"hello")
            line.abort()
        await until(lambda: errors)
    assert caplog.records == []


async def test_an_error_of_the_app_after_its_answer_is_told(caplog):
    @http
    async def app(scope, receive, send):
        await reply(send)
        await asyncio.sleep(0.05)
        raise ValueError("in the background")

    async with running(app) as url:
        assert (await raw(url, GET)).status == 200
    [record] = caplog.records
    assert str(record.exc_info[1]) == "in the background"


# -- frameworks, unchanged


async def test_starlette():
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route, WebSocketRoute

    done = asyncio.Event()

    async def upload(request: Request):
        body = await request.body()
        return PlainTextResponse(f"{len(body)}", background=BackgroundTask(done.set))

    async def stream(request):
        async def numbers():
            for number in range(3):
                yield f"{number} "

        return StreamingResponse(numbers())

    async def socket_echo(websocket):
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield {"mark": "set"}

    async def state(request):
        return PlainTextResponse(request.state.mark)

    routes = [
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/state", state),
        WebSocketRoute("/ws", socket_echo),
    ]
    async with running(Starlette(routes=routes, lifespan=lifespan)) as url:
        assert (await fetch(url, "/upload", method="POST", body=bytes(300_000))).text == "300000"
        assert (await fetch(url, "/stream")).text == "0 1 2 "
        assert (await fetch(url, "/state")).text == "set"
        assert (await fetch(url, "/missing")).status == 404
        await asyncio.wait_for(done.wait(), 1)
        async with websockets.connect(url.replace("http", "ws") + "/ws") as client:
            await client.send("hello")
            assert await client.recv() == "hello"


async def test_fastapi():
    app = FastAPI()

    @app.get("/items/{number}")
    def item(number: int):
        return {"number": number}

    @app.post("/size")
    async def size(data: dict):
        return len(data)

    @app.get("/lines")
    async def lines():
        return responses.StreamingResponse(f"{n}\n" for n in range(3))

    @app.websocket("/ws")
    async def ws(socket: WebSocket):
        await socket.accept(subprotocol="v2")
        await socket.send_json(await socket.receive_json())

    async with running(app) as url:
        assert (await fetch(url, "/items/3")).text == '{"number":3}'
        assert (await fetch(url, "/items/x")).status == 422
        json = [("content-type", "application/json")]
        assert (
            await fetch(url, "/size", method="POST", body=b'{"a": 1}', headers=json)
        ).text == "1"
        assert (await fetch(url, "/lines")).text == "0\n1\n2\n"
        assert (await fetch(url, "/openapi.json")).status == 200
        where = url.replace("http", "ws") + "/ws"
        async with websockets.connect(where, subprotocols=["v1", "v2"]) as client:
            assert client.subprotocol == "v2"
            await client.send("[1]")
            assert await client.recv() == "[1]"


async def test_django():
    import django
    from django.conf import settings as django_settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path

    async def hello(request):
        return HttpResponse(f"{request.method} {request.path} {len(request.body)}")

    async def stream(request):
        async def numbers():
            for number in range(3):
                yield f"{number} "

        return StreamingHttpResponse(numbers())

    urls = type(sys)("urls")
    urls.urlpatterns = [path("hello/", hello), path("stream/", stream)]
    if not django_settings.configured:
        django_settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls)
        django.setup()
    async with running(get_asgi_application()) as url:
        got = await fetch(url, "/hello/", method="POST", body=b"12345")
        assert got.text == "POST /hello/ 5"
        assert (await fetch(url, "/stream/")).text == "0 1 2 "
        assert (await fetch(url, "/missing")).status == 404


# -- any bytes, cut anywhere


def cuts(data):
    """The bytes in pieces, cut at any places."""
    places = st.lists(st.integers(0, len(data)), max_size=8).map(sorted)
    return places.map(
        lambda found: [
            data[begin:end] for begin, end in zip([0, *found], [*found, len(data)], strict=True)
        ]
    )


names = st.from_regex(r"\Ax-[a-z0-9!#$%&'*+.^_`|~-]{1,12}\Z").map(str.encode)
values = st.binary(max_size=20).filter(
    lambda value: not set(value) & set(b"\0\r\n\v\f\x1c\x1d\x1e\x1f\x85") and value == value.strip()
)


@st.composite
def requests(draw):
    """A valid request, the path, the headers and the body that it should become."""
    path = b"/" + draw(st.from_regex(r"\A[a-z0-9._~-]{0,10}\Z")).encode()
    headers = draw(st.lists(st.tuples(names, values), max_size=4))
    body = draw(st.binary(max_size=60))
    lines = [name + b":" + draw(st.sampled_from([b"", b" ", b"\t "])) + v for name, v in headers]
    if draw(st.booleans()):
        sizes = draw(st.lists(st.integers(1, 20), max_size=3))
        parts, rest = [], body
        for size in sizes:
            part, rest = rest[:size], rest[size:]
            parts += [part] if part else []
        parts += [rest] if rest else []
        wire = b"".join(b"%X\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        lines.append(b"Transfer-Encoding: chunked")
    else:
        wire = body
        lines.append(b"Content-Length: %d" % len(body))
    head = b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"Host: a", *lines]) + b"\r\n\r\n"
    return head + wire, (path, headers, body)


def run(work):
    """Each example has a loop of its own."""
    asyncio.run(asyncio.wait_for(work, 20))


async def tells(scopes, scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = [pair for pair in scope["headers"] if pair[0].startswith(b"x-")]
    scopes.append((scope["raw_path"], headers, body))
    await reply(send, 200, b"ok")


@settings(max_examples=60, deadline=None)
@given(data=st.data(), several=st.lists(requests(), min_size=1, max_size=4))
def test_requests_pipelined_and_cut_at_any_byte(data, several):
    sent = b"".join(wire for wire, _ in several)
    parts = data.draw(cuts(sent))
    found = []

    async def app(*arguments):
        await tells(found, *arguments)

    async def work():
        async with running(app) as url, dial(url) as line:
            for part in parts:
                await line.write(part)
                await asyncio.sleep(0)
            got = b""
            while got.count(b"\r\n\r\nok") < len(several):
                got += await line.read()
        assert found == [wanted for _, wanted in several]

    run(work())


@settings(max_examples=60, deadline=None)
@given(data=st.data(), garbage=st.binary(min_size=1, max_size=200))
def test_any_bytes_end_in_a_4xx_a_close_or_an_answer(data, garbage):
    """Whatever comes, alone, in front of a head or in the middle of one."""
    place = data.draw(st.integers(0, len(GET)))
    sent = data.draw(st.sampled_from([garbage, GET[:place] + garbage + GET[place:]]))

    async def work():
        async with running(echo, wait=0.05, stall=0.05) as url:
            got = await raw(url, sent, wait=2)
            assert got.ended in ("complete", "closed", "reset")
            assert all(answer.status in (200, *range(400, 500)) for answer in got.replies)
            await works(url)

    run(work())


@settings(max_examples=60, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=100))
def test_any_bytes_for_a_chunked_body(garbage):
    async def work():
        async with running(echo, wait=0.05, stall=0.05) as url:
            got = await raw(url, POST + CHUNKED + b"\r\n" + garbage, wait=2)
            assert got.ended in ("complete", "closed", "reset")
            assert all(answer.status in (200, *range(400, 500)) for answer in got.replies)
            await works(url)

    run(work())


# -- malformed requests, and those that two servers read in two ways


HUGE = b"x" * 20_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\r\n", 400),
        (b"\0" * 8, 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS, to the wrong port
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),  # HTTP/0.9
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400),
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 400),
        (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\xe2\x82\xac HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),  # bare LF, alone and mixed in
        (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),  # a lone CR
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n", 400),
        (b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded: first\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + HUGE + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + HUGE + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + HUGE, 431),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
        (POST + b"Content-Length: 5, 6\r\n\r\nhello!", 400),
        (POST + b"Content-Length: +5\r\n\r\nhello", 400),
        (POST + b"Content-Length: -5\r\n\r\nhello", 400),
        (POST + b"Content-Length: 0x5\r\n\r\nhello", 400),
        (POST + b"Content-Length: 5_0\r\n\r\nhello", 400),
        (POST + b"Content-Length: \xb2\r\n\r\nhello", 400),
        (POST + b"Content-Length: \r\n\r\nhello", 400),
        (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
        (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
        (POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: identity\r\n\r\nhello", 400),
        (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"X: y\r\n\tz\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nHost: a\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\nz\r\nhello\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n5 5\r\nhello\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n\r\nhello\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n5\nhello\n0\n\n\r\n", 400),
        (POST + CHUNKED + b"\r\n5\r\nhello0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n5\r\nhell\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n" + b"f" * 21 + b"\r\nhello\r\n0\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n5;" + HUGE, 431),
        (POST + CHUNKED + b"\r\n0\r\nbad trailer\r\n\r\n", 400),
        (POST + CHUNKED + b"\r\n0\r\nX: " + HUGE, 431),
    ],
    ids=lambda value: repr(value[:60])[2:-1] if isinstance(value, bytes) else str(value),
)
async def test_malformed_requests_are_refused(sent, status):
    async with running(echo) as url:
        got = await raw(url, sent, wait=2)
        assert got.status == status
        assert got.ended in ("complete", "closed")
        assert got.received.count(b"HTTP/1.1") == 1, "what follows is not read as a request"
        assert (b"connection", b"close") in got.headers
        await works(url)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (POST + b"Content-Length: 5, 5\r\n\r\nhello", b"hello"),
        (POST + b"transfer-encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (POST + b"X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", b"hello"),  # obs-fold: a blank
        (POST + CHUNKED + b"\r\n0000005\r\nhello\r\n00\r\n\r\n", b"hello"),
        (POST + b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    ],
    ids=repr,
)
async def test_odd_requests_that_have_one_meaning(sent, body):
    async with running(echo) as url:
        got = await raw(url, sent + GET, wait=2)
        assert [answer.body for answer in got.replies] == [b"POST /p " + body, b"GET / "]


async def test_a_second_request_that_is_malformed():
    async with running(echo) as url:
        got = await raw(url, GET + b"nonsense\r\n\r\n" + GET)
        assert [answer.status for answer in got.replies] == [200, 400]
        await works(url)


async def test_a_body_that_nobody_wanted_is_skipped():
    async with running(sends(START | {"headers": [(b"content-length", b"5")]}, BODY)) as url:
        body = b"Content-Length: 200000\r\n\r\n" + bytes(200_000)
        got = await raw(url, POST + body + GET, wait=2)
        assert [answer.body for answer in got.replies] == [b"hello", b"hello"]
        got = await raw(url, POST + CHUNKED + b"\r\nnonsense\r\n" + GET, wait=2)
        assert (got.status, got.ended) == (200, "complete")
        assert got.received.count(b"HTTP/1.1") == 1


async def test_a_body_without_end_is_refused():
    async with running(echo, body=100_000) as url:
        got = await raw(url, POST + CHUNKED + b"\r\n" + (b"400\r\n" + bytes(1024) + b"\r\n") * 200)
        assert (got.status, got.ended) == (413, "complete")
        assert (await raw(url, POST + b"Content-Length: 100001\r\n\r\n")).status == 413
        await works(url)


# -- slow clients


async def test_silence_is_hung_up_on():
    async with running(echo, wait=0.1) as url:
        got = await raw(url, b"", wait=2)
        assert (got.received, got.ended) == (b"", "closed")
        async with dial(url) as line:
            await line.write(GET)
            await line.read(until=b"GET / ")
            assert await line.read(wait=2) == b""
        await works(url)


async def test_a_slow_head_is_a_408():
    async with running(echo, wait=0.2) as url, dial(url) as line:
        writing = asyncio.ensure_future(line.write(GET * 9, pace=100))
        got = await line.read(until=b"\r\n\r\n", wait=2)
        assert got.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        writing.cancel()
        await works(url)


@pytest.mark.parametrize("head", [b"Content-Length: 9\r\n\r\nab", CHUNKED + b"\r\n2\r\nab"])
async def test_a_body_that_stays_away_is_a_408(head):
    async with running(echo, stall=0.1) as url, dial(url) as line:
        await line.write(POST + head)
        got = await line.read(until=b"\r\n\r\n", wait=2)
        assert got.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert await line.read(wait=2) == b""
        await works(url)


async def test_a_slow_body_that_comes_on_is_taken():
    async with running(echo, stall=0.3) as url, dial(url) as line:
        await line.write(POST + b"Content-Length: 8\r\n\r\n")
        await line.write(b"abcdefgh", pace=15)
        assert (await line.read(until=b"abcdefgh", wait=2)).startswith(OK)


async def test_a_client_that_never_reads_is_dropped():
    waited = []

    @http
    async def app(scope, receive, send):
        if scope["path"] == "/next":
            return await reply(send, 200, b"GET /next ")
        await send(START)
        try:
            for number in range(1000):
                waited.append(number)
                await send(BODY | {"body": bytes(65_536), "more_body": True})
        except OSError as error:
            waited.append(error)
            raise

    async with running(app, stall=0.1, rate=1_000_000) as url:
        async with dial(url, buffer=4096) as line:
            await line.write(GET)
            await until(lambda: waited and isinstance(waited[-1], OSError))
        assert isinstance(waited[-1], calls.ClientGone)
        assert waited[-2] < 200, "send did not wait for the client"
        await works(url)


async def test_a_send_that_waits_raises_when_the_client_leaves():
    sent, caught = [], []

    @http
    async def app(scope, receive, send):
        await send(START)
        while True:
            sent.append(1)
            try:
                await send(BODY | {"body": bytes(65_536), "more_body": True})
            except OSError:
                return caught.append(len(sent))

    async with running(app) as url:
        async with dial(url, buffer=4096) as line:
            await line.write(GET)
            count = -1
            while count != len(sent):
                count = len(sent)
                await asyncio.sleep(0.2)
            line.abort()
        await until(lambda: caught)
        assert caught == [count], "the send that waited came back as if nothing had happened"


async def test_what_comes_behind_a_refusal_is_not_read():
    async with running(echo, grace=1) as url, dial(url) as line:
        await line.write(b"nonsense\r\n\r\n")
        got = await line.read(until=b"\r\n\r\n")
        await line.write(GET)
        assert await line.read(wait=2) == b""
        assert got.startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_stays_is_let_go(monkeypatch):
    """It was refused, and does not close: we do."""
    made = []

    class Watched(server.__globals__["Server"]):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setitem(server.__globals__, "Server", Watched)
    async with running(echo) as url, dial(url) as line:
        await line.write(b"nonsense\r\n\r\n")
        await line.read(until=b"\r\n\r\n")
        assert made[0].connections
        await until(lambda: not made[0].connections)


async def test_a_refusal_is_no_reset():
    """A client that still writes must not lose the answer to a reset (RFC 9112, 9.6)."""
    async with running(echo, grace=2) as url, dial(url) as line:
        writing = asyncio.ensure_future(line.write(b"nonsense\r\n\r\n" + bytes(3_000_000)))
        got = b""
        while data := await line.read(wait=2):
            got += data
        assert got.startswith(b"HTTP/1.1 400 ")
        await writing


async def test_an_answer_is_not_cut_by_its_own_end():
    """What the system has not taken yet must leave before the connection does."""

    @http
    async def app(scope, receive, send):
        await reply(send, 200, bytes(50_000), [(b"connection", b"close")])

    sock = socket.create_server(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    task = asyncio.create_task(server(app, sock, grace=0.1))
    async with dial("http://127.0.0.1:{1}".format(*sock.getsockname()), buffer=4096) as line:
        await line.write(GET)
        await asyncio.sleep(0.5)
        size = 0
        while data := await line.read(wait=2):
            size += len(data)
    assert size > 50_000
    task.cancel()
    await asyncio.wait({task})


async def test_a_client_that_reads_late_gets_everything():
    @http
    async def app(scope, receive, send):
        await reply(send, 200, bytes(10_000_000), [(b"connection", b"close")])

    async with running(app) as url, dial(url, buffer=4096) as line:
        await line.write(GET)
        await asyncio.sleep(0.5)
        size = 0
        while data := await line.read(wait=5):
            size += len(data)
        assert size > 10_000_000


async def test_an_upload_waits_for_the_app():
    gate, sizes = asyncio.Event(), []

    @http
    async def app(scope, receive, send):
        await gate.wait()
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await reply(send, 200, b"%d" % sum(sizes))

    body = bytes(20_000_000)
    async with running(app) as url, dial(url) as line:
        writing = asyncio.ensure_future(
            line.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        )
        await asyncio.sleep(0.3)
        assert not writing.done(), "the server has read what nobody received"
        gate.set()
        assert (await line.read(until=b"20000000", wait=5)).startswith(OK)
        await writing
        assert max(sizes) < 1_000_000


async def test_requests_that_nobody_answers_wait_outside():
    gate = asyncio.Event()

    @http
    async def app(scope, receive, send):
        await gate.wait()
        await reply(send, 204)

    many = GET * 400_000
    async with running(app) as url, dial(url) as line:
        writing = asyncio.ensure_future(line.write(many))
        await asyncio.sleep(0.3)
        assert not writing.done()
        writing.cancel()
        line.abort()
        gate.set()


# -- many clients


async def test_a_flood():
    """Three hundred at once: polite, broken, silent, and some that leave in the middle."""
    kinds = [GET, b"nonsense\r\n\r\n", b"", GET[:9], POST + b"Content-Length: 9\r\n\r\nab"]

    async def visit(number):
        async with dial(url) as line:
            await line.write(kinds[number % 5])
            if number % 3:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    return (await line.read(wait=3))[9:12]
            line.abort()
            return b"left"

    async with running(echo, wait=0.3, stall=0.3) as url:
        answers = Counter(await asyncio.gather(*(visit(number) for number in range(300))))
        assert answers[b"left"] == 100
        assert (answers[b"200"], answers[b"400"], answers[b"408"]) == (40, 40, 80)
        await works(url)


async def test_too_many_connections():
    async with running(echo, connections=3) as url:
        lines = [await dial(url) for _ in range(3)]
        assert (await raw(url, GET)).status == 503
        for line in lines:
            line.close()
        await asyncio.sleep(0.05)
        await works(url)


# -- WebSocket


KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n" + KEY
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def frame(opcode, payload=b"", *, fin=True, mask=b"\1\2\3\4"):
    size = len(payload)
    length = bytes([0x80 | min(size, 126 if size <= 0xFFFF else 127)])
    if size > 125:
        length += size.to_bytes(2 if size <= 0xFFFF else 8, "big")
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([opcode | (0x80 if fin else 0)]) + length + mask + masked


async def parrot(scope, receive, send):
    """Accepts, and sends back what comes; /close closes, /deny refuses, /die raises."""
    if scope["type"] == "http":
        return await echo(scope, receive, send)
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    assert await receive() == {"type": "websocket.connect"}
    if scope["path"] == "/deny":
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept"})
    if scope["path"] == "/close":
        await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
    if scope["path"] == "/die":
        raise ValueError("after the handshake")
    if scope["path"] == "/return":
        return None
    while (message := await receive())["type"] == "websocket.receive":
        await send(message | {"type": "websocket.send"})
    ends.append(message)
    with contextlib.suppress(calls.ClientGone):
        await send({"type": "websocket.send", "text": "late"})
        ends.append("silent")


ends: list = []


@pytest.fixture(autouse=True)
def _ends():
    ends.clear()


@pytest.mark.parametrize(
    ("path", "sent", "answer", "end"),
    [
        (b"/", frame(1, b"hi"), b"\x81\x02hi", None),
        (b"/", frame(2, b"hi"), b"\x82\x02hi", None),
        (
            b"/",
            frame(1, b"h", fin=False) + frame(9, b"?") + frame(0, b"i"),
            b"\x8a\x01?\x81\x02hi",
            None,
        ),
        (b"/", frame(8, b"\x0f\xa2why"), b"\x88\x05\x0f\xa2why", (4002, "why")),
        (b"/", frame(8), b"\x88\x00", (1005, "")),
        (b"/close", b"", b"\x88\x05\x0f\xa1bye", (1005, "")),
        (b"/die", b"", b"\x88\x02\x03\xf3", None),
        (b"/return", b"", b"\x88\x02\x03\xe8", None),
        (b"/", frame(1, b"\xff"), b"\x88", (1007, None)),
        (b"/", frame(3), b"\x88", (1002, None)),
        (b"/", b"\x81\x02hi", b"\x88", (1002, None)),  # not masked
        (b"/", b"\xf1\x80" + b"\1\2\3\4", b"\x88", (1002, None)),  # reserved bits
        (b"/", frame(0, b"i"), b"\x88", (1002, None)),
        (b"/", frame(9, b"x", fin=False), b"\x88", (1002, None)),
        (b"/", frame(9, b"x" * 126), b"\x88", (1002, None)),
        (b"/", frame(8, b"\x03"), b"\x88", (1002, None)),
        (b"/", frame(8, b"\x03\xed"), b"\x88", (1002, None)),  # 1005 is nobody's to send
    ],
)
@pytest.mark.parametrize("early", [True, False], ids=["early", "late"])
async def test_frames_in_and_out(path, sent, answer, end, early):
    head = UPGRADE.replace(b"GET /", b"GET " + path) + b"\r\n"
    async with running(parrot) as url, dial(url) as line:
        if early:
            await line.write(head + sent)
        else:
            await line.write(head)
        got = await line.read(until=b"\r\n\r\n")
        if not early:
            await line.write(sent)
        while len(got) < len(SWITCHED) + len(answer):
            got += await line.read()
        assert got.startswith(SWITCHED + answer)
        if end:
            assert await _rest(line) == b""
            await until(lambda: ends)
            assert (ends[0]["code"], ends[0]["reason"]) == (end[0], end[1] or ends[0]["reason"])
        await works(url)


async def _rest(line):
    """What comes until the server says FIN, without the end of a frame that was asked for."""
    data = b""
    while more := await line.read(wait=2):
        data += more
    return b"" if data.isascii() else data


async def test_a_lost_socket_has_no_code():
    async with running(parrot) as url:
        async with dial(url) as line:
            await line.write(UPGRADE + b"\r\n")
            await line.read(until=SWITCHED)
            line.abort()
        await until(lambda: ends)
        assert ends == [{"type": "websocket.disconnect", "code": 1005, "reason": ""}]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (UPGRADE.replace(KEY, b""), 400),
        (UPGRADE.replace(b"13", b"8"), 426),
        (UPGRADE.replace(b"Connection: Upgrade\r\n", b""), 400),
        (UPGRADE + b"Sec-WebSocket-Protocol: \xff\r\n", 400),
        (UPGRADE + b"Content-Length: 5\r\n", 400),
        (UPGRADE + CHUNKED, 400),
        (UPGRADE.replace(b"GET", b"POST"), 200),  # not a handshake: a request
        (UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
        (UPGRADE.replace(b"GET /", b"GET /deny"), 403),
    ],
    ids=lambda value: repr(value[-50:])[2:-1] if isinstance(value, bytes) else str(value),
)
async def test_handshakes(head, status):
    async with running(parrot) as url:
        got = await raw(url, head + b"\r\n", wait=2)
        assert got.status == status
        assert got.ended == "complete"
        if status == 426:
            assert (b"sec-websocket-version", b"13") in got.headers
        await works(url)


async def test_a_refusal_with_reasons():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        assert scope["extensions"] == {"websocket.http.response": {}}
        await receive()
        headers = [(b"x-why", b"no")]
        kind = "websocket.http.response."
        with pytest.raises(RuntimeError):
            await send({"type": kind + "body"})
        await send({"type": kind + "start", "status": 401, "headers": headers})
        with pytest.raises(RuntimeError):
            await send({"type": "websocket.accept"})
        await send({"type": kind + "body", "body": b"not ", "more_body": True})
        await send({"type": kind + "body", "body": b"today"})
        assert (await receive())["type"] == "websocket.disconnect"

    async with running(app) as url:
        got = await raw(url, UPGRADE + b"\r\n")
        assert (got.status, got.text, got.ended) == (401, "not today", "complete")
        assert (b"x-why", b"no") in got.headers
        assert (b"connection", b"close") in got.headers


async def test_what_does_not_fit_raises():
    said = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        wrong = [
            {"type": "websocket.send", "text": "early"},
            {"type": "websocket.accept", "subprotocol": "not offered"},
            {"type": "websocket.accept", "headers": [("a", "b")]},
            {"type": "websocket.accept", "headers": [(b":a", b"b")]},
        ]
        for message in wrong:
            with pytest.raises(Exception) as caught:  # noqa: PT011
                await send(message)
            said.append(caught.type)
        await send({"type": "websocket.accept", "subprotocol": "v2"})
        for more in ({}, {"text": "a", "bytes": b"b"}, {"text": b"a"}, {"bytes": "a"}):
            with pytest.raises((ValueError, TypeError)):
                await send({"type": "websocket.send", **more})
        await send({"type": "websocket.send", "bytes": b"", "text": None})
        await send({"type": "websocket.close"})
        await send({"type": "websocket.send", "text": "ignored"})

    async with running(app) as url:
        got = await raw(url, UPGRADE + b"Sec-WebSocket-Protocol: v1,v2\r\n\r\n", wait=2)
        assert got.received.endswith(b"\r\n\r\n\x82\x00\x88\x02\x03\xe8")
        assert b"Sec-WebSocket-Protocol: v2\r\n" in got.received
    assert said[0] is RuntimeError


async def test_an_app_that_neither_accepts_nor_closes(caplog):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()

    async with running(app) as url:
        assert (await raw(url, UPGRADE + b"\r\n")).status == 500


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    messages=st.lists(st.one_of(st.text(max_size=20), st.binary(max_size=200)), max_size=4),
)
def test_frames_cut_at_any_byte(data, messages):
    wire = b""
    for message in messages:
        text = isinstance(message, str)
        payload = message.encode() if text else message
        place = data.draw(st.integers(0, len(payload)))
        wire += frame(1 if text else 2, payload[:place], fin=False)
        wire += data.draw(st.sampled_from([b"", frame(9, b"?"), frame(10)]))
        wire += frame(0, payload[place:])
    sent = UPGRADE + b"\r\n" + wire
    parts = data.draw(cuts(sent))
    found = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        await send({"type": "websocket.accept"})
        for _ in messages:
            message = await receive()
            found.append(message["text"] if "text" in message else message["bytes"])
        await send({"type": "websocket.close"})

    async def work():
        async with running(app) as url, dial(url) as line:
            for part in parts:
                await line.write(part)
                await asyncio.sleep(0)
            while await line.read(wait=5):
                pass
        assert found == messages

    run(work())


@settings(max_examples=60, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=100))
def test_any_bytes_for_frames(garbage):
    async def work():
        async with running(parrot, ping=0.05) as url:
            async with dial(url) as line:
                await line.write(UPGRADE + b"\r\n" + garbage)
                with contextlib.suppress(TimeoutError, ConnectionError):
                    while await line.read(wait=2):
                        pass
            await works(url)

    run(work())


async def test_a_message_that_is_too_long():
    async with running(parrot, body=100_000) as url:
        async with websockets.connect(url.replace("http", "ws"), max_size=None) as client:
            with contextlib.suppress(websockets.ConnectionClosed):
                await client.send(bytes(200_000))
            with pytest.raises(websockets.ConnectionClosed):
                await client.recv()
            assert client.close_code == 1009
        await works(url)


async def test_what_follows_a_message_that_is_too_long():
    async with running(parrot, body=9) as url, dial(url) as line:
        frames = frame(1, b"0123456789") + frame(9, b"?") + frame(1, b"x") + frame(8)
        await line.write(UPGRADE + b"\r\n" + frames)
        got = await line.read(until=SWITCHED + b"\x88\x02\x03\xf1")
        assert await line.read(wait=2) == b"", got
        await until(lambda: ends)
        assert ends[0]["code"] == 1005


async def test_messages_that_nobody_receives_wait_outside():
    gate, found = asyncio.Event(), []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        await send({"type": "websocket.accept"})
        await gate.wait()
        while (message := await receive())["type"] == "websocket.receive":
            found.append(len(message["bytes"]))

    async with running(app) as url, dial(url) as line:
        await line.write(UPGRADE + b"\r\n")
        await line.read(until=SWITCHED)
        many = frame(2, bytes(100_000)) * 200
        writing = asyncio.ensure_future(line.write(many + frame(8)))
        await asyncio.sleep(0.5)
        assert not writing.done(), "the server has read what nobody received"
        gate.set()
        await until(lambda: len(found) == 200)
        await writing


async def test_pings_of_a_client_that_does_not_read():
    async with running(parrot, ping=0.2) as url, dial(url, buffer=4096) as line:
        await line.write(UPGRADE + b"\r\n")
        flood = frame(9, b"x" * 125) * 1000
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                await line.write(flood)
        await works(url)


async def test_who_answers_no_ping_is_gone():
    async with running(parrot, ping=0.1) as url:
        async with dial(url) as line:
            await line.write(UPGRADE + b"\r\n")
            got = b""
            with contextlib.suppress(ConnectionError):
                while data := await line.read(wait=2):
                    got += data
            assert got == SWITCHED + b"\x89\x00"
        async with websockets.connect(url.replace("http", "ws")) as client:
            await asyncio.sleep(0.5)
            await client.send("still here")
            assert await client.recv() == "still here"


# -- beginning and end


async def test_lifespan():
    said = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            scope["state"]["count"] = scope["state"].get("count", 0) + 1
            scope["state"]["list"].append(1)
            return await reply(send, 200, repr(scope["state"]).encode())
        assert scope == {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": {},
        }
        scope["state"]["list"] = []
        said.append(await receive())
        with pytest.raises(RuntimeError):
            await send({"type": "lifespan.shutdown.complete"})
        await send({"type": "lifespan.startup.complete"})
        with pytest.raises(RuntimeError):
            await send({"type": "lifespan.startup.complete"})
        said.append(await receive())
        await send({"type": "lifespan.shutdown.complete"})

    async with running(app) as url:
        assert (await raw(url, GET)).text == "{'list': [1], 'count': 1}"
        assert said == [{"type": "lifespan.startup"}]
        assert (await raw(url, GET)).text == "{'list': [1, 1], 'count': 1}"
    assert said[1:] == [{"type": "lifespan.shutdown"}]


async def start(app):
    sock = socket.create_server(("127.0.0.1", 0))
    try:
        async with asyncio.timeout(2):
            await server(app, sock)
    finally:
        sock.close()


@pytest.mark.parametrize(("words", "failure"), [({"message": "no disk"}, "no disk"), ({}, ".")])
async def test_a_start_that_failed(words, failure, caplog):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", **words})
        await receive()

    with pytest.raises(RuntimeError, match=failure):
        await start(app)
    assert caplog.records[0].getMessage().startswith("lifespan.startup.failed: ")


async def test_nobody_gets_in_before_the_start_is_complete():
    gate = asyncio.Event()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            return await echo(scope, receive, send)
        await receive()
        await gate.wait()
        await send({"type": "lifespan.startup.complete"})

    async with running(app) as url:
        asking = asyncio.ensure_future(raw(url, GET, wait=2))
        await asyncio.sleep(0.1)
        assert not asking.done()
        gate.set()
        assert (await asking).status == 200


@pytest.mark.parametrize("when", ["shutdown.failed", "raises", "dies early"])
async def test_an_end_that_fails_is_told(when, caplog):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        if when != "dies early":
            await receive()
        if when == "shutdown.failed":
            return await send({"type": "lifespan.shutdown.failed", "message": "disk full"})
        raise ValueError("disk full")

    sock = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server(app, sock))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait({task})
    assert "disk full" in caplog.text
    assert task.cancelled() or str(task.exception()) == "disk full"


async def test_a_stop_waits_for_answers_and_for_nothing_else():
    began, said = asyncio.Event(), []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            said.append("shutdown")
            return await send({"type": "lifespan.shutdown.complete"})
        await receive()
        began.set()
        await asyncio.sleep(0.3)
        await reply(send, 200, b"late")
        said.append("answered")

    sock = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:{1}".format(*sock.getsockname())
    task = asyncio.create_task(server(app, sock))
    async with dial(url) as idle:
        asking = asyncio.ensure_future(raw(url, GET, wait=2))
        await began.wait()
        task.cancel()
        assert await idle.read(wait=0.2) == b""
        got = await asking
        assert (got.text, got.ended) == ("late", "complete")
        assert (b"connection", b"close") in got.headers
        await asyncio.wait({task})
    assert said == ["answered", "shutdown"]
    with pytest.raises(ConnectionRefusedError):
        await raw(url, GET)


async def test_a_stop_does_not_wait_for_ever(caplog):
    cancelled = []

    @http
    async def app(scope, receive, send):
        await send(START)
        await send(BODY | {"more_body": True})
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    sock = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:{1}".format(*sock.getsockname())
    task = asyncio.create_task(server(app, sock, grace=0.1))
    async with dial(url) as line:
        await line.write(GET)
        await line.read(until=b"hello")
        task.cancel()
        assert b"0\r\n" not in await line.read(wait=1), "half an answer must not look whole"
        await asyncio.wait({task})
    assert cancelled


async def test_a_stop_closes_sockets():
    sock = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server(parrot, sock))
    async with websockets.connect("ws://127.0.0.1:{1}".format(*sock.getsockname())) as client:
        await client.send("x")
        await client.recv()
        task.cancel()
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
        assert client.close_code == 1001
    await asyncio.wait({task})
    assert ends[0]["type"] == "websocket.disconnect"


@pytest.mark.parametrize("moment", [0, 1, 3, 10])
async def test_it_can_be_stopped_at_any_time(moment):
    async def app(scope, receive, send):
        await receive()
        await asyncio.sleep(0)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    with socket.create_server(("127.0.0.1", 0)) as sock:
        task = asyncio.create_task(server(app, sock))
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=2)
        assert done


# -- on a site, as a program, and against the specification


async def test_on_a_site():
    async with serve(with_lifespan(echo), server=server, record=True) as site:
        await works(site)
        assert (site.lifespan, site.about) == ("complete", "server")
        assert site.conversation.calls[-1].scope["path"] == "/next"
        assert site.conversation.connections[0].calls


async def test_a_site_keeps_its_log():
    async with serve(sends(BODY), server=server) as site:
        assert (await fetch(site)).status == 500
        assert site.log == [
            "ERROR the app failed RuntimeError: http.response.body does not fit: called"
        ]


async def test_as_a_program():
    command = "{python} -m apps.server apps.main:app {port}"
    notebooks = str(Path(__file__).parent.parent / "notebooks")
    async with serve(command=command, env={"PYTHONPATH": notebooks}) as site:
        assert (await fetch(site)).text == "Hello"


def test_its_limits_are_those_of_the_table():
    with pytest.raises(TypeError, match="speed"):
        Limits(speed=1)


async def test_no_statement_of_the_specification_is_broken():
    grid = await spec.survey([server])
    broken = {cell.id: cell.said for cell in grid if cell.verdict in ("fail", "differs")}
    assert broken == {}
    assert sum(cell.verdict == "pass" for cell in grid) >= 110
