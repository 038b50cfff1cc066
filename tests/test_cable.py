"""A cable: it carries everything in order, and its faults do what they say while it runs."""

import asyncio
import time

import pytest
from some_apps import echo, endless, flood, hello, path, size, stalled, until, waits

from asgilive import crowd, dial, fetch, raw, relay, serve

pytestmark = pytest.mark.usefixtures("nothing_left")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def own(answer):
    """A server of bytes: `answer(reader, writer)` for each connection."""

    async def server(app, sock):
        async with await asyncio.start_server(answer, sock=sock) as listening:
            await listening.serve_forever()

    return serve(server=server)


async def test_it_adds_nothing_and_loses_nothing():
    async with serve(hello) as site, relay(site) as link:
        assert link.port != site.port
        assert link.url == f"http://127.0.0.1:{link.port}"
        through = await raw(link, GET + GET)
        assert [answer.body for answer in through.replies] == [b"Hello", b"Hello"]
        assert (await fetch(link)).body == b"Hello"


async def test_a_url_will_do():
    async with serve(hello) as site, relay(site.url) as link:
        assert (await fetch(link)).body == b"Hello"


async def test_large_bodies_in_order():
    body = bytes(range(256)) * 20_000
    async with serve(echo) as site, relay(site) as link:
        assert (await fetch(link, method="POST", body=body)).body == body


async def test_no_connection_stays():
    async with serve(path) as site, relay(site) as link:
        everyone = await crowd(50, lambda i: fetch(link, f"/{i}"))
        assert [reply.text for reply in everyone.results] == [f"/{i}" for i in range(50)]
        await until(lambda: not link.cable.ends)


# -- faults


async def test_delay_is_each_way():
    async with serve(hello) as site, relay(site, delay=0.1) as link:
        reply = await fetch(link)
    assert (reply.ended, reply.body) == ("complete", b"Hello")
    assert 0.2 <= reply.took < 0.4


async def test_rate():
    async with serve(size) as site, relay(site, rate=100_000) as link:
        reply = await fetch(link, method="POST", body=bytes(30_000))
    assert reply.body == b"30000"
    assert 0.25 <= reply.took < 1


async def test_rate_of_a_few_bytes():
    async with serve(hello) as site, relay(site, rate=1000.0) as link:
        reply = await fetch(link)
    assert reply.took >= (len(reply.sent) + len(reply.received) - 100) / 1000


@pytest.mark.parametrize("cut", [0, 1, 20, 122])
@pytest.mark.parametrize("delay", [0.0, 0.02])
async def test_cut(cut, delay):
    async with serve(hello) as site, relay(site, cut=cut, delay=delay) as link:
        whole = await fetch(site)
        reply = await fetch(link)
        await until(lambda: not link.cable.ends)
    assert (reply.ended, len(reply.received)) == ("closed", cut)
    assert reply.received[:17] == whole.received[:17][:cut]


async def test_the_server_sees_a_cut_as_a_client_that_vanished():
    async with serve(endless, record=True) as site, relay(site, cut=200) as link:
        reply = await fetch(link)
        assert len(reply.received) == 200
        await until(lambda: site.conversation.connections[0].closed)
    assert "ConnectionResetError" in site.conversation.connections[0].closed_by


async def test_faults_change_while_it_runs():
    async with serve(hello) as site, relay(site) as link:
        assert (link.delay, link.rate, link.cut) == (0.0, None, None)
        async with dial(link) as line:

            async def ask():
                began = time.perf_counter()
                await line.write(GET)
                await line.read(until=b"Hello")
                return time.perf_counter() - began

            assert await ask() < 0.1
            link.delay = 0.1
            assert await ask() >= 0.2
            link.delay = 0.0
            link.rate = 1000
            assert await ask() >= 0.1
            link.rate = None
            assert await ask() < 0.1
            link.cut = 1000
            for _ in range(10):
                await line.write(GET)
            assert await line.read(until=b"never") != b""
            assert line.events[-1][1] == "end"


async def test_bytes_on_their_way_keep_their_order():
    async def answer(reader, writer):
        writer.write(await reader.read())
        writer.close()

    async with own(answer) as site, relay(site, delay=0.1) as link, dial(link) as line:
        await line.write(b"slow ")
        await asyncio.sleep(0.02)
        link.delay = 0
        await line.write(b"fast")
        await line.finish()
        assert await line.read(until=b"never") == b"slow fast"


# -- what passes through


async def test_half_close_passes():
    async def answer(reader, writer):
        body = await reader.read()  # until the client says that it is done
        writer.write(b"%d bytes" % len(body))
        writer.close()

    for delay in (0.0, 0.02):
        async with own(answer) as site, relay(site, delay=delay) as link, dial(link) as line:
            await line.write(b"abc")
            await line.finish()
            assert await line.read(until=b"s") == b"3 bytes"
            assert await line.read() == b""
            await until(lambda link=link: not link.cable.ends)


async def test_a_server_that_closes_first():
    async def answer(reader, writer):
        writer.write(b"bye")
        writer.close()

    async with own(answer) as site, relay(site) as link, dial(link) as line:
        assert await line.read(until=b"never") == b"bye"
        line.close()
        await until(lambda: not link.cable.ends)


async def test_a_client_that_vanishes():
    async with serve(waits, record=True) as site, relay(site) as link:
        line = await dial(link)
        await line.write(GET)
        await until(lambda: site.conversation.calls[-1].entries[1:])
        line.abort()
        await until(lambda: site.conversation.connections[0].closed)
    assert "ConnectionResetError" in site.conversation.connections[0].closed_by


async def test_a_server_that_vanishes():
    from asgilive.clients import reset

    async def answer(reader, writer):
        await reader.readline()
        reset(writer.transport)

    async with own(answer) as site, relay(site) as link:
        assert (await raw(link, GET)).ended == "reset"


async def test_nobody_behind():
    async with serve(hello) as site:
        pass
    async with relay(site) as link:
        assert (await raw(link, GET)).ended in ("reset", "closed")
        await until(lambda: not link.cable.ends)


@pytest.mark.parametrize("faults", [{}, {"delay": 0.01}])
async def test_back_pressure_passes(faults):
    """A client that never reads stops the application's send, through the cable."""
    async with serve(flood, record=True) as site, relay(site, **faults) as link:
        line = await dial(link, buffer=1 << 16)
        await line.write(GET)
        call = await stalled(site)
        assert (call.entries[-1].what, len(call.sent) < 400) == ("send", True)  # of 1001
        while call.entries[-1].took is None:
            await line.read(wait=5)
        line.abort()


async def test_it_reads_on_once_there_is_room():
    body = bytes(8 << 20)
    async with serve(echo) as site, relay(site, delay=0.01) as link:
        reply = await fetch(link, method="POST", body=body)
    assert reply.body == body


async def test_it_stops_with_streams_open():
    async with serve(endless) as site:
        async with relay(site, delay=0.05) as link:
            lines = [await dial(link) for _ in range(3)]
            for line in lines:
                await line.write(GET)
                await line.read(until=b"tick")
        for line in lines:
            line.close()


async def test_a_client_that_has_gone_before_the_server_is_reached():
    async with serve(hello) as site, relay(site) as link:
        for _ in range(20):
            (await dial(link)).abort()
        await until(lambda: not link.cable.ends)
        assert (await fetch(link)).body == b"Hello"


# -- recording


async def test_a_cable_can_be_recorded():
    async with serve(hello, record=True) as site, relay(site, record=True) as link:
        reply = await fetch(link, "/x")
    (near,) = link.conversation.connections
    (far,) = site.conversation.connections
    assert (near.bytes_in, near.bytes_out) == (reply.sent, reply.received)
    assert (far.bytes_in, far.bytes_out) == (reply.sent, reply.received)
    assert link.conversation.calls == []
    assert near.closed_by == "client"
    assert "a cable to 127.0.0.1" in repr(link)


async def test_who_closed_first():
    async with serve(hello) as site, relay(site, record=True) as link:
        await raw(link, GET[:-2] + b"Connection: close\r\n\r\n", wait=0.2)
        await until(lambda: link.conversation.connections[0].closed)
    assert link.conversation.connections[0].closed_by in ("server", "client")


async def test_what_is_no_target():
    with pytest.raises(TypeError, match="neither a site nor an http:// URL"):
        relay(8000)


async def test_a_relay_that_is_not_started():
    link = relay("http://127.0.0.1:1")
    assert repr(link) == "not started: write `link = await relay(site)`"
    with pytest.raises(AttributeError, match=r"no \.delay yet"):
        _ = link.delay
