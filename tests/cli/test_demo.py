"""The demo, from its first line to the files that it leaves (B150)."""

import json
import mailbox
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import feedparser  # type: ignore[import-untyped]  # it comes without types
import pytest

from everflow.cli.demo.folder import example_folder, make_folder
from everflow.errors import ConfigurationError
from tests.cli.conftest import Cli, environment

PUBLISHED = {"etags", "leap-seconds", "swifts", "lighthouse"}
DECLINED = {"sourdough", "tide-machine"}
Played = tuple[Path, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The demo's folder, and the process that played it once for all tests."""
    here = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "everflow.cli", "demo"],
        cwd=here,
        env=environment(),
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


def test_what_it_leaves_can_be_gone_on_with(
    played: Played, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands that it names work in its folder."""
    folder, _ = played
    monkeypatch.chdir(folder)
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
