"""What on this machine would get in the way of ASGI Live: what `python3 start.py doctor` runs.

One line for each thing looked at: what was found, or the mend. Only the standard library, since it
is asked when something else does not work.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import start

LAB = 8888  # the port JupyterLab tries first

ECHO = """
import asyncio, websockets

async def echo(line):
    await line.send(await line.recv())

async def main():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}", proxy=None) as line:
            await line.send("hello")
            assert await line.recv() == "hello"

asyncio.run(asyncio.wait_for(main(), 10))
"""


def environment() -> str:
    """Whether .venv is as start.py would make it."""
    return "complete" if start.complete(start.VENV, start.VERSION, start.BOOK) else ""


def jupyterlab() -> str:
    """The version in .venv."""
    found = start.VENV.glob("[Ll]ib/**/jupyterlab-*.dist-info")
    return next(found).name.removeprefix("jupyterlab-").removesuffix(".dist-info")


def disk() -> str:
    """The room to install in."""
    free = shutil.disk_usage(start.ROOT).free >> 20
    return f"{free} MB free" if free > start.ROOM else ""


def loopback() -> str:
    """A connection from this machine to itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 3).close()
    return "127.0.0.1 answers"


def port() -> str:
    """Whether JupyterLab's own port is free."""
    return f"{start.free_port(LAB)} is free"


def proxy() -> str:
    """Whether this machine's own addresses are kept from a proxy."""
    names = [name for name in os.environ if name.lower() in ("http_proxy", "all_proxy")]
    kept = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    own = kept == "*" or {"127.0.0.1", "localhost"} <= set(kept.replace(" ", "").split(","))
    return "none" if not names else "not between this machine and itself" if own else ""


def websocket() -> str:
    """A word over a WebSocket and back, with the package of .venv."""
    command = [str(start.python_of(start.VENV)), "-c", ECHO]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return "a word went there and back"


def browser() -> str:
    """What would open a page."""
    found = webbrowser.get()
    return getattr(found, "name", "") or type(found).__name__


def event_loop() -> str:
    """The kind of event loop, where it can start programs; one of Windows' two cannot."""
    loop = asyncio.new_event_loop()
    loop.close()
    return "" if "WindowsSelector" in type(loop).__name__ else type(loop).__name__


Look = tuple[str, Callable[[], str], str]

# What is looked at; how, which gives what was found, or nothing, or raises; the mend.
LOOKS: list[Look] = [
    ("Python", lambda: sys.version.split()[0], "needs 3.11 or newer"),
    ("environment", environment, "not made, or not from today's pins: run python3 start.py"),
    ("JupyterLab", jupyterlab, "not installed: run python3 start.py"),
    ("disk", disk, f"make {start.ROOM} MB of room"),
    ("loopback", loopback, "127.0.0.1 does not answer: let the firewall or container pass it"),
    ("port", port, f"{LAB} is taken: JupyterLab takes the next one, or start.py --port N"),
    ("proxy", proxy, "set NO_PROXY=127.0.0.1,localhost (start.py does so for what it starts)"),
    ("WebSocket", websocket, "no word came back: run python3 start.py, let the firewall pass it"),
    ("browser", browser, "none found: use --no-browser and open the printed address"),
    ("event loop", event_loop, "cannot start programs: remove WindowsSelectorEventLoopPolicy"),
]


def main(looks: list[Look]) -> int:
    """One line for each; 1 if anything wants mending."""
    wanting = 0
    for name, look, mend in looks:
        found = ""
        with contextlib.suppress(Exception):
            found = look()
        start.say("ok" if found else "mend", f"{name}: {found or mend}")
        wanting += not found
    return bool(wanting)


if __name__ == "__main__":
    sys.exit(main(LOOKS))
