"""What an application is, where it is imported from, and how its start is seen."""

import asyncio

import pytest
from some_apps import breaks, full_hello, hello, refuses, with_lifespan, wsgi

from asgilive import application
from asgilive.application import Lifespan

pytestmark = pytest.mark.usefixtures("nothing_left")


class Callable:
    async def __call__(self, scope, receive, send):
        pass


@pytest.mark.parametrize(
    "app", [hello, Callable(), Callable().__call__, lambda scope, receive, send: None, print, max]
)
def test_what_can_be_called(app):
    application.check(app)


def long(a, b, c, d, *, e):
    pass


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (None, r"None is not an application: one is called as app\(scope, receive, send\)"),
        (5, "5 is not an application"),
        (Callable, r"Callable cannot be called .*: it is a class; did you mean Callable\(…\)\?"),
        (wsgi, r"it takes \(environ, start_response\); a WSGI application runs with server='wsgi"),
        (long, r"long cannot be called as app\(scope, receive, send\): it takes \(a, b, c, d"),
    ],
)
def test_what_cannot(app, words):
    with pytest.raises(TypeError, match=words):
        application.check(app)


def test_names():
    assert application.name_of("apps.counter:app") == "apps.counter:app"
    assert application.name_of(wsgi) == "wsgi"
    assert application.name_of(Callable()) == "Callable"


def test_load():
    assert application.load("some_apps:hello") is hello
    assert application.load("some_apps:hello.__name__") == "hello"
    with pytest.raises(AttributeError, match="app"):
        application.load("some_apps")
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        application.load("nowhere:app")


# -- lifespan


async def start(app, then=lambda: None, state="not asked"):
    """Ask an application to start, and to stop if it has; returns all that was told."""
    told = []
    lifespan = Lifespan(
        app, state, lambda lifespan: told.append((lifespan.state, lifespan.failure))
    )
    left = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return left.pop(0)

    async def send(message):
        then()

    try:
        await lifespan({"type": "lifespan"}, receive, send)
    except ValueError as error:
        told.append(error)
    return told


async def test_a_start_that_is_complete():
    assert await start(full_hello) == [("starting", None), ("complete", None)]


async def test_a_start_that_is_refused():
    assert await start(refuses) == [
        ("starting", None),
        ("failed: no database", "lifespan.startup.failed: no database"),
    ]


async def test_a_start_that_raises():
    _, told, error = await start(breaks)
    assert told == (
        "not supported (ValueError)",
        "the application raised ValueError: no settings in its lifespan",
    )
    assert str(error) == "no settings"


async def test_a_start_that_returns():
    async def returns(scope, receive, send):
        pass

    assert await start(returns) == [("starting", None), ("not supported (it returned)", None)]


async def test_an_application_that_raises_later_had_started():
    async def later(scope, receive, send):
        await send({"type": "lifespan.startup.complete"})
        raise ValueError("at shutdown")

    told = await start(later)
    assert told[1] == ("complete", None)
    assert str(told[2]) == "at shutdown"


async def test_a_start_that_is_cancelled_says_nothing():
    told = []
    lifespan = Lifespan(with_lifespan(hello), "off", told.append)
    assert lifespan.state == "off"
    asking = lifespan({"type": "lifespan"}, asyncio.Event().wait, None)
    task = asyncio.create_task(asking)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert (lifespan.state, lifespan.starting, told) == ("starting", True, [lifespan])


async def test_requests_pass():
    async def app(scope, receive, send):
        await send(scope["type"])

    seen = []

    async def send(message):
        seen.append(message)

    await Lifespan(app)({"type": "http"}, None, send)
    assert seen == ["http"]
