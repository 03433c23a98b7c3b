"""Suppliers, what they sell, and the stock that those report who ship for us (dropship)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from inventory.errors import BadQuantity
from inventory.locks import lock_levels, lock_node, lock_receipt_key, lock_supplier
from inventory.models import (
    Bucket,
    Node,
    NodeKind,
    PostedOperation,
    Sku,
    StockMovementReason,
    Supplier,
    SupplierItem,
    Tracking,
)
from inventory.services.posting import Posting, post
from inventory.services.stock import announce
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.values import MAX_MINOR, MAX_QUANTITY

#: Rows that one report of a supplier's stock may have.
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierTerms:
    """What is known of a supplier. `node_id` is the node that stands for its stock, where it ships for us."""

    code: str
    name: str
    email: str = ""
    phone: str = ""
    gstin: str = ""
    currency: str = "INR"
    lead_days: int = 7
    node_id: int | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTerms:
    """A SKU as a supplier sells it; see SupplierItem."""

    sku_id: int
    supplier_code: str = ""
    unit_cost_minor: int = 0
    pack_size: int = 1
    least_order: int = 1
    lead_days: int | None = None
    is_preferred: bool = False


@dataclass(frozen=True, slots=True)
class SupplierStockRow:
    """Units of a SKU that a supplier says it has."""

    sku_id: int
    on_hand: int


@dataclass(frozen=True, slots=True)
class SupplierStockResult:
    """What became of a row: on hand before and after. `short` units are reserved though the supplier has them not.

    `problem` says why a row was left alone.
    """

    sku_id: int
    reported: int
    before: int
    after: int
    short: int = 0
    problem: str = ""


def save_supplier(*, terms: SupplierTerms, supplier_id: int | None = None) -> Supplier:
    """Make or change a supplier. Raises Conflict where its code, or the node of its stock, belongs to another one."""

    def work() -> Supplier:
        supplier = lock_supplier(supplier_id) if supplier_id else Supplier()
        _refuse_terms(terms)
        for name in ("code", "name", "email", "phone", "gstin", "currency", "lead_days", "node_id", "is_active"):
            setattr(supplier, name, getattr(terms, name))
        try:
            with transaction.atomic():
                supplier.save()
        except IntegrityError as error:
            field = "node" if "node" in str(error) else "code"
            taken = "This node stands for another supplier." if field == "node" else f"{terms.code} is taken."
            raise Conflict(taken, field=field) from error
        return supplier

    return run_atomic(work)


def _refuse_terms(terms: SupplierTerms) -> None:
    if not terms.code.strip() or not terms.name.strip():
        raise DomainError("A supplier needs a code and a name.", field="code" if not terms.code.strip() else "name")
    if not 0 <= terms.lead_days <= 730:
        raise DomainError(f"{terms.lead_days} lead days; expected 0 to 730.", field="lead_days")
    if len(terms.currency) != 3 or not terms.currency.isalpha() or not terms.currency.isupper():
        raise DomainError(f"{terms.currency!r} is not a currency; expected three letters such as INR.",
                          field="currency")  # fmt: skip
    if terms.node_id is not None:
        node = Node.objects.filter(pk=terms.node_id).first()
        if node is None or node.kind != NodeKind.SUPPLIER:
            raise DomainError("The stock of a supplier needs a node of the kind Supplier.", field="node")


def save_supplier_items(*, supplier_id: int, items: Sequence[ItemTerms]) -> int:
    """Note what a supplier sells, new or changed; the number of items. Its preferred ones are nobody else's then."""

    def work() -> int:
        lock_supplier(supplier_id)
        for item in items:
            _refuse_item(item)
        preferred = [item.sku_id for item in items if item.is_preferred]
        others = SupplierItem.objects.filter(sku__in=preferred, is_preferred=True).exclude(supplier_id=supplier_id)
        others.update(is_preferred=False)
        fields = ("supplier_code", "unit_cost_minor", "pack_size", "least_order", "lead_days", "is_preferred")
        rows = {
            item.sku_id: SupplierItem(
                supplier_id=supplier_id, sku_id=item.sku_id, **{name: getattr(item, name) for name in fields}
            )
            for item in items
        }  # fmt: skip
        SupplierItem.objects.bulk_create(
            rows.values(), update_conflicts=True, unique_fields=["supplier", "sku"], update_fields=fields
        )
        return len(rows)

    return run_atomic(work)


def _refuse_item(item: ItemTerms) -> None:
    if not 0 <= item.unit_cost_minor <= MAX_MINOR:
        raise DomainError(f"{item.unit_cost_minor} is not a cost in minor units.", field="unit_cost")
    for name in ("pack_size", "least_order"):
        if not 1 <= getattr(item, name) <= MAX_QUANTITY:
            raise BadQuantity(f"{getattr(item, name)}: expected a whole number from 1.", field=name)
    if item.lead_days is not None and not 0 <= item.lead_days <= 730:
        raise DomainError(f"{item.lead_days} lead days; expected 0 to 730.", field="lead_days")


def remove_supplier_item(*, supplier_id: int, sku_id: int) -> bool:
    """The supplier does not sell it any more; False where it did not."""
    deleted, _ = SupplierItem.objects.filter(supplier_id=supplier_id, sku_id=sku_id).delete()
    return deleted > 0


# -- stock that suppliers report ---------------------------------------------------------------------------------------


def report_supplier_stock(
    *, node_id: int, rows: Sequence[SupplierStockRow], op_key: str, actor: str
) -> list[SupplierStockResult]:
    """On hand at a supplier's node becomes what it reports, never less than is reserved: that is told as `short`.

    SKUs that are not named stay as they are. The same `op_key` again changes nothing. Raises DomainError for a node of
    another kind and for quantities that are none.
    """

    def work() -> list[SupplierStockResult]:
        node = Node.objects.filter(pk=node_id).first() or lock_node(node_id)
        if node.kind != NodeKind.SUPPLIER:
            raise DomainError(f"{node.code} is no supplier's node: its stock is counted, not reported.", field="node")
        wanted = _checked(rows)
        lock_receipt_key(f"feed/{op_key}")
        levels = lock_levels((sku_id, node_id) for sku_id in wanted)
        skus = {sku.pk: sku for sku in Sku.objects.filter(pk__in=wanted)}
        is_again = PostedOperation.objects.filter(op_key=op_key).exists()
        results: list[SupplierStockResult] = []
        postings: list[Posting] = []
        for sku_id, reported in sorted(wanted.items()):
            level = levels.get((sku_id, node_id))
            before, reserved = (level.on_hand, level.reserved) if level else (0, 0)
            problem = _why_not(skus.get(sku_id))
            after = before if problem or is_again else max(reported, reserved)
            short = 0 if problem else max(0, reserved - reported)
            results.append(SupplierStockResult(sku_id, reported, before, after, short, problem))
            if after != before:
                postings.append(_feed(op_key, len(postings) + 1, node, sku_id, after - before, actor))
        post(postings)
        grew = [row.sku_id for row in results if row.after > row.before]
        announce(grew, reason="feed", grew_at=node_id)
        announce([row.sku_id for row in results if row.after < row.before], reason="feed")
        return results

    return run_atomic(work)


def _checked(rows: Sequence[SupplierStockRow]) -> Mapping[int, int]:
    if not 1 <= len(rows) <= MOST_ROWS:
        raise DomainError(f"A report has 1 to {MOST_ROWS} rows; this one has {len(rows)}.", field="rows")
    wanted: dict[int, int] = {}
    for number, row in enumerate(rows, start=1):
        if not 0 <= row.on_hand <= MAX_QUANTITY:
            raise BadQuantity(f"Row {number}: {row.on_hand} is not a stock quantity.", field="on_hand")
        if wanted.setdefault(row.sku_id, row.on_hand) != row.on_hand:
            raise DomainError(f"Row {number}: this SKU is reported twice, with different quantities.", field="sku")
    return wanted


def _why_not(sku: Sku | None) -> str:
    if sku is None:
        return "There is no such SKU."
    if sku.is_kit:
        return f"{sku.code} is a kit: report its components."
    if sku.tracking != Tracking.NONE:
        return f"{sku.code} is kept by lot or serial number: a number alone cannot say which units these are."
    return ""


def _feed(op_key: str, leg: int, node: Node, sku_id: int, change: int, actor: str) -> Posting:
    source, target = (Bucket.SUPPLIER, Bucket.ON_HAND) if change > 0 else (Bucket.ON_HAND, Bucket.SUPPLIER)
    return Posting(
        op_key=op_key, leg=leg, sku_id=sku_id, node_id=node.pk, from_bucket=source, to_bucket=target,
        quantity=abs(change), reason=StockMovementReason.FEED, actor=actor[:120],
    )  # fmt: skip
