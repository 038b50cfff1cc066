"""Experiments with WebSocket: the handshake, messages and frames, and every way to end."""

from __future__ import annotations

import asyncio
from typing import Any

from asgilive.probes.http import address, next_type
from asgilive.probes.notes import say
from asgilive.probes.scenario import NotHere, Unclear, scenario
from asgilive.probes.seen import Seen
from asgilive.probes.visit import Visit
from asgilive.probes.websocket_client import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_code,
    closing,
    frame,
    frames,
    handshake,
    head,
    status,
    until_frames,
    upgrade,
)
from asgilive.recording import Receive, Scope, Send

ACCEPT: dict[str, Any] = {"type": "websocket.accept"}


async def received(receive: Receive, wait: float = 3.0) -> dict[str, Any]:
    """The next message, or one of the type "nothing"."""
    try:
        async with asyncio.timeout(wait):
            return await receive()
    except TimeoutError:
        return {"type": "nothing"}


def opened(seen: Seen, number: int = 0) -> None:
    """Raise Unclear where there was no WebSocket to look at."""
    if len(seen.wires) <= number or status(seen.wires[number]) != 101:
        raise Unclear("the handshake was not completed, so nothing could be seen behind it")


# -- the handshake


@scenario()
async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait a little before accepting; take a text and bytes; hear how the client ends."""
    await receive()
    await asyncio.sleep(0.4)
    headers = [(b"x-b", b"1"), (b"x-a", b"2")]
    await send(ACCEPT | {"subprotocol": "v2", "headers": headers})
    say("text", await received(receive))
    say("bytes", await received(receive))
    say("end", await received(receive))


@websocket.client
async def _(visit: Visit) -> None:
    connection = await visit.dial()
    more = [b"Sec-WebSocket-Protocol: chat, v2", b"X-Dup: 1", b"MiXeD: v", b"x-dup: 2"]
    rest = "/a%20b%2Fc/%E2%82%AC?q=%20x"
    await connection.write(handshake(visit, *more, rest=rest))
    await connection.read(wait=0.2)
    visit.say("early", len(connection.wire.received))
    await connection.read(until=b"\r\n\r\n", wait=4.0)
    await connection.write(frame(TEXT, b"hello") + frame(BINARY, b"\x00\x01"))
    await connection.write(closing(4002, "because"))
    await connection.rest(wait=1.0)


def _type(seen: Seen) -> bool | str:
    kind = seen.scope.get("type")
    return kind == "websocket" or f"the type is {kind!r}"


websocket.judge("W04")(_type)


@websocket.judge("W06")
def _(seen: Seen) -> bool | str:
    version = seen.scope.get("http_version", "1.1")
    return version == "1.1" or f"http_version is {version!r}"


@websocket.judge("W07")
def _(seen: Seen) -> bool | str:
    scheme = seen.scope.get("scheme", "ws")
    return scheme == "ws" or f"the scheme is {scheme!r}"


@websocket.judge("W08")
def _(seen: Seen) -> bool | str:
    path = seen.scope.get("path")
    return str(path).endswith("/a b/c/€") or f"the path is {path!r}"


@websocket.judge("W09")
def _(seen: Seen) -> bool | str:
    raw_path = seen.scope.get("raw_path")
    if raw_path is None:
        raise NotHere("there is no raw_path")
    target = seen.wire.sent.split()[1].partition(b"?")[0]
    return raw_path == target or f"raw_path is {raw_path!r}"


@websocket.judge("W10")
def _(seen: Seen) -> bool | str:
    query = seen.scope.get("query_string")
    return query == b"q=%20x" or f"query_string is {query!r}"


@websocket.judge("W11")
def _(seen: Seen) -> bool | str:
    root_path = seen.scope.get("root_path", "")
    return root_path == "" or f"root_path is {root_path!r}"


@websocket.judge("W12")
def _(seen: Seen) -> bool | str:
    headers = [tuple(pair) for pair in seen.scope.get("headers") or []]
    dup = [value for name, value in headers if name.lower() == b"x-dup"]
    if dup != [b"1", b"2"]:
        return f"x-dup: 1 and x-dup: 2 became {dup}"
    return (b"mixed", b"v") in headers or "the name MiXeD is not in lower case"


@websocket.judge("W14")
def _(seen: Seen) -> bool | str:
    client = seen.scope.get("client")
    return address(client) or f"client is {client!r}"


@websocket.judge("W15")
def _(seen: Seen) -> bool | str:
    server = seen.scope.get("server")
    return address(server) or f"server is {server!r}"


@websocket.judge("W16")
def _(seen: Seen) -> bool | str:
    offered = seen.scope.get("subprotocols", [])
    return list(offered) == ["chat", "v2"] or f"subprotocols are {offered!r}"


@websocket.judge("W17")
def _(seen: Seen) -> bool | str:
    if "state" not in seen.scope:
        raise NotHere("this server has no state")
    state = seen.scope["state"]
    return state == {"mark": "set"} or f"start-up set the key mark, and state is {state}"


@websocket.judge("W18")
def _(seen: Seen) -> bool | str:
    first = seen.call.received[0]["type"] if seen.call.received else "nothing"
    return first == "websocket.connect" or f"the first message is {first}"


@websocket.judge("W20")
def _(seen: Seen) -> bool | str:
    early = seen.said.get("early")
    return early == 0 or f"{early} bytes came back before the app had accepted"


@websocket.judge("W22")
def _(seen: Seen) -> bool | str:
    opened(seen)
    chosen = b"sec-websocket-protocol: v2" in head(seen.wire).lower()
    return chosen or "the subprotocol that the app chose is not in the answer"


@websocket.judge("W23")
def _(seen: Seen) -> bool | str:
    opened(seen)
    text = head(seen.wire).lower()
    places = text.find(b"x-b: 1"), text.find(b"x-a: 2")
    return 0 < places[0] < places[1] or "the headers of websocket.accept are not in the answer"


def _said(seen: Seen, name: str) -> dict[str, Any]:
    opened(seen)
    message: dict[str, Any] = seen.call.said.get(name) or {"type": "nothing"}
    return message


@websocket.judge("W26")
def _(seen: Seen) -> bool | str:
    for name, kind in (("text", "text"), ("bytes", "bytes")):
        message = _said(seen, name)
        there = [key for key in ("text", "bytes") if message.get(key) is not None]
        if there != [kind]:
            return f"a frame with {name} became {message}"
    return True


@websocket.judge("W28")
def _(seen: Seen) -> bool | str:
    text, data = _said(seen, "text").get("text"), _said(seen, "bytes").get("bytes")
    return (text, data) == ("hello", b"\x00\x01") or f"text is {text!r}, bytes {data!r}"


@websocket.judge("W30")
def _(seen: Seen) -> bool | str:
    code = _said(seen, "end").get("code", 1005)
    return code == 4002 or f"the client closed with 4002, and the code is {code}"


@websocket.judge("W31")
def _(seen: Seen) -> bool | str:
    reason = _said(seen, "end").get("reason", "")
    if not reason:
        raise NotHere("this server gives no reason")
    return reason == "because" or f"the reason is {reason!r}"


# -- frames


@scenario()
async def fragments(scope: Scope, receive: Receive, send: Send) -> None:
    """Take one text, which comes in two frames with a ping between."""
    await receive()
    await send(ACCEPT)
    say("text", await received(receive))
    await send({"type": "websocket.send", "text": "done"})
    await received(receive)


@fragments.client
async def _(visit: Visit) -> None:
    connection = await upgrade(visit)
    await connection.write(frame(TEXT, b"up", fin=False) + frame(PING, b"are you there"))
    await connection.write(frame(0, b"hill"))
    await until_frames(connection, 2)
    await connection.write(closing(1000))
    await connection.rest(wait=0.5)


@fragments.judge("W01")
def _(seen: Seen) -> bool | str:
    opened(seen)
    pongs = [one.payload for one in frames(seen.wire) if one.opcode == PONG]
    return pongs == [b"are you there"] or f"a ping was answered with {pongs}"


@fragments.judge("W03")
def _(seen: Seen) -> bool | str:
    text = _said(seen, "text").get("text")
    return text == "uphill" or f"up and hill became {text!r}"


@scenario(place="ping")
async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, and say nothing: on a server that was told to ping every second."""
    await receive()
    await send(ACCEPT)
    await received(receive, 4.0)


@quiet.client
async def _(visit: Visit) -> None:
    connection = await upgrade(visit)
    await until_frames(connection, 1, 3.5)


@quiet.judge("W02")
def _(seen: Seen) -> bool | str:
    opened(seen)
    pings = [one for one in frames(seen.wire) if one.opcode == PING]
    return bool(pings) or "no ping came in 3.5 s, and one every second was asked for"


# -- how it ends


@scenario()
async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
    """Close before accepting."""
    await receive()
    await send({"type": "websocket.close", "code": 4001})


@refuses.client
async def _(visit: Visit) -> None:
    await upgrade(visit)


@refuses.judge("W21", "W34")
def _(seen: Seen) -> bool | str:
    found = status(seen.wire)
    return found == 403 or f"a refusal is answered with {found or 'nothing'}"


@scenario()
async def dies(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, and raise."""
    await receive()
    await send(ACCEPT)
    await asyncio.sleep(0.1)
    raise ValueError("after the handshake")


@dies.client
async def _(visit: Visit) -> None:
    connection = await upgrade(visit)
    await connection.rest(wait=3.0)


@dies.judge("W05")
def _(seen: Seen) -> bool | str:
    opened(seen)
    closed = bool(seen.wire.ended) or any(one.opcode == CLOSE for one in frames(seen.wire))
    return closed or "the app has died, and the socket is open"


@scenario(patience=4.0)
async def ends(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept; close where the path says so; receive what comes then, and try to send."""
    await receive()
    await send(ACCEPT)
    if scope["path"].endswith("/server"):
        await send({"type": "websocket.close", "code": 4001})
    say("end", await received(receive))
    await asyncio.sleep(0.05)
    try:
        await send({"type": "websocket.send", "text": "late"})
    except Exception:
        say("raised", True)


@ends.client
async def _(visit: Visit) -> None:
    by_client = await upgrade(visit, rest="/client")
    await by_client.write(closing(1000))
    by_server = await upgrade(visit, rest="/server")
    await until_frames(by_server, 1)
    await by_server.write(closing(4001))
    lost = await upgrade(visit, rest="/loss")
    lost.abort()
    await by_client.rest(wait=0.5)
    await by_server.rest(wait=0.5)


WAYS = {"client": "the client closes", "server": "the app closes", "loss": "the connection is lost"}


def _ends(seen: Seen) -> dict[str, dict[str, Any]]:
    for number in range(3):
        opened(seen, number)
    found = {}
    for call in seen.calls:
        found[call.scope["path"].rpartition("/")[2]] = call.said.get("end") or {"type": "nothing"}
    return found


@ends.judge("W29")
def _(seen: Seen) -> bool | str:
    for way, message in _ends(seen).items():
        if message["type"] != "websocket.disconnect":
            return f"when {WAYS[way]}, receive gives {message['type']}"
    return True


@ends.judge("W30")
def _(seen: Seen) -> bool | str:
    code = _ends(seen)["loss"].get("code", 1005)
    return code == 1005 or f"after a loss without a close frame the code is {code}, not 1005"


@ends.judge("W32")
def _(seen: Seen) -> bool | str:
    opened(seen)
    call = next(call for call in seen.calls if call.scope["path"].endswith("/client"))
    errors = [names for _, names in call.refused]
    if not errors:
        return "send after the disconnect does not raise"
    return "OSError" in errors[0] or f"send raises {errors[0][0]}, which is no OSError"


@scenario()
async def closes(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, and close as the path says."""
    await receive()
    await send(ACCEPT)
    more = {"code": 4001, "reason": "bye"} if scope["path"].endswith("/reason") else {}
    await send({"type": "websocket.close", **more})
    await received(receive, 1.0)


@closes.client
async def _(visit: Visit) -> None:
    for rest in ("/bare", "/reason"):
        connection = await upgrade(visit, rest=rest)
        await until_frames(connection, 1)


@closes.judge("W35", "W37")
def _(seen: Seen) -> bool | str:
    opened(seen)
    bare = close_code(seen.wires[0])
    if bare != 1000:
        return f"a close without a code sends {bare}"
    opened(seen, 1)
    given = close_code(seen.wires[1])
    return given == 4001 or f"a close with the code 4001 sends {given}"


@closes.judge("W36")
def _(seen: Seen) -> bool | str:
    opened(seen, 1)
    payloads = [one.payload for one in frames(seen.wires[1]) if one.opcode == CLOSE]
    return (bool(payloads) and payloads[0][2:] == b"bye") or "the reason is not in the close frame"


@scenario(place="life", patience=4.0)
async def late_send(scope: Scope, receive: Receive, send: Send) -> None:
    """Let what send raises after the disconnect escape."""
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await receive()
    await send(ACCEPT)
    say("then", await next_type(receive, 3.0))
    await send({"type": "websocket.send", "text": "late"})


@late_send.client
async def _(visit: Visit) -> None:
    connection = await upgrade(visit)
    await connection.write(closing(1000))
    await connection.rest(wait=0.5)


@late_send.judge("W33")
def _(seen: Seen) -> bool | str:
    call = next((call for call in seen.calls if call.scope["type"] == "websocket"), None)
    if call is None or not call.refused or "OSError" not in call.refused[0][1]:
        raise NotHere("send after the disconnect raises no OSError")
    name = call.refused[0][1][0]
    odd = [line for line in seen.log if "ERROR" in line.upper() or name in line]
    return not odd or f"the log says {odd[0]}"
