"""A trigger whose record can't be read is nobody else's trouble, and loses nothing."""

from __future__ import annotations

import pytest

from everflow import Registry, ask, flow, it
from everflow.engine.records.audit import audit_lines
from everflow.errors import BadTrigger
from everflow.store import Put
from everflow.triggers import preview, trigger
from everflow.triggers.records import GROUP
from tests.triggers.support import INES, Site, note

BROKEN = {
    "no JSON": "{",
    "another release's": '{"plan":{"flow":"review","types":["*"],"guard":7},"order":1,"begin":0}',
    "a guard that says nothing": (
        '{"plan":{"flow":"review","types":["*"],"guard":{"it":["?",1]}},"order":1,"begin":0}'
    ),
}


def breaks(site: Site, name: str, body: str) -> None:
    """Have the record of a trigger hold something else, as if another release had written it."""
    (cursor,) = site.h.store.records("cursor", keys=[GROUP])
    grown = cursor.body.replace('"mark":', '"mark":9')
    site.h.store.write(
        [Put(kind="trigger", key=name, body=body), Put(kind="cursor", key=GROUP, body=grown)], at=0
    )


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_others_go_on_and_it_waits(site: Site, body: str) -> None:
    """What comes waits for it alone; it is told of once, by name; what replaces it catches up."""
    site.declare(trigger("good", "review"), trigger("bad", "review"))
    site.append(note(1))
    site.fire()
    breaks(site, "bad", body)
    site.append(note(2))
    site.fire()
    site.append(note(3))
    site.reopen()
    site.fire()
    assert site.results("good") == ["note 1", "note 2", "note 3"]
    assert site.results("bad") == ["note 1"]
    assert list(site.book.unreadable()) == ["bad"]
    assert [row.name for row in site.book.all()] == ["good"]
    said = [line for line in audit_lines(site.h.store) if line.action == "trigger-unreadable"]
    assert [line.subject for line in said] == ["trigger:bad"]
    assert [one.trigger for one in preview(site.h.client, note(9), INES)] == ["good"]
    with pytest.raises(BadTrigger, match="can't be read"):
        site.book.pause("bad")
    with pytest.raises(BadTrigger, match="already"):
        site.book.add(trigger("bad", "review"))
    site.book.add(trigger("bad", "review", guard=it["id"].size() > 0), replace=True)
    site.fire()
    assert site.results("bad") == ["note 1", "note 2", "note 3"]
    assert (site.book.unreadable(), site.book.get("bad").at) == ({}, 3)


def test_it_can_be_removed(site: Site) -> None:
    """And what comes after is nobody's."""
    site.declare(trigger("good", "review"), trigger("bad", "review"))
    breaks(site, "bad", "{")
    site.append(note(1))
    site.fire()
    site.book.remove("bad", by="Ines")
    site.fire()
    assert (site.book.unreadable(), site.results()) == ({}, ["note 1"])
    assert [record.key for record in site.h.store.records("cursor")] == [GROUP]


def test_what_its_guard_waits_for_is_not_lost(site: Site, registry: Registry) -> None:
    """A run that was asked goes on waiting until somebody can read the trigger again."""
    flow("may-it", ask("ok?", bool) >> it[1], registry=registry)
    site.declare(trigger("bad", "review", guard=registry.flow("may-it")))
    site.append(note(1))
    site.fire()
    (good,) = site.h.store.records("trigger", keys=["bad"])
    breaks(site, "bad", "{")
    site.fire()
    (question,) = site.h.client.questions()
    site.h.client.answer(f"{question.run}.ok?.1", True)
    site.fire()
    assert site.results() == []
    breaks(site, "bad", good.body)
    site.fire()
    assert site.results() == ["note 1"]
