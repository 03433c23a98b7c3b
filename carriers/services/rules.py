"""Write the rules of choice: their order is one thing, so one person changes them at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import transaction

from carriers.locks import lock_rules
from carriers.models import CarrierAccount, ChoiceRule, RuleEffect, RulePayment, RuleStrategy
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound

#: More rules than anybody oversees are not taken.
MOST_RULES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTerms:
    """What a rule says; see `carriers.choosing.Rule`. `accounts` maps codes to weights (1 where nothing is shared)."""

    name: str
    effect: str
    strategy: str = RuleStrategy.PROMISE
    reason: str = ""
    accounts: dict[str, int] = field(default_factory=dict)
    return_cost_minor: int = 0
    late_cost_minor: int = 0
    nodes: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    postcodes: list[str] = field(default_factory=list)
    payment: str = RulePayment.ANY
    grams_from: int | None = None
    grams_to: int | None = None
    value_from_minor: int | None = None
    value_to_minor: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    is_active: bool = True


def save_rule(
    *, terms: RuleTerms, actor: str, rule_id: int | None = None, seen_at: datetime | None = None
) -> ChoiceRule:
    """Write a new rule at the end of the list, or change one that is there.

    Raises DomainError with the field at fault, NotFound, and Conflict where the rule was changed since `seen_at`.
    """
    _check(terms)

    def work() -> ChoiceRule:
        with transaction.atomic():
            lock_rules()
            namesakes = ChoiceRule.objects.filter(name__iexact=terms.name).values_list("pk", flat=True)
            if set(namesakes) - {rule_id}:
                raise Conflict(f"There is a rule {terms.name} already. Choose another name.", field="name")
            rule = _rule(rule_id)
            if rule.pk and seen_at is not None and rule.changed_at > seen_at:
                raise Conflict(f"{rule.changed_by} changed this rule since you opened it. Look at it again.")
            for name, value in asdict(terms).items():
                setattr(rule, name, value)
            rule.changed_by, rule.changed_at = actor, now()
            rule.save()
            return rule

    return run_atomic(work)


def _rule(rule_id: int | None) -> ChoiceRule:
    if rule_id is not None:
        found = ChoiceRule.objects.filter(pk=rule_id).first()
        if found is None:
            raise NotFound(f"There is no rule {rule_id}.")
        return found
    positions = list(ChoiceRule.objects.order_by("position").values_list("position", flat=True))
    if len(positions) >= MOST_RULES:
        raise DomainError(f"There are {MOST_RULES} rules already: remove one first.")
    return ChoiceRule(position=positions[-1] + 1 if positions else 1)


def _check(terms: RuleTerms) -> None:
    """What a form can get wrong. Raises DomainError with the field."""
    known = set(CarrierAccount.objects.filter(code__in=terms.accounts).values_list("code", flat=True))
    unknown = sorted(set(terms.accounts) - known)
    least = {RuleEffect.BLOCK.value: 1, RuleEffect.SHARE.value: 2}.get(terms.effect, 0)
    weights = terms.accounts.values()
    faults = (
        (not terms.name.strip(), "name", "Give the rule a name."),
        (terms.effect not in RuleEffect.values, "effect", f"{terms.effect!r} is no effect of a rule."),
        (terms.strategy not in RuleStrategy.values, "strategy", f"{terms.strategy!r} is no way to choose."),
        (bool(unknown), "accounts", f"There is no carrier account {', '.join(unknown)}."),
        (len(terms.accounts) < least, "accounts", f"Choose at least {least} carrier account(s)."),
        (any(not 1 <= weight <= 1000 for weight in weights), "accounts", "A weight is a whole number from 1 to 1000."),
        (terms.effect == RuleEffect.BLOCK and not terms.reason.strip(), "reason", "Say why it is not used."),
        (_crossed(terms.grams_from, terms.grams_to), "grams_to", "The most weight is below the least."),
        (_crossed(terms.value_from_minor, terms.value_to_minor), "value_to_minor",
         "The highest value is below the lowest."),
        (bool(terms.valid_from and terms.valid_until and terms.valid_from >= terms.valid_until),
         "valid_until", "A rule ends after it begins."),
    )  # fmt: skip
    for wrong, name, words in faults:
        if wrong:
            raise DomainError(words, field=name)


def _crossed(least: int | None, most: int | None) -> bool:
    return least is not None and most is not None and least > most


def move_rule(*, rule_id: int, up: bool, actor: str) -> ChoiceRule:
    """One place up or down; the first and the last stay where they are. Raises NotFound."""

    def work() -> ChoiceRule:
        with transaction.atomic():
            lock_rules()
            rules = list(ChoiceRule.objects.order_by("position", "pk"))
            place = next((n for n, rule in enumerate(rules) if rule.pk == rule_id), None)
            if place is None:
                raise NotFound(f"There is no rule {rule_id}.")
            other = place - 1 if up else place + 1
            if 0 <= other < len(rules):
                rules[place], rules[other] = rules[other], rules[place]
                rules[other].changed_by, rules[other].changed_at = actor, now()
            for position, rule in enumerate(rules, start=1):
                rule.position = position
            ChoiceRule.objects.bulk_update(rules, ["position", "changed_by", "changed_at"])
            return rules[other] if 0 <= other < len(rules) else rules[place]

    return run_atomic(work)


def remove_rule(*, rule_id: int) -> None:
    """Take a rule away; again, it is gone."""
    ChoiceRule.objects.filter(pk=rule_id).delete()
