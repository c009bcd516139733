"""Triggers: 1,000 registered ones and activities that concern a few; copies of what is known."""

from __future__ import annotations

import json

from bench.goals import Goal, Workload
from bench.scene import Figures, Scene, clock
from everflow import Registry, flow, identity, it
from everflow.store import Store
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.harness import harness
from everflow.triggers import Activities, Firing, TriggerBook, trigger

__all__ = ["WORKLOADS"]

REGISTERED = 1_000
FOR_EACH = 5  # triggers of one type
COPIES = 200  # that come in one call
ACTOR = "https://one.example/users/ines"
HOME = Registry()
echo = flow("bench_triggered", identity, registry=HOME)


def note(number: int, kinds: int) -> str:
    """An activity of some 400 bytes, as a server would send it."""
    return json.dumps(
        {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{ACTOR}/activities/{number}",
            "type": f"Kind{number % kinds}",
            "actor": ACTOR,
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
            "object": {"type": "Note", "content": f"note {number} " + "x" * 120, "n": number},
        }
    )


def measure(scene: Scene) -> Figures:
    """Activities are appended, decided about by all triggers, and come again in another form."""
    many, copies = scene.many(2_000, 200), scene.many(100_000, 2_000)
    kinds = REGISTERED // FOR_EACH
    with harness(echo, store=SQLiteStore.open(scene.store()), registry=HOME) as h:
        TriggerBook(h.client).declare(
            trigger(
                f"t{n}",
                echo,
                type=f"Kind{n % kinds}",
                actors=["https://one.example/*"],
                guard=it["object"]["n"] >= 0,
            )
            for n in range(REGISTERED)
        )
        log, firing = Activities(h.client), Firing(h.client)
        given = [note(n, kinds) for n in range(many)]
        one_by_one = clock(lambda: [log.append(text, actor=ACTOR) for text in given])
        raw = clock(lambda: _appended(log, [note(many + n, kinds) for n in range(many)]))

        def fire() -> None:
            while firing.look():
                pass

        length = clock(fire)
        again = [json.dumps(json.loads(text), indent=1, sort_keys=True) for text in given]

        runs = _fired(h.store)
        known = clock(lambda: _appended(log, [again[n % many] for n in range(copies)]))
        fire()
        twice = _fired(h.store) - runs
    return {
        "appended": many / one_by_one,
        "raw": many / raw,
        "decided": 2 * many / length,
        "fired": runs / length,
        "known": copies / known,
        "copies": known * 100_000 / copies,
        "twice": twice,
    }


def _appended(log: Activities, texts: list[str]) -> None:
    for first in range(0, len(texts), COPIES):
        log.append_all((text, ACTOR) for text in texts[first : first + COPIES])


def _fired(store: Store) -> int:
    return len(store.records("firing", limit=1 << 30))


WORKLOADS = [
    Workload(
        "triggers",
        measure,
        (
            Goal("activities appended, one a call", "appended", "1/s", None),
            Goal("activities appended, 200 a call", "raw", "1/s", None),
            Goal("activities decided about, 1,000 triggers", "decided", "1/s", None, over="raw"),
            Goal("runs that triggers start", "fired", "runs/s", 1_000),
            Goal("known activities, delivered again", "known", "1/s", 1_000),
            Goal("100,000 of them", "copies", "s", None),
            Goal("runs that those started", "twice", "runs", 0, at_most=True),
        ),
    ),
]
