"""What the tests share: async tests run on asyncio.run, and nothing may be left behind by one."""

import asyncio
import glob
import inspect
import os
import sys
import tempfile
import threading
import time
from collections import Counter

import psutil
import pytest
from interpreter import page  # noqa: F401

from asgilive import serving

DEADLINE = 60.0  # seconds for one test: a hang ends with a traceback of where it hangs
PATIENCE = 2.0  # seconds in which what was asked to end may end


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run an async test in a loop of its own, and find the tasks it leaves."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(_alone(pyfuncitem.obj(**arguments)))
    return True


async def _alone(test):
    async with asyncio.timeout(DEADLINE):
        await test
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=PATIENCE)
    assert not [task for task in left if not task.done()], "tasks were left"


def _files():
    """Open files and sockets, by what they are."""
    if not os.path.isdir("/proc/self/fd"):
        return []
    here = psutil.Process()
    sockets = [(c.fd, c.laddr, c.status) for c in here.net_connections("all")]
    files = [(f.fd, f.path) for f in here.open_files()]  # their positions may move
    return [*map(str, sockets + files), *["descriptor"] * here.num_fds()]


def _left():
    """What a test could leave: sites, threads, processes, files, folders."""
    return Counter(
        [
            *(site.url for site in serving.running()),
            *(f"thread {thread.name}" for thread in threading.enumerate()),
            *(f"process {p.pid}" for p in psutil.Process().children(recursive=True)),
            *_files(),
            *glob.glob(os.path.join(tempfile.gettempdir(), "asgilive-*")),
        ]
    )


@pytest.fixture
def nothing_left(tmp_path, monkeypatch):
    """Fail where a test leaves a site, thread, process, file or folder that was not there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # not what others make meanwhile
    before = _left()
    yield
    end = time.monotonic() + PATIENCE
    while (more := _left() - before) and time.monotonic() < end:
        time.sleep(0.01)
    assert not more


@pytest.fixture
def silent(capfd):
    """Fail where a test prints, or anything in this process or below it does."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def here(monkeypatch):
    """Work in the tests' folder, from which a process imports `some_apps`."""
    monkeypatch.chdir(os.path.dirname(__file__))


@pytest.fixture
def shell(monkeypatch):
    """A stand-in for IPython's shell: `run(cell, code)` says which cell runs now."""
    shell = Shell()
    fake = type(sys)("IPython")
    fake.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", fake)
    return shell


class Shell:
    """What the library asks of IPython: the running cell, the names, the cells so far."""

    def __init__(self):
        self.user_ns = {}
        self.history_manager = self
        self.input_hist_parsed = [""]
        self.parent = {}
        self.runs = 0

    def get_parent(self):
        return self.parent

    def run(self, code, cell=None):
        """A cell begins to run; JupyterLab gives its id, other front ends none."""
        self.runs += 1
        self.input_hist_parsed.append(code)
        metadata = {"cellId": cell} if cell else {}
        header = {"msg_id": f"run {self.runs}"}
        self.parent = {"metadata": metadata, "content": {"code": code}, "header": header}
