"""Termination: patterns 11 and 43."""

from everflow import Caught, Status, node, parallel, suspend, try_catch
from tests.patterns.steps import at_work, of


def test_implicit_termination() -> None:
    """WCP-11 Implicit Termination: the run ends by itself once nothing is left to be done."""
    with of(11, parallel(suspend("a"), suspend("b") >> suspend("c"))) as h:
        run = h.start()
        for name in ("b", "a"):
            h.answer(run, name, name)
        assert (run.status, at_work(h)) == (Status.SUSPENDED, ["c"])
        h.answer(run, "c")
        assert (run.status, run.result()) == (Status.DONE, ("a", "c"))


class Over(Exception):
    """What a place raises at which the whole is over, whatever else goes on."""


@node
def end(verdict: str) -> None:
    raise Over(verdict)


@node
def as_ended(caught: Caught[None]) -> str:
    return caught.error.message


def test_explicit_termination() -> None:
    """WCP-43 Explicit Termination: at one place the whole run ends, and well; the rest is gone."""
    body = parallel(suspend("a") >> suspend("b"), suspend("refused") >> end)
    with of(43, try_catch(body, as_ended)) as h:
        run = h.start()
        h.answer(run, "a", "a")
        h.answer(run, "no stock", "refused")
        assert (run.status, run.result(), at_work(h)) == (Status.DONE, "no stock", [])
