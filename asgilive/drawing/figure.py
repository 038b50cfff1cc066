"""What a figure is: markup, its text alternative, and the style both books and notebooks share."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asgilive.drawing.markup import clean, prose, quoted, sentence

_FILES = Path(__file__).parent.parent / "style"


def _smaller(css: str) -> str:
    """Drop comments and line breaks: a notebook carries the style with each of its figures."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return re.sub(r"\s*([{};])\s*", r"\1", re.sub(r"\s+", " ", css)).strip()


def _read(name: str) -> str:
    return (_FILES / name).read_text("utf-8")


@cache
def style() -> str:
    """Tokens, figures and components as one element. The book links the files and strips this."""
    css = "".join(map(_read, ("tokens.css", "figures.css", "components.css")))
    return f'<style class="al-style">{_smaller(css)}</style>'


@cache
def script() -> str:
    """What makes the cards of running sites live. The book strips this too."""
    return f'<script class="al-script">{_read("figures.js")}</script>'


@dataclass(frozen=True, slots=True, repr=False)
class Figure:
    """A drawing: `html` without style or script, and `text`, the same facts for a terminal."""

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        live = ' data-al-link="' in self.html
        return style() + self.html + (script() if live else "")


def framed(content: str, *, title: str, caption: str, kind: str = "") -> str:
    """The `<figure>` around a view: named by its title, explained by its caption."""
    more = f" {prose(caption)}" if caption else ""
    return (
        f'<figure class="al al-fig{kind}" aria-label="{quoted(title)}">\n{content}\n'
        f"<figcaption><b>{prose(sentence(title))}</b>{more}</figcaption>\n</figure>"
    )


def captioned(lines: list[str], *, title: str, caption: str) -> str:
    """The same frame in text: title, lines, caption."""
    body = "\n".join(lines).strip("\n")
    return "\n\n".join(filter(None, [clean(title), body, clean(caption)]))
