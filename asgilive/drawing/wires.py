"""The wire beside the messages: every byte on the left, what it became on the right.

Rows come in reading order (their shapes are in `wire`). They are gathered into blocks first: a
message and all that belongs to it is one block, so that the drawing can put a frame around it and
light all of its bytes at once. HTML and text are then two spellings of the same blocks.

A pair is a label around a radio button. So the keyboard has one stop for a figure and arrow keys
inside it, a finger can choose a pair, and a screen reader hears bytes and key together: without
any script. What comes in is told in the order in which it happens: the scope's call stands at the
foot of its card, below the bytes it was made from; a `send` stands above the bytes it wrote.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import (
    Keys,
    beside,
    clean,
    count,
    dotted,
    duration,
    escape,
    fold,
    get,
    key_html,
    key_text,
    prose,
    quoted,
    show,
    spell_cut,
)

Row = Mapping[str, Any]

_WAY = {"in": "client to server", "out": "server to client"}
_LEFT, _SIGN, _RIGHT = 38, 9, 45  # columns of the text alternative
_OURS = ' data-lm-suppress-shortcuts=""'  # JupyterLab: the arrow keys are not for its cells
_PARTS = ("pair", "own", "rest", "bytes")


@dataclass
class _Block:
    """A message with its parts, or one row that stands alone."""

    row: Row
    parts: list[Row] = field(default_factory=list)


def wire(rows: Iterable[Row], *, title: str, caption: str = "") -> Figure:
    """Draw bytes on the wire beside the messages they became.

    `rows` are in reading order. Offsets count bytes of one direction of the connection, times are
    seconds since its first byte. A row is one of

    * `tape`: way, title, size. A run of bytes in one direction begins.
    * `message`: role, name, verb, t, error. A card opens; the next message, turn, note or tape
      closes it.
    * `pair`: role, way, at, bytes, marks, framing, indent, keys. A piece of bytes and its keys.
    * `own`: keys, note. Keys the server knew without the bytes.
    * `rest`: keys. Keys of the card that no byte stands for.
    * `bytes`: at, bytes, note, role. Bytes that belong to no message.
    * `turn`: text, took.  `note`: role, text.
    """
    blocks = _blocks(rows)
    digits = max((len(str(part["at"])) for part in _all(blocks) if "at" in part), default=1)
    name = f"al-{zlib.crc32(repr(blocks).encode('utf-8', 'replace')):08x}"
    items = "\n".join(_block_html(block, name, blocks) for block in blocks)
    html = f'<ol class="al-x" role="list" style="--digits:{digits}">\n{items}\n</ol>'
    text = [line for block in blocks for line in _block_text(block, blocks)]
    return Figure(
        framed(html, title=title, caption=caption),
        captioned(text, title=title, caption=caption),
    )


def _blocks(rows: Iterable[Row]) -> list[_Block]:
    """Gather rows into blocks; number what becomes something; free the bytes behind a card."""
    blocks: list[_Block] = []
    number = 0
    for row in rows:
        if row["row"] in ("pair", "own"):
            number += 1
            row = {**row, "no": number}
        if row["row"] in _PARTS and blocks and blocks[-1].row["row"] == "message":
            blocks[-1].parts.append(row)
        else:
            blocks.append(_Block(row))
    return [free for block in blocks for free in _freed(block)]


def _freed(block: _Block) -> list[_Block]:
    """Bytes behind the last part of a card belong to the wire alone."""
    kept = len(block.parts)
    while kept and block.parts[kept - 1]["row"] == "bytes":
        kept -= 1
    return [_Block(block.row, block.parts[:kept]), *map(_Block, block.parts[kept:])]


def _all(blocks: list[_Block]) -> Iterable[Row]:
    for block in blocks:
        yield block.row
        yield from block.parts


def _called_late(row: Row) -> bool:
    """The call of the app stands below the bytes that led to it."""
    return bool(get(row, "role") == "scope")


# -- HTML ---------------------------------------------------------------------------------


def _block_html(block: _Block, name: str, blocks: list[_Block]) -> str:
    match block.row["row"]:
        case "message":
            return _card_html(block, name)
        case "tape":
            return _tape_html(block.row, first=_is_first(block, blocks))
        case "turn":
            return _turn_html(block.row)
        case "note":
            return _note_html(block.row)
        case _:
            return _part_html(block.row, name)


def _is_first(block: _Block, blocks: list[_Block]) -> bool:
    """The heading of the right column stands once, and only over messages."""
    first = next(b for b in blocks if b.row["row"] == "tape")
    return block is first and any(b.row["row"] == "message" for b in blocks)


def _tape_html(row: Row, *, first: bool) -> str:
    right = "<p><b>app(scope, receive, send)</b></p>" if first else ""
    size = _size(row)
    more = f" <span>{size}</span>" if size else ""
    return f'<li class="al-x-title"><p><b>{escape(row["title"])}</b>{more}</p> {right}</li>'


def _size(row: Row) -> str:
    """How much, and which way; not the way again where the title says it."""
    way, size = _WAY[row["way"]], get(row, "size")
    said = [] if size is None else [count(size, "byte")]
    return ", ".join(said + ([] if row["title"] == way else [way]))


def _card_html(block: _Block, name: str) -> str:
    row = block.row
    parts = "\n".join(_part_html(part, name) for part in block.parts)
    inner = f'<ol role="list">\n{parts}\n</ol>' if parts else ""
    said = f' <span class="al-aside">{escape(get(row, "verb", ""))}</span> {_time(row)}'
    late = _called_late(row)
    foot = f'<p class="al-foot">{said}</p>' if late else ""
    error = _error_html(row)
    return (
        f'<li class="al-card al-r-{quoted(row["role"])}"><p class="al-head">'
        f"<code>{dotted(row['name'])}</code>{'' if late else said}</p>{inner}{error}{foot}</li>"
    )


def _time(row: Row) -> str:
    t = get(row, "t")
    return "" if t is None else f"<time>{duration(t)}</time>"


def _error_html(row: Row) -> str:
    error = get(row, "error")
    return f'<p class="al-raised al-r-error">raises {escape(error)}</p>' if error else ""


def _part_html(row: Row, name: str) -> str:
    match row["row"]:
        case "pair" | "own":
            return _pair_html(row, name)
        case "rest":
            return f'<li class="al-rest"><div class="al-keys">{_keys_html(row["keys"])}</div></li>'
        case _:
            return _bytes_html(row)


def _keys_html(keys: Keys) -> str:
    return " ".join(key_html(*key) for key in keys)


def _pair_html(row: Row, name: str) -> str:
    own = row["row"] == "own"
    role = "server" if own else row["role"]
    out = get(row, "way") == "out"
    kind = f"al-pair al-r-{quoted(role)}{' al-out' if out else ''}{' al-own' if own else ''}"
    left = _own_html(row) if own else _piece_html(row)
    word = "comes from" if out else "becomes"
    return (
        f'<li class="{kind}"><label><span class="al-bytes">{left}</span> '
        f'<span class="al-no"><input type="radio" name="{name}"{_OURS}><b>{row["no"]}</b>'
        f'<span class="al-off-screen"> {word} </span></span>'
        f'<span class="al-keys">{_keys_html(row["keys"])}</span></label></li>'
    )


def _own_html(row: Row) -> str:
    note = escape(get(row, "note", ""))
    return f'<span class="al-offset"></span><span class="al-aside">{note}</span>'


def _piece_html(row: Row) -> str:
    """Offset and bytes. `--at` is where the piece stands in its line, `--n` how wide it is."""
    indent, text = get(row, "indent", 0), _piece_text(row)
    style = f' style="--at:{indent};--n:{len(text)}"' if indent else ""
    bytes_ = show(row["bytes"], get(row, "marks", ()), get(row, "framing", ()), **_size_of(row))
    return f'<span class="al-offset">{row["at"]}</span> <code{style}>{bytes_}</code>'


def _size_of(row: Row) -> dict[str, Any]:
    """How a row's bytes are written, and how many of them."""
    return {"digits": True, "shown": 48} if get(row, "hex") else {"shown": 160}


def _bytes_html(row: Row) -> str:
    role, note, data = get(row, "role"), get(row, "note"), row["bytes"]
    kind = f" al-r-{quoted(role)}" if role else ""
    text = show(data, (), [(0, len(data))] if role else (), lines=True, **_size_of(row))
    aside = f' <span class="al-aside">{escape(note)}</span>' if note else ""
    return (
        f'<li class="al-bare{kind}"><div class="al-bytes"><span class="al-offset">{row["at"]}'
        f"</span> <span><code>{text}</code>{aside}</span></div></li>"
    )


def _turn_html(row: Row) -> str:
    took = get(row, "took")
    time = "" if took is None else f"<time>{duration(took)}</time>"
    said = f'<span class="al-aside">{escape(row["text"])}</span>'
    return f'<li class="al-turn"><p>{said} {time}</p></li>'


def _note_html(row: Row) -> str:
    role = quoted(get(row, "role", "app"))
    return f'<li class="al-note al-r-{role}"><p>{prose(row["text"])}</p></li>'


# -- text ------------------------------------------------------------------------------------


def _block_text(block: _Block, blocks: list[_Block]) -> list[str]:
    row = block.row
    match row["row"]:
        case "message":
            return _card_text(block)
        case "tape":
            right = ["app(scope, receive, send)"] if _is_first(block, blocks) else []
            said = ", ".join(filter(None, [row["title"], _size(row)]))
            return ["", *_columns(fold(said, _LEFT + _SIGN - 1), "", right)]
        case "turn":
            took = get(row, "took")
            return _said_text(row["text"] + ("" if took is None else f", {duration(took)}"))
        case "note":
            return _said_text(row["text"])
        case _:
            return _part_text(row)


def _columns(left: list[str], sign: str, right: list[str]) -> list[str]:
    return beside(left, sign, right, (_LEFT, _SIGN))


def _said_text(text: str, indent: str = "") -> list[str]:
    """Words in the right column."""
    return _columns([], "", [indent + line for line in fold(text, _RIGHT - len(indent), "  ")])


def _card_text(block: _Block) -> list[str]:
    row, late = block.row, _called_late(block.row)
    t = get(row, "t")
    said = get(row, "verb", "") + ("" if t is None else f", {duration(t)}")
    lines = _said_text(row["name"] if late else f"{row['name']}, {said}")
    lines += [line for part in block.parts for line in _part_text(part)]
    if get(row, "error"):
        lines += _said_text(f"raises {row['error']}", "  ")
    return lines + (_said_text(said, "  ") if late else [])


def _part_text(row: Row) -> list[str]:
    keys = [line for key in get(row, "keys", ()) for line in fold(key_text(*key), _RIGHT - 2, "  ")]
    right = ["  " + line for line in keys]
    note = get(row, "note")
    if row["row"] in ("rest", "own"):
        left = fold(note, _LEFT - 8) if note else []
        return _columns(["      " + line for line in left], _sign(row), right)
    piece = _piece_text(row) + (f"  {clean(note)}" if note else "")
    indent = max(0, min(get(row, "indent", 0), _LEFT - 7 - len(piece)))
    return _columns(_offset_text(row, " " * indent + piece), _sign(row), right)


def _piece_text(row: Row) -> str:
    return spell_cut(row["bytes"], **_size_of(row))


def _offset_text(row: Row, piece: str) -> list[str]:
    """The piece in lines behind its offset; blanks are bytes here, so they stay."""
    width = _LEFT - 7
    lines = [piece[at : at + width] for at in range(0, len(piece), width)] or [""]
    return [f"{row['at']:>5} {lines[0]}", *("      " + line for line in lines[1:])]


def _sign(row: Row) -> str:
    """`-- 9 ->` into the app, `<- 9 --` out of it, `.. 9 .>` from the server itself."""
    if "no" not in row:
        return ""
    if row["row"] == "own":
        return f"..{row['no']:>2} .>"
    return f"<-{row['no']:>2} --" if get(row, "way") == "out" else f"--{row['no']:>2} ->"
