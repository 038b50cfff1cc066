"""A timeline: what each lane did when, noted by the code that did it, drawn as bars.

Rules: noting costs a list entry and works in any task, thread or loop of this process; times are
seconds since the timeline was made; what is still open when it is drawn reaches to that moment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from asgilive import drawing

Kind = Literal["run", "wait", "block", "queue", "bad", "mark"]


@dataclass(slots=True)
class Span:
    """One stretch of a lane: from `start` to `end` in seconds; `end` is None while it lasts."""

    lane: str
    kind: Kind
    text: str
    start: float
    end: float | None = None

    @property
    def took(self) -> float:
        """Its length in seconds, 0 while it lasts."""
        return (self.end or self.start) - self.start


class Timeline:
    """Lanes with bars: `with lanes.span("task 1"): …`. It shows as a figure.

    Taught in chapter 6.
    """

    def __init__(
        self, title: str = "What happened when", *, words: Mapping[str, str] | None = None
    ) -> None:
        """`words` says below the figure what a kind of bar means here, where that is not enough."""
        self.title = title
        self.words = dict(words or {})
        self.spans: list[Span] = []
        self._began = time.perf_counter()

    @property
    def now(self) -> float:
        """Seconds since the timeline was made."""
        return time.perf_counter() - self._began

    @contextmanager
    def span(self, lane: str, text: str = "", kind: Kind = "run") -> Iterator[Span]:
        """A bar in `lane` for as long as the block lasts; `await` inside is welcome.

        `text` stands in the bar. `kind` is run, wait (awaits, the loop is free), block (holds the
        loop) or queue. A block that raises ends as bad.
        """
        span = Span(lane, kind, text, self.now)
        self.spans.append(span)
        try:
            yield span
        except BaseException:
            span.kind = "bad"
            raise
        finally:
            span.end = self.now

    def mark(self, lane: str, text: str = "") -> None:
        """A moment in `lane`."""
        now = self.now
        self.spans.append(Span(lane, "mark", text, now, now))

    @property
    def took(self) -> float:
        """Seconds from the first start to the last end."""
        ends = [span.end or span.start for span in self.spans]
        return max(ends) - min(span.start for span in self.spans) if ends else 0.0

    def _figure(self) -> drawing.Figure:
        now, spans = self.now, list(self.spans)
        zero = min((span.start for span in spans), default=0.0)
        lanes: dict[str, list[tuple[float, float, str, str]]] = {}
        for span in sorted(spans, key=lambda span: span.start):
            end = now if span.end is None else span.end
            bar = (span.start - zero, end - zero, span.kind, span.text)
            lanes.setdefault(span.lane, []).append(bar)
        return drawing.gantt(lanes.items(), title=self.title, words=self.words)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())
