"""A message, its place, and how long it is fresh."""

from __future__ import annotations

import pytest

from everflow.net.freshness import WINDOW, is_fresh, known_until
from everflow.net.message import Message, Place
from tests.net.signing import NOW


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.example", ("https", "a.example", "/")),
        ("https://A.Example:443/B%2fc?D=e", ("https", "a.example", "/B%2fc?D=e")),
        ("http://a.example:80?x#y", ("http", "a.example", "/?x")),
        ("http://a.example:443/", ("http", "a.example:443", "/")),
        ("https://[2001:db8::1]:8443//x?", ("https", "[2001:db8::1]:8443", "//x?")),
    ],
)
def test_a_place_is_what_the_first_line_and_the_host_say(url: str, place: Place) -> None:
    """Host in its usual form; path and query untouched, as they are signed."""
    assert Message("GET", url).place() == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "ftp://a.example/",
        "https:///x",
        "https://a b/",
        "https://a/b c",
        "https://u@a/",
        "https://a\\b/",
        "https://ä/",
        "https://a/\n",
        "https://a/\x7f",
    ],
)
def test_what_is_no_url_has_no_place(url: str) -> None:
    """Nothing is mended: two readers might mend it differently."""
    with pytest.raises(ValueError, match="URL"):
        Message("GET", url).place()


def test_headers_are_found_by_any_case_and_replaced() -> None:
    """Names have no case; values lose the spaces around them; what is added takes the place."""
    message = Message("GET", "https://a.example/", (("X-A", " 1 "), ("x-a", "2"), ("b", "3")))
    assert message.values("x-a") == ["1", "2"]
    assert message.having({"X-a": "4"}).headers == (("b", "3"), ("X-a", "4"))


def test_a_nonce_is_known_as_long_as_its_message_is_fresh() -> None:
    """Once it may be forgotten the message is refused for its age: there is no gap."""
    until = known_until(NOW)
    assert is_fresh(NOW, until - 1)
    assert not is_fresh(NOW, until)
    assert is_fresh(NOW, NOW - WINDOW)
    assert not is_fresh(NOW, NOW - WINDOW - 1)
