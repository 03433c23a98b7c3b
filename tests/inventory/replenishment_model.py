"""What should be suggested, in plain Python: one SKU at a time, figure by figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from math import ceil, sqrt
from statistics import NormalDist

NEVER = 9999.0
MOST = 1_000_000_000


@dataclass(frozen=True)
class Rule:
    """Conditions (None holds everywhere) and what it asks for."""

    name: str
    priority: int
    node: str | None = None
    sku: str | None = None
    category: str = ""
    level: int = 9500
    review: int = 7
    source: str | None = None
    transfer_days: int = 2
    least: int = 0
    most: int | None = None


@dataclass
class Spot:
    """A SKU at a node."""

    atp: int = 0
    inbound: int = 0
    drafted: int = 0
    leaving: int = 0
    waiting: int = 0
    mean: float = 0.0
    deviation: float = 0.0


@dataclass
class Item:
    """A SKU: its category, who sells it, and what every node has of it."""

    code: str
    category: str = ""
    supplier: str | None = None
    lead: float = 7.0
    lead_deviation: float = 0.0
    pack: int = 1
    least_order: int = 1
    spots: dict[str, Spot] = field(default_factory=dict)


def up(value: float) -> int:
    """Rounded up after six digits, from the 15 that PostgreSQL takes of a floating point number."""
    exact = Decimal(f"{value:.15g}").quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return min(MOST, ceil(exact))


def days(value: float) -> float:
    return float(Decimal(f"{value:.15g}").quantize(Decimal("0.01"), ROUND_HALF_UP))


@dataclass(frozen=True)
class Figures:
    """A way to keep up a spot."""

    reorder_at: int
    wanted: int
    slack: float


def figures(spot: Spot, rule: Rule, lead: float, lead_deviation: float, pack: int, least_order: int) -> Figures:
    z = round(NormalDist().inv_cdf(rule.level / 10_000), 4)
    d, s = spot.mean, spot.deviation
    safety = up(z * sqrt(lead * s * s + d * d * lead_deviation * lead_deviation)) if d > 0 else 0
    most = MOST if rule.most is None else rule.most
    reorder_at = min(most, max(rule.least, up(d * lead + safety)))
    up_to = min(most, reorder_at + up(d * rule.review))
    position = spot.atp + spot.inbound + spot.drafted - spot.waiting
    slack = days(days(max(0, spot.atp + spot.inbound - spot.waiting) / d) - lead) if d else NEVER
    missing = min(MOST, max(0, up_to - position)) if position <= reorder_at else 0
    if not missing:
        return Figures(reorder_at, 0, slack)
    room = min(MOST, max(0, MOST if rule.most is None else rule.most - position))
    packs = -(-max(missing, least_order) // pack) * pack
    if packs > room:
        packs = room // pack * pack
        packs = packs if packs >= least_order else 0
    return Figures(reorder_at, packs, slack)


def rule_for(item: Item, node: str, rules: list[Rule]) -> Rule | None:
    for rule in sorted(rules, key=lambda rule: rule.priority):
        if rule.node in (None, node) and rule.sku in (None, item.code) and rule.category in ("", item.category):
            return rule
    return None


def suggest(item: Item, order: list[str], rules: list[Rule]) -> dict[str, tuple[str, str | None, int]]:
    """Node -> (way, supplier or node, quantity). `order` is that of the ids of the nodes."""
    bought: dict[str, Figures] = {}
    carried: dict[str, tuple[str, Figures]] = {}
    first: dict[str, Figures] = {}
    for node, spot in item.spots.items():
        rule = rule_for(item, node, rules)
        if rule is None:
            continue
        bought[node] = figures(spot, rule, item.lead, item.lead_deviation, item.pack, item.least_order)
        first[node] = bought[node]
        if rule.source is not None and rule.source != node:
            first[node] = figures(spot, rule, float(rule.transfer_days), 0.0, 1, 1)
            carried[node] = (rule.source, first[node])
    found: dict[str, tuple[str, str | None, int]] = {}
    taken: dict[str, int] = {}
    asking = [(figure.slack, order.index(node), node) for node, (_, figure) in carried.items() if figure.wanted]
    for _, _, node in sorted(asking):
        source, figure = carried[node]
        there = item.spots.get(source, Spot())
        own = first[source].reorder_at if source in first else 0
        spare = max(0, there.atp - own - there.leaving)
        gets = min(figure.wanted, max(0, spare - taken.get(source, 0)))
        taken[source] = taken.get(source, 0) + figure.wanted
        if gets:
            found[node] = ("transfer", source, gets)
        elif bought[node].wanted:
            found[node] = ("purchase", item.supplier, bought[node].wanted)
    for node, figure in bought.items():
        if node not in carried and figure.wanted:
            found[node] = ("purchase", item.supplier, figure.wanted)
    return found
