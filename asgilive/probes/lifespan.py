"""Experiments with lifespan: each but the first on a server of its own, started for it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from asgilive.probes.http import BODY, START, read
from asgilive.probes.notes import Call, say
from asgilive.probes.scenario import NotHere, Unclear, scenario
from asgilive.probes.seen import Seen
from asgilive.probes.visit import Visit
from asgilive.recording import Receive, Scope, Send

PATIENCE = 6.0  # seconds that a server is given to stop, see running.py
STARTED: dict[str, Any] = {"type": "lifespan.startup.complete"}
STOPPED: dict[str, Any] = {"type": "lifespan.shutdown.complete"}

_mark: ContextVar[str] = ContextVar("mark", default="unset")


async def answer(receive: Receive, send: Send) -> None:
    """Answer a request."""
    await read(receive)
    await send(START | {"headers": [(b"content-length", b"5")]})
    await send(BODY)


@scenario()
async def life(scope: Scope, receive: Receive, send: Send) -> None:
    """The life of every server that has no experiment of its own for it."""
    await receive()
    if "state" in scope:
        scope["state"]["mark"] = "set"
    await send(STARTED)
    await receive()
    await send(STOPPED)


def _life(seen: Seen) -> Call:
    """The call of the lifespan. Raises NotHere where there was none."""
    if not seen.lives:
        raise NotHere("this server has no lifespan")
    return seen.lives[0]


def _requests(seen: Seen) -> list[Call]:
    found = [call for call in seen.calls if call.scope.get("type") == "http"]
    if not found:
        raise Unclear("no request reached the application")
    return found


def _when(call: Call, what: str, type: str) -> float:
    """When a message of this type was received, or its sending had ended."""
    for number, note in enumerate(call.notes):
        if note.what == what and (note.value or {}).get("type") == type:
            later = [n.t for n in call.notes[number:] if n.what in ("received", "sent")]
            return later[0] if later else float("inf")
    return float("inf")


# -- a whole life


@scenario(place="life")
async def whole_life(scope: Scope, receive: Receive, send: Send) -> None:
    """Start, keep something in the state, answer twice, take a moment to stop."""
    say("loop", id(asyncio.get_running_loop()))
    if scope["type"] == "lifespan":
        await receive()
        say("state", scope.get("state"))
        _mark.set("set in start-up")
        if "state" in scope:
            scope["state"].update(number=1, items=["start"])
        await send(STARTED)
        await receive()
        await asyncio.sleep(0.4)
        await send(STOPPED)
        say("over", True)
        return
    say("mark", _mark.get())
    state = scope.get("state")
    say("state", state)
    if state is not None:
        state["number"] = state.get("number", 0) + 1
        state.setdefault("items", []).append("request")
    await answer(receive, send)


@whole_life.client
async def _(visit: Visit) -> None:
    await visit.get(rest="/one")
    await visit.get(rest="/two")


@whole_life.judge("L01")
def _(seen: Seen) -> bool | str:
    number = len(seen.lives)
    return number == 1 or f"the application is called {number} times for a lifespan"


@whole_life.judge("L03")
def _(seen: Seen) -> bool | str:
    loops = {call.said.get("loop") for call in (_life(seen), *_requests(seen))}
    return len(loops) == 1 or "lifespan and requests run on different loops"


@whole_life.judge("L04")
def _(seen: Seen) -> bool | str:
    kind = _life(seen).scope.get("type")
    return kind == "lifespan" or f"the type is {kind!r}"


@whole_life.judge("L05")
def _(seen: Seen) -> bool | str:
    version = (_life(seen).scope.get("asgi") or {}).get("version")
    return version in ("2.0", "2.1", "3.0") or f"asgi has the version {version!r}"


@whole_life.judge("L06")
def _(seen: Seen) -> bool | str:
    version = (_life(seen).scope.get("asgi") or {}).get("spec_version", "1.0")
    return version in ("1.0", "2.0") or f"spec_version is {version!r}, which lifespan never had"


def _state(seen: Seen) -> Any:
    if "state" not in _life(seen).scope:
        raise NotHere("this server has no state")
    return _life(seen).said.get("state")


@whole_life.judge("L07")
def _(seen: Seen) -> bool | str:
    state = _state(seen)
    return state == {} or f"before start-up the state is {state}"


@whole_life.judge("H19", "L18")
def _(seen: Seen) -> bool | str:
    _state(seen)
    first, *others = [call.said.get("state") for call in _requests(seen)]
    if not others or first is None or others[0] is None:
        return f"the requests find the states {[first, *others]}"
    if first.get("number") != 1 or others[0].get("number") != 1:
        return f"number is {others[0].get('number')} in the second request: it is no copy"
    shared = others[0].get("items") == ["start", "request"]
    return shared or f"items are {others[0].get('items')}: the copy is deep"


@whole_life.judge("L19")
def _(seen: Seen) -> bool | str:
    _state(seen)
    found = _requests(seen)[0].said.get("state") or {}
    odd = set(found) - {"number", "items"}
    return not odd or f"the state has a key that nobody set: {odd}"


@whole_life.judge("L15")
def _(seen: Seen) -> bool | str:
    over = _life(seen).said.get("over")
    return over is True or "the server ended before the application said that it had shut down"


@whole_life.judge("L21")
def _(seen: Seen) -> bool | str:
    _life(seen)
    mark = _requests(seen)[0].said.get("mark")
    return mark == "unset" or f"a context variable of start-up reaches a request: {mark!r}"


# -- starting


@scenario(place="life")
async def slow_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Take a second to start; a client is at the door from the first moment on."""
    if scope["type"] != "lifespan":
        return await answer(receive, send)
    await receive()
    await asyncio.sleep(1.0)
    await send(STARTED)
    await receive()
    await send(STOPPED)


@slow_start.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    await connection.write(visit.request())
    await connection.reply(wait=5.0)


@slow_start.judge("L10")
def _(seen: Seen) -> bool | str:
    asked = _when(_life(seen), "received", "lifespan.startup")
    return asked < _requests(seen)[0].notes[0].t or "a request came before lifespan.startup"


@slow_start.judge("L11")
def _(seen: Seen) -> bool | str:
    ready = _when(_life(seen), "sending", "lifespan.startup.complete")
    before = _requests(seen)[0].notes[0].t < ready
    return not before or "a request came before the application said that it had started"


@scenario(place="life")
async def raises_at_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise in the lifespan, and answer requests."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    await answer(receive, send)


@raises_at_start.client
async def _(visit: Visit) -> None:
    await visit.get()


@raises_at_start.judge("L08")
def _(seen: Seen) -> bool | str:
    _life(seen)
    if "start" in seen.said:
        return f"the server does not start: {seen.said['start']}"
    return seen.reply.body == b"hello" or "the server does not answer"


@scenario(place="life")
async def refuses_to_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that start-up failed, and why."""
    if scope["type"] != "lifespan":
        return await answer(receive, send)
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database today"})


@refuses_to_start.client
async def _(visit: Visit) -> None:
    await asyncio.sleep(0.5)
    await visit.get()


@refuses_to_start.judge("L12")
def _(seen: Seen) -> bool | str:
    _life(seen)
    if "start" not in seen.said and not seen.said.get("stopped itself"):
        return "the server goes on after lifespan.startup.failed"
    words = [*seen.log, str(seen.said.get("start", ""))]
    return any("no database today" in word for word in words) or "the log lacks the message"


# -- stopping


@scenario(place="life", patience=0.0)
async def stops_amid(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer slowly, while the server is asked to stop."""
    if scope["type"] == "lifespan":
        await receive()
        await send(STARTED)
        await receive()
        await send(STOPPED)
        return
    if scope["path"].endswith("/slow"):
        await asyncio.sleep(1.0)
    await answer(receive, send)


@stops_amid.client
async def _(visit: Visit) -> None:
    await visit.get()  # now the application is there
    connection = await visit.dial()
    await connection.write(visit.request(rest="/slow"))
    await asyncio.sleep(0.4)


@stops_amid.judge("L14")
def _(seen: Seen) -> bool | str:
    told = _when(_life(seen), "received", "lifespan.shutdown")
    if told == float("inf"):
        return "lifespan.shutdown never came"
    last = _requests(seen)[-1].notes[-1].t
    return last <= told or "lifespan.shutdown came while a request was still answered"


@scenario(place="life")
async def fails_to_stop(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that shutdown failed, and why."""
    if scope["type"] != "lifespan":
        return await answer(receive, send)
    await receive()
    await send(STARTED)
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "the disk is full today"})


@fails_to_stop.client
async def _(visit: Visit) -> None:
    await visit.get()


@fails_to_stop.judge("L16")
def _(seen: Seen) -> bool | str:
    _life(seen)
    if seen.said.get("down", PATIENCE) >= PATIENCE:
        return "the server does not end after lifespan.shutdown.failed"
    return any("the disk is full today" in line for line in seen.log) or "the log lacks the message"


@scenario(place="workers", patience=2.0)
async def two_lives(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, on a server with two workers; their lives are noted."""
    await answer(receive, send)


@two_lives.client
async def _(visit: Visit) -> None:
    await asyncio.sleep(1.5)
    await visit.get()


@two_lives.judge("L02")
def _(seen: Seen) -> bool | str:
    _life(seen)
    processes = {call.notes[0].call.partition(".")[0] for call in seen.lives}
    return len(processes) == 2 or f"two workers, and {len(processes)} of them asked to start"
