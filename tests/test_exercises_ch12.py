"""What chapter 12's checks say of answers that its learners did not give."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from answers.ch12 import _CLIENT

from asgilive import check, drive, grade
from asgilive.exercises import ch12

sys.path.insert(0, str(Path(__file__).parent.parent / "notebooks"))

from apps.nano import Depends, HTTPError, Nano, Request, Response, Router, answer


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


def sentence(exercise: Any, *answer: Any) -> str:
    found = grade(exercise, *answer)
    assert not found.ok
    return found.sentence


def wrapped(change: Any) -> Any:
    """Middleware whose app calls `change(app, scope, receive, send)`."""

    def middleware(app: Any, *more: Any) -> Any:
        async def outer(scope: Any, receive: Any, send: Any) -> None:
            await change(app, scope, receive, send)

        return outer

    return middleware


def test_what_is_no_middleware() -> None:
    assert "without brackets" in sentence(check.errors, None)
    assert "and not an app" in sentence(check.errors, lambda app: 7)
    assert "raised ZeroDivisionError" in sentence(check.errors, lambda app: 1 / 0)


def test_what_is_no_function() -> None:
    for each in (check.pattern, check.endpoint, check.client):
        assert "without brackets" in sentence(each, 7)
    assert "and not an app" in sentence(check.endpoint, lambda function: 7)


def test_a_bool_is_no_int() -> None:
    given = {("/", "/"): {}, ("/users/{name}", "/users/ada"): {"name": "ada"}}
    assert "gives None" in sentence(
        check.pattern, lambda a, b: given.get((a, b)) if b != "/" else None
    )


async def two_headers(app: Any, scope: Any, receive: Any, send: Any) -> None:
    async def twice(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [(b"x-request-id", b"made-1")] * 2}
        await send(message)

    await app(scope, receive, twice)


def test_a_header_that_comes_twice() -> None:
    assert "has 2 headers x-request-id" in sentence(check.request_id, wrapped(two_headers))


async def shouts(app: Any, scope: Any, receive: Any, send: Any) -> None:
    async def loud(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"x-request-id", b"made-1")]
            message = {**message, "headers": headers}
        elif "body" in message:
            message = {**message, "body": message["body"].upper()}
        await send(message)

    await app(scope, receive, loud)


def test_a_body_that_is_changed() -> None:
    assert "body does not arrive" in sentence(check.request_id, wrapped(shouts))


def test_a_replay_that_ends_wrongly() -> None:
    def sized(app: Any, note: Any) -> Any:
        async def outer(scope: Any, receive: Any, send: Any) -> None:
            first, second = await receive(), await receive()
            note(12)
            left = [first, {**second, "more_body": True}]

            async def again() -> Any:
                return left.pop(0) if left else {"type": "http.disconnect"}

            await app(scope, again, send)

        return outer

    assert "not told that the body is over" in sentence(check.replay, sized)


def test_a_replay_of_other_bytes() -> None:
    def sized(app: Any, note: Any) -> Any:
        async def outer(scope: Any, receive: Any, send: Any) -> None:
            await receive(), await receive()
            note(12)
            left = [{"type": "http.request", "body": b"hello"}]

            async def again() -> Any:
                return left.pop(0) if left else await receive()

            await app(scope, again, send)

        return outer

    assert "the app received b'hello'" in sentence(check.replay, sized)


def test_a_client_that_waits_or_breaks() -> None:
    async def waits(app: Any, method: str, path: str, body: bytes = b"") -> Any:
        await asyncio.Event().wait()

    async def breaks(app: Any, method: str, path: str, body: bytes = b"") -> Any:
        return {}[path]

    async def bare(app: Any, method: str, path: str, body: bytes = b"") -> Any:
        scope = {"type": "http", "method": method, "path": "/a b/c", "query_string": b"x=1&y"}
        await app(scope, None, None)

    assert "your receive never gives" in sentence(check.client, waits)
    assert "raised KeyError" in sentence(check.client, breaks)
    assert "raised TypeError" in sentence(check.client, bare)


def test_a_client_that_makes_another_error_of_it() -> None:
    names: dict[str, Any] = {}
    exec(_CLIENT, names)

    async def client(app: Any, method: str, path: str, body: bytes = b"") -> Any:
        try:
            return await names["client"](app, method, path, body)
        except ValueError:
            raise LookupError("no such thing") from None

    assert "raised ValueError, and the client" in sentence(check.client, client)


# -- the framework itself


async def asked(app: Any, path: str = "/", method: str = "GET", **more: Any) -> tuple[int, str]:
    """Status and body of an answer; what was raised is in the call."""
    call = await drive(app, {"type": "http", "path": path, "method": method, **more}, wait=2)
    start, *bodies = call.sent
    return start["status"], b"".join(body.get("body", b"") for body in bodies).decode()


def shop() -> Any:
    app = Nano()

    @app.route("/items/{number:int}")
    async def item(number: int) -> Any:
        return {"number": number}

    @app.route("/files/{rest:path}", "PUT")
    def keep(rest: str, request: Request) -> Any:
        return Response(rest, 201)

    @app.route("/gone")
    async def gone(request: Request) -> Any:
        raise HTTPError(410, "sold")

    @app.route("/late")
    async def late(request: Request) -> Any:
        async def half(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200})
            raise HTTPError(404)

        found = Response("")
        found.__class__ = type("Half", (Response,), {"__call__": lambda self, *a: half(*a)})
        return found

    return app


async def test_routes_answer_by_path_and_method() -> None:
    assert await asked(shop(), "/items/7") == (200, '{"number": 7}')
    assert await asked(shop(), "/items/seven") == (404, "not here")
    assert await asked(shop(), "/items/7", "POST") == (405, "not here")
    assert await asked(shop(), "/files/a/b", "PUT") == (201, "a/b")
    assert await asked(shop(), "/gone") == (410, "sold")


async def test_an_error_behind_the_start_is_let_through() -> None:
    call = await drive(shop(), {"type": "http", "path": "/late"})
    assert [message["type"] for message in call.sent] == ["http.response.start"]
    assert call.ended == "raised"


async def test_a_mount_takes_its_prefix_and_no_longer_name() -> None:
    outer = Router()
    outer.mount("/shop", shop())
    assert await asked(outer, "/shop/items/7") == (200, '{"number": 7}')
    app = Nano()
    app.mount("/shop", shop())
    assert await asked(app, "/shopping/items/7") == (404, "not here")
    assert await asked(app, "/v2/shop/items/7", root_path="/v2") == (200, '{"number": 7}')


async def test_a_dependency_runs_once_for_a_request() -> None:
    ran = []

    def visitor(request: Request) -> str:
        ran.append(request.query.get("name"))
        return request.headers.get("x-user", "nobody")

    async def greeting(name: str = Depends(visitor)) -> str:
        return f"hello {name}"

    app = Nano()

    @app.route("/")
    async def both(one: str = Depends(greeting), two: str = Depends(visitor)) -> Any:
        return [one, two]

    scope = {"query_string": b"name=x", "headers": [(b"x-user", b"ada")]}
    assert await asked(app, **scope) == (200, '["hello ada", "ada"]')
    assert ran == ["x"]


async def test_a_body_comes_whole_or_not_at_all() -> None:
    pieces = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
    ]

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await answer(await Request(scope, receive).body())(scope, receive, send)

    call = await drive(echo, {"type": "http"}, pieces)
    assert call.sent[1]["body"] == b"ab"
    call = await drive(echo, {"type": "http"}, [pieces[0], {"type": "http.disconnect"}])
    assert "the client has left" in str(call.error)
    call = await drive(echo, {"type": "http"}, [{"type": "http.upset"}])
    assert (call.ended, call.sent) == ("raised", [])
    assert "http.upset" in str(call.error)


async def test_other_scopes_are_refused() -> None:
    call = await drive(shop(), {"type": "lifespan"})
    assert call.ended == "raised"


def test_the_check_has_its_own_cors() -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    call = asyncio.run(drive(ch12.cors(bare), {"type": "http"}))
    assert call.sent[0]["headers"] == [(b"access-control-allow-origin", b"*")]
