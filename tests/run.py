"""Check everything, step by step: what `python3 start.py test` runs inside .venv.

Every step runs, even if one before it failed, and ends, if need be by force. What is left out is
named, with the reason. The last line counts the steps, and the exit status is 1 if any of them
failed. What each of them printed is in .cache/steps.

`--all` adds Firefox and every other Python found on this machine: the newest runs all tests and
notebooks, those between it and this one the notebooks.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import start  # noqa: E402

CACHE = ROOT / ".cache"
MODULES = CACHE / "node_modules"
OTHERS = ("3.11", "3.12", "3.13", "3.14")  # with --all, those of them that are here
STRIP = ["--keep-id", "--extra-keys=metadata.language_info.version"]
PRINTED = 300  # lines of a failed step
LONGEST = 1200  # seconds that a command may take


@dataclass
class Step:
    """Commands that run one after the other, each even if the one before it failed."""

    name: str
    commands: Sequence[Sequence[object]]
    env: dict[str, str] = field(default_factory=dict)
    left_out: str = ""  # why


class Run(threading.Thread):
    """A step that is running, or has run."""

    def __init__(self, step: Step) -> None:
        super().__init__(daemon=True)
        self.step, self.failed = step, False
        self.began, self.took = time.monotonic(), 0.0
        (CACHE / "steps").mkdir(parents=True, exist_ok=True)
        self.printed = CACHE / "steps" / f"{step.name}.txt"  # a pipe would end with its last holder
        self.printed.write_bytes(b"")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def run(self) -> None:
        for command in self.step.commands:
            try:
                self.failed |= self.call([str(word) for word in command]) != 0
            except OSError as error:
                self.say(str(error))
                self.failed = True
        self.took = time.monotonic() - self.began

    def call(self, command: list[str]) -> int:
        """The exit status of one command; what it prints is kept."""
        env = start.surroundings(**self.step.env)
        with (
            self.printed.open("ab") as output,
            subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            ) as self.process,
        ):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(LONGEST)
            self.process.send_signal(signal.SIGABRT)  # pytest then prints where it hangs
        self.say(f"ended: not over after {LONGEST} s")
        return 1

    def say(self, line: str) -> None:
        """Add a line to what was printed."""
        with self.printed.open("a", encoding="utf-8") as output:
            output.write(f"{line}\n")

    @property
    def lines(self) -> list[str]:
        """What was printed so far."""
        return self.printed.read_text("utf-8", "replace").splitlines()

    def last(self) -> str:
        """The last line that says something."""
        return next((line.strip() for line in reversed(self.lines) if line.strip(" .=")), "")

    def wait(self) -> None:
        """Wait for the end; on a terminal show the time and the last line meanwhile."""
        while self.is_alive():
            self.join(0.1)
            if sys.stdout.isatty():
                now = f"{self.step.name} {time.monotonic() - self.began:.0f} s  {self.last()}"
                print(f"         {now:.65}\x1b[K", end="\r", flush=True)

    def close(self) -> None:
        """Stop the command that is still running, with time to clean up after itself."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def tell(self) -> None:
        """The closing line, and what a failed step printed."""
        lines = self.lines
        told = [line for line in lines if re.match(r"(\d+ failed, )?\d+ passed|TOTAL", line)]
        counts = "; ".join(re.sub(r"\s+", " ", line) for line in told)
        how = "FAILED" if self.failed else "ok"
        start.say(how, f"{self.step.name}: {self.took:.0f} s  {counts}".rstrip())
        if self.failed:
            print("\n".join("    " + line for line in lines[-PRINTED:]), flush=True)


def carry_out(steps: list[Step]) -> Iterator[Run]:
    """Run steps beside each other and tell how each ended."""
    for step in steps:
        start.say("..." if step.commands else "left", f"{step.name}  {step.left_out}")
    runs = [Run(step) for step in steps if not step.left_out]
    try:
        for run in runs:
            run.wait()
            run.tell()
            yield run
    finally:
        for run in runs:
            run.close()


# ---- What is checked ---------------------------------------------------------------------------


def pytest(name: str, marked: str, *options: str, **env: str) -> Step:
    """A step that runs the tests with these marks."""
    python = env.pop("python", sys.executable)
    return Step(name, [[python, "-m", "pytest", "-vv", "-m", marked, *options]], env)


def lint() -> Step:
    """Style, spelling, and notebooks without outputs."""
    ruff, codespell, nbstripout = (program(name) for name in ("ruff", "codespell", "nbstripout"))
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    stripped = [nbstripout, "--verify", *STRIP, *notebooks]
    return Step("style", [[ruff, "check"], [ruff, "format", "--check"], [codespell], stripped])


def types() -> Step:
    """The types of the library and of the two commands."""
    mypy = program("mypy")
    return Step("types", [[mypy], [mypy, "start.py", "tests/run.py", "tests/doctor.py"]])


def pages_built() -> Step:
    """The pages; a warning is an error."""
    return Step("pages built", [[program("jupyter-book"), "build", "-W", "--keep-going", ROOT]])


def workflows() -> Step:
    """The workflows of .github, where there is Node.js."""
    command = ["node", "tests/workflows.cjs", ".github/workflows/*.yml"]
    return Step("workflows", [command], left_out=no_node())


def pages(name: str) -> Step:
    """The pages in a browser, which a machine of continuous integration must have."""
    from browser import missing

    step = pytest(f"pages in {name.title()}", "pages", ASGILIVE_BROWSER=name)
    if not os.environ.get("CI"):
        step.left_out = no_node() or (missing(name) and f"not found here: {missing(name)}")
    return step


PLAIN = "not notebooks and not pages"
AGAIN = f"{PLAIN} and not start and not faults"


def groups(everything: bool) -> Iterator[list[Step]]:
    """The steps in their order; those of one group run beside each other, and time nothing."""
    yield [lint(), types(), workflows(), pages_built()]
    yield [pytest("tests", PLAIN, "--cov", "--cov-report=term-missing:skip-covered")]
    yield [pytest("tests, asyncio watched", AGAIN, PYTHONASYNCIODEBUG="1")]
    yield [pytest("notebooks", "notebooks")]
    yield [pages("chromium")]
    if everything:
        yield [pages("firefox")]


def groups_of(version: str, python: str, tests: bool) -> Iterator[list[Step]]:
    """The steps of another Python, with or without the tests; its notebooks run once."""
    python = environment_of(version, python)
    if tests:
        yield [pytest(f"tests on {version}", AGAIN, python=python)]
    once = ("-k", "not from_the_command_line")
    yield [pytest(f"notebooks on {version}", "notebooks", *once, python=python)]


# ---- What the steps need -----------------------------------------------------------------------


def program(name: str) -> Path:
    """A program of .venv."""
    return start.python_of(start.VENV).with_name(name + ".exe" if os.name == "nt" else name)


def no_node() -> str:
    """Why what needs Node.js is left out, or nothing."""
    return "" if shutil.which("node") and shutil.which("npm") else "no Node.js here"


def page_tools() -> Iterator[list[Step]]:
    """What tests/package.json pins, put into .cache unless it is there."""
    pins = (ROOT / "tests" / "package-lock.json").read_text("utf-8")
    stamp = MODULES / "complete"
    if no_node() or (stamp.exists() and stamp.read_text("utf-8") == pins):
        return
    CACHE.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "tests" / name, CACHE)
    yield [Step("page tools, with npm", [[shutil.which("npm"), "ci", "--prefix", CACHE]])]
    stamp.write_text(pins, "utf-8")


def other_pythons() -> dict[str, str]:
    """The other Pythons that are here, by version."""
    found = {version: find(version) for version in OTHERS if version != start.VERSION}
    return {version: python for version, python in found.items() if python}


def environment_of(version: str, python: str) -> str:
    """The Python of an environment with all the pins, made if need be."""
    venv = CACHE / f"python-{version}"
    for pins in (start.BOOK, start.TESTS):
        start.ready(venv, python, version, pins)
    return str(start.python_of(venv))


def find(version: str) -> str:
    """A Python of this version that runs: on the path, from pyenv, or from uv; else nothing."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    own = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", home / ".local/share/uv/python"))
    places = [
        *pyenv.glob(f"{version}.*/bin/python3"),
        *own.glob(f"cpython-{version}.*/bin/python3"),
    ]
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(places))]
    return next((python for python in candidates if python and runs(python, version)), "")


def runs(python: str, version: str) -> bool:
    """Whether a program is that Python (a shim may stand for none)."""
    ask = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True)
    return answer.stdout.strip() == version


class Tally:
    """How the steps ended."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[str] = []
        self.left: list[str] = []

    def count(self, name: str, groups: Callable[[], Iterator[list[Step]]]) -> None:
        """Run groups of steps; what cannot even be set up is a failed step of that name."""
        try:
            for group in groups():
                self.left += [step.name for step in group if step.left_out]
                for run in carry_out(group):
                    (self.failed if run.failed else self.passed).append(run.step.name)
        except (start.Failed, start.Problem, OSError) as error:
            start.say("FAILED", f"{name}: {error}")
            self.failed.append(name)

    def __str__(self) -> str:
        skipped = f", {len(self.left)} skipped" if self.left else ""
        return f"{len(self.passed)} passed, {len(self.failed)} failed{skipped}"


def main(everything: bool) -> int:
    """Run every step and count."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell may have had SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    began, tally = time.monotonic(), Tally()
    try:
        tally.count("page tools", page_tools)
        tally.count("set-up", lambda: groups(everything))
        others = other_pythons() if everything else {}
        for version, python in others.items():
            newest = version == [*others][-1]
            tally.count(f"Python {version}", partial(groups_of, version, python, newest))
    except KeyboardInterrupt:
        tally.failed.append("stopped before the end")
    for name in tally.failed:
        print(f"  failed: {name}")
    print(f"  {(time.monotonic() - began) / 60:.1f} minutes")
    print(tally, flush=True)
    return bool(tally.failed)


if __name__ == "__main__":
    sys.exit(main("--all" in sys.argv))
