"""Random operations over a small world: few names, so that things meet.

An operation says whom it concerns by name (a run's id, a worker's index), never by a number that a
store gave, and holds whether or not what it names is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import msgspec

from everflow.core.queueing import Limits
from everflow.store import Status
from everflow.testing.differential.chance import RUNS
from everflow.testing.differential.chance import at as _at
from everflow.testing.differential.chance import chance as _chance
from everflow.testing.differential.chance import maybe as _maybe
from everflow.testing.differential.chance import nothing as _nothing
from everflow.testing.differential.chance import of_run as _of_run
from everflow.testing.differential.chance import of_runs as _of_runs
from everflow.testing.differential.chance import of_worker as _of_worker
from everflow.testing.differential.chance import run as _run
from everflow.testing.differential.chance import some as _some
from everflow.testing.differential.chance import worker as _worker
from everflow.testing.differential.handed import HANDED

KINDS = ("schedule", "queue")
NAMES = ("a", "a/b", "a/c", "b", "\U0001f33f")
FLOWS = ("f", "g")
KEYS = (None, None, "k1", "k2")
TAGS = ("t", "u")
DEFINITIONS = ("d1", "d2", "d3")
STATES = ("answered", "expired", "cancelled")
_WRITTEN = tuple(status for status in Status if status is not Status.HANDED_OFF)  # by workers
_RESTING = (Status.SUSPENDED, Status.WAITING)
UNTIL = ("operator", "code", "store")


class Operation(msgspec.Struct, frozen=True):
    """A verb of `Side` and what it is given."""

    verb: str
    given: dict[str, Any] = {}

    def __str__(self) -> str:
        return (
            f"{self.verb}({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"
        )


def operations(seed: int, count: int) -> list[Operation]:
    """That many operations; the same for the same seed."""
    random = Random(seed)  # noqa: S311 - chance for tests, no secret
    verbs = list(_DRAWN)
    weights = [weight for weight, _ in _DRAWN.values()]
    start = [Operation("enlist"), Operation("enlist")]
    drawn = random.choices(verbs, weights, k=max(count - len(start), 0))
    return start[:count] + [Operation(verb, _DRAWN[verb][1](random)) for verb in drawn]


def _depose(random: Random) -> dict[str, Any]:
    return {"worker": _worker(random), "epoch": random.choice((1, 1, 1, 2))}


def _release(random: Random) -> dict[str, Any]:
    return {"worker": _worker(random), "runs": _some(random)}


def _fly(random: Random) -> dict[str, Any]:
    return {"worker": _worker(random), "slot": random.randrange(3), "run": _run(random)}


def _new(random: Random) -> dict[str, Any]:
    run = _run(random)
    index = RUNS.index(run)
    given = {
        "id": run,
        "flow": FLOWS[index % len(FLOWS)],  # an id comes with one flow and key: resent or not
        "key": KEYS[index % len(KEYS)],
        "definition": random.choice(DEFINITIONS),
        "at": _at(random),
        "owner": _maybe(random, _worker(random), 0.3),
        "parent": _maybe(random, _run(random), 0.1),
        "labels": {name: random.choice("12") for name in "xy" if _chance(random, 0.5)},
        "leased": _chance(random, 0.2),
    }
    return given | _place(random) if _chance(random, 0.4) else given


def _place(random: Random) -> dict[str, Any]:
    return {
        "queue": random.choice(("mails", "pages")),
        "lane": random.choice(("", "x", "y")),
        "priority": random.randrange(3),
        "admitted": _maybe(random, _at(random), 0.2),
    }


def _start(random: Random) -> dict[str, Any]:
    definitions = [(random.choice(DEFINITIONS), f'{{"n":{random.randrange(3)}}}')]
    return {"runs": [_new(random) for _ in range(random.randint(0, 3))], "definitions": definitions}


def _change(random: Random) -> dict[str, Any]:
    status = random.choice((*_WRITTEN, *_RESTING * 3))
    return {
        "run": _run(random),
        "status": status,
        "until": random.choice(UNTIL) if status is Status.BLOCKED else "",
        "reason": random.choice(("", "why")),
        "due": _maybe(random, _at(random)),
        "ended": _maybe(random, _at(random), 0.2),
        "outcome": _maybe(random, '{"ok":1}', 0.2),
        "definition": random.choice(DEFINITIONS),
        "deaths": random.randrange(3),
        "rebase": _chance(random, 0.4),
    }


def _question(random: Random) -> dict[str, Any]:
    return {"run": _run(random), "tag": random.choice(TAGS), "occurrence": random.randrange(2)}


def _once(questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A batch closes a question once."""
    return list({(q["run"], q["tag"], q["occurrence"]): q for q in questions}.values())


def _append(random: Random) -> dict[str, Any]:
    few = range(random.randint(0, 2))
    return {
        "worker": _worker(random),
        "epoch": random.choice((1,) * 9 + (2,)),
        "step": random.choice((1,) * 9 + (2,)),
        "at": _at(random),
        "entries": {_run(random): random.randint(1, 4) for _ in few},
        "changes": {run: _change(random) | {"run": run} for run in _some(random, 2)},
        "opened": [
            _question(random) | {"at": _at(random), "early": _chance(random, 0.3)} for _ in few
        ],
        "closed": _once(_question(random) | {"state": random.choice(STATES)} for _ in few),
        "applied": {_run(random): random.randint(1, 2) for _ in few},
        "definitions": [(random.choice(DEFINITIONS), f'{{"n":{random.randrange(3)}}}')],
        "puts": [_put(random) for _ in few],
        "starts": [_new(random) for _ in range(random.randrange(2))],
        "letters": [_letter(random) for _ in few],
        "released": [_released(random) for _ in few],
    }


def _released(random: Random) -> dict[str, Any]:
    given = {"run": _run(random), "code": _maybe(random, random.randrange(2), 0.8)}
    return given | {"seen": _chance(random, 0.5), "anew": _chance(random, 0.3)}


def _put(random: Random) -> dict[str, Any]:
    return {
        "kind": random.choice(KINDS),
        "key": random.choice(NAMES),
        "body": _maybe(random, f"[{random.randrange(9)}]", 0.8),
        "expect": random.choice((None, None, "none", "there", "stale")),
        "due": _maybe(random, _at(random)),
    }


def _write(random: Random) -> dict[str, Any]:
    return {
        "puts": [_put(random) for _ in range(random.randint(0, 2))],
        "at": _at(random),
        "letters": [_letter(random) for _ in range(random.randint(0, 3))],
        "admit": _some(random),
    } | _start(random)


def _letter(random: Random) -> dict[str, Any]:
    kind = random.choice(("signal", "signal", "child", "cancel"))
    return _message(random) | {"kind": kind, "of": _maybe(random, _run(random), 0.2)}


def _places(random: Random) -> dict[str, Any]:
    return {
        "queue": random.choice(("mails", "pages")),
        "limits": Limits(
            per_lane=_maybe(random, random.randrange(1, 3)),
            rate=_maybe(random, (1, random.randrange(1, 20))),
            rate_per_lane=_maybe(random, (random.randrange(1, 3), random.randrange(1, 20))),
        ),
        "now": _at(random),
        "lanes": random.randrange(4),
        "depth": random.randrange(3),
    }


def _lanes(random: Random) -> dict[str, Any]:
    return {"queue": _maybe(random, "mails")}


def _records(random: Random) -> dict[str, Any]:
    return {
        "kind": random.choice(KINDS),
        "keys": _maybe(random, random.choices(NAMES, k=2), 0.3),
        "prefix": random.choice(("", "", "a", "a/", "z", "\U0001f33f")),
        "after": random.choice(("", "", "a", "a/b")),
        "limit": random.choice((0, 1, 3, 100)),
    }


def _of_kind(random: Random) -> dict[str, Any]:
    return {"kind": random.choice(KINDS)}


def _due_records(random: Random) -> dict[str, Any]:
    return _of_kind(random) | {"now": _at(random), "limit": random.randrange(4)}


def _message(random: Random) -> dict[str, Any]:
    kind = random.choice(("answer", "answer", "early", "cancel", "signal", "signal", "child"))
    if _chance(random, 0.15):
        kind = random.choice(("pause", "unpause"))
    given = _question(random) | {"kind": kind, "key": random.choice("ab"), "at": _at(random)}
    return given | {"payload": f"[{random.randrange(9)}]", "by": random.choice(("", "ann"))}


def _accept(random: Random) -> dict[str, Any]:
    return {"messages": [_message(random) for _ in range(random.randint(0, 3))]}


def _claim(random: Random) -> dict[str, Any]:
    without = [definition for definition in DEFINITIONS if _chance(random, 0.2)]
    given = {"worker": _worker(random), "now": _at(random)}
    code = random.randrange(2)
    leased = _some(random) if _chance(random, 0.5) else []
    queues = _maybe(random, [name for name in ("", "mails", "pages") if _chance(random, 0.6)], 0.3)
    choice = {"without": without, "leased": leased, "queues": queues}
    return given | {"limit": random.randrange(5), "code": code} | choice


def _arrivals(random: Random) -> dict[str, Any]:
    given = {"worker": _worker(random), "skip": random.randrange(3)}
    return given | {"limit": random.randrange(4)}


def _due(random: Random) -> dict[str, Any]:
    return {"worker": _worker(random), "now": _at(random), "limit": random.randrange(4)}


def _entries(random: Random) -> dict[str, Any]:
    return {"run": _run(random), "seqs": [random.randrange(3) for _ in range(2)]}


def _journal(random: Random) -> dict[str, Any]:
    return {"run": _run(random), "first": random.randrange(5), "limit": random.randrange(6)}


def _key(random: Random) -> dict[str, Any]:
    return {"flow": random.choice(FLOWS), "key": random.choice(("k1", "k2", "k3"))}


def _query(random: Random) -> dict[str, Any]:
    return {
        "status": tuple(status for status in Status if _chance(random, 0.1)),
        "flow": _maybe(random, random.choice(FLOWS), 0.3),
        "queue": _maybe(random, random.choice(("", "mails")), 0.2),
        "tag": _maybe(random, random.choice(TAGS), 0.3),
        "labels": tuple((name, "1") for name in "xy" if _chance(random, 0.2)),
        "since": _maybe(random, _at(random), 0.2),
        "before": _maybe(random, _at(random), 0.2),
        "after": _maybe(random, _run(random), 0.3),
        "newest_first": _chance(random, 0.5),
        "limit": random.choice((0, 1, 3, 100)),
    }


def _asked(random: Random) -> dict[str, Any]:
    return {
        "run": _maybe(random, _run(random), 0.3),
        "tag": _maybe(random, random.choice(TAGS), 0.3),
        "occurrence": _maybe(random, random.randrange(2), 0.3),
        "open_only": _chance(random, 0.5),
        "limit": random.choice((0, 1, 3, 100)),
    }


def _addresses(random: Random) -> dict[str, Any]:
    places = [
        (_run(random), random.choice(TAGS), random.randrange(2))
        for _ in range(random.randint(0, 3))
    ]
    return {"places": places}


def _definition(random: Random) -> dict[str, Any]:
    return {"hash": random.choice((*DEFINITIONS, "d4"))}


def _install(random: Random) -> dict[str, Any]:
    edits = ("", "", "cut", "edit", "grow", "pause", "rename")
    return {
        "nth": random.randrange(4),
        "edit": random.choice(edits),
        "name": _run(random),
        "replace": _chance(random, 0.5),
    }


def _reopen(random: Random) -> dict[str, Any]:
    past, older = random.choice(((0, 0), (0, 0), (1, 0), (0, 1)))
    opened = [_question(random) | {"at": _at(random)} for _ in range(random.randrange(3))]
    given = {"run": _run(random), "past": past, "older": older, "questions": opened}
    return given | {"put": _put(random), "at": _at(random)}


def _relabel(random: Random) -> dict[str, Any]:
    labels = {name: _maybe(random, random.choice("12")) for name in "xyz" if _chance(random, 0.5)}
    return _of_runs(random) | {"labels": labels, "put": _put(random), "at": _at(random)}


def _prune(random: Random) -> dict[str, Any]:
    keep = [random.randrange(4) for _ in range(random.randint(0, 2))]
    return {"run": _run(random), "before": random.choice((2, 5, 99)), "keep": keep}


def _let_go(random: Random) -> dict[str, Any]:
    keep = [["x", random.choice(("1", None))]] if _chance(random, 0.3) else []
    return {
        "before": _at(random),
        "keep": keep,
        "kind": random.choice(KINDS),
        "dry": _chance(random, 0.2),
    }


def _reclaim(random: Random) -> dict[str, Any]:
    return {"before": _at(random), "at": _at(random)}


_DRAWN: dict[str, tuple[int, Callable[[Random], dict[str, Any]]]] = {
    "enlist": (3, _nothing),
    "beat": (1, _of_worker),
    "depose": (1, _depose),
    "retire": (1, _of_worker),
    "release": (2, _release),
    "fly": (4, _fly),
    "in_flight": (1, _of_worker),
    "workers": (1, _nothing),
    "holding": (2, _of_worker),
    "owned": (2, _of_worker),
    "highest": (1, _nothing),
    "start": (8, _start),
    "append": (24, _append),
    "resend": (3, _of_worker),
    "write": (8, _write),
    "records": (3, _records),
    "places": (3, _places),
    "waiting": (1, _nothing),
    "lanes": (2, _lanes),
    "due_records": (2, _due_records),
    "next_record_due": (1, _of_kind),
    "accept": (12, _accept),
    "claim": (8, _claim),
    "arrivals": (3, _arrivals),
    "due": (8, _due),
    "next_due": (2, _of_worker),
    "load": (3, _of_runs),
    "entries": (2, _entries),
    "journal": (2, _journal),
    "find": (1, _of_run),
    "find_key": (1, _key),
    "rows": (1, _of_runs),
    "standing": (1, _of_run),
    "asked": (1, _addresses),
    "runs": (6, _query),
    "count": (2, _query),
    "questions": (4, _asked),
    "definition": (1, _definition),
    "export": (2, _of_run),
    "install": (3, _install),
    "adopt": (2, _of_runs),
    "relabel": (2, _relabel),
    "prune": (2, _prune),
    "let_go": (1, _let_go),
    "reclaim": (1, _reclaim),
    "reopen": (3, _reopen),
    "restart": (1, _nothing),
    **HANDED,
}
