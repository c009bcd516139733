"""What is declared about the package is true of it."""

import re
import tomllib
from importlib import import_module
from typing import Any

import pytest

import everflow
from tests.house.source import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENTRY_POINTS: dict[str, str] = {
    **PROJECT["project"].get("scripts", {}),
    **PROJECT["project"].get("entry-points", {}).get("pytest11", {}),
}


@pytest.mark.parametrize("target", ENTRY_POINTS.values())
def test_entry_points_lead_somewhere(target: str) -> None:
    """Every script and plugin that is declared can be loaded."""
    module, _, name = target.partition(":")
    loaded = import_module(module)
    assert not name or callable(getattr(loaded, name))


def test_the_pytest_plugin_is_declared() -> None:
    """A user's pytest finds the plugin without being told of it."""
    shipped = (ROOT / "src/everflow/testing/plugin.py").exists()
    assert ("everflow.testing.plugin" in ENTRY_POINTS.values()) == shipped


def test_the_changelog_tells_of_this_version() -> None:
    """The newest release in the changelog is the version of the package."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", text, re.MULTILINE)
    assert newest is not None
    assert newest[1] == everflow.__version__


def test_the_package_is_typed() -> None:
    """Users' type checkers read the annotations."""
    assert (ROOT / "src/everflow/py.typed").exists()
