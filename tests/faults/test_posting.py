"""RELIABILITY 1: who delivers is killed amid it, and nobody is left out."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

from starlette.responses import Response

from everflow import RunQuery, Status, connect
from everflow.activitypub import Actors, Follower, outbox_of
from everflow.activitypub.circle import follower_put
from everflow.activitypub.delivery import PER_LANE
from tests.activitypub.delivering import Arrived, receiver
from tests.faults.outside import Process, until
from tests.federation.support import HOST, looping

FOLLOWERS, KILLED = 20, 7


def test_a_post_reaches_all_though_who_delivers_is_killed(tmp_path: Path) -> None:
    """Each inbox gets the same bytes at least once, and nothing twice but what was on its way."""
    store = tmp_path / "blog.db"
    with looping() as loop, receiver(loop) as there, connect(store, create=True) as flows:
        ines = Actors(flows.store, flows.client.clock.wall).create(
            "ines", address="https://blog.example", inside=(HOST,)
        )
        names = [f"u{number}" for number in range(FOLLOWERS)]
        puts = [
            follower_put(
                ines,
                Follower(id=f"https://{n}.example", inbox=there.inbox(n), follow=n, at=0),
            )
            for n in names
        ]
        flows.store.write(puts, at=0)
        said = outbox_of(flows.client).publish("ines", "Hello")

        def deadly(_: Arrived) -> Response:
            if len(there.arrived) == KILLED:
                first.send(signal.SIGKILL)
            return Response(status_code=202)

        there.says = deadly
        first = Process("posting", store)
        until(lambda: not first.lives)
        assert first.end() == -signal.SIGKILL
        second = Process("posting", store)
        until(lambda: len(flows.store.runs(RunQuery(status=(Status.DONE,)))) == FOLLOWERS + 1)
        second.stop()
    paths = Counter(there.paths())
    assert sorted(paths) == sorted(f"/{name}/inbox" for name in names)
    assert sum(paths.values()) <= FOLLOWERS + PER_LANE
    assert {came.body for came in there.arrived} == {there.arrived[0].body}
    assert json.loads(there.arrived[0].body)["id"] == said
