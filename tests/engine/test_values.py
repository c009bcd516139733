"""Values that aren't plain data are refused at the node that made them, naming the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from everflow import parallel, suspend
from everflow.core.values import Reader, Types
from everflow.errors import InputRefused, RunFailed, ValueMismatch
from tests.engine.support import PATIENT, World, plus_one, see_all, settle, step


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def endless() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "an object": (object, ""),
    "a NaN inside": (lambda: {"a": [1.0, float("nan")]}, "a"),
    "an infinity": (lambda: [float("-inf")], "[0]"),
    "a lone surrogate": (lambda: ["ok", "\ud800"], "[1]"),
    "a lambda": (lambda: {"f": lambda: 1}, "f"),
    "a set in a set": (lambda: {frozenset({frozenset({object})})}, ""),
    "deep nesting": (lambda: nested(5_000), ""),
    "what contains itself": (endless, ""),
    "a huge int": (lambda: 10**5_000, ""),
    "a generator": (lambda: (x for x in "ab"), ""),
}


@pytest.mark.parametrize("place", ["inline", "thread", "async"])
@pytest.mark.parametrize("what", BAD)
def test_what_is_not_plain_data_is_refused(memory: World, what: str, place: str) -> None:
    """The error names run, position and the path inside the value; it isn't retried for ever."""
    make, path = BAD[what]

    async def amake(x: int) -> Any:
        return make()

    def imake(x: int) -> Any:
        return make()

    bad = step(amake if place == "async" else imake, inline=place == "inline", name="bad")
    flow = memory.flow("f", plus_one >> bad.named("here") >> see_all)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        with pytest.raises(RunFailed) as caught:
            run.result(PATIENT)
    error: Any = caught.value.error
    assert error.code == "value_refused"
    assert error.position == "./here"
    assert caught.value.run == run.id
    assert path in error.message


@pytest.mark.parametrize("what", BAD)
def test_the_same_holds_for_inputs(world: World, what: str) -> None:
    """At the start, before a run is made."""
    flow = world.flow("f", see_all)
    with world.engine() as engine:
        with pytest.raises(InputRefused):
            engine.start(flow, BAD[what][0]())
        assert engine.runs() == []


def test_a_value_over_the_limit_is_refused(world: World) -> None:
    """Made by a node, given at a start, or grown by joining parts."""
    big = step(lambda n: "x" * n, name="big")
    with world.engine(value_limit=100_000) as engine:
        flow = world.flow("f", big)
        assert len(engine.start(flow, 90_000).result(PATIENT)) == 90_000
        with pytest.raises(RunFailed, match="ValueRefused"):
            engine.start(flow, 110_000).result(PATIENT)
        with pytest.raises(InputRefused):
            engine.start(world.flow("g", see_all), "x" * 110_000)


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    name: str
    size: Decimal
    colour: Colour = Colour.RED


GOOD: list[Any] = [
    None, True, -1, 2**70, 1.5, "", "ü\0😀", b"\0\xff", [], {}, (), (1, (2,)), {"$": 1}, {1: "a"},
    {(1, 2): {3}}, frozenset({1}), date(2030, 1, 2), datetime(2030, 1, 2, 3, tzinfo=UTC),
    timedelta(days=-3, microseconds=1), Decimal("1.10"), UUID(int=5), Thing("a", Decimal(2)),
]  # fmt: skip


@pytest.mark.parametrize("value", GOOD, ids=lambda value: f"{value!r:.30}")
def test_plain_data_comes_back_equal_and_of_equal_type(world: World, value: Any) -> None:
    """Through a node, an answer and a restart."""
    keeps = step(keep_thing, name="keeps")
    flow = world.flow("f", keeps >> suspend("ok") >> see_all)
    with world.engine() as engine:
        run = engine.start(flow, value).id
        settle(engine.run(run))
    with world.engine() as engine:
        engine.resume(run, value)
        result = engine.run(run).result(PATIENT)
    assert result == value
    assert type(result) is type(value)


def keep_thing(x: Any) -> Any | Thing:
    return x


def test_large_values_are_kept_out_of_the_machine_and_read_when_needed(world: World) -> None:
    """A run that was evicted and comes back reads them from the store."""
    text = json.dumps(list(range(20_000)))
    other = world.flow("other", suspend("ok"))
    flow = world.flow("f", parallel(see_all, see_all) >> suspend("ok") >> see_all)
    size = step(lambda pair: [len(part) for part in pair], name="sizes")
    both = world.flow("both", parallel(see_all, suspend("ok")) >> size)
    with world.engine(warm_runs=1) as engine:
        runs = [engine.start(flow, text), engine.start(both, text)]
        for run in runs:
            settle(run)
        for n in range(3):
            settle(engine.start(other, n))
        engine.resume(runs[0], text)
        engine.resume(runs[1], text)
        assert runs[0].result(PATIENT) == text
        assert runs[1].result(PATIENT) == [len(text)] * 2


def test_a_result_is_read_by_the_consumers_annotation(world: World) -> None:
    """Plain JSON becomes the dataclass that the next node asks for."""

    @step
    def makes(x: int) -> dict[str, Any]:
        return {"name": "tea", "size": "1.5", "colour": "red"}

    def takes(thing: Thing) -> str:
        return f"{thing.name} {thing.size} {thing.colour.name}"

    flow = world.flow("f", makes >> step(takes))
    with world.engine() as engine:
        assert engine.start(flow, 1).result(PATIENT) == "tea 1.5 RED"


def test_an_error_with_odd_parts_is_reduced_never_lost(world: World) -> None:
    """What can't be data is left out: type, message and traceback stay (B033)."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    def odd(x: int) -> int:
        raise Odd("a", object())

    def long(x: int) -> int:
        raise ValueError("x" * 100_000 + "\ud800", {"code": 7}, x)

    with world.engine() as engine:
        with pytest.raises(RunFailed, match="its text can't be made: ValueError"):
            engine.start(world.flow("f", step(odd)), 1).result(PATIENT)
        with pytest.raises(RunFailed) as caught:
            engine.start(world.flow("g", step(long)), 1).result(PATIENT)
    error: Any = caught.value.error
    assert len(error.message) < 5_000
    assert error.data == [{"code": 7}, 1]


def test_an_answer_of_another_type_than_recorded_is_told() -> None:
    """Reading a payload as something else names what was expected and found."""
    read = Reader(int, Types())
    with pytest.raises(ValueMismatch, match="expected"):
        read('"one"')
