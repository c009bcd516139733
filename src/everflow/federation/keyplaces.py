"""Where private keys lie: in files beside the store's own, or in a folder that is named.

Two rules hold. A private key never lies in a store, so that no backup, no export and nobody who may
read a database has it. And files are named by the store, so that two schemas that are given one
folder don't sign as each other; two databases with schemas of one name need a folder each.
"""

from __future__ import annotations

import os
from pathlib import Path

from everflow.errors import ConfigurationError
from everflow.store import Store
from everflow.stores.urls import is_url

__all__ = ["key_file"]


def key_file(store: Store, ending: str, folder: str | os.PathLike[str] = "") -> Path:
    """The file of a key of a store's: ``everflow.db.peer-key``, or ``SCHEMA.peer-key``.

    ``folder``: where it lies; beside the store's file if none is named. ConfigurationError where
    there is no such folder, or the store is in a database or in memory and none is named.
    """
    info = store.info()
    if folder:
        if not Path(folder).is_dir():
            raise ConfigurationError(
                f"there is no folder {folder} for private keys",
                hint=f"mkdir -m 700 {folder}, and put there what other machines of the fleet have",
            )
        return Path(folder, f"{info.name}.{ending}")
    if is_url(info.place):
        raise ConfigurationError(
            f"no folder is named for private keys, which never lie in a database ({info.place})",
            hint='name one: signing_keys = "/etc/everflow/keys" in [tool.everflow], the variable '
            "EVERFLOW_SIGNING_KEYS, --signing-keys, or Config(signing_keys=...)",
        )
    place = Path(info.place)
    if not place.is_file():
        raise ConfigurationError(
            f"the store {place} has no folder to keep private keys in",
            hint="give the keys yourself, or name a folder: Config(signing_keys=...)",
        )
    return place.with_name(f"{info.name}.{ending}")
