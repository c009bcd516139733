"""Kinds of value types: what the codec knows of a dataclass, Struct, enum or pydantic model.

A record is restored as it was recorded: field by field, the class's ``__init__`` isn't run;
its ``__post_init__`` or its pydantic validators are, and they are the only code of the user's that
decoding runs.
"""

from __future__ import annotations

import dataclasses
import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from typing import Any

import msgspec

from everflow.core.unfit import Unfit, at_field, short
from everflow.core.upcasts import history_of, tag_of
from everflow.errors import ValueRefused

__all__ = ["EnumKind", "Kind", "RecordKind", "is_kind", "make_kind"]

_MISSING: Any = object()


class Kind:
    """A registered type, its name in data, and how the text of each of its values begins."""

    __slots__ = ("history", "name", "prefix", "tag", "type")

    def __init__(self, kind: type, name: str) -> None:
        self.type = kind
        self.name = name
        self.history = history_of(kind)
        self.tag = tag_of(name, self.history.version)
        self.prefix = f'{{"$":{msgspec.json.encode(self.tag).decode()},"v":'


class EnumKind(Kind):
    """An enum: its members are recorded by their values."""

    __slots__ = ("_members",)

    def __init__(self, kind: type[enum.Enum], name: str) -> None:
        super().__init__(kind, name)
        self._members = kind._value2member_map_

    def member(self, value: Any) -> object:
        """The member of that very value (1 isn't True); Unfit when there is none."""
        try:
            found: Any = self._members.get(value)
        except TypeError:  # an unhashable value: enums keep those out of their map
            found = None
        if found is None:
            found = next((m for m in self._all() if m._value_ == value), None)
        if found is None and issubclass(self.type, enum.Flag) and type(value) is int:
            found = self._flags(value)
        if found is None or type(found._value_) is not type(value):
            values = short(", ".join(repr(member._value_) for member in self._all()))
            raise Unfit(f"{short(repr(value))} is no value of {self.name}, which has {values}")
        return found

    def _all(self) -> Iterable[Any]:
        kind: Any = self.type
        members: dict[str, Any] = kind.__members__
        return members.values()

    def _flags(self, value: int) -> Any:
        kind: Any = self.type
        try:
            return kind(value)
        except ValueError:
            return None


class RecordKind(Kind, ABC):
    """A type with named fields. ``keys`` are their names in data, ``attributes`` in Python.

    ``required`` are the keys of fields without a default; ``by_name`` says that plain JSON of the
    type is an object of just these fields.
    """

    __slots__ = ("_pairs", "attributes", "by_name", "keys", "known", "put", "required")

    def __init__(
        self,
        kind: type,
        name: str,
        attributes: tuple[str, ...],
        keys: tuple[str, ...],
        put: Callable[[Any, str, Any], None],
    ) -> None:
        super().__init__(kind, name)
        self.attributes = attributes
        self.keys = keys
        self.known = frozenset(keys)
        self.put = put
        self.required: tuple[str, ...] = ()
        self.by_name = True
        self._pairs = tuple(zip(keys, attributes, strict=True))

    def read(self, value: Any) -> dict[str, Any]:
        """The fields of an instance by their keys, in declared order."""
        try:
            return {key: getattr(value, name) for key, name in self._pairs}
        except AttributeError as error:
            raise Unfit(f"a field of {self.name} was never set: {error}") from None

    @abstractmethod
    def restore(self, fields: dict[str, Any], *, recorded: bool = True) -> object:
        """An instance of these fields; those added since get their defaults.

        With ``recorded`` the fields hold what they held, whatever ``__post_init__`` makes of them.
        Unfit for unknown fields, for missing ones without a default, and where the class refuses.
        """

    def spread(self, value: Any) -> dict[str, Any] | None:
        """Plain JSON that may stand for an instance as fields by their keys; None if it can't."""
        return value if type(value) is dict else None

    def check(self, fields: Mapping[str, Any], required: Iterable[str]) -> None:
        """Unfit for fields that the type doesn't have and for required ones that are missing."""
        unknown = [key for key in fields if key not in self.known]
        if unknown:
            known = ", ".join(self.keys) or "none"
            names = ", ".join(short(repr(key)) for key in unknown[:5])
            raise Unfit(f"{self.name} has no field {names}", f"Its fields are: {known}.")
        missing = [key for key in required if key not in fields]
        if missing:
            raise Unfit(
                f"{self.name} lacks its field {', '.join(map(repr, missing))}",
                "A field that older data can't have needs a default.",
            )


class DataclassKind(RecordKind):
    """A dataclass, frozen or with slots or neither."""

    __slots__ = ("_defaults", "_post")

    def __init__(self, kind: Any, name: str) -> None:
        fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(kind)
        names = tuple(field.name for field in fields)
        super().__init__(kind, name, names, names, object.__setattr__)
        self._defaults: dict[str, Callable[[], Any]] = {}
        for field in fields:
            if field.default_factory is not dataclasses.MISSING:
                self._defaults[field.name] = field.default_factory
            elif field.default is not dataclasses.MISSING:
                self._defaults[field.name] = repeat(field.default).__next__
        self.required = tuple(name for name in names if name not in self._defaults)
        self._post = hasattr(kind, "__post_init__")

    def restore(self, fields: dict[str, Any], *, recorded: bool = True) -> object:
        if fields.keys() != self.known:
            self.check(fields, self.required)
            fields = {k: fields[k] if k in fields else self._defaults[k]() for k in self.keys}
        made: Any = object.__new__(self.type)
        put = object.__setattr__
        for key, value in fields.items():
            put(made, key, value)
        if self._post:
            _told(self.name, made.__post_init__)
            if recorded:
                for key, value in fields.items():
                    put(made, key, value)
        return made


class StructKind(RecordKind):
    """A msgspec Struct. Its keys are its encoded names, so that ``rename`` holds in data too."""

    __slots__ = ("_array", "_post", "_tag")

    def __init__(self, kind: Any, name: str) -> None:
        config = kind.__struct_config__
        self._tag: dict[str, Any] = {config.tag_field: config.tag} if config.tag_field else {}
        attributes, keys = kind.__struct_fields__, kind.__struct_encode_fields__
        super().__init__(kind, name, attributes, keys, msgspec.structs.force_setattr)
        self._array = config.array_like
        self.by_name = not (self._tag or self._array)
        defaults = kind.__struct_defaults__
        # The defaults belong to the last fields; a keyword-only field among them may have none.
        padded = (msgspec.NODEFAULT,) * (len(keys) - len(defaults)) + defaults
        self.required = tuple(
            key for key, default in zip(keys, padded, strict=True) if default is msgspec.NODEFAULT
        )
        self._post = hasattr(kind, "__post_init__")

    def spread(self, value: Any) -> dict[str, Any] | None:
        if self._array and type(value) is list:
            value = dict(zip((*self._tag, *self.keys), value, strict=False))
        if type(value) is not dict:
            return None
        tagged = {key: value[key] for key in self._tag if key in value}
        if tagged and tagged != self._tag:
            return None
        return {key: item for key, item in value.items() if key not in tagged}

    def restore(self, fields: dict[str, Any], *, recorded: bool = True) -> object:
        if fields.keys() != self.known:
            self.check(fields, self.required)
        names = dict(zip(self.keys, self.attributes, strict=True))
        given = {names[key]: value for key, value in fields.items()}
        made: Any = _told(self.name, self.type, **given)
        if self._post and recorded:
            for attribute, value in given.items():
                self.put(made, attribute, value)
        return made


class DictKind(RecordKind):
    """A TypedDict: it annotates plain dicts and is never registered."""

    __slots__ = ()

    def __init__(self, kind: Any) -> None:
        keys = tuple(kind.__annotations__)
        super().__init__(kind, kind.__name__, keys, keys, dict.__setitem__)
        self.required = tuple(key for key in keys if key in kind.__required_keys__)

    def restore(self, fields: dict[str, Any], *, recorded: bool = True) -> object:
        del recorded  # nothing but the fields makes the dict
        self.check(fields, self.required)
        return fields


class ModelKind(RecordKind):
    """A pydantic model (2.11 or later), by field names; its validators run when it is restored."""

    __slots__ = ("_root",)

    def __init__(self, kind: Any, name: str) -> None:
        names = tuple(kind.__pydantic_fields__)
        super().__init__(kind, name, names, names, object.__setattr__)
        self._root = bool(getattr(kind, "__pydantic_root_model__", False))

    def read(self, value: Any) -> dict[str, Any]:
        if value.__pydantic_private__:
            raise Unfit(
                f"{self.name} has private attributes, which aren't recorded",
                "Keep what matters in fields.",
            )
        return {**super().read(value), **(value.__pydantic_extra__ or {})}

    def restore(self, fields: dict[str, Any], *, recorded: bool = True) -> object:
        kind: Any = self.type
        if not recorded:
            return _told(self.name, kind.model_validate, fields)
        if kind.model_config.get("extra") != "allow":
            self.check(fields, ())
        content = fields.get("root", _MISSING) if self._root else fields
        if content is _MISSING:
            raise Unfit(f"{self.name} lacks its field 'root'")
        return _told(self.name, kind.model_validate, content, by_name=True, by_alias=False)


def _told(name: str, call: Callable[..., Any], *args: Any, **fields: Any) -> object:
    """What the user's class makes of the fields; what it raises says that it refuses them."""
    try:
        return call(*args, **fields)
    except Exception as error:
        raise _refusal(name, error) from error


def _refusal(name: str, error: Exception) -> Unfit:
    """The class's own words; pydantic's first complaint is taken apart into path and sentence."""
    listed = getattr(error, "errors", None)
    if not (callable(listed) and isinstance(error, ValueError)):
        return Unfit(f"{name} refuses it: {type(error).__name__}: {error}")
    first = listed(include_url=False)[0]
    unfit = Unfit(f"{name} refuses it: {first['msg']}")
    for step in reversed(first["loc"]):
        unfit.inside(f"[{step}]" if isinstance(step, int) else at_field(step))
    return unfit


def is_kind(kind: Any) -> bool:
    """Whether a class is one that can be registered: enum, Struct, pydantic model or dataclass."""
    return isinstance(kind, type) and (
        (issubclass(kind, enum.Enum) and bool(kind.__members__))
        or (issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct)
        or hasattr(kind, "__pydantic_fields__")
        or dataclasses.is_dataclass(kind)
    )


def make_kind(kind: Any, name: str) -> EnumKind | RecordKind:
    """What the codec has to know of a class; ValueRefused for one that it can't restore."""
    if not is_kind(kind):
        raise ValueRefused(
            f"{kind!r} is no type of values",
            hint="Register a dataclass, an enum, a msgspec Struct or a pydantic model.",
        )
    if issubclass(kind, enum.Enum):
        return EnumKind(kind, name)
    if issubclass(kind, msgspec.Struct):
        return StructKind(kind, name)
    if not dataclasses.is_dataclass(kind):
        return ModelKind(kind, name)
    if kind.__new__ is not object.__new__:
        raise ValueRefused(
            f"{name} makes its instances by a __new__ of its own or a built-in base's",
            hint="Use a dataclass that derives from plain classes only.",
        )
    # The mark that dataclasses leave on pseudo-fields has no public name.
    marks = [getattr(field, "_field_type", None) for field in kind.__dataclass_fields__.values()]
    if "_FIELD_INITVAR" in map(repr, marks):
        raise ValueRefused(
            f"{name} has an InitVar, which no instance keeps",
            hint="Make it a field, or build the value outside of the dataclass.",
        )
    return DataclassKind(kind, name)
