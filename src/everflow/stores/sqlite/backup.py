"""A copy of the store while others write.

It is read in one transaction, so that it is of one moment; it is checked; and only then it gets its
name. The copy bears the same store id: nothing inside tells an older backup from the store itself,
so whoever needs to know keeps a witness outside (``info().highest`` is one).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from everflow.errors import StoreDamaged, StoreError
from everflow.stores.sqlite.desk import Desk
from everflow.stores.sqlite.files import sync_file, sync_folder
from everflow.stores.sqlite.trouble import in_words

_STEP = 1024  # pages between two calls of progress

Progress = Callable[[int, int], None]


class Backup(Desk):
    """The verb ``backup``."""

    def backup(self, place: str, progress: Progress | None = None) -> None:
        """A whole, consistent copy at a place that doesn't exist yet."""
        self._glass.check()
        path = Path(os.path.realpath(place))
        if path.exists():
            raise StoreError(f"{path} is there already.", hint="name a place that isn't there")
        if not path.parent.is_dir():
            raise StoreError(f"{path.parent} is no folder.", hint="make it first")
        new = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
        beside = [new.with_name(f"{new.name}{end}") for end in ("-wal", "-shm", "-journal")]
        with in_words(self._name):
            try:
                self._copy(new, progress or _silent)
                sync_file(new)
                new.rename(path)
                sync_folder(path.parent)
            finally:
                for left in (new, *beside):
                    left.unlink(missing_ok=True)

    def _copy(self, new: Path, progress: Progress) -> None:
        with (
            closing(self._second_connection()) as source,
            closing(apsw.Connection(str(new))) as copy,
        ):
            source.execute("BEGIN; SELECT count(*) FROM store")
            _copy_pages(source, copy, progress)
            found = str(copy.execute("PRAGMA integrity_check(1)").get)
            if found != "ok":
                raise StoreDamaged(f"The copy of the store {self._name} is damaged: {found}.")


def _copy_pages(source: apsw.Connection, copy: apsw.Connection, progress: Progress) -> None:
    with copy.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(_STEP)
            progress(backup.page_count - backup.remaining, backup.page_count)


def _silent(done: int, total: int) -> None:
    """Nobody asked how far it is."""
