"""Buffer rules: making, changing, ordering and removing them. Each change is applied to the stock that it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet

from inventory.errors import BadQuantity
from inventory.locks import lock_buffer_rules, lock_level
from inventory.models import BufferMeasure, BufferRule, Node, NodeKind, Sku, Velocity
from inventory.selectors.buffers import BY_HAND, HAND_PRIORITY, REMOVED
from inventory.services.keeping_back import (
    Applied,
    BufferPreview,
    apply_after_change,
    apply_buffers,
    preview_buffers,
    remove_ended_rules,
)
from oms.core.clock import now
from oms.core.db import execute, run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.values import MAX_QUANTITY

#: Numbers of the other rules: the first, and how far apart.
FIRST_PRIORITY, STEP = 100, 10
MOST_PRIORITY = 100_000
#: Stands for the id of a rule that is not saved yet: among equals it comes last.
UNSAVED = 2**62
_HAND_NOTE = "Set by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTerms:
    """Where a rule counts and how much it keeps back. Empty conditions hold everywhere."""

    name: str
    measure: str
    amount: int
    node_id: int | None = None
    node_kind: str = ""
    group_id: int | None = None
    sku_id: int | None = None
    category: str = ""
    brand: str = ""
    velocity: str = ""
    channel_code: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_active: bool = True
    note: str = ""


def terms_of(rule: BufferRule) -> RuleTerms:
    """The terms that a rule has now."""
    return RuleTerms(**{name: getattr(rule, name) for name in RuleTerms.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Saved:
    """A rule as it was saved, and what applying it did."""

    rule: BufferRule
    applied: Applied


def _refuse_bad(terms: RuleTerms) -> None:
    if not terms.name.strip():
        raise DomainError("Give the rule a name.", field="name")
    if terms.measure not in BufferMeasure.values:
        raise DomainError(f"{terms.measure!r} is not a measure: units, days or percent.", field="measure")
    most = 100 if terms.measure == BufferMeasure.PERCENT else MAX_QUANTITY
    if not 0 <= terms.amount <= most:
        raise BadQuantity(f"{terms.amount} is not an amount; expected a whole number from 0 to {most}.", field="amount")
    if terms.node_kind and terms.node_kind not in NodeKind.values:
        raise DomainError(f"{terms.node_kind!r} is not a kind of node.", field="node_kind")
    if terms.velocity and terms.velocity not in Velocity.values:
        raise DomainError(f"{terms.velocity!r} is not a velocity: fast, medium, slow or none.", field="velocity")
    if terms.starts_at and terms.ends_at and terms.ends_at <= terms.starts_at:
        raise DomainError("The rule ends before it starts. Give an end after the start.", field="ends_at")
    for name in ("category", "brand"):
        value = getattr(terms, name)
        if value and not Sku.objects.filter(**{name: value}).exists():
            raise DomainError(f"No SKU has the {name} {value}.", field=name)


def _priority(priority: int) -> int:
    if not 0 <= priority <= MOST_PRIORITY:
        raise DomainError(f"{priority} is not a place; expected a number from 0 to {MOST_PRIORITY}.", field="priority")
    return priority


def _next_priority() -> int:
    last = BufferRule.objects.order_by("-priority").values_list("priority", flat=True).first()
    return min(MOST_PRIORITY, max(FIRST_PRIORITY, (last or 0) + STEP))


def create_rule(*, terms: RuleTerms, actor: str, priority: int | None = None, user_id: int | None = None) -> Saved:
    """Make a rule, by default the last in order, and apply it. Raises DomainError for terms that cannot be."""
    _refuse_bad(terms)

    def work() -> Saved:
        place = _next_priority() if priority is None else _priority(priority)
        rule = BufferRule.objects.create(**_columns(terms), priority=place, changed_by=actor[:120], changed_at=now())
        return Saved(rule, _apply([terms], f"Apply the buffer rule {rule}", user_id))

    return run_atomic(work)


def edit_rule(
    *, rule_id: int, terms: RuleTerms, actor: str, priority: int | None = None, seen_at: datetime | None = None,
    user_id: int | None = None,
) -> Saved:  # fmt: skip
    """Change a rule and apply it. Raises NotFound, DomainError, and Conflict where it changed since `seen_at`."""
    _refuse_bad(terms)

    def work() -> Saved:
        rule = _locked(rule_id)
        if seen_at is not None and rule.changed_at != seen_at:
            raise Conflict(f"{rule.changed_by or 'Somebody'} changed the rule {rule} meanwhile. Look at it again.")
        before = terms_of(rule)
        place = rule.priority if priority is None else _priority(priority)
        changes = _columns(terms) | {"priority": place, "changed_by": actor[:120], "changed_at": now()}
        BufferRule.objects.filter(pk=rule_id).update(**changes)
        rule.refresh_from_db()
        return Saved(rule, _apply([before, terms], f"Apply the buffer rule {rule}", user_id))

    return run_atomic(work)


def delete_rule(*, rule_id: int, actor: str, user_id: int | None = None) -> Applied:
    """Remove a rule; what it kept back is left to the rules after it. Raises NotFound.

    A rule stays, switched off, while a level names it: where there are too many to be done at once, until the job ends.
    """

    def work() -> Applied:
        rule = _locked(rule_id)
        BufferRule.objects.filter(pk=rule_id).update(
            is_active=False, note=REMOVED, changed_by=actor[:120], changed_at=now()
        )
        applied = _apply([terms_of(rule)], f"Remove the buffer rule {rule}", user_id)
        if applied.job is None:
            remove_ended_rules()
        return applied

    return run_atomic(work)


def restore_rules(*, removed: Sequence[tuple[RuleTerms, int]], actor: str, user_id: int | None = None) -> list[Saved]:
    """Make removed rules again with the terms and places that they had, all or none.

    Raises DomainError for terms that cannot be any more, and Conflict where safety stock was set by hand meanwhile.
    """

    def work() -> list[Saved]:
        saved = []
        for terms, place in removed:
            same = by_hand().filter(sku=terms.sku_id, node=terms.node_id)
            if place == HAND_PRIORITY and terms.sku_id is not None and terms.node_id is not None and same.exists():
                raise Conflict(f"{terms.name}: another safety stock was set by hand meanwhile.")
            saved.append(create_rule(terms=terms, actor=actor, priority=place, user_id=user_id))
        return saved

    return run_atomic(work)


def by_hand() -> QuerySet[BufferRule]:
    """Rules that `set_safety_stock` wrote: for exactly one SKU at one node."""
    return BufferRule.objects.filter(BY_HAND).exclude(note=REMOVED, is_active=False)


def move_rule(*, rule_id: int, way: Literal["up", "down"], actor: str, user_id: int | None = None) -> Applied:
    """Put a rule one place up or down among those that are not set by hand. The first and the last stay."""

    def work() -> Applied:
        rules = lock_buffer_rules(by_hand=False)
        ids = [rule.pk for rule in rules]
        if rule_id not in ids:
            raise NotFound(f"There is no buffer rule {rule_id} that can be moved.")
        here = ids.index(rule_id)
        there = here - 1 if way == "up" else here + 1
        if not 0 <= there < len(ids):
            return Applied(0)
        moved, other = rules[here], rules[there]
        numbers = [rule.priority for rule in rules]
        rules[here], rules[there] = other, moved
        _renumber(rules, numbers, actor)
        return _apply([terms_of(moved), terms_of(other)], "Apply the order of the buffer rules", user_id)

    return run_atomic(work)


def _renumber(rules: Sequence[BufferRule], numbers: Sequence[int], actor: str) -> None:
    """Each place keeps its number, or the next above where two shared one; whoever stands there now gets it."""
    last = -1
    for rule, number in zip(rules, numbers, strict=True):
        last = max(number, last + 1)
        if rule.priority != last:
            BufferRule.objects.filter(pk=rule.pk).update(priority=last, changed_by=actor[:120], changed_at=now())


def preview_rule(*, terms: RuleTerms, rule_id: int | None = None, priority: int | None = None) -> BufferPreview:
    """What saving these terms would change, for a new rule or in place of one. Raises DomainError as saving would."""
    _refuse_bad(terms)
    before = terms_of(_found(rule_id)) if rule_id is not None else None
    place = priority
    if place is None:
        place = _found(rule_id).priority if rule_id is not None else _next_priority()
    row = _columns(terms) | {"id": rule_id if rule_id is not None else UNSAVED, "priority": place}
    return _preview([row] if terms.is_active else [], rule_id, [terms] if before is None else [before, terms])


def preview_removal(rule_id: int) -> BufferPreview:
    """What removing a rule would change. Raises NotFound."""
    return _preview([], rule_id, [terms_of(_found(rule_id))])


def _preview(rows: list[dict[str, Any]], rule_id: int | None, concerned: Sequence[RuleTerms]) -> BufferPreview:
    # A rule that changes sides, from everybody to a channel, is shown for the side it goes to.
    return preview_buffers(
        instead=rows, without=[rule_id] if rule_id is not None else [], channel_code=concerned[-1].channel_code,
        sku_ids=_skus(concerned),
    )  # fmt: skip


def set_safety_stock(*, node_id: int, sku_id: int, quantity: int, actor: str = "") -> None:
    """Units of a SKU that a node keeps back from every promise: a rule for exactly this SKU and node, before others.

    Setting it again changes that rule. Raises BadQuantity.
    """
    if not 0 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(f"{quantity} is not a safety stock.", field="quantity")

    def work() -> None:
        lock_level(sku_id, node_id)  # of two at once the second changes the rule of the first
        values = {"amount": quantity, "is_active": True, "changed_by": actor[:120], "changed_at": now()}
        if not by_hand().filter(sku=sku_id, node=node_id).update(**values):
            sku, node = Sku.objects.get(pk=sku_id), Node.objects.get(pk=node_id)
            BufferRule.objects.create(
                name=f"{sku} at {node}"[:120], priority=HAND_PRIORITY, sku=sku, node=node, note=_HAND_NOTE, **values
            )
        apply_buffers(sku_ids=[sku_id], node_ids=[node_id])

    run_atomic(work)


#: Makes rules out of safety stock that no rule stands behind, and names them at the levels.
ADOPT = f"""
WITH made AS (
    INSERT INTO inventory_bufferrule (name, priority, node_id, node_kind, sku_id, category, brand, velocity,
        channel_code, measure, amount, is_active, note, changed_by, changed_at)
    SELECT left(sku.code || ' at ' || node.code, 120), {HAND_PRIORITY}, node.id, '', sku.id, '', '', '', '', 'units',
        level.safety_stock, true, '{_HAND_NOTE}', '', now()
    FROM inventory_stocklevel level JOIN inventory_sku sku ON sku.id = level.sku_id
    JOIN inventory_node node ON node.id = level.node_id
    WHERE level.safety_stock > 0 AND level.safety_rule_id IS NULL ORDER BY level.id
    RETURNING id, sku_id, node_id
)
UPDATE inventory_stocklevel level SET safety_rule_id = made.id
FROM made WHERE level.sku_id = made.sku_id AND level.node_id = made.node_id
"""  # noqa: S608 - only constants of this module are put in


def adopt_safety_stock() -> int:
    """Make a rule out of every safety stock that was written without one, as bulk loads do; how many."""
    return run_atomic(lambda: execute(ADOPT))


def _columns(terms: RuleTerms) -> dict[str, Any]:
    return asdict(replace(terms, name=terms.name.strip()[:120], note=terms.note[:200]))


def _found(rule_id: int) -> BufferRule:
    rule = BufferRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise NotFound(f"There is no buffer rule {rule_id}.")
    return rule


def _locked(rule_id: int) -> BufferRule:
    found = lock_buffer_rules(ids=[rule_id])
    if not found:
        raise NotFound(f"There is no buffer rule {rule_id}.")
    return found[0]


def _skus(concerned: Sequence[RuleTerms]) -> list[int] | None:
    """The SKUs that the rules are limited to; None where one of them is not."""
    ids = [terms.sku_id for terms in concerned]
    return None if None in ids else sorted({pk for pk in ids if pk is not None})


def _apply(concerned: Sequence[RuleTerms], title: str, user_id: int | None) -> Applied:
    nodes = [terms.node_id for terms in concerned]
    return apply_after_change(
        sku_ids=_skus(concerned), title=title[:200], user_id=user_id,
        node_ids=None if None in nodes else {pk for pk in nodes if pk is not None},
    )  # fmt: skip
