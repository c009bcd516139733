"""Rows of the store as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from everflow.core.combine.saga import UNDO_ANSWERS
from everflow.core.entries import Entry, Kind
from everflow.core.faults import ErrorData, decode_error
from everflow.core.journal import BASES, read_outcome
from everflow.core.marks import SEALED, is_marked
from everflow.core.ops import attempt_of, position_of
from everflow.core.state import Done, Failed
from everflow.core.values import parse, untagged
from everflow.engine.asking.runs import payload_of, prompt_text
from everflow.engine.records.erasures import erasure_of
from everflow.engine.schedules.book import ScheduleRow
from everflow.errors import EverflowError
from everflow.store import QuestionRow, RunQuery, RunRow, Store
from everflow.views.times import instant

__all__ = [
    "View",
    "children_view",
    "entry_view",
    "error_view",
    "outcome_view",
    "plain_value",
    "question_view",
    "run_view",
    "schedule_view",
    "schema_of",
    "token_of",
    "trouble_view",
    "why",
]

View = dict[str, Any]


def _time(micros: int | None) -> str | None:
    return None if micros is None else instant(micros)


def plain_value(payload: str) -> Any:
    """A payload as plain JSON data; the text itself where it isn't one."""
    try:
        return untagged(parse(payload))
    except (ValueError, EverflowError, RecursionError):
        return payload


def why(row: RunRow) -> str:
    """Why a run stands still."""
    return "(sealed)" if is_marked(SEALED, row.reason) else row.reason


def run_view(row: RunRow) -> View:
    """A run as a list shows it."""
    return {
        "id": row.id,
        "flow": row.flow,
        "status": str(row.status),
        "until": row.until,
        "reason": why(row),
        "queue": row.queue,
        "lane": row.lane,
        "priority": row.priority,
        "admitted": _time(row.admitted),
        "key": row.key,
        "parent": row.parent,
        "labels": row.labels,
        "origin": row.origin,
        "leased": row.leased,
        "cancelling": row.cancel,
        "created": instant(row.created),
        "updated": instant(row.updated),
        "ended": _time(row.ended),
        "due": _time(row.due),
        "definition": row.definition,
    }


def children_view(store: Store, row: RunRow) -> dict[str, int]:
    """How many runs a run called, by their status."""
    return {str(status): count for status, count in store.count(RunQuery(parent=row.id)).items()}


def outcome_view(store: Store, row: RunRow) -> View:
    """How a run ended: its result, or its error, or neither while it goes on.

    ``erased`` says when its data was erased; that and a key that isn't here leave nothing to show.
    """
    if is_marked(SEALED, row.outcome or ""):
        erasure = erasure_of(store, row.id)
        return {"result": None, "error": None, "erased": erasure and instant(erasure.at)}
    outcome = read_outcome(row.outcome) if row.outcome else None
    if isinstance(outcome, Done):
        return {"result": plain_value(payload_of(store, row.no, outcome.value)), "error": None}
    if isinstance(outcome, Failed):
        return {"result": None, "error": error_view(outcome.error)}
    return {"result": None, "error": None}


def error_view(error: ErrorData) -> View:
    """A recorded error."""
    return {
        "type": error.type,
        "message": error.message,
        "code": error.code,
        "position": error.position,
        "trace": error.trace,
    }


def token_of(question: QuestionRow) -> str:
    """What an answer is addressed to."""
    return f"{question.run}.{question.tag}.{question.occurrence}"


def schema_at(store: Store, definition: str, position: str) -> Any:
    """The JSON Schema of the answers at a position of a definition; None for any answer."""
    body = store.definition(definition)
    rows = msgspec.json.decode(body)["rows"] if body else []
    place = next((row for row in rows if row[0] == position), None)
    if place is not None and place[1] == "saga":
        return UNDO_ANSWERS
    return None if place is None else place[3].get("schema")


def schema_of(store: Store, question: QuestionRow) -> Any:
    """The JSON Schema of a question's answers; None for any answer."""
    if question.schema:
        return msgspec.json.decode(question.schema)
    return schema_at(store, question.definition, question.position)


def question_view(store: Store, question: QuestionRow) -> View:
    """A question with its prompt and what an answer must fit."""
    return {
        "token": token_of(question),
        "run": question.run,
        "flow": question.flow,
        "tag": question.tag,
        "occurrence": question.occurrence,
        "position": question.position,
        "state": question.state,
        "asked": instant(question.at),
        "due": _time(question.due),
        "prompt": plain_value(prompt_text(store, question)),
        "schema": schema_of(store, question),
    }


def entry_view(entry: Entry) -> View:
    """An entry of a journal. ``value`` is null where the payload is the engine's own: a state."""
    tagged = entry.kind in {Kind.EARLY, Kind.SIGNAL}
    failed = entry.kind == Kind.ERROR or (entry.kind == Kind.CHILD and entry.note == "error")
    return {
        "seq": entry.seq,
        "at": instant(entry.at),
        "kind": str(entry.kind),
        "op": "" if tagged else entry.op,
        "position": "" if tagged else position_of(entry.op),
        "attempt": attempt_of(entry.op) if entry.op and not tagged else 1,
        "tag": entry.op if tagged else entry.note if entry.kind == Kind.WANTED else "",
        "node": entry.node,
        "note": entry.note,
        "value": None if failed or entry.kind in BASES else plain_value(entry.payload),
        "error": _error_of(entry) if failed else None,
    }


def _error_of(entry: Entry) -> View:
    try:
        return error_view(decode_error(entry.payload))
    except ValueError:
        return {"type": "", "message": entry.payload, "code": "", "position": "", "trace": ""}


def schedule_view(row: ScheduleRow) -> View:
    """A schedule, as it is declared and as it stands."""
    plan, standing = row.plan, row.standing
    following = None if standing.paused else standing.next
    return {
        "name": row.name,
        "flow": plan.flow,
        "input": plain_value(plan.value),
        "cron": plan.cron,
        "every": plan.every / 1_000_000,
        "zone": plan.zone,
        "catch_up": str(plan.rules.catch_up),
        "overlap": str(plan.rules.overlap),
        "limit": plan.rules.limit,
        "labels": plan.labels,
        "queue": plan.queue,
        "lane": plan.lane,
        "declared": row.declared,
        "paused": standing.paused,
        "reason": standing.reason,
        "next": _time(following),
        "last": _time(standing.last),
        "run": standing.run,
        "started": standing.started,
        "passed": standing.passed,
        "waiting": [instant(at) for at in (*standing.waiting, *standing.backlog)],
        "missed": [instant(at) for at in standing.missed or ()],
    }


def trouble_view(error: EverflowError) -> View:
    """An error that ended a command."""
    return {
        "error": {
            "code": error.code,
            "blame": error.blame,
            "message": error.message,
            "run": error.run,
            "flow": error.flow,
            "position": error.position,
            "path": error.path,
            "hint": error.hint,
        }
    }
