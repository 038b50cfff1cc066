"""The browser's requests and WebSockets, as messages in and out, against servers of the page."""

import asyncio
import json

import pytest
from fastapi import FastAPI, Response, WebSocket

from asgilive import serve
from asgilive.browser.network import NETWORK


@pytest.fixture
def site(page):
    """A FastAPI application, served in the page."""
    app = FastAPI()

    @app.get("/")
    def cookies(response: Response, n: int = 0):
        response.set_cookie("n", str(n))
        response.set_cookie("theirs", "x", path="/other")
        return {"n": n}

    @app.post("/echo")
    async def echo(body: dict):
        return body

    @app.websocket("/ws")
    async def ws(socket: WebSocket):
        await socket.accept(subprotocol="chat")
        await socket.send_json(dict(socket.headers))
        while (said := await socket.receive()).get("type") == "websocket.receive":
            if said.get("text") == "bye":
                await socket.close(4000, "enough")
                return
            data = said.get("bytes")
            await (socket.send_bytes(data) if data is not None else socket.send_text(said["text"]))
        page.closed = said

    @app.websocket("/no")
    async def no(socket: WebSocket):
        await socket.close()

    made = page.run(serve(app, record=True).__aenter__())
    yield made
    page.run(made.stop())
    assert not NETWORK.sockets


def ask(page, port, path="/", *, id="1", method="GET", headers=(), body=None, pieces=100):
    asked = {"port": port, "method": method, "path": path, "headers": list(headers)}
    page.python.request(id, json.dumps(asked), None if body is None else memoryview(body))
    for _ in range(pieces):
        page.python.more(id)
    ends = {"end", "refused", "broken"}
    page.until(lambda: any(event in ends for event, _ in page.events(id)) or not pieces)
    return page.events(id)


def test_a_get(page, site):
    head, piece, end = ask(page, site.port, "/?n=1", headers=[("accept", "x"), ("Host", "wrong")])
    assert head[0] == "head"
    assert head[1][0] == 200
    assert ["content-type", "application/json"] in head[1][1]
    assert "set-cookie" not in dict(head[1][1])
    assert piece == ("piece", b'{"n":1}')
    assert end == ("end", "")
    headers = dict(site.conversation.calls[-1].scope["headers"])
    assert headers == {b"host": b"127.0.0.1:%d" % site.port, b"accept": b"x"}


def test_cookies_are_kept_by_path(page, site):
    ask(page, site.port, "/?n=5")
    ask(page, site.port, "/", id="2")
    assert (b"cookie", b"n=5") in site.conversation.calls[-1].scope["headers"]


def test_a_post(page, site):
    _, piece, _ = ask(
        page,
        site.port,
        "/echo",
        method="POST",
        headers=[("content-type", "application/json"), ("content-length", "999")],
        body=b'{"a":1}',
    )
    assert piece == ("piece", b'{"a":1}')


def test_an_empty_body_has_its_length(page, site):
    ask(page, site.port, "/echo", method="POST", body=b"")
    assert (b"content-length", b"0") in site.conversation.calls[-1].scope["headers"]


def test_nobody_listens(page):
    assert ask(page, 9) == [("refused", "")]


def test_an_answer_that_breaks_off(page):
    async def app(scope, receive, send):
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]}
        )
        await send({"type": "http.response.body", "body": b"12", "more_body": True})
        raise ValueError

    site = page.run(serve(app, lifespan="off").__aenter__())
    events = ask(page, site.port)
    assert [event for event, _ in events] == ["head", "piece", "broken"]
    page.run(site.stop())


def test_a_server_that_answers_nonsense(page):
    async def nonsense(app, sock):
        async def answer(reader, writer):
            await reader.readline()
            writer.write(b"HELLO\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, sock=sock):
            await asyncio.Event().wait()

    site = page.run(serve(None, server=nonsense).__aenter__())
    ((event, why),) = ask(page, site.port)
    assert event == "broken"
    assert why
    page.run(site.stop())


async def endless(scope, receive, send):
    """Send until the client has gone."""
    await send({"type": "http.response.start", "status": 200})
    asking = asyncio.ensure_future(receive())
    while not asking.done() or asking.result()["type"] != "http.disconnect":
        if asking.done():
            asking = asyncio.ensure_future(receive())
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await asyncio.sleep(0)


def test_who_cancels_hangs_up_and_who_reads_slowly_is_slow_for_the_server(page):
    site = page.run(serve(endless, lifespan="off", record=True).__aenter__())
    ask(page, site.port, pieces=0)
    page.python.more("1")
    page.python.more("1")
    page.until(lambda: len(page.events("1")) == 3)
    page.run(asyncio.sleep(0.2))
    assert len(page.events("1")) == 3, "a head, and the two pieces that were wanted"
    assert len(site.conversation.calls[0].sent) < 40
    page.python.cancel("1")
    page.until(lambda: site.conversation.calls[0].ended == "returned")
    page.python.cancel("1")
    page.python.more("1")
    page.run(asyncio.sleep(0))
    assert not page.python.bridge.calls
    page.run(site.stop())


def test_a_websocket(page, site):
    ask(page, site.port, "/?n=7")
    asked = {"port": site.port, "path": "/ws", "protocols": ["chat"], "origin": "http://a"}
    page.python.socket("s", json.dumps(asked))
    page.until(lambda: len(page.events("s")) == 2)
    assert page.events("s")[0] == ("open", "chat")
    headers = json.loads(page.events("s")[1][1])
    assert (headers["cookie"], headers["origin"]) == ("n=7", "http://a")
    page.python.send("s", "message", "hello")
    page.python.send("s", "message", memoryview(b"\x00\xff"))
    page.until(lambda: len(page.events("s")) == 4)
    assert page.events("s")[2:] == [("message", "hello"), ("message", b"\x00\xff")]
    page.python.send("s", "message", "bye")
    page.until(lambda: len(page.events("s")) == 5)
    assert page.events("s")[4] == ("close", [4000, "enough", True])
    page.run(asyncio.sleep(0.01))
    assert not page.python.bridge.sockets
    page.python.send("s", "message", "to nobody")
    page.run(asyncio.sleep(0))


def test_a_page_closes_its_websocket(page, site):
    asked = {"port": site.port, "path": "/ws", "protocols": ["chat"], "origin": ""}
    page.python.socket("s", json.dumps(asked))
    page.until(lambda: len(page.events("s")) == 2)
    page.python.send("s", "close", json.dumps([3001, "mine"]))
    page.until(lambda: len(page.events("s")) == 3)
    assert page.events("s")[2] == ("close", [3001, "mine", True])
    assert (page.closed["code"], page.closed["reason"]) == (3001, "mine")


@pytest.mark.parametrize("path", ["/no", "/nothing"])
def test_a_refused_websocket(page, site, path):
    asked = {"port": site.port, "path": path, "protocols": [], "origin": ""}
    page.python.socket("s", json.dumps(asked))
    page.until(lambda: page.events("s"))
    ((event, (code, _, clean)),) = page.events("s")
    assert (event, code, clean) == ("close", 1006, False)


def test_a_cancelled_websocket_is_an_end_without_a_word(page, site):
    asked = {"port": site.port, "path": "/ws", "protocols": ["chat"], "origin": ""}
    page.python.socket("s", json.dumps(asked))
    page.until(lambda: len(page.events("s")) == 2)
    page.python.cancel("s")
    page.until(lambda: not page.python.bridge.calls)
