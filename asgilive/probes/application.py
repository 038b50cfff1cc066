"""The probes as one ASGI application: the path says which scenario a call belongs to.

`/name/visit` is the path of every request of a scenario. A lifespan has no path: ASGILIVE_LIFE
names its scenario. In a process of its own this module is what the server imports:
`asgilive.probes.application:app`.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

from asgilive import probes
from asgilive._worker import end_with
from asgilive.probes.notes import Writer
from asgilive.recording import App, Receive, Scope, Send

_PLACE = re.compile(r"/([a-z][a-z0-9_]*)/([0-9a-f]+)")


class Application:
    """The scenarios behind one callable. What they see is written into the file `notes`."""

    def __init__(self, notes: Path, life: str = "life", scenarios: dict[str, Any] | None = None):
        self.writer = Writer(notes)
        self.life = life
        self.scenarios = {**probes.SCENARIOS, **(scenarios or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the scenario, and run its application, noted."""
        name, visit = _which(scope) if "path" in scope else (self.life, "life")
        say = self.writer.begin(visit, scope)
        if name not in self.scenarios:
            say.note("said", ("unknown", name))
            raise LookupError(f"no scenario is called {name!r}")
        await say.run(self.scenarios[name].app, scope, receive, send)


def _which(scope: Scope) -> tuple[str, str]:
    """The scenario and the visit that a call belongs to."""
    for text in (scope.get("path"), scope.get("raw_path")):
        text = text.decode("latin-1") if isinstance(text, bytes) else str(text)
        if found := _PLACE.search(text):
            return found[1], found[2]
    return "", ""


def legacy(app: App) -> Any:
    """The application as ASGI 2 had it: called with the scope, then awaited with the channels."""

    class Legacy:
        def __init__(self, scope: Scope) -> None:
            self.scope = scope

        async def __call__(self, receive: Receive, send: Send) -> None:
            await app(self.scope, receive, send)

    return Legacy


def watch(parent: int) -> None:
    """End with the process that wanted this one."""
    threading.Thread(target=end_with, args=[parent], name="asgilive", daemon=True).start()


if "ASGILIVE_NOTES" in os.environ:
    app = Application(Path(os.environ["ASGILIVE_NOTES"]), os.environ.get("ASGILIVE_LIFE", "life"))
    two = legacy(app)
    if sys.platform != "win32":  # there os.kill(pid, 0) would end it
        watch(int(os.environ["ASGILIVE_PARENT"]))
