"""Retention where the journal has no eras: what was let go of keeps no room."""

from __future__ import annotations

from everflow.store import Reclaimed, Retention

__all__ = ["Eraless"]


class Eraless:
    """The verb that has nothing to do."""

    def reclaim(
        self, retention: Retention, *, at: int, after: int = 0, dry: bool = False
    ) -> Reclaimed:
        """Nothing is left to be given back."""
        del retention, at, after, dry  # the contract's
        return Reclaimed()
