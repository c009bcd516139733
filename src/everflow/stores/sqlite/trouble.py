"""SQLite's errors in the store's words.

Each of its result codes becomes one of the store's errors, by this table alone. What the disk or
another process does is temporary (``StoreUnavailable``): nothing is known to be written, and the
same call may be made again. Everything else is final.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

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

RESTORE = "nothing was changed; restore a backup"


_TABLE: tuple[tuple[tuple[type[apsw.Error], ...], type[StoreError], str, str], ...] = (
    (
        (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.MismatchError),
        StoreDamaged,
        "The store {place} is damaged: {said}.",
        RESTORE,
    ),
    (
        (apsw.FullError,),
        StoreFull,
        "No room is left for the store {place}.",
        "free some disk space",
    ),
    (
        (apsw.ReadOnlyError, apsw.PermissionsError),
        StoreReadOnly,
        "The store {place} can't be written: {said}.",
        "give this user the right to write to the file and its folder",
    ),
    (
        (apsw.IOError, apsw.BusyError, apsw.LockedError, apsw.CantOpenError, apsw.NoMemError),
        StoreUnavailable,
        "The store {place} can't be used for now: {said}.",
        "",
    ),
    ((apsw.TooBigError,), TooBig, "That is more than the store {place} handles at once.", ""),
)


def in_our_words(error: apsw.Error, place: str) -> EverflowError | Changed | Marked:
    """The store's error for one of SQLite's."""
    said = str(error)
    if isinstance(error, apsw.ConstraintError):
        return _raised_by_us(said, place)
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE:
        error = apsw.FullError(said)  # NAME-shm can't grow: an I/O error even on a full disk
    for kinds, ours, sentence, hint in _TABLE:
        if isinstance(error, kinds):
            return ours(sentence.format(place=place, said=said), hint=hint)
    if "malformed JSON" in said:  # a row with JSON in it that isn't
        return StoreDamaged(f"The store {place} is damaged: {said}.", hint=RESTORE)
    return StoreError(f"The store {place} can't do that: {said}.")


def _raised_by_us(said: str, place: str) -> EverflowError | Changed | Marked:
    if "everflow:fenced" in said:
        return Fenced(
            f"The store {place} refused a batch: its worker was deposed or it came out of turn.",
            hint="enlist again",
        )
    if "everflow:changed" in said:
        return Changed(said)
    if "everflow:marked" in said:
        return Marked(said)
    if "everflow:number" in said:
        return StoreError("The number given to a new run is another run's.")
    return Inconsistent(f"The store {place} refused an inconsistent row: {said}.")


@contextmanager
def in_words(place: str) -> Iterator[None]:
    """Trouble with files, told in the store's words."""
    try:
        yield
    except OSError as error:
        raise of_system(error, place) from error
    except apsw.Error as error:
        raise in_our_words(error, place) from error


def of_system(error: OSError, place: str) -> StoreError | ConfigurationError:
    """The store's error for one of the operating system's."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFull(f"No room is left for the store {place}.", hint="free some disk space")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StoreReadOnly(
            f"The store {place} can't be written: {error.strerror}.",
            hint="give this user the right to write to the file and its folder",
        )
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}:
        return ConfigurationError(f"{place} is no place for a store: {error.strerror}.")
    return StoreUnavailable(f"The store {place} can't be used for now: {error.strerror}.")
