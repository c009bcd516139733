"""``answer`` (also ``resume``), ``signal`` and ``cancel``: what people say to a run."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from everflow.cli.exits import of_reply, of_status
from everflow.cli.inputs import answer_value, user_name
from everflow.cli.options import BY, as_length, command, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.painting import paint_questions
from everflow.cli.places import connected, shown_command
from everflow.cli.selecting import act, chooses, filtered, selection
from everflow.cli.settings import Here
from everflow.engine.asking.bulk import cancel_all, resume_all
from everflow.engine.faces.connect import Connection
from everflow.engine.given.replies import Reply, split_token
from everflow.errors import CallerError
from everflow.store import QuestionQuery, QuestionRow, Status
from everflow.views import nobody_works, question_view, run_view, schema_of

__all__ = ["answer", "cancel", "resume", "signal"]

_WORDS = {
    Reply.ANSWERED: "answered",
    Reply.ALREADY_ANSWERED: "too late: somebody has answered it already",
    Reply.EXPIRED: "too late: its time has passed",
    Reply.CANCELLED: "too late: it was cancelled",
}


def _question(flows: Connection, place: str, tag: str | None) -> list[QuestionRow]:
    """The questions that a TOKEN, or a RUN with a tag, means."""
    if "." not in place:
        row = flows.client.row(place)
        return flows.store.questions(QuestionQuery(no=row.no, tag=tag, limit=2))
    run, named, occurrence = split_token(place)
    row = flows.client.row(run)
    return flows.store.questions(
        QuestionQuery(no=row.no, tag=named, occurrence=occurrence, open_only=False)
    )


def _tell_of_waiting(here: Here) -> None:
    words = shown_command(here, "worker", "FILE.py")
    notes().line(f"it is kept for the next worker, as none is running: {words}", "dim")


@command(
    "answer",
    """
    everflow answer 01k3v9…xw3.approval.1 '{"approved": true}'
    everflow answer 01k3v9…xw3 yes
    everflow answer 01k3v9…xw3 @decision.json --tag approval --by Ines
    """,
    imports=False,
)
@click.argument("question", metavar="TOKEN|RUN")
@click.argument("value", required=False)
@click.option("--tag", metavar="TAG", help="Which question of a RUN that asks several, or of many.")
@click.option("--key", metavar="TEXT", help="The same key again is the same answer.")
@filtered(without=("--tag",))
@BY
def answer(
    here: Here,
    *,
    question: str,
    value: str | None,
    tag: str | None,
    key: str | None,
    by: str | None,
    **filters: Any,
) -> None:
    """Answer the open question of that TOKEN, or the one open question of a RUN.

    With filters, VALUE alone is given, and all that match and ask get it.

    VALUE is JSON; a text that isn't is taken as a string, and yes and no where the question takes
    true or false. It must fit what the question asks for (everflow show RUN tells). A question
    takes one answer: a second one changes nothing and is told so, with exit code 6.
    """
    who = user_name() if by is None else by
    if chooses(filters):
        if value is not None:
            raise CallerError("answer takes either a question or filters, and one value")
        _answer_many(here, question, {**filters, "tag": tag}, who)
        return
    with connected(here) as flows:
        found = _question(flows, question, tag)
        one = found[0] if len(found) == 1 else None
        schema = schema_of(flows.store, one) if one else None
        given = answer_value(value, schema)
        if "." in question:
            reply = flows.answer(question, given, key=key, by=who)
        else:
            reply = flows.resume(question, given, tag=tag, key=key, by=who)
        waits = reply is Reply.ANSWERED and nobody_works(flows.store)
    if here.json:
        emit({"question": question, "reply": str(reply)})
    else:
        screen().line(_WORDS[reply], "" if reply is Reply.ANSWERED else "yellow")
    if waits and not here.json:
        _tell_of_waiting(here)
    leave(of_reply(reply))


def _answer_many(here: Here, value: str, given: dict[str, Any], who: str) -> None:
    with connected(here) as flows:
        query, client = selection(given), flows.client
        read = answer_value(value, None)
        act(here, given, partial(resume_all, client, query, read, by=who), "answered")


resume = answer.under("resume")


@command(
    "signal",
    """
    everflow signal 01k3v9…xw3 parcel '{"at": "the door"}'
    everflow signal 01k3v9…xw3 parcel --key 4711
    """,
    imports=False,
)
@click.argument("run")
@click.argument("name")
@click.argument("value", required=False)
@click.option("--key", metavar="TEXT", help="The same key again is the same signal.")
@BY
def signal(
    here: Here, *, run: str, name: str, value: str | None, key: str | None, by: str | None
) -> None:
    """Send a RUN a message by NAME. It is kept until the run comes to take it.

    VALUE is JSON; a text that isn't is taken as a string. A run that is finished is told so, with
    exit code 6.
    """
    with connected(here) as flows:
        given = None if value is None else answer_value(value, None)
        flows.signal(run, name, given, key=key, by=user_name() if by is None else by)
        waits = nobody_works(flows.store)
    if here.json:
        emit({"run": run, "signal": name})
        return
    screen().line("accepted")
    if waits:
        _tell_of_waiting(here)


@command(
    "cancel",
    """
    everflow cancel 01k3v9…xw3
    everflow cancel 01k3v9…xw3 --by Ines --wait 30
    everflow cancel --flow publish --before 30d --dry-run
    """,
    imports=False,
)
@click.argument("run", metavar="[RUN]", required=False)
@click.option(
    "--wait",
    "length",
    callback=as_length,
    metavar="LENGTH",
    help="Wait so long until it is cancelled; the exit code then says how it stands.",
)
@filtered()
@BY
def cancel(
    here: Here, *, run: str | None, length: float | None, by: str | None, **filters: Any
) -> None:
    """End a RUN. Once this returns, no other outcome is possible.

    What is being executed is stopped by the run's worker, and what its sagas did is undone. A
    repeated cancel is no error; a run that is finished is told so, with exit code 6. With filters
    instead of a RUN, all open runs that match.
    """
    if (run is None) is not chooses(filters):
        raise CallerError("cancel takes either a RUN or filters", hint="name one, or --flow NAME")
    who = user_name() if by is None else by
    with connected(here) as flows:
        if run is None:
            query = selection(filters)
            act(here, filters, partial(cancel_all, flows.client, query, by=who), "cancelled")
            return
        flows.cancel(run, by=who)
        if length is not None:
            flows.run(run).wait(length)
        row = flows.run(run).row()
        waits = row.ended is None and nobody_works(flows.store)
        asks = flows.questions(run) if row.status is Status.CANCELLING else []
        views = [question_view(flows.store, question) for question in asks]
    if here.json:
        emit({**run_view(row), "questions": views})
    else:
        screen().line("cancelled" if row.ended else "accepted: the run's worker ends it")
        paint_questions(screen(), views, here)
        if waits:
            _tell_of_waiting(here)
    if length is not None:
        leave(of_status(row.status))
