"""Errors of the flow: its definition or its nodes' code is to blame."""

from __future__ import annotations

from typing import Any

from everflow.errors.base import EverflowError

__all__ = [
    "BodyContinued",
    "BodyMisuse",
    "BodySuspended",
    "BodyTooDeep",
    "CallTooDeep",
    "ChildCancelled",
    "ChildFailed",
    "DeadlineExpired",
    "FlowError",
    "FlowTimeout",
    "ForeignAwait",
    "JournalMismatch",
    "LoopTooLong",
    "NameTaken",
    "NoMatch",
    "NoRetry",
    "NotAFlow",
    "NotAList",
    "NotDeterministic",
    "OutOfReach",
    "ProcessDied",
    "ReplayDiverged",
    "RetryAfter",
    "StatementFailed",
    "StepFailed",
    "SuspensionSwallowed",
    "TooManyQuestions",
    "UnhandledFailure",
    "UnknownFrame",
    "UnnamedLeaf",
    "UnresolvedName",
    "ValueMismatch",
    "ValueRefused",
    "WaitForMisplaced",
    "WrongArgument",
]


class FlowError(EverflowError):
    """Something in the flow's own definition or code."""

    code = "flow_error"
    blame = "flow"


class NotAFlow(FlowError, TypeError):
    """A value stands where a flow or a function belongs."""

    code = "not_a_flow"


class WrongArgument(FlowError, ValueError):
    """A combinator was given a count, name or setting that it can't have."""

    code = "wrong_argument"


class NameTaken(FlowError):
    """A second object asks for a name that another one bears."""

    code = "name_taken"


class UnnamedLeaf(FlowError):
    """A lambda, a local function or a ``__main__`` without a file can't be found again later."""

    code = "unnamed_leaf"


class UnresolvedName(FlowError):
    """A definition names a node that no imported module has: the run waits until it is back."""

    code = "unresolved_name"


class ValueRefused(FlowError, TypeError):
    """A value that isn't plain data; ``path`` is the place inside the value."""

    code = "value_refused"


class ValueMismatch(FlowError, TypeError):
    """A recorded value doesn't fit the type that its consumer asks for."""

    code = "value_mismatch"


class OutOfReach(FlowError):
    """A join wants more values than there are children that could give them."""

    code = "out_of_reach"


class Deadlock(FlowError):
    """A critical section was asked for by what its holder waits for: neither could ever go on."""

    code = "deadlock"


class NotAList(FlowError, TypeError):
    """``each`` got something that isn't a list, a tuple or a set."""

    code = "not_a_list"


class LoopTooLong(FlowError):
    """A ``loop`` has had its most rounds, and ``until`` isn't true yet."""

    code = "loop_too_long"


class NoMatch(FlowError):
    """``choose`` has neither a case for the selector's value nor a default."""

    code = "no_match"


class FlowTimeout(FlowError):
    """A budget of ticks or time is used up."""

    code = "flow_timeout"


class DeadlineExpired(FlowError):
    """A question's deadline passed and it has no default."""

    code = "deadline_expired"


class ChildFailed(FlowError):
    """A run that was called failed: ``data`` says which, ``others`` begins with its own error."""

    code = "child_failed"


class ChildCancelled(FlowError):
    """A run that was called was cancelled, and not by its caller."""

    code = "child_cancelled"


class BodyTooDeep(FlowError):
    """So many bodies await one another already that another one would be one too many."""

    code = "body_too_deep"


class CallTooDeep(FlowError):
    """So many runs wait for one another already that another call would be one too many."""

    code = "call_too_deep"


class UnhandledFailure(FlowError):
    """A ``fail`` value reached a node whose parameter isn't annotated to take it."""

    code = "unhandled_failure"


class StatementFailed(FlowError):
    """A node's own statement was refused by the database; nothing of the node was written.

    ``place`` is which of its statements that was, from 0.
    """

    code = "statement_failed"

    def __init__(self, message: str, *, place: int = 0, position: str = "", hint: str = "") -> None:
        super().__init__(message, position=position, hint=hint)
        self.place = place


class SuspensionSwallowed(FlowError):
    """A node went on normally after ``wait_for`` had suspended it."""

    code = "suspension_swallowed"


class WaitForMisplaced(FlowError):
    """``wait_for`` was called where no sync node of a run is being run."""

    code = "wait_for_misplaced"


class TooManyQuestions(FlowError):
    """A sync node suspended more often than its stated number of times."""

    code = "too_many_questions"


class JournalMismatch(FlowError):
    """The journal holds something else than the flow asks for; the run parks until it fits."""

    code = "journal_mismatch"


class ReplayDiverged(JournalMismatch):
    """A body awaits other flows than its log holds; the run parks until code that fits is there."""

    code = "replay_diverged"


class NotDeterministic(FlowError):
    """A body, begun again with the same log, awaited something else or with other values."""

    code = "not_deterministic"


class ForeignAwait(FlowError):
    """A body awaited something that isn't a flow: a future, a sleep or a task of an event loop."""

    code = "foreign_await"


class BodyMisuse(FlowError):
    """Something was done in a body, or outside of one, that can't be replayed."""

    code = "body_misuse"


class StepFailed(FlowError):
    """Raised in a body where a flow that it awaited failed; ``error`` is the error as data."""

    code = "step_failed"

    def __init__(self, message: str, error: Any, *, position: str = "") -> None:
        super().__init__(message, position=position)
        self.error = error


class UnknownFrame(FlowError):
    """A snapshot holds what this release doesn't know; the run is blocked until code that does."""

    code = "unknown_frame"


class NoRetry(FlowError):
    """Raised by a node around an error that a retry must not repeat: ``raise NoRetry(error)``."""

    code = "no_retry"

    def __init__(self, error: BaseException | str) -> None:
        super().__init__(str(error))
        self.error = error


class RetryAfter(FlowError):
    """Raised by a node to set the delay before the next attempt of the ``retry`` around it."""

    code = "retry_after"

    def __init__(self, seconds: float, error: BaseException | str = "") -> None:
        super().__init__(str(error) or f"try again after {seconds} s")
        self.seconds = seconds
        self.error = error


class ProcessDied(FlowError):
    """The process in which a node was run died under it: by a signal, or by ending itself."""

    code = "process_died"


class BodySuspended(BaseException):
    """Leaves a sync node at ``wait_for``; not an ``Exception``, so that user code can't eat it."""

    def __init__(self, tag: str, prompt: object) -> None:
        super().__init__(tag)
        self.tag = tag
        self.prompt = prompt


class BodyContinued(BaseException):
    """Leaves a body at ``continue_with``; not an ``Exception``, so that user code can't eat it."""

    def __init__(self, state: object) -> None:
        super().__init__()
        self.state = state
