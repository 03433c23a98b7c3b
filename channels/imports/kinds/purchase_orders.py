"""Purchase orders from a file: rows of one supplier with one reference are one order, written as a draft.

By the pair a file finds its order: the same file again changes nothing, and another version of it changes the draft.
What was placed stands as the supplier has it, so a row that contradicts it is refused. Screens and the API may give one
reference to several orders, or change it: a file that could mean another order than it says is refused too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from channels.imports.catalogue import PURCHASE_FIELDS
from channels.imports.errors import ImportRefused
from channels.imports.fields import FieldSet
from channels.imports.kinds.base import Context, Finish, Written, mapped_rows, overlong
from channels.imports.tables import Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit
from inventory.locks import lock_purchase_orders_named
from inventory.models import Node, NodeKind, PurchaseOrder, PurchaseOrderState, Sku, Supplier
from inventory.services import PurchaseLine, PurchaseTerms, draft_purchase_order, edit_purchase_order
from inventory.services.purchasing import MOST_LINES
from oms.core.errors import DomainError

State = PurchaseOrderState
_FIELDS = FieldSet(PURCHASE_FIELDS)
#: Fields that say something of the whole order: its rows must agree in them.
_OF_ORDER = ("node", "expected_on", "note")
_FIELD_OF_ERROR = {"supplier": "supplier", "node": "node", "lines": "sku"}


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    """A line of an order. Without a cost it stays as a draft has it; in a new line the supplier's price counts.

    `dated`: its row says the day, which then counts before a day that the draft's line has of its own.
    """

    row: int
    sku: str
    quantity: int
    cost_minor: int | None
    dated: bool


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """One order as the file says it. What it does not say (`expected_on`, `note`) stays as a draft has it."""

    supplier: str
    reference: str
    node: str
    expected_on: date | None
    note: str | None
    lines: tuple[PurchaseRow, ...]


@dataclass(slots=True)
class _Group:
    """Rows of one supplier with one reference."""

    rows: list[tuple[int, dict[str, Any]]]
    issues: list[RowIssue]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database has of the things that some orders name."""

    suppliers: Mapping[str, Supplier]
    nodes: Mapping[str, Node]
    skus: Mapping[str, Sku]
    #: Orders by (supplier, reference), without cancelled ones where another is there.
    orders: Mapping[tuple[str, str], Sequence[PurchaseOrder]]


class PurchaseOrderHandler:
    """Import of purchase orders."""

    chunk_size = 100

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """Rows of one order may stand anywhere in the file; one that cannot be read keeps its whole order out."""
        if not ("node" in columns or options.node):
            raise ImportRefused("The file has no column with the node. Name one node for the whole file.", field="node")
        groups: dict[str, _Group] = {}
        loose: list[RowIssue] = []
        count = 0
        for row, cells in mapped_rows(table, columns):
            count += 1
            values, wrong = _FIELDS.read(cells, options, row.number)
            if row.extra:
                wrong.append(overlong(row))
            values.setdefault("node", options.node)
            if not (values["node"] or cells.get("node")):
                wrong.append(RowIssue(row=row.number, field="node", got="", expected="a value"))
            if "supplier" not in values or "reference" not in values:
                loose += wrong
                continue
            group = groups.setdefault(f"{values['supplier']} {values['reference']}", _Group([], []))
            group.rows.append((row.number, values))
            group.issues += wrong
        return _reading(groups, loose, count)

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """What cannot be bought from, for, at all or in one order, and references that stand for something else."""
        known = _look_up(units)
        issues: list[RowIssue] = []
        for unit in units:
            found = [*_unknown(unit, known, options), *_too_many(unit), *_contradictions(unit, known)]
            issues += [*found, *_beside(unit.rows, found)]
        return issues

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """New drafts, drafts that change, and orders that say the same already."""
        known = _look_up(units)
        create = update = skip = 0
        for unit in units:
            order = _order_of(unit.value, known)
            if order is None:
                create += 1
            elif _says(unit.value, order):
                skip += 1
            else:
                update += 1
        return Counts(create=create, update=update, skip=skip)

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Draft what is new and change the drafts that differ, each by itself.

        What is there is locked and looked at again: people may have changed it since it was verified.
        """
        records: list[PurchaseRecord] = [unit.value for unit in units]
        lock_purchase_orders_named({one.supplier for one in records}, {one.reference for one in records})
        known = _look_up(units)
        counts, refused = Counts(), []
        for unit in units:
            wrong = _contradictions(unit, known)
            if wrong:
                refused += wrong
                continue
            try:
                with transaction.atomic():  # a savepoint: one refused order must not cost the chunk
                    counts = counts.plus(_write(unit.value, known, context.actor))
            except DomainError as error:
                field = _FIELD_OF_ERROR.get(error.field, "reference")
                issue = RowIssue(row=unit.rows[0], field=field, got=unit.key, expected=error.message)
                refused += [issue, *_beside(unit.rows, [issue])]
        return Written(counts=counts, refused=tuple(refused))

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Nothing follows: the drafts wait to be placed."""
        return Finish()


# -- reading -----------------------------------------------------------------------------------------------------------


def _reading(groups: Mapping[str, _Group], loose: list[RowIssue], count: int) -> Reading:
    units: list[Unit] = []
    issues, bad = loose, {issue.row for issue in loose}
    for key, group in groups.items():
        numbers = tuple(number for number, _ in group.rows)
        wrong = group.issues or _quarrels(group.rows)
        if wrong:
            issues += [*wrong, *_beside(numbers, wrong)]
            bad.update(numbers)
            continue
        units.append(Unit(key=key, rows=numbers, value=_record(group.rows)))
    return Reading(units=tuple(units), issues=tuple(issues), rows=count, bad_rows=frozenset(bad))


def _beside(rows: Iterable[int], wrong: Sequence[RowIssue]) -> list[RowIssue]:
    """The other rows of an order are refused with it: half of an order would be bought for the whole."""
    at_fault = {issue.row for issue in wrong}
    if not at_fault:
        return []
    expected = f"an order whose rows are all right; row {min(at_fault)} is not"
    return [RowIssue(row=row, field="reference", got="", expected=expected) for row in rows if row not in at_fault]


def _quarrels(rows: Sequence[tuple[int, dict[str, Any]]]) -> list[RowIssue]:
    """Rows of one order that name different nodes, days or notes, or one SKU twice."""
    issues: list[RowIssue] = []
    skus: dict[str, int] = {}
    said: dict[str, tuple[int, Any]] = {}
    for number, values in rows:
        first = skus.setdefault(values["sku"], number)
        if first != number:
            expected = f"each SKU once in an order, with the sum; row {first} has it too"
            issues.append(RowIssue(row=number, field="sku", got=values["sku"], expected=expected))
        for name in _OF_ORDER:
            if name not in values:
                continue
            where, value = said.setdefault(name, (number, values[name]))
            if value != values[name]:
                expected = f"{value} as in row {where} of the same order"
                issues.append(RowIssue(row=number, field=name, got=str(values[name])[:80], expected=expected))
    return issues


def _record(rows: Sequence[tuple[int, dict[str, Any]]]) -> PurchaseRecord:
    of_order: dict[str, Any] = {}
    for _, values in rows:
        of_order |= {name: values[name] for name in ("supplier", "reference", *_OF_ORDER) if name in values}
    lines = tuple(
        PurchaseRow(number, values["sku"], values["quantity"], values.get("unit_cost"), "expected_on" in values)
        for number, values in rows
    )
    return PurchaseRecord(
        supplier=of_order["supplier"], reference=of_order["reference"], node=of_order["node"],
        expected_on=of_order.get("expected_on"), note=of_order.get("note"), lines=lines,
    )  # fmt: skip


# -- what is there already ---------------------------------------------------------------------------------------------


def _look_up(units: Sequence[Unit]) -> _Known:
    """Four statements, however many orders."""
    records: list[PurchaseRecord] = [unit.value for unit in units]
    found = PurchaseOrder.objects.select_related("supplier", "node").prefetch_related("lines__sku").filter(
        supplier__code__in={record.supplier for record in records},
        reference__in={record.reference for record in records},
    )  # fmt: skip
    orders: dict[tuple[str, str], list[PurchaseOrder]] = {}
    for order in found.order_by("pk"):
        orders.setdefault((order.supplier.code, order.reference), []).append(order)
    live = {
        key: [order for order in same if order.state != State.CANCELLED] or same[-1:] for key, same in orders.items()
    }
    return _Known(
        suppliers={row.code: row for row in Supplier.objects.filter(code__in={one.supplier for one in records})},
        nodes={row.code: row for row in Node.objects.filter(code__in={one.node for one in records})},
        skus={
            row.code: row
            for row in Sku.objects.filter(code__in={line.sku for one in records for line in one.lines})
        },
        orders=live,
    )  # fmt: skip


def _order_of(record: PurchaseRecord, known: _Known) -> PurchaseOrder | None:
    return next(iter(known.orders.get((record.supplier, record.reference), ())), None)


def _says(record: PurchaseRecord, order: PurchaseOrder) -> bool:
    """The order says what the file says. A cost or a day that the file leaves out may be any."""
    lines = {line.sku.code: line for line in order.lines.all()}
    return (
        order.node.code == record.node
        and record.expected_on in (None, order.expected_on)
        and record.note in (None, order.note)
        and lines.keys() == {line.sku for line in record.lines}
        and all(
            lines[line.sku].quantity == line.quantity
            and line.cost_minor in (None, lines[line.sku].unit_cost_minor)
            and not (line.dated and lines[line.sku].expected_on not in (None, record.expected_on))
            for line in record.lines
        )
    )


def _unknown(unit: Unit, known: _Known, options: Options) -> list[RowIssue]:
    """What cannot be bought from, for or at all."""
    record: PurchaseRecord = unit.value
    issues: list[RowIssue] = []

    def refuse(rows: Iterable[int], field: str, got: str, expected: str) -> None:
        issues.extend(RowIssue(row=row, field=field, got=got, expected=expected) for row in rows)

    supplier, node = known.suppliers.get(record.supplier), known.nodes.get(record.node)
    if supplier is None:
        refuse(unit.rows, "supplier", record.supplier, "the code of a supplier")
    elif not supplier.is_active:
        refuse(unit.rows, "supplier", record.supplier, "a supplier that is bought from; this one is switched off")
    if node is None:
        refuse(unit.rows, "node", record.node, "the code of a node")
    elif node.kind == NodeKind.SUPPLIER:
        refuse(unit.rows, "node", record.node, "a node of yours; this one stands for a supplier's own stock")
    for line in record.lines:
        sku = known.skus.get(line.sku)
        if sku is None:
            refuse([line.row], "sku", line.sku, "a SKU of the catalogue")
        elif sku.is_kit:
            refuse([line.row], "sku", line.sku, "a SKU with stock of its own; of a kit buy the components")
        if line.cost_minor is not None and supplier is not None and supplier.currency != options.currency:
            expected = f"{supplier.currency}, in which {supplier.code} sells: choose that currency for the file"
            refuse([line.row], "unit_cost", f"an amount in {options.currency}", expected)
    return issues


def _too_many(unit: Unit) -> list[RowIssue]:
    """More lines than one order may have: the first one beyond is at fault."""
    record: PurchaseRecord = unit.value
    if len(record.lines) <= MOST_LINES:
        return []
    expected = f"at most {MOST_LINES} lines in one order; spread them over several references"
    return [RowIssue(row=record.lines[MOST_LINES].row, field="lines", got=f"{len(record.lines)} lines",
                     expected=expected)]  # fmt: skip


def _contradictions(unit: Unit, known: _Known) -> list[RowIssue]:
    """References of an order for another node, of two orders, of a cancelled one, or of one that was placed and says
    something else."""
    record: PurchaseRecord = unit.value
    same = known.orders.get((record.supplier, record.reference), ())
    expected = ""
    if any(order.node.code != record.node for order in same):
        # Neither its number nor its state: who imports for this node need not see that one.
        expected = "another reference; this reference belongs to an order for another node"
    elif len(same) > 1:
        numbers = ", ".join(order.number for order in same[:5])
        expected = f"a reference of one order; {numbers} have it"
    elif same and same[0].state == State.CANCELLED:
        expected = f"another reference; {same[0].number} with this reference is cancelled"
    elif same and same[0].state != State.DRAFT and not _says(record, same[0]):
        state = str(same[0].get_state_display()).lower()
        expected = f"the same as {same[0].number}, which is {state}; change it there, or use another reference"
    if not expected:
        return []
    return [RowIssue(row=row, field="reference", got=record.reference, expected=expected) for row in unit.rows]


# -- writing -----------------------------------------------------------------------------------------------------------


def _write(record: PurchaseRecord, known: _Known, actor: str) -> Counts:
    order = _order_of(record, known)
    if order is not None and _says(record, order):
        return Counts(skip=1)
    lines = _lines(record, known, order)
    terms = PurchaseTerms(
        supplier_id=known.suppliers[record.supplier].pk, node_id=known.nodes[record.node].pk,
        expected_on=record.expected_on or (order.expected_on if order else None), reference=record.reference,
        note=record.note if record.note is not None else order.note if order else "",
    )  # fmt: skip
    if order is None:
        draft_purchase_order(terms=terms, lines=lines, actor=actor)
        return Counts(create=1)
    edit_purchase_order(order_id=order.pk, version=order.version, terms=terms, lines=lines)
    return Counts(update=1)


def _lines(record: PurchaseRecord, known: _Known, order: PurchaseOrder | None) -> list[PurchaseLine]:
    """The lines to write: what the file does not say of a SKU stays as the draft's line of it has it."""
    there = {line.sku.code: line for line in order.lines.all()} if order is not None else {}
    # The supplier may sell in another currency by now: an amount in the old one is no cost.
    keeps_cost = order is not None and order.currency == known.suppliers[record.supplier].currency
    lines = []
    for line in record.lines:
        was, cost = there.get(line.sku), line.cost_minor
        if cost is None and was is not None and keeps_cost:
            cost = was.unit_cost_minor
        lines.append(PurchaseLine(
            sku_id=known.skus[line.sku].pk, quantity=line.quantity, unit_cost_minor=cost,
            expected_on=None if was is None or line.dated else was.expected_on,
        ))  # fmt: skip
    return lines
