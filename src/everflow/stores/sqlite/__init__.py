"""The store in one SQLite file: the default.

Read ``session.sql`` first: a batch is one statement, and what it does stands there. Then ``lines``
(how statements reach the file), ``turnstile`` (how processes take turns) and ``opening`` (what is
refused). Beside the file ``NAME`` stand SQLite's ``NAME-wal`` and ``NAME-shm`` and the folder
``NAME-workers`` with locks and boards; none of them is to be deleted while anybody has it open.
"""

from __future__ import annotations

import os
from pathlib import Path

from everflow.stores.sqlite.backup import Backup
from everflow.stores.sqlite.handing import Handing
from everflow.stores.sqlite.opening import Place, find
from everflow.stores.sqlite.operating import Operating
from everflow.stores.sqlite.queues import Queues
from everflow.stores.sqlite.reading import Reading
from everflow.stores.sqlite.records import Records
from everflow.stores.sqlite.retaining import Retaining
from everflow.stores.sqlite.settling import Settling
from everflow.stores.sqlite.trouble import in_words
from everflow.stores.sqlite.workers import Workers

__all__ = ["SQLiteStore"]


class SQLiteStore(
    Workers, Settling, Operating, Reading, Records, Retaining, Queues, Handing, Backup
):
    """A store in one file, shared by the threads of a process and the processes of a host."""

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = True,
        busy: float = 30.0,
        vfs: str | None = None,
    ) -> SQLiteStore:
        """Open the store at ``path``; make it if it isn't there and ``create``.

        ``busy`` is how many seconds to wait for other writers before ``StoreUnavailable``. ``vfs``
        names another file layer of SQLite's, for tests that break it.

        Raises ``ConfigurationError`` (no such place, network file system, SQLite too old),
        ``StoreForeign``, ``StoreDamaged``, ``StoreTooNew``, ``StoreReadOnly`` or
        ``StoreUnavailable``.
        """
        place = Place(Path(os.path.realpath(path)), vfs, busy)
        with in_words(str(place.path)):
            find(place, create=create)
        store = cls(place)
        try:
            store.look()
        except BaseException:
            store.close()
            raise
        return store
