"""The servers that tests start: of two majors, and gone when the tests are, however those end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.faults.outside import ROOT, until
from tests.stores.postgres.programs import Programs, newest
from tests.stores.postgres.servers import Server, Servers, together

_CHILD = """
import sys
from tests.stores.postgres.servers import Servers
servers = Servers()
print(servers.folder, servers.new().pid, flush=True)
sys.stdin.read()
"""


def _asked(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as line:
        row = line.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


def test_the_newest_major(postgres: Server) -> None:
    """The shared server is an 18, whose texts are in the order of code points."""
    assert str(_asked(postgres.dsn, "SHOW server_version")).startswith("18.")
    assert postgres.programs.major == 18
    assert _asked(postgres.dsn, "SELECT 'a' < 'B'") is False


def test_the_oldest_major(oldest_postgres: Server) -> None:
    """The old one is a 15, whose texts are in an order of people's unless one says otherwise."""
    assert str(_asked(oldest_postgres.dsn, "SHOW server_version")).startswith("15.")
    assert _asked(oldest_postgres.dsn, "SELECT 'a' < 'B'") is True
    assert _asked(oldest_postgres.dsn, """SELECT 'a' COLLATE "C" < 'B'""") is False


def test_a_server_dies_with_the_tests() -> None:
    """SIGKILL for the tests' process: the server ends, and its folder goes."""
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        folder, pid = child.stdout.readline().split()
        assert Path("/proc", pid).exists()
        child.send_signal(signal.SIGKILL)
    until(lambda: not Path(folder).exists())
    until(lambda: not Path("/proc", pid).exists())


def test_a_server_isnt_root(postgres: Server) -> None:
    """Its processes belong to an account that isn't root's, whoever runs the tests."""
    assert postgres.data.stat().st_uid != 0
    assert {Path("/proc", str(pid)).stat().st_uid for pid in postgres.processes()} == {
        postgres.data.stat().st_uid
    }


def test_programs_that_cant_be_reached_are_copied(tmp_path: Path) -> None:
    """The project may lie where the server's account may not look."""

    class Hidden(Programs):
        def run(self, name: str, *words: object, folder: Path) -> str:
            raise PermissionError

    (tmp_path / "from" / "bin").mkdir(parents=True)
    (tmp_path / "from" / "bin" / "postgres").touch()
    found = Hidden(tmp_path / "from").within_reach(tmp_path / "to")
    assert found == Programs(tmp_path / "to")
    assert Path(found.path("postgres")).exists()
    assert newest().within_reach(tmp_path / "other") == newest()


def test_what_can_happen_to_a_server(own_servers: Servers) -> None:
    """It is stopped, killed, paused, followed and followed up; its clients find who writes."""
    first = own_servers.new(durable=True)
    second = own_servers.standby(first)
    both = together(first, second)
    with psycopg.connect(both, autocommit=True) as line:
        line.execute("CREATE TABLE known (n int)")
        line.execute("INSERT INTO known VALUES (1)")
        first.pause()
        assert all(" T " in Path(f"/proc/{pid}/stat").read_text() for pid in first.processes())
        first.resume()
        line.execute("INSERT INTO known VALUES (2)")
        assert _asked(second.dsn, "SELECT pg_is_in_recovery()") is True
        first.kill9()
        with pytest.raises(psycopg.OperationalError):
            line.execute("SELECT 1")
    second.promote()
    assert _asked(both, "SELECT count(*) FROM known") == 2
    second.restart()
    assert _asked(both, "SELECT count(*) FROM known") == 2
    second.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(both)


def test_a_server_that_cant_start_says_why(own_servers: Servers) -> None:
    """The log is in the failure."""
    with pytest.raises(AssertionError, match="unrecognized configuration parameter"):
        own_servers.new(nonsense="on")
    assert [each.name for each in own_servers.folder.iterdir()] == ["s1"]
