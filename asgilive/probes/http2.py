"""Experiments with HTTP/2 over TLS, where a server chooses it."""

from __future__ import annotations

import time
from typing import Any

from asgilive.probes.http import BODY, START, read
from asgilive.probes.scenario import NotHere, scenario
from asgilive.probes.seen import Seen
from asgilive.probes.visit import Connection, Visit
from asgilive.recording import Receive, Scope, Send


class Client:
    """A client's end of HTTP/2, on a connection that was negotiated for it."""

    def __init__(self, connection: Connection) -> None:
        from h2.connection import H2Connection

        self.connection = connection
        self.state = H2Connection()
        self.bodies: dict[int, bytes] = {}
        self.over: set[int] = set()
        self.hints: list[Any] = []  # the heads of 103 responses
        self.trailers: dict[int, Any] = {}
        self.pushed: list[Any] = []  # the heads of what was promised

    async def begin(self) -> None:
        """Send the preface and the settings."""
        self.state.initiate_connection()
        await self._flush()

    async def get(self, path: str, *more: tuple[str, str]) -> int:
        """Ask on a new stream; its number."""
        number: int = self.state.get_next_available_stream_id()
        pairs = [(":method", "GET"), (":path", path), (":scheme", "https")]
        pairs.append((":authority", "localhost"))
        self.state.send_headers(number, [*pairs, *more], end_stream=True)
        await self._flush()
        return number

    async def until(self, count: int, wait: float = 4.0) -> None:
        """Read until so many streams are over, or it was too long."""
        end = time.perf_counter() + wait
        while len(self.over) < count and (left := end - time.perf_counter()) > 0:
            data = await self.connection.read(wait=left)
            if not data:
                return
            for event in self.state.receive_data(data):
                self._take(event)
            await self._flush()

    def _take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "DataReceived":
            self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
            self.state.acknowledge_received_data(len(event.data), event.stream_id)
        elif kind == "InformationalResponseReceived":
            self.hints.append(_pairs(event.headers))
        elif kind == "TrailersReceived":
            self.trailers[event.stream_id] = _pairs(event.headers)
        elif kind == "PushedStreamReceived":
            self.pushed.append(_pairs(event.headers))
        elif kind in ("StreamEnded", "StreamReset"):
            self.over.add(event.stream_id)

    async def _flush(self) -> None:
        if data := self.state.data_to_send():
            await self.connection.write(data)


def _pairs(headers: Any) -> list[tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in headers or []]


@scenario(place="tls")
async def http_2(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer each stream with its own path."""
    await read(receive)
    await send(START)
    await send(BODY | {"body": scope["path"].encode()})


@http_2.client
async def _(visit: Visit) -> None:
    connection = await visit.dial(alpn="h2")
    if connection.protocol != "h2":
        return visit.say("protocol", connection.protocol)
    client = Client(connection)
    await client.begin()
    asked = {}
    for number in range(20):
        path = f"{visit.path}/{number}"
        asked[await client.get(path, ("x-dup", "1"), ("x-dup", "2"))] = path
    await client.until(20)
    right = sum(client.bodies.get(number) == path.encode() for number, path in asked.items())
    visit.say("protocol", "h2")
    visit.say("right", right)


def _scope(seen: Seen) -> dict[str, Any]:
    if seen.said.get("protocol") != "h2":
        raise NotHere("this server does not choose HTTP/2")
    return seen.scope


@http_2.judge("H03")
def _(seen: Seen) -> bool | str:
    version = _scope(seen).get("http_version")
    return version == "2" or f"http_version is {version!r} on HTTP/2"


@http_2.judge("H15")
def _(seen: Seen) -> bool | str:
    odd = [name for name, _ in _scope(seen)["headers"] if name.startswith(b":")]
    return not odd or f"a header is called {odd[0]!r}"


@http_2.judge("H16")
def _(seen: Seen) -> bool | str:
    headers = [tuple(pair) for pair in _scope(seen)["headers"]]
    if (b"host", b"localhost") not in headers:
        return "no host was made of :authority"
    first = headers[0][0]
    return first == b"host" or f"host stands behind {first.decode()}, and not at the start"


@http_2.judge("H21")
def _(seen: Seen) -> bool | str:
    _scope(seen)
    right = seen.said.get("right")
    return right == 20 or f"of 20 streams on one connection {right} got their own answer"


# -- what some servers offer over HTTP/2

HINT = "http.response.early_hint"
PUSH = "http.response.push"
TRAILERS = "http.response.trailers"


@scenario(place="tls", patience=2.0)
async def http_2_extras(scope: Scope, receive: Receive, send: Send) -> None:
    """Use the extension that the path names, where it is offered: a hint, a push, trailers."""
    await read(receive)
    has, path = scope.get("extensions") or {}, scope["path"]
    trailing = TRAILERS in has and path.endswith(("/trailers", "/silent"))
    await send(START | {"trailers": trailing, "headers": [(b"trailer", b"x-sum")]})
    if HINT in has and path.endswith("/hint"):
        await send({"type": HINT, "links": [b"</style.css>; rel=preload"]})
    if PUSH in has and path.endswith("/push"):
        await send({"type": PUSH, "path": path + "ed", "headers": []})
    await send(BODY)
    if trailing:
        await send({"type": TRAILERS, "headers": [(b"x-sum", b"1"), (b"x-other", b"2")]})


@http_2_extras.client
async def _(visit: Visit) -> None:
    connection = await visit.dial(alpn="h2")
    visit.say("protocol", connection.protocol)
    if connection.protocol != "h2":
        return
    client = Client(connection)
    await client.begin()
    asks = await client.get(f"{visit.path}/trailers", ("te", "trailers"))
    silent = await client.get(f"{visit.path}/silent")
    await client.get(f"{visit.path}/hint")
    await client.get(f"{visit.path}/push")
    await client.until(4, wait=2.5)
    await client.until(5, wait=0.3)
    visit.say("hints", client.hints)
    visit.say("pushed", client.pushed)
    visit.say("asked", client.trailers.get(asks, []))
    visit.say("silent", client.trailers.get(silent, []))


def _offers(name: str, works: str) -> Any:
    """A judge: an extension is offered, and something of it came."""

    def judge(seen: Seen) -> bool | str:
        if name not in (_scope(seen).get("extensions") or {}):
            raise NotHere(f"{name} is not offered on HTTP/2")
        return bool(seen.said.get(works)) or f"{name} is offered on HTTP/2, and does not work"

    return judge


def _extra(name: str, judge: Any) -> Any:
    def judged(seen: Seen) -> bool | str:
        if name not in (_scope(seen).get("extensions") or {}):
            raise NotHere(f"{name} is not offered on HTTP/2")
        found: bool | str = judge(seen)
        return found

    return judged


http_2_extras.judge("X28", "X31")(_offers(HINT, "hints"))
http_2_extras.judge("X06", "X10")(_offers(PUSH, "pushed"))
http_2_extras.judge("X33", "X39", "H45")(_offers(TRAILERS, "asked"))


def _names(seen: Seen, which: str) -> list[bytes]:
    return [name for name, _ in seen.said.get(which) or []]


http_2_extras.judge("X37")(
    _extra(
        TRAILERS,
        lambda seen: b"x-other" in _names(seen, "asked") or "an unannounced trailer is lost",
    )
)
http_2_extras.judge("X40")(
    _extra(
        TRAILERS,
        lambda seen: not seen.said.get("silent") or "trailers go to a client that did not ask",
    )
)


def _pushed_call(seen: Seen) -> bool | str:
    paths = [call.scope["path"] for call in seen.calls]
    return any(path.endswith("/pushed") for path in paths) or "no call was made for what is pushed"


def _authority(seen: Seen) -> bool | str:
    found = {
        value
        for each in seen.said.get("pushed") or []
        for name, value in each
        if name == b":authority"
    }
    return found == {b"localhost"} or f"the promise has the authority {found or 'none'}"


http_2_extras.judge("X11")(_extra(PUSH, _pushed_call))
http_2_extras.judge("X12")(_extra(PUSH, _authority))
