"""Judges before evidence that no server at hand gives: each says what it saw, or that it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from asgilive import spec
from asgilive.probes import SCENARIOS
from asgilive.probes.notes import Call, Note
from asgilive.probes.seen import Seen, Wire
from asgilive.probes.survey import verdict_of
from asgilive.probes.websocket_client import close_code, frames

HTTP: dict[str, Any] = {"type": "http", "path": "/x/0a", "headers": []}
SOCKET: dict[str, Any] = {"type": "websocket", "path": "/x/0a", "headers": []}
LIFE: dict[str, Any] = {"type": "lifespan", "state": {}}
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def call(scope: dict[str, Any], *notes: tuple[str, Any], at: float = 1.0) -> Call:
    told = [("call", scope), *notes]
    return Call([Note(at + n, "1.1", "v", what, value) for n, (what, value) in enumerate(told)])


def wire(received: bytes = ANSWER, ended: str = "") -> Wire:
    asked = (0.0, "out", b"GET /x/0a HTTP/1.1\r\nHost: a\r\n\r\n")
    return Wire([asked, (0.1, "in", received)], ended)


def refused(type: str, *names: str) -> list[tuple[str, Any]]:
    return [("sending", {"type": type}), ("refused", [*names, "Exception"])]


def life(*notes: tuple[str, Any], scope: dict[str, Any] = LIFE) -> Call:
    return call(scope, *notes, at=0.0)


START, BODY = "http.response.start", "http.response.body"
STARTED = [("sending", {"type": "lifespan.startup.complete"}), ("sent", None)]

# statement, scenario, evidence, verdict, words of the sentence
CASES: list[tuple[str, str, Seen, str, str]] = [
    ("H07", "request", Seen("x", [call(HTTP)]), "not-applicable", "no raw_path"),
    ("H14", "request", Seen("x", [call(HTTP | {"headers": {"gen"}})]), "undecided", "headers are"),
    ("H17", "request", Seen("x", [call(HTTP | {"client": None})]), "pass", ""),
    ("H04", "lower_case", Seen("x", [], [wire(b"")]), "fail", "no answer came"),
    ("H04", "lower_case", Seen("x", [], [wire()]), "pass", ""),
    ("H04", "lower_case", Seen("x", [call(HTTP | {"method": "GET"})]), "pass", ""),
    ("H51", "client_leaves", Seen("x", [call(HTTP, *refused(BODY, "Gone"))]), "differs", "Gone"),
    ("C14", "pieces", Seen("x", [call(HTTP)]), "fail", "never returned"),
    (
        "H11",
        "header_shapes",
        Seen("x", [call(HTTP, *refused(START, "E"))], [wire()]),
        "fail",
        "raises E",
    ),
    ("C24", "no_status", Seen("x", [call(HTTP)]), "undecided", "nothing escaped"),
    ("H49", "too_much", Seen("x", [call(HTTP)], [wire()]), "pass", ""),
    ("H49", "too_much", Seen("x", [call(HTTP)], [wire(ANSWER[:-1])]), "fail", "was sent"),
    (
        "H37",
        "own_framing",
        Seen(
            "x",
            [],
            [wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n")],
        ),
        "fail",
        "both a length",
    ),
    ("H46", "flood", Seen("x", [call(HTTP, *refused(BODY, "E"))]), "undecided", "send raised E"),
    (
        "H53",
        "lets_escape",
        Seen("x", [call(HTTP, *refused(BODY, "Gone", "OSError"))], log=["ERROR Gone"]),
        "fail",
        "the log says",
    ),
    ("H53", "lets_escape", Seen("x", [call(HTTP, *refused(BODY, "Gone", "OSError"))]), "pass", ""),
    ("H53", "lets_escape", Seen("x"), "not-applicable", "raises no OSError"),
    ("C29", "older", Seen("x"), "differs", "not served as it is"),
    ("C30", "older", Seen("x"), "not-applicable", "not served as it is"),
    # lifespan
    ("L04", "whole_life", Seen("x"), "not-applicable", "no lifespan"),
    ("L21", "whole_life", Seen("x", lives=[life()]), "undecided", "no request"),
    (
        "L07",
        "whole_life",
        Seen("x", lives=[life(scope={"type": "lifespan"})]),
        "not-applicable",
        "",
    ),
    (
        "L18",
        "whole_life",
        Seen("x", [call(HTTP, ("said", ("state", None)))], lives=[life()]),
        "fail",
        "find the states",
    ),
    (
        "L10",
        "slow_start",
        Seen("x", [call(HTTP)], lives=[life()]),
        "fail",
        "before lifespan.startup",
    ),
    (
        "L11",
        "slow_start",
        Seen("x", [call(HTTP, at=-1.0)], lives=[life(*STARTED)]),
        "fail",
        "before the application",
    ),
    (
        "L08",
        "raises_at_start",
        Seen("x", said={"start": "no"}, lives=[life()]),
        "fail",
        "does not start: no",
    ),
    ("L08", "raises_at_start", Seen("x", [], [wire(b"")], lives=[life()]), "fail", "not answer"),
    ("L12", "refuses_to_start", Seen("x", lives=[life()]), "differs", "goes on"),
    (
        "L12",
        "refuses_to_start",
        Seen("x", said={"stopped itself": True}, lives=[life()]),
        "differs",
        "lacks the message",
    ),
    ("L14", "stops_amid", Seen("x", [call(HTTP)], lives=[life()]), "fail", "never came"),
    ("L16", "fails_to_stop", Seen("x", said={"down": 6.1}, lives=[life()]), "differs", "not end"),
    ("L02", "two_lives", Seen("x", [call(HTTP)], lives=[life()]), "differs", "1 of them"),
    # WebSocket
    ("W22", "websocket", Seen("x", [call(SOCKET)], [wire()]), "undecided", "not completed"),
    ("W09", "websocket", Seen("x", [call(SOCKET)]), "not-applicable", "no raw_path"),
    ("W12", "websocket", Seen("x", [call(SOCKET)]), "differs", "became []"),
    ("W17", "websocket", Seen("x", [call(SOCKET)]), "not-applicable", "no state"),
    ("W02", "quiet", Seen("x", [call(SOCKET)], [wire(UPGRADED)]), "differs", "no ping"),
    (
        "W01",
        "fragments",
        Seen("x", [call(SOCKET)], [wire(UPGRADED)]),
        "differs",
        "answered with []",
    ),
    ("W32", "ends", Seen("x", [call(SOCKET)], [wire(b"")]), "undecided", "not completed"),
    (
        "W33",
        "late_send",
        Seen("x", [call(SOCKET, *refused("x", "Gone", "OSError"))], log=["Gone"]),
        "fail",
        "the log says",
    ),
    ("W33", "late_send", Seen("x"), "not-applicable", "raises no OSError"),
    # extensions
    (
        "H45",
        "trailers",
        Seen(
            "x",
            [
                call(
                    HTTP | {"extensions": {"http.response.trailers": {}}},
                    *refused("http.response.trailers", "E"),
                )
            ],
            [wire()],
        ),
        "fail",
        "refused after the body",
    ),
]


@pytest.mark.parametrize(("id", "name", "seen", "verdict", "words"), CASES)
def test_a_judge(id: str, name: str, seen: Seen, verdict: str, words: str) -> None:
    found, sentence = verdict_of(spec[id], SCENARIOS[name], seen)
    assert (found, words in sentence) == (verdict, True), sentence


def test_frames_behind_an_answer() -> None:
    assert frames(wire(ANSWER)) == []
    assert close_code(wire(ANSWER)) == 1006
    assert close_code(wire(UPGRADED + b"\x88\x00")) == 1005
    assert close_code(wire(UPGRADED + b"\x88\x02\x03\xe8")) == 1000
