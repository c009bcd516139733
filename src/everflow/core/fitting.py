"""Fitting values to annotations: each annotation is made once into a function that checks values.

A fit takes a value that was decoded already (a dataclass as itself, or as the plain object that a
person typed) and gives the value as annotated, or raises Unfit. No fit at all means that anything
goes: Any, free type variables, and what can't be understood. Scalars and containers of scalars are
msgspec's affair; records, enums, and unions that only tags tell apart are looked after here, for
msgspec ignores unknown fields and refuses such unions.
"""

from __future__ import annotations

import collections.abc
import datetime as dt
import decimal
import types
import typing
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import msgspec

from everflow.core.annotations import hints_of, unwrapped
from everflow.core.fits import (
    Fit,
    among,
    each,
    fixed,
    keyed,
    member,
    model,
    named,
    one_of,
    pairs,
    refitted,
    restated,
    scalar,
    told,
)
from everflow.core.kinds import DictKind, EnumKind, ModelKind, RecordKind, is_kind, make_kind
from everflow.core.unfit import at_field, at_key, expected
from everflow.core.upcasts import fields_of
from everflow.errors import ValueRefused

__all__ = ["Fitting", "Plan"]

Scope = dict[Any, Any]

_SCALARS = (
    None,
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    uuid.UUID,
)
# What an annotation's origin is made into, and the types that satisfy it as they are.
_ARRAYS: dict[Any, tuple[Callable[[Any], Any], tuple[type, ...]]] = {
    list: (list, (list,)),
    set: (set, (set,)),
    frozenset: (frozenset, (frozenset,)),
    tuple: (tuple, (tuple,)),
    collections.abc.MutableSequence: (list, (list,)),
    collections.abc.Sequence: (list, (list, tuple)),
    collections.abc.Collection: (list, (list, tuple, set, frozenset)),
    collections.abc.Iterable: (list, (list, tuple, set, frozenset)),
    collections.abc.MutableSet: (set, (set,)),
    collections.abc.Set: (set, (set, frozenset)),
}
_MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_NATIVE_CONTAINERS = (list, set, frozenset, tuple, dict)


class Plan(NamedTuple):
    """A fit, the types that it looks at first in a union, and whether msgspec alone can do it."""

    fit: Fit | None
    takes: tuple[type, ...] = ()
    native: bool = False


_UNKNOWN = Plan(None)


class Fitting:
    """The plans of an annotation and of all that it holds; recursive types refer back to theirs."""

    def __init__(self) -> None:
        self._fields: dict[Any, dict[str, Fit]] = {}

    def plan(self, annotation: Any, scope: Scope | None = None) -> Plan:
        """The plan for an annotation; ``scope`` says what the type variables in it stand for."""
        asked = unwrapped(annotation)
        if not _hashable(asked):
            return _UNKNOWN
        if isinstance(asked, typing.TypeVar):
            # Not native: msgspec would see the variable, not what it stands for here.
            return self.plan((scope or {}).get(asked, Any), None)._replace(native=False)
        origin = typing.get_origin(asked) or asked
        planner = self._planners.get(origin)
        if planner is not None:
            return planner(self, asked, origin, scope)
        if typing.is_typeddict(origin):
            return self._typed_dict(origin)
        return self._kind(asked, origin, scope) if is_kind(origin) else _UNKNOWN

    def _settled(self, asked: Any, fit: Fit, takes: tuple[type, ...], *, native: bool) -> Plan:
        """The plan, by way of msgspec where it can do the same."""
        if not native or not _supported(asked):
            return Plan(fit, takes)
        return Plan(_converting(asked, fit), takes, native=True)

    def _anything(self, _asked: Any, _origin: Any, _scope: Scope | None) -> Plan:
        return Plan(None, native=True)

    def _scalar(self, _asked: Any, origin: Any, _scope: Scope | None) -> Plan:
        kind = type(None) if origin is None else origin
        return Plan(scalar(kind), (kind,), native=True)

    def _annotated(self, asked: Any, _origin: Any, scope: Scope | None) -> Plan:
        inner = self.plan(typing.get_args(asked)[0], scope)
        if inner.fit is None or not inner.native or not _supported(asked):
            return inner
        return Plan(_converting(asked, inner.fit), inner.takes, native=True)

    def _union(self, asked: Any, _origin: Any, scope: Scope | None) -> Plan:
        plans = [self.plan(member, scope) for member in typing.get_args(asked)]
        if any(plan.fit is None for plan in plans):
            return _UNKNOWN
        takes = tuple(kind for plan in plans for kind in plan.takes)
        native = all(plan.native for plan in plans)
        return self._settled(
            asked,
            one_of([(plan.fit, plan.takes) for plan in plans if plan.fit], told(asked)),
            takes,
            native=native,
        )

    def _literal(self, asked: Any, _origin: Any, _scope: Scope | None) -> Plan:
        values = typing.get_args(asked)
        takes = tuple({type(value) for value in values})
        native = all(kind in {int, str, type(None)} for kind in takes)
        return self._settled(asked, among(values), takes, native=native)

    def _array(self, asked: Any, origin: Any, scope: Scope | None) -> Plan:
        make, takes = _ARRAYS[origin]
        args = typing.get_args(asked)
        if origin is tuple and asked is not tuple and args[-1:] != (...,):
            plans = [self.plan(arg, scope) for arg in args]
            fit = fixed([plan.fit for plan in plans])
            native = all(plan.native for plan in plans)
            return self._settled(asked, fit, takes, native=native)
        inner = self.plan(args[0] if args else Any, scope)
        native = inner.native and origin in _NATIVE_CONTAINERS
        return self._settled(asked, each(make, takes, inner.fit), takes, native=native)

    def _map(self, asked: Any, origin: Any, scope: Scope | None) -> Plan:
        args = typing.get_args(asked) or (Any, Any)
        key, value = self.plan(args[0], scope), self.plan(args[1], scope)
        native = key.native and value.native and origin in _NATIVE_CONTAINERS
        fit = pairs(key.fit and keyed(key.fit, args[0]), value.fit)
        return self._settled(asked, fit, (dict,), native=native)

    def _typed_dict(self, kind: Any) -> Plan:
        fits = self._fits(kind, kind, {})
        known = DictKind(kind)

        def fit(value: Any) -> Any:
            if type(value) is not dict:
                raise expected(known.name, value)
            return known.restore(named(value, fits, at_key))

        return Plan(fit, (dict,))

    def _kind(self, asked: Any, origin: type, scope: Scope | None) -> Plan:
        try:
            known = make_kind(origin, origin.__name__)
        except ValueRefused:
            return _UNKNOWN
        if isinstance(known, EnumKind):
            return Plan(member(known), (origin,))
        if isinstance(known, ModelKind):
            return Plan(model(known), (origin,))
        parameters = getattr(origin, "__parameters__", ())
        inner = {
            name: (scope or {}).get(arg, arg)
            for name, arg in zip(parameters, typing.get_args(asked), strict=False)
        }
        fits = self._fits(asked, origin, inner)
        return Plan(self._record(known, fits), (origin,))

    def _record(self, known: RecordKind, fits: dict[str, Fit]) -> Fit:
        kind, name = known.type, known.name
        keys = dict(zip(known.attributes, known.keys, strict=True))

        def fresh(plain: Any) -> Any:
            by_key = {keys[attribute]: field for attribute, field in fits.items()}
            fields = named(fields_of(name, plain), by_key, at_field)
            return known.restore(fields, recorded=False)

        def fit(value: Any) -> Any:
            if type(value) is kind:
                return refitted(value, fits, known.put)
            if isinstance(value, kind):
                below = self._fits(type(value), type(value), {})
                return refitted(value, below, known.put)
            plain = known.spread(value)
            if plain is None:
                raise expected(name, value)
            return known.history.read_plain(name, plain, fresh)

        return fit

    def _fits(self, asked: Any, kind: type, scope: Scope) -> dict[str, Fit]:
        """The fits of a class's attributes, those that there are; filled in after it is known."""
        fits = self._fields.get(asked)
        if fits is None:
            fits = self._fields[asked] = {}
            known = getattr(kind, "__struct_fields__", None) or getattr(
                kind, "__dataclass_fields__", kind.__annotations__
            )
            for attribute, annotation in hints_of(kind).items():
                fit = self.plan(annotation, scope).fit
                if attribute in known and fit is not None:
                    fits[attribute] = fit
        return fits

    _planners: ClassVar[dict[Any, Callable[[Fitting, Any, Any, Scope | None], Plan]]] = {
        Any: _anything,
        object: _anything,
        typing.Annotated: _annotated,
        typing.Union: _union,
        types.UnionType: _union,
        typing.Literal: _literal,
        **dict.fromkeys(_SCALARS, _scalar),
        **dict.fromkeys(_ARRAYS, _array),
        **dict.fromkeys(_MAPS, _map),
    }


def _hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True


def _supported(annotation: Any) -> bool:
    """Whether msgspec can decode to it."""
    try:
        msgspec.json.Decoder(annotation)
    except (TypeError, NameError):
        return False
    return True


def _converting(annotation: Any, spelled: Fit) -> Fit:
    """A fit by msgspec alone; when it fails, the spelled-out fit is asked for the place."""

    def fit(value: Any) -> Any:
        try:
            return msgspec.convert(value, annotation, str_keys=True)
        except ValueError as error:
            spelled(value)
            raise restated(error, annotation, value) from None

    return fit
