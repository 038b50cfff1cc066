"""The application that the tests of previews serve in a page: a cell, not a program."""

import asyncio
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from asgilive import serve

app = FastAPI()
PAGE = """<!doctype html><title>Shop</title><h1 id="here">{}</h1>
<a id="absolute" href="/second">second</a>
<form id="form" action="/form" method="post"><input name="word" value="hello there"></form>"""
seen = {"disconnects": 0}


@app.get("/", response_class=HTMLResponse)
async def home(request: Request):
    return PAGE.format("home")


@app.get("/second", response_class=HTMLResponse)
async def second(request: Request):
    return PAGE.format("second, from " + request.headers.get("referer", "nowhere"))


@app.post("/form", response_class=HTMLResponse)
async def form(request: Request):
    word = parse_qs((await request.body()).decode())["word"][0]
    return PAGE.format(f"form: {word}, from {request.headers['origin']}")


@app.get("/away")
async def away():
    return RedirectResponse("/second", 303)


@app.get("/cookie")
async def cookie(request: Request, response: Response):
    response.set_cookie("visits", str(int(request.cookies.get("visits", 0)) + 1))
    return request.cookies


@app.post("/size")
async def size(request: Request):
    return len(await request.body())


@app.get("/stream")
async def stream(request: Request):
    async def words():
        try:
            for n in range(10_000):
                yield f"word {n}\n"
                await asyncio.sleep(0.02)
        finally:
            seen["disconnects"] += 1

    return StreamingResponse(words(), media_type="text/plain")


@app.get("/events")
async def events():
    async def three():
        for n in range(3):
            yield f"id: {n}\ndata: event {n}\n\n"
            await asyncio.sleep(0.02)
        await asyncio.sleep(30)

    return StreamingResponse(three(), media_type="text/event-stream")


@app.get("/numbers")
async def numbers(request: Request):
    """Two numbers behind the last that was heard; the third answer breaks off."""
    last = int(request.headers.get("last-event-id", 0))
    seen["asked"] = [*seen.get("asked", []), last]

    async def more():
        for n in (last + 1, last + 2):
            yield f"retry: 50\nid: {n}\r\ndata: {n}\n\n: a comment\n"
        yield "id: 99\ndata: cut off"
        if last == 4:
            raise ValueError

    stream = StreamingResponse(more(), media_type="text/event-stream")
    return Response(status_code=204) if last >= 8 else stream


@app.get("/seen")
async def how():
    return seen


@app.websocket("/ws")
async def ws(socket: WebSocket):
    await socket.accept(subprotocol="chat")
    await socket.send_text(socket.headers["origin"])
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            seen["code"] = message["code"]
            return
        if message.get("text") == "bye":
            return await socket.close(4001, "enough")
        if message.get("text") is not None:
            await socket.send_text(message["text"] + "!")
        else:
            await socket.send_bytes(message["bytes"][::-1])


site = await serve(app)
print(site.port, end="")
