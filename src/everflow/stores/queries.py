"""Named queries: SQL lives in ``.sql`` files, and Python asks for it by name.

A line ``-- name: WORD`` starts a query, which reaches to the next such line or the end of the file.
Names are unique over all files of one set. Asking for a name that isn't there is a programmer's
error and raises ``KeyError`` at import, because modules look their queries up at their top.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pkgutil import get_data
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)[ \t]*\n", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """The queries of one file by name, without the lines that name them.

    Raises ``ValueError`` for a name that stands twice and for a file that names none.
    """
    _, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    if not names or len(set(names)) != len(names):
        raise ValueError("a file of queries needs names, each of them once")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


def read_text(dialect: str, file: str) -> str:
    """A whole ``.sql`` file of that dialect, such as a schema.

    By ``pkgutil``, because ``importlib.resources`` imports zip files, temporary files and more: a
    fourteenth of the time that importing Everflow takes.
    """
    found = get_data("everflow.stores", f"sql/{dialect}/{file}")
    if found is None:
        raise FileNotFoundError(f"Everflow was installed without its file sql/{dialect}/{file}")
    return found.decode()


def read_queries(dialect: str, *names: str) -> Mapping[str, str]:
    """The queries of these files (named without ``.sql``) of that dialect, as one set."""
    found: dict[str, str] = {}
    for name in names:
        queries = parse(read_text(dialect, f"{name}.sql"))
        twice = found.keys() & queries.keys()
        if twice:
            raise ValueError(f"queries named twice: {', '.join(sorted(twice))}")
        found |= queries
    return MappingProxyType(found)
