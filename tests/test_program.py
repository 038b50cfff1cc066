"""A cell as a program: what stays, what goes, and the words where it cannot be done."""

import ast
import asyncio
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_apps import hello

from asgilive import program
from asgilive.program import NotAProgram, Program, _names, _without_await, program_of

pytestmark = pytest.mark.usefixtures("nothing_left")

APP = """import asyncio

async def app(scope, receive, send):
    await asyncio.sleep(0)
"""


def run(program):
    """Import the program in another Python, as a server's process does."""
    module, _, name = program.target.partition(":")
    code = f"import {module}; print({module}.{name})"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=program.folder, capture_output=True, text=True, check=True
    ).stdout


# -- which program


def test_an_import_string_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert program_of("apps.counter:app", tmp_path / "x") == Program(
        "apps.counter:app", str(tmp_path)
    )


def test_outside_a_notebook(tmp_path):
    with pytest.raises(NotAProgram, match=r'as in serve\("apps.counter:app", workers=2\)'):
        program_of(hello, tmp_path)


def bind(shell, code, name="app"):
    """Run a cell in the stand-in for IPython; returns the application it binds."""
    shell.run(code)
    shell.user_ns[name] = shell.user_ns["_1"] = value = object()
    return value


def test_the_last_cell_that_binds_the_name(shell, tmp_path):
    bind(shell, "app = 'the first'")
    bind(shell, APP)
    app = shell.user_ns["app"]
    shell.run("%magic is no Python")
    shell.run("another = app")
    shell.user_ns["_"] = app
    program = program_of(app, tmp_path)
    assert program.folder == str(tmp_path)
    assert (tmp_path / f"{program.target.partition(':')[0]}.py").read_text() == APP
    assert program.target.endswith(":app")
    assert run(program).startswith("<function app at")


def test_the_same_cell_is_the_same_file(shell, tmp_path):
    app = bind(shell, APP)
    assert program_of(app, tmp_path) == program_of(app, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_an_application_without_a_name(shell, tmp_path):
    shell.run("serve(Middleware(app), workers=2)")
    with pytest.raises(NotAProgram, match="give it a name in a cell"):
        program_of(object(), tmp_path)


def test_a_name_that_no_cell_binds(shell, tmp_path):
    app = bind(shell, "exec('app = 1')")
    with pytest.raises(NotAProgram, match="no cell of this notebook binds app: define it in one"):
        program_of(app, tmp_path)


@pytest.mark.parametrize(
    "code",
    [
        "app = 1",
        "from apps.counter import app",
        "import app.inner",
        "import counter as app",
        "class app: pass",
        "def app(): pass",
        "if True:\n    app = 1",
        "with open('x') as app: pass",
        "for app in []: pass",
        "(app := 1)",
        "try:\n    pass\nexcept OSError as error:\n    app = error",
        "def make():\n    global app\n    app = 1",
        "match 1:\n    case app: pass",
    ],
)
def test_what_binds_a_name(code):
    assert "app" in _names(ast.parse(code))[0]


# -- what stays of a cell


def test_what_awaits_goes_and_lines_stay_where_they_were():
    source = APP + (
        "\n"
        "site = await serve(app, workers=2); print('kept')\n"
        "async with serve(\n"
        "    app,  # ä\n"
        ") as other:\n"
        "    print(other)\n"
        "async for x in y: pass\n"
        "found = [x async for x in y]\n"
        "last = 'é', (await fetch(site)), 'ü'; end = 1\n"
        "site\n"
        "display(site)\n"
        "name = site.url\n"
        "get_ipython().run_line_magic('time', '')\n"
    )
    program = _without_await(source, "app")
    assert program.startswith(APP)
    assert len(program.splitlines()) == len(source.splitlines())
    assert [line.strip() for line in program.splitlines()[5:]] == [
        f"0{' ' * 33}; print('kept')",
        "0",
        "",
        "",
        "",
        "0",
        "0",
        f"0{' ' * 37}; end = 1",
        "0",
        "0",
        "0",
        "0",
    ]
    compile(program, "program", "exec")


def test_what_a_function_awaits_is_its_own_business():
    source = (
        "class App:\n"
        "    async def __call__(self, scope, receive, send):\n"
        "        await send({})\n"
        "app = App()\n"
        "wait = lambda: (yield)\n"
    )
    assert _without_await(source, "app") == source


@pytest.mark.parametrize(
    "code",
    [
        "async def app(scope, receive, send):\n    x = [y for y in scope]\n    return x",
        "async def app(scope, receive, send):\n"
        "    match await receive():\n"
        "        case {'type': kind, **rest}:\n"
        "            print(kind, rest)\n"
        "        case [first, *others]:\n"
        "            print(first, others)",
        "async def app(scope, receive, send):\n"
        "    def inner():\n"
        "        nonlocal scope\n"
        "        scope = __name__, __file__, __doc__\n"
        "    try:\n"
        "        inner()\n"
        "    except* OSError as errors:\n"
        "        print(errors)",
        "hits = 0\nasync def app(scope, receive, send):\n    global hits\n    hits += 1",
        "import os.path\napp = lambda scope, receive, send: os.path.join('a')",
    ],
)
def test_nothing_is_missed_where_nothing_is_missing(code):
    assert _without_await(code, "app") == code


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("async def app(scope, receive, send):\n    await reply(send)", "reply"),
        ("app = Starlette()", "Starlette"),
        ("site = await serve()\ndef app(scope):\n    return site", "site"),
        ("app = await make()", None),
        ("def app(scope):\n    display(scope)", "display"),
        ("@route\nasync def app(scope, receive, send): pass", "route"),
    ],
)
def test_what_is_missing_is_named(code, name, shell, tmp_path):
    app = bind(shell, code)
    if name is None:
        assert run_fails(program_of(app, tmp_path))
        return
    with pytest.raises(NotAProgram, match=f"needs `{name}`, which is not in its cell"):
        program_of(app, tmp_path)


def run_fails(program):
    """What cannot be seen from here: the name itself went with an `await`."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run(program)
    return "has no attribute" in caught.value.stderr


PIECES = [
    "import asyncio",
    "import os, sys",
    "hits = [0]",
    "async def app(scope, receive, send):\n    hits = await receive()\n    return hits",
    "def helper(x):\n    return [x for x in range(3)]",
    "class Thing:\n    async def go(self):\n        await asyncio.sleep(0)",
    "site = await serve(1)",
    "async with serve(2) as site:\n    x = 'ä'",
    "async for i in [3]:\n    print(i)",
    "print(f'{1}')",
    "'ünï' ; y = await z()",
    "y = [\n  1,\n  await z(),\n]",
    "if True:\n    await nothing",
    "# a comment",
    "",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_any_cell_becomes_a_program_or_says_why(pieces):
    source = "\n".join(pieces)
    try:
        program = _without_await(source, "app")
    except NotAProgram:  # a definition needs what went; its words have a test above
        return
    compile(program, "program", "exec")  # an `await` on top level would not
    assert len(program.splitlines()) == len(source.splitlines())
    kept = [ast.dump(node) for node in ast.parse(program).body]
    before = [ast.dump(node) for node in ast.parse(source).body]
    idle = ast.dump(ast.parse("0").body[0])
    assert all(new in (idle, old) for new, old in zip(kept, before, strict=True))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import)
    for node in ast.parse(source).body:
        assert not isinstance(node, definitions) or ast.dump(node) in kept


def test_await_is_what_the_program_is_without():
    with pytest.raises(SyntaxError):
        compile("x = await y", "program", "exec")
    assert asyncio.iscoroutinefunction(hello)


@pytest.mark.parametrize(
    ("code", "bound", "needed"),
    [
        ("x = await f(y)", {"x"}, {"f", "y"}),
        ("async for a in b:\n    c = a\nelse:\n    d = 1", {"a", "c", "d"}, {"a", "b"}),
        ("async with a as b:\n    c = await b", {"b", "c"}, {"a", "b"}),
        ("x = [await a async for b in c]", {"x"}, {"a", "c"}),
        ("async def f():\n    await g()\n    async with h: pass", {"f"}, {"g", "h"}),
    ],
)
def test_names_where_there_is_an_await(code, bound, needed, monkeypatch):
    """Python 3.14's symtable takes none at top level: here it takes none at all."""
    real = program.symtable.symtable

    def strict(text, *more):
        assert "await" not in text
        assert "async for" not in text
        assert "async with" not in text
        return real(text, *more)

    monkeypatch.setattr(program.symtable, "symtable", strict)
    found = program._names(ast.parse(code))
    assert found[0] >= bound  # Python 3.12 counts the variable of a comprehension, too
    assert found[1] >= needed
