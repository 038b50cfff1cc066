"""The timeline: what is noted, by whom, and what is drawn of it."""

import asyncio
import threading

import pytest

from asgilive import Timeline


async def test_lanes_of_tasks():
    lanes = Timeline("Two tasks")

    async def work(name, event, other):
        with lanes.span(name, "asks", "wait"):
            event.set()
            await other.wait()
        with lanes.span(name):
            pass

    a, b = asyncio.Event(), asyncio.Event()
    await asyncio.gather(work("a", a, b), work("b", b, a))
    first, second = (span for span in lanes.spans if span.kind == "wait")
    assert first.start <= second.start <= first.end  # they wait at once
    assert [span.lane for span in lanes.spans].count("a") == 2
    assert lanes.took >= first.took > 0
    text = repr(lanes)
    assert text.startswith("Two tasks")
    assert "a  |" in text
    assert "asks" in text
    assert "asks</i>" in lanes._repr_html_()


def test_threads_may_note_too():
    lanes = Timeline()

    def work(name):
        with lanes.span(name):
            lanes.mark(name, "here")

    threads = [threading.Thread(target=work, args=[f"thread {n}"]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted({span.lane for span in lanes.spans}) == [f"thread {n}" for n in range(8)]
    assert len(lanes.spans) == 16
    assert "mark at" in lanes._repr_html_()
    assert "| a moment" in repr(lanes)


def test_what_raises_is_bad_and_still_raises():
    lanes = Timeline()
    with pytest.raises(ValueError, match="no"), lanes.span("a"):
        raise ValueError("no")
    assert (lanes.spans[0].kind, lanes.spans[0].end is None) == ("bad", False)
    assert "! failed" in repr(lanes)


def test_what_lasts_reaches_to_now():
    lanes = Timeline()
    with lanes.span("a") as span:
        assert (span.end, span.took) == (None, 0.0)
        assert "# runs" in repr(lanes)


def test_an_empty_one():
    lanes = Timeline()
    assert lanes.took == 0.0
    assert "total" in repr(lanes)


def test_what_a_kind_means_may_be_said():
    lanes = Timeline("threads", words={"block": "blocks its thread"})
    with lanes.span("one", kind="block"):
        pass
    assert "blocks its thread" in lanes._repr_html_()
    assert "blocks the loop" not in lanes._repr_html_()
