"""The conformance suite for stores: one small test for every sentence of the contract.

The author of a store subclasses `StoreConformance`, fills in the hooks and lets pytest collect it:

    class TestMyStore(StoreConformance):
        def make_store(self, place: Path) -> Store:
            return MyStore.open(place / "store", create=True)

        def reopen(self, store: Store, place: Path) -> Store:
            store.close()
            return MyStore.open(place / "store")

The other hooks are `another`, `open_backup`, `side_row` and `side_texts`. Everything is observed
through the contract alone, so that whatever passes may take the place of any other store.
"""

import pytest

_PARTS = (
    "accepting",
    "appending",
    "base",
    "claiming",
    "early",
    "fencing",
    "handing",
    "hostile",
    "keeping",
    "operating",
    "queueing",
    "reading",
    "records",
    "releasing",
    "signals",
    "starting",
    "upgrades",
    "workers",
)
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from everflow.testing.conformance.suite import (  # noqa: E402 - asserts are rewritten at import
    StoreConformance,
)

__all__ = ["StoreConformance"]
