"""What the tests of triggers share: activities, and a process on a store that fires by hand."""

from __future__ import annotations

from typing import Any, Self

from everflow import Registry
from everflow.store import Store
from everflow.testing.clock import JumpClock
from everflow.testing.harness import Harness, harness
from everflow.triggers import (
    Activities,
    Appended,
    DecisionLine,
    DecisionQuery,
    Firing,
    Trigger,
    TriggerBook,
    decision_lines,
)

INES = "https://one.example/users/ines"
OTTO = "https://two.example/users/otto"


def note(number: int | str = 1, actor: str = INES, **fields: Any) -> dict[str, Any]:
    """An activity by which somebody published a note."""
    return {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{actor}/activities/{number}",
        "type": "Create",
        "actor": actor,
        "object": {"type": "Note", "content": f"note {number}"},
        **fields,
    }


class Site:
    """A process on a store: a harness that also fires, when the test says so."""

    def __init__(self, store: Store, registry: Registry, clock: JumpClock | None = None) -> None:
        flow = next(iter(registry.flows.values()))
        self.h: Harness[Any, Any] = harness(flow, store=store, registry=registry, clock=clock)

    def __enter__(self) -> Self:
        self.h.__enter__()
        self.reopen()
        return self

    def __exit__(self, *raised: object) -> None:
        self.h.__exit__(None, None, None)

    def reopen(self) -> None:
        """Lose all that triggers have in memory."""
        self.activities = Activities(self.h.client)
        self.book = TriggerBook(self.h.client)
        self.firing = Firing(self.h.client)

    def declare(self, *triggers: Trigger) -> None:
        self.book.declare(triggers)

    def append(self, activity: object, actor: str = INES) -> Appended:
        return self.activities.append(activity, actor=actor)

    def fire(self) -> None:
        """Decide and execute all that can be now."""
        moved = True
        while moved:
            self.h.settle()
            moved = False
            while self.firing.look(every=True):
                moved = True

    def results(self, trigger: str = "") -> list[Any]:
        """The results of the runs that triggers started, in their order."""
        runs = [
            run
            for run in self.h.runs()
            if (name := self.h.client.row(run.id).labels.get("trigger")) and trigger in {"", name}
        ]
        return [run.result() for run in runs]

    def audit(self, **filters: Any) -> list[DecisionLine]:
        return list(decision_lines(self.h.store, DecisionQuery(**filters)))

    def outcomes(self, **filters: Any) -> list[tuple[str, str]]:
        """What was decided, as (trigger, outcome)."""
        return [(line.trigger, line.outcome) for line in self.audit(**filters)]
