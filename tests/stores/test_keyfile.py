"""The key store in a file: wrapped, and overwritten once they are erased."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import apsw
import pytest

from everflow.errors import ConfigurationError, StoreDamaged, StoreUnavailable
from everflow.store.keys import KEY_BYTES, Keys
from everflow.stores.sealed import KeyFile, MemoryKeys


def master() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture(params=["memory", "file"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Keys:
    return MemoryKeys() if request.param == "memory" else KeyFile.open(tmp_path / "k", master())


def test_a_run_has_one_key_until_it_is_erased(keys: Keys) -> None:
    """Made once, the same from then on, and never again after that."""
    assert isinstance(keys, Keys)
    one, other = keys.create(["a", "b"])
    assert len(one) == len(other) == KEY_BYTES
    assert one != other
    assert keys.create(["b", "c", "b"])[0] == other
    assert keys.get(["b", "x", "a"]) == [other, None, one]
    assert keys.erase(["a", "x"]) == [True, False]
    assert keys.get(["a", "b"]) == [None, other]
    keys.close()


def test_keys_outlive_the_process_and_are_wrapped(tmp_path: Path) -> None:
    """The file alone opens nothing: the master key isn't in it."""
    secret = master()
    keys = KeyFile.open(tmp_path / "k", secret)
    key = keys.create(["a"])[0]
    other = KeyFile.open(tmp_path / "k", secret)
    assert other.get(["a"]) == [key]
    other.close()
    keys.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"a" in data
    assert key not in data
    assert base64.b64decode(secret) not in data
    assert (tmp_path / "k").stat().st_mode & 0o077 == 0


def test_what_is_erased_is_gone_from_the_bytes(tmp_path: Path) -> None:
    """Not even the wrapped key is left in the file or its log."""
    keys = KeyFile.open(tmp_path / "k", master())
    keys.create([f"run{n}" for n in range(600)])
    wrapped = dict(apsw.Connection(str(tmp_path / "k")).execute("SELECT run, wrapped FROM key"))
    keys.erase(["run7"])
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert wrapped["run7"] not in data
    assert wrapped["run8"] in data
    assert keys.get(["run7", "run599"])[0] is None
    keys.close()


def test_a_master_key_is_replaced_while_everything_runs(tmp_path: Path) -> None:
    """First every process is given both, then the keys are wrapped anew, then the old one goes."""
    old, new = master(), master()
    keys = KeyFile.open(tmp_path / "k", old)
    made = keys.create(["a", "b"])
    both = KeyFile.open(tmp_path / "k", f"{new}\n{old}\n")
    made += both.create(["c"])
    with pytest.raises(StoreUnavailable, match=r"a master key .* that isn't given"):
        keys.get(["c"])  # it waits until it is told
    assert both.rotate() == 2
    assert both.rotate() == 0
    assert KeyFile.open(tmp_path / "k", new).get(["a", "b", "c"]) == made
    with pytest.raises(StoreUnavailable):
        keys.get(["a"])
    with pytest.raises(ConfigurationError, match="that isn't given"):
        KeyFile.open(tmp_path / "k", old)  # it could open nothing, and would wrap what is new


def test_a_key_moved_to_another_run_is_damage(tmp_path: Path) -> None:
    """Whoever writes into the file can't give a run another's key."""
    keys = KeyFile.open(tmp_path / "k", master())
    keys.create(["a"])
    db = apsw.Connection(str(tmp_path / "k"))
    db.execute("UPDATE key SET run = 'b'")
    with pytest.raises(StoreDamaged, match="is damaged"):
        keys.get(["b"])


@pytest.mark.parametrize("text", ["", "short", "%%%", base64.b64encode(b"x" * 31).decode()])
def test_a_weak_master_key_is_refused(tmp_path: Path, text: str) -> None:
    """The message says how to make one, and never shows what was given."""
    with pytest.raises(ConfigurationError, match="master key") as caught:
        KeyFile.open(tmp_path / "k", text)
    assert "openssl rand" in caught.value.hint
    assert not text or text not in str(caught.value)


def test_a_file_that_can_not_be_used_is_told(tmp_path: Path) -> None:
    """No folder is the configuration's fault; a foreign file can't be used for now."""
    with pytest.raises(ConfigurationError, match="can't be opened"):
        KeyFile.open(tmp_path / "none" / "k", master())
    (tmp_path / "foreign").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreUnavailable, match="can't be used"):
        KeyFile.open(tmp_path / "foreign", master())
