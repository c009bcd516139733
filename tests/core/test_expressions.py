"""`it`: expressions as data, built by operators and read back as one would write them."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest

from everflow.core.combine.choice import branch
from everflow.core.definition import Definition, from_data
from everflow.core.expressions import It, evaluate, it
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.errors import UnresolvedName, ValueMismatch, WrongArgument
from everflow.testing.driver import Driver


@dataclass
class Draft:
    """A dataclass."""

    title: str


class Post(msgspec.Struct):
    """A Struct."""

    title: str


class Page(pydantic.BaseModel):
    """A pydantic model."""

    title: str


VALUE = {"ok": True, "n": 3, "items": [1, 2], "text": "abc", "none": None}


@pytest.mark.parametrize(
    ("expression", "text", "result"),
    [
        (it, "it", VALUE),
        (it["n"], "it['n']", 3),
        (it["items"][1], "it['items'][1]", 2),
        (it["n"] == 3, "(it['n'] == 3)", True),
        (it["n"] != 3, "(it['n'] != 3)", False),
        (it["n"] < 3, "(it['n'] < 3)", False),
        (it["n"] <= 3, "(it['n'] <= 3)", True),
        (it["n"] > it["items"][0], "(it['n'] > it['items'][0])", True),
        (it["n"] >= 4, "(it['n'] >= 4)", False),
        (it["n"] + 1, "(it['n'] + 1)", 4),
        (it["text"] + "d", "(it['text'] + 'd')", "abcd"),
        (it["n"] - 1, "(it['n'] - 1)", 2),
        (it["n"] * 2, "(it['n'] * 2)", 6),
        (it["n"] / 2, "(it['n'] / 2)", 1.5),
        (it["n"] % 2, "(it['n'] % 2)", 1),
        (it["ok"] & (it["n"] > 5), "(it['ok'] & (it['n'] > 5))", False),
        (it["none"] & it["missing"], "(it['none'] & it['missing'])", False),
        (it["ok"] | it["missing"], "(it['ok'] | it['missing'])", True),
        (it["none"] | it["n"], "(it['none'] | it['n'])", True),
        (~it["ok"], "~it['ok']", False),
        (it["items"].has(2), "it['items'].has(2)", True),
        (it["text"].has("z"), "it['text'].has('z')", False),
        (it["items"].size(), "it['items'].size()", 2),
    ],
)
def test_an_expression_is_data_with_a_text_and_a_value(
    expression: It, text: str, result: object
) -> None:
    """It survives as a definition, and a run evaluates it."""
    assert repr(expression) == text
    assert evaluate(expression.data, VALUE) == result
    again = from_data(Definition(Program(expression)).body, Registry())
    assert repr(again.root.flow) == text
    assert Driver(expression).start(VALUE).run().value() == result


@pytest.mark.parametrize("kind", [Draft, Post, Page])
def test_item_access_reads_declared_fields(kind: Callable[..., Any]) -> None:
    """Of dataclasses, Structs and models; nothing else of an object is reached."""
    value = kind(title="x")
    assert evaluate(it["title"].data, value) == "x"
    with pytest.raises(ValueMismatch, match="KeyError"):
        evaluate(it["__class__"].data, value)
    with pytest.raises(ValueMismatch, match="KeyError"):
        evaluate(it["real"].data, 5)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (it["a"], {}),
        (it["a"], None),
        (it[3], [1]),
        (it > 3, "x"),
        (it / 0, 1),
        (it.size(), 5),
        (it.has(1), 5),
        (it * 1_000_000_000, "x"),
        (it * 1_000_000_000, [1]),
        (it % 1, "%1000000000d"),
        (it / 0, Decimal(1)),
    ],
)
def test_a_part_that_does_not_fit_is_named(expression: It, value: object) -> None:
    """The error shows the expression; nothing that could fill the memory is computed."""
    with pytest.raises(ValueMismatch, match=r"has no value for this input"):
        evaluate(expression.data, value)


def test_what_no_expression_can_be_is_refused_at_once() -> None:
    """Objects, iteration, `in`, and truth."""
    with pytest.raises(WrongArgument, match="texts, numbers"):
        it == [1]  # noqa: B015 - building it is what raises
    with pytest.raises(WrongArgument, match="a name or an index"):
        it[1.5]  # type: ignore[index]  # that is what is tested
    with pytest.raises(WrongArgument, match="has"):
        list(it["tags"])
    assert {it: 1}[it] == 1


def test_an_expression_decides_a_branch() -> None:
    """As the predicate that can be seen and drawn (B011)."""
    flow = branch((it["n"] > 2) & it["ok"], it["text"], it["none"])
    assert Driver(flow).start(VALUE).run().value() == "abc"


@pytest.mark.parametrize(
    "data",
    [
        None,
        5,
        [],
        ["run", ["it"]],
        ["==", ["it"]],
        ["value", [1]],
        ["not", ["it"], ["it"]],
        [["it"]],
    ],
)
def test_an_expression_of_a_strange_definition_is_refused(data: object) -> None:
    """Only what this release knows is taken from data."""
    with pytest.raises(UnresolvedName):
        It.build({"it": data}, {}, [], lambda name: it)


def test_a_strange_definition_cannot_nest_without_end() -> None:
    """The bound of building holds for reading too."""
    data: list[Any] = ["it"]
    for _ in range(200):
        data = ["not", data]
    with pytest.raises(UnresolvedName, match="100 operators"):
        It.build({"it": data}, {}, [], lambda name: it)
