"""Learners' answers to the exercises of chapter 5."""

WRONG = {
    "5.1": [
        (
            "Two of three: the missing await was seen, and the last one taken away.",
            """\
async def three(step):
    await step("first")
    await step("second")
    step("third")
""",
        ),
        (
            "A task is believed to be the same as an await: the steps overlap.",
            """\
import asyncio

async def three(step):
    await step("first")
    task = asyncio.create_task(step("second"))
    await step("third")
    await task
""",
        ),
        (
            "The last step is a task, and the function ends before it.",
            """\
import asyncio

async def three(step):
    await step("first")
    await step("second")
    asyncio.create_task(step("third"))
""",
        ),
        (
            "asyncio.run, as in a program.",
            """\
import asyncio

async def three(step):
    await step("first")
    made = step("second")
    try:
        asyncio.run(made)
    finally:
        made.close()
    await step("third")
""",
        ),
    ],
    "5.2": [
        (
            "As in most tutorials: create_task, and forget it.",
            """\
import asyncio

def background(coro):
    asyncio.create_task(coro)
""",
        ),
        (
            "Kept for ever in a list.",
            """\
import asyncio

tasks = []

def background(coro):
    tasks.append(asyncio.create_task(coro))
""",
        ),
        (
            "The coroutine is kept, and never made a task.",
            """\
kept = set()

def background(coro):
    kept.add(coro)
""",
        ),
        (
            "Awaited, so that it cannot get lost.",
            """\
async def background(coro):
    await coro
""",
        ),
        (
            "The newest is kept.",
            """\
import asyncio

held = None

def background(coro):
    global held
    held = asyncio.create_task(coro)
    held.add_done_callback(forget)

def forget(task):
    global held
    held = None
""",
        ),
        (
            "A local variable is believed to hold it.",
            """\
import asyncio

def background(coro):
    task = asyncio.create_task(coro)
    tasks = {task}
    task.add_done_callback(tasks.discard)
""",
        ),
    ],
    "5.3": [
        (
            "Taken inside the try.",
            """\
async def borrow(thing):
    try:
        thing.take()
        await thing.use()
    finally:
        thing.give_back()
""",
        ),
        (
            "Nothing caught: what stands behind the await does not run.",
            """\
async def borrow(thing):
    thing.take()
    await thing.use()
    thing.give_back()
""",
        ),
        (
            "except Exception is believed to be everything.",
            """\
async def borrow(thing):
    thing.take()
    try:
        await thing.use()
    except Exception:
        thing.give_back()
        raise
    thing.give_back()
""",
        ),
        (
            "CancelledError is caught and swallowed.",
            """\
import asyncio

async def borrow(thing):
    thing.take()
    try:
        await thing.use()
    except asyncio.CancelledError:
        pass
    finally:
        thing.give_back()
""",
        ),
        (
            "Given back in the except and in the finally.",
            """\
async def borrow(thing):
    thing.take()
    try:
        await thing.use()
    except BaseException:
        thing.give_back()
        raise
    finally:
        thing.give_back()
""",
        ),
    ],
    "5.4": [
        (
            "time.sleep: it sleeps, and so does everybody else.",
            """\
import time

async def doze(turn, clock, seconds):
    time.sleep(seconds / 100)
""",
        ),
        (
            "One turn is taken for the whole time.",
            """\
async def doze(turn, clock, seconds):
    await turn()
""",
        ),
        (
            "Turns are counted as if each took a tenth of a second.",
            """\
async def doze(turn, clock, seconds):
    for _ in range(int(seconds * 10)):
        await turn()
""",
        ),
        (
            "The end does not count from now.",
            """\
async def doze(turn, clock, seconds):
    while clock() < seconds:
        await turn()
""",
        ),
        (
            "The clock is asked once.",
            """\
async def doze(turn, clock, seconds):
    now = clock()
    while now < now + seconds:
        await turn()
""",
        ),
    ],
    "5.5": [
        (
            "One after the other: each is awaited before the next is started.",
            """\
from apps.loop import Loop, sleep
async def gather(loop, *coros):
    return [await coro for coro in coros]
""",
        ),
        (
            "The tasks are returned.",
            """\
from apps.loop import Loop, sleep
async def gather(loop, *coros):
    tasks = [loop.create_task(coro) for coro in coros]
    for task in tasks:
        await task
    return tasks
""",
        ),
        (
            "Started, and not waited for.",
            """\
from apps.loop import Loop, sleep
async def gather(loop, *coros):
    return [loop.create_task(coro) for coro in coros]
""",
        ),
        (
            "In the order of their ends.",
            """\
from apps.loop import Loop, sleep
async def gather(loop, *coros):
    found = []
    async def run(coro):
        found.append(await coro)
    for task in [loop.create_task(run(coro)) for coro in coros]:
        await task
    return found
""",
        ),
        (
            "A loop of turns waits.",
            """\
from apps.loop import Loop, sleep
async def gather(loop, *coros):
    tasks = [loop.create_task(coro) for coro in coros]
    while not all(task.done() for task in tasks):
        await sleep(0)
    return [task.result() for task in tasks]
""",
        ),
        (
            "Waits for all, and forgets the return.",
            """\
from apps.loop import Loop, sleep
async def gather(loop, *coros):
    for task in [loop.create_task(coro) for coro in coros]:
        await task
""",
        ),
    ],
    "5.6": [
        (
            "Counts, and lets everybody in.",
            """\
from apps.loop import Loop, sleep
class Semaphore:
    def __init__(self, free):
        self.free = free

    async def acquire(self):
        self.free -= 1

    def release(self):
        self.free += 1
""",
        ),
        (
            "Asks again at every turn.",
            """\
from apps.loop import Loop, sleep
class Semaphore:
    def __init__(self, free):
        self.free = free

    async def acquire(self):
        while not self.free:
            await sleep(0)
        self.free -= 1

    def release(self):
        self.free += 1
""",
        ),
        (
            "Who wakes up does not look again: one that came in between is inside too.",
            """\
from apps.loop import Loop, sleep
from types import coroutine

class Semaphore:
    def __init__(self, free):
        self.free, self.waiting = free, []

    @coroutine
    def wait(self):
        yield lambda loop, wake: self.waiting.append((loop, wake))

    async def acquire(self):
        if not self.free:
            await self.wait()
        self.free -= 1

    def release(self):
        self.free += 1
        if self.waiting:
            loop, wake = self.waiting.pop(0)
            loop.ready.append(wake)
""",
        ),
        (
            "The place is handed on, also to one that was cancelled.",
            """\
from apps.loop import Loop, sleep
from collections import deque
from types import coroutine

class Semaphore:
    def __init__(self, free):
        self.free, self.waiting = free, deque()

    @coroutine
    def acquire(self):
        if self.free:
            self.free -= 1
        else:
            yield lambda loop, wake: self.waiting.append((loop, wake))

    def release(self):
        if self.waiting:
            loop, wake = self.waiting.popleft()
            loop.ready.append(wake)
        else:
            self.free += 1
""",
        ),
        (
            "Takes itself out of the list, and is cancelled when it was woken.",
            """\
from apps.loop import Loop, sleep
from types import coroutine

class Semaphore:
    def __init__(self, free):
        self.free, self.waiting = free, []

    @coroutine
    def wait(self):
        mine = []
        def ask(loop, wake):
            mine.append((loop, wake))
            self.waiting.extend(mine)
        try:
            yield ask
        finally:
            self.waiting = [each for each in self.waiting if each not in mine]

    async def acquire(self):
        while not self.free:
            await self.wait()
        self.free -= 1

    def release(self):
        self.free += 1
        if self.waiting:
            loop, wake = self.waiting.pop(0)
            loop.ready.append(wake)
""",
        ),
        (
            "release frees the place and wakes nobody.",
            """\
from apps.loop import Loop, sleep
from types import coroutine

class Semaphore:
    def __init__(self, free):
        self.free, self.waiting = free, []

    @coroutine
    def wait(self):
        yield lambda loop, wake: self.waiting.append((loop, wake))

    async def acquire(self):
        while not self.free:
            await self.wait()
        self.free -= 1

    def release(self):
        self.free += 1
""",
        ),
    ],
    "5.7": [
        (
            "Looks at the clock when the work is over.",
            """\
from apps.loop import Loop, sleep
import time

async def timeout(loop, coro, seconds):
    began = time.monotonic()
    result = await loop.create_task(coro)
    if time.monotonic() - began > seconds:
        raise TimeoutError
    return result
""",
        ),
        (
            "Sleeps first, and looks then: the fast waits as long as the slow.",
            """\
from apps.loop import Loop, sleep
async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    await sleep(seconds)
    if not task.done():
        task.cancel()
        raise TimeoutError
    return task.result()
""",
        ),
        (
            "Looks at every turn.",
            """\
from apps.loop import Loop, sleep
import time

async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    end = time.monotonic() + seconds
    try:
        while not task.done() and time.monotonic() < end:
            await sleep(0)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        task.cancel()
""",
        ),
        (
            "Leaves the work running when it is cancelled itself.",
            """\
from apps.loop import Loop, sleep
from types import coroutine

@coroutine
def either(task, seconds):
    def ask(loop, wake):
        task.waiters.append(wake)
        loop.call_later(seconds, wake)
    yield ask

async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    await either(task, seconds)
    if task.done():
        return task.result()
    task.cancel()
    raise TimeoutError
""",
        ),
        (
            "Takes every cancellation for its own.",
            """\
from apps.loop import Loop, sleep
import asyncio

async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    async def end():
        await sleep(seconds)
        task.cancel()
    watch = loop.create_task(end())
    try:
        return await task
    except asyncio.CancelledError:
        raise TimeoutError from None
    finally:
        watch.cancel()
        task.cancel()
""",
        ),
        (
            "Gives up, and leaves the work running.",
            """\
from apps.loop import Loop, sleep
import time

async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    end = time.monotonic() + seconds
    while not task.done():
        if time.monotonic() > end:
            raise TimeoutError
        await sleep(0.005)
    return task.result()
""",
        ),
        (
            "Cancels, and lets the cancellation out instead of a TimeoutError.",
            """\
from apps.loop import Loop, sleep
async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    loop.call_later(seconds, task.cancel)
    try:
        return await task
    except Exception:
        return None
""",
        ),
    ],
}

RIGHT = {
    "5.1": [
        (
            "A loop over the words.",
            """\
async def three(step):
    for word in ("first", "second", "third"):
        await step(word)
""",
        ),
        (
            "Tasks, each awaited before the next.",
            """\
import asyncio

async def three(step):
    for word in ("first", "second", "third"):
        await asyncio.create_task(step(word))
""",
        ),
    ],
    "5.2": [
        (
            "Held by its own coroutine, through a wrapper that a dictionary holds.",
            """\
import asyncio

tasks = {}

def background(coro):
    async def run():
        try:
            await coro
        finally:
            del tasks[id(coro)]
    tasks[id(coro)] = asyncio.create_task(run())
""",
        ),
        (
            "A list that is made anew without those that are done.",
            """\
import asyncio

tasks = []

def background(coro):
    tasks.append(asyncio.create_task(coro))
    tasks[:] = [task for task in tasks if not task.done()]
""",
        ),
        (
            "An async def, and a list that is tidied.",
            """\
import asyncio

tasks = []

async def background(coro):
    task = asyncio.create_task(coro)
    tasks.append(task)
    task.add_done_callback(tasks.remove)
""",
        ),
    ],
    "5.3": [
        (
            "A context manager does it.",
            """\
from contextlib import ExitStack

async def borrow(thing):
    with ExitStack() as stack:
        thing.take()
        stack.callback(thing.give_back)
        await thing.use()
""",
        ),
        (
            "BaseException, given back and raised again.",
            """\
async def borrow(thing):
    thing.take()
    try:
        await thing.use()
    except BaseException:
        thing.give_back()
        raise
    else:
        thing.give_back()
""",
        ),
    ],
    "5.4": [
        (
            "It counts what is left.",
            """\
async def doze(turn, clock, seconds):
    left, last = seconds, clock()
    while left > 0:
        await turn()
        now = clock()
        left, last = left - (now - last), now
""",
        ),
    ],
    "5.5": [
        (
            "The results are put into their places as they come.",
            """\
from apps.loop import Loop, sleep
async def gather(loop, *coros):
    results = [None] * len(coros)
    async def run(place, coro):
        results[place] = await coro
    for task in [loop.create_task(run(*each)) for each in enumerate(coros)]:
        await task
    return tuple(results)
""",
        ),
    ],
    "5.6": [
        (
            "The place is handed on to the first who waits, who hands it on when cancelled.",
            """\
from apps.loop import Loop, sleep
from collections import deque
from types import coroutine

class Semaphore:
    def __init__(self, free):
        self.free, self.waiting = free, deque()

    @coroutine
    def acquire(self):
        if self.free:
            self.free -= 1
            return
        mine = []
        def ask(loop, wake):
            mine.append((loop, wake))
            self.waiting.extend(mine)
        try:
            yield ask
        except BaseException:
            if mine[0] in self.waiting:
                self.waiting.remove(mine[0])
            else:
                self.release()
            raise

    def release(self):
        if self.waiting:
            loop, wake = self.waiting.popleft()
            loop.ready.append(wake)
        else:
            self.free += 1
""",
        ),
    ],
    "5.7": [
        (
            "A second task cancels the first, and is cancelled in time.",
            """\
from apps.loop import Loop, sleep
import asyncio

async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    async def end():
        await sleep(seconds)
        task.cancel()
    watch = loop.create_task(end())
    try:
        return await task
    except asyncio.CancelledError:
        if watch.done():
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
        task.cancel()
""",
        ),
        (
            "It looks every few milliseconds.",
            """\
from apps.loop import Loop, sleep
import time

async def timeout(loop, coro, seconds):
    task = loop.create_task(coro)
    end = time.monotonic() + seconds
    try:
        while not task.done():
            if time.monotonic() > end:
                raise TimeoutError
            await sleep(0.005)
        return task.result()
    finally:
        task.cancel()
""",
        ),
    ],
}
