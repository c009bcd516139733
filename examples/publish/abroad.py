"""The site among other servers: its posts go to followers, and what others publish is looked at.

    everflow actor create editors --address https://notes.example.org
    everflow serve flow.py abroad.py
    everflow start publish_abroad '{"post": "swifts.md"}'

Laws: as in `flow.py`. An article that arrives starts a run of `second_look`; it reaches the trigger
only after its signature was verified.
"""

from dataclasses import replace
from typing import Any

from everflow import exponential, flow, it, need, node
from everflow.activitypub import Outbox
from everflow.triggers import trigger
from flow import Run, pipeline
from publishing import federating, ledger, opinions
from publishing.model import Arrival, Opinion, Outcome, Published
from publishing.site import Site
from publishing.spelling import Speller


@node(retry=3, backoff=exponential(1.0))
def announce(
    post: Published, run: Run, *, site: Site = need(Site), outbox: Outbox = need(Outbox)
) -> Outcome:
    """Tell the followers of the site's actor: of a post once, and then of what changed in it."""
    ledger.note(site.folders.ledger, "announce", run)
    outcome = federating.federate(post, site, key=run.idempotency_key)
    article = federating.article(post, site)
    said = outbox.publish(site.handle, article, key=post.slug)
    if post.verb == "Update":
        said = outbox.update(site.handle, said, article, key=run.idempotency_key)
    return replace(outcome, activity=said)


@node
def take(activity: dict[str, Any], run: Run, *, site: Site = need(Site)) -> Arrival:
    """Read the article out of the activity."""
    ledger.note(site.folders.ledger, "take", run)
    return opinions.take(activity)


@node
def look(
    arrival: Arrival, run: Run, *, site: Site = need(Site), speller: Speller = need(Speller)
) -> Opinion:
    """Look up its words, and see how long it takes."""
    ledger.note(site.folders.ledger, "look", run)
    return opinions.look(arrival, speller)


@node
def note_down(opinion: Opinion, run: Run, *, site: Site = need(Site)) -> Opinion:
    """Keep what is to be said of it."""
    ledger.note(site.folders.ledger, "note_down", run)
    return opinions.note_down(opinion, site)


publish_abroad = flow("publish_abroad", pipeline(announce))

second_look = flow("second_look", take >> look >> note_down)

triggers = [
    trigger(
        "on-article",
        second_look,
        type="Create",
        guard=it["object"]["type"] == "Article",
    )
]
