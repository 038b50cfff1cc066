"""The checks of chapter 6 beyond the learners' answers: each sentence, and no clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asgilive import check, grade
from asgilive.exercises import ch06

RIGHT = {name: units * ch06.UNIT for name, (units, _) in ch06.CASES.items()}


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASGILIVE_PROGRESS", "off")


def says(exercise: Any, *answers: Any, **more: Any) -> str:
    verdict = grade(exercise, *answers, **more)
    assert not verdict.ok
    return verdict.sentence


@pytest.mark.parametrize("case", ch06.CASES)
def test_each_case_has_its_reason(case: str) -> None:
    wrong = RIGHT | {case: 1.3}
    sentence = says(check.predict, **wrong)
    assert sentence == f"7 of 8 are right; look at {case} again: {ch06.CASES[case][1]}"


def test_a_prediction_is_complete_and_of_numbers() -> None:
    assert grade(check.predict, **RIGHT).ok
    assert "no prediction for c" in says(check.predict, **{k: RIGHT[k] for k in "abdefgh"})
    assert "no case i" in says(check.predict, **RIGHT, i=1)
    assert "a is a number of seconds, and yours is True" in says(
        check.predict, **RIGHT | {"a": True}
    )


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ("unn", "`orders` was never called"),
        ("uon-late", "the news waits for the user"),
        ("nuo", "the user waits for the news"),
        ("un-o", "the orders wait for the news"),
        ("forgets", "nobody waits for the answer of `news`"),
        ("twice", "`user` was asked 2 times"),
        ("alone", "`orders` is called with what `user` gave"),
        ("mixed", "the result is"),
        ("plain", "your function is a plain `def`"),
    ],
)
def test_what_is_said_of_a_page(order: str, sentence: str) -> None:
    async def page(user: Any, orders: Any, news: Any) -> Any:
        if order == "unn":
            return await user(), None, await news()
        if order == "uon-late":
            found = await user()
            return found, await orders(found), await news()
        if order == "nuo":
            latest = await news()
            found = await user()
            return found, await orders(found), latest
        if order == "un-o":
            found, latest = await asyncio.gather(user(), news())
            return found, await orders(found), latest
        task = asyncio.ensure_future(news())
        if order == "twice":
            await user()
        found = await user()
        theirs = await orders(*([] if order == "alone" else [found]))
        return (found, theirs, None) if order == "forgets" else (await task, found, theirs)

    asked = (lambda *_: 1) if order == "plain" else page
    assert sentence in says(check.together, asked)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("none", "no job was started"),
        ("all", "9 ran at once, and 3 may"),
        ("one", "they ran one by one"),
        ("two", "only 2 ran at once"),
        ("groups", "one slow job held up those behind it"),
        ("some", "3 of 9 jobs were done"),
        ("unsorted", "in the order of the jobs"),
        ("plain", "write `async def`"),
    ],
)
def test_what_is_said_of_a_limit(kind: str, sentence: str) -> None:
    async def at_most(n: int, jobs: Any) -> Any:
        permits = asyncio.Semaphore({"two": 2, "all": 9, "one": 1}.get(kind, n))

        async def one(job: Any) -> Any:
            async with permits:
                return await job()

        if kind == "none":
            return None
        if kind == "groups":
            groups = [jobs[at : at + n] for at in range(0, len(jobs), n)]
            return [r for g in groups for r in await asyncio.gather(*(job() for job in g))]
        wanted = jobs[1:4] if kind == "some" else jobs
        found = await asyncio.gather(*(one(job) for job in wanted))
        return found[::-1] if kind == "unsorted" else found

    asked = (lambda *_: []) if kind == "plain" else at_most
    assert sentence in says(check.at_most, asked)


def test_what_is_said_of_a_sum() -> None:
    async def holds(numbers: Any) -> int:
        return sum(n * n for n in numbers)

    async def seldom(numbers: Any) -> int:
        for _ in range(5):
            await asyncio.sleep(0)
        return sum(n * n for n in numbers)

    async def wrong(numbers: Any) -> int:
        await asyncio.sleep(0)
        return 0

    assert "nothing else ran while you computed" in says(check.give_way, holds)
    assert "the loop had 5 turns in 20000 numbers" in says(check.give_way, seldom)
    assert "and yours is 0" in says(check.give_way, wrong)
    assert "nothing can run beside it" in says(check.give_way, lambda numbers: 0)
