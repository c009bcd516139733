"""Basic control flow: patterns 1 to 5."""

from everflow import after, branch, choose, dag, it, parallel, sequence, suspend
from tests.patterns.steps import at_work, first, nodes_run, of, second, third


def test_sequence() -> None:
    """WCP-1 Sequence: an activity is begun once the one before it is done."""
    with of(1, sequence(first, suspend("a"), second)) as h:
        run = h.start([])
        assert (at_work(h), nodes_run(h, run)) == (["a"], ["first"])
        h.answer(run, ["a"])
        assert run.result() == ["a", "second"]


def test_parallel_split() -> None:
    """WCP-2 Parallel Split: one thread becomes several that go on at the same time."""
    with of(2, parallel(suspend("a"), suspend("b"), suspend("c"))) as h:
        h.start([])
        assert at_work(h) == ["a", "b", "c"]


def test_synchronization() -> None:
    """WCP-3 Synchronization: what follows is begun once, when all branches have ended."""
    with of(3, parallel(suspend("a"), suspend("b")) >> suspend("next")) as h:
        run = h.start()
        h.answer(run, 2, "b")
        assert at_work(h) == ["a"]
        h.answer(run, 1, "a")
        [question] = h.questions()
        assert (question.tag, h.prompt(question)) == ("next", (1, 2))


def test_synchronization_in_a_graph() -> None:
    """WCP-3 Synchronization: in a dag each vertex waits for just those that it is after."""
    graph = dag(a=suspend("a"), b=suspend("b"), c=after("a", "b", suspend("c")), d=after("a", it))
    with of(3, graph) as h:
        run = h.start()
        h.answer(run, 1, "a")
        assert at_work(h) == ["b"]
        h.answer(run, 2, "b")
        [question] = h.questions()
        assert h.prompt(question) == {"a": 1, "b": 2}
        h.answer(run, 3, "c")
        assert run.result() == {"a": 1, "b": 2, "c": 3, "d": 1}


def test_exclusive_choice() -> None:
    """WCP-4 Exclusive Choice: exactly one of several branches is taken, by the data."""
    by_name = choose(it["kind"], {"book": suspend("read"), "disc": suspend("listen")})
    with of(4, branch(it["sold"], suspend("send"), by_name)) as h:
        h.start({"sold": True, "kind": "book"})
        h.start({"sold": False, "kind": "book"})
        h.start({"sold": False, "kind": "disc"})
        assert at_work(h) == ["listen", "read", "send"]


def test_simple_merge() -> None:
    """WCP-5 Simple Merge: what follows is run once, whichever branch came to it."""
    with of(5, branch(it, second, first) >> third) as h:
        assert h.start([]).result() == ["first", "third"]
        assert h.start(["x"]).result() == ["x", "second", "third"]
