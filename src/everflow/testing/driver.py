"""The driver: a flow's machine without a world. The test says what the world tells.

What is told goes through entries' texts and back, as in a store, and after each entry the shadow
asserts its claims. The clock stands still but for ``fire``, which jumps to the timer's moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from everflow.core.caching import address_of, hash_of, input_hash, look_up_text
from everflow.core.combine.body import Step
from everflow.core.combine.cached import FILL, Cached
from everflow.core.combine.each import Each
from everflow.core.definition import Definition, from_data
from everflow.core.elements import count_of
from everflow.core.entries import Entry, Kind, body_of, decode_body
from everflow.core.expressions import It, evaluate
from everflow.core.faults import ErrorData, encode_error
from everflow.core.flow import Flow
from everflow.core.generations import reopened_state
from everflow.core.journal import fold, state_text, take
from everflow.core.machine import Machine
from everflow.core.matching import Matching
from everflow.core.mounting import note_of, steps_in
from everflow.core.node import Node
from everflow.core.ops import CallOp, NodeOp, Op, QuestionOp, TimerOp, input_of
from everflow.core.program import Program
from everflow.core.refs import FAILURE_PREFIX, SMALL, Ref, compose
from everflow.core.registry import Registry, default_registry
from everflow.core.state import Done, Failed, Outcome
from everflow.core.upgrade import upgrade_text
from everflow.core.values import Reader, decode, encode
from everflow.engine.calling.reify import reify
from everflow.testing.shadow import check, check_fold

__all__ = ["Driver"]

BEGIN = 1_700_000_000_000_000  # some day in 2023, in microseconds since the epoch
REFOLDED = 200  # entries up to which the journal is folded again after each of them


class Driver:
    """Drives one run by hand. ``now`` is in microseconds, ``bodies`` are the entries so far.

    ``programs``: those that the run went on under, by the hashes of their definitions.

    An op is named by its id, its position, or the name of its node (the last part of it will do);
    LookupError lists what there is when that isn't exactly one.
    """

    def __init__(
        self,
        flow: Flow[Any, Any],
        *,
        registry: Registry | None = None,
        run: str = "run",
        shadow: bool = True,
    ) -> None:
        self.registry = registry or default_registry()
        self.program = Program(flow)
        self.machine = Machine(self.program)
        self.now = BEGIN
        self.bodies: list[str] = []
        self.cache: dict[str, str] = {}  # what was kept by `cached`, by key
        self._run = run
        self._shadow = shadow
        self._first = self.program
        self.programs: dict[str, Program] = {}

    # --- what the world tells

    def tell(self, kind: str, op: str = "", payload: str = "null", **more: Any) -> Self:
        """Tell an entry as it is; ``more`` are an entry's other fields."""
        entry = Entry(self.machine.seq + 1, self.now, kind, op, payload, **more)
        body = body_of(entry)
        take(self.machine, decode_body(body), self.programs.__getitem__)
        self.bodies.append(body)
        if self._shadow:
            check(self.machine)
            if len(self.bodies) <= REFOLDED:
                check_fold(self.machine, self._first, self.bodies, self.programs.__getitem__)
        return self

    def start(self, value: object = None) -> Self:
        """Begin the run with an input."""
        return self.tell(Kind.START, payload=self.encode(value), note=self._run)

    def result(self, which: str, value: object = None, *, ticks: int = 0) -> Self:
        """A node ended with a value."""
        return self._end(which, Kind.RESULT, self.encode(value), ticks)

    def error(self, which: str, error: BaseException | str = "it broke", *, ticks: int = 0) -> Self:
        """A node raised."""
        raised = RuntimeError(error) if isinstance(error, str) else error
        reified = reify(raised, self.registry.types, self.op(which).position)
        return self._end(which, Kind.ERROR, encode_error(reified), ticks)

    def stopped(self, which: str, *, ticks: int = 0) -> Self:
        """A node that was cancelled is closed."""
        return self._end(which, Kind.STOPPED, "null", ticks)

    def awaits(self, which: str, flow: Flow[Any, Any]) -> Self:
        """A body awaits a flow, with the values that its steps bring along."""
        steps = steps_in(flow)
        values = [self.encode(step.value) for step in steps]
        if not isinstance(flow, Step) or flow.holds_steps:
            return self._said(which, flow, f"[{','.join(values)}]" if steps else "null")
        return self._said(which, flow.inner, values[0])

    def continued(self, which: str, state: object) -> Self:
        """A body goes on with a new state."""
        return self._end(which, Kind.CONTINUED, self.encode(state), 0)

    def wanted(self, which: str, tag: str, prompt: object = None) -> Self:
        """A sync node called ``wait_for``."""
        return self.tell(Kind.WANTED, self._node(which).id, self.encode(prompt), note=tag)

    def answer(self, tag: str, value: object, occurrence: int | None = None) -> Self:
        """The open question of that tag is answered."""
        found = [
            op.id
            for op in self.questions()
            if op.tag == tag and occurrence in {None, op.occurrence}
        ]
        return self.tell(Kind.ANSWER, self._only(found, tag), self.encode(value))

    def early(self, tag: str, value: object) -> Self:
        """An answer comes before its question."""
        return self.tell(Kind.EARLY, tag, self.encode(value))

    def signal(self, name: str, value: object) -> Self:
        """A signal comes."""
        return self.tell(Kind.SIGNAL, name, self.encode(value))

    def child(self, which: str, value: object) -> Self:
        """A run that was called gave its value."""
        return self._ended(which, "result", self.encode(value))

    def child_failed(self, which: str, error: BaseException | str = "boom") -> Self:
        """A run that was called failed."""
        raised = RuntimeError(error) if isinstance(error, str) else error
        return self._ended(which, "error", encode_error(reify(raised, self.registry.types, ".")))

    def child_cancelled(self, which: str) -> Self:
        """A run that was called is cancelled."""
        return self._ended(which, "cancelled", "null")

    def _ended(self, which: str, how: str, payload: str) -> Self:
        found = [op.id for op in self.calls() if which in {op.id, op.position, op.flow}]
        return self.tell(Kind.CHILD, self._only(found, which), payload, note=how)

    def fire(self, which: str | None = None) -> Self:
        """A timer is due: the one named, or the earliest. The clock jumps there."""
        timers = [op for op in self.commands() if isinstance(op, TimerOp)]
        if which is None:
            earliest = min((op.due for op in timers), default=0)
            found = [op.id for op in timers if op.due == earliest][:1]
        else:
            found = [op.id for op in timers if which in {op.id, op.position}]
        name = self._only(found, which or "timer")
        self.now = max(self.now, *(op.due for op in timers if op.id == name))
        return self.tell(Kind.FIRED, name)

    def cancel(self, by: str = "the test") -> Self:
        """The run is to end."""
        return self.tell(Kind.CANCEL, note=by)

    def move(self, flow: Flow[Any, Any]) -> Self:
        """The run goes on under other settings of the same shape."""
        program = Program(flow)
        name = Definition(program).hash
        self.programs[name] = program
        return self.tell(Kind.MOVED, note=name)

    def retry(self, *, after: int = 0) -> Self:
        """The failed run goes on in its next generation, ``after`` microseconds later."""
        self.now += after
        known = self.programs.__getitem__
        state = reopened_state(self._first, self.bodies, known, now=self.now)
        return self.tell(Kind.RETRIED, payload=state_text(state))

    def upgrade(self, flow: Flow[Any, Any]) -> Self:
        """The run goes on under another shape; LookupError says why it can't."""
        matching = Matching(self.machine.program, Program(flow))
        verdict = matching.judge(self.machine.state)
        if verdict.upgrade is None:
            raise LookupError(f"{verdict.position}: {verdict.reason}; {verdict.hint}")
        # Read back, as a store's readers do.
        program = from_data(Definition(matching.program).body, self.registry)
        name = Definition(matching.program).hash
        self.programs[name] = program
        return self.tell(Kind.UPGRADED, payload=upgrade_text(verdict.upgrade), note=name)

    def restart(self) -> Self:
        """A crash: everything is forgotten but the entries."""
        self.machine = fold(self._first, self.bodies, self.programs.__getitem__)
        return self

    # --- what the machine asks

    def commands(self) -> list[Op]:
        """The outstanding ops."""
        return self.machine.commands()

    def nodes(self) -> list[NodeOp]:
        """The nodes that are to be run."""
        nodes = (op for op in self.commands() if isinstance(op, NodeOp))
        return [op for op in nodes if not op.asking and not op.stopping]

    def stopping(self) -> list[str]:
        """The ids of nodes that are to be stopped."""
        return [op.id for op in self.commands() if isinstance(op, NodeOp) and op.stopping]

    def calls(self) -> list[CallOp]:
        """The runs that were called and haven't ended."""
        return [op for op in self.commands() if isinstance(op, CallOp)]

    def questions(self) -> list[QuestionOp]:
        """The open questions."""
        return [op for op in self.commands() if isinstance(op, QuestionOp)]

    def op(self, which: str) -> Op:
        """The outstanding op of that id, position or node name."""
        found = [op.id for op in self.commands() if _is_called(op, which)]
        return self.machine.state.ops[self._only(found, which)]

    def input(self, which: str) -> Any:
        """The value that a node is run on, or that a question shows."""
        op = self.op(which)
        return self.decode(op.prompt if isinstance(op, QuestionOp) else op.input)

    # --- how it ends

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended, or None while it goes on."""
        return self.machine.outcome

    def value(self) -> Any:
        """The value that the run ended with."""
        if isinstance(self.outcome, Done):
            return self.decode(self.outcome.value)
        raise LookupError(f"the run has no value: {self.outcome or self.commands()}")

    def failure(self) -> ErrorData:
        """The error that the run ended with."""
        if isinstance(self.outcome, Failed):
            return self.outcome.error
        raise LookupError(f"the run hasn't failed: {self.outcome or self.commands()}")

    def run(self, functions: Mapping[str, Callable[..., Any]] | None = None) -> Self:
        """Run nodes in place until nothing but questions and timers is left.

        ``functions`` stand in for nodes, by the same names as ops; the others run their own. Nodes
        that are to be stopped are closed without being run.
        """
        while self.nodes() or self.stopping():
            if stopping := self.stopping():
                self.stopped(stopping[0])
            else:
                self.perform(self.nodes()[0].id, functions)
        return self

    def perform(
        self, which: str, functions: Mapping[str, Callable[..., Any]] | None = None
    ) -> Self:
        """Run one node in place, and tell how it ended."""
        op = self._node(which)
        leaf = self.machine.sites[op.position].flow
        stands_in = [fn for name, fn in (functions or {}).items() if _is_called(op, name)]
        try:
            if stands_in:
                value = stands_in[0](self.decode(op.input))
            elif isinstance(leaf, Each):
                counted = count_of(self._payload(op.input), SMALL, FAILURE_PREFIX)
                return self._end(op.id, Kind.RESULT, counted, 0)
            elif isinstance(leaf, Cached):
                return self._end(op.id, Kind.RESULT, self._cached(leaf, op), 0)
            elif isinstance(leaf, It):
                value = evaluate(leaf.data, self.decode(op.input))
            else:
                value = self._call(leaf, op)
            payload = self.encode(value)
        except Exception as error:  # noqa: BLE001 - whatever a node raises is the run's
            return self.error(op.id, error)
        return self._end(op.id, Kind.RESULT, payload, 0)

    def _cached(self, flow: Cached, op: NodeOp) -> str:
        """What a look-up finds in the driver's own cache, or what is kept there."""
        frame: Any = self.machine.state.frames[op.parent]
        definition = hash_of(Definition(Program(flow.body)).body)
        address = address_of(definition, flow.version, input_hash(self._payload(frame.input)))
        if op.key != FILL:
            return look_up_text(address, self.cache.get(address))
        if address != frame.address:
            return "null"
        self.cache[address] = value = self._payload(op.input)
        return f'"{hash_of(value)}"'

    # --- values

    def encode(self, value: object) -> str:
        """A value's payload."""
        self.registry.types.add_from(type(value))
        return encode(value, self.registry.types)

    def decode(self, ref: Ref) -> Any:
        """The value that a ref stands for."""
        return decode(self._payload(ref), self.registry.types)

    def _payload(self, ref: Ref) -> str:
        return compose(ref, lambda seq: decode_body(self.bodies[seq]).payload)

    def _call(self, leaf: Flow[Any, Any], op: NodeOp) -> Any:
        if not isinstance(leaf, Node) or leaf.fn is None:
            raise LookupError(f"{op.node} has no function here; give run() one for it")
        signature = leaf.leaf.signature
        if not signature.value:
            return leaf.fn(**leaf.bound)
        read = Reader(leaf.leaf.hints.get(signature.value_name, Any), self.registry.types)
        return leaf(read(self._payload(op.input)))

    def _node(self, which: str) -> NodeOp:
        op = self.op(which)
        if isinstance(op, NodeOp):
            return op
        raise LookupError(f"{which!r} is no node: {op}")

    def _said(self, which: str, flow: Flow[Any, Any], payload: str) -> Self:
        op, (note, _) = self._node(which), note_of(flow)
        source = input_of(op.input)
        return self.tell(Kind.AWAITED, op.id, payload, node=op.node, input=source, note=note)

    def _end(self, which: str, kind: str, payload: str, ticks: int) -> Self:
        op = self._node(which)
        source = input_of(op.input)
        return self.tell(kind, op.id, payload, node=op.node, input=source, ticks=ticks)

    def _only(self, found: list[str], which: str) -> str:
        if len(found) != 1:
            there = "\n  ".join(f"{type(op).__name__} {op.id}" for op in self.commands())
            raise LookupError(f"{len(found)} outstanding ops match {which!r}:\n  {there}")
        return found[0]


def _is_called(op: Op, name: str) -> bool:
    if name in {op.id, op.position}:
        return True
    if not isinstance(op, NodeOp):
        return False
    return name == op.node or name in {op.node.rpartition(":")[2], op.node.rpartition(".")[2]}
