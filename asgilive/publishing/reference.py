"""Pages of the reference that are made of tables: every message, and what every server does.

A comment in a page's Markdown is replaced while it is read:

    <!-- reference: messages http -->     the scope of a protocol and its messages, key by key
    <!-- reference: survey H -->          a part of the specification on every server
    <!-- reference: totals -->            how often each server passes

The verdicts are in `book/reference/survey.json`, which `python bench/survey.py --record` writes.
What each server showed has a page of its own, `evidence/NAME`, that the marks of the grid lead to.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from asgilive import drawing, rules
from asgilive.probes import SCENARIOS
from asgilive.spec import LEVELS, Statement, spec

RECORD = Path("book") / "reference" / "survey.json"
MARK = re.compile(r"<!-- reference: (\w+) ?(\w*) -->")

CODE = re.compile(
    r'\w*(?:\["[^"]*"\])+|\w*"[^"]*"'
)  # what stands in quotes, and what is asked for it

Record = dict[str, Any]


def read_record(app: Sphinx) -> Record:
    """The survey that was recorded last."""
    found: Record = json.loads((Path(app.srcdir) / RECORD).read_text("utf-8"))
    return found


def fill_reference(app: Sphinx, _: str, source: list[str]) -> None:
    """Put the tables in the place of their comments."""
    if not MARK.search(source[0]):
        return
    app.env.note_dependency(str(Path(app.srcdir) / RECORD))
    record = read_record(app)
    made = {"messages": messages, "survey": survey, "totals": totals}
    source[0] = MARK.sub(lambda found: made[found[1]](record, found[2]), source[0])


# ---- every message ---------------------------------------------------------------------------


def messages(record: Record, protocol: str) -> str:
    """A heading for the scope of a protocol and for each of its messages; below it, its keys."""
    lines: list[str] = []
    for type, keys in groupby(_keys(), lambda row: row["type"]):
        if type.partition(".")[0] == protocol:
            lines += [f"### `{type}`", "", _role(type), "", *_table(record, list(keys)), ""]
    return "\n".join(lines)


def _keys() -> list[dict[str, str]]:
    with (Path(rules.__file__).parent / "data" / "keys.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _role(type: str) -> str:
    if "." not in type:
        extension = type not in rules.TABLES
        return 'In `scope["extensions"]`.' if extension else "The scope: the app is called with it."
    sent = {step.type for steps in rules.TABLES.values() for step in steps if step.way == "send"}
    return "The app sends it." if type in sent else "The app receives it."


def _table(record: Record, keys: list[dict[str, str]]) -> Iterator[str]:
    yield "| key | what the specification says | since | |"
    yield "|---|---|---|---|"
    for row in keys:
        one = spec[row["id"]]
        must = " *required*" if row["required"] else ""
        text = CODE.sub(r"`\g<0>`", one.text.replace("|", "\\|"))
        link = f"[{one.id}]({one.url})"
        yield f"| `{row['key']}`{must} | {text}{_kept(record, one)} | {one.since} | {link} |"


def _kept(record: Record, one: Statement) -> str:
    """Who does otherwise; nothing where every server keeps it, or none was asked."""
    others = [
        " ".join(server["title"])
        for server in record["servers"]
        if server["results"].get(one.id, {}).get("verdict") in ("fail", "differs")
    ]
    return f" *Otherwise on {', '.join(others)}.*" if others else ""


# ---- every server ----------------------------------------------------------------------------


def survey(record: Record, part: str) -> str:
    """The grid of a part of the specification."""
    servers = record["servers"]
    rows = [
        {"id": s.id, "text": f"{s.text} ({LEVELS[s.level]})", "url": s.url}
        | {"cells": [_cell(server, s.id) for server in servers]}
        for s in spec.rows(part)
        if s.id in servers[0]["results"]
    ]
    title = f"{len(rows)} statements on {len(servers)} servers, {record['date']}"
    titles = [(name, detail) for name, detail in (server["title"] for server in servers)]
    figure = drawing.grid(titles, rows, title=title, caption="A mark leads to its evidence.")
    return _whole(figure.html)


def _cell(server: Record, id: str) -> Record:
    result = server["results"][id]
    place = f"evidence/{_file(server)}.html#{result['scenario']}" if result["scenario"] else ""
    return {"verdict": result["verdict"], "said": result["said"], "lines": [], "href": place}


def _file(server: Record) -> str:
    return str(server["server"]).replace(" ", "-")


def totals(record: Record, _: str) -> str:
    """A row for each server: how often it passes, and how often not."""
    verdicts = list(drawing.grids.SIGNS)
    rows = []
    for server in record["servers"]:
        found = [result["verdict"] for result in server["results"].values()]
        counts = [found.count(verdict) for verdict in verdicts]
        rows.append([" ".join(server["title"]), *counts])
    head = ["server", *(verdict.replace("-", " ") for verdict in verdicts)]
    title = f"The specification on {len(rows)} servers, {record['date']}"
    caption = f"On Python {record['python']}, Linux, in {record['seconds']} seconds."
    return _whole(drawing.table(head, rows, title=title, caption=caption).html)


def _whole(html: str) -> str:
    """HTML that Markdown takes in one piece: it would end at an empty line."""
    return "\n".join(line for line in html.splitlines() if line.strip())


def evidence_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each server: every experiment, what it decides, its bytes and messages."""
    if not (Path(app.srcdir) / RECORD).exists():
        return
    for server in read_record(app)["servers"]:
        title = f"What {' '.join(server['title']).strip()} showed"
        body = [f"<section><h1>{escape(title)}</h1>", f"<p>{_versions(server)}</p>"]
        body += [_experiment(server, name) for name in server["evidence"]] + ["</section>"]
        name = f"{RECORD.parent.as_posix()}/evidence/{_file(server)}"
        yield name, {"title": title, "body": "\n".join(body), "furo_hide_toc": True}, "page.html"


def _versions(server: Record) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in server["versions"].items())
    lead = '<a href="../servers.html">All servers</a>. '
    return lead + escape(f"{versions or 'The server that chapter 11 builds'}. Times are in ms.")


def _experiment(server: Record, name: str) -> str:
    about = (SCENARIOS[name].app.__doc__ or "").strip().partition("\n")[0]
    found = {id: r for id, r in server["results"].items() if r["scenario"] == name}
    passed = ", ".join(id for id, result in found.items() if result["verdict"] == "pass")
    items = "".join(
        f"<li><strong>{id} {result['verdict']}</strong> {escape(result['said'])}</li>"
        for id, result in found.items()
        if result["verdict"] != "pass"
    )
    lines = "".join(
        f"<code>{escape(drawing.markup.clean(line))}</code>" for line in server["evidence"][name]
    )
    return (
        f'<section id="{name}"><h2>{escape(name.replace("_", " "))}</h2><p>{escape(about)}</p>'
        + (f"<ul>{items}</ul>" if items else "")
        + (f"<p>{passed}: pass.</p>" if passed else "")
        + f'<div class="al-evidence-of"><pre>{lines}</pre></div></section>'
    )
