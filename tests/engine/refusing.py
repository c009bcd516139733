"""Stores that refuse for good what bears a certain word, as a constraint has each of them do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import psycopg

from everflow.store import Batch, SideRow
from everflow.stores.memory import MemoryStore
from everflow.stores.postgres import PostgresStore
from everflow.stores.refusals import Inconsistent
from tests.engine.support import World
from tests.stores.postgres.servers import Server

WORD = "poison"


class Picky(MemoryStore):
    """A store that refuses each batch for which ``against`` finds a reason, and writes it down."""

    def __init__(self) -> None:
        super().__init__()
        self.against: Callable[[Batch], str] = lambda _: ""
        self.refused: list[Batch] = []

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        said = self.against(batch)
        if said:
            self.refused.append(batch)
            raise Inconsistent(f"The store refused an inconsistent row: {said}.")
        return super().append(batch, side_rows)


class Poisoned:
    """A world whose store takes no entry with the word in it, once it is ``spoilt``."""

    def __init__(
        self, world: World, spoil: Callable[[], object], cure: Callable[[], object]
    ) -> None:
        self.world = world
        self.spoil, self.cure = spoil, cure


def in_entries(batch: Batch) -> str:
    return "no such word" if any(WORD in body for _, _, body, _ in batch.entries) else ""


def in_memory() -> Poisoned:
    store = Picky()

    def turn(against: Callable[[Batch], str]) -> None:
        store.against = against

    return Poisoned(World(store), lambda: turn(in_entries), lambda: turn(lambda _: ""))


def in_a_file(file: Path) -> Poisoned:
    def change(statement: str) -> None:
        line = apsw.Connection(str(file))  # sqlite3's own library would take this one's locks away
        line.set_busy_timeout(20_000)
        line.execute(statement)
        line.close()

    trigger = (
        f"CREATE TRIGGER no_{WORD} BEFORE INSERT ON entry WHEN instr(NEW.body, '{WORD}')"
        " BEGIN SELECT RAISE(ABORT, 'no such word'); END"
    )
    return Poisoned(World(file), lambda: change(trigger), lambda: change(f"DROP TRIGGER no_{WORD}"))


def on_a_server(server: Server, url: str) -> tuple[Poisoned, PostgresStore]:
    store = PostgresStore.open(url)
    schema = url.rpartition("schema=")[2]

    def change(statement: str) -> None:
        with psycopg.connect(server.dsn, autocommit=True) as line:
            line.execute(f"ALTER TABLE {schema}.entry {statement}")

    check = f"ADD CONSTRAINT no_{WORD} CHECK (body NOT LIKE '%{WORD}%') NOT VALID"
    poisoned = Poisoned(
        World(store), lambda: change(check), lambda: change(f"DROP CONSTRAINT no_{WORD}")
    )
    return poisoned, store
