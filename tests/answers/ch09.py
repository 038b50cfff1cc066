"""Learners' answers to the exercises of chapter 9."""

WRONG = {
    "9.1": [
        (
            "zip stops at the shorter of the two: four bytes.",
            """\
def mask(payload, key):
    return bytes(a ^ b for a, b in zip(payload, key))
""",
        ),
        (
            "Only the first byte of the key has a turn.",
            """\
def mask(payload, key):
    return bytes(byte ^ key[0] for byte in payload)
""",
        ),
        (
            "A list of numbers instead of bytes.",
            """\
def mask(payload, key):
    return [byte ^ key[n % 4] for n, byte in enumerate(payload)]
""",
        ),
        (
            "Added, not XORed.",
            """\
def mask(payload, key):
    return bytes((byte + key[n % 4]) % 256 for n, byte in enumerate(payload))
""",
        ),
        (
            "Bytes have no ^.",
            """\
def mask(payload, key):
    return payload ^ key
""",
        ),
        (
            "The place in the key counts on without a modulo.",
            """\
def mask(payload, key):
    return bytes(byte ^ key[n] for n, byte in enumerate(payload))
""",
        ),
    ],
    "9.2": [
        (
            "The two bytes are believed to be there.",
            """\
def parse(data):
    size = data[1] & 127
    return data[0] >> 7, data[0] & 15, data[2:2 + size], data[2 + size:]
""",
        ),
        (
            "126 is taken for a length.",
            """\
def parse(data):
    if len(data) < 2:
        return None
    size, masked = data[1] & 127, data[1] >> 7
    at = 2 + 4 * masked
    if len(data) < at + size:
        return None
    key = data[2:6] if masked else bytes(4)
    payload = bytes(byte ^ key[n % 4] for n, byte in enumerate(data[at:at + size]))
    return data[0] >> 7, data[0] & 15, payload, data[at + size:]
""",
        ),
        (
            "The mask is left on.",
            """\
def parse(data):
    if len(data) < 2:
        return None
    size, at = data[1] & 127, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4], "big"), 4
    if size == 127:
        size, at = int.from_bytes(data[2:10], "big"), 10
    at += 4 * (data[1] >> 7)
    if len(data) < at + size:
        return None
    return data[0] >> 7, data[0] & 15, data[at:at + size], data[at + size:]
""",
        ),
        (
            "What stands behind the frame is taken for a part of it.",
            """\
def parse(data):
    if len(data) < 2:
        return None
    size, at = data[1] & 127, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4], "big"), 4
    if size == 127:
        size, at = int.from_bytes(data[2:10], "big"), 10
    key = bytes(4)
    if data[1] > 127:
        key, at = data[at:at + 4], at + 4
    if len(data) < at + size:
        return None
    payload = bytes(byte ^ key[n % 4] for n, byte in enumerate(data[at:]))
    return data[0] >> 7, data[0] & 15, payload, b""
""",
        ),
        (
            "A part of a frame is given as if it were whole.",
            """\
def parse(data):
    if len(data) < 2:
        return None
    size, at = data[1] & 127, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4], "big"), 4
    if size == 127:
        size, at = int.from_bytes(data[2:10], "big"), 10
    key = bytes(4)
    if data[1] > 127:
        key, at = data[at:at + 4] + bytes(4), at + 4
    payload = bytes(byte ^ key[n % 4] for n, byte in enumerate(data[at:at + size]))
    return data[0] >> 7, data[0] & 15, payload, data[at + size:]
""",
        ),
        (
            "The opcode with FIN in it.",
            """\
def parse(data):
    if len(data) < 2 or len(data) < 2 + (data[1] & 127):
        return None
    return data[0] >> 7, data[0], data[2:2 + (data[1] & 127)], data[2 + (data[1] & 127):]
""",
        ),
    ],
    "9.3": [
        (
            "Every message is believed to be text.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
""",
        ),
        (
            "An empty text is taken for no text.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text"):
            await send({"type": "websocket.send", "text": message["text"]})
        elif message.get("bytes"):
            await send({"type": "websocket.send", "bytes": message["bytes"]})
""",
        ),
        (
            "Once, and no loop.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    await send({**message, "type": "websocket.send"})
""",
        ),
        (
            "The loop does not end with the client.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
""",
        ),
        (
            "It is never accepted.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({**message, "type": "websocket.send"})
""",
        ),
        (
            "No look at the type of the scope.",
            """\
async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
""",
        ),
    ],
    "9.4": [
        (
            "Accepted first, closed if the client offered another.",
            """\
import json

async def adder(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "sum.1"})
    if "sum.1" not in scope["subprotocols"]:
        await send({"type": "websocket.close"})
""",
        ),
        (
            "The choice is not told.",
            """\
import json

async def adder(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    if "sum.1" not in scope["subprotocols"]:
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept"})
    await receive()
""",
        ),
        (
            "A wrong question ends the app.",
            """\
import json

async def adder(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    if "sum.1" not in scope["subprotocols"]:
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept", "subprotocol": "sum.1"})
    while (message := await receive())["type"] == "websocket.receive":
        asked = json.loads(message["text"])
        answer = {"id": asked["id"], "sum": sum(asked["add"])}
        await send({"type": "websocket.send", "text": json.dumps(answer)})
""",
        ),
        (
            "The answer to what is no object has no id, and the connection is closed.",
            """\
import json

async def adder(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    if "sum.1" not in scope["subprotocols"]:
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept", "subprotocol": "sum.1"})
    while (message := await receive())["type"] == "websocket.receive":
        try:
            asked = json.loads(message["text"])
            answer = {"id": asked["id"], "sum": sum(asked["add"])}
        except Exception as why:
            return await send({"type": "websocket.close", "code": 1003})
        await send({"type": "websocket.send", "text": json.dumps(answer)})
""",
        ),
        (
            "An error forgets the id.",
            """\
import json

async def adder(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    if "sum.1" not in scope["subprotocols"]:
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept", "subprotocol": "sum.1"})
    while (message := await receive())["type"] == "websocket.receive":
        try:
            asked = json.loads(message["text"])
            answer = {"id": asked.get("id"), "sum": sum(asked["add"])}
        except Exception as why:
            answer = {"id": None, "error": str(why)}
        await send({"type": "websocket.send", "text": json.dumps(answer)})
""",
        ),
        (
            "Bytes are read as JSON too.",
            """\
import json

async def adder(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    if "sum.1" not in scope["subprotocols"]:
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept", "subprotocol": "sum.1"})
    while (message := await receive())["type"] == "websocket.receive":
        number = None
        try:
            asked = json.loads(message.get("text") or message.get("bytes"))
            number = asked.get("id")
            answer = {"id": number, "sum": sum(asked["add"])}
        except Exception as why:
            answer = {"id": number, "error": str(why)}
        await send({"type": "websocket.send", "text": json.dumps(answer)})
""",
        ),
    ],
    "9.5": [
        (
            "Twice as long each time, and no chance in it.",
            """\
async def keep(visit, sleep):
    failures = 0
    while True:
        try:
            code = await visit()
            if code == 1000 or code >= 4000:
                return code
            failures = 0
        except ConnectionError:
            failures += 1
        await sleep(min(30, 2 ** failures))
""",
        ),
        (
            "Every end is believed to be meant.",
            """\
import random

async def keep(visit, sleep):
    failures = 0
    while True:
        try:
            return await visit()
        except ConnectionError:
            failures += 1
            await sleep(random.uniform(0, min(30, 2 ** failures)))
""",
        ),
        (
            "Nothing is the most.",
            """\
import random

async def keep(visit, sleep):
    failures = 0
    while True:
        try:
            code = await visit()
            if code == 1000 or code >= 4000:
                return code
            failures = 0
        except ConnectionError:
            failures += 1
        await sleep(random.uniform(0, 2 ** failures))
""",
        ),
        (
            "The failures are counted from the beginning.",
            """\
import random

async def keep(visit, sleep):
    failures = 0
    while True:
        try:
            code = await visit()
            if code == 1000 or code >= 4000:
                return code
        except ConnectionError:
            failures += 1
        await sleep(random.uniform(0, min(30, 2 ** failures)))
""",
        ),
        (
            "No pause after a visit that had a code.",
            """\
import random

async def keep(visit, sleep):
    failures = 0
    while True:
        try:
            code = await visit()
            if code == 1000 or code >= 4000:
                return code
            failures = 0
        except ConnectionError:
            failures += 1
            await sleep(random.uniform(0, min(30, 2 ** failures)))
""",
        ),
        (
            "A bare except.",
            """\
import random

async def keep(visit, sleep):
    failures = 0
    while True:
        try:
            code = await visit()
            if code == 1000 or code >= 4000:
                return code
            failures = 0
            await sleep(random.uniform(0, 1))
        except:
            failures += 1
            try:
                await sleep(random.uniform(0, min(30, 2 ** failures)))
            except:
                pass
""",
        ),
        (
            "Codes from 1000 on are believed to be good.",
            """\
import random

async def keep(visit, sleep):
    while True:
        try:
            code = await visit()
            if code <= 1001 or code >= 3000:
                return code
        except ConnectionError:
            await sleep(random.random())
""",
        ),
    ],
    "9.6": [
        (
            "An error is 1011, since that is its number.",
            "codes = [1000, 1000, 1011, 403, 500, 1007, 1002, 1009, 1011, 1012]\n",
        ),
        (
            "The code of a refusal is believed to arrive.",
            "codes = [1000, 1006, 1006, 4001, 500, 1007, 1002, 1009, 1011, 1012]\n",
        ),
        (
            "What a page is told: 1006 for every failed handshake.",
            "codes = [1000, 1006, 1006, 1006, 1006, 1007, 1002, 1009, 1011, 1012]\n",
        ),
        (
            "All that goes wrong in a frame is 1002.",
            "codes = [1000, 1006, 1006, 403, 500, 1002, 1002, 1002, 1002, 1001]\n",
        ),
        (
            "A close without a code is 1005.",
            "codes = [1005, 1006, 1006, 403, 500, 1007, 1002, 1009, 1011, 1012]\n",
        ),
    ],
}

RIGHT = {
    "9.1": [
        (
            "Both as large numbers, as a library does it.",
            """\
def mask(payload, key):
    size = len(payload)
    long = (key * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(long, "little")
    return number.to_bytes(size, "little")
""",
        ),
        (
            "itertools.cycle, and a bytearray.",
            """\
from itertools import cycle

def mask(payload, key):
    return bytearray(a ^ b for a, b in zip(payload, cycle(key)))
""",
        ),
    ],
    "9.2": [
        (
            "struct, a memoryview, an exception for what is missing, and a list.",
            """\
import struct

class Short(Exception):
    pass

def take(view, size):
    if len(view) < size:
        raise Short
    return view[:size], view[size:]

def parse(data):
    view = memoryview(data)
    try:
        (first, second), view = take(view, 2)
        size = second & 0x7F
        if size >= 126:
            form = "!H" if size == 126 else "!Q"
            long, view = take(view, struct.calcsize(form))
            (size,) = struct.unpack(form, long)
        key, view = take(view, 4 if second & 0x80 else 0)
        payload, view = take(view, size)
    except Short:
        return None
    plain = bytes(b ^ key[n % 4] if key else b for n, b in enumerate(payload))
    return [bool(first & 0x80), first & 0x0F, plain, bytes(view)]
""",
        ),
    ],
    "9.3": [
        (
            "Starlette's own WebSocket, in a class.",
            """\
from starlette.websockets import WebSocket

class Echo:
    async def __call__(self, scope, receive, send):
        assert scope["type"] == "websocket"
        ws = WebSocket(scope, receive, send)
        await ws.accept()
        while (message := await ws.receive())["type"] != "websocket.disconnect":
            await ws.send(message | {"type": "websocket.send"})

echo = Echo()
""",
        ),
        (
            "match, and a close at the end, which the server ignores.",
            """\
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        raise ValueError
    await send({"type": "websocket.accept"})
    while True:
        match await receive():
            case {"type": "websocket.receive", "text": str(text)}:
                await send({"type": "websocket.send", "text": text})
            case {"type": "websocket.receive", "bytes": data}:
                await send({"type": "websocket.send", "bytes": data})
            case {"type": "websocket.disconnect"}:
                return
""",
        ),
    ],
    "9.4": [
        (
            "Looks before it adds, and refuses with a code.",
            """\
import json

def judged(text):
    try:
        asked = json.loads(text)
    except json.JSONDecodeError:
        return {"id": None, "error": "no JSON"}
    if not isinstance(asked, dict):
        return {"id": None, "error": "no object"}
    numbers, id = asked.get("add"), asked.get("id")
    if not isinstance(numbers, list):
        return {"error": "no list", "id": id}
    if not all(isinstance(n, (int, float)) for n in numbers):
        return {"error": "no numbers", "id": id}
    return {"sum": sum(numbers), "id": id, "took": 0}

async def adder(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    if "sum.1" not in scope["subprotocols"]:
        await send({"type": "websocket.close", "code": 4406, "reason": "sum.1"})
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "sum.1"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if (text := message.get("text")) is None:
            await send({"type": "websocket.close", "code": 1003, "reason": "text only"})
            break
        await send({"type": "websocket.send", "text": json.dumps(judged(text), indent=1)})
""",
        ),
    ],
    "9.5": [
        (
            "Half of it certain, half by chance, and recursion.",
            """\
import random

async def keep(visit, sleep, most=1):
    try:
        code = await visit()
    except OSError:
        most = min(most * 2, 30)
    else:
        if code == 1000 or 4000 <= code:
            return code
        most = 1
    await sleep(most * (0.5 + random.random() / 2))
    return await keep(visit, sleep, most)
""",
        ),
    ],
    "9.6": [
        (
            "A tuple, from enums.",
            """\
from http import HTTPStatus
from websockets.frames import CloseCode as C

codes = (C.NORMAL_CLOSURE, C.ABNORMAL_CLOSURE, C.ABNORMAL_CLOSURE, HTTPStatus.FORBIDDEN,
         HTTPStatus.INTERNAL_SERVER_ERROR, C.INVALID_DATA, C.PROTOCOL_ERROR,
         C.MESSAGE_TOO_BIG, C.INTERNAL_ERROR, C.SERVICE_RESTART)
""",
        ),
    ],
}
