"""Rows of one order -> one canonical order, or every reason why not. Pure: no clock, network or database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from channels.adapters.files.addresses import address_of, bill_to
from channels.adapters.files.format import OrderFormat
from channels.adapters.files.lines import LineReader
from channels.adapters.files.money import spread
from channels.adapters.files.rows import CHARGES, LEVELS, ORDER_LEVEL_FIELDS, ROW_LEVEL_FIELDS, SourceRow
from channels.imports.fields import shown
from channels.imports.parsers import Unreadable, parse_postcode
from channels.imports.types import LineState, Options, RowIssue
from oms.core.places import has_postcodes
from oms.core.values import Address
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment, PaymentState

#: Fields that cannot differ between rows of one order without one of them being wrong.
_ONE_VALUE = frozenset({
    "currency", "ship_postcode", "ship_country", "payment_method", "cod_fee", "order_discount", "order_total",
    "order_subtotal", "order_tax", "refunded",
}) | CHARGES  # fmt: skip
#: Amounts in words that are off by rounding are no news.
_TOLERANCE_MINOR = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """What the rows of one order came to. `order` is None where an issue is not a mere warning."""

    external_id: str
    order: CanonicalOrder | None
    issues: tuple[RowIssue, ...]
    partial: Mapping[str, Any]

    @property
    def errors(self) -> tuple[RowIssue, ...]:
        """The issues that keep the order out."""
        return tuple(issue for issue in self.issues if not issue.warning)


def assemble(external_id: str, rows: Sequence[SourceRow], format: OrderFormat, options: Options) -> Draft:
    """The order that these rows of the file make up."""
    return _Assembly(external_id, rows, format, options).draft()


class _Assembly:
    """Collects the issues of one order on the way to its draft."""

    def __init__(self, external_id: str, rows: Sequence[SourceRow], format: OrderFormat, options: Options) -> None:
        self.external_id = external_id
        self.rows = rows
        self.format = format
        self.options = options
        self.first = rows[0].number
        self.issues: list[RowIssue] = []
        self.order_level = LEVELS[format.charges_per_row]

    def problem(self, field: str, got: str, expected: str, row: int | None = None, *, warning: bool = False) -> None:
        """Note an issue of the order or of one of its rows."""
        number = self.first if row is None else row
        self.issues.append(RowIssue(row=number, field=field, got=got, expected=expected, warning=warning))

    def draft(self) -> Draft:
        """Read the rows, then build the order if nothing stands against it."""
        common_cells = self._common_cells()
        options = self._with_currency(common_cells)
        common, issues = ORDER_LEVEL_FIELDS[self.format.charges_per_row].read(common_cells, options, self.first)
        self.issues += [issue for issue in issues if issue.field != "ship_postcode"]
        values = [self._row_values(row, options) for row in self.rows]
        states = [self._state(row) for row in self.rows]
        lines = LineReader(self.external_id, self.rows, self.format, self.problem).read(values, states)
        cancelled = all(state == "cancelled" for state in states)
        ship_to = self._ship_to(common, required=not cancelled)
        shipped = self._is_shipped(states, common)
        order = None
        if not any(not issue.warning for issue in self.issues):
            order = self._order(common, values, states, lines, ship_to, options.currency, cancelled, shipped)
        if any(not issue.warning for issue in self.issues):
            order = None
        partial = self._partial(common, common_cells, values, ship_to) if order is None else {}
        return Draft(self.external_id, order, tuple(self.issues), partial)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _common_cells(self) -> dict[str, str]:
        """The first filled cell of each field that holds for the whole order; two different ones are an issue."""
        found: dict[str, str] = {}
        for row in self.rows:
            for field, text in row.cells.items():
                if not text or field not in self.order_level:
                    continue
                known = found.setdefault(field, text)
                if known != text and field in _ONE_VALUE:
                    self.problem(field, shown(text), f"the same in all rows of the order ({shown(known)})", row.number)
        found["order_id"] = self.external_id
        return found

    def _with_currency(self, common: Mapping[str, str]) -> Options:
        stated = common.get("currency", "").upper()
        date_order = self.options.date_order or self.format.date_order
        return replace(self.options, currency=stated or self.options.currency, date_order=date_order)

    def _row_values(self, row: SourceRow, options: Options) -> dict[str, Any]:
        values, issues = ROW_LEVEL_FIELDS[self.format.charges_per_row].read(row.cells, options, row.number)
        self.issues += issues
        return values

    def _state(self, row: SourceRow) -> LineState:
        text = row.cells.get("status", "")
        if not text:
            return "open"
        state = self.format.statuses.get(" ".join(text.lower().replace("_", " ").split()))
        if state is None:
            self.problem("status", shown(text), f"a status that {self.format.name} uses", row.number)
            return "open"
        return state

    def _is_shipped(self, states: Sequence[LineState], common: Mapping[str, Any]) -> bool:
        if self.options.treat_as == "open":
            return False
        live = {state for state in states if state != "cancelled"}
        if live and str(common.get("fulfilled_by", "")).lower() in self.format.fulfilled_by_channel:
            return True
        if live == {"shipped"}:
            return True
        if "shipped" in live:
            self.problem("status", "partly shipped", "all rows of the order shipped, or none")
        return False

    # -- the order ----------------------------------------------------------------------------------------------------

    def _ship_to(self, common: Mapping[str, Any], *, required: bool) -> Address:
        country = common.get("ship_country", self.options.country)
        text = next((row.cells["ship_postcode"] for row in self.rows if row.cells.get("ship_postcode")), "")
        postcode = ""
        try:
            postcode = parse_postcode(text, country=country) if text else ""
        except Unreadable as error:
            self.problem("ship_postcode", shown(text), error.expected, warning=not required)
        if not text and has_postcodes(country):
            withheld = self.format.withholds_address
            expected = "a postcode" + ("; the report has none, so the order waits for an address" if withheld else "")
            self.problem("ship_postcode", "", expected, warning=withheld or not required)
        return address_of(common, "ship", country, postcode)

    def _order(
        self,
        common: Mapping[str, Any],
        values: Sequence[Mapping[str, Any]],
        states: Sequence[LineState],
        lines: Sequence[CanonicalLine],
        ship_to: Address,
        currency: str,
        cancelled: bool,
        shipped: bool,
    ) -> CanonicalOrder:
        charges = self._charges(common, values)
        goods = sum(line.unit_price_minor * line.quantity - line.discount_minor for line in lines)
        discount = common.get("order_discount", 0)
        subtotal = common.get("order_subtotal")
        if subtotal is not None and goods >= subtotal:
            discount = goods - subtotal
        taxed, tax_on_top = self._with_order_tax(lines, common, goods - discount + sum(charges.values()))
        order = CanonicalOrder(
            external_id=self.external_id,
            external_number=common.get("order_number", self.external_id),
            placed_at=common["placed_at"],
            external_updated_at=common.get("updated_at"),
            lines=tuple(taxed),
            currency=currency,
            customer_name=common.get("customer_name") or ship_to.name,
            customer_email=common.get("customer_email", ""),
            customer_phone=common.get("customer_phone", ""),
            ship_to=ship_to,
            bill_to=bill_to(common, ship_to),
            shipping_minor=charges["shipping"],
            shipping_tax_minor=charges["shipping_tax"],
            cod_fee_minor=charges["cod_fee"],
            order_discount_minor=discount,
            service_level=common.get("service_level", "standard"),
            promised_by=common.get("promised_by"),
            is_b2b=common.get("is_b2b", False) or bool(common.get("buyer_gstin")),
            buyer_gstin=common.get("buyer_gstin", ""),
            customer_note=common.get("note", ""),
            tags=tuple(tag.strip()[:40] for tag in common.get("tags", "").split(",") if tag.strip()),
            cancelled=cancelled,
            shipped=shipped and not cancelled,
            on_hold_by_channel="held" in states,
            extra=self._extra(common),
        )
        return self._with_payment(order, common, states, tax_on_top)

    def _charges(self, common: Mapping[str, Any], values: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        sources = values if self.format.charges_per_row else [common]
        sums = {name: sum(source.get(name, 0) for source in sources) for name in CHARGES}
        if sums["shipping_discount"] > sums["shipping"]:
            self.problem("shipping_discount", "", "at most the shipping charge")
        shipping = max(0, sums["shipping"] - sums["shipping_discount"])
        return {"shipping": shipping, "shipping_tax": 0 if self.format.tax_included else sums["shipping_tax"],
                "cod_fee": common.get("cod_fee", 0)}  # fmt: skip

    def _with_order_tax(
        self, lines: Sequence[CanonicalLine], common: Mapping[str, Any], before_tax: int
    ) -> tuple[list[CanonicalLine], int]:
        """Lines with the order's tax spread over them; the tax that comes on top of the amounts."""
        tax, total = common.get("order_tax", 0), common.get("order_total")
        included = self.format.tax_included
        if tax and total is not None:
            # A file that does not say whether prices contain the tax says it by its total.
            included = abs(total - before_tax) <= abs(total - before_tax - tax)
        if not tax:
            return list(lines), 0 if included else sum(line.tax_minor for line in lines)
        weights = [line.unit_price_minor * line.quantity - line.discount_minor for line in lines]
        shares = spread(tax, weights)
        taxed = [
            replace(line, tax_minor=share, tax_included=included) for line, share in zip(lines, shares, strict=True)
        ]
        return taxed, 0 if included else tax

    def _with_payment(
        self, order: CanonicalOrder, common: Mapping[str, Any], states: Sequence[LineState], tax_on_top: int
    ) -> CanonicalOrder:
        computed = order.computed_total_minor()
        total = common.get("order_total", computed)
        if abs(total - computed) > _TOLERANCE_MINOR:
            self.problem("order_total", str(total), f"the sum of rows and charges, {computed}", warning=True)
        method = common.get("payment_method", "prepaid")
        state: PaymentState = common.get("payment_state") or ("paid" if method == "prepaid" else "pending")
        if "unpaid" in states:
            state = "pending"
        captured = total if state in {"paid", "refunded", "partially_refunded"} else 0
        refunded = captured if state == "refunded" else min(common.get("refunded", 0), captured)
        payment = CanonicalPayment(
            method=method, state=state, gateway=common.get("gateway", ""),
            reference=common.get("payment_reference", ""), amount_minor=total, captured_minor=captured,
            refunded_minor=refunded,
        )  # fmt: skip
        return replace(order, total_minor=total, payment=payment)

    def _extra(self, common: Mapping[str, Any]) -> dict[str, Any]:
        extra: dict[str, Any] = {"report": self.format.code}
        words = sorted({row.cells["status"] for row in self.rows if row.cells.get("status")})
        if words:
            extra["channel_status"] = ", ".join(words)
        if "ship_line1" not in self.format.columns:
            extra["address_withheld"] = True
        if common.get("fulfilled_by"):
            extra["fulfilled_by"] = common["fulfilled_by"]
        return extra

    def _partial(
        self,
        common: Mapping[str, Any],
        cells: Mapping[str, str],
        values: Sequence[Mapping[str, Any]],
        ship_to: Address,
    ) -> dict[str, Any]:
        """As much of the order as could be read, in the form of its JSON, for a person to complete."""
        placed_at = common.get("placed_at")
        return {
            "external_id": self.external_id,
            "placed_at": placed_at.isoformat() if isinstance(placed_at, datetime) else cells.get("placed_at"),
            "currency": cells.get("currency", "").upper() or self.options.currency,
            "customer_name": common.get("customer_name", ""),
            "ship_to": ship_to.as_json(),
            "lines": [
                {
                    "external_id": str(value.get("line_id") or f"{self.external_id}:{position}"),
                    "sku_code": value.get("sku") or row.cells.get("sku", ""),
                    "quantity": value["quantity"] if "quantity" in value else row.cells.get("quantity"),
                    "name": value.get("product_name", ""),
                }
                for position, (row, value) in enumerate(zip(self.rows, values, strict=True), start=1)
            ],
            "extra": {"report": self.format.code},
        }
