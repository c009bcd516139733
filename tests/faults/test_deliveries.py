"""RELIABILITY 1, 3: who takes deliveries is killed, and what was acknowledged is there."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from everflow.activitypub import Actors, Circle, Local
from everflow.clock import SystemClock
from everflow.net.keys import save_key
from everflow.stores.sqlite import SQLiteStore
from everflow.triggers.log import activities_after
from tests.activitypub.support import KEYS, Stranger, ask, stranger
from tests.faults.outside import Ledger, Process, until
from tests.faults.test_peers import HERE, Instance, runs_of
from tests.federation.support import looping

NOTES, SENDERS, KILLS = 40, 2, 2


class Taker(Instance):
    """``everflow serve`` on a store with an actor."""

    def make(self) -> Local:
        """Have there be the actor."""
        for kind, key in (("rsa", KEYS.rsa), ("ed25519", KEYS.ed25519)):
            save_key(self.store.with_name(f"{self.store.name}.actor-ines.{kind}-key"), key)
        store = SQLiteStore.open(self.store)
        try:
            return Actors(store, SystemClock().wall).create("ines", inside=(HERE,))
        finally:
            store.close()

    def begin(self) -> None:
        """Serve."""
        self._nursery.tell(f"serve tests.faults.received --store {self.store} --port {self.port}")
        self.pid = int(self._nursery.line())
        self.pids.append(self.pid)


@pytest.fixture
def taker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Taker]:
    """A server process that may be killed."""
    ledger = Ledger(tmp_path / "ledger")
    monkeypatch.setenv("EVERFLOW_TEST_LEDGER", str(ledger.path))
    nursery = Process("nursery")
    made = Taker("here", tmp_path, nursery)
    yield made
    made.close()
    nursery.stop()
    ledger.close()


def delivered(ines: Local, otto: Stranger, activity: dict[str, Any]) -> bool:
    """Whether it was acknowledged; signed anew for each try."""
    body = json.dumps(activity).encode()
    headers = otto.signed_by(ines.inbox, body, now=SystemClock().wall())
    with suppress(OSError, http.client.HTTPException):
        return ask(ines.inbox, "POST", body, headers).status == 202
    return False


def test_kills_lose_nothing_that_was_acknowledged(taker: Taker) -> None:
    """B120, B122: each activity is in the log once and fired once; who follows is answered once."""
    ines = taker.make()
    taker.begin()
    with looping() as loop, stranger(loop) as otto:
        acknowledged: list[str] = []

        def send(first: int) -> None:
            for number in range(first, NOTES, SENDERS):
                note = otto.note(number)
                until(lambda: delivered(ines, otto, note), pause=0.02)  # noqa: B023 - it is asked at once
                acknowledged.append(note["id"])

        follow = otto.note("follow", type="Follow", object=ines.id)
        until(lambda: delivered(ines, otto, follow), pause=0.02)
        senders = [Thread(target=send, args=(number,)) for number in range(SENDERS)]
        for each in senders:
            each.start()
        for kill in range(1, KILLS + 1):
            until(lambda: len(acknowledged) >= kill * NOTES // (KILLS + 1), pause=0.001)  # noqa: B023 - it is asked at once
            taker.kill()
            taker.begin()
        for each in senders:
            each.join()
        until(lambda: len(runs_of(taker, "received")) == NOTES and otto.received, pause=0.02)
        taker.kill()
    store = SQLiteStore.open(taker.store, create=False)
    try:
        found = Counter(each.id for each in activities_after(store, 0, 1_000))
        assert found == Counter([*acknowledged, follow["id"]])
        assert [each.id for each in Circle(store).followers(ines)] == [otto.id]
    finally:
        store.close()
    assert len(runs_of(taker, "received")) == NOTES
    assert {said["type"] for said in otto.received} == {"Accept"}
    assert len({said["id"] for said in otto.received}) == 1
