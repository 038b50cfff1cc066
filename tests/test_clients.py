"""Clients: literal bytes out, literal bytes in, and how it ended."""

import asyncio
import contextlib
import gc
import time
import warnings

import pytest
import uvicorn
from some_apps import echo, endless, flood, hello, path, size, until, waits, wsgi

from asgilive import clients, crowd, dial, drive, fails, fetch, raw, relay, serve

pytestmark = pytest.mark.usefixtures("nothing_left")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answering(*pieces, after=b"\r\n\r\n", close=True):
    """A server that writes these bytes to whoever has asked; None drops the connection."""

    async def answer(reader, writer):
        if after:
            await reader.readuntil(after)
        for piece in pieces:
            if piece is None:
                clients.reset(writer.transport)
                return
            writer.write(piece)
            await writer.drain()
        try:
            if not close:
                await asyncio.Event().wait()
        finally:  # a transport that reads no more is held by nobody else
            writer.close()

    async def server(app, sock):
        async with await asyncio.start_server(answer, sock=sock) as listening:
            await listening.serve_forever()

    return serve(server=server)


# -- fetch and raw


async def test_fetch_sends_the_smallest_legal_request():
    async with answering(OK) as site:
        reply = await fetch(site, "/a?b=1")
    assert reply.sent == b"GET /a?b=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % site.port
    assert reply.received == OK
    assert (reply.status, reply.body, reply.text, reply.ended) == (200, b"ok", "ok", "complete")
    assert reply.headers == [(b"content-length", b"2")]
    assert reply.took > 0


async def test_fetch_with_headers_and_body():
    async with answering(OK, after=b"body") as site:
        reply = await fetch(
            site, method="PUT", headers=[("X-A", b"1"), (b"x-b", "é")], body=b"body"
        )
    lines = reply.sent.split(b"\r\n")
    assert lines[0] == b"PUT / HTTP/1.1"
    assert lines[2:] == [b"X-A: 1", b"x-b: \xe9", b"Content-Length: 4", b"", b"body"]


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
async def test_headers_that_are_given_replace_its_own(name):
    async with answering(OK, after=b"body") as site:
        reply = await fetch(site, headers=[("host", "b"), (name, "9")], body=b"body")
    head = reply.sent.split(b"\r\n")
    assert head[1:] == [b"host: b", name.encode() + b": 9", b"", b"body"]


async def test_a_path_is_encoded_where_it_must_be():
    async with serve(path) as site:
        reply = await fetch(site, "/ä b%2Fc?x={1}")
    assert reply.sent.startswith(b"GET /%C3%A4%20b%2Fc?x={1} HTTP/1.1\r\n")
    assert reply.body == "/ä b/c".encode()


async def test_a_url_will_do():
    async with serve(hello) as site:
        for url in (site.url, site.url + "/", site.ws_url):
            assert (await fetch(url)).body == b"Hello"


@pytest.mark.parametrize("site", [None, 8000, "127.0.0.1:80", "https://example.org", hello])
async def test_neither_site_nor_url(site):
    with pytest.raises(TypeError, match="neither a site nor an http:// URL"):
        await fetch(site)
    with pytest.raises(TypeError, match="what `await serve"):
        dial(site)


async def test_a_site_that_is_not_started():
    starting = serve(hello)
    with pytest.raises(TypeError, match="not started: write `site = await serve"):
        await fetch(starting)


async def test_the_port_of_a_url_is_80_where_it_has_none():
    assert clients.address("http://localhost/x") == ("localhost", 80)


async def test_nobody_there():
    async with serve(hello) as site:
        pass
    with pytest.raises(ConnectionRefusedError):
        await fetch(site)


@pytest.mark.parametrize(
    ("pieces", "ended", "status", "body"),
    [
        ([OK], "complete", 200, b"ok"),
        ([OK[:-1]], "closed", 200, b"o"),
        ([OK[:20]], "closed", None, b""),
        ([], "closed", None, b""),
        ([b"HTTP/1.1 200 OK\r\n\r\nuntil the end"], "complete", 200, b"until the end"),
        ([b"HTTP/1.1 200 OK\r\nA: b\r\n more\r\n\r\n"], "complete", 200, b""),
        ([b"not HTTP at all\r\n\r\n"], "closed", None, b""),
        ([OK[:-1], None], "reset", 200, b"o"),
        ([None], "reset", None, b""),
    ],
)
async def test_how_it_ends(pieces, ended, status, body):
    async with answering(*pieces) as site:
        reply = await fetch(site)
    assert (reply.ended, reply.status, reply.body) == (ended, status, body)
    assert reply.received == b"".join(piece for piece in pieces if piece)
    assert ended in repr(reply)
    assert "al-reply" in reply._repr_html_()


async def test_silence():
    async with answering(OK[:-1], close=False) as site:
        reply = await fetch(site, wait=0.05)
    assert (reply.ended, reply.body) == ("silent", b"o")


async def test_silence_counts_from_what_was_written():
    async with answering(close=False) as site:
        reply = await fetch(site, wait=0.5)
    assert reply.ended == "silent"
    assert 0.5 <= reply.took < 0.9


async def test_headers_keep_their_case_where_they_are_drawn():
    async with answering(OK) as site:
        (answer,) = (await fetch(site)).replies
    assert (answer.lines, answer.line) == ([(b"Content-Length", b"2")], b"HTTP/1.1 200 OK")


async def test_raw_waits_for_every_answer():
    head = GET.replace(b"GET", b"HEAD")
    async with serve(hello) as site:
        reply = await raw(site, GET + head + GET)
    assert [answer.body for answer in reply.replies] == [b"Hello", b"", b"Hello"]
    assert reply.ended == "complete"


async def test_the_end_of_a_call_is_in_the_recording():
    async with serve(hello, record=True) as site:
        for _ in range(20):
            await fetch(site)
            assert site.conversation.calls[-1].ended == "returned"


async def test_interim_answers_are_none():
    ask = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    async with serve(size) as site:
        reply = await raw(site, ask, wait=0.1)
        assert reply.received == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (reply.ended, reply.replies, reply.status) == ("silent", [], None)
        reply = await raw(site, ask + b"ab")
        assert (reply.ended, reply.body) == ("complete", b"2")


async def test_an_upgrade_is_a_whole_answer():
    switch = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with answering(switch, close=False) as site:
        reply = await fetch(
            site, headers=[("Connection", "Upgrade"), ("Upgrade", "websocket")], wait=5
        )
    assert (reply.ended, reply.status) == ("complete", 101)


async def test_a_large_body_comes_and_goes():
    body = bytes(range(256)) * (8 << 12)  # 8 MiB: more than buffers hold, so both ways must move
    async with serve(echo) as site:
        reply = await fetch(site, method="POST", body=body)
    assert (reply.ended, reply.body == body) == ("complete", True)


async def test_a_server_that_answers_early_and_reads_no_more():
    async with answering(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", close=False) as site:
        reply = await fetch(site, method="POST", body=bytes(32 << 20))
    assert (reply.status, reply.ended) == (413, "complete")


async def test_a_slow_upload_is_no_silence():
    async with serve(size) as site, relay(site, rate=8_000_000) as link:
        reply = await fetch(link, method="POST", body=bytes(16_000_000), wait=1.0)
    assert (reply.ended, reply.body) == ("complete", b"16000000")
    assert reply.took > 1.5


# -- dial


async def test_a_line_keeps_every_byte_and_when():
    async with answering(b"one", b"two") as site:
        line = await dial(site)
        await line.write(GET)
        assert await line.read(until=b"two") == b"onetwo"
        await line.finish()
        assert await line.read() == b""
        line.close()
        await asyncio.sleep(0)
    assert (line.sent, line.received) == (GET, b"onetwo")
    assert [way for _, way, _ in line.events][0::2][0] == "out"
    assert line.events[-1][1:] == ("end", b"")
    times = [t for t, *_ in line.events]
    assert times == sorted(times)
    assert "two" in repr(line)
    assert "al-" in line._repr_html_()


async def test_bytes_that_are_looked_for_may_come_in_two_reads():
    async def answer(reader, writer):
        for piece in (b"ab", b"cd", b"-after"):
            await reader.readexactly(1)
            writer.write(piece)
        writer.close()

    async def server(app, sock):
        async with await asyncio.start_server(answer, sock=sock) as listening:
            await listening.serve_forever()

    async with serve(server=server) as site, dial(site) as line:
        await line.write(b"1")
        assert await line.read() == b"ab"
        reading = asyncio.create_task(line.read(until=b"d-"))
        await line.write(b"2")
        await until(lambda: line.received.endswith(b"cd"))
        await line.write(b"3")
        assert await reading == b"cd-after"
        assert await line.read(until=b"never") == b""


async def test_nothing_comes():
    async with serve(waits) as site, dial(site) as line:
        with pytest.raises(TimeoutError, match=r"nothing for 0\.05 s; the server has sent 0 bytes"):
            await line.read(wait=0.05)


async def test_a_pace():
    async with serve(hello) as site, dial(site) as line:
        began = time.perf_counter()
        await line.write(GET, pace=500)
        assert time.perf_counter() - began > len(GET) / 500
        assert len(line.events) == len(GET)
        assert (await line.read(until=b"Hello")).endswith(b"Hello")


async def test_what_came_before_a_reset_can_be_read():
    async with answering(b"last words", None) as site, dial(site) as line:
        await line.write(GET)
        await asyncio.sleep(0.1)  # the reset is here before anybody reads
        assert await line.read() == b"last words"
        with pytest.raises(ConnectionResetError):
            await line.read()


async def test_a_client_that_never_reads_and_vanishes():
    async with serve(flood) as site:
        line = await dial(site, buffer=4096)
        await line.write(GET)
        await line.read()
        line.abort()
        line.abort()  # again is harmless


async def test_a_line_that_is_not_opened():
    async with serve(hello) as site:
        line = dial(site)
        assert repr(line).startswith("not connected: write `line = await dial(site)`")
        with pytest.raises(AttributeError, match=r"no \.write yet: not connected"):
            line.write(b"")
        assert not hasattr(line, "_repr_html_")
        assert await line is await line  # one line, however often it is awaited
        (await line).close()
        await asyncio.sleep(0)


async def test_nobody_to_dial():
    async with serve(hello) as site:
        pass
    for buffer in (None, 4096):
        with pytest.raises(ConnectionRefusedError):
            await dial(site, buffer=buffer)


# -- crowd


async def test_a_crowd_is_many_at_once():
    async with serve(path) as site:
        everyone = await crowd(20, lambda i: fetch(site, f"/{i}"))
    assert [reply.text for reply in everyone.results] == [f"/{i}" for i in range(20)]
    assert (everyone.errors, [v.number for v in everyone.visits]) == ([], list(range(20)))
    assert 0 < everyone.percentile(50) <= everyone.percentile(100) <= everyone.took
    assert everyone.percentile(0) == min(v.took for v in everyone.visits)
    assert "20 clients in" in repr(everyone)


async def test_what_a_visit_raises_is_kept():
    async def visit(number):
        if number % 2:
            raise ValueError(number)
        return number

    everyone = await crowd(4, visit, gap=0.02)
    assert (everyone.results, [e.args for e in everyone.errors]) == ([0, 2], [(1,), (3,)])
    assert everyone.took >= 0.06
    assert "2 failed" in repr(everyone)
    assert "<" in everyone._repr_html_()


async def test_an_empty_crowd():
    nobody = await crowd(0, lambda i: None)
    assert (nobody.took, nobody.percentile(99), nobody.results) == (0.0, 0.0, [])


async def test_a_visit_is_a_function():
    with pytest.raises(TypeError, match=r"crowd\(20, lambda i: fetch\(site\)\)"):
        await crowd(3, "fetch")


# -- drive


async def test_drive_calls_without_a_socket():
    call = await drive(hello, {"type": "http", "path": "/ä"})
    assert call.scope["raw_path"] == "/ä".encode()
    assert (call.scope["method"], call.scope["asgi"]["version"]) == ("GET", "3.0")
    assert [m["type"] for m in call.sent] == ["http.response.start", "http.response.body"]
    assert (call.ended, call.connection) == ("returned", None)
    assert "http.response.start" in repr(call)


async def test_a_scope_may_be_whole_already():
    call = await drive(hello, {"type": "http", "raw_path": b"/x", "method": "PUT"})
    assert (call.scope["raw_path"], call.scope["method"]) == (b"/x", "PUT")
    call = await drive(waits, {"type": "strange"})
    assert (call.error, call.scope) == ("NotImplementedError: strange", {"type": "strange"})


async def test_messages_are_given_in_turn():
    pieces = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
    ]
    call = await drive(echo, {"type": "http"}, pieces)
    assert call.received == pieces
    assert b"".join(m.get("body", b"") for m in call.sent) == b"ab"


async def test_it_ends_when_the_application_waits():
    began = time.perf_counter()
    call = await drive(waits, {"type": "http"}, wait=30)
    assert time.perf_counter() - began < 5
    assert (call.ended, len(call.received)) == ("waiting", 1)
    assert (call.entries[-1].took, call.entries[-1].error) == (None, None)
    assert (await drive(waits, {"type": "http"}, [])).received == []


async def test_two_may_wait_for_one_message():
    async def both(scope, receive, send):
        await asyncio.gather(receive(), receive(), receive())

    call = await drive(both, {"type": "http"})
    assert (call.ended, len(call.received)) == ("waiting", 1)


async def test_it_ends_in_time():
    async def chatty(scope, receive, send):
        """Waits, and goes on talking beside that: it never comes to rest."""

        async def talk():
            while True:
                await send({"type": "http.response.body", "more_body": True})
                await asyncio.sleep(0.01)

        talking = asyncio.create_task(talk())
        try:
            await receive()
            await receive()
        finally:
            talking.cancel()

    async def sleeps(scope, receive, send):
        await asyncio.sleep(30)

    for app in (chatty, sleeps):
        began = time.perf_counter()
        assert (await drive(app, {"type": "http"}, wait=0.2)).ended == "waiting"
        assert time.perf_counter() - began < 2
    assert (await drive(sleeps, {"type": "http"}, wait=0)).entries == []


async def test_an_application_that_will_not_end():
    over = asyncio.Event()

    async def stubborn(scope, receive, send):
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    call = await drive(stubborn, {"type": "http"}, wait=0.1)
    assert call.ended == "waiting"
    over.set()


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), asyncio.CancelledError()])
async def test_what_the_application_raises_is_in_the_call(error):
    async def app(scope, receive, send):
        raise error

    call = await drive(app, {"type": "http"})
    assert (call.ended, call.error.split(":")[0]) == ("raised", type(error).__name__)


async def test_what_cannot_be_driven():
    with pytest.raises(TypeError, match="is not an application"):
        await drive(None, {"type": "http"})
    with pytest.raises(TypeError, match="it takes"):
        await drive(lambda: 0, {"type": "http"})
    with pytest.raises(TypeError, match="WSGI"):
        await drive(wsgi, {"type": "http"})
    with pytest.raises(TypeError, match="a scope has a type"):
        await drive(hello, {})


async def test_each_lifespan_in_memory_begins_with_a_state_of_its_own():
    async def app(scope, receive, send):
        assert scope["state"] == {}
        scope["state"]["kept"] = True

    for _ in range(2):
        assert (await drive(app, {"type": "lifespan"})).ended == "returned"


async def test_an_endless_stream_is_cut_off():
    call = await drive(endless, {"type": "http"}, wait=0.1)
    assert call.ended == "waiting"
    assert len(call.sent) > 2


# -- fails


def test_fails_keeps_the_error():
    with fails(ValueError, KeyError) as failure:
        raise KeyError("x")
    assert isinstance(failure.error, KeyError)
    assert repr(failure) == failure.text == "KeyError: 'x'"
    assert "KeyError" in failure._repr_html_()


def test_without_classes_any_exception_will_do():
    with fails() as failure:
        raise OSError
    assert failure.text == "OSError"


def test_what_does_not_fail():
    wanted = "the book expected ValueError or KeyError"
    with pytest.raises(clients.DidNotFail, match=wanted), fails(ValueError, KeyError) as failure:
        assert failure.text == "nothing was raised yet"


def test_another_error_passes_with_its_traceback():
    def inner():
        raise OSError("other")

    with pytest.raises(OSError, match="other") as caught, fails(ValueError):
        inner()
    assert caught.traceback[-1].name == "inner"


async def test_what_a_failure_leaves_is_silenced(capfd):
    """uvicorn.run inside a running loop leaves two coroutines that nobody awaited."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with fails(RuntimeError) as failure:
            uvicorn.run(hello, log_config=None)
        gc.collect()
    assert "event loop" in failure.text
    assert [str(w.message) for w in seen] == []
    assert capfd.readouterr() == ("", "")


def test_waiting_is_over():
    asyncio.run(until(lambda: True))
