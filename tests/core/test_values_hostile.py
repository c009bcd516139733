"""Payloads that no encoder wrote: data decides nothing but which registered type is restored."""

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.core.values import Reader, decode, encode, parse, untagged
from everflow.errors import ValueMismatch
from tests.core.sample_values import EXAMPLES, Box, Color, Draft, sample_types

TYPES = sample_types()

BROKEN: list[tuple[str, str, str]] = [
    ("", "", "isn't JSON"),
    ("[1,]", "", "isn't JSON"),
    ("NaN", "", "isn't JSON"),
    ("1e999", "", "isn't JSON"),
    ("1" * 5000, "", "isn't JSON"),
    ('"\\ud800"', "", "isn't JSON"),
    ('"\ud800"', "", "isn't JSON"),
    ("[" * 100_000, "", "nests too deeply"),
    ('{"$":"tuple","v":[' * 300 + "]}" * 300, "", "nests too deeply"),
    ('{"$":3,"v":1}', "", 'an object with the key "$"'),
    ('{"$":"int"}', "", 'an object with the key "$"'),
    ('[{"$":"int","v":"9","w":1}]', "[0]", 'an object with the key "$"'),
    ('{"\\u0024":"int"}', "", 'an object with the key "$"'),
    ('{"a":{"$":"os.system","v":["true"]}}', '["a"]', "no type named 'os.system' is registered"),
    ('{"$":"builtins.eval","v":"1"}', "", "no type named 'builtins.eval' is registered"),
    ('{"$":"int","v":9}', "", "expected the content of a int, got int 9 (it isn't a string)"),
    ('{"$":"int","v":"1_000"}', "", "it isn't a decimal number"),
    ('{"$":"int","v":"٣"}', "", "it isn't a decimal number"),
    ('{"$":"int","v":"' + "9" * 4001 + '"}', "", "of at most 4000 digits"),
    ('{"$":"bytes","v":"a"}', "", "expected the content of a bytes, got str 'a'"),
    ('{"$":"bytes","v":"eA==\\n"}', "", "expected the content of a bytes"),
    ('{"$":"datetime","v":"2024-13-01T00:00:00"}', "", "month must be in 1..12"),
    ('{"$":"datetime","v":"2024-01-01T00:00:00[Mars/Base]"}', "", "No time zone found"),
    ('{"$":"datetime","v":"2024-01-01T00:00:00[../../etc/passwd]"}', "", "its suffixes"),
    ('{"$":"datetime","v":"2024-01-01T00:00:00[Europe]"}', "", "expected the content"),
    ('{"$":"time","v":"25:00"}', "", "expected the content of a time"),
    ('{"$":"date","v":5}', "", "it isn't a string"),
    ('{"$":"timedelta","v":"P1D"}', "", "it isn't a count of microseconds"),
    ('{"$":"timedelta","v":1' + "0" * 30 + "}", "", "expected the content of a timedelta"),
    ('{"$":"decimal","v":"NaN"}', "", "it isn't finite"),
    ('{"$":"decimal","v":"x"}', "", "expected the content of a decimal"),
    ('{"$":"uuid","v":"x"}', "", "expected the content of a uuid"),
    ('{"$":"tuple","v":{}}', "", "expected a list, got dict"),
    ('{"$":"tuple","v":"ab"}', "", "expected a list, got str 'ab'"),
    ('{"$":"tuple","v":[1,{"$":"x","v":1}]}', "[1]", "no type named 'x'"),
    ('{"$":"set","v":[[1]]}', "", "unhashable"),
    ('{"$":"set","v":[1,1]}', "", "it has an element twice"),
    ('{"$":"map","v":[[[],1]]}', "", "unhashable"),
    ('{"$":"map","v":[[1]]}', "", "expected a list of pairs"),
    ('{"$":"map","v":{}}', "", "expected a list of pairs, got dict"),
    ('{"$":"map","v":[[1,2],[1,2]]}', "", "it has a key twice"),
    ('{"$":"map","v":[[1,{"$":"x","v":1}]]}', "[1]", "no type named 'x'"),
    ('{"$":"sealed","v":"x"}', "", "the value is sealed"),
    ('{"$":"aside","v":"x"}', "", "the value is kept aside"),
    ('{"$":"Color","v":"green"}', "", "'green' is no value of Color"),
    ('{"$":"Color","v":["other"]}', "", "is no value of Color"),
    ('{"$":"Level","v":true}', "", "True is no value of Level"),
    ('{"$":"Rights","v":64}', "", "64 is no value of Rights"),
    ('{"$":"Draft","v":[1]}', "", "expected an object, got list"),
    ('{"$":"Draft","v":{"title":"a","__class__":1}}', "", "has no field '__class__'"),
    ('{"$":"Box","v":{"content":{"$":"Draft","v":{}}}}', ".content", "lacks its field 'title'"),
]


@pytest.mark.parametrize(("payload", "path", "message"), BROKEN, ids=lambda text: text[:40])
def test_a_broken_payload_is_a_mismatch(payload: str, path: str, message: str) -> None:
    """Cut, edited, foreign, deep or huge: a named error with the path, and nothing else."""
    for read in (lambda text: decode(text, TYPES), Reader(Any, TYPES)):
        with pytest.raises(ValueMismatch) as caught:
            read(payload)
        assert message in str(caught.value)
        assert caught.value.path == path


def test_an_unknown_type_says_what_to_do() -> None:
    """The hint names what makes the type known."""
    with pytest.raises(ValueMismatch, match=r"everflow\.value"):
        decode('{"$":"Gone","v":{}}', TYPES)


def test_decoding_imports_and_calls_nothing() -> None:
    """A name with a module in it imports nothing, and no class that data names is called."""
    before = set(sys.modules)
    for name in ("antigravity", "antigravity.x", "this:d", "subprocess:Popen", "builtins.exec"):
        for text in (f'{{"$":"{name}","v":{{}}}}', f'[{{"$":"{name}","v":["x"]}}]'):
            with pytest.raises(ValueMismatch, match="no type named"):
                decode(text, TYPES)
    assert set(sys.modules) == before


_edits = st.tuples(st.integers(0, 400), st.sampled_from(["", "$", '"', "{", "]", "9", "v", "\\"]))


@settings(max_examples=500)
@given(st.sampled_from(sorted(EXAMPLES)), st.lists(_edits, min_size=1, max_size=3))
def test_an_edited_payload_is_read_or_refused(payload: str, edits: list[tuple[int, str]]) -> None:
    """Whatever is done to a payload, reading it gives a value or a ValueMismatch."""
    for place, text in edits:
        at = place % len(payload)
        payload = payload[:at] + text + payload[at + 1 :]
        if not payload:
            return
    for annotation in (Any, Draft, Color | None, list[int], Box[Draft]):
        try:
            Reader(annotation, TYPES)(payload)
        except ValueMismatch as mismatch:
            assert mismatch.message  # noqa: PT017 - either outcome is right


def test_untagged_is_what_a_schema_describes() -> None:
    """Without its tags, a payload is the plain JSON that msgspec would write of the value."""
    plain = {
        '{"$":"int","v":"9223372036854775808"}': 2**63,
        '{"$":"timedelta","v":60000000}': "PT60S",
        '{"$":"datetime","v":"2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1]"}': (
            "2024-10-27T02:30:00+01:00"
        ),
        '{"$":"time","v":"12:00:00[Europe/Berlin]"}': "12:00:00",
        '[{"$":"Draft","v":{"title":"t","tags":{"$":"tuple","v":["a"]}}}]': [
            {"title": "t", "tags": ["a"]}
        ],
        '{"$":"map","v":[[1,"a"],["b",2]]}': {"1": "a", "b": 2},
        '{"$":"map","v":[[{"$":"tuple","v":[]},1]]}': [[[], 1]],
        '{"$":"map","v":[1]}': [1],
        '{"$":"int","v":7}': 7,
        '{"$":"timedelta","v":1' + "0" * 40 + "}": 10**40,
        '{"$":1,"v":2}': {"$": 1, "v": 2},
        '{"a":{"$":"Color","v":"red"}}': {"a": "red"},
    }
    for payload, value in plain.items():
        assert untagged(parse(payload)) == value


def test_encoded_examples_lose_their_tags() -> None:
    """No tag is left in any of the samples."""
    for value in EXAMPLES.values():
        if value not in ({"$": "a"}, 2**63):
            assert '"$"' not in encode(untagged(parse(encode(value, TYPES))), TYPES)
