"""Export and import: runs as versioned, checksummed JSON Lines, from any store to any store.

What is in a file is data and never runs: it is decoded into the rows of the contract or refused. An
import reads the whole file before it writes anything. A live run arrives paused, so that a copy of
production doesn't act, until somebody adopts it.
"""

from everflow.stores.transfer.limits import Limits
from everflow.stores.transfer.lines import FORMAT, LIVE_REASON
from everflow.stores.transfer.receive import ImportReport, import_runs
from everflow.stores.transfer.send import export_runs

__all__ = ["FORMAT", "LIVE_REASON", "ImportReport", "Limits", "export_runs", "import_runs"]
