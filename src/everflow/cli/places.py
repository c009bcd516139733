"""Stores as commands open them: one that is looked at must be there."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from everflow.cli.settings import Here
from everflow.cli.words import shell_quoted
from everflow.engine.faces.connect import Connection, connect
from everflow.engine.faces.places import key_file
from everflow.errors import ConfigurationError
from everflow.store import RunQuery, RunRow
from everflow.store.keys import Keys
from everflow.stores.urls import is_url

__all__ = ["all_runs", "connected", "created", "encryption", "shown_command"]

PAGE = 1_000


def connected(here: Here) -> Connection:
    """A connection to the store; ConfigurationError where there is none."""
    local = not is_url(here.store) and not here.store.startswith(":")
    if local and not Path(here.store).exists():
        raise ConfigurationError(
            f"there is no store at {here.store}",
            hint="name it with --store PATH; the first `everflow run` makes one",
        )
    return connect(here.store, config=here.config, encryption=encryption(here))


def created(here: Here) -> Connection:
    """A connection to the store, which is made where there is none."""
    return connect(here.store, config=here.config, create=True, encryption=encryption(here))


def encryption(here: Here) -> Keys | None:
    """The key store that is configured here, if one is."""
    return key_file(here.keys, here.master) if here.keys else None


def all_runs(flows: Connection, query: RunQuery) -> list[RunRow]:
    """All runs that a query finds, however many there are."""
    rows: list[RunRow] = []
    while True:
        page = flows.runs(replace(query, after=rows[-1].no if rows else 0, limit=PAGE))
        rows += page
        if len(page) < PAGE:
            return rows


def shown_command(here: Here, *words: str) -> str:
    """A command as people may type it: with the store, where that was given by an option."""
    chosen = ("--store", here.shown) if here.named else ()
    return " ".join(("everflow", *(shell_quoted(word) for word in (*words, *chosen))))
