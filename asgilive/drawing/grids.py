"""The grid: statements down the page, servers across, in each cell a verdict and its evidence.

A cell opens by itself, without script: below its row, what was seen and the lines of the recording.
Where the evidence lies on another page, the cell is a link to it. On a narrow screen a statement
stands above its marks, and the names of the servers stand upright.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import clean, count, cut, escape, fold, missing, prose, quoted

#: verdict → its sign and the class that dresses it, in the order of the legend
SIGNS = {
    "pass": ("✓", "al-pass"),
    "fail": ("✕", "al-fail"),
    "differs": ("≠", "al-differs"),
    "not-applicable": ("–", "al-absent"),
    "undecided": ("?", "al-absent"),
}

_LEVEL = 5  # names of servers that stand level; more of them stand upright
_SHORT = {"not-applicable": "-", "undecided": "?"}  # in text

_LINES_SHOWN, _LINE_SHOWN = 40, 400  # lines of evidence, and characters of one

Row = Mapping[str, Any]
Cell = Mapping[str, Any]


def grid(
    servers: Iterable[tuple[str, str]], rows: Iterable[Row], *, title: str, caption: str = ""
) -> Figure:
    """Draw verdicts by statement and server.

    `servers` are pairs of a name and a detail, say a version. A row: id, text, url, cells, and a
    cell for each server, in that order: verdict, said (what was seen instead, or ""), lines (the
    evidence), or in place of lines href (the page that has it).
    """
    names, every = list(servers), list(rows)
    group = f"al-{crc32(repr((title, names)).encode()):x}"  # one cell of a figure is open
    heads = "".join(
        f'<th scope="col" role="columnheader">{escape(name)}<small> {escape(detail)}</small></th>'
        for name, detail in names
    )
    lines = "\n".join(_row_html(row, names, group) for row in every)
    many = " al-many" if len(names) > _LEVEL else ""
    html = (
        f'<table class="al-grid{many}" role="table" style="--n:{len(names)}">'
        f'<thead role="rowgroup"><tr role="row">'
        f'<th scope="col" role="columnheader">statement</th>{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{lines}\n</tbody></table>\n{_legend(every)}'
    )
    return Figure(
        framed(html, title=title, caption=caption, kind=" al-gridfig"),
        captioned(_text(names, every), title=title, caption=caption),
    )


def _row_html(row: Row, names: Sequence[tuple[str, str]], group: str) -> str:
    cells = "".join(
        f'<td role="cell">{_cell_html(row, name, cell, group)}</td>'
        for (name, _), cell in zip(names, row["cells"], strict=True)
    )
    return (
        f'<tr role="row"><th scope="row" role="rowheader"><a href="{quoted(row["url"])}">'
        f"{escape(row['id'])}</a>{prose(row['text'])}</th>{cells}</tr>"
    )


def _cell_html(row: Row, name: str, cell: Cell, group: str) -> str:
    sign, kind = SIGNS[cell["verdict"]]
    label = quoted(f"{row['id']}, {name}: {cell['verdict']}")
    mark = f'<b aria-hidden="true">{sign}</b>'
    if cell.get("href"):
        tip = f' title="{quoted(cell["said"])}"' if cell["said"] else ""
        return (
            f'<a class="al-cell {kind}" href="{quoted(cell["href"])}" aria-label="{label}"{tip}>'
            f"{mark}</a>"
        )
    told = f" {prose(cell['said'])}" if cell["said"] else ""
    lines = cell["lines"]
    code = "".join(f"<code>{escape(line)}</code>" for line in _cut(lines))
    shown = f'<pre tabindex="0" aria-label="{label}, evidence">{code}</pre>' if code else ""
    return (
        f'<details class="al-cell {kind}" name="{group}"><summary aria-label="{label}">{mark}'
        f'</summary><div class="al-evidence"><p><b>{escape(row["id"])}, {escape(name)}: '
        f"{cell['verdict']}.</b>{told}</p>{shown}</div></details>"
    )


def _cut(lines: Sequence[str]) -> list[str]:
    note = missing(len(lines), _LINES_SHOWN, "line")
    shown = [cut(line, _LINE_SHOWN) for line in lines[:_LINES_SHOWN]]
    return shown + ([note] if note else [])


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    found = [cell["verdict"] for row in rows for cell in row["cells"]]
    return {verdict: found.count(verdict) for verdict in SIGNS if verdict in found}


def _legend(rows: Sequence[Row]) -> str:
    items = "".join(
        f'<li class="{SIGNS[verdict][1]}"><b aria-hidden="true">{SIGNS[verdict][0]}</b>'
        f"{number} {_word(verdict)}</li>"
        for verdict, number in _counts(rows).items()
    )
    return f'<ul class="al-legend al-verdicts" role="list">{items}</ul>'


def _word(verdict: str) -> str:
    return verdict.replace("-", " ")


def _text(names: Sequence[tuple[str, str]], rows: Sequence[Row]) -> list[str]:
    """The verdicts in columns; below them, in words, what does not pass."""
    widths = [max(len(name), len(detail), 7) + 2 for name, detail in names]
    heads = [
        "      " + "".join(f"{clean(part):<{w}}" for part, w in zip(line, widths, strict=True))
        for line in zip(*names, strict=True)
    ]
    marks = [
        f"{clean(row['id']):<6}"
        + "".join(
            f"{_SHORT.get(cell['verdict'], cell['verdict']):<{w}}"
            for cell, w in zip(row["cells"], widths, strict=True)
        )
        for row in rows
    ]
    totals = ", ".join(f"{number} {_word(verdict)}" for verdict, number in _counts(rows).items())
    notes = [
        line
        for row in rows
        for (name, _), cell in zip(names, row["cells"], strict=True)
        if cell["verdict"] != "pass"
        for line in fold(f"{row['id']} {name} {_word(cell['verdict'])}: {cell['said']}", 78, "    ")
    ]
    size = f"{count(len(rows), 'statement')}: {totals or 'none'}"
    return [line.rstrip() for line in [*heads, *marks]] + [
        "",
        size,
        *([""] if notes else []),
        *notes,
    ]
