"""The bits of a frame: each field at its place in the eight columns of a byte.

A field that begins amid a byte stands further to the right, so that the fields of one byte make a
stair; one of several bytes has a row for each. On a narrow screen the words stand under the bits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import clean, cut_html, escape, get, missing

Field = Mapping[str, Any]

BYTES_SHOWN = 8  # of a field


@dataclass
class _Row:
    """At most eight bits of a field; `byte` is the offset, for the first field of a byte."""

    byte: int | None
    column: int
    bits: str
    words: str


def frame(data: bytes, fields: Iterable[Field], *, title: str, caption: str = "") -> Figure:
    """Draw the bits of `data`, field by field.

    A field: name, start and size (in bits; it begins a byte, or ends within the one it begins in),
    text (what it says, or ""), notes (perhaps: a word for each of its bytes). Of a field longer
    than eight bytes the first eight are drawn.
    """
    fields = list(fields)
    parts = [(field, list(_rows(data, field)), _left_out(field)) for field in fields]
    items = "\n".join(_item(*part) for part in parts)
    html = f'<ol class="al-bits" role="list">\n{items}\n</ol>'
    wide = max((len(clean(field["name"])) for field in fields), default=0)
    text = [line for part in parts for line in _text(*part, wide)]
    return Figure(
        framed(html, title=title, caption=caption),
        captioned(["byte  bits", *text], title=title, caption=caption),
    )


def _rows(data: bytes, field: Field) -> Iterator[_Row]:
    start, size, notes = field["start"], field["size"], list(get(field, "notes", ()))
    for number, at in enumerate(range(start, start + min(size, 8 * BYTES_SHOWN), 8)):
        byte, column = divmod(at, 8)
        digits = f"{data[byte]:08b}"[column : column + min(size, 8)]
        yield _Row(None if column else byte, column, digits, notes[number] if notes else "")


def _left_out(field: Field) -> str:
    return missing(field["size"] // 8, BYTES_SHOWN)


def _item(field: Field, rows: list[_Row], left: str) -> str:
    name = f'{escape(field["name"])}<span class="al-off-screen">: {_said(rows)},</span>'
    first, *more = rows
    lines = [_line(first, name, field["text"]), *(_line(row, "", "") for row in more)]
    return f"<li>{''.join(lines)}{cut_html(left)}</li>"


def _said(rows: list[_Row]) -> str:
    return " ".join(row.bits for row in rows)


def _line(row: _Row, name: str, text: str) -> str:
    cells = "".join(f'<i class="al-b{digit}">{digit}</i>' for digit in row.bits)
    offset = "" if row.byte is None else str(row.byte)
    note = f"<code>{escape(row.words)}</code>" if row.words else ""
    words = " ".join(filter(None, (escape(text), note)))
    return (
        f'<p style="--at:{row.column + 1}"><span class="al-offset">{offset}</span> '
        f'<span class="al-byte" aria-hidden="true">{cells}</span> '
        f'<b>{name}</b> <span class="al-words">{words}</span></p>'
    )


def _text(field: Field, rows: list[_Row], left: str, wide: int) -> Iterator[str]:
    name, text = clean(field["name"]), clean(field["text"])
    for row in rows:
        offset = "" if row.byte is None else str(row.byte)
        digits = " " * row.column + row.bits
        words = "  ".join(filter(None, (f"{name:<{wide}}", text, clean(row.words))))
        yield f"{offset:>4}  {digits:<8}  {words}".rstrip()
        name = text = ""
    if left:
        yield f"{'':14}  {'':{wide}}  {left}"
