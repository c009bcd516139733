"""Export and import: what arrives, in which standing, and what becomes of runs that are there."""

import gzip
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec import structs

from everflow import sleep
from everflow.core.definition import Definition
from everflow.core.program import Program
from everflow.errors import NoSuchRun, StoreDamaged
from everflow.store import OUTCOMES, QuestionClosed, RunQuery, RunRow, Status, Store, UpgradeTo
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from everflow.stores.transfer import LIVE_REASON, export_runs
from everflow.stores.transfer import import_runs as import_checked
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    begin,
    cancel,
    early,
    entry,
    inbox_of,
    opened,
    standing,
)

Make = Callable[[], Store]
# Rows of these tests name their definitions as they like.
import_runs = partial(import_checked, genuine=lambda _hash, _body: True)


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes empty stores of one kind."""
    stores: list[Store] = []

    def new() -> Store:
        path = tmp_path / f"{len(stores)}.db"
        stores.append(
            MemoryStore() if request.param == "memory" else SQLiteStore.open(path, create=True)
        )
        return stores[-1]

    yield new
    for store in stores:
        store.close()


def exported(store: Store, *rows: RunRow) -> io.BytesIO:
    file = io.BytesIO()
    export_runs(store, [row.no for row in rows], file)
    file.seek(0)
    return file


def lived(scribe: Scribe, name: str, status: Status) -> RunRow:
    """A run with history, questions and an inbox."""
    row = scribe.run(name)
    scribe.write(
        entries=[entry(row.no, 1, '"\\u0000"'), entry(row.no, 2, "[" * 2000 + "]" * 2000)],
        opened=[opened(row), opened(row, "u")],
    )
    scribe.store.accept([answer(row), early(row, "later")])
    change = standing(row, status, until="code" if status is Status.BLOCKED else "", reason="why")
    scribe.write(changes=[change])
    return scribe.store.rows([row.no])[0]


def test_everything_arrives(make: Make) -> None:
    """B081: row, history, questions and inbox are what they were, unowned, under a new number."""
    here, there = make(), make()
    row = lived(Scribe(here), "a", Status.DONE)
    begin(there, "other")
    report = import_runs(there, exported(here, row))
    assert (report.new, report.same, report.conflict, report.replaced) == (["a"], [], [], [])
    arrived = there.find("a")
    assert arrived is not None
    origin = here.info().id
    assert report.origin == origin
    assert arrived == structs.replace(row, no=arrived.no, owner=0, origin=origin)
    old, new = here.export(row.no), there.export(arrived.no)
    assert [e[1:] for e in new.entries] == [e[1:] for e in old.entries]
    assert [structs.replace(q, no=0) for q in new.questions] == [
        structs.replace(q, no=0) for q in old.questions
    ]
    assert inbox_of(there, arrived) == [answer(arrived), early(arrived, "later")]
    assert there.definition("d1") == here.definition("d1")


@pytest.mark.parametrize("status", sorted(set(Status) - OUTCOMES))
def test_a_live_run_arrives_paused(status: Status) -> None:
    """B082: a copy of production must not act, whatever it was doing."""
    here, there = MemoryStore(), MemoryStore()
    row = lived(Scribe(here), "a", status)
    import_runs(there, exported(here, row))
    (arrived,) = there.runs(RunQuery())
    assert (arrived.status, arrived.until, arrived.reason) == (
        Status.PAUSED,
        "operator",
        LIVE_REASON,
    )
    assert arrived.origin == here.info().id
    there.accept([cancel(arrived)])
    assert there.claim(Scribe(there).id, now=START * 2, limit=9) == []


@pytest.mark.parametrize("status", sorted(OUTCOMES))
def test_a_finished_run_stays_as_it_is(status: Status) -> None:
    """B082: done and cancelled survive too."""
    here, there = MemoryStore(), MemoryStore()
    row = lived(Scribe(here), "a", status)
    import_runs(there, exported(here, row), adopt=True)
    (arrived,) = there.runs(RunQuery())
    assert (arrived.status, arrived.reason) == (status, "why")


def test_an_adopted_run_goes_on(make: Make) -> None:
    """At the import or later."""
    here, there, other = make(), make(), make()
    row = lived(Scribe(here), "a", Status.SUSPENDED)
    file = exported(here, row)
    import_runs(there, file)
    there.adopt([run.no for run in there.runs(RunQuery())])
    file.seek(0)
    import_runs(other, file, adopt=True)
    for store in (there, other):
        (taken,) = store.claim(Scribe(store).id, now=START, limit=9)
        assert (taken.id, taken.status, taken.reason) == ("a", Status.QUEUED, "")


def test_a_run_survives_a_wiped_store_at_every_step(make: Make) -> None:
    """B081: exported after any batch and brought into an empty store, it goes on from there."""
    store = make()
    scribe = Scribe(store)
    row = begin(store, "a", owner=scribe.id, status=Status.RUNNING, key="k")
    for step in range(1, 6):
        wiped = make()
        import_runs(wiped, exported(store, row), adopt=True)
        scribe = Scribe(wiped)
        (row,) = wiped.claim(scribe.id, now=START, limit=9)
        (loaded,) = wiped.load([row.no])
        assert [e[1] for e in loaded.entries] == list(range(step))
        assert len(loaded.arrivals) == step - 1
        assert wiped.find_key("f", "k") is not None
        scribe.write(
            entries=[entry(row.no, step)],
            opened=[opened(row, "t", step)],
            closed=[QuestionClosed(no=row.no, tag="t", occurrence=step, state="expired")],
            changes=[standing(row, Status.SUSPENDED)],
        )
        wiped.accept([early(row, str(step))])
        store = wiped


def test_many_runs_travel_in_one_file(make: Make) -> None:
    """In groups, each definition once, in the order asked for."""
    here, there = make(), make()
    rows = [
        begin(here, f"r{i}", definition="d1" if i % 2 else "d2", at=START + i) for i in range(450)
    ]
    begin(here, "definer")
    here.start([], [("d2", "{}")])
    told: list[tuple[int, int]] = []
    file = io.BytesIO()
    count = export_runs(
        here, [row.no for row in rows], file, lambda done, total: told.append((done, total))
    )
    assert count == 450
    assert (told[0], told[-1]) == ((1, 450), (450, 450))
    assert file.getvalue().count(b'"kind":"definition"') == 2
    file.seek(0)
    assert len(import_runs(there, file).new) == 450
    assert [row.id for row in there.runs(RunQuery(limit=500))] == [row.id for row in rows]


def test_gzip_is_known_by_its_first_bytes(make: Make) -> None:
    """No option, no file name."""
    here, there = make(), make()
    row = lived(Scribe(here), "a", Status.DONE)
    packed = io.BytesIO(gzip.compress(exported(here, row).getvalue()))
    assert import_runs(there, packed).new == ["a"]


def test_a_file_may_come_in_single_bytes() -> None:
    """As from a pipe: it need not be seekable, nor give what is asked for at once."""

    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.data = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self.data.read(min(size, 1))

    here, there = MemoryStore(), MemoryStore()
    data = exported(here, lived(Scribe(here), "a", Status.DONE)).getvalue()
    assert import_runs(there, Pipe(data)).new == ["a"]  # type: ignore[arg-type]  # a pipe is no BinaryIO to mypy
    other = MemoryStore()
    assert import_runs(other, Pipe(gzip.compress(data))).new == ["a"]  # type: ignore[arg-type]  # a pipe is no BinaryIO to mypy


def test_an_import_of_nothing_is_nothing(make: Make) -> None:
    """An export of no runs is a file like any other."""
    here, there = make(), make()
    report = import_runs(there, exported(here))
    assert (report.new, report.same) == ([], [])


def test_importing_again_changes_nothing(make: Make) -> None:
    """B082: the same history is the same, adopted and gone on or not."""
    here, there = make(), make()
    file = exported(here, lived(Scribe(here), "a", Status.SUSPENDED))
    import_runs(there, file, adopt=True)
    scribe = Scribe(there)
    (row,) = there.claim(scribe.id, now=START, limit=9)
    scribe.write(entries=[entry(row.no, 3)], changes=[standing(row, Status.RUNNING)])
    before = there.export(row.no)
    for replace in (False, True):
        file.seek(0)
        assert import_runs(there, file, replace=replace).same == ["a"]
    assert there.export(row.no) == before


def test_other_history_is_a_conflict_until_replaced(make: Make) -> None:
    """B082: replacing is explicit; runs beside it are imported all the same."""
    here, there = make(), make()
    file = exported(here, lived(Scribe(here), "a", Status.DONE), begin(here, "b"))
    mine = begin(there, "a", body='["other"]')
    report = import_runs(there, file)
    assert (report.conflict, report.new) == (["a"], ["b"])
    assert there.rows([mine.no]) == [mine]
    file.seek(0)
    report = import_runs(there, file, replace=True)
    assert (report.replaced, report.same) == (["a"], ["b"])
    arrived = there.find("a")
    assert arrived is not None
    assert arrived.status is Status.DONE


def test_pruned_runs_travel(make: Make) -> None:
    """From their base on they are whole."""
    here, there = make(), make()
    scribe = Scribe(here)
    row = lived(scribe, "a", Status.SUSPENDED)
    scribe.write(changes=[standing(row, Status.SUSPENDED, base=2)])
    assert here.prune(row.no, before=2, keep=[]) == 2
    import_runs(there, exported(here, row))
    (arrived,) = there.runs(RunQuery())
    assert [e[1] for e in there.load([arrived.no])[0].entries] == [2]


def test_what_cannot_be_read_is_not_exported() -> None:
    """An unknown run, a damaged one, one without its definition."""
    store = MemoryStore()
    with pytest.raises(NoSuchRun):
        export_runs(store, [1], io.BytesIO())
    damaged = begin(store, "a", sum=1)
    with pytest.raises(StoreDamaged):
        export_runs(store, [damaged.no], io.BytesIO())
    bare = begin(store, "b", definition="d9")
    with pytest.raises(StoreDamaged, match="definition d9 is missing"):
        export_runs(store, [bare.no], io.BytesIO())


def test_all_definitions_that_a_journal_names_go_along(make: Make) -> None:
    """Those that the run left, too, and one that it is to go on under: it is folded by them."""
    here, there = make(), make()
    made = [Definition(Program(flow, "f")) for flow in (sleep(1), sleep(2), sleep(3))]
    left, own, next_ = made
    here.start([], [(one.hash, one.body) for one in made])
    scribe = Scribe(here)
    row = scribe.run("a", definition=own.hash)
    scribe.write(entries=[entry(row.no, 1, f'["{left.hash}"]')])
    here.accept([UpgradeTo(no=row.no, definition=next_.hash, at=START)])
    assert import_checked(there, exported(here, row)).new == ["a"]
    assert [there.definition(one.hash) for one in made] == [one.body for one in made]
