"""The actors of this instance: who they are, and the keys that they sign with.

Four rules hold. An actor's id is made of the address that it was created with, and stays: others
keep it for ever. All actors of a store have one address, since requests are judged by what this
instance is called. Private keys lie in files, never in the store, so that no backup and no export
carries them away. And a name that was removed isn't given to anybody else: whoever
followed it would follow another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from everflow.activitypub.keyfiles import KeyFiles, Keys
from everflow.activitypub.words import origin_of
from everflow.errors import ConfigurationError, NoSuchActor, StoreError
from everflow.federation.identity import check_address, described
from everflow.net.policy import Policy
from everflow.store import Put, Record, Store

__all__ = ["ACTOR", "KINDS", "PREFIX", "Actors", "Keys", "Local"]

ACTOR = "actor"  # the kind of their records, by name
PREFIX = "/ap"  # below which everything of theirs has its address
KINDS = ("Application", "Group", "Organization", "Person", "Service")
LONGEST_TITLE, LONGEST_SUMMARY = 200, 5_000
PAGE = 1_000
TRIES = 100
_NAME = re.compile(r"[a-z0-9_]{1,60}")


class Local(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An actor of this instance, without its private keys.

    ``address``: of the instance, without a slash at its end. ``rsa``: the PEM of its public key,
    ``ed25519``: the word of the other. ``inside``: networks and hosts that its requests may go to
    although they aren't public. ``gone``: when it was removed; 0 while it is there.
    """

    name: str
    address: str
    rsa: str
    ed25519: str
    at: int
    kind: str = "Person"
    title: str = ""
    summary: str = ""
    inside: tuple[str, ...] = ()
    gone: int = 0

    @property
    def id(self) -> str:
        """What others know it by: the URL of its document."""
        return f"{self.address}{PREFIX}/actors/{self.name}"

    @property
    def rsa_id(self) -> str:
        """How signatures name its RSA key."""
        return f"{self.id}#main-key"

    @property
    def ed25519_id(self) -> str:
        """How signatures name its other key."""
        return f"{self.id}#ed25519-key"

    @property
    def inbox(self) -> str:
        """Where others deliver."""
        return f"{self.id}/inbox"

    @property
    def followers(self) -> str:
        """The collection of those who follow it."""
        return f"{self.id}/followers"

    @property
    def host(self) -> str:
        """The part of its handle behind the @."""
        return urlsplit(self.address).netloc.lower()

    @property
    def handle(self) -> str:
        """How people write it."""
        return f"@{self.name}@{self.host}"

    def policy(self) -> Policy:
        """Where its requests may go."""
        return Policy(allow=self.inside)


class Actors:
    """The actors of a store.

    ``keys``: the folder of the files of their keys, if that isn't the one of the store's file; or
    the keys themselves, by name, of those whose keys aren't in files.
    """

    def __init__(
        self, store: Store, now: Callable[[], int], keys: Mapping[str, Keys] | str = ""
    ) -> None:
        self._store = store
        self._now = now
        self._given = {} if isinstance(keys, str) else dict(keys)
        self._files = KeyFiles(store, keys if isinstance(keys, str) else "")

    def all(self) -> list[Local]:
        """All that are there, by name."""
        return [actor for actor in map(_read, self._records()) if not actor.gone]

    def get(self, name: str) -> Local | None:
        """The actor of that name, be it gone or not."""
        found = self._store.records(ACTOR, keys=[name]) if name else []
        return _read(found[0]) if found else None

    def require(self, name: str) -> Local:
        """The same; NoSuchActor where there is none any more."""
        found = self.get(name)
        if found is None or found.gone:
            close = get_close_matches(name, [actor.name for actor in self.all()], 1)
            hint = f"did you mean {close[0]}?" if close else "everflow actor list shows them"
            raise NoSuchActor(f"there is no actor {name!r:.80}", hint=hint)
        return found

    def by_id(self, id: str) -> Local | None:  # noqa: A002 - that is its name
        """The actor of that id that is there."""
        found = self.get(id.rpartition("/")[2])
        return found if found is not None and found.id == id and not found.gone else None

    def create(
        self,
        name: str,
        *,
        address: str = "",
        kind: str = "Person",
        title: str = "",
        summary: str = "",
        inside: tuple[str, ...] = (),
    ) -> Local:
        """Make an actor; its keys are in files from then on, if none are given.

        ``address``: of the instance; by default that of the other actors, or of the identity that
        peers know. ConfigurationError for what can't be one, or a name that was given already.
        """
        _check(name, kind, title, summary)
        known = list(map(_read, self._records()))
        if any(actor.name == name for actor in known):
            raise ConfigurationError(
                f"there is, or was, an actor {name}", hint="names of actors are given once"
            )
        address = self._address(address, known)
        Policy(allow=inside)
        keys = self._given.get(name) or self._files.made(name)
        actor = Local(
            name=name,
            address=address,
            rsa=keys.public[0],
            ed25519=keys.public[1],
            at=self._now(),
            kind=kind,
            title=title,
            summary=summary,
            inside=inside,
        )
        if not self._write(actor, 0):
            raise ConfigurationError(f"somebody else made an actor {name} meanwhile")
        return actor

    def change(
        self,
        name: str,
        *,
        title: str | None = None,
        summary: str | None = None,
        inside: tuple[str, ...] | None = None,
    ) -> Local:
        """Change what an actor says of itself, or where its requests may go; None leaves it."""
        given = {"title": title, "summary": summary, "inside": inside}
        changes = {key: value for key, value in given.items() if value is not None}
        Policy(allow=inside or ())
        for _ in range(TRIES):
            self.require(name)
            record = self._store.records(ACTOR, keys=[name])[0]
            actor = replace(_read(record), **changes)
            _check(name, actor.kind, actor.title, actor.summary)
            if self._write(actor, record.version):
                return actor
        raise StoreError(f"the actor {name} was changed by others at each try")

    def remove(self, name: str) -> Local:
        """Have an actor be gone, and its keys with it; others are told so when they ask."""
        actor = replace(self.require(name), gone=self._now())
        body = msgspec.json.encode(actor).decode()
        self._store.write([Put(kind=ACTOR, key=name, body=body)], at=actor.gone)
        if name not in self._given:
            self._files.remove(name)
        return actor

    def rotate(self, name: str) -> Local:
        """Give an actor new keys, under the ids of the old ones; others look them up.

        ConfigurationError where its keys aren't in files.
        """
        if name in self._given:
            raise ConfigurationError(f"the keys of {name} aren't in files", hint="give it others")
        self.require(name)
        version = self._store.records(ACTOR, keys=[name])[0].version
        actor = self.require(name)
        self.keys(actor)  # an earlier change that was cut off is over then
        rsa, ed25519 = self._files.make_next(name).public
        actor = replace(actor, rsa=rsa, ed25519=ed25519)
        if not self._write(actor, version):
            raise ConfigurationError(f"somebody else changed {name} meanwhile", hint="try again")
        self.keys(actor)
        return actor

    def keys(self, actor: Local) -> Keys:
        """The keys of an actor; ConfigurationError where they are missing, or another's."""
        public = actor.rsa, actor.ed25519
        keys = self._given.get(actor.name) or self._files.read(actor.name)
        if keys.public != public and actor.name not in self._given:
            keys = self._files.take_next(actor.name, public)
        if keys.public != public:
            raise ConfigurationError(
                f"the keys of the actor {actor.name} aren't those that it is known by",
                hint="put its files back",
            )
        return keys

    def _address(self, given: str, known: list[Local]) -> str:
        mine = {actor.address for actor in known}
        identity = described(self._store)
        found = given or next(iter(mine), "") or (identity.address if identity else "")
        if not found:
            raise ConfigurationError(
                "the address by which others reach this instance isn't known",
                hint="give it: --address https://blog.example",
            )
        address = check_address(found)
        if origin_of(address) is None or urlsplit(address).path:
            raise ConfigurationError(
                f"{address!r:.80} has a path, and actors are found at the top of a host",
                hint="give the host's own: --address https://blog.example",
            )
        if mine - {address}:
            raise ConfigurationError(
                f"the actors of this store are at {mine.pop()}", hint="ids never change"
            )
        return address

    def _write(self, actor: Local, version: int) -> bool:
        body = msgspec.json.encode(actor).decode()
        put = Put(kind=ACTOR, key=actor.name, body=body, expect=version)
        return self._store.write([put], at=self._now()) is not None

    def _records(self) -> list[Record]:
        found: list[Record] = []
        while True:
            after = found[-1].key if found else ""
            page = self._store.records(ACTOR, after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                return found


def _read(record: Record) -> Local:
    return msgspec.json.decode(record.body, type=Local)


def _check(name: str, kind: str, title: str, summary: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r:.80} can't be an actor's name",
            hint="a name has small letters, digits and _, at most 60 of them",
        )
    if kind not in KINDS:
        raise ConfigurationError(f"an actor is one of {', '.join(KINDS)}, not {kind!r:.80}")
    if len(title) > LONGEST_TITLE or len(summary) > LONGEST_SUMMARY:
        raise ConfigurationError(
            f"a title has at most {LONGEST_TITLE} characters, a summary {LONGEST_SUMMARY:,}"
        )
