"""The exercises of chapter 5: what their checks say where the answers of learners do not lead."""

import asyncio
import contextlib
import selectors
import socket
import sys
import time
from pathlib import Path

import pytest

from asgilive import check, grade

sys.path.insert(0, str(Path(__file__).parent.parent / "notebooks"))

from apps.loop import Loop, SocketLoop, Steps, Task, answer, run, sleep


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


def sentences(exercise, *answers):
    """What the check says of each wrong answer; no two are the same."""
    found = [grade(exercise, *answer) for answer in answers]
    assert not any(found)
    said = [verdict.sentence for verdict in found]
    assert len(set(said)) == len(said)
    assert all("\n" not in text and len(text) < 240 for text in said)
    return said


def test_awaited():
    async def too_many(step):
        for word in ("first", "second", "third", "third"):
            await step(word)

    async def none(step):
        pass

    coroutine = none(None)
    said = sentences(check.awaited, [too_many], [none], [coroutine])
    coroutine.close()
    assert said == [
        "the steps began as first, second, third, third",
        "the steps began as ",
        "give the `async def` itself, without brackets",
    ]


def test_kept():
    async def slow(coro):
        task = asyncio.ensure_future(coro)
        await asyncio.sleep(1)
        del task

    async def cut(coro):
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(coro)), 0.01)

    def cancels(coro):
        task = asyncio.ensure_future(coro)
        asyncio.get_running_loop().call_soon(task.cancel)

    newest = []

    def last(coro):
        newest[:] = [asyncio.ensure_future(coro)]
        newest[0].add_done_callback(lambda task: newest.clear())

    said = sentences(check.kept, [slow], [cut], [cancels], [7], [last])
    assert "two tasks were started, and one was lost" in said[4]
    assert "waits for the coroutine" in said[0]
    assert "TimeoutError" in said[1]
    assert "did not come to its end" in said[2]
    assert "give the function itself" in said[3]


def test_cleaned():
    async def hidden(thing):
        thing.take()
        try:
            await thing.use()
        except Exception:
            pass
        finally:
            thing.give_back()

    async def early_only_to_wait(thing):
        thing.take()
        try:
            if not thing.wait:
                await thing.use()
        finally:
            thing.give_back()

    async def never(thing):
        await thing.use()

    said = sentences(check.cleaned, [hidden], [early_only_to_wait], [never], [_Never()])
    assert "nobody outside heard of it" in said[0]
    assert "did not wait" in said[1]
    assert "is taken 0 times" in said[2]

    async def inside(thing):
        try:
            thing.take()
            await thing.use()
        finally:
            thing.give_back()

    async def deaf(thing):
        try:
            thing.take()
        except ValueError:
            return
        try:
            await thing.use()
        finally:
            thing.give_back()

    said = sentences(check.cleaned, [inside], [deaf])
    assert "what was never taken is given back" in said[0]
    assert "`take` raised ValueError, and nobody outside heard of it" in said[1]


def test_doze():
    async def well(turn, clock, seconds):
        end = clock() + seconds
        while clock() < end:
            await turn()

    async def spins(turn, clock, seconds):
        end = clock() + seconds
        while clock() < end:
            turn()

    assert grade(check.doze, well)
    coroutine = spins(lambda: None, lambda: 0, 0)
    said = sentences(check.doze, [spins], [coroutine])
    coroutine.close()
    assert "without one turn of the loop" in said[0]


def test_gather():
    async def early(loop, *coros):
        tasks = [loop.create_task(coro) for coro in coros]
        return [await tasks[1]]

    async def text(loop, *coros):
        tasks = [loop.create_task(coro) for coro in coros]
        return "".join([await task for task in tasks])

    async def doubled(loop, *coros):
        tasks = [loop.create_task(coro) for coro in coros]
        return 2 * [await task for task in tasks]

    async def swallows(loop, *coros):
        tasks = [loop.create_task(coro) for coro in coros]
        for task in tasks:
            with contextlib.suppress(ValueError):
                await task
        return [getattr(task.end, "value", None) for task in tasks]

    async def at_least_one(loop, *coros):
        tasks = [loop.create_task(coro) for coro in coros]
        return [await tasks[0], *[await task for task in tasks[1:]]]

    async def busy(loop, *coros):
        tasks = [loop.create_task(coro) for coro in coros]
        while not all(task.done() for task in tasks):
            await sleep(0)
        return [task.result() for task in tasks]

    async def waits(loop, *coros):
        await Task(sleep(0.01), loop)
        await never()

    answers = [early, text, doubled, swallows, at_least_one, waits, busy]
    said = sentences(check.gather, *[(Loop, answer) for answer in answers], (Loop(), early))
    assert "when 1 of 3 had ended" in said[0]
    assert "gives a str" in said[1]
    assert "['A', 'B', 'C', 'A', 'B', 'C']" in said[2]
    assert "never hears of it" in said[3]
    assert "IndexError" in said[4]
    assert "all wait, and nothing will come" in said[5]
    assert "asks again at every turn" in said[6]
    assert "the class of your loop" in said[7]


def never():
    async def forever():
        await _Never()

    return forever()


class _Never:
    def __await__(self):
        yield lambda loop, wake: None


def test_semaphore():
    class Nothing:
        pass

    class Plain:
        def __init__(self, free):
            pass

        def acquire(self):
            pass

        def release(self):
            pass

    class Turns:
        """Counts well, and wakes all by asking."""

        places = 0

        def __init__(self, free):
            self.free = min(free, 1) + self.places

        async def acquire(self):
            while not self.free:
                await sleep(0)
            self.free -= 1

        def release(self):
            self.free += 1

    class Raises(Turns):
        def release(self):
            raise KeyError("free")

    class Door:
        """Hands places on, and lets in one more where there is one place only."""

        more = 0

        def __init__(self, free):
            self.free = free + (self.more if free == 1 else 0)
            self.waiting = []

        async def acquire(self):
            while self.free == 0:
                await _Wait(self.waiting)
            self.free -= 1

        def release(self):
            self.free += 1
            while self.waiting:
                loop, wake = self.waiting.pop()
                loop.ready.append(wake)

    class OneWoken(Door):
        def release(self):
            self.free += 1
            if self.waiting:
                loop, wake = self.waiting.pop(0)
                loop.ready.append(wake)

    class Doubles(Door):
        """Gives back, when cancelled, a place that it never had."""

        async def acquire(self):
            try:
                await super().acquire()
            except asyncio.CancelledError:
                self.release()
                raise

    class Wide(Door):
        more = 1

    class Forgets(Door):
        def __init__(self, free):
            super().__init__(free)
            self.forgets = free == 1

        def release(self):
            if not self.forgets:
                super().release()

    assert grade(check.semaphore, Loop, Door)
    answers = [Nothing, Plain, Turns, Raises, Wide, Forgets, OneWoken, Doubles]
    said = sentences(check.semaphore, *[(Loop, answer) for answer in answers])
    assert "no `acquire`" in said[0]
    assert "write `async def acquire`" in said[1]
    assert "never more than one" in said[2]
    assert "KeyError" in said[3]
    assert "a second one got in" in said[4]
    assert "release woke nobody" in said[5]
    assert "the wake-up was lost with it" in said[6]
    assert "then two got in" in said[7]


class _Wait:
    def __init__(self, waiting):
        self.waiting = waiting

    def __await__(self):
        yield lambda loop, wake: self.waiting.append((loop, wake))


def test_timeout():
    async def nothing(loop, coro, seconds):
        await loop.create_task(coro)

    async def other(loop, coro, seconds):
        task = loop.create_task(coro)
        await sleep(0.01)
        if not task.done():
            raise OSError("too late")
        return task.result()

    async def swallows(loop, coro, seconds):
        task = loop.create_task(coro)
        await sleep(0.01)
        return getattr(task.end, "value", None)

    async def endless(loop, coro, seconds):
        return await loop.create_task(coro)

    async def busy(loop, coro, seconds):
        task, began = loop.create_task(coro), time.monotonic()
        while not task.done() and time.monotonic() < began + seconds:
            await sleep(0)
        if task.done():
            return task.result()
        task.cancel()
        raise TimeoutError

    async def alone(loop, coro, seconds):
        task, began = loop.create_task(coro), time.monotonic()
        while not task.done() and time.monotonic() < began + seconds:
            await sleep(0.005)
        if task.done():
            return task.result()
        task.cancel()
        raise TimeoutError

    async def keeps(loop, coro, seconds):
        task, began = loop.create_task(coro), time.monotonic()
        try:
            while not task.done() and time.monotonic() < began + seconds:
                await sleep(0.005)
            if task.done():
                return task.result()
        except asyncio.CancelledError:
            pass
        task.cancel()
        raise TimeoutError

    answers = [nothing, other, swallows, endless, busy, alone, keeps]
    said = sentences(check.timeout, *[(Loop, answer) for answer in answers])
    assert "timeout gives None" in said[0]
    assert "too late is a TimeoutError, and your timeout raised OSError" in said[1]
    assert "never hears of it" in said[2]
    assert "there is no TimeoutError" in said[3]
    assert "asks again at every turn" in said[4]
    assert "the work goes on, held by nobody" in said[5]
    assert "the cancellation does not go on" in said[6]


def test_the_loop_of_the_chapter_keeps_its_promises():
    """What the text says of `apps/loop.py`: its size, late wake-ups, cancelling, a dead end."""
    text = (Path(__file__).parent.parent / "notebooks/apps/loop.py").read_text("utf-8")
    loop, rest = text[text.index("@coroutine") :].split("class Asking")
    loop += rest[rest.index("class SocketLoop") : rest.index("def scope_of")]
    assert 65 <= len([line for line in loop.splitlines() if line.strip()]) <= 79
    assert issubclass(Task, Steps)

    async def patient():
        try:
            await sleep(5)
        finally:
            await sleep(0.02)

    own = SocketLoop()
    task = own.create_task(patient())
    own.run_once()
    early = own.timers[0][-1]
    task.cancel()
    early()
    assert not task.done()
    with pytest.raises(asyncio.CancelledError):
        run(own, _await(task))
    task.cancel()
    assert task.done()
    with pytest.raises(RuntimeError, match="nothing will come"):
        run(Loop(), never())


@pytest.mark.parametrize("make", [SocketLoop, lambda: SocketLoop(selectors.DefaultSelector())])
def test_the_server_of_the_chapter_says_who_asks_and_waits_until_the_client_has_left(make):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["http_version"], await receive()))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        seen.append(await receive())

    own = make()
    here, there = socket.socketpair()
    here.setblocking(False)
    task = own.create_task(answer(own, app, here, ("127.0.0.1", 1)))
    there.sendall(b"GET / HTTP/1.0\r\nA: b\r\n\r\n")
    with there:
        while len(seen) < 1:
            own.run_once()
        there.settimeout(1)
        own.call_later(0.05, lambda: None)
        own.run_once()
        assert there.recv(100) == b"HTTP/1.1 204 \r\nConnection: close\r\n\r\n"
        there.sendall(b"more")
        own.run_once()
        assert not task.done()
    while not task.done():
        own.run_once()
    assert task.result() is None
    assert seen == [("1.0", {"type": "http.request"}), {"type": "http.disconnect"}]


async def _await(task):
    return await task
