"""Which runs of a peer go on here: of the flows that it was allowed, as they are here.

B107, B108; reliability 20, 21, 25.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from everflow import Engine, Flow, Registry, Run, call, flow, parallel, remote_node, suspend
from everflow import step as awaited
from everflow.core.definition import Definition
from everflow.core.entries import Entry, Kind, body_of
from everflow.core.journal import fold, snapshot
from everflow.core.ops import CallOp
from everflow.core.program import Program
from everflow.errors import RemoteRefused
from everflow.federation.carrying.adoption import Coming, unfit
from everflow.federation.peers import Peer
from everflow.federation.protocol.lineage import Epoch, Link
from everflow.federation.protocol.messages import Handover
from everflow.federation.protocol.standing import Role
from everflow.store import RunQuery, UpgradeTo
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, plus_one, step, until
from tests.federation.test_handing import everywhere, friends, role, started
from tests.federation.test_leases import cut as cut_off
from tests.federation.test_leases import in_time, lending, tags
from tests.federation.test_reception import cut_of, tell

WEST = Peer(id="w", name="west", address="", keys=(), adopt=("f",))
other = step(lambda value: value, name="other_of_adopting")


def adopting(*flows: str) -> Peer:
    return structs.replace(WEST, adopt=flows)


@contextmanager
def standing(
    body: Flow[Any, Any], here: Flow[Any, Any] | None = None, name: str = "f"
) -> Iterator[Any]:
    """A run that waits for an answer, and how a client judges it that has ``here`` as its flow."""
    theirs, ours = Registry(), Registry()
    flow("f", body, registry=theirs)
    flow(name, body if here is None else here, registry=ours)
    store = MemoryStore()
    with Engine(store, registry=theirs) as engine, Engine(MemoryStore(), registry=ours) as judge:
        run: Run[Any] = engine.start("f", 1)
        until(lambda: bool(engine.questions()))
        read = store.slice(run.id, 0)

        def judged(
            peer: Peer | None = WEST,
            change: Callable[[Coming], Coming] = lambda coming: coming,
        ) -> str:
            coming = Coming(read.whole, read.whole.entries, read.definitions)
            return unfit(judge.client, peer, change(coming))

        yield judged


def edited(coming: Coming, edit: Callable[[list[Any]], None]) -> Coming:
    """The same with other entries."""
    entries = [json.loads(body) for _, _, body, _ in coming.entries]
    edit(entries)
    rows = [(0, seq, json.dumps(entry), 0) for seq, entry in enumerate(entries)]
    return replace(coming, entries=rows)


def definition(body: Flow[Any, Any], name: str = "f") -> tuple[str, str]:
    made = Definition(Program(body, name))
    return made.hash, made.body


PLAIN = plus_one >> suspend("approval")


def test_a_run_of_a_flow_that_is_named_fits() -> None:
    """And any does from whose runs all go on here."""
    with standing(PLAIN) as judged:
        assert judged() == ""
        assert judged(adopting("*")) == ""
        assert "aren't adopted from west" in judged(adopting("g"))
        assert "isn't known here" in judged(None)
    with standing(PLAIN, plus_one >> suspend("approval") >> plus_one) as judged:
        assert "isn't the one that f has here" in judged()
        assert judged(adopting("*")) == ""
    with standing(PLAIN, name="g") as judged:
        assert "there is no flow f here" in judged()


def test_a_journal_brings_no_definition_of_its_own() -> None:
    """RELIABILITY 21: neither by its start, nor a move, nor an order that it hasn't obeyed yet."""
    false = definition(PLAIN >> other)

    def begun(coming: Coming) -> Coming:
        def edit(entries: list[Any]) -> None:
            entries[0][5] = false[0]

        return replace(edited(coming, edit), definitions=[*coming.definitions, false])

    def ordered(coming: Coming) -> Coming:
        order = UpgradeTo(no=0, definition=false[0], at=1)
        return replace(coming, whole=structs.replace(coming.whole, arrivals=[order]))

    def unknown(coming: Coming) -> Coming:
        return edited(coming, lambda entries: entries[0].__setitem__(5, "0" * 48))

    def based(coming: Coming) -> Coming:
        row = structs.replace(coming.whole.row, base=9)
        return replace(coming, whole=structs.replace(coming.whole, row=row))

    with standing(PLAIN) as judged:
        assert "isn't one of f as it is here" in judged(change=begun)
        assert "isn't the one that f has here" in judged(change=ordered)
        assert "can't be read here" in judged(change=unknown)
        assert "can't be read here" in judged(change=based)


def test_what_a_body_awaits_is_named_beside_it() -> None:
    """RELIABILITY 21: its journal says what it awaits, and that may be anything."""
    registry = Registry()

    @flow(registry=registry)
    async def body_of_adopting(value: int) -> Any:
        return await awaited(other >> suspend("approval"), value)

    with standing(body_of_adopting) as judged:
        assert f"it is to run {other.name}" in judged()
        assert judged(adopting("f", other.name)) == ""


@pytest.mark.parametrize("kind", ["call", "remote"])
def test_whom_an_open_call_calls_is_as_the_flow_says(kind: str) -> None:
    """RELIABILITY 21: a snapshot of a peer's has no other one begun."""
    called = call("g") if kind == "call" else remote_node("x", "g")
    body = parallel(suspend("approval"), called)

    def other_one(coming: Coming) -> Coming:
        program = Program(body, "f")
        machine = fold(program, [row[2] for row in coming.entries])
        (op,) = [op for op in machine.state.ops.values() if isinstance(op, CallOp)]
        op.flow = "admin"
        last = len(coming.entries)
        base = Entry(last, 1, Kind.BASE, "", snapshot(machine), "", note=definition(body)[0])
        row = structs.replace(coming.whole.row, base=last)
        rows = [(0, last, body_of(base), 0)]
        return replace(coming, whole=structs.replace(coming.whole, row=row), entries=rows)

    with standing(body) as judged:
        assert judged() == ""
        assert "isn't one of f as it is here" in judged(change=other_one)


def test_only_runs_of_a_named_flow_are_adopted(caplog: pytest.LogCaptureFixture) -> None:
    """A handoff of any other is declined, and its owner goes on with it."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="mine", body=suspend("approval") >> plus_one)
        for one in (west, east):
            one.flow("other", suspend("approval") >> plus_one)
        east.peers.change("west", adopt=("mine",))
        good, bad = started(west, "mine"), started(west, "other")
        until(lambda: len(west.engine.questions()) == 2)
        west.loop.run(west.federation.replicate_to("east", [good.id], wait=PATIENT))
        west.loop.run(west.federation.hand_off(good.id, "east", wait=PATIENT))
        with pytest.raises(RemoteRefused, match="doesn't adopt"):
            west.loop.run(west.federation.hand_off(bad.id, "east", wait=PATIENT))
        assert (role(west, bad.id), role(east, good.id)) == (Role.OWNER, Role.OWNER)
        assert "runs of other aren't adopted from west" in caplog.text
        west.engine.resume(bad.id, 5)
        assert bad.result(PATIENT) == 6
        until(lambda: bool(east.engine.questions()))
        east.engine.resume(good.id, 5)
        assert east.engine.run(good.id).result(PATIENT) == 6


def test_a_lease_is_for_runs_that_may_go_on_here(caplog: pytest.LogCaptureFixture) -> None:
    """Neither granted to others, nor taken up where they may no more: until somebody says so."""
    with lending(suspend("one") >> plus_one) as (west, east):
        east.peers.change("west", adopt=("f",))
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(west) == ["one"])
        east.peers.change("west", adopt=("g",))
        cut_off(west, east)
        west.down()
        in_time(east, lambda: "doesn't go on here: runs of f aren't adopted" in caplog.text)
        assert role(east, run.id) is Role.REPLICA
        east.peers.change("west", adopt=("f",))
        in_time(east, lambda: tags(east) == ["one"])
        assert role(east, run.id) is Role.OWNER


def test_who_may_not_adopt_grants_no_lease(caplog: pytest.LogCaptureFixture) -> None:
    """The owner's run waits, and the lessee's log says why."""
    with lending(suspend("one") >> plus_one) as (west, east):
        east.peers.change("west", adopt=("g",))
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: "gets no lease: runs of f aren't adopted from west" in caplog.text)
        until(lambda: role(east, run.id) is Role.REPLICA)
        assert tags(west) == []
        east.peers.change("west", adopt=("f",))
        in_time(west, lambda: tags(west) == ["one"])


def test_a_run_that_is_given_is_no_other_s_child() -> None:
    """RELIABILITY 21: nobody ends what a run here waits for by a run that says it was called."""
    with friends("west", "east") as (west, east):
        for one in (west, east):
            one.flow("asks", suspend("said"))
            one.flow("calls", call("asks"))
            one.up()
        caller: Run[Any] = east.engine.start("calls", 1)
        given: Run[Any] = west.engine.start("asks", 1)
        until(lambda: (tags(east), tags(west)) == (["said"], ["said"]))
        (true,) = east.store.runs(RunQuery(parent=caller.id))
        whole = cut_of(west, given.id)
        rows: Any = whole.entries
        (_, seq, body, _), *rest = rows
        (op,) = json.loads(east.store.journal(true.no)[0][2])[3:4]
        start = json.loads(body)
        start[3], start[7] = op, 1
        forged = json.dumps(start, separators=(",", ":"))
        side: Any = whole.side
        row = structs.replace(side.whole.row, parent=caller.id)
        side = structs.replace(side, whole=structs.replace(side.whole, row=row))
        entries = ((0, seq, forged, zlib.crc32(forged.encode())), *rest)
        cut = structs.replace(whole, entries=entries, side=side)
        mine, next_ = Epoch(1, west.identity.id), Epoch(2, east.identity.id)
        lineage = (Link(mine), Link(next_, cut.upto))
        said = tell(east, west, given.id, Handover(epoch=mine, lineage=lineage, cut=cut))
        assert json.loads(said.body)["declined"] == []
        until(lambda: len(tags(east)) == 2)
        east.engine.resume(given.id, "forged")
        assert east.engine.run(given.id).result(PATIENT) == "forged"
        adopted = east.store.find(given.id)
        assert adopted is not None
        assert adopted.parent is None
        east.engine.resume(true.id, "true")
        assert caller.result(PATIENT) == "true"
