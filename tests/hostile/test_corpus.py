"""The corpus of bad requests, over real sockets: each is refused as is right, and all goes on.

None of them writes anything, none gets an answer that is a fault of the server's, and each is
answered in time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.hostile.bodies import BODIES
from tests.hostile.claims import CLAIMS
from tests.hostile.doors import DOORS
from tests.hostile.framing import FRAMING, HALVES
from tests.hostile.inbox import INBOX, SLOW_INBOX
from tests.hostile.known import KNOWN, SLOW_PEERS
from tests.hostile.names import NAMES
from tests.hostile.rows import Answer, Group, Line, Row, ended, opened
from tests.hostile.signed import SIGNED
from tests.hostile.site import Site

GROUPS = [
    *DOORS,
    *FRAMING,
    HALVES,
    *BODIES,
    *NAMES,
    *SIGNED,
    *CLAIMS,
    *KNOWN,
    SLOW_PEERS,
    *INBOX,
    SLOW_INBOX,
]


def answers(site: Site, group: Group) -> Iterator[tuple[Row, Answer]]:
    """What is said to each row; those on connections of their own are sent at once."""
    own = [(row, opened(site.port, row.sends(site))) for row in group.rows if row.alone]
    yield from ((row, ended(made)) for row, made in own)
    line = Line(site.port)
    try:
        for row in group.rows:
            if not row.alone:
                yield row, line.ask(row.sends(site))
    finally:
        line.close()


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_nothing_of_the_corpus_is_accepted(
    site: Site, group: Group, caplog: pytest.LogCaptureFixture
) -> None:
    """RELIABILITY 15, 17 to 23, 25: refused as is right, nothing written, and all goes on."""
    before = site.at_rest(proven=group.proven)
    wrong = [
        f"{row.name}: {answer.said} {answer.text[:200]!r} {answer.more[:80]!r}, not {row.right}"
        for row, answer in answers(site, group)
        if answer.said not in row.right or answer.more
    ]
    assert not wrong, "\n".join(wrong)
    assert site.at_rest(proven=group.proven) == before
    assert site.trap.visits() == 0
    site.goes_on()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_the_corpus_is_as_large_as_is_said() -> None:
    """And each of its rows has a name of its own."""
    names = [f"{group.name} {row.name}" for group in GROUPS for row in group.rows]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert len(names) >= 1_000
