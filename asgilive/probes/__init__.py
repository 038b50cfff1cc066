"""The specification by experiment: probes that decide its statements on any ASGI server.

grid = await spec.survey(["uvicorn", "hypercorn"], rows="C16 H20-H31")

notes.py, seen.py     the evidence: what the application noted, what the client kept
scenario.py           an experiment and its judges
core, http, …         the experiments
application.py        all of them as one ASGI application
visit.py              all of them as one client
columns.py, tls.py    the servers, and how each is started
running.py, survey.py an experiment on a server; all of them on many
grid.py, report.py    the verdicts, and how they are shown
"""

from __future__ import annotations

from asgilive.probes.scenario import SCENARIOS

__all__ = ["OPEN", "SCENARIOS"]

# What no experiment decides, and why.
OPEN: dict[str, str] = {
    "T05": "none of these servers offers tls, and a chain of clients' certificates needs one",
    "T07": "none of these servers offers tls, and a chain of clients' certificates needs one",
    "T08": "it is allowed, and cannot be broken",
    "W13": "none of these servers speaks WebSocket over HTTP/2 by default",
    "W38": "a note on the specification's own text, which no server keeps or breaks",
}

from asgilive.probes import extensions, http, http2, lifespan, websocket  # noqa: E402, F401
