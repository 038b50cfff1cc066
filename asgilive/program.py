"""An application of a notebook as a program of its own: what another process can import.

Rules: a process sees files, not a kernel's memory. `"module:name"` is taken as it is; for an object
the last executed cell that binds its name at top level is written to a file, line by line where it
was, without its top-level statements that await and those that need what these bound.
"""

from __future__ import annotations

import ast
import builtins
import copy
import hashlib
import os
import symtable
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTEBOOK_ONLY = {"get_ipython", "display"}  # IPython's: what a magic becomes, and a built-in


class NotAProgram(Exception):
    """The application cannot be imported by another process; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Program:
    """An import string, and the folder to import it from."""

    target: str
    folder: str


def program_of(app: Any, folder: Path) -> Program:
    """The program for an application, written to `folder` if need be. Raises NotAProgram."""
    if isinstance(app, str):
        return Program(app, os.getcwd())
    kernel = shell()
    name = _name_of(app, kernel.user_ns) if kernel else None
    if kernel is None or name is None:
        raise NotAProgram(
            "a process imports its application: give it a name in a cell, or give its import"
            ' string, as in serve("apps.counter:app", workers=2)'
        )
    source = _without_await(_binding_cell(name, kernel.history_manager.input_hist_parsed), name)
    module = f"app_{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    return Program(f"{module}:{name}", str(folder))


def shell() -> Any:
    """IPython's shell, None outside a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _name_of(app: Any, names: dict[str, Any]) -> str | None:
    """The global name the reader gave it; IPython's own `_`, `_3` are none."""
    found = [k for k, value in names.items() if value is app and not k.startswith("_")]
    return found[-1] if found else None


def _binding_cell(name: str, cells: list[str]) -> str:
    for source in reversed(cells):
        if name in _names(_parsed(source))[0]:
            return source
    raise NotAProgram(f"no cell of this notebook binds {name}: define it in one cell")


def _parsed(source: str) -> ast.Module:
    """The cell's syntax tree; one that is no Python binds nothing."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def _names(node: ast.AST) -> tuple[set[str], set[str]]:
    """The global names that a piece of program binds, and those that it needs."""
    plain = ast.unparse(_Unawaited().visit(copy.deepcopy(node)))
    tables = _tables(symtable.symtable(plain, "cell", "exec"))
    found = [symbol for table in tables for symbol in table.get_symbols() if symbol.is_global()]
    bound = {s.get_name() for s in found if s.is_assigned() or s.is_imported()}
    return bound, {s.get_name() for s in found if s.is_referenced()}


class _Unawaited(ast.NodeTransformer):
    """The same names without `await`, which symtable refuses at top level from Python 3.14 on."""

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """What is awaited."""
        found: ast.AST = self.visit(node.value)
        return found

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """A plain loop."""
        self.generic_visit(node)
        return ast.For(node.target, node.iter, node.body, node.orelse, lineno=node.lineno)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """A plain block."""
        self.generic_visit(node)
        return ast.With(node.items, node.body, lineno=node.lineno)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """A plain loop."""
        self.generic_visit(node)
        node.is_async = 0
        return node


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _without_await(source: str, name: str) -> str:
    """The cell as a program; raises where a definition needs what is not in it."""
    tree = _parsed(source)
    dropped = [node for node in tree.body if _awaits(node)]
    while more := _bereft(tree, dropped):
        dropped += more
    bound, needed = _names(_without(tree, dropped))
    missing = sorted(needed - bound - (set(dir(builtins)) - NOTEBOOK_ONLY) - {"__file__"})
    if missing:
        raise NotAProgram(
            f"the program of {name} needs `{missing[0]}`, which is not in its cell, or only by an"
            " `await`: a process imports a file and sees nothing else. Put it in the same cell, or"
            " in a file in apps/"
        )
    return _blanked(source, dropped)


def _awaits(node: ast.AST) -> bool:
    """Whether a top-level statement awaits; what a function in it awaits does not count."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return False
    here = isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    here = here or (isinstance(node, ast.comprehension) and bool(node.is_async))
    return here or any(_awaits(child) for child in ast.iter_child_nodes(node))


def _bereft(tree: ast.Module, dropped: list[ast.stmt]) -> list[ast.stmt]:
    """Statements, not definitions, that need a name which only dropped ones bind."""
    kept = _without(tree, dropped)
    lost = (_names(tree)[0] - _names(kept)[0]) | NOTEBOOK_ONLY
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    steps = [node for node in kept.body if not isinstance(node, definitions)]
    return [node for node in steps if _names(node)[1] & lost]


def _without(tree: ast.Module, dropped: list[ast.stmt]) -> ast.Module:
    return ast.Module([node for node in tree.body if node not in dropped], [])


def _blanked(source: str, dropped: list[ast.stmt]) -> str:
    """The source with an idle `0` for each dropped statement, so that all lines stay in place."""
    lines = source.encode().splitlines(keepends=True)
    for node in dropped:
        last = node.end_lineno or node.lineno
        for number in range(node.lineno, last + 1):
            line = lines[number - 1]
            start = node.col_offset if number == node.lineno else 0
            end = node.end_col_offset if number == last else len(line.rstrip(b"\r\n"))
            idle = b"0" if number == node.lineno else b""
            lines[number - 1] = line[:start] + idle.ljust((end or 0) - start) + line[end:]
    return b"".join(lines).decode()
