"""Servers: their command lines, their adapters, and what each of them is recorded as."""

import asyncio
import socket
import sys
import threading

import pytest
from some_apps import path, until, wsgi

from asgilive import crowd, dial, fetch, raw, serve, servers

pytestmark = pytest.mark.usefixtures("nothing_left", "silent", "here")


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


# -- command lines


def test_a_command_line_is_filled_in():
    words = servers.command(
        "{python} -m server {app} --bind 127.0.0.1:{port} 'two words' {not ours}",
        {"log_level": "error", "reload": True, "access_log": False, "threads": 4},
        python="/usr/bin/my python",
        app="a:b",
        port=8000,
    )
    assert words == [
        "/usr/bin/my python",
        *("-m", "server", "a:b", "--bind", "127.0.0.1:8000", "two words", "{not", "ours}"),
        *("--log-level", "error", "--reload", "--no-access-log", "--threads", "4"),
    ]


@pytest.mark.parametrize("name", servers.COMMANDS)
def test_every_command_line_is_on_loopback(name):
    template = servers.COMMANDS[name]
    assert "127.0.0.1" in template
    assert template.count("{port}") == template.count("{app}") == 1


def test_labels():
    assert servers.label("wsgiref", {}) == "wsgiref"
    assert servers.label("hypercorn", {}).split()[0] == "hypercorn"
    assert servers.label("uvicorn", {}).endswith(", h11")
    assert servers.label("uvicorn", {"http": "other"}).endswith(", other")


@pytest.mark.parametrize(("installed", "parser"), [(True, "httptools"), (False, "h11")])
def test_the_parser_that_uvicorn_chooses(installed, parser, monkeypatch):
    monkeypatch.setattr(servers, "_installed", lambda name: installed)
    assert servers.label("uvicorn", {"http": "auto"}).endswith(f", {parser}")
    assert servers.label("uvicorn", {"http": object}).endswith(f", {parser}")


# -- wsgiref


async def test_wsgi_complaints_are_in_the_log():
    def broken(environ, start_response):
        environ["wsgi.errors"].flush()  # nothing yet
        print("a word of its own", file=environ["wsgi.errors"])
        raise ValueError("not today")

    async with serve(broken, server="wsgiref") as site:
        reply = await fetch(site)
        assert reply.status == 500
        await until(lambda: site.log)
        assert site.log == ["ERROR ValueError: not today"]


def test_nobody_to_hang_up_on():
    server = servers._wsgi_server(wsgi, socket.create_server(("127.0.0.1", 0)), print)
    server.hang_up()
    server.server_close()


async def test_a_silent_client_does_not_hold_wsgiref():
    async with serve(wsgi, server="wsgiref") as site:
        line = await dial(site)
        await asyncio.sleep(0.1)  # the one thread reads from it, and nothing comes
    assert await line.read() == b""
    assert site.log == []
    line.close()
    await asyncio.sleep(0)


async def test_a_client_that_vanishes_does_not_disturb_wsgiref():
    """It learns it while it writes the answer."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(environ, start_response):
        asked.set()
        go_on.wait()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [bytes(1 << 20)] * 9

    async with serve(slow, server="wsgiref") as site:
        line = await dial(site)
        await line.write(GET)
        await until(asked.is_set)
        line.abort()
        await asyncio.sleep(0)
        go_on.set()
        reply = await fetch(site)
        assert (len(reply.body), site.log) == (9 << 20, [])


async def test_what_wsgiref_itself_raises_is_in_the_log(monkeypatch):
    from wsgiref.simple_server import WSGIRequestHandler

    def broken(self):
        raise ValueError("no environment")

    monkeypatch.setattr(WSGIRequestHandler, "get_environ", broken)
    async with serve(wsgi, server="wsgiref") as site:
        assert (await fetch(site)).ended == "closed"
        await until(lambda: site.log)
        assert site.log == ["ERROR ValueError: no environment"]


async def test_wsgiref_serves_one_at_a_time():
    at_once = []

    def counted(environ, start_response):
        at_once.append(len(at_once))
        return wsgi(environ, start_response)

    async with serve(counted, server="wsgiref") as site:
        everyone = await crowd(20, lambda i: fetch(site, f"/{i}"))
    assert [reply.text for reply in everyone.results] == [f"/{i}" for i in range(20)]
    assert len(at_once) == 20


async def test_a_server_process_has_no_delay_on_our_socket():
    """Named TCP, the socket is without Nagle's delay: an answer in two writes takes no 40 ms."""
    async with serve(path) as site, dial(site) as line:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            await line.write(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            await line.read(until=b"/x")
        assert loop.time() - began < 20 * 0.02


# -- hypercorn


async def test_hypercorn_over_its_own_names():
    options = {"keep_alive_timeout": 0.05}
    async with serve(path, server="hypercorn", **options) as site, dial(site) as line:
        await line.write(GET)
        assert (await line.read(until=b"never")).endswith(b"/")  # then its keep-alive is over


# -- a hundred clients of every server


GRID = [("uvicorn", 2), ("hypercorn", 2), ("granian", 1), ("granian", 2), ("gunicorn", 2)]
GRID += [("daphne", None)]


@pytest.mark.parametrize(("server", "workers"), GRID)
async def test_a_hundred_of_a_hundred(server, workers):
    if server == "gunicorn" and sys.platform == "win32":
        pytest.skip("gunicorn is not there on Windows")
    async with serve("some_apps:path", server=server, workers=workers, record=True) as site:
        everyone = await crowd(100, lambda i: fetch(site, f"/{i}"))
        assert everyone.errors == []
    assert_right(site.conversation, 100)


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_a_hundred_of_a_hundred_in_a_thread(server):
    async with serve(path, server=server, record=True) as site:
        await crowd(100, lambda i: fetch(site, f"/{i}"))
    assert_right(site.conversation, 100)


def assert_right(conversation, number):
    """Every call is on the connection that asked for it, and what belongs together is in order."""
    by_number = {c.number: c for c in conversation.connections}
    calls = [call for call in conversation.calls if call.scope["type"] == "http"]
    right = [
        call
        for call in calls
        if by_number[call.connection].bytes_in.startswith(b"GET %s " % call.scope["path"].encode())
    ]
    assert len(calls) == len(right) == number
    for call in calls:
        wire = by_number[call.connection].entries
        came = next(entry.t for entry in wire if entry.what == "in")
        went = next(entry.t for entry in wire if entry.what == "out")
        assert came <= call.began <= went
        assert all(entry.connection == call.connection for entry in call.entries)
    times = [entry.t for entry in conversation.entries]
    assert times == sorted(times)


async def test_requests_one_behind_the_other_through_the_relay():
    get = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    async with serve("some_apps:path", workers=1, record=True) as site:
        reply = await raw(site, get + get.replace(b"/a", b"/b"))
        assert [answer.body for answer in reply.replies] == [b"/a", b"/b"]
        connection = next(c for c in site.conversation.connections if c.calls)
        assert [call.scope["path"] for call in connection.calls] == ["/a", "/b"]
