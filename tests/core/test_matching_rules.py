"""What single combinators say of a changed flow while a run stands in them."""

from typing import Any

from everflow.core.algebra import suspend
from everflow.core.combine.cached import cached
from everflow.core.combine.each import each
from everflow.core.combine.joins import tolerate
from everflow.core.combine.parallel import parallel
from everflow.core.combine.racing import race
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import sequence
from everflow.core.flow import Flow
from everflow.core.matching import Fit, Matching
from everflow.core.program import Program
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, inc, second, third


def undone(pair: Any) -> Any:
    return pair


def why_not(driver: Driver, flow: Flow[Any, Any]) -> tuple[str, str]:
    """Where and why the run can't be moved."""
    verdict = Matching(driver.machine.program, Program(flow)).judge(driver.machine.state)
    assert verdict.fit is Fit.CANNOT
    return verdict.position, verdict.reason


def test_a_cached_body_changes_inside_and_is_kept_under_the_key_of_before() -> None:
    """The look-up is past; what the new body gives is filled in all the same."""
    driver = Driver(cached(sequence(first, second))).start(1).perform("./@cache")
    driver.result("first", 2).upgrade(cached(sequence(first, second, third)))
    driver.restart().result("second", 3).result("third", 4).perform("./@fill")
    assert driver.value() == 4
    assert list(driver.cache.values()) == ["4"]


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
