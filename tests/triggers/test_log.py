"""The activity log: each activity once, in the order of arrival, whatever form it comes in."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from everflow import Registry, connect
from everflow.store import Store
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.clock import JumpClock
from everflow.triggers import Activities, Appended, Arrival, trigger
from everflow.triggers.records import Stood, cursors
from tests.triggers.support import INES, OTTO, Site, note


def test_a_redelivery_in_another_form_is_the_same(site: Site) -> None:
    """B122: other key order, spaces, escapes and forms of numbers; as text, bytes or data."""
    first = note(1, score=1000, half=0.5, name="Ä\n")
    assert site.append(first) == Appended(1, Arrival.NEW)
    turned = dict(reversed(first.items()))
    texts = [
        json.dumps(turned, indent=3),
        json.dumps(first).replace("1000", "1e3").replace("0.5", "5.0E-1"),
        json.dumps(first, ensure_ascii=False).replace("1000", "1000.0").encode(),
        json.dumps(first, separators=(",", ":")).replace('"N', '"\\u004e'),
    ]
    for text in texts:
        assert site.append(text) == Appended(1, Arrival.KNOWN)
    assert site.append(turned) == Appended(1, Arrival.KNOWN)
    assert site.activities.head() == 1


def test_other_content_under_a_known_id_is_a_conflict(site: Site) -> None:
    """B122, B125: what came first stays, nothing fires, and the audit says so once a copy."""
    site.declare(trigger("t", "review"))
    site.append(note(1))
    edited = note(1, object={"type": "Note", "content": "edited"})
    assert site.append(edited) == Appended(1, Arrival.CONFLICT)
    assert site.append(edited) == Appended(1, Arrival.CONFLICT)
    site.fire()
    assert site.results() == ["note 1"]
    assert sorted(site.outcomes()) == [("", "conflict"), ("t", "fired")]
    found = site.audit(actor=INES)[-1]
    assert (found.no, found.activity) == (1, note(1)["id"])


def test_an_id_belongs_to_its_actor(site: Site) -> None:
    """B122: another actor who uses the same id has another activity."""
    theirs = note(1) | {"actor": OTTO}
    assert site.append(note(1)).no == 1
    assert site.append(theirs, OTTO) == Appended(2, Arrival.NEW)


def test_many_at_once_keep_their_order(site: Site) -> None:
    """In few transactions; copies among them are the same, and one that is refused stops all."""
    given = [(note(n % 700), INES) for n in range(1_400)]
    said = site.activities.append_all(given)
    assert [one.no for one in said] == [n % 700 + 1 for n in range(1_400)]
    assert [one.no for one in site.activities.after(690)] == list(range(691, 701))
    with pytest.raises(ValueError, match="an activity is"):
        site.activities.append_all([(note(900), INES), ([], INES)])
    assert site.activities.head() == 700
    assert site.activities.get(701) is None


def test_concurrent_delivery_appends_once(tmp_path: Path) -> None:
    """B122: by threads of two processes' stores at once, each activity has one number."""
    with connect(tmp_path / "e.db", create=True) as one, connect(tmp_path / "e.db") as two:
        logs = [Activities(one.client), Activities(two.client)]
        with ThreadPoolExecutor(8) as threads:
            said = list(
                threads.map(
                    lambda n: logs[n % 2].append(note(n // 4), actor=INES), range(80), timeout=50
                )
            )
        assert sorted({found.no for found in said}) == list(range(1, 21))
        assert sum(found.arrival is Arrival.NEW for found in said) == 20
        assert [a.no for a in logs[0].after()] == list(range(1, 21))


def test_two_processes_fire_once(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B122: who writes second finds the cursor moved, and starts nothing."""
    stores = [SQLiteStore.open(tmp_path / "e.db") for _ in range(2)]
    with Site(stores[0], registry) as one, Site(stores[1], registry) as two:
        one.declare(trigger("t", "review"))
        for number in range(6):
            first, second = (one, two) if number % 2 else (two, one)
            first.append(note(number))

            def meanwhile(store: Store, other: Site = first) -> dict[str, Stood]:
                found = cursors(store)
                monkeypatch.undo()
                assert other.firing.look()
                return found

            monkeypatch.setattr("everflow.triggers.firing.cursors", meanwhile)
            assert not second.firing.look()
            second.fire()
        assert len(one.h.runs()) == len(one.audit()) == 6
    for store in stores:
        store.close()


def test_the_number_at_a_time(store: Store, registry: Registry) -> None:
    """The last that came before a moment; found in few reads."""
    clock = JumpClock()
    with Site(store, registry, clock) as site:
        times = []
        for number in range(9):
            site.append(note(number))
            times.append(clock.wall())
            clock.jump(60)
        assert [site.activities.at(moment) for moment in times] == list(range(9))
        assert site.activities.at(clock.wall()) == 9
