"""Calls of peers over real sockets: what a run gets, and what it costs the peer."""

from __future__ import annotations

from everflow import remote_node
from tests.engine.support import PATIENT, plus_one
from tests.federation.support import pair


def test_a_peers_result_is_the_value() -> None:
    """By a run of its own at the peer (B100)."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        call = west.flow("f", remote_node("east", "add") >> plus_one)
        west.up()
        east.up()
        assert west.engine.start(call, 1).result(PATIENT) == 3
        (row,) = east.engine.runs()
        assert (row.flow, row.labels) == ("add", {"peer": "west"})
