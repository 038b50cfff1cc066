"""The cells of the built pages, under a reader's hand: run, edit, reset, stop.

Here Python is played by `data/fake_python.js`, which answers at once with what a test lays out: the
page's own behaviour is what is looked at.  Every test has an origin, and so a storage, of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser as b
import pytest
from bs4 import BeautifulSoup
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from test_pages import BUILT, CHAPTERS, CSS_JS, focus, tab_to, there, too_wide

pytestmark = [pytest.mark.pages, pytest.mark.timeout(300)]

FAKE = Path(__file__).parent / "data" / "fake_python.js"
LIVE_JS = 20_000  # bytes, as a plain host sends them, before the first Run; design.md
PAGE = CHAPTERS[0]


# ---- what the tests stand on ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built book, with another Python in it."""
    built = BUILT / "_static" / "live" / "live.js"
    there("" if built.is_file() else f"a runtime in {BUILT}: python3 start.py build makes it")
    copy = tmp_path_factory.mktemp("live") / "book"
    heavy = shutil.ignore_patterns("*.gz", "*.wasm", "file.js", "docs", "_sources")
    shutil.copytree(BUILT, copy, ignore=heavy)
    shutil.copy(FAKE, copy / "_static" / "live" / "python.js")
    for name in ("sites.js", "output.js"):  # which python.js brings along
        shutil.copy(b.ROOT / "asgilive" / "browser" / "page" / name, copy / "_static" / "live")
    return copy


@pytest.fixture(scope="module")
def window() -> Iterator[b.Browser]:
    there(b.missing(b.wanted_browser()))
    with b.browser(b.wanted_browser()) as started:
        yield started


@pytest.fixture
def live(window: b.Browser, folder: Path) -> Iterator[Live]:
    with b.served(folder) as address:
        yield Live(window, address, folder)
        if window.name == "chromium":
            assert window.complaints() == []


class Live:
    """A page with cells, and a reader before it."""

    def __init__(self, page: b.Browser, address: str, folder: Path) -> None:
        self.page, self.address, self.folder = page, address, folder

    def open(self, name: str = PAGE, *, width: int = 1200, scheme: str = "light") -> None:
        self.page.open(self.address + name, width=width, scheme=scheme)
        self.page.until("return document.querySelector('[data-run] > .al-bar .al-first')")

    def fake(self, answers: dict[str, list[dict[str, Any]]] | None = None, **more: Any) -> None:
        """Lay out what Python will answer."""
        self.page.ask("window.fake = arguments[0]", {"answers": answers or {}, **more})

    def size(self) -> str:
        """What the first Run loads, as the page has it, in MB."""
        return self.page.find("[data-live]").get_attribute("data-live-size")

    def at(self, number: int, selector: str = "") -> str:
        """A selector inside a cell."""
        return f'[data-cell="{number}"] {selector}'.strip()

    def press(self, number: int, name: str) -> None:
        """Press a button of a cell, known by its words."""
        pressed = self.page.ask(
            "const [cell, name] = arguments;"
            "const found = [...document.querySelectorAll(cell + ' button')]"
            ".find(e => e.textContent === name && e.checkVisibility());"
            "found?.click(); return Boolean(found);",
            self.at(number),
            name,
        )
        assert pressed, f"cell {number} has no button {name!r}"

    def buttons(self, number: int) -> list[str]:
        """The words of the buttons that a reader sees in a cell's bar."""
        return self.page.ask(
            "return [...document.querySelectorAll(arguments[0] + ' button')]"
            ".filter(e => e.checkVisibility()).map(e => e.textContent)",
            self.at(number, "> .al-bar"),
        )

    def state(self, number: int) -> str:
        return self.page.ask(
            "return document.querySelector(arguments[0]).textContent",
            self.at(number, "> .al-bar > .al-state"),
        )

    def becomes(self, number: int, *words: str) -> None:
        """Wait until a cell's state begins with one of these words."""
        self.page.until(
            "return arguments[1].some(words => "
            "document.querySelector(arguments[0]).textContent.startsWith(words))",
            self.at(number, "> .al-bar > .al-state"),
            words,
        )

    def run(self, number: int, *words: str) -> None:
        self.press(number, "Run")
        self.becomes(number, *(words or ("ran here",)))

    def output(self, number: int) -> str:
        """What stands below a cell, as a reader sees it."""
        return self.page.ask(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(e => e.checkVisibility()).map(e => e.innerText.trim()).join(' | ')",
            self.at(number, "> .cell_output"),
        )

    def code(self, number: int) -> str:
        """The code that a reader sees."""
        return self.page.ask(
            "const box = document.querySelector(arguments[0] + ' .cell_input');"
            "const lines = [...box.querySelectorAll('.cm-line')];"
            "return lines.length ? lines.map(line => line.textContent).join('\\n')"
            " : [...box.querySelectorAll('pre')].find(e => !e.hidden).textContent.trimEnd();",
            self.at(number),
        )

    def asked(self) -> Any:
        return self.page.ask("return window.asked ?? {starts: [], runs: [], stops: 0}")

    def ran(self) -> list[int]:
        """The numbers of the cells Python was asked to run, in order."""
        return [run["number"] for run in self.asked()["runs"]]

    def edit(self, number: int) -> None:
        """Open the editor of a cell with its button."""
        self.press(number, "Edit")
        self.page.until(
            "return document.activeElement?.closest(arguments[0]) !== null"
            " && document.activeElement.matches('.cm-content')",
            self.at(number),
        )

    def said(self) -> str:
        """What a screen reader was told last."""
        return self.page.ask(
            "return document.querySelector('[role=status].al-off-screen').innerText"
        )


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: str) -> dict[str, Any]:
    kinds = {"html": "text/html", "plain": "text/plain", "svg": "image/svg+xml"}
    return {
        "output_type": "display_data",
        "data": {kinds[kind]: text for kind, text in data.items()},
    }


def error(name: str, *frames: dict[str, Any]) -> dict[str, Any]:
    return {
        "output_type": "error",
        "ename": name,
        "evalue": "name 'gone' is not defined",
        "frames": list(frames),
        "traceback": ["Traceback (most recent call last):", "  …", f"{name}: name 'gone'"],
    }


def frame(number: int | None, line: int, text: str = "gone", file: str = "") -> dict[str, Any]:
    cell = f"cell-{number}" if number else None
    return {"cell": cell, "number": number, "line": line, "file": file, "name": "f", "text": text}


CARD = """<section class="al al-fig al-sites" aria-label="Site greet"><div class="al-site"
 data-al-link="{link}" data-al-preview="/"><div class="al-site-about"><p class="al-site-name">
<b>greet</b><span class="al-state al-recorded" role="status">recorded</span></p>
<dl><dt>at</dt><dd>http://127.0.0.1:8000</dd></dl></div></div></section>"""


# ---- before anything is pressed ------------------------------------------------------------------


def test_before_the_first_run_only_the_buttons_are_loaded(live: Live) -> None:
    live.open()
    live.page.until("return document.fonts.status === 'loaded'")
    asked = live.page.settled()
    inside = {url.partition("_static/live/")[2] for url in asked if "_static/live/" in url}
    assert "live.js" in inside
    assert not inside & {"python.js", "editor.js", "worker.js", "preview.js"}
    loaded = [live.folder / "_static" / "live" / name for name in inside]
    assert sum(file.stat().st_size for file in loaded) <= LIVE_JS
    assert b.weigh(PAGE, live.folder, live.address, asked).css_js <= CSS_JS


def test_what_a_cell_shows_at_first(live: Live) -> None:
    live.open()
    assert live.buttons(1) == ["Run", "Edit"]
    assert live.buttons(2) == ["Run", "Edit", "Run all above"]
    assert live.state(2) == "recorded output"
    cost = f"the first Run loads {live.size()} MB"
    assert cost in live.page.find(live.at(1, "> .al-bar")).text
    assert live.page.find(live.at(9, ".al-first")).get_attribute("aria-description") == cost
    assert live.buttons(14) == [], "a tagged cell has buttons"
    assert live.buttons(7) == ["Run", "Edit", "Run all above"], "no output, and no buttons"
    assert live.state(7) == ""


def test_nothing_moves_when_the_buttons_come(window: b.Browser, live: Live) -> None:
    heights = "return [...document.querySelectorAll('.al-cellbox')].map(e => e.offsetHeight)"
    for width in (320, 1200):
        live.open(width=width)
        with_buttons = window.ask(heights)
        window.ask("for (const e of document.querySelectorAll('.al-bar .al-btn')) e.remove()")
        assert window.ask("return document.querySelectorAll('.al-bar .al-btn').length") == 0
        before = window.ask(heights)
        rows = [a - b for a, b in zip(with_buttons, before, strict=True)]
        assert max(rows) <= (44 if width == 320 else 0), rows  # a phone wraps the rarer words


def test_a_page_without_runtime_is_as_it_was(live: Live, tmp_path: Path) -> None:
    copy = tmp_path / "plain"
    shutil.copytree(live.folder, copy)
    file = copy / PAGE
    file.write_text(file.read_text("utf-8").replace("data-live=", "data-was="), "utf-8")
    with b.served(copy) as address:
        live.page.open(address + PAGE)
        live.page.until("return document.readyState === 'complete'")
        assert live.page.ask("return document.querySelectorAll('.al-cellbox button').length") == 0
        bar = live.page.find(live.at(2, "> .al-bar"))
        assert bar.text == "recorded output"
        assert not live.page.find(live.at(7, "> .al-bar")).is_displayed(), "an empty bar"


def test_a_browser_without_webassembly_is_told_once(live: Live) -> None:
    if live.page.name == "firefox":
        pytest.skip("Firefox' driver runs no script before the page's own")
    hide = {"source": "delete globalThis.WebAssembly;"}
    driver = live.page.driver
    added = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", hide)
    try:
        live.page.open(live.address + PAGE)
        live.page.until("return document.querySelector('.al-live-note')")
        (note,) = driver.find_elements("css selector", ".al-live-note")
        assert "it has no WebAssembly" in note.text
        assert "python3 start.py" in note.text
        assert live.page.ask("return document.querySelectorAll('.al-cellbox button').length") == 0
        assert live.page.axe() == []
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


# ---- running -------------------------------------------------------------------------------------


def test_run_shows_what_came_and_reset_what_was_recorded(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [stream("fresh\n"), {"took": 34}]})
    recorded = live.output(4)
    live.run(4)
    assert live.output(4) == "fresh"
    assert live.state(4) == "ran here in 34 ms"
    assert live.said() == "Cell 4 ran here in 34 ms."
    assert live.state(2) == "recorded output"
    live.press(4, "Reset")
    assert live.output(4) == recorded
    assert live.state(4) == "recorded output"
    assert "Reset" not in live.buttons(4)


def test_python_gets_the_cell_and_the_page(live: Live) -> None:
    live.open()
    live.run(4)
    live.run(4)
    asked = live.asked()
    (start,) = asked["starts"]
    assert start["base"] == f"{live.address}_static/live/"
    assert len(start["tab"]) >= 6
    assert start["progress"] == ""
    assert asked["runs"] == [{"id": "cell-4", "number": 4, "code": "broken.log"}] * 2


@pytest.mark.parametrize(("ms", "words"), [(0.4, "0 ms"), (999, "999 ms"), (1234, "1.2 s")])
def test_times_are_short(live: Live, ms: float, words: str) -> None:
    live.open()
    live.fake({"*": [{"took": ms}]})
    live.run(4)
    assert live.state(4) == f"ran here in {words}"


def test_loading_says_how_far_it_is(live: Live) -> None:
    live.open()
    live.fake(loading=True)
    live.run(4, "loading Python, 4.1 of 11.0 MB")
    bar = live.page.find(live.at(4, "progress"))
    assert (bar.get_attribute("value"), bar.get_attribute("max")) == ("4100000", "11000000")
    assert live.said() == f"Loading Python, {live.size()} MB."
    assert "Stop" in live.buttons(4)
    assert live.output(4), "the recorded output is gone while Python loads"
    live.run(2, "waiting for its turn")


def test_the_cost_is_said_until_it_was_paid(live: Live) -> None:
    live.open()
    assert live.page.find(".al-run-all").text.endswith(f"loads {live.size()} MB")
    live.run(4)
    words = f"return document.querySelector('main').innerText.includes('{live.size()} MB')"
    assert not live.page.ask(words)
    live.open()
    assert not live.page.ask(words), "the next page does not know"


def test_running_counts_and_the_old_output_gives_way(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [{"hang": True}]})
    tall = live.page.find(live.at(4, "> .cell_output")).size["height"]
    live.run(4, "running")
    live.page.until(
        "return / [1-9]\\.| 0\\.[2-9]/.test(document.querySelector(arguments[0]).textContent)",
        live.at(4, "> .al-bar > .al-state"),
    )
    live.page.until("return document.querySelector(arguments[0] + ' .al-given')", live.at(4))
    assert live.output(4) == ""
    given = live.page.find(live.at(4, "> .al-given"))
    assert given.size["height"] == pytest.approx(tall, abs=0.1), "the page below has moved"


def test_run_pressed_twice_runs_once(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [{"sleep": 200}]})
    live.press(4, "Run")
    live.press(6, "Run")
    for number in (4, 6):
        assert live.page.find(live.at(number, ".al-first")).get_attribute("aria-disabled") == "true"
        live.press(number, "Run")
    live.becomes(6, "ran here")
    live.run(2)
    assert live.ran() == [4, 6, 2]


def test_stop_takes_back_what_waits(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [{"hang": True}]})
    live.run(4, "running")
    live.run(6, "waiting")
    live.press(4, "Stop")
    live.becomes(4, "stopped")
    assert live.state(6) == "recorded output"
    assert live.ran() == [4]


def test_cells_run_in_the_order_in_which_they_were_asked(live: Live) -> None:
    live.open()
    live.fake({"cell-6": [{"sleep": 100}]})
    for number in (6, 4, 2):
        live.press(number, "Run")
    live.becomes(2, "ran here")
    assert live.ran() == [6, 4, 2]


def test_run_all_above_leaves_out_the_tagged_and_the_solutions(live: Live) -> None:
    live.open()
    live.press(26, "Run all above")
    live.becomes(24, "ran here")
    assert live.ran() == [n for n in range(1, 25) if n not in {14, 18, 21, 23}]
    live.page.until("return !document.querySelector('.al-run-all.al-stop')")
    assert live.said() == "20 cells ran."
    assert live.state(26) == "recorded output"


def test_the_first_failure_ends_the_row(live: Live) -> None:
    live.open()
    live.fake({"cell-3": [error("ValueError", frame(3, 1))]})
    live.press(6, "Run all above")
    live.becomes(3, "failed after 34 ms")
    assert live.ran() == [1, 2, 3]
    assert live.said() == "Cell 3 failed: ValueError."
    for number in (4, 5, 6):
        assert live.state(number) == "recorded output"


def test_run_all_runs_the_chapter_and_can_be_stopped(live: Live) -> None:
    live.open()
    live.fake({"cell-5": [{"hang": True}]})
    button = live.page.find(".al-run-all")
    button.click()
    live.becomes(5, "running")
    assert button.text.split("\n")[0].startswith("Stop")
    assert "5 of 22" in button.text
    button.click()
    live.becomes(5, "stopped")
    live.fake()
    live.page.until("return !document.querySelector('.al-run-all.al-stop')")
    button.click()
    live.becomes(28, "ran here")
    assert live.state(29) == "recorded output", "a solution ran with all"
    assert len(live.ran()) == 5 + 22


def test_stop_ends_python_and_says_what_is_gone(live: Live) -> None:
    live.open()
    live.fake({"cell-6": [stream("tick\n"), {"hang": True}], "cell-5": [error("ValueError")]})
    live.run(4)
    live.run(5, "failed")
    live.run(6, "running")
    live.press(2, "Run")
    live.press(6, "Stop")
    live.becomes(6, "stopped")
    assert "the next Run starts afresh" in live.page.find(live.at(6, ".al-note-below")).text
    assert live.output(6) == "tick", "what it printed is gone"
    assert live.state(4) == "ran before Python was stopped"
    assert live.state(5) == "failed before Python was stopped"
    assert live.state(2) == "recorded output"
    assert live.asked()["stops"] == 1
    assert "Names are gone" in live.said()
    live.run(4)
    assert len(live.asked()["starts"]) == 2
    assert live.asked()["starts"][0]["tab"] == live.asked()["starts"][1]["tab"]


def test_stop_while_python_loads(live: Live) -> None:
    live.open()
    live.fake(loading=True)
    live.run(4, "loading")
    recorded = live.output(4)
    live.press(4, "Stop")
    live.becomes(4, "stopped")
    assert live.output(4) == recorded
    live.fake()
    live.run(4)


def test_stop_gives_the_focus_back(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [{"hang": True}]})
    live.run(4, "running")
    live.page.ask("document.querySelector(arguments[0]).focus()", live.at(4, ".al-stop"))
    live.page.press(Keys.ENTER)
    live.becomes(4, "stopped")
    assert live.page.ask("return document.activeElement.ariaLabel") == "Run cell 4"


def test_python_that_does_not_come_says_why_and_can_be_tried_again(live: Live) -> None:
    live.open()
    live.fake(failing="The file python_stdlib.zip did not arrive whole.")
    live.press(4, "Run all above")
    live.becomes(1, "did not run")
    assert live.page.find(live.at(1, ".al-note-below")).text == (
        "The file python_stdlib.zip did not arrive whole."
    )
    assert "did not arrive whole" in live.said()
    assert live.state(2) == "recorded output"
    assert live.output(1)
    live.fake()
    live.run(1)
    assert not live.page.ask("return document.querySelector('.al-note-below')")


def test_name_error_offers_what_stands_above(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [error("NameError", frame(4, 1))]})
    live.run(4, "failed")
    assert "Run all above, then this cell" in live.buttons(4)
    assert "Run all above" not in live.buttons(4)
    live.fake()
    live.press(4, "Run all above, then this cell")
    live.becomes(4, "ran here")
    assert live.ran() == [4, 1, 2, 3, 4]
    assert live.buttons(4) == ["Run", "Edit", "Reset"]


def test_run_all_above_is_there_while_something_above_has_not_run(live: Live) -> None:
    live.open()
    live.press(3, "Run all above")
    live.becomes(2, "ran here")
    live.page.until("return !document.querySelector('.al-run-all.al-stop')")
    assert "Run all above" not in live.buttons(3)
    assert "Run all above" in live.buttons(4)
    live.edit(1)
    live.page.press("x = 1\n")
    live.run(3)
    assert "Run all above" in live.buttons(3), "cell 1 was edited"


def test_name_error_offers_nothing_where_all_above_ran(live: Live) -> None:
    live.open()
    live.fake({"cell-2": [error("NameError")], "cell-1": [error("NameError")]})
    live.run(1, "failed")
    assert live.buttons(1) == ["Run", "Edit", "Reset"]
    live.run(2, "failed")
    assert "Run all above, then this cell" not in live.buttons(2), "cell 1 was run"


# ---- output --------------------------------------------------------------------------------------


def test_streams_as_a_terminal_shows_them(live: Live) -> None:
    live.open()
    pieces = [
        stream("0 %\r"),
        stream("50 %\r"),
        stream("100 %\r\none"),
        stream("abc\rX"),
        stream("\n\x1b[1;31mred\x1b[0m\x1b[2K plain\n"),
        stream("careful\n", "stderr"),
        stream("<b>text</b>\n"),
    ]
    live.fake({"*": pieces})
    live.run(4)
    assert live.output(4).split("\n")[0] == "100 %"
    assert " ".join(live.output(4).split()) == "100 % Xneabc red plain careful <b>text</b>"
    boxes = live.page.ask(
        "return [...document.querySelectorAll(arguments[0])].map(e => [e.className, e.innerText])",
        live.at(4, ".al-given > .output"),
    )
    assert [kind.split()[1:3] for kind, _ in boxes] == [
        ["stream", "stdout"],
        ["stream", "stderr"],
        ["stream", "stdout"],
    ]
    red = live.page.find(live.at(4, ".al-ansi-bold.al-ansi-1"))
    assert red.text == "red"


def test_an_endless_print_leaves_the_page_alive(live: Live) -> None:
    live.open()
    live.fake({"*": [*([stream("line of an endless loop\n" * 1000)] * 20), stream("the end\n")]})
    live.run(4)
    text = live.output(4)
    assert len(text) < 110_000
    assert text.startswith("… ")
    assert "earlier characters are not shown" in text.split("\n")[0]
    assert text.endswith("the end")


def test_the_richest_form_is_shown_and_no_script_runs(live: Live) -> None:
    live.open()
    rich = (
        '<style class="al-style">p { color: red }</style><p id="rich">rich</p>'
        '<script class="al-script">document.title = "ran"</script>'
    )
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><title>a</title></svg>"
    live.fake({"*": [shown(plain="poor", html=rich), shown(plain="a square", svg=svg)]})
    live.run(4)
    assert live.output(4) == "rich"
    assert (
        live.page.ask("return document.querySelectorAll('.al-given :is(style, script)').length")
        == 0
    )
    image = live.page.find(live.at(4, ".al-given img"))
    assert image.get_attribute("alt") == "a square"
    assert live.page.until("return arguments[0].naturalWidth === 8", image)
    assert live.page.ask("return document.title") != "ran"


def test_live_output_stands_as_the_recorded_one_does(live: Live) -> None:
    """The recorded markup of each output, given again as a live one, looks the same."""
    live.open()
    live.fake()
    for number in (1, 3, 4, 6, 9, 15, 16, 22):
        recorded = live.page.ask(PICTURE, live.at(number, "> .cell_output"))
        outputs = live.page.ask(AS_MESSAGES, live.at(number, "> .cell_output"))
        live.page.ask("window.fake.answers[arguments[0]] = arguments[1]", f"cell-{number}", outputs)
        live.run(number)
        assert live.page.ask(PICTURE, live.at(number, "> .al-given")) == recorded, number


AS_MESSAGES = """return [...document.querySelector(arguments[0]).children].map(e => {
    if (e.classList.contains("text_html")) return {output_type: "display_data", data: {
        "text/html": "<style class='al-style'>x {}</style>" + e.innerHTML, "text/plain": "poor"}};
    if (e.classList.contains("stream")) return {
        output_type: "stream", name: "stdout", text: e.querySelector("pre").textContent};
    return {output_type: "execute_result", data: {
        "text/plain": e.querySelector("pre").textContent.trimEnd()}};
});"""
PICTURE = """const area = document.querySelector(arguments[0]), from = area.getBoundingClientRect();
    return [...area.querySelectorAll("*")].filter(e => e.checkVisibility() && !e.matches(
        ".highlight span, style")).map(e => {
        const r = e.getBoundingClientRect(), s = getComputedStyle(e);
        return [e.tagName, r.x - from.x, r.y - from.y, r.width, r.height, s.color, s.font].join();
    });"""


def test_displays_are_updated_and_cleared(live: Live) -> None:
    live.open()
    first = shown(plain="0 %") | {"transient": {"display_id": "a"}}
    second = {
        "output_type": "update_display_data",
        "data": {"text/plain": "100 %"},
        "transient": {"display_id": "a"},
    }
    unknown = second | {"transient": {"display_id": "b"}}
    live.fake({"cell-2": [first], "cell-4": [unknown, second]})
    live.run(2)
    live.run(4)
    assert live.output(2) == "100 %"
    clear = [stream("old\n"), {"output_type": "clear_output", "wait": True}, stream("new\n")]
    live.fake({"cell-6": clear})
    live.run(6)
    assert live.output(6) == "new"


def test_what_a_server_prints_later_still_arrives(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [stream("first\n"), {"later": stream("second\n"), "ms": 100}]})
    live.run(4)
    live.page.until("return document.querySelector(arguments[0]).innerText.includes('second')",
                    live.at(4, ".al-given"))  # fmt: skip
    assert live.output(4).split() == ["first", "second"]
    live.fake({"cell-4": [stream("third\n")]})
    live.page.ask("window.late = window.sinks['cell-4']")
    live.run(4)
    live.page.ask("window.late.output(arguments[0])", stream("of the run before\n"))
    live.page.ask("window.sinks['cell-4'].output(arguments[0])", stream("fourth\n"))
    live.page.until(
        "return document.querySelector(arguments[0]).innerText.includes('fourth')",
        live.at(4, ".al-given"),
    )
    assert live.output(4).split() == ["third", "fourth"]


def test_an_error_leads_to_its_lines(live: Live) -> None:
    live.open()
    library = frame(None, 40, "await self.app()", "/lib/site-packages/starlette/routing.py")
    last = frame(None, 7, "raise", "/lib/site-packages/uvicorn/main.py")
    frames = [frame(6, 1), library, frame(5, 7, "return {}"), frame(99, 1), last]
    live.fake({"cell-6": [error("ValueError", *frames)]})
    live.run(6, "failed")
    assert "Run all above, then this cell" not in live.buttons(6), "no name is missing"
    assert "ValueError: name 'gone' is not defined" in live.output(6)
    rows = live.page.ask(
        "return [...document.querySelectorAll('.al-frames li')].map(e => e.innerText)"
    )
    assert [" ".join(row.split()) for row in rows] == [
        "cell 6, line 1 gone",
        "cell 5, line 7 return {}",
        "uvicorn/main.py, line 7 raise",
    ]
    fold = live.page.find(".error details")
    assert not fold.find_element("css selector", "pre").is_displayed()
    live.page.find(".al-frames a[href='#cell-5']").click()
    mark = live.page.find(live.at(5, ".al-here"))
    line = live.page.ask(LINE_AT, live.at(5), mark.rect["y"] + mark.rect["height"] / 2)
    assert "return" in line
    assert live.page.ask("return document.activeElement.closest('[data-cell]').dataset.cell") == "5"
    live.fake()
    live.run(5)
    assert not live.page.ask("return document.querySelector('.al-here')")


LINE_AT = """const pre = document.querySelector(arguments[0] + " pre"), wanted = arguments[1];
    const walk = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node; (node = walk.nextNode()); ) {
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect(), top = box.top + scrollY;
        if (node.textContent.trim() && top <= wanted && wanted <= top + box.height)
            return node.textContent;
    } return "";"""


def test_an_error_without_frames_shows_its_traceback(live: Live) -> None:
    live.open()
    live.fake({"cell-4": [error("SyntaxError")]})
    live.run(4, "failed")
    assert live.page.find(".error pre").is_displayed()
    assert "Traceback" in live.output(4)


def test_a_line_in_a_folded_solution_is_unfolded(live: Live) -> None:
    live.open()
    live.fake({"cell-24": [error("ValueError", frame(23, 1))]})
    live.run(24, "failed")
    live.page.find(".al-frames a").click()
    assert live.page.find(live.at(23, ".al-here")).is_displayed()


# ---- a site's card -------------------------------------------------------------------------------


def card(live: Live, path: str = "book/") -> dict[str, Any]:
    return shown(html=CARD.format(link=live.address + path), plain="greet: running")


def test_a_running_site_is_shown_below_its_card(live: Live) -> None:
    live.open()
    live.fake({"cell-2": [card(live), {"sites": [f"{live.address}book/"]}]})
    live.run(2)
    assert "running" in live.output(2)
    assert live.page.find(live.at(2, "a.al-btn")).get_attribute("href") == f"{live.address}book/"
    assert live.page.find(live.at(2, "a.al-btn")).get_attribute("target") == "_blank"
    live.press(2, "Show here")
    frame = live.page.find(live.at(2, "iframe"))
    assert frame.get_attribute("title") == "The site greet"
    path = live.page.find(live.at(2, ".al-site-bar input"))
    assert path.get_attribute("value") == "/"
    path.clear()
    path.send_keys("glossary.html", Keys.ENTER)
    live.page.until(
        "return arguments[0].contentDocument?.title.startsWith('Glossary')"
        " && arguments[1].value === '/glossary.html'",
        frame,
        path,
    )
    live.page.ask("arguments[0].contentWindow.mark = 1", frame)
    live.press(2, "Reload")
    live.page.until(
        "return arguments[0].contentWindow.mark === undefined"
        " && arguments[0].contentDocument.readyState === 'complete'",
        frame,
    )
    live.press(2, "Close")
    assert not live.page.ask("return document.querySelector('iframe')")
    assert live.page.ask("return document.activeElement.textContent") == "Show here"


def test_where_nothing_can_be_shown_the_card_says_why(live: Live) -> None:
    live.open()
    live.fake({"*": [card(live)]}, previews="This browser has no service workers here.")
    live.run(2)
    live.page.until("return document.querySelector('.al-site-ways')?.textContent")
    ways = live.page.find(live.at(2, ".al-site-ways"))
    assert ways.text == "This browser has no service workers here."
    assert not ways.find_elements("css selector", "a, button")


def test_the_card_of_a_site_that_is_gone_says_so(live: Live) -> None:
    live.open()
    first, other = f"{live.address}book/", f"{live.address}notebooks/"
    live.fake(
        {
            "cell-2": [card(live), {"sites": [first]}],
            "cell-3": [card(live, "notebooks/"), {"sites": [first, other]}],
            "cell-4": [{"sites": [other]}],
        }
    )
    live.run(2)
    live.press(2, "Show here")
    live.run(3)
    live.run(4)
    assert "stopped" in live.output(2)
    assert "Run its cell again to start it." in live.output(2)
    assert not live.page.ask("return document.querySelector('iframe')")
    assert "running" in live.output(3)
    live.fake({"cell-5": [{"hang": True}]})
    live.run(5, "running")
    live.press(5, "Stop")
    live.becomes(5, "stopped")
    assert "stopped with Python" in live.output(3)


def test_a_recorded_card_stays_as_it_is(live: Live) -> None:
    live.open()
    recorded = live.output(13)
    live.fake({"cell-4": [card(live)]})
    live.run(4)
    assert live.output(13) == recorded


# ---- editing -------------------------------------------------------------------------------------


def test_an_edit_is_run_marked_and_reset(live: Live) -> None:
    live.open()
    original = live.code(4)
    live.edit(4)
    live.page.press(Keys.END, "[:1]")
    bar = live.page.find(live.at(4, "> .al-bar"))
    assert "edited" in bar.text
    live.run(4)
    assert live.asked()["runs"][-1]["code"] == f"{original}[:1]"
    assert "edited since" not in bar.text
    live.page.ask("document.querySelector(arguments[0]).focus()", live.at(4, ".cm-content"))
    live.page.press("x")
    assert "edited since" in bar.text
    live.press(4, "Reset")
    assert live.code(4) == original
    assert "edited" not in bar.text.replace("Your earlier edit", "")


def test_a_click_into_the_code_opens_the_editor_there(live: Live) -> None:
    live.open()
    pre = live.page.find(live.at(4, "pre"))
    live.page.ask("arguments[0].scrollIntoView({block: 'center'})", pre)
    over = ActionChains(live.page.driver)
    over.move_to_element_with_offset(pre, 30 - pre.size["width"] // 2, 0).click().perform()
    live.page.until("return document.activeElement.matches('.cm-content')")
    live.page.press("|")
    text = live.code(4)
    assert text.replace("|", "") == "broken.log"
    assert 0 < text.index("|") < len(text) - 1, text


def test_to_select_code_or_to_touch_it_is_not_to_edit_it(live: Live) -> None:
    live.open()
    pre = live.page.find(live.at(4, "pre"))
    live.page.ask("getSelection().selectAllChildren(arguments[0]); arguments[0].click()", pre)
    live.page.ask(
        "getSelection().removeAllRanges(); arguments[0].dispatchEvent("
        "new PointerEvent('click', {bubbles: true, pointerType: 'touch'}))",
        pre,
    )
    live.run(4)  # time for an editor to come
    assert not live.page.ask("return document.querySelector('.al-editor')")


@pytest.mark.parametrize("width", [320, 1200])
def test_the_editor_comes_without_a_jump(live: Live, width: int) -> None:
    live.open(width=width)
    for number in (1, 9, 11):
        tall, letters, marked = live.page.ask(SET, live.at(number, ".cell_input"))
        live.edit(number)
        live.page.until(
            "return getComputedStyle(document.querySelector(arguments[0])).fontWeight === '600'",
            live.at(number, ".cm-line :is(.k, .n-Send)") if number != 11 else live.at(11, ".k"),
        )
        now_tall, now_letters, now_marked = live.page.ask(SET, live.at(number, ".cell_input"))
        assert (now_tall, now_marked) == (tall, marked)
        assert now_letters == pytest.approx(letters, abs=0.3), "pixels"


SET = """const box = document.querySelector(arguments[0]);
    const code = box.querySelector(".cm-content") || box.querySelector("pre");
    const walk = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    const letters = [], marked = [];
    for (let node; (node = walk.nextNode()); ) for (let at = 0; at < node.length; at++) {
        if (!node.data[at].trim()) continue;
        range.setStart(node, at); range.setEnd(node, at + 1);
        const r = range.getBoundingClientRect(), s = getComputedStyle(node.parentElement);
        letters.push(r.x, r.y + scrollY);
        marked.push([node.data[at], s.color, s.fontWeight, s.fontSize, s.fontFamily].join());
    }
    return [box.offsetHeight, letters, marked];"""


def test_an_edit_survives_and_looks_like_the_books_code(live: Live) -> None:
    live.open()
    live.edit(1)
    live.page.press(Keys.PAGE_DOWN, Keys.END, "\n# scope: 'send'\nawait send(x.send, f'{receive}')")
    typed = live.code(1)
    live.open()
    assert live.code(1) == typed
    assert "edited" in live.page.find(live.at(1, "> .al-bar")).text
    assert live.state(1) == "recorded output"
    printed = live.page.ask(
        "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())"
        ".map(e => [e.className, e.textContent])",
        live.at(1, ".cell_input pre:not([hidden]) span"),
    )
    assert printed[-3:] == [["c1", "# scope: 'send'"], ["k", "await"], ["n-Send", "send"]]
    live.run(1)
    assert live.asked()["runs"][-1]["code"] == typed
    live.press(1, "Reset")
    live.open()
    assert live.code(1) != typed


def test_an_edit_of_a_changed_book_is_offered(live: Live, tmp_path: Path) -> None:
    live.open()
    live.edit(4)
    live.page.press(Keys.END, "[:1]")
    kept = live.page.ask("return Object.entries(localStorage)")
    (key, value) = next(pair for pair in kept if "edits" in pair[0])
    (edit,) = json.loads(value)
    assert edit["code"] == "broken.log[:1]"
    moved = [edit | {"of": "of another text"}]
    live.page.ask("localStorage.setItem(arguments[0], arguments[1])", key, json.dumps(moved))
    live.open()
    assert live.code(4) == "broken.log"
    live.press(4, "Your earlier edit")
    assert live.code(4) == "broken.log[:1]"
    assert "Your earlier edit" not in live.buttons(4)


def test_an_edit_follows_its_cell_to_another_number(live: Live) -> None:
    live.open()
    live.edit(4)
    live.page.press(Keys.END, "[:1]")
    (key, value) = next(
        pair for pair in live.page.ask("return Object.entries(localStorage)") if "edits" in pair[0]
    )
    moved = [edit | {"number": "6"} for edit in json.loads(value)]
    live.page.ask("localStorage.setItem(arguments[0], arguments[1])", key, json.dumps(moved))
    live.open()
    assert live.code(4) == "broken.log[:1]"
    assert "edited" not in live.page.find(live.at(6, "> .al-bar")).text
    live.press(4, "Reset")
    live.open()
    assert live.code(4) == "broken.log", "it was kept under its old number"


def test_two_cells_of_one_text_keep_an_edit_each(live: Live, tmp_path: Path) -> None:
    copy = tmp_path / "twins"
    shutil.copytree(live.folder, copy)
    html = BeautifulSoup((copy / PAGE).read_text("utf-8"), "html.parser")
    one, other = (html.select_one(live.at(number, ".cell_input")) for number in (4, 6))
    other.replace_with(BeautifulSoup(str(one), "html.parser"))
    (copy / PAGE).write_text(str(html), "utf-8")
    with b.served(copy) as address:
        twins = Live(live.page, address, copy)
        twins.open()
        for number in (4, 6):
            twins.edit(number)
            live.page.press(Keys.END, f"[:{number}]")
        twins.open()
        assert [twins.code(4), twins.code(6)] == ["broken.log[:4]", "broken.log[:6]"]
        twins.press(4, "Reset")
        twins.open()
        assert [twins.code(4), twins.code(6)] == ["broken.log", "broken.log[:6]"]


def test_reset_can_be_taken_back(live: Live) -> None:
    live.open()
    live.edit(4)
    live.page.press(Keys.END, "[:1]")
    live.press(4, "Reset")
    live.press(4, "Your earlier edit")
    assert live.code(4) == "broken.log[:1]"


@pytest.mark.parametrize("fault", ["setItem", "getItem"])
def test_storage_that_fails_is_done_without(live: Live, fault: str) -> None:
    live.open()
    live.page.ask(f"Storage.prototype.{fault} = () => {{ throw new Error('no storage') }}")
    live.edit(4)
    live.page.press(Keys.END, "[:1]")
    live.fake({"*": [{"progress": {"1.1": {"ok": "2026-11-27", "tries": 1}}}]})
    live.run(4)
    assert live.asked()["runs"][-1]["code"] == "broken.log[:1]"


def test_storage_of_another_shape_is_done_without(live: Live) -> None:
    live.open()
    key = live.page.ask("return 'asgilive edits ' + location.pathname")
    for text in ("{", "7", '{"a": 1}', '[7, {"number": "4"}]'):
        for name in (key, "asgilive progress"):
            live.page.ask("localStorage.setItem(arguments[0], arguments[1])", name, text)
        live.open()
        live.run(4)


def test_solved_exercises_are_kept_and_shown(live: Live) -> None:
    live.open()
    first = {"1.1": {"ok": "2026-11-27", "tries": 2}, "1.2": {"tries": 1}}
    live.fake({"cell-22": [{"progress": first}]})
    live.run(22)
    solved = "return [...document.querySelectorAll('.al-solved')].map(e => e.textContent)"
    assert live.page.ask(solved) == ["exercise 1.1"]
    live.open()
    assert live.page.ask(solved) == ["exercise 1.1"]
    other = {"1.1": {"tries": 3}, "1.2": {"ok": "2026-11-28"}}  # of a tab that was opened before
    live.fake({"cell-24": [{"progress": other}]})
    live.run(24)
    assert json.loads(live.asked()["starts"][0]["progress"]) == first
    assert live.page.ask(solved) == ["exercise 1.1", "exercise 1.2"], "another tab's work is lost"


def test_without_the_editor_a_plain_field_takes_its_place(live: Live, tmp_path: Path) -> None:
    copy = tmp_path / "bare"
    shutil.copytree(live.folder, copy)
    (copy / "_static" / "live" / "editor.js").unlink()
    with b.served(copy) as address:
        bare = Live(live.page, address, copy)
        bare.open(width=320)
        bare.press(4, "Edit")
        live.page.until("return document.activeElement.tagName === 'TEXTAREA'")
        assert live.page.axe() == []
        assert too_wide(live.page) == []
        live.page.press(Keys.END, "[:1]")
        live.page.chord(Keys.CONTROL, Keys.ENTER)
        bare.becomes(4, "ran here")
        assert bare.asked()["runs"][-1]["code"] == "broken.log[:1]"
        live.page.press(Keys.ESCAPE)
        assert live.page.ask("return document.activeElement.ariaLabel") == "Run cell 4"
        bare.open()
        assert bare.code(4) == "broken.log[:1]"
        live.page.complaints()  # the file that is not there


# ---- keyboard alone ------------------------------------------------------------------------------


def test_a_reader_with_a_keyboard_alone(live: Live) -> None:
    page = live.page
    live.open()
    page.ask("document.querySelector(arguments[0]).focus()", live.at(2, ".al-first"))
    page.press(Keys.TAB)
    assert focus(page).endswith("Edit")
    page.press(Keys.ENTER)
    page.until("return document.activeElement.matches('.cm-content')")
    assert page.ask("return document.activeElement.ariaLabel") == "Code of cell 2"
    outline = "return getComputedStyle(document.activeElement.closest('.cm-editor')).outlineStyle"
    assert page.ask(outline) == "solid"
    page.press("first = 1", Keys.ENTER)
    page.chord(Keys.CONTROL, Keys.ENTER)
    live.becomes(2, "ran here")
    assert page.ask("return document.activeElement.matches('.cm-content')"), "the editor is left"
    page.press(Keys.ESCAPE)
    assert page.ask("return document.activeElement.ariaLabel") == "Run cell 2"
    page.chord(Keys.SHIFT, Keys.ENTER)
    live.page.until("return document.activeElement.ariaLabel === 'Run cell 3'")
    live.becomes(2, "ran here")
    page.press(Keys.ENTER)
    live.becomes(3, "ran here")
    assert live.ran() == [2, 2, 3]


def test_shift_enter_in_the_code_goes_on(live: Live) -> None:
    live.open()
    live.edit(2)
    live.edit(4)
    live.page.chord(Keys.SHIFT, Keys.ENTER)
    live.becomes(4, "ran here")
    assert live.page.ask("return document.activeElement.ariaLabel") == "Run cell 5"
    live.page.ask("document.querySelector(arguments[0]).focus()", live.at(1, ".al-first"))
    live.page.chord(Keys.SHIFT, Keys.ENTER)
    assert live.page.ask("return document.activeElement.ariaLabel") == "Code of cell 2"
    live.becomes(1, "ran here")
    assert live.ran() == [4, 1]


def test_tab_and_escape_leave_the_code(live: Live) -> None:
    live.open()
    live.edit(4)
    live.page.press(Keys.TAB)
    assert live.page.ask("return document.activeElement.ariaLabel") == "Run cell 4"
    live.page.chord(Keys.SHIFT, Keys.TAB)
    assert live.page.ask("return document.activeElement.ariaLabel") == "Code of cell 4"
    live.page.chord(Keys.SHIFT, Keys.TAB)
    assert live.page.ask("return !document.activeElement.closest('[data-cell=\"4\"]')")
    assert live.code(4) == "broken.log", "Tab wrote something"


def test_enter_keeps_the_indentation_and_brackets_move_it(live: Live) -> None:
    live.open()
    live.edit(4)
    live.page.chord(Keys.CONTROL, "a")
    live.page.press("async def f():", Keys.ENTER, "x = 1", Keys.ENTER, "y")
    assert live.code(4) == "async def f():\n    x = 1\n    y"
    live.page.chord(Keys.CONTROL, "[")
    assert live.code(4).endswith("\ny")
    live.page.chord(Keys.CONTROL, "]")
    assert live.code(4).endswith("\n    y")
    live.page.chord(Keys.CONTROL, "z")
    assert live.code(4).endswith("\ny")


def test_every_button_is_reached_and_its_name_tells_its_cell(live: Live) -> None:
    live.open()
    names = live.page.ask(
        "return [...document.querySelectorAll('.al-cellbox .al-bar button')].map(e => e.ariaLabel)"
    )
    assert len(names) == len(set(names))
    assert tab_to(live.page, "Run all", 30)
    assert tab_to(live.page, "Run", 10)
    assert live.page.ask("return document.activeElement.ariaLabel") == "Run cell 1"


# ---- for everyone --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_accessible_in_every_state_and_no_wider_than_the_window(
    live: Live, width: int, scheme: str
) -> None:
    live.open(width=width, scheme=scheme)
    long = "x" * 300
    library = frame(None, 7, f"raise {long}", f"/lib/site-packages/{long}.py")
    live.fake(
        {
            "cell-2": [card(live)],
            "cell-3": [error("NameError", frame(3, 1, long), library)],
            "cell-4": [
                stream(f"{long}\x1b[31mred\x1b[32mgreen\x1b[33m3\x1b[34m4\x1b[35m5\x1b[36m6\n"),
                stream("careful\n", "stderr"),
            ],
            "cell-6": [{"hang": True}],
        }
    )
    live.edit(5)
    live.page.press("x")
    live.run(2)
    live.press(2, "Show here")
    live.run(3, "failed")
    live.run(4)
    live.press(4, "Edit")
    for number in (6, 8):
        live.press(number, "Run")
    live.becomes(6, "running")
    live.page.ask("for (const e of document.querySelectorAll('.error details')) e.open = true;")
    live.page.ask("document.querySelector('iframe').remove()")  # the reader's own page
    live.page.find(".al-frames a").click()
    assert live.page.axe() == []
    assert too_wide(live.page) == []
    live.press(6, "Stop")
    live.becomes(6, "stopped")
    live.fake(loading=True)
    live.run(6, "loading")
    assert live.page.axe() == []
    assert too_wide(live.page) == []


def test_paper_has_no_buttons(live: Live) -> None:
    if live.page.name == "firefox":
        pytest.skip("Firefox' driver cannot emulate paper")
    live.open()
    live.fake({"*": [card(live), {"sites": [f"{live.address}book/"]}]})
    live.run(2)
    paper = {"media": "print", "features": []}
    live.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", paper)
    left = live.page.ask(
        "return [...document.querySelectorAll('button, a.al-btn, progress')]"
        ".filter(e => e.checkVisibility()).map(e => e.outerHTML)"
    )
    live.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert left == []


@pytest.mark.parametrize("name", ["book/cover.html", "book/how-to-read.html", CHAPTERS[1]])
def test_every_page_with_cells_runs_them(live: Live, name: str) -> None:
    live.open(name)
    live.fake({"*": [shown(html="<p>given</p>", plain="given")]})
    live.run(1)
    assert live.output(1) == "given"
