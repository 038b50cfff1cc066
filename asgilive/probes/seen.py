"""The evidence of one scenario on one server: what the client saw and what the application saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from asgilive import wire as reading
from asgilive.clients import Reply
from asgilive.probes.notes import Call

Ended = Literal["complete", "closed", "reset", "silent"]


@dataclass(slots=True)
class Wire:
    """The bytes of one connection of the client: (time, "out", "in" or "end", bytes)."""

    events: list[tuple[float, str, bytes]] = field(default_factory=list)
    ended: str = ""  # "closed" or "reset" by the server, "" while it is open

    @property
    def sent(self) -> bytes:
        """Everything the client wrote."""
        return b"".join(data for _, way, data in self.events if way == "out")

    @property
    def received(self) -> bytes:
        """Everything that came back."""
        return b"".join(data for _, way, data in self.events if way == "in")

    @property
    def complete(self) -> bool:
        """Whether every request has a whole answer (HTTP/1.1)."""
        asked = reading.asked(self.sent, reading.requests(self.sent))
        answers = reading.Answers(asked)
        count = answers.feed(self.received)
        if self.ended:
            count = answers.feed(b"")
        return count >= max(1, len(asked))

    @property
    def reply(self) -> Reply:
        """The bytes, read as HTTP/1.1."""
        ended: Any = "complete" if self.complete else self.ended or "silent"
        return Reply(self.sent, self.received, ended, 0.0)


@dataclass(slots=True)
class Seen:
    """What a judge is given. Everything about one visit; nothing else is evidence."""

    server: str
    calls: list[Call] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)  # what the client noted of its own
    log: list[str] = field(default_factory=list)  # what the server printed meanwhile
    lives: list[Call] = field(default_factory=list)  # the calls for a lifespan
    impossible: str = ""  # why the scenario could not be tried at all

    @property
    def call(self) -> Call:
        """The first call of the application."""
        if not self.calls:
            raise Missing("the application was never called")
        return self.calls[0]

    @property
    def scope(self) -> dict[str, Any]:
        """The scope of the first call."""
        return self.call.scope

    @property
    def wire(self) -> Wire:
        """The first connection of the client."""
        if not self.wires:
            raise Missing("the client had no connection")
        return self.wires[0]

    @property
    def reply(self) -> Reply:
        """The first connection, read as HTTP/1.1."""
        return self.wire.reply

    @property
    def lines(self) -> list[str]:
        """The whole evidence as text, in order of time."""
        found: list[tuple[float, str]] = []
        calls = [("life", call) for call in self.lives]
        names = [
            f"app {n}" if len(self.calls) > 1 else "app" for n in range(1, 1 + len(self.calls))
        ]
        for who, call in [*calls, *zip(names, self.calls, strict=True)]:
            found += [(note.t, f"{who:6} {_told(note.what, note.value)}") for note in call.notes]
        for number, wire in enumerate(self.wires, 1):
            who = "" if len(self.wires) == 1 else f" {number}"
            found += [(t, f"{_ARROWS[way]}{who:2}   {_cut(data)}") for t, way, data in wire.events]
        found.sort(key=lambda pair: pair[0])
        begin = found[0][0] if found else 0.0
        told = [f"{1000 * (t - begin):7.1f} ms  {text}" for t, text in found]
        told += [f"client     {name}: {_cut(value)}" for name, value in self.said.items()]
        return told + [f"log        {_cut(line)}" for line in self.log[:4]]


class Missing(Exception):
    """The evidence lacks what a judge looks at; the text says what."""


_ARROWS = {"out": "→", "in": "←", "end": "×"}


def _told(what: str, value: Any) -> str:
    if what in ("refused", "raised"):
        return f"{what}: {value[0]}"
    if what == "said":
        return f"notes {value[0]}: {_cut(value[1])}"
    return f"{what} {_cut(value)}" if value is not None else what


def _cut(value: Any, width: int = 300) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= width else f"{text[: width - 20]} … {len(text)} characters"
