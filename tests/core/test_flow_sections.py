"""One at a time: critical."""

from typing import Any

import pytest

from everflow.core.algebra import const, flow, receive, suspend
from everflow.core.combine.choice import loop
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.each import each
from everflow.core.combine.parallel import parallel
from everflow.core.combine.racing import race
from everflow.core.combine.saga import saga
from everflow.core.combine.sections import critical
from everflow.core.combine.sequence import identity, sequence
from everflow.core.drawing.outline import outline
from everflow.core.state import Cancelled
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, inc, rescue, second, third


def going(driver: Driver) -> list[str]:
    """The ops of nodes that go on."""
    return [op.id for op in driver.nodes()]


def test_one_goes_on_and_the_others_wait_in_order() -> None:
    """In the order in which they came; the section is free as soon as one has ended."""
    flow = parallel(critical("a", first), critical("a", second), critical("a", third))
    driver = Driver(flow).start(1)
    assert going(driver) == ["./0/body"]
    driver.result("first", 1)
    assert going(driver) == ["./1/body"]
    driver.restart().result("second", 2).result("third", 3)
    assert driver.value() == (1, 2, 3)
    assert not driver.machine.state.sections


def test_sections_of_other_names_know_nothing_of_each_other() -> None:
    """And what is outside of any waits for none."""
    driver = Driver(parallel(critical("a", first), critical("b", second), third)).start(1)
    assert going(driver) == ["./0/body", "./1/body", "./2"]


def test_who_waits_keeps_its_input() -> None:
    """It is given once it is its turn, though much was recorded meanwhile."""
    driver = Driver(parallel(critical("a", first), sequence(inc, critical("a", second)))).start(1)
    driver.result("inc", [2]).restart().result("first", 1)
    assert driver.input("second") == [2]


def test_an_error_makes_room() -> None:
    """For the next, if the error isn't what cancels that."""
    flow = parallel(critical("a", first), critical("a", second), join="settled")
    driver = Driver(flow).start(1).error("first")
    assert going(driver) == ["./1/body"]
    driver = Driver(parallel(critical("a", first), critical("a", second))).start(1)
    assert driver.error("first", "broken").failure().message == "broken"
    driver = Driver(retry(2, critical("a", first))).start(1).error("first").result("first", 3)
    assert driver.value() == 3


def test_a_body_without_the_world_holds_it_for_no_time() -> None:
    """Any number in one entry, however each of them ends."""
    assert Driver(parallel(*[critical("a", identity)] * 3)).start(1).value() == (1, 1, 1)
    driver = Driver(race(critical("a", const(1)), critical("a", first))).start(1)
    assert (driver.value(), driver.machine.opened) == (1, [])
    assert Driver(each(critical("a", inc))).start([1, 2, 3]).run().value() == [2, 3, 4]


def test_a_cancelled_holder_makes_room_once_its_nodes_are_stopped() -> None:
    """Not before: two nodes of one section would be at work at the same time."""
    flow = parallel(race(critical("a", first), suspend("stop")), critical("a", second))
    driver = Driver(flow).start(1).answer("stop", "stopped")
    assert driver.stopping() == ["./0/0/body"]
    driver.restart().stopped("first")
    assert going(driver) == ["./1/body"]
    assert driver.result("second", 2).value() == ("stopped", 2)


def test_a_cancelled_holder_makes_room_once_it_is_undone() -> None:
    """The undo is part of what goes on in the section."""
    held = critical("a", saga((first, third), suspend("more")))
    flow = parallel(race(held, suspend("stop")), critical("a", second))
    driver = Driver(flow).start(1).result("first", 1).answer("stop", "stopped")
    assert going(driver) == ["./0/0/body!1/undo 0"]
    driver.restart().result("third", None)
    assert going(driver) == ["./1/body"]


def test_what_has_nothing_to_stop_makes_room_at_once() -> None:
    """A question is closed by the cancel itself."""
    flow = parallel(race(critical("a", suspend("x")), suspend("stop")), critical("a", second))
    driver = Driver(flow).start(1).answer("stop", "stopped")
    assert going(driver) == ["./1/body"]


def test_who_waits_can_be_cancelled() -> None:
    """It leaves the line, and the one behind it moves up."""
    waits = race(critical("a", second), suspend("stop"))
    driver = Driver(parallel(critical("a", first), waits, critical("a", third))).start(1)
    driver.answer("stop", "stopped").result("first", 1)
    assert going(driver) == ["./2/body"]
    assert driver.result("third", 3).value() == (1, "stopped", 3)


def test_a_cancel_of_all_closes_holders_and_those_who_wait() -> None:
    """The run is cancelled once the holder's node is stopped; a second cancel changes nothing."""
    flow = parallel(critical("a", critical("b", first)), critical("a", second))
    driver = Driver(flow).start(1).cancel().cancel()
    assert driver.stopping() == ["./0/body/body"]
    assert driver.stopped("first").outcome == Cancelled()


def test_an_extent_that_is_being_closed_can_be_cancelled_from_further_out() -> None:
    """Whoever cancelled last waits for it."""
    inner = race(critical("a", first), suspend("stop"))
    driver = Driver(parallel(inner, second)).start(1).answer("stop", 0).error("second", "outer")
    assert driver.stopped("first").failure().message == "outer"
    driver = Driver(parallel(inner, second)).start(1).error("second", "outer")
    assert driver.error("first", "own").failure().message == "own"
    caught = parallel(try_catch(critical("a", first), rescue), second)
    driver = Driver(caught).start(1).error("second", "outer")
    assert driver.error("first", "own").failure().others == ()


def test_the_next_may_fail_while_others_are_being_closed() -> None:
    """The end of one holder begins the next at once, which cancels all around both."""
    two = parallel(critical("a", suspend("x")), critical("b", suspend("y")))
    fails = sequence(critical("a", sequence(const(1), lost)))
    flow = parallel(race(two, suspend("stop")), fails)
    driver = Driver(flow).start(1).answer("stop", 0).run()
    assert driver.failure().type == "KeyError"
    assert not driver.machine.state.sections


def lost(value: Any) -> Any:
    raise KeyError(value)


def test_ticks_of_what_is_being_stopped_are_charged_once() -> None:
    """The budget whose end it was isn't ended again."""
    driver = Driver(timeout(1, critical("a", parallel(first, second)))).start(1)
    driver.result("first", 1, ticks=2)
    assert driver.stopping() == ["./body/body/1"]
    assert driver.result("second", 1, ticks=2).failure().code == "flow_timeout"


def test_what_would_wait_for_ever_fails() -> None:
    """Of two that nest sections in different orders the second one is told so, and makes room."""
    one = critical("a", sequence(first, critical("b", third)))
    two = critical("b", sequence(second, critical("a", third)))
    driver = Driver(parallel(one, two, join="settled")).start(1).result("first", 1)
    assert going(driver) == ["./1/body/0"]
    driver.result("second", 2)
    assert going(driver) == ["./0/body/1/body"]
    good, bad = driver.result("third", 3).value()
    assert (good.value, bad.error.code) == (3, "deadlock")


def test_waiting_within_a_section_is_no_deadlock() -> None:
    """Only a circle is: here the holder goes on by itself."""
    one = critical("a", parallel(critical("c", first), critical("c", second)))
    two = critical("b", sequence(third, critical("a", identity)))
    driver = Driver(parallel(one, two)).start(1).result("third", 3)
    assert driver.result("first", 1).result("second", 2).value() == ((1, 2), 3)


def test_a_longer_circle_is_found() -> None:
    """Three sections, each held by what waits for the next."""
    a = critical("a", sequence(first, critical("b", identity)))
    b = critical("b", sequence(second, critical("c", identity)))
    c = critical("c", sequence(third, critical("a", identity)))
    driver = Driver(parallel(a, b, c, join="settled")).start(1)
    for name in ("first", "second", "third"):
        driver.result(name, name)
    assert [end.ok for end in driver.value()] == [True, True, False]


def test_sections_in_themselves_are_refused() -> None:
    """When the flow is built; names are those of labels."""
    with pytest.raises(WrongArgument, match="would wait for itself"):
        critical("a", sequence(first, parallel(second, critical("a", third))))
    with pytest.raises(WrongArgument, match="section's name"):
        critical("", first)


def test_a_section_in_a_loop_is_left_each_round() -> None:
    """Others come in between."""
    rounds = loop(critical("a", suspend("go")), until=identity)
    driver = Driver(parallel(rounds, critical("a", first))).start(1).answer("go", False)
    assert going(driver) == ["./1/body"]
    driver.result("first", 1).answer("go", True)
    assert driver.value() == (True, 1)


def test_a_section_is_drawn() -> None:
    """With who waits for its turn."""
    body = flow("desk", parallel(critical("a", first), critical("a", receive("x"))))
    driver = Driver(body).start(1)
    text = outline(driver.program, driver.machine.state)
    assert "critical 'a'" in text
    assert "for its turn" in text


def test_a_changed_flow_takes_the_line_along() -> None:
    """Frames at a section are known again by its name."""
    desk = parallel(critical("a", first), critical("a", second))
    driver = Driver(sequence(inc, desk)).start(1).result("inc", 2)
    driver.upgrade(sequence(desk, third)).result("first", 1).result("second", 2)
    assert driver.input("third") == (1, 2)


def test_what_is_stopped_in_a_section_may_raise() -> None:
    """The first error of its own is the extent's; it makes room after the last."""
    driver = Driver(parallel(critical("a", parallel(first, second)), third)).start(1)
    driver.error("third", "outer").error("second", "one").error("first", "other")
    assert driver.failure().message == "one"


def test_a_changed_body_is_taken_by_who_waits() -> None:
    """The section stays what it is."""
    one, two = sequence(first, inc), sequence(second, inc)
    driver = Driver(parallel(critical("a", one), critical("a", two))).start(1)
    longer = sequence(second, inc, third)
    driver.upgrade(parallel(critical("a", one), critical("a", longer)))
    driver.result("first", 1).result("inc", 2).result("second", 3).result("inc", 4)
    assert driver.result("third", 5).value() == (2, 5)
