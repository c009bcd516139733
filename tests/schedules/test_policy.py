"""What a schedule does with what it missed and with runs that go on. Pure: no store, no clock."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.engine.schedules.pattern import Every
from everflow.engine.schedules.policy import (
    CatchUp,
    Decision,
    Overlap,
    Rules,
    Standing,
    decide,
    look_at,
)

MINUTE = 60_000_000
HOURLY = Every(60 * MINUTE)
NOON = 60 * MINUTE * 12
EACH = {"catch_up": CatchUp.ALL, "overlap": Overlap.ALLOW}


def decided(now: int, active: tuple[str, ...] = (), **given_: Any) -> Decision:
    """Decide at so many minutes past noon about an hourly schedule whose next instant is noon."""
    names = {"catch_up", "overlap", "limit", "deadline"}
    rules = Rules(**{name: value for name, value in given_.items() if name in names})
    rest = {name: value for name, value in given_.items() if name not in names}
    standing = Standing(**{"next": NOON, **rest})
    return decide(rules, HOURLY, standing, now=NOON + now * MINUTE, active=active)


def hours(instants: tuple[int, ...]) -> list[int]:
    """Instants as hours of that day."""
    return [at // (60 * MINUTE) for at in instants]


def test_before_its_instant_nothing_is_done() -> None:
    """Also when somebody looks early."""
    assert decided(-1) == Decision(Standing(next=NOON))


def test_at_its_instant_one_run_is_started() -> None:
    """And the next instant is the one after now."""
    found = decided(0)
    assert hours(found.start) == [12]
    assert found.standing == Standing(next=NOON + 60 * MINUTE, last=NOON, started=1)


@pytest.mark.parametrize(
    ("rules", "late", "started"),
    [
        ({}, 200, [15]),
        ({"catch_up": CatchUp.SKIP}, 200, []),
        ({"catch_up": CatchUp.SKIP}, 180, [15]),
        ({"catch_up": CatchUp.SKIP}, 1, [12]),
        ({"catch_up": CatchUp.SKIP}, 2, []),
        (EACH, 200, [12, 13, 14, 15]),
        ({**EACH, "limit": 2}, 200, [14, 15]),
        ({"deadline": 10 * MINUTE}, 200, []),
        ({"deadline": 20 * MINUTE}, 200, [15]),
        ({"deadline": 20 * MINUTE}, 21, []),
        (
            {"deadline": 90 * MINUTE, "catch_up": CatchUp.ALL, "overlap": Overlap.ALLOW},
            200,
            [14, 15],
        ),
    ],
)
def test_missed_instants_follow_the_policy(
    rules: dict[str, Any], late: int, started: list[int]
) -> None:
    """B140: skip, latest, all up to a limit; never one whose deadline is over."""
    found = decided(late, **rules)
    assert hours(found.start) == started
    assert found.standing.next == NOON + (late // 60 + 1) * 60 * MINUTE


def test_what_is_not_caught_up_with_is_told() -> None:
    """The stretch of time of which nothing was started stays in the standing."""
    assert decided(200).standing.missed == (NOON, NOON + 180 * MINUTE - 1)
    skipped = decided(200, catch_up=CatchUp.SKIP)
    assert skipped.standing.missed == (NOON, NOON + 200 * MINUTE)
    assert decided(0).standing.missed is None


def test_an_overlapping_instant_is_passed_over() -> None:
    """overlap="skip": counted, and the next one has its chance."""
    found = decided(0, ("a",))
    assert (found.start, found.standing.passed, found.standing.active) == ((), 1, ("a",))
    assert found.standing.next == NOON + 60 * MINUTE


def test_an_overlapping_instant_is_started_beside() -> None:
    """overlap="allow": whatever goes on."""
    assert hours(decided(0, ("a",), overlap=Overlap.ALLOW).start) == [12]


def test_overlapping_instants_wait_for_their_turn() -> None:
    """overlap="queue": in order, one when the run before has ended, the oldest given up first."""
    first = decided(0, ("a",), overlap=Overlap.QUEUE)
    assert (first.start, hours(first.standing.waiting)) == ((), [12])
    rules: dict[str, Any] = {
        "overlap": Overlap.QUEUE,
        "waiting": first.standing.waiting,
        "since": NOON,
    }
    second = decided(60, ("a",), next=NOON + 60 * MINUTE, **rules)
    assert hours(second.standing.waiting) == [12, 13]
    free = decided(61, next=NOON + 120 * MINUTE, **rules | {"waiting": second.standing.waiting})
    assert (hours(free.start), hours(free.standing.waiting)) == ([12], [13])
    full = decided(60, ("a",), next=NOON + 60 * MINUTE, limit=1, **rules)
    assert (hours(full.standing.waiting), full.standing.passed) == ([13], 1)


def test_waiting_has_an_end() -> None:
    """What waited past its deadline is passed over."""
    found = decided(30, overlap=Overlap.QUEUE, waiting=(NOON,), next=None, deadline=20 * MINUTE)
    assert (found.start, found.standing.waiting, found.standing.passed) == ((), (), 1)


def test_an_overlapping_instant_replaces_the_run() -> None:
    """overlap="replace": the run is cancelled first; of several that came the newest is started."""
    found = decided(0, ("a", "b"), overlap=Overlap.REPLACE)
    assert (found.start, found.cancel) == ((), ("a", "b"))
    assert hours(found.standing.waiting) == [12]
    again = decided(60, ("a",), next=NOON + 60 * MINUTE, waiting=(NOON,), overlap=Overlap.REPLACE)
    assert (hours(again.standing.waiting), again.standing.passed) == ([13], 1)
    free = decided(61, next=NOON + 120 * MINUTE, waiting=(NOON,), overlap=Overlap.REPLACE)
    assert (hours(free.start), free.cancel, free.standing.waiting) == ([12], (), ())


def test_a_paused_schedule_decides_nothing() -> None:
    """Its instants pass; what waited still does."""
    found = decided(200, paused=True, waiting=(NOON,))
    assert (found.start, found.standing.waiting, found.standing.next) == ((), (NOON,), NOON)
    assert look_at(found.standing, NOON) is None


def test_what_waits_is_looked_at_ever_more_seldom() -> None:
    """From twice a second to every ten minutes, but never past the next instant."""
    waiting = Standing(next=None, waiting=(NOON,), since=NOON, active=("a",))
    assert look_at(waiting, NOON) == NOON + 500_000
    assert look_at(waiting, NOON + MINUTE) == NOON + MINUTE + 6_000_000
    assert look_at(waiting, NOON + 600 * MINUTE) == NOON + 610 * MINUTE
    soon = Standing(next=NOON + 1, waiting=(NOON,), since=NOON, active=("a",))
    assert look_at(soon, NOON) == NOON + 1
    assert look_at(Standing(next=None), NOON) is None


rules_of = st.builds(
    Rules,
    catch_up=st.sampled_from(CatchUp),
    overlap=st.sampled_from(Overlap),
    limit=st.integers(1, 4),
    deadline=st.none() | st.integers(1, 200).map(lambda minutes: minutes * MINUTE),
)
walks = st.lists(st.tuples(st.integers(-300, 300), st.booleans()), max_size=30)


@settings(max_examples=100, deadline=None)
@given(rules=rules_of, walk=walks)
def test_no_instant_is_started_twice_whatever_the_clock_does(
    rules: Rules, walk: list[tuple[int, bool]]
) -> None:
    """B140, B141: over jumps back and forth and ends of runs; nothing early, bounded memory."""
    standing, now, highest, begun = Standing(next=NOON), NOON, NOON, set[int]()
    for step, ends in walk:
        now += step * MINUTE
        highest = max(highest, now)
        active = () if ends else standing.active
        found = decide(rules, HOURLY, standing, now=now, active=active)
        assert not begun & set(found.start)
        assert all(at <= highest for at in found.start)
        assert len(found.standing.waiting) <= rules.limit
        assert len(found.start) <= rules.limit + (rules.overlap is Overlap.QUEUE)
        if rules.overlap is not Overlap.ALLOW:
            assert not (found.start and active)
        assert found.standing.next is not None
        assert standing.next is not None
        assert found.standing.next >= standing.next
        begun |= set(found.start)
        standing = found.standing
        if found.start:
            active = tuple(str(at) for at in found.start)
            standing = Standing(**{**_fields(standing), "active": active})


def _fields(standing: Standing) -> dict[str, Any]:
    return {name: getattr(standing, name) for name in standing.__struct_fields__}
