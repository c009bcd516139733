"""Mails: over a real SMTP server, or into a Maildir; the same mail on every repeat."""

import mailbox
import smtplib
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.message import Message as AnyMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, Envelope, Session

from publishing.approval import preview
from publishing.mailing import declined, deliver, invitation, trouble
from publishing.model import Checked, Decision, Finding, Misspelling, Review, Spelling
from publishing.site import Site, Smtp
from tests.examples.publish.drafts import NOON, draft

REFUSED = replace(draft(), status="declined", decision=Decision(approved=False, note="Not now."))
KEY = "run/notify_author"


class Received(Message):
    """A mail server's inbox; it refuses mails to nobody@."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802 - the server finds its hooks by these names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message: AnyMessage) -> None:
        self.mails.append(message_from_bytes(message.as_bytes(), policy=policy.default))


@pytest.fixture
def inbox() -> Received:
    """What the server got."""
    return Received()


@pytest.fixture
def posted(site: Site, inbox: Received) -> Iterator[Site]:
    """The site with a mail server that is really there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield replace(site, smtp=Smtp("127.0.0.1", port))
    finally:
        server.stop()


def maildir(site: Site) -> list[EmailMessage]:
    """What was filed, oldest first."""
    box = mailbox.Maildir(site.folders.mail, create=False)
    return [message_from_bytes(box.get_bytes(key), policy=policy.default) for key in box.iterkeys()]


def test_a_mail_goes_over_smtp(posted: Site, inbox: Received) -> None:
    """A real server gets it, with addresses, subject, text and a Message-ID from the key."""
    sent = deliver(declined(REFUSED, posted), posted, key=KEY, now=NOON)
    (mail,) = inbox.mails
    assert mail["To"] == "mara@notes.example.org"
    assert mail["From"] == "Low Tide Notes <robot@notes.example.org>"
    assert mail["Subject"] == "Declined: A walk on the dike"
    assert mail["Message-ID"] == sent
    assert mail["Date"] == "Tue, 01 Jul 2025 12:00:00 +0000"
    assert "Note: Not now." in mail.get_content()
    assert not posted.folders.mail.exists()


def test_a_repeat_is_the_same_mail(posted: Site, inbox: Received) -> None:
    """SMTP may bring it twice: the Message-ID is the same, so that readers fold it."""
    later = NOON + timedelta(hours=1)
    deliver(declined(REFUSED, posted), posted, key=KEY, now=NOON)
    deliver(declined(REFUSED, posted), posted, key=KEY, now=later)
    deliver(declined(REFUSED, posted), posted, key="other/notify_author", now=later)
    ids = [mail["Message-ID"] for mail in inbox.mails]
    assert ids[0] == ids[1] != ids[2]


def test_a_refused_mail_raises(posted: Site, inbox: Received) -> None:
    """Nothing is dropped in silence: the node fails and is retried."""
    unknown = replace(posted, authors={"Mara Lindqvist": "nobody@notes.example.org"})
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(declined(REFUSED, unknown), unknown, key=KEY, now=NOON)
    assert inbox.mails == []


def test_a_server_that_is_away_raises(site: Site) -> None:
    """So does a connection that nobody takes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    away = replace(site, smtp=Smtp("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        deliver(declined(REFUSED, away), away, key=KEY, now=NOON)


def test_a_server_without_encryption_is_refused_where_it_is_asked_for(posted: Site) -> None:
    """With starttls set no mail goes out in the clear."""
    assert posted.smtp is not None
    strict = replace(posted, smtp=replace(posted.smtp, starttls=True))
    with pytest.raises(smtplib.SMTPNotSupportedError):
        deliver(declined(REFUSED, strict), strict, key=KEY, now=NOON)


def test_without_a_server_mails_are_filed_once(site: Site) -> None:
    """A repeat finds the mail in the Maildir, read or unread."""
    for _ in range(2):
        deliver(declined(REFUSED, site), site, key=KEY, now=NOON)
    (mail,) = maildir(site)
    assert mail["Subject"] == "Declined: A walk on the dike"
    box = mailbox.Maildir(site.folders.mail)
    key, message = box.popitem()
    message.set_subdir("cur")
    message.add_flag("S")
    box.add(message)
    box.close()
    seen = next(path for path in (site.folders.mail / "cur").iterdir())
    seen.rename(seen.with_name(f"{key}:2,S"))
    deliver(declined(REFUSED, site), site, key=KEY, now=NOON)
    assert len(maildir(site)) == 1


def test_the_editor_is_asked_with_all_that_is_needed(site: Site) -> None:
    """Findings, spelling, preview, deadline, and the token in a command for each answer."""
    checked = Checked(
        draft("Teh wind.\n"),
        Review((Finding("link.target", "must", "'x' leads nowhere", 3),), 2, 1),
        Spelling((Misspelling("Teh", 1, "The"),), 2),
    )
    mail = invitation(preview(checked), site, token="TOKEN", deadline="2025-07-03 12:00+00:00")
    text = mail.get_content()
    assert mail["To"] == "Ines Aalto <ines@notes.example.org>"
    assert "not ready" in text
    assert "line 3: must: 'x' leads nowhere" in text
    assert "line 1: Teh (The?)" in text
    assert """everflow answer TOKEN '{"approved": true}'""" in text
    assert "2025-07-03 12:00+00:00" in text


def test_trouble_is_told_to_author_and_editor(site: Site) -> None:
    """Both learn what went wrong; an author that the site doesn't know is the editor."""
    mail = trouble(REFUSED, site, error="OSError: no space left")
    assert (mail["To"], mail["Cc"]) == (
        "mara@notes.example.org",
        "Ines Aalto <ines@notes.example.org>",
    )
    assert "OSError: no space left" in mail.get_content()
    unknown = replace(REFUSED, front=replace(REFUSED.front, author="Nobody"))
    assert declined(unknown, site)["To"] == "Ines Aalto <ines@notes.example.org>"


def test_a_title_cannot_add_headers(site: Site) -> None:
    """Line breaks in a title stay in the subject, as spaces."""
    sly = replace(REFUSED, front=replace(REFUSED.front, title="Hello\r\nBcc: all@example.org"))
    mail = declined(sly, site)
    assert mail["Subject"] == "Declined: Hello Bcc: all@example.org"
    assert mail["Bcc"] is None
