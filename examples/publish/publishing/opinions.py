"""A second look at what other servers publish: their articles, and what is noted of them.

Laws: an activity is another's word, so every part of it may be missing or of another kind than it
should be; its text is only ever read, never rendered; an opinion is a file named by the article's
id, so that a second look at it leaves the same file.
"""

import hashlib
import json
from dataclasses import asdict
from html.parser import HTMLParser
from typing import Any

from publishing.files import locked, replace_file
from publishing.model import Arrival, Draft, FrontMatter, Opinion
from publishing.reviewing import reading_minutes
from publishing.site import Site
from publishing.spelling import Speller, spell_check

_BREAKS = frozenset({"p", "br", "li", "div", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "tr"})
_UNREAD = frozenset({"script", "style", "code", "pre"})


def take(activity: dict[str, Any]) -> Arrival:
    """The article of a Create: what readers would read, as plain text."""
    sent = activity.get("object")
    article: dict[str, Any] = sent if isinstance(sent, dict) else {"id": sent}
    return Arrival(
        url=_text(article.get("url")) or _text(article.get("id")),
        title=_text(article.get("name")),
        by=_text(activity.get("actor")),
        text=readable(_text(article.get("content"))),
    )


def look(arrival: Arrival, speller: Speller) -> Opinion:
    """What is to be said of it: how long it takes, and which words nobody knows."""
    draft = Draft("", FrontMatter(title=arrival.title), arrival.text)
    unknown = tuple(found.word for found in spell_check(draft, speller).misspellings)
    minutes = reading_minutes(arrival.text)
    return Opinion(arrival.url, arrival.title, arrival.by, minutes, unknown)


def note_down(opinion: Opinion, site: Site) -> Opinion:
    """Write it into the folder of opinions."""
    name = hashlib.sha256(opinion.url.encode()).hexdigest()[:16]
    text = json.dumps(asdict(opinion), ensure_ascii=False, indent=1) + "\n"
    folder = site.folders.opinions
    with locked(folder):
        replace_file(folder / f"{name}.json", text.encode())
    return opinion


def readable(html: str) -> str:
    """The words of HTML, a line for each block; code is left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)


class _Reader(HTMLParser):
    """Collects text; whatever is no text is a space or a new line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        self.parts.append("\n" if tag in _BREAKS else "")

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD and self._unread > 0
        self.parts.append("\n" if tag in _BREAKS else "")

    def handle_data(self, data: str) -> None:
        self.parts.append(" " if self._unread else data)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
