"""What is fetched, made ready for a page: stripped of what none uses, compiled, packed.

Pyodide and its standard library, the wheels, the files of Swagger UI and ReDoc, every licence.
"""

from __future__ import annotations

import ast
import contextlib
import gzip
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from asgilive.publishing import fetching
from asgilive.publishing.fetching import DOCS, LIBRARY, PUBLISHED, digest, kept, node, run

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

# What no page can use: a terminal, mail, other systems, trio, types; Python's stand-ins for C.
UNUSED = re.compile(
    r"_pyrepl/(?!__init__|pager|types)|(bdb|doctest|pdb|pickletools)\.py|(ftplib|imaplib|mailbox|poplib|smtplib)\.py"
    r"|xmlrpc/|sqlite3/|dbm/|__phello__/|asyncio/(windows|proactor)_|_py(io|datetime|decimal)\.py"
    r"|encodings/(big5|cp(?!437|125[0-2])|euc|gb|hp|hz|iso2022|johab|koi|kz|mac|palm|ptcp|shift|tis)"
    r"|anyio/(pytest_plugin|_backends/_trio)|websockets/trio/|httpx/_main|click/_winconsole"
    r"|pydantic/(v1/|mypy|_hypothesis)|.*/\.agents/|.*\.(pyi|pyx|pxd|c|h)$|.*/py\.typed$"
    r"|.*\.dist-info/(?!METADATA$|entry_points)"
)


def parts(source: Path) -> Path:
    """The folder with all that the library joins: `live/` is published, `packages/` packed with it.

    Args:
        source: what `fetched` gave.
    """
    here = Path(__file__).parent
    scripts = [here / name for name in ("parts.py", "compiling.py", "compile.mjs")]
    texts = [script.read_bytes() for script in scripts]
    name = f"parts-{digest(source.name, *texts, *names_imported())}"
    return kept(name, lambda folder: make_parts(source, folder))


def names_imported() -> list[str]:
    """What the library imports of others, so that it is there as bytecode."""
    files = [file for file in LIBRARY.rglob("*.py") if LIBRARY / "publishing" not in file.parents]
    names = {name for file in files for name in imports_of(file)}
    return sorted(name for name in names if not name.startswith(("asgilive", "IPython", "__")))


def imports_of(file: Path) -> Iterator[str]:
    """The modules that a file imports; none where it is no Python, which the compiler will say."""
    with contextlib.suppress(SyntaxError):
        for statement in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(statement, ast.Import):
                yield from (each.name for each in statement.names)
            elif isinstance(statement, ast.ImportFrom):
                yield statement.module or "__"


def make_parts(source: Path, folder: Path) -> None:
    """Unpack, strip, compile, pack."""
    modules, live, packages = source / "node_modules", folder / "live", folder / "packages"
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        standard = Path(place)
        unpack(modules / "pyodide" / "python_stdlib.zip", standard)
        for wheel in sorted((source / "wheels").glob("*.whl")):
            unpack(wheel, packages)
        for package, names in DOCS.items():
            for name in names:
                compress(modules / package / name, live / "docs" / Path(name).name)
        (live / "licences.txt").write_text(licences(packages, modules), "utf-8")
        strip(packages)
        strip(standard)
        first = FIRST.replace("NAMES", repr(names_imported()))
        compiled(source, {PACKAGES: packages, STANDARD: standard}, first)
        publish_python(source, standard, live / "python")


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
    with tempfile.TemporaryDirectory(dir=fetching.CACHE, prefix="making-") as folder:
        job = Path(folder) / "job.json"
        places = {place: str(each) for place, each in folders.items()}
        job.write_text(json.dumps({"folders": places, "first": first}), "utf-8")
        script = Path(__file__).with_name("compile.mjs")
        run("bytecode", *node()[0], script, tools / "node_modules" / "pyodide", job)


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
    run(script.name, *node()[0], esbuild, script, *words, NODE_PATH=str(tools / "node_modules"))


def packed(*folders: Path) -> bytes:
    """The files of some folders as one archive, compressed as a whole: that is smaller."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder in folders:
            for file in sorted(file for file in folder.rglob("*") if file.is_file()):
                info = zipfile.ZipInfo(file.relative_to(folder).as_posix())  # of one date, always
                archive.writestr(info, file.read_bytes())
    return gzip.compress(buffer.getvalue(), 9, mtime=0)


def compress(file: Path, place: Path) -> None:
    """Write a file in gzip, under its name with `.gz` behind it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    data = gzip.compress(file.read_bytes(), 9, mtime=0)
    place.with_name(f"{place.name}.gz").write_bytes(data)


def copy(file: Path, place: Path) -> None:
    """Copy a file, and make its folder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, place)


def licences(library: Path, modules: Path) -> str:
    """The licences of all that is published, with their texts where the packages have them."""
    told = [
        "What runs inside these pages, and under which licence.\n",
        "== CPython's standard library: PSF-2.0, https://docs.python.org/3/license.html\n",
    ]
    for package in sorted(packages_below(modules)):
        about = json.loads((package / "package.json").read_text("utf-8"))
        found = re.search(
            r'https?://[^"]+', json.dumps([about.get("homepage"), about["repository"]])
        )
        where = f", {found[0]}" if found else ""
        told.append(f"== {about['name']} {about['version']}: {about['license']}{where}\n")
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
        named = re.search(r"(?i)licen[cs]e|notice|copying", file.name)
        if named and file.is_file() and "node_modules" not in file.relative_to(folder).parts:
            yield file


def text_of(file: Path) -> str:
    """The words of a file."""
    return file.read_text("utf-8", "replace").strip() + "\n"
