"""The ledger: whole lines from many processes, and what ran more than once."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from publishing.ledger import note, read, repeated


@dataclass(frozen=True)
class Attempt:
    """A node's view of its run, as far as the ledger looks."""

    id: str = "run"
    idempotency_key: str = "run/0/write"
    attempt: int = 1


def test_a_line_says_who_ran_what(tmp_path: Path) -> None:
    """Node, run, key, attempt and process."""
    ledger = tmp_path / "work" / "ledger.txt"
    assert read(ledger) == []
    note(ledger, "write", Attempt())
    assert ledger.read_text() == f"write run run/0/write 1 {os.getpid()}\n"
    assert read(ledger) == [("write", "run", "run/0/write", 1, os.getpid())]


def test_a_key_with_spaces_is_one_word(tmp_path: Path) -> None:
    """Positions may hold spaces, columns don't."""
    ledger = tmp_path / "ledger.txt"
    note(ledger, "accept", Attempt(idempotency_key="run/case 0"))
    assert read(ledger)[0].key == "run/case_0"


def test_without_a_ledger_nothing_is_written() -> None:
    """It can be switched off in the settings."""
    note(None, "write", Attempt())


def test_lines_of_several_processes_never_mix(tmp_path: Path) -> None:
    """One write to a file opened for appending is one line."""
    ledger = tmp_path / "ledger.txt"
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawned) as pool:
        list(pool.map(_note_many, [ledger] * 3))
    lines = read(ledger)
    assert len(lines) == 600
    assert {line.node for line in lines} == {"write"}


def _note_many(ledger: Path) -> None:
    for _ in range(200):
        note(ledger, "write", Attempt(idempotency_key="k" * 200))


def test_repeats_are_told_and_retries_are_not(tmp_path: Path) -> None:
    """A second begin of one attempt is a repeat; a second attempt isn't."""
    ledger = tmp_path / "ledger.txt"
    for attempt in (1, 2, 2):
        note(ledger, "write", Attempt(attempt=attempt))
    note(ledger, "review", Attempt(idempotency_key="run/0/review"))
    assert repeated(read(ledger)) == {("write", "run/0/write"): 2}
