"""Nodes from a file. The code identifies and never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from channels.imports.catalogue import NODE_FIELDS, NODE_KINDS
from channels.imports.errors import ImportRefused
from channels.imports.fields import FieldSet
from channels.imports.kinds.base import Context, Finish, Written, read_records
from channels.imports.kinds.upsert import apply_plan, codes, compare
from channels.imports.parsers import Unreadable, parse_postcode
from channels.imports.tables import Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit
from inventory.models import Node, NodeKind
from inventory.services import set_node_capacity
from oms.core.places import find_place

_FIELDS = FieldSet(NODE_FIELDS)


def _build(values: dict[str, Any], options: Options) -> list[tuple[str, Any]]:
    return [(values["code"], {name: value for name, value in values.items() if name != "code"})]


def _defaults(unit: Unit, options: Options) -> dict[str, Any]:
    """What a new node needs and the file does not say. The state of an Indian PIN code is a fact, not a guess."""
    values = unit.value
    place = find_place(values["country"], values["postcode"])
    city = values.get("city") or (place.city if place else "")
    return {
        "name": f"{city.title()} {unit.key}".strip()[:120],
        "kind": options.node_kind,
        "city": city,
        "region": place.state if place else "",
        "time_zone": options.time_zone,
        "offers_pickup": values.get("kind", options.node_kind) == NodeKind.STORE,
    }


def _with_limits_set(
    existing: Mapping[str, Node], update: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Set how many orders a day nodes take, whose open work may have to move; what else is to be changed, by code."""
    for code in sorted(update, key=lambda code: existing[code].pk):
        if "daily_capacity" in update[code]:
            set_node_capacity(node_id=existing[code].pk, orders=update[code]["daily_capacity"])
    rest = {
        code: {name: value for name, value in changed.items() if name != "daily_capacity"}
        for code, changed in update.items()
    }
    return {code: changed for code, changed in rest.items() if changed}


class NodeHandler:
    """Import of nodes."""

    chunk_size = 1000

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """One row is one node; its postcode must be one of its country."""
        if options.node_kind not in NODE_KINDS.values():
            raise ImportRefused(f"{options.node_kind!r} is not a kind of node: {', '.join(NodeKind.values)}.")
        reading = read_records(table, columns, options, _FIELDS, _build, "code")
        units: list[Unit] = []
        issues = list(reading.issues)
        bad = set(reading.bad_rows)
        for unit in reading.units:
            country = unit.value.get("country", options.country)
            try:
                postcode = parse_postcode(unit.value["postcode"], country=country)
            except Unreadable as error:
                issues += [
                    RowIssue(row=row, field="postcode", got=unit.value["postcode"], expected=error.expected)
                    for row in unit.rows
                ]
                bad.update(unit.rows)
                continue
            units.append(replace(unit, value=unit.value | {"country": country, "postcode": postcode}))
        return Reading(units=tuple(units), issues=tuple(issues), rows=reading.rows, bad_rows=frozenset(bad))

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """Nothing that the rows do not tell."""
        return []

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """Compare with the nodes there are."""
        return compare(self._existing(units), {unit.key: unit.value for unit in units}).counts

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Create and change in two statements; limits of orders a day as a person does, so that routing is told."""
        existing = self._existing(units)
        plan = compare(existing, {unit.key: unit.value for unit in units})
        defaults = {unit.key: _defaults(unit, context.options) for unit in units if unit.key in plan.create}
        apply_plan(Node, existing, replace(plan, update=_with_limits_set(existing, plan.update)), defaults)
        return Written(counts=plan.counts)

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Nothing follows."""
        return Finish()

    def _existing(self, units: Sequence[Unit]) -> dict[str, Node]:
        return {node.code: node for node in Node.objects.filter(code__in=codes(units)).order_by("code")}
