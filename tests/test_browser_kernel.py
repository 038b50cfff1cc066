"""Cells, and what they give, in the notebook format."""

import asyncio
import builtins
import sys

import nbformat.v4
import pytest

from asgilive.browser.kernel import HTML, SVG


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("6 * 7", "42"),
        ("x = 6\nx * 7", "42"),
        ("import asyncio\nawait asyncio.sleep(0, 'done')", "'done'"),
        ("async def f():\n    return 1\nawait f() + 1", "2"),
        ("{'b': 1, 'a': [2]}", "{'b': 1, 'a': [2]}"),
        ("[await_ for await_ in range(2)]", "[0, 1]"),
        ("list(range(40))[:1] * 40", "[" + ",\n ".join(["0"] * 40) + "]"),
    ],
)
def test_the_last_expression_is_shown(page, code, shown):
    (output,), end = page.cell(code)
    assert output["output_type"] == "execute_result"
    assert output["data"] == {"text/plain": shown}
    assert end["ok"]
    assert end["took"] >= 0


@pytest.mark.parametrize("code", ["", "x = 1", "None", "6 * 7;", "6 * 7;  # quiet", "# a;", "pass"])
def test_nothing_to_show(page, code):
    outputs, end = page.cell(code)
    assert (outputs, end["ok"]) == ([], True)


def test_names_stay(page):
    page.cell("x = 20")
    assert page.shown("x + 1") == "21"
    assert page.shown("_ * 2") == "42"
    assert page.shown("__name__") == "'__main__'"
    assert page.shown("import __main__; __main__.x") == "20"


def test_an_awaitable_is_shown_not_awaited(page):
    assert page.shown("from asgilive import serve\nserve(print)") == (
        "not started: write `site = await serve(app)`"
    )


def test_what_is_printed_belongs_to_its_cell(page):
    outputs, _ = page.cell("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n1")
    assert [(o["output_type"], o.get("name"), o.get("text")) for o in outputs[:3]] == [
        ("stream", "stdout", "a\n"),
        ("stream", "stderr", "b\n"),
        ("stream", "stdout", "c\n"),
    ]
    page.cell(
        "import asyncio\ntask = asyncio.create_task(asyncio.to_thread(print, 'late'))", id="x"
    )
    page.cell("await task\nprint('mine')", id="y")
    outputs = [s for s in page.said if s["kind"] == "output" and "text" in s["output"]]
    said = {each["cell"]: each["output"]["text"] for each in outputs}
    assert (said["x"], said["y"]) == ("late\n", "mine\n")


def test_a_cell_that_prints_much_says_it_meanwhile(page):
    outputs, _ = page.cell("import time\nfor n in range(3):\n    print(n)\n    time.sleep(0.06)")
    assert len(outputs) > 1
    assert "".join(o["text"] for o in outputs) == "0\n1\n2\n"
    outputs, _ = page.cell("print('x' * 20000)\nprint('y')")
    assert len(outputs) == 2


def test_what_is_printed_outside_a_step_waits_for_a_flush(page):
    page.cell("x = 1")
    with page.streams():
        print("from outside")
        with pytest.raises(TypeError, match="must be str"):
            sys.stdout.write(b"x")
        assert sys.stdout.writable()
    page.python.kernel.flush()
    assert page.said[-1]["output"]["text"] == "from outside\n"
    assert page.said[-1]["cell"] == "a"


def test_without_a_cell_nobody_hears(page):
    with page.streams():
        print("too early")
    page.python.kernel.flush()
    assert page.said == []
    assert page.shown("from IPython import get_ipython\nget_ipython().get_parent()['content']") == (
        repr({"code": "from IPython import get_ipython\nget_ipython().get_parent()['content']"})
    )
    from IPython import get_ipython

    assert get_ipython().get_parent() == {}


RICH = """
class Rich:
    def __repr__(self): return "plain"
    def _repr_html_(self): return "<b>html</b>"
    def _repr_svg_(self): return None
    def _repr_png_(self): return b"png", {}
class Bundle:
    def __repr__(self): return "plain"
    def _repr_mimebundle_(self): return {"application/x": 1}
class Pair:
    def _repr_mimebundle_(self): return {"text/plain": "own"}, {}
"""


def test_every_form_of_a_value(page):
    page.cell(RICH)
    (output,), _ = page.cell("Rich()")
    assert output["data"] == {
        "text/plain": "plain",
        "text/html": "<b>html</b>",
        "image/png": "cG5n",
    }
    assert page.cell("Bundle()")[0][0]["data"] == {"text/plain": "plain", "application/x": 1}
    assert page.cell("Pair()")[0][0]["data"] == {"text/plain": "own"}
    assert page.cell("Rich")[0][0]["data"] == {"text/plain": "__main__.Rich"}


def test_display(page):
    (one, two, three), _ = page.cell("display(1, 2)\n3")
    assert [o["output_type"] for o in (one, two, three)] == [
        "display_data",
        "display_data",
        "execute_result",
    ]
    outputs, _ = page.cell(
        "from IPython.display import HTML, SVG, clear_output, display, update_display\n"
        "handle = display(HTML('<i>a</i>'), display_id=True)\n"
        "handle.update(SVG('<svg/>'))\n"
        "update_display({'text/plain': 'raw'}, display_id=handle.display_id, raw=True)\n"
        "clear_output(wait=True)"
    )
    first, second, third, fourth = outputs
    assert first["data"]["text/html"] == "<i>a</i>"
    assert second["output_type"] == third["output_type"] == "update_display_data"
    assert second["data"]["image/svg+xml"] == "<svg/>"
    assert third["data"] == {"text/plain": "raw"}
    assert {o["transient"]["display_id"] for o in outputs[:3]} == {"1"}
    assert fourth == {"output_type": "clear_output", "wait": True}
    assert "HTML" in repr(HTML(""))
    assert "SVG" in repr(SVG(""))
    assert builtins.display == page.python.kernel.display


def test_outputs_are_those_of_the_notebook_format(page):
    outputs, _ = page.cell("print(1)\ndisplay(2)\n1 / 0")
    for output in outputs:
        output.pop("frames", None)
        cell = nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(output)])
        nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))


# -- errors


def test_an_error_ends_its_cell_with_frames_that_lead_to_it(page):
    page.cell("def divide(a, b):\n    return a / b", id="def", number=3)
    (output,), end = page.cell("x = 1\ndivide(x, 0)", id="use", number=4)
    assert end["error"] == {"name": "ZeroDivisionError", "text": "division by zero"}
    assert (output["ename"], output["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert [(f["cell"], f["number"], f["line"], f["text"]) for f in output["frames"]] == [
        ("use", 4, 2, "divide(x, 0)"),
        ("def", 3, 2, "return a / b"),
    ]
    text = "\n".join(output["traceback"])
    assert text.startswith("Traceback (most recent call last):\n")
    assert "divide(x, 0)" in text
    assert "asgilive" not in text
    assert page.shown("x") == "1"


def test_a_frame_of_a_library_is_in_no_cell(page):
    (output,), _ = page.cell("import json\njson.loads('x')")
    assert [f["cell"] for f in output["frames"]][:1] == ["a"]
    assert output["frames"][-1]["cell"] is None
    assert output["frames"][-1]["file"].endswith(".py")


def test_a_syntax_error_leads_to_its_line(page):
    (output,), _ = page.cell("x = 1\nx = = 2", number=7)
    assert (output["ename"], output["evalue"]) == ("SyntaxError", "invalid syntax")
    assert [(f["number"], f["line"]) for f in output["frames"]] == [(7, 2)]
    assert "x = = 2" in "\n".join(output["traceback"])


def test_causes_and_groups_have_only_the_readers_lines(page):
    (output,), _ = page.cell(
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('x') from error"
    )
    text = "\n".join(output["traceback"])
    assert "direct cause" in text
    (output,), _ = page.cell(
        "import asyncio\nasync with asyncio.TaskGroup() as group:\n"
        "    group.create_task(asyncio.wait_for(asyncio.Event().wait(), 0))"
    )
    assert output["ename"] == "ExceptionGroup"
    assert "browser" not in text + "\n".join(output["traceback"])


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import sys\nsys.exit()"])
def test_leaving_is_an_error_and_python_goes_on(page, code):
    (output,), end = page.cell(code)
    assert output["ename"] == "SystemExit"
    assert not end["ok"]
    assert page.shown("1 + 1") == "2"


def test_an_old_function_shows_its_own_lines(page):
    page.cell("def f():\n    raise ValueError('old')")
    page.cell("def g():\n    pass")  # the same cell, edited
    (output,), _ = page.cell("f()", id="b", number=2)
    assert output["frames"][-1]["text"] == "raise ValueError('old')"


def test_cells_run_one_after_the_other(page):
    page.python.run("a", 1, "import asyncio\nx = []\nawait asyncio.sleep(0.05)\nx.append(1)")
    page.python.run("b", 2, "x.append(2)\nx")
    page.until(lambda: sum(s["kind"] == "end" for s in page.said) == 2)
    kinds = [(s["kind"], s["cell"]) for s in page.said]
    assert kinds.index(("end", "a")) < kinds.index(("begin", "b"))
    assert page.said[-2]["output"]["data"]["text/plain"] == "[1, 2]"


def test_a_cell_waits_while_servers_go_on(page):
    async def tick():
        ticks.append(1)
        await asyncio.sleep(0.01)

    ticks = []

    async def ticking():
        while True:
            await tick()

    page.python.loop.create_task(ticking())
    page.cell("import asyncio\nawait asyncio.sleep(0.2)")
    assert len(ticks) > 5


@pytest.mark.parametrize("line", ["%time 1", "!ls -l", "  ?print"])
def test_magics_are_ipythons(page, line):
    (output,), _ = page.cell(f"x = 1\n{line.strip()}")
    assert output["evalue"].startswith(f"{line.split()[0]} is IPython's. JupyterLab")


def test_a_package_that_is_not_here(page):
    (output,), _ = page.cell("import no_such_package")
    assert "No module named 'no_such_package': this page has" in output["evalue"]


def test_a_form_that_goes_wrong_leaves_the_others(page):
    code = "class A:\n    def __repr__(self): return 'a'\n"
    page.cell(code + "    def _repr_html_(self): return 1 / 0")
    said, shown = page.cell("A()")[0]
    assert said["name"] == "stderr"
    assert "ZeroDivisionError" in said["text"]
    assert shown["data"] == {"text/plain": "a"}
