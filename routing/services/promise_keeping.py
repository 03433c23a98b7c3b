"""Writes down what every routed order may be promised, so that it can be judged and learned from.

An order for which the channel named no date is given this one, unless OMS_PROMISE_WHERE_NONE is off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from oms.core.clock import now
from oms.core.db import bigints, execute, fetch_dicts, run_atomic
from oms.core.json_text import from_json, to_json
from orders.services import promise_dates
from routing.engine import Assignment, LineInput, OrderInput, Plan
from routing.models import OrderOutlook, OrderPromise
from routing.promise.calendar import NeverOpen
from routing.promise.lanes import lane_name, transit_path
from routing.promise.options import NodeTerms, Option, Service, delivered, same_day
from routing.services.context import nodes_now, place_of, region_of
from routing.services.promise_facts import slow_facts
from routing.services.promising import terms_of_nodes, world_of

#: Orders that were decided longer ago are left without: a promise made afterwards proves nothing.
_RECENT = timedelta(hours=6)
_MOST = 500

# The first decision that gave all of an order to nodes: what would have been promised at that moment.
_UNPROMISED = """
SELECT DISTINCT ON (d.order_id) d.order_id, d.assignments::text AS assignments, d.decided_at, o.service_level,
    o.ship_country, o.ship_postcode, o.payment_method, o.currency, o.promised_by IS NULL AS unpromised
FROM routing_routingdecision d JOIN orders_order o ON o.id = d.order_id
WHERE {which} AND d.decided_at >= %(since)s::timestamptz AND d.outcome = 'routed'
    AND o.service_level <> 'pickup' AND o.ship_postcode <> '' AND o.stage <> 'cancelled'
    AND NOT EXISTS (SELECT FROM routing_orderpromise p WHERE p.order_id = d.order_id)
ORDER BY d.order_id, d.attempt LIMIT %(most)s::bigint
"""
_ANY = _UNPROMISED.format(which="true")
_THESE = _UNPROMISED.format(which="d.order_id = ANY(%(orders)s::bigint[])")

_WRITE = """
INSERT INTO routing_orderpromise (order_id, seq, reason, made_at, promised_by, gave_date, said, level, service, "group",
    lane, carrier, nodes, parts, state)
SELECT order_id, 1, 'Routed', %(moment)s::timestamptz, promised_by, gave_date, said, level, service, "group", lane, '',
    ARRAY(SELECT json_array_elements_text(nodes)), parts, 'open'
FROM json_to_recordset(%(rows)s::json) AS g(order_id bigint, promised_by timestamptz, gave_date boolean, said float8,
    level float8, service text, "group" text, lane text, nodes json, parts jsonb)
ORDER BY order_id
ON CONFLICT DO NOTHING
"""


def write_promises(order_ids: Sequence[int] | None = None, *, since: datetime | None = None) -> int:
    """Promise every order, or those of these, that was routed in the last hours and has none; how many were written.

    Harmless twice. An order without a date of its channel is given the one that is written here. `since` is for who
    tells a past: how long ago orders may have been routed.
    """
    params = {"since": since or now() - _RECENT, "most": _MOST}
    if order_ids is None:
        rows = fetch_dicts(_ANY, params)
    else:
        rows = fetch_dicts(_THESE, params | {"orders": bigints(sorted(set(order_ids)))})
    if not rows:
        return 0
    nodes = terms_of_nodes(nodes_now())
    services = {service.code: service for service in slow_facts().services}
    made = [
        promised for row in rows
        if (service := services.get(row["service_level"])) and (promised := _promise(row, nodes, service))
    ]  # fmt: skip
    unpromised = {row["order_id"] for row in rows if row["unpromised"]}
    run_atomic(lambda: _keep(made, unpromised))
    return len(made)


def _keep(made: Sequence[dict[str, Any]], unpromised: set[int]) -> None:
    dated: set[int] = set()
    if settings.PROMISE_WHERE_NONE:
        dated = promise_dates({
            each["order_id"]: each["promised_by"] for each in made if each["order_id"] in unpromised
        })  # fmt: skip
    rows = [each | {"gave_date": each["order_id"] in dated} for each in made]
    execute(_WRITE, {"rows": to_json(rows), "moment": now()})


def _promise(row: dict[str, Any], nodes: Mapping[int, NodeTerms], service: Service) -> dict[str, Any] | None:
    assignments = [Assignment(*part) for part in from_json(row["assignments"])]
    place = place_of(row["ship_country"], row["ship_postcode"])
    order = OrderInput(
        key=row["order_id"], lines=tuple(LineInput(part.line_key, part.sku_id, part.quantity) for part in assignments),
        postcode=row["ship_postcode"], country=row["ship_country"], lat=place.lat if place else None,
        lon=place.lon if place else None, region=place.state if place else "", cod=row["payment_method"] == "cod",
        currency=row["currency"], service_level=service.code,
    )  # fmt: skip
    world = world_of(nodes, {}, row["ship_country"], row["ship_postcode"], _no_plan)
    if not assignments or any(
        part.node_id not in world.nodes or not world.lane(order, world.nodes[part.node_id].node).serviceable
        for part in assignments
    ):
        return None
    try:
        option = (same_day if service.slots else delivered)(order, assignments, row["decided_at"], world, service)
    except NeverOpen:
        return None
    if option is None:
        return None
    last = option.sources[-1]
    state, _ = region_of(row["ship_country"], row["ship_postcode"])
    path = transit_path(last.zone, last.code, state, "", row["ship_postcode"])
    return _row(row["order_id"], option, lane_name(path))


def _row(order_id: int, option: Option, lane: str) -> dict[str, Any]:
    return {
        "order_id": order_id, "promised_by": option.promised_by, "said": option.probability, "level": option.level,
        "service": option.service, "group": option.group, "lane": lane[:160],
        "nodes": sorted({source.code for source in option.sources}), "parts": [list(part) for part in option.parts],
    }  # fmt: skip


def _no_plan(order: OrderInput) -> Plan:
    raise AssertionError(f"Order {order.key} was decided already.")


def keep_told_promise(outlook: OrderOutlook, *, reason: str) -> OrderPromise:
    """Write down the date that a customer was told anew, from an order's outlook. Within the caller's transaction."""
    last = OrderPromise.objects.filter(order=outlook.order_id).order_by("-seq").first()
    service = last.service if last is not None else outlook.order.service_level
    target = next((each.target for each in slow_facts().services if each.code == service), 0.9)
    assert outlook.sure_by is not None
    return OrderPromise.objects.create(
        order_id=outlook.order_id, seq=last.seq + 1 if last is not None else 2, reason=reason, made_at=now(),
        promised_by=outlook.sure_by, said=target, level=target, service=service,
        group=last.group if last is not None else "", lane=last.lane if last is not None else "",
        carrier=last.carrier if last is not None else "", nodes=last.nodes if last is not None else [],
        parts=outlook.parts,
    )  # fmt: skip
