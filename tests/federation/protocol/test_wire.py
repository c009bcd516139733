"""What is said and what is kept are plain data."""

from typing import Any

import msgspec
import pytest

from everflow.federation.protocol.lineage import Epoch, Extent, Link
from everflow.federation.protocol.messages import Ask, Claim, Cut, Declined, Message, Segment
from everflow.federation.protocol.standing import Grant, Lease, Replication, Role, Standing
from everflow.federation.protocol.time import Moment

FIRST = Epoch(1, "a")
LINKS = (Link(FIRST), Link(Epoch(2, "b"), Extent(3, 1)))
CUT = Cut(after=2, entries=("x",), side={"row": 1}, upto=Extent(3, 1))


@pytest.mark.parametrize(
    "message",
    [
        Segment(epoch=FIRST, lineage=LINKS, cut=CUT, ask=Ask(term=1, span=5, at=Moment("a0", 7))),
        Claim(epoch=FIRST, lineage=LINKS),
        Declined(next=FIRST),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_comes_back(message: Any) -> None:
    """Through JSON, and known by its tag alone."""
    back = msgspec.json.decode(msgspec.json.encode(message), type=Message)
    assert back == message


def test_a_standing_comes_back() -> None:
    """As the body of a record."""
    standing = Standing(
        role=Role.OFFERING,
        epoch=FIRST,
        lineage=LINKS,
        to="b",
        replication=Replication(to="b", when="commit"),
        lease=Lease(to="b", term=2, span=5, least=Extent(1, 1)),
        grant=Grant(term=1, span=5, at=Moment("a0", 7)),
        ended=(FIRST, 1),
        untold=("c",),
    )
    assert msgspec.json.decode(msgspec.json.encode(standing), type=Standing) == standing
