"""The Sphinx extension: small books are built, and their pages are read."""

from __future__ import annotations

import base64
import contextlib
import hashlib
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
from asgilive.publishing import boxes, dress, pages, tags

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
            cell("serve(workers=4)", "needs-processes", html="<i>four</i>"),
            cell("import socket", "needs-sockets"),
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
    said: str  # warnings
    told: str  # the rest of its words

    def page(self, name: str) -> BeautifulSoup:
        return BeautifulSoup((self.folder / name).read_text("utf-8"), "html.parser")

    def one(self, name: str, selector: str) -> Tag:
        (found,) = self.page(name).select(selector)
        return found


def build(folder: Path, chapter: Any, *, live: bool = False, **config: Any) -> Book:
    """Build a book of a cover and one chapter, in this process, with the real settings."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8")) | config
    settings["execute"] = {"execute_notebooks": "off"}
    settings["sphinx"]["config"]["templates_path"] = [str(ROOT / "book" / "_templates")]
    settings["sphinx"]["config"]["live_pages"] = live
    parts = [{"caption": "Part", "chapters": [{"file": "notebooks/01-small"}]}]
    toc = {"format": "jb-book", "root": "book/cover", "parts": parts}
    for name in ("book", "notebooks"):
        (folder / name).mkdir(parents=True)
    (folder / "_config.yml").write_text(yaml.safe_dump(settings), "utf-8")
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    (folder / "book" / "cover.md").write_text(COVER, "utf-8")
    (folder / "notebooks" / "01-small.ipynb").write_text(nbformat.writes(chapter), "utf-8")
    return Book(folder / "_build" / "html", *run_sphinx(folder))


def run_sphinx(folder: Path) -> tuple[str, str]:
    """What `jupyter-book build` does after reading its command line; its warnings, its words."""
    from jupyter_book.sphinx import build_sphinx

    said, told = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stderr(said):
        warnings.simplefilter("ignore")  # of Sphinx and its friends
        with contextlib.redirect_stdout(told):
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
    said, told = (re.sub(r"\x1b\[[0-9;]*m", "", words.getvalue()) for words in (said, told))
    return said, told


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
    elsewhere = " It runs in the notebook, which python3 start.py opens."
    assert text(four) == tags.NEEDS["needs-processes"] + elsewhere
    assert text(silent) == tags.NEEDS["needs-sockets"] + elsewhere
    assert four.find_parent(class_="al-cellbox").select(".cell_output")
    taken = book.one(CHAPTER, ".al-chapter a[download]")
    assert [(a["href"], a["download"]) for a in four.select("a")] == [
        (taken["href"], taken["download"])
    ]


def test_cell_that_cannot_run_in_a_page_can_be_opened_where_it_does(placed: Book) -> None:
    link = placed.page(CHAPTER).select_one(".al-cannot a")
    assert text(link) == "JupyterLab"
    assert str(link["href"]).startswith("https://mybinder.org/v2/gh/someone/asgi-live/trunk")


def test_cells_are_numbered_and_say_whether_they_run(book: Book) -> None:
    boxes = book.page(CHAPTER).select(".al-cellbox")
    assert [box["data-cell"] for box in boxes] == [str(n) for n in range(1, 9)]
    assert [box["data-cell"] for box in boxes if not box.has_attr("data-run")] == ["6", "7", "8"]
    assert [box["data-cell"] for box in boxes if box.has_attr("data-solution")] == ["2", "3", "5"]
    assert [box["id"] for box in boxes] == ["exercise-1.1", *(f"cell-{n}" for n in range(2, 9))]


def test_cell_that_runs_keeps_a_place_for_its_buttons(book: Book) -> None:
    for box in book.page(CHAPTER).select(".al-cellbox[data-run]"):
        assert [part["class"][0] for part in box.find_all("div", recursive=False)][:2] == [
            "cell_input",
            "al-bar",
        ]


def test_day_of_the_recording_stands_beside_the_reason() -> None:
    assert dress.cell_bar("", "Why.", True, "22 November 2026", " Where.") == (
        '<div class="al-bar"><p class="al-cannot">Why. Where. Below is the output recorded on'
        " 22 November 2026.</p></div>"
    )
    env = SimpleNamespace(docname="a", nb_metadata={"a": {"exec_data": {"mtime": 1795392000}}})
    one = SimpleNamespace(env=env)
    assert re.fullmatch(r"2[23] November 2026", dress.Dress.recorded(one))  # type: ignore[arg-type]


def test_cell_without_output_has_no_bar() -> None:
    assert dress.cell_bar("", "", False, "", "") == ""


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


def policy(page: BeautifulSoup) -> str:
    return str(page.select_one("meta[http-equiv=Content-Security-Policy]")["content"])


def test_every_page_carries_the_policy_the_docs_state(book: Book) -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    block = re.search(r"^    default-src.*?\n\n", told, re.MULTILINE | re.DOTALL)
    stated = " ".join(block[0].split()) if block else ""
    for name in (CHAPTER, "book/cover.html", "search.html"):
        carried = policy(book.page(name))
        assert re.sub(r"'sha256-[^']*'", "'sha256-<the one script in the head>'", carried) == stated


def test_policy_allows_the_one_script_inside_a_page_and_no_style(book: Book) -> None:
    for name in (CHAPTER, "book/cover.html", "search.html"):
        page = book.page(name)
        (inside,) = page.select("script:not([src])")
        digest = base64.b64encode(hashlib.sha256(inside.encode_contents()).digest()).decode()
        assert f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}';" in policy(page)
        assert not page.select("style")
        assert not [
            tag for tag in page.find_all() if any(key.startswith("on") for key in tag.attrs)
        ]
        policy_at, script_at = (str(page).find(part) for part in ("Content-Security", "<script"))
        assert 0 < policy_at < script_at, "the policy comes too late"


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


def notebook_of(*code: Any) -> Any:
    """A chapter of these code cells."""
    chapter = notebook()
    chapter.cells[1:] = code
    return chapter


@pytest.mark.parametrize(
    ("code", "tag", "fault"),
    [
        ("await serve(app, workers=4)", "", "has workers=, which asks for the tag needs-processes"),
        ("await serve(command='x')", "", "has command=, which asks for the tag needs-processes"),
        ("import os\nos.fork()", "", "has os.fork, which asks for the tag needs-processes"),
        ("from os import fork", "", "has os.fork, which asks for the tag needs-processes"),
        ("import threading", "", "has threading, which asks for the tag needs-threads"),
        ("import signal", "", "has signal, which asks for the tag needs-signals"),
        ("!curl -v {site.url}", "", "has !, which asks for the tag needs-program"),
        ("%%bash\nfor x in 1; do", "", "has !, which asks for the tag needs-program"),
        ("subprocess.run(['x'])", "", "has subprocess, which asks for the tag needs-program"),
        ("uvicorn.run(app)", "", "has uvicorn.run, which asks for the tag needs-kernel"),
        ("asyncio.run(main())", "", "has asyncio.run, which asks for the tag needs-kernel"),
        ("socket.create_connection(x)", "", "has socket.create_connection, which asks for the tag"),
        ("site = await serve(app)", "needs-processes", "has the tag needs-processes, and no sign"),
        ("x = 'threading'  # signal", "needs-threads", "has the tag needs-threads, and no sign"),
        ("await serve(app)", "", ""),
        ("await asyncio.to_thread(work)", "", ""),
        ("transport.get_extra_info('socket')", "", ""),
        ("worker = 1\nrun(asyncio)", "", ""),
        ("def broken(", "", ""),
        ("import subprocess", "needs-processes", ""),
        ("import subprocess", "needs-program", ""),
        ("import os, signal\nos.kill(1, signal.SIGTERM)", "needs-signals", ""),
        ("def slow(): ...", "needs-threads", ""),
    ],
)
def test_tags_are_held_against_the_code(code: str, tag: str, fault: str) -> None:
    found = [text for _, text in tags.audit([tags.Cell(1, (tag,), code)])]
    assert len(found) == bool(fault), found
    assert fault in "".join(found)
    assert not list(tags.audit([tags.Cell(1, (tag,), code, reason="the error is meant")]))


def test_a_name_that_a_page_never_gets_is_found() -> None:
    tagged = tags.Cell(1, ("needs-threads",), "import threading\ndef where(): ...\nshared = 1")
    page = [
        tags.Cell(2, (), "shared = 2\nfor where_else in []: print(where_else)"),
        tags.Cell(3, (), "await serve(where)\nshared"),
        tags.Cell(4, (), "[where for where in range(3)]"),
        tags.Cell(5, ("needs-processes",), "serve(where, workers=2)"),
    ]
    assert list(tags.audit([tagged, *page])) == [(3, "takes 'where' from cell 1, which is tagged")]


def test_share_of_a_page_names_each_cell_that_stays_out() -> None:
    page = [
        tags.Cell(1, (), "x"),
        tags.Cell(2, ("needs-threads", "solution"), "y"),
        tags.Cell(3, ("remove-input",), ""),
        tags.Cell(4, ("solution",), "z"),
    ]
    assert tags.share("a/b", page) == (
        "a/b: 2 of 4 cells run in the page, 50%; cell 2: needs-threads; "
        "cell 3: its code is not shown"
    )


def test_build_warns_of_tags_and_tells_the_share(tmp_path: Path) -> None:
    reason = cell("import threading")
    reason.metadata["asgilive"] = {"audit": "the error is what it shows"}
    chapter = notebook_of(cell("import signal"), reason, cell("1", "needs-kernel"))
    built = build(tmp_path / "tags", chapter, repository={"url": ""})
    assert "cell 1 has signal, which asks for the tag needs-signals" in built.said
    assert "cell 3 has the tag needs-kernel, and no sign of it" in built.said
    assert "cell 2" not in built.said
    assert (
        "notebooks/01-small: 2 of 3 cells run in the page, 67%; cell 3: needs-kernel" in built.told
    )


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
    assert [tag for tag in tags.NEEDS if f"`{tag}`" not in told] == []


def test_extension_is_not_loaded_by_the_library() -> None:
    import subprocess

    code = "import sys, asgilive; sys.exit('sphinx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
