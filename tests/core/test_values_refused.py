"""What is no plain data is refused where it is made, with the path inside the value and a hint."""

import collections
import dataclasses
import enum
import inspect
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import TZPATH, ZoneInfo

import pydantic
import pytest

from everflow.core.values import Types, encode
from everflow.errors import ValueRefused
from tests.core.sample_values import Box, Draft, Key, Stranger, Tree, sample_types

TYPES = sample_types()


class Text(str):
    __slots__ = ()


class Row(NamedTuple):
    name: str


class Hidden(enum.Enum):
    ONE = 1


class Secretive(pydantic.BaseModel):
    name: str
    _secret: int = 0


class OwnZone(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(0)

    dst = utcoffset

    def tzname(self, _: datetime | None) -> str:
        return "own"


@dataclasses.dataclass
class HalfMade:
    name: str = dataclasses.field(init=False)


NAIVE = datetime(2024, 1, 1)  # noqa: DTZ001 - the zone is put in by each case

REFUSED: dict[str, tuple[Any, str, str]] = {
    "nan": (float("nan"), "", "nan isn't a finite number"),
    "infinity": ([1.0, float("-inf")], "[1]", "-inf isn't a finite number"),
    "nan in a dict": ({"items": [1, 2, 3, {"name": float("nan")}]}, '["items"][3]["name"]', "nan"),
    "nan decimal": ({"a": Decimal("NaN")}, '["a"]', "NaN isn't a finite number"),
    "surrogate": ("a\ud800", "", r"half a surrogate pair ('\ud800')"),
    "surrogate in a field": (Draft("t", tags=["é", "\udfff"]), ".tags[1]", "half a surrogate"),
    "surrogate in a key": ({"a": {"\ud800": 1}}, '["a"]["\\ud800"]', "half a surrogate"),
    "surrogate in a set": ({"\ud800"}, '["\\ud800"]', "half a surrogate"),
    "large integer": ((1, 10**4000), "[1]", "more than 4000 digits"),
    "function": ({"f": len}, '["f"]', "builtin_function_or_method isn't plain data"),
    "object in a map": ({1: 2, 3: object()}, "[3]", "object isn't plain data"),
    "object in a map's tuple key": ({(1, object()): 2}, "[<tuple>][1]", "object isn't plain data"),
    "object in a set": ({object()}, "[<object>]", "object isn't plain data"),
    "complex": (Box([Key("a"), 1j]), ".content[1]", "complex isn't plain data"),
    "bytearray": (bytearray(b""), "", "bytearray isn't plain data"),
    "class": (Draft, "", "type isn't plain data"),
    "subclass of str": ([Text("a")], "[0]", "Text is a subclass of str"),
    "subclass of str as a key": (
        {Text("a"): 1},
        f"[<{__name__}.Text>]",
        "Text is a subclass of str",
    ),
    "ordered dict": (collections.OrderedDict(a=1), "", "is a subclass of dict"),
    "named tuple": ({"row": Row("a")}, '["row"]', "Row is a subclass of tuple"),
    "stranger": ([Stranger("a")], "[0]", "Stranger isn't registered"),
    "unregistered enum": (Hidden.ONE, "", "Hidden isn't registered"),
    "own zone": (NAIVE.replace(tzinfo=OwnZone()), "", "time zone of type"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_path_and_reason(name: str) -> None:
    """Each refusal says what, where, and what to do instead."""
    value, path, message = REFUSED[name]
    with pytest.raises(ValueRefused) as caught:
        encode(value, TYPES)
    assert caught.value.path == path
    assert message in caught.value.message
    assert caught.value.hint


def test_an_unregistered_type_says_how_to_register() -> None:
    """The hint names the two ways to register a type."""
    with pytest.raises(ValueRefused) as caught:
        encode(Stranger("a"), TYPES)
    assert caught.value.hint == (
        "Annotate a node's parameter or result with it, or register it with everflow.value."
    )


def _looped() -> dict[str, tuple[Any, str]]:
    in_list: list[Any] = [1]
    in_list.append({"again": in_list})
    in_dict: dict[str, Any] = {}
    in_dict["self"] = in_dict
    in_record = Tree(1)
    in_record.children.append(in_record)
    in_map: dict[Any, Any] = {}
    in_map[1] = (in_map,)
    wide: list[Any] = []
    wide.extend([wide] * 10)
    return {
        "list": (in_list, "[1]"),
        "dict": ({"a": [in_dict]}, '["a"][0]["self"]'),
        "record": ([in_record], "[0].children[0]"),
        "map": (in_map, "[1]"),
        "wide list": (wide, "[0]"),
    }


@pytest.mark.parametrize("name", _looped())
def test_a_cycle_is_named(name: str) -> None:
    """A value that contains itself is refused at the part that leads back to it."""
    value, path = _looped()[name]
    with pytest.raises(ValueRefused, match="contains itself") as caught:
        encode(value, TYPES)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: {"a": v}, lambda v: (v,), lambda v: {1: v}, Box]
)
@pytest.mark.parametrize("depth", [101, 5000])
def test_too_deep_is_refused(wrap: Callable[[Any], Any], depth: int) -> None:
    """Deeper than 100 containers is refused; the path is cut to what can be read."""
    value: Any = 0
    for _ in range(depth):
        value = wrap(value)
    with pytest.raises(ValueRefused, match="deeper than 100") as caught:
        encode(value, TYPES)
    assert "…" in caught.value.path
    assert len(caught.value.path) < 1000


def test_a_stack_that_is_nearly_used_up_refuses() -> None:
    """Where Python's own stack ends first, the value is refused and nothing crashes."""

    def at_the_end_of_the_stack(left: int) -> None:
        if left:
            at_the_end_of_the_stack(left - 1)
        else:
            encode(value, TYPES)

    value: Any = 0
    for _ in range(90):
        value = (value,)
    room = sys.getrecursionlimit() - len(_frames()) - 60
    with pytest.raises(ValueRefused, match="Python stack"):
        at_the_end_of_the_stack(room)


def _frames() -> list[Any]:
    frames = []
    frame = inspect.currentframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


def _doubled() -> list[Any]:
    value: list[Any] = [b""]
    for _ in range(60):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        "a" * 1001,
        "é" * 501,
        b"a" * 1000,
        [["a" * 100] * 100] * 100,
        {str(n) * 50: n for n in range(20)},
        [0] * 600,
        [(), *range(600)],
        {n: n for n in range(600)},
        [10**3000],
        [Decimal("1." + "0" * 2000)],
        Draft("a" * 1001),
        _doubled(),
    ],
    ids=range(12),
)
def test_too_large_is_refused(value: Any) -> None:
    """A value past the limit is refused before it is written out, as a whole: without a path."""
    with pytest.raises(ValueRefused, match="more than 1000 bytes") as caught:
        encode(value, TYPES, limit=1000)
    assert caught.value.path == ""


def test_the_limit_is_16_mib_unless_stated() -> None:
    """50 MB of text is refused, 15 MB is not."""
    assert len(encode("a" * 15_000_000, TYPES)) == 15_000_002
    with pytest.raises(ValueRefused, match="more than 16777216 bytes"):
        encode("a" * 50_000_000, TYPES)


def test_an_integer_past_the_processs_own_limit_is_refused() -> None:
    """A process may forbid long integers; then they are refused, too."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(ValueRefused, match="can't be written"):
            encode([10**900], TYPES)
    finally:
        sys.set_int_max_str_digits(before)


def test_a_zone_without_a_name_is_refused() -> None:
    """A ZoneInfo that was read from a file can't be found again by a name."""
    place = next(root / "Europe/Berlin" for root in map(Path, TZPATH) if (root / "Europe").is_dir())
    with place.open("rb") as file:
        nameless = ZoneInfo.from_file(file)
    with pytest.raises(ValueRefused, match="time zone"):
        encode({"at": NAIVE.replace(tzinfo=nameless)}, TYPES)


def test_private_attributes_are_refused() -> None:
    """A pydantic model's private attributes would be lost, so they are refused."""
    types = Types()
    types.add(Secretive)
    with pytest.raises(ValueRefused, match="private attributes") as caught:
        encode([Secretive(name="a")], types)
    assert caught.value.path == "[0]"


def test_a_field_that_was_never_set_is_refused() -> None:
    """A dataclass that wasn't finished has no value."""
    types = Types()
    types.add(HalfMade)
    with pytest.raises(ValueRefused, match="never set"):
        encode(HalfMade(), types)
