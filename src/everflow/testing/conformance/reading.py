"""Reading: loads from the base, checksums, single entries, queries, paging."""

from __future__ import annotations

import pytest
from msgspec import structs

from everflow.errors import StoreDamaged
from everflow.store import QuestionQuery, RunQuery, RunRow, Status, Store
from everflow.testing.conformance.base import (
    START,
    Hooks,
    Scribe,
    answer,
    begin,
    cancel,
    early,
    entry,
    opened,
    standing,
)


def history(scribe: Scribe, name: str, length: int = 5, base: int = 0) -> RunRow:
    """A run with that many entries beside its first."""
    row = scribe.run(name)
    scribe.write(
        entries=[entry(row.no, seq, f"[{seq}]") for seq in range(1, length + 1)],
        changes=[standing(row, Status.RUNNING, base=base)],
    )
    return scribe.store.rows([row.no])[0]


def ids(store: Store, **query: object) -> str:
    """The one-letter ids that a query finds, in order."""
    return "".join(row.id for row in store.runs(structs.replace(RunQuery(), **query)))


class LoadRules(Hooks):
    """`load`, `entries` and `journal`."""

    def test_a_run_is_loaded_from_its_base(self, store: Store) -> None:
        """The base itself is the first entry."""
        scribe = Scribe(store)
        row = history(scribe, "a", base=3)
        (loaded,) = store.load([row.no])
        assert loaded.row == row
        assert loaded.entries == [entry(row.no, seq, f"[{seq}]") for seq in (3, 4, 5)]

    def test_runs_are_loaded_in_the_order_asked(self, store: Store) -> None:
        """Each with its own inbox, unknown ones left out."""
        scribe = Scribe(store)
        one, two = history(scribe, "a"), history(scribe, "b")
        store.accept([early(one), early(two, "x"), early(one, "y")])
        first, second = store.load([two.no, 999_999, one.no])
        assert [first.row.id, second.row.id] == ["b", "a"]
        assert [arrival.message for arrival in first.arrivals] == [early(two, "x")]
        assert [arrival.message for arrival in second.arrivals] == [early(one), early(one, "y")]
        assert store.load([]) == []

    def test_a_wrong_checksum_is_damage(self, store: Store) -> None:
        """Loading names the run; so does reading the entry."""
        scribe = Scribe(store)
        row = history(scribe, "a", 1)
        fine = history(scribe, "b", 1)
        scribe.write(entries=[(row.no, 2, "[2]", 1)])
        with pytest.raises(StoreDamaged) as caught:
            store.load([fine.no, row.no])
        assert caught.value.run == "a"
        with pytest.raises(StoreDamaged) as caught:
            store.entries(row.no, [2])
        assert caught.value.run == "a"
        assert len(store.load([fine.no])) == 1
        assert store.entries(row.no, [1]) == {1: "[1]"}

    def test_a_wrong_checksum_of_the_start_is_damage(self, store: Store) -> None:
        """The first entry is checked like any other."""
        row = begin(store, "a", sum=1)
        with pytest.raises(StoreDamaged):
            store.load([row.no])

    def test_a_missing_entry_is_damage(self, store: Store) -> None:
        """A journal with a hole isn't folded."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(entries=[entry(row.no, 1), entry(row.no, 3)])
        with pytest.raises(StoreDamaged) as caught:
            store.load([row.no])
        assert caught.value.run == "a"

    def test_a_missing_base_is_damage(self, store: Store) -> None:
        """The row names a snapshot that isn't there, at the front or beyond the end."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(changes=[standing(row, Status.RUNNING, base=7)])
        with pytest.raises(StoreDamaged):
            store.load([row.no])
        scribe.write(entries=[entry(row.no, 8)])
        with pytest.raises(StoreDamaged):
            store.load([row.no])

    def test_what_lies_before_the_base_is_not_checked(self, store: Store) -> None:
        """Old damage doesn't stop a run that needs it no more."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(entries=[(row.no, 1, "[1]", 1), entry(row.no, 2)])
        scribe.write(changes=[standing(row, Status.RUNNING, base=2)])
        assert store.load([row.no])[0].entries == [entry(row.no, 2)]

    def test_single_entries_are_read_by_their_seq(self, store: Store) -> None:
        """In any order, before the base too."""
        row = history(Scribe(store), "a", base=4)
        assert store.entries(row.no, [5, 1]) == {5: "[5]", 1: "[1]"}
        assert store.entries(row.no, []) == {}

    def test_a_single_entry_that_is_missing_is_damage(self, store: Store) -> None:
        """Somebody has a reference to it."""
        row = history(Scribe(store), "a")
        for no, seq in ((row.no, 6), (999_999, 0)):
            with pytest.raises(StoreDamaged):
                store.entries(no, [seq])

    def test_a_journal_is_read_in_pages(self, store: Store) -> None:
        """From any seq, in order; an unknown run has none."""
        row = history(Scribe(store), "a")
        bodies = [body for _, _, body, _ in store.journal(row.no, first=2, limit=3)]
        assert bodies == ["[2]", "[3]", "[4]"]
        assert len(store.journal(row.no)) == 6
        assert store.journal(row.no, first=6) == []
        assert store.journal(row.no, limit=0) == []
        assert store.journal(999_999) == []

    def test_a_journal_shows_damage(self, store: Store) -> None:
        """It is for people who look into it."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(entries=[(row.no, 1, "[1]", 1), entry(row.no, 3)])
        assert store.journal(row.no)[1:] == [(row.no, 1, "[1]", 1), entry(row.no, 3)]


class QueryRules(Hooks):
    """`find`, `find_key`, `rows`, `asked`, `runs`, `count`, `questions`, `definition`."""

    def test_a_run_is_found_by_its_names(self, store: Store) -> None:
        """By id, by flow and key, by number."""
        row = begin(store, "a", key="k")
        assert store.find("a") == row
        assert store.find_key("f", "k") == row
        assert store.rows([row.no]) == [row]

    def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        """No guess, no error."""
        begin(store, "a")
        assert store.find("A") is None
        assert store.find_key("f", "k") is None
        assert store.find_key("g", "") is None
        assert store.rows([999_999]) == []
        assert store.definition("d9") is None

    def test_rows_come_in_the_order_asked(self, store: Store) -> None:
        """Unknown ones are left out."""
        one, two = begin(store, "a"), begin(store, "b")
        assert store.rows([two.no, 999_999, one.no]) == [two, one]
        assert store.rows([]) == []

    def test_runs_are_listed_by_age(self, store: Store) -> None:
        """B068: by creation, then by number, either way round."""
        for name, at in (("d", 4), ("b", 2), ("a", 1), ("c", 2)):
            begin(store, name, at=START + at)
        assert ids(store) == "abcd"
        assert ids(store, newest_first=True) == "dcba"
        assert ids(store, limit=2) == "ab"
        assert ids(store, limit=0) == ""

    def test_runs_are_filtered_by_everything_at_once(self, store: Store) -> None:
        """B068: status, flow, label, time, open tag."""
        scribe = Scribe(store)
        one = begin(store, "a", labels={"x": "1", "y": "2"}, at=START + 1)
        two = begin(store, "b", labels={"x": "1"}, at=START + 2, flow="g")
        begin(store, "c", at=START + 3)
        scribe.write(
            opened=[opened(one), opened(two), opened(two, "u")],
            changes=[standing(two, Status.SUSPENDED)],
        )
        assert ids(store, status=(Status.QUEUED,)) == "ac"
        assert ids(store, status=(Status.QUEUED, Status.SUSPENDED)) == "abc"
        assert ids(store, flow="g") == "b"
        assert ids(store, flow="") == ""
        assert ids(store, labels=(("x", "1"),)) == "ab"
        assert ids(store, labels=(("x", "1"), ("y", "2"))) == "a"
        assert ids(store, labels=(("x", "2"),)) == ""
        assert ids(store, since=START + 2) == "bc"
        assert ids(store, before=START + 2) == "a"
        assert ids(store, tag="t") == "ab"
        assert ids(store, tag="u") == "b"
        assert ids(store, tag="t", labels=(("x", "1"),), flow="f", since=START) == "a"

    def test_an_answered_tag_is_not_pending(self, store: Store) -> None:
        """Only open questions count."""
        row = Scribe(store).asking("a")
        store.accept([answer(row)])
        assert ids(store, tag="t") == ""

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_pages_hold_still_while_runs_are_added(
        self, store: Store, *, newest_first: bool
    ) -> None:
        """B068: paging shows each run once, whatever is started meanwhile."""
        for i, name in enumerate("abcdefg"):
            begin(store, name, at=START + i // 3)
        seen, last = "", 0
        for extra in "tuvwxyz":
            page = store.runs(RunQuery(after=last, limit=2, newest_first=newest_first))
            seen += "".join(row.id for row in page if row.id in "abcdefg")
            last = page[-1].no if page else last
            begin(store, extra, at=START + 9)
        assert seen == ("gfedcba" if newest_first else "abcdefg")

    def test_after_a_run_that_is_not_there_comes_nothing(self, store: Store) -> None:
        """A page mark names a run of this store."""
        begin(store, "a")
        assert store.runs(RunQuery(after=999_999)) == []

    def test_runs_are_counted_by_status(self, store: Store) -> None:
        """Filters count, pages don't; what isn't there isn't listed."""
        scribe = Scribe(store)
        first = scribe.run("a", Status.DONE)
        for name in "bcd":
            begin(store, name)
        assert store.count(RunQuery()) == {Status.DONE: 1, Status.QUEUED: 3}
        assert store.count(RunQuery(limit=1, after=first.no)) == {Status.DONE: 1, Status.QUEUED: 3}
        assert store.count(RunQuery(status=(Status.DONE,))) == {Status.DONE: 1}
        assert store.count(RunQuery(flow="g")) == {}

    def test_questions_are_listed_as_they_were_opened(self, store: Store) -> None:
        """Over all runs, and within a batch in its order."""
        scribe = Scribe(store)
        one, two = scribe.run("a"), scribe.run("b")
        scribe.write(opened=[opened(two, "z"), opened(one, "y")])
        scribe.write(opened=[opened(two, "a"), opened(one, "y", 1)])
        asked = [(q.run, q.tag, q.occurrence) for q in store.questions(QuestionQuery())]
        assert asked == [("b", "z", 0), ("a", "y", 0), ("b", "a", 0), ("a", "y", 1)]
        assert len(store.questions(QuestionQuery(limit=3))) == 3
        assert store.questions(QuestionQuery(limit=0)) == []

    def test_questions_are_paged(self, store: Store) -> None:
        """A page follows a question, be it closed meanwhile, and keeps to the filters."""
        scribe = Scribe(store)
        one, two = scribe.asking("a"), scribe.asking("b")
        scribe.write(opened=[opened(one, "t", 1), opened(two, "u")])
        store.accept([answer(one)])

        def after(place: tuple[int, str, int], **query: object) -> list[tuple[str, str]]:
            asked = QuestionQuery(after=place)
            found = store.questions(structs.replace(asked, **query))
            return [(q.run, q.tag) for q in found]

        first = (one.no, "t", 0)
        assert after(first) == [("b", "t"), ("a", "t"), ("b", "u")]
        assert after(first, limit=2) == [("b", "t"), ("a", "t")]
        assert after(first, no=two.no) == [("b", "t"), ("b", "u")]
        assert after((one.no, "t", 1), tag="t") == []
        assert after((two.no, "u", 0)) == []
        assert after((two.no, "u", 7)) == []

    def test_questions_are_filtered(self, store: Store) -> None:
        """By run, tag and occurrence; closed ones only when asked for."""
        scribe = Scribe(store)
        one, two = scribe.asking("a"), scribe.asking("b")
        scribe.write(opened=[opened(one, "t", 1), opened(one, "u")])
        store.accept([answer(one)])

        def asked(**query: object) -> list[tuple[str, str, int]]:
            found = store.questions(structs.replace(QuestionQuery(), **query))
            return [(q.run, q.tag, q.occurrence) for q in found]

        assert asked(no=two.no) == [("b", "t", 0)]
        assert asked(tag="t") == [("b", "t", 0), ("a", "t", 1)]
        assert asked(tag="t", open_only=False, no=one.no) == [("a", "t", 0), ("a", "t", 1)]
        assert asked(occurrence=1) == [("a", "t", 1)]
        assert asked(tag="x") == []

    def test_a_standing_counts_what_is_not_applied(self, store: Store) -> None:
        """Accepted messages count until the batch that applies them; other runs' don't."""
        scribe = Scribe(store)
        one, two = scribe.asking("a"), scribe.asking("b")
        store.accept([answer(one), early(one, key="l"), early(two), cancel(one)])
        assert store.standing(one.no) == (Status.SUSPENDED, 3)
        first, *_ = store.arrivals(scribe.id, after=0, limit=1)
        scribe.write(arrivals=[first.id], changes=[standing(one, Status.RUNNING)])
        assert store.standing(one.no) == (Status.RUNNING, 2)
        assert store.standing(two.no) == (Status.SUSPENDED, 1)
        assert store.standing(999_999) is None

    def test_questions_are_found_by_their_tokens(self, store: Store) -> None:
        """Open and closed ones, each with its run, in the order asked; what isn't there is None."""
        scribe = Scribe(store)
        one, two = scribe.asking("a"), scribe.asking("b")
        scribe.write(opened=[opened(two, "u", 3)])
        store.accept([answer(one)])
        places = [("b", "u", 3), ("c", "t", 0), ("a", "t", 0), ("a", "t", 1), ("a", "t", 0)]
        found = store.asked(places)
        listed = {
            (q.run, q.tag, q.occurrence): q for q in store.questions(QuestionQuery(open_only=False))
        }
        assert [question for _, question in found] == [listed.get(place) for place in places]
        assert [row for row, _ in found] == [store.find(name) for name, _, _ in places]
        assert store.asked([]) == []

    def test_a_question_tells_its_runs_present_definition(self, store: Store) -> None:
        """An upgraded run's questions are of the new definition."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        scribe.write(changes=[standing(row, Status.SUSPENDED, definition="d2")])
        assert [q.definition for q in store.questions(QuestionQuery())] == ["d2"]
