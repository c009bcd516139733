"""Keeping: export, install, adopt, prune, backup."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from everflow.errors import NoSuchRun, StoreDamaged, StoreError
from everflow.store import Imported, QuestionQuery, RunQuery, RunRow, Status, Store
from everflow.testing.conformance.base import (
    DEFINITION,
    START,
    Hooks,
    Scribe,
    answer,
    begin,
    cancel,
    early,
    entry,
    inbox_of,
    opened,
    question_of,
    standing,
)


def lived(store: Store, name: str = "a") -> RunRow:
    """A run with a history: entries, an open and an answered question, an inbox."""
    scribe = Scribe(store)
    row = begin(store, name, owner=scribe.id, key=f"key of {name}", labels={"x": "1"})
    scribe.write(
        entries=[entry(row.no, 1, "[1]"), entry(row.no, 2, "[2]")],
        opened=[opened(row), opened(row, "u")],
        changes=[standing(row, Status.SUSPENDED, due=START + 5)],
    )
    store.accept([early(row, "later"), answer(row)])
    return store.rows([row.no])[0]


def other_history(whole: Imported) -> Imported:
    """The same run with another last entry."""
    no, seq, _, _ = whole.entries[-1]
    return structs.replace(whole, entries=[*whole.entries[:-1], entry(no, seq, '["other"]')])


def without_last(whole: Imported) -> Imported:
    """The same run, one entry earlier."""
    return structs.replace(whole, entries=whole.entries[:-1])


class ExportRules(Hooks):
    """`export` and `install`."""

    @pytest.fixture
    def whole(self, tmp_path: Path) -> Imported:
        """A run as another store exports it."""
        place = tmp_path / "elsewhere"
        place.mkdir()
        elsewhere = self.make_store(place)
        begin(elsewhere, "filler")
        whole = elsewhere.export(lived(elsewhere).no)
        elsewhere.close()
        return whole

    def test_an_export_is_the_whole_run(self, store: Store) -> None:
        """B081: row, entries, questions in every state, unapplied messages."""
        row = lived(store)
        whole = store.export(row.no)
        assert whole.row == row
        assert whole.entries == store.journal(row.no)
        assert whole.questions == store.questions(QuestionQuery(no=row.no, open_only=False))
        assert whole.arrivals == [early(row, "later"), answer(row)]

    def test_an_unknown_run_is_not_exported(self, store: Store) -> None:
        """It is named as missing."""
        with pytest.raises(NoSuchRun):
            store.export(999_999)

    def test_damage_is_not_exported(self, store: Store) -> None:
        """A damaged journal doesn't spread."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(entries=[(row.no, 1, "[1]", 1)])
        with pytest.raises(StoreDamaged):
            store.export(row.no)

    def test_an_installed_run_is_the_same_under_a_new_number(
        self, store: Store, whole: Imported
    ) -> None:
        """Unowned, as it was else; its definition is kept."""
        taken = begin(store, "b", no=whole.row.no)
        assert store.install([whole], [("d7", "{}")]) == ["new"]
        row = store.find("a")
        assert row is not None
        assert row.no != taken.no
        assert row == structs.replace(whole.row, no=row.no, owner=0)
        assert store.definition("d7") == "{}"
        again = store.export(row.no)
        assert [part[1:] for part in again.entries] == [part[1:] for part in whole.entries]
        assert again.questions == [structs.replace(q, no=row.no) for q in whole.questions]
        assert again.arrivals == [structs.replace(m, no=row.no) for m in whole.arrivals]

    def test_an_installed_run_goes_on(self, store: Store, whole: Imported) -> None:
        """Its key is known, it is claimed for its inbox, its question takes the answer."""
        store.install([whole], [DEFINITION])
        row = store.find_key("f", "key of a")
        assert row is not None
        taker = Scribe(store)
        assert [taken.id for taken in store.claim(taker.id, now=START, limit=9)] == ["a"]
        assert inbox_of(store, row) == [early(row, "later"), answer(row)]
        assert [str(v) for v in store.accept([answer(row), answer(row, "u")])] == [
            "repeated",
            "accepted",
        ]

    def test_an_installed_run_survives_a_restart(
        self, store: Store, whole: Imported, place: Path
    ) -> None:
        """An import is durable."""
        store.install([whole], [])
        before = store.export(store.runs(RunQuery())[0].no)
        later = self.reopen(store, place)
        assert later.export(before.row.no) == before
        later.close()

    def test_the_same_history_is_the_same(self, store: Store, whole: Imported) -> None:
        """A second import writes nothing, a prefix of what is there neither."""
        store.install([whole], [])
        before = store.runs(RunQuery())
        changed = structs.replace(whole, row=structs.replace(whole.row, reason="other"))
        for again in (whole, without_last(whole), changed):
            assert store.install([again], []) == ["same"]
            assert store.install([again], [], replace=True) == ["same"]
        assert store.runs(RunQuery()) == before

    def test_other_history_is_a_conflict(self, store: Store, whole: Imported) -> None:
        """Nothing of that run is written; others are."""
        store.install([whole], [])
        before = store.export(store.runs(RunQuery())[0].no)
        fresh = structs.replace(whole, row=structs.replace(whole.row, id="b", key=None))
        assert store.install([other_history(whole), fresh], []) == ["conflict", "new"]
        assert store.export(before.row.no) == before

    def test_more_history_is_other_history(self, store: Store, whole: Imported) -> None:
        """A run here isn't brought forward unasked."""
        store.install([without_last(whole)], [])
        assert store.install([whole], []) == ["conflict"]
        assert store.install([whole], [], replace=True) == ["replaced"]

    def test_a_conflict_is_replaced_when_asked(self, store: Store, whole: Imported) -> None:
        """The old run is gone with all that was its own; its key is the new one's."""
        old = lived(store)
        assert store.install([other_history(whole)], [], replace=True) == ["replaced"]
        (row,) = store.runs(RunQuery())
        assert row.owner == 0
        assert store.rows([old.no] if old.no != row.no else []) == []
        assert store.journal(row.no)[-1][2] == '["other"]'
        assert len(store.journal(row.no)) == 3
        assert store.find_key("f", "key of a") == row
        assert len(store.questions(QuestionQuery(open_only=False))) == 3
        assert len(inbox_of(store, row)) == 2

    def test_an_active_owned_run_is_never_replaced(self, store: Store, whole: Imported) -> None:
        """But a resting one is, and an active one whose owner is gone."""
        store.install([whole], [])
        row = store.runs(RunQuery())[0]
        scribe = Scribe(store)
        store.claim(scribe.id, now=START, limit=1)
        scribe.write(changes=[standing(row, Status.RUNNING)])
        assert store.install([other_history(whole)], [], replace=True) == ["conflict"]
        store.depose(scribe.id, 1)
        assert store.install([other_history(whole)], [], replace=True) == ["replaced"]

    def test_a_key_of_another_run_is_a_conflict(self, store: Store, whole: Imported) -> None:
        """Whatever is asked: replacing is for the same run."""
        mine = begin(store, "mine", key="key of a")
        assert store.install([whole], []) == ["conflict"]
        assert store.install([whole], [], replace=True) == ["conflict"]
        assert store.runs(RunQuery()) == [mine]

    def test_a_run_twice_in_one_import_is_judged_in_order(
        self, store: Store, whole: Imported
    ) -> None:
        """The second meets the first."""
        runs = [whole, whole, other_history(whole)]
        assert store.install(runs, []) == ["new", "same", "conflict"]

    def test_pruned_history_is_compared_by_what_both_have(
        self, store: Store, whole: Imported
    ) -> None:
        """The same when that agrees, other history when nothing is left to compare."""
        store.install([whole], [])
        row = store.runs(RunQuery())[0]
        scribe = Scribe(store)
        scribe.write(changes=[standing(row, Status.SUSPENDED, base=2)])
        store.prune(row.no, before=2, keep=[])
        assert store.install([whole], []) == ["same"]
        assert store.install([without_last(whole)], []) == ["conflict"]


class KeepingRules(Hooks):
    """`adopt`, `prune` and `backup`."""

    def test_a_paused_run_is_adopted(self, store: Store) -> None:
        """B082: queued from then on; its origin stays."""
        whole = store.export(begin(store, "a").no)
        row = structs.replace(
            whole.row, id="b", status=Status.PAUSED, reason="imported", origin="other store"
        )
        store.install([structs.replace(whole, row=row)], [])
        paused = store.find("b")
        assert paused is not None
        assert store.adopt([paused.no]) == [True]
        assert store.rows([paused.no]) == [structs.replace(paused, status=Status.QUEUED, reason="")]

    def test_a_run_that_was_set_aside_is_adopted(self, store: Store) -> None:
        """Once no living worker owns it; it begins with no deaths, and can be claimed."""
        scribe = Scribe(store)
        row = scribe.run("a", Status.BLOCKED, until="operator", reason="deadly", deaths=3)
        assert store.adopt([row.no]) == [False]
        store.release(scribe.id, [row.no])
        assert store.adopt([row.no]) == [True]
        taken = store.claim(scribe.id, now=START, limit=1)
        assert [(run.id, run.status, run.until, run.reason, run.deaths) for run in taken] == [
            ("a", Status.QUEUED, "", "", 0)
        ]

    @pytest.mark.parametrize("status", sorted(set(Status) - {Status.PAUSED}))
    def test_no_other_run_is_adopted(self, store: Store, status: Status) -> None:
        """False, and nothing changes; nor for a run that isn't there."""
        row = Scribe(store).run("a", status)
        assert store.adopt([row.no, 999_999]) == [False, False]
        assert store.rows([row.no]) == [row]

    def test_old_history_is_pruned(self, store: Store) -> None:
        """Entries before the mark go but those kept; the run loads as before."""
        scribe = Scribe(store)
        row, other = scribe.run("a"), scribe.run("b")
        scribe.write(entries=[entry(run.no, seq) for run in (row, other) for seq in range(1, 9)])
        scribe.write(changes=[standing(run, Status.RUNNING, base=6) for run in (row, other)])
        before = store.load([row.no])
        assert store.prune(row.no, before=5, keep=[0, 3, 7]) == 3
        assert [seq for _, seq, _, _ in store.journal(row.no)] == [0, 3, 5, 6, 7, 8]
        assert store.load([row.no]) == before
        assert len(store.journal(other.no)) == 9
        assert store.prune(row.no, before=5, keep=[0, 3]) == 0

    def test_the_base_is_never_pruned(self, store: Store) -> None:
        """Whatever mark is asked for."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(entries=[entry(row.no, seq) for seq in range(1, 5)])
        assert store.prune(row.no, before=99, keep=[]) == 0
        scribe.write(changes=[standing(row, Status.RUNNING, base=3)])
        assert store.prune(row.no, before=99, keep=[]) == 3
        assert len(store.load([row.no])[0].entries) == 2
        assert store.prune(999_999, before=99, keep=[]) == 0

    def test_a_backup_is_the_whole_store(self, store: Store, tmp_path: Path) -> None:
        """Same identity, same runs; what comes later isn't in it."""
        row = lived(store)
        backup = str(tmp_path / "backup")
        told: list[tuple[int, int]] = []
        store.backup(backup, lambda done, total: told.append((done, total)))
        store.accept([cancel(row)])
        copy = self.open_backup(store, backup)
        assert copy.info().id == store.info().id
        assert copy.rows([row.no]) == [row]
        assert question_of(copy, row) == question_of(store, row)
        assert inbox_of(copy, row) == [early(row, "later"), answer(row)]
        assert begin(copy, "b").no not in {0, row.no}
        assert store.find("b") is None
        copy.close()
        assert told
        assert told[-1][0] == told[-1][1]

    def test_a_backup_overwrites_nothing(self, store: Store, tmp_path: Path) -> None:
        """A place that is taken is refused."""
        backup = str(tmp_path / "backup")
        store.backup(backup)
        with pytest.raises(StoreError):
            store.backup(backup)
