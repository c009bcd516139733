"""Files that are no exports (RELIABILITY 23), as somebody may hand them to an operator."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from everflow.cli.root import everflow


def packed(times: int) -> bytes:
    """Zeros without end, packed so often."""
    data = gzip.compress(b"\0" * 30_000_000)
    for _ in range(times - 1):
        data = gzip.compress(data)
    return data


def tarred() -> bytes:
    """An archive whose file lies above its folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        about = tarfile.TarInfo("../../escaped")
        about.size = 1
        archive.addfile(about, io.BytesIO(b"x"))
    return made.getvalue()


def zipped() -> bytes:
    """The same of another kind."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("../../escaped", "x")
    return made.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a line end": lambda: b"\n",
    "zeros": lambda: b"\0" * 1_000_000,
    "a line without an end": lambda: b"[" * 1_000_000,
    "an object": lambda: b"{}\n",
    "a number": lambda: b"1\n",
    "lists 5,000 deep": lambda: b"[" * 5_000 + b"]" * 5_000 + b"\n",
    "a header alone": lambda: json.dumps({"kind": "header"}).encode() + b"\n",
    "UTF-16": lambda: '{"kind": "header"}\n'.encode("utf-16"),
    "a pickle": lambda: b"\x80\x04cos\nsystem\n(S'id'\ntR.",
    "a store": lambda: b"SQLite format 3\0" + b"\0" * 4_000,
    "a gzip of nothing": lambda: gzip.compress(b""),
    "half a gzip": lambda: gzip.compress(b"{}\n" * 1_000)[:-9],
    "a gzip with more behind it": lambda: gzip.compress(b"{}\n") + b"x",
    "a bomb": lambda: packed(1),
    "a bomb in a bomb": lambda: packed(2),
    "an archive that leads elsewhere": tarred,
    "another archive that leads elsewhere": zipped,
}


@pytest.mark.parametrize("name", FILES)
def test_no_export_no_runs(name: str, tmp_path: Path) -> None:
    """It is refused by a word about it, nothing is imported, and no file is written elsewhere."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    place, store = folder / "runs.jsonl", str(folder / "store.db")
    place.write_bytes(FILES[name]())
    runner = CliRunner()
    said = runner.invoke(everflow, ["import", str(place), "--store", store])
    assert (said.exit_code, said.stdout) == (2, ""), said.output
    assert "nothing was imported" in said.stderr
    assert "Traceback" not in said.stderr
    listed = runner.invoke(everflow, ["list", "--store", store])
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert not list(tmp_path.rglob("escaped"))
