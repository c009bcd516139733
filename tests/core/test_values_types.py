"""The registry of value types: one name for one type, found by walking annotations."""

import collections.abc
import dataclasses
import enum
import sys
import types as python_types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, NewType, Self, TypedDict, TypeVar

import msgspec
import pydantic
import pytest

from everflow.core.annotations import hints_of
from everflow.core.values import Types, decode, encode
from everflow.errors import NameTaken, ValueRefused
from tests.core.sample_values import Article, Box, Color, Draft, Key, Level, Note, Stranger, Tree

Bound = TypeVar("Bound", bound=Key)
Either = TypeVar("Either", Draft, Note)
Renamed = NewType("Renamed", Draft)


# What `type Alias = Draft` makes from Python 3.12 on.
Alias = type("TypeAliasType", (), {"__value__": Draft})()


class Mapped(TypedDict):
    key: Key


@dataclasses.dataclass
class Odd:
    unknown: "NoSuchName"  # type: ignore[name-defined]  # noqa: F821 - what is imported for checkers only
    broken: "1 / 0"  # type: ignore[valid-type]  # an annotation may be any expression
    draft: "Draft"


class Calling(Generic[Bound]):
    pass


def _names(annotation: object) -> set[str]:
    types = Types()
    types.add_from(annotation)
    return {kind.__name__ for kind in (*WALKED, Odd) if types.name_of(kind)}


WALKED = (Draft, Key, Note, Article, Tree, Color, Level, Box, Stranger)


@pytest.mark.parametrize(
    ("annotation", "names"),
    [
        (Draft, {"Draft"}),
        (Draft | None, {"Draft"}),
        (typing.Union[Draft, Key], {"Draft", "Key"}),  # noqa: UP007 - users write both
        (list[dict[str, tuple[Draft, ...]]], {"Draft"}),
        (Tree, {"Tree", "Color"}),
        (Note, {"Note", "Draft"}),
        (Article, {"Article", "Draft"}),
        (Box[Key], {"Box", "Key"}),
        (Annotated[Draft, Key], {"Draft"}),
        (Literal[Color.RED, "x", 1], {"Color"}),
        (Callable[[Key], Draft], {"Key", "Draft"}),
        (collections.abc.Sequence[Renamed], {"Draft"}),
        (Bound, {"Key"}),
        (Either, {"Draft", "Note"}),
        (Mapped, {"Key"}),
        (Alias, {"Draft"}),
        (Odd, {"Odd", "Draft"}),
        (type[Level], {"Level"}),
        (Any, set()),
        (None, set()),
        ("Draft", set()),
        (3, set()),
        (enum.Enum, set()),
        (msgspec.Struct, set()),
    ],
)
def test_an_annotation_registers_what_it_mentions(annotation: object, names: set[str]) -> None:
    """Generics, unions, fields, bounds: every value type in an annotation is found."""
    assert _names(annotation) == names


def test_names_lead_to_types_and_back() -> None:
    """The default name is the class's own; unknown ones give None."""
    types = Types()
    types.add(Draft)
    types.add(Key, "api.Key")
    assert (types.name_of(Draft), types.by_name("Draft")) == ("Draft", Draft)
    assert (types.name_of(Key), types.by_name("api.Key")) == ("api.Key", Key)
    assert (types.name_of(Note), types.by_name("Note"), types.by_name("Key")) == (None, None, None)
    assert encode(Key("k"), types) == '{"$":"api.Key","v":{"name":"k"}}'


def test_a_registered_type_keeps_its_name() -> None:
    """Neither an annotation nor a second registration takes a given name away."""
    types = Types()
    types.add(Draft, "D")
    types.add(Draft)
    types.add_from(list[Draft])
    assert types.name_of(Draft) == "D"


def test_an_old_name_is_still_read() -> None:
    """A type may be renamed: the new name is written, recorded old ones are read."""
    types = Types()
    types.add(Key, "Old")
    old = encode(Key("k"), types)
    types.add(Key, "New")
    assert encode(Key("k"), types) == '{"$":"New","v":{"name":"k"}}'
    assert decode(old, types) == Key("k")


def _class(name: str, module: str, **fields: Any) -> Any:
    made = dataclasses.make_dataclass(name, fields.items())
    made.__module__ = module
    return made


def test_a_second_type_under_a_name_is_refused() -> None:
    """NameTaken names both types and the way out."""
    types = Types()
    types.add(_class("Draft", "one"))
    with pytest.raises(NameTaken, match=r"belongs to one\.Draft and two\.Draft asks") as caught:
        types.add(_class("Draft", "two"))
    assert "Rename one" in caught.value.hint


def test_a_reloaded_module_replaces_its_types() -> None:
    """The class of the same module and name takes the place; older instances are still written."""
    types = Types()
    before, after = _class("Draft", "one", a=int), _class("Draft", "one", a=int, b=(int))
    types.add(before)
    types.add(after)
    assert types.by_name("Draft") is after
    assert encode(before(1), types) == '{"$":"Draft","v":{"a":1}}'


def test_main_is_the_module_of_its_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class seen as __main__ and by its module's name is one class."""
    main = python_types.ModuleType("__main__")
    main.__file__ = "/somewhere/flows.py"
    monkeypatch.setitem(sys.modules, "__main__", main)
    types = Types()
    types.add(_class("Draft", "__main__"))
    types.add(_class("Draft", "flows"))


@pytest.mark.parametrize("name", ["", "int", "tuple", "map", "datetime"])
def test_the_codecs_own_names_are_taken(name: str) -> None:
    """No type gets the name of a built-in tag."""
    with pytest.raises(NameTaken, match="belongs to the codec"):
        Types().add(Draft, name)


class Made:
    def __new__(cls) -> Self:
        return super().__new__(cls)


@pytest.mark.parametrize(
    "kind",
    [
        int,
        object,
        enum.Enum,
        Mapped,
        Draft("an instance"),
        dataclasses.make_dataclass("Raised", [], bases=(ValueError,)),
        dataclasses.make_dataclass("Own", [], bases=(Made,)),
        dataclasses.make_dataclass("Initialised", [("a", dataclasses.InitVar[int])]),
    ],
)
def test_what_cannot_be_restored_is_not_registered(kind: Any) -> None:
    """Plain classes, exceptions, classes with a __new__ or an InitVar are refused with a hint."""
    types = Types()
    with pytest.raises(ValueRefused) as caught:
        types.add(kind)
    assert caught.value.hint
    types.add_from(kind)
    assert not isinstance(kind, type) or types.name_of(kind) is None


class Defaults(msgspec.Struct, kw_only=True):
    early: int = 1
    needed: int
    late: list[int] = msgspec.field(default_factory=list)


class Derived(msgspec.Struct):
    number: int
    doubled: int = 0

    def __post_init__(self) -> None:
        self.doubled = 2 * self.number


class Loose(pydantic.BaseModel, extra="allow"):
    name: str


@dataclasses.dataclass
class Empty:
    pass


def test_structs_get_their_defaults() -> None:
    """A Struct's missing fields get their defaults, wherever the needed ones stand."""
    types = Types()
    types.add(Defaults)
    assert decode('{"$":"Defaults","v":{"needed":2}}', types) == Defaults(needed=2)


def test_a_structs_recorded_fields_win() -> None:
    """What was recorded holds, whatever the Struct's __post_init__ makes of it."""
    types = Types()
    types.add(Derived)
    made = Derived(1)
    made.doubled = 7
    assert decode(encode(made, types), types).doubled == 7


def test_a_models_extra_fields_are_kept() -> None:
    """A pydantic model that allows extra fields gets them back."""
    types = Types()
    types.add(Loose)
    made = Loose.model_validate({"name": "n", "more": (1,)})
    assert decode(encode(made, types), types) == made


def test_a_record_may_be_empty() -> None:
    """A dataclass without fields is a value."""
    types = Types()
    types.add(Empty)
    assert encode(Empty(), types) == '{"$":"Empty","v":{}}'
    assert decode('{"$":"Empty","v":{}}', types) == Empty()


def test_an_annotation_that_raises_counts_as_any() -> None:
    """Reading annotations never fails: what can't be resolved says nothing."""
    assert hints_of(Odd) == {"unknown": Any, "broken": Any, "draft": Draft}
    assert hints_of(type("Lazy", (), {"__annotations__": 3})) == {}
