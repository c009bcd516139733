"""The harness: a flow in a plain sync test, with nothing real but the flow."""

from datetime import timedelta
from itertools import pairwise

import pytest

from everflow import (
    Failure,
    NoRetry,
    Question,
    Registry,
    Reply,
    Status,
    ask,
    branch,
    call,
    const,
    exponential,
    flow,
    it,
    need,
    node,
    parallel,
    retry,
    sequence,
    sleep,
)
from everflow.errors import MissingDependency, RunFailed, StillRunning, WrongArgument
from everflow.testing import harness

KIT = Registry()  # so that no engine of another test is asked for what these nodes need


class Mailer:
    """Keeps what it is told to send."""

    def __init__(self) -> None:
        self.sent: list[str] = []


@node
def draft(topic: str) -> str:
    return f"about {topic}"


@node
async def invite(question: Question[str], *, mailer: Mailer = need(Mailer)) -> None:
    mailer.sent.append(question.token)


@node
def publish(pair: tuple[str, bool]) -> str:
    return f"online: {pair[0]}"


@node
def shelve(pair: tuple[str, bool]) -> str:
    return f"shelved: {pair[0]}"


post = flow(
    "harness-post",
    draft
    >> ask("approval", bool, notify=invite, within=timedelta(days=2), default=False)
    >> branch(it[1], publish, shelve),
    registry=KIT,
)


def test_a_deadline_passes_by_a_jump() -> None:
    """B053, B141: three days in no time."""
    with harness(post, registry=KIT, provide={Mailer: Mailer}) as h:
        run = h.start("swifts")
        assert run.status is Status.SUSPENDED
        h.jump(days=3)
        assert run.result() == "shelved: about swifts"


def test_dependencies_are_the_tests_own() -> None:
    """What is given as an instance is used as it is."""
    mailer = Mailer()
    with harness(post, registry=KIT, provide={Mailer: mailer}) as h:
        run = h.start("tides")
        assert mailer.sent == [f"{run.id}.approval.1"]
        assert h.answer(mailer.sent[0], value=True) is Reply.ANSWERED
        assert h.answer(mailer.sent[0], value=False) is Reply.ALREADY_ANSWERED
        assert run.result() == "online: about tides"


def test_a_missing_dependency_is_told_before_anything_runs() -> None:
    """The error names the node and the type."""
    with pytest.raises(MissingDependency, match="Mailer"), harness(post, registry=KIT):
        pass


def test_a_crash_loses_nothing() -> None:
    """B080: another worker goes on, and what was recorded isn't run again."""
    mailer = Mailer()
    with harness(post, registry=KIT, provide={Mailer: mailer}) as h:
        run = h.start("swifts")
        h.crash()
        h.answer(run, value=True)
        assert run.result() == "online: about swifts"
    assert len(mailer.sent) == 1


def test_a_restart_loses_nothing() -> None:
    """B080: what an engine closed in good order left goes on with the next one."""
    mailer = Mailer()
    with harness(post, registry=KIT, provide={Mailer: mailer}) as h:
        run = h.start("swifts")
        h.jump(days=1)
        h.restart()
        h.jump(hours=23)
        assert run.status is Status.SUSPENDED
        h.jump(hours=1)
        assert run.result() == "shelved: about swifts"
    assert len(mailer.sent) == 1


def test_nodes_are_replaced_by_node_or_name() -> None:
    """A stand-in takes the value alone and needs no name."""
    with harness(
        post, registry=KIT, provide={Mailer: Mailer}, replace={draft: lambda _: "a stand-in"}
    ) as h:
        run = h.start("swifts")
        h.answer(run, value=True)
        assert run.result() == "online: a stand-in"
    with (
        pytest.raises(WrongArgument, match="no node"),
        harness(post, registry=KIT, replace={"other:fn": len}),
    ):
        pass


def test_chains_of_timers_happen_at_their_times() -> None:
    """B025: each backoff and sleep on the way is kept, one after the other."""
    tries: list[int] = []

    def fails_twice(value: int) -> int:
        tries.append(h.clock.wall())
        if len(tries) < 3:
            raise LookupError("not yet")
        return value

    flaky = flow(
        "harness-flaky",
        sequence(retry(3, draft, backoff=exponential(1800, jitter=0.0)), sleep(60)),
    )
    with harness(flaky, replace={draft: fails_twice}) as h:
        run = h.start(7)
        h.jump(hours=4)
        assert run.result() == 7
    assert [b - a for a, b in pairwise(tries)] == [
        1800 * 1_000_000,
        3600 * 1_000_000,
    ]


def test_the_journal_is_readable() -> None:
    """Steps say what was learnt, where, and which value."""
    with harness(flow("harness-two", parallel(draft, draft))) as h:
        run = h.start("x")
        steps = h.journal(run)
    assert [step.kind for step in steps] == ["start", "result", "result"]
    assert {step.position for step in steps} == {"", "./0", "./1"}
    assert steps[1].value == "about x"


def test_outcomes_are_told_as_by_an_engine() -> None:
    """A failure raises, a run that waits says so."""

    def breaks(_: str) -> Failure:
        raise NoRetry(LookupError("gone"))

    with harness(post, registry=KIT, provide={Mailer: Mailer}, replace={draft: breaks}) as h:
        run = h.start("x")
        with pytest.raises(RunFailed, match="LookupError: gone"):
            run.result()
    with harness(post, registry=KIT, provide={Mailer: Mailer}) as h:
        run = h.start("x")
        with pytest.raises(StillRunning):
            run.result()
        h.cancel(run)
        assert run.status is Status.CANCELLED
        assert "cancelled" in repr(run)


def test_a_question_shows_its_prompt() -> None:
    """What a person would see."""
    with harness(post, registry=KIT, provide={Mailer: Mailer}) as h:
        run = h.start("swifts")
        (question,) = h.questions(run)
        assert h.prompt(question) == "about swifts"


def test_nodes_of_called_flows_are_replaced_too() -> None:
    """What a call leads to is part of what is tested; a flow that calls itself is met once."""
    kit = Registry()
    flow("low", draft, registry=kit)
    top = flow("top", call("low"), registry=kit)
    again = flow("again", branch(it == 3, it, const(3) >> call("again")), registry=kit)
    with harness(top, registry=kit, replace={draft: lambda _: "replaced"}) as h:
        assert h.start("x").result() == "replaced"
    with harness(again, registry=kit) as h:
        assert h.start(1).result() == 3
