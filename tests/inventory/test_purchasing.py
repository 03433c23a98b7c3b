"""Purchase orders from the draft to the end, ASNs, suppliers and what they report."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import transaction
from django.utils import timezone

from inventory.errors import BadQuantity
from inventory.models import (
    InboundShipment,
    Node,
    NodeKind,
    PurchaseOrder,
    PurchaseOrderLine,
    StockLevel,
    StockMovement,
    Supplier,
    SupplierItem,
    Tracking,
)
from inventory.services import (
    AnnouncedLine,
    Claim,
    ItemTerms,
    PurchaseLine,
    PurchaseTerms,
    SupplierStockRow,
    SupplierTerms,
    announce_shipment,
    announced_units,
    arrive_shipment,
    audit_stock,
    cancel_purchase_order,
    cancel_shipment,
    close_purchase_order,
    draft_purchase_order,
    edit_purchase_order,
    place_purchase_order,
    remove_supplier_item,
    report_supplier_stock,
    reschedule_purchase_order,
    reserve,
    save_supplier,
    save_supplier_items,
)
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, IllegalTransition, NotFound
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent, Transition
from tests.factories import World, make_node, make_sku, make_world, stock
from tests.inventory.purchases import buckets, line_of, make_draft, make_placed, make_supplier, rows_of, state_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    OutboxEvent.objects.all().delete()
    return world


@pytest.fixture
def supplier() -> Supplier:
    return make_supplier()


def terms(world: World, supplier: Supplier) -> PurchaseTerms:
    return PurchaseTerms(supplier_id=supplier.pk, node_id=world.blr.pk)


def test_a_draft_expects_nothing_and_takes_its_prices_from_the_supplier(world: World, supplier: Supplier) -> None:
    save_supplier_items(supplier_id=supplier.pk, items=[ItemTerms(sku_id=world.kurta.pk, unit_cost_minor=41_000)])
    world.saree.cost_minor = 90_000
    world.saree.save()

    order = draft_purchase_order(
        terms=terms(world, supplier), actor="Meera",
        lines=[PurchaseLine(sku_id=world.kurta.pk, quantity=12), PurchaseLine(sku_id=world.saree.pk, quantity=3)],
    )  # fmt: skip

    assert (order.state, order.number, order.created_by) == ("draft", f"PO-{order.pk:06d}", "Meera")
    costs = PurchaseOrderLine.objects.order_by("pk").values_list("unit_cost_minor", "open_quantity")
    assert list(costs) == [(41_000, 12), (90_000, 3)]
    assert rows_of(order) == []
    assert buckets(world.kurta, world.blr) == (10, 0, 0)


def test_numbers_of_its_own_step_over_one_that_a_person_took(world: World, supplier: Supplier) -> None:
    first = make_draft(supplier, world.blr, (world.kurta, 1))
    taken = draft_purchase_order(
        terms=terms(world, supplier), lines=[PurchaseLine(sku_id=world.kurta.pk, quantity=1)], actor="Meera",
        number=f"PO-{first.pk + 2:06d}",
    )  # fmt: skip

    third = make_draft(supplier, world.blr, (world.kurta, 1))

    assert taken.number == f"PO-{first.pk + 2:06d}"
    assert third.number == f"PO-{first.pk + 3:06d}"


def test_a_number_is_given_once(world: World, supplier: Supplier) -> None:
    lines = [PurchaseLine(sku_id=world.kurta.pk, quantity=1)]
    draft_purchase_order(terms=terms(world, supplier), lines=lines, actor="Meera", number="4500/26")

    with pytest.raises(Conflict, match="4500/26 already"):
        draft_purchase_order(terms=terms(world, supplier), lines=lines, actor="Meera", number="4500/26")

    assert PurchaseOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"quantity": 0}, BadQuantity, "KURTA-M: 0 is not a quantity"),
        ({"quantity": 1, "unit_cost_minor": -1}, DomainError, "KURTA-M: -1 is not a cost"),
        ({"quantity": 1, "sku_id": 999_999}, NotFound, "no SKU 999999"),
    ],
)
def test_a_line_that_cannot_be_bought_is_named(
    world: World, supplier: Supplier, fields: dict[str, int], kind: type[DomainError], words: str
) -> None:
    line = replace(PurchaseLine(sku_id=world.kurta.pk, quantity=1), **fields)  # type: ignore[arg-type]

    with pytest.raises(kind, match=words):
        draft_purchase_order(terms=terms(world, supplier), lines=[line], actor="Meera")

    assert not PurchaseOrder.objects.exists()


def test_the_same_sku_twice_a_kit_no_line_and_a_suppliers_node_are_refused(world: World, supplier: Supplier) -> None:
    kit = make_sku("SET-1", is_kit=True)
    theirs = make_node("weaver-1", city="Surat", postcode="395003", kind=NodeKind.SUPPLIER)
    one = PurchaseLine(sku_id=world.kurta.pk, quantity=1)
    of_kit = PurchaseLine(sku_id=kit.pk, quantity=1)
    for lines, where, words in (
        ([one, one], world.blr, "two lines"), ([of_kit], world.blr, "components"), ([], world.blr, "1 to 1000 lines"),
        ([one], theirs, "reports itself"),
    ):  # fmt: skip
        with pytest.raises(DomainError, match=words):
            draft_purchase_order(
                terms=PurchaseTerms(supplier_id=supplier.pk, node_id=where.pk), lines=lines, actor="Meera"
            )


def test_a_draft_is_edited_until_it_is_placed_and_stale_pages_are_refused(world: World, supplier: Supplier) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 5))
    lines = [PurchaseLine(sku_id=world.saree.pk, quantity=7)]

    edited = edit_purchase_order(order_id=order.pk, version=1, terms=terms(world, supplier), lines=lines)

    assert edited.version == 2
    assert list(order.lines.values_list("sku__code", "quantity")) == [("SAREE-1", 7)]
    with pytest.raises(Conflict, match="you saw version 1, it is at 2"):
        edit_purchase_order(order_id=order.pk, version=1, terms=terms(world, supplier), lines=lines)
    place_purchase_order(order_id=order.pk, version=2, actor="Meera")
    with pytest.raises(Conflict, match="is placed"):
        edit_purchase_order(order_id=order.pk, version=3, terms=terms(world, supplier), lines=lines)


def test_placing_makes_every_unit_inbound_and_fills_in_the_lead_time(world: World, supplier: Supplier) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 100), (world.saree, 4))

    placed = place_purchase_order(order_id=order.pk, version=1, actor="Meera")

    assert rows_of(order) == [("supplier", "inbound", 100, "expected"), ("supplier", "inbound", 4, "expected")]
    assert buckets(world.kurta, world.blr) == (10, 0, 100)
    assert placed.expected_on == timezone.localdate() + timedelta(days=5)
    assert Transition.objects.filter(model="inventory.PurchaseOrder", actor="Meera").count() == 1
    # ATP did not change, but a channel may sell ahead of what is expected.
    assert [event.payload["reason"] for event in OutboxEvent.objects.all()] == ["inbound"]


def test_two_orders_of_the_same_goods_are_both_expected(world: World, supplier: Supplier) -> None:
    for _ in range(2):
        make_placed(supplier, world.blr, (world.kurta, 5))

    assert buckets(world.kurta, world.blr) == (10, 0, 10)
    assert audit_stock().differences == 0


def test_placing_twice_expects_it_once(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))

    with pytest.raises(IllegalTransition):
        place_purchase_order(order_id=order.pk, actor="Meera")

    assert buckets(world.kurta, world.blr) == (10, 0, 100)


def test_a_placing_that_dies_half_way_leaves_a_draft(world: World, supplier: Supplier) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 100))

    with (
        patch("inventory.services.purchasing.post", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
        transaction.atomic(),
    ):
        place_purchase_order(order_id=order.pk, version=1, actor="Meera")

    assert state_of(order) == "draft"
    assert PurchaseOrder.objects.get().version == 1
    assert buckets(world.kurta, world.blr) == (10, 0, 0)
    assert not Transition.objects.filter(model="inventory.PurchaseOrder").exists()


def test_nothing_is_bought_from_a_supplier_that_is_switched_off(world: World) -> None:
    order = make_draft(make_supplier(is_active=False), world.blr, (world.kurta, 1))

    with pytest.raises(DomainError, match="switched off"):
        place_purchase_order(order_id=order.pk, actor="Meera")


def test_cancelling_ends_the_expectation(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))

    cancelled = cancel_purchase_order(order_id=order.pk, version=2, reason="Too dear", actor="Meera")

    assert cancelled.state == "cancelled"
    assert rows_of(order)[1:] == [("inbound", "supplier", 100, "unexpected")]
    assert StockMovement.objects.latest("pk").note == "Too dear"
    assert line_of(order, world.kurta) == (0, 0, 0, 100, 0)
    assert buckets(world.kurta, world.blr) == (10, 0, 0)


def test_a_draft_that_is_cancelled_never_touches_the_ledger(world: World, supplier: Supplier) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 100))

    cancel_purchase_order(order_id=order.pk, reason="Typed twice", actor="Meera")

    assert (state_of(order), rows_of(order)) == ("cancelled", [])


def test_closing_short_ends_what_is_open_and_its_asns(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))
    shipment = announce_shipment(
        order_id=order.pk, lines=[AnnouncedLine(sku_id=world.kurta.pk, quantity=40)], actor="Meera"
    )

    close_purchase_order(order_id=order.pk, version=2, reason="Out of cloth", actor="Meera")

    assert state_of(order) == "closed"
    assert line_of(order, world.kurta) == (0, 0, 0, 100, 0)
    assert rows_of(order)[-1] == ("inbound", "supplier", 100, "unexpected")
    shipment.refresh_from_db()
    assert shipment.state == "cancelled"
    with pytest.raises(IllegalTransition):
        close_purchase_order(order_id=order.pk, reason="again", actor="Meera")


def test_dates_can_be_moved_while_something_is_expected(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 1))
    day = timezone.localdate() + timedelta(days=30)

    reschedule_purchase_order(order_id=order.pk, version=2, expected_on=day, reference="SO-9", note="By sea")

    order.refresh_from_db()
    assert (order.expected_on, order.reference, order.note, order.version) == (day, "SO-9", "By sea", 3)
    # What is None stays as it is.
    reschedule_purchase_order(order_id=order.pk, version=3, expected_on=day, reference=None, note="By road")
    reschedule_purchase_order(order_id=order.pk, version=4, expected_on=None, reference="SO-10", note=None)
    order.refresh_from_db()
    assert (order.expected_on, order.reference, order.note, order.version) == (None, "SO-10", "By road", 5)
    cancel_purchase_order(order_id=order.pk, reason="", actor="Meera")
    with pytest.raises(Conflict, match="nothing more of it is expected"):
        reschedule_purchase_order(order_id=order.pk, version=6, expected_on=day, reference="", note="")


def stock_news() -> list[dict[str, object]]:
    """What was announced of ATP since the last look."""
    rows = list(OutboxEvent.objects.filter(kind="inventory.StockChanged").order_by("pk"))
    OutboxEvent.objects.all().delete()
    return [row.payload for row in rows]


def test_what_is_sold_ahead_is_counted_anew_when_goods_are_expected_later_or_no_more(
    world: World, supplier: Supplier
) -> None:
    order = make_draft(supplier, world.blr, (world.kurta, 3), (world.saree, 2))
    PurchaseOrderLine.objects.filter(order=order, sku=world.saree).update(expected_on=timezone.localdate())
    day, kurta = timezone.localdate() + timedelta(days=30), {"sku_ids": [world.kurta.pk], "reason": "inbound"}
    both = {"sku_ids": sorted([world.kurta.pk, world.saree.pk]), "reason": "inbound"}
    stock_news()

    # Nothing is expected of a draft.
    reschedule_purchase_order(order_id=order.pk, version=1, expected_on=day, reference="", note="")
    assert stock_news() == []
    place_purchase_order(order_id=order.pk, version=2, actor="Meera")
    assert stock_news() == [both]
    # The saree has a day of its own, and the same day again is no news.
    reschedule_purchase_order(order_id=order.pk, version=3, expected_on=None, reference="", note="")
    assert stock_news() == [kurta]
    reschedule_purchase_order(order_id=order.pk, version=4, expected_on=None, reference="SO-9", note="")
    assert stock_news() == []
    close_purchase_order(order_id=order.pk, version=5, reason="Out of cloth", actor="Meera")
    assert stock_news() == [both]


# -- ASNs --------------------------------------------------------------------------------------------------------------


def announce(order: PurchaseOrder, world: World, units: int, number: str = "") -> InboundShipment:
    return announce_shipment(
        order_id=order.pk, number=number, lines=[AnnouncedLine(sku_id=world.kurta.pk, quantity=units)], actor="Meera"
    )


def test_asns_share_out_what_is_open(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 100))

    first, second = announce(order, world, 60), announce(order, world, 40, "ASN-7")

    assert (first.number, second.number) == (f"{order.number}-1", "ASN-7")
    assert sum(announced_units(order.pk).values()) == 100
    with pytest.raises(DomainError, match="KURTA-M: 1 announced, but 0 are open of 100"):
        announce(order, world, 1)
    cancel_shipment(shipment_id=first.pk, reason="Truck broke down", actor="Meera")
    assert announce(order, world, 60).number == f"{order.number}-3"


def test_an_asn_needs_a_placed_order_its_skus_and_a_new_number(world: World, supplier: Supplier) -> None:
    draft, order = make_draft(supplier, world.blr, (world.kurta, 5)), make_placed(supplier, world.blr, (world.kurta, 5))
    announce(order, world, 1, "ASN-7")
    with pytest.raises(Conflict, match="nothing of it can be on its way"):
        announce(draft, world, 1)
    with pytest.raises(Conflict, match="ASN-7 already"):
        announce(order, world, 1, "ASN-7")
    with pytest.raises(DomainError, match="is not on"):
        announce_shipment(
            order_id=order.pk, lines=[AnnouncedLine(sku_id=world.saree.pk, quantity=1)], actor="Meera"
        )  # fmt: skip
    assert InboundShipment.objects.count() == 1


def test_an_asn_arrives_once(world: World, supplier: Supplier) -> None:
    shipment = announce(make_placed(supplier, world.blr, (world.kurta, 5)), world, 5)

    arrive_shipment(shipment_id=shipment.pk, actor="Ravi")

    shipment.refresh_from_db()
    assert shipment.state == "arrived"
    assert shipment.arrived_at is not None
    with pytest.raises(IllegalTransition):
        arrive_shipment(shipment_id=shipment.pk, actor="Ravi")


# -- suppliers ---------------------------------------------------------------------------------------------------------


def test_a_supplier_is_made_and_changed_and_its_code_is_its_own(world: World) -> None:
    made = save_supplier(terms=SupplierTerms(code="mill", name="Mill"))
    save_supplier(terms=SupplierTerms(code="mill", name="The Mill", lead_days=12), supplier_id=made.pk)

    made.refresh_from_db()
    assert (made.name, made.lead_days) == ("The Mill", 12)
    for bad, words in (
        (SupplierTerms(code="mill", name="Other"), "taken"),
        (SupplierTerms(code="x", name="X", lead_days=800), "0 to 730"),
        (SupplierTerms(code="x", name="X", currency="rs"), "three letters"),
        (SupplierTerms(code="x", name="X", node_id=world.blr.pk), "kind Supplier"),
    ):
        with pytest.raises(DomainError, match=words):
            save_supplier(terms=bad)


def test_one_supplier_is_preferred_for_a_sku(world: World, supplier: Supplier) -> None:
    other = make_supplier("mill")
    for each in (supplier, other):
        save_supplier_items(supplier_id=each.pk, items=[ItemTerms(sku_id=world.kurta.pk, is_preferred=True)])

    assert list(SupplierItem.objects.filter(is_preferred=True).values_list("supplier__code", flat=True)) == ["mill"]
    save_supplier_items(supplier_id=other.pk, items=[ItemTerms(sku_id=world.kurta.pk, pack_size=12)])
    assert SupplierItem.objects.get(supplier=other).pack_size == 12
    assert remove_supplier_item(supplier_id=other.pk, sku_id=world.kurta.pk)
    assert not remove_supplier_item(supplier_id=other.pk, sku_id=world.kurta.pk)


@pytest.fixture
def dropship(supplier: Supplier) -> Node:
    node = make_node("weaver-1", city="Surat", postcode="395003", kind=NodeKind.SUPPLIER)
    supplier.node = node
    supplier.save()
    return node


def test_reported_stock_becomes_on_hand_but_never_less_than_is_reserved(world: World, dropship: Node) -> None:
    stock(world.kurta, dropship, 10)
    stock(world.saree, dropship, 4)
    run_atomic(lambda: reserve([Claim(uuid7(), uuid7(), 1, "OM-1", world.kurta.pk, dropship.pk, 6)], actor="test"))
    tracked = make_sku("PHONE", tracking=Tracking.SERIAL)
    OutboxEvent.objects.all().delete()
    rows = [SupplierStockRow(world.kurta.pk, 2), SupplierStockRow(world.saree.pk, 9),
            SupplierStockRow(world.shoe.pk, 0), SupplierStockRow(tracked.pk, 3)]  # fmt: skip

    results = report_supplier_stock(node_id=dropship.pk, rows=rows, op_key="feed-1", actor="API Weaver")

    found = {row.sku_id: (row.reported, row.before, row.after, row.short, bool(row.problem)) for row in results}
    assert found == {
        world.kurta.pk: (2, 10, 6, 4, False), world.saree.pk: (9, 4, 9, 0, False), world.shoe.pk: (0, 0, 0, 0, False),
        tracked.pk: (3, 0, 0, 0, True),
    }  # fmt: skip
    ledger = StockMovement.objects.filter(op_key="feed-1").order_by("leg")
    assert list(ledger.values_list("from_bucket", "to_bucket", "quantity", "reason")) == [
        ("on_hand", "supplier", 4, "feed"), ("supplier", "on_hand", 5, "feed"),
    ]  # fmt: skip
    kinds = sorted(event.kind.split(".")[1] for event in OutboxEvent.objects.all())
    assert kinds == ["StockArrived", "StockChanged", "StockChanged"]


def test_the_same_report_twice_changes_stock_once(world: World, dropship: Node) -> None:
    for _ in range(2):
        report_supplier_stock(
            node_id=dropship.pk, rows=[SupplierStockRow(world.kurta.pk, 8)], op_key="feed-1", actor="API"
        )
        stock(world.kurta, dropship, 5)

    assert StockLevel.objects.get(sku=world.kurta, node=dropship).on_hand == 5


def test_only_a_suppliers_node_is_reported(world: World) -> None:
    with pytest.raises(DomainError, match="counted, not reported"):
        report_supplier_stock(
            node_id=world.blr.pk, rows=[SupplierStockRow(world.kurta.pk, 8)], op_key="f", actor="API"
        )  # fmt: skip


def test_a_report_that_contradicts_itself_is_refused(world: World, dropship: Node) -> None:
    for rows, words in (
        ([SupplierStockRow(world.kurta.pk, 1), SupplierStockRow(world.kurta.pk, 2)], "reported twice"),
        ([SupplierStockRow(world.kurta.pk, -1)], "Row 1: -1"), ([], "1 to 20000 rows"),
    ):  # fmt: skip
        with pytest.raises(DomainError, match=words):
            report_supplier_stock(node_id=dropship.pk, rows=rows, op_key="f", actor="API")
