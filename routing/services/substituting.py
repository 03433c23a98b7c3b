"""What no node can ship is sold as another SKU, which is routed in the same transaction: all of it, or nothing is done.

A substitute that turns out not to be shippable after all leaves no trace: what was written of it is rolled back to a
savepoint, and the next one is tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import transaction

from inventory.selectors.substitutes import StandIn, stand_ins
from inventory.services import announce
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from orders.errors import CannotEdit
from orders.locks import lock_lines, lock_orders
from orders.models import Order, OrderLine, OrderSubstitutions
from orders.services import InPlace, SubstituteTerms, add_substitute, taken_back, terms_of
from routing.policy.compiled import CompiledPolicy
from routing.policy.document import MOST_SHIPMENTS, Document, Split
from routing.selectors.substituting import Terms, substitutable, substituting_rules
from routing.services.kits import in_components
from routing.services.planning import plan_demands
from routing.services.reading import read_surroundings
from routing.services.route import route_orders
from routing.services.rules import rules_in_force

TRIGGER = "substituted"


@dataclass(frozen=True, slots=True)
class Offered:
    """A SKU that could be sold for the waiting units of a line: what there is of it, and what the customer pays."""

    line: OrderLine
    units: int
    stand_in: StandIn
    terms: SubstituteTerms


#: As many parcels as rules know, at any cost.
_ANY_SPLIT = Split(max_shipments=MOST_SHIPMENTS)


class _NotShipped(Exception):
    """The substitutes that were tried cannot all be shipped now."""


def any_rule_substitutes() -> bool:
    """True where a rule in force sells substitutes."""
    rules = rules_in_force()
    every = (*rules.live.rules, *(rules.trial.rules if rules.trial else ()))
    return any(each.rule.fallback.substitute for each in every)


def offers_of(order: Order, lines: Sequence[OrderLine]) -> dict[int, list[Offered]]:
    """What a person could choose for the waiting units of each line, by line id, best first. Writes nothing."""
    open_lines = [line for line in lines if _may_be_substituted(line)]
    if order.substitutions != OrderSubstitutions.ALLOWED or not open_lines:
        return {}
    choices = stand_ins(line.sku_id for line in open_lines if line.sku_id is not None)
    gone: Counter[int] = Counter()
    for line in lines:
        if line.substitute_for_id is not None:
            gone[line.substitute_for_id] += line.quantity - line.cancelled
    return {
        line.pk: [
            Offered(line, line.backordered, each, terms_of(line, line.backordered, _sold(each, order), gone[line.pk]))
            for each in choices[line.sku_id]
        ]
        for line in open_lines
        if line.sku_id in choices
    }


def _may_be_substituted(line: OrderLine) -> bool:
    return bool(line.backordered and line.sku_id) and line.kit_id is None and line.substitute_for_id is None


def _sold(stand_in: StandIn, order: Order) -> InPlace:
    """As it is sold in an order. List prices are in the currency of the business: in another one there is none to
    compare with, and the units cost what was agreed."""
    price = stand_in.price_minor if order.currency == settings.DEFAULT_CURRENCY else 0
    return InPlace(
        stand_in.sku_id, stand_in.code, stand_in.name, stand_in.options, price, stand_in.tax_rate_bp
    )  # fmt: skip


def substitute_line(*, order_id: int, line_id: int, sku_id: int, units: int, actor: str) -> OrderLine:
    """A person's choice: the waiting units of a line are sold as this SKU, whatever the rule says; the new line.

    `units` is what the person saw waiting. Raises NotFound, Conflict where another number waits by now, CannotEdit
    where the customer takes no substitutes or the SKU is none, and DomainError where no node can ship all of it.
    """

    def work() -> OrderLine:
        order = lock_orders([order_id]).get(order_id)
        lines = {line.pk: line for line in lock_lines([order_id])}
        if order is None or line_id not in lines:
            raise NotFound(f"There is no line {line_id} of order {order_id}.")
        line = lines[line_id]
        if line.backordered != units:
            raise Conflict(f"{line.backordered} units of {line.sku_code} wait now. Look at them again, then choose.")
        chosen = [each for each in stand_ins([line.sku_id or 0]).get(line.sku_id or 0, ()) if each.sku_id == sku_id]
        if not chosen:
            raise CannotEdit(f"That SKU does not stand in for {line.sku_code}.")
        try:
            [added] = _sell(order, [(line, units, chosen[0])], f"chosen by {actor}.", actor)
        except _NotShipped:
            raise DomainError(
                f"No node can ship {units} x {chosen[0].code} for this order now; nothing was changed.", field="sku"
            ) from None
        return added

    return run_atomic(work)


def substitute_waiting(*, limit: int = 100, after: int = 0, order_ids: Sequence[int] | None = None) -> list[int]:
    """Substitute what waits of orders whose rule and customer allow it; the orders that were looked at.

    One transaction for each. Doing it again finds nothing left to do. Nothing is substituted a second time for a line
    of which a person took a substitute back.
    """
    terms = substituting_rules()
    found = substitutable(terms, limit=limit, after=after, order_ids=order_ids)
    for order_id, rule in found:
        _substitute(order_id, rule, terms)
    return [order_id for order_id, _ in found]


def _substitute(order_id: int, rule: str, terms: Terms) -> bool:
    """Substitute what no node can ship of one order, if it all can be shipped then; False where nothing was done."""

    def work() -> bool:
        order = lock_orders([order_id]).get(order_id)
        if order is None or not substitutable(terms, limit=1, order_ids=[order_id]):
            return False
        short = _short(order_id)
        refused = taken_back([order_id])
        lines = [
            line for line in lock_lines([order_id])
            if _may_be_substituted(line) and short[line.pk] and line.pk not in refused
        ]  # fmt: skip
        choices = stand_ins(line.sku_id for line in lines if line.sku_id is not None)
        for chosen in _tries(lines, short, choices):
            try:
                _sell(order, chosen, f"no node has it (rule “{rule}”).", "routing")
            except _NotShipped:
                continue
            return True
        return False

    return run_atomic(work)


def _short(order_id: int) -> Counter[int]:
    """Units by line id that no node has which the rules let send them, on whatever day and in however many parcels."""
    around = read_surroundings([order_id])
    if order_id not in around.demands:
        return Counter()
    # Who is full today is not tomorrow: what waits for that waits for no stock.
    around = replace(
        around, used={}, nodes=[replace(node, capacity_left=None, load=0.0) for node in around.nodes]
    )  # fmt: skip
    demand = around.demands[order_id]
    rules = rules_in_force().of_order(order_id, demand.order["channel_code"])
    [planned] = plan_demands(around, rules=_in_part(rules))
    left = Counter({line["line_id"]: line["backordered"] + line["unallocated"] for line in demand.lines})
    for part in in_components(planned.plan.assignments, demand.lines):
        left[part.line_key] -= part.quantity
    return left


def _in_part(policy: CompiledPolicy) -> CompiledPolicy:
    """The same rules, all of which ship what is there, however it has to be split."""
    rules = (
        replace(rule, fallback=replace(rule.fallback, partial=True), split=_ANY_SPLIT)
        for rule in policy.document.rules
    )  # fmt: skip
    return CompiledPolicy(Document(tuple(rules)), version=policy.version)


_Chosen = list[tuple[OrderLine, int, StandIn]]


def _tries(
    lines: Sequence[OrderLine], short: Mapping[int, int], choices: Mapping[int, Sequence[StandIn]]
) -> Iterator[_Chosen]:
    """What is tried, best first: every short line with its first choice, with the second; then each line alone."""
    able = {
        line.pk: [each for each in choices.get(line.sku_id or 0, ()) if each.atp >= short[line.pk]] for line in lines
    }
    with_any = [line for line in lines if able[line.pk]]
    for nth in range(max((len(able[line.pk]) for line in with_any), default=0)):
        yield [
            (line, short[line.pk], able[line.pk][min(nth, len(able[line.pk]) - 1)]) for line in with_any
        ]  # fmt: skip
    if len(with_any) > 1:
        for line in with_any:
            for each in able[line.pk]:
                yield [(line, short[line.pk], each)]


def _sell(order: Order, chosen: _Chosen, reason: str, actor: str) -> list[OrderLine]:
    """Sell the units as their substitutes and route them; the new lines. Raises _NotShipped, having changed nothing."""
    with transaction.atomic():  # a savepoint: what cannot be shipped must leave no trace
        added = [
            add_substitute(order, line, _sold(each, order), units, actor=actor, reason=reason)[0]
            for line, units, each in chosen
        ]  # fmt: skip
        route_orders([order.pk], trigger=TRIGGER, actor=actor, because=_because(chosen, reason))
        allocated = dict(OrderLine.objects.filter(pk__in=[line.pk for line in added]).values_list("pk", "allocated"))
        if any(allocated[line.pk] != line.quantity for line in added):
            raise _NotShipped
        announce([line.sku_id for line, _, _ in chosen if line.sku_id is not None], reason="substituted")
    return added


def _because(chosen: _Chosen, reason: str) -> str:
    parts = ", ".join(f"{units} x {line.sku_code} by {each.code}" for line, units, each in chosen)
    return f"Substituted {parts}: {reason}"
