"""The words of ActivityPub: media types, namespaces, and what a value of ActivityStreams refers to.

One rule holds: what others send is read by its plain form (an id, an object with an id, or a list
of such); no JSON-LD is expanded, so no context of theirs is ever fetched or believed.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from everflow.triggers.activity import plain_type

__all__ = [
    "ACTIVITY_JSON",
    "CONTEXT",
    "PUBLIC",
    "PUBLIC_NAMES",
    "id_of",
    "is_activity_media",
    "is_public",
    "origin_of",
    "types_of",
]

ACTIVITY_JSON = "application/activity+json"
_STREAMS = "https://www.w3.org/ns/activitystreams"
CONTEXT = (_STREAMS, "https://w3id.org/security/v1", "https://w3id.org/security/multikey/v1")
PUBLIC = f"{_STREAMS}#Public"
PUBLIC_NAMES = frozenset({PUBLIC, "as:Public", "Public"})
_PORTS = {"http": 80, "https": 443}


def is_activity_media(media: str) -> bool:
    """Whether a content type is one of ActivityStreams (the specification's section 3.2)."""
    name, *parameters = (part.strip().lower() for part in media.split(";"))
    if name == ACTIVITY_JSON:
        return True
    profiles = [part.partition("=")[2].strip('" ') for part in parameters if "profile" in part]
    return name == "application/ld+json" and any(_STREAMS in each.split() for each in profiles)


def id_of(value: Any) -> str:
    """The id that a value is or has; empty where there is none."""
    if type(value) is dict:
        value = value.get("id")
    return value if type(value) is str else ""


def types_of(value: Any) -> frozenset[str]:
    """The types of an object, without the namespace of ActivityStreams."""
    found = value.get("type") if type(value) is dict else None
    names = found if type(found) is list else [found]
    return frozenset(plain_type(name) for name in names if type(name) is str)


def is_public(value: Any) -> bool:
    """Whether a thing is for everybody, by its ``to`` and ``cc``."""
    if type(value) is not dict:
        return False
    told: list[Any] = []
    for name in ("to", "cc"):
        found = value.get(name)
        told += found if type(found) is list else [found]
    return any(type(each) is str and each in PUBLIC_NAMES for each in told)


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a URL of HTTP, in their usual form; None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme]
