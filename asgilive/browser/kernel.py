"""The kernel of a page: it runs cells, and says what they gave in Jupyter's own messages.

Rules: a cell may `await` at top level; its last expression is shown, unless `;` ends it; what it
prints belongs to it, also what its servers print later; a failing cell ends with its error, and
nothing else. Outputs are dicts in the notebook format, as `nbformat` has them; an error has its
frames too, so that a page can lead to their lines.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import builtins
import contextvars
import inspect
import io
import itertools
import linecache
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

from asgilive.browser import guard

Output = dict[str, Any]

FLUSH = 8192  # characters that wait in a stream at most,
PAUSE = 0.05  # seconds that they do while a cell prints on

_OWN = str(Path(__file__).parent)
_METHODS = {  # in the notebook format's order of richness, least first
    "text/markdown": "_repr_markdown_",
    "application/json": "_repr_json_",
    "image/jpeg": "_repr_jpeg_",
    "image/png": "_repr_png_",
    "image/svg+xml": "_repr_svg_",
    "text/html": "_repr_html_",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a cell: its name for the page, its number for the reader, its text."""

    id: str
    number: int
    code: str
    run: int = 0

    @property
    def file(self) -> str:
        """What tracebacks call it; each run has a name of its own, since functions live on."""
        return f"<cell {self.number}, run {self.run}>"


_cell: contextvars.ContextVar[Cell | None] = contextvars.ContextVar("cell", default=None)


class Kernel:
    """Cells and their names; `say(cell id, output)` takes what they give."""

    def __init__(self, say: Callable[[str, Output], object], pretty: Callable[[Any], str]) -> None:
        self.say, self.pretty = say, pretty
        self.main = ModuleType("__main__")
        self.names = self.main.__dict__
        self.names["__builtins__"] = builtins
        self.cells: dict[str, Cell] = {}  # by the file's name
        self._runs = itertools.count(1)
        self._displays = itertools.count(1)
        self.out, self.err = Stream(self, "stdout"), Stream(self, "stderr")

    @property
    def input_hist_parsed(self) -> list[str]:
        """The cells so far, as IPython's history has them."""
        return ["", *(cell.code for cell in self.cells.values())]

    # -- running

    async def run(self, id: str, number: int, code: str) -> dict[str, Any]:
        """Run a cell: `ok`, how many seconds it `took`, and the `error` with name and text."""
        cell = Cell(id, number, code, next(self._runs))
        self.cells[cell.file] = cell
        lines = code.splitlines(keepends=True)
        linecache.cache[cell.file] = (len(code), None, lines, cell.file)
        _cell.set(cell)
        began, error = time.perf_counter(), None
        try:
            await self._execute(cell)
        except BaseException as raised:  # SystemExit and KeyboardInterrupt end the cell, too
            error = raised
            self.flush()
            self._emit(self.error(raised))
        self.flush()
        took = time.perf_counter() - began
        if error is None:
            return {"ok": True, "took": took}
        said = {"name": type(error).__name__, "text": str(error)}
        return {"ok": False, "took": took, "error": said}

    async def _execute(self, cell: Cell) -> None:
        tree = ast.parse(cell.code, cell.file)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        await self._evaluate(compiled(tree, cell, "exec"))
        if isinstance(last, ast.Expr):
            value = await self._evaluate(compiled(ast.Expression(last.value), cell, "eval"))
            if value is not None and not _is_quiet(cell.code):
                self.names["_"] = value
                self.display(value, kind="execute_result")

    async def _evaluate(self, code: CodeType) -> Any:
        value = eval(code, self.names)
        return await value if code.co_flags & inspect.CO_COROUTINE else value

    # -- showing

    def display(
        self,
        *values: Any,
        kind: str = "display_data",
        display_id: str | bool | None = None,
        raw: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> DisplayHandle | None:
        """Show values, in every form they have; with a `display_id` they can be updated."""
        name = str(next(self._displays)) if display_id is True else display_id
        for value in values:
            data = value if raw else self.forms(value)
            output: Output = {"output_type": kind, "data": data, "metadata": metadata or {}}
            if name:
                output["transient"] = {"display_id": name}
            self._emit(output)
        return DisplayHandle(self, str(name)) if name else None

    def forms(self, value: Any) -> dict[str, Any]:
        """What a value looks like, by MIME type."""
        if callable(bundle := _method(value, "_repr_mimebundle_")):
            made = bundle()
            given = made[0] if isinstance(made, tuple) else made
            return {"text/plain": self.pretty(value), **(given or {})}
        data: dict[str, Any] = {"text/plain": self.pretty(value)}
        for mime, name in _METHODS.items():
            if (made := self._made(value, name)) is not None:
                made = made[0] if isinstance(made, tuple) else made
                is_bytes = isinstance(made, bytes)
                data[mime] = base64.b64encode(made).decode() if is_bytes else made
        return data

    def _made(self, value: Any, name: str) -> Any:
        """One form of a value, None where it has none; what goes wrong is printed."""
        try:
            return form() if callable(form := _method(value, name)) else None
        except Exception as error:
            print("\n".join(self.error(error)["traceback"]), file=self.err)
            return None

    def clear(self, wait: bool = False) -> None:
        """Take away what the cell has shown so far."""
        self._emit({"output_type": "clear_output", "wait": wait})

    def error(self, error: BaseException) -> Output:
        """An error with its frames, from the reader's line on."""
        told = traceback.TracebackException.from_exception(error, compact=True)
        own = [frame.filename in self.cells for frame in told.stack]
        del told.stack[: own.index(True) if True in own else None]
        _without_ours(told)
        text = "".join(told.format()).rstrip("\n")
        frames = [self._frame(f.filename, f.lineno or 1, f.name) for f in told.stack]
        value = str(error)
        if isinstance(error, ModuleNotFoundError):
            value += f": this page has what the book needs in it. {guard.ELSEWHERE}"
        if isinstance(error, SyntaxError) and error.filename in self.cells:
            line = cell_line(error)
            magic = line.startswith(("%", "!", "?"))
            value = f"{line.split()[0]} is IPython's. {guard.ELSEWHERE}" if magic else error.msg
            frames.append(self._frame(error.filename, error.lineno or 1, "<module>"))
        return {
            "output_type": "error",
            "ename": type(error).__name__,
            "evalue": value,
            "traceback": text.split("\n"),
            "frames": frames,
        }

    def _frame(self, file: str, line: int, name: str) -> dict[str, Any]:
        cell = self.cells.get(file)
        return {
            "cell": cell.id if cell else None,
            "number": cell.number if cell else None,
            "file": file,
            "line": line,
            "name": name,
            "text": linecache.getline(file, line).strip(),
        }

    # -- saying

    def _emit(self, output: Output) -> None:
        self.flush()
        self.tell(_cell.get(), output)

    def tell(self, cell: Cell | None, output: Output) -> None:
        """An output of a cell, or of none: then it belongs to the one that ran last."""
        cell = cell or next(reversed(self.cells.values()), None)
        if cell is not None:
            self.say(cell.id, output)

    def flush(self) -> None:
        """Say what was printed so far."""
        self.out.flush()
        self.err.flush()

    # -- what libraries expect of a notebook

    def install(self) -> None:
        """Be `__main__`, `print`, `display`, and what `IPython` has for libraries."""
        sys.modules["__main__"] = self.main
        sys.stdout, sys.stderr = self.out, self.err
        builtins.display = self.display  # type: ignore[attr-defined]
        shell = SimpleNamespace(user_ns=self.names, get_parent=parent, history_manager=self)
        ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
        ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
        ipython.display = display  # type: ignore[attr-defined]
        for name, value in {
            "display": self.display,
            "update_display": self.update,
            "clear_output": self.clear,
            "HTML": HTML,
            "SVG": SVG,
            "DisplayHandle": DisplayHandle,
        }.items():
            setattr(display, name, value)
        sys.modules |= {"IPython": ipython, "IPython.display": display}

    def update(self, value: Any, *, display_id: str, raw: bool = False) -> None:
        """Show another value in the place of an earlier one."""
        self.display(value, kind="update_display_data", display_id=display_id, raw=raw)


def compiled(tree: Any, cell: Cell, mode: str) -> CodeType:
    """The code of a tree, with `await` where a module has none."""
    code: CodeType = compile(
        tree, cell.file, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    return code


def cell_line(error: SyntaxError) -> str:
    """The line of a cell that cannot be read, without the blanks around it."""
    return linecache.getline(str(error.filename), error.lineno or 1).strip()


def _is_quiet(code: str) -> bool:
    """Whether the last thing in a cell is a semicolon."""
    lines = [line.partition("#")[0].rstrip() for line in code.rstrip().splitlines()]
    return bool(lines) and lines[-1].endswith(";")


def parent() -> dict[str, Any]:
    """The request that the running code belongs to, as Jupyter words it."""
    cell = _cell.get()
    if cell is None:
        return {}
    return {
        "metadata": {"cellId": cell.id},
        "content": {"code": cell.code},
        "header": {"msg_id": str(cell.run)},
    }


def _method(value: Any, name: str) -> Any:
    """A method for showing, which classes have for their instances, not for themselves."""
    return None if isinstance(value, type) else getattr(value, name, None)


def _without_ours(told: traceback.TracebackException | None) -> None:
    """Leave out the frames of this package, in the error and those it came from."""
    while told is not None:
        kept = [frame for frame in told.stack if not frame.filename.startswith(_OWN)]
        told.stack = traceback.StackSummary.from_list(kept)
        for one in told.exceptions or ():
            _without_ours(one)
        told = told.__cause__ or told.__context__


class Stream(io.TextIOBase):
    """What is printed: collected for a moment, and said as an output of the cell that printed."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel, self.name = kernel, name
        self._parts: list[str] = []
        self._size, self._since = 0, 0.0
        self._for: Cell | None = None

    encoding = "utf-8"

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Keep a text for a moment. Raises TypeError for what is none."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        cell, other = _cell.get(), self.kernel.err if self is self.kernel.out else self.kernel.out
        other.flush()
        if cell is not self._for:
            self.flush()
        if not self._parts:
            self._for, self._since = cell, time.perf_counter()
            self._later()
        self._parts.append(text)
        self._size += len(text)
        if self._size > FLUSH or time.perf_counter() - self._since > PAUSE:
            self.flush()
        return len(text)

    def _later(self) -> None:
        """Say it with the loop's next step, unless that is said before."""
        loop = asyncio._get_running_loop()
        if loop is not None:
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Say what was kept."""
        text, cell = "".join(self._parts), self._for
        self._parts, self._size, self._for = [], 0, None
        if text:
            self.kernel.tell(cell, {"output_type": "stream", "name": self.name, "text": text})


class DisplayHandle:
    """Something shown that can be shown anew in its place."""

    def __init__(self, kernel: Kernel, display_id: str) -> None:
        self.kernel, self.display_id = kernel, display_id

    def update(self, value: Any) -> None:
        """Show another value there."""
        self.kernel.update(value, display_id=self.display_id)


@dataclass(frozen=True)
class HTML:
    """A text that is shown as HTML."""

    data: str

    def _repr_html_(self) -> str:
        return self.data

    def __repr__(self) -> str:
        return "<IPython.core.display.HTML object>"


@dataclass(frozen=True)
class SVG:
    """A text that is shown as SVG."""

    data: str

    def _repr_svg_(self) -> str:
        return self.data

    def __repr__(self) -> str:
        return "<IPython.core.display.SVG object>"
