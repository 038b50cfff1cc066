"""Chapter 12, Build your own framework: a router, middleware, threads, a client for tests.

Apps and middleware are called in memory. Whatever form they have passes, if a server could call it:
functions, classes whose instances are called, middleware of Starlette.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any

from asgilive.checks import Wrong, exercise, raised, want
from asgilive.clients import drive
from asgilive.exercises.asking import Answer, ask
from asgilive.recording import App, Message, Receive, Scope, Send, describe

Middleware = Callable[..., App]


async def _reply(send: Send, body: bytes = b"", status: int = 200, *headers: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": body})


def _around(middleware: Any, app: App, *arguments: Any) -> App:
    """The reader's middleware around an app. Raises Wrong for what is none."""
    want(callable(middleware), "give the middleware itself, without brackets behind it")
    try:
        made: Any = middleware(app, *arguments)
    except Exception as error:
        raise Wrong(raised("middleware", error)) from error
    if inspect.iscoroutine(made):
        made.close()
        raise Wrong(
            "your middleware is an `async def`: it is called once, with the app, and gives an app"
        )
    want(callable(made), f"your middleware gives {made!r:.40}, and not an app")
    return made  # type: ignore[no-any-return]


async def _passes(middleware: Any, *arguments: Any) -> None:
    """Middleware hands on what is not HTTP, as it is."""
    for kind in ("lifespan", "websocket"):
        seen: list[tuple[Any, Any, Any]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope["type"], receive, send))  # noqa: B023

        call = await drive(_around(middleware, app, *arguments), {"type": kind})
        text = f"a scope of the type {kind} raises {call.error} in your middleware: hand it on"
        want(call.ended != "raised", text, call)
        want(seen, f"a scope of the type {kind} does not get to the app: hand it on", call)


# -- 12.1

_PATHS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("/", "/", {}),
    ("/users/{name}", "/users/ada", {"name": "ada"}),
    ("/users/{name}", "/users/", None),
    ("/users/{name}", "/users/ada/posts", None),
    ("/users/{number:int}", "/users/7", {"number": 7}),
    ("/users/{number:int}", "/users/seven", None),
    ("/users/{number:int}", "/users/7/posts", None),
    ("/{a}/{b:int}", "/x/12", {"a": "x", "b": 12}),
    ("/files/{rest:path}", "/files/a/b.txt", {"rest": "a/b.txt"}),
    ("/files/{rest:path}", "/file", None),
    ("/v1.0/ok", "/v1.0/ok", {}),
    ("/v1.0/ok", "/v1x0/ok", None),
    ("/a", "/b/a", None),
    ("/a", "/a/", None),
)


@exercise(
    "12.1",
    "A pattern and a path",
    your="function",
    hints=(
        "Cut both at `/` and go through them side by side: a part in braces takes any text, the"
        " others must be the same.",
        "`{number:int}` takes digits only, `part.isdigit()`, and gives an int.",
        "`{rest:path}` takes all the parts that are left: `'/'.join(parts[n:])`.",
    ),
)
async def pattern(match: Callable[[str, str], dict[str, Any] | None]) -> None:
    """Each pattern takes the paths that it should, and gives the values by name."""
    want(callable(match), "give the function itself, without brackets behind it")
    for given, path, right in _PATHS:
        try:
            made: Any = match(given, path)
        except Exception as error:
            raise Wrong(raised("function", error)) from error
        if inspect.iscoroutine(made):
            made.close()
            raise Wrong("your function is an `async def`: it waits for nothing, write `def`")
        text = f"match({given!r}, {path!r}) gives {made!r:.60}, not {right!r}"
        want(made == right and type(made) is type(right), text)


# -- 12.2


@exercise(
    "12.2",
    "A name for each request",
    your="middleware",
    hints=(
        "Middleware is a function that takes the app and gives an app: `async def outer(scope,"
        " receive, send)` inside, and `return outer`.",
        "Give the app another `send`: one that adds the header to `http.response.start`, and sends"
        " it on.",
        'Headers may be any iterable: `[*message.get("headers", ()), (b"x-request-id", name)]`.',
    ),
)
async def request_id(named: Middleware) -> None:
    """Each answer has its request's id, what was there stays, and other scopes pass."""
    count = 0

    def make() -> str:
        nonlocal count
        count += 1
        return f"made-{count}"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        pairs = (pair for pair in [(b"a", b"1"), (b"a", b"2")])
        await send({"type": "http.response.start", "status": 201, "headers": pairs})
        await send({"type": "http.response.body", "body": b"one, ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    scopes: list[Scope] = []
    outer = _around(named, app, make)
    for right, headers in (
        (b"made-1", []),
        (b"given", [(b"x-request-id", b"given")]),
        (b"made-2", []),
    ):
        answer = await ask(outer, headers=headers)
        found = answer.values(b"x-request-id")
        want(found, "the answer has no header x-request-id", answer.call)
        want(len(found) == 1, f"the answer has {len(found)} headers x-request-id", answer.call)
        want(found == [right], f"the id is {found[0]!r}, not {right!r}", answer.call)
        kept = answer.values(b"a") == [b"1", b"2"] and answer.status == 201
        want(kept, "the app's own status and headers do not arrive as they were", answer.call)
        want(answer.body == b"one, two", "the app's body does not arrive as it was", answer.call)

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    answer = await ask(_around(named, bare, make))
    want(answer.values(b"x-request-id"), "an app that sends no headers gets no id", answer.call)
    await _passes(named, make)


# -- 12.3


@exercise(
    "12.3",
    "Read the body, and give it back",
    your="middleware",
    hints=(
        "What `receive` gave once, it gives no more. Keep the messages, and give the app a"
        " `receive` of your own that gives them again.",
        "When they are out, your `receive` awaits the real one: the app may ask for the end.",
        "`http.disconnect` can come amid the body: hand that on as well, and ask no further.",
    ),
)
async def replay(sized: Middleware) -> None:
    """The size is noted before the app begins, and the app receives what the client sent."""
    sizes: list[int] = []
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        notes.append(len(sizes))
        more = True
        while more:
            message = await receive()
            heard.append(message)
            more = message["type"] == "http.request" and message.get("more_body", False)
        await _reply(send, b"thank you")
        heard.append(await receive())

    pieces: list[Message] = [
        {"type": "http.request", "body": b"hello, ", "more_body": True},
        {"type": "http.request", "body": b"world", "more_body": False},
    ]
    gone: Message = {"type": "http.disconnect"}
    notes: list[int] = []
    outer = _around(sized, app, sizes.append)
    call = await drive(outer, {"type": "http", "method": "POST"}, [*pieces, gone])
    want(call.ended != "raised", f"your middleware raised {call.error}", call)
    want(sizes, "the size was never noted", call)
    want(notes == [1], "the app began before the size was noted", call)
    want(sizes == [12], f"the size of 12 bytes in two pieces was noted as {sizes}", call)
    text = "the app waits for a body that your middleware has received: give it back"
    want(heard, text, call)
    body = b"".join(message.get("body", b"") for message in heard)
    want(body == b"hello, world", f"the app received {body!r}, not b'hello, world'", call)
    ends = [message for message in heard if message["type"] == "http.request"][-1]
    want(not ends.get("more_body"), "the app is not told that the body is over", call)
    text = "behind the body the app asks again, and should hear what the real receive gives"
    want(heard[-1]["type"] == "http.disconnect", text, call)
    sizes.clear()
    heard.clear()
    call = await drive(outer, {"type": "http", "method": "POST"}, [pieces[0], gone])
    text = "the client left amid its body, and your middleware waits for the rest"
    want(call.ended != "waiting" or heard, text, call)
    kinds = [message["type"] for message in heard]
    text = f"the client left amid its body, and the app heard {kinds or 'nothing'}"
    want(not heard or kinds[-1] == "http.disconnect", text, call)
    sizes.clear()
    await _passes(sized, sizes.append)
    want(not sizes, "only a request has a body, and a size was noted for another scope")


# -- 12.4


def cors(app: App) -> App:
    """The middleware that a browser's scripts need, here without its questions."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        async def allowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                star = (b"access-control-allow-origin", b"*")
                message = {**message, "headers": [*message.get("headers", ()), star]}
            await send(message)

        await app(scope, receive, allowed)

    return outer


@exercise(
    "12.4",
    "An error with its headers",
    your="middleware",
    hints=(
        "`try: await app(scope, receive, send)`, and `except Exception`: send a 500, then `raise`.",
        "Was there a start already? Then a second one does not fit: only raise. A `send` of your"
        " own knows.",
        "Raise again in any case: the server's log lives on it, and so do the layers around you.",
    ),
)
async def errors(errors: Middleware) -> None:
    """What an app raises is a 500 inside the other middleware, and still reaches the log."""

    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("on purpose")

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("on purpose")

    async def fine(scope: Scope, receive: Receive, send: Send) -> None:
        await _reply(send, b"fine", 404)

    call = await drive(cors(_around(errors, early)), {"type": "http"})
    starts = [message for message in call.sent if message["type"] == "http.response.start"]
    want(starts, "an app raised before it had answered, and nothing was sent", call)
    text = f"an app raised, and the answer is {starts[0].get('status')}, not 500"
    want(starts[0].get("status") == 500, text, call)
    names = [name for name, _ in starts[0]["headers"]]
    want(b"access-control-allow-origin" in names, "the 500 was sent past the middleware", call)
    bodies = [message for message in call.sent if message["type"] == "http.response.body"]
    want(bodies and not bodies[-1].get("more_body"), "the 500 has no end: send a body", call)
    want(call.ended == "raised", "the error ends in your middleware: the log never sees it", call)
    want("on purpose" in str(call.error), f"the log sees another error: {call.error}", call)
    call = await drive(cors(_around(errors, late)), {"type": "http"})
    starts = [message for message in call.sent if message["type"] == "http.response.start"]
    want(len(starts) == 1, "an app raised amid its answer, and a second start was sent", call)
    ended = call.sent[-1].get("more_body")
    want(ended, "an app raised amid its answer, and your middleware made it look whole", call)
    want(call.ended == "raised", "an app raised amid its answer, and the log never sees it", call)
    answer = await ask(cors(_around(errors, fine)))
    want((answer.status, answer.body) == (404, b"fine"), "a good answer is changed", answer.call)
    await _passes(errors)


# -- 12.5

_who: ContextVar[str] = ContextVar("who", default="nobody")


@exercise(
    "12.5",
    "A plain function as an endpoint",
    your="function",
    hints=(
        "`await asyncio.to_thread(function, *arguments)` runs it in a thread, with a copy of the"
        " context, and raises here what it raised there.",
        "`inspect.iscoroutinefunction(function)` tells the two kinds apart.",
        "What was returned is the text of the body: `.encode()`, and its length.",
    ),
)
async def endpoint(endpoint: Callable[[Any], App]) -> None:
    """Plain functions run in a thread, coroutines on the loop, and both answer."""
    here = threading.get_ident()
    gate = threading.Event()

    def plain() -> str:
        where.append(threading.get_ident())
        return f"plain, {_who.get()}, é"

    async def awaited() -> str:
        where.append(threading.get_ident())
        return f"awaited, {_who.get()}"

    def blocks() -> str:
        gate.wait(2)
        return "at last"

    def fails() -> str:
        raise ValueError("on purpose")

    where: list[int] = []
    _who.set("ada")
    answer = await _asked(endpoint, plain)
    want(answer.body == "plain, ada, é".encode(), _told(answer, "plain, ada, é"), answer.call)
    want(where[-1] != here, "a plain function ran on the loop's own thread", answer.call)
    answer = await _asked(endpoint, awaited)
    want(answer.text == "awaited, ada", _told(answer, "awaited, ada"), answer.call)
    want(where[-1] == here, "an `async def` ran in another thread than the loop's", answer.call)
    slow = asyncio.ensure_future(_asked(endpoint, blocks))
    await asyncio.sleep(0.05)
    free = not slow.done()
    gate.set()
    answer = await slow
    want(free, "a plain function that blocks held the loop", answer.call)
    call = await drive(_made(endpoint, fails), {"type": "http"}, wait=3)
    text = f"a plain function raised, and your app {call.ended}: let the error through"
    want(call.ended == "raised" and "on purpose" in str(call.error), text, call)


def _made(endpoint: Any, function: Any) -> App:
    want(callable(endpoint), "give the function itself, without brackets behind it")
    made: Any = endpoint(function)
    if inspect.iscoroutine(made):
        made.close()
        raise Wrong("`endpoint` is called with a function, and gives an app: write `def`")
    want(callable(made), f"endpoint(function) gives {made!r:.40}, and not an app")
    return made  # type: ignore[no-any-return]


async def _asked(endpoint: Any, function: Any) -> Answer:
    return await ask(_made(endpoint, function))


def _told(answer: Answer, right: str) -> str:
    return f"the body is {answer.text!r:.40}, not {right!r}"


# -- 12.6

Client = Callable[..., Awaitable[Any]]


@exercise(
    "12.6",
    "A client for tests",
    your="client",
    hints=(
        "A scope is a dict: type, method, path, query_string, headers, and the others that H01 to"
        " H18 ask for.",
        "`receive` gives one message with the whole body, then `http.disconnect`; `send` keeps what"
        " it is given in a list.",
        'The answer is the one start, and the bodies joined: `b"".join(…)`.',
    ),
)
async def client(client: Client) -> None:
    """The client calls the app as a server would, and gives status, headers and body."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        last.append(await receive())
        await send({"type": "http.response.start", "status": 201, "headers": [(b"a", b"1")]})
        await send({"type": "http.response.body", "body": body.upper(), "more_body": True})
        await send({"type": "http.response.body", "body": b"!"})

    scopes: list[Scope] = []
    last: list[Message] = []
    found = await _visit(client, app, "POST", "/a%20b/c?x=1&y", b"hello")
    want(scopes, "your client did not call the app")
    scope = scopes[0]
    for key, right in _SCOPE.items():
        text = f"scope[{key!r}] is {scope.get(key)!r:.40}, not {right!r}"
        want(scope.get(key) == right and type(scope.get(key)) is type(right), text)
    pairs = scope.get("headers")
    want(
        isinstance(pairs, Iterable), f"scope['headers'] is {pairs!r:.40}: a list of pairs, if empty"
    )
    text = "behind the body receive gives no http.disconnect"
    want(last and last[0]["type"] == "http.disconnect", text)
    text = f"the client gives {found!r:.60}, not a status, a list of headers and a body"
    want(isinstance(found, tuple) and len(found) == 3, text)
    status, headers, body = found
    want(status == 201, f"the status is {status!r}, not 201")
    want([tuple(pair) for pair in headers] == [(b"a", b"1")], f"the headers are {headers!r:.60}")
    want(body == b"HELLO!", f"the body is {body!r:.40}, not b'HELLO!'")

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("on purpose")

    try:
        await client(fails, "GET", "/")
    except ValueError:
        pass
    except Exception as error:
        raise Wrong(f"an app raised ValueError, and the client {describe(error)}") from error
    else:
        raise Wrong("an app raised, and its test would not hear of it: let the error through")


_SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/a b/c",
    "query_string": b"x=1&y",
}


async def _visit(client: Any, app: App, method: str, path: str, body: bytes) -> Any:
    want(callable(client), "give the function itself, without brackets behind it")
    made: Any = client(app, method, path, body)
    want(inspect.isawaitable(made), "your client is a plain `def`: an app must be awaited")
    try:
        async with asyncio.timeout(2):
            return await made
    except TimeoutError:
        raise Wrong("the app waits for a message that your receive never gives") from None
    except Exception as error:
        raise Wrong(raised("client", error)) from error
