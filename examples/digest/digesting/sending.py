"""The mail, and the note of what was mailed.

Laws: the Message-ID comes from the idempotency key, so that a repeat is the same mail; what was
mailed is noted by entry, in one file for each digest, and a note is written whole or not at all.
"""

import hashlib
import json
import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from html import escape
from pathlib import Path

from digesting.feed import Entry, Feed
from digesting.settings import Settings

PATIENCE = 20.0
"""Seconds that the mail server may take for each answer."""


def render(feed: Feed, settings: Settings, *, at: datetime, key: str) -> EmailMessage:
    """The mail about a feed's entries, as text and as HTML."""
    count = len(feed.entries)
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    mail = EmailMessage()
    mail["Message-ID"] = f"<{name}@{parseaddr(settings.sender)[1].rpartition('@')[2]}>"
    mail["Date"] = format_datetime(at)
    mail["From"] = settings.sender
    mail["To"] = settings.sender  # the readers don't see each other: they are in the envelope
    mail["Subject"] = f"{feed.title}: {count} new {'post' if count == 1 else 'posts'}"
    mail.set_content("\n".join(_as_text(entry) for entry in feed.entries))
    body = "\n".join(_as_html(entry) for entry in feed.entries)
    mail.add_alternative(f"<h1>{escape(feed.title)}</h1>\n{body}\n", subtype="html")
    return mail


def _as_text(entry: Entry) -> str:
    return f"{entry.title}\n{entry.link}\n\n{entry.summary}\n"


def _as_html(entry: Entry) -> str:
    link, title = escape(entry.link, quote=True), escape(entry.title)
    return f'<h2><a href="{link}">{title}</a></h2>\n<p>{escape(entry.summary)}</p>'


def send(mail: EmailMessage, settings: Settings) -> str:
    """Hand the mail to the server, once for all readers; give its Message-ID.

    Raises OSError or smtplib.SMTPException.
    """
    server = settings.smtp
    to = [parseaddr(reader)[1] for reader in settings.readers]
    with smtplib.SMTP(server.host, server.port, timeout=PATIENCE) as smtp:
        if server.starttls:
            smtp.starttls(context=ssl.create_default_context())
        smtp.send_message(mail, to_addrs=to)
    return str(mail["Message-ID"])


def mailed(folder: Path) -> set[str]:
    """The ids of all entries that were mailed."""
    found: set[str] = set()
    for note in folder.glob("*.json"):
        found |= set(json.loads(note.read_text(encoding="utf-8")))
    return found


def note(folder: Path, entries: Sequence[Entry], *, key: str) -> None:
    """Note that these entries were mailed; a repeat writes the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    arriving = folder / f"{name}.new"
    arriving.write_text(json.dumps([entry.id for entry in entries]), encoding="utf-8")
    arriving.replace(folder / f"{name}.json")
