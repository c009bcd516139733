"""How an instance hosts: by which id, clock and settings, with a network or without one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from everflow.clock import Clock
from everflow.engine.asking.client import Client
from everflow.engine.given.ids import Random, system_random
from everflow.errors import ConfigurationError
from everflow.federation.carrying.adoption import Coming, unfit
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.office import Office
from everflow.federation.carrying.setting import Instance
from everflow.federation.courier import Pace
from everflow.federation.identity import described
from everflow.federation.peers import Peers
from everflow.federation.protocol.messages import Message
from everflow.federation.protocol.standing import Settings

__all__ = ["hosting_of", "life_of", "office_of"]

SECOND = 1_000_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def life_of(random: Random) -> str:
    """A name for the boot that the boot clock counts from; of this process where it has none."""
    with contextlib.suppress(OSError):
        return BOOT_ID.read_text().strip()
    return random(16).hex()


def hosting_of(me: Callable[[], str], peers: Peers, pace: Pace, life: str) -> Instance:
    """An instance of that id, which calls others by their names and addresses here."""

    def named(peer: str) -> str:
        found = peers.get(peer)
        return peer if found is None else f"{found.name} ({found.address})"

    settings = Settings(
        first_retry=round(pace.first * SECOND), longest_retry=round(pace.longest * SECOND)
    )

    def why(client: Client, giver: str, coming: Coming) -> str:
        return unfit(client, peers.get(giver), coming)

    return Instance(me, named, life, settings, unfit=why)


def office_of(client: Client, clock: Clock) -> Office:
    """The office of a store, without a network: what follows is for a process that serves.

    ConfigurationError where the store's instance has no identity.
    """
    found = described(client.store)
    if found is None:
        raise ConfigurationError(
            "this instance has no identity yet",
            hint="everflow peer init https://the.address.that.peers.call",
        )
    peers = Peers(client.store, clock.wall)
    hosting = hosting_of(lambda: found.id, peers, Pace(), life_of(system_random))
    return Office(client, Host(client, clock, hosting, _Silence()), peers)


class _Silence:
    """Nobody is told: whoever serves on the store says it."""

    def put(self, peer: str, run: str, message: Message) -> None:
        """Say nothing."""

    def carries(self, run: str) -> bool:  # noqa: ARG002 - as whoever carries is asked
        """Nothing is on its way."""
        return False
