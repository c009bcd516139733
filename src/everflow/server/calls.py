"""A request, read and checked: what a rule's handler is given."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec
from starlette.requests import ClientDisconnect, Request

from everflow.engine.asking.client import Client
from everflow.errors import BadRequest, NotJson, RequestTooLarge, RequestTooSlow
from everflow.net.strict import read_json
from everflow.server.backing import Backing
from everflow.server.limits import Limits
from everflow.server.rules import Rule
from everflow.server.tokens import Grant

__all__ = ["Call", "read_call"]

Query = TypeVar("Query")
Body = TypeVar("Body")
_MORE = re.compile(r"\s*(charset\s*=\s*\"?utf-?8\"?)?\s*;?\s*", re.IGNORECASE)


class Call(Generic[Query, Body]):
    """One request. ``path``: the names in its path; ``last``: the id of the last event it saw."""

    def __init__(
        self,
        backing: Backing,
        grant: Grant,
        path: Mapping[str, str],
        query: Query,
        body: Body,
        *,
        last: str = "",
    ) -> None:
        self.backing = backing
        self.grant = grant
        self.path = path
        self.query = query
        self.body = body
        self.last = last

    @property
    def client(self) -> Client:
        """The engine's calls; EngineClosed once it executes no more."""
        return self.backing.client

    @property
    def run(self) -> str:
        """The run that the path names."""
        return self.path["run"]

    def by(self, said: str = "") -> str:
        """Who does it, for the journal and the audit: a token's bearer can't hide behind a name."""
        name = self.grant.name
        return f"{said} ({name})" if said and name else said or name


async def read_call(
    request: Request, rule: Rule, backing: Backing, grant: Grant, limits: Limits
) -> Call[Any, Any]:
    """Read what a rule takes; BadRequest and the like for anything else."""
    query = _query(request, rule.query)
    body: Any = None
    if rule.body is not None:
        text = await _text(request, limits)
        needed = text or not rule.optional
        body = _body(request, text, rule.body) if needed else rule.body()
    last = request.headers.get("last-event-id", "")
    return Call(backing, grant, request.path_params, query, body, last=last)


def _query(request: Request, kind: type[msgspec.Struct]) -> Any:
    given: dict[str, Any] = {}
    many = _many(kind)
    for name, value in request.query_params.multi_items():
        if name in many:
            given.setdefault(name, []).append(value)
        elif name in given:
            raise BadRequest(f"the query names {name!r:.60} twice")
        else:
            given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_encode_fields__) or "none"
        raise BadRequest(
            f"the query isn't what this path takes: {error!s:.300}",
            hint=f"its parameters are: {known}",
        ) from None


def _many(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The parameters that may be there several times."""
    found = msgspec.structs.fields(kind)
    return frozenset(f.encode_name for f in found if _is_list(f.type))


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple or any(_is_list(part) for part in get_args(kind)[:1])


async def _text(request: Request, limits: Limits) -> bytes:
    """The body, as far as it may go."""
    too_large = RequestTooLarge(f"the body has more than {limits.body:,} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdecimal() and int(declared[:19]) > limits.body:
        raise too_large
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotJson("the body is packed", hint="send it as it is, without Content-Encoding")
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.body_s):
            async for part in request.stream():
                size += len(part)
                if size > limits.body:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise RequestTooSlow(
            f"the body wasn't there within {limits.body_s:g} s", hint="send it again, whole"
        ) from None
    except ClientDisconnect:
        raise BadRequest("the body broke off") from None
    return b"".join(parts)


def _body(request: Request, text: bytes, kind: type[msgspec.Struct]) -> Any:
    media, _, more = request.headers.get("content-type", "").partition(";")
    if media.strip().lower() != "application/json" or not _MORE.fullmatch(more):
        raise NotJson(
            f"the body is declared as {media.strip() or 'nothing'}{more and ';'}{more}"[:100],
            hint="send JSON in UTF-8, with the header Content-Type: application/json",
        )
    try:
        value = read_json(text)
    except RecursionError:
        raise BadRequest("the body nests too deep", hint="100 containers in a value") from None
    except UnicodeError:
        raise BadRequest("the body isn't Unicode: half of a character is missing") from None
    except ValueError as error:
        raise BadRequest(f"the body isn't JSON: {error!s:.200}") from None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"the body isn't what this path takes: {error!s:.300}",
            hint=f"its fields are: {', '.join(kind.__struct_encode_fields__)}",
        ) from None
