"""The harness: a flow in a plain sync test, with stand-ins and a clock that jumps.

It drives the real scheduler, client and machine on the caller's thread, over a store in memory
unless given another. No thread is made and no time passes unless the test says so. After each call
everything that can be done now has been done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from random import Random
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from everflow.config import Config
from everflow.core.combine.call import Call
from everflow.core.definition import Definition
from everflow.core.entries import decode_body
from everflow.core.flow import Flow
from everflow.core.node import Node, Options, Place
from everflow.core.ops import position_of
from everflow.core.registry import Registry, default_registry
from everflow.core.values import decode
from everflow.engine.asking.client import Client, Started
from everflow.engine.asking.runs import outcome_of, prompt_of
from everflow.engine.cells.loader import Definitions
from everflow.engine.driving.commits import InlineCommitter
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.given.dependencies import check_needs, needs_in, offered, open_all
from everflow.engine.given.replies import Reply
from everflow.engine.nodes.attempts import Attempt
from everflow.engine.schedules.book import Book
from everflow.engine.schedules.spec import LABEL
from everflow.errors import NoSuchFlow, WrongArgument
from everflow.store import WORKER_SPAN, QuestionRow, RunQuery, Status, Store
from everflow.stores.memory import MemoryStore
from everflow.testing.clock import JumpClock, span
from everflow.testing.performing import Performer

__all__ = ["Harness", "HarnessRun", "Step", "harness"]

In = TypeVar("In")
Out = TypeVar("Out")
MOST_TURNS = 1_000_000  # of one call; a flow that goes on for ever is told so


@dataclass(frozen=True)
class Step:
    """One entry of a run's journal. ``value`` is its payload, decoded."""

    seq: int
    kind: str
    position: str
    node: str
    value: Any


class HarnessRun(Generic[Out]):
    """One run in a harness."""

    def __init__(self, run: str, owner: Harness[Any, Any]) -> None:
        self.id = run
        self._owner = owner

    @property
    def status(self) -> Status:
        """Where the run stands."""
        return self._owner.client.row(self.id).status

    def result(self) -> Out:
        """The run's value. RunFailed, RunCancelled, RunBlocked; StillRunning when it waits."""
        client = self._owner.client
        value: Out = outcome_of(client.store, client.row(self.id), client.registry.types)
        return value

    def __repr__(self) -> str:
        return f"<run {self.id}: {self.status}>"


class _Pool:
    """Attempts wait here until the harness performs them, in the order in which they were begun."""

    def __init__(self) -> None:
        self.begun: list[Attempt] = []

    def begin(self, attempt: Attempt) -> None:
        self.begun.append(attempt)

    def stop(self, attempt: Attempt) -> bool:
        self.begun = [other for other in self.begun if other is not attempt]
        return False

    def close(self) -> None:
        self.begun.clear()


class Harness(Generic[In, Out]):
    """See ``harness``."""

    def __init__(
        self,
        flow: Flow[In, Out],
        *,
        provide: Mapping[type[Any], Any] | None = None,
        replace: Mapping[Any, Callable[..., Any]] | None = None,
        store: Store | None = None,
        config: Config | None = None,
        clock: JumpClock | None = None,
        registry: Registry | None = None,
    ) -> None:
        self.flow = flow
        self.store = store if store is not None else MemoryStore()
        self.clock = clock or JumpClock()
        self._config = config or Config()
        self._registry = registry or default_registry()
        self._provide = dict(provide or {})
        self._replaced = {_name_of(node): fn for node, fn in (replace or {}).items()}
        self._stack = ExitStack()
        self._random = Random(0)  # noqa: S311 - ids that are the same in every run of a test
        self._numbers = count(1)
        self._performer = Performer()
        self._given: dict[type[Any], Any] = {}

    def __enter__(self) -> Self:
        if not self.flow.name_of_flow:
            raise NoSuchFlow("a flow needs a name to be run", hint='name it: flow("name", ...)')
        self._given = open_all({**offered(self.store), **self._provide}, self._stack)
        self._stack.callback(self._performer.close)
        self._begin()
        self.client.definition(self.flow)  # refuses what an engine would
        reached = self._reached(self.client.definitions)
        known = {node.name for each in reached for node in each.nodes}
        if any(each.program.bodies for each in reached):
            known |= {name for name in self._replaced if self._registry.awaited(name).fn}
        unknown = sorted(set(self._replaced) - known)
        if unknown:
            has = f"it has: {', '.join(sorted(known)) or 'none'}"
            raise WrongArgument(f"the flow has no node {unknown[0]!r} to replace", hint=has)
        for each in reached:
            check_needs(needs_in(each.program), self._given)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.scheduler.cells.clear()
        self._stack.close()

    def _begin(self) -> None:
        """A worker of its own: the scheduler and a client, without threads."""
        scheduler = Scheduler(self.store, self._registry, self._config, self.clock)
        self._pool = _Pool()
        places = (Place.THREAD, Place.LOOP, Place.PROCESS)
        scheduler.pools.update(dict.fromkeys(places, self._pool))
        scheduler.committer = InlineCommitter(
            self.store, scheduler.committed, scheduler.commit_failed
        )
        scheduler.open(self._given)
        scheduler.dispatcher.verify = True
        scheduler.dispatcher.stand_ins = {
            name: self._stand_in(self._registry.awaited(name)) for name in self._replaced
        }
        self.scheduler = scheduler
        self.client = Client(
            self.store,
            self._registry,
            self._config,
            scheduler.clock,
            self._random.randbytes,
            durable=False,
            owner=self._owner,
            started=self._started,
            nudge=lambda: scheduler.post(scheduler.adoption.nudge),
            unclear=lambda: scheduler.post(scheduler.adoption.look_for_lost),
        )
        scheduler.dispatcher.settler.client = self.client
        self.schedules = Book(self.client, scheduler.clock, self._stir)
        for definitions in (scheduler.definitions, self.client.definitions):
            for definition in self._reached(definitions):
                self._replace_in(definition)

    def _reached(self, definitions: Definitions) -> list[Definition]:
        """The flow's definition, and those of the flows that it calls, and so on."""
        flows = {**self._registry.flows, self.flow.name_of_flow: self.flow}
        found: dict[str, Definition] = {}
        names = [self.flow.name_of_flow]
        while names:
            name = names.pop()
            if name in flows and name not in found:
                found[name] = definitions.of_flow(name, flows[name])
                sites = found[name].program.sites.values()
                names += [site.flow.flow for site in sites if isinstance(site.flow, Call)]
        return list(found.values())

    def _replace_in(self, definition: Definition) -> None:
        """Put the stand-ins at the positions of the nodes that they replace."""
        for site in definition.program.sites.values():
            node = site.flow
            if isinstance(node, Node) and node.name in self._replaced:
                site.flow = self._stand_in(node)

    def _stand_in(self, node: Node[Any, Any]) -> Node[Any, Any]:
        options = Options(questions=node.leaf.options.questions)
        return Node(replace(node.leaf, fn=self._replaced[node.name], options=options)).bare()

    def _stir(self) -> None:
        """A schedule was written: see to it now."""
        self.scheduler.post(self.scheduler.ticker.stir)
        self.settle()

    def _owner(self) -> tuple[int, int]:
        worker = self.scheduler.ownership.worker
        return worker, worker * WORKER_SPAN + next(self._numbers)

    def _started(self, started: list[Started] | Any) -> None:
        for row, definition, new, payload in started:
            self.scheduler.post(self.scheduler.adoption.started, row, definition, new.at, payload)

    # --- what a test says

    def start(self, value: In | Any = None, *, key: str | None = None) -> HarnessRun[Out]:
        """Start a run and let it go as far as it can."""
        row = self.client.start(self.flow, value, key=key, queue=None)
        self.settle()
        return HarnessRun(row.id, self)

    def answer(
        self, run: HarnessRun[Any] | str, value: Any, tag: str | None = None, *, by: str = ""
    ) -> Reply:
        """Answer the run's one open question (or its one of that tag); or a question's token."""
        if isinstance(run, str):
            reply = self.client.answer(run, value, by=by)
        else:
            reply = self.client.resume(run.id, value, tag=tag, by=by)
        self.settle()
        return reply

    def signal(
        self,
        run: HarnessRun[Any],
        name: str,
        value: Any = None,
        *,
        key: str | None = None,
        by: str = "",
    ) -> None:
        """Send the run a signal."""
        self.client.signal(run.id, name, value, key=key, by=by)
        self.settle()

    def cancel(self, run: HarnessRun[Any]) -> None:
        """Cancel a run."""
        self.client.cancel(run.id)
        self.settle()

    def jump(self, by: timedelta | float | None = None, **parts: float) -> None:
        """Let time pass: ``h.jump(days=3)``. What becomes due on the way happens at its time."""
        end = self.clock.boot() + span(by, **parts)
        self.settle()
        while (left := end - self.clock.boot()) > 0:
            self.clock.advance(min(left, self._next_in()))
            self.settle()

    def _next_in(self) -> int:
        """Microseconds until the next timer, of a run in memory or of one at rest."""
        waits = [self.scheduler.timers.next_in()]
        due = self.store.next_due(self.scheduler.ownership.worker)
        waits.append(None if due is None else due - self.scheduler.clock.now())
        waits.append(self.scheduler.ticker.next_in())
        return max(min(wait for wait in waits if wait is not None), 1)

    def crash(self) -> None:
        """Lose all that is in memory, as at ``kill -9``; another worker takes over."""
        ownership = self.scheduler.ownership
        self._pool.close()
        self.scheduler.cells.clear()
        self.store.depose(ownership.worker, ownership.epoch)
        self._begin()
        self.settle()

    def restart(self) -> None:
        """Close in good order, and open again: a deploy."""
        self.settle()
        self.scheduler.cells.clear()
        self.store.retire(self.scheduler.ownership.worker)
        self._begin()
        self.settle()

    def settle(self) -> None:
        """Do all that can be done now."""
        scheduler = self.scheduler
        for _ in range(MOST_TURNS):
            scheduler.turn()
            if self._pool.begun:
                attempt = self._pool.begun.pop(0)
                scheduler.post(scheduler.attempt_ended, attempt, self._performer(attempt))
            elif not scheduler.busy:
                return
        raise WrongArgument(f"the flow didn't come to rest within {MOST_TURNS:,} turns")

    # --- what a test asserts on

    def runs(self, schedule: str | None = None) -> list[HarnessRun[Any]]:
        """All runs, or those of a schedule, in the order in which they were started."""
        labels = () if schedule is None else ((LABEL, schedule),)
        rows = self.store.runs(RunQuery(labels=labels, limit=1 << 30))
        return [HarnessRun(row.id, self) for row in rows]

    def questions(self, run: HarnessRun[Any] | None = None) -> list[QuestionRow]:
        """The open questions, of one run or of all."""
        return self.client.questions(None if run is None else run.id)

    def prompt(self, question: QuestionRow) -> Any:
        """What a question shows."""
        return prompt_of(self.store, question, self._registry.types)

    def journal(self, run: HarnessRun[Any]) -> list[Step]:
        """All that the run has learnt, in order."""
        entries = self.store.journal(self.client.row(run.id).no, limit=1 << 30)
        found = [decode_body(body) for _, _, body, _ in entries]
        types = self._registry.types
        return [
            Step(
                e.seq,
                str(e.kind),
                position_of(e.op),
                e.node if e.op else "",
                decode(e.payload, types),
            )
            for e in found
            if e.kind != "base"
        ]


def _name_of(node: Any) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, Node):
        return node.name
    raise WrongArgument(f"replace= takes nodes and their names, not {node!r:.60}")


def harness(flow: Flow[In, Out], **settings: Any) -> Harness[In, Out]:
    """Run a flow in a test, for ``with``: then ``h.start(x)``, ``h.jump(days=3)`` and so on.

    ``provide``: dependencies by type, as for an engine; ``replace``: stand-ins for nodes, by node
    or by canonical name;
    ``store``, ``config``, ``clock``, ``registry``: others than the default.
    """
    return Harness(flow, **settings)
