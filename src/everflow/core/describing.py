"""Annotations as JSON Schema: msgspec's own description, completed where a Reader asks for more.

A description is never narrower than what the Reader takes from plain JSON. What can't be described
is ``{}``, which takes anything, and is that by itself: one odd field leaves its record described.
"""

from __future__ import annotations

import collections.abc
import datetime as dt
import enum
import typing
from typing import Any

import msgspec

from everflow.core.annotations import classes_in, hints_of, is_union, unwrapped
from everflow.core.kinds import ModelKind, RecordKind, is_kind, make_kind
from everflow.errors import ValueRefused

__all__ = ["Schema", "schema_of"]

Schema = dict[str, Any]
# msgspec names no format for these two, as JSON Schema's own demands a time zone; ours doesn't.
_UNNAMED = {dt.datetime: "date-time", dt.time: "time"}
_SCALARS = (str, int, float, bool, type(None))
_LISTS = (list, collections.abc.Sequence)
_MAPS = (dict, collections.abc.Mapping)


def schema_of(annotation: Any) -> Schema:
    """The JSON Schema (2020-12) of the plain JSON that an annotation takes; ``{}`` for any JSON."""
    definitions: Schema = {}
    try:
        schema = _described(annotation, definitions, ())
    except _Clash:
        return {}
    return {**schema, "$defs": definitions} if definitions else schema


class _Clash(Exception):
    """Two types of one name: their definitions can't stand side by side."""


def _described(annotation: Any, definitions: Schema, within: tuple[Any, ...]) -> Schema:
    """The schema without its definitions, which are added to ``definitions``."""
    asked = unwrapped(annotation)
    own = getattr(asked, "model_json_schema", None)
    try:
        schema: Schema = own() if own else msgspec.json.schema(asked, schema_hook=_anything)
    except Exception:  # noqa: BLE001 - annotations are the user's, and may fail to resolve anyhow
        return _by_parts(asked, definitions, within)
    added: Schema = schema.pop("$defs", {})
    for record in (schema, *added.values()):
        if "properties" in record:
            record.setdefault("additionalProperties", False)
    _name_formats(schema, asked)
    for kind in classes_in(asked, is_kind):
        if kind.__name__ in added:
            added[kind.__name__] = _completed(kind, added[kind.__name__])
    for name, definition in added.items():
        _add(definitions, name, definition)
    return schema


def _add(definitions: Schema, name: str, definition: Schema) -> None:
    if definitions.setdefault(name, definition) != definition:
        raise _Clash(name)


def _anything(kind: type) -> Schema:
    # Not simply {}, which msgspec takes for a refusal; a title alone constrains nothing.
    return {"title": kind.__name__}


def _completed(kind: type, definition: Schema) -> Schema:
    """A definition with what msgspec leaves out: formats, and the sums of flags."""
    if issubclass(kind, enum.Flag):
        most = sum(member.value for member in kind)
        return {"title": kind.__name__, "type": "integer", "minimum": 0, "maximum": most}
    for name, hint in hints_of(kind).items():
        _name_formats(definition.get("properties", {}).get(name, {}), hint)
    return definition


def _name_formats(node: Schema, annotation: Any) -> None:
    """Names the formats that msgspec leaves out, where the annotation is at hand."""
    asked = unwrapped(annotation)
    if is_union(asked):
        texts = [member for member in node.get("anyOf", ()) if member.get("type") == "string"]
        for arg in typing.get_args(asked):
            for text in texts:
                _name_formats(text, arg)
    elif node.get("type") == "array" and isinstance(node.get("items"), dict):
        for arg in typing.get_args(asked)[:1]:
            _name_formats(node["items"], arg)
    elif asked in (dt.datetime, dt.time) and node.get("type") == "string":
        node.setdefault("format", _UNNAMED[asked])


def _by_parts(asked: Any, definitions: Schema, within: tuple[Any, ...]) -> Schema:
    """What msgspec doesn't describe as a whole, such as a union of two dataclasses."""
    args = typing.get_args(asked)
    origin = typing.get_origin(asked)
    if is_union(asked):
        return {"anyOf": [_described(arg, definitions, within) for arg in args]}
    if origin in _LISTS:
        return {"type": "array", "items": _described(args[0], definitions, within)}
    if origin in _MAPS and args[0] is str:
        more = _described(args[1], definitions, within)
        return {"type": "object", "additionalProperties": more}
    if isinstance(asked, enum.EnumType):
        members: list[enum.Enum] = list(asked)
        values = [member.value for member in members]
        plain = all(type(value) in _SCALARS for value in values)
        return {"title": asked.__name__, "enum": values} if plain else {}
    return _record(asked, definitions, within) if is_kind(asked) else {}


def _record(kind: Any, definitions: Schema, within: tuple[Any, ...]) -> Schema:
    try:
        known = make_kind(kind, kind.__name__)
    except ValueRefused:
        return {}
    if not isinstance(known, RecordKind) or isinstance(known, ModelKind) or not known.by_name:
        return {}
    if kind not in within:
        _add(definitions, kind.__name__, _definition(known, definitions, (*within, kind)))
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _definition(known: RecordKind, definitions: Schema, within: tuple[Any, ...]) -> Schema:
    hints = hints_of(known.type)
    return {
        "title": known.name,
        "type": "object",
        "properties": {
            key: _described(hints[name], definitions, within)
            for key, name in zip(known.keys, known.attributes, strict=True)
        },
        "required": list(known.required),
        "additionalProperties": False,
    }
