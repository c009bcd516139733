"""What is known of the servers that things are delivered to: what they take, and their health.

Laws: a host is a record, so that all who deliver know the same. The dialect that it took is tried
first from then on; a refusal of both says nothing about either. A host that failed several times in
a row is left alone for a while, longer each time, instead of being tried for each delivery that
waits for it. One that was away for days is given up, but for one look in each pause: so what waits
for it ends, and it is delivered to again from the first look that finds it back.

Twin: a circuit breaker (M. Nygard, "Release It!"), whose state outlives the process.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from everflow.activitypub.dialects import CAVAGE, RFC9421
from everflow.errors import NoRetry, ReceiverBusy, Unreachable
from everflow.store import Put, Store

__all__ = ["HOST", "Host", "Hosts"]

HOST = "receiver-host"  # the kind of the records, by host and port
SECOND = 1_000_000
FORGIVEN = 3  # failures in a row that may be chance
SHORTEST, LONGEST = 60 * SECOND, 3_600 * SECOND  # pauses
GIVEN_UP = 4 * 86_400 * SECOND  # about as long as one delivery is tried


class Host(msgspec.Struct, frozen=True, omit_defaults=True):
    """A host's record: the dialect that it took last, and its failures in a row.

    ``since`` is when these began, ``until`` when it is tried again, in microseconds.
    """

    dialect: str = ""
    failures: int = 0
    since: int = 0
    until: int = 0


class Hosts:
    """The hosts of a store's receivers. ``first``: the dialect for those that aren't known."""

    def __init__(self, store: Store, now: Callable[[], int], first: str = RFC9421) -> None:
        self._store = store
        self._now = now
        self._first = first

    def order(self, name: str) -> tuple[str, str]:
        """Both dialects, the one to try first before the other.

        Raises:
            ReceiverBusy: the host is left alone for now.
            NoRetry: it is given up.
        """
        host, now = self._read(name)[0], self._now()
        if host.failures >= FORGIVEN and now < host.until:
            if now - host.since > GIVEN_UP:
                raise NoRetry(Unreachable(f"nothing was taken by {name:.200} for days"))
            raise ReceiverBusy(
                f"{name:.200} failed {host.failures} times in a row, and is left alone for a while"
            )
        spoken = host.dialect or self._first
        return (CAVAGE, RFC9421) if spoken == CAVAGE else (RFC9421, CAVAGE)

    def well(self, name: str, dialect: str = "") -> None:
        """A host answered; it took what was signed in that dialect, if one is given."""
        host, version = self._read(name)
        after = Host(dialect=dialect or host.dialect)
        if after != host:
            self._write(name, after, version)

    def failed(self, name: str) -> None:
        """A host didn't answer, or with trouble of its own."""
        host, version = self._read(name)
        now, failures = self._now(), host.failures + 1
        pause = min(SHORTEST << min(max(failures - FORGIVEN, 0), 20), LONGEST)
        since = host.since or now
        after = replace(host, failures=failures, since=since, until=now + pause)
        self._write(name, after, version)

    def _read(self, name: str) -> tuple[Host, int]:
        found = self._store.records(HOST, keys=[name])
        if not found:
            return Host(), 0
        return msgspec.json.decode(found[0].body, type=Host), found[0].version

    def _write(self, name: str, host: Host, version: int) -> None:
        """Where somebody else was first, what they found out is as good."""
        body = msgspec.json.encode(host).decode()
        put = Put(kind=HOST, key=name, body=body, expect=version)
        self._store.write([put], at=self._now())
