"""HTTP/2 in its smallest form, for chapter 3: ask for /a, and cut what comes back into frames."""

from asgilive import dial
from hpack import Encoder
from hyperframe.frame import Frame, HeadersFrame, SettingsFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # a client's first bytes
END_OF_STREAM_1 = b"\0\0\0\0\1\0\0\0\1"  # the head of an empty DATA frame


async def ask_http2(site):
    """The bytes that answer a GET of /a on a new connection."""
    pairs = [(":method", "GET"), (":path", "/a"), (":scheme", "http"), (":authority", "a")]
    head = HeadersFrame(1, Encoder().encode(pairs))
    head.flags |= {"END_HEADERS", "END_STREAM"}
    async with dial(site) as line:
        await line.write(PREFACE + SettingsFrame(0).serialize() + head.serialize())
        return await line.read(until=END_OF_STREAM_1, wait=5)


def frames(data):
    """Each frame as its kind, the number of its stream, and its content."""
    data, found = memoryview(data), []
    while data:
        frame, size = Frame.parse_frame_header(data[:9])
        found.append((type(frame).__name__, frame.stream_id, bytes(data[9 : 9 + size])))
        data = data[9 + size :]
    return found
