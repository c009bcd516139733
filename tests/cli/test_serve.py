"""``serve`` and ``token``: a real server process, and who may come in."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli

Spawn = Callable[..., "subprocess.Popen[str]"]


def asked(address: str, path: str, body: Any = None, token: str = "") -> Any:
    """What the server answers."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    text = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/api/v1{path}", text, headers)
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


def listening(server: "subprocess.Popen[str]") -> Any:
    """What it says once it listens."""
    assert server.stdout is not None
    return json.loads(server.stdout.readline())


def test_a_server_starts_shows_and_answers_runs(spawn: Spawn) -> None:
    """A real process on a real socket, which ends orderly and gives its runs back."""
    server = spawn("serve", FLOWS, "--port", "0", "--json")
    said = listening(server)
    assert said["open"] is True
    address = said["address"]
    run = asked(address, "/runs", {"flow": "cli.sure", "input": "swifts"})["id"]
    found = asked(address, f"/runs/{run}?wait=20")
    answer = {"token": found["questions"][0]["token"], "value": True}
    assert asked(address, "/answers", answer) == {"reply": "answered"}
    assert asked(address, f"/runs/{run}?wait=20")["status"] == "done"
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=20)
    assert server.returncode == 0, errors
    assert errors == ""


def test_a_server_ends_by_itself_after_its_time(cli: Cli) -> None:
    """As a worker does: for whoever starts one and may be gone before it."""
    ended = cli("serve", FLOWS, "--port", "0", "--for", "0.1s", "--json")
    assert ended.exit_code == 0


def test_beyond_this_machine_a_token_is_needed(cli: Cli, told: Any, spawn: Spawn) -> None:
    """It doesn't start without a valid one, and refuses requests that bear none."""
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        refused = cli("serve", FLOWS, "--host", host)
        assert refused.exit_code == 2
        assert "token create" in refused.stderr
    made = told("token", "create", "desk", "--by", "Ines")
    server = spawn("serve", FLOWS, "--port", "0", "--host", "0.0.0.0", "--json")
    said = listening(server)
    address = said["address"].replace("0.0.0.0", "127.0.0.1")
    assert said["open"] is False
    with pytest.raises(urllib.error.HTTPError) as refusal:
        asked(address, "/runs")
    with refusal.value:
        assert refusal.value.code == 401
    assert asked(address, "/runs", token=made["token"])["runs"] == []


def test_a_key_of_peers_that_is_missing_is_told(cli: Cli, folder: Path) -> None:
    """Before anything is served."""
    cli("peer", "init", "http://127.0.0.1:1")
    next(folder.glob("*.peer-key")).unlink()
    refused = cli("serve", FLOWS, "--port", "0")
    assert refused.exit_code == 2
    assert "key" in refused.stderr


def test_a_port_that_is_taken_is_told(cli: Cli, spawn: Spawn) -> None:
    """As an error of the configuration, before anything is executed."""
    server = spawn("serve", FLOWS, "--port", "0", "--json")
    port = listening(server)["address"].rpartition(":")[2]
    refused = cli("serve", FLOWS, "--port", port, "--store", "other.db")
    assert refused.exit_code == 2
    assert "can't be listened on" in refused.stderr


def test_tokens_are_made_listed_and_revoked(cli: Cli, told: Any) -> None:
    """The text is told once; a second token of a name waits until the first is revoked."""
    assert "no tokens" in cli("start", f"{FLOWS}:greet", "x").output + cli("token", "list").output
    made = cli("token", "create", "desk", "--scope", "read", "--lasts", "30d")
    assert made.stdout.startswith("ef_")
    secret = made.stdout.strip().rpartition("_")[2]
    assert cli("token", "create", "desk").exit_code == 2
    listed = cli("token", "list").stdout
    assert "desk" in listed
    assert "valid" in listed
    assert secret not in listed + json.dumps(told("token", "list"))
    assert "nobody in any more" in cli("token", "revoke", "desk").stdout
    assert told("token", "revoke", "desk")["valid"] is False
    assert told("token", "list")["scope"] == "read"
    again = told("token", "create", "desk")
    assert told("token", "revoke", again["id"])["name"] == "desk"
    assert "revoked" in cli("token", "list").stdout
    actions = [line["action"] for line in told("audit")]
    assert actions == ["token", "revoke", "token", "revoke"]


@pytest.mark.parametrize(
    "words",
    [
        ("create",),
        ("list", "desk"),
        ("revoke",),
        ("revoke", "none"),
        ("revoke", "desk", "--scope", "read"),
        ("create", "line\nbreak"),
    ],
)
def test_wrong_words_about_tokens_are_told(cli: Cli, words: tuple[str, ...]) -> None:
    """Nothing is changed."""
    cli("token", "create", "other")
    assert cli("token", *words).exit_code == 2


def test_a_missing_extra_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name under which it is installed."""
    monkeypatch.delattr("everflow.server", raising=False)
    for name in [name for name in sys.modules if name.startswith("everflow.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette.requests", None)
    refused = cli("serve", FLOWS)
    assert refused.exit_code == 2
    assert "everflow[server]" in refused.stderr
