"""Generated flows and generated worlds, as Hypothesis strategies.

``flows()`` draws a flow of any combinators over a few plain functions. ``live(data, driver)`` plays
a world: at each step it tells one of the things that could be told just then. Neither knows what is
right: that is for the shadow and for the tests to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from everflow.core.algebra import ask, call, const, fail, receive, suspend
from everflow.core.combine.cached import cached
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import exponential, retry, timeout, try_catch
from everflow.core.combine.dag import after, dag
from everflow.core.combine.each import each
from everflow.core.combine.failure import failed
from everflow.core.combine.fallback import fallback
from everflow.core.combine.joins import at_least, tolerate
from everflow.core.combine.parallel import parallel
from everflow.core.combine.racing import race
from everflow.core.combine.remote import remote_node
from everflow.core.combine.saga import saga
from everflow.core.combine.sections import critical
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.expressions import it
from everflow.core.faults import Failure
from everflow.core.flow import Flow
from everflow.core.node import node
from everflow.core.ops import CallOp, NodeOp, QuestionOp, ReceiveOp, TimerOp
from everflow.core.program import Program
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver

__all__ = ["TAGS", "close", "flows", "live", "values"]

TAGS = ("first", "second")
LONG = "a text that is longer than what a reference carries along " * 2
Tell = Callable[[], object]


def wrap(value: Any) -> list[Any]:
    """A list around the value."""
    return [value]


def kind_of(value: object) -> str:
    """The name of the value's type; it takes failures too."""
    return type(value).__name__


def is_odd(value: object) -> bool:
    """Whether the value is an odd number."""
    return isinstance(value, int) and value % 2 == 1


def raises(value: object) -> object:
    """Always raise."""
    raise ValueError(f"no {type(value).__name__} is welcome")


def always(value: object) -> bool:
    """Give True."""
    return bool([value])


def values() -> st.SearchStrategy[Any]:
    """Results and answers: true and false ones, short and long ones, failures."""
    return st.sampled_from([0, 1, 2, 3, True, False, None, "", "text", [], LONG, Failure("no")])


def _leaves(*, waiting: bool) -> st.SearchStrategy[Flow[Any, Any]]:
    plain: list[Flow[Any, Any]] = [
        *(node(fn) for fn in (wrap, kind_of, is_odd, raises)),
        identity,
        const(7),
        fail("no"),
        failed,
        it == 1,
    ]
    world = [
        suspend(TAGS[0]),
        suspend(TAGS[1], int),
        ask(TAGS[0], bool),
        ask(TAGS[1], int, within=timedelta(days=1)),
        ask(TAGS[0], int, notify=wrap, show=kind_of, within=timedelta(hours=1), default=3),
        ask(TAGS[1], bool, escalate=wrap, within=timedelta(hours=1)),
        sleep(60),
        call(TAGS[0]),
        call(TAGS[1], detached=True),
        remote_node("peer", TAGS[0]),
        receive(TAGS[0]),
        receive(TAGS[1], int, within=timedelta(hours=2), default=5),
    ]
    return st.sampled_from(plain + world if waiting else plain)


def _around(
    inner: st.SearchStrategy[Flow[Any, Any]], *, racing: bool
) -> st.SearchStrategy[Flow[Any, Any]]:
    few = st.lists(inner, max_size=3)
    counts = st.integers(0, 3)
    return st.one_of(
        *(_races(inner) if racing else ()),
        st.builds(lambda flows: sequence(*flows), few),
        st.builds(
            lambda flows, join, ticks: parallel(*flows, join=join, ticks=ticks),
            few,
            st.sampled_from(["all", "settled", tolerate(1), tolerate(share=0.5)]),
            st.sampled_from(["share", "split"]),
        ),
        st.builds(lambda a, b: parallel(left=a, right=b), inner, inner),
        st.builds(branch, inner, inner, inner),
        st.builds(lambda on, a, b: choose(on, {1: a, "text": b}, default=b), inner, inner, inner),
        st.builds(lambda on, a: choose(on, {True: a}), inner, inner),
        st.builds(lambda body: loop(body, until=always), inner),
        st.builds(unless_failed, inner),
        st.builds(
            lambda a, b, c: dag(a=a, b=after("a", b), c=after("input", "b", c)), inner, inner, inner
        ),
        st.builds(
            lambda body, limit, join: each(body, limit=limit, join=join),
            inner,
            st.integers(1, 2),
            st.sampled_from(["all", "settled", tolerate(1)]),
        ),
        st.builds(lambda body: sequence(wrap, parallel(identity, const(7)), each(body)), inner),
        st.builds(cached, inner),
        st.builds(keep, inner),
        st.builds(lambda flows: parallel(*map(_alone, flows)), few),
        st.builds(try_catch, inner, inner),
        st.builds(fallback, inner, inner),
        st.builds(lambda a, b, c: fallback(a, b, c, on="no_match"), inner, inner, inner),
        st.builds(retry, counts, inner),
        st.builds(lambda n, body: retry(n, body, backoff=exponential(0.005)), counts, inner),
        st.builds(lambda do, undo, last: saga((do, undo), last), inner, inner, inner),
        st.builds(lambda a, b, undo: saga(a, (b, undo), raises), inner, inner, inner),
        st.builds(timeout, counts, inner),
        st.builds(lambda body: timeout(timedelta(minutes=5), body), inner),
        st.builds(lambda body: body.named("label"), inner),
    )


def _alone(flow: Flow[Any, Any]) -> Flow[Any, Any]:
    """In a section of one name, where there is none within; of two names some would wait on."""
    try:
        return critical("section", flow)
    except WrongArgument:
        return flow


def _races(inner: st.SearchStrategy[Flow[Any, Any]]) -> list[st.SearchStrategy[Flow[Any, Any]]]:
    """Flows whose end depends on which of their children is the first."""
    some = st.lists(inner, min_size=2, max_size=3)
    early = st.sampled_from(["first", at_least(1), at_least(2)])
    return [
        st.builds(lambda flows: race(*flows), some),
        st.builds(lambda a, b: race(left=a, right=b), inner, inner),
        st.builds(lambda flows, join: parallel(*flows, join=join), some, early),
        st.builds(lambda flows, f: parallel(*flows, join=at_least(1, then=f)), some, inner),
    ]


def flows(*, waiting: bool = True, leaves: int = 12) -> st.SearchStrategy[Flow[Any, Any]]:
    """Any flow. ``waiting=False`` leaves out what needs a world to go on, or to be decided."""

    def around(inner: st.SearchStrategy[Flow[Any, Any]]) -> st.SearchStrategy[Flow[Any, Any]]:
        # At each level, as `cached` and `dag` lay out what they are given.
        return _laid_out(_around(inner, racing=waiting))

    return st.recursive(_leaves(waiting=waiting), around, max_leaves=leaves)


@st.composite
def _laid_out(draw: st.DrawFn, drawn: st.SearchStrategy[Flow[Any, Any]]) -> Flow[Any, Any]:
    """A flow, or ``identity`` for one in which two children of one flow got the same label."""
    flow = draw(drawn)
    try:
        Program(flow)
    except WrongArgument:
        return identity
    return flow


def live(data: st.DataObject, driver: Driver, steps: int) -> Iterator[None]:
    """Tell the driver things that may come, one a step, until the run ends or the steps do."""
    for _ in range(steps):
        if driver.outcome is not None:
            return
        told = list(_possible(data, driver))
        data.draw(st.sampled_from(told), label="told")()
        yield


def close(driver: Driver) -> None:
    """Cancel the run, close everything that is to be stopped, and undo what is to be undone."""
    driver.cancel()
    while driver.outcome is None:
        op = next(op for op in driver.commands() if not (isinstance(op, NodeOp) and op.asking))
        if isinstance(op, TimerOp):
            driver.fire(op.id)
        elif isinstance(op, QuestionOp):
            driver.answer(op.tag, "skip", op.occurrence)
        elif isinstance(op, ReceiveOp):
            driver.signal(op.name, None)
        elif isinstance(op, CallOp):
            driver.child_cancelled(op.id)
        elif op.stopping:
            driver.stopped(op.id)
        else:
            driver.result(op.id, None)


def _possible(data: st.DataObject, driver: Driver) -> Iterator[Tell]:
    value, ticks = data.draw(values()), data.draw(st.sampled_from([0, 0, 0, 1, 2]))
    tag = data.draw(st.sampled_from(TAGS))
    for op in driver.commands():
        if isinstance(op, TimerOp):
            yield partial(driver.fire, op.id)
        elif isinstance(op, CallOp):
            yield partial(driver.child, op.id, value)
            yield partial(driver.child_failed, op.id)
            yield partial(driver.child_cancelled, op.id)
        elif isinstance(op, QuestionOp):
            yield partial(driver.answer, op.tag, value, op.occurrence)
        elif (
            isinstance(op, NodeOp) and op.whole
        ):  # what the host tells of a list isn't anybody's to choose
            yield partial(driver.perform, op.id)
            if op.stopping:
                yield partial(driver.stopped, op.id)
        elif isinstance(op, NodeOp) and not op.asking:
            yield from _ends(driver, op, value, ticks)
            if len(op.answers) < len(TAGS):
                yield partial(driver.wanted, op.id, tag)
    yield partial(driver.early, tag, value)
    yield partial(driver.signal, tag, value)
    if data.draw(st.integers(0, 19)) == 0:
        yield driver.cancel


def _ends(driver: Driver, op: NodeOp, value: Any, ticks: int) -> Iterator[Tell]:
    yield partial(driver.result, op.id, value, ticks=ticks)
    yield partial(driver.error, op.id, ticks=ticks)
    if op.stopping:
        yield partial(driver.stopped, op.id, ticks=ticks)
