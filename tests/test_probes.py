"""What all probes stand on: notes, evidence, places, verdicts."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from planting import column

from asgilive import probes, servers, spec
from asgilive.probes import columns, running
from asgilive.probes.application import Application, legacy
from asgilive.probes.notes import LONG, Call, Note, Notebook, Writer, plain, say
from asgilive.probes.scenario import NotHere, Scenario, Unclear, scenario
from asgilive.probes.seen import Seen, Wire
from asgilive.probes.survey import survey
from asgilive.probes.visit import Place, Visit

# -- notes


class Strange:
    pass


@pytest.mark.parametrize(
    ("value", "noted"),
    [
        ({"a": (1, [2.5, None, True, b"x"])}, {"a": (1, [2.5, None, True, b"x"])}),
        ({"state": Strange()}, {"state": {"Strange"}}),
        ({Strange: 1, 2: 3}, {"type": 1, 2: 3}),
        (float("inf"), {"float inf"}),
        (bytes(LONG), bytes(LONG)),
        (bytes(LONG + 1), bytes(20) + b"..."),
        (iter(()), {"tuple_iterator"}),
    ],
)
def test_a_note_keeps_every_type(value: Any, noted: Any, tmp_path: Path) -> None:
    assert plain(value) == noted
    Writer(tmp_path / "notes").begin("visit", value)
    [call] = Notebook(tmp_path / "notes").calls("visit")
    assert call.scope == noted
    assert repr(call.scope) == repr(noted)


def test_a_line_that_is_not_whole_is_read_later(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    book = Notebook(path)
    assert book.new() == []
    line = repr((1.0, "1.1", "v", "call", {}))
    path.write_text(line[:10])
    assert book.new() == []
    path.write_text(line + "\n")
    assert book.new() == [Note(1.0, "1.1", "v", "call", {})]
    assert book.new() == []
    assert len(book.calls("v")) == 1
    assert book.calls("w") == []


async def test_a_call_in_notes(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        say("word", 1)
        await receive()
        await send({"type": "good"})
        await send({"type": "bad"})

    async def receive() -> dict[str, Any]:
        return {"type": "got"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "bad":
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await Writer(tmp_path / "n").begin("v", {"type": "x"}).run(app, {}, receive, send)
    [call] = Notebook(tmp_path / "n").calls("v")
    assert call.received == [{"type": "got"}]
    assert call.sent == [{"type": "good"}]
    [(message, classes)] = call.refused
    assert message == {"type": "bad"}
    assert classes[0] == "ConnectionResetError"
    assert "OSError" in classes
    assert call.said == {"word": 1}
    assert call.ended == "raised"
    assert Call().ended == ""


# -- evidence


def test_evidence_as_text() -> None:
    call = Call([Note(1.0, "c", "v", "call", {"type": "http"}), Note(1.2, "c", "v", "receiving")])
    call.notes += [Note(1.3, "c", "v", "raised", ["E", "Exception"])]
    call.notes += [Note(1.4, "c", "v", "said", ("n", "x" * 400))]
    wire = Wire([(1.1, "out", b"GET"), (1.5, "end", b"closed")])
    seen = Seen("s", [call], [wire], {"k": 1}, ["a line"])
    lines = seen.lines
    assert lines[0] == "    0.0 ms  app    call {'type': 'http'}"
    assert lines[1].endswith("→     b'GET'")
    assert lines[2].endswith("receiving")
    assert lines[3].endswith("raised: E")
    assert lines[4].endswith("400 characters")
    assert lines[-2:] == ["client     k: 1", "log        a line"]
    two = Seen("s", [call, call], [wire, wire]).lines
    assert any("app 2" in line for line in two)
    assert any("→ 2" in line for line in two)
    assert Seen("s").lines == []


def test_the_wire_knows_its_end() -> None:
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
    asked = (0.0, "out", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert Wire([asked, (0.1, "in", whole)]).reply.ended == "complete"
    assert Wire([asked, (0.1, "in", whole[:-1])]).reply.ended == "silent"
    assert Wire([asked, (0.1, "in", whole[:-1])], "reset").reply.ended == "reset"
    untold = b"HTTP/1.1 200 OK\r\n\r\nx"
    assert not Wire([asked, (0.1, "in", untold)]).complete
    assert Wire([asked, (0.1, "in", untold)], "closed").complete


# -- verdicts


def made(said: Any) -> Scenario:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    one = spec.probe("H31")(app)

    @one.judge
    def _(seen: Seen) -> Any:
        if isinstance(said, Exception):
            raise said
        return said(seen) if callable(said) else said

    return one


@pytest.mark.parametrize(
    ("said", "verdict", "sentence"),
    [
        (True, "pass", ""),
        ("it is green", "fail", "it is green"),
        (False, "fail", "False"),
        (NotHere("no such thing"), "not-applicable", "no such thing"),
        (Unclear("who knows"), "undecided", "who knows"),
        (lambda seen: seen.calls[0].scope["type"] == "http", "pass", ""),
        (lambda seen: Seen("x").scope, "fail", "the application was never called"),
        (lambda seen: Seen("x").wire, "fail", "the client had no connection"),
    ],
)
async def test_what_a_judge_says(said: Any, verdict: str, sentence: str) -> None:
    grid = await spec.survey(["uvicorn"], probes=[made(said)])
    result = grid["H31", "uvicorn"]
    assert (result.verdict, result.said) == (verdict, sentence)
    assert grid.count(verdict) == grid.count()[verdict] == 1
    assert grid.count("pass", server="hypercorn") == 0


async def test_a_should_that_is_not_followed_differs() -> None:
    one = made("louder")
    one.judges = {"H14": one.judges["H31"], "C06": one.judges["H31"]}
    grid = await spec.survey(["uvicorn"], "H14", probes=[one])
    assert [r.verdict for r in grid] == ["differs"]
    assert len(grid.rows) == 1


async def test_the_worse_of_two_stands() -> None:
    grid = await spec.survey(["uvicorn"], probes=[made(True), made("no")])
    assert grid["H31", "uvicorn"].verdict == "fail"


async def test_a_statement_without_a_probe_is_open() -> None:
    grid = await survey([column()], "H01", scenarios=None)
    assert grid["H01", "planted"].verdict == "pass"
    unprobed = [s.id for s in spec if s.actor in ("server", "both")]
    unprobed = [id for id in unprobed if not any(id in o.judges for o in probes.SCENARIOS.values())]
    for id in unprobed[:1]:
        grid = await survey([column()], id)
        assert grid[id, "planted"].verdict == "undecided"


def test_a_scenario_says_what_it_decides() -> None:
    assert repr(made(True)) == "<scenario app: H31>"
    assert repr(Scenario(None, "empty", "plain", 1.0)) == "<scenario empty: no judge>"  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        scenario()(probes.SCENARIOS["request"].app)
    with pytest.raises(AssertionError):
        scenario(place="the moon")(made)  # type: ignore[arg-type]
    with pytest.raises(spec.NoStatement):  # type: ignore[attr-defined]
        spec.probe("H99")


def test_every_judge_decides_a_statement_that_binds_servers() -> None:
    for one in probes.SCENARIOS.values():
        for id in one.judges:
            assert spec[id].actor in ("server", "both"), (one.name, id)
    assert not set(probes.OPEN) & {id for o in probes.SCENARIOS.values() for id in o.judges}


# -- places and columns


async def test_a_server_of_ones_own_has_no_other_place() -> None:
    grid = await survey([column()], "H10")
    result = grid["H10", "planted"]
    assert result.verdict == "not-applicable"
    assert "started plainly" in result.said


async def test_a_command_line_is_a_column() -> None:
    command = "{python} -m uvicorn {app} --port {port} --host 127.0.0.1 --log-level warning"
    grid = await survey([command], "H01 H10")
    assert grid["H01", "uvicorn"].verdict == "pass"
    assert grid["H10", "uvicorn"].verdict == "not-applicable"


async def test_a_server_that_does_not_start() -> None:
    grid = await survey(["{python} -c 'import sys; sys.exit({port}) #{app}'"], "H01")
    [result] = grid
    assert result.verdict == "not-applicable"


@pytest.mark.parametrize("name", columns.KNOWN)
def test_the_known_columns(name: str) -> None:
    one = columns.column(name)
    assert one.name == name
    assert set(one.versions) == set(one.packages)
    told = {"app": "a:b", "port": 1, "python": "p", "cert": "c", "key": "k"}
    for place in ("plain", "life", "root", "tls"):
        words = one.words(place, **told)
        assert words is not None
        assert "a:b" in words
    assert ("--workers" in (one.words("workers", **told) or ())) == (name != "daphne")


def test_columns_that_are_not() -> None:
    with pytest.raises(ValueError, match="no server is called 'unicorn'"):
        columns.column("unicorn")
    with pytest.raises(ValueError, match="runs in a process of its own"):
        columns.column("granian").in_thread()
    known = columns.column("hypercorn")
    assert columns.column(known) is known
    assert columns.column("uvicorn").name == "uvicorn"


async def test_a_server_of_ones_own_is_a_column() -> None:
    one = columns.column(servers.uvicorn)
    assert one.name == "uvicorn"
    assert one.in_thread() is one
    grid = await survey([servers.uvicorn], "H01")
    assert grid["H01", "uvicorn"].verdict == "pass"


async def test_httptools_in_a_thread() -> None:
    one = columns.column("uvicorn-httptools").in_thread()
    grid = await survey([one], "H38")
    assert grid["H38", "uvicorn-httptools"].verdict == "differs"


async def test_the_page_has_threads_of_its_own_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    grid = await survey(["uvicorn"], "H01")
    assert grid["H01", "uvicorn"].verdict == "pass"


# -- running


async def test_a_scenario_ends_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LIMIT", 0.2)
    one = made(lambda seen: str(seen.said["gave up"]))

    @one.client
    async def _(visit: Visit) -> None:
        await asyncio.sleep(5)

    grid = await spec.survey(["uvicorn"], probes=[one])
    assert grid["H31", "uvicorn"].said == "after 0.2 s"


async def test_a_client_that_cannot_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    one = made(lambda seen: str(seen.said["gave up"]))

    @one.client
    async def _(visit: Visit) -> None:
        raise ConnectionRefusedError("nobody there")

    grid = await spec.survey(["uvicorn"], probes=[one])
    assert grid["H31", "uvicorn"].said == "ConnectionRefusedError: nobody there"


async def test_a_life_ends_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LIMIT", 0.2)
    one = made(lambda seen: str(seen.said["gave up"]))
    one.place = "life"

    @one.client
    async def _(visit: Visit) -> None:
        await asyncio.sleep(5)

    grid = await spec.survey(["uvicorn"], probes=[one])
    assert grid["H31", "uvicorn"].said.startswith("TimeoutError")


async def test_a_life_that_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise running.NoPlace("not in this house")

    monkeypatch.setattr(running.Runner, "_make", nothing)
    one = made(True)
    one.place = "life"
    grid = await spec.survey(["uvicorn"], probes=[one])
    assert grid["H31", "uvicorn"].said == "not in this house"


async def test_the_application_knows_its_calls(tmp_path: Path) -> None:
    app = Application(tmp_path / "n", scenarios={"own": made(True)})
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "path": b"?", "raw_path": b"/own/0a"}, None, send)  # type: ignore[arg-type]
    assert len(sent) == 2
    with pytest.raises(LookupError, match="no scenario is called ''"):
        await app({"type": "http", "path": "/"}, None, send)  # type: ignore[arg-type]
    old = legacy(app)({"type": "http", "path": "/own/0b"})
    await old(None, send)
    assert len(Notebook(tmp_path / "n").calls("0b")) == 1


def test_the_module_that_a_server_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asgilive.probes import application

    watched: list[int] = []
    monkeypatch.setattr("threading.Thread.start", lambda self: watched.append(self._args[0]))
    monkeypatch.setenv("ASGILIVE_NOTES", str(tmp_path / "n"))
    monkeypatch.setenv("ASGILIVE_PARENT", str(os.getpid()))
    again = importlib.reload(application)
    assert again.app.life == "life"
    assert watched == ([] if sys.platform == "win32" else [os.getpid()])
    monkeypatch.delenv("ASGILIVE_NOTES")
    importlib.reload(application)


# -- the client


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    data = await reader.read(100)
    if data.startswith(b"reset"):
        from asgilive.clients import reset

        reset(writer.transport)
        return
    writer.write(b"one two")
    await writer.drain()
    if data.startswith(b"stay"):
        await asyncio.sleep(0.3)
    writer.close()


async def test_a_connection_keeps_what_it_saw() -> None:
    server = await asyncio.start_server(answering, "127.0.0.1", 0)
    async with server:
        visit = Visit(Place(server.sockets[0].getsockname()[1]), "name")
        first = await visit.dial()
        await first.write(b"hello")
        assert await first.read(until=b"two") == b"one two"
        assert await first.read() == b""
        assert first.wire.ended == "closed"
        assert await first.read() == b""
        await first.write(b"more")
        await first.finish()
        second = await visit.dial()
        await second.write(b"stay")
        assert await second.rest(wait=0.1) == b"one two"
        assert second.wire.ended == ""
        third = await visit.dial()
        await third.write(b"reset")
        await third.rest()
        assert third.wire.ended == "reset"
        second.abort()
        visit.end()
    assert servers.IN_THREAD
