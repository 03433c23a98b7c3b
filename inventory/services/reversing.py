"""Taking a receipt back: another receipt with the same quantities the other way round, while the units are free."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.errors import NotEnoughStock
from inventory.locks import (
    lock_inbound_shipment_lines,
    lock_inbound_shipments,
    lock_levels,
    lock_purchase_order,
    lock_purchase_order_lines,
    lock_receipt_key,
)
from inventory.models import (
    Bucket,
    InboundShipment,
    InboundShipmentLine,
    InboundShipmentState,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderState,
    Receipt,
    ReceiptLine,
    SerialNumber,
    StockMovementReason,
    Tracking,
)
from inventory.services.posting import Posting, post
from inventory.services.purchasing import follow_lines
from inventory.services.receiving import GoodsReceived
from inventory.services.stock import announce
from inventory.states import INBOUND_SHIPMENT
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound
from oms.core.states import advance


def reverse_receipt(*, receipt_id: int, reason: str, actor: str) -> GoodsReceived:
    """Take a receipt back: units of an order that is still open become inbound again, others go to the supplier.

    Doing it twice changes nothing. Raises NotEnoughStock where units of it are reserved, sold or moved by now,
    SerialElsewhere where a serial number is, and Conflict for a receipt that takes back another one.
    """

    def work() -> GoodsReceived:
        lock_receipt_key(f"reverse/{receipt_id}")
        receipt = Receipt.objects.select_related("node").filter(pk=receipt_id).first()
        if receipt is None:
            raise NotFound(f"There is no receipt {receipt_id}.")
        known = Receipt.objects.filter(reverses=receipt).first()
        if known is not None:
            return GoodsReceived(known, is_new=False)
        if receipt.reverses_id is not None:
            raise Conflict("This receipt takes back another one. Receive the goods again instead.")
        order = lock_purchase_order(receipt.order_id) if receipt.order_id else None
        order_lines = lock_purchase_order_lines(order.pk) if order else []
        shipments = lock_inbound_shipments(order.pk) if order else []
        lines = list(ReceiptLine.objects.filter(receipt=receipt).select_related("sku").order_by("pk"))
        _refuse_taken(receipt, lines)
        post(_postings(receipt, order, lines, reason, actor))
        back = _write(receipt, lines, reason, actor)
        if order is not None:
            _count_order(order, order_lines, lines, actor)
            _count_shipment(next((row for row in shipments if row.pk == receipt.shipment_id), None), lines, actor)
        announce([line.sku_id for line in lines], reason="receipt_reversed")
        return GoodsReceived(back, is_new=True)

    return run_atomic(work)


def over_parts(line: ReceiptLine) -> tuple[int, int]:
    """Good and damaged units of a line that were not ordered: the damaged ones come first among them. Pure."""
    damaged = min(line.damaged_quantity, line.over_quantity)
    return line.over_quantity - damaged, damaged


def _refuse_taken(receipt: Receipt, lines: Sequence[ReceiptLine]) -> None:
    """Raises NotEnoughStock where fewer units are free than came, naming the SKU."""
    levels = lock_levels((line.sku_id, receipt.node_id) for line in lines)
    good: dict[int, int] = {}
    damaged: dict[int, int] = {}
    for line in lines:
        good[line.sku_id] = good.get(line.sku_id, 0) + line.good_quantity
        damaged[line.sku_id] = damaged.get(line.sku_id, 0) + line.damaged_quantity
    for line in lines:
        level = levels[line.sku_id, receipt.node_id]
        free = level.on_hand - level.reserved
        if good[line.sku_id] > free:
            raise NotEnoughStock(
                f"{line.sku.code} at {receipt.node}: {good[line.sku_id]} good units came, but only {free} are free now "
                f"({level.on_hand} on hand, {level.reserved} reserved).", sku=line.sku.code, free=free,
            )  # fmt: skip
        if damaged[line.sku_id] > level.damaged:
            raise NotEnoughStock(
                f"{line.sku.code} at {receipt.node}: {damaged[line.sku_id]} damaged units came, but only "
                f"{level.damaged} are in the damaged bucket now.", sku=line.sku.code, damaged=level.damaged,
            )  # fmt: skip


def _postings(
    receipt: Receipt, order: PurchaseOrder | None, lines: Sequence[ReceiptLine], reason: str, actor: str
) -> list[Posting]:
    """Each unit leaves the way it came; what an open order still expects is expected again."""
    is_open = order is not None and order.state != PurchaseOrderState.CLOSED
    serials = _serial_ids(lines)
    rows: list[Posting] = []

    def add(line: ReceiptLine, source: str, target: str, quantity: int, serial_id: int | None = None) -> None:
        physical = source in (Bucket.ON_HAND, Bucket.DAMAGED)
        if quantity:
            rows.append(
                Posting(
                    op_key=f"reverse-receipt/{receipt.pk}", leg=len(rows) + 1, sku_id=line.sku_id,
                    node_id=receipt.node_id, from_bucket=source, to_bucket=target, quantity=quantity,
                    reason=StockMovementReason.CORRECTION, note=reason[:200], actor=actor[:120],
                    reference=(order.number if order else receipt.reference)[:80],
                    lot_id=line.lot_id if physical else None, serial_id=serial_id,
                    unit_cost_minor=line.unit_cost_minor if physical else None,
                )
            )  # fmt: skip

    for line in lines:
        over_good, over_damaged = over_parts(line)
        expected = line.good_quantity + line.damaged_quantity - line.over_quantity
        again = is_open and line.order_line_id is not None
        if line.sku.tracking == Tracking.SERIAL:
            for bucket, texts in ((Bucket.ON_HAND, line.serials), (Bucket.DAMAGED, line.damaged_serials)):
                for text in texts:
                    add(line, bucket, Bucket.SUPPLIER, 1, serials[line.sku_id, text])
            if again:
                add(line, Bucket.SUPPLIER, Bucket.INBOUND, expected)
            continue
        target = Bucket.INBOUND if again else Bucket.SUPPLIER
        add(line, Bucket.ON_HAND, target, line.good_quantity - over_good)
        add(line, Bucket.DAMAGED, target, line.damaged_quantity - over_damaged)
        add(line, Bucket.ON_HAND, Bucket.SUPPLIER, over_good)
        add(line, Bucket.DAMAGED, Bucket.SUPPLIER, over_damaged)
    return rows


def _serial_ids(lines: Sequence[ReceiptLine]) -> dict[tuple[int, str], int]:
    numbers = [text for line in lines for text in (*line.serials, *line.damaged_serials)]
    if not numbers:
        return {}
    rows = SerialNumber.objects.filter(sku__in={line.sku_id for line in lines}, number__in=numbers)
    return {(sku_id, number): pk for sku_id, number, pk in rows.values_list("sku_id", "number", "pk")}


def _write(receipt: Receipt, lines: Sequence[ReceiptLine], reason: str, actor: str) -> Receipt:
    back = Receipt.objects.create(
        op_key=f"reverse-receipt/{receipt.pk}", node=receipt.node, order_id=receipt.order_id,
        shipment_id=receipt.shipment_id, reverses=receipt, reference=receipt.reference, note=reason.strip()[:200],
        actor=actor[:120],
    )  # fmt: skip
    ReceiptLine.objects.bulk_create(
        ReceiptLine(
            receipt=back, order_line_id=line.order_line_id, sku_id=line.sku_id, lot_id=line.lot_id,
            good_quantity=line.good_quantity, damaged_quantity=line.damaged_quantity, over_quantity=line.over_quantity,
            serials=line.serials, damaged_serials=line.damaged_serials, unit_cost_minor=line.unit_cost_minor,
        )
        for line in lines
    )  # fmt: skip
    return back


def _count_order(
    order: PurchaseOrder, order_lines: Sequence[PurchaseOrderLine], lines: Sequence[ReceiptLine], actor: str
) -> None:
    """What came is open again; on an order that was closed short it counts as short."""
    by_id = {line.pk: line for line in order_lines}
    is_closed = order.state == PurchaseOrderState.CLOSED
    for line in lines:
        row = by_id.get(line.order_line_id or 0)
        if row is None:
            continue
        over_good, over_damaged = over_parts(line)
        good, damaged = line.good_quantity - over_good, line.damaged_quantity - over_damaged
        row.received_quantity -= good
        row.damaged_quantity -= damaged
        row.over_quantity -= line.over_quantity
        row.open_quantity += 0 if is_closed else good + damaged
        row.short_quantity += good + damaged if is_closed else 0
    PurchaseOrderLine.objects.bulk_update(
        order_lines, ["open_quantity", "received_quantity", "damaged_quantity", "short_quantity", "over_quantity"]
    )
    follow_lines(order, order_lines, actor, "A receipt was taken back")


def _count_shipment(shipment: InboundShipment | None, lines: Sequence[ReceiptLine], actor: str) -> None:
    """Count the units out of the ASN again, from its last line of a SKU back; one that was received is at the dock."""
    if shipment is None:
        return
    rows = lock_inbound_shipment_lines(shipment.pk)
    for line in lines:
        left = line.good_quantity + line.damaged_quantity
        for row in [row for row in reversed(rows) if row.order_line_id == line.order_line_id]:
            part = min(left, row.received_quantity)
            row.received_quantity -= part
            left -= part
    InboundShipmentLine.objects.bulk_update(rows, ["received_quantity"])
    if shipment.state == InboundShipmentState.RECEIVED:
        advance(
            shipment, InboundShipmentState.ARRIVED, using=INBOUND_SHIPMENT, actor=actor,
            reason="A receipt was taken back",
        )  # fmt: skip
