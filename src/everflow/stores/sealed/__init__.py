"""Encryption at the store's edge: a store over any other, with a data key for each run.

Everything that may hold a user's data goes through it sealed: payloads of entries, snapshots,
outcomes, prompts, messages and the sentences that say why a run stands still. Ids, names, keys,
labels, tags, statuses, times and the kinds of entries stay readable: the run's skeleton.
"""

from everflow.stores.sealed.keeping import SealedStore
from everflow.stores.sealed.keyfile import KeyFile
from everflow.stores.sealed.keys import MemoryKeys

__all__ = ["KeyFile", "MemoryKeys", "SealedStore"]
