"""Replenishment over the API: suggestions with the sum behind each, decisions about them, and their rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from inventory.models import Node, ReplenishmentRule, ReplenishmentSuggestion, Sku, SuggestionState
from inventory.selectors.replenishment import SuggestionFilter, query_suggestions
from inventory.services.replenishing import start_replenishing
from inventory.services.replenishment_rules import (
    ReplenishmentTerms,
    create_replenishment_rule,
    delete_replenishment_rule,
    edit_replenishment_rule,
    move_replenishment_rule,
    preview_replenishment,
)
from inventory.services.suggestions import (
    Accepting,
    Decided,
    accept_suggestions,
    dismiss_suggestions,
    undo_decision,
)
from oms.accounts.access import Principal, in_node_scope
from oms.api.gate import ErrorOut, idempotent, need, node_named
from oms.core.errors import DomainError, Forbidden, NotFound
from oms.reporting.replenishment_words import sum_in_words
from oms.reporting.waiting_units import WAITING_SQL

router = Router(tags=["replenishment"])
REFUSALS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
Short = Annotated[str, StringConstraints(max_length=120)]
TITLE = "Work out what to order"


class AcceptedIn(Schema):
    """A suggestion; without a quantity as it was suggested."""

    id: int
    quantity: int | None = None


class AcceptIn(Schema):
    """Suggestions that are to become drafts."""

    suggestions: list[AcceptedIn]


class DismissIn(Schema):
    """Suggestions that are to sleep for `days`, and why."""

    suggestions: list[int]
    reason: Annotated[str, StringConstraints(max_length=200)]
    days: int = 14


class UndoIn(Schema):
    """Suggestions whose decision is to be taken back."""

    suggestions: list[int]


class KeepingIn(Schema):
    """A rule. Conditions that are left out hold everywhere; without `from_node` goods are bought.

    `service_level_bp` is in basis points: 9500 is 95 %. `priority` left out: the last place of a new rule, the place it
    has of one that is there. `seen_at` is the `changed_at` that the caller saw: where the rule was changed since, the
    change is refused.
    """

    name: Short
    node: str = ""
    sku: str = ""
    category: Short = ""
    service_level_bp: int = 9500
    review_days: int = 7
    from_node: str = ""
    transfer_days: int = 2
    least_stock: int = 0
    most_stock: int | None = None
    is_active: bool = True
    priority: int | None = None
    seen_at: datetime | None = None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def suggestion_out(row: ReplenishmentSuggestion) -> dict[str, Any]:
    """A suggestion as the API shows it: its figures, and the sum as a sentence."""
    document = row.purchase_order or row.transfer
    return {
        "id": row.pk, "state": row.state, "sku": row.sku.code, "node": row.node.code,
        "supplier": row.supplier.code if row.supplier else "", "from_node": row.from_node.code if row.from_node else "",
        "way": "transfer" if row.from_node_id else "purchase" if row.supplier_id else "unknown",
        "quantity": row.quantity, "suggested": row.sums.get("quantity", row.quantity), "cover_days": row.cover_days,
        "lead_days": row.sums.get("lead_days"), "urgent": row.slack_days < 0,
        "sum": sum_in_words(row.sums, to_whom=row.supplier.name if row.supplier else ""), "figures": row.sums,
        "draft": document.number if document else "", "decided_by": row.decided_by, "reason": row.reason,
        "decided_at": _text(row.decided_at), "snoozed_until": _text(row.snoozed_until),
        "updated_at": _text(row.updated_at),
    }  # fmt: skip


def _decided(decided: Decided, refused: dict[int, str]) -> dict[str, Any]:
    """What came of a decision: ids that were moved, drafts, and a sentence for each that was not."""
    return {
        "done": decided.done,
        "drafts": [
            {"kind": row.kind, "id": row.id, "number": row.number, "suggestions": list(row.suggestion_ids)}
            for row in decided.drafts
        ],
        "refused": {str(pk): text for pk, text in sorted((decided.refused | refused).items())},
    }


def _allowed(principal: Principal, ids: Sequence[int]) -> tuple[list[int], dict[int, str]]:
    """Ids that the caller may decide about, and why not the others. Raises NotFound for one out of scope."""
    rows = in_node_scope(ReplenishmentSuggestion.objects.filter(pk__in=ids), principal)
    found = dict(rows.values_list("pk", "from_node_id"))
    missing = sorted(set(ids) - set(found))
    if missing:
        raise NotFound(f"There is no suggestion {missing[0]}.", field="suggestions")
    buys = principal.may("inventory.buy")
    mine = [pk for pk in ids if buys or found[pk] is not None]
    return mine, dict.fromkeys(set(ids) - set(mine), "Buying is for those who may buy.")


@router.get("/replenishment/suggestions", summary="Suggestions", response={200: dict[str, Any], **REFUSALS})
def suggestions(
    request: HttpRequest, state: str = "open", node: str = "", supplier: str = "", category: str = "", way: str = "",
    urgent: bool = False, sku: str = "", after: str = "", limit: int = 100,
) -> Any:  # fmt: skip
    """Suggestions in scope, those that run out first before the others; `after` pages by the `next` before.

    `way` is purchase, transfer or unknown; `sku` the start of a code or part of a name.
    """
    principal = need(request, "inventory.view")
    if state not in SuggestionState.values:
        raise DomainError(f"{state!r} is not a state of a suggestion.", field="state")
    only = SuggestionFilter(
        state=state, node=node, supplier=supplier, category=category, way=way, urgent=urgent, text=sku
    )
    found = in_node_scope(query_suggestions(only), principal)
    if after:
        slack, pk = _mark(after)
        found = found.filter(Q(slack_days__gt=slack) | Q(slack_days=slack, pk__gt=pk))
    size = max(1, min(limit, 500))
    rows = list(found[:size])
    last = rows[-1] if len(rows) == size else None
    return {
        "suggestions": [suggestion_out(row) for row in rows],
        "next": f"{last.slack_days!r}_{last.pk}" if last else None,
    }


def _mark(text: str) -> tuple[float, int]:
    first, _sign, last = text.partition("_")
    try:
        return float(first), int(last)
    except ValueError:
        raise DomainError(f"{text[:40]!r} is not the `next` of a page.", field="after") from None


@router.get(
    "/replenishment/suggestions/{suggestion_id}", summary="One suggestion", response={200: dict[str, Any], **REFUSALS}
)
def one(request: HttpRequest, suggestion_id: int) -> Any:
    """A suggestion in scope."""
    principal = need(request, "inventory.view")
    rows = ReplenishmentSuggestion.objects.select_related("sku", "node", "supplier", "from_node", "purchase_order",
                                                          "transfer")  # fmt: skip
    row = in_node_scope(rows, principal).filter(pk=suggestion_id).first()
    if row is None:
        raise NotFound(f"There is no suggestion {suggestion_id}.")
    return suggestion_out(row)


@router.post("/replenishment/accept", summary="Accept suggestions", response={200: dict[str, Any], **REFUSALS})
@idempotent
def accept(request: HttpRequest, body: AcceptIn) -> tuple[int, Any]:
    """Draft purchase orders per supplier and node and transfers per pair of nodes. What was decided is refused."""
    principal = need(request, "inventory.move")
    wanted = {item.id: item.quantity for item in body.suggestions}
    if len(wanted) != len(body.suggestions):
        raise DomainError("Name each suggestion once.", field="suggestions")
    mine, refused = _allowed(principal, list(wanted))
    decided = Decided()
    if mine or not refused:
        decided = accept_suggestions(items=[Accepting(pk, wanted[pk]) for pk in mine], actor=principal.name)
    return 200, _decided(decided, refused)


@router.post("/replenishment/dismiss", summary="Dismiss suggestions", response={200: dict[str, Any], **REFUSALS})
@idempotent
def dismiss(request: HttpRequest, body: DismissIn) -> tuple[int, Any]:
    """Suggest nothing for these SKUs at their nodes for so many days."""
    principal = need(request, "inventory.move")
    mine, refused = _allowed(principal, list(dict.fromkeys(body.suggestions)))
    decided = Decided()
    if mine or not refused:
        decided = dismiss_suggestions(
            suggestion_ids=mine, reason=body.reason, days=body.days, actor=principal.name
        )  # fmt: skip
    return 200, _decided(decided, refused)


@router.post("/replenishment/undo", summary="Take decisions back", response={200: dict[str, Any], **REFUSALS})
@idempotent
def undo(request: HttpRequest, body: UndoIn) -> tuple[int, Any]:
    """Cancel drafts that nobody touched, wake what slept: the suggestions are open again."""
    principal = need(request, "inventory.move")
    mine, refused = _allowed(principal, list(dict.fromkeys(body.suggestions)))
    decided = Decided()
    if mine or not refused:
        decided = undo_decision(suggestion_ids=mine, actor=principal.name)
    return 200, _decided(decided, refused)


@router.post("/replenishment/run", summary="Work out suggestions", response={202: dict[str, Any], **REFUSALS})
@idempotent
def run(request: HttpRequest) -> tuple[int, Any]:
    """Queue the job that works out demand rates and then all suggestions."""
    principal = need(request, "inventory.buy")
    job = start_replenishing(title=TITLE, user_id=principal.user.pk if principal.user else None)
    return 202, {"job": str(job.uid)}


# -- rules -------------------------------------------------------------------------------------------------------------


def _rules(principal: Principal) -> QuerySet[ReplenishmentRule]:
    """Rules of nodes in scope, and those of none in particular."""
    rows = ReplenishmentRule.objects.select_related("node", "sku", "from_node")
    if principal.all_nodes:
        return rows
    return rows.filter(Q(node__isnull=True) | Q(node__code__in=sorted(principal.node_codes)))


def _rule(principal: Principal, rule_id: int, *, to_change: bool = True) -> ReplenishmentRule:
    """A rule in scope; to change one, it must be of a node of the caller's. Raises NotFound."""
    rule = _rules(principal).filter(pk=rule_id).first()
    if rule is None or (to_change and rule.node_id is None and not principal.all_nodes):
        raise NotFound(f"There is no replenishment rule {rule_id}.")
    return rule


def _terms(principal: Principal, body: KeepingIn) -> ReplenishmentTerms:
    """The body as terms. Raises DomainError or NotFound naming the field that means nothing."""
    if not body.node and not principal.all_nodes:
        raise DomainError("Name one of your nodes: a rule for all nodes is for callers of all nodes.", field="node")
    plain = body.dict(exclude={"node", "sku", "from_node", "priority", "seen_at"})
    return ReplenishmentTerms(
        **plain, node_id=node_named(principal, body.node).pk if body.node else None,
        sku_id=_named(Sku.objects.filter(code=body.sku), body.sku, "sku"),
        from_node_id=_named(Node.objects.filter(code=body.from_node), body.from_node, "from_node"),
    )  # fmt: skip


def _named(found: QuerySet[Any], code: str, field: str) -> int | None:
    if not code:
        return None
    pk = found.values_list("pk", flat=True).first()
    if pk is None:
        raise NotFound(f"There is no {field.replace('_', ' ')} {code}.", field=field)
    return int(pk)


def rule_out(rule: ReplenishmentRule) -> dict[str, Any]:
    """A rule as the API shows it."""
    plain = ("id", "name", "priority", "category", "service_level_bp", "review_days", "transfer_days", "least_stock",
             "most_stock", "is_active", "changed_by")  # fmt: skip
    return {name: getattr(rule, name) for name in plain} | {
        "node": rule.node.code if rule.node else "", "sku": rule.sku.code if rule.sku else "",
        "from_node": rule.from_node.code if rule.from_node else "", "changed_at": rule.changed_at.isoformat(),
    }  # fmt: skip


@router.get("/replenishment/rules", summary="Replenishment rules", response={200: dict[str, Any]})
def rules(request: HttpRequest, after: int = 0, limit: int = 100) -> Any:
    """The rules in scope by id; `after` pages by the `next` of the page before. `priority` is their order."""
    principal = need(request, "inventory.view")
    size = max(1, min(limit, 500))
    rows = list(_rules(principal).filter(pk__gt=after).order_by("pk")[:size])
    return {"rules": [rule_out(row) for row in rows], "next": rows[-1].pk if len(rows) == size else None}


@router.post("/replenishment/rules", summary="Make a rule", response={201: dict[str, Any], **REFUSALS})
@idempotent
def create(request: HttpRequest, body: KeepingIn) -> tuple[int, Any]:
    """Make a rule; suggestions follow with a job."""
    principal = need(request, "inventory.rules")
    made = create_replenishment_rule(terms=_terms(principal, body), actor=principal.name, priority=body.priority)
    start_replenishing(title=TITLE, rates=False)
    return 201, rule_out(_rule(principal, made.pk))


@router.post("/replenishment/rules/preview", summary="What a rule suggests", response={200: dict[str, Any], **REFUSALS})
def preview(request: HttpRequest, body: KeepingIn, rule: int | None = None) -> Any:
    """Suggestions before and after if the rule were saved, as a new one or in place of `rule`. Writes nothing."""
    principal = need(request, "inventory.rules")
    if rule is not None:
        _rule(principal, rule)
    nodes = None
    if not principal.all_nodes:
        nodes = list(Node.objects.filter(code__in=sorted(principal.node_codes)).values_list("pk", flat=True))
    found = preview_replenishment(
        terms=_terms(principal, body), rule_id=rule, priority=body.priority, waiting=WAITING_SQL, node_ids=nodes
    )
    return asdict(found)


@router.get("/replenishment/rules/{rule_id}", summary="One rule", response={200: dict[str, Any], **REFUSALS})
def one_rule(request: HttpRequest, rule_id: int) -> Any:
    """A rule in scope."""
    return rule_out(_rule(need(request, "inventory.view"), rule_id, to_change=False))


@router.put("/replenishment/rules/{rule_id}", summary="Change a rule", response={200: dict[str, Any], **REFUSALS})
@idempotent
def change(request: HttpRequest, rule_id: int, body: KeepingIn) -> tuple[int, Any]:
    """Change a rule as a whole; suggestions follow with a job."""
    principal = need(request, "inventory.rules")
    _rule(principal, rule_id)
    edit_replenishment_rule(rule_id=rule_id, terms=_terms(principal, body), actor=principal.name,
                            priority=body.priority, seen_at=body.seen_at)  # fmt: skip
    start_replenishing(title=TITLE, rates=False)
    return 200, rule_out(_rule(principal, rule_id))


@router.delete("/replenishment/rules/{rule_id}", summary="Remove a rule", response={200: dict[str, Any], **REFUSALS})
@idempotent
def remove(request: HttpRequest, rule_id: int) -> tuple[int, Any]:
    """Remove a rule; what it suggested follows the rules after it."""
    principal = need(request, "inventory.rules")
    rule = _rule(principal, rule_id)
    delete_replenishment_rule(rule_id=rule_id)
    start_replenishing(title=TITLE, rates=False)
    return 200, rule_out(rule) | {"id": rule_id}


@router.post("/replenishment/rules/{rule_id}/move", summary="Move a rule", response={200: dict[str, Any], **REFUSALS})
@idempotent
def move(request: HttpRequest, rule_id: int, way: str) -> tuple[int, Any]:
    """One place `up` or `down` in the order of the rules."""
    principal = need(request, "inventory.rules")
    _rule(principal, rule_id)
    if not principal.all_nodes:
        raise Forbidden("The order of the rules counts at all nodes: callers of all nodes set it.")
    if way not in ("up", "down"):
        raise DomainError(f"{way!r} is not a way: up or down.", field="way")
    move_replenishment_rule(rule_id=rule_id, way="up" if way == "up" else "down", actor=principal.name)
    start_replenishing(title=TITLE, rates=False)
    return 200, rule_out(_rule(principal, rule_id))
