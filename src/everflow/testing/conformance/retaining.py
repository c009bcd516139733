"""Retention: which runs are let go of, and that nothing of them is found any more."""

from __future__ import annotations

from everflow.store import (
    BRANCH,
    OUTCOMES,
    TENURE,
    Put,
    QuestionQuery,
    Reopened,
    Retention,
    RunQuery,
    RunRow,
    Signal,
    Status,
    Store,
    Verdict,
)
from everflow.testing.conformance.base import (
    START,
    Hooks,
    Scribe,
    begin,
    cancel,
    entry,
    inbox_of,
    new_run,
    opened,
    standing,
)

LATER = START + 100


def ended(
    scribe: Scribe, name: str, status: Status = Status.DONE, at: int = START, **new: object
) -> RunRow:
    """A run that came to its end."""
    (row,) = scribe.store.start([new_run(name, owner=scribe.id, **new)], [("d1", "{}")])
    change = standing(row, status, ended=at, outcome='["done"]')
    scribe.write(entries=[entry(row.no, 1)], changes=[change])
    return row


def let_go(store: Store, *, before: int = LATER, limit: int = 100, dry: bool = False) -> list[str]:
    """What goes, step by step."""
    found: list[str] = []
    step = store.let_go(Retention(before=before), limit=limit, dry=dry)
    found += step.gone
    while step.after is not None:
        step = store.let_go(Retention(before=before), after=step.after, limit=limit, dry=dry)
        found += step.gone
    return found


class RetentionRules(Hooks):
    """`let_go` and `reclaim`."""

    def test_what_ended_before_goes(self, store: Store) -> None:
        """Whatever its outcome; what goes on and what ended later stays."""
        scribe = Scribe(store)
        for status in sorted(OUTCOMES):
            ended(scribe, status, status)
        ended(scribe, "late", at=LATER)
        for status in (Status.RUNNING, Status.SUSPENDED, Status.PAUSED, Status.BLOCKED):
            scribe.run(status, status)
        assert sorted(let_go(store, dry=True)) == sorted(OUTCOMES)
        assert len(store.runs(RunQuery())) == len(OUTCOMES) + 5
        assert sorted(let_go(store)) == sorted(OUTCOMES)
        names = {row.id for row in store.runs(RunQuery())}
        assert names == {"late", "running", "suspended", "paused", "blocked"}
        assert let_go(store) == []

    def test_nothing_of_it_is_found(self, store: Store) -> None:
        """Neither by name, number or key, nor its entries, questions and mail; others keep it."""
        scribe = Scribe(store)
        rows = [ended(scribe, name, key=name) for name in "ab"]
        signals = [Signal(no=row.no, name="s", payload="1", key="k", at=START) for row in rows]
        gone, other = rows
        scribe.write(
            changes=[standing(other, Status.RUNNING)], opened=[opened(gone), opened(other)]
        )
        assert store.accept(signals)[1:] == [Verdict.ACCEPTED]
        assert let_go(store) == ["a"]
        assert store.find("a") is None
        assert store.find_key("f", "a") is None
        found = [store.rows([gone.no]), store.load([gone.no]), store.journal(gone.no)]
        assert not any(found)
        assert store.standing(gone.no) is None
        assert [q.run for q in store.questions(QuestionQuery(open_only=False))] == ["b"]
        assert store.accept([cancel(gone)]) == [Verdict.NO_SUCH_RUN]
        assert len(store.load([other.no])[0].entries) == 2
        assert len(inbox_of(store, other)) == 1

    def test_its_names_are_free(self, store: Store) -> None:
        """A run of the same id and key begins anew, with a journal of its own."""
        scribe = Scribe(store)
        old = ended(scribe, "a", key="k")
        let_go(store)
        new = begin(store, "a", key="k")
        assert new.no != old.no
        assert new.status is Status.QUEUED
        assert [body for _, _, body, _ in store.load([new.no])[0].entries] == ['["start"]']

    def test_labels_keep_runs(self, store: Store) -> None:
        """By a value, or whatever it is."""
        scribe = Scribe(store)
        for name, labels in (
            ("a", {}),
            ("b", {"audit": "no"}),
            ("c", {"audit": "yes"}),
            ("d", {"legal": "7y"}),
        ):
            ended(scribe, name, labels=labels)
        kept = Retention(before=LATER, keep=(("audit", "yes"), ("legal", None)))
        dry = store.let_go(kept, dry=True)
        assert (dry.gone, dry.kept, dry.after) == (["a", "b"], 2, None)
        assert store.let_go(kept) == dry
        assert [row.id for row in store.runs(RunQuery())] == ["c", "d"]

    def test_a_tenure_keeps_a_run(self, store: Store) -> None:
        """Others tell by it what is here; records of its own kinds go with a run that goes."""
        scribe = Scribe(store)
        for name in ("a", "ab", "b"):
            ended(scribe, name)
        records = [(TENURE, "b"), ("seen", "a"), ("seen", "b"), ("else", "a")]
        branches = [(BRANCH, "a/1"), (BRANCH, "ab/1"), (BRANCH, "b/1"), (BRANCH, "b")]
        store.write(
            [Put(kind=kind, key=key, body="{}") for kind, key in records + branches], at=START
        )
        step = store.let_go(Retention(before=LATER, kinds=("seen",)))
        assert (step.gone, step.kept) == (["a", "ab"], 1)
        assert [record.key for record in store.records("seen")] == ["b"]
        assert [record.key for record in store.records("else")] == ["a"]
        assert [record.key for record in store.records(BRANCH)] == ["b", "b/1"]

    def test_steps_are_small(self, store: Store) -> None:
        """Each looks at so many; all of them at everything, and what was done stays done."""
        scribe = Scribe(store)
        for nth in range(7):
            ended(scribe, f"r{nth}", at=START if nth % 3 else LATER)
        first = store.let_go(Retention(before=LATER), limit=3)
        assert first.gone == ["r1", "r2"]
        assert first.after is not None
        second = store.let_go(Retention(before=LATER), after=first.after, limit=3)
        assert second.gone == ["r4", "r5"]
        assert let_go(store, limit=2) == []
        assert store.let_go(Retention(before=LATER), limit=0) == store.let_go(
            Retention(before=0), limit=5
        )

    def test_what_was_opened_again_stays(self, store: Store) -> None:
        """And what went can't be opened again."""
        scribe = Scribe(store)
        rows = [ended(scribe, name, Status.FAILED) for name in "ab"]
        again = [Reopened(no=row.no, generation=0, entry=entry(row.no, 2)) for row in rows]
        assert store.reopen(again[:1], at=LATER) == [True]
        assert let_go(store) == ["b"]
        assert store.reopen(again[1:], at=LATER) == [False]
        assert len(store.load([rows[0].no])[0].entries) == 1

    def test_room_is_given_back(self, store: Store) -> None:
        """Until there is nothing more to do; what stays is as it was."""
        scribe = Scribe(store)
        rows = [ended(scribe, name) for name in "ab"]
        row = scribe.run("c")
        scribe.write(entries=[entry(row.no, 1)])
        before = [store.export(row.no)]
        after = (store.info().created + LATER) * 2  # later than anything
        gone = Retention(before=after)
        store.reclaim(gone, at=after, dry=True)
        assert let_go(store, before=after) == [row.id for row in rows]
        place = 0
        for _ in range(100):
            step = store.reclaim(gone, at=after, after=place)
            if not step.more:
                break
            place = step.after
        assert not step.more
        assert [store.export(row.no)] == before
        scribe.write(entries=[entry(row.no, 2)])
        assert len(store.load([row.no])[0].entries) == 3
        assert begin(store, "d").status is Status.QUEUED
