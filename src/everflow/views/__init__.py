"""Runs, questions, entries and the like as plain data: what both faces show of them.

The command line prints it with ``--json`` and the server sends it, the same fields with the same
meaning. The fields are a promise: one may be added, none changes what it means. Times are RFC 3339
in UTC, values are plain JSON without the codec's tags, what isn't there is null or left empty.
Nothing here needs a flow's code.
"""

from __future__ import annotations

from everflow.views.past import past_view
from everflow.views.rows import (
    View,
    children_view,
    entry_view,
    error_view,
    outcome_view,
    plain_value,
    question_view,
    run_view,
    schedule_view,
    schema_of,
    token_of,
    trouble_view,
    why,
)
from everflow.views.standing import asks_of, nobody_works, receives_of, waiting_view
from everflow.views.times import instant

__all__ = [
    "View",
    "asks_of",
    "children_view",
    "entry_view",
    "error_view",
    "instant",
    "nobody_works",
    "outcome_view",
    "past_view",
    "plain_value",
    "question_view",
    "receives_of",
    "run_view",
    "schedule_view",
    "schema_of",
    "token_of",
    "trouble_view",
    "waiting_view",
    "why",
]
