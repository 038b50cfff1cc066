"""The servers of the book: one `async def name(app, sock, **options)` each, or one command line.

Rules: a server that runs in a thread of this process takes the application and a bound, listening
socket, serves until it is cancelled, and then stops gracefully; the reader's own server has the
same shape. Servers in processes of their own are command lines, in which {app}, {port}, {workers}
and {python} are filled in. `options` are passed on under the server's own names.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import io
import logging
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any

Server = Callable[..., Awaitable[None]]

GRACE = 1  # seconds that running calls may still take once a server was asked to stop
PARSER = "h11"  # of HTTP in uvicorn, here and in the page, whatever else is installed


class NotInstalled(Exception):
    """A server that the book knows is not on this machine; the message says how to get it."""


async def uvicorn(app: Any, sock: socket.socket, **options: Any) -> None:
    """Uvicorn's own parts in its own order, without its signal handlers and its exit."""
    import uvicorn

    options = {"timeout_graceful_shutdown": GRACE, "http": PARSER, **options}
    config = uvicorn.Config(app, log_config=None, access_log=False, **options)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup(sockets=[sock])
    except SystemExit:  # why is in the lifespan, which the site watches
        return
    try:
        await server.main_loop()
    finally:
        await server.shutdown(sockets=[sock])


async def hypercorn(app: Any, sock: socket.socket, **options: Any) -> None:
    """Hypercorn on our socket, which it would otherwise open itself."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config, Sockets

    class OurConfig(Config):
        def create_sockets(self) -> Sockets:
            return Sockets([sock], [], []) if self.ssl_enabled else Sockets([], [sock], [])

    config = OurConfig.from_mapping({"graceful_timeout": GRACE, **options})
    up, stop = asyncio.Event(), asyncio.Event()

    async def asked() -> None:
        up.set()
        await stop.wait()

    task = asyncio.ensure_future(serve(app, config, shutdown_trigger=asked, mode="asgi"))
    try:
        await asyncio.shield(task)
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=GRACE + 1 if up.is_set() else 0)
        task.cancel()


async def wsgiref(app: Any, sock: socket.socket) -> None:
    """The standard library's WSGI server: one thread, one client at a time."""
    loop = asyncio.get_running_loop()
    server = _wsgi_server(app, sock, lambda text: loop.call_soon_threadsafe(_LOG.error, "%s", text))
    running = asyncio.ensure_future(asyncio.to_thread(server.serve_forever, 0.02))
    try:
        await asyncio.shield(running)
    finally:
        server.hang_up()
        await asyncio.to_thread(server.shutdown)
        server.server_close()


_LOG = logging.getLogger("asgilive.wsgiref")


def _wsgi_server(app: Any, sock: socket.socket, say: Callable[[str], object]) -> Any:
    """The server on our socket: it says what it would print, and can be made to hang up."""
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    class Handler(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Requests are no news."""

        def get_stderr(self) -> Any:
            return _Said(say)

    class Server(WSGIServer):
        client: socket.socket | None = None

        def get_request(self) -> Any:
            self.client, address = super().get_request()
            return self.client, address

        def handle_error(self, *_: Any) -> None:
            error = sys.exc_info()[1]
            say(f"{type(error).__name__}: {error}")

        def hang_up(self) -> None:
            """On a client that says nothing: the one thread waits for it."""
            if self.client is not None:
                with contextlib.suppress(OSError):
                    self.client.shutdown(socket.SHUT_RDWR)

    server = Server(sock.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = sock
    server.server_name, server.server_port = sock.getsockname()
    server.setup_environ()
    server.set_app(app)
    return server


class _Said(io.StringIO):
    """A stream for complaints: of a traceback, the last line says it all."""

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__()
        self.say = say

    def flush(self) -> None:
        """wsgiref flushes when it has printed a traceback."""
        if text := self.getvalue().strip():
            self.say(text.splitlines()[-1])
        self.seek(0)
        self.truncate()


# Servers that run in a thread. A WSGI server is no asyncio server: its wire is seen by a relay.
IN_THREAD: Mapping[str, Server] = {"uvicorn": uvicorn, "hypercorn": hypercorn, "wsgiref": wsgiref}
WITHOUT_TRANSPORT = frozenset({"wsgiref"})
WITHOUT_LIFESPAN = frozenset({"daphne", "wsgiref"})

COMMANDS: Mapping[str, str] = {
    "uvicorn": "{python} -m uvicorn {app} --host 127.0.0.1 --port {port} --workers {workers}"
    " --no-access-log",
    "hypercorn": "{python} -m hypercorn {app} --bind 127.0.0.1:{port} --workers {workers}",
    "daphne": "{python} -m daphne --bind 127.0.0.1 --port {port} {app}",
    "granian": "{python} -m granian --interface asgi --host 127.0.0.1 --port {port}"
    " --workers {workers} {app}",
    "gunicorn": "{python} -m gunicorn -k asgi --bind 127.0.0.1:{port} --workers {workers} {app}",
}


def find(name: str) -> None:
    """Raise NotInstalled, or ValueError for a name that the book does not know."""
    if name not in IN_THREAD and name not in COMMANDS:
        known = ", ".join(sorted({*IN_THREAD, *COMMANDS}))
        raise ValueError(
            f"no server is called {name!r}: there are {known}, and any `async def(app, sock)`"
        )
    if not _installed(name):
        raise NotInstalled(f"{name} is not installed: pip install {name}")


def check_workers(server: str | Server, workers: int | None) -> None:
    """Raise ValueError for workers that this server cannot have."""
    if not isinstance(server, str) or server not in COMMANDS:
        name = server if isinstance(server, str) else "a server of your own"
        raise ValueError(f"{name} runs in a thread of this process: leave workers out")
    if workers is not None and workers < 1:
        raise ValueError(f"workers={workers}: a server has at least one")
    if workers not in (None, 1) and "{workers}" not in COMMANDS[server]:
        raise ValueError(f"{server} is one process: workers=1, or another server")


def label(name: str, options: Mapping[str, Any]) -> str:
    """Name and version for captions; for uvicorn also which parser reads HTTP."""
    if name == "wsgiref":
        return name
    text = f"{name} {_version(name)}"
    return f"{text}, {_parser(options)}" if name == "uvicorn" else text


def _parser(options: Mapping[str, Any]) -> str:
    chosen = options.get("http", PARSER)
    if isinstance(chosen, str) and chosen != "auto":
        return chosen
    return "httptools" if _installed("httptools") else "h11"


# Both look at the disk, and `serve` is to start in a millisecond or two.
_version = cache(importlib.metadata.version)


@cache
def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def command(template: str, options: Mapping[str, Any], **values: object) -> list[str]:
    """A command line, filled in; options become flags: log_level="error" is --log-level error."""
    words = [_filled(word, values) for word in shlex.split(template)]
    return words + [word for name, value in options.items() for word in _flag(name, value)]


def _filled(word: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():  # other braces are the program's own
        word = word.replace("{" + name + "}", str(value))
    return word


def _flag(name: str, value: Any) -> list[str]:
    dashed = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{dashed}" if value else f"--no-{dashed}"]
    return [f"--{dashed}", str(value)]


def bound(server: Server, app: Any, options: Mapping[str, Any]) -> Callable[[socket.socket], Any]:
    """The server as a function of its socket alone."""
    return partial(_call, server, app, dict(options))


def _call(server: Server, app: Any, options: dict[str, Any], sock: socket.socket) -> Any:
    return server(app, sock, **options)
