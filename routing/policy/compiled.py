"""A document made ready to decide: which rules take an order, on which terms, and in which sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from routing.engine import Attempt, Policy
from routing.policy.conditions import Test, compile_conditions
from routing.policy.document import Document, Rule, SortKey
from routing.policy.facts import OrderFacts

#: Where an order stands among the others of a batch: less is earlier. Rule first, then the keys of the rule.
Place: TypeAlias = tuple[float, ...]

#: The name under which orders are planned that no rule takes.
NO_RULE = "No rule"


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule that is on: `index` is its place in the document."""

    index: int
    rule: Rule
    takes: Test
    attempt: Attempt


class CompiledPolicy:
    """The rules of a document that are on, in their order. Orders that no rule takes are planned by the engine's own
    terms under the name `NO_RULE`, so that none is lost."""

    def __init__(self, document: Document, version: int) -> None:
        self.document = document
        self.version = version
        self.rules = tuple(
            CompiledRule(index, rule, compile_conditions(rule.when), _attempt(rule, version))
            for index, rule in enumerate(document.rules)
            if rule.enabled
        )
        self._rest = (Attempt(Policy(version=version, rule=NO_RULE), "wait"),)
        self._places: dict[str, Callable[[OrderFacts], Place]] = {
            each.rule.name: _place_of(each.index, each.rule.sequence) for each in self.rules
        }
        self._last = float(len(document.rules))

    def match(self, facts: OrderFacts) -> tuple[Attempt, ...]:
        """The tries at an order, in their sequence: at least one. It ends with the first rule that says "wait"."""
        attempts: list[Attempt] = []
        for each in self.rules:
            if each.takes(facts):
                attempts.append(each.attempt)
                if each.attempt.then == "wait":
                    break
        return tuple(attempts) if attempts else self._rest

    def place(self, facts: OrderFacts, attempts: Sequence[Attempt]) -> Place:
        """Where the order stands in a batch, by the first rule that takes it. Equal places keep their sequence."""
        place = self._places.get(attempts[0].policy.rule)
        return (self._last,) if place is None else place(facts)


def _attempt(rule: Rule, version: int) -> Attempt:
    policy = Policy(
        version=version, weights=rule.weights, max_shipments=rule.split.max_shipments,
        allow_partial=rule.fallback.partial, eligibility=rule.nodes, max_extra_minor=rule.split.max_extra_minor,
        min_parcel_minor=rule.split.min_parcel_minor, keep_gifts_whole=rule.split.keep_gifts_whole, rule=rule.name,
        transfer=rule.fallback.transfer,
    )  # fmt: skip
    return Attempt(policy, rule.fallback.then)


_NONE_LEFT = float("inf")
_READ: dict[str, Callable[[OrderFacts], float | None]] = {
    "ship_by": lambda facts: facts.ship_by_hours,
    "promise": lambda facts: facts.promise_hours,
    "value": lambda facts: facts.value_minor,
    "age": lambda facts: facts.placed_minutes,
}


def _place_of(index: int, sequence: Sequence[SortKey]) -> Callable[[OrderFacts], Place]:
    keys = tuple((_READ[key.by], -1 if key.descending else 1) for key in sequence)

    def place(facts: OrderFacts) -> Place:
        found = ((read(facts), sign) for read, sign in keys)
        return (float(index), *(_NONE_LEFT if number is None else number * sign for number, sign in found))

    return place
