"""tests/run.py: that a step fails, is left out and is counted as it should be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import run

import start

Groups = Callable[[], Iterator[list[run.Step]]]


def python(code: str) -> list[object]:
    return [sys.executable, "-c", code]


GOOD = run.Step("good", [python("print('3 passed in 1 s')")])
BAD = run.Step(
    "bad", [python("print('a reason'); raise SystemExit(2)"), python("print('ran too')")]
)
ABSENT = run.Step("absent", [["no-such-program"]])
LEFT = run.Step("left", [python("")], left_out="no browser here")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CACHE", tmp_path)


def counted(groups: Groups) -> run.Tally:
    tally = run.Tally()
    tally.count("set-up", groups)
    return tally


def test_every_step_runs_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    tally = counted(lambda: iter([[BAD, GOOD], [ABSENT], [GOOD, LEFT]]))
    assert str(tally) == "2 passed, 2 failed, 1 skipped"
    assert tally.failed == ["bad", "absent"]
    said = capsys.readouterr().out
    assert "a reason" in said
    assert "ran too" in said
    assert "3 passed in 1 s" in said
    assert "no browser here" in said


def test_what_cannot_be_set_up_is_a_failed_step(capsys: pytest.CaptureFixture[str]) -> None:
    def groups() -> Iterator[list[run.Step]]:
        yield [GOOD]
        raise start.Problem("no network")

    assert str(counted(groups)) == "1 passed, 1 failed"
    assert "set-up: no network" in capsys.readouterr().out


def test_steps_of_a_group_run_beside_each_other(tmp_path: Path) -> None:
    def meets(other: str, own: str) -> run.Step:
        code = (
            f"import os, time; os.chdir({str(tmp_path)!r}); open({own!r}, 'w').close()\n"
            f"end = time.monotonic() + 20\n"
            f"while not os.path.exists({other!r}): assert time.monotonic() < end; time.sleep(.01)"
        )
        return run.Step(own, [python(code)])

    assert str(counted(lambda: iter([[meets("a", "b"), meets("b", "a")]]))) == "2 passed, 0 failed"


def test_no_test_is_a_failed_step(tmp_path: Path) -> None:
    """A file that is missing, or marks that match nothing, must not pass for a success."""
    missing = run.Step("missing", [[sys.executable, "-m", "pytest", tmp_path / "test_none.py"]])
    (tmp_path / "test_some.py").write_text("def test(): pass\n")
    words = ["-m", "pytest", "--rootdir", tmp_path, "-m", "pages", tmp_path / "test_some.py"]
    empty = run.Step("empty", [[sys.executable, *words]])
    assert str(counted(lambda: iter([[missing], [empty]]))) == "0 passed, 2 failed"


def test_a_step_that_does_not_end_is_ended_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    test = tmp_path / "test_some.py"
    test.write_text("import time\ndef test_long():\n    time.sleep(60)\n")
    monkeypatch.setattr(run, "LONGEST", 5)
    began = time.monotonic()
    step = run.Step("long", [[sys.executable, "-m", "pytest", "--rootdir", tmp_path, test]])
    assert str(counted(lambda: iter([[step]]))) == "0 passed, 1 failed"
    assert time.monotonic() - began < 30
    said = capsys.readouterr().out
    assert "line 3 in test_long" in said
    assert "not over after 5 s" in said


def test_a_step_does_not_wait_for_what_it_left_running() -> None:
    left = "import time; time.sleep(20)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {left!r}])"
    began = time.monotonic()
    assert str(counted(lambda: iter([[run.Step("left", [python(code)])]]))) == "1 passed, 0 failed"
    assert time.monotonic() - began < 15


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_an_interrupted_run_ends_its_steps(tmp_path: Path) -> None:
    seen = tmp_path / "pid"
    step = f"import os, time; open({str(seen)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = (
        "import sys; sys.path.insert(0, 'tests'); import run\n"
        f"step = run.Step('long', [[sys.executable, '-c', {step!r}]])\n"
        "run.page_tools = lambda: iter([[step]]); sys.exit(run.main(False))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=run.ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 30
        while not (seen.exists() and seen.read_text()):
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.endswith("0 passed, 1 failed\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(seen.read_text()), 0)


def test_a_python_is_one_that_runs() -> None:
    assert run.runs(sys.executable, start.VERSION)
    assert not run.runs(sys.executable, "3.4")
