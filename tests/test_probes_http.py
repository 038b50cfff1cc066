"""The HTTP experiments: each says pass where the statement is kept, and not where it is broken."""

from __future__ import annotations

import pytest
from planting import verdict
from probe_faults_http import FAULTS

from asgilive import servers, spec

# What uvicorn does not keep itself: seen by the probe, with no fault planted.
BROKEN = ["H49", "H51"]


pytestmark = pytest.mark.faults


@pytest.mark.parametrize("id", FAULTS)
async def test_a_planted_fault_is_seen(id: str) -> None:
    result = await verdict(id, FAULTS[id])
    assert result.verdict == ("fail" if spec[id].level in "MD" else "differs"), result.evidence
    assert result.said
    assert result.evidence


async def test_nothing_is_seen_without_a_fault() -> None:
    wanted = " ".join(id for id in FAULTS if id not in ("H04", "C18"))
    from planting import column

    grid = await spec.survey([column(server=servers.uvicorn)], wanted)
    assert [r for r in grid if r.verdict != "pass"] == []
