"""Bodies: how direct-style code is advanced from one await to the next.

What must stay true of it:

* The machine's log decides. A body held in memory is a cache of it: dropping one loses nothing, and
  one begun again must await the same flows in the same order, or the run parks (ReplayDiverged).
* An ``async def`` body is advanced by ``send`` on the scheduler's own thread, without an event
  loop; a plain ``def`` one is run again from its start, on a thread, for each thing it performs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, NoReturn

from everflow.core.advancing import Advance, set_advancing
from everflow.core.entries import Kind, decode_body
from everflow.core.faults import ErrorData, decode_error
from everflow.core.frames import BodyFrame, Logged
from everflow.core.ops import NodeOp
from everflow.core.refs import Ref, compose, seqs
from everflow.core.titles import side_of
from everflow.engine.bodies.calling import BodyCallee, Wanted, failure_of
from everflow.engine.calling.callee import MISFIT, Ended
from everflow.engine.cells.cell import Cell
from everflow.errors import (
    BodyContinued,
    BodyMisuse,
    BodySuspended,
    NotDeterministic,
    ReplayDiverged,
    SuspensionSwallowed,
    ValueMismatch,
)

__all__ = ["Heard", "Live", "Replay", "advance", "diverged", "heard_of", "replay_of", "texts_of"]

_advancing: ContextVar[Advance | None] = ContextVar("everflow_advancing", default=None)
set_advancing(_advancing.get)
_log = logging.getLogger("everflow.engine")
Entries = Callable[[int, Sequence[int]], Mapping[int, str]]
FETCHED = 500  # payloads that are read from the store at once


class Heard(NamedTuple):
    """What a body got from one await: by ``sign`` its flow, and the payload or the error."""

    sign: str
    title: str
    payload: str
    error: ErrorData | None

    @property
    def side(self) -> str:
        """What an error shows of it."""
        return side_of(self.sign, self.title)


def diverged(name: str, number: int, held: str, found: str, where: str = "") -> ReplayDiverged:
    """The error of a body that awaits something else than what was recorded."""
    return ReplayDiverged(
        f"the body {name} doesn't fit its log at its await {number}{where}\n"
        f"  - {found}\n  + {held}",
        hint="- is what the body does now, + what was recorded; the run loses nothing and goes on"
        " when code that fits is there",
    )


class Live:
    """An ``async def`` body in memory. ``fed``: how much of its log it was given since ``first``.

    ``first`` is the number of its awaits before it began, or went on with a new state.
    """

    __slots__ = ("_callee", "_closing", "_coroutine", "fed", "first", "held", "said")

    def __init__(self, callee: BodyCallee, coroutine: Any, first: int) -> None:
        self._callee = callee
        self._coroutine: Coroutine[Any, Any, Any] = coroutine
        self._closing = False
        self.first = first
        self.fed = 0
        self.held: Wanted | None = None
        self.said: list[str] = []  # the payloads of its awaits, where they are to be compared

    # --- what the body's own code sees of it

    def check(self) -> None:
        """Refuse awaits while the body is being closed."""
        if self._closing:
            raise BodyMisuse(
                f"{self._callee.name} awaits in a `finally` or `except` while it is closed",
                hint="what is to be undone at a cancel belongs into the flow around the body",
            )

    def perform(self, _flow: Any) -> Any:
        """Refuse what only a plain def body has."""
        raise BodyMisuse("perform is for plain def bodies", hint="in an async def write await")

    # --- the engine's side

    def close(self) -> None:
        """The body is cancelled or forgotten: its ``finally`` blocks run, and may not await."""
        self._closing = True
        token = _advancing.set(self)
        try:
            self._coroutine.close()
        except BaseException as error:  # noqa: BLE001 - whatever a body does at its end
            _log.warning("the body %s raised while it was closed: %s", self._callee.name, error)
        finally:
            _advancing.reset(token)

    def advance(self, heard: Sequence[Heard], position: str) -> Ended:
        """Feed the body what it hasn't heard, up to its next await or its end."""
        token = _advancing.set(self)
        try:
            return self._advance(heard, position)
        except (ReplayDiverged, ValueMismatch) as error:
            return Ended(MISFIT, str(error))
        finally:
            _advancing.reset(token)

    def _advance(self, heard: Sequence[Heard], position: str) -> Ended:
        held = self.held
        end = self._go(None, None, position) if held is None else _awaits(held)
        for item in heard:
            held, number = self.held, self.first + self.fed + 1
            if held is None:
                found = f"it ended ({end.kind}): {end.payload:.200}"
                raise diverged(self._callee.name, number, item.side, found)
            if held.sign != item.sign:
                raise diverged(self._callee.name, number, item.side, held.side, self.line)
            self.fed += 1
            if item.error is not None:
                end = self._go(None, failure_of(item.error), position)
            else:
                end = self._go(self._callee.heard(held, item.payload), None, position)
        return end

    def _go(self, value: Any, error: BaseException | None, position: str) -> Ended:
        """Resume the body with a value or an error, to its next await or its end."""
        callee, coroutine = self._callee, self._coroutine
        self.held = None
        try:
            while True:
                given = coroutine.send(value) if error is None else coroutine.throw(error)
                try:
                    self.held = callee.wanted(given)
                except Exception as refused:  # noqa: BLE001 - it is raised where it was awaited
                    value, error = None, refused
                else:
                    if callee.verify:
                        self.said.append(self.held.payload)
                    return _awaits(self.held)
        except StopIteration as stop:
            return callee.ended(Kind.RESULT, stop.value, position)
        except BodyContinued as new:
            return callee.ended(Kind.CONTINUED, new.state, position)
        except BaseException as raised:  # noqa: BLE001 - whatever a body raises is the run's
            return callee.raised(raised, position)

    @property
    def line(self) -> str:
        """Where its code is, in brackets."""
        frame = getattr(self._coroutine, "cr_frame", None)
        if frame is None:
            return ""
        return f" ({frame.f_code.co_filename.rpartition('/')[2]}, line {frame.f_lineno})"


class Replay:
    """A plain ``def`` body that is run again from its start, with all that it has heard."""

    __slots__ = ("_callee", "_diverged", "_fed", "_heard", "_position", "first", "said", "wanted")

    def __init__(
        self, callee: BodyCallee, heard: Sequence[Heard], first: int, position: str
    ) -> None:
        self._callee = callee
        self._heard = heard
        self._position = position
        self.first = first
        self._fed = 0
        self.wanted: Wanted | None = None
        self._diverged: ReplayDiverged | ValueMismatch | None = None
        self.said: list[str] = []

    def check(self) -> None:
        """Nothing is refused: what is done after the suspension is told from that."""

    def perform(self, flow: Any) -> Any:
        """See ``core.direct.perform``."""
        if self.wanted is not None:
            raise BodySuspended("", None)
        wanted = self._callee.wanted(flow)
        self.said.append(wanted.payload)
        if self._fed == len(self._heard):
            self.wanted = wanted
            raise BodySuspended("", None)
        item = self._heard[self._fed]
        self._fed += 1
        if wanted.sign != item.sign:
            number = self.first + self._fed
            self._leave(diverged(self._callee.name, number, item.side, wanted.side))
        if item.error is not None:
            raise failure_of(item.error)
        try:
            return self._callee.heard(wanted, item.payload)
        except ValueMismatch as error:
            self._leave(error)

    def _leave(self, error: ReplayDiverged | ValueMismatch) -> NoReturn:
        """Leave the body by what its own ``except Exception`` doesn't catch."""
        self._diverged = error
        raise BodySuspended("", None)

    def __call__(self, payload: str) -> Ended:
        """Run it as far as it comes."""
        end = self._run(payload)
        if self._callee.verify:
            again = Replay(self._callee, self._heard, self.first, self._position)
            end = _verified(self._callee.name, end, again._run(payload), self.said, again.said)
        return end

    def _run(self, payload: str) -> Ended:
        end = self._call(payload)
        if self._diverged is not None:
            return Ended(MISFIT, str(self._diverged))
        if self._fed < len(self._heard):
            held = self._heard[self._fed].side
            found = f"it ended ({end.kind}): {end.payload:.200}"
            number = self.first + self._fed + 1
            return Ended(MISFIT, str(diverged(self._callee.name, number, held, found)))
        return end

    def _call(self, payload: str) -> Ended:
        callee, position = self._callee, self._position
        token = _advancing.set(self)
        try:
            value = callee.begin(payload)
        except ValueMismatch as error:
            return Ended(MISFIT, str(error))
        except BodySuspended:
            wanted = self.wanted
            return _LEFT if wanted is None else _awaits(wanted)
        except BodyContinued as new:
            return callee.ended(Kind.CONTINUED, new.state, position)
        except BaseException as raised:  # noqa: BLE001 - whatever a body raises is the run's
            return callee.raised(raised, position)
        finally:
            _advancing.reset(token)
        if self.wanted is not None:
            swallowed = SuspensionSwallowed(
                f"{callee.name} went on after perform(...) had suspended it",
                hint="let the suspension pass: no bare `except:` or `except BaseException:`",
            )
            return callee.raised(swallowed, position)
        return callee.ended(Kind.RESULT, value, position)


def _awaits(wanted: Wanted) -> Ended:
    return Ended(Kind.AWAITED, wanted.payload, 0, wanted.note)


_LEFT = Ended(MISFIT, "the body left without a reason")


def _verified(name: str, end: Ended, again: Ended, said: list[str], told: list[str]) -> Ended:
    """The end, if a second replay gave the same; else why it didn't."""
    if (_facts(end), said) == (_facts(again), told):
        return end
    pairs = zip([*said, _facts(end)], [*told, _facts(again)], strict=False)
    differing = ((n, a, b) for n, (a, b) in enumerate(pairs, 1) if a != b)
    number, first, second = next(differing)
    error = NotDeterministic(
        f"the body {name} isn't deterministic: run twice with the same log it differed at its"
        f" await {number}\n  - {first!s:.300}\n  + {second!s:.300}",
        hint="take the time, chance and ids from await now(), random() and uuid(), and all else"
        " from a node: await step(fn, ...)",
    )
    return Ended(MISFIT, str(error))


def _facts(end: Ended) -> tuple[str, ...]:
    """What must be the same of two ends; a traceback needn't."""
    if end.kind != Kind.ERROR:
        return end.kind, end.payload, end.note
    error = decode_error(end.payload)
    return end.kind, error.type, error.message


def advance(cell: Cell, op: NodeOp, callee: BodyCallee, entries: Entries) -> Ended:
    """Advance the ``async def`` body of an op, in memory or from its log."""
    frame = _frame(cell, op)
    first = frame.count - len(frame.log)
    live = cell.bodies.get(frame.path)
    if live is not None and live.first != first:
        live = None  # of the state before the last ``continue_with``
    heard = _heard(cell, frame, live.fed if live is not None else 0, entries)
    if live is None or callee.verify:
        payload = texts_of(cell, [frame.input], entries)[0]
    try:
        if live is None:
            live = cell.bodies[frame.path] = Live(callee, callee.begin(payload), first)
        end = live.advance(heard, op.position)
        if callee.verify and end.kind != MISFIT:
            twin = Live(callee, callee.begin(payload), first)
            again = twin.advance(_heard(cell, frame, 0, entries), op.position)
            twin.close()
            end = _verified(callee.name, end, again, live.said, twin.said)
    except ValueMismatch as error:
        end = Ended(MISFIT, str(error))
    if end.kind != Kind.AWAITED:
        cell.close_bodies([frame.path])
    return end


def replay_of(cell: Cell, op: NodeOp, callee: BodyCallee, entries: Entries) -> Replay:
    """The replay of an op's plain ``def`` body, to be run on a thread."""
    frame = _frame(cell, op)
    first = frame.count - len(frame.log)
    return Replay(callee, _heard(cell, frame, 0, entries), first, op.position)


def _frame(cell: Cell, op: NodeOp) -> BodyFrame:
    frame = cell.machine.state.frames[op.parent]
    if not isinstance(frame, BodyFrame):
        raise TypeError(f"{op.id} advances no body")
    return frame


def _heard(cell: Cell, frame: BodyFrame, since: int, entries: Entries) -> list[Heard]:
    return heard_of(frame.log[since:], lambda refs: texts_of(cell, refs, entries))


def heard_of(log: Sequence[Logged], texts: Callable[[Sequence[Ref]], list[str]]) -> list[Heard]:
    """What a part of a body's log says, with its values as ``texts`` gives them."""
    given = iter(texts([item.value for item in log if item.value is not None]))
    return [
        Heard(item.sign, item.title, "" if item.value is None else next(given), item.error)
        for item in log
    ]


def texts_of(cell: Cell, refs: Sequence[Ref], entries: Entries) -> list[str]:
    """The payloads of refs; what isn't at hand is read in few queries, and not kept."""
    wanted = {seq for ref in refs for seq in seqs(ref)}
    texts = {seq: cell.payloads[seq] for seq in wanted if seq in cell.payloads}
    missing = sorted(wanted - texts.keys())
    for begin in range(0, len(missing), FETCHED):
        found = entries(cell.row.no, missing[begin : begin + FETCHED])
        texts.update((seq, decode_body(body).payload) for seq, body in found.items())
    return [compose(ref, texts.__getitem__) for ref in refs]
