"""Orders as lists and exports show them: each with its lines, work, parcels and holds, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from fulfillment.models import FulfillmentOrder, Shipment, ShipmentState
from inventory.models import Sku
from oms.core.values import currency_exponent
from oms.reporting.masking import shown_email, shown_name, shown_phone
from orders.models import Hold, Order, OrderLine, Payment
from orders.selectors import page_of
from orders.status import LineQuantities, is_partial

#: What a cell of an export may hold.
Value = str | int | Decimal | datetime | None
CHUNK = 500


@dataclass(slots=True)
class OrderRow:
    """One order with everything a column may need. Personal data is masked already where it must be."""

    order: Order
    customer: str
    email: str
    phone: str
    lines: list[OrderLine] = field(default_factory=list)
    work: list[FulfillmentOrder] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    @property
    def units(self) -> int:
        """Units that were not cancelled."""
        return sum(line.quantity - line.cancelled for line in self.lines)

    @property
    def sku_codes(self) -> list[str]:
        """The codes of the lines, each once."""
        return list(dict.fromkeys(line.sku_code for line in self.lines))

    @property
    def node_codes(self) -> list[str]:
        """Nodes that have work for the order, or had and finished it."""
        return list(dict.fromkeys(item.node.code for item in self.work))

    @property
    def partial(self) -> bool:
        """Its units stand at different stages."""
        return is_partial(_quantities(self.lines))

    @property
    def payment(self) -> Payment | None:
        """What was agreed and taken; none for rows of before payments were kept."""
        return getattr(self.order, "payment", None)

    @property
    def live_shipments(self) -> list[Shipment]:
        """Parcels that were not cancelled."""
        return [item for item in self.shipments if item.state != ShipmentState.CANCELLED]

    @property
    def problem(self) -> str:
        """What is wrong with a parcel, in words for people."""
        for item in self.shipments:
            if item.state == ShipmentState.CREATED and item.problem:
                return item.problem
            if item.state in (ShipmentState.NDR_OPEN, ShipmentState.LOST, ShipmentState.DAMAGED):
                return item.get_state_display()
        return ""


def _quantities(lines: Iterable[OrderLine]) -> Iterator[LineQuantities]:
    return (line.quantities for line in lines)


def with_relations(orders: QuerySet[Order]) -> QuerySet[Order]:
    """The joins that rows need; the large columns that no row shows stay behind."""
    return orders.select_related("channel", "payment").defer("extra", "bill_to")


def read_rows(orders: Sequence[Order], *, masked: bool) -> list[OrderRow]:
    """The rows of these orders, in their order. Five queries, however many orders."""
    rows = {
        order.pk: OrderRow(
            order=order,
            customer=shown_name(order.customer_name, masked=masked),
            email=shown_email(order.customer_email, masked=masked),
            phone=shown_phone(order.customer_phone, masked=masked),
        )
        for order in orders
    }
    for line in OrderLine.objects.filter(order_id__in=rows).order_by("order_id", "position", "id"):
        rows[line.order_id].lines.append(line)
    work = FulfillmentOrder.objects.filter(order_id__in=rows).exclude(state__in=("rejected", "cancelled"))
    for item in work.select_related("node").order_by("pk"):
        rows[item.order_id].work.append(item)
    for shipment in Shipment.objects.filter(order_id__in=rows).select_related("carrier_account").order_by("pk"):
        rows[shipment.order_id].shipments.append(shipment)
    for hold in Hold.objects.filter(order_id__in=rows, released_at__isnull=True).order_by("pk"):
        rows[hold.order_id].holds.append(hold)
    _add_images(rows.values())
    return list(rows.values())


def _add_images(rows: Iterable[OrderRow]) -> None:
    """Two pictures at most for each order, of SKUs that have one."""
    wanted = {line.sku_id for row in rows for line in row.lines[:2] if line.sku_id}
    images = dict(Sku.objects.filter(pk__in=wanted).exclude(image="").values_list("pk", "image"))
    for row in rows:
        row.images = [images[line.sku_id] for line in row.lines[:2] if line.sku_id in images]


def iter_rows(
    orders: QuerySet[Order], *, order_by: str, masked: bool, after: str = ""
) -> Iterator[tuple[str, list[OrderRow]]]:
    """All rows, some hundred at a time, each with the mark to go on from (empty at the end)."""
    mark = after
    while True:
        page = page_of(with_relations(orders), order_by=order_by, size=CHUNK, after=mark)
        if page.orders:
            yield page.after, read_rows(page.orders, masked=masked)
        mark = page.after
        if not mark:
            return


def major(minor: int, currency: str) -> Decimal:
    """An amount in major units, exact."""
    return Decimal(minor).scaleb(-currency_exponent(currency))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the list: its heading, how to sort by it, and what an export writes."""

    key: str
    label: str
    value: Callable[[OrderRow], Value]
    sort: str = ""
    default: bool = False
    money: bool = False
    numeric: bool = False


def _money(name: str) -> Callable[[OrderRow], Value]:
    return lambda row: major(getattr(row.order, name), row.order.currency)


def _paid(name: str) -> Callable[[OrderRow], Value]:
    return lambda row: major(getattr(row.payment, name), row.order.currency) if row.payment else None


def _joined(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))


def _flags(row: OrderRow) -> str:
    order = row.order
    flags = [hold.get_reason_display() for hold in row.holds] + ([row.problem] if row.problem else [])
    flags += ["Gift"] if order.is_gift else []
    flags += ["B2B"] if order.is_b2b else []
    return ", ".join(flags)


def _substitutes(row: OrderRow) -> str:
    """What is sold instead of what, taken back ones left out."""
    codes = {line.pk: line.sku_code for line in row.lines}
    return _joined(
        f"{line.quantity - line.cancelled} x {line.sku_code} for {codes[line.substitute_for_id]}"
        for line in row.lines if line.substitute_for_id in codes and line.quantity > line.cancelled
    )  # fmt: skip


COLUMNS: dict[str, Column] = {
    column.key: column
    for column in (
        Column("order", "Order", lambda r: r.order.number, "number", default=True),
        Column("placed", "Placed", lambda r: r.order.placed_at, "placed", default=True),
        Column("customer", "Customer", lambda r: r.customer, "customer", default=True),
        Column("items", "Items", lambda r: _joined(f"{line.quantity} x {line.sku_code}" for line in r.lines),
               default=True),
        Column("total", "Total", _money("total_minor"), "total", default=True, money=True),
        Column("stage", "Stage", lambda r: r.order.get_stage_display(), default=True),
        Column("nodes", "Nodes", lambda r: _joined(r.node_codes), default=True),
        Column("promise", "Ship by", lambda r: r.order.ship_by, "promise", default=True),
        Column("carrier", "Carrier and AWB", lambda r: _joined(
            f"{s.courier_name} {s.awb}".strip() for s in r.live_shipments), default=True),
        Column("flags", "Flags", _flags, default=True),
        Column("channel", "Channel", lambda r: r.order.channel.name),
        Column("external", "Channel's number", lambda r: r.order.external_number),
        Column("external_id", "Channel's id", lambda r: r.order.external_id),
        Column("phone", "Phone", lambda r: r.phone),
        Column("email", "E-mail", lambda r: r.email),
        Column("city", "City", lambda r: r.order.ship_city, "city"),
        Column("pin", "PIN", lambda r: r.order.ship_postcode),
        Column("region", "State", lambda r: r.order.ship_region),
        Column("units", "Units", lambda r: r.units, numeric=True),
        Column("substitutes", "Substitutes", _substitutes),
        Column("takes_substitutes", "Takes substitutes", lambda r: r.order.get_substitutions_display()),
        Column("payment", "Payment", lambda r: r.order.get_payment_method_display()),
        Column("payment_state", "Payment state", lambda r: r.payment.get_state_display() if r.payment else ""),
        Column("paid", "Paid", _paid("captured_minor"), money=True),
        Column("refund_due", "Refund due", _paid("refund_due_minor"), money=True),
        Column("discount", "Discount", _money("discount_minor"), money=True),
        Column("tax", "Tax", _money("tax_minor"), money=True),
        Column("shipping", "Shipping", _money("shipping_minor"), money=True),
        Column("service", "Service", lambda r: r.order.get_service_level_display()),
        Column("promised", "Promised by", lambda r: r.order.promised_by),
        Column("work", "Work", lambda r: _joined(f"{w.node.code}: {w.get_state_display()}" for w in r.work)),
        Column("parcels", "Parcels", lambda r: _joined(s.get_state_display() for s in r.live_shipments)),
        Column("weight", "Weight (g)", lambda r: sum(s.weight_grams for s in r.live_shipments), numeric=True),
        Column("tags", "Tags", lambda r: ", ".join(r.order.tags)),
        Column("note", "Customer's note", lambda r: r.order.customer_note),
        Column("updated", "Updated", lambda r: r.order.updated_at, "updated"),
    )
}  # fmt: skip
DEFAULT_COLUMNS = tuple(key for key, column in COLUMNS.items() if column.default)


def chosen_columns(keys: Iterable[str]) -> list[Column]:
    """The columns of these keys, unknown ones left out; the order number always comes first, none means the default."""
    wanted = [COLUMNS[key] for key in dict.fromkeys(keys) if key in COLUMNS and key != "order"]
    if not wanted:
        return [COLUMNS[key] for key in DEFAULT_COLUMNS]
    return [COLUMNS["order"], *wanted]
