"""A trigger that takes several activities for the same fires for the first of them (B122)."""

from typing import Any

import pytest

from everflow import Registry, ask, flow, it, node
from everflow.errors import BadTrigger
from everflow.triggers import preview, trigger
from everflow.triggers.views import trigger_view
from tests.triggers.support import INES, OTTO, Site, note

BY_CONTENT = it["object"]["content"]
SAME: dict[str, Any] = {"object": {"type": "Note", "content": "the swifts are back"}}


def test_the_first_of_what_is_the_same_fires(site: Site) -> None:
    """Whoever sent it, decided by one transaction; what differs fires on its own."""
    site.declare(trigger("t", "review", dedup=BY_CONTENT), trigger("each", "review"))
    site.append(note(1, **SAME))
    site.append(note(2, OTTO, **SAME), OTTO)
    site.append(note(3))
    site.fire()
    assert site.outcomes(trigger="t") == [("t", "fired"), ("t", "fired before"), ("t", "fired")]
    assert site.results("t") == ["the swifts are back", "note 3"]
    assert len(site.results("each")) == 3


def test_what_fired_is_known_for_ever(site: Site) -> None:
    """Over a crash, and though the trigger was removed and added again."""
    site.declare(trigger("t", "review", dedup=BY_CONTENT))
    site.append(note(1, **SAME))
    site.fire()
    site.h.crash()
    site.reopen()
    site.book.remove("t")
    site.book.add(trigger("t", "review", dedup=BY_CONTENT))
    site.append(note(2, **SAME))
    site.fire()
    assert site.outcomes(trigger="t", no=2) == [("t", "fired before")]


def test_a_guard_that_is_a_flow_decides_before(site: Site, registry: Registry) -> None:
    """Each of the same is asked about, and the first that passes fires."""
    may_it = flow("may-it", ask("ok", bool) >> it[1], registry=registry)
    site.declare(trigger("t", "review", guard=may_it, dedup=BY_CONTENT))
    for number in (1, 2, 3):
        site.append(note(number, **SAME))
    site.fire()
    for question, yes in zip(site.h.questions(), (False, True, True), strict=True):
        site.h.client.resume(question.run, yes)
        site.fire()
    said = [site.outcomes(trigger="t", no=no)[-1][1] for no in (1, 2, 3)]
    assert said == ["guard not passed", "fired", "fired before"]
    assert site.results("t") == ["the swifts are back"]


def test_what_has_no_such_value_is_a_failure_of_its_own(site: Site) -> None:
    """It is audited, and stops nobody."""
    site.declare(trigger("t", "review", dedup=BY_CONTENT))
    site.append(note(1, object="urn:x"))
    site.append(note(2))
    site.fire()
    assert site.outcomes(trigger="t") == [("t", "failed"), ("t", "fired")]
    assert "object" in site.audit(trigger="t", no=1)[0].detail


def test_a_dry_run_and_the_list_know_it(site: Site) -> None:
    """What was fired for is said so; what is declared is shown."""
    site.declare(trigger("t", "review", dedup=BY_CONTENT))
    site.append(note(1, **SAME))
    site.fire()
    (same,) = preview(site.h.client, note(2, OTTO, **SAME), OTTO)
    (other,) = preview(site.h.client, note(2), INES)
    assert (same.outcome, other.outcome) == ("fired before", "fired")
    assert "content" in str(trigger_view(site.book.all()[0])["dedup"])


def test_it_is_an_expression() -> None:
    """Nothing else could be told from a record."""
    with pytest.raises(BadTrigger, match="dedup is an expression of it"):
        trigger("t", "review", dedup=node(lambda _: 1, name="one", inline=True))  # type: ignore[arg-type]  # that is the mistake
