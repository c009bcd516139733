"""What the documents promise, read out of Markdown.

A fenced block is marked as runnable by a word after its language. Text inside of fences is never
taken for a link or a heading.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.house.source import ROOT

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")
_LINK = re.compile(r"!?\[[^\]\[]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*(\S+)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_CODE_SPAN = re.compile(r"`[^`]*`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its first line's number, its lines."""

    language: str
    marks: tuple[str, ...]
    line: int
    lines: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name under which the block is to be saved, or "" for none."""
        names = [mark.removeprefix("file=") for mark in self.marks if mark.startswith("file=")]
        return names[0] if names else ""

    @property
    def runs(self) -> bool:
        return "run" in self.marks


@dataclass(frozen=True)
class Command:
    """A `$ command` of a console block, and what its output is shown to be."""

    text: str
    line: int
    output: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """A Markdown file, by its path relative to the project's root."""

    path: str
    text: str

    @property
    def folder(self) -> Path:
        return (ROOT / self.path).parent

    def blocks(self) -> Iterator[Block]:
        """All fenced blocks in their order; what is indented with its fence is taken back."""
        start, fence, lines = 0, None, list[str]()
        for number, line in enumerate(self.text.splitlines(), 1):
            match = _FENCE.match(line)
            if fence is None:
                if match:
                    start, fence, lines = number, match, []
            elif match and len(match["ticks"]) >= len(fence["ticks"]) and not match["info"].strip():
                language, *marks = fence["info"].split() or [""]
                yield Block(language, tuple(marks), start + 1, tuple(lines))
                fence = None
            else:
                lines.append(line.removeprefix(fence["indent"]))

    def prose(self) -> Iterator[tuple[int, str]]:
        """Number and text of every line outside of fenced blocks."""
        ticks = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            match = _FENCE.match(line)
            if match and not ticks:
                ticks = match["ticks"]
            elif match and len(match["ticks"]) >= len(ticks):
                ticks = ""
            elif not ticks:
                yield number, line

    def links(self) -> Iterator[tuple[int, str]]:
        """Line and target of every link, images and references included."""
        for number, line in self.prose():
            for match in _LINK.finditer(_CODE_SPAN.sub("code", line)):
                yield number, match[1] or match[2]

    def anchors(self) -> set[str]:
        """The names under which headings are linked to, as GitHub makes them."""
        found = set[str]()
        for _, line in self.prose():
            match = _HEADING.match(line)
            if match:
                slug = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
                found.add(next(name for name in _numbered(slug) if name not in found))
        return found


def _numbered(slug: str) -> Iterator[str]:
    yield slug
    number = 0
    while True:
        number += 1
        yield f"{slug}-{number}"


def commands(block: Block) -> list[Command]:
    """The commands of a console block; a backslash at its end continues one on the next line."""
    found: list[Command] = []
    continues = False
    for number, line in enumerate(block.lines, block.line):
        if continues:
            last = found.pop()
            found.append(Command(f"{last.text}\n{line.removeprefix('> ')}", last.line, ()))
        elif line.startswith("$ "):
            found.append(Command(line.removeprefix("$ "), number, ()))
        elif found:
            last = found.pop()
            found.append(Command(last.text, last.line, (*last.output, line)))
        continues = bool(found) and not found[-1].output and line.endswith("\\")
    return found


def script(document: Document) -> str:
    """The document's runnable Python blocks as one text; each line keeps its number."""
    lines = [""] * (document.text.count("\n") + 1)
    for block in document.blocks():
        if block.language == "python" and block.runs:
            lines[block.line - 1 : block.line - 1 + len(block.lines)] = block.lines
    return "\n".join(lines).rstrip() + "\n"


def differences(command: Command, printed: str) -> str:
    """Why the output isn't as shown, or "". `...` stands for anything, alone for any lines."""
    rest = [line.rstrip() for line in printed.splitlines()]
    anywhere = False
    for shown in command.output:
        if shown.strip() in {"", "..."}:
            anywhere = anywhere or bool(shown.strip())
            continue
        pattern = ".*".join(re.escape(part) for part in shown.rstrip().split("..."))
        places = [at for at, line in enumerate(rest) if re.fullmatch(pattern, line)]
        blanks = next((at for at, line in enumerate(rest) if line), len(rest))
        if not places or (not anywhere and places[0] != blanks):
            return f"expected {shown!r}, printed was:\n{printed}"
        rest, anywhere = rest[places[0] + 1 :], False
    if command.output and not anywhere and any(rest):
        return f"more was printed than shown:\n{printed}"
    return ""


@cache
def project_documents() -> tuple[Document, ...]:
    """README.md and its neighbours, docs/ and examples/: every Markdown file of the project."""
    found = {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")}
    return tuple(
        Document(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(found)
    )
