"""Who is heard of a run, and what a peer may leave: requests as a hostile peer may send them.

B107, B108; reliability 20, 21.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from everflow import suspend
from everflow.core.marks import ASIDE, marked
from everflow.errors import ValueMismatch
from everflow.federation.carrying import reception
from everflow.federation.carrying.letters import Beside, encode, envelope, opened
from everflow.federation.carrying.parts import Parts
from everflow.federation.carrying.post import PART, Post
from everflow.federation.protocol.lineage import Epoch, Extent, Link
from everflow.federation.protocol.messages import (
    Claim,
    Cut,
    Handover,
    Message,
    Offer,
    Recall,
    Segment,
    Unlease,
)
from everflow.federation.protocol.standing import Role
from everflow.store import Signal
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, plus_one, until
from tests.federation.asking import Said, request, send, signed
from tests.federation.support import Instance
from tests.federation.test_handing import entries, everywhere, friends, role, started


def tell(to: Instance, by: Instance, run: str, message: Message) -> Said:
    return post(to, by, envelope([encode(run, message)]))


def post(to: Instance, by: Instance, body: bytes) -> Said:
    return send(to, signed(request(to, "POST", "/runs", body), by))


def why(said: Said) -> str:
    assert said.status == 200, said.body
    (declined,) = json.loads(said.body)["declined"]
    return str(declined["why"])


def cut_of(of: Instance, run: str) -> Cut:
    """What an instance has of a run, as it ships it."""
    read = of.store.slice(run, 0)
    rows = tuple(read.whole.entries)
    beside = Beside(msgspec.structs.replace(read.whole, entries=[]), read.definitions)
    return Cut(after=0, entries=rows, side=beside, upto=Extent(read.seq, read.rev))


def taken(by: Instance, run_of: Instance, number: int = 9) -> tuple[Epoch, tuple[Link, ...]]:
    """An epoch that an instance makes up, on top of another one's."""
    epoch = Epoch(number, by.identity.id)
    return epoch, (Link(Epoch(1, run_of.identity.id)), Link(epoch, Extent(1, 1)))


def test_nobody_takes_a_run_that_was_never_given_to_them() -> None:
    """Neither one that never left, nor one that another has a copy of."""
    with friends("west", "east", "north") as (west, east, north):
        everywhere(west, east, north, name="ask", body=suspend("approval") >> plus_one)
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        epoch, lineage = taken(north, west)
        cut = cut_of(west, run.id)
        speeches = (
            Claim(epoch=epoch, lineage=lineage),
            Segment(epoch=epoch, lineage=lineage, cut=cut),
            Offer(epoch=epoch),
            Handover(
                epoch=epoch,
                lineage=(*lineage, Link(Epoch(10, west.identity.id), Extent(2, 2))),
                cut=cut,
            ),
        )
        for message in speeches:
            assert "begun here" in why(tell(west, north, run.id, message))
        west.loop.run(west.federation.replicate_to("east", wait=PATIENT))
        for to in (west, east):
            for message in speeches:
                assert "never given" in why(tell(to, north, run.id, message))
        assert (role(west, run.id), role(east, run.id)) == (Role.OWNER, Role.REPLICA)
        west.engine.resume(run.id, 5)
        assert run.result(PATIENT) == 6


def test_who_has_a_copy_may_be_told_to_go_on_with_it() -> None:
    """And a person may have one be heard whom nobody named."""
    with friends("west", "east", "north") as (west, east, north):
        everywhere(west, east, north, name="ask", body=suspend("approval"))
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        west.loop.run(west.federation.replicate_to("east", wait=PATIENT))
        epoch, lineage = taken(north, west)
        claim = Claim(epoch=epoch, lineage=lineage)
        assert "never given" in why(tell(east, north, run.id, claim))
        east.loop.run(east.federation.believe(run.id, "north"))
        assert json.loads(tell(east, north, run.id, claim).body)["declined"] == []
        assert east.federation.holding(run.id).owner == north.identity.id


def test_nobody_speaks_as_another() -> None:
    """An owner's words bear the owner's own epoch."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        epoch = Epoch(1, "somebody")
        segment = Segment(epoch=epoch, lineage=(Link(epoch),), cut=Cut(
            after=0, entries=(), side=None, upto=Extent()))  # fmt: skip
        said = tell(east, west, "01kays0000" + "0" * 16, segment)
        assert said.status == 400
        assert "speaks for another" in why(
            tell(east, west, "01kays0000" + "0" * 16, Offer(epoch=epoch))
        )


def test_copies_stop_at_what_their_sender_may_leave() -> None:
    """Bytes, of all its runs."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        east.peers.change("west", keep=10)
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        mine = Epoch(1, west.identity.id)
        cut = cut_of(west, run.id)
        segment = Segment(epoch=mine, lineage=(Link(mine),), cut=cut)
        assert "as much here as it may" in why(tell(east, west, run.id, segment))
        east.peers.change("west", keep=0, adopt=())
        claim = Claim(epoch=mine, lineage=(Link(mine),))
        assert "may keep nothing" in why(tell(east, west, run.id, claim))
        assert east.store.find(run.id) is None


@pytest.mark.parametrize("kind", ["recall", "unlease"])
def test_who_may_keep_nothing_fills_no_store_by_words(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What is to be remembered of runs that nobody knows here has an end."""
    monkeypatch.setattr(reception, "WORDS", 4 * reception.WORD - 1)
    with friends("west", "east") as (west, east):
        east.up()
        east.peers.change("west", keep=0, adopt=())
        mine, next_ = Epoch(1, west.identity.id), Epoch(2, east.identity.id)
        words: dict[str, Message] = {
            "recall": Recall(epoch=mine, next=next_),
            "unlease": Unlease(epoch=mine, term=1),
        }
        runs = [f"01kays{number:020}" for number in range(5)]
        said = post(east, west, envelope([encode(run, words[kind]) for run in runs]))
        declined = json.loads(said.body)["declined"]
        assert [one["run"] for one in declined] == runs[3:]
        assert "may keep nothing" in declined[0]["why"]
        assert len(east.store.records("tenure")) == 3
        # What stands is counted, and isn't forgotten with the process.
        monkeypatch.setattr(reception, "WORDS", size_of(east, "tenure") + reception.WORD - 1)
        east.down()
        east.up()
        assert "may keep nothing" in why(tell(east, west, runs[4], words[kind]))


def size_of(of: Instance, kind: str) -> int:
    return sum(len(record.body) for record in of.store.records(kind))


def test_nobody_is_asked_who_isn_t_known_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Owners that a peer makes up cost nothing."""
    asked: list[str] = []
    monkeypatch.setattr(Post, "put", lambda _post, peer, _run, _message: asked.append(peer))
    with friends("west", "east", "north") as (west, east, north):
        east.up()
        run = "01kays0000" + "0" * 16
        for number, owner in enumerate(("nobody", north.identity.id), 1):
            epoch = Epoch(number, owner)
            claim = Claim(epoch=epoch, lineage=(Link(epoch),))
            tell(east, west if number == 1 else north, run[:-1] + str(number), claim)
            asked.clear()
            offer = Offer(epoch=Epoch(9, west.identity.id))
            assert "never given" in why(tell(east, west, run[:-1] + str(number), offer))
            assert asked == ([] if owner == "nobody" else [owner])


def edited(cut: Cut, what: str) -> Cut:
    beside = cut.side
    assert isinstance(beside, Beside)
    whole = beside.whole
    first: Any = cut.entries[0]
    replace = msgspec.structs.replace
    if what == "checksum":
        no, seq, body, checksum = first
        return replace(cut, entries=((no, seq, body + " ", checksum), *cut.entries[1:]))
    if what == "gap":
        return replace(cut, entries=cut.entries[1:-1])
    if what == "order":
        return replace(cut, entries=cut.entries[::-1])
    if what == "not one":
        return replace(cut, entries=("x",))
    if what == "negative":
        return replace(cut, upto=Extent(-1, 1))
    mark = marked(ASIDE, "0" * 64 + " 99")
    changes: dict[str, dict[str, Any]] = {
        "another": {"row": replace(whole.row, id="other")},
        "questions": {"questions": [replace(whole.questions[0], run="other")]},
        "heard": {"heard": [("a", "b"), ("a", "b")]},
        "away": {"arrivals": [Signal(no=0, name="a", payload=mark, key="k", at=1)]},
        "numbers": {"row": replace(whole.row, created=1 << 70)},
        "handed_off": {"row": replace(whole.row, status="handed_off")},
    }
    return replace(cut, side=replace(beside, whole=replace(whole, **changes[what])))


@pytest.mark.parametrize(
    "what",
    [
        "checksum", "gap", "order", "not one", "negative", "another", "questions", "heard",
        "numbers", "away", "handed_off",
    ],
)  # fmt: skip
def test_what_isn_t_a_run_is_refused_whole(what: str) -> None:
    """Before any of it is heard."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=plus_one >> suspend("approval"))
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        mine = Epoch(1, west.identity.id)
        segment = Segment(epoch=mine, lineage=(Link(mine),), cut=edited(cut_of(west, run.id), what))
        said = tell(east, west, run.id, segment)
        assert said.status == 400
        assert east.store.find(run.id) is None


@pytest.mark.parametrize("what", ["another", "none", "large", "deep"])
def test_a_definition_is_the_one_that_its_hash_names(what: str) -> None:
    """A copy brings none under the name of another, which runs here would go by from then on."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        mine, cut = Epoch(1, west.identity.id), cut_of(west, run.id)
        assert isinstance(cut.side, Beside)
        ((name, body),) = cut.side.definitions
        false = {
            "another": (f"0{name[1:]}", body),
            "none": (name, body.replace("approval", "other")),
            "large": ("0" * 48, "x" * 70_000),
            "deep": ("0" * 48, "[" * 9_000),
        }[what]
        side = msgspec.structs.replace(cut.side, definitions=[(name, body), false])
        cut = msgspec.structs.replace(cut, side=side)
        said = tell(east, west, run.id, Segment(epoch=mine, lineage=(Link(mine),), cut=cut))
        assert (said.status, said.code) == (400, "bad_letter")
        assert east.store.find(run.id) is None
        assert east.store.definition("0" * 48) is None


def put_part(to: Instance, by: Instance, name: str, at: Any, of: Any, body: bytes) -> Said:
    message = request(to, "PUT", f"/parts/{name}?at={at}&of={of}", body)
    return send(to, signed(message, by))


def have(said: Said) -> int:
    assert said.status == 200, said.body
    return int(json.loads(said.body)["have"])


def test_parts_go_on_from_what_is_there() -> None:
    """After a restart of the receiver, too; what comes again or out of its turn changes nothing."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        mine = Epoch(1, west.identity.id)
        segment = Segment(epoch=mine, lineage=(Link(mine),), cut=cut_of(west, run.id))
        body = envelope([encode(run.id, segment)])
        name, size = hashlib.sha256(body).hexdigest(), len(body)
        assert have(put_part(east, west, name, 0, size, body[:100])) == 100
        east.down()
        east.up()
        assert have(put_part(east, west, name, 0, size, body[:100])) == 100
        assert have(put_part(east, west, name, 200, size, body[200:])) == 100
        assert have(put_part(east, west, name, 100, size + 1, body[100:])) == 100
        assert have(put_part(east, west, name, 100, size, body[100:])) == size
        assert entries(east, run.id) == entries_in_store(west, run.id)
        assert east.store.records("part") == east.store.records("stage") == []


def entries_in_store(of: Instance, run: str) -> int:
    (tenure,) = of.store.tenures([run])
    return tenure.seq


def test_parts_that_are_no_envelope_are_refused() -> None:
    """By their name, by their number, by what they are put together."""
    with friends("west", "east") as (west, east):
        east.up()
        body = b"nothing of that name"
        name = hashlib.sha256(b"other").hexdigest()
        assert put_part(east, west, name, 0, len(body), body).code == "bad_letter"
        assert east.store.records("part") == []
        assert put_part(east, west, "short", 0, 1, b"x").code == "bad_letter"
        assert put_part(east, west, name, "x", 1, b"x").code == "bad_letter"
        assert put_part(east, west, name, 0, 1 << 40, b"x").code == "bad_letter"
        assert put_part(east, west, name, 0, PART * 9, b"x" * (PART + 5_000)).code == "too_large"


def test_a_peer_has_so_many_envelopes_on_their_way() -> None:
    """None that is begun is passed over when it is counted what it may leave."""
    store = MemoryStore()
    parts = Parts(store)
    names = [f"{number:064x}" for number in range(101)]
    for name in names[:100]:
        parts.take("west", name, b"x", at=0, of=1_000, now=1)
    assert parts.promised("west", but=names[99]) == 99_000
    with pytest.raises(ValueMismatch, match="100 large envelopes"):
        parts.promised("west", but=names[100])
    assert parts.promised("east", but=names[100]) == 0


@pytest.mark.parametrize("run", ["", "r", "../../x", "01KAYS0000" + "0" * 16, "a\n" * 13])
def test_what_is_no_id_of_a_run_names_none(run: str) -> None:
    """RELIABILITY 22: it never gets into the store, whoever says it."""
    with pytest.raises(ValueMismatch, match="names no run"):
        opened(envelope([encode(run, Offer(epoch=Epoch(1, "x")))]))


def test_an_envelope_that_can_t_be_read_is_refused() -> None:
    """Whole."""
    with friends("west", "east") as (west, east):
        east.up()
        assert post(east, west, b'{"letters":[{}]}').code == "bad_letter"
        many = envelope([encode("r", Offer(epoch=Epoch(1, "x")))] * 10_001)
        assert post(east, west, many).code == "bad_letter"
        nobody = envelope([encode("", Offer(epoch=Epoch(1, "x")))])
        assert post(east, west, nobody).code == "bad_letter"


def test_who_sends_too_often_waits() -> None:
    """By what a peer may in a minute."""
    with friends("west", "east") as (west, east):
        east.peers.change("west", per_minute=2)
        east.up()
        body = envelope([])
        assert [post(east, west, body).status for _ in range(3)] == [200, 200, 429]
        name = hashlib.sha256(body).hexdigest()
        assert put_part(east, west, name, 0, len(body), body).status == 429
