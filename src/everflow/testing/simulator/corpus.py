"""Flows to simulate: a corpus of small ones, and any number drawn from a seed.

All of them take a number and give one, and never a smaller one, so that any of them may stand in
any place, loops included. Their nodes are functions of input and attempt alone.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from everflow.core.algebra import ask, const, fail, flow, suspend
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import exponential, retry, timeout, try_catch
from everflow.core.combine.failure import failed
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import identity, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.faults import Caught, Failure, Settled
from everflow.core.flow import Flow
from everflow.core.node import node
from everflow.core.registry import Registry
from everflow.engine.noderun import NodeRun, tick, wait_for
from everflow.testing.simulator.subjects import Subject

__all__ = ["corpus", "generated"]

ENOUGH = 40
PATIENT = 3  # attempts
ANSWERS = range(10)
BY_THEIR_OWN = frozenset({"inquiring", "ticking"})  # what the reference can't read off


@node(inline=True)
def up(x: int) -> int:
    """One more, in place."""
    return x + 1


@node(pure=True)
def more(x: int) -> int:
    """Seven more, purely."""
    return x + 7


@node
def thrice(x: int) -> int:
    """Three times as many, on a thread."""
    return x * 3


@node
async def away(x: int) -> int:
    """Two more, on a loop."""
    return x + 2


@node
def shaky(x: int, run: NodeRun) -> int:
    """Raise but at the third attempt."""
    if run.attempt < PATIENT:
        raise ConnectionError(f"attempt {run.attempt} of {PATIENT}")
    return x + 3


@node(inline=True)
def firm(x: int, run: NodeRun) -> int:
    """Raise at the first attempt, in place."""
    if run.attempt == 1:
        raise ConnectionError("the first attempt")
    return x + 4


@node
def broken(x: int) -> int:
    """Raise."""
    raise ValueError(f"{x} is never right")


@node(inline=True)
def rescue(caught: Caught[int]) -> int:
    """A hundred more than what had gone in."""
    return caught.value + 100


@node(pure=True)
def enough(x: int) -> bool:
    """Whether it is time to leave a loop."""
    return x >= ENOUGH


@node(inline=True)
def total(xs: tuple[int, ...]) -> int:
    """The sum."""
    return sum(xs)


@node(pure=True)
def kept(pair: tuple[int, int]) -> int:
    """The value and its answer, as one number."""
    return pair[0] * 10 + pair[1]


@node(inline=True)
def unspelled(pair: tuple[str, int]) -> int:
    """What a long text and its answer come to."""
    return read(pair[0]) + pair[1]


@node(pure=True)
def first_kept(pair: tuple[str, int]) -> int:
    """The number that was read, of (text, number)."""
    return pair[1]


@node
def counted(ends: tuple[Settled[int], ...]) -> int:
    """The sum of what went well; a thousand for each that didn't."""
    return sum(end.value if end.ok and end.value is not None else 1000 for end in ends)


@node
def spell(x: int) -> str:
    """A text too long to be carried along by a reference."""
    return f"{'so many: ' * 30}{x}"


@node(inline=True)
def read(text: str) -> int:
    """The number at the text's end, and one more."""
    return int(text.rpartition(" ")[2]) + 1


@node
def inquiring(x: int) -> int:
    """Ask twice from inside; run again from the start for each answer."""
    first: int = wait_for("inner", x)
    second: int = wait_for("inner", first)
    return x + first * 10 + second


@node
def ticking(x: int) -> int:
    """Spend as many ticks as the remainder by three says."""
    for _ in range(x % 3):
        tick()
    return x + 1


@node(inline=True)
def pardon(value: int | Failure) -> int:
    """Fifty for a failure, one more for a number."""
    return 50 if isinstance(value, Failure) else value + 1


@node(inline=True)
def remainder(x: int) -> int:
    """The remainder by three."""
    return x % 3


@node(pure=True)
def odd(x: int) -> bool:
    """Whether it is odd."""
    return x % 2 == 1


@node
def back(pair: tuple[int, int]) -> int:
    """Undo what gave the second of the first."""
    return pair[0]


@node
def shaky_back(pair: tuple[int, int], run: NodeRun) -> int:
    """Raise but at the third attempt."""
    if run.attempt < PATIENT:
        raise ConnectionError(f"attempt {run.attempt} of {PATIENT}")
    return pair[0]


@node(inline=True)
def broken_back(pair: tuple[int, int]) -> int:
    """Raise."""
    raise ValueError(f"{pair[0]} can't be undone")


@node(inline=True)
def hitch(x: int) -> int:
    """Raise for odd numbers."""
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x


def corpus(registry: Registry) -> list[Subject]:
    """Small flows, each with one thing to get wrong."""
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    flows: dict[str, tuple[Any, tuple[str, ...]]] = {
        "line": (up >> thrice >> more >> away >> up, ()),
        "wide": (parallel(up, thrice, away, sequence(more, thrice), thrice) >> total, ()),
        "asking": (up >> ask("ok", int) >> kept >> thrice, ("ok",)),
        "deadline": (ask("late", int, within=hour, default=5) >> kept >> up, ("late",)),
        "expiring": (try_catch(ask("gone", int, within=minute) >> kept, rescue) >> away, ()),
        "again": (loop(suspend("more", int).keep() >> total >> more, until=enough), ("more",)),
        "retrying": (retry(PATIENT, shaky, backoff=exponential(30)) >> up, ()),
        "at once": (retry(PATIENT, firm) >> thrice, ()),
        "hopeless": (thrice >> broken, ()),
        "caught": (try_catch(parallel(broken, thrice, away) >> total, rescue), ()),
        "settled": (parallel(broken, thrice, up, join="settled") >> counted, ()),
        "timed": (try_catch(timeout(minute, suspend("soon", int) >> thrice), rescue), ()),
        "napping": (up >> sleep(20) >> thrice >> sleep(3600) >> up, ()),
        "both": (parallel(suspend("left", int), ask("right", int) >> kept) >> total >> up, ()),
        "wordy": (
            spell >> parallel(read, timeout(minute, read), read.keep() >> first_kept) >> total,
            (),
        ),
        "quoting": (up >> spell >> ask("said", int) >> unspelled >> thrice, ("said",)),
        "pardoned": (
            branch(odd, fail("odd"), identity)
            >> unless_failed(thrice)
            >> branch(failed, pardon, pardon),
            (),
        ),
        "inquiring": (up >> inquiring >> thrice, ("inner",)),
        "ticking": (try_catch(timeout(3, sequence(ticking, ticking, ticking)), rescue) >> up, ()),
        "beside": (parallel(suspend("left", int) >> thrice, thrice >> away, thrice) >> total, ()),
        "racing": (timeout(minute, sequence(thrice, thrice, thrice)), ()),
    }
    made = []
    for name, (body, early) in (flows | _going_back()).items():
        named: Flow[Any, Any] = flow(name.replace(" ", "_"), body, registry=registry)
        made.append(_subject(named, early, reference=name not in BY_THEIR_OWN))
    return made


def _going_back() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Sagas: one that fails in the middle, and one that is cancelled and can't be undone."""
    minute = timedelta(minutes=1)
    return {
        "trip": (
            try_catch(
                saga((thrice, back), (away, back), (ask("sure", int) >> kept, back), hitch),
                rescue,
            )
            >> up,
            ("sure",),
        ),
        "abroad": (
            parallel(
                saga((up, back), (thrice, retry(PATIENT, shaky_back, backoff=20)), suspend("go")),
                saga((thrice, broken_back), timeout(minute, suspend("stay", int))),
            ),
            (),
        ),
    }


def _subject(named: Flow[Any, Any], early: tuple[str, ...], *, reference: bool = True) -> Subject:
    return Subject(named, range(1, 5), _answer, early=early, reference=reference)


def _answer(tag: str, dice: Random) -> int:
    return dice.choice(ANSWERS)


class _Maker:
    """Draws flows. Tags are unique, so that a question has one place in its flow."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._tags = 0
        self.wide = False
        self.tags: list[str] = []

    def flow(self, size: int) -> Flow[Any, Any]:
        """A flow of about that many leaves."""
        if size <= 1:
            return self._leaf()
        return self._dice.choice(self._SHAPES)(self, size)

    def _leaf(self) -> Flow[Any, Any]:
        plain = (up, more, thrice, away, up, thrice, identity, sleep(20), const(50))
        kind = self._dice.randrange(15)
        if kind < len(plain):
            return plain[kind]
        if kind == 9:  # noqa: PLR2004 - one of the leaves
            return broken
        if kind == 10:  # noqa: PLR2004 - one of the leaves
            return spell >> read
        self._tags += 1
        tag = f"tag{self._tags}"
        self.tags.append(tag)
        hour = timedelta(hours=1)
        leaves: list[Flow[Any, Any]] = [
            suspend(tag, int).keep() >> total,
            ask(tag, int) >> kept,
            ask(tag, int, within=hour, default=2) >> kept,
            ask(tag, int, within=hour, notify=thrice_asked, show=up) >> kept,
        ]
        return self._dice.choice(leaves)

    def _parts(self, size: int, most: int = 3) -> list[Flow[Any, Any]]:
        count = self._dice.randint(2, most)
        return [self.flow(size // count) for _ in range(count)]

    def _sequence(self, size: int) -> Flow[Any, Any]:
        return sequence(*self._parts(size))

    def _parallel(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        return parallel(*self._parts(size, 4)) >> total

    def _settled(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        return parallel(*self._parts(size), join="settled") >> counted

    def _loop(self, size: int) -> Flow[Any, Any]:
        return loop(sequence(self.flow(size - 1), more), until=enough)

    def _retry(self, size: int) -> Flow[Any, Any]:
        backoff = self._dice.choice([None, 30.0, exponential(20)])
        tail = self._dice.choice([shaky, firm, broken])
        return retry(PATIENT, sequence(self.flow(size - 1), tail), backoff=backoff)

    def _catch(self, size: int) -> Flow[Any, Any]:
        body = self.flow(size - 1)
        risky = sequence(body, broken) if self._dice.random() < 0.5 else body  # noqa: PLR2004 - a share of all draws
        return try_catch(risky, rescue)

    def _timeout(self, size: int) -> Flow[Any, Any]:
        return timeout(timedelta(minutes=5), self.flow(size))

    def _saga(self, size: int) -> Flow[Any, Any]:
        first, second = self._parts(size, 2)
        undo = self._dice.choice([back, back, sleep(20) >> back, broken_back])
        return saga((first, undo), (second, back), self._dice.choice([up, hitch, broken]))

    def _branch(self, size: int) -> Flow[Any, Any]:
        return branch(odd, *self._parts(size, 2))

    def _choose(self, size: int) -> Flow[Any, Any]:
        first, second = self._parts(size, 2)
        return choose(remainder, {0: first, 1: second}, default=up)

    def _keep(self, size: int) -> Flow[Any, Any]:
        return self.flow(size).keep() >> kept

    _SHAPES = (
        *(_sequence,) * 4,
        *(_parallel,) * 3,
        *(
            _settled,
            _loop,
            _retry,
            _retry,
            _catch,
            _catch,
            _timeout,
            _saga,
            _branch,
            _choose,
            _keep,
        ),
    )


@node
def thrice_asked(question: Any) -> int:
    """Notify somebody, who doesn't care."""
    return 0


def generated(registry: Registry, dice: Random, count: int, size: int = 7) -> list[Subject]:
    """Flows drawn from the dice."""
    made = []
    for index in range(count):
        maker = _Maker(dice)
        body = maker.flow(dice.randint(2, size))
        named = flow(f"generated{index}", body, registry=registry)
        made.append(_subject(named, () if maker.wide else tuple(maker.tags)))
    return made
