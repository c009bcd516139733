"""A store over another one, verb by verb: what every layer at the store's edge starts from.

A layer overrides the verbs that carry what it changes. All layers are without state of their own
that matters, so that any number of them may stand over one store, in any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableSequence, Sequence
from typing import Literal

from everflow.core.queueing import Limits, Standing
from everflow.core.status import Status
from everflow.store import (
    Arrival,
    Batch,
    Branch,
    EntryRow,
    Hand,
    Holding,
    Imported,
    LaneRow,
    LetGo,
    Letter,
    Loaded,
    Message,
    NewRun,
    Put,
    QuestionQuery,
    QuestionRow,
    Reclaimed,
    Record,
    Reopened,
    Retention,
    RunQuery,
    RunRow,
    Settled,
    Settlement,
    SideRow,
    Slice,
    Store,
    StoreInfo,
    Tenure,
    Verdict,
    WorkerRow,
)
from everflow.store.keys import Keys

__all__ = ["Layer", "as_kept", "innermost", "keys_of", "layers"]


class Layer:
    """Every verb of the contract, passed on to the store within."""

    keys: Keys | None = None  # with which this layer seals, if it does

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def info(self) -> StoreInfo:
        return self.inner.info()

    def close(self) -> None:
        self.inner.close()

    def version(self) -> int:
        return self.inner.version()

    def heed(self, react: Callable[[], None]) -> Callable[[], None]:
        return self.inner.heed(react)

    def enlist(self, *, host: str, pid: int, at: int, about: str = "") -> WorkerRow:
        return self.inner.enlist(host=host, pid=pid, at=at, about=about)

    def beat(self, worker: int) -> None:
        self.inner.beat(worker)

    def flights(self, worker: int, slots: int) -> MutableSequence[int]:
        return self.inner.flights(worker, slots)

    def in_flight(self, worker: int) -> list[int]:
        return self.inner.in_flight(worker)

    def workers(self) -> list[WorkerRow]:
        return self.inner.workers()

    def lost(self, workers: Sequence[int]) -> list[int]:
        return self.inner.lost(workers)

    def holding(self, workers: Sequence[int], *, most: int = 10_000) -> list[Holding]:
        return self.inner.holding(workers, most=most)

    def depose(self, worker: int, epoch: int) -> bool:
        return self.inner.depose(worker, epoch)

    def retire(self, worker: int) -> None:
        self.inner.retire(worker)

    def taken_from(self, worker: int) -> list[int]:
        return self.inner.taken_from(worker)

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        return self.inner.append(batch, side_rows)

    def write(
        self,
        puts: Sequence[Put],
        *,
        at: int,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        letters: Sequence[Letter] = (),
        admit: Sequence[int] = (),
    ) -> list[RunRow] | None:
        return self.inner.write(
            puts, at=at, starts=starts, definitions=definitions, letters=letters, admit=admit
        )

    def settle(
        self,
        settled: Settled | None,
        statements: Sequence[SideRow] = (),
        *,
        worker: int = 0,
        epoch: int = 0,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        within: object = None,
    ) -> Settlement | None:
        return self.inner.settle(
            settled,
            statements,
            worker=worker,
            epoch=epoch,
            starts=starts,
            definitions=definitions,
            within=within,
        )

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        return self.inner.start(runs, definitions)

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        return self.inner.accept(messages)

    def claim(
        self,
        worker: int,
        *,
        now: int,
        limit: int,
        without: Sequence[str] = (),
        code: int = 0,
        leased: Sequence[int] = (),
        queues: Sequence[str] | None = None,
    ) -> list[RunRow]:
        return self.inner.claim(
            worker,
            now=now,
            limit=limit,
            without=without,
            code=code,
            leased=leased,
            queues=queues,
        )

    def release(self, worker: int, nos: Sequence[int]) -> None:
        self.inner.release(worker, nos)

    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        return self.inner.arrivals(worker, after=after, limit=limit)

    def owned(self, worker: int) -> list[int]:
        return self.inner.owned(worker)

    def due(self, worker: int, *, now: int, limit: int) -> list[int]:
        return self.inner.due(worker, now=now, limit=limit)

    def next_due(self, worker: int) -> int | None:
        return self.inner.next_due(worker)

    def places(self, queue: str, limits: Limits, *, now: int, lanes: int, depth: int) -> Standing:
        return self.inner.places(queue, limits, now=now, lanes=lanes, depth=depth)

    def waiting(self) -> list[str]:
        return self.inner.waiting()

    def lanes(self, queue: str | None = None) -> list[LaneRow]:
        return self.inner.lanes(queue)

    def load(self, nos: Sequence[int]) -> list[Loaded]:
        return self.inner.load(nos)

    def entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        return self.inner.entries(no, seqs)

    def journal(self, no: int, *, first: int = 0, limit: int = 1000) -> list[EntryRow]:
        return self.inner.journal(no, first=first, limit=limit)

    def find(self, id: str) -> RunRow | None:
        return self.inner.find(id)

    def find_key(self, flow: str, key: str) -> RunRow | None:
        return self.inner.find_key(flow, key)

    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        return self.inner.rows(nos)

    def standing(self, no: int) -> tuple[Status, int] | None:
        return self.inner.standing(no)

    def asked(
        self, places: Sequence[tuple[str, str, int]]
    ) -> list[tuple[RunRow | None, QuestionRow | None]]:
        return self.inner.asked(places)

    def runs(self, query: RunQuery) -> list[RunRow]:
        return self.inner.runs(query)

    def count(self, query: RunQuery) -> dict[Status, int]:
        return self.inner.count(query)

    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        return self.inner.questions(query)

    def definition(self, hash: str) -> str | None:
        return self.inner.definition(hash)

    def records(
        self,
        kind: str,
        *,
        keys: Sequence[str] | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[Record]:
        return self.inner.records(kind, keys=keys, prefix=prefix, after=after, limit=limit)

    def due_records(self, kind: str, *, now: int, limit: int) -> list[Record]:
        return self.inner.due_records(kind, now=now, limit=limit)

    def next_record_due(self, kind: str) -> int | None:
        return self.inner.next_record_due(kind)

    def backup(self, place: str, progress: Callable[[int, int], None] | None = None) -> None:
        self.inner.backup(place, progress)

    def export(self, no: int) -> Imported:
        return self.inner.export(no)

    def install(
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> list[Literal["new", "same", "conflict", "replaced"]]:
        return self.inner.install(runs, definitions, replace=replace)

    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        return self.inner.tenures(runs)

    def slice(self, run: str, after: int) -> Slice:
        return self.inner.slice(run, after)

    def hand(self, act: Hand, *, at: int) -> bool:
        return self.inner.hand(act, at=at)

    def branches(self, run: str) -> list[Branch]:
        return self.inner.branches(run)

    def slices(self, runs: Sequence[str]) -> list[Slice]:
        return self.inner.slices(runs)

    def hand_all(
        self, acts: Sequence[Hand], *, at: int, puts: Sequence[Put] = (), families: bool = False
    ) -> bool:
        return self.inner.hand_all(acts, at=at, puts=puts, families=families)

    def kinds(self) -> list[str]:
        return self.inner.kinds()

    def definitions(self, *, after: str = "", limit: int = 1000) -> list[tuple[str, str]]:
        return self.inner.definitions(after=after, limit=limit)

    def adopt(self, nos: Sequence[int]) -> list[bool]:
        return self.inner.adopt(nos)

    def reopen(self, runs: Sequence[Reopened], *, at: int) -> list[bool]:
        return self.inner.reopen(runs, at=at)

    def relabel(
        self,
        nos: Sequence[int],
        labels: Mapping[str, str | None],
        puts: Sequence[Put] = (),
        *,
        at: int,
    ) -> None:
        self.inner.relabel(nos, labels, puts, at=at)

    def let_go(
        self,
        retention: Retention,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 100,
        dry: bool = False,
    ) -> LetGo:
        return self.inner.let_go(retention, after=after, limit=limit, dry=dry)

    def reclaim(
        self, retention: Retention, *, at: int, after: int = 0, dry: bool = False
    ) -> Reclaimed:
        return self.inner.reclaim(retention, at=at, after=after, dry=dry)

    def prune(self, no: int, *, before: int, keep: Sequence[int]) -> int:
        return self.inner.prune(no, before=before, keep=keep)


def layers(store: Store) -> Iterator[Layer]:
    """The layers of a store, the outermost first."""
    while isinstance(store, Layer):
        yield store
        store = store.inner


def innermost(store: Store) -> Store:
    """The store under all layers."""
    for layer in layers(store):
        store = layer.inner
    return store


def keys_of(store: Store) -> Keys | None:
    """The keys with which a store is sealed; None for one that isn't."""
    return next((layer.keys for layer in layers(store) if layer.keys is not None), None)


def as_kept(store: Store) -> Store:
    """The store as it is under its seal: what leaves it that way is readable by its keys alone."""
    return next((layer.inner for layer in layers(store) if layer.keys is not None), store)
