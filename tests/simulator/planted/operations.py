"""Mistakes about queues and about what operators do."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from everflow.core.entries import decode_body
from everflow.core.journal import fold
from everflow.core.queueing import Admission, Limits, Standing
from everflow.core.queueing import admit as really_admit
from everflow.core.state import State
from everflow.engine.asking.bulk import selected as really_selected
from everflow.engine.cells.cell import Cell
from everflow.engine.operating.operator import Operator
from everflow.engine.owning.pausing import Pausing
from everflow.engine.records.queues import setting_of as really_setting_of
from everflow.store import Arrival, Pause, RunQuery, RunRow, Store
from everflow.store import judge_signal as really_judge_signal
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.faulty import FaultyStore
from tests.simulator.planted import bug

ADMISSIONS = "everflow.engine.owning.admissions"


@bug(start=20, spawn=10, kill=5)
def places_are_counted_once(patch: pytest.MonkeyPatch) -> None:
    """A worker goes on with the places that it counted first."""
    real = FaultyStore.__getattr__

    def looked_up(store: FaultyStore, verb: str) -> Any:
        call = real(store, verb)
        if verb != "places":
            return call

        def places(*asked: Any, **how: Any) -> Standing:
            seen: Standing = call(*asked, **how)
            known = store.__dict__.setdefault("seen", seen)
            return structs.replace(seen, placed=known.placed)

        return places

    patch.setattr(FaultyStore, "__getattr__", looked_up)


@bug()
def a_place_is_never_given_back(patch: pytest.MonkeyPatch) -> None:
    """Who ended keeps the place."""

    def placed(store: MemoryStore) -> list[RunRow]:
        return [run for run in store._runs.values() if run.queue and run.admitted is not None]

    patch.setattr(MemoryStore, "_placed", placed)


def _admits_by(patch: pytest.MonkeyPatch, change: Any) -> None:
    def setting_of(record: Any) -> Any:
        setting = really_setting_of(record)
        return structs.replace(setting, limits=change(setting.limits))

    patch.setattr(f"{ADMISSIONS}.setting_of", setting_of)


@bug()
def a_rate_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """Whoever has room comes in, however many came just before."""
    _admits_by(patch, lambda limits: structs.replace(limits, rate=None))


@bug()
def lanes_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """A lane may have all places."""
    _admits_by(patch, lambda limits: structs.replace(limits, per_lane=None))


@bug()
def a_limit_is_one_too_high(patch: pytest.MonkeyPatch) -> None:
    """One run more than allowed has a place."""
    _admits_by(patch, lambda limits: structs.replace(limits, limit=(limits.limit or 99) + 1))


@bug()
def the_last_come_first(patch: pytest.MonkeyPatch) -> None:
    """A lane is served from its end."""

    def admit(limits: Limits, standing: Standing, *, most: int, depth: int) -> Admission:
        for lane in standing.lanes:
            lane.waiting.reverse()
        return really_admit(limits, standing, most=most, depth=depth)

    patch.setattr(f"{ADMISSIONS}.admit", admit)


@bug(start=20)
def a_lane_hogs_its_queue(patch: pytest.MonkeyPatch) -> None:
    """Who has places already counts for nothing."""

    def admit(limits: Limits, standing: Standing, *, most: int, depth: int) -> Admission:
        for lane in standing.lanes:
            lane.placed = -ord(lane.name[0]) if lane.name else 0
        return really_admit(limits, standing, most=most, depth=depth)

    patch.setattr(f"{ADMISSIONS}.admit", admit)


@bug(hold=10)
def a_paused_queue_goes_on(patch: pytest.MonkeyPatch) -> None:
    """Admissions don't ask whether the queue is paused."""
    patch.setattr(f"{ADMISSIONS}.PAUSE", "another kind")


@bug()
def who_waits_is_claimed(patch: pytest.MonkeyPatch) -> None:
    """A claim takes runs that have no place."""
    patch.setattr("everflow.stores.memory.workers.waits", lambda run: False)


@bug(pause=20, cancel=10)
def a_cancel_leaves_a_run_paused(patch: pytest.MonkeyPatch) -> None:
    """Nobody takes a paused run to end it."""
    patch.setattr("everflow.stores.memory.writing.wake", lambda run: None)


@bug(pause=10)
def a_pause_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The wish leaves the inbox as soon as it was seen."""
    real = Pausing.keeps

    def keeps(self: Pausing, cell: Cell, arrival: Arrival) -> bool:
        kept = real(self, cell, arrival)
        if isinstance(arrival.message, Pause):
            self._use(cell.no, self._wishes.pop(cell.no, ()))
        return kept

    patch.setattr(Pausing, "keeps", keeps)


@bug(retry=12, jump=8)
def a_retry_begins_anew(patch: pytest.MonkeyPatch) -> None:
    """The next generation forgets what was recorded."""

    def reopened(program: Any, bodies: Any, program_of: Any = None, *, now: int) -> State:
        told = list(bodies)
        state = fold(program, told[:1], program_of).state
        state.generation += 1
        state.seq = decode_body(told[-1]).seq
        return state

    patch.setattr("everflow.engine.operating.operator.reopened_state", reopened)


@bug(retry=12, acknowledge=8)
def a_consumed_failure_is_retried(patch: pytest.MonkeyPatch) -> None:
    """Nobody asks whether somebody acted on it."""
    patch.setattr(Operator, "_refuse_consumed", lambda self, row: None)


@bug(signal=20)
def a_signal_counts_each_time(patch: pytest.MonkeyPatch) -> None:
    """A signal that is sent again is another signal."""

    def judge(run: Any, *, heard: bool, waiting: int) -> Any:
        return really_judge_signal(run, heard=False, waiting=waiting)

    patch.setattr("everflow.stores.memory.writing.judge_signal", judge)


@bug(fork=10)
def a_fork_forgets_its_last_entry(patch: pytest.MonkeyPatch) -> None:
    """It begins one entry before the one that was asked for."""
    real = Operator.fork

    def fork(self: Operator, run: str, at: int, *value: Any, **how: Any) -> RunRow:
        return real(self, run, max(at - 1, 0), *value, **how)

    patch.setattr(Operator, "fork", fork)


@bug(cancel_all=10)
def a_bulk_act_leaves_one_out(patch: pytest.MonkeyPatch) -> None:
    """The last run of a selection isn't met."""

    def selected(store: Store, query: RunQuery) -> Iterator[RunRow]:
        yield from really_selected(store, query)[:-1]

    patch.setattr("everflow.engine.asking.bulk.selected", selected)
