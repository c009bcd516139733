"""The post: what waits, what is dropped, what goes in parts, whatever the peer answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from everflow.errors import RemoteUnreachable
from everflow.federation.carrying.post import MOST_WAITING, PART, Post
from everflow.federation.courier import Pace
from everflow.federation.peers import Peer
from everflow.federation.protocol.lineage import Epoch, Extent
from everflow.federation.protocol.messages import Cut, Offer, Segment
from everflow.net.reading import Reply
from tests.engine.support import until

EAST = Peer(id="east", name="east", address="http://east", keys=())
FIRST = Epoch(1, "west")
OFFER = Offer(epoch=FIRST)


def large(size: int = PART * 2) -> Segment:
    cut = Cut(after=0, entries=("x" * size,), side=None, upto=Extent(1, 1))
    return Segment(epoch=FIRST, lineage=(), cut=cut)


class Far:
    """Peers and the way to them: answers by a script, then well."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.seen: list[tuple[str, str, int]] = []
        self.have = 0

    def get(self, peer: str) -> Peer | None:
        return EAST if peer == "east" else None

    async def send(self, _peer: Peer, method: str, path: str, body: bytes, **_more: Any) -> Reply:
        self.seen.append((method, path.partition("?")[0], len(body)))
        answer = self.script.pop(0) if self.script else None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return Reply(answer[0], (), answer[1], "")
        self.have += len(body)
        return Reply(200, (), msgspec.json.encode({"have": self.have}), "")


def carried(
    far: Far,
    told: Callable[[Post], object],
    done: Callable[[Post], bool],
    longest: float = 0.002,
) -> Post:
    """What becomes of letters that are put while the post is open."""

    async def run() -> Post:
        pace = Pace(first=0.001, longest=longest)
        given: Any = far
        async with Post(given, given, pace, lambda count: b"\0" * count) as post:
            told(post)
            await asyncio.to_thread(until, lambda: done(post))
            return post

    return asyncio.run(run())


def problem(status: int, detail: str) -> tuple[int, bytes]:
    return status, msgspec.json.encode({"code": "x", "detail": detail})


def test_what_nobody_took_is_carried_again() -> None:
    """No answer, a busy peer, trouble there, or a server in between: it waits on."""
    far = Far(RemoteUnreachable("away"), problem(429, "busy"), problem(503, "down"), (502, b"<p>"))
    carried(far, lambda post: post.put("east", "r", OFFER), lambda _: len(far.seen) == 5)
    assert {seen[:2] for seen in far.seen} == {("POST", "/runs")}


def test_what_is_refused_is_dropped_and_told() -> None:
    """By the peer, or since nobody knows the peer here."""
    far = Far(problem(401, "unknown"))
    post = carried(far, lambda post: post.put("east", "r", OFFER), lambda post: bool(post.refused))
    assert post.refused == {("east", "r"): "unknown"}
    post = carried(far, lambda post: post.put("north", "r", OFFER), lambda post: bool(post.refused))
    assert post.refused == {("north", "r"): "it isn't known here"}


def test_what_is_large_goes_in_parts_once() -> None:
    """While it is on its way it isn't put again, nor is what has no room."""
    far = Far()

    def told(post: Post) -> None:
        post.put("east", "r", large())
        post.put("east", "full", large(MOST_WAITING))

    def over(post: Post) -> bool:
        if post.carries("r"):
            post.put("east", "r", large())
        return far.have > 2 * PART and not post.carries("other")

    carried(far, told, over, longest=600)  # it isn't late within this test
    assert [method for method, _, _ in far.seen] == ["PUT"] * 3
    assert len({path for _, path, _ in far.seen}) == 1


def test_who_loses_parts_gets_them_once_more() -> None:
    """And then waits like anybody who doesn't take them."""
    lost = (200, b'{"have":0}')
    far = Far((200, msgspec.json.encode({"have": PART})), lost, lost)
    carried(far, lambda post: post.put("east", "r", large()), lambda _: far.have > 2 * PART)
    assert len(far.seen) == 6
