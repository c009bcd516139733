"""Posts as text: front matter above, Markdown (CommonMark with tables) below.

Laws: raw HTML in a post is shown as text, never passed on; reading what was written gives the same
post; offsets and lines count in the Markdown below the front matter.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from publishing.model import Draft, FrontMatter, Revision

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_HEAD = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_NOT_PROSE = re.compile(
    r"""(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)      # code span
      | \]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+"[^"]*")?\)  # link target and title
      | \]\[[^\]]*\]                              # link reference
      | ^[ ]{0,3}\[[^\]]+\]:.*$                   # link definition
      | <[^>\s][^>]*>                             # autolink, tag
      | (?:https?://|www\.)\S+                    # bare address
      | \S+@\S+\.\w+                              # mail address
      | &\#?\w+;                                  # entity
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


class PostError(ValueError):
    """The post file is at fault: it isn't there, isn't UTF-8, or its front matter isn't YAML."""


class Word(NamedTuple):
    """A word of prose, with apostrophes inside, and where it begins."""

    text: str
    start: int


class Heading(NamedTuple):
    """A heading and the name by which a link's fragment finds it."""

    level: int
    text: str
    anchor: str
    line: int


class Link(NamedTuple):
    """A link or an image: where it leads, and its words or the image's description."""

    target: str
    text: str
    line: int
    image: bool


def read_post(slug: str, source: str) -> Draft:
    """Read a post. Raises PostError where the front matter isn't a mapping in YAML."""
    source = source.removeprefix("\ufeff").replace("\r\n", "\n")
    head = _HEAD.match(source)
    if head is None:
        return Draft(slug, FrontMatter(), source.lstrip("\n"))
    try:
        data = yaml.safe_load(head[1]) or {}
    except yaml.YAMLError as error:
        raise PostError(f"{slug}: the front matter isn't YAML: {error}") from error
    if not isinstance(data, dict):
        raise PostError(f"{slug}: the front matter must be lines of `key: value`")
    return Draft(slug, _front_matter(data), source[head.end() :].lstrip("\n"))


def write_post(draft: Draft) -> str:
    """The post as a file, its history included."""
    front = draft.front
    data: dict[str, object] = {"title": front.title, "date": front.date, "author": front.author}
    data |= {"tags": list(front.tags), "description": front.description, "keep": list(front.keep)}
    data["revisions"] = [
        {"number": r.number, "by": r.by, "note": r.note, "changes": list(r.changes)}
        for r in front.revisions
    ]
    filled = {key: value for key, value in data.items() if value}
    head = yaml.safe_dump(filled, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{head}---\n\n{draft.text.rstrip()}\n"


def _front_matter(data: dict[object, object]) -> FrontMatter:
    known = {"title", "date", "author", "tags", "description", "keep", "revisions"}
    return FrontMatter(
        title=_line(data.get("title")),
        date=_line(data.get("date")),
        author=_line(data.get("author")),
        tags=_list(data.get("tags")),
        description=_line(data.get("description")),
        keep=_list(data.get("keep")),
        revisions=_revisions(data.get("revisions")),
        unknown=tuple(str(key) for key in data if key not in known),
    )


def _line(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return "" if value is None else " ".join(str(value).split())


def _list(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    return tuple(_line(item) for item in items) if isinstance(items, list) else ()


def _revisions(value: object) -> tuple[Revision, ...]:
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    return tuple(
        Revision(
            number, _line(row.get("by")), str(row.get("note") or ""), _list(row.get("changes"))
        )
        for number, row in enumerate(rows, start=2)
    )


def prose(text: str) -> str:
    """The text with code, addresses and link targets blanked out; offsets stay."""
    lines = text.split("\n")
    for token in _PARSER.parse(text):
        if token.type in {"fence", "code_block"} and token.map:
            for number in range(token.map[0], min(token.map[1], len(lines))):
                lines[number] = " " * len(lines[number])
    return _NOT_PROSE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), "\n".join(lines))


def words(text: str) -> Iterator[Word]:
    """The words of the prose, in order."""
    return (Word(match[0], match.start()) for match in _WORD.finditer(prose(text)))


def line_of(text: str, offset: int) -> int:
    """The line, from 1, in which an offset lies."""
    return text.count("\n", 0, offset) + 1


def headings(text: str) -> list[Heading]:
    """Every heading in order. Of two with the same words the later gets an anchor with a number."""
    tokens = _PARSER.parse(text)
    found: list[Heading] = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            words_of = _plain(inline.children or [])
            anchor = _free_anchor(anchor_of(words_of), {heading.anchor for heading in found})
            found.append(Heading(int(opening.tag[1]), words_of, anchor, _first_line(opening)))
    return found


def anchor_of(heading: str) -> str:
    """The heading in lower case, with a dash for each run of anything but letters and digits."""
    return re.sub(r"[\W_]+", "-", heading.lower()).strip("-")


def _free_anchor(anchor: str, taken: set[str]) -> str:
    numbered = (f"{anchor}-{number}" for number in range(2, len(taken) + 3))
    return anchor if anchor not in taken else next(name for name in numbered if name not in taken)


def links(text: str) -> list[Link]:
    """Every link and image in order."""
    found: list[Link] = []
    for line, children in _inline_lines(text):
        for index, token in enumerate(children):
            if token.type == "link_open":
                closing = next(
                    i for i in range(index, len(children)) if children[i].type == "link_close"
                )
                target = str(token.attrs.get("href", ""))
                found.append(
                    Link(
                        target,
                        _plain(children[index:closing]),
                        line + _breaks(children[:index]),
                        image=False,
                    )
                )
            elif token.type == "image":
                target = str(token.attrs.get("src", ""))
                found.append(
                    Link(
                        target,
                        _plain(token.children or []),
                        line + _breaks(children[:index]),
                        image=True,
                    )
                )
    return found


def loose_text(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each stretch of plain text, where a link that didn't become one shows."""
    for line, children in _inline_lines(text):
        for index, token in enumerate(children):
            if token.type == "text":
                yield line + _breaks(children[:index]), token.content


def paragraphs(text: str) -> list[str]:
    """The paragraphs as plain text, headings and code left out."""
    tokens = _PARSER.parse(text)
    pairs = pairwise(tokens)
    return [
        _plain(inline.children or [])
        for opening, inline in pairs
        if opening.type == "paragraph_open"
    ]


def render(text: str, base: str = "") -> str:
    """The Markdown as HTML. Links to posts lead to pages; with a base they become absolute."""
    tokens = _PARSER.parse(text)
    anchors = iter(headings(text))
    for token in tokens:
        if token.type == "heading_open":
            token.attrSet("id", next(anchors).anchor)
        for child in token.children or []:
            for name in ("href", "src"):
                if name in child.attrs:
                    child.attrSet(name, _page_link(str(child.attrs[name]), base))
    return str(_PARSER.renderer.render(tokens, _PARSER.options, {}))


def local_path(target: str) -> str | None:
    """The file that a relative link means; None for a link to elsewhere or within its page."""
    parts = urlsplit(target)
    return unquote(parts.path) if not parts.scheme and not parts.netloc and parts.path else None


def levels_repaired(draft: Draft) -> Draft:
    """The draft with headings that begin at level 2, below the title, and skip no level."""
    lines = draft.text.split("\n")
    above: list[int] = []
    for heading in headings(draft.text):
        above = [*(level for level in above if level < heading.level), heading.level]
        line = lines[heading.line - 1].lstrip()
        if line.startswith("#") and heading.level != len(above) + 1:
            lines[heading.line - 1] = "#" * (len(above) + 1) + line.lstrip("#")
    return replace(draft, text="\n".join(lines))


def _page_link(target: str, base: str) -> str:
    path = local_path(target)
    if path is not None and path.endswith(".md"):
        target = target.replace(".md", ".html", 1)
    return urljoin(f"{base}/", target) if base else target


def _inline_lines(text: str) -> Iterator[tuple[int, Sequence[Token]]]:
    for token in _PARSER.parse(text):
        if token.type == "inline":
            yield _first_line(token), token.children or []


def _first_line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def _breaks(tokens: Sequence[Token]) -> int:
    return sum(token.type in {"softbreak", "hardbreak"} for token in tokens)


def _plain(tokens: Sequence[Token]) -> str:
    parts = (" " if token.type in {"softbreak", "hardbreak"} else token.content for token in tokens)
    return "".join(parts).strip()
