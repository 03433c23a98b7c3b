"""What is suggested, the figures of one SKU without a suggestion, and what was asked for day by day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from django.db.models import Q, QuerySet

from inventory.models import ReplenishmentRule, ReplenishmentSuggestion, SuggestionState
from inventory.selectors.demand_sql import asked
from inventory.selectors.replenishment_sql import FIGURES, NONE_WAITING, OF_SKUS, plan
from oms.core.db import bigints, fetch_all
from oms.core.json_text import from_json, to_json

#: Decimal places of z, as shown and as worked with.
_Z_DIGITS = 4
#: Days of the chart of demand: those that the rates look at.
CHART_DAYS = 28


def z_of(service_level_bp: int) -> float:
    """Standard deviations of safety for a service level in basis points, with four digits: 9500 -> 1.6449.

    The inverse of the normal distribution as `statistics.NormalDist.inv_cdf` works it out: algorithm AS241 of
    M. J. Wichura (1988), "The Percentage Points of the Normal Distribution", Applied Statistics 37 (3), 477-484.
    """
    return round(NormalDist().inv_cdf(service_level_bp / 10_000), _Z_DIGITS)


def z_json(levels: Iterable[int]) -> str:
    """The parameter `z` of the plan: a JSON object from service level to z."""
    return to_json({str(level): z_of(level) for level in sorted(set(levels))})


def active_levels() -> list[int]:
    """Service levels of the rules in force."""
    rules = ReplenishmentRule.objects.filter(is_active=True).order_by()
    return list(rules.values_list("service_level_bp", flat=True).distinct())


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionFilter:
    """Which suggestions: empty fields narrow nothing. `way` is purchase, transfer or unknown (nobody can send it).

    `urgent` are those that run out before goods that are ordered today would come. `text` is the start of a SKU code or
    part of a name.
    """

    state: str = SuggestionState.OPEN
    node: str = ""
    supplier: str = ""
    category: str = ""
    way: str = ""
    urgent: bool = False
    text: str = ""


_WAYS = {
    "purchase": Q(supplier__isnull=False),
    "transfer": Q(from_node__isnull=False),
    "unknown": Q(supplier__isnull=True, from_node__isnull=True),
}


def query_suggestions(only: SuggestionFilter) -> QuerySet[ReplenishmentSuggestion]:
    """The suggestions that the filter takes, those that run out first before the others."""
    rows = ReplenishmentSuggestion.objects.filter(state=only.state).select_related(
        "sku", "node", "supplier", "from_node", "rule", "purchase_order", "transfer"
    )
    wanted = {"node__code": only.node, "supplier__code": only.supplier, "sku__category": only.category}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if only.way in _WAYS:
        rows = rows.filter(_WAYS[only.way])
    if only.urgent:
        rows = rows.filter(slack_days__lt=0)
    if only.text:
        rows = rows.filter(Q(sku__code__istartswith=only.text) | Q(sku__name__icontains=only.text))
    return rows.order_by("slack_days", "pk")


_FIGURED = """
SELECT node_id, json_build_object({figures})::text FROM sized WHERE is_first
"""


def reorder_figures(sku_id: int, *, waiting: str = NONE_WAITING) -> dict[int, dict[str, Any]]:
    """Every figure of a SKU at each node that a rule speaks of, by the id of the node: as a suggestion's sums.

    Without what another node could spare. Three statements at most.
    """
    levels = active_levels()
    if not levels:
        return {}
    statement = f"{plan(of=OF_SKUS, waiting=waiting)}{_FIGURED.format(figures=FIGURES)}"
    rows = fetch_all(statement, {"skus": bigints([sku_id]), "z": z_json(levels)})
    return {node_id: from_json(text) for node_id, text in rows}


_BY_DAY = f"""
WITH {asked("sku_id = %(sku)s AND node_id = %(node)s")}
SELECT day, units::int FROM asked
"""  # noqa: S608 - only constants of this project are put in


def demand_by_day(sku_id: int, node_id: int, *, days: int = CHART_DAYS) -> list[int]:
    """Units asked for in each of the last days of 24 hours, the oldest first, as the demand rates count them."""
    found = dict(fetch_all(_BY_DAY, {"sku": sku_id, "node": node_id, "days": days}))
    return [found.get(day, 0) for day in range(days - 1, -1, -1)]
