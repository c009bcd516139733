"""Floods: who sends forged or endless deliveries takes its own share, and nobody else's.

RELIABILITY 15, 17, 25.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from everflow.activitypub import Directory, Limits
from everflow.activitypub.sources import Fetches, Readers, Room, Turns, source_of
from everflow.errors import OutsideError
from tests.activitypub.support import Site, Stranger, ask, deliver, site, stranger
from tests.engine.support import PATIENT, until

FORGER, HONEST = "8.8.8.8", "9.9.9.9"
SOURCES = [
    ("8.8.8.8", [], "8.8.8.8"),
    ("8.8.8.8", ["9.9.9.9"], "8.8.8.8"),
    ("127.0.0.1", ["9.9.9.9"], "9.9.9.9"),
    ("10.1.2.3", ["1.1.1.1", "8.8.8.8, 9.9.9.9"], "9.9.9.9"),
    ("::ffff:8.8.8.8", [], "8.8.8.8"),
    ("2001:4860:1:2:3::4", [], "2001:4860:1:2::/64"),
    ("fe80::1%eth0", ["2001:4860:1:2::9"], "2001:4860:1:2::/64"),
    ("127.0.0.1", [], ""),
    ("127.0.0.1", ["127.0.0.1"], ""),
    ("127.0.0.1", ["9.9.9.9, unknown"], ""),
    ("", ["9.9.9.9"], ""),
]


@pytest.mark.parametrize(("address", "forwarded", "source"), SOURCES)
def test_a_source_is_who_delivers(address: str, forwarded: list[str], source: str) -> None:
    """What is said of others counts from a proxy inside alone, and what the last one said."""
    assert source_of(address, forwarded) == source


def test_a_quarter_is_for_one() -> None:
    """Of all places; who can't be told apart has all of them, and each is given back."""
    room = Room(4)
    for _ in range(2):
        with room.place("a") as first, room.place("a") as second, room.place("b") as other:
            assert (first, second, other) == (True, False, True)
            with room.place("") as third, room.place("") as fourth, room.place("") as fifth:
                assert (third, fourth, fifth) == (True, True, False)


def test_turns_are_for_each_source() -> None:
    """Names that hang hold up those who sent them, and nobody who can't be told."""

    async def play() -> list[str]:
        turns, inside = Turns(2), list[str]()
        full, over = asyncio.Event(), asyncio.Event()

        async def ask_for(who: str) -> None:
            async with turns.turn(who):
                inside.append(who)
                if len(inside) == 6:
                    full.set()
                await over.wait()

        asking = [asyncio.create_task(ask_for(who)) for who in ("a", "a", "a", "b", "", "", "")]
        await full.wait()
        waiting = list(inside)
        over.set()
        await asyncio.gather(*asking)
        assert inside[6:] == ["a"]
        return waiting

    assert asyncio.run(play()) == ["a", "a", "b", "", "", ""]


def test_who_reads_the_longest_makes_room() -> None:
    """Not for who comes at the same moment; and of one source its own."""

    async def play() -> None:
        loop = asyncio.get_running_loop()
        now = 1_000.0
        loop.time = lambda: now  # type: ignore[method-assign]  # time stands still here
        patiences = [asyncio.timeout(None) for _ in range(7)]
        readers = Readers(4)

        def place(source: str, number: int) -> Any:
            return readers.place(source, patiences[number])

        with ExitStack() as stack:
            for patience in patiences:
                await patience.__aenter__()
            assert all(stack.enter_context(place("", n)) for n in range(3))
            assert stack.enter_context(place("a", 3))
            assert not stack.enter_context(place("b", 4))
            assert not stack.enter_context(place("a", 4))
            now += 1
            assert stack.enter_context(place("a", 5))
            assert stack.enter_context(place("b", 6))
            ended = [n for n, patience in enumerate(patiences) if patience.when() == now]
            assert ended == [0, 3]  # the oldest of all, and the source's own

    asyncio.run(play())


def test_forgers_leave_others_a_half() -> None:
    """Of what a host may be asked; who proved something, and who is here, have their own."""
    now = [0]
    fetches = Fetches(lambda: now[0], 5.0, 100.0)
    forged = sum(fetches.spend("x.example", FORGER) for _ in range(1_000))
    assert forged == 50
    assert [fetches.spend("x.example", HONEST) for _ in range(10)] == [True] * 10
    assert fetches.spend("x.example", "")
    fetches.proved("x.example", HONEST)
    fetches.proved("x.example", "")
    assert all(fetches.spend("x.example", HONEST) for _ in range(100))
    assert all(fetches.spend("x.example", None) for _ in range(100))
    assert fetches.knows("x.example", HONEST)
    assert not fetches.knows("x.example", "")
    now[0] += 2_000_000
    assert [fetches.spend("x.example", FORGER) for _ in range(3)] == [True, False, False]


def test_those_who_proved_something_are_forgotten_by_and_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who did the longest ago."""
    monkeypatch.setattr("everflow.activitypub.sources.REMEMBERED", 2)
    fetches = Fetches(lambda: 0, 1.0, 1.0)
    for source in ("a", "b", "a", "c"):
        fetches.proved("x.example", source)
    assert [fetches.knows("x.example", source) for source in "abc"] == [True, False, True]


def test_forged_deliveries_use_up_no_other_s_fetches(here: Site, otto: Stranger) -> None:
    """A flood of names at a host leaves room for the first honest delivery from there."""

    async def play() -> None:
        few = Directory(here.store, here.actors, here.clock, rate=1e-6, burst=10.0)
        async with few as directory:
            for number in range(20):
                forged = f"{otto.listener.address}/users/{number}"
                with pytest.raises(OutsideError):
                    await directory.find(forged, here.ines, FORGER)
            assert len(otto.asked) == 5
            found = await directory.find(otto.id, here.ines, HONEST)
            assert found is not None
            # Whoever wasn't asked isn't taken for one who failed.
            directory.proved(otto.id, HONEST)
            with pytest.raises(OutsideError, match="of that actor"):
                await directory.find(f"{otto.listener.address}/users/19", here.ines, HONEST)

    here.loop.run(play())


def test_a_slow_host_holds_no_more_than_its_places(here: Site, otto: Stranger) -> None:
    """Deliveries that wait for one host's answer are a quarter of all that may wait."""
    otto.silent = True

    async def play() -> None:
        async with Directory(here.store, here.actors, here.clock) as directory:
            waiting = [
                asyncio.create_task(directory.find(otto.id, here.ines, f"1.1.1.{number}"))
                for number in range(30)
            ]
            going, refused = set(waiting), list[asyncio.Task[Any]]()
            while len(refused) < 6:
                over, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                refused += over
            assert all("too many wait" in str(task.exception()) for task in refused)
            assert len(going) == 24
            for task in going:
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)

    here.loop.run(play())


def test_the_inbox_knows_where_a_delivery_comes_from(
    here: Site, otto: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a proxy on the same machine, as it says."""
    seen: list[str | None] = []

    def spend(_fetches: Fetches, _host: str, source: str | None) -> bool:
        seen.append(source)
        return True

    monkeypatch.setattr(Fetches, "spend", spend)
    body = json.dumps(otto.note()).encode()
    headers = otto.signed_by(here.ines.inbox, body, now=here.clock.wall())
    forwarded = {**headers, "x-forwarded-for": f"1.1.1.1, {HONEST}"}
    assert ask(here.ines.inbox, "POST", body, forwarded).status == 202
    assert seen == [HONEST]


def test_idle_senders_hold_no_places() -> None:
    """Bodies that don't come make room for those that do, long before their time is over."""
    with site(limits=Limits(at_once=2, body_s=PATIENT)) as here, stranger(here.loop) as otto:
        here.up()
        headers = otto.signed_by(here.ines.inbox, b"{}", now=here.clock.wall())
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST /ap/actors/ines/inbox HTTP/1.1\r\n{lines}content-length: 9\r\n\r\n{{"
        with ExitStack() as stack:
            idle = []
            for _ in range(6):
                made = socket.create_connection(("127.0.0.1", here.listener.port), PATIENT)
                idle.append(stack.enter_context(made))
                made.sendall(head.encode())
            until(lambda: deliver(here, otto, otto.note()).status == 202)
            told, _, _ = select.select(idle, [], [], PATIENT)
            # Who came while the others had just begun was told to come later.
            assert {made.recv(12) for made in told} <= {b"HTTP/1.1 408", b"HTTP/1.1 429"}
