"""Tokens: who may do what over HTTP.

A token is ``ef_ID_SECRET``. The store keeps its name, its scope and the SHA-256 of the secret, in a
record of kind "token": 32 random bytes need no slow hash, and nobody who reads the store can make
a request. A revoked token stays as a record, so that a server that asked for tokens once goes on
asking. It is used to the day: when it was last taken is written once a day.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from everflow.clock import Clock
from everflow.engine.given.ids import Random, system_random
from everflow.engine.records.audit import audit
from everflow.errors import NoSuchToken, StoreError, WrongArgument
from everflow.store import Put, Record, Store
from everflow.views import View, instant

__all__ = ["Grant", "Scope", "Token", "Tokens", "token_view"]

KIND = "token"
PAGE = 500
ID_BYTES, SECRET_BYTES = 8, 32
LONGEST_NAME = 100
DAY = 86_400_000_000


class Scope(StrEnum):
    """What a token lets its bearer do. Each includes those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        """Whether whoever has this one may do what asks for the other."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class Token(msgspec.Struct, kw_only=True):
    """A token as the store keeps it. Times in microseconds; ``used``: the day, as its first one."""

    id: str = ""
    name: str
    scope: Scope
    hash: str
    created: int
    expires: int | None = None
    revoked: int | None = None
    used: int | None = None

    def valid(self, now: int) -> bool:
        """Whether it lets anybody in now."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class Grant(msgspec.Struct, frozen=True):
    """Who asks, and what they may do. ``key`` tells requesters apart."""

    name: str
    scope: Scope
    key: str = ""


class Tokens:
    """The tokens of a store. Every call is a transaction on the caller's thread."""

    def __init__(self, store: Store, clock: Clock, random: Random = system_random) -> None:
        self._store = store
        self._clock = clock
        self._random = random

    def create(
        self, name: str, scope: Scope, *, lasts: int | None = None, by: str = ""
    ) -> tuple[Token, str]:
        """Make a token that lasts so many microseconds, or for ever; gives its text as well.

        The text is told this once. Raises WrongArgument for a name that a valid token bears: the
        audit tells who did what by it.
        """
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise WrongArgument(f"a token's name has 1 to {LONGEST_NAME} printable characters")
        now = self._clock.wall()
        if any(token.name == name and token.valid(now) for token in self.all()):
            raise WrongArgument(
                f"there is a token {name!r} already",
                hint=f"take another name, or everflow token revoke {name}",
            )
        made, secret = self._random(ID_BYTES).hex(), _text(self._random(SECRET_BYTES))
        token = Token(
            id=made,
            name=name,
            scope=scope,
            hash=sha256(secret.encode()).hexdigest(),
            created=now,
            expires=None if lasts is None else now + lasts,
        )
        line = audit("token", at=now, by=by, subject=f"token:{name}", scope=str(scope))
        self._store.write([_put(token, expect=0), line], at=now)
        return token, f"ef_{made}_{secret}"

    def all(self) -> Iterator[Token]:
        """All tokens, the revoked and expired ones too, by id."""
        after = ""
        while page := self._store.records(KIND, after=after, limit=PAGE):
            yield from map(_token, page)
            after = page[-1].key

    def exist(self) -> bool:
        """Whether there ever was one."""
        return bool(self._store.records(KIND, limit=1))

    def revoke(self, named: str, *, by: str = "") -> Token:
        """Have a token, by its id or name, let nobody in any more. NoSuchToken if there is none."""
        now = self._clock.wall()
        found = [token for token in self.all() if named in {token.id, token.name}]
        living = [token for token in found if token.valid(now)]
        if not found:
            raise NoSuchToken(
                f"there is no token {named!r:.80}", hint="everflow token list shows them"
            )
        token = (living or found)[0]
        if token.revoked is None:
            token = replace(token, revoked=now)
            line = audit("revoke", at=now, by=by, subject=f"token:{token.name}")
            self._store.write([_put(token), line], at=now)
        return token

    def grant(self, text: str) -> Grant | None:
        """What the bearer of that text may do; None for none that is valid."""
        parts = text.split("_", 2)
        if len(parts) != 3 or parts[0] != "ef" or len(parts[1]) != 2 * ID_BYTES:  # noqa: PLR2004 - ef, id, secret
            return None
        if not (parts[1].isascii() and parts[1].isalnum()):
            return None
        found = self._store.records(KIND, keys=[parts[1]])
        if not found:
            return None
        token, now = _token(found[0]), self._clock.wall()
        given = sha256(parts[2].encode(errors="replace")).hexdigest()
        if not hmac.compare_digest(given, token.hash) or not token.valid(now):
            return None
        self._note_use(token, found[0], now)
        return Grant(token.name, token.scope, token.id)

    def _note_use(self, token: Token, record: Record, now: int) -> None:
        today = now - now % DAY
        if token.used != today:  # where that fails, or another was quicker, it isn't missed
            put = _put(replace(token, used=today), expect=record.version)
            with suppress(StoreError):
                self._store.write([put], at=now)


def _text(secret: bytes) -> str:
    return urlsafe_b64encode(secret).rstrip(b"=").decode()


def _put(token: Token, expect: int | None = None) -> Put:
    body = msgspec.json.encode(replace(token, id="")).decode()
    return Put(kind=KIND, key=token.id, body=body, expect=expect)


def _token(record: Record) -> Token:
    token = msgspec.json.decode(record.body, type=Token)
    token.id = record.key
    return token


def token_view(token: Token, now: int) -> View:
    """A token, without its secret."""

    def told(time: int | None) -> str | None:
        return None if time is None else instant(time)

    return {
        "id": token.id,
        "name": token.name,
        "scope": str(token.scope),
        "created": instant(token.created),
        "expires": told(token.expires),
        "revoked": told(token.revoked),
        "used": told(token.used),
        "valid": token.valid(now),
    }
