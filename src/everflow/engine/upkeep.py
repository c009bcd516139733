"""What the sync face does with runs and schedules that are there: a line for each call.

It is a part of ``Engine``, which says whether the caller may block and whose client is meant.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, BinaryIO

from everflow.engine.client import Client
from everflow.engine.runs import Run
from everflow.engine.schedules.book import Book
from everflow.stores.transfer import ImportReport

__all__ = ["Upkeep", "id_of"]


def id_of(run: Run[Any] | str) -> str:
    """A run's id, of its handle or as it is."""
    return run.id if isinstance(run, Run) else run


class Upkeep(ABC):
    """Keeping runs, and schedules."""

    @abstractmethod
    def _guarded(self) -> Client:
        """The client, if the caller may block here."""

    @abstractmethod
    def _book(self) -> Book:
        """The schedules, of the client that executes."""

    @property
    def schedules(self) -> Book:
        """The schedules of the store, to add, pause, trigger and so on."""
        self._guarded()
        return self._book()

    def adopt(self, run: Run[Any] | str) -> bool:
        """Let a run go on that was put aside: imported and paused, or blocked until the operator.

        It is queued for a worker. False for any other run, which is left as it is.
        """
        return self._guarded().adopt(id_of(run))

    def export(self, runs: Sequence[Run[Any] | str], file: BinaryIO) -> int:
        """Write runs with all that is their own as checked JSON Lines; give how many."""
        return self._guarded().export([id_of(run) for run in runs], file)

    def import_runs(
        self, file: BinaryIO, *, replace: bool = False, adopt: bool = False
    ) -> ImportReport:
        """Bring exported runs into the store; live ones rest there until they are adopted."""
        return self._guarded().import_runs(file, replace=replace, adopt=adopt)

    def backup(self, place: str | os.PathLike[str]) -> None:
        """Copy the whole store, of one moment, to a place that doesn't exist yet."""
        self._guarded().backup(place)

    def prune(self, run: Run[Any] | str, *, dry: bool = False) -> int:
        """Delete the entries that a run can't come to need; how many. With ``dry``, only count."""
        return self._guarded().prune(id_of(run), dry=dry)

    def erase(self, run: Run[Any] | str, *, by: str = "") -> bool:
        """Destroy the key of an ended run, so that its data can't be read anywhere ever again."""
        return self._guarded().erase(id_of(run), by=by)
