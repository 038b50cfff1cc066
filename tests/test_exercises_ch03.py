"""The exercises of chapter 3, as in test_exercises.py: each wrong answer has its own sentence.

A bridge that is right is spoiled in one place for each wrong answer to 3.1.
"""

import asyncio
import io
import sys

import pytest
from test_exercises import judged

from asgilive import check
from asgilive.exercises.ch03 import NEEDS


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


def latin(text):
    return text.encode().decode("latin-1")


def environ_of(scope, body):
    root, path = scope["root_path"], scope["path"]
    if path == root or path.startswith(root + "/"):
        path = path[len(root) :]
    name, port = scope["server"] or ("localhost", 80)
    host, source = scope["client"] or ("", "")
    headers = {}
    for key, value in scope["headers"]:
        key, value = key.decode(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": latin(root),
        "PATH_INFO": latin(path),
        "QUERY_STRING": scope["query_string"].decode(),
        "CONTENT_TYPE": headers.pop("content-type", ""),
        "CONTENT_LENGTH": headers.pop("content-length", ""),
        "SERVER_NAME": name,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": host,
        "REMOTE_HOST": host,
        "REMOTE_PORT": str(source),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    return environ | {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in headers.items()}


async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        body += message["body"]
        more = message.get("more_body", False)
    return body


class Bridge:
    """Right; each part can be replaced."""

    def __init__(self, wsgi):
        self.wsgi = wsgi

    def environ(self, scope, body):
        return environ_of(scope, body)

    def headers(self, pairs):
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]

    def status(self, said):
        return int(said[:3])

    def items(self, items):
        return items

    async def body(self, receive):
        return await body_of(receive)

    async def call(self, run):
        await asyncio.to_thread(run)

    async def __call__(self, scope, receive, send):
        environ, said, items = self.environ(scope, await self.body(receive)), [], []

        def run():
            items.extend(self.wsgi(environ, lambda *start: said.extend(start)))

        await self.call(run)
        start = {"type": "http.response.start", "status": self.status(said[0])}
        await send(start | {"headers": self.headers(said[1])})
        for item in self.items(items):
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})


class Streaming(Bridge):
    """Right: one item at a time, each asked for in a thread."""

    async def step(self, items):
        return await asyncio.to_thread(next, items, None)

    async def __call__(self, scope, receive, send):
        self.known(scope)
        environ, said = self.environ(scope, await self.body(receive)), []
        items = iter(await asyncio.to_thread(self.wsgi, environ, lambda *a: said.extend(a)))
        item = await self.step(items)
        start = {"type": "http.response.start", "status": self.status(said[0])}
        await send(start | {"headers": self.headers(said[1])})
        while item is not None:
            await send({"type": "http.response.body", "body": item, "more_body": True})
            item = await self.step(items)
        await send({"type": "http.response.body"})

    def known(self, scope):
        if scope["type"] != "http":
            raise NotImplementedError


class StepsOnTheLoop(Streaming):
    async def step(self, items):
        return next(items, None)


class WithoutKeys(Streaming):
    def environ(self, scope, body):
        made = environ_of(scope, body)
        del made["wsgi.run_once"]
        return made


class ForLifespanToo(Streaming):
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
        await super().__call__(scope, receive, send)


class Deaf(Streaming):
    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            await super().__call__(scope, receive, send)


class TakesHalf(Streaming):
    async def body(self, receive):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body


def spoiled(**parts):
    """The right bridge with these methods instead of its own."""
    return type("Spoiled", (Bridge,), parts)


def having(**changes):
    """An environ with these keys instead; None takes one away. `wsgi_x` is wsgi.x."""

    def environ(self, scope, body):
        made = environ_of(scope, body)
        for key, value in changes.items():
            key = key.replace("wsgi_", "wsgi.")
            made.pop(key)
            if value is not None:
                made[key] = value
        return made

    return spoiled(environ=environ)


def only(when, key, value):
    """An environ with this key where `when(scope)` holds."""

    def environ(self, scope, body):
        made = environ_of(scope, body)
        return made | {key: value} if when(scope) else made

    return spoiled(environ=environ)


async def first_piece(self, receive):
    return (await receive())["body"]


async def no_piece(self, receive):
    return b""


async def on_the_loop(self, run):
    run()


async def twice(self, run):
    run()
    run()


class Silent(Bridge):
    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 501})
        await send({"type": "http.response.body"})


class Broken(Bridge):
    def __init__(self, wsgi):
        raise NotImplementedError


def nothing(wsgi):
    return None


def reader_of_nothing(scope):
    return scope["server"] is None


def joined(self, items):
    return [b"".join(items)]


def test_wsgi_to_asgi():
    judged(
        check.wsgi_to_asgi,
        right=[Streaming, lambda wsgi: Streaming(wsgi).__call__],
        wrong=[
            (Silent, "never called the WSGI app"),
            (Broken, "your bridge raised NotImplementedError"),
            (nothing, "`None` is no app"),
            (Bridge(None), "your bridge raised TypeError: Bridge.__call__() missing 2"),
            ("WsgiToAsgi", "give the class itself: this is a str"),
            (spoiled(call=twice), "one request called the WSGI app 2 times"),
            (spoiled(environ=lambda *_: []), "environ is a list"),
            (having(REQUEST_METHOD=None), "H55: `REQUEST_METHOD` is missing: it is `method`"),
            (having(SCRIPT_NAME=""), "H56: `SCRIPT_NAME` is '', not '/shop'"),
            (having(PATH_INFO="/shop/a"), "H57: `PATH_INFO` is '/shop/a', not '/a'"),
            (having(QUERY_STRING=b"q=1"), "H58: `QUERY_STRING` is b'q=1', a bytes"),
            (having(CONTENT_TYPE=None), "H59: `CONTENT_TYPE` is missing"),
            (having(CONTENT_LENGTH=10), "H60: `CONTENT_LENGTH` is 10, a int"),
            (having(SERVER_NAME="192.0.2.7"), "H61: `SERVER_NAME` is '192.0.2.7'"),
            (having(SERVER_PORT=8443), "H61: `SERVER_PORT` is 8443, a int"),
            (having(REMOTE_ADDR=None), "H62: `REMOTE_ADDR` is missing"),
            (having(SERVER_PROTOCOL="2"), "H63: `SERVER_PROTOCOL` is '2', not 'HTTP/2'"),
            (having(wsgi_url_scheme="http"), "H64: `wsgi.url_scheme` is 'http', not 'https'"),
            (having(HTTP_X_TAG=None), "PEP 3333: `HTTP_X_TAG` is missing"),
            (having(wsgi_input=None), "H65: `wsgi.input` cannot be read"),
            (spoiled(body=first_piece), "H65: `wsgi.input` holds b'hello': the rest"),
            (spoiled(body=no_piece), "H65: `wsgi.input` gives b''"),
            (having(wsgi_errors=None), "H66: `wsgi.errors` is nothing one could write to"),
            (spoiled(status=lambda *_: 200), 'H67: the WSGI app said "418 I\'m a teapot"'),
            (spoiled(headers=lambda *_: []), "H68: the headers of start_response are not in"),
            (spoiled(headers=lambda self, p: Bridge.headers(self, p[:1])), "keep each pair"),
            (
                spoiled(headers=lambda self, p: [(n.encode(), v.encode()) for n, v in p]),
                "latin-1 makes one byte of each",
            ),
            (spoiled(items=joined), "H69: the items [b'one', b'two'] came as one body"),
            (spoiled(items=lambda self, items: items[:2][::-1]), "and [b'two', b'one'] was sent"),
            (spoiled(items=lambda self, items: items[:2]), "and [b'a', b'b'] was sent"),
            (only(lambda s: "€" in s["path"], "PATH_INFO", "/€"), "H70: text is UTF-8"),
            (only(lambda s: s["path"] == "/shopping", "PATH_INFO", "ping"), "no whole segment"),
            (only(lambda s: s["path"] == "/shop", "PATH_INFO", "/shop"), "nothing is left behind"),
            (only(lambda s: s["path"] == "/a/b", "PATH_INFO", "a/b"), "no `root_path` to take off"),
            (only(reader_of_nothing, "SERVER_PORT", ""), "H61: without `server`, `SERVER_PORT`"),
            (only(reader_of_nothing, "REMOTE_ADDR", "None"), "`REMOTE_ADDR` is 'None'"),
            (
                spoiled(environ=lambda _, s, b: environ_of(s, b) | {"x": s["client"][0]}),
                "without `server` and `client`: your app raised TypeError",
            ),
            (spoiled(call=on_the_loop), "H54: the WSGI app ran in the loop's own thread"),
            (WithoutKeys, "PEP 3333: `wsgi.run_once` is missing"),
            (StepsOnTheLoop, "H54: a generator ran in the loop's own thread"),
            (Bridge, "H69: the second item was asked for before the first was sent"),
            (ForLifespanToo, "a lifespan is no request, and your bridge sends"),
            (Deaf, "a lifespan is no request: raise when asked for one"),
            (TakesHalf, "the WSGI app was called with half of it"),
        ],
    )


def counting(make, *start):
    """A WSGI app that calls start_response with each of `start`, and returns make(n)."""

    def app(environ, start_response):
        for said in start or (("200 OK", []),):
            start_response(*said)
        return make(int(environ["QUERY_STRING"][2:]))

    return app


def down(n):
    return (b"%d\n" % left for left in range(n, 0, -1))


def test_countdown():
    def fails(environ, start_response):
        return environ["n"]

    judged(
        check.countdown,
        right=[counting(down), counting(lambda n: map(bytes, down(n)))],
        wrong=[
            (3, "give the function itself: this is a int"),
            (fails, "your app raised KeyError: 'n' at line"),
            (counting(lambda n: None), "your app returns None"),
            (counting(lambda n: b"3"), "your app returns b'3'"),
            (counting(lambda n: list(down(n))), "makes all lines before it gives the first"),
            (counting(down, ("200 OK", []), ("200 OK", [])), "was called 2 times"),
            (counting(down, (200, [])), "the status is 200: WSGI wants a str"),
            (counting(down, ()), "the status is None"),
            (counting(lambda n: (str(i) for i in range(n))), "an item is '0', a str"),
            (counting(lambda n: iter(())), "the generator gave no item"),
            (counting(lambda n: iter([b"".join(down(n))])), "in 1 items: make one item of each"),
            (counting(lambda n: (b"%d" % i for i in range(n))), "b'0' is no line"),
            (counting(lambda n: (b"%d\n" % i for i in range(1, n + 1))), "the largest comes first"),
            (counting(lambda n: down(n + 1)), "for n=3 the items are"),
            (lambda environ, start_response: down(3), "start_response was not called"),
        ],
    )


def test_impossible():
    right = [possible for _, possible, _ in NEEDS]
    words = ["yes" if possible else "no" for possible in right]
    judged(
        check.impossible,
        right=[words, tuple(right), [word.upper() for word in words]],
        wrong=[
            ([""] * 6, "need 1 has no answer yet"),
            ([None] * 6, "need 1 has no answer yet"),
            ([], "there are 6 needs, and you gave 0 words"),
            ("yes", "give a list of six words"),
            ([*words[:5], "maybe"], "need 6: 'maybe' is neither"),
            ([1, *words[1:]], "need 1: 1 is neither"),
            (["no", *words[1:]], NEEDS[0][2]),
            ([*words[:1], "yes", *words[2:]], NEEDS[1][2]),
        ][1:],
    )


def test_latin1():
    def there(path):
        return path.encode().decode("latin-1")

    def back(text):
        return text.encode("latin-1").decode()

    def sentence(*functions):
        return asyncio.run(verdict(*functions)).sentence

    async def verdict(*functions):
        return await check.latin1(*functions)

    assert asyncio.run(verdict(there, back))
    found = [
        sentence(*functions)
        for functions in [
            (lambda path: path, back),
            (lambda path: path.encode(), back),
            (lambda path: path.replace("è", "%C3%A8"), back),
            (lambda path: path.encode("latin-1").decode("latin-1") + "?", back),
            (lambda path: path.encode("ascii").decode(), back),
            (there, lambda text: text),
            (there, None),
        ]
    ]
    words = [
        "to_environ('/caffè') gives '/caffè': PATH_INFO has a character for each byte",
        "to_environ('/a') gives b'/a', a bytes: PATH_INFO is a str",
        "to_environ('/caffè') gives '/caff%C3%A8': PATH_INFO is decoded",
        "to_environ('/a') gives '/a?', and PATH_INFO would be '/a'",
        "for '/caffè' your function raised UnicodeEncodeError",
        "gives '/caffÃ¨', and the path was '/caffè'",
        "give the function itself: this is a NoneType",
    ]
    assert [word in text for word, text in zip(words, found, strict=True)] == [True] * 7, found
