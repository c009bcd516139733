"""What there is to see to: runs that got on, runs that begin to follow a policy, orders of others.

Three rules hold. Within this process the engine tells the numbers of the runs that it wrote; what
other processes did is looked for only when the store's version says that they wrote, and looking
takes a tenth of one thread at most. No look walks over runs that nobody replicates. And what is
told or found may be told again: a session makes nothing of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from everflow.clock import Clock
from everflow.engine.asking.runs import Changes
from everflow.engine.operating.elsewhere import AWAITED
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.kept import extent_of, read_kept
from everflow.federation.carrying.leases import SECOND
from everflow.federation.carrying.policies import Policy, policies
from everflow.federation.peers import Peers
from everflow.federation.protocol.lineage import Extent
from everflow.federation.protocol.session import acknowledges
from everflow.federation.protocol.standing import OWNING, Replication
from everflow.federation.protocol.turns import Begin, LeaseTo, Replicate, Ship
from everflow.store import OUTCOMES, Put, Record, RunQuery, RunRow, Status, Store
from everflow.store.handing import TENURE, Tenure

__all__ = ["STIR", "Watch", "stir"]

STIR = "stirred"  # the kind of records by which another process says: look at this run
SHIP = '"ship"'
PAGE = 500
LAG = 10_000_000  # microseconds that a run may be seen later than one that was created after it
SELDOM = 60_000_000  # between two looks for what another process left
_ANY_TIME = 1 << 62
MOST_LEFT = 100_000  # runs that are looked after
MOST_PASSED = 100_000  # runs without a policy that are known by their numbers
_ACTIVE = tuple(status for status in Status if status not in OUTCOMES)


def stir(store: Store, run: str, *, ship: bool = False, at: int) -> None:
    """Have whoever carries look at a run: it was told something by this process.

    ``ship``: its copy is to be brought up to date, which no standing says.
    """
    body = SHIP if ship else "null"
    store.write([Put(kind=STIR, key=run, body=body, due=at)], at=at)


class Watch:
    """Tells a host what happened to the runs of its store."""

    def __init__(
        self, host: Host, store: Store, changes: Changes, peers: Peers, clock: Clock
    ) -> None:
        self._host = host
        self._store = store
        self._changes = changes
        self._peers = peers
        self._clock = clock
        self._lock = threading.Lock()
        self._grown: dict[int, None] = {}
        self._passed: set[int] = set()
        self._names: dict[int, str] = {}
        self._policies: dict[str, Policy] = {}
        self._leased: frozenset[str] = frozenset()
        self._version = -1
        self._mark = 0
        self._looked = 0  # by the boot clock
        self._pause = 0
        self._left = 0  # when it was looked last for what others left

    def listen(self, stirred: Callable[[], None]) -> Callable[[], None]:
        """Hear from the engine of this process; ``stirred`` is called when there is something."""

        def wrote(nos: Sequence[int]) -> None:
            if not (self._policies or self._names):
                return
            with self._lock:
                new = [no for no in nos if no not in self._passed]
                self._grown.update(dict.fromkeys(new))
            if new:
                stirred()

        return self._changes.watch(wrote)

    def begin(self) -> None:
        """Load all that is restless, and see what follows a policy."""
        self._version = self._store.version()
        self._left = self._clock.boot()
        self._load_left()
        self._follow_policies()

    def renew(self) -> None:
        """Policies were written by this process: look at them anew."""
        self._leased = _leasing(policies(self._store))
        self._version = -1

    def leases(self, flow: str) -> bool:
        """Whether runs of a flow are leased from their start."""
        return flow in self._leased

    def follow(self, run: str) -> None:
        """A run of this process was started just now: it follows its policy, if it has one."""
        row = self._store.find(run)
        policy = None if row is None else policies(self._store).get(row.flow)
        if row is not None and policy is not None:
            self._follow(row, policy)

    def look(self) -> None:
        """See what happened since."""
        self._know_shipped()
        with self._lock:
            grown, self._grown = list(self._grown), {}
        if grown:
            self._got_on(grown)
        now = self._clock.boot()
        if now < self._looked + self._pause:
            return
        self._stirred()
        self._answer_waiting()
        version = self._store.version()
        if version != self._version:
            self._version = version
            self._follow_policies()
            self._shipped_elsewhere()
        if now >= self._left + SELDOM:
            self._left = now
            self._load_left()
        self._looked = self._clock.boot()
        self._pause = 9 * (self._looked - now)

    # --- in this process

    def _got_on(self, nos: list[int]) -> None:
        strange = [no for no in nos if no not in self._names]
        for row in self._store.rows(strange) if strange else ():
            self._meet(row)
        runs = [self._names[no] for no in nos if no in self._names]
        self._host.grew(runs)
        for no in nos:
            run = self._names.get(no, "")
            if run and run not in self._host.seen:
                del self._names[no]
                self._pass(no)

    def _meet(self, row: RunRow) -> None:
        """A run that wasn't known: it may follow a policy, or have a story of its own."""
        policy = self._policies.get(row.flow)
        if policy is not None:
            self._follow(row, policy)
        elif self._host.read([row.id])[0].version:
            self._names[row.no] = row.id
        else:
            self._pass(row.no)

    def _pass(self, no: int) -> None:
        if len(self._passed) >= MOST_PASSED:
            self._passed.clear()
        self._passed.add(no)

    def _know_shipped(self) -> None:
        """Of runs that are shipped from now on the growth is to be heard."""
        for run in self._host.newly_shipped():
            row = self._store.find(run)
            if row is not None:
                self._names[row.no] = run
                self._passed.discard(row.no)
                with self._lock:
                    self._grown[row.no] = None  # what it wrote meanwhile wasn't heard

    # --- policies

    def _follow_policies(self) -> None:
        found = policies(self._store)
        for flow, policy in found.items():
            if self._policies.get(flow) != policy:
                self._catch_up(RunQuery(flow=flow, status=_ACTIVE, limit=PAGE), policy)
        self._policies, self._leased = found, _leasing(found)
        self._passed.clear()
        since, self._mark = self._mark - LAG, max(self._mark, self._clock.wall())
        for flow, policy in found.items():
            if since > 0:
                self._catch_up(RunQuery(flow=flow, since=since, limit=PAGE), policy)

    def _catch_up(self, query: RunQuery, policy: Policy) -> None:
        """Have all of these runs follow a policy."""
        after = 0
        while True:
            page = self._store.runs(_after(query, after))
            for row in page:
                if row.no not in self._names and row.status is not Status.HANDED_OFF:
                    self._follow(row, policy)
            if len(page) < PAGE:
                return
            after = page[-1].no

    def _follow(self, row: RunRow, policy: Policy) -> None:
        peer = self._peers.find(policy.to)
        if peer is None:
            self._pass(row.no)
            return
        (tenure,) = self._host.read([row.id])
        standing = read_kept(tenure).standing
        wanted = Replication(to=peer.id, when=policy.when)
        if not tenure.version and not policy.lease:
            self._host.order(row.id, Begin())
        elif tenure.version and standing.role not in OWNING:
            return
        if policy.lease and standing.lease is None:
            self._host.order(row.id, LeaseTo(peer.id, round(policy.lease * SECOND)))
        elif standing.replication != wanted and standing.lease is None:
            self._host.order(row.id, Replicate(wanted))
        self._names[row.no] = row.id

    # --- what others did

    def _stirred(self) -> None:
        found = self._store.due_records(STIR, now=self._clock.wall(), limit=PAGE)
        if found:
            self._host.grew([one.key for one in found])
            for one in found:
                if one.body == SHIP:
                    self._host.order(one.key, Ship())
            puts = [Put(kind=STIR, key=one.key, body=None) for one in found]
            self._store.write(puts, at=self._clock.wall())

    def _answer_waiting(self) -> None:
        """Tell other processes what a leased run's lessee has."""
        now = self._clock.wall()
        found = self._store.due_records(AWAITED, now=now, limit=PAGE)
        if found:
            self._host.grew([*dict.fromkeys(one.key.partition("/")[0] for one in found)])
        gone = [one.key for one in found if one.at < now - SELDOM or self._is_had(one)]
        if gone:
            self._store.write([Put(kind=AWAITED, key=key, body=None) for key in gone], at=now)

    def _is_had(self, awaited: Record) -> bool:
        (tenure,) = self._host.read([awaited.key.partition("/")[0]])
        wanted = msgspec.json.decode(awaited.body, type=Extent)
        return acknowledges(self._host.session(tenure), wanted)

    def _load_left(self) -> None:
        """Load what asks for somebody, and wasn't seen by this process."""
        left = self._store.due_records(TENURE, now=_ANY_TIME, limit=MOST_LEFT)
        self._host.grew([one.key for one in left if not self._host.holds(one.key)])

    def _shipped_elsewhere(self) -> None:
        seen = self._host.seen
        runs = list(seen)
        grown = [one.run for one in self._host.read(runs) if _moved(one, seen)]
        self._host.grew(grown)


def _moved(tenure: Tenure, seen: Mapping[str, Extent]) -> bool:
    return seen.get(tenure.run) != extent_of(tenure)


def _leasing(found: Mapping[str, Policy]) -> frozenset[str]:
    return frozenset(flow for flow, policy in found.items() if policy.lease)


def _after(query: RunQuery, after: int) -> RunQuery:
    return replace(query, after=after)
