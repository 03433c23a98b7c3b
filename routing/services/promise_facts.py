"""What promises are made from, as the database has it: the cart with its stock in one statement, the rest remembered.

Nodes, calendars, services and corrections change by hand or by the clock, so a worker goes on for a while with what it
read; stock is read for every question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from time import monotonic
from typing import Any

from django.conf import settings

from oms.core.clock import now
from oms.core.db import fetch_all, fetch_dicts, run_statement
from oms.core.json_text import from_json
from routing.models import DeliveryHoliday, DeliveryService, LearnedDays, LearnedKind, PromiseCalibration
from routing.promise.calendar import MONDAY_TO_SATURDAY, NodeCalendar, WorkingDays
from routing.promise.calibration import Calibrator
from routing.promise.lanes import handling_path
from routing.promise.options import Service
from routing.promise.transit import HANDLING, DayCounts, Days, blended

#: Holidays are read so far ahead.
_AHEAD = timedelta(days=200)
#: What is learned changes at night.
_LEARNED_SECONDS = 60.0
_LANE_SECONDS = 300.0
#: The slip of nodes of which nothing is known: most orders leave as planned, most of the others a day later.
_SLIP = Days((0.9, 0.8, 0.9, 1.0))

#: What is sold where no service was set up. Express is an assumption of ours: three fifths of the days, not quite twice
#: the price.
STANDARD_SERVICES = (
    Service("standard", "Standard delivery"),
    Service("express", "Express delivery", transit_percent=60, price_percent=180),
)

# The version of the nodes is that of `routing.services.reading`, so that both remember the same nodes.
_CART = """
WITH cart AS MATERIALIZED (
    SELECT s.id, s.code, s.is_kit, s.ships_together, s.weight_grams, s.price_minor, s.category, s.brand, s.needs
    FROM inventory_sku s WHERE s.code = ANY(%(skus)s::text[])
),
part AS MATERIALIZED (
    SELECT k.kit_id, k.component_id AS id, k.quantity, s.code, s.weight_grams, s.category, s.brand, s.needs
    FROM inventory_kitcomponent k JOIN inventory_sku s ON s.id = k.component_id
    WHERE k.kit_id IN (SELECT id FROM cart WHERE is_kit)
)
SELECT 'version', coalesce(bit_xor(hashtextextended(v.row, 0)), 0), 0::bigint, 0::bigint, '' FROM (
    SELECT 'n' || xmin::text || ctid::text FROM inventory_node
    UNION ALL SELECT 'g' || xmin::text || ctid::text FROM inventory_node_groups
    UNION ALL SELECT 'c' || xmin::text || ctid::text FROM inventory_nodegroup
    UNION ALL SELECT 'h' || xmin::text || ctid::text FROM inventory_nodeholiday
) AS v(row)
UNION ALL
SELECT 'sku', id, 0, 0, row_to_json(cart)::text FROM cart
UNION ALL
SELECT 'part', kit_id, 0, 0, row_to_json(part)::text FROM part
UNION ALL
SELECT 'load', l.node_id, l.orders, 0, '' FROM routing_nodeload l JOIN inventory_node n ON n.id = l.node_id
WHERE l.day = (now() AT TIME ZONE n.time_zone)::date
UNION ALL
SELECT 'stock', v.sku_id, v.node_id, v.on_hand - v.reserved - v.safety_stock, '' FROM inventory_stocklevel v
WHERE v.sku_id IN (SELECT id FROM cart UNION SELECT id FROM part) AND v.on_hand - v.reserved - v.safety_stock > 0
UNION ALL
SELECT 'channel', id, 0, 0, kind FROM orders_saleschannel WHERE code = %(channel)s::text AND is_active
"""

_CALENDARS = """
SELECT n.id, n.code, n.kind, n.time_zone, n.working_days, n.opens_at, n.closes_at, n.cutoff_at, n.processing_minutes,
    n.offers_pickup, coalesce(p.orders_ahead, 0) AS orders_ahead, coalesce(p.orders_per_hour, 0) AS orders_per_hour,
    ARRAY(SELECT h.day FROM inventory_nodeholiday h WHERE h.node_id = n.id AND h.day >= %(since)s::date) AS holidays,
    ARRAY(SELECT k.at FROM routing_nodepickup k WHERE k.node_id = n.id ORDER BY k.at) AS pickups,
    EXISTS (SELECT FROM routing_deliveryservice_nodes s WHERE s.node_id = n.id) AS slots
FROM inventory_node n LEFT JOIN routing_nodepace p ON p.node_id = n.id
ORDER BY n.id
"""


@dataclass(slots=True)
class CartFacts:
    """A cart as of this moment: rows of SKUs by code, of components by kit id, ATP by SKU and node id.

    `used` counts the orders that nodes were given today, `channel` is its id and kind (None where there is none).
    """

    version: int = 0
    skus: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    stock: dict[tuple[int, int], int] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    channel: tuple[int, str] | None = None


def read_cart(codes: Iterable[str], channel_code: str) -> CartFacts:
    """Live stock and whatever else must not be old. One statement."""
    found = CartFacts()
    params = {"skus": sorted(set(codes)), "channel": channel_code}
    for what, a, b, c, text in run_statement(lambda: fetch_all(_CART, params)):
        if what == "stock":
            found.stock[a, b] = c
        elif what == "sku":
            row = from_json(text)
            found.skus[row["code"]] = row
        elif what == "part":
            found.parts.setdefault(a, []).append(from_json(text))
        elif what == "load":
            found.used[a] = b
        elif what == "channel":
            found.channel = (a, text)
        else:
            found.version = a
    return found


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is remembered of a node beside what routing remembers."""

    calendar: NodeCalendar
    offers_pickup: bool
    slots: bool
    slip: Days


@dataclass(slots=True)
class Remembered:
    """The slow facts of promises, as of `until`."""

    nodes: dict[int, NodeFacts] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    calibrators: dict[str, Calibrator] = field(default_factory=dict)
    rest_everywhere: frozenset[date] = frozenset()
    rest_by_state: dict[str, frozenset[date]] = field(default_factory=dict)
    until: float = 0.0


@dataclass(slots=True)
class _Learned:
    slips: dict[str, DayCounts] = field(default_factory=dict)
    until: float = 0.0
    #: By path: until when, and the counts of each level by service.
    transit: dict[tuple[str, ...], tuple[float, dict[str, list[DayCounts | None]]]] = field(default_factory=dict)


_kept = Remembered()
_learned = _Learned()
_MOST_LANES = 50_000


def remember_seconds() -> float:
    """How long slow facts are believed; 0 reads them for every question."""
    return float(settings.PROMISE_REMEMBER_SECONDS)


def forget_promises() -> None:
    """Read everything afresh next time: called where a service, a calendar or what was learned is changed."""
    _kept.until = _learned.until = 0.0
    _learned.transit.clear()


def slow_facts() -> Remembered:
    """Calendars, services and corrections, read at most every few seconds."""
    if _kept.until <= monotonic():
        found = _read_slow()
        _kept.nodes, _kept.services, _kept.calibrators = found.nodes, found.services, found.calibrators
        _kept.rest_everywhere, _kept.rest_by_state = found.rest_everywhere, found.rest_by_state
        _kept.until = monotonic() + remember_seconds()
    return _kept


def carrier_days(state: str) -> WorkingDays:
    """When carriers deliver in a state: Monday to Saturday but for its holidays."""
    facts = slow_facts()
    rest = facts.rest_everywhere | facts.rest_by_state.get(state.casefold(), frozenset())
    return WorkingDays(MONDAY_TO_SATURDAY, rest)


def _read_slow() -> Remembered:
    today = now().date()
    slips = _slips()
    found = Remembered(
        nodes={row["id"]: _node(row, slips) for row in fetch_dicts(_CALENDARS, {"since": today - timedelta(days=2)})},
        services=tuple(_service(row) for row in DeliveryService.objects.filter(is_active=True)) or STANDARD_SERVICES,
    )
    found.calibrators = {service.code: Calibrator(service.target) for service in found.services}
    found.calibrators["pickup"] = Calibrator(0.9)
    for row in PromiseCalibration.objects.all():
        calibrator = found.calibrators.get(row.service)
        if calibrator is not None and row.group:
            calibrator.groups[row.group] = row.correction
        elif calibrator is not None:
            calibrator.overall = row.correction
    states: dict[str, set[date]] = {}
    for holiday in DeliveryHoliday.objects.filter(day__gte=today - timedelta(days=60), day__lte=today + _AHEAD):
        states.setdefault(holiday.state.casefold(), set()).add(holiday.day)
    found.rest_everywhere = frozenset(states.pop("", set()))
    found.rest_by_state = {state: frozenset(days) for state, days in states.items()}
    return found


def _service(row: DeliveryService) -> Service:
    return Service(
        code=row.code, name=row.name, target=row.target_percent / 100, transit_percent=row.transit_percent,
        price_percent=row.price_percent, radius_km=float(row.radius_km), ride_minutes=row.ride_minutes,
        slots=tuple((time.fromisoformat(start), time.fromisoformat(end)) for start, end in row.slots),
    )  # fmt: skip


def _node(row: dict[str, Any], slips: dict[str, DayCounts]) -> NodeFacts:
    calendar = NodeCalendar(
        days=WorkingDays(frozenset(row["working_days"]), frozenset(row["holidays"])), time_zone=row["time_zone"],
        opens_at=row["opens_at"], closes_at=row["closes_at"], cutoff_at=row["cutoff_at"],
        processing_minutes=row["processing_minutes"], orders_ahead=row["orders_ahead"],
        orders_per_hour=row["orders_per_hour"], pickups=tuple(row["pickups"]),
    )  # fmt: skip
    path = handling_path(row["kind"], row["code"])
    slip = blended([(slips.get(key), HANDLING.prior(depth)) for depth, key in enumerate(path)], _SLIP)
    return NodeFacts(calendar, row["offers_pickup"], row["slots"], slip)


def _slips() -> dict[str, DayCounts]:
    if _learned.until <= monotonic():
        rows = LearnedDays.objects.filter(kind=LearnedKind.HANDLING)
        _learned.slips = {row.lane: DayCounts(row.risk, row.events) for row in rows}
        _learned.until = monotonic() + min(_LEARNED_SECONDS, remember_seconds())
    return _learned.slips


def transit_counts(service: str, path: tuple[str, ...]) -> Sequence[DayCounts | None]:
    """What was learned of each level of a lane for a service, remembered for a while for all services at once."""
    moment = monotonic()
    known = _learned.transit.get(path)
    if known is None or known[0] <= moment:
        read = _read_lanes([path])
        _keep_lanes(read, moment)
        return read[path].get(service, ())
    return known[1].get(service, ())


_LANE = """
SELECT service, lane, risk, events FROM routing_learneddays
WHERE kind = 'transit' AND carrier = '' AND lane = ANY(%(lanes)s::text[])
"""


def remember_lanes(paths: Iterable[tuple[str, ...]]) -> None:
    """Read what `transit_counts` will be asked for, of all these lanes in one statement."""
    moment = monotonic()
    fresh = [path for path in set(paths) if (known := _learned.transit.get(path)) is None or known[0] <= moment]
    if fresh:
        _keep_lanes(_read_lanes(fresh), moment)


def _keep_lanes(read: dict[tuple[str, ...], dict[str, list[DayCounts | None]]], moment: float) -> None:
    if len(_learned.transit) + len(read) > _MOST_LANES:
        _learned.transit.clear()
    until = moment + min(_LANE_SECONDS, 100 * remember_seconds())
    for path, counts in read.items():
        _learned.transit[path] = (until, counts)


def _read_lanes(paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], dict[str, list[DayCounts | None]]]:
    found: dict[str, dict[str, DayCounts]] = {}
    for service, lane, risk, events in fetch_all(_LANE, {"lanes": sorted({lane for path in paths for lane in path})}):
        found.setdefault(service, {})[lane] = DayCounts(risk, events)
    return {path: {service: [rows.get(lane) for lane in path] for service, rows in found.items()} for path in paths}
