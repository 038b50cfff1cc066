"""For every statement that the lifespan experiments decide: a server that breaks it."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import threading
from typing import Any

from planting import Fault, call, scope, send

from asgilive.recording import App, Message, Receive, Scope, Send


def at(**changes: Any) -> Fault:
    return scope("lifespan", **changes)


def twice(app: App) -> App:
    """A second lifespan beside the first."""

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            told = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

            async def given() -> Message:
                return told.pop(0)

            async def taken(message: Message) -> None:
                await asyncio.sleep(0)

            await app(dict(scope, state={}), given, taken)
        await app(scope, receive, send)

    return faulty


def elsewhere(app: App) -> App:
    """Requests run on another loop than the lifespan."""

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        here = asyncio.get_running_loop()

        def over(coroutine: Any) -> Any:
            return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, here))

        def run() -> None:
            asyncio.run(call())

        async def call() -> None:
            await app(scope, lambda: over(receive()), lambda message: over(send(message)))

        thread = threading.Thread(target=run)
        thread.start()
        await asyncio.to_thread(thread.join)

    return faulty


def same_state(app: App) -> App:
    """Every request is given the lifespan's own dict."""
    kept: list[Any] = []

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            kept.append(scope["state"])
        elif kept:
            scope = dict(scope, state=kept[-1])
        await app(scope, receive, send)

    return faulty


def deep_state(app: App) -> App:
    """Every request is given a deep copy of what start-up left."""
    kept: list[Any] = []

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            kept.append(scope["state"])
        elif kept:
            scope = dict(scope, state=copy.deepcopy(kept[-1]))
        await app(scope, receive, send)

    return faulty


def inherited(app: App) -> App:
    """Requests run in the context that start-up left."""
    kept: list[contextvars.Context] = []

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":

            async def taken(message: Message) -> None:
                kept.append(contextvars.copy_context())
                await send(message)

            return await app(scope, receive, taken)
        await asyncio.get_running_loop().create_task(
            app(scope, receive, send), context=kept[0] if kept else None
        )

    return faulty


async def early_goodbye(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The server does not wait until the application has shut down."""
    if scope["type"] != "lifespan":
        return await app(scope, receive, send)
    leaving = asyncio.Event()

    async def noting() -> Message:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            leaving.set()
        return message

    task = asyncio.ensure_future(app(scope, noting, send))  # type: ignore[arg-type]
    await leaving.wait()
    await send({"type": "lifespan.shutdown.complete"})
    task.cancel()


async def no_waiting(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The server takes requests while the application still starts."""
    if scope["type"] != "lifespan":
        return await app(scope, receive, send)
    first = [await receive()]
    await send({"type": "lifespan.startup.complete"})

    async def given() -> Message:
        return first.pop() if first else await receive()

    async def taken(message: Message) -> None:
        if message["type"] != "lifespan.startup.complete":
            await send(message)

    await app(scope, given, taken)


async def asks_late(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """lifespan.startup comes when the first client has been answered."""
    if scope["type"] != "lifespan":
        return await app(scope, receive, send)
    first = [await receive()]
    await send({"type": "lifespan.startup.complete"})
    await asyncio.sleep(0.8)

    async def given() -> Message:
        return first.pop() if first else await receive()

    async def taken(message: Message) -> None:
        if message["type"] != "lifespan.startup.complete":
            await send(message)

    await app(scope, given, taken)


async def strict(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """An exception in the lifespan ends the server."""
    try:
        await app(scope, receive, send)
    except RuntimeError as error:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        raise


async def deaf_to_failure(message: Message, send: Send) -> None:
    if message["type"] == "lifespan.startup.failed":
        message = {"type": "lifespan.startup.complete"}
    await send(message)


async def silent_failure(message: Message, send: Send) -> None:
    if message["type"] == "lifespan.shutdown.failed":
        message = {"type": "lifespan.shutdown.complete"}
    await send(message)


def with_key(app: App) -> App:
    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"]["server"] = "mine"
        await app(scope, receive, send)

    return faulty


def shutdown_first(app: App) -> App:
    """lifespan.shutdown comes before the last request is over."""
    busy = asyncio.Event()

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"].endswith("/slow"):
                busy.set()
            return await app(scope, receive, send)
        told = [await receive()]

        async def given() -> Message:
            if told:
                return told.pop()
            await busy.wait()
            return {"type": "lifespan.shutdown"}

        await app(scope, given, send)

    return faulty


FAULTS: dict[str, Fault] = {
    "L01": twice,
    "L03": elsewhere,
    "L04": at(type="life"),
    "L05": at(asgi={}),
    "L06": at(asgi={"version": "3.0", "spec_version": "2.4"}),
    "L07": at(state={"old": 1}),
    "L08": call(strict),
    "L10": call(asks_late),
    "L11": call(no_waiting),
    "L12": send(deaf_to_failure, "lifespan"),
    "L14": shutdown_first,
    "L15": call(early_goodbye),
    "L16": send(silent_failure, "lifespan"),
    "L18": same_state,
    "H19": deep_state,
    "L19": with_key,
    "L21": inherited,
}
