"""What other servers publish, looked at: an article that arrives starts a `second_look`.

    everflow serve flow.py readers.py
    everflow trigger audit

Laws: as in `flow.py`. An activity reaches the trigger only after its signature was verified.
"""

from typing import Any

from everflow import flow, it, need, node
from everflow.triggers import trigger
from flow import Run
from publishing import ledger, opinions
from publishing.model import Arrival, Opinion
from publishing.site import Site
from publishing.spelling import Speller


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


second_look = flow("second_look", take >> look >> note_down)

triggers = [
    trigger(
        "on-article",
        second_look,
        type="Create",
        guard=it["object"]["type"] == "Article",
    )
]
