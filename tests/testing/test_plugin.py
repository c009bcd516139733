"""The pytest plugin, in a project of a user's own."""

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _own_settings(pytester: pytest.Pytester, measured_processes: None) -> None:
    """It has settings of its own, so that none of a folder above are taken."""
    pytester.makeini("[pytest]")


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


LED = """
    from everflow import ask, flow, node

    sent = []

    @node(inline=True)
    def send(topic: str) -> str:
        sent.append(topic)
        return topic

    post = flow("led", send >> ask("ok", bool))

    def test_it(simulated):
        simulated(post, invariants=[{invariant}], replace={{send: lambda topic: topic}})
        assert not sent
"""


@pytest.mark.parametrize(
    ("invariant", "outcome"),
    [("lambda seen: True", {"passed": 1}), ("lambda seen: not seen.effects", {"failed": 1})],
)
def test_a_flow_is_led_through_simulated_lives(
    pytester: pytest.Pytester, invariant: str, outcome: dict[str, int]
) -> None:
    """``simulated`` fails with the story of an invariant that broke, and runs stand-ins alone."""
    pytester.makepyfile(LED.format(invariant=invariant))
    options = ["-p", "no:cacheprovider", "-q", "--everflow-seed", "5"]
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(**outcome)
    if "failed" in outcome:
        result.stdout.fnmatch_lines(["*start: worker 1 led was started as run 1*"])
