"""What a host is given: who its instance is, and who carries what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from everflow.federation.carrying.adoption import Judge
from everflow.federation.carrying.ties import ties_of
from everflow.federation.protocol.messages import Message
from everflow.federation.protocol.standing import Settings
from everflow.store import Store

__all__ = ["Instance", "Saying"]


@dataclass(frozen=True)
class Instance:
    """Who hosts: its id, how others are called by people, its boot clock's life, its settings.

    ``tied`` says why a run can't be given away now, if it can't, and ``unfit`` why one of that
    instance's can't go on here.
    """

    me: Callable[[], str]
    named: Callable[[str], str]
    life: str
    settings: Settings
    tied: Callable[[Store, str], Sequence[str]] = ties_of
    unfit: Judge = lambda _client, _giver, _coming: ""


class Saying(Protocol):
    """Who carries what is said, from any thread."""

    def put(self, peer: str, run: str, message: Message) -> None:
        """Tell a peer of a run."""

    def carries(self, run: str) -> bool:
        """Whether something large of a run is on its way already."""
