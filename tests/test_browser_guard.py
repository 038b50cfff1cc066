"""One clear sentence for what a page has not; a call into a thread pool is made at once."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import urllib.request

import anyio
import httpx
import pytest
from fastapi import FastAPI

from asgilive import fetch, serve
from asgilive.browser import guard


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: threading.Thread(target=print).start(), "one thread"),
        (lambda: subprocess.run(["ls"], check=False), "no processes"),
        (lambda: subprocess.check_output(["ls"]), "no processes"),
        (lambda: os.fork(), "no processes"),
        (lambda: os.system("ls"), "no processes"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "no processes to signal"),
        (lambda: signal.raise_signal(signal.SIGINT), "no processes to signal"),
        (lambda: urllib.request.urlopen("http://example.org", timeout=1), "reaches no"),
        (lambda: urllib.request.urlopen("http://127.0.0.1:9", timeout=1), "refused"),
        (lambda: httpx.get("http://example.org"), "reaches no"),
    ],
)
def test_what_is_not_there(page, ask, sentence):
    with pytest.raises(Exception, match=sentence) as caught:
        ask()
    if sentence != "refused":
        assert "python3 start.py" in str(caught.value)


def test_nothing_can_be_typed(page):
    with pytest.raises(guard.NotHere, match="write the value into the cell"):
        input()


def test_a_blocking_client_is_told_to_await(page):
    async def app(scope, receive, send):
        pass

    async def work():
        async with serve(app) as site:
            with pytest.raises(httpx.HTTPError, match="use a client with await"):
                httpx.get(site.url, trust_env=False)  # noqa: ASYNC210
            with pytest.raises(guard.WouldWait, match="use a client with await"):
                urllib.request.urlopen(site.url)  # noqa: ASYNC210

    page.run(work())


def test_a_thread_pool_runs_in_the_loop(page):
    app = FastAPI()

    @app.get("/")
    def hello():
        return threading.current_thread().name

    async def work():
        assert await anyio.to_thread.run_sync(lambda: 6 * 7) == 42
        async with serve(app) as site:
            return (await fetch(site)).text

    assert page.run(work()) == '"MainThread"'


def test_the_thread_pool_is_mended_when_it_is_imported(page, monkeypatch):
    before = sys.modules[guard.Inline.name]
    monkeypatch.setitem(sys.modules, guard.Inline.name, None)
    del sys.modules[guard.Inline.name]
    module = importlib.import_module(guard.Inline.name)
    assert module is not before
    assert page.run(module.AsyncIOBackend.run_sync_in_worker_thread(int, ("42",))) == 42


def test_other_modules_are_imported_as_ever(page):
    finder = guard.Inline()
    assert finder.find_spec("json", None) is None
    assert importlib.import_module("wave")
