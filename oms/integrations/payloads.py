"""What each topic tells. Never who the customer is: no name, street, phone or mail address leaves through a webhook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from fulfillment.events import ShipmentDelivered, ShipmentHandedOver
from fulfillment.models import FulfillmentOrder, Shipment
from inventory.events import NodeSwitched, StockArrived, StockChanged
from inventory.models import Node, Sku
from oms.core.events import Event, Recorded
from oms.integrations.news import News
from orders.events import LineSubstituted, OrderCancelled, OrderCaptured, SubstitutionTakenBack
from orders.models import Order, OrderLine
from orders.selectors.cancelled import really_cancelled
from returns.events import ReturnReceived
from returns.models import Return
from routing.events import OrderRouted, OrderUnroutable

E = TypeVar("E", bound=Event)

_NO_NODE: frozenset[str] = frozenset()


def _of(kind: type[E], found: Sequence[Recorded]) -> list[tuple[Recorded, E]]:
    """The events of one kind, with their records."""
    return [(item, item.event) for item in found if isinstance(item.event, kind)]


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


# -- stock ------------------------------------------------------------------------------------------------------------


def levels_changed(found: Sequence[Recorded]) -> list[News]:
    """One piece of news per SKU, whatever happened to it; its levels are read when it is sent."""
    first: dict[int, Recorded] = {}
    for item, event in _of(StockChanged, found):
        for sku_id in event.sku_ids:
            first.setdefault(sku_id, item)
    codes = dict(Sku.objects.filter(pk__in=first).values_list("pk", "code"))
    return [
        News(key=f"{first[sku_id].id}/{sku_id}", at=first[sku_id].at, subject=code, data=None, node_codes=None,
             sku_ids=frozenset({sku_id}), fold_key=f"sku/{sku_id}")
        for sku_id, code in sorted(codes.items())
    ]  # fmt: skip


def stock_arrived(found: Sequence[Recorded]) -> list[News]:
    """Where ATP grew, and of which SKUs."""
    events = _of(StockArrived, found)
    nodes = dict(Node.objects.filter(pk__in={event.node_id for _, event in events}).values_list("pk", "code"))
    wanted = {sku_id for _, event in events for sku_id in event.sku_ids}
    codes = dict(Sku.objects.filter(pk__in=wanted).values_list("pk", "code"))
    return [
        News(key=str(item.id), at=item.at, subject=nodes[event.node_id],
             data={"node": nodes[event.node_id], "skus": sorted(codes[pk] for pk in event.sku_ids if pk in codes)},
             node_codes=frozenset({nodes[event.node_id]}), sku_ids=frozenset(event.sku_ids))
        for item, event in events
        if event.node_id in nodes
    ]  # fmt: skip


def node_switched(found: Sequence[Recorded]) -> list[News]:
    """A node went on or off."""
    events = _of(NodeSwitched, found)
    nodes = Node.objects.in_bulk({event.node_id for _, event in events})
    return [
        News(key=str(item.id), at=item.at, subject=node.code, node_codes=frozenset({node.code}), sku_ids=None,
             data={"node": node.code, "name": node.name, "active": event.active,
                   "reason": "" if event.active else node.offline_reason})
        for item, event in events
        if (node := nodes.get(event.node_id)) is not None
    ]  # fmt: skip


# -- orders -----------------------------------------------------------------------------------------------------------


def _orders(ids: Iterable[int]) -> dict[int, Order]:
    return Order.objects.select_related("channel").prefetch_related("lines").in_bulk(set(ids))


def _name(order: Order) -> dict[str, Any]:
    """How both sides call an order."""
    return {"number": order.number, "channel": order.channel.code, "external_id": order.external_id,
            "external_number": order.external_number}  # fmt: skip


def _sku_ids(lines: Iterable[OrderLine]) -> frozenset[int]:
    return frozenset(line.sku_id for line in lines if line.sku_id is not None)


def order_captured(found: Sequence[Recorded]) -> list[News]:
    """An order with its lines and where it goes, to the postcode."""
    events = _of(OrderCaptured, found)
    orders = _orders(event.order_id for _, event in events)
    return [
        News(key=str(item.id), at=item.at, subject=order.number, data=_order_data(order), node_codes=_NO_NODE,
             sku_ids=_sku_ids(order.lines.all()))
        for item, event in events
        if (order := orders.get(event.order_id)) is not None
    ]  # fmt: skip


def _order_data(order: Order) -> dict[str, Any]:
    return _name(order) | {
        "placed_at": _moment(order.placed_at), "promised_by": _moment(order.promised_by), "on_hold": order.is_held,
        "currency": order.currency, "total_minor": order.total_minor, "payment_method": order.payment_method,
        "service_level": order.service_level,
        "ship_to": {"city": order.ship_city, "region": order.ship_region, "postcode": order.ship_postcode,
                    "country": order.ship_country},
        "lines": [
            {"id": line.pk, "external_id": line.external_id, "sku": line.sku_code, "quantity": line.quantity,
             "unit_price_minor": line.unit_price_minor}
            for line in order.lines.all()
        ],
    }  # fmt: skip


def order_routed(found: Sequence[Recorded]) -> list[News]:
    """The nodes that were given units of an order."""
    events = _of(OrderRouted, found)
    orders = _orders(event.order_id for _, event in events)
    wanted = {node_id for _, event in events for node_id in event.node_ids}
    nodes = dict(Node.objects.filter(pk__in=wanted).values_list("pk", "code"))
    return [
        News(key=str(item.id), at=item.at, subject=order.number, node_codes=frozenset(codes),
             data=_name(order) | {"nodes": codes, "complete": event.complete}, sku_ids=_sku_ids(order.lines.all()))
        for item, event in events
        if (order := orders.get(event.order_id)) is not None
        for codes in [sorted(nodes[pk] for pk in event.node_ids if pk in nodes)]
    ]  # fmt: skip


def order_unroutable(found: Sequence[Recorded]) -> list[News]:
    """Why no node can take an order now."""
    events = _of(OrderUnroutable, found)
    orders = _orders(event.order_id for _, event in events)
    return [
        News(key=str(item.id), at=item.at, subject=order.number, data=_name(order) | {"reason": event.sentence},
             node_codes=_NO_NODE, sku_ids=_sku_ids(order.lines.all()))
        for item, event in events
        if (order := orders.get(event.order_id)) is not None
    ]  # fmt: skip


def line_substituted(found: Sequence[Recorded]) -> list[News]:
    """Units of a line are sold as another SKU."""
    return _substitutions([(item, event) for item, event in _of(LineSubstituted, found)])


def substitution_taken_back(found: Sequence[Recorded]) -> list[News]:
    """Units that were sold as another SKU are those of the line that was ordered again."""
    return _substitutions([(item, event) for item, event in _of(SubstitutionTakenBack, found)])


def _substitutions(found: Sequence[tuple[Recorded, LineSubstituted | SubstitutionTakenBack]]) -> list[News]:
    orders = _orders(event.order_id for _, event in found)
    news: list[News] = []
    for item, event in found:
        order = orders.get(event.order_id)
        lines = {line.pk: line for line in order.lines.all()} if order is not None else {}
        original, added = lines.get(event.line_id), lines.get(event.substitute_line_id)
        if order is None or original is None or added is None:
            continue
        data = _name(order) | {
            "units": event.units, "line": {"external_id": original.external_id, "sku": original.sku_code},
            "substitute": {"id": added.pk, "external_id": added.external_id, "sku": added.sku_code,
                           "unit_price_minor": added.unit_price_minor},
        }  # fmt: skip
        news.append(News(key=str(item.id), at=item.at, subject=order.number, data=data, node_codes=_NO_NODE,
                         sku_ids=_sku_ids([original, added])))  # fmt: skip
    return news


def order_cancelled(found: Sequence[Recorded]) -> list[News]:
    """How many units of an order were cancelled, and what is cancelled of each line by now."""
    events = _of(OrderCancelled, found)
    orders = _orders(event.order_id for _, event in events)
    work = FulfillmentOrder.objects.filter(order__in=orders).values_list("order_id", "node__code")
    nodes: dict[int, set[str]] = {}
    for order_id, code in work:
        nodes.setdefault(order_id, set()).add(code)
    return [
        News(key=str(item.id), at=item.at, subject=order.number, node_codes=frozenset(nodes.get(order.pk, ())),
             data=_name(order) | {"units": event.units, "whole": event.whole, "lines": _cancelled_lines(order)},
             sku_ids=_sku_ids(order.lines.all()))
        for item, event in events
        if (order := orders.get(event.order_id)) is not None
    ]  # fmt: skip


def _cancelled_lines(order: Order) -> list[dict[str, Any]]:
    lines = order.lines.all()
    gone = really_cancelled(lines)
    return [
        {"external_id": line.external_id, "sku": line.sku_code, "cancelled": gone[line.pk]}
        for line in lines if line.pk in gone
    ]  # fmt: skip


# -- parcels and returns ----------------------------------------------------------------------------------------------


def handed_over(found: Sequence[Recorded]) -> list[News]:
    """A parcel left its node."""
    return _parcels([(item, event.shipment_id) for item, event in _of(ShipmentHandedOver, found)])


def delivered(found: Sequence[Recorded]) -> list[News]:
    """A parcel reached the customer."""
    return _parcels([(item, event.shipment_id) for item, event in _of(ShipmentDelivered, found)])


def _parcels(named: Sequence[tuple[Recorded, int]]) -> list[News]:
    rows = Shipment.objects.select_related("order__channel", "node").prefetch_related(
        "items__line__order_line__substitute_for", "items__line__sku"
    )
    parcels = rows.in_bulk({shipment_id for _, shipment_id in named})
    return [
        News(key=str(item.id), at=item.at, subject=parcel.order.number, node_codes=frozenset({parcel.node.code}),
             data=_parcel_data(parcel), sku_ids=frozenset(part.line.sku_id for part in parcel.items.all()))
        for item, shipment_id in named
        if (parcel := parcels.get(shipment_id)) is not None
    ]  # fmt: skip


def _parcel_data(parcel: Shipment) -> dict[str, Any]:
    return {
        "id": parcel.pk, "order": _name(parcel.order), "node": parcel.node.code, "awb": parcel.awb,
        "courier": parcel.courier_name, "weight_grams": parcel.weight_grams,
        "handed_over_at": _moment(parcel.handed_over_at), "delivered_at": _moment(parcel.delivered_at),
        "lines": [
            {"external_id": part.line.order_line.external_id, "sku": part.line.sku.code, "quantity": part.quantity}
            | _original(part.line.order_line)
            for part in parcel.items.all()
        ],
    }  # fmt: skip


def _original(line: OrderLine) -> dict[str, Any]:
    """The line that was ordered, of one that is sold instead of it."""
    original = line.substitute_for
    if original is None:
        return {}
    return {"substitute_for": {"external_id": original.external_id, "sku": original.sku_code}}


def return_received(found: Sequence[Recorded]) -> list[News]:
    """Goods came back, and what became of them."""
    events = _of(ReturnReceived, found)
    rows = Return.objects.select_related("order__channel", "node").prefetch_related("lines__order_line__substitute_for")
    returns = rows.in_bulk({event.return_id for _, event in events})
    return [
        News(key=str(item.id), at=item.at, subject=back.number, node_codes=frozenset({back.node.code}),
             data=_return_data(back), sku_ids=_sku_ids(line.order_line for line in back.lines.all()))
        for item, event in events
        if (back := returns.get(event.return_id)) is not None
    ]  # fmt: skip


def _return_data(back: Return) -> dict[str, Any]:
    return {
        "number": back.number, "kind": back.kind, "order": _name(back.order), "node": back.node.code,
        "received_at": _moment(back.received_at),
        "lines": [
            {"external_id": line.order_line.external_id, "sku": line.order_line.sku_code, "quantity": line.quantity,
             "disposition": line.disposition} | _original(line.order_line)
            for line in back.lines.all()
        ],
    }  # fmt: skip
