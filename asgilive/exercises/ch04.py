"""Chapter 4, The HTTP conversation in full: bodies in pieces, the order of messages, HEAD.

All but one call the reader's code in memory: what a server does beside it is not the point. 4.4
serves six applications, so that what is right comes from the wire and not from this file.
"""

from __future__ import annotations

import hashlib
import inspect
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from asgilive import rules
from asgilive.checks import Wrong, exercise, raised, want
from asgilive.clients import fetch
from asgilive.exercises.asking import Answer, ask, watch
from asgilive.recording import App, Message, Receive, Scope, Send
from asgilive.serving import serve

_GONE: Message = {"type": "http.disconnect"}


def _pieces(*bodies: bytes, open: bool = False) -> list[Message]:
    """A body as http.request messages; `open` says that still more was announced."""
    last = len(bodies) - 1
    return [
        {"type": "http.request", "body": body, "more_body": open or place < last}
        for place, body in enumerate(bodies)
    ]


async def _judge_leaving(app: App) -> None:
    """The client leaves amid its upload: the call has to end. Raises Wrong."""
    messages = [*_pieces(b"ab", open=True), _GONE]
    call, watched = await watch(app, {"type": "http", "method": "POST"}, messages)
    error = watched.error
    if error is not None and not isinstance(error, OSError) and "Disconnect" not in repr(error):
        raise Wrong(f"the client leaves amid its upload, and {raised('app', error)}", call)
    at = f" at {watched.place}" if watched.place else ""
    left = "the client leaves amid its upload: after http.disconnect your app"
    want(call.ended != "waiting", f"{left} still waits{at}", call)
    status = call.sent[0].get("status") if call.sent else None
    want(status != 200, f"{left} answers 200, as if the body were whole", call)
    want(not call.sent, f"{left} answers {status}: nobody is there to read it", call)


# -- 4.1

LIMIT = 1000  # bytes


@exercise(
    "4.1",
    "A body with a limit",
    hints=(
        "Receive in a loop until `more_body` is false, and add up `len()` of the pieces: an empty"
        " piece is not the end.",
        "Look at the sum after each piece, inside the loop: over 1000, answer 413 and `return`.",
        "A message of the type `http.disconnect` has no body: `return` there, and read `body` with"
        ' `message.get("body", b"")`.',
    ),
)
async def body_limit(app: App) -> None:
    """A body of up to 1000 bytes is answered with its size; at a longer one reading stops: 413."""
    for pieces in ([b"hello"], [b""], [b"ab", b"", b"cd", b""], [b"x" * 400, b"x" * 600]):
        answer = await ask(app, "POST", messages=_pieces(*pieces))
        _judge_size(answer, pieces)
    absent = await ask(app, "POST", messages=[{"type": "http.request"}])
    text = f"without any body the answer is {absent.text!r}, not '0'"
    want(absent.text.strip() == "0", text, absent.call)
    _judge_refusal(await ask(app, "POST", messages=_pieces(b"x" * (LIMIT + 1))), LIMIT + 1)
    flood = await ask(app, "POST", messages=_pieces(*[b"x" * 400] * 50))
    _judge_refusal(flood, 50 * 400)
    read = len(flood.call.received)
    text = f"the limit is passed at piece 3 of 50, and your app read {read}: answer 413 and return"
    want(read <= 4, text, flood.call)
    await _judge_leaving(app)


def _judge_size(answer: Answer, pieces: list[bytes]) -> None:
    size, call = sum(map(len, pieces)), answer.call
    sizes = "+".join(str(len(piece)) for piece in pieces)
    want(answer.status == 200, f"a body of {sizes} bytes gets {answer.status}, not 200", call)
    if answer.text.strip() == str(size):
        return
    want(call.received, f"{answer.text!r} is the answer before anything was received", call)
    read = len(call.received)
    text = f"of a body of {sizes} bytes your app reads {read} of {len(pieces)} messages"
    why = "an empty piece is no end" if pieces[read - 1] == b"" else "look at `more_body`"
    want(read == len(pieces), f"{text}: {why}", call)
    raise Wrong(f"a body of {sizes} bytes gets {answer.text!r}, and should get '{size}'", call)


def _judge_refusal(answer: Answer, size: int) -> None:
    text = f"a body of {size} bytes gets {answer.status}: over {LIMIT} it is 413"
    want(answer.status == 413, text, answer.call)


# -- 4.2

_SIZE, _COUNT = 64 * 1024, 256
_TOP = _SIZE * _COUNT // 2  # bytes that the call may add to the memory in use


def _piece(number: int) -> bytes:
    return bytes([number % 256]) * _SIZE


def _streamed(app: App) -> App:
    """The application, given a large body whose pieces exist only while somebody holds them."""

    async def streamed(scope: Scope, receive: Receive, send: Send) -> None:
        numbers = iter(range(_COUNT))

        async def given() -> Message:
            number = next(numbers, _COUNT - 1)
            more = number < _COUNT - 1
            return {"type": "http.request", "body": _piece(number), "more_body": more}

        await app(scope, given, send)

    return streamed


@exercise(
    "4.2",
    "A hash of what streams by",
    within=15.0,
    hints=(
        "`hashlib.sha256()` makes an object that is fed in pieces: `.update(piece)`.",
        "Make it before the loop, feed it inside, and keep no piece: `body += …` is the whole"
        " upload in memory.",
        "Behind the loop, answer with `.hexdigest().encode()`. Return at `http.disconnect`.",
    ),
)
async def upload_hash(app: App) -> None:
    """The SHA-256 of the body comes back as hex digits, and no upload is ever whole in memory."""
    for pieces in ([b"hello"], [b"he", b"", b"llo"], [b""]):
        answer = await ask(app, "POST", messages=_pieces(*pieces))
        _judge_hash(answer, pieces)
    tracemalloc.start()
    try:
        whole = await ask(_streamed(app), "POST")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    _judge_hash(whole, [_piece(number) for number in range(_COUNT)])
    text = "a large upload is whole in memory at some time: feed each piece, then forget it"
    want(peak < _TOP, text)
    await _judge_leaving(app)


def _judge_hash(answer: Answer, pieces: list[bytes]) -> None:
    call = answer.call
    right = hashlib.sha256(b"".join(pieces))
    count = f"{len(pieces)} piece{'s' * (len(pieces) != 1)}"
    want(answer.status == 200, f"an upload in {count} gets {answer.status}, not 200", call)
    if answer.text.strip().lower() == right.hexdigest():
        return
    raw = answer.body == right.digest()
    want(not raw, "the body is the digest's bytes: `.hexdigest()` gives it as text", call)
    each = {hashlib.sha256(piece).hexdigest() for piece in pieces}
    one = len(pieces) > 1 and answer.text in each
    want(not one, f"of {count} only one is in the hash: make it before the loop", call)
    part = answer.text == hashlib.sha256(pieces[0]).hexdigest()
    want(not part, f"of {count} only the first is in the hash", call)
    raise Wrong(f"an upload in {count} gets {answer.text[:20]!r}, which is not its hash", call)


# -- 4.3

_START: Message = {"type": "http.response.start", "status": 200}
_MORE: Message = {"type": "http.response.body", "body": b"a", "more_body": True}
_LAST: Message = {"type": "http.response.body", "body": b"a"}
_FALSE: Message = {"type": "http.response.body", "more_body": False}
_OTHER: Message = {"type": "websocket.send", "text": "a"}
_ALL = (_START, _MORE, _LAST, _FALSE, _OTHER)


@exercise(
    "4.3",
    "The machine as a class",
    your="class",
    hints=(
        "`__init__` sets `self.state` to the first state of the figure. `send` looks at the state"
        " and the type, moves, or raises.",
        'Where a body goes depends on `message.get("more_body", False)`: without the key it is the'
        " last one.",
        "The first thing `send` does: in the state complete, return. The last: raise ValueError"
        " for what no line before it took.",
    ),
)
async def response_states(Response: Callable[[], Any]) -> None:
    """The class takes what the table allows, raises for the rest, and ignores what comes late."""
    want(callable(Response), "give the class itself: the check makes the objects")
    for before in _ways(3):
        for message in _ALL:
            _judge_step(Response, before, message)


def _ways(most: int) -> Iterator[list[Message]]:
    """What is allowed from the beginning, up to so many messages, the shortest first."""
    ways: list[list[Message]] = [[]]
    for way in ways:
        yield way
        if len(way) < most:
            walk = _walked(way)
            ways += [[*way, m] for m in _ALL if walk.fault(m) is None]


def _walked(messages: list[Message]) -> rules.Walk:
    walk = rules.Walk({"type": "http"})
    for message in messages:
        walk.step("send", message)
    return walk


def _judge_step(make: Callable[[], Any], before: list[Message], message: Message) -> None:
    """One message, behind some that are allowed."""
    made, walk = _made(make), _walked(before)
    for earlier in before:
        error = _send(made, earlier)
        want(error is None, f"behind {_names(before[:-1])} your class raises for {_name(earlier)}")
    _judge_state(made, walk.state, f"behind {_names(before)}")
    fault, error = walk.fault(message), _send(made, message)
    place, name = f"in the state {walk.state}", _name(message)
    late = fault is not None and fault.rule in rules.IGNORED.values()
    if late or fault is None:
        why = ": what comes late is ignored" if late else ""
        want(error is None, f"{place} {name} raises {error!r:.60}{why}")
        walk.step("send", message)
        return _judge_state(made, walk.state, f"{place}, behind {name}")
    want(error is not None, f"{place} {name} is taken, and has to raise: {fault.text}")
    return _judge_state(made, walk.state, f"{place}, behind {name}, which was refused")


def _made(make: Callable[[], Any]) -> Any:
    try:
        made = make()
    except Exception as error:
        raise Wrong(raised("class", error)) from error
    want(hasattr(made, "state"), "an object of your class has no `state`: set it in `__init__`")
    want(callable(getattr(made, "send", None)), "your class has no method `send`")
    return made


def _send(made: Any, message: Message) -> Exception | None:
    try:
        found = made.send(dict(message))
    except Exception as error:
        return error
    if inspect.iscoroutine(found):
        found.close()
        raise Wrong("`send` is an `async def`, so calling it runs nothing: write `def send`")
    return None


def _judge_state(made: Any, state: str, where: str) -> None:
    want(made.state == state, f"{where} the state is {made.state!r}, and should be {state!r}")


def _name(message: Message) -> str:
    kind = str(message["type"])
    if kind != "http.response.body":
        return f"`{kind}`"
    key = f"`more_body` {message['more_body']}" if "more_body" in message else "no `more_body`"
    return f"`{kind}` with {key}"


def _names(messages: list[Message]) -> str:
    return ", ".join(map(_name, messages)) or "nothing"


# -- 4.4

_TWO, _FIVE = ({**_START, "headers": [(b"content-length", size)]} for size in (b"2", b"5"))
_HI: Message = {"type": "http.response.body", "body": b"Hi"}

# What each of the six sends, whether it raises then, and what decides its bytes.
SIX: tuple[tuple[list[Message], bool, str], ...] = (
    ([_START, _HI], False, "nobody said how long the body is, so it goes in chunks"),
    ([_TWO, _HI], False, "with a content-length the body goes as it is"),
    (
        [_START, {**_HI, "body": b"H", "more_body": True}, {**_HI, "body": b"i"}],
        False,
        "each body is a chunk of its own, and the last chunk follows",
    ),
    (
        [_START, {**_HI, "body": b"", "more_body": True}, _HI],
        False,
        "a chunk of size 0 would be the end, so an empty body is not written",
    ),
    ([_START, {**_HI, "more_body": True}], True, "no last chunk: nobody may call this whole"),
    ([_FIVE, _HI], False, "what is too short stays too short, and the connection is closed"),
)


@exercise(
    "4.4",
    "Predict the bytes",
    your="code",
    hints=(
        "Without a content-length an HTTP/1.1 answer goes in chunks: size in hexadecimal, `\\r\\n`,"
        " the bytes, `\\r\\n`.",
        "The last chunk is `0\\r\\n\\r\\n`. It follows a body without `more_body`, never another.",
        "With a content-length there are no chunks at all, whatever the number says.",
    ),
)
async def wire_bytes(predicted: Sequence[bytes]) -> None:
    """These are the bytes behind the head, for all six."""
    given = isinstance(predicted, list | tuple)
    want(given, f"give a list of six: this is a {type(predicted).__name__}")
    count = len(predicted)
    want(count == len(SIX), f"there are six apps, and the list has {count} entries")
    for place, data in enumerate(predicted, 1):
        text = f"entry {place} is a {type(data).__name__}: what crosses a socket is bytes"
        want(isinstance(data, bytes), text)
    async with serve(_six, record=True, http="h11") as site:
        for place, data in enumerate(predicted):
            reply = await fetch(site, f"/{place}")
            found = reply.received.partition(b"\r\n\r\n")[2]
            want(data == found, f"app {place + 1} {_unlike(data, found)}: {SIX[place][2]}")


async def _six(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    messages, raises, _ = SIX[int(scope["path"][1:])]
    for message in messages:
        await send(message)
    if raises:
        raise ValueError("on purpose")


def _unlike(data: bytes, found: bytes) -> str:
    """How a prediction differs from what came, without giving that away."""
    if not data:
        return f"sends {len(found)} bytes behind its head"
    if data.replace(b"\r\n", b"") == found.replace(b"\r\n", b""):
        return "has its line ends elsewhere"
    if data == found + b"0\r\n\r\n":
        return "does not send the last chunk"
    if found == data + b"0\r\n\r\n":
        return "sends one chunk more"
    return f"does not send {data!r:.60}"


# -- 4.5


@exercise(
    "4.5",
    "A correct HEAD",
    hints=(
        "HEAD asks for the head that a GET would get: the same status and the same headers, the"
        " content-length among them.",
        "The two messages are still two: http.response.start with the full content-length, then"
        " http.response.body without bytes.",
        'Count the bytes of the body first, then decide: `b"" if scope["method"] == "HEAD" else'
        " body`.",
    ),
)
async def head(app: App) -> None:
    """HEAD gets the head of a GET, content-length included, and no byte of a body."""
    for path in ("/", "/a/longer/one", "/€"):
        raw_path = path.replace("€", "%E2%82%AC").encode()
        get = await ask(app, "GET", path, raw_path=raw_path)
        text = f"Hello, {path}"
        want(get.status == 200, f"GET {path} gets {get.status}, not 200", get.call)
        want(get.text == text, f"GET {path} gets {get.text!r}, and should get {text!r}", get.call)
        length = get.values(b"content-length")
        want(length, f"the answer to GET {path} has no content-length", get.call)
        _judge_head(await ask(app, "HEAD", path, raw_path=raw_path), get, f"HEAD {path}")


def _judge_head(answer: Answer, get: Answer, line: str) -> None:
    call, size = answer.call, len(answer.body)
    want(answer.status == 200, f"{line} gets {answer.status}, and a GET gets 200", call)
    want(not size, f"{line} gets a body of {size} bytes: the head is all that was asked for", call)
    length, right = answer.values(b"content-length"), get.values(b"content-length")
    want(length, f"{line} gets no content-length: it is one of the headers of the GET", call)
    text = f"{line} says content-length {length[0].decode('latin-1')}"
    want(length == right, f"{text}, and the GET says {right[0].decode('latin-1')}", call)
    missing = [n.decode("latin-1") for n, v in get.headers if (n, v) not in answer.headers]
    want(not missing, f"{line} lacks a header of the GET: {', '.join(missing)}", call)
