"""Sealing: nothing of a run's data is read, moved or forged without its key."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from everflow.core.entries import Entry, Kind, decode_body, row_of
from everflow.core.marks import ASIDE, SEALED, is_marked, marked, unmarked
from everflow.core.refs import stored
from everflow.core.values import Types, decode, encode, parse, untagged
from everflow.errors import KeyMissing, NameTaken, StoreDamaged, ValueMismatch
from everflow.store import (
    Imported,
    Letter,
    Put,
    QuestionQuery,
    RunQuery,
    Signal,
    Status,
    Store,
)
from everflow.stores.layer import Layer, as_kept, innermost, keys_of
from everflow.stores.memory import MemoryStore
from everflow.stores.sealed import MemoryKeys, SealedStore
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    early,
    new_run,
    opened,
    standing,
)

SECRET = "Ann Example, 12 Mill Lane, and more than sixty-four characters to fill a payload"
FAILURE = f'{{"$":"Failure","v":{{"reason":"{SECRET}"}}}}'


def body(seq: int, kind: str, payload: str) -> str:
    return row_of(0, Entry(seq, START, kind, payload=payload))[2]


@pytest.fixture
def inner() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def store(inner: MemoryStore, keys: MemoryKeys) -> SealedStore:
    return SealedStore(inner, keys)


def begin(store: Store, scribe: Scribe | None = None, name: str = "a") -> Any:
    text = body(0, Kind.START, f'"{SECRET}"')
    owner = scribe.id if scribe else 0
    new = new_run(name, body=text, owner=owner, status=Status.RUNNING)
    return store.start([new])[0]


def everything(inner: MemoryStore) -> str:
    """All that a reader of the store's bytes gets to see."""
    return repr([vars(inner)[name] for name in ("_runs", "_entries", "_questions", "_inbox")]) + (
        repr(vars(inner))
    )


def fill(store: SealedStore) -> Any:
    """A run with everything that may hold a user's data."""
    scribe = Scribe(store)
    row = begin(store, scribe)
    result = row_of(row.no, Entry(1, START, Kind.RESULT, payload=f'"{SECRET}"', node="m:write"))
    failed = row_of(row.no, Entry(2, START, Kind.RESULT, payload=FAILURE))
    asked = opened(row, prompt=f'["l","\\"{SECRET}\\""]')
    scribe.write(entries=[result, failed], opened=[asked, replace(asked, tag="u")])
    said = replace(answer(row), payload=f'"{SECRET}"')
    soon = replace(early(row, tag="later"), payload=f'"{SECRET}"')
    signal = Signal(no=row.no, name="s", payload=f'"{SECRET}"', key="k", at=START)
    store.accept([said, soon, signal])
    store.write([], at=START, letters=[Letter(run="a", message=replace(signal, key="2"))])
    values = [
        Put(kind=kind, key="c", body=f'"{SECRET}"', due=1)
        for kind in ("cache", "debounce", "schedule")
    ]
    store.write(values, at=START)
    change = standing(row, Status.BLOCKED, until="code", reason=f"misfit: {SECRET}")
    scribe.write(changes=[replace(change, outcome=f'{{"kind":"done","value":"{SECRET}"}}')])
    return row


def test_nothing_of_a_users_data_is_in_the_store(store: SealedStore, inner: MemoryStore) -> None:
    """Entries, prompts, messages, letters, outcomes, reasons and cached values are ciphertext."""
    fill(store)
    kept = everything(inner)
    assert SECRET not in kept
    assert "m:write" in kept
    run = inner.find("a")
    assert run is not None
    assert (run.status, run.until, run.flow) == (Status.BLOCKED, "code", "f")


def test_with_the_key_all_of_it_is_read_as_it_was_written(
    store: SealedStore, inner: MemoryStore, keys: MemoryKeys
) -> None:
    """Every way to read gives the plain text, in another process too."""
    fill(store)
    again = SealedStore(inner, keys)
    for row in (again.find("a"), again.runs(RunQuery())[0], again.rows([1])[0]):
        assert row is not None
        assert row.reason == f"misfit: {SECRET}"
        assert SECRET in str(row.outcome)
    loaded = again.load([1])[0]
    assert all(SECRET in text for _, _, text, _ in loaded.entries)
    assert all(zlib.crc32(text.encode()) == total for _, _, text, total in loaded.entries)
    assert all(SECRET in repr(found.message) for found in loaded.arrivals)
    assert len(loaded.arrivals) == 4
    assert SECRET in again.entries(1, [1])[1]
    assert SECRET in again.journal(1)[2][2]
    asking = [q for q in again.questions(QuestionQuery(open_only=False)) if q.op]
    assert all(SECRET in question.prompt for question in asking)
    (record,) = again.records("cache")
    assert record.body == again.due_records("cache", now=9, limit=1)[0].body == f'"{SECRET}"'
    assert SECRET in repr(again.asked([("a", "t", 0), ("b", "t", 0)]))


def test_without_the_key_the_skeleton_is_left(store: SealedStore, keys: MemoryKeys) -> None:
    """Lists show what there is; work needs the key, and says so."""
    fill(store)
    keys.erase(["a"])
    blind = SealedStore(store.inner, keys)
    row = blind.find("a")
    assert row is not None
    assert is_marked(SEALED, row.reason)
    assert is_marked(SEALED, row.outcome or "")
    assert is_marked(SEALED, blind.questions(QuestionQuery())[0].prompt)
    assert [decode_body(text).kind for _, _, text, _ in blind.journal(1)] == [
        "start",
        "result",
        "result",
    ]
    assert SECRET not in repr(blind.export(1))
    for work in (lambda: blind.load([1]), lambda: blind.entries(1, [0])):
        with pytest.raises(KeyMissing, match="its key isn't in memory"):
            work()


def test_a_run_whose_key_is_gone_can_be_parked_and_nothing_else_written(
    store: SealedStore, keys: MemoryKeys
) -> None:
    """The reason is readable by everybody: without a key nobody knows a user's data."""
    row = begin(store)
    keys.erase(["a"])
    blind = SealedStore(store.inner, keys)
    scribe = Scribe(blind)
    blind.claim(scribe.id, now=START, limit=1)
    scribe.write(changes=[standing(row, Status.BLOCKED, until="store", reason="no key")])
    found = blind.inner.find("a")
    assert found is not None
    assert found.reason == "no key"
    with pytest.raises(KeyMissing):
        scribe.write(entries=[row_of(row.no, Entry(1, START, Kind.RESULT, payload="1"))])


def test_a_failure_is_seen_through_its_seal(inner: MemoryStore, store: SealedStore) -> None:
    """The machine asks whether a value is a failure where it has no key at hand."""
    fill(store)
    payload = decode_body(inner.journal(1)[2][2]).payload
    assert stored(2, payload).failure
    assert stored(2, payload).small is None
    assert SECRET not in payload


@pytest.mark.parametrize("where", ["another run", "another place", "bent", "plain"])
def test_what_was_moved_or_forged_is_damage(
    inner: MemoryStore, store: SealedStore, where: str
) -> None:
    """Who writes into the store's bytes can't give a run another's data, or data of their own."""
    scribe = Scribe(store)
    row, other = begin(store, scribe), begin(store, scribe, "b")
    for no in (row.no, other.no):
        scribe.write(
            entries=[row_of(no, Entry(i, START, Kind.RESULT, payload=str(i))) for i in (1, 2)]
        )
    source = other.no if where == "another run" else row.no
    seq = 1 if where == "another run" else 2
    taken = decode_body(inner.journal(source, first=seq)[0][2])
    if where == "bent":
        taken = replace(taken, payload=marked(SEALED, "AAAA" + unmarked(taken.payload)[4:]))
    if where == "plain":
        taken = replace(taken, payload="7")
    entries = vars(inner)["_entries"]
    entries[row.no][1] = row_of(row.no, replace(taken, seq=1))
    with pytest.raises(StoreDamaged, match=r"doesn't open|isn't sealed"):
        store.load([row.no])
    assert len(store.journal(row.no)) == 3


def test_the_same_batch_is_sealed_the_same(store: SealedStore, inner: MemoryStore) -> None:
    """An ambiguous commit is sent again unchanged, and an import finds what it has already."""
    row = begin(store)
    once = store.export(row.no)
    assert store.install([once], []) == ["same"]
    other = SealedStore(MemoryStore(), MemoryKeys())
    assert other.install([once], [("d1", "{}")]) == ["new"]
    assert SECRET not in everything(innermost(other))  # type: ignore[arg-type]  # it is a memory store
    assert other.export(1).entries == once.entries


def test_a_sealed_export_goes_where_the_keys_are(store: SealedStore, keys: MemoryKeys) -> None:
    """As kept it needs no key to be installed; it opens wherever the key is."""
    row = begin(store)
    kept = as_kept(store).export(row.no)
    assert SECRET not in repr(kept)
    stranger = SealedStore(MemoryStore(), MemoryKeys())
    assert stranger.install([kept], [("d1", "{}")]) == ["new"]
    with pytest.raises(KeyMissing):
        stranger.load([1])
    friend = SealedStore(MemoryStore(), keys)
    friend.install([kept], [("d1", "{}")])
    assert SECRET in friend.load([1])[0].entries[0][2]


def test_a_run_from_before_there_were_keys_stays_as_it_is(
    store: SealedStore, inner: MemoryStore
) -> None:
    """It goes on unsealed: half a sealed run would be no use to anybody."""
    row = begin(inner)
    scribe = Scribe(store)
    store.claim(scribe.id, now=START, limit=1)
    scribe.write(entries=[row_of(row.no, Entry(1, START, Kind.RESULT, payload='"plain"'))])
    assert store.load([row.no])[0].entries[1][2] == inner.journal(row.no)[1][2]
    assert store.install([inner.export(row.no)], []) == ["same"]


def test_a_start_whose_key_is_taken_leaves_no_key_behind(
    store: SealedStore, keys: MemoryKeys
) -> None:
    """The run that is there keeps its own."""
    for name in ("a", "b"):
        store.start([new_run(name, key="once")])
    assert keys.get(["a"]) != [None]
    assert keys.get(["b"]) == [None]


def test_a_conflicting_import_leaves_no_key_behind(store: SealedStore, keys: MemoryKeys) -> None:
    """Another run has its start's key."""
    store.start([new_run("a", key="once")])
    given: Imported = store.export(1)
    assert store.install([replace(given, row=replace(given.row, id="b"))], []) == ["conflict"]
    assert keys.get(["b"]) == [None]


def test_layers_are_looked_through(store: SealedStore, inner: MemoryStore) -> None:
    """What is asked of a store is asked of the one within."""
    layered = Layer(store)
    assert innermost(layered) is inner
    assert keys_of(layered) is store.keys
    assert keys_of(Layer(inner)) is None
    assert as_kept(layered) is inner
    assert as_kept(inner) is inner
    assert isinstance(layered, Store)


def test_no_value_looks_like_a_mark() -> None:
    """The names are the codec's own: a dict that imitates one is recorded as a dict."""
    types = Types()
    imitation = {"$": SEALED, "v": "x"}
    assert not is_marked(SEALED, encode(imitation, types))
    with pytest.raises(NameTaken):
        types.add(Entry, SEALED)
    for name in (SEALED, ASIDE):
        mark = marked(name, "x")
        assert unmarked(mark) == "x"
        with pytest.raises(ValueMismatch, match="the value is"):
            decode(mark, types)
        assert untagged(parse(mark)).startswith("(")
    assert msgspec.json.decode(marked(SEALED, "x", failure=True))["$"] == "Failure"
