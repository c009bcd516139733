"""Durable workflows as plain data: flows that survive crashes, deploys and restarts."""

from everflow.config import Config
from everflow.core.algebra import (
    ask,
    call,
    const,
    expose,
    fail,
    flow,
    receive,
    suspend,
    upcast,
    value,
)
from everflow.core.combine.cached import cached
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import (
    Backoff,
    exponential,
    fixed,
    retry,
    timeout,
    try_catch,
)
from everflow.core.combine.dag import after, dag
from everflow.core.combine.each import each
from everflow.core.combine.failure import failed, reason_of
from everflow.core.combine.fallback import fallback
from everflow.core.combine.joins import at_least, tolerate
from everflow.core.combine.parallel import gather, parallel
from everflow.core.combine.racing import race
from everflow.core.combine.remote import remote_failover, remote_node
from everflow.core.combine.saga import saga
from everflow.core.combine.sections import critical
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.combine.waiting import sleep, sleep_until
from everflow.core.direct import continue_with, now, perform, random, step, uuid
from everflow.core.expressions import it
from everflow.core.faults import Caught, ErrorData, Failure, Question, Scheduled, Settled
from everflow.core.flow import Flow
from everflow.core.node import Node, bind, node
from everflow.core.registry import Registry
from everflow.core.signature import need
from everflow.core.writes import AsyncTransaction, Transaction, Writes
from everflow.engine.asking.runs import Run
from everflow.engine.calling.noderun import NodeRun, tick, wait_for
from everflow.engine.faces.aio import AsyncEngine, AsyncRun
from everflow.engine.faces.connect import Connection, connect
from everflow.engine.faces.engine import Engine
from everflow.engine.faces.router import AsyncRouter, Router
from everflow.engine.given.replies import Reply
from everflow.engine.schedules.spec import Schedule, schedule
from everflow.errors import EverflowError, NoRetry, RetryAfter, StepFailed
from everflow.release import VERSION
from everflow.store import QuestionQuery, RunQuery, Status

__version__ = VERSION

__all__ = [
    "AsyncEngine",
    "AsyncRouter",
    "AsyncRun",
    "AsyncTransaction",
    "Backoff",
    "Caught",
    "Config",
    "Connection",
    "Engine",
    "ErrorData",
    "EverflowError",
    "Failure",
    "Flow",
    "NoRetry",
    "Node",
    "NodeRun",
    "Question",
    "QuestionQuery",
    "Registry",
    "Reply",
    "RetryAfter",
    "Router",
    "Run",
    "RunQuery",
    "Schedule",
    "Scheduled",
    "Settled",
    "Status",
    "StepFailed",
    "Transaction",
    "Writes",
    "after",
    "ask",
    "at_least",
    "bind",
    "branch",
    "cached",
    "call",
    "choose",
    "connect",
    "const",
    "continue_with",
    "critical",
    "dag",
    "each",
    "exponential",
    "expose",
    "fail",
    "failed",
    "fallback",
    "fixed",
    "flow",
    "gather",
    "identity",
    "it",
    "keep",
    "loop",
    "need",
    "node",
    "now",
    "parallel",
    "perform",
    "race",
    "random",
    "reason_of",
    "receive",
    "remote_failover",
    "remote_node",
    "retry",
    "saga",
    "schedule",
    "sequence",
    "sleep",
    "sleep_until",
    "step",
    "suspend",
    "tick",
    "timeout",
    "tolerate",
    "try_catch",
    "unless_failed",
    "upcast",
    "uuid",
    "value",
    "wait_for",
]
