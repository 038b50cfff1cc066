"""Small applications that the tests serve, in this process or by import string in another."""

import asyncio
import os
import time


async def until(condition):
    """Wait for what another thread or process does, where no event tells."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def stalled(site):
    """Wait until the latest call of a recorded site hangs in one step; returns that call."""
    while True:
        before = site.conversation.calls[-1].entries[-1:]
        await asyncio.sleep(0.2)
        call = site.conversation.calls[-1]
        if call.entries[-1:] == before != [] and before[0].took is None:
            return call


async def reply(send, status=200, body=b"", headers=()):
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


def http(answer):
    """An application that only speaks HTTP; it raises on the rest, as the book's do."""

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await answer(scope, receive, send)

    app.__name__ = answer.__name__
    return app


def with_lifespan(app):
    """The same, with a lifespan."""

    async def alive(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return alive


@http
async def hello(scope, receive, send):
    await reply(send, 200, b"Hello", [(b"content-type", b"text/plain")])


@http
async def echo(scope, receive, send):
    """The body back, in the pieces in which it came."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        body = message.get("body", b"")
        await send({"type": "http.response.body", "body": body, "more_body": more})


@http
async def size(scope, receive, send):
    """Reads everything, then says how much it was."""
    total, more = 0, True
    while more:
        message = await receive()
        total, more = total + len(message["body"]), message["more_body"]
    await reply(send, 200, b"%d" % total)


@http
async def path(scope, receive, send):
    await reply(send, 200, scope["path"].encode())


@http
async def pid(scope, receive, send):
    await reply(send, 200, b"%d" % os.getpid())


@http
async def early(scope, receive, send):
    raise ValueError("before the head")


@http
async def late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"so far", "more_body": True})
    raise ValueError("after the head")


@http
async def waits(scope, receive, send):
    """Reads the request, and waits for the client to leave."""
    await receive()
    await receive()


@http
async def endless(scope, receive, send):
    """A stream that ends when the client leaves."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
        await asyncio.sleep(0.01)


@http
async def deaf(scope, receive, send):
    """A stream that does not notice that it was cancelled."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        try:
            await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            pass


@http
async def flood(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1000):
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def shout(scope, receive, send):
    """A WebSocket that answers in capitals; "bye" makes it close."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 1000})
            return
        text = (message.get("text") or message["bytes"].decode()).upper()
        await send({"type": "websocket.send", "text": text})


async def refuses(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def breaks(scope, receive, send):
    raise ValueError("no settings")


async def never_starts(scope, receive, send):
    await receive()
    await asyncio.Event().wait()


async def blocks(scope, receive, send):
    await receive()
    time.sleep(3)  # noqa: ASYNC251


full_hello = with_lifespan(hello)


def wsgi(environ, start_response):
    body = environ["PATH_INFO"].encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
