"""The benchmarks run; what they measure is no business of a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.goals import Goal, judge
from bench.table import drawn, number
from tests.engine.support import run_python


def bench(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmarks' one command."""
    command = [sys.executable, "-m", "bench", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


def test_a_quick_sample_fills_its_row_of_the_table(tmp_path: Path) -> None:
    """One command, one workload, small: a table beside the floor, and nothing left behind."""
    ended = bench("--quick", "--runs", "1", "--only", "ints", "--folder", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    (row,) = [line for line in ended.stdout.splitlines() if "20,000 runs of 5" in line]
    assert "x floor" in row
    assert "QUICK" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_figures_come_as_json_too() -> None:
    """Each sample whole, and what the machine is."""
    ended = bench("--quick", "--runs", "2", "--only", "wide", "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert [set(sample) for sample in told["samples"]["wide"]] == [{"nodes"}] * 2
    assert told["machine"]["cores"] > 0
    assert told["rows"][0]["goal"]["unit"] == "nodes/s"


WORKLOADS = """
import json
from bench.workloads import WORKLOADS
print(json.dumps([(name, len(w.goals), w.measure.__doc__) for name, w in WORKLOADS.items()]))
"""


def test_every_workload_has_a_goal_and_is_described() -> None:
    """A figure that nobody judges is measured for nothing; README.md names each workload.

    They are imported elsewhere: every engine that is opened writes down what all flows are, and
    some of the benchmarks' have thousands of parts.
    """
    readme = (Path(__file__).parents[2] / "bench" / "README.md").read_text(encoding="utf-8")
    workloads = json.loads(run_python(WORKLOADS).stdout)
    assert workloads
    for name, goals, described in workloads:
        assert goals, name
        assert f"`{name}`" in readme, name
        assert described, name


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (Goal("a", "x", "s", 2.0), True),
        (Goal("a", "x", "s", 2.1), False),
        (Goal("a", "x", "s", 1.9, at_most=True), False),
        (Goal("a", "x", "s", 0.5, "y"), True),
        (Goal("a", "x", "s", 0.4, "y", at_most=True), False),
        (Goal("a", "x", "s", None), None),
    ],
)
def test_a_goal_is_judged_by_the_median(goal: Goal, *, reached: bool | None) -> None:
    """Of the figures, or of their ratios sample by sample: a slow moment hits both of a sample."""
    samples = [{"x": 1.0, "y": 9.0}, {"x": 2.0, "y": 4.0}, {"x": 9.0, "y": 9.0}]
    judged = judge(goal, samples)
    assert judged.reached is reached
    assert judged.spread == (1.0, 9.0)
    assert goal.title in drawn([("worker", judged)])


def test_numbers_are_short() -> None:
    """Three digits that count."""
    assert [number(n) for n in (12_345.6, 99.96, 0.01234)] == ["12,346", "100.0", "0.0123"]
