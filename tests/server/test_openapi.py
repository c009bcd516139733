"""The API's own description, and requests that are drawn by it."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everflow.release import VERSION
from everflow.server.openapi import document
from everflow.server.rules import PUBLIC, Rule
from everflow.server.table import RULES
from tests.server.serving import Served

STREAMS = [rule for rule in RULES.all if rule.streams is not None]
DRAWN = [rule for rule in RULES.all if rule.media != "text/event-stream"]


def references(part: Any) -> Iterator[str]:
    """All that a document refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_every_rule_is_described(served: Served) -> None:
    """By its path and method, with who may use it, and no more than there is."""
    told = served.api("GET", "/openapi.json").json
    assert told["openapi"] == "3.1.0"
    assert told["info"]["version"] == VERSION
    operations = []
    for rule in RULES.all:
        found = told["paths"][rule.path][rule.method.lower()]
        operations.append(found["operationId"])
        assert found["summary"]
        assert found["security"] == ([] if rule.scope == PUBLIC else [{"token": [rule.scope]}])
        assert set(found["responses"]) == {str(rule.status), "default"}
        assert ("requestBody" in found) == (rule.body is not None)
        named = {part["name"] for part in found["parameters"] if part["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", rule.path))
    assert len(set(operations)) == len(operations)
    assert sum(map(len, told["paths"].values())) == len(RULES.all)


def test_what_is_referred_to_is_there() -> None:
    """Each reference leads to a component."""
    told = json.loads(json.dumps(document(RULES)))
    for reference in set(references(told)):
        part = told
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
        assert part


def test_a_query_is_described_by_its_parameters() -> None:
    """With types and bounds."""
    told = document(RULES)["paths"]["/api/v1/runs"]["get"]["parameters"]
    found = {part["name"]: part["schema"] for part in told}
    assert found["limit"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
    assert found["newest"]["type"] == "boolean"


# --- requests drawn by the description

ODD = st.sampled_from(
    [
        "",
        "\0",
        "\ud800",
        "💥",
        "-1",
        "NaN",
        "1e400",
        "null",
        "../..",
        "%2f",
        "x" * 600,
        "a=b",
        "\u202e",
    ]
)
TEXTS = st.one_of(st.text(max_size=20), ODD)
JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def by_schema(schema: dict[str, Any], components: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that mostly fit a schema."""
    if "$ref" in schema:
        return by_schema(components[schema["$ref"].rpartition("/")[2]], components)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([by_schema(part, components) for part in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        fields = {name: by_schema(part, components) for name, part in schema["properties"].items()}
        wanted = {name: fields.pop(name) for name in schema.get("required", [])}
        return st.fixed_dictionaries(wanted, optional=fields)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        "string": TEXTS,
        "integer": st.integers(-(2**33), 2**33),
        "number": st.floats(0, 1),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return plain.get(kind, JSON_VALUES)


COMPONENTS = document(RULES)["components"]["schemas"]
VALUES = {
    kind.__name__: by_schema(COMPONENTS[kind.__name__], COMPONENTS)
    for rule in DRAWN
    for kind in (rule.body, rule.query)
    if kind is not None and kind.__name__ in COMPONENTS
}


@pytest.fixture(scope="module")
def known(served: Served) -> list[str]:
    """Names that mean something: runs, a token, flows."""
    runs = [
        served.api("POST", "/runs", {"flow": flow, "input": "x"}).json["id"]
        for flow in ("received", "approved", "shouted", "failed")
    ]
    return [*runs, f"{runs[1]}.approval.1", "received", "approval", "parcel"]


def drawn(data: st.DataObject, rule: Rule, known: list[str]) -> tuple[str, Any]:
    """A path and a body for a rule."""
    name = st.one_of(st.sampled_from(known), TEXTS)
    path = re.sub(r"{\w+}", lambda _: quote(data.draw(name), safe="", errors="replace"), rule.path)
    query = data.draw(VALUES.get(rule.query.__name__, st.just({})))
    if query and data.draw(st.booleans()):
        path += "?" + urlencode(query, doseq=True, errors="replace")
    if rule.body is None:
        return path, None
    body = data.draw(st.one_of(VALUES[rule.body.__name__], JSON_VALUES))
    if isinstance(body, dict):
        for field in ("flow", "token", "tag", "name"):
            if field in body and data.draw(st.booleans()):
                body[field] = data.draw(st.sampled_from(known))
    return path, json.dumps(body).encode()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_nothing_that_is_drawn_harms(served: Served, known: list[str], data: st.DataObject) -> None:
    """RELIABILITY 21, 22, 25: no answer is a fault, each refusal is a problem document."""
    rule = data.draw(st.sampled_from(DRAWN))
    if rule.path.endswith("/tokens") and rule.method == "POST":
        return  # a token would close the server
    path, body = drawn(data, rule, known)
    if "wait=" in path:
        path = re.sub(r"wait=[^&]*", "wait=0.001", path)
    reply = served.ask(rule.method, path, body)
    assert reply.status < 500, reply.text
    if reply.status >= 400:
        assert reply.code
    else:
        assert reply.status == rule.status
    assert served.engine.fault is None
