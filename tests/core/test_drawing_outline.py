"""Flows as text for terminals."""

import dataclasses
import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from everflow.core.algebra import ask, const, fail, suspend
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import exponential, retry, timeout, try_catch
from everflow.core.combine.each import each
from everflow.core.combine.failure import failed
from everflow.core.combine.joins import at_least, tolerate
from everflow.core.combine.parallel import gather, parallel
from everflow.core.combine.racing import race
from everflow.core.combine.sequence import Const, Sequence, identity, keep, sequence
from everflow.core.combine.waiting import Sleep, sleep, sleep_until
from everflow.core.definition import KINDS
from everflow.core.drawing import outline
from everflow.core.drawing.words import DESCRIBED, TITLES, describe, literal, moment, plain, span
from everflow.core.expressions import it
from everflow.core.flow import Flow
from everflow.core.node import bind, node
from everflow.core.program import Program
from everflow.testing.driver import Driver
from tests.core.pictures import programs
from tests.house.documents import Document
from tests.house.source import ROOT


@node
def write(brief: str, tone: str = "plain", limit: int = 100) -> str:
    return brief[:limit] + tone


def review(draft: Any) -> Any:
    return draft


def mend(draft: Any) -> Any:
    return draft


HERE = __name__


def test_joins_and_ceilings_in_words() -> None:
    """What is enough, how many at once, how many rounds."""

    def said(flow: Any) -> tuple[str, ...]:
        return describe(flow).details

    assert said(parallel(review, join="first")) == ("the first value",)
    assert said(parallel(review, join=at_least(1))) == ("at least 1",)
    assert said(parallel(review, join=at_least(1, then=mend))) == ("at least 1", "the rest goes on")
    assert said(parallel(review, join=tolerate(2))) == ("2 may fail",)
    assert said(parallel(review, join=tolerate(share=0.5))) == ("a share of 0.5 may fail",)
    assert said(each(review)) == ("100 at once",)
    assert said(each(review, limit=2, join="settled")) == ("2 at once", "all may settle")
    assert said(loop(review, until=review, most=5)) == ("at most 5 rounds",)
    assert describe(race(review)).title == "race"


def test_a_flow_is_a_tree_of_lines() -> None:
    """Each line: the name by which positions know it, what it is, what is set about it."""
    body = write >> ask("ok", bool, show=review, within=timedelta(days=3), default=False)
    cases: dict[Any, Any] = {True: mend, "x": identity}
    flow = sequence(
        loop(body >> choose(it[1], cases), until=it["ok"] == True),  # noqa: E712 - an expression
        branch(~it["late"], try_catch(review, mend), unless_failed(mend)).named("last"),
    )
    assert outline(Program(flow, "publish")) == "\n".join(
        [
            "publish: sequence",
            "├─ 0: loop",
            "│  ├─ body: sequence",
            f"│  │  ├─ 0: {HERE}:write",
            "│  │  ├─ 1: ask 'ok' · within 3 days · else False",
            f"│  │  │  └─ show: {HERE}:review",
            "│  │  └─ 2: choose",
            "│  │     ├─ on: it[1]",
            f"│  │     ├─ case 0 True: {HERE}:mend",
            "│  │     └─ case 1 'x': identity",
            "│  └─ until: it['ok'] == True",
            "└─ last: branch",
            "   ├─ if: ~it['late']",
            "   ├─ then: try",
            f"   │  ├─ body: {HERE}:review",
            f"   │  └─ catch: {HERE}:mend",
            "   └─ else: unless failed",
            f"      └─ body: {HERE}:mend",
        ]
    )


@pytest.mark.parametrize(
    ("flow", "line"),
    [
        (bind(write, tone="warm", limit=3), f"{HERE}:write · tone='warm' · limit=3"),
        (node(mend, name="mend it"), "mend it"),
        (const({"a": [1, None]}), "const {'a': [1, None]}"),
        (const(timedelta(hours=1)), "const 1 h"),
        (const(datetime(2030, 1, 1, tzinfo=UTC)), "const '2030-01-01T00:00:00+00:00'"),
        (const((1, 2)), "const tuple([1, 2])"),
        (fail("no"), "fail 'no'"),
        (failed, "failed"),
        (keep(mend), "keep · gives (input, output)"),
        (parallel(mend, join="settled"), "parallel · all may settle"),
        (parallel(mend, ticks="split"), "parallel · ticks split evenly"),
        (suspend("go"), "suspend 'go'"),
        (ask("ok", bool), "ask 'ok'"),
        (sleep(timedelta(hours=1, seconds=30)), "sleep 1 h 30 s"),
        (
            sleep_until(datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
            "sleep until 2030-01-02 03:04:05 UTC",
        ),
        (retry(1, mend), "retry · 1 attempt"),
        (
            retry(3, mend, backoff=0.5, on=KeyError),
            "retry · 3 attempts · backoff 500 ms · on KeyError",
        ),
        (
            retry(5, mend, backoff=exponential(2)),
            "retry · 5 attempts · backoff 2 s times 2 up to 1 h, jitter 0.2",
        ),
        (timeout(1, mend), "timeout · after 1 tick"),
        (timeout(2000, mend), "timeout · after 2,000 ticks"),
        (timeout(timedelta(minutes=5), mend), "timeout · after 5 min"),
        ((it["a"] + 1).size() > 3, "(it['a'] + 1).size() > 3"),
        ((it["a"] + 1).size(), "(it['a'] + 1).size()"),
    ],
)
def test_settings_are_told_in_words(flow: Flow[Any, Any], line: str) -> None:
    """Counts, budgets and delays as people say them, expressions as they are written."""
    assert outline(Program(flow, "f")).splitlines()[0] == f"f: {line}"


def test_a_gather_names_its_type() -> None:
    """The results become the fields of a dataclass."""
    kind = dataclasses.make_dataclass("Checked", ["draft", "review"])
    flow: Flow[Any, Any] = gather(kind, draft=identity, review=review)
    assert outline(Program(flow)).splitlines()[0] == "gather Checked"


def test_every_kind_of_flow_is_described_on_purpose() -> None:
    """A new combinator gets words of its own; until then it goes by the name of its kind."""
    assert KINDS.keys() == DESCRIBED.keys() | TITLES.keys()
    assert describe(type("Odd", (Flow,), {"kind": "odd"})()).title == "odd"


def test_names_that_positions_do_not_tell_are_told() -> None:
    """A label is the position's name already, but where the children are named otherwise."""
    inner: Flow[Any, Any] = sequence(write, review)
    inner.name_of_flow = "inner"
    flow: Flow[Any, Any] = parallel(a=inner, b=retry(2, review).named("hard"))
    lines = outline(Program(flow)).splitlines()
    assert lines[1] == "├─ a: 'inner' sequence"
    assert lines[4] == "└─ b: 'hard' retry · 2 attempts"


def test_where_a_run_stands_is_marked() -> None:
    """A mark before each line that was reached, words after those that go on."""
    flow: Flow[Any, Any] = sequence(write, parallel(review, suspend("go"), sleep(60)), mend)
    run = Driver(flow).start("x").result("write", "y")
    assert outline(run.program, run.machine.state).splitlines() == [
        "run run, after entry 1: open",
        "▷ sequence",
        f"✓ ├─ 0: {HERE}:write",
        "▷ ├─ 1: parallel",
        f"▶ │  ├─ 0: {HERE}:review  ← running",
        "? │  ├─ 1: suspend 'go'  ← asked",
        "… │  └─ 2: sleep 1 min  ← waiting, until 2023-11-14 22:14:20 UTC",
        f"  └─ 2: {HERE}:mend",
    ]


def test_the_end_of_a_run_is_in_the_first_line() -> None:
    """Done, failed with its error, cancelled, or on the way there."""

    def first(run: Driver) -> str:
        return outline(run.program, run.machine.state).splitlines()[0].partition(": ")[2]

    assert first(Driver(write).start("x").result("write", "y")) == "done"
    failed_run = Driver(write).start("x").error("write", ValueError("a\nb"))
    assert first(failed_run) == "failed, ValueError: a\\nb"
    assert first(failed_run.restart()).startswith("failed")
    assert first(Driver(write).start("x").cancel()) == "being cancelled"
    assert first(Driver(write).start("x").cancel().stopped("write")) == "cancelled"


def test_a_long_flow_stays_usable() -> None:
    """The first and last of 1,000 steps, the one where the run stands, and what is left out."""
    flow: Flow[Any, Any] = sequence(*[write] * 1000)
    assert len(outline(Program(flow), elide=None).splitlines()) == 1001
    lines = outline(Program(flow), elide=4).splitlines()
    assert lines[3:5] == ["├─ … 996 more", f"├─ 998: {HERE}:write"]
    run = Driver(flow, shadow=False).start("x")
    for _ in range(500):
        run.result("write", "x")
    lines = outline(run.program, run.machine.state, elide=4).splitlines()
    assert lines[4:7] == [
        "  ├─ … 498 more: 498 done",
        f"▶ ├─ 500: {HERE}:write  ← running",
        "  ├─ … 497 more",
    ]


def test_a_gap_is_never_of_one() -> None:
    """It would take as much room as what it leaves out."""
    flow: Flow[Any, Any] = sequence(*[write] * 5)
    lines = outline(Program(flow), elide=4).splitlines()
    assert len(lines) == 6


def test_live_children_beyond_number_are_left_out_too() -> None:
    """A parallel of 1,000 that all run is no reason to draw 1,000 lines."""
    run = Driver(parallel(*[write] * 1000), shadow=False).start("x")
    lines = outline(run.program, run.machine.state, elide=10).splitlines()
    assert len(lines) == 2 + 10 + 10 + 1
    assert lines[-6] == "  ├─ … 980 more: 980 running"


def test_a_flow_deeper_than_the_stack_is_drawn() -> None:
    """Beyond some thirty levels a line says how deep it is, so that the text stays small."""
    flow: Flow[Any, Any] = write
    for _ in range(1500):
        flow = retry(2, flow)
    lines = outline(Program(flow)).splitlines()
    assert len(lines) == 1501
    assert lines[-1].strip() == f"(1500 deep) body: {HERE}:write"
    assert max(map(len, lines)) < 200


@given(programs())
def test_every_position_has_its_line_whatever_the_names_are(program: Program) -> None:
    """A hostile name breaks no line: everything is printable, one line a position."""
    lines = outline(program, elide=None).splitlines()
    assert len(lines) == len(program.sites)
    assert all(line.isprintable() for line in lines)


def test_data_that_is_not_what_it_should_be_is_shown_as_it_is() -> None:
    """A stored definition may hold anything; drawing it never fails."""
    assert span("x") == "'x'"
    assert span(-1) == "-1"
    assert span(0) == "no time"
    assert span(90_061_000_001) == "1 day 1 h 1 min 1 s 1 µs"
    assert moment(None) == "None"
    assert moment(10**30) == "a huge number"
    assert literal(10**5000) == "a huge number"
    assert literal(float("nan")) == "nan"
    assert literal(object()) == "<object>"
    assert literal([[[[[[1]]]]]]) == "[[[[[…]]]]]"
    assert plain("a\u202eb\ud800\n") == "a\\u202eb\\ud800\\n"
    assert describe(Const("[" * 1000)).title == "const " + "[" * 73 + "…"
    assert describe(Const("x" * 3000)).title == "const " + "x" * 73 + "…"
    assert describe(Sleep(None, None)).title == "sleep None"
    assert describe(retry(2, mend)).details == ("2 attempts",)
    odd = retry(2, mend)
    vars(odd).update(most="many")
    assert describe(odd).details == ("'many' attempts",)
    assert outline(Program(Sequence(()))) == "sequence"


def test_the_document_shows_what_is_drawn(tmp_path: Path) -> None:
    """The tree in docs/concepts.md is that of the flow above it."""
    text = (ROOT / "docs/concepts.md").read_text(encoding="utf-8")
    blocks = list(Document("docs/concepts.md", text).blocks())
    [source] = [block for block in blocks if block.file == "posts.py"]
    [tree] = [block for block in blocks if block.language == "text"]
    (tmp_path / source.file).write_text("\n".join(source.lines), encoding="utf-8")
    names = runpy.run_path(str(tmp_path / source.file), run_name="posts")
    assert outline(Program(names["post"], "post")).splitlines() == list(tree.lines)
