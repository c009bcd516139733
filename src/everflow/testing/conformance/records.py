"""Records: written whole, found by kind and key, and guarded by their versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.errors import Fenced, StoreError
from everflow.store import WORKER_SPAN, Put, Record, RunQuery, Signal, Status, Store
from everflow.store import Letter as LetterRow
from everflow.testing.conformance.base import (
    START,
    Hooks,
    Scribe,
    begin,
    eventually,
    inbox_of,
    new_run,
)


def put(key: str, body: str | None = "[1]", **changes: int) -> Put:
    """A record of one kind to be written."""
    return Put(kind="k", key=key, body=body, **changes)


def only(store: Store, key: str = "a") -> Record:
    """The record of that key."""
    (record,) = store.records("k", keys=[key])
    return record


def keys(records: list[Record]) -> list[str]:
    """Which they are."""
    return [record.key for record in records]


class RecordRules(Hooks):
    """`write`, `records`, `due_records` and `next_record_due`."""

    def test_a_record_is_kept_as_it_was_written(self, store: Store, place: Path) -> None:
        """All of it, over a restart."""
        assert store.write([put("a", '{"x":"é\\u0000"}', due=7)], at=START) == []
        record = only(store)
        wanted = Record(
            kind="k", key="a", version=record.version, body='{"x":"é\\u0000"}', at=START, due=7
        )
        assert record == wanted
        later = self.reopen(store, place)
        assert later.records("k") == [wanted]
        later.close()

    def test_a_version_is_new_at_each_writing(self, store: Store) -> None:
        """Never used again, not even after the record was deleted."""
        seen = []
        for body in ("[1]", "[1]", None, "[1]"):
            store.write([put("a", body)], at=START)
            seen += [record.version for record in store.records("k")]
        assert len(set(seen)) == 3
        assert min(seen) > 0
        assert seen == sorted(seen)

    def test_none_deletes(self, store: Store) -> None:
        """One that isn't there is passed over."""
        store.write([put("a"), put("b")], at=START)
        store.write([put("a", None), put("c", None)], at=START)
        assert keys(store.records("k")) == ["b"]

    def test_an_expectation_that_holds_is_no_hindrance(self, store: Store) -> None:
        """0: not there; a version: that one."""
        assert store.write([put("a", expect=0)], at=START) == []
        assert store.write([put("a", "[2]", expect=only(store).version)], at=START) == []
        assert only(store).body == "[2]"

    @pytest.mark.parametrize("there", [True, False])
    def test_an_expectation_that_fails_writes_nothing(self, store: Store, *, there: bool) -> None:
        """Neither records nor runs nor letters nor definitions."""
        row = Scribe(store).run("r")
        store.write([put("a", "[0]")], at=START)
        wrong = [put("a", "[1]", expect=0)] if there else [put("z", expect=1)]
        signal = Signal(no=0, name="n", payload="[]", key="s", at=START)
        written = store.write(
            [put("b"), *wrong],
            at=START,
            starts=[new_run("new")],
            definitions=[("d9", "{}")],
            letters=[LetterRow(run="r", message=signal)],
        )
        assert written is None
        assert keys(store.records("k")) == ["a"]
        assert only(store).body == "[0]"
        assert store.find("new") is None
        assert store.definition("d9") is None
        assert inbox_of(store, row) == []

    def test_one_of_two_writers_wins(self, store: Store, place: Path) -> None:
        """Both saw the same version."""
        store.write([put("a")], at=START)
        version = only(store).version
        other = self.another(store, place)
        first = store.write([put("a", "[1]", expect=version)], at=START)
        second = other.write([put("a", "[2]", expect=version)], at=START)
        assert (first, second) == ([], None)
        assert only(store).body == "[1]"

    def test_a_deletion_isnt_taken_for_the_record(self, store: Store) -> None:
        """Deleted and written anew isn't what was seen."""
        store.write([put("a")], at=START)
        version = only(store).version
        store.write([put("a", None)], at=START)
        store.write([put("a")], at=START)
        assert store.write([put("a", "[2]", expect=version)], at=START) is None

    def test_of_two_puts_for_one_record_the_last_counts(self, store: Store) -> None:
        """Expectations are looked at before any is written."""
        assert store.write([put("a", "[1]", expect=0), put("a", "[2]", expect=0)], at=START) == []
        assert only(store).body == "[2]"
        store.write([put("a", "[3]"), put("a", None)], at=START)
        assert store.records("k") == []

    def test_records_come_by_key(self, store: Store) -> None:
        """In the order of code points, in pages, of one kind."""
        names = ["b", "a/2", "a/1", "é", "a", "\U0001f33f", "\uffee"]
        store.write([put(name) for name in names], at=START)
        store.write([Put(kind="other", key="a", body="[]")], at=START)
        assert keys(store.records("k")) == sorted(names)
        assert keys(store.records("k", prefix="a/")) == ["a/1", "a/2"]
        assert keys(store.records("k", prefix="a", after="a", limit=1)) == ["a/1"]
        assert keys(store.records("k", keys=["b", "z", "a"])) == ["a", "b"]
        assert store.records("k", limit=0) == []
        assert store.records("none") == []

    def test_a_prefix_is_plain_text(self, store: Store) -> None:
        """No character of it means another one; upper and lower case differ."""
        store.write([put("a%b"), put("axb"), put("A%b"), put("a\ud7ff"), put("a\ue000")], at=START)
        assert keys(store.records("k", prefix="a%")) == ["a%b"]
        assert keys(store.records("k", prefix="a\ud7ff")) == ["a\ud7ff"]

    def test_due_records_come_by_their_time(self, store: Store) -> None:
        """Then by key; those without a time never."""
        store.write([put("c", due=5), put("b", due=5), put("a", due=9), put("d")], at=START)
        assert keys(store.due_records("k", now=8, limit=9)) == ["b", "c"]
        assert keys(store.due_records("k", now=9, limit=2)) == ["b", "c"]
        assert store.due_records("k", now=4, limit=9) == []
        assert store.next_record_due("k") == 5
        assert store.next_record_due("other") is None

    def test_a_batch_writes_records(self, store: Store) -> None:
        """Without expectations, once also when it is sent again, and never when it is fenced."""
        scribe = Scribe(store)
        batch = scribe.batch(puts=[put("a", "[7]", expect=99), put("b", None)])
        store.append(batch)
        version = only(store).version
        store.append(batch)
        assert (only(store).version, only(store).body, only(store).at) == (version, "[7]", START)
        with pytest.raises(Fenced):
            store.append(scribe.batch(number=9, puts=[put("z")]))
        assert keys(store.records("k")) == ["a"]

    def test_a_write_starts_runs(self, store: Store) -> None:
        """As a start does: rows in the order asked for, those that are there as they are."""
        begin(store, "old", key="x")
        written = store.write(
            [put("a")],
            at=START,
            starts=[new_run("one"), new_run("two", key="x"), new_run("old")],
            definitions=[("d7", "{}")],
        )
        assert written is not None
        assert [row.id for row in written] == ["one", "old", "old"]
        assert store.definition("d7") == "{}"
        assert len(store.journal(written[0].no)) == 1

    def test_a_write_with_a_taken_number_is_refused_whole(self, store: Store) -> None:
        """As a start is."""
        begin(store, "a", no=WORKER_SPAN)
        with pytest.raises(StoreError):
            store.write([put("a")], at=START, starts=[new_run("b", no=WORKER_SPAN)])
        assert store.records("k") == []

    def test_a_batch_starts_runs(self, store: Store) -> None:
        """Numbered by the store; one whose id or key is there is left alone, in one batch too."""
        scribe = Scribe(store)
        old = begin(store, "old", key="x")
        batch = scribe.batch(
            starts=[
                new_run("one", no=old.no, key="y", labels={"l": "1"}),
                new_run("old", body="[9]"),
                new_run("two", key="x"),
                new_run("one"),
                new_run("three", status=Status.QUEUED, parent="one"),
            ]
        )
        store.append(batch)
        store.append(batch)
        rows = {row.id: row for row in store.runs(RunQuery())}
        assert rows.keys() == {"old", "one", "three"}
        assert (rows["one"].labels, rows["three"].parent) == ({"l": "1"}, "one")
        assert [len(store.journal(row.no)) for row in rows.values()] == [1, 1, 1]
        assert store.journal(old.no)[0][2] == '["start"]'
        taken = store.claim(scribe.id, now=START, limit=9)
        assert [row.id for row in taken] == ["old", "one", "three"]

    def test_others_see_that_records_were_written(self, store: Store, place: Path) -> None:
        """The version of the store changes."""
        other = self.another(store, place)
        before = store.version()
        other.write([put("a")], at=START)
        eventually(lambda: store.version() != before)
