"""What the tests of signatures share: keys, a message, and the two ways to sign it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from everflow.net.freshness import WINDOW
from everflow.net.keys import PrivateKey, PublicKey, make_ed25519, make_rsa
from everflow.net.message import Message
from everflow.net.signatures import cavage, rfc9421
from everflow.net.signatures.claim import Claim

NOW = 1_618_884_473_000_000  # the time of the examples in RFC 9421, in microseconds
SECOND = 1_000_000
POST = Message(
    "POST",
    "https://peer.example/inbox/7?page=1&kind=note",
    (("content-type", "application/json"),),
    b'{"hello": "world"}',
)


def key(kind: str, number: int = 0) -> PrivateKey:
    """A key of that kind; the same for the same number."""
    return _key(kind, number)


@cache
def _key(kind: str, _number: int) -> PrivateKey:
    return make_rsa() if kind == "rsa" else make_ed25519()


@dataclass(frozen=True)
class Way:
    """A way to sign, with a kind of key."""

    name: str
    kind: str
    headers: Callable[[Message, PrivateKey, int], dict[str, str]]
    judge: Callable[[Message, PublicKey, int, int], Claim]

    def signed(self, message: Message = POST, *, now: int = NOW, number: int = 0) -> Message:
        made = self.headers(message, key(self.kind, number), now)
        host = {"host": message.place().authority}
        return message.having({**host, **made})

    def verify(
        self, message: Message, *, now: int = NOW, window: int = WINDOW, number: int = 0
    ) -> Claim:
        return self.judge(message, key(self.kind, number).public_key(), now, window)


def _new(message: Message, private: PrivateKey, now: int) -> dict[str, str]:
    return rfc9421.sign(message, private, key_id="me", now=now, nonce="n-1")


def _old(message: Message, private: PrivateKey, now: int) -> dict[str, str]:
    return cavage.sign(message, private, key_id="me", now=now)


def _judge_new(message: Message, public: PublicKey, now: int, window: int) -> Claim:
    return rfc9421.verify(message, public, now=now, window=window)


def _judge_old(message: Message, public: PublicKey, now: int, window: int) -> Claim:
    return cavage.verify(message, public, now=now, window=window)


WAYS = [
    Way("rfc9421", "ed25519", _new, _judge_new),
    Way("rfc9421", "rsa", _new, _judge_new),
    Way("cavage", "ed25519", _old, _judge_old),
    Way("cavage", "rsa", _old, _judge_old),
]


def replaced(message: Message, name: str, old: str, new: str) -> Message:
    """The message with a piece of one header exchanged; the piece must be there."""
    (value,) = message.values(name)
    assert old in value, value
    return message.having({name: value.replace(old, new, 1)})


def without(message: Message, *names: str) -> Message:
    return replace(message, headers=tuple(p for p in message.headers if p[0] not in names))
