"""`serve` and its clients on the page's one loop, without threads and processes."""

import asyncio

import pytest
import some_apps

from asgilive import dial, fetch, relay, serve
from asgilive.browser import guard, hosts
from asgilive.browser.network import NETWORK
from asgilive.hosting import StartupFailed, StartupTimeout, StillRunning


def test_a_site_from_start_to_stop(page):
    async def work():
        site = await serve(some_apps.hello, record=True)
        reply = await fetch(site)
        assert (reply.status, reply.body) == (200, b"Hello")
        assert site.running
        assert site.link == f"https://book/app/tab/{site.port}/"
        assert "this page's Python, in the task" in repr(site)
        assert site.pids == [site.pid]
        assert [call.ended for call in site.conversation.calls][-1] == "returned"
        assert site.conversation.connections[0].calls
        await site.stop()
        assert not site.running
        with pytest.raises(ConnectionRefusedError):
            await fetch(site)
        assert not page.python.loop.doors

    page.run(work())
    assert not NETWORK.listening
    assert not NETWORK.sockets


def test_what_a_site_logs_is_its_own(page):
    async def work():
        async with serve(some_apps.hello) as quiet, serve(some_apps.breaks) as loud:
            await fetch(loud)
            await fetch(quiet)
            return quiet.log, loud.log

    quiet, loud = page.run(work())
    assert quiet == []
    assert "Exception in ASGI application" in loud[0]


def test_a_failing_start_up(page):
    async def app(scope, receive, send):
        await receive()
        raise ValueError("no database")

    async def work():
        with pytest.raises(StartupFailed, match="no database"):
            await serve(app, lifespan="on")

    page.run(work())
    assert not NETWORK.listening


def test_a_server_that_leaves_or_fails(page):
    async def leaves(app, sock):
        raise SystemExit(3)

    async def fails(app, sock):
        raise KeyError("x")

    async def work():
        with pytest.raises(StartupFailed, match="must serve until"):
            await serve(some_apps.hello, server=leaves)
        with pytest.raises(StartupFailed, match="KeyError: 'x'"):
            await serve(some_apps.hello, server=fails)

    page.run(work())


def test_a_start_up_that_takes_too_long(page, monkeypatch):
    monkeypatch.setattr(hosts.hosting, "STARTUP", 0.1)

    async def app(scope, receive, send):
        await asyncio.sleep(30)

    async def work():
        with pytest.raises(StartupTimeout, match=r"the application waits in line \d+, `await as"):
            await serve(app)

    page.run(work())
    assert not NETWORK.listening


def test_a_server_that_opens_no_asyncio_server(page):
    async def mute(app, sock):
        await asyncio.sleep(30)

    async def slow(app, sock):
        up = asyncio.Event()

        async def send(message):
            up.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        await asyncio.sleep(0.3)
        await app(scope, lambda: asyncio.sleep(0, {"type": "lifespan.startup"}), send)
        await asyncio.sleep(30)

    async def speaks(scope, receive, send):
        await receive()
        await asyncio.sleep(0.3)
        await send({"type": "lifespan.startup.complete"})

    async def work():
        async with serve(some_apps.hello, server=mute) as site:
            assert site.running
        async with serve(speaks, server=slow) as site:
            assert site.running

    page.run(work())


def test_an_application_that_will_not_stop(page):
    async def stubborn(scope, receive, send):
        while scope["type"] == "http":
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                if page.enough:
                    raise

    page.enough = False

    async def server(app, sock):
        async with await asyncio.start_server(lambda reader, writer: None, sock=sock):
            await app({"type": "http"}, None, None)

    async def work():
        site = await serve(stubborn, server=server)
        with pytest.raises(StillRunning, match="the application waits in line"):
            await site.stop(within=0.1)
        assert "did not stop when asked" in site.log[-1]
        page.enough = True
        await site.stop(within=0.1)

    page.run(work())


def test_stopped_from_within(page):
    sites = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await sites[0].stop()

    async def work():
        async with serve(app) as site:
            sites.append(site)
            await fetch(site)
            return site.log

    assert "would stop" in page.run(work())[-1]


def test_a_cell_that_is_interrupted_while_it_starts(page):
    async def app(scope, receive, send):
        await asyncio.sleep(30)

    async def work():
        starting = asyncio.ensure_future(serve(app).__aenter__())
        await asyncio.sleep(0.05)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await asyncio.sleep(0.2)

    page.run(work())
    assert not NETWORK.listening


def test_a_host_that_never_started(page):
    sock = NETWORK.sockets  # none yet
    assert not sock
    host = hosts.TaskHost("x", bound(), None)
    page.run(host.stop(1))
    assert not NETWORK.sockets
    assert not host.running


def bound():
    from asgilive.browser.network import Socket

    made = Socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def test_a_cable_with_faults(page):
    async def work():
        async with serve(some_apps.hello) as site, relay(site, delay=0.05, record=True) as link:
            reply = await fetch(link)
            assert reply.body == b"Hello"
            assert reply.took >= 0.1
            link.cut = 20
            return (await fetch(link)).ended

    assert page.run(work()) == "closed"


def test_what_an_application_leaves_running_ends_with_its_site(page):
    ended = []

    async def background():
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("cancelled")

    async def app(scope, receive, send):
        page.task = asyncio.create_task(background())
        await some_apps.hello(scope, receive, send)

    async def work():
        async with serve(app, lifespan="off") as site:
            await fetch(site)
            await asyncio.sleep(0)
            assert not ended

    page.run(work())
    assert ended == ["cancelled"]


def test_hypercorn_serves_where_it_can_be_imported(page):
    async def work():
        async with serve(some_apps.hello, server="hypercorn", record=True) as site:
            return (await fetch(site)).body

    assert page.run(work()) == b"Hello"


def test_a_running_call_loses_its_client_with_the_stop(page):
    async def work():
        site = await serve(some_apps.hello)
        async with dial(site) as line:
            await line.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await line.read(until=b"Hello")
            await site.stop()
            return await line.read()

    assert page.run(work()) == b""


def test_processes_are_not_there(page):
    async def work():
        for options in ({"workers": 2}, {"server": "granian"}):
            with pytest.raises(guard.NotHere, match="no processes"):
                await serve("some_apps:hello", **options)
        with pytest.raises(guard.NotHere, match="no processes"):
            await serve(command="python -m http.server {port}")

    page.run(work())
    assert not NETWORK.listening
