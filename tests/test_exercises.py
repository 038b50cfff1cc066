"""The exercises: solution and unusual right answers pass, the stub and wrong answers do not.

Each wrong answer is one that a reader might give, and each of an exercise gets a sentence of its
own. An entry is (answer, words of its sentence).
"""

import asyncio
from urllib.parse import parse_qs, parse_qsl, unquote, unquote_plus, unquote_to_bytes

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from asgilive import check, grade, serve
from asgilive.exercises import asking
from asgilive.exercises.ch01 import STATEMENTS


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


async def reply(send, status=200, body=b"", headers=()):
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


def answering(text):
    """An app that answers with `text(scope)`, a str, bytes or what is no body at all."""

    async def app(scope, receive, send):
        body = text(scope)
        await reply(send, 200, body.encode() if isinstance(body, str) else body)

    return app


def sending(*messages):
    """An app that sends these messages, whatever it is asked."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"GET /"}


def judged(exercise, right, wrong):
    """All right answers pass; each wrong one fails with its sentence, and no two are the same."""
    for answer in right:
        found = grade(exercise, answer)
        assert found, found
    sentences = []
    for answer, words in wrong:
        found = grade(exercise, answer)
        assert not found
        assert words in found.sentence
        assert "\n" not in found.sentence
        assert len(found.sentence) < 240
        sentences.append(found.sentence)
    assert len(set(sentences)) == len(sentences) >= 4


def test_every_exercise_says_what_is_right_and_has_three_hints():
    for name in dir(check):
        exercise = getattr(check, name)
        assert exercise.right.endswith(".")
        assert len(exercise.hints) == 3
        assert exercise.title
        assert repr(exercise).count("await check.") == 1


# -- chapter 1

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nAda"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n3\r\nAda\r\n0\r\n\r\n"


def test_request():
    judged(
        check.request,
        right=[
            GET,
            bytearray(GET),
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET http://a/b HTTP/1.1\r\nhost:a\r\nX-Empty:\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            POST,
            b"POST / HTTP/1.1\r\nHost: a\r\n" + CHUNKED,
        ],
        wrong=[
            (b"", "there are no bytes yet"),
            (GET.decode(), "this is text"),
            (None, "a NoneType is not bytes"),
            (GET[:-2], "the head does not end"),
            (GET.replace(b"\r\n", b"\n"), "ends with `\\n` alone"),
            (GET.replace(b"\r\n", rb"\r\n"), "take the `r` away"),
            (GET.replace(b"Host: a\r\n", b""), "no Host line"),
            (GET.replace(b" HTTP/1.1", b""), "has 2 parts"),
            (GET.replace(b" ", b""), "has 1 part between"),
            (GET.replace(b"1.1", b"2"), "b'HTTP/2', where the version stands"),
            (GET.replace(b"GET", b"get"), "written in capitals: `GET`"),
            (GET.replace(b"/ ", b"index.html "), "does not begin with a slash"),
            (GET.replace(b"Host: a", b"Host a"), "line 2, b'Host a', is no header"),
            (b"\r\n" + GET, "an empty line stands before"),
            (GET + b"Hello", "no Content-Length announces them"),
            (POST[:-1], "announces 3 bytes and 2 came"),
            (GET + GET, "these are 2 requests"),
            (GET.replace(b"a\r\n", b"a\r\nHost: b\r\n"), "the server answered HTTP/1.1 400"),
            (b"POST / HTTP/1.1\r\nHost: a\r\n" + CHUNKED[:-5], "no answer came: the connection"),
        ],
    )


def test_request_shows_what_was_on_the_wire():
    found = grade(check.request, GET.replace(b"Host: a\r\n", b""))
    (connection,) = found.evidence.connections
    assert connection.bytes_out.startswith(b"HTTP/1.1 400")
    assert "400" in found._repr_html_()


def test_stopped():
    async def main():
        site = await serve(answering(lambda scope: "ok"))
        said = [
            await check.stopped(answer, port)
            for answer, port in [
                (site, 0),
                (site, site.url),
                (site, site.port),
                (site.url, site.port),
            ]
        ]
        await site.stop()
        return said, await check.stopped(site, site.port), site

    wrong, right, site = asyncio.run(main())
    assert right
    assert [v.sentence for v in wrong] == [
        "0 is not where this site listens: look at its address",
        f"a port is a whole number, and yours is '{site.url}'",
        f"port {site.port} still answers: the server has not stopped",
        "first comes the site, and this is a str",
    ]


def test_stopped_sees_a_thread_that_is_left(monkeypatch):
    async def main():
        site = await serve(answering(lambda scope: "ok"))
        await site.stop()
        monkeypatch.setattr(type(site), "running", True)
        return await check.stopped(site, site.port)

    assert "the server's thread is still there" in asyncio.run(main()).sentence


def test_keep_alive():
    judged(
        check.keep_alive,
        right=[
            POST + GET,
            POST + POST,
            POST.replace(b"POST", b"PUT") + GET,
            b"POST / HTTP/1.1\r\nHost: a\r\n" + CHUNKED + GET,
        ],
        wrong=[
            (b"", "there are no bytes yet"),
            (GET + GET, "the first request has no body"),
            (GET, "there is one request"),
            (POST + GET.replace(b" HTTP/1.1", b""), "in the second request, the first line"),
            (POST.replace(b"3", b"40") + GET, "is 40: so the second request is read as part"),
            (POST.replace(b"3", b"2") + GET, "the second request begins with b'aGET / HTTP/'"),
            (POST.replace(b"3", b"three") + GET, "should be a number of bytes"),
            (POST.replace(b"Content-Length: 3\r\n", b"") + GET, "no Content-Length says where"),
            (POST.replace(b"Host", b"Connection: close\r\nHost") + GET, "makes the server close"),
            (POST + b"\r\n\r\n" + GET, "only a head ends with one"),
            (POST + GET[:-2], "in the second request, the head does not end"),
            (POST + GET + GET, "3 answers came back"),
            (POST.replace(b"3", b"9"), "is 9 and 3 bytes follow"),
            (b"POST / HTTP/1.1\r\nHost: a\r\n" + CHUNKED, "one answer came back"),
        ],
    )
    assert "there is one request" in grade(check.keep_alive, POST).sentence
    old = POST.replace(b"1.1", b"1.0") + GET
    assert "makes the server close" in grade(check.keep_alive, old).sentence
    nothing = POST.replace(b"3", b"0")[:-3]
    assert "the first request has no body" in grade(check.keep_alive, nothing + GET).sentence


def test_parts():
    _, words, clues = (list(column) for column in zip(*STATEMENTS, strict=True))
    judged(
        check.parts,
        right=[
            words,
            tuple(words),
            dict(enumerate(words, 1)),
            {str(n): word.upper() for n, word in enumerate(words, 1)},
            ["a computer", "the program", "A process", " socket ", "an application", "program"],
        ],
        wrong=[
            ([""] * 6, "statement 1 has no answer yet"),
            ([], "6 statements, and you gave 0 words"),
            ("machine", "give a list of six words"),
            (["server", *words[1:]], "statement 1: `server` can mean the machine or the program"),
            (["uvicorn", *words[1:]], "statement 1: 'uvicorn' is none of machine, program"),
            (["process", *words[1:]], "statement 1 is not about the process"),
            (["machine", "process", *words[2:]], clues[1]),
            ([*words[:2], "program", *words[3:]], clues[2]),
            ([*words[:3], "process", *words[4:]], "statement 4 is not about the process"),
            ([*words[:4], "process", "program"], clues[4]),
            ([*words[:5], "process"], clues[5]),
        ],
    )


# -- chapter 2: what every answer of an app is judged by


class Shop:
    async def __call__(self, scope, receive, send):
        await echo(scope, receive, send)


class PerCall:
    """As Starlette's endpoints: called with three arguments, it gives an awaitable."""

    def __init__(self, scope, receive, send):
        self.step = echo(scope, receive, send)

    def __await__(self):
        return self.step.__await__()


async def echo(scope, receive, send):
    await reply(send, 200, f"{scope['method']} {scope['path']}".encode())


async def in_pieces(scope, receive, send):
    """Headers from a generator, as lists; a body in three; then it waits for the disconnect."""
    headers = ([name, b"1"] for name in (b"X-One", b"x-one"))
    await send({"type": "http.response.start", "status": 200, "headers": headers, "extra": 1})
    for piece in (scope["method"], " ", scope["path"]):
        await send({"type": "http.response.body", "body": piece.encode(), "more_body": True})
    await send({"type": "http.response.body"})
    while (await receive())["type"] != "http.disconnect":
        pass


async def at_once(scope, receive, send):
    """Awaited through tasks, with a watcher that is cancelled."""
    watcher = asyncio.create_task(receive())
    await asyncio.create_task(send(dict(START, status=200)))
    line = f"{scope['method']} {scope['path']}"
    await asyncio.gather(send({"type": "http.response.body", "body": bytearray(line.encode())}))
    watcher.cancel()


fast = FastAPI()


@fast.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "DELETE"])
def endpoint(request: Request):
    return PlainTextResponse(f"{request.method} {request.url.path}".replace("%E2%82%AC", "€"))


async def streamed(request):
    async def pieces():
        yield f"{request.method} "
        yield request.scope["path"]

    return StreamingResponse(pieces())


star = Starlette(routes=[Route("/{rest:path}", streamed, methods=["GET", "POST", "PUT", "DELETE"])])


def test_echo():
    def bound(scope, receive, send):
        return echo(scope, receive, send)

    async def forgets(scope, receive, send):
        send(START)

    async def reads(scope, receive, send):
        receive()["body"]

    async def waits(scope, receive, send):
        await receive()
        await receive()
        await reply(send)

    async def endures(scope, receive, send):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return

    async def yields(scope, receive, send):
        yield START

    def plain(scope, receive, send):
        send(START)

    async def two(scope, send):
        pass

    async def counts(scope, receive, send):
        line = f"{scope['method']} {scope['path']}"
        headers = [(b"content-length", str(len(line)).encode())]
        await send({**START, "headers": headers})
        await send({"type": "http.response.body", "body": line.encode()})

    def whole_target(scope):
        query = scope["query_string"].decode()
        return f"{scope['method']} {scope['path']}" + (f"?{query}" if query else "")

    class Closed:
        url = "http://127.0.0.1:1"

    judged(
        check.echo,
        right=[echo, Shop(), PerCall, bound, in_pieces, at_once, fast, star],
        wrong=[
            (answering(lambda scope: b""), "`GET /` is answered with ''"),
            (answering(lambda scope: b"GET /"), "every request gets 'GET /'"),
            (answering(lambda scope: scope["method"]), "the path is missing"),
            (answering(lambda scope: scope["path"]), "the method is missing"),
            (
                answering(
                    lambda s: f"{s['method']} {s['path']}" + "?x=1" * bool(s["query_string"])
                ),
                "it is not in the path",
            ),
            (answering(lambda scope: scope["verb"]), "your app raised KeyError: 'verb' at line"),
            (sending(dict(START, status=404), BODY), "answered with 404, not with 200"),
            (sending(), "your app sent nothing"),
            (sending(BODY), "the body came first"),
            (sending(START), "there is no http.response.body"),
            (sending(START, START), "http.response.start was sent twice"),
            (sending({"type": "http.response.start"}, BODY), "has no `status`"),
            (sending(dict(START, status="200"), BODY), "`status` is an int, and yours is '200'"),
            (sending(START, dict(BODY, body="GET /")), "so `.encode()` it"),
            (sending(START, dict(BODY, body=None)), "`body` is a NoneType"),
            (sending(START, BODY, BODY), "send the earlier with `more_body` True"),
            (sending(START, dict(BODY, more_body=True)), "so the client waits for more"),
            (sending({"type": "http.response.stat"}), "did you mean `http.response.start`?"),
            (sending({"type": "teapot"}), "`teapot` is no message that answers a request"),
            (sending({"status": 200}), 'a message has no `"type"`'),
            (sending("http.response.start"), "send() takes a dict"),
            (sending(dict(START, headers={b"a": b"b"}), BODY), "`headers` is a dict"),
            (sending(dict(START, headers=None), BODY), "`headers` is pairs, and yours is None"),
            (sending(dict(START, headers=[("a", "b")]), BODY), "is a pair of bytes, and yours is"),
            (sending(dict(START, headers=[1]), BODY), "is a pair of bytes, and yours is (1,)"),
            (counts, "content-length says 6, and the body has 8 bytes"),
            (forgets, "there is no `await` before `send(…)` at line"),
            (reads, "there is no `await` before `receive()` at line"),
            (waits, "your app waits at line"),
            (endures, "your app waits, and the response is not complete"),
            (yields, "your app has a `yield`"),
            (plain, "your app is a plain `def`"),
            (two, "your app takes (scope, send), and a server calls it"),
            (Shop, "your app is a class: give an instance, `Shop()`"),
            (Closed(), "this is a site"),
            ("echo", "`'echo'` is no app"),
        ],
    )


def test_a_called_app_and_one_that_does_not_tell_its_arguments():
    assert "you called the app" in grade(check.echo, echo({}, None, None)).sentence
    assert "your app raised TypeError" in grade(check.echo, max).sentence


def test_query():
    def hand(data):
        for part in data.split(b"&") if data else []:
            name, _, value = part.partition(b"=")
            yield [unquote_to_bytes(p.replace(b"+", b" ")).decode() for p in (name, value)]

    def loose(data):
        pairs = [part.partition("=") for part in data.decode().split("&") if part]
        return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]

    def strict(data):
        return [tuple(part.split("=")) for part in data.decode().split("&")]

    def early(data):
        pairs = [part.partition("=") for part in unquote_plus(data.decode()).split("&") if part]
        return [(name, value) for name, _, value in pairs]

    def late_plus(data):
        pairs = [part.partition("=") for part in data.decode().split("&") if part]
        return [(unquote(n).replace("+", " "), unquote(v).replace("+", " ")) for n, _, v in pairs]

    def no_plus(data):
        return [(name, value.replace(" ", "+")) for name, value in loose(data)]

    def latin(data):
        return [
            (n.encode().decode("latin-1"), v.encode().decode("latin-1")) for n, v in loose(data)
        ]

    def values_only(data):
        pairs = [part.partition("=") for part in data.decode().split("&") if part]
        return [(name, unquote_plus(value)) for name, _, value in pairs]

    judged(
        check.query,
        right=[
            hand,
            loose,
            lambda data: parse_qsl(data.decode(), keep_blank_values=True),
            lambda data: tuple(loose(data)),
        ],
        wrong=[
            (lambda data: [], "two pairs were expected"),
            (lambda data: None, "gives None, and should give pairs"),
            (lambda data: parse_qs(data.decode()), "gives a dict"),
            (lambda data: parse_qsl(data, keep_blank_values=True), "should be str, decoded"),
            (lambda data: parse_qsl(data.decode()), "without `=` the value is empty"),
            (lambda data: sorted(loose(data)), "a name may come twice, in order"),
            (lambda data: ["a=1", "b=2"], "which is no pair"),
            (lambda data: data.nothing, "your parser raised AttributeError"),
            (strict, "which is no pair"),
            (early, "cut first and decode then"),
            (late_plus, "turn plus signs into spaces before"),
            (no_plus, "a plus sign stands for a space"),
            (latin, "three bytes are one character"),
            (values_only, "names are encoded as values are"),
            ("parse", "give the function itself"),
        ],
    )


def words_of(scope):
    return [value for name, value in scope["headers"] if name == b"x-word"]


COOKIES = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


def wording(body, cookies=COOKIES):
    async def app(scope, receive, send):
        await reply(send, 200, body(scope), cookies)

    return app


def test_headers():
    async def starry(request):
        answer = PlainTextResponse("\n".join(request.headers.getlist("x-word")))
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    def last(scope):
        return dict(scope["headers"]).get(b"x-word", b"")

    def first(scope):
        return next(iter(words_of(scope)), b"")

    def good(scope):
        return b"\n".join(words_of(scope))

    async def teapot(scope, receive, send):
        await reply(send, 418, good(scope), COOKIES)

    judged(
        check.headers,
        right=[
            wording(good),
            wording(good, [[b"Set-Cookie", b"a=1; Path=/"], COOKIES[1]]),
            Starlette(routes=[Route("/", starry)]),
        ],
        wrong=[
            (wording(lambda scope: b""), "the body is empty: names are bytes"),
            (wording(last), "only 'two' of 3 values is left"),
            (wording(first), "only 'three' of 3 values is left"),
            (wording(lambda s: b"\n".join(sorted(words_of(s)))), "keep the order"),
            (wording(lambda s: b", ".join(words_of(s))), "the body is 'three, one, two'"),
            (wording(lambda s: b"\n".join(words_of(s)) or b"none"), "should be empty"),
            (wording(lambda s: b"\n".join(v for _, v in s["headers"])), "the body is 'a\\nthree"),
            (wording(lambda s: s["headers"][0][1]), "the body is 'a'"),
            (wording(lambda s: dict(s["headers"])[b"x-words"]), "raised KeyError: b'x-words'"),
            (wording(good, []), "no cookie was set"),
            (wording(good, COOKIES[:1]), "only the cookie b'a=1' was set"),
            (wording(good, [(b"set-cookie", b"a=1, b=2")]), "they cannot be joined"),
            (wording(good, COOKIES[::-1]), "should be `a=1` and then `b=2`"),
            (teapot, "the answer has status 418"),
        ],
    )


def test_scope_types():
    def refusing(*kinds):
        async def app(scope, receive, send):
            if scope["type"] in kinds:
                raise NotImplementedError(scope["type"])
            await reply(send)

        return app

    async def right(scope, receive, send):
        assert scope["type"] == "http"
        await reply(send, 204)

    async def late(scope, receive, send):
        await receive()
        if scope["type"] == "http":
            await reply(send)
        else:
            raise LookupError

    async def quiet(scope, receive, send):
        if scope["type"] == "http":
            await reply(send)

    async def loops(scope, receive, send):
        if scope["type"] == "http":
            return await reply(send)
        while True:
            await receive()

    async def catches(scope, receive, send):
        if scope["type"] == "http":
            return await reply(send)
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return

    async def forgets(scope, receive, send):
        if scope["type"] == "http":
            return await reply(send)
        send({"type": "lifespan.startup.failed"})

    judged(
        check.scope_types,
        right=[right, late, refusing("lifespan", "websocket", "teapot")],
        wrong=[
            (refusing(), "takes scope type `lifespan`: it sends `http.response.start`"),
            (refusing("lifespan"), "takes scope type `websocket`"),
            (refusing("lifespan", "websocket"), "takes scope type `teapot`"),
            (refusing("http"), "your app raised NotImplementedError: http"),
            (quiet, "your app returns for scope type `lifespan`"),
            (loops, "for scope type `lifespan` your app waits at line"),
            (catches, "for scope type `lifespan` your app waits: raise"),
        ],
    )
    assert "returns for scope type" in grade(check.scope_types, forgets).sentence


def test_raw_path():
    def segments(scope):
        raw = scope.get("raw_path")
        if raw is None:
            return "\n".join(scope["path"].split("/")[1:])
        return "\n".join(unquote(piece) for piece in raw.split(b"/")[1:])

    def again(scope):
        raw = scope["raw_path"] or scope["path"].encode()
        return "\n".join(unquote(piece) for piece in raw.split(b"/")[1:])

    def early(scope):
        return "\n".join(unquote(scope["raw_path"] or scope["path"]).split("/")[1:])

    async def starry(request):
        return PlainTextResponse(segments(request.scope))

    def must(scope):
        return "\n".join(unquote(piece) for piece in scope["raw_path"].split(b"/")[1:])

    def whole(scope):
        return segments(scope) if scope["raw_path"] else scope["path"]

    def undecoded(scope):
        return must(scope) if b"%" not in scope["raw_path"] else scope["raw_path"][1:].decode()

    async def teapot(scope, receive, send):
        await reply(send, 418, segments(scope).encode())

    judged(
        check.raw_path,
        right=[answering(segments), Starlette(routes=[Route("/{rest:path}", starry)])],
        wrong=[
            (answering(lambda s: b""), "both give ''"),
            (answering(lambda s: "\n".join(s["path"].split("/")[1:])), "`path` cannot tell"),
            (answering(early), "is decoded before it is split"),
            (answering(again), "`path` is decoded already"),
            (answering(undecoded), "decode each segment"),
            (answering(lambda s: "\n" + segments(s)), "before the first slash is no segment"),
            (answering(lambda s: segments(s).replace("\n", ",")), "should give ['a', 'b']"),
            (
                answering(lambda s: segments(s).encode().decode("latin-1")),
                "gives ['caffÃ¨'], and should give ['caffè']",
            ),
            (answering(must), "from a server without raw_path: your app raised AttributeError"),
            (
                answering(lambda s: segments(s) if s["raw_path"] else s["path"]),
                "gives ['/a/b'], and",
            ),
            (teapot, "answered with status 418"),
        ],
    )


# -- what they share


def test_an_answer_has_its_parts():
    async def main():
        return await asking.ask(in_pieces, "POST", "/a")

    answer = asyncio.run(main())
    assert (answer.status, answer.text) == (200, "POST /a")
    assert answer.values(b"x-one") == [b"1", b"1"]
    assert answer.call.scope["method"] == "POST"


# -- code that does not come back, in a real check


def test_an_app_that_holds_its_loop():
    async def spins(scope, receive, send):
        while True:
            pass

    found = grade(check.echo, spins)
    assert "your app holds the loop and never gives it back: line" in found.sentence
    assert "`while True:`" in found.sentence or "`pass`" in found.sentence
