"""What a server process imports: the application, watched; it ends with whoever started it."""

import asyncio
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest
from some_apps import full_hello, refuses, until

from asgilive import _worker, fetch, serve
from asgilive.application import Lifespan
from asgilive.journal import Journals
from asgilive.recording import Conversation

pytestmark = pytest.mark.usefixtures("nothing_left", "silent", "here")


@pytest.fixture
def told(tmp_path, monkeypatch):
    """The environment of a worker; `told()` is what it has told so far."""
    monkeypatch.setenv("ASGILIVE_FOLDER", str(tmp_path))
    monkeypatch.setenv("ASGILIVE_LIFESPAN", "not asked")
    monkeypatch.setenv("ASGILIVE_PROGRAM", "some_apps:full_hello")
    monkeypatch.delenv("ASGILIVE_BEGAN", raising=False)

    def read():
        return [json.loads(line) for line in (tmp_path / "workers").read_text().splitlines()]

    return read


def messages(*left):
    """A `receive` that gives these, and a `send` that keeps what it is given."""
    left, sent = list(left), []

    async def receive():
        return left.pop(0) if left else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    return receive, send, sent


async def test_it_tells_how_the_start_went(told):
    app = _worker.watched()
    assert isinstance(app, Lifespan)
    assert app.app is full_hello
    receive, send, _ = messages({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    await app({"type": "lifespan"}, receive, send)
    states = [(line["pid"], line["lifespan"]) for line in told()]
    assert states == [(os.getpid(), state) for state in ("not asked", "starting", "complete")]


async def test_it_tells_why_the_start_failed(told, monkeypatch):
    monkeypatch.setenv("ASGILIVE_PROGRAM", "some_apps:refuses")
    app = _worker.watched()
    assert app.app is refuses
    receive, send, _ = messages({"type": "lifespan.startup"})
    await app({"type": "lifespan"}, receive, send)
    assert told()[-1]["failure"] == "lifespan.startup.failed: no database"


async def test_it_writes_down_what_crosses_the_boundary(told, monkeypatch, tmp_path):
    conversation = Conversation()
    monkeypatch.setenv("ASGILIVE_BEGAN", str(conversation.began))
    monkeypatch.setenv("ASGILIVE_PROGRAM", "some_apps:hello")
    app = _worker.watched()
    receive, send, sent = messages({"type": "http.request"})
    await app({"type": "http", "path": "/x", "client": ["127.0.0.1", 1]}, receive, send)
    assert len(sent) == 2
    conversation.sources.append(Journals(tmp_path).bring)
    (call,) = conversation.calls
    assert (call.scope["path"], call.ended, len(call.sent)) == ("/x", "returned", 2)
    (journal,) = [c.cell_contents for c in app.__closure__ if hasattr(c.cell_contents, "file")]
    journal.file.close()  # elsewhere it ends with the process


def test_importing_it_elsewhere_does_nothing():
    assert not hasattr(_worker, "app")


@pytest.mark.parametrize(("platform", "threads"), [("linux", ["asgilive"]), ("win32", [])])
def test_imported_in_a_server_process(told, monkeypatch, platform, threads):
    """The same module once more, with the environment of a server process."""
    started = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("ASGILIVE_PARENT", str(os.getpid()))
    spec = importlib.util.spec_from_file_location("once_more", _worker.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (module.app.app, started) == (full_hello, threads)
    assert [line["lifespan"] for line in told()] == ["not asked"]


def test_in_a_server_process(told, tmp_path):
    """Imported with the environment, it is the application, and looks after its parent."""
    code = (
        "import threading; from asgilive import _worker\n"
        "print(_worker.app.app.__name__, [t.name for t in threading.enumerate()][1:])"
    )
    parent = {"ASGILIVE_PARENT": str(os.getpid())}
    root = os.path.dirname(os.path.dirname(_worker.__file__))
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **parent, "PYTHONPATH": os.pathsep.join([os.getcwd(), root])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == ("alive ['asgilive']\n", "")
    assert [line["lifespan"] for line in told()] == ["not asked"]


def test_it_ends_its_group_when_the_parent_has_gone(monkeypatch):
    ended = []
    monkeypatch.setattr(os, "killpg", lambda group, number: ended.append((group, number)))
    child = subprocess.Popen([sys.executable, "-c", "open(0).read()"], stdin=subprocess.PIPE)
    watching = threading.Thread(target=_worker.end_with, args=[child.pid], kwargs={"every": 0.01})
    watching.start()
    child.communicate()
    watching.join()
    assert ended == [(0, signal.SIGKILL)]


KERNEL = """
import asyncio, sys
from asgilive import serve
async def main():
    site = await serve("some_apps:hello", server=sys.argv[1], workers=2)
    print(site.port, site.pid, *site.pids, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can tell there")
@pytest.mark.parametrize("server", ["uvicorn", "granian"])
async def test_a_server_does_not_survive_a_kernel_that_is_killed(server):
    root = os.path.dirname(os.path.dirname(_worker.__file__))
    kernel = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", KERNEL, server],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), root])},
    )
    with kernel:
        words = await asyncio.to_thread(kernel.stdout.readline)
        port, *pids = map(int, words.split())
        assert (await fetch(f"http://127.0.0.1:{port}")).status == 200
        kernel.kill()
    assert len(set(pids)) == 3
    await until(lambda: not any(map(runs, pids)))
    await until(lambda: not listens(port))  # a moment after, when their last threads are gone


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_kernel_that_lives_keeps_its_servers():
    async with serve("some_apps:hello", workers=1) as site:
        await asyncio.sleep(1.5)  # the parent was looked for more than once
        assert (await fetch(site)).text == "Hello"
