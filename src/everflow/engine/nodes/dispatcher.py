"""The dispatcher: begins nodes in their places, and stops them.

Three rules hold here. At most ``max_unrecorded`` nodes with effects are begun and not recorded;
only inline ones may go beyond that, by a batch. Every begun attempt has a token: an end that bears
an older one is late. What stands on the flight board is being run right now, so that after a death
the suspects are known.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, MutableSequence, Sequence
from typing import Any

from everflow.config import Config
from everflow.core.combine.body import Body
from everflow.core.combine.cached import Cached
from everflow.core.entries import Kind
from everflow.core.flow import Site
from everflow.core.node import Node, Place
from everflow.core.ops import NodeOp, Op
from everflow.core.refs import Stored
from everflow.core.registry import Registry
from everflow.core.values import decode as read
from everflow.engine.bodies.asking import learn
from everflow.engine.bodies.calling import BodyCallee
from everflow.engine.bodies.live import advance, replay_of
from everflow.engine.calling.callee import Callee, Ended, make_callee
from everflow.engine.calling.line import Line
from everflow.engine.calling.noderun import NodeRun, Progress
from everflow.engine.calling.wanted import deadline_of, is_wanted, placed
from everflow.engine.cells.cell import Cell
from everflow.engine.given.dependencies import require_node
from everflow.engine.nodes.attempts import Attempt, Pool
from everflow.engine.nodes.caching import CacheCallee, cache_end
from everflow.engine.nodes.settling import Settler, SettlingCallee, asked_by, settles
from everflow.engine.records.caches import Kept
from everflow.engine.records.flights import FIRST, INLINE, put_on_trial, slots
from everflow.errors import StoreDamaged, StoreError
from everflow.store import Store

_log = logging.getLogger("everflow.engine")
__all__ = ["Dispatcher"]


class Dispatcher:
    """Ready ops in, ends out. ``ended(cell, op, end)`` records an end."""

    def __init__(
        self,
        config: Config,
        registry: Registry,
        pools: Mapping[str, Pool],
        ended: Callable[[Cell, NodeOp, Ended], None],
        store: Store,
        progress: Progress | None,
    ) -> None:
        self.given: dict[type[Any], Any] = {}
        self.board: MutableSequence[int] = [0] * slots(config.max_unrecorded)
        self.unrecorded = 0
        self.trial: Collection[Cell] | None = None  # what of these alone may begin
        self.ran = 0
        self.in_place: tuple[Cell, NodeOp] | None = (
            None  # what holds the scheduler now, for the watchdog
        )
        self._config = config
        self._registry = registry
        self._types = registry.types
        self.verify = False  # advance each body twice, and compare
        self.stand_ins: dict[str, Node[Any, Any]] = {}  # for nodes that bodies await
        self._pools = pools
        self.ended = ended
        self.damaged: Callable[[Cell, str], None] = _nobody
        self.kept: Kept = dict[str, str]().get  # what was cached under a key
        self._store = store
        self._progress = progress
        self._inline: deque[tuple[Cell, NodeOp]] = deque()
        self.pooled = Line({Place.THREAD: config.threads, Place.PROCESS: config.processes})
        self.settler = Settler(store, lambda: (0, 0), lambda: 0)
        self._begun: dict[int, Attempt] = {}
        self._held: list[tuple[Cell, NodeOp]] = []  # inline ones, while suspects are tried
        self._token = 0
        self._stopped = 0
        self._free = list(range(FIRST, FIRST + config.max_unrecorded))

    def _entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        return self._store.entries(no, seqs)

    # --- what is to be run

    def __len__(self) -> int:
        return len(self._inline) + len(self.pooled)

    @property
    def inline_waiting(self) -> int:
        """How many ops wait to be run in place."""
        return len(self._inline)

    @property
    def may_begin(self) -> bool:
        """Whether something waits for a place and there is one. Amid a trial its own ops count."""
        return self.places > 0 and self.pooled.may_begin(self.trial)

    @property
    def places(self) -> int:
        """How many nodes with effects may begin before others are recorded."""
        return min(self._config.max_unrecorded - self.unrecorded, len(self._free))

    @property
    def has_inline(self) -> bool:
        """Whether there is something to be run in place."""
        return bool(self._inline)

    def callee(self, cell: Cell, op: NodeOp) -> Callee:
        """How an op's function is called. UnresolvedName when it isn't here."""
        site: Site = cell.machine.sites[op.position]
        made = site.made
        if made is None:
            made = site.made = self._make(site.flow)
        return made  # type: ignore[no-any-return]  # it is this module's own

    def learn(self, cell: Cell, op: Op) -> None:
        """Find out of which type the answer to an op is, where only a body's code says so."""
        if not cell.machine.program.bodies:
            return
        self.board[INLINE] = cell.row.no  # the body's code may run
        try:
            learn(cell, op, lambda site: site.made or self._make(site.flow), self._entries)
        finally:
            self.board[INLINE] = 0

    def _make(self, flow: Any) -> Callee:
        if isinstance(flow, Node) and flow.fn is None:  # what a body awaits is known by name
            known = self.stand_ins.get(flow.name)
            if known is None:
                known = self._registry.awaited(flow.name)
            require_node(known, self.given)
            flow = flow.bound_to(known)
        limit = self._config.value_limit
        if isinstance(flow, Cached):
            return CacheCallee(flow, limit)
        if isinstance(flow, Body):
            return BodyCallee(flow, self._registry, limit, verify=self.verify)
        kind = SettlingCallee if isinstance(flow, Node) and asked_by(flow) else Callee
        return make_callee(flow, self._types, self.given, limit, kind)

    def ready(self, cell: Cell, op: NodeOp) -> None:
        """The op may begin."""
        callee = self.callee(cell, op)
        if callee.inline:
            self._inline.append((cell, op))
        else:
            self.pooled.add((cell, op, callee))

    def stop(self, cell: Cell, op: NodeOp) -> bool:
        """Stop an op. True when it is closed by that; else its pool still tells its end."""
        token = cell.running.get(op.id)
        attempt = self._begun.get(token) if token is not None else None
        if attempt is None:
            return True
        if not _shut(attempt):
            return False  # it is being committed: its end is told
        if self._pools[attempt.callee.place].stop(attempt):
            return False
        del cell.running[op.id]
        self.finished(attempt)
        self._stopped += 1
        return True

    def shut(self, no: int, path: str) -> bool:
        """Keep a run's nodes within a path from being settled; False while one is."""
        within = [a for a in self._settling(no) if a.op.startswith(f"{path}/")]
        if any(mine.passed for a in within if (mine := settles(a.run)) is not None):
            return False
        return min(map(_shut, within), default=True)  # each of them, as all() wouldn't

    def _settles(self, cell: Cell, op: NodeOp, callee: Callee) -> bool:
        """Whether an older attempt of an op, from before its run was released, is being settled."""
        if not isinstance(callee, SettlingCallee):
            return False
        return not all(_shut(a) for a in self._settling(cell.row.no) if a.op == op.id)

    def _settling(self, no: int) -> list[Attempt]:
        return [a for a in self._begun.values() if a.no == no and settles(a.run) is not None]

    def is_begun(self, attempt: Attempt) -> bool:
        """Whether an attempt's end is still to come, or to be made of."""
        return attempt.token in self._begun

    def has_begun(self, no: int) -> bool:
        """Whether an attempt for that run goes on here, stopped or not."""
        return any(attempt.no == no for attempt in self._begun.values())

    def begun_for(self) -> set[int]:
        """The runs of which an attempt goes on here."""
        return {attempt.no for attempt in self._begun.values()}

    def begun(self) -> list[tuple[str, str]]:
        """The run and node of each attempt that goes on here."""
        return [(attempt.run.id, attempt.callee.name) for attempt in self._begun.values()]

    def take_stopped(self) -> int:
        """How many were abandoned since: in flight until a commit says that they are closed."""
        stopped, self._stopped = self._stopped, 0
        return stopped

    def give_up(self, cell: Cell, op: NodeOp) -> bool:
        """Wait no longer for the end of a stopped attempt. False when it has ended already."""
        attempt = self._begun.get(cell.running.get(op.id, 0))
        if attempt is None or cell.machine.state.ops.get(op.id) is not op or not _shut(attempt):
            return False
        del cell.running[op.id]
        self.finished(attempt)
        self._stopped += 1
        _log.warning(
            "%s of run %s goes on although it was cancelled; its result will be thrown away",
            attempt.callee.name,
            attempt.run.id,
        )
        return True

    # --- running

    def run_inline(self, most: int) -> int:
        """Run up to ``most`` inline ops here and now; give how many were run."""
        count = 0
        inline, board, ended, trial = self._inline, self.board, self.ended, self.trial
        while inline and count < most:
            cell, op = here = inline.popleft()
            if not is_wanted(cell, op):
                continue
            if trial is not None and cell not in trial:
                self._held.append((cell, op))
                continue
            count += 1
            board[INLINE] = cell.row.no
            self.in_place = here
            try:
                end = self._run_here(cell, op)
            except StoreDamaged as error:
                self.damaged(cell, str(error))
                continue
            except StoreError:  # its input can't be read now: it is to be run later
                inline.appendleft((cell, op))
                raise
            finally:
                self.in_place = None
                board[INLINE] = 0
            ended(cell, op, end)
        self.ran += count
        return count

    def _run_here(self, cell: Cell, op: NodeOp) -> Ended:
        """Run one op on this thread."""
        callee = self.callee(cell, op)
        if isinstance(callee, BodyCallee):
            return advance(cell, op, callee, self._entries)
        if isinstance(callee, CacheCallee):
            return cache_end(cell, op, callee, self._entries, self.kept)
        ref = op.input
        payload = ref.small if type(ref) is Stored else None
        if payload is None:
            payload = cell.payload(ref, self._fetch)
        if callee.light and op.ticks is None:
            end = callee.quick(payload)
            return end if end.kind != Kind.ERROR else placed(end, op)
        return callee.perform(payload, self._view(cell, op, callee))

    def begin_pooled(self) -> int:
        """Begin what the pools may take; give how many were begun."""
        count, later = 0, []
        while self.places > 0 and (entry := self.pooled.next(self.trial)) is not None:
            cell, op, callee = entry
            if not is_wanted(cell, op):
                continue
            if self._settles(cell, op, callee):
                later.append(entry)
                continue
            try:
                self._begin(cell, op, callee)
            except StoreDamaged as error:
                self.damaged(cell, str(error))
                continue
            except StoreError:  # its input can't be read now: it is to be run later
                self.pooled.put_back(entry)
                raise
            count += 1
        for entry in later:
            self.pooled.add(entry)
        self.ran += count
        return count

    def _begin(self, cell: Cell, op: NodeOp, callee: Callee) -> None:
        run = self._view(cell, op, callee)
        payload = cell.payload(op.input, self._fetch)
        if isinstance(callee, BodyCallee):
            run.replay = replay_of(cell, op, callee, self._entries)
        elif isinstance(callee, SettlingCallee):
            run.settlement = self.settler.attempt(cell.row.no, op.id)
        self._token += 1
        attempt = Attempt(cell.row.no, op.id, self._token, callee, payload, run)
        attempt.slot = self._free.pop()
        self.board[attempt.slot] = cell.row.no
        cell.running[op.id] = self._token
        self._begun[self._token] = attempt
        self.pooled.took(callee)
        self.unrecorded += 1
        self._pools[callee.place].begin(attempt)

    def finished(self, attempt: Attempt) -> bool:
        """An attempt's end came. False when it is unknown by now: its end is late."""
        known = self._begun.pop(attempt.token, None)
        if known is None:
            return False
        self.board[attempt.slot] = 0
        self.pooled.left(attempt.callee)
        self._free.append(attempt.slot)
        return True

    def set_trial(self, cells: Collection[Cell] | None) -> None:
        """Begin what is of these runs alone, all else waits; None lets everything go on."""
        self.trial = cells
        put_on_trial(self.board, self._config.max_unrecorded, (cell.no for cell in cells or ()))
        self._inline.extend(self._held)
        self._held.clear()

    def recorded(self, count: int) -> None:
        """So many ends of begun nodes are on disk."""
        self.unrecorded -= count

    def forget_all(self) -> None:
        """The worker lost its epoch: stop what can be stopped; all ends will be late."""
        for attempt in list(self._begun.values()):
            _shut(attempt)
            self._pools[attempt.callee.place].stop(attempt)
            self.finished(attempt)
        self._inline.clear()
        self.pooled.clear()
        self.unrecorded = self._stopped = 0
        self.set_trial(None)
        self._inline.clear()

    def _fetch(self, no: int, seq: int) -> str:
        return self._entries(no, [seq])[seq]

    def _view(self, cell: Cell, op: NodeOp, callee: Callee) -> NodeRun:
        answers = tuple(
            (tag, self._reader(cell.payload(ref, self._fetch))) for tag, ref in op.answers
        )
        return NodeRun(
            cell.row.id,
            cell.row.flow,
            op.id,
            due=deadline_of(cell, op),
            ticks=op.ticks,
            answers=answers,
            questions=callee.questions,
            own_thread=callee.place == Place.THREAD,
            progress=self._progress,
        )

    def _reader(self, payload: str) -> Callable[[], Any]:
        types = self._types
        return lambda: read(payload, types)


def _nobody(_cell: Cell, why: str) -> None:
    raise StoreDamaged(why)


def _shut(attempt: Attempt) -> bool:
    """Keep an attempt from being settled, if it would be; False when it is under way."""
    mine = settles(attempt.run)
    return mine is None or mine.shut()
