"""Errors raised by nodes become data, once, here. What can't be data is reduced, never lost."""

from __future__ import annotations

import traceback
from typing import Any

from everflow.core.decoding import has_tags
from everflow.core.faults import ErrorData
from everflow.core.naming import module_name
from everflow.core.values import Types, encode, parse, untagged
from everflow.errors import EverflowError, NoRetry, RetryAfter

__all__ = ["reify"]

LONGEST_MESSAGE = 4_000
LONGEST_TRACE = 8_000
LONGEST_DATA = 4_000


def _kinds(error: BaseException) -> tuple[str, ...]:
    """Canonical names of the error's classes, its own first, those of every error left out."""
    common = (Exception, BaseException, object)
    return tuple(
        f"{module_name(kind.__module__) or kind.__module__}:{kind.__qualname__}"
        if kind.__module__ != "builtins"
        else kind.__name__
        for kind in type(error).__mro__
        if kind not in common
    )


def _data(error: BaseException, types: Types) -> Any:
    """The error's arguments as JSON where they are plain data, else None.

    What JSON can't say without a tag (an integer of 100 digits, the key "$") stands as its text.
    """
    if len(error.args) <= 1:
        return None
    try:
        plain = untagged(parse(encode(list(error.args[1:]), types, limit=LONGEST_DATA)))
        text = encode(plain, types)
        return text if has_tags(text) else plain
    except Exception:  # noqa: BLE001 - whatever an argument's codec raises: then it isn't plain
        return None


def _text(value: object, most: int) -> str:
    try:
        text = str(value)
    except Exception as broken:  # noqa: BLE001 - a broken __str__ must not hide the error itself
        text = f"(its text can't be made: {type(broken).__name__})"
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= most else f"{text[:most]} ... ({len(text)} characters)"


def reify(error: BaseException, types: Types, position: str = "") -> ErrorData:
    """The data of an error. ``NoRetry`` and ``RetryAfter`` are unwrapped to the error inside."""
    retry, after = True, None
    if isinstance(error, NoRetry):
        retry = False
        error = error.error if isinstance(error.error, BaseException) else error
    elif isinstance(error, RetryAfter):
        after = max(round(error.seconds * 1_000_000), 0)
        error = error.error if isinstance(error.error, BaseException) else error
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-12)
    code = ""
    message: object = error
    if isinstance(error, EverflowError):
        inside = f" at {error.path} of the value" if error.path else ""
        code = error.code
        message = f"{error.message}{inside}"
    return ErrorData(
        type=type(error).__name__,
        message=_text(message, LONGEST_MESSAGE),
        code=code,
        data=_data(error, types),
        kinds=_kinds(error),
        trace=_text("".join(lines), LONGEST_TRACE),
        retry=retry,
        after=after,
        position=position,
    )
