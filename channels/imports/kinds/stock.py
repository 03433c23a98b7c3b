"""Counted stock from a file: on hand at nodes is set to it, and the ledger gets the difference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from channels.imports.catalogue import STOCK_FIELDS
from channels.imports.errors import ImportRefused
from channels.imports.fields import FieldSet
from channels.imports.kinds.base import Context, Finish, Written, read_records
from channels.imports.kinds.skus import create_skus, sku_values
from channels.imports.tables import Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit
from inventory.models import Node, Sku, StockLevel
from inventory.services import OpeningRow, set_opening_stock
from oms.core.errors import DomainError

_FIELDS = FieldSet(STOCK_FIELDS)


@dataclass(frozen=True, slots=True)
class StockRecord:
    """Units of a SKU at a node. `sku_values` are columns of the SKU, used only to create it."""

    sku: str
    node: str
    on_hand: int
    sku_values: dict[str, Any] = field(default_factory=dict)


def split_over(quantity: int, sku: str, nodes: Sequence[str]) -> dict[str, int]:
    """Units of one SKU dealt out over nodes: equal parts, the rest to the first in an order that the SKU decides.

    The same SKU and nodes give the same answer for ever, and over many SKUs every node comes first equally often.
    """
    dealt = sorted(nodes, key=lambda node: hashlib.sha256(f"{sku}|{node}".encode()).digest())
    share, rest = divmod(quantity, len(dealt))
    return {node: share + (position < rest) for position, node in enumerate(dealt)}


def _build(values: dict[str, Any], options: Options) -> list[tuple[str, Any]]:
    sku, on_hand = values["sku"], values["on_hand"]
    columns = sku_values(values)
    if options.node_split:
        parts = split_over(on_hand, sku, options.node_split)
    else:
        parts = {values.get("node", options.node): on_hand}
    return [(f"{sku} at {node}", StockRecord(sku, node, units, columns)) for node, units in parts.items()]


def refuse_unknown_nodes(options: Options) -> None:
    """Raises ImportRefused where the options name a node that does not exist."""
    named = {code for code in (options.node, *options.node_split) if code}
    unknown = sorted(named - set(Node.objects.filter(code__in=named).values_list("code", flat=True)))
    if unknown:
        raise ImportRefused(f"There is no node {', '.join(unknown)}. Create it first.", field="node")


def _sku_of(key: str) -> str:
    return key.rpartition(" at ")[0]


class StockHandler:
    """Import of stock counts."""

    chunk_size = 1000

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """One row is one level, or several where the stock is spread over nodes."""
        if not ("node" in columns or options.node or options.node_split):
            raise ImportRefused("The file has no column with the node. Name one node, or nodes to spread it over.")
        reading = read_records(table, columns, options, _FIELDS, _build, "sku", _sku_of)
        homeless = {row for unit in reading.units if not unit.value.node for row in unit.rows}
        issues = [RowIssue(row=row, field="node", got="", expected="a value") for row in sorted(homeless)]
        return Reading(
            units=tuple(unit for unit in reading.units if unit.value.node),
            issues=(*reading.issues, *issues),
            rows=reading.rows,
            bad_rows=reading.bad_rows | homeless,
        )

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """SKUs and nodes that do not exist, and kits."""
        skus, nodes = self._ids(units)
        kits = set(Sku.objects.filter(pk__in=list(skus.values()), is_kit=True).values_list("code", flat=True))
        issues: list[RowIssue] = []
        for unit in units:
            record = unit.value
            if record.sku in kits:
                expected = "a SKU with stock of its own; of a kit count the components"
                issues += [RowIssue(row=row, field="sku", got=record.sku, expected=expected) for row in unit.rows]
            if record.sku not in skus and not options.create_skus:
                expected = "a SKU of the catalogue"
                issues += [RowIssue(row=row, field="sku", got=record.sku, expected=expected) for row in unit.rows]
            if record.node not in nodes:
                expected = "the code of a node"
                issues += [RowIssue(row=row, field="node", got=record.node, expected=expected) for row in unit.rows]
        return list(dict.fromkeys(issues))

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """Compare with the levels there are; a count of 0 where nothing ever was changes nothing."""
        skus, nodes = self._ids(units)
        levels = dict(self._levels(skus, nodes))
        create = update = skip = 0
        for unit in units:
            record = unit.value
            stored = levels.get((skus.get(record.sku, 0), nodes.get(record.node, 0)))
            if (stored or 0) == record.on_hand:
                skip += 1
            elif stored is None:
                create += 1
            else:
                update += 1
        return Counts(create=create, update=update, skip=skip)

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Set the counts in one posting; where one is below what is reserved, one by one without it."""
        if context.options.create_skus:
            known = set(self._ids(units)[0])
            create_skus({unit.value.sku: unit.value.sku_values for unit in units if unit.value.sku not in known})
        skus, nodes = self._ids(units)
        counts = self.count(units, context.options)
        rows = {
            unit.key: OpeningRow(skus[unit.value.sku], nodes[unit.value.node], unit.value.on_hand) for unit in units
        }
        try:
            self._set(list(rows.values()), context)
            return Written(counts=counts)
        except DomainError:
            return self._write_singly(units, rows, context)

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Nothing follows: the postings were announced with them."""
        return Finish()

    def _write_singly(self, units: Sequence[Unit], rows: Mapping[str, OpeningRow], context: Context) -> Written:
        counts, refused = Counts(), []
        for unit in units:
            one = self.count([unit], context.options)
            try:
                self._set([rows[unit.key]], context)
                counts = counts.plus(one)
            except DomainError:
                expected = "at least what is reserved there; release or reroute those orders first"
                refused.append(
                    RowIssue(row=unit.rows[0], field="on_hand", got=str(unit.value.on_hand), expected=expected)
                )
        return Written(counts=counts, refused=tuple(refused))

    def _set(self, rows: Sequence[OpeningRow], context: Context) -> None:
        with transaction.atomic():  # a savepoint: one refused level must not cost the chunk
            set_opening_stock(rows=rows, op_key=f"import/{context.fingerprint[:32]}", actor=context.actor)

    def _ids(self, units: Sequence[Unit]) -> tuple[dict[str, int], dict[str, int]]:
        sku_codes = sorted({unit.value.sku for unit in units})
        node_codes = sorted({unit.value.node for unit in units})
        return (
            dict(Sku.objects.filter(code__in=sku_codes).values_list("code", "pk")),
            dict(Node.objects.filter(code__in=node_codes).values_list("code", "pk")),
        )

    def _levels(self, skus: Mapping[str, int], nodes: Mapping[str, int]) -> list[tuple[tuple[int, int], int]]:
        levels = StockLevel.objects.filter(sku_id__in=list(skus.values()), node_id__in=list(nodes.values()))
        return [((sku, node), on_hand) for sku, node, on_hand in levels.values_list("sku_id", "node_id", "on_hand")]
