"""The verbs of operating."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Operating(Desk):
    """The verbs of operating."""
