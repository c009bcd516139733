"""Going back: ``saga``, whose steps are undone in reverse when a later one fails or is cancelled.

Three rules hold here. Only a step that ended with a value is undone; one that was cut short isn't.
An undo is cancelled by nothing and bounded by no budget around the saga. An undo that fails, after
whatever retries it has itself, opens a question of the run, and a person decides: once more, or go
on without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

import msgspec

from everflow.core.faults import ErrorData, attached
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.frames import SagaFrame
from everflow.core.ops import QuestionOp
from everflow.core.refs import Literal, Ref, small_text, tuple_of
from everflow.errors import WrongArgument

__all__ = ["UNDO", "UNDO_ANSWERS", "UNDO_TAG", "Saga", "saga"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
UNDO = "undo "  # before the name of a step: the name of what undoes it
UNDO_TAG = "@undo"  # no user's tag can be that
UNDO_ANSWERS = {"enum": ["retry", "skip"]}  # JSON Schema
LONGEST_MESSAGE = 500
Step = FlowLike[A, B] | tuple[FlowLike[A, B], FlowLike[tuple[A, B], Any]]


class Saga(Flow[Any, Any]):
    """Steps in a row, undone in reverse. Twin: "compensation" (BPMN, Temporal's Saga).

    Source: Garcia-Molina and Salem, "Sagas", 1987.
    """

    kind = "saga"

    def __init__(
        self, steps: tuple[tuple[str, Flow[Any, Any], Flow[Any, Any] | None], ...]
    ) -> None:
        self.steps = steps

    def children(self) -> Children:
        children: Children = []
        for name, do, undo in self.steps:
            children.append((name, do))
            if undo is not None:
                children.append((UNDO + name, undo))
        return children

    def shape(self) -> dict[str, Any]:
        return {"undo": [name for name, _, undo in self.steps if undo is not None]}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        undone = set(shape["undo"])
        undos = {name: child for name, child in children if name.removeprefix(UNDO) in undone}
        steps = [(name, child) for name, child in children if name.removeprefix(UNDO) == name]
        return Saga(tuple((name, do, undos.get(UNDO + name)) for name, do in steps))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        if not self.steps:
            m.done(parent, key, value)
            return
        m.push(SagaFrame(site.position, path, parent, key, input=value))
        name = self.steps[0][0]
        m.enter(site.kids[name], f"{path}/{name}", path, name, value)

    def going(self, frame: SagaFrame, site: Site) -> Iterable[tuple[str, str]]:
        name = self.steps[frame.index][0]
        return [(name, f"{frame.path}/{name}")]

    def child_done(self, m: Moves, frame: SagaFrame, key: str, value: Ref) -> None:
        if not frame.undoing:
            self._forward(m, frame, key, value)
            return
        if key != UNDO_TAG:
            del frame.results[key.removeprefix(UNDO)]
        elif small_text(value) == '"skip"':
            frame.results.popitem()
        self._undo_next(m, frame)

    def _forward(self, m: Moves, frame: SagaFrame, key: str, value: Ref) -> None:
        site = m.sites[frame.position]
        if UNDO + key in site.kids:
            frame.results[key] = tuple_of(frame.input, value)
        frame.index += 1
        if frame.index == len(self.steps):
            m.leave(frame, value)
            return
        frame.input = value
        name = self.steps[frame.index][0]
        m.enter(site.kids[name], f"{frame.path}/{name}", frame.path, name, value)

    def child_failed(self, m: Moves, frame: SagaFrame, key: str, error: ErrorData) -> None:
        if frame.undoing:
            self._ask(m, frame, key.removeprefix(UNDO), error)
            return
        frame.undoing, frame.error = True, error
        self._undo_next(m, frame)

    def child_closed(self, m: Moves, frame: SagaFrame, op: str, error: ErrorData | None) -> None:
        frame.closing.pop(op, None)
        if frame.error is None:
            frame.error = error
        if not frame.closing:
            self._undo_next(m, frame)

    def _undo_next(self, m: Moves, frame: SagaFrame) -> None:
        """Undo the latest step that isn't undone, or end as the saga has to end."""
        if frame.results:
            name, pair = next(reversed(frame.results.items()))
            undo = UNDO + name
            path = f"{frame.path}!{frame.attempt}/{undo}"
            m.enter(m.sites[frame.position].kids[undo], path, frame.path, undo, pair)
        elif frame.cancelled or frame.error is None:
            m.close(frame, None if frame.guarded else frame.error)
        else:
            m.throw(frame, frame.error)

    def _ask(self, m: Moves, frame: SagaFrame, name: str, error: ErrorData) -> None:
        """An undo failed: have a person say whether to try again or to leave it."""
        if frame.error is not None:
            frame.error = attached(frame.error, [error])
        said = f"the undo of {name!r} failed: {error.type}: {error.message[:LONGEST_MESSAGE]}"
        prompt = msgspec.json.encode(f"{said} (retry or skip?)").decode()
        m.open(
            QuestionOp(
                f"{frame.path}!{frame.attempt}/{UNDO_TAG}",
                frame.position,
                frame.path,
                UNDO_TAG,
                Literal(prompt),
                m.seq,
                UNDO_TAG,
                m.occurrence(UNDO_TAG),
                m.now,
            )
        )
        frame.attempt += 1

    def succeeds(self, old: Flow[Any, Any], *, labelled: bool) -> str:
        return ""  # which steps have undos may change where nothing hangs on it

    def refit(self, frame: SagaFrame, old: Site, new: Site) -> str:
        """Steps that are still to come may change; what was done is undone as it was to be."""
        begun = frame.index + 1
        before = [key for key in old.kids if not key.startswith(UNDO)][:begun]
        now = [name for name, _, _ in self.steps][:begun]
        if before != now or not all(_same(name, old.kids[name], new.kids[name]) for name in now):
            return "the steps that it has begun are other ones: label those that are the same"
        gone = [name for name in frame.results if UNDO + name not in new.kids]
        return f"the undo of its step {gone[0]!r} is gone" if gone else ""

    def passed_by(self, frame: SagaFrame, old: Site, new: Site) -> list[str]:
        done = [name for name, _, _ in self.steps[: frame.index]]
        late = [UNDO + name for name in done if name not in frame.results]
        return [new.kids[key].position for key in late if key in new.kids and key not in old.kids]


def _same(name: str, old: Site, new: Site) -> bool:
    """Whether a step is the one of before: a label says so, a place in the row says little."""
    if not name.isdigit():
        return True
    one, other = old.flow, new.flow
    return one.kind == other.kind and not other.succeeds(one, labelled=False)


@overload
def saga() -> Flow[Any, Any]: ...
@overload
def saga(a: Step[A, B], /) -> Flow[A, B]: ...
@overload
def saga(a: Step[A, B], b: Step[B, C], /) -> Flow[A, C]: ...
@overload
def saga(a: Step[A, B], b: Step[B, C], c: Step[C, D], /) -> Flow[A, D]: ...
@overload
def saga(a: Step[A, B], b: Step[B, C], c: Step[C, D], d: Step[D, E], /) -> Flow[A, E]: ...
@overload
def saga(
    a: Step[A, Any],
    b: Step[Any, Any],
    c: Step[Any, Any],
    d: Step[Any, Any],
    e: Step[Any, Any],
    /,
    *steps: Step[Any, Any],
) -> Flow[A, Any]: ...
def saga(*steps: Any) -> Flow[Any, Any]:
    """Run steps one after the other; when one fails, undo those before it, the latest first.

    A step is ``(do, undo)``, or a flow that needs no undo. ``undo`` gets (input, output) of its
    ``do``. Once everything is undone the error goes outward. A cancel of what the saga stands in
    (of the run, by a sibling's error, by a timeout) undoes as well, and waits for that. A step that
    was cut short isn't undone: what it may have done is for the undo of a step before it.

    An undo that fails asks the run's question ``@undo``: ``retry`` or ``skip``.
    """
    made = []
    for index, step in enumerate(steps):
        parts = step if isinstance(step, tuple) else (step,)
        if len(parts) not in {1, 2}:
            raise WrongArgument(
                f"a step of a saga is a flow or (do, undo), not a tuple of {len(parts)}"
            )
        do: Flow[Any, Any] = lift(parts[0], "saga")
        undo: Flow[Any, Any] | None = lift(parts[1], "saga") if len(parts) > 1 else None
        name = do.label or str(index)
        if name.startswith(UNDO):
            raise WrongArgument(f"a step of a saga can't be named {name!r}: that is its undo's")
        made.append((name, do, undo))
    return Saga(tuple(made))
