"""Putting a post online: page, index and feed, whole, once, and by many at a time."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from publishing.drafting import write
from publishing.model import Brief
from publishing.pages import read_entries
from publishing.site import Site, read_site
from tests.examples.publish.drafts import NOON, draft, publish


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder and its bytes."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_post_goes_online(site: Site) -> None:
    """Its page holds the text, its index line, and the picture that it links to."""
    published = publish(write(Brief("lighthouse.md"), site), site)
    public = site.folders.public
    page = (public / "lighthouse.html").read_text()
    assert "<h1>How to make one lamp reach the horizon</h1>" in page
    assert '<h2 id="the-first-night">' in page
    assert 'href="tide-machine.html#one-wheel-for-each-wave"' in page
    assert (public / "lens.svg").read_bytes() == (site.folders.posts / "lens.svg").read_bytes()
    assert 'href="lighthouse.html"' in (public / "index.html").read_text()
    assert published.url == "https://notes.example.org/lighthouse.html"
    assert 'src="https://notes.example.org/lens.svg"' in published.html
    assert (published.verb, published.updated) == ("Create", "2025-07-01T12:00:00Z")


def test_publishing_twice_gives_the_same_bytes(site: Site) -> None:
    """A repeat after a crash, later and elsewhere, changes nothing; not even the times."""
    post = write(Brief("swifts.md"), site)
    first = publish(post, site)
    before = files_of(site.folders.public) | files_of(site.folders.entries)
    again = publish(post, site, now=NOON + timedelta(days=1))
    assert files_of(site.folders.public) | files_of(site.folders.entries) == before
    assert again == first


def test_what_a_killed_worker_left_is_overwritten(site: Site) -> None:
    """A part of a page under its temporary name never becomes the page."""
    site.folders.public.mkdir(parents=True)
    part = site.folders.public / ".a-walk.html.part"
    part.write_text("<html> cut of")
    publish(draft(), site)
    assert not part.exists()
    assert (site.folders.public / "a-walk.html").read_text().endswith("</html>\n")


def test_a_changed_post_is_an_update(site: Site) -> None:
    """New content has a new time and is told as an Update; its publication date stays."""
    first = publish(draft(), site)
    later = publish(draft("Rain."), site, key="other/put_online", now=NOON + timedelta(days=1))
    assert (later.verb, later.updated) == ("Update", "2025-07-02T12:00:00Z")
    assert later.published == first.published == "2025-06-30T00:00:00Z"


def test_the_index_has_the_newest_first(site: Site) -> None:
    """By date, whatever came first."""
    for slug, date in (("b", "2025-02-01"), ("c", "2025-03-01"), ("a", "2025-01-01")):
        publish(draft(slug=slug, date=date), site)
    assert [entry.slug for entry in read_entries(site.folders.entries)] == ["c", "b", "a"]
    index = (site.folders.public / "index.html").read_text()
    assert index.index("c.html") < index.index("b.html") < index.index("a.html")


def test_markup_in_a_post_is_text_on_its_page(site: Site) -> None:
    """Neither fields nor text reach a reader as HTML."""
    hostile = "<script>alert(1)</script>"
    publish(draft(f"{hostile}\n\n[x](javascript:alert(1))\n", title=hostile, tags=(hostile,)), site)
    for name in ("a-walk.html", "index.html"):
        text = (site.folders.public / name).read_text()
        assert "<script" not in text
        assert 'href="javascript' not in text
        assert "&lt;script&gt;" in text


def test_only_files_of_the_posts_are_copied(site: Site) -> None:
    """A link out of the folder copies nothing, wherever it leads."""
    publish(draft("[a](../site.toml) [b](nothing.png) ![c](lens.svg)"), site)
    names = {path.name for path in site.folders.public.iterdir()}
    assert names == {".lock", "a-walk.html", "feed.xml", "index.html", "lens.svg", "style.css"}
    assert not (site.folders.public.parent / "site.toml").exists()


def test_twenty_threads_lose_no_entry(site: Site) -> None:
    """Whoever is last, the index and the feed have them all."""
    posts = [draft(slug=f"post-{number}") for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda post: publish(post, site), posts))
    _assert_all_listed(site, 20)


def test_four_processes_lose_no_entry(site: Site) -> None:
    """The lock holds between processes too."""
    settings = site.folders.posts.parent / "site.toml"
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawned) as pool:
        list(pool.map(_publish_five, [settings] * 4, range(4)))
    _assert_all_listed(site, 20)


def _publish_five(settings: Path, part: int) -> None:
    site = read_site(settings)
    for number in range(5):
        publish(draft(slug=f"post-{part}-{number}"), site)


def _assert_all_listed(site: Site, count: int) -> None:
    entries = read_entries(site.folders.entries)
    assert len(entries) == count
    index = (site.folders.public / "index.html").read_text()
    feed = (site.folders.public / "feed.xml").read_text()
    for entry in entries:
        assert f'href="{entry.slug}.html"' in index
        assert f"<id>{site.page_url(entry.slug)}</id>" in feed


def test_a_date_with_a_zone_is_told_in_utc(site: Site) -> None:
    """Front matter may hold an instant."""
    post = draft()
    at = replace(post, front=replace(post.front, date="2025-06-30T20:00:00+02:00"))
    assert publish(at, site).published == "2025-06-30T18:00:00Z"
