"""For every statement that the experiments with extensions and TLS decide: a server that breaks it.

The server is uvicorn with extensions of its own around it, made by the fault: what they promise
and what they do can differ then. TLS is said, and not spoken, for what only the scope tells.
"""

from __future__ import annotations

from typing import Any

from planting import Fault, call, scope

from asgilive.recording import App, Receive, Scope, Send

DENIAL = "websocket.http.response"
PATH, ZERO = "http.response.pathsend", "http.response.zerocopysend"
HINT, TRAILERS = "http.response.early_hint", "http.response.trailers"


def says(name: str, value: Any = None, of: str = "http") -> Fault:
    """An extension is offered, whatever the server does."""
    return scope(of, extensions={name: {} if value is None else value})


def hides(of: str = "websocket") -> Fault:
    """What works is not offered."""
    return scope(of, extensions={})


async def cut_denial(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The status of a denial is the server's, and its headers are lost."""

    async def changed(message: Any) -> None:
        if message["type"] == f"{DENIAL}.start":
            message = message | {"status": 403, "headers": []}
        await send(message)

    await app(scope, receive, changed)


async def swallowing(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Every extension is offered, and what it sends is dropped."""
    if scope["type"] == "http":
        scope = dict(scope, extensions={name: {} for name in (ZERO, HINT, TRAILERS)})

    async def taken(message: Any) -> None:
        if message["type"] not in (ZERO, HINT, TRAILERS):
            await send({key: value for key, value in message.items() if key != "trailers"})

    await app(scope, receive, taken)


async def always_trailing(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Trailers go to everybody, and as headers of the start, all of them."""
    if scope["type"] != "http":
        return await app(scope, receive, send)
    scope = dict(scope, extensions={TRAILERS: {}})
    sum_of: list[tuple[bytes, bytes]] = [(b"x-sum", b"1")]

    async def taken(message: Any) -> None:
        if message["type"] == "http.response.start" and message.get("trailers"):
            message = message | {"headers": [*message["headers"], *sum_of], "trailers": False}
        if message["type"] != TRAILERS:
            await send(message)

    await app(scope, receive, taken)


async def hint_spoils(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A hint is taken, and the answer lost."""
    hinted: list[bool] = []

    async def taken(message: Any) -> None:
        if message["type"] == HINT:
            hinted.append(True)
        elif not hinted:
            await send(message)
        elif message["type"] == "http.response.body":
            await send({"type": "http.response.body", "body": b""})

    await app(scope, receive, taken)


def tls(**found: Any) -> Fault:
    return says("tls", found)


CERTIFIED: dict[str, Any] = {"server_cert": None, "tls_version": None, "cipher_suite": None}

FAULTS: dict[str, Fault] = {
    "C27": scope(extensions=["http.response.pathsend"]),
    "C28": scope(extensions={"http.response.pathsend": True}),
    "T01": tls(**CERTIFIED),
    "X01": hides(),
    "X04": call(cut_denial),
    "X13": says(ZERO),
    "X20": call(swallowing),
    "X22": says(PATH),
    "X28": says(HINT),
    "X31": call(swallowing),
    "X32": call(hint_spoils),
    "X33": says(TRAILERS),
    "H45": call(swallowing),
    "X37": call(always_trailing),
    "X39": call(swallowing),
    "X40": call(always_trailing),
    "X41": says("http.response.debug"),
}
