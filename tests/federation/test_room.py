"""What a peer may leave by words alone: claims, lineages, names.

B108; reliability 20, 21.
"""

from __future__ import annotations

import json

import pytest

from everflow import suspend
from everflow.federation.protocol.lineage import Epoch, Link
from everflow.federation.protocol.messages import Claim, Recall, Segment
from tests.engine.support import until
from tests.federation.support import Instance
from tests.federation.test_handing import everywhere, friends, started
from tests.federation.test_reception import cut_of, size_of, tell, why


def long_line(by: Instance, links: int) -> tuple[Epoch, tuple[Link, ...]]:
    """A lineage of owners that a peer makes up, up to its own epoch."""
    line = [Link(Epoch(number, "o" * 90 + f"{number:06}")) for number in range(1, links)]
    return Epoch(links, by.identity.id), (*line, Link(Epoch(links, by.identity.id)))


def test_claims_count_against_what_their_sender_may_leave() -> None:
    """B108, RELIABILITY 21: what is remembered by its word, lineages and all."""
    with friends("west", "east") as (west, east):
        east.up()
        epoch, lineage = long_line(west, 3_000)
        claim = Claim(epoch=epoch, lineage=lineage)
        runs = [f"01kays{number:020}" for number in range(6)]
        east.peers.change("west", keep=1)
        heard = [json.loads(tell(east, west, run, claim).body)["declined"] for run in runs]
        assert [len(declined) for declined in heard] == [0, 0, 1, 1, 1, 1]
        assert "as much here as it may" in heard[2][0]["why"]
        assert size_of(east, "tenure") < 1_100_000
        # Said again under higher epochs, of a run that is known by now, it costs as much.
        for number in range(3_001, 3_004):
            again = Epoch(number, west.identity.id)
            more = Claim(epoch=again, lineage=(*lineage, Link(again)))
            assert "as much here as it may" in why(tell(east, west, runs[0], more))
        # What is short is heard of a known run all the same: who has it must be known.
        last = Epoch(4_000, west.identity.id)
        short = Claim(epoch=last, lineage=(Link(last),))
        assert json.loads(tell(east, west, runs[1], short).body)["declined"] == []
        east.peers.change("west", keep=1_000_000)
        assert json.loads(tell(east, west, runs[3], claim).body)["declined"] == []


def test_lineages_of_copies_count_too() -> None:
    """A peer that may keep a byte leaves none of any run."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        epoch, lineage = long_line(west, 1_000)
        cut = cut_of(west, run.id)
        east.peers.change("west", keep=50_000)
        segment = Segment(epoch=epoch, lineage=lineage, cut=cut)
        assert "as much here as it may" in why(tell(east, west, run.id, segment))
        assert east.store.records("tenure") == []


@pytest.mark.parametrize("owner", ["x" * 101, "a b", "../x", "\n", "é"])
def test_an_owner_has_a_name_that_an_instance_may_have(owner: str) -> None:
    """No text of a peer's gets into what stands here as somebody's name."""
    with friends("west", "east") as (west, east):
        east.up()
        mine = Epoch(2, west.identity.id)
        run = "01kays0000" + "0" * 16
        for message in (
            Claim(epoch=mine, lineage=(Link(Epoch(1, owner)), Link(mine))),
            Claim(epoch=Epoch(1, owner), lineage=(Link(Epoch(1, owner)),)),
            Recall(epoch=Epoch(1, west.identity.id), next=Epoch(2, owner)),
        ):
            assert "contradicts itself" in why(tell(east, west, run, message))
        assert east.store.records("tenure") == []
