"""What a server process imports in place of the application: the application, watched.

Set by `asgilive.serving` through the environment: ASGILIVE_PROGRAM is its import string,
ASGILIVE_READY a file that gets this process's pid once the application is up,
ASGILIVE_RECORD a folder for what crosses the boundary, a JSON line as each entry happens and a
second one when it completes, so that a call that never ends is in the recording too.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import IO, Any

from asgilive.recording import App, Entry, Message, Receive, Scope, Send, observe, to_json


def load(target: str) -> App:
    """The application that an import string names."""
    module, _, name = target.partition(":")
    home: Any = importlib.import_module(module)
    found: App = reduce(getattr, (name or "app").split("."), home)
    return found


class Lines:
    """Entries as JSON lines; `n` numbers them within this process."""

    def __init__(self, folder: str, began: float) -> None:
        self.began = began
        self.count = self.calls = 0
        path = Path(folder) / f"{os.getpid()}.jsonl"
        self.file: IO[str] = path.open("a", encoding="utf-8", buffering=1)

    def note(self, call: int, what: Any, data: Any = None) -> Entry:
        """Write that something happened; the entry writes itself again when it completes."""
        self.count += 1
        number = self.count
        entry = _Written(time.perf_counter() - self.began, what, None, call, data)
        self.write(number, entry)
        entry.write = lambda: self.write(number, entry)
        return entry

    def write(self, number: int, entry: Entry) -> None:
        """One line."""
        self.file.write(json.dumps({"n": number, **to_json(asdict(entry))}) + "\n")


class _Written(Entry):
    """An entry that writes itself again when what it waited for has come."""

    write: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self.write is not None and name in ("took", "error"):
            self.write()


class Watched:
    """The application, with its start told to the ready file and its boundary to the record."""

    def __init__(self, app: App, ready: str, lines: Lines | None) -> None:
        self.app, self.ready, self.lines = app, ready, lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            send = self._telling(send)
        try:
            await self._call(scope, receive, send)
        finally:
            if scope["type"] == "lifespan":
                self.tell()

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.lines is None:
            await self.app(scope, receive, send)
            return
        self.lines.calls += 1
        number = self.lines.calls
        note = lambda what, data=None: self.lines.note(number, what, data)  # noqa: E731
        await observe(self.app, scope, receive, send, note)

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
    lines = Lines(folder, float(os.environ["ASGILIVE_BEGAN"])) if folder else None
    app = Watched(load(os.environ["ASGILIVE_PROGRAM"]), os.environ["ASGILIVE_READY"], lines)
    if os.environ.get("ASGILIVE_LIFESPAN") == "off":
        app.tell()
    return app


if "ASGILIVE_PROGRAM" in os.environ:
    app = watched()
