"""A process dies, or is told that a write failed, at each write from an activity to its runs."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from everflow import Registry, flow, it, node
from everflow.clock import RunClock
from everflow.config import Config
from everflow.engine.asking.client import Client
from everflow.errors import StoreUnavailable
from everflow.stores.memory import MemoryStore
from everflow.testing.clock import JumpClock
from everflow.testing.simulator.faulty import Died, FaultyStore
from everflow.testing.simulator.plan import Fault
from everflow.triggers import Activities, Firing, TriggerBook, trigger
from tests.triggers.support import INES, Site, note

WAYS = (Fault.DIE_BEFORE, Fault.DIE_AFTER, Fault.LIE)
NOTES = 3


class _Nobody:
    """Watches nothing."""

    def before(self, *call: Any) -> None:
        """Nothing."""

    def after(self, *call: Any) -> None:
        """Nothing."""

    def refused(self, *call: Any) -> None:
        """Nothing."""


class _Counting(_Nobody):
    def __init__(self) -> None:
        self.writes = 0

    def before(self, *call: Any) -> None:
        self.writes += 1


@node(name="is_short", inline=True)
def is_short(activity: dict[str, Any]) -> bool:
    return len(activity["object"]["content"]) < 10


@node(name="content_told", inline=True)
def content_told(activity: dict[str, Any]) -> str:
    return str(activity["object"]["content"])


def _code() -> Registry:
    home = Registry()
    flow("review", content_told, registry=home)
    flow("short", is_short, registry=home)
    return home


def _life(store: Any, registry: Registry, site: Site) -> None:
    """All that a process does of triggers: each call is safe to be made again."""
    client = Client(
        store, registry, Config(), RunClock(site.h.clock), Random(0).randbytes, durable=False
    )
    TriggerBook(client).declare(
        [
            trigger("plain", "review", since=0, guard=it["id"].size() > 0),
            trigger("asks", "review", since=0, guard=registry.flow("short")),
            trigger("later", "to-come", since=0),
        ]
    )
    log = Activities(client)
    for number in range(NOTES):
        log.append(note(number), actor=INES)
        log.append(note(number), actor=INES)
    firing = Firing(client)
    for _ in range(3):
        while firing.look(every=True):
            pass
        site.h.settle()
        if "to-come" not in registry.flows and store.base.records("firing"):
            flow("to-come", registry.flow("review"), registry=registry)


def _lived(fault: Fault, at: int) -> tuple[MemoryStore, FaultyStore, _Counting]:
    base, registry, watcher = MemoryStore(), _code(), _Counting()
    clock = JumpClock()
    with Site(base, registry, clock) as site:
        watched = faulty = FaultyStore(base, watcher)
        if fault is not Fault.NONE:
            faulty.arm(fault, -at)
        for _ in range(3):
            try:
                _life(faulty, registry, site)
                break
            except Died:  # another process goes on
                faulty = FaultyStore(base, _Nobody())
            except StoreUnavailable:
                continue
        site.fire()
        _holds(site)
    return base, watched, watcher


def _holds(site: Site) -> None:
    """Each trigger fired once for each activity, and each decision is told once."""
    rows = [site.h.client.row(run.id) for run in site.h.runs()]
    fired = Counter((row.labels.get("trigger"), row.labels["activity"]) for row in rows)
    wanted = {
        (name, str(no)): 1 for name in ("plain", "asks", "later") for no in range(1, NOTES + 1)
    }
    guards = {(None, str(no)): 1 for no in range(1, NOTES + 1)}
    assert fired == wanted | guards
    assert sorted(site.results()) == sorted(f"note {n}" for n in range(NOTES) for _ in range(3))
    said = Counter((line.trigger, line.no, line.outcome) for line in site.audit())
    assert set(said.values()) == {1}
    assert len(said) == NOTES * 5


def _writes() -> int:
    _, _, watcher = _lived(Fault.NONE, 0)
    return watcher.writes


WRITES = 11  # of a life without faults, as the first test says


def test_a_life_without_faults_fires_all_once() -> None:
    """B122: and this many writes it takes, at each of which the next test strikes."""
    assert _writes() == WRITES


@pytest.mark.parametrize("at", range(1, WRITES + 1))
def test_a_crash_at_any_write_loses_and_doubles_nothing(at: int) -> None:
    """B122: death before it, death right after it, and a write that was done but said failed."""
    for way in WAYS:
        _, faulty, _ = _lived(way, at)
        assert faulty.deaths + faulty.troubles == 1
