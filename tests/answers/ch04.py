"""Learners' answers to the exercises of chapter 4."""

WRONG = {
    "4.1": [
        (
            "One receive: the body is believed to be in the first message.",
            """\
async def limited(scope, receive, send):
    message = await receive()
    size = len(message["body"])
    await reply(send, 413 if size > 1000 else 200, b"%d" % size)
""",
        ),
        (
            "The loop runs while there is a body: an empty piece ends it.",
            """\
async def limited(scope, receive, send):
    size = 0
    while body := (await receive()).get("body"):
        size += len(body)
        if size > 1000:
            return await reply(send, 413)
    await reply(send, 200, str(size).encode())
""",
        ),
        (
            "The Content-Length is believed, and a chunked body has none.",
            """\
async def limited(scope, receive, send):
    length = int(dict(scope["headers"]).get(b"content-length", 0))
    if length > 1000:
        return await reply(send, 413)
    await receive()
    await reply(send, 200, b"%d" % length)
""",
        ),
        (
            "The whole body is read before its size is looked at.",
            """\
async def limited(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await reply(send, 413 if len(body) > 1000 else 200, b"%d" % len(body))
""",
        ),
        (
            "The limit itself is believed to be too much.",
            """\
async def limited(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size >= 1000:
            return await reply(send, 413)
    await reply(send, 200, b"%d" % size)
""",
        ),
        (
            "Every message is believed to have a body.",
            """\
async def limited(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b"")) if "more_body" in message else len(message["body"])
        more = message.get("more_body", False)
        if size > 1000:
            return await reply(send, 413)
    await reply(send, 200, b"%d" % size)
""",
        ),
        (
            "http.disconnect has no more_body, so the loop ends and answers.",
            """\
async def limited(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size > 1000:
            return await reply(send, 413)
    await reply(send, 200, b"%d" % size)
""",
        ),
    ],
    "4.2": [
        (
            "The body is collected, then hashed.",
            """\
import hashlib

async def digest(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    await reply(send, 200, hashlib.sha256(body).hexdigest().encode())
""",
        ),
        (
            "A new hash for each piece: the last one is left.",
            """\
import hashlib

async def digest(scope, receive, send):
    more = True
    while more:
        message = await receive()
        found = hashlib.sha256(message.get("body", b""))
        more = message.get("more_body", False)
    await reply(send, 200, found.hexdigest().encode())
""",
        ),
        (
            "digest, and not hexdigest: it is bytes already.",
            """\
import hashlib

async def digest(scope, receive, send):
    found, more = hashlib.sha256(), True
    while more:
        message = await receive()
        found.update(message.get("body", b""))
        more = message.get("more_body", False)
    await reply(send, 200, found.digest())
""",
        ),
        (
            "hashlib's md5, since it is shorter.",
            """\
import hashlib

async def digest(scope, receive, send):
    found, more = hashlib.md5(), True
    while more:
        message = await receive()
        found.update(message.get("body", b""))
        more = message.get("more_body", False)
    await reply(send, 200, found.hexdigest().encode())
""",
        ),
        (
            "A client that leaves gets the hash of what it sent so far.",
            """\
import hashlib

async def digest(scope, receive, send):
    found, more = hashlib.sha256(), True
    while more:
        message = await receive()
        found.update(message.get("body", b""))
        more = message.get("more_body", False)
    await reply(send, 200, found.hexdigest().encode())
""",
        ),
    ],
    "4.3": [
        (
            "The state moves with whatever comes, and nothing raises.",
            """\
class Response:
    def __init__(self):
        self.state = "called"

    def send(self, message):
        if message["type"] == "http.response.start":
            self.state = "started"
        elif message.get("more_body"):
            self.state = "streaming"
        else:
            self.state = "complete"
""",
        ),
        (
            "more_body is looked up with brackets: without the key it raises.",
            """\
class Response:
    def __init__(self):
        self.state = "called"

    def send(self, message):
        if self.state == "complete":
            return
        if self.state == "called" and message["type"] == "http.response.start":
            self.state = "started"
        elif self.state != "called" and message["type"] == "http.response.body":
            self.state = "streaming" if message["more_body"] else "complete"
        else:
            raise ValueError(message["type"])
""",
        ),
        (
            "After the end everything raises, as uvicorn does.",
            """\
class Response:
    def __init__(self):
        self.state = "called"

    def send(self, message):
        if self.state == "called" and message["type"] == "http.response.start":
            self.state = "started"
        elif self.state in ("started", "streaming") and message["type"] == "http.response.body":
            self.state = "streaming" if message.get("more_body") else "complete"
        else:
            raise ValueError(message["type"])
""",
        ),
        (
            "send is an async def, as in ASGI.",
            """\
class Response:
    def __init__(self):
        self.state = "called"

    async def send(self, message):
        self.state = "started"
""",
        ),
    ],
    "4.4": [
        (
            "No chunks: the body stands behind the head as it was sent.",
            """\
predicted = [b"Hi", b"Hi", b"Hi", b"Hi", b"Hi", b"Hi"]
""",
        ),
        (
            "An empty body is a chunk of size 0.",
            """\
predicted = [
    b"2\\r\\nHi\\r\\n0\\r\\n\\r\\n",
    b"Hi",
    b"1\\r\\nH\\r\\n1\\r\\ni\\r\\n0\\r\\n\\r\\n",
    b"0\\r\\n\\r\\n2\\r\\nHi\\r\\n0\\r\\n\\r\\n",
    b"2\\r\\nHi\\r\\n",
    b"Hi",
]
""",
        ),
        (
            "The last chunk is sent even if the app raises.",
            """\
hi = b"2\\r\\nHi\\r\\n0\\r\\n\\r\\n"
predicted = [hi, b"Hi", b"1\\r\\nH\\r\\n1\\r\\ni\\r\\n0\\r\\n\\r\\n", hi, hi, b"Hi"]
""",
        ),
        (
            "The server fills up what the content-length promised.",
            """\
hi = b"2\\r\\nHi\\r\\n0\\r\\n\\r\\n"
cut = b"2\\r\\nHi\\r\\n"
predicted = [hi, b"Hi", b"1\\r\\nH\\r\\n1\\r\\ni\\r\\n0\\r\\n\\r\\n", hi, cut, b"Hi   "]
""",
        ),
        (
            "Text instead of bytes.",
            """\
predicted = ["Hi"] * 6
""",
        ),
    ],
    "4.5": [
        (
            "The server drops the body anyway, so it is sent.",
            """\
async def greet(scope, receive, send):
    await reply(send, 200, f"Hello, {scope['path']}".encode())
""",
        ),
        (
            "HEAD has no body, so its content-length is 0.",
            """\
async def greet(scope, receive, send):
    body = f"Hello, {scope['path']}".encode()
    await reply(send, 200, b"" if scope["method"] == "HEAD" else body)
""",
        ),
        (
            "No body is 204.",
            """\
async def greet(scope, receive, send):
    if scope["method"] == "HEAD":
        await reply(send, 204)
    else:
        await reply(send, 200, f"Hello, {scope['path']}".encode())
""",
        ),
        (
            "HEAD gets a start and no body message.",
            """\
async def greet(scope, receive, send):
    body = f"Hello, {scope['path']}".encode()
    if scope["method"] == "HEAD":
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", b"%d" % len(body))]})
    else:
        await reply(send, 200, body)
""",
        ),
    ],
}

RIGHT = {
    "4.1": [
        (
            "Content-Length first, then counted all the same; the size with a line end.",
            """\
async def limited(scope, receive, send):
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > 1000:
            return await reply(send, 413, b"too large")
    size, more = 0, True
    while more and size <= 1000:
        match await receive():
            case {"type": "http.disconnect"}:
                raise ConnectionResetError("the client has left")
            case message:
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
    await reply(send, 413 if size > 1000 else 200, f"{size}\\n".encode())
""",
        ),
        (
            "Starlette, whose stream raises ClientDisconnect.",
            """\
from starlette.requests import Request
from starlette.responses import PlainTextResponse

async def limited(scope, receive, send):
    size = 0
    async for piece in Request(scope, receive).stream():
        size += len(piece)
        if size > 1000:
            return await PlainTextResponse("", 413)(scope, receive, send)
    await PlainTextResponse(str(size))(scope, receive, send)
""",
        ),
    ],
    "4.2": [
        (
            "An async generator of pieces, and the digits in capitals.",
            """\
import hashlib

async def pieces(receive):
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise OSError("gone")
        yield message.get("body", b"")
        if not message.get("more_body"):
            return

async def digest(scope, receive, send):
    found = hashlib.sha256()
    async for piece in pieces(receive):
        found.update(piece)
    await reply(send, 200, found.hexdigest().upper().encode())
""",
        ),
    ],
    "4.3": [
        (
            "A table and a property.",
            """\
class Response:
    TABLE = {("called", "http.response.start", False): "started"} | {
        (state, "http.response.body", more): to
        for state in ("started", "streaming")
        for more, to in ((True, "streaming"), (False, "complete"))
    }

    _state = "called"

    @property
    def state(self):
        return self._state

    def send(self, message):
        if self._state != "complete":
            more = bool(message.get("more_body"))
            self._state = self.TABLE[self._state, message["type"], more]
""",
        ),
    ],
    "4.4": [
        (
            "A tuple, made by a function.",
            """\
def chunked(*parts, end=True):
    data = b"".join(b"%x\\r\\n%b\\r\\n" % (len(part), part) for part in parts)
    return data + b"0\\r\\n\\r\\n" * end

predicted = (chunked(b"Hi"), b"Hi", chunked(b"H", b"i"), chunked(b"Hi"),
             chunked(b"Hi", end=False), b"Hi")
""",
        ),
    ],
    "4.5": [
        (
            "A generator of headers in any order, two bodies, and a type.",
            """\
async def greet(scope, receive, send):
    body = f"Hello, {scope['path']}".encode()
    headers = [(b"content-type", b"text/plain"), (b"Content-Length", b"%d" % len(body))]
    if scope["method"] == "HEAD":
        headers.reverse()
        body = b""
    await send({"type": "http.response.start", "status": 200, "headers": iter(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body"})
""",
        ),
    ],
}
