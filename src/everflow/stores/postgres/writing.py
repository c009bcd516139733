"""The verbs of writing."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Writing(Desk):
    """The verbs of writing."""
