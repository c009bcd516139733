"""A flow led through simulated lives in a test: a fault at every write, and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as changed
from itertools import chain
from typing import Any

from everflow.core.flow import Flow
from everflow.core.node import Node
from everflow.core.registry import Registry, default_registry
from everflow.testing.simulator.guessing import guessed
from everflow.testing.simulator.seen import Invariant, Seen, invariant
from everflow.testing.simulator.simulation import Simulation

__all__ = ["is_pure", "lead"]


def is_pure(node: Node[Any, Any]) -> bool:
    """Whether a node may run its own function on a stage without anybody's asking for it."""
    return node.leaf.options.pure


def lead(  # noqa: PLR0913 - what a test may say of a life, all by name
    flow: Flow[Any, Any],
    *,
    seeds: Sequence[int],
    inputs: Sequence[Any] = (),
    answers: Mapping[str, Sequence[Any]] | None = None,
    invariants: Sequence[Invariant | Callable[[Seen], object]] = (),
    replace: Mapping[Any, Callable[..., Any]] | None = None,
    provide: Mapping[type[Any], Any] | None = None,
    real: Callable[[Node[Any, Any]], bool] = is_pure,
    registry: Registry | None = None,
) -> None:
    """Lead a flow through its lives; AssertionError, with a short story, for what breaks."""
    known = registry or default_registry()
    checks = [one if isinstance(one, Invariant) else invariant(one) for one in invariants]
    subject = guessed(flow, known, inputs=inputs, answers=answers, invariants=checks)
    subject = changed(subject, replace=dict(replace or {}))
    simulation = Simulation([subject], registry=known, provide=provide, real=real)
    for life in chain(simulation.every_write(), map(simulation.run, seeds)):
        if life.untrue is not None:
            simulation.shrink(life).check()
