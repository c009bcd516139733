"""A declaration that can't work is refused where it stands, with the sentence that helps."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.engine.schedules.spec import schedule
from everflow.errors import BadSchedule, NotAFlow

DAILY = "0 7 * * *"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"zone": "Europe/Berlim"}, "did you mean Europe/Berlin"),
        ({"when": timedelta(hours=1), "zone": "Nowhere"}, "no time zone"),
        ({"catch_up": "lates"}, "no catch_up policy 'lates'\n  did you mean latest"),
        ({"overlap": "parallel"}, "no overlap policy 'parallel'\n  known are: skip, queue"),
        ({"limit": 0}, "limit is a whole number from 1"),
        ({"limit": True}, "limit is a whole number"),
        ({"deadline": timedelta(0)}, "deadline is a timedelta of at least 1 s"),
        ({"deadline": 5}, "deadline is a timedelta"),
        ({"jitter": timedelta(seconds=-1)}, "jitter is a timedelta of at least 0 s"),
        ({"phase": timedelta(minutes=5)}, "phase= shifts an interval"),
        ({"when": timedelta(milliseconds=10)}, "an interval is at least a second"),
        ({"when": 5}, "a cron expression is a text, not 5"),
        ({"when": "0 0 30 2 *"}, "never comes"),
        ({"catchup": "skip"}, "no setting 'catchup'\n  did you mean catch_up"),
        ({"colour": "blue"}, "known are: zone"),
        ({"catch_up": "all"}, 'say overlap="queue"'),
        ({"catch_up": "all", "overlap": "replace"}, "would leave one of them"),
        ({"queue": 5}, "queue is the name of a queue, not 5"),
        ({"queue": "q", "lane": "a" * 600}, "a text of at most 512"),
        ({"queue": None, "lane": "a"}, "name the queue, too"),
        ({"name": ""}, "no name for a schedule"),
        ({"name": "a b"}, "no name for a schedule"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], said: str) -> None:
    """The error names what is wrong and, where one can tell, what was meant."""
    given = {"name": "nightly", "when": DAILY, "flow": "digest", **settings}
    with pytest.raises(BadSchedule) as refused:
        schedule(**given)
    assert said in str(refused.value)


def test_what_is_started_is_a_flow() -> None:
    """Or the name of one."""
    nothing: Any = 3
    with pytest.raises(NotAFlow):
        schedule("nightly", DAILY, nothing)


def test_a_declaration_is_its_plan() -> None:
    """Two that say the same have the same mark, any other setting another one."""
    plain = schedule("nightly", DAILY, "digest").timing
    assert plain.mark == schedule("nightly", DAILY, "digest").timing.mark
    others = [
        schedule("nightly", "0 8 * * *", "digest"),
        schedule("nightly", timedelta(hours=1), "digest"),
        schedule("nightly", timedelta(hours=1), "digest", phase=timedelta(minutes=5)),
        schedule("nightly", DAILY, "digest", zone="Europe/Berlin"),
        schedule("nightly", DAILY, "digest", overlap="allow"),
        schedule("nightly", DAILY, "digest", instant=True),
        schedule("nightly", DAILY, "digest", labels={"a": "b"}),
    ]
    marks = {plain.mark, *(other.timing.mark for other in others)}
    assert len(marks) == 1 + len(others)
