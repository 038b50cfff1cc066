"""start.py as a reader runs it: in a copy of the project, as a process, with real failures.

One fresh installation is made with whatever installs here (uv or pip). The many ways in which an
installation ends are tried with a stand-in for uv, which makes a small environment in no time.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
START = ROOT / "start.py"
FILES = ["requirements.txt", "notebooks/requirements-servers.txt", "tests/requirements.txt"]
POSIX = os.name == "posix"

sys.path.insert(0, str(ROOT))

import start  # noqa: E402

pytestmark = [pytest.mark.start, pytest.mark.timeout(600)]

# What stands for uv: `uv venv … DIR` and `uv pip install --python DIR/bin/python …`.
STAND_IN = """
import os, pathlib, subprocess, sys, time
way, words = os.environ["STAND_IN"], sys.argv[1:]
if words[:1] == ["--version"]:
    sys.exit(way == "none")
if words[0] == "venv":
    prompt = words[words.index("--prompt") + 1]
    call = [sys.executable, "-m", "venv", "--without-pip", "--prompt", prompt, words[-1]]
    sys.exit(subprocess.run(call).returncode)
python = pathlib.Path(words[words.index("--python") + 1])
site = subprocess.run([python, "-c", "import sysconfig as s; print(s.get_path('purelib'))"],
                      capture_output=True, text=True, check=True).stdout.strip()
for count in range(3):
    pathlib.Path(site, f"package{count}-1.0.dist-info").mkdir(exist_ok=True)
pathlib.Path(os.environ["STARTED"]).touch()
if way == "slow":
    time.sleep(60)
print({"full": "error: No space left on device (os error 28)",
       "offline": "error: dns error: failed to lookup address",
       "denied": "error: Permission denied (os error 13)",
       "odd": "error: the moon is in the wrong place"}.get(way, ""))
sys.exit(way != "good")
"""


def copy_of_the_project(folder: Path) -> Path:
    """The tracked kinds of files in another place, without what was made from them."""
    made = shutil.ignore_patterns(".*", "_build", "__pycache__", "node_modules", "bench")
    shutil.copytree(ROOT, folder, ignore=made)
    return folder


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return copy_of_the_project(tmp_path / "a house, ünder way")


@pytest.fixture
def run(house: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run start.py in the house; `way` is what the stand-in for uv does."""

    def call(*words: str, way: str = "good", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(house, *words), **options(tmp_path, way, **env))  # type: ignore

    return call


def command(house: Path, *words: str) -> list[str]:
    return [sys.executable, str(house / "start.py"), *words]


def options(tmp_path: Path, way: str, **env: str) -> dict[str, object]:
    """How start.py is started so that it finds the stand-in."""
    programs = tmp_path / "programs"
    programs.mkdir(exist_ok=True)
    script = programs / "uv.py"
    script.write_text(STAND_IN, "utf-8")
    (programs / "uv.bat").write_text(f'@"{sys.executable}" "{script}" %*\n')
    (programs / "uv").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    (programs / "uv").chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    more = {"PATH": path, "STAND_IN": way, "STARTED": str(tmp_path / "started"), **env}
    return {"env": os.environ | more, "capture_output": True, "encoding": "utf-8", "timeout": 120}


def left_in(house: Path) -> list[str]:
    """The environments in a house, whole or not."""
    return sorted(path.name for path in house.iterdir() if path.name.startswith(".venv"))


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a failure."""
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("start.py: ")
    return done.stderr


# ---- An old Python -----------------------------------------------------------------------------


def old_pythons() -> list[str]:
    names = ["python2", "python2.7", *(f"python3.{minor}" for minor in range(11))]
    versions = (Path.home() / ".pyenv" / "versions").glob("*/bin/python")
    found = [*filter(None, map(shutil.which, names)), *map(str, versions)]
    return sorted({python for python in found if is_old(python)})


def is_old(python: str) -> bool:
    ask = "import sys; print(sys.version_info < (3, 11))"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True)
    return answer.stdout.strip() == "True"


@pytest.mark.parametrize("python", old_pythons())
def test_an_old_python_is_refused(python: str) -> None:
    done = subprocess.run([python, START], capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_python_reads_the_file_and_hears_one_line() -> None:
    text = START.read_text("ascii")
    ast.parse(text, feature_version=(3, 6))
    script = (
        f"import sys; sys.version_info = (3, 8, 2); exec(compile({text!r}, 'start.py', 'exec'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("ASGI Live needs Python 3.11 or newer and this is 3.8: ")
    assert done.stderr.count("\n") == 1


def test_nothing_comes_before_the_look_at_the_version() -> None:
    first = ast.parse(START.read_text("ascii")).body[:4]
    assert [type(each).__name__ for each in first] == ["Expr", "Import", "AnnAssign", "If"]


# ---- The ways an installation ends -------------------------------------------------------------


def test_an_environment_is_made_and_known_again(house: Path, run: Callable[..., object]) -> None:
    run("build")
    assert left_in(house) == [".venv"]
    stamp = (house / ".venv" / "book.stamp").read_text()
    assert stamp.split()[1] == "3"
    again = run("build")
    assert "sets itself up" not in again.stdout


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("full", "the disk is full: make 400 MB of room and run it again"),
        ("offline", "the package index does not answer: connect to the network"),
        ("denied", "cannot be written"),
        ("odd", "the moon is in the wrong place: remove .venv and run it again"),
    ],
)
def test_a_failed_installation_is_one_line_and_leaves_nothing(
    house: Path, run: Callable[..., subprocess.CompletedProcess[str]], way: str, said: str
) -> None:
    assert said in one_line(run("--no-browser", way=way))
    assert left_in(house) == []


def test_the_old_environment_comes_back(
    house: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    run("build")
    before = (house / ".venv" / "book.stamp").read_text()
    with (house / "requirements.txt").open("a") as pins:
        pins.write("another==1.0\n")
    one_line(run("build", way="offline"))
    assert left_in(house) == [".venv"]
    assert (house / ".venv" / "book.stamp").read_text() == before
    run("build")
    assert left_in(house) == [".venv"]
    assert (house / ".venv" / "book.stamp").read_text() != before


def python_gone(venv: Path) -> None:
    for name in ("bin", "Scripts"):
        shutil.rmtree(venv / name, ignore_errors=True)


def packages_gone(venv: Path) -> None:
    for each in [*venv.glob("lib/*/site-packages"), *venv.glob("Lib/site-packages")]:
        shutil.rmtree(each)


def stamp_spoilt(venv: Path) -> None:
    (venv / "book.stamp").write_text("")


@pytest.mark.parametrize("spoil", [python_gone, packages_gone, stamp_spoilt])
def test_a_broken_environment_is_made_anew(
    house: Path,
    run: Callable[..., subprocess.CompletedProcess[str]],
    spoil: Callable[[Path], None],
) -> None:
    run("build")
    spoil(house / ".venv")
    assert "sets itself up" in run("build").stdout
    assert left_in(house) == [".venv"]
    assert "sets itself up" not in run("build").stdout


def test_an_environment_made_by_hand_is_completed_not_removed(
    house: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", house / ".venv"], check=True)
    (house / ".venv" / "mine").touch()
    one_line(run("--no-browser", way="offline"))
    assert (house / ".venv" / "mine").exists()
    run("build")
    assert (house / ".venv" / "mine").exists()
    assert (house / ".venv" / "book.stamp").exists()


@pytest.mark.skipif(not POSIX, reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_an_interrupted_installation(
    house: Path, tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]], name: str
) -> None:
    how = options(tmp_path, "slow")
    with subprocess.Popen(
        command(house, "build"),
        env=how["env"],  # type: ignore
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until((tmp_path / "started").exists)
        os.kill(process.pid, getattr(signal, name))
        if name == "SIGKILL":
            process.wait()
            os.killpg(process.pid, signal.SIGKILL)
            assert left_in(house) == [".venv"]  # half-made, and seen to be at the next start
        else:
            _, said = process.communicate(timeout=10)
            assert process.returncode == 130
            assert said == "start.py: stopped; nothing half-made is left\n"
            assert left_in(house) == []
    assert "sets itself up" in run("build").stdout
    assert left_in(house) == [".venv"]
    assert (house / ".venv" / "book.stamp").exists()


def until(there: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something outside this process to be there."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_a_disk_with_too_little_room_is_seen_before_anything_is_written(house: Path) -> None:
    script = (
        "import shutil, sys\n"
        "shutil.disk_usage = lambda _: shutil._ntuple_diskusage(0, 0, 99 << 20)\n"
        f"sys.path.insert(0, {str(house)!r}); sys.argv = ['start.py', 'build']\n"
        "import start; sys.exit(start.main())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "the disk has 99 MB left: make 400 MB of room and run it again" in one_line(done)
    assert left_in(house) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount")
@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_a_disk_that_fills_up_on_the_way(tmp_path: Path) -> None:
    """A file system with room but few files: installing really ends with "no space left"."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=900m,nr_inodes=2500", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        house = copy_of_the_project(disk / "house")
        done = subprocess.run(command(house, "build"), capture_output=True, text=True)
        assert "the disk is full" in one_line(done)
        assert left_in(house) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_without_a_network(house: Path, tmp_path: Path) -> None:
    """The real installer, with nothing in its cache and an index that does not answer."""
    nowhere = "http://127.0.0.1:9/simple"
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    env = keep | {
        "PIP_INDEX_URL": nowhere,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "UV_DEFAULT_INDEX": nowhere,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = subprocess.run(command(house), env=env, capture_output=True, text=True)
    assert "the package index does not answer: connect to the network" in one_line(done)
    assert left_in(house) == []


# ---- One real installation, and what it does ---------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house in which the real thing is installed."""
    house = copy_of_the_project(tmp_path_factory.mktemp("real") / "asgi live")
    (house / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (house / "index.md").write_text("# A cover\n\nOne page.\n")
    (house / "_config.yml").write_text("sphinx: {config: {include_patterns: [index.md]}}\n")
    only = [sys.executable, "-c", "import start; start.environment()"]
    done = subprocess.run(only, cwd=house, capture_output=True, text=True)
    assert done.returncode == 0, done
    return house


@contextlib.contextmanager
def running(house: Path, *words: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """start.py with a port of its own, until the block ends; then it is stopped by its id."""
    port = start.free_port(0)
    with subprocess.Popen(
        command(house, *words, "--no-browser", "--port", str(port)),
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process, port
        finally:
            process.terminate()
            process.communicate(timeout=30)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1)


def printed(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Wait for a line of the output."""
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError("".join(seen))


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def test_jupyterlab_answers_at_the_first_chapter(home: Path) -> None:
    with running(home) as (process, port):
        line = printed(process, rf"http://127\.0\.0\.1:{port}(/lab/tree/\S+)\?token=(\w+)")
        path, token = line.groups()
        start.await_answer(port, process)
        assert path.startswith("/lab/tree/notebooks/01-")
        page = get(f"http://127.0.0.1:{port}{path}?token={token}").decode()
        settings = json.loads(re.search(r'config-data" type="application/json">(.*?)</', page)[1])  # type: ignore
        assert settings["news"] == {"disabled": True}
        told = json.loads(get(f"http://127.0.0.1:{port}/lab/api/settings?token={token}"))
        schemas = {each["id"]: each["schema"] for each in told["settings"]}
        asked = schemas["@jupyterlab/apputils-extension:notification"]["properties"]
        assert asked["fetchNews"]["default"] == "false"
        content = path.replace("/lab/tree", "/api/contents", 1)
        chapter = json.loads(get(f"http://127.0.0.1:{port}{content}?token={token}"))
        assert chapter["type"] == "notebook"


def test_the_second_start_adds_half_a_second_at_most(home: Path, tmp_path: Path) -> None:
    """From the command to JupyterLab's interpreter, against starting that interpreter directly."""
    clock = tmp_path / "clock"
    site = next(iter([*home.glob(".venv/lib/*/site-packages"), home / ".venv/Lib/site-packages"]))
    (site / "clock.pth").write_text(
        "import os, time; 'CLOCK' in os.environ and "
        "open(os.environ['CLOCK'], 'w').write(str(time.time()))\n"
    )

    def until_jupyter(*words: str) -> float:
        clock.unlink(missing_ok=True)
        began = time.time()
        with subprocess.Popen(
            words, env=os.environ | {"CLOCK": str(clock)}, stdout=-3, stderr=-3
        ) as process:
            until(lambda: clock.exists() and clock.read_text())
            process.terminate()
        return float(clock.read_text()) - began

    direct = [str(start.python_of(home / ".venv")), "-m", "jupyterlab", "--version"]
    ours = statistics.median(until_jupyter(*command(home, "--no-browser")) for _ in range(5))
    theirs = statistics.median(until_jupyter(*direct) for _ in range(5))
    (site / "clock.pth").unlink()
    assert ours - theirs < 0.5


def test_it_installs_what_is_pinned_and_nothing_else(home: Path) -> None:
    [site] = [*home.glob(".venv/lib/*/site-packages"), *home.glob(".venv/Lib/site-packages")]
    found = {normal(each.name): each.version for each in distributions(path=[str(site)])}
    tools = {"pip", "asgilive"}
    assert set(found) - set(pins("requirements.txt")) <= tools
    for name, versions in pins("requirements.txt").items():
        assert found.get(name, versions[0]) in versions


def test_it_takes_at_most_260_megabytes(home: Path) -> None:
    files = [path for path in (home / ".venv").rglob("*") if "__pycache__" not in path.parts]
    size = sum(path.lstat().st_size for path in files if path.is_file() or path.is_symlink())
    blocks = sum(getattr(path.lstat(), "st_blocks", 0) * 512 for path in files)
    assert max(size, blocks) < 260 * 2**20


def test_read_serves_the_pages(home: Path) -> None:
    with running(home, "read") as (process, port):
        printed(process, "the book is at")
        assert b"One page." in get(f"http://127.0.0.1:{port}/index.html")


def test_a_build_has_every_server_for_its_outputs(home: Path) -> None:
    done = subprocess.run(command(home, "build"), capture_output=True, text=True)
    assert done.returncode == 0, done
    [site] = [*home.glob(".venv/lib/*/site-packages"), *home.glob(".venv/Lib/site-packages")]
    found = {normal(each.name) for each in distributions(path=[str(site)])}
    assert {"granian", "django", "redis"} <= found


def test_reading_goes_without_the_servers_where_no_network_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ready(*_: object) -> None:
        raise start.Failed("NewConnectionError")

    monkeypatch.setattr(start, "environment", lambda: None)
    monkeypatch.setattr(start, "ready", ready)
    monkeypatch.setattr(start, "step", lambda *_, **__: "")
    start.build(argparse.Namespace(command="read"))
    assert "some outputs will say which server is missing" in capsys.readouterr().out
    with pytest.raises(start.Failed):
        start.build(argparse.Namespace(command="build"))


def test_a_warning_stops_the_build(home: Path) -> None:
    page = home / "index.md"
    good = page.read_text()
    page.write_text(good + "\n[nowhere](nothing.md)\n")
    try:
        done = subprocess.run(command(home, "build"), capture_output=True, text=True)
    finally:
        page.write_text(good)
    assert "the pages were not built" in one_line(done)
    assert "nothing.md" in done.stdout


def test_a_taken_port_is_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            command(home, "--no-browser", "--port", str(port)), capture_output=True, text=True
        )
    assert f"port {port} is taken by another program: leave --port out" in one_line(done)


# ---- The doctor --------------------------------------------------------------------------------


def looked_at(house: Path, **env: str) -> dict[str, str]:
    """What the doctor says, by name."""
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run(
        command(house, "doctor"), env=clean | env, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    lines = [re.fullmatch(r"  (ok|mend) +([^:]+): (.+)", line) for line in done.stdout.splitlines()]
    assert all(lines), done.stdout
    assert done.returncode == any(line[1] == "mend" for line in lines if line)
    return {line[2]: f"{line[1]} {line[3]}" for line in lines if line}


def test_the_doctor_finds_a_good_house_good(home: Path) -> None:
    said = looked_at(home)
    said.pop("browser")  # a test machine may have none
    said.pop("port")  # nor JupyterLab's port free
    assert {line.split()[0] for line in said.values()} == {"ok"}, said
    assert set(said) == {
        *("Python", "environment", "JupyterLab", "disk"),
        *("loopback", "proxy", "WebSocket", "event loop"),
    }


def test_the_doctor_has_a_mend_for_an_empty_house(house: Path) -> None:
    said = looked_at(house)
    for name in ("environment", "JupyterLab", "WebSocket"):
        assert said[name].startswith("mend ")
        assert "python3 start.py" in said[name]


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({"HTTP_PROXY": "http://proxy:3128"}, "mend"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "example.org"}, "mend"),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost, 127.0.0.1"}, "ok"),
        ({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "ok"),
        ({}, "ok"),
    ],
)
def test_the_doctor_sees_a_proxy_in_the_way(house: Path, env: dict[str, str], word: str) -> None:
    assert looked_at(house, **env)["proxy"].split()[0] == word


# ---- The pins ----------------------------------------------------------------------------------


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> dict[str, list[str]]:
    """The versions that a requirements file pins, by package."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / file).read_text("utf-8").splitlines():
        if pin := re.fullmatch(r"([\w.-]+)==([\w.]+)( ; .+)?", line):
            found.setdefault(normal(pin[1]), []).append(pin[2])
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_an_exact_pin(file: str) -> None:
    allowed = r"#.*|--only-binary :all:|-e \.|-r \.\./notebooks/requirements-servers\.txt|"
    lines = (ROOT / file).read_text("utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(rf"{allowed}|[\w.-]+==[\w.]+( ; .+)?", line)]
    assert odd == []
    assert "--only-binary :all:" in lines


def test_no_package_is_pinned_in_two_files() -> None:
    names = [name for file in FILES for name in pins(file)]
    assert len(names) == len(set(names))


def test_the_packages_of_the_project_are_pinned() -> None:
    pinned = {name for file in FILES for name in pins(file)}
    [project] = [each for each in distributions() if each.name == "asgilive"]
    wanted = {normal(re.split(r"[^\w.-]", each)[0]) for each in project.requires or ()}
    assert wanted - {"asgilive"} <= pinned
