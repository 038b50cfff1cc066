"""Run scenarios against one server, each in its place, and keep what was seen.

Rules: one server for all scenarios of a place, many scenarios at a time; no scenario takes longer
than `LIMIT` seconds, whatever the server does; a server that is gone afterwards is evidence, and
the next place gets a new one; nothing is left running.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgilive import hosting, servers
from asgilive.probes import tls
from asgilive.probes.application import Application, legacy
from asgilive.probes.columns import Column
from asgilive.probes.notes import Notebook
from asgilive.probes.scenario import Scenario
from asgilive.probes.seen import Seen
from asgilive.probes.visit import Place, Visit

AT_ONCE = 8  # scenarios at a time on one server
LIVES_AT_ONCE = 2  # servers of their own
STOP = 6.0  # seconds that a server is given to stop
LIMIT = 12.0  # seconds for one scenario
HERE = str(Path(__file__).resolve().parent.parent.parent)


class NoPlace(Exception):
    """This server cannot be started in that way; the text says why."""


@dataclass
class Running:
    """A server that was started for a place."""

    place: Place
    notebook: Notebook
    host: hosting.ThreadHost | hosting.ProcessHost

    @property
    def status(self) -> int | None:
        """The exit status of a process that has ended."""
        process = getattr(self.host, "_process", None)
        return process.poll() if process else None


class Runner:
    """Starts a column's servers in a folder of its own."""

    def __init__(self, column: Column, scenarios: dict[str, Scenario]) -> None:
        self.column = column
        self.scenarios = scenarios

    async def run(self, chosen: Iterable[Scenario]) -> dict[str, Seen]:
        """What was seen of every scenario, by its name."""
        if self.column.missing:
            return {one.name: self._nothing(self.column.missing) for one in chosen}
        found: dict[str, Seen] = {}
        places: dict[str, list[Scenario]] = {}
        for one in chosen:
            places.setdefault(one.place, []).append(one)
        for name, group in places.items():
            run = self._lives(group) if name == "life" else self._group(name, group)
            found |= await run
        return found

    async def _lives(self, group: list[Scenario]) -> dict[str, Seen]:
        free = asyncio.Semaphore(LIVES_AT_ONCE)

        async def one(each: Scenario) -> Seen:
            async with free:
                return await self._life(each)

        seen = await asyncio.gather(*map(one, group))
        return {one.name: each for one, each in zip(group, seen, strict=True)}

    async def _group(self, place: str, group: list[Scenario]) -> dict[str, Seen]:
        try:
            async with self.started(place) as running:
                free = asyncio.Semaphore(AT_ONCE)
                seen = await asyncio.gather(*(self._visit(one, running, free) for one in group))
        except (NoPlace, hosting.StartupFailed, servers.NotInstalled) as error:
            seen = [self._nothing(str(error)) for _ in group]
        return {one.name: each for one, each in zip(group, seen, strict=True)}

    def _nothing(self, why: str) -> Seen:
        return Seen(self.column.name, impossible=why)

    async def _visit(self, one: Scenario, running: Running, free: asyncio.Semaphore) -> Seen:
        async with free:
            visit = Visit(running.place, one.name)
            seen = Seen(self.column.name)
            try:
                async with asyncio.timeout(LIMIT):
                    await one.ask(visit)
                    await self._settle(one, running, visit)
            except TimeoutError:
                seen.said["gave up"] = f"after {LIMIT:g} s"
            except OSError as error:
                seen.said["gave up"] = f"{type(error).__name__}: {error}"
            finally:
                visit.end()
            seen.calls = running.notebook.calls(visit.serial)
            seen.lives = running.notebook.calls("life") if one.place == "workers" else []
            seen.wires = visit.wires
            seen.said |= visit.said
            seen.log = [line for line in running.host.log if visit.serial in line]
            return seen

    async def _settle(self, one: Scenario, running: Running, visit: Visit) -> None:
        """Wait until the application's calls have ended, or its patience is over."""
        end = time.monotonic() + one.patience
        while time.monotonic() < end:
            calls = running.notebook.calls(visit.serial)
            if calls and all(call.ended for call in calls):
                return
            await asyncio.sleep(0.02)

    async def _life(self, one: Scenario) -> Seen:
        """A scenario with a server of its own, started, visited and stopped."""
        seen = Seen(self.column.name)
        visit = None
        try:
            async with self.started("life", one, seen) as running:
                visit = Visit(running.place, one.name)
                async with asyncio.timeout(LIMIT):
                    await one.ask(visit)
                    await self._settle(one, running, visit)
            seen.calls = running.notebook.calls(visit.serial)
        except (NoPlace, servers.NotInstalled) as error:
            seen.impossible = str(error)
        except hosting.StartupFailed as error:
            seen.said["start"] = str(error)
        except (TimeoutError, OSError) as error:
            seen.said["gave up"] = f"{type(error).__name__}: {error}"
        finally:
            if visit is not None:
                visit.end()
                seen.wires = visit.wires
                seen.said |= visit.said
        return seen

    @contextlib.asynccontextmanager
    async def started(
        self, place: str, one: Scenario | None = None, seen: Seen | None = None
    ) -> AsyncIterator[Running]:
        """The server, running; it is stopped in the end. What its life left goes into `seen`."""
        with tempfile.TemporaryDirectory(prefix="asgilive-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            notebook = Notebook(folder / "notes")
            running = self._make(place, one, folder, notebook)
            began = time.perf_counter()
            try:
                await running.host.start()
                if seen:
                    seen.said["up"] = time.perf_counter() - began
                yield running
            finally:
                began = time.perf_counter()
                asked = running.status is None
                with contextlib.suppress(hosting.StillRunning):
                    await running.host.stop(STOP)
                if seen:
                    seen.said |= {"down": time.perf_counter() - began, "status": running.status}
                    seen.said["stopped itself"] = not asked
                    seen.lives = notebook.calls("life")
                    seen.log = list(running.host.log)

    def _make(self, place: str, one: Scenario | None, folder: Path, notebook: Notebook) -> Running:
        life = one.name if one else "life"
        two = one is not None and one.legacy
        sock = socket.create_server(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        tls_of = tls.client if place == "tls" else None
        where = Place(port, tls_of)
        if self.column.own is not None:
            if place not in ("plain", "life"):
                sock.close()
                raise NoPlace(f"a server of one's own is started plainly, not for {place}")
            app: Any = Application(notebook.path, life, self.scenarios)
            app = legacy(app) if two else app
            serve = servers.bound(self.column.own, app, {})
            name = f"asgilive probe :{port}"
            host = hosting.ThreadHost(name, sock, serve, unseen=hosting.UNSEEN)
            return Running(where, notebook, host)
        sock.close()
        values = {"cert": tls.files().cert, "key": tls.files().key} if place == "tls" else {}
        target = f"asgilive.probes.application:{'two' if two else 'app'}"
        told = {"app": target, "port": port, "python": sys.executable}
        words = self.column.words(place, **told, **values)
        if words is None:
            raise NoPlace(f"no option of {self.column.name} is known for {place}")
        env = {
            "PYTHONPATH": os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]),
            "ASGILIVE_NOTES": str(notebook.path),
            "ASGILIVE_LIFE": life,
            "ASGILIVE_PARENT": str(os.getpid()),
        }
        return Running(
            where, notebook, hosting.ProcessHost(words, port, env=env, folder=folder, workers=0)
        )
