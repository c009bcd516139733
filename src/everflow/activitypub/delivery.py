"""Delivery as durable flows: of an activity to one inbox, and to all followers of an actor.

Laws: a delivery is a run, so that it survives whatever an engine survives, is seen where all runs
are, and waits for days at no cost. It ends with the activity taken, with the follower removed whose
inbox is no more, or as failed, when the receiver refused it for good or was away too long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from typing import Any, TypedDict, Unpack

import msgspec

from everflow.activitypub.actors import Keys
from everflow.activitypub.outbox import Outbox
from everflow.activitypub.parcels import DELIVER, QUEUE, SPREAD, Page, Parcel, Plans
from everflow.activitypub.sender import Sender
from everflow.clock import Clock, SystemClock
from everflow.core.algebra import flow
from everflow.core.combine.choice import loop
from everflow.core.combine.control import exponential, retry
from everflow.core.definition import Definition
from everflow.core.expressions import it
from everflow.core.flow import Flow
from everflow.core.node import node
from everflow.core.program import Program
from everflow.core.registry import Registry, default_registry
from everflow.core.signature import need
from everflow.engine.asking.client import Client
from everflow.engine.faces.places import open_store
from everflow.engine.given.ids import Random
from everflow.engine.records.queues import Queues
from everflow.net.client import Outside
from everflow.net.policy import Policy
from everflow.store import Store
from everflow.store.keys import Keys as SealingKeys

__all__ = ["PER_LANE", "add_flows", "deliveries", "outbox_of", "plans"]

PER_LANE = 4  # deliveries of one host that are under way, those that wait for another try included
TRIES = 12  # over some four days
Opened = Callable[[], AbstractContextManager[Store]]
FIRST, FACTOR, LONGEST = 60.0, 3.0, 12 * 3600.0  # seconds of the pauses between them


class Sending(TypedDict, total=False):
    """What a ``Sender`` takes."""

    keys: Mapping[str, Keys] | str
    wall: Callable[[], int]
    random: Random
    first: str
    at_once: int
    client: Callable[[Policy], Outside]


@node
async def knock(parcel: dict[str, Any], *, sender: Sender = need(Sender)) -> dict[str, Any]:
    """Try to deliver; what became of it."""
    sent = await sender.deliver(msgspec.convert(parcel, Parcel))
    return {"how": sent.how, "inbox": sent.inbox, "dialect": sent.dialect}


@node
def spread(page: dict[str, Any], *, outbox: Outbox = need(Outbox)) -> dict[str, Any]:
    """Start the deliveries to the next followers."""
    on: dict[str, Any] = msgspec.to_builtins(outbox.spread(msgspec.convert(page, Page)))
    return on


def add_flows(registry: Registry) -> tuple[Flow[Any, Any], Flow[Any, Any]]:
    """The flows of a delivery and of all deliveries, registered there."""
    if DELIVER not in registry.flows:
        backoff = exponential(FIRST, factor=FACTOR, ceiling=LONGEST, jitter=0.3)
        flow(DELIVER, retry(TRIES, knock, backoff=backoff), queue=QUEUE, registry=registry)
        again = retry(TRIES, spread, backoff=exponential(1.0, ceiling=LONGEST))
        flow(SPREAD, loop(again, until=it["done"]), registry=registry)
    return registry.flows[DELIVER], registry.flows[SPREAD]


@cache
def plans() -> Plans:
    """What runs of deliveries are pinned to."""
    deliver, spread_ = add_flows(Registry())
    return Plans(Definition(Program(deliver, DELIVER)), Definition(Program(spread_, SPREAD)))


def outbox_of(client: Client) -> Outbox:
    """The outbox of the store of an engine, or of a connection."""
    return Outbox(client.store, plans(), client.clock, random=client.random, nudge=client.nudge)


def deliveries(
    where: Store | str | os.PathLike[str],
    *,
    registry: Registry | None = None,
    encryption: SealingKeys | None = None,
    clock: Clock | None = None,
    **sending: Unpack[Sending],
) -> dict[type[Any], Callable[[], Any]]:
    """What an engine needs to deliver, for its ``provide``; its registry gets the flows.

    ``where`` is the engine's store, and ``clock`` its own, if it isn't the machine's; ``sending``
    is for ``Sender``. Any node may ask for the ``Outbox``, too, and so publish what its flow made.
    """
    add_flows(default_registry() if registry is None else registry)
    opened = partial(_opened, where, encryption)
    runs = clock or SystemClock()
    return {
        Outbox: partial(_outbox, opened, runs),
        Sender: partial(_sender, opened, runs, dict(sending)),
    }


@contextmanager
def _opened(
    where: Store | str | os.PathLike[str], encryption: SealingKeys | None
) -> Iterator[Store]:
    store, ours = open_store(where, encryption=encryption)
    try:
        yield store
    finally:
        if ours:
            store.close()


@contextmanager
def _outbox(opened: Opened, clock: Clock) -> Iterator[Outbox]:
    with opened() as store:
        yield Outbox(store, plans(), clock)


@contextmanager
def _sender(opened: Opened, clock: Clock, sending: dict[str, Any]) -> Iterator[Sender]:
    with opened() as store:
        Queues(store, clock, None).declare(QUEUE, per_lane=PER_LANE)
        with Sender(store, clock=clock, **sending) as sender:
            yield sender
