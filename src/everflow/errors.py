"""Every error that Everflow raises, in one tree.

Three rules hold here. Each error says who is to blame (``blame``), so that a caller can tell its own
mistake from the flow's, the store's or the configuration's. Each carries a stable ``code`` that
logs, exit codes and other languages can match on; a code never changes its meaning. Each message
is a sentence that names what happened, and ``hint`` is the sentence that says what to do next.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Blame = Literal["flow", "caller", "peer", "store", "configuration", "engine"]

__all__ = [
    "AlreadyDone",
    "AmbiguousAnswer",
    "AnswerRefused",
    "BodySuspended",
    "ConfigurationError",
    "DeadlineExpired",
    "EngineClosed",
    "EverflowError",
    "Fenced",
    "FlowError",
    "FlowTimeout",
    "ImportConflict",
    "ImportRefused",
    "JournalMismatch",
    "MissingDependency",
    "NameTaken",
    "NoMatch",
    "NoRetry",
    "NoSuchFlow",
    "NoSuchRun",
    "NotAFlow",
    "NotOnThisThread",
    "NotWaiting",
    "OpenRuns",
    "RetryAfter",
    "RunBlocked",
    "RunCancelled",
    "RunFailed",
    "StillRunning",
    "StoreDamaged",
    "StoreError",
    "StoreForeign",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StoreUnavailable",
    "SuspensionSwallowed",
    "TooManyQuestions",
    "UnhandledFailure",
    "UnnamedLeaf",
    "UnresolvedName",
    "ValueMismatch",
    "ValueRefused",
    "WaitForMisplaced",
    "WrongArgument",
]


class EverflowError(Exception):
    """The root. ``str()`` gives the message, where it happened, and the hint, on lines of their own.

    ``run``, ``flow`` and ``position`` name the place and are empty where there is none.
    """

    code: ClassVar[str] = "error"
    blame: ClassVar[Blame] = "engine"

    def __init__(
        self,
        message: str,
        *,
        run: str = "",
        flow: str = "",
        position: str = "",
        path: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.run = run
        self.flow = flow
        self.position = position
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        places = [
            f"{word} {value}"
            for word, value in (
                ("run", self.run),
                ("flow", self.flow),
                ("position", self.position),
            )
            if value
        ]
        inside = f" at {self.path} of the value" if self.path else ""
        where = f" ({', '.join(places)})" if places else ""
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{self.message}{inside}{where}{hint}"


# --- the flow's -----------------------------------------------------------------------------


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


class NoMatch(FlowError):
    """``choose`` has neither a case for the selector's value nor a default."""

    code = "no_match"


class FlowTimeout(FlowError):
    """A budget of ticks or time is used up."""

    code = "flow_timeout"


class DeadlineExpired(FlowError):
    """A question's deadline passed and it has no default."""

    code = "deadline_expired"


class UnhandledFailure(FlowError):
    """A ``fail`` value reached a node whose parameter isn't annotated to take it."""

    code = "unhandled_failure"


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
    """The journal holds something else than the flow asks for. The run parks until the code fits."""

    code = "journal_mismatch"


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


class BodySuspended(BaseException):
    """Leaves a sync node at ``wait_for``; not an ``Exception``, so that user code can't eat it."""

    def __init__(self, tag: str, prompt: object) -> None:
        super().__init__(tag)
        self.tag = tag
        self.prompt = prompt


# --- the caller's ---------------------------------------------------------------------------


class CallerError(EverflowError):
    """The call can't be carried out as it was made; nothing was changed."""

    code = "caller_error"
    blame = "caller"


class NoSuchFlow(CallerError, LookupError):
    """No flow of that name is registered here."""

    code = "no_such_flow"


class NoSuchRun(CallerError, LookupError):
    """The store has no run of that id."""

    code = "no_such_run"


class AlreadyDone(CallerError):
    """The run is finished, so it takes no answer and no cancel."""

    code = "already_done"


class RunCancelled(CallerError):
    """The run was cancelled."""

    code = "cancelled"


class RunFailed(CallerError):
    """The run failed; ``error`` is the reified error."""

    code = "failed"

    def __init__(self, message: str, *, error: object = None, run: str = "", flow: str = "") -> None:
        super().__init__(message, run=run, flow=flow)
        self.error = error


class RunBlocked(CallerError):
    """The run is blocked and says until what: the operator, the code or the store."""

    code = "blocked"


class StillRunning(CallerError, TimeoutError):
    """The time for waiting is over and the run isn't finished; the run itself goes on."""

    code = "still_running"


class NotWaiting(CallerError):
    """The run has no open question of that tag, and none that may still come."""

    code = "not_waiting"


class AmbiguousAnswer(CallerError):
    """Several questions match; the answer must name one by its token."""

    code = "ambiguous_answer"


class AnswerRefused(CallerError):
    """The answer doesn't fit the question's schema; the question stays open."""

    code = "answer_refused"


class OpenRuns(CallerError):
    """The deed isn't possible while the run is in that state."""

    code = "open_runs"


class EngineClosed(CallerError):
    """The engine isn't running: not started yet, closed, or stopped by a fault."""

    code = "engine_closed"


class NotOnThisThread(CallerError):
    """The sync face was called from inside a node or an event loop, where it would hang."""

    code = "not_on_this_thread"


class ImportRefused(CallerError, ValueError):
    """An export file is cut, edited, too large or of an unknown version; nothing was imported."""

    code = "import_refused"


class ImportConflict(CallerError):
    """The store already has other history of that run; ``--replace`` says otherwise."""

    code = "import_conflict"


# --- the configuration's --------------------------------------------------------------------


class ConfigurationError(EverflowError, ValueError):
    """A setting that can't work; found before anything is run."""

    code = "configuration_error"
    blame = "configuration"


class MissingDependency(ConfigurationError):
    """A node needs something that the engine wasn't given."""

    code = "missing_dependency"


# --- the store's ----------------------------------------------------------------------------


class StoreError(EverflowError):
    """The store can't do what it was asked."""

    code = "store_error"
    blame = "store"


class StoreUnavailable(StoreError):
    """For now the store can't be written or reached; runs pause and go on by themselves."""

    code = "store_unavailable"


class StoreFull(StoreUnavailable):
    """The disk is full."""

    code = "store_full"


class StoreReadOnly(StoreError):
    """The store can't be written by this user or on this file system."""

    code = "store_read_only"


class StoreDamaged(StoreError):
    """The store's bytes aren't what was written; nothing was changed."""

    code = "store_damaged"


class StoreForeign(StoreError):
    """The file isn't a store of Everflow's."""

    code = "store_foreign"


class StoreTooNew(StoreError):
    """The store was written by a newer release than this one."""

    code = "store_too_new"


class Fenced(StoreError):
    """This worker was taken for dead and its runs belong to another; nothing was written."""

    code = "fenced"
