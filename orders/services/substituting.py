"""Units of a line that are sold as another SKU, and their way back. Knows SKUs by what it is told of them.

The units are cancelled on their line and stand on a new line of the order, which names the first one. Both happen in
one transaction with the order locked; what the database checks of it is in `orders/migrations/0007_substitutes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import F, Max, Sum

from oms.core.db import run_atomic
from oms.core.outbox import publish
from oms.core.values import MAX_MINOR
from orders.errors import CannotEdit
from orders.events import LineSubstituted, SubstitutionTakenBack
from orders.locks import lock_order
from orders.models import Order, OrderLine, OrderSearch, OrderSubstitutions
from orders.services.refunds import owe_less
from orders.services.timeline import TimelineEntry
from orders.services.units import UnitMove, move_units

#: Kinds of the timeline's entries.
SUBSTITUTED, TAKEN_BACK = "substituted", "substitution_taken_back"
#: What the external id of an added line says beside that of the line it stands in for.
_MARK = "/substitute/"


@dataclass(frozen=True, slots=True)
class InPlace:
    """What is sold in place of a line's units. `price_minor` is its list price, 0 where none is known."""

    sku_id: int
    code: str
    name: str
    options: dict[str, str] = field(default_factory=dict)
    price_minor: int = 0
    tax_rate_bp: int = 0


@dataclass(frozen=True, slots=True)
class SubstituteTerms:
    """What the customer pays for the units, tax included: before, and with the substitute. Never more than before."""

    before_minor: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int

    @property
    def saved_minor(self) -> int:
        """What the customer no longer pays."""
        return self.before_minor - self.total_minor


def terms_of(line: OrderLine, units: int, sold: InPlace, gone: int = 0) -> SubstituteTerms:
    """What `units` of a line cost once they are sold as another SKU; `gone` of the line were substituted before.

    The units take their share of what the line costs. Where the substitute's list price is lower than the price of the
    line, they cost as much less in proportion, so that a discount is kept. The shares of all units of a line add up to
    what it costs, to the minor unit. Tax is part of the amount, at the rate of the substitute.
    """
    left = line.quantity - gone
    before = line.total_minor * left // line.quantity - line.total_minor * (left - units) // line.quantity
    total, listed = before, _list_price(line)
    if 0 < sold.price_minor < listed:
        total = before * sold.price_minor // listed
    # A price of whole minor units for each; what the units do not divide by is their discount.
    each = max(-(-total // units), min(listed, sold.price_minor or MAX_MINOR))
    tax = (total * sold.tax_rate_bp + (10_000 + sold.tax_rate_bp) // 2) // (10_000 + sold.tax_rate_bp)
    return SubstituteTerms(before, each, each * units - total, tax, total)


def _list_price(line: OrderLine) -> int:
    """What one unit of the line cost before its discount, tax included."""
    tax = 0 if line.tax_included else line.tax_minor
    return (line.unit_price_minor * line.quantity + tax) // line.quantity


def add_substitute(
    order: Order, line: OrderLine, sold: InPlace, units: int, *, actor: str, reason: str
) -> tuple[OrderLine, SubstituteTerms]:
    """Sell waiting units of a line as another SKU; the new line, whose units still need a node, and its terms.

    The order and the line are locked, and the transaction is the caller's, who routes the new line in it. What the
    customer paid too much is due as a refund. Publishes LineSubstituted. Raises CannotEdit for an order whose customer
    takes no substitutes, a component of a kit, a substitute, and more units than wait.
    """
    if order.substitutions != OrderSubstitutions.ALLOWED:
        raise CannotEdit(f"{order.number}: the customer takes no substitutes.")
    if line.kit_id is not None:
        raise CannotEdit(f"{line.sku_code} was sold as a part of a kit: no substitute is taken for it.")
    if line.substitute_for_id is not None:
        raise CannotEdit(f"{line.sku_code} is a substitute itself. Take it back first.")
    if line.sku_id == sold.sku_id:
        raise CannotEdit(f"{line.sku_code} cannot stand in for itself.")
    if not 1 <= units <= line.backordered:
        raise CannotEdit(f"{units} units of {line.sku_code} are to be substituted; {line.backordered} wait for stock.")
    before = OrderLine.objects.filter(substitute_for=line)
    gone = before.aggregate(units=Sum(F("quantity") - F("cancelled")))["units"] or 0
    terms = terms_of(line, units, sold, gone)
    position = OrderLine.objects.filter(order=order).aggregate(last=Max("position"))["last"] or 0
    added = OrderLine.objects.create(
        order=order, external_id=_name(line, before.count() + 1), position=position + 1, sku_code=sold.code,
        sku_id=sold.sku_id, name=sold.name, options=sold.options, unit_price_minor=terms.unit_price_minor,
        discount_minor=terms.discount_minor, tax_minor=terms.tax_minor, tax_included=True, quantity=units,
        unallocated=units, substitute_for=line,
    )  # fmt: skip
    message = f"{units} x {line.sku_code} substituted by {sold.code}: {reason}"
    data = {"line": line.pk, "substitute_line": added.pk, "units": units, "before_minor": terms.before_minor,
            "total_minor": terms.total_minor}  # fmt: skip
    move_units(
        [UnitMove(line.pk, "backordered", "cancelled", units)],
        [TimelineEntry(order_id=order.pk, kind=SUBSTITUTED, actor=actor, message=message, data=data)],
    )
    owe_less(order, terms.saved_minor)
    _make_findable(order, sold.code)
    publish([LineSubstituted(order_id=order.pk, line_id=line.pk, substitute_line_id=added.pk, units=units)])
    return added, terms


def _name(line: OrderLine, nth: int) -> str:
    """An id that no channel gives: the line's own, marked."""
    mark = f"{_MARK}{nth}"
    return f"{line.external_id[: 120 - len(mark)]}{mark}"


def _make_findable(order: Order, code: str) -> None:
    row = OrderSearch.objects.filter(order=order).first()
    if row is not None and code.lower() not in row.text.split():
        OrderSearch.objects.filter(order=order).update(text=f"{row.text} {code.lower()}")


def give_units_back(order: Order, added: OrderLine, units: int, *, actor: str, reason: str) -> None:
    """Units of a substitute that are cancelled by now go back to the line they stood in for, and wait there.

    The order and its lines are locked. What was due for the lower price no longer is. Publishes SubstitutionTakenBack.
    """
    line = added.substitute_for
    if line is None:
        raise CannotEdit(f"{added.sku_code} stands in for nothing.")
    message = f"{units} x {added.sku_code} taken back: {line.sku_code} waits for stock again. {reason}".strip()
    data = {"line": line.pk, "substitute_line": added.pk, "units": units}
    move_units(
        [UnitMove(line.pk, "cancelled", "backordered", units)],
        [TimelineEntry(order_id=order.pk, kind=TAKEN_BACK, actor=actor, message=message, data=data)],
    )
    said = order.timeline.filter(kind=SUBSTITUTED, data__substitute_line=added.pk).first()
    if said is not None:
        saved = said.data["before_minor"] - said.data["total_minor"]
        # What is left keeps its share, so that the shares of several take-backs add up to the minor unit.
        left = added.quantity - OrderLine.objects.values_list("cancelled", flat=True).get(pk=added.pk)
        owe_less(order, saved * left // added.quantity - saved * (left + units) // added.quantity)
    publish([
        SubstitutionTakenBack(order_id=order.pk, line_id=line.pk, substitute_line_id=added.pk, units=units)
    ])  # fmt: skip


def allow_substitutions(*, order_id: int, allowed: bool, actor: str) -> bool:
    """Note whether the customer takes substitutes; False where it was so. Raises CannotEdit for one that left."""

    def work() -> bool:
        order = lock_order(order_id)
        wanted = OrderSubstitutions.ALLOWED if allowed else OrderSubstitutions.NEVER
        if order.substitutions == wanted:
            return False
        if order.stage in ("shipped", "delivered", "returned", "cancelled"):
            raise CannotEdit(f"{order.number} is {order.get_stage_display().lower()}: nothing is substituted now.")
        Order.objects.filter(pk=order.pk).update(substitutions=wanted)
        message = "The customer takes substitutes." if allowed else "The customer takes no substitutes."
        move_units([], [TimelineEntry(order_id=order.pk, kind="substitutions", actor=actor, message=message)])
        return True

    return run_atomic(work)


def taken_back(order_ids: Sequence[int]) -> set[int]:
    """Lines of these orders whose substitute somebody took back: routing chooses none for them again."""
    found = Order.objects.filter(pk__in=order_ids, timeline__kind=TAKEN_BACK)
    return {int(line) for line in found.values_list("timeline__data__line", flat=True)}
