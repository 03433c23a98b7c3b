"""What an action will do to stock, money, promises and messages, told before it is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import CancelPreview, ReroutePreview, preview_reroute
from inventory.models import Reservation
from oms.core.errors import DomainError
from oms.core.templatetags.oms_format import money
from orders.kits import by_kit
from orders.models import Order, OrderLine, Payment
from orders.selectors import TO_SHIP

#: Orders whose new plan is worked out for a preview; more would keep the person waiting.
PLANNED = 20
_STARTED = ("picking", "picked", "waiting_transfer", "packed", "ready")
_LIVE_UNITS = (
    F("unallocated") + F("backordered") + F("allocated") + F("released") + F("picked") + F("packed")
)  # fmt: skip
Effects = list[dict[str, Any]]


@dataclass(slots=True)
class BulkPreview:
    """How many orders an action can do something for, and what that is."""

    total: int
    able: int
    unable: list[tuple[str, int]] = field(default_factory=list)
    effects: Effects = field(default_factory=list)


def bulk_consequences(action: str, ids: Sequence[int]) -> BulkPreview:
    """The sum of an action over many orders, in a few statements however many they are."""
    orders = Order.objects.filter(pk__in=ids).order_by()
    if action == "cancel":
        return _cancel_many(orders, ids)
    if action == "reroute":
        return _reroute_many(orders, ids)
    return BulkPreview(len(ids), len(ids))


def _by_stage(orders: QuerySet[Order], why: str) -> list[tuple[str, int]]:
    rows = orders.values_list("stage").annotate(n=Count("pk")).order_by("stage")
    return [(f"{Order.Stage(stage).label}: {why}", n) for stage, n in rows]


def _cancel_many(orders: QuerySet[Order], ids: Sequence[int]) -> BulkPreview:
    able = orders.filter(stage__in=TO_SHIP)
    keys = able.values("pk")
    units = OrderLine.objects.filter(order__in=keys).aggregate(n=Sum(_LIVE_UNITS))["n"] or 0
    held_units = Reservation.objects.filter(order_id__in=keys, open_quantity__gt=0).aggregate(n=Sum("open_quantity"))
    labels = Shipment.objects.filter(order__in=keys, state__in=("labelled", "manifested")).count()
    effects: Effects = [{"kind": "stock", "text": f"{units} units are cancelled, {held_units['n'] or 0} reserved units "
                                                  "become sellable again."}]  # fmt: skip
    if labels:
        effects.append({"kind": "stock", "text": f"{labels} labels are voided with their carriers."})
    due = Payment.objects.filter(order__in=keys, captured_minor__gt=0)
    owed = F("captured_minor") - F("refunded_minor") - F("refund_due_minor")
    for currency, amount in due.values_list("currency").annotate(n=Sum(owed)).order_by("currency"):
        effects.append({"kind": "money", "text": f"Up to {money(amount, currency)} becomes due as refunds.",
                        "tone": "warn"})  # fmt: skip
    told = able.filter(channel__notifies_customer=True).exclude(customer_email="").count()
    effects.append({"kind": "message", "text": f"{told} customers get an e-mail; the channels are told."})
    return BulkPreview(
        len(ids), able.count(), _by_stage(orders.exclude(stage__in=TO_SHIP), "nothing is left to cancel"), effects
    )


def _reroute_many(orders: QuerySet[Order], ids: Sequence[int]) -> BulkPreview:
    work = FulfillmentOrder.objects.filter(order__in=ids)
    idle = Q(stage__in=("captured", "backordered", "routed")) | Q(
        pk__in=work.filter(state__in=("scheduled", "open", "accepted")).values("order")
    )
    able = orders.filter(idle)
    started = orders.exclude(idle)
    effects: Effects = []
    plans: dict[str, int] = {}
    for pk in able.order_by("pk").values_list("pk", flat=True)[:PLANNED]:
        plan = preview_reroute(order_id=pk)
        words = plan.plan.sentence if plan.plan and not plan.plan.assignments else plan_nodes(plan)
        plans[words] = plans.get(words, 0) + 1
    for words, n in sorted(plans.items(), key=lambda item: -item[1]):
        effects.append({"kind": "promise", "icon": "route", "text": f"{n} {'order' if n == 1 else 'orders'}: {words}"})
    if able.count() > PLANNED:
        effects.append(
            {"text": f"The plans of the first {PLANNED} orders are shown; the others are decided the same way."}
        )
    return BulkPreview(len(ids), able.count(), _by_stage(started, "the work has begun"), effects)


def plan_nodes(preview: ReroutePreview) -> str:
    """From where to where, in words."""
    before = ", ".join(preview.from_nodes) or "no node"
    if preview.plan is None or not preview.plan.assignments:
        return f"{before} to no node: it would wait"
    after = ", ".join(sorted({_code(preview, node) for node in preview.plan.node_ids}))
    return f"stay at {after}" if before == after else f"from {before} to {after}"


def _code(preview: ReroutePreview, node_id: int) -> str:
    if preview.plan is None:
        raise DomainError("There is no plan.")
    codes = {candidate.node_id: candidate.code for candidate in preview.plan.candidates}
    return codes.get(node_id, f"node {node_id}")


def waiting_units(lines: Sequence[OrderLine], backordered: Iterable[tuple[int, int]]) -> int:
    """Units of the order's lines that a plan leaves without a node: of a kit, whose key is minus a line's, of all."""
    line_of, kits = {line.pk: line for line in lines}, by_kit(lines)

    def each(key: int) -> int:
        line = line_of.get(-key)
        if line is None or line.kit_id is None:
            return 1
        return sum(part.units_per_kit or 1 for part in kits[line.kit_id])

    return sum(quantity * each(key) for key, quantity in backordered)


def cancel_effects(order: Order, preview: CancelPreview) -> Effects:
    """What cancelling will do to this order."""
    gone = "1 unit is cancelled." if preview.units == 1 else f"{preview.units} units are cancelled."
    effects: Effects = [{"kind": "stock", "text": gone}] if preview.units or not preview.asked else []
    if preview.asked:
        waiting = "1 unit is" if preview.asked_units == 1 else f"{preview.asked_units} units are"
        where = ", ".join(preview.asked)
        asked = f"The WMS of {where} is asked first: {waiting} cancelled once it agrees."
        effects.append({"kind": "stock", "text": asked, "tone": "warn"})
    if preview.shipped_units:
        left = "1 unit has" if preview.shipped_units == 1 else f"{preview.shipped_units} units have"
        effects.append({"kind": "stock", "text": f"{left} left already and can only come back as a return.",
                        "tone": "warn"})  # fmt: skip
    for code, units in sorted(preview.released_units.items()):
        back = min(units, preview.units)
        words = "1 reserved unit becomes" if back == 1 else f"Up to {back} reserved units become"
        effects.append({"kind": "stock", "text": f"{words} sellable again at {code}."})
    for awb in preview.labels_voided:
        effects.append({"kind": "stock", "text": f"Label {awb} is voided with the carrier."})
    if preview.refund_minor:
        amount = money(preview.refund_minor, preview.currency)
        effects.append({"kind": "money", "text": "Refund that becomes due", "after": amount, "tone": "warn"})
    elif order.is_cod:
        effects.append({"kind": "money", "text": "Cash on delivery: nothing was paid, nothing is refunded."})
    else:
        effects.append({"kind": "money", "text": "Nothing becomes due: no payment was captured, or all of it is owed."})
    return [*effects, _message_effect(order, "cancelled")]


def _message_effect(order: Order, what: str) -> dict[str, Any]:
    if not order.channel.notifies_customer:
        return {"kind": "message", "text": f"{order.channel.name} tells the customer; we tell {order.channel.name}."}
    if not order.customer_email:
        return {"kind": "message", "text": "No e-mail goes out: the order has no address."}
    return {"kind": "message", "text": f"The customer gets the e-mail “order {what}”; the channel is told."}
