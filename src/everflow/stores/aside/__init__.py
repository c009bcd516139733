"""Large values kept aside: a store over any other, which keeps them by content.

A value is stored once however many entries and runs hold it, is read only when somebody needs it,
and goes when nothing refers to it any more.
"""

from everflow.stores.aside.store import AsideStore
from everflow.stores.aside.sweep import Sweep, sweep

__all__ = ["AsideStore", "Sweep", "sweep"]
