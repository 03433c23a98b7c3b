"""What replies of other systems ask of us."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests
import time_machine

from oms.core.http import retry_after_seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("9" * 400, 86_400.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 17:31:00 +0530", 60.0),
        ("Mon, 23 Nov 2026 12:01:00 -0000", 60.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Wed, 23 Nov 2033 12:00:00 GMT", 86_400.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Mon, 32 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_how_long_to_wait_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    reply = requests.Response()
    reply.headers["Retry-After"] = value
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), tick=False):
        assert retry_after_seconds(reply) == seconds
