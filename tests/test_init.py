"""The package's face: its names, and that it costs nothing to import."""

import re
import subprocess
import sys
import time

import pytest

import asgilive

NAMES = [
    *("Conversation", "Site", "Timeline", "check", "crowd", "dial", "drive", "fails", "fetch"),
    *("grade", "raw", "relay", "serve", "spec"),
]


def python(code):
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.strip()


def test_public_names():
    assert asgilive.__all__ == sorted(NAMES) == sorted(dir(asgilive))
    assert re.fullmatch(r"\d+\.\d+\.\d+", asgilive.__version__)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_says_what_it_does(name):
    found = getattr(asgilive, name)
    assert found is getattr(asgilive, name)
    assert found.__doc__ or type(found).__doc__


def test_a_star_imports_the_same():
    names = {}
    exec("from asgilive import *", names)
    assert set(NAMES) <= set(names)


def test_another_name_is_told_what_there_is():
    with pytest.raises(AttributeError, match="asgilive has no 'server': it has Conversation, "):
        _ = asgilive.server
    with pytest.raises(ImportError, match="cannot import name 'server'"):
        exec("from asgilive import server")


def test_importing_it_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import asgilive; "
    found = python(code + "print(*{name.partition('.')[0] for name in set(sys.modules) - before})")
    assert set(found.split()) - set(sys.stdlib_module_names) == {"asgilive"}
    assert "asyncio" not in found


def test_serving_imports_no_server_and_no_framework():
    code = "import sys; from asgilive import serve, fetch, Conversation; print(*sys.modules)"
    heavy = {"uvicorn", "hypercorn", "fastapi", "httpx", "IPython", "sphinx", "wsgiref"}
    assert heavy & set(python(code).split()) == set()


def test_it_is_imported_in_no_time():
    """Bound: 50 ms, of which a machine that is busy may take four times as many."""
    code = (
        "import time; began = time.perf_counter(); import asgilive;"
        "print(time.perf_counter() - began)"
    )
    assert min(float(python(code)) for _ in range(3)) < 0.05
    began = time.perf_counter()
    python("pass")
    bare = time.perf_counter() - began
    began = time.perf_counter()
    python("from asgilive import serve, fetch")
    assert time.perf_counter() - began < bare * 10 + 1
