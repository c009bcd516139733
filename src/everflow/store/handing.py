"""Runs that more than one instance has: what of one is here, what is shipped, one act of a handoff.

Four rules hold.

* **A run is run here or it is a copy.** A copy has its row, with the status ``handed_off`` and its
  holder in ``until``, and its entries where they always are; all else that is its own is packed
  into one record, so that no question, message or timer of a copy is met by anybody. A row keeps
  the idempotency key with which the run was started here, so that a start with it is a repetition.
* **A tenure is one record** (kind ``tenure``, key the run's id, body the standing): list them by
  ``records``, ``due_records`` and ``next_record_due``. A run without one costs nothing.
* **Entries are added, and the rest is replaced.** A copy grows by entries that it lacks; what is
  beside them is whole, of one revision, or not there at all.
* **What is cut off is kept** (kind ``branch``, key ``RUN/NUMBER``), and never merged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from everflow.core.status import Status
from everflow.store.rows import Batch, EntryRow, Imported, RunRow

__all__ = [
    "BRANCH",
    "COPY",
    "TENURE",
    "Branch",
    "Hand",
    "Slice",
    "Tenure",
    "definitions_in",
    "left_out",
]

TENURE, COPY, BRANCH = "tenure", "copy", "branch"  # kinds of records
_HASH = re.compile(r'[0-9a-f]{48}(?:-[0-9a-f]{12})?(?=")')


class Tenure(msgspec.Struct, kw_only=True):
    """What is here of a run, read in one transaction.

    ``body`` is where this instance stands with it, opaque to the store, and ``version`` changes
    with it; "" and 0 where there is none. ``seq`` is one more than the last entry's (0: none).
    ``rev`` is the revision of what is beside the entries: row, questions, inbox, keys of signals,
    labels (0: nothing of it). It grows with each change once an act has met the run here; before
    that it is 1. ``status`` is that of the run's row, None where there is no row.
    """

    run: str
    body: str
    version: int
    seq: int
    rev: int
    status: Status | None


class Slice(msgspec.Struct, kw_only=True):
    """What is shipped of a run, read in one transaction.

    ``whole`` has all that is beside the entries, and the entries whose seq is ``after`` or more:
    all that are left, where some were pruned. Its row says where the run stands at its holder.
    ``definitions`` (hash, body) are those that the row and these entries name.
    """

    after: int
    whole: Imported
    definitions: list[tuple[str, str]]
    seq: int
    rev: int


class Hand(msgspec.Struct, kw_only=True):
    """One act, in one transaction, all or nothing.

    ``version``, ``seq`` and ``rev`` are what was seen of the tenure; None stands for whatever is
    here. ``body`` is the new standing, "" for none: the run is like one that never
    had a tenure then, or, where it isn't to be run here, gone for good. ``here`` is whether the run
    may be run here from now on, ``holder`` who has it otherwise ("" where that isn't known),
    ``due`` when the tenure asks for a look. One that is here may be ``leased``: it is taken from
    its owner when that begins or ends; None leaves it as it is.

    What lies beyond ``keep`` (seq, rev) is set aside as the branch of that label first: entries
    from ``keep``'s seq on, and all that is beside, unless both fit whole. Then of ``add`` is added
    what is new.

    ``drop``: all that is here of a copy is deleted, and set aside nowhere, but for its row, whose
    id and key are still told to whoever starts the run again.
    """

    run: str
    version: int | None
    seq: int | None
    rev: int | None
    body: str
    here: bool
    holder: str = ""
    keep: tuple[int, int] | None = None
    branch: str = ""
    add: Slice | None = None
    due: int | None = None
    leased: bool | None = False
    drop: bool = False

    def saw(self, here: Tenure) -> bool:
        """Whether what is here is what was seen."""
        known = here.version, here.seq, here.rev
        seen = self.version, self.seq, self.rev
        return all(one in {None, other} for one, other in zip(seen, known, strict=True))


class Branch(msgspec.Struct, kw_only=True):
    """What was set aside of a run: ``whole.entries`` begin at ``first``.

    ``sides``: whether ``whole`` has what was beside them, too; else its row alone.
    """

    run: str
    label: str
    at: int
    first: int
    sides: bool
    whole: Imported


def definitions_in(row: RunRow, entries: Iterable[EntryRow]) -> list[str]:
    """The hashes that may be those of definitions, in order, each once."""
    found = dict.fromkeys([row.definition])
    for _, _, body, _ in entries:
        found.update(dict.fromkeys(_HASH.findall(body)))
    return list(found)


def left_out(batch: Batch, taken: Mapping[int, str]) -> tuple[Batch, list[int]]:
    """A batch without what it bears for runs that were taken from its worker, and their numbers.

    ``taken`` has their ids by number. With a run go its entries, standing and questions, the runs
    that it starts, and the letters and records that are written for its sake.
    """
    names: Collection[str] = set(taken.values())
    nos = {no for no, *_ in batch.entries} | {change.no for change in batch.changes}
    nos |= {row.no for row in batch.opened} | {row.no for row in batch.closed}
    kept = replace(
        batch,
        entries=[row for row in batch.entries if row[0] not in taken],
        changes=[change for change in batch.changes if change.no not in taken],
        opened=[question for question in batch.opened if question.no not in taken],
        closed=[question for question in batch.closed if question.no not in taken],
        starts=[run for run in batch.starts if run.parent not in names],
        letters=[
            letter
            for letter in batch.letters
            if letter.of not in taken and letter.source not in taken
        ],
        puts=[put for put in batch.puts if put.source not in taken],
    )
    return kept, sorted(nos & taken.keys())
