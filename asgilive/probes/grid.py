"""What a survey found: a verdict for each statement on each server, with its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgilive import drawing
from asgilive.drawing.markup import count
from asgilive.probes.columns import Column
from asgilive.probes.seen import Seen
from asgilive.spec import Statement

VERDICTS = ("pass", "fail", "differs", "not-applicable", "undecided")


@dataclass(frozen=True, slots=True)
class Result:
    """One verdict. `said` is what was seen instead, or why nothing was decided; `scenario` names
    the experiment, and `seen` is what it showed.
    """

    id: str
    server: str
    verdict: str
    said: str
    scenario: str
    seen: Seen | None = field(default=None, repr=False, compare=False)

    @property
    def evidence(self) -> str:
        """The bytes and messages, as text."""
        return "\n".join(self.seen.lines) if self.seen else ""


class Grid:
    """Verdicts by statement and server: `grid["C16", "hypercorn"]`."""

    def __init__(
        self, columns: Sequence[Column], rows: Sequence[Statement], results: Sequence[Result]
    ) -> None:
        self.columns = list(columns)
        self.rows = list(rows)
        self.results = {(result.id, result.server): result for result in results}

    def __getitem__(self, place: tuple[str, str]) -> Result:
        return self.results[place]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results.values())

    def count(self, verdict: str | None = None, server: str | None = None) -> Any:
        """How many cells have a verdict, on all servers or one; without a verdict, of each."""
        found = Counter(r.verdict for r in self if server in (None, r.server))
        return found[verdict] if verdict else {each: found[each] for each in VERDICTS}

    def only(self, *verdicts: str) -> Grid:
        """The rows in which some server has one of these verdicts."""
        chosen = [row for row in self.rows if any(v in self._verdicts(row) for v in verdicts)]
        ids = {row.id for row in chosen}
        return Grid(self.columns, chosen, [result for result in self if result.id in ids])

    def _verdicts(self, row: Statement) -> list[str]:
        return [self[row.id, column.name].verdict for column in self.columns]

    def _figure(self) -> drawing.Figure:
        rows = [
            {
                "id": row.id,
                "text": row.text,
                "url": row.url,
                "cells": [_cell(self[row.id, column.name]) for column in self.columns],
            }
            for row in self.rows
        ]
        servers = [column.title for column in self.columns]
        title = f"{count(len(rows), 'statement')} on {count(len(servers), 'server')}"
        return drawing.grid(servers, rows, title=title, caption="A mark opens its evidence.")

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


def _cell(result: Result) -> dict[str, Any]:
    lines = result.evidence.splitlines()
    return {"verdict": result.verdict, "said": result.said, "lines": lines}
