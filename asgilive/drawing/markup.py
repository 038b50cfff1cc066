"""Bytes, values, times and prose, as HTML and as text. Whatever comes in may be hostile.

Bytes are spelled as Python spells them: printable ASCII as it is, the rest as `\\r`, `\\n`, `\\t`,
`\\\\` or `\\x..`. So a reader can copy them into a cell, and no byte can end our markup or turn
into an invisible or right-to-left character.
"""

import html
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

#: bytes of one piece that are shown, and characters of one value; the rest is counted
BYTES_SHOWN = VALUE_SHOWN = 160

#: ranges inside a piece of bytes: (start, end)
Ranges = Iterable[tuple[int, int]]

_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\"}
_SPELLING = [_SHORT.get(n) or (chr(n) if 0x20 <= n < 0x7F else f"\\x{n:02x}") for n in range(256)]
_PIECE = re.compile(rb"([ -\[\]-~]+)|\r?\n|(?:(?!\r\n)[^\n -\[\]-~])+")
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def _visible(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


def clean(text: str) -> str:
    """Text with control, zero-width, direction and surrogate characters spelled out."""
    return _HIDDEN.sub(_visible, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def escape(text: str) -> str:
    """Text that is safe between tags."""
    return html.escape(clean(text), quote=False)


def dotted(name: str) -> str:
    """A dotted name that may be broken behind its dots."""
    return escape(name).replace(".", ".<wbr>")


def quoted(text: str) -> str:
    """Text that is safe inside a double-quoted attribute."""
    return html.escape(clean(text))


def attributes(**values: object) -> str:
    """` name="value"` for each value that is not None; `data_al_link` is written `data-al-link`."""
    return "".join(
        f' {name.replace("_", "-")}="{quoted(str(value))}"'
        for name, value in values.items()
        if value is not None
    )


def prose(text: str) -> str:
    """A sentence of the book as HTML: text between back-ticks becomes code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # an odd back-tick is a back-tick
        parts[-2:] = ["`".join(parts[-2:])]
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends with a sign of its own."""
    return text if text.endswith((".", "?", "!", ":")) else text + "."


# -- numbers ----------------------------------------------------------------------


def count(number: int, noun: str) -> str:
    """`1 byte`, `65,536 bytes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A length of time at the precision a reader wants: `4 µs`, `0.59 ms`, `301 ms`, `1.22 s`."""
    if seconds < 0.0001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.01:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


# -- bytes --------------------------------------------------------------------------


def spell(data: bytes) -> str:
    """Bytes as text, the way Python spells them between its quotes."""
    return "".join([_SPELLING[byte] for byte in data])


def missing(size: int, shown: int, noun: str = "byte") -> str:
    """What to write where something was cut; empty where nothing was."""
    return f"… {size - shown:,} more, {count(size, noun)} in all" if size > shown else ""


def spell_cut(data: bytes, shown: int = BYTES_SHOWN, *, digits: bool = False) -> str:
    """Bytes as text, cut when long; with `digits` as pairs of hexadecimal digits."""
    text = data[:shown].hex(" ") if digits else spell(data[:shown])
    return " ".join(filter(None, [text, missing(len(data), shown)]))


def show(
    data: bytes,
    marks: Ranges = (),
    framing: Ranges = (),
    *,
    lines: bool = False,
    digits: bool = False,
    shown: int = BYTES_SHOWN,
) -> str:
    """Bytes as HTML: `marks` carry the meaning, `framing` is the sender's own.

    With `lines` a line break follows each line end that has more behind it. With `digits` a byte
    is two hexadecimal digits, as the binary frames of a WebSocket are read.
    """
    kinds = _kinds(data[:shown], marks, framing)
    runs = [(kind, list(at)) for kind, at in groupby(range(len(kinds)), kinds.__getitem__)]
    texts = (
        data[at[0] : at[-1] + 1].hex(" ") if digits else _run(data, at[0], at[-1] + 1, lines)
        for _, at in runs
    )
    spans = [
        f'<span class="{kind}">{text}</span>' if kind else text
        for (kind, _), text in zip(runs, texts, strict=True)
    ]
    return (" " if digits else "").join(spans) + cut_html(missing(len(data), shown))


def cut_html(note: str) -> str:
    """How much is missing, set apart from what is shown."""
    return f' <span class="al-cut">{note}</span>' if note else ""


def _kinds(data: bytes, marks: Ranges, framing: Ranges) -> list[str]:
    """One class name for each byte; blank edges are `al-sp`, so that they can be seen."""
    kinds = [""] * len(data)
    lead, tail = len(data) - len(data.lstrip(b" ")), len(data.rstrip(b" "))
    blank = ((0, lead), (max(lead, tail), len(data)))
    for kind, ranges in (("al-sp", blank), ("al-framing", framing), ("al-part", marks)):
        for start, end in ranges:
            for at in range(max(start, 0), min(end, len(data))):
                kinds[at] = kind
    return kinds


def _run(data: bytes, start: int, end: int, lines: bool) -> str:
    return "".join(_pieces(data, start, end, lines))


def _pieces(data: bytes, start: int, end: int, lines: bool) -> Iterator[str]:
    """Printable text as it is, the rest in the quiet colour; a break after a line end if asked."""
    for match in _PIECE.finditer(data, start, end):
        if match[1]:
            yield html.escape(match[1].decode("ascii"), quote=False)
            continue
        yield f'<i class="al-nl">{spell(match[0])}</i>'
        if lines and match[0].endswith(b"\n") and match.end() < len(data):
            yield "<br>"


# -- values ----------------------------------------------------------------------------


_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


def literal(value: object) -> str:
    """A value as Python source with double quotes, the way the book's cells write it."""
    match value:
        case str():
            return '"' + clean(value.translate(_QUOTED)) + '"'
        case bytes() | bytearray():
            return 'b"' + spell(bytes(value)).replace('"', '\\"') + '"'
        case tuple():
            return "(" + ", ".join(map(literal, value)) + ("," if len(value) == 1 else "") + ")"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case dict():
            inner = (f"{literal(key)}: {literal(item)}" for key, item in value.items())
            return "{" + ", ".join(inner) + "}"
        case _:
            return repr(value)


def cut(text: str, shown: int = VALUE_SHOWN) -> str:
    """A written value, cut when long."""
    note = missing(len(text), shown, "character")
    return f"{text[:shown]} {note}" if note else text


Keys = Sequence[tuple[str, str]]


def lines_of(name: str, value: object) -> list[tuple[str, str]]:
    """A key and its value, written: a list of pairs that is long gets a line for each pair."""
    if not isinstance(value, list) or len(value) < 2 or len(literal(value)) < 60:
        return [(name, literal(value))]
    first, *middle, last = map(literal, value)
    more = [("", f" {one},") for one in middle]
    return [(name, f"[{first},"), *more, ("", f" {last}]")]


def key_html(name: str, value: str) -> str:
    """One line of a card: `"path": "/greet"`.

    Without a name it is words, or, where it begins with a blank, a value that goes on.
    """
    if not name:
        kind = "al-v al-more" if value.startswith(" ") else "al-k"
        return f'<code><span class="{kind}">{escape(cut(value))}</span></code>'
    return f'<code><span class="al-k">{escape(literal(name))}: </span>{value_html(value)}</code>'


def value_html(value: str) -> str:
    """A written value, cut when long."""
    rest = cut_html(missing(len(value), VALUE_SHOWN, "character"))
    return f'<span class="al-v">{escape(value[:VALUE_SHOWN])}</span>{rest}'


def key_text(name: str, value: str) -> str:
    """The same line as text."""
    return clean(f"{literal(name)}: {cut(value)}" if name else cut(value))


# -- text in columns -----------------------------------------------------------------


def fold(text: str, width: int, indent: str = "") -> list[str]:
    """Text in lines of at most `width`; at blanks where there are some, else anywhere."""
    lines = textwrap.wrap(
        clean(text), width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    )
    return lines or [""]


def beside(left: list[str], middle: str, right: list[str], widths: tuple[int, int]) -> list[str]:
    """Two columns with a sign between them; the sign stands on the first line."""
    rows = max(len(left), len(right), 1)
    at = [column + [""] * (rows - len(column)) for column in (left, right)]
    signs = [middle] + [""] * (rows - 1)
    return [
        f"{a:<{widths[0]}}{m:<{widths[1]}}{b}".rstrip()
        for a, m, b in zip(at[0], signs, at[1], strict=True)
    ]


def get(row: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """A field of a row that may be left out, or be None."""
    value = row.get(name)
    return default if value is None else value
