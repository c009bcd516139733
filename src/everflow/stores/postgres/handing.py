"""The verbs of handing."""

from __future__ import annotations

from everflow.stores.postgres.desk import Desk


class Handing(Desk):
    """The verbs of handing."""
