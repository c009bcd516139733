"""`cache`: results are listed, shown, checked and deleted."""

from pathlib import Path
from typing import Any

from everflow import Engine, cached, flow, node
from everflow.core.registry import Registry
from everflow.store import Put
from tests.cli.conftest import Cli


def test_results_are_listed_shown_checked_and_deleted(cli: Cli, told: Any, folder: Path) -> None:
    """For machines and for people; a wrong one ends with a code of its own."""
    registry = Registry()
    kept = flow("kept", cached(node(str.upper, name="upper")), registry=registry)
    with Engine(folder / "everflow.db", registry=registry) as engine:
        run = engine.start(kept, "swifts")
        assert run.result(20) == "SWIFTS"
        store = engine.client.store
        listed = told("cache", "list")
        assert (listed["run"], listed["nodes"], listed["version"]) == (run.id, ["upper"], "1")
        key = listed["key"]
        assert told("cache", "show", key[:9])["value"] == '"SWIFTS"'
        assert key in cli("cache", "show").stdout
        assert "version" not in cli("cache", "list").stderr
        assert told("cache", "verify") == {"checked": 1, "wrong": {}}
        store.write([Put(kind="cache", key=key, body="{}")], at=1)
        checked = cli("cache", "verify")
        assert checked.exit_code == 1
        assert "1 result checked, 1 wrong" in checked.stdout
        assert told("cache", "prune", "--older", "1d") == {"pruned": 1}
    assert "nothing is cached" in cli("cache", "list").stderr
    assert "0 results" in cli("cache", "show", "x").stderr
    assert "is for cache prune" in cli("cache", "list", "--older", "1d").stderr
    assert "0 results deleted" in cli("cache", "prune").stdout
