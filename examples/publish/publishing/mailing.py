"""Mails to the editor and to authors, over SMTP, or into a Maildir where no server is set.

Laws: the Message-ID comes from the idempotency key, so a repeat is the same mail: the Maildir holds
it once, and mail readers fold what SMTP may bring twice; a mail that isn't taken by the server
raises, it is never dropped.
"""

import hashlib
import mailbox
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from publishing.files import locked, replace_file
from publishing.model import Decision, Draft, Prompt
from publishing.site import Site, Smtp

PATIENCE = 20.0
"""Seconds that the server may take for each answer."""


def invitation(prompt: Prompt, site: Site, *, token: str, deadline: str) -> EmailMessage:
    """The mail that asks the editor: findings, the beginning of the text, how to answer."""
    state = "ready" if prompt.clean else "not ready"
    lines = [
        f"{prompt.title!r}, draft {prompt.revision}, {prompt.minutes} minutes to read: {state}.",
        "",
    ]
    for name, items in (("Findings", prompt.findings), ("Spelling", prompt.misspellings)):
        lines += [f"{name}:", *(f"  {item}" for item in items), ""] if items else []
    lines += [prompt.preview, "", "Answer with one of", ""]
    for answer in (
        '{"approved": true}',
        '{"approved": false, "note": "what to change"}',
        '{"approved": false}',
    ):
        lines.append(f"  everflow answer {token} '{answer}'")
    lines += [
        "",
        f"Without an answer by {deadline}, a ready draft is published and another one is declined.",
    ]
    return _mail(
        site, site.approval.editor, f"To approve: {prompt.title} (draft {prompt.revision})", lines
    )


def declined(draft: Draft, site: Site) -> EmailMessage:
    """The mail that tells an author of a refusal, and whose and why it was."""
    decision = draft.decision or Decision(approved=False)
    lines = [
        f"{draft.front.title or draft.slug!r} wasn't published.",
        "",
        f"Decided by: {decision.by or 'the editor'}",
        f"Note: {decision.note.strip() or 'none'}",
        f"Drafts: {draft.revision}",
    ]
    return _mail(
        site,
        site.mail_of(draft.front.author),
        f"Declined: {draft.front.title or draft.slug}",
        lines,
    )


def trouble(draft: Draft, site: Site, *, error: str) -> EmailMessage:
    """The mail that tells an author of an error while an approved post was put online."""
    title = draft.front.title or draft.slug
    lines = [
        f"{title!r} was approved, and something went wrong on its way to the readers:",
        "",
        f"  {error}",
        "",
        "The editor has this mail too.",
    ]
    mail = _mail(site, site.mail_of(draft.front.author), f"In trouble: {title}", lines)
    mail["Cc"] = site.approval.editor
    return mail


def deliver(mail: EmailMessage, site: Site, *, key: str, now: datetime) -> str:
    """Send the mail, or file it where no server is set, and give its Message-ID.

    Raises OSError or smtplib.SMTPException.
    """
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{name}@{site.host}>"
    mail["Date"] = format_datetime(now)
    if site.smtp is None:
        _file(mail, site.folders.mail, name)
    else:
        _send(mail, site.smtp)
    return str(mail["Message-ID"])


def _mail(site: Site, to: str, subject: str, lines: list[str]) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = site.sender
    mail["To"] = to
    mail["Subject"] = " ".join(subject.split())
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _send(mail: EmailMessage, server: Smtp) -> None:
    with smtplib.SMTP(server.host, server.port, timeout=PATIENCE) as smtp:
        if server.starttls:
            smtp.starttls(context=ssl.create_default_context())
        smtp.send_message(mail)


def _file(mail: EmailMessage, folder: Path, name: str) -> None:
    """Deliver under a name that a repeat finds, read or unread (cr.yp.to/proto/maildir.html)."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent):
        box = mailbox.Maildir(folder, create=True)
        if name in box:
            return
        arriving = Path(folder, "tmp", name)
        replace_file(arriving, mail.as_bytes())
        arriving.replace(Path(folder, "new", name))
