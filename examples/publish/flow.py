"""A post's way to the readers: written, checked, approved by a person, put online, told to others.

    everflow run flow.py:publish '{"post": "swifts.md"}'
    everflow answer TOKEN '{"approved": false, "note": "Mend the spelling, please."}'

Laws: a node is a few lines, what it does is in `publishing/` and knows nothing of Everflow; every
effect may be repeated and leaves the same; each node that begins leaves a line in the ledger.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from everflow import (
    Caught,
    Flow,
    Node,
    Question,
    ask,
    branch,
    choose,
    exponential,
    flow,
    gather,
    identity,
    it,
    loop,
    need,
    node,
    try_catch,
)
from publishing import approval, drafting, federating, ledger, mailing, pages, reviewing, spelling
from publishing.model import (
    Brief,
    Checked,
    Decision,
    Draft,
    Outcome,
    Prompt,
    Published,
    Review,
    Spelling,
)
from publishing.site import Site, read_site
from publishing.spelling import Speller

HERE = Path(__file__).resolve().parent
SETTINGS = read_site(HERE / "site.toml")
PATIENT = exponential(2.0, ceiling=3600.0)
"""For mails: twenty attempts outlast a mail server that is away for half a day."""


class Run(ledger.Attempt, Protocol):
    """What the nodes use of their run."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far the node is, 0 to 1."""


def load_site() -> Site:
    """The settings, read anew by each worker."""
    return read_site(HERE / "site.toml")


def load_speller() -> Speller:
    """The word lists, read once by each worker."""
    return Speller(spelling.own_words(load_site().folders.dictionary))


provide = {Site: load_site, Speller: load_speller}


@node
def write(brief: Brief, run: Run, *, site: Site = need(Site)) -> Draft:
    """Read the post."""
    ledger.note(site.folders.ledger, "write", run)
    return drafting.write(brief, site)


@node
def review(draft: Draft, run: Run, *, site: Site = need(Site)) -> Review:
    """Check head, links, headings and length."""
    ledger.note(site.folders.ledger, "review", run)
    return reviewing.review(draft, site)


@node
def spell_check(
    draft: Draft, run: Run, *, site: Site = need(Site), speller: Speller = need(Speller)
) -> Spelling:
    """Look up every word."""
    ledger.note(site.folders.ledger, "spell_check", run)
    return spelling.spell_check(draft, speller)


@node
def preview(checked: Checked, run: Run, *, site: Site = need(Site)) -> Prompt:
    """What the editor is shown."""
    ledger.note(site.folders.ledger, "preview", run)
    return approval.preview(checked)


@node(retry=20, backoff=PATIENT)
def invite(question: Question[Checked], run: Run, *, site: Site = need(Site)) -> str:
    """Mail the question to the editor."""
    ledger.note(site.folders.ledger, "invite", run)
    prompt = approval.preview(question.value)
    deadline = question.deadline.isoformat(" ", "minutes") if question.deadline else "some day"
    mail = mailing.invitation(prompt, site, token=question.token, deadline=deadline)
    return mailing.deliver(mail, site, key=run.idempotency_key, now=datetime.now(UTC))


@node(pure=True)
def rule(
    answered: tuple[Checked, Decision], run: Run, *, site: Site = need(Site)
) -> approval.Ruling:
    """Which way the answer, or the lack of one, sends the draft."""
    ledger.note(site.folders.ledger, "rule", run)
    return approval.rule(*answered)


@node(pure=True)
def accept(answered: tuple[Checked, Decision], run: Run, *, site: Site = need(Site)) -> Draft:
    """Approve the draft."""
    ledger.note(site.folders.ledger, "accept", run)
    return approval.settled(*answered, approved=True)


@node(pure=True)
def decline(answered: tuple[Checked, Decision], run: Run, *, site: Site = need(Site)) -> Draft:
    """Decline the draft for good."""
    ledger.note(site.folders.ledger, "decline", run)
    return approval.settled(*answered, approved=False)


@node
def redraft(answered: tuple[Checked, Decision], run: Run, *, site: Site = need(Site)) -> Draft:
    """Make the next draft, as the note asks."""
    ledger.note(site.folders.ledger, "redraft", run)
    return drafting.redraft(*answered, site)


@node(retry=3, backoff=exponential(1.0))
def put_online(draft: Draft, run: Run, *, site: Site = need(Site)) -> Published:
    """Write the page, the index and the feed."""
    ledger.note(site.folders.ledger, "put_online", run)
    return pages.put_online(
        draft, site, key=run.idempotency_key, now=datetime.now(UTC), progress=run.progress
    )


@node(retry=3, backoff=exponential(1.0))
def federate(post: Published, run: Run, *, site: Site = need(Site)) -> Outcome:
    """Tell other servers."""
    ledger.note(site.folders.ledger, "federate", run)
    return federating.federate(post, site, key=run.idempotency_key)


@node(retry=20, backoff=PATIENT)
def notify_author(draft: Draft, run: Run, *, site: Site = need(Site)) -> Outcome:
    """Tell the author that the post was declined."""
    ledger.note(site.folders.ledger, "notify_author", run)
    mail = mailing.declined(draft, site)
    sent = mailing.deliver(mail, site, key=run.idempotency_key, now=datetime.now(UTC))
    return Outcome(draft.slug, "declined", message_id=sent)


@node(retry=20, backoff=PATIENT)
def report_trouble(caught: Caught[Draft], run: Run, *, site: Site = need(Site)) -> Outcome:
    """Tell author and editor that an approved post couldn't be put online."""
    ledger.note(site.folders.ledger, "report_trouble", run)
    error = f"{caught.error.type}: {caught.error.message}"
    mail = mailing.trouble(caught.value, site, error=error)
    sent = mailing.deliver(mail, site, key=run.idempotency_key, now=datetime.now(UTC))
    return Outcome(caught.value.slug, "failed", message_id=sent)


check = gather(Checked, draft=identity, review=review, spelling=spell_check).named("check")

approve = ask(
    "approval",
    Decision,
    show=preview,
    notify=invite,
    within=SETTINGS.approval.deadline,
    default=approval.DEADLINE,
).named("approval")

decide = choose(rule, {"approve": accept, "redraft": redraft, "decline": decline}).named("decide")


def pipeline(tell: Node[Published, Outcome]) -> Flow[Brief, Outcome]:
    """The whole way; ``tell`` is how other servers hear of what is online."""
    return (
        write
        >> loop(check >> approve >> decide, until=it["status"] != "open").named("editing")
        >> branch(
            it["status"] == "approved",
            try_catch(put_online >> tell, report_trouble),
            notify_author,
        )
    )


publish = flow("publish", pipeline(federate))
