"""The only place where rows of the stock room are locked, always in key order."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from inventory.models import (
    BufferRule,
    CarriedGoods,
    CountItem,
    CountSession,
    InboundShipment,
    InboundShipmentLine,
    Lot,
    Node,
    PurchaseOrder,
    PurchaseOrderLine,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    Reservation,
    ReservationState,
    Sku,
    StockAdjustment,
    StockCount,
    StockDifference,
    StockLevel,
    Supplier,
    Transfer,
    TransferLine,
)
from inventory.selectors.buffers import BY_HAND, REMOVED
from oms.core.db import bigints, fetch_all
from oms.core.errors import NotFound

OPEN_STATES = (ReservationState.SOFT, ReservationState.HARD)


def lock_open_reservations(keys: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], list[Reservation]]:
    """The open reservations of each (line uid, node id), locked in id order."""
    wanted = set(keys)
    rows = (
        Reservation.objects.select_for_update(no_key=True)
        .filter(line_uid__in={key[0] for key in wanted}, state__in=OPEN_STATES)
        .order_by("pk")
    )
    found: dict[tuple[UUID, int], list[Reservation]] = {}
    for row in rows:
        if (row.line_uid, row.node_id) in wanted:
            found.setdefault((row.line_uid, row.node_id), []).append(row)
    return found


def lock_level(sku_id: int, node_id: int) -> StockLevel | None:
    """One stock level, locked; None where the node never had the SKU."""
    return StockLevel.objects.select_for_update(no_key=True).filter(sku_id=sku_id, node_id=node_id).first()


def lock_levels(keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], StockLevel]:
    """The stock levels of (sku id, node id), locked in key order; those that do not exist are left out."""
    wanted = set(keys)
    rows = (
        StockLevel.objects.select_for_update(no_key=True)
        .filter(sku_id__in={key[0] for key in wanted}, node_id__in={key[1] for key in wanted})
        .order_by("sku_id", "node_id")
    )
    return {(row.sku_id, row.node_id): row for row in rows if (row.sku_id, row.node_id) in wanted}


def lock_buffer_rules(*, ids: Iterable[int] | None = None, by_hand: bool | None = None) -> list[BufferRule]:
    """Buffer rules that were not removed, locked in order of priority: these, or those set or not set by hand."""
    rows = BufferRule.objects.select_for_update(no_key=True).exclude(note=REMOVED, is_active=False)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    if by_hand is not None:
        rows = rows.filter(BY_HAND) if by_hand else rows.exclude(BY_HAND)
    return list(rows.order_by("priority", "pk"))


def lock_node(node_id: int) -> Node:
    """One node, locked. Raises NotFound."""
    node = Node.objects.select_for_update(no_key=True).filter(pk=node_id).first()
    if node is None:
        raise NotFound(f"There is no node {node_id}.")
    return node


def lock_skus(ids: Iterable[int]) -> dict[int, Sku]:
    """These SKUs by id, locked in id order; those that do not exist are left out."""
    rows = Sku.objects.select_for_update(no_key=True).filter(pk__in=set(ids)).order_by("pk")
    return {row.pk: row for row in rows}


def lock_new_kit(sku_id: int) -> None:
    """Keep a SKU that becomes a kit, and its stock levels, to this transaction. Lock it with `lock_skus` first.

    Until it ends nobody can post units of it, or write a line of goods that are to come.
    """
    list(Sku.objects.select_for_update().filter(pk=sku_id).values_list("pk"))
    list(StockLevel.objects.select_for_update(no_key=True).filter(sku_id=sku_id).order_by("node_id").values_list("pk"))


def keep_skus(ids: Iterable[int]) -> dict[int, Sku]:
    """These SKUs by id, none of which becomes a kit before the transaction ends; missing ones are left out."""
    wanted = sorted(set(ids))
    fetch_all("SELECT id FROM inventory_sku WHERE id = ANY(%s::bigint[]) ORDER BY id FOR KEY SHARE", [bigints(wanted)])
    # Read in a statement of its own: the lock may have waited for somebody who changed the row.
    return Sku.objects.in_bulk(wanted)


def lock_lot(lot_id: int) -> Lot:
    """One lot, locked, with its SKU. Raises NotFound."""
    rows = Lot.objects.select_for_update(no_key=True, of=("self",)).select_related("sku")
    found = rows.filter(pk=lot_id).first()
    if found is None:
        raise NotFound(f"There is no lot {lot_id}.")
    return found


def lock_transfer(transfer_id: int) -> Transfer:
    """One transfer, locked, with its nodes. Raises NotFound."""
    rows = Transfer.objects.select_for_update(no_key=True, of=("self",)).select_related("from_node", "to_node")
    found = rows.filter(pk=transfer_id).first()
    if found is None:
        raise NotFound(f"There is no transfer {transfer_id}.")
    return found


def lock_transfer_lines(transfer_id: int) -> list[TransferLine]:
    """The lines of a transfer with their SKUs, locked in id order. Lock the transfer first."""
    rows = TransferLine.objects.select_for_update(no_key=True, of=("self",)).select_related("sku")
    return list(rows.filter(transfer_id=transfer_id).order_by("pk"))


def lock_carried(keys: Iterable[str]) -> list[CarriedGoods]:
    """Goods that are carried for orders, by the keys of their parcels' items, with their SKUs; in id order."""
    rows = CarriedGoods.objects.select_for_update(of=("self",), no_key=True).filter(key__in=list(keys))
    return list(rows.select_related("sku").order_by("pk"))


def lock_adjustment(adjustment_id: int) -> StockAdjustment:
    """One adjustment, locked, with its SKU and node. Raises NotFound."""
    rows = StockAdjustment.objects.select_for_update(no_key=True, of=("self",)).select_related("sku", "node", "lot")
    found = rows.filter(pk=adjustment_id).first()
    if found is None:
        raise NotFound(f"There is no adjustment {adjustment_id}.")
    return found


def lock_difference(difference_id: int) -> StockDifference:
    """One difference that the auditor found, locked. Raises NotFound."""
    row = StockDifference.objects.select_for_update(no_key=True).filter(pk=difference_id).first()
    if row is None:
        raise NotFound(f"There is no difference {difference_id}.")
    return row


def lock_purchase_order(order_id: int) -> PurchaseOrder:
    """One purchase order, locked, with its supplier and node. Raises NotFound."""
    rows = PurchaseOrder.objects.select_for_update(no_key=True, of=("self",)).select_related("supplier", "node")
    found = rows.filter(pk=order_id).first()
    if found is None:
        raise NotFound(f"There is no purchase order {order_id}.")
    return found


def lock_purchase_order_lines(order_id: int) -> list[PurchaseOrderLine]:
    """The lines of a purchase order with their SKUs, locked in id order. Lock the order first."""
    rows = PurchaseOrderLine.objects.select_for_update(no_key=True, of=("self",)).select_related("sku")
    return list(rows.filter(order_id=order_id).order_by("pk"))


def lock_inbound_shipments(order_id: int) -> list[InboundShipment]:
    """Every ASN of a purchase order, locked in id order. Lock the order first."""
    return list(InboundShipment.objects.select_for_update(no_key=True).filter(order_id=order_id).order_by("pk"))


def lock_inbound_shipment_lines(shipment_id: int) -> list[InboundShipmentLine]:
    """The lines of an ASN, locked in id order. Lock its order first."""
    rows = InboundShipmentLine.objects.select_for_update(no_key=True)
    return list(rows.filter(shipment_id=shipment_id).order_by("pk"))


def lock_purchase_orders_named(supplier_codes: Iterable[str], references: Iterable[str]) -> None:
    """Hold every purchase order of one of these suppliers with one of these references, locked in id order."""
    rows = PurchaseOrder.objects.select_for_update(no_key=True, of=("self",))
    rows = rows.filter(supplier__code__in=set(supplier_codes), reference__in=set(references))
    list(rows.order_by("pk"))


def lock_receipt_key(op_key: str) -> None:
    """Hold the key of a receipt until the transaction ends: of two with the same key the second sees the first's."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))::text", [f"receipt/{op_key}"])


def lock_count(uid: UUID) -> StockCount:
    """One count, locked, with its node. Raises NotFound."""
    rows = StockCount.objects.select_for_update(no_key=True, of=("self",)).select_related("node")
    found = rows.filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such count.")
    return found


def lock_count_session(uid: UUID) -> CountSession:
    """One session of a count, locked, with its count. Raises NotFound."""
    rows = CountSession.objects.select_for_update(no_key=True, of=("self",)).select_related("count__node")
    found = rows.filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such counting.")
    return found


def lock_count_items(count_id: int, item_ids: Iterable[int] | None = None) -> list[CountItem]:
    """Items of a count with their SKUs, all or these, locked in id order. Lock the count first."""
    rows = CountItem.objects.select_for_update(no_key=True, of=("self",)).select_related("sku").filter(count=count_id)
    if item_ids is not None:
        rows = rows.filter(pk__in=list(item_ids))
    return list(rows.order_by("pk"))


def lock_supplier(supplier_id: int) -> Supplier:
    """One supplier, locked. Raises NotFound."""
    found = Supplier.objects.select_for_update(no_key=True).filter(pk=supplier_id).first()
    if found is None:
        raise NotFound(f"There is no supplier {supplier_id}.")
    return found


def lock_replenishment() -> None:
    """Hold the suggestions as a whole until the transaction ends: who works them out and who decides take turns.

    A run that began before a draft was committed would not see it, and suggest the same again.
    """
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended('replenishment', 0))::text")


def lock_suggestions(ids: Iterable[int]) -> list[ReplenishmentSuggestion]:
    """Suggestions with their SKUs, nodes and suppliers, locked in id order. Lock the replenishment first."""
    rows = ReplenishmentSuggestion.objects.select_for_update(no_key=True, of=("self",))
    rows = rows.select_related("sku", "node", "supplier", "from_node", "purchase_order", "transfer")
    return list(rows.filter(pk__in=list(ids)).order_by("pk"))


def lock_replenishment_rule(rule_id: int) -> ReplenishmentRule:
    """One rule of replenishment, locked. Raises NotFound."""
    found = ReplenishmentRule.objects.select_for_update(no_key=True).filter(pk=rule_id).first()
    if found is None:
        raise NotFound(f"There is no replenishment rule {rule_id}.")
    return found
