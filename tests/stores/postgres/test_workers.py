"""Workers over PostgreSQL: who claims beside whom, what is told late, and what strangers know."""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import psycopg
import pytest

from everflow.errors import StoreUnavailable
from everflow.store import RunRow, Status, Store
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.code import in_schema
from everflow.stores.postgres.lines import Lines
from everflow.stores.postgres.listening import Ear
from everflow.stores.postgres.place import Place
from everflow.testing.conformance.base import START, Scribe, begin, cancel, early, standing

Line = psycopg.Connection[tuple[object, ...]]
Open = Callable[..., Store]


@pytest.fixture
def url(fresh_url: str) -> Iterator[str]:
    """A schema that is dropped after the test."""
    yield fresh_url
    place = Place.read(fresh_url)
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        line.execute(f"DROP SCHEMA IF EXISTS {place.schema} CASCADE")


@pytest.fixture
def opened(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens the store as processes of a host do; each host has temporary files of its own."""
    stores: list[Store] = []

    def open_at(host: str = "one") -> Store:
        (tmp_path / host).mkdir(exist_ok=True)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / host))
        stores.append(cast("Store", PostgresStore.open(url)))
        return stores[-1]

    yield open_at
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Open) -> Store:
    return opened()


@pytest.fixture
def line(url: str, store: Store) -> Iterator[Line]:
    """A connection beside the store, in a transaction that the test ends."""
    with psycopg.connect(Place.read(url).conninfo) as line:
        yield line


def sql(url: str, text: str) -> str:
    return in_schema(text, Place.read(url).schema)


def ids(rows: list[RunRow]) -> list[str]:
    return [row.id for row in rows]


PATIENCE = 30.0  # seconds
CLAIM = "SELECT id FROM everflow.do_claim(%s, %s, %s, '{}', 0, '{}', NULL, '')"
LATE = (
    "WITH mail AS (UPDATE everflow.run SET mail = mail + 1 WHERE no = %s RETURNING no) "
    "INSERT INTO everflow.inbox (run, kind, message) SELECT no, 'cancel', %s FROM mail "
    "RETURNING id"
)


def cancel_text(row: RunRow) -> str:
    return f'{{"type":"cancel","no":{row.no},"at":{START}}}'


def test_two_claims_at_once_neither_wait_nor_share(url: str, store: Store, line: Line) -> None:
    """The second gets the next oldest; what the first gives up is there again."""
    for number in range(7):
        begin(store, f"r{number}", definition=f"d{number % 2}", at=START + number)
    one, two = Scribe(store), Scribe(store)
    first = line.execute(sql(url, CLAIM), [one.id, START, 3]).fetchall()
    assert [name for (name,) in first] == ["r0", "r1", "r2"]
    assert ids(store.claim(two.id, now=START, limit=2)) == ["r3", "r4"]
    assert ids(store.claim(two.id, now=START, limit=9)) == ["r5", "r6"]
    line.rollback()
    assert ids(store.claim(two.id, now=START, limit=9)) == ["r0", "r1", "r2"]


def test_a_run_that_somebody_writes_is_passed_over(url: str, store: Store, line: Line) -> None:
    """Whoever holds it tells at the end that there is something to see."""
    rows = [begin(store, name) for name in "ab"]
    one = Scribe(store)
    line.execute(sql(url, "UPDATE everflow.run SET priority = 1 WHERE no = %s"), [rows[0].no])
    assert ids(store.claim(one.id, now=START, limit=1)) == ["b"]
    line.commit()
    assert ids(store.claim(one.id, now=START, limit=1)) == ["a"]


def test_what_was_taken_while_a_claim_looked_is_not_taken_again(
    url: str, store: Store, line: Line
) -> None:
    """A row that changed hands between look and lock shows by its owner."""
    rows = [begin(store, name) for name in "ab"]
    one, two = Scribe(store), Scribe(store)
    assert ids(store.claim(one.id, now=START, limit=1)) == ["a"]
    assert line.execute(sql(url, CLAIM), [two.id, START, 9]).fetchall() == [("b",)]
    line.commit()
    assert [row.owner for row in store.rows([row.no for row in rows])] == [one.id, two.id]


def test_a_worker_in_the_middle_of_a_write_is_not_deposed(
    url: str, store: Store, line: Line
) -> None:
    """Nor does whoever watches wait for it: it looks again."""
    worker = Scribe(store)
    line.execute(sql(url, "SELECT FROM everflow.worker WHERE id = %s FOR KEY SHARE"), [worker.id])
    assert not store.depose(worker.id, 1)
    store.beat(worker.id)
    line.rollback()
    assert store.depose(worker.id, 1)


def test_a_beat_waits_for_no_write(url: str, store: Store, line: Line) -> None:
    """What stands on the board is told with the write, or a later beat."""
    worker = Scribe(store)
    store.flights(worker.id, 2)[0] = 7
    line.execute(
        sql(url, "SELECT FROM everflow.worker WHERE id = %s FOR NO KEY UPDATE"), [worker.id]
    )
    before = store.workers()[0].beat
    store.beat(worker.id)
    assert store.workers()[0].beat == before + 1


def test_a_message_that_becomes_visible_late_is_told(url: str, store: Store, line: Line) -> None:
    """Its id is lower than one that was given; it is given once."""
    scribe = Scribe(store)
    row = scribe.run("a")
    other = scribe.run("b")
    ((id_,),) = line.execute(sql(url, LATE), [row.no, cancel_text(row)]).fetchall()
    store.accept([early(other)])
    (second,) = store.arrivals(scribe.id, after=0, limit=10)
    assert second.id > int(str(id_))
    assert store.arrivals(scribe.id, after=second.id, limit=10) == []
    line.commit()
    assert [a.id for a in store.arrivals(scribe.id, after=second.id, limit=10)] == [id_]
    assert store.arrivals(scribe.id, after=second.id, limit=10) == []
    assert len(store.arrivals(scribe.id, after=0, limit=10)) == 2


def test_a_first_look_that_is_full_misses_nothing(url: str, store: Store, line: Line) -> None:
    """What becomes visible below what it gave comes with the next ones."""
    scribe = Scribe(store)
    late, *others = (scribe.run(name) for name in "abc")
    line.execute(sql(url, LATE), [late.no, cancel_text(late)])
    store.accept([early(row) for row in others])
    first = store.arrivals(scribe.id, after=0, limit=2)
    assert [a.no for a in first] == [row.no for row in others]
    line.commit()
    assert [a.no for a in store.arrivals(scribe.id, after=first[-1].id, limit=2)] == [late.no]


def test_who_reads_messages_again_takes_none_from_the_looks(
    url: str, store: Store, line: Line
) -> None:
    """Such as one who writes a batch of a run whose lease ended, while its worker looks (B107)."""
    scribe = Scribe(store)
    late, run = (scribe.run(name) for name in "ab")
    assert store.arrivals(scribe.id, after=0, limit=9) == []
    line.execute(sql(url, LATE), [late.no, cancel_text(late)])
    store.accept([early(run)])
    (given,) = store.arrivals(scribe.id, after=0, limit=9)
    line.commit()
    assert [a.no for a in store.arrivals(scribe.id, after=given.id - 1, limit=9)] == [run.no]
    assert [a.no for a in store.arrivals(scribe.id, after=given.id, limit=9)] == [late.no]


@pytest.mark.parametrize("seed", range(3))
def test_every_message_is_told_once(url: str, store: Store, seed: int) -> None:
    """In whatever order transactions begin and end, and however it is paged."""
    drawn = random.Random(seed)
    scribe = Scribe(store)
    rows = [scribe.run(f"r{number}").no for number in range(12)]
    write = sql(url, LATE)
    conninfo = Place.read(url).conninfo
    lines = [psycopg.connect(conninfo) for _ in range(4)]
    busy: dict[int, list[int]] = {}
    written: set[int] = set()
    given: list[int] = []
    for _ in range(120):
        which = drawn.randrange(4)
        if drawn.random() < 0.4:
            page = store.arrivals(
                scribe.id, after=max(given, default=0), limit=drawn.choice([1, 2, 50])
            )
            given += [arrival.id for arrival in page]
        elif which in busy and drawn.random() < 0.5:
            lines[which].commit()
            written.update(busy.pop(which))
        else:  # a run of its own each, so that nobody waits for anybody
            no = rows[3 * which + drawn.randrange(3)]
            text = f'{{"type":"cancel","no":{no},"at":1}}'
            ((id_,),) = lines[which].execute(write, [no, text]).fetchall()
            busy.setdefault(which, []).append(int(id_))
    for line in lines:
        line.commit()
        line.close()
    written.update(id_ for ids_ in busy.values() for id_ in ids_)
    while page := store.arrivals(scribe.id, after=max(given, default=0), limit=3):
        given += [arrival.id for arrival in page]
    assert sorted(given) == sorted(written)


def test_strangers_know_what_was_told(opened: Open) -> None:
    """With a batch, or with a beat."""
    here, there = opened("one"), opened("two")
    scribe = Scribe(here)
    board = here.flights(scribe.id, 4)
    board[2] = 5
    assert here.in_flight(scribe.id) == [5]
    assert there.in_flight(scribe.id) == []
    scribe.write()
    assert there.in_flight(scribe.id) == [5]
    board[3] = 6
    here.beat(scribe.id)
    assert there.in_flight(scribe.id) == [5, 6]
    board[2] = board[3] = 0
    scribe.write()
    assert there.in_flight(scribe.id) == []


def test_who_was_about_to_run_alone_is_taken_for_running(opened: Open) -> None:
    """The mark is told before anything begins, and its beginning isn't."""
    here, there = opened("one"), opened("two")
    scribe = Scribe(here)
    here.flights(scribe.id, 4)[0] = -5
    scribe.write()
    assert here.in_flight(scribe.id) == [-5]
    assert there.in_flight(scribe.id) == [-5, 5]


def test_a_run_that_goes_down_twice_is_doubted(opened: Open) -> None:
    """What kills its worker before that can tell is found by its second death, others aren't."""
    hosts = [opened(name) for name in ("one", "two", "three")]
    first = Scribe(hosts[0])
    deadly, good, quick = (first.run(name) for name in ("deadly", "good", "quick"))
    hosts[0].depose(first.id, 1)
    second = Scribe(hosts[1])
    assert len(hosts[1].claim(second.id, now=START, limit=9)) == 3
    assert hosts[1].in_flight(first.id) == []
    second.write(changes=[standing(quick, Status.RUNNING)])
    hosts[1].depose(second.id, 1)
    third = Scribe(hosts[2])
    assert len(hosts[2].claim(third.id, now=START, limit=9)) == 3
    assert hosts[2].in_flight(second.id) == [deadly.no, good.no]


def test_on_one_host_nothing_needs_doubt(opened: Open) -> None:
    """The board says what was in flight."""
    stores = [opened("one") for _ in range(3)]
    first, second, third = (Scribe(store) for store in stores)
    row = first.run("a")
    for store, dead, heir in ((stores[1], first, second), (stores[2], second, third)):
        store.depose(dead.id, 1)
        assert ids(store.claim(heir.id, now=START, limit=9)) == ["a"]
        assert store.in_flight(dead.id) == []
    stores[2].flights(third.id, 3)[1] = row.no
    assert stores[0].in_flight(third.id) == [row.no]


def test_hosts_of_one_name_are_strangers(opened: Open) -> None:
    """Two containers: neither takes the other's board for one without a lock."""
    here, there = opened("one"), opened("two")
    mine, theirs = Scribe(here), Scribe(there)
    assert not any(row.lost for row in here.workers() + there.workers())
    here.flights(mine.id, 2)[0] = 3
    assert there.in_flight(mine.id) == []
    there.close()
    assert not any(row.lost for row in here.workers())
    assert theirs.id != mine.id


def test_a_closed_worker_of_this_host_is_lost(opened: Open) -> None:
    """Its lock is free; one whose board was cleaned away is left to its lease."""
    here, same = opened("one"), opened("one")
    worker = Scribe(same)
    assert [row.lost for row in here.workers()] == [False]
    same.close()
    assert [row.lost for row in here.workers()] == [True]
    for path in Path(tempfile.gettempdir()).rglob(str(worker.id)):
        path.unlink()
    assert [row.lost for row in here.workers()] == [False]
    assert here.in_flight(worker.id) == []


def test_without_a_folder_boards_are_in_memory(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A host on which nothing can be written, or where others may write."""
    (tmp_path / "odd").mkdir()
    odd = opened("one")
    folder = next(Path(tempfile.gettempdir()).glob("everflow-*"))
    folder.chmod(0o777)
    store = opened("one")
    assert "there is no folder" in caplog.text
    worker = Scribe(store)
    store.flights(worker.id, 3)[1] = 4
    store.beat(worker.id)
    assert list(store.flights(worker.id, 4)) == [0, 4, 0, 0]
    assert store.in_flight(worker.id) == odd.in_flight(worker.id) == [4]
    assert list(store.flights(999, 2)) == [0, 0]
    store.retire(worker.id)
    assert not any(row.lost for row in odd.workers())


def test_those_long_gone_are_forgotten(url: str, store: Store, line: Line) -> None:
    """Retired ones are; deposed ones aren't listed once nothing is left to take of them."""
    first, dead, full = Scribe(store), Scribe(store), Scribe(store)
    dead.run("a", Status.SUSPENDED)
    full.run("b")
    store.retire(first.id)
    for scribe in (dead, full):
        store.depose(scribe.id, 1)
    line.execute(sql(url, "SELECT setval('everflow.worker_id_seq', 200)"))
    line.commit()
    later = Scribe(store)
    assert [row.id for row in store.workers()] == [full.id, later.id]
    run = store.find("a")
    assert run is not None
    assert run.owner == dead.id
    store.accept([cancel(run)])
    assert ids(store.claim(later.id, now=START, limit=9)) == ["a", "b"]


def test_numbers_of_the_living_are_passed_over(opened: Open, url: str, line: Line) -> None:
    """An older copy was put in the store's place, while a worker of the younger one lives."""
    store = opened()
    living = Scribe(store)
    line.execute(sql(url, "DELETE FROM everflow.worker"))
    line.execute(sql(url, "SELECT setval('everflow.worker_id_seq', 1, false)"))
    line.commit()
    assert Scribe(opened()).id == living.id + 1


def test_who_could_not_enlist_lets_go_of_its_board(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes the number for a living worker's."""

    def fails(self: PostgresStore, function: str, *values: object) -> None:
        raise StoreUnavailable(function)

    here, there = opened(), opened()
    with monkeypatch.context() as patch:
        patch.setattr(PostgresStore, "_call", fails)
        with pytest.raises(StoreUnavailable):
            Scribe(here)
    boards = there._boards  # type: ignore[attr-defined]  # noqa: SLF001 - no row shows it
    assert boards.look(1) == (0, True)
    assert Scribe(here).id == 2


def test_what_is_for_one_worker_wakes_that_worker(opened: Open, url: str) -> None:
    """What nobody owns is for all; who has no workers hears of everything."""
    store = opened()
    mine, others = Scribe(store), Scribe(opened())
    row, free = mine.run("a"), begin(store, "b")
    place = Place.read(url)
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        line.execute(f"LISTEN {place.channel}")
        store.accept([early(row)])
        store.accept([early(free)])
        store.depose(mine.id, 1)
        store.accept([cancel(row)])
        told = [found.payload for found in line.notifies(timeout=PATIENCE, stop_after=4)]
    assert told == [str(mine.id), "", "", ""]
    ear = Ear(place, Lines(place, lambda _: None))
    for number in (set(), {others.id}, {mine.id, others.id}):
        ear.mine = number
        before = ear._number  # noqa: SLF001 - the number that version gives
        ear._heard(psycopg.Notify(place.channel, told[0], 0))  # noqa: SLF001 - as one comes
        assert (ear._number > before) is (number != {others.id})  # noqa: SLF001 - that number again
