"""Instances that work together: peers, signed calls of what they expose, and who carries them.

Two rules hold. The engine never hears of it: what its runs ask of peers lies in the store, and what
peers ask of it are runs like any other. And nothing is trusted for where it comes from: each
request is signed, fresh and of a peer that is known, and does what that peer is allowed.
"""

from __future__ import annotations

from everflow.federation.carrying.holdings import Holding
from everflow.federation.carrying.hosting import office_of
from everflow.federation.carrying.policies import Policy as Replicated
from everflow.federation.courier import Pace
from everflow.federation.identity import Identity, Own, create_identity, described, identity_of
from everflow.federation.instance import Federation
from everflow.federation.owed import errands_of
from everflow.federation.peers import Peer, Peers
from everflow.federation.rotation import rotate
from everflow.federation.wire import PREFIX, Wire

__all__ = [
    "PREFIX",
    "Federation",
    "Holding",
    "Identity",
    "Own",
    "Pace",
    "Peer",
    "Peers",
    "Replicated",
    "Wire",
    "create_identity",
    "described",
    "errands_of",
    "identity_of",
    "office_of",
    "rotate",
]
