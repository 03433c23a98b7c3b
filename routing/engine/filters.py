"""Which nodes may take an order at all, before anybody looks at stock, and in which words one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.engine.types import Eligibility, NodeInput, OrderInput, Rule

#: What an order and its policy say about nodes: orders that agree in it share one gate.
#: The last two are what the policy asks of nodes, and whether it lets them send to the store of collection.
GateKey = tuple[frozenset[str], frozenset[int], int | None, frozenset[str], frozenset[str], Eligibility, bool]

REASONS: dict[Rule, str] = {
    "not_the_pickup_store": "The customer collects this order at another store.",
    "node_off": "The node is switched off.",
    "rejected_before": "The node rejected this order before.",
    "wrong_group": "The node is in none of the groups that this order allows.",
    "does_not_ship": "The node does not ship.",
    "over_capacity": "The node has reached its limit of orders.",
    "no_stock": "The node has none of the items to sell.",
    "not_serviceable": "No carrier serves this destination from the node.",
    "wrong_kind": "The rule takes no nodes of this kind.",
    "not_capable": "The node cannot handle what these goods need.",
    "wrong_brand": "The node does not ship goods of this brand.",
    "too_full": "The rule wants nodes with more capacity left.",
    "past_cutoff": "The rule wants nodes with more time to their cut-off.",
    "performs_below": "The node performs below what the rule asks for.",
    "too_far": "The node is farther from the customer than the rule allows.",
    "store_off": "The store where the customer collects is switched off.",
    "too_slow": "The way to the store takes longer than the rule allows.",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """The nodes that pass (`passes[index]`, and their count and indices) and the ids of those refused, by rule."""

    passes: tuple[bool, ...]
    passing: tuple[int, ...]
    refused: tuple[tuple[Rule, tuple[int, ...]], ...]


def gate_key(order: OrderInput, asked: Eligibility, sends: bool = False) -> GateKey:
    """The part of an order and its policy that decides its gate. `sends`: the policy lets nodes send to the store."""
    return (
        order.allowed_groups,
        order.excluded_node_ids,
        order.pickup_node_id,
        order.needs,
        order.brands,
        asked,
        sends and order.pickup_node_id is not None,
    )


def gate(key: GateKey, nodes: Sequence[NodeInput]) -> Gate:
    """Test every node against the fixed rules. The first rule that refuses is the one that is told."""
    verdicts = [first_refusal(key, node) for node in nodes]
    pickup = key[2]
    if pickup is not None and any(node.node_id == pickup and not node.active for node in nodes):
        verdicts = [
            rule or ("store_off" if node.node_id != pickup else "")
            for node, rule in zip(nodes, verdicts, strict=True)
        ]  # fmt: skip
    refused: dict[Rule, list[int]] = {}
    for node, rule in zip(nodes, verdicts, strict=True):
        if rule:
            refused.setdefault(rule, []).append(node.node_id)
    return Gate(
        passes=tuple(not rule for rule in verdicts),
        passing=tuple(index for index, rule in enumerate(verdicts) if not rule),
        refused=tuple((rule, tuple(ids)) for rule, ids in refused.items()),
    )


def first_refusal(key: GateKey, node: NodeInput) -> Rule:
    """The first fixed rule that refuses this node, or "" when none does.

    What a policy asks of nodes does not bind a customer who collects at a store, but those that send to it.
    """
    allowed_groups, excluded, pickup, needs, brands, asked, sends = key
    if pickup is not None and node.node_id != pickup and not sends:
        return "not_the_pickup_store"
    if not node.active:
        return "node_off"
    if node.node_id in excluded:
        return "rejected_before"
    if allowed_groups and not allowed_groups & node.groups:
        return "wrong_group"
    if node.node_id == pickup:
        return ""
    if not node.ships:
        return "does_not_ship"
    if not needs <= node.capabilities:
        return "not_capable"
    if node.brands and not brands <= node.brands:
        return "wrong_brand"
    return _refused_by_policy(asked, node)


def _refused_by_policy(asked: Eligibility, node: NodeInput) -> Rule:
    """What the policy asks of a node that does not depend on the order nor on the orders before it."""
    if asked.kinds and node.kind not in asked.kinds:
        return "wrong_kind"
    if (asked.groups and not asked.groups & node.groups) or asked.groups_out & node.groups:
        return "wrong_group"
    if not asked.capabilities <= node.capabilities:
        return "not_capable"
    if asked.min_minutes_to_cutoff is not None and node.minutes_to_cutoff < asked.min_minutes_to_cutoff:
        return "past_cutoff"
    if asked.min_performance is not None and node.performance is not None and node.performance < asked.min_performance:
        return "performs_below"
    return ""
