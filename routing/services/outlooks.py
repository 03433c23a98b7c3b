"""Looks at orders under way: how likely each still keeps its promise. Many orders in a handful of statements.

An outlook is made from where the order stands at this moment, never from what an event says, so news that come twice,
late or in another sequence end in the same rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from oms.core.clock import now
from oms.core.db import bigints, execute, fetch_all, run_statement
from oms.core.json_text import to_json
from routing.engine import NodeInput, OrderInput
from routing.models import OutlookBand
from routing.promise.calibration import Calibrator
from routing.promise.lanes import transit_path
from routing.promise.options import Service, group_of
from routing.promise.outlook import Leg, Outlook, Piece, Standing, band_of, look
from routing.promise.transit import TRANSIT, Days, around, blended
from routing.services.context import lane, nodes_now, region_of
from routing.services.promise_facts import carrier_days, remember_lanes, slow_facts, transit_counts

#: Days on the way of what no node has yet, where nothing was learned: those of the card for another state.
_FAR_DAYS = 5
#: Riders of same-day windows come the same day nearly always.
_RIDE = Days((0.95, 0.9, 1.0))
_RISKY = (OutlookBand.AT_RISK, OutlookBand.LATE)

_WRITE = """
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS g(order_id bigint, promised_by timestamptz, expected_on date,
        sure_by timestamptz, breach float8, band text, stage text, place text, parts jsonb, at_risk_minor bigint,
        risk_since timestamptz, next_at timestamptz, reason text, changed boolean, carrier text)
),
written AS (
    INSERT INTO routing_orderoutlook AS t (order_id, promised_by, expected_on, sure_by, breach, band, stage, place,
        parts, at_risk_minor, risk_since, next_at, seen_at, version, remedy, remedy_nodes)
    SELECT order_id, promised_by, expected_on, sure_by, breach, band, stage, place, parts, at_risk_minor, risk_since,
        next_at, %(moment)s::timestamptz, 1, '', '{}'
    FROM given ORDER BY order_id
    ON CONFLICT (order_id) DO UPDATE SET promised_by = excluded.promised_by, expected_on = excluded.expected_on,
        sure_by = excluded.sure_by, breach = excluded.breach, band = excluded.band, stage = excluded.stage,
        place = excluded.place, parts = excluded.parts, at_risk_minor = excluded.at_risk_minor,
        risk_since = excluded.risk_since, next_at = excluded.next_at, seen_at = excluded.seen_at,
        version = t.version + 1,
        remedy = CASE WHEN excluded.band IN ('at_risk', 'late') AND t.stage = excluded.stage
                AND t.place = excluded.place THEN t.remedy ELSE '' END,
        remedied_at = CASE WHEN excluded.band IN ('at_risk', 'late') AND t.band = excluded.band
                AND t.stage = excluded.stage AND t.place = excluded.place THEN t.remedied_at END
    WHERE t.seen_at <= excluded.seen_at
    RETURNING order_id, version
),
carried AS (
    UPDATE routing_orderpromise p SET carrier = g.carrier FROM given g
    WHERE p.order_id = g.order_id AND p.carrier = '' AND g.carrier <> '' RETURNING p.id
)
INSERT INTO routing_outlookchange (order_id, version, reason, promised_by, expected_on, breach, band, stage, place, at)
SELECT g.order_id, w.version, g.reason, g.promised_by, g.expected_on, g.breach, g.band, g.stage, g.place,
    %(moment)s::timestamptz
FROM written w JOIN given g USING (order_id) WHERE g.changed
ON CONFLICT (order_id, version) DO NOTHING
"""


def set_outlooks(
    standings: Sequence[Standing], before: Mapping[int, Mapping[str, Any]], reasons: Mapping[int, str],
    moment: datetime,
) -> int:  # fmt: skip
    """Write the outlooks of these orders as of a moment; how many. `before` is what `lock_outlooks` gave, read before.

    A line of history is added only where the date, the band or the promise moved; `reasons` says by order what set the
    look off. Must run in the transaction of the lock. `moment` is taken after the lock and before the standings
    are read, so that a slow first look, which has no row to lock, never overwrites a newer one.
    """
    found = outlooks_of(standings, moment)
    rows = [
        _row(standing, found[standing.order_id], before.get(standing.order_id, {}), moment,
             reasons.get(standing.order_id, ""))
        for standing in standings
    ]  # fmt: skip
    if rows:
        execute(_WRITE, {"rows": to_json(rows), "moment": moment})
    return len(rows)


def outlooks_of(standings: Sequence[Standing], moment: datetime) -> dict[int, Outlook]:
    """The outlook of each order by its id, as things stand. Writes nothing; three statements for any number."""
    if not standings:
        return {}
    desk = _Desk(standings)
    return {standing.order_id: desk.outlook(standing, moment) for standing in standings}


def as_from(standing: Standing, node_ids: Collection[int], moment: datetime) -> Standing:
    """The order as if all that is not on the road came anew to these nodes at this moment."""
    kept = tuple(piece for piece in standing.pieces if piece.kind not in ("waiting", "node"))
    fresh = tuple(Piece("node", node_id=node_id, came_at=moment) for node_id in sorted(node_ids))
    return replace(standing, pieces=kept + fresh)


def as_by(standing: Standing, service: str) -> Standing:
    """The order as if what has not left yet went by another service."""
    return replace(standing, service=service)


class _Desk:
    """What a batch of orders shares: nodes, services, lanes."""

    def __init__(self, standings: Sequence[Standing]) -> None:
        self.slow = slow_facts()
        self.nodes: dict[int, NodeInput] = {node.node_id: node for node in nodes_now()}
        self.services: dict[str, Service] = {service.code: service for service in self.slow.services}
        remember_lanes(
            self.path(standing, piece) for standing in standings for piece in standing.pieces
            if piece.kind in ("node", "road", "waiting")
        )  # fmt: skip

    def outlook(self, standing: Standing, moment: datetime) -> Outlook:
        """One order."""
        legs = [self.leg(standing, piece) for piece in standing.pieces]
        zones = [self.zone(standing, piece) for piece in standing.pieces if piece.node_id]
        pickup = any(piece.collected for piece in standing.pieces)
        group = "pickup" if pickup else group_of(standing.service, zones[-1] if zones else "")
        return look(standing, legs, moment, self.calibrator("pickup" if pickup else standing.service), group=group)

    def calibrator(self, service: str) -> Calibrator:
        """The correction of a service; none for one that is not sold any more."""
        return self.slow.calibrators.get(service) or Calibrator(0.9)

    def leg(self, standing: Standing, piece: Piece) -> Leg:
        """A piece with its lane."""
        known = self.slow.nodes.get(piece.node_id)
        node = self.nodes.get(piece.node_id)
        return Leg(
            piece, self.transit(standing, piece), carrier_days(region_of(standing.country, standing.postcode)[0]),
            calendar=known.calendar if known else None, slip=known.slip if known else None,
            node=node.code if node else "",
        )  # fmt: skip

    def zone(self, standing: Standing, piece: Piece) -> str:
        """The rate zone from the piece's node to the customer."""
        node = self.nodes.get(piece.node_id)
        return lane(_to(standing), node).zone if node is not None else ""

    def path(self, standing: Standing, piece: Piece) -> tuple[str, ...]:
        """The levels of its lane; only the widest for what no node has."""
        node = self.nodes.get(piece.node_id)
        if node is None:
            return ("all",)
        region = region_of(standing.country, standing.postcode)
        return transit_path(self.zone(standing, piece), node.code, *region, standing.postcode)

    def transit(self, standing: Standing, piece: Piece) -> Days:
        """Days on the way from its node: learned, with the card's days where nothing is."""
        service = self.services.get(standing.service) or Service(standing.service, standing.service)
        if service.slots:
            return _RIDE
        node = self.nodes.get(piece.node_id)
        days = lane(_to(standing), node).transit_days if node is not None else _FAR_DAYS
        start = around(max(1, -(-days * service.transit_percent // 100)))
        counts = transit_counts(service.code, self.path(standing, piece))
        if not any(counts):
            return start
        return blended([(known, TRANSIT.prior(depth)) for depth, known in enumerate(counts)], start)


def _to(standing: Standing) -> OrderInput:
    return OrderInput(0, (), postcode=standing.postcode, country=standing.country)


def _row(
    standing: Standing, outlook: Outlook, before: Mapping[str, Any], moment: datetime, reason: str
) -> dict[str, Any]:
    over = outlook.stage == "done"
    band = "done" if over else band_of(outlook.breach, before.get("band", ""))
    expected = outlook.expected_on.isoformat() if outlook.expected_on else None
    was = before["expected_on"].isoformat() if before.get("expected_on") else None
    moved = (band, expected, standing.promised_by) != (before.get("band"), was, before.get("promised_by"))
    piece = outlook.slowest.piece if outlook.slowest is not None else None
    risky = band in _RISKY
    since = (before.get("risk_since") or moment) if risky else None
    return {
        "order_id": standing.order_id, "promised_by": standing.promised_by.isoformat(), "expected_on": expected,
        "sure_by": outlook.sure_by.isoformat() if outlook.sure_by else None, "breach": round(outlook.breach, 6),
        "band": band, "stage": outlook.stage, "place": _where(outlook)[:120],
        "parts": [[part.key, part.starts_at.isoformat(), part.ends_at.isoformat()] for part in outlook.parts],
        "at_risk_minor": 0 if over else round(outlook.breach * standing.value_minor),
        "risk_since": since.isoformat() if since else None,
        "next_at": outlook.next_at.isoformat() if outlook.next_at else None,
        "reason": reason[:120], "changed": moved, "carrier": piece.carrier[:40] if piece is not None else "",
    }  # fmt: skip


def _where(outlook: Outlook) -> str:
    """The node that has it, or who carries it."""
    leg = outlook.slowest
    if leg is None:
        return ""
    if leg.piece.kind in ("road", "lost", "done") and (leg.piece.courier or leg.piece.carrier):
        return leg.piece.courier or leg.piece.carrier
    return leg.node


_DUE = """
SELECT order_id FROM routing_orderoutlook WHERE next_at <= %(moment)s::timestamptz ORDER BY next_at LIMIT %(most)s::int
"""
# Orders whose news were lost, and those of a time before there were outlooks.
_MISSED = """
SELECT o.id FROM orders_order o
WHERE o.stage IN ('captured', 'backordered', 'routed', 'released', 'picked', 'packed', 'shipped')
    AND o.promised_by IS NOT NULL AND NOT EXISTS (SELECT FROM routing_orderoutlook k WHERE k.order_id = o.id)
ORDER BY o.id LIMIT %(most)s::int
"""


def due_outlooks(limit: int) -> list[int]:
    """Orders that nothing happened to for as long as they may go unseen, the longest first."""
    return [row[0] for row in fetch_all(_DUE, {"moment": now(), "most": limit})]


def missed_outlooks(limit: int) -> list[int]:
    """Open orders with a promise that were never looked at."""
    return [row[0] for row in fetch_all(_MISSED, {"most": limit})]


_SOON = """
WITH locked AS MATERIALIZED (
    SELECT order_id FROM routing_orderoutlook
    WHERE order_id = ANY(%(orders)s::bigint[]) AND next_at > %(moment)s::timestamptz
    ORDER BY order_id FOR NO KEY UPDATE
)
UPDATE routing_orderoutlook t SET next_at = %(moment)s::timestamptz FROM locked WHERE t.order_id = locked.order_id
"""


def look_soon(order_ids: Iterable[int]) -> int:
    """The clock looks at these orders the next time; for what concerns more of them than one event should touch."""
    params = {"moment": now(), "orders": bigints(order_ids)}
    return run_statement(lambda: execute(_SOON, params))


@dataclass(frozen=True, slots=True)
class Remedy:
    """What helps an order best: the probability of breach with it, what it costs more by the rules, and which nodes."""

    order_id: int
    kind: str
    breach: float | None = None
    cost_minor: int | None = None
    nodes: tuple[str, ...] = ()


#: What helps is looked for again after so long.
_HELP_AGAIN = timedelta(hours=2)
_TO_HELP = """
SELECT order_id FROM routing_orderoutlook
WHERE band IN ('at_risk', 'late') AND (remedied_at IS NULL OR remedied_at < %(since)s::timestamptz)
ORDER BY remedied_at NULLS FIRST, at_risk_minor DESC, order_id LIMIT %(most)s::int
"""
_REMEDIES = """
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s::json)
        AS g(order_id bigint, kind text, breach float8, cost_minor bigint, nodes json)
),
locked AS MATERIALIZED (
    SELECT order_id FROM routing_orderoutlook
    WHERE order_id IN (SELECT order_id FROM given) AND band IN ('at_risk', 'late')
    ORDER BY order_id FOR NO KEY UPDATE
)
UPDATE routing_orderoutlook t SET remedy = g.kind, remedy_breach = g.breach, remedy_cost_minor = g.cost_minor,
    remedy_nodes = ARRAY(SELECT json_array_elements_text(g.nodes)), remedied_at = %(moment)s::timestamptz
FROM given g JOIN locked ON locked.order_id = g.order_id
WHERE t.order_id = g.order_id AND t.band IN ('at_risk', 'late')
"""


_FORGET = """
WITH locked AS MATERIALIZED (
    SELECT order_id FROM routing_orderoutlook WHERE order_id = ANY(%(orders)s::bigint[])
    ORDER BY order_id FOR NO KEY UPDATE
)
UPDATE routing_orderoutlook t SET remedy = '', remedy_breach = NULL, remedy_cost_minor = NULL, remedy_nodes = '{}',
    remedied_at = NULL
FROM locked WHERE t.order_id = locked.order_id
"""


def forget_remedies(order_ids: Iterable[int]) -> None:
    """What was found to help these orders was done: it is not asked for again, and the clock looks for what helps now.

    Belongs into the transaction that did it.
    """
    params = {"orders": bigints(order_ids)}
    run_statement(lambda: execute(_FORGET, params))


def orders_to_help(limit: int) -> list[int]:
    """Orders at risk for which no remedy was looked for lately: new ones first, of those the dearest."""
    return [row[0] for row in fetch_all(_TO_HELP, {"since": now() - _HELP_AGAIN, "most": limit})]


def set_remedies(remedies: Sequence[Remedy], moment: datetime) -> None:
    """Keep what helps, as found at a moment; orders that are out of risk by now are left."""
    rows = [
        {"order_id": each.order_id, "kind": str(each.kind), "breach": each.breach, "cost_minor": each.cost_minor,
         "nodes": list(each.nodes)}
        for each in remedies
    ]  # fmt: skip
    run_statement(lambda: execute(_REMEDIES, {"rows": to_json(rows), "moment": moment}))
