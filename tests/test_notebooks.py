"""Every chapter, executed as a reader would: from the command line, and with its servers looked at.

A chapter runs top to bottom, twice in a row, within a minute; says nothing on stderr; its checks
say "not yet" to each stub and "pass" to each solution; a client outside its kernel reaches the
servers in it; and its end leaves no port, thread or process.
"""

from __future__ import annotations

import ast
import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import browser
import nbformat
import psutil
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIMIT = 60  # seconds for a whole chapter
NOISE = ("Kernel is running over TCP without encryption",)

# Run in the kernel behind the last cell: where its sites are, and what is left when they stop.
SITES = "import asgilive.serving as _s; [(s.port, s.pid) for s in _s.running()]"
STOP = "[await s.stop() for s in _s.running()]; None"
LEFT = """
import gc, os, threading, psutil
gc.collect()
me = psutil.Process()
(os.getpid(), [t.name for t in threading.enumerate() if t.name.startswith("asgilive")],
 [c.pid for c in me.children(recursive=True)])
"""

pytestmark = [pytest.mark.notebooks, pytest.mark.timeout(4 * LIMIT)]


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")
    path: Path = request.param
    return path


def test_there_are_chapters() -> None:
    assert [path.stem for path in CHAPTERS][:2] == ["01-one-callable-served", "02-three-arguments"]


def test_runs_from_the_command_line(chapter: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    output = tmp_path / "executed.ipynb"
    command = [sys.executable, "-m", "jupyter", "execute", f"--output={output}", chapter]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < LIMIT
    assert output.exists()


def test_its_servers_are_reached_from_outside(chapter: Path) -> None:
    notebook = nbformat.read(chapter, as_version=4)
    client = Watched(notebook, kernel_name="python3", resources=folder(chapter), timeout=LIMIT)
    client.execute()
    assert client.reached, "no server of this chapter answered a client outside its kernel"
    assert client.kernel_pid != os.getpid()
    assert client.threads == []
    assert client.children == []
    assert [port for port in client.ports if answers(port)] == []
    assert not psutil.pid_exists(client.kernel_pid)
    for cell in notebook.cells:
        assert_output(cell)


def test_curl_and_a_browser_reach_the_server_of_chapter_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a reader would, with the notebook open: another program asks for the page."""
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")
    notebook = nbformat.read(CHAPTERS[0], as_version=4)
    del notebook.cells[3:]  # the first screen: title, cell, text
    client = Watched(notebook, kernel_name="python3", resources=folder(CHAPTERS[0]), timeout=LIMIT)
    client.visitors = [curl, chromium]
    client.execute()
    assert client.seen == ["Hello", "Hello"]


def curl(url: str) -> str:
    return run(("curl",), "--silent", url)


def chromium(url: str) -> str:
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    page = run(browser.CHROMES, *flags, "--dump-dom", url)
    found = re.search(r"<pre[^>]*>(.*?)</pre>", page)
    return found[1] if found else page


def run(names: tuple[str, ...], *arguments: str) -> str:
    """What a program prints; on Linux's CI it must be there."""
    program = browser.which(names)
    if program is None:
        must = os.environ.get("CI") and sys.platform == "linux"
        (pytest.fail if must else pytest.skip)(f"not here: {names[0]}")
    command = [program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT).stdout


def assert_output(cell: Any) -> None:
    """What a cell printed is for the reader, and each check says what it must."""
    tags = cell.metadata.get("tags", [])
    outputs = cell.get("outputs", [])
    errors = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert [text for text in errors if not any(noise in text for noise in NOISE)] == []
    expected = "pass" if "solution" in tags else "not yet"
    if "check." in cell.source and cell.cell_type == "code":
        assert any(tag == "solution" or tag.startswith("exercise:") for tag in tags), cell.source
        shown = outputs[-1].data["text/plain"]
        assert shown.startswith(expected), f"{shown}\n\n{cell.source}"


class Watched(NotebookClient):
    """A notebook whose kernel is asked some things behind the last cell."""

    visitors: list[Callable[[str], str]] = []  # noqa: RUF012, of nbclient's traits
    seen: list[str]
    reached: list[int]
    ports: list[int]
    threads: list[str]
    children: list[int]
    kernel_pid: int

    async def async_execute_cell(self, cell: Any, cell_index: int, *rest: Any, **more: Any) -> Any:
        result = await super().async_execute_cell(cell, cell_index, *rest, **more)
        if cell_index == len(self.nb.cells) - 1:
            await self.look()
        return result

    async def look(self) -> None:
        """Reach the servers from this process, then stop them, then see what is left."""
        sites = await self.ask(SITES)
        self.ports = [port for port, _ in sites]
        self.reached = [port for port in self.ports if answers(port)]
        self.seen = [visit(f"http://127.0.0.1:{self.ports[0]}/") for visit in self.visitors]
        await self.ask(STOP)
        self.kernel_pid, self.threads, self.children = await self.ask(LEFT)

    async def ask(self, source: str) -> Any:
        """The value of a cell that is not in the notebook."""
        cell = nbformat.v4.new_code_cell(source)
        await super().async_execute_cell(cell, -1)
        values = [o.data["text/plain"] for o in cell.outputs if o.output_type == "execute_result"]
        return ast.literal_eval(values[-1]) if values else None


def folder(path: Path) -> dict[str, Any]:
    return {"metadata": {"path": str(path.parent)}}


def answers(port: int) -> bool:
    """Whether a server there answers a client in this process with HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
