"""The transform that dresses one document: its question, boxes, lists, code cells and solutions.

A code cell gets a number, and is dressed by its tags: `exercise:n.m`, `solution`, and `needs-*`
where it cannot run inside a page.  Outputs lose the style and script they bring for JupyterLab: the
page links its own.  The buttons of a cell that runs are made by a script (`browser/page/live.js`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from asgilive.publishing.boxes import BOXES, bold_opening, content, raw, terms
from asgilive.publishing.pages import cells, download, first_chapter, launch_links, tags_of
from asgilive.publishing.tags import NEEDS, need

log = logging.getLogger(__name__)


class CellBox(nodes.container):
    """A code cell on the page: a container with its number, and what live.js must know of it."""


def visit_cell_box(writer: Any, node: CellBox) -> None:
    """The start of a cell, as HTML."""
    data = {f"data-{key}": str(value) for key, value in node["data"].items()}
    writer.body.append(writer.starttag(node, "div", **data))


def depart_cell_box(writer: Any, node: CellBox) -> None:
    """Its end."""
    writer.body.append("</div>\n")


class Dress(SphinxPostTransform):
    """Dress the text and the cells of one document."""

    default_priority = 600  # after MyST-NB has chosen outputs and Sphinx has resolved references
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Sphinx calls this for each document it writes."""
        self.question()
        self.boxes()
        self.lists()
        for number, cell in enumerate(list(cells(self.document)), 1):
            self.cell(cell, number)
        self.solutions()
        if self.env.docname == self.config.root_doc:
            self.cover()

    def question(self) -> None:
        """The emphasised paragraph under the title is the chapter's question."""
        title = next(iter(self.document.findall(nodes.title)), None)
        below = title.next_node(descend=False, siblings=True) if title else None
        if isinstance(below, nodes.paragraph):
            words = content(below)
            if len(words) == 1 and isinstance(words[0], nodes.emphasis):
                below["classes"].append("al-question")

    def boxes(self) -> None:
        """A blockquote that starts with bold words is a box; there is none of another name."""
        for number, quote in enumerate(list(self.document.findall(nodes.block_quote)), 1):
            opening = bold_opening(quote)
            label = opening[0].rstrip(".:") if opening else ""
            if not opening:
                continue
            if label not in BOXES:
                known = ", ".join(BOXES)
                log.warning("no box is called %r: there are %s", label, known, location=quote)
            elif not opening[1]:
                log.warning("the box %r has no text", label, location=quote)
            else:
                put(quote, BOXES[label](label, opening[1], number))

    def lists(self) -> None:
        """A list whose items all start with bold words becomes a list of terms."""
        for items in list(self.document.findall(nodes.bullet_list)):
            pairs = [pair for item in items.children if (pair := bold_opening(item))]
            if len(pairs) == len(items):
                put(items, terms(pairs, items["classes"]))

    def cell(self, cell: nodes.Element, number: int) -> None:
        """Give a cell its number, its name, its bar, and outputs without style."""
        tags = tags_of(cell)
        code, output = has(cell, "cell_code_source"), has(cell, "cell_code_output")
        exercise = next((tag[9:] for tag in tags if tag.startswith("exercise:")), "")
        box = CellBox("", *cell.children, **cell.attributes)
        box["classes"] = ["al", "al-cellbox"]
        box["ids"] = [f"exercise-{exercise}" if exercise else f"cell-{number}"]
        runs = code and not need(tags)
        marks = {"run": runs, "solution": "solution" in tags}
        box["data"] = {"cell": number} | {name: "" for name, set_ in marks.items() if set_}
        for raws in box.findall(nodes.raw):
            raws.children = [nodes.Text(without_style(raws.astext()))]
        why = NEEDS.get(need(tags), "")
        elsewhere = self.elsewhere() if why else ""
        bar = cell_bar(exercise, why, output, self.recorded(), elsewhere)
        if bar or runs:
            box.insert(int(code), raw(bar or '<div class="al-bar"></div>'))
        put(cell, [box])

    def elsewhere(self) -> str:
        """Where a cell runs that does not run in a page: a link to open or to take the notebook."""
        name, file = download(self.app, self.env.docname)
        path = self.env.doc2path(self.env.docname, base=False)
        for label, link in launch_links(self.config, path)[:1]:
            return f' It runs in <a href="{escape(link)}">{label}</a>.'
        if not name:
            return " It runs where this book is installed: <code>python3 start.py</code>."
        link = f'<a href="{escape(file)}" download="{escape(name)}">the notebook</a>'
        return f" It runs in {link}, which <code>python3 start.py</code> opens."

    def recorded(self) -> str:
        """The day the outputs of this document were made."""
        data = getattr(self.env, "nb_metadata", {}).get(self.env.docname, {}).get("exec_data")
        when = datetime.fromtimestamp(data["mtime"]) if data else None
        return f"{when.day} {when:%B %Y}" if when else ""

    def solutions(self) -> None:
        """Fold the cells tagged `solution`; neighbours share one fold."""
        for run in neighbours(cell for cell in cells(self.document) if "solution" in tags_of(cell)):
            before, after = run[0], run[-1]
            start = raw('<details class="al al-fold"><summary>Solution</summary>')
            before.parent.insert(before.parent.index(before), start)
            after.parent.insert(after.parent.index(after) + 1, raw("</details>"))

    def cover(self) -> None:
        """On the cover a bold title becomes a link where the book has that page."""
        builder, here = self.app.builder, self.env.docname
        pages = {title.astext(): name for name, title in self.env.titles.items()}
        for words in list(self.document.findall(nodes.strong)):
            if name := pages.get(words.astext()):
                link = builder.get_relative_uri(here, name)
                put(words, [nodes.reference("", "", *words.children, refuri=link, internal=True)])
        for ways in self.document.findall(lambda node: "al-ways" in classes(node)):
            for label, link in launch_links(self.config, first_chapter(self.app))[:1]:
                button = f'<a class="al-btn" href="{escape(link)}">Open in {label}</a>'
                ways.append(raw(f" {button}"))  # type: ignore[attr-defined]


def put(node: nodes.Node, instead: Iterable[nodes.Node]) -> None:
    """Replace `node` in its parent by any number of nodes."""
    node.parent.replace(node, list(instead))


def classes(node: nodes.Node) -> list[str]:
    """The classes of a node; text has none."""
    return list(node["classes"]) if isinstance(node, nodes.Element) else []


def has(cell: nodes.Element, part: str) -> bool:
    """True where this part of a cell, its code or its output, is shown."""
    return any(isinstance(c, nodes.Element) and c.get("nb_element") == part for c in cell.children)


def cell_bar(exercise: str, why: str, output: bool, recorded: str, elsewhere: str) -> str:
    """The line between a cell's code and its output."""
    name = f'<span class="al-exercise">exercise {escape(exercise)}</span>' if exercise else ""
    when = f" Below is the output recorded on {recorded}." if output and recorded else ""
    state = '<span class="al-state al-recorded">recorded output</span>' if output else ""
    said = f'<p class="al-cannot">{why}{elsewhere}{when}</p>' if why else state
    return f'<div class="al-bar">{name}{said}</div>' if name or said else ""


def without_style(html: str) -> str:
    """An output without the style and script it brings for JupyterLab."""
    return re.sub(r'<(style|script) class="al-\1">.*?</\1>', "", html, flags=re.DOTALL)


def neighbours(cells: Iterable[nodes.Element]) -> Iterator[list[nodes.Element]]:
    """Runs of cells that stand directly one after another."""

    def run(pair: tuple[int, nodes.Element]) -> tuple[int, int]:
        at, cell = pair
        return id(cell.parent), cell.parent.index(cell) - at

    for _, pairs in groupby(list(enumerate(cells)), key=run):
        yield [cell for _, cell in pairs]
