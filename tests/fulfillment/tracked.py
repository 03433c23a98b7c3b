"""SKUs that are kept by lot or serial number, with stock, for tests."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

from django.db.models import F, QuerySet

from fulfillment.models import FulfillmentLine, FulfillmentOrder, PickedUnit, Shipment
from fulfillment.services import accept, book_shipment, hand_over, pack, pick, pick_all
from inventory.models import Bucket, Lot, LotLevel, Node, SerialNumber, Sku, StockMovement, Tracking
from inventory.selectors.audit import Compared, iter_differences
from inventory.services import Posting, post
from oms.core.clock import now
from oms.reporting.stock_audit import ORDER_CHECKS
from tests.factories import World, make_line, make_sku
from tests.fulfillment.floor import make_work


def today() -> date:
    """The day at the nodes of the test world."""
    return (now() + timedelta(hours=5, minutes=30)).date()


def make_lot_sku(code: str = "SERUM-30", *, shelf_life_days: int = 0) -> Sku:
    """A SKU that is kept by lot, with so many days that must be left when it is sold."""
    return make_sku(code, tracking=Tracking.LOT, shelf_life_days=shelf_life_days)


def make_serial_sku(code: str = "PHONE-1") -> Sku:
    """A SKU that is kept by serial number."""
    return make_sku(code, tracking=Tracking.SERIAL)


def put_lot(sku: Sku, node: Node, code: str, units: int, *, days: int | None = 90, blocked: bool = False) -> Lot:
    """So many units of a lot on hand; it expires in so many days."""
    expires_on = today() + timedelta(days=days) if days is not None else None
    lot, _ = Lot.objects.get_or_create(sku=sku, code=code, defaults={"expires_on": expires_on, "is_blocked": blocked})
    post([
        Posting(op_key=f"test/{uuid4()}", sku_id=sku.pk, node_id=node.pk, from_bucket=Bucket.SUPPLIER,
                to_bucket=Bucket.ON_HAND, quantity=units, lot_id=lot.pk, reason="receipt")
    ])  # fmt: skip
    return lot


def put_serials(sku: Sku, node: Node, *numbers: str) -> list[SerialNumber]:
    """Units with these numbers on hand."""
    rows = [SerialNumber.objects.create(sku=sku, number=number) for number in numbers]
    post([
        Posting(op_key=f"test/{uuid4()}", sku_id=sku.pk, node_id=node.pk, from_bucket=Bucket.SUPPLIER,
                to_bucket=Bucket.ON_HAND, quantity=1, serial_id=row.pk, reason="receipt")
        for row in rows
    ])  # fmt: skip
    return rows


def lots_at(sku: Sku, node: Node) -> dict[str, dict[str, int]]:
    """The balances of each lot that are not zero."""
    names = ("on_hand", "packed", "damaged", "quarantine")
    rows = LotLevel.objects.filter(lot__sku=sku, node=node).select_related("lot").order_by("lot__code")
    found = {row.lot.code: {name: getattr(row, name) for name in names if getattr(row, name)} for row in rows}
    return {code: balances for code, balances in found.items() if balances}


def places(sku: Sku) -> dict[str, str]:
    """The bucket of each serial number."""
    return dict(SerialNumber.objects.filter(sku=sku).order_by("number").values_list("number", "bucket"))


def in_totes() -> dict[str, int]:
    """Units that lie in totes, by lot or serial number."""
    return _named(PickedUnit.objects.filter(item__isnull=True))


def in_parcel(shipment_id: int) -> dict[str, int]:
    """What a parcel holds, by lot or serial number."""
    return _named(PickedUnit.objects.filter(item__shipment=shipment_id))


def _named(rows: QuerySet[PickedUnit]) -> dict[str, int]:
    return {str(row.lot or row.serial): row.quantity for row in rows.select_related("lot", "serial").order_by("pk")}


def postings(sku: Sku, *reasons: str) -> list[tuple[str, str, int, str]]:
    """From, to, units and lot or serial number of the ledger's rows with these reasons, in order."""
    rows = StockMovement.objects.filter(sku=sku, reason__in=reasons).order_by("pk")
    return [
        (row["from_bucket"], row["to_bucket"], row["quantity"], row["lot_code"] or row["number"] or "")
        for row in rows.values("from_bucket", "to_bucket", "quantity", lot_code=F("lot__code"),
                               number=F("serial__number"))
    ]  # fmt: skip


def work_for(world: World, sku: Sku, quantity: int, number: str = "1") -> FulfillmentOrder:
    """Accepted work for so many units."""
    work = make_work(world, number, make_line(sku, quantity))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    return work


def line_of(work: FulfillmentOrder) -> FulfillmentLine:
    """The only line."""
    return work.lines.get()


def nothing_differs() -> bool:
    """The auditor finds every stored number as the rows say."""
    return list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


def sent_parcel(world: World, lots: Sku) -> Shipment:
    """A parcel on the road with three units of a SKU kept by lot and one of two phones."""
    phone = make_serial_sku()
    put_serials(phone, world.blr, "IMEI-1", "IMEI-2")
    work = make_work(world, "1", make_line(lots, 3), make_line(phone))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    [made] = pack(fulfillment_order_id=work.pk, actor="Asha")
    book_shipment(made.pk)
    hand_over(shipment_ids=[made.pk], actor="dock")
    return Shipment.objects.get(pk=made.pk)
