"""The state machine: states down the page, under each the messages it allows and where they lead.

A message that stays has a loop; one that leads to another state has a track beside the text that
ends with an arrow at that state. Tracks that overlap lie in lanes of their own, the shortest
nearest. On a narrow screen nothing moves: the lanes are narrow, and the text wraps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import clean, dotted, escape, quoted

Step = Mapping[str, Any]


@dataclass
class _Track:
    """From the row of a message to the row of the state it leads to; `lane` 0 is the nearest."""

    start: int
    end: int
    role: str
    lane: int = 0

    @property
    def rows(self) -> tuple[int, int]:
        return min(self.start, self.end), max(self.start, self.end)

    def meets(self, other: "_Track") -> bool:
        """Whether both need the same height; two that end at one state may share its arrow."""
        (a, b), (c, d) = self.rows, other.rows
        return a <= d and c <= b


def machine(
    steps: Iterable[Step], *, title: str, caption: str = "", ends: Sequence[str] = ()
) -> Figure:
    """Draw a state machine.

    A step: from, to (states), role (send or receive), text (the message), when (a condition or
    ""), rule (the statement behind it). States stand in the order in which steps name them; `ends`
    are those in which a call may be over.
    """
    steps = list(steps)
    states = list(dict.fromkeys([s["from"] for s in steps] + [s["to"] for s in steps]))
    rows = [row for state in states for row in _rows(state, steps)]
    tracks = _tracks(rows)
    lanes = 1 + max((track.lane for track in tracks), default=-1)
    items = "\n".join(_item(row, number, ends) for number, row in enumerate(rows, 1))
    lines = "".join(_line(track) for track in tracks)
    html = (
        f'<div class="al-machine" style="--lanes:{lanes}">'
        f'<div aria-hidden="true" class="al-tracks">{lines}</div>\n'
        f'<ol role="list">\n{items}\n</ol></div>'
    )
    text = [line for row in rows for line in _text(row, ends)]
    return Figure(
        framed(html, title=title, caption=caption),
        captioned(text, title=title, caption=caption),
    )


def _rows(state: str, steps: list[Step]) -> list[Step]:
    """The row of a state, and below it the rows of its messages."""
    return [{"state": state}, *(step for step in steps if step["from"] == state)]


def _tracks(rows: list[Step]) -> list[_Track]:
    """The tracks, each in the nearest lane that is free over its whole height."""
    at = {row["state"]: number for number, row in enumerate(rows, 1) if "state" in row}
    found = [
        _Track(number, at[row["to"]], row["role"])
        for number, row in enumerate(rows, 1)
        if "state" not in row and row["to"] != row["from"]
    ]
    found.sort(key=lambda track: (track.rows[1] - track.rows[0], track.start))
    for number, track in enumerate(found):
        taken = {other.lane for other in found[:number] if track.meets(other)}
        track.lane = next(lane for lane in range(len(found)) if lane not in taken)
    return found


def _line(track: _Track) -> str:
    first, last = track.rows
    way = "al-down" if track.end == last else "al-up"
    place = f"--from:{first};--to:{last + 1};--lane:{track.lane}"
    return f'<i class="{way} al-r-{quoted(track.role)}" style="{place}"></i>'


def _item(row: Step, number: int, ends: Sequence[str]) -> str:
    place = f' style="--row:{number}"'
    if "state" in row:
        last = " al-last" if row["state"] in ends else ""
        return f'<li class="al-state-row{last}"{place}><b>{escape(row["state"])}</b></li>'
    stays = row["to"] == row["from"]
    sign = '<span class="al-loop" aria-hidden="true">↻</span> ' if stays else ""
    when = f' <span class="al-when">{escape(row["when"])}</span>' if row["when"] else ""
    to = "stays" if stays else f"to {escape(row['to'])}"
    rule = f' <span class="al-rule-id">{escape(row["rule"])}</span>'
    return (
        f'<li class="al-r-{quoted(row["role"])}"{place}>{sign}<span class="al-verb">'
        f'{escape(row["role"])}</span> <code class="al-t">{dotted(row["text"])}</code>{when}'
        f'<span class="al-off-screen"> {to}</span>{rule}</li>'
    )


def _text(row: Step, ends: Sequence[str]) -> list[str]:
    if "state" in row:
        return ["", f"[{clean(row['state'])}]" + (" the end" if row["state"] in ends else "")]
    to = "stays" if row["to"] == row["from"] else f"-> {clean(row['to'])}"
    when = f" ({clean(row['when'])})" if row["when"] else ""
    return [f"    {row['role']:<7} {clean(row['text'])}{when}  {to}  {clean(row['rule'])}"]
