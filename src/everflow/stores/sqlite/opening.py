"""Opening a store: nothing is written before everything was looked at.

* A store is made whole under another name and then renamed: opening alone would leave a file of 0
  bytes that looks like an emptied store, and two creators end with one store.
* Settings are set one by one and read back.
* Who is first looks at the file and its log while nobody else is there (see ``presence``).
"""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw

from everflow.errors import ConfigurationError, StoreDamaged, StoreReadOnly
from everflow.stores.queries import read_text
from everflow.stores.sqlite.files import (
    APPLICATION,
    inspect,
    opened,
    refuse_network,
    sync_file,
    sync_folder,
)
from everflow.stores.sqlite.schema import migrate, refuse_older, refuse_unknown, write_schema
from everflow.stores.sqlite.trouble import RESTORE
from everflow.stores.sqlite.wal import check_log

OLDEST = (3, 51, 3)  # the first without the corruption of a log that is reset while it is written
Value = int | float | bytes | str | None  # what SQLite takes and gives
Tell = Callable[[*tuple[Value, ...]], None]

_SESSION = read_text("sqlite", "session.sql")
_SETTINGS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: with less, power loss takes acknowledged commits
    "fullfsync": 1,
    "foreign_keys": 0,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,  # an I/O error would be a signal
    "temp_store": 2,  # memory: a full disk must not stop a statement that needs no room
    "cache_size": -16384,  # KiB
    "wal_autocheckpoint": 4000,  # pages; 1,000 cost 10 % of the entries a second
    "journal_size_limit": 1 << 26,  # bytes of the log that are kept, after a backup held it up
}


class Place(NamedTuple):
    """Where a store is: its file, the folder beside it, and how SQLite reaches it."""

    path: Path
    vfs: str | None
    busy: float  # seconds

    @property
    def folder(self) -> Path:
        """Locks and boards."""
        return self.path.with_name(self.path.name + "-workers")

    @property
    def log(self) -> Path:
        """SQLite's write-ahead log."""
        return self.path.with_name(self.path.name + "-wal")


def find(place: Place, *, create: bool) -> None:
    """Look at the place and at what is there, before anything is put beside it."""
    if _number(apsw.sqlite_lib_version()) < OLDEST:
        raise ConfigurationError(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a store.",
            hint="upgrade apsw to 3.51.3 or later",
        )
    refuse_network(place.path)
    if place.path.exists():
        inspect(place.path, place.vfs)
    elif not create:
        raise ConfigurationError(
            f"there is no store at {place.path}",
            hint="a worker or a run makes one, or Engine(...)",
        )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def make(place: Place) -> None:
    """Make a store, whole or not at all. Nobody else is there."""
    if place.log.exists() and place.log.stat().st_size:
        raise StoreDamaged(
            f"The log of the store {place.path} is there, but the store isn't.",
            hint="put the store back beside its log, or delete the log if it is no use",
        )
    for left in place.path.parent.glob(f".{glob.escape(place.path.name)}.*.new*"):
        left.unlink()  # by somebody who died while making it
    new = place.path.with_name(f".{place.path.name}.{secrets.token_hex(6)}.new")
    try:
        db = apsw.Connection(str(new), vfs=place.vfs or None)
        try:
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            write_schema(db)
            db.execute("PRAGMA journal_mode = wal")
        finally:
            db.close()
        sync_file(new)
        new.rename(place.path)
        sync_folder(place.path.parent)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def examined(place: Place) -> Iterator[None]:
    """Look whether file and log are whole, and bring an older format up. Nobody else is there.

    The connection that looked stays until others are open, so that recovery runs once.
    """
    db = _bare(place)
    try:
        refuse_unknown(db, str(place.path))
        _check(db, place)
        migrate(db)
        yield
    finally:
        db.close(force=True)


def connect(place: Place, tell: Tell | None = None) -> apsw.Connection:
    """A connection with all settings made."""
    inspect(place.path, place.vfs)
    db = _bare(place)
    try:
        refuse_older(db, str(place.path))
        _set_up(db)
        db.create_scalar_function("everflow_tell", tell or _unheard, 1)
        db.execute(_SESSION)
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    except BaseException:
        db.close(force=True)
        raise
    return db


def _unheard(*_numbers: Value) -> None:
    """Whoever only reads has nothing told."""


def _bare(place: Place) -> apsw.Connection:
    db = apsw.Connection(str(place.path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=place.vfs or None)
    # Should the file turn out damaged, closing it mustn't copy its log into it.
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.set_busy_timeout(round(place.busy * 1000))
    return db


def _check(db: apsw.Connection, place: Place) -> None:
    if db.readonly("main") or not os.access(place.path.parent, os.W_OK):
        raise StoreReadOnly(
            f"The store {place.path} can't be written.",
            hint="give this user the right to write to the file and its folder",
        )
    pages, size, mode = (
        db.execute(f"PRAGMA {name}").get for name in ("page_count", "page_size", "journal_mode")
    )
    recovered = db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0] if mode == "wal" else 0
    logged = check_log(place.log, place.vfs, recovered=recovered, place=str(place.path))
    with opened(place.path, place.vfs, apsw.SQLITE_OPEN_MAIN_DB) as file:
        there = file.xFileSize() // size
    if pages - there > sum(there < page <= pages for page in logged):
        raise StoreDamaged(
            f"The store {place.path} is cut: {there} of {pages} pages are there.", hint=RESTORE
        )


def _set_up(db: apsw.Connection) -> None:
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    for name, value in _SETTINGS.items():
        db.execute(f"PRAGMA {name} = {value}")
        found = db.execute(f"PRAGMA {name}").get
        if found != value:
            raise ConfigurationError(f"SQLite keeps {name} at {found} instead of {value}.")
