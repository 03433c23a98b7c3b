"""The short form of `make hammer`: one sale of each way, small, with everything that goes wrong in it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection

from oms.core.db import execute
from tests.hammer.checks import audit
from tests.hammer.estate import Estate, estate
from tests.hammer.runs import Run, Size, make_world, run_all

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(buyers=60, units=15, parallel=16)


@pytest.fixture
def processes() -> Iterator[Estate]:
    """All processes, on the database of this test."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        "DATABASE_URL": urlunsplit(parts._replace(path="/" + connection.settings_dict["NAME"])),
        "OMS_SECRET_KEY": settings.SECRET_KEY, "OMS_EMAIL_FILE_PATH": str(settings.EMAIL_FILE_PATH),
    }  # fmt: skip
    with estate(environment, random.Random(1)) as made:
        yield made
    execute("DROP TABLE hammer_naive_stock, hammer_naive_sale")


def test_a_flash_sale_sells_exactly_what_is_there_whatever_dies(processes: Estate) -> None:
    shown: list[Run] = []

    hold, order = run_all(processes, make_world(), SIZE, runs=2, seed=1, report=shown.append)

    assert (hold.way, order.way) == ("hold", "order")
    for run in (hold, order):
        assert run.faults == []
        assert run.verdict.sold == SIZE.units
        assert run.kills >= 3
        assert run.noise.lost > 0
        assert run.naive > SIZE.units
    assert shown == [hold, order]
    assert audit() == []
