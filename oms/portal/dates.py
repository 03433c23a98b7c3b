"""When an order comes: the first line of its page, and of several parcels each its own, with what moved and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from django.utils import timezone
from django.utils.translation import npgettext, pgettext

from fulfillment.models import Shipment, ShipmentState
from oms.portal.days import day_text
from oms.portal.failing import Failing
from orders.models import Order, OrderEvent

COMING_BACK = (ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT, ShipmentState.RTO_RECEIVED)
_OVER = (ShipmentState.DELIVERED, ShipmentState.CANCELLED, ShipmentState.LOST, *COMING_BACK)
_TRAVELLING = (ShipmentState.HANDED_OVER, ShipmentState.IN_TRANSIT, ShipmentState.OUT_FOR_DELIVERY,
               ShipmentState.NDR_OPEN)  # fmt: skip
_AT_HOME = ("captured", "backordered", "routed", "released", "picked", "packed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A date in words, the date it replaces, why, and one sentence more."""

    title: str
    was: str = ""
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dates:
    """The line of the order, and of each parcel that is still to come where the order comes in several."""

    headline: Headline
    by_parcel: Mapping[int, Headline]


def dates_of(order: Order, shipments: Sequence[Shipment], failing: Mapping[int, Failing]) -> Dates:
    """When an order that is delivered comes. One statement where a date moved, else none."""
    if order.stage == "cancelled":
        return Dates(_cancelled(order), {})
    if shipments and all(item.state in COMING_BACK for item in shipments):
        note = pgettext("portal", "The courier could not deliver it. Write to us, and we send it again.")
        return Dates(Headline(title=pgettext("portal", "Your parcel is going back to us"), note=note), {})
    delivered = [item.delivered_at for item in shipments if item.delivered_at]
    if order.stage in ("delivered", "returned") and delivered:
        day = day_text(timezone.localtime(max(delivered)).date())
        return Dates(Headline(title=pgettext("portal", "Delivered %(day)s") % {"day": day}), {})
    return _arrivals(order, shipments, failing)


def pickup_headline(order: Order, shipments: Sequence[Shipment], ready: bool) -> Headline:
    """When an order that is collected lies ready."""
    if order.stage == "cancelled":
        return _cancelled(order)
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


def _arrivals(order: Order, shipments: Sequence[Shipment], failing: Mapping[int, Failing]) -> Dates:
    promised = _local_day(order.promised_by)
    first, today = _local_day(order.first_promised_by) or promised, timezone.localdate()
    on_way = [item for item in shipments if item.state not in _OVER]
    days = {item.pk: _day_of(item, promised, failing.get(item.pk), today) for item in on_way}
    known = [day for day in days.values() if day is not None]
    if promised is not None and promised >= today and (not on_way or order.stage in _AT_HOME):
        known.append(promised)
    earliest, last = min(known, default=None), max(known, default=None)
    happened = cache(lambda: set(OrderEvent.objects.filter(order=order).values_list("kind", flat=True)))

    def line(title: str, day: date | None, some: Sequence[Shipment], note: str = "") -> Headline:
        if first is None or day is not None and day <= first:
            return Headline(title=title, note=note)
        asked = [failing[item.pk] for item in some if item.pk in failing]
        return Headline(title=title, was=day_text(first), reason=_reason(some, asked, happened), note=note)

    def title(day: date | None) -> str:
        return _title(day, today, has_promise=first is not None, is_packed=bool(shipments))

    whole = title(last)
    if len(shipments) > 1 and earliest is not None and last is not None and earliest != last:
        words = {"first": _in_sentence(earliest, today), "last": _in_sentence(last, today)}
        whole = pgettext("portal", "The first parcel comes %(first)s, the last %(last)s") % words
    by_parcel = {item.pk: line(title(days[item.pk]), days[item.pk], [item]) for item in on_way if len(shipments) > 1}
    return Dates(line(whole, last, on_way, _parcels_note(shipments)), by_parcel)


def _day_of(shipment: Shipment, promised: date | None, failing: Failing | None, today: date) -> date | None:
    """The day of one parcel: as the customer asked, the courier says, or it was promised; none that is over."""
    if failing is not None and failing.wished is not None and failing.wished > today:
        return failing.wished
    if shipment.state == ShipmentState.OUT_FOR_DELIVERY:
        return today
    day = shipment.expected_delivery or promised
    if day is not None and shipment.state == ShipmentState.NDR_OPEN:
        return max(day, today + timedelta(days=1))
    return day if day is not None and day >= today else None


def _title(day: date | None, today: date, *, has_promise: bool, is_packed: bool) -> str:
    if day == today:
        return pgettext("portal", "Arriving today")
    if day is not None:
        return pgettext("portal", "Arriving %(day)s") % {"day": day_text(day)}
    if has_promise:
        return pgettext("portal", "We are working on your date")
    return pgettext("portal", "On its way to you") if is_packed else pgettext("portal", "We are getting it ready")


def _in_sentence(day: date, today: date) -> str:
    return pgettext("portal", "today") if day == today else day_text(day)


def _reason(some: Sequence[Shipment], failing: Sequence[Failing], happened: Callable[[], set[str]]) -> str:
    if any(item.wished and item.by_customer for item in failing):
        return pgettext("portal", "You asked the courier to come on this day.")
    if any(item.may_answer and not item.answered for item in failing):
        return pgettext("portal", "The courier tried and could not deliver. Tell us below what they should do.")
    if any(item.state == ShipmentState.NDR_OPEN for item in some):
        return pgettext("portal", "The courier tried and could not deliver. They try again on the next working day.")
    kinds = happened()
    if kinds & {"short_pick", "work_withdrawn"}:
        return pgettext("portal", "An item was not where we thought, so it comes from another place.")
    if kinds & {"held", "address_changed"}:
        return pgettext("portal", "We had to check your order before we could send it.")
    if any(item.state in _TRAVELLING for item in some):
        return pgettext("portal", "The courier needs longer than we had planned.")
    return pgettext("portal", "We need longer than we had planned to get it ready.")


def _parcels_note(shipments: Sequence[Shipment]) -> str:
    if len(shipments) > 1:
        return npgettext("portal", "In %(n)d parcel", "In %(n)d parcels", len(shipments)) % {"n": len(shipments)}
    return ""


def _cancelled(order: Order) -> Headline:
    return Headline(title=pgettext("portal", "This order is cancelled"), note=_refund_note(order))


def _refund_note(order: Order) -> str:
    payment = getattr(order, "payment", None)
    if payment is None or not payment.captured_minor:
        return pgettext("portal", "You paid nothing, so there is nothing to give back.")
    return pgettext("portal", "Your money goes back the way it came, within 5 to 7 working days.")


def _local_day(moment: datetime | None) -> date | None:
    return timezone.localtime(moment).date() if moment else None
