"""The whole specification on seven servers, and how long that takes.

python bench/survey.py              needs the servers of notebooks/requirements-servers.txt
python bench/survey.py --record     also writes book/reference/survey.json, which the pages show
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import platform
import sys
import time
from pathlib import Path

from figures import Report

from asgilive import spec
from asgilive.probes import report
from asgilive.probes.columns import KNOWN, Column, column
from asgilive.probes.grid import VERDICTS

BOUND = 300  # seconds
ROOT = Path(__file__).parents[1]
OURS = Column("chapter 11", "{python} -m apps.server {app} {port}")


async def main() -> None:
    """Run it, print totals and time, and write the record if that was asked for."""
    notebooks = str(ROOT / "notebooks")
    os.environ["PYTHONPATH"] = os.pathsep.join([notebooks, os.environ.get("PYTHONPATH", "")])
    began = time.perf_counter()
    grid = await spec.survey([*map(column, KNOWN), OURS])
    took = time.perf_counter() - began
    for each in grid.columns:
        counts = grid.count(server=each.name)
        print(f"{each.name}: " + ", ".join(f"{counts[v]} {v}" for v in VERDICTS))
    if "--record" in sys.argv:
        about = {"date": datetime.date.today().isoformat(), "python": platform.python_version()}
        record = {**about, "seconds": round(took), "servers": report.as_record(grid)}
        text = json.dumps(record, indent=1, ensure_ascii=False)
        (ROOT / "book" / "reference" / "survey.json").write_text(text + "\n", "utf-8")
    lines = Report()
    lines.line("seconds for all rows on seven servers", took, BOUND)
    lines.end()


if __name__ == "__main__":
    asyncio.run(main())
