"""Hosts: a thread with a loop or a process, how they start and end, and what goes to their log."""

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
from some_apps import until

from asgilive import hosting
from asgilive.application import Lifespan
from asgilive.hosting import (
    LOGS,
    LONGEST_LOG,
    NOT_ASKED,
    SITE_LOG,
    ProcessHost,
    SiteLoop,
    StartupFailed,
    StartupTimeout,
    ThreadHost,
    alive,
    first_line,
    why_not,
)

pytestmark = pytest.mark.usefixtures("nothing_left", "silent")


def listening():
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


async def quiet(sock):
    """A server that accepts and says nothing."""
    writers = []

    def keep(reader, writer):
        writers.append(writer)

    async with await asyncio.start_server(keep, sock=sock) as server:
        await server.serve_forever()


async def forever(sock):
    await asyncio.get_running_loop().create_future()


# -- threads


async def test_a_thread_from_start_to_stop():
    host = ThreadHost("a thread", listening(), quiet)
    assert (host.running, host.inside, host.lifespan) == (False, False, NOT_ASKED)
    await host.start()
    assert (host.running, host.pid, host.pids) == (True, os.getpid(), [os.getpid()])
    assert "a thread" in [thread.name for thread in threading.enumerate()]
    await host.stop(1)
    assert (host.running, host.log, host.error) == (False, [], None)
    await host.stop(1)


def test_nobody_is_inside_without_a_loop():
    host = ThreadHost("x", listening(), quiet)
    assert not host.inside
    host.abandon()
    host.abandon()
    assert host.sock.fileno() == -1


async def test_one_that_was_abandoned_before_it_ran():
    """The thread may come so late that there is no task to cancel yet."""
    ran = []

    async def serve(sock):
        ran.append(sock)

    host = ThreadHost("x", listening(), serve)
    host._asked = True
    with pytest.raises(StartupFailed, match="must serve until it is stopped"):
        await host.start()
    assert ran == []


async def test_one_that_opens_no_asyncio_server_counts_as_up():
    host = ThreadHost("x", listening(), forever, unseen=0.0)
    began = time.monotonic()
    await host.start()
    assert time.monotonic() - began < 1
    await host.stop(1)


async def test_not_while_its_application_is_starting():
    started = threading.Event()

    async def app(scope, receive, send):
        started.set()
        await asyncio.sleep(0.3)
        await send({"type": "lifespan.startup.complete"})

    lifespan = Lifespan(app)

    async def send(message):
        pass

    async def serve(sock):
        await lifespan({"type": "lifespan"}, None, send)
        await forever(sock)

    host = ThreadHost("x", listening(), serve, unseen=0.05, lifespan=lifespan)
    await host.start()
    assert (host.lifespan, started.is_set()) == ("complete", True)
    await host.stop(1)


@pytest.mark.parametrize("unseen", [None, 0.05])
async def test_one_that_never_listens(unseen, monkeypatch):
    monkeypatch.setattr(hosting, "STARTUP", 0.2)
    lifespan = Lifespan(forever)
    lifespan.state = "starting"
    host = ThreadHost("x", listening(), forever, unseen=unseen, lifespan=lifespan)
    with pytest.raises(StartupTimeout, match=r"line \d+, `await asyncio.get_running_loop"):
        await host.start()
    await host.stop(1)


async def test_who_waits_only_in_the_library_just_waits(monkeypatch):
    """No line of the reader's own can be told."""
    monkeypatch.setattr(hosting, "STARTUP", 0.1)
    host = ThreadHost("x", listening(), lambda sock: asyncio.sleep(30))
    monkeypatch.setattr(hosting, "_NOT_THE_READERS", (*hosting._NOT_THE_READERS, __file__))
    with pytest.raises(StartupTimeout, match=r"^not up after 0\.1 s: the server waits$"):
        await host.start()
    await host.stop(1)


def test_tasks_of_a_loop_that_is_busy(monkeypatch):
    def busy(loop):
        raise RuntimeError("Set changed size during iteration")

    monkeypatch.setattr(asyncio, "all_tasks", busy)
    assert hosting._tasks(None) == set()


async def test_the_end_may_come_when_nobody_listens_any_more():
    """The loop that waited is closed: the other thread must not mind."""
    moment = concurrent.futures.Future()

    def other():
        asyncio.run(hosting._first(moment, timeout=0.01))

    await asyncio.to_thread(other)
    moment.set_result(None)
    assert await hosting._first(moment, timeout=1)


async def test_a_server_that_waits_for_its_clients_to_leave():
    """From Python 3.12 on, asyncio's own server does."""
    host = ThreadHost("x", listening(), quiet)
    await host.start()
    reader, writer = await asyncio.open_connection(*host.address)
    began = time.monotonic()
    await host.stop(3)
    assert time.monotonic() - began < 2
    assert (await reader.read(), host.log) == (b"", [])
    writer.close()
    await writer.wait_closed()


async def test_a_server_that_will_not_leave_is_woken():
    """It sleeps in its loop, where an exception alone does not reach it."""

    async def stubborn(sock):
        await asyncio.start_server(lambda reader, writer: None, sock=sock)
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await forever(sock)

    host = ThreadHost("x", listening(), stubborn)
    await host.start()
    began = time.monotonic()
    await host.stop(0.1)
    assert time.monotonic() - began < 1
    assert host.log == ["WARNING the application did not stop when asked: its thread was ended"]


async def test_nothing_is_forced_before_there_is_a_loop():
    host = ThreadHost("x", listening(), quiet)
    host._force()
    await host.stop(0.1)
    assert not host.running


# -- the loop


def test_a_loop_that_accepted_and_closed_in_one_breath():
    loop = SiteLoop()
    closed = type("Server", (), {"sockets": ()})()
    client, other = socket.socketpair()
    said = []
    loop.complain = said.append
    with other, pytest.raises(ConnectionAbortedError) as caught:
        loop._make_socket_transport(client, asyncio.Protocol(), server=closed)
    assert client.fileno() == -1
    loop.call_exception_handler({"message": "in asyncio's debug mode", "exception": caught.value})
    assert said == []
    loop.close()
    loop.close()


def test_a_loop_closes_what_a_server_left_open():
    left, other = socket.socketpair()
    left.setblocking(False)
    loop = SiteLoop()

    async def leave():
        await loop.create_connection(asyncio.Protocol, sock=left)

    loop.run_until_complete(leave())
    loop.close()
    assert (left.fileno(), other.recv(1)) == (-1, b"")
    other.close()


def test_complaints_are_one_line():
    said = []
    loop = SiteLoop()
    loop.call_exception_handler({"message": "nobody hears this"})
    loop.complain = said.append
    loop.call_exception_handler({"message": "first\nsecond", "exception": ValueError("x")})
    loop.call_exception_handler({"message": ""})
    loop.close()
    assert said == ["ERROR first ValueError: x", "ERROR "]


async def test_other_sockets_of_a_server_are_not_tapped():
    tapped = []

    async def two(sock):
        other = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        async with other:
            await quiet(sock)

    def tap(factory):
        tapped.append(factory)
        return factory

    host = ThreadHost("x", listening(), two, tap=tap)
    await host.start()
    await host.stop(1)
    assert len(tapped) == 1


async def test_a_server_may_listen_twice_on_its_socket():
    async def twice(sock):
        async with await asyncio.start_server(lambda reader, writer: None, sock=sock):
            await quiet(sock)

    host = ThreadHost("x", listening(), twice)
    await host.start()
    await host.stop(1)
    assert host.log == []


# -- logs


@pytest.mark.parametrize("name", ["uvicorn.error", "asyncio", "apps.server"])
async def test_what_a_thread_logs_is_in_its_log(caplog, name):
    wrong = ValueError("wrong\nin two lines")

    async def talks(sock):
        log = logging.getLogger(name)
        log.error("Exception in ASGI application\n", exc_info=wrong)
        log.warning("%s", "careful")
        for _ in range(LONGEST_LOG):
            log.warning("again")
            asyncio.get_running_loop().call_exception_handler({"message": "and again"})
        await quiet(sock)

    host = ThreadHost("x", listening(), talks)
    await host.start()
    await host.stop(1)
    assert host.log[0].startswith("ERROR Exception in ASGI application ValueError: wrong")
    assert host.log[1] == "WARNING careful"
    assert len(host.log) == LONGEST_LOG
    assert caplog.records == []
    assert SITE_LOG.get() is None


def test_what_others_log_goes_its_way(caplog):
    LOGS.watch()
    LOGS.watch()
    logger = logging.getLogger("uvicorn.error")
    assert logger.filters.count(LOGS.keep) == 1
    logger.warning("mine")
    assert [record.getMessage() for record in caplog.records] == ["mine"]


def test_first_line():
    assert first_line("\n one \ntwo") == "one "
    assert first_line("") == ""


@pytest.mark.parametrize(
    ("lifespan", "failure", "error", "log", "text"),
    [
        (
            "failed: x",
            "lifespan.startup.failed: x",
            OSError("y"),
            ["z"],
            "lifespan.startup.failed: x",
        ),
        ("complete", None, OSError("y"), ["z"], "OSError: y"),
        (
            "not supported (E)",
            "the application raised E",
            None,
            ["z"],
            "the application raised E: z",
        ),
        ("not asked", None, None, ["a", "z"], "z"),
        ("not asked", None, None, ["Traceback", "  x", "a.BError: c", "bye"], "a.BError: c"),
        ("not asked", None, None, [], "the server ended, and must serve until it is stopped"),
    ],
)
def test_why_not(lifespan, failure, error, log, text):
    failed = why_not(lifespan, failure, error, log)
    assert (str(failed), failed.__cause__) == (text, error)


# -- processes


def process(folder, code, *, workers=0, **more):
    """A process that runs this code, with the port and its folder as arguments."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-c", code, str(port), str(folder)]
    return ProcessHost(words, port, env={}, folder=folder, workers=workers, **more)


LISTEN = """
import json, os, socket, sys, time
def tell(lifespan, failure=None, pid=None):
    line = {"pid": pid or os.getpid(), "lifespan": lifespan, "failure": failure}
    with open(sys.argv[2] + "/workers", "a") as file:
        file.write(json.dumps(line) + chr(10))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
"""
WAIT = "\ntime.sleep(60)"


async def test_a_process_from_start_to_stop(tmp_path):
    host = process(tmp_path, LISTEN + "print('hello', flush=True)" + WAIT)
    assert (host.running, host.pid, host.log, host.lifespan) == (False, 0, [], NOT_ASKED)
    await host.stop(1)
    host.abandon()
    await host.start()
    assert (host.running, host.pids, host.inside) == (True, [host.pid], False)
    assert psutil.Process(host.pid).ppid() == os.getpid()
    await until(lambda: host.log == ["hello"])
    await host.stop(1)
    assert not host.running
    await host.stop(1)


async def test_what_was_said_outlives_the_folder(tmp_path):
    code = LISTEN + "tell('complete'); print('hello', flush=True)" + WAIT
    host = process(tmp_path, code, workers=1)
    await host.start()
    await until(lambda: host.log)
    await host.stop(1)
    for file in tmp_path.iterdir():
        file.unlink()
    assert (host.log, host.lifespan) == (["hello"], "complete")


async def test_it_waits_for_all_workers(tmp_path):
    code = LISTEN + "tell('complete'); time.sleep(0.3); tell('complete', pid=1)" + WAIT
    host = process(tmp_path, code, workers=2)
    began = time.monotonic()
    await host.start()
    assert time.monotonic() - began > 0.3
    assert host.pids == [host.pid, 1]
    await host.stop(1)


async def test_it_waits_until_they_have_started(tmp_path):
    code = LISTEN + "tell('not asked'); tell('starting'); time.sleep(0.3); tell('complete')" + WAIT
    host = process(tmp_path, code, workers=1)
    await host.start()
    assert host.lifespan == "complete"
    await host.stop(1)


async def test_nobody_may_ask_them_to_start(tmp_path):
    """Unless it is known that this server does not ask, it takes a moment to be sure."""
    code = LISTEN + "tell('not asked')" + WAIT
    for asked, least in ((True, hosting.UNASKED), (False, 0)):
        (folder := tmp_path / str(asked)).mkdir()
        host = process(folder, code, workers=1, asked=asked)
        began = time.monotonic()
        await host.start()
        assert time.monotonic() - began > least
        assert host.lifespan == NOT_ASKED
        await host.stop(1)


async def test_the_worst_worker_speaks_for_all(tmp_path):
    code = LISTEN + "tell('complete', pid=1); tell('failed: x', 'no x', pid=2)" + WAIT
    host = process(tmp_path, code, workers=2)
    with pytest.raises(StartupFailed, match=r"^no x$"):
        await host.start()
    assert host.lifespan == "failed: x"
    await host.stop(1)


async def test_half_a_line_is_not_read(tmp_path):
    (tmp_path / "workers").write_text('{"pid": 1, "lifespan": "complete", "failure": null}\n{"pi')
    host = process(tmp_path, "")
    assert host.lifespan == "complete"


async def test_one_that_does_not_mind_being_asked(tmp_path):
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + LISTEN + WAIT
    host = process(tmp_path, code)
    await host.start()
    began = time.monotonic()
    await host.stop(0.2)
    assert 0.2 <= time.monotonic() - began < 2
    assert not host.running


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
async def test_its_children_go_too(tmp_path):
    code = LISTEN + (
        "import subprocess; child = subprocess.Popen([sys.executable, '-c', 'input()'],"
        " stdin=subprocess.PIPE); print(child.pid, flush=True)" + WAIT
    )
    host = process(tmp_path, code)
    await host.start()
    await until(lambda: host.log)
    child = psutil.Process(int(host.log[0]))
    await host.stop(1)
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_a_long_log_is_cut(tmp_path):
    host = process(tmp_path, LISTEN + f"print('x\\n' * {LONGEST_LOG + 5}, flush=True)" + WAIT)
    await host.start()
    await until(lambda: len(host.log) == LONGEST_LOG)
    await host.stop(1)


def test_it_ends_with_this_process(tmp_path):
    """The interpreter's exit ends what still runs."""
    code = (
        "import asyncio, pathlib, sys; from asgilive.hosting import ProcessHost\n"
        f"host = ProcessHost([sys.executable, '-c', {LISTEN + WAIT!r}, sys.argv[1], sys.argv[2]],"
        " int(sys.argv[1]), env={}, folder=pathlib.Path(sys.argv[2]), workers=0)\n"
        "asyncio.run(host.start()); print(host.pid)"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    ended = subprocess.run(
        [sys.executable, "-c", code, port, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    assert not alive(int(ended.stdout))


def test_alive():
    child = subprocess.Popen([sys.executable, "-c", "open(0).read()"], stdin=subprocess.PIPE)
    assert alive(child.pid)
    child.communicate()
    assert (alive(child.pid), child.returncode) == (False, 0)  # and nothing was sent to it


async def test_on_windows(tmp_path, monkeypatch):
    """There are no groups there, and nobody can tell whether a process is alive."""
    host = process(tmp_path, LISTEN + WAIT)
    await host.start()
    monkeypatch.setattr(sys, "platform", "win32")
    host.abandon()
    assert not host.running
    assert alive(1 << 30)
