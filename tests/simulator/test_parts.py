"""The simulator's parts: the store that fails, and the reference that says what it can't know."""

import asyncio
from typing import Any

import pytest

from everflow import Registry, flow, need, node, parallel, sequence, suspend, timeout
from everflow.core.entries import Entry, Kind
from everflow.core.program import Program
from everflow.errors import StoreUnavailable, WrongArgument
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.ends import Raised, Undecided
from everflow.testing.simulator.faulty import Died, FaultyStore
from everflow.testing.simulator.plan import Fault
from everflow.testing.simulator.reference import reference


class Nobody:
    """A watcher that doesn't watch."""

    def before(self, verb: str, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """See nothing."""

    def after(self, verb: str, args: tuple[Any, ...], named: dict[str, Any], reply: object) -> None:
        """See nothing."""

    def refused(self, verb: str, args: tuple[Any, ...]) -> None:
        """See nothing."""


def enlist(store: FaultyStore) -> int:
    """Enlist a worker; give how many there are in the store below."""
    store.enlist(host="here", pid=1, at=0)
    return len(store.base.workers())


@pytest.mark.parametrize(("fault", "done"), [(Fault.FAIL, 0), (Fault.LIE, 1)])
def test_a_call_fails_before_or_after_it_is_done(fault: Fault, done: int) -> None:
    """A lie is told after the deed, a failure instead of it; the next call is well again."""
    store = FaultyStore(MemoryStore(), Nobody())
    store.arm(fault, 1)
    with pytest.raises(StoreUnavailable):
        enlist(store)
    assert len(store.base.workers()) == done
    assert enlist(store) == done + 1


@pytest.mark.parametrize(("fault", "done"), [(Fault.DIE_BEFORE, 0), (Fault.DIE_AFTER, 1)])
def test_the_dead_call_no_more(fault: Fault, done: int) -> None:
    """A process dies at a call, before or after it is done, and every later call dies too."""
    store = FaultyStore(MemoryStore(), Nobody())
    store.arm(fault, 1)
    for _ in range(2):
        with pytest.raises(Died):
            enlist(store)
    assert len(store.base.workers()) == done
    assert store.deaths == 1


def test_an_outage_lasts_until_it_is_disarmed() -> None:
    """From that call on every call fails."""
    store = FaultyStore(MemoryStore(), Nobody())
    store.arm(Fault.OUTAGE, 2)
    assert enlist(store) == 1
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            store.workers()
    store.disarm()
    assert enlist(store) == 2


def test_writes_can_be_counted_alone() -> None:
    """Below 0 only calls that write are counted."""
    store = FaultyStore(MemoryStore(), Nobody())
    store.arm(Fault.FAIL, -2)
    enlist(store)
    store.workers()
    with pytest.raises(StoreUnavailable):
        enlist(store)


def test_one_s_own_writes_don_t_change_the_version() -> None:
    """The version tells what others wrote, and no more."""
    base = MemoryStore()
    mine, theirs = FaultyStore(base, Nobody()), FaultyStore(base, Nobody())
    seen = mine.version()
    worker = mine.enlist(host="here", pid=1, at=0)
    mine.retire(worker.id)
    assert mine.version() == seen
    other = theirs.enlist(host="there", pid=2, at=0)
    theirs.retire(other.id)
    assert mine.version() > seen


@node
def double(x: int) -> int:
    return x * 2


@node
def boxed(x: int, *, box: list[str] = need(list)) -> int:
    return x


@node
def unkind(x: int) -> int:
    raise ValueError(x)


@node
async def waiting(x: int) -> int:
    await asyncio.sleep(0)
    return x


@node
def alike(several: dict[str, int]) -> int:
    return several["b"] - several["a"]


def read_off(body: Any, *told: Entry) -> Any:
    """What a flow gives for 3, by a journal of a start and more."""
    registry = Registry()
    program = Program(flow("read-off", body, registry=registry))
    return reference(program, registry.types, [Entry(0, 0, Kind.START, payload="3"), *told])


def test_a_flow_is_read_off() -> None:
    """Answers come from the journal, values from the nodes."""
    answer = Entry(1, 0, Kind.ANSWER, "./1", "4")
    assert read_off(sequence(double, suspend("a"), double), answer) == 8
    with pytest.raises(Undecided, match=r"\./1"):
        read_off(sequence(double, suspend("a"), double))


def test_what_is_named_is_read_off_by_name() -> None:
    """A ``parallel`` of names gives a dict."""
    assert read_off(sequence(parallel(a=double, b=sequence(double, double)), alike)) == 6


def test_what_the_reference_can_t_know_is_said() -> None:
    """Ticks and dependencies are refused; a node's error is the flow's."""
    with pytest.raises(WrongArgument, match="ticks"):
        read_off(timeout(3, double))
    with pytest.raises(WrongArgument, match="wait for the world"):
        read_off(waiting)
    with pytest.raises(WrongArgument, match="dependencies"):
        read_off(boxed)
    with pytest.raises(Raised):
        read_off(sequence(double, unkind))
