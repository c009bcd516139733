"""Who gets a place in a queue: limits are never passed, and lanes take turns."""

from __future__ import annotations

from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everflow.core.queueing import Admission, Lane, Limits, Standing, Waiting, admit


def standing(
    *lanes: Lane,
    placed: int = 0,
    recent: int = 0,
    oldest: int | None = None,
    held: int | None = None,
) -> Standing:
    return Standing(placed, recent, oldest, list(lanes), held)


def lane(name: str, *runs: tuple[int, int], placed: int = 0, recent: int = 0) -> Lane:
    """A lane with runs as (number, priority), created in the order of their numbers."""
    return Lane(name, placed, [Waiting(no, priority, no) for no, priority in runs], recent)


def chosen(limits: Limits, seen: Standing, *, most: int = 9, depth: int = 9) -> Admission:
    return admit(limits, seen, most=most, depth=depth)


def test_without_limits_all_go() -> None:
    """In the order of their coming."""
    seen = standing(lane("", (3, 0), (5, 0)))
    assert chosen(Limits(), seen) == Admission([3, 5])


def test_nobody_waits() -> None:
    """Nothing to do."""
    assert chosen(Limits(limit=1), standing(lane("a"))) == Admission([])


def test_the_highest_priority_goes_first() -> None:
    """Over all lanes, and before whoever came earlier."""
    seen = standing(lane("a", (1, 0)), lane("b", (2, 5), (3, 4)))
    assert chosen(Limits(limit=2), seen).nos == [2, 3]


def test_lanes_take_turns() -> None:
    """The one with the fewest places is next, then who came first."""
    seen = standing(
        lane("a", (1, 0), (2, 0), (3, 0)), lane("b", (4, 0)), lane("c", (5, 0), placed=1)
    )
    assert chosen(Limits(), seen).nos == [1, 4, 2, 5, 3]


@pytest.mark.parametrize(("placed", "nos"), [(0, [1, 2]), (1, [1]), (2, []), (7, [])])
def test_places_are_limited(placed: int, nos: list[int]) -> None:
    """A limit that was lowered below what has places lets nobody in."""
    seen = standing(lane("a", (1, 0), (2, 0), (3, 0)), placed=placed)
    assert chosen(Limits(limit=2), seen).nos == nos


def test_a_lane_is_limited() -> None:
    """The others go on."""
    seen = standing(lane("a", (1, 9), (2, 9)), lane("b", (3, 0)))
    assert chosen(Limits(per_lane=1), seen).nos == [1, 3]


def test_a_rate_says_when_to_look_again() -> None:
    """When the oldest admission leaves the span."""
    seen = standing(lane("a", (1, 0), (2, 0)), recent=2, oldest=70)
    assert chosen(Limits(rate=(3, 100)), seen) == Admission([1], at=170)


def test_a_rate_that_is_used_up_by_this_choice_has_no_time_yet() -> None:
    """Whoever looks next knows it."""
    assert chosen(Limits(rate=(1, 100)), standing(lane("a", (1, 0), (2, 0)))) == Admission([1])


def test_a_rate_holds_nobody_when_the_places_do() -> None:
    """The end of a run is what lets the next one in."""
    seen = standing(lane("a", (1, 0), (2, 0)), placed=1, recent=2, oldest=70)
    assert chosen(Limits(limit=2, rate=(3, 100)), seen) == Admission([1])


def test_a_rate_of_lanes_holds_each_of_them() -> None:
    """The others go on; when the first of those that are held may is told."""
    seen = standing(lane("a", (1, 9), (2, 9), recent=1), lane("b", (3, 0)), held=70)
    assert chosen(Limits(rate_per_lane=(2, 100)), seen) == Admission([1, 3], at=170)


def test_a_rate_of_lanes_holds_nobody_when_the_places_do() -> None:
    """Nor is there a time to look again when nobody is held."""
    seen, rate = standing(lane("a", (1, 0)), held=70), (2, 100)
    assert chosen(Limits(limit=1, rate_per_lane=rate), seen) == Admission([1])
    assert chosen(Limits(rate_per_lane=rate), standing(lane("a", (1, 0)))) == Admission([1])


def test_a_rate_in_all_is_waited_for_before_that_of_a_lane() -> None:
    """It says when to look again, since no lane goes on before."""
    seen = standing(lane("a", (1, 0)), recent=1, oldest=90, held=70)
    assert chosen(Limits(rate=(1, 100), rate_per_lane=(1, 100)), seen) == Admission([], at=190)


def test_what_was_not_seen_is_not_passed_over() -> None:
    """Where a lane may have more than was seen, one looks again before another lane goes."""
    seen = standing(lane("a", (1, 5), (2, 5)), lane("b", (9, 0)))
    assert chosen(Limits(), seen, depth=2) == Admission([1, 2], again=True)


def test_a_full_choice_is_followed_by_another_look() -> None:
    """Only so many are admitted at once."""
    seen = standing(lane("a", (1, 0), (2, 0)))
    assert chosen(Limits(), seen, most=1) == Admission([1], again=True)


def test_a_full_choice_that_fills_the_queue_is_the_last() -> None:
    """There is nothing to look for before somebody ends."""
    seen = standing(lane("a", (1, 0), (2, 0)), placed=1)
    assert chosen(Limits(limit=2), seen, most=1) == Admission([1])


LIMITS = st.builds(
    Limits,
    limit=st.none() | st.integers(1, 5),
    per_lane=st.none() | st.integers(1, 3),
    rate=st.none() | st.tuples(st.integers(1, 4), st.just(10)),
    rate_per_lane=st.none() | st.tuples(st.integers(1, 2), st.just(20)),
)
RUNS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1)), max_size=25)


class World:
    """A queue as a store would tell it, with a look at every moment."""

    def __init__(self, limits: Limits, runs: list[tuple[str, int]]) -> None:
        self.limits = limits
        self.waiting = [Waiting(no, priority, no) for no, (_, priority) in enumerate(runs)]
        self.lane_of = [name for name, _ in runs]
        self.placed: deque[int] = deque()
        self.times: list[tuple[int, str]] = []

    def look(self, now: int, most: int, depth: int) -> Admission:
        placed = Counter(self.lane_of[no] for no in self.placed)
        lanes: dict[str, list[Waiting]] = {}
        for run in sorted(self.waiting, key=lambda run: (-run.priority, run.created)):
            lanes.setdefault(self.lane_of[run.no], []).append(run)
        most_of_lane, rate = self.limits.per_lane, self.limits.rate_per_lane
        of_lane = {
            name: [at for at, lane in self.times if rate and lane == name and at > now - rate[1]]
            for name in lanes
        }
        not_full = [name for name in lanes if most_of_lane is None or placed[name] < most_of_lane]
        held = [name for name in not_full if rate and len(of_lane[name]) >= rate[0]]
        open_lanes = [
            Lane(name, placed[name], lanes[name][:depth], len(of_lane[name]))
            for name in not_full
            if name not in held
        ]
        open_lanes.sort(
            key=lambda lane: (-lane.waiting[0].priority, lane.placed, lane.waiting[0].no)
        )
        span = self.limits.rate[1] if self.limits.rate else 0
        recent = [time for time, _ in self.times if time > now - span]
        seen = Standing(
            len(self.placed),
            len(recent),
            min(recent, default=None),
            open_lanes[:most],
            min((of_lane[name][-rate[0]] for name in held), default=None) if rate else None,
        )
        found = admit(self.limits, seen, most=most, depth=depth)
        for no in found.nos:
            self.waiting = [run for run in self.waiting if run.no != no]
            self.placed.append(no)
            self.times.append((now, self.lane_of[no]))
        return found

    def check(self, now: int) -> None:
        limits, placed = self.limits, Counter(self.lane_of[no] for no in self.placed)
        assert limits.limit is None or placed.total() <= limits.limit
        assert limits.per_lane is None or max(placed.values(), default=0) <= limits.per_lane
        if limits.rate is not None:
            many, span = limits.rate
            assert sum(time > now - span for time, _ in self.times) <= many
        if limits.rate_per_lane is not None:
            many, span = limits.rate_per_lane
            recent = Counter(lane for time, lane in self.times if time > now - span)
            assert max(recent.values(), default=0) <= many


@given(LIMITS, RUNS, st.integers(1, 4), st.integers(1, 3))
def test_no_limit_is_ever_passed_and_all_get_their_turn(
    limits: Limits, runs: list[tuple[str, int]], most: int, depth: int
) -> None:
    """Whatever was seen of the lanes; and nobody waits while there is a place."""
    world, now = World(limits, runs), 0
    while world.waiting:
        found = world.look(now, most, depth)
        world.check(now)
        if not found.nos:
            if world.placed:
                world.placed.popleft()
            now += 10
        assert now <= 10 * (3 * len(runs) + 2), "somebody waits for ever"


@given(LIMITS, RUNS, st.integers(1, 4), st.integers(1, 3))
def test_what_is_seen_changes_nothing(
    limits: Limits, runs: list[tuple[str, int]], most: int, depth: int
) -> None:
    """Looks at few lanes and few runs of each choose as one look at all does."""
    narrow, wide = World(limits, runs), World(limits, runs)
    while narrow.look(0, most, depth).again:
        narrow.check(0)
    wide.look(0, 1000, 1000)
    assert list(narrow.placed) == list(wide.placed)


@given(st.integers(1, 4), RUNS, st.integers(1, 3))
def test_a_lane_never_passes_one_with_fewer_places(
    limit: int, runs: list[tuple[str, int]], depth: int
) -> None:
    """Among equals: whoever floods the queue delays itself."""
    world = World(Limits(limit=limit), [(name, 0) for name, _ in runs])
    while world.waiting:
        before = Counter(world.lane_of[no] for no in world.placed)
        waiting = {world.lane_of[run.no] for run in world.waiting}
        found = world.look(0, 1, depth)
        for no in found.nos:
            assert before[world.lane_of[no]] == min(before[name] for name in waiting)
        if not found.nos:
            world.placed.popleft()
