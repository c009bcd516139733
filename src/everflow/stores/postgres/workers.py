"""The verbs of workers."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Workers(Desk):
    """The verbs of workers."""
