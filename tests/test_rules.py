"""The tables of what an application may send: walked, drawn, and broken on purpose."""

import asyncio

import pytest

from asgilive import drive, rules, spec
from asgilive.rules import Forbidden, Lint

START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
END = {"type": "http.response.body", "body": b"x"}
MORE = {"type": "http.response.body", "body": b"x", "more_body": True}
ALL = [name for name, _ in rules.EXTENSIONS.values()]


def sending(*messages):
    """An application that sends these, after it has received once."""

    async def app(scope, receive, send):
        await receive()
        for message in messages:
            await send(message)

    return app


async def found(scope, *messages, given=None):
    """The rules that an application breaks by sending these."""
    strict = Lint(sending(*messages))
    scope = {"type": scope, "extensions": {name: {} for name in ALL}}
    call = await drive(strict, scope, given)
    if any(f.rule and f.rule not in rules.IGNORED.values() for f in strict.findings):
        assert (call.ended, call.error) == ("raised", f"Forbidden: {strict.findings[-1]}")
    else:
        assert call.ended == "returned"
    return [finding.rule for finding in strict.findings]


TRAILED = {**START, "trailers": True}
TRAILER = {"type": "http.response.trailers", "headers": [(b"t", b"1")]}
ACCEPT, CLOSE = {"type": "websocket.accept"}, {"type": "websocket.close"}
DENY = {"type": "websocket.http.response.start", "status": 403}
DENIED = {"type": "websocket.http.response.body"}
TEXT = {"type": "websocket.send", "text": "a"}
UP, DOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


@pytest.mark.parametrize(
    ("protocol", "messages"),
    [
        ("http", [START, END]),
        ("http", [START, MORE, MORE, END]),
        ("http", [START, {"type": "http.response.body"}]),
        ("http", [{**START, "headers": ((b"a", b"b"),), "more": object()}, END]),
        ("http", [TRAILED, MORE, END, {**TRAILER, "more_trailers": True}, TRAILER]),
        ("http", [START, {"type": "http.response.pathsend", "path": "/a"}]),
        ("http", [START, {"type": "http.response.early_hint", "links": []}, END]),
        ("http", [{"type": "http.response.debug", "info": {}}, START, END]),
        ("http", [TRAILED, {"type": "http.response.pathsend", "path": "/a"}, TRAILER]),
        ("http", [TRAILED, {"type": "http.response.early_hint", "links": []}, END, TRAILER]),
        ("websocket", [CLOSE]),
        ("websocket", [ACCEPT]),
        ("websocket", [ACCEPT, TEXT, {"type": "websocket.send", "bytes": b""}, CLOSE]),
        ("websocket", [{"type": "websocket.accept", "subprotocol": None}, CLOSE]),
        ("websocket", [DENY, {**DENIED, "more_body": True}, DENIED]),
        ("tls", [{"type": "nobody.knows"}]),
    ],
)
async def test_what_is_allowed(protocol, messages):
    assert await found(protocol, *messages, given=[{"type": "x"}]) == []


@pytest.mark.parametrize(
    ("protocol", "messages", "broken"),
    [
        ("http", [], [""]),
        ("http", [START], ["H35"]),
        ("http", [END], ["H35"]),
        ("http", [START, START], ["H35"]),
        ("http", [START, MORE], ["H48"]),
        ("http", [START, MORE, {"type": "http.response.pathsend", "path": "/a"}], ["X24"]),
        ("http", [START, END, {"type": "nobody.knows"}], ["H49"]),
        ("http", [TRAILED, TRAILER], ["X35"]),
        ("http", [START, END, END], ["H49"]),
        ("http", [TRAILED, END], ["X35"]),
        ("http", [START, END, TRAILER], ["H49"]),
        ("http", [START, TRAILER], ["X34"]),
        ("http", [b"Hello"], ["C08"]),
        ("http", [{"status": 200}], ["C08"]),
        ("http", [{**START, "type": "http.response.star"}], ["C16"]),
        ("http", [{"type": "websocket.send", "text": "a"}], ["C16"]),
        ("http", [{"type": "http.response.start"}], ["H40"]),
        ("http", [{**START, "status": "200"}], ["H40"]),
        ("http", [{**START, "status": True}], ["H40"]),
        ("http", [{**START, "status": False}], ["H40"]),
        ("http", [{**START, "headers": [("a", "b")]}], ["H41"]),
        ("http", [{**START, "headers": [(b"A", b"b")]}], ["H42"]),
        ("http", [{**START, "headers": [(b":status", b"200")]}], ["H44"]),
        ("http", [{**START, "headers": [b"a: b"]}], ["H41"]),
        ("http", [{**START, "headers": 7}], ["H41"]),
        ("http", [START, {**END, "body": "text"}], ["H47"]),
        ("http", [START, {**END, "more_body": 1}], ["H48"]),
        ("websocket", [], ["W19"]),
        ("websocket", [TEXT], ["W19"]),
        ("websocket", [ACCEPT, ACCEPT], ["W19"]),
        ("websocket", [CLOSE, TEXT], ["C23"]),
        ("websocket", [ACCEPT, {"type": "websocket.send"}], ["W27"]),
        ("websocket", [ACCEPT, {**TEXT, "bytes": b"a"}], ["W27"]),
        ("websocket", [{**ACCEPT, "headers": [(b"sec-websocket-protocol", b"x")]}], ["W24"]),
        ("websocket", [{**ACCEPT, "headers": [(b":a", b"x")]}], ["W25"]),
        ("websocket", [DENY], ["X05"]),
        ("websocket", [DENY, ACCEPT], ["X03"]),
        ("lifespan", [], ["L11"]),
        ("lifespan", [{"type": "lifespan.shutdown.complete"}], ["L15"]),
        ("lifespan", [{"type": "lifespan.startup.failed", "message": 1}], ["L13"]),
    ],
)
async def test_what_is_forbidden(protocol, messages, broken):
    given = [UP] if protocol == "lifespan" else None
    assert await found(protocol, *messages, given=given) == broken


async def test_a_whole_lifespan():
    async def app(scope, receive, send):
        assert await receive() == UP
        await send({"type": "lifespan.startup.complete"})
        assert await receive() == DOWN
        await send({"type": "lifespan.shutdown.complete"})

    strict = spec.lint(app)
    assert (await drive(strict, {"type": "lifespan"}, [UP, DOWN])).ended == "returned"
    assert strict.findings == []
    call = await drive(Lint(sending()), {"type": "lifespan"}, [UP])
    assert "answered lifespan.startup with nothing (L11)" in call.error


async def test_a_shutdown_without_an_answer():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()

    call = await drive(spec.lint(app), {"type": "lifespan"}, [UP, DOWN])
    assert call.error.endswith("answered lifespan.shutdown with nothing (L15)")


async def test_what_the_server_does_not_offer():
    strict = Lint(sending(START, {"type": "http.response.pathsend", "path": "/a"}))
    call = await drive(strict, {"type": "http"})
    assert 'needs http.response.pathsend in scope["extensions"]' in call.error
    assert strict.findings[0].rule == "X22"


@pytest.mark.parametrize(
    ("asgi", "broken"),
    [
        ({"version": "3.0"}, ["W39"]),
        ({"version": "3.0", "spec_version": "2.0"}, ["W39"]),
        ({"version": "3.0", "spec_version": "2.1"}, []),
        ({"version": "3.0", "spec_version": "2.10"}, []),
        (None, ["W39"]),
    ],
)
async def test_a_key_that_the_server_does_not_know_yet(asgi, broken):
    named = {**ACCEPT, "headers": [(b"a", b"b")]}
    strict = Lint(sending(named, CLOSE))
    await drive(strict, {"type": "websocket", "asgi": asgi})
    assert [finding.rule for finding in strict.findings] == broken


async def test_a_newer_key_without_a_value_says_nothing():
    strict = Lint(sending({**ACCEPT, "headers": []}, {**CLOSE, "reason": "bye"}))
    call = await drive(strict, {"type": "websocket", "asgi": {"spec_version": "2.0"}})
    assert call.error.endswith(
        "reason of websocket.close is of 2.3, and this server speaks 2.0 (W39)"
    )


async def test_an_app_whose_client_has_gone_owes_nothing():
    strict = Lint(sending())
    call = await drive(strict, {"type": "http"}, [{"type": "http.disconnect"}])
    assert (call.ended, strict.findings) == ("returned", [])


async def test_after_the_client_has_gone_websockets_may_still_send():
    gone = {"type": "websocket.disconnect", "code": 1001}

    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await receive()
        await send(TEXT)
        await send(CLOSE)

    strict = spec.lint(app)
    call = await drive(strict, {"type": "websocket"}, [{"type": "websocket.connect"}, gone])
    assert (call.ended, strict.findings) == ("returned", [])


async def test_an_app_may_catch_what_a_server_raises():
    async def app(scope, receive, send):
        with pytest.raises(ConnectionResetError):
            await send(START)

    async def send(message):
        raise ConnectionResetError

    strict = spec.lint(app)
    await strict({"type": "http"}, None, send)
    assert strict.findings == []


async def test_two_tasks_may_send():
    async def app(scope, receive, send):
        await asyncio.gather(send(START), send(END))

    async def send(message):
        await asyncio.sleep(0)

    strict = spec.lint(app)
    await strict({"type": "http"}, None, send)
    assert strict.findings == []


async def test_headers_that_can_be_read_once_arrive():
    start = {**START, "headers": ((name, value) for name, value in [(b"a", b"b")])}
    call = await drive(spec.lint(sending(start, END)), {"type": "http"})
    assert call.sent[0]["headers"] == [(b"a", b"b")]


async def test_the_sentences():
    strict = spec.lint(sending({**START, "type": "http.response.star"}))
    await drive(strict, {"type": "http"})
    assert "did you mean 'http.response.start'?" in repr(strict)
    assert "1 finding" in strict._repr_html_()
    call = await drive(spec.lint(sending(END)), {"type": "http"})
    assert "in the state 'called', where the app sends http.response.start (H35)" in call.error
    await drive(ignored := spec.lint(sending(START, END, END)), {"type": "http"})
    assert str(ignored.findings[0]) == (
        "http.response.body came after the end, and a server is to ignore it (H49)"
    )
    answered = spec.lint(sending({"type": "lifespan.startup.complete"}))
    await drive(answered, {"type": "lifespan"}, [DOWN])
    assert "in the state 'new', where the app sends nothing" in repr(answered)
    assert "none of text and bytes" in str(list(rules.faults_inside({"type": "websocket.send"})))


async def test_a_forbidden_message_goes_nowhere():
    passed = []

    async def app(scope, receive, send):
        with pytest.raises(Forbidden) as refused:
            await send(END)
        assert refused.value.finding.message == END
        await send(START)
        await send(END)

    async def send(message):
        passed.append(message)

    strict = spec.lint(app)
    await strict({"type": "http"}, None, send)
    assert passed == [START, END]
    assert len(strict.findings) == 1


# -- the tables


def test_every_rule_is_in_the_specification():
    named = [row.rule for table in rules.TABLES.values() for row in table]
    named += [rule for rule, _ in rules.UNFINISHED.values() if rule]
    named += [*rules.IGNORED.values(), *rules.KEPT_OUT.values()]
    named += [rule for _, rule in rules.EXTENSIONS.values()]
    assert all(key in [k["key"] for k in rules.shapes()[type]] for type, key in rules.NEWER)
    assert [rule for rule in named if rule not in spec] == []


def test_every_state_is_reached_and_every_message_known():
    for table in rules.TABLES.values():
        assert {row.state for row in table} <= {table[0].state} | {row.to for row in table}
        assert {row.type for row in table} <= set(rules.shapes())
    for shape in rules.shapes().values():
        assert {row["kind"] for row in shape} <= {"", "headers", *rules._KINDS}


def test_machines_are_drawn():
    http = spec.machine("http")
    assert "[called]" in repr(http)
    assert "[complete] the end" in repr(http)
    assert "more_body: True" in repr(http)
    assert "promised" not in repr(http)
    assert "pathsend" not in http.html
    assert "refusing" not in repr(spec.machine("websocket"))
    with pytest.raises(ValueError, match="no machine for 'tls': there are http, websocket"):
        spec.machine("tls")
