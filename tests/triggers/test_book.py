"""Triggers as people change them: added, replaced, paused, removed, tried."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everflow import Registry, ask, flow, it, need, node
from everflow.engine.records.audit import audit_lines
from everflow.errors import (
    BadTrigger,
    EverflowError,
    NoSuchTrigger,
    NotAFlow,
    StoreUnavailable,
    UnnamedLeaf,
)
from everflow.store import Store
from everflow.testing.clock import JumpClock
from everflow.triggers import preview, trigger
from everflow.triggers.log import activities_after
from tests.triggers.support import INES, OTTO, Site, note


def test_a_new_trigger_begins_with_the_next_activity(site: Site) -> None:
    """Unless it is told otherwise: from the beginning, after a number, or since a time."""
    site.declare(trigger("first", "review"))
    for number in range(1, 4):
        site.append(note(number))
    site.fire()
    site.book.add(trigger("new", "review"))
    site.book.add(trigger("whole", "review", since=0))
    site.book.add(trigger("later", "review", since=2))
    site.book.add(trigger("beyond", "review", since=99))
    site.append(note(4))
    site.fire()
    assert site.results("new") == ["note 4"]
    assert sorted(site.results("whole")) == ["note 1", "note 2", "note 3", "note 4"]
    assert sorted(site.results("later")) == ["note 3", "note 4"]
    assert site.results("beyond") == ["note 4"]
    assert [row.at for row in site.book.all()] == [4] * 5
    assert site.outcomes(no=1, every=True) == [("first", "fired"), ("whole", "fired")]


def test_a_trigger_may_begin_at_a_time(store: Store, registry: Registry) -> None:
    """With the first activity that came then."""
    clock = JumpClock()
    with Site(store, registry, clock) as site:
        site.append(note(1))
        clock.jump(days=1)
        site.append(note(2))
        site.book.add(trigger("t", "review", since=clock.now - timedelta(hours=1)))
        site.fire()
        assert site.results() == ["note 2"]
        naive = datetime.now(UTC).astimezone().replace(tzinfo=None)
        assert site.book.add(trigger("u", "review", since=naive)).begin == 2


def test_what_comes_before_the_first_trigger_is_left_alone(site: Site) -> None:
    """Nothing is decided about it, nor said."""
    site.append(note(1))
    site.fire()
    site.declare(trigger("t", "review"))
    site.append(note(2))
    site.fire()
    assert site.results() == ["note 2"]
    assert [line.no for line in site.audit(every=True)] == [2]


def test_a_paused_trigger_s_cursor_stands(site: Site) -> None:
    """What comes meanwhile is decided once it goes on; with ``skip`` it is passed over."""
    site.declare(trigger("a", "review"), trigger("b", "review"), trigger("c", "review"))
    site.append(note(1))
    site.fire()
    site.book.pause("a", "holidays")
    site.book.pause("b")
    site.book.pause("b", "still")
    row = site.book.get("a")
    assert (row.paused, row.reason, row.at) == (True, "holidays", 1)
    site.append(note(2))
    site.fire()
    assert site.results() == ["note 1"] * 3 + ["note 2"]
    site.book.unpause("a")
    site.book.unpause("b", skip=True)
    site.book.unpause("c")
    site.append(note(3))
    site.fire()
    assert sorted(site.results("a")) == ["note 1", "note 2", "note 3"]
    assert sorted(site.results("b")) == ["note 1", "note 3"]
    assert [row.at for row in site.book.all()] == [3, 3, 3]


def test_a_change_beats_a_decision_that_was_begun_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause that was acknowledged holds: what was decided without it isn't written."""
    site.declare(trigger("t", "review"))
    site.append(note())

    def meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        site.book.pause("t")
        return activities_after(*args)

    monkeypatch.setattr("everflow.triggers.firing.activities_after", meanwhile)
    site.firing.look()
    site.fire()
    assert site.h.runs() == []


def test_what_waits_is_dropped_with_its_trigger_and_stands_while_that_is_paused(
    site: Site, registry: Registry
) -> None:
    """B125: a removal is told in the audit of what waited."""
    flow("may-it", ask("ok", bool) >> it[1], registry=registry)
    site.declare(
        trigger("gone", "review", guard=registry.flow("may-it")),
        trigger("paused", "review", guard=registry.flow("may-it")),
        trigger("lacks", "to-come"),
        trigger("lacks-too", "to-come"),
    )
    site.append(note())
    site.fire()
    site.book.remove("gone")
    site.book.remove("lacks-too")
    site.book.pause("paused")
    site.book.pause("lacks")
    for question in site.h.questions():
        site.h.client.resume(question.run, True)
    flow("to-come", registry.flow("review"), registry=registry)
    site.fire()
    assert site.results() == []
    assert site.outcomes(trigger="gone")[-1] == ("gone", "trigger removed")
    assert site.outcomes(trigger="lacks-too")[-1] == ("lacks-too", "trigger removed")
    site.book.unpause("paused")
    site.book.unpause("lacks")
    site.fire()
    assert site.results() == ["note 1", "note 1"]


def test_a_declaration_that_says_the_same_leaves_changes_alone(site: Site) -> None:
    """A pause by hand outlives a deploy; another declaration takes effect, in its old place."""
    site.declare(trigger("t", "review"), trigger("u", "review"))
    site.book.pause("t")
    site.declare(trigger("t", "review"), trigger("u", "review"))
    assert site.book.get("t").paused
    site.declare(trigger("t", "review", type="Like"))
    row = site.book.get("t")
    assert (row.paused, row.plan.types, row.declared) == (True, ("Like",), True)
    assert [row.name for row in site.book.all()] == ["t", "u"]


def test_a_name_that_is_taken_is_replaced_only_if_told_so(site: Site) -> None:
    """And one that says the same is left as it is."""
    site.book.add(trigger("t", "review"), by="Ada")
    before = site.book.get("t")
    assert site.book.add(trigger("t", "review")) == before
    assert not before.declared
    with pytest.raises(BadTrigger, match="says something else"):
        site.book.add(trigger("t", "review", type="Like"))
    assert site.book.add(trigger("t", "review", type="Like"), replace=True).plan.types == ("Like",)
    with pytest.raises(BadTrigger, match="two triggers are named 'x'"):
        site.declare(trigger("x", "review"), trigger("x", "review"))
    with pytest.raises(NoSuchTrigger, match=r"did you mean t\?"):
        site.book.get("t2")


def test_who_changed_a_trigger_is_in_the_audit(site: Site) -> None:
    """As for all that people do."""
    site.book.add(trigger("t", "review"), by="Ada")
    site.book.pause("t", by="Ada")
    site.book.unpause("t", by="Bo")
    site.book.remove("t", by="Ada")
    lines = [(line.action, line.by) for line in audit_lines(site.h.store)]
    assert sorted(lines) == [
        ("trigger-add", "Ada"),
        ("trigger-pause", "Ada"),
        ("trigger-remove", "Ada"),
        ("trigger-unpause", "Bo"),
    ]
    with pytest.raises(NoSuchTrigger):
        site.book.remove("t")


def test_changes_that_others_beat_are_tried_again_and_not_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to do; nothing was written."""
    site.declare(trigger("t", "review"))
    monkeypatch.setattr(site.h.store, "write", lambda *_, **__: None)
    with pytest.raises(StoreUnavailable, match="others changed"):
        site.book.pause("t")
    with pytest.raises(StoreUnavailable, match="others changed"):
        site.declare(trigger("u", "review"))
    with pytest.raises(StoreUnavailable, match="others appended"):
        site.append(note())


def test_a_dry_run_says_what_would_fire_and_why_the_others_would_not(
    site: Site, registry: Registry
) -> None:
    """Nothing is written, whatever it says."""
    flow("may-it", ask("ok", bool) >> it[1], registry=registry)
    site.declare(
        trigger("fires", "review"),
        trigger("likes", "review", type="Like"),
        trigger("others", "review", actors=[OTTO]),
        trigger("short", "review", guard=it["object"]["content"].size() > 100),
        trigger("asks", "review", guard=registry.flow("may-it")),
        trigger("later", "to-come"),
        trigger("paused", "review"),
        trigger("stands", "review"),
    )
    site.book.pause("paused", "holidays")
    site.book.pause("stands")
    version = site.h.store.version()
    said = [(one.trigger, one.outcome, one.detail) for one in preview(site.h.client, note(), INES)]
    assert said == [
        ("fires", "fired", ""),
        ("likes", "other type", ""),
        ("others", "other actor", ""),
        ("short", "guard not passed", ""),
        ("asks", "guard asked", ""),
        ("later", "waits for code", "the flow to-come isn't known"),
        ("paused", "fired", "paused: holidays"),
        ("stands", "fired", "paused"),
    ]
    assert site.h.store.version() == version
    site.append(note())
    site.fire()
    assert preview(site.h.client, note(), INES)[0].outcome == "fired before"


def _takes_need(_: Any, *, site: Site = need(Site)) -> bool:
    return bool(site)


async def _waits(_: Any) -> bool:
    return True


BAD: dict[str, tuple[dict[str, Any], type[EverflowError], str]] = {
    "a name with a slash": ({"name": "a/b"}, BadTrigger, "no name for a trigger"),
    "an empty name": ({"name": ""}, BadTrigger, "no name for a trigger"),
    "no flow": ({"flow": 7}, NotAFlow, "isn't a flow"),
    "a flow without a name": ({"flow": it["x"]}, BadTrigger, "a flow that has a name"),
    "no type": ({"type": []}, BadTrigger, "1 to 1,000 types"),
    "an empty type": ({"type": ""}, BadTrigger, "a type is a text"),
    "actors as a text": ({"actors": INES}, BadTrigger, "actors is a list"),
    "an actor that is no text": ({"actors": [7]}, BadTrigger, "no id of an actor"),
    "a star in the middle": ({"actors": ["https://*.example/x"]}, BadTrigger, "no id of an actor"),
    "a server's name cut": ({"actors": ["https://one.exam*"]}, BadTrigger, "names begin alike"),
    "no scheme": ({"actors": ["one.example*"]}, BadTrigger, "names begin alike"),
    "a lambda": ({"guard": lambda _: True}, UnnamedLeaf, "is a lambda"),
    "a guard with a dependency": ({"guard": _takes_need}, BadTrigger, "more than a plain"),
    "an async guard": ({"guard": _waits}, BadTrigger, "more than a plain function"),
    "a guard that retries": (
        {"guard": node(lambda _: True, name="again", retry=3)},
        BadTrigger,
        "more than a plain function",
    ),
    "a guard's flow without a name": (
        {"guard": it["x"] >> it["y"]},
        BadTrigger,
        "a guard is an expression of it, a function, or a flow that has a name",
    ),
    "a negative number": ({"since": -1}, BadTrigger, "numbered from 1"),
    "a text as since": ({"since": "now"}, BadTrigger, "the number of an activity or a time"),
    "true as since": ({"since": True}, BadTrigger, "the number of an activity or a time"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_t_mean_anything_is_refused_when_it_is_made(name: str) -> None:
    """With the word that is wrong, before anything is written."""
    given, kind, said = BAD[name]
    with pytest.raises(kind, match=said):
        trigger(**{"name": "t", "flow": "review", **given})


def test_scopes_and_types_are_read_as_meant() -> None:
    """Local actors, whole servers, and the namespace of ActivityStreams."""
    made = trigger(
        "t", "f", type=["as:Create", "Create"], actors=["local:*", "https://a.b/*", INES]
    )
    assert made.plan.types == ("Create",)
    assert made.plan.is_for("local:ada")
    assert made.plan.is_for("https://a.b/users/x")
    assert made.plan.is_for(INES)
    assert not made.plan.is_for("https://a.b.evil/users/x")
    assert trigger("t", "f", type=["Create", "*"]).plan.types == ("*",)
