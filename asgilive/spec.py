"""The ASGI specification as a table: 221 statements, each with a link to the section it is from.

`spec["H31"]` is one statement, `spec.rows("H20-H31 C16")` are several, `spec.key("http", "path")`
is the one that speaks about a key. The letters: C the core, H HTTP, W WebSocket, L lifespan,
T TLS, X extensions.

Rules: the sentences are the book's own, in `data/statements.csv`; no text of the specification is
copied. They were taken from the specification as of 2026-07-19 (core 3.0, HTTP and WebSocket 2.5,
lifespan 2.0, TLS 0.2). The module and the namespace `spec` are one object, so that
`from asgilive import spec` and `import asgilive.spec` cannot mean two things.
"""

from __future__ import annotations

import csv
import difflib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from asgilive import drawing, rules
from asgilive.recording import App

if TYPE_CHECKING:
    from asgilive.probes.grid import Grid
    from asgilive.probes.scenario import Scenario

_DATA = Path(__file__).parent / "data"
_SITE = "https://asgi.readthedocs.io/en/latest/"
_PAGES = {
    "main": "specs/main.html",
    "www": "specs/www.html",
    "lifespan": "specs/lifespan.html",
    "tls": "specs/tls.html",
    "extensions": "extensions.html",
}
_PARTS = {
    "C": "the core",
    "H": "HTTP",
    "W": "WebSocket",
    "L": "lifespan",
    "T": "TLS",
    "X": "extensions",
}
LEVELS = {"M": "must", "S": "should", "Y": "may", "D": "defined"}


class NoStatement(KeyError):
    """The table has no such statement; the text says what it has."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True, repr=False)
class Statement:
    """One statement of the specification.

    `level` is M (must), S (should), Y (may) or D (a definition or a default). `actor` is who has
    to keep it: server, app, both, adapter, middleware or harness. `since` is the version of its
    document that brought it; `url` is the section it comes from.
    """

    id: str
    level: str
    actor: str
    since: str
    text: str
    url: str

    def _figure(self) -> drawing.Figure:
        return drawing.statement(self.id, self.level, self.actor, self.since, self.text, self.url)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


class Rows(tuple[Statement, ...]):
    """Several statements, in the order asked for. They show as a table."""

    __slots__ = ()

    def _figure(self) -> drawing.Figure:
        rows = [(s.id, s.actor, LEVELS[s.level], s.text, s.since) for s in self]
        head = ("", "who", "level", "statement", "since")
        return drawing.table(head, rows, title=f"{len(self)} statements of the specification")

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


@cache
def _table() -> dict[str, Statement]:
    return {row["id"]: _statement(row) for row in _read("statements.csv")}


@cache
def _keys() -> dict[str, dict[str, str]]:
    """For every scope type and message type: key → id of the statement about it."""
    shapes = rules.shapes().items()
    return {type: {row["key"]: row["id"] for row in rows} for type, rows in shapes}


def _read(name: str) -> list[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _statement(row: dict[str, str]) -> Statement:
    page, anchor = row["section"].split("#")
    url = f"{_SITE}{_PAGES[page]}#{anchor}"
    return Statement(row["id"], row["level"], row["actor"], row["since"], row["statement"], url)


class Spec(ModuleType):
    """The table itself; see the module's first lines."""

    def __getitem__(self, id: str) -> Statement:
        """The statement with this id. Raises NoStatement where there is none."""
        if found := _table().get(str(id).strip().upper()):
            return found
        raise NoStatement(f"there is no statement {id}: {_offer()}")

    def __iter__(self) -> Iterator[Statement]:
        return iter(_table().values())

    def __len__(self) -> int:
        return len(_table())

    def __contains__(self, id: object) -> bool:
        return id in _table()

    def rows(self, ids: str) -> Rows:
        """The statements named, as in "H20-H31 C16"; one letter stands for its whole part.

        Raises NoStatement for an id, a range or a letter that the table does not have.
        """
        return Rows(s for word in ids.replace(",", " ").split() for s in self._range(word))

    def key(self, type: str, key: str) -> Statement:
        """The statement about `key` in a scope or message of this `type`.

        `spec.key("http", "raw_path")`, `spec.key("http.response.start", "status")`. Raises
        NoStatement where the specification has no such type or key.
        """
        found = _keys().get(type)
        if found is None:
            raise NoStatement(f"the specification has no type {type!r}{_near(type, _keys())}")
        if key not in found:
            raise NoStatement(f"{type} has no key {key!r}: it has {', '.join(found)}")
        return self[found[key]]

    def links(self, of: Mapping[str, Any] | str) -> dict[str, tuple[str, str, str]]:
        """For every key of a scope or message: id, link and text of the statement about it.

        `of` is the scope or message, or its type. An unknown type has no links.
        """
        type = of if isinstance(of, str) else str(of.get("type"))
        found = {key: self[id] for key, id in _keys().get(type, {}).items()}
        return {key: (s.id, s.url, s.text) for key, s in found.items()}

    def lint(self, app: App) -> rules.Lint:
        """`app`, watched: what the specification forbids raises in its face.

        `.findings` keeps every breach, also of what a server is only to ignore. Taught in
        chapter 4.
        """
        return rules.Lint(app)

    def machine(self, protocol: str) -> drawing.Figure:
        """What an application may send and when: the table that `lint` walks, drawn.

        `protocol` is "http", "websocket" or "lifespan". Raises ValueError for another. Taught in
        chapter 4.
        """
        return rules.machine(protocol)

    async def survey(
        self,
        servers: Sequence[Any],
        rows: str = "all",
        probes: Iterable[Scenario] | None = None,
    ) -> Grid:
        """What some servers make of some statements, by live experiment: a grid of verdicts.

        `servers` are names ("uvicorn", "hypercorn", "daphne", "granian", "gunicorn"), command
        lines with {app} and {port}, or servers of your own; `rows` is as in `rows`, or "all":
        what binds servers. `probes` are asked in place of the book's. Taught in chapter 13.
        """
        from asgilive.probes.survey import survey

        return await survey(servers, rows, probes)

    def probe(self, *ids: str, **about: Any) -> Callable[[App], Scenario]:
        """Make an experiment of an application; its `.judge` decides these statements.

        Raises NoStatement for an id that the table does not have. Taught in chapter 13.
        """
        from asgilive.probes.scenario import own

        return own([self[id].id for id in ids], **about)

    def _range(self, word: str) -> list[Statement]:
        if word.upper() in _PARTS:
            return [s for s in self if s.id[0] == word.upper()]
        first, _, last = word.partition("-")
        ids = list(_table())
        begin, end = ids.index(self[first].id), ids.index(self[last or first].id)
        if begin > end:
            raise NoStatement(f"{word} is empty: {last} comes before {first}")
        return [self[id] for id in ids[begin : end + 1]]

    def _figure(self) -> drawing.Figure:
        rows = [_part(letter, list(self.rows(letter))) for letter in _PARTS]
        title = f"The ASGI specification in {len(self)} statements"
        head = ("", "part", "ids", "must", "should", "may", "defined")
        return drawing.table(head, rows, title=title, caption='spec["H31"] shows one of them.')

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())

    def __dir__(self) -> list[str]:
        return ["key", "links", "lint", "machine", "probe", "rows", "survey"]


def _part(letter: str, statements: list[Statement]) -> tuple[str, ...]:
    counts = [str(sum(s.level == level for s in statements)) for level in LEVELS]
    return (letter, _PARTS[letter], f"{statements[0].id} to {statements[-1].id}", *counts)


def _offer() -> str:
    last = {id[0]: id for id in _table()}
    return ", ".join(f"{part} is {letter}01 to {last[letter]}" for letter, part in _PARTS.items())


def _near(word: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, known, n=2)
    return f": did you mean {' or '.join(near)}?" if near else f": it has {', '.join(known)}"


spec = cast(Spec, sys.modules[__name__])
spec.__class__ = Spec
