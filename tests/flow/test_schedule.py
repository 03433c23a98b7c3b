"""The schedule and its intervals name the same things."""

from oms.flow.intervals import EVERY_SECONDS
from oms.flow.schedule import SCHEDULE


def test_every_scheduled_entry_has_an_interval() -> None:
    assert set(SCHEDULE) == set(EVERY_SECONDS)
