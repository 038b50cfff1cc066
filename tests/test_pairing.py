"""Bytes beside messages: what is paired with what, and that every byte is drawn once, in order."""

import pytest
import websockets
from hypothesis import example, given, settings
from hypothesis import strategies as st
from some_apps import early, echo, hello, late, reply, shout, until, waits
from test_wire import CHUNKED, GET, HELLO, OK, POST, SWITCH, UPGRADE, hostile

from asgilive import dial, drawing, fetch, pairing, raw, serve, wire
from asgilive.pairing import shown
from asgilive.recording import Conversation, Entry

pytestmark = pytest.mark.usefixtures("nothing_left")

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"ok"}
SCOPE = {"type": "http", "method": "GET", "path": "/a", "headers": [(b"host", b"a")]}


def recorded(*steps):
    """A conversation of one connection: (what, data), in order of time."""
    conversation = Conversation()
    conversation._entries = [Entry(0.0, "open", 1)]
    for number, (what, data, *more) in enumerate(steps, 1):
        call = None if what in ("in", "out", "eof", "close") else 1
        took = None if what in ("in", "out", "call") else 0.0
        error = more[0] if more else None
        conversation._entries.append(Entry(number / 1000, what, 1, call, data, took, error))
    return conversation


def rows(conversation):
    (connection,) = conversation.connections
    found = pairing.rows(connection)
    assert drawn(found) == (connection.bytes_in, connection.bytes_out)
    drawing.wire(found, title=pairing.title(connection))
    return found


def drawn(found):
    """The bytes of all rows in their order, each way; every row stands where it says."""
    bytes_of, way = {"in": b"", "out": b""}, "in"
    for row in found:
        way = row["way"] if row["row"] == "tape" else way
        if row["row"] in ("pair", "bytes"):
            assert row["at"] == len(bytes_of[way]), row
            bytes_of[way] += row["bytes"]
    return bytes_of["in"], bytes_of["out"]


def beside(found, part):
    """The bytes that stand beside keys with this name or these words."""
    return [
        (row["bytes"], text)
        for row in found
        if row["row"] == "pair"
        for name, text in row["keys"]
        if part in (name, text)
    ]


def notes(found):
    return [row["text"] for row in found if row["row"] == "note"]


def strays(found):
    return [(row["bytes"], row["note"]) for row in found if row["row"] == "bytes" and row["note"]]


def cards(found):
    return [row["name"] for row in found if row["row"] == "message"]


# -- HTTP


def test_a_request_and_its_answer():
    found = rows(
        recorded(
            ("in", GET),
            ("call", SCOPE | {"query_string": b"x=1", "http_version": "1.1", "client": ["a", 1]}),
            ("send", START),
            ("send", BODY),
            ("out", OK),
            ("return", None),
        )
    )
    assert cards(found) == ["scope", "http.response.start", "http.response.body"]
    assert beside(found, "method") == [(b"GET ", '"GET"')]
    assert beside(found, "path") == [(b"/a", '"/a"')]
    assert beside(found, "query_string") == [(b"?x=1 ", 'b"x=1"')]
    assert beside(found, "http_version") == [(b"HTTP/1.1\r\n", '"1.1"')]
    assert beside(found, "headers") == [
        (b"Host: a\r\n", '[(b"host", b"a")]'),
        (b"Content-Length: 2\r\n", '[(b"content-length", b"2")]'),
    ]
    assert beside(found, "status") == [(b"HTTP/1.1 200 OK\r\n", "200")]
    assert beside(found, "body") == [(b"ok", 'b"ok"')]
    assert [row["keys"] for row in found if row["row"] == "own"] == [
        [("type", '"http"'), ("client", '["a", 1]')]
    ]
    assert [row["text"] for row in found if row["row"] == "turn"] == ["the app runs"]


def test_framing_is_the_servers_where_it_writes():
    found = rows(recorded(("in", GET), ("call", SCOPE), ("send", START), ("out", OK[:-2])))
    (line,) = [row for row in found if row["row"] == "pair" and row["bytes"].startswith(b"HTTP/")]
    assert [line["bytes"][a:b] for a, b in line["marks"]] == [b"200"]
    assert [line["bytes"][a:b] for a, b in line["framing"]] == [b"HTTP/1.1 ", b" OK\r\n"]


@pytest.mark.parametrize(
    ("sizes", "stretches"),
    [
        ([5], [b"3\r\nabc\r\n", b"2;note=1\r\nde\r\n"]),
        ([3, 2], [b"3\r\nabc\r\n", b"2;note=1\r\nde\r\n"]),
        ([2, 3], [b"3\r\nab", b"c\r\n", b"2;note=1\r\nde\r\n"]),
        ([0, 4, 1], [b"3\r\nabc\r\n", b"2;note=1\r\nd", b"e\r\n"]),
    ],
)
def test_bodies_are_matched_by_offset(sizes, stretches):
    """Whatever pieces the server made of the chunks."""
    steps, at = [("in", CHUNKED), ("call", SCOPE | {"method": "POST", "path": "/"})], 0
    for size in sizes:
        body = b"abcde"[at : at + size]
        steps.append(("receive", {"type": "http.request", "body": body, "more_body": True}))
        at += size
    found = rows(recorded(*steps))
    pairs = [row["bytes"] for row in found if row["row"] == "pair" and row["role"] == "receive"]
    assert pairs == [*stretches, b"0\r\n\r\n"]
    assert "the last chunk: nothing follows" in str(found)


def test_what_the_app_did_not_read():
    found = rows(
        recorded(
            ("in", CHUNKED),
            ("call", SCOPE | {"method": "POST", "path": "/"}),
            ("receive", {"type": "http.request", "body": b"a", "more_body": True}),
        )
    )
    assert strays(found)[1:] == [
        (b"bc\r\n", "no message brought these"),
        (b"2;note=1\r\nde\r\n", "no message brought these"),
        (b"0\r\n\r\n", "the last chunk"),
    ]
    assert notes(found) == ["the app is still waiting"]


def test_what_the_server_wrote_by_itself():
    head = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nok"
    found = rows(
        recorded(
            ("in", b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
            ("out", b"HTTP/1.1 100 Continue\r\n\r\n"),
            ("call", SCOPE | {"method": "POST"}),
            ("send", START | {"headers": [*START["headers"], (b"x", b"lost")]}),
            ("out", head),
        )
    )
    assert (b"HTTP/1.1 100 Continue\r\n", pairing.NO_MESSAGE) in strays(found)
    assert (b"ok", pairing.NO_MESSAGE) in strays(found)
    assert (b"Date: now\r\n", "") in [
        (row["bytes"], row["note"]) for row in found if row["row"] == "bytes"
    ]
    assert {"row": "rest", "keys": [("", ' (b"x", b"lost")]')]} in found


def test_requests_and_calls_in_turn():
    head = GET.replace(b"GET", b"HEAD")
    conversation = recorded(("in", b"nonsense\r\n\r\n"), ("call", SCOPE))
    assert (
        pairing.exchanges(conversation.connections[0], pairing.cut(conversation.connections[0]))[
            0
        ].call
        is None
    )
    conversation = recorded(("in", head + GET), ("call", SCOPE))
    found = rows(conversation)
    assert cards(found) == ["scope"]  # the call is the second request's
    assert found.index(next(r for r in found if r.get("name") == "scope")) > 5


def test_a_call_that_belongs_to_no_request_is_passed_over():
    conversation = recorded(("in", GET), ("call", SCOPE | {"path": "/b"}))
    conversation._entries.append(Entry(1.0, "call", 1, 2, SCOPE))
    (exchange,) = pairing.exchanges(
        conversation.connections[0], pairing.cut(conversation.connections[0])
    )
    assert exchange.call.number == 2


async def test_a_request_that_never_reaches_the_app():
    async with serve(hello, record=True) as site:
        await raw(site, b"nonsense\r\n\r\n")
    found = rows(site.conversation)
    assert cards(found) == []
    assert strays(found)[0] == (b"nonsense\r\n\r\n", "illegal request line: b'nonsense'")
    assert pairing.title(site.conversation.connections[0]) == "nonsense"


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_pipelining(server):
    async with serve(echo, server=server, record=True) as site:
        await raw(site, GET + CHUNKED + GET.replace(b"GET", b"HEAD") + POST)
    found = rows(site.conversation)
    assert cards(found).count("scope") == 4
    assert beside(found, "method")[2] == (b"HEAD ", '"HEAD"')
    assert strays(found).count((b"\r\n", "end of the head")) == 8


async def test_an_app_that_raises_before_and_after_its_head():
    async with serve(early, record=True) as site:
        await fetch(site)
    assert notes(rows(site.conversation))[0] == "the app raised ValueError: before the head"
    async with serve(late, record=True) as site:
        await fetch(site)
    found = rows(site.conversation)
    assert notes(found) == [
        "the app raised ValueError: after the head",
        "the server closed the connection",
    ]
    assert beside(found, "body") == [(b"6\r\nso far\r\n", 'b"so far"')]


async def test_a_client_that_vanishes_is_in_the_figure():
    async with serve(waits, record=True) as site:
        line = await dial(site)
        await line.write(GET)
        await until(lambda: site.conversation.calls[-1].entries[1:])
        found = rows(site.conversation)
        assert notes(found) == ["the app is still waiting in receive()"]
        line.abort()
        await until(lambda: site.conversation.connections[0].closed)
    found = rows(site.conversation)
    assert cards(found) == ["scope", "http.request", "http.disconnect"]


async def test_a_refused_message():
    async def app(scope, receive, send):
        if scope["type"] == "http":
            try:
                await send({"type": "websocket.send", "text": "Hello"})
            except Exception:
                await reply(send)

    async with serve(app, record=True) as site:
        await fetch(site)
    found = rows(site.conversation)
    assert cards(found) == [
        "scope",
        "http.response.start",
        "http.response.body",
        "websocket.send",
    ]
    assert next(row["error"] for row in found if row.get("name") == "websocket.send")


def test_a_message_refused_before_anything_was_sent():
    found = rows(
        recorded(("in", GET), ("call", SCOPE), ("send", BODY, "RuntimeError: no"), ("out", OK))
    )
    assert cards(found) == ["scope", "http.response.body"]
    assert strays(found)[-1] == (b"ok", pairing.NO_MESSAGE)


def test_headers_of_a_careless_application():
    start = START | {"headers": [("a", "b"), 5, [b"content-length", b"2"]]}
    found = rows(recorded(("in", GET), ("call", SCOPE), ("send", start), ("out", OK)))
    assert beside(found, ' (b"content-length", b"2")]') == [
        (b"Content-Length: 2\r\n", ' (b"content-length", b"2")]')
    ]
    assert {"row": "rest", "keys": [("headers", '[("a", "b"),'), ("", " 5,")]} in found


# -- WebSocket


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_frames_beside_messages(server):
    site = await serve(shout, server=server, record=True)
    async with websockets.connect(site.ws_url, compression=None) as ws:
        await ws.send("hello")
        assert await ws.recv() == "HELLO"
        await ws.send(["by", "e"])  # one message in two frames
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
    await site.stop()
    found = rows(site.conversation)
    assert cards(found)[:7] == [
        "scope",
        "websocket.connect",
        "websocket.accept",
        "websocket.receive",
        "websocket.send",
        "websocket.receive",
        "websocket.close",
    ]
    ((frame, _),) = beside(found, '"HELLO"')
    assert frame == b"\x81\x05HELLO"
    assert "text: no message" in [note for _, note in strays(found)]


def test_a_binary_frame_an_unfinished_one_and_a_subprotocol():
    steps = [
        ("in", UPGRADE),
        ("call", {"type": "websocket", "path": "/ws"}),
        ("send", {"type": "websocket.accept", "subprotocol": "chat", "headers": []}),
        ("out", b"HTTP/1.1 100 Continue\r\n\r\n" + SWITCH),
        ("in", HELLO.replace(b"\x81", b"\x82") + b"\x81"),
        ("receive", {"type": "websocket.receive", "bytes": b"hi", "text": None}),
        ("receive", {"type": "websocket.disconnect", "code": 1006}),
        ("return", None),
    ]
    found = rows(recorded(*steps))
    assert {"row": "rest", "keys": [("subprotocol", '"chat"')]} in found
    assert beside(found, "bytes") == [(HELLO.replace(b"\x81", b"\x82"), 'b"hi"')]
    assert (b"\x81", "not whole: no message") in strays(found)
    assert cards(found)[-1] == "websocket.disconnect"


def fields(data):
    """What is said of each field of a frame, and of each of its bytes."""
    frame, _, _ = wire.frame(data, 0)
    return {row["name"]: (row["text"], row["notes"]) for row in pairing.bits(data, frame)}


def test_the_bits_of_a_masked_frame():
    found = fields(b"\x01\x83\x37\xfa\x21\x3d\x7f\x9f\x01")
    assert found == {
        "FIN": ("more frames follow", []),
        "RSV": ("no extension", []),
        "opcode": ("1: text", []),
        "MASK": ("a key follows", []),
        "length": ("3 bytes of payload", []),
        "key": ("", ["37", "fa", "21", "3d"]),
        "payload": ("", ["7f ^ 37 = 48 H", "9f ^ fa = 65 e", "01 ^ 21 = 20"]),
    }


def test_the_bits_of_long_compressed_and_closing_frames():
    long = fields(b"\xc2\x7e\x01\x00" + bytes(256))
    assert long["RSV"] == ("an extension, such as compression", [])
    assert long["FIN"] == ("the last frame of its message", [])
    assert long["MASK"] == ("no key", [])
    assert long["length"] == ("126: the next 2 bytes say it", [])
    assert long["long length"] == ("256 bytes of payload", ["", ""])
    assert long["payload"][1] == ["00"] * 60
    longer = fields(b"\x82\x7f" + (70_000).to_bytes(8, "big") + bytes(70_000))
    assert longer["length"][0] == "127: the next 8 bytes say it"
    assert longer["long length"][0] == "70,000 bytes of payload"
    assert fields(b"\x81\x01a")["length"][0] == "1 byte of payload"
    end = fields(b"\x88\x05\x0f\xa1bye")
    assert end["code"] == ("4001", ["0f", "a1"])
    assert end["reason"] == ("", ["62 b", "79 y", "65 e"])


def test_frames_without_a_call():
    found = rows(recorded(("in", UPGRADE), ("out", SWITCH + b"\x89\x00")))
    assert cards(found) == []
    assert (b"\x89\x00", "ping: no message") in strays(found)


# -- the sequence


def test_steps():
    conversation = recorded(
        ("in", GET),
        ("call", SCOPE),
        ("receive", None),
        ("receive", {"type": "http.request"}),
        ("send", START),
        ("send", "hello", "TypeError: no message"),
        ("send", {"type": "http.response.body", "body": b"x" * 60}),
        ("out", OK),
        ("out", b"\x81\x02hi"),
        ("out", b"more \xff and much more than fits into one line"),
        ("out", b""),
        ("eof", None),
        ("return", None),
        ("raise", "ValueError: late"),
        ("close", "client: ConnectionResetError"),
        ("close", "server"),
    )
    steps = pairing.steps(conversation.entries)
    texts = [step["text"] if "text" in step else step["event"] for step in steps]
    assert texts == [
        "GET /a?x=1 HTTP/1.1",
        "app(scope, …)",
        "http.request",
        "http.response.start",
        "?",
        "http.response.body",
        "HTTP/1.1 200 OK",
        "text frame",
        "more \\xff and much more tha…",
        "",
        "the app returns",
        "the app raises ValueError: late",
        "the client hangs up (ConnectionResetError)",
        "the server hangs up",
    ]
    details = [step.get("detail") for step in steps]
    assert details[1:3] == ["http /a", ""]
    assert details[3:6] == [
        "status 200",
        "refused: TypeError",
        f'body b"{"x" * 34}…',
    ]
    assert details[7:9] == ["81 02 68 69", "44 bytes"]
    assert (steps[0]["t"], steps[1]["begins"], steps[10]["ends"]) == (0.0, True, True)
    drawing.sequence(steps, title="t")
    assert pairing.steps([]) == []


def test_a_large_read_is_told_in_no_time():
    entry = Entry(0.0, "out", 1, None, bytes(8 << 20))
    assert pairing.steps([entry])[0]["detail"] == "8388608 bytes"


# -- values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ('say "a"', "'say \"a\"'"),
        ("it's", '"it\'s"'),
        (b"a\r\n", 'b"a\\r\\n"'),
        ((1,), "(1,)"),
        ((b"a", 1.5), '(b"a", 1.5)'),
        ([None, True], "[None, True]"),
        ({"a": [b"b"]}, '{"a": [b"b"]}'),
        (Conversation(), "<asgilive.recording.Conversation>"),
        (bytes(65536), 'b"' + "\\x00" * 60 + '" … 65,536 bytes'),
        ("x" * 2000, '"' + "x" * 60 + '" … 2,000 characters'),
    ],
)
def test_shown(value, text):
    assert shown(value) == text


def test_crossing():
    send = Entry(0.5, "send", 1, 1, {"type": "x", "body": b"a"}, 0.1)
    assert pairing.crossing(send, 0.2) == {
        "role": "send",
        "name": "x",
        "keys": [("body", 'b"a"')],
        "t": 0.3,
        "took": 0.1,
        "error": None,
    }
    assert pairing.crossing(Entry(0.5, "receive"), 0)["name"] == "waiting"
    assert pairing.crossing(Entry(0.5, "send", data="no"), 0)["keys"] == [("", '"no"')]


# -- whatever was recorded


def careless():
    """Messages as a careless application sends them."""
    anything = st.none() | st.integers() | st.text(max_size=4) | st.binary(max_size=4)
    pair = st.tuples(st.binary(max_size=4), st.binary(max_size=4)) | st.lists(anything, max_size=3)
    known = st.sampled_from(
        [
            "http.request",
            "http.disconnect",
            "http.response.start",
            "http.response.body",
            "websocket.connect",
            "websocket.accept",
            "websocket.receive",
            "websocket.send",
            "websocket.close",
            "websocket.disconnect",
        ]
    )
    message = st.fixed_dictionaries(
        {},
        optional={
            "type": known | anything,
            "body": st.binary(max_size=9) | anything,
            "status": st.integers(100, 600) | anything,
            "headers": st.lists(pair | anything, max_size=3) | anything,
            "path": st.sampled_from(["/", "/a", "/ws"]) | anything,
            "raw_path": anything,
            "method": st.sampled_from(["GET", "POST", "get"]) | anything,
            "text": anything,
            "subprotocol": anything,
        },
    )
    return message, message | anything


scope, message = careless()
wires = hostile | st.sampled_from([UPGRADE, SWITCH, UPGRADE + HELLO, SWITCH + HELLO, GET, OK])
step = (
    st.tuples(st.sampled_from(["in", "out"]), wires)
    | st.tuples(st.sampled_from(["receive", "send"]), message)
    | st.tuples(st.sampled_from(["receive", "send"]), message, st.none() | st.just("E: no"))
    | st.tuples(st.just("return"), st.none())
    | st.tuples(st.just("raise"), st.just("E: x"))
    | st.tuples(st.just("eof"), st.none())
    | st.tuples(st.just("close"), st.sampled_from(["client", "server", "client: E"]))
)


@settings(max_examples=100)
@given(scope, st.lists(step, max_size=12), st.integers(0, 12), st.none() | st.floats(0, 1))
@example({"type": "http", "path": "/ws"}, [("in", UPGRADE), ("out", SWITCH + b"\x81")], 2, None)
@example({}, [("in", b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"), ("out", OK + HELLO)], 0, None)
@example({}, [("in", UPGRADE[:-2] + b"Content-Length: 2\r\n\r\nhi"), ("out", SWITCH)], 0, None)
def test_whatever_was_recorded_is_drawn_once_and_in_order(scope, steps, at, took):
    steps.insert(min(at, len(steps)), ("call", scope))
    conversation = recorded(*steps)
    for entry in conversation._entries:
        if entry.what in ("receive", "send"):
            entry.took = took
    rows(conversation)
    entries = conversation.entries
    drawing.sequence(pairing.steps(entries), title="t")
    for entry in entries:
        if entry.what in ("receive", "send"):
            pairing.crossing(entry, 0.0)
