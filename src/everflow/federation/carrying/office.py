"""Orders of people about runs that several instances have: each is one write, or refused.

One rule holds: an order needs no network. What follows from it is carried by whoever serves on the
store, in this process or in another one, which is told by a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from everflow.engine.asking.client import Client
from everflow.errors import HandoffRefused, NoSuchPeer, RemoteUnreachable
from everflow.federation.carrying import policies
from everflow.federation.carrying.holdings import Holding, holding_of, holdings
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.policies import Policy, When, declare
from everflow.federation.carrying.ties import ties_of
from everflow.federation.carrying.watch import stir
from everflow.federation.peers import Peer, Peers
from everflow.federation.protocol.lineage import Extent
from everflow.federation.protocol.standing import Replication, Role
from everflow.federation.protocol.turns import (
    CallBack,
    EndLease,
    Forget,
    HandOff,
    LeaseTo,
    Order,
    Refusal,
    Replicate,
    Session,
    Ship,
    TakeOver,
)
from everflow.store import RunQuery, Status
from everflow.store.handing import Branch

__all__ = ["Office"]

SECOND = 1_000_000
PAGE = 500
_WORDS = {
    Refusal.NOT_OWNER: "this instance doesn't have the run",
    Refusal.OWNER_ALREADY: "this instance has the run already",
    Refusal.NO_REPLICA: "there is no whole copy of the run here",
    Refusal.NO_REPLICATION: "the run isn't copied to anybody",
    Refusal.LEASED: "the run is leased: end the lease first",
    Refusal.NO_LEASE: "the run isn't leased",
    Refusal.NOTHING_OFFERED: "the run is offered to nobody",
    Refusal.OWN_ADDRESS: "that is this instance itself",
    Refusal.NO_COPY: "what is here of the run is no copy: nobody else may have it",
    Refusal.GRANTED: "the run is leased to this instance, and its owner counts on the copy here",
}
_WAIT = "give it away once that has ended; cancel it, or end what it waits for"
_HINT = "everflow handoff list shows where this instance stands with its runs"


class Office:
    """Takes orders, as transactions on the caller's thread. ``stirred``: how a carrier here hears.

    Each raises HandoffRefused where it isn't obeyed, and RemoteUnreachable for an unknown peer.
    """

    def __init__(
        self, client: Client, host: Host, peers: Peers, stirred: Callable[[], None] | None = None
    ) -> None:
        self._client = client
        self._store = client.store
        self._host = host
        self._peers = peers
        self._stirred = stirred

    def peer(self, word: str) -> Peer:
        """The peer of that name, id or address."""
        try:
            return self._peers.require(word)
        except NoSuchPeer as error:
            raise RemoteUnreachable(error.message, hint=error.hint) from error

    # --- orders

    def give(self, run: str, peer: str) -> Holding:
        """Offer a run to a peer, which goes on with it if it accepts."""
        found = self.peer(peer)
        tied = ties_of(self._store, run)
        if tied:
            why = "; ".join(tied)
            raise HandoffRefused(f"the run can't be given away now: {why}", run=run, hint=_WAIT)
        return self._order(run, HandOff(found.id))

    def call_back(self, run: str) -> Holding:
        """Take back what was offered, or given and not adopted yet."""
        return self._order(run, CallBack())

    def take_over(self, run: str) -> Holding:
        """Go on here with what is here, whoever else may."""
        return self._order(run, TakeOver())

    def lease(self, run: str, peer: str, seconds: float) -> Holding:
        """Run it only while a peer grants it so."""
        return self._order(run, LeaseTo(self.peer(peer).id, round(seconds * SECOND)))

    def end_lease(self, run: str) -> Holding:
        """Run it without a lease again, once the peer has said that it won't take it."""
        return self._order(run, EndLease())

    def believe(self, run: str, peer: str) -> Holding:
        """Count a peer among those whose word is heard of a run, although none of them named it."""
        found = self.peer(peer)
        self._host.name(run, found.id)
        return self.holding(run)

    def forget(self, run: str, *, aside: bool = False) -> int:
        """Delete the copy here of another's run, and what was set aside of it, or only the latter.

        Who has it stays known. Gives how many branches went.
        """
        self.holding(run)
        if not aside:
            self._order(run, Forget())
        return self._host.forget_aside(run)

    def forgettable(self, peer: str, before: int) -> list[str]:
        """The runs of a peer whose copies here grew last before that time."""
        return [one.run for one in self.copies(peer) if one.entries and one.at < before]

    def copy(self, peer: str, runs: Sequence[str] | None = None) -> dict[str, Extent]:
        """Have runs copied to a peer now, all that are here where none are named.

        Gives how much of each it is to have then.
        """
        found, wanted = self.peer(peer), dict[str, Extent]()
        for run in self.own() if runs is None else runs:
            session = self._shipped(found, run)
            wanted[run] = session.have
            self._tell(run, ship=True)
        return wanted

    def replicate(self, flow: str, peer: str, when: When, lease: float = 0.0) -> Policy:
        """Have the runs of a flow copied to a peer from when they start, and those that go on."""
        policy = Policy(flow=flow, to=self.peer(peer).name, when=when, lease=lease)
        declare(self._store, [policy], at=self._client.clock.wall())
        return policy

    def replicate_no_more(self, flow: str) -> bool:
        """Remove the policy of a flow; runs that follow it go on so. False where there is none."""
        return policies.forget(self._store, flow, at=self._client.clock.wall())

    # --- what there is

    def own(self) -> list[str]:
        """The runs that are this instance's."""
        found: list[str] = []
        after = 0
        while True:
            page = self._store.runs(RunQuery(after=after, limit=PAGE))
            found += [row.id for row in page if row.status is not Status.HANDED_OFF]
            if len(page) < PAGE:
                return found
            after = page[-1].no

    def holding(self, run: str) -> Holding:
        """Where this instance stands with a run; HandoffRefused where it never moved."""
        found = holding_of(self._store, self._host, run)
        if found is None:
            raise HandoffRefused("no other instance ever heard of the run", run=run, hint=_HINT)
        return found

    def holdings(self) -> list[Holding]:
        """All runs that other instances have, too, as far as is known here."""
        return holdings(self._store, self._host)

    def copies(self, peer: str) -> list[Holding]:
        """The copies that a peer left here of its runs; not of those that it was given here."""
        found = self.peer(peer)
        return [
            one for one in self.holdings() if one.role is Role.REPLICA and one.owner == found.id
        ]

    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run here, by time."""
        return self._store.branches(run)

    # --- inside

    def _order(self, run: str, order: Order) -> Holding:
        turn = self._host.order(run, order)
        self._obeyed(run, turn.refused)
        self._tell(run)
        return self.holding(run)

    def _shipped(self, peer: Peer, run: str) -> Session:
        wanted = Replication(to=peer.id, when="manual")
        turn = self._host.order(run, Ship())
        if turn.refused is Refusal.NO_REPLICATION:
            self._obeyed(run, self._host.order(run, Replicate(wanted)).refused)
            turn = self._host.order(run, Ship())
        self._obeyed(run, turn.refused)
        replication = turn.session.standing.replication
        if replication is not None and replication.to != peer.id:
            raise HandoffRefused("the run is copied to another peer already", run=run, hint=_HINT)
        return turn.session

    def _obeyed(self, run: str, refused: Refusal | None) -> None:
        if refused is not None:
            raise HandoffRefused(_WORDS[refused], run=run, hint=_HINT)

    def _tell(self, run: str, *, ship: bool = False) -> None:
        if self._stirred is None:
            stir(self._store, run, ship=ship, at=self._client.clock.wall())
        else:
            self._stirred()
