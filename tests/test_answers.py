"""The checks against answers of learners who had not seen them: each as its cell would run it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from answers import RIGHT, WRONG

from asgilive import check, drive, fetch, raw, serve
from asgilive.checks import Verdict
from asgilive.serving import running

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))

from apps.reply import reply  # noqa: E402


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


def calls() -> dict[str, str]:
    """For each exercise, the line of its cell that awaits the check."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for tag in cell.metadata.get("tags", []):
                if tag.startswith("exercise:"):
                    found[tag[9:]] = re.findall(r"^await (check\..*)$", cell.source, re.M)[-1]
    return found


CALLS = calls()


async def where(scope: Any, receive: Any, send: Any) -> None:
    """Chapter 1's application, which its exercises serve."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await reply(send, 200, b"a thread")


async def verdict(number: str, code: str) -> Verdict:
    """What the check says of this code."""
    names: dict[str, Any] = {
        "asyncio": asyncio, "check": check, "drive": drive, "fetch": fetch, "raw": raw,
        "reply": reply, "serve": serve,
        "where": where, "site": await serve(where),
    }  # fmt: skip
    source = f"{code}\nfound = await {CALLS[number]}\n"
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    step = eval(compile(source, f"<exercise {number}>", "exec", flags=flags), names)
    if inspect.isawaitable(step):
        await step
    for site in [names["site"], *(site for site in running())]:
        await site.stop()
    found: Verdict = names["found"]
    return found


def test_every_exercise_has_answers() -> None:
    assert set(CALLS) == set(WRONG) == set(RIGHT)


@pytest.mark.faults
@pytest.mark.parametrize("number", sorted(CALLS))
@pytest.mark.filterwarnings("ignore:coroutine 'Site.stop' was never awaited")
def test_wrong_answers_fail_each_in_its_way(number: str) -> None:
    verdicts = [asyncio.run(verdict(number, code)) for _, code in WRONG[number]]
    assert [why for (why, _), found in zip(WRONG[number], verdicts, strict=True) if found.ok] == []
    different = {re.sub(r"\d{4,5}", "", found.sentence) for found in verdicts}
    assert len(different) >= 3, different


@pytest.mark.parametrize("number", sorted(CALLS))
def test_unusual_answers_pass(number: str) -> None:
    for why, code in RIGHT[number]:
        found = asyncio.run(verdict(number, code))
        assert found.ok, f"{why}: {found.sentence}"


def test_the_expected_wrong_answers_are_in_the_metadata() -> None:
    told = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        told |= nbformat.read(path, as_version=4).metadata["asgilive"]["wrong"]
    assert set(told) == set(CALLS)
    assert all(len(answers) >= 3 for answers in told.values())
