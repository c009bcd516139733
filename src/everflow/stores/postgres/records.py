"""The verbs of records."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Records(Desk):
    """The verbs of records."""
