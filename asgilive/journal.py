"""A recording that another process keeps: it writes each entry as it happens, we read along.

Rules: a record is written in one go when an entry begins and another when it completes, so that a
call that never ends is there too; both sides are the same Python, so the records are marshal's,
which takes a hundredth of the time of a small request. A file belongs to one process.
"""

from __future__ import annotations

import marshal
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from asgilive.recording import (
    App,
    Conversation,
    Entry,
    Receive,
    Scope,
    Send,
    from_json,
    observe,
    to_json,
)


class Journal:
    """What a server process writes: the entries of its calls, times counted from `began`."""

    def __init__(self, folder: Path, began: float) -> None:
        self.began = began
        self.count = self.calls = 0
        self.numbers: dict[int, int] = {}
        self.file = (folder / f"{os.getpid()}.journal").open("ab", buffering=0)

    def wrap(self, app: App) -> App:
        """`app`, with everything that crosses its boundary written down."""

        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            self.calls += 1
            note = partial(self.note, self.calls)
            await observe(app, scope, receive, send, note, self.began, self.done)

        return recorded

    def note(self, call: int, what: Any, data: Any = None) -> Entry:
        """Write that something happens now."""
        self.count += 1
        entry = Entry(time.perf_counter() - self.began, what, None, call, data)
        if what in ("receive", "send"):
            self.numbers[id(entry)] = self.count
        self._write((self.count, entry.t, what, call, data))
        return entry

    def done(self, entry: Entry) -> None:
        """Write what a receive or send came to; what was received is known only now."""
        number = self.numbers.pop(id(entry))
        self._write((number, entry.took, entry.error, entry.data))

    def _write(self, record: tuple[Any, ...]) -> None:
        try:
            text = marshal.dumps(record)
        except ValueError:  # an object among the values: only its kind can be told
            text = marshal.dumps(tuple(from_json(to_json(list(record)))))
        self.file.write(text)


class Journals:
    """What the server's processes wrote in a folder, brought into a recording."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[Path, int] = {}
        self.entries: dict[tuple[Path, int], Entry] = {}
        self.calls: dict[tuple[Path, int], tuple[int, int | None]] = {}  # number, connection

    def bring(self, conversation: Conversation) -> None:
        """Read what was written since the last time."""
        for path in sorted(self.folder.glob("*.journal")):
            for record in self._new(path):
                self._take(conversation, path, *record)

    def _new(self, path: Path) -> Iterator[tuple[Any, ...]]:
        with path.open("rb") as file:
            file.seek(self.read.get(path, 0))
            while True:
                try:
                    record = marshal.load(file)
                except (EOFError, ValueError, TypeError):  # the last one is not whole yet
                    return
                self.read[path] = file.tell()
                yield record

    def _take(self, conversation: Conversation, path: Path, number: int, *values: Any) -> None:
        known = self.entries.pop((path, number), None)
        if known is not None:
            known.took, known.error, known.data = values
            return
        t, what, call, data = values
        if what == "call":
            connection = conversation.connection_of(data, t)
            self.calls[path, call] = conversation.next_call(), connection
        own, connection = self.calls[path, call]
        entry = Entry(t, what, connection, own, data)
        if what in ("receive", "send"):
            self.entries[path, number] = entry
        conversation.append(entry)
