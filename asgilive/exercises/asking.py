"""What the exercises share: call a reader's application in memory, and read its answer.

Rules: whatever the application does becomes one sentence in the reader's terms, with the line
where that helps, and the call as evidence. What the specification allows passes: headers in any
iterable, a body in any number of messages, any awaitable callable.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from asgilive import aside
from asgilive.checks import Wrong, raised, want
from asgilive.clients import drive
from asgilive.recording import App, Call, Message, Receive, Scope, Send

KNOWN = ("http.response.start", "http.response.body")


@dataclass(slots=True)
class Answer:
    """The response an application gave: names in lower case, the body in one piece."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    call: Call

    def values(self, name: bytes) -> list[bytes]:
        """The values of one header, in order."""
        return [value for key, value in self.headers if key == name]

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")


async def ask(
    app: App,
    method: str = "GET",
    path: str = "/",
    *,
    query: bytes = b"",
    messages: list[Message] | None = None,
    **more: Any,
) -> Answer:
    """Send the application one request in memory, and read its answer. Raises Wrong.

    `messages` are what `receive()` gives, as in `drive`; `more` are further keys of the scope.
    """
    scope = {"type": "http", "method": method, "path": path, "query_string": query, **more}
    call, watched = await watch(app, scope, messages)
    _judge_end(call, watched)
    return _answer(call)


async def watch(
    app: App, scope: Scope, messages: list[Message] | None = None
) -> tuple[Call, Watched]:
    """Call the application in memory. Raises Wrong only for what cannot be called."""
    _judge_callable(app)
    watched = Watched(app)
    try:
        return await drive(watched, scope, messages), watched
    finally:
        watched.close()


# -- calling it


@dataclass
class Watched:
    """The reader's application, with what a recording does not keep.

    `error` is the exception that left it, `place` the line at which it was cancelled, `forgotten`
    the first `send(…)` or `receive()` that it called and never awaited, with its line.
    """

    app: App
    error: BaseException | None = None
    place: aside.Place | None = None
    forgotten: str | None = None
    _steps: list[tuple[Any, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call it as a server does."""
        steps = self._noted(receive, "receive()"), self._noted(send, "send(…)")
        try:
            await self._awaitable(self.app(scope, *steps))
        except asyncio.CancelledError as error:
            self.place = aside.raised_at(error)
            raise
        except BaseException as error:
            self.error = error
            raise

    def close(self) -> None:
        """Find what was never awaited, and end it before Python warns of it."""
        waiting = [s for s in self._steps if inspect.getcoroutinestate(s[0]) == "CORO_CREATED"]
        for step, _ in waiting:
            step.close()
        self.forgotten = waiting[0][1] if waiting else None

    def _noted(self, step: Any, name: str) -> Any:
        def noted(*arguments: Any) -> Any:
            made = step(*arguments)
            self._steps.append((made, f"`{name}` at {aside.line_of(sys._getframe(1))}"))
            return made

        return noted

    def _awaitable(self, made: Any) -> Any:
        """What calling the application gave, if it can be awaited. Raises Wrong."""
        if inspect.isasyncgen(made):
            raise Wrong("your app has a `yield`, so calling it runs nothing: use `await send(…)`")
        if not inspect.isawaitable(made):
            raise Wrong("your app is a plain `def`: a server awaits it, so write `async def`")
        return made


def _judge_callable(app: Any) -> None:
    """Raise Wrong for what no server could call."""
    if inspect.iscoroutine(app):
        app.close()
        raise Wrong("you called the app: give `app` itself, without brackets behind it")
    url = getattr(app, "url", None)
    want(not isinstance(url, str), "this is a site: give the app itself, not what serves it")
    want(callable(app), f"`{repr(app)[:60]}` is no app: a server calls it as a function")
    try:
        inspect.signature(app).bind({}, None, None)
    except ValueError:  # a built-in that does not tell
        return
    except TypeError:
        raise Wrong(_mismatch(app)) from None


def _mismatch(app: Any) -> str:
    if inspect.isclass(app):
        return f"your app is a class: give an instance, `{app.__name__}()`"
    takes = str(inspect.signature(app))
    return f"your app takes {takes}, and a server calls it with (scope, receive, send)"


# -- judging it


def _judge_end(call: Call, watched: Watched) -> None:
    """Raise Wrong where the application did not come to a good end."""
    if isinstance(watched.error, Wrong):
        raise Wrong(str(watched.error), call)
    want(not watched.forgotten, f"there is no `await` before {watched.forgotten}", call)
    if watched.error is not None:
        raise Wrong(raised("app", watched.error), call)
    # Waiting for http.disconnect behind a whole response is allowed (H31).
    if call.ended == "waiting" and not _is_whole(call.sent):
        at = f" at {watched.place}" if watched.place else ""
        raise Wrong(f"your app waits{at}, and the response is not complete", call)


def _is_whole(sent: list[Message]) -> bool:
    last = sent[-1] if sent else {}
    return last.get("type") == "http.response.body" and not last.get("more_body", False)


def _answer(call: Call) -> Answer:
    """Read the messages of a response. Raises Wrong where they are none."""
    want(call.sent, "your app sent nothing: an answer is http.response.start and a body", call)
    for message in call.sent:
        _judge_type(message, call)
    start, *bodies = call.sent
    want(start["type"] == KNOWN[0], "the body came first: send http.response.start before it", call)
    want(bodies, "there is no http.response.body: without one the response never ends", call)
    for body in bodies:
        _judge_body(body, last=body is bodies[-1], call=call)
    content = b"".join(body.get("body", b"") for body in bodies)
    answer = Answer(_status(start, call), _headers(start, call), content, call)
    _judge_length(answer)
    return answer


def _status(start: Message, call: Call) -> int:
    want("status" in start, "http.response.start has no `status`", call)
    status = start["status"]
    want(isinstance(status, int), f"`status` is an int, and yours is {status!r}", call)
    return int(status)


def _judge_length(answer: Answer) -> None:
    """Raise Wrong where Content-Length and the body differ: the server would cut it or raise.

    The answer to a HEAD speaks of the body that a GET would have.
    """
    if answer.call.scope["method"] == "HEAD":
        return
    for said in answer.values(b"content-length"):
        size = len(answer.body)
        text = f"content-length says {said.decode('latin-1')}, and the body has {size} bytes"
        want(said == b"%d" % size, f"{text}: count bytes, not characters", answer.call)


def _judge_type(message: Any, call: Call) -> None:
    want(isinstance(message, dict), f"send() takes a dict, not {message!r}", call)
    kind = message.get("type")
    want(kind is not None, 'a message has no `"type"`', call)
    near = difflib.get_close_matches(str(kind), KNOWN, n=1)
    meant = f": did you mean `{near[0]}`?" if near else ""
    want(kind in KNOWN, f"`{kind}` is no message that answers a request{meant}", call)


def _judge_body(message: Message, *, last: bool, call: Call) -> None:
    want(message["type"] == KNOWN[1], "http.response.start was sent twice: it begins once", call)
    body, more = message.get("body", b""), message.get("more_body", False)
    fix = ": bytes cross a socket, so `.encode()` it" if isinstance(body, str) else ""
    want(
        isinstance(body, bytes | bytearray | memoryview),
        f"`body` is a {type(body).__name__}{fix}",
        call,
    )
    want(more or last, "a body follows the last one: send the earlier with `more_body` True", call)
    want(not (more and last), "the last body says `more_body`, so the client waits for more", call)


def _headers(start: Message, call: Call) -> list[tuple[bytes, bytes]]:
    """The pairs, whatever iterables they come in. Raises Wrong."""
    given = start.get("headers", [])
    want(isinstance(given, Iterable), f"`headers` is pairs, and yours is {given!r}", call)
    want(not isinstance(given, dict), "`headers` is a dict: it is a list of pairs", call)
    pairs = [tuple(pair) if isinstance(pair, Iterable) else (pair,) for pair in given]
    for pair in pairs:
        whole = len(pair) == 2 and all(isinstance(part, bytes) for part in pair)
        want(whole, f"a header is a pair of bytes, and yours is {pair!r}", call)
    return [(name.lower(), value) for name, value in pairs]
