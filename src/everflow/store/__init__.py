"""The store's contract: what every store must do, in some thirty verbs named for the domain.

Four rules hold for every implementation.

* **Append-only history.** An entry, once written, never changes. ``append`` is the only verb that
  writes entries of a run that has an owner.
* **The fence.** Every batch bears its worker, the worker's epoch and the batch's number. A batch of
  a stale epoch is refused (``Fenced``) and writes nothing; a batch whose number was applied
  already is acknowledged without being applied again, so that an ambiguous commit is simply sent
  again, unchanged. One check a batch, none a run: a run leaves a living worker by nobody else.
* **One inbox.** Whatever reaches a run from outside is accepted in one transaction with the
  compare-and-set on the row that it concerns, and applied later by the run's owner, who journals
  it and deletes it in one.
* **All or nothing, and typed trouble.** Every verb is one transaction. ``StoreUnavailable`` (and
  its child ``StoreFull``) means: nothing is known to be written, try again; everything else is
  final.

Times are integer microseconds since the epoch. ``no`` is a run's number within this store, ``id``
its public name. Texts called ``body``, ``payload``, ``prompt`` or ``outcome`` are JSON and opaque
to the store. Numbers that name nothing (of a run, a worker, an arrival) are passed over, but where
a verb says otherwise. Rows that a store gives are copies: changing one changes nothing.
"""

from __future__ import annotations

from everflow.core.status import ACTIVE, OUTCOMES, Status
from everflow.store.handing import (
    BRANCH,
    COPY,
    TENURE,
    Branch,
    Hand,
    Slice,
    Tenure,
    definitions_in,
    left_out,
)
from everflow.store.judge import (
    judge_answer,
    judge_cancel,
    judge_child,
    judge_early,
    judge_pause,
    judge_settled,
    judge_signal,
    judge_unpause,
    judge_upgrade,
    pause_of,
    set_aside,
)
from everflow.store.messages import (
    AT_ONCE,
    ORDERS,
    SIGNALS,
    Answer,
    Arrival,
    Cancel,
    ChildEnded,
    Early,
    Letter,
    Message,
    Pause,
    Settled,
    Signal,
    Unpause,
    UpgradeTo,
    sameness,
)
from everflow.store.moving import Here, Move, kept_of, pack, planned, shipped, unpack
from everflow.store.records import Put, Record
from everflow.store.retaining import LetGo, Reclaimed, Retention
from everflow.store.rows import (
    KEPT,
    WORKER_SPAN,
    Batch,
    EntryRow,
    Imported,
    LaneRow,
    Loaded,
    NewRun,
    QuestionClosed,
    QuestionOpened,
    QuestionQuery,
    QuestionRow,
    Released,
    Reopened,
    RunChange,
    RunQuery,
    RunRow,
    SideRow,
    StoreInfo,
    Verdict,
    answer_of,
    kept_row,
    row_of_new,
)
from everflow.store.settling import OpenTransaction, Settlement, StartStatement, Transacting
from everflow.store.verbs import Store
from everflow.store.working import Holding, WorkerRow

__all__ = [
    "ACTIVE",
    "AT_ONCE",
    "BRANCH",
    "COPY",
    "KEPT",
    "ORDERS",
    "OUTCOMES",
    "SIGNALS",
    "TENURE",
    "WORKER_SPAN",
    "Answer",
    "Arrival",
    "Batch",
    "Branch",
    "Cancel",
    "ChildEnded",
    "Early",
    "EntryRow",
    "Hand",
    "Here",
    "Holding",
    "Imported",
    "LaneRow",
    "LetGo",
    "Letter",
    "Loaded",
    "Message",
    "Move",
    "NewRun",
    "OpenTransaction",
    "Pause",
    "Put",
    "QuestionClosed",
    "QuestionOpened",
    "QuestionQuery",
    "QuestionRow",
    "Reclaimed",
    "Record",
    "Released",
    "Reopened",
    "Retention",
    "RunChange",
    "RunQuery",
    "RunRow",
    "Settled",
    "Settlement",
    "SideRow",
    "Signal",
    "Slice",
    "StartStatement",
    "Status",
    "Store",
    "StoreInfo",
    "Tenure",
    "Transacting",
    "Unpause",
    "UpgradeTo",
    "Verdict",
    "WorkerRow",
    "answer_of",
    "definitions_in",
    "judge_answer",
    "judge_cancel",
    "judge_child",
    "judge_early",
    "judge_pause",
    "judge_settled",
    "judge_signal",
    "judge_unpause",
    "judge_upgrade",
    "kept_of",
    "kept_row",
    "left_out",
    "pack",
    "pause_of",
    "planned",
    "row_of_new",
    "sameness",
    "set_aside",
    "shipped",
    "unpack",
]
