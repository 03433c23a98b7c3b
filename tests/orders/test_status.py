"""The derived stage: the pure function and its twin in SQL agree on every combination of counters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.core.db import fetch_all
from orders.services.units_sql import STAGE
from orders.status import LineQuantities, derive_stage, is_partial

counters = st.integers(min_value=0, max_value=2)
BUCKETS = ("unallocated", "backordered", "allocated", "released", "picked", "packed", "shipped", "cancelled")
quantities = st.builds(LineQuantities, **dict.fromkeys(BUCKETS, counters))


@pytest.mark.django_db
@given(line=quantities, delivered=counters, returned=counters)
def test_the_stage_in_sql_is_the_stage_in_python(line: LineQuantities, delivered: int, returned: int) -> None:
    whole = line.plus(LineQuantities(delivered=delivered, returned=returned, shipped=delivered + returned))
    columns = ", ".join(f"%s AS {name}" for name in whole.__slots__)
    [(stage,)] = fetch_all(
        f"SELECT {STAGE} FROM (SELECT {columns}) q", [getattr(whole, name) for name in whole.__slots__]
    )
    assert stage == derive_stage([whole])


def test_an_order_is_as_far_as_its_least_advanced_unit() -> None:
    assert derive_stage([LineQuantities(packed=1), LineQuantities(backordered=1)]) == "backordered"
    assert derive_stage([LineQuantities(shipped=2, delivered=1)]) == "shipped"
    assert derive_stage([LineQuantities(shipped=2, delivered=2), LineQuantities(cancelled=1)]) == "delivered"
    assert derive_stage([LineQuantities(cancelled=3)]) == "cancelled"
    assert derive_stage([LineQuantities(shipped=1, returned=1)]) == "returned"


def test_units_in_several_places_make_an_order_partial() -> None:
    assert is_partial([LineQuantities(packed=1, released=1)])
    assert not is_partial([LineQuantities(packed=1, cancelled=1)])
