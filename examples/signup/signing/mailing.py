"""Mails over SMTP. The Message-ID comes from the idempotency key: a repeat is the same mail."""

import hashlib
import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from signing.pages import text

PATIENCE = 20.0  # seconds that the server may take for each answer


@dataclass(frozen=True)
class Post:
    """A mail server, and the address under which people reach this site."""

    host: str
    port: int
    site: str  # such as https://example.org
    sender: str = "Sign-up <signup@example.org>"

    def send(self, to: str, subject: str, name: str, key: str, guest: Any, token: str = "") -> None:
        """Send the mail of that template. Raises OSError or smtplib.SMTPException."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, to, subject
        mail["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@example.org>"
        mail.set_content(text(name, guest=guest, link=f"{self.site}/confirm/{token}"))
        with smtplib.SMTP(self.host, self.port, timeout=PATIENCE) as smtp:
            smtp.send_message(mail)
