"""What a server process imports in place of the application: the application, watched.

Set by `asgilive.serving` through the environment: ASGILIVE_PROGRAM is its import string,
ASGILIVE_READY a file that gets this process's pid once the application is up,
ASGILIVE_RECORD a folder for the journal of what crosses its boundary.
"""

from __future__ import annotations

import importlib
import os
from functools import reduce
from typing import Any

from asgilive.journal import Journal
from asgilive.recording import App, Message, Receive, Scope, Send, observe


def load(target: str) -> App:
    """The application that an import string names."""
    module, _, name = target.partition(":")
    home: Any = importlib.import_module(module)
    found: App = reduce(getattr, (name or "app").split("."), home)
    return found


class Watched:
    """The application, with its start told to the ready file and its boundary to the journal."""

    def __init__(self, app: App, ready: str, journal: Journal | None) -> None:
        self.app, self.ready, self.journal = app, ready, journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            send = self._telling(send)
        try:
            await self._call(scope, receive, send)
        finally:
            if scope["type"] == "lifespan":
                self.tell()

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.journal is None:
            await self.app(scope, receive, send)
            return
        self.journal.calls += 1
        number = self.journal.calls
        note = lambda what, data=None: self.journal.note(number, what, data)  # noqa: E731
        await observe(self.app, scope, receive, send, note, self.journal.done)

    def _telling(self, send: Send) -> Send:
        async def told(message: Message) -> None:
            await send(message)
            self.tell()

        return told

    def tell(self) -> None:
        """This worker is up."""
        with open(self.ready, "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")


def watched() -> Watched:
    """The application of this process, as the environment says."""
    folder = os.environ.get("ASGILIVE_RECORD")
    journal = Journal(folder, float(os.environ["ASGILIVE_BEGAN"])) if folder else None
    app = Watched(load(os.environ["ASGILIVE_PROGRAM"]), os.environ["ASGILIVE_READY"], journal)
    if os.environ.get("ASGILIVE_LIFESPAN") == "off":
        app.tell()
    return app


if "ASGILIVE_PROGRAM" in os.environ:
    app = watched()
