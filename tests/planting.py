"""Plant a fault between a server and the probes' application, and see what the probes say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asgilive import servers, spec
from asgilive.probes.columns import Column
from asgilive.probes.grid import Result
from asgilive.recording import App, Message, Receive, Scope, Send
from asgilive.servers import Server

Fault = Callable[[App], App]


def column(fault: Fault | None = None, server: Server = servers.uvicorn) -> Column:
    """A server in a thread of this process, whose application is wrapped in a fault."""

    async def planted(app: Any, sock: Any) -> None:
        await server(fault(app) if fault else app, sock)

    return Column("planted", own=planted)


async def verdict(id: str, fault: Fault | None = None, server: Server = servers.uvicorn) -> Result:
    """What the probes say of one statement on that server."""
    grid = await spec.survey([column(fault, server)], id)
    return grid[id, "planted"]


def scope(of: str = "http", **changes: Any) -> Fault:
    """Keys of the scope replaced; a function is given the old value, `...` takes the key away."""

    def fault(app: App) -> App:
        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == of:
                scope = dict(scope)
                for key, value in changes.items():
                    if value is ...:
                        scope.pop(key, None)
                    else:
                        scope[key] = value(scope.get(key)) if callable(value) else value
            await app(scope, receive, send)

        return faulty

    return fault


def receive(change: Callable[[Message], Message], of: str = "http") -> Fault:
    """Every message that is received, changed."""

    def fault(app: App) -> App:
        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed() -> Message:
                return change(dict(await receive()))

            await app(scope, changed if scope["type"] == of else receive, send)

        return faulty

    return fault


def send(change: Callable[[Message, Send], Awaitable[Any]], of: str = "http") -> Fault:
    """What is done with every message that is sent: `change(message, send)`."""

    def fault(app: App) -> App:
        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> Any:
                return await change(message, send)

            await app(scope, receive, changed if scope["type"] == of else send)

        return faulty

    return fault


def call(around: Callable[[App, Scope, Receive, Send], Awaitable[None]]) -> Fault:
    """The whole call in other hands."""

    def fault(app: App) -> App:
        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            await around(app, scope, receive, send)

        return faulty

    return fault


async def swallow(message: Message, send: Send) -> None:
    """Take every message, and refuse none."""
    try:
        await send(message)
    except Exception:
        await asyncio.sleep(0)
