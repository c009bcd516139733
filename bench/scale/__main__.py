"""``./run.sh python -m bench.scale URL URL``: verbs beside few runs and beside many.

Each URL is that of a database that ``fill.sql`` filled (see there), the one with few runs first.
Every verb is asked several times; shown are the median in milliseconds, and how many blocks of 8 kB
the server looked at, which doesn't depend on what else the machine does. ``--plans`` shows how.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from bench.scale.store import Explained, opened
from everflow.core.queueing import Limits
from everflow.store import QuestionQuery, Retention, RunQuery, Status
from everflow.stores.postgres import PostgresStore

BEGUN = 1_700_000_000_000_000  # when the first run was started
DUE = BEGUN + 10**14 + 3 * 10**11  # of the first hundred thousand runs all timers are due
TIMES = 5
_BLOCKS = re.compile(r"^ *Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", re.MULTILINE)


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
    limits = Limits(rate=(9, 10**12), rate_per_lane=(9, 10**12))
    return {
        "claim": lambda s: s.claim(1, now=DUE, limit=100),
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


def cost(store: Explained, verb: Callable[[PostgresStore], object]) -> tuple[float, int, str]:
    """Milliseconds, blocks and the plan of a verb."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        verb(store)
        taken.append((time.perf_counter() - begun) * 1000)
        if taken[-1] > 1000:
            break
    store.told = []
    verb(store)
    told, store.told = store.told, None
    blocks = 0
    for _, plan in told:
        first = _BLOCKS.search(plan)
        blocks += sum(int(many or 0) for many in first.groups()) if first else 0
    return median(taken), blocks, "\n".join(f"{text}\n{plan}\n" for text, plan in told)


def main() -> None:
    """Print the table, and the plans when they are asked for."""
    urls = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    stores = [opened(url) for url in urls]
    print("| verb |" + "".join(f" {runs:,} runs: ms | blocks |" for _, runs in stores))
    print("| --- |" + " ---: | ---: |" * len(stores))
    for name in verbs(1):
        found = [cost(store, verbs(runs)[name]) for store, runs in stores]
        print(f"| {name} |" + "".join(f" {ms:.1f} | {blocks:,} |" for ms, blocks, _ in found))
        sys.stdout.flush()
        if "--plans" in sys.argv:
            print(found[-1][2], file=sys.stderr)


main()
