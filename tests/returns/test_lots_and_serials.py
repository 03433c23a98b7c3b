"""Lots and serial numbers that come back: what was sent by default, another one only by a person's word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client

from fulfillment.models import Shipment
from fulfillment.services import accept, book_shipment, hand_over, pack, pick, pick_all
from inventory.errors import SerialElsewhere, TrackingNeeded
from inventory.models import Lot, SerialNumber, Sku
from inventory.selectors.audit import Compared, iter_differences
from oms.accounts.models import Role, User
from oms.core.errors import DomainError
from oms.reporting.stock_audit import ORDER_CHECKS
from returns.errors import OtherUnit
from returns.models import Return, ReturnUnit
from returns.selectors import find_return
from returns.services import CameBack, expect_rto, receive
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work, units_of
from tests.fulfillment.tracked import (
    lots_at,
    make_lot_sku,
    make_serial_sku,
    places,
    postings,
    put_lot,
    put_serials,
    today,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def serum(world: World) -> Sku:
    sku = make_lot_sku()
    put_lot(sku, world.blr, "SOON", 2, days=60)
    put_lot(sku, world.blr, "LATE", 5, days=200)
    return sku


@pytest.fixture
def phone(world: World) -> Sku:
    sku = make_serial_sku()
    put_serials(sku, world.blr, "IMEI-1", "IMEI-2", "IMEI-3")
    return sku


@pytest.fixture
def item(world: World, serum: Sku, phone: Sku) -> Return:
    work = make_work(world, "1", make_line(serum, 3), make_line(phone))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    book_shipment(parcel.pk)
    hand_over(shipment_ids=[parcel.pk], actor="dock")
    return expect_rto(shipment_id=parcel.pk)


def decide(item: Return, *, lots: str = "restock", serials: str = "restock") -> dict[int, str]:
    words = {"SERUM-30": lots, "PHONE-1": serials}
    return {line.pk: words[line.order_line.sku_code] for line in item.lines.all()}


def named(item: Return, sku: str, **what: tuple[object, ...]) -> dict[int, CameBack]:
    return {item.lines.get(order_line__sku_code=sku).pk: CameBack(**what)}  # type: ignore[arg-type]


def nothing_differs() -> bool:
    return list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


def test_what_the_parcel_held_comes_back_by_default(world: World, serum: Sku, phone: Sku, item: Return) -> None:
    receive(return_id=item.pk, dispositions=decide(item, serials="quarantine"), actor="desk")
    receive(return_id=item.pk, dispositions=decide(item), actor="desk")

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"on_hand": 2}}
    assert places(phone) == {"IMEI-1": "quarantine", "IMEI-2": "on_hand", "IMEI-3": "on_hand"}
    assert postings(phone, "return") == [("customer", "quarantine", 1, "IMEI-1")]
    assert units_of(item.order_id)["returned"] == 4
    assert nothing_differs()


def test_another_serial_number_is_refused_with_both_names_until_a_person_decides(phone: Sku, item: Return) -> None:
    came = named(item, "PHONE-1", serials=("IMEI-9",))

    with pytest.raises(OtherUnit) as refused, transaction.atomic():
        receive(return_id=item.pk, dispositions=decide(item), units=came, actor="desk")
    assert refused.value.message == (
        f"{item.number}, PHONE-1: IMEI-9 came back, but IMEI-1 was sent with {item.order.number}. Read it again. If "
        "another unit really came back, say so and decide what becomes of it."
    )
    assert places(phone)["IMEI-1"] == "customer"
    receive(return_id=item.pk, dispositions=decide(item, serials="damaged"), units=came, as_found=True, actor="desk")

    assert places(phone) == {
        "IMEI-1": "customer", "IMEI-2": "on_hand", "IMEI-3": "on_hand", "IMEI-9": "damaged"
    }  # fmt: skip
    assert ReturnUnit.objects.get(serial__number="IMEI-9").differs
    assert nothing_differs()


def test_a_number_that_lies_on_our_own_shelf_cannot_come_back(phone: Sku, item: Return) -> None:
    came = named(item, "PHONE-1", serials=("IMEI-2",))

    with (
        pytest.raises(SerialElsewhere, match="IMEI-2 of PHONE-1 is on hand at blr-01 by the books"),
        transaction.atomic(),
    ):
        receive(return_id=item.pk, dispositions=decide(item), units=came, as_found=True, actor="desk")

    assert not ReturnUnit.objects.exists()


def test_another_lot_is_refused_until_a_person_decides(world: World, serum: Sku, item: Return) -> None:
    came = named(item, "SERUM-30", lots=(("soon", 1), ("late", 2)))

    with (
        pytest.raises(OtherUnit, match="lot LATE came back, but 2 of lot SOON, 1 of lot LATE was sent"),
        transaction.atomic(),
    ):
        receive(return_id=item.pk, dispositions=decide(item), units=came, actor="desk")
    receive(return_id=item.pk, dispositions=decide(item), units=came, as_found=True, actor="desk")

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 6}, "SOON": {"on_hand": 1}}
    assert nothing_differs()


@pytest.mark.parametrize(("lots", "words"), [
    ((("SOON", 1),), "say of which lot the 3 units are"), ((("OTHER", 3),), "SERUM-30 has no lot OTHER"),
])  # fmt: skip
def test_lots_must_be_known_and_add_up(item: Return, lots: tuple[tuple[str, int], ...], words: str) -> None:
    with pytest.raises(DomainError, match=words):
        receive(return_id=item.pk, dispositions=decide(item), units=named(item, "SERUM-30", lots=lots), as_found=True,
                actor="desk")  # fmt: skip


def test_an_expired_lot_does_not_go_back_to_stock(world: World, serum: Sku, item: Return) -> None:
    Lot.objects.filter(code="SOON").update(expires_on=today() - timedelta(days=1))

    with pytest.raises(DomainError, match="it cannot go back to stock"), transaction.atomic():
        receive(return_id=item.pk, dispositions=decide(item), actor="desk")
    receive(return_id=item.pk, dispositions=decide(item, lots="quarantine"), actor="desk")

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 4, "quarantine": 1}, "SOON": {"quarantine": 2}}


def test_what_is_missing_in_the_parcel_stays_with_the_customer(phone: Sku, item: Return) -> None:
    receive(return_id=item.pk, dispositions=decide(item, serials="missing"), actor="desk")

    assert places(phone)["IMEI-1"] == "customer"


def test_a_customer_names_one_of_two_and_the_other_may_come_later(world: World, phone: Sku) -> None:
    work = make_work(world, "2", make_line(phone, 2))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    for code in ("IMEI-1", "IMEI-2"):
        pick(fulfillment_order_id=work.pk, code=code, actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    book_shipment(parcel.pk)
    hand_over(shipment_ids=[parcel.pk], actor="dock")
    Shipment.objects.filter(pk=parcel.pk).update(state="delivered")
    line = work.order.lines.get()
    type(line).objects.filter(pk=line.pk).update(delivered=2)
    made = []
    for number in ("R-1", "R-2"):
        row = Return.objects.create(number=number, kind="customer", state="approved", order=work.order, node=world.blr)
        row.lines.create(order_line=line, quantity=1)
        made.append(row)
    first, second = made

    with pytest.raises(TrackingNeeded, match="name the 1 that came back. Sent: IMEI-1, IMEI-2"), transaction.atomic():
        receive(return_id=first.pk, dispositions={first.lines.get().pk: "restock"}, actor="desk")
    receive(return_id=first.pk, dispositions={first.lines.get().pk: "restock"}, actor="desk",
            units={first.lines.get().pk: CameBack(serials=("IMEI-2",))})  # fmt: skip
    receive(return_id=second.pk, dispositions={second.lines.get().pk: "damaged"}, actor="desk")

    assert places(phone) == {"IMEI-1": "damaged", "IMEI-2": "on_hand", "IMEI-3": "on_hand"}


def test_a_scanned_serial_number_finds_its_parcel(item: Return) -> None:
    assert find_return(Return.objects.all(), "IMEI-1") == item
    assert find_return(Return.objects.all(), "IMEI-2") is None


def test_the_desk_ticks_what_was_sent_and_asks_before_it_takes_another_unit(
    client: Client, world: World, phone: Sku, item: Return
) -> None:
    user = User.objects.create_user("desk@example.com", "a long pass phrase", name="Desk", role=Role.OPS_MANAGER,
                                    all_nodes=True, all_channels=True)  # fmt: skip
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    serum_line, phone_line = (item.lines.get(order_line__sku_code=code) for code in ("SERUM-30", "PHONE-1"))
    soon, late = (Lot.objects.get(code=code) for code in ("SOON", "LATE"))
    page = client.get(f"/returns/{item.pk}/").content.decode()
    assert f'name="serial-{phone_line.pk}"\n                   value="IMEI-1" checked' in page
    body = {
        f"line-{serum_line.pk}": "restock", f"line-{phone_line.pk}": "quarantine", f"others-{phone_line.pk}": "IMEI-3X",
        f"lot-{serum_line.pk}-{soon.pk}": "2", f"lot-{serum_line.pk}-{late.pk}": "1",
    }  # fmt: skip

    refused = client.post(f"/returns/{item.pk}/receive/", body)
    assert refused.status_code == 409
    assert "IMEI-3X came back, but IMEI-1 was sent" in refused.content.decode()
    assert 'name="as_found"' in refused.content.decode()
    taken = client.post(f"/returns/{item.pk}/receive/", body | {"as_found": "1"})

    assert taken.status_code == 302
    assert SerialNumber.objects.get(number="IMEI-3X").bucket == "quarantine"
    assert "Not the one that was sent" in client.get(f"/returns/{item.pk}/").content.decode()
