"""Settings of a command: from its options, the environment, and ``pyproject.toml``, in that order.

The nearest ``pyproject.toml`` with a table ``[tool.everflow]``, from the folder upwards, counts:
``store``, ``modules``, ``keys``, ``master_key`` and the engine's settings. Paths in it are relative
to its own folder, paths in options and the environment to the present one.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from everflow.cli.words import broken
from everflow.config import Config
from everflow.errors import ConfigurationError
from everflow.stores.urls import is_url, shown

__all__ = ["DEFAULT_STORE", "Here", "here"]

DEFAULT_STORE = "everflow.db"
VARIABLE = "EVERFLOW_STORE"
KEYS = "EVERFLOW_KEYS"
MASTER = "EVERFLOW_MASTER_KEY"
SIGNING = "EVERFLOW_SIGNING_KEYS"


@dataclass(frozen=True)
class Here:
    """What a command works with. ``modules`` are to be imported, ``path`` joins Python's own.

    ``named`` says that the store's place was chosen, so that commands shown to people repeat it.
    """

    store: str = field(repr=False)  # with a password, perhaps: `shown` is for people
    modules: tuple[str, ...]
    path: tuple[Path, ...]
    config: Config
    json: bool = False
    named: bool = False
    keys: str = ""  # the key store's file, with the text of its master keys; "" for none
    master: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The store as people may see it."""
        return shown(self.store)


def here(
    store: str | None, modules: Sequence[str], *, as_json: bool, signing_keys: str | None = None
) -> Here:
    """The settings that hold here. ConfigurationError names the file that is at fault."""
    folder = Path.cwd()
    file, table = _table(folder)
    try:
        keys, master = _secrets(table, file)
        own, declared, config = _read(dict(table), file)
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error.message}", hint=error.hint) from error
    chosen = store if store is not None else os.environ.get(VARIABLE) or own or DEFAULT_STORE
    if not chosen or "\0" in chosen or broken(chosen) or Path(chosen).is_dir():
        raise ConfigurationError(
            f"{shown(chosen)!r} is no file for a store",
            hint="name a file: --store PATH/everflow.db",
        )
    if chosen == ":memory:":
        raise ConfigurationError(
            "a store in memory would be gone as the command ends", hint="name a file: --store PATH"
        )
    signing = signing_keys if signing_keys is not None else os.environ.get(SIGNING) or None
    return Here(
        store=chosen,
        modules=(*declared, *modules),
        path=tuple(dict.fromkeys((folder, file.parent))),
        config=replace(config, signing_keys=signing) if signing is not None else config,
        json=as_json,
        named=store is not None,
        keys=keys,
        master=master,
    )


def _table(folder: Path) -> tuple[Path, Mapping[str, Any]]:
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("everflow")
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigurationError(f"{file} can't be read: {error}") from error
        if isinstance(table, dict):
            return file, table
    return folder / "pyproject.toml", {}


def _secrets(table: Mapping[str, Any], file: Path) -> tuple[str, str]:
    """The key store's file, and the master keys themselves: from a variable, or a file's text."""
    keys = os.environ.get(KEYS) or table.get("keys", "")
    named = table.get("master_key", "")
    for name, value in (("keys", keys), ("master_key", named)):
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} is the path of a file, not {value!r:.60}")
    if not keys:
        return "", ""
    master = os.environ.get(MASTER, "")
    if not master and named:
        try:
            master = (file.parent / named).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the master key {named} can't be read: {error}") from error
    place = keys if os.environ.get(KEYS) else str(file.parent / keys)
    return place, master


def _read(table: dict[str, Any], file: Path) -> tuple[str, list[str], Config]:
    store = table.pop("store", "")
    table.pop("keys", None)
    table.pop("master_key", None)
    modules = table.pop("modules", [])
    if not isinstance(store, str):
        raise ConfigurationError(f"store is the path of a file or a URL, not {store!r:.60}")
    if not isinstance(modules, list) or not all(isinstance(name, str) for name in modules):
        raise ConfigurationError(
            f"modules is a list of module names and files, not {modules!r:.60}",
            hint='modules = ["blog.flows", "jobs.py"]',
        )
    own = str(file.parent / store) if store and not is_url(store) and store[0] != ":" else store
    signing = table.get("signing_keys")
    if signing and isinstance(signing, str):
        table["signing_keys"] = str(file.parent / signing)
    files = [str(file.parent / name) if name.endswith(".py") else name for name in modules]
    return own, files, Config.read(table)
