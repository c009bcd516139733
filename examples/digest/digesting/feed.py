"""Atom feeds (RFC 4287), as far as a digest needs them.

Laws: an entry is known by its id, whatever else of it changes; an entry without an id or a link is
passed by; the feed is one's own, so that it is read by the standard library's parser.
"""

import urllib.request
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ATOM = "{http://www.w3.org/2005/Atom}"
PATIENCE = 20.0
"""Seconds that the feed's server may take."""


@dataclass(frozen=True)
class Entry:
    """One entry of a feed."""

    id: str
    title: str
    link: str
    summary: str


@dataclass(frozen=True)
class Feed:
    """A feed's title, and its entries in the feed's order."""

    title: str
    entries: list[Entry]


def fetch(place: str, folder: Path) -> bytes:
    """The feed at an address, or in a file that is named relative to a folder. Raises OSError."""
    if place.startswith(("http://", "https://")):
        with urllib.request.urlopen(place, timeout=PATIENCE) as answer:
            found: bytes = answer.read()
            return found
    return (folder / place).read_bytes()


def parse(xml: bytes) -> Feed:
    """The feed of an Atom document. Raises xml.etree.ElementTree.ParseError."""
    root = ET.fromstring(xml)
    found = [_entry(element) for element in root.findall(f"{ATOM}entry")]
    return Feed(_text(root, "title"), [entry for entry in found if entry.id and entry.link])


def _entry(element: ET.Element) -> Entry:
    links = {
        link.get("rel", "alternate"): link.get("href", "")
        for link in element.findall(f"{ATOM}link")
    }
    title, summary = _text(element, "title"), _text(element, "summary")
    return Entry(_text(element, "id"), title, links.get("alternate", ""), summary)


def _text(element: ET.Element, name: str) -> str:
    return " ".join((element.findtext(f"{ATOM}{name}") or "").split())
