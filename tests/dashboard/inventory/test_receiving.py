"""Goods without a purchase order on the screen: lots, days of expiry and serial numbers are named before they count."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest

from inventory.models import Lot, Receipt, Sku, StockMovement
from tests.dashboard.inventory.test_levels import signed_in
from tests.factories import World, make_world
from tests.fulfillment.tracked import lots_at, make_lot_sku, make_serial_sku, places, put_serials, today
from tests.inventory.purchases import buckets

pytestmark = pytest.mark.django_db
URL = "/inventory/nodes/blr-01/receive/"
SOON, LATE = ((today() + timedelta(days=days)).isoformat() for days in (30, 90))


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def serum(world: World) -> Sku:
    return make_lot_sku(shelf_life_days=10)


@pytest.fixture
def phone(world: World) -> Sku:
    return make_serial_sku()


def sent(**fields: str) -> dict[str, str]:
    return {"lines": "SERUM-30 12\nPHONE-1 2\nKURTA-M 3", "reference": "DN-1", "op_key": str(uuid4())} | fields


def named(serum: Sku, phone: Sku, **fields: str) -> dict[str, str]:
    """Two lots, one unit of the second damaged, and two numbers."""
    rows = {f"good-{serum.pk}-0": "7", f"lot-{serum.pk}-0": "L-1", f"expires-{serum.pk}-0": SOON,
            f"good-{serum.pk}-1": "4", f"damaged-{serum.pk}-1": "1", f"lot-{serum.pk}-1": "L-2",
            f"expires-{serum.pk}-1": LATE, f"serials-{phone.pk}-0": "IMEI-1\nIMEI-2"}  # fmt: skip
    return sent(named="1") | rows | fields


def text_of(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(unescape(response.content.decode()).split())


def test_tracked_items_ask_for_lots_and_numbers_before_the_preview(world: World, serum: Sku, phone: Sku) -> None:
    client = signed_in()

    page = text_of(client.post(URL, sent()))
    assert f'name="lot-{serum.pk}-0"' in page
    assert f'name="lot-{serum.pk}-1"' in page
    assert f'name="serials-{phone.pk}-0"' in page
    assert f'name="good-{world.kurta.pk}-0"' not in page
    more = text_of(client.post(URL, named(serum, phone, more="1")))
    assert f'name="lot-{serum.pk}-3"' in more
    assert 'value="L-2"' in more
    assert not Receipt.objects.exists()


def test_lots_expiry_and_numbers_are_received_with_the_rest_once(world: World, serum: Sku, phone: Sku) -> None:
    client, fields = signed_in(), named(serum, phone)

    preview = text_of(client.post(URL, fields))
    assert "7 x SERUM-30 L-1, ATP at blr-01" in preview
    assert "SERUM-30 L-2: damaged, not sold" in preview
    assert "IMEI-1, IMEI-2" in preview
    assert not Receipt.objects.exists()

    done = text_of(client.post(URL, fields | {"confirmed": "1"}, follow=True))
    assert "17 units received at blr-01." in done
    again = text_of(client.post(URL, fields | {"confirmed": "1"}, follow=True))
    assert "This was received before; nothing changed now." in again
    assert lots_at(serum, world.blr) == {"L-1": {"on_hand": 7}, "L-2": {"on_hand": 4, "damaged": 1}}
    assert dict(Lot.objects.values_list("code", "expires_on")) == {
        "L-1": today() + timedelta(days=30), "L-2": today() + timedelta(days=90)
    }  # fmt: skip
    assert places(phone) == {"IMEI-1": "on_hand", "IMEI-2": "on_hand"}
    assert buckets(world.kurta, world.blr) == (13, 0, 0)
    assert Receipt.objects.get().reference == "DN-1"


@pytest.mark.parametrize(("changes", "words"), [
    ({"lot-{s}-0": ""}, "write the lot that stands on the box"),
    ({"expires-{s}-1": ""}, "write the day on which it expires"),
    ({"expires-{s}-1": "soon"}, "soon is no day"),
    ({"good-{s}-0": "6"}, "SERUM-30: 12 units were entered, and 11 are named here"),
    ({"good-{s}-0": "x"}, "x good units; expected a whole number"),
    ({"serials-{p}-0": "IMEI-1"}, "PHONE-1: 2 units were entered, and 1 are named here"),
    ({"serials-{p}-0": "IMEI-1 KURTA-M"}, "KURTA-M is the code of KURTA-M, not a serial number"),
])  # fmt: skip
def test_what_is_named_badly_is_told_beside_it_and_kept(
    world: World, serum: Sku, phone: Sku, changes: dict[str, str], words: str
) -> None:
    fields = {name.format(s=serum.pk, p=phone.pk): text for name, text in changes.items()}
    rows = StockMovement.objects.count()

    page = text_of(signed_in().post(URL, named(serum, phone) | fields | _confirmed(words)), 422)

    assert words in page
    assert 'value="L-2"' in page
    assert StockMovement.objects.count() == rows


def _confirmed(words: str) -> dict[str, str]:
    """What only the write finds out is told on the same page, too."""
    return {"confirmed": "1"} if words.startswith("write") else {}


def test_a_number_that_came_before_is_refused_when_it_is_confirmed(world: World, serum: Sku, phone: Sku) -> None:
    put_serials(phone, world.delhi, "IMEI-2")

    page = text_of(signed_in().post(URL, named(serum, phone, confirmed="1")), 409)

    assert "Known already: IMEI-2 of PHONE-1 is on hand at del-01" in page
    assert not Receipt.objects.exists()


def test_going_back_keeps_what_was_named(world: World, serum: Sku, phone: Sku) -> None:
    client = signed_in()

    assert 'value="L-2"' in text_of(client.post(URL, named(serum, phone, rename="1")))
    assert "SERUM-30 12" in text_of(client.post(URL, named(serum, phone, edit="1")))


def test_items_kept_by_quantity_are_received_as_before(world: World) -> None:
    client = signed_in()
    fields = sent(lines="KURTA-M 3")

    assert "3 x KURTA-M, ATP at blr-01" in text_of(client.post(URL, fields))
    text_of(client.post(URL, fields | {"confirmed": "1"}, follow=True))

    assert buckets(world.kurta, world.blr) == (13, 0, 0)
