"""Starting: new rows, resent starts, keys, numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.errors import StoreError
from everflow.store import WORKER_SPAN, RunQuery, RunRow, Status, Store
from everflow.testing.conformance.base import (
    DEFINITION,
    START,
    Hooks,
    Scribe,
    begin,
    entry,
    new_run,
    standing,
)


class StartRules(Hooks):
    """`start`."""

    def test_a_new_run_is_queued_and_blank(self, store: Store) -> None:
        """B060: every field of a new row."""
        row = begin(store, "a", parent="p", labels={"x": "1"}, key="k")
        assert row == RunRow(
            no=row.no,
            id="a",
            flow="f",
            definition="d1",
            status=Status.QUEUED,
            until="",
            reason="",
            owner=0,
            key="k",
            parent="p",
            labels={"x": "1"},
            generation=0,
            origin="",
            created=START,
            updated=START,
            ended=None,
            due=None,
            base=0,
            cancel=False,
            deaths=0,
            outcome=None,
        )
        assert store.rows([row.no]) == [row]

    def test_a_run_starts_with_its_first_entry(self, store: Store) -> None:
        """Entry 0 is what the start bore."""
        row = begin(store, "a", body='["in",1]')
        assert store.journal(row.no) == [entry(row.no, 0, '["in",1]')]

    def test_a_start_may_own_and_run_at_once(self, store: Store) -> None:
        """A worker's own new runs need no claim."""
        scribe = Scribe(store)
        row = begin(store, "a", owner=scribe.id, status=Status.RUNNING)
        assert (row.owner, row.status) == (scribe.id, Status.RUNNING)

    def test_the_store_numbers_from_one(self, store: Store) -> None:
        """Its numbers are its own, below any worker's span."""
        rows = store.start([new_run("a"), new_run("b")], [DEFINITION])
        rows += store.start([new_run("c")])
        numbers = [row.no for row in rows]
        assert len(set(numbers)) == 3
        assert all(1 <= no < WORKER_SPAN for no in numbers)

    def test_a_given_number_is_kept(self, store: Store) -> None:
        """A worker numbers in its own span, and the store's own numbers stay below."""
        assert begin(store, "a", no=3 * WORKER_SPAN + 5).no == 3 * WORKER_SPAN + 5
        assert begin(store, "b").no < WORKER_SPAN

    def test_a_number_of_another_run_is_refused_whole(self, store: Store) -> None:
        """Nothing of the call is written."""
        begin(store, "a", no=WORKER_SPAN)
        with pytest.raises(StoreError):
            store.start([new_run("b"), new_run("c", no=WORKER_SPAN)], [("d2", "{}")])
        assert [row.id for row in store.runs(RunQuery())] == ["a"]
        assert store.definition("d2") is None

    def test_answers_come_in_the_order_asked(self, store: Store) -> None:
        """One row for each run, new or not."""
        begin(store, "b")
        rows = store.start([new_run("a"), new_run("b"), new_run("c")])
        assert [row.id for row in rows] == ["a", "b", "c"]

    def test_nothing_started_is_nothing(self, store: Store) -> None:
        """An empty start keeps its definitions."""
        assert store.start([], [("d2", "{}")]) == []
        assert store.definition("d2") == "{}"

    def test_a_start_sent_again_starts_nothing(self, store: Store) -> None:
        """An ambiguous commit is repeated; the run may have gone on meanwhile."""
        scribe = Scribe(store)
        start = new_run("a", owner=scribe.id, no=WORKER_SPAN, labels={"x": "1"})
        (row,) = store.start([start])
        scribe.write(entries=[entry(row.no, 1)], changes=[standing(row, Status.DONE)])
        (again,) = store.start([start])
        assert again == store.rows([row.no])[0]
        assert again.status is Status.DONE
        assert len(store.journal(row.no)) == 2

    def test_a_run_twice_in_one_call_is_one(self, store: Store) -> None:
        """Resent within one call, too."""
        one, two = store.start([new_run("a"), new_run("a")])
        assert one == two
        assert len(store.runs(RunQuery())) == 1

    def test_the_same_key_gives_the_same_run(self, store: Store) -> None:
        """B061: the first run with a key is everybody's."""
        first = begin(store, "a", key="k")
        assert begin(store, "b", key="k") == first
        assert store.find("b") is None

    def test_a_key_twice_in_one_call_is_one_run(self, store: Store) -> None:
        """The first of them wins."""
        one, two = store.start([new_run("a", key="k"), new_run("b", key="k")])
        assert one == two
        assert one.id == "a"

    def test_a_key_belongs_to_its_flow(self, store: Store) -> None:
        """Another flow's equal key is another key."""
        first = begin(store, "a", key="k")
        assert begin(store, "b", key="k", flow="g").no != first.no

    def test_a_key_outlives_its_run(self, store: Store) -> None:
        """A finished run keeps its key."""
        scribe = Scribe(store)
        first = begin(store, "a", key="k")
        scribe.write(changes=[standing(first, Status.DONE)])
        assert begin(store, "b", key="k").id == "a"

    def test_the_id_is_looked_at_before_the_key(self, store: Store) -> None:
        """A resent run is itself, though its key be another's."""
        begin(store, "a", key="k")
        second = begin(store, "b")
        assert begin(store, "b", key="k") == second

    def test_no_key_is_no_equal_key(self, store: Store) -> None:
        """Runs without keys are all new; the empty text is a key."""
        rows = [begin(store, "a"), begin(store, "b"), begin(store, "c", key="")]
        assert len({row.no for row in rows}) == 3
        assert begin(store, "d", key="").id == "c"

    def test_what_was_started_survives_a_restart(self, store: Store, place: Path) -> None:
        """An acknowledged start is durable, its definition and labels too."""
        row = begin(store, "a", key="k", labels={"x": "1", "y": ""})
        later = self.reopen(store, place)
        assert later.find("a") == row
        assert later.definition("d1") == DEFINITION[1]
        assert later.journal(row.no) == [entry(row.no, 0, '["start"]')]
        later.close()

    def test_labels_are_copied(self, store: Store) -> None:
        """B066: nothing outside changes what was recorded, and no row that was given does."""
        labels = {"x": "1"}
        row = begin(store, "a", labels=labels)
        labels["x"] = "2"
        row.labels["x"] = "3"
        found = store.find("a")
        assert found is not None
        assert found.labels == {"x": "1"}
        found.status = Status.DONE
        assert store.rows([row.no])[0].status is Status.QUEUED

    def test_a_thousand_runs_start_at_once(self, store: Store) -> None:
        """Starts are batched."""
        rows = store.start([new_run(f"r{i}") for i in range(1000)])
        assert len({row.no for row in rows}) == 1000
