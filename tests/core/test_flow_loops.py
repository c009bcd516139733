"""The ceiling of loops."""

import pytest

from everflow.core.combine.choice import MOST, loop
from everflow.core.combine.control import try_catch
from everflow.core.definition import Definition
from everflow.core.expressions import it
from everflow.core.program import Program
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, inc, positive, rescue


def test_a_loop_without_end_is_ended() -> None:
    """After its most rounds it is an error of the flow, which can be caught."""
    endless = loop(inc, until=it < 0, most=3)
    failure = Driver(endless).start(1).run().failure()
    assert (failure.code, failure.position) == ("loop_too_long", ".")
    assert "3 rounds" in failure.message
    assert Driver(try_catch(endless, rescue)).start(1).run().value() == ["LoopTooLong", 1]


def test_the_last_round_may_still_end_it() -> None:
    """Its most rounds are allowed."""
    assert Driver(loop(inc, until=it == 4, most=3)).start(1).run().value() == 4
    assert Driver(loop(inc, until=positive, most=1)).start(1).run().value() == 2


def test_a_raised_ceiling_moves_to_running_runs() -> None:
    """It is a setting, and one that isn't set is none."""
    driver = Driver(loop(first, until=it < 0, most=1)).start(1)
    driver.move(loop(first, until=it < 0, most=2)).result("first", 5).perform(".~1/until")
    assert driver.op("first").id == ".~2/body"
    plain, same = (Definition(Program(loop(inc, until=it, most=most))) for most in (MOST, MOST))
    assert plain.hash == same.hash
    assert '"most"' not in plain.body


def test_ceilings_that_make_no_sense_are_refused() -> None:
    """When the flow is built."""
    for most in (0, -1, True, 2.5):
        with pytest.raises(WrongArgument, match="rounds from 1 up"):
            loop(inc, until=it, most=most)  # type: ignore[arg-type]  # a whole number
