"""What another process writes down, and how it is brought into a recording."""

import asyncio
import marshal
import os

import pytest
from some_apps import echo, hello

from asgilive.journal import Journal, Journals
from asgilive.recording import Conversation

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path, 0.0)
    yield journal
    journal.file.close()


@pytest.fixture
def conversation(tmp_path):
    conversation = Conversation()
    conversation.sources.append(Journals(tmp_path).bring)
    return conversation


async def call(journal, app, scope, *messages):
    left = list(messages)

    async def receive():
        return left.pop(0) if left else await asyncio.Event().wait()

    async def send(message):
        if message.get("status") == 0:
            raise ValueError("no status")

    return await journal.wrap(app)({"type": "http", "path": "/"} | scope, receive, send)


async def test_calls_are_read_along(journal, conversation):
    await call(journal, hello, {"path": "/a"})
    assert [c.scope["path"] for c in conversation.calls] == ["/a"]
    await call(journal, echo, {"path": "/b"}, {"type": "http.request", "body": b"x"})
    first, second = conversation.calls
    assert (first.number, second.number, second.scope["path"]) == (1, 2, "/b")
    assert second.received == [{"type": "http.request", "body": b"x"}]
    assert all(entry.took >= 0 for entry in second.entries[:-1])
    assert second.ended == "returned"


async def test_a_call_that_waits_is_there_too(journal, conversation):
    async def waits(scope, receive, send):
        await receive()

    task = asyncio.create_task(call(journal, waits, {}))
    await asyncio.sleep(0)
    (waiting,) = conversation.calls
    assert (waiting.ended, waiting.entries[0].what, waiting.entries[0].took) == (
        "waiting",
        "receive",
        None,
    )
    task.cancel()
    await asyncio.wait({task})
    (cancelled,) = conversation.calls
    assert (cancelled.ended, cancelled.entries[0].error) == ("raised", "CancelledError")


async def test_what_send_raised(journal, conversation):
    async def wrong(scope, receive, send):
        await send({"type": "http.response.start", "status": 0})

    with pytest.raises(ValueError, match="no status"):
        await call(journal, wrong, {})
    assert conversation.calls[0].entries[0].error == "ValueError: no status"


async def test_objects_are_told_by_their_class(journal, conversation):
    await call(journal, hello, {"state": {"lock": object()}, "tuple": ("a", 1)})
    scope = conversation.calls[0].scope
    assert scope["state"] == {"lock": {"repr": "builtins.object"}}


async def test_every_entry_knows_its_connection(journal, conversation):
    number = conversation.open(5000)
    await call(journal, hello, {"client": ["127.0.0.1", 5000]})
    assert conversation.calls[0].connection == number
    assert {e.connection for e in conversation.entries} == {number}


async def test_a_record_that_is_not_whole_is_read_later(journal, conversation, tmp_path):
    (file,) = tmp_path.iterdir()
    assert file.name == f"{os.getpid()}.journal"
    whole = marshal.dumps((1, 0.5, "call", 1, {"type": "http"}))
    for part in (whole[:5], whole[5:]):
        assert conversation.calls == []
        with file.open("ab") as other:
            other.write(part)
    assert len(conversation.calls) == 1


async def test_forgetting_what_was_not_looked_at(journal, conversation):
    await call(journal, hello, {})
    conversation.clear()
    assert conversation.entries == []
    await call(journal, hello, {"path": "/later"})
    assert [c.scope["path"] for c in conversation.calls] == ["/later"]
