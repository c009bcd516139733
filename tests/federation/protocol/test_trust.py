"""Whose word counts for a run: nobody takes one that was never given to them (B107, B108)."""

from typing import Any

import pytest

from everflow.federation.protocol.lineage import Epoch, Extent, Link
from everflow.federation.protocol.messages import (
    Accept,
    Claim,
    Conceded,
    Cut,
    Declined,
    Handover,
    Held,
    Lacks,
    Message,
    Offer,
    Recall,
    Refuse,
    Segment,
    Unlease,
    Unleased,
)
from everflow.federation.protocol.standing import Lease, Replication, Role, Settings, Standing
from everflow.federation.protocol.trust import Doubt, circle, doubt, named, question
from everflow.federation.protocol.turns import Session

FIRST, HIGH = Epoch(1, "a"), Epoch(99, "z")
START = (Link(FIRST),)
TAKEN = (Link(FIRST), Link(HIGH, Extent(1, 1)))
CUT = Cut(after=0, entries=("x",), side={}, upto=Extent(1, 1))
OWNER = Standing(role=Role.OWNER, epoch=FIRST, lineage=START)
COPY = Standing(role=Role.REPLICA, epoch=FIRST, lineage=START)
NOBODY: frozenset[str] = frozenset()

SPEECHES: tuple[Message, ...] = (
    Segment(epoch=HIGH, lineage=TAKEN, cut=CUT),
    Claim(epoch=HIGH, lineage=TAKEN),
    Handover(epoch=HIGH, lineage=(*TAKEN, Link(Epoch(100, "a"), Extent(2, 2))), cut=CUT),
    Offer(epoch=HIGH),
    Recall(epoch=HIGH, next=Epoch(100, "a")),
    Unlease(epoch=HIGH, term=1),
    Held(epoch=FIRST, have=Extent(1, 1)),
    Accept(epoch=FIRST),
    Refuse(epoch=FIRST),
    Lacks(epoch=FIRST, have=Extent()),
    Declined(next=Epoch(2, "z")),
    Conceded(epoch=FIRST),
    Unleased(epoch=FIRST, term=1),
)


def kind(message: Any) -> str:
    return type(message).__name__


@pytest.mark.parametrize("standing", [OWNER, COPY], ids=["owner", "copy"])
@pytest.mark.parametrize("message", SPEECHES, ids=kind)
def test_a_stranger_is_not_heard(standing: Standing, message: Message) -> None:
    """Whatever epoch it makes up, and whatever it says."""
    assert doubt(standing, NOBODY, "z", message) is Doubt.STRANGER


@pytest.mark.parametrize("message", SPEECHES, ids=kind)
def test_who_was_named_is_heard(message: Message) -> None:
    """It was given a copy, and a person may have it go on there."""
    assert doubt(OWNER, frozenset({"z"}), "z", message) is None


@pytest.mark.parametrize(
    "standing",
    [
        Standing(replication=Replication(to="z", when="manual")),
        Standing(lease=Lease(to="z", term=1, span=1, least=Extent())),
        Standing(to="z"),
        Standing(next=Epoch(2, "z")),
        Standing(untold=("z",)),
        Standing(lineage=(Link(Epoch(1, "z")),)),
    ],
    ids=["replica", "lessee", "offered", "given", "to be told", "former owner"],
)
def test_the_circle_is_whom_a_standing_names(standing: Standing) -> None:
    """And who owned the run before."""
    assert circle(standing, NOBODY) == {"z"}
    assert named(Standing()) == NOBODY


def test_a_claim_of_what_is_known_is_answered() -> None:
    """Whoever makes it waits for the answer, and nothing changes."""
    assert doubt(COPY, NOBODY, "z", Claim(epoch=FIRST, lineage=START)) is None


def test_of_an_unknown_run_anybody_may_speak_who_may_bring_one() -> None:
    """That is for the reception to say."""
    assert doubt(Standing(), NOBODY, "z", SPEECHES[0]) is None


@pytest.mark.parametrize(
    "message",
    [
        Segment(epoch=FIRST, lineage=START, cut=CUT),
        Offer(epoch=FIRST),
        Segment(epoch=HIGH, lineage=START, cut=CUT),
        Segment(epoch=HIGH, lineage=(), cut=CUT),
        Claim(epoch=HIGH, lineage=(Link(FIRST, Extent(5, 5)), Link(HIGH, Extent(1, 1)))),
        Claim(epoch=HIGH, lineage=(Link(Epoch(99, "y")), Link(HIGH))),
        Claim(epoch=HIGH, lineage=(Link(HIGH, Extent(1 << 60, 1)),)),
        Claim(epoch=Epoch(1 << 60, "z"), lineage=(Link(Epoch(1 << 60, "z")),)),
        Handover(epoch=HIGH, lineage=(Link(HIGH),), cut=CUT),
        Handover(epoch=HIGH, lineage=(*START, Link(Epoch(100, "a"), Extent(1, 1))), cut=CUT),
        Recall(epoch=HIGH, next=Epoch(3, "a")),
        Declined(next=Epoch(1 << 60, "z")),
    ],
    ids=kind,
)
def test_what_contradicts_itself_is_forged(message: Message) -> None:
    """Nobody speaks as another, and no lineage goes back."""
    assert doubt(OWNER, frozenset({"z"}), "z", message) is Doubt.FORGED


def test_the_owner_is_asked_of_a_stranger() -> None:
    """As far as it is known; nobody asks itself."""
    session = Session(me="b", settings=Settings(), standing=COPY, have=Extent(1, 1))
    assert question(session) == ("a", Claim(epoch=FIRST, lineage=START))
    for me, standing in (("a", OWNER), ("b", Standing())):
        asked = Session(me=me, settings=Settings(), standing=standing, have=Extent(1, 1))
        assert question(asked) is None
