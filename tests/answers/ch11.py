"""Answers to chapter 11: servers that stop at each stage, and the chapter's with one fault each.

`changed` gives the chapter's server with a text of its files replaced, as a reader's slip would.
The streams server below is a reader's own, from the first stage to the sixth.
"""

import sys
import types
from pathlib import Path

APPS = Path(__file__).parent.parent.parent / "notebooks" / "apps"


def changed(*slips):
    """The chapter's server with each (old, new) replaced in the file that has it."""
    texts = {name: (APPS / f"{name}.py").read_text("utf-8") for name in ("calls", "server")}
    for old, new in slips:
        name = next(name for name in texts if old in texts[name])
        texts[name] = texts[name].replace(old, new, 1)
    texts["server"] = texts["server"].replace("from apps.calls import", "from slips_calls import")
    for name in texts:
        module = types.ModuleType(f"slips_{name}")
        sys.modules[module.__name__] = module  # dataclasses look there
        exec(compile(texts[name], f"{name}.py", "exec"), module.__dict__)
    return sys.modules["slips_server"].server


def slip(*slips):
    """The code of an answer: the chapter's server with these slips."""
    return f"from answers.ch11 import changed\nserver = changed(*{slips!r})\n"


# -- a reader's own, on streams: each stage adds to the one before

ONE = """\
import asyncio

async def client(reader, writer):
    try:
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n")
    finally:
        writer.close()

async def server(app, sock):
    listener = await asyncio.start_server(client, sock=sock)
    try:
        await asyncio.Event().wait()
    finally:
        listener.close()
"""

TWO = """\
import asyncio

async def client(reader, writer):
    try:
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        first, *lines = head[:-4].split(b"\\r\\n")
        method, target, version = first.split(b" ")
        pairs = [line.split(b":", 1) for line in lines]
        fine = b"host" in {name.lower() for name, _ in pairs}
    except (ValueError, asyncio.LimitOverrunError):
        fine = False
    except asyncio.IncompleteReadError:
        return writer.close()
    status = b"200 OK" if fine else b"400 Bad Request"
    writer.write(b"HTTP/1.1 " + status + b"\\r\\ncontent-length: 0\\r\\n\\r\\n")
    writer.close()

async def server(app, sock):
    listener = await asyncio.start_server(client, sock=sock)
    try:
        await asyncio.Event().wait()
    finally:
        listener.close()
"""

SIX = """\
import asyncio
from functools import partial
from urllib.parse import unquote
import h11

class Call:
    def __init__(self, app, reader, writer):
        self.app, self.reader, self.writer = app, reader, writer
        self.conn = h11.Connection(h11.SERVER)

    async def event(self):
        while (event := self.conn.next_event()) is h11.NEED_DATA:
            self.conn.receive_data(await self.reader.read(65536))
        return event

    async def run(self):
        try:
            while await self.one():
                self.conn.start_next_cycle()
        except h11.RemoteProtocolError:
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                self.write(h11.Response(status_code=400, headers=[("connection", "close")]))
                self.write(h11.EndOfMessage())
        except OSError:
            pass
        self.writer.close()

    def write(self, *events):
        self.writer.write(b"".join(map(self.conn.send, events)))

    async def one(self):
        request = await self.event()
        if type(request) is not h11.Request:
            return False
        self.asked = request
        path, _, query = request.target.partition(b"?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"},
            "http_version": request.http_version.decode(),
            "method": request.method.decode(), "path": unquote(path.decode()),
            "raw_path": path, "query_string": query, "headers": list(request.headers),
            "client": self.writer.get_extra_info("peername"),
            "server": self.writer.get_extra_info("sockname"),
        }
        self.over = False
        try:
            await self.app(scope, self.receive, self.send)
        except Exception:
            pass
        if self.conn.our_state is h11.SEND_RESPONSE:
            self.write(h11.Response(status_code=500, headers=[("content-length", "0")]),
                       h11.EndOfMessage())
        if not self.over:
            return False
        while self.conn.their_state is h11.SEND_BODY:
            await self.event()
        return self.conn.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    async def receive(self):
        if self.conn.their_state is not h11.SEND_BODY:
            await asyncio.Event().wait()
        event = await self.event()
        more = type(event) is h11.Data
        return {"type": "http.request", "more_body": more,
                "body": bytes(event.data) if more else b""}

    async def send(self, message):
        if message["type"] == "http.response.start":
            pairs = [tuple(pair) for pair in message.get("headers", ())]
            self.write(h11.Response(status_code=message["status"], headers=pairs))
        elif message["type"] == "http.response.body":
            if self.conn.our_state is not h11.SEND_BODY:
                raise RuntimeError("no start")
            body = message.get("body", b"")
            if self.asked.method != b"HEAD":
                self.write(h11.Data(data=body))
            if not message.get("more_body"):
                self.write(h11.EndOfMessage())
                self.over = True
        else:
            raise RuntimeError(message["type"])
        await self.writer.drain()

async def client(app, reader, writer):
    await Call(app, reader, writer).run()

async def server(app, sock):
    listener = await asyncio.start_server(partial(client, app), sock=sock)
    try:
        await asyncio.Event().wait()
    finally:
        listener.close()
"""

UVICORN = "from asgilive.servers import uvicorn as server\n"


# -- with one fault each

CLOSES = (
    "        last = self.http.our_state is not h11.DONE\n",
    "        last = True\n",
)

WRONG = {
    "11.1": [
        (
            "Returns, and the listener with it.",
            ONE.replace(
                "await asyncio.Event().wait()\n    finally", "await asyncio.sleep(0)\n    finally"
            ),
        ),
        (
            "A plain def.",
            ONE.replace("async def server", "def server").replace(
                "    listener = await asyncio.start_server(client, sock=sock)\n"
                "    try:\n        await asyncio.Event().wait()\n"
                "    finally:\n        listener.close()\n",
                "    return asyncio.start_server\n",
            ),
        ),
        (
            "One client at a time, as a loop of accepts is.",
            """\
import asyncio

async def server(app, sock):
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    while True:
        client, _ = await loop.sock_accept(sock)
        with client:
            await loop.sock_recv(client, 100)
            await loop.sock_sendall(client, b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
""",
        ),
        ("Answers, but not in HTTP.", ONE.replace("HTTP/1.1 200 OK", "hello")),
        (
            "Says nothing at all.",
            ONE.replace("    writer.write", "    print").replace(
                'print(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n")',
                "await asyncio.Event().wait()",
            ),
        ),
        (
            "Does not end when it is cancelled.",
            """\
import asyncio

class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")

async def server(app, sock):
    await asyncio.get_running_loop().create_server(Connection, sock=sock)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if getattr(server, "asked", 0) > 5:
                raise
            server.asked = getattr(server, "asked", 0) + 1
""",
        ),
        ("Takes the socket alone.", "async def server(sock):\n    pass\n"),
    ],
    "11.2": [
        ("The server of stage 1: answers before it is asked.", ONE),
        (
            "Takes the first packet for the head.",
            TWO.replace('await reader.readuntil(b"\\r\\n\\r\\n")', "await reader.read(65536)"),
        ),
        ("Believes everything.", TWO.replace('else b"400 Bad Request"', 'else b"200 OK"')),
        (
            "Asks for no Host.",
            TWO.replace('fine = b"host" in {name.lower() for name, _ in pairs}', "fine = True"),
        ),
        (
            "Hangs up without a word.",
            TWO.replace(
                "    status =", "    if not fine:\n        return writer.close()\n    status ="
            ),
        ),
        (
            "Takes a head of any size.",
            slip(
                (
                    "h11.Connection(h11.SERVER, self.limits.head)",
                    "h11.Connection(h11.SERVER, 1 << 30)",
                ),
                ("wait: float = 15", "wait: float = 9999"),
            ),
        ),
        (
            "A slip in data_received.",
            slip(("        self.take(data)\n", "        self.tale(data)\n")),
        ),
    ],
    "11.3": [
        ("The server of stage 2: no app is called.", TWO),
        ("The path as it came.", slip(('"path": unquote(path.decode())', '"path": path.decode()'))),
        ("raw_path with the query.", slip(('"raw_path": path,', '"raw_path": target,'))),
        ("Headers as a dict.", slip(('"headers": headers,', '"headers": dict(headers),'))),
        (
            "Header names as they came.",
            slip(("fields = [*request.headers]", "fields = request.headers.raw_items()")),
        ),
        (
            "The version as bytes.",
            slip(
                (
                    '"http_version": request.http_version.decode()',
                    '"http_version": request.http_version',
                )
            ),
        ),
        ("No client.", slip(('"client": (there or ())[:2] or None', '"client": None'))),
        ("The server's port as text.", slip(("else here[:2]", "else (here[0], str(here[1]))"))),
        (
            "One dict for all.",
            slip(
                (
                    '        return {\n            "type": "http", "scheme"',
                    '        made = {\n            "type": "http", "scheme"',
                ),
                (
                    '"state": self.server.state.copy()}',
                    '"state": self.server.state.copy()}\n        self.server.one = one = '
                    'getattr(self.server, "one", {})\n        one.update(made)\n        return one',
                ),
            ),
        ),
        (
            "Does not survive an app that raises.",
            SIX.replace(
                "        except Exception:\n            pass\n",
                "        except ZeroDivisionError:\n            pass\n",
            )
            .replace(
                "async def client(app, reader, writer):\n    await Call(app, reader, writer).run()",
                "async def client(app, reader, writer):\n    try:\n"
                "        await Call(app, reader, writer).run()\n    except ValueError:\n"
                "        listeners[0].close()",
            )
            .replace(
                "    try:\n        await asyncio.Event",
                "    listeners[:] = [listener]\n    try:\n        await asyncio.Event",
            )
            + "\nlisteners = []\n",
        ),
    ],
    "11.4": [
        (
            "The server of stage 3: receive gives an empty body.",
            SIX.replace(
                "        if self.conn.their_state is not h11.SEND_BODY:\n",
                (
                    '        return {"type": "http.request"}\n'
                    "        if self.conn.their_state is not h11.SEND_BODY:\n"
                ),
            ),
        ),
        (
            "Waits for the whole body.",
            SIX.replace(
                "        event = await self.event()\n        more",
                "        whole = b''\n"
                "        while type(event := await self.event()) is h11.Data:\n"
                "            whole += event.data\n"
                '        return {"type": "http.request", "body": whole}\n        more',
            ),
        ),
        ("Never says that it is the last.", slip(('"more_body": more}', '"more_body": True}'))),
        ("Says so at once.", slip(('"more_body": more}', '"more_body": False}'))),
        (
            "Hands on the chunks with their framing.",
            slip(
                (
                    "            parts.append(event.data)\n",
                    "            parts.append(b'%x\\r\\n' % len(event.data) + event.data)\n",
                )
            ),
        ),
        (
            "bytearrays, as h11 gives them.",
            SIX.replace("bytes(event.data) if more", "event.data if more"),
        ),
        (
            "Gives the last message again and again.",
            slip(
                (
                    "                if comes and (message := self.piece()):\n",
                    "                if not comes:\n"
                    '                    return {"type": "http.request", "body": b""}\n'
                    "                if comes and (message := self.piece()):\n",
                )
            ),
        ),
    ],
    "11.5": [
        (
            "The server of stage 4: send does nothing.",
            SIX.replace(
                "    async def send(self, message):\n",
                "    async def send(self, message):\n        return\n",
            ),
        ),
        (
            "Collects the answer and writes it in the end.",
            SIX.replace(
                '        self.writer.write(b"".join(map(self.conn.send, events)))',
                "        made = b''.join(map(self.conn.send, events))\n"
                "        self.held = getattr(self, 'held', b'') + made\n"
                "        if self.conn.our_state is not h11.SEND_BODY:\n"
                "            self.writer.write(self.held)\n            self.held = b''",
            ),
        ),
        (
            "Reads the headers twice, so a generator is empty.",
            SIX.replace(
                "            pairs =",
                "            list(message.get('headers', ()))\n            pairs =",
            ),
        ),
        (
            "A body for HEAD.",
            SIX.replace(
                "self.write(h11.Data(data=body))",
                "self.write(h11.Data(data=body))\n            else:\n"
                "                self.writer.write(body)",
            ),
        ),
        ("No 500.", SIX.replace("if self.conn.our_state is h11.SEND_RESPONSE", "if False")),
        (
            "A half answer gets an end.",
            slip(
                (
                    "        self.stop(code)\n",
                    "        if self.connection.answering and not self.over:\n"
                    "            self.write(h11.EndOfMessage())\n        self.stop(code)\n",
                )
            ),
        ),
        (
            "A half answer is left open.",
            SIX.replace(
                "        if not self.over:\n            return False\n",
                "        if not self.over:\n            await asyncio.sleep(60)\n",
            ),
        ),
        (
            "Takes what does not exist.",
            SIX.replace('raise RuntimeError(message["type"])', "return"),
        ),
        (
            "Is spoilt by what it refused.",
            slip(
                (
                    "        step = self.steps[self.state].get(kind)\n",
                    "        step = self.steps[self.state].get(kind)\n"
                    "        self.state = 'called' if step else 'spoilt'\n"
                    "        self.steps.setdefault('spoilt', {})\n",
                )
            ),
        ),
        ("A status of its own.", slip(("status_code=status,", "status_code=200,"))),
    ],
    "11.6": [
        ("The server of stage 5: one request a connection.", slip(CLOSES)),
        (
            "Forgets what has come already.",
            slip(
                (
                    "        self.expect_head()\n        self.next()\n",
                    "        self.expect_head()\n",
                )
            ),
        ),
        (
            "Answers in parallel, whoever is first.",
            slip(
                (
                    "            self.call = self.request()\n",
                    "            while (call := self.request()) and call.scope['path'] == '/0':\n"
                    "                pass\n            self.call = call\n",
                )
            ),
        ),
        (
            "Takes a left body for the next request.",
            SIX.replace(
                "        while self.conn.their_state is h11.SEND_BODY:\n"
                "            await self.event()\n",
                "        if self.conn.their_state is h11.SEND_BODY:\n"
                "            rest, _ = self.conn.trailing_data\n"
                "            self.conn = h11.Connection(h11.SERVER)\n"
                "            self.conn.receive_data(rest)\n            return await self.one()\n",
            ),
        ),
        (
            "Keeps the connection open whatever was said.",
            slip(
                (
                    "        if answer or last or self.server.stopping:\n"
                    "            return self.finish(*answer)\n",
                    "        if last:\n            return None\n",
                )
            ),
        ),
        (
            "Closes only for HTTP/1.1.",
            slip(
                (
                    "        if answer or last or self.server.stopping:\n",
                    "        if last and self.http.their_http_version == b'1.0':\n"
                    "            return None\n"
                    "        if answer or last or self.server.stopping:\n",
                )
            ),
        ),
    ],
    "11.7": [
        ("The server of stage 6: receive waits for ever.", SIX),
        (
            "Tells it once.",
            slip(
                (
                    "        return {**self.disconnect}\n",
                    "        if getattr(self, 'once', False):\n"
                    "            await asyncio.Event().wait()\n"
                    "        self.once = True\n        return {**self.disconnect}\n",
                )
            ),
        ),
        (
            "Cancels the app.",
            slip(
                (
                    "        self.server.connections.discard(self)\n",
                    "        self.server.connections.discard(self)\n"
                    "        for task in self.server.tasks:\n            task.cancel()\n",
                )
            ),
        ),
        (
            "send says nothing.",
            slip(
                (
                    '            raise ClientGone("the client has left")\n        step',
                    "            return\n        step",
                ),
                (
                    '        if self.lost:\n            raise ClientGone("the client has left")\n',
                    "",
                ),
            ),
        ),
        (
            "send raises something else.",
            slip(("class ClientGone(ConnectionError):", "class ClientGone(RuntimeError):")),
        ),
        (
            "Nothing behind an answer.",
            slip(("            while not self.done:\n", "            while True:\n")),
        ),
        (
            "An empty request behind an answer.",
            slip(
                (
                    "        return {**self.disconnect}\n",
                    '        return {"type": "http.request", "body": b""}\n',
                )
            ),
        ),
    ],
    "11.8": [
        (
            "The server of stage 7: never waits for the client.",
            slip(("        self.writable.clear()\n", "        pass\n")),
        ),
        (
            "Never wakes up again.",
            slip(
                (
                    "        self.writable.set()\n\n    async def drain",
                    "        pass\n\n    async def drain",
                )
            ),
        ),
        (
            "Reads all there is.",
            slip(("            self.transport.pause_reading()\n", "            pass\n")),
        ),
        (
            "Never reads again.",
            slip(("            self.transport.resume_reading()\n", "            pass\n")),
        ),
        (
            "Throws away what the client does not take.",
            slip(
                (
                    '        data = b"".join(map(self.http.send, parts))\n',
                    '        data = b"".join(map(self.http.send, parts))\n'
                    "        if self.connection.transport.get_write_buffer_size():\n"
                    "            data = b''\n",
                )
            ),
        ),
    ],
    "11.9": [
        (
            "The server of stage 8: no lifespan.",
            slip(
                ('        await lifespan.ask("startup")  # L10: nobody gets in before\n', ""),
                ('            await lifespan.ask("shutdown")  # L14: everybody is out\n', ""),
            ),
        ),
        (
            "Serves while the app still starts.",
            slip(
                (
                    '        await lifespan.ask("startup")  # L10: nobody gets in before\n',
                    '        task = asyncio.ensure_future(lifespan.ask("startup"))\n',
                )
            ),
        ),
        ("One state for all.", slip(("self.server.state.copy()", "self.server.state"))),
        (
            "A deep copy.",
            slip(("self.server.state.copy()", "__import__('copy').deepcopy(self.server.state)")),
        ),
        (
            "Serves an app that has said it failed.",
            slip(("            raise RuntimeError(failure)  # L12, L16\n", "            pass\n")),
        ),
        (
            "Does not serve an app that raises there.",
            slip(
                ("            log.log(logging", "            raise\n            log.log(logging"),
                (
                    "        if self.answer.done() and",
                    "        if self.task.done():\n            self.task.result()\n"
                    "        if self.answer.done() and",
                ),
            ),
        ),
        (
            "Drops the calls that run.",
            slip(
                (
                    "        for each in [*self.connections]:\n            each.call",
                    "        for each in [*self.connections]:\n            each.transport.abort()\n"
                    "            each.call",
                )
            ),
        ),
        (
            "Sends shutdown first.",
            slip(
                (
                    '            await shared.stop()\n            await lifespan.ask("shutdown")',
                    '            await lifespan.ask("shutdown")\n            await shared.stop()',
                )
            ),
        ),
        (
            "Waits for ever for the last call.",
            slip(
                (
                    "                    self.tasks, timeout=self.limits.grace)",
                    "                    self.tasks)",
                )
            ),
        ),
    ],
    "11.10": [
        (
            "The server of stage 9: a request like any other.",
            slip(
                (
                    "return Socket(self, scope) if upgrade else Call(self, scope)",
                    "return Call(self, scope)",
                )
            ),
        ),
        (
            "Says 101 at once.",
            slip(
                (
                    '        self.inbox = deque([{"type": "websocket.connect"}])\n',
                    '        self.inbox = deque([{"type": "websocket.connect"}])\n'
                    "        self.say(events.AcceptConnection(subprotocol='v2'))\n",
                ),
                (
                    "        self.say(events.AcceptConnection(\n"
                    "            subprotocol=chosen, extra_headers=pairs(message)))\n",
                    "",
                ),
            ),
        ),
        ("Everything is bytes.", slip(('"text" if text else "bytes": whole', '"bytes": whole'))),
        (
            "Answers no ping.",
            slip(("                self.say(event.response())  # W01\n", "                pass\n")),
        ),
        (
            "Frames in place of messages.",
            slip(("        elif event.message_finished:\n", "        else:\n")),
        ),
        ("No code for the app.", slip(('"code": int(event.code)', '"code": 1006'))),
        ("403 is 400.", slip(('self.start({"status": 403', 'self.start({"status": 400'))),
        (
            "Closes with what it likes.",
            slip(('code = key(message, "code", int, 1000)', "code = 1000")),
        ),
        (
            "Does not answer a close frame.",
            slip(("        if not self.over:\n            self.say(event.response())\n", "")),
        ),
        (
            "Forgets the subprotocol.",
            slip(("            subprotocol=chosen, extra", "            subprotocol=None, extra")),
        ),
    ],
    "11.11": [
        (
            "Knows no limits.",
            "from apps.server import server as careful\n"
            "async def server(app, sock, **limits):\n    await careful(app, sock, wait=9)\n",
        ),
        (
            "Heads of any size.",
            slip(("    if len(head) > limits.head:\n        raise Refused(431)\n", "")),
        ),
        (
            "Believes Content-Length only.",
            slip(
                (
                    "            if self.size > self.limits.body:\n"
                    "                raise Refused(413)\n",
                    "",
                )
            ),
        ),
        (
            "Counts, and does not read what was said.",
            slip(("    if length > limits.body:\n        raise Refused(413)\n", "")),
        ),
        (
            "One too strict.",
            slip(("    if length > limits.body:", "    if length >= limits.body:")),
        ),
        (
            "Each byte gives more time.",
            slip(
                (
                    "        self.http.receive_data(data)\n        self.next()\n",
                    "        self.http.receive_data(data)\n        self.timer.cancel()\n"
                    "        self.expect_head()\n        self.next()\n",
                )
            ),
        ),
        (
            "Silence is never hung up on.",
            slip(
                (
                    "            self.finish(*[408] if self.unread() else [])\n",
                    "            if self.unread():\n                self.finish(408)\n",
                )
            ),
        ),
        (
            "Refuses with a 500.",
            slip(
                (
                    "    if length > limits.body:\n        raise Refused(413)",
                    "    if length > limits.body:\n        raise Refused(500)",
                )
            ),
        ),
    ],
    "11.12": [
        (
            "The line is written first.",
            """\
def logged(app, write):
    async def app_(scope, receive, send):
        if scope["type"] == "http":
            write(f"{scope['method']} {scope['path']} 200 5")
        await app(scope, receive, send)
    return app_
""",
        ),
        (
            "Nothing for an app that raises.",
            """\
def logged(app, write):
    async def wrapped(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        status, size = 500, 0
        async def noting(message):
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)
        await app(scope, receive, noting)
        write(f"{scope['method']} {scope['path']} {status} {size}")
    return wrapped
""",
        ),
        (
            "The error is swallowed.",
            """\
def logged(app, write):
    async def wrapped(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        status, size = 500, 0
        async def noting(message):
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)
        try:
            await app(scope, receive, noting)
        except Exception:
            pass
        write(f"{scope['method']} {scope['path']} {status} {size}")
    return wrapped
""",
        ),
        (
            "Only the last piece is counted.",
            """\
def logged(app, write):
    async def wrapped(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        status, size = 500, 0
        async def noting(message):
            nonlocal status, size
            status = message.get("status", status)
            size = len(message.get("body", b""))
            await send(message)
        try:
            await app(scope, receive, noting)
        finally:
            write(f"{scope['method']} {scope['path']} {status} {size}")
    return wrapped
""",
        ),
        (
            "A line for every message.",
            """\
def logged(app, write):
    async def wrapped(scope, receive, send):
        async def noting(message):
            write(f"{scope['method']} {scope['path']} {message.get('status')} 0")
            await send(message)
        await app(scope, receive, noting)
    return wrapped
""",
        ),
        (
            "Forgets the lifespan.",
            """\
def logged(app, write):
    async def wrapped(scope, receive, send):
        status, size = 500, 0
        async def noting(message):
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)
        try:
            await app(scope, receive, noting)
        finally:
            write(f"{scope.get('method')} {scope.get('path')} {status} {size}")
    return wrapped
""",
        ),
        ("Returns nothing.", "def logged(app, write):\n    pass\n"),
    ],
    "11.13": [
        (
            "Never says it.",
            slip(
                (
                    "        if self.http.they_are_waiting_for_100_continue:\n"
                    "            self.write",
                    "        if False:\n            self.write",
                )
            ),
        ),
        (
            "Says it at once.",
            slip(
                (
                    "        app, code = self.connection.server.app, 1000\n",
                    "        app, code = self.connection.server.app, 1000\n"
                    "        if self.http.they_are_waiting_for_100_continue:\n"
                    "            self.write(h11.InformationalResponse(\n"
                    "                status_code=100, headers=[]))\n",
                )
            ),
        ),
        (
            "Keeps the connection behind a refusal.",
            slip(("or self.http.they_are_waiting_for_100_continue):", "or False):")),
        ),
        (
            "Says it to everybody.",
            slip(
                (
                    "        if self.http.they_are_waiting_for_100_continue:\n"
                    "            self.write",
                    "        if not getattr(self, 'said', 0):\n            self.said = 1\n"
                    "            self.write",
                )
            ),
        ),
        ("Says 200 in place of 100.", slip(("status_code=100,", "status_code=102,"))),
    ],
    "11.14": [
        (
            "Always chunks.",
            "def framing(version, method, status, headers):\n    return 'chunked'\n",
        ),
        (
            "Forgets HTTP/1.0.",
            "def framing(version, method, status, headers):\n"
            "    return 'length' if dict(headers).get(b'content-length') else 'chunked'\n",
        ),
        (
            "Forgets HEAD.",
            """\
def framing(version, method, status, headers):
    if status in (204, 304):
        return "none"
    if b"content-length" in {name.lower() for name, _ in headers}:
        return "length"
    return "chunked" if version == "1.1" else "close"
""",
        ),
        (
            "Forgets 304.",
            """\
def framing(version, method, status, headers):
    if status == 204 or method == "HEAD":
        return "none"
    if b"content-length" in {name.lower() for name, _ in headers}:
        return "length"
    return "chunked" if version == "1.1" else "close"
""",
        ),
        (
            "Compares names as they are.",
            """\
def framing(version, method, status, headers):
    if status in (204, 304) or method == "HEAD":
        return "none"
    if b"content-length" in dict(headers):
        return "length"
    return "chunked" if version == "1.1" else "close"
""",
        ),
        (
            "Believes the app's transfer-encoding.",
            """\
def framing(version, method, status, headers):
    names = {name.lower() for name, _ in headers}
    if status in (204, 304) or method == "HEAD":
        return "none"
    if b"transfer-encoding" in names:
        return "chunked"
    if b"content-length" in names:
        return "length"
    return "chunked" if version == "1.1" else "close"
""",
        ),
        (
            "Says it in words of its own.",
            "def framing(version, method, status, headers):\n    return 'content-length'\n",
        ),
    ],
}

CHAPTER = "from apps.server import server\n"

RIGHT = {
    "11.1": [
        ("On streams.", ONE),
        (
            "A loop of accepts, with a task for each.",
            """\
import asyncio

async def answer(loop, client):
    with client:
        await loop.sock_recv(client, 100)
        await loop.sock_sendall(client, b"HTTP/1.1 204 No Content\\r\\n\\r\\n")

async def server(app, sock):
    sock.setblocking(False)
    loop, tasks = asyncio.get_running_loop(), set()
    while True:
        client, _ = await loop.sock_accept(sock)
        tasks.add(loop.create_task(answer(loop, client)))
""",
        ),
        ("uvicorn.", UVICORN),
    ],
    "11.2": [("By hand, on streams.", TWO), ("With h11, on streams.", SIX)],
    "11.3": [("On streams.", SIX), ("The chapter's.", CHAPTER)],
    "11.4": [("On streams.", SIX), ("uvicorn.", UVICORN)],
    "11.5": [("On streams.", SIX), ("The chapter's.", CHAPTER)],
    "11.6": [("On streams.", SIX), ("uvicorn.", UVICORN)],
    "11.7": [("The chapter's.", CHAPTER)],
    "11.8": [("uvicorn.", UVICORN), ("The chapter's.", CHAPTER)],
    "11.9": [("uvicorn.", UVICORN), ("The chapter's.", CHAPTER)],
    "11.10": [("uvicorn.", UVICORN), ("The chapter's.", CHAPTER)],
    "11.11": [("The chapter's.", CHAPTER)],
    "11.12": [
        (
            "A class, and a list.",
            """\
class logged:
    def __init__(self, app, write):
        self.app, self.write = app, write

    async def __call__(self, scope, receive, send):
        sent = []
        async def noting(message):
            sent.append(message)
            await send(message)
        try:
            await self.app(scope, receive, noting)
        finally:
            if scope["type"] == "http":
                status = sent[0]["status"] if sent else 500
                size = sum(len(message.get("body", b"")) for message in sent)
                self.write(f'{scope["method"]}  {scope["path"]} {status} {size}\\n')
""",
        ),
    ],
    "11.13": [("The chapter's.", CHAPTER)],
    "11.14": [
        (
            "A coroutine with a match.",
            """\
async def framing(version, method, status, headers):
    sized = any(name.lower() == b"content-length" for name, _ in headers)
    match (method, status, sized, version):
        case ("HEAD", _, _, _) | (_, 204 | 304, _, _):
            return "none"
        case (_, _, True, _):
            return "length"
        case (_, _, _, "1.0"):
            return "close"
    return "chunked"
""",
        ),
    ],
}
