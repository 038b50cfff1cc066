"""Learners' answers to the exercises of chapter 3."""

WRONG = {
    "3.1": [
        (
            "The WSGI app is called as any function is, on the loop.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = self.run(environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "The first http.request is taken for the whole body.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    return (await receive()).get("body", b"")

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "root_path is cut off as a string: /shopping loses its first five letters.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    path = path.removeprefix(root)
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "Text is text: PATH_INFO gets the path as it is.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path,
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "root_path stays in PATH_INFO: the server has put it there.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    pass
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "All items are joined: the client sees no difference.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in [b"".join(items)]:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "A dictionary of the headers keeps one of two.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in dict(pairs).items()]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "The server's port stays a number.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": server[1],
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
        (
            "client is believed to be there always.",
            """\
import asyncio
import io
import sys

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if True:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

class WsgiToAsgi:
    def __init__(self, wsgi):
        self.wsgi = wsgi

    async def __call__(self, scope, receive, send):
        environ = environ_of(scope, await body_of(receive))
        started, items = await asyncio.to_thread(self.run, environ)
        status, pairs = started
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1"))
                   for name, value in pairs]
        await send({"type": "http.response.start",
                    "status": int(status.split()[0]), "headers": headers})
        for item in items:
            await send({"type": "http.response.body", "body": item, "more_body": True})
        await send({"type": "http.response.body"})

    def run(self, environ):
        started = []
        items = list(self.wsgi(environ, lambda status, headers: started.extend([status, headers])))
        return started, items
""",
        ),
    ],
    "3.2": [
        (
            "The lines are made first, and returned as a list.",
            """\
def countdown(environ, start_response):
    n = int(environ["QUERY_STRING"].split("=")[1])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d\\n" % number for number in range(n, 0, -1)]
""",
        ),
        (
            "Text is yielded: print takes it, after all.",
            """\
def countdown(environ, start_response):
    n = int(environ["QUERY_STRING"].split("=")[1])
    start_response("200 OK", [])
    for number in range(n, 0, -1):
        yield f"{number}\\n"
""",
        ),
        (
            "One yield, for the whole text.",
            """\
def countdown(environ, start_response):
    n = int(environ["QUERY_STRING"].split("=")[1])
    start_response("200 OK", [])
    yield b"".join(b"%d\\n" % number for number in range(n, 0, -1))
""",
        ),
        (
            "A generator is believed to need no start_response.",
            """\
def countdown(environ, start_response):
    n = int(environ["QUERY_STRING"].split("=")[1])
    for number in range(n, 0, -1):
        yield b"%d\\n" % number
""",
        ),
        (
            "The query is used as a number.",
            """\
def countdown(environ, start_response):
    start_response("200 OK", [])
    for number in range(environ["QUERY_STRING"], 0, -1):
        yield b"%d\\n" % number
""",
        ),
    ],
    "3.3": [
        (
            "HTTP/2 is believed to be out of reach.",
            """\
can = ["yes", "no", "no", "yes", "no", "no"]
""",
        ),
        (
            "One request at a time.",
            """\
can = ["yes", "no", "yes", "no", "no", "no"]
""",
        ),
        (
            "A generator is believed to notice that the client has left.",
            """\
can = ["yes", "no", "yes", "yes", "yes", "no"]
""",
        ),
        (
            "WSGI is old, so it can do nothing of this.",
            """\
can = ["no"] * 6
""",
        ),
    ],
    "3.4": [
        (
            "Percent signs, as in a URL.",
            """\
from urllib.parse import quote, unquote

def to_environ(path):
    return quote(path)

def to_path(path_info):
    return unquote(path_info)
""",
        ),
        (
            "latin-1 is believed to be the encoding of the path: it has no euro.",
            """\
def to_environ(path):
    return path.encode("latin-1").decode("latin-1")

def to_path(path_info):
    return path_info
""",
        ),
        (
            "The two directions are swapped.",
            """\
def to_environ(path):
    return path.encode("latin-1").decode("utf-8")

def to_path(path_info):
    return path_info.encode("utf-8").decode("latin-1")
""",
        ),
        (
            "Only the way there is written.",
            """\
def to_environ(path):
    return path.encode().decode("latin-1")

def to_path(path_info):
    return path_info
""",
        ),
        (
            "Bytes are given, because PATH_INFO is about bytes.",
            """\
def to_environ(path):
    return path.encode()

def to_path(path_info):
    return path_info.decode()
""",
        ),
    ],
}

RIGHT = {
    "3.1": [
        (
            "A function that returns a function, and everything runs in one call of a thread.",
            """\
import asyncio
import io
import sys
import threading

def environ_of(scope, body):
    root, path = scope.get("root_path", ""), scope["path"]
    if (path + '/').startswith(root + '/'):
        path = path[len(root):]
    server = scope.get("server") or ("localhost", 80)
    environ = {"REQUEST_METHOD": scope["method"],
               "SCRIPT_NAME": root.encode().decode("latin-1"),
               "PATH_INFO": path.encode().decode("latin-1"),
               "QUERY_STRING": scope["query_string"].decode("latin-1"),
               "SERVER_NAME": server[0], "SERVER_PORT": str(server[1]),
               "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
               "wsgi.version": (1, 0), "wsgi.multithread": True,
               "wsgi.multiprocess": False, "wsgi.run_once": False,
               "wsgi.url_scheme": scope.get("scheme", "http"),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}
    if scope["client"]:
        host, port = scope["client"]
        environ.update(REMOTE_ADDR=host, REMOTE_HOST=host, REMOTE_PORT=str(port))
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

def WsgiToAsgi(wsgi):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        environ = environ_of(scope, await body_of(receive))
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue()

        def call():
            started = []
            tell = lambda thing: asyncio.run_coroutine_threadsafe(waiting.put(thing), loop)
            for item in wsgi(environ, lambda *said: started.append(said)):
                if started:
                    tell(started.pop())
                sent = threading.Event()
                tell((item, sent))
                sent.wait()
            tell(None)

        work = asyncio.ensure_future(asyncio.to_thread(call))
        status, pairs = await waiting.get()
        headers = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)
        await send({"type": "http.response.start", "status": int(status[:3]), "headers": headers})
        while (told := await waiting.get()) is not None:
            await send({"type": "http.response.body", "body": told[0], "more_body": True})
            told[1].set()
        await send({"type": "http.response.body"})
        await work

    return app
""",
        ),
    ],
    "3.2": [
        (
            "No yield of its own: a generator expression is returned.",
            """\
def countdown(environ, start_response):
    n = int(environ["QUERY_STRING"].removeprefix("n="))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"%d\\n" % number for number in range(n, 0, -1))
""",
        ),
    ],
    "3.3": [
        (
            "True and False instead of words, in a tuple.",
            """\
can = (True, False, True, True, False, False)
""",
        ),
    ],
    "3.4": [
        (
            "A character for each byte, made by hand.",
            """\
def to_environ(path):
    return "".join(map(chr, path.encode()))

def to_path(path_info):
    return bytes(map(ord, path_info)).decode()
""",
        ),
    ],
}
