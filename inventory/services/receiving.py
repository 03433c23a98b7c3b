"""Receiving goods, with or without a purchase order. One key is one receipt; what was received is never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from inventory.errors import BadQuantity, TooManyUnits
from inventory.locks import (
    lock_inbound_shipment_lines,
    lock_inbound_shipments,
    lock_purchase_order,
    lock_purchase_order_lines,
    lock_receipt_key,
)
from inventory.models import (
    Bucket,
    InboundShipment,
    InboundShipmentLine,
    InboundShipmentState,
    Node,
    PostedOperation,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderState,
    Receipt,
    ReceiptLine,
    Sku,
    StockMovementReason,
    Tracking,
)
from inventory.services.named_units import NamedUnits, ReceiptItem, name_units
from inventory.services.posting import Posting, post
from inventory.services.purchasing import cost_of, follow_lines
from inventory.services.stock import StockLine, announce
from inventory.states import INBOUND_SHIPMENT
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.states import advance
from oms.core.values import MAX_MINOR, MAX_QUANTITY

#: Items of one receipt, and serial numbers of all of them: each is a posting, and their parts are counted in 16 bits.
MOST_ITEMS, MOST_SERIALS = 1000, 20_000
#: States in which goods of an order may come: also after all of it came, as surplus.
RECEIVABLE = (PurchaseOrderState.PLACED, PurchaseOrderState.PARTIAL, PurchaseOrderState.RECEIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the goods belong to: a purchase order, one of its ASNs, or neither. `finish` ends the ASN: no more comes.

    Surplus above what the settings allow is refused unless `accept_over`.
    """

    order_id: int | None = None
    shipment_id: int | None = None
    accept_over: bool = False
    finish: bool = False


@dataclass(slots=True)
class Share:
    """How the units of an item divide: those that were open on the order's line, and the surplus."""

    item: ReceiptItem
    line: PurchaseOrderLine | None
    good: int = 0
    damaged: int = 0

    @property
    def over_good(self) -> int:
        """Good units that were not ordered."""
        return self.item.good - self.good

    @property
    def over_damaged(self) -> int:
        """Damaged units that were not ordered."""
        return self.item.damaged - self.damaged

    @property
    def over(self) -> int:
        """Units that were not ordered."""
        return self.over_good + self.over_damaged


@dataclass(frozen=True, slots=True)
class GoodsReceived:
    """A receipt, and whether it is new: the same key again gives the first one."""

    receipt: Receipt
    is_new: bool


@dataclass(slots=True)
class _Papers:
    """The locked documents of a receipt."""

    order: PurchaseOrder | None = None
    lines: list[PurchaseOrderLine] | None = None
    shipment: InboundShipment | None = None
    shipment_lines: list[InboundShipmentLine] | None = None


def receive_goods(
    *, node_id: int, items: Sequence[ReceiptItem], op_key: str, actor: str, source: Source | None = None,
    reference: str = "", note: str = "",
) -> GoodsReceived:  # fmt: skip
    """Goods come: good units on hand, damaged ones into the damaged bucket, of an order first what is open of it.

    The same `op_key` again changes nothing. Raises TooManyUnits for more surplus than allowed, and what `name_units`
    raises for lots and serial numbers; nothing is written then.
    """
    source = source or Source()

    def work() -> GoodsReceived:
        lock_receipt_key(op_key)
        known = Receipt.objects.filter(op_key=op_key).first()
        if known is not None:
            return GoodsReceived(known, is_new=False)
        node = Node.objects.filter(pk=node_id).first()
        if node is None:
            raise NotFound(f"There is no node {node_id}.", field="node")
        papers = _papers(node, source)
        skus = _checked(items)
        shares = share_units(items, papers.lines)
        _refuse_surplus(shares, skus, papers, accept_over=source.accept_over)
        named = name_units(items, skus, node.today())
        _cost(shares, papers.order)
        receipt = _write(node, papers, shares, named, skus, op_key, actor, reference, note)
        if papers.shipment is not None:
            _count_shipment(papers, shares, actor, finish=source.finish)
        grew = [share.item.sku_id for share in shares if share.item.good]
        announce(grew, reason="receipt", grew_at=node.pk)
        return GoodsReceived(receipt, is_new=True)

    return run_atomic(work)


def receive(*, node_id: int, lines: Sequence[StockLine], op_key: str, reference: str, actor: str) -> int:
    """Goods without a purchase order come on hand; the units received, 0 where `op_key` was received before."""
    if PostedOperation.objects.filter(op_key=op_key).exists():
        return 0
    items = [ReceiptItem(sku_id=line.sku_id, good=line.quantity) for line in lines]
    done = receive_goods(node_id=node_id, items=items, op_key=op_key, reference=reference, actor=actor)
    return sum(item.good for item in items) if done.is_new else 0


def share_units(items: Sequence[ReceiptItem], lines: Sequence[PurchaseOrderLine] | None) -> list[Share]:
    """Divide the items between what is open on the order and surplus: good units are taken for the ordered ones first.

    Without an order nothing is surplus, since nothing was ordered. Pure.
    """
    by_sku = {line.sku_id: line for line in lines or ()}
    open_units = {line.sku_id: line.open_quantity for line in lines or ()}
    shares = []
    for item in items:
        left = open_units.get(item.sku_id, 0)
        good = min(item.good, left)
        damaged = min(item.damaged, left - good)
        if lines is None:
            good, damaged = item.good, item.damaged
        open_units[item.sku_id] = left - good - damaged
        shares.append(Share(item, by_sku.get(item.sku_id), good, damaged))
    return shares


def over_allowed(line: PurchaseOrderLine) -> int:
    """Units that may still come on top of a line without being asked about."""
    return max(0, line.quantity * settings.RECEIVE_OVER_PERCENT // 100 - line.over_quantity)


# -- checks ------------------------------------------------------------------------------------------------------------


def _papers(node: Node, source: Source) -> _Papers:
    order_id = source.order_id
    if source.shipment_id is not None:
        of_shipment = InboundShipment.objects.filter(pk=source.shipment_id).values_list("order_id", flat=True).first()
        if of_shipment is None or order_id not in (None, of_shipment):
            raise NotFound(f"There is no ASN {source.shipment_id} of this purchase order.", field="asn")
        order_id = of_shipment
    if order_id is None:
        return _Papers()
    order = lock_purchase_order(order_id)
    if order.node_id != node.pk:
        raise DomainError(f"{order} is to come to {order.node}, not to {node}.", field="node")
    if order.state not in RECEIVABLE:
        raise Conflict(f"{order} is {order.get_state_display().lower()}: receive these goods without a purchase order.")
    papers = _Papers(order, lock_purchase_order_lines(order_id))
    if source.shipment_id is not None:
        papers.shipment = next(row for row in lock_inbound_shipments(order_id) if row.pk == source.shipment_id)
        if papers.shipment.state not in (InboundShipmentState.EXPECTED, InboundShipmentState.ARRIVED):
            raise Conflict(f"ASN {papers.shipment} is {papers.shipment.get_state_display().lower()} already.")
        papers.shipment_lines = lock_inbound_shipment_lines(source.shipment_id)
    return papers


def _checked(items: Sequence[ReceiptItem]) -> dict[int, Sku]:
    if not 1 <= len(items) <= MOST_ITEMS:
        raise DomainError(f"A receipt has 1 to {MOST_ITEMS} lines; this one has {len(items)}.", field="lines")
    if sum(len(item.serials) + len(item.damaged_serials) for item in items) > MOST_SERIALS:
        raise DomainError(f"At most {MOST_SERIALS} serial numbers at once: make several receipts.", field="serials")
    skus = {sku.pk: sku for sku in Sku.objects.filter(pk__in={item.sku_id for item in items})}
    for number, item in enumerate(items, start=1):
        sku = skus.get(item.sku_id)
        if sku is None:
            raise NotFound(f"Line {number}: there is no SKU {item.sku_id}.", field="lines")
        _refuse_item(number, item, sku)
    return skus


def _refuse_item(number: int, item: ReceiptItem, sku: Sku) -> None:
    where = f"Line {number}, {sku.code}"
    if min(item.good, item.damaged) < 0 or not 1 <= item.units <= MAX_QUANTITY:
        raise BadQuantity(
            f"{where}: {item.good} good and {item.damaged} damaged; expected whole numbers, one of them from 1.",
            field="lines",
        )
    if sku.is_kit:
        raise DomainError(f"{where}: a kit has no stock of its own; receive its components.", field="lines")
    if item.unit_cost_minor is not None and not 0 <= item.unit_cost_minor <= MAX_MINOR:
        raise DomainError(f"{where}: {item.unit_cost_minor} is not a cost in minor units.", field="lines")


def _refuse_surplus(shares: Sequence[Share], skus: dict[int, Sku], papers: _Papers, *, accept_over: bool) -> None:
    if papers.order is None or accept_over:
        return
    over: dict[int, int] = {}
    for share in shares:
        over[share.item.sku_id] = over.get(share.item.sku_id, 0) + share.over
    ordered = {line.sku_id: line for line in papers.lines or ()}
    for sku_id, units in over.items():
        line = ordered.get(sku_id)
        allowed = over_allowed(line) if line else 0
        if units > allowed:
            what = f"the {line.quantity} ordered" if line else "what was ordered, of which it is no part"
            raise TooManyUnits(
                f"{skus[sku_id].code}: {units} come on top of {what} on {papers.order}; {allowed} are allowed. Count "
                "again, accept the surplus, or leave it with the driver.",
                field="accept_over", sku=skus[sku_id].code, over=units, allowed=allowed,
            )  # fmt: skip


# -- writing -----------------------------------------------------------------------------------------------------------


def _cost(shares: Sequence[Share], order: PurchaseOrder | None) -> None:
    """Give every item the cost of its order's line, where it has none of its own."""
    for share in shares:
        if share.item.unit_cost_minor is None and order is not None and share.line is not None:
            cost = cost_of(order, share.line, settings.DEFAULT_CURRENCY)
            share.item = _with_cost(share.item, cost)


def _with_cost(item: ReceiptItem, cost: int | None) -> ReceiptItem:
    return ReceiptItem(
        sku_id=item.sku_id, good=item.good, damaged=item.damaged, lot_code=item.lot_code, expires_on=item.expires_on,
        serials=item.serials, damaged_serials=item.damaged_serials, unit_cost_minor=cost,
    )  # fmt: skip


def _write(
    node: Node, papers: _Papers, shares: Sequence[Share], named: Sequence[NamedUnits], skus: dict[int, Sku],
    op_key: str, actor: str, reference: str, note: str,
) -> Receipt:  # fmt: skip
    """The receipt with its lines, its postings, and the counters of the order."""
    order = papers.order
    postings = _Legs(op_key, node.pk, (order.number if order else reference)[:80], actor, note[:200])
    for share, units in zip(shares, named, strict=True):
        postings.arrive(share, units, skus[share.item.sku_id], is_expected=order is not None)
    if not post(postings.rows):
        raise Conflict("These goods were posted before, under the same key.")
    receipt = Receipt.objects.create(
        op_key=op_key, node=node, order=order, shipment=papers.shipment, reference=reference.strip()[:80],
        note=note.strip()[:200], actor=actor[:120],
    )  # fmt: skip
    ReceiptLine.objects.bulk_create(
        ReceiptLine(
            receipt=receipt, order_line=share.line, sku_id=share.item.sku_id, lot_id=units.lot_id,
            good_quantity=share.item.good, damaged_quantity=share.item.damaged, over_quantity=share.over,
            serials=[text.strip() for text in share.item.serials],
            damaged_serials=[text.strip() for text in share.item.damaged_serials],
            unit_cost_minor=share.item.unit_cost_minor,
        )
        for share, units in zip(shares, named, strict=True)
    )  # fmt: skip
    if order is not None and papers.lines is not None:
        _count_order(order, papers.lines, shares, actor)
    return receipt


class _Legs:
    """The postings of one receipt, numbered in the order of its lines."""

    def __init__(self, op_key: str, node_id: int, reference: str, actor: str, note: str) -> None:
        self.rows: list[Posting] = []
        self._op_key, self._node_id, self._reference = op_key, node_id, reference
        self._actor, self._note = actor[:120], note

    def arrive(self, share: Share, named: NamedUnits, sku: Sku, *, is_expected: bool) -> None:
        """Good and damaged units of one line: those that were expected leave inbound, the surplus does not."""
        source = Bucket.INBOUND if is_expected else Bucket.SUPPLIER
        if sku.tracking == Tracking.SERIAL:
            # Serial numbers are not known while goods are inbound, so the expectation ends and each unit comes by name.
            if is_expected:
                self._add(share, Bucket.INBOUND, Bucket.SUPPLIER, share.good + share.damaged)
            for serial_id in named.serial_ids:
                self._add(share, Bucket.SUPPLIER, Bucket.ON_HAND, 1, serial_id=serial_id)
            for serial_id in named.damaged_serial_ids:
                self._add(share, Bucket.SUPPLIER, Bucket.DAMAGED, 1, serial_id=serial_id)
            return
        self._add(share, source, Bucket.ON_HAND, share.good, lot_id=named.lot_id)
        self._add(share, source, Bucket.DAMAGED, share.damaged, lot_id=named.lot_id)
        self._add(share, Bucket.SUPPLIER, Bucket.ON_HAND, share.over_good, lot_id=named.lot_id)
        self._add(share, Bucket.SUPPLIER, Bucket.DAMAGED, share.over_damaged, lot_id=named.lot_id)

    def _add(
        self, share: Share, source: Bucket, target: Bucket, quantity: int, *, lot_id: int | None = None,
        serial_id: int | None = None,
    ) -> None:  # fmt: skip
        if not quantity:
            return
        self.rows.append(
            Posting(
                op_key=self._op_key, leg=len(self.rows) + 1, sku_id=share.item.sku_id, node_id=self._node_id,
                from_bucket=source, to_bucket=target, quantity=quantity, reason=StockMovementReason.RECEIPT,
                reference=self._reference, note=self._note, actor=self._actor, lot_id=lot_id, serial_id=serial_id,
                unit_cost_minor=share.item.unit_cost_minor,
            )
        )  # fmt: skip


def _count_order(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine], shares: Sequence[Share], actor: str) -> None:
    for share in shares:
        if share.line is not None:
            share.line.open_quantity -= share.good + share.damaged
            share.line.received_quantity += share.good
            share.line.damaged_quantity += share.damaged
            share.line.over_quantity += share.over
    PurchaseOrderLine.objects.bulk_update(
        lines, ["open_quantity", "received_quantity", "damaged_quantity", "over_quantity"]
    )
    follow_lines(order, lines, actor, "Goods came")


def _count_shipment(papers: _Papers, shares: Sequence[Share], actor: str, *, finish: bool) -> None:
    """Count the units in the ASN: its line of the same lot first; what exceeds all lines of a SKU goes to the last."""
    rows = papers.shipment_lines or []
    for share in shares:
        mine = [row for row in rows if share.line is not None and row.order_line_id == share.line.pk]
        mine.sort(key=lambda row: row.lot_code.upper() != share.item.lot_code.strip().upper())
        left = share.item.units
        for row in mine:
            part = min(left, max(0, row.quantity - row.received_quantity))
            row.received_quantity += part
            left -= part
        if mine:
            mine[-1].received_quantity += left
    InboundShipmentLine.objects.bulk_update(rows, ["received_quantity"])
    shipment = papers.shipment
    if shipment is not None and (finish or all(row.received_quantity >= row.quantity for row in rows)):
        arrived = shipment.arrived_at or now()
        advance(
            shipment, InboundShipmentState.RECEIVED, using=INBOUND_SHIPMENT, actor=actor, arrived_at=arrived
        )  # fmt: skip
