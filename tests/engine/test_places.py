"""Where stores are: what a place may be, and what is needed for it."""

import sys

import pytest

from everflow import Config, connect, stores
from everflow.engine.faces.places import adopt, open_store, preparation, prepare
from everflow.errors import ConfigurationError


def test_a_database_needs_the_extra_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.delattr(stores, "postgres", raising=False)
    monkeypatch.setitem(sys.modules, "everflow.stores.postgres", None)
    with pytest.raises(ConfigurationError) as caught:
        open_store("postgresql://ann:sesame@h/db")
    assert "everflow[postgres]" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_place_of_an_unknown_kind_is_refused() -> None:
    """Its password is kept to itself."""
    with pytest.raises(ConfigurationError, match=r"'mysql' aren't known \(mysql://ann@h/db\)"):
        open_store("mysql://ann:sesame@h/db")


def test_only_a_database_is_prepared(tmp_path: object) -> None:
    """A file needs nothing of that kind."""
    for act in (prepare, preparation, adopt):
        with pytest.raises(ConfigurationError, match="no store in PostgreSQL"):
            act(f"{tmp_path}/runs.db")


def test_a_fleet_is_a_name() -> None:
    """Of a setting that a database is opened with."""
    with pytest.raises(ConfigurationError, match="fleet is a name"):
        Config.read({"fleet": 7})
    assert Config.read({"fleet": "blue"}).fleet == "blue"


def test_a_fleet_is_told_to_the_database(fresh_url: str) -> None:
    """Another fleet's client is refused."""
    connect(fresh_url, create=True, config=Config(fleet="blue")).close()
    connect(fresh_url).close()
    with pytest.raises(ConfigurationError, match="that of the fleet 'blue'"):
        connect(fresh_url, config=Config(fleet="red"))
