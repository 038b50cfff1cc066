"""Chapter 8, Streaming, SSE, long-poll: resume, answer in time, let go, keep alive, keep pace.

The checks play server and client in memory: one that reads events as a browser does, one that
leaves when it likes. What the specification allows passes: bodies in any pieces, fields of an event
in any order, a task or a timeout of any kind.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from asgilive.checks import Wrong, exercise, raised, want
from asgilive.clients import SCOPES, drive
from asgilive.exercises.asking import Answer, Watched, ask
from asgilive.recording import App, Message, Receive, Scope, Send

PATIENCE = 1.0  # seconds that an app may take for what is due at once

Event = tuple[str, str]  # its id, as far as one was given so far, and its data


def events(body: bytes) -> list[Event]:
    """The events of a stream, as a browser reads them: those that an empty line ends."""
    found, data, last = list[Event](), list[str](), ""
    for line in re.split("\r\n|\n|\r", body.decode("utf-8", "replace")):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                found.append((last, "\n".join(data)))
            data = []
        elif name == "data":
            data.append(value)
        elif name == "id":
            last = value
    return found


_family: contextvars.ContextVar[object] = contextvars.ContextVar("family", default=None)


class Family:
    """The tasks that come of one piece of the reader's code; in a page there are others beside."""

    def __init__(self) -> None:
        self._before = asyncio.all_tasks()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """The first of them."""
        context = contextvars.copy_context()
        context.run(_family.set, self)
        self.first = asyncio.get_running_loop().create_task(work, context=context)
        return self.first

    def left_behind(self) -> set[asyncio.Task[Any]]:
        """Those that the first one made and did not see through."""
        return {
            task for task in asyncio.all_tasks() - self._before - {self.first} if self._is(task)
        }

    def _is(self, task: Any) -> bool:
        """Python 3.11 does not tell; it has no page, and the loop is the check's own."""
        return not hasattr(task, "get_context") or task.get_context().get(_family) is self

    async def end(self) -> None:
        """Cancel what is left."""
        left = self.left_behind() | {self.first}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class Client:
    """A client of an application in memory, which leaves when it likes.

    `sent` are the application's messages with the seconds at which they came.
    """

    def __init__(self, app: App, *messages: Message) -> None:
        self.app = Watched(app)
        self.sent: list[tuple[float, Message]] = []
        self.family = Family()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages or ({"type": "http.request", "body": b"", "more_body": False},):
            self._inbox.put_nowait(message)
        self._gone = False
        self._began = time.perf_counter()
        self.task = self.family.start(self._run())

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what is left."""
        await self.family.end()
        self.app.close()

    async def _run(self) -> None:
        await self.app({"type": "http", **SCOPES["http"], "method": "GET"}, self._next, self._send)

    async def _next(self) -> Message:
        if self._gone and self._inbox.empty():
            return {"type": "http.disconnect"}
        return await self._inbox.get()

    async def _send(self, message: Message) -> None:
        self.sent.append((time.perf_counter() - self._began, message))

    def leave(self) -> None:
        """Hang up."""
        self._gone = True
        self._inbox.put_nowait({"type": "http.disconnect"})

    async def ended(self, within: float = PATIENCE) -> bool:
        """Whether the call ends in time. Raises Wrong for what it forgot."""
        await asyncio.wait({self.task}, timeout=within)
        self.app.close()
        want(not self.app.forgotten, f"there is no `await` before {self.app.forgotten}")
        return self.task.done()

    def judge_raised(self) -> None:
        """Raise Wrong where the call raised."""
        if isinstance(self.app.error, Wrong):
            raise self.app.error
        if self.app.error is not None:
            raise Wrong(raised("app", self.app.error))

    @property
    def body(self) -> bytes:
        """All that was sent of the body."""
        return b"".join(message.get("body", b"") for _, message in self.sent)


def judge_made(made: Any, what: str = "an app") -> Any:
    """What a reader's function gave. Raises Wrong where that is something else."""
    if inspect.iscoroutine(made):
        made.close()
        raise Wrong(f"it gives a coroutine, and {what} is wanted: a `def` without `async`")
    want(callable(made), f"it gives a {type(made).__name__}, and {what} is wanted: return it")
    return made


def contains(error: BaseException | None, wanted: BaseException) -> bool:
    """Whether an error is this one, or a group with it inside."""
    if isinstance(error, BaseExceptionGroup):
        return any(contains(inner, wanted) for inner in error.exceptions)
    return error is wanted


# -- 8.1

TALE = ["one", "two\nlines", "three"]


@exercise(
    "8.1",
    "Resume by number",
    your="function",
    hints=(
        'It is a header: `dict(scope["headers"]).get(b"last-event-id", b"0")`, as bytes.',
        "`enumerate(news, 1)` counts from 1; an event goes out if its number is larger than the one"
        " the client named.",
        "`said.isdigit()` tells a number from nonsense; `event(text, id=number)` makes the lines,"
        " with a `data:` for each line of the text.",
    ),
)
async def resuming(function: Callable[[list[str]], App]) -> None:
    """Each client gets the events behind the one it named, with their numbers and whole texts."""
    news = list(TALE)
    app = judge_made(function(news))
    whole = [(str(number), text) for number, text in enumerate(news, 1)]
    _judge_events(await ask(app), "without Last-Event-ID", whole)
    for said, count in ((b"1", 1), (b"2", 2), (b"0", 0), (b"nonsense", 0), (b"-1", 0), (b"3", 3)):
        answer = await ask(app, headers=[(b"last-event-id", said)])
        _judge_events(answer, f"with Last-Event-ID {said.decode()}", whole[count:])
    news.append("four")
    answer = await ask(app, headers=[(b"last-event-id", b"3")])
    _judge_events(answer, "after a fourth text came, with Last-Event-ID 3", [("4", "four")])


def _judge_events(answer: Answer, when: str, wanted: list[Event]) -> None:
    call = answer.call
    want(answer.status == 200, f"{when} the status is {answer.status}, not 200", call)
    kinds = answer.values(b"content-type")
    text = f"the content type is {kinds}: a browser reads events of `text/event-stream` alone"
    want([kind.split(b";")[0] for kind in kinds] == [b"text/event-stream"], text, call)
    found = events(answer.body)
    if found == wanted:
        return
    texts = [text for _, text in found], [text for _, text in wanted]
    want(texts[0] == texts[1], f"{when} a browser gets {texts[0]}, and should get {texts[1]}", call)
    ids = [number for number, _ in found]
    raise Wrong(f"{when} the events have the ids {ids}: count from 1, in the whole list", call)


# -- 8.2


class News:
    """What `after` waits for: texts, and how many wait."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.waiting = 0
        self._sleepers: list[asyncio.Event] = []

    def add(self, text: str) -> None:
        """Something happens."""
        self.texts.append(text)
        for sleeper in self._sleepers:
            sleeper.set()

    async def after(self, count: int) -> list[str]:
        """The texts behind the first `count`, once there are some."""
        want(type(count) is int, f"`after` takes a number, and yours is {count!r}")
        self.waiting += 1
        try:
            while len(self.texts) <= count:
                self._sleepers.append(asyncio.Event())
                await self._sleepers[-1].wait()
            return self.texts[count:]
        finally:
            self.waiting -= 1


@exercise(
    "8.2",
    "A long-poll that ends in time",
    your="function",
    hints=(
        "`async with asyncio.timeout(patience):` around the `await after(…)` cancels it in time,"
        " and raises TimeoutError.",
        "`try` around that block, `except TimeoutError:` answers 204 without a body.",
        'An empty query string is no number: `int(scope["query_string"] or 0)`. The texts are'
        " joined with line breaks and encoded.",
    ),
)
async def long_poll(function: Callable[..., App]) -> None:
    """News is answered the moment it is there, and 204 when there was none for `patience`."""
    news = News("one", "two")
    app = judge_made(function(news.after, 0.5))
    for query, wanted in ((b"", "one\ntwo"), (b"0", "one\ntwo"), (b"1", "two")):
        began = time.perf_counter()
        answer = await ask(app, query=query)
        _judge_text(answer, f"with the count {query.decode() or 'left out'}", wanted)
        late = time.perf_counter() - began
        text = f"news that is there already is answered after {late:.1f} s: answer at once"
        want(late < 0.4, text, answer.call)
    asyncio.get_running_loop().call_later(0.1, news.add, "three")
    began = time.perf_counter()
    both = await asyncio.gather(ask(app, query=b"2"), ask(app, query=b"2"))
    for answer in both:
        _judge_text(answer, "when news comes after 0.1 s of 0.5", "three")
    late = time.perf_counter() - began
    want(late < 0.45, f"news of 0.1 s is answered after {late:.1f} s: answer when it comes")
    await _judge_patience(function)


def _judge_text(answer: Answer, when: str, wanted: str) -> None:
    want(answer.status == 200, f"{when} the status is {answer.status}, not 200", answer.call)
    text = f"{when} the answer is {answer.text!r}, and should be {wanted!r}"
    want(answer.text.rstrip("\n") == wanted, text, answer.call)


async def _judge_patience(function: Callable[..., App]) -> None:
    """Nothing happens."""
    news = News()
    app = judge_made(function(news.after, 0.2))
    began = time.perf_counter()
    answer = await ask(app, query=b"0")
    took, call = time.perf_counter() - began, answer.call
    want(answer.status == 204, f"without news the status is {answer.status}, not 204", call)
    want(answer.body == b"", f"a 204 has no body, and yours has {answer.body!r}", call)
    want(took > 0.15, f"without news it gave up after {took:.2f} s: `patience` is 0.2", call)
    await asyncio.sleep(0)
    text = f"the answer is out, and {news.waiting} still waits in `after`: cancel it"
    want(news.waiting == 0, text, call)


# -- 8.3


class Work:
    """Something that takes `seconds`, and needs a moment to clean up when it is cancelled."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.state = "not begun"

    async def __call__(self) -> bytes:
        """Do it."""
        self.state = "under way"
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.state = "cleaning up"
            await asyncio.sleep(0.05)
            self.state = "cancelled"
            raise
        self.state = "done"
        if self.error is not None:
            raise self.error
        return b"the result"


@exercise(
    "8.3",
    "Nobody waits for it any more",
    your="function",
    hints=(
        "What the client waits for is one coroutine: `async def answer()`, which works and then"
        " replies.",
        "`while_there(receive, answer())` of this chapter runs it as long as the client is there.",
        "By hand: a task of the work and one of `gone(receive)`, `asyncio.wait` for the first,"
        " and in a `finally` cancel both and wait for both, so that the work can clean up.",
    ),
)
async def caring(function: Callable[[Callable[[], Awaitable[bytes]]], App]) -> None:
    """The work is answered if its client waits, and cancelled if it does not."""
    await _judge_staying(function)
    await _judge_leaving(function)
    error = ValueError("no such row")
    async with Client(judge_made(function(Work(0.02, error)))) as client:
        text = "the work raises, and your app does not end"
        want(await client.ended(), text)
        text = "the work raises ValueError, and your app hides it: the server should log it"
        want(contains(client.app.error, error), text)
        _judge_left(client, "after the work raised")
    work = Work(60)
    async with Client(judge_made(function(work))) as client:
        await asyncio.sleep(0.1)
        client.task.cancel()
        want(await client.ended(), "the server cancels your app, and it does not end")
        way = "cancel it once, and wait for its end" if work.state == "cleaning up" else "cancel it"
        text = f"the server cancels your app, and the work is {work.state}: {way}"
        want(work.state == "cancelled", text)


async def _judge_staying(function: Callable[..., App]) -> None:
    """A client that waits, and whose body comes in two pieces."""
    request = {"type": "http.request", "body": b"x"}
    pieces = {**request, "more_body": True}, {**request, "more_body": False}
    work = Work(0.1)
    async with Client(judge_made(function(work)), *pieces) as client:
        text = "the client waits, the work is done, and your app does not end"
        want(await client.ended(), text)
        client.judge_raised()
        text = f"the client waits, and the work is {work.state}: only http.disconnect means it left"
        want(work.state == "done", text)
        status = next((message.get("status") for _, message in client.sent), None)
        text = f"the client waits, and gets {status} {client.body!r}, not 200 and the result"
        want((status, client.body) == (200, b"the result"), text)
        _judge_left(client, "after the answer")


async def _judge_leaving(function: Callable[..., App]) -> None:
    work = Work(60)
    async with Client(judge_made(function(work))) as client:
        await asyncio.sleep(0.1)
        want(work.state == "under way", f"0.1 s after the request the work is {work.state}")
        client.leave()
        want(
            await client.ended(), "the client has left, and your app goes on: hear it in `receive`"
        )
        client.judge_raised()
        told = {
            "under way": "and the work goes on",
            "cleaning up": "before the work has cleaned up",
        }
        text = f"your app returns {told.get(work.state, '')}: cancel it, then wait for its end"
        want(work.state == "cancelled", text)
        want(not client.sent, "the client has left, and your app sends to nobody")
        _judge_left(client, "after the client has left")


def _judge_left(client: Client, when: str) -> None:
    left = len(client.family.left_behind())
    want(not left, f"{when} your app leaves {left} task behind: cancel it and wait for it")


# -- 8.4

EVERY = 0.1  # seconds
BEAT = {"type": "http.response.body", "more_body": True}


def inner(*steps: float | bytes, kind: bytes = b"text/event-stream", error: Any = None) -> App:
    """An app that answers with these pieces and pauses; a first pause is before its start."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": f"{scope['type']}.heard"})
            return
        first, *rest = steps
        await asyncio.sleep(float(first))
        headers = [(b"x-other", b"1"), (b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for step in rest:
            if isinstance(step, bytes):
                await send({**BEAT, "body": step})
            else:
                await asyncio.sleep(step)
        if error is not None:
            raise error
        await send({"type": "http.response.body"})

    return app


ONE, TWO = b"data: one\n\n", b"data: two\n\n"


@exercise(
    "8.4",
    "A heart in the stream",
    within=10.0,
    your="function",
    hints=(
        "Wrap `send`: it sees the start with its headers, and each piece. A task beats: it sleeps"
        " for `every`, sends a comment, and again.",
        "Each message of the app is a reason to begin anew: cancel the task that beats, send the"
        " message, and make another task where the stream goes on.",
        "The stream goes on behind a start with `text/event-stream`, and behind a body with"
        " `more_body`. Cancel the last task in a `finally` around the call of the app.",
    ),
)
async def beating(function: Callable[[App, float], App]) -> None:
    """A silent stream gets a comment in time, and nothing else is changed."""
    silent = await _through(function, inner(2.5 * EVERY, 3.5 * EVERY, ONE, 2.5 * EVERY, TWO))
    _judge_whole(silent)
    beats = [at for at, message in silent if _is_beat(message)]
    text = (
        f"a stream that was silent for {3.5:g} and {2.5:g} times `every` gets {len(beats)} comments"
    )
    want(beats, f"{text}: none came")
    places = [message.get("body") for _, message in silent if message.get("body")]
    before = places.index(ONE)
    want(before > 0, f"{text}: none before the first event")
    between = places.index(TWO) - before - 1
    want(between > 0, f"{text}: none behind the first event")
    want(before > 1, f"{text}: a silence of {3.5:g} times `every` has room for more than one")
    want(before < 6 and between < 5, f"{text}: that is too many")
    busy = await _through(function, inner(0, *(ONE, EVERY / 4) * 24))
    _judge_whole(busy, ONE * 24)
    text = "a stream that speaks four times within `every` gets comments: only silence needs one"
    want(sum(_is_beat(message) for _, message in busy) < 3, text)
    plain = await _through(function, inner(0, ONE, 2.5 * EVERY, TWO, kind=b"text/plain"))
    text = "an answer of text/plain gets a comment: it would be part of the text"
    want(not any(_is_beat(message) for _, message in plain), text)
    await _judge_rest(function)


def _is_beat(message: Message) -> bool:
    return bool(message.get("body", b"").startswith(b":"))


async def _through(function: Callable[[App, float], App], app: App) -> list[tuple[float, Message]]:
    """What an app sends through the reader's middleware, and a while behind its end."""
    async with Client(judge_made(function(app, EVERY))) as client:
        text = "the app inside has ended, and yours does not"
        want(await client.ended(20 * EVERY), text)
        client.judge_raised()
        await asyncio.sleep(1.5 * EVERY)
        return client.sent


def _judge_whole(sent: list[tuple[float, Message]], wanted: bytes = ONE + TWO) -> None:
    """The messages are an answer, with the app's own pieces as they were."""
    messages = [message for _, message in sent]
    first, *bodies = messages or [{}]
    text = f"the first message is {first.get('type')}: no comment before the start"
    want(first.get("type") == "http.response.start", text)
    ends = [n for n, message in enumerate(bodies, 1) if not message.get("more_body", False)]
    want(ends, "the last body of the app does not arrive")
    early = _is_beat(bodies[ends[0] - 1])
    want(not early, "a comment without `more_body` True ends the answer")
    want(ends[0] == len(bodies), "behind the end of the answer there is still a comment")
    own = b"".join(message.get("body", b"") for message in bodies if not _is_beat(message))
    want(own == wanted, f"the pieces of the app were {wanted!r}, and {own!r} arrived")
    for message in filter(_is_beat, bodies):
        body = message["body"]
        text = f"{body!r} is no comment: a line that begins with a colon and ends"
        want(re.fullmatch(rb":[^\r\n]*(\r\n|\n|\r)+", body) and not events(body + ONE)[1:], text)


async def _judge_rest(function: Callable[[App, float], App]) -> None:
    """An app that raises, and one that is asked for something else."""
    error = ValueError("no such row")
    made = judge_made(function(inner(0, ONE, error=error), EVERY))
    async with Client(made) as client:
        want(await client.ended(), "the app inside raises, and yours does not end")
        text = "the app inside raises ValueError, and yours hides it"
        want(contains(client.app.error, error), text)
        count = len(client.sent)
        await asyncio.sleep(1.5 * EVERY)
        text = "the app inside has raised, and your heart beats on: cancel it in a `finally`"
        want(len(client.sent) == count, text)
    heard = await drive(function(inner(0), EVERY), {"type": "websocket"})
    text = "a WebSocket does not reach the app inside, or what it sends is lost"
    want([message.get("type") for message in heard.sent] == ["websocket.heard"], text)


# -- 8.5


class Rows:
    """A source of rows and where they are delivered, and how many are between the two."""

    def __init__(self, count: int, fetch: float, deliver: float) -> None:
        self.count, self.times = count, (fetch, deliver)
        self.fetched, self.delivered, self.most = 0, list[int](), 0
        self.fails: dict[str, Exception] = {}

    async def source(self) -> AsyncIterator[int]:
        """The rows, each after its time."""
        for row in range(self.count):
            await asyncio.sleep(self.times[0])
            if row == 2 and "source" in self.fails:
                raise self.fails["source"]
            self.fetched += 1
            self.most = max(self.most, self.fetched - len(self.delivered))
            yield row

    async def deliver(self, row: int) -> None:
        """Take a row, in some time."""
        if row == 2 and "deliver" in self.fails:
            raise self.fails["deliver"]
        await asyncio.sleep(self.times[1])
        self.delivered.append(row)


Pump = Callable[[AsyncIterator[int], Callable[[int], Awaitable[None]], int], Awaitable[None]]


@exercise(
    "8.5",
    "A little ahead, and no more",
    within=12.0,
    your="function",
    hints=(
        "Two that work at once are two tasks, and between them is a queue: one fetches and puts,"
        " the other gets and delivers. `asyncio.TaskGroup` stops one when the other raises.",
        "A queue of size `most` is too large: the fetcher holds a row as well, and so does the one"
        " that delivers. Count them all.",
        "`asyncio.Semaphore(most)` has a permit for each row that is held: acquire one before the"
        " next row is fetched, release it when it is delivered. A last object in the queue says"
        " that the source is at its end.",
    ),
)
async def pump(function: Pump) -> None:
    """Every row is delivered in order while later ones are fetched; never too many are held."""
    rows = Rows(0, 0, 0)
    await _pumped(function, rows, 2)
    for most in (3, 1, 2):
        rows = Rows(8, 0, 0.04)
        await _pumped(function, rows, most)
        want(rows.delivered == list(range(8)), f"8 rows in order, and delivered: {rows.delivered}")
        text = f"`most` is {most}, and {rows.most} rows were held, the one under way included"
        want(rows.most <= most, text)
    rows = Rows(6, 0.08, 0.08)
    began = time.perf_counter()
    await _pumped(function, rows, 3)
    took = time.perf_counter() - began
    text = f"6 rows of 0.08 s to fetch and 0.08 s to deliver took {took:.1f} s: do both at once"
    want(took < 0.85, text)
    for where in ("source", "deliver"):
        await _judge_failing(function, where)


async def _pumped(function: Pump, rows: Rows, most: int) -> None:
    made = function(rows.source(), rows.deliver, most)
    want(inspect.isawaitable(made), "it is a plain `def`: write `async def`")
    try:
        async with asyncio.timeout(3.0):
            await made
    except TimeoutError:
        got = len(rows.delivered)
        raise Wrong(f"{got} of {rows.count} rows are delivered, and it does not return") from None


async def _judge_failing(function: Pump, where: str) -> None:
    """One side raises at the third row. Raises Wrong."""
    rows, error = Rows(50, 0.02, 0.02), ConnectionError("no database")
    rows.fails[where] = error
    family = Family()
    try:
        await family.start(_pumped(function, rows, 2))
    except Exception as found:
        if not contains(found, error):
            raise
    else:
        raise Wrong(f"{where} raises ConnectionError, and your function does not")
    count = rows.fetched
    await asyncio.sleep(0.1)
    left = family.left_behind()
    await family.end()
    text = f"{where} raised, and rows are fetched on: stop the other task"
    want(rows.fetched == count, text)
    want(not left, f"{where} raised, and a task is left behind: stop it")
