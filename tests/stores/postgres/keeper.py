"""A process beside the tests that is their servers' parent, so that no server outlives them.

Run as a script, by a bare Python that imports nothing of the project. It reads lines of JSON, each
what to start, and answers with the process's id. Its input ends when the tests' process does,
however that ends: then it ends what it started, and removes the folder that it was given.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from threading import Thread

PATIENCE = 10.0  # seconds for a server that was told to end at once


def _begin(given: dict[str, object]) -> subprocess.Popen[bytes]:
    with open(str(given.pop("log")), "ab") as log:  # noqa: PTH123 - nothing is imported for it
        started: subprocess.Popen[bytes] = subprocess.Popen(
            **given,  # type: ignore[call-overload]  # as JSON has them
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    Thread(target=started.wait, daemon=True).start()  # so that one that ended isn't there any more
    return started


def _end(started: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGCONT, signal.SIGQUIT):
        started.send_signal(sign)
    try:
        started.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        started.kill()


def _mounted_below(folder: str) -> list[str]:
    try:
        with open("/proc/self/mounts") as mounts:  # noqa: PTH123 - nothing is imported for it
            places = [line.split()[1] for line in mounts]
    except FileNotFoundError:
        return []
    return [place for place in places if place.startswith(folder)]


def main(folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end this
    started = []
    for line in sys.stdin:
        process = _begin(json.loads(line))
        started.append(process)
        sys.stdout.write(f"{process.pid}\n")
        sys.stdout.flush()
    os.chdir("/")
    for process in started:
        _end(process)
    for mounted in _mounted_below(folder):
        subprocess.run(["umount", "-l", mounted], check=False)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
