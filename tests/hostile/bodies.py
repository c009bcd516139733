"""What stands in bodies (21): what isn't JSON, is too large, too deep, or means two things."""

from __future__ import annotations

import gzip
import zlib

from tests.hostile.rows import Group, Sends, request, rows, start

RUNS = "/api/v1/runs"
BROKEN = "400 bad_request"
PACKED = "415 not_json"
VALUE = "422 input_refused"
GOOD = '{"flow": "shouted", "input": "x"}'
BOMB = gzip.compress(b'{"flow": "shouted", "input": "' + b"x" * 2_000_000 + b'"}')


def posted(body: bytes | str, *headers: str) -> Sends:
    """A start with that body."""
    return request("POST", RUNS, body, *headers)


def packed(kind: str, body: bytes) -> Sends:
    """A start that is packed in that way, or said to be."""
    return posted(body, f"Content-Encoding: {kind}")


NOT_JSON = [
    ("nothing", posted(""), BROKEN),
    ("spaces", posted("   "), BROKEN),
    ("half of it", posted(GOOD[:-1]), BROKEN),
    ("two of it", posted(GOOD + GOOD), BROKEN),
    ("something after it", posted(GOOD + "x"), BROKEN),
    ("a NUL after it", posted(GOOD + "\0"), BROKEN),
    ("a byte order mark", posted("\ufeff" + GOOD), BROKEN),
    ("UTF-16", posted(GOOD.encode("utf-16")), BROKEN),
    ("UTF-16 without a mark", posted(GOOD.encode("utf-16-le")), BROKEN),
    ("UTF-32", posted(GOOD.encode("utf-32")), BROKEN),
    ("bytes of no text", posted(b'{"flow": "shouted", "input": "\xff\xfe"}'), BROKEN),
    ("a text that is too long a way to write it", posted(b'{"flow": "\xc0\xaf"}'), BROKEN),
    ("half a pair as bytes", posted('{"flow": "\ud800"}'), BROKEN),
    ("half a pair", posted('{"flow": "\\ud800"}'), BROKEN),
    ("half a pair in a value", start('"\\ud83d"'), BROKEN),
    ("half a pair in a key", start('{"\\udc00": 1}'), BROKEN),
    ("pairs the wrong way round", start('"\\ude00\\ud83d"'), BROKEN),
    ("NaN", start("NaN"), BROKEN),
    ("an infinity", start("Infinity"), BROKEN),
    ("the other infinity", start("[-Infinity]"), BROKEN),
    ("undefined", start("undefined"), BROKEN),
    ("quotes of another kind", posted("{'flow': 'shouted'}"), BROKEN),
    ("a comma at the end", posted('{"flow": "shouted",}'), BROKEN),
    ("a comment", posted(GOOD + "// x"), BROKEN),
    ("a line break in a text", start('"a\nb"'), BROKEN),
    ("a NUL in a text", start('"a\0b"'), BROKEN),
    ("a number in octal", start("0777"), BROKEN),
    ("a number in hexadecimal", start("0xff"), BROKEN),
    ("a number with a plus", start("+1"), BROKEN),
    ("a number with an underscore", start("1_000"), BROKEN),
    ("half a number", start("1."), BROKEN),
    ("a form", posted("flow=shouted&input=x"), BROKEN),
    ("XML", posted('<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>'), BROKEN),
    ("YAML", posted("!!python/object/apply:os.system [id]"), BROKEN),
    ("a pickle", posted(b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix."), BROKEN),
]

TWICE = [
    ("a field twice", posted('{"flow": "shouted", "flow": "shouted", "input": "x"}'), BROKEN),
    ("a field twice, once escaped", posted('{"flow": "shouted", "\\u0066low": "x"}'), BROKEN),
    ("a key of a value twice", start('{"a": 1, "a": 2}'), BROKEN),
    ("a key within a list twice", start('[[{"a": 1, "b": 2, "a": 1}]]'), BROKEN),
]

OTHERWISE = [
    ("null", posted("null"), BROKEN),
    ("a list", posted("[]"), BROKEN),
    ("a text", posted('"shouted"'), BROKEN),
    ("a number", posted("7"), BROKEN),
    ("no flow", posted("{}"), BROKEN),
    ("a flow that is a number", posted('{"flow": 1}'), BROKEN),
    ("a flow that is a list", posted('{"flow": ["shouted"]}'), BROKEN),
    ("a surplus field", posted('{"flow": "shouted", "input": "x", "owner": 1}'), BROKEN),
    ("a prototype", posted('{"flow": "shouted", "__proto__": {"admin": true}}'), BROKEN),
    ("a class", posted('{"flow": "shouted", "__class__": "os.system"}'), BROKEN),
    ("labels that are a list", posted('{"flow": "shouted", "labels": [["a", "b"]]}'), BROKEN),
    ("a label that is a number", posted('{"flow": "shouted", "labels": {"a": 1}}'), BROKEN),
    (
        "too many labels",
        posted(
            '{"flow": "shouted", "labels": {' + ", ".join(f'"{n}": ""' for n in range(101)) + "}}"
        ),
        BROKEN,
    ),
    ("a priority beyond all", posted('{"flow": "shouted", "priority": 1e99}'), BROKEN),
    ("a priority of half", posted('{"flow": "shouted", "priority": 0.5}'), BROKEN),
    ("a priority that is true", posted('{"flow": "shouted", "priority": true}'), BROKEN),
    ("a value that doesn't fit", start("7"), VALUE),
    (
        "a tag of nobody's",
        start('{"$": "everflow.cli:main", "v": 1}'),
        VALUE,
    ),
]

TOO_MUCH = [
    ("a number of 400 digits", start(str(10**400)), VALUE),
    ("a number of 4,001 digits", start("1" * 4_001), VALUE),
    ("a number of 5,000 digits", start("1" * 5_000), BROKEN),
    ("a number of 100,000 digits", start("1" * 100_000), BROKEN),
    ("a float beyond all", start("1e400"), VALUE),
    ("a float below all", start("-1e400"), VALUE),
    ("an exponent beyond all", start("1e99999999999999999999"), VALUE),
    ("lists 101 deep", start("[" * 101 + "]" * 101), VALUE),
    ("lists 5,000 deep", start("[" * 5_000 + "]" * 5_000), BROKEN),
    ("lists 500,000 deep", start("[" * 500_000), BROKEN),
    ("objects 5,000 deep", start('{"a":' * 5_000 + "1" + "}" * 5_000), BROKEN),
    ("a body 5,000 deep", posted("[" * 5_000 + "]" * 5_000), BROKEN),
    ("labels 5,000 deep", posted('{"flow": "shouted", "labels": %s}' % ('{"a":' * 5_000)), BROKEN),
    ("a value of 600 kB", start('"' + "x" * 600_000 + '"'), VALUE),
]

PACKINGS = [
    ("gzip", packed("gzip", gzip.compress(GOOD.encode())), PACKED),
    ("GZIP", packed("GZIP", gzip.compress(GOOD.encode())), PACKED),
    ("a bomb of gzip", packed("gzip", BOMB), PACKED),
    ("gzip twice", packed("gzip, gzip", gzip.compress(BOMB)), PACKED),
    ("deflate", packed("deflate", zlib.compress(GOOD.encode())), PACKED),
    ("br", packed("br", b"\x0b\x10\x80"), PACKED),
    ("zstd", packed("zstd", b"\x28\xb5\x2f\xfd"), PACKED),
    ("gzip that isn't", packed("gzip", GOOD.encode()), PACKED),
    ("gzip that isn't said", posted(BOMB), BROKEN),
    ("identity and gzip", packed("identity, gzip", GOOD.encode()), PACKED),
    (
        "two codings of what is in it",
        request("POST", RUNS, GOOD, "Content-Encoding: identity", "Content-Encoding: gzip"),
        BROKEN,
    ),
    ("a coding of nothing", packed("", GOOD.encode()), PACKED),
]

BODIES = (
    Group("body", 21, rows(NOT_JSON + TWICE + OTHERWISE)),
    Group("body-large", 21, rows(TOO_MUCH)),
    Group("body-packed", 21, rows(PACKINGS)),
)
