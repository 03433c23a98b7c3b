"""Rules of replenishment: making, changing, ordering and removing them, and what a change of one would suggest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from inventory.errors import BadQuantity
from inventory.locks import lock_replenishment, lock_replenishment_rule
from inventory.models import Node, NodeKind, ReplenishmentRule, Sku
from inventory.selectors.replenishment import active_levels, z_json
from inventory.selectors.replenishment_sql import NARROW, NONE_WAITING, OF_SKUS, WIDE, plan
from oms.core.clock import now
from oms.core.db import bigints, fetch_all, fetch_dicts, run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.json_text import to_json
from oms.core.values import MAX_QUANTITY

FIRST_PRIORITY, STEP, MOST_PRIORITY = 100, 10, 100_000
LEAST_LEVEL, MOST_LEVEL = 5000, 9999
MOST_DAYS = 365
#: Stands for the id of a rule that is not saved yet: among equals it comes last.
UNSAVED = 2**62
#: SKUs that a preview looks at, and of which it names those that change most.
PREVIEW_SKUS, PREVIEW_NAMED = 1000, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplenishmentTerms:
    """Where a rule counts and how stock is kept up there. Empty conditions hold everywhere.

    `service_level_bp` is the share of cycles without running out in basis points. Without `from_node_id` goods are
    bought. Stock is never reordered later than at `least_stock`, and never above `most_stock`.
    """

    name: str
    node_id: int | None = None
    sku_id: int | None = None
    category: str = ""
    service_level_bp: int = 9500
    review_days: int = 7
    from_node_id: int | None = None
    transfer_days: int = 2
    least_stock: int = 0
    most_stock: int | None = None
    is_active: bool = True


def replenishment_terms_of(rule: ReplenishmentRule) -> ReplenishmentTerms:
    """The terms that a rule has now."""
    return ReplenishmentTerms(**{name: getattr(rule, name) for name in ReplenishmentTerms.__dataclass_fields__})


def _refuse_bad(terms: ReplenishmentTerms) -> None:
    if not terms.name.strip():
        raise DomainError("Give the rule a name.", field="name")
    if not LEAST_LEVEL <= terms.service_level_bp <= MOST_LEVEL:
        raise DomainError(
            f"A service level of {terms.service_level_bp / 100:g} % cannot be; expected 50 to 99.99 %.",
            field="service_level_bp",
        )
    for name, low in (("review_days", 1), ("transfer_days", 0)):
        if not low <= getattr(terms, name) <= MOST_DAYS:
            raise DomainError(f"{getattr(terms, name)} days: expected {low} to {MOST_DAYS}.", field=name)
    _refuse_bad_stock(terms)
    if terms.category and not Sku.objects.filter(category=terms.category).exists():
        raise DomainError(f"No SKU has the category {terms.category}.", field="category")
    if terms.sku_id is not None and Sku.objects.filter(pk=terms.sku_id, is_kit=True).exists():
        raise DomainError("A kit is assembled when it is sold: keep up the stock of its components.", field="sku")
    _refuse_bad_nodes(terms)


def _refuse_bad_stock(terms: ReplenishmentTerms) -> None:
    if not 0 <= terms.least_stock <= MAX_QUANTITY:
        raise BadQuantity(f"{terms.least_stock} is not a quantity.", field="least_stock")
    if terms.most_stock is not None and not terms.least_stock <= terms.most_stock <= MAX_QUANTITY:
        raise BadQuantity(
            f"At most {terms.most_stock} units, but never fewer than {terms.least_stock}: that cannot be.",
            field="most_stock",
        )


def _refuse_bad_nodes(terms: ReplenishmentTerms) -> None:
    if terms.from_node_id is not None and terms.from_node_id == terms.node_id:
        raise DomainError("A node cannot be filled from itself. Choose another one.", field="from_node")
    kinds = dict(Node.objects.filter(pk__in=[terms.node_id, terms.from_node_id]).values_list("pk", "kind"))
    for name, pk in (("node", terms.node_id), ("from_node", terms.from_node_id)):
        if pk is None:
            continue
        if pk not in kinds:
            raise NotFound("There is no such node.", field=name)
        if kinds[pk] == NodeKind.SUPPLIER:
            raise DomainError("This node stands for a supplier's own stock, which it keeps up itself.", field=name)


def _priority(priority: int) -> int:
    if not 0 <= priority <= MOST_PRIORITY:
        raise DomainError(f"{priority} is not a place; expected a number from 0 to {MOST_PRIORITY}.", field="priority")
    return priority


def _next_priority() -> int:
    last = ReplenishmentRule.objects.order_by("-priority").values_list("priority", flat=True).first()
    return min(MOST_PRIORITY, max(FIRST_PRIORITY, (last or 0) + STEP))


def _columns(terms: ReplenishmentTerms) -> dict[str, Any]:
    return asdict(terms) | {"name": terms.name.strip()[:120]}


def create_replenishment_rule(
    *, terms: ReplenishmentTerms, actor: str, priority: int | None = None
) -> ReplenishmentRule:
    """Make a rule, by default the last in order. Suggestions follow with the next run."""
    _refuse_bad(terms)

    def work() -> ReplenishmentRule:
        lock_replenishment()  # a run reads the levels of service that there are, and then the rules
        place = _next_priority() if priority is None else _priority(priority)
        return ReplenishmentRule.objects.create(
            **_columns(terms), priority=place, changed_by=actor[:120], changed_at=now()
        )

    return run_atomic(work)


def edit_replenishment_rule(
    *, rule_id: int, terms: ReplenishmentTerms, actor: str, priority: int | None = None,
    seen_at: datetime | None = None,
) -> ReplenishmentRule:  # fmt: skip
    """Change a rule. Raises NotFound, DomainError, and Conflict where it changed since `seen_at`."""
    _refuse_bad(terms)

    def work() -> ReplenishmentRule:
        lock_replenishment()
        rule = lock_replenishment_rule(rule_id)
        if seen_at is not None and rule.changed_at != seen_at:
            raise Conflict(f"{rule.changed_by or 'Somebody'} changed the rule {rule} meanwhile. Look at it again.")
        place = rule.priority if priority is None else _priority(priority)
        changes = _columns(terms) | {"priority": place, "changed_by": actor[:120], "changed_at": now()}
        ReplenishmentRule.objects.filter(pk=rule_id).update(**changes)
        rule.refresh_from_db()
        return rule

    return run_atomic(work)


def delete_replenishment_rule(*, rule_id: int) -> ReplenishmentTerms:
    """Remove a rule; its terms, so that it can be made again. What it suggested goes with the next run."""

    def work() -> ReplenishmentTerms:
        lock_replenishment()  # no run inserts a suggestion that names it
        rule = lock_replenishment_rule(rule_id)
        rule.delete()
        return replenishment_terms_of(rule)

    return run_atomic(work)


def move_replenishment_rule(*, rule_id: int, way: Literal["up", "down"], actor: str) -> None:
    """Put a rule one place up or down. The first and the last stay. Raises NotFound."""

    def work() -> None:
        lock_replenishment()
        rules = list(ReplenishmentRule.objects.order_by("priority", "pk"))
        ids = [rule.pk for rule in rules]
        if rule_id not in ids:
            raise NotFound(f"There is no replenishment rule {rule_id}.")
        here = ids.index(rule_id)
        there = here - 1 if way == "up" else here + 1
        if not 0 <= there < len(rules):
            return
        numbers = [rule.priority for rule in rules]
        rules[here], rules[there] = rules[there], rules[here]
        last = -1
        for rule, number in zip(rules, numbers, strict=True):
            last = max(number, last + 1)
            if rule.priority != last:
                ReplenishmentRule.objects.filter(pk=rule.pk).update(
                    priority=last, changed_by=actor[:120], changed_at=now()
                )

    run_atomic(work)


# -- previews ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """What would be suggested for a SKU at a node, before and after a change. `way` is purchase, transfer or empty."""

    sku_id: int
    code: str
    name: str
    node_code: str
    before: int
    after: int
    way_before: str
    way_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePreview:
    """Suggestions and units before and after a change of rules, over the SKUs looked at, and what changes most."""

    looked_at: int
    of_skus: int
    before: int
    after: int
    units_before: int
    units_after: int
    changed: int
    rows: tuple[PlanChange, ...]


_CHANGES = """
SELECT (SELECT count(*) FROM was) AS before, (SELECT count(*) FROM becomes) AS after,
    (SELECT coalesce(sum(quantity), 0)::bigint FROM was) AS units_before,
    (SELECT coalesce(sum(quantity), 0)::bigint FROM becomes) AS units_after,
    (SELECT count(*) FROM differs) AS changed,
    (SELECT coalesce(json_agg(top), '[]') FROM (
        SELECT d.sku_id, sku.code, sku.name, d.node_code, d.before, d.after, d.way_before, d.way_after
        FROM differs d JOIN inventory_sku sku ON sku.id = d.sku_id
        ORDER BY abs(d.after - d.before) DESC, sku.code, d.node_code LIMIT %(most)s
    ) top) AS rows
"""


def preview_replenishment(
    *, terms: ReplenishmentTerms | None, rule_id: int | None = None, priority: int | None = None,
    waiting: str = NONE_WAITING, node_ids: Sequence[int] | None = None,
) -> RulePreview:  # fmt: skip
    """What would be suggested if these terms were saved, for a new rule or in place of one; None removes the rule.

    Compared with what the rules say now, over the first SKUs that the change concerns, at all nodes or at these.
    Nothing is written. Raises DomainError as saving would, NotFound for a rule that is not there.
    """
    old = _found(rule_id) if rule_id is not None else None
    if terms is not None:
        _refuse_bad(terms)
    place = priority if priority is not None else old.priority if old else _next_priority()
    row = None
    if terms is not None and terms.is_active:
        row = _columns(terms) | {"id": UNSAVED if rule_id is None else rule_id, "priority": place}
        del row["is_active"]
    skus, total = _concerned([each for each in (old and replenishment_terms_of(old), terms) if each])
    levels = [*active_levels(), *([terms.service_level_bp] if terms else [])]
    params = {
        "skus": bigints(skus), "z": z_json(levels), "without": bigints([rule_id] if rule_id is not None else []),
        "instead": to_json([row] if row else []), "most": PREVIEW_NAMED,
        "nodes": None if node_ids is None else bigints(node_ids),
    }  # fmt: skip

    def work() -> dict[str, Any]:
        fetch_all(WIDE)
        compared = fetch_dicts(_comparison(waiting), params)[0]
        fetch_all(NARROW)
        return compared

    found = run_atomic(work)
    rows = found.pop("rows")
    rows = json.loads(rows) if isinstance(rows, str) else rows
    return RulePreview(looked_at=len(skus), of_skus=total, rows=tuple(PlanChange(**each) for each in rows), **found)


def _comparison(waiting: str) -> str:
    chosen = """SELECT sku_id, node_id, node_code, quantity, way FROM chosen
        WHERE %(nodes)s::bigint[] IS NULL OR node_id = ANY(%(nodes)s::bigint[])"""
    return f"""
WITH was AS MATERIALIZED ({plan(of=OF_SKUS, waiting=waiting)} {chosen}),
becomes AS MATERIALIZED ({plan(of=OF_SKUS, waiting=waiting, changed=True)} {chosen}),
differs AS MATERIALIZED (
    SELECT sku_id, node_id, coalesce(was.node_code, becomes.node_code) AS node_code,
        coalesce(was.quantity, 0) AS before, coalesce(becomes.quantity, 0) AS after,
        coalesce(was.way, '') AS way_before, coalesce(becomes.way, '') AS way_after
    FROM was FULL JOIN becomes USING (sku_id, node_id)
    WHERE was.quantity IS DISTINCT FROM becomes.quantity OR was.way IS DISTINCT FROM becomes.way
)
{_CHANGES}"""  # noqa: S608 - constants and a query of the caller's own code


def _concerned(each: Sequence[ReplenishmentTerms]) -> tuple[list[int], int]:
    """Ids of the SKUs that these terms speak of, at most so many, and how many there are."""
    rows = Sku.objects.filter(is_active=True, is_kit=False)
    if each and all(terms.sku_id is not None for terms in each):
        rows = rows.filter(pk__in=[terms.sku_id for terms in each])
    elif each and all(terms.category for terms in each):
        rows = rows.filter(category__in=[terms.category for terms in each])
    return list(rows.order_by("pk").values_list("pk", flat=True)[:PREVIEW_SKUS]), rows.count()


def _found(rule_id: int) -> ReplenishmentRule:
    rule = ReplenishmentRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise NotFound(f"There is no replenishment rule {rule_id}.")
    return rule
