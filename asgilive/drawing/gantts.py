"""The Gantt chart: one lane for each client or task, bars on one axis of time.

A solid bar runs, a hollow one waits while the loop is free, a hatched one blocks the loop, a
dotted line has asked and is not yet served, a thin upright one is a moment. The kinds differ in
shape, so no colour is needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asgilive.drawing.axes import axis, percent, seconds_html
from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import clean, count, duration, escape

Bar = tuple[Any, ...]  # start, end, kind, and perhaps a word
Lane = tuple[str, Sequence[Bar]]

LANES_SHOWN = 60
_COLUMNS = 48  # of the bars in text
_KINDS = {
    "queue": ("asked, not yet served", "."),
    "wait": ("awaits, the loop is free", "-"),
    "block": ("blocks the loop", "x"),
    "run": ("runs, answers", "#"),
    "bad": ("failed", "!"),
    "mark": ("a moment", "|"),
}


def gantt(
    lanes: Iterable[Lane],
    *,
    title: str,
    caption: str = "",
    words: Mapping[str, str] | None = None,
) -> Figure:
    """Draw when each lane did what.

    `lanes` are pairs of a label and its bars; a bar is (start, end, kind) with times in seconds
    and a kind of `run`, `wait`, `block`, `queue`, `bad` or `mark`, and perhaps a word that it
    carries. `words` says what a kind means here, where the usual words do not fit. More than 60
    lanes are cut, and it says so.
    """
    legend = {kind: (words or {}).get(kind, usual) for kind, (usual, _) in _KINDS.items()}
    every = list(lanes)
    shown, left = every[:LANES_SHOWN], len(every) - LANES_SHOWN
    total = max((bar[1] for _, bars in every for bar in bars), default=0.0)
    note = f"… {count(left, 'more lane')}, not drawn" if left > 0 else ""
    html = _html(shown, total, note, legend)
    text = [
        *_text(shown, total),
        *([note] if note else []),
        "",
        *_legend_text(shown, total, legend),
    ]
    return Figure(
        framed(html, title=title, caption=caption),
        captioned(text, title=title, caption=caption),
    )


def _kinds(lanes: list[Lane]) -> list[str]:
    used = {bar[2] for _, bars in lanes for bar in bars}
    return [kind for kind in _KINDS if kind in used]


# -- HTML ----------------------------------------------------------------------------


def _html(lanes: list[Lane], total: float, note: str, legend: Mapping[str, str]) -> str:
    step, end = axis(total)
    dense = " al-dense" if len(lanes) > 24 else ""
    rows = "\n".join(_lane_html(label, bars, end) for label, bars in lanes)
    more = f'<p class="al-cut">{note}</p>' if note else ""
    return (
        f'<div class="al-time{dense}" style="--tick:{percent(step, end)}">\n'
        f'<ol role="list">\n{rows}\n</ol>{more}\n'
        f'<p class="al-lane al-total"><span>total <b>{duration(total)}</b></span>'
        f'<span class="al-track"><i style="--s:0;--e:{percent(total, end)}"></i></span></p>\n'
        f"{_ticks_html(step, end)}\n{_legend_html(lanes, legend)}\n</div>"
    )


def _lane_html(label: str, bars: Sequence[Bar], end: float) -> str:
    drawn = "".join(
        f'<i class="al-{escape(kind)}" style="--s:{percent(a, end)};--e:{percent(b, end)}">'
        f"{escape(' '.join(word))}</i>"
        for a, b, kind, *word in bars
    )
    said = f'<span class="al-off-screen">: {escape(_said(bars))}</span>'
    name = f'<span class="al-word">{escape(label)}{said}</span>'
    return f'<li class="al-lane">{name}<span class="al-track">{drawn}</span></li>'


def _said(bars: Sequence[Bar]) -> str:
    """What the bars of a lane show, in words."""
    said = (
        f"{kind} at {duration(a)}" if kind == "mark" else f"{kind} {duration(a)} to {duration(b)}"
        for a, b, kind, *_ in bars
    )
    return ", ".join(said) or "nothing"


def _ticks_html(step: float, end: float) -> str:
    return (
        f'<p class="al-lane al-axis" aria-hidden="true"><span></span>'
        f'<span class="al-track">{seconds_html(step, end)}</span></p>'
    )


def _legend_html(lanes: list[Lane], legend: Mapping[str, str]) -> str:
    signs = "".join(
        f'<span><i class="al-{kind}"></i>{escape(legend[kind])}</span>' for kind in _kinds(lanes)
    )
    return f'<p class="al-legend">{signs}</p>'


# -- text ------------------------------------------------------------------------------


def _text(lanes: list[Lane], total: float) -> list[str]:
    width = max((len(clean(label)) for label, _ in lanes), default=0)
    return [
        f"{clean(label):<{width}}  |{_bars_text(bars, total)}|  {_reach(bars)}".rstrip()
        + _words(bars)
        for label, bars in lanes
    ]


def _bars_text(bars: Sequence[Bar], total: float) -> str:
    cells = [" "] * _COLUMNS
    for start, end, kind, *_ in bars:
        first = min(int(start / (total or 1) * _COLUMNS), _COLUMNS - 1)
        last = max(first + 1, round(end / (total or 1) * _COLUMNS))
        cells[first:last] = _KINDS[kind][1] * (last - first)
    return "".join(cells[:_COLUMNS])


def _reach(bars: Sequence[Bar]) -> str:
    if not bars:
        return ""
    return f"{duration(bars[0][0])} to {duration(max(bar[1] for bar in bars))}"


def _words(bars: Sequence[Bar]) -> str:
    """What the bars carry, each once, in order."""
    words = dict.fromkeys(clean(word) for _, _, _, *more in bars for word in more if word)
    return f"  {', '.join(words)}" if words else ""


def _legend_text(lanes: list[Lane], total: float, legend: Mapping[str, str]) -> list[str]:
    signs = [f"{_KINDS[kind][1]} {legend[kind]}" for kind in _kinds(lanes)]
    return ["   ".join([f"total {duration(total)}", *signs])]
