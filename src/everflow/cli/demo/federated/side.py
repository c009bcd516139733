"""One of the demo's servers: a folder, a port, a process, and who it is to others.

What can be said to a store is said to the store, before its process starts; whatever needs a
server is said by the command line, as anybody would.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everflow.activitypub import Actors, Local
from everflow.cli.demo.crew import STORE, Crew
from everflow.cli.demo.federated.tally import Seen
from everflow.cli.demo.folder import PROJECT, copy_example
from everflow.cli.demo.play import DemoFailed
from everflow.clock import SystemClock
from everflow.engine.faces.connect import Connection, connect
from everflow.federation import Identity, Peers, create_identity

__all__ = ["Side", "introduce", "made"]

HOST = "127.0.0.1"
ACTOR = "editors"
DEADLINE = "PT5S"  # enough for a takeover amid the questions
COPIES = 100_000_000  # bytes
PATIENCE = 20  # seconds for a command


@dataclass
class Side:
    """A server. ``crew`` is its process, ``flows`` a way into its store."""

    name: str
    folder: Path
    identity: Identity
    actor: Local
    flows: Connection
    crew: Crew

    @property
    def seen(self) -> Seen:
        """The server as the count sees it."""
        return Seen(self.name, self.folder, self.flows, self.actor.id)

    def say(self, *words: str) -> list[Any]:
        """Say something on the command line; the lines that it answers."""
        done = subprocess.run(  # noqa: S603 - our own program, our own words
            [sys.executable, "-m", "everflow.cli", *words, "--json", "--store", STORE],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if done.returncode:
            said = " ".join(words)
            raise DemoFailed(
                f"{self.name}: everflow {said} ended with {done.returncode}: {done.stderr}"
            )
        return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def made(name: str, folder: Path) -> Iterator[Side]:
    """A server of that name, not started yet, in a folder of its own."""
    port = _free_port()
    address = f"http://{HOST}:{port}"
    now = SystemClock().wall
    folder.mkdir(parents=True)
    with connect(folder / STORE, create=True) as flows:
        identity = create_identity(flows.store, address, at=now())
        actors = Actors(flows.store, now)
        actor = actors.create(ACTOR, title=f"The editors of {name}", inside=(HOST,))
        settings = {
            "title": f"Notes of {name}",
            "base_url": f"https://{name}.example.org",
            "actor": actor.id,
            "deadline": DEADLINE,
        }
        copy_example(folder, settings, PROJECT.replace('"flow.py"', '"flow.py", "abroad.py"'))
        command = ("serve", "flow.py", "abroad.py", "--port", str(port))
        with Crew(folder, command) as crew:
            yield Side(name, folder, identity, actor, flows, crew)


def introduce(one: Side, other: Side) -> None:
    """Make a server known to another one, which may leave copies of its runs there."""
    peers = Peers(one.flows.store, SystemClock().wall)
    who = other.identity
    peers.add(other.name, who.address, who.word, inside=True)
    peers.change(other.name, keep=COPIES)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])
