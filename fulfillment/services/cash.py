"""Cash on delivery, parcel by parcel: what is collected with each, and what was collected for an order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db.models import Q, Sum

from fulfillment.locks import lock_shipments
from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, Shipment, ShipmentItem, ShipmentState
from oms.core.db import run_atomic
from orders.models import Invoice, InvoiceState, Order, Payment, PaymentState
from orders.services import TimelineEntry, record, record_payment
from routing.engine.wording import money

#: States in which the recipient pays nothing for the parcel any more.
UNPAID_ENDS = (
    ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT, ShipmentState.RTO_RECEIVED, ShipmentState.LOST,
    ShipmentState.DAMAGED, ShipmentState.CANCELLED,
)  # fmt: skip
_ON_THE_ROAD = (
    ShipmentState.HANDED_OVER, ShipmentState.IN_TRANSIT, ShipmentState.OUT_FOR_DELIVERY, ShipmentState.NDR_OPEN,
)  # fmt: skip
#: Units that are still to go into a parcel.
_TO_BE_PACKED = ("unallocated", "backordered", "allocated", "released", "picked")
#: Kind of the timeline's entry.
CASH_MISSING = "cash_missing"
_TO_BE_PAID = (PaymentState.PENDING, PaymentState.AUTHORIZED, PaymentState.FAILED)


def cash_of_parcel(shipment: Shipment) -> int:
    """What is to be collected with this parcel, in minor units; 0 where the order is not paid on delivery.

    The amount that was fixed with its label, else what would be fixed now. Nothing is asked of the store that a parcel
    goes to: the customer pays there.
    """
    if shipment.fulfillment_order.kind == FulfillmentOrderKind.TRANSFER:
        return 0
    if shipment.cod_minor is not None:
        return shipment.cod_minor
    return _cash_now(shipment) if shipment.order.is_cod else 0


def cash_of_work(work: FulfillmentOrder) -> int:
    """What will be collected with the picked goods of this work once they are packed, in minor units."""
    if not work.order.is_cod or work.kind == FulfillmentOrderKind.TRANSFER:
        return 0
    units = {line.order_line_id: line.picked - line.packed for line in work.lines.all()}
    return _due(work.order, units, but=0)


def cash_to_come(work: FulfillmentOrder) -> int:
    """What will be collected with all that this work was given, as it looks before anything of it is packed."""
    if not work.order.is_cod or work.kind == FulfillmentOrderKind.TRANSFER:
        return 0
    return _due(work.order, {line.order_line_id: line.quantity - line.short for line in work.lines.all()}, but=0)


def fix_cash(shipment_id: int) -> int:
    """Fix what is collected with a parcel that has no label yet; the amount in minor units."""

    def work() -> int:
        shipment = lock_shipments([shipment_id])[0]
        if shipment.state == ShipmentState.CREATED and shipment.order.is_cod:
            shipment.cod_minor = _cash_now(shipment)
            shipment.save(update_fields=["cod_minor"])
        return shipment.cod_minor or 0

    return run_atomic(work)


def _cash_now(shipment: Shipment) -> int:
    units = _units_in([shipment])
    due = _due(shipment.order, units, but=shipment.pk)
    return _as_invoiced(shipment, units, due) if shipment.node.gstin else due


def _units_in(shipments: Iterable[Shipment]) -> Counter[int]:
    """Units by order line."""
    contents = ShipmentItem.objects.filter(shipment__in=shipments).values_list("line__order_line_id")
    return Counter(dict(contents.annotate(units=Sum("quantity"))))


def _as_invoiced(shipment: Shipment, units: Counter[int], due: int) -> int:
    """What the parcel's invoice says, where the parcels that still wait for their cash can do so, too; else `due`.

    The charges are on the invoice of the parcel that was packed first, and this one may be booked before it. All of
    them together must come to what is due for all of them: an invoice alone changes no sum.
    """
    live = Invoice.objects.filter(order=shipment.order_id, state=InvoiceState.ISSUED)
    invoiced = dict(live.values_list("parcel_uid", "total_minor"))
    own = invoiced.get(shipment.uid)
    if own is None or own == due:
        return due
    waiting = Shipment.objects.filter(order=shipment.order_id, cod_minor__isnull=True).exclude(pk=shipment.pk)
    waiting = waiting.exclude(state__in=UNPAID_ENDS).exclude(fulfillment_order__kind=FulfillmentOrderKind.TRANSFER)
    together = own + sum(invoiced.get(uid, 0) for uid in waiting.values_list("uid", flat=True))
    whole = _due(shipment.order, units + _units_in(waiting), but=shipment.pk)
    return own if together == whole else due


def _due(order: Order, units: Mapping[int, int], *, but: int) -> int:
    """Cash for units by order line, beyond what the order's other live parcels collect (parcel `but` aside).

    All parcels together are worth their share of each line, rounded down, and the charges and discounts of the order
    once. A parcel collects what the others do not: so the first one bears the charges, whatever was fixed with a parcel
    that is not paid any more falls to the next one, and the parcels of a whole order add up to its total exactly.
    """
    others = Shipment.objects.filter(order=order, cod_minor__isnull=False).exclude(pk=but)
    others = others.exclude(state__in=UNPAID_ENDS)
    together = Counter(units)
    contents = ShipmentItem.objects.filter(shipment__in=others).values_list("line__order_line_id")
    for line_id, quantity in contents.annotate(units=Sum("quantity")):
        together[line_id] += quantity
    lines = list(order.lines.all())
    # What was sold in place of a line shares in what that line costs: the order's total speaks of what was ordered.
    charges = order.total_minor - sum(line.total_minor for line in lines if line.substitute_for_id is None)
    goods = sum(line.total_minor * min(together[line.pk], line.quantity) // line.quantity for line in lines)
    fixed = sum(amount or 0 for amount in others.values_list("cod_minor", flat=True))
    return max(0, charges + goods - fixed)


def cash_collected(order_ids: Sequence[int]) -> dict[int, int]:
    """Order id -> what the recipients of its delivered parcels paid at the door, in minor units."""
    rows = Shipment.objects.filter(order__in=order_ids, state=ShipmentState.DELIVERED, cod_minor__isnull=False)
    return dict(rows.values_list("order_id").annotate(paid=Sum("cod_minor")).order_by("order_id"))


def fix_late(shipments: Sequence[Shipment]) -> None:
    """Fix the cash of parcels without an amount: pickups, which have no label, and those booked before amounts were."""
    for shipment in shipments:
        if shipment.order.is_cod and shipment.cod_minor is None:
            asked = shipment.booking.request.get("cod_minor") if shipment.booking is not None else None
            shipment.cod_minor = _cash_now(shipment) if asked is None else int(asked)
            shipment.save(update_fields=["cod_minor"])


def missing_cash(order: Order) -> int:
    """What an order's parcels collect too little, in minor units, where no parcel is to come that could ask for it.

    The charges of the order are asked for once, with its first parcel. Where that one is cancelled or comes back, the
    next parcel to get its label asks for them. Where every parcel that is left has its label, no label is changed: so
    much is not collected. Nothing is missing where no parcel is left at all.
    """
    if not order.is_cod or any(getattr(line, name) for line in order.lines.all() for name in _TO_BE_PACKED):
        return 0
    parcels = Shipment.objects.filter(order=order).exclude(state__in=UNPAID_ENDS)
    parcels = parcels.exclude(fulfillment_order__kind=FulfillmentOrderKind.TRANSFER)
    not_fixed = Q(state=ShipmentState.CREATED) | Q(cod_minor__isnull=True)
    if parcels.filter(not_fixed).exists() or not parcels.exists():
        return 0
    return _due(order, {}, but=0)


def note_missing_cash(order_ids: Collection[int], actor: str) -> None:
    """Say in the timelines of these locked orders what of their charges is not collected, each amount once."""
    entries = []
    for order in Order.objects.filter(pk__in=order_ids).order_by("pk"):
        missing = missing_cash(order)
        said = order.timeline.filter(kind=CASH_MISSING).order_by("-seq").first() if missing else None
        if missing and (said is None or said.data.get("missing_minor") != missing):
            message = (
                f"{money(missing, order.currency)} of the charges is not collected: the parcel that was to bring it "
                "did not arrive, and the labels of the others were printed before."
            )
            data = {"missing_minor": missing}
            entries.append(TimelineEntry(order_id=order.pk, kind=CASH_MISSING, actor=actor, message=message, data=data))
    record(entries)


def record_cash(shipments: Iterable[Shipment], actor: str) -> None:
    """Book the cash of COD orders some of whose parcels reached an end: paid once nothing more is on its way."""
    awbs = {shipment.order_id: shipment.awb for shipment in shipments if shipment.order.is_cod}
    if not awbs:
        return
    collected = cash_collected(list(awbs))
    awaited = Shipment.objects.filter(order__in=awbs, state__in=_ON_THE_ROAD)
    # A parcel to the store of collection brings no cash: what came of it is stock, or a parcel of the store.
    awaited = awaited.exclude(fulfillment_order__kind=FulfillmentOrderKind.TRANSFER)
    open_ids = set(awaited.values_list("order_id", flat=True))
    for payment in Payment.objects.select_related("order").filter(order__in=awbs).order_by("order_id"):
        paid = collected.get(payment.order_id)
        if paid is None:
            continue
        over = payment.order.stage in ("shipped", "delivered") and payment.order_id not in open_ids
        state = PaymentState.PAID if over and payment.state in _TO_BE_PAID else payment.state
        captured = max(payment.captured_minor, min(paid, payment.amount_minor))
        record_payment(order_id=payment.order_id, state=state, captured_minor=captured, gateway="cod",
                       reference=awbs[payment.order_id], actor=actor)  # fmt: skip
