"""Chapter 6, Concurrency is not parallelism: predict, wait at once, hold back, give way.

The checks count what runs beside what, and in which order; none of them looks at a clock, so that
a busy machine changes no verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asgilive.checks import Wrong, exercise, want

# -- 6.1

UNIT = 0.2  # seconds that one piece of work takes, in the text of the exercise
CASES = {
    "a": (4, "four waits, each awaited before the next begins, are in turn whatever waits"),
    "b": (1, "four waits in one gather overlap: nobody holds the loop"),
    "c": (4, "a blocking call holds the loop, and gather starts the next one after it"),
    "d": (1, "four threads block side by side: a blocked thread needs no GIL"),
    "e": (4, "one loop computes one thing at a time, gather or not"),
    "f": (4, "threads of one interpreter take turns with its GIL when they compute"),
    "g": (1, "each process has an interpreter and a GIL of its own, and a core if one is free"),
    "h": (2, "forty calls have a thread each; the others wait until one is free"),
}


@exercise(
    "6.1",
    "Predict eight times",
    your="prediction",
    hints=(
        "Ask of each: does a piece of work hold the thread that the next one needs?",
        "A wait holds nothing. A blocking call holds its thread. A computation holds its thread"
        " and the GIL.",
        "Only b, d and g take as long as one piece; h takes two rounds.",
    ),
)
async def predict(**seconds: float) -> None:
    """All eight are right: you know who waits for whom."""
    missing = sorted(set(CASES) - set(seconds))
    want(not missing, f"there is no prediction for {', '.join(missing)}: write `{missing[:1]}`")
    strange = sorted(set(seconds) - set(CASES))
    want(not strange, f"there is no case {', '.join(strange)}: they are a to h")
    for name, value in seconds.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        want(number, f"{name} is a number of seconds, and yours is {value!r}")
    wrong = [name for name, (units, _) in CASES.items() if _differs(seconds[name], units)]
    if wrong:
        right = f"{len(CASES) - len(wrong)} of {len(CASES)} are right"
        raise Wrong(f"{right}; look at {wrong[0]} again: {CASES[wrong[0]][1]}")


def _differs(value: float, units: int) -> bool:
    return abs(value - units * UNIT) > UNIT / 4


# -- 6.2


class Trace:
    """Three services that note when they are asked and when they answer."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.asked: dict[str, tuple[Any, ...]] = {}

    def service(self, name: str, answer: Any, steps: int) -> Callable[..., Awaitable[Any]]:
        """An async function that takes so many steps of the loop to answer."""

        async def call(*arguments: Any) -> Any:
            self.events.append(f"{name} asked")
            self.asked[name] = arguments
            for _ in range(steps):
                await asyncio.sleep(0)
            self.events.append(f"{name} answers")
            return answer

        return call

    def before(self, first: str, second: str) -> bool:
        """Whether one event came before another."""
        return self.events.index(first) < self.events.index(second)


@exercise(
    "6.2",
    "At once, where it can be",
    your="function",
    hints=(
        "What needs an answer must wait for it. Does the news need one?",
        "`asyncio.gather(a(), b())` runs both and gives both results. An own async function can"
        " be one of the two.",
        "Write `async def orders_of_user(): return await orders(await user())` inside, and gather"
        " that with `news()`; but the user is wanted, too.",
    ),
)
async def together(page: Callable[..., Awaitable[Any]]) -> None:
    """The news is fetched beside user and orders, and the orders are asked with the user."""
    trace = Trace()
    user, orders, news = (
        trace.service("user", "Ada", 3),
        trace.service("orders", ["tea"], 3),
        trace.service("news", "rain", 20),
    )
    made = page(user, orders, news)
    want(hasattr(made, "__await__"), "your function is a plain `def`: its calls must be awaited")
    result = await made
    for name in ("user", "orders", "news"):
        times = trace.events.count(f"{name} asked")
        want(times, f"`{name}` was never called, or its call was not awaited")
        want(times == 1, f"`{name}` was asked {times} times: once is enough")
        want(f"{name} answers" in trace.events, f"nobody waits for the answer of `{name}`")
    want(trace.asked["orders"] == ("Ada",), "`orders` is called with what `user` gave: `orders(u)`")
    beside = trace.before("news asked", "user answers")
    want(beside, "the news waits for the user, and needs nothing from it: ask both at once")
    want(
        trace.before("user asked", "news answers"), "the user waits for the news: ask both at once"
    )
    late = "the orders wait for the news: they need the user alone"
    want(trace.before("orders asked", "news answers"), late)
    expected = ("Ada", ["tea"], "rain")
    got = tuple(result) if isinstance(result, list | tuple) else result
    want(got == expected, f"the result is {result!r}: return user, orders and news, in that order")


# -- 6.3


class Kitchen:
    """Jobs that note how many of them are at work; the first is slow."""

    def __init__(self, jobs: int) -> None:
        self.busy, self.most, self.done = 0, 0, 0
        self.slow = asyncio.Event()
        self.jobs = [self.job(number, jobs) for number in range(jobs)]

    def job(self, number: int, jobs: int) -> Callable[[], Awaitable[int]]:
        """The first ends when all the others have."""

        async def work() -> int:
            self.busy += 1
            self.most = max(self.most, self.busy)
            if number == 0:
                await self.slow.wait()
            else:
                for _ in range(4):
                    await asyncio.sleep(0)
            self.busy -= 1
            self.done += 1
            if self.done == jobs - 1:
                self.slow.set()
            return number * number

        return work


@exercise(
    "6.3",
    "At most three at once",
    your="function",
    within=3.0,
    hints=(
        "A semaphore is a number of permits: `async with` takes one, and waits where none is left.",
        "Make the semaphore once, outside the job; take a permit inside, around the call.",
        "`async def one(job): async with permits: return await job()`, then"
        " `await asyncio.gather(*(one(job) for job in jobs))`.",
    ),
)
async def at_most(function: Callable[[int, Sequence[Any]], Awaitable[Any]]) -> None:
    """Never more than n run, n do whenever there is work, and the results keep their order."""
    kitchen = Kitchen(9)
    task = asyncio.ensure_future(_called(function, 3, kitchen.jobs))
    for _ in range(400):
        await asyncio.sleep(0)
        if task.done():
            break
    stuck = not task.done()
    if stuck:
        kitchen.slow.set()
    result = await task
    want(kitchen.most, "no job was started: a job is a function, so call it and await the result")
    want(kitchen.most <= 3, f"{kitchen.most} ran at once, and 3 may: take a permit around each job")
    want(kitchen.most > 1, "they ran one by one: three may run at once")
    want(
        not stuck,
        "one slow job held up those behind it: start the next as soon as any of the three is done",
    )
    want(kitchen.done == 9, f"{kitchen.done} of 9 jobs were done")
    got = list(result) if isinstance(result, list | tuple) else result
    want(got == [n * n for n in range(9)], f"the results are {got!r}: in the order of the jobs")
    want(kitchen.most == 3, f"only {kitchen.most} ran at once, and 3 may")


async def _called(function: Callable[..., Any], n: int, jobs: Sequence[Any]) -> Any:
    made = function(n, jobs)
    want(hasattr(made, "__await__"), "your function is a plain `def`: write `async def`")
    return await made


# -- 6.4


@exercise(
    "6.4",
    "Compute and give way",
    your="function",
    hints=(
        "Somewhere in the loop there must be an await that really gives the loop back.",
        "`await asyncio.sleep(0)` lets everything else that is ready run once.",
        "Once for every number is dear, once in a thousand is enough: `if i % 1000 == 0`.",
    ),
)
async def give_way(total: Callable[[Sequence[int]], Awaitable[int]]) -> None:
    """The sum is right, and the loop beats on while it is computed."""
    numbers = range(20_000)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    heart = asyncio.ensure_future(beat())
    try:
        await asyncio.sleep(0)
        beats = 0
        made = total(numbers)
        want(
            hasattr(made, "__await__"), "your function is a plain `def`: nothing can run beside it"
        )
        result = await made
        seen = beats
    finally:
        heart.cancel()
    right = sum(n * n for n in numbers)
    want(result == right, f"the sum of the squares is {right}, and yours is {result!r}")
    want(seen, "nothing else ran while you computed: no await gave the loop back")
    text = f"the loop had {seen} turns in {len(numbers)} numbers: give it back every thousand or so"
    want(seen >= 10, text)
