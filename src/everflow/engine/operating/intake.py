"""The intake: starts, answers and cancels, as transactions on the caller's thread.

Each call is acknowledged when it is durable. Calls that come while another one is with the store
wait for it and go together in the next transaction (group commit; source: DeWitt et al.,
"Implementation Techniques for Main Memory Database Systems", 1984). A client without an
engine uses the same intake; there, what is accepted waits for a worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from everflow.errors import StoreRefused, StoreUnavailable

__all__ = ["Group"]

Item = TypeVar("Item")
Reply = TypeVar("Reply")


class _Waiting(Generic[Item, Reply]):
    __slots__ = ("error", "item", "reply")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.reply: Reply | None = None
        self.error: BaseException | None = None


class Group(Generic[Item, Reply]):
    """Gathers the items of concurrent callers into one call of ``send`` each time.

    ``send`` gets up to ``most`` items and gives a reply for each, or raises for all. What is
    ambiguous (StoreUnavailable) is sent once more: every item is idempotent by its id or key. What
    is refused together, for one of them or for being too much at once, is sent by halves.
    """

    def __init__(self, send: Callable[[Sequence[Item]], Sequence[Reply]], most: int = 1000) -> None:
        self._send = send
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[Item, Reply]] = []
        self._list_lock = threading.Lock()

    def __call__(self, item: Item) -> Reply:
        """Have one item sent, with those of others; give its reply."""
        mine: _Waiting[Item, Reply] = _Waiting(item)
        with self._list_lock:
            self._waiting.append(mine)
        while mine.reply is None and mine.error is None:
            with self._lock:
                if mine.reply is None and mine.error is None:
                    with self._list_lock:
                        group, self._waiting = (
                            self._waiting[: self._most],
                            self._waiting[self._most :],
                        )
                    self._serve(group)
        if mine.error is not None:
            raise mine.error
        reply: Any = mine.reply
        return reply  # type: ignore[no-any-return]  # None stands for "not yet" only

    def all(self, items: Sequence[Item]) -> list[Reply]:
        """Have many items of one caller sent, as many at once as go; give their replies.

        Raises for the first that is refused; those before it are sent.
        """
        replies: list[Reply] = []
        for first in range(0, len(items), self._most):
            with self._lock:
                replies += self._by_halves(items[first : first + self._most])
        return replies

    def _by_halves(self, items: Sequence[Item]) -> list[Reply]:
        try:
            return list(self._try_twice(items))
        except StoreRefused:
            if len(items) == 1:
                raise
        half = len(items) // 2
        return self._by_halves(items[:half]) + self._by_halves(items[half:])

    def _try_twice(self, items: Sequence[Item]) -> Sequence[Reply]:
        try:
            return self._send(items)
        except StoreUnavailable:
            return self._send(items)

    def _serve(self, group: list[_Waiting[Item, Reply]]) -> None:
        items = [waiting.item for waiting in group]
        try:
            replies = self._try_twice(items)
        except BaseException as error:  # noqa: BLE001 - each caller is told, on its own thread
            if isinstance(error, StoreRefused) and len(group) > 1:
                half = len(group) // 2
                self._serve(group[:half])
                self._serve(group[half:])
                return
            for waiting in group:
                waiting.error = error
        else:
            for waiting, reply in zip(group, replies, strict=True):
                waiting.reply = reply
