"""The codec's promise: what comes back is equal, with equal types, fresh; or it was refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.core.values import Reader, decode, encode
from everflow.errors import ValueRefused
from tests.core.sample_values import (
    EXAMPLES,
    Box,
    Draft,
    Key,
    Stranger,
    Tree,
    all_values,
    hashable_scalars,
    plain_values,
    same,
    sample_types,
)

TYPES = sample_types()
read_anything = Reader(Any, TYPES)


def _equal_or_refused(value: Any) -> None:
    try:
        payload = encode(value, TYPES)
    except ValueRefused:
        return
    json.loads(payload)
    assert same(decode(payload, TYPES), value)
    assert same(read_anything(payload), value)
    assert encode(decode(payload, TYPES), TYPES) == payload


def some(values: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[list[Any]]:
    """So many in one example: to begin an example costs more than most values do."""
    return st.lists(values, min_size=count, max_size=count)


@pytest.mark.usefixtures("unmeasured")
@settings(max_examples=600)
@given(some(hashable_scalars, 10))
def test_scalars_come_back_equal_or_are_refused(values: list[Any]) -> None:
    """6,000 scalars of every kind, the edges of each among them."""
    for value in values:
        _equal_or_refused(value)


@pytest.mark.usefixtures("unmeasured")
@settings(max_examples=500)
@given(some(plain_values, 4))
def test_json_comes_back_equal_or_is_refused(values: list[Any]) -> None:
    """2,000 values of JSON types alone, which take the quick way."""
    for value in values:
        _equal_or_refused(value)


@pytest.mark.usefixtures("unmeasured")
@settings(max_examples=500)
@given(some(all_values, 4))
def test_values_come_back_equal_or_are_refused(values: list[Any]) -> None:
    """2,000 values of all kinds, nested in each other."""
    for value in values:
        _equal_or_refused(value)


@pytest.mark.slow
@settings(max_examples=200_000)
@given(all_values)
@pytest.mark.timeout(3600)
def test_many_values_come_back_equal_or_are_refused(value: Any) -> None:
    """The same for as many as an hour holds."""
    _equal_or_refused(value)


@pytest.mark.parametrize(("payload", "value"), EXAMPLES.items(), ids=list(EXAMPLES))
def test_the_format_is_fixed(payload: str, value: Any) -> None:
    """Journals hold these texts: each value is written just so, and read back."""
    assert encode(value, TYPES) == payload
    assert same(decode(payload, TYPES), value)
    assert same(Reader(type(value), TYPES)(payload), value)


@pytest.mark.parametrize(("payload", "value"), EXAMPLES.items(), ids=list(EXAMPLES))
@pytest.mark.parametrize(
    "wrap",
    [lambda v: [v], lambda v: {"k": v}, lambda v: (v, v), Box, lambda v: {(1,): v}],
    ids=["list", "dict", "tuple", "record", "map"],
)
def test_values_nest(payload: str, value: Any, wrap: Callable[[Any], Any]) -> None:
    """What holds of a value holds of it inside of any other."""
    text = encode(wrap(value), TYPES)
    assert payload in text
    assert same(decode(text, TYPES), wrap(value))


@given(all_values)
def test_every_decode_is_fresh(value: Any) -> None:
    """B066: nobody can change what another consumer gets."""
    held = [[value], Tree([1]), {"a": [2]}]
    try:
        payload = encode(held, TYPES)
    except ValueRefused:
        return
    one, other = decode(payload, TYPES), decode(payload, TYPES)
    one[0].clear()
    one[1].value.append(2)
    one[2]["a"].append(3)
    assert same(other, held)


def test_equal_sets_are_written_alike() -> None:
    """The order of a set is that of its elements' texts, whatever the process hashes."""
    words = [f"w{n}" for n in range(50)]
    assert encode(set(words), TYPES) == encode({*reversed(words)}, TYPES)
    assert json.loads(encode(set(words), TYPES))["v"] == sorted(words)


def test_dicts_keep_their_order() -> None:
    """Both ways of writing a dict keep the order of its keys."""
    for value in ({"b": 1, "a": 2}, {2: 1, 1: 2}):
        assert list(decode(encode(value, TYPES), TYPES)) == list(value)


@given(st.integers(-(10**4000) + 1, 10**4000 - 1))
@settings(max_examples=50)
def test_integers_have_up_to_4000_digits(value: int) -> None:
    """Any integer of at most 4,000 digits comes back."""
    assert decode(encode(value, TYPES), TYPES) == value


def test_values_nest_100_deep() -> None:
    """Of every kind of container there may be 100 inside each other."""
    wraps: list[Callable[[Any], Any]] = [
        lambda v: [v],
        lambda v: {"a": v},
        lambda v: (v,),
        lambda v: {1: v},
        lambda v: frozenset([v]),
        Box,
    ]
    for wrap in wraps:
        value: Any = 0
        for _ in range(100):
            value = wrap(value)
        assert encode(decode(encode(value, TYPES), TYPES), TYPES) == encode(value, TYPES)


def test_a_record_is_quick_or_thorough_alike() -> None:
    """A record of JSON types is written the same alone and beside what isn't JSON."""
    draft = Draft("$", 3, ["a", "é"])
    assert encode([draft, b""], TYPES).startswith("[" + encode(draft, TYPES) + ",")


def test_large_texts_are_measured_in_bytes() -> None:
    """The limit is one of bytes in UTF-8, and a value of just that size is taken."""
    for value, size in (("a" * 98, 100), ("é" * 49, 100), (["a" * 96], 100)):
        assert len(encode(value, TYPES, limit=size).encode()) == size
        with pytest.raises(ValueRefused):
            encode(value, TYPES, limit=size - 1)


def test_records_are_measured_too() -> None:
    """A record of just the limit's size is taken, and no larger one."""
    size = len(encode(Key("a" * 50), TYPES))
    assert encode(Key("a" * 50), TYPES, limit=size) == encode(Key("a" * 50), TYPES)
    with pytest.raises(ValueRefused, match="more than"):
        encode(Key("a" * 50), TYPES, limit=size - 1)


def test_a_stranger_is_no_value() -> None:
    """The samples' stranger is unregistered on purpose."""
    assert TYPES.name_of(Stranger) is None
