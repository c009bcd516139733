"""Large values aside: once for all who hold them, brought when needed, collected when unneeded."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from everflow import Config, Connection, Engine, Registry, ask, flow
from everflow.core.entries import Entry, Kind, decode_body, row_of
from everflow.core.marks import ASIDE, is_marked
from everflow.errors import RunErased, StoreDamaged
from everflow.store import NewRun, Put, RunQuery, RunRow, Status, Store
from everflow.stores.aside import AsideStore, sweep
from everflow.stores.aside.values import BLOB
from everflow.stores.layer import innermost
from everflow.stores.memory import MemoryStore
from everflow.stores.sealed import MemoryKeys
from everflow.testing.conformance.base import DEFINITION, START, Scribe, begin, new_run
from tests.engine.support import PATIENT, settle, step
from tests.stores import test_memory, test_sealed_conformance

BIG = '"' + "x" * 400 + '"'
LATER = START + 2 * 3_600_000_000


class Asiding(test_memory.TestMemoryStore):
    """The hooks of the reference store, with every value aside that may be."""

    def make_store(self, place: Path) -> Store:
        return AsideStore(super().make_store(place), 1)

    def reopen(self, store: Store, place: Path) -> Store:
        return AsideStore(super().reopen(innermost(store), place), 1)

    def open_backup(self, store: Store, backup: str) -> Store:
        return AsideStore(super().open_backup(innermost(store), backup), 1)

    def side_texts(self, store: Store) -> list[str]:
        return super().side_texts(innermost(store))


class TestSealedAsideStore(test_sealed_conformance.Sealing, Asiding):
    """The conformance suite over both layers."""


@pytest.fixture
def inner() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(inner: MemoryStore) -> AsideStore:
    return AsideStore(inner, 200)


def entry(no: int, seq: int, kind: str = Kind.RESULT, payload: str = BIG) -> Any:
    return row_of(no, Entry(seq, START, kind, payload=payload))


def large(name: str, **changes: Any) -> NewRun:
    return new_run(name, body=entry(0, 0, Kind.START)[2], **changes)


def blobs(inner: Store) -> list[str]:
    return [record.body for record in inner.records(BLOB)]


def test_a_value_is_stored_once_however_many_hold_it(store: AsideStore, inner: MemoryStore) -> None:
    """By starts, entries, and starts that ride with a batch or a record."""
    scribe = Scribe(store)
    store.start([large("a"), large("b")], [DEFINITION])
    store.write([Put(kind="k", key="k", body="1")], at=START, starts=[large("c")])
    scribe.write(entries=[entry(1, 1), entry(2, 1)], starts=[large("d"), new_run("e")])
    assert blobs(inner) == [BIG]
    for no in (1, 2, 3, 4):
        for _, _, body, total in inner.journal(no):
            assert is_marked(ASIDE, decode_body(body).payload)
            assert zlib.crc32(body.encode()) == total
        assert all(decode_body(body).payload == BIG for _, _, body, _ in store.journal(no))


def test_a_load_leaves_it_aside_and_entries_bring_it(store: AsideStore) -> None:
    """A run that is loaded needs few of its values."""
    store.start([large("a")], [DEFINITION])
    assert BIG not in store.load([1])[0].entries[0][2]
    assert decode_body(store.entries(1, [0])[0]).payload == BIG
    assert store.export(1).entries == [entry(1, 0, Kind.START)]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.ERROR, BIG),
        (Kind.BASE, BIG),
        (Kind.RESULT, '{"$":"Failure","v":{"reason":' + BIG + "}}"),
        (Kind.RESULT, '"small"'),
    ],
)
def test_what_the_machine_reads_stays(
    store: AsideStore, inner: MemoryStore, kind: str, payload: str
) -> None:
    """Errors, snapshots, failures and small values are where they were."""
    row = begin(store, "a")
    written = entry(row.no, 1, kind, payload)
    Scribe(store).write(entries=[written, (row.no, 2, f'["{BIG[1:-1]}"]', 7)])
    assert inner.journal(row.no)[1] == written
    assert not blobs(inner)


def test_a_missing_value_is_damage(store: AsideStore, inner: MemoryStore) -> None:
    """A journal shows what is there; who needs the value is told."""
    store.start([large("a")], [DEFINITION])
    inner.write([Put(kind=BLOB, key=r.key, body=None) for r in inner.records(BLOB)], at=START)
    assert len(store.journal(1)) == 1
    for work in (lambda: store.entries(1, [0]), lambda: store.export(1)):
        with pytest.raises(StoreDamaged, match="kept aside, is missing"):
            work()


def test_exports_carry_the_values_and_imports_put_them_aside(store: AsideStore) -> None:
    """Whatever size the other store calls large."""
    store.start([large("a")], [DEFINITION])
    run = store.export(1)
    other = AsideStore(MemoryStore(), 300)
    assert other.install([run], [DEFINITION]) == ["new"]
    assert blobs(other.inner) == [BIG]
    for over in (1, 100_000):
        assert AsideStore(other.inner, over).install([run], []) == ["same"]
    changed = replace(run, entries=[entry(1, 0, Kind.START, '"other"')])
    assert other.install([changed], []) == ["conflict"]


def test_what_nothing_refers_to_is_swept(store: AsideStore, inner: MemoryStore) -> None:
    """Values that are referred to stay, and so do young ones."""
    store.start([large("a")], [DEFINITION])
    inner.write([Put(kind=BLOB, key="lost", body=BIG)], at=START)
    assert sweep(inner, now=START).deleted == 0
    counted = sweep(inner, now=LATER, dry=True)
    assert (counted.values, counted.deleted, counted.size) == (2, 1, len(BIG))
    assert len(blobs(inner)) == 2
    assert sweep(inner, now=LATER).deleted == 1
    assert blobs(inner) == [BIG]


def test_a_value_that_is_referred_to_meanwhile_is_not_swept(
    store: AsideStore, inner: MemoryStore
) -> None:
    """The writer renewed it after the sweep had looked, in the transaction of its entry."""
    inner.write([Put(kind=BLOB, key="lost", body=BIG)], at=START)

    class Meanwhile(MemoryStore):
        """Somebody writes the value again once the sweep has begun to read journals."""

        def runs(self, query: RunQuery) -> list[RunRow]:
            inner.write([Put(kind=BLOB, key="lost", body=BIG)], at=START)
            return inner.runs(query)

    meanwhile = Meanwhile()
    vars(meanwhile).update(vars(inner))
    assert sweep(meanwhile, now=LATER).deleted == 0
    assert sweep(inner, now=LATER).deleted == 1
    assert not store.runs(RunQuery())


def test_flows_run_on_values_that_are_aside(tmp_path: Path) -> None:
    """Loaded again, answered, done: the value is what it was, encrypted or not, until erased."""
    registry = Registry()
    swell = step(lambda text: text * 500, name="swell")
    length = step(lambda pair: [len(pair[0]), pair[1]], name="length")
    flow("f", swell >> ask("fine", str) >> length, registry=registry)
    config = Config(aside_over=300)
    for keys in (None, MemoryKeys()):
        place = tmp_path / f"{keys is None}.db"
        with Engine(place, registry=registry, config=config, encryption=keys) as engine:
            run = engine.start("f", "ab").id
            settle(engine.run(run))
        with Engine(place, registry=registry, config=config, encryption=keys) as engine:
            engine.resume(run, "y")
            assert engine.run(run).result(PATIENT) == [1000, "y"]
        with Connection(place, registry=registry, encryption=keys) as flows:
            under = innermost(flows.store)
            assert len(blobs(under)) == 1
            assert ("abab" in blobs(under)[0]) is (keys is None)
            if keys is not None:
                assert flows.erase(run)
                assert not blobs(under)
                with pytest.raises(RunErased):
                    flows.run(run).result()
            assert flows.store.runs(RunQuery())[0].status is Status.DONE
