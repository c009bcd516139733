"""The rules of acceptance, the same for every store: what becomes of a message to a run."""

from __future__ import annotations

from everflow.core.status import Status
from everflow.store.rows import QuestionRow, RunRow, Verdict

_ENDED = {
    Status.DONE: Verdict.DONE,
    Status.FAILED: Verdict.FAILED,
    Status.CANCELLED: Verdict.CANCELLED,
    Status.HANDED_OFF: Verdict.HANDED_OFF,
}


def judge_answer(run: RunRow | None, question: QuestionRow | None, key: str) -> Verdict:
    """What becomes of an answer to that question; ``accepted`` is the only verdict that writes."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if question is not None and question.state != "open":
        if question.state == "answered":
            return Verdict.REPEATED if question.key == key else Verdict.ANSWERED
        return Verdict.EXPIRED if question.state == "expired" else Verdict.CANCELLED
    if run.status in _ENDED:
        return _ENDED[run.status]
    if run.cancel:
        return Verdict.CANCELLED
    return Verdict.ACCEPTED if question is not None else Verdict.NOT_WAITING


def judge_early(run: RunRow | None) -> Verdict:
    """What becomes of an answer that comes before its question."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if run.status in _ENDED:
        return _ENDED[run.status]
    return Verdict.CANCELLED if run.cancel else Verdict.ACCEPTED


def judge_cancel(run: RunRow | None) -> Verdict:
    """What becomes of a cancel; a repeated one is no error."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if run.cancel or run.status is Status.CANCELLED:
        return Verdict.REPEATED
    return _ENDED.get(run.status, Verdict.ACCEPTED)
