"""Run the probes over servers, judge what was seen, and keep the verdicts in a grid."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from asgilive import probes
from asgilive.probes.columns import Column, here
from asgilive.probes.grid import Grid, Result
from asgilive.probes.running import Runner
from asgilive.probes.scenario import NotHere, Scenario, Unclear
from asgilive.probes.seen import Missing, Seen
from asgilive.servers import Server
from asgilive.spec import Statement, spec

COLUMNS_AT_ONCE = 2


async def survey(
    columns: Sequence[str | Server | Column],
    rows: str = "all",
    scenarios: Iterable[Scenario] | None = None,
) -> Grid:
    """The verdicts of some rows of the specification on some servers, by live experiment.

    `rows` is as in `spec.rows`, or "all": every statement that binds servers. `scenarios` are
    asked in place of the book's own; no other process knows them, so servers run in threads then,
    as they do in the page. Raises ValueError for a server that has no such form.
    """
    asked = list(probes.SCENARIOS.values() if scenarios is None else scenarios)
    wanted = _wanted(rows, asked, own=scenarios is not None)
    ids = {statement.id for statement in wanted}
    chosen = [one for one in asked if ids & set(one.judges)]
    free = asyncio.Semaphore(COLUMNS_AT_ONCE)

    async def one(each: Column) -> list[Result]:
        async with free:
            runner = Runner(each, {scenario.name: scenario for scenario in chosen})
            seen = await runner.run(chosen)
        return [judged(each, statement, chosen, seen) for statement in wanted]

    found = [here(each) for each in columns]
    if scenarios is not None or sys.platform == "emscripten":
        found = [each.in_thread() for each in found]
    results = await asyncio.gather(*map(one, found))
    return Grid(found, wanted, [result for each in results for result in each])


def _wanted(rows: str, scenarios: list[Scenario], *, own: bool) -> list[Statement]:
    """The statements to decide: what binds servers, or what a reader's own experiments judge."""
    if own:
        ids = {id for one in scenarios for id in one.judges}
        return [s for s in (spec if rows == "all" else spec.rows(rows)) if s.id in ids]
    return [s for s in (spec if rows == "all" else spec.rows(rows)) if s.actor in SERVERS]


SERVERS = ("server", "both")


def judged(
    column: Column, statement: Statement, chosen: list[Scenario], seen: dict[str, Seen]
) -> Result:
    """The verdict of one statement on one server."""
    asked = [one for one in chosen if statement.id in one.judges]
    if not asked:
        why = probes.OPEN.get(statement.id, "no probe is written for it")
        return Result(statement.id, column.name, "undecided", why, "")
    results = [_judged(column, statement, one, seen[one.name]) for one in asked]
    return max(results, key=lambda result: ORDER.index(result.verdict))


# Where two scenarios decide one statement, the worse verdict stands.
ORDER = ["not-applicable", "undecided", "pass", "differs", "fail"]


def _judged(column: Column, statement: Statement, one: Scenario, seen: Seen) -> Result:
    verdict, said = verdict_of(statement, one, seen)
    return Result(statement.id, column.name, verdict, said, one.name, seen)


def verdict_of(statement: Statement, one: Scenario, seen: Seen) -> tuple[str, str]:
    """The verdict and its sentence.

    What breaks a must or a definition fails; a should that is not followed differs, and so does
    what was seen where the specification allows more than one thing.
    """
    if seen.impossible:
        return "not-applicable", seen.impossible
    try:
        said: Any = one.judges[statement.id](seen)
    except NotHere as error:
        return "not-applicable", str(error)
    except Unclear as error:
        return "undecided", str(error)
    except Missing as error:
        said = str(error)
    if said is True:
        return "pass", ""
    return ("fail" if statement.level in "MD" else "differs"), str(said)
