"""What a receiver's answer means, by its status and by Retry-After."""

from __future__ import annotations

import pytest

from everflow.activitypub.verdicts import is_gone, is_ill, is_taken, refusal, seconds_to_wait
from everflow.errors import DeliveryRefused, ReceiverBusy, RetryAfter
from everflow.net.reading import Reply

NOW = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("99999999999999999999", 86_400),
        ("Wed, 18 Nov 2026 11:08:40 GMT", 120),
        ("Wed, 18 Nov 2026 11:08:40 -0000", 120),
        ("Wed, 18 Nov 2020 12:28:40 GMT", 0),
        ("Fri, 18 Nov 2050 12:28:40 GMT", 86_400),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("Wed, 99 Nov 2026 11:08:40 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_moment(text: str, seconds: int | None) -> None:
    """RFC 9110, 10.2.3: either form, a day at most, and nothing for what is neither."""
    assert seconds_to_wait(text, NOW) == seconds


@pytest.mark.parametrize("status", [401, 408, 425, 429, 500, 502, 503, 599])
def test_trouble_that_may_pass_is_no_refusal(status: int) -> None:
    """It is tried again, when the receiver says so where it does."""
    assert isinstance(refusal(Reply(status, (), b"", ""), NOW), ReceiverBusy)
    later = refusal(Reply(status, (("retry-after", "7"),), b"", ""), NOW)
    assert isinstance(later, RetryAfter)
    assert later.seconds == 7
    assert isinstance(later.error, ReceiverBusy)
    assert is_ill(status) == (status >= 500)


@pytest.mark.parametrize("status", [301, 400, 403, 404, 405, 413, 415, 422, 501])
def test_a_refusal_is_for_good(status: int) -> None:
    """Asking again would change nothing."""
    assert isinstance(refusal(Reply(status, (), b"", ""), NOW), DeliveryRefused)
    assert not is_ill(status)
    assert not is_taken(status)
    assert is_gone(status, alone=True) == (status == 404)
    assert not is_gone(status, alone=False)
