"""What the templates show around the text: navigation, the line above a chapter, links to open it.

Also the one check of a notebook's metadata: each section of a chapter has its minutes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

log = logging.getLogger(__name__)

# The one script inside a page: it runs before the first paint, so that no page flashes in the wrong
# light.
FIRST_SCRIPT = (
    'try { const kept = localStorage.getItem("theme"); if (kept === "light" || kept === "dark")'
    " document.documentElement.dataset.theme = kept; }"
    " catch { /* no storage: the system decides */ }"
)

# What a page may load and run (CONTRIBUTING, "What a page may do").  Figures keep their positions
# in style attributes; Pyodide compiles WebAssembly.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval' {first_script}",
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",  # a page that was opened as a file has its worker in a script
    "frame-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
}

# What Sphinx' own search needs, on the search page alone; Sphinx' template adds the rest there.
SEARCH_SCRIPTS = {"documentation_options.js", "doctools.js", "sphinx_highlight.js"}


# ---- what a chapter says about itself ------------------------------------------------------------


def chapter_number(docname: str) -> str:
    """`notebooks/01-one-callable-served` is chapter 1; other pages have no number."""
    found = re.search(r"(?:^|/)0*(\d+[a-z]?)-[^/]*$", docname)
    return found[1] if found else ""


def about(app: Sphinx, docname: str) -> dict[str, Any]:
    """The notebook's own `asgilive` metadata."""
    value = app.env.metadata.get(docname, {}).get("asgilive", {})
    return dict(json.loads(value) if isinstance(value, str) else value)


def check_minutes(app: Sphinx, doctree: nodes.document) -> None:
    """Each section of a chapter has its minutes, and nothing else has."""
    docname = app.env.docname
    if not chapter_number(docname):
        return
    minutes = about(app, docname).get("minutes", {})
    sections = [title.astext() for title in doctree.findall(nodes.title) if depth(title) <= 2]
    for name in sorted(set(sections) ^ set(minutes)):
        fault = "has no minutes" if name in sections else "has minutes, but is no section"
        log.warning("%r %s: see asgilive.minutes in the metadata", name, fault, location=docname)


def depth(title: nodes.Node) -> int:
    """1 for the title of a page, 2 for the heading of a section."""
    parent, levels = title.parent, 0
    while parent is not None:
        levels, parent = levels + isinstance(parent, nodes.section), parent.parent
    return levels


def cells(doctree: nodes.document) -> Iterator[nodes.Element]:
    """The code cells of a document: the containers MyST-NB makes of them."""
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            yield node


def tags_of(cell: nodes.Element) -> list[str]:
    """The tags of a code cell."""
    return list(cell["cell_metadata"].get("tags", []))


# ---- links ---------------------------------------------------------------------------------------


def launch_links(config: Config, path: str) -> list[tuple[str, str]]:
    """Where a notebook of the repository can be opened; none without a repository on GitHub."""
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?", config.repository)
    if not found or not path:
        return []
    name, branch = found[1], config.repository_branch
    return [
        ("JupyterLab", f"https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/{path}"),
        ("Colab", f"https://colab.research.google.com/github/{name}/blob/{branch}/{path}"),
        ("Codespaces", f"https://codespaces.new/{name}?quickstart=1"),
    ]


def first_chapter(app: Sphinx) -> str:
    """The path of the first notebook in the book."""
    names = (name for part in parts(app, "") for name in part["names"])
    return next((f"{name}.ipynb" for name in names if chapter_number(name)), "")


def parts(app: Sphinx, here: str) -> list[dict[str, Any]]:
    """The book's parts and pages, for the navigation of the page `here`."""
    found = []
    for tree in app.config.external_site_map.root.subtrees:
        names = [str(item) for item in tree.items]
        pages = [page(app, name, here) for name in names]
        found.append({"caption": tree.caption or "", "names": names, "pages": pages})
    return found


def page(app: Sphinx, docname: str, here: str) -> dict[str, Any]:
    """One entry of the navigation."""
    return {
        "title": app.env.titles[docname].astext(),
        "number": chapter_number(docname),
        "link": app.builder.get_relative_uri(here, docname),
        "here": docname == here,
    }


# ---- the page ------------------------------------------------------------------------------------


def fill_page(
    app: Sphinx,
    pagename: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Give the templates what they show, and take away styles and scripts nobody asked for."""
    context["book_parts"] = parts(app, pagename)
    context["chapter"] = chapter(app, pagename, doctree) if doctree else None
    context["first_script"], context["policy"] = FIRST_SCRIPT, policy()
    wanted = {"book.css", "book.js"} | (SEARCH_SCRIPTS if pagename == "search" else set())
    for kind in ("css_files", "script_files"):
        context[kind] = [file for file in context[kind] if filename(file) in wanted]


def policy() -> str:
    """The Content-Security-Policy of every page."""
    digest = base64.b64encode(hashlib.sha256(FIRST_SCRIPT.encode()).digest()).decode()
    text = "; ".join(f"{what} {whence}" for what, whence in POLICY.items())
    return text.format(first_script=f"'sha256-{digest}'")


def filename(asset: Any) -> str:
    """The name of a style sheet or script, without folders."""
    return str(asset.filename or "").rpartition("/")[2]


def chapter(app: Sphinx, docname: str, doctree: nodes.document) -> dict[str, Any]:
    """What stands in the line above the title."""
    tags = [tags_of(cell) for cell in cells(doctree)]
    source = Path(app.env.doc2path(docname, base=False))
    name, file = download(app, docname)
    return {
        "number": chapter_number(docname),
        "minutes": sum(about(app, docname).get("minutes", {}).values()),
        "cells": len(tags),
        "exercises": sum(tag.startswith("exercise:") for each in tags for tag in each),
        "links": launch_links(app.config, source.as_posix()),
        "download": name,
        "source": file,
    }


def download(app: Sphinx, docname: str) -> tuple[str, str]:
    """The name of a page's notebook and the way to it; no name where the page is none."""
    source = Path(app.env.doc2path(docname, base=False))
    here = app.builder.get_target_uri(docname)
    name = source.name if source.suffix == ".ipynb" else ""
    return name, relative_uri(here, f"_sources/{source.as_posix()}")
