"""The SQL of this release: queries by name, and the functions that verbs call.

* In the files ``everflow.`` is the schema and ``<schema>`` its bare name; ``<place>`` is what tells
  the database from all others.
* Functions are code, no format: ``do_x`` becomes ``do_x_<hash>``, the hash over all code files, so
  that each release has its own beside those of the others.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from everflow.stores.queries import read_queries, read_text

__all__ = ["CODE", "QUERIES", "SUFFIX", "Code", "code_in", "in_schema"]

_FILES = (
    "telling",
    "writing",
    "starting",
    "messages",
    "records",
    "workers",
    "retaining",
    "settling",
)
QUERIES = read_queries(
    "postgres",
    "opening",
    "reading",
    "records",
    "queueing",
    "writing",
    "workers",
    "keeping",
    "operating",
    "handing",
    "copying",
    "retaining",
)
CODE = "\n".join(read_text("postgres", f"code_{file}.sql") for file in _FILES)
SUFFIX = sha256(CODE.encode()).hexdigest()[:10]
_FUNCTION = re.compile(r"\beverflow\.(do_\w+)")
_MADE = re.compile(r"^CREATE FUNCTION everflow\.(do_\w+)", re.MULTILINE)


class Code(NamedTuple):
    """The functions of this release in one schema."""

    text: str  # makes them all, those that are there again
    names: list[str]  # as they are in the schema, each once


# What tells this server and database from all others, a copy's too. A standby that was promoted is
# the same, since it has both from the primary.
_PLACE = (
    "(SELECT system_identifier FROM pg_control_system())::text || '/' "
    "|| (SELECT oid FROM pg_database WHERE datname = current_database())::text"
)


def in_schema(text: str, schema: str) -> str:
    """SQL of ours as it is meant for one schema and this release."""
    named = _FUNCTION.sub(rf"everflow.\1_{SUFFIX}", text)
    return (
        re.sub(r"\beverflow\.", f'"{schema}".', named)
        .replace("<schema>", schema)
        .replace("<place>", _PLACE)
    )


@cache
def code_in(schema: str) -> Code:
    """The functions of this release for one schema."""
    names = sorted({f"{name}_{SUFFIX}" for name in _MADE.findall(CODE)})
    text = CODE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    return Code(in_schema(text, schema), names)
