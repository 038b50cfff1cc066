"""The chart: quantities over time, as lines of steps on one axis of time and one of amounts.

A quantity keeps its value until the next point, so its line goes level and then up or down. Up to
four lines lie in one field and differ in stroke and in the mark at their end, so no colour is
needed; more, or those that are to be told apart, get a strip each, all to the same scale.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from asgilive.drawing.axes import axis, marks, percent, seconds, seconds_html
from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import clean, count, duration, escape

Point = tuple[float, float]  # seconds, amount
Line = tuple[str, Sequence[Point]]

LINES_SHOWN = 24
STROKES = 4  # that can be told apart in one field
_ACROSS, _UP = 600, 400  # units of a field; what is finer than that nobody sees
_COLUMNS, _ROWS = 48, 5  # of a line in text


def chart(
    lines: Mapping[str, Iterable[Point]],
    *,
    title: str,
    unit: str,
    caption: str = "",
    limit: float | None = None,
    apart: bool = False,
) -> Figure:
    """Draw how much there was of each thing, and when.

    `lines` has for each name its points: (seconds, amount), in any order. An amount holds until
    the next point, and a line ends with its last. `unit` is what is counted: "messages", "MB".
    `limit` is an amount that is drawn across. `apart` gives each line a strip of its own, as more
    than four get in any case. More than 24 lines are cut, and it says so.
    Raises ValueError for a time or an amount below 0.
    """
    every: list[Line] = [(name, _points(name, points)) for name, points in lines.items()]
    shown, left = every[:LINES_SHOWN], len(every) - LINES_SHOWN
    field = _Field(shown, unit, limit)
    note = f"… {count(left, 'more line')}, not drawn" if left > 0 else ""
    html = (_strips if apart or len(shown) > STROKES else _together)(field, note)
    text = [*_text(field), *([note] if note else [])]
    return Figure(
        framed(html, title=title, caption=caption),
        captioned(text, title=title, caption=caption),
    )


def _points(name: str, points: Iterable[Point]) -> list[Point]:
    found = sorted(points, key=lambda point: point[0])
    for point in found:
        if not all(math.isfinite(part) and part >= 0 for part in point):
            raise ValueError(f"a chart goes from 0 upwards, and {name!r} has the point {point}")
    return found


class _Field:
    """What the lines have in common: both axes, the unit, the limit."""

    def __init__(self, lines: list[Line], unit: str, limit: float | None) -> None:
        points = [point for _, line in lines for point in line]
        self.lines, self.unit, self.limit = lines, unit, limit
        self.total = max((at for at, _ in points), default=0.0)
        self.tick, self.end = axis(self.total)
        most = max([value for _, value in points] + ([] if limit is None else [limit]), default=0.0)
        self.step, top = axis(most, 4)
        self.top = self.step * math.ceil(top / self.step - 1e-9)


def _amount(value: float) -> str:
    """`1,200`, `3.67`, `0.034`."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if value >= 1 else f"{value:.2g}"


def _said(points: Sequence[Point], unit: str) -> str:
    """What a line shows, in words."""
    if not points:
        return "nothing"
    (begin, first), (end, last) = points[0], points[-1]
    at, most = max(points, key=lambda point: point[1])
    return (
        f"{_amount(first)} {unit} at {duration(begin)}, most {_amount(most)} at {duration(at)},"
        f" {_amount(last)} at {duration(end)}, the end"
    )


# -- HTML ----------------------------------------------------------------------------


def _together(field: _Field, note: str) -> str:
    """All lines in one field; their names are in the legend."""
    drawn = "".join(_line(points, field, n) for n, (_, points) in enumerate(field.lines, 1))
    names = "".join(
        f'<li class="al-n{n}">{_sample()}{_name(name, points, field)}</li>'
        for n, (name, points) in enumerate(field.lines, 1)
    )
    return (
        f"{_head(field, '')}\n{_plot(drawn, field)}\n{_axis(field)}\n"
        f'<ol class="al-legend" role="list">{names}{_limit_word(field, "li")}</ol>\n'
        f"{_cut(note)}</div>"
    )


def _strips(field: _Field, note: str) -> str:
    """A strip for each line, named on its left."""
    rows = "\n".join(
        f'<li class="al-n1"><span class="al-word">{_name(name, points, field)}</span>'
        f"{_plot(_line(points, field, 1), field)}</li>"
        for name, points in field.lines
    )
    limit = _limit_word(field, "span")
    legend = f'<p class="al-legend">{limit}</p>\n' if limit else ""
    return (
        f'{_head(field, " al-strips")}\n<ol role="list">\n{rows}\n</ol>\n'
        f"{_axis(field)}\n{legend}{_cut(note)}</div>"
    )


def _head(field: _Field, kind: str) -> str:
    sizes = f"--tick:{percent(field.tick, field.end)};--grid:{percent(field.step, field.top)}"
    unit = f'<p class="al-unit" aria-hidden="true">{escape(field.unit)}</p>'
    return f'<div class="al-chart{kind}" style="{sizes}">{unit}'


def _plot(drawn: str, field: _Field) -> str:
    scale = "".join(
        f'<i style="--v:{percent(value, field.top)}">{_amount(value)}</i>'
        for value in marks(field.step, field.top)
    )
    limit = field.limit
    across = f'<i class="al-limit" style="--v:{percent(limit, field.top)}"></i>' if limit else ""
    return (
        f'<span class="al-scale" aria-hidden="true">{scale}</span>'
        f'<span class="al-plot" aria-hidden="true">{across}{drawn}</span>'
    )


def _line(points: Sequence[Point], field: _Field, number: int) -> str:
    if not points:
        return ""
    (at, value), kind = points[-1], f"al-n{number}"
    place = f"--s:{percent(at, field.end)};--v:{percent(value, field.top)}"
    return (
        f'<svg class="{kind}" viewBox="0 0 {_ACROSS} {_UP}" preserveAspectRatio="none">'
        f'<path d="{_path(points, field)}"></path></svg>'
        f'<i class="al-dot {kind}" style="{place}"></i>'
    )


def _path(points: Sequence[Point], field: _Field) -> str:
    """Level, then up or down; of the points in one column the first, extremes and last."""
    across, up = _ACROSS / field.end, _UP / field.top
    places = [(round(at * across), round(_UP - value * up)) for at, value in points]
    drawn = []
    for x, column in groupby(places, key=lambda place: place[0]):
        ys = [y for _, y in column]
        wanted = [ys[0], min(ys), max(ys), ys[-1]] if len(ys) > 4 else ys
        drawn.append((x, [y for n, y in enumerate(wanted) if n == 0 or y != wanted[n - 1]]))
    (x, (y, *more)), *rest = drawn
    steps = [f"M{x} {y}", *(f"V{y}" for y in more)]
    for x, ys in rest:
        steps += [f"H{x}", *(f"V{y}" for y in ys)]
    return "".join(steps)


def _name(name: str, points: Sequence[Point], field: _Field) -> str:
    said = f'<span class="al-off-screen">: {escape(_said(points, field.unit))}</span>'
    most = max((value for _, value in points), default=0.0)
    return f'<span>{escape(name)} <b aria-hidden="true">≤ {_amount(most)}</b>{said}</span>'


def _sample() -> str:
    svg = '<svg viewBox="0 0 36 10"><path d="M0 5H32"></path></svg>'
    return f'<span class="al-sample" aria-hidden="true">{svg}<i class="al-dot"></i></span>'


def _limit_word(field: _Field, tag: str) -> str:
    if not field.limit:
        return ""
    words = f"limit {_amount(field.limit)} {escape(field.unit)}"
    return f'<{tag}><i class="al-limit"></i>{words}</{tag}>'


def _axis(field: _Field) -> str:
    times = seconds_html(field.tick, field.end)
    return f'<p class="al-axis" aria-hidden="true"><span class="al-track">{times}</span></p>'


def _cut(note: str) -> str:
    return f'<p class="al-cut">{note}</p>' if note else ""


# -- text ------------------------------------------------------------------------------


def _text(field: _Field) -> list[str]:
    width = len(_amount(field.top))
    foot = _times(field)
    found = []
    for name, points in field.lines:
        found += [f"{clean(name)}: {clean(_said(points, field.unit))}"]
        found += [*_rows(points, field, width), f"{'':{width}} {foot}", ""]
    if field.limit:
        found += [f"---- limit {_amount(field.limit)} {clean(field.unit)}"]
    return found


def _rows(points: Sequence[Point], field: _Field, width: int) -> list[str]:
    """A line as rows of signs, the largest amounts on top."""
    tall = [_tallest(points, field, column) for column in range(_COLUMNS)]
    high = None if not field.limit else min(int(field.limit / field.top * _ROWS), _ROWS - 1)
    rows = []
    for row in reversed(range(_ROWS)):
        blank = "-" if row == high else " "
        signs = "".join("#" if value > row / _ROWS * field.top else blank for value in tall)
        said = {_ROWS - 1: _amount(field.top), 0: "0"}.get(row, "")
        rows.append(f"{said:>{width}} |{signs}|")
    return rows


def _tallest(points: Sequence[Point], field: _Field, column: int) -> float:
    """The largest amount within a column; 0 before the first point and behind the last."""
    begin = field.end * column / _COLUMNS
    end = field.end * (column + 1) / _COLUMNS if column < _COLUMNS - 1 else math.inf
    held = [value for at, value in points if at <= begin][-1:]
    within = [value for at, value in points if begin < at < end]
    goes_on = bool(points) and points[-1][0] >= begin
    return max([*held, *within] if goes_on else [0.0], default=0.0)


def _times(field: _Field) -> str:
    """The axis of time: its first and its last mark."""
    last = seconds(field.tick, field.end)[-1]
    place = max(2, round(last[0] / field.end * _COLUMNS) - len(last[1]) + 1)
    return f" {'0':<{place}}{last[1]}"
