"""Flows to simulate: a corpus of small ones, and any number drawn from a seed.

All of them take a number and give one, and never a smaller one, so that any of them may stand in
any place, loops included.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from everflow.core.algebra import ask, call, const, fail, flow, suspend
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
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import identity, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.expressions import it
from everflow.core.flow import Flow
from everflow.core.registry import Registry
from everflow.testing.simulator.limited import limited
from everflow.testing.simulator.nodes import (
    PATIENT,
    away,
    back,
    both,
    broken,
    broken_back,
    counted,
    enough,
    firm,
    first_kept,
    hitch,
    inquiring,
    kept,
    more,
    odd,
    odd_only,
    pardon,
    read,
    remainder,
    rescue,
    rows,
    settled_list,
    shaky,
    shaky_back,
    spell,
    spread,
    summed,
    texts,
    thrice,
    thrice_asked,
    ticking,
    total,
    unspelled,
    up,
    winner,
)
from everflow.testing.simulator.subjects import Subject
from everflow.testing.simulator.turns import sections

__all__ = ["corpus", "generated"]

BY_THEIR_OWN = frozenset({"inquiring", "ticking"})  # what the reference can't read off


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
        **limited(),
        **_going_back(),
        **_joins(),
        **_lists(),
        **_graphs(),
        **_calls(),
        **sections(),
    }
    return [
        _subject(flow(name.replace(" ", "_"), body, registry=registry), early, name)
        for name, (body, early) in flows.items()
    ]


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


def _joins() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Flows in which not all are waited for."""
    return {
        "race": (race(away >> thrice, up >> sleep(20), thrice >> broken) >> up, ()),
        "named race": (
            race(yes=suspend("yes", int), no=suspend("no", int), late=sleep(3600)) >> winner,
            (),
        ),
        "fallback": (fallback(broken, away >> broken, thrice >> away, up) >> up, ()),
        "caught race": (try_catch(race(broken, thrice >> away), rescue) >> up, ()),
        "first": (parallel(broken, away >> thrice, thrice, join="first") >> up, ()),
        "two of three": (
            parallel(away, suspend("second", int), thrice >> sleep(20), join=at_least(2)) >> summed,
            (),
        ),
        "out of reach": (
            try_catch(parallel(broken, thrice >> broken, up, join=at_least(2)) >> summed, rescue),
            (),
        ),
        "partial": (
            parallel(
                away, suspend("slow", int) >> broken, up, join=at_least(2, then=summed >> thrice)
            )
            >> up,
            (),
        ),
        "tolerant": (parallel(broken, thrice, away, join=tolerate(1)) >> counted, ()),
        "intolerant": (
            try_catch(
                parallel(broken, thrice, broken, join=tolerate(share=0.5)) >> counted, rescue
            ),
            (),
        ),
    }


def _lists() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Flows over lists."""
    return {
        "each": (spread >> each(thrice >> up) >> summed >> up, ()),
        "each in turn": (spread >> each(away, limit=1) >> summed, ()),
        "each asked": (spread >> each(suspend("item", int).keep() >> total, limit=2) >> summed, ()),
        "each long": (
            texts >> each(sequence(parallel(read, read) >> total, sleep(20))) >> summed,
            (),
        ),
        "each of each": (rows >> each(each(thrice, limit=1) >> summed) >> summed, ()),
        "each settled": (spread >> each(odd_only, join="settled") >> settled_list, ()),
        "each refused": (try_catch(spread >> each(odd_only) >> summed, rescue), ()),
        "each tolerant": (
            try_catch(spread >> each(odd_only, join=tolerate(2)) >> settled_list, rescue),
            (),
        ),
        "each of none": (try_catch(up >> identity >> each(thrice) >> summed, rescue), ()),
    }


def _calls() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Flows that call themselves: awaited, cancelled by a timeout, undone, and let go."""
    minute = timedelta(minutes=1)
    around = sequence(more, parallel(call("calling_around"), away >> sleep(20)), total)
    return {
        "calling": (
            branch(enough, suspend("leaf", int).keep() >> kept, more >> call("calling") >> up),
            ("leaf",),
        ),
        "calling around": (branch(enough, up, try_catch(timeout(minute, around), rescue)), ()),
        "calling back": (
            branch(enough, broken, try_catch(saga((more, back), call("calling_back")), rescue)),
            (),
        ),
        "calling on": (
            branch(enough, thrice, more >> call("calling_on", detached=True).keep() >> it[0]),
            (),
        ),
        "calling first": (call("line") >> up, ()),
        "calling many": (
            branch(
                enough, up, spread >> each(more >> more >> more >> call("calling_many")) >> summed
            ),
            (),
        ),
    }


def _graphs() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Flows by named dependencies."""
    return {
        "diamond": (
            dag(
                top=thrice,
                left=after("top", away),
                right=after("top", up >> sleep(20)),
                end=after("left", "right", "input", both),
                give="end",
            )
            >> up,
            (),
        ),
        "cached": (
            spread >> each(cached(thrice >> up)) >> summed >> cached(up, version="2") >> up,
            (),
        ),
        "cached with an error": (
            parallel(cached(away), try_catch(cached(broken), rescue)) >> it[0] >> up,
            (),
        ),
        "broken graph": (
            try_catch(
                dag(a=thrice, b=after("a", broken), c=after("a", suspend("c", int)), d=away)
                >> both,
                rescue,
            ),
            (),
        ),
    }


def _subject(named: Flow[Any, Any], early: tuple[str, ...], name: str = "") -> Subject:
    reference = name not in BY_THEIR_OWN
    return Subject(named, range(1, 5), _answer, early=early, reference=reference)


def _answer(tag: str, dice: Random) -> int:
    return dice.randrange(10)


class _Maker:
    """Draws flows. Tags are unique, so that a question has one place in its flow."""

    def __init__(self, dice: Random) -> None:
        self._dice, self._tags = dice, 0
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

    def _saga(self, size: int) -> Flow[Any, Any]:
        first, second = self._parts(size, 2)
        undo = self._dice.choice([back, back, sleep(20) >> back, broken_back])
        return saga((first, undo), (second, back), self._dice.choice([up, hitch, broken]))

    def _race(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        return race(*self._parts(size))

    def _each(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        return spread >> each(self.flow(size - 1), limit=self._dice.randint(1, 3)) >> summed

    def _dag(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        first, second, third = (self.flow(size // 3) for _ in range(3))
        return dag(a=first, b=after("a", second), c=third, d=after("b", "c", both), give="d")

    def _first(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        return parallel(*self._parts(size), join="first")

    def _at_least(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        join = self._dice.choice([at_least(1), at_least(2)])
        return parallel(*self._parts(size), join=join) >> summed

    def _partial(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        return parallel(*self._parts(size - 1), join=at_least(1, then=summed >> self.flow(1)))

    def _tolerant(self, size: int) -> Flow[Any, Any]:
        self.wide = True
        return parallel(*self._parts(size), join=tolerate(1)) >> counted

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
        *(_race, _each, _dag, _first, _at_least, _partial, _tolerant),
        *(_settled, _loop, _retry, _retry, _catch, _catch, _timeout),
        *(_saga, _branch, _choose, _keep),
    )


def generated(registry: Registry, dice: Random, count: int, size: int = 7) -> list[Subject]:
    """Flows drawn from the dice."""
    made = []
    for index in range(count):
        maker = _Maker(dice)
        body = maker.flow(dice.randint(2, size))
        tags = () if maker.wide else tuple(maker.tags)
        made.append(_subject(flow(f"generated{index}", body, registry=registry), tags))
    return made
