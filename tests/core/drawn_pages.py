"""What docs/ shows of the code's tables: ``python -m tests.core.drawn_pages`` draws it anew.

It stands between a line ``<!-- drawn: NAME -->`` and a line ``<!-- end -->``; all else of the page
is written by hand and kept.
"""

import re

from everflow.core import lifecycle
from tests.house.source import ROOT

LIFECYCLE = ROOT / "docs/lifecycle.md"
_DRAWN = re.compile(r"(?s)(?<=<!-- drawn: )(?P<name>\w+)(?P<close> -->\n).*?(?=<!-- end -->)")
_SOURCES = {
    "diagram": lambda: f"```mermaid\n{lifecycle.diagram()}\n```",
    "listing": lifecycle.listing,
}


def drawn_names(text: str) -> list[str]:
    """What a page has drawn into it, in order."""
    return [match["name"] for match in _DRAWN.finditer(text)]


def drawn_anew(text: str) -> str:
    """The page with everything that is drawn as it must be."""
    return _DRAWN.sub(lambda m: f"{m['name']}{m['close']}{_SOURCES[m['name']]()}\n", text)


if __name__ == "__main__":
    page = LIFECYCLE.read_text(encoding="utf-8")
    LIFECYCLE.write_text(drawn_anew(page), encoding="utf-8")
