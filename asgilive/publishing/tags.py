"""Which cells run in a page: the tags that say no, an audit of them, and each page's share.

The audit reads a cell's syntax tree.  An untagged cell that plainly asks for what a page has not is
a warning; so is a tag of which the cell shows no sign, and a name that only tagged cells give.
Where the audit is wrong, the cell's metadata say why: `"asgilive": {"audit": "<reason>"}`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from asgilive.publishing.pages import cells, chapter_number, tags_of

log = logging.getLogger(__name__)

# Why a cell cannot run inside a page, by its tag.
NEEDS = {
    "needs-processes": "This cell starts processes, and a page has none.",
    "needs-sockets": "This cell uses sockets of the machine, and a page has only its own.",
    "needs-threads": "What this cell shows depends on threads, and a page has one.",
    "needs-signals": "This cell sends signals, and a page receives none.",
    "needs-program": "This cell starts a program of your machine, and a page cannot.",
    "needs-kernel": "This cell is about the kernel it runs in, and a page has none.",
}

# What shows the need: modules, functions, keywords (`=`) and lines for a shell (`!`).  Those before
# the `|` need a tag; those behind it are a sign where there is one.
SIGNS = {
    "needs-processes": "workers= command= multiprocessing os.fork ProcessPoolExecutor"
    " | subprocess survey",
    "needs-sockets": "socket.socket socket.create_connection socket.create_server | socket",
    "needs-threads": "threading ThreadPoolExecutor | to_thread run_in_executor concurrent def",
    "needs-signals": "signal os.kill",
    "needs-program": "subprocess create_subprocess_exec create_subprocess_shell ! | which command=",
    "needs-kernel": "uvicorn.run asyncio.run get_ipython nest_asyncio run_until_complete",
}


@dataclass(frozen=True)
class Cell:
    """What the audit must know of a code cell."""

    number: int
    tags: tuple[str, ...]
    code: str  # "" where the page does not show it
    reason: str = ""  # why the audit is wrong here

    @property
    def cannot(self) -> str:
        """Why it does not run in a page; nothing where it does."""
        return need(self.tags) or ("" if self.code else "its code is not shown")


def need(tags: Sequence[str]) -> str:
    """The tag by which a cell does not run in a page; nothing where it does."""
    return next((tag for tag in NEEDS if tag in tags), "")


# ---- the audit -----------------------------------------------------------------------------------


def audit(page: Sequence[Cell]) -> Iterator[tuple[int, str]]:
    """The number of each cell that seems to be tagged wrongly, and why."""
    given, missing = set(dir(builtins)), dict[str, int]()
    for cell in page:
        tree, tag = parsed(cell.code), need(cell.tags)
        shown, asked, bound = signs(tree, cell.code), loaded(tree), stored(tree)
        if tag:
            if not cell.reason and not shown & words(SIGNS[tag]):
                yield cell.number, f"has the tag {tag}, and no sign of it"
            missing |= dict.fromkeys(bound - given, cell.number)
            continue
        for other, text in SIGNS.items():
            plain = sorted(shown & words(text.partition("|")[0]))
            if plain and not cell.reason:
                yield cell.number, f"has {plain[0]}, which asks for the tag {other}"
        for name in sorted(asked - given - bound):
            if name in missing and not cell.reason:
                yield cell.number, f"takes {name!r} from cell {missing[name]}, which is tagged"
        given |= bound


def words(text: str) -> set[str]:
    """The signs in one line of the table."""
    return set(text.replace("|", " ").split())


def parsed(code: str) -> ast.Module:
    """The syntax tree of a cell; lines for IPython count as no code."""
    try:
        return ast.parse(re.sub(r"^\s*[!%].*", "pass", code, flags=re.MULTILINE))
    except SyntaxError:
        return ast.Module([], [])


def signs(tree: ast.Module, code: str) -> set[str]:
    """The dotted names of a cell with their beginnings and last words, its keywords, `def`, `!`."""
    found = {"!"} if re.search(r"^\s*(!|%%(bash|sh|script))", code, re.MULTILINE) else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Name | ast.Attribute):
            names = [ast.unparse(node)]
        else:
            names = []
        for parts in (name.split(".") for name in names):
            found |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)} | {parts[-1]}
        if isinstance(node, ast.keyword) and node.arg:
            found.add(f"{node.arg}=")
        if isinstance(node, ast.FunctionDef):
            found.add("def")
    return found


def stored(tree: ast.Module) -> set[str]:
    """The names a cell binds, wherever in it."""
    names = named(tree, ast.Store)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return names


def loaded(tree: ast.Module) -> set[str]:
    """The names a cell takes."""
    return named(tree, ast.Load)


def named(tree: ast.Module, context: type[ast.expr_context]) -> set[str]:
    """The names that are taken, or that are bound."""
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return {node.id for node in found if isinstance(node.ctx, context)}


# ---- the share -----------------------------------------------------------------------------------


def share(name: str, page: Sequence[Cell]) -> str:
    """One line about a page: how many of its code cells run in it, and why the others do not."""
    runs = sum(not cell.cannot for cell in page)
    left = "".join(f"; cell {cell.number}: {cell.cannot}" for cell in page if cell.cannot)
    return f"{name}: {runs} of {len(page)} cells run in the page, {runs / len(page):.0%}{left}"


# ---- Sphinx --------------------------------------------------------------------------------------


def read_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Note the cells of a document that was read, and audit their tags."""
    docname = app.env.docname
    page = [cell_of(number, node) for number, node in enumerate(cells(doctree), 1)]
    noted(app.env)[docname] = page
    for number, fault in audit(page) if chapter_number(docname) else ():
        log.warning("cell %d %s", number, fault, location=docname)


def cell_of(number: int, node: nodes.Element) -> Cell:
    """A code cell, as the audit sees it."""
    sources = (part for part in node.children if is_source(part))
    code = next((part.astext() for part in sources), "")
    about = node["cell_metadata"].get("asgilive", {})
    return Cell(number, tuple(tags_of(node)), code, str(about.get("audit", "")))


def is_source(part: nodes.Node) -> bool:
    """Whether this part of a cell is its code."""
    return isinstance(part, nodes.Element) and part.get("nb_element") == "cell_code_source"


def noted(env: BuildEnvironment) -> dict[str, list[Cell]]:
    """The cells of every document that was read, now or in an earlier build."""
    if not hasattr(env, "asgilive_cells"):
        env.asgilive_cells = {}  # type: ignore[attr-defined]
    return env.asgilive_cells  # type: ignore[attr-defined,no-any-return]


def forget_cells(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """A document changed or is gone."""
    noted(env).pop(docname, None)


def merge_cells(app: Sphinx, env: BuildEnvironment, docnames: Any, other: BuildEnvironment) -> None:
    """Take over what a process beside this one has read."""
    noted(env).update({name: noted(other)[name] for name in docnames if name in noted(other)})


def tell_shares(app: Sphinx, exception: Exception | None) -> None:
    """At the end of a build, a line for each page with cells."""
    if exception is None and app.builder.format == "html":
        for name, page in sorted(noted(app.env).items()):
            if page:
                log.info("%s", share(name, page))
