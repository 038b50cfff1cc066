"""What the application of a probe sees, written down while it happens.

The application may run in another process than the judge, so each note is one line of a file: a
tuple as Python writes it, which `ast.literal_eval` reads again with every type as it was. What is
no literal, an object say, is a set with the name of its class: ASGI has no sets.
"""

from __future__ import annotations

import ast
import itertools
import math
import os
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from asgilive.recording import App, Message, Receive, Scope, Send

LONG = 4096  # bytes: longer values are cut, or the notes of a flood would be one


class Note(NamedTuple):
    """One thing that happened in a call of the application.

    `t` is in seconds on the machine's clock, `call` names the call and `visit` what it belongs to.
    `what` is "call" (value: the scope), "receiving", "received" (the message), "sending" (the
    message), "sent", "refused" and "raised" (the names of an exception's classes), "said" (a name
    and a value) or "returned".
    """

    t: float
    call: str
    visit: str
    what: str
    value: Any = None


@dataclass(slots=True)
class Call:
    """One call of the application, from its notes."""

    notes: list[Note] = field(default_factory=list)

    @property
    def scope(self) -> dict[str, Any]:
        """The scope, as it was when the application was called."""
        found: dict[str, Any] = self.notes[0].value
        return found

    @property
    def received(self) -> list[dict[str, Any]]:
        """The messages that `receive` gave."""
        return [note.value for note in self.notes if note.what == "received"]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The messages that `send` took."""
        return [message for message, end in self.sending() if end and end.what == "sent"]

    @property
    def refused(self) -> list[tuple[dict[str, Any], list[str]]]:
        """The messages at which `send` raised, and the names of the exception's classes."""
        pairs = [(message, end) for message, end in self.sending() if end]
        return [(message, end.value) for message, end in pairs if end.what == "refused"]

    @property
    def said(self) -> dict[str, Any]:
        """What the application noted of its own."""
        return dict(note.value for note in self.notes if note.what == "said")

    @property
    def ended(self) -> str:
        """How the call ended: "returned", "raised", or "" while it has not."""
        return next((n.what for n in self.notes if n.what in ("returned", "raised")), "")

    def sending(self) -> Iterator[tuple[dict[str, Any], Note | None]]:
        """Every message given to `send`, with the note of how that ended, if it did."""
        for number, note in enumerate(self.notes):
            if note.what == "sending":
                ends = (n for n in self.notes[number:] if n.what in ("sent", "refused"))
                yield note.value, next(ends, None)


class Notebook:
    """The file of the notes: the applications write it, the judge reads along."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._calls: dict[str, Call] = {}
        self._visits: dict[str, list[Call]] = {}

    def new(self) -> list[Note]:
        """The notes that came since the last time."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                lines = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        self._read += len(lines) + 1 if lines else 0
        notes = [Note(*ast.literal_eval(line.decode())) for line in lines.splitlines()]
        for note in notes:
            self._keep(note)
        return notes

    def calls(self, visit: str) -> list[Call]:
        """The calls that belong to a visit, in order."""
        self.new()
        return self._visits.get(visit, [])

    def _keep(self, note: Note) -> None:
        if note.call not in self._calls:
            self._calls[note.call] = Call()
            self._visits.setdefault(note.visit, []).append(self._calls[note.call])
        self._calls[note.call].notes.append(note)


class Writer:
    """Writes the notes of one process."""

    _numbers = itertools.count(1)

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, visit: str, scope: Scope) -> Say:
        """A call has begun; what is returned notes the rest of it."""
        call = f"{os.getpid()}.{next(self._numbers)}"

        def say(what: str, value: Any = None) -> None:
            note = (time.perf_counter(), call, visit, what, plain(value))
            with self.path.open("ab", buffering=0) as file:
                file.write(f"{note!r}\n".encode())

        say("call", scope)
        return Say(say)


class Say:
    """Notes the rest of one call."""

    now: ContextVar[Say] = ContextVar("say")

    def __init__(self, note: Any) -> None:
        self.note = note

    def receive(self, receive: Receive) -> Receive:
        """`receive`, noted."""

        async def noted() -> Message:
            self.note("receiving")
            message = await receive()
            self.note("received", message)
            return message

        return noted

    def send(self, send: Send) -> Send:
        """`send`, noted."""

        async def noted(message: Message) -> Any:
            self.note("sending", message)
            try:
                returned: Any = await send(message)  # type: ignore[func-returns-value]
            except Exception as error:
                self.note("refused", classes(error))
                raise
            self.note("sent")
            return returned

        return noted

    async def run(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and note how that ends."""
        self.now.set(self)
        try:
            await app(scope, self.receive(receive), self.send(send))
        except BaseException as error:
            self.note("raised", classes(error))
            raise
        self.note("returned")


def say(name: str, value: Any) -> None:
    """Note something of the application's own, from within a scenario."""
    Say.now.get().note("said", (name, value))


def classes(error: BaseException) -> list[str]:
    """The names of an exception's classes, its own first."""
    return [kind.__name__ for kind in type(error).__mro__[:-1]]


def plain(value: Any) -> Any:
    """A value of literals only, each of the type that it had; of long bytes only the beginning."""
    if isinstance(value, dict):
        return {_key(key): plain(each) for key, each in value.items()}
    if type(value) is bytes and len(value) > LONG:
        return value[:20] + b"..."
    if type(value) in (list, tuple):
        return type(value)(plain(each) for each in value)
    if type(value) is float and not math.isfinite(value):
        return {f"float {value}"}
    if value is None or type(value) in (bytes, str, int, float, bool):
        return value
    return {type(value).__qualname__}


def _key(key: Any) -> Any:
    return key if type(key) in (str, bytes, int) else type(key).__qualname__
