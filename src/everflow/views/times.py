"""Times for machines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["instant"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(micros: int) -> str:
    """A time for machines: RFC 3339 in UTC, with microseconds."""
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
