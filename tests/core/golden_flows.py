"""The corpus behind the golden journals, and how they are written: once for each release.

``python -m tests.core.golden_flows`` writes what is missing of this release and leaves what is
there as it is: a golden journal is never written again, because runs of that release are out there.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

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
from everflow.core.combine.waiting import sleep, sleep_until
from everflow.core.definition import Definition
from everflow.core.expressions import it
from everflow.core.flow import Flow
from everflow.core.journal import base_entry, outcome_text, snapshot
from everflow.core.node import node
from everflow.testing.driver import Driver
from tests.core.golden_bodies import BODIES
from tests.core.sample_flows import LONG, broken, first, inc, rescue, second, third, tolerant

RELEASE = "0.1.0"
FOLDER = Path(__file__).parent / "golden"


class Golden(msgspec.Struct):
    """A run of a release: its definition, entries, the state after each, and how it ended.

    ``definitions``: those that it was upgraded to, by hash.

    ``fails`` is the code of the error that folding must end in, "" where it must succeed.
    """

    release: str
    definition: str
    hash: str
    bodies: list[str]
    states: list[str]
    outcome: str
    fails: str = ""
    definitions: dict[str, str] = {}


Script = Callable[[Driver], object]
CORPUS: dict[str, tuple[Flow[Any, Any], Script]] = {
    "sequence": (
        sequence(node(first).named("one"), second, identity, const([1, 2]), third),
        lambda d: d.start(LONG).result("first", LONG).result("second", 2).result("third", 3),
    ),
    "branches": (
        branch(it["n"] > 2, choose(it["kind"], {"a": first, "b": second}), third),
        lambda d: (
            d.start({"n": 3, "kind": "b"}).perform("./if").perform("./then/on").result("second", 5)
        ),
    ),
    "failures": (
        sequence(fail("no"), unless_failed(first), parallel(failed, identity), second),
        lambda d: d.start(1).result("second", 2),
    ),
    "parallel": (
        timeout(9, parallel(first, second, sequence(third, first), ticks="split")),
        lambda d: (
            d.start(LONG)
            .result("second", LONG, ticks=1)
            .result("third", 1, ticks=2)
            .error("./body/0", "it broke", ticks=1)
            .stopped("./body/2/1")
        ),
    ),
    "settled": (
        parallel(first, second, join="settled"),
        lambda d: d.start(1).error("first").result("second", 2),
    ),
    "retry": (
        try_catch(retry(3, first, backoff=exponential(5)), rescue),
        lambda d: (
            d.start(1)
            .error("first")
            .fire()
            .error("first")
            .fire()
            .error("first")
            .result("rescue", "rescued")
        ),
    ),
    "timeout": (
        try_catch(timeout(timedelta(minutes=1), parallel(first, suspend("x"))), rescue),
        lambda d: d.start(1).fire().stopped("first").result("rescue", None),
    ),
    "ticks": (
        timeout(5, timeout(3, sequence(first, second))),
        lambda d: d.start(1).result("first", 1, ticks=2).result("second", 2, ticks=4),
    ),
    "loop": (
        loop(sequence(suspend("more"), first), until=it["enough"]),
        lambda d: (
            d.start(1)
            .answer("more", 1)
            .result("first", {"enough": False})
            .perform(".~1/until")
            .answer("more", 2)
            .result("first", {"enough": True})
            .perform(".~2/until")
        ),
    ),
    "ask": (
        ask("ok", bool, show=first, notify=second, within=timedelta(days=1), default=False)
        >> ask("why", str, within=timedelta(days=1)),
        lambda d: (
            d.start(LONG)
            .result("first", "prompt")
            .early("why", "because")
            .answer("ok", value=True)
            .stopped("second")
        ),
    ),
    "deadline": (
        ask("ok", bool, within=timedelta(days=1)),
        lambda d: d.start(1).fire(),
    ),
    "waiting": (
        parallel(first, sleep(60), sleep_until(datetime(2030, 1, 1, tzinfo=UTC))),
        lambda d: (
            d.start(1)
            .wanted("first", "colour", LONG)
            .answer("colour", "red")
            .fire()
            .result("first", 1)
            .fire()
        ),
    ),
    "cancelled": (
        parallel(first, suspend("x"), retry(2, second, backoff=5)),
        lambda d: d.start(1).error("second").cancel().result("first", "late"),
    ),
    "saga": (
        saga((first, second), (third, broken), suspend("ok"), inc),
        lambda d: (
            d.start(LONG)
            .result("first", LONG)
            .result("third", 3)
            .answer("ok", value=True)
            .error("inc")
            .error("broken", "not yet")
            .cancel()
            .answer("@undo", "retry")
            .error("broken", "never")
            .answer("@undo", "skip", 2)
            .result("second", None)
        ),
    ),
    "signals": (
        sequence(first, receive("a"), receive("b", within=timedelta(days=1), default=3)),
        lambda d: (
            d.start(1)
            .signal("a", LONG)
            .signal("a", 2)
            .result("first", 1)
            .signal("c", "nobody's")
            .fire()
        ),
    ),
    "calls": (
        parallel(call("a"), try_catch(call("b"), first), call("c", detached=True)),
        lambda d: (
            d.start(LONG)
            .child("c", "a run's id")
            .child_failed("b")
            .child("a", LONG)
            .result("first", 2)
        ),
    ),
    "call_cancelled": (
        timeout(timedelta(minutes=1), call("a")),
        lambda d: d.start(1).fire().child_cancelled("a"),
    ),
    "fallback": (
        fallback(sequence(first, second), suspend("other"), third, on=RuntimeError),
        lambda d: d.start(LONG).result("first", 1).error("second").answer("other", LONG),
    ),
    "remote": (
        fallback(remote_node("a", "there"), timeout(timedelta(minutes=1), remote_node("b", "x"))),
        lambda d: d.start(LONG).child_failed("there").fire().child_cancelled("x"),
    ),
    "race": (
        race(yes=suspend("yes"), no=sequence(first, second), late=sleep(60)),
        lambda d: d.start(LONG).result("first", LONG).answer("yes", LONG).stopped("second"),
    ),
    "race_lost": (
        race(first, second),
        lambda d: d.start(1).error("second").result("first", 5),
    ),
    "critical": (
        parallel(
            race(critical("desk", saga((first, second), third)), suspend("stop")),
            critical("desk", sequence(first, critical("till", inc))),
            critical("desk", third),
        ),
        lambda d: (
            d.start(LONG)
            .result("first", LONG)
            .answer("stop", 1)
            .stopped("third")
            .result("second", None)
            .result("first", 2)
            .result("inc", 3)
            .result("third", 4)
        ),
    ),
    "at_least": (
        parallel(first, second, third, join=at_least(2)),
        lambda d: d.start(1).result("third", 3).error("first").result("second", LONG),
    ),
    "partial": (
        parallel(first, second, third, join=at_least(2, then=tolerant)),
        lambda d: (
            d.start(1)
            .result("third", 3)
            .result("first", 1)
            .result("tolerant", LONG)
            .error("second")
        ),
    ),
    "first": (
        parallel(first, second, third, join="first"),
        lambda d: d.start(1).error("first").result("third", 3).stopped("second"),
    ),
    "tolerate": (
        parallel(first, second, third, join=tolerate(share=0.3)),
        lambda d: d.start(1).result("second", 2).error("third").stopped("first"),
    ),
    "each": (
        each(first, limit=2),
        lambda d: (
            d.start([1, LONG, [], 4])
            .perform("./@items")
            .result(".~1/body", LONG)
            .result(".~0/body", 1)
            .result(".~3/body", 4)
            .result(".~2/body", [])
        ),
    ),
    "each_of_each": (
        sequence(each(each(first), join="settled"), second),
        lambda d: (
            d.start([[LONG], [2]])
            .perform("./0/@items")
            .perform("./0~1/body/@items")
            .perform("./0~0/body/@items")
            .error("./0~1/body~0/body", "it broke")
            .result("./0~0/body~0/body", LONG)
            .result("second", 2)
        ),
    ),
    "loop_too_long": (
        loop(first, until=it["enough"], most=1),
        lambda d: d.start(1).result("first", {"enough": False}).perform(".~1/until"),
    ),
    "dag": (
        dag(
            a=first,
            b=after("a", second),
            c=after("a", "b", "input", third),
            give="c",
            cached=False,
        ),
        lambda d: d.start(LONG).result("first", LONG).result("second", 2).result("third", 3),
    ),
    "dag_failed": (
        dag(a=first, b=second, c=after("b", third), cached=False),
        lambda d: d.start(1).result("second", 2).error("first").stopped("third"),
    ),
    "cached": (
        cached(sequence(first, second), version="2") >> cached(third),
        lambda d: (
            d.start(LONG)
            .perform("./0/@cache")
            .result("first", 1)
            .result("second", LONG)
            .perform("./0/@fill")
            .result("./1/@cache", ["key", LONG])
        ),
    ),
    "dag_cached": (
        dag(a=first, b=after("a", second), c=suspend("c")),
        lambda d: (
            d.start(LONG)
            .perform("./a/@cache")
            .result("first", LONG)
            .perform("./a/@fill")
            .answer("c", 1)
            .perform("./b/@cache")
            .result("second", 2)
            .perform("./b/@fill")
        ),
    ),
    "moved": (
        retry(2, first),
        lambda d: d.start(1).error("first").move(retry(2, first)).result("first", 1),
    ),
    "upgraded": (
        sequence(first, parallel(left=second, right=suspend("go"))),
        lambda d: (
            d.start(LONG)
            .result("first", LONG)
            .result("second", 2)
            .upgrade(sequence(node(inc), first, parallel(right=suspend("go")), third))
            .answer("go", 1)
            .result("third", 3)
        ),
    ),
    "kept": (
        keep(keep(first)),
        lambda d: d.start(LONG).result("first", 1),
    ),
    "based": (
        sequence(first, second, node(inc)),
        lambda d: _based(d.start(LONG).result("first", LONG)).result("second", 2).result("inc", 3),
    ),
    **BODIES,
}


def _based(driver: Driver) -> Driver:
    base = base_entry(driver.machine, driver.now)
    return driver.tell(base.kind, payload=base.payload)


def record(flow: Flow[Any, Any], script: Script) -> Golden:
    """Drive a flow by its script, and keep all that there is to keep."""
    driver = Driver(flow)
    states: list[str] = []
    tell = driver.tell

    def told(*args: Any, **more: Any) -> Driver:
        tell(*args, **more)
        states.append(snapshot(driver.machine))
        return driver

    driver.tell = told  # type: ignore[method-assign]  # to look on, entry by entry
    script(driver)
    definition = Definition(driver.program)
    outcome = "" if driver.outcome is None else outcome_text(driver.outcome)
    others = {name: Definition(program).body for name, program in driver.programs.items()}
    upgraded = {name: body for name, body in others.items() if name.partition("-")[2]}
    return Golden(
        RELEASE, definition.body, definition.hash, driver.bodies, states, outcome, "", upgraded
    )


def write_missing() -> list[Path]:
    """Write what isn't there of this release; the paths that were written."""
    goldens = {name: record(*pair) for name, pair in CORPUS.items()}
    sequence_ = goldens["sequence"]
    swapped = [sequence_.bodies[0], sequence_.bodies[2].replace("[2,", "[1,", 1)]
    goldens["other_order"] = msgspec.structs.replace(
        sequence_, bodies=swapped, states=[], outcome="", fails="journal_mismatch"
    )
    written = []
    for name, golden in goldens.items():
        path = FOLDER / f"{RELEASE}_{name}.json"
        if not path.exists():
            text = msgspec.json.format(msgspec.json.encode(golden), indent=1)
            path.write_bytes(text + b"\n")
            written.append(path)
    return written


if __name__ == "__main__":
    write_missing()
