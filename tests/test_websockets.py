"""Chapter 9 in a real browser: what a page's own WebSocket is told, and how its frames look.

The apps are those of the chapter, on uvicorn; the page is opened by itself, in the card of a site
as a notebook shows it, and in the built chapter, where the server runs in the page.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser as b
import pytest
from chapters import BUILT, ROOT, Chapter

from asgilive import Site, drawing, fetch, serve
from asgilive.publishing.pages import policy

sys.path.insert(0, str(ROOT / "notebooks"))

from apps.door import door
from apps.endings import endings

pytestmark = [pytest.mark.pages, pytest.mark.timeout(180)]

TOLD = ["refuse: 1006 ", "deny: 1006 ", "accept: 4401 log in first"]
LINES = "return [...document.querySelectorAll('p')].map(p => p.textContent)"
CHAPTER = "notebooks/09-websockets-from-the-handshake-up.html"

OPEN = """
const open = (path, act = () => {}) => new Promise((done) => {
  const socket = new WebSocket(values[0] + path);
  socket.onopen = () => act(socket);
  socket.onclose = ({ code, reason, wasClean }) => done([code, reason, wasClean]);
});
"""


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
    """Starts a site for a test that is no coroutine, and stops it."""
    sites: list[Site] = []

    async def started(app: Any, **options: Any) -> Site:
        return await serve(app, **options)

    def begin(app: Any, **options: Any) -> Site:
        sites.append(asyncio.run(started(app, **options)))
        return sites[-1]

    yield begin
    for site in sites:
        asyncio.run(site.stop())


def told(page: b.Browser, switch: str = "") -> list[str]:
    """What the door's page shows, once it has heard of all three."""
    page.until(f"{LINES}.length === 3 && !document.body.innerText.includes('waiting')")
    return list(page.ask(LINES))


def test_a_page_cannot_see_why_it_was_refused(page: b.Browser, start: Callable[..., Site]) -> None:
    page.open(start(door).url)
    assert told(page) == TOLD


def test_the_ten_endings_as_a_page_sees_them(page: b.Browser, start: Callable[..., Site]) -> None:
    site = start(endings)
    page.open(site.url)
    script = (
        OPEN
        + """
    const said = {};
    for (const path of ["early/close", "early/deny", "early/return", "early/raise",
                        "late/close", "late/return", "late/raise"])
      said[path] = await open(path);
    said["client/4002"] = await open("client/4002", (socket) => socket.close(4002, "mine"));
    said["late/17MB"] = await open("late/17MB", (socket) => socket.send("x".repeat(17 << 20)));
    return said;
    """
    )
    said = page.wait_for(script, site.ws_url + "/")
    large = said.pop("late/17MB")
    nothing = [1006, "", False]
    assert said == {
        **dict.fromkeys(["early/close", "early/deny", "early/return", "early/raise"], nothing),
        "late/close": [4001, "", True],
        "late/return": nothing,
        "late/raise": nothing,
        "client/4002": [4002, "mine", True],
    }
    assert large[0] == 1009
    assert heard(site) == {"client/4002": "app: 4002"}


def heard(site: Site) -> dict[str, str]:
    """Which codes the app has heard so far, by path."""
    found: dict[str, str] = json.loads(asyncio.run(fetch(site)).text)
    return found


KEEP = """
window.kept = new WebSocket(values[0]);
window.kept.onclose = ({ code }) => { window.ended = code; };
await new Promise((done) => { window.kept.onopen = done; });
"""


def until_heard(site: Site, what: str) -> str | None:
    """Which code the app hears of a path, within some seconds."""
    end = time.monotonic() + 15
    while what not in heard(site) and time.monotonic() < end:
        time.sleep(0.05)
    return heard(site).get(what)


def test_a_page_that_is_loaded_again_says_that_it_goes(
    page: b.Browser, start: Callable[..., Site]
) -> None:
    site = start(endings)
    page.open(site.url)
    page.wait_for(KEEP, site.ws_url + "/client/again")
    page.driver.refresh()
    assert until_heard(site, "client/again") == "app: 1001"


def test_a_page_that_is_left_is_kept_for_the_way_back(
    page: b.Browser, start: Callable[..., Site]
) -> None:
    """With its WebSocket, in Chromium, which answers pings: the app hears nothing of it."""
    site = start(endings, ws_ping_interval=0.3, ws_ping_timeout=1.0)
    page.open(site.url)
    page.wait_for(KEEP, site.ws_url + "/client/left")
    page.driver.get(site.url + "/elsewhere")
    if page.name == "firefox":
        assert until_heard(site, "client/left") == "app: 1001"
        return
    time.sleep(3)
    assert "client/left" not in heard(site)
    page.driver.back()
    page.until("return window.ended === 1006")
    assert until_heard(site, "client/left") == "app: 1001"


def test_a_page_may_say_goodbye(page: b.Browser, start: Callable[..., Site]) -> None:
    site = start(endings)
    page.open(site.url)
    page.wait_for(KEEP, site.ws_url + "/client/hidden")
    page.ask("addEventListener('pagehide', () => window.kept.close(4000))")
    page.driver.get(site.url + "/elsewhere")
    assert until_heard(site, "client/hidden") == f"app: {1001 if page.name == 'firefox' else 4000}"


async def shout(scope: Any, receive: Any, send: Any) -> None:
    """The chapter's first app, and a page to open it from."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200})
        return await send({"type": "http.response.body", "body": b"<!doctype html>"})
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"].upper()})
    return None


def test_the_frames_of_a_browser(page: b.Browser, start: Callable[..., Site]) -> None:
    """Masked, each with a key of its own; a ping is answered, and none is sent."""
    site = start(
        shout, record=True, lifespan="off", ws_per_message_deflate=False, ws_ping_interval=0.2
    )
    page.open(site.url)
    script = """
    const socket = new WebSocket(values[0]), got = [];
    await new Promise((done) => { socket.onopen = done; });
    for (const word of ["hello", "hello"]) {
      socket.send(word);
      await new Promise((done) => { socket.onmessage = ({ data }) => done(got.push(data)); });
    }
    await new Promise((done) => setTimeout(done, 600));
    socket.close();
    await new Promise((done) => { socket.onclose = done; });
    return got;
    """
    assert page.wait_for(script, site.ws_url) == ["HELLO", "HELLO"]
    assert site.conversation is not None
    (call,) = [c for c in site.conversation.calls if c.scope["type"] == "websocket"]
    headers = dict(call.scope["headers"])
    assert headers[b"origin"] == site.url.encode()
    assert b"permessage-deflate" in headers[b"sec-websocket-extensions"]
    (talk,) = [c for c in site.conversation.connections if call in c.calls]
    names = [framed.frame.name for framed in talk.frames_in]
    assert names[:2] == ["text", "text"]
    assert "pong" in names
    assert "ping" not in names
    assert all(framed.frame.masked for framed in talk.frames_in)
    one, two = (framed.data[2:6] for framed in talk.frames_in[:2])
    assert one != two


def test_the_page_in_a_notebooks_card(
    page: b.Browser, start: Callable[..., Site], tmp_path: Path
) -> None:
    figure = start(door).show("/")
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


def test_the_page_in_the_built_chapter(page: b.Browser) -> None:
    """The server runs in the page as well: the same three lines, in the frame of its card."""
    built = BUILT / CHAPTER
    there("" if built.is_file() else f"{built}: python3 start.py build makes it")
    with b.served(BUILT, "/a/book/", headers={"Content-Security-Policy": policy()}) as address:
        chapter = Chapter(page, address + CHAPTER)
        numbers = chapter.numbers()
        last = next(n for n in numbers if "entry.show" in source(page, n))
        for number in numbers[: numbers.index(last) + 1]:
            assert chapter.run(number).state.startswith("ran here"), number
        card = f".al-cellbox[data-cell='{last}'] .al-given .al-site"
        page.until("return !!document.querySelector(`${arguments[0]} button`)", card)
        page.find(f"{card} button").click()
        inside = "document.querySelector(`${arguments[0]} iframe`)?.contentDocument"
        lines = f"[...({inside}?.querySelectorAll('p') ?? [])].map(p => p.textContent)"
        page.until(f"return {lines}.filter(line => !/waiting/.test(line)).length === 3", card)
        assert page.ask(f"return {lines}", card) == TOLD


def source(page: b.Browser, number: int) -> str:
    """The code of a cell."""
    box = f".al-cellbox[data-cell='{number}'] .cell_input"
    return str(page.ask("return document.querySelector(arguments[0])?.textContent ?? ''", box))
