"""The exercises of chapter 11: what their testers say where the answers of learners do not lead."""

import asyncio
import sys
from functools import partial
from pathlib import Path

import pytest

from asgilive import check, grade, servers
from asgilive.exercises import ch11

sys.path.insert(0, str(Path(__file__).parent.parent / "notebooks"))

from answers.ch11 import SIX, changed
from apps.server import server

STAGES = [f"stage_{number}" for number in range(1, 11)]


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


def sentence(exercise, *answer):
    """What the check says of a wrong answer."""
    found = grade(exercise, *answer)
    assert not found
    assert "\n" not in found.sentence
    assert len(found.sentence) < 260
    return found.sentence


@pytest.mark.parametrize("name", [*STAGES, "limits", "hundred"])
def test_the_chapters_server_passes(name, caplog):
    assert grade(getattr(check, name), server)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 6, 8, 9, 10])
def test_uvicorn_passes_where_it_keeps_the_rules(number):
    assert grade(getattr(check, f"stage_{number}"), servers.uvicorn)


def test_what_servers_are_known_to_do():
    """Facts that the chapter tells, of the versions that are pinned."""
    assert "send does not raise" in sentence(check.stage_7, servers.uvicorn)
    assert "the client hears b'HTTP/1.1 100'" in sentence(check.hundred, servers.hypercorn)
    assert "(1006, 'why')" in sentence(check.stage_10, servers.hypercorn)


def test_what_is_no_server():
    made = server(None, None)
    assert "you called the server" in sentence(check.stage_1, made)
    assert "is no server" in sentence(check.stage_1, 7)
    assert "takes (sock)" in sentence(check.stage_1, lambda sock: None)
    assert "plain `def`" in sentence(check.stage_1, lambda app, sock: None)
    assert "raised TypeError" in sentence(check.stage_1, min)  # shows no signature


def test_one_that_raises_at_once():
    async def raises(app, sock):
        raise OSError("no sockets today")

    assert "raised OSError: no sockets today at line" in sentence(check.stage_1, raises)


def test_one_that_closes_what_it_was_given():
    async def closes(app, sock):
        sock.close()
        await asyncio.sleep(60)

    assert "is turned away: ConnectionRefusedError" in sentence(check.stage_1, closes)


def says(*pieces):
    """A server that says this to everybody, a piece at a time, and hangs up."""

    async def client(reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def server(app, sock):
        async with await asyncio.start_server(client, sock=sock) as listener:
            await listener.serve_forever()

    return server


def test_answers_that_are_none():
    beside = "beside a client that says nothing, "
    assert beside + "is answered with nothing" in sentence(check.stage_1, says())
    assert "a head that does not end" in sentence(check.stage_1, says(b"HTTP/1.1 200 OK\r\n"))
    half = says(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
    assert "the answer is not complete, then closed" in sentence(check.stage_1, half)
    assert "answered b'HTTP/1.1 204" in sentence(check.stage_2, says(b"HTTP/1.1 204 No\r\n\r\n"))


def slipped(*slips):
    return changed(*slips)


def test_stages_in_more_detail():
    typed = slipped(
        ('{"type": "http.request", "body": b"".join', '{"type": "request", "body": b"".join')
    )
    assert "the app received ['request'], not http.request" in sentence(check.stage_4, typed)
    none = slipped(('"query_string": query, ', ""))
    assert "the scope has no 'query_string'" in sentence(check.stage_3, none)
    early = slipped(('"asgi": {"version": "3.0", "spec_version": "2.5"}', '"asgi": {}'))
    assert """scope["asgi"]["version"] is None""" in sentence(check.stage_3, early)
    silent = slipped(("            self.finish(*refused.args)\n", "            pass\n"))
    assert "gets no answer" in sentence(check.stage_2, silent)
    no_state = slipped((',\n            "state": self.server.state.copy()}', "}"))
    assert 'no "state"' in sentence(check.stage_9, no_state)
    begins = slipped(('await lifespan.ask("startup")', 'await lifespan.ask("shutdown")'))
    assert "not lifespan.startup" in sentence(check.stage_9, begins)
    quick = slipped(("self.limits.wait, late", "0.1, late"))
    assert "is hung up on after 0.1 s" in sentence(check.limits, quick)
    rude = slipped(
        (
            "            self.finish(*[408] if self.unread() else [])\n",
            "            self.finish(400)\n",
        )
    )
    assert "408, or nothing" in sentence(check.limits, rude)


def test_the_streams_server_stops_at_stage_6_but_for_the_back_pressure_of_streams():
    names = {}
    exec(SIX, names)
    passed = [name for name in STAGES if grade(getattr(check, name), names["server"])]
    assert passed == [*STAGES[:6], "stage_8"]


def test_access_log_of_an_app_that_never_ends():
    def logged(app, write):
        async def waits(scope, receive, send):
            await asyncio.Event().wait()

        return waits

    assert "the call never ends" in sentence(check.access_log, logged)
    assert "without brackets" in sentence(check.access_log, None)
    assert "without brackets" in sentence(check.framing, None)


async def test_frames_that_come_in_their_own_time():
    """The tester's own reading: across packets, and to the end of the connection."""

    async def client(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 S\r\n\r\n\x81\x02h")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"i\x89\x00")
        writer.close()

    listener = await asyncio.start_server(client, "127.0.0.1", 0)
    url = "http://127.0.0.1:{1}".format(*listener.sockets[0].getsockname())
    running = type("Running", (), {"url": url})()
    async with ch11._opened(running, "/") as line:
        assert ch11._names(await ch11._frames(line, 1)) == "text b'hi', ping b''"
        assert ch11._names(await ch11._frames(line, 1)) == "nothing"
        assert ch11._names([]) == "nothing"
    listener.close()


def test_limits_may_be_bound_before():
    assert grade(check.stage_2, partial(server, head=8000))
