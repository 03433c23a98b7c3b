"""Receiving goods: part, all, too many, damaged, by lot and serial number; and taking a receipt back."""

from __future__ import annotations

from datetime import date, timedelta
from unittest.mock import patch

import pytest
from django.db import transaction
from django.utils import timezone

from inventory.errors import BadQuantity, NotEnoughStock, SerialElsewhere, TooManyUnits, TrackingNeeded
from inventory.models import (
    Lot,
    LotLevel,
    PurchaseOrder,
    Receipt,
    ReceiptLine,
    SerialNumber,
    Sku,
    StockMovement,
    Supplier,
    Tracking,
)
from inventory.services import (
    AnnouncedLine,
    Claim,
    GoodsReceived,
    ReceiptItem,
    Source,
    adjust,
    announce_shipment,
    close_purchase_order,
    receive_goods,
    reserve,
    reverse_receipt,
)
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent
from tests.factories import World, make_sku, make_world
from tests.inventory.purchases import buckets, line_of, make_draft, make_placed, make_supplier, rows_of, state_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def supplier() -> Supplier:
    return make_supplier()


def come(
    order: PurchaseOrder, *items: ReceiptItem, key: str = "GRN-1", accept_over: bool = False,
    shipment_id: int | None = None, finish: bool = False,
) -> GoodsReceived:  # fmt: skip
    source = Source(order_id=order.pk, shipment_id=shipment_id, accept_over=accept_over, finish=finish)
    with transaction.atomic():
        return receive_goods(node_id=order.node_id, items=items, op_key=key, actor="Ravi", source=source)


def of(sku: Sku, good: int = 0, damaged: int = 0, **fields: object) -> ReceiptItem:
    return ReceiptItem(sku_id=sku.pk, good=good, damaged=damaged, **fields)  # type: ignore[arg-type]


def test_a_hundred_come_in_two_loads_with_damage_and_surplus_and_the_rest_is_closed_short(
    world: World, supplier: Supplier
) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100), (world.saree, 10))

    come(order, of(world.kurta, 60, 5))

    assert state_of(order) == "partial"
    assert line_of(order, world.kurta) == (35, 60, 5, 0, 0)
    assert buckets(world.kurta, world.blr) == (70, 5, 35)

    come(order, of(world.kurta, 40), key="GRN-2")

    assert line_of(order, world.kurta) == (0, 95, 5, 0, 5)
    assert buckets(world.kurta, world.blr) == (110, 5, 0)
    assert state_of(order) == "partial"

    close_purchase_order(order_id=order.pk, reason="No more sarees", actor="Meera")

    assert rows_of(order) == [
        ("supplier", "inbound", 100, "expected"), ("supplier", "inbound", 10, "expected"),
        ("inbound", "on_hand", 60, "receipt"), ("inbound", "damaged", 5, "receipt"),
        ("inbound", "on_hand", 35, "receipt"), ("supplier", "on_hand", 5, "receipt"),
        ("inbound", "supplier", 10, "unexpected"),
    ]  # fmt: skip
    assert state_of(order) == "closed"
    assert line_of(order, world.saree) == (0, 0, 0, 10, 0)
    lines = ReceiptLine.objects.order_by("pk").values_list("good_quantity", "damaged_quantity", "over_quantity")
    assert list(lines) == [(60, 5, 0), (40, 0, 5)]


def test_a_cost_is_kept_with_every_unit_that_comes(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 5), cost_minor=41_500)
    come(order, of(world.kurta, 3))
    come(order, of(world.kurta, 2, unit_cost_minor=43_000), key="GRN-2")

    costs = StockMovement.objects.filter(reason="receipt").order_by("pk").values_list("unit_cost_minor", flat=True)
    assert list(costs) == [41_500, 43_000]
    assert list(ReceiptLine.objects.order_by("pk").values_list("unit_cost_minor", flat=True)) == [41_500, 43_000]


def test_a_cost_in_another_currency_is_not_taken_for_ours(world: World) -> None:
    order = make_placed(make_supplier(currency="USD"), world.blr, (world.kurta, 5))

    come(order, of(world.kurta, 5))

    assert StockMovement.objects.get(reason="receipt").unit_cost_minor is None


def test_the_order_is_received_when_nothing_is_open_and_hears_of_it_once(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 5))
    OutboxEvent.objects.all().delete()

    come(order, of(world.kurta, 4, 1))

    order.refresh_from_db()
    assert (order.state, order.version) == ("received", 3)
    assert order.closed_at is not None
    events = [(event.kind.split(".")[1], event.payload) for event in OutboxEvent.objects.order_by("pk")]
    assert events == [
        ("StockChanged", {"sku_ids": [world.kurta.pk], "reason": "receipt"}),
        ("StockArrived", {"sku_ids": [world.kurta.pk], "node_id": world.blr.pk}),
    ]


def test_damaged_goods_alone_change_no_promise(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 5))
    OutboxEvent.objects.all().delete()

    come(order, of(world.kurta, 0, 5))

    assert buckets(world.kurta, world.blr) == (10, 5, 0)
    assert not OutboxEvent.objects.exists()


def test_the_same_receipt_twice_is_one(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))

    first, second = come(order, of(world.kurta, 60)), come(order, of(world.kurta, 60))

    assert (first.is_new, second.is_new) == (True, False)
    assert first.receipt == second.receipt
    assert line_of(order, world.kurta) == (40, 60, 0, 0, 0)
    assert Receipt.objects.count() == 1


def test_too_many_are_refused_until_they_are_accepted(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))

    with pytest.raises(TooManyUnits, match=r"KURTA-M: 6 come on top of the 100 ordered on .*; 5 are allowed"):
        come(order, of(world.kurta, 106))

    assert rows_of(order) == [("supplier", "inbound", 100, "expected")]
    assert not Receipt.objects.exists()
    come(order, of(world.kurta, 106), accept_over=True)
    assert line_of(order, world.kurta) == (0, 100, 0, 0, 6)


def test_the_tolerance_counts_over_all_receipts_and_follows_the_setting(
    world: World, supplier: Supplier, settings: pytest.FixtureRequest
) -> None:
    settings.RECEIVE_OVER_PERCENT = 10  # type: ignore[attr-defined]
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    come(order, of(world.kurta, 107))

    with pytest.raises(TooManyUnits, match="4 come on top of the 100 ordered .* 3 are allowed"):
        come(order, of(world.kurta, 4), key="GRN-2")

    come(order, of(world.kurta, 3), key="GRN-2")
    assert line_of(order, world.kurta) == (0, 100, 0, 0, 10)


def test_damaged_units_are_the_surplus_before_good_ones(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))

    come(order, of(world.kurta, 99, 4))

    assert line_of(order, world.kurta) == (0, 99, 1, 0, 3)
    assert rows_of(order)[1:] == [
        ("inbound", "on_hand", 99, "receipt"), ("inbound", "damaged", 1, "receipt"),
        ("supplier", "damaged", 3, "receipt"),
    ]  # fmt: skip


def test_what_was_not_ordered_comes_only_when_it_is_accepted(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 10))

    with pytest.raises(TooManyUnits, match="SHOE-42: 2 come on top of what was ordered, of which it is no part"):
        come(order, of(world.kurta, 10), of(world.shoe, 2))

    come(order, of(world.kurta, 10), of(world.shoe, 2), accept_over=True)
    assert buckets(world.shoe, world.blr) == (12, 0, 0)
    assert ReceiptLine.objects.get(sku=world.shoe).order_line is None


@pytest.mark.parametrize("state", ["draft", "cancelled", "closed"])
def test_goods_of_an_order_that_expects_none_are_refused(world: World, supplier: Supplier, state: str) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 10))
    PurchaseOrder.objects.filter(pk=order.pk).update(state=state)

    with pytest.raises(Conflict, match="without a purchase order"):
        come(order, of(world.kurta, 1))


def test_goods_come_to_the_node_that_ordered_them(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 10))

    with pytest.raises(DomainError, match="is to come to blr-01, not to del-01"):
        receive_goods(node_id=world.delhi.pk, items=[of(world.kurta, 1)], op_key="x", actor="Ravi",
                      source=Source(order_id=order.pk))  # fmt: skip


@pytest.mark.parametrize(
    ("item", "kind", "words"),
    [
        ({"good": 0}, BadQuantity, "Line 1, KURTA-M: 0 good and 0 damaged"),
        ({"good": -1, "damaged": 2}, BadQuantity, "Line 1, KURTA-M: -1 good"),
        ({"good": 1, "sku_id": 999_999}, NotFound, "Line 1: there is no SKU 999999"),
        ({"good": 1, "lot_code": "L1"}, DomainError, "Line 1, KURTA-M: it is kept by quantity"),
        ({"good": 1, "serials": ("S1",)}, DomainError, "Line 1, KURTA-M: it is kept by quantity"),
        ({"good": 1, "unit_cost_minor": -5}, DomainError, "Line 1, KURTA-M: -5 is not a cost"),
    ],
)
def test_a_line_that_cannot_be_received_is_named(
    world: World, item: dict[str, object], kind: type[DomainError], words: str
) -> None:
    made = ReceiptItem(**({"sku_id": world.kurta.pk} | item))  # type: ignore[arg-type]

    with pytest.raises(kind, match=words):
        receive_goods(node_id=world.blr.pk, items=[made], op_key="x", actor="Ravi")

    assert not Receipt.objects.exists()


def test_a_kit_is_not_received(world: World) -> None:
    with pytest.raises(DomainError, match="receive its components"):
        receive_goods(node_id=world.blr.pk, items=[of(make_sku("SET", is_kit=True), 1)], op_key="x", actor="Ravi")


def test_a_receipt_that_dies_half_way_leaves_nothing(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    OutboxEvent.objects.all().delete()

    with patch("inventory.services.receiving.announce", side_effect=RuntimeError), pytest.raises(RuntimeError):
        come(order, of(world.kurta, 60))

    assert rows_of(order) == [("supplier", "inbound", 100, "expected")]
    assert line_of(order, world.kurta) == (100, 0, 0, 0, 0)
    assert (Receipt.objects.count(), OutboxEvent.objects.count(), state_of(order)) == (0, 0, "placed")
    come(order, of(world.kurta, 60))
    assert line_of(order, world.kurta) == (40, 60, 0, 0, 0)


# -- lots --------------------------------------------------------------------------------------------------------------

FAR = date(2099, 6, 30)


@pytest.fixture
def cream() -> Sku:
    return make_sku("CREAM", tracking=Tracking.LOT, shelf_life_days=60)


def test_lots_are_made_known_and_counted_apart(world: World, supplier: Supplier, cream: Sku) -> None:
    order = make_placed(supplier, world.blr, (cream, 20))

    come(order, of(cream, 8, 1, lot_code="L1", expires_on=FAR), of(cream, 11, lot_code="L2", expires_on=FAR))

    levels = LotLevel.objects.order_by("lot__code").values_list("lot__code", "on_hand", "damaged")
    assert list(levels) == [("L1", 8, 1), ("L2", 11, 0)]
    assert buckets(cream, world.blr) == (19, 1, 0)
    assert line_of(order, cream) == (0, 19, 1, 0, 0)


def test_a_lot_that_is_known_is_found_whatever_the_case_and_needs_no_expiry_again(world: World, cream: Sku) -> None:
    for key, item in (("a", of(cream, 5, lot_code="L1", expires_on=FAR)), ("b", of(cream, 3, lot_code=" l1 "))):
        receive_goods(node_id=world.blr.pk, items=[item], op_key=key, actor="Ravi")

    assert Lot.objects.get().expires_on == FAR
    assert LotLevel.objects.get().on_hand == 8


def test_a_lot_with_another_expiry_is_refused(world: World, cream: Sku) -> None:
    receive_goods(node_id=world.blr.pk, items=[of(cream, 5, lot_code="L1", expires_on=FAR)], op_key="a", actor="Ravi")

    with pytest.raises(Conflict, match=r"CREAM, lot L1: it expires on 30 Jun 2099 .* not on 01 Jul 2099"):
        receive_goods(node_id=world.blr.pk, op_key="b", actor="Ravi",
                      items=[of(cream, 5, lot_code="L1", expires_on=FAR + timedelta(days=1))])  # fmt: skip

    assert LotLevel.objects.get().on_hand == 5


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({}, TrackingNeeded, "Line 1, CREAM: it is kept by lot"),
        ({"lot_code": "L1"}, TrackingNeeded, "lot L1: write the day on which it expires; 60 days"),
        ({"lot_code": "L1", "expires_on": date(2020, 1, 1)}, DomainError, "expired on 01 Jan 2020: .* as damaged"),
        ({"lot_code": "L1", "serials": ("1",)}, DomainError, "kept by lot, not by serial"),
        ({"lot_code": "L" * 61}, DomainError, "at most 60"),
    ],
)
def test_a_lot_that_is_missing_or_old_is_refused(
    world: World, cream: Sku, fields: dict[str, object], kind: type[DomainError], words: str
) -> None:
    item = ReceiptItem(sku_id=cream.pk, good=5, **fields)  # type: ignore[arg-type]

    with pytest.raises(kind, match=words):
        receive_goods(node_id=world.blr.pk, items=[item], op_key="a", actor="Ravi")


def test_goods_past_their_day_come_as_damaged(world: World, cream: Sku) -> None:
    item = of(cream, 0, 5, lot_code="L1", expires_on=timezone.localdate() - timedelta(days=1))

    receive_goods(node_id=world.blr.pk, items=[item], op_key="a", actor="Ravi")

    assert buckets(cream, world.blr) == (0, 5, 0)


# -- serial numbers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def phone() -> Sku:
    return make_sku("PHONE", tracking=Tracking.SERIAL)


def test_each_unit_comes_by_its_number_and_the_expectation_ends(world: World, supplier: Supplier, phone: Sku) -> None:
    order = make_placed(supplier, world.blr, (phone, 3))

    come(order, of(phone, 1, 1, serials=("IMEI-1",), damaged_serials=(" IMEI-2 ",)))

    assert rows_of(order) == [
        ("supplier", "inbound", 3, "expected"), ("inbound", "supplier", 2, "receipt"),
        ("supplier", "on_hand", 1, "receipt"), ("supplier", "damaged", 1, "receipt"),
    ]  # fmt: skip
    places = SerialNumber.objects.order_by("number").values_list("number", "bucket", "node__code")
    assert list(places) == [("IMEI-1", "on_hand", "blr-01"), ("IMEI-2", "damaged", "blr-01")]
    assert line_of(order, phone) == (1, 1, 1, 0, 0)
    assert buckets(phone, world.blr) == (1, 1, 1)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"good": 2, "serials": ("A", "A")}, DomainError, "Line 1, PHONE: scanned twice: A"),
        ({"good": 2, "damaged": 1, "serials": ("A", "B"), "damaged_serials": ("B",)}, DomainError, "twice: B"),
        ({"good": 2, "serials": ("A",)}, TrackingNeeded, "2 units, but 1 numbers were named"),
        ({"good": 1}, TrackingNeeded, "1 units, but 0 numbers"),
        ({"good": 1, "serials": ("A",), "lot_code": "L"}, DomainError, "by serial number, not by lot"),
        ({"good": 1, "serials": ("A" * 61,)}, DomainError, "1 to 60 characters"),
    ],
)
def test_serial_numbers_are_as_many_as_units_and_each_is_one(
    world: World, phone: Sku, fields: dict[str, object], kind: type[DomainError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        receive_goods(
            node_id=world.blr.pk, items=[ReceiptItem(sku_id=phone.pk, **fields)], op_key="a", actor="Ravi"  # type: ignore[arg-type]
        )  # fmt: skip


def test_a_number_in_two_lines_or_one_that_came_before_is_named(world: World, phone: Sku) -> None:
    receive_goods(node_id=world.blr.pk, items=[of(phone, 1, serials=("IMEI-1",))], op_key="a", actor="Ravi")

    with pytest.raises(SerialElsewhere, match="IMEI-1 of PHONE is on hand at blr-01"):
        receive_goods(
            node_id=world.delhi.pk, items=[of(phone, 2, serials=("IMEI-1", "IMEI-2"))], op_key="b", actor="Ravi"
        )
    with pytest.raises(DomainError, match="Scanned twice: IMEI-3"):
        receive_goods(node_id=world.blr.pk, op_key="c", actor="Ravi",
                      items=[of(phone, 1, serials=("IMEI-3",)), of(phone, 1, serials=("IMEI-3",))])  # fmt: skip

    assert buckets(phone, world.blr) == (1, 0, 0)
    assert SerialNumber.objects.count() == 1


# -- ASNs --------------------------------------------------------------------------------------------------------------


def test_an_asn_counts_what_came_of_it_and_ends_with_its_last_unit(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    shipment = announce_shipment(
        order_id=order.pk, lines=[AnnouncedLine(sku_id=world.kurta.pk, quantity=40)], actor="Meera"
    )

    come(order, of(world.kurta, 30), shipment_id=shipment.pk)

    shipment.refresh_from_db()
    assert (shipment.state, shipment.lines.get().received_quantity) == ("expected", 30)
    come(order, of(world.kurta, 9, 1), key="GRN-2", shipment_id=shipment.pk)
    shipment.refresh_from_db()
    assert shipment.state == "received"
    assert line_of(order, world.kurta) == (60, 39, 1, 0, 0)
    with pytest.raises(Conflict, match="is received already"):
        come(order, of(world.kurta, 1), key="GRN-3", shipment_id=shipment.pk)


def test_an_asn_that_came_short_can_be_finished_and_its_lots_are_told_apart(
    world: World, supplier: Supplier, cream: Sku
) -> None:
    order = make_placed(supplier, world.blr, (cream, 100))
    lines = [AnnouncedLine(sku_id=cream.pk, quantity=20, lot_code=code, expires_on=FAR) for code in ("L1", "L2")]
    shipment = announce_shipment(order_id=order.pk, lines=lines, actor="Meera")

    come(order, of(cream, 15, lot_code="l2", expires_on=FAR), shipment_id=shipment.pk, finish=True)

    shipment.refresh_from_db()
    assert shipment.state == "received"
    assert list(shipment.lines.order_by("pk").values_list("lot_code", "received_quantity")) == [("L1", 0), ("L2", 15)]
    assert line_of(order, cream) == (85, 15, 0, 0, 0)


def test_an_asn_of_another_order_is_not_found(world: World, supplier: Supplier) -> None:
    mine, other = (make_placed(supplier, world.blr, (world.kurta, 10)) for _ in range(2))
    shipment = announce_shipment(
        order_id=other.pk, lines=[AnnouncedLine(sku_id=world.kurta.pk, quantity=4)], actor="Meera"
    )

    with pytest.raises(NotFound, match="of this purchase order"):
        come(mine, of(world.kurta, 1), shipment_id=shipment.pk)


# -- taking back -------------------------------------------------------------------------------------------------------


def test_a_receipt_is_taken_back_and_its_units_are_expected_again(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    receipt = come(order, of(world.kurta, 100, 3)).receipt
    OutboxEvent.objects.all().delete()

    back = reverse_receipt(receipt_id=receipt.pk, reason="Wrong truck", actor="Meera")

    assert rows_of(order)[-2:] == [("on_hand", "inbound", 100, "correction"), ("damaged", "supplier", 3, "correction")]
    assert (line_of(order, world.kurta), state_of(order)) == ((100, 0, 0, 0, 0), "placed")
    assert buckets(world.kurta, world.blr) == (10, 0, 100)
    assert (back.receipt.reverses, back.receipt.note) == (receipt, "Wrong truck")
    assert [event.kind.split(".")[1] for event in OutboxEvent.objects.all()] == ["StockChanged"]
    again = reverse_receipt(receipt_id=receipt.pk, reason="Wrong truck", actor="Meera")
    assert (again.is_new, again.receipt) == (False, back.receipt)
    with pytest.raises(Conflict, match="takes back another one"):
        reverse_receipt(receipt_id=back.receipt.pk, reason="", actor="Meera")


def test_units_that_are_promised_cannot_be_taken_back(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    receipt = come(order, of(world.kurta, 100)).receipt
    run_atomic(lambda: reserve([Claim(uuid7(), uuid7(), 1, "OM-1", world.kurta.pk, world.blr.pk, 30)], actor="test"))

    with pytest.raises(NotEnoughStock, match=r"100 good units came, but only 80 are free now \(110 on hand, 30 res"):
        reverse_receipt(receipt_id=receipt.pk, reason="", actor="Meera")

    assert line_of(order, world.kurta) == (0, 100, 0, 0, 0)
    assert Receipt.objects.count() == 1


def test_damaged_units_that_were_repaired_cannot_be_taken_back(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 10))
    receipt = come(order, of(world.kurta, 8, 2)).receipt
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="repaired", quantity=1, op_key="r", actor="Ravi")

    with pytest.raises(NotEnoughStock, match="only 1 are in the damaged bucket"):
        reverse_receipt(receipt_id=receipt.pk, reason="", actor="Meera")


def test_a_receipt_of_a_closed_order_goes_back_to_the_supplier(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    receipt = come(order, of(world.kurta, 60)).receipt
    close_purchase_order(order_id=order.pk, reason="", actor="Meera")

    reverse_receipt(receipt_id=receipt.pk, reason="All of it is torn", actor="Meera")

    assert (line_of(order, world.kurta), state_of(order)) == ((0, 0, 0, 100, 0), "closed")
    assert rows_of(order)[-1] == ("on_hand", "supplier", 60, "correction")
    assert buckets(world.kurta, world.blr) == (10, 0, 0)


def test_lots_and_serial_numbers_go_back_where_they_came_from(
    world: World, supplier: Supplier, cream: Sku, phone: Sku
) -> None:
    order = make_placed(supplier, world.blr, (cream, 5), (phone, 2))
    receipt = come(
        order, of(cream, 5, lot_code="L1", expires_on=FAR), of(phone, 1, 1, serials=("A",), damaged_serials=("B",))
    ).receipt

    reverse_receipt(receipt_id=receipt.pk, reason="", actor="Meera")

    assert LotLevel.objects.get().on_hand == 0
    assert list(SerialNumber.objects.values_list("bucket", flat=True)) == ["supplier", "supplier"]
    assert (buckets(cream, world.blr), buckets(phone, world.blr)) == ((0, 0, 5), (0, 0, 2))
    come(order, of(phone, 2, serials=("A", "B")), key="GRN-2")
    assert buckets(phone, world.blr) == (2, 0, 0)


def test_a_receipt_of_an_asn_brings_the_asn_back_to_the_dock(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    shipment = announce_shipment(
        order_id=order.pk, lines=[AnnouncedLine(sku_id=world.kurta.pk, quantity=40)], actor="Meera"
    )
    receipt = come(order, of(world.kurta, 40), shipment_id=shipment.pk).receipt

    reverse_receipt(receipt_id=receipt.pk, reason="", actor="Meera")

    shipment.refresh_from_db()
    assert (shipment.state, shipment.lines.get().received_quantity) == ("arrived", 0)


def test_goods_without_an_order_go_back_to_their_supplier(world: World) -> None:
    receipt = receive_goods(
        node_id=world.blr.pk, items=[of(world.kurta, 4)], op_key="a", actor="Ravi", reference="DN-9"
    ).receipt

    reverse_receipt(receipt_id=receipt.pk, reason="", actor="Meera")

    assert buckets(world.kurta, world.blr) == (10, 0, 0)
    rows = StockMovement.objects.filter(reference="DN-9").order_by("pk").values_list("from_bucket", "to_bucket")
    assert list(rows) == [("supplier", "on_hand"), ("on_hand", "supplier")]
