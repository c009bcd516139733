"""A move, from its checks to its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from everflow.clock import Clock
from everflow.engine.given.ids import Random, system_random
from everflow.engine.moving.checks import check
from everflow.engine.moving.choice import Choice, chosen, parts
from everflow.engine.moving.ledger import COMING, MOVING, Moving, read_one, writing
from everflow.engine.moving.parcels import Parcels
from everflow.engine.moving.records import (
    copy_definitions,
    copy_first,
    kinds_of,
    lift_pauses,
    move_records,
    pages,
    paused_queues,
)
from everflow.engine.records.audit import audit
from everflow.engine.records.retentions import let_of
from everflow.errors import StoreDamaged
from everflow.store import RunQuery, RunRow, Status, Store
from everflow.store.keys import Keys
from everflow.stores.layer import as_kept

__all__ = ["MoveReport", "move"]

PAGE = 1_000
Progress = Callable[[int, int], None]


class MoveReport(msgspec.Struct, kw_only=True):
    """What went, or, where it was only tried, would go.

    ``runs`` by status and ``records`` by kind are what this call moved, ``sha256`` is over all that
    these runs are, found the same on both sides. ``verified``: all runs that ever went this way,
    each looked for at the target in the end. ``left``: runs that stayed, and why.
    """

    source: str
    target: str
    dry: bool = False
    runs: dict[str, int] = {}
    entries: int = 0
    questions: int = 0
    messages: int = 0
    records: dict[str, int] = {}
    left: dict[str, str] = {}
    verified: int = 0
    sha256: str = ""


def move(
    source: Store,
    target: Store,
    choice: Choice,
    *,
    clock: Clock,
    keys: Keys | None = None,
    dry: bool = False,
    progress: Progress | None = None,
    random: Random = system_random,
) -> MoveReport:
    """Have what a store holds go on in another one; called again, it goes on where it was cut.

    With filters the runs go that are found, and those that wait for one another; else everything
    does. ``progress`` gets (runs done, of how many). Workers may be running on both sides.

    Raises MoveRefused, and writes nothing, for what can't be (see ``checks``); NoSuchRun; and the
    stores' own trouble, after which the same call goes on.
    """
    source, target = as_kept(source), as_kept(target)
    check(source, target, choice, keys)
    if dry:
        return _tried(source, target, choice)
    parcels = Parcels(source, target, clock, placed=choice.whole)
    _begin(parcels, choice)
    parcels.resume()
    total, done = _many(source, choice), 0
    while True:
        went = sum(parcels.runs.values())
        copy_definitions(parcels)
        for page in chosen(source, choice):
            for part in parts(source, page):
                parcels.carry(part)
                done = sum(parcels.runs.values())
                if progress is not None:
                    progress(done, max(total, done))
        if not choice.whole:
            break
        _carry_copies(parcels)
        if not move_records(parcels) and sum(parcels.runs.values()) == went:
            break
    parcels.tidy()
    verified = _verified(parcels)
    _end(parcels, choice, verified, random)
    return MoveReport(
        source=parcels.here.place,
        target=parcels.there.place,
        runs=dict(sorted(parcels.runs.items())),
        entries=parcels.entries,
        questions=parcels.questions,
        messages=parcels.messages,
        records=dict(sorted(parcels.records.items())),
        left=parcels.left,
        verified=verified,
        sha256=parcels.digest,
    )


def _begin(parcels: Parcels, choice: Choice) -> None:
    """Say at both stores that a move is under way: whoever can't write there is told by now."""
    here, there, at = parcels.here, parcels.there, parcels.clock.wall()
    coming = _coming(parcels, choice, through=False)
    parcels.target.write([writing(COMING, here.id, coming)], at=at)
    begun = read_one(parcels.source, MOVING, there.id, Moving)
    pauses = paused_queues(parcels.source, at) if choice.whole else []
    if begun is None or pauses:
        moving = writing(MOVING, there.id, Moving(place=there.place, whole=choice.whole))
        parcels.source.write([moving, *pauses], at=at)
    if choice.whole:
        copy_first(parcels)


def _coming(parcels: Parcels, choice: Choice, *, through: bool) -> Moving:
    """What the target knows: once everything began to come, whatever comes belongs to that."""
    known = read_one(parcels.target, COMING, parcels.here.id, Moving)
    whole = choice.whole or (known is not None and known.whole)
    return Moving(place=parcels.here.place, whole=whole, through=through)


def _carry_copies(parcels: Parcels) -> None:
    """Copies of runs that others have, where everything goes; each side says who has them."""
    query = RunQuery(status=(Status.HANDED_OFF,), limit=PAGE)
    while page := parcels.source.runs(query):
        copies = [row for row in page if row.until != parcels.there.place]
        new = [row for row in copies if row.id not in parcels.left and _is_new(parcels, row)]
        for part in parts(parcels.source, new):
            parcels.carry(part)
        query = msgspec.structs.replace(query, after=page[-1].no)


def _is_new(parcels: Parcels, row: RunRow) -> bool:
    """Whether the target doesn't know yet who has the run."""
    there = parcels.target.find(row.id)
    return there is None or (there.status is Status.HANDED_OFF and there.until != row.until)


def _verified(parcels: Parcels) -> int:
    """How many runs went this way; StoreDamaged where one isn't at the target.

    One that the target may have let go of since isn't missed.
    """
    found = 0
    query = RunQuery(status=(Status.HANDED_OFF,), limit=PAGE)
    while page := parcels.source.runs(query):
        rows = [row for row in page if row.until == parcels.there.place]
        gone = [row.id for row in rows]
        mine, its = parcels.source.tenures(gone), parcels.target.tenures(gone)
        let = let_of(parcels.target)
        for row, one, other in zip(rows, mine, its, strict=True):
            if other.status is None and let is not None and row.created < let.before:
                continue
            if other.status is None or other.seq < one.seq:
                raise StoreDamaged(
                    f"{parcels.there.place} lacks a run that was moved there, or a part of it",
                    run=one.run,
                    hint="the whole of it is kept at the source: look what became of that store",
                )
            found += 1
        query = msgspec.structs.replace(query, after=page[-1].no)
    return found


def _end(parcels: Parcels, choice: Choice, verified: int, random: Random) -> None:
    """Let the queues go on, and say at both stores that it is through: at the target last."""
    here, there, at = parcels.here, parcels.there, parcels.clock.wall()
    if choice.whole:
        lift_pauses(parcels.target, at)
        lift_pauses(parcels.source, at)
    came = _coming(parcels, choice, through=True)
    went = sum(parcels.runs.values())
    for store, put, other in (
        (parcels.source, writing(MOVING, there.id, None), f"to:{there.place}"),
        (parcels.target, writing(COMING, here.id, came), f"from:{here.place}"),
    ):
        line = audit("move", at=at, subject=other, random=random, runs=went, verified=verified)
        store.write([put, line], at=at)


def _many(source: Store, choice: Choice) -> int:
    if choice.runs:
        return len(set(choice.runs))
    counted = source.count(choice.query or RunQuery())
    return sum(many for status, many in counted.items() if status is not Status.HANDED_OFF)


def _tried(source: Store, target: Store, choice: Choice) -> MoveReport:
    """What would go."""
    runs, entries = Counter[str](), 0
    for page in chosen(source, choice):
        runs.update(str(row.status) for row in page)
        entries += sum(tenure.seq for tenure in source.tenures([row.id for row in page]))
    kinds = kinds_of(source) if choice.whole else []
    return MoveReport(
        source=source.info().place,
        target=target.info().place,
        dry=True,
        runs=dict(sorted(runs.items())),
        entries=entries,
        records={kind: sum(len(page) for page in pages(source, kind)) for kind in kinds},
    )
