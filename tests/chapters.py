"""The built chapters in a browser, with Python in the page: cells, run as a reader would."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser import Browser

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path(os.environ.get("ASGILIVE_HTML", ROOT / "_build" / "html"))
BOXES = ".al-cellbox[data-run]:has(.al-first)"

# What is another at each run: masked where a page is compared with the kernel.
MASKS = {
    r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d\s+GMT": "DATE",
    r"\d{4}-\d\d-\d\d": "DAY",
    r"(127\.0\.0\.1:|127\.0\.0\.1['\"], )\d+": r"\1PORT",
    r"\d+(\.\d+)?\s?(ms|µs|s)\b": "TIME",
    r"\b\d+\.\d+\b": "NUMBER",
    r"\b(?:(?:\d+|NUMBER|TIME)\s+)*TIME\b": "TIME",  # the marks of an axis
    r"\[Errno \d+\]": "[Errno]",
    r"(?i)(sec-websocket-(key|accept)[\"':, b]+)[\w+/=]+": r"\1KEY",
    r"\b([0-9a-f]{2} ){3,}[0-9a-f]{2}\b": "FRAME",
    r"\bFRAME(\s+[0-9a-f]{2})+\b": "FRAME",  # and its payload
    r"process.*?lifespan": "OWNER lifespan",
}


def masked(text: str) -> str:
    """A text without what is another at each run, blanks folded."""
    for pattern, word in MASKS.items():
        text = re.sub(pattern, word, text, flags=re.DOTALL)
    return " ".join(text.split())


@dataclass(frozen=True)
class Ran:
    """What a cell did: its state in words, what it gave here, what the kernel gave, its error."""

    number: int
    state: str
    gave: str
    recorded: str
    error: str


class Chapter:
    """A page with cells, opened in a browser."""

    def __init__(self, page: Browser, address: str, *, width: int = 1280) -> None:
        self.page = page
        page.open(address, width=width)
        page.until(f"return !!document.querySelector('{BOXES}')")

    def numbers(self) -> list[int]:
        """The cells that can run, in order."""
        found = self.page.ask(
            f"return [...document.querySelectorAll('{BOXES}')].map(box => +box.dataset.cell)"
        )
        return list(found)

    def press(self, number: int, button: str = ".al-first") -> None:
        """Press a button in the bar of a cell."""
        self.page.ask(
            "document.querySelector(arguments[0]).click()",
            f".al-cellbox[data-cell='{number}'] > .al-bar {button}",
        )

    def run(self, number: int, seconds: float = 60) -> Ran:
        """Run a cell to its end."""
        self.press(number)
        return self.wait(number, seconds)

    def wait(self, number: int, seconds: float = 60) -> Ran:
        """What a cell did, once it has ended."""
        found: dict[str, Any] = self.page.until(
            """
            const box = document.querySelector(`.al-cellbox[data-cell='${arguments[0]}']`);
            const sign = box.querySelector(":scope > .al-bar .al-state");
            if (!/al-(ran|failed|stopped|before)/.test(sign.className)) return null;
            const text = (area) => {
              // without what is alive about a site's card, and a grid's evidence: who of two comes
              // first in it is nobody's promise
              const apart = ".al-site-ways, .al-site-view, .al-site .al-state, .al-evidence pre";
              const copy = area?.cloneNode(true);
              copy?.querySelectorAll(apart)
                .forEach((each) => each.remove());
              if (!copy) return "";
              const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT), found = [];
              while (texts.nextNode()) found.push(texts.currentNode.data);
              return found.join(" "); // what stands in two elements is two words
            };
            const given = box.querySelector(":scope > .al-given");
            const recorded = box.querySelector(":scope > .cell_output:not(.al-given)");
            return {
              state: sign.textContent, gave: text(given), recorded: text(recorded),
              error: text(given?.querySelector(".al-error")),
            };
            """,
            number,
            seconds=seconds,
        )
        return Ran(number, **found)

    def run_in_order(self) -> list[Ran]:
        """Run every cell, one after the other, as far as they go."""
        return [self.run(number) for number in self.numbers()]
