"""The experiments with WebSocket and lifespan: a planted fault is seen, and nothing without one."""

from __future__ import annotations

import pytest
from planting import column, verdict
from probe_faults_lifespan import FAULTS as LIVES
from probe_faults_websocket import FAULTS as SOCKETS

from asgilive import spec

FAULTS = SOCKETS | LIVES


pytestmark = pytest.mark.faults


@pytest.mark.parametrize("id", FAULTS)
async def test_a_planted_fault_is_seen(id: str) -> None:
    result = await verdict(id, FAULTS[id])
    assert result.verdict == ("fail" if spec[id].level in "MD" else "differs"), result.evidence
    assert result.said
    assert result.evidence


async def test_nothing_is_seen_without_a_fault() -> None:
    grid = await spec.survey([column()], " ".join(FAULTS))
    assert [(r.id, r.said) for r in grid if r.verdict != "pass"] == []
