"""Small readers of what is drawn, and flows with hostile names to draw.

The readers know just the grammar that the renderers may use: whatever else stands in a picture is a
fault of the picture, and they say so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from everflow.core.combine.choice import Branch, Choose, Loop, UnlessFailed
from everflow.core.combine.control import Backoff, Retry, Ticks, Timeout, TryCatch
from everflow.core.combine.failure import Fail, failed
from everflow.core.combine.joins import NAMES, Policy
from everflow.core.combine.parallel import Parallel
from everflow.core.combine.racing import Race
from everflow.core.combine.sequence import Const, Keep, Sequence, identity
from everflow.core.combine.waiting import Ask, Sleep, Suspend
from everflow.core.expressions import it
from everflow.core.flow import Flow
from everflow.core.node import Leaf, Node
from everflow.core.program import Program

AnyFlow = Flow[Any, Any]


@dataclass
class Picture:
    """What a reader found: texts of boxes and groups by id, and (tail, label, head) of arrows."""

    boxes: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    arrows: list[tuple[str, str, str]] = field(default_factory=list)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    name: str = ""


# --- DOT

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([A-Za-z_0-9.]+|->|[{}\[\]=]))')


def read_dot(text: str) -> Picture:
    """The picture in a DOT text (the part of https://graphviz.org/doc/info/lang.html in use)."""
    words = list(_words(text))
    picture = Picture()
    assert [words.pop(0)[0], words[0][1], words[1][0]] == ["digraph", True, "{"]
    picture.name = words.pop(0)[0]
    words.pop(0)
    _read_statements(words, picture)
    assert not words
    return picture


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """Each word, and whether it was quoted; quoted ones are unescaped as Graphviz would."""
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        assert match, text[place : place + 80]
        place = match.end()
        quoted = match[1]
        yield (match[2], False) if quoted is None else (_unescaped(quoted), True)


def _unescaped(text: str) -> str:
    assert re.fullmatch(r'(?:[^\\&\n]|\\[\\"n]|&amp;)*', text), text
    known = {"\\\\": "\\", '\\"': '"', "\\n": "\n", "&amp;": "&"}
    return re.sub(r"\\.|&amp;", lambda found: known[found[0]], text)


def _read_statements(words: list[tuple[str, bool]], picture: Picture) -> None:
    groups: list[str] = []
    while words:
        word, quoted = words.pop(0)
        assert not quoted, word
        if word == "}":
            if not groups:
                return
            groups.pop()
        elif word == "subgraph":
            groups.append(words.pop(0)[0])
            assert words.pop(0) == ("{", False)
        elif words[0][0] == "->" and not words[0][1]:
            words.pop(0)
            head = words.pop(0)[0]
            given = _attributes(words)
            tail = given.get("ltail", word)
            picture.arrows.append((tail, given.get("label", ""), head))
        elif words[0] == ("=", False):
            words.pop(0)
            value = words.pop(0)[0]
            if groups and word == "label":
                picture.groups[groups[-1]] = value
        else:
            given = _attributes(words)
            picture.attributes[word] = given
            if word not in {"node", "edge", "graph"}:
                picture.boxes[word] = given["label"]
    raise AssertionError("a brace isn't closed")


def _attributes(words: list[tuple[str, bool]]) -> dict[str, str]:
    given: dict[str, str] = {}
    if words[0] != ("[", False):
        return given
    words.pop(0)
    while words[0] != ("]", False):
        name = words.pop(0)[0]
        assert words.pop(0) == ("=", False)
        given[name] = words.pop(0)[0]
    words.pop(0)
    return given


# --- Mermaid

_TEXT = r'"(?P<text>(?:[^\W_]|[ ,\'=_]|#\d+;|<br/>)*)"'
_BOX = re.compile(rf"(?P<id>n\d+)(?P<left>\(\[|\[/|\[\\|\[|\{{\{{|\{{|\(\(|\(){_TEXT}(?P<right>.*)")
_GROUP = re.compile(rf"subgraph (?P<id>g\d+)\[{_TEXT}\]")
_ARROW = re.compile(rf"(?P<tail>[ng]\d+) -\.?->(?:\|{_TEXT}\|)? (?P<head>n\d+)")
_CLASS = re.compile(r"classDef [a-z]+ [a-z0-9#:,-]+|class [ng]\d+(?:,[ng]\d+)* [a-z]+")
_PAIRS = {
    "([": "])", "[": "]", "{": "}", "[/": "\\]", "[\\": "/]", "((": "))", "{{": "}}", "(": ")",
}  # fmt: skip


def read_mermaid(text: str) -> Picture:
    """The picture in a Mermaid flowchart, every line of which must be one that is known."""
    first, *lines = text.splitlines()
    assert first == "flowchart TD"
    picture = Picture()
    depth = 0
    for line in map(str.strip, lines):
        if match := _BOX.fullmatch(line):
            assert _PAIRS[match["left"]] == match["right"], line
            picture.boxes[match["id"]] = _decoded(match["text"])
        elif match := _GROUP.fullmatch(line):
            depth += 1
            picture.groups[match["id"]] = _decoded(match["text"])
        elif line == "end":
            depth -= 1
        elif match := _ARROW.fullmatch(line):
            arrow = (match["tail"], _decoded(match["text"] or ""), match["head"])
            picture.arrows.append(arrow)
        else:
            assert _CLASS.fullmatch(line), line
    assert depth == 0
    return picture


def _decoded(text: str) -> str:
    return re.sub(r"#(\d+);", lambda f: chr(int(f[1])), text.replace("<br/>", "\n"))


# --- flows

HOSTILE = st.one_of(
    st.sampled_from(
        [
            '"]; evil',
            "end",
            'style:x"#34;y',
            "classDef a:b#c;",
            "%%{init: {}}%%",
            "&lt;b&gt;",
            "<script>alert(1)</script>",
            "`**x**`",
            "a\nb\r\n%% c",
            "\\N\\",
            "#quot;",
            "\0",
            "}",
            "1. list",
            "- x",
            "__init__",
            "_a",
            '|"x"|',
            'a"->"b',
            "\u202eabc",
            "\ud800",
            "x" * 500,
        ]
    ),
    st.text(st.characters(exclude_categories=()), min_size=1, max_size=20),
)


def labelled(flow: AnyFlow, label: str) -> AnyFlow:
    """A flow under a label that ``named`` would refuse, as a stored definition may hold it."""
    copy = flow.copied()
    copy.label = label
    return copy


def _leaves() -> st.SearchStrategy[AnyFlow]:
    numbers = st.integers(-1, 2**70)
    return st.one_of(
        HOSTILE.map(lambda name: Node(Leaf(None, name), {name: name})),
        HOSTILE.map(Const),
        HOSTILE.map(Fail),
        HOSTILE.map(Suspend),
        HOSTILE.map(lambda key: it[key] == key),
        st.builds(Ask, HOSTILE, st.none(), st.just([]), st.none() | numbers, st.none() | HOSTILE),
        st.builds(Sleep, numbers, st.none() | numbers),
        st.just(identity),
        st.just(failed),
        st.just(Sequence(())),
    )


def _steps(flows: list[AnyFlow]) -> AnyFlow:
    """A sequence; siblings of one label couldn't be told apart, so the second loses it."""
    seen: set[str] = set()
    steps = []
    for flow in flows:
        label = flow.label or ""
        steps.append(labelled(flow, "") if label in seen or label.isdigit() else flow)
        seen.add(label)
    return Sequence(tuple(steps))


def _partial(parts: dict[str, AnyFlow], then: AnyFlow) -> AnyFlow:
    named = tuple((name, part) for name, part in parts.items() if name != "then")
    return Parallel(named, "dict", Policy("at_least", 1), "", then)


def _around(inner: st.SearchStrategy[AnyFlow]) -> st.SearchStrategy[AnyFlow]:
    several = st.lists(inner, max_size=4)
    cases = st.lists(st.tuples(HOSTILE, inner), min_size=1, max_size=3)
    backoff = st.none() | st.builds(Backoff, st.integers(0, 10**9), st.floats(1, 9))
    parts = st.dictionaries(HOSTILE.map(lambda key: key.replace("/", "|")), inner, max_size=3)
    return st.one_of(
        several.map(_steps),
        st.builds(
            lambda parts, *how: Parallel(tuple(parts.items()), how[0], Policy(how[1], 2), "split"),
            parts, st.just("tuple") | HOSTILE, st.sampled_from(NAMES) | HOSTILE,
        ),
        st.builds(
            _partial,
            parts, inner,
        ),
        st.builds(lambda parts: Race(tuple(parts.items()), named=True), parts),
        st.builds(Branch, inner, inner, inner),
        st.builds(lambda on, some, other: Choose(on, tuple(some), other), inner, cases, inner),
        st.builds(Loop, inner, inner),
        st.builds(UnlessFailed, inner),
        st.builds(TryCatch, inner, inner),
        st.builds(Retry, st.integers(0, 9), inner, backoff, st.lists(HOSTILE, max_size=2)),
        st.builds(Ticks, st.integers(0, 2**40), inner),
        st.builds(Timeout, st.integers(0, 2**40), inner),
        st.builds(Keep, inner),
        st.builds(
            lambda tag, show, notify: Ask(tag, None, [("show", show), ("notify", notify)], 1, None),
            HOSTILE, inner, inner,
        ),
        st.builds(labelled, inner, HOSTILE.map(lambda label: label.replace("/", "|"))),
    )  # fmt: skip


def programs() -> st.SearchStrategy[Program]:
    """Programs of every kind of flow, with names that a stored definition may hold."""
    return st.builds(Program, st.recursive(_leaves(), _around, max_leaves=12), HOSTILE)
