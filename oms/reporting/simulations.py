"""Simulations of routing rules as lists, tables and a file: figures of each version beside the baseline's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from oms.core.models import JobState
from oms.core.templatetags.oms_format import count, money, percent
from oms.core.values import major_units
from oms.reporting.order_export import csv_text, safe_text
from routing.engine import FACTORS
from routing.models import SimulatedOrder, Simulation
from routing.simulation import SMALL_SAMPLE

PAGE_ROWS = 50
LIST_ROWS = 50
#: Node rows that are shown; the others are in the sums.
MOST_NODES = 60


def past_simulations(limit: int = LIST_ROWS, *, before: int | None = None) -> list[Simulation]:
    """Simulations, the newest first."""
    rows = Simulation.objects.select_related("job").order_by("-pk")
    return list((rows.filter(pk__lt=before) if before is not None else rows)[:limit])


def state_of(simulation: Simulation) -> str:
    """Where it stands, as a job does: "queued", "running", "done", "failed" or "cancelled"."""
    if simulation.finished_at is not None:
        return str(JobState.DONE)
    return simulation.job.state if simulation.job else str(JobState.FAILED)


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of one version; `change` is how it differs from the baseline, `tone` whether that is good."""

    text: str
    change: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One figure of every version, the baseline first; `hint` says how it is counted."""

    label: str
    hint: str
    cells: tuple[Cell, ...]
    is_part: bool = False


Value = Callable[[Mapping[str, Any]], float | None]


def measures(simulation: Simulation) -> list[MeasureRow]:
    """The figures that versions are compared by."""
    versions, currency = simulation.result["versions"], simulation.result["currency"]

    def row(label: str, hint: str, value: Value, kind: str, better: int, *, part: bool = False) -> MeasureRow:
        values = [value(each) for each in versions]
        return MeasureRow(label, hint, tuple(_cells(values, kind, better, currency)), part)

    promised = versions[0]["promised"]
    rows = [
        row(_("On time, as planned"),
            _("Of %(n)s orders with a promised date: shipped whole and there in time by the days of the rate card")
            % {"n": count(promised)}, lambda one: _share(one["in_time"], one["promised"]), "share", 1),
        row(_("On time, as expected"), _("The same by what delivered parcels taught about their lanes"),
            lambda one: _share(one["chances"], one["with_chance"]), "share", 1),
        row(_("Fill"), _("Units that are shipped, of those ordered"),
            lambda one: _share(one["shipped_units"], one["units"]), "share", 1),
        row(_("Orders no node can ship"), _("At the moment of their decision"), lambda one: one["unroutable"],
            "count", -1),
        row(_("Orders shipped in part"), "", lambda one: one["partial"], "count", -1),
        row(_("Split"), _("Of the orders that are shipped: in more than one parcel"),
            lambda one: _share(one["split"], one["shipped_orders"]), "share", -1),
        row(_("Freight an order"), _("What couriers ask by the rate card, of the orders that are shipped"),
            lambda one: _share(one["freight_minor"], one["money_orders"]), "money", -1),
        row(_("Cost an order"), _("As each version weighs it: with its own weights, of the orders that are shipped"),
            lambda one: _share(one["cost_minor"], one["money_orders"]), "money", 0),
    ]  # fmt: skip
    rows += _factor_rows(versions, row)
    return [
        *rows,
        row(_("Kilometres a parcel"), "", lambda one: _share(one["km"], one["parcels"]), "km", -1),
        row(_("Orders from other nodes"), _("Than the first version would ship them from"), lambda one: one["changed"],
            "count", 0),
        row(_("As it really was"), _("Orders from the same nodes as in their real first decision"),
            lambda one: _share(one["as_really"], one["orders"]), "share", 0),
    ]  # fmt: skip


def _factor_rows(versions: Sequence[Mapping[str, Any]], row: Callable[..., MeasureRow]) -> list[MeasureRow]:
    """The parts of the cost; those that cost nothing in any version are left out."""

    def part(name: str) -> Value:
        return lambda one: _share(_factor(one, name), one["money_orders"])

    labels = {
        "shipping": _("Shipping"), "distance": _("Distance"), "transit": _("Transit"), "late": _("Late"),
        "load": _("Load"), "priority": _("Priority"), "performance": _("Performance"), "stock": _("Scarce stock"),
        "split": _("Split penalty"),
    }  # fmt: skip
    return [
        row(labels.get(name, name), "", part(name), "money", 0, part=True)
        for name in (*FACTORS, "split")
        if any(_factor(one, name) for one in versions)
    ]


def _factor(one: Mapping[str, Any], name: str) -> int:
    return int(one["split_minor"] if name == "split" else one["factors"].get(name, 0))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


_NOTHING = "–"


def _cells(values: Sequence[float | None], kind: str, better: int, currency: str) -> Iterator[Cell]:
    first = values[0]
    for index, value in enumerate(values):
        if value is None:
            yield Cell(_NOTHING)
        elif index == 0 or first is None:
            yield Cell(_figure(value, kind, currency))
        else:
            change = _change(value - first, kind, currency)
            tone = "" if not change or not better else "good" if (value > first) == (better > 0) else "bad"
            yield Cell(_figure(value, kind, currency), change, tone)


def _figure(value: float, kind: str, currency: str) -> str:
    if kind == "share":
        return percent(value, 1)
    if kind == "money":
        return money(round(value), currency)
    return f"{count(round(value))} km" if kind == "km" else count(round(value))


def _change(change: float, kind: str, currency: str) -> str:
    """The difference with its sign; nothing where it would be shown as none."""
    sign, size = ("+" if change > 0 else "−"), abs(change)
    if kind == "share":
        return f"{sign}{100 * size:.1f}" if round(100 * size, 1) else ""
    if not round(size):
        return ""
    return sign + (money(round(size), currency) if kind == "money" else count(round(size)))


@dataclass(frozen=True, slots=True)
class NodeRow:
    """What one node is given by every version."""

    code: str
    cells: tuple[Cell, ...]


def node_rows(simulation: Simulation) -> list[NodeRow]:
    """Orders at each node by version, the nodes that change most first."""
    versions = simulation.result["versions"]
    codes = {code for one in versions for code in one["nodes"]}
    found = []
    for code in codes:
        orders = [one["nodes"].get(code, {}).get("orders", 0) for one in versions]
        moved = max(abs(each - orders[0]) for each in orders)
        found.append((-moved, -orders[0], code, tuple(_cells(orders, "count", 0, ""))))
    return [NodeRow(code, cells) for _moved, _orders, code, cells in sorted(found)[:MOST_NODES]]


@dataclass(frozen=True, slots=True)
class Dot:
    """A version in the picture of cost against promises: where it stands, from 0 to 100 from the left and the top."""

    name: str
    mark: str
    x: float
    y: float
    cost: str
    on_time: str


def dots(simulation: Simulation) -> list[Dot]:
    """Each version by its freight an order (left is cheap) and its orders in time (top is good), if all have both."""
    currency = simulation.result["currency"]
    found = [
        (_share(one["freight_minor"], one["money_orders"]), _share(one["in_time"], one["promised"]))
        for one in simulation.result["versions"]
    ]
    if any(cost is None or on_time is None for cost, on_time in found):
        return []
    costs, times = [cost or 0.0 for cost, _ in found], [on_time or 0.0 for _, on_time in found]
    return [
        Dot(name, chr(ord("A") + index), _between(cost, costs), 100 - _between(on_time, times),
            money(round(cost), currency), percent(on_time, 1))
        for index, (name, cost, on_time) in enumerate(zip(simulation.names, costs, times, strict=True))
    ]  # fmt: skip


def _between(value: float, values: Sequence[float]) -> float:
    low, high = min(values), max(values)
    return 50.0 if high == low else round(8 + 84 * (value - low) / (high - low), 1)


@dataclass(frozen=True, slots=True)
class Change:
    """One order with what each version does with it; `differs` says which ones do otherwise than the baseline."""

    row: SimulatedOrder
    decisions: list[tuple[str, dict[str, Any], bool]]


def changed_page(
    simulation: Simulation, *, version: int = 0, before: int | None = None, size: int = PAGE_ROWS
) -> tuple[list[Change], int | None]:
    """Orders that changed node, in any version or in this one, and the mark of the next page."""
    rows = SimulatedOrder.objects.filter(simulation=simulation).order_by("pk")
    if version:
        rows = rows.filter(changed__contains=[version])
    if before is not None:
        rows = rows.filter(pk__gt=before)
    page = list(rows[: size + 1])
    more, page = len(page) > size, page[:size]
    return [_shown(simulation, row) for row in page], page[-1].pk if more else None


def _shown(simulation: Simulation, row: SimulatedOrder) -> Change:
    names = simulation.names
    return Change(row, [
        (names[index], decision, index in row.changed) for index, decision in enumerate(row.decisions)
    ])  # fmt: skip


def changed_orders(simulation: Simulation) -> int:
    """How many orders any version sends from other nodes than the baseline."""
    return SimulatedOrder.objects.filter(simulation=simulation).count()


def is_small(simulation: Simulation) -> bool:
    """So few orders that nothing should be concluded."""
    return int(simulation.result["orders"]) < SMALL_SAMPLE


def changed_csv(simulation: Simulation) -> Iterator[str]:
    """Every order that changed node as CSV, piece by piece: one row for each version that does otherwise."""
    names = simulation.names
    yield "\ufeff" + csv_text([[
        "Order", "Decided at", "Version", "Nodes before", "Nodes after", "Cost before", "Cost after", "Currency",
        "Outcome before", "Outcome after", "Rule before", "Rule after", "Why before", "Why after",
    ]])  # fmt: skip
    rows = SimulatedOrder.objects.filter(simulation=simulation).order_by("pk").iterator(chunk_size=500)
    for row in rows:
        first = row.decisions[0]
        yield csv_text(_csv_row(row, names[index], first, row.decisions[index]) for index in row.changed)


def _csv_row(row: SimulatedOrder, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    costs = [str(major_units(each["cost"], row.currency)) for each in (before, after)]
    texts = (before["rule"], after["rule"], before["sentence"], after["sentence"])
    return [
        safe_text(row.number), row.decided_at.isoformat(), safe_text(name), safe_text(_nodes(before)),
        safe_text(_nodes(after)), *costs, row.currency, before["outcome"], after["outcome"],
        *(safe_text(each) for each in texts),
    ]  # fmt: skip


def _nodes(decision: Mapping[str, Any]) -> str:
    return " + ".join(f"{code} ({units})" for code, units in decision["nodes"])
