"""Chapter 2, Three arguments: read the scope, refuse what it does not know, answer.

All of it is about one call of the application, so the checks call it in memory, without a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from asgilive.checks import Wrong, exercise, raised, want
from asgilive.exercises.asking import Answer, ask, watch
from asgilive.recording import App

# -- 2.1


@exercise(
    "2.1",
    "Echo the method and the path",
    hints=(
        'Both are in the scope, and both are str: `scope["method"]`, `scope["path"]`.',
        "The body is bytes: make the line as text, then `.encode()` it.",
        "The line is `f\"{scope['method']} {scope['path']}\"`. A content-length counts its bytes,"
        " after encoding.",
    ),
)
async def echo(app: App) -> None:
    """Every request is answered with 200 and its own method and path, as in `POST /a`."""
    first = await ask(app, "GET", "/")
    _judge_echo(first, "GET", "/", first)
    for method, path in (("POST", "/a"), ("DELETE", "/b/c"), ("PUT", "/€")):
        raw_path = path.replace("€", "%E2%82%AC").encode()
        _judge_echo(
            await ask(app, method, path, query=b"x=1", raw_path=raw_path), method, path, first
        )


def _judge_echo(answer: Answer, method: str, path: str, first: Answer) -> None:
    line, call = f"{method} {path}", answer.call
    want(answer.status == 200, f"`{line}` is answered with {answer.status}, not with 200", call)
    if answer.text == line:
        return
    same = answer is not first and answer.body == first.body
    want(not same, f"every request gets {first.text!r}: take both words from the scope", call)
    want(answer.text != method, f"`{line}` is answered with its method: the path is missing", call)
    want(answer.text != path, f"`{line}` is answered with its path: the method is missing", call)
    want("x=1" not in answer.text, f"the query is in {answer.text!r}: it is not in the path", call)
    raise Wrong(f"`{line}` is answered with {answer.text!r}", call)


# -- 2.2

Pairs = Iterable[tuple[str, str]]


@exercise(
    "2.2",
    "Parse a query string",
    your="parser",
    hints=(
        "Cut the bytes at `&` first, then each piece at its first `=` with `partition`. A piece"
        " without `=` has an empty value.",
        "Decode last, each name and value by itself: what was `%26` must not become a cut.",
        "`urllib.parse.unquote_plus(part.decode())` turns `+` into a space, then `%XX` into bytes,"
        " then UTF-8 into characters.",
    ),
)
async def query(parse: Callable[[bytes], Pairs]) -> None:
    """The parser gives every pair of name and value as str, decoded, in order of arrival."""
    want(callable(parse), f"give the function itself: this is a {type(parse).__name__}")
    for data, pairs, why in _QUERIES:
        found = _parsed(parse, data)
        want(found == pairs, f"{data!r} gives {found!r}: {why}")


_QUERIES: tuple[tuple[bytes, list[tuple[str, str]], str], ...] = (
    (b"a=1&b=2", [("a", "1"), ("b", "2")], "two pairs were expected"),
    (b"x=1&y=2&x=3", [("x", "1"), ("y", "2"), ("x", "3")], "a name may come twice, in order"),
    (b"debug&x=1", [("debug", ""), ("x", "1")], "without `=` the value is empty"),
    (b"x=&y=1", [("x", ""), ("y", "1")], "an empty value is a value"),
    (b"x=a=b", [("x", "a=b")], "only the first `=` ends the name"),
    (b"q=a+b", [("q", "a b")], "a plus sign stands for a space"),
    (b"q=%41%20b", [("q", "A b")], "`%41` is the byte 0x41"),
    (b"q=%E2%82%AC", [("q", "€")], "three bytes are one character in UTF-8"),
    (b"q=a%26b%3Dc", [("q", "a&b=c")], "cut first and decode then"),
    (b"q=1%2B1", [("q", "1+1")], "turn plus signs into spaces before `%2B` becomes one"),
    (b"na%20me=1", [("na me", "1")], "names are encoded as values are"),
    (b"", [], "an empty query has no pairs"),
)


def _parsed(parse: Callable[[bytes], Any], data: bytes) -> list[tuple[str, str]]:
    """What the reader's parser gives for these bytes, as a list of pairs. Raises Wrong."""
    try:
        found = parse(data)
        want(not isinstance(found, dict), f"{data!r} gives a dict: it keeps one value of a name")
        want(isinstance(found, Iterable), f"{data!r} gives {found!r}, and should give pairs")
        pairs = [tuple(pair) for pair in found]
    except Wrong:
        raise
    except Exception as error:
        raise Wrong(f"for {data!r} {raised('parser', error)}") from error
    for pair in pairs:
        want(len(pair) == 2, f"{data!r} gives {pair!r}, which is no pair")
        text = all(isinstance(part, str) for part in pair)
        want(text, f"{data!r} gives {pair!r}: name and value should be str, decoded")
    return pairs


# -- 2.3


@exercise(
    "2.3",
    "Headers that come twice",
    hints=(
        '`scope["headers"]` is a list of pairs, and one name may stand in it many times: go'
        " through the list, not through a dict.",
        'Names and values are bytes: compare with `b"x-word"`, and join with `b"\\n"`.',
        'Two cookies are two pairs in the headers of the answer: `(b"set-cookie", b"a=1")` and'
        ' `(b"set-cookie", b"b=2")`.',
    ),
)
async def headers(app: App) -> None:
    """The values of `x-word` come back one a line in their order, beside two cookies."""
    for words in (["three", "one", "two"], ["b", "a", "b"], []):
        pairs = [(b"x-word", word.encode()) for word in words]
        pairs[1:1] = [(b"x-other", b"no")]
        answer = await ask(app, headers=[(b"host", b"a"), *pairs])
        _judge_words(answer, words)
        _judge_cookies(answer)


def _judge_words(answer: Answer, words: list[str]) -> None:
    call, found = answer.call, answer.text.split("\n") if answer.body else []
    want(answer.status == 200, f"the answer has status {answer.status}, not 200", call)
    if found == words:
        return
    want(words, f"without any `x-word` the body is {answer.text!r}, and should be empty", call)
    want(found, 'the body is empty: names are bytes, so look for `b"x-word"`', call)
    one = len(found) == 1 and found[0] in words
    want(not one, f"only {found[0]!r} of {len(words)} values is left: a dict keeps one", call)
    shuffled = sorted(found) == sorted(words)
    want(not shuffled, f"the values came as {words} and go back as {found}: keep the order", call)
    raise Wrong(f"the values are {words}, and the body is {answer.text!r}", call)


def _judge_cookies(answer: Answer) -> None:
    """Two headers, in order; attributes behind the value are welcome."""
    call, values = answer.call, answer.values(b"set-cookie")
    found = [value.partition(b";")[0].strip() for value in values]
    if found == [b"a=1", b"b=2"]:
        return
    want(found, "no cookie was set: send `set-cookie` twice, with `a=1` and with `b=2`", call)
    joined = len(values) == 1 and b"a=1" in values[0] and b"b=2" in values[0]
    want(not joined, f"both cookies are in one header, {values[0]!r}: they cannot be joined", call)
    want(len(found) > 1, f"only the cookie {found[0]!r} was set: both were asked for", call)
    raise Wrong(f"the cookies are {found}, and should be `a=1` and then `b=2`", call)


# -- 2.4


@exercise(
    "2.4",
    "Refuse what you do not speak",
    hints=(
        'Look at `scope["type"]` before anything else is done.',
        'Anything but `"http"` is refused by raising: any exception will do.',
        '`if scope["type"] != "http": raise NotImplementedError(scope["type"])`',
    ),
)
async def scope_types(app: App) -> None:
    """HTTP is answered; lifespan, WebSocket and a type nobody knows are refused by raising."""
    answer = await ask(app)
    # With the keys of HTTP, so that a KeyError by accident does not pass for a refusal.
    unknown = {**answer.call.scope, "type": "teapot"}
    for scope in ({"type": "lifespan"}, {"type": "websocket"}, unknown):
        await _judge_refusal(app, scope)


async def _judge_refusal(app: App, scope: dict[str, Any]) -> None:
    call, watched = await watch(app, scope)
    kind = f"scope type `{scope['type']}`"
    sent = call.sent[0].get("type") if call.sent else None
    want(sent is None, f"your app takes {kind}: it sends `{sent}` instead of raising", call)
    want(
        call.ended != "returned", f"your app returns for {kind}: the server takes that as yes", call
    )
    at = f" at {watched.place}" if watched.place else ""
    want(call.ended == "raised", f"for {kind} your app waits{at}: raise before that", call)


# -- 2.5


@exercise(
    "2.5",
    "An encoded slash",
    hints=(
        '`scope["path"]` is decoded already: there `%2F` and `/` are one. `scope["raw_path"]` holds'
        " the bytes as they came.",
        'Split the bytes at `b"/"` first, then decode each segment with `urllib.parse.unquote`.',
        '`raw_path` is optional: with `scope.get("raw_path")` of None, take `scope["path"]`. Before'
        " the first slash stands no segment.",
    ),
)
async def raw_path(app: App) -> None:
    """The segments come back one a line: two for `/a/b`, and one, `a/b`, for `/a%2Fb`."""
    encoded = await ask(app, path="/a/b", raw_path=b"/a%2Fb")
    plain = await ask(app, path="/a/b", raw_path=b"/a/b")
    alike = encoded.body == plain.body
    early = (await ask(app, path="/x", raw_path=b"/a%2Fb")).text == "a\nb"
    want(not early, "`/a%2Fb` is decoded before it is split: there its `%2F` is lost")
    want(not alike, f"`/a%2Fb` and `/a/b` both give {plain.text!r}: `path` cannot tell", plain.call)
    _judge_segments(plain, "/a/b", ["a", "b"])
    _judge_segments(encoded, "/a%2Fb", ["a/b"])
    accent = await ask(app, path="/caffè", raw_path=b"/caff%C3%A8")
    _judge_segments(accent, "/caff%C3%A8", ["caffè"])
    try:
        without = await ask(app, path="/a/b", raw_path=None)
    except Wrong as wrong:
        raise Wrong(f"from a server without raw_path: {wrong}", wrong.evidence) from None
    _judge_segments(without, "/a/b", ["a", "b"])
    decoded = await ask(app, path="/a%2Fb", raw_path=None)
    text = "`path` is decoded already: unquoting it once more splits or changes what was `%252F`"
    want(decoded.text == "a%2Fb", text, decoded.call)


def _judge_segments(answer: Answer, path: str, segments: list[str]) -> None:
    call, found = answer.call, answer.text.split("\n")
    want(answer.status == 200, f"`{path}` is answered with status {answer.status}, not 200", call)
    if found == segments:
        return
    want("%" not in answer.text, f"`{path}` gives {answer.text!r}: decode each segment", call)
    first = found[0] == ""
    want(not first, f"`{path}` gives {answer.text!r}: before the first slash is no segment", call)
    raise Wrong(f"`{path}` gives {found}, and should give {segments}, one a line", call)
