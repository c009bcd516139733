"""Large values kept aside: a store over any other, which keeps them by content.

A value is stored once however many entries and runs hold it, is read only when somebody needs it,
and goes when nothing refers to it any more.
"""

from everflow.stores.aside.store import AsideStore
from everflow.stores.aside.sweep import Sweep, sweep
from everflow.stores.aside.values import BLOB

__all__ = ["BLOB", "AsideStore", "Sweep", "sweep"]
