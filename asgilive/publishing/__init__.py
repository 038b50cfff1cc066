"""The book as pages: a Sphinx extension.

It dresses what notebooks hold (`boxes`, `dress`), gives the templates what they show (`pages`),
makes the reference from its tables (`reference`), and puts on a page only what it uses.  Rules:

* Text in notebooks is plain Markdown and reads well without this package; book/WRITING.md tells
  authors what is known.
* What is dressed works without a script: radio buttons, `<details>`, links.
* The whole book has one style sheet and one script, and asks nobody else for anything.
* What a chapter says wrongly about itself is a warning, and a warning stops the build.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from IPython.lib.lexers import IPython3Lexer
from pygments.token import Name  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.config import Config

from asgilive.publishing.dress import CellBox, Dress, depart_cell_box, visit_cell_box
from asgilive.publishing.live import Live
from asgilive.publishing.pages import check_minutes, fill_page
from asgilive.publishing.reference import evidence_pages, fill_reference
from asgilive.publishing.tags import forget_cells, merge_cells, read_cells, tell_shares

LIBRARY = Path(__file__).resolve().parent.parent
STYLE = LIBRARY / "style"
SHEETS = ("tokens.css", "figures.css", "components.css", "book.css", "run.css")


class RoleLexer(IPython3Lexer):  # type: ignore[misc]
    """Python in a notebook, where `scope`, `receive` and `send` carry their role."""

    roles: ClassVar = {"scope": Name.Scope, "receive": Name.Receive, "send": Name.Send}

    def get_tokens_unprocessed(
        self, text: str, stack: Iterable[str] = ("root",)
    ) -> Iterator[tuple[int, Any, str]]:
        """The tokens; an attribute (`socket.send`) is not a role."""
        before = ""
        for at, kind, value in super().get_tokens_unprocessed(text, stack):
            role = self.roles.get(value) if kind in Name and before != "." else None
            yield at, role or kind, value
            before = value


# ---- style sheet, script, fonts ------------------------------------------------------------------


def style_sheet() -> str:
    """The book's one style sheet.

    The base theme lies in a layer of its own: any rule of ours outranks it, however it is written.
    """
    theme = (folder_of("furo") / "theme/furo/static/styles/furo.css").read_text("utf-8")
    ours = "\n".join((STYLE / name).read_text("utf-8") for name in SHEETS)
    fonts = (STYLE / "fonts.css").read_text("utf-8")
    sheet = f"@layer theme;\n{fonts}\n@layer theme {{\n{theme}\n}}\n{ours}"
    return re.sub(r"/\*(?!!).*?\*/\s*", "", sheet, flags=re.DOTALL)


def folder_of(package: str) -> Path:
    """Where an installed package lies, without importing it.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed: pip install -r requirements.txt")
    return Path(spec.origin).parent


def write_assets(app: Sphinx) -> None:
    """Put the style sheet, the script and the fonts into the book."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    shutil.copytree(STYLE / "fonts", static / "fonts", dirs_exist_ok=True)
    (static / "book.css").write_text(style_sheet(), "utf-8")
    # figures.js stays away: it asks for the server of a recorded card, and none of them is alive
    shutil.copyfile(STYLE / "book.js", static / "book.js")


# ---- settings ------------------------------------------------------------------------------------


def read_settings(app: Sphinx, config: Config) -> None:
    """Take `repository` from `_config.yml`, and name the cache of outputs after the library."""
    options = dict(config.html_theme_options)
    url = str(options.get("repository_url") or "")
    # without the key in _config.yml, Jupyter Book gives its own address
    config.repository = "" if url.endswith("executablebooks/jupyter-book") else url
    config.repository_branch = options.get("repository_branch") or "main"
    config.html_theme_options = {}  # Jupyter Book's are for another theme
    cache = config.nb_execution_cache_path or Path(app.outdir).parent / ".jupyter_cache"
    config.nb_execution_cache_path = str(Path(cache) / library_digest())


def library_digest() -> str:
    """A name for the state of the library.

    The cache of outputs knows only a notebook's own code; with this name in its path, a changed
    library makes new recordings.
    """
    here = Path(__file__).parent
    sources = (path for path in sorted(LIBRARY.rglob("*.py")) if here not in path.parents)
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx' door to this package."""
    app.add_config_value("repository", "", "html", str)
    app.add_config_value("repository_branch", "main", "html", str)
    app.add_config_value("comments_config", {}, "html", dict)  # Jupyter Book sets it, wanted or not
    app.add_css_file("book.css")
    app.add_js_file("book.js", loading_method="defer")
    app.add_node(CellBox, html=(visit_cell_box, depart_cell_box))
    app.add_post_transform(Dress)
    for name in ("ipython3", "ipython", "python", "python3"):
        app.add_lexer(name, RoleLexer)
    app.connect("config-inited", read_settings, priority=100)
    app.connect("builder-inited", write_assets)
    app.connect("source-read", fill_reference)
    app.connect("html-collect-pages", evidence_pages)
    app.connect("doctree-read", check_minutes)
    app.connect("doctree-read", read_cells)
    app.connect("env-purge-doc", forget_cells)
    app.connect("env-merge-info", merge_cells)
    app.connect("build-finished", tell_shares)
    app.connect("html-page-context", fill_page, priority=900)
    Live().connect(app)
    safe = {"parallel_read_safe": True, "parallel_write_safe": True}
    return {**safe, "env_version": 1}  # a build that finds another number reads everything again
