"""`_static/live/`: all that a page needs to run its cells, put together at build time.

Three folders of `.cache/` stand on each other: what is fetched, what is made ready of it, and,
made anew in seconds, the runtime with the library's own modules and the page's scripts.  Its
`runtime.json` has the digest of every file; a file that is not as it was is made again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from asgilive.publishing.fetching import LIBRARY, PAGE, digest, fetched, kept
from asgilive.publishing.parts import PACKAGES, compiled, copy, packed, parts, shorten

ROOT = LIBRARY.parent
APPS = ROOT / "notebooks" / "apps"  # a chapter imports what an earlier one wrote: `apps.reply`

# What the style of a figure is made of, and the script of a site's card in JupyterLab.
STYLE = {"tokens.css", "figures.css", "components.css", "figures.js"}

# The page's scripts, each joined with what it imports; what is left out is asked for when needed.
SCRIPTS = {
    "live.js": ("--bundle", "--format=iife", "--external:./python.js", "--external:./editor.js"),
    "python.js": ("--bundle",),
    "worker.js": ("--bundle", "--external:./python/*"),
    "file.js": ("--bundle", "--format=iife"),
    "preview.js": ("--format=iife",),
    "frame.js": ("--format=iife",),
    "editor.js": ("--bundle",),
}

# The worker with all its modules: none itself, and without what Pyodide has for Node.js alone.
IN_ONE = ("--external:node:*", "--external:ws", "--define:import.meta.url=self.location.href")

# What is asked for at the first Run and not before.
FIRST_RUN = ("python/", "library.zip", "python.js", "worker.js", "preview.js")


@dataclass(frozen=True)
class Runtime:
    """A folder that is ready to be published."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What `runtime.json` says."""
        return dict(json.loads((self.folder / "runtime.json").read_text("utf-8")))

    @property
    def version(self) -> str:
        """A digest of everything in it."""
        return str(self.manifest["version"])

    @property
    def megabytes(self) -> int:
        """What the first Run loads, rounded."""
        return round(int(self.manifest["size"]) / 1e6)

    def whole(self) -> bool:
        """True where every file is as it was made."""
        try:
            digests = {name: about["sha256"] for name, about in self.manifest["files"].items()}
            return all(sha256(self.folder / name) == value for name, value in digests.items())
        except (OSError, ValueError):
            return False

    def publish(self, place: Path) -> None:
        """Copy it to its place in the pages, unless it is there."""
        manifest, there = self.folder / "runtime.json", place / "runtime.json"
        if there.is_file() and there.read_bytes() == manifest.read_bytes():
            return
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder, place, ignore=shutil.ignore_patterns(manifest.name))
        shutil.copyfile(manifest, there)  # last: what it names is there


def assemble() -> Runtime:
    """The runtime of this state of the library, from the cache or made now.

    Raises:
        Unavailable: it cannot be put together: why, and the next step, in one sentence.
    """
    source = fetched()
    base = parts(source)
    files = [*own_files(), *sorted(PAGE.glob("*.js")), Path(__file__)]
    made_from = [(file.relative_to(ROOT).as_posix(), file.read_bytes()) for file in files]
    name = f"runtime-{digest(base.name, *(part for pair in made_from for part in pair))}"
    runtime = Runtime(kept(name, lambda folder: make(source, base, folder), keep=3))
    if not runtime.whole():
        shutil.rmtree(runtime.folder)
        runtime = Runtime(kept(name, lambda folder: make(source, base, folder), keep=3))
    return runtime


def own_files() -> Iterator[Path]:
    """What a page has of this book: the library's modules, tables and figure styles; the apps."""
    for file in sorted(LIBRARY.rglob("*")):
        wanted = file.suffix in {".py", ".csv"} or file.name in STYLE
        if wanted and not {LIBRARY / "publishing", PAGE} & set(file.parents):
            yield file
    yield from sorted(APPS.glob("*.py"))


def make(source: Path, base: Path, folder: Path) -> None:
    """Put the library, the page's scripts and the editor beside what comes from elsewhere."""
    shutil.copytree(base / "live", folder, dirs_exist_ok=True)
    own = folder / "own"
    for file in own_files():
        copy(file, own / file.relative_to(APPS.parent if APPS in file.parents else ROOT))
    compiled(source, {PACKAGES: own})
    (folder / "library.zip.gz").write_bytes(packed(base / "packages", own))
    shutil.rmtree(own)
    scripts = folder / "scripts"  # beside the modules of Pyodide, which the worker imports
    shutil.copytree(PAGE, scripts)
    shutil.copytree(folder / "python", scripts / "python")
    for name, options in SCRIPTS.items():
        shorten(source, scripts / name, folder / name, *options)
    whole = scripts / "whole.js"
    shorten(source, scripts / "worker.js", whole, "--bundle", "--format=iife", *IN_ONE)
    pack_file(folder, whole.read_text("utf-8"))
    shutil.rmtree(scripts)
    (folder / "runtime.json").write_text(json.dumps(contents(folder), indent=1), "utf-8")


def pack_file(folder: Path, worker: str) -> None:
    """Put the worker and its files into `file.js`, for pages that are opened as files."""
    found = [folder / "library.zip.gz", *sorted((folder / "python").iterdir())]
    packed = {
        file.relative_to(folder).as_posix(): base64.b64encode(file.read_bytes()).decode()
        for file in found
        if file.suffix != ".mjs"  # those are in the worker
    }
    with (folder / "file.js").open("a", encoding="utf-8") as script:
        script.write(f"self.asgilivePython=asgilive({json.dumps(worker)},{json.dumps(packed)});")


def contents(folder: Path) -> dict[str, Any]:
    """What is in a folder: a version, the bytes that the first Run loads, a digest of each file."""
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in found}
    files = {name: {"size": size, "sha256": sha256(folder / name)} for name, size in sizes.items()}
    first = sum(size for name, size in sizes.items() if name.startswith(FIRST_RUN))
    return {"version": digest(json.dumps(files)), "size": first, "files": files}


def sha256(file: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
