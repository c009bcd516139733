"""Small posts to begin tests from."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from publishing.model import Draft, FrontMatter, Published
from publishing.pages import put_online
from publishing.site import Site

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)

FRONT = FrontMatter(
    title="A walk on the dike",
    date="2025-06-30",
    author="Mara Lindqvist",
    tags=("sea", "walks"),
    description="Two hours along the sea, with the wind from behind on the way there.",
)


def draft(text: str = "The wind was kind.\n", *, slug: str = "a-walk", **front: Any) -> Draft:
    """A draft with a whole front matter, but for what is given."""
    return Draft(slug, replace(FRONT, **front), text)


def publish(
    post: Draft, site: Site, *, key: str = "run/put_online", now: datetime = NOON
) -> Published:
    """Put a draft online, with nobody watching the progress."""
    return put_online(post, site, key=key, now=now, progress=lambda _fraction, _message: None)
