"""Exactly-once nodes under simulation: deaths at a commit, cancels, timeouts, heirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from everflow import (
    NodeRun,
    Registry,
    Writes,
    ask,
    flow,
    need,
    node,
    parallel,
    retry,
    saga,
    timeout,
)
from everflow.engine.calling.callee import Ended
from everflow.engine.cells.cell import Cell
from everflow.engine.nodes.settling import Settlement, SettlingCallee
from everflow.engine.owning.inbox import Inbox
from everflow.store import Settled
from everflow.testing.simulator import Report, Simulation, Subject

pytestmark = pytest.mark.usefixtures("unmeasured")

ROUNDS = 60
PATIENT = 3


@node(name="sim pays")
def pays(x: int, run: NodeRun, *, writes: Writes = need(Writes)) -> int:
    """Write, and give another number at each attempt of the same op."""
    writes.execute("paid", x, run.idempotency_key)
    writes.start("sim told", x)
    return x + 1


@node(name="sim pays later")
async def pays_later(x: int, *, writes: Writes = need(Writes)) -> int:
    """Write, on a loop."""
    writes.execute("paid later", x)
    return x + 1


@node(name="sim shaky payer")
def shaky(x: int, run: NodeRun, *, writes: Writes = need(Writes)) -> int:
    """Write, and raise but at the last attempt."""
    writes.execute("paid at last", x, run.attempt)
    if run.attempt < PATIENT:
        raise ValueError(x)
    return x


@node(name="sim unpays")
def unpays(paid: tuple[int, int], *, writes: Writes = need(Writes)) -> None:
    """Take it back."""
    writes.execute("unpaid", paid[0])


@node(name="sim tells")
def tells(x: int) -> int:
    """Do what is to leave."""
    return x


def subjects(registry: Registry) -> list[Subject]:
    """Flows that pay: after each other, at once, undone, again, and in time."""
    flow("sim told", tells, registry=registry)
    minute = timedelta(minutes=1)
    bodies: dict[str, Any] = {
        "line": pays >> pays_later >> pays,
        "wide": parallel(pays, pays_later, pays >> pays_later),
        "undone": saga((pays, unpays), (ask("sure", int), unpays)),
        "again": retry(PATIENT, shaky) >> pays,
        "in time": timeout(minute, pays >> pays_later) >> pays,
    }
    return [
        Subject(flow(f"sim {name}", body, registry=registry), inputs=(1, 2), answers={"sure": [3]})
        for name, body in bodies.items()
    ]


def first_found(rounds: int) -> Report | None:
    """The first seed's report in which some claim breaks."""
    registry = Registry()
    simulation = Simulation(subjects(registry), registry=registry, steps=40)
    reports = (simulation.run(seed) for seed in range(rounds))
    return next((report for report in reports if report.untrue is not None), None)


def test_writes_and_results_are_one() -> None:
    """Whatever dies, is cancelled, runs out of time or can't reach the store."""
    report = first_found(ROUNDS)
    assert report is None, report.text


def an_effect_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The message is deleted, and not journaled: the node is run again."""

    def settled(self: Inbox, cell: Cell, message: Settled) -> None:
        """Nothing is made of it."""

    patch.setattr(Inbox, "_settled", settled)


def a_gate_stands_open(patch: pytest.MonkeyPatch) -> None:
    """What was stopped commits all the same."""
    patch.setattr(Settlement, "shut", lambda _self: True)


def a_commit_is_guessed(patch: pytest.MonkeyPatch) -> None:
    """What isn't known to be committed is taken for nothing, and the node run again."""
    patch.setattr(SettlingCallee, "again", lambda _self, _run: Ended("stopped", "null"))


@pytest.mark.parametrize("plant", [an_effect_is_forgotten, a_gate_stands_open, a_commit_is_guessed])
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a bounded number of seeds some claim breaks."""
    plant(monkeypatch)
    assert first_found(300) is not None
