"""Chapter 12's framework: answers, routes, middleware, dependencies.

    from apps.nano import Depends, HTTPError, Nano, Request

Everything in here is an ASGI app: a response, a route, a router, an
endpoint. What one cannot answer itself it hands on, with `scope`,
`receive` and `send`.
"""

import asyncio
import json
import re
from inspect import iscoroutinefunction, signature
from urllib.parse import parse_qsl

# an answer


class Response:
    """An answer, and an app that gives it."""

    def __init__(self, body=b"", status=200, kind="text/plain"):
        self.body = body.encode() if isinstance(body, str) else body
        self.status, self.kind = status, kind

    async def __call__(self, scope, receive, send):
        headers = [(b"content-type", self.kind.encode()),
                   (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start",
                    "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def answer(value, status=200):
    """A response of what an endpoint returned."""
    if isinstance(value, Response):
        return value
    if isinstance(value, str | bytes):
        return Response(value, status)
    return Response(json.dumps(value), status, "application/json")


class HTTPError(Exception):
    """Raise it anywhere below the router, and it is the answer."""

    def __init__(self, status, detail=""):
        super().__init__(detail)
        self.status = status


# a question


class Request:
    """A scope and the way to its body, with shorter names."""

    def __init__(self, scope, receive):
        self.scope, self.receive = scope, receive
        self.method, self.path = scope["method"], scope["path"]
        self.params = scope.get("path_params", {})
        self.headers = {name.decode("latin-1"): value.decode("latin-1")
                        for name, value in scope["headers"]}
        self.query = dict(parse_qsl(scope["query_string"].decode()))

    async def body(self):
        parts, more = [], True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the client has left")
            if message["type"] != "http.request":
                raise ValueError(message["type"])  # C19
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        return b"".join(parts)


# routes

CONVERTERS = {"str": (r"[^/]+", str), "int": (r"[0-9]+", int),
              "path": (r".*", str)}


def compiled(pattern):
    """A path with `{name:kind}` in it, as an expression and kinds."""
    text, kinds = "", {}
    parts = re.split(r"{(\w+)(?::(\w+))?}", pattern)
    for plain, name, kind in zip(parts[::3], parts[1::3], parts[2::3],
                                 strict=False):
        expression, kinds[name] = CONVERTERS[kind or "str"]
        text += f"{re.escape(plain)}(?P<{name}>{expression})"
    return re.compile(text + re.escape(parts[-1])), kinds


def moved(prefix, app):
    """An app that is called below a prefix (H09)."""
    async def below(scope, receive, send):
        root = scope.get("root_path", "") + prefix
        await app({**scope, "root_path": root}, receive, send)
    return below


class Router:
    def __init__(self):
        self.routes = []

    def route(self, pattern, method="GET"):
        def take(endpoint):
            self.routes.append(
                (*compiled(pattern), method, called(endpoint)))
            return endpoint
        return take

    def mount(self, prefix, app):
        inside = re.compile(re.escape(prefix) + "(/.*)?")
        self.routes.append((inside, {}, None, moved(prefix, app)))

    async def __call__(self, scope, receive, send):
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        fits = [(found, route) for route in self.routes
                if (found := route[0].fullmatch(path))]
        for found, (_, kinds, method, app) in fits:
            if method in (None, scope["method"]):
                found = {n: kinds[n](found[n]) for n in kinds}
                inner = {**scope, "path_params": found}  # C25
                return await app(inner, receive, send)
        raise HTTPError(405 if fits else 404, "not here")


# endpoints


class Depends:
    """The default of a parameter: call this, and pass its result."""

    def __init__(self, function):
        self.function = function


async def run(function, *arguments, **named):
    """A coroutine on the loop, a plain function in a thread."""
    if iscoroutinefunction(function):
        return await function(*arguments, **named)
    return await asyncio.to_thread(function, *arguments, **named)


async def solve(function, request, cache):
    """Call a function with what its parameters ask for."""
    named = {}
    for name, parameter in signature(function).parameters.items():
        if isinstance(parameter.default, Depends):
            wanted = parameter.default.function
            if wanted not in cache:
                cache[wanted] = await solve(wanted, request, cache)
            named[name] = cache[wanted]
        else:
            named[name] = request.params.get(name, request)
    return await run(function, **named)


def called(endpoint):
    """An endpoint as an app."""
    async def app(scope, receive, send):
        request = Request(scope, receive)
        value = await solve(endpoint, request, {})
        await answer(value)(scope, receive, send)
    return app


# the whole


def told(error):
    if isinstance(error, HTTPError):
        return Response(str(error), error.status)
    return Response("an error of the server", 500)


class Errors:
    """Middleware: what was raised is the answer, if none has begun."""

    def __init__(self, app, known):
        self.app, self.known = app, known

    async def __call__(self, scope, receive, send):
        begun = False

        async def watched(message):
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except self.known as error:
            if not begun:
                await told(error)(scope, receive, send)
            if begun or not isinstance(error, HTTPError):
                raise  # the server's log lives on it (C21)


class Nano(Router):
    """A router, in middleware, that answers for its errors."""

    def __init__(self):
        super().__init__()
        self.layers = []

    def add(self, layer, *arguments, **named):
        """Put middleware around the app: the last is outermost."""
        self.layers.append((layer, arguments, named))

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])  # C15
        app = Errors(super().__call__, HTTPError)
        for layer, arguments, named in self.layers:
            app = layer(app, *arguments, **named)
        await Errors(app, Exception)(scope, receive, send)
