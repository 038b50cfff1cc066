"""Chapter 11's calls: what an app receives from its server and sends.

This is the side of the app: a Call for a request, a Socket for one that
asks for a WebSocket, and the Lifespan around them all. `steps` says in
each state which messages fit, and what they do; what does not fit
raises in the app's `send`. The connection of a call is that of
`apps.server`; letters with numbers are statements of the specification.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

import h11
from wsproto import ConnectionType, WSConnection, events
from wsproto.utilities import RemoteProtocolError

log = logging.getLogger("apps.server")


class ClientGone(ConnectionError):
    """What `send` raises once the client has left (H51, W32)."""


class Refused(Exception):
    """A status and more headers: our answer in place of the app's."""


PHRASES = {each.value: each.phrase.encode() for each in HTTPStatus}


@lru_cache(1)
def date(second):
    return b"date", formatdate(second, usegmt=True).encode()


def key(message, name, kinds, *default):
    """One value: raises where it is missing (C17) or odd (C18)."""
    if name not in message and default:
        return default[0]
    if name not in message:
        raise KeyError(f"{message.get('type')} has no {name!r}")
    if not isinstance(message[name], kinds):
        raise TypeError(f"{name} is {message[name]!r:.40}")
    return message[name]


def pairs(message):
    """The headers, in whatever iterables they come (H11)."""
    given = key(message, "headers", Iterable, ())
    found = [(name, value) for name, value in given]
    if any(type(part) is not bytes for pair in found for part in pair):
        raise TypeError(f"headers are pairs of bytes: {found!r:.40}")
    return found


class Call:
    """One call of the app: what it receives, what it may send."""

    def __init__(self, connection, scope):
        self.connection, self.scope = connection, scope
        self.http, self.limits = connection.http, connection.limits
        self.disconnect = {"type": "http.disconnect"}
        self.state = "called"
        self.over = False  # the app has said all
        self.done = False  # the connection goes on without us
        self.head = None  # of the answer, kept back
        self.bodiless = scope["method"] == "HEAD"
        self.size = 0  # of the request's body, so far

    @property
    def gone(self):
        """Whether nobody is there for what the app has yet to say."""
        return not self.over and (self.done or self.connection.lost)

    async def run(self):
        app, code = self.connection.server.app, 1000
        try:
            await app(self.scope, self.receive, self.send)
            if not self.done and self.state != "open":
                raise RuntimeError("it returned, its answer incomplete")
        except (Exception, asyncio.CancelledError) as error:
            code = 1011
            if not (self.gone or isinstance(error, ClientGone)):  # H53
                log.error("the app failed", exc_info=error)
        self.stop(code)
        self.end(500)

    def stop(self, code=1001):
        """The server stops. An answer may still be completed."""

    def end(self, *answer):
        """We are through with the client; only the first counts."""
        if not self.done:
            self.done = True
            self.connection.news.set()
            self.connection.ended(*answer)

    # what the app receives

    async def receive(self):
        """What has come of the body; then nothing, until the end."""
        try:
            while not self.done:
                comes = self.http.their_state is h11.SEND_BODY
                if comes and (message := self.piece()):
                    return message
                if self.connection.lost:
                    break
                await self.connection.more(
                    self.limits.stall if comes else None)
        except TimeoutError:
            self.end(408)
        except Refused as refused:
            self.end(*refused.args)
        return {**self.disconnect}

    def piece(self):
        """All that is there of the body, as one message (H20)."""
        if self.http.they_are_waiting_for_100_continue:
            self.write(h11.InformationalResponse(
                status_code=100, headers=[], reason=b"Continue"))
        parts = []
        while type(event := self.connection.event()) is h11.Data:
            parts.append(event.data)
            self.size += len(event.data)
            if self.size > self.limits.body:
                raise Refused(413)
        more = type(event) is not h11.EndOfMessage
        if parts or not more:
            return {"type": "http.request", "body": b"".join(parts),
                    "more_body": more}

    # what the app sends

    async def send(self, message):
        kind = key(message, "type", str)
        if self.over:
            return  # H49
        if self.gone:
            raise ClientGone("the client has left")
        step = self.steps[self.state].get(kind)
        if step is None:
            raise RuntimeError(f"{kind} does not fit: {self.state}")
        step(self, message)
        await self.connection.drain()  # H46
        if self.over:
            self.end()

    def write(self, *parts):
        """In one piece, once h11 has agreed to all of it."""
        data = b"".join(map(self.http.send, parts))
        self.connection.transport.write(data)

    def start(self, message):
        """Kept back: until a body comes it may become a 500 (H36)."""
        status = key(message, "status", int)
        headers = [(name, value) for name, value in pairs(message)
                   if name.lower() != b"transfer-encoding"]  # H37
        if b"date" not in dict(headers):
            headers.append(date(int(time.time())))
        if (self.connection.server.stopping or isinstance(self, Socket)
                or self.http.they_are_waiting_for_100_continue):
            headers.append((b"connection", b"close"))
        self.head = h11.Response(status_code=status, headers=headers,
                                 reason=PHRASES.get(status, b""))
        self.state = "started"

    def body(self, message):
        kinds = bytes, bytearray, memoryview
        body = bytes(key(message, "body", kinds, b""))
        more = key(message, "more_body", bool, False)
        parts = [self.head] if self.head else []
        if body and not self.bodiless:
            parts.append(h11.Data(data=body))
        if not more:
            parts.append(h11.EndOfMessage())
        self.write(*parts)
        self.head, self.connection.answering = None, True
        self.over = not more


Call.steps = {
    "called": {"http.response.start": Call.start},
    "started": {"http.response.body": Call.body}}


class Socket(Call):
    """A call for a WebSocket: once it is open, frames cross it."""

    def __init__(self, connection, scope):
        super().__init__(connection, scope)
        if type(connection.event()) is not h11.EndOfMessage:
            raise Refused(400)  # a body has no place here
        self.frames = WSConnection(ConnectionType.SERVER)
        try:
            self.frames.initiate_upgrade_connection(
                scope["headers"], scope["raw_path"])
        except (RemoteProtocolError, UnicodeError) as error:
            refused = events.RejectConnection()
            refused = getattr(error, "event_hint", refused)
            more = map(b": ".join, refused.headers)
            raise Refused(refused.status_code, *more) from None
        asked = next(self.frames.events())
        del scope["method"]
        scope |= {"type": "websocket", "scheme": "ws",
                  "subprotocols": asked.subprotocols,
                  "extensions": {"websocket.http.response": {}}}
        self.inbox = deque([{"type": "websocket.connect"}])
        self.parts, self.waiting, self.heard = [], 0, True
        self.disconnect = {"type": "websocket.disconnect",
                           "code": 1005, "reason": ""}

    async def receive(self):
        while not (self.inbox or self.done or self.connection.lost):
            self.waiting = 0
            await self.connection.more()
        if self.inbox:
            return self.inbox.popleft()
        return {**self.disconnect}

    # the handshake

    def accept(self, message):
        chosen = key(message, "subprotocol", (str, type(None)), None)
        self.say(events.AcceptConnection(
            subprotocol=chosen, extra_headers=pairs(message)))
        self.state, self.connection.answering = "open", True
        self.connection.take = self.come
        self.connection.unread = lambda: self.waiting
        self.come(self.http.trailing_data[0])
        self.later()

    def deny(self, message):
        nothing = [(b"content-length", b"0")]
        self.start({"status": 403, "headers": nothing})  # W21
        self.body({})

    # frames

    def come(self, data):
        """What the client's frames mean."""
        self.waiting, self.heard = self.waiting + len(data), True
        self.frames.receive_data(data)
        for event in self.frames.events():
            if isinstance(event, events.CloseConnection):
                self.agree(event)
            elif self.over:
                continue
            elif isinstance(event, events.Message):
                self.part(event)
            elif (isinstance(event, events.Ping)
                    and self.connection.writable.is_set()):
                self.say(event.response())  # W01

    def part(self, event):
        """Of a message, which the app gets whole (W03, W26)."""
        self.parts.append(event.data)
        self.size += len(event.data)
        if self.size > self.limits.body:
            self.stop(1009)
        elif event.message_finished:
            text = isinstance(event, events.TextMessage)
            whole = event.data[:0].join(self.parts)
            self.inbox.append({"type": "websocket.receive",
                               "text" if text else "bytes": whole})
            self.parts, self.size = [], 0

    def agree(self, event):
        """The client closes, or has broken a rule and is told so."""
        self.disconnect |= {"code": int(event.code),
                            "reason": event.reason or ""}
        if not self.over:
            self.say(event.response())
        self.end()

    def later(self):
        loop = self.connection.server.loop
        loop.call_later(self.limits.ping, self.beat)

    def beat(self):
        """Who has said nothing since the last ping is gone (W02)."""
        if self.over or self.gone:
            return
        if not self.heard and self.connection.transport.is_reading():
            return self.connection.transport.abort()
        self.heard = False
        self.say(events.Ping())
        self.later()

    def say(self, event):
        self.connection.transport.write(self.frames.send(event))

    def message(self, message):
        data = key(message, "bytes", (bytes, type(None)), None)
        text = key(message, "text", (str, type(None)), None)
        if (data is None) == (text is None):
            raise ValueError("bytes or text, one of them")  # W27
        self.say(events.TextMessage(text) if data is None
                 else events.BytesMessage(data))

    def close(self, message):
        code = key(message, "code", int, 1000)
        reason = key(message, "reason", (str, type(None)), None)
        self.say(events.CloseConnection(code, reason or ""))
        self.over = True

    def stop(self, code=1001):
        """The server stops, or the app has: a socket is closed."""
        if self.state == "open" and not (self.over or self.gone):
            self.close({"code": code})
            self.end()


Socket.steps = {
    "called": {
        "websocket.accept": Socket.accept,
        "websocket.close": Socket.deny,
        "websocket.http.response.start": Socket.start},
    "started": {"websocket.http.response.body": Socket.body},
    "open": {
        "websocket.send": Socket.message,
        "websocket.close": Socket.close}}


class Lifespan:
    """The call around all others (L01 to L21)."""

    def __init__(self, app):
        self.state, self.inbox, self.asked = {}, asyncio.Queue(), ""
        self.task = asyncio.create_task(self.run(app))

    async def run(self, app):
        asgi = {"version": "3.0", "spec_version": "2.0"}
        scope = {"type": "lifespan", "asgi": asgi, "state": self.state}
        try:
            await app(scope, self.inbox.get, self.send)
        except Exception as error:  # L08: go on without
            early = self.asked == "startup"
            log.log(logging.INFO if early else logging.ERROR,
                    "the lifespan failed", exc_info=error)

    async def send(self, message):
        kind, last = key(message, "type", str), f"lifespan.{self.asked}"
        if kind not in (f"{last}.complete", f"{last}.failed"):
            raise RuntimeError(f"{kind} answers nothing")
        failure = key(message, "message", str, "") or "no reason given"
        self.asked = ""
        self.answer.set_result(kind.endswith("failed") and failure)

    async def ask(self, what):
        """Tell the app, and wait for its answer, or for its end."""
        if self.task.done():
            return
        self.asked = what
        self.answer = asyncio.get_running_loop().create_future()
        self.inbox.put_nowait({"type": f"lifespan.{what}"})
        await asyncio.wait({self.task, self.answer},
                           return_when=asyncio.FIRST_COMPLETED)
        if self.answer.done() and (failure := self.answer.result()):
            log.error("lifespan.%s.failed: %s", what, failure)
            raise RuntimeError(failure)  # L12, L16
