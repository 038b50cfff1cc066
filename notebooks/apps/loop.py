"""Chapter 5's event loop, and a small HTTP server for any loop.

    python -m apps.loop apps.main:app 5000            on this loop
    python -m apps.loop apps.main:app 5000 asyncio    the same server, on asyncio's
    python -m apps.loop apps.main:app 5000 uvloop     or on uvloop's
"""

import asyncio
import selectors
import socket
import sys
import time
from asyncio import CancelledError
from collections import deque
from functools import partial
from importlib import import_module
from selectors import EVENT_READ, EVENT_WRITE
from types import coroutine
from urllib.parse import unquote


@coroutine
def sleep(seconds):
    yield lambda loop, wake: loop.call_later(seconds, wake)


class Steps:
    def __init__(self, coro, loop):
        self.coro, self.loop, self.steps = coro, loop, 0
        self.end, self.waiters = None, []
        loop.ready.append(partial(self.step, 0))

    def step(self, number, error=None):
        if number != self.steps or self.end:
            return
        self.steps += 1
        try:
            coro = self.coro
            ask = coro.throw(error) if error else coro.send(None)
            return ask(self.loop, partial(self.step, self.steps))
        except (Exception, CancelledError) as end:
            self.end = end
        self.loop.ready.extend(self.waiters)


class Task(Steps):
    def done(self):
        return self.end is not None

    def result(self):
        if isinstance(self.end, StopIteration):
            return self.end.value
        raise self.end  # always this one: its traceback grows

    def cancel(self):
        self.step(self.steps, CancelledError())

    def __await__(self):
        if not self.done():
            yield lambda loop, wake: self.waiters.append(wake)
        return self.result()


class Loop:
    def __init__(self, selector=None):
        self.selector = selector or Asking()
        self.ready, self.timers = deque(), []

    def create_task(self, coro):
        return Task(coro, self)

    def call_later(self, seconds, wake):
        self.timers.append((time.monotonic() + seconds, wake))
        self.timers.sort(key=lambda timer: timer[0])

    def run_once(self):
        for key, _ in self.selector.select(self.pause()):
            self.selector.unregister(key.fileobj)
            self.ready.append(key.data)
        while self.timers and self.timers[0][0] <= time.monotonic():
            self.ready.append(self.timers.pop(0)[1])
        for _ in range(len(self.ready)):
            self.ready.popleft()()

    def pause(self):
        if self.ready or not self.timers:
            return 0 if self.ready else None
        return max(0, self.timers[0][0] - time.monotonic())


def run(loop, coro):
    task = loop.create_task(coro)
    while not task.done():
        loop.run_once()
    return task.result()


class Asking:
    def __init__(self):
        self.keys = {}

    def register(self, sock, event, data):
        key = selectors.SelectorKey(sock, sock.fileno(), event, data)
        self.keys[sock] = key

    def unregister(self, sock):
        del self.keys[sock]

    def select(self, seconds):
        if not self.keys and seconds is None:
            raise RuntimeError("all wait, and nothing will come")
        if not self.keys:
            time.sleep(seconds)
        return [(key, key.events) for key in self.keys.values()]


class SocketLoop(Loop):
    @coroutine
    def retry(self, sock, event, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except BlockingIOError:
                yield lambda loop, wake: (
                    loop.selector.register(sock, event, wake))

    async def sock_accept(self, sock):
        return await self.retry(sock, EVENT_READ, sock.accept)

    async def sock_recv(self, sock, size):
        return await self.retry(sock, EVENT_READ, sock.recv, size)

    async def sock_sendall(self, sock, data):
        while data:
            sent = await self.retry(sock, EVENT_WRITE, sock.send, data)
            data = data[sent:]


def scope_of(head, client):
    first, *lines = head.split(b"\r\n\r\n")[0].split(b"\r\n")
    method, target, version = first.decode("ascii").split(" ")
    path, _, query = target.partition("?")
    pairs = [line.split(b":", 1) for line in lines]
    return {"type": "http", "asgi": {"version": "3.0"},
            "http_version": version.removeprefix("HTTP/"),
            "method": method,
            "path": unquote(path), "raw_path": path.encode(),
            "query_string": query.encode(), "client": client,
            "headers": [(name.lower(), value.strip())
                        for name, value in pairs]}


def head_of(message):
    first = b"HTTP/1.1 %d " % message["status"]
    pairs = [b": ".join(pair) for pair in message.get("headers", [])]
    return b"\r\n".join([first, b"Connection: close", *pairs, b"\r\n"])


async def answer(loop, app, client, address):
    messages = [{"type": "http.request"}]

    async def receive():
        if messages:
            return messages.pop()
        while await loop.sock_recv(client, 65536):
            pass
        return {"type": "http.disconnect"}

    async def send(message):
        data = message.get("body", b"")
        if message["type"] == "http.response.start":
            data = head_of(message)
        await loop.sock_sendall(client, data)

    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := await loop.sock_recv(client, 65536)):
                return
            head += more
        await app(scope_of(head, address), receive, send)


async def listen(loop, app, sock):
    sock.setblocking(False)
    tasks = []
    while True:
        client, address = await loop.sock_accept(sock)
        client.setblocking(False)
        call = loop.create_task(answer(loop, app, client, address))
        tasks = [task for task in [*tasks, call] if not task.done()]


async def stepped(app, sock):
    loop = SocketLoop()
    loop.create_task(listen(loop, app, sock))
    while True:
        loop.run_once()
        await asyncio.sleep(0.005)


def main(target, port, name="own"):
    module, _, attribute = target.partition(":")
    app = getattr(import_module(module), attribute)
    sock = socket.create_server(("127.0.0.1", int(port)))
    if name == "own":
        loop = SocketLoop(selectors.DefaultSelector())
        run(loop, listen(loop, app, sock))
    else:
        loop = import_module(name).new_event_loop()
        loop.run_until_complete(listen(loop, app, sock))


if __name__ == "__main__":
    main(*sys.argv[1:])
