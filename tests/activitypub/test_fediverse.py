"""A real other server: what it publishes is read by what reads of ours."""

from __future__ import annotations

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from everflow.net.client import Outside
from everflow.net.keys import public_key
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply
from tests.activitypub.fediverse import ALLOWED, Fediverse
from tests.npm import INSTALLING

pytestmark = pytest.mark.timeout(INSTALLING)


async def fetched(url: str) -> Reply:
    async with Outside(Policy(allow=(ALLOWED,))) as outside:
        asked = Message("GET", url, (("accept", "application/activity+json"),))
        return await outside.send(asked)


def test_its_actor_is_fetched_with_its_key(others: Fediverse) -> None:
    """An actor of another implementation is read, and its key is one that is taken here."""
    reply = asyncio.run(fetched(others.new.actor()))
    actor = json.loads(reply.body)
    assert reply.status == 200
    assert actor["id"] == others.new.actor()
    assert actor["inbox"] == f"{others.new.actor()}/inbox"
    assert isinstance(public_key(actor["publicKey"]["publicKeyPem"]), RSAPublicKey)
