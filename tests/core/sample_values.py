"""Value types that the codec's tests share, strategies for values of all kinds, and sameness."""

import dataclasses
import enum
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
from hypothesis import strategies as st

from everflow.core.values import Types

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    TWO = 2
    PAIR = (1, "b")
    LIST = ["unhashable"]  # noqa: RUF012 - a member whose value enums can't look up by hash


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Draft:
    title: str
    score: int = 0
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Tree:
    value: Any
    children: "list[Tree]" = dataclasses.field(default_factory=list)
    color: Color = Color.RED


@dataclasses.dataclass(frozen=True)
class Key:
    name: str


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


class Note(msgspec.Struct, frozen=True, rename="camel"):
    short_text: str
    about: Draft | None = None


class Article(pydantic.BaseModel):
    title: str
    draft: Draft | None = None
    when: datetime | None = None


@dataclasses.dataclass
class Stranger:
    """Never registered."""

    name: str


KINDS = (Color, Level, Rights, Draft, Tree, Key, Box, Note, Article)


def sample_types() -> Types:
    types = Types()
    for kind in KINDS:
        types.add(kind)
    return types


def same(one: Any, other: Any) -> bool:  # noqa: PLR0911 - one return for each kind of value
    """Equal, with equal types throughout, signs of zeros, time zones, folds and orders of dicts."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, list | tuple) and not isinstance(one, enum.Enum):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, set | frozenset):
        return bool(one == other) and all(any(same(a, b) for b in other) for a in one)
    if isinstance(one, datetime | time):
        return (one.replace(tzinfo=None), one.tzinfo, one.fold) == (
            other.replace(tzinfo=None),
            other.tzinfo,
            other.fold,
        )
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)


_zones = st.sampled_from(
    [
        None,
        UTC,
        timezone(timedelta(hours=5, minutes=45)),
        timezone(timedelta(seconds=-1)),
        *map(ZoneInfo, ("Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires")),
    ]
)
_texts = st.text(max_size=6) | st.sampled_from(["$", "\x00", "\ud800", "é\udfff", "\u2028"])
_edges = st.sampled_from(
    [
        *(2**53, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64, 10**400, -0.0, 1e16, 5e-324),
        *(math.nan, math.inf, True, 1, 1.0, 0, False, None, "", b"", (), "null"),
    ]
)
hashable_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | _texts
    | st.binary(max_size=8)
    | _edges
    | st.datetimes(timezones=_zones)
    | st.times(timezones=_zones)
    | st.dates()
    | st.timedeltas()
    | st.decimals().filter(lambda value: not value.is_snan())  # which no set can hold
    | st.uuids()
    | st.sampled_from([*Color, *Level, *Rights, Rights.READ | Rights.WRITE, Rights(0)])
    | st.builds(Key, _texts)
)
plain_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _texts
plain_values = st.recursive(
    plain_scalars,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(_texts, part, max_size=4),
    max_leaves=12,
)
_hashables = (
    hashable_scalars | st.tuples(hashable_scalars) | st.frozensets(hashable_scalars, max_size=3)
)
all_values = st.recursive(
    hashable_scalars,
    lambda part: (
        st.lists(part, max_size=3)
        | st.tuples(part, part)
        | st.dictionaries(_hashables, part, max_size=3)
        | st.sets(_hashables, max_size=3)
        | st.builds(Tree, part, st.lists(st.builds(Tree, part), max_size=2), st.sampled_from(Color))
        | st.builds(Draft, _texts, st.integers(), st.lists(_texts, max_size=2))
        | st.builds(Note, _texts, st.none() | st.builds(Draft, _texts))
        | st.builds(Article, title=st.text(), when=st.none() | st.datetimes(timezones=_zones))
        | st.builds(Box, part)
    ),
    max_leaves=6,
)

EXAMPLES: dict[str, Any] = {
    "null": None,
    "true": True,
    "7": 7,
    "1.0": 1.0,
    "-0.0": -0.0,
    '"a"': "a",
    '{"b":[1,"x"],"a":{}}': {"b": [1, "x"], "a": {}},
    '{"$":"int","v":"9223372036854775808"}': 2**63,
    '{"$":"bytes","v":"AP8="}': b"\x00\xff",
    '{"$":"datetime","v":"2024-02-29T12:00:00"}': datetime(2024, 2, 29, 12),  # noqa: DTZ001 - naive is what it is
    '{"$":"datetime","v":"2024-02-29T12:00:00+00:00"}': datetime(2024, 2, 29, 12, tzinfo=UTC),
    '{"$":"datetime","v":"2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1]"}': datetime(
        2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1
    ),
    '{"$":"date","v":"2024-02-29"}': date(2024, 2, 29),
    '{"$":"time","v":"12:00:00[Europe/Berlin]"}': time(12, tzinfo=ZoneInfo("Europe/Berlin")),
    '{"$":"timedelta","v":-86399000001}': timedelta(days=-1, microseconds=999_999),
    '{"$":"timedelta","v":0}': timedelta(0),
    '{"$":"decimal","v":"1.20"}': Decimal("1.20"),
    '{"$":"uuid","v":"12345678-1234-5678-1234-567812345678"}': UUID("12345678" * 4),
    '{"$":"tuple","v":[1,{"$":"tuple","v":[]}]}': (1, ()),
    '{"$":"set","v":[1,10,2]}': {1, 2, 10},
    '{"$":"frozenset","v":["a"]}': frozenset("a"),
    '{"$":"map","v":[[1,"a"],["b",2]]}': {1: "a", "b": 2},
    '{"$":"map","v":[["$","a"]]}': {"$": "a"},
    '{"$":"Color","v":"red"}': Color.RED,
    '{"$":"Color","v":{"$":"tuple","v":[1,"b"]}}': Color.PAIR,
    '{"$":"Color","v":["unhashable"]}': Color.LIST,
    '{"$":"Level","v":2}': Level.HIGH,
    '{"$":"Rights","v":3}': Rights.READ | Rights.WRITE,
    '{"$":"Draft","v":{"title":"t","score":3,"tags":["a"]}}': Draft("t", 3, ["a"]),
    '{"$":"Note","v":{"shortText":"s","about":null}}': Note("s"),
    '{"$":"Article","v":{"title":"t","draft":null,"when":null}}': Article(title="t"),
    '{"$":"Box","v":{"content":{"$":"Key","v":{"name":"k"}}}}': Box(Key("k")),
}
