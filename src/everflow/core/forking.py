"""Forks: the first entries of a run as those of another one.

The copy is told as the original was, entry by entry, under the other run's id: it stands in the
start and in every snapshot. Nothing else is changed, but for the value of the last entry, if
another one is wished for. An entry at the end says what was copied.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from everflow.core.entries import Entry, Kind, decode_body
from everflow.core.journal import BASES, state_text
from everflow.core.state import state_of
from everflow.errors import NoSuchPoint

__all__ = ["forked_entries"]

VALUED = frozenset({Kind.START, Kind.RESULT, Kind.ANSWER, Kind.EARLY, Kind.SIGNAL})


def forked_entries(
    bodies: Iterable[str], run: str, *, at: int, origin: str, value: str | None = None
) -> list[Entry]:
    """The entries of the run of id ``run``, copied from those of the run ``origin``.

    ``at`` is the time of the fork, in microseconds since the epoch; ``value`` the payload that the
    last of them is to bear instead of its own. Raises NoSuchPoint where that bears none.
    """
    entries = [_under(decode_body(body), run) for body in bodies]
    last = entries[-1]
    if value is not None:
        if last.kind not in VALUED:
            raise NoSuchPoint(
                f"entry {last.seq} is of kind {last.kind} and bears no value to replace",
                run=origin,
                hint="fork at the start, or at the result, answer or signal that is to be another",
            )
        entries[-1] = msgspec.structs.replace(last, payload=value)
    note = f"{origin}@{last.seq}"
    return [*entries, Entry(last.seq + 1, max(at, last.at), Kind.FORKED, note=note)]


def _under(entry: Entry, run: str) -> Entry:
    """The entry as one of that run."""
    if entry.kind == Kind.START:
        return msgspec.structs.replace(entry, note=run)
    if entry.kind in BASES:
        state = msgspec.structs.replace(state_of(entry.payload), run=run)
        return msgspec.structs.replace(entry, payload=state_text(state))
    return entry
