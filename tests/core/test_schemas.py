"""Answers are checked as plain JSON against a schema, by processes without the flow's types."""

import dataclasses
import enum
import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from everflow.core.schemas import check, schema_of
from everflow.core.values import Reader, encode, parse, untagged
from everflow.errors import ValueMismatch
from tests.core.sample_values import (
    EXAMPLES,
    Article,
    Box,
    Color,
    Draft,
    Key,
    Level,
    Note,
    Rights,
    Tree,
    sample_types,
)

TYPES = sample_types()
Title = NewType("Title", str)


class Circle(msgspec.Struct, tag="circle"):
    radius: float


class Square(msgspec.Struct, tag="square"):
    side: float


class Numbered(msgspec.Struct, tag=1):
    side: float


class Other(msgspec.Struct, tag=2):
    side: float


class Named(TypedDict):
    name: str


class Row(NamedTuple):
    number: int
    text: str


class Renamed(msgspec.Struct, rename="camel"):
    some_name: Draft | Color | None


class Tagged(msgspec.Struct, tag="x"):
    any_of_two: Draft | Key


class Mixed(enum.Enum):
    ONE = "a"
    TWO = 2


class Opaque:
    pass


@dataclasses.dataclass
class Odd:
    opaque: Opaque
    number: int


@dataclasses.dataclass
class Timed:
    at: datetime | None
    every: list[time]


@dataclasses.dataclass
class Kids:
    value: int
    kids: "list[Kids]"


@dataclasses.dataclass
class Inner:
    kind: Literal[3]


@dataclasses.dataclass
class Scalars:
    one: Mixed
    two: Inner | Draft


@dataclasses.dataclass
class Initialised:
    number: dataclasses.InitVar[int]
    mixed: Mixed


@dataclasses.dataclass
class Wrong:
    unknown: "NoSuchName"  # type: ignore[name-defined]  # noqa: F821 - what is imported for checkers only


FITS: list[tuple[Any, Any]] = [
    (Any, {"any": ["thing"]}),
    (None, None),
    (bool, False),
    (int, 3),
    (float, 3),
    (float, 3.5),
    (Title, "a"),
    (str | None, None),
    (bytes, "eA=="),
    (datetime, "2024-02-29T00:00:00"),
    (datetime | None, "2024-02-29T00:00:00Z"),
    (date, "2024-02-29"),
    (timedelta, "P1D"),
    (UUID, "12345678-1234-5678-1234-567812345678"),
    (Decimal, "1.2"),
    (list[int], [1, 2]),
    (set[int], [1, 2]),
    (tuple[int, str], [1, "a"]),
    (tuple[int, ...], []),
    (dict[str, int], {"a": 1}),
    (Literal["a", 1], 1),
    (Color, "anything: msgspec can't describe enums of mixed values"),
    (Level, 2),
    (Draft, {"title": "t"}),
    (Draft | Key, {"name": "n"}),
    (Draft | Color, {"title": "t"}),
    (Note, {"shortText": "s", "about": {"title": "t"}}),
    (Box[Key], {"content": {"name": "n"}}),
    (Kids, {"value": 1, "kids": [{"value": 2, "kids": []}]}),
    (Circle | Square, {"type": "square", "side": 1}),
    (Numbered | Other, {"type": 2, "side": 1}),
    (Named, {"name": "n"}),
    (Row, [1, "a"]),
    (Article, {"title": "t", "draft": None}),
    (Opaque, object()),
    (Odd, {"opaque": [1], "number": 2}),
    (Wrong, {"unknown": 3}),
    (list[Draft | Key], [{"title": "t"}]),
    (dict[str, Draft | Key], {"a": {"name": "n"}}),
    (dict[Opaque, Draft | Key], {"a": 1}),
    (Initialised, 1),
    (Article | Draft, {"title": "t", "when": None}),
    (Renamed, {"someName": "red"}),
    (Tagged, 1),
    (Rights, 3),
    (Scalars, {"one": "a", "two": {"kind": 3}}),
    ("NoSuchName", 3),
    (Annotated[int, Meta(ge=1, le=3)], 3),
    (Annotated[str, Meta(pattern="^a")], "ab"),
    (Timed, {"at": None, "every": ["12:00:00"]}),
]


def _named(part: object) -> str:
    """Without addresses, so that every process collects the same tests."""
    return str(part).split(" at 0x")[0]


@pytest.mark.parametrize(("annotation", "value"), FITS, ids=_named)
def test_what_fits_is_taken(annotation: Any, value: Any) -> None:
    """A schema is plain JSON, and takes the plain JSON of its annotation."""
    schema = json.loads(json.dumps(schema_of(annotation)))
    assert check(value, schema) is None


FAULTS: list[tuple[Any, Any, str]] = [
    (None, 0, "expected null, got int 0"),
    (bool, 1, "expected boolean, got int 1"),
    (int, True, "expected integer, got bool True"),
    (int, 1.0, "expected integer, got float 1.0"),
    (float, "a", "expected number, got str 'a'"),
    (int | None, "a", "expected integer, got str 'a'; expected null, got str 'a'"),
    (bytes, "#", "expected a text of format base64, got str '#'"),
    (datetime, "now", "expected a text of format date-time, got str 'now'"),
    (date, "2024-02-30", "expected a text of format date, got str '2024-02-30'"),
    (list[int], [1, "a"], "[1]: expected integer, got str 'a'"),
    (set[int], [1, 1], "has a part twice"),
    (tuple[int, str], [1], "expected to be at least 2 long, got 1"),
    (tuple[int, str], [1, 2], "[1]: expected string, got int 2"),
    (tuple[int, str], [1, "a", 3], "expected to be at most 2 long, got 3"),
    (dict[str, int], {"a b": None}, '["a b"]: expected integer, got None'),
    (Literal["a", 1], True, "expected one of 1, 'a', got bool True"),
    (Level, 3, "expected one of 1, 2, got int 3"),
    (Draft, [], "expected object, got list"),
    (Draft, {"title": 1}, ".title: expected string, got int 1"),
    (Draft, {"title": "t", "tags": ["a", 2]}, ".tags[1]: expected string, got int 2"),
    (Draft, {}, "lacks 'title'"),
    (Draft, {"title": "t", "x": 1}, '["x"]: no such field or part is expected'),
    (Draft | Key, 1, "expected object, got int 1"),
    (Scalars, {"one": "b", "two": {"kind": 3}}, ".one: expected one of 'a', 2, got str 'b'"),
    (Scalars, {"one": 2, "two": {"kind": 4}}, ".two"),
    (Tree, {"value": 1, "children": [{}]}, ".children[0]: lacks 'value'"),
    (Rights, 4, "expected at most 3, got 4"),
    (Kids, {"value": 1, "kids": [{"value": "a", "kids": []}]}, ".kids[0].value: expected integer"),
    (Circle | Square, {"type": "star"}, ".type: expected one of circle, square, got str 'star'"),
    (Circle | Square, {"type": "square", "side": "a"}, ".side: expected number, got str 'a'"),
    (Circle | Square, 1, "expected object, got int 1"),
    (Named, {"name": "n", "x": 1}, '["x"]: no such field'),
    (Article, {"title": 3}, ".title: expected string, got int 3"),
    (Odd, {"opaque": 1, "number": "a"}, ".number: expected integer"),
    (Timed, {"at": "soon", "every": []}, ".at: expected a text of format date-time"),
    (Timed, {"at": None, "every": ["noon"]}, ".every[0]: expected a text of format time"),
    (Annotated[int, Meta(ge=1)], 0, "expected at least 1, got 0"),
    (Annotated[int, Meta(le=1)], 2, "expected at most 1, got 2"),
    (Annotated[float, Meta(gt=1)], 1, "expected more than 1, got 1"),
    (Annotated[float, Meta(lt=1)], 1.0, "expected less than 1, got 1.0"),
    (Annotated[int, Meta(multiple_of=2)], 3, "expected a multiple of 2, got 3"),
    (Annotated[str, Meta(min_length=2)], "a", "expected to be at least 2 long, got 1"),
    (Annotated[str, Meta(max_length=2)], "abc", "expected to be at most 2 long, got 3"),
    (Annotated[str, Meta(pattern="^a")], "b", "'b' doesn't match '^a'"),
    (Annotated[list[int], Meta(max_length=1)], [1, 2], "expected to be at most 1 long, got 2"),
    (Annotated[dict[str, int], Meta(min_length=1)], {}, "expected to be at least 1 long, got 0"),
    (Annotated[dict[str, int], Meta(max_length=0)], {"a": 1}, "expected to be at most 0 long"),
]


@pytest.mark.parametrize(("annotation", "value", "sentence"), FAULTS, ids=_named)
def test_what_does_not_fit_is_told(annotation: Any, value: Any, sentence: str) -> None:
    """The sentence says where and why."""
    said = check(value, json.loads(json.dumps(schema_of(annotation))))
    assert said is not None
    assert sentence in said


def test_keywords_of_other_writers_are_known() -> None:
    """const, lists of types, true and false as schemas; what isn't known says nothing."""
    assert check(1, {"const": 1, "description": "one", "if": False}) is None
    assert check(True, {"const": 1}) == "expected 1, got bool True"
    assert check(None, {"type": ["string", "null"]}) is None
    assert check(1, {"type": ["string", "null"]}) == "expected string or null, got int 1"
    assert check([1], {"items": True}) is None
    assert check([1], {"uniqueItems": False, "items": False}) is not None
    assert check("x", {"format": "hostname"}) is None
    assert check("x", {"$ref": "#/$defs/Gone"}) is None


def test_a_schema_without_an_end_is_refused() -> None:
    """Definitions that only refer to each other end in a sentence, not in a crash."""
    loop = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert check(1, loop) == "the value nests too deeply to be checked"


def test_a_union_of_two_types_of_one_name_takes_anything() -> None:
    """Where definitions clash, nothing is claimed."""
    other = dataclasses.make_dataclass("Draft", [("unlike", int)])
    assert schema_of(Draft | other | Key) == {}


ASKED: list[Any] = [
    *(int, float, str, bool, bytes, date, datetime | None, timedelta, Level, list[int], set[str]),
    *(Draft, Draft | None, Draft | Key, Note, Tree, Kids, tuple[int, str], dict[str, int], Timed),
]
_keys = st.sampled_from(["title", "score", "tags", "name", "value", "children", "kids", "at"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from("tab"),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_keys, part, max_size=3),
    max_leaves=5,
)


@settings(max_examples=750)
@given(st.sampled_from(ASKED), _json)
def test_what_the_check_takes_the_reader_takes(annotation: Any, value: Any) -> None:
    """An answer that was accepted never fails its consumer; the check is stricter on sets alone."""
    said = check(value, schema_of(annotation))
    if said is None or "has a part twice" in said:  # of a set: refused to people, read from data
        Reader(annotation, TYPES)(json.dumps(value))
    else:
        with pytest.raises(ValueMismatch):
            Reader(annotation, TYPES)(json.dumps(value))


def test_recorded_answers_pass_without_their_tags() -> None:
    """A value of the annotated type passes the check when its tags are taken off."""
    for value in EXAMPLES.values():
        assert check(untagged(parse(encode(value, TYPES))), schema_of(type(value))) is None
