"""The reference store: plain dicts under one lock. Read this one first.

Every verb is a transaction because it holds the lock from its first line to its last and writes
only after everything that can be refused was looked at. Rows go in and out as copies. Nothing is
indexed but by number, id and key: where another store needs SQL, this one walks over all rows.
The data lives as long as the object, so that an engine may be dropped and another one take over.
"""

from everflow.stores.memory.handing import Handing
from everflow.stores.memory.operating import Operating
from everflow.stores.memory.queues import Queues
from everflow.stores.memory.reading import Reading
from everflow.stores.memory.retaining import Retaining
from everflow.stores.memory.settling import Settling
from everflow.stores.memory.workers import Workers

__all__ = ["MemoryStore"]


class MemoryStore(Workers, Settling, Retaining, Handing, Operating, Reading, Queues):
    """A store in this process's memory, for tests and for learning the contract.

    ``side`` keeps the side rows, ``backups`` the copies by place; ``kill`` makes a worker look as
    if a kernel lock told its death.
    """
