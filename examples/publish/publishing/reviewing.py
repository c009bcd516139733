"""The review that needs no taste: the head, the links, the headings, the length.

Laws: each rule is a function from a draft to findings; what readers or feeds would stumble over is
a *must*, the rest a *should*; a rule looks at files of the posts' folder, never at the network, so
that a review says the same twice.
"""

import difflib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from urllib.parse import unquote, urlsplit

from publishing.markdown import (
    Link,
    PostError,
    headings,
    links,
    local_path,
    loose_text,
    read_post,
    words,
)
from publishing.model import Draft, Finding, Review
from publishing.site import Site

WORDS_A_MINUTE = 220
"""Reading silently; Brysbaert 2019 has 238 for non-fiction, and technical text is slower."""

_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE
)
_TAG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_KEYS = ("title", "date", "author", "tags", "description", "keep", "revisions")


def review(draft: Draft, site: Site) -> Review:
    """Everything that the rules find, in the order of the text, the head first."""
    length = sum(1 for _ in words(draft.text))
    findings = [
        *_head(draft, site),
        *_headings(draft),
        *_links(draft, site),
        *_length(length, site),
    ]
    findings.sort(key=lambda finding: finding.line)
    return Review(tuple(findings), length, reading_minutes(draft.text))


def reading_minutes(text: str) -> int:
    """Whole minutes, 1 at least."""
    return max(1, ceil(sum(1 for _ in words(text)) / WORDS_A_MINUTE))


def instant(when: str) -> datetime:
    """The instant of a date: a bare day is its first moment in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(when)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _head(draft: Draft, site: Site) -> Iterator[Finding]:
    front = draft.front
    for key in ("title", "date", "author", "tags", "description"):
        if not getattr(front, key):
            yield Finding(f"head.{key}", "must", f"the front matter has no {key}")
    for key in front.unknown:
        near = difflib.get_close_matches(key, _KEYS, n=1)
        yield Finding(
            "head.unknown",
            "must",
            f"the key {key!r} means nothing" + (f"; {near[0]!r}?" if near else ""),
        )
    if front.date and not _is_date(front.date):
        yield Finding("head.date", "must", f"{front.date!r} isn't a date such as 2025-03-14")
    if front.author and front.author not in site.authors:
        yield Finding("head.author", "must", f"{front.author!r} isn't one of the site's authors")
    if len(front.title) > 80:
        yield Finding(
            "head.title",
            "should",
            f"the title has {len(front.title)} characters; lists cut it at 80",
        )
    if front.description and not 40 <= len(front.description) <= 200:
        count = len(front.description)
        yield Finding(
            "head.description",
            "should",
            f"the description has {count} characters; 40 to 200 show well",
        )
    for tag in front.tags:
        if not _TAG.fullmatch(tag):
            yield Finding(
                "head.tags", "should", f"write the tag {tag!r} in lower case, with dashes"
            )


def _is_date(when: str) -> bool:
    try:
        instant(when)
    except ValueError:
        return False
    return True


def _headings(draft: Draft) -> Iterator[Finding]:
    above, seen = 1, set[str]()
    for heading in headings(draft.text):
        if heading.level == 1:
            yield Finding(
                "heading.title",
                "must",
                "the title is the page's only heading of level 1: begin at ##",
                heading.line,
            )
        elif heading.level > above + 1:
            message = f"{heading.text!r} skips from level {above} to {heading.level}"
            yield Finding("heading.skips", "must", message, heading.line)
        if not heading.text:
            yield Finding("heading.empty", "must", "a heading without words", heading.line)
        elif heading.text.lower() in seen:
            message = f"{heading.text!r} is there twice: links to it are ambiguous"
            yield Finding("heading.twice", "must", message, heading.line)
        above = heading.level
        seen.add(heading.text.lower())


def _links(draft: Draft, site: Site) -> Iterator[Finding]:
    for link in links(draft.text):
        if not link.text:
            rule, what = ("image.text", "an image") if link.image else ("link.text", "a link")
            yield Finding(
                rule, "must", f"{what} without words, to {link.target or 'nowhere'}", link.line
            )
        problem = _target_problem(link, draft, site)
        if problem:
            yield Finding("link.target", "must", problem, link.line)
    for line, text in loose_text(draft.text):
        if re.search(r"\]\(|\]\[", text):
            yield Finding(
                "link.broken",
                "must",
                f"this was meant as a link, and isn't one: {text.strip()[:60]!r}",
                line,
            )


def _target_problem(link: Link, draft: Draft, site: Site) -> str:
    if not link.target or link.target == "#":
        return f"{link.text!r} leads nowhere"
    path = local_path(link.target)
    if path is None and not link.target.startswith("#"):
        return _address_problem(link.target)
    anchors = {heading.anchor for heading in headings(draft.text)}
    if path is not None:
        posts = site.folders.posts.resolve()
        file = (posts / path).resolve()
        if not file.is_file() or not file.is_relative_to(posts):
            return f"there is no {path!r} among the posts"
        anchors = _anchors_of(file.read_bytes()) if file.suffix == ".md" else set()
    fragment = unquote(urlsplit(link.target).fragment)
    return f"no heading answers to {link.target!r}" if fragment and fragment not in anchors else ""


def _anchors_of(source: bytes) -> set[str]:
    try:
        return {heading.anchor for heading in headings(read_post("", source.decode()).text)}
    except (PostError, UnicodeDecodeError):
        return set()


def _address_problem(target: str) -> str:
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return f"{target!r} isn't a web address"
    if parts.scheme == "mailto":
        return (
            ""
            if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", parts.path)
            else f"{target!r} isn't a mail address"
        )
    if parts.scheme not in {"http", "https"}:
        return f"{target!r} is neither a web address nor a post"
    whole = _HOST.fullmatch(parts.hostname or "") and port != 0
    return "" if whole else f"{target!r} has no proper host name"


def _length(count: int, site: Site) -> Iterator[Finding]:
    if not count:
        yield Finding("length", "must", "the post is empty", 1)
    elif count < site.length.shortest:
        yield Finding(
            "length",
            "should",
            f"{count} words; the site's posts have {site.length.shortest} or more",
            1,
        )
    elif count > site.length.longest:
        yield Finding(
            "length", "should", f"{count} words; past {site.length.longest} few readers go on", 1
        )
