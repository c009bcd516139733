"""The demo, from its first line to the files that it leaves (B150)."""

import json
import mailbox
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import feedparser  # type: ignore[import-untyped]  # it comes without types
import pytest

from everflow.cli.demo.folder import example_folder, make_folder
from everflow.cli.demo.tally import begun, count
from everflow.engine.faces.connect import connect
from everflow.errors import ConfigurationError
from tests.cli.conftest import Cli, environment
from tests.house.source import ROOT

PUBLISHED = {"etags", "leap-seconds", "swifts", "lighthouse"}
DECLINED = {"sourdough", "tide-machine"}
Played = tuple[Path, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, measuring: dict[str, str]) -> Played:
    """The demo's folder, and the process that played it once for all tests."""
    here = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "everflow.cli", "demo"],
        cwd=here,
        env=environment() | measuring,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    return here / "everflow-demo", done


def test_it_ends_well_and_says_so(played: Played) -> None:
    """Code 0; two kills, both restarts, all outcomes, the counts, and where to look."""
    folder, done = played
    assert done.returncode == 0, done.stdout + done.stderr + (folder / "worker.log").read_text()
    said = done.stdout
    assert said.count("killed with SIGKILL") == 2
    assert said.count("every run goes on from where it was") == 2
    assert "4 posts published, 2 declined" in said
    assert "nodes ran to a recorded result" in said
    assert "Checked: " in said
    assert "public/index.html" in said
    assert not done.stderr


def test_every_run_is_done_by_its_own_journal(played: Played, cli: Cli) -> None:
    """Six runs, one result each attempt, the rejected post asked about twice."""
    folder, _ = played
    store = ("--store", str(folder / "everflow.db"))
    rows = [json.loads(line) for line in cli("list", "--json", *store).stdout.splitlines()]
    assert Counter(row["status"] for row in rows) == {"done": 6}
    answers = Counter[str]()
    for row in rows:
        view = json.loads(cli("show", row["id"], "--json", *store).stdout)
        ends = [entry["op"] for entry in view["entries"] if entry["kind"] == "result"]
        assert len(ends) == len(set(ends))
        answers[row["key"]] = sum(1 for entry in view["entries"] if entry["kind"] == "answer")
    assert answers["swifts"] == 2
    assert answers["lighthouse"] == answers["tide-machine"] == 0


def test_the_site_and_the_feed_are_whole(played: Played) -> None:
    """A page for each published post, and a feed that a feed parser takes."""
    folder, _ = played
    public = folder / "work" / "public"
    assert {page.stem for page in public.glob("*.html")} == {*PUBLISHED, "index"}
    feed = feedparser.parse((public / "feed.xml").read_bytes())
    assert not feed.bozo
    assert {entry.link.rpartition("/")[2] for entry in feed.entries} == {
        f"{post}.html" for post in PUBLISHED
    }


def test_the_outbox_has_one_create_for_each_publication(played: Played) -> None:
    """ActivityStreams 2.0: Create of an Article, whatever ran twice."""
    folder, _ = played
    found = [json.loads(file.read_text()) for file in (folder / "work" / "outbox").glob("*.json")]
    assert [activity["type"] for activity in found] == ["Create"] * 4
    assert {activity["object"]["type"] for activity in found} == {"Article"}
    assert len({activity["object"]["id"] for activity in found}) == 4
    assert all("https://www.w3.org/ns/activitystreams" in item["@context"] for item in found)


def test_the_authors_of_declined_posts_have_one_mail(played: Played) -> None:
    """In the Maildir, each once."""
    folder, _ = played
    mails = list(mailbox.Maildir(folder / "work" / "mail", create=False))
    subjects = [mail["Subject"] for mail in mails if mail["Subject"].startswith("Declined")]
    assert len(subjects) == len(set(subjects)) == len(DECLINED)
    assert len({mail["Message-ID"] for mail in mails}) == len(mails)


def test_what_it_leaves_can_be_gone_on_with(played: Played, tmp_path: Path) -> None:
    """The commands that it names work in its folder, wherever that is moved."""
    folder = tmp_path / "moved"
    shutil.copytree(played[0], folder)
    done = subprocess.run(
        [sys.executable, "-m", "everflow.cli", "run", "publish", '{"post": "swifts.md"}', "--json"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 3, done.stderr
    view: Any = json.loads(done.stdout)
    assert view["questions"][0]["prompt"]["misspellings"]


def _no_page(work: Path) -> None:
    (work / "public" / "etags.html").unlink()


def _no_link(work: Path) -> None:
    (work / "public" / "index.html").write_text("")


def _second_activity(work: Path) -> None:
    (first, *_) = sorted((work / "outbox").glob("*.json"))
    (work / "outbox" / "again.json").write_text(first.read_text())


def _update(work: Path) -> None:
    (first, *_) = sorted((work / "outbox").glob("*.json"))
    first.write_text(first.read_text().replace('"Create"', '"Update"'))


def _second_mail(work: Path) -> None:
    (first, *_) = sorted((work / "mail" / "new").iterdir())
    (work / "mail" / "new" / "again").write_bytes(first.read_bytes())


def _second_attempt(work: Path) -> None:
    lines = (work / "ledger.txt").read_text().splitlines(keepends=True)
    (work / "ledger.txt").write_text("".join([*lines, lines[-1]]))


def _short_feed(work: Path) -> None:
    feed = (work / "public" / "feed.xml").read_text()
    start, end = feed.index("<entry>"), feed.index("</entry>") + len("</entry>")
    (work / "public" / "feed.xml").write_text(feed[:start] + feed[end:])


@pytest.mark.parametrize(
    "damage",
    [
        _no_page,
        _no_link,
        _second_activity,
        _update,
        _second_mail,
        _second_attempt,
        _short_feed,
        None,
    ],
)
def test_a_promise_that_does_not_hold_is_told(
    played: Played, tmp_path: Path, damage: Callable[[Path], None] | None
) -> None:
    """Each thing that could be there twice or not at all; and nothing where all is well."""
    folder, _ = played
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.db*"))
    if damage is not None:
        damage(copy / "work")
    with connect(folder / "everflow.db") as flows:
        posts = {row.id: str(row.key) for row in flows.runs() if row.key}
        tally = count(flows, copy, posts, [])
    assert bool(tally.broken) == (damage is not None), tally.broken


def test_what_was_recorded_before_a_kill_may_not_run_again(played: Played) -> None:
    """Had the last worker run what the first kill found recorded, it would be told."""
    folder, _ = played
    lines = begun(folder)
    with connect(folder / "everflow.db") as flows:
        posts = {row.id: str(row.key) for row in flows.runs() if row.key}
        tally = count(flows, folder, posts, [{lines[-1].one}])
    assert any("ran again" in sentence for sentence in tally.broken)


def test_the_packaged_copy_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a checkout the example is inside the package; without it a sentence says so."""
    package = folder / "site-packages" / "everflow"
    monkeypatch.setattr("everflow.cli.demo.folder.files", lambda _: package)
    with pytest.raises(ConfigurationError, match="isn't installed"):
        example_folder()
    packaged = package / "examples" / "publish"
    monkeypatch.undo()
    shutil.copytree(example_folder(), packaged)
    monkeypatch.setattr("everflow.cli.demo.folder.files", lambda _: package)
    assert example_folder() == packaged
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = wheel["targets"]["wheel"]["force-include"]
    assert included == {"examples/publish": "everflow/examples/publish"}


def test_the_demo_needs_its_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, and nothing is made."""
    monkeypatch.setattr("everflow.cli.demo.folder.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="the demo needs jinja2"):
        make_folder(None)
    assert not list(folder.iterdir())


def test_a_folder_that_is_there_is_left_alone(folder: Path) -> None:
    """A named one with something in it is refused; without a name the next free one is made."""
    (folder / "mine").mkdir()
    (folder / "mine" / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="isn't empty"):
        make_folder("mine")
    assert [make_folder(None).name for _ in range(2)] == ["everflow-demo", "everflow-demo-2"]
    assert (make_folder("other") / "flow.py").is_file()


def test_the_copy_is_the_example_with_a_short_deadline(folder: Path) -> None:
    """Nothing else differs, and nothing that an earlier run left is copied."""
    copy, example = make_folder(None), example_folder()
    assert (copy / "flow.py").read_bytes() == (example / "flow.py").read_bytes()
    assert 'deadline = "PT' in (copy / "site.toml").read_text()
    assert not (copy / "work").exists()
    assert not list(copy.rglob("__pycache__"))
