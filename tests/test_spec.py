"""The table of statements: whole, linked to sections that exist, found by id, range and key."""

import pytest

import asgilive
import asgilive.spec
from asgilive import spec
from asgilive.spec import NoStatement, Rows, Statement

# The section anchors of https://asgi.readthedocs.io/en/latest/, read on 2026-11-22 from its pages
# as built from django/asgiref a7cc976 (2026-07-19) with Sphinx 7.4.7 and 9.2.0, which agree.
ANCHORS = {
    "specs/main.html": """
        asgi-asynchronous-server-gateway-interface-specification abstract rationale overview
        specification-details connection-scope events applications legacy-applications
        protocol-specifications middleware error-handling extensions strings-and-unicode
        version-history copyright""",
    "specs/www.html": """
        http-websocket-asgi-message-format spec-versions http http-connection-scope
        request-receive-event response-start-send-event response-body-send-event
        disconnected-client-send-exception disconnect-receive-event websocket
        websocket-connection-scope connect-receive-event accept-send-event receive-receive-event
        send-send-event disconnect-receive-event-ws id1 id2 close-send-event wsgi-compatibility
        wsgi-encoding-differences version-history copyright""",
    "specs/lifespan.html": """
        lifespan-protocol scope lifespan-state startup-receive-event startup-complete-send-event
        startup-failed-send-event shutdown-receive-event shutdown-complete-send-event
        shutdown-failed-send-event version-history copyright""",
    "specs/tls.html": """
        asgi-tls-extension the-base-protocol when-to-use-this-extension tls-connection-scope events
        rationale-informative copyright""",
    "extensions.html": """
        extensions websocket-denial-response http-2-server-push zero-copy-send path-send tls
        early-hints http-trailers debug""",
}

# Every key that the documents name for a scope, a message and the tls extension.
HTTP = "type asgi http_version scheme path raw_path query_string root_path headers client server"
KEYS = {
    "http": f"{HTTP} method state extensions",
    "http.request": "type body more_body",
    "http.disconnect": "type",
    "http.response.start": "type status headers trailers",
    "http.response.body": "type body more_body",
    "http.response.trailers": "type headers more_trailers",
    "http.response.push": "type path headers",
    "http.response.zerocopysend": "type file offset count more_body",
    "http.response.pathsend": "type path",
    "http.response.early_hint": "type links",
    "http.response.debug": "type info",
    "websocket": f"{HTTP} subprotocols state extensions",
    "websocket.connect": "type",
    "websocket.accept": "type subprotocol headers",
    "websocket.receive": "type bytes text",
    "websocket.send": "type bytes text",
    "websocket.disconnect": "type code reason",
    "websocket.close": "type code reason",
    "websocket.http.response.start": "type status headers",
    "websocket.http.response.body": "type body more_body",
    "lifespan": "type asgi state",
    "lifespan.startup": "type",
    "lifespan.startup.complete": "type",
    "lifespan.startup.failed": "type message",
    "lifespan.shutdown": "type",
    "lifespan.shutdown.complete": "type",
    "lifespan.shutdown.failed": "type message",
    "tls": "server_cert client_cert_chain client_cert_name client_cert_error tls_version"
    " cipher_suite",
}


def test_module_and_namespace_are_one_object():
    assert asgilive.spec is spec
    assert asgilive.spec.spec is spec


def test_all_221_in_order():
    ids = [statement.id for statement in spec]
    sizes = {"C": 34, "H": 70, "W": 39, "L": 21, "T": 13, "X": 44}
    assert ids == [f"{letter}{n:02}" for letter, size in sizes.items() for n in range(1, size + 1)]
    assert len(spec) == 221
    assert "H31" in spec
    assert "H99" not in spec


@pytest.mark.parametrize("statement", spec, ids=lambda statement: statement.id)
def test_statement_is_whole_and_its_section_exists(statement):
    assert statement.level in "MSYD"
    assert statement.actor in {"server", "app", "both", "adapter", "middleware", "harness"}
    assert statement.since
    assert statement.text.endswith(".")
    page, _, anchor = statement.url.partition("#")
    page = page.removeprefix("https://asgi.readthedocs.io/en/latest/")
    assert anchor in ANCHORS[page].split()


def test_statement_shows_itself_with_its_link():
    statement = spec["H31"]
    assert statement == spec["h31 "]
    assert statement.text == "After the response is sent, receive() gives http.disconnect."
    assert statement.url.endswith("/specs/www.html#disconnect-receive-event")
    assert statement.url in statement._repr_html_()
    assert statement.text in repr(statement)
    assert isinstance(statement, Statement)


def test_rows_by_range_id_and_letter():
    rows = spec.rows("H20-H22, C16 t")
    assert [s.id for s in rows] == ["H20", "H21", "H22", "C16", *(f"T{n:02}" for n in range(1, 14))]
    assert isinstance(rows, Rows)
    assert "17 statements" in rows._repr_html_()
    assert "C16" in repr(rows)


def test_the_whole_shows_as_a_table_of_its_parts():
    assert "221 statements" in repr(spec)
    assert "WebSocket" in spec._repr_html_()
    assert dir(spec) == ["key", "links", "lint", "machine", "probe", "rows", "survey"]


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda: spec["H71"], "there is no statement H71: the core is C01 to C34, HTTP is H01 to"),
        (lambda: spec[31], "there is no statement 31"),
        (lambda: spec.rows("H20-H99"), "there is no statement H99"),
        (lambda: spec.rows("H30-H20"), "H30-H20 is empty: H20 comes before H30"),
        (lambda: spec.key("htpp", "path"), "has no type 'htpp': did you mean http?"),
        (lambda: spec.key("", "path"), "has no type '': it has http, http.request"),
        (lambda: spec.key("http", "verb"), "http has no key 'verb': it has type, asgi"),
    ],
)
def test_errors_say_what_exists(ask, text):
    with pytest.raises(NoStatement) as caught:
        ask()
    assert text in str(caught.value)
    assert isinstance(caught.value, KeyError)


@pytest.mark.parametrize("type", KEYS)
def test_every_key_of_the_specification_has_its_statement(type):
    keys = KEYS[type].split()
    for key in set(keys) - {"type"}:
        statement = spec.key(type, key)
        assert key in statement.text or statement.id == "X05"  # X05 refers to another message
    assert "type" not in keys or spec.key(type, "type").id[0] in "HWLX"
    links = spec.links({"type": type, "other": 1})
    assert sorted(links) == sorted(keys)


def test_links_are_what_the_scope_viewer_takes():
    statement = spec.key("http", "raw_path")
    assert statement.id == "H07"
    assert spec.links("http")["raw_path"] == (statement.id, statement.url, statement.text)
    assert spec.links("teapot") == {}
