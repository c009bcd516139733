"""Leading a flow through simulated lives for ``simulate``, and telling how that went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from types import ModuleType
from typing import Any, NamedTuple

from everflow.cli.exits import Exit
from everflow.cli.inputs import read_value
from everflow.cli.loading import find_flow, provided
from everflow.cli.options import leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.config import Config
from everflow.core.definition import Definition
from everflow.core.flow import Flow
from everflow.core.node import Node
from everflow.core.program import Program
from everflow.core.registry import default_registry
from everflow.core.schemas import check
from everflow.engine.given.inputs import input_readers, payload_given, require_taken
from everflow.engine.given.taken import table_of
from everflow.errors import CallerError
from everflow.testing.simulator import Invariant, Report, Simulation, Subject
from everflow.testing.simulator.guessing import guessed
from everflow.testing.simulator.leading import is_pure

__all__ = ["Wish", "lead"]

EVERY = 25  # lives between two notes on a terminal
COUNTED = ("deaths", "troubles", "runs", "entries", "effects", "repeats")


class Wish(NamedTuple):
    """What was asked for: inputs, ``TAG=ANSWER`` texts, and the nodes that are to be real."""

    inputs: tuple[str, ...]
    answers: tuple[str, ...]
    real: tuple[str, ...]


def lead(here: Here, flow: str, wish: Wish, *, seeds: int, seed: int | None) -> None:
    """Lead a flow through its lives; one that breaks a claim ends the command."""
    found, modules = find_flow(flow, here)
    _refuse_unknown(found, wish.real)
    subject = _subject(found, modules, wish)
    simulation = Simulation(
        [subject],
        provide=provided(modules),
        real=lambda node: _is_real(node, wish.real),
    )
    lives = _lives(simulation, seeds) if seed is None else [(_seed(seed), simulation.run(seed))]
    sums: Counter[str] = Counter()
    for count, (which, life) in enumerate(lives, 1):
        sums.update({name: getattr(life, name) for name in COUNTED}, lives=1)
        if life.untrue is not None:
            _tell_broken(here, simulation.shrink(life), sums, which)
        if count % EVERY == 0 and notes().live and not here.json:
            notes().line(f"{count} lives, {sums['deaths']} deaths: every claim held", "dim")
    _tell_held(here, subject, sums)


def _lives(simulation: Simulation, seeds: int) -> Iterator[tuple[str, Report]]:
    """The lives with a fault at every write, which are always the same, then the random ones."""
    first = (("at every write", life) for life in simulation.every_write())
    return chain(first, ((_seed(seed), simulation.run(seed)) for seed in range(seeds)))


def _seed(seed: int) -> str:
    return f"--seed {seed}"


def _is_real(node: Node[Any, Any], real: tuple[str, ...]) -> bool:
    names = {node.name, node.name.rpartition(":")[2], "all"}
    return is_pure(node) or not names.isdisjoint(real)


def _subject(
    found: Flow[Any, Any],
    modules: list[ModuleType],
    wish: Wish,
) -> Subject:
    """The module's own subject for the flow, or one that is guessed by its types."""
    values = [value for module in modules for value in vars(module).values()]
    name = found.name_of_flow
    invariants = {
        id(value): value
        for value in values
        if isinstance(value, Invariant) and value.flow in {"", name}
    }
    own = (
        value for value in values if isinstance(value, Subject) and value.flow.name_of_flow == name
    )
    for subject in islice(own, 1):
        if wish.inputs or wish.answers:
            raise CallerError(
                f"a Subject in the module says what {name} is given and answered",
                hint="leave --input and --answer away, or change the Subject",
            )
        return subject
    given = [read_value(text)[0] for text in wish.inputs]
    answers = _answers(wish.answers)
    _refuse_unfitting(Definition(Program(found, name)), given, answers)
    return guessed(
        found,
        default_registry(),
        inputs=given,
        answers=answers,
        invariants=invariants.values(),
    )


def _refuse_unfitting(
    definition: Definition, inputs: Sequence[Any], answers: Mapping[str, Sequence[Any]]
) -> None:
    """Refuse what no start and no question would take; a body's questions aren't known before."""
    types = default_registry().types
    readers, limit = input_readers(definition, types), Config().value_limit
    for value in inputs:
        require_taken(payload_given(value, types, limit), readers, definition.program.name)
    table = table_of(definition.body)
    open_ended = any(site.flow.kind == "body" for site in definition.program.sites.values())
    for tag, values in answers.items():
        if f"#{tag}" not in table and not open_ended:
            known = ", ".join(sorted(name[1:] for name in table if name[0] == "#")) or "none"
            raise CallerError(f"the flow asks no {tag!r:.60}", hint=f"its tags are: {known}")
        for value in values:
            problem = check(value, table.get(tag) or {})
            if problem is not None:
                raise CallerError(f"the answer for {tag} doesn't fit the question: {problem}")


def _refuse_unknown(found: Flow[Any, Any], real: tuple[str, ...]) -> None:
    """Refuse names of nodes that the flow hasn't got; a body's aren't known before."""
    program = Program(found, found.name_of_flow)
    if any(site.flow.kind == "body" for site in program.sites.values()):
        return
    names = {node.name for node in Definition(program).nodes}
    known = names | {name.rpartition(":")[2] for name in names} | {"all"}
    for name in real:
        if name not in known:
            raise CallerError(
                f"the flow has no node {name!r:.60}", hint=f"it has: {', '.join(sorted(names))}"
            )


def _answers(pairs: tuple[str, ...]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for pair in pairs:
        tag, equals, text = pair.partition("=")
        if not tag or not equals:
            raise CallerError(f"{pair!r:.80} is no answer", hint="write TAG=ANSWER")
        found.setdefault(tag, []).append(read_value(text)[0])
    return found


def _tell_held(here: Here, subject: Subject, sums: Counter[str]) -> None:
    if here.json:
        emit({"held": True, **sums})
        return
    screen().line(
        f"{many(sums['lives'], 'life', 'lives')} with {many(sums['deaths'], 'death')} and"
        f" {many(sums['troubles'], 'failure')} of the store: {many(sums['runs'], 'run')},"
        f" {many(sums['effects'], 'node')} run, {sums['repeats']:,} of them again"
    )
    count = len(subject.invariants)
    own = f" and {count} of yours" if count else "; the module has no @invariant of its own"
    screen().line(f"every promise of Everflow's held{own}", "green")


def _tell_broken(here: Here, broken: Report, sums: Counter[str], which: str) -> None:
    if here.json:
        emit(
            {
                "held": False,
                **sums,
                "seed": broken.seed,
                "which": which,
                "broken": str(broken.untrue),
                "story": broken.story,
            }
        )
    else:
        screen().line(f"broken: {broken.untrue}", "bold red")
        for line in broken.story:
            screen().line(f"  {line}")
        screen().line(f"life {sums['lives']} ({which}), shortened", "dim")
    leave(Exit.FAILED)
