"""An application of a notebook as a program of its own: what another process can import.

Rules: a process sees files, not a kernel's memory. `"module:name"` is taken as it is; for an object
the last executed cell that binds its name at top level is written to a file, without its top-level
statements that await, and that file is the program.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class NotAProgram(Exception):
    """The application cannot be imported by another process; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Program:
    """An import string, and the folder to import it from."""

    target: str
    folder: str


def program_of(app: Any) -> Program:
    """The program for an application. Raises NotAProgram with the next step."""
    if isinstance(app, str):
        return Program(app, os.getcwd())
    shell = _shell()
    name = _name_of(app, shell.user_ns) if shell else None
    if shell is None or name is None:
        raise NotAProgram(
            "a process imports its application: give its import string, as in"
            ' serve("apps.counter:app", workers=2)'
        )
    source = _binding_cell(name, shell.history_manager.input_hist_raw)
    return Program(f"{_write(_without_await(source, name)).stem}:{name}", str(_folder()))


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _name_of(app: Any, names: dict[str, Any]) -> str | None:
    """The global name the reader gave it; IPython's own `_`, `_3` are none."""
    found = [k for k, value in names.items() if value is app and not k.startswith("_")]
    return found[-1] if found else None


def _binding_cell(name: str, cells: list[str]) -> str:
    for source in reversed(cells):
        if name in _bound(_parsed(source)):
            return source
    raise NotAProgram(f"no cell of this notebook binds {name}: define it in one cell")


def _parsed(source: str) -> ast.Module:
    """The cell's syntax tree; cells with magics do not parse and bind nothing."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def _bound(tree: ast.Module) -> set[str]:
    """Names that the top-level statements of a cell bind."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
        else:
            names |= set(filter(None, map(_stored, ast.walk(node))))
    return names


def _stored(node: ast.AST) -> str:
    """The name that a node binds, or nothing."""
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else ""


def _without_await(source: str, name: str) -> str:
    """The cell's statements that do not await at top level; raises where one needs another cell."""
    tree = _parsed(source)
    kept = [node for node in tree.body if not _awaits(node)]
    program = ast.Module(kept, [])
    missing = sorted(_used(program) - _bound(program) - set(dir(builtins)) - {"__name__"})
    if missing:
        raise NotAProgram(
            f"the program of {name} needs `{missing[0]}`, which another cell defined: a process"
            " imports a file and sees nothing else. Put it in the same cell, or in a file in apps/"
        )
    lines = source.splitlines()
    return "\n".join(_text(node, lines) for node in kept) + "\n"


def _awaits(node: ast.AST) -> bool:
    """Whether a top-level statement awaits; what a function in it awaits does not count."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return False
    here = isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    return here or any(_awaits(child) for child in ast.iter_child_nodes(node))


def _used(tree: ast.AST) -> set[str]:
    """Names that are read somewhere and bound nowhere below: what must come from outside."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    local = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    local |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)
    local |= {node.name or "" for node in ast.walk(tree) if isinstance(node, named)}
    local |= {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - local


def _text(node: ast.stmt, lines: list[str]) -> str:
    """A statement's lines; a decorator stands above what `ast` calls its first line."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    return "\n".join(lines[first - 1 : node.end_lineno])


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"asgilive-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    return folder


def _write(source: str) -> Path:
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    path = _folder() / f"app_{digest}.py"
    path.write_text(source, encoding="utf-8")
    return path
