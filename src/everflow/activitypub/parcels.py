"""Parcels: one activity for one inbox, and the runs that carry them. Pure.

Laws: the id of a delivery follows from its activity and where it goes, so that it is started once,
whoever starts it and however often. What a run is given are names and ids; the text is read from
where it was published, and keys from where they lie.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from everflow.core.definition import Definition
from everflow.core.entries import Entry, Kind, row_of
from everflow.core.types import Types
from everflow.core.values import encode
from everflow.engine.given.ids import new_run_id
from everflow.store import NewRun

__all__ = ["DELIVER", "QUEUE", "SPREAD", "Page", "Parcel", "Plans", "delivery_run", "spread_run"]

DELIVER, SPREAD = "activitypub-deliver", "activitypub-spread"  # the names of the flows
QUEUE = "deliveries"
_PLAIN = Types()


@dataclass(frozen=True)
class Plans:
    """The definitions of the flows: of one delivery, and of all to an actor's followers."""

    deliver: Definition
    spread: Definition


class Parcel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An activity (its id) of an actor here (its name), for an inbox or an actor (``to``).

    Without an inbox it is the actor's; without an actor the inbox is one that many share.
    """

    actor: str
    activity: str
    inbox: str = ""
    to: str = ""

    @property
    def host(self) -> str:
        """Whose server it is for."""
        return urlsplit(self.inbox or self.to).netloc.lower()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """How far an activity is on its way to an actor's followers: all up to ``after``.

    ``at`` is when it was said, in microseconds since the epoch.
    """

    actor: str
    activity: str
    at: int
    after: str = ""
    done: bool = False


def delivery_run(
    plans: Plans, parcel: Parcel, *, said: int, now: int, for_all: bool = False
) -> NewRun:
    """The run of one delivery of what was ``said`` then.

    It waits in a lane of its host. What goes to all followers has another than what is meant for
    one, so that an answer isn't behind a flood, or behind what a server can't take.
    """
    seed = f"{parcel.activity}\0{parcel.inbox or parcel.to}"
    digest = hashlib.sha256(seed.encode()).digest()
    run = new_run_id(said, lambda size: digest[:size])
    new = _begun(run, DELIVER, plans.deliver, parcel, now)
    new.labels = {"actor": parcel.actor, "host": parcel.host}
    new.key = f"deliver:{digest.hex()}"
    new.queue, new.lane = QUEUE, f"{parcel.host} {'all' if for_all else 'one'}"
    return new


def spread_run(plans: Plans, page: Page, *, now: int) -> NewRun:
    """The run that starts the deliveries to all followers."""
    digest = hashlib.sha256(page.activity.encode()).digest()
    run = new_run_id(page.at, lambda size: digest[:size])
    new = _begun(run, SPREAD, plans.spread, page, now)
    new.labels = {"actor": page.actor}
    new.key = f"spread:{page.activity}"
    return new


def _begun(run: str, flow: str, plan: Definition, value: msgspec.Struct, now: int) -> NewRun:
    plain: Any = msgspec.to_builtins(value)
    entry = Entry(0, now, Kind.START, "", encode(plain, _PLAIN), plan.hash, note=run)
    _, _, body, checksum = row_of(0, entry)
    return NewRun(id=run, flow=flow, definition=plan.hash, body=body, sum=checksum, at=now)
