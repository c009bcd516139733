"""What a ``Hand`` comes to, the same for every store: from what is here to what is to be written.

Whatever an act writes, it is: entries cut off, entries added, the row as it stands after that, and
what is beside them, either in its tables or packed. All that can be refused is refused here, before
anything is written.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import msgspec
from msgspec.structs import replace

from everflow.core.status import Status
from everflow.errors import NoSuchRun, StoreDamaged, StoreError
from everflow.store.handing import BRANCH, COPY, TENURE, Branch, Hand, Slice, Tenure
from everflow.store.records import Put
from everflow.store.rows import EntryRow, Imported, RunRow

__all__ = ["Here", "Move", "kept_of", "pack", "planned", "shipped", "unpack"]

_MOVING = frozenset({Status.RUNNING, Status.SUSPENDED, Status.WAITING})


class Here(msgspec.Struct, kw_only=True):
    """What is here of a run. ``owner``: the worker that has it, if that lives; else 0.

    ``copy`` is what is packed of a copy. ``whole`` has what is in the tables; of its entries as
    many as were asked for.
    """

    no: int
    owner: int
    seq: int
    rev: int
    copy: str | None
    whole: Imported

    @property
    def is_copy(self) -> bool:
        """Whether it isn't run here."""
        return self.whole.row.status is Status.HANDED_OFF

    @property
    def side(self) -> str | None:
        """All but the entries, as it is packed; None where nothing of it is here."""
        return self.copy if self.is_copy else pack(self.whole)


class Move(msgspec.Struct, kw_only=True):
    """What an act writes, in this order.

    ``taken``: the run is taken from its owner. ``fenced``: what is beside it is deleted from the
    tables.
    ``cut``: entries from that seq on are deleted. ``row`` is written as it is, under a new number
    where it has none; None: it stays. ``entries`` are added. ``beside`` is put into the tables.
    ``puts`` are the records, and ``rev`` is the revision from then on.
    """

    taken: bool = False
    fenced: bool = False
    cut: int | None = None
    row: RunRow | None = None
    definitions: list[tuple[str, str]] = []
    entries: list[EntryRow] = []
    beside: Imported | None = None
    puts: list[Put] = []
    rev: int = 0


def planned(
    act: Hand,
    seen: Tenure,
    here: Here | None,
    *,
    at: int,
    keyed: Callable[[str, str], int | None],
) -> Move:
    """What an act comes to, that saw what there is. ``here`` has the entries that may be cut off.

    ``keyed`` tells the run of a flow and a key.
    """
    move = Move(puts=[Put(kind=TENURE, key=act.run, body=act.body or None, due=act.due)])
    kept = (0, 0) if act.drop else kept_of(seen.seq, seen.rev, act.keep)
    add = act.add if act.add and (act.add.seq > kept[0] or act.add.rev > kept[1]) else None
    cuts = kept != (seen.seq, seen.rev)
    _check(act, kept, add, here)
    move.rev = kept[1]
    if here is not None and not here.is_copy and act.here and not cuts and add is None:
        if act.leased not in {None, here.whole.row.leased}:
            move.taken = True
            move.row = replace(here.whole.row, owner=0, leased=bool(act.leased))
    else:
        _change(move, act, kept, add, here, version=seen.version, at=at, keyed=keyed)
    if not act.body:
        move.rev = 0 if act.here else min(move.rev, 1)
    return move


def _change(
    move: Move,
    act: Hand,
    kept: tuple[int, int],
    add: Slice | None,
    here: Here | None,
    *,
    version: int,
    at: int,
    keyed: Callable[[str, str], int | None],
) -> None:
    """Cut off what goes, add what comes, and have the row stand as it is to."""
    cuts = here is not None and kept != (here.seq, here.rev)
    row = None if here is None else here.whole.row
    side = None if here is None or cuts else here.side
    if here is not None and not here.is_copy:
        move.taken = move.fenced = True
    if row is not None and act.drop:
        move.cut, row = 0, replace(row, base=0, labels={})
    elif row is not None and here is not None and cuts:
        row = _cut(move, act, here, kept[0], version, at)
    if add is not None:
        row, side = _grown(move, add, kept, here, side)
    if row is not None:
        _settle(move, act, row, side, here, keyed)


def _check(act: Hand, kept: tuple[int, int], add: Slice | None, here: Here | None) -> None:
    if act.add is not None and act.add.whole.row.id != act.run:
        raise StoreError("what was shipped is another run's", run=act.run)
    if add is not None:
        if add.after > kept[0]:
            raise StoreError("what was shipped doesn't go on from what is here", run=act.run)
        for _, seq, body, checksum in add.whole.entries:
            if crc32(body.encode()) != checksum:
                raise StoreDamaged(f"entry {seq} was shipped damaged", run=act.run)
    if act.drop and (act.here or (here is not None and not here.is_copy)):
        raise StoreError("only a copy is dropped, and the run is here", run=act.run)
    is_whole = kept[1] or (add is not None and add.rev)
    if act.here and here is not None and not is_whole:
        raise StoreError("nothing whole of the run is here that could go on", run=act.run)


def _cut(move: Move, act: Hand, here: Here, first: int, version: int, at: int) -> RunRow:
    """Set aside what begins there, and all that is beside; the row of what is left."""
    side, row = here.side, here.whole.row
    whole = Imported(row=row, entries=[], questions=[], arrivals=[])
    whole = whole if side is None else unpack(side)
    whole.entries = [row for row in here.whole.entries if row[1] >= first]
    branch = Branch(
        run=act.run, label=act.branch, at=at, first=first, sides=side is not None, whole=whole
    )
    key = f"{act.run}/{version:016}"
    move.puts.append(Put(kind=BRANCH, key=key, body=msgspec.json.encode(branch).decode()))
    move.cut = first
    return replace(row, base=0 if row.base >= first else row.base)


def _grown(
    move: Move, add: Slice, kept: tuple[int, int], here: Here | None, side: str | None
) -> tuple[RunRow, str | None]:
    """Add what is new; the row and what is packed of it then."""
    no, key = (0, None) if here is None else (here.no, here.whole.row.key)
    move.definitions = add.definitions
    move.entries = [row for row in add.whole.entries if row[1] >= kept[0]]
    if add.rev > kept[1]:
        side, move.rev = pack(add.whole), add.rev
    return replace(add.whole.row, no=no, key=key), side


def _settle(
    move: Move,
    act: Hand,
    row: RunRow,
    side: str | None,
    here: Here | None,
    keyed: Callable[[str, str], int | None],
) -> None:
    """Let the run go on here, or be a copy."""
    if act.here and side is not None:
        move.beside = unpack(side)
        move.row = _resumed(move.beside.row, row.no, row.key, keyed)
        move.row.leased = bool(act.leased)
        side = None
    else:
        move.row = _as_copy(row, act.holder)
    if side != (None if here is None else here.copy):
        move.puts.append(Put(kind=COPY, key=act.run, body=side))


def _as_copy(row: RunRow, holder: str) -> RunRow:
    """The row of a run that another instance has: for lists, and for whoever asks by its names."""
    return replace(
        row,
        status=Status.HANDED_OFF,
        until=holder,
        reason=f"{holder or 'another instance'} has it",
        owner=0,
        labels=dict(row.labels),
        ended=None,
        due=None,
        cancel=False,
        deaths=0,
        outcome=None,
        queue="",
        lane="",
        priority=0,
        admitted=None,
        leased=False,
    )


def _resumed(
    row: RunRow, no: int, known: str | None, keyed: Callable[[str, str], int | None]
) -> RunRow:
    """The row of a run that goes on here, as it stood where it was before, and unowned.

    One that ran or rested is queued, so that whoever takes it sees to all that it waits for. One
    that is paused, blocked or being cancelled stays so, and one that ended did.
    """
    row = replace(row, no=no, owner=0, key=row.key if row.key is not None else known)
    if row.status in _MOVING:
        row.status, row.due = Status.QUEUED, None
    if row.key is not None and keyed(row.flow, row.key) not in {None, no}:
        row.origin = f"{row.origin} without its key {row.key}, which another run has".strip()
        row.key = None
    return row


def shipped(run: str, here: Here | None, after: int) -> Slice:
    """What is shipped of a run, but for the definitions; ``here`` has its entries from ``after``.

    Raises ``NoSuchRun`` where nothing whole of it is here, ``StoreDamaged`` for a checksum that
    doesn't hold.
    """
    side = None if here is None else here.side
    if here is None or side is None:
        raise NoSuchRun(f"Nothing whole of the run {run} is here.", run=run)
    for _, seq, body, checksum in here.whole.entries:
        if crc32(body.encode()) != checksum:
            raise StoreDamaged(
                f"Entry {seq} is damaged: its checksum is wrong.",
                run=run,
                hint="nothing was changed; restore a backup",
            )
    whole = replace(unpack(side), entries=here.whole.entries)
    return Slice(after=after, whole=whole, definitions=[], seq=here.seq, rev=here.rev)


def kept_of(seq: int, rev: int, keep: tuple[int, int] | None) -> tuple[int, int]:
    """What stays of so much: all of it, or the first entries with nothing beside them."""
    if keep is None or (seq <= keep[0] and rev <= keep[1]):
        return seq, rev
    return min(seq, max(keep[0], 0)), 0


def pack(whole: Imported) -> str:
    """All of a run but its entries, as one JSON text without a store's own numbers."""
    row = replace(whole.row, no=0, owner=0, leased=False)
    questions = [replace(question, no=0) for question in whole.questions]
    arrivals = [replace(message, no=0) for message in whole.arrivals]
    side = replace(whole, row=row, entries=[], questions=questions, arrivals=arrivals)
    return msgspec.json.encode(side).decode()


def unpack(text: str) -> Imported:
    """The same back."""
    return msgspec.json.decode(text, type=Imported)
