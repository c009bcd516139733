"""The site's Atom feed (RFC 4287).

Laws: an entry's id is its page's address and never changes; `updated` is an instant with its zone;
characters that XML can't hold are left out, as the whole feed would be refused for one of them.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from publishing.model import Entry
from publishing.site import Site

ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(site: Site, entries: Sequence[Entry]) -> bytes:
    """The feed of these entries, in their order. Raises ValueError without any."""
    feed = ET.Element("feed", {"xmlns": ATOM, "xml:lang": site.language})
    _text(feed, "id", f"{site.base_url}/")
    _text(feed, "title", site.title)
    _text(feed, "updated", max(entry.updated for entry in entries))
    ET.SubElement(
        feed,
        "link",
        {"rel": "self", "type": "application/atom+xml", "href": f"{site.base_url}/feed.xml"},
    )
    ET.SubElement(
        feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{site.base_url}/"}
    )
    for entry in entries:
        _add(feed, site, entry)
    ET.indent(feed)
    xml: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _add(feed: ET.Element, site: Site, entry: Entry) -> None:
    url = site.page_url(entry.slug)
    element = ET.SubElement(feed, "entry")
    _text(element, "id", url)
    _text(element, "title", entry.title)
    _text(element, "published", entry.published)
    _text(element, "updated", entry.updated)
    _text(ET.SubElement(element, "author"), "name", entry.author)
    ET.SubElement(element, "link", {"rel": "alternate", "type": "text/html", "href": url})
    for tag in entry.tags:
        ET.SubElement(element, "category", {"term": _clean(tag)})
    _text(element, "summary", entry.description)
    _text(element, "content", entry.html, type="html")


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = _clean(text)


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
