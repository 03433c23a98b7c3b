"""What can be promised for a cart that is not ordered yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.places import Place, has_postcodes
from routing.engine import Lane, NodeInput, OrderInput, Plan, Stock
from routing.promise.calendar import minutes_to_cutoff
from routing.promise.lanes import transit_path
from routing.promise.options import Answer, NodeTerms, Option, Service, World, options_for
from routing.promise.transit import TRANSIT, Days, around, blended
from routing.services.context import lane, nodes_of, place_of, rate_table, read_groups, region_of
from routing.services.facts import facts_of
from routing.services.kits import engine_lines
from routing.services.planning import plan_demands
from routing.services.promise_facts import (
    CartFacts,
    NodeFacts,
    carrier_days,
    read_cart,
    slow_facts,
    transit_counts,
)
from routing.services.reading import Demand, Surroundings
from routing.services.rules import rules_in_force

#: Bounds of one question.
MOST_LINES = 100
MOST_QUESTIONS = 1_000
_FARTHEST = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Question:
    """A cart and where it goes. `lines` are SKU codes with units; `pickup_node` asks for collection at that store."""

    lines: tuple[tuple[str, int], ...]
    postcode: str = ""
    pickup_node: str = ""
    cod: bool = False
    country: str = "IN"


class TakenUnits(NamedTuple):
    """Units of a SKU that an option takes from a node; of a kit with the SKUs and units of each one of it."""

    sku_id: int
    units: int
    node_id: int
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """The options for one question, and where its postcode is as far as it is known."""

    question: Question
    place: Place | None
    moment: datetime
    answer: Answer
    order: OrderInput
    channel_id: int

    @property
    def missing(self) -> list[tuple[str, int]]:
        """SKU codes, and units of each, that no node can ship."""
        labels = {line.key: line.label for line in self.order.lines}
        return [(labels[key], units) for key, units in self.answer.missing]

    def taken_by(self, option: Option) -> list[TakenUnits]:
        """What an option takes from which node."""
        lines = {line.key: line for line in self.order.lines}
        return [
            TakenUnits(lines[key].sku_id, units, source.node_id, lines[key].parts)
            for source in option.sources
            for key, units in source.units.items()
        ]


def promise(question: Question, *, channel_code: str, moment: datetime | None = None) -> Answered:
    """What this cart can be offered at a moment (now). Writes nothing.

    Raises NotFound for an unknown channel or store and DomainError for unknown SKUs, bad quantities or a moment that is
    not within the next 60 days.
    """
    return promises([question], channel_code=channel_code, moment=moment)[0]


def promises(
    questions: Sequence[Question], *, channel_code: str, moment: datetime | None = None
) -> list[Answered]:  # fmt: skip
    """As `promise` for many carts at once, from one picture of the stock. No cart takes stock from another one."""
    at = _moment(moment)
    _check(questions)
    facts = read_cart((code for question in questions for code, _ in question.lines), channel_code)
    if facts.channel is None:
        raise NotFound(f"There is no channel {channel_code}.", field="channel")
    nodes = _nodes(facts, at, moment is not None)
    return [_Desk(facts, nodes, question, channel_code, at).answered() for question in questions]


def _moment(moment: datetime | None) -> datetime:
    present = now()
    if moment is None:
        return present
    if not present - timedelta(days=1) <= moment <= present + _FARTHEST:
        raise DomainError("The moment must lie within the next 60 days.", field="moment")
    return moment


def _check(questions: Sequence[Question]) -> None:
    if not 1 <= len(questions) <= MOST_QUESTIONS:
        raise DomainError(f"Ask for 1 to {MOST_QUESTIONS} carts at once.", field="carts")
    for question in questions:
        if not 1 <= len(question.lines) <= MOST_LINES:
            raise DomainError(f"A cart has 1 to {MOST_LINES} lines.", field="lines")
        if any(not 1 <= units <= 1_000_000 for _, units in question.lines):
            raise DomainError("A line has 1 to 1,000,000 units.", field="lines")
        if not question.postcode and not question.pickup_node and has_postcodes(question.country):
            raise DomainError("Name a postcode or a store to collect at.", field="postcode")


def _nodes(facts: CartFacts, moment: datetime, shifted: bool) -> list[NodeInput]:
    """The nodes as routing sees them; for another moment than now as they will be at that time of their day."""
    nodes = nodes_of(facts.version)
    if not shifted:
        return nodes
    known = slow_facts().nodes
    return [
        replace(node, minutes_to_cutoff=_cutoff_that_day(known[node.node_id], moment))
        for node in nodes if node.node_id in known
    ]  # fmt: skip


def _cutoff_that_day(node: NodeFacts, moment: datetime) -> int:
    left = minutes_to_cutoff(node.calendar, moment)
    return left if left < 24 * 60 else -1


class _Desk:
    """One question: the order as routing would see it, and the world around it."""

    def __init__(
        self, facts: CartFacts, nodes: list[NodeInput], question: Question, channel_code: str, moment: datetime
    ) -> None:  # fmt: skip
        self.facts, self.nodes, self.question, self.moment = facts, nodes, question, moment
        self.channel_code = channel_code
        self.place = place_of(question.country, question.postcode) if question.postcode else None
        self.lines = list(_lines(question, facts))
        self.plans: dict[tuple[int, ...], Plan] = {}

    def answered(self) -> Answered:
        """The options."""
        order, nodes = self._order(), terms_of_nodes(self.nodes)
        world = world_of(nodes, self.facts.stock, self.question.country, self.question.postcode, self._plan)
        rules = rules_in_force().of_order(0, self.channel_code).rules
        world = replace(world, sends_to_stores=any(each.attempt.policy.transfer is not None for each in rules))
        answer = options_for(order, self.moment, world)
        return Answered(self.question, self.place, self.moment, answer, order, self._channel_id)

    def _order(self) -> OrderInput:
        pickup = None
        if self.question.pickup_node:
            pickup = next((node.node_id for node in self.nodes if node.code == self.question.pickup_node), None)
            if pickup is None:
                raise NotFound(f"There is no node {self.question.pickup_node}.", field="pickup_node")
        return OrderInput(
            key=0, lines=engine_lines(self.lines), postcode=self.question.postcode, country=self.question.country,
            lat=self.place.lat if self.place else None, lon=self.place.lon if self.place else None,
            region=self.place.state if self.place else "", cod=self.question.cod,
            allowed_groups=read_groups().get(self._channel_id, frozenset()), pickup_node_id=pickup,
        )  # fmt: skip

    @property
    def _channel_id(self) -> int:
        return self.facts.channel[0] if self.facts.channel else 0

    def _plan(self, order: OrderInput) -> Plan:
        """What routing would decide, had this order come now: by the same rules, from the same stock.

        Only rules tell ways of delivery apart, so those that the same rules take share one plan.
        """
        columns = self._columns(order.service_level)
        if order.pickup_node_id is not None:
            columns["pickup_node_code"] = next(
                (node.code for node in self.nodes if node.node_id == order.pickup_node_id), ""
            )
        lines = [line | columns for line in self.lines]
        rules = rules_in_force().of_order(0, self.channel_code)
        matched = tuple(id(attempt) for attempt in rules.match(facts_of(lines, self.moment)))
        key = (order.pickup_node_id or 0, *matched)
        if key not in self.plans:
            around_it = Surroundings(
                {0: Demand(0, lines, 1, "", set())}, self.nodes, self.facts.used, self.facts.stock
            )  # fmt: skip
            self.plans[key] = plan_demands(around_it, rules=rules)[0].plan
        return self.plans[key]

    def _columns(self, service_level: str) -> dict[str, Any]:
        """The columns of an order that is not there yet, as `read_surroundings` gives them."""
        channel_id, kind = self.facts.channel or (0, "")
        return {
            "order_id": 0, "version": 0, "number": "", "channel_id": channel_id, "channel_code": self.channel_code,
            "channel_kind": kind, "ship_postcode": self.question.postcode,
            "ship_region": self.place.state if self.place else "", "ship_country": self.question.country,
            "payment_method": "cod" if self.question.cod else "prepaid",
            "total_minor": sum(line["unit_price_minor"] * line["unallocated"] for line in self.lines),
            "currency": "INR", "service_level": service_level, "pickup_node_code": "", "promised_by": None,
            "ship_by": None, "placed_at": self.moment.isoformat(), "tags": [], "is_b2b": False, "is_gift": False,
        }  # fmt: skip


def terms_of_nodes(nodes: Iterable[NodeInput]) -> dict[int, NodeTerms]:
    """What promises are made from at each of these nodes, by id; nodes of which that is not known are left out."""
    known = slow_facts().nodes
    return {
        node.node_id: NodeTerms(node, found.calendar, found.slip, found.offers_pickup, found.slots)
        for node in nodes
        if (found := known.get(node.node_id)) is not None
    }


def world_of(
    nodes: Mapping[int, NodeTerms], stock: Stock, country: str, postcode: str, plan: Callable[[OrderInput], Plan]
) -> World:
    """Everything that options to one destination are made from."""
    slow = slow_facts()
    region = region_of(country, postcode)

    def transit(service: Service, terms: NodeTerms, order: OrderInput, way: Lane) -> Days:
        """Days on the way: learned, with the rate card's days where nothing is."""
        where, there = region, postcode
        if order.pickup_node_id is not None:
            where, there = region_of(order.country, order.postcode), order.postcode
        counts = transit_counts(service.code, transit_path(way.zone, terms.node.code, *where, there))
        return _blend(counts, max(1, -(-way.transit_days * service.transit_percent // 100)))

    return World(
        nodes=nodes, stock=stock, plan=plan, lane=lane, transit=transit, rates=rate_table(), services=slow.services,
        calibrators=slow.calibrators, carrier=carrier_days(region[0]),
    )  # fmt: skip


@lru_cache(maxsize=100)
def _from_card(days: int) -> Days:
    return around(days)


def _blend(counts: Sequence[Any], card: int) -> Days:
    if not any(counts):
        return _from_card(card)
    return blended([(known, TRANSIT.prior(depth)) for depth, known in enumerate(counts)], _from_card(card))


def _lines(question: Question, facts: CartFacts) -> Iterable[dict[str, Any]]:
    """The cart as lines of an order: a kit as lines of its components."""
    number = 0
    for position, (code, units) in enumerate(question.lines):
        sku = facts.skus.get(code)
        if sku is None:
            raise DomainError(f"There is no SKU {code}.", field=f"lines.{position}.sku")
        number += 1
        if not sku["is_kit"]:
            yield _line(number, sku, units, sku["price_minor"])
            continue
        parts = facts.parts.get(sku["id"], [])
        if not parts:
            raise DomainError(f"{code} is a kit without components.", field=f"lines.{position}.sku")
        for part in parts:
            yield _line(number, part, units * part["quantity"], 0) | {
                "kit_id": f"kit {position}", "units_per_kit": part["quantity"], "kit_sku_id": sku["id"],
                "kit_code": code, "ships_together": sku["ships_together"], "kit_lines": len(parts),
            }  # fmt: skip
            number += 1


def _line(number: int, sku: dict[str, Any], units: int, price_minor: int) -> dict[str, Any]:
    return {
        "line_id": number, "sku_id": sku["id"], "sku_code": sku["code"], "unallocated": units, "backordered": 0,
        "weight_grams": sku["weight_grams"], "unit_price_minor": price_minor or 0, "category": sku["category"],
        "brand": sku["brand"], "needs": sku["needs"], "kit_id": None, "units_per_kit": None, "kit_sku_id": None,
        "kit_code": None, "ships_together": None, "kit_lines": None,
    }  # fmt: skip
