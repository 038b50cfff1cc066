"""Chapter 5, Build an event loop: awaits, tasks and their end, on asyncio's loop and the reader's.

The reader's loop is the chapter's: a coroutine yields a function of the loop and of what wakes it
up again. The checks yield such functions too, and so decide who goes on when: what they find does
not depend on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import sys
import time
import types
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any

from asgilive import aside
from asgilive.checks import Wrong, exercise, raised, want

Ask = Callable[[Any, Callable[[], None]], object]
Step = Callable[[str], Awaitable[None]]

# -- 5.1


@exercise(
    "5.1",
    "Find the missing await",
    your="function",
    hints=(
        "A call of an `async def` without `await` makes a coroutine and runs none of it.",
        "Each of the three lines that call `step` needs the same word in front.",
        'Write `await step("second")` where `step("second")` stands.',
    ),
)
async def awaited(three: Callable[[Step], Awaitable[None]]) -> None:
    """The three steps run one after the other, each to its end, before the function returns."""
    want(inspect.iscoroutinefunction(three), "give the `async def` itself, without brackets")
    steps = _Steps()
    try:
        await three(steps)
        said = list(steps.said)
        await asyncio.sleep(0)
    finally:
        steps.close()
    want(not steps.forgotten, f"there is no `await` before {steps.forgotten}")
    order = [word for word, what in steps.said if what == "begins"]
    want(order == ["first", "second", "third"], f"the steps began as {', '.join(order)}")
    expected = [(word, what) for word in order for what in ("begins", "ends")]
    want(said == expected[: len(said)], "a step began before the one in front of it had ended")
    want(said == expected, "the function returned before its last step had ended: await that too")


class _Steps:
    """The steps that a reader's function is to await: what began, what ended, what was lost."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.forgotten = ""
        self._made: list[tuple[Coroutine[Any, Any, None], str]] = []

    def __call__(self, word: str) -> Coroutine[Any, Any, None]:
        made = self._step(word)
        self._made.append((made, f"`step({word!r})` at {aside.line_of(sys._getframe(1))}"))
        return made

    async def _step(self, word: str) -> None:
        self.said.append((word, "begins"))
        for _ in range(1 if word == "third" else 3):
            await asyncio.sleep(0)
        self.said.append((word, "ends"))

    def close(self) -> None:
        """Find what was never awaited, and end it before Python warns of it."""
        for made, where in self._made:
            if inspect.getcoroutinestate(made) == "CORO_CREATED":
                self.forgotten = self.forgotten or where
                made.close()


# -- 5.2


@exercise(
    "5.2",
    "Keep the tasks",
    your="function",
    hints=(
        "The loop holds a task weakly: put it into something of yours that lives on, such as a set"
        " outside the function.",
        "A set that only grows is a leak: take the task out again when it is done.",
        "`task.add_done_callback(tasks.discard)` has asyncio take it out at its end.",
    ),
)
async def kept(background: Callable[[Coroutine[Any, Any, None]], Any]) -> None:
    """Tasks in the background live until they are done, and what holds them does not only grow."""
    want(callable(background), "give the function itself, without brackets behind it")
    with _muted():
        await _judge_kept(background)


async def _judge_kept(background: Callable[[Coroutine[Any, Any, None]], Any]) -> None:
    said: list[str] = []
    gates = [_Gate(), _Gate(), _Gate()]
    before = asyncio.all_tasks()
    await _called(background, _work(said, gates[0]))
    gc.collect()
    want("lost" not in said, "the task was collected as garbage while it waited: hold it")
    await _called(background, _work(said, gates[1]))
    tasks = [weakref.ref(task) for task in asyncio.all_tasks() - before]
    gc.collect()
    want("lost" not in said, "two tasks were started, and one was lost: hold each of them")
    await _opened(*gates[:2])
    want(said == ["begins"] * 2 + ["ends"] * 2, "the coroutine did not come to its end")
    await _called(background, _work(said, gates[2]))  # who tidies up may do it now
    gc.collect()
    held = [task for task in tasks if task() is not None]
    await _opened(gates[2])
    want(not held, "tasks are done, and still held: what only grows is a leak")


async def _opened(*gates: _Gate) -> None:
    for gate in gates:
        gate.open()
    for _ in range(3):
        await asyncio.sleep(0)


async def _called(background: Callable[..., Any], work: Coroutine[Any, Any, None]) -> None:
    """Call it, and see the work begin. Nothing of this may hold the work when it returns."""
    made = background(work)
    if inspect.iscoroutine(made):
        task = asyncio.ensure_future(made)
        await asyncio.wait({task}, timeout=0.2)
        waits = not task.done()
        task.cancel()
        want(not waits, "the function waits for the coroutine, and should come back at once")
        task.result()
    await asyncio.sleep(0)
    if inspect.getcoroutinestate(work) == "CORO_CREATED":
        work.close()
        raise Wrong("the coroutine was never started: make a task of it")


class _Gate:
    """What a coroutine waits at; nothing but that coroutine holds the future."""

    def __init__(self) -> None:
        self._future: Callable[[], asyncio.Future[None] | None] = lambda: None

    def wait(self) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._future = weakref.ref(future)
        return future

    def open(self) -> None:
        future = self._future()
        if future is not None and not future.done():
            future.set_result(None)


async def _work(said: list[str], gate: _Gate) -> None:
    said.append("begins")
    try:
        await gate.wait()
    except GeneratorExit:
        said.append("lost")
        raise
    said.append("ends")


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """What asyncio would print of a lost task is in the verdict."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda *_: None)
    try:
        yield
    finally:
        gc.collect()
        loop.set_exception_handler(before)


# -- 5.3


@exercise(
    "5.3",
    "Clean up when cancelled",
    your="function",
    hints=(
        "A cancelled task gets a CancelledError at the `await` where it waits; the lines below it"
        " do not run.",
        "`finally:` runs whatever happens: at the end, at an error, and when cancelled.",
        "Take the thing, then `try:` use it, `finally:` give it back. Catch nothing.",
    ),
)
async def cleaned(borrow: Callable[[Any], Awaitable[None]]) -> None:
    """The thing is given back once, however its use ends, and the cancellation goes on."""
    want(inspect.iscoroutinefunction(borrow), "give the `async def` itself, without brackets")
    thing = _Thing()
    await borrow(thing)
    _judge_thing(thing, "when all goes well")
    thing = _Thing(ValueError("none left"), refuses=True)
    with contextlib.suppress(ValueError):
        await borrow(thing)
        raise Wrong("`take` raised ValueError, and nobody outside heard of it: let it through")
    never = "`take` raised, and what was never taken is given back: take it before the `try`"
    want(not thing.back, never)
    thing = _Thing(ValueError("it broke"))
    with contextlib.suppress(ValueError):
        await borrow(thing)
        raise Wrong("the use raised ValueError, and nobody outside heard of it: let it through")
    _judge_thing(thing, "when the use raises ValueError")
    thing = _Thing(wait=True)
    task = asyncio.ensure_future(borrow(thing))
    await asyncio.sleep(0)
    want(not task.done(), "the function did not wait for the use to end: await it")
    task.cancel()
    await asyncio.wait({task}, timeout=1)
    _judge_thing(thing, "when cancelled")
    text = "the task was cancelled, and ended as if it were not: let CancelledError through"
    want(task.cancelled(), text)


def _judge_thing(thing: _Thing, when: str) -> None:
    want(thing.taken == 1, f"{when}, the thing is taken {thing.taken} times, not once")
    want(thing.back, f"{when}, the thing is never given back")
    want(thing.back == 1, f"{when}, the thing is given back {thing.back} times")


class _Thing:
    """Something that is taken, used and given back."""

    def __init__(
        self, error: Exception | None = None, *, wait: bool = False, refuses: bool = False
    ) -> None:
        self.error, self.wait, self.refuses = error, wait, refuses
        self.taken = self.back = 0

    def take(self) -> None:
        if self.refuses and self.error:
            raise self.error
        self.taken += 1

    async def use(self) -> None:
        await asyncio.sleep(60 if self.wait else 0)
        if self.error:
            raise self.error

    def give_back(self) -> None:
        self.back += 1


# -- on the reader's loop


@types.coroutine
def _turn() -> Generator[Ask, None, None]:
    """Give the loop back once."""
    yield lambda loop, wake: loop.ready.append(wake)


@types.coroutine
def _pause(seconds: float) -> Generator[Ask, None, None]:
    yield lambda loop, wake: loop.call_later(seconds, wake)


def _run(loop_type: Any, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on a new loop of the reader's."""
    want(
        isinstance(loop_type, type) and hasattr(loop_type, "run_once"),
        "the first is the class of your loop: `Loop`",
    )
    loop = loop_type()
    task = loop.create_task(work(loop))
    while not task.done():
        loop.run_once()
    task.result()


class _Workers:
    """Coroutines for the reader to run, and what they did; none is left behind."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._made: list[Coroutine[Any, Any, Any]] = []

    def work(self, name: str, turns: int, error: Exception | None = None) -> Any:
        made = self._work(name, turns, error)
        self._made.append(made)
        return made

    async def _work(self, name: str, turns: int, error: Exception | None) -> str:
        self.said.append(f"{name} begins")
        for _ in range(turns):
            await _turn()
        self.said.append(f"{name} ends")
        if error:
            raise error
        return name.upper()

    def close(self) -> None:
        for made in self._made:
            made.close()


# -- 5.4


@exercise(
    "5.4",
    "Sleep without timers",
    your="doze",
    hints=(
        "First find out when to wake up: what the clock says now, and the seconds.",
        "As long as the clock has not come there, give the loop back: `await turn()`.",
        "`end = clock() + seconds`, then `while clock() < end: await turn()`.",
    ),
)
async def doze(sleep: Callable[..., Awaitable[None]]) -> None:
    """It comes back when the time has passed, not before, and the loop is free meanwhile."""
    want(inspect.iscoroutinefunction(sleep), "give the `async def` itself, without brackets")
    for seconds, pace in ((1.0, 0.25), (0.5, 0.125), (2.0, 0.5)):
        clock = _Clock(pace)
        made: Any = sleep(clock.turn, clock, seconds)
        for _ in range(100):
            try:
                made.send(None)
            except StopIteration:
                break
            clock.now += pace
            clock.turns += 1
        else:
            made.close()
            raise Wrong(f"asked for {seconds:g} s, it still sleeps after {100 * pace:g} s")
        slept = clock.now - clock.began
        text = f"asked for {seconds:g} s, it came back without one turn of the loop"
        want(clock.turns, f"{text}: is there an `await`, and does the end count from now?")
        text = f"asked for {seconds:g} s, it came back after {slept:.2f} s: ask the clock each time"
        want(slept >= seconds, text)
        want(slept <= seconds + 2 * pace, f"asked for {seconds:g} s, it slept {slept:.2f} s")


class _Clock:
    """A clock that goes on by `pace` at each turn of the loop, and by a little when it is read."""

    def __init__(self, pace: float) -> None:
        self.began = self.now = 5.0
        self.pace, self.turns, self._read = pace, 0, 0

    def __call__(self) -> float:
        self._read += 1
        return self.now + max(0, self._read - 1000)  # who only reads it comes to an end

    @types.coroutine
    def turn(self) -> Generator[None, None, None]:
        yield


# -- 5.5


@exercise(
    "5.5",
    "Gather",
    your="gather",
    hints=(
        "Make a task of every coroutine first: from then on they take turns.",
        "Then await the tasks, one after the other; those that are done give their result at once.",
        "`tasks = [loop.create_task(coro) for coro in coros]`, then"
        " `return [await task for task in tasks]`.",
    ),
)
async def gather(Loop: Any, gather: Callable[..., Awaitable[Any]]) -> None:
    """All coroutines run at once, and their results come back in the order they were given."""
    want(inspect.iscoroutinefunction(gather), "give the `async def` itself, without brackets")
    workers = _Workers()
    try:
        _run(Loop, lambda loop: _judge_gather(loop, gather, workers))
        _run(Loop, lambda loop: _judge_error(loop, gather, workers))
    finally:
        workers.close()


async def _judge_gather(loop: Any, gather: Callable[..., Any], workers: _Workers) -> None:
    names, said = "abc", workers.said
    works = [workers.work(name, turns) for name, turns in zip(names, (30, 10, 20), strict=True)]
    task = loop.create_task(gather(loop, *works))
    found = await task
    ended = [line[0] for line in said if line.endswith("ends")]
    want(said, "no coroutine was started: make a task of each")
    want(len(ended) == 3, f"it came back when {len(ended)} of 3 had ended: await every task")
    text = "b began after a had ended: start them all before you wait for the first"
    want(said.index("b begins") < said.index("a ends"), text)
    want(found is not None, "it gives None: return the results")
    want(isinstance(found, list | tuple), f"it gives a {type(found).__name__}: return a list")
    tasks = any(hasattr(each, "done") for each in found)
    want(not tasks, "it gives tasks: await each, and return what that gives")
    in_order_of_end = list(found) == [name.upper() for name in ended]
    want(not in_order_of_end, "the results stand in the order of their ends, not as given")
    want(list(found) == ["A", "B", "C"], f"the results are {found!r}, not ['A', 'B', 'C']")
    want(task.steps < 10, "it asks again at every turn whether they are done: await the tasks")
    want(list(await gather(loop)) == [], "of no coroutines it should give an empty list")


async def _judge_error(loop: Any, gather: Callable[..., Any], workers: _Workers) -> None:
    error = ValueError("it broke")
    with contextlib.suppress(ValueError):
        await gather(loop, workers.work("d", 1), workers.work("e", 1, error))
        raise Wrong("a coroutine raised ValueError, and who awaits gather never hears of it")


# -- 5.6


@exercise(
    "5.6",
    "A semaphore",
    your="semaphore",
    hints=(
        "Count the free places. Where there is none, put what wakes you into a list: yield a"
        " function of the loop and `wake`, as `sleep` does.",
        "`release` frees a place and wakes one who waits: put its `wake` into `loop.ready`.",
        "Whoever wakes up looks again: `while self.free == 0: await …`, since another may have"
        " been faster. So `release` may wake all: one of them was perhaps cancelled.",
    ),
)
async def semaphore(Loop: Any, Semaphore: Callable[[int], Any]) -> None:
    """No more than `count` are inside at once, all get in, and who waits does not ask again."""
    for name in ("acquire", "release"):
        want(hasattr(Semaphore, name), f"the class has no `{name}`")
    _run(Loop, lambda loop: _judge_places(loop, Semaphore))
    _run(Loop, lambda loop: _judge_rest(loop, Semaphore))
    for woken in (False, True):
        _run(Loop, functools.partial(_judge_cancelled, Semaphore, woken))


async def _judge_places(loop: Any, Semaphore: Callable[[int], Any]) -> None:
    door = Semaphore(2)
    inside = most = passed = 0

    async def worker(turns: int) -> None:
        nonlocal inside, most, passed
        for _ in range(2):
            await _acquired(door)
            inside += 1
            most = max(most, inside)
            for _ in range(turns):
                await _turn()
            inside -= 1
            door.release()
        passed += 1

    tasks = [loop.create_task(worker(turns)) for turns in (3, 1, 2, 1, 3)]
    await _ended(tasks, 200)
    _judge_tasks(tasks)
    want(most <= 2, f"{most} were inside at once, and there are 2 places")
    want(passed == 5, f"{5 - passed} of 5 never got in: release wakes one who waits")
    want(most == 2, "never more than one was inside, and there are 2 places")


async def _judge_rest(loop: Any, Semaphore: Callable[[int], Any]) -> None:
    door = Semaphore(1)
    await _acquired(door)
    waiting = loop.create_task(_acquired(door))
    for _ in range(3):
        await _turn()
    want(not waiting.done(), "a second one got in, and there is 1 place")
    before = waiting.steps
    for _ in range(5):
        await _turn()
    want(waiting.steps == before, "who waits asks again at every turn: let release wake it")
    door.release()
    await _ended([waiting], 10)
    want(waiting.done(), "release woke nobody")


async def _judge_cancelled(Semaphore: Callable[[int], Any], woken: bool, loop: Any) -> None:
    """Some who wait are cancelled, before release or as soon as it has woken one. Raises Wrong."""
    door = Semaphore(1)
    await _acquired(door)
    waiting = [loop.create_task(_acquired(door)) for _ in range(3)]
    await _turn()
    if woken:
        door.release()
        waiting[0].cancel()
    else:
        waiting[0].cancel()
        waiting[2].cancel()
        door.release()
    rest = waiting[1:] if woken else waiting[1:2]
    for _ in range(10):
        await _turn()
    inside = [task for task in rest if task.done()]
    text = "one who waited was cancelled, and the wake-up was lost with it: another waits for ever"
    want(inside, text)
    want(
        len(inside) == 1, "one who waited was cancelled, and then two got in, and there is 1 place"
    )


async def _acquired(door: Any) -> None:
    made = door.acquire()
    want(inspect.isawaitable(made), "`acquire` is awaited: write `async def acquire`")
    await made


async def _ended(tasks: list[Any], turns: int) -> None:
    """Wait until all tasks are done, for so many turns of the loop."""
    for _ in range(turns):
        if all(task.done() for task in tasks):
            return
        await _turn()


def _judge_tasks(tasks: list[Any]) -> None:
    """Raise what one of the tasks raised."""
    for task in tasks:
        if task.done():
            task.result()


# -- 5.7


@exercise(
    "5.7",
    "A time-out",
    your="timeout",
    hints=(
        "Run the coroutine as a task, so that you can look at it, and give it up.",
        "Wait for two things at once: yield a function that hands the same `wake` to the task's"
        " `waiters` and to `loop.call_later`. A second wake-up does no harm.",
        "When you wake up: if the task is done, return its result, else cancel it and raise"
        " TimeoutError.",
    ),
)
async def timeout(Loop: Any, timeout: Callable[..., Awaitable[Any]]) -> None:
    """In time the result comes back; too late is a TimeoutError, and the work is cancelled."""
    want(inspect.iscoroutinefunction(timeout), "give the `async def` itself, without brackets")
    workers = _Workers()
    try:
        _run(Loop, lambda loop: _judge_in_time(loop, timeout, workers))
        _run(Loop, lambda loop: _judge_late(loop, timeout))
        _run(Loop, lambda loop: _judge_given_up(loop, timeout))
    finally:
        workers.close()


async def _judge_in_time(loop: Any, timeout: Callable[..., Any], workers: _Workers) -> None:
    began = time.monotonic()
    found = await timeout(loop, workers.work("a", 2), 0.5)
    took = time.monotonic() - began
    want(took < 0.4, "the work took no time, and the whole 0.5 s were waited for")
    want(found == "A", f"the work gave 'A' in time, and timeout gives {found!r}")
    with contextlib.suppress(ValueError):
        await timeout(loop, workers.work("b", 1, ValueError("it broke")), 0.5)
        raise Wrong("the work raised ValueError in time, and who awaits timeout never hears of it")


async def _judge_late(loop: Any, timeout: Callable[..., Any]) -> None:
    said: list[str] = []
    task = loop.create_task(timeout(loop, _slow(said), 0.05))
    try:
        await task
    except TimeoutError:
        want("late" not in said, "TimeoutError came only when the work had ended")
    except Exception as error:
        raise Wrong(f"too late is a TimeoutError, and {raised('timeout', error)}") from error
    else:
        raise Wrong("the work took 0.5 s and 0.05 s were allowed, and there is no TimeoutError")
    for _ in range(3):
        await _turn()
    want(said == ["cleaned up"], "TimeoutError came, and the work still waits: cancel it")
    want(task.steps < 30, "it asks again at every turn whether the work is done: wait to be woken")


async def _judge_given_up(loop: Any, timeout: Callable[..., Any]) -> None:
    said: list[str] = []
    task = loop.create_task(timeout(loop, _slow(said), 5))
    for _ in range(3):
        await _turn()
    task.cancel()
    for _ in range(3):
        await _turn()
    text = "who awaits timeout was cancelled, and the work goes on, held by nobody: cancel it too"
    want(said == ["cleaned up"], text)
    text = "who awaits timeout was cancelled, and the cancellation does not go on"
    want(isinstance(task.end, asyncio.CancelledError), text)


async def _slow(said: list[str]) -> None:
    try:
        await _pause(0.5)
        said.append("late")
    finally:
        said.append("cleaned up")
