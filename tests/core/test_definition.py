"""Definitions: canonical data, two hashes, and what a name means in a process."""

import sys
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest

from everflow.core.algebra import ask, const, flow, suspend, value
from everflow.core.combine.control import retry, timeout
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import sequence
from everflow.core.definition import KINDS, Definition, from_data, to_data
from everflow.core.faults import Caught, Failure
from everflow.core.flow import Flow
from everflow.core.naming import canonical_name, module_name, unnamed_reason
from everflow.core.node import Leaf, Node, Place, bind, node, node_of
from everflow.core.program import MOST_SITES, Program
from everflow.core.registry import Registry, default_registry
from everflow.core.signature import need, read_signature, takes_failure
from everflow.errors import (
    NameTaken,
    NoSuchFlow,
    NotAFlow,
    UnnamedLeaf,
    UnresolvedName,
    ValueRefused,
    WrongArgument,
)
from everflow.testing.driver import Driver
from tests.core.sample_flows import double, first, inc, now, tolerant


class Mailer:
    """A dependency."""


def send(
    q: int, run: object, *, mailer: Mailer = need(Mailer), channel: str, times: int = 1
) -> int:
    """All that a node can ask for."""
    return q


class Callable_:  # noqa: N801 - beside typing's own
    """An object that can be called."""

    def __call__(self, x: int) -> int:
        return x


def data_of(flow: Flow[Any, Any]) -> Any:
    """A definition as plain JSON."""
    return msgspec.json.decode(to_data(Program(flow)))


def text_of(data: Any) -> str:
    """Plain JSON as text."""
    return msgspec.json.encode(data).decode()


def test_a_definition_is_canonical_and_sees_no_bodies() -> None:
    """Kinds, names, labels, tags and settings; rows in layout order."""
    whole = sequence(node(inc).named("up"), retry(2, ask("ok", bool)), timeout(3, first))
    definition = Definition(Program(whole, "whole"))
    data = msgspec.json.decode(definition.body)
    assert [row[:2] for row in data["rows"]] == [
        [".", "sequence"],
        ["./up", "node"],
        ["./1", "retry"],
        ["./2", "ticks"],
        ["./2/body", "node"],
        ["./1/body", "ask"],
    ]
    assert definition.tags == {"ok"}
    assert [leaf.fn for leaf in definition.nodes] == [inc, first]
    assert definition.missing == []
    assert definition.hash == f"{definition.shape_hash[:32]}{definition.settings_hash[:16]}"


def test_tags_and_names_are_shape_constants_are_settings() -> None:
    """A changed constant moves to running runs, a changed tag doesn't."""
    assert _shape(const(1)) == _shape(const(2))
    assert _shape(suspend("a")) != _shape(suspend("b"))
    assert _shape(node(inc)) != _shape(node(double))
    assert _shape(sequence(inc, double)) != _shape(sequence(double, inc))
    assert _shape(parallel(inc, join="all")) != _shape(parallel(inc, join="settled"))
    assert _shape(parallel(inc)) == _shape(parallel(inc, ticks="split"))
    assert _shape(node(tolerant)) != _shape(Node(Leaf(tolerant, node(tolerant).name)))


def _shape(flow: Flow[Any, Any]) -> str:
    return Definition(Program(flow)).shape_hash


def test_a_node_that_no_module_has_can_be_drawn_but_not_called() -> None:
    """Its name stays (B065)."""
    program = from_data(to_data(Program(sequence(inc, double))), Registry())
    definition = Definition(program)
    assert definition.missing == [f"tests.core.sample_flows:{n}" for n in ("double", "inc")]
    leaf = definition.nodes[0]
    assert leaf.dependencies == {}
    assert leaf.leaf.hints == {}
    with pytest.raises(NotAFlow, match="no function here"):
        leaf(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(format=9),
        lambda data: data.update(rows=[]),
        lambda data: data.update(rows="x"),
        lambda data: data["rows"][0].__setitem__(1, "teleport"),
        lambda data: data["rows"].pop(),
        lambda data: data["rows"][1].__setitem__(2, {}),
        lambda data: data["rows"][0].__setitem__(4, ["0", "0"]),
    ],
)
def test_a_definition_that_does_not_hold_together_is_refused(change: Any) -> None:
    """An unknown format or kind, missing rows, missing names: the run waits (B065)."""
    data = data_of(sequence(inc, double))
    change(data)
    with pytest.raises(UnresolvedName):
        from_data(text_of(data), default_registry())
    with pytest.raises(UnresolvedName, match="can't be read"):
        from_data("{", default_registry())


def test_every_kind_is_known_by_its_name() -> None:
    """The table is complete and its names are those of the classes."""
    assert all(name == kind.kind for name, kind in KINDS.items())
    assert len(KINDS) >= 21


def test_settings_are_plain_data() -> None:
    """What `bind` gives must be writable."""
    with pytest.raises(ValueRefused, match="plain data"):
        Definition(Program(bind(send, channel=object())))


def test_a_program_has_a_bounded_number_of_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that shares its parts exponentially is refused before it fills the memory."""
    assert MOST_SITES == 1_000_000
    monkeypatch.setattr("everflow.core.program.MOST_SITES", 10_000)
    doubling: Flow[Any, Any] = node(inc)
    for _ in range(100):
        doubling = parallel(doubling, doubling)
    with pytest.raises(WrongArgument, match="10,000 positions"):
        Program(doubling)


def test_names_of_functions() -> None:
    """Module and qualified name; what can't be found again has none (B083)."""
    assert canonical_name(inc) == "tests.core.sample_flows:inc"

    def local(x: int) -> int:
        return x

    for fn, reason in (
        (local, "local to another"),
        (lambda x: x, "a lambda"),
        (Callable_(), "without a name"),
    ):
        assert canonical_name(fn) is None
        assert reason in (unnamed_reason(fn) or "")
        made = node(fn)
        assert made.name.startswith("local ")
        with pytest.raises(UnnamedLeaf, match=reason) as caught:
            made.require_name()
        assert "name=" in caught.value.hint
    assert node(local, name="mine").require_name() == "mine"
    assert node(inc).require_name() == "tests.core.sample_flows:inc"
    assert repr(node(inc)) == "<node 'tests.core.sample_flows:inc'>"


def test_main_is_named_by_its_spec_or_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never `__main__` (B083)."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    fn = SimpleNamespace(__qualname__="f", __module__="__main__")
    assert module_name("__main__") is None
    assert "no file" in (unnamed_reason(fn) or "")
    main.__file__ = "/somewhere/pipeline.py"
    assert canonical_name(fn) == "pipeline:f"
    main.__spec__ = SimpleNamespace(name="package.__main__")  # type: ignore[assignment]  # enough of one
    assert module_name("__main__") == "package"


def test_a_second_object_under_a_taken_name_is_refused() -> None:
    """A module that is loaded again isn't a second one."""
    registry = Registry()
    registry.add_flow("numbers", node(inc), "here")
    with pytest.raises(NameTaken, match="defined in here"):
        registry.add_flow("numbers", node(inc), "elsewhere")
    registry.add_node(node(double, name="same"))
    registry.add_node(node(double, name="same"))
    with pytest.raises(NameTaken, match="'same'"):
        registry.add_node(node(inc, name="same"))

    def again(x: int) -> int:
        return x

    reloaded = node(again)
    again.__qualname__, again.__module__ = "double", double.__module__
    registry.add_node(node(again, name="same"))
    assert reloaded.name != "same"


def test_unknown_flows_are_named_with_the_known() -> None:
    """So that a typo shows (B061)."""
    registry = Registry()
    with pytest.raises(NoSuchFlow, match="known are: none"):
        registry.flow("x")
    flow("numbers", inc, registry=registry)
    with pytest.raises(NoSuchFlow, match="known are: numbers"):
        registry.flow("number")
    assert registry.node("unknown").fn is None
    assert registry.node("tests.core.sample_flows:inc").fn is inc


def test_what_follows_from_a_flow_is_found_once() -> None:
    """And anew for a newer flow of the name."""
    registry = Registry()
    asked: list[str] = []

    def kind_of(found: Flow[Any, Any], name: str) -> str:
        asked.append(name)
        return found.kind

    flow("f", const(1), registry=registry)
    assert [registry.once("f", kind_of) for _ in range(2)] == ["const"] * 2
    assert asked == ["f"]
    flow("f", suspend("ok"), registry=registry)
    assert registry.once("f", kind_of) == "suspend"


def test_a_node_reads_its_signature() -> None:
    """The value, the run, dependencies, and the parameters to bind."""
    signature = read_signature(send)
    assert (signature.value_name, signature.run, signature.needs) == ("q", True, {"mailer": Mailer})
    assert (signature.free, signature.required) == (("channel", "times"), ("channel",))
    assert node(send).dependencies == {"mailer": Mailer}
    assert not read_signature(now).value
    assert read_signature(lambda *args, **more: args).value_name == "args"
    assert read_signature(lambda x, *args: args).value_name == "x"
    with pytest.raises(NotAFlow, match="signature can't be read"):
        read_signature(5)


def test_a_parameter_that_nobody_gives_is_refused() -> None:
    """When the flow is defined, with the words that help."""
    with pytest.raises(WrongArgument, match="its parameter 'channel'") as caught:
        flow("sending", send, registry=Registry())
    assert "bind(node, channel=...)" in caught.value.hint
    flow("sending", bind(send, channel="mail"), registry=Registry())


def unresolved(x: "Nowhere") -> int:  # type: ignore[name-defined]  # noqa: F821 - that is what is tested
    """An annotation that names nothing."""
    return 1


def test_annotations_tell_whether_failures_are_taken() -> None:
    """`object` and unions with Failure do; `Caught` and what can't be resolved don't (B020)."""
    assert [takes_failure(a) for a in (Failure, object, int | Failure, Failure | None)] == [
        True
    ] * 4
    assert [takes_failure(a) for a in (int, Any, Caught[int], int | None)] == [False] * 4
    assert not node(unresolved).leaf.failure
    assert node(now).leaf.failure


def test_where_a_node_is_executed() -> None:
    """Async on the loop, sync on a thread, else as it says."""

    async def coroutine(x: int) -> int:
        return x

    places = [
        (node(coroutine), Place.LOOP),
        (node(inc), Place.THREAD),
        (node(inc, inline=True), Place.INLINE),
        (node(inc, pure=True), Place.INLINE),
        (node(inc, process=True), Place.PROCESS),
    ]
    assert [made.leaf.place for made, _ in places] == [place for _, place in places]
    with pytest.raises(WrongArgument, match="not both"):
        node(inc, process=True, pure=True)


def test_node_as_a_decorator() -> None:
    """With and without settings; a node stays the function it was."""

    @node(retry=2, name="twice")
    def careful(x: int) -> int:
        return x + 1

    assert careful(1) == 2
    assert careful.leaf.options.retry == 2
    assert node_of(careful) is careful
    assert [site.flow.kind for site in Program(careful).sites.values()] == ["retry", "node"]
    timed = node(inc, name="timed", timeout=timedelta(seconds=1))
    assert Program(timed).root.flow.kind == "timeout"


@pytest.mark.parametrize("name", ["", 'a"b', "a\\b", "x" * 301, "a/b", "a\nb"])
def test_names_that_cannot_stand_in_an_entry_are_refused(name: str) -> None:
    """They would break its text."""
    if name:
        with pytest.raises(WrongArgument):
            node(inc, name=name)
    with pytest.raises(WrongArgument):
        flow(name, inc, registry=Registry())


def test_types_can_be_registered_by_hand() -> None:
    """For values that no annotation names."""

    @value
    class Note(msgspec.Struct):
        text: str

    driver = Driver(const(Note("x"))).start(1)
    assert driver.value() == Note("x")
