"""Goods that are kept by lot and by serial number, on the shelf."""

from __future__ import annotations

import pytest

from inventory.models import Sku
from tests.factories import World
from tests.fulfillment.tracked import (
    make_lot_sku,
    make_serial_sku,
    put_lot,
    put_serials,
)


@pytest.fixture
def serum(world: World) -> Sku:
    sku = make_lot_sku()
    put_lot(sku, world.blr, "LATE", 5, days=200)
    put_lot(sku, world.blr, "SOON", 2, days=60)
    return sku


@pytest.fixture
def phone(world: World) -> Sku:
    sku = make_serial_sku()
    put_serials(sku, world.blr, "IMEI-1", "IMEI-2", "IMEI-3")
    return sku
