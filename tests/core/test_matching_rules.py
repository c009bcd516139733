"""What single combinators say of a changed flow while a run stands in them."""

from typing import Any

from everflow.core.algebra import call, flow, suspend
from everflow.core.combine.cached import cached
from everflow.core.combine.each import each
from everflow.core.combine.joins import tolerate
from everflow.core.combine.parallel import parallel
from everflow.core.combine.racing import race
from everflow.core.combine.saga import saga
from everflow.core.combine.sections import critical
from everflow.core.combine.sequence import sequence
from everflow.core.flow import Flow
from everflow.core.matching import Fit, Matching
from everflow.core.ops import CallOp
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, inc, second, third


def undone(pair: Any) -> Any:
    return pair


def why_not(driver: Driver, flow: Flow[Any, Any]) -> tuple[str, str]:
    """Where and why the run can't be moved."""
    verdict = Matching(driver.machine.program, Program(flow)).judge(driver.machine.state)
    assert verdict.fit is Fit.CANNOT
    return verdict.position, verdict.reason


def test_a_cached_body_changes_inside_and_its_result_is_not_kept() -> None:
    """It is neither the old body's nor the new one's, even if the old one comes back (B045)."""
    old = cached(sequence(first, second))
    driver = Driver(old).start(1).perform("./@cache").result("first", 2)
    driver.upgrade(cached(sequence(first, second, third))).restart()
    driver.result("second", 3)
    driver.upgrade(cached(sequence(first, second, third, inc))).restart()
    driver.result("third", 4).result("inc", 5).perform("./@fill")
    assert driver.value() == 5
    assert driver.cache == {}
    back = Driver(old).start(1).perform("./@cache").result("first", 2)
    back.upgrade(cached(sequence(first, second, third))).upgrade(old).result("second", 3)
    assert back.perform("./@fill").value() == 3
    assert back.cache == {}


def test_a_cache_that_is_still_looked_up_goes_by_the_new_body() -> None:
    """Its key is made when it is asked (B045)."""
    new = cached(sequence(first, second))
    driver = Driver(cached(sequence(first, third))).start(1)
    driver.upgrade(cached(sequence(first, second))).restart().perform("./@cache")
    driver.result("first", 2).result("second", 3)
    assert driver.perform("./@fill").value() == 3
    again = Driver(new)
    again.cache.update(driver.cache)
    assert again.start(1).perform("./@cache").value() == 3


def test_the_body_of_an_each_changes_inside_for_items_that_have_begun() -> None:
    """They go on where they stand, and those to come run the new body."""
    driver = Driver(each(sequence(first, second), limit=1)).start([1, 2]).perform("./@items")
    driver.result("first", 1).upgrade(each(sequence(inc, first, second), limit=1))
    driver.restart().result("second", 10)
    driver.result("inc", 3).result("first", 3).result("second", 30)
    assert driver.value() == [10, 30]


def test_a_race_that_has_begun_changes_inside_but_takes_no_child_more() -> None:
    """Its input is no longer at hand."""
    driver = Driver(race(sequence(first, second), suspend("ok"))).start(1).result("first", 2)
    longer = sequence(first, second, third)
    more = race(longer, suspend("ok"), suspend("else"))
    assert why_not(driver, more) == (".", "it has begun without its new child '2'")
    driver.upgrade(race(longer, suspend("ok"))).restart().result("second", 3)
    assert driver.result("third", 4).value() == 4


def test_a_parallel_keeps_a_child_that_has_failed() -> None:
    """What it tolerates is counted by its errors."""
    driver = Driver(parallel(first, second, third, join=tolerate(1))).start(1).error("first")
    fewer = parallel(second, third, join=tolerate(1))
    assert why_not(driver, fewer) == (".", "a child of it that has failed is gone")
    driver.result("second", 2)
    assert [end.ok for end in driver.result("third", 3).value()] == [False, True, True]


def test_a_cancelled_saga_waits_for_all_that_is_stopped_and_keeps_the_first_error() -> None:
    """Undoing begins with the last of them, whatever the others raised meanwhile."""
    doing = saga((first, undone), parallel(second, inc))
    driver = Driver(parallel(doing, third)).start(1).result("first", 2)
    driver.error("third", "the sibling's")
    assert len(driver.stopping()) == 2
    driver.error("second", "one").restart()
    assert driver.nodes() == []
    driver.error("inc", "two").restart()
    assert driver.input("undone") == (1, 2)
    assert driver.result("undone").failure().message == "one"


def test_a_call_that_waits_goes_along_with_what_is_around_it() -> None:
    """Its child keeps its own definition, and the op's id, of which the child's is made (B045)."""
    driver = Driver(sequence(first, call("child"))).start(1).result("first", 1)
    before = [op.id for op in driver.commands()]
    driver.upgrade(sequence(inc, first, call("child"), third)).restart()
    assert [op.id for op in driver.commands()] == before
    assert driver.child(before[0], 5).result("third", 6).value() == 6


def test_a_call_of_another_flow_is_another_call() -> None:
    """Its child has begun, and what it gives is the old flow's (B045)."""
    driver = Driver(sequence(call("child"), first)).start(1)
    where, why = why_not(driver, sequence(call("other"), first))
    told = "(it waits for a run of 'child', and the new flow calls 'other' here)"
    assert (where, why) == ("./0", f"the new flow has no such step {told}")
    labelled = Driver(call("child").named("x") >> first).start(1)
    other = call("other").named("x") >> first
    assert why_not(labelled, other)[1].startswith("it waits for a run of 'child'")
    detached: Flow[Any, Any] = call("child", detached=True).named("x") >> first
    assert why_not(labelled, detached)[1] == "it was an awaited call and is a detached one now"


def test_a_call_that_is_cancelled_goes_along() -> None:
    """Its child may take days to undo what it did, and the run is moved meanwhile (B045)."""
    driver = Driver(parallel(call("child"), first) >> third).start(1).error("first")
    (op,) = driver.commands()
    assert isinstance(op, CallOp)
    assert op.stopping
    driver.upgrade(parallel(call("child"), first) >> second >> third)
    assert driver.restart().child_cancelled(op.id).failure().position == "./0/1"


def test_a_section_that_is_held_changes_inside_for_who_waits_too() -> None:
    """The holder goes on where it stands, the next one runs the new body (B045)."""
    driver = Driver(parallel(*[critical("desk", sequence(first, second))] * 2)).start(1)
    driver.result("first", 2)
    driver.upgrade(parallel(*[critical("desk", sequence(first, second, third))] * 2)).restart()
    assert [op.id for op in driver.commands()] == ["./0/body/1"]
    driver.result("second", 3).result("third", 4)
    assert [op.id for op in driver.commands()] == ["./1/body/0"]
    driver.result("first", 5).result("second", 6)
    assert driver.result("third", 7).value() == (4, 7)


def test_a_section_of_another_name_is_another_section() -> None:
    """Those of the old one would be at work at the same time (B045)."""
    driver = Driver(critical("desk", first)).start(1)
    where, why = why_not(driver, critical("door", first))
    told = "this critical isn't the one of before: its name was 'desk' and is 'door' now"
    assert (where, why) == (".", told)
    assert why_not(driver, sequence(first))[1] == "it was a critical and is a node now"


def test_a_kept_answer_needs_what_a_body_said_it_asks() -> None:
    """As it needs a question (B045)."""

    async def talk(x: int) -> int:
        return x

    def body(*tags: str) -> Flow[Any, Any]:
        asks = dict.fromkeys(tags, Any)
        return suspend("a") >> flow("talk", asks=asks, registry=Registry())(talk)

    driver = Driver(body("b", "c")).start(1).early("b", 2)
    assert "an answer is kept for 'b'" in why_not(driver, body("c") >> first)[1]
    driver.upgrade(body("b") >> first)
