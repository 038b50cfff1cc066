"""Chapter 9, WebSockets from the handshake up: masks, frames, an echo, a protocol, endings.

Apps are called in memory, where the table of `asgilive.rules` is their first judge; in one of two
ways a message has both keys, as some servers give them. 9.6 serves ten endings on uvicorn, so that
what is right comes from the wire and not from this file.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from asgilive import rules, wire
from asgilive.checks import Wrong, exercise, raised, want
from asgilive.exercises.asking import watch
from asgilive.recording import App, Call, Message, Receive, Scope, Send, describe
from asgilive.serving import serve

_CONNECT: Message = {"type": "websocket.connect"}
_GONE: Message = {"type": "websocket.disconnect", "code": 1001, "reason": ""}


# -- 9.1

_KEY = b"\x37\xfa\x21\x3d"  # of RFC 6455, section 5.7


@exercise(
    "9.1",
    "Mask",
    your="function",
    hints=(
        "`enumerate(payload)` gives each byte, a number, with its place: 0, 1, 2 and so on.",
        "`key[n % 4]` is the byte of the key whose turn it is at place `n`; `^` is XOR.",
        "`bytes(…)` makes bytes of numbers: `bytes(byte ^ key[n % 4] for n, byte in"
        " enumerate(payload))`.",
    ),
)
async def mask(mask: Callable[[bytes, bytes], bytes]) -> None:
    """Each byte is XORed with the byte of the key whose turn it is, and twice gives it back."""
    for payload in (b"Hello", b"", b"four", b"\xff\x00\x80", b"x" * 1000):
        made = _called(mask, payload, _KEY)
        given = f"mask({payload[:8]!r}, key)"
        want(isinstance(made, bytes | bytearray), f"{given} gives {made!r:.60}, and not bytes")
        text = f"{given} gives {len(made)} bytes, and the payload has {len(payload)}"
        want(len(made) == len(payload), text)
        right = wire.unmask(payload, _KEY)
        place = next((n for n in range(len(right)) if made[n] != right[n]), 0)
        text = f"{given} is wrong at place {place}: there the key has {_KEY[place % 4]:#04x}"
        want(bytes(made) == right, text)
    other = _called(mask, b"Hello", bytes(4))
    want(other == b"Hello", f"a key of zeros changes nothing, and yours gives {other!r:.60}")


def _called(function: Any, *arguments: Any) -> Any:
    """What the reader's function gives. Raises Wrong for what is none, and for what it raises."""
    want(callable(function), f"`{function!r:.60}` is no function")
    try:
        made = function(*arguments)
    except Exception as error:
        raise Wrong(raised("function", error)) from error
    if inspect.iscoroutine(made):
        made.close()
        raise Wrong("your function is an `async def`, so calling it runs nothing: write `def`")
    return made


# -- 9.2

# FIN, opcode, payload, and whether it is masked.
_FRAMES: tuple[tuple[bool, int, bytes, bool], ...] = (
    (True, 1, b"Hello", False),
    (True, 1, b"Hello", True),
    (False, 2, b"\x00\xff", True),
    (True, 9, b"", True),
    (True, 1, b"x" * 125, True),
    (True, 2, bytes(range(126)), False),
    (False, 0, b"y" * 300, True),
    (True, 2, bytes(65_536), False),
)


@exercise(
    "9.2",
    "Parse a frame",
    your="function",
    hints=(
        "Two bytes are always there: `data[0] & 15` is the opcode, `data[0] & 128` is FIN,"
        " `data[1] & 128` is MASK, `data[1] & 127` the length or a sign.",
        "126: the length is `int.from_bytes(data[2:4], 'big')`; 127: of `data[2:10]`. A key of"
        " four bytes follows if MASK is set, then the payload.",
        "Before each step ask whether so many bytes are there at all, and return None if not."
        " `data[end:]` is what stands behind the frame.",
    ),
)
async def frame_parser(parse: Callable[[bytes], Any]) -> None:
    """Every length, with and without a mask: four things for a whole frame, None for a part."""
    for fin, opcode, payload, masked in _FRAMES:
        data = _framed(fin, opcode, payload, masked)
        name = f"a frame of {len(payload)} bytes{', masked' if masked else ''}"
        for rest in (b"", b"\x81\x00"):
            _judge_parsed(_called(parse, data + rest), (fin, opcode, payload, rest), name)
        for size in _short(len(data)):
            made = _called(parse, data[:size])
            text = f"of {name} the first {size} bytes are there, and yours gives {made!r:.60}"
            want(made is None, f"{text}, not None")


def _framed(fin: bool, opcode: int, payload: bytes, masked: bool) -> bytes:
    size, mark = len(payload), 128 * masked
    short = size if size < 126 else 126 if size < 65_536 else 127
    long = size.to_bytes({126: 2, 127: 8}.get(short, 1), "big") if short > 125 else b""
    head = bytes([128 * fin | opcode, mark | short]) + long
    return head + (_KEY + wire.unmask(payload, _KEY) if masked else payload)


def _short(size: int) -> Iterator[int]:
    """Sizes of beginnings: all that end in the head, and the longest."""
    yield from range(min(size, 14))
    yield size - 1


def _judge_parsed(made: Any, right: tuple[bool, int, bytes, bytes], name: str) -> None:
    want(made is not None, f"{name} is whole, and yours gives None")
    four = isinstance(made, tuple | list) and len(made) == 4
    want(four, f"{name} gives {made!r:.60}: return four things")
    fin, opcode, payload, rest = made
    want(bool(fin) == right[0], f"{name}: FIN is {right[0]}, and yours is {fin!r:.20}")
    want(opcode == right[1], f"{name}: the opcode is {right[1]}, and yours is {opcode!r:.20}")
    text = f"{name}: the payload is {right[2][:8]!r}…, and yours is {payload!r:.40}"
    want(isinstance(payload, bytes | bytearray) and payload == right[2], text)
    text = f"{name}: behind it stands {right[3]!r}, and yours is {rest!r:.40}"
    want(rest == right[3], text)


# -- talking to an application


async def _talk(app: App, *messages: Message, **more: Any) -> Call:
    """Connect, send messages, leave: the call, which has kept the rules. Raises Wrong."""
    scope = {"type": "websocket", **more}
    call, watched = await watch(app, scope, [_CONNECT, *messages, _GONE])
    want(not watched.forgotten, f"there is no `await` before {watched.forgotten}", call)
    if watched.error is not None:
        raise Wrong(raised("app", watched.error), call)
    walk = rules.Walk(call.scope)
    for entry in call.entries:
        if entry.what == "send":
            fault = walk.fault(entry.data)
            want(fault is None, f"{fault}", call)
        if entry.what in ("send", "receive") and entry.data:
            walk.step(entry.what, entry.data)
    end = walk.end()
    want(end is None, f"{end}", call)
    at = f" at {watched.place}" if watched.place else ""
    text = "the client has left, and your app still waits" if walk.gone else "your app waits"
    want(call.ended == "returned", f"{text}{at}", call)
    return call


def _said(value: str | bytes, *, both: bool) -> Message:
    """A message of the client; with `both` it has both keys, and one is None."""
    name = "text" if isinstance(value, str) else "bytes"
    empty = {"text": None, "bytes": None} if both else {}
    return {"type": "websocket.receive", **empty, name: value}


def _answers(call: Call) -> list[str | bytes]:
    """What the app sent to its client."""
    sent = [message for message in call.sent if message["type"] == "websocket.send"]
    return [m["text"] if m.get("text") is not None else m["bytes"] for m in sent]


async def _judge_others(app: App) -> None:
    """Scopes of other types are to be refused. Raises Wrong."""
    for kind in ("http", "lifespan"):
        call, watched = await watch(app, {"type": kind})
        text = f"your app takes a scope of the type `{kind}`: raise, before anything else"
        want(watched.error is not None and not call.entries[:-1], text, call)


# -- 9.3


@exercise(
    "9.3",
    "Echo",
    hints=(
        "Receive the `websocket.connect`, send `websocket.accept`, then receive in a loop while"
        " the type is `websocket.receive`.",
        'The other key may be missing, or be None: `message.get("text")` is None in both cases.'
        " An empty text is a text.",
        "`websocket.send` takes both keys as well, as long as one is None: hand on what"
        ' `message.get("text")` and `message.get("bytes")` give.',
    ),
)
async def ws_echo(app: App) -> None:
    """Text comes back as text, bytes as bytes, empty ones too; the call ends with the client."""
    await _judge_others(app)
    for both in (False, True):
        for value in ("hello", "", "€", b"\xff", b""):
            call = await _talk(app, _said(value, both=both))
            _judge_echo(_answers(call), [value], call)
    values: list[str | bytes] = ["one", b"two", "three"]
    call = await _talk(app, *(_said(value, both=False) for value in values))
    _judge_echo(_answers(call), values, call)


def _judge_echo(got: list[str | bytes], values: list[str | bytes], call: Call) -> None:
    sent = ", ".join(repr(value) for value in values)
    want(any(m["type"] == "websocket.accept" for m in call.sent), "your app never accepts", call)
    came = ", ".join(repr(value) for value in got) or "nothing"
    want(got == values, f"the client sends {sent}, and gets back {came:.100}", call)


# -- 9.4

_VERSION = "sum.1"

# What the client says, what it must get: an id and a sum, or an id and None for an error.
_ASKED: tuple[tuple[str, Any, float | None], ...] = (
    ('{"id": 7, "add": [1, 2]}', 7, 3),
    ('{"id": 0, "add": []}', 0, 0),
    ("not json", None, None),
    ('{"id": 8, "add": [1.5, -0.5]}', 8, 1.0),
    ('{"id": 9}', 9, None),
    ('{"id": 10, "add": ["a"]}', 10, None),
    ('{"id": 11, "add": 5}', 11, None),
    ("[1, 2]", None, None),
    ('"add"', None, None),
    ("null", None, None),
    ('{"add": [1]}', None, 1),
    ('{"id": "a", "add": [2, 2]}', "a", 4),
)


@exercise(
    "9.4",
    "A protocol with a version",
    hints=(
        'Look at `scope["subprotocols"]` before you accept; put the one you choose under'
        ' `"subprotocol"` in `websocket.accept`. To refuse, send `websocket.close` instead.',
        "Make the answer in a function of its own, and catch there what wrong questions raise:"
        " `json.loads` a ValueError, `sum` a TypeError, a list has no `get`.",
        'If `message.get("text")` is None the client has sent bytes: send `websocket.close` with'
        " the code 1003, and return.",
    ),
)
async def json_protocol(app: App) -> None:
    """Who offers sum.1 gets sums and errors, each with its id; bytes end it with 1003."""
    await _judge_others(app)
    for offered in ([], ["sum.2"], ["Sum.1", "sum"]):
        _judge_refused(await _talk(app, subprotocols=offered), offered)
    for offered in ([_VERSION], ["chat", _VERSION]):
        _judge_accepted(await _talk(app, subprotocols=offered), offered)
    for both in (False, True):
        said = [_said(text, both=both) for text, _, _ in _ASKED]
        call = await _talk(app, *said, subprotocols=[_VERSION])
        _judge_sums(_answers(call), call)
        bad = [_said(b"\x01", both=both), _said(_ASKED[0][0], both=both)]
        _judge_closed(await _talk(app, *bad, subprotocols=[_VERSION]))


def _judge_refused(call: Call, offered: list[str]) -> None:
    first = call.sent[0]["type"] if call.sent else "nothing"
    text = f"a client that offers {offered} gets `{first}`, and is to be refused"
    want(first != "websocket.accept", text, call)


def _judge_accepted(call: Call, offered: list[str]) -> None:
    first = call.sent[0] if call.sent else {}
    name = first.get("type", "nothing")
    want(name == "websocket.accept", f"a client that offers {offered} gets `{name}`", call)
    chosen = first.get("subprotocol")
    text = f"of {offered} your app chooses {chosen!r}: say {_VERSION!r} in `websocket.accept`"
    want(chosen == _VERSION, text, call)


def _judge_sums(got: list[str | bytes], call: Call) -> None:
    for number, (text, id, total) in enumerate(_ASKED):
        want(number < len(got), f"`{text}` gets no answer", call)
        answer = _read(got[number], text, call)
        want(answer.get("id") == id, f"`{text}` gets the id {answer.get('id')!r}, not {id!r}", call)
        if total is None:
            want(
                "error" in answer, f"`{text}` gets {answer!r:.60}: there is no `error` in it", call
            )
        else:
            text = f"`{text}` gets {answer!r:.60}, and should have the sum {total}"
            want("error" not in answer and answer.get("sum") == total, text, call)
    want(len(got) == len(_ASKED), f"{len(_ASKED)} questions get {len(got)} answers", call)


def _read(said: str | bytes, text: str, call: Call) -> dict[str, Any]:
    """An answer of the app. Raises Wrong for what is no object in JSON."""
    want(isinstance(said, str), f"`{text}` gets bytes: send JSON under `text`", call)
    found: Any = None
    with suppress(ValueError):
        found = json.loads(said)
    want(isinstance(found, dict), f"`{text}` gets {said!r:.60}, which is no object in JSON", call)
    return dict(found)


def _judge_closed(call: Call) -> None:
    last = call.sent[-1]
    text = f"bytes get `{last['type']}`, and not `websocket.close`"
    want(last["type"] == "websocket.close", text, call)
    code = last.get("code", 1000)
    want(code == 1003, f"bytes are answered with the code {code}, not 1003", call)


# -- 9.5

Visit = Callable[[], Awaitable[int]]
Sleep = Callable[[float], Awaitable[None]]

_MOST = 30.0  # seconds


class _Enough(BaseException):
    """Out of a loop that goes on: no Exception, which the reader's code may catch."""


class _Visits:
    """A server that is there or not: what each visit gives, and how long the client waited."""

    def __init__(self, *results: int | None) -> None:
        self.results = list(results)
        self.pauses: list[float] = []
        self.made = 0

    async def visit(self) -> int:
        """The next result; None stands for a server that does not answer."""
        self.made += 1
        if self.made > len(self.results):
            raise _Enough(f"a visit gave {self.results[-1]}, which was meant, and yours goes on")
        result = self.results[self.made - 1]
        if result is None:
            raise ConnectionRefusedError("nobody answers")
        return result

    async def sleep(self, seconds: float) -> None:
        """No time passes."""
        self.pauses.append(seconds)
        if len(self.pauses) > self.made:
            raise _Enough(f"{len(self.pauses)} pauses follow {self.made} visits: one each")

    async def run(self, keep: Callable[[Visit, Sleep], Awaitable[int]]) -> Any:
        """What the reader's code returns. Raises Wrong where it does not end as it should."""
        made = keep(self.visit, self.sleep)
        want(inspect.isawaitable(made), "your function is a plain `def`: write `async def`")
        try:
            return await made
        except _Enough as why:
            raise Wrong(str(why)) from None
        except ConnectionError as error:
            raise Wrong(f"nobody answers, and yours gives up: {describe(error)}") from None


@exercise(
    "9.5",
    "Come back, but not all at once",
    your="function",
    hints=(
        "A loop for ever: `try` a visit, return the code where somebody meant it, and `except"
        " ConnectionError` count a failure. Behind both, `await sleep(…)`.",
        "How many failures there were in a row: one more in the `except`, back to 0 when a visit"
        " gave a code. The most to wait is `min(30, 2 ** failures)`.",
        "`random.uniform(0, most)` is a random number between the two.",
    ),
)
async def come_back(keep: Callable[[Visit, Sleep], Awaitable[int]]) -> None:
    """It visits until an end was meant, and waits at random, longer after each failure."""
    want(callable(keep), f"`{keep!r:.60}` is no function")
    for meant in (1000, 4000, 4401, 4999):
        found = await _Visits(meant).run(keep)
        want(found == meant, f"a visit gave {meant}, and yours returns {found!r}")
    for other in (1001, 1006, 1011, 1012, 3000):
        visits = _Visits(other, 1000)
        await visits.run(keep)
        want(visits.made == 2, f"a visit gave {other}, which nobody meant, and yours gives up")
        want(visits.pauses, f"a visit gave {other}, and the next one follows without a pause")
    await _judge_pauses(keep, [None] * 8, " in a row")
    await _judge_pauses(keep, [None, None, None, 1006, None], "")
    await _judge_cancelled(keep)


async def _judge_pauses(keep: Any, results: list[int | None], how: str) -> None:
    """Many clients: none waits too long, and not all the same time."""
    waited: list[list[float]] = []
    for _ in range(60):
        visits = _Visits(*results, 1000)
        await visits.run(keep)
        text = f"{len(results)} visits without a good end have {len(visits.pauses)} pauses"
        want(len(visits.pauses) == len(results), text)
        waited.append(visits.pauses)
    failures = 0
    for place, result in enumerate(results):
        failures = failures + 1 if result is None else 0
        most = min(_MOST, 2.0**failures)
        times = [pauses[place] for pauses in waited]
        after = (
            f"after {failures} failure{'s' * (failures > 1)}{how}" if failures else "after a code"
        )
        text = f"{after} one client waits {max(times):.3g} s, and {most:g} s is the most"
        want(min(times) >= 0 and max(times) <= most, text)
        text = f"{after} all clients wait {times[0]:g} s, and come back at the same moment"
        want(len(set(times)) > 1, text)
        text = f"{after} no client of 60 waits more than {max(times):.3g} s: up to {most:g} s"
        want(max(times) > most / 2, text)


async def _judge_cancelled(keep: Any) -> None:
    """Whoever waits can be cancelled. Raises Wrong."""
    visits = _Visits(None, None, None, 1000)

    async def cancelled(seconds: float) -> None:
        raise asyncio.CancelledError

    visits.sleep = cancelled  # type: ignore[method-assign]
    try:
        await visits.run(keep)
    except asyncio.CancelledError:
        return
    raise Wrong("it was cancelled while it waited, and goes on: catch ConnectionError alone")


# -- 9.6

_LARGE = 17 * 2**20  # bytes; uvicorn takes 16 MiB

# Why each ends as it does, without the number.
WHY = (
    "a close without a code is the good end",
    "there was no close frame",
    "there was no close frame, and the client makes up a number for that",
    "there was no handshake, and so no place for a code",
    "there was no handshake; for HTTP this app would get the same status",
    "the number is for text that is none",
    "the number is for a broken protocol",
    "the number is for what is too large",
    "the server has a fault to tell: a time-out",
    "the number is for a server that will be back",
)


@exercise(
    "9.6",
    "Ten endings, ten numbers",
    your="list",
    within=20.0,
    hints=(
        "Where the app did not accept, the number is a status of HTTP: 403 for a refusal, 500 for"
        " an error.",
        "Without a close frame the client says 1006. Uvicorn writes none for an app that returns"
        " or raises.",
        "1000 a good end, 1002 a broken protocol, 1007 no UTF-8, 1009 too large, 1011 an error or"
        " no pong, 1012 a restart.",
    ),
)
async def endings(codes: Sequence[int]) -> None:
    """These are the numbers that a client of uvicorn gives, for all ten."""
    given = isinstance(codes, list | tuple)
    want(given, f"give a list of ten: this is a {type(codes).__name__}")
    want(len(codes) == len(WHY), f"there are ten endings, and the list has {len(codes)} entries")
    for place, code in enumerate(codes, 1):
        text = f"entry {place} is a {type(code).__name__}: a code is a number"
        want(isinstance(code, int) and not isinstance(code, bool), text)
    found = await _ten()
    for place, (code, right) in enumerate(zip(codes, found, strict=True)):
        want(code == right, f"ending {place + 1} is not {code}: {WHY[place]}")


async def _ten() -> list[int]:
    """The ten endings, each on uvicorn, as the client `websockets` tells them."""
    impatient = serve(_ending, ws="websockets-sansio", ws_ping_interval=0.2, ws_ping_timeout=0.2)
    async with serve(_ending, ws="websockets-sansio") as site, impatient as other:
        sites = [other if place == 9 else site for place in range(1, 10)]
        told = (_told(site.ws_url, place) for place, site in enumerate(sites, 1))
        first = await asyncio.gather(*told)
        accepted = asyncio.Event()
        last = asyncio.ensure_future(_told(site.ws_url, 10, accepted))
        await accepted.wait()
    return [*first, await last]


async def _told(url: str, place: int, accepted: asyncio.Event | None = None) -> int:
    """How a client's connection ends: the close code, or the status of a failed handshake."""
    import websockets

    try:
        async with websockets.connect(f"{url}/{place}", compression=None) as ws:
            if accepted:
                accepted.set()
            with suppress(websockets.ConnectionClosed):
                await _act(ws, place)
            await ws.wait_closed()
            return int(ws.close_code or 0)
    except websockets.InvalidStatus as refused:
        return int(refused.response.status_code)


async def _act(ws: Any, place: int) -> None:
    """What the client does to end it."""
    match place:
        case 6:
            await ws.send(b"\xff\xfe", text=True)
        case 7:
            ws.transport.write(b"\x81\x02hi")
        case 8:
            await ws.send(bytes(_LARGE))
        case 9:
            ws.transport.pause_reading()
            await asyncio.sleep(1)
            ws.transport.resume_reading()


async def _ending(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that ends as the path says."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    place = int(scope["path"][1:])
    await receive()
    if place == 4:
        await send({"type": "websocket.close", "code": 4001})
    elif place == 5:
        raise ValueError("on purpose")
    else:
        await send({"type": "websocket.accept"})
        await _after(place, receive, send)


async def _after(place: int, receive: Receive, send: Send) -> None:
    if place == 1:
        await send({"type": "websocket.close"})
    elif place == 3:
        raise ValueError("on purpose")
    elif place != 2:
        await receive()  # the end that the client or the server makes
