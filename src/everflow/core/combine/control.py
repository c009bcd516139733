"""When things go wrong: ``try_catch``, ``retry`` with its backoffs, ``timeout``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypeVar
from zlib import crc32

from everflow.core.faults import (
    Caught,
    ErrorData,
    Errors,
    encode_error,
    error_names,
    is_among,
    make_error,
)
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.frames import CatchFrame, RetryFrame, TicksFrame, TimeoutFrame
from everflow.core.ops import TimerOp
from everflow.core.refs import Literal, Ref, record_of
from everflow.errors import FlowTimeout, WrongArgument

__all__ = [
    "Backoff",
    "Retry",
    "Ticks",
    "Timeout",
    "TryCatch",
    "exponential",
    "fixed",
    "micros",
    "retry",
    "timeout",
    "try_catch",
]

In = TypeVar("In")
Out = TypeVar("Out")
Other = TypeVar("Other")
_NULL = Literal("null")
SECOND = 1_000_000
LONGEST = 100 * 365 * 24 * 3600 * SECOND


def micros(span: timedelta | float, what: str) -> int:
    """A duration in whole microseconds; numbers are seconds. WrongArgument when it is unusable."""
    try:
        value = span / timedelta(microseconds=1) if isinstance(span, timedelta) else span * SECOND
        whole = round(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise WrongArgument(f"{what} is a timedelta or seconds, not {span!r:.60}") from error
    if not 0 <= whole <= LONGEST:
        raise WrongArgument(f"{what} must lie between 0 and 100 years, not {span!r:.60}")
    return whole


class TryCatch(Flow[Any, Any]):
    """The handler's result stands for the error. Twin: ``try ... except``, ``catchAll``."""

    kind = "try_catch"

    def __init__(self, body: Flow[Any, Any], rescue: Flow[Any, Any]) -> None:
        self.body, self.rescue = body, rescue

    def children(self) -> Children:
        return [("body", self.body), ("catch", self.rescue)]

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return TryCatch(children[0][1], children[1][1])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(CatchFrame(site.position, path, parent, key, input=value))
        m.enter(site.kids["body"], f"{path}/body", path, "body", value)

    def catches(self, frame: CatchFrame, key: str) -> bool:
        return key == "body"

    def child_failed(self, m: Moves, frame: CatchFrame, key: str, error: ErrorData) -> None:
        if key != "body":
            m.throw(frame, error)
            return
        caught = record_of("Caught", error=Literal(encode_error(error)), value=frame.input)
        kid = m.sites[frame.position].kids["catch"]
        m.enter(kid, f"{frame.path}/catch", frame.path, "catch", caught)

    def refit(self, frame: CatchFrame, old: Site, new: Site) -> str:
        return ""


@dataclass(frozen=True)
class Backoff:
    """Delays between attempts, in microseconds: ``first * factor ** (n - 1)``, at most ``ceiling``.

    ``jitter`` takes up to that share off the delay: by how much follows from the run's id and the
    op's, so that it is the same on every replay and still spreads the runs (source: "full jitter",
    AWS Architecture Blog, "Exponential Backoff And Jitter", with a chosen share instead of all).
    """

    first: int
    factor: float = 1.0
    ceiling: int = LONGEST
    jitter: float = 0.0

    def delay(self, attempt: int, key: str) -> int:
        """The wait after failed attempt number ``attempt`` (from 1); ``key`` sets the jitter."""
        try:
            whole = min(self.first * self.factor ** (attempt - 1), float(self.ceiling))
        except OverflowError:
            whole = float(self.ceiling)
        return round(whole * (1.0 - self.jitter * (crc32(key.encode()) / 0xFFFFFFFF)))


def fixed(delay: timedelta | float) -> Backoff:
    """The same delay after every attempt."""
    return Backoff(micros(delay, "the delay"))


def exponential(
    first: timedelta | float = 1.0,
    *,
    factor: float = 2.0,
    ceiling: timedelta | float = 3600.0,
    jitter: float = 0.2,
) -> Backoff:
    """Delays that grow by ``factor`` up to ``ceiling``, less a random share of up to ``jitter``."""
    if not factor >= 1:
        raise WrongArgument(f"factor is at least 1, not {factor!r}")
    if not 0 <= jitter <= 1:
        raise WrongArgument(f"jitter is a share between 0 and 1, not {jitter!r}")
    longest = micros(ceiling, "ceiling")
    return Backoff(micros(first, "the first delay"), float(factor), longest, float(jitter))


class Retry(Flow[Any, Any]):
    """n attempts in all, each on the original input. Twin: "RetryPolicy" (Temporal)."""

    kind = "retry"

    def __init__(
        self, most: int, body: Flow[Any, Any], backoff: Backoff | None, on: tuple[str, ...]
    ) -> None:
        self.most, self.body, self.backoff, self.on = most, body, backoff, on

    def children(self) -> Children:
        return [("body", self.body)]

    def settings(self) -> dict[str, Any]:
        data: dict[str, Any] = {"attempts": self.most}
        if self.backoff is not None:
            data["backoff"] = asdict(self.backoff)
        if self.on:
            data["on"] = list(self.on)
        return data

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        backoff = Backoff(**settings["backoff"]) if "backoff" in settings else None
        return Retry(settings["attempts"], children[0][1], backoff, tuple(settings.get("on", ())))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(RetryFrame(site.position, path, parent, key, attempt=1, input=value))
        m.enter(site.kids["body"], f"{path}!1/body", path, "body", value)

    def going(self, frame: RetryFrame, site: Site) -> Iterable[tuple[str, str]]:
        attempt = f"{frame.path}!{frame.attempt}"
        return [("body", f"{attempt}/body"), ("@backoff", f"{attempt}/@backoff")]

    def catches(self, frame: RetryFrame, key: str) -> bool:
        return frame.attempt < self.most

    def child_done(self, m: Moves, frame: RetryFrame, key: str, value: Ref) -> None:
        if key == "body":
            m.leave(frame, value)
        else:
            self._again(m, frame)

    def child_failed(self, m: Moves, frame: RetryFrame, key: str, error: ErrorData) -> None:
        if frame.attempt >= self.most or not error.retry or not is_among(error, self.on):
            m.throw(frame, error)
            return
        timer = f"{frame.path}!{frame.attempt}/@backoff"
        delay = error.after
        if delay is None and self.backoff is not None:
            delay = self.backoff.delay(frame.attempt, f"{m.run}{timer}")
        if not delay:
            self._again(m, frame)
            return
        due = m.now + delay
        m.open(TimerOp(timer, frame.position, frame.path, "@backoff", _NULL, m.seq, due))

    def _again(self, m: Moves, frame: RetryFrame) -> None:
        frame.attempt += 1
        path = f"{frame.path}!{frame.attempt}/body"
        m.enter(m.sites[frame.position].kids["body"], path, frame.path, "body", frame.input)

    def refit(self, frame: RetryFrame, old: Site, new: Site) -> str:
        return ""


class Ticks(Flow[Any, Any]):
    """A budget of ticks: the one after the last raises. Twin: "gas" (EVM), "fuel" (Wasmtime)."""

    kind = "ticks"

    def __init__(self, budget: int, body: Flow[Any, Any]) -> None:
        self.budget, self.body = budget, body

    def children(self) -> Children:
        return [("body", self.body)]

    def settings(self) -> dict[str, Any]:
        return {"ticks": self.budget}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Ticks(settings["ticks"], children[0][1])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(TicksFrame(site.position, path, parent, key, left=self.budget))
        m.budget(1)
        m.enter(site.kids["body"], f"{path}/body", path, "body", value)

    def child_done(self, m: Moves, frame: TicksFrame, key: str, value: Ref) -> None:
        m.budget(-1)
        m.leave(frame, value)

    def child_failed(self, m: Moves, frame: TicksFrame, key: str, error: ErrorData) -> None:
        m.budget(-1)
        m.throw(frame, error)

    def child_closed(self, m: Moves, frame: TicksFrame, op: str, error: ErrorData | None) -> None:
        frame.closing.pop(op, None)
        self._expired(m, frame)

    def ticks_for(self, frame: TicksFrame, key: str) -> int | None:
        return frame.left

    def charge(self, frame: TicksFrame, key: str, ticks: int) -> bool:
        frame.left -= ticks
        return frame.left < 0

    def expire(self, m: Moves, frame: TicksFrame, key: str) -> None:
        frame.closing = m.cancel_under(frame)
        self._expired(m, frame)

    def _expired(self, m: Moves, frame: TicksFrame) -> None:
        if not frame.closing:
            m.budget(-1)
            spent = f"the budget of {self.budget} ticks is used up"
            m.throw(frame, make_error(FlowTimeout, spent, position=frame.position))

    def refit(self, frame: TicksFrame, old: Site, new: Site) -> str:
        return ""


class Timeout(Flow[Any, Any]):
    """A budget of time, kept by a durable timer. Twin: ``asyncio.timeout``, made durable."""

    kind = "timeout"

    def __init__(self, budget: int, body: Flow[Any, Any]) -> None:
        self.budget, self.body = budget, body

    def children(self) -> Children:
        return [("body", self.body)]

    def settings(self) -> dict[str, Any]:
        return {"within": self.budget}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Timeout(settings["within"], children[0][1])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(TimeoutFrame(site.position, path, parent, key))
        due = m.now + self.budget
        timer = f"{path}/@within"
        m.open(TimerOp(timer, site.position, path, "@within", _NULL, m.seq, due))
        m.enter(site.kids["body"], f"{path}/body", path, "body", value)

    def going(self, frame: TimeoutFrame, site: Site) -> Iterable[tuple[str, str]]:
        return [(key, f"{frame.path}/{key}") for key in ("@within", "body")]

    def child_done(self, m: Moves, frame: TimeoutFrame, key: str, value: Ref) -> None:
        if key == "body":
            m.drop(f"{frame.path}/@within")
            m.leave(frame, value)
            return
        frame.closing = m.cancel_under(frame)
        self._expired(m, frame)

    def child_failed(self, m: Moves, frame: TimeoutFrame, key: str, error: ErrorData) -> None:
        m.drop(f"{frame.path}/@within")
        m.throw(frame, error)

    def child_closed(self, m: Moves, frame: TimeoutFrame, op: str, error: ErrorData | None) -> None:
        frame.closing.pop(op, None)
        self._expired(m, frame)

    def _expired(self, m: Moves, frame: TimeoutFrame) -> None:
        if not frame.closing:
            late = f"it took longer than {timedelta(microseconds=self.budget)}"
            m.throw(frame, make_error(FlowTimeout, late, position=frame.position))

    def refit(self, frame: TimeoutFrame, old: Site, new: Site) -> str:
        return ""


def try_catch(
    body: FlowLike[In, Out],
    handler: FlowLike[Caught[In], Other],
) -> Flow[In, Out | Other]:
    """Run ``body``; what it raises goes to ``handler`` as ``Caught(error, value)``.

    Never caught: a suspension, a cancellation, the expiry of a budget around it, a ``Failure``.
    """
    return TryCatch(lift(body, "try_catch"), lift(handler, "try_catch"))


def retry(
    attempts: int,
    body: FlowLike[In, Out],
    *,
    backoff: Backoff | timedelta | float | None = None,
    on: Errors = (),
) -> Flow[In, Out]:
    """Run ``body`` up to ``attempts`` times until it doesn't raise; the last error propagates.

    ``backoff`` is a durable wait between attempts; ``on`` limits what is retried to error classes
    (or codes, or names). A node says so from inside by ``NoRetry`` and ``RetryAfter``.
    """
    if type(attempts) is not int:
        raise WrongArgument(f"attempts is a whole number, not {attempts!r:.60}")
    wait = backoff if backoff is None or isinstance(backoff, Backoff) else fixed(backoff)
    return Retry(max(attempts, 1), lift(body, "retry"), wait, error_names(on))


def timeout(budget: int | timedelta, body: FlowLike[In, Out]) -> Flow[In, Out]:
    """Bound ``body`` by ticks (a whole number, spent by ``tick()``) or by time (a timedelta).

    What goes past the budget ends in ``FlowTimeout``; nothing inside can catch that.
    """
    inner = lift(body, "timeout")
    if isinstance(budget, timedelta):
        return Timeout(micros(budget, "the budget"), inner)
    if type(budget) is not int or budget < 0:
        raise WrongArgument(
            f"the budget is a timedelta, or a whole number of ticks from 0 up, not {budget!r:.60}",
            hint="for seconds write timedelta(seconds=...)",
        )
    return Ticks(budget, inner)
