"""The sequence: lanes side by side, time going down, an arrow for each message and each write.

Bytes are square labels, messages are coloured words; the thick line is a call of the application.
Time is drawn in order, not to scale: where more than `GAP` seconds pass, a row says how long.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import clean, cut, dotted, duration, escape, fold, get, quoted

Step = Mapping[str, Any]

GAP = 0.1
_DETAIL = 80  # characters of a detail; arrows are short
_INDENT = " " * 12


def sequence(
    steps: Iterable[Step],
    *,
    title: str,
    caption: str = "",
    lanes: Sequence[str] = ("client", "server", "app"),
) -> Figure:
    """Draw who said what to whom, in time order.

    A step is an arrow: t (seconds), from, to (lanes), role, text, detail; or an event: t, event,
    at (a lane), role. `begins` is true on the step that calls the app, `ends` on the event that
    ends the call: between them the app's lane is thick.
    """
    rows = list(_rows(steps))
    seconds = max((row["t"] for row in rows if "t" in row), default=0) >= 10
    items = "\n".join(_row_html(row, lanes, seconds) for row in rows)
    names = "".join(f'<span style="--a:{n}">{escape(lane)}</span> ' for n, lane in enumerate(lanes))
    head = (
        f'<li class="al-names"><time>{"s" if seconds else "ms"}</time>'
        f'<div class="al-lanes">{names}</div></li>'
    )
    gaps = len(lanes) - 1
    html = f'<ol class="al-seq" role="list" style="--gaps:{gaps}">\n{head}\n{items}\n</ol>'
    text = [line for row in rows for line in _row_text(row, seconds, _width(lanes))]
    return Figure(
        framed(html, title=title, caption=caption),
        captioned(text, title=title, caption=caption),
    )


def _rows(steps: Iterable[Step]) -> Iterator[dict[str, Any]]:
    """The steps, with a row for each silence, and whether the app's call exists (`on`)."""
    open_calls, before = 0, None
    for step in steps:
        if before is not None and step["t"] - before > GAP:
            yield {"gap": step["t"] - before, "on": open_calls > 0}
        before = step["t"]
        open_calls += bool(step.get("begins"))
        yield {**step, "on": open_calls > 0}
        open_calls -= bool(step.get("ends"))


def _clock(t: float, seconds: bool) -> str:
    return f"{t:.2f}" if seconds else f"{t * 1000:.1f}"


# -- HTML ------------------------------------------------------------------------------


def _row_html(row: Step, lanes: Sequence[str], seconds: bool) -> str:
    if "gap" in row:
        inside = f'<p class="al-aside">{duration(row["gap"])} pass</p>'
        return f'<li class="{_classes("al-gap", row)}"><div class="al-lanes">{inside}</div></li>'
    kind, inside = _event(row, lanes) if "event" in row else _arrow(row, lanes)
    time = f"<time>{_clock(row['t'], seconds)}</time>"
    return f'<li class="{_classes(kind, row)}">{time} <div class="al-lanes">{inside}</div></li>'


def _classes(kind: str, row: Step) -> str:
    flags = {"on": "al-on", "begins": "al-begin", "ends": "al-stop"}
    role = [f"al-r-{quoted(row['role'])}"] if get(row, "role") else []
    return " ".join([kind, *role, *(flags[name] for name in flags if row.get(name))])


def _side(*at: int) -> str:
    """Which half a row uses: on a narrow screen its time stands in the other one."""
    return "al-right" if max(at) > 1 else "al-left"


def _event(row: Step, lanes: Sequence[str]) -> tuple[str, str]:
    at = lanes.index(row["at"])
    end = ' <b class="al-cross">×</b>' if row["role"] == "error" else ""
    edge = "al-at-last" if at == len(lanes) - 1 else "al-at-lane"
    inside = f'<p class="al-aside" style="--a:{at}">{end}{escape(row["event"])}</p>'
    return f"al-event {edge} {_side(at + 1)}", inside


def _arrow(row: Step, lanes: Sequence[str]) -> tuple[str, str]:
    a, b = lanes.index(row["from"]), lanes.index(row["to"])
    way = "al-to-right" if b > a else "al-to-left"
    wire = row["role"] == "wire"
    said = f'<span class="al-off-screen">{escape(row["from"])} to {escape(row["to"])}: </span>'
    text = (escape if wire else dotted)(cut(row["text"], _DETAIL))
    detail = get(row, "detail")
    small = f" <small>{escape(cut(detail, _DETAIL))}</small>" if detail else ""
    inside = (
        f'<div class="al-msg {way} {"al-tape" if wire else "al-said"}" style="--a:{a};--b:{b}">'
        f"{said}<code>{text}</code>{small}</div>"
    )
    return f"al-step {_side(a, b)}", inside


# -- text --------------------------------------------------------------------------------


def _width(lanes: Sequence[str]) -> int:
    return max(map(len, lanes))


def _row_text(row: Step, seconds: bool, width: int) -> list[str]:
    if "gap" in row:
        return [f"{_INDENT}({duration(row['gap'])} pass)"]
    clock = f"{_clock(row['t'], seconds):>7} {'s ' if seconds else 'ms'}  "
    if "event" in row:
        sign = "x" if row["role"] == "error" else "*"
        said = f"{row['at']:<{width}} {sign} {row['event']}"
    else:
        said = f"{row['from']:<{width}} -> {row['to']:<{width}}  {_said(row)}"
    first, *more = fold(clean(said), 76) if len(said) > 76 else [clean(said)]
    return [clock + first, *(_INDENT + "  " + line for line in more)]


def _said(row: Step) -> str:
    detail = get(row, "detail")
    text = cut(row["text"], _DETAIL)
    return f"{text}  ({cut(detail, _DETAIL)})" if detail else text
