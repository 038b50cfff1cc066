"""Small cards: a running site, a verdict, an error shown on purpose, a statement, a table.

A site's card is a record. It says what was true when it was drawn, and holds neither a frame nor
a link to a server that may be gone: only `data-al-link`. `style/figures.js` asks that address and,
where something answers, adds link, button and preview. Without it the card says "recorded".
"""

import re
from collections.abc import Iterable, Sequence

from asgilive.drawing.figure import Figure, captioned, framed
from asgilive.drawing.markup import (
    attributes,
    clean,
    count,
    cut,
    escape,
    fold,
    literal,
    prose,
    quoted,
)

_LOG_SHOWN = 20
_STATES = {
    "running": ("al-recorded", "recorded"),
    "stopped": ("", "stopped"),
    "failed": ("al-failed", "failed"),
}


def card(
    name: str,
    state: str,
    facts: Iterable[tuple[str, str]],
    *,
    link: str | None = None,
    preview: str | None = None,
    log: Sequence[str] = (),
) -> Figure:
    """Draw the card of a site.

    `state` is `running`, `stopped` or `failed`; `facts` are labels and values. `link` is the
    address for the reader's browser, `preview` the path a live card shows in its frame (none:
    no frame). `log` is what the server would have printed.
    """
    pairs = list(facts)
    live = attributes(data_al_link=link, data_al_preview=preview) if state == "running" else ""
    sign, word = _STATES[state]
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in pairs)
    html = (
        f'<section class="al al-fig al-sites" aria-label="Site {quoted(name)}">'
        f'<div class="al-site"{live}><div class="al-site-about">'
        f'<p class="al-site-name"><b>{escape(name)}</b>'
        f'<span class="al-state {sign}" role="status">{word}</span></p>'
        f"<dl>{rows}</dl>{_log_html(log)}</div></div></section>"
    )
    return Figure(html, "\n".join(_card_text(name, state, pairs, link, log)))


def _log_html(log: Sequence[str]) -> str:
    if not log:
        return ""
    lines = "".join(f"<li><code>{escape(cut(text))}</code></li>" for text in log[-_LOG_SHOWN:])
    left = len(log) - _LOG_SHOWN
    more = f"<li>… {count(left, 'earlier line')}</li>" if left > 0 else ""
    return (
        f'<details class="al-log"><summary>{count(len(log), "line")} in the log</summary>'
        f'<ol role="list">{more}{lines}</ol></details>'
    )


def _card_text(
    name: str, state: str, facts: list[tuple[str, str]], link: str | None, log: Sequence[str]
) -> list[str]:
    width = max((len(label) for label, _ in facts), default=0)
    lines = [f"{name}: {state}" + (f" at {link}" if link and state == "running" else "")]
    lines += [f"  {label:<{width}}  {value}" for label, value in facts]
    lines += [f"  log  {cut(text)}" for text in log[-_LOG_SHOWN:]]
    return [clean(line) for line in lines]


def verdict(
    ok: bool,
    exercise: str,
    sentence: str,
    hints: Sequence[str] = (),
    evidence: Figure | None = None,
) -> Figure:
    """Draw the verdict of a check: *pass* or *not yet*, one sentence, hints one behind the other.

    `evidence` is a figure of what the check saw; it is folded, as the hints are.
    """
    word, kind = ("pass", "al-yes") if ok else ("not yet", "al-not-yet")
    folds = [_fold(f"Hint {n}", f"<p>{prose(hint)}</p>") for n, hint in enumerate(hints, 1)]
    steps = '<ol role="list">' + "".join(f"<li>{one}</li>" for one in folds) + "</ol>"
    seen = _fold("What the check saw", evidence.html) if evidence else ""
    html = (
        f'<section class="al al-fig al-check {kind}" aria-label="Check {quoted(exercise)}"><div>'
        f'<p class="al-said"><b>{word}</b> <span><small>{escape(exercise)}</small> '
        f"{prose(_begun(sentence))}</span></p>{steps if folds else ''}"
        f'<div class="al-evidence">{seen}</div></div></section>'
    )
    return Figure(html, "\n".join(_verdict_text(word, exercise, sentence, hints, evidence)))


def _begun(sentence: str) -> str:
    """A sentence with its capital; a name out of code keeps its own: `to_path('/')` gives …"""
    code = re.match(r"\w*[_(\[.=]", sentence)
    return sentence if code else sentence[:1].upper() + sentence[1:]


def _fold(name: str, inner: str) -> str:
    return f"<details><summary>{name}</summary>{inner}</details>"


def _verdict_text(
    word: str, exercise: str, sentence: str, hints: Sequence[str], evidence: Figure | None
) -> list[str]:
    lines = [clean(f"{word}: {exercise}: {sentence}")]
    lines += [clean(f"  hint {n}: {hint}") for n, hint in enumerate(hints, 1)]
    return lines + (["", evidence.text] if evidence else [])


def failure(text: str) -> Figure:
    """Draw what went wrong, in one line: `RuntimeError: no running loop`, or a plain sentence."""
    said = " ".join(clean(text).split())
    name, colon, rest = said.partition(":")
    if not _is_error(name):
        return Figure(f'<p class="al al-failure">{prose(said)}</p>', said)
    code = f"<b>{escape(name)}</b>{colon}{escape(cut(rest, 1000))}"
    return Figure(f'<p class="al al-failure al-r-error"><code>{code}</code></p>', said)


def _is_error(name: str) -> bool:
    """Whether this is the name of an exception class, with its module or without."""
    return name.replace(".", "").isidentifier() and name.rpartition(".")[2][:1].isupper()


_LEVELS = {"M": "must", "S": "should", "Y": "may", "D": "defined"}


def statement(id: str, level: str, actor: str, since: str, text: str, url: str) -> Figure:
    """Draw one statement of the specification: its number, what it says, who must keep it."""
    word = _LEVELS.get(level, level)
    html = (
        f'<div class="al al-fig al-statement"><p><a href="{quoted(url)}">{escape(id)}</a> '
        f"<span>{prose(text)}</span> <small>{escape(word)}, {escape(actor)}, "
        f"since {escape(since)}</small></p></div>"
    )
    lines = fold(f"{id}  {text}", 86, "     ")
    return Figure(html, "\n".join([*lines, clean(f"     {word}, {actor}, since {since}: {url}")]))


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    title: str,
    caption: str = "",
) -> Figure:
    """Draw a quiet table. The first cell of a row names it; numbers stand to the right."""
    body = [list(row) for row in rows]
    numbers = [_is_number_column(body, n) for n in range(len(head))]
    top = "".join(
        _cell("th", cell, n, ' scope="col"') for cell, n in zip(head, numbers, strict=True)
    )
    lines = "\n".join(_row_html(row, numbers) for row in body)
    html = (
        f'<div class="al-scroll" tabindex="0" role="group" aria-label="{quoted(title)}">'
        f'<table class="al-table"><thead><tr>{top}</tr></thead>'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )
    return Figure(
        framed(html, title=title, caption=caption),
        captioned(_table_text([list(head), *body], numbers), title=title, caption=caption),
    )


def _is_number_column(rows: list[list[object]], n: int) -> bool:
    return bool(rows) and all(isinstance(row[n], int | float) for row in rows)


def _written(cell: object) -> str:
    """Words and numbers as they are, bytes as Python writes them."""
    if isinstance(cell, bytes):
        return cut(literal(cell))
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def _row_html(row: list[object], numbers: list[bool]) -> str:
    first, *rest = row
    cells = [_cell("td", cell, n) for cell, n in zip(rest, numbers[1:], strict=True)]
    return "<tr>" + "".join([_cell("th", first, numbers[0], ' scope="row"'), *cells]) + "</tr>"


def _cell(tag: str, cell: object, number: bool, more: str = "") -> str:
    kind = ' class="al-number"' if number else ""
    code = isinstance(cell, bytes)
    text = f"<code>{escape(_written(cell))}</code>" if code else prose(_written(cell))
    return f"<{tag}{kind}{more}>{text}</{tag}>"


def _table_text(rows: list[list[object]], numbers: list[bool]) -> list[str]:
    cells = [[" ".join(clean(_written(cell)).split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_aligned(row, widths, numbers) for row in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _aligned(row: list[str], widths: list[int], numbers: list[bool]) -> str:
    cells = (
        f"{cell:>{width}}" if number else f"{cell:<{width}}"
        for cell, width, number in zip(row, widths, numbers, strict=True)
    )
    return "  ".join(cells).rstrip()
