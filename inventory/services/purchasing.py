"""Purchase orders: drafted, placed (from then on their units are inbound), cancelled, closed short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.db import IntegrityError, transaction

from inventory.errors import BadQuantity
from inventory.locks import keep_skus, lock_inbound_shipments, lock_purchase_order, lock_purchase_order_lines
from inventory.models import (
    Bucket,
    InboundShipment,
    InboundShipmentLine,
    InboundShipmentState,
    Node,
    NodeKind,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderState,
    Sku,
    StockMovementReason,
    Supplier,
    SupplierItem,
)
from inventory.services.posting import Posting, post
from inventory.services.stock import announce
from inventory.states import INBOUND_SHIPMENT, PURCHASE_ORDER
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.states import advance
from oms.core.values import MAX_MINOR, MAX_QUANTITY

State = PurchaseOrderState
#: Lines that one purchase order may have.
MOST_LINES = 1000
#: States in which units of an order are inbound.
OPEN_STATES = (State.PLACED, State.PARTIAL)
#: Why what channels may sell is counted anew: goods are expected, no more, or on another day.
INBOUND_CHANGED = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseLine:
    """Units of a SKU to buy. Without a cost the supplier's price counts, else the SKU's own cost."""

    sku_id: int
    quantity: int
    unit_cost_minor: int | None = None
    expected_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseTerms:
    """What a draft says beside its lines. `expected_on` may stay empty: placing fills in the supplier's lead time."""

    supplier_id: int
    node_id: int
    expected_on: date | None = None
    reference: str = ""
    note: str = ""


def draft_purchase_order(
    *, terms: PurchaseTerms, lines: Sequence[PurchaseLine], actor: str, number: str = ""
) -> PurchaseOrder:
    """A new draft, with the number given or the next one of its own. Nothing is expected before it is placed.

    Raises Conflict where the number is taken, DomainError for lines that cannot be bought.
    """

    def work() -> PurchaseOrder:
        supplier, node = _parties(terms)
        priced = _priced(supplier, lines)
        order = PurchaseOrder(
            supplier=supplier, node=node, currency=supplier.currency, expected_on=terms.expected_on,
            reference=terms.reference.strip()[:80], note=terms.note.strip()[:500], created_by=actor[:120],
        )  # fmt: skip
        _number(order, number.strip())
        _write_lines(order, priced)
        return order

    return run_atomic(work)


def edit_purchase_order(
    *, order_id: int, version: int, terms: PurchaseTerms, lines: Sequence[PurchaseLine]
) -> PurchaseOrder:
    """Replace what a draft says. Raises Conflict for a stale version, and for an order that was placed."""

    def work() -> PurchaseOrder:
        order = _claim(order_id, version)
        if order.state != State.DRAFT:
            raise Conflict(f"{order} is {_state_words(order)}: its lines stand as the supplier has them.")
        supplier, node = _parties(terms)
        priced = _priced(supplier, lines)
        order.supplier, order.node, order.currency = supplier, node, supplier.currency
        order.expected_on, order.reference = terms.expected_on, terms.reference.strip()[:80]
        order.note, order.version = terms.note.strip()[:500], order.version + 1
        order.save()
        order.lines.all().delete()
        _write_lines(order, priced)
        return order

    return run_atomic(work)


def reschedule_purchase_order(
    *, order_id: int, version: int | None, expected_on: date | None, reference: str | None, note: str | None
) -> PurchaseOrder:
    """Note a new date, the supplier's own number or a remark on an order that is not finished.

    A reference or note of None stays as it is at that moment; an `expected_on` of None takes the date away.
    What channels sell ahead of its goods follows a new date in the same transaction.
    """

    def work() -> PurchaseOrder:
        order = _claim(order_id, version)
        if order.state not in (State.DRAFT, *OPEN_STATES):
            raise Conflict(f"{order} is {_state_words(order)}: nothing more of it is expected.")
        moved = expected_on != order.expected_on
        order.expected_on, order.version = expected_on, order.version + 1
        order.reference = order.reference if reference is None else reference.strip()[:80]
        order.note = order.note if note is None else note.strip()[:500]
        order.save(update_fields=["expected_on", "reference", "note", "version"])
        if moved and order.state in OPEN_STATES:
            by_order = order.lines.filter(open_quantity__gt=0, expected_on__isnull=True)
            announce(list(by_order.values_list("sku_id", flat=True)), reason=INBOUND_CHANGED)
        return order

    return run_atomic(work)


def place_purchase_order(*, order_id: int, version: int | None = None, actor: str) -> PurchaseOrder:
    """Order it: every unit becomes inbound at its node (supplier -> inbound). Raises Conflict unless it is a draft."""

    def work() -> PurchaseOrder:
        order = _claim(order_id, version)
        lines = lock_purchase_order_lines(order_id)
        if order.state == State.DRAFT and not order.supplier.is_active:
            raise DomainError(f"{order.supplier} is switched off: nothing is bought there.", field="supplier")
        due = order.expected_on or order.node.today() + timedelta(days=order.supplier.lead_days)
        advance(
            order, State.PLACED, using=PURCHASE_ORDER, actor=actor, placed_at=now(), expected_on=due,
            version=order.version + 1,
        )  # fmt: skip
        _expect(order, lines, actor)
        return order

    return run_atomic(work)


def cancel_purchase_order(*, order_id: int, version: int | None = None, reason: str, actor: str) -> PurchaseOrder:
    """Call it off before anything came; what was inbound is no longer expected. Raises Conflict once goods came."""

    def work() -> PurchaseOrder:
        order = _claim(order_id, version)
        lines = lock_purchase_order_lines(order_id)
        if order.state == State.PARTIAL:
            raise Conflict(f"Goods of {order} have come already: close it short instead of cancelling it.")
        was_placed = order.state == State.PLACED
        advance(
            order, State.CANCELLED, using=PURCHASE_ORDER, actor=actor, reason=reason[:200], closed_at=now(),
            version=order.version + 1,
        )  # fmt: skip
        _expect_no_more(order, lines, "cancel" if was_placed else "", reason, actor)
        return order

    return run_atomic(work)


def close_purchase_order(*, order_id: int, version: int | None = None, reason: str, actor: str) -> PurchaseOrder:
    """Expect no more of it: what is open becomes short (inbound -> supplier). Raises Conflict where nothing is open."""

    def work() -> PurchaseOrder:
        order = _claim(order_id, version)
        lines = lock_purchase_order_lines(order_id)
        advance(
            order, State.CLOSED, using=PURCHASE_ORDER, actor=actor, reason=reason[:200], closed_at=now(),
            version=order.version + 1,
        )  # fmt: skip
        _expect_no_more(order, lines, "close", reason, actor)
        return order

    return run_atomic(work)


# -- states ------------------------------------------------------------------------------------------------------------


def derived_state(lines: Sequence[PurchaseOrderLine]) -> PurchaseOrderState:
    """The state of a placed order, from its lines alone. Pure."""
    if not any(line.open_quantity for line in lines):
        return State.CLOSED if any(line.short_quantity for line in lines) else State.RECEIVED
    came = any(line.received_quantity or line.damaged_quantity for line in lines)
    return State.PARTIAL if came else State.PLACED


def follow_lines(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine], actor: str, reason: str) -> None:
    """Move a placed order to the state that its lines give it, and count the change. A closed one stays closed."""
    version = order.version + 1
    wanted = order.state if order.state == State.CLOSED else derived_state(lines)
    if wanted == order.state:
        PurchaseOrder.objects.filter(pk=order.pk).update(version=version)
        order.version = version
        return
    closed_at = now() if wanted == State.RECEIVED else None
    advance(
        order, wanted, using=PURCHASE_ORDER, actor=actor, reason=reason[:200], version=version, closed_at=closed_at
    )  # fmt: skip


def _claim(order_id: int, version: int | None) -> PurchaseOrder:
    """The order, locked. Raises Conflict where somebody changed it since `version`."""
    order = lock_purchase_order(order_id)
    if version is not None and order.version != version:
        raise Conflict(
            f"{order} was changed meanwhile: you saw version {version}, it is at {order.version}. Look at it again.",
            field="version", seen=version, is_at=order.version,
        )  # fmt: skip
    return order


def _state_words(order: PurchaseOrder) -> str:
    return str(PurchaseOrderState(order.state).label).lower()


# -- what is expected --------------------------------------------------------------------------------------------------


def cost_of(order: PurchaseOrder, line: PurchaseOrderLine, currency: str) -> int | None:
    """What a unit costs, for the ledger; None where the order is in another currency than the business."""
    return line.unit_cost_minor if order.currency == currency else None


def _expectation(
    order: PurchaseOrder, lines: Sequence[PurchaseOrderLine], step: str, source: str, target: str, actor: str
) -> list[Posting]:
    reason = StockMovementReason.EXPECTED if target == Bucket.INBOUND else StockMovementReason.UNEXPECTED
    return [
        Posting(
            op_key=f"po/{order.pk}/{step}", leg=leg, sku_id=line.sku_id, node_id=order.node_id, from_bucket=source,
            to_bucket=target, quantity=line.open_quantity, reason=reason, reference=order.number, actor=actor,
        )
        for leg, line in enumerate(lines, start=1) if line.open_quantity
    ]  # fmt: skip


def _expect(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine], actor: str) -> None:
    """What is open becomes inbound; channels may sell ahead of it."""
    post(_expectation(order, lines, "place", Bucket.SUPPLIER, Bucket.INBOUND, actor))
    announce([line.sku_id for line in lines], reason=INBOUND_CHANGED)


def _expect_no_more(
    order: PurchaseOrder, lines: Sequence[PurchaseOrderLine], step: str, reason: str, actor: str
) -> None:
    """What is open becomes short; announced deliveries end. `step` names the posting, none where nothing was placed."""
    if step:
        post([
            replace(posting, note=reason[:200])
            for posting in _expectation(order, lines, step, Bucket.INBOUND, Bucket.SUPPLIER, actor)
        ])  # fmt: skip
        announce([line.sku_id for line in lines if line.open_quantity], reason=INBOUND_CHANGED)
    for line in lines:
        line.short_quantity, line.open_quantity = line.short_quantity + line.open_quantity, 0
    PurchaseOrderLine.objects.bulk_update(lines, ["open_quantity", "short_quantity"])
    for shipment in lock_inbound_shipments(order.pk):
        end_shipment(shipment, actor, f"{order} ended")


def end_shipment(shipment: InboundShipment, actor: str, reason: str) -> None:
    """Expect no more of an ASN: received where goods of it came, else cancelled. An ended one stays as it is."""
    if shipment.state not in (InboundShipmentState.EXPECTED, InboundShipmentState.ARRIVED):
        return
    came = InboundShipmentLine.objects.filter(shipment=shipment, received_quantity__gt=0).exists()
    target = InboundShipmentState.RECEIVED if came else InboundShipmentState.CANCELLED
    advance(shipment, target, using=INBOUND_SHIPMENT, actor=actor, reason=reason[:200])


# -- drafts ------------------------------------------------------------------------------------------------------------


def _parties(terms: PurchaseTerms) -> tuple[Supplier, Node]:
    supplier = Supplier.objects.filter(pk=terms.supplier_id).first()
    node = Node.objects.filter(pk=terms.node_id).first()
    if supplier is None:
        raise NotFound("There is no such supplier.", field="supplier")
    if node is None:
        raise NotFound("There is no such node.", field="node")
    if node.kind == NodeKind.SUPPLIER:
        raise DomainError(
            f"{node.code} stands for a supplier's own stock, which it reports itself. Choose a node of yours.",
            field="node",
        )
    return supplier, node


def _priced(supplier: Supplier, lines: Sequence[PurchaseLine]) -> list[PurchaseOrderLine]:
    """Rows for the lines, checked, each with a cost. Raises for what cannot be bought, naming the SKU."""
    if not 1 <= len(lines) <= MOST_LINES:
        raise DomainError(f"A purchase order has 1 to {MOST_LINES} lines; this one has {len(lines)}.", field="lines")
    ids = [line.sku_id for line in lines]
    skus = keep_skus(ids)
    prices = dict(SupplierItem.objects.filter(supplier=supplier, sku__in=ids).values_list("sku_id", "unit_cost_minor"))
    rows: dict[int, PurchaseOrderLine] = {}
    for line in lines:
        sku = skus.get(line.sku_id)
        if sku is None:
            raise NotFound(f"There is no SKU {line.sku_id}.", field="lines")
        _refuse_line(sku, line, again=line.sku_id in rows)
        cost = line.unit_cost_minor
        if cost is None:
            cost = prices.get(sku.pk, sku.cost_minor)
        rows[sku.pk] = PurchaseOrderLine(
            sku=sku, quantity=line.quantity, open_quantity=line.quantity, unit_cost_minor=cost,
            expected_on=line.expected_on,
        )  # fmt: skip
    return list(rows.values())


def _refuse_line(sku: Sku, line: PurchaseLine, *, again: bool) -> None:
    if again:
        raise DomainError(f"{sku.code} stands in two lines: write it once with the sum.", field="lines")
    if sku.is_kit:
        raise DomainError(f"{sku.code} is a kit: buy its components.", field="lines")
    if not 1 <= line.quantity <= MAX_QUANTITY:
        raise BadQuantity(f"{sku.code}: {line.quantity} is not a quantity; expected a whole number from 1.",
                          field="lines")  # fmt: skip
    if line.unit_cost_minor is not None and not 0 <= line.unit_cost_minor <= MAX_MINOR:
        raise DomainError(f"{sku.code}: {line.unit_cost_minor} is not a cost in minor units.", field="lines")


def _write_lines(order: PurchaseOrder, rows: list[PurchaseOrderLine]) -> None:
    for row in rows:
        row.order = order
    PurchaseOrderLine.objects.bulk_create(rows)


_NEXT_ID = "SELECT nextval(pg_get_serial_sequence('inventory_purchaseorder', 'id'))"


def _number(order: PurchaseOrder, number: str) -> None:
    """Write the order under its number. Own numbers come from the ids: no two drafts wait for each other."""
    if number:
        if len(number) > 40:
            raise DomainError(f"The number {number[:40]}... is longer than 40 characters.", field="number")
        order.number = number
        if not _saved(order):
            raise Conflict(f"There is a purchase order {number} already.", field="number")
        return
    while True:
        order.pk = fetch_all(_NEXT_ID)[0][0]
        order.number = f"PO-{order.pk:06d}"
        if _saved(order):
            return


def _saved(order: PurchaseOrder) -> bool:
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError as error:
        if "number" not in str(error):
            raise
        return False
    return True
