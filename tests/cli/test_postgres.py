"""Commands over a store in PostgreSQL: roles with no more rights than needed, no password shown."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from everflow import connect
from everflow.stores.postgres.place import Place
from tests.cli.conftest import FLOWS, Cli
from tests.stores.postgres.servers import OWNER, Server

SECRET = "sesame"


@pytest.fixture
def place(fresh_url: str) -> Place:
    """Where the store is."""
    return Place.read(fresh_url)


@pytest.fixture
def line(place: Place) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """An administrator's connection."""
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        yield line


@pytest.fixture
def as_role(
    line: psycopg.Connection[tuple[object, ...]], postgres: Server, place: Place
) -> Iterator[Callable[[str], str]]:
    """Makes a role, and gives the store's URL for it, with a password that nobody is to see."""
    made = []

    def url(name: str) -> str:
        if name != OWNER:
            name = f"{name}_{place.schema}"
            line.execute(f"CREATE ROLE {name} LOGIN".encode())
            made.append(name)
        return postgres.url(place.schema, user=f"{name}:{SECRET}")

    yield url
    for name in made:
        line.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


@pytest.fixture
def url(as_role: Callable[[str], str]) -> str:
    """The store's URL for its owner, with a password."""
    return as_role(OWNER)


def test_roles_may_do_what_they_must(
    told: Any, cli: Cli, url: str, as_role: Callable[[str], str], place: Place
) -> None:
    """A client starts and answers, a worker executes; nobody but the owner makes anything."""
    worker, client = as_role("worker"), as_role("client")
    assert "there is no store" in cli("list", "--store", client).stderr
    refused = cli("worker", FLOWS, "--until-idle", "--store", worker)
    assert (refused.exit_code, "everflow store prepare" in refused.stderr) == (2, True)
    roles = ["--worker", f"worker_{place.schema}", "--client", f"client_{place.schema}"]
    prepared = told("store", "prepare", *roles, "--store", url)
    assert (prepared["made"], prepared["format"]) == (True, 1)
    run = told("start", f"{FLOWS}:approve", '"draft"', "--store", client)["id"]
    told("worker", FLOWS, "--until-idle", "--store", worker)
    status = told("status", run, "--store", client)
    assert status["status"] == "suspended"
    token = status["questions"][0]["token"]
    told("answer", token, '{"approved": true}', "--store", client)
    told("worker", FLOWS, "--until-idle", "--store", worker)
    assert told("status", run, "--store", client)["status"] == "done"
    told("label", run, "a=b", "--store", client)
    told(
        "pause",
        told("start", f"{FLOWS}:approve", '"x"', "--store", client)["id"],
        "--store",
        client,
    )
    assert len(told("list", "--store", client)) == 2
    told("prune", run, "--store", worker)
    assert told("store", "adopt", "--store", url) == {"store": place_of(url), "adopted": False}


def place_of(url: str) -> str:
    """The URL without the password."""
    return url.replace(f":{SECRET}@", "@")


def test_no_command_shows_the_password(
    cli: Cli, told: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in words, nor in JSON, nor in a command to be typed."""
    shown = [cli("run", f"{FLOWS}:approve", '"draft"', "--store", url)]
    assert f"--store '{place_of(url)}'" in shown[0].output
    run = told("list", "--store", url)["id"]
    monkeypatch.setenv("EVERFLOW_STORE", url)
    for words in (
        ["status", run],
        ["show", run],
        ["status", run[:-1]],
        ["worker", FLOWS, "--until-idle"],
        ["queue", "list"],
        ["schedule", "list"],
        ["export", "--all"],
        ["workers"],
        ["move", f"{url}_there", "--dry-run"],
        ["move", f"{url}_there"],
        ["move", url],
        ["backup", f"{url}_copy"],
        ["store", "prepare"],
        ["store", "prepare", "--print"],
        ["store", "prepare", "--forget"],
        ["store", "prepare", "--worker", "nobody_there"],
        ["store", "adopt"],
        ["store", "adopt", "--print"],
        ["list", "--store", f"{url}&scheme=x"],
        ["list", "--store", url.replace("@/", "@/nowhere")],
        ["list", "--store", url.replace("postgresql", "mysql")],
        ["peer", "create", "http://127.0.0.1:1"],
    ):
        shown += [cli(*words), cli(*words, "--json")]
    assert SECRET not in "".join(f"{result.stdout}{result.stderr}" for result in shown)


def test_a_server_says_where_its_store_is_without_the_password(
    spawn: Callable[..., "subprocess.Popen[str]"], url: str
) -> None:
    """In what it prints as it begins."""
    server = spawn("serve", FLOWS, "--port", "0", "--store", url, "--json")
    assert server.stdout is not None
    begun = json.loads(server.stdout.readline())
    assert begun["store"] == place_of(url)
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=30)
    assert SECRET not in errors


def test_a_worker_hears_of_a_start_at_once(
    spawn: Callable[..., "subprocess.Popen[str]"], told: Any, url: str
) -> None:
    """Another process starts a run, and it is done."""
    worker = spawn("worker", FLOWS, "--store", url, "--json")
    assert worker.stdout is not None
    assert json.loads(worker.stdout.readline())["store"] == place_of(url)
    run = told("start", f"{FLOWS}:greet", '"Ann"', "--store", url)["id"]
    with connect(url) as flows:
        assert flows.run(run).result(timeout=30) == "Hello Ann"


def test_an_identity_needs_a_folder_for_its_key(
    cli: Cli, told: Any, fresh_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an option, a variable, or pyproject.toml, in that order; without, it is told how."""
    words = ("--store", fresh_url)
    refused = cli("peer", "init", "https://flows.example", *words)
    assert (refused.exit_code, "EVERFLOW_SIGNING_KEYS" in refused.stderr) == (2, True)
    for name in ("of_option", "of_variable", "of_table"):
        (folder / name).mkdir()
    made = told("peer", "init", "https://flows.example", *words, "--signing-keys", "of_option")
    (key,) = (folder / "of_option").iterdir()
    assert key.name == f"{Place.read(fresh_url).schema}.peer-key"
    below = folder / "below"
    below.mkdir()
    key.rename(folder / "of_table" / key.name)
    (folder / "pyproject.toml").write_text('[tool.everflow]\nsigning_keys = "of_table"\n')
    monkeypatch.chdir(below)
    assert told("peer", "show", *words) == made
    monkeypatch.setenv("EVERFLOW_SIGNING_KEYS", str(folder / "of_variable"))
    lacking = cli("peer", "show", *words)
    assert (lacking.exit_code, f"of_variable/{key.name} can't be read" in lacking.stderr) == (
        2,
        True,
    )
    assert told("peer", "show", *words, "--signing-keys", "../of_table") == made
