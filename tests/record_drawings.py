"""Record the exchanges that the drawing tests draw: real uvicorn, real sockets.

    python -m tests.record_drawings

writes `tests/data/*.json`: rows and steps as `asgilive.drawing` takes them, frames with their
fields, bytes written as `{"bytes": latin-1 text}`. Run it again when the shape of a row changes.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import websockets

from asgilive import crowd, dial, fetch, pairing, raw, serve

DATA = Path(__file__).parent / "data"


async def hello(scope, receive, send):
    await start(send, b"content-length", b"6")
    await send({"type": "http.response.body", "body": b"hello\n"})


async def greet(scope, receive, send):
    message = await receive()
    await start(send, b"content-type", b"text/plain")
    await send({"type": "http.response.body", "body": b"Hello, ", "more_body": True})
    await send({"type": "http.response.body", "body": message["body"] + b"!\n"})


async def breaks(scope, receive, send):
    await start(send, b"content-length", b"6")
    raise ValueError("no <b>body</b> today")


async def clock(scope, receive, send):
    await start(send, b"content-type", b"text/event-stream")
    for tick in range(1, 3):
        body = b"data: tick %d\n\n" % tick
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(0.15)
    while (await receive())["type"] != "http.disconnect":
        pass


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"].upper()})


async def start(send, name, value):
    await send({"type": "http.response.start", "status": 200, "headers": [(name, value)]})


def plain(value: Any) -> Any:
    """A row as JSON can hold it."""
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def keep(name: str, site: Any) -> None:
    conversation = site.conversation
    latest = conversation.connections[-1]
    entries = [e for e in conversation.entries if e.connection == latest.number]
    framed = [*latest.frames_in, *latest.frames_out]
    found = {"rows": pairing.rows(latest), "steps": pairing.steps(entries)}
    if framed:
        found["frames"] = [(f.data, pairing.bits(f.data, f.frame)) for f in framed]
    text = json.dumps(plain(found), indent=1, ensure_ascii=False)
    (DATA / f"{name}.json").write_text(text + "\n", "utf-8")


GET = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def ask(app: Any, name: str, visit: Any) -> None:
    async with serve(app, record=True, lifespan="off") as site:
        await visit(site)
        await asyncio.sleep(0.05)  # the server's own end of it, after the client's
        keep(name, site)


async def leave(site: Any) -> None:
    async with dial(site) as line:
        await line.write(b"GET /clock HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await line.read(until=b"tick 2")
        line.close()


async def talk(site: Any) -> None:
    url = site.ws_url + "/ws"
    async with websockets.connect(url, compression=None, user_agent_header=None) as socket:
        await socket.send("hi")
        await socket.recv()
        await socket.send("x" * 300)
        await socket.recv()


async def main() -> None:
    DATA.mkdir(exist_ok=True)
    await ask(hello, "get", lambda site: fetch(site, "/hello"))
    await ask(
        greet,
        "post",
        lambda site: fetch(
            site,
            "/greet?lang=en",
            method="POST",
            headers=[(b"content-type", b"text/plain")],
            body=b"Ada",
        ),
    )
    await ask(hello, "keep-alive", lambda site: raw(site, GET + GET))
    await ask(hello, "bad-request", lambda site: raw(site, b"nonsense\r\n\r\n"))
    await ask(breaks, "raises", lambda site: raw(site, GET))
    await ask(clock, "leaves", leave)
    await ask(echo, "websocket", talk)
    async with serve(hello) as site:
        visits = (await crowd(8, lambda n: fetch(site), gap=0.004)).visits
    lanes = [[f"client {v.number + 1}", [[v.began, v.began + v.took, "wait"]]] for v in visits]
    (DATA / "crowd.json").write_text(json.dumps(lanes, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
