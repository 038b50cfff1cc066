"""The book as pages: dresses what notebooks hold, and puts on a page only what it uses.

A Sphinx extension.  Rules it keeps:

* Text in notebooks is plain Markdown and reads well without this module.  A box is a blockquote, known
  by its first bold word (`BOXES`); a cell is dressed by its tags.  CONTRIBUTING lists both.
* What is dressed works without a script: radio buttons, `<details>`, links.
* The whole book has one style sheet and one script, and asks nobody else for anything.
* What a chapter says wrongly about itself is a warning, and a warning stops the build.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from html import escape
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from IPython.lib.lexers import IPython3Lexer
from pygments.token import Name, _TokenType
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

log = logging.getLogger(__name__)

STYLE = Path(__file__).with_name("style")
SHEETS = ("tokens.css", "figures.css", "components.css", "book.css")
# What Sphinx's own search needs, on the search page alone.
SEARCH_SCRIPTS = ("documentation_options.js", "doctools.js", "sphinx_highlight.js")

# Why a cell cannot run inside a page, by its tag.
NEEDS = {
    "needs-processes": "This cell starts processes, and a page has none.",
    "needs-sockets": "This cell uses sockets of the machine, and a page has only its own.",
    "needs-threads": "What this cell shows depends on threads, and a page has one.",
    "needs-signals": "This cell sends signals, and a page receives none.",
    "needs-program": "This cell starts a program of your machine, and a page cannot.",
    "needs-kernel": "This cell is about the kernel it runs in, and a page has none.",
}

Children = list[nodes.Node]


# ---- small tools -----------------------------------------------------------------------------------


def raw(text: str) -> nodes.raw:
    """HTML as it is, between other nodes."""
    return nodes.raw("", text, format="html")


def put(node: nodes.Node, instead: Iterable[nodes.Node]) -> None:
    """Replace `node` in its parent by any number of nodes."""
    node.parent.replace(node, list(instead))


def span(block: nodes.Node) -> nodes.inline:
    """The words of a paragraph, to stand inside other HTML."""
    return nodes.inline("", "", *block.children)


def inline(children: Children) -> Children:
    """A lone paragraph as words, or the blocks themselves where there are more."""
    lone = len(children) == 1 and isinstance(children[0], nodes.paragraph)
    return [span(children[0])] if lone else children


def content(block: nodes.Node) -> Children:
    """What a paragraph holds; the parser starts one with an empty text where it opens with bold words."""
    return [child for child in block.children if child.astext() or isinstance(child, nodes.Element)]


def bold_opening(block: nodes.Node) -> tuple[str, Children] | None:
    """The bold words a block starts with, and its children without them; None if it starts otherwise."""
    first = next(iter(block.children), None)
    if not isinstance(first, nodes.paragraph) or not isinstance(content(first)[0], nodes.strong):
        return None
    words, *rest = content(first)
    if rest and isinstance(rest[0], nodes.Text):
        rest[0] = nodes.Text(rest[0].lstrip())
    paragraph = nodes.paragraph("", "", *rest)
    return words.astext(), [*([paragraph] if rest else []), *block.children[1:]]


# ---- boxes: blockquotes that start with a bold word ------------------------------------------------


def predict(label: str, children: Children, number: int) -> Children:
    """A question, its options as radio buttons, and the answer, which opens after a choice."""
    question, *rest = children
    options = next((node for node in rest if isinstance(node, nodes.enumerated_list)), None)
    tag = f'<span class="al-tag">{label}</span>'
    if options is None:
        head = [raw(f'<div class="al al-box al-predict al-open"><p>{tag}'), span(question)]
        return [*head, raw("</p>"), *rest, raw("</div>")]
    answer = rest[rest.index(options) + 1 :]
    right = right_option(answer)
    commit = "Choose one; then the answer can be opened." if answer else "Choose one, then read on."
    return [
        raw(f'<fieldset class="al al-box al-predict"><legend>{tag}'),
        span(question),
        raw("</legend>"),
        *rest[: rest.index(options)],
        *(part for at, item in enumerate(options, 1) for part in option(item, at, right, number)),
        raw(f'<p class="al-commit">{commit}</p>'),
        *answer,
        raw("</fieldset>"),
    ]


def option(item: nodes.Element, at: int, right: int | None, number: int) -> Children:
    """One radio button with its text; the right one carries the word that shows once the answer is open."""
    value, mark = ("right", "measured") if at == right else (str(at), "")
    start = f'<label><input type="radio" name="predict-{number}" value="{value}"><span>'
    return [raw(start), *inline(list(item.children)), raw(f"</span><small>{mark}</small></label>")]


def right_option(answer: Children) -> int | None:
    """The number an answer starts with in bold; it is taken out of the text."""
    for paragraph in (node for node in answer if isinstance(node, nodes.paragraph)):
        first = next(iter(content(paragraph)), None)
        number = re.fullmatch(r"(\d+)\.", first.astext()) if isinstance(first, nodes.strong) else None
        if first and number:
            paragraph.remove(first)
            return int(number[1])
    return None


def recall(label: str, children: Children, number: int) -> Children:
    """A question from an earlier chapter, with its folded answer."""
    return predict(label, children, number)


def heard_often(label: str, children: Children, number: int) -> Children:
    """A wrong belief, as someone would say it, and what settles it."""
    belief, *rest = children
    start = f'<div class="al al-box al-belief" role="note" aria-label="{label}"><p>{label}</p><blockquote>'
    return [raw(start), span(belief), raw("</blockquote>"), *rest, raw("</div>")]


def aside(label: str, children: Children, number: int) -> Children:
    """Text a reader may skip; what stands in brackets behind the label (a version, a date) goes under it."""
    start = f'<div class="al al-side" role="note" aria-label="{label}"><p>{label}'
    return [raw(f"{start}{bracket(children)}</p><div>"), *children, raw("</div></div>")]


def bracket(children: Children) -> str:
    """Take `(uvicorn 0.54, November 2026). ` from the start of a text."""
    text = children[0].children[0]
    found = re.match(r"\(([^)]*)\)[.:]?\s*", text.astext())
    if not found or not isinstance(text, nodes.Text):
        return ""
    children[0].replace(text, nodes.Text(text[found.end() :]))  # type: ignore[attr-defined]
    return f" <small>{escape(found[1])}</small>"


BOXES: dict[str, Callable[[str, Children, int], Children]] = {
    "Predict": predict,
    "Recall": recall,
    "Heard often": heard_often,
    "Further": aside,
    "Quirk": aside,
    "On your machine": aside,
}


# ---- the transform ---------------------------------------------------------------------------------


class Dress(SphinxPostTransform):
    """Dress the text and the cells of one document."""

    default_priority = 600  # after MyST-NB has chosen outputs and Sphinx has resolved references
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        self.question()
        self.boxes()
        self.lists()
        for cell in list(self.document.findall(is_cell)):
            self.cell(cell)
        self.solutions()
        self.contents()

    def question(self) -> None:
        """The emphasised paragraph under the title is the chapter's question."""
        for title in self.document.findall(nodes.title):
            below = title.next_node(descend=False, siblings=True)
            if isinstance(below, nodes.paragraph):
                words = content(below)
                if len(words) == 1 and isinstance(words[0], nodes.emphasis):
                    below["classes"].append("al-question")
            return

    def boxes(self) -> None:
        for number, quote in enumerate(list(self.document.findall(nodes.block_quote)), 1):
            opening = bold_opening(quote)
            label = opening[0].rstrip(".:") if opening else ""
            if opening and label in BOXES:
                put(quote, BOXES[label](label, opening[1], number))
            elif opening:
                known = ", ".join(BOXES)
                log.warning("%r is not a box of this book: it has %s", label, known, location=quote)

    def lists(self) -> None:
        """A list whose items all start with bold words becomes a list of terms."""
        for items in list(self.document.findall(nodes.bullet_list)):
            pairs = [bold_opening(item) for item in items]
            if all(pairs):
                put(items, terms([pair for pair in pairs if pair], items["classes"]))

    def cell(self, cell: nodes.Element) -> None:
        tags = cell["cell_metadata"].get("tags", [])
        cell["classes"] = ["al", "al-cellbox"]
        exercise = next((tag[9:] for tag in tags if tag.startswith("exercise:")), "")
        cell["ids"] += [f"exercise-{exercise}"] if exercise else []
        for output in cell.findall(nodes.raw):
            output.rawsource = output.children[0].astext()
            output.children = [nodes.Text(without_style(output.astext()))]
        why = next((text for tag, text in NEEDS.items() if tag in tags), "")
        if bar := cell_bar(exercise, why, has_output(cell), self.recorded()):
            cell.insert(1 if has_input(cell) else 0, raw(bar))

    def recorded(self) -> str:
        """The day the outputs of this document were made."""
        data = getattr(self.env, "nb_metadata", {}).get(self.env.docname, {}).get("exec_data")
        return day(datetime.fromtimestamp(data["mtime"])) if data else ""

    def solutions(self) -> None:
        """Fold the cells tagged `solution`; neighbours share one fold."""
        cells = [cell for cell in self.document.findall(is_cell) if "solution" in tags_of(cell)]
        for run in neighbours(cells):
            start = raw('<details class="al al-fold"><summary>Solution</summary>')
            run[0].parent.insert(run[0].parent.index(run[0]), start)
            run[-1].parent.insert(run[-1].parent.index(run[-1]) + 1, raw("</details>"))

    def contents(self) -> None:
        """On the cover, a bold title of which the book has a page becomes a link to it."""
        if self.env.docname != self.config.root_doc:
            return
        pages = {title.astext(): name for name, title in self.env.titles.items()}
        for words in list(self.document.findall(nodes.strong)):
            if name := pages.get(words.astext()):
                link = self.app.builder.get_relative_uri(self.env.docname, name)
                put(words, [nodes.reference("", "", *words.children, refuri=link, internal=True)])


def terms(pairs: list[tuple[str, Children]], classes: list[str]) -> Children:
    """Two columns: the bold words, and what follows them."""
    opening = pairs[0][0].lower() == "you will"
    kind = " ".join(name for name in classes if name.startswith("al-")) or "al-terms"
    rows: Children = []
    for words, children in pairs:
        name = escape(words.lower() if opening else words)
        rows += [raw(f"<div><dt>{name}</dt><dd>"), *inline(children), raw("</dd></div>")]
    return [raw(f'<dl class="{"al-facts" if opening else kind}">'), *rows, raw("</dl>")]


def cell_bar(exercise: str, why: str, output: bool, recorded: str) -> str:
    """The line between a cell's code and its output."""
    parts = [f'<span class="al-exercise">exercise {escape(exercise)}</span>'] if exercise else []
    if why:
        when = f" Below is the output recorded on {recorded}." if output and recorded else ""
        parts += [f'<p class="al-cannot">{why}{when}</p>']
    elif output:
        parts += ['<span class="al-state al-recorded">recorded output</span>']
    return f'<div class="al-bar">{"".join(parts)}</div>' if parts else ""


def without_style(html: str) -> str:
    """An output without the style and script it brings for JupyterLab: the page links both once."""
    return re.sub(r'<(style|script) class="al-\1">.*?</\1>', "", html, flags=re.DOTALL)


def is_cell(node: nodes.Node) -> bool:
    """True for the container MyST-NB makes of a code cell."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def tags_of(cell: nodes.Element) -> list[str]:
    """The tags of a code cell."""
    return list(cell["cell_metadata"].get("tags", []))


def has_input(cell: nodes.Element) -> bool:
    """True where the cell's code is shown."""
    return any(part.get("nb_element") == "cell_code_source" for part in elements(cell))


def has_output(cell: nodes.Element) -> bool:
    """True where the cell has an output that is shown."""
    return any(part.get("nb_element") == "cell_code_output" for part in elements(cell))


def elements(node: nodes.Element) -> Iterator[nodes.Element]:
    """The children that are elements."""
    return (child for child in node.children if isinstance(child, nodes.Element))


def neighbours(cells: list[nodes.Element]) -> list[list[nodes.Element]]:
    """Groups of cells that stand directly one after another."""

    def place(pair: tuple[int, nodes.Element]) -> tuple[int, int]:
        at, cell = pair
        return id(cell.parent), cell.parent.index(cell) - at

    return [[cell for _, cell in run] for _, run in groupby(list(enumerate(cells)), key=place)]


def day(when: datetime) -> str:
    """A date as the book writes it."""
    return f"{when.day} {when:%B %Y}"


# ---- what a chapter says about itself --------------------------------------------------------------


def chapter_number(docname: str) -> str:
    """`notebooks/01-one-callable-served` is chapter 1; other pages have no number."""
    found = re.search(r"(?:^|/)0*(\d+[a-z]?)-[^/]*$", docname)
    return found[1] if found else ""


def about(app: Sphinx, docname: str) -> dict[str, Any]:
    """The notebook's own `asgilive` metadata."""
    value = app.env.metadata.get(docname, {}).get("asgilive", {})
    return dict(json.loads(value) if isinstance(value, str) else value)


def check_minutes(app: Sphinx, doctree: nodes.document) -> None:
    """Each section of a chapter has its minutes, and no other has."""
    docname = app.env.docname
    if not chapter_number(docname):
        return
    minutes = about(app, docname).get("minutes", {})
    sections = [title.astext() for title in doctree.findall(nodes.title) if depth(title) <= 2]
    for name in sorted(set(sections) ^ set(minutes)):
        fault = (
            "has no minutes in the metadata"
            if name in sections
            else "is no section but has minutes"
        )
        log.warning("%r %s (asgilive.minutes of the notebook)", name, fault, location=docname)


def depth(title: nodes.Node) -> int:
    """1 for the title of the page, 2 for a section."""
    node, levels = title.parent, 0
    while node is not None:
        levels, node = levels + isinstance(node, nodes.section), node.parent
    return levels


# ---- the page --------------------------------------------------------------------------------------


def launch_links(repository: str, branch: str, path: str) -> list[tuple[str, str]]:
    """Where a notebook can be opened; nothing without a repository, and only GitHub is known to all three."""
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?", repository)
    if not found:
        return []
    name = found[1]
    return [
        ("JupyterLab", f"https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/{path}"),
        ("Colab", f"https://colab.research.google.com/github/{name}/blob/{branch}/{path}"),
        ("Codespaces", f"https://codespaces.new/{name}?quickstart=1"),
    ]


def parts(app: Sphinx, here: str) -> list[dict[str, Any]]:
    """The book's parts and pages, for the navigation."""
    site = app.config.external_site_map
    return [
        {
            "caption": tree.caption or "",
            "pages": [page(app, str(item), here) for item in tree.items],
        }
        for tree in site.root.subtrees
    ]


def page(app: Sphinx, docname: str, here: str) -> dict[str, Any]:
    """One entry of the navigation."""
    return {
        "title": app.env.titles[docname].astext(),
        "number": chapter_number(docname),
        "link": app.builder.get_relative_uri(here, docname),
        "here": docname == here,
    }


def fill_page(
    app: Sphinx,
    pagename: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Give the templates what they show, and take away the scripts and styles nobody asked for."""
    context["book_parts"] = parts(app, pagename)
    context["chapter"] = chapter(app, pagename, doctree) if doctree else None
    wanted = {"book.css", "book.js", *(SEARCH_SCRIPTS if pagename == "search" else ())}
    for kind in ("css_files", "script_files"):
        context[kind] = [file for file in context[kind] if filename(file) in wanted]


def filename(asset: Any) -> str:
    """The name of a style sheet or script, without folders."""
    return str(asset.filename or "").rpartition("/")[2]


def chapter(app: Sphinx, docname: str, doctree: nodes.document) -> dict[str, Any]:
    """What stands in the line above the title."""
    tags = [tags_of(cell) for cell in doctree.findall(is_cell)]  # type: ignore[arg-type]
    source = Path(app.env.doc2path(docname, base=False))
    return {
        "number": chapter_number(docname),
        "minutes": sum(about(app, docname).get("minutes", {}).values()),
        "cells": len(tags),
        "exercises": sum(tag.startswith("exercise:") for each in tags for tag in each),
        "links": launch_links(
            app.config.repository, app.config.repository_branch, source.as_posix()
        ),
        "download": source.name if source.suffix == ".ipynb" else "",
        "source": relative_uri(
            app.builder.get_target_uri(docname), f"_sources/{source.as_posix()}"
        ),
    }


class RoleLexer(IPython3Lexer):  # type: ignore[misc]
    """Python in a notebook, where `scope`, `receive` and `send` carry their role."""

    roles = {"scope": Name.Scope, "receive": Name.Receive, "send": Name.Send}

    def get_tokens_unprocessed(
        self, text: str, stack: Iterable[str] = ("root",)
    ) -> Iterator[tuple[int, _TokenType, str]]:
        """The tokens; an attribute (`socket.send`) is not a role."""
        before = ""
        for at, kind, value in super().get_tokens_unprocessed(text, stack):
            role = self.roles.get(value) if kind in Name and before != "." else None
            yield at, role or kind, value
            before = value


# ---- style sheet, script, settings -----------------------------------------------------------------


def style_sheet() -> str:
    """The book's one style sheet.

    The base theme lies in a layer of its own: any rule of ours outranks it, however it is written.
    """
    theme = (folder_of("furo") / "theme/furo/static/styles/furo.css").read_text("utf-8")
    ours = "\n".join((STYLE / name).read_text("utf-8") for name in SHEETS)
    fonts = (STYLE / "fonts.css").read_text("utf-8")
    sheet = f"@layer theme;\n{fonts}\n@layer theme {{\n{theme}\n}}\n{ours}"
    return re.sub(r"/\*(?!!).*?\*/\s*", "", sheet, flags=re.DOTALL)


def folder_of(package: str) -> Path:
    """Where an installed package lies."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def write_assets(app: Sphinx) -> None:
    """Put the style sheet, the script and the fonts into the book."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    shutil.copytree(STYLE / "fonts", static / "fonts", dirs_exist_ok=True)
    (static / "book.css").write_text(style_sheet(), "utf-8")
    # figures.js stays away: it asks for the server of a recorded card, and none of them is alive
    shutil.copyfile(STYLE / "book.js", static / "book.js")


def read_settings(app: Sphinx, config: Config) -> None:
    """Take `repository` from `_config.yml`, and keep recordings only as long as the library is the same."""
    options = dict(config.html_theme_options)
    url = str(options.get("repository_url", ""))
    # Jupyter Book's own default is the address of Jupyter Book
    config.repository = "" if "executablebooks/jupyter-book" in url else url
    config.repository_branch = options.get("repository_branch") or "main"
    config.html_theme_options = {}
    cache = config.nb_execution_cache_path or str(Path(app.outdir).parent / ".jupyter_cache")
    config.nb_execution_cache_path = str(Path(cache) / library_digest())


def library_digest() -> str:
    """A name for the state of the library: the cache of outputs knows only the notebooks' own code."""
    here = Path(__file__)
    sources = (path for path in sorted(here.parent.rglob("*.py")) if path != here)
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx' door to this module."""
    app.add_config_value("repository", "", "html", str)
    app.add_config_value("repository_branch", "main", "html", str)
    app.add_config_value("comments_config", {}, "html", dict)  # Jupyter Book sets it, wanted or not
    app.add_css_file("book.css")
    app.add_js_file("book.js", type="module")
    app.add_post_transform(Dress)
    for name in ("ipython3", "ipython", "python", "python3"):
        app.add_lexer(name, RoleLexer)
    app.connect("config-inited", read_settings, priority=100)
    app.connect("builder-inited", write_assets)
    app.connect("doctree-read", check_minutes)
    app.connect("html-page-context", fill_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
