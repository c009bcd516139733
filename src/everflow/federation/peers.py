"""The peers that an instance knows, and what each may do here: nothing, until it is allowed.

A peer is known by its id; by its name, which is this instance's own word for it; and by its
address. Each change is a compare-and-set on its record, tried again when somebody else was first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

import msgspec
from msgspec.structs import replace

from everflow.errors import ConfigurationError, NoSuchPeer, StoreError
from everflow.federation.identity import check_address
from everflow.net.keys import key_word, public_key, thumbprint
from everflow.store import Put, Record, Store

__all__ = ["ANY", "PEER", "Peer", "Peers", "peer_of"]

PEER = "peer"  # the kind of their records, by id
ANY = "*"
PAGE = 1_000
TRIES = 100
LONGEST_NAME = 100
_ID = re.compile(r"[A-Za-z0-9_.-]{0,100}")  # its records are found by the id and a slash


class Peer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another instance.

    ``keys`` are the words of its public keys: the one it signs with, and one that it announced.
    ``allowed`` are the functions that it may call (``*``: all that are exposed), ``calls`` how many
    of its calls may be open at once, ``per_minute`` how many it may make. ``keep`` is how many
    bytes of copies of runs it may leave here, and ``adopt`` names the flows whose runs, which it
    gives away, go on here as they are here, with what else their bodies may await (``*``: all runs,
    whatever they run). ``inside``: its address may be one that isn't public.
    """

    id: str
    name: str
    address: str
    keys: tuple[str, ...]
    allowed: tuple[str, ...] = ()
    calls: int = 1_000
    per_minute: int = 6_000
    keep: int = 0
    adopt: tuple[str, ...] = ()
    inside: bool = False

    def may_call(self, function: str) -> bool:
        """Whether it is allowed to call that."""
        return ANY in self.allowed or function in self.allowed

    def is_meant(self, word: str) -> bool:
        """Whether that is its id, its name or its address."""
        return word in {self.id, self.name} or word.rstrip("/") == self.address


class Peers:
    """The peers of a store."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    def all(self) -> list[Peer]:
        """All of them, by id."""
        return [peer_of(record) for record in self._records()]

    def get(self, peer: str) -> Peer | None:
        """The peer of that id."""
        found = self._store.records(PEER, keys=[peer]) if peer else []
        return peer_of(found[0]) if found else None

    def find(self, word: str) -> Peer | None:
        """The peer of that id, name or address."""
        found = self.get(word)
        return found or next((peer for peer in self.all() if peer.is_meant(word)), None)

    def require(self, word: str) -> Peer:
        """The same; NoSuchPeer where there is none."""
        found = self.find(word)
        if found is None:
            close = get_close_matches(word, [peer.name for peer in self.all()], 1)
            hint = f"did you mean {close[0]}?" if close else "everflow peer list shows them"
            raise NoSuchPeer(f"there is no peer {word!r:.80}", hint=hint)
        return found

    def add(self, name: str, address: str, key: str, *, id: str = "", inside: bool = False) -> Peer:  # noqa: A002 - the word for it everywhere
        """Make a peer known; it may do nothing yet. ``key`` is the word or PEM of its public key.

        ConfigurationError where its name, id or address is another's already, BadKey for what isn't
        an Ed25519 key.
        """
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise ConfigurationError("a peer's name is a text of 1 to 100 characters")
        if not _ID.fullmatch(id):
            raise ConfigurationError(
                f"{id!r:.80} can't be a peer's id", hint="everflow peer show, there, tells it"
            )
        public = public_key(key)
        peer = Peer(
            id=id or thumbprint(public),
            name=name,
            address=check_address(address),
            keys=(key_word(public),),
            inside=inside,
        )
        for other in self.all():
            if {other.id, other.name, other.address} & {peer.id, peer.name, peer.address}:
                raise ConfigurationError(
                    f"{other.name} ({other.address}) is known by that name, key or address",
                    hint=f"everflow peer remove {other.name}, if it is to be replaced",
                )
        self._write(peer, 0)
        return peer

    def change(self, word: str, **changes: object) -> Peer:
        """Change what a peer is or may do; see ``Peer`` for what there is."""
        for _ in range(TRIES):
            found = self.require(word)
            record = self._store.records(PEER, keys=[found.id])
            if record:
                peer = replace(peer_of(record[0]), **changes)
                if self._write(peer, record[0].version):
                    return peer
        raise StoreError(f"the peer {word!r:.80} was changed by others at each try")

    def remove(self, word: str) -> Peer:
        """Forget a peer: from then on it can't call, and isn't called."""
        peer = self.require(word)
        self._store.write([Put(kind=PEER, key=peer.id, body=None)], at=self._now())
        return peer

    def _write(self, peer: Peer, version: int) -> bool:
        body = msgspec.json.encode(peer).decode()
        put = Put(kind=PEER, key=peer.id, body=body, expect=version)
        return self._store.write([put], at=self._now()) is not None

    def _records(self) -> list[Record]:
        found: list[Record] = []
        while True:
            after = found[-1].key if found else ""
            page = self._store.records(PEER, after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                return found


def peer_of(record: Record) -> Peer:
    """The peer that a record holds."""
    return msgspec.json.decode(record.body, type=Peer)
