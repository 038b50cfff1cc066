"""What chapter 13's checks rest on: faults that the book's own probes see, and the record."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from planting import column, verdict

from asgilive import check, spec
from asgilive.checks import Verdict
from asgilive.exercises import ch13
from asgilive.probes import SCENARIOS

RECORD = Path(__file__).resolve().parent.parent / "book" / "reference" / "survey.json"


def planted(id: str) -> ch13.Fault:
    """The fault of a statement, around a server that keeps H49."""
    fault = ch13.FAULTS[id]
    return fault if id == "H49" else lambda app: ch13.KEEPS(fault(app))


@pytest.mark.parametrize("id", ch13.FAULTS)
def test_a_fault_breaks_its_statement_and_no_other_of_them(id: str) -> None:
    grid = asyncio.run(spec.survey([column(planted(id))], " ".join(ch13.FAULTS)))
    broken = {result.id for result in grid if result.verdict in ("fail", "differs")}
    assert broken == {id}


def test_without_a_fault_all_of_them_are_kept() -> None:
    grid = asyncio.run(spec.survey([column(ch13.KEEPS)], " ".join(ch13.FAULTS)))
    assert grid.count("pass") == len(ch13.FAULTS)


@pytest.mark.parametrize("id", ch13.FAULTS)
def test_the_books_own_probes_are_right_answers(id: str) -> None:
    [one] = [scenario for scenario in SCENARIOS.values() if id in scenario.judges]

    async def judged() -> Verdict:
        found: Verdict = await check.probe(id, one)
        return found

    found = asyncio.run(judged())
    assert found.ok, found.sentence


def test_the_repair_of_h04_repairs_it() -> None:
    assert asyncio.run(verdict("H04")).verdict == "fail"
    assert asyncio.run(verdict("H04", ch13.around(ch13._upper))).verdict == "pass"


def test_the_fingerprints_are_those_of_the_record() -> None:
    record = json.loads(RECORD.read_text("utf-8"))
    found = {server["server"]: server["results"] for server in record["servers"]}
    for name, row in ch13.fingerprints().items():
        assert row == {id: found[name][id]["verdict"] for id in row}, name


def test_no_two_servers_have_one_fingerprint_even_where_rows_are_lost() -> None:
    known = ch13.fingerprints()
    for lost in range(3):
        ids = [id for number, id in enumerate(known["daphne"]) if number % 3 != lost]
        assert len({tuple(row[id] for id in ids) for row in known.values()}) == len(known)
