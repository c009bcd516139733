"""Workers over PostgreSQL that die or stand still: others take over what they had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from everflow import Run, connect
from everflow.engine.faces.connect import Connection
from tests.faults.outside import PATIENCE, ROOT, Ledger, until
from tests.fleet.working import flows

LEASE = 1.0  # seconds
NEVER = 3600.0
Process = subprocess.Popen[str]
Begin = Callable[..., Process]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger")
    yield ledger
    ledger.close()


@pytest.fixture
def begin(fresh_url: str, ledger: Ledger, tmp_path: Path) -> Iterator[Begin]:
    """Begins a worker on a host, which is a folder for temporary files of its own."""
    begun: list[Process] = []

    def begin(host: str, lease_s: float = LEASE) -> Process:
        (tmp_path / host).mkdir(exist_ok=True)
        words = [fresh_url, str(ledger.path), str(lease_s)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fleet.working", *words],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path / host)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def outside(fresh_url: str, ledger: Ledger) -> Iterator[Connection]:
    """A client that executes nothing; it makes the store."""
    with connect(fresh_url, registry=flows(ledger), create=True) as outside:
        yield outside


def test_a_killed_worker_of_this_host_is_replaced_at_once(
    begin: Begin, outside: Connection, ledger: Ledger
) -> None:
    """B080: a lock tells, whatever the lease."""
    first = begin("here", NEVER)
    run: Run[Any] = outside.start("hangs", 1)
    until(lambda: ledger.of("begun"))
    begin("here", NEVER)
    first.kill()
    assert run.result(PATIENCE) == 2
    assert len(ledger.of("begun")) == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_silent_worker_elsewhere_is_replaced_after_its_lease(
    begin: Begin, outside: Connection, ledger: Ledger, how: signal.Signals
) -> None:
    """B080: its heartbeat stands. One that wakes is fenced, and works on as a new worker."""
    first = begin("here")
    run: Run[Any] = outside.start("hangs", 1)
    until(lambda: ledger.of("begun"))
    second = begin("there")
    first.send_signal(how)
    assert run.result(PATIENCE) == 2
    assert len(ledger.of("begun")) == 2
    if how == signal.SIGSTOP:
        first.send_signal(signal.SIGCONT)
        second.kill()
        again: Run[Any] = outside.start("hangs", 5)
        assert again.result(PATIENCE) == 6
        assert len(ledger.of("begun")) == 3


def test_a_run_that_kills_before_it_is_told_of_is_set_aside(
    begin: Begin, outside: Connection, ledger: Ledger
) -> None:
    """B067: each host reads no other's board, and no worker lives to tell what it began."""
    deadly: Run[Any] = outside.start("dies", 1)
    hosts = 0
    while deadly.status != "blocked":
        hosts += 1
        assert hosts < 9, "it is never found"
        known = len(ledger.of("dies"))
        worker = begin(f"host{hosts}")
        until(lambda: len(ledger.of("dies")) > known or deadly.status == "blocked")  # noqa: B023 - asked within the round
        if deadly.status != "blocked":
            worker.wait(PATIENCE)
    assert "alone" in deadly.row().reason
    assert len(ledger.of("dies")) == hosts - 1
