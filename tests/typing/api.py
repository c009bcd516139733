"""The algebra as mypy sees it; nothing here is run.

What must be accepted is assigned by ``assert_type``; what must be refused bears an ignore, which
mypy itself reports as unused once it is accepted.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from everflow.core.algebra import ask, call, const, expose, flow, receive, suspend, upcast, value
from everflow.core.combine.cached import cached
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import Backoff, exponential, fixed, retry, timeout, try_catch
from everflow.core.combine.dag import After, after, dag
from everflow.core.combine.each import each
from everflow.core.combine.fallback import fallback
from everflow.core.combine.joins import at_least, tolerate
from everflow.core.combine.parallel import gather, parallel
from everflow.core.combine.racing import race
from everflow.core.combine.remote import remote_failover, remote_node
from everflow.core.combine.saga import saga
from everflow.core.combine.sections import critical
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.expressions import It, it
from everflow.core.faults import Caught, Failure, Question, Settled
from everflow.core.flow import Flow, Keeping
from everflow.core.node import Node, bind, node
from everflow.core.signature import need
from everflow.core.writes import Writes
from everflow.engine.schedules.spec import Schedule, schedule


class Brief:
    """What is ordered."""


class Draft:
    """What is written."""


class LongDraft(Draft):
    """More of it."""


@dataclass
class Report:
    """What two readers say."""

    length: int
    title: str


def write(brief: Brief) -> Draft:
    """Write."""
    return Draft()


def write_long(brief: Brief) -> LongDraft:
    """Write more."""
    return LongDraft()


def count(draft: Draft) -> int:
    """Count."""
    return 1


def title(draft: Draft) -> str:
    """Name."""
    return "x"


def improve(draft: Draft) -> Draft:
    """Improve."""
    return draft


def is_long(number: int) -> bool:
    """Judge."""
    return number > 1


def today() -> int:
    """A thunk."""
    return 1


def publish(draft: Draft, run: object, *, channel: str = "web") -> str:
    """A node with more than its value."""
    return channel


def longest(numbers: list[int]) -> str:
    """What follows a partial join."""
    return str(max(numbers))


async def fetch(draft: Draft) -> bytes:
    """An async node."""
    return b""


def mail(question: Question[Draft]) -> None:
    """A notifier."""


def note(caught: Caught[Draft]) -> str:
    """What catches."""
    return caught.error.message


def undo_write(pair: tuple[Brief, Draft]) -> None:
    """An undo."""


def tell(result: tuple[Draft, bool]) -> str:
    """What comes after a question."""
    return str(result[1])


# --- nodes

assert_type(node(write), Node[Brief, Draft])
assert_type(node(today), Node[Any, int])
assert_type(node(fetch), Node[Draft, bytes])
assert_type(node(publish), Node[Draft, str])
assert_type(node(write, retry=3), Node[Brief, Draft])
assert_type(node(name="w")(write), Node[Brief, Draft])
assert_type(node(fetch, name="f"), Node[Draft, bytes])
node(3)  # type: ignore[call-overload]  # a number is no function

assert_type(bind(publish, channel="mail"), Node[Draft, str])
assert_type(bind(node(publish), channel="mail"), Node[Draft, str])
assert_type(node(write)(Brief()), Draft)

# --- one after the other

assert_type(node(write) >> count, Flow[Brief, int])
assert_type(write >> node(count), Flow[Brief, int])
assert_type(node(write) >> count >> is_long, Flow[Brief, bool])
assert_type(node(write) >> fetch, Flow[Brief, bytes])
assert_type(node(write) >> today, Flow[Brief, int])
assert_type(node(write) >> publish, Flow[Brief, str])
assert_type(node(write_long) >> count, Flow[Brief, int])
assert_type(node(write_long) >> node(count), Flow[Brief, int])
assert_type(sequence(write, count), Flow[Brief, int])
assert_type(sequence(write, node(improve), count, is_long), Flow[Brief, bool])
assert_type(sequence(), Flow[Any, Any])
assert_type(node(write) >> identity, Flow[Brief, Any])
node(write) >> is_long  # type: ignore[operator]  # a Draft is no int
write >> node(is_long)  # type: ignore[operator]  # nor from the left
sequence(write, is_long)  # type: ignore[misc]  # nor in a sequence
write >> count  # type: ignore[operator]  # two plain functions have no >>
node(write) >> 3  # type: ignore[operator]  # a number is no flow

# --- one of several

assert_type(branch(it["x"] > 1, count, title), Flow[Draft, int | str])
assert_type(branch(node(count) >> is_long, improve, improve), Flow[Draft, Draft])
assert_type(choose(title, {"a": count, "b": count}), Flow[Draft, int])
assert_type(choose(title, {"a": count, "b": node(title)}), Flow[Draft, Any])
assert_type(loop(improve, until=node(count) >> is_long), Flow[Draft, Draft])
assert_type(unless_failed(count), Flow[Draft | Failure, int | Failure])
assert_type(it["a"] & (it["b"] >= 3), It)
node(write) >> branch(is_long, improve, improve)  # type: ignore[arg-type]  # the predicate gets the same input
loop(count, until=is_long)  # type: ignore[misc]  # a state is of one type

assert_type(loop(improve, until=node(count) >> is_long, most=5), Flow[Draft, Draft])

# --- over lists

assert_type(each(count), Flow[list[Draft], list[int]])
assert_type(each(node(write) >> count, limit=3), Flow[list[Brief], list[int]])
assert_type(each(count, join="settled"), Flow[list[Draft], list[Settled[int]]])
assert_type(each(count, join=tolerate(1)), Flow[list[Draft], list[Settled[int]]])
assert_type(each(count, join=at_least(1)), Flow[list[Draft], list[int]])
assert_type(each(count, join="first"), Flow[list[Draft], int])
assert_type(each(count) >> longest, Flow[list[Draft], str])
node(write) >> each(count)  # type: ignore[operator]  # a Draft is no list
each(count, join="most")  # type: ignore[call-overload]  # there is no such join

# --- by content

assert_type(cached(count), Flow[Draft, int])
assert_type(cached(sequence(count, is_long), version="2"), Flow[Draft, bool])
assert_type(dag(a=count, cached=False), Flow[Draft, dict[str, Any]])
cached(count, version=2)  # type: ignore[arg-type]  # a version is a text

# --- by named dependencies

assert_type(dag(a=count, b=after("a", is_long)), Flow[Draft, dict[str, Any]])
assert_type(dag(a=count, b=after("a", is_long), give="b"), Flow[Draft, Any])
assert_type(after("a", "b", count), After[int])
after("a", "b")  # type: ignore[call-overload]  # it needs a flow

# --- at the same time

assert_type(parallel(count, title), Flow[Draft, tuple[int, str]])
assert_type(parallel(count, node(title), improve), Flow[Draft, tuple[int, str, Draft]])
assert_type(parallel(count, title, join="settled"), Flow[Draft, tuple[Settled[int], Settled[str]]])
assert_type(parallel(a=count, b=title), Flow[Draft, dict[str, Any]])
assert_type(parallel(*[count, count]), Flow[Draft, tuple[int, ...]])
assert_type(gather(Report, length=count, title=title), Flow[Draft, Report])
assert_type(node(write) >> parallel(count, title), Flow[Brief, tuple[int, str]])
node(write) >> parallel(count, is_long)  # type: ignore[arg-type]  # the same input goes to both
parallel(count, join="most")  # type: ignore[call-overload]  # there is no such join

assert_type(parallel(count, title, join="first"), Flow[Draft, int | str])
assert_type(parallel(count, title, join=at_least(1)), Flow[Draft, list[int | str]])
assert_type(parallel(count, count, count, count, join=at_least(2)), Flow[Draft, list[int]])
assert_type(parallel(count, count, join=at_least(1, then=longest)), Flow[Draft, str])
assert_type(
    parallel(count, title, join=tolerate(1)), Flow[Draft, tuple[Settled[int], Settled[str]]]
)
assert_type(parallel(a=count, b=title, join=tolerate(share=0.5)), Flow[Draft, dict[str, Any]])
parallel(title, title, join=at_least(1, then=longest))  # type: ignore[arg-type]  # it takes numbers
assert_type(critical("press", count), Flow[Draft, int])
assert_type(race(count, title), Flow[Draft, int | str])
assert_type(race(count, count, count, count), Flow[Draft, int])
assert_type(race(a=count, b=count), Flow[Draft, tuple[str, int]])
node(write) >> race(count, is_long)  # type: ignore[arg-type]  # the same input goes to both

# --- when things go wrong

assert_type(try_catch(count, note), Flow[Draft, int | str])
assert_type(retry(3, count, backoff=exponential(1)), Flow[Draft, int])
assert_type(retry(3, count, on=ValueError), Flow[Draft, int])
assert_type(timeout(5, count), Flow[Draft, int])
assert_type(timeout(timedelta(seconds=1), node(write) >> count), Flow[Brief, int])
try_catch(is_long, note)  # type: ignore[misc]  # it would catch with a Draft
assert_type(saga((write, undo_write), count), Flow[Brief, int])
assert_type(saga(node(write), (node(count), today)), Flow[Brief, int])
assert_type(saga(write, improve, (count, today), is_long), Flow[Brief, bool])
saga((write, tell), count)  # type: ignore[misc]  # an undo gets (input, output)
timeout(1.5, count)  # type: ignore[arg-type]  # seconds or ticks?

# --- waiting

assert_type(suspend("x"), Flow[Any, Any])
assert_type(suspend("x", int), Flow[Any, int])
assert_type(call("other"), Flow[Any, Any])
assert_type(expose(count, "count"), Flow[Draft, int])
assert_type(remote_node("east", "other"), Flow[Any, Any])
assert_type(remote_node("east", flow("other", count)), Flow[Draft, int])
assert_type(remote_failover(["east"], flow("other", count)), Flow[Draft, int])
assert_type(call(flow("other", count)), Flow[Draft, int])
assert_type(call(flow("other", count), detached=True), Flow[Draft, str])
node(count) >> call(flow("other", count))  # type: ignore[arg-type]  # it takes a Draft
assert_type(remote_node("peer", "other"), Flow[Any, Any])
assert_type(remote_node("peer", flow("other", count)), Flow[Draft, int])
assert_type(remote_failover(["a", "b"], flow("other", count)), Flow[Draft, int])
assert_type(remote_failover(["a"], flow("other", count), improve), Flow[Draft, int | Draft])
assert_type(fallback(count, improve), Flow[Draft, int | Draft])
assert_type(fallback(count, on=ValueError), Flow[Draft, int])
assert_type(receive("x"), Flow[Any, Any])
assert_type(receive("x", int, within=timedelta(days=1), default=3), Flow[Any, int])
assert_type(node(write) >> ask("ok", bool, notify=mail), Flow[Brief, tuple[Draft, bool]])
assert_type(ask("ok", bool | None), Keeping[Any])
assert_type(suspend("x", int | None), Flow[Any, Any])
assert_type(node(write) >> ask("ok", bool) >> tell, Flow[Brief, str])
node(write) >> ask("ok", int) >> tell  # type: ignore[operator]  # the answer is an int
ask("ok", bool, notify=count)  # type: ignore[arg-type]  # it gets a Question

# --- and the rest

assert_type(node(write).keep(), Flow[Brief, tuple[Brief, Draft]])
assert_type(keep(write), Flow[Brief, tuple[Brief, Draft]])
assert_type(const(3), Flow[Any, int])
assert_type(node(write).named("w"), Node[Brief, Draft])
assert_type(flow("f", node(write) >> count), Flow[Brief, int])
assert_type(flow("g", write), Flow[Brief, Draft])


@value
class Plain:
    """A value type as it is."""


@value(version=2, was="Old")
class Changed:
    """A value type that changed."""


@upcast(Changed, 1)
def changed(fields: dict[str, Any]) -> dict[str, Any]:
    """An upcast stays the function that it is."""
    return fields


assert_type(Plain(), Plain)
assert_type(Changed(), Changed)
assert_type(changed({}), dict[str, Any])
upcast("Gone", "1")  # type: ignore[arg-type]  # a version is a number

assert_type(schedule("n", "@daily", flow("c", const(3)), None, queue="mails", lane="a"), Schedule)
assert_type(schedule("n", "@daily", flow("e", const(3), queue="mails"), queue=None), Schedule)
assert_type(sleep(3), Flow[Any, Any])
assert_type(fixed(timedelta(seconds=1)), Backoff)
schedule("n", "@daily", flow("c", const(3)), lane=3)  # type: ignore[call-overload]  # lanes are texts


def pay(brief: Brief, *, writes: Writes = need(Writes)) -> Draft:
    """A node that writes with its result has its result's type."""
    writes.execute("INSERT INTO ledger VALUES ($1, $2)", brief, 3)
    writes.start(flow("told", count), Draft(), key="k", labels={"of": "a"})
    writes.start(flow("told", count), Draft(), queue="mails", lane="ann", priority=1)
    writes.execute(3)  # type: ignore[arg-type]  # a statement is a text
    return Draft()


assert_type(node(pay), Node[Brief, Draft])
assert_type(flow("p", node(pay) >> count), Flow[Brief, int])
