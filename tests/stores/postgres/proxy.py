"""A proxy of TCP before a server, for what networks do: cuts, silence, and answers that are lost.

It listens on a port that the kernel gave it. A fault meets one connection at one message of its
client's: what the client sends at once is taken for one, which is so for calls of some kilobytes.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from random import Random
from threading import Event, Lock, Thread
from urllib.parse import quote, urlencode

from tests.stores.postgres.servers import DATABASE, OWNER, Server

CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing says RST


class Fault(StrEnum):
    """What may happen to a message."""

    NONE = "none"
    BEFORE = "before"  # it never reaches the server, and the connection is cut
    AFTER = "after"  # the server did it; its answer never comes, since the connection is cut
    AMID = "amid"  # it was sent on, and the connection is cut at once
    SILENCE = "silence"  # nothing is sent on any more, either way, and nobody is told


class Chance:
    """Faults drawn by a seed: one in so many messages on average, each of these kinds."""

    def __init__(self, seed: int, one_in: int, *kinds: Fault) -> None:
        self._random = Random(seed)
        self._one_in = one_in
        self._kinds = kinds

    def __call__(self, message: bytes) -> Fault:
        if self._random.randrange(self._one_in):
            return Fault.NONE
        return self._random.choice(self._kinds)


def no_fault(message: bytes) -> Fault:
    """A network that works."""
    return Fault.NONE


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = proxy.reach()
        self._dead = Event()
        self._silent = Event()
        self._losing = Event()  # the next answer of the server is the last one, and is lost
        for pump in (self._out, self._back):
            Thread(target=self._work, args=(pump,), daemon=True).start()

    def _work(self, pump: Callable[[], bool]) -> None:
        with suppress(OSError):
            while pump():
                pass
        self.cut()

    def _out(self) -> bool:
        """One message to the server. False at the end."""
        message = self._client.recv(CHUNK)
        if not message or not self._flows():
            return False
        fault = self._proxy.judged(message)
        if fault is Fault.BEFORE:
            return False
        if fault is Fault.SILENCE:
            self._silent.set()
            return self._flows()
        if fault is Fault.AFTER:
            self._losing.set()
        self._server.sendall(message)
        return fault is not Fault.AMID

    def _back(self) -> bool:
        """Some of the server's answer. False at the end."""
        answer = self._server.recv(CHUNK)
        if not answer or self._losing.is_set() or not self._flows():
            return False
        self._client.sendall(answer)
        return True

    def _flows(self) -> bool:
        """Wait as long as nothing is to be sent on. False when the connection is over."""
        while self._silent.is_set() or not self._proxy.flows:
            if self._dead.wait(0.01):
                return False
        self._dead.wait(self._proxy.latency)
        return not self._dead.is_set()

    @property
    def lives(self) -> bool:
        """Whether it isn't over."""
        return not self._dead.is_set()

    def cut(self) -> None:
        """End it both ways, at once and without a word."""
        self._dead.set()
        for side in (self._client, self._server):
            with suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                side.shutdown(socket.SHUT_RDWR)
            side.close()


class Proxy:
    """``judge(message)`` says what happens to each message of a client's."""

    def __init__(self, server: Server) -> None:
        self.judge: Callable[[bytes], Fault] = no_fault
        self.latency = 0.0  # seconds, each way
        self.faults: Counter[Fault] = Counter()
        self._server = server
        self._flowing = Event()
        self._flowing.set()
        self._links: list[_Link] = []
        self._lock = Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        Thread(target=self._listen, daemon=True).start()

    def url(self, schema: str | None = None, **options: object) -> str:
        """Like the server's, by host and port."""
        words = {**({"schema": schema} if schema else {}), **options}
        place = f"{OWNER}@127.0.0.1:{self.port}/{DATABASE}"
        return f"postgresql://{place}?{urlencode(words, quote_via=quote)}"

    @property
    def flows(self) -> bool:
        """Whether anything is sent on."""
        return self._flowing.is_set()

    def pause(self) -> None:
        """Send nothing on: what is connected stays so, and hears nothing."""
        self._flowing.clear()

    def resume(self) -> None:
        """Send on again, what came meanwhile first."""
        self._flowing.set()

    def cut(self) -> None:
        """Cut all connections. New ones are taken."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.cut()

    def lead_to(self, server: Server) -> None:
        """Have new connections led to another server, and cut the old ones."""
        self._server = server
        self.cut()

    def judged(self, message: bytes) -> Fault:
        """What happens to a message, counted."""
        fault = self.judge(message)
        self.faults[fault] += 1
        return fault

    def reach(self) -> socket.socket:
        """A connection to the server. Raises OSError while that isn't there."""
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(self._server.socket))
        except OSError:
            line.close()
            raise
        return line

    def close(self) -> None:
        """Cut all and listen no more."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()

    def _listen(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client, _ = self._door.accept()
                with self._lock:
                    self._take(client)

    def _take(self, client: socket.socket) -> None:
        try:
            link = _Link(self, client)
        except OSError:
            client.close()  # the server isn't there: whoever connects is told at once
        else:
            self._links = [each for each in self._links if each.lives] + [link]
