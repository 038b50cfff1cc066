"""The experiments with extensions, TLS and HTTP/2."""

from __future__ import annotations

from typing import Any

import pytest
from planting import verdict
from probe_faults_extensions import CERTIFIED, FAULTS

from asgilive import spec
from asgilive.probes import SCENARIOS
from asgilive.probes.notes import Call, Note
from asgilive.probes.seen import Seen, Wire
from asgilive.probes.survey import verdict_of

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("id", FAULTS)
async def test_a_planted_fault_is_seen(id: str) -> None:
    result = await verdict(id, FAULTS[id])
    assert result.verdict == ("fail" if spec[id].level in "MD" else "differs"), result.evidence
    assert result.said


async def test_what_is_kept_passes() -> None:
    for id in ("C27", "T01", "X01", "X04", "X41"):
        assert (await verdict(id)).verdict == "pass", id
    for id in ("C28", "X13", "X20", "X22", "X28", "X31", "X33", "H45", "X37", "X39", "X40"):
        assert (await verdict(id)).verdict == "not-applicable", id


# -- over TLS: a real server, and evidence with a fault in it


@pytest.fixture(scope="module")
def over_tls() -> Any:
    import asyncio

    return asyncio.run(spec.survey(["hypercorn"], "H03 H05 H15 H16 H21 H45 T X06-X12 X28-X40"))


def test_hypercorn_over_tls(over_tls: Any) -> None:
    kept = ["H03", "H05", "H15", "H16", "H21", "H45", "T01", "T12", "X06", "X10", "X11", "X12"]
    found = {id: over_tls[id, "hypercorn"].verdict for id in kept}
    assert set(found.values()) == {"pass"}, found
    assert over_tls["X28", "hypercorn"].verdict == "fail"  # refused behind the start
    assert over_tls["T02", "hypercorn"].verdict == "not-applicable"
    assert over_tls["T05", "hypercorn"].verdict == "undecided"


def seen(scope: dict[str, Any], **said: Any) -> Seen:
    wire = Wire([(0.0, "out", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")])
    return Seen("x", [Call([Note(0.0, "1.1", "v", "call", scope)])], [wire], said)


GOOD: dict[str, Any] = {
    "type": "http",
    "http_version": "2",
    "scheme": "https",
    "path": "/http_2_extras/0a/pushed",
    "headers": [(b"host", b"localhost"), (b"x-dup", b"1")],
    "extensions": {
        "tls": CERTIFIED | {"client_cert_chain": [], "client_cert_name": "CN=a"},
        "http.response.push": {},
        "http.response.trailers": {},
        "http.response.early_hint": {},
    },
}
SAID: dict[str, Any] = {
    "protocol": "h2",
    "right": 20,
    "hints": [[(b"link", b"x")]],
    "pushed": [[(b":authority", b"localhost")]],
    "asked": [(b"x-sum", b"1"), (b"x-other", b"2")],
    "silent": [],
}


def other_tls(**changes: Any) -> dict[str, Any]:
    found = {**GOOD["extensions"]["tls"], **changes}
    found = {key: value for key, value in found.items() if value is not ...}
    return GOOD | {"extensions": GOOD["extensions"] | {"tls": found}}


# statement, scenario, the scope with its fault, what the client noted with its fault
WRONG: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("H03", "http_2", GOOD | {"http_version": "2.0"}, {}),
    ("H05", "secure", GOOD | {"scheme": "http"}, {}),
    ("H15", "http_2", GOOD | {"headers": [(b":authority", b"a")]}, {}),
    ("H16", "http_2", GOOD | {"headers": [(b"x-dup", b"1")]}, {}),
    ("H16", "http_2", GOOD | {"headers": GOOD["headers"][::-1]}, {}),
    ("H21", "http_2", GOOD, {"right": 19}),
    ("T02", "secure", GOOD | {"extensions": {"tls": "yes"}}, {}),
    ("T03", "secure", other_tls(server_cert=...), {}),
    ("T04", "secure", other_tls(client_cert_chain="PEM"), {}),
    ("T06", "secure", other_tls(client_cert_name=b"CN=a"), {}),
    ("T09", "secure", other_tls(client_cert_error=1), {}),
    ("T10", "secure", other_tls(tls_version="1.3"), {}),
    ("T11", "secure", other_tls(cipher_suite=...), {}),
    ("T12", "secure", GOOD | {"type": "https"}, {}),
    ("X06", "http_2_extras", GOOD, {"pushed": []}),
    ("X10", "http_2_extras", GOOD, {"pushed": []}),
    ("X11", "http_2_extras", GOOD | {"path": "/http_2_extras/0a/push"}, {}),
    ("X12", "http_2_extras", GOOD, {"pushed": [[(b":authority", b"other")]]}),
    ("X12", "http_2_extras", GOOD, {"pushed": []}),
    ("X28", "http_2_extras", GOOD, {"hints": []}),
    ("X31", "http_2_extras", GOOD, {"hints": []}),
    ("X33", "http_2_extras", GOOD, {"asked": []}),
    ("X37", "http_2_extras", GOOD, {"asked": [(b"x-sum", b"1")]}),
    ("X39", "http_2_extras", GOOD, {"asked": []}),
    ("X40", "http_2_extras", GOOD, {"silent": [(b"x-sum", b"1")]}),
    ("H45", "http_2_extras", GOOD, {"asked": []}),
]


@pytest.mark.parametrize(("id", "name", "scope", "said"), WRONG)
def test_a_fault_in_the_evidence_is_seen(
    id: str, name: str, scope: dict[str, Any], said: dict[str, Any]
) -> None:
    one, wanted = SCENARIOS[name], "fail" if spec[id].level in "MD" else "differs"
    assert verdict_of(spec[id], one, seen(GOOD, **SAID)) == ("pass", "")
    verdict, sentence = verdict_of(spec[id], one, seen(scope, **(SAID | said)))
    assert verdict == wanted
    assert sentence


def test_http_2_is_not_asked_of_a_server_without_it() -> None:
    for id in ("H03", "H15", "H16", "H21"):
        found = verdict_of(spec[id], SCENARIOS["http_2"], seen(GOOD, protocol="http/1.1"))
        assert found == ("not-applicable", "this server does not choose HTTP/2")
    bare = GOOD | {"extensions": {}}
    for id in ("X06", "X11", "X28", "X33", "X40"):
        found = verdict_of(spec[id], SCENARIOS["http_2_extras"], seen(bare, **SAID))
        assert found[0] == "not-applicable"
