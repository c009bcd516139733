"""The pytest plugin, in a project of a user's own."""

import pytest

pytest_plugins = ["pytester"]


def test_the_fixture_makes_harnesses(pytester: pytest.Pytester) -> None:
    """``flow_harness`` needs no import of the kit."""
    pytester.makepyfile(
        """
        from everflow import ask, flow, node

        @node
        def write(topic: str) -> str:
            return topic.upper()

        post = flow("plugged", write >> ask("ok", bool))

        def test_it(flow_harness):
            h = flow_harness(post)
            run = h.start("x")
            h.answer(run, True)
            assert run.result() == ("X", True)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q").assert_outcomes(passed=1)
