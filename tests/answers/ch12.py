"""Learners' answers to the exercises of chapter 12."""

_OUTER = """\
def named(app, make):
    async def outer(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        given = dict(scope["headers"]).get(b"x-request-id")
        name = given or make().encode()
        async def with_name(message):
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-request-id", name)]
                message = {**message, "headers": headers}
            await send(message)
        await app(scope, receive, with_name)
    return outer
"""

_SIZED = """\
def sized(app, note):
    async def outer(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        kept = [await receive()]
        while kept[-1].get("more_body"):
            kept.append(await receive())
        note(sum(len(message.get("body", b"")) for message in kept))
        async def again():
            return kept.pop(0) if kept else await receive()
        await app(scope, again, send)
    return outer
"""

_ERRORS = """\
def errors(app):
    async def outer(scope, receive, send):
        begun = False
        async def watched(message):
            nonlocal begun
            begun = True
            await send(message)
        try:
            await app(scope, receive, watched)
        except Exception:
            if not begun and scope["type"] == "http":
                await send({"type": "http.response.start", "status": 500})
                await send({"type": "http.response.body", "body": b"sorry"})
            raise
    return outer
"""

_CLIENT = """\
from urllib.parse import unquote

async def client(app, method, path, body=b""):
    target, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": unquote(target),
             "query_string": query.encode(), "headers": []}
    left = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]
    sent = []
    async def receive():
        return left.pop(0)
    async def send(message):
        sent.append(message)
    await app(scope, receive, send)
    whole = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], sent[0].get("headers", []), whole
"""

WRONG = {
    "12.1": [
        (
            "A dot is any sign.",
            """\
import re

def match(pattern, path):
    text = re.sub(r"{(\\w+)}", r"(?P<\\1>[^/]+)", pattern)
    text = re.sub(r"{(\\w+):int}", r"(?P<\\1>[0-9]+)", text)
    text = re.sub(r"{(\\w+):path}", r"(?P<\\1>.*)", text)
    found = re.fullmatch(text, path)
    if not found:
        return None
    return {n: int(v) if f"{n}:int" in pattern else v for n, v in found.groupdict().items()}
""",
        ),
        (
            "A number stays text.",
            """\
import re

def match(pattern, path):
    text = re.sub(r"{(\\w+)}", r"(?P<\\1>[^/]+)", re.sub(r":int", "", pattern))
    found = re.fullmatch(text, path)
    return found and found.groupdict()
""",
        ),
        (
            "The beginning is enough.",
            """\
import re

def match(pattern, path):
    text = re.sub(r"{(\\w+)}", r"(?P<\\1>[^/]+)", pattern)
    found = re.match(text, path)
    return found and found.groupdict()
""",
        ),
        ("No values.", "def match(pattern, path):\n    return {} if pattern == path else None\n"),
        (
            "An async def.",
            "async def match(pattern, path):\n    return {}\n",
        ),
        ("It raises.", "def match(pattern, path):\n    return {}[pattern]\n"),
    ],
    "12.2": [
        ("Nothing is added.", "def named(app, make):\n    return app\n"),
        ("What the client gave is not looked at.", _OUTER.replace("given or ", "")),
        (
            "Headers are believed to be a list.",
            _OUTER.replace(
                '[*message.get("headers", ()), (b"x-request-id", name)]',
                '[*message["headers"], (b"x-request-id", name)]',
            ),
        ),
        (
            "The headers of the app are replaced.",
            _OUTER.replace(
                '[*message.get("headers", ()), (b"x-request-id", name)]',
                '[(b"x-request-id", name)]',
            ),
        ),
        (
            "Every scope is believed to be a request.",
            _OUTER.replace(
                '        if scope["type"] != "http":\n'
                "            return await app(scope, receive, send)\n",
                "",
            ),
        ),
        (
            "The middleware itself is an async def.",
            "async def named(app, make):\n    return app\n",
        ),
        (
            "One name for all.",
            _OUTER.replace(
                "    async def outer", "    one = make().encode()\n    async def outer", 1
            ).replace("make().encode()\n        async", "one\n        async"),
        ),
    ],
    "12.3": [
        (
            "The body is read, and gone.",
            _SIZED.replace("await app(scope, again, send)", "await app(scope, receive, send)"),
        ),
        (
            "The first message is taken for the body.",
            _SIZED.replace('while kept[-1].get("more_body")', "while False"),
        ),
        (
            "Noted in the end.",
            """\
def sized(app, note):
    async def outer(scope, receive, send):
        size = 0
        async def counted():
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message
        await app(scope, counted, send)
        note(size)
    return outer
""",
        ),
        (
            "Behind the body there is nothing.",
            _SIZED.replace("kept.pop(0) if kept else await receive()", "kept.pop(0)"),
        ),
        (
            "The last message again and again.",
            _SIZED.replace(
                "kept.pop(0) if kept else await receive()",
                "kept.pop(0) if kept[1:] else kept[0]",
            ),
        ),
        (
            "Every scope is believed to have a body.",
            _SIZED.replace(
                '        if scope["type"] != "http":\n'
                "            return await app(scope, receive, send)\n",
                "",
            ),
        ),
    ],
    "12.4": [
        ("It goes past.", "def errors(app):\n    return app\n"),
        ("The error ends here.", _ERRORS.replace("            raise\n", "")),
        ("A second start.", _ERRORS.replace("            begun = True\n", "")),
        (
            "A 500 without an end.",
            _ERRORS.replace(
                '                await send({"type": "http.response.body", "body": b"sorry"})\n', ""
            ),
        ),
        ("A 200 with bad news.", _ERRORS.replace('"status": 500', '"status": 200')),
        (
            "Another error in its place.",
            _ERRORS.replace(
                "            raise\n", '            raise RuntimeError("sorry") from None\n'
            ),
        ),
    ],
    "12.5": [
        (
            "On the loop, both.",
            """\
import inspect

def endpoint(function):
    async def app(scope, receive, send):
        text = function()
        if inspect.isawaitable(text):
            text = await text
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": text.encode()})
    return app
""",
        ),
        (
            "Another alphabet.",
            """\
import asyncio, inspect

def endpoint(function):
    async def app(scope, receive, send):
        if inspect.iscoroutinefunction(function):
            text = await function()
        else:
            text = await asyncio.to_thread(function)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": text.encode("latin-1")})
    return app
""",
        ),
        (
            "A pool that knows no context.",
            """\
import asyncio, inspect

def endpoint(function):
    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        if inspect.iscoroutinefunction(function):
            text = await function()
        else:
            text = await loop.run_in_executor(None, function)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": text.encode()})
    return app
""",
        ),
        (
            "Errors are swallowed.",
            """\
import asyncio, inspect

def endpoint(function):
    async def app(scope, receive, send):
        try:
            if inspect.iscoroutinefunction(function):
                text = await function()
            else:
                text = await asyncio.to_thread(function)
        except ValueError:
            text = "sorry"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": text.encode()})
    return app
""",
        ),
        ("An async def.", "async def endpoint(function):\n    return function\n"),
        ("No app.", "def endpoint(function):\n    return 'text'\n"),
    ],
    "12.6": [
        (
            "Nothing is called.",
            'async def client(app, method, path, body=b""):\n    return 200, [], b""\n',
        ),
        ("The path as it was written.", _CLIENT.replace("unquote(target)", "target")),
        ("The query as text.", _CLIENT.replace("query.encode()", "query")),
        (
            "The body comes again and again.",
            _CLIENT.replace("return left.pop(0)", "return left[0]"),
        ),
        (
            "Only the first piece of the answer.",
            _CLIENT.replace(
                'b"".join(message.get("body", b"") for message in sent)', 'sent[1]["body"]'
            ),
        ),
        (
            "What the app raises is kept quiet.",
            _CLIENT.replace(
                "    await app(scope, receive, send)\n",
                "    try:\n        await app(scope, receive, send)\n"
                "    except ValueError:\n        return 500, [], b''\n",
            ),
        ),
        (
            "It waits behind the body.",
            _CLIENT.replace(
                "        return left.pop(0)",
                "        import asyncio\n        if len(left) == 1:\n"
                "            await asyncio.Event().wait()\n        return left.pop(0)",
            ),
        ),
        ("A plain def.", "def client(app, method, path, body=b''):\n    return 200, [], b''\n"),
    ],
}

RIGHT = {
    "12.1": [
        (
            "Part by part.",
            """\
def match(pattern, path):
    wanted, given, found = pattern.split("/"), path.split("/"), {}
    for n, part in enumerate(wanted):
        if part.startswith("{"):
            name, _, kind = part[1:-1].partition(":")
            if kind == "path":
                found[name] = "/".join(given[n:])
                return found if len(given) > n else None
            if n >= len(given) or not given[n] or (kind == "int" and not given[n].isdigit()):
                return None
            found[name] = int(given[n]) if kind == "int" else given[n]
        elif n >= len(given) or given[n] != part:
            return None
    return found if len(given) == len(wanted) else None
""",
        ),
    ],
    "12.2": [
        (
            "A class, as Starlette has it.",
            """\
from starlette.datastructures import Headers, MutableHeaders

class named:
    def __init__(self, app, make):
        self.app, self.make = app, make

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = Headers(scope=scope).get("x-request-id") or self.make()

        async def with_name(message):
            if message["type"] == "http.response.start":
                message["headers"] = list(message.get("headers", []))
                MutableHeaders(scope=message)["x-request-id"] = name
            await send(message)

        await self.app(scope, receive, with_name)
""",
        ),
    ],
    "12.3": [
        (
            "One message in place of all.",
            """\
def sized(app, note):
    async def outer(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body += message.get("body", b"")
            more = message.get("more_body", False)
        note(len(body))
        first = [message if more else {"type": "http.request", "body": body}]
        async def again():
            return first.pop() if first else await receive()
        await app(scope, again, send)
    return outer
""",
        ),
        (
            "Who has left gets no app.",
            _SIZED.replace(
                "        note(sum(",
                '        if kept[-1]["type"] == "http.disconnect":\n            return\n'
                "        note(sum(",
            ),
        ),
    ],
    "12.4": [
        (
            "A class.",
            """\
class errors:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        starts = []
        async def noting(message):
            starts.append(message["type"])
            await send(message)
        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if scope["type"] == "http" and not starts:
                await send({"type": "http.response.start", "status": 500, "headers": []})
                await send({"type": "http.response.body"})
            raise error
""",
        ),
    ],
    "12.5": [
        (
            "With anyio, as Starlette does.",
            """\
import inspect
from anyio.to_thread import run_sync

def endpoint(function):
    async def app(scope, receive, send):
        if inspect.iscoroutinefunction(function):
            text = await function()
        else:
            text = await run_sync(function)
        body = text.encode()
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})
    return app
""",
        ),
    ],
    "12.6": [
        (
            "With a queue.",
            _CLIENT.replace("return left.pop(0)", "return left.pop(0) if left else left"),
        ),
    ],
}
