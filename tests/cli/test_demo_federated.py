"""The demo of two servers, played once (B107, B153), and what its count would tell."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from everflow.cli.demo.crew import STORE
from everflow.cli.demo.federated.tally import Seen, Tally, count, opinions
from everflow.cli.demo.tally import begun
from everflow.engine.faces.connect import connect
from everflow.store import RunQuery
from tests.cli.conftest import Cli, environment

POSTS = {"etags", "leap-seconds", "swifts", "sourdough", "lighthouse", "tide-machine"}
Played = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, measuring: dict[str, str]) -> Played:
    """The folder, and what it told, of one play for all tests."""
    here = tmp_path_factory.mktemp("federated")
    done = subprocess.run(
        [sys.executable, "-m", "everflow.cli", "demo", "--federated", "--json", "two"],
        cwd=here,
        env=environment() | measuring,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    logs = "".join((here / "two" / side / "worker.log").read_text() for side in ("west", "east"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    assert "killed with SIGKILL" in done.stderr
    return here / "two", json.loads(done.stdout)


def test_all_runs_of_the_dead_server_end_at_the_other(played: Played, cli: Cli) -> None:
    """Six runs, six outcomes, what west began included; west's own store still says otherwise."""
    folder, told = played
    assert set(told["outcomes"]) == POSTS
    assert told["broken"] == []
    store = ("--store", str(folder / "east" / "everflow.db"))
    rows = [json.loads(line) for line in cli("list", "--json", *store).stdout.splitlines()]
    mine = {row["key"]: row["status"] for row in rows if row["flow"] == "publish_abroad"}
    assert mine == dict.fromkeys(POSTS, "done")


def test_an_article_of_one_is_read_by_the_other(played: Played) -> None:
    """It came signed, fired a trigger, and left an opinion (B153)."""
    folder, told = played
    assert "What an ETag is for" in told["read"]
    assert told["places"]["etags"] == ["west"]
    assert any("east" in places for places in told["places"].values())
    assert list((folder / "east" / "work" / "opinions").glob("*.json"))


@contextmanager
def counted(folder: Path, stores: Path, *copied: tuple[str, int]) -> Iterator[Tally]:
    """What the count tells of these folders beside those stores."""
    actor = opinions(stores / "east")[0]["by"]
    with ExitStack() as stack:
        west, east = (
            Seen(name, folder / name, stack.enter_context(connect(stores / name / STORE)), actor)
            for name in ("west", "east")
        )
        rows = east.flows.runs(RunQuery(flow="publish_abroad"))
        yield count(west, east, {row.id: str(row.key) for row in rows}, {*copied})


def _no_page(folder: Path) -> None:
    for page in folder.glob("*/work/public/etags.html"):
        page.unlink()


def _no_opinion(folder: Path) -> None:
    (opinion, *_) = (folder / "east" / "work" / "opinions").glob("*.json")
    opinion.unlink()


def _another_author(folder: Path) -> None:
    (opinion, *_) = (folder / "east" / "work" / "opinions").glob("*.json")
    opinion.write_text(json.dumps({**json.loads(opinion.read_text()), "by": "https://a.example"}))


def _thrice(folder: Path) -> None:
    ledger = folder / "east" / "work" / "ledger.txt"
    line = ledger.read_text().splitlines()[0]
    ledger.write_text(f"{line}\n{line}\n{line}\n")


@pytest.mark.parametrize("damage", [_no_page, _no_opinion, _another_author, _thrice, None])
def test_a_promise_that_does_not_hold_is_told(
    played: Played, tmp_path: Path, damage: Callable[[Path], None] | None
) -> None:
    """Each thing that could be there twice or not at all; and nothing where all is well."""
    copy = tmp_path / "copy"
    shutil.copytree(played[0], copy, ignore=shutil.ignore_patterns("*.db*"))
    if damage is not None:
        damage(copy)
    with counted(copy, played[0]) as tally:
        assert bool(tally.broken) == (damage is not None), tally.broken


def test_what_was_copied_may_not_run_again(played: Played) -> None:
    """Had east run what it had the result of, it would be told; so is what both began."""
    folder, _ = played
    (last, *_) = reversed(begun(folder / "east"))
    with counted(folder, folder, last.one) as tally:
        assert tally.broken == ["east ran a node again whose result it had"]
