"""The verbs of keeping."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Keeping(Desk):
    """The verbs of keeping."""
