"""Single turns: what is refused, and why."""

from typing import Any

import pytest

from everflow.federation.protocol.lineage import Epoch, Extent, Link
from everflow.federation.protocol.messages import Cut, Handover
from everflow.federation.protocol.session import acknowledges, runs_until, tell
from everflow.federation.protocol.standing import Lease, Replication, Role, Settings, Standing
from everflow.federation.protocol.time import Moment
from everflow.federation.protocol.turns import (
    Begin,
    CallBack,
    EndLease,
    HandOff,
    Heard,
    LeaseTo,
    Refusal,
    Replicate,
    Session,
    Ship,
    TakeOver,
    Write,
)

NOW = Moment("a0", 0)
FIRST = Epoch(1, "a")
NONE = Standing()
OWNER = Standing(role=Role.OWNER, epoch=FIRST, lineage=(Link(FIRST),))
LEASED = Standing(
    role=Role.OWNER,
    epoch=FIRST,
    lineage=(Link(FIRST),),
    lease=Lease(to="b", term=1, span=5, least=Extent(1, 1)),
)
REPLICA = Standing(role=Role.REPLICA, epoch=Epoch(1, "b"), lineage=(Link(Epoch(1, "b")),))


def at(standing: Standing, have: Extent = Extent(1, 1)) -> Session:  # noqa: B008 - a frozen value
    return Session(me="a", settings=Settings(), standing=standing, have=have)


@pytest.mark.parametrize(
    ("standing", "order", "why"),
    [
        (OWNER, Begin(), Refusal.OWNER_ALREADY),
        (NONE, Replicate(None), Refusal.NOT_OWNER),
        (LEASED, Replicate(None), Refusal.LEASED),
        (OWNER, Replicate(Replication(to="a", when="commit")), Refusal.OWN_ADDRESS),
        (NONE, Ship(), Refusal.NOT_OWNER),
        (OWNER, Ship(), Refusal.NO_REPLICATION),
        (NONE, LeaseTo("b", 5), Refusal.NOT_OWNER),
        (OWNER, LeaseTo("a", 5), Refusal.OWN_ADDRESS),
        (LEASED, LeaseTo("c", 5), Refusal.LEASED),
        (NONE, EndLease(), Refusal.NOT_OWNER),
        (OWNER, EndLease(), Refusal.NO_LEASE),
        (NONE, HandOff("b"), Refusal.NOT_OWNER),
        (OWNER, HandOff("a"), Refusal.OWN_ADDRESS),
        (LEASED, HandOff("c"), Refusal.LEASED),
        (OWNER, CallBack(), Refusal.NOTHING_OFFERED),
        (OWNER, TakeOver(), Refusal.OWNER_ALREADY),
        (NONE, TakeOver(), Refusal.NO_REPLICA),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, Refusal) else value.value,
)
def test_an_order_is_refused_with_its_reason(standing: Standing, order: Any, why: Refusal) -> None:
    """And nothing is written or said."""
    turn = tell(at(standing), order, NOW)
    assert (turn.refused, turn.act, turn.messages) == (why, None, ())


def test_a_copy_that_was_cut_back_is_not_taken_over() -> None:
    """What is beside its entries is missing."""
    assert tell(at(REPLICA, Extent(1, 0)), TakeOver(), NOW).refused is Refusal.NO_REPLICA


def test_a_stale_owner_may_be_given_the_run_back() -> None:
    """B108: its own branch is set aside in the same write."""
    taken, back = Epoch(2, "b"), Epoch(3, "a")
    lineage = (Link(FIRST), Link(taken, Extent(1, 1)), Link(back, Extent(2, 2)))
    cut = Cut(after=1, entries=("theirs",), side="theirs", upto=Extent(2, 2))
    given = Heard("b", Handover(epoch=taken, lineage=lineage, cut=cut))
    turn = tell(at(OWNER, Extent(3, 1)), given, NOW)
    assert isinstance(turn.act, Write)
    assert turn.act.keep == Extent(1, 1)
    assert (turn.act.standing.role, turn.act.standing.epoch) == (Role.OWNER, back)


def test_who_does_not_own_runs_and_acknowledges_nothing() -> None:
    """Nor does an owner whose lease nobody granted yet."""
    for standing in (NONE, REPLICA, LEASED):
        assert runs_until(at(standing), NOW) is None
        assert not acknowledges(at(standing), Extent(1, 1))
    assert acknowledges(at(OWNER), Extent(1, 1))
