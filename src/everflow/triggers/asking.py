"""Predicates are called on threads of their own, each within a time.

Laws: what a predicate does holds nobody up for longer than that, and never the end of the process.
A thread can't be stopped: one that didn't come back is left alone, and until it does its predicate
isn't called again, so that there is one such thread for each at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["SECONDS", "Asking", "NoAnswer"]

SECONDS = 5.0  # that a predicate may take
_Said = SimpleQueue[tuple[Any, BaseException | None]]


class NoAnswer(Exception):
    """A predicate didn't come back in time."""


class Asking:
    """Calls predicates by name."""

    def __init__(self) -> None:
        self._left: dict[str, _Said] = {}  # where those will be heard of that didn't come back

    def ask(self, name: str, predicate: Callable[[], Any]) -> Any:
        """What it gives, or raises. NoAnswer where it takes too long, or an earlier call does."""
        left = self._left.get(name)
        if left is not None:
            if left.empty():
                raise NoAnswer("an earlier call hasn't come back, so that it isn't called again")
            del self._left[name]
        said: _Said = SimpleQueue()

        def call() -> None:
            try:
                said.put((predicate(), None))
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked
                said.put((None, error))

        threading.Thread(target=call, name=f"everflow-guard-{name}", daemon=True).start()
        try:
            found, error = said.get(timeout=SECONDS)
        except Empty:
            self._left[name] = said
            raise NoAnswer(f"it gave nothing within {SECONDS:g} s") from None
        if error is not None:
            raise error
        return found
