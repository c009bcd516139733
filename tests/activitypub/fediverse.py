"""A real server of the fediverse that isn't ours: Fedify, in a process of Node's beside the tests.

Its packages are exactly those of ``fedify/package-lock.json`` (see ``tests.npm``).
"""

from __future__ import annotations

import http.client
import json
import os
import selectors
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.engine.support import PATIENT, until
from tests.npm import NODE, installed

HERE = Path(__file__).parent / "fedify"
ALLOWED = "127.0.0.0/8"


@dataclass
class Side:
    """One of the instances: ``new`` knocks by RFC 9421 first, ``old`` knows draft-cavage alone."""

    name: str
    address: str
    control: str
    word: str

    def actor(self, name: str = "ada") -> str:
        """The id of one of its actors: any name is one."""
        return f"{self.address}/users/{name}"

    def ask(self, verb: str, **asked: Any) -> dict[str, Any]:
        """Have it do something. AssertionError with its words where it can't."""
        place = self.control.removeprefix("http://")
        connection = http.client.HTTPConnection(place, timeout=PATIENT)
        try:
            connection.request("POST", f"/{self.name}/{verb}", json.dumps(asked))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status == 200, text
        said: dict[str, Any] = json.loads(text)
        assert said["word"] == self.word, "somebody else's server"
        return said

    def send(self, kind: str, to: str, *, by: str = "ada", **more: Any) -> str:
        """Have an actor of its send an activity; gives the id of that."""
        return str(self.ask("send", type=kind, to=to, by=by, **more)["id"])

    def rotate(self, name: str) -> None:
        """Give an actor other keys, under the ids of those that it had."""
        self.ask("rotate", by=name)

    def heard(self, about: Callable[[dict[str, Any]], bool] = bool) -> list[dict[str, Any]]:
        """What arrived and was verified: ``signed`` and ``inbox`` say how, ``value`` what."""
        return [each for each in self.ask("heard")["heard"] if about(each["value"])]

    def hears(self, about: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until something such has arrived."""
        until(lambda: bool(self.heard(about)))
        return self.heard(about)[0]


@dataclass
class Fediverse:
    """Both instances."""

    new: Side
    old: Side


@contextmanager
def fediverse() -> Iterator[Fediverse]:
    """Both instances in a process of their own, which ends with this one."""
    place, word = installed("fedify", HERE), uuid4().hex
    started = subprocess.Popen(
        [NODE, "--input-type=module", "--eval", (HERE / "server.mjs").read_text(), "--", word],
        cwd=place,
        env={**os.environ, "NODE_COMPILE_CACHE": str(place / "compiled")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with started:
        try:
            said = json.loads(_first_line(started))
            assert said["word"] == word
            sides = (Side(name, said[name], said["control"], word) for name in ("new", "old"))
            yield Fediverse(*sides)
        finally:
            started.kill()


def _first_line(started: subprocess.Popen[bytes]) -> bytes:
    assert started.stdout is not None
    with selectors.DefaultSelector() as ready:
        ready.register(started.stdout, selectors.EVENT_READ)
        assert ready.select(PATIENT), "Fedify doesn't start"
    line = started.stdout.readline()
    assert line, "Fedify ended at once: its errors stand above"
    return line
