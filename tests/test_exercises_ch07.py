"""The checks of chapter 7 beyond the learners' answers: each sentence, and what is allowed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asgilive import check, grade
from asgilive.exercises import ch07


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")
    monkeypatch.setattr(ch07, "PATIENCE", 0.1)


def says(exercise: Any, *answers: Any) -> str:
    verdict = grade(exercise, *answers)
    assert not verdict.ok
    return verdict.sentence


STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}
REFUSED = {"type": "lifespan.startup.failed", "message": "no database"}


async def answers(send: Any, body: bytes = b"ready") -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})


# -- 7.1


def lives(kind: str) -> Any:
    """A function for 7.1 that is wrong in one way."""
    kept = []  # so that the collector leaves no manager

    def living(app: Any, manager: Any) -> Any:
        async def outer(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "lifespan":
                return await (answers(send) if kind == "not inside" else app(scope, receive, send))
            if kind == "returns":
                return None
            step = "startup"
            try:
                await receive()
                if kind == "early":
                    await send(STARTED)
                held = manager({} if kind == "copy" else scope["state"])
                kept.append(held)
                await held.__aenter__()
                if kind in ("waits", "sleeps"):
                    await asyncio.sleep(60)
                await send({"waits": STARTED, "text": "up", "odd": {}}.get(kind, STARTED))
                if kind == "left":
                    await held.__aexit__(None, None, None)
                if kind == "ends":
                    return None
                step = "shutdown"
                await receive()
                if kind == "late":
                    await send(STOPPED)
                if kind != "left":
                    await held.__aexit__(None, None, None)
                await send(STOPPED)
                if kind == "stays":
                    await receive()
            except ConnectionError as error:
                said = {"other words": "down", "with the type": repr(error)}.get(kind, str(error))
                ok = "complete" if kind == "lies" else "failed"
                await send({"type": f"lifespan.{step}.{ok}", "message": said})
                if kind == "sends on":
                    await send(STARTED)
                if kind == "raises on":
                    raise
            if kind == "asks inside":
                await app(scope, receive, send)

        return outer

    return living


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("returns", "your app returned, and lifespan.startup has no answer"),
        ("waits", "your app waits, and lifespan.startup has no answer"),
        ("text", "lifespan.startup is answered by 'up'"),
        ("odd", "lifespan.startup is answered by {}"),
        ("early", "start-up is called complete before the manager is entered"),
        ("not inside", "a request does not reach the app inside"),
        ("copy", "the manager needs the lifespan's `state`, as it is"),
        ("left", "the manager is left before lifespan.shutdown came"),
        ("ends", "your app has returned before lifespan.shutdown came"),
        ("late", "shutdown is called complete before the manager is left"),
        ("stays", "your app does not return after its last message"),
        ("asks inside", "the app inside was asked for its lifespan, too"),
        ("lies", "what failed in startup is called complete"),
        ("other words", "`message` is 'down', and the error said 'no database'"),
        ("sends on", "after lifespan.startup.failed your app sends on"),
    ],
)
def test_what_is_said_of_a_life(kind: str, sentence: str) -> None:
    assert sentence in says(check.living, lives(kind))


def test_an_app_may_raise_what_it_has_told() -> None:
    """As Starlette does."""
    assert grade(check.living, lives("raises on")).ok


def test_a_message_may_say_more_than_the_error() -> None:
    assert grade(check.living, lives("with the type")).ok


def test_what_is_no_app() -> None:
    async def outer(app: Any, manager: Any) -> None:
        pass

    assert "it gives a coroutine, and an app is wanted" in says(check.living, outer)
    assert "it gives a NoneType, and an app is wanted" in says(check.living, lambda a, m: None)
    plain = says(check.living, lambda a, m: lambda scope, receive, send: None)
    assert "your app is a plain `def`" in plain


def test_what_refuses_without_a_reason_and_what_hears_no_websocket() -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(REFUSED)

    told = "your app refuses lifespan.startup: no database"
    assert told in says(check.living, lambda app, manager: refuses)

    def only_http(app: Any, manager: Any) -> Any:
        inner = lives("right")(app, manager)

        async def outer(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "websocket":
                await inner(scope, receive, send)

        return outer

    assert "a WebSocket does not reach the app inside" in says(check.living, only_http)


# -- 7.2


def test_what_is_said_of_several() -> None:
    @asynccontextmanager
    async def nothing(state: Any) -> Any:
        yield

    async def awaited(state: Any) -> None:
        pass

    def entered(*managers: Any) -> Any:
        @asynccontextmanager
        async def manager(state: Any) -> Any:
            for each in managers:
                await each(state).__aenter__()
            yield

        return manager

    def own_state(*managers: Any) -> Any:
        a, b, c = managers

        @asynccontextmanager
        async def manager(state: Any) -> Any:
            async with a({}), b({}), c({}):
                yield

        return manager

    def swallowed(*managers: Any) -> Any:
        a, b, c = managers

        @asynccontextmanager
        async def manager(state: Any) -> Any:
            try:
                async with a(state), b(state), c(state):
                    yield
            except ConnectionError:
                yield

        return manager

    def left_open(*managers: Any) -> Any:
        @asynccontextmanager
        async def manager(state: Any) -> Any:
            made = [each(state) for each in managers]
            for each in made:
                await each.__aenter__()
            yield
            for each in reversed(made):
                await each.__aexit__(None, None, None)

        return manager

    told = "it gives a coroutine, and an async context manager is wanted"
    assert told in says(check.managers, lambda *m: awaited)
    assert "it gives a int, and a manager" in says(check.managers, lambda *m: 1)
    assert "a, b, c are to be entered: yours: nothing" in says(check.managers, lambda *m: nothing)
    assert "in a first life, they are to be left" in says(check.managers, entered)
    assert "each manager is called with the `state`" in says(check.managers, own_state)
    assert "and its error does not go on" in says(check.managers, swallowed)
    assert "so a is to be left, and c not entered" in says(check.managers, left_open)


def by_hand(kind: str) -> Any:
    """A function for 7.2 that leaves what it entered, and is wrong in one way."""

    def together(*managers: Any) -> Any:
        @asynccontextmanager
        async def manager(state: Any) -> Any:
            held: list[Any] = []
            seen: Any = (None, None, None)
            try:
                for each in managers:
                    made = each(state)
                    await made.__aenter__()
                    held.append(made)
                yield
            except KeyError as error:
                if kind != "blind":
                    seen = (KeyError, error, error.__traceback__)
                if kind != "swallows":
                    raise
            finally:
                failed = await _left(held, seen, every=kind != "stops")
                if failed and kind != "silent":
                    raise failed

        return manager

    return together


async def _left(held: list[Any], seen: Any, every: bool) -> Exception | None:
    failed = None
    for each in reversed(held):
        try:
            await each.__aexit__(*seen)
        except ConnectionError as error:
            failed = error
            if not every:
                break
    return failed


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("stops", "b fails in leaving, and a is to be left: yours: a entered, b entered"),
        ("silent", "b fails in leaving, and its error does not go on"),
        ("blind", "what runs inside raised KeyError, which each manager is to see"),
        ("swallows", "what runs inside raised, and its error does not go on"),
    ],
)
def test_what_is_said_of_several_that_fail(kind: str, sentence: str) -> None:
    assert sentence in says(check.managers, by_hand(kind))


def test_several_left_by_hand_may_be_right() -> None:
    assert grade(check.managers, by_hand("right")).ok


# -- 7.3


def pools(kind: str) -> Any:
    """A function for 7.3 that is wrong in one way."""

    def with_pool(open_pool: Any) -> Any:
        made = asyncio.ensure_future(_opened(open_pool)) if kind == "made" else None

        async def app(scope: Any, receive: Any, send: Any) -> None:
            state = scope["state"]
            if scope["type"] != "lifespan":
                pool = await open_pool() if kind == "each" else state["pool"]
                await answers(send, await pool.get("/" if kind == "odd" else scope["path"]))
                if kind == "closes":
                    await pool.close()
                return
            await receive()
            if kind == "late":
                await send(STARTED)
            try:
                pool = state["pool"] = open_pool()
                pool = pool if kind == "not awaited" else await pool
            except ConnectionError:
                await send(STARTED if kind == "lies" else REFUSED)
                if kind == "stays refused":
                    await receive()
                return
            if kind == "uses":
                await pool.close()
                await pool.get("/")
            await send(STARTED)
            await receive()
            for _ in range({"never": 0, "after": 0, "twice": 2}.get(kind, 1)):
                await pool.close()
            await send(STOPPED)
            if kind == "after":
                await pool.close()
            if kind == "stays":
                await receive()

        del made
        return app

    return with_pool


async def _opened(open_pool: Any) -> Any:
    return await open_pool()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("made", "the pool is opened when the app is made"),
        ("late", "start-up is complete, and no pool is open"),
        ("not awaited", "start-up is complete, and no pool is open"),
        ("each", "3 pools were opened"),
        ("odd", "/a and /b are answered with ['row of /', 'row of /']"),
        ("closes", "the pool is closed before lifespan.shutdown came"),
        ("uses", "the pool is used after it was closed"),
        ("never", "shutdown is complete, and the pool is open"),
        ("after", "shutdown is complete, and the pool is open"),
        ("twice", "the pool was closed 2 times"),
        ("stays", "your app does not return after its last message"),
        ("stays refused", "your app does not return after its last message"),
        ("lies", "the pool could not be opened, and start-up is called complete"),
    ],
)
def test_what_is_said_of_a_pool(kind: str, sentence: str) -> None:
    assert sentence in says(check.with_pool, pools(kind))


def test_the_pool_must_be_open_to_be_used() -> None:
    def early(open_pool: Any) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await open_pool().get("/")

        return app

    assert "the pool is used before it was opened" in says(check.with_pool, early)
    assert grade(check.with_pool, pools("right")).ok


# -- 7.4


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("none", "the first visitor, at /a, reads '/a'"),
        ("append", "the second visitor, at /b, reads 'door /a /b'"),
        ("remove", "one of two visitors at the same time, at /d, reads 'door /c /d'"),
        ("refill", "start-up left {'trail': []} in the state"),
        ("blind", "start-up's list is now door, hall; a visitor at /e reads 'door /e'"),
        ("no list", "start-up left no list with 'door' in the state: {'trail': 'door'}"),
    ],
)
def test_what_is_said_of_a_trail(kind: str, sentence: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        state, path = scope["state"], scope.get("path")
        if scope["type"] == "lifespan":
            await receive()
            trails = {"none": [], "refill": [], "no list": "door"}
            state["trail"] = trails.get(kind, ["door"])
            await send(STARTED)
            await receive()
            await send(STOPPED)
            return
        shared = state["trail"]
        if kind == "refill":
            shared[:] = ["door"]
        if kind == "none":
            shared = []
        if kind in ("blind", "no list"):
            shared = ["door"]
        shared.append(path)
        await answers(send, " ".join(shared).encode())
        if kind == "remove":
            shared.remove(path)

    assert sentence in says(check.trail, app)
