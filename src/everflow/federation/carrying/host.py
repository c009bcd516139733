"""The host of sessions: tells each what happened to its run, and carries out what it wants.

Three rules hold. A session is made of what stands in the store each time that it is told something,
so that any number of processes on one store may tell it; only its memory is kept here, and dropped
when another process wrote meanwhile. An act is one transaction under what was read, and its words
go out after it; where it failed, the event is told again to what stands now. And the host never
waits: what it says is handed to the post, and what it must do later it gives as a time.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Sequence

from msgspec.structs import replace

from everflow.clock import Clock
from everflow.engine.asking.client import Client
from everflow.errors import EverflowError, NoSuchRun, StoreError
from everflow.federation.carrying.adoption import barred, fences
from everflow.federation.carrying.kept import (
    Kept,
    after_write,
    extent_of,
    read_kept,
    restless,
    rests,
    written,
)
from everflow.federation.carrying.leases import Leases
from everflow.federation.carrying.letters import cut_of, slice_of
from everflow.federation.carrying.setting import Instance, Saying
from everflow.federation.carrying.ties import let_loose
from everflow.federation.protocol.lineage import Extent, within
from everflow.federation.protocol.messages import Message, Refuse
from everflow.federation.protocol.session import acknowledges, runs_until, tell
from everflow.federation.protocol.standing import OWNING, Memory, Role
from everflow.federation.protocol.time import Moment
from everflow.federation.protocol.turns import (
    Begin,
    EndLease,
    Event,
    Grew,
    Heard,
    Order,
    Read,
    Session,
    Tick,
    Turn,
    Write,
)
from everflow.store import OUTCOMES, Put
from everflow.store.handing import BRANCH, Hand, Tenure

__all__ = ["Host"]

_log = logging.getLogger("everflow.federation")
TRIES = 50
GROUP = 500  # tenures in one reading
_FOR_EVER = 1 << 62


class Host:
    """Sessions of the runs of one store, for this process. Its calls may come from any thread.

    ``saying`` gets whom to tell what about which run.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        instance: Instance,
        saying: Saying,
    ) -> None:
        self._client = client
        self._store = client.store
        self._clock = clock
        self._instance = instance
        self._saying = saying
        self._lock = threading.RLock()
        self._memory: dict[str, tuple[int, Memory]] = {}
        self._wakes: dict[str, int] = {}
        self._soonest: list[tuple[int, str]] = []
        self.seen: dict[str, Extent] = {}  # how much there was of the runs that are shipped
        self._newly: list[str] = []
        self.leases = Leases(clock)

    # --- what it is told

    def order(self, run: str, order: Order) -> Turn:
        """Have an order obeyed, or refused; one about a run that never moved begins its story."""
        with self._lock:
            tenure = self._read(run)
            own = tenure.seq and not tenure.version
            if not own and not tenure.version:
                raise NoSuchRun(f"there is no run {run}", run=run)
            if own and not isinstance(order, Begin):
                self._told(tenure, Begin())
                tenure = self._read(run)
            return self._told(tenure, order)

    def name(self, run: str, peer: str) -> None:
        """Count a peer in the circle of a run from now on."""
        with self._lock:
            for _ in range(TRIES):
                tenure = self._read(run)
                if not tenure.version:
                    raise NoSuchRun(f"no other instance ever heard of the run {run}", run=run)
                kept = read_kept(tenure)
                names = tuple(sorted({*kept.named, peer}))
                if self._handed(self._hand(tenure, replace(kept, named=names))) is not None:
                    return

    def forget_aside(self, run: str) -> int:
        """Delete what was set aside of a run; how many branches that were."""
        gone = 0
        with self._lock:
            for _ in range(TRIES):
                tenure, prefix = self._read(run), f"{run}/"
                found = self._store.records(BRANCH, prefix=prefix)
                found = [one for one in found if "/" not in one.key.removeprefix(prefix)]
                kept = read_kept(tenure)
                if not (found or kept.aside):
                    return gone
                puts = [Put(kind=BRANCH, key=one.key, body=None) for one in found]
                self._store.write(puts, at=self._client.clock.wall())
                gone += len(found)
                self._handed(self._hand(tenure, replace(kept, aside=0)))
        raise StoreError(f"the run {run} was changed by others at each try", run=run)

    def heard(self, tenure: Tenure, sender: str, message: Message, *, willing: bool) -> Turn:
        """A message that counts, about a run of which this was read just now."""
        if isinstance(message, Refuse):
            _log.warning("%s doesn't take the run %s", self._instance.named(sender), tenure.run)
        with self._lock:
            return self._told(tenure, Heard(sender, message), willing=willing)

    def grew(self, runs: Sequence[str]) -> None:
        """These runs got on, or may have."""
        with self._lock:
            for tenure in self.read(runs):
                if tenure.version:
                    self._each(tenure, Grew(rests(tenure.status)))

    def tick(self) -> int | None:
        """Tell the time to whoever asked for it; give when it is to be told again."""
        with self._lock:
            for tenure in self.read(self._due()):
                self._each(tenure, Tick())
            return self.soonest

    # --- what it is asked

    @property
    def soonest(self) -> int | None:
        """When the time is to be told next, by the boot clock."""
        with self._lock:
            while self._soonest and self._wakes.get(self._soonest[0][1]) != self._soonest[0][0]:
                heapq.heappop(self._soonest)
            return self._soonest[0][0] if self._soonest else None

    def read(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of these runs."""
        found: list[Tenure] = []
        for first in range(0, len(runs), GROUP):
            found += self._store.tenures(runs[first : first + GROUP])
        return found

    def session(self, tenure: Tenure) -> Session:
        """The session as it stands."""
        return self._session(tenure, read_kept(tenure), willing=True)

    def until(self, run: str) -> int | None:
        """Until when a run may be run here, by the boot clock; None where it may not.

        A number beyond all clocks where it has no lease, or never moved.
        """
        with self._lock:
            tenure = self._read(run)
            if not tenure.version:
                return _FOR_EVER
            return runs_until(self.session(tenure), self._moment())

    def acknowledges(self, run: str, extent: Extent) -> bool:
        """Whether what was written of a run up to there may be acknowledged."""
        with self._lock:
            tenure = self._read(run)
            return not tenure.version or acknowledges(self.session(tenure), extent)

    def acked(self, run: str) -> Extent | None:
        """What its replica is known to have of a run."""
        _, memory = self._memory.get(run, (0, Memory()))
        return memory.acked

    def holds(self, run: str) -> bool:
        """Whether a run is looked after here."""
        return run in self.seen or run in self._wakes

    def newly_shipped(self) -> list[str]:
        """Runs that are shipped since this was asked last: of their growth this is to hear."""
        with self._lock:
            newly, self._newly = self._newly, []
            return newly

    # --- inside

    def _read(self, run: str) -> Tenure:
        (found,) = self._store.tenures([run])
        return found

    def _moment(self) -> Moment:
        return Moment(self._instance.life, self._clock.boot())

    def _due(self) -> list[str]:
        now, due = self._clock.boot(), dict[str, None]()
        while self._soonest and self._soonest[0][0] <= now:
            wake, run = heapq.heappop(self._soonest)
            if self._wakes.get(run) == wake:
                del self._wakes[run]
                due[run] = None
        return list(due)

    def _session(self, tenure: Tenure, kept: Kept, *, willing: bool) -> Session:
        version, memory = self._memory.get(tenure.run, (tenure.version, Memory()))
        return Session(
            me=self._instance.me(),
            settings=replace(self._instance.settings, willing=willing),
            standing=kept.standing,
            have=extent_of(tenure),
            memory=memory if version == tenure.version else Memory(),
        )

    def _each(self, tenure: Tenure, event: Grew | Tick) -> None:
        """Tell one of many: trouble with it is no other's."""
        try:
            if isinstance(event, Grew):
                self._awake(tenure)
            self._told(tenure, event)
        except EverflowError as error:
            _log.warning("the run %s waits to be carried: %s", tenure.run, error.message)
            self._wake(tenure.run, self._clock.boot() + self._instance.settings.longest_retry)

    def _told(self, tenure: Tenure, event: Event, *, willing: bool = True) -> Turn:
        """Carry out a turn to its end: the act, the words, and what was to be read."""
        try:
            for _ in range(TRIES):
                turn = self._turn(tenure, event, willing=willing)
                if turn is not None:
                    return turn
                tenure = self._read(tenure.run)
        except StoreError:
            # What was written isn't known: what stands is looked at, and nothing is remembered.
            self._memory.pop(tenure.run, None)
            self._wake(tenure.run, self._clock.boot() + self._instance.settings.first_retry)
            raise
        raise StoreError(f"the run {tenure.run} was changed by others at each try", run=tenure.run)

    def _turn(self, tenure: Tenure, event: Event, *, willing: bool) -> Turn | None:
        """One try; None where something else stands there by now."""
        kept, run = read_kept(tenure), tenure.run
        turn = self._decided(tenure, kept, event, willing=willing)
        if isinstance(turn.act, Write):
            sender = event.sender if isinstance(event, Heard) else ""
            after = self._write(tenure, kept, turn.act, sender)
            if after is None:
                return None
            tenure, kept = after, read_kept(after)
        self._remember(tenure, kept, turn)
        for to, message in turn.messages:
            self._saying.put(to, run, message)
        if isinstance(turn.act, Read):
            if not self._saying.carries(run):  # else it is dropped: why read it
                self._ship(tenure, turn.act.after)
        elif isinstance(event, Heard):
            self._settle(tenure, kept, turn)
        if turn.wake is not None and turn.wake <= self._clock.boot() and isinstance(event, Grew):
            return self._turn(self._read(run) if turn.act else tenure, Tick(), willing=willing)
        return turn

    def _decided(self, tenure: Tenure, kept: Kept, event: Event, *, willing: bool) -> Turn:
        """What is to be done, and may be: no run is given away that is tied, or taken unfit."""
        run, session = tenure.run, self._session(tenure, kept, willing=willing)
        turn = tell(session, event, self._moment())
        if fences(kept.standing, turn) and self._instance.tied(self._store, run):
            return Turn(session=session, wake=self._wakes.get(run))
        why = barred(self._client, self._instance.unfit, tenure, kept.standing, event, turn)
        if not why:
            return turn
        _log.warning("the run %s doesn't go on here: %s", run, why)
        if isinstance(event, Heard):
            return tell(self._session(tenure, kept, willing=False), event, self._moment())
        wake = self._clock.boot() + self._instance.settings.longest_retry
        return Turn(session=session, wake=wake)

    def _remember(self, tenure: Tenure, kept: Kept, turn: Turn) -> None:
        run, standing = tenure.run, kept.standing
        if turn.session.memory != Memory() and standing == turn.session.standing:
            self._memory[run] = (tenure.version, turn.session.memory)
        else:
            self._memory.pop(run, None)
        self.leases.note(run, replace(turn.session, standing=standing), self._moment())
        self._wake(run, turn.wake)
        ships = standing.replication is not None and standing.replication.when != "manual"
        if standing.role in OWNING and ships:
            if run not in self.seen:
                self._newly.append(run)
            self.seen[run] = extent_of(tenure)
        else:
            self.seen.pop(run, None)

    def _wake(self, run: str, at: int | None) -> None:
        if at is None:
            self._wakes.pop(run, None)
        elif self._wakes.get(run) != at:
            self._wakes[run] = at
            heapq.heappush(self._soonest, (at, run))

    def _ship(self, tenure: Tenure, after: int) -> None:
        """Read what a message carries, and let the session say it."""
        cut = cut_of(self._store.slice(tenure.run, after))
        read = replace(tenure, seq=cut.upto.seq, rev=cut.upto.rev)
        turn = tell(self._session(read, read_kept(read), willing=True), cut, self._moment())
        self._remember(read, read_kept(read), turn)
        for to, message in turn.messages:
            self._saying.put(to, tenure.run, message)

    def _write(self, tenure: Tenure, kept: Kept, act: Write, sender: str) -> Tenure | None:
        """Carry out a write; what stands then, or None where it wasn't done."""
        have, add = extent_of(tenure), None
        if act.standing.lease is not None and act.standing.role in OWNING:
            self.leases.expect(tenure.run)
        stays = have if act.keep is None else within(have, act.keep)
        if act.cut is not None:
            add = slice_of(act.cut)
        after = after_write(
            kept,
            act,
            sender,
            cuts=stays != have,
            at=self._client.clock.wall(),
            new=not tenure.version,
        )
        hand = self._hand(tenure, after)
        hand.add, hand.drop = add, act.drop
        if stays != have:
            old = kept.standing.epoch
            hand.keep = (stays.seq, stays.rev)
            hand.branch = f"{old.number}-{old.owner}-{stays.seq}"
        written_now, before = self._handed(hand), kept.standing.role
        if hand.here and before not in OWNING:
            self._client.nudge()  # it goes on here
        if written_now is not None and before in OWNING and not hand.here:
            self.leases.tell(tenure.run)  # its worker lets go of it now
        if written_now is not None and before in OWNING and act.standing.role is Role.HANDED_OFF:
            let_loose(self._client, tenure.run, hand.holder)
        return written_now

    def _hand(self, tenure: Tenure, kept: Kept) -> Hand:
        standing, at = kept.standing, self._client.clock.wall()
        here = standing.role in OWNING
        holder = standing.next.owner if standing.role is Role.FENCED else standing.epoch.owner
        return Hand(
            run=tenure.run,
            version=tenure.version,
            seq=tenure.seq,
            rev=tenure.rev,
            body=written(kept),
            here=here,
            holder="" if here else self._instance.named(holder),
            due=at if restless(kept) else None,
            # A run that is leased from its start stays so until its lease is written.
            leased=standing.lease is not None if tenure.version else None,
        )

    def _handed(self, hand: Hand) -> Tenure | None:
        if not self._store.hand(hand, at=self._client.clock.wall()):
            return None
        return self._read(hand.run)

    def _settle(self, tenure: Tenure, kept: Kept, turn: Turn) -> None:
        """A run that has ended and whose replica has it whole needs nobody any more."""
        session, lease = turn.session, turn.session.standing.lease
        acked = session.memory.acked
        if tenure.status not in OUTCOMES or acked is None or not acked.covers(session.have):
            return
        if lease is not None and not lease.ending and session.standing.role in OWNING:
            self._told(tenure, EndLease())
        elif restless(kept) and turn.wake is None:
            self._handed(self._hand(tenure, replace(kept, settled=True)))

    def _awake(self, tenure: Tenure) -> None:
        """One that ended, and goes on after all, is looked after again."""
        kept = read_kept(tenure)
        if kept.settled and tenure.status not in OUTCOMES:
            after = self._handed(self._hand(tenure, replace(kept, settled=False)))
            if after is not None:
                tenure.body, tenure.version = after.body, after.version
