"""What is shown of a place that is a URL."""

import pytest

from everflow import connect
from everflow.errors import ConfigurationError
from everflow.stores.urls import options_of, shown, without_own


@pytest.mark.parametrize(
    ("place", "seen"),
    [
        ("runs.db", "runs.db"),
        ("postgresql://ann:pw@h:5432/db", "postgresql://ann@h:5432/db"),
        ("postgres://:pw@h/db", "postgres://@h/db"),
        ("postgresql://a:pw@h1:1,[::1]:2/db", "postgresql://a@h1:1,[::1]:2/db"),
        ("postgresql:///db?host=/run/pg&schema=s", "postgresql:///db?host=/run/pg&schema=s"),
        ("postgresql://h/db?password=pw&user=ann", "postgresql://h/db?user=ann"),
        ("postgresql://h/db?sslpassword=pw&Password=pw", "postgresql://h/db"),
        ("postgresql://h/db?pass%77ord=pw", "postgresql://h/db"),
        ("postgresql://ann:p/w@h/db", "postgresql://..."),
        ("postgresql://ann:p@w@h/db", "postgresql://..."),
        ("postgresql://ann:p?w@h/db", "postgresql://..."),
        ("postgresql://ann:p#w@h/db", "postgresql://ann@h/db"),
        ("mysql://ann:pw@h/db", "mysql://ann@h/db"),
        ("postgresql:/ann:pw@h/db", "..."),
        ("postgresql:ann:pw@h/db", "..."),
        ("ann:pw@h/db", "..."),
        ("ann:p/w@h/db", "..."),
        ("postgresql//ann:pw@h/db", "..."),
        ("//ann:pw@h/db", "..."),
        ("host=h user=ann password=pw", "..."),
        ("postgresql://ann:pa@w?x@h/db", "postgresql://..."),
        ("postgresql://ann:1234567", "postgresql://..."),
        ("./ann:pw@h.db", "./ann:pw@h.db"),
        ("/a/ann:pw@h.db", "/a/ann:pw@h.db"),
    ],
)
def test_no_password_is_shown(place: str, seen: str) -> None:
    """Neither where it belongs, nor where it was written by mistake."""
    assert shown(place) == seen


@pytest.mark.parametrize("place", ["postgresql:/ann:sesame@h/db", "ann:sesame@h", "ann:s/sesame@h"])
def test_what_was_meant_as_a_url_is_no_file(place: str) -> None:
    """It is refused, with its password kept, before a file of that name is made or missed."""
    with pytest.raises(ConfigurationError, match="neither a file nor a whole URL") as refused:
        connect(place, create=True)
    assert "sesame" not in str(refused.value)


def test_own_options_are_kept_from_the_servers_client() -> None:
    """`schema` and `fleet` are Everflow's, all else is PostgreSQL's."""
    url = "postgresql://h/db?schema=s&sslmode=require&fleet=blue%20one"
    assert options_of(url) == {"schema": "s", "sslmode": "require", "fleet": "blue one"}
    assert without_own(url) == "postgresql://h/db?sslmode=require"
    assert without_own("postgresql://h/db?schema=s") == "postgresql://h/db"
    assert without_own("POSTGRESQL://H/Db?schema=s") == "postgresql://H/Db"
