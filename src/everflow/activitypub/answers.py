"""What requests are answered: documents, and problems (RFC 9457) that say what they must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from everflow.activitypub.words import ACTIVITY_JSON

__all__ = ["accepted", "document", "nothing", "problem", "text_document"]

_SAFE = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'"}
_TITLES = {
    400: "The request isn't what this path takes",
    401: "The request proves nothing",
    404: "Nothing is there",
    405: "The path doesn't take that method",
    406: "That can't be given in a form that is accepted",
    408: "The request took too long",
    409: "Another came before it",
    410: "It was there, and is gone",
    413: "The request is too large",
    415: "That type isn't taken",
    429: "Too many requests",
    500: "A fault of the server's",
    503: "The instance is in trouble; try again",
}
_AFTER = "5"  # seconds until a busy server may be asked again


def problem(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A refusal."""
    said = {
        "type": f"urn:everflow:error:{code}",
        "title": _TITLES[status],
        "status": status,
        "detail": detail,
        "code": code,
    }
    busy = {"retry-after": _AFTER} if status in {429, 503} else {}
    return Response(
        msgspec.json.encode(said),
        status,
        {"cache-control": "no-store", **_SAFE, **busy, **(headers or {})},
        media_type="application/problem+json",
    )


def nothing() -> Response:
    """There is nothing at that path, or nothing for whoever asks."""
    return problem(404, "no_such_path", "there is nothing at this path")


def accepted() -> Response:
    """What came was taken."""
    return Response(status_code=202, headers={"cache-control": "no-store", **_SAFE})


def document(
    value: Mapping[str, Any],
    *,
    status: int = 200,
    media: str = ACTIVITY_JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A document that anybody may have."""
    return text_document(msgspec.json.encode(value), status=status, media=media, headers=headers)


def text_document(
    text: str | bytes,
    *,
    status: int = 200,
    media: str = ACTIVITY_JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The same, of its JSON."""
    known = {"cache-control": "max-age=60", "vary": "Accept", **_SAFE, **(headers or {})}
    return Response(text, status, known, media_type=media)
