"""The contract of key stores: a data key for each run, kept apart from the data.

Whoever erases a run's key makes its data unreadable wherever it is, in backups and replicas too;
so a key store must not lie in the store, and copies of it must not outlive an erasure for longer
than one is ready to wait. All calls may come from any thread. ``StoreUnavailable`` says that the
keys can't be reached now: runs pause and go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

__all__ = ["KEY_BYTES", "Keys"]

KEY_BYTES = 64  # of a data key: two keys of AES-256, as AES-SIV takes them (RFC 5297)


@runtime_checkable
class Keys(Protocol):
    """What a key store must do; implement it for a key service of your own."""

    place: str  # where the keys are, for messages, without secrets

    def create(self, runs: Sequence[str]) -> list[bytes]:
        """The keys of these runs, random and new for those without one, durable on return."""

    def get(self, runs: Sequence[str]) -> list[bytes | None]:
        """The keys of these runs, None for those that have none (any more)."""

    def erase(self, runs: Sequence[str]) -> list[bool]:
        """Destroy the keys of these runs; whether there was one. Repeating is no error."""

    def close(self) -> None:
        """Let go of files and connections."""
