"""The publish flow on a real engine and store: what each answer makes of a post (B150)."""

import json
import mailbox
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import feedparser  # type: ignore[import-untyped]  # it comes without types
import pytest

import flow as example
from everflow import Config, Engine, Registry, Run, Status
from everflow.clock import SystemClock
from everflow.core.registry import default_registry
from publishing.model import Brief, Outcome
from publishing.site import Site
from publishing.spelling import Speller

REGISTRY = Registry()
REGISTRY.add_flow("publish", example.publish, "flow")
default_registry().flows.pop("publish", None)  # no other test's engine is to need what it needs
YES = {"approved": True, "by": "Ines"}
NO = {"approved": False, "by": "Ines"}
NOTE = {"approved": False, "note": "Mend the spelling, please.", "by": "Ines"}


class LaterClock(SystemClock):
    """The machine's clocks, and some time more."""

    def __init__(self) -> None:
        self.more = 0

    def wall(self) -> int:
        return super().wall() + self.more

    def boot(self) -> int:
        return super().boot() + self.more


class Newsroom:
    """An engine on a store beside a copy of the site."""

    def __init__(self, engine: Engine, clock: LaterClock) -> None:
        self.engine = engine
        self.clock = clock

    def start(self, post: str) -> Run[Outcome]:
        return self.engine.start(example.publish, Brief(f"{post}.md"))

    def finish(self, run: Run[Outcome], *answers: dict[str, Any]) -> Outcome:
        """Give these answers, one a question, and let the deadline pass for any further one."""
        for answer in answers:
            assert run.wait(20) is Status.SUSPENDED
            assert self.engine.resume(run, answer, by="Ines") == "answered"
        if run.wait(20) is Status.SUSPENDED:
            self.clock.more += 3 * 86_400_000_000
        return run.result(20)


@pytest.fixture
def newsroom(site: Site, speller: Speller, tmp_path: Path) -> Iterator[Newsroom]:
    """Executes the flow with the copied site and a word list that is loaded once."""
    clock = LaterClock()
    with Engine(
        tmp_path / "everflow.db",
        registry=REGISTRY,
        provide={Site: lambda: site, Speller: lambda: speller},
        config=Config(poll_s=0.02),
        clock=clock,
    ) as engine:
        yield Newsroom(engine, clock)


def mails(site: Site, subject: str) -> list[str]:
    """Subjects of the mails that begin so."""
    box = mailbox.Maildir(site.folders.mail, create=False)
    return [mail["Subject"] for mail in box if mail["Subject"].startswith(subject)]


def entries(site: Site) -> list[str]:
    """What the feed leads to; it must be a valid one."""
    feed = feedparser.parse((site.folders.public / "feed.xml").read_bytes())
    assert not feed.bozo
    return [entry.link.rpartition("/")[2] for entry in feed.entries]


@pytest.mark.parametrize(
    ("post", "answers", "status"),
    [
        ("etags", [YES], "published"),
        ("etags", [NO], "declined"),
        ("etags", [], "published"),
        ("swifts", [YES], "published"),
        ("swifts", [NOTE, YES], "published"),
        ("swifts", [NOTE], "published"),
        ("swifts", [NOTE, NOTE, NO], "declined"),
        ("swifts", [], "declined"),
        ("tide-machine", [], "declined"),
        ("tide-machine", [NOTE], "published"),
    ],
)
def test_an_answer_or_none_decides(
    newsroom: Newsroom, site: Site, post: str, answers: list[dict[str, Any]], status: str
) -> None:
    """Approved, rejected with and without a note, and left to the deadline."""
    outcome = newsroom.finish(newsroom.start(post), *answers)
    assert (outcome.slug, outcome.status) == (post, status)
    if status == "published":
        assert entries(site) == [f"{post}.html"]
        (activity,) = site.folders.outbox.glob("*.json")
        assert json.loads(activity.read_text())["type"] == "Create"
        assert not mails(site, "Declined")
    else:
        assert not site.folders.outbox.exists()
        assert len(mails(site, "Declined")) == 1


def test_a_rejected_post_is_mended_and_asked_about_again(newsroom: Newsroom, site: Site) -> None:
    """The second question is about the second draft, which has no misspellings left."""
    run = newsroom.start("swifts")
    assert run.wait(20) is Status.SUSPENDED
    newsroom.engine.resume(run, NOTE)
    assert run.wait(20) is Status.SUSPENDED
    (question,) = newsroom.engine.questions(run)
    assert question.occurrence == 2
    assert len(mails(site, "To approve")) == 2
    assert (site.folders.drafts / "swifts.r2.md").exists()
    assert newsroom.finish(run, YES).status == "published"


def test_an_error_on_the_way_is_reported(newsroom: Newsroom, site: Site) -> None:
    """An approved post that can't be put online ends with a mail, not with a failed run."""
    site.folders.public.parent.mkdir(parents=True, exist_ok=True)
    site.folders.public.write_text("a file where the folder should be")
    run = newsroom.start("etags")
    assert run.wait(20) is Status.SUSPENDED
    newsroom.engine.resume(run, YES)
    for _ in range(200):
        if run.wait(0.1) is Status.DONE:
            break
        newsroom.clock.more += 60_000_000  # it waits for its next attempt, sooner or later
    assert run.result(20).status == "failed"
    assert len(mails(site, "In trouble")) == 1


def test_all_posts_at_once(newsroom: Newsroom, site: Site) -> None:
    """Six runs side by side leave one site, one feed, and one activity each."""
    posts = ("etags", "leap-seconds", "lighthouse", "swifts", "sourdough", "tide-machine")
    runs = [newsroom.start(post) for post in posts]
    for run in runs:
        assert run.wait(20) is Status.SUSPENDED
        newsroom.engine.resume(run, YES)
    assert {run.result(20).status for run in runs} == {"published"}
    assert sorted(entries(site)) == sorted(f"{post}.html" for post in posts)
    assert len(list(site.folders.outbox.glob("*.json"))) == len(posts)
