"""What two instances that are killed execute: a run at one, each of whose steps the other makes.

``EVERFLOW_TEST_LEDGER`` is where the steps leave their lines.
"""

from __future__ import annotations

import os
from pathlib import Path

from everflow import NodeRun, expose, flow, node, remote_node
from tests.faults.outside import Ledger

STEPS = 3
_ledger = Ledger(Path(os.environ["EVERFLOW_TEST_LEDGER"]))


@node(name="peered.weigh")
def weigh(x: int, *, run: NodeRun) -> int:
    """One more, and a line outside."""
    _ledger.note("effect", os.getpid(), run.id, run.idempotency_key)
    return x + 1


expose(flow("weighed", weigh))
_step = remote_node("east", "weighed")
flow("errand", _step >> _step >> _step)
