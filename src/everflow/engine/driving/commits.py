"""Committers: where a batch is sent to the store from.

With nothing else to do the scheduler commits on its own thread, which saves two switches of
threads; while it has nodes to run, a second thread commits one batch as it prepares the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from everflow.errors import EverflowError, StoreError
from everflow.store import Batch

__all__ = ["Appending", "Committer", "InlineCommitter", "ThreadedCommitter"]

Committed = Callable[[list[int]], None]
CommitFailed = Callable[[EverflowError], None]


class Appending(Protocol):
    """Where batches go: a store, or what stands before it."""

    def append(self, batch: Batch) -> list[int]:
        """Write a batch; see ``Store.append``."""


class Committer(Protocol):
    """Sends batches to the store. ``here``: on this thread, before the call returns."""

    def commit(self, batch: Batch, *, here: bool) -> None:
        """Send a batch; how it went is told by ``committed`` or ``commit_failed``."""


def send(store: Appending, batch: Batch, committed: Committed, failed: CommitFailed) -> None:
    """One try; how it went is told to one of the two."""
    try:
        refused = store.append(batch)
    except StoreError as error:
        failed(error)
    else:
        committed(refused)


class InlineCommitter:
    """Commits on the caller's thread, always. For tests and simulations."""

    def __init__(self, store: Appending, committed: Committed, failed: CommitFailed) -> None:
        self._store = store
        self._committed = committed
        self._failed = failed

    def commit(self, batch: Batch, *, here: bool) -> None:  # noqa: ARG002 - the protocol's
        """Send a batch now."""
        send(self._store, batch, self._committed, self._failed)


class ThreadedCommitter:
    """Commits on a thread of its own, but where the scheduler has nothing else to do.

    ``post(react, *args)`` has something done on the scheduler's thread: how a batch went is told
    there, with the batch, since by then the scheduler may have given it up.
    """

    def __init__(
        self,
        store: Appending,
        committed: Callable[[list[int], Batch], None],
        failed: Callable[[EverflowError, Batch], None],
        post: Callable[..., None],
    ) -> None:
        self._store = store
        self._committed, self._failed = committed, failed
        self._post = post
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="everflow-commit", daemon=True)
        self._thread.start()

    def commit(self, batch: Batch, *, here: bool) -> None:
        """Send a batch, here and now or from the other thread."""
        if here:
            send(
                self._store,
                batch,
                lambda refused: self._committed(refused, batch),
                lambda error: self._failed(error, batch),
            )
        else:
            self._queue.put(batch)

    def close(self) -> None:
        """End the thread once it has sent what it was given."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (batch := self._queue.get()) is not None:
            self._send(batch)

    def _send(self, batch: Batch) -> None:
        try:
            send(
                self._store,
                batch,
                lambda refused: self._post(self._committed, refused, batch),
                lambda error: self._post(self._failed, error, batch),
            )
        except Exception as error:  # noqa: BLE001 - a fault of the store's own: the scheduler stops
            self._post(_raise, error)


def _raise(error: Exception) -> None:
    raise error
