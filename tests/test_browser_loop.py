"""asyncio's own loop on the page's network, driven by steps."""

import asyncio
import socket
import time

import pytest

from asgilive.browser import guard


async def answer(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def ask(port, words=b"hello\n"):
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(words)
    try:
        return await reader.read()
    finally:
        writer.close()


async def served(handler):
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def test_streams(page):
    async def work():
        server, port = await served(answer)
        async with server:
            return await asyncio.gather(*(ask(port) for _ in range(50)))

    assert page.run(work()) == [b"HELLO\n"] * 50


def test_more_than_a_buffer(page):
    size = 3_000_000

    async def flood(reader, writer):
        writer.write(b"x" * size)
        await writer.drain()
        writer.close()

    async def work():
        server, port = await served(flood)
        async with server:
            return len(await ask(port))

    assert page.run(work()) == size


def test_a_writer_is_held_until_it_is_read(page):
    sent = []

    async def flood(reader, writer):
        while len(sent) < 100:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent.append(1)
        writer.close()

    async def work():
        server, port = await served(flood)
        async with server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.05)
            held = len(sent)
            await reader.read()
            writer.close()
            return held

    assert page.run(work()) < 20
    assert len(sent) == 100


def test_timers_keep_their_order_and_time(page):
    async def work():
        loop, came, began = asyncio.get_running_loop(), [], time.monotonic()
        loop.call_later(0.04, came.append, "late")
        loop.call_later(0.02, came.append, "early")
        await asyncio.sleep(0.06)
        return came, time.monotonic() - began

    came, took = page.run(work())
    assert came == ["early", "late"]
    assert took >= 0.06


def test_it_sleeps_when_nothing_is_due(page):
    page.run(asyncio.sleep(0))
    page.until(lambda: page.due is None or page.due > time.monotonic())
    assert page.due is None, "nothing is planned"
    page.python.loop.call_later(30, print)
    assert page.due > time.monotonic() + 29
    page.python.loop.call_soon(print)
    assert page.due <= time.monotonic()


def test_a_step_gives_the_browser_its_turn(page):
    turns = []

    async def spin():
        while len(turns) < 200:
            turns.append(time.sleep(0.001))  # noqa: ASYNC251
            await asyncio.sleep(0)

    task = page.python.loop.create_task(spin())
    page.python.step()
    assert 1 <= len(turns) < 50
    assert page.due is not None
    page.until(task.done)


def test_what_would_end_a_program_ends_its_task(page):
    async def leave():
        raise SystemExit(3)

    async def work():
        task = asyncio.ensure_future(leave())
        await asyncio.wait({task})
        return task.exception()

    assert isinstance(page.run(work()), SystemExit)


def test_a_second_loop_is_refused_as_in_a_kernel(page):
    async def work():
        other = asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="running event loop"):
            asyncio.run(other)
        other.close()
        assert asyncio.get_running_loop().is_running()

    page.run(work())
    assert not page.python.loop.is_running()
    with pytest.raises(RuntimeError, match="while another loop is running"):
        page.python.loop.run_forever()


def test_a_thread_pool_is_the_loop(page):
    async def work():
        return await asyncio.to_thread(lambda: 6 * 7)

    assert page.run(work()) == 42


def test_addresses(page):
    async def work():
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
        with pytest.raises(OSError, match=r"reaches no 'example\.org'"):
            await asyncio.open_connection("example.org", 80)
        with pytest.raises(guard.NoSuchSocket, match=r"reaches no '10\.0\.0\.1'"):
            await asyncio.open_connection("10.0.0.1", 80)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", 9)
        return found[0][-1]

    assert page.run(work()) == ("127.0.0.1", 80)


def test_a_connection_that_comes_too_late(page):
    """It was accepted while the server closed: the other end hears of it."""

    async def work():
        server, port = await served(answer)
        asking = asyncio.ensure_future(ask(port))
        await asyncio.sleep(0)
        server.close()
        return await asyncio.gather(asking, return_exceptions=True)

    (came,) = page.run(work())
    assert came in (b"HELLO\n", b"") or isinstance(came, OSError)
