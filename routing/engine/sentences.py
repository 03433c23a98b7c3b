"""Tells a plan in one sentence of plain text, for the order page and for the exception queue."""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.trace import Offer, Trace
from routing.engine.types import Plan, Rule
from routing.engine.wording import all_items, days, items, listed, money, nodes

_MOST_NAMED = 3
_REFUSED: dict[Rule, str] = {
    "not_the_pickup_store": "not the pickup store",
    "node_off": "switched off",
    "rejected_before": "rejected it before",
    "wrong_group": "outside the allowed groups",
    "does_not_ship": "not shipping",
    "over_capacity": "full",
    "no_stock": "without stock",
    "not_serviceable": "unable to reach {place}",
    "wrong_kind": "of a kind that the rule does not take",
    "not_capable": "not able to handle the goods",
    "wrong_brand": "of another brand",
    "too_full": "nearly full",
    "past_cutoff": "too close to the cut-off",
    "performs_below": "performing too badly",
    "too_far": "too far away",
    "store_off": "cut off, since the store is switched off",
    "too_slow": "too many days from the store",
}


def tell(plan: Plan, trace: Trace) -> str:
    """The sentence of a plan."""
    if not plan.assignments:
        return _unroutable(plan, trace) if plan.backordered else "Nothing is left to allocate."
    if plan.backordered:
        return _partial(plan, trace)
    return _one(plan, trace) if len(plan.node_ids) == 1 else _split(plan, trace)


def _one(plan: Plan, trace: Trace) -> str:
    """One node ships everything."""
    best = plan.node_ids[0]
    whole = all_items(sum(trace.problem.quantities))
    if trace.order.pickup_node_id == best:
        return f"{_code(trace, best)} has {whole} for the customer to collect."
    (_, _, index), *others = _alone(trace)
    next_best = "no other node can send it alone"
    if others:
        _, cost, other = others[0]
        next_best = f"next best {trace.terms.nodes[other].code} {_money(trace, cost)}"
    late = ", after the promised date," if trace.destination.late_minor(index, trace.order.hours_to_promise) else ""
    delivers = "delivers" if trace.order.pickup_node_id is None else f"sends them to {_store(trace)}"
    promise = f"{delivers} {days(trace.destination.ways[index][1])}{late} for {_money(trace, plan.cost_minor)}"
    whole_order = f"; {trace.split_refused}" if trace.split_refused else ""
    return f"{_code(trace, best)} has {whole} and {promise}; {next_best}{whole_order}."


def _split(plan: Plan, trace: Trace) -> str:
    """Several nodes ship everything."""
    if trace.order.pickup_node_id is not None:
        return f"{_senders(plan, trace)}, for the customer to collect, for {_money(trace, plan.cost_minor)}."
    parcels = f"{len(plan.node_ids)} shipments for {_money(trace, plan.cost_minor)}"
    whole = all_items(sum(trace.problem.quantities))
    alone = _alone(trace)
    if not alone:
        return f"No one node has {whole}: {_senders(plan, trace)}, {parcels}."
    _, cost, index = alone[0]
    code = trace.terms.nodes[index].code
    return f"{_senders(plan, trace)}, {parcels}; {code} could send {whole} alone for {_money(trace, cost)}."


def _partial(plan: Plan, trace: Trace) -> str:
    """Something is shipped and something waits."""
    total = sum(trace.problem.quantities)
    sent = sum(assignment.quantity for assignment in plan.assignments)
    waiting = _waiting(plan, trace)
    what = listed([f"{quantity} {label}" for _, quantity, label in waiting[:_MOST_NAMED]])
    if len(waiting) > _MOST_NAMED:
        what += f" and {len(waiting) - _MOST_NAMED} more lines"
    short = any(_sellable(trace, sku) < _wanted(trace, sku) for sku, _, _ in waiting)
    why = f"no more is sellable at {nodes(plan.nodes_examined)}" if short else _too_many(trace)
    sends = (
        _senders(plan, trace)
        if len(plan.node_ids) > 1 or trace.order.pickup_node_id is not None
        else f"{_code(trace, plan.node_ids[0])} sends {sent}"
    )
    return f"{sends} of {items(total)} for {_money(trace, plan.cost_minor)}; {what} must wait: {why}."


def _unroutable(plan: Plan, trace: Trace) -> str:
    """Nothing is shipped."""
    if not plan.nodes_examined:
        return _no_node(trace)
    short = [
        (sku, wanted, sellable, label)
        for sku, wanted, label in _waiting(plan, trace)
        if (sellable := _sellable(trace, sku)) < wanted
    ]
    if not short:
        return f"The whole order waits: {_too_many(trace)}."
    parts = [
        f"{label}: {wanted} wanted, {sellable} sellable at {nodes(plan.nodes_examined)}"
        for _, wanted, sellable, label in short[:_MOST_NAMED]
    ]
    if len(short) > _MOST_NAMED:
        parts.append(f"{len(short) - _MOST_NAMED} more lines")
    begin = "The whole order waits for" if any(sellable for _, _, sellable, _ in short) else "No node has"
    return f"{begin} {listed(parts)}{_elsewhere(trace, [sku for sku, *_ in short])}."


def _elsewhere(trace: Trace, skus: Sequence[int]) -> str:
    """Nodes that hold what is missing but were refused."""
    rows = [row for sku, row in zip(trace.wants, trace.problem.rows, strict=True) if sku in skus]
    held = {trace.terms.nodes[index].node_id for row in rows for index in row}
    parts = []
    for refusal in trace.refusals():
        count = len(held.intersection(refusal.node_ids))
        if count:
            words = _REFUSED[refusal.rule].format(place=_place(trace))
            parts.append(f"{count} {words}")
    return f"; held where it cannot be used: {listed(parts)}" if parts else ""


def _place(trace: Trace) -> str:
    """`560001`, abroad with the country: `10115 DE`."""
    order = trace.order
    country = "" if order.country == "IN" else order.country
    return " ".join(part for part in (order.postcode, country) if part) or "the address"


def _no_node(trace: Trace) -> str:
    """The rules left no node at all."""
    parts = [f"{len(r.node_ids)} {_REFUSED[r.rule].format(place=_place(trace))}" for r in trace.refusals()]
    return f"No node may take this order: {listed(parts)}." if parts else "There is no node to take this order."


def _too_many(trace: Trace) -> str:
    if trace.split_refused:
        return trace.split_refused
    limit = trace.problem.max_shipments
    return f"it would take more than {limit} {'shipment' if limit == 1 else 'shipments'}"


def _alone(trace: Trace) -> list[Offer]:
    """The offers of the two cheapest nodes that can send everything in one shipment, as many as there are."""
    wanted = sum(trace.problem.quantities)
    return [offer for offer in trace.offers()[:2] if offer[0] == -wanted]


def _senders(plan: Plan, trace: Trace) -> str:
    """ "BLR-02 sends 2 and DEL-01 sends 1"; of an order to collect "S1 has 1 and BLR-02 sends 1 to S1"."""
    sent: dict[int, int] = {}
    for assignment in plan.assignments:
        sent[assignment.node_id] = sent.get(assignment.node_id, 0) + assignment.quantity
    store = trace.order.pickup_node_id
    if store is None:
        return listed([f"{_code(trace, node_id)} sends {quantity}" for node_id, quantity in sent.items()])
    return listed([
        f"{_code(trace, node_id)} has {quantity}" if node_id == store
        else f"{_code(trace, node_id)} sends {quantity} to {_store(trace)}"
        for node_id, quantity in sent.items()
    ])  # fmt: skip


def _waiting(plan: Plan, trace: Trace) -> list[tuple[int, int, str]]:
    """SKU, units that wait and the SKU's label."""
    back = dict(plan.backordered)
    found = []
    for sku, lines in trace.wants.items():
        quantity = sum(back.get(line.key, 0) for line in lines)
        if quantity:
            found.append((sku, quantity, lines[0].label or f"SKU {sku}"))
    return found


def _wanted(trace: Trace, sku: int) -> int:
    return sum(line.quantity for line in trace.wants[sku])


def _sellable(trace: Trace, sku: int) -> int:
    """Units of a SKU at the nodes that may be used."""
    row = trace.problem.rows[list(trace.wants).index(sku)]
    return sum(have for index, have in row.items() if index in trace.problem.opening)


def _store(trace: Trace) -> str:
    """The store where the customer collects; a person may choose a sender without it."""
    store = trace.order.pickup_node_id
    return _code(trace, store) if store in trace.terms.ids else "the store"


def _code(trace: Trace, node_id: int) -> str:
    return trace.terms.nodes[trace.terms.ids.index(node_id)].code


def _money(trace: Trace, minor: int) -> str:
    return money(minor, trace.order.currency)
