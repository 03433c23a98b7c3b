"""What is wrong with a policy that can be read: rules that never act, contradict themselves, or leave orders out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from routing.engine import Eligibility, NodeInput
from routing.engine.wording import listed
from routing.policy.conditions import Group
from routing.policy.document import Document, Rule
from routing.policy.reasoning import holds_never, implies

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. `rule` is the index of the rule, None for the policy or its surroundings; `part` one of
    `document.PARTS` or "" for all of it. Errors keep a policy from being published."""

    severity: Severity
    rule: int | None
    part: str
    sentence: str


def lint(
    document: Document, nodes: Collection[NodeInput] = (), without_carrier: Collection[str] = (), *,
    any_substitute: bool = True,
) -> list[Finding]:  # fmt: skip
    """Every finding, in the order of the rules, then those of the whole policy.

    `nodes` are those that the policy will meet; without any, filters are not checked against them. `without_carrier`
    are codes of active nodes from which no carrier ships. `any_substitute` is False where no SKU has a substitute.
    """
    found = [finding for index in range(len(document.rules)) for finding in _rule_findings(document, index, nodes)]
    if not any_substitute:
        found += _without_substitutes(document)
    return [*found, *_coverage(document), *_carriers(without_carrier)]


def _rule_findings(document: Document, index: int, nodes: Collection[NodeInput]) -> Iterator[Finding]:
    rule = document.rules[index]
    if not rule.enabled:
        return
    if holds_never(rule.when):
        yield Finding("error", index, "when", f"No order can fulfill the conditions of “{rule.name}”: they contradict.")
    else:
        yield from _contradicting_groups(rule, index)
        yield from _shadowed(document, index)
    yield from _nodes(rule, index, nodes)
    yield from _not_measured(rule, index, nodes)
    if not any(asdict(rule.weights).values()):
        yield Finding("error", index, "weights", f"All weights of “{rule.name}” are 0: every plan costs the same.")
    if rule.fallback.then == "next" and not _followed(document, index):
        yield Finding(
            "warning", index, "fallback",
            f"“{rule.name}” passes orders to the next rule, and no later rule takes them all: the others wait.",
        )  # fmt: skip


def _contradicting_groups(rule: Rule, index: int) -> Iterator[Finding]:
    """Members that never hold, beside others that do."""
    for place, member in enumerate(rule.when.members, start=1):
        alone = member if isinstance(member, Group) else Group("all", (member,))
        if holds_never(alone):
            yield Finding("warning", index, "when", f"Condition {place} of “{rule.name}” can never hold.")


def _shadowed(document: Document, index: int) -> Iterator[Finding]:
    rule = document.rules[index]
    for earlier in document.rules[:index]:
        if not earlier.enabled or earlier.fallback.then == "next":
            continue
        if earlier.takes_all:
            text = f"“{rule.name}” is never reached: “{earlier.name}” stands before it and takes every order."
            yield Finding("error", index, "when", text)
            return
        if implies(rule.when, earlier.when):
            yield Finding(
                "error", index, "when",
                f"“{rule.name}” never acts: “{earlier.name}” stands before it and takes all of its orders.",
            )  # fmt: skip
            return


def _nodes(rule: Rule, index: int, nodes: Collection[NodeInput]) -> Iterator[Finding]:
    both = sorted(rule.nodes.groups & rule.nodes.groups_out)
    if both:
        yield Finding("error", index, "nodes", f"“{rule.name}” wants nodes in {listed(both)} and also none of them.")
    elif nodes and not any(node.active and may_take(rule.nodes, node) for node in nodes):
        yield Finding("error", index, "nodes", f"No node that is on passes what “{rule.name}” asks of nodes.")


def _not_measured(rule: Rule, index: int, nodes: Collection[NodeInput]) -> Iterator[Finding]:
    """The rule looks at a performance that no node has."""
    if not nodes or any(node.performance is not None for node in nodes):
        return
    name = rule.name
    if rule.nodes.min_performance is not None:
        asked = f"{rule.nodes.min_performance:.0%}"
        text = f"“{name}” asks for a performance of {asked}, and none that was measured is applied: no node is refused."
        yield Finding("warning", index, "nodes", text)
    if rule.weights.performance_minor:
        text = f"“{name}” weighs performance, and none that was measured is applied: it changes no cost."
        yield Finding("warning", index, "weights", text)


def may_take(eligibility: Eligibility, node: NodeInput) -> bool:
    """Whether a node passes what never changes within a day: kind, groups, capabilities, capacity, performance."""
    return (
        (not eligibility.kinds or node.kind in eligibility.kinds)
        and (not eligibility.groups or bool(eligibility.groups & node.groups))
        and not eligibility.groups_out & node.groups
        and eligibility.capabilities <= node.capabilities
        and (node.capacity_left is None or node.capacity_left >= eligibility.min_capacity_left)
        and (
            eligibility.min_performance is None
            or node.performance is None
            or node.performance >= eligibility.min_performance
        )
    )


def _followed(document: Document, index: int) -> bool:
    """A later rule takes every order that this one passes on."""
    rule = document.rules[index]
    return any(each.enabled and implies(rule.when, each.when) for each in document.rules[index + 1 :])


def _coverage(document: Document) -> Iterator[Finding]:
    if any(rule.enabled and rule.takes_all for rule in document.rules):
        return
    text = "No rule takes every order, so some would have no terms. End with a rule without conditions."
    yield Finding("error", None, "", text)


def _without_substitutes(document: Document) -> Iterator[Finding]:
    for index, rule in enumerate(document.rules):
        if rule.enabled and rule.fallback.substitute:
            text = f"“{rule.name}” sells substitutes, and no SKU has one: name them on the pages of the SKUs."
            yield Finding("warning", index, "fallback", text)


def _carriers(without_carrier: Collection[str]) -> Iterator[Finding]:
    for code in sorted(without_carrier):
        yield Finding("warning", None, "", f"No carrier ships from {code}: no rule can choose it.")
