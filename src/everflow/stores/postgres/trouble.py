"""PostgreSQL's errors in the store's words.

* Each SQLSTATE becomes one of the store's errors by this table alone, the whole code before its
  class. What another session, the network or the server's disk does is temporary
  (``StoreUnavailable``): nothing is known to be written, and the same call may be made again.
* An error without a code is of the connection: temporary, too.
* What our own functions raise are codes of a class of their own, EF.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from everflow.errors import (
    ConfigurationError,
    EverflowError,
    Fenced,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from everflow.stores.refusals import Changed, Inconsistent, Marked, TooBig

__all__ = [
    "AGAIN",
    "ELSEWHERE",
    "MISSING",
    "PREPARE",
    "RESTORE",
    "UNPREPARED",
    "Changed",
    "Inconsistent",
    "Marked",
    "TooBig",
    "in_few_words",
    "in_our_words",
    "in_words",
]

RESTORE = "nothing was changed; restore a backup"
PREPARE = "let the schema's owner run: everflow store prepare"

AGAIN = frozenset(("40001", "40P01"))  # serialisation failure, deadlock: nothing was done
UNPREPARED = frozenset(("26000", "42P05", "0A000"))  # a statement that was prepared elsewhere, or
# before a table changed: refused before anything was done
MISSING = frozenset(("42883", "42P01", "42703"))  # a function, a table, a column
ELSEWHERE = frozenset(("25006", "57P01", "57P02", "57P03"))  # the server isn't the one to write to

_Outcome = tuple[Callable[..., StoreError | ConfigurationError], str, str]
_UNAVAILABLE: _Outcome = (StoreUnavailable, "The store {place} can't be used for now: {said}.", "")
_DAMAGED: _Outcome = (StoreDamaged, "The store {place} is damaged: {said}.", RESTORE)
_REFUSED: _Outcome = (Inconsistent, "The store {place} refused an inconsistent row: {said}.", "")
_MISSING: _Outcome = (StoreError, "The store {place} isn't whole: {said}.", PREPARE)
_TOO_BIG: _Outcome = (TooBig, "That is more than the store {place} handles at once: {said}.", "")

_TABLE: dict[str, _Outcome] = {
    "08": _UNAVAILABLE,  # the connection
    "25006": _UNAVAILABLE,  # read only: a standby, or the old primary after a failover
    "28": (
        ConfigurationError,
        "The server refuses this user of the store {place}: {said}.",
        "give the right user and password (or a passfile: see PostgreSQL's PGPASSFILE)",
    ),
    "3D000": (ConfigurationError, "There is no such database: {said}.", "make it: createdb NAME"),
    "3F000": _MISSING,
    "22": _REFUSED,
    "23": _REFUSED,
    "44": _REFUSED,
    "40": _UNAVAILABLE,
    "42501": (
        StoreReadOnly,
        "The store {place} can't be written: {said}.",
        "let the schema's owner grant it: everflow store prepare --print shows how",
    ),
    "42883": _MISSING,
    "42P01": _MISSING,
    "42703": _MISSING,
    "53": _UNAVAILABLE,  # memory, connections
    "53100": (StoreFull, "No room is left for the store {place}.", "free some disk space"),
    "54": _TOO_BIG,
    "55": _UNAVAILABLE,  # a lock that isn't to be had
    "57": _UNAVAILABLE,  # a shutdown, a start, a cancel
    "58": _UNAVAILABLE,  # I/O
    "P0001": _REFUSED,  # by a trigger of somebody's own
    "58P01": _DAMAGED,  # a file is gone
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    "EF004": (StoreError, "The number given to a new run is another run's.", ""),
}


def in_our_words(error: psycopg.Error, place: str) -> EverflowError | Changed | Marked:
    """The store's error for one of PostgreSQL's."""
    code = error.sqlstate or "08000"
    # In one line: the client's own texts have several, and end in a question.
    told = " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
    said = told.rstrip(".?") if error.sqlstate else in_few_words(told)
    if code == "EF001":
        return Fenced(
            f"The store {place} refused a batch: its worker was deposed or it came out of turn.",
            hint="enlist again",
        )
    if code == "EF002":
        return Changed(said)
    if code == "EF003":
        return Marked(said)
    kind, sentence, hint = _TABLE.get(code) or _TABLE.get(code[:2]) or _unknown(error)
    return kind(sentence.format(place=place, said=said), hint=hint)


def in_few_words(said: str, pattern: str = "") -> str:
    """What is the matter, without how it was tried; of several hosts the last that it fits."""
    parts = re.split(r"FATAL:|\bfailed:|fe_sendauth:", said)
    fitting = [part for part in parts if part.strip() and re.search(pattern, part)]
    return (fitting or [said])[-1].partition(" Is the server running")[0].strip().rstrip(".?")


def _unknown(error: psycopg.Error) -> _Outcome:
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _UNAVAILABLE
    return (StoreError, "The store {place} can't do that: {said}.", "")


@contextmanager
def in_words(place: str) -> Iterator[None]:
    """Trouble with the server, told in the store's words."""
    try:
        yield
    except psycopg.Error as error:
        raise in_our_words(error, place) from error
