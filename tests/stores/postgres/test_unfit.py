"""Whose code doesn't fit a run is known of however many workers live."""

from typing import cast

import psycopg

from everflow.store import Released, Status, Store
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.place import Place
from everflow.testing.conformance.base import START, Scribe, begin, standing
from tests.stores.postgres.spares import Spares


def test_any_number_of_living_workers_may_lack_a_runs_code(spares: Spares) -> None:
    """Each tries it once, and none is refused what it says of that (B065)."""
    url = spares.take()
    store = cast("Store", PostgresStore.open(url))
    row = begin(store, "a")
    many = [store.enlist(host="here", pid=1, at=START).id for _ in range(250)]
    unfit = "{" + ",".join(f'"{worker}":{worker * 7_919}' for worker in sorted(many, key=str)) + "}"
    place = Place.read(url)
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        line.execute(
            f"UPDATE {place.schema}.run SET status = 'blocked', until = 'code', unfit = %s",
            [unfit],
        )
    one, other = Scribe(store), Scribe(store)
    assert store.claim(many[7], now=START, limit=9, code=many[7] * 7_919) == []
    assert [found.no for found in store.claim(one.id, now=START, limit=9, code=5)] == [row.no]
    blocked = standing(row, Status.BLOCKED, until="code")
    one.write(changes=[blocked], released=[Released(row.no, code=5)])
    assert store.claim(one.id, now=START, limit=9, code=5) == []
    assert store.claim(many[9], now=START, limit=9, code=many[9] * 7_919) == []
    assert [found.no for found in store.claim(other.id, now=START, limit=9, code=5)] == [row.no]
    store.close()
    spares.give_back(url)
