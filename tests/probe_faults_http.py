"""For every statement that the HTTP experiments decide: a server that breaks it."""

from __future__ import annotations

import asyncio
from typing import Any

from planting import Fault, call, receive, scope, send, swallow

from asgilive.recording import App, Message, Receive, Scope, Send


async def two_channels(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive)  # type: ignore[call-arg]


def once() -> Fault:
    """One call for a whole connection: what a second request would be, is not asked."""
    seen: set[Any] = set()

    async def around(app: App, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client in seen and "two_requests" in scope["path"]:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"hello"})
            return
        seen.add(client)
        await app(scope, receive, send)

    return call(around)


def with_key(key: Any, value: Any) -> Fault:
    return receive(lambda message: message | {key: value})


def typed(type: str) -> Fault:
    return receive(lambda message: message | {"type": type})


def never_waits() -> Fault:
    """receive gives an empty request instead of waiting."""

    async def around(app: App, scope: Scope, receive: Receive, send: Send) -> None:
        async def impatient() -> Message:
            try:
                async with asyncio.timeout(0.05):
                    return await receive()
            except TimeoutError:
                return {"type": "http.request", "body": b"", "more_body": False}

        await app(scope, impatient, send)

    return call(around)


async def says_so(message: Message, send: Send) -> bool:
    await send(message)
    return True


async def no_unknown_key(message: Message, send: Send) -> None:
    if "zzz" in message:
        raise ValueError("zzz")
    await send(message)


async def hangs(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await app(scope, receive, send)
    except Exception:
        await asyncio.sleep(20)  # the client is left alone


async def quiet(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """An application whose errors nobody sees: it does not raise."""
    if "fails" in scope.get("path", ""):
        await send({"type": "http.response.start", "status": 500})
        await send({"type": "http.response.body"})
        return
    await app(scope, receive, send)


async def strict_at_the_end(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """send raises what is no OSError once the client has left."""
    left = asyncio.Event()

    async def watching() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            left.set()
        return message

    async def strict(message: Message) -> None:
        if left.is_set():
            raise RuntimeError("the client has left")
        await send(message)

    await app(scope, watching, strict)


def broken_after_refusal() -> Fault:
    """After one exception out of send, no request works any more."""
    broken = asyncio.Event()

    async def around(app: App, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            try:
                await send(message)
            except Exception:
                broken.set()
                raise

        if broken.is_set():
            raise RuntimeError("this server is done")
        await app(scope, receive, noting)

    return call(around)


async def cancelled(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The call is cancelled at the moment the client leaves."""
    task: asyncio.Task[None] | None = None

    async def cancelling() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect" and task:
            task.cancel()
            await asyncio.sleep(0)
        return message

    task = asyncio.ensure_future(app(scope, cancelling, send))  # type: ignore[arg-type]
    await asyncio.gather(task, return_exceptions=True)


async def impatient(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A call has one second."""
    async with asyncio.timeout(1.0):
        await app(scope, receive, send)


def headers(change: Any) -> Fault:
    async def changed(message: Message, send: Send) -> None:
        if message["type"] == "http.response.start" and "headers" in message:
            message = message | {"headers": change(list(message["headers"]))}
        await send(message)

    return send(changed)


def joined(pairs: list[Any]) -> list[Any]:
    cookies = [value for name, value in pairs if name == b"set-cookie"]
    return [pair for pair in pairs if pair[0] != b"set-cookie"] + (
        [(b"set-cookie", b", ".join(cookies))] if cookies else []
    )


async def late(message: Message, send: Send) -> None:
    """Bodies in another order."""
    if message.get("body") == b"1":
        message = message | {"body": b"2"}
    elif message.get("body") == b"2":
        message = message | {"body": b"1"}
    await send(message)


def wants(type: str, key: str) -> Fault:
    async def changed(message: Message, send: Send) -> None:
        if message["type"] == type and key not in message:
            raise KeyError(key)
        await send(message)

    return send(changed)


async def never_ends(message: Message, send: Send) -> None:
    if message["type"] == "http.response.body" and "more_body" not in message:
        message = message | {"more_body": True}
    await send(message)


async def takes_everything(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """send never waits: what the client does not take is kept."""
    kept: asyncio.Queue[Message] = asyncio.Queue()

    async def keep(message: Message) -> None:
        kept.put_nowait(message)

    async def hand_on() -> None:
        while True:
            await send(await kept.get())
            kept.task_done()

    task = asyncio.ensure_future(hand_on())
    try:
        await app(scope, receive, keep)
        await kept.join()
    finally:
        task.cancel()


async def own_start(message: Message, send: Send) -> None:
    """The application's framing reaches the wire beside the server's."""
    if message["type"] == "http.response.start" and any(
        name == b"transfer-encoding" for name, _ in message["headers"]
    ):
        message = message | {"headers": [(b"content-length", b"9")]}
    await send(message)


async def gone(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """receive after the end says nothing."""
    sent = asyncio.Event()

    async def deaf() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            await asyncio.sleep(20)
        return message

    async def noting(message: Message) -> None:
        await send(message)
        if not message.get("more_body"):
            sent.set()

    await app(scope, deaf, noting)


def cut_body(message: Message) -> Message:
    if message.get("body"):
        message["body"] = message["body"][1:]
    return message


def framed(message: Message) -> Message:
    if message.get("body"):
        message["body"] = b"%x\r\n%s\r\n" % (len(message["body"]), message["body"])
    return message


async def first_disconnect(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    told = []

    async def early() -> Message:
        if not told:
            told.append(True)
            return {"type": "http.disconnect"}
        return await receive()

    await app(scope, early, send)


async def bad_status(message: Message, send: Send) -> None:
    if message["type"] == "http.response.start":
        message = message | {"status": message.get("status", 200)}
    await send(message)


async def str_is_fine(message: Message, send: Send) -> None:
    if isinstance(message.get("body"), str):
        message = message | {"body": message["body"].encode()}
    await send(message)


async def chunks_for_all(message: Message, send: Send) -> None:
    if message["type"] == "http.response.start":
        message = message | {"headers": [(b"x-t", b"Transfer-Encoding: chunked")]}
    await send(message)


async def other_status(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """What raises is answered with 404."""
    if scope["type"] != "http":
        return await app(scope, receive, send)
    try:
        await app(scope, receive, lambda message: asyncio.sleep(0))
    except Exception:
        await send({"type": "http.response.start", "status": 404})
        await send({"type": "http.response.body"})


def upper(pairs: Any) -> Any:
    return [(name.upper(), value) for name, value in pairs]


def grouped(pairs: list[Any]) -> list[Any]:
    return sorted(pairs)


def last_dup(pairs: list[Any]) -> list[Any]:
    return list(dict(pairs).items())


def swapped(pairs: list[Any]) -> list[Any]:
    return list(reversed(pairs))


FAULTS: dict[str, Fault] = {
    "C01": call(two_channels),
    "C02": once(),
    "C03": scope(type="HTTP"),
    "C04": scope(type=b"http"),
    "C05": scope(asgi={"version": 3}),
    "C06": scope(asgi={"version": "3.0", "spec_version": "9.9"}),
    "C07": with_key(1, 2),
    "C08": typed(b"http.request"),  # type: ignore[arg-type]
    "C09": typed("request"),
    "C10": with_key("more", object()),
    "C11": with_key("more", 2**63),
    "C12": with_key("more", float("nan")),
    "C13": never_waits(),
    "C14": send(says_so),
    "C16": send(swallow),
    "C17": send(bad_status),
    "C18": send(str_is_fine),
    "C20": send(no_unknown_key),
    "C21": call(hangs),
    "C22": call(quiet),
    "C23": call(strict_at_the_end),
    "C24": broken_after_refusal(),
    "C31": call(cancelled),
    "C34": scope(path=lambda path: path.encode()),
    "H01": scope(type="https"),
    "H03": scope(http_version=1.1),
    "H04": scope(method=lambda method: method.lower()),
    "H05": scope(scheme=""),
    "H06": scope(path=lambda path: path.encode().decode("latin-1")),
    "H07": scope(raw_path=lambda raw: raw.replace(b"%20", b" ")),
    "H08": scope(query_string=lambda query: query.replace(b"%20", b" ")),
    "H09": scope(root_path="/"),
    "H11": scope(headers=lambda pairs: [(n.decode(), v.decode()) for n, v in pairs]),
    "H12": scope(headers=swapped),
    "H13": scope(headers=last_dup),
    "H14": scope(headers=upper),
    "H17": scope(client=lambda pair: (pair[0], str(pair[1]))),
    "H18": scope(server=lambda pair: (pair[0], str(pair[1]))),
    "H20": receive(cut_body),
    "H23": headers(joined),
    "H24": call(impatient),
    "H26": call(first_disconnect),
    "H27": with_key("body", ""),
    "H28": with_key("more_body", 1),
    "H29": receive(cut_body),
    "H30": receive(framed),
    "H31": call(gone),
    "H32": call(gone),
    "H36": call(other_status),
    "H37": send(own_start),
    "H38": send(chunks_for_all),
    "H41": wants("http.response.start", "headers"),
    "H43": headers(grouped),
    "H46": call(takes_everything),
    "H47": wants("http.response.body", "body"),
    "H48": send(never_ends),
    "H50": send(late),
    "H70": scope(path=lambda path: path.encode().decode("latin-1")),
}
