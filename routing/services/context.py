"""What a decision is made from: nodes as they are now, lanes, rates, groups of the channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from carriers.rates import RateCard, sample_card
from carriers.selectors import countries_reached
from carriers.zones import Spot, Zone, zone_between
from oms.core.clock import now
from oms.core.db import fetch_all, fetch_dicts
from oms.core.places import Place, country_name, find_place, great_circle_km, guess_place
from routing.engine import Lane, LaneOf, NodeInput, OrderInput, Policy, RateTable, SlabRate, Terms, Weights
from routing.policy.facts import folded
from routing.promise.lanes import ABROAD, INLAND

#: Rows that `node_of` reads.
NODES = """
SELECT n.id, n.code, n.name, n.kind, n.latitude, n.longitude, n.postcode, n.country, n.region, n.ships, n.is_active,
    n.priority, n.capabilities, n.brands, n.daily_capacity, n.time_zone, n.working_days, n.cutoff_at,
    n.processing_minutes, p.score,
    EXISTS (SELECT 1 FROM inventory_nodeholiday h
            WHERE h.node_id = n.id AND h.day = (now() AT TIME ZONE n.time_zone)::date) AS holiday,
    ARRAY(SELECT g.code FROM inventory_node_groups ng JOIN inventory_nodegroup g ON g.id = ng.nodegroup_id
          WHERE ng.node_id = n.id) AS groups
FROM inventory_node n
LEFT JOIN routing_nodeperformance p ON p.node_id = n.id
    AND p.edition_id = (SELECT edition_id FROM routing_editionuse ORDER BY id DESC LIMIT 1)
ORDER BY n.id
"""


class Measured(NamedTuple):
    """The edition of measured performance in force, 0 for none: the days beyond those of the rate card that parcels
    took on a lane, by state of origin and state of destination. What nodes scored stands with the nodes."""

    edition: int = 0
    days: Mapping[tuple[str, str], int] = MappingProxyType({})


NOT_MEASURED = Measured()


def nodes_of(version: int) -> list[NodeInput]:
    """The nodes without what they did today, read afresh where `version` is another one or another minute began."""
    return standing_of(version)[0]


def standing_of(version: int) -> tuple[list[NodeInput], Measured]:
    """The nodes as `nodes_of` gives them, with what was measured of them and applied."""
    moment = now()
    key = (version, int(moment.timestamp()) // 60)
    # Kept as one value, because threads share it.
    known_key, nodes, measured = _remembered.nodes
    if known_key != key:
        nodes, measured = _nodes_at(moment), measured_now()
        _remembered.nodes = (key, nodes, measured)
    return nodes, measured


_MEASURED = """
SELECT e.number, l.origin, l.destination, l.counted_days
FROM routing_performanceedition e
LEFT JOIN routing_laneperformance l
    ON l.edition_id = e.id AND l.carrier = '' AND l.origin <> '' AND l.counted_days <> 0
WHERE e.id = (SELECT edition_id FROM routing_editionuse ORDER BY id DESC LIMIT 1)
"""


def measured_now() -> Measured:
    """The edition of measured performance in force."""
    rows = fetch_all(_MEASURED)
    return Measured(rows[0][0], {(row[1], row[2]): row[3] for row in rows if row[1]}) if rows else NOT_MEASURED


def terms_of(nodes: list[NodeInput], policy: Policy, *, measured: Measured = NOT_MEASURED) -> Terms:
    """What orders share while these nodes, what was measured of them and the policy's weights stand.

    Kept for the nodes that `nodes_of` gave, with what was measured of them; other nodes bring their `measured`.
    """
    known, kept = _remembered.terms
    _, newest, measured_of_newest = _remembered.nodes
    if nodes is newest:
        measured = measured_of_newest
    if known is not nodes:
        kept = {}
        if nodes is newest:
            _remembered.terms = (nodes, kept)
    terms = kept.get(policy.weights)
    if terms is None:
        if len(kept) >= _MOST_TERMS:
            kept.clear()
        terms = kept[policy.weights] = Terms(nodes, lane_as_measured(measured), rate_table(), policy.weights)
    return terms


def nodes_now() -> list[NodeInput]:
    """The nodes as they stand at the beginning of their day, read now."""
    return _nodes_at(now())


def _nodes_at(moment: datetime) -> list[NodeInput]:
    return [node_of(moment, row) for row in fetch_dicts(NODES)]


def node_of(moment: datetime, row: dict[str, Any]) -> NodeInput:
    """The node of a row of NODES as it stands at the beginning of its day, seen from this moment."""
    return NodeInput(
        node_id=row["id"], code=row["code"], name=row["name"], lat=row["latitude"], lon=row["longitude"],
        postcode=row["postcode"], country=row["country"], region=row["region"], kind=row["kind"], ships=row["ships"],
        active=row["is_active"], priority=-(row["priority"] // 10), capacity_left=row["daily_capacity"],
        load=0.0 if row["daily_capacity"] else 1.0, minutes_to_cutoff=minutes_to_cutoff(moment, row),
        processing_minutes=row["processing_minutes"], groups=frozenset(row["groups"]),
        capabilities=folded(row["capabilities"]), brands=folded(row["brands"]),
        performance=None if row["score"] is None else row["score"] / 100,
    )  # fmt: skip


def minutes_to_cutoff(moment: datetime, row: dict[str, Any]) -> int:
    """Minutes until the node's cut-off today, in its own time zone; negative when it passed or the day is off."""
    local = moment.astimezone(ZoneInfo(str(row["time_zone"])))
    working_days = row["working_days"]
    if row["holiday"] or (isinstance(working_days, list) and local.isoweekday() not in working_days):
        return -1
    cutoff = row["cutoff_at"]
    return int(cutoff.hour * 60 + cutoff.minute) - (local.hour * 60 + local.minute)


#: Weights whose terms are kept: more than a policy and its trial have rules.
_MOST_TERMS = 100
#: Rules change by hand and seldom: a worker may go on with what it read this long ago.
REMEMBER_SECONDS = 2.0


@dataclass(slots=True)
class _Remembered:
    groups: dict[int, frozenset[str]] = field(default_factory=dict)
    groups_until: float = 0.0
    reached: frozenset[str] = frozenset()
    reached_until: float = 0.0
    nodes: tuple[tuple[int, int] | None, list[NodeInput], Measured] = (None, [], NOT_MEASURED)
    terms: tuple[list[NodeInput] | None, dict[Weights, Terms]] = (None, {})


_remembered = _Remembered()


def forget_groups() -> None:
    """Read the groups of the channels, and the countries that carriers reach, afresh next time."""
    _remembered.groups_until = _remembered.reached_until = 0.0


@lru_cache(maxsize=1)
def _card() -> RateCard:
    return sample_card()


@lru_cache(maxsize=1)
def rate_table() -> RateTable:
    """Slab prices by zone that decisions are costed with."""
    card = _card()
    zones = {
        str(zone): SlabRate(rate.first_grams, rate.first_minor, rate.additional_grams, rate.additional_minor)
        for zone, rate in card.rates.items()
    }
    cod = min((rate.cod_fixed_minor for rate in card.rates.values()), default=0)
    return RateTable(zones=zones | {zone: way.rate for zone, way in _BEYOND.items()}, cod_minor=cod)


def place_of(country: str, postcode: str) -> Place | None:
    """The place of a postcode, or of its neighbourhood where that very code is not known."""
    return find_place(country, postcode) or guess_place(country, postcode)


def region_of(country: str, postcode: str) -> tuple[str, str]:
    """State and district that days are learned by, as far as they are known; abroad the country stands for both."""
    if country != "IN":
        return country, ""
    place = place_of(country, postcode)
    return (place.state, place.district) if place is not None else ("", "")


class _Way(NamedTuple):
    """What decisions take for a way that no Indian rate card has."""

    rate: SlabRate
    transit_days: int
    km: float


#: The figures are ours: they tell a node in the customer's country from one that is not, and what a parcel costs and
#: takes is said by its carrier. Distances are not known there: what is for near nodes alone must not take them for it.
_BEYOND = {
    INLAND: _Way(SlabRate(500, 6_500, 500, 5_000), 4, 500.0),
    ABROAD: _Way(SlabRate(500, 150_000, 500, 50_000), 8, 5_000.0),
}


def lane(order: OrderInput, node: NodeInput) -> Lane:
    """The way from a node to where an order goes: zone, distance, transit days by the rate card.

    Beyond India, to a country where no active carrier account goes, there is none.
    """
    if order.country == node.country == "IN":
        return _lane(node.postcode, node.lat, node.lon, order.postcode)
    return _lane_beyond(node.country, order.country, _reached())


def _reached() -> frozenset[str]:
    """The countries that carriers reach, read at most every 2 s."""
    if _remembered.reached_until <= monotonic():
        _remembered.reached = countries_reached()
        _remembered.reached_until = monotonic() + REMEMBER_SECONDS
    return _remembered.reached


@lru_cache(maxsize=4_096)
def _lane_beyond(start: str, end: str, reached: frozenset[str]) -> Lane:
    zone = INLAND if start == end else ABROAD
    if end not in reached and "*" not in reached:
        return Lane(serviceable=False, zone=zone, reason=f"No carrier goes to {country_name(end)}.")
    way = _BEYOND[zone]
    return Lane(serviceable=True, zone=zone, km=way.km, transit_days=way.transit_days)


@lru_cache(maxsize=200_000)
def _lane(from_postcode: str, lat: float | None, lon: float | None, to_postcode: str) -> Lane:
    end = place_of("IN", to_postcode)
    if end is None:
        return Lane(serviceable=False, reason=f"{to_postcode or 'No postcode'} is not a known postcode.")
    start = place_of("IN", from_postcode)
    start_spot = _spot(from_postcode, start)
    zone = zone_between(start_spot, _spot(to_postcode, end), _card().rules)
    rate = _card().rates.get(zone)
    if rate is None:
        return Lane(serviceable=False, zone=zone.value, reason=f"No carrier serves zone {zone.value}.")
    km = 0.0
    if lat is not None and lon is not None:
        km = great_circle_km(lat, lon, end.lat, end.lon)
    elif start is not None:
        km = great_circle_km(start.lat, start.lon, end.lat, end.lon)
    return Lane(serviceable=True, zone=zone.value, km=round(km, 1), transit_days=_transit_days(zone))


def lane_as_measured(measured: Measured) -> LaneOf:
    """Lanes with the days that parcels really took: those of the rate card and what was measured beyond them."""
    days = measured.days
    if not days:
        return lane

    def measured_lane(order: OrderInput, node: NodeInput) -> Lane:
        found = lane(order, node)
        if found.zone in _BEYOND:
            return found
        beyond = days.get((_state_of(node.postcode), _state_of(order.postcode)), 0)
        if not beyond or not found.serviceable:
            return found
        return replace(found, transit_days=max(0, found.transit_days + beyond))

    return measured_lane


@lru_cache(maxsize=65_536)
def _state_of(postcode: str) -> str:
    place = place_of("IN", postcode)
    return "" if place is None else place.state


def _transit_days(zone: Zone) -> int:
    return _card().rates[zone].transit_days


def _spot(postcode: str, place: Place | None) -> Spot:
    if place is None:
        return Spot(postcode=postcode)
    return Spot(postcode=postcode, district=place.district, state=place.state, lat=place.lat, lon=place.lon)


_GROUPS = """
SELECT s.channel_id, array_agg(g.code) FROM routing_channelsourcing s
JOIN routing_channelsourcing_groups sg ON sg.channelsourcing_id = s.id
JOIN inventory_nodegroup g ON g.id = sg.nodegroup_id
GROUP BY s.channel_id
"""


def read_groups() -> dict[int, frozenset[str]]:
    """Node groups each channel ships from, read at most every 2 s; channels without an entry ship from every node."""
    if _remembered.groups_until <= monotonic():
        _remembered.groups = {row[0]: frozenset(row[1]) for row in fetch_all(_GROUPS)}
        _remembered.groups_until = monotonic() + REMEMBER_SECONDS
    return _remembered.groups
