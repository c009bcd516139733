"""Flows as pictures: one graph, drawn as Mermaid and as DOT."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from everflow.core.algebra import ask, const, fail, suspend
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.failure import failed
from everflow.core.combine.fallback import fallback
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.definition import KINDS
from everflow.core.drawing import Mark, dot, mermaid
from everflow.core.drawing.graph import Box, Graph, Group, Look, Stroke
from everflow.core.drawing.parts import PARTS, drawn
from everflow.core.expressions import it
from everflow.core.flow import Children, Flow
from everflow.core.program import Program
from everflow.testing.driver import Driver
from tests.core.pictures import Picture, programs, read_dot, read_mermaid


def draw(value: object) -> object:
    return value


def check(value: object) -> object:
    return value


def mend(value: object) -> object:
    return value


def arrows(flow: Any) -> list[str]:
    """Each arrow as ``tail -label-> head``, with the first line of the boxes' texts."""
    graph = drawn(Program(flow, "flow"), None, None)
    texts = {item.number: item.lines[0] for item in graph.items}
    return [
        f"{texts[arrow.group or arrow.tail]} -{arrow.label}-> {texts[arrow.head]}"
        for arrow in graph.arrows
    ]


def groups(flow: Any) -> list[str]:
    graph = drawn(Program(flow, "flow"), None, None)
    return [item.lines[0] for item in graph.items if isinstance(item, Group)]


def test_every_kind_of_flow_is_drawn_on_purpose() -> None:
    """A new combinator gets a part of its own; until then it is drawn by the general one."""
    assert KINDS.keys() == PARTS.keys()


def test_a_sequence_is_a_chain() -> None:
    """Left to right, and identity is no step (B004)."""
    chain = ["flow --> draw", "draw --> check", "check --> end"]
    assert arrows(sequence(draw, check)) == chain
    assert arrows(identity) == ["flow --> end"]


def test_parallel_forks_and_joins() -> None:
    """Named children have their names on the arrows; one that does nothing is an arrow (B005)."""
    assert arrows(parallel(draft=identity, review=check)) == [
        "flow --> parallel",
        "parallel -review-> check",
        "parallel -draft-> join",
        "check --> join",
        "join --> end",
    ]
    assert arrows(parallel(draw)) == [
        "flow --> parallel", "parallel --> draw", "draw --> join", "join --> end",
    ]  # fmt: skip
    assert arrows(parallel()) == ["flow --> parallel", "parallel --> join", "join --> end"]


def test_branches_are_labelled() -> None:
    """The predicate is the choice itself; a branch that does nothing is its arrow (B011)."""
    assert arrows(branch(it["ok"] & (it["score"] >= 3), draw, identity)) == [
        "flow --> it['ok'] & (it['score'] >= 3)?",
        "it['ok'] & (it['score'] >= 3)? -yes-> draw",
        "draw --> end",
        "it['ok'] & (it['score'] >= 3)? -no-> end",
    ]


def test_a_predicate_that_is_a_flow_comes_before_its_choice() -> None:
    """It may be any flow, so that it has boxes of its own."""
    found = arrows(branch(sequence(draw, check), identity, mend))
    assert found[1:4] == ["draw --> check", "check --> is it true?", "is it true? -no-> mend"]


def test_cases_are_labelled_as_their_author_wrote_them() -> None:
    """A choose without a default has no other way out (B012)."""
    assert arrows(choose(check, {"mend": mend, 3: identity})) == [
        "flow --> check?", "check? -'mend'-> mend", "mend --> end", "check? -3-> end",
    ]  # fmt: skip
    assert arrows(choose(identity, {}, default=mend))[:2] == [
        "flow --> which is it?",
        "which is it? -else-> mend",
    ]


def test_a_loop_has_an_arrow_back() -> None:
    """The body runs first, and again as long as the condition doesn't hold."""
    assert arrows(loop(draw, until=check)) == [
        "flow --> loop",
        "loop --> draw",
        "draw --> until check?",
        "until check? -no-> loop",
        "until check? -yes-> end",
    ]
    graph = drawn(Program(loop(draw, until=check)), None, None)
    assert [arrow.head for arrow in graph.arrows if arrow.stroke is Stroke.BACK] == [2]


def test_budgets_and_attempts_are_frames() -> None:
    """Retry, timeout and keep stand around what they bound, with their settings."""
    body = keep(timeout(timedelta(minutes=1), timeout(9, draw)))
    flow = retry(3, body, backoff=timedelta(seconds=2), on=(ValueError, "busy"))
    assert groups(flow) == [
        "retry, 3 attempts, backoff 2 s, on ValueError, busy",
        "keep, gives (input, output)",
        "timeout, after 1 min",
        "timeout, after 9 ticks",
    ]
    assert arrows(flow) == ["flow --> draw", "draw --> end"]


def test_a_frame_around_nothing_gets_a_box() -> None:
    """Not every renderer draws an empty frame."""
    assert arrows(retry(2, identity)) == ["flow --> identity", "identity --> end"]


def test_an_error_leaves_the_whole_frame() -> None:
    """What is raised anywhere in the body goes to the one that catches it."""
    flow = try_catch(retry(2, draw), mend)
    assert arrows(flow) == ["flow --> draw", "try -raises-> mend", "draw --> end", "mend --> end"]
    assert "ltail=cluster_2" in dot(Program(flow))
    assert "g2 -.->" in mermaid(Program(flow))


def test_failures_pass_a_body_by() -> None:
    """``unless_failed`` is a choice that has no step of its own."""
    assert arrows(unless_failed(draw)) == [
        "flow --> failed?", "failed? -no-> draw", "draw --> end", "failed? -yes-> end",
    ]  # fmt: skip


def test_a_question_has_what_is_shown_before_it_and_the_notice_aside() -> None:
    """Nothing comes of the notice, so that no arrow leads on from it."""
    flow = ask("approval", bool, show=draw, notify=check, within=timedelta(days=3), default=False)
    assert arrows(flow) == [
        "flow --> draw",
        "draw --> ask 'approval'",
        "ask 'approval' -notify-> check",
        "ask 'approval' --> end",
    ]
    question = drawn(Program(flow), None, None).items[3]
    assert question.lines == ("ask 'approval'", "within 3 days", "else False")
    assert groups(ask("bare", bool)) == []


def test_leaves_look_like_what_they_are() -> None:
    """Waiting, asking and constants can be told from work at a glance."""
    flow = sequence(draw, suspend("go"), sleep(5), const(1), fail("no"), failed, it["x"])
    looks = [item.look for item in drawn(Program(flow), None, None).items if isinstance(item, Box)]
    assert looks == [
        Look.END, Look.STEP, Look.QUESTION, Look.TIMER, Look.VALUE, Look.VALUE, Look.STEP,
        Look.STEP, Look.END,
    ]  # fmt: skip


def test_labels_and_names_of_flows_are_shown() -> None:
    """A leaf bears its label in its box, a combinator around what is in it."""
    inner = sequence(draw, check)
    inner.name_of_flow = "inner"
    flow = parallel(draw, inner, retry(2, draw).named("try hard"), draw)
    assert groups(flow) == ["inner", "try hard"]
    assert arrows(sequence(draw, sequence(check).named("last")))[1] == "draw --> last"


def draw_node() -> Flow[Any, Any]:
    return sequence(draw)


class Mystery(Flow[Any, Any]):
    """A combinator of a later release."""

    kind = "mystery"

    def __init__(self, *parts: Flow[Any, Any]) -> None:
        self.parts = parts

    def children(self) -> Children:
        return [(f"part {i}", part) for i, part in enumerate(self.parts)]


def test_a_kind_without_a_part_is_drawn_with_its_children() -> None:
    """So that a new combinator can be seen before anybody taught the renderers."""
    assert arrows(Mystery(draw_node(), identity)) == [
        "flow --> mystery", "mystery -part 0-> draw", "draw --> end", "mystery -part 1-> end",
    ]  # fmt: skip
    assert arrows(Mystery()) == ["flow --> mystery", "mystery --> end"]


def test_a_saga_has_its_undos_aside() -> None:
    """Of the steps that have one."""
    assert arrows(saga(draw, (check, mend))) == [
        "flow --> draw", "draw --> check", "check -undo-> mend", "check --> end",
    ]  # fmt: skip


def test_long_flows_are_drawn_in_part() -> None:
    """Of 1,000 steps the first and the last are shown, and a gap that counts the others."""
    for flow in (
        sequence(*[draw] * 1000),
        parallel(*[draw] * 1000),
        choose(check, dict.fromkeys(range(1000), draw)),
        fallback(*[draw] * 1000),
        Mystery(*[draw_node()] * 1000),
    ):
        graph = drawn(Program(flow), None, 10)
        assert "990 more" in [item.lines[0] for item in graph.items]
        assert len(graph.items) < 25
        assert "stroke-dasharray" in mermaid(Program(flow))
        assert "dashed" in dot(Program(flow))
    assert len(drawn(Program(sequence(*[draw] * 1000)), None, None).items) == 1002


def test_a_flow_deeper_than_the_stack_is_drawn() -> None:
    """Nesting costs no frames of Python (B004)."""
    flow: Flow[Any, Any] = draw_node()
    for _ in range(1500):
        flow = retry(2, flow)
    program = Program(flow)
    assert len(read_dot(dot(program)).groups) == 1500
    assert len(read_mermaid(mermaid(program)).groups) == 1500


def _picture(graph: Graph, box: str, group: str) -> Picture:
    """What a reader should find in a drawing of the graph."""
    picture = Picture(name=graph.name)
    for item in graph.items:
        if isinstance(item, Box):
            picture.boxes[f"{box}{item.number}"] = "\n".join(item.lines)
        else:
            picture.groups[f"{group}{item.number}"] = "\n".join(item.lines)
    for arrow in graph.arrows:
        tail = f"{group}{arrow.group}" if arrow.group else f"{box}{arrow.tail}"
        picture.arrows.append((tail, arrow.label, f"{box}{arrow.head}"))
    return picture


@given(programs())
def test_both_renderers_draw_the_same_graph_whatever_the_names_are(program: Program) -> None:
    """Hostile names come through as text: nothing is cut, nothing is read as syntax."""
    graph = drawn(program, None, None)
    for found, wanted in (
        (read_dot(dot(program, elide=None)), _picture(graph, "n", "cluster_")),
        (read_mermaid(mermaid(program, elide=None)), _picture(graph, "n", "g")),
    ):
        assert found.boxes == wanted.boxes
        assert found.groups == wanted.groups
        assert found.arrows == wanted.arrows
    assert read_dot(dot(program)).name == graph.name


@given(programs())
def test_a_graph_hangs_together(program: Program) -> None:
    """Every text is printable, every arrow has its ends, every box is reached from the start."""
    graph = drawn(program, None, None)
    assert all(line.isprintable() for item in graph.items for line in item.lines)
    boxes = {item.number for item in graph.items if isinstance(item, Box)}
    assert {number for arrow in graph.arrows for number in (arrow.tail, arrow.head)} <= boxes
    reached, further = {0}, {1}
    while further - reached:
        reached |= further
        further = {arrow.head for arrow in graph.arrows if arrow.tail in reached}
    assert boxes <= reached


@pytest.mark.parametrize("render", [mermaid, dot])
def test_where_a_run_stands_is_marked(render: Any) -> None:
    """By class and by word, on boxes and frames."""
    flow = sequence(draw, retry(3, check), suspend("go"))
    run = Driver(flow).start(1).result("draw", 2)
    text = render(run.program, run.machine.state)
    assert Mark.DONE in text
    read = {mermaid: read_mermaid, dot: read_dot}[render](text)
    assert "draw\ndone" in read.boxes.values()
    assert "check\nrunning" in read.boxes.values()
    assert "retry, 3 attempts\nattempt 1 of 3" in read.groups.values()


def test_a_box_tells_its_position() -> None:
    """So that a page knows where one clicked."""
    attributes = read_dot(dot(Program(sequence(draw, check)))).attributes
    assert attributes["n3"]["tooltip"] == f"./1 {__name__}:check"
