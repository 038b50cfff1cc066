"""Chapter 7, Lifespan, state, context: manage a life, compose lives, open in time, share nothing.

The checks play the server: they send the two messages of a lifespan, and between them requests
with a shallow copy of its state. What the specification allows passes: work before or behind the
messages, and keys of any name in `state`.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from asgilive.checks import Wrong, exercise, want
from asgilive.clients import drive
from asgilive.exercises.asking import Answer, ask
from asgilive.recording import App, Message, Receive, Scope, Send, describe

State = dict[str, Any]
Manager = Callable[[State], AbstractAsyncContextManager[Any]]

PATIENCE = 1.0  # seconds that one step of a lifespan may take
INSTEAD = {
    "startup": "a server takes that for “no lifespan”, and goes on without",
    "shutdown": "send lifespan.shutdown.failed",
}


class Life:
    """The lifespan call of an application, one step at a time, and requests beside it.

    `notes` gets the type of each answer, behind what an exercise has noted there before it.
    """

    def __init__(self, app: App, notes: list[str] | None = None) -> None:
        _judge_made(app, "an app", callable(app))
        self.app, self.state = app, State()
        self.notes = [] if notes is None else notes
        self.sent: list[Message] = []
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._spoke = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())

    async def __aenter__(self) -> Life:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
        made = self.app({**scope, "state": self.state}, self._inbox.get, self._send)
        want(inspect.isawaitable(made), "your app is a plain `def`: a server awaits it")
        await made

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        self.notes.append(str(message.get("type") if isinstance(message, dict) else message))
        self._spoke.set()

    async def step(self, name: str) -> Message:
        """Send lifespan.startup or .shutdown, and give the answer. Raises Wrong without one."""
        done = f"your app has returned before lifespan.{name} came: await it"
        want(not self._task.done() or self._task.exception(), done)
        self._spoke.clear()
        count = len(self.sent)
        self._inbox.put_nowait({"type": f"lifespan.{name}"})
        spoke = asyncio.ensure_future(self._spoke.wait())
        waits = {self._task, spoke}
        await asyncio.wait(waits, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        spoke.cancel()
        if len(self.sent) == count:
            self._judge_silence(name)
        return _judged(name, self.sent[count])

    def _judge_silence(self, name: str) -> None:
        """Say why there is no answer. Raises Wrong."""
        want(self._task.done(), f"your app waits, and lifespan.{name} has no answer")
        error = self._task.exception()
        if isinstance(error, Wrong):
            raise error
        if error is None:
            raise Wrong(f"your app returned, and lifespan.{name} has no answer")
        raise Wrong(f"your app raised {describe(error)} at lifespan.{name}: {INSTEAD[name]}")

    async def complete(self, name: str) -> None:
        """One step that has no reason to fail. Raises Wrong."""
        answer = await self.step(name)
        said = answer.get("message", "")
        want(answer["type"].endswith("complete"), f"your app refuses lifespan.{name}: {said}")

    async def fails(self, name: str, why: str) -> None:
        """One step that cannot succeed, and what is said of it. Raises Wrong."""
        answer = await self.step(name)
        ended = f"what failed in {name} is called complete: send lifespan.{name}.failed"
        want(answer["type"].endswith("failed"), ended)
        said = answer.get("message", "")
        want(why in str(said), f"`message` is {said!r}, and the error said {why!r}")
        await self.ends()
        on = f"after lifespan.{name}.failed your app sends on: return"
        want(self.sent[-1] is answer, on)

    async def ends(self) -> None:
        """The call ends when all is said. Raises Wrong."""
        await asyncio.wait({self._task}, timeout=PATIENCE)
        want(self._task.done(), "your app does not return after its last message")

    async def visit(self, path: str) -> Answer:
        """A request that gets a shallow copy of the state."""
        return await ask(self.app, path=path, state=self.state.copy())


def _judged(name: str, answer: Message) -> Message:
    """The answer, if it is one of the two. Raises Wrong."""
    allowed = [f"lifespan.{name}.complete", f"lifespan.{name}.failed"]
    text = f"lifespan.{name} is answered by {answer!r}: send `{allowed[0]}` or `.failed`"
    want(isinstance(answer, dict) and answer.get("type") in allowed, text)
    return answer


def _judge_made(made: object, what: str, good: bool) -> None:
    """Raise Wrong for what a reader's function gave instead."""
    if inspect.iscoroutine(made):
        made.close()
        raise Wrong(f"it gives a coroutine, and {what} is wanted: a `def` without `async`")
    want(good, f"it gives a {type(made).__name__}, and {what} is wanted")


# -- 7.1


class Inner:
    """An app that notes what it is asked, and answers with what start-up left in the state."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the type of the scope."""
        self.asked.append(scope["type"])
        if scope["type"] == "http":
            body = scope.get("state", {}).get("ready", b"nothing")
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": body})


def noting(notes: list[str], name: str = "", fails: str = "") -> Manager:
    """A manager that notes how it is entered and left, and fails in one of the two.

    What is raised inside is noted by its type, as in "a left by KeyError".
    """

    @asynccontextmanager
    async def manager(state: State) -> AsyncIterator[None]:
        if fails == "startup":
            raise ConnectionError("no database")
        notes.append(f"{name} entered".strip())
        state[name or "ready"] = b"ready"
        try:
            yield
        except Exception as error:
            notes.append(f"{name} left by {type(error).__name__}".strip())
            raise
        notes.append(f"{name} left".strip())
        if fails == "shutdown":
            raise ConnectionError("no database")

    return manager


@exercise(
    "7.1",
    "A lifespan in fifteen lines",
    your="function",
    hints=(
        "Two receives and two sends, as in the first cell; the manager is around the second"
        " receive.",
        '`async with manager(scope["state"]):` and inside it: say that start-up is complete, and'
        " wait for shutdown.",
        "One `try` around it all: remember in a variable whether it is startup or shutdown, and"
        " `except Exception as error` sends `lifespan.….failed` with the error in its `message`.",
    ),
)
async def living(function: Callable[[App, Manager], App]) -> None:
    """The manager is entered before the first request and left after the last, and can refuse."""
    inner, notes = Inner(), list[str]()
    async with Life(function(inner, noting(notes)), notes) as life:
        await life.complete("startup")
        begun = "start-up is called complete before the manager is entered"
        want(notes[0] == "entered", begun)
        answer = await life.visit("/")
        want(inner.asked.count("http") == 1, "a request does not reach the app inside")
        want(answer.body == b"ready", "the manager needs the lifespan's `state`, as it is")
        want("left" not in notes, "the manager is left before lifespan.shutdown came")
        await life.complete("shutdown")
        want(notes[2] == "left", "shutdown is called complete before the manager is left")
        await life.ends()
        want("lifespan" not in inner.asked, "the app inside was asked for its lifespan, too")
        await drive(life.app, {"type": "websocket"})
        want("websocket" in inner.asked, "a WebSocket does not reach the app inside")
    for name in ("startup", "shutdown"):
        async with Life(function(Inner(), noting([], fails=name))) as life:
            if name == "shutdown":
                await life.complete("startup")
            await life.fails(name, "no database")


# -- 7.2


@exercise(
    "7.2",
    "One lifespan of several",
    your="function",
    hints=(
        "Nested `async with` do all of this for a fixed number of managers.",
        "`async with AsyncExitStack() as stack:` leaves in reverse what was entered with `await"
        " stack.enter_async_context(…)`.",
        "Inside the stack: a `for` that enters each, called with the state; then, behind the loop,"
        " the `yield`.",
    ),
)
async def managers(together: Callable[..., Manager]) -> None:
    """All are entered in order and left in reverse, also when one of them fails."""
    notes = list[str]()
    manager = together(*(noting(notes, name) for name in "abc"))
    _judge_made(manager, "a manager, to be called with a state,", callable(manager))
    for life in ("first", "second"):
        notes.clear()
        state = State()
        made = manager(state)
        _judge_made(made, "an async context manager", hasattr(made, "__aenter__"))
        async with made:
            want(notes == _all("abc", "entered"), f"a, b, c are to be entered: {_told(notes)}")
            want(len(state) == 3, "each manager is called with the `state`, as it is")
            notes.clear()
        want(notes == _all("cba", "left"), f"in a {life} life, they are to be left: {_told(notes)}")
    await _judge_failing(together)


async def _judge_failing(together: Callable[..., Manager]) -> None:
    """One cannot be entered, one cannot be left, and what runs inside raises. Raises Wrong."""
    notes = list[str]()
    parts = (noting(notes, "a"), noting(notes, "b", "startup"), noting(notes, "c"))
    entered, error = await _lived(together(*parts), None)
    begun = not entered and isinstance(error, ConnectionError)
    want(begun, "b cannot be entered, and its error does not go on")
    seen = f"b cannot be entered, so a is to be left, and c not entered: {_told(notes)}"
    want(notes in (["a entered", by] for by in ("a left", "a left by ConnectionError")), seen)

    notes.clear()
    parts = (noting(notes, "a"), noting(notes, "b", "shutdown"), noting(notes, "c"))
    _, error = await _lived(together(*parts), None)
    left = [note.partition(" by ")[0] for note in notes[3:]]
    want(left == _all("cba", "left"), f"b fails in leaving, and a is to be left: {_told(notes)}")
    want(isinstance(error, ConnectionError), "b fails in leaving, and its error does not go on")

    notes.clear()
    inside = KeyError("raised inside")
    _, error = await _lived(together(*(noting(notes, name) for name in "abc")), inside)
    left = _all("cba", "left by KeyError")
    seen = f"what runs inside raised KeyError, which each manager is to see: {_told(notes)}"
    want(notes[3:] == left, seen)
    want(error is inside, "what runs inside raised, and its error does not go on")


async def _lived(manager: Manager, inside: Exception | None) -> tuple[bool, Exception | None]:
    """Enter it, raise what is given, leave it: was it entered, and what came out?"""
    entered = False
    try:
        async with manager({}):
            entered = True
            if inside:
                raise inside
    except Exception as error:
        return entered, error
    return entered, None


def _all(names: str, what: str) -> list[str]:
    return [f"{name} {what}" for name in names]


def _told(notes: list[str]) -> str:
    return f"yours: {', '.join(notes) or 'nothing'}"


# -- 7.3


class Pool:
    """A pool that counts; `open_pool` gives it when it is awaited."""

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.opened = self.closed = 0
        self.notes = list[str]()

    def __call__(self) -> Pool:
        """What `open_pool()` gives, to be awaited."""
        return self

    def __await__(self) -> Generator[Any, None, Pool]:
        yield from asyncio.sleep(0).__await__()
        if self.broken:
            raise ConnectionError("no database")
        self.opened += 1
        self.notes.append("opened")
        return self

    async def get(self, path: str) -> bytes:
        """What is found at a path."""
        want(self.opened, "the pool is used before it was opened: `await open_pool()`")
        want(not self.closed, "the pool is used after it was closed")
        await asyncio.sleep(0)
        return f"row of {path}".encode()

    async def close(self) -> None:
        """Put it away."""
        self.closed += 1
        self.notes.append("closed")


@exercise(
    "7.3",
    "A pool in the right place",
    your="function",
    hints=(
        "Your app answers two types of scope. In which call is the pool opened, and how does a"
        " request find it?",
        'In the lifespan: `scope["state"]["pool"] = await open_pool()`, before you say that'
        " start-up is complete.",
        "Close it between lifespan.shutdown and lifespan.shutdown.complete; what raises while it"
        " opens becomes lifespan.startup.failed. `living` of 7.1 does both.",
    ),
)
async def with_pool(function: Callable[[Callable[[], Any]], App]) -> None:
    """One pool: opened before the first request, used by all, closed after the last."""
    pool = Pool()
    app = function(pool)
    await asyncio.sleep(0.01)
    want(not pool.opened, "the pool is opened when the app is made, on whatever loop that has")
    async with Life(app, pool.notes) as life:
        await life.complete("startup")
        begun = "start-up is complete, and no pool is open: the first client waits"
        want(pool.notes[0] == "opened", begun)
        answers = await asyncio.gather(*(life.visit(path) for path in ("/a", "/b")))
        found = [answer.text for answer in answers]
        want(found == ["row of /a", "row of /b"], f"/a and /b are answered with {found}")
        want(pool.opened == 1, f"{pool.opened} pools were opened: one is for all requests")
        want(not pool.closed, "the pool is closed before lifespan.shutdown came")
        await life.complete("shutdown")
        want(pool.notes[2] == "closed", "shutdown is complete, and the pool is open")
        await life.ends()
        want(pool.closed == 1, f"the pool was closed {pool.closed} times")
    async with Life(function(Pool(broken=True))) as life:
        answer = await life.step("startup")
        refused = answer["type"] == "lifespan.startup.failed"
        want(refused, "the pool could not be opened, and start-up is called complete")
        await life.ends()


# -- 7.4


@exercise(
    "7.4",
    "A trail that leaks",
    your="app",
    hints=(
        "Whose list does `append` change? The state is copied, the list in it is not.",
        "A visit needs a list of its own, made from that of start-up.",
        '`[*state["trail"], scope["path"]]` is a new list; or `state["trail"] + [path]`.',
    ),
)
async def trail(app: App) -> None:
    """Each visitor reads the door and the own path, and the list of start-up stays as it was."""
    async with Life(app) as life:
        await life.complete("startup")
        began = copy.deepcopy(life.state)
        await _read(life, "/a", "the first visitor")
        await _read(life, "/b", "the second visitor")
        life.app = _slowly(app)
        both = (_read(life, path, "one of two visitors at the same time") for path in ("/c", "/d"))
        await asyncio.gather(*both)
        life.app = app
        kept = f"start-up left {began} in the state, and after the visits it is {life.state}"
        want(life.state == began, kept)
        _lengthen(life.state)
        text = (await life.visit("/e")).text
        longer = f"start-up's list is now door, hall; a visitor at /e reads {text!r}"
        want(text == "door hall /e", longer)
        await life.complete("shutdown")


def _lengthen(state: State) -> None:
    """Put `hall` behind `door`, in a list or a tuple under any key. Raises Wrong without one."""
    found = [k for k, v in state.items() if isinstance(v, list | tuple) and "door" in v]
    want(found, f"start-up left no list with 'door' in the state: {state}")
    for key in found:
        state[key] = type(state[key])([*state[key], "hall"])


async def _read(life: Life, path: str, who: str) -> None:
    text = (await life.visit(path)).text
    want(text == f"door {path}", f"{who}, at {path}, reads {text!r}, not 'door {path}'")


def _slowly(app: App) -> App:
    """The app, with a client that takes its time: between two messages others run."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        async def late(message: Message) -> None:
            await asyncio.sleep(0)
            await send(message)

        await app(scope, receive, late)

    return slow
