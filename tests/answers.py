"""Answers that learners gave, before anyone had shown them the checks.

Each code stands in the exercise's cell above the line that awaits the check. WRONG ones must fail,
with at least three different sentences for each exercise; RIGHT ones are unusual, and must pass.
"""

WRONG = {
    "1.1": [
        (
            "The end of a line is taken for the end of the head: one \\r\\n, no blank line.",
            """\
request = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n"
""",
        ),
        (
            "The header that HTTP/1.1 demands is taken for one an answer has, content- "
            "type; no Host.",
            """\
request = b"GET / HTTP/1.1\\r\\nContent-Type: text/plain\\r\\n\\r\\n"
""",
        ),
        (
            "A request is text, so it is written as text: no b before the quote.",
            """\
request = "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
""",
        ),
        (
            '"A request that gets a 200" is read as the bytes that carry the 200: the '
            "answer is written, not the question.",
            """\
request = b"HTTP/1.1 200 OK\\r\\nHost: a\\r\\n\\r\\n"
""",
        ),
    ],
    "1.2": [
        (
            "stop is called and not awaited: calling is not running.",
            """\
mine = await serve(where)
port = mine.port
mine.stop()
""",
        ),
        (
            "The port is cut out of the address the card shows, and stays text.",
            """\
mine = await serve(where)
port = mine.url.split(":")[-1]
await mine.stop()
""",
        ),
        (
            'Stopping "the site": the chapter\'s `site` is stopped, and `mine` goes on.',
            """\
mine = await serve(where)
port = mine.port
await site.stop()
""",
        ),
        (
            "Servers are believed to have one usual port, the one the chapter's terminal "
            "commands name.",
            """\
mine = await serve(where)
port = 5000
await mine.stop()
""",
        ),
    ],
    "1.3": [
        (
            "No Content-Length: the body is believed to end where the next request "
            "begins. (Uvicorn reads a method `AdaGET` and answers 200 twice.)",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nAda"
        b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
        (
            "The length is right, but a blank line is believed to end a body as it ends a head.",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\n"
        b"Ada\\r\\n\\r\\n"
        b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
        (
            "The body is a line, so it gets a \\r\\n, and the length is made to fit: the "
            "body is `Ada\\\\r\\\\n`, five bytes.",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\n\\r\\nAda\\r\\n"
        b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
        (
            "The cell starts with a GET, so the POST is put behind it: the order is turned round.",
            """\
both = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
both += b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\nAda"
""",
        ),
    ],
    "1.4": [
        (
            "6: what runs is a process, so what runs twice is a process.",
            """\
parts = ["machine", "program", "process", "socket", "app", "process"]
""",
        ),
        (
            "2: what one installs is an app, as on a phone; and so the thing called for "
            "each request is the program.",
            """\
parts = ["machine", "app", "process", "socket", "program", "program"]
""",
        ),
        (
            "1: address and port are one thing, and a socket is the thing that has both.",
            """\
parts = ["socket", "program", "process", "socket", "app", "program"]
""",
        ),
        (
            "3 and 4: memory and ports are hardware, so both belong to the machine.",
            """\
parts = ["machine", "program", "machine", "machine", "app", "program"]
""",
        ),
    ],
    "2.1": [
        (
            "The body is text: the f-string is sent without encode.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await reply(send, 200, f"{scope['method']} {scope['path']}")
""",
        ),
        (
            "raw_path is put in an f-string, to be safe with slashes: the body says b'/a'.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await reply(send, 200, f"{scope['method']} {scope['raw_path']}".encode())
""",
        ),
        (
            "As in FastAPI, the answer is returned; nothing is sent.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    return f"{scope['method']} {scope['path']}".encode()
""",
        ),
        (
            "Bytes are believed to be ASCII: a path with an é kills the call.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    line = scope["method"] + " " + scope["path"]
    await reply(send, 200, line.encode("ascii"))
""",
        ),
    ],
    "2.2": [
        (
            "The pairs go through a dictionary: a name that comes twice keeps its last value only.",
            """\
from urllib.parse import unquote_plus

def parse(query):
    pairs = {}
    for piece in query.decode().split("&"):
        name, _, value = piece.partition("=")
        pairs[unquote_plus(name)] = unquote_plus(value)
    return list(pairs.items())
""",
        ),
        (
            "decode() is believed to undo percent signs too: %20 stays as it came.",
            """\
def parse(query):
    pairs = []
    for piece in query.decode().split("&"):
        name, _, value = piece.partition("=")
        pairs.append((name, value))
    return pairs
""",
        ),
        (
            "Percent signs first, then the split: an encoded & or = cuts a value in two.",
            """\
from urllib.parse import unquote_plus

def parse(query):
    pairs = []
    for piece in unquote_plus(query.decode()).split("&"):
        name, _, value = piece.partition("=")
        pairs.append((name, value))
    return pairs
""",
        ),
        (
            "The library does it all: parse_qsl drops a pair whose value is empty, unless told.",
            """\
from urllib.parse import parse_qsl

def parse(query):
    return parse_qsl(query.decode())
""",
        ),
    ],
    "2.3": [
        (
            "Headers are put in a dictionary first: one x-word is left.",
            """\
async def words(scope, receive, send):
    headers = dict(scope["headers"])
    await reply(send, 200, headers[b"x-word"],
                [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
""",
        ),
        (
            "Two cookies in one header, with a semicolon, as a browser's Cookie header has them.",
            """\
async def words(scope, receive, send):
    found = [value for name, value in scope["headers"] if name == b"x-word"]
    await reply(send, 200, b"\\n".join(found), [(b"set-cookie", b"a=1; b=2")])
""",
        ),
        (
            "The answer's header is called cookie, like the request's.",
            """\
async def words(scope, receive, send):
    found = [value for name, value in scope["headers"] if name == b"x-word"]
    await reply(send, 200, b"\\n".join(found),
                [(b"cookie", b"a=1"), (b"cookie", b"b=2")])
""",
        ),
        (
            "The name is compared as the client wrote it, with capitals.",
            """\
async def words(scope, receive, send):
    found = [value for name, value in scope["headers"] if name == b"X-Word"]
    await reply(send, 200, b"\\n".join(found),
                [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
""",
        ),
    ],
    "2.4": [
        (
            "Refusing is taken for doing nothing: the app returns without a word.",
            """\
async def strict(scope, receive, send):
    if scope["type"] != "http":
        return
    await reply(send, 200, b"ok")
""",
        ),
        (
            "Refusing is taken for an HTTP status: every other scope gets a 400.",
            """\
async def strict(scope, receive, send):
    if scope["type"] != "http":
        await reply(send, 400, b"only http")
        return
    await reply(send, 200, b"ok")
""",
        ),
        (
            "Only the call the chapter complained of is refused: everything that is not "
            "lifespan passes for HTTP.",
            """\
async def strict(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError("lifespan")
    await reply(send, 200, b"ok")
""",
        ),
        (
            "A WebSocket is closed politely in its own language, which means the app speaks it.",
            """\
async def strict(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await reply(send, 200, b"ok")
""",
        ),
    ],
    "2.5": [
        (
            "path is split: the encoded slash was decoded before the app was called.",
            """\
async def segments(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    pieces = scope["path"].strip("/").split("/")
    await reply(send, 200, "\\n".join(pieces).encode())
""",
        ),
        (
            "raw_path is used, but decoded first and split afterwards.",
            """\
from urllib.parse import unquote

async def segments(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if "raw_path" in scope:
        path = unquote(scope["raw_path"].decode())
    else:
        path = scope["path"]
    await reply(send, 200, "\\n".join(path.split("/")[1:]).encode())
""",
        ),
        (
            "raw_path was there every time the reader looked, so it is believed to be "
            "always there.",
            """\
from urllib.parse import unquote

async def segments(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    pieces = [unquote(piece.decode())
              for piece in scope["raw_path"].split(b"/")[1:]]
    await reply(send, 200, "\\n".join(pieces).encode())
""",
        ),
        (
            "raw_path stands in for path and path for raw_path: one is bytes, the other "
            'text, and a split at b"/" dies on text.',
            """\
from urllib.parse import unquote_to_bytes

async def segments(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    raw = scope.get("raw_path", scope["path"])
    pieces = [unquote_to_bytes(piece) for piece in raw.split(b"/")[1:]]
    await reply(send, 200, b"\\n".join(pieces))
""",
        ),
    ],
}

RIGHT = {
    "1.1": [
        (
            "Written as text over several lines and turned into bytes; host in small "
            "letters, and a header nobody asked for.",
            '''\
lines = """GET / HTTP/1.1
host: localhost
accept: */*

"""
request = lines.replace("\\n", "\\r\\n").encode("ascii")
''',
        ),
    ],
    "1.2": [
        (
            "The application is asked: its scope knows the server's port.",
            """\
mine = await serve(where, record=True)
await fetch(mine)
port = mine.conversation.calls[-1].scope["server"][1]
await mine.stop()
""",
        ),
    ],
    "1.3": [
        (
            "The body in chunks, as uvicorn writes its own, instead of a Content-Length.",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
        b"3\\r\\nAda\\r\\n0\\r\\n\\r\\n"
        b"GET /again HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
    ],
    "1.4": [
        (
            "A tuple, with capitals.",
            """\
parts = ("Machine", "Program", "Process", "Socket", "App", "Program")
""",
        ),
    ],
    "2.1": [
        (
            "No reply: three body messages, no content-length.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200})
    for piece in (scope["method"].encode(), b" ", scope["path"].encode()):
        await send({"type": "http.response.body", "body": piece,
                    "more_body": True})
    await send({"type": "http.response.body"})
""",
        ),
    ],
    "2.2": [
        (
            "Split as bytes, and decoded by hand with a regular expression.",
            """\
import re

def parse(query):
    def text(piece):
        piece = piece.replace(b"+", b" ")
        piece = re.sub(rb"%([0-9A-Fa-f]{2})",
                       lambda found: bytes([int(found[1], 16)]), piece)
        return piece.decode("utf-8", "replace")

    pieces = [piece.partition(b"=") for piece in query.split(b"&") if piece]
    return [(text(name), text(value)) for name, _, value in pieces]
""",
        ),
    ],
    "2.3": [
        (
            "The words leave one message each, and the headers are a tuple of pairs, with "
            "no length.",
            """\
async def words(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    cookies = tuple((b"set-cookie", pair) for pair in (b"a=1", b"b=2"))
    await send({"type": "http.response.start", "status": 200,
                "headers": cookies})
    between = b""
    for name, value in scope["headers"]:
        if name.decode("latin-1") == "x-word":
            await send({"type": "http.response.body",
                        "body": between + value, "more_body": True})
            between = b"\\n"
    await send({"type": "http.response.body", "body": b""})
""",
        ),
    ],
    "2.4": [
        (
            "A dictionary of the types it speaks: any other is a KeyError, and any "
            "exception will do.",
            """\
async def strict(scope, receive, send):
    body = {"http": b"ok"}[scope["type"]]
    await reply(send, 200, body)
""",
        ),
    ],
    "2.5": [
        (
            "Without raw_path it makes one: path is percent-encoded again, and one line "
            "of code serves both.",
            """\
from urllib.parse import quote, unquote_to_bytes

async def segments(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    first, *rest = raw.split(b"/")
    await reply(send, 200, b"\\n".join(map(unquote_to_bytes, rest)))
""",
        ),
    ],
}
