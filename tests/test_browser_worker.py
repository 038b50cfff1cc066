"""What the worker's script may call, and what it is told."""

import json

import pytest
from interpreter import Page, leave

from asgilive.browser import worker


@pytest.fixture
def store(monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "PROGRESS", tmp_path / "progress.json")
    return tmp_path / "progress.json"


CHECK = """
from asgilive import check
check_ = await check.echo(app)
check_
"""
RIGHT = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    line = f"{scope['method']} {scope['path']}"
    await send({"type": "http.response.body", "body": line.encode()})
"""


def test_a_cell_begins_gives_and_ends(store, page):
    page.cell("print(1)\n2", id="x", number=4)
    assert [said["kind"] for said in page.said] == ["begin", "output", "output", "end"]
    assert page.said[-1]["ok"]
    assert {said["cell"] for said in page.said} == {"x"}


def test_the_page_keeps_what_is_solved(store, page):
    page.cell(RIGHT + CHECK)
    (kept,) = [said["text"] for said in page.said if said["kind"] == "progress"]
    assert "ok" in json.loads(kept)["2.1"]
    page.cell("1")
    assert len([said for said in page.said if said["kind"] == "progress"]) == 1


def test_what_was_solved_before_is_there(store, page):
    other = Page(json.dumps({"2.1": {"ok": "2026-01-01", "tries": 3}}))
    other.run(leave())
    other.python.loop.close()
    outputs, _ = page.cell("from asgilive import check\ncheck")
    assert "pass, 2026-01-01" in outputs[-1]["data"]["text/plain"]


def test_a_cell_that_runs_again_replaces_its_site(store, page):
    code = "from asgilive import serve\nasync def app(scope, receive, send): pass\n"
    code += "site = await serve(app)\nsite.port"
    first = page.shown(code, id="x")
    assert page.shown(code, id="x") != first
    other = page.shown(code.replace("site =", "other ="), id="y")
    links = page.said[-1]["sites"]
    assert f"https://book/app/tab/{other}/" in links
    assert f"https://book/app/tab/{first}/" not in links
    page.cell("await site.stop()\nawait other.stop()", id="z")


def test_what_came_through_the_bridge_is_a_value_of_the_scripts_own(store, page, monkeypatch):
    page.python.plain = lambda data: data + b"!"
    page.python._teller("1")("piece", b"x")
    page.python._teller("1")("head", [200])
    assert page.events("1") == [("piece", b"x!"), ("head", [200])]


def test_a_clock_never_stands_still():
    clock = worker.ticking(lambda: 5.0)
    times = [clock() for _ in range(3)]
    assert times == sorted(set(times))
    assert times[0] == 5.0
    assert times[-1] < 5.001


def test_processes_are_refused_whatever_is_asked_for(store, page):
    page.cell("from asgilive import serve\nasync def app(scope, receive, send): pass")
    (output,), _ = page.cell("await serve(app, workers=2)")
    assert (output["ename"], output["evalue"][:27]) == ("NotHere", "this page has no processes:")
