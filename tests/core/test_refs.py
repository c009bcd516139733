"""References: composed at the level of texts, read by the codec like any value."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everflow.core.faults import Failure
from everflow.core.refs import (
    SMALL,
    Literal,
    Ref,
    compose,
    dict_of,
    is_failure,
    list_of,
    oversize,
    record_of,
    seqs,
    small_text,
    stored,
    truth,
    tuple_of,
)
from everflow.core.registry import Registry
from everflow.core.values import decode, encode

TYPES = Registry().types
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=80)
    | st.binary(max_size=80)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.timedeltas()
    | st.tuples()
    | st.sets(st.integers(), max_size=3)
    | st.dictionaries(st.integers(), st.integers(), max_size=2)
    | st.lists(st.text(), max_size=3)
)


@given(PLAIN)
def test_truth_is_pythons(value: object) -> None:
    """Of any payload, without decoding more than a short one (B011)."""
    assert truth(stored(0, encode(value, TYPES))) is bool(value)


def test_truth_of_what_is_put_together() -> None:
    """A tuple, list or dict is true if it has items, a record always."""
    one = Literal("1")
    assert [truth(r) for r in (tuple_of(), list_of(()), dict_of((), ()))] == [False] * 3
    assert all(truth(r) for r in (tuple_of(one), dict_of(("a",), (one,)), record_of("Failure")))
    assert truth(stored(0, encode(timedelta(0), TYPES))) is False
    assert truth(stored(0, encode(Decimal("0E+30"), TYPES))) is False
    assert truth(stored(0, encode(Decimal("0.01"), TYPES))) is True
    assert truth(stored(0, '{"a":1}')) is True


@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8))
def test_composed_texts_are_what_the_codec_writes(value: Any) -> None:
    """Put together from parts or encoded whole, the payload is the same."""
    payloads: list[str] = []

    def ref_of(part: Any) -> Ref:
        if type(part) is tuple:
            return tuple_of(*map(ref_of, part))
        payloads.append(encode(part, TYPES))
        return stored(len(payloads) - 1, payloads[-1])

    ref = ref_of(value)
    text = compose(ref, payloads.__getitem__)
    assert text == encode(value, TYPES)
    assert decode(text, TYPES) == value
    assert set(seqs(ref)) == {n for n, p in enumerate(payloads) if len(p) > SMALL}


@dataclass
class Pair:
    """A record."""

    a: object
    b: object


def test_records_lists_and_dicts_are_composed() -> None:
    """With keys as JSON writes them."""
    registry = Registry()
    registry.types.add(Pair)
    long = stored(3, "[" + "1," * 99 + "1]")
    record = record_of("Pair", a=long, b=dict_of(('q"', "ü"), (Literal("1"), list_of(()))))
    text = compose(record, {3: "[7]"}.__getitem__)
    assert decode(text, registry.types) == Pair([7], {'q"': 1, "ü": []})
    assert compose(record_of("Empty"), str) == '{"$":"Empty","v":{}}'


@pytest.mark.parametrize("reason", ["no", "x" * 99])
def test_failures_are_known_by_their_texts(reason: str) -> None:
    """Short and long ones, and nothing that only looks like one (B020)."""
    payload = encode(Failure(reason), TYPES)
    assert is_failure(stored(0, payload))
    assert is_failure(Literal(payload))
    assert is_failure(record_of("Failure", reason=Literal("1")))
    assert not is_failure(stored(0, encode({"$": "Failure", "v": reason}, TYPES)))
    assert not is_failure(stored(0, '{"$":"FailureX","v":{}}'))
    assert not is_failure(tuple_of(Literal(payload)))


def test_short_texts_are_at_hand() -> None:
    """Long ones and composed ones aren't."""
    assert small_text(stored(0, "1")) == "1"
    assert small_text(Literal("2")) == "2"
    assert small_text(stored(0, "1" * (SMALL + 1))) is None
    assert small_text(tuple_of()) is None


def test_size_is_bounded_in_depth_and_weight() -> None:
    """The reason is a sentence."""
    deep, wide = tuple_of(), tuple_of()
    for _ in range(151):
        deep = tuple_of(deep)
    for _ in range(20):
        wide = tuple_of(wide, wide)
    assert "150 deep" in (oversize(deep) or "")
    assert "1,000,000" in (oversize(wide) or "")
    assert oversize(tuple_of(Literal("1"))) is None
