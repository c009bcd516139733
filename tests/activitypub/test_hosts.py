"""Hosts: what they understand is learned, and who is ill is left alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from everflow.activitypub.dialects import CAVAGE, RFC9421
from everflow.activitypub.hosts import Hosts
from everflow.errors import NoRetry, ReceiverBusy
from everflow.stores.memory import MemoryStore

PEER = "peer.example"
MINUTE, DAY = 60_000_000, 86_400_000_000


@dataclass
class Now:
    """A clock that is set."""

    at: int = 1_000 * DAY

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def hosts(now: Now) -> Hosts:
    return Hosts(MemoryStore(), now)


def test_what_was_taken_is_tried_first(hosts: Hosts) -> None:
    """A host that isn't known is asked in the newer dialect first."""
    assert hosts.order(PEER) == (RFC9421, CAVAGE)
    hosts.well(PEER, CAVAGE)
    hosts.well(PEER)
    assert hosts.order(PEER) == (CAVAGE, RFC9421)
    assert hosts.order("other.example") == (RFC9421, CAVAGE)


def test_who_failed_again_and_again_is_left_alone(hosts: Hosts, now: Now) -> None:
    """Three failures in a row begin a pause; the next one is twice as long, up to an hour."""
    hosts.well(PEER, CAVAGE)
    for pause in (0, 0, 1, 2, 4, 8, 16, 32, 60, 60):
        hosts.failed(PEER)
        if pause:
            now.at += pause * MINUTE - 1
            with pytest.raises(ReceiverBusy):
                hosts.order(PEER)
            now.at += 1
        assert hosts.order(PEER) == (CAVAGE, RFC9421)
    hosts.well(PEER)
    hosts.failed(PEER)
    assert hosts.order(PEER) == (CAVAGE, RFC9421)


def test_who_is_away_for_days_is_given_up_but_looked_for(hosts: Hosts, now: Now) -> None:
    """What waits for it ends at once, and after each pause somebody looks whether it is back."""
    for _ in range(3):
        hosts.failed(PEER)
    now.at += 4 * DAY + 1
    assert hosts.order(PEER)
    hosts.failed(PEER)
    with pytest.raises(NoRetry, match="for days"):
        hosts.order(PEER)
    now.at += 2 * MINUTE
    assert hosts.order(PEER)
    hosts.well(PEER, RFC9421)
    hosts.failed(PEER)
    assert hosts.order(PEER)
