"""The drawings: what they hold, as HTML and as text; what they must never hold; how they look.

The exchanges in `tests/data` are recordings of a real uvicorn (`tests/record_drawings.py`).
"""

import ast
import gzip
import html
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import browser as b
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgilive import drawing
from asgilive.drawing import markup

DATA = Path(__file__).parent / "data"
EXCHANGES = ["get", "post", "keep-alive", "bad-request", "raises", "leaves", "websocket"]
VOID = {"br", "wbr", "input"}
HOSTILE = b"<script>alert(1)</script>\"'--></style>\x00\xff\r\n\\x41&amp;"
hostile_text = st.text() | st.sampled_from(
    ["<script>", "'\"", "-->", "</style>", "`<b>`", "\u202e\u200b", "\x00", "a\ud800b", "x" * 9000]
)


# -- reading what was drawn --------------------------------------------------------------------


class Tree(HTMLParser):
    """Reads a drawing strictly: every tag closed in order, no tag or attribute it does not know."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, set[str]]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.found: dict[str, list[str]] = {}
        self.inside: list[list[tuple[str, int]]] = []
        self.feed(source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        classes = set(values.get("class", "").split())
        if tag in VOID:
            return
        self.open.append((tag, classes))
        starts = []
        for name in classes:
            texts = self.found.setdefault(name, [])
            starts.append((name, len(texts)))
            texts.append("")
        self.inside.append(starts)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag, f"</{tag}> closes something else"
        self.inside.pop()

    def handle_data(self, data: str) -> None:
        for starts in self.inside:
            for name, number in starts:
                self.found[name][number] += data

    def texts(self, name: str) -> list[str]:
        """The text of every element with this class."""
        return self.found.get(name, [])

    def values(self, name: str) -> list[str]:
        """Every value of this attribute."""
        return [values[name] for _, values in self.tags if name in values]


def load(name: str) -> Any:
    def back(value: dict[str, Any]) -> Any:
        return value["bytes"].encode("latin-1") if set(value) == {"bytes"} else value

    return json.loads((DATA / f"{name}.json").read_text("utf-8"), object_hook=back)


def wire(name: str) -> drawing.Figure:
    return drawing.wire(load(name)["rows"], title=f"One {name}", caption="A `caption`.")


def sequence(name: str) -> drawing.Figure:
    return drawing.sequence(load(name)["steps"], title=f"Steps of {name}")


def crowd() -> drawing.Figure:
    words = {"wait": "asked, answered at the end"}
    return drawing.gantt(load("crowd"), title="Eight visits", words=words)


def blocked(n: int = 6) -> drawing.Figure:
    lanes = [
        (f"client {k}", [(0, k * 0.2, "queue"), (k * 0.2, k * 0.2 + 0.2, "block")])
        for k in range(n)
    ]
    return drawing.gantt([*lanes, ("left out", [])], title="At once, the app blocks")


def buffers(**more: Any) -> drawing.Figure:
    """A sender that fills a buffer of 4 MB, and a reader that comes late."""
    lines = {
        "sent by the app": [(0, 0), *((n * 0.01, n / 2) for n in range(1, 9)), (1, 4)],
        "read by the client": [(0, 0), (0.5, 1.25), (0.75, 3.5), (1, 4)],
    }
    return drawing.chart(lines, title="Where the bytes are", unit="MB", **more)


def queues(n: int = 6) -> drawing.Figure:
    lines = {f"client {k}": [(0, 0), (1.5, 60 if k == 1 else 1), (5, 0)] for k in range(n)}
    return drawing.chart(lines, title="Queues", unit="messages", caption="`n` of them.", limit=64)


GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
OK = (b"HTTP/1.1 200 OK", [(b"server", b"uvicorn"), (b"content-length", b"6")], b"hello\n")


def site_card(**more: Any) -> drawing.Figure:
    facts = [("at", "http://127.0.0.1:8000"), ("server", "uvicorn")]
    link = {"link": "http://127.0.0.1:8000/", "preview": "/", "log": ["started"], **more}
    return drawing.card("greet", "running", facts, **link)


def one_call() -> drawing.Figure:
    messages = [
        {"role": "receive", "name": "http.request", "keys": [("body", 'b"Ada"')], "t": 0.0001},
        {"role": "send", "name": "http.response.body", "error": "RuntimeError: too early"},
    ]
    links = {"path": ("H06", "https://example.org/#path", 'The "path", decoded')}
    scope = {"type": "http", "path": "/é", "headers": [(b"host", b"a")]}
    return drawing.call(scope, messages, "raised", "RuntimeError: too early", 0.002, links)


def one_line() -> drawing.Figure:
    return drawing.line([(0.0001, "out", GET), (0.5, "in", b"\x81\x02HI"), (1.2, "end", b"")])


def one_verdict() -> drawing.Figure:
    return drawing.verdict(
        False, "2.1 echo", "The body is `b''`.", ["Look at `scope`."], wire("get")
    )


def one_table() -> drawing.Figure:
    rows = [["C", b"GET", 1200], ["H", b"\x00", 3]]
    return drawing.table(["part", "bytes", "must"], rows, title="The parts")


SERVERS = [("mild", "1.0"), ("strict", "2.1 h11")]


def verdicts(*found: str, **more: Any) -> drawing.Figure:
    """A grid of one statement for each pair of verdicts."""
    pairs = list(zip(found[::2], found[1::2], strict=True))
    cells = [
        [{"verdict": v, "said": f"was {v}", "lines": ["→ a", "← b"]} for v in p] for p in pairs
    ]
    rows = [
        {"id": f"H{n:02}", "text": f"Rule {n} of `send`.", "url": f"https://x/#{n}", "cells": each}
        for n, each in enumerate(cells, 1)
    ]
    return drawing.grid(SERVERS, rows, **{"title": "Two servers", **more})


def bits_of(number: int) -> drawing.Figure:
    """One of the recorded frames: the client's "hi", the server's "HI", or long ones."""
    data, fields = load("websocket")["frames"][number]
    return drawing.frame(data, fields, title="A frame", caption="A `caption`.")


FIGURES = {
    **{f"wire-{name}": lambda name=name: wire(name) for name in EXCHANGES},
    **{f"sequence-{name}": lambda name=name: sequence(name) for name in EXCHANGES},
    "crowd": crowd,
    "frame": lambda: bits_of(0),
    "long-frame": lambda: bits_of(4),
    "blocked": blocked,
    "chart": buffers,
    "strips": queues,
    "card": site_card,
    "stopped": lambda: drawing.card("greet", "stopped", [("was at", "port 8000")]),
    "failed": lambda: drawing.card("greet", "failed", [("error", "no database")]),
    "reply": lambda: drawing.reply(GET + GET, GET, [OK, OK], "complete", 0.002),
    "silent": lambda: drawing.reply(GET, b"HTTP/1.1 200 OK\r\nx", [], "silent", 1.0),
    "closed": lambda: drawing.reply(b"", b"", [], "closed", 0.00001),
    "line": one_line,
    "call": one_call,
    "not-yet": one_verdict,
    "pass": lambda: drawing.verdict(True, "1.1 raw", "Two answers came."),
    "failure": lambda: drawing.failure("RuntimeError: no running loop"),
    "notice": lambda: drawing.failure("nothing was recorded yet: ask the `site` first"),
    "grid": lambda: verdicts(*drawing.grids.SIGNS, "pass"),
    "statement": lambda: drawing.statement("H31", "M", "server", "2.0", "It `must`.", "https://x/"),
    "table": one_table,
}
every_figure = pytest.mark.parametrize("name", FIGURES)


# -- rules for every figure --------------------------------------------------------------------


@every_figure
def test_html_is_whole_and_plain(name):
    figure = FIGURES[name]()
    tree = Tree(figure.html)
    assert not {"style", "script", "iframe", "img", "link"} & {tag for tag, _ in tree.tags}
    assert not tree.values("id")
    assert not [value for value in tree.values("style") if re.search(r"px|#|rgb|;\s*[^-]", value)]
    assert all(re.fullmatch(r"--[a-z]+:[\d.]+(;--[a-z]+:[\d.]+)*", v) for v in tree.values("style"))
    assert "on" not in {attr[:2] for _, attrs in tree.tags for attr in attrs}


@every_figure
def test_text_stands_for_itself(name):
    figure = FIGURES[name]()
    assert repr(figure) == figure.text
    assert figure.text == figure.text.strip("\n")
    assert not re.search(r"<(span|code|p|li)\b", figure.text)
    assert max(len(line) for line in figure.text.splitlines()) <= 130
    assert figure.text.encode("cp1252", "replace").count(b"?") <= figure.text.count("?") + 1


@every_figure
def test_a_notebook_gets_the_style_and_the_book_can_strip_it(name):
    figure = FIGURES[name]()
    shown = figure._repr_html_()
    assert shown.startswith(drawing.STYLE)
    stripped = re.sub(r'<(style|script) class="al-\1">.*?</\1>', "", shown, flags=re.DOTALL)
    assert stripped == figure.html
    assert (drawing.SCRIPT in shown) == (name == "card")


def test_the_style_is_one_safe_element_within_its_budget():
    css = drawing.STYLE.removeprefix('<style class="al-style">').removesuffix("</style>")
    assert "<" not in css
    assert "/*" not in css
    assert css.count("{") == css.count("}")
    assert not re.search(r"(?<![\w&-])#[a-z]", css.split("@media")[1])
    assert len(gzip.compress(drawing.STYLE.encode(), 9)) < 9_500
    assert "</script" not in drawing.SCRIPT.removesuffix("</script>")
    assert len(gzip.compress(drawing.SCRIPT.encode(), 9)) < 1_500


def test_only_the_tokens_hold_a_colour():
    folder = Path(drawing.__file__).parent.parent / "style"
    for name in ("figures.css", "components.css"):
        css = re.sub(r"/\*.*?\*/", "", (folder / name).read_text("utf-8"), flags=re.DOTALL)
        found = re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsl\(", css)
        assert [colour for colour in found if colour not in ("#000", "#fff")] == [], name


def test_drawing_imports_nothing_of_ours():
    script = "import sys, asgilive.drawing; print(*(m for m in sys.modules if m[:8] == 'asgilive'))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    ours = {name for name in run.stdout.split() if not name.startswith("asgilive.drawing")}
    assert ours == {"asgilive"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'STYLES'"):
        drawing.STYLES  # noqa: B018


# -- bytes and values --------------------------------------------------------------------------


def unspelled(text: str) -> bytes:
    """What Python would read: spelling must lose nothing."""
    return ast.literal_eval('b"' + text.replace('"', '\\"') + '"')


@given(st.binary())
@example(HOSTILE)
@example(b"\\\\x00\\")
def test_spelled_bytes_can_be_read_back(data):
    text = markup.spell(data)
    assert text.isascii()
    assert text.isprintable()
    assert unspelled(text) == data
    assert ast.literal_eval(markup.literal(data)) == data


ranges = st.lists(st.tuples(st.integers(-3, 40), st.integers(-3, 40)), max_size=4)


@given(st.binary(max_size=40), ranges, ranges, st.booleans())
@example(HOSTILE, [(0, 999)], [], True)
@example(b" a ", [], [], False)
def test_shown_bytes_lose_nothing_whatever_is_marked(data, marks, framing, lines):
    source = markup.show(data, marks, framing, lines=lines)
    assert unspelled(html.unescape(re.sub(r"<[^<>]*>", "", source))) == data
    assert Tree(f"<p>{source}</p>").texts("al-cut") == []


@given(st.binary(min_size=1, max_size=40), ranges)
def test_frames_are_shown_in_hexadecimal(data, marks):
    source = markup.show(data, marks, digits=True)
    assert bytes.fromhex(re.sub(r"<[^<>]*>", "", source)) == data


def test_marks_and_framing_are_where_they_were_given():
    tree = Tree("<p>" + markup.show(b"5\r\nHello\r\n", [(3, 8)], [(0, 3), (8, 10)]) + "</p>")
    assert tree.texts("al-part") == ["Hello"]
    assert tree.texts("al-framing") == [r"5\r\n", r"\r\n"]


def test_blank_edges_can_be_seen():
    assert Tree(f"<p>{markup.show(b' GET  a ')}</p>").texts("al-sp") == [" ", " "]
    assert Tree(f"<p>{markup.show(b'   ')}</p>").texts("al-sp") == ["   "]


def test_lines_break_behind_each_line_end_but_the_last():
    assert markup.show(b"a\r\nb\n\r\n", lines=True).count("<br>") == 2
    assert markup.show(b"a\r\nb\n\r\n").count("<br>") == 0


def test_long_bytes_are_cut_and_counted():
    data = bytes(range(65, 75)) * 6554
    note = "… 65,380 more, 65,540 bytes in all"
    source = markup.show(data)
    assert Tree(f"<p>{source}</p>").texts("al-cut") == [note]
    assert source.startswith(data[:160].decode() + " <span")
    assert markup.spell_cut(data) == data[:160].decode() + " " + note
    assert markup.cut("x" * 161).endswith("x … 1 more, 161 characters in all")
    assert markup.missing(160, 160) == ""
    assert markup.count(1, "byte") == "1 byte"


@given(hostile_text)
def test_text_cannot_break_out(text):
    for source in (markup.escape(text), markup.prose(text), markup.dotted(text)):
        Tree(f"<p>{source}</p>")
        source.encode("utf-8")
    (_, values), *_ = Tree(f'<p title="{markup.quoted(text)}"></p>').tags
    assert values == {"title": markup.clean(text)}
    assert not markup._HIDDEN.search(markup.clean(text))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
)


@given(values)
@example({"a": (1,), "b\n": ['"', b'"']})
def test_literals_are_python(value):
    assert ast.literal_eval(markup.literal(value)) == value


def test_prose_knows_code():
    assert markup.prose("a `b` <c>") == "a <code>b</code> &lt;c&gt;"
    assert markup.prose("a `b` c ` d") == "a <code>b</code> c ` d"
    assert markup.sentence("Why?") == "Why?"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4e-6, "4 µs"), (0.00059, "0.59 ms"), (0.301, "301 ms"), (1.216, "1.22 s"), (0, "0 µs")],
)
def test_durations(seconds, text):
    assert markup.duration(seconds) == text


# -- the wire ----------------------------------------------------------------------------------


def pieces(name: str) -> list[dict[str, Any]]:
    return [row for row in load(name)["rows"] if row["row"] in ("pair", "bytes")]


def drawn_bytes(figure: drawing.Figure) -> list[tuple[str, str]]:
    """(offset, bytes as they are written) of each row that holds bytes, in reading order."""
    rows = re.findall(
        r'<span class="al-offset">(\d+)</span> (?:<span>)?<code[^>]*>(.*?)</code>', figure.html
    )
    return [(at, html.unescape(re.sub(r"<[^<>]*>", "", code))) for at, code in rows]


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_byte_is_there_and_offsets_add_up(name):
    found = drawn_bytes(wire(name))
    wanted = pieces(name)
    assert [int(at) for at, _ in found] == [row["at"] for row in wanted]
    ends = {"in": 0, "out": 0}
    way = "in"
    for (at, text), row in zip(found, load_pieces_with_way(name), strict=True):
        way = row["way"]
        if "in all" not in text:
            read = bytes.fromhex(text) if row.get("hex") else unspelled(text)
            assert read == row["bytes"]
        assert int(at) == ends[way], row
        ends[way] += len(row["bytes"])


def load_pieces_with_way(name: str) -> list[dict[str, Any]]:
    """The rows with bytes; those without a way of their own go the way of their tape."""
    way, found = "in", []
    for row in load(name)["rows"]:
        way = row.get("way", way)
        if row["row"] in ("pair", "bytes"):
            found.append({**row, "way": way})
    return found


@pytest.mark.parametrize("name", EXCHANGES)
def test_pairs_are_numbered_and_joined_to_their_keys(name):
    tree = Tree(wire(name).html)
    rows = [row for row in load(name)["rows"] if row["row"] in ("pair", "own")]
    pairs = tree.texts("al-pair")
    assert len(pairs) == len(rows)
    for number, (text, row) in enumerate(zip(pairs, rows, strict=True), 1):
        word = "comes from" if row.get("way") == "out" else "becomes"
        assert f"{number} {word} " in text
        said = text.split(word)[1]
        assert all(markup.clean(value)[:160] in said for _, value in row["keys"])
    assert len(set(tree.values("name"))) == min(1, len(rows))


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_text_holds_the_same_facts(name):
    figure, rows = wire(name), load(name)["rows"]
    right = "".join(line[47:] for line in figure.text.splitlines())
    flat = re.sub(r"\s+", "", right + figure.text)
    for row in rows:
        for key, value in row.get("keys", ()):
            assert re.sub(r"\s+", "", f'"{key}":{value}' if key else value)[:160] in flat
        if "at" in row:
            assert f"\n{row['at']:>5} " in figure.text
        for field in ("title", "name", "verb", "text"):
            assert field not in row or re.sub(r"\s+", "", row[field]) in flat
    numbers = re.findall(r"(?:--|<-|\.\.) ?(\d+) (?:->|--|\.>)", figure.text)
    assert numbers == [str(n + 1) for n in range(len(numbers))]
    assert len(numbers) == sum(row["row"] in ("pair", "own") for row in rows)


def test_the_call_stands_below_the_bytes_it_was_made_from():
    figure = wire("get")
    assert figure.html.index("end of the head") < figure.html.index("the app is called")
    assert figure.text.index("end of the head") < figure.text.index("the app is called")
    assert figure.html.index("await send(…)") < figure.html.index('"status"')


def test_bytes_behind_a_card_are_outside_of_it():
    rows = [
        {"row": "message", "role": "send", "name": "a", "verb": "", "t": None, "error": "E: x"},
        {"row": "bytes", "at": 0, "bytes": b"x", "note": "", "role": None},
        {"row": "rest", "keys": [("more_body", "False")]},
        {"row": "bytes", "at": 1, "bytes": b"y", "note": "behind", "role": "server"},
        {"row": "turn", "text": "the app runs", "took": None},
        {"row": "pair", "role": "send", "way": "out", "at": 2, "bytes": b"z", "keys": []},
        {"row": "note", "text": "and `so`"},
        {"row": "own", "keys": []},
    ]
    figure = drawing.wire(rows, title="Edges")
    card = figure.html[figure.html.index("al-card") : figure.html.index("raises E: x")]
    assert ">x</code>" in card
    assert "more_body" in card
    assert "behind" not in card
    assert "raises E: x" in figure.text
    Tree(figure.html)
    assert drawing.wire([], title="Nothing").text == "Nothing"


def test_a_message_of_several_pieces_is_one_card():
    keys = [("body", 'b"12345678"')]
    pair = {"row": "pair", "role": "receive", "way": "in", "keys": []}
    rows = [
        {"row": "tape", "way": "in", "title": "request", "size": None},
        {"row": "message", "role": "receive", "name": "http.request", "verb": "", "t": 0.1},
        {**pair, "at": 0, "bytes": b"5\r\n12345\r\n", "marks": [(3, 8)], "keys": keys},
        {**pair, "at": 10, "bytes": b"3\r\n678\r\n", "marks": [(3, 6)]},
        {"row": "message", "role": "receive", "name": "http.request", "verb": "", "t": 0.2},
        {**pair, "at": 18, "bytes": b"0\r\n\r\n"},
    ]
    tree = Tree(drawing.wire(rows, title="Joined").html)
    first, second = tree.texts("al-card")
    assert "12345" in first
    assert "678" in first
    assert r"0\r\n\r\n" in second


@given(st.binary(), hostile_text, hostile_text)
@example(HOSTILE, "<b>", "`")
def test_hostile_rows_are_harmless(data, words, name):
    rows = [
        {"row": "tape", "way": "in", "title": words, "size": len(data)},
        {"row": "message", "role": "receive", "name": name, "verb": words, "t": 1, "error": words},
        {"row": "pair", "role": "receive", "way": "in", "at": 0, "bytes": data, "indent": 99,
         "keys": [(name, words), ("", words), ("", " " + words)]},
        {"row": "own", "keys": [(name, words)], "note": words},
        {"row": "bytes", "at": 9, "bytes": data, "note": words, "role": "error"},
        {"row": "turn", "text": words, "took": 1},
        {"row": "note", "role": "error", "text": words},
    ]  # fmt: skip
    figure = drawing.wire(rows, title=words, caption=words)
    tags = {tag for tag, _ in Tree(figure.html).tags}
    known = "figure ol li p b i span label input code figcaption time div br wbr"
    assert tags <= set(known.split())
    figure.html.encode("utf-8")
    figure.text.encode("utf-8")


# -- the sequence ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_step_is_drawn_in_order(name):
    figure, steps = sequence(name), load(name)["steps"]
    tree = Tree(figure.html)
    assert tree.texts("al-msg") == [
        f"{s['from']} to {s['to']}: {markup.cut(s['text'], 80)}"
        f"{' ' + markup.cut(s['detail'], 80) if s['detail'] else ''}"
        for s in steps
        if "event" not in s
    ]
    for step in steps:
        words = step.get("event") or step["text"]
        assert re.sub(r"\s+", "", words)[:60] in re.sub(r"\s+", "", figure.text)


def test_the_call_is_a_thick_line_from_its_begin_to_its_end():
    tree = Tree(sequence("get").html)
    rows = [set(v["class"].split()) for t, v in tree.tags if t == "li"]
    first = next(n for n, row in enumerate(rows) if "al-begin" in row)
    last = next(n for n, row in enumerate(rows) if "al-stop" in row)
    assert [n for n, row in enumerate(rows) if "al-on" in row] == list(range(first, last + 1))


def test_silence_is_a_row():
    figure = sequence("leaves")
    (gap,) = Tree(figure.html).texts("al-gap")
    assert re.fullmatch(r"\d+ ms pass", gap)
    assert f"({gap})" in figure.text


def test_seconds_and_other_lanes():
    steps = [
        {"t": 0.0, "from": "b", "to": "d", "role": "wire", "text": "x" * 200, "detail": ""},
        {"t": 12.5, "event": "gone " * 30, "at": "b", "role": "app"},
    ]
    figure = drawing.sequence(steps, title="Four", lanes=("a", "b", "c", "d"))
    assert Tree(figure.html).texts("al-lanes")[0].split() == ["a", "b", "c", "d"]
    assert "12.50 s" in figure.text
    assert "12.50 s pass" in figure.text
    assert "120 more, 200 characters in all" in figure.text


# -- the Gantt chart ---------------------------------------------------------------------------


def test_bars_stand_where_their_times_are():
    figure = blocked(2)
    positions = [v for v in Tree(figure.html).values("style") if "--e" in v]
    assert positions == ["--s:0;--e:0", "--s:0;--e:50", "--s:0;--e:50", "--s:50;--e:100",
                         "--s:0;--e:100"]  # fmt: skip
    assert "client 1: queue 0 µs to 200 ms, block 200 ms to 400 ms" in Tree(figure.html).texts(
        "al-word"
    )
    assert "client 1  |........................xxxxxxxxxxxxxxxxxxxxxxxx|" in figure.text
    assert "total 400 ms   . asked, not yet served   x blocks the loop" in figure.text


def test_words_of_the_legend_can_be_others():
    assert Tree(crowd().html).texts("al-legend") == ["asked, answered at the end"]


def test_many_lanes_are_cut_and_counted():
    figure = drawing.gantt([(str(n), [(0, 1, "run")]) for n in range(62)], title="Many")
    assert len(re.findall('<li class="al-lane', figure.html)) == 60
    assert "… 2 more lanes, not drawn" in figure.html
    assert "… 2 more lanes, not drawn" in figure.text


@pytest.mark.parametrize(
    ("total", "labels"),
    [
        (0.0, ["0", "1 s"]),
        (1.2, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0", "1.2 s"]),
        (0.035, ["0", "5", "10", "15", "20", "25", "30", "35 ms"]),
        (40, ["0", "10", "20", "30", "40 s"]),
        (0.00042, ["0.0", "0.1", "0.2", "0.3", "0.4 ms"]),
        (0.00004, ["0", "10", "20", "30", "40 µs"]),
    ],
)
def test_the_axis_counts_in_round_steps(total, labels):
    figure = drawing.gantt([("one", [(0, total, "bad")])], title="Axis")
    assert re.findall(r"<time[^>]*>([^<]*)</time>", figure.html) == labels


def test_no_lanes_at_all():
    figure = drawing.gantt([], title="Nothing")
    Tree(figure.html)
    assert "total 0 µs" in figure.text


# -- the chart ---------------------------------------------------------------------------------


def paths(figure: drawing.Figure) -> list[str]:
    """The lines themselves, without the samples of the legend."""
    return [values["d"] for tag, values in Tree(figure.html).tags if "d" in values][: len(LINES)]


LINES = {"a": [(0, 0), (1, 4), (3, 2), (4, 2)], "b": [(4, 1), (2, 3)]}


def test_a_line_goes_level_and_then_up_or_down():
    figure = drawing.chart(LINES, title="Two", unit="MB")
    assert paths(figure) == ["M0 400H150V0H450V200H600V200", "M300 100H600V300"]
    tree = Tree(figure.html)
    assert [v for v in tree.values("style") if "--s" in v and "--v" in v] == [
        "--s:100;--v:50",
        "--s:100;--v:25",
    ]
    assert "--tick:25;--grid:25" in tree.values("style")
    assert tree.texts("al-scale") == ["01234"]
    assert tree.texts("al-unit") == ["MB"]


def test_each_line_is_said_in_words():
    said = [
        "0 MB at 0 µs, most 4 at 1.00 s, 2 at 4.00 s, the end",
        "3 MB at 2.00 s, most 3 at 2.00 s, 1 at 4.00 s, the end",
    ]
    for apart in (False, True):
        figure = drawing.chart(LINES, title="Two", unit="MB", apart=apart)
        assert Tree(figure.html).texts("al-off-screen") == [f": {text}" for text in said]
        assert all(
            f"{name}: {text}\n" in figure.text for name, text in zip(LINES, said, strict=True)
        )


def test_a_line_in_text_lies_between_its_first_and_its_last_point():
    rows = drawing.chart(LINES, title="Two", unit="MB").text.split("\n\n")
    a, b = ([row[2:] for row in block.splitlines()[1:]] for block in rows[1:])
    assert a == [
        f"|{' ' * 12}{'#' * 24}{' ' * 12}|",
        f"|{' ' * 12}{'#' * 24}{' ' * 12}|",
        f"|{' ' * 12}{'#' * 36}|",
        f"|{' ' * 12}{'#' * 36}|",
        f"|{' ' * 12}{'#' * 36}|",
        f" 0{' ' * 45}4 s",
    ]
    assert b[0] == f"|{' ' * 48}|"
    assert b[1] == f"|{' ' * 24}{'#' * 24}|"


def test_up_to_four_lines_differ_in_stroke_and_mark():
    figure = drawing.chart({str(n): [(0, n)] for n in range(4)}, title="Four", unit="x")
    tree = Tree(figure.html)
    assert [len(tree.texts(f"al-n{n}")) for n in (1, 2, 3, 4)] == [3, 3, 3, 3]
    css = drawing.STYLE
    assert all(f".al-n{n} path {{" in css.replace("{", " {") for n in (2, 3, 4))


def test_more_lines_get_a_strip_each_and_as_many_as_are_wanted():
    assert "al-strips" not in buffers().html
    assert "al-strips" in buffers(apart=True).html
    tree = Tree(queues().html)
    assert [text.split(" ≤")[0] for text in tree.texts("al-word")] == [
        f"client {n}" for n in range(6)
    ]
    assert len(tree.texts("al-plot")) == 6


def test_a_limit_is_drawn_across_and_named():
    tree = Tree(queues(1).html)
    assert tree.texts("al-legend") == [
        "client 0 ≤ 1: 0 messages at 0 µs, most 1 at 1.50 s, 0 at 5.00 s, the endlimit 64 messages"
    ]
    assert "--v:80" in tree.values("style")  # 64 of an axis that ends at 80
    assert Tree(queues().html).texts("al-legend") == ["limit 64 messages"]
    assert queues().text.count("-" * 48) == 6
    full = drawing.chart({"one": [(0, 4), (3, 1), (4, 1)]}, title="F", unit="x", limit=4).text
    assert full.splitlines()[3] == f"4 |{'#' * 36}{'-' * 12}|"
    assert "---- limit 64 messages" in queues().text
    assert "limit" not in buffers().html + buffers().text


def test_many_points_cost_little_and_lose_no_peak():
    points = [(n / 10_000, 0 if n != 5_003 else 7) for n in range(10_001)]
    figure = drawing.chart({"spike": points}, title="Spike", unit="x")
    assert len(figure.html) < 10_000
    (path,) = paths(figure)[:1]
    assert "V50V400" in path  # 7 of an axis that ends at 8
    assert figure.text.splitlines()[3].count("#") == 1


def test_points_in_any_order_and_lines_without_any():
    mixed = drawing.chart({"b": [(2, 1), (0, 3), (1, 2)], "none": []}, title="M", unit="x")
    assert "3 x at 0 µs, most 3 at 0 µs, 1 at 2.00 s, the end" in mixed.text
    assert "none: nothing" in mixed.text
    assert drawing.chart({}, title="Nothing", unit="x").text == "Nothing"


def test_many_lines_are_cut_and_counted():
    figure = drawing.chart({str(n): [(0, 1)] for n in range(26)}, title="Many", unit="x")
    assert len(Tree(figure.html).texts("al-word")) == 24
    assert "… 2 more lines, not drawn" in figure.html
    assert "… 2 more lines, not drawn" in figure.text


@pytest.mark.parametrize("point", [(-0.1, 1), (1, -2), (float("nan"), 1), (1, float("inf"))])
def test_what_is_below_zero_has_no_place(point):
    with pytest.raises(ValueError, match=r"a chart goes from 0 upwards, and 'depth' has the point"):
        drawing.chart({"depth": [(0, 1), point]}, title="Below", unit="x")


@pytest.mark.parametrize(
    ("most", "written"),
    [
        (1, "00.51"),
        (3.7, "01234"),
        (64, "020406080"),
        (1200, "05001,0001,500"),
        (0.034, "00.010.020.030.04"),
    ],
)
def test_the_scale_counts_in_round_steps(most, written):
    figure = drawing.chart({"one": [(0, most)]}, title="Scale", unit="x")
    assert Tree(figure.html).texts("al-scale") == [written]


@given(hostile_text, hostile_text)
def test_hostile_names_are_harmless(name, unit):
    for apart in (False, True):
        figure = drawing.chart({name: [(0, 1)]}, title=name, unit=unit, limit=2, apart=apart)
        known = "figure div p ol li span svg path b i time figcaption code"
        assert {tag for tag, _ in Tree(figure.html).tags} <= set(known.split())
        figure.html.encode("utf-8")
        figure.text.encode("utf-8")


# -- a grid -------------------------------------------------------------------------------------


def test_each_cell_says_its_verdict_and_opens_its_evidence():
    tree = Tree(verdicts("pass", "fail").html)
    assert tree.values("aria-label")[1::2] == ["H01, mild: pass", "H01, strict: fail"]
    assert tree.texts("al-evidence") == [
        "H01, mild: pass. was pass→ a← b",
        "H01, strict: fail. was fail→ a← b",
    ]
    assert [tag for tag, _ in tree.tags].count("details") == 2
    names = tree.values("name")
    assert len(names) == 2
    assert len({*names}) == 1  # one at a time is open
    assert {*Tree(verdicts("pass", "fail", title="Another").html).values("name")} != {*names}


def test_a_cell_may_lead_to_its_evidence_on_another_page():
    cell = {"verdict": "differs", "said": 'it "is"', "href": "there.html#it"}
    row = {"id": "C01", "text": "One.", "url": "https://x/", "cells": [cell]}
    figure = drawing.grid([("mild", "")], [row], title="Grid")
    assert "details" not in figure.html
    found = [values for tag, values in Tree(figure.html).tags if values.get("href") == cell["href"]]
    assert found == [
        {"class": "al-cell al-differs", "href": "there.html#it"}
        | {"aria-label": "C01, mild: differs", "title": 'it "is"'}
    ]


def test_verdicts_are_counted_and_told_apart_by_their_signs():
    figure = verdicts("pass", "fail", "differs", "not-applicable", "undecided", "pass")
    counts = ["✓2 pass", "✕1 fail", "≠1 differs", "–1 not applicable", "?1 undecided"]
    assert Tree(figure.html).texts("al-verdicts") == ["".join(counts)]
    assert len({sign for sign, _ in drawing.grids.SIGNS.values()}) == len(drawing.grids.SIGNS)
    text = figure.text.splitlines()
    assert text[2:4] == ["      mild     strict", "      1.0      2.1 h11"]
    assert text[4:7] == ["H01   pass     fail", "H02   differs  -", "H03   ?        pass"]
    assert "3 statements: 2 pass, 1 fail, 1 differs, 1 not applicable, 1 undecided" in text
    assert "H02 strict not applicable: was not-applicable" in text
    assert "was pass" not in figure.text


def test_long_evidence_is_cut_and_counted():
    cell = {"verdict": "pass", "said": "", "lines": ["x" * 500, *map(str, range(45))]}
    row = {"id": "C01", "text": "One.", "url": "https://x/", "cells": [cell]}
    shown = Tree(drawing.grid([("mild", "")], [row], title="Grid").html).texts("al-evidence")[0]
    assert "x" * 400 + " … 100 more, 500 characters in all" in shown
    assert shown.endswith("3738… 6 more, 46 lines in all")


@given(hostile_text, hostile_text)
def test_hostile_evidence_is_harmless(name, said):
    cell = {"verdict": "fail", "said": said, "lines": [said, name]}
    row = {"id": name, "text": said, "url": "https://x/", "cells": [cell, {**cell, "href": "y"}]}
    figure = drawing.grid([(name, said), ("b", "")], [row], title=name)
    known = "figure table thead tbody tr th td small a details summary b div p pre code ul li"
    assert {tag for tag, _ in Tree(figure.html).tags} <= {*known.split(), "figcaption"}
    figure.html.encode("utf-8")
    figure.text.encode("utf-8")


# -- a frame -----------------------------------------------------------------------------------


def rows_of(figure: drawing.Figure) -> list[tuple[int, str]]:
    """The column in which each row begins, and its bits."""
    rows = re.findall(r'--at:(\d+)".*?aria-hidden="true">(.*?)</span>', figure.html)
    return [(int(at), re.sub(r"<[^>]+>", "", cells)) for at, cells in rows]


def test_bits_stand_in_their_columns():
    rows = rows_of(bits_of(0))
    assert [at for at, _ in rows[:5]] == [1, 2, 5, 1, 2]
    assert "".join(bits for _, bits in rows[:5]) == "1000000110000010"
    data = load("websocket")["frames"][0][0]
    assert "".join(bits for _, bits in rows) == "".join(f"{byte:08b}" for byte in data)


def test_a_field_has_a_name_and_words_and_its_bytes_have_notes():
    figure = bits_of(0)
    tree = Tree(figure.html)
    names = ["FIN", "RSV", "opcode", "MASK", "length", "key", "payload"]
    assert re.findall(r"<b>(\w+)<", figure.html) == names
    assert tree.texts("al-words")[1:3] == ["no extension", "1: text"]
    data = load("websocket")["frames"][0][0]
    assert f"payload  {data[6]:02x} ^ {data[2]:02x} = 68 h" in figure.text
    assert "   0  1         FIN      the last frame of its message" in figure.text
    assert "       000      RSV      no extension" in figure.text
    assert f"{data[2]:08b}  key      {data[2]:02x}" in figure.text


def test_a_long_field_is_cut_and_counted():
    figure = bits_of(4)
    assert "… 292 more, 300 bytes in all" in figure.html
    assert "… 292 more, 300 bytes in all" in figure.text
    assert "126: the next 2 bytes say it" in figure.text
    assert len(rows_of(figure)) == 5 + 2 + 8


def test_a_frame_without_fields():
    assert drawing.frame(b"", [], title="Nothing").text == "Nothing\n\nbyte  bits"


# -- exchanges ---------------------------------------------------------------------------------


def test_a_reply_shows_every_answer_and_how_it_ended():
    figure = FIGURES["reply"]()
    tree = Tree(figure.html)
    assert tree.texts("al-status") == ["HTTP/1.1 200 OK"] * 2
    assert tree.texts("al-body") == ["hello\n"] * 2
    assert "complete: the whole answer is here" in figure.html
    assert figure.text.count("HTTP/1.1 200 OK\nserver: uvicorn\ncontent-length: 6\n\nhello") == 2
    assert figure.text.endswith(f"({len(GET)} bytes in 2.00 ms)")


def test_without_an_answer_the_bytes_are_shown():
    assert r"HTTP/1.1 200 OK\r\nx" in FIGURES["silent"]().text
    assert "no byte came back" in FIGURES["closed"]().text
    assert "no byte came back" in FIGURES["closed"]().html


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a\rb", "\u202eabc".encode(), b"\x00"])
def test_a_body_that_is_no_plain_text_is_spelled(body):
    figure = drawing.reply(GET, b"x", [("HTTP/1.1 200", [], body)], "complete", 1)
    assert markup.spell(body) in figure.text
    assert Tree(figure.html).texts("al-body") == [markup.spell(body)]


def test_long_bodies_are_cut():
    long = [("HTTP/1.1 200 OK", [(b"a", b"b" * 999)], b"x" * 5000), (*OK[:2], b"\xff" * 5000)]
    figure = drawing.reply(GET, b"x", long, "reset", 1)
    for words in ("3,800 more, 5,000 characters", "4,760 more, 5,000 bytes", "839 more, 999"):
        assert words in figure.html
        assert words in figure.text


def test_an_answer_without_a_body():
    figure = drawing.reply(GET, b"x", [(b"HTTP/1.1 204 No Content", [], b"")], "complete", 1)
    assert Tree(figure.html).texts("al-body") == []


def test_a_line_tells_both_directions():
    figure = one_line()
    assert [t[:2] for t in Tree(figure.html).texts("al-way")] == ["se", "re", "en"]
    assert r"500 ms  <- received  \x81\x02HI" in figure.text
    assert figure.text.endswith(f"sent {len(GET)} bytes, received 4 bytes")
    assert drawing.line([]).text == "no byte yet\nsent 0 bytes, received 0 bytes"


def test_a_call_links_the_keys_of_its_scope():
    figure = one_call()
    tree = Tree(figure.html)
    links = [values for tag, values in tree.tags if tag == "a"]
    assert links == [
        {
            "class": "al-k",
            "href": "https://example.org/#path",
            "title": 'H06: The "path", decoded',
        }
    ]
    assert '"path": "/é"   [H06]' in figure.text
    assert "raises RuntimeError: too early" in figure.text
    assert figure.text.endswith("the app raised RuntimeError: too early after 2.00 ms")


def test_a_long_list_in_a_scope_has_a_line_for_each_pair():
    headers = [(b"accept", b"text/html"), (b"host", b"127.0.0.1:8000"), (b"te", b"trailers")]
    links = {"headers": ("H11", "https://example.org/", "pairs of bytes")}
    for figure in (
        drawing.call({"headers": headers}, [], "returned", None, 1, links),
        drawing.call({"headers": headers}, [], "returned", None, 1),
    ):
        lines = Tree(figure.html).texts("al-v")
        assert lines == [
            '[(b"accept", b"text/html"),',
            ' (b"host", b"127.0.0.1:8000"),',
            ' (b"te", b"trailers")]',
        ]
        assert '\n     (b"te", b"trailers")]\n' in figure.text


def test_a_call_that_waits_has_no_end():
    figure = drawing.call({}, [], "waiting", None, None)
    assert figure.text.endswith("the app is still waiting")
    assert "al-r-error" not in figure.html


# -- cards -------------------------------------------------------------------------------------


def test_a_card_is_a_record_without_link_or_frame():
    figure = site_card()
    tree = Tree(figure.html)
    assert not tree.values("href") + tree.values("src")
    assert tree.values("data-al-link") == ["http://127.0.0.1:8000/"]
    assert tree.values("data-al-preview") == ["/"]
    assert tree.texts("al-state") == ["recorded"]
    assert figure.text.startswith("greet: running at http://127.0.0.1:8000/")


def test_a_card_without_an_address_stays_recorded():
    assert not Tree(site_card(link=None, preview=None).html).values("data-al-link")


def test_a_stopped_card_promises_nothing():
    figure = drawing.card("greet", "stopped", [], link="http://127.0.0.1:1/")
    assert "data-al" not in figure.html
    assert figure.text == "greet: stopped"


def test_a_long_log_shows_its_end():
    figure = site_card(log=[f"line {n}" for n in range(23)])
    assert "23 lines in the log" in figure.html
    assert "… 3 earlier lines" in figure.html
    assert "line 2<" not in figure.html
    assert "line 22<" in figure.html


def test_a_verdict_is_a_word_a_sentence_and_folded_hints():
    figure = one_verdict()
    tree = Tree(figure.html)
    assert tree.texts("al-said") == ["not yet 2.1 echo The body is b''."]
    assert [tag for tag, values in tree.tags if tag == "details" and "open" in values] == []
    assert figure.html.count("<details>") == 2
    assert figure.text.startswith("not yet: 2.1 echo: The body is `b''`.\n  hint 1: Look at")
    assert "the app is called" in figure.text
    assert FIGURES["pass"]().text == "pass: 1.1 raw: Two answers came."


def test_a_verdict_begins_with_a_capital_unless_with_code():
    for sentence, begins in [("two", "Two"), ("to_path(1)", "to_path(1)"), ("f(1)", "f(1)")]:
        html = drawing.verdict(False, "1.1", f"{sentence} gives nothing").html
        assert f"{begins} gives" in html


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("RuntimeError: no", True),
        ("asgilive.serving.StartupFailed: no", True),
        ("KeyError", True),
        ("nothing was recorded: ask", False),
        ("2.1: no", False),
    ],
)
def test_a_failure_is_one_line_and_knows_an_error(text, error):
    figure = drawing.failure(text + "\n  more")
    assert figure.text == text + " more"
    assert ("al-r-error" in figure.html) == (error and ":" in text)


def test_a_statement_says_who_must_do_what():
    figure = FIGURES["statement"]()
    assert figure.text == "H31  It `must`.\n     must, server, since 2.0: https://x/"
    assert drawing.statement("X", "new level", "app", "2", "t", "u").text.count("new level") == 1


def test_a_table_sets_numbers_to_the_right():
    figure = one_table()
    tree = Tree(figure.html)
    assert tree.texts("al-number") == ["must", "1,200", "3"]
    assert figure.text.splitlines()[2:] == [
        "part  bytes     must",
        "----  -------  -----",
        'C     b"GET"   1,200',
        'H     b"\\x00"      3',
    ]
    assert drawing.table(["a"], [], title="Empty").text == "Empty\n\na\n-"


# -- in a real browser -------------------------------------------------------------------------

pages = [pytest.mark.pages, pytest.mark.timeout(300)]
SHAPE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>{0}</style>{1}<body><main><h1>Figures</h1>{2}</main>{3}</body></html>"""
PAPER = """
html { color-scheme: light dark }
html[data-theme=dark] { color-scheme: dark } html[data-theme=light] { color-scheme: light }
body { margin: 10px; background: light-dark(#fdfdfb, #14171a); color: CanvasText }
"""


def page(figures: str, script: str = "") -> str:
    return SHAPE.format(PAPER, drawing.STYLE, figures, script)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    there = tmp_path_factory.mktemp("figures")
    figures = "\n".join(draw().html for draw in FIGURES.values())
    (there / "all.html").write_text(page(figures), "utf-8")
    (there / "wire.html").write_text(page(wire("post").html), "utf-8")
    return there


@pytest.fixture(scope="module")
def chrome():
    if missing := b.missing(b.wanted_browser()):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"not here: {missing}")
    with b.browser(b.wanted_browser()) as started:
        yield started


@pytest.fixture(scope="module")
def base(folder):
    with b.served(folder) as address:
        yield address


class TestPages:
    pytestmark = pages

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [320, 780])
    def test_figures_fit_and_can_be_read_by_all(self, chrome, base, width, scheme):
        chrome.open(base + "all.html", width=width, scheme=scheme)
        chrome.ask("document.querySelectorAll('details').forEach(d => { d.open = true })")
        over = chrome.ask(
            "return [...document.querySelectorAll('main *')].filter(e => "
            "e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.al-scroll') "
            "&& !e.matches('.al-off-screen')).map(e => e.outerHTML.slice(0, 120))"
        )
        assert over == []
        assert chrome.ask("return document.documentElement.scrollWidth <= innerWidth")
        assert chrome.axe() == []
        assert chrome.complaints() == []

    @pytest.mark.parametrize("width", [320, 780])
    def test_pointing_at_bytes_lights_the_message_and_back(self, chrome, base, width):
        dark = self.opened(chrome, base + "wire.html", width)
        for side in (".al-bytes", ".al-keys"):
            self.point(chrome, f".al-pair:nth-of-type(2) {side}")
            bright = self.lit(chrome)
            assert bright["bytes"] != dark["bytes"], side
            assert bright["keys"] != dark["keys"], side
            assert bright["other"] == dark["other"], side

    def test_pointing_at_a_message_lights_all_its_bytes(self, chrome, base):
        dark = self.opened(chrome, base + "wire.html")
        self.point(chrome, ".al-r-scope > .al-head")
        bright = self.lit(chrome)
        assert bright["bytes"] != dark["bytes"]
        assert bright["first"] != dark["first"]
        assert bright["other"] == dark["other"]

    def test_the_keyboard_has_one_stop_and_arrows_inside(self, chrome, base):
        dark = self.opened(chrome, base + "wire.html")
        chrome.press("\ue004", " ")  # Tab
        assert chrome.ask("return document.activeElement.matches('.al-no input')")
        chrome.press("\ue015")  # arrow down
        bright = self.lit(chrome)
        assert bright["bytes"] != dark["bytes"]
        assert bright["keys"] != dark["keys"]
        chrome.press("\ue004")
        assert not chrome.ask("return document.activeElement.matches('.al-no input')")

    def opened(self, chrome, address, width=780):
        """What is lit when nothing is pointed at."""
        chrome.open(address, width=width)
        self.point(chrome, "h1")
        return self.lit(chrome)

    def lit(self, chrome):
        return chrome.ask(
            "const now = (s) => getComputedStyle(document.querySelector(s)).backgroundColor;"
            "const pair = '.al-r-scope .al-pair:nth-of-type(2) ';"
            "return {bytes: now(pair + '.al-bytes'), keys: now(pair + '.al-keys'),"
            " first: now('.al-r-scope .al-pair .al-keys'), other: now('.al-out .al-keys')}"
        )

    def point(self, chrome, selector):
        element = chrome.find(selector)
        chrome.ask("arguments[0].scrollIntoView({block: 'center'})", element)
        b.ActionChains(chrome.driver).move_to_element(element).perform()

    def test_a_card_comes_alive_only_where_something_answers(self, chrome, folder, base):
        figures = site_card(link=base, preview="/wire.html").html
        figures += site_card(link="http://127.0.0.1:9/").html
        (folder / "cards.html").write_text(page(figures, drawing.SCRIPT), "utf-8")
        chrome.open(base + "cards.html", width=780)
        chrome.until("return document.querySelector('.al-running') !== null")
        assert chrome.ask("return document.querySelectorAll('.al-running').length") == 1
        assert chrome.ask("return document.querySelectorAll('.al-recorded').length") == 1
        assert chrome.ask("return [...document.querySelectorAll('.al-site a')].map(a => a.href)")
        frame = chrome.find(".al-site iframe")
        assert frame.get_attribute("sandbox") == "allow-scripts allow-forms"
        assert frame.get_attribute("src") == base + "wire.html"
        assert chrome.axe() == []

    @pytest.mark.parametrize("near", [True, False], ids=["the page's own", "another"])
    def test_a_framed_page_has_its_origin_if_that_is_another(self, chrome, folder, base, near):
        """A hub serves both from one origin: there the frame has none. Else it may ask its site."""
        (folder / "asks.html").write_text(
            "<!doctype html><title>asks</title><script>document.title = origin;"
            "fetch('all.html').then(() => { document.title = 'answered' })</script>"
        )
        with b.served(folder) as other:
            link = base if near else other
            figure = site_card(link=link, preview="/asks.html").html
            name = f"asking-{near}.html"  # a page of the same name would come from the cache
            (folder / name).write_text(page(figure, drawing.SCRIPT), "utf-8")
            chrome.open(base + name, width=780)
            chrome.driver.switch_to.frame(chrome.until("return document.querySelector('iframe')"))
            title = "null" if near else "answered"
            chrome.until("return document.title === arguments[0]", title)
            chrome.driver.switch_to.default_content()
