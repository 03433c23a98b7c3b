"""Everything the order page shows, gathered in a fixed number of queries."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404

from carriers.base import Milestone
from carriers.models import Label, TrackingEvent
from fulfillment.models import (
    FailedDelivery,
    FulfillmentLine,
    FulfillmentOrder,
    PickedUnit,
    Shipment,
    ShipmentState,
)
from fulfillment.selectors.failures import failures_by_parcel
from fulfillment.services.substituting import units_to_take_back
from inventory.models import Node, Sku, Substitute, Tracking
from oms.accounts.access import Principal
from oms.dashboard.orders.offers import next_step, offers_for
from oms.dashboard.orders.promise_card import promise_card
from oms.dashboard.orders.timeline import FILTERS, timeline_of
from oms.dashboard.orders.why import FACTOR_WORDS, attempts_of
from oms.dashboard.orders.words import (
    BUCKET_WORDS,
    OUTCOME_TONES,
    PAYMENT_TONES,
    RETURN_TONES,
    SHIPMENT_TONES,
    STAGE_TONES,
    WORK_TONES,
)
from oms.dashboard.settings.message_rows import message_row
from oms.notifications.links import tracking_url
from oms.notifications.models import Message
from oms.reporting.masking import shown_email, shown_name, shown_phone
from orders.kits import by_kit, kit_units
from orders.models import Invoice, Order, OrderKit, OrderLine, Payment
from orders.selectors import TO_SHIP, orders_in_scope
from orders.selectors.cancelled import really_cancelled
from orders.status import is_partial
from routing.models import OrderOutlook
from routing.selectors import Promise, promises_of


def order_or_404(principal: Principal, number: str) -> Order:
    """One order in scope. What is outside looks as if it did not exist."""
    order = orders_in_scope(principal).select_related("channel", "payment").filter(number=number).first()
    if order is None:
        raise Http404(f"No order {number} in your scope.")
    return order


def page_version(order: Order) -> str:
    """Changes whenever something on the order's page would: its entries, its work, its parcels and their scans."""
    work = order.fulfillment_orders.order_by("pk").values_list("pk", "version")
    parcels = order.shipments.order_by("pk").values_list("pk", "state", "awb", "problem", "booking__last_scan_at")
    outlook = (
        OrderOutlook.objects.filter(order=order).values_list("band", "expected_on", "promised_by", "remedy").first()
    )
    text = f"{order.version}|{list(work)}|{list(parcels)}|{outlook}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class LineRow:
    """One line: where its units are, what it costs, who works on it."""

    line: OrderLine
    image: str = ""
    segments: list[tuple[str, int, str]] = field(default_factory=list)
    nodes: str = ""
    options: str = ""
    #: What goods on their way will serve of it, while it waits for stock.
    promises: list[Promise] = field(default_factory=list)
    #: The kit that it is a component of, and, of the first of its lines, where the units of the kit are.
    kit: OrderKit | None = None
    kit_segments: list[tuple[str, int, str]] = field(default_factory=list)
    #: Whether another SKU may be sold for what waits of it, and whether it, being that SKU, can be taken back.
    may_substitute: bool = False
    may_take_back: bool = False
    #: What is sold in place of units of it, with the units.
    substitutes: list[tuple[OrderLine, int]] = field(default_factory=list)


@dataclass(slots=True)
class WorkRow:
    """One fulfillment order with its lines."""

    work: FulfillmentOrder
    tone: str
    lines: list[tuple[FulfillmentLine, OrderLine | None]] = field(default_factory=list)


@dataclass(slots=True)
class ShipmentRow:
    """One parcel with its scans."""

    shipment: Shipment
    tone: str
    scans: list[TrackingEvent] = field(default_factory=list)
    has_label: bool = False
    has_invoice: bool = False
    #: Lots and serial numbers in it: SKU and words.
    units: list[tuple[str, list[PickedUnit]]] = field(default_factory=list)
    #: Attempts to deliver it that failed.
    attempts: list[FailedDelivery] = field(default_factory=list)


def detail_context(order: Order, principal: Principal, *, kind: str = "") -> dict[str, Any]:
    """The page of one order; `kind` filters its timeline."""
    masked = not principal.may("pii.view")
    lines = list(order.lines.select_related("kit", "substitute_for").order_by("position", "id"))
    holds = list(order.holds.order_by("pk"))
    open_holds = [hold for hold in holds if hold.released_at is None]
    work = list(order.fulfillment_orders.select_related("node", "arrives_in__node").order_by("pk"))
    shipments = list(order.shipments.select_related("node", "booking", "carrier_account").order_by("pk"))
    codes = dict(Node.objects.values_list("pk", "code"))
    sku_codes = {line.sku_id: line.sku_code for line in lines if line.sku_id}
    kit_codes = {line.kit.sku_id: line.kit.sku_code for line in lines if line.kit}
    work_rows = _work_rows(work, lines)
    attempts = attempts_of(order, codes, sku_codes | kit_codes)
    skus = Sku.objects.in_bulk(sku_codes)
    return {
        "order": order,
        "version": page_version(order),
        "tone": STAGE_TONES[order.stage],
        "partial": is_partial(line.quantities for line in lines),
        "clock_runs": order.stage in TO_SHIP,
        "holds": open_holds,
        "past_holds": [hold for hold in holds if hold.released_at is not None],
        "lines": _with_substitutes(order, _line_rows(lines, work_rows, skus)),
        "work": [row for row in work_rows if row.work.is_live or row.work.state == "completed"],
        "past_work": [row for row in work_rows if not row.work.is_live and row.work.state != "completed"],
        "shipments": _shipment_rows(shipments, principal, skus),
        "returns": [(item, RETURN_TONES[item.state]) for item in order.returns.select_related("node").order_by("pk")],
        "attempts": attempts,
        "factor_words": FACTOR_WORDS,
        "outcome_tones": OUTCOME_TONES,
        "may_reroute": principal.may("orders.reroute"),
        "offers": offers_for(order, principal, holds=open_holds, work=work),
        "next": next_step(order, holds=open_holds, work=work, shipments=shipments),
        "money": money_rows(order),
        "promise": promise_card(order),
        "payment": getattr(order, "payment", None),
        "payment_tone": payment_tone(order),
        "timeline": timeline_of(order, kind, masked=masked),
        "timeline_kind": kind,
        "timeline_filters": FILTERS,
        "messages_sent": [message_row(m, masked=masked) for m in _messages(order)],
        "masked": masked,
        # Who has it may do what the customer may.
        "customers_page": tracking_url(order) if not masked and principal.may("orders.cancel") else "",
        "customer": customer_facts(order, masked=masked),
        "address_lines": address_lines(order, masked=masked),
        "title": title_of(order, masked=masked),
    }


def title_of(order: Order, *, masked: bool) -> str:
    """The line under the number: channel, customer, place."""
    name = shown_name(order.customer_name, masked=masked)
    place = f"{order.ship_city} {order.ship_postcode}".strip()
    return " · ".join(part for part in (f"{order.channel.name} {order.external_number}", name, place) if part)


def _line_rows(lines: list[OrderLine], work: list[WorkRow], skus: dict[int, Sku]) -> list[LineRow]:
    images = {pk: sku.image for pk, sku in skus.items()}
    waiting = {line.sku_id for line in lines if line.sku_id and line.backordered}
    promised: dict[int, list[Promise]] = {}
    for promise in promises_of(sorted(waiting)) if waiting else ():
        promised.setdefault(promise.line_id, []).append(promise)
    rows = []
    kits = by_kit(lines)
    for line in lines:
        nodes = [
            row.work.node.code for row in work
            if row.work.state not in ("rejected", "cancelled")
            and any(part.order_line_id == line.pk for part, _ in row.lines)
        ]  # fmt: skip
        rows.append(
            LineRow(line, images.get(line.sku_id or 0, ""), segments_of(line), ", ".join(dict.fromkeys(nodes)),
                    ", ".join(f"{key}: {value}" for key, value in line.options.items()),
                    promised.get(line.pk, []), line.kit,
                    kit_segments(kits.pop(line.kit_id)) if line.kit_id in kits else [])
        )  # fmt: skip
    return rows


def _with_substitutes(order: Order, rows: list[LineRow]) -> list[LineRow]:
    """The rows with what is sold instead of what, and what can be done about it."""
    by_id = {row.line.pk: row for row in rows}
    waiting = [row.line.sku_id for row in rows if row.line.backordered and row.line.sku_id]
    known = set(Substitute.objects.filter(sku__in=waiting).values_list("sku_id", flat=True)) if waiting else set()
    for row in rows:
        line = row.line
        row.may_substitute = bool(line.backordered) and line.sku_id in known and not (
            line.kit_id or line.substitute_for_id
        )  # fmt: skip
        if line.substitute_for_id is not None:
            by_id[line.substitute_for_id].substitutes.append((line, line.quantity - line.cancelled))
            row.may_take_back = units_to_take_back(order, line) > 0
    gone = really_cancelled(row.line for row in rows)
    for row in rows:
        if row.substitutes or row.line.substitute_for_id is not None:
            row.segments = _with_true_ends(row, gone)
    return rows


def _with_true_ends(row: LineRow, gone: dict[int, int]) -> list[tuple[str, int, str]]:
    """The bar of a line that has a substitute, or is one: what is cancelled there is not all cancelled."""
    line = row.line
    if line.substitute_for_id is None:
        parts = (("substituted", sum(units for _, units in row.substitutes), "info"),
                 ("cancelled", gone.get(line.pk, 0), "off"))  # fmt: skip
    else:
        really = min(line.cancelled, gone.get(line.substitute_for_id, 0))
        parts = (("cancelled", really, "off"), ("taken back", line.cancelled - really, "off"))
    ends = [(label, units, tone) for label, units, tone in parts if units > 0]
    return [part for part in segments_of(line) if part[0] != "cancelled"] + ends


def kit_segments(parts: list[OrderLine]) -> list[tuple[str, int, str]]:
    """Where the units of a kit are, as parts of a bar: whole kits, and those that have left in part."""
    units = kit_units(parts)
    words = {bucket: (label, tone) for bucket, label, tone in BUCKET_WORDS}
    counts = [
        (*words["cancelled"], units.cancelled), (*words["returned"], units.returned),
        (*words["delivered"], units.delivered), (*words["shipped"], units.shipped - units.delivered - units.returned),
        ("shipped in part", "warn", units.quantity - units.cancelled - units.shipped - units.live),
        ("not shipped", "progress", units.live),
    ]  # fmt: skip
    return [(label, count, tone) for label, tone, count in counts if count > 0]


def segments_of(line: OrderLine) -> list[tuple[str, int, str]]:
    """Where the units of a line are, as parts of a bar: delivered and returned units are no longer counted shipped."""
    parts = []
    for bucket, words, tone in BUCKET_WORDS:
        units = getattr(line, bucket)
        if bucket == "shipped":
            units -= line.delivered + line.returned
        if units > 0:
            parts.append((words, units, tone))
    return parts


def _work_rows(work: list[FulfillmentOrder], lines: list[OrderLine]) -> list[WorkRow]:
    by_id = {line.pk: line for line in lines}
    rows = {item.pk: WorkRow(item, WORK_TONES[item.state]) for item in work}
    for part in FulfillmentLine.objects.filter(fulfillment_order__in=work).order_by("pk"):
        rows[part.fulfillment_order_id].lines.append((part, by_id.get(part.order_line_id)))
    return list(rows.values())


def _shipment_rows(shipments: list[Shipment], principal: Principal, skus: dict[int, Sku]) -> list[ShipmentRow]:
    rows = [ShipmentRow(item, SHIPMENT_TONES[item.state]) for item in shipments]
    if any(sku.tracking != Tracking.NONE for sku in skus.values()):
        _add_units(rows, skus)
    by_booking = {row.shipment.booking_id: row for row in rows if row.shipment.booking_id}
    for scan in TrackingEvent.objects.filter(booking__in=by_booking).order_by("-occurred_at", "-pk").defer("raw"):
        by_booking[scan.booking_id].scans.append(scan)
    failing = [row for row in rows if any(scan.milestone == Milestone.ATTEMPT_FAILED for scan in row.scans)]
    if failing:
        attempts = failures_by_parcel([row.shipment.pk for row in failing])
        for row in failing:
            row.attempts = attempts.get(row.shipment.pk, [])
    for booking_id in Label.objects.filter(booking__in=by_booking).values_list("booking_id", flat=True):
        row = by_booking[booking_id]
        row.has_label = principal.sees_labels and row.shipment.state != ShipmentState.CANCELLED
    if principal.sees_labels:
        uids = [row.shipment.uid for row in rows]
        invoiced = set(Invoice.objects.filter(parcel_uid__in=uids).values_list("parcel_uid", flat=True))
        for row in rows:
            row.has_invoice = row.shipment.uid in invoiced
    return rows


def _add_units(rows: list[ShipmentRow], skus: dict[int, Sku]) -> None:
    """Which lots and serial numbers went into each parcel, SKU by SKU."""
    by_parcel = {row.shipment.pk: row for row in rows}
    found = PickedUnit.objects.filter(item__shipment__in=by_parcel).select_related("lot", "serial", "item", "line")
    for unit in found.order_by("line_id", "pk"):
        row = by_parcel[unit.item.shipment_id if unit.item else 0]
        code = skus[unit.line.sku_id].code
        if not row.units or row.units[-1][0] != code:
            row.units.append((code, []))
        row.units[-1][1].append(unit)


def money_rows(order: Order) -> list[tuple[str, int, str]]:
    """The sum, line by line: words, signed amount, kind (part, total, paid)."""
    rows = [("Goods", order.goods_minor, "part")]
    if order.discount_minor:
        rows.append(("Discount", -order.discount_minor, "part"))
    if order.shipping_minor:
        rows.append(("Shipping", order.shipping_minor, "part"))
    if order.cod_fee_minor:
        rows.append(("COD fee", order.cod_fee_minor, "part"))
    left = order.total_minor - sum(amount for _, amount, _ in rows)
    if left:
        rows.append(("Tax on top" if left == order.tax_minor else "Tax on top and rounding", left, "part"))
    rows.append(("Total", order.total_minor, "total"))
    payment: Payment | None = getattr(order, "payment", None)
    if payment is not None:
        rows.append(("Paid", payment.captured_minor, "paid"))
        if payment.refunded_minor:
            rows.append(("Refunded", -payment.refunded_minor, "paid"))
    return rows


def payment_tone(order: Order) -> str:
    """Tone of the payment's state; cash on delivery that is still to come is no alarm."""
    payment: Payment | None = getattr(order, "payment", None)
    if payment is None:
        return "off"
    return "neutral" if order.is_cod and payment.state == "pending" else PAYMENT_TONES[payment.state]


def customer_facts(order: Order, *, masked: bool) -> list[tuple[str, str]]:
    """Who ordered."""
    return [
        ("Name", shown_name(order.customer_name, masked=masked) or "–"),
        ("Phone", shown_phone(order.customer_phone, masked=masked) or "–"),
        ("E-mail", shown_email(order.customer_email, masked=masked) or "–"),
    ]


def address_lines(order: Order, *, masked: bool) -> list[str]:
    """Where it goes; without the right to personal data only the town."""
    if not masked:
        return order.shipping_address.lines()
    return [f"{order.ship_city} {order.ship_postcode}".strip(), order.ship_region, order.ship_country]


def _messages(order: Order) -> list[Message]:
    return list(Message.objects.filter(order=order).defer("text", "html").order_by("-pk")[:20])
