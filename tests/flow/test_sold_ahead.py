"""Channels that sell ahead of goods on order follow what is ordered, and when it is expected."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from channels.models import Listing
from inventory.models import PurchaseOrder
from inventory.services import (
    cancel_purchase_order,
    close_purchase_order,
    place_purchase_order,
    reschedule_purchase_order,
)
from tests.channels.services.doors import make_account
from tests.factories import make_world
from tests.flow.driver import drain
from tests.inventory.purchases import make_draft, make_supplier

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_sold_ahead_follows_orders_and_their_dates() -> None:
    world = make_world()
    listing = Listing.objects.create(
        account=make_account(world), external_sku="KURTA-M", sku=world.kurta, sells_inbound=True
    )
    supplier, day = make_supplier(), timezone.localdate() + timedelta(days=30)

    def sold_after(expected_on: date | None) -> int | None:
        reschedule_purchase_order(order_id=order.pk, version=None, expected_on=expected_on, reference="", note="")
        return wanted()

    def wanted() -> int | None:
        drain()
        listing.refresh_from_db()
        return listing.wanted_quantity

    order = make_draft(supplier, world.blr, (world.kurta, 7))
    place_purchase_order(order_id=order.pk, actor="Meera")
    assert wanted() == 27
    # Goods that nobody gives a day are not promised.
    assert sold_after(None) == 20
    assert sold_after(day) == 27
    close_purchase_order(order_id=order.pk, reason="Out of cloth", actor="Meera")
    assert wanted() == 20

    other = make_draft(supplier, world.delhi, (world.kurta, 4))
    place_purchase_order(order_id=other.pk, actor="Meera")
    assert wanted() == 24
    cancel_purchase_order(order_id=other.pk, reason="", actor="Meera")
    assert wanted() == 20
    assert set(PurchaseOrder.objects.values_list("state", flat=True)) == {"closed", "cancelled"}
