"""`serve` and `relay`: what starts, what is refused and in which words, and that nothing stays."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
import websockets
from jupyter_client import KernelManager
from some_apps import (
    breaks,
    deaf,
    early,
    echo,
    endless,
    full_hello,
    hello,
    path,
    refuses,
    reply,
    shout,
    until,
    wsgi,
)

from asgilive import dial, fetch, hosting, raw, relay, serve, servers, serving
from asgilive.hosting import StartupFailed, StartupTimeout, StillRunning
from asgilive.recording import CARD
from asgilive.serving import NotAProgram, NotInstalled, PortTaken

pytestmark = pytest.mark.usefixtures("nothing_left", "silent")

THREADS = ["uvicorn", "hypercorn"]
PROCESSES = [("uvicorn", 1), ("uvicorn", 2), ("hypercorn", 1), ("granian", 2), ("gunicorn", 1)]
PROCESSES += [("daphne", None)]
NOT_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="not there on Windows")


async def refuses_clients(site):
    """Whether nobody listens there any more."""
    with pytest.raises(ConnectionRefusedError):
        await fetch(site)
    return True


def listening():
    """The addresses on which this process and those below it listen."""
    here = psutil.Process()
    family = [here, *here.children(recursive=True)]
    found = [c for process in family for c in process.net_connections("inet")]
    return {c.laddr for c in found if c.status == psutil.CONN_LISTEN}


def runs(process):
    """Whether a process is there, and not only the memory of it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Clock:
    """Time that, once it was asked for, stands still until something has happened.

    After that a start has taken too long: load decides nothing.
    """

    def __init__(self, happened):
        self.happened, self.asked = happened, False
        self.began, self.time = time.monotonic(), time.time

    def monotonic(self):
        asked, self.asked = self.asked, True
        over = asked and self.happened()
        return time.monotonic() + 2 * hosting.STARTUP if over else self.began


@pytest.fixture
def patience(monkeypatch):
    """`patience(happened)`: a start has taken too long once `happened()`."""
    return lambda happened: monkeypatch.setattr(hosting, "time", Clock(happened))


# -- a site while it runs, and after


@pytest.mark.parametrize("server", THREADS)
async def test_a_site_in_a_thread(server):
    site = await serve(full_hello, server=server)
    assert site.url == f"http://127.0.0.1:{site.port}"
    assert site.ws_url == f"ws://127.0.0.1:{site.port}"
    assert (site.pid, site.pids) == (os.getpid(), [os.getpid()])
    assert (site.running, site.lifespan, site.command) == (True, "complete", None)
    assert site.conversation is None
    assert serving.running() == [site]
    assert (await fetch(site)).text == "Hello"
    assert {address.ip for address in listening()} == {"127.0.0.1"}
    await site.stop()
    assert not site.running
    assert serving.running() == []
    assert await refuses_clients(site)


async def test_async_with_ends_it():
    async with serve(hello) as site:
        assert (await fetch(site)).status == 200
    assert await refuses_clients(site)


async def test_the_kernels_loop_may_block(monkeypatch):
    """The server is in another thread: a plain client of the standard library reaches it."""
    async with serve(hello) as site:
        with socket.create_connection(("127.0.0.1", site.port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"\r\n\r\nHello")


async def test_an_import_string(here, monkeypatch):
    monkeypatch.syspath_prepend(os.getcwd())
    async with serve("some_apps:hello") as site:
        assert site.name == "some_apps:hello"
        assert (await fetch(site)).text == "Hello"


async def test_options_have_the_servers_own_names():
    async with serve(hello, http="h11", root_path="/x") as site:
        assert site.about.startswith("uvicorn ")
        assert site.about.endswith(", h11")
        assert (await fetch(site)).text == "Hello"


async def test_a_port_that_was_asked_for():
    port = serving._free_port()
    async with serve(hello, port=port) as site:
        assert site.port == port


async def test_fifty_lives_leave_nothing():
    async def lives(times):
        for _ in range(times):
            async with serve(full_hello, record=True) as site:
                assert (await fetch(site)).status == 200

    await asyncio.gather(*(lives(10) for _ in range(5)))


# -- lifespan, in words


async def returns(scope, receive, send):
    """An application without a word on lifespan, which returns."""
    if scope["type"] == "http":
        await reply(send)


@pytest.mark.parametrize("server", THREADS)
@pytest.mark.parametrize(
    ("app", "words"),
    [
        (full_hello, "complete"),
        (hello, "not supported (NotImplementedError)"),
        (returns, "not supported (it returned)"),
    ],
)
async def test_lifespan_in_a_thread(server, app, words):
    async with serve(app, server=server) as site:
        assert site.lifespan == words
        assert (await fetch(site)).status == 200


async def test_lifespan_that_is_off():
    async with serve(full_hello, lifespan="off") as site:
        assert site.lifespan == "off"


async def test_lifespan_that_is_off_in_a_process(here):
    async with serve("some_apps:full_hello", workers=1, lifespan="off") as site:
        assert site.lifespan == "off"
        assert (await fetch(site)).text == "Hello"


# -- bad use


async def test_forgotten_await():
    forgotten = serve(hello)
    assert repr(forgotten) == "not started: write `site = await serve(app)`"
    with pytest.raises(AttributeError, match="not started: write `site = await serve"):
        _ = forgotten.url
    with pytest.raises(AttributeError, match=r"not started: write `link = await relay\(site\)`"):
        _ = relay("http://127.0.0.1:1").delay


class Framework:
    async def __call__(self, scope, receive, send):
        """Never called here."""


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (3, r"3 is not an application: one is called as app\(scope, receive, send\)"),
        (None, "None is not an application"),
        (Framework, r"Framework cannot be called .*: it is a class; did you mean Framework\(…\)\?"),
        (wsgi, r"wsgi cannot be called .*; a WSGI application runs with server='wsgiref'"),
        (lambda: None, r"cannot be called as app\(scope, receive, send\): it takes \(\)"),
    ],
)
def test_not_an_application(app, words):
    with pytest.raises(TypeError, match=words):
        serve(app)


def test_whose_signature_nobody_knows_is_let_through():
    assert repr(serve(max)).startswith("not started")


def test_wsgi_for_a_server_that_was_told():
    assert repr(serve(wsgi, interface="wsgi")).startswith("not started")


@pytest.mark.parametrize("server", THREADS)
async def test_refuses_to_start(server):
    with pytest.raises(StartupFailed, match=r"^lifespan\.startup\.failed: no database$"):
        await serve(refuses, server=server)


async def test_refuses_without_a_reason():
    async def mute(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed"})

    with pytest.raises(StartupFailed, match=r"^lifespan\.startup\.failed: no reason given$"):
        await serve(mute)


async def test_raises_at_start_up():
    with pytest.raises(StartupFailed, match="raised ValueError: no settings in its lifespan"):
        await serve(breaks, lifespan="on")


@pytest.mark.parametrize("server", THREADS)
async def test_never_finishes_to_start(server, patience):
    started = threading.Event()
    patience(started.is_set)

    async def never(scope, receive, send):
        asyncio.get_running_loop().call_soon(started.set)  # it comes when this waits
        await asyncio.Event().wait()

    words = r"^not up after 10 s: the application waits in line \d+, `await asyncio\.Event"
    with pytest.raises(StartupTimeout, match=words):
        await serve(never, server=server)


@pytest.mark.parametrize("server", THREADS)
async def test_blocks_at_start_up(server, patience):
    started = threading.Event()
    patience(started.is_set)

    async def spins(scope, receive, send):
        while True:
            started.set()

    words = r"^not up after 10 s: blocked in line \d+, `(while True:|started\.set\(\))`$"
    with pytest.raises(StartupTimeout, match=words):
        await serve(spins, server=server)


async def test_blocks_in_c_at_start_up(patience):
    started = threading.Event()
    patience(started.is_set)

    async def sleeps(scope, receive, send):
        started.set(), time.sleep(2.5)  # noqa: ASYNC251

    with pytest.raises(StartupTimeout, match=r"blocked in line \d+, `.*time\.sleep\(2\.5\)"):
        await serve(sleeps)


async def test_port_of_another_program():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = f"port {port} is taken by another program: leave port out, or stop that program"
        with pytest.raises(PortTaken, match=words) as caught:
            await serve(hello, port=port)
    assert caught.value.errno == errno.EADDRINUSE


async def test_port_of_our_own():
    async with serve(hello) as site:
        with pytest.raises(PortTaken, match="taken by a site of this notebook: leave port out"):
            await serve(hello, port=site.port)


def test_port_for_the_mighty():
    words = serving._port_trouble(80, OSError(errno.EACCES, "no"))
    assert words == "port 80 is not allowed here: leave port out, or take one above 1023"


@pytest.mark.parametrize("port", [-1, 70000])
async def test_no_port_at_all(port):
    with pytest.raises(OverflowError):
        await serve(hello, port=port)


def test_not_installed(monkeypatch):
    monkeypatch.setattr(servers, "_installed", lambda name: False)
    with pytest.raises(NotInstalled, match="daphne is not installed: pip install daphne"):
        serve(hello, server="daphne")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"server": "apache"}, "no server is called 'apache': there are daphne, "),
        ({"server": "wsgiref", "workers": 2}, "wsgiref runs in a thread .*: leave workers out"),
        ({"server": Framework(), "workers": 1}, "a server of your own runs in a thread"),
        ({"workers": 0}, "workers=0: a server has at least one"),
        ({"server": "daphne", "workers": 2}, "daphne is one process: workers=1, or another"),
        ({"env": {"A": "1"}}, "this server is a thread; add workers"),
        ({"command": "python x.py"}, "hello, and the command has no {app} for it: python x.py"),
    ],
)
def test_what_cannot_work_is_said_at_once(options, words):
    with pytest.raises(ValueError, match=words):
        serve(hello, **options)


def test_a_command_for_an_application_without_one():
    with pytest.raises(ValueError, match=r"none was given, and the command has an \{app\}"):
        serve(command="uvicorn {app}")


async def test_a_process_imports_its_application():
    with pytest.raises(NotAProgram, match="a process imports its application: give it a name"):
        await serve(hello, workers=1)


# -- the end


@pytest.mark.parametrize("server", THREADS)
async def test_stop_again(server):
    site = await serve(hello, server=server)
    await site.stop()
    await site.stop()
    assert not site.running


async def test_stop_from_two_places():
    site = await serve(endless)
    async with dial(site) as line:
        await line.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await line.read(until=b"tick")
        await asyncio.gather(site.stop(), site.stop())
    assert not site.running


async def test_stop_from_inside():
    said = []

    async def app(scope, receive, send):
        try:
            await site.stop()
        except RuntimeError as error:
            said.append(str(error))
        await reply(send)

    site = await serve(app, lifespan="off")
    assert (await fetch(site)).status == 200
    assert "stop was called inside the application that it would stop" in said[0]
    assert site.running
    await site.stop()


@pytest.mark.parametrize("server", THREADS)
async def test_stop_with_a_websocket_open(server):
    site = await serve(shout, server=server)
    async with websockets.connect(site.ws_url) as socket:
        await socket.send("hi")
        assert await socket.recv() == "HI"
        await site.stop()
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
    assert not site.running


@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("server", THREADS)
async def test_stop_with_an_endless_stream_open(server, record):
    site = await serve(endless, server=server, record=record)
    async with dial(site) as line:
        await line.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await line.read(until=b"tick")
        await site.stop()
    assert not site.running
    assert not any("its thread was ended" in line for line in site.log)


async def test_stop_with_an_application_that_does_not_listen():
    site = await serve(deaf)
    async with dial(site) as line:
        await line.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await line.read(until=b"tick")
        await site.stop(within=1.5)
    assert not site.running
    assert "WARNING the application did not stop when asked: its thread was ended" in site.log


async def test_stop_where_nothing_helps(monkeypatch):
    if sys.gettrace() and sys.version_info < (3, 12):
        # There, while another thread has yet to raise what it was sent, a traced one stands still.
        monkeypatch.setattr(
            hosting.ctypes.pythonapi, "PyThreadState_SetAsyncExc", lambda *words: None
        )
    inside, go_on = threading.Event(), threading.Event()

    async def stuck(scope, receive, send):
        inside.set()
        go_on.wait()

    site = await serve(stuck, lifespan="off")
    async with dial(site) as line:
        await line.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(inside.is_set)
        words = r"could not be stopped: blocked in line \d+, `go_on\.wait\(\)`"
        with pytest.raises(StillRunning, match=words):
            await site.stop(within=0.1)
        go_on.set()
    await until(lambda: not site.running)


async def test_a_shutdown_that_fails_is_in_the_log():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.failed", "message": "cannot close"})
            return
        await reply(send)

    async with serve(app) as site:
        assert (await fetch(site)).status == 200
    assert site.lifespan == "complete"
    assert any("cannot close" in line for line in site.log)


# -- a cell that is interrupted


def signalling(started):
    """An application that never finishes to start, and tells when it is asked."""

    async def app(scope, receive, send):
        started.set()
        await asyncio.Event().wait()

    return app


@pytest.mark.parametrize("server", THREADS)
async def test_cancelled_while_starting(server):
    started = threading.Event()
    task = asyncio.ensure_future(_start(signalling(started), server=server, record=True))
    await until(started.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert serving.running() == []


async def _start(*arguments, **options):
    return await serve(*arguments, **options)


async def test_cancelled_before_the_thread_runs():
    task = asyncio.ensure_future(_start(hello))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("record", [False, True])
async def test_cancelled_while_a_process_starts(record, here):
    task = asyncio.ensure_future(_start("some_apps:never_starts", workers=1, record=record))
    await until(psutil.Process().children)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert psutil.Process().children() == []


@NOT_WINDOWS
def test_interrupted_while_starting():
    async def app(scope, receive, send):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(_start(app))
    assert serving.running() == []


# -- running a cell again


async def test_a_cell_that_runs_again_replaces_what_it_started(shell):
    shell.run("code", cell="a")
    first, second = await serve(hello), await serve(hello)
    link = await relay(first)
    assert serving.running() == [first, second, link]
    shell.run("other code", cell="b")
    other = await serve(hello)
    assert serving.running() == [first, second, link, other]
    shell.run("changed code", cell="a")
    third = await serve(path)
    assert serving.running() == [other, third]
    assert await refuses_clients(first)
    assert await refuses_clients(link)
    assert (await fetch(other)).text == "Hello"
    assert (await fetch(third, "/new")).text == "/new"
    await other.stop()
    await third.stop()


async def test_the_text_stands_in_for_the_cells_name(shell):
    shell.run("site = await serve(app)")
    first = await serve(hello)
    shell.run("site = await serve(app)")
    second = await serve(hello)
    assert serving.running() == [second]
    assert not first.running
    await second.stop()


async def test_a_relay_is_replaced_too(shell):
    shell.run("code", cell="a")
    first = await relay("http://127.0.0.1:1")
    shell.run("code", cell="a")
    async with relay("http://127.0.0.1:1"):
        assert not first.running


async def test_what_cannot_be_stopped_does_not_hold_the_cell(shell):
    class Stuck(serving.Site):
        async def stop(self, *, within=3.0):
            raise StillRunning("in C")

    shell.run("code", cell="a")
    stuck = Stuck("stuck", "", 1, False)
    serving._SITES.keep(stuck)
    shell.run("code", cell="a")
    async with serve(hello) as site:
        assert serving.running() == [stuck, site]
    serving._SITES.forget(stuck)


# -- servers as processes


@pytest.mark.parametrize(("server", "workers"), PROCESSES)
async def test_a_site_in_a_process(server, workers, here):
    if server == "gunicorn" and sys.platform == "win32":
        pytest.skip("gunicorn is not there on Windows")
    site = await serve("some_apps:path", server=server, workers=workers, record=True)
    family = psutil.Process().children(recursive=True)
    assert site.running
    assert os.getpid() not in (site.pid, *site.pids)
    assert set(site.pids) <= {process.pid for process in family}
    assert len(site.pids) == (workers or 1)
    asked = "not asked" if server == "daphne" else "not supported (NotImplementedError)"
    assert site.lifespan == asked
    assert {address.ip for address in listening()} == {"127.0.0.1"}
    assert [(await fetch(site, to)).text for to in ("/a", "/b")] == ["/a", "/b"]
    await site.stop()
    assert await refuses_clients(site)
    await until(lambda: not any(map(runs, family)))
    assert_recorded(site.conversation)


def assert_recorded(conversation):
    """Each call is on the connection whose bytes asked for it, and time goes forward."""
    connections = [c for c in conversation.connections if c.calls]
    assert [c.calls[0].scope["path"] for c in connections] == ["/a", "/b"]
    for connection in connections:
        (call,) = connection.calls
        assert connection.bytes_in.startswith(b"GET %b " % call.scope["path"].encode())
        assert connection.bytes_out.endswith(call.scope["path"].encode())
        assert (call.ended, len(call.sent)) == ("returned", 2)
        came = next(e.t for e in connection.entries if e.what == "in")
        went = next(e.t for e in connection.entries if e.what == "out")
        assert came <= call.began <= went
    times = [entry.t for entry in conversation.entries]
    assert times == sorted(times)


async def test_the_command_line_is_there_to_copy(here):
    async with serve("some_apps:pid", workers=1, env={"ANSWER": "42"}, log_level="error") as site:
        assert site.command == (
            "python -m uvicorn some_apps:pid --host 127.0.0.1"
            f" --port {site.port} --workers 1 --no-access-log --log-level error"
        )
        assert int((await fetch(site)).text) in site.pids
        environ = psutil.Process(site.pid).environ()
        assert environ["ANSWER"] == "42"


async def test_a_cell_as_a_program(shell, monkeypatch):
    code = (
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'from a cell'})\n"
        "site = await serve(app, workers=1)\n"
    )
    shell.run(code, cell="a")
    names = {}
    exec(code.partition("site")[0], names)
    shell.user_ns["app"] = names["app"]
    async with serve(names["app"], workers=1, lifespan="off") as site:
        assert (await fetch(site)).text == "from a cell"


@pytest.mark.parametrize(
    ("app", "options", "words"),
    [
        ("refuses", {}, r"^lifespan\.startup\.failed: no database$"),
        ("breaks", {"lifespan": "on"}, "the application raised ValueError: no settings in its"),
        ("nobody", {}, "nobody"),
    ],
)
async def test_a_process_that_does_not_start(app, options, words, here):
    with pytest.raises(StartupFailed, match=words):
        await serve(f"some_apps:{app}", workers=1, **options)


async def test_a_process_whose_application_never_starts(patience, tmp_path, here):
    patience(lambda: holds(tmp_path, "workers", "starting"))
    words = r"^not up after 10 s: INFO: +Waiting for application startup\.$"
    with pytest.raises(StartupTimeout, match=words):
        await serve("some_apps:never_starts", workers=1, env={"PYTHONASYNCIODEBUG": ""})


def holds(folder, name, text):
    """Whether a site's folder has a file of this name with this text."""
    return any(text in path.read_text() for path in folder.glob(f"asgilive-*/{name}"))


async def test_any_command(tmp_path):
    (tmp_path / "a.txt").write_text("a file")
    command = f"{{python}} -m http.server {{port}} --bind 127.0.0.1 --directory '{tmp_path}'"
    async with serve(command=command.replace("{python}", sys.executable), record=True) as site:
        assert (await fetch(site, "/a.txt")).text == "a file"
        assert site.lifespan == "not asked"
        assert site.pids == [site.pid]
        (connection,) = [c for c in site.conversation.connections if c.bytes_in]
        assert connection.bytes_out.endswith(b"a file")
    assert any("GET /a.txt" in line for line in site.log)


async def test_a_command_is_called_by_its_program():
    async with serve(command="{python} -m http.server {port} --bind 127.0.0.1") as site:
        assert site.about == "python"


async def test_a_command_that_ends_at_once():
    with pytest.raises(StartupFailed, match=r"^out of order$"):
        await serve(command=f"{sys.executable} -c 'print(\"out of order\")' {{port}}")


async def test_a_command_that_ends_without_a_word():
    with pytest.raises(StartupFailed, match="the server ended, and must serve until it is stopped"):
        await serve(command=f"{sys.executable} -c pass {{port}}")


async def test_a_command_that_never_listens(patience, tmp_path):
    patience(lambda: holds(tmp_path, "log", "ready"))
    code = 'import time; print("ready", flush=True); time.sleep(60)'
    with pytest.raises(StartupTimeout, match=r"^not up after 10 s: ready$"):
        await serve(command=f"{sys.executable} -c '{code}' {{port}}")


async def test_a_command_that_says_nothing(monkeypatch):
    monkeypatch.setattr(hosting, "STARTUP", 0.1)
    with pytest.raises(StartupTimeout, match=r"^not up after 0\.1 s: it printed nothing$"):
        await serve(command=f"{sys.executable} -c 'import time; time.sleep(60)' {{port}}")


async def test_a_command_that_does_not_exist():
    words = "^no-such-program cannot be run, No such file .*: is it installed"
    with pytest.raises(StartupFailed, match=words):
        await serve(command="no-such-program {port}")


async def test_a_process_that_dies_is_not_running(here):
    async with serve("some_apps:hello", workers=1) as site:
        psutil.Process(site.pid).kill()
        await until(lambda: not site.running)
        assert "stopped" in repr(site)


# -- servers of the reader's own


async def own(app, sock):
    """A server of a dozen lines."""

    async def serve_one(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        scope = {"type": "http", "method": "GET", "path": head.split()[1].decode()}

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            else:
                writer.write(message["body"])

        await app(scope, receive, send)
        writer.close()

    server = await asyncio.start_server(serve_one, sock=sock)
    async with server:
        await server.serve_forever()


async def test_a_server_of_your_own():
    async with serve(path, server=own, record=True) as site:
        assert (site.about, site.lifespan) == ("own", "not asked")
        assert (await fetch(site, "/x")).body == b"/x"
        (connection,) = site.conversation.connections
        assert connection.bytes_in.startswith(b"GET /x ")
        assert connection.bytes_out.endswith(b"\r\n\r\n/x")
        assert [call.scope["path"] for call in connection.calls] == ["/x"]
        assert connection.closed_by == "server"


async def test_a_server_without_an_application():
    async def time_of_day(app, sock):
        assert app is None
        server = await asyncio.start_server(lambda reader, writer: writer.close(), sock=sock)
        async with server:
            await server.serve_forever()

    async with serve(server=time_of_day) as site:
        assert site.name == "time_of_day"
        async with dial(site) as line:
            assert await line.read() == b""


async def test_a_server_on_plain_sockets():
    """It opens no asyncio server: after a moment it counts as listening."""

    async def plain(app, sock):
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        while True:
            client, _ = await loop.sock_accept(sock)
            with client:
                await loop.sock_sendall(client, b"hello")

    async with serve(server=plain) as site, dial(site) as line:
        assert await line.read() == b"hello"


async def test_a_server_of_your_own_that_raises():
    async def broken(app, sock):
        raise OSError("no cable")

    with pytest.raises(StartupFailed, match=r"^OSError: no cable$") as caught:
        await serve(hello, server=broken)
    assert isinstance(caught.value.__cause__, OSError)


# -- what a server would print


@pytest.mark.parametrize("server", THREADS)
async def test_what_a_server_would_print_is_in_the_log(server):
    async with serve(early, server=server) as site:
        await fetch(site)
        await until(lambda: any("ValueError: before the head" in line for line in site.log))
    assert any(line.startswith("ERROR ") for line in site.log)


async def test_what_an_application_leaves_unawaited_is_in_the_log():
    async def app(scope, receive, send):
        task = asyncio.ensure_future(fails())
        await asyncio.wait({task})
        del task
        await reply(send)

    async def fails():
        raise ValueError("nobody asked")

    async with serve(app, lifespan="off") as site:
        await fetch(site)
        await until(lambda: any("ValueError: nobody asked" in line for line in site.log))


async def test_the_card(here):
    async with serve(hello) as site:
        text = repr(site)
        assert f"{os.getpid()}, this kernel's, in the thread 'asgilive hello :{site.port}'" in text
        assert "no: serve(…, record=True)" in text
        assert f'data-al-link="{site.link}"' in site._repr_html_()
    assert "was at" in repr(site)
    assert (
        "data-al-link"
        not in site._repr_html_()
        .replace("[data-al-link]", "")
        .partition("<script")[0]
        .rpartition("</style>")[2]
    )


async def test_a_card_that_shows_a_path(here):
    async with serve(hello) as site:
        assert 'data-al-preview="/hello?x=1"' in site.show("/hello?x=1").html
        assert 'data-al-preview="/"' in site.show().html
        assert site.show().text == repr(site)
    assert "data-al-preview" not in site.show().html


async def test_the_card_of_a_process(here):
    async with serve("some_apps:hello", workers=1, record=True) as site:
        assert f"{site.pid}, its own" in repr(site)
        assert "record=True" not in repr(site)


# -- what the card asks


CARD_ASKS = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: %b\r\nConnection: close\r\n\r\n" % CARD


@pytest.mark.parametrize("options", [{}, {"server": "hypercorn"}, {"workers": 1}])
async def test_the_cards_question_leaves_no_trace(options, here, monkeypatch):
    monkeypatch.syspath_prepend(os.getcwd())
    async with serve("some_apps:hello", record=True, **options) as site:
        assert (await raw(site, CARD_ASKS)).status == 200
        assert (await fetch(site)).status == 200
        assert (await raw(site, CARD_ASKS)).status == 200
        assert [c.bytes_in[:5] for c in site.conversation.connections if c.bytes_in] == [b"GET /"]
        assert [c.scope["type"] for c in site.conversation.calls] == ["lifespan", "http"]
        recorded = [e.data for e in site.conversation.entries]
        assert CARD not in b"".join(data for data in recorded if isinstance(data, bytes))


# -- wsgiref


@pytest.mark.parametrize("record", [False, True])
async def test_wsgiref(record):
    async with serve(wsgi, server="wsgiref", record=record) as site:
        assert (site.about, site.lifespan) == ("wsgiref", "not asked")
        assert (await fetch(site, "/x")).text == "/x"
        assert {address.ip for address in listening()} == {"127.0.0.1"}
        if record:
            (connection,) = [c for c in site.conversation.connections if c.bytes_in]
            assert connection.bytes_in.startswith(b"GET /x ")
            assert connection.bytes_out.endswith(b"/x")
    assert await refuses_clients(site)


# -- relay


async def test_a_relay_in_front():
    async with serve(echo) as site, relay(site, record=True) as link:
        assert link.about == f"a cable to 127.0.0.1:{site.port}"
        assert (link.delay, link.rate, link.cut) == (0.0, None, None)
        assert (await fetch(link, method="POST", body=b"hi")).body == b"hi"
        link.delay, link.rate, link.cut = 0.01, 1e6, 10**6
        assert (link.cable.delay, link.cable.rate, link.cable.cut) == (0.01, 1e6, 10**6)
        assert (await fetch(link, method="POST", body=b"ho")).body == b"ho"
        assert [c.bytes_in[-2:] for c in link.conversation.connections] == [b"hi", b"ho"]


def test_a_relay_to_nothing():
    with pytest.raises(TypeError, match="neither a site nor an http:// URL"):
        relay(3)


# -- the reader's browser


@pytest.mark.parametrize(
    ("env", "link"),
    [
        ({}, "http://127.0.0.1:8000/"),
        ({"ASGILIVE_LINK": "https://school/{port}/"}, "https://school/8000/"),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}, "/user/ada/proxy/8000/"),
        (
            {
                "CODESPACE_NAME": "blue",
                "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev",
            },
            "https://blue-8000.app.github.dev/",
        ),
        ({"CODESPACE_NAME": "blue"}, "http://127.0.0.1:8000/"),
        ({"VSCODE_PROXY_URI": "https://box/proxy/{{port}}/"}, "https://box/proxy/8000/"),
        ({"VSCODE_PROXY_URI": "./proxy/{port}/"}, "./proxy/8000/"),
        (
            {"ASGILIVE_LINK": "https://school/{port}/", "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"},
            "https://school/8000/",
        ),
    ],
)
def test_link(env, link, monkeypatch):
    for name in (
        "ASGILIVE_LINK",
        "JUPYTERHUB_SERVICE_PREFIX",
        "CODESPACE_NAME",
        "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN",
        "VSCODE_PROXY_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert serving.link(8000) == link
    assert serving.Site("a", "b", 8000, False).link == link


# -- in a real kernel


class Kernel:
    """A kernel and its client; `run` executes a cell and returns what it printed."""

    def __init__(self):
        self.manager = KernelManager()
        self.manager.start_kernel(
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd=os.path.dirname(os.path.dirname(__file__)),
        )
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)

    def run(self, code, then=lambda: None):
        """`then` happens once the cell has printed its first line."""
        said = []

        def heard(message):
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                if not said:
                    then()
                said.append(content["text"])
            elif kind == "error":
                said.append(content["ename"])

        self.client.execute_interactive(code, timeout=30, output_hook=heard)
        return "".join(said).strip()

    def interrupt(self):
        """What the interrupt button does."""
        os.kill(self.manager.provisioner.pid, signal.SIGINT)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)
        self.manager.cleanup_resources()
        self.manager.context.destroy()


@pytest.fixture(scope="module")
def kernel():
    """One for the module: it is the kernel that the last tests look at."""
    kernel = Kernel()
    yield kernel
    kernel.close()


APP = """
from asgilive import serve, fetch
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


def opens(port):
    """Whether someone listens on this port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(port))) == 0


def test_the_same_cell_twice_in_a_kernel(kernel):
    assert kernel.run(APP) == ""
    cell = "site = await serve(app); print(site.port)"
    first = kernel.run(cell)
    assert opens(first)
    second = kernel.run(cell)
    assert first != second
    assert not opens(first)
    assert opens(second)
    assert kernel.run("print((await fetch(site)).text); await site.stop()") == "hello"
    assert not opens(second)


def test_a_process_from_a_kernel(kernel):
    assert kernel.run(APP) == ""
    cell = "site = await serve(app, workers=1, record=True); print((await fetch(site)).text)"
    assert kernel.run(cell) == "hello"
    facts = "import os; print(site.pid != os.getpid(), len(site.conversation.calls))"
    assert kernel.run(facts) == "True 2"
    assert kernel.run("await site.stop()") == ""


@NOT_WINDOWS
def test_an_interrupted_cell_in_a_kernel(kernel):
    kernel.run("from asgilive import serve, serving, hosting; import asyncio, threading")
    cell = """
async def never(scope, receive, send):
    print("starting", flush=True)
    await asyncio.Event().wait()
await serve(never)
"""
    began = time.monotonic()
    said = kernel.run(cell, then=kernel.interrupt)
    assert time.monotonic() - began < 9  # a start that takes 10 s is given up
    assert said.startswith("starting")
    assert said.endswith(("KeyboardInterrupt", "CancelledError"))
    left = "print(serving.running(), [t.name for t in threading.enumerate() if 'asgi' in t.name])"
    assert kernel.run(f"await asyncio.sleep(0.1); {left}") == "[] []"
