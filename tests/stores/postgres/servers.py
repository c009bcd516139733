"""Real PostgreSQL servers for tests, each in its own folder, ended with the tests' process.

A server listens on a socket in its folder and nowhere else: no port can be taken by somebody else,
and whoever connects there meets this server. Who needs an address of TCP puts a proxy before it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

from tests.faults.outside import until
from tests.stores.postgres.programs import Programs, account, as_text, environment, newest

OWNER = "everflow"  # the superuser
DATABASE = "postgres"
PATIENCE = 60.0  # seconds for a server to begin or to end
PAUSE = 0.01
QUICK = {  # for what isn't about power: nothing waits for a disk, and nothing happens by itself
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}
USUAL = {
    "listen_addresses": "",
    "max_connections": 300,
    "max_logical_replication_workers": 0,
    "dynamic_shared_memory_type": "mmap",  # so that a killed one leaves nothing outside its folder
    "jit": "off",
    "restart_after_crash": "on",
}
GONE = frozenset({"Z", "X"})
Mode = Literal["smart", "fast", "immediate"]
STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Server:
    """One server: its folder, how to reach it, and what can happen to it."""

    def __init__(self, servers: Servers, name: str, programs: Programs) -> None:
        self.programs = programs
        self.folder = servers.folder / name
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self._servers = servers
        self._pid: int | None = None

    def url(self, schema: str | None = None, *, user: str = OWNER, **options: object) -> str:
        """``postgresql://everflow@/postgres?host=FOLDER&schema=...``."""
        words = {"host": self.folder, **({"schema": schema} if schema else {}), **options}
        return f"postgresql://{user}@/{DATABASE}?{urlencode(words, quote_via=quote)}"

    @property
    def dsn(self) -> str:
        """The address for plain psycopg or libpq."""
        return self.url()

    @property
    def port(self) -> int:
        """That of its socket's name: nobody listens on it."""
        return 5432

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / f".s.PGSQL.{self.port}"

    @property
    def pid(self) -> int:
        """The first of its processes."""
        assert self._pid is not None, "the server isn't running"
        return self._pid

    @property
    def running(self) -> bool:
        """Whether its first process is there."""
        return self._pid is not None and _lives(self._pid)

    def configure(self, **settings: object) -> None:
        """Settings from now on; some need a restart, for the others see ``reload``."""
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(as_text(settings))

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        assert not self.running
        self._pid = self._servers.begin(
            [self.programs.path("postgres"), "-D", str(self.data), "-k", str(self.folder)],
            folder=self.folder,
            log=self.log,
        )
        _wait(lambda: self._state() in {"ready", "standby"} or not self.running)
        assert self.running, f"the server doesn't start:\n{self.said()}"

    def _state(self) -> str:
        """What it wrote about itself, if that is about the process that was started."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return ""
        return lines[7].strip() if len(lines) > 7 and lines[0] == str(self._pid) else ""

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(errors="replace")

    def stop(self, mode: Mode = "fast") -> None:
        """End it in one of PostgreSQL's three ways and wait for the end."""
        os.kill(self.pid, STOPS[mode])
        self.ended()

    def kill9(self) -> None:
        """SIGKILL for all of its processes at once, as when the machine is gone."""
        self.pause()
        processes = self.processes()
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _wait(lambda: not any(map(_lives, processes)))
        self._pid = None

    def ended(self) -> None:
        """Wait until it has ended by itself."""
        _wait(lambda: not self.running)
        self._pid = None

    def restart(self, mode: Mode = "fast") -> None:
        """Stop it and start it again."""
        self.stop(mode)
        self.start()

    def pause(self) -> None:
        """SIGSTOP for all of its processes: connections stay, and nobody answers."""
        _halt(self.pid)  # first, so that it makes no more of them
        for pid in self.processes():
            _halt(pid)

    def resume(self) -> None:
        """SIGCONT for all of them."""
        for pid in reversed(self.processes()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def reload(self) -> None:
        """Have it read its settings again."""
        os.kill(self.pid, signal.SIGHUP)

    def promote(self) -> None:
        """Make a standby the primary; it is when this returns."""
        self.programs.run("pg_ctl", "promote", "-w", "-D", self.data, folder=self.folder)

    def processes(self) -> list[int]:
        """Its processes, the first of them first."""
        found = [self.pid]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(FileNotFoundError, ProcessLookupError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.pid:
                    found.append(int(stat.parent.name))
        return found


class Servers:
    """All servers of a process of tests, in one folder under the system's one for such."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="everflow-pg-"))
        who = account()
        if who:
            os.chown(self.folder, who["user"], who["group"])
        script = Path(__file__).with_name("keeper.py")
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", script, self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._known: dict[Path, Programs] = {}
        self._made: list[Server] = []

    def _within_reach(self, programs: Programs) -> Programs:
        if programs.folder not in self._known:
            place = self.folder / f"programs{len(self._known)}"
            self._known[programs.folder] = programs.within_reach(place)
        return self._known[programs.folder]

    def _place(self, programs: Programs | None, room: str = "") -> Server:
        name = f"s{len(self._made) + 1}"
        server = Server(self, name, self._within_reach(programs or newest()))
        self._made.append(server)
        server.folder.mkdir()
        if room:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={room}", "none", str(server.folder)]
            subprocess.run(mount, check=True)  # only root may; the keeper takes it down
        who = account()
        if who:
            os.chown(server.folder, who["user"], who["group"])
        return server

    def new(
        self,
        programs: Programs | None = None,
        *,
        durable: bool = False,
        start: bool = True,
        room: str = "",
        locale: tuple[str, ...] = ("--locale=C",),
        **settings: object,
    ) -> Server:
        """A new server of the newest major, or of ``programs``.

        A durable one has PostgreSQL's own settings where a quick one has those that wait for
        nothing. With ``room`` (such as 100m) it has a file system of its own, of that size.
        """
        server = self._place(programs, room)
        server.programs.run(
            "initdb",
            *("-D", server.data, "-U", OWNER, "--auth=trust", "--encoding=UTF8", "--no-sync"),
            *locale,
            folder=server.folder,
        )
        server.configure(**USUAL, **({} if durable else QUICK))
        server.configure(**settings)
        if start:
            server.start()
        return server

    def standby(self, primary: Server, *, synchronous: bool = True) -> Server:
        """A server that follows another one, which has to be durable, by streaming replication."""
        server = self._place(primary.programs)
        name = server.folder.name
        source = f"host={primary.folder} user={OWNER} application_name={name}"
        server.programs.run(
            "pg_basebackup",
            *("-D", server.data, "-d", source, "--checkpoint=fast", "--no-sync", "-R"),
            folder=server.folder,
        )
        server.start()
        if synchronous:
            primary.configure(synchronous_standby_names=name)
            primary.reload()
        return server

    def begin(self, command: list[str], *, folder: Path, log: Path) -> int:
        """Have a program run until the tests' process ends; its process's id."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        given = {"args": command, "cwd": str(folder), "log": str(log), "env": environment()}
        self._keeper.stdin.write(json.dumps({**given, **account()}).encode() + b"\n")
        self._keeper.stdin.flush()
        return int(self._keeper.stdout.readline())

    def close(self) -> None:
        """End all of them, paused ones too, and remove the folder."""
        for server in self._made:
            if server.running:
                server.resume()
        with self._keeper:
            pass  # its input ends, so it does


def together(*servers: Server, schema: str | None = None) -> str:
    """One URL for several: whoever connects takes the one that may be written to."""
    hosts = ",".join(str(server.folder) for server in servers)
    return servers[0].url(schema, host=hosts, target_session_attrs="read-write")


def _lives(pid: int) -> bool:
    """Whether a process is there and hasn't ended: its parent may not have looked yet."""
    return _state(pid) not in GONE


def _state(pid: int) -> str:
    """The letter by which the kernel calls a process's state."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X"
    return stat.rpartition(")")[2].split()[0]


def _halt(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    _wait(lambda: _state(pid) in {"T", *GONE})


def _wait(ask: Callable[[], bool]) -> None:
    until(ask, PATIENCE, PAUSE)
