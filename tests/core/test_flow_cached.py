"""Results by content: cached, and the vertices of a dag."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import fail, suspend
from everflow.core.caching import (
    address_of,
    hash_of,
    input_hash,
    look_up_text,
    result_of,
    told_of,
)
from everflow.core.combine.body import Step
from everflow.core.combine.cached import Cached, cached, is_worth_caching
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.dag import after, dag
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import identity, sequence
from everflow.core.definition import Definition, from_data
from everflow.core.drawing import outline
from everflow.core.expressions import it
from everflow.core.flow import lift
from everflow.core.program import Program
from everflow.core.registry import default_registry
from everflow.core.state import Cancelled
from everflow.errors import StoreDamaged, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import double, first, inc, rescue, second

LONG = "a text that is too long to be carried along in a reference, " * 2


def test_a_miss_computes_and_keeps() -> None:
    """Both are told by the journal: what was looked for, and that it was kept."""
    driver = Driver(cached(first)).start(LONG)
    assert [op.id for op in driver.commands()] == ["./@cache"]
    driver.perform("./@cache").restart()
    assert driver.input("first") == LONG
    driver.result("first", LONG).restart().perform("./@fill")
    assert driver.value() == LONG
    assert list(driver.cache.values()) == [f'"{LONG}"']


@pytest.mark.parametrize("value", [LONG, 7, None, []])
def test_a_hit_is_the_value_and_runs_nothing(value: Any) -> None:
    """It is referred to, not copied, and a short one is decided by."""
    driver = Driver(cached(first) >> second).start(1)
    driver.result("./0/@cache", ["key", value])
    assert [op.id for op in driver.commands()] == ["./1"]
    assert driver.restart().input("second") == value


def test_what_failed_is_not_kept() -> None:
    """Neither an error nor a fail value."""
    driver = Driver(cached(first)).start(1).perform("./@cache").error("first", "broke")
    assert driver.failure().message == "broke"
    driver = Driver(cached(sequence(first, fail("no")))).start(1).perform("./@cache")
    assert driver.result("first", 1).outcome is not None
    assert driver.cache == {}


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_it_is_cancelled_wherever_it_stands(steps: int) -> None:
    """While it looks up, computes or keeps."""
    driver = Driver(cached(first)).start(1)
    if steps > 0:
        driver.perform("./@cache")
    if steps > 1:
        driver.result("first", 1)
    driver.cancel()
    driver.stopped(driver.stopping()[0])
    assert isinstance(driver.outcome, Cancelled)


def test_an_error_of_it_can_be_caught_and_timed() -> None:
    """It is like its body to what is around."""
    flow = try_catch(timeout(timedelta(minutes=1), cached(first)), rescue)
    driver = Driver(flow).start(1).perform("./body/body/@cache").fire().stopped("first")
    assert driver.result("rescue", 5).value() == 5


def test_the_definition_bears_the_version() -> None:
    """As a setting: it moves to running runs, and a run that has begun goes on."""
    program = Program(cached(inc, version="7"))
    again = from_data(Definition(program).body, default_registry())
    assert Definition(again).hash == Definition(program).hash
    other = Definition(Program(cached(inc, version="8")))
    assert other.shape_hash == Definition(program).shape_hash
    assert other.settings_hash != Definition(program).settings_hash
    driver = Driver(cached(first) >> second).start(1).perform("./0/@cache")
    driver.upgrade(cached(first, version="2") >> inc >> second).result("first", 1)
    assert driver.perform("./0/@fill").result("inc", 2).result("second", 3).value() == 3


def test_it_is_drawn_with_its_version() -> None:
    """As what it is around its body."""
    lines = outline(Program(cached(inc, version="7"), "f")).splitlines()
    assert lines[0].startswith("f: cached")
    assert "version '7'" in lines[0] or 'version "7"' in lines[0]


@pytest.mark.parametrize("version", ["", 1, "v" * 201])
def test_a_version_is_a_text(version: Any) -> None:
    """WrongArgument says what it takes."""
    with pytest.raises(WrongArgument, match="version is a text"):
        cached(inc, version=version)


def test_a_step_goes_around_it_not_into_it() -> None:
    """Its value is in no definition, so no key would tell it."""
    with pytest.raises(WrongArgument, match="a step bears a value"):
        cached(sequence(Step(lift(inc, "a test"), 3)))


def test_equal_dicts_are_one_input() -> None:
    """Whatever the order of keys; lists, numbers and texts are told apart as recorded."""
    assert input_hash('{"a":1,"b":{"c":2,"d":3}}') == input_hash('{"b":{"d":3,"c":2},"a":1}')
    texts = ["[1,2]", "[2,1]", "1", "1.0", '"1"', "true", "null", "1" * 5000, '"\\ud800"']
    assert len({input_hash(text) for text in texts}) == len(texts)


def test_a_key_is_of_its_three_parts() -> None:
    """Another definition, version or input is another key."""
    keys = {address_of(*parts) for parts in [("a", "1", "x"), ("b", "1", "x"), ("a", "2", "x")]}
    assert len(keys | {address_of("a", "1", "y"), address_of("a", "1x", "")}) == 5


def test_what_a_look_up_told_is_read_back() -> None:
    """A key alone, or with the payload; any other text is damage."""
    assert told_of(look_up_text("k", None)) == ("k", None)
    assert told_of(look_up_text("k", '{"a":[1]}')) == ("k", '{"a":[1]}')
    for text in ("[]", "{}", "nonsense", None):
        with pytest.raises(StoreDamaged, match="look-up"):
            told_of(text)


def test_a_record_that_is_not_sound_is_none() -> None:
    """Text that is none, another key's, and a value that was changed."""
    key = address_of("d", "1", "i")
    body = (
        '{"definition":"d","version":"1","input":"i","nodes":[],"flow":"f","run":"r","op":".",'
        f'"seq":1,"checksum":"{hash_of("7")}","value":"7"}}'
    )
    found = result_of(key, body)
    assert found is not None
    assert (found.address, found.value) == (key, "7")
    for other, text in ((key, "nonsense"), ("other", body), (key, body.replace('"7"', '"8"'))):
        assert result_of(other, text) is None


def test_vertices_are_cached_by_default() -> None:
    """Those that run nodes, and whose values follow from their input."""
    own = cached(inc, version="2")
    flow: Any = dag(a=inc, b=after("a", retry(2, double)), c=own, d=it["x"], e=suspend("e"))
    parts = dict(flow.parts)
    assert [name for name, part in parts.items() if isinstance(part, Cached)] == ["a", "b", "c"]
    assert parts["c"] is own
    plain: Any = dag(a=inc, c=own, cached=False)
    assert [name for name, part in plain.parts if isinstance(part, Cached)] == ["c"]


@pytest.mark.parametrize(
    "flow",
    [
        identity,
        try_catch(inc, rescue),
        parallel(inc, double, join="settled"),
        sequence(inc, suspend("x")),
        cached(inc),
    ],
)
def test_what_may_differ_by_chance_is_not(flow: Any) -> None:
    """Errors made values, early joins, answers; and what is cached already."""
    assert not is_worth_caching(flow)
