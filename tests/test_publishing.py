"""The Sphinx extension: small books are built, and their pages are read."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup, Tag
from docutils import nodes
from pygments.token import Name

from asgilive import publishing
from asgilive.publishing import boxes, dress, pages

ROOT = Path(__file__).resolve().parent.parent

TEXT = """# Small *title*

*What is asked?*

- **You will** read `bytes`
- **You need** a terminal

> **Predict.** How many `chunks`?
>
> Think first.
>
> 1. One: see [the end](#end).
> 2. Two.
> 3. Three & more.
>
> <details><summary>What happened</summary>
>
> **3.** Nobody sent the last.
>
> </details>

> **Predict.** Which?
>
> 1. This.

> **Recall.** What waits?
>
> <details><summary>Answer</summary>
>
> *You* do.
>
> </details>

> **Heard often.** *It waits until `return`.*
>
> It does not.

## Second

> **Quirk** (granian 2.8.7, now & then). Counts.
>
> More.

<!-- -->

> **Further.** Read on.

<!-- -->

> **On your machine.**
>
> - a list

> An ordinary quotation.

- **call** one
- **scope**

* plain **bold**
* list

```python
async def app(scope, receive, send): ...
```

(end)=
## Exercises
"""

STYLED = (
    '<style class="al-style">x {}</style><b id="kept">kept</b><script class="al-script">1</script>'
)


def output(html: str) -> Any:
    data = {"text/html": html, "text/plain": "plain"}
    return nbformat.v4.new_output("execute_result", data, execution_count=1)


def cell(source: str, *tags: str, html: str = "") -> Any:
    outputs = [output(html)] if html else []
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}, outputs=outputs)


def notebook(text: str = TEXT, **about: Any) -> Any:
    """A chapter with every device."""
    minutes = {"Small title": 6, "Second": 3, "Exercises": 20}
    told = {"minutes": minutes, "wrong": {"1.1": ["nothing sent"]}} | about
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(
        metadata={"kernelspec": kernel, "asgilive": told},
        cells=[
            nbformat.v4.new_markdown_cell(text),
            cell("await send(scope)", "exercise:1.1", html=STYLED),
            cell("first = 1", "solution", html="<i>first</i>"),
            cell("second = 2", "solution"),
            cell("between = 3"),
            cell("third = 3", "solution"),
            cell("workers = 4", "needs-processes", html="<i>four</i>"),
            cell("silent = 5", "needs-sockets"),
            cell("hidden = 6", "remove-input", html="<i>six</i>"),
        ],
    )


COVER = """# The book

{.al-ways}
[Start](../notebooks/01-small.ipynb){.al-btn}

1. **Small title** what it does
2. **Not written** what it will do

{.al-readers}
- **Read** it
- **Run** it
"""


@dataclass
class Book:
    """A built book: its pages as trees, and what the build said."""

    folder: Path
    said: str

    def page(self, name: str) -> BeautifulSoup:
        return BeautifulSoup((self.folder / name).read_text("utf-8"), "html.parser")

    def one(self, name: str, selector: str) -> Tag:
        (found,) = self.page(name).select(selector)
        return found


def build(folder: Path, chapter: Any, **config: Any) -> Book:
    """Build a book of a cover and one chapter, in this process, with the real settings."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8")) | config
    settings["execute"] = {"execute_notebooks": "off"}
    settings["sphinx"]["config"]["templates_path"] = [str(ROOT / "book" / "_templates")]
    parts = [{"caption": "Part", "chapters": [{"file": "notebooks/01-small"}]}]
    toc = {"format": "jb-book", "root": "book/cover", "parts": parts}
    for name in ("book", "notebooks"):
        (folder / name).mkdir(parents=True)
    (folder / "_config.yml").write_text(yaml.safe_dump(settings), "utf-8")
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    (folder / "book" / "cover.md").write_text(COVER, "utf-8")
    (folder / "notebooks" / "01-small.ipynb").write_text(nbformat.writes(chapter), "utf-8")
    return Book(folder / "_build" / "html", run_sphinx(folder))


def run_sphinx(folder: Path) -> str:
    """What `jupyter-book build` does after it has read its command line; its warnings."""
    from jupyter_book.sphinx import build_sphinx

    said = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stderr(said):
        warnings.simplefilter("ignore")  # of Sphinx and its friends
        with contextlib.redirect_stdout(io.StringIO()):
            build_sphinx(
                folder,
                folder / "_build" / "html",
                path_config=folder / "_config.yml",
                noconfig=True,
                confoverrides={
                    "external_toc_path": (folder / "_toc.yml").as_posix(),
                    "latex_individualpages": False,
                },
                freshenv=True,
            )
    return re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue())


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    return build(tmp_path_factory.mktemp("plain"), notebook(), repository={"url": ""})


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The same book with a repository."""
    where = {"url": "https://github.com/someone/asgi-live", "branch": "trunk"}
    return build(tmp_path_factory.mktemp("placed"), notebook(), repository=where)


CHAPTER = "notebooks/01-small.html"


def text(tag: Tag) -> str:
    return re.sub(r"\s+", " ", tag.get_text()).strip()


# ---- text ----------------------------------------------------------------------------------------


def test_nothing_is_complained_about(book: Book) -> None:
    assert book.said == ""


def test_question_under_the_title(book: Book) -> None:
    assert text(book.one(CHAPTER, "h1 + p.al-question")) == "What is asked?"


def test_prediction_becomes_radio_buttons(book: Book) -> None:
    box, _ = book.page(CHAPTER).select("fieldset.al-predict")
    assert text(box.select_one("legend")) == "PredictHow many chunks?"
    assert [text(label) for label in box.select("label > span")] == [
        "One: see the end.",
        "Two.",
        "Three & more.",
    ]
    assert [radio["value"] for radio in box.select("input[type=radio]")] == ["1", "2", "right"]
    assert len({radio["name"] for radio in box.select("input")}) == 1
    assert [text(mark) for mark in box.select("small")] == ["", "", "measured"]
    assert text(box.select_one("details")) == "What happened Nobody sent the last."
    assert "Think first." in text(box)
    assert box.select_one("label a")["href"] == "#end"


def test_each_prediction_has_its_own_buttons(book: Book) -> None:
    first, second = book.page(CHAPTER).select("fieldset.al-predict")
    assert first.input["name"] != second.input["name"]


def test_prediction_without_an_answer_sends_the_reader_on(book: Book) -> None:
    _, box = book.page(CHAPTER).select("fieldset.al-predict")
    assert text(box.select_one(".al-commit")) == "Choose one, then read on."
    assert not box.select("details")


def test_recall_has_a_folded_answer_and_no_buttons(book: Book) -> None:
    box = book.one(CHAPTER, "div.al-predict.al-open")
    assert text(box) == "RecallWhat waits?Answer You do."
    assert not box.select("input")


def test_belief_is_quoted(book: Book) -> None:
    box = book.one(CHAPTER, ".al-belief")
    assert text(box.select_one("blockquote em")) == "It waits until return."
    assert text(box.find_all("p")[-1]) == "It does not."
    assert box["aria-label"] == "Heard often"


def test_asides_are_named_and_dated(book: Book) -> None:
    asides = book.page(CHAPTER).select(".al-side")
    assert [text(aside.p) for aside in asides] == [
        "Quirk granian 2.8.7, now & then",
        "Further",
        "On your machine",
    ]
    assert text(asides[0].div) == "Counts. More."


def test_ordinary_quotation_stays_one(book: Book) -> None:
    assert text(book.one(CHAPTER, "article section > blockquote")) == "An ordinary quotation."


def test_lists_of_bold_words_become_terms(book: Book) -> None:
    assert text(book.one(CHAPTER, "dl.al-facts")) == "you willread bytesyou needa terminal"
    assert text(book.one(CHAPTER, "dl.al-terms")) == "callonescope"
    assert text(book.one(CHAPTER, "article section > ul")) == "plain bold list"


# ---- cells ---------------------------------------------------------------------------------------


def test_exercise_has_an_anchor_and_a_name(book: Book) -> None:
    bar = book.one(CHAPTER, "[id='exercise-1.1'] .al-bar")
    assert text(bar) == "exercise 1.1recorded output"


def test_outputs_bring_no_style_and_no_script(book: Book) -> None:
    page = book.page(CHAPTER)
    assert text(page.select_one("#kept")) == "kept"
    assert not page.select(".al-style, .al-script")


def test_neighbouring_solutions_share_a_fold(book: Book) -> None:
    folds = book.page(CHAPTER).select("details.al-fold")
    assert [len(fold.select(".al-cellbox")) for fold in folds] == [2, 1]
    assert "between" in text(folds[0].find_next_sibling("div"))


def test_cell_that_cannot_run_in_a_page_says_why(book: Book) -> None:
    four, silent = book.page(CHAPTER).select(".al-cannot")
    assert text(four) == dress.NEEDS["needs-processes"]
    assert text(silent) == dress.NEEDS["needs-sockets"]
    assert four.find_parent(class_="al-cellbox").select(".cell_output")


def test_day_of_the_recording_stands_beside_the_reason() -> None:
    assert dress.cell_bar("", "Why.", True, "22 November 2026") == (
        '<div class="al-bar"><p class="al-cannot">Why. Below is the output recorded on'
        " 22 November 2026.</p></div>"
    )
    env = SimpleNamespace(docname="a", nb_metadata={"a": {"exec_data": {"mtime": 1795392000}}})
    one = SimpleNamespace(env=env)
    assert re.fullmatch(r"2[23] November 2026", dress.Dress.recorded(one))  # type: ignore[arg-type]


def test_cell_without_output_has_no_bar() -> None:
    assert dress.cell_bar("", "", False, "") == ""


def test_bar_comes_first_where_the_code_is_hidden(book: Book) -> None:
    last = book.page(CHAPTER).select(".al-cellbox")[-1]
    assert [part["class"][0] for part in last.find_all("div", recursive=False)] == [
        "al-bar",
        "cell_output",
    ]


@pytest.mark.parametrize(
    ("code", "roles"),
    [
        ("await send(scope)", [Name.Send, Name.Scope]),
        ("socket.send(receive())", [Name.Receive]),
        ("sender = 'scope'  # receive", []),
        ("def app(scope, receive, send): ...", [Name.Scope, Name.Receive, Name.Send]),
    ],
)
def test_roles_in_code(code: str, roles: list[Any]) -> None:
    kinds = [kind for kind, _ in publishing.RoleLexer().get_tokens(code)]
    assert [kind for kind in kinds if kind in set(publishing.RoleLexer.roles.values())] == roles


def test_roles_are_marked_in_cells_and_in_plain_code(book: Book) -> None:
    page = book.page(CHAPTER)
    assert page.select(".cell_input .n-Send")
    assert page.select(".highlight-python .n-Receive")


# ---- the page ------------------------------------------------------------------------------------


def test_line_above_the_chapter(book: Book) -> None:
    line = book.one(CHAPTER, ".al-chapter")
    assert text(line) == "Chapter 1 29 minutes 8 cells 1 exercise Download notebook"
    assert not book.page("book/cover.html").select(".al-chapter")


def test_notebook_can_be_downloaded(book: Book) -> None:
    link = book.one(CHAPTER, ".al-chapter a[download]")
    file = (book.folder / CHAPTER).parent / str(link["href"])
    source = book.folder.parent.parent / "notebooks" / "01-small.ipynb"
    assert link["download"] == "01-small.ipynb"
    assert json.loads(file.read_text("utf-8")) == json.loads(source.read_text("utf-8"))


def test_without_a_repository_no_link_leads_out(book: Book) -> None:
    for name in (CHAPTER, "book/cover.html"):
        assert not [a["href"] for a in book.page(name).select("a[href^=http]")]


def test_one_setting_gives_all_links(placed: Book) -> None:
    links = {text(a): a["href"] for a in placed.page(CHAPTER).select(".al-chapter a[href^=http]")}
    assert links == {
        "JupyterLab": "https://mybinder.org/v2/gh/someone/asgi-live/trunk"
        "?urlpath=lab/tree/notebooks/01-small.ipynb",
        "Colab": "https://colab.research.google.com/github/someone/asgi-live/blob/trunk"
        "/notebooks/01-small.ipynb",
        "Codespaces": "https://codespaces.new/someone/asgi-live?quickstart=1",
    }
    ways = placed.page("book/cover.html").select(".al-ways a")
    assert [text(a) for a in ways] == ["Start", "Open in JupyterLab"]
    assert ways[1]["href"] == links["JupyterLab"]


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({}, ""),
        ({"repository_url": None}, ""),
        ({"repository_url": "https://github.com/executablebooks/jupyter-book"}, ""),
        ({"repository_url": "https://github.com/a/b"}, "https://github.com/a/b"),
    ],
)
def test_repository_is_the_books_own(options: dict[str, Any], taken: str, tmp_path: Path) -> None:
    config: Any = SimpleNamespace(html_theme_options=options, nb_execution_cache_path="")
    publishing.read_settings(SimpleNamespace(outdir=tmp_path / "html"), config)  # type: ignore[arg-type]
    assert config.repository == taken
    assert config.html_theme_options == {}
    assert Path(config.nb_execution_cache_path).parent == tmp_path / ".jupyter_cache"


@pytest.mark.parametrize(
    ("url", "path", "links"),
    [
        ("https://github.com/a/b.git", "n.ipynb", 3),
        ("https://github.com/a/b/", "n.ipynb", 3),
        ("https://github.com/a/b", "", 0),
        ("https://forge.example/a/b", "n.ipynb", 0),
        ("", "n.ipynb", 0),
    ],
)
def test_launch_links(url: str, path: str, links: int) -> None:
    config: Any = SimpleNamespace(repository=url, repository_branch="main")
    assert len(pages.launch_links(config, path)) == links


def test_cover_links_written_titles(book: Book) -> None:
    written, missing = book.page("book/cover.html").select("ol > li")
    assert written.a["href"] == "../notebooks/01-small.html"
    assert text(written.a) == "Small title"
    assert not missing.select("a")
    assert text(missing.strong) == "Not written"


def test_list_keeps_the_class_it_was_given(book: Book) -> None:
    assert len(book.page("book/cover.html").select("dl.al-readers > div")) == 2


def test_navigation_has_parts_numbers_and_the_page_itself(book: Book) -> None:
    nav = book.one(CHAPTER, "nav#book")
    assert text(nav.p) == "Part"
    here = nav.select_one("a[aria-current=page]")
    assert text(here) == "1 Small title"


def test_page_has_one_style_sheet_and_one_script(book: Book) -> None:
    for name in (CHAPTER, "book/cover.html"):
        page = book.page(name)
        styles = [link["href"].partition("?")[0] for link in page.select("link[rel=stylesheet]")]
        scripts = [tag["src"].partition("?")[0] for tag in page.select("script[src]")]
        assert styles == ["../_static/book.css"]
        assert scripts == ["../_static/book.js"]


def test_search_scripts_are_on_the_search_page_alone(book: Book) -> None:
    names = {
        Path(tag["src"]).name.partition("?")[0]
        for tag in book.page("search.html").select("script[src]")
    }
    assert names == pages.SEARCH_SCRIPTS | {
        "book.js",
        "searchtools.js",
        "language_data.js",
        "searchindex.js",
    }


def test_style_sheet_is_complete_and_asks_nobody(book: Book) -> None:
    sheet = (book.folder / "_static" / "book.css").read_text("utf-8")
    assert "@layer theme {" in sheet
    assert "/* ASGI Live" not in sheet
    files = [
        name
        for name in re.findall(r"url\((.*?)\)", sheet)
        if not name.startswith(("data:", '"data:', "'data:"))
    ]
    assert files
    for name in files:
        assert (book.folder / "_static" / name).is_file(), name
    assert sheet.count("{") == sheet.count("}")


def test_fonts_carry_their_licences_and_are_light() -> None:
    fonts = publishing.STYLE / "fonts"
    assert sum(file.stat().st_size for file in fonts.glob("*.woff2")) <= 60_000
    assert len(list(fonts.glob("LICENSE-*.txt"))) == 2


def test_other_builders_get_no_assets(tmp_path: Path) -> None:
    app: Any = SimpleNamespace(builder=SimpleNamespace(format="epub"), outdir=tmp_path)
    publishing.write_assets(app)
    assert list(tmp_path.iterdir()) == []


def test_a_theme_that_is_missing_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_theme is not installed"):
        publishing.folder_of("no_such_theme")


def test_a_changed_library_makes_new_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wire.py").write_text("a = 1\n", "utf-8")
    monkeypatch.setattr(publishing, "LIBRARY", tmp_path)
    before = publishing.library_digest()
    assert publishing.library_digest() == before
    (tmp_path / "wire.py").write_text("a = 2\n", "utf-8")
    assert publishing.library_digest() != before


@pytest.mark.parametrize(
    ("docname", "number"),
    [
        ("notebooks/01-one-callable-served", "1"),
        ("notebooks/17a-seeing", "17a"),
        ("notebooks/19-hall", "19"),
        ("book/glossary", ""),
        ("book/2-b/how", ""),
    ],
)
def test_chapter_number(docname: str, number: str) -> None:
    assert pages.chapter_number(docname) == number


# ---- what is wrong is said -----------------------------------------------------------------------


def test_wrong_boxes_and_wrong_minutes_are_warnings(tmp_path: Path) -> None:
    minutes = {"Small title": 6, "Exercises": 20, "Gone": 1}
    wrong = TEXT.replace("**Further.**", "**Farther.**").replace(">\n> - a list\n", "")
    wrong = wrong.replace("*What is asked?*\n\n", "")
    chapter = notebook(wrong, minutes=minutes)
    said = build(tmp_path / "wrong", chapter, repository={"url": ""}).said
    assert "no box is called 'Farther'" in said
    assert "the box 'On your machine' has no text" in said
    assert "'Second' has no minutes" in said
    assert "'Gone' has minutes, but is no section" in said


def test_right_option_is_found_only_where_it_is_marked() -> None:
    def paragraph(*parts: nodes.Node) -> nodes.paragraph:
        return nodes.paragraph("", "", *parts)

    assert boxes.right_option([paragraph(nodes.Text("2. no"))]) is None
    assert boxes.right_option([paragraph(nodes.strong("", "so"))]) is None
    assert boxes.right_option([paragraph()]) is None
    assert boxes.right_option([nodes.raw("", "x"), paragraph(nodes.strong("", "2."))]) == 2


# ---- the real book -------------------------------------------------------------------------------


def test_contents_list_what_exists() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    listed = [toc["root"], *(each["file"] for part in toc["parts"] for each in part["chapters"])]
    for name in listed:
        assert any((ROOT / f"{name}{suffix}").is_file() for suffix in (".md", ".ipynb")), name
    chapters = {f"notebooks/{file.stem}" for file in (ROOT / "notebooks").glob("*.ipynb")}
    assert chapters <= set(listed)


def test_cover_names_every_chapter_in_order() -> None:
    cover = (ROOT / "book" / "cover.md").read_text("utf-8")
    numbers = [int(number) for number in re.findall(r"^(\d+)\. \*\*", cover, re.MULTILINE)]
    assert numbers == list(range(1, 20))


def test_authors_are_told_every_box_and_every_tag() -> None:
    told = (ROOT / "book" / "WRITING.md").read_text("utf-8")
    assert [name for name in boxes.BOXES if f"> **{name}" not in told] == []
    assert [tag for tag in dress.NEEDS if f"`{tag}`" not in told] == []


def test_extension_is_not_loaded_by_the_library() -> None:
    import subprocess

    code = "import sys, asgilive; sys.exit('sphinx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
