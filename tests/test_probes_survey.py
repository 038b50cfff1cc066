"""The whole survey on two servers: what they are known for, and nothing undecided but what is."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest
from planting import column

from asgilive import probes, servers, spec
from asgilive.probes import columns, report

RECORD = Path(__file__).resolve().parent.parent / "book" / "reference" / "survey.json"
ABSENT = "not-applicable"  # a server in a thread has no TLS, no root path and one worker


@pytest.fixture(scope="module")
def grid() -> Any:
    return asyncio.run(spec.survey([column(), "hypercorn"]))


def test_every_statement_that_binds_servers_is_there(grid: Any) -> None:
    bound = [s.id for s in spec if s.actor in ("server", "both")]
    assert [row.id for row in grid.rows] == bound
    probed = {id for one in probes.SCENARIOS.values() for id in one.judges}
    assert len(probed & set(bound)) >= 130
    assert set(bound) - probed == set(probes.OPEN)


def test_uvicorn(grid: Any) -> None:
    found = {r.id: r.said for r in grid if r.server == "planted" and r.verdict == "fail"}
    assert set(found) == {"H04", "H49"}, found
    differs = {r.id for r in grid if r.server == "planted" and r.verdict == "differs"}
    assert differs == {"C18", "H51"}
    undecided = {r.id for r in grid if r.server == "planted" and r.verdict == "undecided"}
    assert undecided == set(probes.OPEN)


def test_hypercorn(grid: Any) -> None:
    found = {r.id: r.said for r in grid if r.server == "hypercorn" and r.verdict == "fail"}
    assert set(found) == {"H49", "X28"}, found
    assert grid["H21", "hypercorn"].verdict == "pass"
    assert grid["L02", "hypercorn"].verdict == "pass"


def test_the_record_says_the_same(grid: Any) -> None:
    record = json.loads(RECORD.read_text("utf-8"))
    recorded = {each["server"]: each["results"] for each in record["servers"]}
    for ours, theirs in (("hypercorn", "hypercorn"), ("planted", "uvicorn-h11")):
        found = {r.id: r.verdict for r in grid if r.server == ours}
        told = {id: recorded[theirs][id]["verdict"] for id in found}
        plain = {id for id, verdict in found.items() if ours == theirs or verdict != ABSENT}
        assert {id: found[id] for id in plain} == {id: told[id] for id in plain}


def test_a_record_has_the_evidence_of_an_experiment_once(grid: Any) -> None:
    mine, hypercorn = report.as_record(grid)
    assert (mine["server"], mine["title"]) == ("planted", ["planted", ""])
    assert hypercorn["versions"] == {"hypercorn": importlib.metadata.version("hypercorn")}
    for each in (mine, hypercorn):
        found = {id: result["verdict"] for id, result in each["results"].items()}
        assert found == {r.id: r.verdict for r in grid if r.server == each["server"]}
        asked = {result["scenario"] for result in each["results"].values()}
        assert set(each["evidence"]) == asked - {""}
    assert "GET /" in mine["evidence"]["two_requests"][0]


def test_the_rows_that_do_not_pass(grid: Any) -> None:
    few = grid.only("fail")
    assert [row.id for row in few.rows] == ["H04", "H49", "X28"]
    assert few.count("fail") == grid.count("fail")
    assert len(list(few)) == 6  # a row keeps what the other server does
    assert grid.only("fail", "differs").count("differs") == grid.count("differs")


def test_a_server_that_is_not_installed_is_a_column_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "_installed", lambda name: name != "daphne")
    found = asyncio.run(spec.survey(["daphne"], "H43 L05"))
    assert found.columns[0].missing == "daphne is not installed: pip install daphne"
    assert {result.said for result in found} == {found.columns[0].missing}
    assert found.count("not-applicable") == 2
    assert found.columns[0].title == ("daphne", "")
    again = asyncio.run(spec.survey(["daphne"], "H43", [*probes.SCENARIOS.values()]))
    assert again.count("not-applicable") == 1


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("{python} -m uvicorn {app} --port {port}", "uvicorn"),
        ("/usr/bin/granian {app} --port {port}", "granian"),
        ("serve.py {app} {port}", "serve.py"),
    ],
)
def test_a_command_is_called_after_its_program(command: str, name: str) -> None:
    assert columns.column(command).name == name


def test_a_grid_shows_itself_with_its_evidence(grid: Any) -> None:
    shown = grid.only("fail")
    version = importlib.metadata.version("hypercorn")
    assert f"hypercorn<small> {version}</small>" in shown._repr_html_()
    assert "H49, hypercorn: fail.</b> a message behind the end raises" in shown._repr_html_()
    assert "GET /" in shown._repr_html_()
    assert repr(shown).startswith("3 statements on 2 servers\n\n      planted")
