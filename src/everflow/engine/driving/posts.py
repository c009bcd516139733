"""Posts: what others want a scheduler to do in its next turn. Any thread may add one.

One that couldn't reach the store is done again once the store is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from everflow.errors import StoreError

__all__ = ["Posts"]

Post = tuple[Callable[..., None], tuple[Any, ...]]


class Posts(deque[Post]):
    """``append`` is for every thread, all else for the scheduler's own."""

    def __init__(self) -> None:
        super().__init__()
        self._unreached: list[Post] = []

    def react(self) -> None:
        """See to all that is there now. Raises StoreError: the rest waits for the next turn."""
        for _ in range(len(self)):
            react, args = self.popleft()
            try:
                react(*args)
            except StoreError:
                self._unreached.append((react, args))
                raise

    def again(self) -> None:
        """The store is back."""
        self.extend(self._unreached)
        self._unreached.clear()
