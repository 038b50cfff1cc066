"""The built book in a real browser: every page, light and dark, phone to wide screen, no script.

Each check is a function that gives the faults it finds; the last tests plant a fault and see it
found.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser as b
import pytest
import yaml
from selenium.webdriver.common.keys import Keys

pytestmark = [pytest.mark.pages, pytest.mark.timeout(300)]

BUILT = Path(os.environ.get("ASGILIVE_HTML", b.ROOT / "_build" / "html"))
WIDTHS = (320, 768, 1920)
CSS_JS, WHOLE, FONTS, REQUESTS = 50_000, 120_000, 60_000, 15  # bytes gzip; bytes; design.md


def contents() -> list[str]:
    """The pages of `_toc.yml`, cover first."""
    toc = yaml.safe_load((b.ROOT / "_toc.yml").read_text("utf-8"))
    return [toc["root"], *(each["file"] for part in toc["parts"] for each in part["chapters"])]


PAGES = [f"{name}.html" for name in contents()] + ["search.html?q=receive"]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


# ---- what the tests stand on ---------------------------------------------------------------------


def there(what: str) -> None:
    """Skip where something is missing; on CI nothing may be."""
    if what:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"not here: {what}")


@pytest.fixture(scope="module")
def book() -> Iterator[str]:
    built = (BUILT / PAGES[0]).is_file()
    there("" if built else f"the book in {BUILT}: python3 start.py build makes it")
    with b.served(BUILT) as address:
        yield address


@pytest.fixture(scope="module")
def page() -> Iterator[b.Browser]:
    there(b.missing(b.wanted_browser()))
    with b.browser(b.wanted_browser()) as started:
        yield started


@pytest.fixture(scope="module")
def plain() -> Iterator[b.Browser]:
    """A browser in which no page can run a script."""
    there(b.missing(b.wanted_browser()))
    with b.browser(b.wanted_browser(), script=False) as started:
        yield started


# ---- checks: each gives what is wrong ------------------------------------------------------------


def too_wide(page: b.Browser) -> list[str]:
    """What makes the page scroll sideways."""
    return page.ask("""
        const wide = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= wide) return [];
        return [...document.querySelectorAll("body *")]
            .filter(e => e.getBoundingClientRect().right > wide + 1)
            .map(e => e.outerHTML.slice(0, 120));""")


def too_heavy(weight: b.Weight) -> list[str]:
    """Bounds of the design that a page breaks."""
    sums = {"CSS+JS": (weight.css_js, CSS_JS), "page": (weight.whole, WHOLE)}
    sums |= {"fonts": (weight.fonts, FONTS), "requests": (weight.requests, REQUESTS)}
    over = [f"{name} {value} > {bound}" for name, (value, bound) in sums.items() if value > bound]
    return over + [f"asks elsewhere: {address}" for address in weight.foreign]


class Links(HTMLParser):
    """The addresses a page points to, and the names inside it that can be pointed at."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.to: list[str] = []
        self.names: set[str] = set()
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.names.add(values.get("id") or "")
        self.to += [value for key in ("href", "src") if (value := values.get(key))]


def dead_links(folder: Path) -> list[str]:
    """Links inside the book that lead nowhere."""
    pages = {file: Links(file) for file in folder.rglob("*.html")}
    return [
        f"{file.relative_to(folder)}: {link}"
        for file, links in pages.items()
        for link in links.to
        if not urlsplit(link).scheme and not leads_somewhere(file, link, pages)
    ]


def leads_somewhere(file: Path, link: str, pages: dict[Path, Links]) -> bool:
    parts = urlsplit(link)
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if target not in pages:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[target].names


def focus(page: b.Browser) -> str:
    """What has the focus: its tag and its id, class or text."""
    return page.ask("""
        const e = document.activeElement;
        const words = e.textContent.trim().slice(0, 30);
        return `${e.tagName.toLowerCase()} ${e.id || e.className || ""} ${words}`;""")


def tab_to(page: b.Browser, what: str, most: int = 60) -> bool:
    """Press Tab until the focus is on something that says `what`."""
    for _ in range(most):
        page.press(Keys.TAB)
        if what in focus(page):
            return True
    return False


# ---- every page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_accessible_and_no_wider_than_the_window(
    page: b.Browser, book: str, name: str, width: int, scheme: str
) -> None:
    page.open(book + name, width=width, scheme=scheme)
    assert page.axe() == []
    assert too_wide(page) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_accessible_with_everything_unfolded(page: b.Browser, book: str, name: str) -> None:
    page.open(book + name, width=320, scheme="dark")
    page.ask("for (const e of document.querySelectorAll('details')) e.open = true;")
    page.ask("for (const e of document.querySelectorAll('fieldset input')) e.checked = true;")
    assert page.axe() == []
    assert too_wide(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_where_the_pointer_is(page: b.Browser, book: str, scheme: str) -> None:
    """A row under the pointer is lit, on both sides."""
    page.open(book + CHAPTERS[0], width=500, scheme=scheme)
    for part in (".al-pair .al-bytes", ".al-head"):
        page.point(f".cell_output {part}")
        assert page.axe() == []


@pytest.mark.parametrize("name", PAGES)
def test_light_asks_nobody_else_and_complains_about_nothing(
    page: b.Browser, book: str, name: str
) -> None:
    page.open(book + name.partition("?")[0])  # each result of a search is one request more
    page.until("return document.fonts.status === 'loaded' && document.readyState === 'complete'")
    assert too_heavy(b.weigh(name, BUILT, book, page.settled())) == []
    assert page.complaints() == []


def test_every_link_inside_the_book_leads_somewhere(book: str) -> None:
    assert dead_links(BUILT) == []


def test_colours_follow_the_system_and_then_the_switch(page: b.Browser, book: str) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    page.open(book + PAGES[0], scheme="light")
    light = page.ask(paper)
    page.find("#light").click()
    dark = page.ask(paper)
    assert dark != light
    page.driver.get(book + PAGES[-1])
    assert page.ask(paper) == dark, "the choice is not kept on the next page"
    page.find("#light").click()
    assert page.ask(paper) == light
    assert page.ask("return localStorage.getItem('theme')") is None, "not as the system"


def test_dark_system_gives_a_dark_page(page: b.Browser, book: str) -> None:
    page.open(book + PAGES[0], scheme="dark")
    paper = page.ask("return getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in paper[4:-1].split(",")) < 150


def test_print_shows_the_text_alone(page: b.Browser, book: str) -> None:
    if page.name == "firefox":
        pytest.skip("Firefox' driver cannot emulate paper")
    page.open(book + CHAPTERS[0])
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    shown = page.ask("""return [".al-nav", ".al-top", ".al-outline", "article h1"].map(s =>
        document.querySelector(s).getClientRects().length > 0)""")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert shown == [False, False, False, True]


# ---- keyboard ------------------------------------------------------------------------------------


def test_skip_link_is_the_first_stop_and_goes_to_the_text(page: b.Browser, book: str) -> None:
    page.open(book + CHAPTERS[0])
    page.press(Keys.TAB)
    assert "Skip to the text" in focus(page)
    assert page.ask("return document.activeElement.getBoundingClientRect().top >= 0"), "not in view"
    page.press(Keys.ENTER)
    assert focus(page).startswith("main text")
    page.press(Keys.TAB)
    assert page.ask("return document.querySelector('main').contains(document.activeElement)")


def test_focus_can_be_seen_on_every_stop(page: b.Browser, book: str) -> None:
    page.open(book + PAGES[0])
    stops = 0
    while not tab_and_back_at_the_start(page, stops):
        assert shows_focus(page), focus(page)
        stops += 1
    assert stops > 10


def tab_and_back_at_the_start(page: b.Browser, stops: int) -> bool:
    """Press Tab; true when the focus has left the page, or is at its first stop again."""
    page.press(Keys.TAB)
    return focus(page).startswith("body") or (stops > 0 and "al-skip" in focus(page))


def shows_focus(page: b.Browser) -> bool:
    """Something on or around the focused element looks different from when it has no focus."""
    return page.ask("""
        const e = document.activeElement, near = e.closest("li, label, p") || e;
        const looks = () => [e, near, ...near.querySelectorAll("*")].map(each => {
            const s = getComputedStyle(each);
            return [s.outlineStyle, s.outlineColor, s.backgroundColor, s.backgroundImage,
                    s.borderTopColor, s.boxShadow, s.color].join();
        }).join();
        const with_focus = looks(); e.blur();
        const without = looks(); e.focus({focusVisible: true});
        return with_focus !== without;""")


def test_contents_open_and_close_from_the_keyboard_on_a_small_screen(
    page: b.Browser, book: str
) -> None:
    page.open(book + CHAPTERS[0], width=320)
    shown = "return document.getElementById('book').getClientRects().length > 0"
    assert not page.ask(shown)
    assert tab_to(page, "Contents", 3)
    page.press(Keys.ENTER)
    assert page.until(shown)
    assert page.axe() == []
    assert tab_to(page, "Glossary", 40)
    page.press(Keys.ESCAPE)
    assert not page.ask(shown)


def test_contents_stand_beside_the_text_on_a_wide_screen(page: b.Browser, book: str) -> None:
    page.open(book + CHAPTERS[0], width=1280)
    assert page.ask("return document.getElementById('book').getBoundingClientRect().right") < 300
    assert not page.find(".al-open-nav").is_displayed()


def test_light_switch_works_from_the_keyboard(page: b.Browser, book: str) -> None:
    page.open(book + CHAPTERS[0])
    assert tab_to(page, "Dark")
    page.press(Keys.ENTER)
    assert page.ask("return document.documentElement.dataset.theme") == "dark"
    page.press(Keys.ENTER)


def test_search_is_reached_and_answers(page: b.Browser, book: str) -> None:
    page.open(book + CHAPTERS[0])
    assert tab_to(page, "Search")
    page.press(Keys.ENTER)
    page.until("return document.activeElement.id === 'q'")
    page.press("receive", Keys.ENTER)
    page.until("return document.querySelectorAll('#search-results li a').length > 1")
    assert page.ask("return document.getElementById('q').value") == "receive"


# ---- without a script ----------------------------------------------------------------------------


def test_prediction_works_without_a_script(plain: b.Browser, book: str) -> None:
    plain.open(book + CHAPTERS[0])
    box = plain.find("fieldset.al-predict:has(details)")
    answer = box.find_element("css selector", "details")
    told = answer.find_element("css selector", "p")
    assert not plain.find("#light").is_displayed(), "a script ran"
    assert not answer.is_displayed(), "the answer is open before a choice"
    box.find_element("css selector", "label").click()
    assert answer.is_displayed()
    assert not told.is_displayed()
    answer.find_element("css selector", "summary").click()
    assert told.is_displayed()
    assert box.find_element("css selector", "label:has([value=right]) small").is_displayed()


def test_contents_open_without_a_script(plain: b.Browser, book: str) -> None:
    plain.open(book + CHAPTERS[0], width=320)
    assert not plain.find("#book").is_displayed()
    plain.find(".al-open-nav").click()
    assert plain.find("#book").is_displayed()


# ---- the cover -----------------------------------------------------------------------------------


def test_cover_links_what_is_written_and_nothing_else(page: b.Browser, book: str) -> None:
    page.open(book + PAGES[0])
    listed = page.ask("""
        return [...document.querySelectorAll("#contents ol > li")].map(li =>
            [li.querySelector("a, strong").textContent, li.querySelector("a")?.pathname || ""])""")
    assert len(listed) == 19
    linked = {Path(link).name for _, link in listed if link}
    assert linked == {Path(chapter).name for chapter in CHAPTERS}


@pytest.mark.parametrize("width", [1000, 1280, 1920])
def test_cover_shows_a_real_exchange_first(page: b.Browser, book: str, width: int) -> None:
    page.open(book + PAGES[0], width=width)
    figure = page.find("article figure.al-fig")
    assert figure.rect["y"] < 200, "the exchange is not on the first screen"
    assert "http.response.start" in figure.text


# ---- a planted fault is found --------------------------------------------------------------------


@pytest.fixture
def faulty(tmp_path: Path, book: str) -> Iterator[tuple[Path, str]]:
    """A copy of the cover and what it needs, to be spoiled."""
    for name in ("_static", "book"):
        shutil.copytree(BUILT / name, tmp_path / name)
    with b.served(tmp_path) as address:
        yield tmp_path, address


def spoil(folder: Path, html: str, *, without: str = "") -> None:
    """Put a fault into the page, or take a line away that matches."""
    file = folder / PAGES[0]
    text = file.read_text("utf-8").replace("</main>", html + "</main>")
    lines = [line for line in text.splitlines() if not without or without not in line]
    file.write_text("\n".join(lines), "utf-8")


@pytest.mark.parametrize(
    ("html", "word"),
    [
        ("<p style='color:#999;background:#fff'>pale words</p>", "color-contrast"),
        ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "image-alt"),
        ("<input type='text'>", "label"),
        (f"<pre style='width:9rem;overflow:auto'>{'x' * 300}</pre>", "scrollable-region-focusable"),
    ],
)
def test_axe_sees_a_fault(page: b.Browser, faulty: tuple[Path, str], html: str, word: str) -> None:
    folder, address = faulty
    spoil(folder, html)
    page.open(address + PAGES[0])
    assert any(fault.startswith(word) for fault in page.axe())


def test_focus_that_does_not_show_is_seen(page: b.Browser, faulty: tuple[Path, str]) -> None:
    folder, address = faulty
    spoil(folder, "<a id='dull' href='#' style='outline: none !important'>dull</a>")
    page.open(address + PAGES[0])
    page.ask("document.getElementById('dull').focus({focusVisible: true})")
    assert not shows_focus(page)


def test_a_wide_element_is_seen(page: b.Browser, faulty: tuple[Path, str]) -> None:
    folder, address = faulty
    spoil(folder, "<div style='width:700px'>wide</div>")
    page.open(address + PAGES[0], width=320)
    assert any("wide" in fault for fault in too_wide(page))


def test_weight_and_strangers_are_seen(page: b.Browser, faulty: tuple[Path, str]) -> None:
    folder, address = faulty
    (folder / "_static" / "much.js").write_text(f"/* {os.urandom(40_000).hex()} */", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    strange = "".join(f"<img alt='' src='{nobody}/{n}.png'>" for n in range(15))
    # with the policy a browser would ask no stranger at all
    spoil(
        folder, f"<script src='../_static/much.js'></script>{strange}", without="Content-Security"
    )
    page.open(address + PAGES[0])
    page.until("return document.readyState === 'complete'")
    faults = " ".join(too_heavy(b.weigh(PAGES[0], folder, address, page.settled())))
    assert "CSS+JS" in faults
    assert "requests" in faults
    assert f"asks elsewhere: {nobody}/0.png" in faults


def test_a_console_error_is_seen(page: b.Browser, faulty: tuple[Path, str]) -> None:
    if page.name == "firefox":
        pytest.skip("Firefox' driver keeps the console to itself")
    folder, address = faulty
    (folder / "planted.js").write_text("throw new Error('planted')", "utf-8")
    spoil(folder, "<script src='../planted.js'></script>")
    page.open(address + PAGES[0])
    assert any("planted" in line for line in page.complaints())


@pytest.mark.parametrize(
    ("html", "directive"),
    [
        ("<script>document.title = 'planted'</script>", "script-src"),
        ("<b onclick='document.title = 1'>press</b>", "script-src"),
        ("<style>h1 { color: red }</style>", "style-src"),
        ("<iframe title='elsewhere' src='https://127.0.0.1:1/'></iframe>", "frame-src"),
        ("<base href='/elsewhere/'>", "base-uri"),
    ],
)
def test_what_the_policy_forbids_is_refused_and_seen(
    page: b.Browser, faulty: tuple[Path, str], html: str, directive: str
) -> None:
    if page.name == "firefox":
        pytest.skip("Firefox' driver keeps the console to itself")
    folder, address = faulty
    spoil(folder, html)
    page.open(address + PAGES[0])
    page.until("return document.readyState === 'complete'")
    assert any(directive in line for line in page.complaints())


def test_dead_links_are_seen(faulty: tuple[Path, str]) -> None:
    folder, _ = faulty
    dead = {"gone.html", "#nowhere", "glossary.html#nowhere"}
    spoil(folder, " ".join(f"<a href='{link}'>away</a>" for link in dead))
    assert dead <= {fault.rpartition(" ")[2] for fault in dead_links(folder)}
