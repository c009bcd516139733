"""The verbs of queues."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Queues(Desk):
    """The verbs of queues."""
