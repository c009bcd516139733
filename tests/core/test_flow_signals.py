"""``receive``: signals are taken once, in their order, kept until then, and never overruled."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import receive
from everflow.core.combine.control import try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import sequence
from everflow.core.ops import ReceiveOp
from everflow.core.state import Cancelled
from everflow.errors import JournalMismatch, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, rescue

HOUR = timedelta(hours=1)


def waiting(driver: Driver) -> list[str]:
    return [op.id for op in driver.commands() if isinstance(op, ReceiveOp)]


def test_a_signal_is_what_the_run_waited_for() -> None:
    """Its value is the value out; any plain value is one."""
    driver = Driver(receive("go")).start(1)
    assert waiting(driver) == ["."]
    assert driver.restart().signal("go", None).value() is None


def test_signals_are_kept_in_their_order() -> None:
    """Those of other names stay where they are, and each is taken once."""
    flow = sequence(first, receive("a").keep(), receive("b").keep(), receive("a").keep())
    driver = Driver(flow).start(0).signal("a", 1).signal("b", 2).signal("b", 3).restart()
    driver.result("first", 0).signal("a", 4)
    assert driver.value() == (((0, 1), 2), 4)


def test_who_waits_longest_is_served_first() -> None:
    """Two that wait for one name get one each."""
    driver = Driver(parallel(receive("a"), receive("a"))).start(1)
    driver.signal("a", 1)
    assert waiting(driver) == ["./1"]
    assert driver.restart().signal("a", 2).value() == (1, 2)


def test_a_deadline_gives_the_default_or_raises() -> None:
    """What comes afterwards is kept for the next one (B053)."""
    driver = Driver(receive("a", int, within=HOUR, default=7) >> receive("a")).start(1).fire()
    assert driver.signal("a", 8).value() == 8
    driver = Driver(receive("a", int, within=HOUR)).start(1).signal("a", 5)
    assert driver.value() == 5
    driver = Driver(try_catch(receive("a", within=HOUR), rescue)).start(1).fire().run()
    assert driver.value() == ["DeadlineExpired", 1]
    with pytest.raises(WrongArgument, match="within"):
        receive("a", default=3)


@pytest.mark.parametrize("within", [None, HOUR])
def test_a_cancel_ends_the_waiting(within: Any) -> None:
    """Nothing has to be stopped, and what was kept is gone (B064)."""
    flow = parallel(receive("a", within=within), first)
    driver = Driver(flow).start(1).signal("b", 1).cancel()
    assert not waiting(driver)
    assert not driver.machine.state.signals
    assert driver.stopped("first").outcome == Cancelled()
    with pytest.raises(JournalMismatch):
        driver.signal("a", 1)
