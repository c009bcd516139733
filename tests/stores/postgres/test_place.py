"""Places of stores in databases: what a URL may say, and what is never repeated of it."""

import traceback

import pytest

from everflow.errors import ConfigurationError
from everflow.stores.postgres.place import Place


def test_a_place_is_read_of_a_url() -> None:
    """Schema and fleet are ours; the rest goes to the server's client with our patience."""
    place = Place.read("postgresql://ann:pw@h/db?schema=one&fleet=blue&connect_timeout=3")
    assert (place.schema, place.fleet, place.channel) == ("one", "blue", "everflow_one")
    assert place.shown == "postgresql://ann@h/db?schema=one&fleet=blue"
    assert "connect_timeout=3" in place.conninfo
    assert "target_session_attrs=read-write" in place.conninfo
    assert Place.read("postgres://h/db").schema == "everflow"
    assert "host=h" in Place.read("POSTGRESQL://h/db").conninfo


def test_a_place_never_shows_its_password() -> None:
    """However it is printed."""
    place = Place.read("postgresql://ann:pa%24word@h/db?sslpassword=sesame")
    assert "pa$word" in place.conninfo
    assert "word" not in f"{place!r}{place}"
    assert "sesame" not in repr(place)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://h/db?scheme=x", "did you mean schema?"),
        ("postgresql://h/db?qqqqqqqq=x", "connection parameters"),
        ("postgresql://h/db?schema=Big", "no schema for a store"),
        ("postgresql://h/db?schema=public", "no schema for a store"),
        ("postgresql://h/db?schema=", "no schema for a store"),
        ("postgresql://h/db?fleet=", "a fleet without a name"),
        ("postgresql://h/db?schema=pg_x", "no schema for a store"),
        ("postgresql://ann:sesame/x@h/db", "can't be read"),
        ("postgresql://ann:sesame@h:port/db", "can't be read"),
        ("postgresql://ann:x?same&sesame@h/db", "can't be read"),
        ("postgresql://ann:x?schema=same@h/db", "can't be read"),
        ("postgresql://h/db?password=x&sesame", "that nobody knows"),
        ("postgresql://ann:se%2same@h/db", "can't be read"),
    ],
)
def test_a_url_that_cant_be_meant_is_refused(url: str, said: str) -> None:
    """The error says what to write instead, and no piece of a password, its traceback neither."""
    with pytest.raises(ConfigurationError) as caught:
        Place.read(url)
    assert said in str(caught.value)
    assert "same" not in "".join(traceback.format_exception(caught.value)).replace("sameness", "")


def test_two_fleets_in_one_place_are_refused() -> None:
    """The setting and the URL must agree."""
    assert Place.read("postgresql://h/db", fleet="blue").fleet == "blue"
    with pytest.raises(ConfigurationError, match="one place"):
        Place.read("postgresql://h/db?fleet=red", fleet="blue")
