"""What the inner workings of a store with a database under it tell its verbs, beside errors."""

from __future__ import annotations

from everflow.errors import StoreRefused

__all__ = ["Changed", "Inconsistent", "Marked", "TooBig"]


class Changed(Exception):
    """What a write relied on doesn't hold any more; the caller looks again."""


class Marked(Exception):
    """Runs were taken from a worker, or let go of, since it was last looked which."""


class Inconsistent(StoreRefused):
    """A row that its own table refuses: the caller wrote what can't be."""


class TooBig(StoreRefused):
    """More than the database takes or gives in one text (some 1 GB)."""
