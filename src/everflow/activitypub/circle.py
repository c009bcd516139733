"""Who follows the actors here, and whom they follow: records by actor and the other's id.

A follower is there from the moment its Follow is in the log until it is undone, by its word or by
its end; whom an actor here follows is ``pending`` until the other's word came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from everflow.activitypub.actors import Local
from everflow.activitypub.directory import key_of_actor
from everflow.activitypub.published import count
from everflow.store import Put, Record, Store

__all__ = [
    "FOLLOWED",
    "FOLLOWER",
    "Circle",
    "Followed",
    "Follower",
    "State",
    "followed_put",
    "follower_put",
    "parted_put",
]

FOLLOWER, FOLLOWED = "follower", "followed"  # kinds of records, by actor and hash of the other's id
PAGE = 1_000
State = Literal["pending", "accepted", "rejected"]


class Follower(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who follows an actor here. ``follow``: the id of the activity by which they do."""

    id: str
    inbox: str
    follow: str
    at: int
    shared: str = ""

    @property
    def key(self) -> str:
        """Its place among the followers of an actor."""
        return key_of_actor(self.id)


class Followed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody whom an actor here follows, by the activity ``follow``."""

    id: str
    inbox: str
    follow: str
    at: int
    state: State = "pending"
    handle: str = ""


class Circle:
    """The followers and the followed of a store's actors."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def follower(self, actor: Local, other: str) -> Follower | None:
        """That follower of an actor."""
        found = self._store.records(FOLLOWER, keys=[_key(actor, other)])
        return _follower(found[0]) if found else None

    def followed(self, actor: Local, other: str) -> Followed | None:
        """That one whom an actor follows."""
        found = self._store.records(FOLLOWED, keys=[_key(actor, other)])
        return _followed(found[0]) if found else None

    def page(self, name: str, after: str, limit: int) -> list[Follower]:
        """Some followers of the actor of that name, those whose ``key`` is above ``after``."""
        return [_follower(record) for record in self._page(FOLLOWER, name, after, limit)]

    def followers(self, actor: Local) -> Iterator[Follower]:
        """All who follow an actor, read a page at a time."""
        yield from map(_follower, self._all(FOLLOWER, actor))

    def following(self, actor: Local) -> Iterator[Followed]:
        """All whom an actor follows or asked to, read a page at a time."""
        yield from map(_followed, self._all(FOLLOWED, actor))

    def followers_page(self, actor: Local, after: str, limit: int) -> tuple[list[str], str]:
        """The ids of some followers, and where the next page begins, or nothing."""
        page = self._page(FOLLOWER, actor.name, after, limit)
        return [_follower(record).id for record in page], _more(page, limit)

    def following_page(self, actor: Local, after: str, limit: int) -> tuple[list[str], str]:
        """The ids of some whom the actor follows, and where the next page begins, or nothing."""
        page = self._page(FOLLOWED, actor.name, after, limit)
        found = map(_followed, page)
        return [each.id for each in found if each.state == "accepted"], _more(page, limit)

    def count_followers(self, actor: Local) -> int:
        """How many follow an actor."""
        return count(self._store, FOLLOWER, f"{actor.name}/")

    def count_following(self, actor: Local) -> int:
        """How many an actor follows."""
        return sum(each.state == "accepted" for each in self.following(actor))

    def _page(self, kind: str, name: str, after: str, limit: int) -> list[Record]:
        prefix = f"{name}/"
        begin = prefix + after if after else ""
        return self._store.records(kind, prefix=prefix, after=begin, limit=limit)

    def _all(self, kind: str, actor: Local) -> Iterator[Record]:
        after = ""
        while True:
            page = self._page(kind, actor.name, after, PAGE)
            yield from page
            after = _more(page, PAGE)
            if not after:
                return


def follower_put(actor: Local, follower: Follower) -> Put:
    """What makes somebody be a follower."""
    body = msgspec.json.encode(follower).decode()
    return Put(kind=FOLLOWER, key=_key(actor, follower.id), body=body)


def followed_put(actor: Local, followed: Followed) -> Put:
    """What makes somebody be followed."""
    body = msgspec.json.encode(followed).decode()
    return Put(kind=FOLLOWED, key=_key(actor, followed.id), body=body)


def parted_put(kind: str, actor: Local, other: str) -> Put:
    """What makes somebody be neither."""
    return Put(kind=kind, key=_key(actor, other), body=None)


def _more(page: Sequence[Record], limit: int) -> str:
    """Where the next page begins; nothing where there is none."""
    return page[-1].key.partition("/")[2] if len(page) == limit else ""


def _key(actor: Local, other: str) -> str:
    return f"{actor.name}/{key_of_actor(other)}"


def _follower(record: Record) -> Follower:
    return msgspec.json.decode(record.body, type=Follower)


def _followed(record: Record) -> Followed:
    return msgspec.json.decode(record.body, type=Followed)
