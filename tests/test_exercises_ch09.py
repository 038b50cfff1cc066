"""The exercises of chapter 9, as in test_exercises.py: each wrong answer has its own sentence."""

import asyncio
import json
import random

import pytest
from test_exercises import judged

from asgilive import check, wire
from asgilive.exercises import ch09


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


async def asynchronous(*_):
    return b""


def test_mask():
    def but(change):
        return lambda payload, key: change(wire.unmask(payload, key), payload)

    def fixed(payload, key):
        return wire.unmask(payload, ch09._KEY)

    judged(
        check.mask,
        right=[wire.unmask, but(lambda made, _: bytearray(made))],
        wrong=[
            (b"Hello", "`b'Hello'` is no function"),
            (asynchronous, "your function is an `async def`"),
            (but(lambda made, _: list(made)), "gives [127, 159, 77, 81, 88], and not bytes"),
            (but(lambda made, _: made[:4]), "gives 4 bytes, and the payload has 5"),
            (but(lambda made, payload: payload), "is wrong at place 0: there the key has 0x37"),
            (but(lambda made, _: made + made[5:]), "gives 1995 bytes, and the payload has 1000"),
            (lambda payload, key: payload ^ key, "your function raised TypeError"),
            (fixed, "a key of zeros changes nothing, and yours gives"),
        ],
    )


def parse(data):
    cut = wire.frame(data, 0)
    if cut is None:
        return None
    frame, _, end = cut
    return frame.fin, frame.opcode, frame.payload, data[end:]


def test_frame_parser():
    def but(place, change):
        def parser(data):
            made = parse(data)
            return made and (*made[:place], change(made[place]), *made[place + 1 :])

        return parser

    judged(
        check.frame_parser,
        right=[parse, lambda data: (made := parse(data)) and list(made)],
        wrong=[
            (lambda data: None, "a frame of 5 bytes is whole, and yours gives None"),
            (lambda data: parse(data) or (), "the first 0 bytes are there, and yours gives ()"),
            (lambda data: parse(data + bytes(9)), "behind it stands b'', and yours is"),
            (lambda data: parse(data)[:3], "return four things"),
            (but(0, lambda fin: not fin), "a frame of 5 bytes: FIN is True, and yours is False"),
            (but(0, lambda fin: True), "a frame of 2 bytes, masked: FIN is False"),
            (but(1, lambda opcode: opcode | 128), "the opcode is 1, and yours is 129"),
            (but(2, lambda payload: payload.decode("latin-1")), "and yours is 'Hello'"),
            (but(3, lambda rest: b""), r"behind it stands b'\x81\x00', and yours is b''"),
        ],
    )


def talking(answer, *, accept=None, leave=True, scopes=("websocket",)):
    """An app that answers each message with the message that `answer` makes, None for none."""

    async def app(scope, receive, send):
        if scope["type"] not in scopes:
            raise NotImplementedError(scope["type"])
        await receive()
        await send({"type": "websocket.accept"} if accept is None else accept(scope))
        while (message := await receive())["type"] == "websocket.receive":
            found = answer(message)
            if found is not None:
                await send(found)
            if found and found["type"] == "websocket.close":
                return
        if not leave:
            await receive()

    return app


def given(message):
    return {**message, "type": "websocket.send"}


def test_ws_echo():
    def as_text(message):
        return {"type": "websocket.send", "text": str(message.get("text"))}

    def keyed(message):
        key = "text" if "text" in message else "bytes"
        return {"type": "websocket.send", key: message[key]}

    async def forgetful(scope, receive, send):
        if scope["type"] != "websocket":
            raise NotImplementedError
        await receive()
        send({"type": "websocket.accept"})

    async def silent(scope, receive, send):
        if scope["type"] != "websocket":
            raise NotImplementedError
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def idle(scope, receive, send):
        if scope["type"] != "websocket":
            raise NotImplementedError
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    async def returns(scope, receive, send):
        if scope["type"] != "websocket":
            raise NotImplementedError

    async def answers_lifespan(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
        await talking(given)(scope, receive, send)

    judged(
        check.ws_echo,
        right=[talking(given), talking(lambda m: given({k: m.get(k) for k in ("text", "bytes")}))],
        wrong=[
            (talking(given, scopes=("websocket", "http")), "takes a scope of the type `http`"),
            (answers_lifespan, "takes a scope of the type `lifespan`"),
            (forgetful, "there is no `await` before `send(…)` at line"),
            (silent, "your app never accepts"),
            (returns, "the call ended and the app neither accepted nor closed (W19)"),
            (idle, "your app waits at line"),
            (talking(given, leave=False), "the client has left, and your app still waits at line"),
            (talking(lambda message: None), "the client sends 'hello', and gets back nothing"),
            (talking(as_text), "the client sends b'\\xff', and gets back 'None'"),
            (talking(keyed), "websocket.send has none of text and bytes, not one (W27)"),
            (
                talking(given, accept=lambda scope: {"type": "websocket.close"}),
                "came after the end, and a server is to ignore it (C23)",
            ),
            (talking(lambda message: 1 / 0), "your app raised ZeroDivisionError"),
        ],
    )


def chosen(scope):
    fits = "sum.1" in scope["subprotocols"]
    return {"type": "websocket.accept", "subprotocol": "sum.1"} if fits else CLOSE


CLOSE = {"type": "websocket.close"}


def summed(text):
    number = None
    try:
        asked = json.loads(text)
        number = asked.get("id")
        return {"id": number, "sum": sum(asked["add"])}
    except Exception as why:
        return {"id": number, "error": str(why)}


def adding(answer=summed, *, dump=json.dumps, code=1003):
    def reply(message):
        text = message.get("text")
        if text is None:
            return None if code is None else {"type": "websocket.close", "code": code}
        found = answer(text)
        return found and {"type": "websocket.send", "text": dump(found)}

    return talking(reply, accept=chosen)


def test_json_protocol():
    def but(change):
        return lambda text: change(summed(text))

    def as_bytes(message):
        return {"type": "websocket.send", "bytes": json.dumps(summed(message["text"])).encode()}

    async def refusing(scope, receive, send):
        if scope["type"] != "websocket":
            raise NotImplementedError
        await send(CLOSE)

    async def doubled(scope, receive, send):
        async def twice(message):
            await send(message)
            if message["type"] == "websocket.send":
                await send(message)

        await adding()(scope, receive, twice)

    def mutes(scope):
        return {"type": "websocket.accept"} if "sum.1" in scope["subprotocols"] else CLOSE

    judged(
        check.json_protocol,
        right=[adding(), adding(dump=lambda found: json.dumps(found, indent=2))],
        wrong=[
            (talking(given), "a client that offers [] gets `websocket.accept`"),
            (refusing, "a client that offers ['sum.1'] gets `websocket.close`"),
            (talking(given, accept=mutes), "of ['sum.1'] your app chooses None"),
            (adding(lambda text: None), '`{"id": 7, "add": [1, 2]}` gets no answer'),
            (talking(as_bytes, accept=chosen), "gets bytes: send JSON under `text`"),
            (adding(dump=str), "which is no object in JSON"),
            (adding(dump=lambda found: "[1]"), "gets '[1]', which is no object in JSON"),
            (adding(but(lambda found: {**found, "id": None})), "gets the id None, not 7"),
            (adding(but(lambda f: {"id": f["id"], "sum": 3})), "and should have the sum 0"),
            (adding(but(lambda f: {"id": f["id"], "sum": f.get("sum", 0)})), "no `error` in it"),
            (doubled, '`{"id": 0, "add": []}` gets the id 7, not 0'),
            (adding(code=None), "bytes get `websocket.send`, and not `websocket.close`"),
            (adding(code=1007), "bytes are answered with the code 1007, not 1003"),
        ],
    )


def test_questions_get_one_answer_each():
    call = asyncio.run(ch09._talk(adding(), subprotocols=["sum.1"]))
    answers = [json.dumps({"id": id, "sum": total} if total is not None else {"id": id, "error": 1})
               for _, id, total in ch09._ASKED]  # fmt: skip
    with pytest.raises(ch09.Wrong, match="12 questions get 13 answers"):
        ch09._judge_sums([*answers, answers[0]], call)


def coming_back(*, pause=None, meant=None, reset=True, errors=ConnectionError, first=0):
    """The right answer, and what is wrong with it."""
    pause = pause or (lambda failures: random.uniform(0, min(30, 2**failures)))
    meant = meant or (lambda code: code == 1000 or code >= 4000)

    async def keep(visit, sleep):
        failures = first
        while True:
            try:
                code = await visit()
                if meant(code):
                    return code
                failures = 0 if reset else failures
            except errors:
                failures += 1
            try:
                if (seconds := pause(failures)) is not None:
                    await sleep(seconds)
            except errors:
                pass

    return keep


def test_come_back():
    async def again(visit, sleep):
        await coming_back()(visit, sleep)
        return await visit()

    async def none(visit, sleep):
        await coming_back()(visit, sleep)

    async def busy(visit, sleep):
        while (code := await visit()) != 1000 and code < 4000:
            for _ in range(9):
                await sleep(0.1)
        return code

    def certain(failures):
        return min(30, 2**failures)

    def short(failures):
        return random.uniform(0, min(30, 2**failures) / 3)

    def unlimited(failures):
        return random.uniform(0, 2**failures)

    judged(
        check.come_back,
        right=[
            coming_back(),
            coming_back(pause=lambda failures: min(30, 2**failures) * (0.6 + random.random() / 3)),
            coming_back(errors=OSError),
        ],
        wrong=[
            (7, "`7` is no function"),
            (lambda visit, sleep: 1000, "your function is a plain `def`"),
            (none, "a visit gave 1000, and yours returns None"),
            (coming_back(meant=lambda code: code == 1000), "a visit gave 4000, which was meant"),
            (busy, "2 pauses follow 1 visits: one each"),
            (again, "a visit gave 1000, which was meant, and yours goes on"),
            (coming_back(meant=lambda code: code != 1006), "a visit gave 1001, which nobody"),
            (coming_back(meant=lambda code: code == 3000 or code % 1000 == 0 or code > 3999),
             "a visit gave 3000, which nobody meant"),
            (coming_back(pause=lambda failures: None), "the next one follows without a pause"),
            (coming_back(errors=KeyError), "nobody answers, and yours gives up: Connection"),
            (coming_back(pause=certain), "after 1 failure in a row all clients wait 2 s"),
            (coming_back(pause=short), "after 1 failure in a row no client of 60 waits"),
            (coming_back(pause=unlimited), "and 30 s is the most"),
            (coming_back(reset=False), "after a code one client waits"),
            (coming_back(pause=lambda failures: -1.0), "waits -1 s"),
            (coming_back(errors=(ConnectionError, asyncio.CancelledError)), "it was cancelled"),
        ],
    )  # fmt: skip


RIGHT = [1000, 1006, 1006, 403, 500, 1007, 1002, 1009, 1011, 1012]


def test_endings():
    def but(place, code):
        return [*RIGHT[: place - 1], code, *RIGHT[place:]]

    judged(
        check.endings,
        right=[RIGHT, tuple(RIGHT)],
        wrong=[
            (1000, "give a list of ten: this is a int"),
            (RIGHT[:9], "there are ten endings, and the list has 9 entries"),
            (but(1, "1000"), "entry 1 is a str"),
            (but(2, True), "entry 2 is a bool"),
            *((but(n, 4999), f"ending {n} is not 4999: {ch09.WHY[n - 1]}") for n in (1, 4, 10)),
        ],
    )


def test_the_ten_refuse_what_is_no_websocket():
    with pytest.raises(NotImplementedError):
        asyncio.run(ch09._ending({"type": "lifespan"}, None, None))
