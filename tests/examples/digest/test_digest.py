"""The scheduled digest, from the feed that the publishing example writes to a real mail server."""

import email
import email.policy
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import feedparser  # type: ignore[import-untyped]  # it comes without types
import pytest
from aiosmtpd.controller import Controller

from digest import digest
from digesting import feed
from digesting.settings import Settings, Smtp, read_settings
from everflow import schedule
from everflow.testing.clock import JumpClock
from everflow.testing.harness import Harness, harness
from publishing.feed import atom
from publishing.model import Entry
from publishing.site import read_site

EXAMPLES = Path(__file__).parents[3] / "examples"
SITE = read_site(EXAMPLES / "publish" / "site.toml")
BEGIN = datetime(2026, 3, 27, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Box:
    """What the mail server takes; it can refuse."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.readers: list[list[str]] = []
        self.refusing = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refusing:
            self.refusing -= 1
            return "451 later, please"
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.readers.append(list(envelope.rcpt_tos))
        return "250 taken"


@pytest.fixture
def box() -> Iterator[tuple[Box, Smtp]]:
    """A real mail server on a port of its own."""
    taken = Box()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Controller(taken, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield taken, Smtp("127.0.0.1", port)
    finally:
        server.stop()


def publish(folder: Path, *slugs: str) -> None:
    """The feed with these posts, as the publishing example writes it."""
    entries = [
        Entry(
            slug=slug,
            title=f"On {slug} & more",
            author="Mara Lindqvist",
            description=f"All about {slug}.",
            tags=(),
            minutes=1,
            html="<p>text</p>",
            published="2026-03-01T00:00:00Z",
            updated="2026-03-01T00:00:00Z",
            digest=slug,
            first_key=slug,
        )
        for slug in slugs
    ]
    (folder / "feed.xml").write_bytes(atom(SITE, entries))


def body(mail: EmailMessage, kind: str) -> str:
    """One of the two forms of a mail."""
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


@pytest.fixture
def h(tmp_path: Path, box: tuple[Box, Smtp]) -> Iterator[Harness[Any, Any]]:
    """A worker with the schedule, at noon."""
    known = read_settings(EXAMPLES / "digest" / "digest.toml")
    settings = replace(known, sent=tmp_path / "sent", smtp=box[1])
    clock = JumpClock(round(BEGIN.timestamp()) * 1_000_000)
    publish(tmp_path, "tides", "swifts")
    with harness(digest, provide={Settings: lambda: settings}, clock=clock) as made:
        place = str(tmp_path / "feed.xml")
        daily = schedule("digest", "0 7 * * *", digest, place, instant=True, overlap="queue")
        made.schedules.add(daily)
        yield made


def test_what_is_new_is_mailed_once(
    h: Harness[Any, Any], box: tuple[Box, Smtp], tmp_path: Path
) -> None:
    """B151: the schedule fires, one mail comes; nothing new is no mail; then only what is new."""
    taken, _ = box
    h.jump(DAY)
    assert [mail["Subject"] for mail in taken.mails] == ["Low Tide Notes: 2 new posts"]
    assert taken.readers == [["ada@example.org", "ben@example.org"]]
    h.jump(DAY)
    assert len(taken.mails) == 1
    publish(tmp_path, "lens", "tides", "swifts")
    h.jump(DAY)
    assert taken.mails[1]["Subject"] == "Low Tide Notes: 1 new post"
    assert "On lens & more" in body(taken.mails[1], "plain")
    assert "swifts" not in taken.mails[1].as_string()
    assert [run.result() for run in h.runs()] == ["2 new", "nothing new", "1 new"]


def test_a_mail_has_text_and_html_with_links(h: Harness[Any, Any], box: tuple[Box, Smtp]) -> None:
    """Whatever is in a title is text; the links are those of the feed."""
    h.jump(DAY)
    html = body(box[0].mails[0], "html")
    assert '<a href="https://notes.example.org/tides.html">On tides &amp; more</a>' in html


def test_a_server_that_refuses_gets_the_same_mail_later(
    h: Harness[Any, Any], box: tuple[Box, Smtp]
) -> None:
    """The node is tried again by durable timers, over a crash of the worker too."""
    box[0].refusing = 2
    h.jump(hours=19)
    assert box[0].mails == []
    h.crash()
    h.jump(minutes=5)
    h.jump(minutes=5)
    assert len(box[0].mails) == 1
    h.jump(DAY)
    assert len(box[0].mails) == 1


def test_days_without_a_worker_are_one_digest(
    h: Harness[Any, Any], box: tuple[Box, Smtp], tmp_path: Path
) -> None:
    """Missed mornings are caught up with once."""
    h.clock.jump(3 * DAY)
    h.restart()
    assert [mail["Subject"] for mail in box[0].mails] == ["Low Tide Notes: 2 new posts"]
    assert len(list((tmp_path / "sent").iterdir())) == 1


def test_the_feed_is_read_as_others_read_it(tmp_path: Path) -> None:
    """The entries are those that feedparser finds."""
    publish(tmp_path, "tides", "swifts")
    xml = feed.fetch("feed.xml", tmp_path)
    ours, theirs = feed.parse(xml), feedparser.parse(xml)
    assert ours.title == theirs.feed.title
    assert [(entry.id, entry.link, entry.title, entry.summary) for entry in ours.entries] == [
        (entry.id, entry.link, entry.title, entry.summary) for entry in theirs.entries
    ]
