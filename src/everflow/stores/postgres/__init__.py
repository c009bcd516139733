"""The store in a schema of a PostgreSQL database: for a fleet of workers on many hosts.

Read ``sql/postgres/schema_1.sql`` first, then ``code_writing.sql``: a verb that writes is one call
of a function there. ``lines`` says how statements reach the server, ``opening`` what is refused.
"""

from __future__ import annotations

from everflow.stores.postgres import preparing
from everflow.stores.postgres.backup import Backup
from everflow.stores.postgres.handing import Handing
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.queues import Queues
from everflow.stores.postgres.reading import Reading
from everflow.stores.postgres.records import Records
from everflow.stores.postgres.retaining import Retaining
from everflow.stores.postgres.settling import Settling
from everflow.stores.postgres.workers import Workers

__all__ = ["PostgresStore", "preparing"]


class PostgresStore(Workers, Settling, Reading, Records, Retaining, Queues, Handing, Backup):
    """A store in a database, shared by the threads of a process and by processes anywhere."""

    @classmethod
    def open(cls, url: str, *, create: bool = True, fleet: str = "") -> PostgresStore:
        """Open the store at ``postgresql://...``; make it if it isn't there and ``create``.

        ``fleet`` names who works here, as ``?fleet=`` does.

        Raises ``ConfigurationError`` (no such place, a server that can't bear a store),
        ``StoreForeign``, ``StoreTooNew``, ``StoreReadOnly`` or ``StoreUnavailable``.
        """
        store = cls(Place.read(url, fleet=fleet))
        try:
            store.look(create=create)
        except BaseException:
            store.close()
            raise
        return store
