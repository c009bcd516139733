"""A copy of the store while others write: a SQLite file that is a store by itself.

It is read in one transaction, so that it is of one moment; it is checked; and only then it gets its
name. All that is here is in it, numbers, owners and versions included, and it bears the same store
id: it can be opened, looked at, and moved back. For what the server itself is to be rebuilt from,
there are the server's own tools (``pg_dump``, base backups and archives of its log).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec

from everflow.errors import StoreDamaged, StoreError
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.marking import unmarked
from everflow.stores.postgres.operating import Cursor
from everflow.stores.queries import read_queries
from everflow.stores.sqlite.files import APPLICATION, sync_file, sync_folder
from everflow.stores.sqlite.schema import write_schema
from everflow.stores.sqlite.trouble import in_words

__all__ = ["Backup"]

_INTO = read_queries("sqlite", "copying")
_TABLES = tuple(name for name in _INTO if name not in {"copied_store", "copied_last"})
_STEP = 2_000  # rows that are read at once
_encode = msgspec.json.Encoder().encode

Progress = Callable[[int, int], None]


class Backup(Desk):
    """The verb ``backup``."""

    def backup(self, place: str, progress: Progress | None = None) -> None:
        """A whole, consistent copy at a place that doesn't exist yet: a SQLite file."""
        path = Path(os.path.realpath(place))
        if path.exists():
            raise StoreError(f"{path} is there already.", hint="name a place that isn't there")
        if not path.parent.is_dir():
            raise StoreError(f"{path.parent} is no folder.", hint="make it first")
        new = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
        with in_words(str(path)):
            try:
                with self._transaction(snapshot=True) as cursor:
                    self._copy(cursor, new, progress or _silent)
                sync_file(new)
                new.rename(path)
                sync_folder(path.parent)
            finally:
                new.unlink(missing_ok=True)

    def _copy(self, cursor: Cursor, new: Path, progress: Progress) -> None:
        with closing(apsw.Connection(str(new))) as copy:
            # Nobody has it before it is whole: what a crash leaves has no name.
            copy.execute("PRAGMA synchronous = off")
            copy.execute("PRAGMA journal_mode = off")
            copy.execute(f"PRAGMA application_id = {APPLICATION}")
            write_schema(copy)
            ((total,),) = cursor.execute(self._sql("copied_many")).fetchall()
            copy.execute("BEGIN")
            done = 0
            copy.executemany(_INTO["copied_store"], self._all(cursor, "copied_store"))
            for table in _TABLES:
                for rows in self._pages(cursor, table):
                    copy.executemany(_INTO[table], rows)
                    done += len(rows)
                    progress(done, int(total))
            copy.executemany(_INTO["copied_last"], self._all(cursor, "copied_last"))
            copy.execute("COMMIT")
            progress(int(total), int(total))
            found = str(copy.execute("PRAGMA integrity_check(1)").get)
            if found != "ok":
                raise StoreDamaged(f"The copy of the store {self._name} is damaged: {found}.")

    def _all(self, cursor: Cursor, query: str) -> list[tuple[Any, ...]]:
        return [_plain(row) for row in cursor.execute(self._sql(query)).fetchall()]

    def _pages(self, cursor: Cursor, query: str) -> Iterator[list[tuple[Any, ...]]]:
        with cursor.connection.cursor(name="everflow_copy") as found:
            found.execute(self._sql(query))
            while page := found.fetchmany(_STEP):
                yield [_plain(row) for row in page]


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of a row as SQLite has them."""
    return tuple(unmarked(one) if type(one) is str else _other(one) for one in row)


def _other(value: Any) -> Any:
    if isinstance(value, dict):
        labels = {unmarked(name): unmarked(text) for name, text in value.items()}
        return _encode(labels).decode()
    return int(value) if isinstance(value, bool) else value


def _silent(done: int, total: int) -> None:
    """Nobody asked how far it is."""
