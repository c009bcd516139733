"""The part of the golden corpus in direct style: what bodies tell, put into the machine's ears."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from everflow.core.algebra import ask, suspend
from everflow.core.combine.body import body_of
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import sequence
from everflow.core.direct import step, uuid
from everflow.core.flow import Flow
from everflow.testing.driver import Driver
from tests.core.sample_flows import LONG, chat, first, inc, second, talk, third

BODIES: dict[str, tuple[Flow[Any, Any], Callable[[Driver], object]]] = {
    "body": (
        sequence(body_of(talk), third),
        lambda d: (
            d.start(LONG)
            .awaits("talk", step(first, LONG))
            .result("first", LONG)
            .awaits("talk", parallel(step(first, LONG), step(second, x=2)))
            .result("second", 2)
            .result("first", LONG)
            .awaits("talk", step(retry(2, first), 3))
            .error("first")
            .error("first")
            .awaits("talk", uuid())
            .continued("talk", [LONG])
            .awaits("talk", ask("ok", bool, value=LONG))
            .answer("ok", value=True)
            .result("talk", LONG)
            .result("third", 3)
        ),
    ),
    "body_cancelled": (
        try_catch(timeout(timedelta(minutes=1), body_of(talk)), body_of(chat)),
        lambda d: (
            d.start(LONG)
            .awaits("talk", parallel(saga((step(first, LONG), third), suspend("x")), step(inc, 2)))
            .result("first", LONG)
            .fire()
            .stopped("inc")
            .result("third", None)
            .awaits("chat", step(body_of(talk), 1))
            .awaits("talk", sequence())
            .result("talk", LONG)
            .result("chat", LONG)
        ),
    ),
}
