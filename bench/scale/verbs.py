"""What is asked of a store that ``fill.sql`` filled: verbs that shouldn't mind how full it is.

All but the last two, which must look at what they count.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from everflow.core.queueing import Limits
from everflow.store import QuestionQuery, Retention, RunQuery, Status
from everflow.stores.postgres import PostgresStore

__all__ = ["COUNTING", "DUE", "verbs"]

COUNTING = ("count of a status", "count of all")
BEGUN = 1_700_000_000_000_000  # when the first run was started
DUE = BEGUN + 10**14 + 3 * 10**11  # of the first hundred thousand runs all timers are due


def verbs(runs: int) -> dict[str, Callable[[PostgresStore], object]]:
    """The verbs that shouldn't mind, then those that must look at what they count."""
    middle = runs // 2
    name = f"r{middle:025x}"
    labels = (("customer", f"c{middle // 3 * 3 % 100_000}"),)
    listed: dict[str, RunQuery] = {
        "the first page": RunQuery(),
        "the newest": RunQuery(newest_first=True),
        "a deep page": RunQuery(after=middle),
        "of a status": RunQuery(status=(Status.FAILED,), newest_first=True),
        "of two statuses": RunQuery(status=(Status.PAUSED, Status.BLOCKED), newest_first=True),
        "of a status, deep": RunQuery(status=(Status.DONE,), after=middle),
        "of a flow": RunQuery(flow="flow-7", newest_first=True),
        "of a rare flow": RunQuery(flow="rare"),
        "of a parent": RunQuery(parent=f"r{middle // 10 * 10:025x}"),
        "of a queue": RunQuery(queue="mail", newest_first=True),
        "of a rare label": RunQuery(labels=labels),
        "of a common label": RunQuery(labels=(("env", "prod"),), newest_first=True),
        "with an open tag": RunQuery(tag="approve", newest_first=True),
        "since a time": RunQuery(since=BEGUN + middle * 3_000_000),
    }
    limits = Limits(rate=(9, 10**9), rate_per_lane=(9, 10**9))
    return {
        "claim": lambda s: s.claim(1, now=DUE, limit=100),
        "owned": lambda s: s.owned(1),
        "due": lambda s: s.due(1, now=DUE, limit=100),
        "next_due": lambda s: s.next_due(1),
        "arrivals": lambda s: s.arrivals(1, after=0, limit=100),
        "load": lambda s: s.load([middle // 4 * 4]),
        "find": lambda s: s.find(name),
        "find_key": lambda s: s.find_key(f"flow-{middle % 50}", f"key-{middle}"),
        "standing": lambda s: s.standing(middle),
        "asked": lambda s: s.asked([(name, "approve", 0)]),
        **{f"runs: {what}": partial(_listed, query=query) for what, query in listed.items()},
        "questions": lambda s: s.questions(QuestionQuery()),
        "questions of a tag": lambda s: s.questions(QuestionQuery(tag="sign")),
        "records": lambda s: s.records("cache", prefix="k99"),
        "due_records": lambda s: s.due_records("cache", now=DUE, limit=100),
        "waiting": lambda s: s.waiting(),
        "places": lambda s: s.places(
            "mail", limits, now=BEGUN + runs * 3_000_000, lanes=20, depth=20
        ),
        "lanes": lambda s: s.lanes("mail"),
        "let_go": lambda s: s.let_go(Retention(before=DUE), limit=100, dry=True),
        "count of a status": lambda s: s.count(RunQuery(status=(Status.WAITING,))),
        "count of all": lambda s: s.count(RunQuery()),
    }


def _listed(store: PostgresStore, query: RunQuery) -> object:
    return store.runs(query)
