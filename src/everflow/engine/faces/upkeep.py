"""What the sync face has of schedules.

It is a part of ``Engine``, which says whether the caller may block and whose client is meant.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from everflow.engine.asking.client import Client
from everflow.engine.asking.runs import Run
from everflow.engine.schedules.book import Book

__all__ = ["Upkeep", "id_of"]


def id_of(run: Run[Any] | str) -> str:
    """A run's id, of its handle or as it is."""
    return run.id if isinstance(run, Run) else run


class Upkeep(ABC):
    """Keeping schedules."""

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
