"""One exchange, seen from one side: the bytes that came back, a held connection, a call.

`reply` and `line` are what a client sees: bytes, flat and square. `call` is what an application
sees: messages, round. `wire` draws both sides and what joins them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from asgilive.drawing.figure import Figure
from asgilive.drawing.markup import (
    clean,
    count,
    cut,
    cut_html,
    dotted,
    duration,
    escape,
    fold,
    get,
    key_html,
    key_text,
    lines_of,
    literal,
    missing,
    prose,
    quoted,
    show,
    spell,
    spell_cut,
    value_html,
)

Headers = Iterable[tuple[bytes, bytes]]
Answer = tuple[str | bytes, Headers, bytes]

_BODY_SHOWN, _BINARY_SHOWN = 1200, 240  # characters of a text, bytes of what is none
_ENDED = {
    "complete": "the whole answer is here",
    "closed": "the server closed the connection",
    "reset": "the connection was reset",
    "silent": "no further byte came, and the connection is open",
}


# -- reply ------------------------------------------------------------------------------


def reply(
    sent: bytes, received: bytes, answers: Iterable[Answer], ended: str, took: float
) -> Figure:
    """Draw what came back: status line, headers and body of each answer, and how it ended.

    `answers` are (status line, headers, body), in order; where there are none the bytes are
    shown as they came. `ended` is `complete`, `closed`, `reset` or `silent`; `took` is in seconds.
    """
    frozen = [(_text_of(line), list(fields), content) for line, fields, content in answers]
    end = f"{ended}: {_ENDED[ended]}"
    size = f"{count(len(received), 'byte')} in {duration(took)}"
    shown = "\n".join(_part_html(*part) for part in frozen) or _raw_html(received)
    html = (
        '<section class="al al-fig al-reply" aria-label="Reply">'
        f"{_sent_html(sent)}\n{shown}\n"
        f'<p class="al-end al-ended-{ended}"><span>{end}</span> <span>{size}</span></p></section>'
    )
    lines = [_sent_line(sent), ""]
    lines += [line for part in frozen for line in _part_text(*part)] or _raw_text(received)
    return Figure(html, "\n".join([*lines, f"{end} ({size})"]))


def _text_of(line: str | bytes) -> str:
    return line if isinstance(line, str) else spell(line)


def _sent_line(sent: bytes) -> str:
    first = sent.split(b"\r\n", 1)[0]
    return f"sent {count(len(sent), 'byte')}: {spell_cut(first, 80)}"


def _sent_html(sent: bytes) -> str:
    return (
        f'<details class="al-sent"><summary>{escape(_sent_line(sent))}</summary>'
        f'<pre class="al-bytes"><code>{show(sent, lines=True, shown=_BODY_SHOWN)}</code></pre>'
        "</details>"
    )


def _raw_html(received: bytes) -> str:
    if not received:
        return '<p class="al-nothing al-aside">no byte came back</p>'
    code = show(received, lines=True, shown=_BODY_SHOWN)
    return f'<pre class="al-bytes"><code>{code}</code></pre>'


def _raw_text(received: bytes) -> list[str]:
    return [spell_cut(received, _BODY_SHOWN) if received else "no byte came back", ""]


def _part_html(line: str, headers: list[tuple[bytes, bytes]], body: bytes) -> str:
    fields = "".join(
        f"<span><b>{escape(spell(name))}</b>: {escape(cut(spell(value)))}</span>"
        for name, value in headers
    )
    content = f'<code class="al-body">{_body_html(body)}</code>' if body else ""
    return (
        f'<div class="al-bytes al-part-of"><code class="al-status">{_status_html(line)}</code>'
        f'<code class="al-fields">{fields}</code>{content}</div>'
    )


def _status_html(line: str) -> str:
    version, _, rest = line.partition(" ")
    code, blank, reason = rest.partition(" ")
    return f"{escape(version)} <b>{escape(code)}</b>{blank}{escape(reason)}"


def _body_html(body: bytes) -> str:
    """Text with its own line breaks where it is text, else bytes as Python spells them."""
    text = _as_text(body)
    if text is None:
        return show(body, shown=_BINARY_SHOWN)
    return escape(text[:_BODY_SHOWN]) + cut_html(missing(len(text), _BODY_SHOWN, "character"))


def _as_text(body: bytes) -> str | None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if clean(text) == text and "\r" not in text else None


def _part_text(line: str, headers: list[tuple[bytes, bytes]], body: bytes) -> list[str]:
    fields = [f"{spell(name)}: {cut(spell(value))}" for name, value in headers]
    text = _as_text(body)
    content = spell_cut(body, _BINARY_SHOWN) if text is None else cut(text, _BODY_SHOWN)
    return [clean(line), *fields, "", *(content.splitlines() if content else []), ""]


# -- line -------------------------------------------------------------------------------

_WHO = {"out": ("sent", "->"), "in": ("received", "<-"), "end": ("ended", "--")}


def line(events: Iterable[tuple[float, str, bytes]]) -> Figure:
    """Draw a held connection, with times in seconds.

    An event is (t, way, bytes): `out` was sent, `in` came, `end` is how the other side ended it.
    """
    every = list(events)
    rows = "\n".join(_event_html(*event) for event in every)
    inner = f'<ol role="list">\n{rows}\n</ol>' if every else '<p class="al-aside">no byte yet</p>'
    size = {way: sum(len(data) for _, w, data in every if w == way) for way in _WHO}
    total = f"sent {count(size['out'], 'byte')}, received {count(size['in'], 'byte')}"
    html = (
        f'<section class="al al-fig al-line" aria-label="Connection">{inner}'
        f'<p class="al-end"><span>{total}</span></p></section>'
    )
    text = [
        f"{duration(t):>8}  {_WHO[way][1]} {_WHO[way][0]:<8}  {spell_cut(data)}"
        for t, way, data in every
    ]
    return Figure(html, "\n".join([*(text or ["no byte yet"]), total]))


def _event_html(t: float, way: str, data: bytes) -> str:
    code = f"<code>{show(data, lines=True)}</code>"
    kind = "al-end-of" if way == "end" else f"al-{way}"
    return (
        f'<li class="{kind}"><time>{duration(t)}</time> <span class="al-way">{_WHO[way][0]}</span> '
        f'<span class="{"al-aside" if way == "end" else "al-bytes"}">{code}</span></li>'
    )


# -- call ---------------------------------------------------------------------------------

Link = tuple[str, str, str]
_HOW = {"returned": "returned", "raised": "raised", "waiting": "is still waiting"}


def call(
    scope: Mapping[str, Any],
    messages: Iterable[Mapping[str, Any]],
    ended: str,
    error: str | None,
    took: float | None,
    links: Mapping[str, Link] | None = None,
) -> Figure:
    """Draw one call of the application: its scope, its messages in order, how it ended.

    A message is a mapping with role (`receive` or `send`), name, keys (pairs of a name and a
    written value), and where known verb, t (seconds) and error. `links` gives a scope key its
    statement of the specification: (id, address, text). `ended` is `returned`, `raised` or
    `waiting`.
    """
    every = list(messages)
    end = _end(ended, error, took)
    cards = "\n".join(_message_html(message) for message in every)
    sign = "al-r-error al-raised" if ended == "raised" else "al-r-app"
    html = (
        '<section class="al al-fig al-call" aria-label="One call of the application">\n'
        f"{_scope_html(scope, links or {})}\n{cards}\n"
        f'<p class="al-end {sign}"><span>{escape(end)}</span></p></section>'
    )
    text = [*_scope_text(scope, links or {}), *(x for m in every for x in _message_text(m)), end]
    return Figure(html, "\n".join(text))


def _end(ended: str, error: str | None, took: float | None) -> str:
    said = f"the app {_HOW[ended]}"
    said += f" {cut(error)}" if error else ""
    return clean(said + ("" if took is None else f" after {duration(took)}"))


def _scope_html(scope: Mapping[str, Any], links: Mapping[str, Link]) -> str:
    keys = " ".join(_linked(key, value, links.get(key)) for key, value in scope.items())
    return (
        f'<div class="al-card al-r-scope"><p class="al-head"><code>scope</code>'
        f' <span class="al-aside">the app is called</span></p>'
        f'<div class="al-keys">{keys}</div></div>'
    )


def _linked(key: str, value: object, link: Link | None) -> str:
    (_, first), *more = lines_of(key, value)
    goes_on = "".join(" " + key_html(*line) for line in more)
    if link is None:
        return key_html(key, first) + goes_on
    number, url, text = link
    return (
        f"<code><small>{escape(number)}</small> "
        f'<a class="al-k" href="{quoted(url)}" title="{quoted(f"{number}: {text}")}">'
        f'{escape(literal(key))}</a><span class="al-k">: </span>'
        f"{value_html(first)}</code>{goes_on}"
    )


def _message_html(message: Mapping[str, Any]) -> str:
    keys = " ".join(key_html(*key) for key in get(message, "keys", ()))
    inner = f'<div class="al-keys">{keys}</div>' if keys else ""
    t, error = get(message, "t"), get(message, "error")
    time = "" if t is None else f"<time>{duration(t)}</time>"
    fails = f'<p class="al-raised al-r-error">raises {prose(error)}</p>' if error else ""
    return (
        f'<div class="al-card al-r-{quoted(message["role"])}"><p class="al-head">'
        f"<code>{dotted(message['name'])}</code>"
        f' <span class="al-aside">{escape(_verb(message))}</span> {time}</p>{inner}{fails}</div>'
    )


def _verb(message: Mapping[str, Any]) -> str:
    usual = "await receive()" if message["role"] == "receive" else "await send(…)"
    return str(get(message, "verb", usual))


def _scope_text(scope: Mapping[str, Any], links: Mapping[str, Link]) -> list[str]:
    lines = ["scope, the app is called"]
    for key, value in scope.items():
        (_, first), *more = lines_of(key, value)
        number = f"   [{links[key][0]}]" if key in links else ""
        written = [key_text(key, first) + number, *("  " + key_text(*line) for line in more)]
        lines += ["  " + x for line in written for x in fold(line, 84, "  ")]
    return lines


def _message_text(message: Mapping[str, Any]) -> list[str]:
    t, error = get(message, "t"), get(message, "error")
    when = "" if t is None else f", {duration(t)}"
    head = f"{message['name']}, {_verb(message)}{when}"
    keys = [key_text(*key) for key in get(message, "keys", ())]
    lines = [clean(head), *("  " + x for key in keys for x in fold(key, 84, "  "))]
    return lines + ([clean(f"  raises {error}")] if error else [])
