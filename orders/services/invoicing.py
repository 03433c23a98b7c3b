"""Invoices: each parcel's once, numbered without a gap, and together exactly what the order costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from django.db.models import Sum

from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.values import Address, major_units
from orders.errors import CannotInvoice
from orders.gst.numbers import financial_year, invoice_number, why_no_number
from orders.gst.tax import Split, split_price
from orders.locks import lock_orders
from orders.models import (
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceLineKind,
    InvoiceState,
    Order,
    OrderLine,
    TaxRegistration,
)
from orders.services.timeline import TimelineEntry, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """Units of an order line in the parcel; the rate in basis points is the catalogue's."""

    order_line_id: int
    quantity: int
    hsn: str = ""
    rate_bp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRequest:
    """One parcel to invoice. `issued_on` is the day at the node.

    `place_of_supply` is the number of a state, `place_from_postcode` where it was taken from the PIN code.
    """

    order_id: int
    parcel_uid: UUID
    gstin: str
    place_of_supply: str
    issued_on: date
    ship_from: Address
    goods: Sequence[Goods]
    place_from_postcode: bool = False


@dataclass(slots=True)
class _Invoiced:
    """What the order's invoices that count have already: units and paise by line, paise by kind of charge."""

    units: Counter[int] = field(default_factory=Counter)
    #: By the lines' own prices: a discount on the order as a whole is not taken off.
    prices: Counter[int] = field(default_factory=Counter)
    discounts: Counter[int] = field(default_factory=Counter)
    charges: Counter[str] = field(default_factory=Counter)
    order_discount: int = 0

    def add(self, kind: str, line_id: int | None, units: int, total: int, discount: int, order_discount: int) -> None:
        """Count one line of an invoice, too."""
        if kind != InvoiceLineKind.GOODS or line_id is None:
            self.charges[kind] += total
            return
        self.units[line_id] += units
        self.prices[line_id] += total + order_discount
        self.discounts[line_id] += discount - order_discount
        self.order_discount += order_discount


@dataclass(frozen=True, slots=True)
class _Row:
    """A line before it is written."""

    kind: str
    name: str
    rate_bp: int
    total: int
    discount: int = 0
    order_discount: int = 0
    quantity: int = 1
    hsn: str = ""
    sku_code: str = ""
    order_line_id: int | None = None


def issue_invoices(*, requests: Sequence[InvoiceRequest], actor: str) -> list[Invoice]:
    """The invoices of these parcels, in the order given; a parcel that has one keeps it.

    The invoices of an order add up to what it costs: each line's price is shared out over its units to the paisa, and
    what was agreed for the order as a whole (delivery, charges, a discount) is on the first. A charge bears the tax
    rate of the goods that are worth most (composite supply, CGST Act 2017, section 8). Raises CannotInvoice, and then
    none is issued: for a GSTIN that nobody registered, a currency other than the rupee, and a series that is full. Undo
    what it did until then, or numbers are missing.
    """

    def work() -> list[Invoice]:
        orders = lock_orders({request.order_id for request in requests})
        found = {row.parcel_uid: row for row in Invoice.objects.filter(parcel_uid__in=[r.parcel_uid for r in requests])}
        fresh = [request for request in requests if request.parcel_uid not in found]
        if fresh:
            found |= {row.parcel_uid: row for row in _issue(fresh, orders, actor)}
        return [found[request.parcel_uid] for request in requests]

    return run_atomic(work)


def _issue(requests: Sequence[InvoiceRequest], orders: dict[int, Order], actor: str) -> list[Invoice]:
    registrations = {
        row.gstin: row for row in TaxRegistration.objects.filter(gstin__in={request.gstin for request in requests})
    }
    for request in requests:
        order = orders[request.order_id]
        if request.gstin not in registrations:
            raise CannotInvoice(f"{order.number}: nobody registered the GSTIN {request.gstin or '(none)'}.")
        if order.currency != "INR":
            raise CannotInvoice(f"{order.number} is in {order.currency}: GST invoices are in rupees.")
    lines, before = _lines_of(orders), _invoiced_of(orders)
    made: list[tuple[Invoice, list[InvoiceLine]]] = []
    for request in requests:
        order = orders[request.order_id]
        rows = _rows(order, lines[order.pk], before[order.pk], request.goods)
        made.append(_written(request, order, registrations[request.gstin], rows))
    _number([invoice for invoice, _ in made])
    Invoice.objects.bulk_create([invoice for invoice, _ in made])
    for invoice, parts in made:
        for part in parts:
            part.invoice = invoice
    InvoiceLine.objects.bulk_create([part for _, parts in made for part in parts])
    record([_entry(invoice, actor) for invoice, _ in made])
    return [invoice for invoice, _ in made]


def _entry(invoice: Invoice, actor: str) -> TimelineEntry:
    total, tax = (major_units(amount, "INR") for amount in (invoice.total_minor, invoice.tax_minor))
    doubt = f" Its state, {invoice.place}, was taken from the PIN code." if invoice.place_from_postcode else ""
    return TimelineEntry(
        order_id=invoice.order_id, kind="invoiced", actor=actor, data={"invoice": invoice.pk},
        message=f"{invoice.get_kind_display()} {invoice.number}: {total} rupees, of which {tax} are tax.{doubt}",
    )  # fmt: skip


# -- what an order costs, shared out -----------------------------------------------------------------------------------


def _lines_of(orders: Iterable[int]) -> dict[int, dict[int, OrderLine]]:
    found: dict[int, dict[int, OrderLine]] = defaultdict(dict)
    for line in OrderLine.objects.filter(order_id__in=list(orders)):
        found[line.order_id][line.pk] = line
    return found


def _invoiced_of(orders: Iterable[int]) -> dict[int, _Invoiced]:
    found: dict[int, _Invoiced] = defaultdict(_Invoiced)
    live = InvoiceLine.objects.filter(invoice__order_id__in=list(orders), invoice__state=InvoiceState.ISSUED)
    sums = live.order_by().values_list("invoice__order_id", "kind", "order_line_id").annotate(
        Sum("quantity"), Sum("total_minor"), Sum("discount_minor"), Sum("order_discount_minor")
    )  # fmt: skip
    for order_id, *rest in sums:
        found[order_id].add(*rest)
    return found


def _rows(
    order: Order, lines: dict[int, OrderLine], before: _Invoiced, goods: Sequence[Goods]
) -> list[_Row]:  # fmt: skip
    """The lines of one parcel's invoice; `before` then counts them, too."""
    shares = [_share(lines[part.order_line_id], before, part) for part in goods]
    ordered = [line for line in lines.values() if line.substitute_for_id is None]
    charges = order.total_minor - sum(line.total_minor for line in ordered)
    delivery_tax = max(0, order.tax_minor - sum(line.tax_minor for line in ordered))
    named = {InvoiceLineKind.SHIPPING: order.shipping_minor + delivery_tax, InvoiceLineKind.COD: order.cod_fee_minor}
    rest = charges - sum(named.values())
    # A discount that is more than the goods makes the charges less, the first of them first.
    beyond = max(0, -rest - sum(line.total_minor for line in ordered))
    for kind, amount in named.items():
        named[kind] = amount - min(beyond, amount)
        beyond -= amount - named[kind]
    rows = _reduced(shares, min(max(0, -rest - before.order_discount), sum(row.total for row in shares)))
    rate = max(rows, key=lambda row: row.total).rate_bp
    for kind, amount in (*named.items(), (InvoiceLineKind.OTHER, rest)):
        if amount > before.charges[kind]:
            rows.append(_Row(kind, kind.label, rate, amount - before.charges[kind]))
    for row in rows:
        before.add(row.kind, row.order_line_id, row.quantity, row.total, row.discount, row.order_discount)
    return rows


def _share(line: OrderLine, before: _Invoiced, part: Goods) -> _Row:
    """What these units cost beyond what the units before them did."""
    units = min(before.units[line.pk] + part.quantity, line.quantity)
    total = max(0, line.total_minor * units // line.quantity - before.prices[line.pk])
    off = max(0, line.discount_minor * units // line.quantity - before.discounts[line.pk])
    return _Row(
        InvoiceLineKind.GOODS, line.name or line.sku_code, part.rate_bp, total, off, quantity=part.quantity,
        hsn=part.hsn, sku_code=line.sku_code, order_line_id=line.pk,
    )  # fmt: skip


def _reduced(rows: Sequence[_Row], off: int) -> list[_Row]:
    """A discount on all of them, each by its part of their price, to the paisa."""
    whole, result = sum(row.total for row in rows), []
    for row in rows:
        part = off * row.total // whole if whole else 0
        whole, off = whole - row.total, off - part
        result.append(replace(row, total=row.total - part, discount=row.discount + part, order_discount=part))
    return result


# -- writing -----------------------------------------------------------------------------------------------------------


def _written(
    request: InvoiceRequest, order: Order, registration: TaxRegistration, rows: Sequence[_Row]
) -> tuple[Invoice, list[InvoiceLine]]:
    between = registration.state_code != request.place_of_supply
    splits = [split_price(row.total, row.rate_bp, between_states=between) for row in rows]
    whole = Split(*(sum(getattr(split, name) for split in splits) for name in Split.__slots__))
    invoice = Invoice(
        registration=registration, order=order, parcel_uid=request.parcel_uid, issued_on=request.issued_on,
        kind=InvoiceKind.INVOICE if any(row.rate_bp for row in rows) else InvoiceKind.BILL,
        financial_year=financial_year(request.issued_on), place_of_supply=request.place_of_supply,
        place_from_postcode=request.place_from_postcode,
        between_states=between, buyer_gstin=order.buyer_gstin, seller=registration.address.as_json(),
        ship_from=request.ship_from.as_json(), bill_to=order.billing_address.as_json(),
        ship_to=order.shipping_address.as_json(), total_minor=whole.total_minor,
        **{name: getattr(whole, name) for name in Split.__slots__},
    )  # fmt: skip
    parts = [
        InvoiceLine(
            position=position, kind=row.kind, order_line_id=row.order_line_id, name=row.name, sku_code=row.sku_code,
            hsn=row.hsn, quantity=row.quantity, gross_minor=row.total + row.discount, discount_minor=row.discount,
            order_discount_minor=row.order_discount, rate_bp=row.rate_bp, total_minor=row.total,
            **{name: getattr(split, name) for name in Split.__slots__},
        )
        for position, (row, split) in enumerate(zip(rows, splits, strict=True), start=1)
    ]  # fmt: skip
    return invoice, parts


_TAKE_NUMBERS = """
INSERT INTO orders_invoiceseries (registration_id, financial_year, prefix, last_number) VALUES (%s, %s, %s, %s)
ON CONFLICT (registration_id, financial_year, prefix)
DO UPDATE SET last_number = orders_invoiceseries.last_number + excluded.last_number
RETURNING last_number
"""


def _number(invoices: Sequence[Invoice]) -> None:
    """The next numbers of each series. Its row stays locked until the invoices are written, or all of it is undone."""
    by_series: dict[tuple[int, int, str], list[Invoice]] = defaultdict(list)
    for invoice in invoices:
        seller = invoice.registration
        prefix = seller.invoice_prefix if invoice.kind == InvoiceKind.INVOICE else seller.bill_prefix
        by_series[seller.pk, invoice.financial_year, prefix].append(invoice)
    for (registration_id, year, prefix), rows in sorted(by_series.items()):
        [(last,)] = fetch_all(_TAKE_NUMBERS, [registration_id, year, prefix, len(rows)])
        for running, invoice in enumerate(rows, start=last - len(rows) + 1):
            why = why_no_number(prefix, year, running)
            if why:
                raise CannotInvoice(why)
            invoice.number = invoice_number(prefix, year, running)


def cancel_invoices(*, parcel_uids: Sequence[UUID], reason: str, actor: str) -> list[Invoice]:
    """Cancel the invoices of parcels that never left; those that were cancelled now. Their numbers stay taken."""

    def work() -> list[Invoice]:
        # Under the lock of their orders, as issuing is: what an invoice had goes to the next one.
        ids = set(Invoice.objects.filter(parcel_uid__in=parcel_uids).values_list("order_id", flat=True))
        if not ids:
            return []
        lock_orders(ids)
        rows = list(Invoice.objects.filter(parcel_uid__in=parcel_uids, state=InvoiceState.ISSUED).order_by("pk"))
        Invoice.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=InvoiceState.CANCELLED, cancelled_at=now(), cancelled_by=actor[:120], cancel_reason=reason[:200]
        )
        record([
            TimelineEntry(order_id=row.order_id, kind="invoice_cancelled", actor=actor, data={"invoice": row.pk},
                          message=f"{row.get_kind_display()} {row.number} cancelled: {reason}")
            for row in rows
        ])  # fmt: skip
        return rows

    return run_atomic(work)
