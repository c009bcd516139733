"""Values drawn by msgspec's types: mostly what a reader takes, with what nobody expects inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec.inspect as types
from hypothesis import strategies as st

INTEGERS = st.one_of(
    st.integers(-2, 5), st.sampled_from([2**31, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**70), 2**70])
)
TEXTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["", "\0", "x" * 300, "../..", "%00", "\u202e", "null", "-1", "*"]),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)
Drawn = st.SearchStrategy[Any]


def drawn(kind: Any, known: Drawn) -> Drawn:
    """JSON values for a type; ``known``: texts that mean something where one may stand."""
    return _of(types.type_info(kind), st.one_of(known, TEXTS))


def _of(kind: Any, texts: Drawn) -> Drawn:
    for each, made in _MADE.items():
        if isinstance(kind, each):
            return made(kind, texts)
    return ANYTHING


def _struct(kind: Any, texts: Drawn) -> Drawn:
    needed = {f.encode_name: _of(f.type, texts) for f in kind.fields if f.required}
    other = {f.encode_name: _of(f.type, texts) for f in kind.fields if not f.required}
    if kind.array_like:
        return st.tuples(*(_of(field.type, texts) for field in kind.fields)).map(list)
    tag = {} if kind.tag is None else {kind.tag_field: st.just(kind.tag)}
    return st.fixed_dictionaries({**tag, **needed}, optional=other)


def _union(kind: Any, texts: Drawn) -> Drawn:
    return st.one_of([_of(each, texts) for each in kind.types])


def _list(kind: Any, texts: Drawn) -> Drawn:
    return st.lists(_of(kind.item_type, texts), max_size=3)


def _tuple(kind: Any, texts: Drawn) -> Drawn:
    return st.tuples(*(_of(each, texts) for each in kind.item_types)).map(list)


def _dict(kind: Any, texts: Drawn) -> Drawn:
    return st.dictionaries(texts, _of(kind.value_type, texts), max_size=2)


_MADE: dict[type, Callable[[Any, Drawn], Drawn]] = {
    types.StructType: _struct,
    types.UnionType: _union,
    types.ListType: _list,
    types.VarTupleType: _list,
    types.TupleType: _tuple,
    types.DictType: _dict,
    types.IntType: lambda *_: INTEGERS,
    types.StrType: lambda _, texts: texts,
    types.BoolType: lambda *_: st.booleans(),
    types.NoneType: lambda *_: st.none(),
    types.EnumType: lambda kind, _: st.sampled_from([each.value for each in kind.cls]),
    types.LiteralType: lambda kind, _: st.sampled_from(kind.values),
}
