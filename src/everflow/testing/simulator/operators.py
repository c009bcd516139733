"""The operators: people who retry, fork, pause, signal and cancel in bulk.

What they are told is held against what was so just before, as for everybody; what they were told
was done must be so when nothing moves. Where a call's end was unclear, either may be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

from everflow.core.combine.signals import Receive
from everflow.core.entries import Entry, Kind
from everflow.core.ops import ReceiveOp
from everflow.engine.asking.bulk import cancel_all
from everflow.engine.asking.client import Client
from everflow.engine.operating.operator import SAME, pause_key
from everflow.errors import (
    AlreadyDone,
    CallerError,
    NoSuchPoint,
    NotRetryable,
    NotWaiting,
    RunCancelled,
    RunFailed,
    StoreError,
    WrongArgument,
)
from everflow.store import OUTCOMES, RunQuery, RunRow, Status
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.ledger import Ledger
from everflow.testing.simulator.untrue import claim

__all__ = ["Operators"]

KEYS = 4  # of signals to one run
MOSTLY, SOME = 0.7, 0.2
NEVER = "nobody signals this"
_ENDS = {AlreadyDone: Status.DONE, RunFailed: Status.FAILED}


class Operators:
    """``pauses``: what is known of each run's pause, None after an unclear call; ``held`` alike."""

    def __init__(self, base: MemoryStore, ledger: Ledger, flows: list[str]) -> None:
        self.pauses: dict[int, bool | None] = {}
        self.held: dict[str, bool | None] = {}
        self._sent: dict[tuple[int, str], dict[str, set[str]]] = defaultdict(
            lambda: defaultdict(set)
        )
        self._heard: dict[tuple[int, str], set[str]] = defaultdict(set)
        self._base = base
        self._ledger = ledger
        self._flows = flows

    def _rows(self, *status: Status) -> list[RunRow]:
        return self._base.runs(RunQuery(status=status, limit=1000))

    def _some(self, pick: int, dice: Random, *status: Status) -> RunRow | None:
        """A run of these statuses, mostly, else any."""
        rows = self._rows(*status) if dice.random() < MOSTLY else []
        rows = rows or self._rows()
        return rows[pick % len(rows)] if rows else None

    # --- retries and forks

    def retry(self, client: Client, pick: int, dice: Random) -> str:
        """Have some run, failed or not, go on in its next generation."""
        run = self._some(pick, dice, Status.FAILED)
        return "nothing" if run is None else self._retry(client, run)

    def _retry(self, client: Client, run: RunRow) -> str:
        taken = run.parent is not None or self._is_acknowledged(run)
        try:
            row = client.retry(run.id)
        except StoreError as error:
            return f"of run {run.no} is unclear: {error.code}"
        except NotRetryable as error:
            due = run.status is Status.FAILED and not taken
            told = due == ("can't be retried" in error.message)
            claim(told, "a refused retry is told why", (run.no, run.status, taken, error.message))
            return f"of run {run.no} is refused: {error.message}"
        claim(
            run.status is Status.FAILED and not taken,
            "only a failure that nobody consumed is retried",
            (run.no, run.status),
        )
        claim(row.generation > run.generation, "a retry is told when it is done", run.no)
        return f"of run {run.no} opens generation {row.generation}"

    def retry_some(self, client: Client, dice: Random) -> None:
        """Retry some of those that failed in their first generation."""
        for row in self._rows(Status.FAILED):
            if row.generation == 0 and dice.random() < SOME:
                self._ledger.story.append(f"  retry: {self._retry(client, row)}")

    def _is_acknowledged(self, run: RunRow) -> bool:
        return bool(self._base.records("acknowledged", keys=[run.id]))

    def acknowledge(self, client: Client, pick: int, dice: Random) -> str:
        """Say of some run that its outcome was acted upon."""
        run = self._some(pick, dice, Status.FAILED)
        if run is None:
            return "there is nothing to acknowledge"
        try:
            client.acknowledge(run.id)
        except StoreError as error:
            return f"of run {run.no} is unclear: {error.code}"
        except WrongArgument as error:
            claim(run.status not in OUTCOMES, "what has ended is acknowledged", (run.no, error))
            return f"of run {run.no} is refused: {error.code}"
        claim(run.status in OUTCOMES, "only what has ended is acknowledged", run.no)
        claim(self._is_acknowledged(run), "an acknowledgement is never lost", run.no)
        return f"of run {run.no}"

    def fork(self, client: Client, pick: int, dice: Random) -> str:
        """Begin another run from some entry of one, some with another value."""
        run = self._some(pick, dice)
        if run is None:
            return "there is nothing to fork"
        journal = self._ledger.journals[run.no]
        at = dice.randrange(len(journal) + 1)
        value: Any = SAME
        if at < len(journal) and journal[at].kind in {Kind.ANSWER, Kind.SIGNAL}:
            value = dice.choice([SAME, 7])
        before = self._ledger.bodies[run.no][:]
        try:
            row = client.fork(run.id, at, value)
        except StoreError as error:
            return f"of run {run.no} is unclear: {error.code}"
        except NoSuchPoint as error:
            claim(at == len(journal), "an entry that is there can be forked at", (run.no, at))
            return f"of run {run.no} at {at} is refused: {error.code}"
        claim(at < len(journal), "a fork has an entry to begin at", (run.no, at))
        self._check_fork(run, row, at, before, changed=value is not SAME)
        return f"of run {run.no} at {at} is run {row.no}"

    def _check_fork(
        self, run: RunRow, row: RunRow, at: int, before: list[str], *, changed: bool
    ) -> None:
        """A fork has what its origin told up to there, and the origin is as it was."""
        where = (run.no, row.no, at)
        claim(self._ledger.bodies[run.no] == before, "a fork leaves its origin alone", where)
        old, new = self._ledger.journals[run.no], self._ledger.journals[row.no]
        same = at + (0 if changed else 1)
        told = [(e.kind, e.op, e.payload) for e in old[1:same] if e.kind not in _BEAR_THE_ID]
        copy = [(e.kind, e.op, e.payload) for e in new[1:same] if e.kind not in _BEAR_THE_ID]
        claim(told == copy, "a fork begins as its origin did", where)
        alone = row.parent is None and row.key is None and row.owner == 0
        claim(alone and not row.cancel, "a fork is nobody's", where)

    # --- signals

    def signal(self, client: Client, pick: int, dice: Random) -> str:
        """Send a message to some run, whether it ever takes one or not."""
        rows = [row for row in self._rows() if self._names(row)]
        rows = rows if rows and dice.random() < MOSTLY else self._rows()
        if not rows:
            return "there is nobody to signal to"
        run = rows[pick % len(rows)]
        name = dice.choice(self._names(run) or [NEVER])
        key, value = f"signal {dice.randrange(KEYS)}", dice.randrange(10)
        known = self._heard[run.no, name]
        self._sent[run.no, name][key].add(str(value))
        said = f"{name} with {value} ({key}) for run {run.no}"
        try:
            client.signal(run.id, name, value, key=key, by=key)
        except StoreError as error:
            return f"{said} is unclear: {error.code}"
        except CallerError as error:
            claim(key not in known, "the same signal gets the same reply", (said, error.code))
            self._check_refused(error, run)
            return f"{said} is refused: {error.code}"
        known.add(key)
        return said

    def signal_all(self, client: Client, dice: Random) -> None:
        """Give whoever waits for a message one."""
        for row in self._rows(Status.SUSPENDED, Status.WAITING):
            ops = self._ledger.machines[row.no].state.ops.values()
            for name in {op.name for op in ops if type(op) is ReceiveOp} if not row.cancel else ():
                self._ledger.story.append(f"  {name} is signalled to run {row.no}")
                client.signal(row.id, name, dice.randrange(10))

    def _names(self, row: RunRow) -> list[str]:
        sites = self._ledger.machines[row.no].program.sites.values()
        return sorted({s.flow.name for s in sites if isinstance(s.flow, Receive)})

    @staticmethod
    def _check_refused(error: CallerError, run: RunRow) -> None:
        """A refusal names what is so."""
        wanted = _ENDS.get(type(error))
        if wanted is not None:
            claim(run.status is wanted, "a refusal is true", (run.no, error.code, run.status))
        else:
            gone = isinstance(error, RunCancelled) and (
                run.cancel or run.status is Status.CANCELLED
            )
            aside = isinstance(error, NotWaiting) and run.status is Status.BLOCKED
            claim(gone or aside, "a refusal is true", (run.no, error.code, run.status))

    # --- pauses

    def pause(self, client: Client, pick: int, dice: Random) -> str:
        """Pause some run."""
        run = self._some(pick, dice, Status.RUNNING, Status.SUSPENDED, Status.WAITING)
        return "nobody" if run is None else self._pausing(client.pause, run, pausing=True)

    def unpause(self, client: Client, pick: int, dice: Random) -> str:
        """Let some run go on, paused or not."""
        run = self._some(pick, dice, Status.PAUSED)
        return "nobody" if run is None else self._pausing(client.unpause, run, pausing=False)

    def _pausing(self, call: Callable[[str], object], run: RunRow, *, pausing: bool) -> str:
        before = self.pauses.get(run.no)
        self.pauses[run.no] = None  # as long as nobody says what became of it
        try:
            done = call(run.id)
        except StoreError as error:
            return f"run {run.no}: unclear, {error.code}"
        except CallerError as error:
            self.pauses[run.no] = before
            self._check_refused(error, run)
            return f"run {run.no}: {error.code}"
        claim(run.status not in OUTCOMES, "what has ended isn't paused", (run.no, run.status))
        if pausing:  # sent again after a failure that was none, it is told to be one already
            now = self._base.rows([run.no])[0].status
            is_new = run.status is not Status.PAUSED
            told = is_new if done else now is Status.PAUSED
            claim(told, "a pause is told whether it was one already", (run.no, run.status, now))
        if pausing and not done and before is not True:
            return f"run {run.no} already"  # its end may be on its way
        self.pauses[run.no] = pausing
        return f"run {run.no}"

    def hold(self, client: Client, pick: int, dice: Random) -> str:
        """Pause a flow or a queue."""
        return self._holding(client.pause_all_of, pick, dice, held=True)

    def let_go(self, client: Client, pick: int, dice: Random) -> str:
        """Let a flow or a queue go on."""
        return self._holding(client.unpause_all_of, pick, dice, held=False)

    def _holding(self, call: Callable[..., None], pick: int, dice: Random, *, held: bool) -> str:
        queues = [{"queue": record.key} for record in self._base.records("queue")]
        what = dice.choice([*queues, {"flow": self._flows[pick % len(self._flows)]}])
        key = pause_key(**what)
        self.held[key] = None
        try:
            call(**what)
        except StoreError as error:
            return f"{key}: unclear, {error.code}"
        self.held[key] = held
        return key

    def limit(self, client: Client, pick: int, dice: Random) -> str:
        """Change what a queue allows."""
        names = [record.key for record in self._base.records("queue")]
        if not names:
            return "there is no queue"
        name, limit = names[pick % len(names)], dice.choice([1, 2, 3, None])
        per_lane = dice.choice([1, 2, None])
        try:
            client.queues.set(name, limit=limit, per_lane=per_lane)
            limits = client.queues.view(name).limits
        except StoreError as error:
            return f"of {name} is unclear: {error.code}"
        told = (limits.limit, limits.per_lane, limits.rate) == (limit, per_lane, None)
        claim(told, "a queue allows what was said last", (name, limits))
        return f"of {name} is {limit}, {per_lane} a lane"

    # --- many

    def cancel_all(self, client: Client, pick: int, dice: Random) -> str:
        """Cancel all runs of a flow."""
        query = RunQuery(flow=self._flows[pick % len(self._flows)])
        meant = {r.id for r in self._rows() if r.flow == query.flow and r.status not in OUTCOMES}
        told = Counter[str]()
        try:
            for outcome in cancel_all(client, query):
                told[outcome.run] += 1
                row = self._base.find(outcome.run)
                if row is not None and outcome.done:
                    claim(row.cancel, "what is told to be cancelled is", row.no)
                    self._ledger.cancelled.add(row.no)
                elif row is not None and isinstance(outcome.error, CallerError):
                    self._check_refused(outcome.error, row)
        except StoreError as error:
            return f"{query.flow}: {len(told)} runs, and then {error.code}"
        claim(dict(told) == dict.fromkeys(meant, 1), "a bulk act tells of each run once", told)
        return f"{query.flow}: {len(told)} runs"

    # --- rest

    def rests(self, row: RunRow) -> bool:
        """Whether a run is at rest because somebody wished so, or it waits for its place.

        Then what came for it waits as well.
        """
        wished = self.pauses.get(row.no)
        if row.status is Status.BLOCKED:
            return True  # it was set aside
        if row.status is Status.PAUSED:
            claim(wished is not False, "a run that was unpaused goes on", row.no)
            return True
        waits = self._ledger.places.waits(row) and not row.cancel
        held = bool(self._base.records("pause", keys=[pause_key(flow=row.flow)]))
        gone = row.cancel or row.status in OUTCOMES
        claim(
            wished is not True or gone or held or waits,
            "an acknowledged pause is never lost",
            (row.no, row.status),
        )
        return (held and not gone) or waits

    def check_rest(self) -> None:
        """When nothing moves: what was held is held, and signals were taken once."""
        for key, held in self.held.items():
            found = bool(self._base.records("pause", keys=[key]))
            claim(held in {None, found}, "a flow or queue is paused as was said last", key)
        for (no, name), sent in self._sent.items():
            told = [e for e in self._own(no) if (e.kind, e.op) == (Kind.SIGNAL, name)]
            keys = Counter(entry.note for entry in told if entry.note)
            row = self._base.rows([no])[0]
            for entry in told:
                known = entry.payload in sent.get(entry.note, ())
                claim(known or not entry.note, "a signal is what somebody sent", (no, entry))
            once = all(count == 1 for count in keys.values())
            claim(once, "a signal is taken once", (no, name, keys))
            if row.status in OUTCOMES or row.cancel or self.rests(row):
                continue
            lost = self._heard[no, name] - keys.keys()
            claim(not lost, "an acknowledged signal is never lost", (no, name, lost))

    def _own(self, no: int) -> list[Entry]:
        """The entries of a run but for those that it brought along as a fork."""
        journal = self._ledger.journals[no]
        forked = [entry.seq for entry in journal if entry.kind == Kind.FORKED]
        return journal[max(forked, default=0) :]

    def release(self, client: Client) -> None:
        """Let everything go on that anybody paused."""
        for key in client.paused():
            kind, _, name = key.partition(":")
            client.unpause_all_of(**{kind: name})
            self.held[key] = False
        for row in self._rows():
            wished = row.status is Status.PAUSED or row.no in self.pauses
            if wished and row.status not in OUTCOMES and not row.cancel:
                client.unpause(row.id)
                self.pauses[row.no] = False


_BEAR_THE_ID = frozenset({Kind.BASE, Kind.RETRIED})
