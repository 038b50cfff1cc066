"""Experiments with extensions: what a server offers it must do, what it does it must offer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgilive.probes.http import BODY, START, read, request
from asgilive.probes.notes import say
from asgilive.probes.scenario import NotHere, scenario
from asgilive.probes.seen import Seen
from asgilive.probes.visit import Visit
from asgilive.probes.websocket_client import head, status, upgrade
from asgilive.recording import Receive, Scope, Send


def offered(seen: Seen, name: str) -> bool:
    """Whether the scope offers an extension."""
    return name in (seen.scope.get("extensions") or {})


def offers(name: str, works: Callable[[Seen], bool]) -> Callable[[Seen], bool | str]:
    """A judge: an extension is offered where it works, and nowhere else."""

    def judge(seen: Seen) -> bool | str:
        there, does = offered(seen, name), works(seen)
        if not there and not does:
            raise NotHere(f"{name} is not offered")
        if there and not does:
            return f"{name} is offered, and does not work"
        return there or f"{name} works, and is not offered"

    return judge


def where(name: str, judge: Callable[[Seen], bool | str]) -> Callable[[Seen], bool | str]:
    """A judge that decides only where an extension is offered."""

    def judged(seen: Seen) -> bool | str:
        if not offered(seen, name):
            raise NotHere(f"{name} is not offered")
        return judge(seen)

    return judged


# -- what the scope says


@request.judge("C27")
def _(seen: Seen) -> bool | str:
    extensions = seen.scope.get("extensions", {})
    fine = extensions is None or isinstance(extensions, dict)
    return fine or f"extensions is {extensions!r}"


@request.judge("C28")
def _(seen: Seen) -> bool | str:
    extensions = seen.scope.get("extensions") or {}
    if not extensions:
        raise NotHere("no extension is offered on HTTP/1.1")
    odd = [name for name, value in extensions.items() if not isinstance(value, dict)]
    return not odd or f"the value of {odd[0]} is {extensions[odd[0]]!r}"


@request.judge("T01")
def _(seen: Seen) -> bool | str:
    return not offered(seen, "tls") or "tls is offered on a connection without TLS"


@request.judge("X41")
def _(seen: Seen) -> bool | str:
    return not offered(seen, "http.response.debug") or "http.response.debug is offered"


# -- a refusal with a response of its own


@scenario()
async def denies(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake with a response."""
    await receive()
    start = {"type": "websocket.http.response.start", "status": 401}
    await send(start | {"headers": [(b"x-why", b"no badge")]})
    await send({"type": "websocket.http.response.body", "body": b"no "})
    await send({"type": "websocket.http.response.body", "body": b"entry", "more_body": False})


@denies.client
async def _(visit: Visit) -> None:
    connection = await upgrade(visit)
    await connection.rest(wait=1.0)


def _denied(seen: Seen) -> bool:
    return status(seen.wire) == 401


denies.judge("X01")(offers("websocket.http.response", _denied))


@scenario()
async def denies_in_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake with a response in two pieces."""
    await receive()
    start = {"type": "websocket.http.response.start", "status": 401}
    await send(start | {"headers": [(b"x-why", b"no badge")]})
    body = {"type": "websocket.http.response.body", "body": b"no ", "more_body": True}
    await send(body)
    await send(body | {"body": b"entry", "more_body": False})


@denies_in_pieces.client
async def _(visit: Visit) -> None:
    connection = await upgrade(visit)
    await connection.rest(wait=1.0)


def _whole(seen: Seen) -> bool | str:
    text = head(seen.wire).lower()
    if status(seen.wire) != 401 or b"x-why: no badge" not in text:
        return "the status and the headers of the app are not in the answer"
    body = seen.wire.received.partition(b"\r\n\r\n")[2]
    return (b"no " in body and b"entry" in body) or f"the body is {body!r}"


denies_in_pieces.judge("X04")(where("websocket.http.response", _whole))


# -- a file


_CONTENT = b"the content of a file\n"


def _file() -> Path:
    """A small file, which goes when the scenario is over."""
    handle, name = tempfile.mkstemp(prefix="asgilive-")
    os.write(handle, _CONTENT)
    os.close(handle)
    return Path(name)


def _sent(seen: Seen) -> bool:
    return seen.reply.body == _CONTENT and not seen.call.refused


@scenario()
async def path_send(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a file by its path."""
    await read(receive)
    file = _file()
    try:
        await send(START)
        await send({"type": "http.response.pathsend", "path": str(file)})
    finally:
        say("read", True)
        _forget(file)


def _forget(file: Path) -> None:
    """Remove a file a little later: a server may still read it."""
    import threading

    timer = threading.Timer(2.0, lambda: file.unlink(missing_ok=True))
    timer.daemon = True
    timer.start()


path_send.judge("X22")(offers("http.response.pathsend", _sent))


@scenario()
async def zero_copy(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a file by its number, and leave out what has a default."""
    await read(receive)
    file = _file()
    try:
        with file.open("rb") as opened:
            await send(START | {"headers": [(b"content-length", b"%d" % len(_CONTENT))]})
            await send({"type": "http.response.zerocopysend", "file": opened.fileno()})
    finally:
        file.unlink()


zero_copy.judge("X13")(offers("http.response.zerocopysend", _sent))
zero_copy.judge("X20")(
    where("http.response.zerocopysend", lambda seen: _sent(seen) or "the answer is not complete")
)


# -- hints and trailers


@scenario()
async def early_hint(scope: Scope, receive: Receive, send: Send) -> None:
    """Give a hint, and answer."""
    await read(receive)
    hint = {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]}
    await send(START)
    await send(hint)
    await send(BODY)


def _hinted(seen: Seen) -> bool:
    return b" 103 " in seen.wire.received.partition(b"\r\n")[0]


early_hint.judge("X28")(offers("http.response.early_hint", _hinted))
early_hint.judge("X31")(
    where(
        "http.response.early_hint",
        lambda seen: b"</style.css>" in seen.wire.received or "no 103 with the link came",
    )
)


@early_hint.judge("X32")
def _(seen: Seen) -> bool | str:
    body = seen.reply.body
    if seen.call.refused:
        raise NotHere("http.response.early_hint is not offered, and refused")
    return body == b"hello" or f"with a hint before it the answer is {body!r}"


@scenario()
async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
    """Promise a trailer in the start, and send two behind the body."""
    await read(receive)
    await send(START | {"headers": [(b"trailer", b"x-sum")], "trailers": True})
    await send(BODY)
    headers = [(b"x-sum", b"1"), (b"x-other", b"2")]
    await send({"type": "http.response.trailers", "headers": headers})


@trailers.client
async def _(visit: Visit) -> None:
    await visit.get(b"TE: trailers")
    await visit.get()


def _trailed(seen: Seen) -> bool:
    return b"x-sum: 1" in seen.wire.received.lower()


trailers.judge("X33")(offers("http.response.trailers", _trailed))


def _waited(seen: Seen) -> bool | str:
    refused = [message["type"] for message, _ in seen.call.refused]
    if "http.response.trailers" in refused:
        return "http.response.trailers is refused after the body"
    return _trailed(seen) or "the trailers did not come"


trailers.judge("H45", "X39")(where("http.response.trailers", _waited))
trailers.judge("X37")(
    where(
        "http.response.trailers",
        lambda seen: b"x-other: 2" in seen.wire.received.lower() or "an unannounced one is lost",
    )
)
trailers.judge("X40")(
    where(
        "http.response.trailers",
        lambda seen: (
            b"x-sum: 1" not in seen.wires[1].received.lower()
            or "trailers are sent to a client that did not ask"
        ),
    )
)


# -- TLS


@scenario(place="tls")
async def secure(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer over TLS."""
    await read(receive)
    await send(START)
    await send(BODY)


@secure.client
async def _(visit: Visit) -> None:
    await visit.get()


@secure.judge("H05")
def _(seen: Seen) -> bool | str:
    scheme = seen.scope.get("scheme", "http")
    return scheme == "https" or f"over TLS the scheme is {scheme!r}"


def _tls(seen: Seen) -> dict[str, Any]:
    found: dict[str, Any] = (seen.scope.get("extensions") or {})["tls"]
    return found


def tls(judge: Callable[[Any], bool | str]) -> Callable[[Seen], bool | str]:
    """A judge of the tls extension, where it is offered."""
    return where("tls", lambda seen: judge(_tls(seen)))


def _is(kinds: tuple[type, ...], key: str, *, must: bool) -> Callable[[Any], bool | str]:
    def judge(found: Any) -> bool | str:
        if key not in found:
            return not must or f"tls has no {key}"
        return isinstance(found[key], kinds) or f"{key} is {found[key]!r}"

    return judge


NONE = type(None)

secure.judge("T02")(tls(lambda found: isinstance(found, dict) or f"tls is {found!r}"))
secure.judge("T03")(tls(_is((str, NONE), "server_cert", must=True)))
secure.judge("T04")(tls(_is((list, tuple), "client_cert_chain", must=False)))
secure.judge("T06")(tls(_is((str, NONE), "client_cert_name", must=False)))
secure.judge("T09")(tls(_is((str, NONE), "client_cert_error", must=False)))
secure.judge("T10")(tls(_is((int, NONE), "tls_version", must=True)))
secure.judge("T11")(tls(_is((int, NONE), "cipher_suite", must=True)))


@secure.judge("T12")
def _(seen: Seen) -> bool | str:
    return seen.scope["type"] == "http" or f"over TLS the type is {seen.scope['type']!r}"
