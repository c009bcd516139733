"""Guards as people type them: read as data, and nothing else is."""

import pytest

from everflow.core.expressions import It, evaluate, it, show
from everflow.errors import BadTrigger
from everflow.triggers.guards import read_guard

NOTE = {"type": "Create", "object": {"tags": ["a", "b"], "size": 3}, "x": -1}
GUARDS = {
    'it["type"] == "Create"': True,
    "it['type'] != 'Create' or it['x'] < 0": True,
    'it["object"]["size"] >= 3 and "a" in it["object"]["tags"] and not it["x"] == 5': True,
    'it["object"]["tags"].has("c")': False,
    'it["object"]["tags"].size() > 2': False,
    '(it["x"] + 1 == 0) & ~(it["x"] * 2 % 5 > 3)': True,
    'it["x"] == -1': True,
    'it["x"] / 2 - 1 <= -1.5': True,
    '(it["object"]["tags"][0] == "a") | it["nothing"]': True,
    'it["type"] == None': False,
}


@pytest.mark.parametrize("text", GUARDS)
def test_a_guard_s_text_is_an_expression(text: str) -> None:
    """It says of an activity what Python's own words say; show gives a text that reads back."""
    found = read_guard(text)
    assert read_guard(show(found.data)).data == found.data
    assert evaluate(found.data, NOTE) is GUARDS[text]


HOSTILE = {
    "": "",
    "it[": "was never closed",
    "it.type == 1": "can't stand in it",
    '__import__("os").system("x")': "can't stand in it",
    "it.__class__": "can't stand in it",
    'it["a"].size(1)': "can't stand in it",
    'it["a"].upper()': "can't stand in it",
    "other == 1": "can't stand in it",
    "1 == it": "stands first",
    "1 == 1": "stands first",
    "5": "says nothing of the activity",
    "it[1:2]": "can't stand in it",
    "it[it]": "a name or an index",
    "it[True]": "a name or an index",
    "0 < it < 5": "can't stand in it",
    "it ** 2 == 4": "can't stand in it",
    "it is None": "can't stand in it",
    "not 5": "no expression of it",
    "5 and it": "no expression of it",
    "(lambda: it)()": "can't stand in it",
    "it == b'x'": "can't stand in it",
    "it == f'{it}'": "can't stand in it",
    "it\nit": "invalid syntax",
    "x" * 2_001: "at most 2,000 characters",
    "~" * 150 + "it": "nests 100 operators at most",
    "(" * 900 + "it" + ")" * 900: "",
    "it == 'a\0b'": "",
}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_expression_is_refused(text: str) -> None:
    """With its part that can't be read; nothing is ever run."""
    with pytest.raises(BadTrigger) as refused:
        read_guard(text)
    assert HOSTILE[text] in str(refused.value)


SHOWN = [
    (~it).size() > 0,
    ~it.size(),
    (~it["a"])["b"] == it["c"][0],
    (~it).has("x") | ~it.has(it["y"]),
    (it["a"] == (it["b"] < 3)) & (it["c"] != None),  # noqa: E711 - it builds an expression
    (it["a"] + it["b"] * -2) % 7 >= it["c"] / 0.5 - 1,
    it["it's"]['"'] == "\n\u2028\\",
    it == it["$"],
]


@pytest.mark.parametrize("expression", SHOWN, ids=range(len(SHOWN)))
def test_each_text_that_is_shown_reads_as_its_expression(expression: It) -> None:
    """Whatever was built in code can be typed."""
    assert read_guard(show(expression.data)).data == expression.data
