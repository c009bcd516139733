"""Poolers before a server: one of our own that is everywhere, and PgBouncer where it is installed.

Ours is as unkind as a pooler may be: it gives a connection out for one transaction (or statement),
and each time the one that rested longest, so that whatever is left behind in one is missed in the
next. It answers logins itself, with a process's number of its own, as all poolers do.
"""

from __future__ import annotations

import shutil
import socket
import struct
from collections import deque
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Lock, Semaphore, Thread
from urllib.parse import quote, urlencode

from tests.faults.outside import until
from tests.stores.postgres.programs import account
from tests.stores.postgres.servers import DATABASE, OWNER, Server, Servers

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
ENCRYPTED = {80877103, 80877104}  # the client asks for TLS, or GSS
LOGIN = 196608  # version 3.0 of the protocol
SIZE = 3  # connections to the server
REFUSED = "transaction blocks not allowed in statement pooling mode"


def address(port: int, schema: str) -> str:
    """A store's URL by port."""
    options = urlencode({"schema": schema}, quote_via=quote)
    return f"postgresql://{OWNER}@127.0.0.1:{port}/{DATABASE}?{options}"


class Wire:
    """One end of a connection, message by message."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self._file = line.makefile("rb")

    def head(self) -> bytes:
        """A message without a type: the first ones of a client."""
        (length,) = struct.unpack("!I", self._exactly(4))
        return self._exactly(length - 4)

    def message(self) -> bytes:
        """A message whole."""
        kind = self._exactly(1)
        size = self._exactly(4)
        return kind + size + self._exactly(struct.unpack("!I", size)[0] - 4)

    def until_ready(self) -> tuple[list[bytes], bytes]:
        """All that a server answers, and how it stands then: I, T or E."""
        answers = [self.message()]
        while answers[-1][:1] != b"Z":
            answers.append(self.message())
        return answers, answers[-1][5:6]

    def drain(self) -> None:
        """Forget what came while nobody was there to hear it."""
        self.line.setblocking(False)
        with suppress(BlockingIOError):
            while self.line.recv(1 << 16):
                pass
        self.line.setblocking(True)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.line.close()

    def _exactly(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) < size:
            raise EOFError
        return found


class Pooler:
    """Between any number of clients and a few connections to the server."""

    def __init__(self, server: Server, *, by_statement: bool = False) -> None:
        self._server = server
        self._by_statement = by_statement
        self._numbers = count(1_000_000)
        self._lock = Lock()
        self._free = Semaphore(SIZE)
        self._greeting = b""
        self._lines = deque(self._log_in() for _ in range(SIZE))
        self._all = list(self._lines)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Hang up on everybody."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        with self._lock:
            for wire in self._all:
                with suppress(OSError):
                    wire.line.shutdown(socket.SHUT_RDWR)
                wire.close()

    def _log_in(self) -> Wire:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(str(self._server.socket))
        words = b"".join(
            part.encode() + b"\0" for part in ("user", OWNER, "database", DATABASE, "")
        )
        line.sendall(struct.pack("!II", len(words) + 8, LOGIN) + words)
        wire = Wire(line)
        answers, _ = wire.until_ready()
        self._greeting = b"".join(answer for answer in answers if answer[:1] in b"RS")
        return wire

    def _listen(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client, _ = self._door.accept()
                Thread(target=self._serve, args=[Wire(client)], daemon=True).start()

    def _serve(self, client: Wire) -> None:
        with self._lock:
            self._all.append(client)
        with suppress(OSError, EOFError, ValueError):  # one of the two hung up
            while struct.unpack("!I", client.head()[:4])[0] in ENCRYPTED:
                client.line.sendall(b"N")
            number = struct.pack("!cIII", b"K", 12, next(self._numbers), 0)
            client.line.sendall(self._greeting + number + b"Z\0\0\0\5I")
            while self._pass_on(client):
                pass
        with suppress(OSError):
            client.close()

    def _pass_on(self, client: Wire) -> bool:
        """One transaction, or statement. False when the client leaves."""
        request = self._request(client)
        if request is None:
            return False
        with self._free:
            server = self._lines.popleft()
            try:
                server.drain()
                state = b"T"
                while request is not None and state != b"I":
                    server.line.sendall(request)
                    answers, state = server.until_ready()
                    if state != b"I" and self._by_statement:
                        client.line.sendall(_refusal(REFUSED))
                        server.line.sendall(_query("ROLLBACK"))
                        server.until_ready()
                        return False
                    client.line.sendall(b"".join(answers))
                    if state != b"I":
                        request = self._request(client)
                if request is None:
                    server.line.sendall(_query("ROLLBACK"))
                    server.until_ready()
            finally:
                self._lines.append(server)
        return request is not None

    def _request(self, client: Wire) -> bytes | None:
        """What a client says up to where it waits for an answer; None when it leaves."""
        parts = [client.message()]
        while parts[-1][:1] not in b"QSX":
            parts.append(client.message())
        return None if parts[-1][:1] == b"X" else b"".join(parts)


def _listens(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        return line.connect_ex(str(place)) == 0


def _query(text: str) -> bytes:
    words = text.encode() + b"\0"
    return struct.pack("!cI", b"Q", len(words) + 4) + words


def _refusal(text: str) -> bytes:
    words = b"".join(part.encode() + b"\0" for part in ("SFATAL", "C08P01", f"M{text}", ""))
    return struct.pack("!cI", b"E", len(words) + 4) + words


class PgBouncer:
    """The real one."""

    def __init__(self, servers: Servers, server: Server, *, mode: str, port: int) -> None:
        assert PGBOUNCER is not None
        folder = Path(server.folder / f"pooler-{mode}-{port}")
        folder.mkdir()
        (folder / "users").write_text(f'"{OWNER}" ""\n')
        settings = {
            "unix_socket_dir": folder,
            "listen_port": port,
            "auth_type": "trust",
            "auth_file": folder / "users",
            "pool_mode": mode,
            "default_pool_size": SIZE,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        place = f"* = host={server.folder}"
        text = "\n".join(["[databases]", place, "[pgbouncer]", *lines, ""])
        (folder / "ini").write_text(text)
        who = account()
        if who:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, who["user"], who["group"])
        self.folder = folder
        self.port = port
        servers.begin([PGBOUNCER, str(folder / "ini")], folder=folder, log=folder / "log")
        until(lambda: _listens(folder / f".s.PGSQL.{port}"))

    def url(self, schema: str) -> str:
        """A store's URL by its socket."""
        words = {"host": self.folder, "port": self.port, "schema": schema}
        return f"postgresql://{OWNER}@/{DATABASE}?{urlencode(words, quote_via=quote)}"
