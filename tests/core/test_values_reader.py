"""A Reader gives what its annotation asks for, from tagged and plain payloads, or says why not."""

import collections.abc
import dataclasses
import enum
import json
import typing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
from msgspec import Meta

from everflow.core.values import Reader, Types, decode, encode
from everflow.errors import ValueMismatch
from tests.core.sample_values import (
    Article,
    Box,
    Color,
    Draft,
    Key,
    Level,
    Note,
    Rights,
    Stranger,
    Tree,
    same,
    sample_types,
)

TYPES = sample_types()
T = TypeVar("T")
Title = NewType("Title", str)
FREE: Any = Box[T]  # type: ignore[valid-type]  # a variable that stands for nothing
DAY = datetime(2024, 2, 29, tzinfo=UTC)
DRAFT = '{"title":"t","score":1,"tags":["a"]}'


class Named(TypedDict):
    name: str
    draft: NotRequired[Draft]


class Tagged(msgspec.Struct, tag="tagged"):
    number: int
    draft: Draft | None = None


class Rowed(msgspec.Struct, array_like=True, tag="rowed"):
    number: int
    draft: Draft | None = None


class Wrapped(pydantic.RootModel[list[int]]):
    pass


class Open(pydantic.BaseModel, extra="allow"):
    number: int


@dataclasses.dataclass
class Base:
    number: int


@dataclasses.dataclass
class Derived(Base):
    more: tuple[int, ...] = ()


@dataclasses.dataclass
class Checked:
    number: int
    doubled: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("negative")
        self.doubled = 2 * self.number
        self.derived = "made anew"


@dataclasses.dataclass
class Pair(typing.Generic[T]):
    one: T
    many: list[T]


@dataclasses.dataclass
class Chain:
    next: "Chain | int | None"


class Initial:
    """No value type at all."""


for kind in (Tagged, Rowed, Wrapped, Open, Base, Derived, Checked, Pair):
    TYPES.add(kind)


def _short(part: object) -> str:
    return str(part)[:40]


# An annotation, a plain payload, and what a consumer of that annotation gets.
PLAIN: list[tuple[Any, str, Any]] = [
    (Any, "[1]", [1]),
    (object, "[1]", [1]),
    (T, "1", 1),
    ("Unresolved", "1", 1),
    (Initial, "1", 1),
    (Annotated[int, []], "1", 1),
    (None, "null", None),
    (int, "3", 3),
    (float, "3", 3.0),
    (bool, "true", True),
    (Title, '"a"', "a"),
    (bytes, '"eA=="', b"x"),
    (datetime, '"2024-02-29T00:00:00Z"', DAY),
    (date, '"2024-02-29"', date(2024, 2, 29)),
    (time, '"12:00:00"', time(12)),
    (timedelta, '"P1D"', timedelta(days=1)),
    (Decimal, '"1.20"', Decimal("1.20")),
    (UUID, '"12345678-1234-5678-1234-567812345678"', UUID("12345678" * 4)),
    (Optional[int], "null", None),  # noqa: UP045 - users write both
    (date | datetime | str, '"2024-02-29"', "2024-02-29"),
    (date | datetime, '"2024-02-29"', date(2024, 2, 29)),
    (date | int, '"2024-02-29"', date(2024, 2, 29)),
    (int | Initial, '"a"', "a"),
    (list, "[1]", [1]),
    (list[int], "[1]", [1]),
    (list[Initial], "[1]", [1]),
    (tuple, "[1]", (1,)),
    (tuple[int, ...], "[1,2]", (1, 2)),
    (tuple[int, str], '[1,"a"]', (1, "a")),
    (tuple[int, Any, Draft], f"[1,2,{DRAFT}]", (1, 2, Draft("t", 1, ["a"]))),
    (tuple[()], "[]", ()),
    (set[int], "[1,1]", {1}),
    (frozenset[Color], '["red"]', frozenset({Color.RED})),
    (collections.abc.Sequence[int], "[1]", [1]),
    (collections.abc.Set[int], "[1]", {1}),
    (dict, '{"a":1}', {"a": 1}),
    (dict[str, Draft], f'{{"a":{DRAFT}}}', {"a": Draft("t", 1, ["a"])}),
    (dict[int, str], '{"1":"a"}', {1: "a"}),
    (dict[int, Draft], f'{{"1":{DRAFT}}}', {1: Draft("t", 1, ["a"])}),
    (dict[Initial, Draft], f'{{"1":{DRAFT}}}', {"1": Draft("t", 1, ["a"])}),
    (collections.abc.Mapping[str, Initial], '{"a":1}', {"a": 1}),
    (dict[Level, bool], '{"1":true}', {Level.LOW: True}),
    (Literal["a", 2], "2", 2),
    (Literal[Color.RED, True], '"red"', Color.RED),
    (Literal[Color.RED, True], "true", True),
    (Color, '"red"', Color.RED),
    (Color, "2", Color.TWO),
    (Rights, "3", Rights.READ | Rights.WRITE),
    (Draft, DRAFT, Draft("t", 1, ["a"])),
    (Draft, '{"title":"t"}', Draft("t")),
    (Draft | None, DRAFT, Draft("t", 1, ["a"])),
    (Draft | Key, '{"name":"n"}', Key("n")),
    (list[Draft | Color], f'["red",{DRAFT}]', [Color.RED, Draft("t", 1, ["a"])]),
    (Tree, '{"value":1,"children":[{"value":2}]}', Tree(1, [Tree(2)])),
    (Box[Draft], f'{{"content":{DRAFT}}}', Box(Draft("t", 1, ["a"]))),
    (FREE, f'{{"content":{DRAFT}}}', Box({"title": "t", "score": 1, "tags": ["a"]})),
    (Pair[Key], '{"one":{"name":"a"},"many":[{"name":"b"}]}', Pair(Key("a"), [Key("b")])),
    (Box[Box[Key]], '{"content":{"content":{"name":"k"}}}', Box(Box(Key("k")))),
    (Note, '{"shortText":"s"}', Note("s")),
    (Tagged, '{"number":1}', Tagged(1)),
    (Tagged, f'{{"type":"tagged","number":1,"draft":{DRAFT}}}', Tagged(1, Draft("t", 1, ["a"]))),
    (Rowed, f'["rowed",1,{DRAFT}]', Rowed(1, Draft("t", 1, ["a"]))),
    (Article, '{"title":"t","when":"2024-02-29T00:00:00Z"}', Article(title="t", when=DAY)),
    (Wrapped, "[1]", Wrapped([1])),
    (Open, '{"number":1,"more":2}', Open(number=1, more=2)),  # type: ignore[call-arg]  # it takes more
    (Named, f'{{"name":"n","draft":{DRAFT}}}', {"name": "n", "draft": Draft("t", 1, ["a"])}),
    (Checked, '{"number":2}', Checked(2)),
    (Annotated[int, Meta(ge=1)], "1", 1),
    (Annotated[Draft, Meta(title="x")], DRAFT, Draft("t", 1, ["a"])),
]


@pytest.mark.parametrize(("annotation", "payload", "value"), PLAIN, ids=_short)
def test_plain_json_becomes_what_the_annotation_asks(
    annotation: Any, payload: str, value: Any
) -> None:
    """What a person types at a prompt is converted to the annotated type."""
    got = Reader(annotation, TYPES)(payload)
    assert same(got, value)


@pytest.mark.parametrize(("annotation", "payload", "value"), PLAIN, ids=_short)
def test_a_recorded_value_is_read_as_it_was(annotation: Any, payload: str, value: Any) -> None:
    """What one node returned of that type, the next one gets."""
    recorded = encode(value, TYPES)
    assert same(Reader(annotation, TYPES)(recorded), value)
    assert same(Reader(list[annotation], TYPES)(f"[{recorded}]"), [value])
    assert same(Reader(annotation, TYPES)(recorded.replace('"$"', '"\\u0024"')), value)


# An annotation, a payload, the path of the fault and a part of its sentence.
MISFITS: list[tuple[Any, str, str, str]] = [
    (int, '"a"', "", "expected int, got str 'a'"),
    (int, "1.0", "", "expected int, got float 1.0"),
    (int, "true", "", "expected int, got bool True"),
    (bool, "1", "", "expected bool, got int 1"),
    (None, "1", "", "expected None, got int 1"),
    (str, "null", "", "expected str, got None"),
    (float, "1" + "0" * 400, "", "number out of range"),
    (datetime, '"hello"', "", "invalid RFC3339"),
    (datetime, '{"$":"date","v":"2024-02-29"}', "", "expected datetime, got date"),
    (
        int,
        '{"$":"Draft","v":{"title":"t"}}',
        "",
        "expected int, got tests.core.sample_values.Draft",
    ),
    (list[int], '{"a":1}', "", "expected list, got dict"),
    (list[int], '[1,"a"]', "[1]", "expected int, got str 'a'"),
    (dict[str, list[int]], '{"a":[1,null]}', '["a"][1]', "expected int, got None"),
    (dict[str, int], "[]", "", "expected dict, got list"),
    (dict[int, str], '{"a":"b"}', '["a"]', "expected int, got str 'a'"),
    (dict[Level, str], '{"x":"b"}', '["x"]', "'x' is no value of Level"),
    (dict[int, Draft], '{"$":"map","v":[[1.5,null]]}', "[1.5]", "expected int, got float"),
    (tuple[int, str], "[1]", "", "expected a tuple of 2, got 1 parts"),
    (tuple[int, str], "1", "", "expected tuple, got int 1"),
    (tuple[int, str], "[1,2]", "[1]", "expected str, got int 2"),
    (set[Draft], f"[{DRAFT}]", "", "a set can't hold it"),
    (set[int], '"abc"', "", "expected set, got str 'abc'"),
    (Literal["a", "b"], '"c"', "", "expected one of 'a', 'b', got str 'c'"),
    (Literal[1], "true", "", "expected one of 1, got bool True"),
    (Color, '"green"', "", "'green' is no value of Color, which has 'red', 2"),
    (Level, "true", "", "True is no value of Level"),
    (Rights, "64", "", "64 is no value of Rights"),
    (Annotated[int, Meta(ge=9)], "5", "", "expected int >= 9"),
    (list[Annotated[int, Meta(ge=9)]], "[9,5]", "[1]", "expected int >= 9"),
    (Annotated[list[int], Meta(max_length=1)], "[1,2]", "", "expected array of length <= 1"),
    (Draft, "1", "", "expected Draft, got int 1"),
    (Draft, '{"titel":"t","title":"t"}', "", "Draft has no field 'titel'"),
    (Draft, '{"score":1}', "", "Draft lacks its field 'title'"),
    (Draft, '{"title":1}', ".title", "expected str, got int 1"),
    (Draft, '{"title":"t","tags":["a",2]}', ".tags[1]", "expected str, got int 2"),
    (Draft, '{"$":"Draft","v":{"title":1}}', ".title", "expected str, got int 1"),
    (Draft, '{"$":"Draft","v":{"title":"t","old":1}}', "", "Draft has no field 'old'"),
    (Draft, '{"$":"Draft","v":{"tags":[]}}', "", "Draft lacks its field 'title'"),
    (Draft, '{"$":"Key","v":{"name":"n"}}', "", "expected Draft, got tests.core.sample_values.Key"),
    (Draft, '{"$":"Draft","v":{"title":"t"}]', "", "isn't JSON"),
    (Draft, '{"$":"Draft","v":{"title":"\ud800"}}', "", "isn't JSON"),
    (Tree, '{"value":1,"children":[{"value":1,"color":0}]}', ".children[0].color", "0 is no value"),
    (Tree, '{"value":1,"children":[1]}', ".children[0]", "expected Tree, got int 1"),
    (Draft | None, '{"title":1}', ".title", "expected str, got int 1"),
    (Draft | Key, "1", "", "expected Draft | Key, got int 1"),
    (date | datetime, '"hello"', "", "expected date | datetime, got str 'hello'"),
    (Draft | Key, '{"$":"Draft","v":{"title":1}}', ".title", "expected str, got int 1"),
    (list[int] | Key, "1", "", "expected list[int] | Key, got int 1"),
    (Chain, '{"next":' * 400 + "1" + "}" * 400, "", "nests too deeply"),
    (Named, '{"name":"n","x":1}', "", "Named has no field 'x'"),
    (dict[str, list[set[int]]], '{"a":[[1],["b"]]}', '["a"][1][0]', "expected int, got str 'b'"),
    (Note, '{"short_text":"s"}', "", "Note has no field 'short_text'"),
    (Note, "{}", "", "Note lacks its field 'shortText'"),
    (Tagged, '{"type":"other","number":1}', "", "expected Tagged, got dict"),
    (Rowed, "[1]", "", "expected Rowed, got list"),
    (Named, "[]", "", "expected Named, got list"),
    (Named, "{}", "", "Named lacks its field 'name'"),
    (Named, '{"name":1}', '["name"]', "expected str, got int 1"),
    (Article, '{"title":1}', ".title", "Article refuses it: Input should be a valid string"),
    (Wrapped, '[1,"a"]', "[1]", "Wrapped refuses it"),
    (Article, '{"$":"Article","v":{"titel":1}}', "", "Article has no field 'titel'"),
    (Wrapped, '{"$":"Wrapped","v":{}}', "", "Wrapped lacks its field 'root'"),
    (Checked, '{"number":-1}', "", "Checked refuses it: ValueError: negative"),
    (Checked, '{"$":"Checked","v":{"number":-1}}', "", "Checked refuses it: ValueError: negative"),
    (list[int], "[" * 5000 + "]" * 5000, "", "nests too deeply"),
]


@pytest.mark.parametrize(("annotation", "payload", "path", "message"), MISFITS, ids=_short)
def test_a_mismatch_says_what_and_where(
    annotation: Any, payload: str, path: str, message: str
) -> None:
    """Expected, got, and the path inside the value."""
    with pytest.raises(ValueMismatch) as caught:
        Reader(annotation, TYPES)(payload)
    assert message in caught.value.message
    assert caught.value.path == path


def test_the_path_leads_through_what_was_recorded() -> None:
    """The path is that of the Python value, tags don't show in it."""
    payload = encode({"a": (1, Box({2: Tree([Draft("t")])}))}, TYPES)
    wrong = payload.replace('"title":"t"', '"titel":"t"')
    with pytest.raises(ValueMismatch, match="titel") as caught:
        decode(wrong, TYPES)
    assert caught.value.path == '["a"][1].content[2].value[0]'


def test_a_subclass_satisfies_its_base() -> None:
    """A recorded Derived goes where a Base is asked for, with its own fields fitted."""
    payload = '{"$":"Derived","v":{"number":1,"more":[1,2]}}'
    assert same(Reader(Base, TYPES)(payload), Derived(1, (1, 2)))


def test_recorded_fields_win_over_post_init() -> None:
    """What __post_init__ derives is there again, what was recorded holds."""
    made = Checked(2)
    made.doubled = 5
    again = Reader(Checked, TYPES)(encode(made, TYPES))
    assert (again.doubled, again.derived) == (5, "made anew")
    assert decode(encode([made], TYPES), TYPES)[0].doubled == 5


def test_a_field_added_since_gets_its_default() -> None:
    """Older data lacks newer fields; each read makes its default afresh."""
    payload = '{"$":"Draft","v":{"title":"t"}}'
    one, other = Reader(Draft, TYPES)(payload), decode(payload, TYPES)
    assert one == other == Draft("t")
    assert one.tags is not other.tags


def test_a_type_may_be_registered_after_the_reader() -> None:
    """The registry is looked at when a payload names a type."""
    types = Types()
    reader = Reader(Stranger, types)
    payload = '{"$":"Stranger","v":{"name":"n"}}'
    with pytest.raises(ValueMismatch, match="no type named 'Stranger'"):
        reader(payload)
    types.add(Stranger)
    assert reader(payload) == Stranger("n")


def test_a_type_that_cannot_be_restored_takes_what_is_there() -> None:
    """An annotation that the codec can't make anything of is no reason to refuse a value."""

    @dataclasses.dataclass
    class Initialised:
        number: dataclasses.InitVar[int]

    assert Reader(Initialised, TYPES)('{"number":1}') == {"number": 1}
    assert Reader(Initialised | None, TYPES)('{"number":1}') == {"number": 1}


def test_records_are_read_quickly_and_thoroughly_alike() -> None:
    """The shadow of a record gives what the thorough way gives."""
    types = sample_types()
    for text in ("plain", "$", "\\u0024", 'a"$"b', "é"):
        draft = Draft(text, 3, ["x"])
        payload = encode(draft, types)
        spaced = json.dumps(json.loads(payload), indent=1)
        for kind in (Draft, Draft | None, Any):
            assert Reader(kind, types)(payload) == Reader(kind, types)(spaced) == draft


def test_an_enum_of_enums_is_told_apart_by_its_tag() -> None:
    """Two enums with the same values are no ambiguity where the payload is tagged."""

    class Other(enum.Enum):
        RED = "red"

    types = sample_types()
    types.add(Other)
    reader = Reader(Color | Other, types)
    assert reader(encode(Other.RED, types)) is Other.RED
    assert reader(encode(Color.RED, types)) is Color.RED
