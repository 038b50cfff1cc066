"""From the browser's own requests to the servers of the page: real bytes, over the page's loopback.

Rules: a request is written as a browser writes it, one connection each, and the answer goes back
piece by piece, one for each that the browser asks for, so that a slow reader is slow for the server
too; who cancels hangs up. Cookies are kept here, since a service worker sees none. WebSockets are
those of the library `websockets`, events in and out.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.message
import http.cookiejar
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import h11

Pairs = list[tuple[str, str]]
Tell = Callable[[str, Any], object]

PIECE = 1 << 16
# Those are the connection's own; the bridge writes them itself, or takes them off.
OURS = frozenset({"host", "connection", "content-length", "cookie", "accept-encoding"})
FRAMING = frozenset({"connection", "transfer-encoding", "keep-alive", "set-cookie"})


class Bridge:
    """The browser's way in; `tell(event, value)` of each call is told what happens."""

    def __init__(self) -> None:
        self.jar = http.cookiejar.CookieJar()
        self.calls: dict[str, asyncio.Task[None]] = {}
        self.wanted: dict[str, asyncio.Semaphore] = {}
        self.sockets: dict[str, asyncio.Queue[tuple[str, Any]]] = {}

    def open(self, id: str, work: Any) -> None:
        """Run a call until it ends or is cancelled."""
        task = self.calls[id] = asyncio.get_running_loop().create_task(work)
        self.wanted[id] = asyncio.Semaphore(0)
        task.add_done_callback(lambda _: (self.calls.pop(id), self.wanted.pop(id)))

    def more(self, id: str) -> None:
        """The browser wants another piece of the answer."""
        if wanted := self.wanted.get(id):
            wanted.release()

    def cancel(self, id: str) -> None:
        """Nobody waits for this call any more."""
        if task := self.calls.get(id):
            task.cancel()

    # -- HTTP

    async def request(
        self,
        id: str,
        port: int,
        method: str,
        path: str,
        headers: Pairs,
        body: bytes | None,
        tell: Tell,
    ) -> None:
        """One exchange: tells "head" (status and headers), each "piece", and "end".

        Tells "refused" where nobody listens, and "broken" where the answer is no whole one.
        """
        url = f"http://127.0.0.1:{port}{path}"
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            tell("refused", "")
            return
        try:
            connection = h11.Connection(h11.CLIENT)
            fields = self._fields(url, port, headers, body)
            writer.write(_written(connection, method, path, fields, body))
            async for event in _events(connection, reader):
                if isinstance(event, h11.Response):
                    found = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers]
                    self._keep(url, found)
                    kept = [(n, v) for n, v in found if n not in FRAMING]
                    tell("head", [event.status_code, kept])
                elif isinstance(event, h11.Data):
                    await self.wanted[id].acquire()
                    tell("piece", bytes(event.data))
            tell("end", "")
        except (h11.ProtocolError, OSError) as error:
            tell("broken", str(error))
        finally:
            writer.close()

    def _fields(self, url: str, port: int, headers: Pairs, body: bytes | None) -> Pairs:
        """The header lines of a request."""
        fields = [("host", f"127.0.0.1:{port}")]
        fields += [(name, value) for name, value in headers if name.lower() not in OURS]
        asked = urllib.request.Request(url)
        self.jar.add_cookie_header(asked)
        if cookie := asked.get_header("Cookie"):
            fields.append(("cookie", cookie))
        if body is not None:
            fields.append(("content-length", str(len(body))))
        return fields

    def _keep(self, url: str, headers: Iterable[tuple[str, str]]) -> None:
        """Keep the cookies of an answer."""
        self.jar.extract_cookies(_Answer(headers), urllib.request.Request(url))  # type: ignore[arg-type]

    # -- WebSocket

    async def socket(
        self, id: str, port: int, path: str, protocols: list[str], origin: str, tell: Tell
    ) -> None:
        """One WebSocket: tells "open" (the subprotocol), each "message", and "close"."""
        import websockets

        asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
        self.jar.add_cookie_header(asked)
        cookie = asked.get_header("Cookie")
        inbox = self.sockets[id] = asyncio.Queue()
        try:
            async with websockets.connect(
                f"ws://127.0.0.1:{port}{path}",
                subprotocols=protocols or None,  # type: ignore[arg-type]
                origin=origin or None,  # type: ignore[arg-type]
                additional_headers={"Cookie": cookie} if cookie else None,
                ping_interval=None,
                max_size=None,
                compression=None,
                proxy=None,
            ) as ws:
                tell("open", ws.subprotocol or "")
                sending = asyncio.ensure_future(_send(ws, inbox))
                with contextlib.suppress(websockets.ConnectionClosed):
                    async for message in ws:
                        tell("message", message)
                sending.cancel()
            tell("close", [ws.close_code or 1006, ws.close_reason or "", ws.close_code != 1006])
        except (OSError, websockets.WebSocketException) as error:
            tell("close", [1006, str(error), False])
        finally:
            del self.sockets[id]

    def send(self, id: str, what: str, value: Any) -> None:
        """Of a socket's page: a "message", or "close" with code and reason."""
        if inbox := self.sockets.get(id):
            inbox.put_nowait((what, value))


async def _send(ws: Any, inbox: asyncio.Queue[tuple[str, Any]]) -> None:
    """What the page says, in order."""
    import websockets

    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            what, value = await inbox.get()
            if what == "close":
                await ws.close(*value)
                return
            await ws.send(value)


def _written(
    connection: h11.Connection, method: str, path: str, fields: Pairs, body: bytes | None
) -> bytes:
    """The bytes of a request."""
    events: list[Any] = [h11.Request(method=method, target=path, headers=fields)]
    events += [h11.Data(data=body)] if body else []
    return b"".join(connection.send(event) or b"" for event in [*events, h11.EndOfMessage()])


async def _events(
    connection: h11.Connection, reader: asyncio.StreamReader
) -> AsyncIterator[h11.Event]:
    """What an answer says, until it is over."""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(PIECE))
        elif isinstance(event, h11.Event):
            yield event
            if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return
        else:  # paused: the answer switched protocols
            return


class _Answer:
    """The headers of an answer, as the cookie jar asks for them."""

    def __init__(self, headers: Iterable[tuple[str, str]]) -> None:
        self._headers = email.message.Message()
        for name, value in headers:
            self._headers[name] = value

    def info(self) -> email.message.Message:
        """The headers."""
        return self._headers
