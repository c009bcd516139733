"""The API described as OpenAPI 3.1, made of the table of rules."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from everflow.release import VERSION
from everflow.server.problems import MEDIA, Problem
from everflow.server.rules import PUBLIC, Nothing, Rule, Rules, parameters

__all__ = ["document"]

REF = "#/components/schemas/{name}"
Schema = dict[str, Any]


@lru_cache(maxsize=4)
def document(rules: Rules) -> Schema:
    """The document for these rules."""
    kinds = [*rules.types(), Problem, *(rule.query for rule in rules.all)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    by_kind = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, Schema] = {}
    for rule in rules.all:
        place = paths.setdefault(rule.path, {})
        place[rule.method.lower()] = _operation(rule, by_kind, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Everflow",
            "version": VERSION,
            "description": "Durable runs: start them, answer what they ask, see how they stand.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "What went wrong, as RFC 9457 has it.",
                    "content": {MEDIA: {"schema": {"$ref": REF.format(name="Problem")}}},
                }
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `everflow token create`.",
                }
            },
        },
    }


def _operation(rule: Rule, by_kind: dict[str, Schema], components: dict[str, Schema]) -> Schema:
    summary, _, rest = (rule.function.__doc__ or rule.name).partition("\n")
    found: Schema = {
        "operationId": rule.name,
        "summary": summary.rstrip("."),
        "security": [] if rule.scope == PUBLIC else [{"token": [str(rule.scope)]}],
        "parameters": [*map(_in_path, parameters(rule.path)), *_in_query(rule, components)],
        "responses": {
            str(rule.status): {"description": "It went well.", **_content(rule, by_kind)},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if rest.strip():
        found["description"] = " ".join(rest.split())
    if rule.body is not None:
        schema = by_kind[repr(rule.body)]
        content = {"application/json": {"schema": schema}}
        found["requestBody"] = {"required": not rule.optional, "content": content}
    return found


def _content(rule: Rule, by_kind: dict[str, Schema]) -> Schema:
    schema = {"type": "string"} if rule.answer is Nothing else by_kind[repr(rule.answer)]
    return {"content": {rule.media: {"schema": schema}}}


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(rule: Rule, components: dict[str, Schema]) -> list[Schema]:
    named = components.get(rule.query.__name__, {})
    wanted = named.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in wanted, "schema": schema}
        for name, schema in named.get("properties", {}).items()
    ]
