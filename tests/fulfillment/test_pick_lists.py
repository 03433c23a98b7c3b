"""The pick list on paper: the same lots as the walk on the phone, and which serial numbers there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from carriers.labels import PickListData
from fulfillment.models import FulfillmentOrder
from fulfillment.selectors import with_lines
from fulfillment.selectors.pick_lists import pick_list_of
from fulfillment.selectors.units import SomeSerials, some_serials
from fulfillment.services import accept, pick, serials_here
from inventory.models import Node, Sku, StockLevel
from inventory.services import block_lot
from oms.accounts.models import Role, User
from oms.core.clock import now
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work
from tests.fulfillment.tracked import make_lot_sku, make_serial_sku, put_lot, put_serials, today

pytestmark = pytest.mark.django_db(transaction=True)
Printed = tuple[str, int, str]


@pytest.fixture
def world() -> World:
    made = make_world()
    Node.objects.filter(pk=made.blr.pk).update(auto_accept=False)
    return made


@pytest.fixture
def work(world: World) -> FulfillmentOrder:
    serum, phone = make_lot_sku(), make_serial_sku()
    put_lot(serum, world.blr, "SOON", 2, days=60)
    put_lot(serum, world.blr, "LATE", 5, days=None)
    put_serials(phone, world.blr, *(f"IMEI-{number}" for number in range(1, 9)))
    made = make_work(world, "1", make_line(serum, 3), make_line(phone, 2), make_line(world.kurta, 4))
    accept(fulfillment_order_ids=[made.pk], actor="Asha")
    return made


def rows(world: World, *work: FulfillmentOrder) -> list[Printed]:
    loaded = list(with_lines(FulfillmentOrder.objects.filter(pk__in=[item.pk for item in work])))
    return [(row.sku_code, row.quantity, row.lots) for row in pick_list_of(world.blr, loaded, now()).rows]


def signed_in(role: Role = Role.OPS_MANAGER, **scope: Any) -> Client:
    fields: dict[str, Any] = {"all_nodes": True, "all_channels": True} | scope
    client, word = Client(), "a long pass phrase"
    user = User.objects.create_user(f"{role}-{len(scope)}@example.com", word, role=role, **fields)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_each_lot_to_take_is_a_row_with_its_day_and_serial_numbers_are_named(
    world: World, work: FulfillmentOrder
) -> None:
    day = today() + timedelta(days=60)

    assert rows(world, work) == [
        ("KURTA-M", 4, ""),
        ("PHONE-1", 2, "Any of IMEI-1, IMEI-2, IMEI-3, IMEI-4, IMEI-5, IMEI-6 or 2 more"),
        ("SERUM-30", 2, f"Lot SOON, expires {day:%d %b %Y}"),
        ("SERUM-30", 1, "Lot LATE"),
    ]


def test_what_was_picked_is_not_printed_again(world: World, work: FulfillmentOrder) -> None:
    pick(fulfillment_order_id=work.pk, code="SOON", quantity=2, actor="Asha")
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")

    assert rows(world, work)[1:] == [
        ("PHONE-1", 1, "Any of IMEI-2, IMEI-3, IMEI-4, IMEI-5, IMEI-6, IMEI-7 or 1 more"),
        ("SERUM-30", 1, "Lot LATE"),
    ]


def test_units_that_may_not_be_sold_are_to_be_reported(world: World) -> None:
    serum = make_lot_sku()
    lot = put_lot(serum, world.blr, "BAD", 3)
    made = make_work(world, "1", make_line(serum, 3))
    accept(fulfillment_order_ids=[made.pk], actor="Asha")
    block_lot(lot_id=lot.pk, reason="Recall", actor="Meera")

    assert rows(world, made) == [("SERUM-30", 3, "By the books no lot here may be sold: report short")]


def test_the_list_goes_along_the_shelves_for_all_orders(world: World, work: FulfillmentOrder) -> None:
    StockLevel.objects.filter(sku=world.kurta, node=world.blr).update(bin_code="B-2")
    other = make_work(world, "2", make_line(world.kurta, 1))
    loaded = list(with_lines(FulfillmentOrder.objects.filter(pk__in=[work.pk, other.pk]).order_by("pk")))

    at = datetime(2026, 11, 21, 6, 45, 9, tzinfo=UTC)
    data = pick_list_of(world.blr, loaded, at, picker="Asha")

    assert (data.number, data.order_count, data.picker_name) == (f"PL-{work.pk}-21121509", 2, "Asha")
    assert pick_list_of(world.blr, loaded, at + timedelta(hours=1)).number != data.number
    assert data.orders_text == "2"
    assert pick_list_of(world.blr, loaded, at, waiting=80).orders_text == "2 of 80"
    first = data.rows[0]
    assert (first.bin_code, first.quantity, first.barcode) == ("B-2", 5, f"890{world.kurta.pk:010d}")
    assert first.orders == f"{work.order.number}, {other.order.number}"


def test_only_the_serial_numbers_that_are_printed_are_read(world: World, work: FulfillmentOrder) -> None:
    phone, tablet = Sku.objects.get(code="PHONE-1"), make_serial_sku("TABLET")
    put_serials(tablet, world.blr, "T-1")
    put_serials(tablet, world.delhi, "T-2")
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")

    with CaptureQueriesContext(connection) as queries:
        found = some_serials([phone.pk, tablet.pk, world.kurta.pk], world.blr.pk, most=3)

    assert len(queries) == 1
    assert found == {
        phone.pk: SomeSerials(("IMEI-2", "IMEI-3", "IMEI-4"), 7), tablet.pk: SomeSerials(("T-1",), 1),
    }  # fmt: skip
    assert [row.number for row in serials_here(phone.pk, world.blr.pk)] == [f"IMEI-{n}" for n in range(2, 9)]


def test_a_list_that_has_not_every_order_says_so(
    world: World, work: FulfillmentOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_work(world, "2", make_line(world.kurta, 1))
    printed: list[PickListData] = []

    def paper(data: PickListData) -> bytes:
        printed.append(data)
        return b"%PDF-"

    monkeypatch.setattr("oms.dashboard.fulfil.pick_list_views.pick_list_pdf", paper)
    ravi = signed_in()
    for most in (1, 50):
        monkeypatch.setattr("oms.dashboard.fulfil.pick_list_views.MOST_ORDERS", most)
        assert ravi.get("/fulfil/pick-list.pdf?node=blr-01").status_code == 200

    assert [data.orders_text for data in printed] == ["1 of 2", "2"]


def test_the_list_costs_the_same_for_more_orders(world: World, work: FulfillmentOrder) -> None:
    others = [make_work(world, str(number), make_line(world.kurta, 1)) for number in range(2, 5)]

    def statements(*wanted: FulfillmentOrder) -> int:
        with CaptureQueriesContext(connection) as queries:
            rows(world, *wanted)
        return len(queries)

    assert statements(work, others[0]) == statements(work, *others)


def test_it_is_printed_from_the_fulfil_screen_and_from_the_phone(world: World, work: FulfillmentOrder) -> None:
    ravi = signed_in()
    assert "/fulfil/pick-list.pdf?node=blr-01" in ravi.get("/fulfil/?node=blr-01").content.decode()
    paper = ravi.get("/fulfil/pick-list.pdf?node=blr-01")
    assert (paper.status_code, paper["Content-Type"], paper.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert ravi.get("/fulfil/pick-list.pdf?node=del-01").status_code == 409
    assert signed_in(all_nodes=False, node_codes=["del-01"]).get("/fulfil/pick-list.pdf?node=blr-01").status_code == 404

    asha = signed_in(Role.STORE_ASSOCIATE, all_nodes=False, node_codes=["blr-01"])
    assert f"/s/pick/list.pdf?work={work.pk}" in asha.get(f"/s/pick/?work={work.pk}").content.decode()
    paper = asha.get(f"/s/pick/list.pdf?work={work.pk}")
    assert (paper.status_code, paper["Content-Type"]) == (200, "application/pdf")
    assert work.number in paper["Content-Disposition"]
    assert asha.get("/s/pick/list.pdf?work=999999").status_code == 404
