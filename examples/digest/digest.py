"""A digest mail each morning: what is new in a feed since the digest before, if anything is.

    everflow worker digest.py
    everflow schedule trigger digest

Laws: what a digest is about is decided once, by `collect`, and recorded; a digest that was mailed
is noted before the next one looks, since runs of the schedule go one after the other.
"""

from datetime import UTC, datetime
from pathlib import Path

from digesting import feed, sending
from digesting.feed import Feed
from digesting.settings import Settings, read_settings
from everflow import NodeRun, Scheduled, branch, exponential, flow, need, node, schedule

HERE = Path(__file__).resolve().parent
PATIENT = exponential(2.0, ceiling=3600.0)
"""Twenty attempts outlast a server that is away for half a day."""


def load_settings() -> Settings:
    """The settings, read anew by each worker."""
    return read_settings(HERE / "digest.toml")


provide = {Settings: load_settings}


@node(retry=20, backoff=PATIENT)
def collect(due: Scheduled[str], *, settings: Settings = need(Settings)) -> Feed:
    """The feed, with those entries that no digest had."""
    found = feed.parse(feed.fetch(due.value, HERE))
    known = sending.mailed(settings.sent)
    return Feed(found.title, [entry for entry in found.entries if entry.id not in known])


@node(pure=True)
def any_news(news: Feed) -> bool:
    """Whether there is anything to tell."""
    return bool(news.entries)


@node(retry=20, backoff=PATIENT)
def mail(news: Feed, run: NodeRun, *, settings: Settings = need(Settings)) -> Feed:
    """Mail them to all readers."""
    made = sending.render(news, settings, at=datetime.now(UTC), key=run.idempotency_key)
    sending.send(made, settings)
    return news


@node(retry=3)
def remember(news: Feed, run: NodeRun, *, settings: Settings = need(Settings)) -> str:
    """Note that they were mailed."""
    sending.note(settings.sent, news.entries, key=run.idempotency_key)
    return f"{len(news.entries)} new"


@node(pure=True)
def rest(news: Feed) -> str:
    """Nothing is new, so that nobody gets a mail."""
    return "nothing new"


digest = flow("digest", collect >> branch(any_news, mail >> remember, rest))

schedules = [
    schedule(
        "digest",
        "0 7 * * *",
        digest,
        "../publish/work/public/feed.xml",
        zone="Europe/Berlin",
        instant=True,
        overlap="queue",
        limit=1,
    )
]
