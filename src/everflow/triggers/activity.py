"""An activity: who did what, as ActivityStreams 2.0 says it, once it was verified.

Laws: it is known by its verified actor and its id together, so that nobody can take another's ids;
its content is known by the CID of its canonical text. What claims to be of another actor than the
verified one is refused. The rest is nobody's business here: an activity of unknown types, with
unknown fields, is as good as any.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from everflow.errors import ActivityRefused
from everflow.triggers.canonical import canonical, cid_of, read_json

__all__ = ["LONGEST_ID", "Activity", "activity_of", "claimed_actor", "identity_of", "plain_type"]

LONGEST_ID = 2_048  # characters of an id: of an activity or an actor
MOST_TYPES = 16
_NAMESPACES = ("https://www.w3.org/ns/activitystreams#", "as:")


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an activity. ``text`` is its canonical JSON; ``at`` when it was appended."""

    id: str
    actor: str
    types: tuple[str, ...]
    cid: str
    text: str
    no: int = 0
    at: int = 0

    @property
    def identity(self) -> str:
        """What tells it from all others: a hash of actor and id."""
        return identity_of(self.actor, self.id)

    def value(self) -> dict[str, Any]:
        """What guards and flows are given: its JSON, ``actor`` being the verified actor's id."""
        found: dict[str, Any] = msgspec.json.decode(self.text)
        found["actor"] = self.actor
        return found


def identity_of(actor: str, id: str) -> str:  # noqa: A002 - that is its name
    """The hash that an activity is known by."""
    return hashlib.sha256(msgspec.json.encode([actor, id])).hexdigest()


def activity_of(given: object, actor: str) -> Activity:
    """An activity by its verified actor, of JSON text, bytes, or plain data.

    ActivityRefused for what isn't one: no object, no ``id`` of text, no ``type``, another actor
    than the verified one, or what ``canonical`` refuses.
    """
    value = read_json(given) if isinstance(given, (str, bytes)) else given
    if type(value) is not dict:
        raise ActivityRefused(f"an activity is a JSON object, not {type(value).__name__}")
    text = canonical(value)
    verified = _id(actor, "the verified actor")
    claimed = _actor(value.get("actor"))
    if claimed not in {None, verified}:
        raise ActivityRefused(
            f"it says that {claimed!r:.200} did it, and came from {verified!r:.200}",
            hint="leave its actor out, or send it as that actor",
        )
    return Activity(
        id=_id(value.get("id"), "its id"),
        actor=verified,
        types=_types(value.get("type")),
        cid=cid_of(text),
        text=text,
    )


def claimed_actor(value: object) -> str:
    """Who an activity says did it; ActivityRefused where it doesn't."""
    claimed = _actor(value.get("actor")) if type(value) is dict else None
    return _id(claimed, "its actor")


def plain_type(name: str) -> str:
    """A type's name without the namespace of ActivityStreams."""
    for prefix in _NAMESPACES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def _id(value: object, what: str) -> str:
    if type(value) is not str or not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        raise ActivityRefused(
            f"{what} is a text of 1 to {LONGEST_ID:,} printable characters, not {value!r:.80}"
        )
    return value


def _actor(value: object) -> str | None:
    """The id of who it says did it: a text, an object with an ``id``, or a list of just one."""
    if type(value) is list:
        if len(value) != 1:
            raise ActivityRefused(f"an activity has one actor, and this one says {len(value)}")
        value = value[0]
    if type(value) is dict:
        value = value.get("id")
        return _id(value, "the id of its actor")
    return None if value is None else _id(value, "its actor")


def _types(value: object) -> tuple[str, ...]:
    found = value if type(value) is list else [value]
    if not 0 < len(found) <= MOST_TYPES:
        raise ActivityRefused(f"an activity has 1 to {MOST_TYPES} types, not {len(found)}")
    return tuple(plain_type(_id(name, "its type")) for name in found)
