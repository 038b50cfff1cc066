"""Chapter 3, WSGI and ASGI side by side: a bridge between the two, and what cannot cross it.

A WSGI application is called by hand here, or through the reader's bridge, which is called in
memory. 3.1 judges by the statements H54 to H70, one after the other.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgilive.checks import Wrong, exercise, raised, want
from asgilive.clients import drive
from asgilive.exercises.asking import Answer, ask
from asgilive.recording import App, Message, Receive, Scope, Send

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

# -- 3.1


@exercise(
    "3.1",
    "Write WsgiToAsgi",
    your="bridge",
    within=10.0,
    hints=(
        "`WsgiToAsgi(wsgi)` gives an object, and `async def __call__(self, scope, receive, send)`"
        " is the call. Collect the body first, then make an environ with one key a line.",
        'Text crosses as `text.encode().decode("latin-1")`, bytes as `.decode("latin-1")`; a port'
        " becomes a `str`. `server` and `client` may be None.",
        "Call the WSGI app and each `next` of its items in `asyncio.to_thread(…)`, and send the"
        " start before the first item: a generator calls start_response with its first `next`.",
    ),
)
async def wsgi_to_asgi(bridge: Callable[[Wsgi], App]) -> None:
    """A WSGI app behind the bridge is given all that H54 to H70 ask for, and answers as it did."""
    want(callable(bridge), f"give the class itself: this is a {type(bridge).__name__}")
    heard = _Heard()
    app = _bridged(bridge, heard)
    answer = await ask(_uploading(app, b"hello", b"world"), "POST", "/shop/a", **_FULL)
    _judge_called(heard, answer)
    for statement, key, value, source in _KEYS:
        _judge_key(heard, answer, statement, key, value, source)
    _judge_streams(heard, answer)
    _judge_answer(answer)
    await _judge_pieces(bridge)
    await _judge_paths(app, heard)
    await _judge_without(app, heard)
    here = sys.platform == "emscripten" or heard.thread != threading.get_ident()
    want(here, "H54: the WSGI app ran in the loop's own thread, and held the loop", answer.call)
    for key in _TOLD:
        want(key in heard.environ, f"PEP 3333: `{key}` is missing, and an app may read it")
    await _judge_stream(bridge)
    await _judge_others(app, heard)


_FULL: dict[str, Any] = {
    "query": b"q=%E2%82%AC&x=1",
    "root_path": "/shop",
    "scheme": "https",
    "http_version": "2",
    "server": ("wsgi.test", 8443),
    "client": ("192.0.2.7", 5050),
    "headers": [
        (b"host", b"wsgi.test"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"10"),
        (b"x-tag", b"one"),
        (b"x-tag", b"two"),
    ],
}

# statement, key of environ, its value for the request above, where that comes from
_KEYS: tuple[tuple[str, str, str, str], ...] = (
    ("H55", "REQUEST_METHOD", "POST", "`method`"),
    ("H56", "SCRIPT_NAME", "/shop", "`root_path`"),
    ("H57", "PATH_INFO", "/a", "`path` with `root_path` taken off"),
    ("H58", "QUERY_STRING", "q=%E2%82%AC&x=1", "`query_string`, its percent signs untouched"),
    ("H59", "CONTENT_TYPE", "text/plain", "the header content-type"),
    ("H60", "CONTENT_LENGTH", "10", "the header content-length"),
    ("H61", "SERVER_NAME", "wsgi.test", "the first item of `server`"),
    ("H61", "SERVER_PORT", "8443", "the second item of `server`"),
    ("H62", "REMOTE_ADDR", "192.0.2.7", "the first item of `client`"),
    ("H62", "REMOTE_HOST", "192.0.2.7", "the first item of `client`"),
    ("H62", "REMOTE_PORT", "5050", "the second item of `client`"),
    ("H63", "SERVER_PROTOCOL", "HTTP/2", "`http_version`, behind `HTTP/`"),
    ("H64", "wsgi.url_scheme", "https", "`scheme`"),
    ("PEP 3333", "HTTP_X_TAG", "one,two", "the header x-tag, which came twice"),
)
_TOLD = ("wsgi.version", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
_STATUS, _HEADERS = "418 I'm a teapot", [("X-Word", "one"), ("X-Word", "caf\xe9")]


@dataclass(slots=True)
class _Heard:
    """A WSGI application that keeps what it was given."""

    environ: Environ = field(default_factory=dict)
    thread: int = 0
    calls: int = 0
    body: Any = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.environ, self.thread = environ, threading.get_ident()
        self.calls += 1
        stream: Any = environ.get("wsgi.input") if isinstance(environ, dict) else None
        self.body = stream.read() if hasattr(stream, "read") else None
        start_response(_STATUS, list(_HEADERS))
        return [b"one", b"two"]


def _bridged(bridge: Callable[[Wsgi], App], wsgi: Wsgi) -> App:
    try:
        return bridge(wsgi)
    except Exception as error:
        raise Wrong(raised("bridge", error)) from error


def _uploading(app: App, *pieces: bytes) -> App:
    """The application, given a body in pieces."""

    async def uploading(scope: Scope, receive: Receive, send: Send) -> None:
        left: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": place < len(pieces)}
            for place, piece in enumerate(pieces, 1)
        ]

        async def given() -> Message:
            return left.pop(0) if left else {"type": "http.disconnect"}

        await app(scope, given, send)

    return uploading if callable(app) else app


def _judge_called(heard: _Heard, answer: Answer) -> None:
    want(heard.calls, "your bridge answered, and never called the WSGI app", answer.call)
    want(heard.calls == 1, f"one request called the WSGI app {heard.calls} times", answer.call)
    kind = type(heard.environ).__name__
    want(isinstance(heard.environ, dict), f"environ is a {kind}, and WSGI wants a dict")


def _judge_key(
    heard: _Heard, answer: Answer, statement: str, key: str, value: str, source: str
) -> None:
    name = f"{statement}: `{key}`"
    want(key in heard.environ, f"{name} is missing: it is {source}", answer.call)
    found = heard.environ[key]
    text = f"{name} is {found!r}, a {type(found).__name__}: WSGI knows only str there"
    want(isinstance(found, str), text, answer.call)
    want(found == value, f"{name} is {found!r}, not {value!r}: it is {source}", answer.call)


def _judge_streams(heard: _Heard, answer: Answer) -> None:
    environ, call = heard.environ, answer.call
    want(hasattr(environ.get("wsgi.input"), "read"), "H65: `wsgi.input` cannot be read", call)
    cut = "the rest of the body came in a second http.request"
    want(heard.body != b"hello", f"H65: `wsgi.input` holds b'hello': {cut}", call)
    text = f"H65: `wsgi.input` gives {heard.body!r}, and the body was b'helloworld'"
    want(heard.body == b"helloworld", text, call)
    writes = hasattr(environ.get("wsgi.errors"), "write")
    want(writes, "H66: `wsgi.errors` is nothing one could write to: sys.stderr will do", call)


def _judge_answer(answer: Answer) -> None:
    call = answer.call
    text = f"H67: the WSGI app said {_STATUS!r}, and the status is {answer.status}"
    want(answer.status == 418, text, call)
    found = answer.values(b"x-word")
    want(found, "H68: the headers of start_response are not in http.response.start", call)
    text = f"H68: the app set x-word to 'one' and to 'caf\xe9', and {found} came: keep each pair"
    want(len(found) == 2, text, call)
    text = f"H68: the headers are {found}: latin-1 makes one byte of each character"
    want(found == [b"one", b"caf\xe9"], text, call)
    _judge_items(answer, [b"one", b"two"])


def _judge_items(answer: Answer, items: list[bytes]) -> None:
    bodies = [message.get("body", b"") for message in answer.call.sent[1:]]
    found = [bytes(body) for body in bodies if body]
    joined = f"H69: the items {items} came as one body: send one message for each"
    want(found != [b"".join(items)], joined, answer.call)
    want(found == items, f"H69: the app gave {items}, and {found} was sent", answer.call)


async def _judge_pieces(bridge: Callable[[Wsgi], App]) -> None:
    """A generator starts with its first item, and ends with its last."""

    def generator(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from (b"a", b"b", b"c")

    _judge_items(await ask(_bridged(bridge, generator)), [b"a", b"b", b"c"])


async def _judge_stream(bridge: Callable[[Wsgi], App]) -> None:
    """Each item is asked for in a thread, and sent before the next one is asked for."""
    threads: set[int] = set()
    sent, early = threading.Event(), []

    def generator(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        threads.add(threading.get_ident())
        early.append(not sent.is_set())
        yield b"second"

    app = _bridged(bridge, generator)

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            await send(message)
            if message.get("body") == b"first":
                sent.set()

        await app(scope, receive, noting)

    answer = await ask(watched)
    apart = sys.platform == "emscripten" or threading.get_ident() not in threads
    held = "H54: a generator ran in the loop's own thread: each `next` belongs in a thread, too"
    want(apart, held, answer.call)
    text = "H69: the second item was asked for before the first was sent: a stream would wait"
    want(early == [False], text, answer.call)


async def _judge_others(app: App, heard: _Heard) -> None:
    """What is no request, and what is no whole request, does not reach the WSGI app."""
    told: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return told.pop(0)

    async def send(message: Message) -> None:
        raise Wrong(f"a lifespan is no request, and your bridge sends {message.get('type')!r}")

    try:
        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    except Wrong:
        raise
    except Exception:
        return await _judge_half(app, heard)
    raise Wrong("a lifespan is no request: raise when asked for one")


async def _judge_half(app: App, heard: _Heard) -> None:
    before = heard.calls
    half: list[Message] = [{"type": "http.request", "body": b"half", "more_body": True}]
    half.append({"type": "http.disconnect"})
    call = await drive(app, {"type": "http", "method": "POST", "path": "/", **_LEFT}, half)
    text = "the client left amid its upload, and the WSGI app was called with half of it"
    want(heard.calls == before, text, call)


_LEFT: dict[str, Any] = {"headers": [(b"content-length", b"9")], "server": None, "client": None}


async def _judge_paths(app: App, heard: _Heard) -> None:
    cases = (
        ("/shop", "/shop/€", "/\xe2\x82\xac", "H70: text is UTF-8, and each byte one character"),
        ("/shop", "/shopping", "/shopping", "H57: `/shop` is no whole segment of `/shopping`"),
        ("/shop", "/shop", "", "H57: nothing is left behind `root_path`"),
        ("", "/a/b", "/a/b", "H57: there is no `root_path` to take off"),
    )
    for root, path, value, why in cases:
        answer = await ask(app, path=path, root_path=root)
        found = heard.environ.get("PATH_INFO")
        text = f"`{path}` under root_path {root!r} gives PATH_INFO {found!r}, not {value!r}: {why}"
        want(found == value, text, answer.call)


async def _judge_without(app: App, heard: _Heard) -> None:
    """What a scope may lack: addresses, and the headers that have keys of their own."""
    try:
        answer = await ask(app, server=None, client=None, headers=[])
    except Wrong as wrong:
        raise Wrong(f"without `server` and `client`: {wrong}", wrong.evidence) from None
    for key in ("SERVER_NAME", "SERVER_PORT"):
        found = heard.environ.get(key)
        text = f"H61: without `server`, `{key}` is {found!r}: WSGI always has one, a str"
        want(isinstance(found, str) and found not in ("", "None"), text, answer.call)
    for key in ("REMOTE_ADDR", "REMOTE_PORT", "CONTENT_TYPE", "CONTENT_LENGTH"):
        found = heard.environ.get(key, "")
        text = f"`{key}` is {found!r} where nothing is known: leave it out, or ''"
        want(found == "", text, answer.call)


# -- 3.2


@exercise(
    "3.2",
    "Stream with a generator",
    hints=(
        "A function with `yield` is a generator: WSGI is content with it, and takes one item at a"
        " time.",
        "The number is text in `environ['QUERY_STRING']`: `n=3`. Take what stands behind the `=`.",
        "Call `start_response` first; then `for number in range(n, 0, -1)`, and `yield` the line"
        ' as bytes: `f"{number}\\n".encode()`.',
    ),
)
async def countdown(app: Wsgi) -> None:
    """Each line is an item of its own, and no list of them is made."""
    want(callable(app), f"give the function itself: this is a {type(app).__name__}")
    for n in (3, 1):
        items = _items(app, n)
        _judge_lines(items, [b"%d\n" % left for left in range(n, 0, -1)])


_MANY = "your app makes all lines before it gives the first: yield each one"


def _items(app: Wsgi, n: int) -> list[bytes]:
    """The items for this number, by the rules of PEP 3333. Raises Wrong."""
    started: list[tuple[Any, ...]] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": f"n={n}"}
    try:
        body: Any = app(environ, lambda *said: started.append(said))
        given = isinstance(body, Iterable) and not isinstance(body, str | bytes)
        want(given, f"your app returns {body!r:.60}: WSGI wants an iterable of bytes")
        want(not isinstance(body, Sequence), _MANY)
        items = list(itertools.islice(body, 2 * n + 2))  # one that never ends is cut
    except Wrong:
        raise
    except Exception as error:
        raise Wrong(raised("app", error)) from error
    _judge_started(started)
    for item in items:
        kind = type(item).__name__
        want(isinstance(item, bytes), f"an item is {item!r}, a {kind}: the body is bytes")
    return items


def _judge_started(started: list[tuple[Any, ...]]) -> None:
    want(started, "start_response was not called: without it there is no status")
    want(len(started) == 1, f"start_response was called {len(started)} times: once will do")
    said = started[0]
    status = said[0] if said else None
    fine = isinstance(status, str) and status.startswith("200 ")
    want(fine, f"the status is {status!r}: WSGI wants a str such as '200 OK'")


def _judge_lines(items: list[bytes], lines: list[bytes]) -> None:
    if items == lines:
        return
    want(items, "the generator gave no item")
    joined = b"".join(items) == b"".join(lines)
    want(not joined, f"the lines are right, in {len(items)} items: make one item of each line")
    for item in items:
        want(item.endswith(b"\n"), f"{item!r} is no line: each ends in b'\\n'")
    want(items[::-1] != lines, "the numbers count up: the largest comes first")
    raise Wrong(f"for n={len(lines)} the items are {items}, and should be {lines}")


# -- 3.3

# What is needed, whether PEP 3333 can express it, and why.
NEEDS: tuple[tuple[str, bool, str], ...] = (
    ("a large file in pieces", True, "the returned iterable may give a piece at a time"),
    (
        "to answer the frames of a WebSocket as they come",
        False,
        "environ comes once, and brings one request and its body",
    ),
    ("HTTP/2", True, "framing is the server's business, and the call does not see it"),
    (
        "four requests at the same moment",
        True,
        "a server may call the app in four threads or processes",
    ),
    (
        "to be woken by the client's leaving, having written nothing",
        False,
        "the app learns it only where it writes: the server then calls `close()`",
    ),
    (
        "to be told that the server is about to stop",
        False,
        "a WSGI app is called for requests and for nothing else",
    ),
)


@exercise(
    "3.3",
    "What WSGI cannot say",
    your="list",
    hints=(
        "Ask of each need: does it fit into one environ, and one returned iterable?",
        "How many calls run at once, and how bytes are framed, is the server's own business.",
        "Three are possible, three are not: an app that needs a second event from outside is lost.",
    ),
)
async def impossible(can: Sequence[Any]) -> None:
    """Pieces, HTTP/2 and many requests fit one call, one return; a second event does not."""
    fits = isinstance(can, Sequence) and not isinstance(can, str)
    want(fits, "give a list of six words, 'yes' or 'no'")
    want(len(can) == len(NEEDS), f"there are {len(NEEDS)} needs, and you gave {len(can)} words")
    for number, (said, (need, possible, why)) in enumerate(zip(can, NEEDS, strict=True), 1):
        word = {True: "yes", False: "no"}.get(said, said) if isinstance(said, bool) else said
        word = word.strip().lower() if isinstance(word, str) else word
        want(word not in ("", None), f"need {number} has no answer yet")
        want(word in ("yes", "no"), f"need {number}: {said!r} is neither 'yes' nor 'no'")
        does = "can" if possible else "cannot"
        want((word == "yes") == possible, f"need {number}, {need}: WSGI {does}, for {why}")


# -- 3.4


@exercise(
    "3.4",
    "The euro in PATH_INFO",
    your="function",
    hints=(
        "PATH_INFO has one character for each byte, and the bytes are UTF-8.",
        "Going there: text to bytes with UTF-8, then bytes to text with latin-1.",
        'Back it is the same two steps the other way: `.encode("latin-1").decode("utf-8")`.',
    ),
)
async def latin1(to_environ: Callable[[str], Any], to_path: Callable[[str], Any]) -> None:
    """`/€` becomes three characters for its three bytes, and comes back as it was."""
    for path in ("/a", "/caffè", "/€", "/日本"):
        value = path.encode().decode("latin-1")
        found = _given(to_environ, path)
        _judge_euro(found, path, value)
        back = _given(to_path, value)
        text = f"to_path({value!r}) gives {back!r}, and the path was {path!r}"
        want(back == path, text)


def _judge_euro(found: Any, path: str, value: str) -> None:
    text = f"to_environ({path!r}) gives {found!r}"
    want(isinstance(found, str), f"{text}, a {type(found).__name__}: PATH_INFO is a str")
    want(found != path or found == value, f"{text}: PATH_INFO has a character for each byte")
    want("%" not in found, f"{text}: PATH_INFO is decoded, and has no percent signs")
    want(found == value, f"{text}, and PATH_INFO would be {value!r}")


def _given(function: Callable[[str], Any], text: str) -> Any:
    want(callable(function), f"give the function itself: this is a {type(function).__name__}")
    try:
        return function(text)
    except Exception as error:
        raise Wrong(f"for {text!r} {raised('function', error)}") from error
