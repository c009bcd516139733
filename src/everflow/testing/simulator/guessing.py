"""A subject for a flow of which no more is known: inputs and answers drawn by its types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from everflow.core.definition import Definition
from everflow.core.flow import Flow
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.schemas import schema_of
from everflow.engine.given.inputs import input_readers
from everflow.testing.simulator.drawn import drawn
from everflow.testing.simulator.seen import Invariant
from everflow.testing.simulator.subjects import Subject

__all__ = ["guessed"]

SAMPLES = 8


def guessed(
    flow: Flow[Any, Any],
    registry: Registry,
    *,
    inputs: Sequence[Any] = (),
    answers: Mapping[str, Sequence[Any]] | None = None,
    invariants: Iterable[Invariant] = (),
) -> Subject:
    """The flow with some inputs that it takes, and answers that its questions take.

    ``inputs`` and ``answers`` (by tag) stand where they are given.
    """
    program = Program(flow, flow.name_of_flow)
    return Subject(
        flow,
        inputs=inputs or _inputs(Definition(program), registry),
        answers=dict(answers or {}),
        drawn=True,
        invariants=tuple(invariants),
    )


def _inputs(definition: Definition, registry: Registry) -> Sequence[Any]:
    readers = input_readers(definition, registry.types)
    schemas = [schema for reader in readers if (schema := schema_of(reader.annotation))]
    if not schemas:
        return (None,)
    dice = Random(definition.program.name)
    return [drawn(schemas[0], dice) for _ in range(SAMPLES)]
