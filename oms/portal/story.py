"""What a customer is told of an order: the date first, whether it moved and why, then each parcel by itself.

Nothing here names the customer: initial and PIN code are all that anybody with the link may read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Prefetch
from django.utils.translation import pgettext

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
from oms.portal.dates import COMING_BACK, Dates, Headline, dates_of, pickup_headline
from oms.portal.days import day_text
from oms.portal.failing import Doubt, Failing, doubts_of, failing_of, scan_words
from orders.models import Order, OrderLine
from orders.selectors.cancelled import really_cancelled


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
    #: When it comes, where the order comes in several parcels.
    arrival: Headline | None = None

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
    dates = (
        Dates(pickup_headline(order, shipments, ready), {}) if is_pickup else dates_of(order, shipments, failing)
    )  # fmt: skip
    story = Story(order=order, headline=dates.headline, who=_who(order))
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
        story.parcels.append(replace(
            parcel, failing=failing.get(shipment.pk), doubt=doubts.get(shipment.pk),
            arrival=dates.by_parcel.get(shipment.pk),
        ))  # fmt: skip
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
    } | dict.fromkeys(COMING_BACK, pgettext("portal", "Going back to us"))
    label = words.get(ShipmentState(shipment.state))
    if label is None:
        return steps
    at = scans[-1].occurred_at if scans else now()
    done = [step | {"state": "done"} for step in steps if step["at"] is not None]
    return [*done, {"label": label, "at": at, "state": "problem"},
            *([steps[-1]] if shipment.state == ShipmentState.NDR_OPEN else [])]  # fmt: skip
