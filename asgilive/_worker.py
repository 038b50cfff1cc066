"""What a server process imports in place of the application: the application, watched.

`asgilive.serving` tells it through the environment. ASGILIVE_PROGRAM is the application's import
string; ASGILIVE_FOLDER is where this process tells how the application's start went, a line of
JSON for each change; ASGILIVE_LIFESPAN is what it tells while nobody asks the application to
start. With ASGILIVE_BEGAN, a time, the folder gets a journal of what crosses the boundary too.
ASGILIVE_PARENT is the process that wants all this: when it is gone, the server ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from asgilive.application import Lifespan, load
from asgilive.hosting import alive
from asgilive.journal import Journal
from asgilive.recording import App


def watched() -> App:
    """The application of this process, as the environment says."""
    folder = Path(os.environ["ASGILIVE_FOLDER"])
    began = os.environ.get("ASGILIVE_BEGAN")
    state = os.environ["ASGILIVE_LIFESPAN"]

    def tell(lifespan: Lifespan) -> None:
        told = {"pid": os.getpid(), "lifespan": lifespan.state, "failure": lifespan.failure}
        with (folder / "workers").open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")

    lifespan = Lifespan(load(os.environ["ASGILIVE_PROGRAM"]), state, tell)
    tell(lifespan)
    return Journal(folder, float(began)).wrap(lifespan) if began else lifespan


def end_with(parent: int, *, every: float = 1.0) -> None:
    """End the server's whole group once the process that started it is gone."""
    while alive(parent):
        time.sleep(every)
    os.killpg(0, signal.SIGKILL)


if "ASGILIVE_PROGRAM" in os.environ:
    app = watched()
    if sys.platform != "win32":  # there os.kill(pid, 0) would end it
        parent = int(os.environ["ASGILIVE_PARENT"])
        threading.Thread(target=end_with, args=[parent], name="asgilive", daemon=True).start()
