"""Learners' answers to the exercises of chapter 2."""

WRONG = {
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
