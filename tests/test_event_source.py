"""Chapter 8 in a real browser: how an EventSource resumes, when it gives up, how many there may be.

The apps are those of the chapter, on uvicorn; their pages are opened by themselves, in the card of
a site as a notebook shows it, and in the built chapter, where the server runs in the page.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import browser as b
import pytest
from chapters import BUILT, ROOT, Chapter

from asgilive import Site, drawing, relay, serve
from asgilive.publishing.pages import policy

sys.path.insert(0, str(ROOT / "notebooks"))

from apps.eight import eight
from apps.reply import reply
from apps.story import story
from apps.stream import begin, event, push

pytestmark = [pytest.mark.pages, pytest.mark.timeout(180)]

CHAPTER = "notebooks/08-streaming-sse-long-poll.html"
HTML = [(b"content-type", b"text/html")]
END = {"type": "http.response.body"}

# What the story's page says from its first line to its last: three answers, and one of 204.
TOLD = [
    line
    for first in (1, 4, 7)
    for line in ("open", *(f"{n}: line {n}" for n in range(first, first + 3)), "lost")
] + ["end"]
LINES = "document.querySelector('pre')?.textContent.trim().split('\\n')"


def there(lacking: str) -> None:
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"not here: {lacking}")


@pytest.fixture(scope="module")
def page() -> Iterator[b.Browser]:
    there(b.missing(b.wanted_browser()))
    with b.browser(b.wanted_browser()) as started:
        yield started


@pytest.fixture
def start() -> Iterator[Callable[..., Site]]:
    """Starts a site, or what else is awaited, for a test that is no coroutine, and stops it."""
    sites: list[Site] = []

    async def started(starts: Callable[..., Any], what: Any, options: dict[str, Any]) -> Any:
        return await starts(what, **options)

    def begin(what: Any, starts: Callable[..., Any] = serve, **options: Any) -> Site:
        sites.append(asyncio.run(started(starts, what, options)))
        return sites[-1]

    yield begin
    for site in reversed(sites):
        asyncio.run(site.stop())


def told(page: b.Browser, last: str = "end") -> list[str]:
    """What the story's page shows, once it has said this."""
    page.until(f"return ({LINES} ?? []).includes(arguments[0])", last, seconds=15)
    return list(page.ask(f"return {LINES}"))


def streams(site: Site, path: str = "/events") -> list[tuple[bytes | None, float, float]]:
    """Of each call for a stream: the last id it named, when it began and when it ended."""
    assert site.conversation is not None
    calls = [call for call in site.conversation.calls if call.scope.get("path") == path]
    return [
        (
            dict(call.scope["headers"]).get(b"last-event-id"),
            call.entries[0].t,
            call.entries[-1].t,
        )
        for call in calls
    ]


def test_a_story_goes_on_where_it_broke_off(page: b.Browser, start: Callable[..., Site]) -> None:
    site = start(story, record=True)
    page.open(site.url)
    assert told(page) == TOLD
    calls = streams(site)
    assert [last for last, _, _ in calls] == [None, b"3", b"6", b"9"]
    for (_, _, ended), (_, began, _) in pairwise(calls):
        assert 0.9 < began - ended < 2.5  # `retry` says one second
    page.open(site.url)
    told(page, "2: line 2")
    assert streams(site)[4][0] is None, "a page that is loaded again begins anew"


@pytest.mark.parametrize("retry", ["", "retry: 100\n"], ids=["without", "a tenth of a second"])
def test_how_long_a_browser_waits(page: b.Browser, start: Callable[..., Site], retry: str) -> None:
    """Three seconds where nothing is said, five in Firefox, which also takes no less than half."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            return await reply(send, 200, b"<!doctype html>", HTML)
        await begin(send)
        await push(send, f"{retry}data: hello\n\n".encode())
        await send(END)
        return None

    site = start(app, record=True, lifespan="off")
    page.open(site.url)
    script = """
    const source = new EventSource("events");
    let count = 0;
    await new Promise((done) => { source.onmessage = () => { if (++count === 2) done(); }; });
    source.close();
    """
    page.wait_for(script)
    (_, _, ended), (_, began, _) = streams(site)[:2]
    firefox = page.name == "firefox"
    wanted = (0.5 if firefox else 0.1) if retry else 5 if firefox else 3
    assert wanted * 0.9 < began - ended < wanted + 1


def test_what_is_in_an_event(page: b.Browser, start: Callable[..., Site]) -> None:
    """The bytes that `event` writes, a comment, and a last event without its empty line."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            return await reply(send, 200, b"<!doctype html>", HTML)
        await begin(send)
        await push(send, event("two\nlines", id=7) + b":\n\n" + event("retry: 9\n", event="note"))
        await push(send, "data: é ".encode() + b"id: 8\n\ndata: never ended\n")
        await send(END)
        return None

    page.open(start(app, lifespan="off").url)
    script = """
    const source = new EventSource("events"), got = [];
    const keep = (e) => got.push([e.type, e.lastEventId, e.data]);
    source.onmessage = keep;
    source.addEventListener("note", keep);
    await new Promise((done) => { source.onerror = done; });
    source.close();
    return got;
    """
    assert page.wait_for(script) == [
        ["message", "7", "two\nlines"],
        ["note", "7", "retry: 9\n"],
        ["message", "7", "é id: 8"],
    ]


def test_what_ends_a_stream_for_good(page: b.Browser, start: Callable[..., Site]) -> None:
    """Any answer but a 200 of this type."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] in ("/204", "/500", "/404"):
            return await reply(send, int(scope["path"][1:]))
        if scope["path"] == "/raise":
            raise ValueError("as an app does that cannot start")
        return await reply(send, 200, b"data: x\n\n", HTML)

    site = start(app, lifespan="off")
    page.open(site.url)
    script = """
    const state = (path) => new Promise((done) => {
      const source = new EventSource(path);
      source.onerror = () => { done(source.readyState); source.close(); };
    });
    return Promise.all(values[0].map(state));
    """
    asked = ["204", "500", "404", "raise", "html"]
    assert page.wait_for(script, asked) == [2] * len(asked)


def test_a_server_that_comes_back_is_found(page: b.Browser, start: Callable[..., Site]) -> None:
    """While nobody listens, the browser asks again and again."""
    site = start(story)
    page.open(site.url)
    told(page, "2: line 2")
    asyncio.run(site.stop())
    page.until(f"return {LINES}.filter(line => line === 'lost').length > 2", seconds=15)
    start(story, port=site.port)
    lines = told(page)
    assert [line for line in lines if ":" in line] == [f"{n}: line {n}" for n in range(1, 10)]


def test_nothing_is_lost_when_the_cable_is_cut(page: b.Browser, start: Callable[..., Site]) -> None:
    async def counting(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            return await reply(send, 200, b"<!doctype html>", HTML)
        last = int(dict(scope["headers"]).get(b"last-event-id", 0))
        await begin(send)
        for number in range(last + 1, last + 200):
            await push(send, event(f"{number}", id=number, retry=100))
            await asyncio.sleep(0.01)
        return None

    site = start(counting, record=True, lifespan="off")
    link = start(site, starts=relay, cut=900)
    page.open(link.url)
    script = """
    const source = new EventSource("events"), got = [];
    await new Promise((done) => {
      source.onmessage = (e) => { if (got.push(Number(e.data)) === 60) done(); };
    });
    source.close();
    return got;
    """
    assert page.wait_for(script) == list(range(1, 61))
    assert len(streams(site)) > 2


def test_six_of_eight_streams(page: b.Browser, start: Callable[..., Site]) -> None:
    """The limit of HTTP/1.1 for a host and port; it holds up what is no stream as well."""
    site = start(eight, record=True)
    page.open(site.url)
    waiting = "[...document.querySelectorAll('li')].filter(li => li.textContent === 'waits').length"
    page.until(f"return {waiting} === 2")
    script = f"""
    const answered = fetch("/").then(() => "answered");
    const second = new Promise((done) => setTimeout(() => done("waits"), 1000));
    return [await Promise.race([answered, second]), {waiting}];
    """
    assert page.wait_for(script) == ["waits", 2]
    assert len(streams(site, "/ticks")) == 6
    page.ask("window.another = window.open(location.href); return 1")
    time.sleep(1)
    assert len(streams(site, "/")) == 1, "another tab of the page is not even asked for"
    page.ask("window.another.close()")
    close_tab(page)  # lets go of all six, and the app's calls end
    until_ended(page, site, 6)


def close_tab(page: b.Browser) -> None:
    """As a reader does, with another tab open."""
    old = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    new = page.driver.current_window_handle
    page.driver.switch_to.window(old)
    page.driver.close()
    page.driver.switch_to.window(new)


def until_ended(page: b.Browser, site: Site, count: int) -> None:
    """Wait until so many calls for ticks have ended."""

    def ended(_: object) -> bool:
        assert site.conversation is not None
        calls = [c for c in site.conversation.calls if c.scope.get("path") == "/ticks"]
        return [call.ended for call in calls].count("returned") >= count

    b.WebDriverWait(page.driver, 10).until(ended)


def test_a_page_that_is_left_may_be_kept_with_its_stream(
    page: b.Browser, start: Callable[..., Site]
) -> None:
    """Chromium keeps it for the way back; a tab that is closed is gone, in both."""

    async def one(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/ticks":
            await eight(scope, receive, send)
        else:
            html = b"<!doctype html><script>new EventSource('ticks')</script>"
            await reply(send, 200, html, HTML)

    site = start(one, record=True, lifespan="off")
    page.open(site.url)
    page.until("return document.readyState === 'complete'")
    b.WebDriverWait(page.driver, 10).until(lambda _: streams(site, "/ticks"))
    page.driver.get("about:blank")
    if page.name == "firefox":
        until_ended(page, site, 1)
        return
    time.sleep(3)
    assert site.conversation is not None
    assert {call.ended for call in site.conversation.calls if call.scope["path"] == "/ticks"} == {
        "waiting"
    }
    page.driver.back()
    assert len(streams(site, "/ticks")) == 1
    close_tab(page)
    until_ended(page, site, 1)


def test_the_story_in_a_notebooks_card(
    page: b.Browser, start: Callable[..., Site], tmp_path: Path
) -> None:
    figure = start(story).show("/")
    notebook = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>A notebook</title>'
        f"{drawing.STYLE}<main>{figure.html}</main>{drawing.SCRIPT}"
    )
    (tmp_path / "notebook.html").write_text(notebook, "utf-8")
    with b.served(tmp_path) as address:
        page.open(address + "notebook.html")
        page.until("return !!document.querySelector('.al-site iframe')")
        page.driver.switch_to.frame(page.find(".al-site iframe"))
        try:
            assert told(page) == TOLD
        finally:
            page.driver.switch_to.default_content()


def test_the_story_in_the_built_chapter(page: b.Browser) -> None:
    """The server runs in the page as well, and the browser's own EventSource resumes."""
    built = BUILT / CHAPTER
    there("" if built.is_file() else f"{built}: python3 start.py build makes it")
    with b.served(BUILT, "/a/book/", headers={"Content-Security-Policy": policy()}) as address:
        chapter = Chapter(page, address + CHAPTER)
        numbers = chapter.numbers()
        last = next(n for n in numbers if "tale.show" in source(page, n))
        for number in numbers[: numbers.index(last) + 1]:
            assert chapter.run(number).state.startswith("ran here"), number
        card = f".al-cellbox[data-cell='{last}'] .al-given .al-site"
        page.until("return !!document.querySelector(`${arguments[0]} button`)", card)
        page.find(f"{card} button").click()
        frame = page.until("return document.querySelector(`${arguments[0]} iframe`)", card)
        page.driver.switch_to.frame(frame)
        try:
            assert told(page) == TOLD
        finally:
            page.driver.switch_to.default_content()


def source(page: b.Browser, number: int) -> str:
    """The code of a cell."""
    box = f".al-cellbox[data-cell='{number}'] .cell_input"
    return str(page.ask("return document.querySelector(arguments[0])?.textContent ?? ''", box))
