"""What a changed flow means for a run that stands in the flow of before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import ask, const, suspend
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.dag import after, dag
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.definition import Definition
from everflow.core.expressions import it
from everflow.core.flow import Flow
from everflow.core.matching import KEEP, LABEL, Fit, Matching, Verdict
from everflow.core.node import node
from everflow.core.program import Program
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, rescue, second, third


def extra(x: object) -> object:
    """A step that comes later."""
    return x


OTHER_STEPS = "the steps that it has begun are other ones: label those that are the same"


def undone(pair: object) -> object:
    """What undoes a step."""
    return pair


extra_step: Flow[Any, Any] = node(extra)


def always(x: object) -> bool:
    """The end of a loop."""
    return True


def driven(flow: Flow[Any, Any], *ends: str) -> Driver:
    """A run in which those nodes have ended."""
    driver = Driver(flow).start(1)
    for end in ends:
        driver.result(end, end)
    return driver


def judged(driver: Driver, flow: Flow[Any, Any]) -> Verdict:
    """What the flow means for the run."""
    return Matching(driver.machine.program, Program(flow)).judge(driver.machine.state)


def refused(driver: Driver, flow: Flow[Any, Any]) -> tuple[str, str, str]:
    """Where and why the run can't be moved, and what to do."""
    verdict = judged(driver, flow)
    assert verdict.fit is Fit.CANNOT
    return verdict.position, verdict.reason, verdict.hint


def test_steps_that_are_appended_come_at_the_end() -> None:
    """The simplest change; the definition is then that of any new run."""
    new = sequence(first, second, third)
    driver = driven(sequence(first, second), "first").upgrade(new)
    assert [op.id for op in driver.commands()] == ["./1"]
    assert driver.result("second", 2).commands()[0].id == "./2"
    plain = Definition(Program(new))
    assert Definition(driver.machine.program).hash == plain.hash
    assert driver.result("third", 3).value() == 3


def test_a_step_before_is_passed_by_and_the_run_keeps_its_ids() -> None:
    """Indexes shift in the new flow, but not in the run."""
    new = sequence(extra, first, extra, second, third)
    driver = driven(sequence(first, second, third), "first")
    assert judged(driver, new).passed == ("./0.1", "./2.1")
    driver.upgrade(new)
    assert [op.id for op in driver.commands()] == ["./1"]
    assert driver.result("second", 2).op("third").id == "./2"
    assert driver.result("third", 3).value() == 3


def test_no_id_is_minted_twice() -> None:
    """What stood at an index that another step has now left its ids there."""
    old = loop(sequence(first, second, third), until=always)
    driver = driven(old, "first", "second", "third").perform("always", {"always": lambda _: False})
    seen = {"first": ".~1/body/0", "second": ".~1/body/1", "third": ".~1/body/2"}
    assert driver.op("first").id == ".~2/body/0"
    driver.result("first", 1)
    driver.upgrade(loop(sequence(second, extra, third), until=always))
    ids = []
    for name in ("second", "extra", "third"):
        ids.append(driver.op(name).id)
        driver.result(name, 1)
    assert ids == [".~2/body/1", ".~2/body/1.1", ".~2/body/2"]
    driver.perform("always", {"always": lambda _: False})
    assert driver.op("second").id == ".~3/body/1"
    assert not set(ids) & set(seen.values())


def test_a_second_upgrade_uses_no_name_again() -> None:
    """Neither one that a step bore that is gone, nor the label of one (B045)."""
    driver = driven(sequence(node(first).named("one"), second, suspend("go")), "first", "second")
    driver.upgrade(sequence(second, suspend("go"), extra))
    assert driver.machine.program.lineage is not None
    driver.upgrade(sequence(suspend("go"), node(third).named("one"), extra))
    driver.answer("go", 1)
    assert driver.op("third").id == "./one.2"
    driver.result("third", 1)
    assert driver.op("extra").id == "./2.1"
    assert driver.result("extra", 5).value() == 5


def test_a_labelled_step_is_known_by_its_label() -> None:
    """Wherever it stands, and whatever function it is now."""
    old = sequence(node(first).named("draft"), node(second).named("review"), third)
    new = sequence(extra, node(first).named("draft"), node(rescue).named("review"), third)
    driver = driven(old, "first").upgrade(new)
    assert driver.op("rescue").id == "./review"
    assert driver.result("rescue", 2).result("third", 3).value() == 3


def test_a_label_may_be_given_and_taken_away() -> None:
    """What the step is and its order tell; the run keeps the name that it had."""
    driver = driven(sequence(first, second, third), "first")
    driver.upgrade(sequence(first, node(second).named("review"), third))
    assert driver.op("second").id == "./1"
    driver.upgrade(sequence(first, second, third)).result("second").result("third", 3)
    assert driver.value() == 3


def test_of_equal_steps_none_is_guessed() -> None:
    """Two were there and three are: nobody knows which of them is new."""
    driver = driven(sequence(first, second, second), "first")
    position, reason, hint = refused(driver, sequence(first, second, second, second))
    assert (position, hint) == ("./1", LABEL)
    assert "several steps of the new flow could be this one" in reason


def test_a_step_that_is_gone_keeps_its_runs() -> None:
    """They end in their old shape."""
    driver = driven(sequence(first, second, third), "first")
    new = sequence(first, third)
    assert refused(driver, new) == ("./1", "the new flow has no such step", KEEP)
    driver.result("second", 2).upgrade(new)
    assert driver.result("third", 3).value() == 3


def test_a_step_that_is_done_doesnt_come_again() -> None:
    """Not even where the labels say so: its id is taken."""
    one, two = node(first).named("one"), node(second).named("two")
    driver = driven(sequence(one, two), "first")
    position, reason, _ = refused(driver, sequence(two, one))
    assert (position, reason) == (".", "the step 'one' is done and would come again after this one")


def test_another_function_under_no_label_is_another_step() -> None:
    """The place alone says nothing."""
    driver = driven(branch(it == 1, first, second)).perform("./if")
    position, reason, _ = refused(driver, branch(it == 1, third, second))
    assert position == "./then"
    assert reason.startswith("it was ")


def test_another_combinator_around_a_step_is_said() -> None:
    """The run has begun the step without it."""
    driver = driven(sequence(first, second), "first")
    position, reason, _ = refused(driver, sequence(first, retry(2, second)))
    assert (position, reason) == ("./1", "the new flow has no such step")
    labelled = driven(sequence(first, node(second).named("x")), "first")
    new = sequence(first, retry(2, second).named("x"))
    assert refused(labelled, new)[1] == "it was a node and is a retry now"
    assert refused(driven(node(first)), sequence(first, second))[1].startswith("it was a node")


WRAPPED: dict[str, tuple[Any, list[str]]] = {
    "branch": (lambda f: branch(it == 1, f, third), ["./if"]),
    "choose": (lambda f: choose(it, {0: third, 1: f}, default=third), ["./on"]),
    "default": (lambda f: choose(it, {0: third}, default=f), ["./on"]),
    "loop": (lambda f: loop(f, until=always), []),
    "unless_failed": (unless_failed, []),
    "try_catch": (lambda f: try_catch(f, rescue), []),
    "retry": (lambda f: retry(2, f), []),
    "ticks": (lambda f: timeout(3, f), []),
    "timeout": (lambda f: timeout(timedelta(hours=1), f), []),
    "keep": (keep, []),
    "ask": (lambda f: ask("ok", bool, notify=f, within=timedelta(hours=1)), []),
    "show": (lambda f: ask("ok", bool, show=f), []),
    "parallel": (lambda f: parallel(f, suspend("x")), []),
    "named": (lambda f: parallel(left=f, right=suspend("x")), []),
    "split": (lambda f: timeout(9, parallel(f, suspend("x"), ticks="split")), []),
}


@pytest.mark.parametrize(("wrap", "decisions"), WRAPPED.values(), ids=WRAPPED)
def test_every_combinator_takes_a_change_inside(wrap: Any, decisions: list[str]) -> None:
    """A step more within what has begun: the run ends as the new flow does from there."""
    driver = driven(wrap(sequence(first, second)))
    for decision in decisions:
        driver.perform(decision)
    driver.result("first", 1).upgrade(wrap(sequence(extra, first, second, third)))
    driver.result("second", 2)
    assert driver.op("third").id.endswith("/3")
    driver.result("third", 3)


def test_cases_are_known_by_what_they_match() -> None:
    """Their order may change, and others may come and go."""
    driver = driven(choose(it, {0: third, 1: first}, default=second)).perform("./on")
    assert driver.op("first").id == "./case 1"
    new = choose(it, {1: sequence(first), 7: extra, 0: third})
    driver.upgrade(new)
    assert driver.op("first").id == "./case 1"
    again = driven(loop(choose(it, {0: third, 1: first}, default=second), until=always))
    again.perform(".~1/body/on").upgrade(
        loop(choose(it, {7: extra, 1: first, 0: third}), until=always)
    )
    again.result("first", 7).perform("always", {"always": lambda _: False})
    again.perform(".~2/body/on")
    assert again.op("extra").id == ".~2/body/case 0.1"


def test_a_parallel_that_has_begun_takes_no_child_more() -> None:
    """Its input is no longer at hand."""
    driver = driven(parallel(first, second), "first")
    reason = refused(driver, parallel(first, second, third))[1]
    assert reason == "it has begun without its new child '2'"


def test_a_parallel_may_lose_a_child_that_has_ended() -> None:
    """And its form may change, as results stand under names."""
    driver = driven(parallel(a=first, b=second, c=third), "first", "second")
    driver.upgrade(parallel(b=second, c=third))
    assert driver.result("third", 3).value() == {"b": "second", "c": 3}
    other = driven(parallel(first, second, third), "first", "second")
    other.upgrade(parallel(second, third))
    assert other.result("third", 3).value() == ("second", 3)


def test_a_parallel_keeps_its_join_once_it_has_results() -> None:
    """A raw result and a settled one don't go together."""
    driver = driven(parallel(first, second))
    settled = parallel(first, second, join="settled")
    assert judged(driver, settled).fit is Fit.MOVES
    driver.result("first", 1)
    assert refused(driver, settled)[1] == "some of its results were joined in another way"
    assert judged(driver, parallel(first, second)).fit is Fit.MOVES


def test_a_kept_answer_needs_its_question() -> None:
    """It was acknowledged for that tag."""
    old = sequence(suspend("a"), suspend("b"))
    driver = Driver(old).start(1).early("b", 2)
    position, reason, _ = refused(driver, sequence(suspend("a"), const(1)))
    assert (position, reason) == ("", "an answer is kept for 'b', which the new flow doesn't ask")
    driver.upgrade(sequence(suspend("a"), const(1), suspend("b")))
    assert driver.answer("a", 1).value() == 2


def test_another_tag_is_another_question() -> None:
    """Links to it were sent."""
    driver = Driver(ask("ok", bool)).start(1)
    why = "this ask isn't the one of before: its tag was 'ok' and is 'sure' now"
    assert refused(driver, ask("sure", bool)) == (".", why, KEEP)


def test_what_is_being_stopped_is_waited_for() -> None:
    """Its end is told to a frame that may be gone in the new flow."""
    driver = driven(parallel(first, second)).error("first")
    assert refused(driver, parallel(first, second, third))[0] == "."
    one = driven(parallel(first, sequence(second, third))).error("first")
    new = parallel(first, sequence(second, third, extra))
    assert refused(one, new) == (
        "./1/0",
        "it is being stopped just now",
        "try again once that has ended",
    )


def test_timers_and_nodes_that_ask_go_along() -> None:
    """Whatever is outstanding keeps its id (B045)."""
    old = parallel(first, sleep(60), timeout(timedelta(hours=1), second))
    driver = Driver(old).start(1).wanted("first", "colour")
    before = [op.id for op in driver.commands()]
    driver.upgrade(parallel(node(first).named("painter"), sleep(5), timeout(timedelta(1), second)))
    assert [op.id for op in driver.commands()] == before
    driver.answer("colour", "red").result("first", 1).result("second", 2).fire("./1")
    assert driver.value() == (1, 1, 2)


def test_a_long_flow_with_many_equal_steps_is_matched_in_time() -> None:
    """Beyond a table of a million cells nothing is guessed either."""
    many = [identity.named(f"s{i}") for i in range(2_000)]
    driver = Driver(sequence(*many, suspend("go"))).start(1)
    assert judged(driver, sequence(*many, extra, suspend("go"))).fit is Fit.MOVES
    equal = driven(sequence(*[node(first)] * 1_200))
    assert refused(equal, sequence(*[node(first)] * 1_201))[2] == LABEL


def test_a_name_that_comes_again_is_the_name_of_the_field() -> None:
    """The run has another one for it, which stays inside (B018)."""
    body = loop(parallel(a=first, b=second) >> suspend("go"), until=always)
    driver = driven(body, "first", "second")
    driver.upgrade(loop(parallel(b=second) >> suspend("go"), until=always))
    driver.upgrade(loop(parallel(a=third, b=second) >> suspend("go"), until=always))
    driver.answer("go", 1).perform("always", {"always": lambda _: False})
    assert driver.op("third").id == ".~2/body/0/a.2"
    driver.result("third", 3).result("second", 2)
    assert driver.input(".~2/body/1") == {"a": 3, "b": 2}


def test_a_notifier_may_go_once_it_has_told() -> None:
    """Parts that have names of their own are retired under none."""
    old = ask("ok", bool, notify=first)
    driver = Driver(old).start(1).result("first")
    driver.upgrade(ask("ok", bool))
    assert driver.machine.program.lineage is None
    assert driver.answer("ok", value=True).value() == (1, True)


def test_composed_steps_of_equal_parts_are_told_apart_by_what_they_hold() -> None:
    """Each has changed; only one shares a node with the step of before."""
    driver = driven(sequence(third, keep(sequence(first, second))), "third", "first")
    new = sequence(keep(extra), keep(extra), third, keep(sequence(first, extra, second)))
    driver.upgrade(new)
    assert driver.result("second", 2).value() == ("third", 2)


def test_a_saga_takes_new_steps_where_it_has_not_begun() -> None:
    """What was done keeps the undo that it has; one that comes too late is passed by (B045)."""
    old = saga((first, undone), second, third)
    driver = driven(old, "first")
    assert judged(driver, saga((first, undone), (second, extra), third, extra)).passed == ()
    late: Flow[Any, Any] = saga((node(first).named("a"), undone), second)
    assert refused(driver, late)[1] == OTHER_STEPS
    driver = driven(saga(first, second), "first")
    assert judged(driver, saga((first, undone), second)).passed == ("./undo 0",)
    driver.upgrade(saga((first, undone), second, third))
    assert [op.id for op in driver.commands()] == ["./1"]
    assert driver.result("second", 2).result("third", 3).value() == 3


def test_what_a_saga_has_done_must_be_undone_as_it_was_to_be() -> None:
    """So the undo of a step that is done can't go, and neither can such a step (B045)."""
    do, then = extra_step.named("do"), node(second).named("then")
    driver = driven(saga((do, undone), then), "extra")
    assert refused(driver, saga(do, then))[1] == "the undo of its step 'do' is gone"
    other: Flow[Any, Any] = saga((node(third).named("new"), extra_step), then)
    assert refused(driver, other)[1] == OTHER_STEPS


@pytest.mark.parametrize("other", [third, sequence(first, second)], ids=["a node", "a kind"])
def test_a_step_without_a_label_is_the_one_of_before_only_if_it_looks_so(other: Any) -> None:
    """Its place in the row alone doesn't say that what is undone is what was done (B045)."""
    driver = driven(saga((first, undone), second), "first")
    assert refused(driver, saga((other, undone), second))[1] == OTHER_STEPS


def test_a_step_of_a_saga_that_took_the_place_of_another_is_not_taken_for_it() -> None:
    """Even where it can be nothing else: it has the other's name (B045)."""
    group = parallel(second, third)
    driver = driven(saga(extra, (group, undone), first), "extra", "second")
    assert refused(driver, saga(group, third))[0] == "./1"


def test_vertices_of_a_graph_change_inside_of_it() -> None:
    """The graph itself may not, once it has begun (B045)."""
    old = dag(a=first, b=after("a", sequence(second, third)), cached=False)
    driver = driven(old, "first")
    longer = after("a", sequence(second, third, extra_step))
    driver.upgrade(dag(a=first, b=longer, cached=False))
    assert [op.id for op in driver.commands()] == ["./b/0"]
    other = dag(a=first, b=sequence(second, third), cached=False)
    assert "isn't the one of before" in refused(driver, other)[1]


def test_a_combinator_without_a_rule_refuses() -> None:
    """While it is there and changed."""

    class Odd(Flow[Any, Any]):
        kind = "odd"

    program = Program(Odd())
    reason = Odd().refit(None, program.root, program.root)
    assert reason == "this release has no rule for a changed odd that has begun"
    assert Odd().passed_by(None, program.root, program.root) == []
    Odd().refit_op(None)
