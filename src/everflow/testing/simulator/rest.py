"""Rest: the faults stop, and everything must come to its end.

First the world is let run until nothing moves, with a living worker and leases that lapse: whatever
was acknowledged must then be finished, or wait for an answer or a time that is still to come. Then
people answer, time passes, and every run ends as its journal says.
"""

from __future__ import annotations

from random import Random

from everflow.core.entries import Entry, Kind
from everflow.core.frames import owes_undo
from everflow.core.journal import read_outcome, snapshot
from everflow.core.ops import CallOp, QuestionOp, ReceiveOp, TimerOp
from everflow.core.refs import compose
from everflow.core.state import Cancelled, Done, state_of
from everflow.core.values import encode
from everflow.store import OUTCOMES, QuestionQuery, RunQuery, RunRow, Status
from everflow.testing.shadow import check, check_fold
from everflow.testing.simulator.ends import Raised, Undecided
from everflow.testing.simulator.reference import reference
from everflow.testing.simulator.untrue import Untrue, claim
from everflow.testing.simulator.world import SECOND, World

__all__ = ["finish", "settle"]

ROUNDS = 400
QUIET = 2
LONGEST = 400


def settle(world: World) -> None:
    """Let the world run without faults until nothing moves, and see that nothing is stuck."""
    lease = round(world.config.lease_s * SECOND)
    world.calm = True
    for worker in world.workers:
        worker.stalled = 0
    if not world.workers:
        world.spawn()
    for _ in range(3):
        _run(world)
        world.clock.advance(lease // 2)
        _beat(world)
    _run(world)
    _check_rest(world)


def _beat(world: World) -> None:
    for worker in world.workers:
        world.ledger.beat(worker.id)


def _run(world: World) -> None:
    """Give turns to all until nothing happened for some rounds."""
    quiet = 0
    for _ in range(ROUNDS):
        before = _mark(world)
        for worker in list(world.workers):
            world.clock.advance(60_000)
            _beat(world)
            try:
                worker.scheduler.turn()
            except Untrue:
                raise
            except Exception as error:
                raise Untrue("a worker has no faults of its own", f"{error!r}") from error
            worker.flush()
            while worker.pool.begun:
                worker.pool.perform(0)
            while worker.pool.ended:
                worker.pool.tell(0)
        busy = any(worker.scheduler.busy for worker in world.workers)
        quiet = 0 if busy or _mark(world) != before else quiet + 1
        if quiet >= QUIET:
            return
    raise Untrue("a world without faults comes to rest", _standing(world))


def _mark(world: World) -> tuple[int, ...]:
    return (
        world.base.version(),
        world.ledger.effects,
        sum(len(journal) for journal in world.ledger.journals.values()),
    )


def _standing(world: World) -> list[tuple[int, str, str]]:
    return [(r.no, r.flow, r.status) for r in world.base.runs(RunQuery(limit=1000))]


def _check_rest(world: World) -> None:
    for row in world.base.runs(RunQuery(limit=1000)):
        _check_run(world, row)
    world.operators.check_rest()
    world.spoiling.check_rest()
    world.ledger.places.check_rest(world.earliest())
    world.people.check_kept()


def _check_run(world: World, row: RunRow) -> None:
    machine = world.ledger.machines[row.no]
    where = (row.no, row.flow, row.status, row.reason, row.due, row.owner)
    loaded = world.base.load([row.no])[0]
    if row.status in OUTCOMES:
        claim(machine.outcome is not None, "a run ends when its journal does", where)
        told = read_outcome(row.outcome or "null")
        claim(told == machine.outcome, "a run's outcome is what its journal says", where)
        claim(not _open(world, row), "an ended run asks nothing", where)
        _check_value(world, row)
        return
    if world.operators.rests(row) or world.spoiling.is_aside(row):
        return
    claim(not loaded.arrivals, "what was accepted is applied", (where, loaded.arrivals))
    claim(machine.outcome is None, "a run whose journal ended is ended", where)
    world.ledger.ties.check_rest(row)
    ops = machine.commands()
    calls = sum(type(op) is CallOp for op in ops)
    undoing = machine.state.cancelling and any(map(owes_undo, machine.state.frames.values()))
    claim(undoing or bool(calls) or not row.cancel, "a cancelled run ends", where)
    timers = [op for op in ops if type(op) is TimerOp]
    questions = {(op.tag, op.occurrence) for op in ops if type(op) is QuestionOp}
    messages = sum(type(op) is ReceiveOp for op in ops)
    rests = len(timers) + len(questions) + calls + messages == sum(not _asks(op) for op in ops)
    claim(rests, "no run is stuck", (where, ops))
    wanted = Status.SUSPENDED if questions else Status.WAITING
    if machine.state.cancelling:
        wanted = Status.CANCELLING
    claim(row.status is wanted, "a resting run says what it waits for", where)
    due = min((op.due for op in timers), default=None)
    claim(row.due == due, "a resting run says when it is due", (where, due))
    listed = _open(world, row) | (_expired(world, row) & questions)
    claim(listed == questions, "the questions listed are those that are open", where)
    check(machine)
    check_fold(machine, machine.program, world.ledger.bodies[row.no], None)
    _check_memory(world, row.no)


def _check_value(world: World, row: RunRow) -> None:
    """What a run gave is what its flow gives when it is read off directly."""
    subject = world.people.subject(row.flow)
    outcome = world.ledger.machines[row.no].outcome
    if not subject.reference or row.no in world.checked or isinstance(outcome, Cancelled):
        return
    world.checked.add(row.no)
    journal = world.ledger.journals[row.no]
    types = world.registry.types
    try:
        program = world.ledger.machines[row.no].program
        wanted = encode(reference(program, types, counting(journal)), types)
    except Raised:
        wanted = ""
    except Undecided as error:
        wanted = f"undecided at {error}"
    given = ""
    if isinstance(outcome, Done):
        given = compose(outcome.value, lambda seq: journal[seq].payload)
    claim(given == wanted, "a run gives what its flow says", (row.no, row.flow, given, wanted))


def counting(journal: list[Entry]) -> list[Entry]:
    """The entries that count: not those by which the run failed before it was retried."""
    found: list[Entry] = []
    for entry in journal:
        if entry.kind == Kind.RETRIED:
            again = state_of(entry.payload).ops
            found = [e for e in found if e.op not in again]
        found.append(entry)
    return found


def _asks(op: object) -> bool:
    return bool(getattr(op, "asking", False))


def _open(world: World, row: RunRow) -> set[tuple[str, int]]:
    found = world.base.questions(QuestionQuery(no=row.no, limit=1000))
    return {(question.tag, question.occurrence) for question in found}


def _expired(world: World, row: RunRow) -> set[tuple[str, int]]:
    """Those whose deadline passed by another worker's clock than the one that has the run now."""
    found = world.base.questions(QuestionQuery(no=row.no, open_only=False, limit=1000))
    return {
        (question.tag, question.occurrence) for question in found if question.state == "expired"
    }


def _check_memory(world: World, no: int) -> None:
    """What workers have in memory of their own runs is what the journal says."""
    for worker in world.workers:
        cell = worker.scheduler.cells.get(no)
        if cell is not None and world.base.rows([no])[0].owner == worker.id:
            same = snapshot(cell.machine) == snapshot(world.ledger.machines[no])
            claim(same, "the fold of the journal is the state in memory", no)


def finish(world: World, dice: Random) -> None:
    """Answer everything and let time pass until every run has ended."""
    client, _ = world.outsider()
    world.spoiling.release(client)
    world.operators.release(client)
    world.clock.advance(2 * SECOND)  # workers look once a second which flows are paused
    for round_ in range(LONGEST):
        rows = [r for r in world.base.runs(RunQuery(limit=1000)) if r.status not in OUTCOMES]
        if not rows:
            world.people.check_kept()
            return
        questions = world.base.questions(QuestionQuery(limit=1000))
        for question in questions:
            if round_ % 3 == 2 or dice.random() < 0.3:  # noqa: PLR2004 - some at first, then all
                world.people.answer_to(client, question, f"last {round_}", dice)
        dues = [row.due for row in rows if row.due is not None]
        placed_at = world.ledger.places.next_at()
        if placed_at is not None and placed_at > world.earliest():
            dues.append(placed_at)
        if round_ % 3 == 2:  # noqa: PLR2004 - at some time
            world.operators.signal_all(client, dice)
            world.operators.retry_some(client, dice)
        ahead = min(dues) - world.earliest() if dues and round_ % 3 != 1 else 0
        world.clock.advance(max(ahead, 0))
        _run(world)
        _check_rest(world)
    raise Untrue("every run comes to its end", _standing(world))
