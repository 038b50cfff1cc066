"""A survey as a file: JSON and JUnit for machines, one page of HTML for people.

Rules: every file is whole by itself; JSON has the shape that `python -m asgilive probe` promises:
{"server", "versions", "results": [{"id", "verdict", "evidence"}]}, one object for each server.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from asgilive.probes.columns import Column
from asgilive.probes.grid import VERDICTS, Grid, Result
from asgilive.spec import LEVELS, spec

MARKS = {"pass": "✓", "fail": "✗", "differs": "≠", "not-applicable": "·", "undecided": "?"}


def as_data(grid: Grid, column: Column) -> dict[str, Any]:
    """What was found of one server, as plain data."""
    results = [
        {
            "id": result.id,
            "verdict": result.verdict,
            "evidence": {"said": result.said, "scenario": result.scenario, "lines": lines(result)},
        }
        for result in grid
        if result.server == column.name
    ]
    return {"server": column.name, "versions": column.versions, "results": results}


def lines(result: Result) -> list[str]:
    """The bytes and messages of one verdict, a line each."""
    return result.evidence.splitlines()


def as_json(grid: Grid) -> str:
    """One object for one server, a list of them for several."""
    found = [as_data(grid, column) for column in grid.columns]
    return json.dumps(found[0] if len(found) == 1 else found, indent=1, ensure_ascii=False) + "\n"


def as_record(grid: Grid) -> list[dict[str, Any]]:
    """The same with the evidence of an experiment once, for all statements that it decides."""
    return [_recorded(grid, column) for column in grid.columns]


def _recorded(grid: Grid, column: Column) -> dict[str, Any]:
    mine = [result for result in grid if result.server == column.name]
    results = {r.id: {"verdict": r.verdict, "said": r.said, "scenario": r.scenario} for r in mine}
    evidence = {r.scenario: lines(r) for r in mine if r.scenario}
    about = {"server": column.name, "title": list(column.title), "versions": column.versions}
    return {**about, "results": results, "evidence": evidence}


def as_junit(grid: Grid) -> str:
    """A test case for each statement on each server: what fails is a failure, what was not
    decided is skipped.
    """
    root = ElementTree.Element("testsuites")
    for column in grid.columns:
        mine = [result for result in grid if result.server == column.name]
        counts = {"tests": len(mine), "failures": grid.count("fail", column.name)}
        counts["skipped"] = sum(r.verdict in ("not-applicable", "undecided") for r in mine)
        suite = ElementTree.SubElement(root, "testsuite", name=f"ASGI: {column.name}")
        suite.attrib.update({name: str(count) for name, count in counts.items()})
        for result in mine:
            _case(suite, column, result)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _case(suite: ElementTree.Element, column: Column, result: Result) -> None:
    name = f"{result.id} {spec[result.id].text}"
    case = ElementTree.SubElement(suite, "testcase", classname=f"asgi.{column.name}", name=name)
    if result.verdict == "fail":
        failure = ElementTree.SubElement(case, "failure", message=_printable(result.said))
        failure.text = _printable(result.evidence)
    elif result.verdict in ("not-applicable", "undecided"):
        ElementTree.SubElement(case, "skipped", message=f"{result.verdict}: {result.said}")
    elif result.verdict == "differs":
        ElementTree.SubElement(case, "system-out").text = _printable(result.said)


def _printable(text: str) -> str:
    """XML has no control characters."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in text)


STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 Georgia, serif }
body { margin: 0 auto; max-width: 72rem; padding: 1rem }
table { border-collapse: collapse; width: 100% }
td, th { border-top: 1px solid #8886; padding: .2rem .5rem; text-align: left; vertical-align: top }
td.mark { text-align: center; white-space: nowrap }
.scroll { overflow-x: auto }
pre { overflow-x: auto; font-size: .8rem; padding: .5rem; border-left: 3px solid #8886 }
.fail a { font-weight: bold }
"""


def as_html(grid: Grid, date: str) -> str:
    """One page: the grid, the totals, and the evidence of every cell behind a link."""
    heads = "".join(f"<th>{html.escape(_title(column))}</th>" for column in grid.columns)
    totals = "".join(
        f"<tr><th>{verdict} {MARKS[verdict]}</th>"
        + "".join(f"<td>{grid.count(verdict, column.name)}</td>" for column in grid.columns)
        + "</tr>"
        for verdict in VERDICTS
    )
    rows = "".join(_row(grid, statement.id) for statement in grid.rows)
    evidence = "".join(_evidence(grid, places) for places in _places(grid))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>ASGI by experiment</title><style>{STYLE}</style>"
        f"<h1>ASGI by experiment</h1><p>{html.escape(date)}. A mark leads to its evidence.</p>"
        f'<div class="scroll"><table><tr><th></th>{heads}</tr>{totals}</table></div>'
        '<div class="scroll"><table><tr><th></th><th>statement</th>'
        f"{heads}</tr>{rows}</table></div>"
        f"<h2>Evidence</h2>{evidence}</html>\n"
    )


def _title(column: Column) -> str:
    return " ".join([column.name, *dict.fromkeys(column.versions.values())][:2])


def _row(grid: Grid, id: str) -> str:
    cells = [_cell(grid[id, column.name]) for column in grid.columns]
    text = f"<small>{LEVELS[spec[id].level]}</small> {html.escape(spec[id].text)}"
    return f'<tr id="{id}"><th>{id}</th><td>{text}</td>{"".join(cells)}</tr>'


def _cell(result: Result) -> str:
    words = f"{result.verdict}: {result.said}" if result.said else result.verdict
    mark = f'<span title="{html.escape(words)}" aria-label="{result.verdict}">'
    mark += f"{MARKS[result.verdict]}</span>"
    if result.seen is not None:
        mark = f'<a href="#{_anchor(result)}">{mark}</a>'
    return f'<td class="mark {result.verdict}">{mark}</td>'


def _anchor(result: Result) -> str:
    return f"{result.scenario}-{result.server}"


def _places(grid: Grid) -> list[list[Result]]:
    """The results that share their evidence."""
    found: dict[str, list[Result]] = {}
    for result in grid:
        if result.seen is not None:
            found.setdefault(_anchor(result), []).append(result)
    return list(found.values())


def _evidence(grid: Grid, results: Sequence[Result]) -> str:
    first = results[0]
    said = "".join(
        f"<li>{r.id} {r.verdict}{': ' if r.said else ''}{html.escape(r.said)}</li>" for r in results
    )
    return (
        f"<details><summary>{html.escape(first.server)}: {first.scenario}</summary>"
        f'<ul id="{html.escape(_anchor(first))}">{said}</ul>'
        f"<pre>{html.escape(first.evidence)}</pre></details>"
    )
