"""The Python side of the page's worker: what `page/worker.js` may call.

Rules: a call returns at once; what comes of it is said later, as JSON, or as bytes where it is a
body. Everything of the reader's runs in the loop's steps, which the worker asks for.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from asgilive.browser import guard, hosts, network
from asgilive.browser.kernel import Kernel, Output
from asgilive.browser.loop import PageLoop

PROGRESS = Path("/tmp/asgilive-progress.json")


class Script(Protocol):
    """The worker's script: `page/worker.js`."""

    def wake(self, seconds: float) -> object:
        """Call `step` after so many seconds, and forget what was said before."""

    def say(self, message: str) -> object:
        """A message for the page."""

    def tell(self, id: str, event: str, value: Any) -> object:
        """A message for who called through the bridge: JSON, or bytes."""


class Worker:
    """An interpreter set up as a page's kernel.

    `link` is where the browser finds a server of the page, with {port} in it, or "". `progress`
    is what the page kept of the exercises. `plain` makes a JavaScript value of bytes.
    """

    def __init__(
        self, script: Script, link: str, progress: str, plain: Callable[[bytes], Any] = bytes
    ) -> None:
        self.script, self.plain = script, plain
        self.loop = PageLoop(script.wake)
        self.kernel = Kernel(self._output, pretty)
        self.bridge: Any = None
        self._queue: asyncio.Queue[tuple[str, int, str]] = asyncio.Queue()
        self._progress = progress
        if progress:
            PROGRESS.write_text(progress, "utf-8")
        os.environ["ASGILIVE_PROGRESS"] = str(PROGRESS)
        if link:
            os.environ["ASGILIVE_LINK"] = link
        self.install()
        self.loop.create_task(self._cells(), name="cells")

    def install(self) -> None:
        """Put the page's clock, network, hosts and kernel where Python looks for them."""
        time.perf_counter = ticking(time.perf_counter)
        network.install()
        guard.install()
        hosts.install()
        self.kernel.install()

    def step(self) -> None:
        """Run what is due."""
        self.loop.step()

    # -- cells

    def run(self, id: str, number: int, code: str) -> None:
        """Run a cell, after those that wait already."""
        self.loop.call_soon_threadsafe(self._queue.put_nowait, (id, number, code))

    async def _cells(self) -> None:
        while True:
            id, number, code = await self._queue.get()
            self._say(kind="begin", cell=id)
            task = self.loop.create_task(self.kernel.run(id, number, code), name=f"cell {number}")
            result = await task
            self._keep_progress()
            self._say(kind="end", cell=id, sites=running(), **result)

    def _output(self, cell: str, output: Output) -> None:
        self._say(kind="output", cell=cell, output=output)

    def _say(self, **message: Any) -> None:
        self.script.say(json.dumps(message, default=str))

    def _keep_progress(self) -> None:
        """Have the page keep what changed of the exercises."""
        text = PROGRESS.read_text("utf-8") if PROGRESS.exists() else ""
        if text != self._progress:
            self._progress = text
            self._say(kind="progress", text=text)

    # -- the browser's own requests

    def request(self, id: str, asked: str, body: Any) -> None:
        """A request of a frame, a tab or a script; `asked` is JSON: port, method, path, headers.

        `body` is a buffer, or None where there is none.
        """
        bridge, about = self._bridge(), json.loads(asked)
        self._later(
            id,
            lambda: bridge.request(
                id, **about, body=None if body is None else bytes(body), tell=self._teller(id)
            ),
        )

    def socket(self, id: str, asked: str) -> None:
        """A WebSocket; `asked` is JSON: port, path, protocols, origin."""
        bridge, about = self._bridge(), json.loads(asked)
        self._later(id, lambda: bridge.socket(id, **about, tell=self._teller(id)))

    def send(self, id: str, what: str, value: Any) -> None:
        """What the page of a WebSocket says: "message" with text or bytes, "close" with JSON."""
        said = json.loads(value) if what == "close" else value
        said = said if isinstance(said, str | list) else bytes(said)
        self.loop.call_soon_threadsafe(self._bridge().send, id, what, said)

    def more(self, id: str) -> None:
        """The browser wants another piece of an answer."""
        self.loop.call_soon_threadsafe(self._bridge().more, id)

    def cancel(self, id: str) -> None:
        """Nobody waits for the answer any more."""
        self.loop.call_soon_threadsafe(self._bridge().cancel, id)

    def _later(self, id: str, work: Callable[[], Any]) -> None:
        self.loop.call_soon_threadsafe(lambda: self._bridge().open(id, work()))

    def _teller(self, id: str) -> Callable[[str, Any], object]:
        def tell(event: str, value: Any) -> object:
            said = self.plain(value) if isinstance(value, bytes) else json.dumps(value)
            return self.script.tell(id, event, said)

        return tell

    def _bridge(self) -> Any:
        """Imported when somebody first comes: most readers look at figures."""
        if self.bridge is None:
            from asgilive.browser.bridge import Bridge

            self.bridge = Bridge()
        return self.bridge


def ticking(clock: Callable[[], float]) -> Callable[[], float]:
    """A clock that never stands still: browsers round theirs, and what came first must stay so."""
    last = 0.0

    def tick() -> float:
        nonlocal last
        last = max(clock(), last + 1e-6)
        return last

    return tick


def running() -> list[str]:
    """The links of the sites that run now."""
    serving = sys.modules.get("asgilive.serving")
    return [site.link for site in serving.running()] if serving else []


def pretty(value: Any) -> str:
    """A value as IPython prints it; the build takes that module from IPython."""
    module = importlib.import_module("ipython_pretty")
    text: str = module.pretty(value)
    return text
