"""Python files as bytecode: what `compile.mjs` runs inside the page's own Python.

Rules: this file stands alone, since that Python has nothing else of the library.  Bytecode lies in
place of its source, where an import finds it in a folder and in an archive; docstrings and
assertions stay.  What a page does not load on its way to a first answer keeps its source, since
bytecode is half as large again.
"""

from __future__ import annotations

import os
import py_compile
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

# anyio reads its own source to know which of its names come from where.
READS_ITSELF = ("anyio/__init__.py",)


def compile_folders(folders: Sequence[tuple[Path, str]], first: str = "") -> int:
    """Compile folders in place, each for the place where it will lie; the number of files.

    With `first`, a program, only what it loads, from the folders or from the standard library.

    Raises:
        py_compile.PyCompileError: a file is no Python of this version.
    """
    wanted = None
    if first:
        sys.path[:0] = [str(folder) for folder, _ in folders]
        wanted = loaded_by(first, [*sys.path[: len(folders)], os.path.dirname(os.__file__)])
    return sum(compile_folder(folder, place, wanted) for folder, place in folders)


def loaded_by(program: str, folders: Iterable[str]) -> set[str]:
    """The files below `folders`, relative to them, that are loaded once a program has run."""
    sys.dont_write_bytecode = True
    with warnings.catch_warnings(action="ignore"):
        exec(program, {})
    files = [getattr(module, "__file__", None) or "" for module in [*sys.modules.values()]]
    below = [(file, f"{folder}/") for folder in folders for file in files]
    return {file.removeprefix(folder) for file, folder in below if file.startswith(folder)}


def compile_folder(folder: Path, place: str, wanted: set[str] | None = None) -> int:
    """Put bytecode in place of sources, all of them or the wanted ones; the number of files.

    Args:
        folder: what is compiled, in place.
        place: where the files will lie, as a traceback shows it.
        wanted: paths within the folder.

    Raises:
        py_compile.PyCompileError: a file is no Python of this version.
    """
    count = 0
    for file in sorted(folder.rglob("*.py")):
        name = file.relative_to(folder).as_posix()
        if name in READS_ITSELF or (wanted is not None and name not in wanted):
            continue
        py_compile.compile(
            str(file),
            cfile=f"{file}c",
            dfile=f"{place}/{name}",
            doraise=True,
            optimize=0,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        file.unlink()
        count += 1
    return count
