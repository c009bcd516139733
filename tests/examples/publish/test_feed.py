"""The Atom feed, as feedparser reads it."""

import re
from datetime import timedelta

import feedparser  # type: ignore[import-untyped]  # it comes without types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.drafting import write
from publishing.feed import atom
from publishing.model import Brief, Entry
from publishing.site import Site, read_site
from tests.examples.publish.conftest import EXAMPLE
from tests.examples.publish.drafts import NOON, draft, publish

SHIPPED = read_site(EXAMPLE / "site.toml")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_the_feed_of_all_posts_is_valid(site: Site) -> None:
    """Ids, times, authors and links, the newest post first."""
    for path in sorted(site.folders.posts.glob("*.md")):
        publish(write(Brief(path.name), site), site)
    feed = feedparser.parse((site.folders.public / "feed.xml").read_bytes())
    assert not feed.bozo
    assert feed.version == "atom10"
    assert feed.feed.id == "https://notes.example.org/"
    links = {(link.rel, link.href) for link in feed.feed.links}
    assert ("self", "https://notes.example.org/feed.xml") in links
    assert len(feed.entries) == 6
    assert feed.entries[0].id == feed.entries[0].link == site.page_url("lighthouse")
    for entry in feed.entries:
        assert INSTANT.fullmatch(entry.updated)
        assert INSTANT.fullmatch(entry.published)
        assert entry.author in site.authors
        assert entry.content[0].type == "text/html"
        assert entry.tags


def test_links_in_the_content_are_absolute(site: Site) -> None:
    """A feed is read far from the site."""
    publish(write(Brief("lighthouse.md"), site), site)
    (entry,) = feedparser.parse((site.folders.public / "feed.xml").read_bytes()).entries
    targets = re.findall(r'(?:href|src)="([^"]*)"', entry.content[0].value)
    assert len(targets) == 2
    assert all(target.startswith("https://notes.example.org/") for target in targets)


def test_the_feed_changed_when_its_latest_entry_did(site: Site) -> None:
    """Readers look at the feed's own time first."""
    publish(draft(slug="one"), site)
    publish(draft(slug="two"), site, now=NOON + timedelta(hours=1))
    feed = feedparser.parse((site.folders.public / "feed.xml").read_bytes())
    assert feed.feed.updated == "2025-07-01T13:00:00Z"


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_text_makes_a_wellformed_feed(title: str, author: str, html: str) -> None:
    """Markup and characters that XML can't hold don't break the feed for everybody."""
    entry = Entry(
        slug="a",
        title=title,
        author=author,
        description=title,
        tags=(author,),
        minutes=1,
        html=html,
        published="2025-06-30T00:00:00Z",
        updated="2025-07-01T12:00:00Z",
        digest="",
        first_key="",
    )
    feed = feedparser.parse(atom(SHIPPED, [entry]))
    assert not feed.bozo
    assert len(feed.entries) == 1


def test_a_feed_without_entries_is_refused() -> None:
    """A feed must say when it changed, and an empty one never did."""
    with pytest.raises(ValueError, match="empty"):
        atom(SHIPPED, [])
