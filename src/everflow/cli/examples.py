"""Example answers out of a JSON Schema, so that a question can show the command that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["example"]

DEEPEST = 6
_BY_TYPE: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "number": 1.5,
    "string": "…",
    "array": [],
    "object": {},
    "null": None,
}


def example(schema: Any) -> Any:
    """A value of the kind that a schema asks for; what it requires and nothing more."""
    named = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
    return _example(schema, named, 0)


def _example(schema: Any, named: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return True
    if "const" in schema:
        return schema["const"]
    several = schema.get("enum") or schema.get("examples")
    if several:
        return several[0]
    inner = next(iter(schema.get("anyOf") or schema.get("oneOf") or ()), None)
    if "$ref" in schema:
        inner = named.get(str(schema["$ref"]).rpartition("/")[2])
    if inner is not None:
        return _example(inner, named, depth + 1)
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        wanted = schema.get("required", [])
        return {name: _example(properties.get(name), named, depth + 1) for name in wanted}
    return _BY_TYPE.get(str(schema.get("type")), True)
