"""Publishers killed in the middle: readers see whole files, and a repeat mends all."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import feedparser  # type: ignore[import-untyped]  # it comes without types
import pytest

from publishing.pages import put_online, read_entries
from publishing.site import Site, read_site
from tests.examples.publish.drafts import NOON, draft, publish

POSTS = [draft(slug=f"post-{number}") for number in range(4)]


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_killed_publisher_leaves_whole_files_and_a_repeat_mends_all(
    site: Site, steps: int
) -> None:
    """SIGKILL before the page, or before index and feed, of any post loses and breaks nothing."""
    _kill_after(steps, site.folders.posts.parent / "site.toml")
    public = site.folders.public
    for page in public.glob("[!.]*.html"):
        assert page.read_text().endswith("</html>\n")
    if (public / "feed.xml").exists():
        assert not feedparser.parse((public / "feed.xml").read_bytes()).bozo
    for post in POSTS:
        publish(post, site, key=post.slug)
    assert len(read_entries(site.folders.entries)) == len(POSTS)
    assert len(feedparser.parse((public / "feed.xml").read_bytes()).entries) == len(POSTS)
    assert not list(public.glob(".*.part"))


def _kill_after(steps: int, settings: Path) -> None:
    spawned = multiprocessing.get_context("spawn")
    here, there = spawned.Pipe()
    publisher = spawned.Process(target=_publish_and_report, args=(there, settings))
    publisher.start()
    for step in range(steps):
        here.recv()
        if step < steps - 1:
            here.send("go on")
    publisher.kill()
    publisher.join()
    assert publisher.exitcode == -9


def _publish_and_report(report: Connection, settings: Path) -> None:
    site = read_site(settings)

    def progress(_fraction: float, message: str) -> None:
        report.send(message)
        report.recv()

    for post in POSTS:
        put_online(post, site, key=post.slug, now=NOON, progress=progress)
