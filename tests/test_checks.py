"""The engine of the checks: verdicts for whatever a reader's code does, hints, progress."""

# ruff: noqa: ASYNC251 - code that blocks its loop is what is tested

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
import traceback

import pytest

from asgilive import aside, check, checks, grade, progress
from asgilive.checks import Exercise, Pending, Verdict, Wrong, exercise, want
from asgilive.clients import drive


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("ASGILIVE_PROGRESS", str(path))
    return path


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def made(judge, within=5.0, hints=("one", "two"), your="app"):
    """An exercise that is in no chapter."""
    return Exercise("9.1", "Title", hints, within, your, judge)


async def run_it(code):
    """Right is code that runs through."""
    await code()


def verdict(code, **options):
    return grade(made(run_it, **options), code)


def line(mark):
    """The number of the only line of this file that ends with this comment."""
    with open(__file__, encoding="utf-8") as source:
        (number,) = [n for n, row in enumerate(source, 1) if row.endswith(f"  # {mark}\n")]
    return number


# -- verdicts


def test_right():
    async def code():
        pass

    found = verdict(code)
    assert found
    assert found.ok is True
    assert found.exercise == "9.1 run_it"
    assert repr(found) == "pass: Right is code that runs through."
    assert found.hints == ()
    assert "pass" in found._repr_html_()


def test_right_is_the_title_where_nothing_is_said():
    async def silent(code):
        pass

    assert grade(made(silent), None).sentence == "Title"


def test_wrong_with_evidence_and_hints_one_by_one():
    async def judge(answer):
        """Right is 2."""
        call = await drive(app, {"type": "http"})
        want(answer == 2, f"{answer} is not 2", call)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})

    found = [grade(made(judge), answer) for answer in (1, 3, 4, 2)]
    assert [bool(v) for v in found] == [False, False, False, True]
    assert [v.hint for v in found] == ["one", "two", None, None]
    assert [v.hints for v in found] == [("one", "two")] * 3 + [()]
    assert repr(found[0]) == "not yet: 1 is not 2"
    assert found[0].evidence.sent[0]["status"] == 204
    html = found[0]._repr_html_()
    assert html.count("<style") == 1
    assert "204" in html


def test_raised_with_its_line():
    async def code():
        scope = {}
        scope["method"]  # here

    found = verdict(code)
    number = line("here")
    assert found.sentence == (
        f"your app raised KeyError: 'method' at line {number}, `scope[\"method\"]  # here`"
    )


def test_raised_in_a_notebook_cell():
    compilerop = pytest.importorskip("IPython.core.compilerop")
    cell = "async def app():\n\n    1 / 0\n"
    compiler = compilerop.CachingCompiler()
    names = {}
    exec(compiler(cell, compiler.cache(cell), "exec"), names)
    found = verdict(names["app"])
    assert (
        found.sentence == "your app raised ZeroDivisionError: division by zero at line 3, `1 / 0`"
    )


def test_raised_by_a_task_group_counts_as_the_one_inside():
    async def fail():
        raise LookupError("x" * 200)

    async def code():
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    assert verdict(code).sentence.startswith("your app raised LookupError: xxx")
    assert "xx… at line" in verdict(code).sentence


def test_exit_is_a_verdict_too():
    async def code():
        await asyncio.sleep(0)
        raise SystemExit(3)

    assert verdict(code).sentence.startswith("your app raised SystemExit: 3 at line")


def test_cancelling_itself():
    async def code():
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    assert verdict(code).sentence == "your app cancelled the task that runs it"


def test_a_fault_of_the_check_is_raised_and_no_try(file):
    async def judge(answer):
        """Right."""

    broken = made(judge)
    broken.judge = lambda _: asyncio.wait([])  # raises, and no line of it is the reader's
    with pytest.raises(ValueError, match="empty"):
        grade(broken, 1)
    assert not file.exists()


# -- code that does not come back


def test_waiting_for_ever():
    async def code():
        await asyncio.Event().wait()  # for ever

    began = time.perf_counter()
    found = verdict(code, within=0.1, your="parser")
    assert time.perf_counter() - began < 0.6
    number = line("for ever")
    text = "`await asyncio.Event().wait()  # for ever`"
    assert found.sentence == (
        f"your parser did not finish within 0.1 s: it waits at line {number}, {text}"
    )


def test_waiting_where_no_line_is_known(monkeypatch):
    monkeypatch.setattr(aside, "_LIBRARIES", (os.path.dirname(__file__), *aside._LIBRARIES))

    async def code():
        await asyncio.sleep(10)

    assert verdict(code, within=0.1).sentence == "your app did not finish within 0.1 s"


def test_waiting_in_a_generator_based_awaitable():
    class Slow:
        def __await__(self):
            yield from asyncio.sleep(10).__await__()  # inside

    async def code():
        await Slow()

    number = line("inside")
    assert f"line {number}," in verdict(code, within=0.1).sentence


def test_blocked_loop():
    async def code():
        time.sleep(1.2)  # blocks

    found = verdict(code, within=0.1)
    number = line("blocks")
    assert found.sentence == (
        "your app holds the loop and never gives it back:"
        f" line {number}, `time.sleep(1.2)  # blocks`"
    )


def test_endless_loop_is_ended_even_if_it_swallows_the_exit():
    swallowed = []

    async def code():
        while True:
            try:
                while True:
                    pass
            except BaseException:
                swallowed.append(1)
                if len(swallowed) == 3:
                    raise

    assert "holds the loop" in verdict(code, within=0.1).sentence
    (thread,) = [t for t in threading.enumerate() if t.name == "asgilive check"]
    thread.join(5)
    assert len(swallowed) == 3


def test_held_in_a_library_has_no_line(monkeypatch):
    monkeypatch.setattr(aside, "_LIBRARIES", (os.path.dirname(__file__), *aside._LIBRARIES))

    async def code():
        time.sleep(1)

    found = verdict(code, within=0.1)
    assert found.sentence == "your app holds the loop and never gives it back"


def test_task_that_will_not_be_cancelled(monkeypatch):
    monkeypatch.setattr(aside, "GRACE", 0.3)
    monkeypatch.setattr(aside, "SLACK", 0.1)
    let_go = threading.Event()

    async def code():
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)

    assert "did not finish" in verdict(code, within=0.1).sentence
    let_go.set()


def test_what_the_code_leaves_is_ended():
    ended = []

    async def left():
        try:
            await asyncio.sleep(10)
        finally:
            ended.append("task")

    async def steps():
        try:
            yield 1
            yield 2
        finally:
            ended.append("generator")

    kept = []

    async def code():
        kept.append(asyncio.create_task(left()))
        kept.append(steps())
        await anext(kept[1])

    assert verdict(code)
    assert sorted(ended) == ["generator", "task"]


def test_an_error_that_nobody_looks_at_is_not_printed(capfd):
    async def lost():
        raise ValueError("lost")

    async def code():
        asyncio.ensure_future(lost())  # noqa: RUF006
        await asyncio.sleep(0.01)

    assert verdict(code)
    assert capfd.readouterr().err == ""


# -- awaiting


def test_awaited_in_a_running_loop_that_stays_free():
    ticks = []

    async def code():
        time.sleep(0.9)

    async def main():
        async def tick():
            while True:
                ticks.append(1)
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        found = await made(run_it, within=0.1)(code)
        ticking.cancel()
        return found

    assert "holds the loop" in asyncio.run(main()).sentence
    assert len(ticks) > 20


def test_interrupted_check_ends_its_thread(monkeypatch):
    monkeypatch.setattr(aside, "GRACE", 0.1)
    running = threading.Event()

    async def code():
        running.set()
        while True:
            pass

    async def main():
        task = asyncio.ensure_future(made(run_it)(code)._run())
        await asyncio.to_thread(running.wait)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_interrupted_grade_ends_its_thread(monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    async def code():
        await asyncio.sleep(10)

    monkeypatch.setattr(aside._Aside, "patience", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verdict(code)


def test_forgotten_await_says_so(recwarn):
    async def code():
        pass

    pending = made(run_it)(code)
    assert isinstance(pending, Pending)
    assert repr(pending) == "not checked yet: write `await check.run_it(code)`"
    with pytest.raises(TypeError, match="not checked yet"):
        bool(pending)
    with pytest.raises(AttributeError, match=r"no \.ok yet: not checked yet"):
        _ = pending.ok
    assert not hasattr(pending, "_repr_html_")
    del pending
    assert not recwarn.list


def test_wrong_number_of_arguments():
    text = r"check.run_it: missing a required argument: 'code': write `await check.run_it\(code\)`"
    with pytest.raises(TypeError, match=text):
        made(run_it)()
    assert repr(made(run_it)) == "exercise 9.1, Title: write `await check.run_it(code)`"


def test_in_the_page_the_check_shares_the_loop(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    seen = []

    async def code():
        seen.append(threading.current_thread())
        await asyncio.sleep(10)

    found = asyncio.run(made(run_it, within=0.05)(code)._run())
    assert "did not finish within 0.05 s" in found.sentence
    assert seen == [threading.current_thread()]
    with pytest.raises(RuntimeError, match="this page has one thread"):
        verdict(code)


# -- the namespace


def test_names_come_by_chapter_and_near_names_are_offered():
    names = check.__dir__()
    assert names[:5] == ["request", "stopped", "keep_alive", "parts", "echo"]
    with pytest.raises(AttributeError, match=r"no exercise ecko: did you mean echo\?"):
        _ = check.ecko
    with pytest.raises(AttributeError, match="no exercise zzz: there are request, stopped"):
        _ = check.zzz
    assert not hasattr(check, "_ipython_display_")
    assert check.echo.number == "2.1"


def test_check_shows_every_exercise_and_how_far_it_is():
    progress.note("2.1", False)
    progress.note("2.2", True)
    text = repr(check)
    assert "Echo the method and the path" in text
    rows = [row.split() for row in text.splitlines()]
    assert [row[-1] for row in rows if row[1:2] == ["echo"]] == ["yet"]
    assert "pass, 20" in text
    assert "not yet" in check._repr_html_()


def test_two_exercises_cannot_share_a_name(monkeypatch):
    monkeypatch.setattr(checks, "_registry", {})

    async def twin(answer):
        """Right."""

    first = exercise("9.1", "One", hints=())(twin)
    assert exercise("9.1", "One, read again", hints=())(twin) is not first
    with pytest.raises(ValueError, match=r"exercises 9.1 and 9.2 are both named twin"):
        exercise("9.2", "Two", hints=())(twin)


def test_wrong_and_verdict_are_plain():
    wrong = Wrong("no", [1])
    assert (str(wrong), wrong.evidence) == ("no", [1])
    want(True, "not said")
    assert Verdict(True, "1.1 x", "yes") == Verdict(True, "1.1 x", "yes")


def test_a_library_line_is_not_the_readers():
    try:
        json.loads("{")
    except ValueError as error:
        place = aside.raised_at(error)
        files = [f.filename for f in traceback.extract_tb(error.__traceback__)]
    assert any("json" in name for name in files)
    assert place.text == 'json.loads("{")'


def test_a_long_line_is_cut_and_an_unknown_one_left_out():
    assert str(aside.Place(3, "")) == "line 3"
    name = "x" * 80
    try:
        raise ValueError(f"{name}, a line that is much longer than the sixty characters shown here")
    except ValueError as error:
        place = aside.raised_at(error)
    assert len(place.text) == 60
    assert place.text.endswith("…")


# -- progress


def test_progress_is_written_whole(file):
    progress.note("2.1", False)
    progress.note("2.1", False)
    assert progress.note("2.1", True) == 3
    assert progress.note("2.1", True) == 3
    assert progress.note("1.1", False) == 1
    content = json.loads(file.read_text(encoding="utf-8"))
    day = content["2.1"].pop("ok")
    assert content == {"1.1": {"tries": 1}, "2.1": {"tries": 3}}
    assert time.strptime(day, "%Y-%m-%d")
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]


def test_a_failure_after_the_pass_still_brings_hints():
    assert [progress.note("2.1", ok) for ok in (True, False, True, False)] == [1, 2, 2, 3]


@pytest.mark.parametrize("content", ["{", "[]", '{"2.1": 3}', '{"2.1": {"tries": "many"}}', "\xff"])
def test_a_file_that_cannot_be_read_is_set_aside(file, content):
    file.parent.mkdir()
    file.write_bytes(content.encode("latin-1"))
    assert progress.note("2.1", False) == 1
    aside_file = file.with_name("progress.json.unreadable")
    assert aside_file.read_bytes() == content.encode("latin-1")
    assert json.loads(file.read_text(encoding="utf-8")) == {"2.1": {"tries": 1}}


def test_a_file_from_another_day_counts_on(file):
    file.parent.mkdir()
    file.write_text('{"2.1": {"ok": "2026-11-22", "tries": 3}, "2.2": {}}', encoding="utf-8")
    assert progress.note("2.1", True) == 3
    assert progress.note("2.2", False) == 1


def test_off_and_no_place_to_write_stay_in_memory(file, monkeypatch):
    file.parent.parent.joinpath("deep").write_text("a file where a folder should be")
    assert [progress.note("2.1", False) for _ in range(2)] == [1, 2]
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")
    monkeypatch.setattr(progress, "_here", {})
    assert progress.file() is None
    assert [progress.note("2.1", False) for _ in range(2)] == [1, 2]


def test_a_failed_write_leaves_no_half_file(file, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert [progress.note("2.1", False) for _ in range(2)] == [1, 2]
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "variable", "folder"),
    [
        ("linux", None, ".local/share"),
        ("linux", "XDG_DATA_HOME", "data"),
        ("darwin", None, "Library/Application Support"),
        ("win32", None, "AppData/Local"),
        ("win32", "LOCALAPPDATA", "data"),
    ],
)
def test_the_folder_of_each_platform(platform, variable, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ASGILIVE_PROGRESS", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "data"))
    assert progress.file() == tmp_path / folder / "asgilive" / "progress.json"


def test_moved_to_a_file_of_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ASGILIVE_PROGRESS", "~/mine.json")
    assert progress.file() == tmp_path / "mine.json"
