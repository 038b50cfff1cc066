"""The programs in notebooks/apps: the text of the chapters, and what they do outside a notebook."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from asgilive import fetch

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def cells() -> list[tuple[str, str]]:
    """The name and text of every cell that is also a program."""
    found = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            tags = cell.metadata.get("tags", [])
            found += [(tag[4:], cell.source) for tag in tags if tag.startswith("app:")]
    return found


def tight(text: str) -> str:
    """Text with at most one blank line in a row: a file has two where a cell has one."""
    return re.sub(r"\n\n+", "\n\n", text.strip())


def test_the_tagged_cells_are_found() -> None:
    assert {"main", "reply"} <= {name for name, _ in cells()}


@pytest.mark.parametrize(("name", "source"), cells(), ids=lambda value: value[:12])
def test_cell_and_program_are_the_same_text(name: str, source: str) -> None:
    program = (NOTEBOOKS / "apps" / f"{name}.py").read_text("utf-8")
    assert tight(source) in tight(program)


def test_another_text_is_noticed() -> None:
    program = (NOTEBOOKS / "apps" / "main.py").read_text("utf-8")
    source = dict(cells())["main"].replace("200", "201")
    assert tight(source) not in tight(program)


@pytest.mark.parametrize(
    "command",
    [
        ["apps/main.py"],
        ["-m", "uvicorn", "apps.main:app", "--port", "5000"],
    ],
    ids=["python apps/main.py", "uvicorn apps.main:app"],
)
def test_chapter_1_outside_the_notebook(command: list[str]) -> None:
    assert not listens(5000), "port 5000 is taken on this machine: the commands of chapter 1 use it"
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=NOTEBOOKS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 20
            while not listens(5000) and time.monotonic() < deadline:
                assert process.poll() is None
                time.sleep(0.05)
            reply = asyncio.run(fetch("http://127.0.0.1:5000"))
        finally:
            process.terminate()
    assert (reply.status, reply.text) == (200, "Hello")


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
