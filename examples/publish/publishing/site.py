"""The site's settings: one frozen value, read from `site.toml` and passed down.

Laws: nothing else reads settings; paths are absolute after reading; a setting that isn't understood
is refused by name.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec


class SettingsError(ValueError):
    """The settings file is at fault; the message says where in it and what was expected."""


@dataclass(frozen=True)
class Folders:
    """Where things are. `ledger` is a file with a line for each node that began, or None."""

    posts: Path
    templates: Path
    dictionary: Path
    public: Path
    entries: Path
    drafts: Path
    outbox: Path
    mail: Path
    opinions: Path
    ledger: Path | None = None


@dataclass(frozen=True)
class Smtp:
    """A mail server to hand mails to. Without one they go into the Maildir."""

    host: str
    port: int = 25
    starttls: bool = False


@dataclass(frozen=True)
class Approval:
    """Who is asked, and for how long (ISO 8601 in the file: `P2D`, `PT30S`)."""

    editor: str
    deadline: timedelta

    def __post_init__(self) -> None:
        """Check that there is time to answer and somebody to write to."""
        _require(self.deadline > timedelta(0), "approval.deadline must be longer than nothing")
        _require("@" in parseaddr(self.editor)[1], "approval.editor must be a mail address")


@dataclass(frozen=True)
class Length:
    """How many words a post should have."""

    shortest: int = 200
    longest: int = 1200


@dataclass(frozen=True)
class Site:
    """A content site: its name and address, its people, its folders and its rules."""

    title: str
    base_url: str
    actor: str
    sender: str
    folders: Folders
    approval: Approval
    authors: dict[str, str]
    language: str = "en"
    length: Length = Length()
    smtp: Smtp | None = None

    def __post_init__(self) -> None:
        """Check the addresses that end up in pages, feeds and activities."""
        for name, url in (("base_url", self.base_url), ("actor", self.actor)):
            parts = urlsplit(url)
            absolute = parts.scheme in {"http", "https"} and bool(parts.hostname)
            _require(absolute, f"{name} must be an absolute web address, not {url!r}")
        _require(not self.base_url.endswith("/"), "base_url must not end with a slash")
        _require("@" in parseaddr(self.sender)[1], "sender must be a mail address")

    @property
    def host(self) -> str:
        """The host name of the site, for message ids."""
        return urlsplit(self.base_url).hostname or "localhost"

    @property
    def handle(self) -> str:
        """The name of the site's actor: the end of its id."""
        return self.actor.rpartition("/")[2]

    def page_url(self, slug: str) -> str:
        """Where the page of a post is."""
        return f"{self.base_url}/{slug}.html"

    def mail_of(self, author: str) -> str:
        """The author's address; the editor's for an author that the site doesn't know."""
        return self.authors.get(author, self.approval.editor)


def read_site(path: Path) -> Site:
    """Read the settings; relative paths are from the file's folder. Raises SettingsError."""
    here = path.resolve().parent

    def convert(kind: type, value: object) -> object:
        if kind is Path and isinstance(value, str):
            return here / value
        raise SettingsError(f"{value!r} cannot be a {kind.__name__}")

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        _refuse_unknown(Site, data, "")
        return msgspec.convert(data, Site, dec_hook=convert)
    except (ValueError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path.name}: {error}") from error


def _refuse_unknown(kind: type, data: Mapping[str, Any], at: str) -> None:
    known = [field.name for field in fields(kind)]
    for key, value in data.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"unknown setting {at}{key!r}{hint}")
        inner = _TABLES.get(key)
        if inner is not None and isinstance(value, dict):
            _refuse_unknown(inner, value, f"{key}.")


_TABLES: dict[str, type] = {
    "folders": Folders,
    "approval": Approval,
    "length": Length,
    "smtp": Smtp,
}


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise SettingsError(sentence)
