"""What comes from outside and isn't an activity, or not one that all read alike."""

import hashlib
import json
from typing import Any

import pytest

from everflow.errors import ActivityRefused, ConfigurationError
from everflow.triggers.activity import activity_of
from everflow.triggers.canonical import canonical, cid_of, read_json
from tests.triggers.support import INES, OTTO, Site, note

DEEP = "[" * 70 + "]" * 70
TEXT = json.dumps(note())
HOSTILE: dict[str, tuple[object, str]] = {
    "no object": ("[]", "a JSON object, not list"),
    "a number": ("1", "a JSON object, not int"),
    "nothing": ("", "isn't JSON"),
    "half of it": (TEXT[:-1], "isn't JSON"),
    "two of it": (TEXT + TEXT, "isn't JSON"),
    "a byte order mark": ("\ufeff" + TEXT, "isn't JSON"),
    "not UTF-8": (TEXT.encode().replace(b"note", b"\xff\xfe"), "isn't UTF-8"),
    "UTF-16": (TEXT.encode("utf-16"), "isn't UTF-8"),
    "too large": (json.dumps(note(x="a" * 1_048_576)), "larger than 1,048,576 bytes"),
    "too large once written": (note(x="\x01" * 200_000), "larger than 1,048,576 bytes"),
    "too deep": (TEXT[:-1] + f', "x": {DEEP}}}', "nests deeper than 64"),
    "far too deep": ("[" * 500_000, "nests deeper than 64"),
    "NaN": (TEXT[:-1] + ', "x": NaN}', "NaN isn't JSON"),
    "an infinity": (TEXT[:-1] + ', "x": -Infinity}', "-Infinity isn't JSON"),
    "a float beyond all": (TEXT[:-1] + ', "x": 1e999}', "no canonical form"),
    "an integer past 2**53": (TEXT[:-1] + ', "x": 9007199254740993}', "9007199254740993 can't"),
    "a negative one": (TEXT[:-1] + ', "x": [-9007199254740993]}', "can't be held exactly"),
    "an endless integer": (TEXT[:-1] + f', "x": {"9" * 400_000}}}', "can't be held exactly"),
    "an integer beyond a double": (note(x=10**309), "can't be held exactly"),
    "a key twice": (TEXT[:-1] + ', "id": "other"}', "has the key 'id' twice"),
    "a key twice within": (TEXT[:-1] + ', "x": [{"a": 1, "\\u0061": 2}]}', "has the key 'a' twice"),
    "half a surrogate pair": (TEXT[:-1] + ', "x": "\\ud83d"}', "no canonical form"),
    "one in a key": (TEXT[:-1] + ', "\\udc00": 1}', "no canonical form"),
    "a key that is no text": (dict([(1, 2), *note().items()]), "the key 1 isn't a text"),
    "what isn't JSON": (note(x={1, 2}), "isn't JSON"),
    "a tuple": (note(x=(1, 2)), "isn't JSON"),
    "no id": ({**note(), "id": None}, "its id is a text"),
    "an empty id": ({**note(), "id": ""}, "its id is a text"),
    "a number as id": ({**note(), "id": 7}, "its id is a text"),
    "an object as id": ({**note(), "id": {"@id": "x"}}, "its id is a text"),
    "an endless id": ({**note(), "id": "x" * 2_049}, "its id is a text"),
    "a line end in the id": ({**note(), "id": "a\nb"}, "its id is a text"),
    "a NUL in the id": ({**note(), "id": "a\0b"}, "its id is a text"),
    "no type": ({**note(), "type": None}, "its type is a text"),
    "an object as type": ({**note(), "type": {"a": 1}}, "its type is a text"),
    "no types": ({**note(), "type": []}, "1 to 16 types"),
    "too many types": ({**note(), "type": ["x"] * 17}, "1 to 16 types"),
    "types within types": ({**note(), "type": [["Create"]]}, "its type is a text"),
    "somebody else": (note(actor=OTTO), "came from 'https://one.example/users/ines'"),
    "somebody else, as an object": ({**note(), "actor": {"id": OTTO}}, "came from"),
    "two actors": ({**note(), "actor": [INES, OTTO]}, "one actor, and this one says 2"),
    "no actors": ({**note(), "actor": []}, "one actor, and this one says 0"),
    "an actor without an id": ({**note(), "actor": {"type": "Person"}}, "the id of its actor"),
    "an actor that is a number": ({**note(), "actor": 7}, "its actor is a text"),
    "an actor within lists": ({**note(), "actor": [[INES]]}, "its actor is a text"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_activity_is_refused_with_a_reason(name: str) -> None:
    """B120: by an error that says what is wrong, and that is a caller's."""
    given, said = HOSTILE[name]
    with pytest.raises(ActivityRefused) as refused:
        activity_of(given, INES)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500
    str(refused.value).encode()


def test_what_is_refused_never_reaches_a_trigger(site: Site) -> None:
    """B120: it isn't in the log, and nobody was asked about it."""
    from everflow.triggers import trigger

    site.declare(trigger("t", "review"))
    for given, _ in HOSTILE.values():
        with pytest.raises(ActivityRefused):
            site.append(given)
    site.fire()
    assert (site.activities.head(), site.audit(every=True), site.h.runs()) == (0, [], [])


@pytest.mark.parametrize("actor", ["", "a\nb", None, 7, "x" * 2_049])
def test_the_verified_actor_is_a_text(actor: Any) -> None:
    """Whoever verifies says who it was."""
    with pytest.raises(ActivityRefused, match="the verified actor is a text"):
        activity_of(note(), actor)


SAME = [
    (INES, INES),
    ({"id": INES, "type": "Person"}, INES),
    ([INES], INES),
    ([{"id": INES}], INES),
    (None, INES),
]


@pytest.mark.parametrize("claimed", [claimed for claimed, _ in SAME], ids=str)
def test_the_actor_is_an_id_in_the_end(claimed: Any) -> None:
    """An id, an object with one, a list of one, or nothing: guards and flows see the id."""
    made = activity_of({**note(), "actor": claimed}, INES)
    assert made.value()["actor"] == INES
    assert read_json(made.text)["actor"] == claimed


def test_types_are_names() -> None:
    """With or without the namespace, one or several."""
    long = "https://www.w3.org/ns/activitystreams#Create"
    assert activity_of({**note(), "type": [long, "as:Like", "x:Own"]}, INES).types == (
        "Create",
        "Like",
        "x:Own",
    )


def test_numbers_have_one_form() -> None:
    """RFC 8785: as ECMAScript writes them, zero without a sign, exact integers beyond 2**53."""
    text = '{"a":1e3,"b":1000.0,"c":-0,"d":1E21,"e":100000000000000000000,"f":0.000001,"g":1e-7}'
    said = canonical(read_json(text))
    assert said == (
        '{"a":1000,"b":1000,"c":0,"d":1e+21,"e":100000000000000000000,"f":0.000001,"g":1e-7}'
    )
    assert canonical(read_json(said)) == said


def test_keys_are_in_the_order_of_utf_16() -> None:
    """RFC 8785, 3.2.3: its own example."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    said = read_json(canonical(dict.fromkeys(keys)))
    assert list(said) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_a_cid_is_one_that_others_compute() -> None:
    """CIDv1: version, the codec json (0x0200), SHA-256 of 32 bytes, in base 32 of lower case."""
    import base64

    said = cid_of("{}")
    assert said.startswith("bagaaiera")
    data = base64.b32decode(said[1:].upper() + "=" * (-(len(said) - 1) % 8))
    assert data == bytes.fromhex("0180041220") + hashlib.sha256(b"{}").digest()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words say what to install."""
    import sys

    monkeypatch.setitem(sys.modules, "rfc8785", None)
    with pytest.raises(ConfigurationError, match=r"everflow\[federation\]"):
        canonical({})
