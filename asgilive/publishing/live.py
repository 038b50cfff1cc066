"""Pages that run: the runtime joins a build, and pages with code cells say where it lies.

`live_pages: false` under `sphinx: config:` in `_config.yml` leaves it out.  Where it cannot be put
together the book is built all the same, without Run and with a warning; with the environment's
ASGILIVE_LIVE=if-there, as for a reader without a network, it is a line.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from asgilive.publishing.fetching import Unavailable
from asgilive.publishing.pages import cells
from asgilive.publishing.runtime import Runtime, assemble

log = logging.getLogger(__name__)


class Live:
    """The runtime of one build."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None

    def connect(self, app: Sphinx) -> None:
        """Take part in a build."""
        app.add_config_value("live_pages", True, "html", bool)
        app.connect("builder-inited", self.publish)
        app.connect("env-updated", self.renewed)
        app.connect("html-page-context", self.fill)

    def publish(self, app: Sphinx) -> None:
        """Put the runtime into `_static/live/`."""
        if app.builder.format != "html" or not app.config.live_pages:
            return
        log.info("what pages run on: putting it together; the first time takes a minute")
        began = time.monotonic()
        try:
            self.runtime = assemble()
        except Unavailable as problem:
            optional = os.environ.get("ASGILIVE_LIVE") == "if-there"
            (log.info if optional else log.warning)("pages will not run: %s", problem)
            return
        self.runtime.publish(Path(app.outdir) / "_static" / "live")
        took = time.monotonic() - began
        log.info("what pages run on: %s MB, %.1f s", self.runtime.megabytes, took)

    def renewed(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """The pages to write anew: all of them name the runtime's version, so where it changed."""
        version = self.runtime.version if self.runtime else ""
        before = getattr(env, "asgilive_runtime", version)
        env.asgilive_runtime = version  # type: ignore[attr-defined]
        return sorted(env.all_docs) if version != before else []

    def fill(
        self,
        app: Sphinx,
        pagename: str,
        template: str,
        context: dict[str, Any],
        doctree: nodes.document | None,
    ) -> None:
        """Tell a page with code cells where the runtime lies, and what the first Run loads."""
        context["live"] = None
        if self.runtime and doctree and any(cells(doctree)):
            context["live"] = {
                "base": context["pathto"]("_static/live/", 1),
                "size": self.runtime.megabytes,
                "version": self.runtime.version,
            }
