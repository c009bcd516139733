"""Over lists: each, its items as references, its limit and its joins."""

from typing import Any

import pytest

from everflow.core.algebra import const, fail, suspend
from everflow.core.combine.choice import branch, choose, unless_failed
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.each import each
from everflow.core.combine.failure import failed
from everflow.core.combine.joins import at_least, tolerate
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import identity, sequence
from everflow.core.elements import count_of, counted, elements
from everflow.core.faults import Failure, Settled
from everflow.core.refs import FAILURE_PREFIX, SMALL, Item, Stored, compose
from everflow.errors import NotAList, StoreDamaged, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, double, first, inc, rescue, second

LONG = "a text that is too long to be carried along in a reference, " * 2


def test_results_are_a_list_in_the_lists_order() -> None:
    """However the items end."""
    driver = Driver(each(first)).start([1, 2, LONG]).perform("./@items")
    assert [op.id for op in driver.commands()] == [".~0/body", ".~1/body", ".~2/body"]
    assert [driver.input(op.id) for op in driver.nodes()] == [1, 2, LONG]
    driver.result(".~2/body", "c").result(".~0/body", "a").restart().result(".~1/body", "b")
    assert driver.value() == ["a", "b", "c"]


def test_the_empty_list_gives_the_empty_list() -> None:
    """And nothing is begun."""
    assert Driver(each(broken)).start([]).run().value() == []


def test_at_most_limit_items_go_on_at_once() -> None:
    """The next is begun when one ends."""
    driver = Driver(each(first, limit=2)).start([5, 6, 7, 8]).perform("./@items")
    assert len(driver.nodes()) == 2
    driver.result(".~1/body", 1)
    assert [op.id for op in driver.nodes()] == [".~0/body", ".~2/body"]
    assert driver.run().value() == [5, 1, 7, 8]


def test_a_changed_limit_moves_to_running_runs() -> None:
    """It is a setting."""
    driver = Driver(each(first, limit=1)).start([5, 6, 7, 8]).perform("./@items")
    driver.move(each(first, limit=3)).result(".~0/body", 1)
    assert len(driver.nodes()) == 3


def test_tuples_and_sets_are_taken_too() -> None:
    """A set in the order in which it is recorded."""
    assert Driver(each(double)).start((1, 2)).run().value() == [2, 4]
    assert Driver(each(double)).start({3, 1, 2}).run().value() == [2, 4, 6]
    assert Driver(each(double)).start(frozenset()).run().value() == []


@pytest.mark.parametrize(
    ("value", "said"),
    [(3, "a number"), ("ab", "a text"), ({"a": 1}, "a dict"), (None, "None"), (True, "a truth")],
)
def test_anything_else_is_refused_by_its_type(value: object, said: str) -> None:
    """The error names the position and the type, and what to do."""
    failure = Driver(identity >> each(first)).start(value).run().failure()
    assert (failure.code, failure.position) == ("not_a_list", ".")
    assert f"not {said}" in failure.message
    with pytest.raises(NotAList, match="the type decimal"):
        elements('{"$":"decimal","v":"1"}')


def test_an_error_ends_the_others() -> None:
    """The lowest index is raised once they are closed, with the others attached."""
    driver = Driver(each(first)).start([1, 2, 3]).perform("./@items").error(".~1/body", "one")
    assert driver.stopping() == [".~0/body", ".~2/body"]
    driver.error(".~2/body", "two").error(".~0/body", "zero")
    assert driver.failure().message == "zero"
    assert [other.message for other in driver.failure().others] == ["one", "two"]


def test_many_errors_are_kept_no_longer_than_they_are_raised() -> None:
    """Of a thousand the lowest indexes are."""
    driver = Driver(each(broken, limit=1, join="first"), shadow=False).start(list(range(60)))
    failure = driver.run().failure()
    assert failure.message == "no 0"
    assert [other.message for other in failure.others] == [f"no {n}" for n in range(1, 17)]


def test_joins_of_each() -> None:
    """Settled, first, at least k and tolerate mean what they mean for parallel."""
    settled = Driver(each(inc, join="settled")).start([1, "x"]).run().value()
    assert (settled[0], settled[1].ok) == (Settled(ok=True, value=2), False)
    driver = Driver(each(first, join="first")).start([1, 2]).perform("./@items")
    assert driver.error(".~0/body").result(".~1/body", 5).value() == 5
    driver = Driver(each(first, join=at_least(2))).start([1, 2, 3]).perform("./@items")
    driver.result(".~2/body", "c").result(".~1/body", "b")
    assert driver.stopped(".~0/body").value() == ["b", "c"]
    flow = each(first, join=tolerate(share=0.5))
    driver = Driver(flow).start([1, 2]).perform("./@items").error(".~0/body")
    assert [end.ok for end in driver.result(".~1/body", 2).value()] == [False, True]
    assert Driver(each(broken, join=tolerate(0))).start([1]).run().failure().message == "no 1"


def test_a_list_that_is_too_short_for_its_join_is_said() -> None:
    """Before anything is begun."""
    driver = Driver(each(broken, join=at_least(2))).start([1]).perform("./@items")
    assert driver.failure().code == "out_of_reach"
    assert Driver(each(broken, join="first")).start([]).run().failure().code == "out_of_reach"


def test_it_can_be_cancelled_while_it_counts_and_after() -> None:
    """From outside, all that goes on is stopped."""
    flow = timeout(3, parallel(each(first), second))
    driver = Driver(flow).start([1, 2]).error("second", "over")
    assert driver.stopped("./body/0/@items").failure().message == "over"
    driver = Driver(flow).start([1, 2]).perform("./body/0/@items").error("second", "over")
    driver.error("./body/0~0/body", "under").stopped("./body/0~1/body")
    assert driver.failure().message == "under"
    tolerant = parallel(each(unless_failed(first), join="settled"), second)
    driver = Driver(tolerant).start([1]).perform("./0/@items").error("second", "over")
    assert driver.error("./0~0/body/body", "under").failure().message == "over"


def test_lists_of_lists() -> None:
    """An item of an item is a reference too."""
    inner = each(each(kind_of, limit=1) >> first)
    assert Driver(inner).start([[1, 2], [], [LONG]]).run().value() == [
        ["int", "int"], [], ["str"],
    ]  # fmt: skip


def test_lists_that_were_put_together() -> None:
    """Results of a parallel, a constant, what identity passes on."""
    both = Driver(sequence(parallel(inc, double), first, each(inc))).start(5).run()
    assert both.value() == [7, 11]
    assert Driver(parallel(inc, double) >> identity >> each(inc)).start(5).run().value() == [7, 11]
    assert Driver(const([1, LONG]) >> each(identity)).start(0).run().value() == [1, LONG]
    assert Driver(each(identity) >> each(first)).start([1, LONG]).run().value() == [1, LONG]


def test_decisions_on_items() -> None:
    """Truth, cases and failures of items are known to the machine."""
    flow = each(branch(identity, const("yes"), const("no")))
    assert Driver(flow).start([0, 1, "", LONG, [], None]).run().value() == [
        "no", "yes", "no", "yes", "no", "no",
    ]  # fmt: skip
    chosen = each(choose(identity, {1: const("one"), "a": const("a")}, default=const("other")))
    assert Driver(chosen).start([1, "a", LONG]).run().value() == ["one", "a", "other"]
    failures = each(sequence(parallel(failed, unless_failed(kind_of))))
    given = [Failure(LONG), Failure("x"), 3]
    assert Driver(failures).start(given).run().value() == [
        (True, Failure(LONG)), (True, Failure("x")), (False, "int"),
    ]  # fmt: skip


def kind_of(value: object) -> str:
    return type(value).__name__


def test_items_can_be_tried_again_and_asked_about() -> None:
    """The body may be any flow; an item's path bears its index."""
    driver = Driver(each(retry(2, first))).start([1]).perform("./@items").error("first")
    assert driver.op("first").id == ".~0/body!2/body"
    driver = Driver(each(suspend("q", int))).start(["a", "b"]).perform("./@items")
    assert driver.answer("q", 2, 2).answer("q", 1, 1).value() == [1, 2]
    assert Driver(try_catch(each(fail(1) >> first), rescue)).start([7]).run().value() == [
        "UnhandledFailure",
        [7],
    ]


def test_limits_and_joins_that_make_no_sense_are_refused() -> None:
    """When the flow is built."""
    for limit in (0, True, 1.5):
        with pytest.raises(WrongArgument, match="from 1 up"):
            each(first, limit=limit)  # type: ignore[arg-type]  # a whole number
    joined: Any = at_least(1, then=second)
    with pytest.raises(WrongArgument, match="for parallel"):
        each(first, join=joined)


def test_a_count_holds_what_decisions_need() -> None:
    """Short elements and failures; of long ones the number alone."""
    failure = f'{FAILURE_PREFIX}"{LONG}"}}'
    known = counted(count_of(f'[1,"{LONG}",{failure}]', SMALL, FAILURE_PREFIX))
    assert (known.count, known.small, known.failures) == (3, ["1", None, None], [2])
    assert counted(count_of(f'["{LONG}"]', SMALL, FAILURE_PREFIX)).small == []


def test_an_item_is_composed_of_its_list() -> None:
    """Alone, or by the elements that somebody kept."""
    item = Item(Item(Stored(3), 1), 0)
    assert compose(item, {3: "[1,[[2],3]]"}.__getitem__) == "[2]"
    assert compose(item, str, lambda _: ["kept"]) == "kept"
    assert compose(Item(Stored(3), 0, "5"), str) == "5"
    with pytest.raises(StoreDamaged, match="count of a list"):
        counted("3")
