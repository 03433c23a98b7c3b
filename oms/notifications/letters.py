"""What a message says: the template's context, from the order and, where it is about one, the parcel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from babel.dates import format_date
from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentItem, ShipmentState
from fulfillment.selectors.keeping import kept_until_of
from fulfillment.selectors.pickups import pickup_code
from inventory.models import Node
from oms.core.templatetags.oms_format import active_locale
from oms.notifications.links import tracking_url
from orders.models import Order, OrderLine

SUBJECTS = {
    "confirmation": "We have your order {number}",
    "shipped": "Your order {number} is on its way",
    "out_for_delivery": "Your order {number} comes today",
    "delivered": "Your order {number} was delivered",
    "delivery_failed": "We could not deliver your order {number}",
    "ready_for_pickup": "Your order {number} is ready to collect",
    "cancelled": "Your order {number} was cancelled",
    "not_collected": "What was not collected of your order {number}",
    "substituted": "Something else for part of your order {number}",
    "substitute_taken_back": "Your order {number} comes as you ordered it",
    "new_date": "A new date for your order {number}",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a message. `total_minor` is None where prices are not the point."""

    name: str
    options: str
    quantity: int
    total_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message ready to be kept and sent."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class AtStore:
    """What is said of an order that is collected: where, until when, and what lies there beside its own parcel."""

    node: Node | None = None
    kept_until: date | None = None
    parcels: Sequence[Shipment] = ()


def letter_orders() -> QuerySet[Order]:
    """Orders with all that letters say of them, in a handful of statements however many they are."""
    lines = OrderLine.objects.select_related("kit", "substitute_for")
    parcels = Shipment.objects.only("order_id", "state").order_by("pk")
    return Order.objects.select_related("channel", "payment").prefetch_related(
        Prefetch("lines", lines), Prefetch("shipments", parcels), "kits"
    )


def letter_parcels() -> QuerySet[Shipment]:
    """Parcels with what is in them, as letters say it."""
    items = ShipmentItem.objects.select_related("line__order_line__kit", "line__order_line__substitute_for")
    return Shipment.objects.select_related("node").prefetch_related(Prefetch("items", items.order_by("pk")))


def at_stores(about: Sequence[tuple[Order, Shipment | None]]) -> dict[tuple[int, int | None], AtStore]:
    """By order and parcel; of orders that are collected alone. Statements do not grow with them."""
    wanted = [(order, parcel) for order, parcel in about if order.service_level == Order.ServiceLevel.PICKUP]
    if not wanted:
        return {}
    ids = {order.pk for order, _ in wanted}
    nodes = {node.code: node for node in Node.objects.filter(code__in={order.pickup_node_code for order, _ in wanted})}
    kept = kept_until_of(ids)
    own = {parcel.pk for _, parcel in wanted if parcel is not None}
    lying: dict[int, list[Shipment]] = {}
    ready = Q(pk__in=own) | Q(state=ShipmentState.CREATED, fulfillment_order__kind=FulfillmentOrderKind.PICKUP)
    for row in letter_parcels().filter(ready, order__in=ids).order_by("pk") if own else ():
        lying.setdefault(row.order_id, []).append(row)
    return {
        (order.pk, parcel.pk if parcel else None): AtStore(
            parcel.node if parcel else nodes.get(order.pickup_node_code), kept.get(order.pk), lying.get(order.pk, ())
        )
        for order, parcel in wanted
    }


def at_store(order: Order, shipment: Shipment | None) -> AtStore:
    """`at_stores` of one."""
    return at_stores([(order, shipment)]).get((order.pk, shipment.pk if shipment else None), AtStore())


def write_letter(
    template: str, order: Order, shipment: Shipment | None = None, store: AtStore | None = None
) -> Letter:  # fmt: skip
    """Render one message: subject, plain text and HTML say the same. `store` is read where it is not given."""
    store = at_store(order, shipment) if store is None else store
    number = order.external_number or order.number
    subject = SUBJECTS[template].format(number=number)
    context = _context(order, shipment, store) | {"number": number, "subject": subject}
    if template == "ready_for_pickup" and shipment is not None:
        # Beside this parcel: some came from the store's shelf, some in parcels of other nodes.
        context["items"] = [item for parcel in store.parcels for item in _parcel_items(parcel)]
        context["code"] = pickup_code(order)
        context["kept_until"] = day_text(store.kept_until)
    if template == "not_collected":
        context["items"] = [_item(line, line.cancelled) for line in order.lines.all() if line.cancelled]
    text = render_to_string(f"emails/{template}.txt", context)
    return Letter(subject, f"{text.strip()}\n", render_to_string(f"emails/{template}.html", context))


def _context(order: Order, shipment: Shipment | None, store: AtStore) -> dict[str, Any]:
    payment = getattr(order, "payment", None)
    return {
        "order": order, "shipment": shipment, "link": tracking_url(order), "first_name": first_name(order),
        "brand": order.channel.brand or order.channel.name, "address": _address(order),
        "items": _parcel_items(shipment) if shipment else _order_items(order),
        "totals": _totals(order), "arriving": day_text(expected_day(order, shipment)),
        "is_paid": bool(payment and payment.captured_minor),
        "gets_back": bool(payment and payment.refund_due_minor + payment.refunded_minor),
        "is_pickup": order.service_level == Order.ServiceLevel.PICKUP, "node": store.node,
        "due": due_minor(order, shipment),
        "substitutes": [] if shipment else _substitutes(order),
        "is_part": bool(shipment) and sum(row.state != ShipmentState.CANCELLED for row in order.shipments.all()) > 1,
    }  # fmt: skip


def due_minor(order: Order, shipment: Shipment | None) -> int:
    """What is to be paid when it comes: of a parcel on the road its own part."""
    if shipment is not None and order.service_level != Order.ServiceLevel.PICKUP:
        return shipment.cod_minor or 0
    return order.total_minor if order.is_cod else 0


def _address(order: Order) -> list[str]:
    """As it is written on the parcel; the country only where it is another one than ours."""
    address = order.shipping_address
    at_home = address.country == settings.DEFAULT_COUNTRY
    return replace(address, country="" if at_home else address.country).lines()


def first_name(order: Order, unknown: str = "there") -> str:
    """How the customer is spoken to."""
    words = (order.customer_name or order.shipping_address.name).split()
    return words[0] if words else unknown


def expected_day(order: Order, shipment: Shipment | None) -> date | None:
    """The day on which it comes, as the carrier says, else as it was promised."""
    promised = timezone.localtime(order.promised_by).date() if order.promised_by else None
    return (shipment.expected_delivery if shipment else None) or promised


def day_text(day: date | None) -> str:
    """A day in words of the active language; nothing stays nothing."""
    return format_date(day, "EEEE, d MMMM", locale=active_locale()) if day else ""


def _options(options: Any) -> str:
    return ", ".join(str(value) for value in options.values() if value) if isinstance(options, dict) else ""


def _order_items(order: Order) -> list[Item]:
    """What was bought: a kit is one item, as the customer knows it."""
    lines = list(order.lines.all())
    kits = {kit.pk: kit for kit in order.kits.all()} if any(line.kit_id for line in lines) else {}
    items: list[Item] = []
    for line in lines:
        if line.substitute_for_id is not None:
            continue
        if line.kit_id is None:
            items.append(_item(line, line.quantity, line.total_minor))
        elif line.kit_id in kits:
            kit = kits.pop(line.kit_id)
            items.append(Item(kit.name or kit.sku_code, _options(kit.options), kit.quantity, kit.total_minor))
    return items


def _substitutes(order: Order) -> list[tuple[Item, str]]:
    """What is sold in place of something, and of what."""
    return [
        (_item(line, line.quantity - line.cancelled), line.substitute_for.name or line.substitute_for.sku_code)
        for line in order.lines.all()
        if line.substitute_for is not None and line.quantity > line.cancelled
    ]


def _parcel_items(shipment: Shipment) -> list[Item]:
    """What is in the parcel, piece by piece: a kit may come in several."""
    return [_item(row.line.order_line, row.quantity) for row in sorted(shipment.items.all(), key=lambda row: row.pk)]


def _item(line: OrderLine, quantity: int, total_minor: int | None = None) -> Item:
    words = [_options(line.options), f"part of {line.kit.name or line.kit.sku_code}" if line.kit else ""]
    if line.substitute_for is not None:
        words.append(f"instead of {line.substitute_for.name or line.substitute_for.sku_code}")
    return Item(line.name or line.sku_code, ", ".join(word for word in words if word), quantity, total_minor)


def _totals(order: Order) -> list[tuple[str, int]]:
    """Label and amount in minor units, the sum last; parts that are zero are left out."""
    added_tax = sum(line.tax_minor for line in order.lines.all() if not line.tax_included)
    parts = [
        ("Items", order.goods_minor), ("Discount", -order.discount_minor), ("Tax", added_tax),
        ("Delivery", order.shipping_minor), ("Cash on delivery fee", order.cod_fee_minor),
    ]  # fmt: skip
    shown = [(label, amount) for label, amount in parts if amount]
    shown = shown if sum(amount for _, amount in shown) == order.total_minor and len(shown) > 1 else []
    return [*shown, ("Total", order.total_minor)]
