"""Workers as others see them: the queues they are bound to, what they say of themselves and own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from everflow.store import Released, Status, Store
from everflow.testing.conformance.base import (
    HOUR,
    START,
    Hooks,
    Scribe,
    begin,
    cancel,
    early,
    standing,
)


def claimed(
    store: Store, taker: Scribe, queues: Sequence[str] | None, *, now: int = START, limit: int = 99
) -> list[str]:
    """The ids that the taker gets of these queues."""
    taken = store.claim(taker.id, now=now, limit=limit, queues=queues)
    return [row.id for row in taken]


class BoundRules(Hooks):
    """`claim` of a worker that is bound to queues."""

    def test_a_bound_worker_takes_runs_of_its_queues(self, store: Store) -> None:
        """And no others, however old; "" stands for runs of no queue."""
        begin(store, "plain", at=START - 2)
        begin(store, "page", queue="pages", admitted=START, at=START - 1)
        for name, at in (("one", 3), ("two", 1), ("six", 2)):
            begin(store, name, queue="mails", admitted=START, at=START + at)
        one = Scribe(store)
        assert claimed(store, one, []) == []
        assert claimed(store, one, ["nobody's"]) == []
        assert claimed(store, one, ["mails"], limit=2) == ["two", "six"]
        assert claimed(store, one, ["", "mails"]) == ["plain", "one"]
        assert claimed(store, one, None) == ["page"]

    def test_what_waits_for_its_place_waits(self, store: Store) -> None:
        """Being bound admits nobody."""
        begin(store, "a", queue="mails")
        assert claimed(store, Scribe(store), ["mails"]) == []

    @pytest.mark.parametrize("how", ["due", "told", "taken over", "cancelled", "given back"])
    def test_whatever_there_is_to_do(self, store: Store, how: str) -> None:
        """Timers, messages, takeovers and cancels of another queue's runs are left to others."""
        dead, bound = Scribe(store), Scribe(store)
        row = dead.run("a", Status.RUNNING)
        mail = begin(store, "b", queue="mails", admitted=START, owner=dead.id)
        for run in (row, mail):
            rests = standing(run, Status.SUSPENDED, due=START + HOUR if how == "due" else None)
            parked = standing(run, Status.BLOCKED, until="code", reason="why")
            changes = {"taken over": [], "given back": [parked]}.get(how, [rests])
            given = [Released(run.no, 0)] if how == "given back" else []
            dead.write(changes=changes, released=given)
            if how in {"told", "cancelled"}:
                store.accept([early(run) if how == "told" else cancel(run)])
        store.depose(dead.id, 1)
        assert claimed(store, bound, ["pages"], now=START + HOUR) == []
        assert claimed(store, bound, ["mails"], now=START + HOUR) == ["b"]
        assert claimed(store, bound, [""], now=START + HOUR) == ["a"]

    def test_a_cancel_s_way_past_missing_code_is_no_way_past_the_queue(self, store: Store) -> None:
        """Nor is a lease that the worker holds."""
        row = begin(store, "a", queue="mails", admitted=START)
        store.accept([cancel(row)])
        held = begin(store, "b", queue="mails", admitted=START, leased=True)
        taker = Scribe(store)

        def taken(*queues: str, without: Sequence[str] = ()) -> list[str]:
            rows = store.claim(
                taker.id, now=START, limit=9, without=without, leased=[held.no], queues=queues
            )
            return [run.id for run in rows]

        assert taken("", without=[row.definition]) == []
        assert taken("mails", without=[row.definition]) == ["a"]
        assert taken("") == []
        assert taken("mails") == ["b"]


class HoldingRules(Hooks):
    """`holding`, and `about` of a worker."""

    def test_a_worker_s_words_about_itself_are_kept(self, store: Store, place: Path) -> None:
        """Whatever they are; nothing unless it said something."""
        said = '{"queues":["mäil"],"odd":"\\u0000"}'
        row = store.enlist(host="here", pid=1, at=START, about=said)
        assert row.about == said
        assert Scribe(store).row.about == ""
        later = self.reopen(store, place)
        assert [worker.about for worker in later.workers()][:1] == [said]
        later.close()

    def test_what_a_worker_holds_is_counted(self, store: Store) -> None:
        """What goes on, and what rests with its next timer; neither aside nor ended."""
        one, two = Scribe(store), Scribe(store)
        for status in Status:
            if status is not Status.HANDED_OFF:
                one.run(f"one {status}", status)
        one.run("soon", Status.WAITING, due=START + 5)
        one.run("later", Status.SUSPENDED, due=START + 9)
        begin(store, "free")
        none, mine = store.holding([two.id, one.id])
        assert (none.worker, none.active, none.resting, none.next_due) == (two.id, 0, 0, None)
        assert (mine.worker, mine.active, mine.resting, mine.next_due) == (one.id, 3, 4, START + 5)
        assert not mine.more

    def test_only_so_many_are_counted(self, store: Store) -> None:
        """The newest of each status; it is told when there are more."""
        one, two = Scribe(store), Scribe(store)
        one.run("a")
        two.run("b")
        two.run("c")
        one.run("d", Status.SUSPENDED)
        held = store.holding([one.id, two.id], most=3)
        assert [(h.active, h.resting, h.more) for h in held] == [(1, 1, False), (2, 0, False)]
        held = store.holding([one.id, two.id], most=2)
        assert [(h.active, h.resting, h.more) for h in held] == [(0, 1, True), (2, 0, True)]

    def test_who_is_gone_may_hold_something_still(self, store: Store) -> None:
        """A dead one until others claimed it; one that retired, or never was, nothing."""
        dead, ended = Scribe(store), Scribe(store)
        dead.run("a", Status.WAITING, due=START)
        ended.run("b", Status.WAITING, due=START)
        begin(store, "c", owner=999)
        store.depose(dead.id, 1)
        store.retire(ended.id)
        held = store.holding([dead.id, ended.id, 999])
        assert [(h.active, h.resting, h.next_due) for h in held] == [
            (0, 1, START), (0, 0, None), (0, 0, None),
        ]  # fmt: skip
        taker = Scribe(store)
        store.claim(taker.id, now=START, limit=9)
        held = store.holding([dead.id, taker.id])
        assert [h.resting for h in held] == [0, 2]
