"""What the benches share: an application, ratios of pairs, a line with the bound beside it.

Rules: two things are measured in turn, A B A B, in one run; what counts is the median of the
pairs' ratios, so that a machine whose speed drifts does not decide. A bench prints, and exits 1
where a bound is not held. None of them is a test with a time limit.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

BODY = b"Hello"


async def app(scope, receive, send):
    """The application of every bench: one small answer."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    length = (b"content-length", b"%d" % len(BODY))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": BODY})


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the pairs' ratios."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def spread(values: Sequence[float], unit: str, factor: float = 1.0) -> str:
    """Minimum, median and maximum, as text."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle * factor:.2f} {unit} ({low * factor:.2f} to {high * factor:.2f})"


class Report:
    """Lines of a bench, and whether every bound was held."""

    def __init__(self) -> None:
        self.held = True

    def line(self, what: str, value: float, bound: float, *, least: bool = False) -> None:
        """Print a figure beside its bound; `least` for a bound from below."""
        good = value >= bound if least else value <= bound
        self.held = self.held and good
        sign = ">=" if least else "<="
        print(f"{what}: {value:.3g} (bound {sign} {bound:g}) {'held' if good else 'NOT HELD'}")

    def end(self) -> None:
        """Exit 1 where a bound was not held."""
        sys.exit(0 if self.held else 1)
