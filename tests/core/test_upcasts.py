"""Types that changed: what older code recorded is read as today's values; nothing is guessed."""

import dataclasses
import enum
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest

from everflow.core.algebra import upcast, value
from everflow.core.combine.parallel import gather
from everflow.core.registry import Registry
from everflow.core.upcasts import declare, split_tag, tag_of
from everflow.core.values import Reader, Types, decode, encode
from everflow.errors import NameTaken, ValueMismatch, WrongArgument

Fields = dict[str, Any]


@value(version=3, was="Purchase")
@dataclasses.dataclass(frozen=True)
class Basket:
    lines: tuple[str, ...]
    total: Decimal
    currency: str


@upcast(Basket, 1)
def total_of_cents(fields: Fields) -> Fields:
    return {"lines": fields["lines"], "total": Decimal(fields["cents"]) / 100}


@upcast(Basket, 2)
def in_euros(fields: Fields) -> Fields:
    return {**fields, "currency": "EUR"}


@value(version=2)
class Parcel(msgspec.Struct, rename="camel", kw_only=True):
    sent_on: date
    weight_g: int


@upcast(Parcel)
def kilos_to_grams(fields: Fields) -> Fields:
    return {"sentOn": fields["sentOn"], "weightG": round(fields["weightKg"] * 1000)}


@value(version=2)
class Shade(enum.Enum):
    GREY = "grey"
    BLACK = "black"


@upcast(Shade)
def british(old: str) -> str:
    return "grey" if old == "gray" else old


@value(version=2)
class Badge(pydantic.BaseModel):
    holder: str


@upcast(Badge)
def holder_of_name(fields: Fields) -> Fields:
    return {"holder": fields["name"]}


@pytest.fixture
def types() -> Types:
    types = Types()
    for kind in (Basket, Parcel, Shade, Badge):
        types.add(kind)
    return types


BASKET = Basket(("tea",), Decimal("2.5"), "EUR")


@pytest.mark.parametrize(
    ("payload", "now"),
    [
        ('{"$":"Basket","v":{"lines":{"$":"tuple","v":["tea"]},"cents":250}}', BASKET),
        ('{"$":"Purchase","v":{"lines":{"$":"tuple","v":["tea"]},"cents":250}}', BASKET),
        (
            '{"$":"Basket@2","v":{"lines":["tea"],"total":{"$":"decimal","v":"2.5"}}}',
            BASKET,
        ),
        (
            '{"$":"Purchase@3","v":{"lines":["tea"],"total":"2.5","currency":"EUR"}}',
            BASKET,
        ),
        (
            '{"$":"Parcel","v":{"sentOn":{"$":"date","v":"2026-01-02"},"weightKg":1.5}}',
            Parcel(sent_on=date(2026, 1, 2), weight_g=1500),
        ),
        ('{"$":"Shade","v":"gray"}', Shade.GREY),
        ('{"$":"Badge","v":{"name":"Ann"}}', Badge(holder="Ann")),
    ],
)
def test_what_was_recorded_long_ago_is_read_as_today(
    types: Types, payload: str, now: object
) -> None:
    """Golden texts of every version: each goes through all upcasts since, in order."""
    assert Reader(type(now), types)(payload) == now
    assert type(decode(payload, types)) is type(now)


def test_the_version_is_written_from_the_second_on(types: Types) -> None:
    """The first version needs no number, so that types which never change look as ever."""
    assert encode(BASKET, types).startswith('{"$":"Basket@3","v":')
    assert encode([Shade.GREY], types) == '[{"$":"Shade@2","v":"grey"}]'
    assert decode(encode(BASKET, types), types) == BASKET


def test_nested_values_are_raised_too(types: Types) -> None:
    """A value inside a list, and one inside another type's fields, are read as today's."""
    old = '[{"$":"Basket","v":{"lines":{"$":"tuple","v":[{"$":"Shade","v":"gray"}]},"cents":1}}]'
    (basket,) = decode(old, types)
    assert basket.lines == (Shade.GREY,)


@pytest.mark.parametrize(
    ("plain", "now"),
    [
        ('{"lines":["tea"],"total":"2.5","currency":"EUR"}', BASKET),
        ('{"lines":["tea"],"total":"2.5"}', BASKET),
        ('{"lines":["tea"],"cents":250}', BASKET),
        ('"gray"', Shade.GREY),
        ('{"name":"Ann"}', Badge(holder="Ann")),
    ],
)
def test_plain_json_is_the_newest_version_that_it_fits(
    types: Types, plain: str, now: object
) -> None:
    """An answer bears no version: one given under the old form is read by the upcasts (B053)."""
    assert Reader(type(now), types)(plain) == now


def test_plain_json_that_fits_no_version_is_refused_as_todays(types: Types) -> None:
    """The complaint speaks of the fields that there are now."""
    with pytest.raises(ValueMismatch, match="Basket has no field 'price'"):
        Reader(Basket, types)('{"price":3}')


def test_a_type_that_is_gone_leaves_an_upcast_by_its_name(types: Types) -> None:
    """What the function gives takes the value's place."""
    registry = Registry()

    @upcast("Envelope", registry=registry)
    def opened(fields: Fields) -> Any:
        return fields["letter"]

    assert decode('{"$":"Envelope","v":{"letter":[1]}}', registry.types) == [1]
    with pytest.raises(ValueMismatch, match="no type named 'Envelope@2'"):
        decode('{"$":"Envelope@2","v":{"letter":[1]}}', registry.types)
    with pytest.raises(WrongArgument, match="Envelope has an upcast from version 1 already"):
        upcast("Envelope", registry=registry)(opened)


@value(version=4)
@dataclasses.dataclass
class Chain:
    links: int


@upcast(Chain, 1)
def broken(fields: Fields) -> Any:
    return [fields["links"]]


@upcast(Chain, 3)
def odd(fields: Fields) -> Any:
    return list(fields)


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ('{"$":"Chain","v":{"links":1}}', "no upcast leads Chain from version 2 to 3"),
        ('{"$":"Chain","v":{}}', "the upcast of Chain from version 1 raised KeyError: 'links'"),
        ('{"$":"Chain@3","v":{"links":1}}', "the upcasts of Chain gave list, not a dict"),
        ('{"$":"Chain@5","v":{"links":1}}', "version 5 of Chain, and this code has 4"),
        ('{"$":"Chain@04","v":{"links":1}}', "no type named 'Chain@04'"),
        ('{"$":"Chain@x","v":{"links":1}}', "no type named 'Chain@x'"),
        ('{"$":"Chain@99999999999","v":1}', "no type named 'Chain@99999999999'"),
    ],
)
def test_a_broken_chain_says_where(payload: str, complaint: str) -> None:
    """Nothing is guessed at: the fault names the type and the version."""
    types = Types()
    types.add(Chain)
    with pytest.raises(ValueMismatch, match=complaint):
        decode(payload, types)


def _early() -> None:
    upcast(Basket, 3)(in_euros)


def _twice() -> None:
    upcast(Basket, 2)(in_euros)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (_early, "Basket is of version 3, so no upcast leads from 3"),
        (_twice, "Basket has an upcast from version 2 already"),
        (lambda: declare(Basket, 0, ()), "a version is a whole number from 1 on, not 0"),
        (lambda: declare(Basket, 2, ("A@1",)), "'A@1' is no former name of a type"),
    ],
)
def test_a_history_that_can_not_be_is_refused(wrong: Callable[[], None], complaint: str) -> None:
    """A mistake is found when the module is imported."""
    with pytest.raises(WrongArgument, match=complaint):
        wrong()


def test_a_former_name_of_another_type_is_refused(types: Types) -> None:
    """One name stands for one type, its former names too."""

    @dataclasses.dataclass
    class Crate:
        x: int

    declare(Crate, 1, ("Basket",))
    with pytest.raises(NameTaken, match="the type name 'Basket' belongs to"):
        types.add(Crate)
    with pytest.raises(NameTaken, match="belongs to the codec itself"):
        types.add(Parcel, "Parcel@2")


def test_a_base_class_has_a_history_of_its_own() -> None:
    """A subclass doesn't inherit the versions of its base."""

    class Express(Parcel):
        pass

    types = Types()
    types.add(Express)
    express = Express(sent_on=date(2026, 1, 2), weight_g=1)
    assert encode(express, types).startswith('{"$":"Express",')


def test_gather_makes_values_of_todays_version() -> None:
    """What the machine puts together is named as what a node returns."""
    made = gather(Chain, links=lambda _: 1)
    assert made.shape()["form"] == "Chain@4"


@pytest.mark.parametrize(("name", "version"), [("A", 1), ("A", 2), ("A b", 12)])
def test_tags_are_read_as_they_are_written(name: str, version: int) -> None:
    """A name with its version, there and back."""
    assert split_tag(tag_of(name, version)) == (name, version)


def test_a_reloaded_module_brings_the_next_version(types: Types) -> None:
    """After a reload the tag of the version before leads through the upcasts."""

    def module(version: int) -> type:
        @dataclasses.dataclass
        class Reloaded:
            x: int

        declare(Reloaded, version, ())
        return Reloaded

    types.add(module(1))
    newer = module(2)
    upcast(newer, 1)(lambda fields: {"x": fields["x"] + 1})
    types.add(newer)
    assert decode('{"$":"Reloaded","v":{"x":1}}', types) == newer(2)
