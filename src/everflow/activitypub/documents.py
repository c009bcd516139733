"""The documents by which others know the actors here. Pure: records in, JSON out.

Sources: ActivityPub (https://www.w3.org/TR/activitypub/, section 4), FEP-521a (keys), RFC 7033
(WebFinger), NodeInfo 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from everflow.activitypub.actors import PREFIX, Local
from everflow.activitypub.multikey import multibase
from everflow.activitypub.words import ACTIVITY_JSON, CONTEXT
from everflow.errors import BadKey
from everflow.net.keys import public_key

__all__ = ["actor_document", "collection", "collection_page", "node_info", "tombstone", "webfinger"]

NODE_INFO = "http://nodeinfo.diaspora.software/ns/schema/2.1"


def actor_document(actor: Local) -> dict[str, Any]:
    """What is found at an actor's id."""
    return {
        "@context": [*CONTEXT],
        "id": actor.id,
        "type": actor.kind,
        "preferredUsername": actor.name,
        "name": actor.title or actor.name,
        "summary": actor.summary,
        "url": actor.id,
        "published": _time(actor.at),
        "inbox": actor.inbox,
        "outbox": f"{actor.id}/outbox",
        "followers": actor.followers,
        "following": f"{actor.id}/following",
        "endpoints": {"sharedInbox": f"{actor.address}{PREFIX}/inbox"},
        "manuallyApprovesFollowers": False,
        "publicKey": {"id": actor.rsa_id, "owner": actor.id, "publicKeyPem": actor.rsa},
        "assertionMethod": [
            {
                "id": actor.ed25519_id,
                "type": "Multikey",
                "controller": actor.id,
                "publicKeyMultibase": _multibase(actor.ed25519),
            }
        ],
    }


def tombstone(actor: Local) -> dict[str, Any]:
    """What is found there once the actor was removed."""
    kind = {"formerType": actor.kind, "deleted": _time(actor.gone)}
    return {"@context": CONTEXT[0], "id": actor.id, "type": "Tombstone", **kind}


def collection(url: str, total: int) -> dict[str, Any]:
    """A collection, whose items are on its pages."""
    return {
        "@context": CONTEXT[0],
        "id": url,
        "type": "OrderedCollection",
        "totalItems": total,
        "first": f"{url}?page=true",
    }


def collection_page(url: str, after: str, items: Sequence[Any], more: str) -> dict[str, Any]:
    """A page of a collection. ``after``: where it begins; ``more``: where the next one does."""
    page = f"{url}?page=true"
    found: dict[str, Any] = {
        "@context": CONTEXT[0],
        "id": f"{page}&after={quote(after)}" if after else page,
        "type": "OrderedCollectionPage",
        "partOf": url,
        "orderedItems": list(items),
    }
    if more:
        found["next"] = f"{page}&after={quote(more)}"
    return found


def webfinger(actor: Local) -> dict[str, Any]:
    """What WebFinger says of an actor."""
    return {
        "subject": f"acct:{actor.handle[1:]}",
        "aliases": [actor.id],
        "links": [{"rel": "self", "type": ACTIVITY_JSON, "href": actor.id}],
    }


def node_info(version: str, users: int) -> dict[str, Any]:
    """What this instance is, for those who count servers."""
    return {
        "version": "2.1",
        "software": {"name": "everflow", "version": version},
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": False,
        "usage": {"users": {"total": users}},
        "metadata": {},
    }


def _multibase(word: str) -> str:
    key = public_key(word)
    if isinstance(key, Ed25519PublicKey):
        return multibase(key)
    raise BadKey("an actor's second key is of Ed25519")


def _time(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
