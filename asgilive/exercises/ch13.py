"""Chapter 13, The specification by experiment: verdicts, a probe, a fingerprint, a report.

A reader's probe is itself probed: on a server that keeps the statement, on the same server with
that fault planted, and with another one. All are uvicorn, in a thread of this process, around an
application that is wrapped.
"""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from asgilive import servers, wire
from asgilive.checks import Wrong, exercise, raised, want
from asgilive.probes.columns import Column
from asgilive.probes.grid import Grid, Result
from asgilive.probes.scenario import Scenario, own
from asgilive.probes.survey import survey
from asgilive.recording import App, Message, Receive, Scope, Send
from asgilive.spec import LEVELS, spec

Fault = Callable[[App], App]
Around = Callable[[App, Scope, Receive, Send], Awaitable[None]]

VERDICTS = ("pass", "fail", "differs", "not-applicable", "undecided")
WITHIN = 30.0  # seconds: servers start and stop


# -- 13.1

_OBSERVED = {
    "C16": "differs",  # a should, not followed
    "H43": "fail",  # a must
    "H38": "pass",  # a may: who does not use it keeps it too
    "X31": "not-applicable",  # who does not offer the extension owes nothing
    "H41": "fail",  # a default is a definition, and an app counts on it as on a must
    "T08": "undecided",  # it allows something, and no server can break it
}


@exercise(
    "13.1",
    "Six verdicts",
    your="list",
    hints=(
        '`spec["C16"]` shows the statement, and under it its level.',
        "A must or a definition that is broken fails; a should that is not followed differs.",
        "Ask of each: could any server fail here? And: does this server offer it at all?",
    ),
)
async def verdicts(found: Sequence[str]) -> None:
    """What was seen of six statements has the verdict that its level gives it."""
    want(isinstance(found, Sequence), f"give a list of six words, and not {found!r:.40}")
    want(len(found) == 6, f"there are six, and your list has {len(found)}")
    for place, (given, id) in enumerate(zip(found, _OBSERVED, strict=True), 1):
        known = f"{given!r} is no verdict: there are {', '.join(VERDICTS)}"
        want(given in VERDICTS, known)
        text = f"number {place}, {id}, is not {given!r}: look at its level with spec[{id!r}]"
        want(given == _OBSERVED[id], text)


# -- 13.2


def around(wrap: Around) -> Fault:
    """A fault: the application is called through this function."""

    def plant(app: App) -> App:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            await wrap(app, scope, receive, send)

        return wrapped

    return plant


async def _swallows(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A message of an unknown type is taken without a word."""

    async def taking(message: Message) -> None:
        known = ("http.response.start", "http.response.body", "websocket.", "lifespan.")
        if str(message.get("type")).startswith(known):
            await send(message)

    await app(scope, receive, taking)


async def _encoded(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The path still has its percent signs."""
    path = {"path": quote(scope["path"])} if "path" in scope else {}
    await app({**scope, **path}, receive, send)


async def _turned(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The headers of the request stand in the other order."""
    headers = {"headers": [*scope["headers"]][::-1]} if "headers" in scope else {}
    await app({**scope, **headers}, receive, send)


async def _no_end(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """After the answer, receive gives one empty request after the other."""
    over = False

    async def watching(message: Message) -> None:
        nonlocal over
        await send(message)
        over |= message["type"] == "http.response.body" and not message.get("more_body")

    async def again() -> Message:
        return (
            {"type": "http.request", "body": b"", "more_body": False} if over else await receive()
        )

    await app(scope, again, watching)


async def _shuffled(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The headers of the answer stand in the other order."""

    async def turning(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", [])][::-1]}
        await send(message)

    await app(scope, receive, turning)


async def ignores_the_late(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """What H49 says: messages behind the end are ignored. Uvicorn raises."""
    over = False

    async def once(message: Message) -> None:
        nonlocal over
        if not over:
            await send(message)
        over |= message["type"] == "http.response.body" and not message.get("more_body")

    await app(scope, receive, once)


async def _welcomes(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Who is refused is let in first, and closed then."""
    accepted = False

    async def letting(message: Message) -> None:
        nonlocal accepted
        if message["type"] == "websocket.close" and not accepted:
            await send({"type": "websocket.accept"})
        accepted |= message["type"] == "websocket.accept"
        await send(message)

    await app(scope, receive, letting)


KEEPS = around(ignores_the_late)
FAULTS: Mapping[str, Fault] = {
    "C16": around(_swallows),
    "H06": around(_encoded),
    "H12": around(_turned),
    "H31": around(_no_end),
    "H43": around(_shuffled),
    "H49": lambda app: app,
    "W21": around(_welcomes),
}


def _column(name: str, *faults: Fault) -> Column:
    async def planted(app: Any, sock: Any) -> None:
        for fault in faults:
            app = fault(app)
        await servers.uvicorn(app, sock)

    return Column(name, own=planted)


@exercise(
    "13.2",
    "A probe, probed",
    your="probe",
    hints=(
        "Both sides count: `seen.call` is what the app saw, `seen.reply` what the client saw.",
        "A judge returns True, or a sentence that says what it saw instead.",
        "Do not compare all headers: a server adds its own. Look only at those of your app.",
    ),
    within=WITHIN,
)
async def probe(id: str, probe: Scenario) -> None:
    """A probe passes a server that keeps the statement, and only that fault makes it fail."""
    known = f"the check has faults for {', '.join(FAULTS)}, and not for {id!r}"
    want(isinstance(id, str) and id in FAULTS, known)
    text = "give the probe that `@spec.probe` made of your app"
    want(isinstance(probe, Scenario), f"{text}, and not {probe!r:.60}")
    judged = f"your probe has no judge for {id}: `@{probe.name}.judge` above a function of `seen`"
    want(id in probe.judges, judged)
    other = "C16" if id in ("H12", "H43") else "H43"
    faults = [FAULTS[id]] if id == "H49" else [FAULTS[id], KEEPS]
    columns = [
        _column("kept", KEEPS),
        _column("broken", *faults),
        _column("other", FAULTS[other], KEEPS),
    ]
    kept, broken, another = await _results(columns, id, probe)
    statement = f"{id}: {spec[id].text}"
    _said(kept)
    want(
        kept.verdict == "pass",
        f"on a server that keeps {id} your probe says {kept.verdict}: {kept.said}",
        _shown(kept),
    )
    want(
        broken.verdict in ("fail", "differs"),
        f"a server broke this, and your probe says {broken.verdict}. {statement}",
        _shown(broken),
    )
    _said(broken)
    want(
        another.verdict == "pass",
        f"a server broke {other}, not {id}, and your probe says {another.verdict}: {another.said}",
        _shown(another),
    )


async def _results(columns: list[Column], id: str, probe: Scenario) -> list[Result]:
    try:
        grid = await survey(columns, id, [probe])
    except Exception as error:
        raise Wrong(raised("probe", error)) from error
    return [grid[id, column.name] for column in columns]


def _shown(result: Result) -> Grid:
    """The grid of this verdict alone."""
    return Grid([Column(result.server)], [spec[result.id]], [result])


def _said(result: Result) -> None:
    text = "a judge returns True, or a sentence: yours returned"
    want(result.said not in ("False", "None"), f"{text} {result.said}", _shown(result))


# -- 13.3

# Verdicts of the survey of 2026-11-27, a letter each: pass, fail, differs, not applicable.
NAMES = ("uvicorn-h11", "uvicorn-httptools", "hypercorn", "daphne", "granian", "gunicorn")
FINGERPRINTS = """
C16 pppppd  C18 dpppdd  C21 pppfpp  C29 ppdpdd  H03 ppppfp  H04 fppffp
H11 pppfpf  H16 nnpppf  H37 pfpfff  H38 pdpppp  H43 pppffp  H46 pppfpp
H49 fffpfp  L06 pppnff  W05 pppdpp  W23 pppffp  W30 ppddpd  W32 ppdddp
"""
WORDS = {"p": "pass", "f": "fail", "d": "differs", "n": "not-applicable"}


def fingerprints() -> dict[str, dict[str, str]]:
    """Server → statement → verdict."""
    words = FINGERPRINTS.split()
    rows = dict(zip(words[::2], words[1::2], strict=True))
    return {
        name: {id: WORDS[marks[n]] for id, marks in rows.items()} for n, name in enumerate(NAMES)
    }


@exercise(
    "13.3",
    "Guess the server",
    your="function",
    hints=(
        "One row is not enough: it may be the one that is missing. How many rows agree?",
        "Count for one server: `sum(known[name].get(id) == said for id, said in found.items())`.",
        "`max(known, key=…)` gives the name with the highest count.",
    ),
)
async def fingerprint(guess: Callable[..., str]) -> None:
    """Verdicts, some of them lost, are given the name of the server they came from."""
    want(callable(guess), "give the function itself, without brackets behind it")
    known = fingerprints()
    for number, name in enumerate(NAMES * 3):
        rows = list(known[name])
        lost = rows[number % 3 :: 3] if number >= len(NAMES) else []
        found = {id: said for id, said in known[name].items() if id not in lost}
        try:
            made = guess(dict(found), fingerprints())
        except Exception as error:
            raise Wrong(raised("function", error)) from error
        if inspect.iscoroutine(made):
            made.close()
            raise Wrong("your function is an `async def`: this one waits for nothing, write `def`")
        missing = f", without {', '.join(lost)}" if lost else ""
        text = f"the verdicts of {name}{missing} were taken for {made!r:.40}"
        want(made == name, text)


# -- 13.4

_NEEDED = ("statement", "level", "server", "version", "app", "request", "seen")


@exercise(
    "13.4",
    "A report that can be checked",
    your="report",
    hints=(
        "Uvicorn fails two musts or definitions of this chapter: H04 and H49.",
        "`importlib.metadata.version` knows the version; `spec[…]` knows the level.",
        "`seen` is a piece of the evidence that a server without the fault would not show: the"
        " method that your app was given, or the exception out of `send`.",
    ),
    within=WITHIN,
)
async def report(report: Mapping[str, Any]) -> None:
    """A report names statement, level and version rightly, and what it says can be seen again."""
    want(isinstance(report, Mapping), f"give a dict, and not {report!r:.40}")
    for key in _NEEDED:
        want(key in report, f"a maintainer would ask for {key!r}: your report has none")
    id, name = report["statement"], report["server"]
    want(id in spec, f"there is no statement {id!r}")
    want(spec[id].actor in ("server", "both"), f"{id} does not bind servers")
    level = LEVELS[spec[id].level]
    want(report["level"] == level, f"{id} is {level!r}, and the report says {report['level']!r}")
    want(name == "uvicorn", f"this check can start uvicorn, and the report is about {name!r:.40}")
    version = importlib.metadata.version("uvicorn")
    text = f"here is uvicorn {version}, and the report says {report['version']!r:.40}"
    want(report["version"] == version, text)
    request = report["request"]
    want(isinstance(request, bytes), "`request` is the bytes that the client sends")
    want(wire.asked(request, wire.requests(request)), "`request` is no whole HTTP request")
    want(callable(report["app"]), "`app` is the application to run")
    seen = report["seen"]
    want(isinstance(seen, str) and seen.strip(), "`seen` is words of the evidence, as a str")
    await _reproduced(id, request, report["app"], seen)


async def _reproduced(id: str, request: bytes, app: App, seen: str) -> None:
    repairs: Mapping[str, Fault] = {"H49": KEEPS, "H04": around(_upper)}
    want(id in repairs, f"uvicorn keeps {id}, as far as this book's probes can see")
    scenario = own([id])(_as_it_is(app))

    @scenario.client
    async def _(visit: Any) -> None:
        connection = await visit.dial()
        line, _, rest = request.partition(b"\r\n")
        method, _, version = line.split(b" ", 2)
        target = visit.path.encode()
        await connection.write(b" ".join([method, target, version]) + b"\r\n" + rest)
        await connection.reply()

    scenario.judges[id] = lambda seen: True
    columns = [_column("as it is"), _column("mended", repairs[id])]
    found, mended = await _results(columns, id, scenario)
    want(seen in found.evidence, f"{seen!r:.60} was not to be seen here on uvicorn", _shown(found))
    text = f"{seen!r:.60} is also there when {id} is kept: it is no evidence of the fault"
    want(seen not in mended.evidence, text, _shown(mended))


def _as_it_is(app: App) -> App:
    async def reported(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return reported


async def _upper(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """What H04 says: the method is in upper case."""
    method = {"method": scope["method"].upper()} if "method" in scope else {}
    await app({**scope, **method}, receive, send)
