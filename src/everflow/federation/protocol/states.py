"""The table of states: every change of role or epoch that there is, and what it means.

The simulation sees no other one, and the page on handoff shows this table.
"""

from __future__ import annotations

from typing import NamedTuple

from everflow.federation.protocol.standing import Role

__all__ = ["TABLE", "Change", "as_markdown"]


class Change(NamedTuple):
    """From a role, by an order or a message of that name, to a role."""

    role: Role
    cause: str
    then: Role
    meaning: str


_NONE, _REPLICA, _OWNER = Role.NONE, Role.REPLICA, Role.OWNER
_OFFERING, _FENCED, _HANDED = Role.OFFERING, Role.FENCED, Role.HANDED_OFF

_STALE = "a higher epoch is known: what is here beyond it is set aside, kept, never merged"
_NEWER = "the same, and the new owner's copy begins with it"
_FORCED = "an operator's word: a new epoch from what is here; may execute twice"
_LEASE = "the lease that it granted is over: a new epoch from what it has"
_ADOPTS = "the whole run is here: a new epoch, and the old owner is told"
_RETURNS = "it was taken from here by force, and is given back: its own branch is set aside"

TABLE: tuple[Change, ...] = (
    Change(_NONE, "Begin", _OWNER, "the run is started here: the first epoch"),
    Change(_NONE, "Segment", _REPLICA, "the first copy arrives"),
    Change(_NONE, "Claim", _REPLICA, "the owner is known, and nothing else"),
    Change(_NONE, "Handover", _OWNER, _ADOPTS),
    Change(_REPLICA, "Segment", _REPLICA, "the run has a new owner, who ships it"),
    Change(_REPLICA, "Claim", _REPLICA, "the run has a new owner"),
    Change(_REPLICA, "Handover", _OWNER, _ADOPTS),
    Change(_REPLICA, "Tick", _OWNER, _LEASE),
    Change(_REPLICA, "TakeOver", _OWNER, _FORCED),
    Change(_OWNER, "HandOff", _OFFERING, "it still runs the run, and asks the peer"),
    Change(_OWNER, "Claim", _HANDED, _STALE),
    Change(_OWNER, "Segment", _HANDED, _NEWER),
    Change(_OWNER, "Handover", _OWNER, _RETURNS),
    Change(_OWNER, "TakeOver", _OWNER, "its lessee is gone for good: on without a lease, forced"),
    Change(_OFFERING, "Accept", _FENCED, "the fence: from here on nobody runs it"),
    Change(_OFFERING, "Refuse", _OWNER, "the peer doesn't want it"),
    Change(_OFFERING, "CallBack", _OWNER, "the offer is taken back"),
    Change(_OFFERING, "Claim", _HANDED, _STALE),
    Change(_OFFERING, "Segment", _HANDED, _NEWER),
    Change(_OFFERING, "Handover", _OWNER, _RETURNS),
    Change(_OFFERING, "TakeOver", _OWNER, "as an owner's"),
    Change(_FENCED, "Claim", _HANDED, "the peer has adopted it, or another one took it"),
    Change(_FENCED, "Segment", _HANDED, _NEWER),
    Change(_FENCED, "Declined", _OWNER, "the peer never will: a new epoch here"),
    Change(_FENCED, "Handover", _OWNER, _RETURNS),
    Change(_FENCED, "TakeOver", _OWNER, _FORCED),
    Change(_HANDED, "Segment", _HANDED, "the run has a new owner, who ships it"),
    Change(_HANDED, "Claim", _HANDED, "the run has a new owner"),
    Change(_HANDED, "Handover", _OWNER, _ADOPTS),
    Change(_HANDED, "Tick", _OWNER, _LEASE),
    Change(_HANDED, "TakeOver", _OWNER, _FORCED),
)


def as_markdown() -> str:
    """The table for a page."""
    rows = [
        f"| {change.role} | {change.cause} | {change.then} | {change.meaning} |" for change in TABLE
    ]
    return "\n".join(
        ("| role | hears or does | then | meaning |", "| --- | --- | --- | --- |", *rows)
    )
