"""Experiments with HTTP/1.1: the scope, the request, the response."""

from __future__ import annotations

from asgilive.probes.scenario import scenario
from asgilive.probes.seen import Seen
from asgilive.recording import Receive, Scope, Send


@scenario()
async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the request, answer."""
    await receive()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello"})


@answer.judge("H01")
def _(seen: Seen) -> bool | str:
    return seen.scope["type"] == "http" or f"the type is {seen.scope['type']!r}"
