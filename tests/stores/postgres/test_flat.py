"""A verb looks at few blocks, by indexes, however many runs there are."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from bench.scale.store import Explained
from bench.scale.verbs import COUNTING, DUE, verbs
from everflow.stores.postgres.place import Place
from tests.stores.postgres.servers import Server

RUNS = 20_000
MOST = 600  # blocks of 8 kB; the rows of all runs are 700
ALLOWED = {
    "runs: of a queue": 800,  # of so few runs all 2,000 of the queue are sorted
    "claim": 1_200,  # with the index entries of the five runs that it takes
    "runs: with an open tag": 6_000,  # each of the newest is looked at, and one in 25 has it
}
FILL = Path(__file__).parents[3] / "bench" / "scale" / "fill.sql"
WALKS = re.compile(r"Seq Scan on (run|entry|question|inbox|record|heard)")
_numbers = count(1)


def filled(statements: str, schema: str, line: psycopg.Connection) -> None:
    """Do what psql would, but for the indexes, which stay."""
    text = statements.replace(":runs", str(RUNS)).replace("everflow.", f"{schema}.")
    for statement in re.split(r";\n|\\gexec\n", text):
        if "shape" not in statement and "DROP INDEX" not in statement and statement.strip():
            line.execute(statement)


@pytest.fixture(scope="module")
def full(postgres: Server) -> Iterator[Explained]:
    """A store of many runs, with statistics, as autovacuum keeps them."""
    place = Place.read(postgres.url(f"flat_{next(_numbers)}"))
    store = Explained(place)
    store.look(create=True)
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        filled(FILL.read_text(), place.schema, line)
        yield store
        store.close()
        line.execute(f"DROP SCHEMA {place.schema} CASCADE")


def complaint(name: str, blocks: int, plans: str) -> str:
    """What is wrong with a verb's plan, if anything is."""
    allowed = ALLOWED.get(name, MOST)
    walks = WALKS.search(plans)
    if 0 < blocks <= allowed and walks is None:
        return ""
    return f"{name}: {blocks} blocks, allowed are {allowed}\n{plans}"


def test_no_verb_walks_over_runs(full: Explained) -> None:
    """Each finds what is asked for by an index that has it in its order."""
    asked = verbs(RUNS) | {"claim": lambda store: store.claim(1, now=DUE, limit=5)}
    full.claim(1, now=DUE, limit=1)  # planned once for a connection, which looks at much else
    judged = [
        complaint(name, *full.explained(verb))
        for name, verb in asked.items()
        if name not in COUNTING
    ]
    assert not "\n".join(filter(None, judged))


def test_the_guard_would_notice() -> None:
    """A plan that walks, one that looks at too much, and a verb that asked nothing."""
    assert complaint("x", 5, "->  Seq Scan on run (actual")
    assert complaint("x", MOST + 1, "Index Scan using run_created on run")
    assert complaint("x", 0, "")
    assert not complaint("x", 5, "Seq Scan on worker")
