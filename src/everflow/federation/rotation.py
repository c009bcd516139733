"""Changing this instance's key: every peer is told of the next one before it is used.

One rule holds: the key is changed once all peers have acknowledged the next one, or an operator
says that those who haven't are to be told by hand. What was begun is gone on with, so that it may
be broken off anywhere.
"""

from __future__ import annotations

from everflow.errors import OutsideError
from everflow.federation.identity import pending_key, take_pending
from everflow.federation.keyring import announcement
from everflow.federation.peers import Peer, Peers
from everflow.federation.wire import Wire
from everflow.store import Store

__all__ = ["rotate"]

SECONDS = 10.0
MOST = 65_536  # bytes of an answer


async def rotate(
    store: Store,
    peers: Peers,
    wire: Wire,
    *,
    at: int,
    folder: str = "",
    force: bool = False,
) -> list[str]:
    """Announce the next key, and sign with it once all peers know it; who doesn't, by name.

    With ``force`` it is signed with at once. ``folder``: where keys lie, if not beside the store.
    """
    key = pending_key(store, at=at, folder=folder)
    body = announcement(wire.own().id, key)
    unheard = [peer.name for peer in peers.all() if not await _heard(wire, peer, body)]
    if force or not unheard:
        take_pending(store, at=at, folder=folder)
    return unheard


async def _heard(wire: Wire, peer: Peer, body: bytes) -> bool:
    try:
        reply = await wire.send(peer, "PUT", "/key", body, seconds=SECONDS, most=MOST)
    except OutsideError:
        return False
    return reply.status == _DONE


_DONE = 204
