"""The format of the file, in steps: ``schema_1.sql`` makes an empty file format 1, and so on.

Forward only, each step a transaction with its number (``user_version``) in it, and only by who has
the store alone. A file of a later format than this release knows is refused.
"""

from __future__ import annotations

import secrets
import time

import apsw

from everflow.errors import StoreError, StoreForeign, StoreTooNew
from everflow.stores.queries import read_text

FORMAT = 1


def write_schema(db: apsw.Connection, upto: int = FORMAT) -> None:
    """Make an empty file a store of that format, with an id of its own."""
    with db:
        _step(db, 1)
        db.execute(
            "INSERT INTO store (id, created) VALUES (?, ?)",
            (secrets.token_hex(16), time.time_ns() // 1000),
        )
    _advance(db, 1, upto)


def refuse_unknown(db: apsw.Connection, place: str) -> int:
    """The format of a store; one that this release doesn't know is refused."""
    found = _format(db)
    if found > FORMAT:
        raise StoreTooNew(
            f"The store {place} has format {found}; this release knows {FORMAT}.",
            hint="upgrade Everflow",
        )
    if found < 1:
        raise StoreForeign(f"{place} was made for Everflow but isn't a store.")
    return found


def refuse_older(db: apsw.Connection, place: str) -> None:
    """Refuse an older format: others of an older release have the store open."""
    found = refuse_unknown(db, place)
    if found < FORMAT:
        raise StoreError(
            f"The store {place} has format {found} and must be brought to {FORMAT}, "
            "which isn't done while others have it open.",
            hint="stop the processes of the older release first",
        )


def migrate(db: apsw.Connection) -> None:
    """Bring a store to this release's format. Nobody else is there."""
    _advance(db, _format(db), FORMAT)


def _advance(db: apsw.Connection, found: int, upto: int) -> None:
    for step in range(found + 1, upto + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            _step(db, step)
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise


def _step(db: apsw.Connection, step: int) -> None:
    db.execute(read_text("sqlite", f"schema_{step}.sql"))
    db.execute(f"PRAGMA user_version = {step}")


def _format(db: apsw.Connection) -> int:
    return int(str(db.execute("PRAGMA user_version").get))
