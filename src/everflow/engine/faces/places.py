"""Where stores are: the one place that names concrete ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from everflow.errors import ConfigurationError
from everflow.store import Store
from everflow.store.keys import Keys
from everflow.stores.aside import AsideStore
from everflow.stores.layer import innermost
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from everflow.stores.urls import is_postgres, is_torn, is_url, shown

__all__ = ["adopt", "is_durable", "is_made", "key_file", "open_store", "preparation", "prepare"]

MEMORY = ":memory:"


def open_store(
    place: Store | str | os.PathLike[str],
    *,
    create: bool = True,
    encryption: Keys | None = None,
    aside_over: int = 1 << 20,
    fleet: str = "",
) -> tuple[Store, bool]:
    """The store at a place, and whether it was opened here (and so is to be closed by the caller).

    ``":memory:"`` is a store in memory, ``"postgresql://..."`` one in a database, a path a SQLite
    file; large values are kept aside in those.
    A store that is given is taken as it is. With ``encryption`` all that goes into it is sealed.
    ``fleet`` names who works there, so that a store in a database is of one fleet alone.
    """
    store, ours = _opened(place, create=create, fleet=fleet)
    if ours:
        store = AsideStore(store, aside_over)
    return (store if encryption is None else _sealed(store, encryption)), ours


def key_file(place: str | os.PathLike[str], master: str) -> Any:
    """The key store in a file, made if it isn't there; ``master``: the master keys, as base64."""
    return _sealing().KeyFile.open(place, master)


def prepare(
    place: str, *, workers: Sequence[str] = (), clients: Sequence[str] = (), forget: bool = False
) -> Any:
    """Make what a store in PostgreSQL needs of this release, and let these roles work there."""
    return _preparing(place).prepare(place, workers=workers, clients=clients, forget=forget)


def preparation(place: str, *, workers: Sequence[str] = (), clients: Sequence[str] = ()) -> str:
    """The same as SQL for an administrator."""
    return str(_preparing(place).preparation(place, workers=workers, clients=clients))


def adopt(place: str) -> bool:
    """Have a copy take the place of the store that it was made of; False where it is no copy."""
    return bool(_preparing(place).adopt(place))


def is_made(place: str) -> bool:
    """Whether there is a store at a place; ConfigurationError where there is none and can't be."""
    if is_postgres(place):
        return bool(_preparing(place).is_made(place))
    return is_url(place) or Path(place).exists()


def _preparing(place: str) -> ModuleType:
    if not is_postgres(place):
        raise ConfigurationError(
            f"{shown(place)} needs nothing of that kind: it is no store in PostgreSQL",
            hint="name one: --store postgresql://USER@HOST/DATABASE",
        )
    found: ModuleType = _postgres().preparing
    return found


def _sealed(store: Store, keys: Keys) -> Store:
    sealed: Store = _sealing().SealedStore(store, keys)
    return sealed


def _sealing() -> ModuleType:
    try:
        from everflow.stores import sealed  # noqa: PLC0415 - it needs the extra that is named below
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"encryption needs the module {error.name}",
            hint="install it: pip install 'everflow[encryption]'",
        ) from error
    return sealed


def _postgres() -> ModuleType:
    try:
        from everflow.stores import postgres  # noqa: PLC0415 - it needs the extra named below
    except ImportError as error:  # psycopg without its binary part and without libpq, too
        raise ConfigurationError(
            f"a store in PostgreSQL needs the module {error.name or 'psycopg'}: {error}",
            hint="install it: pip install 'everflow[postgres]'",
        ) from error
    return postgres


def _opened(
    place: Store | str | os.PathLike[str], *, create: bool, fleet: str
) -> tuple[Store, bool]:
    if isinstance(place, Store):
        return place, False
    if place == MEMORY:
        return MemoryStore(), True
    if isinstance(place, str) and is_postgres(place):
        store: Store = _postgres().PostgresStore.open(place, create=create, fleet=fleet)
        return store, True
    if isinstance(place, str) and is_torn(place):
        raise ConfigurationError(
            "the store's place is neither a file nor a whole URL",
            hint="give postgresql://USER@HOST/DATABASE, or ./ before the name of a file",
        )
    if isinstance(place, str) and is_url(place):
        raise ConfigurationError(
            f"stores of the kind {place.split('://', 1)[0]!r:.40} aren't known ({shown(place)})",
            hint="give the path of a file, postgresql://USER@HOST/DATABASE, or ':memory:'",
        )
    return SQLiteStore.open(place, create=create), True


def is_durable(store: Store) -> bool:
    """Whether runs in the store can outlive the process, so that their leaves need names."""
    return not isinstance(innermost(store), MemoryStore)
