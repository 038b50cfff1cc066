"""The pages of the reference, and the survey that was recorded for them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

from asgilive import drawing, rules, spec
from asgilive.probes.columns import KNOWN
from asgilive.publishing import reference

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads((ROOT / reference.RECORD).read_text("utf-8"))


def filled(text: str) -> str:
    """A page's source, read."""
    noted: list[str] = []
    app: Any = SimpleNamespace(srcdir=ROOT, env=SimpleNamespace(note_dependency=noted.append))
    source = [text]
    reference.fill_reference(app, "page", source)
    assert bool(noted) == (source[0] != text)
    return source[0]


# -- the record ------------------------------------------------------------------------------------


def test_the_record_is_of_the_versions_that_are_pinned(record: Any) -> None:
    """After new pins: python bench/survey.py --record."""
    pins: dict[str, str] = {}
    for name in ("requirements.txt", "notebooks/requirements-servers.txt"):
        text = (ROOT / name).read_text("utf-8")
        pins |= dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", text, re.MULTILINE))
    for server in record["servers"]:
        for name, version in server["versions"].items():
            assert pins[name] == version, f"{server['server']} was asked on {name} {version}"


def test_the_record_has_every_row_on_every_server(record: Any) -> None:
    assert [server["server"] for server in record["servers"]] == [*KNOWN, "chapter 11"]
    bound = [s.id for s in spec if s.actor in ("server", "both")]
    for server in record["servers"]:
        assert list(server["results"]) == bound
        for id, result in server["results"].items():
            assert result["verdict"] in drawing.grids.SIGNS
            asked = result["scenario"]
            assert bool(asked) == (result["verdict"] != "undecided"), id
            assert not asked or server["evidence"][asked] or result["verdict"] == "not-applicable"
    assert record["seconds"] < 300


# -- every message ---------------------------------------------------------------------------------


def test_every_key_has_a_line_with_its_statement() -> None:
    with (Path(rules.__file__).parent / "data" / "keys.csv").open(encoding="utf-8") as file:
        keys = list(csv.DictReader(file))
    page = filled((ROOT / "book/reference/messages.md").read_text("utf-8"))
    for type in {row["type"] for row in keys}:
        section = page.split(f"### `{type}`\n")[1].partition("\n### ")[0].partition("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("| `")]
        wanted = [row for row in keys if row["type"] == type]
        assert len(lines) == len(wanted)
        for line, row in zip(lines, wanted, strict=True):
            assert line.startswith(f"| `{row['key']}`"), line
            assert f"[{row['id']}]({spec[row['id']].url})" in line
            assert ("*required*" in line) == bool(row["required"])


def test_a_message_says_who_sends_it() -> None:
    page = filled("<!-- reference: messages http -->\n<!-- reference: messages tls -->")
    said = dict(re.findall(r"### `([\w.]+)`\n\n(.*)\n", page))
    assert said["http"] == "The scope: the app is called with it."
    assert said["http.request"] == "The app receives it."
    assert said["http.response.push"] == "The app sends it."
    assert said["tls"] == 'In `scope["extensions"]`.'


def test_what_stands_in_quotes_is_code_and_who_differs_is_named() -> None:
    result = {"verdict": "fail", "said": "", "scenario": "x"}
    server = {"server": "bold", "title": ["bold", "1.0"], "results": {"H01": result}}
    page = reference.messages({"servers": [server]}, "http")
    assert '| `type` | The scope\'s type is `"http"`. *Otherwise on bold 1.0.* |' in page
    assert '`scope["asgi"]` is a dict with the ASGI version under `"version"`' in page
    assert page.count("Otherwise on") == 1


# -- every server ----------------------------------------------------------------------------------


def test_a_part_is_a_grid_in_one_piece_of_html(record: Any) -> None:
    html = filled("<!-- reference: survey L -->")
    assert "\n\n" not in html
    page = BeautifulSoup(html, "html.parser")
    bound = [s for s in spec.rows("L") if s.actor in ("server", "both")]
    assert len(page.select("tbody tr")) == len(bound)
    assert page.select_one("figcaption b").text.endswith(f"{record['date']}.")


def test_every_mark_leads_to_its_evidence(record: Any) -> None:
    app: Any = SimpleNamespace(srcdir=ROOT)
    pages = {name: context["body"] for name, context, _ in reference.evidence_pages(app)}
    assert len(pages) == len(record["servers"])
    there = {
        f"{name.removeprefix('book/reference/')}.html#{place}"
        for name, body in pages.items()
        for place in re.findall(r'<section id="(\w+)">', body)
    }
    html = "".join(reference.survey(record, part) for part in "CHWLTX")
    marks = BeautifulSoup(html, "html.parser").select("td a")
    assert {mark["href"] for mark in marks} == there
    undecided = BeautifulSoup(html, "html.parser").select("td details")
    assert {one["class"][1] for one in undecided} == {"al-absent"}


def test_an_evidence_page_says_what_each_experiment_decides(record: Any) -> None:
    app: Any = SimpleNamespace(srcdir=ROOT)
    found = {name: context for name, context, _ in reference.evidence_pages(app)}
    page = BeautifulSoup(found["book/reference/evidence/daphne"]["body"], "html.parser")
    server = next(s for s in record["servers"] if s["server"] == "daphne")
    for id, result in server["results"].items():
        if result["scenario"]:
            section = page.select_one(f"section#{result['scenario']}")
            assert id in section.text
            told = f"{id} {result['verdict']} {result['said']}".strip()
            assert result["verdict"] == "pass" or told in section.text
    assert page.select_one("section#request pre code").text.strip().startswith("0.0 ms")
    assert not list(reference.evidence_pages(SimpleNamespace(srcdir=Path("nowhere"))))  # type: ignore[arg-type]


def test_totals_are_those_of_the_record(record: Any) -> None:
    page = BeautifulSoup(filled("<!-- reference: totals -->"), "html.parser")
    rows = [[cell.text for cell in row.select("th, td")] for row in page.select("tbody tr")]
    assert len(rows) == len(record["servers"])
    for row, server in zip(rows, record["servers"], strict=True):
        assert row[0] == " ".join(server["title"])
        assert sum(map(int, row[1:])) == len(server["results"])


def test_other_pages_are_left_alone() -> None:
    assert filled("# A page\n\n<!-- a remark -->\n") == "# A page\n\n<!-- a remark -->\n"
