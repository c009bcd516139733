"""A user's own flows under simulation: stubs, drawn values, invariants, every write."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from everflow import NodeRun, Registry, ask, branch, call, flow, it, need, node, step
from everflow.core.schemas import check, schema_of
from everflow.errors import WrongArgument
from everflow.testing.simulator import (
    Invariant,
    Seen,
    Subject,
    invariant,
    simulate,
    simulate_every_write,
)
from everflow.testing.simulator.drawn import drawn
from everflow.testing.simulator.everywrite import WAYS, faulted
from everflow.testing.simulator.guessing import guessed
from everflow.testing.simulator.leading import is_pure
from everflow.testing.simulator.plan import Fault, Step
from everflow.testing.simulator.stubs import staged


@dataclass(frozen=True)
class Guest:
    """Somebody who is invited."""

    name: str
    vip: bool = False


class Pigeons:
    """What carries letters; it can't be asked whether one has gone already."""

    def __init__(self) -> None:
        self.flown: list[str] = []


@node
def invited(guest: Guest, run: NodeRun, *, pigeons: Pigeons = need(Pigeons)) -> Guest:
    """Have an effect that nobody can take back."""
    pigeons.flown.append(run.idempotency_key)
    return guest


@node(pure=True)
def named_so(answered: tuple[Guest, bool]) -> str:
    """Give a name."""
    return answered[0].name


@pytest.fixture
def registry() -> Registry:
    """A registry of this test's own."""
    return Registry()


@pytest.fixture
def inviting(registry: Registry) -> Any:
    """A flow with an effect, a question and something pure."""
    body = invited >> ask("coming", bool) >> branch(it[1], named_so, it[0])
    return flow("inviting", body, registry=registry)


@invariant
def one_pigeon_a_run(seen: Seen) -> None:
    """No run lets two pigeons fly.

    They eat a lot.
    """
    flown = seen.the(Pigeons).flown
    assert len(flown) == len(set(flown)), flown


def test_a_crash_at_every_write_finds_a_doubled_effect(inviting: Any, registry: Registry) -> None:
    """The story is short and names the sentence, the death and both effects."""
    subject = Subject(inviting, [Guest("a")], {"coming": [True]}, invariants=[one_pigeon_a_run])
    reports = simulate_every_write([subject], registry=registry, provide={Pigeons: Pigeons})
    broken = reports[-1]
    assert str(broken.untrue).startswith("No run lets two pigeons fly: ['")
    assert len(broken.steps) <= 6
    happened = [line for line in broken.story if "invited happens in run 1" in line]
    assert len(happened) == 2
    assert any("dies at" in line for line in broken.story)
    with pytest.raises(AssertionError, match="No run lets two pigeons fly"):
        broken.check()


def test_a_sound_flow_lives_through_every_write(inviting: Any, registry: Registry) -> None:
    """Without the invariant every promise holds: three faults at each write that was counted."""
    subject = Subject(inviting, [Guest("a")], {"coming": [True, False]})
    reports = simulate_every_write([subject], registry=registry, provide={Pigeons: Pigeons})
    assert [report.untrue for report in reports] == [None] * len(reports)
    assert len(reports) == 1 + len(WAYS) * sum(reports[0].writes)
    assert sum(report.deaths for report in reports) >= len(WAYS) - 1


def test_each_write_of_each_step_goes_wrong_once_in_each_way() -> None:
    """The other steps stay as they are."""
    plan = [Step("start", 0, 0), Step("turn", 0, 0)]
    faults = [[(step.fault, step.at) for step in again] for again in faulted(plan, [0, 2])]
    calm = (Fault.NONE, 0)
    assert faults == [[calm, (way, -nth)] for nth in (1, 2) for way in WAYS]


def test_stubs_stand_for_what_has_effects(inviting: Any, registry: Registry) -> None:
    """Pure nodes run themselves; a stub gives a value of the return type, the same each time."""
    subject = guessed(inviting, registry, answers={"coming": [True]})
    flown = Pigeons()
    report = simulate(
        3,
        [subject],
        registry=registry,
        provide={Pigeons: lambda: flown},
        real=lambda known: known.leaf.options.pure,
    )
    report.check()
    assert report.effects > 0
    assert flown.flown == []


def test_a_stand_in_takes_the_place_of_a_node(inviting: Any, registry: Registry) -> None:
    """By the node or its name; what it gives goes on through the flow, and effects tell it."""
    looked: list[Seen] = []
    subject = Subject(
        inviting,
        [Guest("a")],
        {"coming": [False]},
        replace={invited: lambda guest: Guest(f"{guest.name}b")},
        invariants=[invariant(looked.append)],
    )
    simulate(5, [subject], registry=registry, provide={Pigeons: Pigeons}).check()
    seen = looked[-1]
    done = [life for life in seen.runs if life.status == "done"]
    assert done
    assert {life.result for life in done} == {Guest("ab")}
    assert all(effect.result == Guest("ab") for effect in seen.of("invited"))
    assert seen.of("invited") == seen.of(invited.name)


def test_a_stand_in_for_nobody_is_refused(inviting: Any, registry: Registry) -> None:
    """A name that no flow has is a slip."""
    subject = Subject(inviting, replace={"nobody": lambda x: x})
    with pytest.raises(WrongArgument, match="no flow here has a node 'nobody'"):
        staged([subject], registry, real=lambda _: True)


@node(name="tests:counted")
def counted(value: int) -> int:
    """Have an effect in a body."""
    raise AssertionError("this is to be a stub")


def test_a_body_stays_itself_and_awaits_stubs(registry: Registry) -> None:
    """Its code runs; what it awaits doesn't."""

    @flow("counting_body", registry=registry)
    async def counting(value: int) -> list[int]:
        return [await step(counted, value), await step(counted, value + 1)]

    looked: list[Seen] = []
    subject = Subject(counting, [1], invariants=[invariant(looked.append)])
    simulation: dict[str, Any] = {"registry": registry, "real": is_pure}
    simulate(3, [subject], **simulation).check()
    done = [life.result for life in looked[-1].runs if life.status == "done"]
    assert done
    assert all(len(result) == 2 for result in done)


def test_what_is_staged_keeps_its_definition(inviting: Any, registry: Registry) -> None:
    """Names, positions and questions are those of the real flow; only functions differ."""
    (subject,), stage = staged([Subject(inviting)], registry, real=lambda _: False)
    assert subject.flow.name_of_flow == "inviting"
    assert stage.nodes.keys() == registry.nodes.keys()
    assert stage.nodes[invited.name].fn is not invited.fn


@pytest.mark.parametrize(
    ("check_it", "told"),
    [
        (lambda _: False, "it gave False"),
        (lambda _: None, None),
        (lambda _: True, None),
    ],
)
def test_an_invariant_breaks_by_false(check_it: Callable[[Seen], object], told: str | None) -> None:
    """Anything but False and an assertion holds."""
    made: Invariant = invariant(flow="inviting")(check_it)
    seen = Seen({}, list)
    assert made.holds(seen) == told
    assert made.flow == "inviting"
    assert made(seen) is check_it(seen)


def test_an_invariant_is_a_function() -> None:
    """Anything else is refused where it is made."""
    with pytest.raises(WrongArgument):
        invariant(flow="x")("no function")


def test_errors_of_nodes_are_seen(registry: Registry) -> None:
    """An effect that raised has its error, and a run that failed too."""

    @node(name="tests:raising")
    def raising(value: int) -> int:
        raise ValueError("no")

    looked: list[Seen] = []
    subject = Subject(
        flow("raises", raising, registry=registry),
        [1],
        invariants=[invariant(looked.append)],
    )
    simulate(2, [subject], registry=registry).check()
    assert {effect.error for effect in looked[-1].effects} == {"ValueError: no"}
    assert "ValueError: no" in {life.error for life in looked[-1].runs}


SCHEMAS: list[dict[str, Any]] = [
    {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": False},
    {"type": "object", "properties": {"a": {"const": 3}, "b": {"type": "null"}}, "required": ["a"]},
    {"anyOf": [{"type": "number"}, {"type": "null"}]},
    {"enum": ["x", "y"]},
    {"type": "string", "minLength": 12},
    {"type": "integer", "minimum": 3, "maximum": 4},
    *({"type": "string", "format": f} for f in ("date-time", "date", "time", "uuid", "decimal")),
    schema_of(list[Guest]),
    {"$ref": "#/$defs/T", "$defs": {"T": {"type": "array", "items": {"$ref": "#/$defs/T"}}}},
]


@pytest.mark.parametrize("index", range(len(SCHEMAS)))
def test_what_is_drawn_fits_its_schema(index: int) -> None:
    """However often one draws."""
    dice = Random(index)
    for _ in range(50):
        value = drawn(SCHEMAS[index], dice)
        assert check(value, SCHEMAS[index]) is None, value


def test_nested_choices_come_to_an_end() -> None:
    """Deep down the empty alternative is taken."""
    choice = [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/T"}}]
    schema = {"anyOf": choice, "$defs": {"T": {"anyOf": choice}}}
    for seed in range(50):
        drawn(schema, Random(seed))


def test_flows_that_are_called_need_no_subject(registry: Registry) -> None:
    """They are on the stage, and people answer what they ask, as its schema says."""
    low = flow("low", ask("ok", bool) >> it[1], registry=registry)
    top = flow("top", call(low), registry=registry)
    for seed in range(5):
        simulate(seed, [Subject(top, drawn=True)], registry=registry).check()
