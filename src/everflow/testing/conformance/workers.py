"""Workers: enlisting, heartbeats, boards, and how an epoch ends."""

from __future__ import annotations

from pathlib import Path

from everflow.store import Status, Store
from everflow.testing.conformance.base import START, Hooks, Scribe, begin, eventually


class WorkerRules(Hooks):
    """`info`, `version`, `enlist`, `beat`, `flights`, `depose`, `retire`, `release`."""

    def test_a_store_has_an_identity_of_its_own(self, store: Store, tmp_path: Path) -> None:
        """Two stores never share an id."""
        place = tmp_path / "other"
        place.mkdir()
        other = self.make_store(place)
        assert store.info().id
        assert store.info().id != other.info().id
        other.close()

    def test_a_store_keeps_its_identity(self, store: Store, place: Path) -> None:
        """Id, format and birth outlive the process."""
        before = store.info()
        after = self.reopen(store, place)
        assert after.info() == before
        after.close()

    def test_the_highest_time_is_that_of_any_batch(self, store: Store) -> None:
        """`highest` goes up with the batches' times and never down."""
        scribe = Scribe(store)
        assert store.info().highest == 0
        scribe.write(at=START + 5)
        scribe.write(at=START)
        assert store.info().highest == START + 5

    def test_a_store_is_closed_twice_without_error(self, place: Path) -> None:
        """Closing is idempotent."""
        store = self.make_store(place)
        store.close()
        store.close()

    def test_the_version_tells_of_a_write_by_others(self, store: Store, place: Path) -> None:
        """Whoever polls sees that something was written elsewhere."""
        other = self.another(store, place)
        eventually(lambda: store.version() == store.version())
        before = store.version()
        begin(other, "a")
        eventually(lambda: store.version() != before)
        if other is not store:
            other.close()

    def test_a_new_worker_starts_at_epoch_one_and_batch_none(self, store: Store) -> None:
        """The row of a new worker is fresh and bears what was told."""
        worker = store.enlist(host="here", pid=7, at=START)
        assert worker.id >= 1
        assert (worker.epoch, worker.number) == (1, 0)
        assert (worker.host, worker.pid, worker.since) == ("here", 7, START)
        assert not worker.gone

    def test_workers_are_listed_in_the_order_of_their_ids(self, store: Store) -> None:
        """Ids grow; the list shows every living worker."""
        ids = [store.enlist(host="here", pid=pid, at=START).id for pid in range(5)]
        assert ids == sorted(set(ids))
        assert [worker.id for worker in store.workers()] == ids

    def test_an_id_is_never_used_again(self, store: Store, place: Path) -> None:
        """Not even when its worker retired and the store was opened anew."""
        first = store.enlist(host="here", pid=1, at=START)
        store.retire(first.id)
        later = self.reopen(store, place)
        assert later.enlist(host="here", pid=1, at=START).id > first.id
        later.close()

    def test_a_beat_advances_one_counter(self, store: Store) -> None:
        """Each beat counts once, for its worker alone."""
        one, two = Scribe(store), Scribe(store)
        before = {worker.id: worker.beat for worker in store.workers()}
        store.beat(one.id)
        store.beat(one.id)
        after = {worker.id: worker.beat for worker in store.workers()}
        assert after == {one.id: before[one.id] + 2, two.id: before[two.id]}

    def test_who_lives_is_not_lost(self, store: Store) -> None:
        """No lock of a living worker is free; of an unknown one there is none to look at."""
        one, two = Scribe(store), Scribe(store)
        assert not any(worker.lost for worker in store.workers())
        assert store.lost([two.id, 999, one.id]) == []

    def test_whoever_heeds_a_store_may_end_that(self, store: Store) -> None:
        """More than once; what it hears is for the store to say."""
        end = store.heed(lambda: None)
        again = store.heed(lambda: None)
        begin(store, "a")
        end()
        end()
        again()

    def test_a_board_shows_what_is_in_flight(self, store: Store) -> None:
        """The slots that aren't empty, in order, for that worker alone."""
        one, two = Scribe(store), Scribe(store)
        board = store.flights(one.id, 4)
        assert list(board) == [0, 0, 0, 0]
        board[1] = 17
        board[3] = 2**40
        assert store.in_flight(one.id) == [17, 2**40]
        assert store.in_flight(two.id) == []
        board[1] = 0
        assert store.in_flight(one.id) == [2**40]

    def test_a_board_asked_for_again_is_the_same(self, store: Store) -> None:
        """What stands on it stays."""
        scribe = Scribe(store)
        store.flights(scribe.id, 4)[2] = 5
        assert list(store.flights(scribe.id, 4)) == [0, 0, 5, 0]

    def test_a_board_survives_its_process(self, store: Store, place: Path) -> None:
        """Who takes over sees what was in flight, deposed or not."""
        scribe = Scribe(store)
        store.flights(scribe.id, 4)[0] = 9
        later = self.reopen(store, place)
        assert later.in_flight(scribe.id) == [9]
        later.depose(scribe.id, 1)
        assert later.in_flight(scribe.id) == [9]
        later.close()

    def test_an_unknown_worker_has_nothing_in_flight(self, store: Store) -> None:
        """A number that names nothing is passed over."""
        assert store.in_flight(999) == []

    def test_a_deposed_worker_is_gone_and_its_epoch_over(self, store: Store) -> None:
        """Deposing works once, and shows until its runs are taken."""
        scribe = Scribe(store)
        scribe.run("a")
        assert store.depose(scribe.id, 1)
        (worker,) = store.workers()
        assert worker.gone
        assert worker.epoch == 2
        assert not store.depose(scribe.id, 1)
        assert not store.depose(scribe.id, 2)

    def test_only_the_epoch_that_was_seen_is_deposed(self, store: Store) -> None:
        """A wrong epoch or an unknown worker is no deposing."""
        scribe = Scribe(store)
        assert not store.depose(scribe.id, 7)
        assert not store.depose(999, 1)
        assert not store.workers()[0].gone

    def test_a_deposed_worker_keeps_its_runs_until_they_are_claimed(self, store: Store) -> None:
        """The taker must see whose run it was."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.depose(scribe.id, 1)
        assert store.rows([row.no])[0].owner == scribe.id

    def test_a_retired_worker_owns_nothing(self, store: Store) -> None:
        """Retiring releases every run, resting and ended ones too."""
        scribe = Scribe(store)
        rows = [scribe.run("a"), scribe.run("b", Status.SUSPENDED), scribe.run("c", Status.DONE)]
        store.retire(scribe.id)
        assert [row.owner for row in store.rows([row.no for row in rows])] == [0, 0, 0]
        assert all(worker.gone for worker in store.workers())

    def test_a_worker_retires_once(self, store: Store) -> None:
        """Retiring again, or retiring nobody, is without effect."""
        scribe = Scribe(store)
        store.retire(scribe.id)
        store.retire(scribe.id)
        store.retire(999)
        assert all(worker.gone for worker in store.workers())

    def test_a_deposed_worker_does_not_retire(self, store: Store) -> None:
        """A zombie can't hide whose runs they were."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.depose(scribe.id, 1)
        store.retire(scribe.id)
        assert store.rows([row.no])[0].owner == scribe.id

    def test_a_worker_releases_its_own_runs(self, store: Store) -> None:
        """Only those named, and only those that it owns."""
        one, two = Scribe(store), Scribe(store)
        mine, kept, other = one.run("a"), one.run("b"), two.run("c")
        store.release(one.id, [mine.no, other.no, 999_999])
        owners = [row.owner for row in store.rows([mine.no, kept.no, other.no])]
        assert owners == [0, one.id, two.id]

    def test_a_deposed_worker_releases_nothing(self, store: Store) -> None:
        """As for retiring."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.depose(scribe.id, 1)
        store.release(scribe.id, [row.no])
        assert store.rows([row.no])[0].owner == scribe.id
