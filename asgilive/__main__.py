"""The command line: `python -m asgilive probe --server 'COMMAND with {app} and {port}'`."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import sys
from pathlib import Path

from asgilive import spec
from asgilive.probes import report
from asgilive.probes.columns import KNOWN, Column, column
from asgilive.probes.grid import VERDICTS, Grid


def arguments(words: list[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m asgilive", description=__doc__)
    probe = parser.add_subparsers(dest="command", required=True).add_parser(
        "probe",
        help="run the specification's probes on an ASGI server",
        description="Run the specification's probes on ASGI servers, on 127.0.0.1.",
    )
    probe.add_argument(
        "--server",
        action="append",
        required=True,
        metavar="COMMAND",
        help="a command line with {app} and {port} ({python} is this Python), or one of "
        + ", ".join(KNOWN)
        + "; may be given several times",
    )
    probe.add_argument("--tls-server", metavar="COMMAND", help="the same with {cert} and {key}")
    probe.add_argument("--name", help="what to call the server")
    probe.add_argument("--rows", default="all", help='statements, as in "H20-H31 C16"; all of them')
    for kind in ("json", "junit", "html"):
        probe.add_argument(f"--{kind}", type=Path, metavar="FILE", help=f"write {kind} there")
    return parser.parse_args(words)


def columns(args: argparse.Namespace) -> list[Column]:
    """The servers that were named."""
    found = [column(text) for text in args.server]
    if len(found) == 1:
        [one] = found
        more = {**one.more, "tls": args.tls_server} if args.tls_server else one.more
        found = [Column(args.name or one.name, one.command, one.packages, more)]
    return found


def printed(grid: Grid) -> str:
    """What does not pass, and the totals."""
    lines = []
    for result in grid:
        if result.verdict in ("fail", "differs"):
            lines.append(f"{result.id} {result.server:18} {result.verdict:8} {result.said}")
    for each in grid.columns:
        counts = grid.count(server=each.name)
        lines.append(f"{each.name}: " + ", ".join(f"{counts[v]} {v}" for v in VERDICTS))
    return "\n".join(lines)


def told(args: argparse.Namespace, grid: Grid) -> int:
    """Print it, and write the files that were asked for; the exit status."""
    print(printed(grid))
    if args.json:
        args.json.write_text(report.as_json(grid), "utf-8")
    if args.junit:
        args.junit.write_text(report.as_junit(grid), "utf-8")
    if args.html:
        today = datetime.date.today().isoformat()
        args.html.write_text(report.as_html(grid, today), "utf-8")
    return 1 if grid.count("fail") else 0


def main(words: list[str] | None = None) -> int:
    """Do it; 1 where something fails, 2 for a server that is not known."""
    args = arguments(words)
    try:
        found = columns(args)
    except (ValueError, LookupError) as error:
        print(error, file=sys.stderr)
        return 2
    return told(args, asyncio.run(spec.survey(found, args.rows)))


if __name__ == "__main__":
    sys.exit(main())
