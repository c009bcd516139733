"""Every error that Everflow raises, in one tree.

Three rules hold here. Each error says who is to blame (``blame``), so that a caller can tell its
own mistake from the flow's, the store's or the configuration's. Each carries a stable ``code``
that logs, exit codes and other languages can match on; a code never changes its meaning. Each
message is a sentence that names what happened, and ``hint`` is the sentence that says what to do
next.
"""

from __future__ import annotations

from everflow.errors.base import EverflowError
from everflow.errors.caller import (
    AlreadyDone,
    AmbiguousAnswer,
    AnswerRefused,
    BadSchedule,
    CallerError,
    EngineClosed,
    ImportRefused,
    NoSuchFlow,
    NoSuchPoint,
    NoSuchQueue,
    NoSuchRun,
    NoSuchSchedule,
    NotOnThisThread,
    NotRetryable,
    NotWaiting,
    RunBlocked,
    RunCancelled,
    RunErased,
    RunFailed,
    StillRunning,
)
from everflow.errors.configuration import (
    ConfigurationError,
    MissingDependency,
)
from everflow.errors.flow import (
    BodySuspended,
    DeadlineExpired,
    FlowError,
    FlowTimeout,
    JournalMismatch,
    NameTaken,
    NoMatch,
    NoRetry,
    NotAFlow,
    ProcessDied,
    RetryAfter,
    SuspensionSwallowed,
    TooManyQuestions,
    UnhandledFailure,
    UnknownFrame,
    UnnamedLeaf,
    UnresolvedName,
    ValueMismatch,
    ValueRefused,
    WaitForMisplaced,
    WrongArgument,
)
from everflow.errors.store import (
    Fenced,
    KeyMissing,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)

__all__ = [
    "AlreadyDone",
    "AmbiguousAnswer",
    "AnswerRefused",
    "BadSchedule",
    "BodySuspended",
    "CallerError",
    "ConfigurationError",
    "DeadlineExpired",
    "EngineClosed",
    "EverflowError",
    "Fenced",
    "FlowError",
    "FlowTimeout",
    "ImportRefused",
    "JournalMismatch",
    "KeyMissing",
    "MissingDependency",
    "NameTaken",
    "NoMatch",
    "NoRetry",
    "NoSuchFlow",
    "NoSuchPoint",
    "NoSuchQueue",
    "NoSuchRun",
    "NoSuchSchedule",
    "NotAFlow",
    "NotOnThisThread",
    "NotRetryable",
    "NotWaiting",
    "ProcessDied",
    "RetryAfter",
    "RunBlocked",
    "RunCancelled",
    "RunErased",
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
    "UnknownFrame",
    "UnnamedLeaf",
    "UnresolvedName",
    "ValueMismatch",
    "ValueRefused",
    "WaitForMisplaced",
    "WrongArgument",
]

# Errors are recorded by their canonical names (``everflow.errors:FlowTimeout``): the file that a
# class stands in must not become part of a journal.
for _name in __all__:
    globals()[_name].__module__ = __name__
