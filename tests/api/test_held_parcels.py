"""Parcels that may not leave, over the API: refused with a code of its own, and taken apart."""

from __future__ import annotations

import pytest
from django.test import Client

from inventory.models import Lot
from inventory.services import block_lot
from tests.api.test_api import bearer, call
from tests.factories import make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work
from tests.fulfillment.tracked import lots_at, make_lot_sku, put_lot

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_parcel_with_a_blocked_lot_is_refused_and_taken_apart(client: Client) -> None:
    world = make_world()
    make_carrier()
    serum = make_lot_sku()
    put_lot(serum, world.blr, "SOON", 2, days=60)
    parcel = labelled(make_work(world, "1", make_line(serum, 2)))
    block_lot(lot_id=Lot.objects.get().pk, reason="Glass", actor="Ravi")
    headers = bearer("fulfillment.view", "fulfillment.work")

    status, refused = call(client, "POST", "/shipments/hand-over", {"shipment_ids": [parcel.pk]}, **headers)
    assert (status, refused["code"], refused["data"]) == (
        409, "may_not_leave", {"parcels": [parcel.pk]},
    )  # fmt: skip
    assert f"{parcel.awb} of {parcel.order.number}: lot SOON of SERUM-30 is blocked" in refused["message"]

    status, work = call(client, "POST", f"/shipments/{parcel.pk}/take-apart", {}, **headers)
    assert (status, work["state"]) == (200, "rejected")
    assert [row["state"] for row in work["shipments"]] == ["cancelled"]
    assert lots_at(serum, world.blr) == {"SOON": {"quarantine": 2}}
    assert call(client, "POST", f"/shipments/{parcel.pk}/take-apart", {}, **headers)[0] == 200
    assert call(client, "POST", "/shipments/99999/take-apart", {}, **headers)[0] == 404
