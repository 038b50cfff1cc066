"""What an application may send, and when: a table for each protocol, and what walks along it.

`spec.lint(app)` walks the table and raises in the face of an application that leaves it;
`spec.machine("http")` draws the same table. Neither knows a rule that the other does not.

Rules kept here: a table holds what an application may do; what no row allows is forbidden. An
exception names the statement that forbids it. What a server is to ignore, and what no statement
speaks of, is noted and not raised; once the client has gone, nothing is owed. Messages pass on as
they are, but for headers that can be read only once: those become a list. Inside the messages of
extensions only status and headers are looked at.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from asgilive import drawing
from asgilive.recording import App, Message, Receive, Scope, Send

_KEYS = Path(__file__).parent / "data" / "keys.csv"


class Step(NamedTuple):
    """A row: in `state`, this message (where `when` is so) leads to the state `to`."""

    state: str
    way: str  # send or receive
    type: str
    when: tuple[str, bool] | None
    to: str
    rule: str  # the statement behind it


def _steps(rows: str) -> tuple[Step, ...]:
    """The rows of a table written as text: state, way, type, condition or -, next state, rule."""
    return tuple(_step(*line.split()) for line in rows.strip().splitlines())


def _step(state: str, way: str, type: str, when: str, to: str, rule: str) -> Step:
    key, _, value = when.partition("=")
    return Step(state, way, type, (key, value == "True") if value else None, to, rule)


TABLES: Mapping[str, tuple[Step, ...]] = {
    "http": _steps(
        """
        called    send http.response.debug        -                   called    X43
        called    send http.response.start        trailers=False      started   H35
        called    send http.response.start        trailers=True       promised  X34
        started   send http.response.body         more_body=True      streaming H48
        started   send http.response.body         more_body=False     complete  H48
        started   send http.response.zerocopysend more_body=True      streaming X14
        started   send http.response.zerocopysend more_body=False     complete  X20
        started   send http.response.pathsend     -                   complete  X23
        started   send http.response.early_hint   -                   started   X29
        started   send http.response.push         -                   started   X07
        streaming send http.response.body         more_body=True      streaming H48
        streaming send http.response.body         more_body=False     complete  H48
        streaming send http.response.zerocopysend more_body=True      streaming X15
        streaming send http.response.zerocopysend more_body=False     complete  X20
        streaming send http.response.early_hint   -                   streaming X29
        streaming send http.response.push         -                   streaming X07
        promised  send http.response.body         more_body=True      promised  H48
        promised  send http.response.body         more_body=False     trailers  X35
        promised  send http.response.zerocopysend more_body=True      promised  X14
        promised  send http.response.zerocopysend more_body=False     trailers  X20
        promised  send http.response.pathsend     -                   trailers  X23
        promised  send http.response.early_hint   -                   promised  X29
        promised  send http.response.push         -                   promised  X07
        trailers  send http.response.trailers     more_trailers=True  trailers  X39
        trailers  send http.response.trailers     more_trailers=False complete  X39
        """
    ),
    "websocket": _steps(
        """
        connecting receive websocket.connect             -               connecting W18
        connecting send    websocket.accept              -               open       W19
        connecting send    websocket.close               -               closed     W34
        connecting receive websocket.disconnect          -               closed     W29
        connecting send    websocket.http.response.start -               refusing   X02
        refusing   send    websocket.http.response.body  more_body=True  refusing   X05
        refusing   send    websocket.http.response.body  more_body=False closed     X04
        open       send    websocket.send                -               open       W27
        open       receive websocket.receive             -               open       W03
        open       send    websocket.close               -               closed     W35
        open       receive websocket.disconnect          -               closed     W29
        """
    ),
    "lifespan": _steps(
        """
        new      receive lifespan.startup           - starting L10
        starting send    lifespan.startup.complete  - running  L11
        starting send    lifespan.startup.failed    - failed   L12
        running  receive lifespan.shutdown          - stopping L14
        stopping send    lifespan.shutdown.complete - stopped  L15
        stopping send    lifespan.shutdown.failed   - stopped  L16
        """
    ),
}

# Where a call may not end: the statement that says so ("" where none does), and what is missing.
UNFINISHED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("http", "called"): ("", "the app sent nothing: most servers then answer 500"),
    ("http", "started"): ("H35", "the response was not complete: http.response.body is missing"),
    ("http", "streaming"): ("H48", "the response was not complete: more_body was the last word"),
    ("http", "promised"): ("H35", "the response was not complete: http.response.body is missing"),
    ("http", "trailers"): ("X35", "the promised http.response.trailers is missing"),
    ("websocket", "connecting"): ("W19", "the app neither accepted nor closed"),
    ("websocket", "refusing"): ("X05", "the refusal was not complete"),
    ("lifespan", "starting"): ("L11", "the app answered lifespan.startup with nothing"),
    ("lifespan", "stopping"): ("L15", "the app answered lifespan.shutdown with nothing"),
}

# What a server is to ignore: messages after the last state.
IGNORED: Mapping[tuple[str, str], str] = {
    ("http", "complete"): "H49",
    ("websocket", "closed"): "C23",
}

# Which statement keeps a message out of a state; where none is named, it is the message's own.
KEPT_OUT: Mapping[tuple[str, str], str] = {
    ("called", "http.response.body"): "H35",
    ("streaming", "http.response.pathsend"): "X24",
    ("started", "http.response.trailers"): "X34",
    ("streaming", "http.response.trailers"): "X34",
    ("promised", "http.response.trailers"): "X35",
    ("trailers", "http.response.body"): "X35",
    ("connecting", "websocket.send"): "W19",
    ("refusing", "websocket.send"): "X03",
    ("refusing", "websocket.accept"): "X03",
    ("refusing", "websocket.close"): "X03",
}

# Messages that a server must offer in scope["extensions"], under which name, by which statement.
EXTENSIONS: Mapping[str, tuple[str, str]] = {
    "http.response.trailers": ("http.response.trailers", "X33"),
    "http.response.zerocopysend": ("http.response.zerocopysend", "X13"),
    "http.response.pathsend": ("http.response.pathsend", "X22"),
    "http.response.early_hint": ("http.response.early_hint", "X28"),
    "http.response.push": ("http.response.push", "X06"),
    "http.response.debug": ("http.response.debug", "X42"),
    "websocket.http.response.start": ("websocket.http.response", "X01"),
    "websocket.http.response.body": ("websocket.http.response", "X01"),
}

# Keys that a version of HTTP and WebSocket brought; an older server does not know them.
NEWER: Mapping[tuple[str, str], tuple[int, int]] = {
    ("websocket.accept", "headers"): (2, 1),
    ("websocket.close", "reason"): (2, 3),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach: the statement (its id, "" where there is none), what happened, the message."""

    rule: str
    text: str
    message: Any = None

    def __str__(self) -> str:
        return f"{self.text} ({self.rule})" if self.rule else self.text


class Forbidden(Exception):
    """The application did what the specification does not allow; `finding` has the statement."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass
class Lint:
    """An application around an application: it lets through what the tables allow.

    `findings` are the breaches so far, of all calls.
    """

    app: App
    findings: list[Finding] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call of the application. Raises Forbidden in it, or when it ends too early."""
        walk = Walk(scope)

        async def received() -> Message:
            message = await receive()
            walk.step("receive", message)
            return message

        async def sent(message: Message) -> None:
            message = _readable_again(message)
            self._note(walk.fault(message))
            walk.step("send", message)  # before it is taken: two tasks may send
            try:
                await send(message)
            except OSError:  # the server's way to say that the client has gone (H51)
                walk.gone = True
                raise

        await self.app(scope, received, sent)
        self._note(walk.end())

    def _note(self, finding: Finding | None) -> None:
        if finding is None:
            return
        self.findings.append(finding)
        if finding.rule and finding.rule not in IGNORED.values():
            raise Forbidden(finding)

    def _figure(self) -> drawing.Figure:
        rows = [(found.rule, found.text) for found in self.findings]
        title = f"{len(rows)} findings" if len(rows) != 1 else "1 finding"
        return drawing.table(("rule", "what happened"), rows, title=title)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


class Walk:
    """One call of an application on its way through the table of its protocol."""

    def __init__(self, scope: Scope) -> None:
        self.protocol = str(scope.get("type"))
        self.offered = scope.get("extensions") or {}
        self.version = str((scope.get("asgi") or {}).get("spec_version", "2.0"))
        self.table = TABLES.get(self.protocol, ())
        self.state = self.table[0].state if self.table else ""
        self.gone = False

    def step(self, way: str, message: Message) -> None:
        """Go where the message leads; one that leads nowhere changes nothing."""
        self.gone = self.gone or str(message.get("type")).endswith(".disconnect")
        for row in self._rows(way, message):
            self.state = row.to

    def fault(self, message: Any) -> Finding | None:
        """Why the application may not send this now, or None."""
        if not self.table:
            return None
        return next((Finding(*found, message) for found in self._faults(message)), None)

    def end(self) -> Finding | None:
        """Why the call may not end here, or None."""
        at = (self.protocol, self.state)
        if at not in UNFINISHED or self.gone:
            return None
        rule, missing = UNFINISHED[at]
        return Finding(rule, f"the call ended and {missing}")

    def _rows(self, way: str, message: Message) -> Iterator[Step]:
        for row in self.table:
            fits = row.when is None or bool(message.get(row.when[0])) == row.when[1]
            if fits and (row.state, row.way, row.type) == (self.state, way, message.get("type")):
                yield row

    def _faults(self, message: Any) -> Iterator[tuple[str, str]]:
        own = {row.type for row in self.table if row.way == "send"}
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            yield "C08", f'a message is a dict with a str under "type", not {message!r:.60}'
        elif rule := IGNORED.get((self.protocol, self.state), "") if not self.gone else "":
            yield rule, f"{message['type']} came after the end, and a server is to ignore it"
        elif message["type"] not in own:
            near = _near(message["type"], own)
            yield "C16", f"{message['type']!r} is nothing that an app sends here{near}"
        else:
            yield from self._not_now(message["type"], message)
            yield from faults_inside(message)
            yield from self._too_new(message)

    def _too_new(self, message: Message) -> Iterator[tuple[str, str]]:
        """Keys that came after the version that this server speaks."""
        known = tuple(int(digits) for digits in re.findall(r"\d+", self.version))
        for (type, key), version in NEWER.items():
            if message["type"] == type and message.get(key) and known < version:
                since = ".".join(map(str, version))
                yield "W39", f"{key} of {type} is of {since}, and this server speaks {self.version}"

    def _not_now(self, type: str, message: Message) -> Iterator[tuple[str, str]]:
        name, rule = EXTENSIONS.get(type, ("", ""))
        if name and name not in self.offered:
            yield rule, f'{type} needs {name} in scope["extensions"], and this server has none'
        if not self.gone and not any(True for _ in self._rows("send", message)):
            yield self._moment(type)

    def _moment(self, type: str) -> tuple[str, str]:
        """A message that is allowed, and not now."""
        onward = [row for row in self.table if row.state == self.state and row.way == "send"]
        usual = next(row.rule for row in self.table if row.type == type)
        then = " or ".join(dict.fromkeys(row.type for row in _plain(onward))) or "nothing"
        text = f"{type} in the state {self.state!r}, where the app sends {then}"
        return KEPT_OUT.get((self.state, type), usual), text


def _plain(rows: Iterable[Step]) -> list[Step]:
    """Rows without those of extensions, unless there are no others."""
    rows = list(rows)
    return [row for row in rows if row.type not in EXTENSIONS] or rows


def _readable_again(message: Any) -> Any:
    """A message whose headers can be read more than once."""
    headers = message.get("headers") if isinstance(message, dict) else None
    if isinstance(headers, Iterator):
        return {**message, "headers": [tuple(pair) for pair in headers]}
    return message


# ---- inside a message -----------------------------------------------------------------------

_KINDS: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "bool": (bool,),
    "bytes": (bytes,),
    "str": (str,),
    "str or None": (str, type(None)),
    "bytes or None": (bytes, type(None)),
}


@cache
def shapes() -> dict[str, list[dict[str, str]]]:
    """For every message type: its keys, each with statement, kind and whether it is required."""
    shapes: dict[str, list[dict[str, str]]] = {}
    with _KEYS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shapes.setdefault(row["type"], []).append(row)
    return shapes


def faults_inside(message: Message) -> Iterator[tuple[str, str]]:
    """What is wrong with the keys of a message: the statement and a sentence for each."""
    type = message["type"]
    for row in shapes().get(type, []):
        key, kind, rule = row["key"], row["kind"], row["id"]
        if key not in message:
            if row["required"]:
                yield rule, f"{type} has no {key}"
        elif kind == "headers":
            yield from _faults_in_headers(type, message[key], rule)
        elif kind in _KINDS and not _is(message[key], kind):
            yield rule, f"{key} of {type} is {kind}, not {message[key]!r:.40}"
    if type == "websocket.send" and _filled(message) != 1:
        yield "W27", f"websocket.send has {_filled(message) or 'none'} of text and bytes, not one"


def _is(value: Any, kind: str) -> bool:
    """Whether a value is of a kind; True and False are ints to Python, and none here."""
    return isinstance(value, _KINDS[kind]) and not (kind == "int" and isinstance(value, bool))


def _filled(message: Message) -> int:
    return sum(message.get(key) is not None for key in ("text", "bytes"))


# By message, which statement wants names in lower case, and which forbids pseudo-headers.
_NAMES: Mapping[str, tuple[str, str]] = {
    "http.response.start": ("H42", "H44"),
    "http.response.trailers": ("X38", "X38"),
    "http.response.push": ("X09", "X09"),
    "websocket.accept": ("W23", "W25"),
    "websocket.http.response.start": ("H42", "H44"),
}


def _faults_in_headers(type: str, headers: Any, rule: str) -> Iterator[tuple[str, str]]:
    try:
        pairs = [(name, value) for name, value in headers]
    except (TypeError, ValueError):
        yield rule, f"headers of {type} are pairs of bytes, not {headers!r:.40}"
    else:
        for name, value in pairs:
            yield from _faults_in_header(type, name, value, rule)


def _faults_in_header(type: str, name: Any, value: Any, rule: str) -> Iterator[tuple[str, str]]:
    lower, pseudo = _NAMES[type]
    if not (isinstance(name, bytes) and isinstance(value, bytes)):
        yield rule, f"a header of {type} is a pair of bytes, not {(name, value)!r:.60}"
    elif name.startswith(b":"):
        yield pseudo, f"{name!r} is a pseudo-header, which the server makes itself"
    elif name != name.lower():
        yield lower, f"the header name {name!r} is not in lower case"
    elif type == "websocket.accept" and name == b"sec-websocket-protocol":
        yield "W24", 'the subprotocol goes under "subprotocol", not into headers'


def _near(word: str, known: set[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f": did you mean {near[0]!r}?" if near else ""


# ---- drawn ------------------------------------------------------------------------------------


def machine(protocol: str) -> drawing.Figure:
    """The table of a protocol as a figure, without what belongs to extensions.

    Raises ValueError for a protocol that has no table.
    """
    if protocol not in TABLES:
        raise ValueError(f"no machine for {protocol!r}: there are {', '.join(TABLES)}")
    rows = _core(TABLES[protocol])
    ends = [state for state in dict.fromkeys(row.to for row in rows) if _is_last(state, rows)]
    steps = [
        {
            "from": row.state,
            "to": row.to,
            "role": row.way,
            "text": row.type,
            "when": f"{row.when[0]}: {row.when[1]}" if row.when else "",
            "rule": row.rule,
        }
        for row in _without_default(rows)
    ]
    title = f"What {'an' if protocol == 'http' else 'a'} {protocol} application may do"
    return drawing.machine(steps, ends=ends, title=title)


def _core(table: tuple[Step, ...]) -> list[Step]:
    """The rows that are reached without an extension."""
    rows = [row for row in table if not row.rule.startswith("X")]
    reached = {table[0].state}
    for row in rows:  # a table names a state before it leaves it
        if row.state in reached:
            reached.add(row.to)
    return [row for row in rows if row.state in reached]


def _is_last(state: str, rows: list[Step]) -> bool:
    return all(row.state != state for row in rows)


def _without_default(rows: list[Step]) -> list[Step]:
    """Conditions that tell two rows apart are kept; one that stands alone is the only case."""
    alike = [(row.state, row.type) for row in rows]
    return [
        row if alike.count((row.state, row.type)) > 1 else row._replace(when=None) for row in rows
    ]
