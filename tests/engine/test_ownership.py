"""Who is taken for dead: a counter stood for the lease, in looks at a store that was there."""

from __future__ import annotations

import pytest

from everflow import Config
from everflow.engine.owning.ownership import Ownership
from everflow.errors import StoreUnavailable
from everflow.store import WorkerRow
from everflow.stores.memory import MemoryStore

LEASE = 5.0


class Away(MemoryStore):
    """A store that is away at times."""

    away = False

    def workers(self) -> list[WorkerRow]:
        if self.away:
            raise StoreUnavailable("the server is away")
        return super().workers()


class Still:
    """Clocks that stand but for what they are moved on."""

    at = 0

    def wall(self) -> int:
        return self.at

    boot = wall

    def jump(self, seconds: float) -> None:
        self.at += round(seconds * 1_000_000)


class Watch:
    """One worker that watches another one of another host."""

    def __init__(self) -> None:
        self.store = Away()
        self.clock = Still()
        self.ownership = Ownership(
            self.store, self.clock, Config(lease_s=LEASE), host="here", pid=1
        )
        self.ownership.enlist(0)
        self.other = self.store.enlist(host="there", pid=2, at=0).id

    def look_for(self, seconds: float) -> bool:
        """Look twice a second for so long; whether the other one was deposed."""
        for _ in range(round(seconds * 2)):
            self.clock.jump(0.5)
            if self.ownership.watch():
                return True
        return False


def test_whoever_stands_for_the_lease_is_deposed() -> None:
    """Not before the lease is over, and no later than a look after it (B080)."""
    watch = Watch()
    assert not watch.look_for(LEASE - 0.5)
    assert watch.look_for(1.5)


def test_an_advance_gives_the_whole_lease_anew() -> None:
    """A worker that beats at all lives."""
    watch = Watch()
    for _ in range(3):
        assert not watch.look_for(LEASE - 0.5)
        watch.store.beat(watch.other)
    assert watch.look_for(LEASE + 1)


def test_nobody_is_deposed_for_an_outage_of_the_store() -> None:
    """However long it was away: whoever is there again has time to say so (B080)."""
    watch = Watch()
    assert not watch.look_for(1)
    watch.store.away = True
    with pytest.raises(StoreUnavailable):
        watch.look_for(1)
    watch.clock.jump(3_600)
    watch.store.away = False
    assert not watch.look_for(LEASE / 4)
    watch.store.beat(watch.other)
    assert not watch.look_for(LEASE - 0.5)
    assert watch.look_for(1.5)


def test_whoever_died_in_an_outage_is_deposed_after_it() -> None:
    """Within the lease from when the store is there again."""
    watch = Watch()
    assert not watch.look_for(1)
    watch.clock.jump(3_600)
    assert watch.look_for(LEASE)
