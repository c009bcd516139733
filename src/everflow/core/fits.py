"""The fits themselves: functions that check one value, each made by a function that says for what.

A fit gives the value as annotated, the same object where nothing had to change, or raises Unfit. It
converts only what JSON can't say (a list to a set, text to a date, an object to a record) and what
Python takes for the same (an integer where a float is asked for).
"""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from everflow.core.annotations import is_union
from everflow.core.kinds import EnumKind, ModelKind
from everflow.core.unfit import Unfit, at_field, at_index, at_key, expected

__all__ = [
    "Fit",
    "among",
    "each",
    "fixed",
    "keyed",
    "member",
    "model",
    "named",
    "one_of",
    "pairs",
    "refitted",
    "restated",
    "scalar",
    "told",
]

Fit = Callable[[Any], Any]
_ARRAYS = (list, tuple, set, frozenset)


def told(annotation: Any) -> str:
    """An annotation as messages show it."""
    if annotation is type(None):
        return "None"
    if is_union(annotation):
        return " | ".join(told(arg) for arg in typing.get_args(annotation))
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def restated(error: ValueError, annotation: Any, value: Any) -> Unfit:
    """The complaint of msgspec in our words, or its own where it says more than the types."""
    text = str(error).split(" - at ")[0].replace("`", "")
    if ", got " in text:
        return expected(told(annotation), value)
    return Unfit(text[:1].lower() + text[1:])


def scalar(kind: type) -> Fit:
    """A JSON scalar or one of the types that JSON writes as text or as a number."""

    def fit(value: Any) -> Any:
        if type(value) is kind:
            return value
        try:
            return msgspec.convert(value, kind)
        except ValueError as error:
            raise restated(error, kind, value) from None

    return fit


def among(values: tuple[Any, ...]) -> Fit:
    """A Literal: one of these very values, enum members also by what they stand for."""

    def fit(value: Any) -> Any:
        for allowed in values:
            plain = allowed._value_ if isinstance(allowed, enum.Enum) else allowed
            if value is allowed or (type(value) is type(plain) and value == plain):
                return allowed
        raise expected(f"one of {', '.join(map(repr, values))}", value)

    return fit


def each(make: Callable[[Any], Any], takes: tuple[type, ...], item: Fit | None) -> Fit:
    """A list, tuple or set of what ``item`` fits; kept as it is if its type is among ``takes``."""

    def fit(value: Any) -> Any:
        kind = type(value)
        if kind not in _ARRAYS:
            raise expected(takes[0].__name__, value)
        if item is None:
            out = value
        else:
            out = []
            try:
                for part in value:
                    out.append(item(part))
            except Unfit as unfit:
                raise unfit.inside(at_index(len(out))) from None
        wanted = kind if kind in takes else make
        try:
            return out if type(out) is wanted else wanted(out)
        except TypeError as error:
            raise Unfit(f"a set can't hold it: {error}") from None

    return fit


def fixed(items: list[Fit | None]) -> Fit:
    """A tuple of just these parts."""

    def fit(value: Any) -> Any:
        if type(value) not in {list, tuple}:
            raise expected("tuple", value)
        if len(value) != len(items):
            raise Unfit(f"expected a tuple of {len(items)}, got {len(value)} parts")
        out: list[Any] = []
        try:
            for item, part in zip(items, value, strict=True):
                out.append(part if item is None else item(part))
        except Unfit as unfit:
            raise unfit.inside(at_index(len(out))) from None
        return tuple(out)

    return fit


def keyed(fit_key: Fit, annotation: Any) -> Fit:
    """A dict's key: JSON has strings alone, so that numbers are read from them."""

    def fit(key: Any) -> Any:
        try:
            return fit_key(key)
        except Unfit:
            if type(key) is not str:
                raise
            try:
                return fit_key(msgspec.convert(key, annotation, strict=False))
            except (ValueError, TypeError):
                pass
            raise

    return fit


def pairs(fit_key: Fit | None, fit_value: Fit | None) -> Fit:
    """A dict of what the two fit."""

    def fit(value: Any) -> Any:
        if type(value) is not dict:
            raise expected("dict", value)
        made = {}
        for key, item in value.items():
            try:
                good = key if fit_key is None else fit_key(key)
                made[good] = item if fit_value is None else fit_value(item)
            except Unfit as unfit:
                raise unfit.inside(at_key(key)) from None
        return made

    return fit


def named(plain: Mapping[str, Any], fits: Mapping[str, Fit], step: Callable[[str], str]) -> Any:
    """A plain object with its known fields fitted; the others as they are."""
    made = {}
    for key, value in plain.items():
        fit = fits.get(key)
        try:
            made[key] = value if fit is None else fit(value)
        except Unfit as unfit:
            raise unfit.inside(step(key)) from None
    return made


def refitted(value: Any, fits: Mapping[str, Fit], put: Callable[[Any, str, Any], None]) -> Any:
    """A record with its fields fitted in place, all or none: it is fresh and nobody else's yet."""
    changed = {}
    for name, fit in fits.items():
        old = getattr(value, name)
        try:
            new = fit(old)
        except Unfit as unfit:
            raise unfit.inside(at_field(name)) from None
        if new is not old:
            changed[name] = new
    for name, new in changed.items():
        put(value, name, new)
    return value


def member(known: EnumKind) -> Fit:
    """An enum's member, or its value as plain JSON."""

    def fit(value: Any) -> Any:
        if isinstance(value, known.type):
            return value
        return known.history.read_plain(known.name, value, known.member)

    return fit


def model(known: ModelKind) -> Fit:
    """A pydantic model: validated when it was restored, or made from plain JSON by its class."""

    def fresh(plain: Any) -> Any:
        return known.restore(plain, recorded=False)

    def fit(value: Any) -> Any:
        if isinstance(value, known.type):
            return value
        return known.history.read_plain(known.name, value, fresh)

    return fit


def one_of(members: Iterable[tuple[Fit, tuple[type, ...]]], wanted: str) -> Fit:
    """A union: first the members that take the value's own type, then the others, in order."""
    members = list(members)

    def fit(value: Any) -> Any:
        kind = type(value)
        first = [one for one, takes in members if kind in takes]
        others = [one for one, takes in members if kind not in takes]
        faults = []
        for one in [*first, *others]:
            try:
                return one(value)
            except Unfit as unfit:
                faults.append(unfit)
        if len(first) == 1:
            raise faults[0]
        deepest = max(faults, key=lambda fault: len(fault.trail))
        raise deepest if deepest.trail else expected(wanted, value)

    return fit
