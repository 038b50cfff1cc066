"""Start a server on 127.0.0.1, know it while it runs, and leave nothing behind.

Rules: nothing listens on another address; a cell that runs again replaces what it started; what
a server would print is in `log`; a site that could not start raises and leaves no port, thread or
process. `url` is for code in the notebook, `link` for the reader's browser.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgilive import application, drawing, hosting, servers
from asgilive.application import Lifespan, name_of
from asgilive.cable import Cable
from asgilive.clients import Later
from asgilive.hosting import NOT_ASKED, UNSEEN, StartupFailed, StartupTimeout, StillRunning
from asgilive.journal import Journals
from asgilive.program import NotAProgram, Program, program_of, shell
from asgilive.recording import App, Conversation
from asgilive.servers import NotInstalled, Server

__all__ = [
    "NotAProgram",
    "NotInstalled",
    "PortTaken",
    "Serving",
    "Site",
    "StartupFailed",
    "StartupTimeout",
    "StillRunning",
    "relay",
    "serve",
]


class PortTaken(OSError):
    """The port that was asked for is not free."""


class Site:
    """A running server: its addresses, its recording, its end. It shows as a card."""

    def __init__(self, name: str, about: str, port: int, record: bool) -> None:
        self.name = name
        self.about = about
        self.port = port
        self.conversation: Conversation | None = None
        if record:
            today = datetime.date.today().isoformat()
            self.conversation = Conversation({"server": about, "date": today})
        self.command: str | None = None
        self._hosts: list[hosting.ThreadHost | hosting.ProcessHost] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

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
        return self._hosts[0].lifespan

    @property
    def pid(self) -> int:
        """Of the server's process; this process where the server is a thread."""
        return self._hosts[0].pid

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
        return all(host.running for host in self._hosts)

    async def stop(self, *, within: float = 3.0) -> None:
        """Stop the server, gracefully at first; again is harmless.

        After `within` seconds the last resort is used, and `log` says so. Raises RuntimeError
        when called inside the application, StillRunning where nothing helps: a call into C.
        """
        if any(host.inside for host in self._hosts):
            raise RuntimeError(
                "stop was called inside the application that it would stop, which then waits for"
                " itself: call it from a cell or another program"
            )
        try:
            for host in reversed(self._hosts):
                await host.stop(within)
        finally:
            self._finish()

    async def _start(self) -> None:
        try:
            for host in self._hosts:
                await host.start()
        except Exception:
            with contextlib.suppress(StillRunning):
                await self.stop(within=1.0)
            raise
        except BaseException:  # the cell was interrupted: there is no time to wait
            for host in self._hosts:
                host.abandon()
            self._finish()
            raise
        _SITES.keep(self)

    def _finish(self) -> None:
        _SITES.forget(self)
        if self._folder is not None:
            if self.conversation is not None:
                self.conversation.bring()
            self._folder.cleanup()

    def show(self, path: str = "/") -> drawing.Figure:
        """The card, with a frame in which the reader's browser shows this path of the site.

        The frame comes where the site answers; a recorded card has none. Taught in chapter 8.
        """
        return self._card(path)

    def _card(self, preview: str | None = None) -> drawing.Figure:
        up = self.running
        facts = [("at" if up else "was at", self.url), ("server", self.about)]
        facts += [("process", self._hosts[0].owner), ("lifespan", self.lifespan)]
        if self.conversation is None:
            facts.append(("recorded", "no: serve(…, record=True)"))
        return drawing.card(
            self.name,
            "running" if up else "stopped",
            facts,
            link=self.link if up else None,
            preview=preview,
            log=self.log,
        )

    def _repr_html_(self) -> str:
        return self._card()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._card())


Serving = Later[Site]


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
    wanted = _Wanted(app, server, record, workers, command, port, env, options)
    wanted.check()
    words = "not started: write `site = await serve(app)`"
    return Later(wanted.start, Site.stop, words)


def relay(
    target: Site | str,
    *,
    delay: float = 0.0,
    rate: float | None = None,
    cut: int | None = None,
    record: bool = False,
) -> Later[RelaySite]:
    """A cable with faults in front of a server: `link = await relay(site, delay=0.1)`.

    `delay` is in seconds each way, `rate` in bytes a second each way, `cut` drops each connection
    after so many bytes from the target. All three can be changed while it runs. `record` keeps
    the bytes. Taught in chapter 8.
    """
    cable = Cable(target, delay=delay, rate=rate, cut=cut)
    words = "not started: write `link = await relay(site)`"
    return Later(lambda: _start_relay(cable, record), Site.stop, words)


class RelaySite(Site):
    """A running relay; its faults can be changed while it runs."""

    cable: Cable

    delay = property(lambda self: self.cable.delay, lambda self, x: setattr(self.cable, "delay", x))
    rate = property(lambda self: self.cable.rate, lambda self, x: setattr(self.cable, "rate", x))
    cut = property(lambda self: self.cable.cut, lambda self, x: setattr(self.cable, "cut", x))


async def _start_relay(cable: Cable, record: bool) -> RelaySite:
    await _SITES.replace()
    sock = _listen(0)
    where = f"a cable to {cable.host}:{cable.port}"
    site = RelaySite("relay", where, sock.getsockname()[1], record)
    site.cable = cable
    site._hosts = [_thread(site, "relay", sock, cable.serve)]
    await site._start()
    return site


@dataclass
class _Wanted:
    """What `serve` was asked for, until it is started."""

    app: App | str | None
    server: str | Server
    record: bool
    workers: int | None
    command: str | None
    port: int
    env: Mapping[str, str] | None
    options: dict[str, Any]

    @property
    def as_process(self) -> bool:
        """Whether this is a program of its own."""
        in_thread = self.server in servers.IN_THREAD or not isinstance(self.server, str)
        return self.workers is not None or self.command is not None or not in_thread

    def check(self) -> None:
        """Say at once what cannot work."""
        if self.env is not None and not self.as_process:
            raise ValueError("env is what a process is given: this server is a thread; add workers")
        if self.command is not None:
            self._check_command(self.command)
            return
        if isinstance(self.server, str):
            servers.find(self.server)
            if self._speaks_asgi and not isinstance(self.app, str):
                application.check(self.app)
        if self.as_process:
            servers.check_workers(self.server, self.workers)

    def _check_command(self, command: str) -> None:
        if ("{app}" in command) != (self.app is not None):
            wrong = "has an {app}" if self.app is None else "has no {app} for it"
            given = "none was given" if self.app is None else name_of(self.app)
            raise ValueError(f"the application: {given}, and the command {wrong}: {command}")

    @property
    def _speaks_asgi(self) -> bool:
        interface = self.options.get("interface", "auto")
        return self.server != "wsgiref" and interface in ("auto", "asgi", "asgi3")

    async def start(self) -> Site:
        """Replace what this cell started before, and start."""
        await _SITES.replace()
        site = self._as_process() if self.as_process else self._as_thread()
        await site._start()
        return site

    def _site(self, about: str, port: int) -> Site:
        name = name_of(self.server if self.app is None else self.app)
        return Site(name, about, port, self.record)

    def _about(self) -> str:
        if isinstance(self.server, str):
            return servers.label(self.server, self.options)
        return name_of(self.server)

    # in a thread

    def _as_thread(self) -> Site:
        app: Any = application.load(self.app) if isinstance(self.app, str) else self.app
        sock = _listen(self.port)
        site = self._site(self._about(), sock.getsockname()[1])
        lifespan = None
        if app is not None and self._speaks_asgi:
            state = "off" if self.options.get("lifespan") == "off" else NOT_ASKED
            app = lifespan = Lifespan(app, state)
            app = site.conversation.wrap(app) if site.conversation else app
        server = servers.IN_THREAD[self.server] if isinstance(self.server, str) else self.server
        serve = servers.bound(server, app, self.options)
        if self.server in servers.WITHOUT_TRANSPORT:
            site._hosts = self._seen_from_outside(site, sock, serve)
        else:
            unseen = None if isinstance(self.server, str) else UNSEEN
            more = {"unseen": unseen, "lifespan": lifespan}
            site._hosts = [_thread(site, f"asgilive {site.name}", sock, serve, **more)]
        return site

    def _seen_from_outside(
        self, site: Site, sock: socket.socket, serve: Callable[[socket.socket], Any]
    ) -> list[hosting.ThreadHost | hosting.ProcessHost]:
        """A server that opens no asyncio server; its wire is recorded by a cable in front."""
        name = f"asgilive {site.name}"
        if not self.record:
            return [hosting.ThreadHost(name, sock, serve, unseen=0.0)]
        inner = _listen(0)
        cable = _cable_to(site, inner.getsockname()[1], sock)
        return [hosting.ThreadHost(name, inner, serve, unseen=0.0), cable]

    # in a process

    def _as_process(self) -> Site:
        template = self.command or servers.COMMANDS[str(self.server)]
        about = Path(template.split()[0].strip("{}")).name if self.command else self._about()
        with contextlib.ExitStack() as undo:
            folder = tempfile.TemporaryDirectory(prefix="asgilive-", ignore_cleanup_errors=True)
            undo.callback(folder.cleanup)
            program = program_of(self.app, Path(folder.name)) if "{app}" in template else None
            sock = _listen(self.port)
            undo.callback(sock.close)
            site = self._site(about, sock.getsockname()[1])
            site._folder = folder
            port = _free_port() if self.record else site.port
            site._hosts = [self._process(site, template, port, program, Path(folder.name))]
            undo.pop_all()
        if site.conversation:
            site.conversation.sources.append(Journals(Path(folder.name)).bring)
            site._hosts.append(_cable_to(site, port, sock))
        else:
            sock.close()
        return site

    def _process(
        self, site: Site, template: str, port: int, program: Program | None, folder: Path
    ) -> hosting.ProcessHost:
        values = {"port": port, "workers": self.workers or 1}
        shown = program.target if program else ""
        told = servers.command(template, self.options, app=shown, python="python", **values)
        site.command = " ".join(told)
        words = servers.command(
            template, self.options, app="asgilive._worker:app", python=sys.executable, **values
        )
        env = dict(self.env or {})
        asked = self.server not in servers.WITHOUT_LIFESPAN
        if program:
            env |= self._for_worker(site, program, folder)
        workers = (self.workers or 1) if program else 0
        return hosting.ProcessHost(
            words, port, env=env, folder=folder, workers=workers, asked=asked
        )

    def _for_worker(self, site: Site, program: Program, folder: Path) -> dict[str, str]:
        """What `asgilive._worker` reads from its environment."""
        here = str(Path(__file__).parent.parent)
        path = os.pathsep.join([program.folder, here, os.environ.get("PYTHONPATH", "")])
        began = {"ASGILIVE_BEGAN": str(site.conversation.began)} if site.conversation else {}
        return began | {
            "PYTHONPATH": path,
            "ASGILIVE_PROGRAM": program.target,
            "ASGILIVE_FOLDER": str(folder),
            "ASGILIVE_LIFESPAN": "off" if self.options.get("lifespan") == "off" else NOT_ASKED,
            "ASGILIVE_PARENT": str(os.getpid()),
        }


def _cable_to(site: Site, port: int, sock: socket.socket) -> hosting.ThreadHost:
    """A relay in front, where the server has no transport to tap."""
    cable = Cable(f"http://127.0.0.1:{port}", conversation=site.conversation)
    return _thread(site, "asgilive relay", sock, cable.serve)


def _thread(
    site: Site, name: str, sock: socket.socket, serve: Callable[[socket.socket], Any], **more: Any
) -> hosting.ThreadHost:
    tap = site.conversation.tap if site.conversation else None
    return hosting.ThreadHost(f"{name} :{site.port}", sock, serve, tap=tap, **more)


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
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise PortTaken(error.errno, _port_trouble(port, error)) from None
        raise
    return sock


def _port_trouble(port: int, error: OSError) -> str:
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed here: leave port out, or take one above 1023"
    if any(site.port == port for site in running()):
        return f"port {port} is taken by a site of this notebook: leave port out, or stop that one"
    return f"port {port} is taken by another program: leave port out, or stop that program"


def _free_port() -> int:
    with contextlib.closing(_listen(0)) as sock:
        port: int = sock.getsockname()[1]
        return port


# -- which sites run, and which cell started them


class _Sites:
    """The running sites, and the run of a cell that started each."""

    def __init__(self) -> None:
        self.running: dict[Site, tuple[object, object]] = {}

    async def replace(self) -> None:
        """Stop what an earlier run of this cell started."""
        cell, run = _cell()
        for site, (other, earlier) in list(self.running.items()):
            if cell is not None and cell == other and run != earlier:
                with contextlib.suppress(StillRunning):  # nothing helps, and the cell must go on
                    await site.stop()

    def keep(self, site: Site) -> None:
        """Remember a site by the running cell."""
        self.running[site] = _cell()

    def forget(self, site: Site) -> None:
        """A site that has stopped."""
        self.running.pop(site, None)


_SITES = _Sites()


def running() -> list[Site]:
    """The sites that run now."""
    return list(_SITES.running)


def _cell() -> tuple[object, object]:
    """The running cell, and this run of it; (None, None) outside a notebook.

    JupyterLab tells the cell's id; other front ends do not, and the cell's text stands in for it.
    """
    parent: dict[str, Any] = getattr(shell(), "get_parent", dict)()
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
        return template.replace("{{port}}", "{port}").replace("{port}", str(port))
    return f"http://127.0.0.1:{port}/"
