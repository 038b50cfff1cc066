"""The servers that are probed, and how each is told what a probe needs.

A column is a server with its options: a command line with {app} and {port}, or the reader's own
`async def server(app, sock)`. What a command cannot be told, it is not asked: the statements that
need it are not applicable there.
"""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from asgilive import servers
from asgilive.servers import Server

_TLS = {  # {cert} and {key} are PEM files, {bundle} has both; the key is PKCS #8
    "uvicorn": "--ssl-certfile {cert} --ssl-keyfile {key}",
    "hypercorn": "--certfile {cert} --keyfile {key}",
    "granian": "--ssl-certificate {cert} --ssl-keyfile {key}",
    "gunicorn": "--certfile {cert} --keyfile {key} --http-protocols h2,h1",
}
_ROOT = {
    "uvicorn": "--root-path /api",
    "hypercorn": "--root-path /api",
    "daphne": "--root-path /api",
    "gunicorn": "--root-path /api",
    "granian": "--url-path-prefix /api",
}
_PING = {
    "uvicorn": "--ws-ping-interval 1",
    "hypercorn": "--websocket-ping-interval 1",
    "daphne": "--ping-interval 1",
}


@dataclass(frozen=True)
class Column:
    """A server as the survey starts it.

    `command` has {app} and {port}; `more` are the options for TLS ("tls"), for a root path of /api
    ("root"), for two workers ("workers") and for a ping every second ("ping"): each a piece of
    command line or a whole one. `own` is a server of this process instead.
    """

    name: str
    command: str = ""
    packages: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    own: Server | None = None
    missing: str = ""  # why it cannot be started at all

    def words(self, place: str, **values: object) -> list[str] | None:
        """The command line for a place, filled in; None where this server has no such place."""
        if place in ("plain", "life"):
            return servers.command(self.command, {}, **values)
        extra = self.more.get(place)
        if extra is None:
            return None
        whole = extra if "{app}" in extra else f"{self.command} {extra}"
        return servers.command(whole, {}, **values)

    def in_thread(self) -> Column:
        """The same server in a thread of this process, which sees what a notebook defines.

        Raises ValueError where there is no such form.
        """
        name = self.packages[0] if self.packages else ""
        if self.own is not None or self.missing:
            return self
        if name not in servers.IN_THREAD:
            raise ValueError(
                f"{self.name} runs in a process of its own, which does not see a probe of this"
                " notebook, and the page has none: take uvicorn, hypercorn or a server of your own"
            )
        parser = {"http": self.packages[1]} if self.packages[1:] else {}
        return replace(self, own=partial(servers.IN_THREAD[name], **parser))

    @property
    def versions(self) -> dict[str, str]:
        """The packages at work and their versions."""
        if self.missing:
            return {}
        return {name: importlib.metadata.version(name) for name in self.packages}

    @property
    def title(self) -> tuple[str, str]:
        """The name, and what tells it from others of that name: its version, and its parser's."""
        if not self.versions:
            return self.name, ""
        first, *more = self.packages
        return first, " ".join([self.versions[first], *more])


def _known() -> dict[str, Column]:
    plain = {
        name: text.replace(" --workers {workers}", "") for name, text in servers.COMMANDS.items()
    }
    found = {}
    for name, command in plain.items():
        more = {"workers": "--workers 2"} if "{workers}" in servers.COMMANDS[name] else {}
        more |= {"root": _ROOT[name]}
        if name in _TLS:
            more["tls"] = _TLS[name]
        if name in _PING:
            more["ping"] = _PING[name]
        if name == "daphne":
            more["tls"] = (
                "{python} -m daphne -e ssl:{port}:privateKey={key}:certKey={cert}"
                ":interface=127.0.0.1 {app}"
            )
        found[name] = Column(name, command, (name,), more)
    h11 = found.pop("uvicorn")
    for parser in ("h11", "httptools"):
        name = f"uvicorn-{parser}"
        command = f"{h11.command} --loop asyncio --http {parser}".replace(" --no-access-log", "")
        found[name] = Column(name, command, ("uvicorn", parser), h11.more)
    names = ["uvicorn-h11", "uvicorn-httptools", "hypercorn", "daphne", "granian", "gunicorn"]
    return {name: found[name] for name in names}


KNOWN = _known()


def here(server: str | Server | Column) -> Column:
    """The column of a server; where its package is missing, one that says so."""
    try:
        return column(server)
    except servers.NotInstalled as error:
        return Column(str(server), missing=str(error))


def column(server: str | Server | Column) -> Column:
    """The column of a server: a name of the book, a command line, or a server of one's own.

    Raises ValueError for another name, NotInstalled where a package is missing.
    """
    if isinstance(server, Column):
        return server
    if not isinstance(server, str):
        return Column(getattr(server, "__name__", "own"), own=server)
    if "{app}" in server and "{port}" in server:
        return Column(_called(shlex.split(server)), server)
    name = "uvicorn-h11" if server == "uvicorn" else server
    if name not in KNOWN:
        raise ValueError(
            f"no server is called {server!r}: there are {', '.join(KNOWN)}, a command line with"
            " {app} and {port}, and any `async def server(app, sock)`"
        )
    servers.find(KNOWN[name].packages[0])
    return replace(KNOWN[name], name=server)


def _called(words: list[str]) -> str:
    """The name of a command: its program, or the module that Python is told to run."""
    module = words[2:3] if words[1:2] == ["-m"] else []
    return module[0] if module else Path(words[0]).name
