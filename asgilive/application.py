"""An application as a site sees it: what can be called as one, where to import it, how it starts.

Rules: nothing here starts or stops anything; the lifespan is watched at the application's
boundary, so it does not matter which server speaks it, in this process or in another.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import reduce
from typing import Any

from asgilive.recording import App, Message, Receive, Scope, Send, describe


def check(app: Any) -> None:
    """Raise TypeError for what no server could call, with the likely reason."""
    if not callable(app):
        raise TypeError(
            f"{app!r} is not an application: one is called as app(scope, receive, send)"
        )
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):  # built-ins do not tell
        return
    try:
        signature.bind({}, None, None)
    except TypeError:
        raise TypeError(
            f"{name_of(app)} cannot be called as app(scope, receive, send): {_hint(app, signature)}"
        ) from None


def _hint(app: Any, signature: inspect.Signature) -> str:
    if inspect.isclass(app):
        return f"it is a class; did you mean {name_of(app)}(…)?"
    if len(signature.parameters) == 2:
        return f"it takes {signature}; a WSGI application runs with server='wsgiref'"
    return f"it takes {signature}"


def name_of(thing: Any) -> str:
    """What a card calls an application or a server."""
    if isinstance(thing, str):
        return thing
    return str(getattr(thing, "__name__", type(thing).__name__))


def load(target: str) -> App:
    """The application that an import string names: "module:name", "module" for its `app`."""
    module, _, name = target.partition(":")
    home: Any = importlib.import_module(module)
    found: App = reduce(getattr, (name or "app").split("."), home)
    return found


class Lifespan:
    """The application, with its lifespan watched (ASGI specification, "Lifespan Protocol").

    `state` is "not asked" (no server spoke of it), "off", "starting", "complete", "not supported
    (…)" or "failed: …"; `failure` is the sentence for an application that would not start. `tell`
    is called after each change.
    """

    def __init__(
        self,
        app: App,
        state: str = "not asked",
        tell: Callable[[Lifespan], None] = lambda lifespan: None,
    ) -> None:
        self.app = app
        self.state = state
        self.failure: str | None = None
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the call on; a lifespan's is listened to."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        self._is("starting")
        try:
            await self.app(scope, receive, self._watching(send))
        except Exception as error:
            if self.starting:
                why = f"the application raised {describe(error)} in its lifespan"
                self._is(f"not supported ({type(error).__name__})", why)
            raise
        if self.starting:
            self._is("not supported (it returned)")

    def _watching(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            kind = message.get("type")
            if kind == "lifespan.startup.complete":
                self._is("complete")
            elif kind == "lifespan.startup.failed":
                text = message.get("message") or "no reason given"
                self._is(f"failed: {text}", f"lifespan.startup.failed: {text}")
            await send(message)

        return watched

    def _is(self, state: str, failure: str | None = None) -> None:
        self.state, self.failure = state, failure
        self._tell(self)

    @property
    def starting(self) -> bool:
        """Whether the application has been asked to start and has not answered."""
        return self.state == "starting"
