"""Learners' answers to the exercises of chapter 13."""

_PROBE = """\
from asgilive import spec

@spec.probe("H31")
async def ended(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})
    last = await receive()

"""

WRONG = {
    "13.1": [
        (
            "What is not as the sentence says is believed to fail.",
            'six = ["fail", "fail", "fail", "fail", "fail", "fail"]\n',
        ),
        (
            "Who does not use what is allowed is believed to differ.",
            'six = ["differs", "fail", "differs", "not-applicable", "fail", "undecided"]\n',
        ),
        (
            "What is not offered is taken for a fault.",
            'six = ["differs", "fail", "pass", "fail", "fail", "undecided"]\n',
        ),
        (
            "A default is believed to be a wish.",
            'six = ["differs", "fail", "pass", "not-applicable", "differs", "undecided"]\n',
        ),
        ("One is left out.", 'six = ["differs", "fail", "pass", "not-applicable", "fail"]\n'),
        (
            "A word of one's own.",
            'six = ["differs", "broken", "pass", "not-applicable", "fail", "undecided"]\n',
        ),
    ],
    "13.2": [
        (
            "The judge always says True.",
            _PROBE
            + """\
@ended.judge
def _(seen):
    return True
""",
        ),
        ("There is no judge.", _PROBE),
        (
            "The judge looks at the client, who sees nothing of it.",
            _PROBE
            + """\
@ended.judge
def _(seen):
    return seen.reply.status == 200
""",
        ),
        (
            "The first message is taken for the last.",
            _PROBE
            + """\
@ended.judge
def _(seen):
    kind = seen.call.received[0]["type"]
    return kind == "http.disconnect" or f"received {kind}"
""",
        ),
        (
            "No sentence, so nobody learns what was seen.",
            _PROBE
            + """\
@ended.judge
def _(seen):
    return seen.call.received[-1]["type"] == "http.disconnect"
""",
        ),
        (
            "All that differs is believed to be this fault.",
            _PROBE.replace('"status": 200', '"status": 200, "headers": [(b"a", b""), (b"b", b"")]')
            + """\
@ended.judge
def _(seen):
    names = [name for name, _ in seen.reply.headers if len(name) == 1]
    kinds = [message["type"] for message in seen.call.received]
    return (kinds[-1], names) == ("http.disconnect", [b"a", b"b"]) or f"{kinds} {names}"
""",
        ),
        (
            "The app itself is given.",
            """\
async def ended(scope, receive, send):
    pass
""",
        ),
        (
            "The judge raises.",
            _PROBE
            + """\
@ended.judge
def _(seen):
    return seen.calls[1].received
""",
        ),
    ],
    "13.3": [
        (
            "One row is believed to be enough.",
            """\
def guess(found, known):
    if found["H03"] == "fail":
        return "granian"
    return "uvicorn-h11"
""",
        ),
        (
            "All rows must agree, and one is missing.",
            """\
def guess(found, known):
    for name in known:
        if known[name] == found:
            return name
""",
        ),
        (
            "The least like it.",
            """\
def guess(found, known):
    def agree(name):
        return sum(known[name].get(id) == said for id, said in found.items())
    return min(known, key=agree)
""",
        ),
        ("Called with nothing.", "guess = 'granian'\n"),
        (
            "An async def.",
            """\
async def guess(found, known):
    return max(known)
""",
        ),
    ],
    "13.4": [
        (
            "The level is guessed.",
            """\
found = {"statement": "H04", "level": "should", "server": "uvicorn", "version": "0.54.0",
         "app": print, "seen": "get", "request": b"get / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"}
""",
        ),
        (
            "Which version? The newest.",
            """\
found = {"statement": "H04", "level": "must", "server": "uvicorn", "version": "latest",
         "app": print, "seen": "get", "request": b"get / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"}
""",
        ),
        (
            "Nothing to run.",
            """\
found = {"statement": "H04", "level": "must", "server": "uvicorn", "version": "0.54.0",
         "seen": "get"}
""",
        ),
        (
            "Evidence that is there without the fault as well.",
            """\
from importlib.metadata import version

async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello"})

found = {"statement": "H04", "level": "must", "server": "uvicorn",
         "version": version("uvicorn"), "app": hello, "seen": "200 OK",
         "request": b"get / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"}
""",
        ),
        (
            "A fault that is not there.",
            """\
from importlib.metadata import version

async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello"})

found = {"statement": "H49", "level": "defined", "server": "uvicorn",
         "version": version("uvicorn"), "app": hello, "seen": "RuntimeError",
         "request": b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"}
""",
        ),
        (
            "Half a request.",
            """\
from importlib.metadata import version

found = {"statement": "H04", "level": "must", "server": "uvicorn",
         "version": version("uvicorn"), "app": print, "seen": "get",
         "request": b"get / HTTP/1.1\\r\\n"}
""",
        ),
    ],
}

RIGHT = {
    "13.1": [
        (
            "A tuple.",
            'six = ("differs", "fail", "pass", "not-applicable", "fail", "undecided")\n',
        ),
    ],
    "13.2": [
        (
            "By what the app notes itself, with a client of its own.",
            """\
from asgilive import spec
from asgilive.probes.notes import say

@spec.probe("H31")
async def ended(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})
    say("last", (await receive())["type"])

@ended.client
async def _(visit):
    line = await visit.dial()
    await line.write(visit.request())
    await line.reply()

@ended.judge
def _(seen):
    last = seen.call.said["last"]
    return last == "http.disconnect" or f"the last message is {last}"
""",
        ),
        (
            "The body is read first, in as many pieces as come.",
            _PROBE.replace("    await receive()\\n", "", 1)
            + """\
@ended.judge("H31")
def _(seen):
    kinds = [m["type"] for m in seen.call.received if m["type"] != "http.request"]
    return kinds == ["http.disconnect"] or f"behind the body came {kinds}"
""",
        ),
    ],
    "13.3": [
        (
            "What differs, counted.",
            """\
def guess(found, known):
    counts = {}
    for name, row in known.items():
        counts[sum(row[id] != said for id, said in found.items())] = name
    return counts[min(counts)]
""",
        ),
    ],
    "13.4": [
        (
            "The other fault.",
            """\
from importlib.metadata import version

async def late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})
    await send({"type": "http.response.body"})

found = {"statement": "H49", "level": "defined", "server": "uvicorn",
         "version": version("uvicorn"), "app": late, "seen": "RuntimeError",
         "request": b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 2\\r\\n\\r\\nab"}
""",
        ),
    ],
}
