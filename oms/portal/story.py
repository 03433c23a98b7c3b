"""What a customer is told of an order: the date first, whether it moved and why, then each parcel by itself.

Nothing here names the customer: initial and PIN code are all that anybody with the link may read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import npgettext, pgettext

from carriers.base import Milestone
from carriers.models import TrackingEvent
from fulfillment.models import (
    CurbsideVisit,
    FulfillmentOrderKind,
    HandOff,
    Shipment,
    ShipmentItem,
    ShipmentState,
)
from fulfillment.selectors.arrivals import ready_parcels
from fulfillment.selectors.keeping import kept_until
from fulfillment.selectors.pickups import pickup_code, standing_visits
from fulfillment.services.hand_offs import ASKED_FIRST
from inventory.models import Node, Sku
from oms.core.clock import now
from oms.notifications.models import Message
from oms.portal.days import day_text
from oms.portal.failing import Doubt, Failing, doubts_of, failing_of, scan_words
from orders.models import Order, OrderEvent, OrderLine
from orders.selectors.cancelled import really_cancelled

_COMING_BACK = (ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT, ShipmentState.RTO_RECEIVED)
_OVER = (ShipmentState.DELIVERED, ShipmentState.CANCELLED, ShipmentState.LOST, *_COMING_BACK)
_TRAVELLING = (ShipmentState.HANDED_OVER, ShipmentState.IN_TRANSIT, ShipmentState.OUT_FOR_DELIVERY,
               ShipmentState.NDR_OPEN)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first line, the date it replaces, why, and one sentence more."""

    title: str
    was: str = ""
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """Units of one line."""

    name: str
    options: str
    image: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One parcel with its way so far, what its customer may answer to a failed attempt, and whether it came."""

    shipment_id: int
    title: str
    goods: list[Goods]
    steps: list[dict[str, Any]]
    courier: str = ""
    awb: str = ""
    last_scan: str = ""
    last_scan_at: datetime | None = None
    failing: Failing | None = None
    doubt: Doubt | None = None

    @property
    def failure_id(self) -> int | None:
        """The failed attempt that may be answered."""
        return self.failing.failure_id if self.failing else None


@dataclass(slots=True, kw_only=True)
class Story:
    """The whole page."""

    order: Order
    headline: Headline
    who: str
    parcels: list[Parcel] = field(default_factory=list)
    waiting: list[Goods] = field(default_factory=list)
    cancelled: list[Goods] = field(default_factory=list)
    pickup: Node | None = None
    collectable: bool = False
    #: With which it is collected; empty while there is nothing to collect.
    code: str = ""
    kept_until: str = ""
    #: Numbers of the bays to which it is brought; none where the customer comes in.
    bays: Sequence[int] = ()
    visit: CurbsideVisit | None = None
    can_cancel: bool = False
    why_not_cancel: str = ""


def tell(order: Order) -> Story:
    """Read everything about an order that its customer may see. A handful of queries, however many parcels."""
    lines = list(order.lines.select_related("kit", "substitute_for"))
    images = dict(Sku.objects.filter(pk__in=[line.sku_id for line in lines]).values_list("pk", "image"))
    shipments = _shipments(order)
    is_pickup = order.service_level == Order.ServiceLevel.PICKUP
    ready = is_pickup and (bool(ready_parcels([order.pk])) or _was_told(order, shipments))
    scans = _scans(shipments)
    failing = failing_of(shipments, may_have=any(
        scan.milestone == Milestone.ATTEMPT_FAILED for told in scans.values() for scan in told))  # fmt: skip
    headline = _headline(order, shipments, is_pickup, ready, list(failing.values()))
    story = Story(order=order, headline=headline, who=_who(order))
    if is_pickup:
        story.pickup = Node.objects.filter(code=order.pickup_node_code).first() or _node_of(shipments)
        story.collectable = ready
        if ready:
            story.code = pickup_code(order)
            last = kept_until(order.pk)
            story.kept_until = day_text(last) if last is not None else ""
            story.bays = range(1, story.pickup.curbside_bays + 1) if story.pickup else ()
            story.visit = standing_visits().filter(order=order).first() if story.bays else None
    doubts = {} if is_pickup else doubts_of(shipments)
    for position, shipment in enumerate(shipments, start=1):
        parcel = _parcel(shipment, position, len(shipments), scans.get(shipment.booking_id or 0, []), order, images)
        story.parcels.append(replace(parcel, failing=failing.get(shipment.pk), doubt=doubts.get(shipment.pk)))
    shown = _units_shown(shipments) if is_pickup else {line.pk: line.packed + line.shipped for line in lines}
    story.waiting = _goods(lines, images, lambda line: line.quantity - line.cancelled - shown.get(line.pk, 0))
    gone = really_cancelled(lines)
    story.cancelled = _goods(lines, images, lambda line: gone.get(line.pk, 0))
    story.can_cancel, story.why_not_cancel = may_cancel(order, lines)
    return story


def _was_told(order: Order, shipments: Sequence[Shipment]) -> bool:
    """What lies at the store may be collected though the rest is to come after all: its customer was told of it."""
    lies_there = any(shipment.state == ShipmentState.CREATED for shipment in shipments)
    return lies_there and Message.objects.filter(order=order, template="ready_for_pickup").exists()


def _units_shown(shipments: Sequence[Shipment]) -> dict[int, int]:
    """Units in these parcels, by order line. What is still on its way to the store is in none of them."""
    units: Counter[int] = Counter()
    for item in (item for shipment in shipments for item in shipment.items.all()):
        units[item.line.order_line_id] += item.quantity
    return dict(units)


def _shipments(order: Order) -> list[Shipment]:
    """The parcels that the customer gets: not those that go from node to node."""
    items = ShipmentItem.objects.select_related(
        "line__order_line__kit", "line__order_line__substitute_for", "line__sku"
    ).order_by("pk")
    return list(
        order.shipments.exclude(state=ShipmentState.CANCELLED)
        .exclude(fulfillment_order__kind=FulfillmentOrderKind.TRANSFER)
        .select_related("node", "fulfillment_order", "carrier_account")
        .prefetch_related(Prefetch("items", items)).order_by("pk")
    )  # fmt: skip


def _scans(shipments: Sequence[Shipment]) -> dict[int, list[TrackingEvent]]:
    found: dict[int, list[TrackingEvent]] = {}
    bookings = [item.booking_id for item in shipments if item.booking_id]
    for scan in TrackingEvent.objects.filter(booking__in=bookings).order_by("occurred_at", "pk"):
        found.setdefault(scan.booking_id, []).append(scan)
    return found


def _node_of(shipments: Sequence[Shipment]) -> Node | None:
    return shipments[0].node if shipments else None


def _who(order: Order) -> str:
    initial = (order.customer_name or order.shipping_address.name).strip()[:1].upper()
    values = {"initial": f"{initial}." if initial else "", "pin": order.ship_postcode}
    return pgettext("portal", "For %(initial)s in %(pin)s") % values


def _goods(lines: Sequence[OrderLine], images: dict[int, str], units: Any) -> list[Goods]:
    return [
        Goods(name=line.name or line.sku_code, options=_words(line.options, line), quantity=units(line),
              image=images.get(line.sku_id or 0, ""))
        for line in lines if units(line) > 0
    ]  # fmt: skip


def _words(options: Any, line: OrderLine) -> str:
    """Size, colour and the like, the kit that it was bought in, and what it is sold instead of."""
    kit = instead = ""
    if line.kit is not None:
        kit = pgettext("portal", "part of %(kit)s") % {"kit": line.kit.name or line.kit.sku_code}
    if line.substitute_for is not None:
        original = line.substitute_for.name or line.substitute_for.sku_code
        instead = pgettext("portal", "instead of %(original)s") % {"original": original}
    return ", ".join(word for word in (_options(options), kit, instead) if word)


def _options(options: Any) -> str:
    return ", ".join(str(value) for value in options.values() if value) if isinstance(options, dict) else ""


def may_cancel(order: Order, lines: Sequence[OrderLine]) -> tuple[bool, str]:
    """Whether the customer may cancel here, and why not. Only before packing, and only where we sold it ourselves."""
    if order.stage == "cancelled" or all(line.cancelled == line.quantity for line in lines):
        return False, ""
    if not order.channel.notifies_customer:
        name = order.channel.name
        return False, pgettext("portal", "You ordered at %(shop)s; cancel it there.") % {"shop": name}
    if any(line.packed or line.shipped for line in lines):
        delivered = order.stage in ("delivered", "returned")
        return False, "" if delivered else pgettext("portal", "It is packed already and cannot be cancelled here.")
    if HandOff.objects.filter(fulfillment_order__order=order, state__in=ASKED_FIRST).exists():
        return False, pgettext("portal", "The warehouse is working on it already. Write to us to cancel it.")
    return True, ""


# -- the date ----------------------------------------------------------------------------------------------------------


def _local_day(moment: datetime | None) -> date | None:
    return timezone.localtime(moment).date() if moment else None


def _headline(
    order: Order, shipments: Sequence[Shipment], is_pickup: bool, ready: bool, failing: Sequence[Failing]
) -> Headline:
    if order.stage == "cancelled":
        return Headline(title=pgettext("portal", "This order is cancelled"), note=_refund_note(order))
    if is_pickup:
        return _pickup_headline(order, shipments, ready)
    if shipments and all(item.state in _COMING_BACK for item in shipments):
        note = pgettext("portal", "The courier could not deliver it. Write to us, and we send it again.")
        return Headline(title=pgettext("portal", "Your parcel is going back to us"), note=note)
    delivered = [item.delivered_at for item in shipments if item.delivered_at]
    if order.stage in ("delivered", "returned") and delivered:
        text = pgettext("portal", "Delivered %(day)s") % {"day": day_text(timezone.localtime(max(delivered)).date())}
        return Headline(title=text)
    return _arrival(order, shipments, failing)


def _pickup_headline(order: Order, shipments: Sequence[Shipment], ready: bool) -> Headline:
    collected = [item.delivered_at for item in shipments if item.delivered_at]
    if collected and order.stage == "delivered":
        day = day_text(timezone.localtime(max(collected)).date())
        return Headline(title=pgettext("portal", "Collected %(day)s") % {"day": day})
    if ready:
        return Headline(title=pgettext("portal", "Ready to collect"),
                        note=pgettext("portal", "Show the code below at the counter."))  # fmt: skip
    promised = _local_day(order.promised_by)
    note = pgettext("portal", "We write to you as soon as it is ready.")
    if promised is None:
        return Headline(title=pgettext("portal", "We are getting it ready"), note=note)
    return Headline(title=pgettext("portal", "Ready to collect by %(day)s") % {"day": day_text(promised)}, note=note)


def _arrival(order: Order, shipments: Sequence[Shipment], failing: Sequence[Failing]) -> Headline:
    promised = _local_day(order.promised_by)
    first = _local_day(order.first_promised_by) or promised
    on_way = [item for item in shipments if item.state not in _OVER]
    expected = [item.expected_delivery for item in on_way if item.expected_delivery]
    day = max([*expected, *([promised] if promised and not _all_known(order, on_way) else [])], default=promised)
    failed = any(item.state == ShipmentState.NDR_OPEN for item in on_way)
    today = timezone.localdate()
    out = any(item.state == ShipmentState.OUT_FOR_DELIVERY for item in on_way)
    if out:
        day = today
    wished = max((item.wished for item in failing if item.wished), default=None)
    if wished is not None and wished > today:
        day = wished
    if day is not None and (day < today or failed and not out and day == today):
        day = today + timedelta(days=1) if failed else None
    if day is None:
        title = pgettext("portal", "We are working on your date") if first else pgettext("portal", "On its way to you")
        if not shipments and not first:
            title = pgettext("portal", "We are getting it ready")
    elif day == today:
        title = pgettext("portal", "Arriving today")
    else:
        title = pgettext("portal", "Arriving %(day)s") % {"day": day_text(day)}
    moved = first is not None and (day is None or day > first)
    note = _shipped_note(shipments)
    if not moved or first is None:
        return Headline(title=title, note=note)
    return Headline(title=title, was=day_text(first), reason=_reason(order, on_way, failed, failing), note=note)


def _all_known(order: Order, on_way: Sequence[Shipment]) -> bool:
    """Every unit travels with a date of its courier, so that the promise is replaced by what is known."""
    still_here = order.stage in ("captured", "backordered", "routed", "released", "picked", "packed")
    return bool(on_way) and not still_here and all(item.expected_delivery for item in on_way)


def _reason(order: Order, on_way: Sequence[Shipment], failed: bool, failing: Sequence[Failing]) -> str:
    if any(item.wished and item.by_customer for item in failing):
        return pgettext("portal", "You asked the courier to come on this day.")
    if any(item.may_answer and not item.answered for item in failing):
        return pgettext("portal", "The courier tried and could not deliver. Tell us below what they should do.")
    if failed:
        return pgettext("portal", "The courier tried and could not deliver. They try again on the next working day.")
    kinds = set(OrderEvent.objects.filter(order=order).values_list("kind", flat=True))
    if kinds & {"short_pick", "work_withdrawn"}:
        return pgettext("portal", "An item was not where we thought, so it comes from another place.")
    if kinds & {"held", "address_changed"}:
        return pgettext("portal", "We had to check your order before we could send it.")
    if any(item.state in _TRAVELLING for item in on_way):
        return pgettext("portal", "The courier needs longer than we had planned.")
    return pgettext("portal", "We need longer than we had planned to get it ready.")


def _shipped_note(shipments: Sequence[Shipment]) -> str:
    if len(shipments) > 1:
        return npgettext("portal", "In %(n)d parcel", "In %(n)d parcels", len(shipments)) % {"n": len(shipments)}
    return ""


def _refund_note(order: Order) -> str:
    payment = getattr(order, "payment", None)
    if payment is None or not payment.captured_minor:
        return pgettext("portal", "You paid nothing, so there is nothing to give back.")
    return pgettext("portal", "Your money goes back the way it came, within 5 to 7 working days.")


# -- a parcel ----------------------------------------------------------------------------------------------------------


def _parcel(
    shipment: Shipment, position: int, count: int, scans: list[TrackingEvent], order: Order, images: dict[int, str]
) -> Parcel:
    goods = [
        Goods(name=item.line.order_line.name or item.line.sku.name, quantity=item.quantity,
              options=_words(item.line.sku.options, item.line.order_line), image=images.get(item.line.sku_id, ""))
        for item in shipment.items.all()
    ]  # fmt: skip
    title = pgettext("portal", "Parcel %(n)d of %(all)d") % {"n": position, "all": count}
    last = scans[-1] if scans else None
    place = f" – {last.location}" if last and last.location else ""
    return Parcel(
        shipment_id=shipment.pk, title=title if count > 1 else pgettext("portal", "Your parcel"), goods=goods,
        steps=_steps(shipment, scans, order), courier=shipment.courier_name, awb=shipment.awb,
        last_scan=f"{_scan_words(last)}{place}" if last else "",
        last_scan_at=last.occurred_at if last else None,
    )  # fmt: skip


def _scan_words(scan: TrackingEvent) -> str:
    """In the customer's language where it is known what the scan says, else as the courier wrote it."""
    if scan.milestone == Milestone.ATTEMPT_FAILED:
        return pgettext("portal", "Delivery failed")
    return scan_words(scan.sub_status) or scan.description or scan.carrier_status


def _steps(shipment: Shipment, scans: list[TrackingEvent], order: Order) -> list[dict[str, Any]]:
    if shipment.fulfillment_order.kind == FulfillmentOrderKind.PICKUP:
        found = [
            (pgettext("portal", "Ordered"), order.placed_at),
            (pgettext("portal", "Ready to collect"), shipment.created_at),
            (pgettext("portal", "Collected"), shipment.delivered_at),
        ]
        return _with_states(found)
    out_at = next((scan.occurred_at for scan in scans[::-1] if scan.milestone == "out_for_delivery"), None)
    found = [
        (pgettext("portal", "Ordered"), order.placed_at),
        (pgettext("portal", "Packed"), shipment.created_at),
        (pgettext("portal", "Shipped"), shipment.handed_over_at),
        (pgettext("portal", "Out for delivery"), out_at),
        (pgettext("portal", "Delivered"), shipment.delivered_at),
    ]
    steps = _with_states(found)
    return _with_trouble(shipment, scans, steps)


def _with_states(found: list[tuple[str, datetime | None]]) -> list[dict[str, Any]]:
    """Everything before the last reached step is done, even where its moment is not known."""
    reached = max(index for index, (_, at) in enumerate(found) if at is not None)
    last = len(found) - 1
    return [
        {"label": label, "at": at,
         "state": "todo" if index > reached else "done" if index < reached or reached == last else "current"}
        for index, (label, at) in enumerate(found)
    ]  # fmt: skip


def _with_trouble(shipment: Shipment, scans: list[TrackingEvent], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    words = {
        ShipmentState.NDR_OPEN: pgettext("portal", "Delivery failed"),
        ShipmentState.LOST: pgettext("portal", "The courier cannot find it"),
        ShipmentState.DAMAGED: pgettext("portal", "Damaged on the way"),
    } | dict.fromkeys(_COMING_BACK, pgettext("portal", "Going back to us"))
    label = words.get(ShipmentState(shipment.state))
    if label is None:
        return steps
    at = scans[-1].occurred_at if scans else now()
    done = [step | {"state": "done"} for step in steps if step["at"] is not None]
    return [*done, {"label": label, "at": at, "state": "problem"},
            *([steps[-1]] if shipment.state == ShipmentState.NDR_OPEN else [])]  # fmt: skip
