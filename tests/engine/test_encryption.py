"""Runs on a sealed store: they work as ever, and an erased one keeps nothing but its skeleton."""

from __future__ import annotations

import asyncio
import base64
import io
import secrets
from pathlib import Path
from typing import Any

import pytest

from everflow import Config, Connection, Engine, Registry, Run, RunQuery, Status, ask, flow, suspend
from everflow.engine.asking.runs import prompt_of
from everflow.engine.records.erasures import erasure_of
from everflow.errors import (
    CallerError,
    ConfigurationError,
    KeyMissing,
    RunBlocked,
    RunErased,
    RunFailed,
    StillRunning,
    ValueMismatch,
)
from everflow.stores.memory import MemoryStore
from everflow.stores.sealed import KeyFile, MemoryKeys
from tests.engine.support import PATIENT, QUICK, settle, step, until

SECRET = "Ann Example, 12 Mill Lane, with more than sixty-four characters to it, to be sure"


@pytest.fixture
def registry() -> Registry:
    registry = Registry()

    def fails(value: Any) -> Any:
        raise ValueError(value)

    flow("f", ask("name", str) >> step(lambda pair: [*pair], name="pair"), registry=registry)
    flow("bad", step(fails), registry=registry)
    return registry


def engine(where: Any, registry: Registry, keys: Any = None) -> Engine:
    return Engine(where, registry=registry, encryption=keys, config=Config(poll_s=QUICK))


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("store*")) if path.is_file())


def test_a_run_on_a_sealed_file_leaves_no_word_of_it(tmp_path: Path, registry: Registry) -> None:
    """Input, prompt, answer, result and error: none is in the file, all are in the run."""
    keys = KeyFile.open(tmp_path / "keys", base64.b64encode(secrets.token_bytes(32)).decode())
    with engine(tmp_path / "store.db", registry, keys) as flows:
        run: Run[Any] = flows.start("f", SECRET)
        settle(run)
        assert prompt_of(flows.client.store, flows.questions(run)[0], registry.types) == SECRET
        flows.resume(run, f"to {SECRET}")
        assert run.result(PATIENT) == [SECRET, f"to {SECRET}"]
        with pytest.raises(RunFailed, match=SECRET):
            flows.start("bad", SECRET).result(PATIENT)
        assert SECRET.encode() not in bytes_of(tmp_path)
        flows.backup(tmp_path / "store.backup")
    assert SECRET.encode() not in bytes_of(tmp_path)
    with engine(tmp_path / "store.db", registry, keys) as flows:
        assert flows.run(run.id).result() == [SECRET, f"to {SECRET}"]


def test_an_erased_run_keeps_its_skeleton(registry: Registry) -> None:
    """Here and in a copy made before, its data can't be read ever again; other runs' can."""
    store, copy, keys = MemoryStore(), MemoryStore(), MemoryKeys()
    file = io.BytesIO()
    with engine(store, registry, keys) as flows:
        runs: list[Run[Any]] = [flows.start("f", SECRET, labels={"for": "ann"}) for _ in range(2)]
        gone, kept = runs
        for run in (gone, kept):
            settle(run)
            flows.resume(run, "x")
            run.result(PATIENT)
        flows.export([gone.id], file)
        assert SECRET.encode() not in file.getvalue()
        assert flows.erase(gone, by="bob")
        assert not flows.erase(gone.id)
        with pytest.raises(RunErased, match="only its skeleton is left"):
            gone.result()
        assert kept.result() == [SECRET, "x"]
        row = gone.row()
        assert (row.status, row.flow, row.labels) == (Status.DONE, "f", {"for": "ann"})
        assert len(flows.client.store.journal(row.no)) == 3
        erasure = erasure_of(store, gone.id)
        assert erasure is not None
        assert erasure.by == "bob"
    with Connection(copy, registry=registry, encryption=keys) as flows:
        flows.import_runs(io.BytesIO(file.getvalue()))
        with pytest.raises(KeyMissing):
            flows.run(gone.id).result()


def test_what_can_not_be_erased_says_why(registry: Registry) -> None:
    """A live run, a run from before there were keys, and a store without keys."""
    store = MemoryStore()
    with engine(store, registry) as flows:
        plain: Run[Any] = flows.start("f", 1)
        settle(plain)
        flows.cancel(plain)
        until(lambda: plain.status is Status.CANCELLED)
        with pytest.raises(ConfigurationError, match="isn't opened with keys"):
            flows.erase(plain)
    with engine(store, registry, MemoryKeys()) as flows:
        live: Run[Any] = flows.start("f", 1)
        with pytest.raises(StillRunning, match="only one that has ended is erased"):
            flows.erase(live)
        with pytest.raises(CallerError, match="begun without encryption"):
            flows.erase(plain.id)

    async def awaited() -> None:
        async with engine(store, registry, MemoryKeys()) as flows:
            with pytest.raises(CallerError, match="begun without encryption"):
                await flows.erase(plain.id)

    asyncio.run(awaited())


@pytest.mark.parametrize("keys", [None, MemoryKeys()])
def test_a_lost_key_blocks_the_run_and_loses_nothing(registry: Registry, keys: Any) -> None:
    """It goes on by itself once the keys are back."""
    store, right = MemoryStore(), MemoryKeys()
    with engine(store, registry, right) as flows:
        run = flows.start("f", SECRET).id
        settle(flows.run(run))
    with engine(store, registry, keys) as flows:
        with pytest.raises(ValueMismatch, match="the value is sealed"):
            prompt_of(flows.client.store, flows.questions(run)[0], registry.types)
        flows.resume(run, "x")
        with pytest.raises(RunBlocked, match="the run's data is sealed, and"):
            flows.run(run).result(PATIENT)
    with engine(store, registry, right) as flows:
        until(lambda: flows.run(run).status is Status.DONE)
        assert flows.run(run).result() == [SECRET, "x"]


def test_a_flow_may_wait_for_days_and_be_read_from_a_base(registry: Registry) -> None:
    """Snapshots are sealed too."""
    flow("long", suspend("a") >> suspend("b") >> step(lambda x: x, name="id"), registry=registry)
    store, keys = MemoryStore(), MemoryKeys()
    big = SECRET * 100
    for tag in ("", "a", "b"):
        with engine(store, registry, keys) as flows:
            if not tag:
                run = flows.start("long", big).id
            else:
                flows.resume(run, big, tag=tag)
            settle(flows.run(run))
    assert store.runs(RunQuery())[0].base > 0
    assert SECRET not in repr(vars(store))
    with engine(store, registry, keys) as flows:
        assert flows.run(run).result() == big
