"""Start a server on 127.0.0.1, know it while it runs, and leave nothing behind.

Rules: nothing listens on another address; a cell that runs again replaces what it started; what
a server would print is in `log`; a site that could not start raises and leaves no port, thread or
process. `url` is for code in the notebook, `link` for the reader's browser.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import inspect
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from asgilive import drawing, servers
from asgilive.cable import Cable
from asgilive.hosting import (
    UNSEEN,
    ProcessHost,
    StartupFailed,
    StartupTimeout,
    StillRunning,
    ThreadHost,
)
from asgilive.journal import Journals
from asgilive.program import NotAProgram, program_of
from asgilive.recording import App, Conversation, Message, Receive, Scope, Send, describe
from asgilive.servers import NotInstalled, Server

__all__ = [
    "NotAProgram",
    "NotInstalled",
    "PortTaken",
    "Site",
    "StartupFailed",
    "StartupTimeout",
    "StillRunning",
    "relay",
    "serve",
]


class PortTaken(OSError):
    """The port that was asked for is not free."""


class Lifespan:
    """The application's lifespan as the site shows it, watched at its boundary."""

    def __init__(self, app: App, mode: str) -> None:
        self.app = app
        self.state = "off" if mode == "off" else "not asked"
        self.failure: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        self.state = "starting"
        try:
            await self.app(scope, receive, self._watching(send))
        except Exception as error:
            if self.state == "starting":
                self.state = f"not supported ({type(error).__name__})"
                self.failure = f"the application raised {describe(error)} in its lifespan"
            raise
        finally:
            if self.state == "starting":
                self.state = "not supported (it returned)"

    def _watching(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            kind, text = message.get("type"), message.get("message") or "no reason given"
            if kind == "lifespan.startup.complete":
                self.state = "complete"
            elif kind == "lifespan.startup.failed":
                self.state, self.failure = f"failed: {text}", f"lifespan.startup.failed: {text}"
            await send(message)

        return watched

    @property
    def starting(self) -> bool:
        """Whether the application has been asked to start and has not answered."""
        return self.state == "starting"


class Site:
    """A running server: its addresses, its recording, its end. It shows as a card."""

    def __init__(self, name: str, about: str, sock: socket.socket) -> None:
        self.name = name
        self.about = about
        self.port: int = sock.getsockname()[1]
        self.conversation: Conversation | None = None
        self.command: str | None = None
        self._hosts: list[ThreadHost | ProcessHost] = []
        self._watch: Lifespan | None = None
        self._clean: list[Callable[[], None]] = [sock.close]
        self._key: object = None

    @property
    def url(self) -> str:
        """For code in this notebook: http://127.0.0.1:port"""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The same for WebSockets: ws://127.0.0.1:port"""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def link(self) -> str:
        """For the reader's browser, which may be on another machine than the kernel."""
        return link(self.port)

    @property
    def lifespan(self) -> str:
        """How the application's start-up went, in words."""
        return self._watch.state if self._watch else "off"

    @property
    def pid(self) -> int:
        """Of the server's process; this process where the server is a thread."""
        first = self._hosts[0]
        return first.pid if isinstance(first, ProcessHost) else os.getpid()

    @property
    def pids(self) -> list[int]:
        """Of the processes that run the application."""
        return self._hosts[0].pids

    @property
    def log(self) -> list[str]:
        """What the server would have printed, its first 200 lines."""
        return [line for host in self._hosts for line in host.log]

    @property
    def running(self) -> bool:
        """Whether the server is there."""
        return bool(self._hosts) and all(host.running for host in self._hosts)

    async def stop(self, *, within: float = 3.0) -> None:
        """Stop the server, gracefully at first; again is harmless.

        After `within` seconds the last resort is used, and `log` says so. Raises RuntimeError
        when called inside the application, StillRunning where nothing helps: a call into C.
        """
        for host in reversed(self._hosts):
            await host.stop(within)
        self._finish()

    def ask_to_stop(self) -> None:
        """Ask, and do not wait: for a cell that was interrupted."""
        for host in self._hosts:
            host.ask()
        self._finish()

    def _finish(self) -> None:
        while self._clean:
            self._clean.pop()()
        _SITES.forget(self)

    async def _start(self) -> None:
        try:
            for host in self._hosts:
                await host.start()
                if host.has_ended():
                    raise self._failed(host)
        except Exception:
            await self.stop()
            raise
        except BaseException:
            self.ask_to_stop()
            raise

    def _failed(self, host: ThreadHost | ProcessHost) -> StartupFailed:
        failure = self._watch.failure if self._watch else None
        words = failure or (describe(host.error) if host.error else None)
        last = host.log[-1:] if words is None else []
        text = words or (last[0] if last else "the server ended before it listened")
        error = StartupFailed(text)
        error.__cause__ = host.error
        return error

    def _figure(self) -> drawing.Figure:
        up = self.running
        facts = [("at" if up else "was at", self.url), ("server", self.about)]
        facts += [("lifespan", self.lifespan)]
        if self.conversation is None:
            facts.append(("recorded", "no: serve(…, record=True)"))
        return drawing.card(
            self.name,
            "running" if up else "stopped",
            facts,
            link=self.link if up else None,
            log=self.log,
        )

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


class Serving:
    """A site that is not started yet: `await` it, or `async with` it."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self._site: Site | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._go().__await__()

    async def _go(self) -> Any:
        if self._site is None:
            self._site = await self._start()
        return self._site

    async def __aenter__(self) -> Any:
        return await self._go()

    async def __aexit__(self, *_: object) -> None:
        assert self._site is not None
        await self._site.stop()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"the site has no .{name} yet: {self!r}")

    def __repr__(self) -> str:
        return "not started: write `site = await serve(app)`"


def serve(
    app: App | str | None = None,
    *,
    server: str | Server = "uvicorn",
    record: bool = False,
    workers: int | None = None,
    command: str | None = None,
    port: int = 0,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> Serving:
    """Start a server on 127.0.0.1, and return when it answers: `site = await serve(app)`.

    `app` is an application, or "module:name". `server` is a name the book knows, or any
    `async def server(app, sock)` that serves until it is cancelled. By default that is uvicorn in a
    thread of this process with an event loop of its own; `workers` (also 1) and `command` (any
    program, with {app} and {port} filled in) make it a real process, for which `env` adds
    variables. `record` keeps what crosses the wire and the application's boundary. `port` 0 takes
    a free one. `options` go to the server under its own names.

    Raises TypeError for what is not an application; PortTaken; NotInstalled; NotAProgram for an
    application that no other process can import; StartupFailed with the application's reason;
    StartupTimeout after 10 s, with what the application was doing. Taught in chapter 1.
    """
    wanted = _Wanted(app, server, record, workers, command, port, dict(env or {}), options)
    return Serving(wanted.start)


def relay(
    target: Site | str,
    *,
    delay: float = 0.0,
    rate: float | None = None,
    cut: int | None = None,
    record: bool = False,
) -> Serving:
    """A cable with faults in front of a server: `link = await relay(site, delay=0.1)`.

    `delay` is in seconds each way, `rate` in bytes a second each way, `cut` drops each connection
    after so many bytes from the target. All three can be changed while it runs. `record` keeps
    the bytes. Taught in chapter 8.
    """
    cable = Cable(target, delay=delay, rate=rate, cut=cut)
    return Serving(lambda: _start_relay(cable, record))


class RelaySite(Site):
    """A running relay; its faults can be changed while it runs."""

    cable: Cable

    delay = property(lambda self: self.cable.delay, lambda self, x: setattr(self.cable, "delay", x))
    rate = property(lambda self: self.cable.rate, lambda self, x: setattr(self.cable, "rate", x))
    cut = property(lambda self: self.cable.cut, lambda self, x: setattr(self.cable, "cut", x))


async def _start_relay(cable: Cable, record: bool) -> RelaySite:
    await _SITES.replace()
    sock = _listen(0)
    site = RelaySite("relay", f"a cable to {cable.host}:{cable.port}", sock)
    site.cable = cable
    if record:
        site.conversation = Conversation({"server": site.about, "date": _today()})
    site._hosts = [_thread(site, "relay", sock, cable.serve, site.conversation)]
    await site._start()
    _SITES.keep(site)
    return site


class _Wanted:
    """What `serve` was asked for, until it is started."""

    def __init__(
        self,
        app: App | str | None,
        server: str | Server,
        record: bool,
        workers: int | None,
        command: str | None,
        port: int,
        env: dict[str, str],
        options: dict[str, Any],
    ) -> None:
        self.app, self.server, self.record = app, server, record
        self.workers, self.command, self.port = workers, command, port
        self.env, self.options = env, options
        known = isinstance(server, str) and server in servers.IN_THREAD
        own = not isinstance(server, str)
        self.as_process = bool(workers or command) or not (known or own)
        self.check()

    def check(self) -> None:
        """Say at once what cannot work."""
        if isinstance(self.server, str) and self.command is None:
            servers.find(self.server)
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers={self.workers}: a server has at least one")
        if self.command is None and isinstance(self.server, str):
            _check_app(self.app, self.server, self.options)

    async def start(self) -> Site:
        """Replace what this cell started before, and start."""
        await _SITES.replace()
        site = self._as_process() if self.as_process else self._as_thread()
        await site._start()
        _SITES.keep(site)
        return site

    # in a thread

    def _as_thread(self) -> Site:
        sock = _listen(self.port)
        site = Site(_name(self.app, self.server), self._about(), sock)
        app = self._prepared(site)
        server = servers.IN_THREAD[self.server] if isinstance(self.server, str) else self.server
        serve = servers.bound(server, app, self.options)
        if isinstance(self.server, str) and self.server in servers.WITHOUT_TRANSPORT:
            inner = _listen(0) if self.record else sock
            host = ThreadHost(f"asgilive {site.name}", inner, serve, unseen=0.0)
            site._hosts = [host]
            if self.record:
                site._hosts.append(self._cable_to(site, inner.getsockname()[1], sock))
            return site
        unseen = None if isinstance(self.server, str) else UNSEEN
        watch = site._watch
        busy = (lambda: watch.starting) if watch else (lambda: False)
        name = f"asgilive {site.name}"
        host = _thread(site, name, sock, serve, site.conversation, unseen=unseen, busy=busy)
        site._hosts = [host]
        return site

    def _prepared(self, site: Site) -> Any:
        """The application with its lifespan watched and its boundary recorded."""
        if self.record:
            site.conversation = Conversation({"server": site.about, "date": _today()})
        if self.app is None or self.server in servers.WITHOUT_LIFESPAN:
            return self.app
        app: Any = _imported(self.app) if isinstance(self.app, str) else self.app
        site._watch = Lifespan(app, str(self.options.get("lifespan", "auto")))
        return site.conversation.wrap(site._watch) if site.conversation else site._watch

    def _about(self) -> str:
        if isinstance(self.server, str):
            return servers.label(self.server, self.options)
        return getattr(self.server, "__name__", type(self.server).__name__)

    # in a process

    def _as_process(self) -> Site:
        sock = _listen(self.port)
        port = sock.getsockname()[1]
        template = self.command or servers.COMMANDS[str(self.server)]
        about = template.split()[0] if self.command else self._about()
        site = Site(_name(self.app, self.server), about, sock)
        if self.record:
            site.conversation = Conversation({"server": about, "date": _today()})
            port = _free_port()
        else:
            sock.close()
        folder = Path(tempfile.mkdtemp(prefix="asgilive-"))
        site._clean.append(lambda: shutil.rmtree(folder, ignore_errors=True))
        try:
            site._hosts = [self._process(site, template, port, folder)]
        except BaseException:
            site._finish()
            raise
        if site.conversation:
            site.conversation.sources.append(Journals(folder).bring)
            site._hosts.append(self._cable_to(site, port, sock))
        return site

    def _process(self, site: Site, template: str, port: int, folder: Path) -> ProcessHost:
        values = {"python": sys.executable, "port": port, "workers": self.workers or 1}
        ready = None
        env = dict(self.env)
        app = ""
        if "{app}" in template:
            program = program_of(self.app)
            ready = folder / "ready"
            app = "asgilive._worker:app"
            env |= self._watching(program.target, program.folder, ready, site, folder)
            site.command = " ".join(
                servers.command(
                    template, self.options, app=program.target, **{**values, "python": "python"}
                )
            )
        words = servers.command(template, self.options, app=app, **values)
        site.command = site.command or " ".join(words)
        return ProcessHost(words, port, env=env, ready=ready, workers=self.workers or 1)

    def _watching(
        self, target: str, folder: str, ready: Path, site: Site, records: Path
    ) -> dict[str, str]:
        """What `asgilive._worker` reads from its environment."""
        here = str(Path(__file__).parent.parent)
        path = os.pathsep.join([folder, here, os.environ.get("PYTHONPATH", "")])
        env = {"ASGILIVE_PROGRAM": target, "ASGILIVE_READY": str(ready), "PYTHONPATH": path}
        if self.server in servers.WITHOUT_LIFESPAN or self.options.get("lifespan") == "off":
            env["ASGILIVE_LIFESPAN"] = "off"
        if site.conversation:
            env |= {"ASGILIVE_RECORD": str(records), "ASGILIVE_BEGAN": str(site.conversation.began)}
        return env

    def _cable_to(self, site: Site, port: int, sock: socket.socket) -> ThreadHost:
        """A relay in front, where the server has no transport to tap."""
        cable = Cable(f"http://127.0.0.1:{port}", conversation=site.conversation)
        return _thread(site, "asgilive relay", sock, cable.serve, site.conversation)


def _thread(
    site: Site,
    name: str,
    sock: socket.socket,
    serve: Callable[[socket.socket], Any],
    conversation: Conversation | None,
    **more: Any,
) -> ThreadHost:
    tap = conversation.tap if conversation else None
    return ThreadHost(f"{name} :{site.port}", sock, serve, tap=tap, **more)


def _check_app(app: Any, server: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError for what no server could call, with the likely reason."""
    if isinstance(app, str) or server == "wsgiref" or "interface" in options:
        return
    if not callable(app):
        raise TypeError(
            f"{app!r} is not an application: one is called as app(scope, receive, send)"
        )
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):  # built-ins do not tell
        return
    try:
        signature.bind({}, None, None)
    except TypeError:
        count = len(signature.parameters)
        hint = "; with two it may be a WSGI application: server='wsgiref'" if count == 2 else ""
        text = (
            f"{_name(app, server)}{signature} cannot be called as app(scope, receive, send){hint}"
        )
        raise TypeError(text) from None


def _imported(target: str) -> App:
    from asgilive._worker import load

    return load(target)


def _name(app: Any, server: Any) -> str:
    thing = server if app is None else app
    if isinstance(thing, str):
        return thing
    return getattr(thing, "__name__", type(thing).__name__)


def _today() -> str:
    return datetime.date.today().isoformat()


def _listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; unless it is named TCP, asyncio leaves Nagle's delay on."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform == "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise PortTaken(error.errno, _port_trouble(port, error)) from None
    return sock


def _port_trouble(port: int, error: OSError) -> str:
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed here: leave port out, or take one above 1023"
    return f"port {port} is taken by another program: leave port out, or stop that program"


def _free_port() -> int:
    with contextlib.closing(_listen(0)) as sock:
        port: int = sock.getsockname()[1]
        return port


# -- which sites run, and which cell started them


class _Sites:
    """The running sites, by the cell that started them: a cell run again replaces its own."""

    def __init__(self) -> None:
        self.running: dict[object, list[tuple[object, Site]]] = {}

    async def replace(self) -> None:
        """Stop what an earlier run of this cell started."""
        key, run = _cell()
        if key is None:
            return
        for earlier, site in list(self.running.get(key, [])):
            if earlier != run:
                await site.stop()

    def keep(self, site: Site) -> None:
        """Remember a site by the running cell."""
        key, run = _cell()
        site._key = key
        self.running.setdefault(key, []).append((run, site))

    def forget(self, site: Site) -> None:
        """A site that has stopped."""
        kept = [pair for pair in self.running.get(site._key, []) if pair[1] is not site]
        self.running[site._key] = kept
        if not kept:
            del self.running[site._key]

    def __iter__(self) -> Iterator[Site]:
        return iter([site for pairs in self.running.values() for _, site in pairs])


_SITES = _Sites()


def running() -> list[Site]:
    """The sites that run now."""
    return list(_SITES)


def _cell() -> tuple[object, object]:
    """The running cell, and this run of it; (None, None) outside a notebook.

    JupyterLab tells the cell's id; other front ends do not, and the cell's text stands in for it.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "get_parent"):
        return None, None
    parent = shell.get_parent()
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code")
    return cell, parent.get("header", {}).get("msg_id")


# -- the address for the reader's browser


def link(port: int) -> str:
    """Where the reader's browser finds a port of this kernel, tried in this order.

    ASGILIVE_LINK ("https://host/proxy/{port}/", the teacher's word); JupyterHub and Binder;
    Codespaces; code-server; else 127.0.0.1 itself.
    """
    env = os.environ
    if template := env.get("ASGILIVE_LINK"):
        return template.replace("{port}", str(port))
    if prefix := env.get("JUPYTERHUB_SERVICE_PREFIX"):
        return f"{prefix}proxy/{port}/"
    name, domain = env.get("CODESPACE_NAME"), env.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if name and domain:
        return f"https://{name}-{port}.{domain}/"
    if template := env.get("VSCODE_PROXY_URI"):
        return template.replace("{{port}}", str(port))
    return f"http://127.0.0.1:{port}/"
