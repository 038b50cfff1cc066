"""A recording: entries as they happen, views of them, JSON both ways, and the tap on the wire."""

import asyncio
import json
import socket

import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from some_apps import echo, endless, flood, hello, path, shout, stalled, until, waits, with_lifespan

from asgilive import crowd, dial, fetch, raw, recording, serve
from asgilive.recording import CARD, Call, Conversation, Entry, from_json, snapshot, to_json

pytestmark = pytest.mark.usefixtures("nothing_left")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def story(call):
    """What crossed the application's boundary, in words."""
    return [e.data["type"] if isinstance(e.data, dict) else e.data for e in call.entries]


# -- what crosses the boundary


async def run(app, *messages):
    """Call an application through a recording, with these messages to receive."""
    conversation, left = Conversation(), list(messages)

    async def receive():
        return left.pop(0)

    async def send(message):
        if message.get("type") == "nonsense":
            raise RuntimeError("what is that?")

    await conversation.wrap(app)({"type": "http", "path": "/"}, receive, send)
    return conversation


async def test_a_call_is_recorded_in_order():
    async def app(scope, receive, send):
        message = await receive()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": message["body"]})

    conversation = await run(app, {"type": "http.request", "body": b"hi"})
    assert [e.what for e in conversation.entries] == ["call", "receive", "send", "send", "return"]
    (call,) = conversation.calls
    assert call.scope == {"type": "http", "path": "/"}
    assert call.received == [{"type": "http.request", "body": b"hi"}]
    assert call.sent[1] == {"type": "http.response.body", "body": b"hi"}
    assert (call.ended, call.error, call.connection) == ("returned", None, None)
    assert call.took > 0
    assert all(e.took >= 0 for e in call.entries[:-1])


async def test_what_an_application_raises_is_recorded_and_raised():
    conversation = Conversation()

    async def app(scope, receive, send):
        raise KeyError("method")

    with pytest.raises(KeyError):
        await conversation.wrap(app)({"type": "http"}, None, None)
    assert (conversation.calls[0].ended, conversation.calls[0].error) == (
        "raised",
        "KeyError: 'method'",
    )


async def test_a_refused_send_keeps_its_error():
    async def app(scope, receive, send):
        with pytest.raises(RuntimeError):
            await send({"type": "nonsense"})

    (call,) = (await run(app)).calls
    assert (call.entries[0].error, call.entries[0].took) == ("RuntimeError: what is that?", None)


async def test_a_call_that_waits():
    conversation = Conversation()

    async def app(scope, receive, send):
        await receive()

    task = asyncio.create_task(conversation.wrap(app)({"type": "http"}, asyncio.Event().wait, None))
    await asyncio.sleep(0)
    (call,) = conversation.calls
    assert (call.ended, call.received, call.entries[0].took) == ("waiting", [], None)
    task.cancel()
    await asyncio.wait({task})
    assert conversation.calls[0].error == "CancelledError"


async def test_a_scope_is_kept_as_it_was():
    conversation = Conversation()

    async def app(scope, receive, send):
        scope["headers"].append("more")
        scope["state"]["more"] = 1
        scope["app"] = app

    await conversation.wrap(app)({"type": "http", "headers": [], "state": {}}, None, None)
    assert conversation.calls[0].scope == {"type": "http", "headers": [], "state": {}}


def test_snapshots_do_not_change():
    body = bytearray(b"abc")
    kept = snapshot({"body": body, "view": memoryview(body)})
    body[0] = 0
    assert kept == {"body": b"abc", "view": b"abc"}
    assert snapshot("no message") == "no message"


# -- how much is kept


def test_it_stops_at_the_most_entries(monkeypatch):
    assert (recording.MOST_ENTRIES, recording.MOST_BYTES) == (20_000, 32 << 20)
    conversation = Conversation({"server": "uvicorn", "date": "2026-11-22"})
    for _ in range(20_001):
        conversation.add("in", 1, None, b"x")
    assert len(conversation.entries) == 20_000
    assert conversation.full
    assert conversation._caption(1) == (
        "uvicorn, 2026-11-22, 1 earlier connection in .connections,"
        " the recording was full and stopped"
    )
    conversation.clear()
    assert (conversation.entries, conversation.full) == ([], False)
    conversation.add("in", 1, None, b"x")
    assert len(conversation.entries) == 1


@pytest.mark.parametrize("data", [bytes(1 << 20), {"type": "http.response.body", "body": "m"}])
def test_it_stops_at_the_most_bytes(data):
    call = 1 if isinstance(data, dict) else None
    if call:
        data["body"] = bytes(1 << 20)
    conversation = Conversation()
    for _ in range(40):
        conversation.add("in", 1, call, data)
    assert (len(conversation.entries), conversation.full) == (32, True)


async def test_a_flood_fills_it_and_the_server_goes_on():
    async with serve(flood, record=True) as site:
        reply = await fetch(site)
        assert (reply.ended, len(reply.body)) == ("complete", 1000 << 16)
        assert site.conversation.full
        assert site.conversation.calls[-1].ended == "waiting"
        assert "was full" in repr(site.conversation)


# -- JSON


class Thing:
    pass


def test_json_is_readable():
    value = {"a": b"\xff\n", "pair": (1, "x"), "state": Thing(), "none": None, "rate": 0.5}
    assert to_json(value) == {
        "a": {"bytes": "\xff\n"},
        "pair": [1, "x"],
        "state": {"repr": f"{__name__}.Thing"},
        "none": None,
        "rate": 0.5,
    }
    for awkward in ({"bytes": "x"}, {"dict": 1}, {"dict": {"bytes": "x"}}, {"bytes": b"x"}):
        assert from_json(to_json(awkward)) == awkward


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "bytes", "dict", "repr"]) | st.text(), inner)
    ),
    max_leaves=8,
)
entries = st.builds(
    Entry,
    t=st.floats(0, 100),
    what=st.sampled_from(["open", "in", "eof", "out", "close", "call", "receive", "send"]),
    connection=st.none() | st.integers(1, 3),
    call=st.none() | st.integers(1, 3),
    data=values,
    took=st.none() | st.floats(0, 10),
    error=st.none() | st.text(),
)


@settings(max_examples=40)
@given(st.lists(entries, max_size=4), st.booleans())
def test_json_comes_back_byte_for_byte(tmp_path_factory, found, full):
    folder = tmp_path_factory.getbasetemp()
    conversation = Conversation({"server": "x", "bytes": "y"})
    conversation._entries, conversation.full = found, full
    conversation.save(folder / "a.json")
    loaded = Conversation.load(folder / "a.json")
    loaded.save(folder / "b.json")
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()
    assert loaded.entries == conversation.entries
    assert (loaded.about, loaded.full) == (conversation.about, full)


async def test_what_cannot_be_copied_is_saved(tmp_path):
    conversation = Conversation()
    scope = {"type": "http", "state": {"lock": __import__("threading").Lock()}}

    async def app(scope, receive, send):
        pass

    await conversation.wrap(app)(scope, None, None)
    conversation.save(tmp_path / "a.json")
    entry = json.loads((tmp_path / "a.json").read_text())["entries"][0]
    assert entry["data"]["state"] == {"lock": {"repr": "_thread.lock"}}


# -- on a real wire


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_wire_and_messages(server):
    async with serve(with_lifespan(hello), server=server, record=True) as site:
        reply = await fetch(site, "/x")
    (connection,) = site.conversation.connections
    assert (connection.bytes_in, connection.bytes_out) == (reply.sent, reply.received)
    assert [s.part for s in connection.spans_in] == ["head"]
    assert [s.part for s in connection.spans_out] == ["head", "body"]
    lifespan, call = site.conversation.calls
    assert story(lifespan)[:2] == ["lifespan.startup", "lifespan.startup.complete"]
    assert story(lifespan)[-2:] == ["lifespan.shutdown.complete", None]
    assert (lifespan.connection, call.connection) == (None, 1)
    assert connection.calls == [call]
    assert connection.entries[0].what == "open"
    assert connection.opened < connection.closed
    assert connection.closed_by == "client"


@pytest.mark.parametrize("options", [{}, {"reset_contextvars": True}])
async def test_two_hundred_clients_are_told_apart(options):
    async with serve(path, record=True, **options) as site:
        await crowd(200, lambda i: fetch(site, f"/{i}"))
    calls = [c for c in site.conversation.calls if c.scope["type"] == "http"]
    asked = {c.number: c.bytes_in.split(b" ")[1] for c in site.conversation.connections}
    right = [call for call in calls if asked[call.connection] == call.scope["path"].encode()]
    assert len(right) == 200


async def test_forwarded_headers_do_not_hide_the_connection():
    async with serve(hello, record=True) as site:
        await fetch(site, headers=[("X-Forwarded-For", "10.0.0.9")])
    call = site.conversation.calls[-1]
    assert (call.scope["client"][0], call.connection) == ("10.0.0.9", 1)


def test_a_port_used_again_is_the_later_connection():
    conversation = Conversation()
    first = conversation.open(5000)
    between = conversation.add("in", first).t
    second = conversation.open(5000)
    scope = {"client": ("127.0.0.1", "5000")}  # granian gives the port as a str
    assert conversation.connection_of(scope) == second
    assert conversation.connection_of(scope, between) == first
    assert conversation.connection_of({"client": None}) is None
    assert conversation.connection_of({"client": ["", None]}) is None
    assert conversation.connection_of({}) is None


def test_ports_to_different_addresses_are_told_apart():
    """A client's port to the relay may be the number of the relay's own port to the server."""
    conversation = Conversation()
    first = conversation.open(5000)
    conversation.alias(6000, first)
    second = conversation.open(6000)
    conversation.alias(5000, second)
    assert conversation.connection_of({"client": ("127.0.0.1", 6000)}) == first
    assert conversation.connection_of({"client": ("127.0.0.1", 5000)}) == second


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_websocket_frames_pass_the_tap(server):
    site = await serve(shout, server=server, record=True)
    async with websockets.connect(site.ws_url, compression=None) as ws:
        await ws.send("hello")
        assert await ws.recv() == "HELLO"
    await site.stop()
    connection = site.conversation.connections[-1]
    frame = next(s.frame for s in connection.spans_out if s.frame)
    assert (frame.name, frame.payload) == ("text", b"HELLO")
    (first, *_), (answer, *_) = connection.frames_in, connection.frames_out
    assert (first.way, first.frame.payload, first.frame.masked) == ("in", b"hello", True)
    assert connection.bytes_in[first.at :].startswith(first.data)
    assert (answer.way, answer.data) == ("out", b"\x81\x05HELLO")
    assert repr(first).startswith("A text frame of the client, bit by bit\n")
    assert "A text frame of the server" in answer._repr_html_()
    assert connection.calls[0].scope["type"] == "websocket"


async def test_pipelined_requests_are_three_calls_of_one_connection():
    post = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    head = GET.replace(b"GET", b"HEAD")
    async with serve(echo, record=True) as site:
        reply = await raw(site, GET + post + head)
    assert [answer.status for answer in reply.replies] == [200, 200, 200]
    (connection,) = site.conversation.connections
    assert [c.scope["method"] for c in connection.calls] == ["GET", "POST", "HEAD"]


async def own(app, sock, serve=None):
    """A server of the reader's own on asyncio streams."""
    server = await asyncio.start_server(serve, sock=sock)
    await server.serve_forever()


async def serve_own(answer, **options):
    async def server(app, sock):
        await own(app, sock, answer)

    return await serve(server=server, record=True, **options)


async def test_a_server_that_writes_lines_and_closes():
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        assert writer.transport.get_protocol() is not None
        writer.writelines([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", b"\r\nok"])
        writer.write(b"")
        writer.close()

    site = await serve_own(answer)
    reply = await fetch(site)
    await site.stop()
    assert (reply.body, site.conversation.connections[0].bytes_out) == (b"ok", reply.received)
    assert [e.what for e in site.conversation.entries] == ["open", "in", "out", "close"]
    assert site.conversation.connections[0].closed_by == "server"


async def test_a_server_that_drops_its_client():
    async def answer(reader, writer):
        writer.transport.abort()

    site = await serve_own(answer)
    reply = await raw(site, GET)
    await site.stop()
    assert reply.ended in ("closed", "reset")
    assert site.conversation.connections[0].closed_by == "server"


async def test_a_client_that_says_it_is_done():
    async def answer(reader, writer):
        writer.write(await reader.read())
        writer.close()

    site = await serve_own(answer)
    async with dial(site) as line:
        await line.write(b"all")
        await line.finish()
        assert await line.read() == b"all"
        assert await line.read() == b""
    await site.stop()
    assert [e.what for e in site.conversation.entries] == ["open", "in", "eof", "out", "close"]


async def test_a_client_that_vanishes():
    async with serve(waits, record=True) as site:
        line = await dial(site)
        await line.write(GET)
        await until(lambda: site.conversation.calls[-1].entries[1:])
        line.abort()
        await until(lambda: site.conversation.connections[0].closed)
    (connection,) = site.conversation.connections
    assert connection.closed_by.startswith("client: ConnectionResetError")
    assert story(connection.calls[0]) == ["http.request", "http.disconnect", None]


async def test_back_pressure_reaches_the_server_through_the_tap():
    async with serve(flood, record=True) as site:
        line = await dial(site, buffer=4096)
        await line.write(GET)
        call = await stalled(site)
        assert call.entries[-1].what == "send"
        while call.entries[-1].took is None:
            await line.read(wait=5)
        line.abort()


async def test_a_card_that_asks_is_no_part_of_the_recording():
    async with serve(hello, record=True) as site:
        await fetch(site, headers=[("Accept", CARD)])
        await fetch(site, "/seen")
    assert [c.scope.get("path") for c in site.conversation.calls] == [None, "/seen"]
    assert len(site.conversation.connections) == 1


async def test_settling_does_not_wait_for_a_stream():
    async with serve(endless, record=True) as site:
        async with dial(site) as line:
            await line.write(GET)
            await line.read(until=b"tick")
        began = asyncio.get_running_loop().time()
        await site.conversation.settle(line.port)
        await site.conversation.settle(1)
        site.conversation.clear()  # with the connection's beginning
        await site.conversation.settle(line.port)
        assert asyncio.get_running_loop().time() - began < 1


async def test_settling_waits_no_longer_for_a_call_that_waits():
    async def stubborn(scope, receive, send):
        if scope["type"] == "http":
            await asyncio.sleep(0.3)

    async with serve(stubborn, record=True) as site:
        async with dial(site) as line:
            await line.write(GET)
            await until(lambda: len(site.conversation.calls) == 2)
        await site.conversation.settle(line.port)
        assert site.conversation.calls[-1].ended == "waiting"


# -- figures


def test_nothing_yet():
    conversation = Conversation()
    assert "nothing was recorded yet" in repr(conversation)
    assert "nothing was recorded yet" in repr(conversation.sequence)


async def test_it_shows_the_latest_connection():
    async with serve(with_lifespan(hello), record=True) as site:
        await fetch(site, "/first")
        await fetch(site, "/second")
        await fetch(site, "/third")
    conversation = site.conversation
    assert "/third" in repr(conversation)
    assert "/second" not in repr(conversation)
    assert "2 earlier connections in .connections" in repr(conversation)
    assert "<li" in conversation._repr_html_()
    assert "lifespan.startup.complete" in repr(conversation.sequence)
    assert "/second" not in repr(conversation.sequence)
    assert "http.response.start" in repr(conversation.calls[-1])
    assert "the app returned" in conversation.calls[-1]._repr_html_()


async def test_a_refused_lifespan_is_no_part_of_the_sequence():
    async with serve(hello, record=True) as site:
        await fetch(site)
    assert "lifespan" not in repr(site.conversation.sequence)
    assert "http.response.start" in repr(site.conversation.sequence)


def test_views_are_plain():
    assert repr(Entry(0.5, "in", 1, None, b"x")).startswith("Entry(t=0.5, what='in'")
    assert "Call" in type(Call(1, None, {})).__name__
    conversation = Conversation()
    conversation.append(Entry(0.1, "send", None, 7, {"type": "x"}))  # its call was not recorded
    conversation.append(Entry(0.2, "call", 9, 8, {"type": "http"}))  # nor this one's connection
    assert [call.number for call in conversation.calls] == [8]
    assert conversation.connections == []


def test_unix_peers_have_no_port():
    conversation = Conversation()
    a, b = socket.socketpair()
    with a, b:
        tap = conversation.tap(asyncio.Protocol)()
        tap.connection_made(type("T", (), {"get_extra_info": lambda self, name: ""})())
    assert conversation.connections[0].number == 1
