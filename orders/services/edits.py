"""Small changes to an order that a person or the channel makes after capture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish
from oms.core.places import has_postcodes, normalise_postcode
from oms.core.values import Address
from orders.errors import CannotEdit
from orders.events import AddressChanged
from orders.locks import lock_order, lock_payment
from orders.models import Order, OrderLine, OrderSearch, Payment, PaymentState
from orders.services.refunds import due_minor
from orders.services.search_text import search_text
from orders.services.timeline import TimelineEntry, record

#: Stages in which the parcel has no label yet, so that the address may still change.
ADDRESS_EDITABLE = frozenset({"captured", "backordered", "routed", "released", "picked"})


def edit_address(*, order_id: int, address: Address, actor: str, version: int | None = None) -> None:
    """Change where an order goes. Publishes AddressChanged.

    `version` is the order's version that the caller saw: Conflict when somebody changed the order since. Raises
    CannotEdit once the parcel is packed, DomainError for a postcode that its country does not have.
    """
    postcode = normalise_postcode(address.country, address.postcode)
    if postcode is None and not address.postcode and not has_postcodes(address.country):
        postcode = ""
    if postcode is None:
        raise DomainError(f"{address.postcode!r} is not a postcode of {address.country}.", field="postcode")

    def work() -> None:
        order = lock_order(order_id)
        if version is not None and order.version != version:
            raise Conflict(f"{order.number} was changed by someone else. Look at it again, then save.")
        if order.stage not in ADDRESS_EDITABLE:
            raise CannotEdit(
                f"{order.number} is {order.get_stage_display().lower()}: its address can no longer change."
            )
        before = order.shipping_address
        if before == address:
            return
        Order.objects.filter(pk=order.pk).update(
            ship_to=address.as_json(), ship_postcode=postcode, ship_city=address.city[:120],
            ship_region=address.region[:120], ship_country=address.country,
        )  # fmt: skip
        _renew_search(order, address, postcode)
        data = {"before": before.as_json(), "after": address.as_json()}
        record([TimelineEntry(order_id=order.pk, kind="address_changed", actor=actor, data=data,
                              message=f"Address changed from {before.city} {before.postcode} to "
                                      f"{address.city} {postcode}.")])  # fmt: skip
        elsewhere = (postcode, address.country) != (order.ship_postcode, order.ship_country)
        publish([AddressChanged(order_id=order.pk, postcode_changed=elsewhere)])

    run_atomic(work)


def _renew_search(order: Order, address: Address, postcode: str) -> None:
    codes = OrderLine.objects.filter(order=order).order_by("position", "pk").values_list("sku_code", flat=True)
    text = search_text(
        references=(order.number, order.external_id, order.external_number), name=order.customer_name,
        email=order.customer_email, phone=order.customer_phone, address=address, postcode=postcode, sku_codes=codes,
    )  # fmt: skip
    OrderSearch.objects.filter(order=order).update(text=text)


def add_note(*, order_id: int, text: str, actor: str) -> None:
    """Put a note of a person on the timeline. Raises DomainError for an empty one."""
    text = text.strip()
    if not text:
        raise DomainError("The note is empty.", field="text")
    record([TimelineEntry(order_id=order_id, kind="note", message=text, actor=actor)])


def set_tags(*, order_id: int, tags: Sequence[str], actor: str) -> None:
    """Replace the tags of an order."""
    clean = _clean_tags(tags)
    run_atomic(lambda: _put_tags(lock_order(order_id), clean, actor))


def change_tags(*, order_id: int, add: Sequence[str] = (), remove: Sequence[str] = (), actor: str) -> bool:
    """Add and remove tags and leave the others, also those that somebody else sets meanwhile; False: they are so."""
    added, removed = _clean_tags(add), _clean_tags(remove)

    def work() -> bool:
        order = lock_order(order_id)
        return _put_tags(order, (set(order.tags) | added) - removed, actor)

    return run_atomic(work)


def _clean_tags(tags: Sequence[str]) -> set[str]:
    return {tag.strip().lower()[:40] for tag in tags if tag.strip()}


def _put_tags(order: Order, wanted: set[str], actor: str) -> bool:
    """The tags of a locked order. False where they are these already."""
    tags = sorted(wanted)
    if sorted(order.tags) == tags:
        return False
    Order.objects.filter(pk=order.pk).update(tags=tags)
    message = f"Tags: {', '.join(tags)}." if tags else "Tags removed."
    record([TimelineEntry(order_id=order.pk, kind="tagged", message=message, actor=actor)])
    return True


def record_payment(
    *,
    order_id: int,
    state: str,
    actor: str,
    captured_minor: int | None = None,
    refunded_minor: int | None = None,
    gateway: str = "",
    reference: str = "",
) -> None:
    """Store what the channel or gateway says of the money now. The same news again changes nothing.

    Raises DomainError for amounts that cannot be: more refunded than captured, more captured than agreed.
    """
    if state not in PaymentState.values:
        raise DomainError(f"{state!r} is not a payment state.", field="state")

    def work() -> None:
        order = lock_order(order_id)
        payment = lock_payment(order)
        captured = payment.captured_minor if captured_minor is None else captured_minor
        refunded = payment.refunded_minor if refunded_minor is None else refunded_minor
        if not 0 <= refunded <= captured <= payment.amount_minor:
            raise DomainError(
                f"{order.number}: {refunded} refunded of {captured} captured of {payment.amount_minor} cannot be.",
                field="captured_minor",
            )
        before = (payment.state, payment.captured_minor, payment.refunded_minor)
        if before == (state, captured, refunded):
            return
        Payment.objects.filter(pk=payment.pk).update(
            state=state, captured_minor=captured, refunded_minor=refunded,
            gateway=gateway or payment.gateway, reference=reference or payment.reference,
            refund_due_minor=_due_after(order, payment, captured, refunded),
        )  # fmt: skip
        message = f"Payment {PaymentState(state).label.lower()}."
        data = {"captured_minor": captured, "refunded_minor": refunded}
        record([TimelineEntry(order_id=order.pk, kind="payment", message=message, actor=actor, data=data)])

    run_atomic(work)


def _due_after(order: Order, payment: Payment, captured: int, refunded: int) -> int:
    if order.is_cod:
        return max(0, payment.refund_due_minor - (refunded - payment.refunded_minor))
    return due_minor(payment, captured=captured, refunded=refunded)


def mark_seen(*, order_id: int, external_updated_at: datetime) -> bool:
    """Note the channel's own version of an order. False when what we hold is as new or newer: stale news."""
    updated = (
        Order.objects.filter(pk=order_id)
        .exclude(external_updated_at__gte=external_updated_at)
        .update(external_updated_at=external_updated_at)
    )
    return updated == 1


_PROMISE_DATES = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%(orders)s::bigint[], %(dates)s::timestamptz[]) AS g(order_id, promised_by)
),
locked AS MATERIALIZED (
    SELECT id FROM orders_order WHERE id IN (SELECT order_id FROM given) ORDER BY id FOR NO KEY UPDATE
)
UPDATE orders_order o SET promised_by = g.promised_by, first_promised_by = g.promised_by
FROM given g JOIN locked ON locked.id = g.order_id
WHERE o.id = g.order_id AND o.promised_by IS NULL AND o.stage <> 'cancelled'
RETURNING o.id
"""


def promise_dates(dates: Mapping[int, datetime]) -> set[int]:
    """Give orders that were promised nothing a date; which got it. One statement; a date that is there stays.

    The orders keep their version: nobody changed what was ordered, and who edits one meanwhile is not refused.
    """
    if not dates:
        return set()
    params = {"orders": list(dates), "dates": [moment.isoformat() for moment in dates.values()]}
    return {order_id for (order_id,) in fetch_all(_PROMISE_DATES, params)}


def promise_anew(*, order_id: int, promised_by: datetime, actor: str, message: str) -> None:
    """The customer is told another date: the first one stays known, and the timeline says so.

    Raises CannotEdit for an order that is delivered or cancelled.
    """

    def work() -> None:
        order = lock_order(order_id)
        if order.stage in ("delivered", "returned", "cancelled"):
            raise CannotEdit(f"{order.number} is {order.get_stage_display().lower()}: there is no date to tell.")
        first = order.first_promised_by or order.promised_by or promised_by
        Order.objects.filter(pk=order_id).update(promised_by=promised_by, first_promised_by=first)
        data = {"before": order.promised_by.isoformat() if order.promised_by else None,
                "after": promised_by.isoformat()}  # fmt: skip
        record([TimelineEntry(order_id=order_id, kind="promised", actor=actor, message=message, data=data)])

    run_atomic(work)
