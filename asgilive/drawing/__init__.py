"""Figures from plain data: the same facts as HTML and as text.

The rules every view keeps:

* Plain data in (dicts, tuples, str, bytes, numbers), a `Figure` out. Nothing of ours is imported.
* HTML carries classes and bare numbers. No colour, no pixel, no font, no `id`, no script, no link
  to a server that may be gone: one file, `style/tokens.css`, knows what a role looks like.
* Reading order is DOM order, and what a colour says, a shape or a word says too.
* The text alternative holds the same facts and is laid out to be read in a terminal.
* Everything is escaped. What is too long is cut, and the figure says how much is missing.

One file holds one idea: `markup` (escaping, bytes, values, cuts), `axes` (round steps), `figure`
(what a figure is), and a file for each view.
"""

from asgilive.drawing.cards import card, failure, statement, table, verdict
from asgilive.drawing.charts import chart
from asgilive.drawing.exchanges import call, line, reply
from asgilive.drawing.figure import Figure, script, style
from asgilive.drawing.frames import frame
from asgilive.drawing.gantts import gantt
from asgilive.drawing.grids import grid
from asgilive.drawing.machines import machine
from asgilive.drawing.markup import literal
from asgilive.drawing.sequences import sequence
from asgilive.drawing.wires import wire

STYLE: str
SCRIPT: str

__all__ = [
    "SCRIPT",
    "STYLE",
    "Figure",
    "call",
    "card",
    "chart",
    "failure",
    "frame",
    "gantt",
    "grid",
    "line",
    "literal",
    "machine",
    "reply",
    "sequence",
    "statement",
    "table",
    "verdict",
    "wire",
]


def __getattr__(name: str) -> str:
    """`STYLE` and `SCRIPT` are read at first use: most programs that import this draw nothing."""
    if name in ("STYLE", "SCRIPT"):
        return style() if name == "STYLE" else script()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
