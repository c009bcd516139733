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


SEEDED = """
    def test_it(simulation_seeds):
        assert list(simulation_seeds) == {seeds}
"""


@pytest.mark.parametrize(
    ("options", "seeds"), [([], list(range(20))), (["--everflow-seed", "77"], [77])]
)
def test_a_seed_is_played_again(
    pytester: pytest.Pytester, options: list[str], seeds: list[int]
) -> None:
    """``simulation_seeds`` are some, or the one of the option."""
    pytester.makepyfile(SEEDED.format(seeds=seeds))
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q", *options)
    outcome.assert_outcomes(passed=1)
