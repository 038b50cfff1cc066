"""Exercises, and the verdict of a check in one sentence.

An exercise is one function in `asgilive/exercises/`: it looks at what the reader wrote, and says
what is wrong with `want(condition, sentence)`; when it returns, the answer is right. The same
function serves the notebook (`await check.echo(app)`), a grader (`grade(check.echo, app)`) and
the tests.

Rules: a verdict is one plain sentence about the reader's code, whatever that code does, with the
line where it helps; each try that fails makes one more hint due; a check runs aside, so that
code that blocks or spins gives a verdict and not a dead kernel (`asgilive.aside`); a fault of the
check itself is raised, never blamed on the reader.
"""

from __future__ import annotations

import asyncio
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from asgilive import aside, drawing, progress
from asgilive.recording import describe

Judge = Callable[..., Awaitable[None]]

WITHIN = 5.0  # seconds a check may take, unless the exercise says otherwise


class Wrong(Exception):
    """The answer is not right; the text is the verdict's sentence.

    `evidence` is what the check saw: anything that displays itself.
    """

    def __init__(self, sentence: str, evidence: Any = None) -> None:
        super().__init__(sentence)
        self.evidence = evidence


def want(condition: object, sentence: str, evidence: Any = None) -> None:
    """Go on if the condition holds; else the verdict is this sentence."""
    if not condition:
        raise Wrong(sentence, evidence)


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What a check found: `bool(verdict)` is `ok`, and it shows as a card.

    `exercise` is number and name, as in "2.1 echo". `sentence` says what is right, or what is
    wrong. `hint` is the one that this try made due, or None; `hints` are all there are, which the
    card gives one behind the other.
    `evidence` is the call, reply or conversation that the check saw, or None.
    """

    ok: bool
    exercise: str
    sentence: str
    hint: str | None = None
    hints: tuple[str, ...] = ()
    evidence: Any = None

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{'pass' if self.ok else 'not yet'}: {self.sentence}"

    def _figure(self) -> drawing.Figure:
        seen = _drawn(self.evidence) if self.evidence is not None else None
        return drawing.verdict(self.ok, self.exercise, self.sentence, self.hints, seen)

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()


def _drawn(evidence: Any) -> drawing.Figure:
    """The evidence as a figure inside another, which has the style already."""
    return drawing.Figure(evidence._repr_html_().removeprefix(drawing.STYLE), repr(evidence))


# -- an exercise


@dataclass(eq=False, repr=False)
class Exercise:
    """One exercise: `await check.<name>(…)` gives the verdict.

    `number` is chapter and place, as in "2.1"; `hints` come one by one; `within` is how many
    seconds a check may take; `your` is what the sentences call the reader's code.
    """

    number: str
    title: str
    hints: tuple[str, ...]
    within: float
    your: str
    judge: Judge

    def __post_init__(self) -> None:
        self.name = self.__name__ = self.judge.__name__
        self.__doc__ = inspect.getdoc(self.judge)
        self.__signature__ = inspect.signature(self.judge)

    @property
    def right(self) -> str:
        """What right looks like, in one sentence: the judge's docstring, its first paragraph."""
        return " ".join((self.__doc__ or self.title).split("\n\n")[0].split())

    @property
    def call(self) -> str:
        """What the reader writes."""
        return f"await check.{self.name}({', '.join(self.__signature__.parameters)})"

    def __call__(self, *arguments: Any, **options: Any) -> Pending:
        """The check, ready to be awaited. Raises TypeError for a wrong number of arguments."""
        try:
            self.__signature__.bind(*arguments, **options)
        except TypeError as error:
            raise TypeError(f"check.{self.name}: {error}: write `{self.call}`") from None
        return Pending(self, lambda: self.judge(*arguments, **options))

    def verdict(self, error: BaseException | None) -> Verdict:
        """The verdict for what the judge raised. Raises that error where it is our own fault."""
        sentence = self.right if error is None else self._sentence(error)
        tries = progress.note(self.number, error is None)
        name = f"{self.number} {self.name}"
        if error is None:
            return Verdict(True, name, sentence)
        hint = self.hints[tries - 1] if tries <= len(self.hints) else None
        evidence = getattr(error, "evidence", None)
        return Verdict(False, name, sentence, hint, self.hints, evidence)

    def _sentence(self, error: BaseException) -> str:
        match error:
            case Wrong():
                return str(error)
            case aside.Held(place=place):
                return f"your {self.your} holds the loop and never gives it back{_colon(place)}"
            case aside.Late(place=place):
                late = f"your {self.your} did not finish within {self.within:g} s"
                return late + (f": it waits at {place}" if place else "")
            case asyncio.CancelledError():
                return f"your {self.your} cancelled the task that runs it"
        if aside.raised_at(error) is None:
            raise error
        return raised(self.your, error)

    def __repr__(self) -> str:
        return f"exercise {self.number}, {self.title}: write `{self.call}`"


def raised(your: str, error: BaseException) -> str:
    """The sentence for an exception of the reader's code: "your app raised KeyError: …"."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    place = aside.raised_at(error)
    first = describe(error).split("\n")[0]
    text = first if len(first) <= 160 else first[:159] + "…"
    return f"your {your} raised {text}" + (f" at {place}" if place else "")


def _colon(place: aside.Place | None) -> str:
    return f": {place}" if place else ""


class Pending:
    """A check that has not run: it does when it is awaited."""

    def __init__(self, exercise: Exercise, work: aside.Work) -> None:
        self._exercise, self._work = exercise, work

    def __await__(self) -> Generator[Any, None, Verdict]:
        return self._run().__await__()

    async def _run(self) -> Verdict:
        return self._exercise.verdict(await aside.run(self._work, self._exercise.within))

    def __bool__(self) -> bool:
        raise TypeError(repr(self))

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(name if name.startswith("_") else f"no .{name} yet: {self!r}")

    def __repr__(self) -> str:
        return f"not checked yet: write `{self._exercise.call}`"


def grade(exercise: Exercise, *arguments: Any, **options: Any) -> Verdict:
    """Run a check without `await`: `assert grade(check.echo, app)`.

    For graders and tests; it blocks until the verdict is there, also where a loop runs. Raises
    RuntimeError in the page, which has one thread.
    """
    pending = exercise(*arguments, **options)
    return exercise.verdict(aside.run_sync(pending._work, exercise.within))


# -- all of them

_registry: dict[str, Exercise] = {}


def exercise(
    number: str,
    title: str,
    *,
    hints: Sequence[str],
    within: float = WITHIN,
    your: str = "app",
) -> Callable[[Judge], Exercise]:
    """Make an exercise of an async function that returns for a right answer and raises `Wrong`.

    Its docstring says, in one sentence, what right looks like. `within` is in seconds. Raises
    ValueError for a name that another exercise has.
    """

    def register(judge: Judge) -> Exercise:
        made = Exercise(number, title, tuple(hints), within, your, judge)
        other = _registry.setdefault(made.name, made)
        if other.number != number:
            raise ValueError(f"exercises {other.number} and {number} are both named {made.name}")
        _registry[made.name] = made
        return made

    return register


@cache
def _load() -> None:
    from asgilive import exercises

    for module in pkgutil.iter_modules(exercises.__path__, exercises.__name__ + "."):
        importlib.import_module(module.name)


def _all() -> dict[str, Exercise]:
    """Every exercise by name, in order of chapters."""
    _load()
    in_order = sorted(_registry.values(), key=lambda e: [int(part) for part in e.number.split(".")])
    return {made.name: made for made in in_order}


class Checks:
    """The namespace `check`: one name an exercise. It shows which there are, and which are done."""

    def __getattr__(self, name: str) -> Exercise:
        if name.startswith("_"):
            raise AttributeError(name)
        if found := _all().get(name):
            return found
        near = difflib.get_close_matches(name, _all(), n=2)
        text = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_all())}"
        raise AttributeError(f"there is no exercise {name}: {text}")

    def __dir__(self) -> list[str]:
        return list(_all())

    def _figure(self) -> drawing.Figure:
        states = progress.read()
        rows = [(e.number, e.name, e.title, _state(states.get(e.number))) for e in _all().values()]
        return drawing.table(("", "check", "exercise", "state"), rows, title="The exercises")

    def _repr_html_(self) -> str:
        return self._figure()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._figure())


def _state(state: progress.State | None) -> str:
    if not state:
        return ""
    return f"pass, {state['ok']}" if "ok" in state else "not yet"


check = Checks()
