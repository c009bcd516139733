"""Runs of queues: claimed only once they have their place."""

from __future__ import annotations

from pathlib import Path

from everflow.store import OUTCOMES, Put, RunQuery, Status, Store
from everflow.testing.conformance.base import START, Hooks, Scribe, begin, cancel, standing


def taken(store: Store, scribe: Scribe) -> list[str]:
    """What the scribe gets by a claim."""
    return [row.id for row in store.claim(scribe.id, now=START, limit=9)]


class QueueRules(Hooks):
    """The columns of queues, `claim`, and `write`'s `admit`."""

    def test_a_run_bears_its_place(self, store: Store, place: Path) -> None:
        """Queue, lane, priority and admission, over a restart."""
        row = begin(store, "a", queue="mails", lane="ann", priority=-3, admitted=START)
        assert (row.queue, row.lane, row.priority, row.admitted) == ("mails", "ann", -3, START)
        later = self.reopen(store, place)
        assert later.find("a") == row
        later.close()

    def test_a_waiting_run_isnt_claimed(self, store: Store) -> None:
        """Until it is admitted; the rest of the store goes on."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="mails")
        begin(store, "b", queue="mails", admitted=START)
        begin(store, "c")
        assert taken(store, scribe) == ["b", "c"]
        assert store.write([], at=START + 5, admit=[row.no]) == []
        assert store.rows([row.no])[0].admitted == START + 5
        assert taken(store, scribe) == ["a"]

    def test_a_waiting_run_can_be_cancelled(self, store: Store) -> None:
        """It needs no place for that."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="mails")
        store.accept([cancel(row)])
        assert taken(store, scribe) == ["a"]

    def test_an_admission_leaves_others_alone(self, store: Store) -> None:
        """Of no queue, admitted already, ended, or not there at all."""
        scribe = Scribe(store)
        none, old = begin(store, "a"), begin(store, "b", queue="q", admitted=START)
        ends = [
            scribe.run(status, status) if status is Status.DONE else begin(store, status, queue="q")
            for status in sorted(OUTCOMES)
        ]
        scribe.write(changes=[standing(row, Status(row.id)) for row in ends])
        before = store.runs(RunQuery())
        nos = [none.no, old.no, 99_999, *(row.no for row in ends)]
        assert store.write([], at=START + 5, admit=nos) == []
        assert store.runs(RunQuery()) == before

    def test_an_admission_is_guarded_by_a_record(self, store: Store) -> None:
        """Of two who saw the same, one admits."""
        one, two = begin(store, "a", queue="q"), begin(store, "b", queue="q")
        store.write([Put(kind="queue", key="q", body="{}")], at=START)
        version = store.records("queue")[0].version
        guard = [Put(kind="queue", key="q", body="{}", expect=version)]
        assert store.write(guard, at=START, admit=[one.no]) == []
        assert store.write(guard, at=START, admit=[two.no]) is None
        assert [row.admitted for row in store.rows([one.no, two.no])] == [START, None]

    def test_runs_are_found_by_their_queue(self, store: Store) -> None:
        """And counted."""
        begin(store, "a", queue="q")
        begin(store, "b")
        assert [row.id for row in store.runs(RunQuery(queue="q"))] == ["a"]
        assert store.count(RunQuery(queue="q")) == {Status.QUEUED: 1}
        assert [row.id for row in store.runs(RunQuery(queue=""))] == ["b"]
