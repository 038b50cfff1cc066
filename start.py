"""The one command of ASGI Live.

    python3 start.py             open JupyterLab at the first chapter
    python3 start.py read        build the pages, serve them and open them in the browser
    python3 start.py build       build the pages into _build/html
    python3 start.py test        check everything on this Python, and in Chromium where there is one
    python3 start.py test --all  the same on every Python found here, and in Firefox
    python3 start.py doctor      say what on this machine would get in the way, with the mend

The first start makes .venv from the pins of requirements.txt. Rules: the standard library only;
a failure is one line with the next step; nothing half-made stays behind. An old Python must be able
to read this file to be told that it is old: no syntax here is newer than Python 3.6.
"""

import sys

NEEDED: "tuple[int, int]" = (3, 11)  # invalid syntax? ASGI Live needs Python 3.11 or newer

if sys.version_info < NEEDED:
    sys.exit(
        "ASGI Live needs Python 3.11 or newer and this is {}.{}: start it with a newer one, as in "
        "python3.13 start.py, or get one from python.org".format(*sys.version_info[:2])
    )

import argparse
import contextlib
import hashlib
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

Word = str | Path  # of a command line

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BOOK = [ROOT / "requirements.txt"]
SERVERS = [ROOT / "notebooks" / "requirements-servers.txt"]
TESTS = [*SERVERS, ROOT / "tests" / "requirements.txt"]
VERSION = "{}.{}".format(*sys.version_info[:2])
ROOM = 400  # MB that must be free to install: what stays, and what is unpacked on the way
MADE_HERE = "asgilive-book"  # the prompt of environments made here; others are never removed


class Problem(Exception):
    """What happened and the next step, in one line."""


class Failed(Exception):
    """A command failed; this is what it printed."""


# ---- One step: a command with a line at the beginning and a line at the end ------------------


def say(mark: str, text: str) -> None:
    """One line of progress."""
    clear = "\x1b[K" if sys.stdout.isatty() else ""
    print(f"  {mark:6} {text}{clear}", flush=True)


def surroundings(**extra: str) -> dict[str, str]:
    """The environment of a command: UTF-8, and no proxy between this machine and itself."""
    env = dict(os.environ, PYTHONUTF8="1", **extra)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # it would cost seconds at every start
    for name in {"NO_PROXY", "no_proxy"} if os.name != "nt" else {"NO_PROXY"}:
        if env.get(name) != "*":
            env[name] = ",".join(filter(None, [env.get(name), "127.0.0.1", "localhost"]))
    return env


def step(name: str, says: str, *command: Word, **env: str) -> str:
    """Run a command; on a terminal its latest line is shown. Returns what it printed.

    Raises Failed with that.
    """
    say("...", f"{name}: {says}")
    began, lines = time.monotonic(), []
    with start(*command, output=subprocess.PIPE, **env) as process:
        try:
            for line in process.stdout or ():
                lines.append(line)
                if sys.stdout.isatty():
                    print(f"         {line.strip():.65}\x1b[K", end="\r", flush=True)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        say("FAILED", name)
        raise Failed("".join(lines))
    say("ok", f"{name}: {time.monotonic() - began:.0f} s")
    return "".join(lines)


def start(*command: Word, output: "int | None" = None, **env: str) -> "subprocess.Popen[str]":
    """Start a command in the project's folder."""
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=surroundings(**env),
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        encoding="utf-8",
        errors="replace",
    )


# ---- The virtual environment -------------------------------------------------------------------

# What an installer printed, and what that means with the next step.
TROUBLES = {
    "No space left|os error 28|not enough space|os error 112|[Qq]uota exceeded": (
        f"the disk is full: make {ROOM} MB of room and run it again"
    ),
    "ensurepip is not|No module named (venv|pip|ensurepip)": (
        "this Python has no venv or no pip: install python3-venv, or uv, and run it again"
    ),
    "dns error|Failed to fetch|error sending request|NewConnectionError|Max retries|ProxyError|"
    "Connection refused|unreachable|ConnectTimeout": (
        "the package index does not answer: connect to the network and run it again "
        "(only this first time needs it)"
    ),
    "Permission denied|os error 13|Access is denied|Read-only": (
        f"{ROOT} cannot be written: copy it to a folder of yours, or stop what uses .venv"
    ),
    "No matching distribution|no usable wheels|no wheels with": (
        "a package has no build for this system: use Python 3.11 to 3.14, 64 bit"
    ),
}


def reason(text: str) -> str:
    """Why an installation failed, most likely, and the next step."""
    for pattern, meaning in TROUBLES.items():
        if re.search(pattern, text):
            return meaning
    last = (text.strip() or "no word of why").splitlines()[-1]
    return f"{last.strip()}: remove .venv and run it again"


def python_of(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def packages(venv: Path) -> int:
    """How many packages an environment holds."""
    return len([*venv.glob("lib/*/site-packages/*.dist-info"), *venv.glob("Lib/*/*.dist-info")])


def key(version: str, files: list[Path]) -> str:
    """What an environment is made from: the Python, the place, the pins."""
    parts = [version, str(ROOT), *(file.read_text("utf-8") for file in files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def stamp(venv: Path, files: list[Path]) -> Path:
    """The file, written last, that says which pins are in and how many packages that makes."""
    names = ["book", "servers", "tests"]
    return venv / f"{names[[BOOK, SERVERS, TESTS].index(files)]}.stamp"


def complete(venv: Path, version: str, files: list[Path]) -> bool:
    """Whether an environment is there, whole, and made from these pins."""
    try:
        made_from, count = stamp(venv, files).read_text().split()
    except (OSError, ValueError):
        return False
    whole = python_of(venv).exists() and packages(venv) >= int(count)
    return whole and made_from == key(version, files)


def uv() -> str:
    """The path of a uv that runs, or nothing."""
    path = shutil.which("uv")
    if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
        return path
    return ""


def install(venv: Path, version: str, files: list[Path]) -> None:
    """Install pins into an environment and, last, say so in it."""
    tool, python = uv(), str(python_of(venv))
    pip = [python, "-m", "pip", "install", "--no-input", "--no-compile", "--progress-bar=off"]
    command = [tool, "pip", "install", "--python", python] if tool else [*pip, "--retries=2"]
    count = sum("==" in line for file in files for line in file.read_text("utf-8").splitlines())
    says = f"{count} of them, with " + ("uv" if tool else "pip, in one or two minutes")
    step("packages", says, *command, *(word for file in files for word in ("-r", file)))
    stamp(venv, files).write_text(f"{key(version, files)} {packages(venv)}")


def make(venv: Path, python: str, version: str, files: list[Path]) -> None:
    """Make an environment; one that was there before comes back if that fails."""
    free = shutil.disk_usage(ROOT).free >> 20
    if free < ROOM:
        raise Problem(f"the disk has {free} MB left: make {ROOM} MB of room and run it again")
    tool = uv()
    command = [tool, "venv", "--seed", "--python", python] if tool else [python, "-m", "venv"]
    with replacing(venv):
        says = f"a virtual environment for Python {version}, 240 MB when full"
        step(venv.name, says, *command, "--prompt", MADE_HERE, venv)
        install(venv, version, files)


@contextlib.contextmanager
def replacing(venv: Path) -> Iterator[None]:
    """Set an old environment aside; in the end it is gone, or back if anything went wrong."""
    old = venv.with_name(venv.name + ".old")
    if stamp(venv, BOOK).exists() and not old.exists():
        venv.rename(old)
    remove(venv)
    try:
        yield
    except BaseException:
        remove(venv)
        if old.exists():
            old.rename(venv)
        raise
    remove(old)


def remove(folder: Path) -> None:
    """Remove a folder. Raises Problem if a program holds it."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise Problem(f"{folder} is in use: stop JupyterLab and run it again")


def ready(venv: Path, python: str, version: str, files: list[Path]) -> None:
    """Make, complete or mend an environment, unless it is as it should be."""
    if complete(venv, version, files):
        return
    config = venv / "pyvenv.cfg"
    by_hand = config.exists() and MADE_HERE not in config.read_text("utf-8")
    if by_hand or (files != BOOK and complete(venv, version, BOOK)):
        install(venv, version, files)
    else:
        make(venv, python, version, files)


def environment() -> None:
    """Have .venv ready."""
    if not complete(VENV, VERSION, BOOK):
        print("ASGI Live sets itself up. The next start is quick and needs no network.", flush=True)
    ready(VENV, sys.executable, VERSION, BOOK)


# ---- The commands ------------------------------------------------------------------------------


def free_port(wanted: int) -> int:
    """A free port of 127.0.0.1, the wanted one if that is not 0. Raises Problem if it is taken."""
    with socket.socket() as sock:
        if os.name != "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", wanted))
        except OSError:
            advice = "leave --port out, or stop that program"
            raise Problem(f"port {wanted} is taken by another program: {advice}") from None
        return int(sock.getsockname()[1])


def become(*command: Word) -> NoReturn:
    """Go on as another program; on Windows, where that cannot be, wait for it."""
    words = [str(word) for word in command]
    sys.stdout.flush()
    os.chdir(ROOT)
    if os.name != "nt":
        os.execve(words[0], words, surroundings())
    with start(*words) as process:
        while process.poll() is None:
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
    sys.exit(process.returncode)


def no_questions(venv: Path) -> None:
    """JupyterLab asks whether it may fetch news, over the first chapter: answer for the reader."""
    settings = venv / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        answer = {"fetchNews": "false", "checkForUpdates": False}
        settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": answer}))


def lab(args: argparse.Namespace) -> NoReturn:
    """Open JupyterLab at the first chapter; it asks no other machine for anything."""
    environment()
    no_questions(VENV)
    chapter = min((ROOT / "notebooks").glob("[0-9]*.ipynb")).relative_to(ROOT).as_posix()
    options = [
        "--log-level=WARN",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{chapter}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if args.port:
        options += [f"--ServerApp.port={free_port(args.port)}", "--ServerApp.port_retries=0"]
    if args.no_browser:
        options.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    say("...", f"JupyterLab at {chapter}; Ctrl+C stops it")
    become(python_of(VENV), "-m", "jupyterlab", *options)


def build(args: argparse.Namespace) -> None:
    """Build the pages into _build/html; a warning is an error.

    The servers and frameworks of some chapters are installed first, so that their outputs are
    whole. To read the pages, these and what cells run on may be missing: they need a network, once.
    """
    environment()
    try:
        ready(VENV, sys.executable, VERSION, SERVERS)
    except Failed as failed:
        if args.command == "build":
            raise
        say("note", f"some outputs will say which server is missing: {reason(str(failed))}")
    book = python_of(VENV).with_name("jupyter-book.exe" if os.name == "nt" else "jupyter-book")
    env = {"ASGILIVE_LIVE": "if-there"} if args.command == "read" else {}
    try:
        printed = step(
            "pages", "into _build/html", book, "build", "-W", "--keep-going", ROOT, **env
        )
        missing = re.search("pages will not run: .*", printed)
        if missing:
            say("note", missing.group())
    except Failed as failed:
        print(failed)
        raise Problem("the pages were not built: mend what is printed above") from None


def read(args: argparse.Namespace) -> None:
    """Serve the pages from our own ASGI application, and open them."""
    build(args)
    port = free_port(args.port)
    serve = [str(python_of(VENV)), "-m", "uvicorn", "apps.reader:app", "--log-level", "warning"]
    with start(*serve, "--app-dir", ROOT / "notebooks", "--port", str(port)) as server:
        try:
            await_answer(port, server)
            say("...", f"the book is at http://127.0.0.1:{port}/ and Ctrl+C stops it")
            if not args.no_browser:
                webbrowser.open(f"http://127.0.0.1:{port}/")
            server.wait()
        except KeyboardInterrupt:
            server.terminate()


def await_answer(port: int, server: "subprocess.Popen[str]") -> None:
    """Return when a server answers. Raises Problem if it ends instead."""
    while server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Problem("the server ended, see above; python3 start.py doctor may know why")


def test(args: argparse.Namespace) -> NoReturn:
    """Check everything."""
    environment()
    ready(VENV, sys.executable, VERSION, TESTS)
    become(python_of(VENV), ROOT / "tests" / "run.py", *(["--all"] if args.all else []))


def doctor(_: argparse.Namespace) -> None:
    """Say what would get in the way."""
    runpy.run_path(str(ROOT / "tests" / "doctor.py"), run_name="__main__")


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    about = (__doc__ or "").partition("The first start")[0]
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, formatter_class=style)
    commands = {"lab": lab, "read": read, "build": build, "test": test, "doctor": doctor}
    parser.add_argument("command", nargs="?", choices=commands, default="lab", metavar="command")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    parser.add_argument("--port", type=int, default=0, help="serve at this port")
    parser.add_argument("--all", action="store_true", help="with test: every Python, and Firefox")
    parser.set_defaults(run=lambda args: commands[args.command](args))
    return parser.parse_args()


def main() -> int:
    """Do what was asked for; the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    args = arguments()
    try:
        args.run(args)
    except (Problem, Failed, OSError) as error:
        text = str(error) if isinstance(error, Problem) else reason(str(error))
        print(f"start.py: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("start.py: stopped; nothing half-made is left", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
