"""Bodies in direct style as they are drawn: what they awaited, and what goes on."""

import re
from itertools import pairwise
from typing import Any

from everflow.core.algebra import ask, suspend
from everflow.core.combine.body import body_of
from everflow.core.combine.control import retry
from everflow.core.combine.each import each
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import sequence
from everflow.core.combine.waiting import sleep
from everflow.core.direct import step, uuid
from everflow.core.drawing import dot, mermaid, outline
from everflow.core.drawing.standing import stand
from everflow.core.entries import Kind
from everflow.core.expressions import it
from everflow.core.faults import encode_error
from everflow.core.flow import Flow
from everflow.core.mounting import mount, note_of
from everflow.core.node import node
from everflow.core.ops import input_of
from everflow.core.program import Program
from everflow.core.titles import LONGEST, title_of
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, inc, second, talk, third

HERE = "tests.core.sample_flows"
CHAT = sequence(body_of(talk), third)


def drawn(run: Driver, **more: Any) -> list[str]:
    """The outline without its headline."""
    text = outline(run.machine.program, run.machine.state, **more)
    return text.replace(f"{HERE}:", ":").splitlines()[1:]


def talking(flow: Flow[Any, Any] = CHAT, value: object = 1) -> Driver:
    return Driver(flow).start(value)


def test_of_a_flow_it_is_said_that_its_awaits_show_as_it_runs() -> None:
    """They hang on values, and code isn't looked into."""
    flow = Program(body_of(talk), "chatter")
    assert outline(flow).splitlines() == [
        f"chatter: {HERE}:talk · in direct style",
        "└─ … what it awaits shows as it runs",
    ]
    assert '"talk<br/>in direct style"' in mermaid(flow)


def test_the_latest_awaits_are_drawn_and_those_before_counted() -> None:
    """By the names of steps and the tags of questions; what failed is marked."""
    run = talking()
    for value in range(9):
        run.awaits("talk", step(first, value)).result("first", value)
    run.continued("talk", 1).awaits("talk", uuid())
    run.awaits("talk", step(retry(1, second), 2)).error("second")
    run.awaits("talk", step(node(inc), 2)).result("inc", 3)
    run.awaits("talk", ask("ok", bool)).answer("ok", value=True)
    run.awaits("talk", sequence()).awaits("talk", sequence(sleep(60), first)).fire()
    run.result("first", 1)
    run.awaits("talk", parallel(step(first, 1), step(ask("more", bool, show=inc), 5)))
    assert drawn(run) == [
        "▷ sequence",
        "▷ ├─ 0: :talk · in direct style  ← at await 17",
        "  │  ├─ … 10 earlier",
        "✓ │  ├─ 11: uuid",
        "✗ │  ├─ 12: retry (second)  ← failed",
        "✓ │  ├─ 13: :inc",
        "✓ │  ├─ 14: ask 'ok'",
        "✓ │  ├─ 15: identity",
        "✓ │  ├─ 16: sequence (sleep, first)",
        "▷ │  └─ 17: parallel",
        "▶ │     ├─ 0: :first  ← running",
        "▷ │     └─ 1: ask 'more'",
        "▶ │        └─ show: :inc  ← running",
        "  └─ 1: :third",
    ]


def test_all_awaits_are_drawn_if_asked_for() -> None:
    """Those that the log holds."""
    run = talking(body_of(talk))
    assert drawn(run) == ["▶ :talk · in direct style  ← running, at its start"]
    for value in range(9):
        run.awaits("talk", step(first, value)).result("first", value)
    lines = drawn(run, elide=None)
    assert lines[0] == "▶ :talk · in direct style  ← running, after await 9"
    assert lines[1:] == [*(f"✓ ├─ {n}: :first" for n in range(1, 9)), "✓ └─ 9: :first"]


def test_pictures_show_awaits_one_after_the_other() -> None:
    """In a frame around them, each with its mark."""
    run = talking()
    for value in range(7):
        run.awaits("talk", step(first, value)).result("first", value)
    run.awaits("talk", retry(2, step(suspend("go"), 1)))
    picture = mermaid(run.machine.program, run.machine.state)
    boxes = re.findall(r'n(\d+)\W+"(1 earlier|\d<br/>.*?first<br/>done|.*go.*)"', picture)
    numbers = [number for number, _ in boxes]
    assert len(numbers) == 8
    for tail, head in pairwise(numbers):
        assert f"n{tail} --> n{head}" in picture
    assert "in direct style\\nat await 8" in dot(run.machine.program, run.machine.state)


def test_of_several_in_one_body_what_goes_on_is_drawn() -> None:
    """Each of its places once, however many stand there."""
    run = talking(each(body_of(talk)), [1, 2, 3]).perform("./@items")
    for item in range(2):
        run.awaits(f".~{item}/body~1/@advance", step(first, 1))
    run.awaits(".~2/body~1/@advance", ask("ok", bool))
    assert drawn(run) == [
        "▷ each · 100 at once  ← 0 of 3 items",
        "▷ └─ body: :talk · in direct style  ← at await 1",
        "▶    ├─ awaits: :first  ← running, 2 running",
        "?    └─ awaits: ask 'ok'  ← asked",
    ]


def test_what_a_gone_body_awaited_is_drawn_while_it_is_undone() -> None:
    """For no one else shows what goes on."""
    run = talking().awaits("talk", step(body_of(talk), 1))
    run.awaits("talk", saga((step(first, 1), third), suspend("x"))).result("first", 1).cancel()
    assert drawn(run)[1:4] == [
        "▷ ├─ 0: :talk · in direct style",
        "▷ │  └─ awaits: :talk · in direct style",
        "▷ │     └─ awaits: saga  ← undoing, 1 left",
    ]


def test_where_an_await_failed_the_body_is_marked() -> None:
    """What it awaited is gone, and so is its position."""
    run = talking().awaits("talk", sequence(sleep(60), first)).fire().error("first")
    frame: Any = run.machine.state.frames["./0"]
    (op,) = run.nodes()
    raised = encode_error(frame.log[-1].error)
    run.tell(Kind.ERROR, op.id, raised, node=op.node, input=input_of(op.input))
    assert [line[0] for line in drawn(run)] == ["✗", "✗", " "]
    assert run.failure().position.startswith("./0/sequence-")
    assert stand(run.machine.program, run.machine.state)["./0"].sentence == "failed"


def test_titles_are_short() -> None:
    """By labels and names where there are any; what is nested or many is left out."""
    assert title_of(step(parallel(step(first, 1), it["x"] > 1), 1)) == "parallel (first, it)"
    assert title_of(sequence(first, inc, second, third)) == "sequence (first, inc, second, …)"
    deep = sequence(retry(1, sequence(retry(1, first), inc)), first)
    assert title_of(deep) == "sequence (retry (sequence (…)), first)"
    assert len(title_of(parallel(*(suspend("long " * 9) for _ in range(3))))) == LONGEST
    assert title_of(sequence(sleep(1).named("rest"), first)) == "sequence (rest, first)"
    assert title_of(sleep(1)) == "sleep"
    assert title_of(retry(1, first)) == "retry (first)"
    assert title_of(node(first)) == f"{HERE}:first"


def test_an_error_shows_a_flow_by_its_title_and_some_of_its_sign() -> None:
    """A node has its name, which is all of its sign."""
    program = Program(body_of(talk))
    assert mount(program, ".", note_of(node(first))[0]).side == f"={HERE}:first"
    note, sign = note_of(suspend("go"))
    assert mount(program, ".", note).side == f"suspend 'go' ({sign[:12]})"
