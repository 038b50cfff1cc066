"""Python files as bytecode: what `compile.mjs` runs inside the page's own Python.

Rules: this file stands alone, since that Python has nothing else of the library.  Bytecode lies in
place of its source, where an import finds it in a folder and in an archive; docstrings and
assertions stay.  What no page imports on its way to a first answer keeps its source: bytecode is
half as large again.
"""

from __future__ import annotations

import importlib
import py_compile
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

# anyio reads its own source to know which of its names come from where.
READS_ITSELF = ("anyio/__init__.py",)


def loaded_by(names: Iterable[str], folders: Iterable[str]) -> set[str]:
    """The files below `folders`, relative to them, that imports of these modules load.

    A name that cannot be imported is passed over: the library also names what a page lacks.
    """
    sys.dont_write_bytecode = True
    with warnings.catch_warnings(action="ignore"):
        for name in names:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
    files = [getattr(module, "__file__", None) or "" for module in [*sys.modules.values()]]
    return {
        file.removeprefix(folder)
        for folder in folders
        for file in files
        if file.startswith(folder)
    }


def compile_folder(folder: Path, shown: str, wanted: set[str] | None = None) -> int:
    """Put bytecode in place of sources, all of them or the wanted ones; the number of files.

    Args:
        folder: what is compiled, in place.
        shown: where the files will lie, as a traceback shows it.
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
            dfile=f"{shown}/{name}",
            doraise=True,
            optimize=0,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        file.unlink()
        count += 1
    return count
