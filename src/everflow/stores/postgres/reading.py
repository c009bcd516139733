"""The verbs of reading."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Reading(Desk):
    """The verbs of reading."""
