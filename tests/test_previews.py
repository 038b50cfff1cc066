"""What a page of the book serves, as the browser sees it: frames, tabs, forms, streams, WebSockets.

A plain host serves the runtime below a path, as project pages are; Python runs in the page, and
frames beside it reach its servers through the service worker.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser as b
import pytest
from chapters import BUILT

pytestmark = [pytest.mark.pages, pytest.mark.timeout(180)]

DATA = Path(__file__).parent / "data"
SHOP = (DATA / "shop.py").read_text("utf-8")  # the application that is served in the page


def there(lacking: str) -> None:
    if lacking:
        (pytest.fail if b.os.environ.get("CI") else pytest.skip)(f"not here: {lacking}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("book")
    live = BUILT / "_static" / "live"
    there("" if live.is_dir() else f"the runtime in {live}: python3 start.py build makes it")
    (made / "_static").mkdir()
    (made / "_static" / "live").symlink_to(live.resolve())
    shutil.copy(DATA / "desk.html", made)
    return made


@pytest.fixture(scope="module")
def page() -> Iterator[b.Browser]:
    there(b.missing(b.wanted_browser()))
    with b.browser(b.wanted_browser()) as started:
        yield started


@pytest.fixture(scope="module")
def desk(folder: Path, page: b.Browser) -> Iterator[b.Browser]:
    """A page with Python, and the application above at `port`."""
    with b.served(folder, "/some/where/") as base:
        open_desk(page, base)
        yield page


def open_desk(page: b.Browser, base: str) -> None:
    page.open(base + "desk.html")
    page.until("return !!window.begin")
    assert page.wait_for("return begin()") == ""
    page.ask("window.port = 0")
    page.wait_for("window.port = await cell(values[0])", SHOP)


def ask(page: b.Browser, path: str) -> Any:
    """What a frame of the site gets when its script fetches a path."""
    return page.wait_for("return (await inside().fetch(values[0])).json()", path)


def test_a_frame_shows_the_page_that_the_app_serves(desk: b.Browser) -> None:
    text = desk.wait_for("return frame(link(port))")
    assert "home" in text
    assert desk.ask("return inside().document.compatMode") == "CSS1Compat"
    assert desk.ask("return inside().document.title") == "Shop"
    assert desk.ask("return inside().document.querySelectorAll('script').length") == 0


def test_links_and_forms_stay_with_their_server(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    port = desk.ask("return port")
    desk.ask("inside().document.getElementById('absolute').click()")
    here = "return inside().document.getElementById('here')?.textContent"
    desk.until("return inside().document.getElementById('here')?.textContent.startsWith('second')")
    assert desk.ask(here) == f"second, from http://127.0.0.1:{port}/"
    desk.ask("inside().document.getElementById('form').requestSubmit()")
    desk.until("return inside().document.getElementById('here')?.textContent.startsWith('form')")
    assert desk.ask(here) == f"form: hello there, from http://127.0.0.1:{port}"


def test_a_redirect_is_followed(desk: b.Browser) -> None:
    assert "second" in desk.wait_for("return frame(link(port, '/away'))")
    assert desk.ask("return inside().location.href") == desk.ask("return link(port, '/second')")


def test_cookies_are_kept(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    before = ask(desk, "/cookie").get("visits", "0")
    assert ask(desk, "/cookie") == {"visits": str(int(before) + 1)}


def test_a_large_body_arrives(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    script = """
    const asked = { method: "POST", body: "x".repeat(1e6) };
    return (await inside().fetch("/size", asked)).json();
    """
    assert desk.wait_for(script) == 1_000_000


def test_a_stream_comes_piece_by_piece_and_its_end_is_heard(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    before = ask(desk, "/seen")["disconnects"]
    script = """
    const stop = new AbortController();
    const response = await inside().fetch("/stream", { signal: stop.signal });
    const reader = response.body.getReader(), pieces = [];
    while (pieces.length < 3) pieces.push(new TextDecoder().decode((await reader.read()).value));
    await reader.cancel();
    return pieces.join("");
    """
    assert desk.wait_for(script).startswith("word 0\nword 1\nword 2\n")
    wait_until(desk, lambda: ask(desk, "/seen")["disconnects"] == before + 1)


def wait_until(page: b.Browser, true: object) -> None:
    b.WebDriverWait(page.driver, 15).until(lambda _: true())  # type: ignore[operator]


def test_a_reload_amid_a_stream(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    before = ask(desk, "/seen")["disconnects"]
    desk.ask("inside().location.href = link(port, '/stream')")
    desk.until("return inside().document.body?.innerText.includes('word 3')")
    desk.ask("inside().location.reload()")
    desk.until("return inside().document.body?.innerText.includes('word 3')")
    desk.wait_for("return frame(link(port))")
    wait_until(desk, lambda: ask(desk, "/seen")["disconnects"] == before + 2)


def test_events_arrive(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    script = """
    const source = new (inside().EventSource)("/events"), got = [];
    await new Promise((done) => {
      source.onmessage = (e) => { if (got.push(e.data) === 3) done(); };
    });
    source.close();
    return got;
    """
    assert desk.wait_for(script) == ["event 0", "event 1", "event 2"]


def test_a_stream_of_events_is_resumed(desk: b.Browser) -> None:
    """The browser asks again, also where an answer broke off, and says which event was its last."""
    desk.wait_for("return frame(link(port))")
    before = len(ask(desk, "/seen").get("asked", []))
    script = """
    const heard = (path) => new Promise((done) => {
      const source = new (inside().EventSource)(path), got = [];
      source.onmessage = (e) => got.push(`${e.lastEventId} ${e.data}`);
      source.onerror = () => { if (source.readyState === 2) done(got); };
    });
    const first = await heard("/numbers"), second = await heard("numbers");
    const closed = new (inside().EventSource)("/numbers");
    await new Promise((done) => { closed.onerror = done; });
    closed.close();
    return [first, second, await heard("/numbers")];
    """
    every = [f"{n} {n}" for n in range(1, 9)]
    assert desk.wait_for(script) == [every] * 3
    asked = [0, 2, 4, 6, 8]
    assert ask(desk, "/seen")["asked"][before:] == [*asked, *asked, 0, *asked]


def test_a_server_that_is_gone_is_asked_again(desk: b.Browser) -> None:
    """Not in Firefox, for which an answer of a service worker is one in any case."""
    desk.wait_for("return frame(link(port))")
    script = """
    const source = new (inside().EventSource)("http://127.0.0.1:9/events");
    await new Promise((done) => { source.onerror = done; });
    const state = source.readyState;
    source.close();
    return state;
    """
    assert desk.wait_for(script) == (2 if desk.name == "firefox" else 0)


def test_a_websocket_echoes_text_and_bytes(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    script = """
    const Socket = inside().WebSocket, got = [];
    const socket = new Socket(`ws://${location.host}/ws`, ["chat"]);
    socket.binaryType = "arraybuffer";
    const closed = new Promise((done) => { socket.onclose = done; });
    const next = () => new Promise((done) => {
      socket.addEventListener("message", (e) => done(e.data), { once: true });
    });
    got.push(socket.readyState === Socket.CONNECTING, await next());
    got.push(socket.protocol, socket.readyState);
    socket.send("hello"); got.push(await next());
    socket.send(new Uint8Array([1, 2, 3]).subarray(1));
    got.push([...new Uint8Array(await next())]);
    socket.send(new Blob(["ab"]));
    got.push(new TextDecoder().decode(await next()));
    socket.send("bye");
    const { code, reason, wasClean } = await closed;
    return [...got, code, reason, wasClean, socket.readyState];
    """
    port = desk.ask("return port")
    opened = [True, f"http://127.0.0.1:{port}", "chat", 1]
    echoed = ["hello!", [3, 2], "ba"]
    assert desk.wait_for(script) == [*opened, *echoed, 4001, "enough", True, 3]


def test_a_websocket_closed_by_its_page_and_one_refused(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port))")
    script = """
    const Socket = inside().WebSocket;
    const closed = (socket) => new Promise((done) => {
      socket.onclose = ({ code, wasClean }) => done([code, wasClean]);
    });
    const one = new Socket(`ws://127.0.0.1:${port}/ws`, ["chat"]);
    await new Promise((done) => { one.onopen = done; });
    const end = closed(one);
    one.close(3005, "mine");
    return [await end, await closed(new Socket(`ws://${location.host}/nothing`))];
    """
    assert desk.wait_for(script) == [[3005, True], [1006, False]]
    wait_until(desk, lambda: ask(desk, "/seen").get("code") == 3005)


def test_one_app_asks_another(desk: b.Browser) -> None:
    other = desk.wait_for(
        "return cell(values[0], 'b')",
        "other = FastAPI()\n@other.get('/')\nasync def f(): return 'other'\n"
        "second = await serve(other)\nprint(second.port, end='')",
    )
    desk.wait_for("return frame(link(port))")
    assert ask(desk, f"http://127.0.0.1:{other}/") == "other"


def test_swagger_tries_the_app_out(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port, '/docs'))")
    script = """
    const find = async (selector) => {
      for (;;) {
        const found = inside().document.querySelector(`#${values[0]} ${selector}`);
        if (found) return found;
        await new Promise((done) => setTimeout(done, 50));
      }
    };
    (await find(".opblock-summary-control")).click();
    (await find(".try-out__btn")).click();
    (await find(".execute")).click();
    return (await find(".live-responses-table .response .response-col_status")).innerText;
    """
    assert desk.wait_for(script, "operations-default-how_seen_get").startswith("200")


def test_redoc_shows(desk: b.Browser) -> None:
    desk.wait_for("return frame(link(port, '/redoc'))")
    desk.until("return inside().document.body.innerText.includes('/stream')", seconds=30)


def test_nobody_listens(desk: b.Browser) -> None:
    text = desk.wait_for("return frame(link(9))")
    assert "Nothing listens on port 9" in text
    assert desk.wait_for("return (await fetch(link(9)).catch(() => 0)) || 1")


def test_what_a_page_has_not_is_one_sentence(desk: b.Browser) -> None:
    """Its Python is another than the one of the tests."""
    for code, sentence in {
        "await serve(app, workers=2)": "NotHere: this page has no processes: JupyterLab",
        "import threading\nthreading.Thread(target=print).start()": "this page has one thread",
        "import httpx\nhttpx.get(site.url)": "this page has one thread, and",
        "input()": "NotHere: this page has no line to type into",
    }.items():
        script = "return cell(values[0], 'odd').catch((error) => error.message)"
        assert sentence in desk.wait_for(script, code)
    assert "Return the number of items" in desk.wait_for("return cell('help(len)', 'odd')")


def test_two_tabs_are_two_worlds(desk: b.Browser, folder: Path) -> None:
    first = desk.driver.current_window_handle
    address = desk.ask("return location.href")
    mine = desk.ask("return link(port)")
    desk.driver.switch_to.new_window("tab")
    try:
        open_desk(desk, address.removesuffix("desk.html"))
        desk.wait_for("return cell('await site.stop()')")
        assert "Nothing listens" in desk.wait_for("return frame(link(port))")
        assert "home" in desk.wait_for("return frame(values[0])", mine)
        desk.ask("python.stop()")
        assert "No Python here" in desk.wait_for("return frame(link(port))")
    finally:
        desk.driver.close()
        desk.driver.switch_to.window(first)
    assert "home" in desk.wait_for("return frame(link(port))")


def test_without_a_network(folder: Path, page: b.Browser) -> None:
    """What was loaded once needs no network: cells, frames, the documentation pages.

    Also Python's next start, where the host lets its scripts be kept, as most do.
    """
    with b.served(folder, "/project/", headers={"Cache-Control": "max-age=600"}) as base:
        open_desk(page, base)
        page.wait_for("return frame(link(port))")
        page.wait_for(
            """
            const kept = await caches.open("asgilive docs");
            const moment = () => new Promise((done) => setTimeout(done, 50));
            while ((await kept.keys()).length < 4) await moment();
            """
        )
    assert page.wait_for("return cell('6 * 7')") == "42"
    assert "second" in page.wait_for("return frame(link(port, '/second'))")
    page.wait_for("return frame(link(port, '/docs'))")
    page.until("return !!inside().document.querySelector('.opblock')", seconds=30)
    page.ask("python.stop()")
    assert page.wait_for("return begin()") == "", "Python starts again from what is kept"
    assert page.wait_for("return cell('6 * 7')") == "42"


def test_stopped_python_ends_what_hangs_on_it(folder: Path, page: b.Browser) -> None:
    with b.served(folder) as base:
        open_desk(page, base)
        page.wait_for("return frame(link(port))")
        script = """
        const socket = new (inside().WebSocket)(`ws://${location.host}/ws`, ["chat"]);
        await new Promise((done) => { socket.onopen = done; });
        const closed = new Promise((done) => { socket.onclose = ({ code }) => done(code); });
        const reader = (await inside().fetch("/stream")).body.getReader();
        await reader.read();
        python.stop();
        for (;;) {
          try {
            if ((await reader.read()).done) return "ended";
          } catch {
            return ["broken", await closed];
          }
        }
        """
        assert page.wait_for(script) == ["broken", 1006]


def test_another_days_files_are_refused(folder: Path, page: b.Browser, tmp_path: Path) -> None:
    """A file that is not the one of the list is not run; a missing one is named."""
    spoiled = tmp_path / "book"
    shutil.copytree(folder, spoiled)
    live = spoiled / "_static" / "live"
    archive = live / "library.zip.gz"
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    with b.served(spoiled) as base:
        page.open(base + "desk.html")
        page.until("return !!window.begin")
        failed = "return begin().then(() => '', (error) => error.message)"
        assert "another day" in page.wait_for(failed)
        archive.unlink()
        assert "library.zip.gz is not to be had (404)" in page.wait_for(failed)
