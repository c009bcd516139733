"""Nodes, sequences and choices: behaviours B001 to B004 and B009 to B012."""

import enum

import pytest

from everflow.core.algebra import const, flow, suspend
from everflow.core.combine.choice import branch, choose, loop
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import Sequence, identity, keep, sequence
from everflow.core.definition import Definition
from everflow.core.expressions import it
from everflow.core.flow import lift
from everflow.core.node import bind, node
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.errors import NotAFlow, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, double, first, inc, now, positive, second, third


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def test_a_flow_takes_one_value_and_gives_one() -> None:
    """A node gets the value; one that ignores its input is a thunk (B001)."""
    assert Driver(node(inc)).start(1).run().value() == 2
    assert Driver(node(now)).start("ignored").run().value() == 42


def test_building_runs_nothing_and_flows_are_shared() -> None:
    """A flow may stand in two places and be run many times; nothing is kept in it (B002)."""
    shared = node(broken) >> inc
    whole = parallel(shared, shared)
    assert [op.position for op in Driver(whole).start(1).commands()] == ["./0/0", "./1/0"]
    plus = node(inc) >> inc
    assert [Driver(plus).start(n).run().value() for n in (1, 5)] == [3, 7]


def test_identity_and_const() -> None:
    """`identity` gives its input, `const` ignores it, a flow of a flow is that flow (B003)."""
    assert Driver(identity).start({"a": 1}).value() == {"a": 1}
    assert Driver(const((1, 2))).start("ignored").value() == (1, 2)
    plus = node(inc)
    assert lift(plus, "here") is plus


def test_sequence_is_left_to_right_and_associative() -> None:
    """Output goes to input; empty is identity; nested equals flat (B004)."""
    assert Driver(sequence(inc, double)).start(1).run().value() == 4
    assert sequence() is identity
    assert Driver(Sequence(())).start(5).value() == 5
    flat = Definition(Program(sequence(inc, double, inc)))
    for nested in (
        sequence(sequence(inc, double), inc),
        sequence(inc, sequence(double, inc)),
        node(inc) >> double >> inc,
        inc >> (double >> node(inc)),
        sequence(identity, inc, sequence(), double, inc),
    ):
        assert Definition(Program(nested)).body == flat.body


def test_a_labelled_sequence_stays_one() -> None:
    """A label is a position of its own, so the sequence that bears it isn't taken apart."""
    labelled = sequence(inc, double).named("both")
    flow_ = sequence(labelled, inc)
    assert isinstance(flow_, Sequence)
    assert list(Program(flow_).sites) == [".", "./both", "./1", "./both/0", "./both/1"]
    assert Driver(flow_).start(1).run().value() == 5


def test_positions_are_by_label_where_there_is_one() -> None:
    """A label keeps a position when steps are put before it."""
    short = sequence(node(first).named("one"), second)
    longer = sequence(third, node(first).named("one"), second)
    assert "./one" in Program(short).sites
    assert "./one" in Program(longer).sites


def test_two_children_of_one_name_are_refused() -> None:
    """Positions are unique."""
    twice = sequence(node(first).named("one"), node(second).named("one"))
    with pytest.raises(WrongArgument, match="two children are named 'one'"):
        Program(twice)


def test_a_defined_flow_is_registered_and_the_newest_serves() -> None:
    """Defining registers the name, and a later definition takes its place (B009)."""
    registry = Registry()
    flow("numbers", inc, registry=registry)
    newest = flow("numbers", double, registry=registry)
    assert registry.flow("numbers") is newest


def test_a_defined_flow_inside_another_is_inlined() -> None:
    """Its questions are the outer run's (B010)."""
    inner = flow("inner", suspend("ok"), registry=Registry())
    driver = Driver(sequence(inc, inner, first)).start(1).run()
    assert driver.questions()[0].position == "./1"
    assert driver.answer("ok", 5).run().value() == 5


def test_branch_gives_the_original_input_to_the_chosen_one() -> None:
    """The predicate decides and the other branch never runs (B011)."""
    choice = branch(positive, inc, double)
    driver = Driver(choice).start(3)
    assert [op.position for op in driver.commands()] == ["./if"]
    driver.result("positive", value=True)
    assert driver.input("inc") == 3
    assert driver.run().value() == 4
    assert Driver(choice).start(-3).run().value() == -6


@pytest.mark.parametrize("value", [0, 1, "", "x", [], [0], {}, {"a": 0}, None, 0.0, -0.0, (), b""])
def test_truth_is_what_python_takes_for_true(value: object) -> None:
    """The machine sees payloads only, and still decides as `if` would (B011)."""
    driver = Driver(branch(identity, const("yes"), const("no"))).start(value)
    assert driver.value() == ("yes" if value else "no")


def test_a_predicate_may_raise_or_suspend() -> None:
    """It is a flow like any other (B011)."""
    assert Driver(branch(broken, inc, double)).start(1).run().failure().type == "ValueError"
    driver = Driver(branch(suspend("sure"), inc, double)).start(1)
    assert driver.answer("sure", value=False).run().value() == 2


def test_choose_takes_the_case_that_is_equal() -> None:
    """The case gets the original input; texts, numbers, None and enums can be cases (B012)."""
    picked = choose(it["kind"], {"a": const(1), 2: const(2), None: const(3)}, default=const(4))
    for kind, result in (("a", 1), (2, 2), (None, 3), ("b", 4), ([1], 4), ("x" * 99, 4)):
        assert Driver(picked).start({"kind": kind}).run().value() == result
    by_colour = choose(identity, {Colour.RED: const("stop"), Colour.BLUE: first})
    assert Driver(by_colour).start(Colour.RED).value() == "stop"
    assert Driver(by_colour).start(Colour.BLUE).run().value() == Colour.BLUE


def test_choose_without_a_match_or_default_is_an_error() -> None:
    """The error names the value and the cases (B012)."""
    error = Driver(choose(identity, {"a": inc})).start("b").failure()
    assert (error.type, error.code) == ("NoMatch", "no_match")
    assert 'no case for "b"' in error.message
    assert '"a"' in error.message
    assert "that value" in Driver(choose(identity, {})).start([1] * 99).failure().message


@pytest.mark.parametrize("case", [1.5, (1, 2), "x" * 50])
def test_a_case_that_cannot_be_is_refused(case: object) -> None:
    """Cases are short and plain (B012)."""
    with pytest.raises(WrongArgument):
        choose(identity, {case: inc})


def test_two_equal_cases_are_refused() -> None:
    """An enum's member counts as its value (B012)."""
    with pytest.raises(WrongArgument, match="two cases"):
        choose(identity, {Colour.RED: inc, "red": double})


def test_a_loop_runs_its_body_until_the_state_says_so() -> None:
    """The body comes first, each round has ops of its own."""
    driver = Driver(loop(double, until=it > 20)).start(3)
    seen = []
    while driver.nodes():
        seen.append(driver.nodes()[0].id)
        driver.perform(seen[-1])
    assert seen[:3] == [".~1/body", ".~1/until", ".~2/body"]
    assert driver.value() == 24


def test_keep_gives_input_and_output() -> None:
    """As a method and as a function."""
    assert Driver(node(inc).keep()).start(1).run().value() == (1, 2)
    assert Driver(keep(inc)).start(1).run().value() == (1, 2)


def test_bound_parameters_are_settings_of_the_definition() -> None:
    """`bind` gives plain data, which is part of the settings and not of the shape."""

    def scale(x: int, factor: int = 1) -> int:
        return x * factor

    one, two = (Definition(Program(bind(node(scale, name="scale"), factor=n))) for n in (1, 2))
    assert one.shape_hash == two.shape_hash
    assert one.settings_hash != two.settings_hash
    assert Driver(bind(node(scale, name="scale"), factor=3)).start(2).run().value() == 6
    with pytest.raises(WrongArgument, match="no parameter 'size'"):
        bind(scale, size=2)


@pytest.mark.parametrize("value", [1, "text", None, int])
def test_what_is_no_flow_is_refused_by_name(value: object) -> None:
    """The error names the combinator, and says what to do."""
    with pytest.raises(NotAFlow, match="sequence takes flows and functions"):
        sequence(inc, value)  # type: ignore[call-overload]  # that is what is tested


def test_misuse_of_a_flow_gets_a_sentence() -> None:
    """A flow has no truth value and can't be awaited."""
    with pytest.raises(NotAFlow, match="no truth value"):
        bool(node(inc))
    with pytest.raises(NotAFlow, match="can't be awaited"):
        node(inc).__await__()
