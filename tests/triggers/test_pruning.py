"""Old activities go, with what was said about them; that they came is never forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from everflow import Registry, ask, flow, it
from everflow.engine.records.audit import audit_lines
from everflow.store import Store
from everflow.testing.clock import JumpClock
from everflow.triggers import Arrival, preview, trigger
from everflow.triggers.pruning import Pruned, prune_activities
from tests.triggers.support import INES, Site, note

LATER = 1 << 60


@pytest.fixture
def clock() -> JumpClock:
    return JumpClock()


@pytest.fixture
def old(store: Store, registry: Registry, clock: JumpClock) -> Iterator[Site]:
    """Three activities a day, the last of which came just now; one trigger fired for all."""
    with Site(store, registry, clock) as site:
        site.declare(trigger("t", "review"))
        for number in range(1, 4):
            clock.jump(days=1)
            site.append(note(number))
            site.fire()
        yield site


def count(site: Site) -> dict[str, int]:
    kinds = ("activity", "activity-id", "decision", "firing", "trigger-roll")
    return {kind: len(site.h.store.records(kind)) for kind in kinds}


def test_what_is_older_goes_and_is_never_new_again(old: Site, clock: JumpClock) -> None:
    """Its content, the decisions and the firings; a dry run says how much, and does nothing."""
    before = clock.wall() - 43_200_000_000
    told = Pruned(activities=2, decisions=2, firings=2)
    assert prune_activities(old.h.client, before=before, dry=True) == told
    assert count(old)["activity"] == 3
    assert prune_activities(old.h.client, before=before, by="Ines") == told
    assert count(old) == {
        "activity": 1,
        "activity-id": 3,
        "decision": 1,
        "firing": 1,
        "trigger-roll": 1,
    }
    assert prune_activities(old.h.client, before=before) == Pruned(
        activities=0, decisions=0, firings=0
    )
    said = [(line.action, line.by, line.detail["activities"]) for line in audit_lines(old.h.store)]
    assert said == [("activity-prune", "Ines", 2)]
    assert old.append(note(1)).arrival is Arrival.KNOWN
    assert preview(old.h.client, note(1), INES)[0].outcome == "fired before"
    old.fire()
    old.book.add(trigger("whole", "review", since=0))
    old.append(note(4))
    old.fire()
    assert old.results("t") == [f"note {n}" for n in range(1, 5)]
    assert old.results("whole") == ["note 3", "note 4"]
    assert old.activities.at(LATER) == 4


def test_what_is_still_to_be_decided_stays(old: Site, registry: Registry) -> None:
    """By a trigger that is paused, by the run of a guard, or by code that isn't here."""
    flow("may-it", ask("ok?", bool) >> it[1], registry=registry)
    old.book.add(trigger("asks", "review", guard=registry.flow("may-it"), since=1))
    old.book.add(trigger("later", "not-yet", since=2))
    old.fire()
    assert prune_activities(old.h.client, before=LATER).activities == 1
    assert [one.no for one in old.activities.after()] == [2, 3]
    for question in old.h.client.questions():
        old.h.client.answer(f"{question.run}.ok?.1", True)
    old.fire()
    assert prune_activities(old.h.client, before=LATER).activities == 1
    old.book.remove("later")
    old.book.pause("t")
    old.append(note(4))
    old.fire()
    assert prune_activities(old.h.client, before=LATER).activities == 1
    assert [one.no for one in old.activities.after()] == [4]
    old.book.unpause("t")
    old.fire()
    assert old.results("t") == [f"note {n}" for n in range(1, 5)]


def test_rolls_go_with_the_last_that_refers_to_them(old: Site) -> None:
    """Each change to a trigger makes one."""
    for number in range(4, 7):
        old.book.add(trigger(f"t{number}", "review"))
        old.append(note(number))
        old.fire()
    assert count(old)["trigger-roll"] == 4
    prune_activities(old.h.client, before=LATER)
    assert count(old)["trigger-roll"] == 1
    old.append(note(9) | {"type": "Like"})
    old.fire()
    assert len(old.outcomes(no=7, every=True)) == 4
