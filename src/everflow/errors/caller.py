"""Errors of the caller: the call can't be carried out as it was made, and changed nothing."""

from __future__ import annotations

from everflow.errors.base import EverflowError

__all__ = [
    "ActivityRefused",
    "AlreadyDone",
    "AmbiguousAnswer",
    "AnswerRefused",
    "BadSchedule",
    "BadTrigger",
    "CallerError",
    "EngineClosed",
    "HandoffRefused",
    "ImportRefused",
    "InputRefused",
    "MoveRefused",
    "NoSuchActor",
    "NoSuchFlow",
    "NoSuchPeer",
    "NoSuchPoint",
    "NoSuchQueue",
    "NoSuchRun",
    "NoSuchSchedule",
    "NoSuchTrigger",
    "NotOnThisThread",
    "NotRetryable",
    "NotWaiting",
    "RunBlocked",
    "RunCancelled",
    "RunErased",
    "RunFailed",
    "RunHandedOff",
    "StillRunning",
    "TooManySignals",
]


class CallerError(EverflowError):
    """The call can't be carried out as it was made; nothing was changed."""

    code = "caller_error"
    blame = "caller"


class NoSuchFlow(CallerError, LookupError):
    """No flow of that name is registered here."""

    code = "no_such_flow"


class MoveRefused(CallerError):
    """The runs of a store can't be moved to that other one so."""

    code = "move_refused"


class NoSuchRun(CallerError, LookupError):
    """The store has no run of that id."""

    code = "no_such_run"


class NoSuchQueue(CallerError, LookupError):
    """The store has no queue of that name."""

    code = "no_such_queue"


class NoSuchActor(CallerError, LookupError):
    """No actor of that name is here, or WebFinger knows none of that handle."""

    code = "no_such_actor"


class HandoffRefused(CallerError):
    """A run can't be copied, given, leased or taken over so, as this instance stands with it."""

    code = "handoff_refused"


class NoSuchPeer(CallerError, LookupError):
    """No peer of that name, id or address is known here."""

    code = "no_such_peer"


class NoSuchPoint(CallerError, LookupError):
    """The run's journal has no entry of that number, or not any more."""

    code = "no_such_point"


class NotRetryable(CallerError):
    """The run isn't failed, somebody acted on its outcome, or it has nothing to go back to."""

    code = "not_retryable"


class NoSuchSchedule(CallerError, LookupError):
    """The store has no schedule of that name."""

    code = "no_such_schedule"


class BadSchedule(CallerError, ValueError):
    """A schedule that means no time, or a setting of one that there isn't; nothing was changed."""

    code = "bad_schedule"


class NoSuchTrigger(CallerError, LookupError):
    """The store has no trigger of that name."""

    code = "no_such_trigger"


class BadTrigger(CallerError, ValueError):
    """A trigger that can't mean anything, or whose name is taken; nothing was changed."""

    code = "bad_trigger"


class ActivityRefused(CallerError, ValueError):
    """What came isn't an activity, or not one that all read alike; nothing was appended."""

    code = "activity_refused"


class AlreadyDone(CallerError):
    """The run is finished, so it takes no answer and no cancel."""

    code = "already_done"


class RunCancelled(CallerError):
    """The run was cancelled."""

    code = "cancelled"


class RunErased(CallerError):
    """The run's data was erased: its skeleton stays, and nothing else can be read ever again."""

    code = "erased"


class RunFailed(CallerError):
    """The run failed; ``error`` is the reified error."""

    code = "failed"

    def __init__(
        self, message: str, *, error: object = None, run: str = "", flow: str = ""
    ) -> None:
        super().__init__(message, run=run, flow=flow)
        self.error = error


class RunHandedOff(CallerError):
    """Another instance has the run: here is a copy, which takes nothing; ``holder`` names it."""

    code = "handed_off"

    def __init__(
        self, message: str, *, holder: str = "", run: str = "", flow: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, run=run, flow=flow, hint=hint)
        self.holder = holder


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


class InputRefused(CallerError, TypeError):
    """What was given isn't plain data or doesn't fit the flow; ``path`` is the place inside it."""

    code = "input_refused"


class AnswerRefused(CallerError):
    """The answer doesn't fit the question's schema; the question stays open."""

    code = "answer_refused"


class EngineClosed(CallerError):
    """The engine isn't running: not started yet, closed, or stopped by a fault."""

    code = "engine_closed"


class NotOnThisThread(CallerError):
    """The sync face was called from inside a node or an event loop, where it would hang."""

    code = "not_on_this_thread"


class ImportRefused(CallerError, ValueError):
    """An export file is cut, edited, too large or of an unknown version; nothing was imported."""

    code = "import_refused"


class TooManySignals(CallerError):
    """More signals wait for a run than may."""

    code = "too_many_signals"
