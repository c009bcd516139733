"""What actors here published: each activity and object, by its id, and each actor's outbox.

Laws: what is published is found at its id until it is withdrawn, and then that it was; what isn't
for everybody is found by nobody but its receivers, who got it. An outbox lists what is for
everybody, the newest first: its keys fall as time goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from everflow.activitypub.actors import PREFIX, Local
from everflow.activitypub.words import CONTEXT, is_public
from everflow.engine.given.ids import Random, new_run_id
from everflow.store import Put, Store

__all__ = [
    "OUTBOX",
    "PUBLISHED",
    "Published",
    "fresh_id",
    "id_for",
    "is_tombstone",
    "outbox_put",
    "published_put",
    "text_of",
    "withdrawn_puts",
]

PUBLISHED = "published"  # the kind of what is found by its id; the key is the path below /ap/
OUTBOX = "outbox"  # the kind of an outbox's lines, by actor and falling time; the body is an id
TOMBSTONE = "Tombstone"
_LAST = 10**17 - 1  # microseconds since the epoch: in the year 5138


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Something published: by which actor, and its JSON."""

    actor: str
    text: str


def fresh_id(actor: Local, sort: str, now: int, random: Random) -> str:
    """A new id for something of an actor's; ``sort`` is ``activities`` or ``objects``."""
    return f"{actor.address}{PREFIX}/{sort}/{new_run_id(now, random)}"


def id_for(actor: Local, why: str) -> str:
    """The id of an activity that is said for that reason: the same however often it is."""
    mark = hashlib.sha256(f"{actor.id} {why}".encode()).hexdigest()[:32]
    return f"{actor.address}{PREFIX}/activities/{mark}"


def published_put(actor: Local, value: Mapping[str, Any]) -> Put:
    """What makes something be found at its ``id``, which is one of ``fresh_id``."""
    key = str(value["id"]).removeprefix(f"{actor.address}{PREFIX}/")
    shown = Shown(actor=actor.name, text=msgspec.json.encode(value).decode())
    return Put(kind=PUBLISHED, key=key, body=msgspec.json.encode(shown).decode())


def outbox_put(actor: Local, activity: Mapping[str, Any], now: int) -> Put:
    """What makes an activity stand in its actor's outbox."""
    id_ = str(activity["id"])
    key = f"{actor.name}/{_LAST - now:017}-{id_.rpartition('/')[2]}"
    return Put(kind=OUTBOX, key=key, body=id_)


def text_of(store: Store, actor: Local, id: str) -> str | None:  # noqa: A002 - that is its name
    """The JSON of something of an actor's, be it for everybody or not; None for anything else."""
    found = store.records(PUBLISHED, keys=[id.removeprefix(f"{actor.address}{PREFIX}/")])
    shown = msgspec.json.decode(found[0].body, type=Shown) if found else None
    return shown.text if shown is not None and shown.actor == actor.name else None


def withdrawn_puts(actor: Local, activity: str, made: Mapping[str, Any]) -> list[Put]:
    """What takes back an object and the activity by which it was published: all but its id."""
    end = {name: made[name] for name in ("id", "formerType", "deleted", "to", "cc")}
    path = activity.removeprefix(f"{actor.address}{PREFIX}/")
    gone = {"@context": CONTEXT[0], "type": TOMBSTONE, **end}
    return [published_put(actor, gone), Put(kind=PUBLISHED, key=path, body=None)]


def is_tombstone(text: str) -> bool:
    """Whether the JSON of something published says that it was taken back."""
    return bool(msgspec.json.decode(text).get("type") == TOMBSTONE)


class Published:
    """What a store's actors published."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, path: str) -> str | None:
        """The JSON of what was published at a path below ``/ap/``, where that is for everybody."""
        found = self._store.records(PUBLISHED, keys=[path])
        if not found:
            return None
        text = msgspec.json.decode(found[0].body, type=Shown).text
        return text if is_public(msgspec.json.decode(text)) else None

    def outbox(self, actor: Local, after: str, limit: int) -> tuple[list[dict[str, Any]], str]:
        """A page of an outbox: its activities, and where the next page begins, or nothing."""
        prefix = f"{actor.name}/"
        begin = prefix + after if after else ""
        lines = self._store.records(OUTBOX, prefix=prefix, after=begin, limit=limit)
        top = f"{actor.address}{PREFIX}/"
        texts = [self.get(line.body.removeprefix(top)) for line in lines]
        more = lines[-1].key.removeprefix(prefix) if len(lines) == limit else ""
        return [msgspec.json.decode(text) for text in texts if text is not None], more

    def count(self, actor: Local) -> int:
        """How many activities an outbox has."""
        return count(self._store, OUTBOX, f"{actor.name}/")


def count(store: Store, kind: str, prefix: str) -> int:
    """How many records of a kind have that prefix."""
    found, after = 0, ""
    while True:
        page = store.records(kind, prefix=prefix, after=after, limit=_PAGE)
        found += len(page)
        if len(page) < _PAGE:
            return found
        after = page[-1].key


_PAGE = 1_000
