"""What every page of the book weighs, beside the default Jupyter Book theme on the same notebook.

    python bench/page_weight.py

Builds the book where it is not built, builds chapter 1 once more with Jupyter Book's own theme from
the same recorded outputs, and opens all of it in Chromium with an empty cache.  Bytes are gzip,
level 6; fonts are listed apart.  Ends with status 1 where a bound of the design is broken.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import browser as b  # noqa: E402

BUILT = Path(os.environ.get("ASGILIVE_HTML", ROOT / "_build" / "html"))
BOUNDS = {"CSS+JS": 50_000, "page": 120_000, "fonts": 60_000, "requests": 15, "elsewhere": 0}
COLUMNS = "{:36} {:>8} {:>8} {:>8} {:>9} {:>9}"


def main() -> int:
    """Print the table; 1 where a bound is broken."""
    if lacking := b.missing("chromium"):
        sys.exit(f"not here: {lacking}")
    if not (BUILT / f"{names()[0]}.html").is_file():
        build(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        usual = default_theme(Path(folder))
        (theirs,) = weights(usual, [f"{first_chapter()}.html"])
    ours = list(weights(BUILT, [*(f"{name}.html" for name in names()), "search.html"]))
    return report(ours, theirs)


def names() -> list[str]:
    """The pages of `_toc.yml`."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    return [toc["root"], *(each["file"] for part in toc["parts"] for each in part["chapters"])]


def first_chapter() -> str:
    return next(name for name in names() if name.startswith("notebooks/"))


def build(folder: Path) -> None:
    """Run `jupyter-book build`; its words only if it fails."""
    start = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])


def default_theme(folder: Path) -> Path:
    """Chapter 1 alone, as Jupyter Book builds it by itself, from the outputs our book recorded."""
    chapter = ROOT / f"{first_chapter()}.ipynb"
    caches = sorted(
        (BUILT.parent / ".jupyter_cache").iterdir(), key=lambda one: one.stat().st_mtime
    )
    config = {
        "title": "The same chapter",
        "only_build_toc_files": True,
        "execute": {"execute_notebooks": "cache", "cache": str(caches[-1]), "timeout": 60},
    }
    (folder / "_config.yml").write_text(yaml.safe_dump(config), "utf-8")
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: notebooks/{chapter.stem}\n", "utf-8")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / chapter.name).write_bytes(chapter.read_bytes())
    build(folder)
    return folder / "_build" / "html"


def weights(folder: Path, pages: list[str]) -> Iterator[b.Weight]:
    """Open each page with an empty cache and add up what it asked for."""
    with b.served(folder) as base:
        for page in pages:
            with b.browser() as window:
                window.open(base + page)
                window.until("return document.readyState === 'complete'")
                window.until("return document.fonts.status === 'loaded'")
                yield b.weigh(page, folder, base, window.settled())


def report(ours: list[b.Weight], theirs: b.Weight) -> int:
    """One line a page, the bounds, the default and the ratio."""
    print(COLUMNS.format("gzip kB", *BOUNDS))
    for weight in ours:
        print(line(weight.page, weight))
    print(COLUMNS.format("bound", *(show(name, bound) for name, bound in BOUNDS.items())))
    print(line("Jupyter Book's own theme, chapter 1", theirs))
    mine = next(weight for weight in ours if weight.page == theirs.page)
    pairs = zip(values(mine), values(theirs), strict=True)
    ratios = [f"{mine / other:.2f}" if other else "-" for mine, other in pairs]
    print(COLUMNS.format("ours / theirs, chapter 1", *ratios))
    broken = [
        f"{weight.page}: {name} {show(name, value)} > {show(name, bound)}"
        for weight in ours
        for (name, bound), value in zip(BOUNDS.items(), values(weight), strict=True)
        if value > bound
    ]
    print("\n".join(broken) or "all bounds hold")
    return 1 if broken else 0


def values(weight: b.Weight) -> list[int]:
    """The measures, in the order of `BOUNDS`."""
    foreign = len({address.split("/")[2] for address in weight.foreign})
    return [weight.css_js, weight.whole, weight.fonts, weight.requests, foreign]


def show(name: str, value: int) -> str:
    return str(value) if name in {"requests", "elsewhere"} else f"{value / 1000:.1f}"


def line(label: str, weight: b.Weight) -> str:
    shown = [show(name, value) for name, value in zip(BOUNDS, values(weight), strict=True)]
    return COLUMNS.format(label, *shown)


if __name__ == "__main__":
    sys.exit(main())
