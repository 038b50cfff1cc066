"""An axis: round steps, where on it a value stands, and what is written there."""

import math

_EDGE = ' class="al-edge"'


def axis(top: float, most: int = 8) -> tuple[float, float]:
    """A step of 1, 2 or 5 that makes half of `most` to `most` of them, and the end of the axis."""
    if top <= 0:
        return 1.0, 1.0
    power = 10.0 ** math.floor(math.log10(2 * top / most))
    step = next(power * n for n in (1, 2, 5, 10) if top / (power * n) <= most)
    return step, max(top, step)


def percent(value: float, end: float) -> str:
    """Where a value stands on an axis that ends at `end`, as a bare number."""
    return f"{value / end * 100:.2f}".rstrip("0").rstrip(".")


def marks(step: float, end: float) -> list[float]:
    """The values of an axis that are written."""
    return [n * step for n in range(int(end / step + 1e-9) + 1)]


def seconds(step: float, end: float) -> list[tuple[float, str]]:
    """Times and how they are written: the last one with its unit."""
    unit, scale = ("s", 1.0) if step >= 0.1 else ("ms", 1e3) if step >= 1e-4 else ("µs", 1e6)
    places = max(0, -math.floor(math.log10(step * scale) + 1e-9))
    found = marks(step, end)
    last = len(found) - 1
    return [
        (at, f"{at * scale:.{places}f}" + (f" {unit}" if n == last else ""))
        for n, at in enumerate(found)
    ]


def seconds_html(step: float, end: float) -> str:
    """An axis of time, below what it measures."""
    return "".join(
        f'<time{_EDGE if at > end * 0.94 else ""} style="--s:{percent(at, end)}">{label}</time>'
        for at, label in seconds(step, end)
    )
