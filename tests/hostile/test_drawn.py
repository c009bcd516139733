"""What known peers may send, drawn by the types that are read: refused or done, never a fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everflow.federation import PREFIX, Peers
from everflow.federation.carrying.letters import Beside, Envelope, Letter
from everflow.federation.http import ROUTES
from everflow.federation.keyring import Announcement
from everflow.federation.words import Ask, Nudge
from everflow.store import EntryRow
from tests.hostile.drawing import ANYTHING, drawn
from tests.hostile.forging import CALL, Asked
from tests.hostile.rows import Line
from tests.hostile.site import Site

pytestmark = pytest.mark.usefixtures("unmeasured")

BODIES = {"/calls/{call}": Ask, "/nudges": Nudge, "/key": Announcement, "/runs": Envelope}
RUNS = ["01kays0001" + "0" * 16, "01kays0002" + "0" * 16]
DRAWN = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def answered(site: Site, asked: Asked) -> None:
    """An answer that is no fault, of a server that goes on."""
    line = Line(site.port)
    try:
        said = line.ask(asked(site))
    finally:
        line.close()
    assert 200 <= said.status < 500, (said, asked)
    if said.status >= 400:
        assert json.loads(said.text)["code"]
    assert site.engine.fault is None


@DRAWN
@given(data=st.data())
def test_nothing_that_a_peer_sends_is_a_fault(site: Site, data: st.DataObject) -> None:
    """RELIABILITY 17, 21, 22: every endpoint, with bodies that nearly fit."""
    method, path, _ = data.draw(st.sampled_from(ROUTES))
    known = st.sampled_from(["add", "hidden", CALL, site.west.id, site.east.id, *RUNS])
    fitting = drawn(BODIES[path], known) if path in BODIES else ANYTHING
    body = json.dumps(data.draw(st.one_of(fitting, ANYTHING))).encode("utf-8", "surrogatepass")
    call = data.draw(st.sampled_from([CALL, "0" * 26, "z" * 26]))
    target = path.replace("{call}", call).replace("{part}", "0" * 64)
    query = data.draw(st.sampled_from(["", "?wait=0", "?wait=x", "?at=0&of=9", "?at=-1&of=x"]))
    answered(site, Asked(method, PREFIX + target + query, body))


@DRAWN
@given(data=st.data())
def test_no_letter_of_a_peer_that_may_all_is_a_fault(site: Site, data: st.DataObject) -> None:
    """RELIABILITY 16, 21: about runs, with histories and entries that nearly fit."""
    client = site.engine.client
    Peers(client.store, client.clock.wall).change("east", keep=1 << 30, adopt=("*",))
    known = st.sampled_from([site.west.id, site.east.id, "done", "shouted", *RUNS])
    letter = data.draw(drawn(Letter, known))
    message = letter["message"]
    letter["run"] = data.draw(st.sampled_from(RUNS))
    for name in ("epoch", "next"):
        if name in message:
            message[name][1] = data.draw(
                st.sampled_from([site.east.id, site.own.partition("#")[0]])
            )
    if "cut" in message:
        message["cut"]["entries"] = data.draw(st.lists(drawn(EntryRow, known), max_size=1))
        message["cut"]["side"] = data.draw(drawn(Beside, known))
        message["cut"]["side"]["whole"]["row"]["id"] = letter["run"]
    body = json.dumps({"letters": [letter]}).encode("utf-8", "surrogatepass")
    answered(site, Asked("POST", f"{PREFIX}/runs", body, by="east"))
