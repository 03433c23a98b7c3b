"""Lots, serial numbers and what was picked of them in the administration: to look at, and nothing else."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import PickedUnit
from inventory.models import Lot, LotLevel, Node, SerialNumber, Sku
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work, packed, picked
from tests.fulfillment.tracked import make_lot_sku, make_serial_sku, put_lot, put_serials

pytestmark = pytest.mark.django_db
MODELS = ("inventory/lot", "inventory/lotlevel", "inventory/serialnumber", "fulfillment/pickedunit")


@pytest.fixture
def world() -> World:
    return make_world()


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def sell(world: World, serum: Sku, number: int) -> None:
    """One packed order and one in the tote, with a lot and a phone each."""
    phone = make_serial_sku(f"PHONE-{number}")
    put_serials(phone, world.blr, f"IMEI-{number}")
    put_lot(serum, world.blr, f"LOT-{number}", 2, days=90)
    packed(make_work(world, f"A{number}", make_line(serum, 1)))
    picked(make_work(world, f"B{number}", make_line(serum, 1)))


@pytest.mark.parametrize("model", MODELS)
def test_a_list_asks_as_many_statements_for_many_rows_as_for_few(
    world: World, admin_client: Client, model: str
) -> None:
    serum = make_lot_sku()
    sell(world, serum, 1)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            text_of(admin_client, f"/admin/{model}/")
        return len(queries)

    few = statements()
    for number in range(2, 5):
        sell(world, serum, number)

    assert statements() == few


def test_they_are_found_by_code_number_and_sku_and_not_changed(world: World, admin_client: Client) -> None:
    sell(world, make_lot_sku(), 1)
    put_lot(make_lot_sku("CREAM"), Node.objects.get(code="del-01"), "OTHER", 3)
    rows = (Lot.objects.get(code="LOT-1"), LotLevel.objects.get(lot__code="LOT-1"), SerialNumber.objects.get(),
            PickedUnit.objects.first())  # fmt: skip

    for model, row in zip(MODELS, rows, strict=True):
        assert row is not None
        page = text_of(admin_client, f"/admin/{model}/{row.pk}/change/")
        assert 'name="_save"' not in page
        assert admin_client.get(f"/admin/{model}/add/").status_code == 403
        assert admin_client.post(f"/admin/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "OTHER" not in text_of(admin_client, "/admin/inventory/lot/?q=lot-1")
    assert "LOT-1" in text_of(admin_client, "/admin/inventory/lotlevel/?q=SERUM-30")
    assert "IMEI-1" in text_of(admin_client, "/admin/inventory/serialnumber/?q=IMEI-1")
    assert "0 picked units" in text_of(admin_client, "/admin/fulfillment/pickedunit/?q=OTHER")
    assert "2 picked units" in text_of(admin_client, "/admin/fulfillment/pickedunit/?q=LOT-1")
