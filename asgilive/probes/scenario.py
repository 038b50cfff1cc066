"""A scenario: what the application does, what the client does, and what may be judged from both.

    @scenario()
    async def answer(scope, receive, send):      # runs in the server
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    @answer.client                               # runs here; without one, a GET is sent
    async def _(visit):
        await visit.get()

    @answer.judge("H01")                         # decides one statement, from what both saw
    def _(seen):
        return seen.scope["type"] == "http" or f"the type is {seen.scope['type']!r}"

A judge returns True, or a sentence that says what it saw instead. It raises `NotHere` where the
statement does not bind this server, say for a feature that it does not offer, and `Unclear` where
the evidence does not decide. Rules: a judge looks at evidence and at nothing else, so that a
recorded run can be judged again; a scenario that needs a server of its own says so by its `place`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, overload

from asgilive.recording import App

if TYPE_CHECKING:
    from asgilive.probes.seen import Seen
    from asgilive.probes.visit import Visit

Client = Callable[["Visit"], Awaitable[None]]
Judge = Callable[["Seen"], "bool | str"]

PLACES = ("plain", "root", "tls", "workers", "ping", "life")


class NotHere(Exception):
    """The statement does not bind this server; the text says why."""


class Unclear(Exception):
    """The evidence does not decide; the text says why."""


class Scenario:
    """One experiment with a server.

    `place` says what server it needs: "plain", the one that all share; one with TLS ("tls"), with
    a root path of /api ("root"), with two workers ("workers") or with a ping every second ("ping");
    or "life", one of its own.
    `patience` is in seconds: how long the application may go on after the client has done its
    part. `legacy` gives the server the application in the form of ASGI 2.
    """

    def __init__(
        self, app: App, name: str, place: str, patience: float, legacy: bool = False
    ) -> None:
        self.app = app
        self.name = name
        self.place = place
        self.patience = patience
        self.legacy = legacy
        self.ask: Client = _get
        self.judges: dict[str, Judge] = {}
        self.ids: list[str] = []

    def client(self, ask: Client) -> Client:
        """Take this function as the client."""
        self.ask = ask
        return ask

    @overload
    def judge(self, judge: Judge, /) -> Judge: ...

    @overload
    def judge(self, *ids: str) -> Callable[[Judge], Judge]: ...

    def judge(self, *ids: Any) -> Any:
        """Take this function as the judge of these statements: `@one.judge("H01")`.

        Without ids, of those that the experiment was made for: `@one.judge`.
        """
        if ids and callable(ids[0]):
            self.judges.update(dict.fromkeys(self.ids, ids[0]))
            return ids[0]

        def take(judge: Judge) -> Judge:
            self.judges.update(dict.fromkeys(ids, judge))
            return judge

        return take

    def __repr__(self) -> str:
        return f"<scenario {self.name}: {' '.join(self.judges) or 'no judge'}>"


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *, place: str = "plain", patience: float = 1.0, legacy: bool = False
) -> Callable[[App], Scenario]:
    """Make a scenario of an application, named after it, that every survey runs."""

    def make(app: App) -> Scenario:
        name = getattr(app, "__name__", "")
        assert name not in SCENARIOS, name
        assert place in PLACES, place
        made = SCENARIOS[name] = Scenario(app, name, place, patience, legacy)
        return made

    return make


def own(
    ids: list[str], *, place: str = "plain", patience: float = 1.0
) -> Callable[[App], Scenario]:
    """Make a reader's experiment; `SCENARIOS` does not have it, a survey is given it."""

    def make(app: App) -> Scenario:
        made = Scenario(app, getattr(app, "__name__", "own"), place, patience)
        made.ids = ids
        return made

    return make


async def _get(visit: Visit) -> None:
    await visit.get()
