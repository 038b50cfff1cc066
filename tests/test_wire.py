"""Bytes cut into spans: literal bytes in, spans out; whatever comes, every byte is covered once."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgilive import wire
from asgilive.wire import Answers, Asked, Field, Frame, Span

GET = b"GET /a?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;note=1\r\nde\r\n0\r\n\r\n"
)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: x\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SWITCH = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"
HELLO = b"\x81\x82\x00\x00\x00\x00hi"


def pieces(data, spans):
    return [(span.part, span.index, data[span.start : span.end]) for span in spans]


def covered(data, spans):
    """Whether the spans lie end to end and cover every byte."""
    edges = [0, *(span.end for span in spans)]
    return [span.start for span in spans] == edges[:-1] and edges[-1] == len(data)


# -- requests


def test_request_is_its_head():
    assert pieces(GET, wire.requests(GET)) == [("head", 0, GET)]


def test_body_with_length():
    head, body = wire.requests(POST)
    assert (head.part, body.part) == ("head", "body")
    assert POST[body.start : body.end] == b"hello"
    assert (body.body, body.payload) == ((0, 5), (body.start, body.end))


def test_chunks_keep_their_framing():
    spans = wire.requests(CHUNKED)
    assert [(part, data) for part, _, data in pieces(CHUNKED, spans)[1:]] == [
        ("body", b"3\r\nabc\r\n"),
        ("body", b"2;note=1\r\nde\r\n"),
        ("end", b"0\r\n\r\n"),
    ]
    assert [span.body for span in spans[1:3]] == [(0, 3), (3, 5)]
    assert [CHUNKED[slice(*span.payload)] for span in spans[1:3]] == [b"abc", b"de"]


def test_pipelined_requests_are_numbered():
    data = GET + POST + CHUNKED + GET
    spans = wire.requests(data)
    assert [s.index for s in spans if s.part == "head"] == [0, 1, 2, 3]
    assert covered(data, spans)


@pytest.mark.parametrize("size", [1, 20, len(CHUNKED) - 12, len(CHUNKED) - 3])
def test_unfinished_request(size):
    spans = wire.requests(CHUNKED[:size])
    assert spans[-1].part == "unfinished"
    assert covered(CHUNKED[:size], spans)


def test_nonsense_is_an_error_with_a_reason():
    (span,) = wire.requests(b"nonsense\r\n\r\n")
    assert span == Span(0, 12, "error", 0, note="illegal request line: b'nonsense'")
    assert wire.requests(GET + b"\x16\x03\x01")[1].part == "error"


def test_note_shows_bytes_as_bytes():
    data = CHUNKED.replace(b"2;note=1", b"zz")
    assert wire.requests(data)[-1].note == "illegal chunk header: b'zz\\r\\n'"


def test_chunk_without_its_line_end_is_an_error():
    data = CHUNKED.replace(b"abc\r\n", b"abcX\n")
    assert [s.part for s in wire.requests(data)] == ["head", "body", "error"]


def test_long_head_and_long_body_are_one_span_each():
    head = b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 50_000
    data = head + b"\r\nContent-Length: 300000\r\n\r\n" + bytes(300_000)
    assert [span.part for span in wire.requests(data)] == ["head", "body"]


@pytest.mark.parametrize("begin", range(wire.PIECE - 12, wire.PIECE + 4))
def test_chunks_across_the_pieces_h11_is_fed(begin):
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: "
    head += b"x" * (begin - len(head) - 4) + b"\r\n\r\n"
    data = head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert [(s.part, s.body) for s in wire.requests(data)[1:]] == [
        ("body", (0, 3)),
        ("body", (3, 5)),
        ("end", (0, 0)),
    ]


def test_frames_follow_an_upgrade():
    data = UPGRADE + HELLO + b"\x89\x80\x01\x02\x03\x04" + b"\x88"
    assert [s.part for s in wire.requests(data)] == ["head", "unfinished"]
    spans = wire.requests(data, upgraded=0)
    assert [s.part for s in spans] == ["head", "frame", "frame", "unfinished"]
    assert [s.frame.name for s in spans[1:3]] == ["text", "ping"]
    assert spans[1].frame == Frame(fin=True, opcode=1, masked=True, payload=b"hi")
    assert covered(data, spans)


# -- responses


def test_response():
    assert pieces(OK, wire.responses(OK)) == [
        ("head", 0, OK[:-2]),
        ("body", 0, b"ok"),
    ]


def test_interim_answers_come_before_the_head():
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
    assert [s.part for s in wire.responses(data)] == ["interim", "head", "body"]


def test_head_is_answered_without_a_body():
    head = OK[:-2]
    spans = wire.responses(head + OK, [Asked("HEAD"), Asked()])
    assert [(s.part, s.index) for s in spans] == [("head", 0), ("head", 1), ("body", 1)]


def test_closing_ends_a_body_without_length():
    assert wire.responses(UNTIL_CLOSE, closed=True)[-1].part == "body"
    assert [s.part for s in wire.responses(OK[:-1], closed=True)] == ["head", "body"]
    assert wire.responses(b"HTTP/1.1 100 Continue\r\n\r\n", closed=True)[-1].part == "interim"


def test_switching_protocols():
    data = SWITCH + b"\x81\x02hi"
    spans = wire.responses(data, [Asked("GET", upgrade=True)])
    assert [s.part for s in spans] == ["head", "frame"]
    assert spans[1].frame == Frame(True, 1, False, b"hi")
    assert wire.responses(data, [Asked()])[0].part == "error"


def test_questions():
    data = UPGRADE.replace(b"Upgrade: websocket", b"UPGRADE:websocket")
    assert wire.asked(data, wire.requests(data)) == [Asked("GET", upgrade=True)]
    data = POST + GET.replace(b"GET", b"HEAD")
    assert wire.asked(data, wire.requests(data)) == [Asked("POST"), Asked("HEAD")]


@pytest.mark.parametrize(
    ("data", "asked", "whole"),
    [
        (b"", [], 0),
        (OK, [], 1),
        (OK[:-1], [], 0),
        (OK + OK + OK[:9], [], 2),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, [], 1),
        (OK[:-2] + OK, [Asked("HEAD"), Asked()], 2),
        (SWITCH + HELLO, [Asked(upgrade=True)], 1),
        (OK + b"nonsense\r\n\r\n", [], 1),
        (UNTIL_CLOSE, [], 0),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_answers_are_counted_as_they_come(data, asked, whole, step):
    answers = Answers(asked)
    for at in range(0, len(data), step):
        answers.feed(data[at : at + step])
    assert answers.count == whole


def test_the_end_of_the_stream_completes_an_answer_without_length():
    answers = Answers([])
    assert (answers.feed(UNTIL_CLOSE), answers.feed(b"")) == (0, 1)
    assert Answers([]).feed(b"") == 0


# -- frames


@pytest.mark.parametrize(
    ("head", "size"), [(b"\x82\x7d", 125), (b"\x82\x7e\x01\x00", 256), (b"\x82\x7f", 70_000)]
)
def test_frame_lengths(head, size):
    head += size.to_bytes(8, "big") if head == b"\x82\x7f" else b""
    data = head + bytes(size)
    (span,) = wire.frames(data)
    assert (span.frame.payload, span.payload) == (bytes(size), (len(head), len(data)))
    for end in range(1, len(head) + 2):
        assert [s.part for s in wire.frames(data[:end])] == ["unfinished"]


def test_reserved_opcode_has_a_name():
    assert wire.frames(b"\x83\x00")[0].frame.name == "opcode 3"


GREETING = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"  # RFC 6455, 5.7


@pytest.mark.parametrize(
    ("data", "sizes"),
    [
        (
            GREETING,
            {"FIN": 1, "RSV": 3, "opcode": 4, "MASK": 1, "length": 7, "key": 32, "payload": 40},
        ),
        (b"\x89\x00", {"FIN": 1, "RSV": 3, "opcode": 4, "MASK": 1, "length": 7}),
        (b"\x82\x7e\x01\x00" + bytes(256), {"long length": 16, "payload": 2048}),
        (b"\x82\x7f" + (70_000).to_bytes(8, "big") + bytes(70_000), {"long length": 64}),
        (b"\x88\x05\x0f\xa1bye", {"code": 16, "reason": 24}),
        (b"\x88\x02\x03\xe8", {"code": 16}),
        (b"\x88\x00", {"MASK": 1, "length": 7}),
    ],
)
def test_bits_of_a_frame(data, sizes):
    found = list(wire.bits(data))
    assert [f.start for f in found] == [sum(f.size for f in found[:n]) for n in range(len(found))]
    assert sum(f.size for f in found) == 8 * len(data)
    named = {f.name: f.size for f in found}
    assert named.items() >= sizes.items()
    assert len(sizes) < 5 or named == sizes
    assert ("reason" in named) == (b"bye" in data)


def test_unmask():
    assert wire.unmask(b"\x7f\x9f\x4d\x51\x58", b"\x37\xfa\x21\x3d") == b"Hello"  # RFC 6455, 5.7
    assert wire.unmask(b"as it is", b"") == b"as it is"
    assert wire.unmask(b"", b"1234") == b""


# -- fields


def test_fields_of_a_request():
    assert list(wire.fields(b"GET /a?x=1 HTTP/1.1\r\nHost:  a \r\n\r\n", 100)) == [
        Field(100, 104, "method", ((100, 103),)),
        Field(104, 106, "path", ((104, 106),)),
        Field(106, 111, "query", ((107, 110),)),
        Field(111, 121, "version", ((116, 119),)),
        Field(121, 132, "header", ((121, 125), (128, 129))),
        Field(132, 134, "end"),
    ]


def test_fields_of_a_response():
    assert list(wire.fields(b"HTTP/1.1 200 OK\r\nA:\r\n\r\n")) == [
        Field(0, 17, "status", ((9, 12),)),
        Field(17, 21, "header", ((17, 18), (19, 19))),
        Field(21, 23, "end"),
    ]


def test_path_without_query_takes_its_blank():
    assert [f.name for f in wire.fields(GET.replace(b"?x=1", b""))][:3] == [
        "method",
        "path",
        "version",
    ]


# -- hostile bytes

SAMPLES = [GET, POST, CHUNKED, UPGRADE, OK, SWITCH, UNTIL_CLOSE, HELLO, GET * 3, POST + CHUNKED]


@st.composite
def mutated(draw):
    """Real messages with bytes changed, lost, doubled, and others behind them."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data)


def wire_fields(data, span):
    return list(wire.fields(data[span.start : span.end]))


hostile = st.binary(max_size=200) | mutated()
questions = st.lists(
    st.builds(Asked, st.sampled_from(["GET", "HEAD", "POST", "CONNECT"]), st.booleans())
)


@given(hostile, st.none() | st.integers(0, 3))
@example(b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", None)
def test_any_request_bytes(data, upgraded):
    spans = wire.requests(data, upgraded=upgraded)
    assert covered(data, spans)
    for span in spans:
        if span.part == "head":
            assert covered(data[span.start : span.end], wire_fields(data, span))
    wire.responses(OK * 4, wire.asked(data, spans))


@given(hostile, questions, st.booleans())
def test_any_response_bytes(data, asked, closed):
    spans = wire.responses(data, asked, closed=closed)
    assert covered(data, spans)
    bodies = [s for s in spans if s.part == "body"]
    assert all(s.payload[1] - s.payload[0] == s.body[1] - s.body[0] > 0 for s in bodies)
    for span in spans:
        if span.part in ("head", "interim"):
            assert covered(data[span.start : span.end], wire_fields(data, span))


@given(hostile, questions, st.randoms(use_true_random=False))
def test_answers_agree_however_the_bytes_come(data, asked, rng: random.Random):
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(5))
    answers = Answers(asked)
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if begin < end:
            answers.feed(data[begin:end])
    assert answers.count == Answers(asked).feed(data) if data else answers.count == 0


@given(st.binary(max_size=300))
def test_any_frames(data):
    spans = wire.frames(data)
    assert covered(data, spans)
    assert all(s.frame.payload is not None for s in spans if s.part == "frame")
    for span in (s for s in spans if s.part == "frame"):
        assert sum(f.size for f in wire.bits(data[span.start : span.end])) == 8 * (
            span.end - span.start
        )
