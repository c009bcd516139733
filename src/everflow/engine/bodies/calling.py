"""How a body's function is called: what it is given, what its awaits stand for, how it ends.

One ``BodyCallee`` a body, made once, like a node's ``Callee``. How an advance ended is a value
(``Ended``): a result, an error, an awaited flow, a new state, or a misfit of code and log.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from everflow.core.combine.body import Body, Step
from everflow.core.combine.signals import Receive
from everflow.core.combine.waiting import Ask, Suspend
from everflow.core.entries import Kind
from everflow.core.faults import ErrorData, encode_error
from everflow.core.flow import Flow
from everflow.core.mounting import note_of, steps_in
from everflow.core.node import Node, Place
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.titles import side_of, title_of
from everflow.core.values import Reader, decode, encode
from everflow.engine.calling.callee import Callee, Ended
from everflow.engine.calling.noderun import NodeRun
from everflow.engine.calling.reify import reify
from everflow.errors import BodyMisuse, ForeignAwait, StepFailed

__all__ = ["BodyCallee", "Wanted", "failure_of"]

NO_LOOP = ("no running event loop", "'NoneType' object has no attribute 'create_future'")


class Wanted(NamedTuple):
    """What a body awaits: the flow, its note and its sign, and the payload of what it is given."""

    flow: Flow[Any, Any]
    note: str
    sign: str
    payload: str

    @property
    def side(self) -> str:
        """What an error shows of it."""
        return side_of(self.sign, title_of(self.flow))


class BodyCallee(Callee):
    """A body's function with all that advancing it takes.

    ``verify``: each advance is done twice, and both must be the same.
    """

    __slots__ = ("_readers", "_registry", "awaited", "verify")

    def __init__(
        self, body: Body[Any, Any], registry: Registry, limit: int, *, verify: bool = False
    ) -> None:
        super().__init__(body, registry.types, {}, limit)
        self._registry = registry
        self.awaited: dict[str, Flow[Any, Any]] = {}  # by note; their parts are registered
        self._readers: dict[str, Reader] = {}
        self.verify = verify
        self.place = Place.INLINE if self.place == Place.LOOP else Place.THREAD
        self.light = False
        self.inline = self.place == Place.INLINE
        self.pure = self.inline  # nothing that it does counts before its awaits are on disk

    def begin(self, payload: str) -> Any:
        """The body's coroutine, or the result of a plain def. ValueMismatch for a misfit."""
        return self.fn(*([self.read(payload)] if self.wants_value else []))

    def wanted(self, given: Any) -> Wanted:
        """What an awaited object stands for; an error where it can't be awaited."""
        if not isinstance(given, Flow):
            raise ForeignAwait(
                f"{self.name} awaited {given!r:.80}, which isn't a flow",
                hint="in a body flows are awaited: step(fn, ...), ask(...), sleep(...); do what"
                " needs an event loop in an async node",
            )
        flow, payload = given, "null"
        if isinstance(flow, Step) and not flow.holds_steps:
            payload = encode(flow.value, self.types, limit=self.limit)
            flow = flow.inner
        if isinstance(flow, Ask) and not flow.only:
            flow = flow.answer_only()
        memo: tuple[str, str, list[Step[Any]]] | None = flow.__dict__.get("_awaited")
        if memo is None:
            memo = flow.__dict__["_awaited"] = (*note_of(flow), steps_in(flow))
        note, sign, steps = memo
        if note not in self.awaited:
            self._learn(flow)
            self.awaited[note] = flow
        if steps:
            parts = (encode(part.value, self.types, limit=self.limit) for part in steps)
            payload = f"[{','.join(parts)}]"
        return Wanted(flow, note, sign, payload)

    def _learn(self, flow: Flow[Any, Any]) -> None:
        """Register what an awaited flow brings, so that it is found by name from now on."""
        for site in Program(flow).sites.values():
            if isinstance(site.flow, Node):
                site.flow.require_name()
        self._registry.add_parts(flow)

    def heard(self, wanted: Wanted, payload: str) -> Any:
        """What the body gets: fresh, and of the type that a question asked for."""
        flow = wanted.flow
        if not isinstance(flow, Ask | Suspend | Receive) or flow.answers is None:
            return decode(payload, self.types)
        reader = self._readers.get(wanted.note)
        if reader is None:
            reader = self._readers[wanted.note] = Reader(flow.answers, self.types)
        return reader(payload)

    def ended(self, kind: str, value: object, position: str) -> Ended:
        """The end of an advance with a value: the result, or the state to go on with."""
        try:
            return Ended(kind, encode(value, self.types, limit=self.limit))
        except Exception as error:  # noqa: BLE001 - a value's own code may raise anything
            return self.raised(error, position)

    def raised(self, error: BaseException, position: str) -> Ended:
        """The end of a body that raised. What a step raised goes outward as it was."""
        if isinstance(error, StepFailed) and isinstance(error.error, ErrorData):
            return Ended(Kind.ERROR, encode_error(error.error))
        if isinstance(error, RuntimeError | AttributeError) and any(
            said in str(error) for said in NO_LOOP
        ):
            foreign = ForeignAwait(
                f"{self.name} used an event loop, and a body runs on none",
                hint="do what needs a loop in an async node: await step(fetch, url)",
            )
            foreign.__cause__ = error
            error = foreign
        return Ended(Kind.ERROR, encode_error(reify(error, self.types, position)))

    def perform(self, payload: str, run: NodeRun | None) -> Ended:
        """Run a plain def body from its start, as far as it comes."""
        if run is None or run.replay is None:
            raise BodyMisuse(f"{self.name} can't be run without its log")
        end: Ended = run.replay(payload)
        return end


def failure_of(error: ErrorData) -> StepFailed:
    """The exception that a body gets for the error of what it awaited."""
    return StepFailed(f"{error.type}: {error.message}", error, position=error.position)
