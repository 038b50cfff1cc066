"""Python runs the cells of the built pages: each gives what the kernel gave, and a reader can stop,
edit, reload, and go on without a network, with a keyboard or on a phone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import browser as b
import pytest
import yaml
from chapters import BUILT, ROOT, Chapter, masked
from selenium.webdriver.common.keys import Keys

from asgilive.publishing.pages import policy

pytestmark = [pytest.mark.pages, pytest.mark.timeout(300)]

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PAGES = [TOC["root"], *(each["file"] for part in TOC["parts"] for each in part["chapters"])]
HTML = {name: BUILT / f"{name}.html" for name in PAGES}
LIVE = [
    name for name in PAGES if HTML[name].is_file() and "data-run" in HTML[name].read_text("utf-8")
]
FIRST = "notebooks/01-one-callable-served"
SECOND = "notebooks/02-three-arguments"
FOURTH = "notebooks/04-the-http-conversation"
FIFTH = "notebooks/05-build-an-event-loop"
EIGHTH = "notebooks/08-streaming-sse-long-poll"
NINTH = "notebooks/09-websockets-from-the-handshake-up"
ELEVENTH = "notebooks/11-build-your-own-server"

# Exercises that a page has not, and why.
THREADS = {"12.5": "a plain function in a thread is what it asks for"}

# Cells that give something else in the page, and why; everything else must be the same.
DIFFERS = {
    (FIRST, 15): "its site is that of cell 14, which needs threads",
    (SECOND, 10): "in how many pieces bytes come is nobody's promise",
    (FOURTH, 5): "in how many pieces bytes come is nobody's promise",
    (FIFTH, 30): "how often a loop asks in a tenth of a second is this machine's number",
    (EIGHTH, 30): "which of five clients at once is served first is nobody's promise",
    (NINTH, 6): "the key of a client's frame is random, here bit by bit",
    (NINTH, 8): "the key of a client's frame is random, here bit by bit",
    (NINTH, 26): "what a ping carries is random",
    (ELEVENTH, 19): "whether the client has read the end before the verdict is a matter of µs",
    (FIRST, 24): "cell 18, which needs a kernel, has uvicorn log more from there on",
}


def there(lacking: str) -> None:
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"not here: {lacking}")


@pytest.fixture(scope="module")
def book() -> Iterator[str]:
    """The book, on a plain host, below a path, with its own policy for every file."""
    runtime = BUILT / "_static" / "live" / "runtime.json"
    there("" if runtime.is_file() else f"{runtime}: python3 start.py build makes it")
    headers = {"Content-Security-Policy": policy()}
    with b.served(BUILT, "/a/book/", headers=headers) as address:
        yield address


@pytest.fixture(scope="module")
def page() -> Iterator[b.Browser]:
    there(b.missing(b.wanted_browser()))
    with b.browser(b.wanted_browser()) as started:
        yield started


@pytest.mark.parametrize("name", LIVE)
def test_each_cell_gives_what_the_kernel_gave(page: b.Browser, book: str, name: str) -> None:
    chapter = Chapter(page, f"{book}{name}.html")
    ran = chapter.run_in_order()
    assert ran
    assert [cell for cell in ran if not cell.state.startswith("ran here in")] == []
    for cell in ran:
        if (name, cell.number) not in DIFFERS:
            assert masked(cell.gave) == masked(cell.recorded), f"cell {cell.number}"
    assert page.complaints() == []


def test_every_page_is_built() -> None:
    """Without it a page would be left out above without a word."""
    missing = [name for name, file in HTML.items() if not file.is_file()]
    there(f"{', '.join(missing)}: python3 start.py build makes them" if missing else "")
    assert FIRST in LIVE


def test_what_differs_is_there() -> None:
    """A reason must not outlive its cell."""
    for name, number in DIFFERS:
        assert f'data-cell="{number}" data-run' in (BUILT / f"{name}.html").read_text("utf-8")


def test_a_wrong_output_is_noticed(page: b.Browser, book: str) -> None:
    """The comparison above can fail: here the page's library says another word."""
    chapter = Chapter(page, f"{book}{FIRST}.html")
    edit(page, 4, "print('something else')")
    cell = chapter.run(4)
    assert cell.gave.strip() == "something else"
    assert masked(cell.gave) != masked(cell.recorded)
    chapter.press(4, ".al-btn[aria-label^=Reset]")


# ---- under a reader's hand -----------------------------------------------------------------------


def edit(page: b.Browser, number: int, code: str) -> None:
    """Write another text into a cell, as a reader does."""
    box = f".al-cellbox[data-cell='{number}']"
    page.ask(f"document.querySelector(\"{box} .al-btn[aria-label^='Edit']\").click()")
    page.until(f'return document.activeElement.closest("{box} .cell_input")')
    page.chord(Keys.CONTROL, "a")
    page.press(Keys.DELETE, *code)


def test_stop_ends_an_endless_loop_and_python_starts_afresh(page: b.Browser, book: str) -> None:
    chapter = Chapter(page, f"{book}{FIRST}.html")
    chapter.run(16)
    edit(page, 17, "while True: pass")
    chapter.press(17)
    stop = ".al-cellbox[data-cell='17'] .al-stop"
    page.until("return document.querySelector(arguments[0]).checkVisibility()", stop)
    words = "document.querySelector(arguments[0]).parentElement.textContent"
    page.until(f"return /running [1-9]/.test({words})", stop)
    page.find(stop).click()
    assert chapter.wait(17).state == "stopped"
    assert "before Python was stopped" in chapter.wait(16).state
    chapter.press(17, ".al-btn[aria-label^=Reset]")
    assert chapter.run(16).state.startswith("ran here")


def test_an_edit_survives_a_reload_and_what_it_prints_is_there(page: b.Browser, book: str) -> None:
    chapter = Chapter(page, f"{book}{FIRST}.html")
    edit(page, 16, "print(6 * 7)")
    page.driver.refresh()
    chapter = Chapter(page, f"{book}{FIRST}.html")
    assert "print(6 * 7)" in page.find(".al-cellbox[data-cell='16'] .cell_input").text
    assert chapter.run(16).gave.strip() == "42"
    chapter.press(16, ".al-btn[aria-label^=Reset]")


def test_what_is_solved_survives_a_reload(page: b.Browser, book: str) -> None:
    solved = "#exercise-1\\.1 .al-exercise.al-solved"
    chapter = Chapter(page, f"{book}{FIRST}.html")
    chapter.run(22)
    chapter.run(23)
    chapter = Chapter(page, f"{book}{FIRST}.html")
    page.until("return !!document.querySelector(arguments[0])", solved)
    edit(page, 16, "from asgilive import check\ncheck")
    assert re.search(r"request.*?pass, \d{4}-\d\d-\d\d", chapter.run(16).gave)
    chapter.press(16, ".al-btn[aria-label^=Reset]")


def test_a_reload_of_the_page_while_it_runs(page: b.Browser, book: str) -> None:
    chapter = Chapter(page, f"{book}{FIRST}.html")
    chapter.press(1)
    page.driver.refresh()
    assert Chapter(page, f"{book}{FIRST}.html").run(1).state.startswith("ran here")


def test_a_site_is_shown_in_its_card(page: b.Browser, book: str) -> None:
    chapter = Chapter(page, f"{book}{FIRST}.html")
    for number in (1, 5, 13):
        chapter.run(number)
    card = ".al-cellbox[data-cell='13'] .al-given .al-site"
    page.until("return !!document.querySelector(`${arguments[0]} button`)", card)
    page.find(f"{card} button").click()
    page.until(
        "return document.querySelector(`${arguments[0]} iframe`)?.contentDocument?.body?.innerText"
        ' === \'{"hello":"world"}\'',
        card,
    )
    found = [page.axe()]
    if page.name == "chromium":
        page.light("dark")
        found.append(page.axe())
        page.light("light")
    assert found == [[]] * len(found)
    chapter.run(19)
    assert page.ask(
        "return document.querySelector(`${arguments[0]} .al-state`).innerText", card
    ) == ("stopped")


def test_on_a_phone(page: b.Browser, book: str) -> None:
    width = 320 if page.name == "chromium" else 500  # Firefox has no narrower window
    chapter = Chapter(page, f"{book}{FIRST}.html", width=width)
    for number in (1, 2, 13, 22):
        assert chapter.run(number).state.startswith("ran here")
    assert page.ask("return document.documentElement.scrollWidth <= innerWidth")
    assert page.axe() == []
    page.resize(1280)


def test_the_keyboard_alone(page: b.Browser, book: str) -> None:
    """From the first Tab to a running cell, its code changed, and on to the next."""
    chapter = Chapter(page, f"{book}{FIRST}.html")
    focus = "return document.activeElement.getAttribute('aria-label') ?? ''"
    for _ in range(80):
        page.press(Keys.TAB)
        if page.ask(focus) == "Run cell 1":
            break
    page.press(Keys.ENTER)
    assert chapter.wait(1).state.startswith("ran here")
    while page.ask(focus) != "Edit cell 1":
        page.press(Keys.TAB)
    page.press(Keys.ENTER)
    page.until("return !!document.activeElement.closest('.cm-content')")
    page.chord(Keys.CONTROL, Keys.END)
    page.press(Keys.ENTER, *"7 * 6")
    page.chord(Keys.SHIFT, Keys.ENTER)
    page.until(
        "return document.querySelector('[data-cell=\"1\"] .al-given')?.innerText.trim() === '42'"
    )
    assert page.ask("return !!document.activeElement.closest('[data-cell=\"2\"]')")
    chapter.press(1, ".al-btn[aria-label^=Reset]")


def test_where_there_is_no_service_worker(book: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without https: cells run, and a card says why it shows nothing."""
    if b.wanted_browser() == "firefox":
        pytest.skip("Firefox cannot be given names of hosts")
    there(b.missing("chromium"))
    with b.browser("chromium", hosts="MAP book.test 127.0.0.1") as page:
        chapter = Chapter(page, f"{book.replace('127.0.0.1', 'book.test')}{FIRST}.html")
        assert page.ask("return [isSecureContext, 'serviceWorker' in navigator]") == [False, False]
        for number in (1, 5, 13):
            assert chapter.run(number).state.startswith("ran here")
        page.until(
            "return /over https/.test(document.querySelector('.al-given .al-site').innerText)"
        )
        assert page.ask("return !document.querySelector('.al-given .al-site button')")


def test_a_page_opened_as_a_file(page: b.Browser) -> None:
    """Cells run, from what comes inside a script; a card says why it shows nothing."""
    chapter = Chapter(page, (BUILT / f"{FIRST}.html").resolve().as_uri())
    for number in (1, 5, 13, 22, 23):
        assert chapter.run(number).state.startswith("ran here")
    card = "document.querySelector('.al-given .al-site').innerText"
    page.until(f"return /opened as a file/.test({card})")
    edit(page, 16, "print(6 * 7)")
    assert chapter.run(16).gave.strip() == "42"


# ---- how much of a chapter runs ------------------------------------------------------------------


@pytest.mark.parametrize("number", ["01", "02", "04", "06", "08", "09", "11", "12"])
def test_first_screens_exercises_and_most_cells_run(number: str) -> None:
    names = [name for name in PAGES if name.startswith(f"notebooks/{number}-")]
    if not names:
        pytest.skip("not written yet")
    html = (BUILT / f"{names[0]}.html").read_text("utf-8")
    cells = re.findall(r'<div class="al al-cellbox[^>]*data-cell[^>]*>', html)
    runs = ["data-run" in cell for cell in cells]
    assert runs[0], "the first screen"
    assert sum(runs) / len(runs) >= 0.6
    exercises = [cell for cell in cells if 'id="exercise-' in cell]
    assert exercises
    still = {cell for cell in exercises if "data-run" not in cell}
    assert {re.search(r'id="exercise-([\d.]+)"', cell)[1] for cell in still} <= {*THREADS}
