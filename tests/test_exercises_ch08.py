"""The checks of chapter 8 beyond the learners' answers: each sentence, and what is allowed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asgilive import check, grade
from asgilive.exercises import ch08

STREAM = [(b"content-type", b"text/event-stream")]


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


def says(exercise: Any, *answers: Any) -> str:
    verdict = grade(exercise, *answers)
    assert not verdict.ok
    return verdict.sentence


async def answers(send: Any, body: bytes = b"", headers: Any = (), status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


# -- what all share


def test_events_are_read_as_a_browser_reads_them() -> None:
    body = (
        b": nothing\n\ndata: a\n\nid: 1\r\ndata:  b\rdata:c\n\n"
        b"data\n\nid\ndata: d\n\nevent: x\nid: 9\n\ndata: cut off"
    )
    assert ch08.events(body) == [("", "a"), ("1", " b\nc"), ("1", ""), ("", "d")]


@pytest.mark.parametrize("name", ["resuming", "long_poll", "caring", "beating"])
def test_what_makes_no_app(name: str) -> None:
    exercise = getattr(check, name)

    async def coroutine(*_: Any) -> None:
        pass

    assert "it gives a coroutine, and an app is wanted: a `def`" in says(exercise, coroutine)
    assert "it gives a NoneType, and an app is wanted: return it" in says(exercise, lambda *_: None)


def test_an_error_may_come_in_a_group() -> None:
    error = ValueError()
    assert ch08.contains(ExceptionGroup("", [KeyError(), ExceptionGroup("", [error])]), error)
    assert not ch08.contains(ExceptionGroup("", [KeyError()]), error)
    assert not ch08.contains(None, error)


# -- 8.1


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (206, b"text/event-stream", "without Last-Event-ID the status is 206, not 200"),
        (200, b"text/plain", "a browser reads events of `text/event-stream` alone"),
        (200, b"text/event-stream; charset=utf-8", "a browser gets [], and should get ['one'"),
    ],
)
def test_what_is_said_of_a_stream(status: int, kind: bytes, sentence: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answers(send, b"", [(b"content-type", kind)], status)

    assert sentence in says(check.resuming, lambda news: app)


# -- 8.2


def polls(kind: str) -> Any:
    def long_poll(after: Any, patience: float) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            count = int(scope["query_string"] or 0)
            if kind == "text":
                await after(scope["query_string"].decode())
            short = kind == "early" and not count
            try:
                async with asyncio.timeout(0.01 if short else patience):
                    found = await after(count)
            except TimeoutError:
                return await answers(send, status=204)
            if kind == "late" and count == 2:
                await asyncio.sleep(0.45)
            status = 201 if kind == "status" else 200
            await answers(send, "\n".join(found).encode(), status=status)
            return None

        return app

    return long_poll


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("text", "`after` takes a number, and yours is ''"),
        ("status", "with the count left out the status is 201, not 200"),
        ("late", "news of 0.1 s is answered after 0.5"),
        ("early", "without news it gave up after 0."),
    ],
)
def test_what_is_said_of_a_long_poll(kind: str, sentence: str) -> None:
    assert sentence[:-1] in says(check.long_poll, polls(kind))


def test_a_long_poll_that_is_right() -> None:
    assert grade(check.long_poll, polls("right")).ok


# -- 8.3


def cares(kind: str) -> Any:
    def caring(work: Any) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if kind == "waits":
                await gone(receive)
            if kind == "raises":
                raise ValueError("mine")
            if kind == "own verdict":
                raise ch08.Wrong("the check's own")
            if kind == "late":
                await asyncio.sleep(0.3)
            if kind == "forgets":
                work_, step = work, send({"type": "http.response.start", "status": 200})
                del work_, step
                return
            job, left = asyncio.create_task(work()), asyncio.create_task(gone(receive))
            try:
                await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
                if job.done():
                    if kind == "hangs" and job.exception():
                        await gone(receive)
                    body = b"x" + job.result() if kind == "other" else job.result()
                    await answers(send, body)
                elif kind == "asks again":
                    await receive()
                elif kind == "fails":
                    raise ConnectionResetError
            except asyncio.CancelledError:
                if kind == "stays":
                    await asyncio.sleep(1.5)
                raise
            finally:
                job.cancel()
                left.cancel()
                await asyncio.wait({job, left})
            if kind == "leaves one":
                app.kept = asyncio.create_task(asyncio.sleep(9))  # type: ignore[attr-defined]

        return app

    return caring


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("waits", "the client waits, the work is done, and your app does not end"),
        ("raises", "your app raised ValueError: mine"),
        ("own verdict", "the check's own"),
        ("forgets", "there is no `await` before `send(…)`"),
        ("late", "0.1 s after the request the work is not begun"),
        ("other", "and gets 200 b'xthe result', not 200 and the result"),
        ("fails", "your app raised ConnectionResetError"),
        ("hangs", "the work raises, and your app does not end"),
        ("stays", "the server cancels your app, and it does not end"),
        ("leaves one", "after the answer your app leaves 1 task behind"),
    ],
)
def test_what_is_said_of_one_who_cares(kind: str, sentence: str) -> None:
    assert sentence in says(check.caring, cares(kind))


@pytest.mark.parametrize("kind", ["right", "asks again"])
def test_one_who_cares(kind: str) -> None:
    assert grade(check.caring, cares(kind)).ok


# -- 8.4


def beats(kind: str) -> Any:
    def beating(app: Any, every: float) -> Any:
        async def outer(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" and kind == "only http":
                return
            heart, stream = None, False
            body = {"no comment": b":", "one line": b":\n", "joined": b": x\ndata: y\n\n"}.get(
                kind, b":\n\n"
            )
            pause = every / 9 if kind == "fast" else every

            async def beat() -> None:
                while True:
                    await asyncio.sleep(pause)
                    await send({"type": "http.response.body", "body": body, "more_body": True})

            async def heard(message: Any) -> None:
                nonlocal heart, stream
                more = message.get("more_body", False)
                if message["type"] == "http.response.start":
                    stream = more = STREAM[0] in message["headers"]
                if kind == "first only" and message.get("body"):
                    stream = False
                if kind == "behind only" and not message.get("body"):
                    more = False
                if heart:
                    heart.cancel()
                if kind != "keeps the end" or more or not stream:
                    await send(message)
                if stream and more:
                    heart = asyncio.create_task(beat())

            try:
                await app(scope, receive, heard)
                if kind == "stays":
                    await asyncio.sleep(60)
            except ValueError:
                if kind == "waits":
                    await asyncio.sleep(60)
                if kind != "hides":
                    raise
            finally:
                if heart:
                    heart.cancel()

        return outer

    return beating


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("only http", "a WebSocket does not reach the app inside"),
        ("no comment", "b':' is no comment"),
        ("joined", "is no comment: a line that begins with a colon and ends"),
        ("fast", "that is too many"),
        ("first only", "none behind the first event"),
        ("behind only", "none before the first event"),
        ("keeps the end", "the last body of the app does not arrive"),
        ("stays", "the app inside has ended, and yours does not"),
        ("waits", "the app inside raises, and yours does not end"),
        ("hides", "the app inside raises ValueError, and yours hides it"),
    ],
)
def test_what_is_said_of_a_heart(kind: str, sentence: str) -> None:
    assert sentence in says(check.beating, beats(kind))


@pytest.mark.parametrize("kind", ["right", "one line"])
def test_a_heart(kind: str) -> None:
    assert grade(check.beating, beats(kind)).ok


def test_what_sends_nothing() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        pass

    told = "the first message is None: no comment before the start"
    assert told in says(check.beating, lambda app, every: silent)


# -- 8.5


def pumps(kind: str) -> Any:
    async def pump(source: Any, deliver: Any, most: int) -> None:
        room, rows, end = asyncio.Semaphore(most), asyncio.Queue[Any](), object()

        async def fetching() -> None:
            await room.acquire()
            async for row in source:
                rows.put_nowait(row)
                await room.acquire()
            rows.put_nowait(end)

        async def guarded() -> None:
            try:
                await fetching()
            except ConnectionError as error:
                rows.put_nowait(error)

        task = asyncio.create_task(guarded())
        try:
            while (row := await rows.get()) is not end:
                if isinstance(row, ConnectionError):
                    raise row
                if kind != "skips" or row != 3:
                    await deliver(row)
                room.release()
        except ConnectionError:
            if kind == "left behind":
                pump.kept = asyncio.create_task(asyncio.sleep(9))  # type: ignore[attr-defined]
            if kind == "other error":
                raise KeyError("row") from None
            task.cancel()
            raise

    return pump


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("skips", "8 rows in order, and delivered: [0, 1, 2, 4, 5, 6, 7]"),
        ("left behind", "source raised, and a task is left behind"),
        ("other error", "your function raised KeyError: 'row'"),
    ],
)
def test_what_is_said_of_a_pump(kind: str, sentence: str) -> None:
    assert sentence in says(check.pump, pumps(kind))


def test_rows_that_are_fetched_on() -> None:
    """Although nobody delivers any more."""

    async def pump(source: Any, deliver: Any, most: int) -> None:
        room, rows, end = asyncio.Semaphore(most), asyncio.Queue[Any](), object()

        async def fetching() -> None:
            try:
                await room.acquire()
                async for row in source:
                    rows.put_nowait(row)
                    await room.acquire()
                rows.put_nowait(end)
            except ConnectionError as error:
                rows.put_nowait(error)

        pump.kept = asyncio.create_task(fetching())  # type: ignore[attr-defined]
        while (row := await rows.get()) is not end:
            if isinstance(row, ConnectionError):
                raise row
            try:
                await deliver(row)
            except ConnectionError:
                for _ in range(40):
                    room.release()
                raise
            room.release()

    assert "deliver raised, and rows are fetched on: stop the other task" in says(check.pump, pump)


def test_what_is_no_pump() -> None:
    told = "it is a plain `def`: write `async def`"
    assert told in says(check.pump, lambda source, deliver, most: None)


def test_a_pump_that_is_too_slow() -> None:
    async def pump(source: Any, deliver: Any, most: int) -> None:
        async for row in source:
            await deliver(row)

    assert "do both at once" in says(check.pump, pump)
    assert grade(check.pump, pumps("right")).ok
