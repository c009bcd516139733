"""From an activity in the log to a run: which trigger fires, when, and how often."""

import sys
import threading
from typing import Any

import pytest

from everflow import Registry, Status, ask, flow, it, node
from everflow.core.values import decode
from everflow.errors import StoreUnavailable, ValueRefused, WrongArgument
from everflow.store import Put, RunQuery, Store
from everflow.testing.clock import JumpClock
from everflow.triggers import Arrival, Trigger, asking, trigger
from everflow.triggers.activity import Activity
from everflow.triggers.spec import Guard, Plan
from tests.engine.support import PATIENT, until
from tests.triggers.support import INES, OTTO, Site, note


def test_an_activity_that_is_appended_starts_a_run(site: Site) -> None:
    """B120, B123, B153: after the append and not before, with the activity as its input."""
    site.declare(trigger("on-note", "review", type="Create"))
    site.fire()
    assert site.append(note()).arrival is Arrival.NEW
    assert site.results() == []
    site.fire()
    assert site.results() == ["note 1"]
    assert site.outcomes() == [("on-note", "fired")]
    site.fire()
    assert len(site.h.runs()) == 1
    assert site.h.store.runs(RunQuery())[0].labels == {"trigger": "on-note", "activity": "1"}


def test_the_flow_is_given_who_was_verified(site: Site, registry: Registry) -> None:
    """B123: ``actor`` is an id, whatever form the activity says it in; the rest is as it came."""
    flow("all", node(lambda a: a, name="all_of_it", inline=True), registry=registry)
    site.declare(trigger("t", "all"))
    site.append(note(actor=INES) | {"actor": {"id": INES, "type": "Person"}, "big": 1e20})
    site.fire()
    given = site.results()[0]
    assert given == note() | {"big": 10**20}


def test_type_then_actor_then_guard_decide(site: Site) -> None:
    """B121: each trigger says why it didn't fire, in the order of registration."""
    site.declare(
        trigger("likes", "review", type="Like"),
        trigger("others", "review", type=["Like", "Create"], actors=[OTTO]),
        trigger("long", "review", type="Create", guard=it["object"]["content"].size() > 100),
        trigger("broken", "review", type="Create", guard=it["nothing"]["there"]),
        trigger("mine", "review", actors=["https://one.example/*"], guard=it["id"].size() > 0),
        trigger("all", "review"),
    )
    site.append(note())
    site.fire()
    assert site.outcomes(every=True) == [
        ("others", "other actor"),
        ("long", "guard not passed"),
        ("broken", "guard failed"),
        ("mine", "fired"),
        ("all", "fired"),
        ("likes", "other type"),
    ]
    assert "nothing" in site.audit(trigger="broken")[0].detail
    assert len(site.h.runs()) == 2


def test_a_guard_may_be_a_plain_function(site: Site) -> None:
    """B121: it is called where triggers fire; what it does to the activity reaches nobody else."""

    def greedy(activity: dict[str, Any]) -> bool:
        return bool(activity.pop("object"))

    site.declare(
        trigger("one", "review", guard=node(greedy, name="greedy")),
        trigger("two", "review", guard=node(greedy, name="greedy")),
        trigger("raises", "review", guard=node(lambda _: 1 / 0, name="raises")),
        trigger("exits", "review", guard=node(lambda _: sys.exit(1), name="exits")),
        trigger("never", "review", guard=node(lambda: False, name="never")),
        trigger("list", "review", guard=it["object"]),
    )
    site.append(note())
    site.fire()
    assert site.results() == ["note 1", "note 1"]
    assert site.outcomes(trigger="raises") == [("raises", "guard failed")]
    assert site.audit(trigger="raises")[0].detail == "ZeroDivisionError: division by zero"
    assert site.audit(trigger="exits")[0].detail == "SystemExit: 1"
    assert site.outcomes(trigger="never") == [("never", "guard not passed")]
    assert "a guard gives true or false, not {" in site.audit(trigger="list")[0].detail


def test_a_function_that_hangs_holds_up_nobody_else(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has failed for what came until it comes back, and it isn't called again before that."""
    monkeypatch.setattr(asking, "SECONDS", 0.01)
    calls: list[Any] = []
    go_on = threading.Event()

    def hangs(activity: dict[str, Any]) -> bool:
        calls.append(activity["id"])
        go_on.wait(PATIENT)
        return True

    site.declare(
        trigger("hangs", "review", guard=node(hangs, name="hangs")), trigger("plain", "review")
    )
    for number in range(1, 3):
        site.append(note(number))
        site.fire()
    assert site.results("plain") == ["note 1", "note 2"]
    assert site.outcomes(trigger="hangs") == [("hangs", "guard failed")] * 2
    assert [line.detail for line in site.audit(trigger="hangs")] == [
        "NoAnswer: it gave nothing within 0.01 s",
        "NoAnswer: an earlier call hasn't come back, so that it isn't called again",
    ]
    assert len(calls) == 1
    go_on.set()
    until(lambda: all(one.name != "everflow-guard-hangs" for one in threading.enumerate()))
    monkeypatch.setattr(asking, "SECONDS", PATIENT)
    site.append(note(3))
    site.fire()
    assert site.outcomes(no=3, trigger="hangs") == [("hangs", "fired")]


def test_a_guard_that_waits_for_somebody_is_a_run(site: Site, registry: Registry) -> None:
    """B121, B122: the firing waits for its outcome, over a crash, and others don't wait."""
    flow("may-it", ask("ok", bool) >> it[1], registry=registry)
    may_it = registry.flow("may-it")
    site.declare(trigger("asks", "review", guard=may_it), trigger("plain", "review"))
    site.append(note(1))
    site.append(note(2))
    site.fire()
    assert site.results() == ["note 1", "note 2"]
    assert site.outcomes(trigger="asks") == [("asks", "guard asked")] * 2
    for question, yes in zip(site.h.questions(), (True, False), strict=True):
        assert site.h.client.row(question.run).labels["guard"] == "asks"
        site.h.client.resume(question.run, yes)
    site.h.crash()
    site.reopen()
    site.fire()
    assert site.results("asks") == ["note 1"]
    assert site.outcomes(trigger="asks", no=2) == [
        ("asks", "guard asked"),
        ("asks", "guard not passed"),
    ]
    site.fire()
    assert len(site.results()) == 3


def test_a_guard_that_fails_as_a_run_has_not_passed(site: Site, registry: Registry) -> None:
    """B123: its error is in the audit; so is a cancel of it."""
    flow("fails", node(lambda _: 1 / 0, name="divides", inline=True), registry=registry)
    flow("may-it", ask("ok", bool) >> it[1], registry=registry)
    site.declare(
        trigger("t", "review", guard=registry.flow("fails")),
        trigger("c", "review", guard=registry.flow("may-it")),
    )
    site.append(note())
    site.fire()
    assert "ZeroDivisionError" in site.audit(trigger="t")[-1].detail
    run = site.audit(trigger="c")[0].run
    site.h.client.cancel(run)
    site.fire()
    assert site.outcomes(trigger="c")[-1] == ("c", "guard failed")
    assert site.results() == []


def test_a_guard_that_takes_long_is_looked_at_ever_more_seldom(
    store: Store, registry: Registry
) -> None:
    """Looked at within an eighth of the time that it has taken, and a minute at most."""
    flow("may-it", ask("ok", bool) >> it[1], registry=registry)
    clock = JumpClock()
    with Site(store, registry, clock) as site:
        site.declare(trigger("t", "review", guard=registry.flow("may-it")))
        site.append(note())
        site.firing.look()
        site.h.settle()
        clock.jump(days=1)
        assert not site.firing.look()
        site.h.client.resume(site.h.questions()[0].run, True)
        site.h.settle()
        clock.jump(59)
        assert not site.firing.look()
        clock.jump(1)
        assert site.firing.look()


def test_an_unknown_flow_fires_once_it_is_there(site: Site, registry: Registry) -> None:
    """B124: it waits, over a crash, while others fire; and then it fires once."""
    site.declare(trigger("later", "to-come"), trigger("now", "review"))
    site.append(note())
    site.fire()
    assert site.outcomes() == [("later", "waits for code"), ("now", "fired")]
    site.reopen()
    site.fire()
    assert site.results() == ["note 1"]
    flow("to-come", registry.flow("review"), registry=registry)
    site.fire()
    site.fire()
    assert site.results() == ["note 1", "note 1"]
    assert site.outcomes(trigger="later") == [("later", "waits for code"), ("later", "fired")]


def test_a_predicate_that_is_unknown_is_waited_for(
    site: Site, store: Store, registry: Registry
) -> None:
    """B124: a guard whose code isn't here is neither a yes nor a no."""
    home = Registry()
    flow("review", registry.flow("review"), registry=home)
    yes = node(lambda _: True, name="says_yes")
    site.declare(trigger("t", "review", guard=yes))
    site.append(note())
    with Site(store, home) as other:
        other.fire()
        assert other.outcomes() == [("t", "waits for code")]
        assert "says_yes" in other.audit()[0].detail
        assert home.awaited("says_yes").fn is None
    site.fire()
    assert site.results() == ["note 1"]


def test_a_guard_s_flow_that_is_unknown_is_waited_for_and_then_asked(
    site: Site, registry: Registry
) -> None:
    """B124: and where the flow to start is lacking after that, the guard isn't asked again."""
    site.declare(Trigger("t", Plan("to-come", ("Create",), guard=Guard(flow="judges"))))
    site.append(note())
    site.fire()
    flow("judges", node(lambda _: True, name="judges", inline=True), registry=registry)
    site.fire()
    assert [one.outcome for one in site.audit()] == [
        "waits for code",
        "guard asked",
        "waits for code",
    ]
    flow("to-come", registry.flow("review"), registry=registry)
    site.fire()
    assert site.results() == ["note 1"]
    assert len(site.h.runs()) == 2


def test_a_first_step_that_crashes_stops_nobody_else(site: Site, registry: Registry) -> None:
    """B123: its run has failed, as the audit's run tells; others fire and it isn't fired again."""
    flow("fails", node(lambda _: 1 / 0, name="divides", inline=True), registry=registry)
    site.declare(trigger("bad", "fails"), trigger("good", "review"))
    site.append(note())
    site.fire()
    failed = site.audit(trigger="bad")[0]
    assert site.h.client.row(failed.run).status is Status.FAILED
    assert site.results("good") == ["note 1"]
    site.fire()
    assert len(site.h.runs()) == 2


def test_what_no_run_can_be_given_is_an_error_of_that_trigger(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B123: it is audited, and the others fire."""
    whole = Activity.value

    def refuses(activity: Activity) -> Any:
        if activity.no == 1:
            raise ValueRefused("it is too much")
        return whole(activity)

    monkeypatch.setattr(Activity, "value", refuses)
    site.declare(trigger("t", "review"))
    site.append(note(1))
    site.append(note(2))
    site.fire()
    assert site.outcomes() == [("t", "failed"), ("t", "fired")]


def test_a_flow_whose_definition_can_t_be_read_is_waited_for(
    site: Site, registry: Registry
) -> None:
    """B124: until a worker that has it writes it anew; nothing else stops for it."""
    site.h.store.write([Put(kind="current", key="odd", body="{")], at=1)
    site.declare(trigger("t", "odd"), trigger("u", "review"))
    site.append(note(1))
    site.fire()
    assert site.outcomes() == [("t", "waits for code"), ("u", "fired")]
    flow("odd", registry.flow("review"), registry=registry)
    site.fire()
    assert site.results() == ["note 1"] * 2


def test_a_definition_that_fails_is_an_error_of_that_trigger(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B123: but a store that fails is nobody's error, and is waited for."""

    def today(name: str) -> Any:
        raise (WrongArgument if name == "odd" else StoreUnavailable)("so it is")

    monkeypatch.setattr(site.h.client.definitions, "today", today)
    site.declare(trigger("t", "odd"))
    site.append(note(1))
    site.fire()
    assert [line.detail for line in site.audit()] == ["WrongArgument: so it is"]
    site.declare(trigger("t", "review"))
    site.append(note(2))
    with pytest.raises(StoreUnavailable):
        site.fire()
    monkeypatch.undo()
    site.fire()
    assert site.results() == ["note 2"]


def test_many_starts_are_several_transactions(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An activity is decided whole; the next one is for the next look."""
    monkeypatch.setattr("everflow.triggers.firing.MOST_STARTS", 3)
    site.declare(*(trigger(f"t{n}", "review") for n in range(2)))
    for number in range(5):
        site.append(note(number))
    looks = 0
    while site.firing.look():
        looks += 1
    assert looks == 3
    site.fire()
    assert len(site.results()) == len(site.audit()) == 10


def test_a_redelivery_fires_nothing(site: Site) -> None:
    """B122: nor does the same trigger removed and added again, from the beginning of the log."""
    site.declare(trigger("t", "review"))
    for _ in range(3):
        site.append(note())
        site.fire()
    assert len(site.h.runs()) == 1
    site.book.remove("t")
    site.book.add(trigger("t", "review", since=0))
    site.fire()
    assert len(site.h.runs()) == 1
    assert site.outcomes()[-1] == ("t", "fired before")


def test_decisions_are_found_by_activity_trigger_actor_and_run(site: Site) -> None:
    """B125: every one of them, with its time."""
    site.declare(trigger("a", "review"), trigger("b", "review", type="Like"))
    site.append(note(1))
    site.append(note(2, OTTO), OTTO)
    site.fire()
    assert len(site.audit(every=True)) == 4
    assert len(site.audit()) == 2
    assert [line.no for line in site.audit(activity=note(2, OTTO)["id"])] == [2]
    assert [line.no for line in site.audit(actor=OTTO)] == [2]
    assert [line.outcome for line in site.audit(trigger="b", every=True)] == ["other type"] * 2
    run = site.audit(no=1)[0].run
    assert [(line.trigger, line.no) for line in site.audit(run=run)] == [("a", 1)]
    assert site.audit()[0].at <= site.audit()[1].at


def test_a_value_of_a_run_reads_as_it_was_decided(site: Site) -> None:
    """The payload of a run is the activity's own JSON, canonical numbers and all."""
    site.declare(trigger("t", "review"))
    site.append(note(x=1.0, y=-0.0, z=1e3))
    site.fire()
    activity = site.activities.get(1)
    assert activity is not None
    assert '"x":1,"y":0,"z":1000' in activity.text
    assert decode(activity.text, site.h.client.registry.types)["z"] == 1000
