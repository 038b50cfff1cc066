"""Chapter 11's server: ASGI on asyncio.Protocol and h11.

    python -m apps.server apps.main:app 8000        in notebooks/

This is the side of the wire: a Connection makes requests of bytes, and
for each a call of the app, which `apps.calls` has. Who breaks HTTP is
refused with a 4xx and the end of the connection; who is slow meets a
limit. Nothing is read that nobody takes, and nothing is written faster
than the client reads.
"""

import asyncio
import re
import signal
import socket
import sys
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import signature
from urllib.parse import unquote

import h11

from apps.calls import (
    PHRASES, Call, ClientGone, Lifespan, Refused, Socket)


@dataclass(frozen=True)
class Limits:
    connections: int = 1000
    head: int = 16_384  # bytes
    body: int = 100 * 2**20  # bytes, also of a WebSocket's message
    unread: int = 65_536  # bytes that wait for an app to receive
    wait: float = 15  # seconds until the next head is whole
    stall: float = 60  # seconds without a byte, either way
    rate: int = 10_000  # bytes a second of who reads slowly, at least
    ping: float = 20  # seconds between two pings
    grace: float = 1  # seconds for what is still under way at an end


class Connection(asyncio.Protocol):
    """One TCP connection, and its requests one after the other."""

    def __init__(self, server):
        self.server, self.limits = server, server.limits
        self.http = h11.Connection(h11.SERVER, self.limits.head)
        self.take, self.unread = self.between, self.in_h11
        self.call = None  # that runs, and has not ended
        self.answering = False  # a part of its answer is out
        self.lost = False
        self.news, self.writable = asyncio.Event(), asyncio.Event()
        self.writable.set()

    def connection_made(self, transport):
        self.transport, self.context = transport, copy_context()
        self.server.connections.add(self)
        self.expect_head()
        if len(self.server.connections) > self.limits.connections:
            self.finish(503)

    def connection_lost(self, error):
        self.server.connections.discard(self)
        self.lost = True
        self.timer.cancel()
        self.news.set()
        self.writable.set()

    # bytes in

    def data_received(self, data):
        self.take(data)
        self.news.set()
        self.throttle()

    def throttle(self):
        """Read no more than somebody takes."""
        if self.unread() > self.limits.unread:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def in_h11(self):
        return len(self.http.trailing_data[0])

    async def more(self, seconds=None):
        """Wait until something comes: bytes, or the end."""
        self.news.clear()
        self.throttle()
        async with asyncio.timeout(seconds):
            await self.news.wait()

    # requests

    def expect_head(self):
        """A head has so long to be whole; silence gets no answer."""
        def late():
            self.finish(*[408] if self.unread() else [])
        later = self.server.loop.call_later
        self.timer = later(self.limits.wait, late)

    def between(self, data):
        """While no call runs, bytes may complete a head."""
        self.http.receive_data(data)
        self.next()

    def next(self):
        try:
            self.call = self.request()
        except Refused as refused:
            self.finish(*refused.args)
        if self.call:
            self.timer.cancel()
            self.take = self.http.receive_data
            self.server.start(self.call.run(), self.context.copy())

    def request(self):
        """The next request's call, None until its head is whole."""
        request = None
        while type(request) is not h11.Request:
            if self.http.our_state is self.http.their_state is h11.DONE:
                self.http.start_next_cycle()
                self.answering = False
            before = self.http.trailing_data[0]
            request = self.event()  # or the rest of the last body
            if not isinstance(request, h11.Event):
                return None
        head = before[:len(before) - self.unread()]
        fields = [*request.headers]
        headers = dict(fields)
        check(request, headers, head, self.limits)
        asked = (request.method, request.http_version,
                 headers.get(b"upgrade", b"").lower())
        upgrade = asked == (b"GET", b"1.1", b"websocket")
        scope = self.scope(request, fields)
        return Socket(self, scope) if upgrade else Call(self, scope)

    def event(self):
        """The next thing that h11 makes of the bytes."""
        try:
            return self.http.next_event()
        except h11.RemoteProtocolError as error:
            large = error.error_status_hint == 431
            raise Refused(431 if large else 400) from None

    def scope(self, request, headers):
        target, found = request.target, TARGET.fullmatch(request.target)
        if found[1]:  # http://host/…: RFC 9112, 3.2.2
            target = target[found.end(1):] or b"/"
            headers = [(name, found[1] if name == b"host" else value)
                       for name, value in headers]
        path, _, query = target.partition(b"?")
        here, there = map(self.transport.get_extra_info,
                          ("sockname", "peername"))
        return {
            "type": "http", "scheme": "http", "root_path": "",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": request.http_version.decode(),
            "method": request.method.decode(), "headers": headers,
            "path": unquote(path.decode()), "raw_path": path,
            "query_string": query, "extensions": {},
            "client": (there or ())[:2] or None,
            "server": (here, None) if type(here) is str else here[:2],
            "state": self.server.state.copy()}

    def ended(self, *answer):
        """The call has. The next request, if there may be one."""
        self.call, self.take = None, self.between
        last = self.http.our_state is not h11.DONE
        if answer or last or self.server.stopping:
            return self.finish(*answer)
        self.expect_head()
        self.next()
        self.throttle()

    # bytes out

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    async def drain(self):
        """Wait while the client reads slowly, but not for ever."""
        if not self.writable.is_set():
            unsent = self.transport.get_write_buffer_size()
            most = self.limits.stall + unsent / self.limits.rate
            try:
                async with asyncio.timeout(most):
                    await self.writable.wait()
            except TimeoutError:
                raise ClientGone("the client does not read") from None
        if self.lost:
            raise ClientGone("the client has left")

    def finish(self, *answer):
        """Hang up; with an answer, where none has begun."""
        if answer and not (self.answering or self.lost):
            self.transport.write(refusal(*answer))
        self.timer.cancel()
        self.take, self.unread = len, int  # nobody reads any more
        self.server.start(self.hang_up(), self.context)

    async def hang_up(self):
        """Say that this was all, and let the client read it: to close
        with its bytes unread would destroy ours on their way."""
        self.transport.set_write_buffer_limits(0)
        with suppress(OSError):
            await self.drain()
            self.transport.write_eof()
            async with asyncio.timeout(self.limits.grace):
                while not self.lost:
                    await self.more()
        self.transport.abort()


TARGET = re.compile(rb"(?:(?i:https?)://([^/?#@]+))?(/[^#]*)?|\*")
HOST = re.compile(rb"[\w.~!$&'()*+,;=%:\[\]-]*")


def check(request, headers, head, limits):
    """Refuse what h11 lets pass, and a careful server does not."""
    old = request.http_version == b"1.0"
    chunks = b"transfer-encoding" in headers
    length = int(headers.get(b"content-length", -1))
    if len(head) > limits.head:
        raise Refused(431)
    if length > limits.body:
        raise Refused(413)
    if any([head.count(b"\n") != head.count(b"\r\n"),
            request.http_version not in (b"1.0", b"1.1"),
            request.method != request.method.upper(),
            request.method == b"CONNECT",
            not TARGET.fullmatch(request.target),
            not HOST.fullmatch(headers.get(b"host", b"")),
            chunks and length >= 0,  # two ends for one body
            chunks and old]):
        raise Refused(400)


def refusal(status, *more):
    """An answer by hand."""
    first = b"HTTP/1.1 %d %s" % (status, PHRASES[status])
    return b"\r\n".join([first, *more, b"content-length: 0",
                         b"connection: close", b"", b""])


class Server:
    """What connections share, and how they come to an end."""

    def __init__(self, app, state, limits):
        self.app, self.state, self.limits = app, state, limits
        self.loop = asyncio.get_running_loop()
        self.connections, self.tasks = set(), set()
        self.stopping = False

    def start(self, work, context):
        task = self.loop.create_task(work, context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def stop(self):
        """Idle connections now, calls when they end or `grace` does."""
        self.stopping = True
        for each in [*self.connections]:
            each.call.stop() if each.call else each.transport.close()
        for _ in range(2):
            if self.tasks:
                await asyncio.wait(
                    self.tasks, timeout=self.limits.grace)
            for task in self.tasks:
                task.cancel()
        for each in [*self.connections]:
            each.transport.abort()
        await asyncio.sleep(0)  # asyncio closes the sockets


def single(app):
    """An app of ASGI 2, called twice, as one of ASGI 3 (C29, C30)."""
    try:
        signature(app).bind("scope", "receive", "send")
    except TypeError:
        return lambda scope, receive, send: app(scope)(receive, send)
    except ValueError:  # some callables show no signature
        pass
    return app


async def server(app, sock, **limits):
    """Serve on a listening socket until cancelled, then stop."""
    app = single(app)
    lifespan = Lifespan(app)
    try:
        await lifespan.ask("startup")  # L10: nobody gets in before
        shared = Server(app, lifespan.state, Limits(**limits))
        listener = await shared.loop.create_server(
            partial(Connection, shared), sock=sock, backlog=2048)
        try:
            await shared.loop.create_future()
        finally:
            listener.close()
            await shared.stop()
            await lifespan.ask("shutdown")  # L14: everybody is out
    finally:
        lifespan.task.cancel()
        await asyncio.wait({lifespan.task}, timeout=1)


def main(target, port):
    module, _, name = target.partition(":")
    app = getattr(import_module(module), name or "app")
    # without the protocol's number asyncio lets small pieces wait
    sock = socket.socket(proto=socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", int(port)))
    sock.listen(2048)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(2))
    with suppress(KeyboardInterrupt):
        asyncio.run(server(app, sock))


if __name__ == "__main__":
    main(*sys.argv[1:])
