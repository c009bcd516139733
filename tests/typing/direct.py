"""Direct style as mypy sees it; nothing here is run.

What must be accepted is assigned by ``assert_type``; what must be refused bears an ignore, which
mypy itself reports as unused once it is accepted.
"""

from datetime import datetime
from typing import Any, assert_type
from uuid import UUID

from everflow import (
    Flow,
    Node,
    NodeRun,
    ask,
    flow,
    node,
    now,
    parallel,
    perform,
    random,
    retry,
    step,
    uuid,
)


class Order:
    """What is ordered."""


class Parcel:
    """What is sent."""


def pack(order: Order, note: str = "", *, heavy: bool = False) -> Parcel:
    """Pack."""
    return Parcel()


async def weigh(parcel: Parcel) -> float:
    """Weigh."""
    return 1.0


@node
def send(parcel: Parcel, run: NodeRun) -> str:
    """Send."""
    return run.id


def nothing() -> int:
    """Count nothing."""
    return 0


@flow
async def deliver(order: Order) -> str:
    """A flow of one function."""
    parcel = assert_type(await step(pack, order, "careful", heavy=True), Parcel)
    assert_type(await step(weigh, parcel), float)
    assert_type(await step(nothing), int)
    assert_type(await ask("ok", bool, value=parcel), bool)
    assert_type(await parallel(step(weigh, parcel), step(nothing)), tuple[float, int])
    assert_type(await step(retry(2, send), parcel), str)
    assert_type(await now(), datetime)
    assert_type(await random(), float)
    assert_type(await uuid(), UUID)
    await step(pack, parcel)  # type: ignore[call-overload]  # a parcel is no order
    await step(pack, order, weight=3)  # type: ignore[call-arg,arg-type]  # no such parameter
    return await step(send, parcel)


@flow("deliver plainly")
def plainly(order: Order) -> str:
    """The same without async."""
    parcel = assert_type(perform(step(pack, order)), Parcel)
    return perform(step(send, parcel))


@flow(name="deliver nothing")
async def idle() -> int:
    """A body that ignores its input."""
    return await step(nothing)


@flow
async def around(order: Order) -> str:
    """A body that awaits another."""
    return assert_type(await step(deliver, order), str)


assert_type(deliver, Flow[Order, str])
assert_type(plainly, Flow[Order, str])
assert_type(idle, Flow[Any, int])
assert_type(deliver >> nothing, Flow[Order, int])
assert_type(send, Node[Parcel, str])
