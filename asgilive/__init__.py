"""ASGI Live: the library beneath the notebooks.

    from asgilive import serve, fetch

    site = await serve(app, record=True)   # a server is running
    await fetch(site)                      # the bytes that came back
    site.conversation                      # the bytes beside the messages

What touches the network is awaited; what is a record is not; every client takes a site or a URL
first; everything shows itself as a cell's last line and is plain data underneath.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgilive.checks import check as check
    from asgilive.checks import grade as grade
    from asgilive.clients import crowd as crowd
    from asgilive.clients import dial as dial
    from asgilive.clients import drive as drive
    from asgilive.clients import fails as fails
    from asgilive.clients import fetch as fetch
    from asgilive.clients import raw as raw
    from asgilive.recording import Conversation as Conversation
    from asgilive.serving import Site as Site
    from asgilive.serving import relay as relay
    from asgilive.serving import serve as serve
    from asgilive.spec import spec as spec
    from asgilive.timeline import Timeline as Timeline

__version__ = "0.1.0"

# Each name comes from its module when it is first asked for: importing asgilive takes no time.
_HOMES = {
    "serve": "serving",
    "relay": "serving",
    "Site": "serving",
    "fetch": "clients",
    "raw": "clients",
    "dial": "clients",
    "crowd": "clients",
    "drive": "clients",
    "fails": "clients",
    "Conversation": "recording",
    "grade": "checks",
    "check": "checks",
    "spec": "spec",
    "Timeline": "timeline",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"asgilive has no {name!r}: it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"asgilive.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
