"""Activities in a sealed store: what people said is in no file."""

import base64
from pathlib import Path

from everflow import Engine, Registry
from everflow.engine.faces.places import key_file
from everflow.triggers import Triggers, trigger
from tests.triggers.support import INES, note

MASTER = base64.b64encode(bytes(64)).decode()


def test_no_activity_and_no_decision_is_readable(tmp_path: Path, registry: Registry) -> None:
    """B122, B125: they are read back by whoever has the keys; a copy is still known as one."""
    keys = key_file(tmp_path / "keys.db", MASTER)
    with (
        Engine(tmp_path / "e.db", registry=registry, encryption=keys) as engine,
        Triggers(engine, [trigger("t", "review")]) as triggers,
    ):
        triggers.append(note("secret"), actor=INES)
        triggers.append(note("secret"), actor=INES)
        triggers.settle()
        [line] = triggers.audit(actor=INES)
        assert engine.run(line.run).result(20) == "note secret"
        assert triggers.activities.head() == 1
    found = b"".join(file.read_bytes() for file in tmp_path.glob("e.db*") if file.is_file())
    assert b"secret" not in found
    assert b"ines" not in found
