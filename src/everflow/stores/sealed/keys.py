"""Keys in memory: for tests, and for runs that no process has to find again."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence

from everflow.store.keys import KEY_BYTES

__all__ = ["MemoryKeys"]


class MemoryKeys:
    """The keys of runs in a dict."""

    place = "memory"

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, runs: Sequence[str]) -> list[bytes]:
        """The keys of these runs, new ones where there is none."""
        with self._lock:
            for run in runs:
                if run not in self._keys:
                    self._keys[run] = secrets.token_bytes(KEY_BYTES)
            return [self._keys[run] for run in runs]

    def get(self, runs: Sequence[str]) -> list[bytes | None]:
        """The keys of these runs, None where there is none."""
        with self._lock:
            return [self._keys.get(run) for run in runs]

    def erase(self, runs: Sequence[str]) -> list[bool]:
        """Forget the keys of these runs."""
        with self._lock:
            return [self._keys.pop(run, None) is not None for run in runs]

    def close(self) -> None:
        """Nothing to let go of."""
