"""What a session is told, and what it wants done.

A turn is carried out in one order: first its act, in one transaction; then, if that was done, its
session counts and its messages go out. An act that failed undoes the turn; one that may have
failed is answered by reading what stands. So nothing is said that isn't durable.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from everflow.federation.protocol.lineage import Extent
from everflow.federation.protocol.messages import Cut, Message
from everflow.federation.protocol.standing import Memory, Replication, Settings, Standing

__all__ = [
    "Act",
    "Begin",
    "CallBack",
    "EndLease",
    "Event",
    "Forget",
    "Grew",
    "HandOff",
    "Heard",
    "LeaseTo",
    "Order",
    "Read",
    "Refusal",
    "Replicate",
    "Session",
    "Ship",
    "TakeOver",
    "Tick",
    "Turn",
    "Write",
]


class Heard(msgspec.Struct, frozen=True):
    """A message of a peer, who is who it says."""

    sender: str
    message: Message


class Tick(msgspec.Struct, frozen=True):
    """The time has come that the last turn asked for, or any other."""


class Grew(msgspec.Struct, frozen=True):
    """The run got on here; ``rests``: it stands at a suspension or an end."""

    rests: bool


class Begin(msgspec.Struct, frozen=True):
    """The run was started here."""


class Replicate(msgspec.Struct, frozen=True):
    """Copies go to a peer from now on, or to nobody."""

    replication: Replication | None


class Ship(msgspec.Struct, frozen=True):
    """Bring the replica up to date now."""


class LeaseTo(msgspec.Struct, frozen=True):
    """Run and acknowledge only with the peer's lease, who takes the run over when it ends."""

    to: str
    span: int


class EndLease(msgspec.Struct, frozen=True):
    """Run without a lease again, once the peer said that it won't take the run."""


class HandOff(msgspec.Struct, frozen=True):
    """Give the run to a peer."""

    to: str


class CallBack(msgspec.Struct, frozen=True):
    """Take an offer or a handover back, if the peer hasn't adopted the run."""


class TakeOver(msgspec.Struct, frozen=True):
    """An operator's word: own the run here, whoever else may. It may execute twice."""


class Forget(msgspec.Struct, frozen=True):
    """Delete what is here of a run that is another instance's; who has it stays known."""


Order = Begin | Replicate | Ship | LeaseTo | EndLease | HandOff | CallBack | TakeOver | Forget
Event = Heard | Tick | Grew | Cut | Order


class Refusal(StrEnum):
    """Why an order isn't obeyed."""

    NOT_OWNER = "not_owner"
    OWNER_ALREADY = "owner_already"
    NO_REPLICA = "no_replica"  # nothing whole is here that could go on
    NO_REPLICATION = "no_replication"
    LEASED = "leased"  # a lease runs: end it first
    NO_LEASE = "no_lease"
    NOTHING_OFFERED = "nothing_offered"
    OWN_ADDRESS = "own_address"
    NO_COPY = "no_copy"  # what is here may be all that there is of the run
    GRANTED = "granted"  # the owner counts on what is here


class Read(msgspec.Struct, frozen=True):
    """Read the run from that entry on, in one transaction, and tell the ``Cut``."""

    after: int


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """In one transaction, on condition that standing and extent are those that the session had.

    What lies beyond ``keep`` is set aside with the epoch that it had; then ``cut`` is added, of
    which only what is new counts; then the run may be run here if the role owns, and else not.
    With ``drop`` all that is here is deleted instead, and set aside nowhere.
    """

    standing: Standing
    keep: Extent | None = None
    cut: Cut | None = None
    drop: bool = False


Act = Read | Write


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One run at one instance. ``have``: what is here of it, read together with the standing."""

    me: str
    settings: Settings
    standing: Standing
    have: Extent
    memory: Memory = Memory()


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of an event. ``wake``: when to tell a tick, by the boot clock; the last counts."""

    session: Session
    act: Act | None = None
    messages: tuple[tuple[str, Message], ...] = ()
    wake: int | None = None
    refused: Refusal | None = None
