"""Chapter 1, One callable, served: a request as bytes, a port, a kept connection, the parts.

The first and the third serve an application of their own and really send the reader's bytes.
Where those are refused, the sentence comes from reading them here: a server's 400 names no line.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from asgilive.checks import exercise, want
from asgilive.clients import Reply, raw
from asgilive.recording import Conversation, Receive, Scope, Send
from asgilive.serving import Site, serve

_CRLF = b"\r\n"
_END = b"\r\n\r\n"


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body, and answer 200."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"5"), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello"})


async def _send(data: bytes) -> tuple[Reply, Conversation]:
    """Send the bytes to uvicorn on h11, on one connection."""
    async with serve(_hello, record=True, http="h11") as site:
        reply = await raw(site, data)
        assert site.conversation is not None
        return reply, site.conversation


# -- 1.1


@exercise(
    "1.1",
    "Write the request that yields 200",
    your="code",
    hints=(
        "A request is lines of text as bytes: one request line, then header lines, then an empty"
        " line. Each ends with `\\r\\n`.",
        "The request line has three parts with a space between: a method, a target that begins"
        " with `/`, and `HTTP/1.1`. One header line is required: which server is meant?",
        'Compare with `b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"`: count the `\\r\\n` at its end.',
    ),
)
async def request(data: bytes) -> None:
    """The bytes are one whole request, and a real server answers it with 200."""
    _judge_bytes(data)
    reply, seen = await _send(data)
    trouble = _trouble(data) or _body_trouble(data)
    want(trouble is None, str(trouble), seen)
    count = len(reply.replies)
    want(count < 2, f"{count} answers came back: these are {count} requests, write one", seen)
    want(reply.status == 200, _said(reply), seen)


def _judge_bytes(data: Any) -> None:
    want(not isinstance(data, str), 'this is text: a socket carries bytes, write `b"…"`')
    want(isinstance(data, bytes | bytearray), f"a {type(data).__name__} is not bytes")
    want(data, "there are no bytes yet: the server has nothing to answer")


def _trouble(data: bytes) -> str | None:
    """What is wrong with the first head in the bytes, as one sentence; None for nothing."""
    if rb"\r" in data or rb"\n" in data:
        return "the bytes hold a backslash and a letter: take the `r` away from before the quotes"
    if re.search(rb"(?<!\r)\n", data.partition(_END)[0]):
        return "a line ends with `\\n` alone: h11 lets that pass, HTTP asks for `\\r\\n`"
    if data.startswith(_CRLF):
        return "an empty line stands before the request line"
    first, *lines = data.partition(_END)[0].split(_CRLF)
    return _line_trouble(first) or _end_trouble(data) or _header_trouble(first, lines)


def _line_trouble(line: bytes) -> str | None:
    """What is wrong with a request line."""
    parts = line.split(b" ")
    if line.startswith(b"HTTP/"):
        return "this is an answer: a request begins with a method, such as GET"
    if len(parts) != 3:
        parted = f"the first line has {len(parts)} part{'s' * (len(parts) != 1)} between spaces"
        return f"{parted}, and needs three: method, target, version"
    method, target, version = parts
    if not re.fullmatch(rb"HTTP/1\.[01]", version):
        return f"the first line ends with {version!r}, where the version stands: `HTTP/1.1`"
    if method != method.upper():
        return f"a method is written in capitals: `{_show(method.upper())}`"
    if not re.match(rb"/|https?://|\*$", target):
        return f"the target {target!r} does not begin with a slash"
    return None


def _end_trouble(data: bytes) -> str | None:
    if _END in data:
        return None
    return "the head does not end: behind its last line comes an empty one, so the server waits"


def _header_trouble(first: bytes, lines: list[bytes]) -> str | None:
    """What is wrong with the header lines."""
    for number, line in enumerate(lines, 2):
        if not re.match(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:", line):
            return f"line {number}, {line!r}, is no header: that is a name, a colon, a value"
    if first.endswith(b"1.1") and _value(lines, b"host") is None:
        return "there is no Host line, and HTTP/1.1 asks for one: the server says 400"
    return None


def _body_trouble(data: bytes) -> str | None:
    """What is wrong behind the head of the only request."""
    head, _, rest = data.partition(_END)
    lines = head.split(_CRLF)[1:]
    if _value(lines, b"transfer-encoding"):
        return None
    said = _value(lines, b"content-length")
    if said is None and rest.strip(_CRLF) and not _begins_request(rest):
        return f"{len(rest)} bytes follow the head, and no Content-Length announces them"
    if said is not None and said.isdigit() and int(said) > len(rest):
        return f"Content-Length announces {int(said)} bytes and {len(rest)} came: the server waits"
    return None


def _said(reply: Reply) -> str:
    """What the server answered instead."""
    if not reply.replies:
        return f"no answer came: the connection ended {reply.ended}"
    return f"the server answered {_show(reply.replies[-1].line)}: {reply.text[:80]}"


def _value(lines: list[bytes], name: bytes) -> bytes | None:
    pairs = [line.partition(b":") for line in lines]
    return next((value.strip() for key, _, value in pairs if key.lower() == name), None)


def _begins_request(data: bytes) -> bool:
    return re.match(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) ", data) is not None


def _show(data: bytes) -> str:
    return data.decode("latin-1")


# -- 1.2


@exercise(
    "1.2",
    "Find the port, and stop the server",
    your="code",
    hints=(
        "The card of the site shows its address. The port is the number behind the last colon.",
        "`site.port` is that number. To stop the server is one more method of the site.",
        "`await site.stop()`: without `await` nothing runs, and the server goes on.",
    ),
)
async def stopped(site: Site, port: int) -> None:
    """That was its port; now nothing answers there, and the server is gone."""
    want(isinstance(site, Site), f"first comes the site, and this is a {type(site).__name__}")
    whole = isinstance(port, int) and not isinstance(port, bool)
    want(whole, f"a port is a whole number, and yours is {port!r}", site)
    want(port == site.port, f"{port} is not where this site listens: look at its address", site)
    answers = await _answers(port)
    want(not answers, f"port {port} still answers: the server has not stopped", site)
    want(not site.running, f"port {port} is closed, and the server's thread is still there", site)


async def _answers(port: int) -> bool:
    opening = asyncio.ensure_future(asyncio.open_connection("127.0.0.1", port))
    await asyncio.wait({opening})
    if opening.exception() is not None:
        return False
    opening.result()[1].close()
    await asyncio.sleep(0)  # asyncio closes the socket in its next step
    return True


# -- 1.3


@exercise(
    "1.3",
    "Two answers on one socket",
    your="code",
    hints=(
        "Write two requests into one run of bytes: the second begins where the first ends.",
        "The first ends with its body, and behind a body stands no empty line: only"
        " `Content-Length` says where it ends.",
        'The first: `b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\nAda"`.'
        " The second is a GET as in exercise 1.1, put behind it with `+`.",
    ),
)
async def keep_alive(data: bytes) -> None:
    """A request with a body and one more, on one connection, are both answered with 200."""
    _judge_bytes(data)
    reply, seen = await _send(data)
    trouble = _trouble(data) or _kept_trouble(data)
    want(trouble is None, str(trouble), seen)
    statuses = [answer.status for answer in reply.replies]
    want(len(statuses) < 3, f"{len(statuses)} answers came back: two were asked for", seen)
    want(statuses != [200], "one answer came back: put a second request behind the first", seen)
    want(statuses == [200, 200], _said(reply), seen)
    body = _body(seen)
    want(body, "the first request has no body: send a POST with one", seen)
    want(
        body == b"Ada",
        f"the first body is {body!r}: Content-Length measures {len(body)} bytes,"
        " and `Ada` has three",
        seen,
    )


def _kept_trouble(data: bytes) -> str | None:
    """What keeps two requests in these bytes from two answers."""
    head, _, rest = data.partition(_END)
    first, *lines = head.split(_CRLF)
    if _closes(first, lines):
        return "the first request makes the server close the connection behind its answer"
    if _value(lines, b"transfer-encoding"):
        return None
    size = _value(lines, b"content-length")
    if size is None:
        return _unmeasured(rest)
    if not size.isdigit():
        return f"Content-Length is {size!r}, and should be a number of bytes"
    return _measured(rest[: int(size)], rest[int(size) :], int(size))


def _closes(first: bytes, lines: list[bytes]) -> bool:
    """Whether the server closes behind its answer; h11 does so for every HTTP/1.0."""
    return (_value(lines, b"connection") or b"").lower() == b"close" or first.endswith(b"1.0")


def _unmeasured(rest: bytes) -> str | None:
    """A first request without Content-Length, and what stands behind its head."""
    if not rest:
        return "there is one request in your bytes: put another behind it"
    if _begins_request(rest):
        return "the first request has no body: send a POST with one"
    return "no Content-Length says where the first body ends: the server takes it for a request"


def _measured(body: bytes, after: bytes, size: int) -> str | None:
    """The first body as Content-Length measures it, and what stands behind that."""
    if re.search(rb" HTTP/1\.", body):
        return f"Content-Length is {size}: so the second request is read as part of the body"
    if len(body) < size:
        return f"Content-Length is {size} and {len(body)} bytes follow: the server waits"
    if not after.strip(_CRLF):
        return "there is one request in your bytes: put another behind it"
    if after.startswith(_CRLF):
        return "an empty line stands behind the first body: only a head ends with one"
    if not _begins_request(after):
        return f"Content-Length is {size}: so the second request begins with {after[:12]!r}"
    trouble = _trouble(after)
    return f"in the second request, {trouble}" if trouble else None


def _body(seen: Conversation) -> bytes:
    first = next(call for call in seen.calls if call.scope["type"] == "http")
    return b"".join(message.get("body", b"") for message in first.received)


# -- 1.4

#: The six statements, each with its part and with what tells it from the others.
STATEMENTS = (
    ("It has an IP address.", "machine", "everything that runs on it shares that address"),
    ("It came with `pip install uvicorn`.", "program", "it lies on the disk and runs nothing yet"),
    ("It has a pid, and its memory is gone when it ends.", "process", "a pid is for what runs"),
    ("It listens on a port.", "socket", "the system knows it by the port it is bound to"),
    ("It is called once for each request.", "app", "it never sees a byte of HTTP"),
    ("Its file stays when nothing runs.", "program", "a file is there whether it runs or not"),
)
_WORDS = ("machine", "program", "process", "socket", "app")
_SAME = {"application": "app", "computer": "machine", "host": "machine"}


@exercise(
    "1.4",
    "Name the part",
    your="code",
    hints=(
        f"There are five words, and one of them is right twice: {', '.join(_WORDS)}.",
        "A program is a file. A process is that file running, with memory and a pid. A machine"
        " runs many processes.",
        "A socket belongs to a process and carries bytes. The app is a callable in the process:"
        " the server calls it, and bytes never reach it.",
    ),
)
async def parts(answers: Sequence[str] | Mapping[int, str]) -> None:
    """Six statements, and each has its part: machine, program, process, socket and app."""
    given = _in_order(answers)
    for number, (said, (_, part, why)) in enumerate(zip(given, STATEMENTS, strict=True), 1):
        word = _word(said)
        want(word, f"statement {number} has no answer yet")
        want(word != "server", _two_servers(number))
        want(word in _WORDS, f"statement {number}: {said!r} is none of {', '.join(_WORDS)}")
        want(word == part, f"statement {number} is not about the {word}: {why}")


def _in_order(answers: Any) -> list[Any]:
    """Six answers, from a list or from a dict by number."""
    if isinstance(answers, Mapping):
        return [answers.get(n, answers.get(str(n), "")) for n in range(1, len(STATEMENTS) + 1)]
    listed = isinstance(answers, Sequence) and not isinstance(answers, str)
    want(listed, "give a list of six words, in the order of the statements")
    text = f"there are {len(STATEMENTS)} statements, and you gave {len(answers)} words"
    want(len(answers) == len(STATEMENTS), text)
    return list(answers)


def _word(said: object) -> str:
    word = re.sub(r"^(a|an|the) ", "", str(said or "").strip().lower())
    return _SAME.get(word, word)


def _two_servers(number: int) -> str:
    return f"statement {number}: `server` can mean the machine or the program, so say which"
