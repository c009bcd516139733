"""What can't be moved so, said before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from everflow.core.marks import SEALED
from everflow.engine.moving.choice import HERE, Choice, chosen
from everflow.engine.moving.ledger import COMING, LEDGER, MOVING, Moving, read, read_one
from everflow.engine.moving.records import FIRST, QUIET, STAYING, kinds_of, pages
from everflow.errors import MoveRefused
from everflow.store import BRANCH, COPY, RunQuery, Status, Store, WorkerRow
from everflow.store.keys import Keys

__all__ = ["check"]

PAGE = 500
SAMPLE = 50
SHOWN = 5
SILENT = 3.0  # seconds without a heartbeat; a living worker has one each second or so
TIED = frozenset({"errand", "promise"})  # kinds by which peers wait for runs, or runs for peers


def check(source: Store, target: Store, choice: Choice, keys: Keys | None) -> None:
    """Raise MoveRefused for what can't be."""
    here, there = source.info(), target.info()
    if here.id == there.id:
        raise MoveRefused(
            f"{there.place} and {here.place} are one store, or one is a copy of the other",
            hint="name another target",
        )
    if read_one(target, MOVING, here.id, Moving) is not None:
        raise MoveRefused(
            f"a move from {there.place} to {here.place} isn't through",
            hint="finish it first, by the same command",
        )
    _check_others(source, there.id)
    if choice.whole:
        coming = read_one(target, COMING, here.id, Moving)
        if coming is None or not coming.whole:
            _check_room(source, target)
        _check_names(source, target)
        _check_quiet(source)
    else:
        _check_ties(source)
    _check_ids(source, target, choice)
    if keys is not None:
        _check_keys(source, keys)


def _check_others(source: Store, target: str) -> None:
    for record in source.records(MOVING):
        if record.key != target:
            raise MoveRefused(
                f"a move to {read(record, Moving).place} isn't through",
                hint="finish it first, by the same command",
            )


def _check_room(source: Store, target: Store) -> None:
    """A target of a whole store has no runs but those that came from it, and nothing that acts."""
    place = target.info().place
    for page in _pages(target, Choice()):
        own = [one.run for one in source.tenures(page) if one.status is not Status.HANDED_OFF]
        if own:
            raise MoveRefused(
                f"{place} has runs of its own",
                run=own[0],
                hint="name a new place, or choose runs (--flow, --status ...): they can go there",
            )
    found = set(target.kinds()) - {*FIRST, *LEDGER, *STAYING, BRANCH, "audit"}
    if found:
        raise MoveRefused(
            f"{place} has records of its own: {', '.join(sorted(found)[:SHOWN])}",
            hint="name a new place, or choose runs (--flow, --status ...): they can go there",
        )


def _check_names(source: Store, target: Store) -> None:
    """No record that is to move is there already."""
    for kind in kinds_of(source):
        for page in pages(source, kind):
            same = target.records(kind, keys=[one.key for one in page], limit=1)
            if same:
                raise MoveRefused(
                    f"both stores have a {kind} by the name {same[0].key!r:.80}",
                    hint="remove one of both",
                )


def _check_quiet(source: Store) -> None:
    """What others know as an instance moves while nobody works on it."""
    known = sorted(set(source.kinds()) - QUIET - {COPY})
    alive = _alive(source) if known else []
    if alive:
        raise MoveRefused(
            f"the store is that of an instance that others know ({', '.join(known[:SHOWN])}), and "
            f"worker {alive[0].id} (pid {alive[0].pid} on {alive[0].host}) works on it",
            hint="stop its server and workers; a store without peers and triggers needs that not",
        )


def _alive(source: Store) -> list[WorkerRow]:
    """The workers that do more than stand in a list: one that died elsewhere is only silent."""
    listed = [row for row in source.workers() if not (row.gone or row.lost)]
    if not listed:
        return []
    beats = {row.id: row.beat for row in listed}
    Event().wait(SILENT)
    return [row for row in source.workers() if not row.gone and beats.get(row.id) != row.beat]


def _check_ties(source: Store) -> None:
    tied = sorted(TIED & set(source.kinds()))
    if tied:
        raise MoveRefused(
            "calls of peers, or by peers, are open: who waits knows this instance alone",
            hint="move everything, or choose runs once no call is open",
        )


def _check_ids(source: Store, target: Store, choice: Choice) -> None:
    """None of the runs may go on at the target by itself, and none may be another instance's."""
    for page in _pages(source, choice):
        if not choice.whole:
            bound = [one.run for one in source.tenures(page) if one.version]
            if bound:
                raise MoveRefused(
                    "other instances have copies of the run, or lend it",
                    run=bound[0],
                    hint="move everything, or leave it out",
                )
        there = [one for one in target.tenures(page) if one.status is not None]
        taken = [one.run for one in there if one.status is not Status.HANDED_OFF]
        if taken:
            raise MoveRefused(
                f"{target.info().place} has a run of the same id that goes on there",
                run=taken[0],
                hint="one of both is a copy: name another target, or leave the run out",
            )


def _pages(source: Store, choice: Choice) -> Iterator[list[str]]:
    for rows in chosen(source, choice):
        yield [row.id for row in rows]


def _check_keys(source: Store, keys: Keys) -> None:
    """Keys that open nothing of what is sealed are others'."""
    rows = source.runs(RunQuery(status=HERE, newest_first=True, limit=SAMPLE))
    sealed = [
        row.id
        for row in rows
        for _, _, body, _ in source.journal(row.no, limit=1)
        if f'"$":"{SEALED}"' in body
    ]
    if sealed and not any(keys.get(sealed)):
        raise MoveRefused(
            "the key store has no key of the sealed runs that are to move",
            run=sealed[0],
            hint="name the right one: --keys, or EVERFLOW_KEYS",
        )
