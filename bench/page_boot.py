"""From the first Run to FastAPI's first answer in a page, beside Pyodide's own bare boot.

    python bench/page_boot.py [rounds]

Both start in a module worker, in Chromium, from the same plain file server: ours as a reader starts
it, by a click on Run; the bare one is the npm package as it comes, up to its first print.  Cold is
a new profile, warm the same page loaded again.  Also: what is loaded before the click, what the
first Run loads, and whether the memory of a tab grows with ten pages' worth of cells.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from figures import Report, ratio, spread

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import browser as b  # noqa: E402
import psutil  # noqa: E402
from chapters import BUILT, Chapter  # noqa: E402

from asgilive.publishing.fetching import fetched  # noqa: E402

FASTAPI = """\
from asgilive import serve, fetch
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
async def hello():
    return {"hello": "world"}

site = await serve(app)
(await fetch(site)).text"""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Boot</title>
<body><main id="text" data-live="_static/live/" data-live-size="12" data-live-version="bench">
<article class="al-article"><div class="al al-cellbox" data-cell="1" data-run="">
<div class="cell_input"><pre>{code}</pre></div><div class="al-bar"></div></div></article></main>
<script type="module" src="_static/live/live.js"></script>"""
BARE = """<!doctype html><meta charset="utf-8"><title>Bare</title><script type="module">
window.boot = () => {
  const began = performance.now();
  const worker = new Worker("bare.mjs", { type: "module" });
  worker.onmessage = ({ data }) => { window.took = performance.now() - began; window.said = data; };
};
</script>"""
WORKER = """import { loadPyodide } from "./pyodide/pyodide.mjs";
const python = await loadPyodide({ indexURL: new URL("pyodide/", import.meta.url).href });
python.setStdout({ batched: (text) => postMessage(text) });
python.runPython("print('hello')");"""
CLICK = """
const began = performance.now(), box = document.querySelector(".al-cellbox");
new MutationObserver(() => {
  if (box.textContent.includes('{"hello":"world"}')) window.took ??= performance.now() - began;
}).observe(box, { childList: true, subtree: true, characterData: true });
box.querySelector("button").click();"""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """The two pages, beside the runtime of the built book and Pyodide as npm has it."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        shutil.copytree(BUILT / "_static", place / "_static")
        shutil.copytree(fetched() / "node_modules" / "pyodide", place / "pyodide")
        (place / "ours.html").write_text(PAGE.format(code=FASTAPI), "utf-8")
        (place / "bare.html").write_text(BARE, "utf-8")
        (place / "bare.mjs").write_text(WORKER, "utf-8")
        yield place


def took(page: b.Browser, address: str, begin: str) -> float:
    """Seconds of one boot."""
    page.open(address)
    page.until("return document.readyState === 'complete'")
    page.until("return !!(window.boot || document.querySelector('.al-cellbox button'))")
    page.ask(begin)
    return float(page.until("return window.took", seconds=120)) / 1000


def pair(base: str, name: str, begin: str) -> tuple[float, float]:
    """A cold boot and a warm one."""
    with b.browser("chromium") as page:
        cold = took(page, base + name, begin)
        return cold, took(page, base + name, begin)


def weigh(place: Path) -> tuple[int, int]:
    """Bytes on the wire: scripts before the click, and all that comes behind it, to the answer."""
    sent = Counter[str]()
    with b.served(place, sent=sent) as base, b.browser("chromium") as page:
        page.open(base + "ours.html")
        page.until("return !!document.querySelector('.al-cellbox button')")
        before = live(sent)
        page.ask(CLICK)
        page.until("return window.took", seconds=120)
        return before, live(sent)


def live(sent: Counter[str]) -> int:
    return sum(size for path, size in sent.items() if "/_static/live/" in path)


def memory() -> tuple[float, float]:
    """MB of the tab's process behind two pages' worth of cells, and behind ten."""
    with b.served(BUILT) as base, b.browser("chromium") as page:
        chapter = Chapter(page, f"{base}notebooks/02-three-arguments.html")
        sizes = []
        for _ in range(10):
            chapter.run_in_order()
            sizes.append(renderer(page.driver.service.process.pid))
        return sizes[1], sizes[9]


def renderer(driver: int) -> float:
    """MB of the largest process that renders pages."""
    found = psutil.Process(driver).children(recursive=True)
    tabs = [process for process in found if "--type=renderer" in process.cmdline()]
    return max(process.memory_full_info().uss for process in tabs) / 1e6


def main(rounds: int) -> None:
    """Measure in turn, print the ratios."""
    report = Report()
    with folder() as place, b.served(place) as base:
        ours, bare = [], []
        for _ in range(rounds):
            ours.append(pair(base, "ours.html", CLICK))
            bare.append(pair(base, "bare.html", "boot()"))
        before, run = weigh(place)
        for at, name, bound in ((0, "cold", 1.4), (1, "warm", 1.65)):
            mine, theirs = [each[at] for each in ours], [each[at] for each in bare]
            print(f"{name}: first answer {spread(mine, 's')}, bare Pyodide {spread(theirs, 's')}")
            report.line(f"{name}, ours / bare", ratio(mine, theirs), bound)
        report.line("before the click, KB", before / 1000, 20)
        report.line("the first Run, MB", run / 1e6, 12)
        two, ten = memory()
        print(f"memory of the tab: {two:.0f} MB behind 2 pages, {ten:.0f} MB behind 10")
        report.line("memory, 10 pages / 2 pages", ten / two, 1.1)
    report.end()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
