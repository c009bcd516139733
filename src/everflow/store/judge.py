"""The rules of acceptance, the same for every store: what becomes of a message to a run.

An answer by tag alone has one meaning, decided here and nowhere else: it is taken only while
exactly one question of its tag is open, and then it is an answer to that one. While none is, it is
kept for the next question of the tag, and one at most is kept. Its key counts for the tag, not for
one question: sent again it is a repetition, however often the tag was asked since.

A run whose cancel was accepted takes no answer any more. But once its owner has applied the cancel
(it is ``cancelling`` then), what is asked is asked by what undoes, and that is answered.
"""

from __future__ import annotations

from collections.abc import Sequence

from everflow.core.status import Status
from everflow.store.messages import SIGNALS, Answer, Early, Pause, Unpause
from everflow.store.rows import QuestionRow, RunRow, Verdict, answer_of

_ENDED = {
    Status.DONE: Verdict.DONE,
    Status.FAILED: Verdict.FAILED,
    Status.CANCELLED: Verdict.CANCELLED,
    Status.HANDED_OFF: Verdict.HANDED_OFF,
}
_CLOSED = {
    "answered": Verdict.ANSWERED,
    "expired": Verdict.EXPIRED,
    "cancelled": Verdict.CANCELLED,
    "kept": Verdict.NOT_WAITING,
}


def judge_answer(run: RunRow | None, question: QuestionRow | None, key: str) -> Verdict:
    """What becomes of an answer to that question; ``accepted`` is the only verdict that writes."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if question is not None and question.state != "open":
        if question.state == "answered" and question.key == key:
            return Verdict.REPEATED
        return _CLOSED[question.state]
    if run.status in _ENDED:
        return _ENDED[run.status]
    if run.cancel and (question is None or run.status is not Status.CANCELLING):
        return Verdict.CANCELLED
    return Verdict.ACCEPTED if question is not None else Verdict.NOT_WAITING


def judge_early(
    run: RunRow | None, questions: Sequence[QuestionRow], early: Early
) -> tuple[Verdict, Answer | None]:
    """What becomes of an answer by tag alone; an accepted one is kept or is the answer given.

    ``questions`` are those of its run and tag, at least: the open ones, the one that it has seen,
    the one with its key, and the kept one.
    """
    if run is None:
        return Verdict.NO_SUCH_RUN, None
    if any(question.key == early.key for question in questions):
        return Verdict.REPEATED, None
    waiting = [question.occurrence for question in questions if question.state == "open"]
    if early.seen is not None:
        seen = next((q for q in questions if q.occurrence == early.seen), None)
        verdict = judge_answer(run, seen, early.key)
    elif run.status in _ENDED:
        verdict = _ENDED[run.status]
    else:
        undoes = run.status is Status.CANCELLING and bool(waiting)
        verdict = Verdict.CANCELLED if run.cancel and not undoes else Verdict.ACCEPTED
    if verdict is not Verdict.ACCEPTED:
        return verdict, None
    if len(waiting) > 1:
        return Verdict.AMBIGUOUS, None
    if waiting:
        return Verdict.ACCEPTED, answer_of(early, waiting[0])
    is_kept = any(question.state == "kept" for question in questions)
    return Verdict.ANSWERED if is_kept else Verdict.ACCEPTED, None


def judge_cancel(run: RunRow | None) -> Verdict:
    """What becomes of a cancel; a repeated one is no error."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if run.cancel or run.status is Status.CANCELLED:
        return Verdict.REPEATED
    return _ENDED.get(run.status, Verdict.ACCEPTED)


def judge_pause(run: RunRow | None) -> Verdict:
    """What becomes of a pause; a repeated one is no error."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if run.status is Status.PAUSED:
        return Verdict.REPEATED
    return Verdict.CANCELLED if run.cancel else _ENDED.get(run.status, Verdict.ACCEPTED)


def judge_unpause(run: RunRow | None) -> Verdict:
    """What becomes of the end of a pause; a run that waits for an operator isn't paused."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if run.status is Status.BLOCKED and run.until == "operator":
        return Verdict.NOT_WAITING
    return Verdict.CANCELLED if run.cancel else _ENDED.get(run.status, Verdict.ACCEPTED)


def pause_of(by: str) -> str:
    """The reason of a run that somebody paused."""
    return f"paused by {by}" if by else "paused"


def set_aside(run: RunRow, message: Pause | Unpause) -> bool:
    """Obey an accepted message about the pause of a run that waits in a queue, if it is that.

    Nobody has such a run, so that its row is changed at once and nothing comes into its inbox: it
    isn't admitted while it is paused, and waits again when the pause is over.
    """
    if not run.queue or run.admitted is not None:
        return False
    if run.status is Status.QUEUED and isinstance(message, Pause):
        run.status, run.reason = Status.PAUSED, pause_of(message.by)
    elif run.status is Status.PAUSED:
        run.status, run.until, run.reason = Status.QUEUED, "", ""
    return run.status in {Status.QUEUED, Status.PAUSED}


def judge_signal(run: RunRow | None, *, heard: bool, waiting: int) -> Verdict:
    """What becomes of a signal; ``heard``: its key is remembered; ``waiting``: those unapplied."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if heard:
        return Verdict.REPEATED
    if run.status in _ENDED:
        return _ENDED[run.status]
    if run.cancel:
        return Verdict.CANCELLED
    return Verdict.FULL if waiting >= SIGNALS else Verdict.ACCEPTED


def judge_settled(_run: RunRow | None) -> Verdict:
    """What a node gave is put into the inbox with its writes, and comes by no other way."""
    return Verdict.NOT_WAITING


def judge_upgrade(run: RunRow | None) -> Verdict:
    """What becomes of an upgrade; a later one stands beside an earlier one, and is applied last."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    if run.cancel:
        return Verdict.CANCELLED
    return _ENDED.get(run.status, Verdict.ACCEPTED)


def judge_child(run: RunRow | None) -> Verdict:
    """What becomes of the news that a child ended; one that is being cancelled waits for it too."""
    if run is None:
        return Verdict.NO_SUCH_RUN
    return _ENDED.get(run.status, Verdict.ACCEPTED)
