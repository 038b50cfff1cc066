"""Which exercises are solved: a small JSON file in the reader's own folder.

`{"2.1": {"ok": "2026-11-22", "tries": 3}}`: the day of the first pass, and the tries: those that
failed, and the first that passed. Rules: no name, no code of the reader; written whole under
another name and renamed, so that a file is never half there; a file that cannot be read is set
aside, one that cannot be written is done without. `ASGILIVE_PROGRESS=<file>` moves it,
`ASGILIVE_PROGRESS=off` keeps it in this process only.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TypedDict


class State(TypedDict, total=False):
    """How far one exercise is."""

    ok: str
    tries: int


# What this process knows, by file: for where there is none, or none that can be written.
_here: dict[Path | None, dict[str, State]] = {}


def note(number: str, ok: bool) -> int:
    """Count a try at the exercise with this number; return how many there were."""
    states = read()
    state = states.setdefault(number, {})
    if not (ok and "ok" in state):
        state["tries"] = state.get("tries", 0) + 1
        if ok:
            state["ok"] = datetime.date.today().isoformat()
        _write(states)
    return state["tries"]


def read() -> dict[str, State]:
    """The state of every exercise that was tried, by its number."""
    path = file()
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8"))) if path else _known(path)
    except OSError:
        return _known(path)
    except ValueError:
        assert path is not None
        with contextlib.suppress(OSError):
            path.replace(path.with_name(path.name + ".unreadable"))
        return _known(path)


def _known(path: Path | None) -> dict[str, State]:
    return dict(_here.get(path, {}))


def file() -> Path | None:
    """Where it is kept; None for nowhere."""
    said = os.environ.get("ASGILIVE_PROGRESS", "")
    if said == "off":
        return None
    return Path(said).expanduser() if said else _folder() / "asgilive" / "progress.json"


def _folder() -> Path:
    """Where programs of this platform keep what belongs to a user."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local")).expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Application Support").expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()


def _checked(content: object) -> dict[str, State]:
    """The content, if it has the shape that `_write` gives it. Raises ValueError otherwise."""
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return {str(number): _state(entry) for number, entry in content.items()}


def _state(entry: object) -> State:
    if not isinstance(entry, dict) or not isinstance(entry.get("tries", 0), int):
        raise ValueError("not an exercise")
    state: State = {"tries": entry.get("tries", 0)}
    if "ok" in entry:
        state["ok"] = str(entry["ok"])
    return state


def _write(states: dict[str, State]) -> None:
    """Into memory, and into the file where there is one that can be written."""
    path = file()
    _here[path] = states
    if path is not None:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, json.dumps(states, indent=1, sort_keys=True) + "\n")


def _replace(path: Path, text: str) -> None:
    """Write a file whole under another name, then rename it."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".progress-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as temporary:
            temporary.write(text)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
