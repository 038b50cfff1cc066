"""The exercises of chapter 4, as in test_exercises.py: each wrong answer has its own sentence."""

import asyncio
import hashlib

import pytest
from test_exercises import judged

from asgilive import check, grade
from asgilive.exercises import asking, ch04


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


async def reply(send, status=200, body=b"", headers=()):
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


def reading(step, end, *, leave="return", limit=None):
    """An app that gives each piece to `step`, then answers with `end()`, bytes or a status."""

    async def app(scope, receive, send):
        state, more = None, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                if leave == "wait":
                    await receive()
                if leave == "raise":
                    raise ConnectionResetError
                if leave == "key":
                    message["body"]
                if leave == "return":
                    return
                if isinstance(leave, int):
                    return await reply(send, leave)
            state = step(state, message.get("body", b""))
            more = message.get("more_body", False)
            if limit is not None and state > limit:
                return await reply(send, 413)
        await reply(send, *end(state))

    return app


def added(state, piece):
    return (state or 0) + len(piece)


def size(state):
    return 200, b"%d" % state


def limited(**options):
    return reading(added, size, **{"limit": 1000, **options})


def at_once(status, text):
    async def app(scope, receive, send):
        await reply(send, status, text)

    return app


def test_body_limit():
    async def first(scope, receive, send):
        await reply(send, 200, b"%d" % len((await receive())["body"]))

    async def until_empty(scope, receive, send):
        total, more = 0, True
        while more:
            message = await receive()
            total += len(message.get("body", b""))
            more = message.get("body") and message.get("more_body")
        await reply(send, 200, b"%d" % total)

    async def keyed(scope, receive, send):
        total, more = 0, True
        while more:
            message = await receive()
            total += len(message["body"])
            more = message["more_body"]
        await reply(send, 200, b"%d" % total)

    async def no_body(scope, receive, send):
        """All is well until a message has no key."""
        total, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if "body" not in message:
                return await reply(send, 200, b"no body")
            total += len(message["body"])
            more = message["more_body"]
        await reply(send, 200, b"%d" % total)

    judged(
        check.body_limit,
        right=[limited(), limited(leave="raise")],
        wrong=[
            (at_once(200, b"0"), "before anything was received"),
            (at_once(413, b""), "gets 413, not 200"),
            (first, "reads 1 of 4 messages: look at `more_body`"),
            (until_empty, "reads 2 of 4 messages: an empty piece is no end"),
            (reading(added, lambda state: (200, b"size")), "gets 'size', and should get '5'"),
            (keyed, "your app raised KeyError"),
            (no_body, "without any body the answer is 'no body'"),
            (limited(limit=10**9), "a body of 1001 bytes gets 200"),
            (reading(added, lambda n: (413,) if n > 1000 else size(n)), "your app read 50"),
            (limited(leave="wait"), "after http.disconnect your app still waits at line"),
            (limited(leave="key"), "leaves amid its upload, and your app raised KeyError"),
            (limited(leave="go on"), "answers 200, as if the body were whole"),
            (limited(leave=400), "answers 400: nobody is there to read it"),
        ],
    )


def test_upload_hash():
    def fed(state, piece):
        state = state or hashlib.sha256()
        state.update(piece)
        return state

    def hexed(state):
        return 200, state.hexdigest().encode()

    async def first(scope, receive, send):
        piece = (await receive())["body"]
        await reply(send, 200, hashlib.sha256(piece).hexdigest().encode())

    def whole(state):
        return 200, hashlib.sha256(state).hexdigest().encode()

    def kept(state):
        return 200, hashlib.sha256(b"".join(state)).hexdigest().encode()

    judged(
        check.upload_hash,
        right=[reading(fed, hexed), reading(fed, lambda s: (200, hexed(s)[1].upper()))],
        wrong=[
            (at_once(404, b""), "an upload in 1 piece gets 404, not 200"),
            (at_once(200, b"abc"), "an upload in 1 piece gets 'abc', which is not its hash"),
            (reading(fed, lambda s: (200, s.digest())), "`.hexdigest()` gives it as text"),
            (
                reading(lambda _, piece: hashlib.sha256(piece), hexed),
                "of 3 pieces only one is in the hash",
            ),
            (reading(lambda state, piece: (state or b"") + piece, whole), "whole in memory"),
            (reading(fed, hexed, leave="wait"), "still waits at line"),
        ],
    )
    assert "of 3 pieces only one" in grade(check.upload_hash, first).sentence
    joined = reading(lambda state, piece: [*(state or []), piece], kept)
    assert "whole in memory" in grade(check.upload_hash, joined).sentence

    def fed_late(state):
        total = hashlib.sha256()
        for piece in state:
            total.update(piece)
        return 200, total.hexdigest().encode()

    hoarded = reading(lambda state, piece: [*(state or []), piece], fed_late)
    assert "whole in memory" in grade(check.upload_hash, hoarded).sentence


class Right:
    def __init__(self):
        self.state = "called"

    def send(self, message):
        kind, more = message["type"], message.get("more_body", False)
        if self.state == "complete":
            return self.late()
        if (kind, self.state) == ("http.response.start", "called"):
            self.state = "started"
        elif kind == "http.response.body" and self.state != "called":
            self.state = "streaming" if more else "complete"
        else:
            self.refuse()
        return None

    def late(self):
        return None

    def refuse(self):
        raise ValueError


def changed(**methods):
    return type("Changed", (Right,), methods)


def test_response_states():
    def moves(self, message):
        Right.send(self, message)
        if self.state == "streaming":
            self.state = "started"

    def spoils(self):
        self.state = "broken"
        raise ValueError

    def complains(self):
        raise RuntimeError("late")

    def brackets(self, message):
        if message["type"] == "http.response.body":
            message["more_body"]
        Right.send(self, message)

    def picky(self, message):
        if self.state == "streaming":
            raise ValueError("no more")
        Right.send(self, message)

    async def slow(self, message):
        Right.send(self, message)

    def wrong_start(self):
        self.state = "new"

    def broken(self):
        raise LookupError("made wrongly")

    def forgets(self, message):
        # The second object begins where the first one ended: the state is on the class.
        if Forgetful.state != "complete":
            Right.send(self, message)
        Forgetful.state = "complete"

    Forgetful = type("Forgetful", (), {"state": "called", "send": forgets, "refuse": Right.refuse})
    judged(
        check.response_states,
        right=[Right, lambda: Right(), changed(refuse=lambda self: {}["no"])],
        wrong=[
            (Right(), "give the class itself"),
            (changed(__init__=broken), "your class raised LookupError: made wrongly"),
            (changed(__init__=lambda self: None), "has no `state`"),
            (type("NoSend", (), {"state": "called"}), "has no method `send`"),
            (changed(__init__=wrong_start), "behind nothing the state is 'new'"),
            (changed(send=slow), "`send` is an `async def`"),
            (changed(send=lambda self, message: None), "should be 'started'"),
            (changed(refuse=lambda self: None), "is taken, and has to raise"),
            (changed(refuse=spoils), "which was refused"),
            (changed(late=complains), "what comes late is ignored"),
            (changed(send=brackets), "with no `more_body` raises KeyError"),
            (changed(send=moves), "the state is 'started', and should be 'streaming'"),
            (changed(send=picky), "raises ValueError"),
            (Forgetful, "the state is 'complete', and should be 'called'"),
        ],
    )


def test_wire_bytes():
    end = b"0\r\n\r\n"
    hi = b"2\r\nHi\r\n"
    right = [hi + end, b"Hi", b"1\r\nH\r\n1\r\ni\r\n" + end, hi + end, hi, b"Hi"]

    def but(place, data):
        return [*right[: place - 1], data, *right[place:]]

    judged(
        check.wire_bytes,
        right=[right, tuple(right)],
        wrong=[
            (b"Hi", "give a list of six: this is a bytes"),
            (right[:5], "there are six apps, and the list has 5 entries"),
            (but(2, "Hi"), "entry 2 is a str"),
            ([b""] * 6, "app 1 sends 12 bytes behind its head"),
            (but(1, hi), "app 1 sends one chunk more"),
            (but(3, b"1\r\nH1\r\ni\r\n" + end), "app 3 has its line ends elsewhere"),
            (but(3, hi + end), "app 3 does not send b'2"),
            (but(4, end + hi + end), "app 4 does not send b'0"),
            (but(5, hi + end), "app 5 does not send the last chunk"),
            (but(6, b"Hi   "), "app 6 does not send b'Hi   '"),
        ],
    )


def test_the_six_refuse_what_is_not_http():
    with pytest.raises(NotImplementedError):
        asyncio.run(ch04._six({"type": "lifespan"}, None, None))


def test_head():
    def greeting(head=None, *, get=200, text="Hello, {}", extra=()):
        async def app(scope, receive, send):
            body = text.format(scope["path"]).encode()
            if scope["method"] == "HEAD":
                status, length, more, sent = head or (200, len(body), extra, b"")
            else:
                status, length, more, sent = get, len(body), extra, body
            size = [] if length is None else [(b"content-length", b"%d" % length)]
            start = {"type": "http.response.start", "status": status}
            await send({**start, "headers": [*more, *size]})
            await send({"type": "http.response.body", "body": sent})

        return app

    async def unsaid(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        body = f"Hello, {scope['path']}".encode()
        await send({"type": "http.response.body", "body": body})

    dated = (b"x-date", b"today")
    judged(
        check.head,
        right=[greeting(), greeting(extra=[dated])],
        wrong=[
            (greeting(get=404), "GET / gets 404, not 200"),
            (greeting(text="Hi, {}"), "GET / gets 'Hi, /', and should get 'Hello, /'"),
            (unsaid, "the answer to GET / has no content-length"),
            (greeting((405, 0, (), b"")), "HEAD / gets 405, and a GET gets 200"),
            (greeting((200, 8, (), b"Hello, /")), "HEAD / gets a body of 8 bytes"),
            (greeting((200, None, (), b"")), "HEAD / gets no content-length"),
            (greeting((200, 0, (), b"")), "HEAD / says content-length 0, and the GET says 8"),
            (greeting((200, 8, (), b""), extra=[dated]), "lacks a header of the GET: x-date"),
            (greeting((200, 8, (), b"")), "HEAD /a/longer/one says content-length 8"),
        ],
    )


def test_asking_gives_the_messages():
    async def main():
        pieces = [{"type": "http.request", "body": b"ab"}]
        return await asking.ask(limited(), "POST", messages=pieces)

    assert asyncio.run(main()).text == "2"
