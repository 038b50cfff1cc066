"""Boxes and lists in text: plain Markdown in, the page's own HTML out.

A box is a blockquote, known by its first bold words (`BOXES`).  A list whose items all start with
bold words is a list of terms.  No word is changed; what is only a mark in plain Markdown (the
number of the right answer, the brackets behind an aside's name) moves to where the page shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from docutils import nodes

Children = list[nodes.Node]


def raw(text: str) -> nodes.raw:
    """HTML as it is, between other nodes."""
    return nodes.raw("", text, format="html")


def span(block: nodes.Node) -> nodes.inline:
    """The words of a paragraph, to stand inside other HTML."""
    return nodes.inline("", "", *block.children)


def inline(children: Children) -> Children:
    """A lone paragraph as words, or the blocks themselves where there are more."""
    lone = len(children) == 1 and isinstance(children[0], nodes.paragraph)
    return [span(children[0])] if lone else children


def content(block: nodes.Node) -> Children:
    """What a paragraph holds, without the empty text the parser puts before bold words."""
    return [part for part in block.children if isinstance(part, nodes.Element) or part.astext()]


def bold_opening(block: nodes.Node) -> tuple[str, Children] | None:
    """The bold words a block starts with, and its children without them; None if there are none."""
    first = next(iter(block.children), None)
    if not isinstance(first, nodes.paragraph) or not isinstance(content(first)[0], nodes.strong):
        return None
    words, *rest = content(first)
    if rest and isinstance(rest[0], nodes.Text):
        rest[0] = nodes.Text(rest[0].lstrip())
    paragraph = nodes.paragraph("", "", *rest)
    return words.astext(), [*([paragraph] if rest else []), *block.children[1:]]


# ---- boxes ---------------------------------------------------------------------------------------


def predict(label: str, children: Children, number: int) -> Children:
    """A question, its options as radio buttons, and the answer, which opens after a choice."""
    question, *rest = children
    tag = f'<span class="al-tag">{label}</span>'
    at = next((at for at, part in enumerate(rest) if is_options(part)), None)
    if at is None:
        start = raw(f'<div class="al al-box al-predict al-open"><p>{tag}')
        return [start, span(question), raw("</p>"), *rest, raw("</div>")]
    answer = rest[at + 1 :]
    commit = "Choose one; then the answer can be opened." if answer else "Choose one, then read on."
    return [
        raw(f'<fieldset class="al al-box al-predict"><legend>{tag}'),
        span(question),
        raw("</legend>"),
        *rest[:at],
        *options(rest[at], right_option(answer), number),
        raw(f'<p class="al-commit">{commit}</p>'),
        *answer,
        raw("</fieldset>"),
    ]


def is_options(node: nodes.Node) -> bool:
    """True for the numbered list of a prediction."""
    return isinstance(node, nodes.enumerated_list)


def options(items: nodes.Node, right: int | None, number: int) -> Children:
    """One radio button an item; the right one has a word that shows once the answer is open."""
    parts: Children = []
    for at, item in enumerate(items.children, 1):
        value, mark = ("right", "measured") if at == right else (str(at), "")
        start = f'<label><input type="radio" name="predict-{number}" value="{value}"><span>'
        end = f"</span><small>{mark}</small></label>"
        parts += [raw(start), *inline(list(item.children)), raw(end)]
    return parts


def right_option(answer: Children) -> int | None:
    """The number an answer starts with in bold; it is taken out of the text."""
    for paragraph in (part for part in answer if isinstance(part, nodes.paragraph)):
        first = next(iter(content(paragraph)), None)
        found = re.fullmatch(r"(\d+)\.", first.astext() if first else "")
        if first and found and isinstance(first, nodes.strong):
            paragraph.remove(first)
            return int(found[1])
    return None


def heard_often(label: str, children: Children, number: int) -> Children:
    """A wrong belief, as someone would say it, and what settles it."""
    belief, *rest = children
    box = f'<div class="al al-box al-belief" role="note" aria-label="{label}">'
    start = raw(f"{box}<p>{label}</p><blockquote>")
    return [start, span(belief), raw("</blockquote>"), *rest, raw("</div>")]


def aside(label: str, children: Children, number: int) -> Children:
    """Text a reader may skip; a version and date in brackets behind its name go below it."""
    start = f'<div class="al al-side" role="note" aria-label="{label}"><p>{label}'
    return [raw(f"{start}{bracket(children)}</p><div>"), *children, raw("</div></div>")]


def bracket(children: Children) -> str:
    """Take `(uvicorn 0.54, November 2026). ` from the start of a text."""
    paragraph = children[0]
    text = paragraph.children[0]
    found = re.match(r"\(([^)]*)\)[.:]?\s*", text.astext())
    if not found or not isinstance(text, nodes.Text):
        return ""
    text.parent.replace(text, nodes.Text(text[found.end() :]))
    return f" <small>{escape(found[1])}</small>"


BOXES: dict[str, Callable[[str, Children, int], Children]] = {
    "Predict": predict,
    "Recall": predict,
    "Heard often": heard_often,
    "Further": aside,
    "Quirk": aside,
    "On your machine": aside,
}


# ---- lists ---------------------------------------------------------------------------------------


def terms(pairs: list[tuple[str, Children]], classes: list[str]) -> Children:
    """Two columns: the bold words, and what follows them."""
    opening = pairs[0][0].lower() == "you will"
    kind = " ".join(name for name in classes if name.startswith("al-")) or "al-terms"
    rows: Children = []
    for words, children in pairs:
        name = escape(words.lower() if opening else words)
        rows += [raw(f"<div><dt>{name}</dt><dd>"), *inline(children), raw("</dd></div>")]
    return [raw(f'<dl class="{"al-facts" if opening else kind}">'), *rows, raw("</dl>")]
