"""For every statement that the WebSocket experiments decide: a server that breaks it."""

from __future__ import annotations

import asyncio
from typing import Any

from planting import Fault, call, receive, scope, send, swallow

from asgilive.recording import App, Message, Receive, Scope, Send


def at(**changes: Any) -> Fault:
    return scope("websocket", **changes)


def got(change: Any) -> Fault:
    return receive(change, "websocket")


def said(change: Any) -> Fault:
    return send(change, "websocket")


async def pings_are_messages(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A server that leaves fragments to the application."""
    left: list[Message] = []

    async def pieces() -> Message:
        if left:
            return left.pop(0)
        message = await receive()
        text = message.get("text")
        if text and len(text) > 5:
            left.append(message | {"text": text[3:]})
            return message | {"text": text[:3]}
        return message

    await app(scope, pieces, send)


async def never_closes(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await app(scope, receive, send)
    except ValueError:
        await asyncio.sleep(6)


async def connect_is_late(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The handshake is completed at once, whatever the application says."""
    if scope["type"] != "websocket":
        return await app(scope, receive, send)
    await receive()
    await send({"type": "websocket.accept"})
    first = [{"type": "websocket.connect"}]

    async def given() -> Message:
        return first.pop() if first else await receive()

    async def taken(message: Message) -> None:
        if message["type"] != "websocket.accept":
            await send(message)

    await app(scope, given, taken)


async def refusal_of_its_own(message: Message, send: Send) -> None:
    if message["type"] == "websocket.close" and message.get("code") == 4001 and len(message) == 2:
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send(message)


def without(type: str, *keys: str) -> Fault:
    async def change(message: Message, send: Send) -> None:
        if message["type"] == type:
            message = {key: value for key, value in message.items() if key not in keys}
        await send(message)

    return said(change)


def closing_with(code: int) -> Fault:
    async def change(message: Message, send: Send) -> None:
        if message["type"] == "websocket.close" and "code" not in message:
            message = message | {"code": code}
        await send(message)

    return said(change)


def both(message: Message) -> Message:
    if message["type"] == "websocket.receive":
        message = {"type": "websocket.receive", "text": "", "bytes": b""} | {
            key: value for key, value in message.items() if value is not None
        }
    return message


def all_bytes(message: Message) -> Message:
    if message.get("text") is not None:
        return {"type": message["type"], "bytes": message["text"].encode(), "text": None}
    return message


def other_end(message: Message) -> Message:
    if message["type"] == "websocket.disconnect":
        return {"type": "websocket.receive", "text": "gone"}
    return message


def ended(**changes: Any) -> Fault:
    def change(message: Message) -> Message:
        return message | changes if message["type"] == "websocket.disconnect" else message

    return got(change)


def first(type: str) -> Fault:
    def change(message: Message) -> Message:
        return message | {"type": type} if message["type"] == "websocket.connect" else message

    return got(change)


FAULTS: dict[str, Fault] = {
    "W03": call(pings_are_messages),
    "W04": at(type="ws"),
    "W05": call(never_closes),
    "W06": at(http_version="1.0"),
    "W07": at(scheme="http"),
    "W08": at(path=lambda path: path.replace(" ", "%20").replace("€", "%E2%82%AC")),
    "W09": at(raw_path=lambda raw: raw.lower()),
    "W10": at(query_string=b"q= x"),
    "W11": at(root_path="/"),
    "W12": at(headers=lambda pairs: [(name.upper(), value) for name, value in pairs]),
    "W14": at(client=lambda pair: (pair[0], str(pair[1]))),
    "W15": at(server=lambda pair: (pair[0], str(pair[1]))),
    "W16": at(subprotocols=["chat, v2"]),
    "W17": at(state={}),
    "W18": first("websocket.receive"),
    "W20": call(connect_is_late),
    "W21": said(refusal_of_its_own),
    "W22": without("websocket.accept", "subprotocol"),
    "W23": without("websocket.accept", "headers"),
    "W26": got(both),
    "W28": got(all_bytes),
    "W29": got(other_end),
    "W30": ended(code=1006),
    "W31": ended(reason=b"because"),
    "W32": said(swallow),
    "W34": said(refusal_of_its_own),
    "W35": closing_with(1001),
    "W36": without("websocket.close", "reason"),
    "W37": closing_with(1005 - 4),
}
