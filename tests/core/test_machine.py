"""The machine's boundary: what it takes in, what it refuses, and how it says so."""

from datetime import timedelta

import pytest

from everflow.core.algebra import suspend
from everflow.core.combine.control import timeout
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import sequence
from everflow.core.combine.waiting import sleep
from everflow.core.entries import Entry, Kind
from everflow.core.journal import snapshot
from everflow.core.machine import Machine
from everflow.core.node import node
from everflow.core.program import Program
from everflow.errors import JournalMismatch
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, inc, second

MINUTE = timedelta(minutes=1)
NAME = "tests.core.sample_flows:first"


def started(driver: Driver) -> Machine:
    """The machine of a driver whose run has begun."""
    return driver.start(1).machine


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        (Entry(5, 1, Kind.RESULT, "./0", node=NAME, input=0), "expected entry 1"),
        (Entry(1, 1, "new kind"), "an entry of a known kind"),
        (Entry(1, 1, Kind.START), "anything but a second start"),
        (Entry(1, 1, Kind.RESULT, "./9", node=NAME, input=0), "an op that is outstanding"),
        (Entry(1, 1, Kind.RESULT, "./1", node=NAME, input=0), "an op that is outstanding"),
        (Entry(1, 1, Kind.RESULT, "./0", node="other", input=0), "the input of entry 0"),
        (Entry(1, 1, Kind.RESULT, "./0", node=NAME, input=7), "the input of entry 0"),
        (Entry(1, 1, Kind.ERROR, "./0", "5", node=NAME, input=0), "an error as payload"),
        (Entry(1, 1, Kind.STOPPED, "./9"), "an op that is outstanding"),
        (Entry(1, 1, Kind.STOPPED, "./0", node=NAME, input=0), "the op wasn't cancelled"),
        (Entry(1, 1, Kind.FIRED, "./0"), "a timer that is outstanding"),
        (Entry(1, 1, Kind.ANSWER, "./2"), "a question that is open"),
        (Entry(1, 1, Kind.WANTED, "./1", note="x"), "a node that is being run"),
    ],
)
def test_an_entry_that_does_not_belong_changes_nothing(entry: Entry, wanted: str) -> None:
    """JournalMismatch says what was expected, and the state stays (B045)."""
    machine = started(Driver(parallel(first, suspend("x"), sleep(5))))
    before = snapshot(machine)
    with pytest.raises(JournalMismatch, match=wanted):
        machine.tell(entry)
    assert snapshot(machine) == before
    assert machine.seq == 0
    machine.tell(Entry(1, 1, Kind.RESULT, "./0", "5", node=NAME, input=0))


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.START])
def test_nothing_comes_before_the_start(kind: str) -> None:
    """Each kind is refused then."""
    machine = Machine(Program(node(first)))
    with pytest.raises(JournalMismatch):
        machine.tell(Entry(0, 1, kind, "."))
    assert machine.seq == -1
    assert machine.commands() == []


def test_a_composed_input_has_no_entry_of_its_own() -> None:
    """The entry of a node that got a pair notes none, and any other note is a mismatch (B045)."""
    driver = Driver(sequence(parallel(first, second), first)).start(1)
    driver.result("first", 1).result("second", 2)
    with pytest.raises(JournalMismatch, match="a composed input"):
        driver.tell(Kind.RESULT, "./1", node=NAME, input=1)
    assert driver.result("first", 5).value() == 5


def test_a_mismatch_shows_both_sides_as_a_diff() -> None:
    """Every kind of op that is asked for, and what was recorded (B045)."""
    flow = parallel(*[first] * 8, suspend("x"), sleep(5))
    driver = Driver(flow).start(1)
    with pytest.raises(JournalMismatch) as caught:
        driver.tell(Kind.RESULT, "./99", node="other:node", input=3)
    message = caught.value.message
    assert "at entry 1" in message
    assert f"\n  - node {NAME} ./0\n" in message
    assert "\n  - ... and 2 more\n" in message
    assert message.endswith("\n  + result of other:node ./99 on entry 3")
    assert caught.value.position == "./99"
    driver = Driver(timeout(0, parallel(suspend("x"), sleep(5), first, second))).start(1)
    driver.result("first", ticks=1)
    with pytest.raises(JournalMismatch) as caught:
        driver.tell(Kind.RESULT, "./99")
    assert "\n  - node tests.core.sample_flows:second ./body/3 (stopping)" in caught.value.message
    driver = Driver(parallel(suspend("x"), sleep(5))).start(1)
    with pytest.raises(JournalMismatch) as caught:
        driver.tell(Kind.RESULT, "")
    assert "\n  - question 'x' (1) ./0\n  - timer ./1\n  + result (the run)" in str(caught.value)


def test_a_mismatch_of_a_finished_run_says_that_nothing_is_asked() -> None:
    """A journal longer than the flow (B045)."""
    driver = Driver(node(inc)).start(1).run()
    with pytest.raises(JournalMismatch, match="the flow asks for nothing here"):
        driver.tell(Kind.RESULT, ".")


def test_opened_and_closed_say_what_the_last_entry_did() -> None:
    """Each op once, as the world is to learn of it."""
    driver = Driver(sequence(timeout(MINUTE, first), second)).start(1)
    machine = driver.machine
    assert [op.id for op in machine.opened] == ["./0/@within", "./0/body"]
    driver.result("first", 1)
    assert [op.id for op in machine.closed] == ["./0/body", "./0/@within"]
    assert [op.id for op in machine.opened] == ["./1"]


def test_what_ends_in_the_same_breath_is_never_opened() -> None:
    """A timeout around what ends at once asks for no timer."""
    machine = started(Driver(timeout(MINUTE, sequence())))
    assert machine.opened == []
    assert machine.closed == []
    assert machine.outcome is not None


def test_inputs_are_referred_to_not_copied() -> None:
    """A thousand children of a large value hold a reference each."""
    large = "x" * 100_000
    driver = Driver(parallel(*[first] * 1_000), shadow=False).start(large)
    assert len(snapshot(driver.machine)) < 400_000
    assert driver.input("./7") == large
