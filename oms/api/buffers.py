"""Buffer rules over the API, and what a change of one would do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from inventory import services
from inventory.models import BufferRule, NodeGroup, Sku
from inventory.selectors.buffers import Kept, kept_by, query_buffer_rules
from inventory.services import Applied, BufferPreview, RuleTerms
from oms.accounts.access import Principal
from oms.api.gate import ErrorOut, idempotent, need, node_named
from oms.core.errors import DomainError, Forbidden, NotFound
from orders.models import SalesChannel

router = Router(tags=["buffers"])
REFUSALS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
Short = Annotated[str, StringConstraints(max_length=120)]


class RuleIn(Schema):
    """A rule. Conditions that are left out hold everywhere; `measure` is units, days or percent.

    `priority` left out: the last place of a new rule, the place it has of one that is there. `seen_at` is the
    `changed_at` that the caller saw: where the rule was changed since, the change is refused.
    """

    name: Short
    measure: str = "units"
    amount: int
    priority: int | None = None
    node: str = ""
    node_kind: str = ""
    group: str = ""
    sku: str = ""
    category: Short = ""
    brand: Short = ""
    velocity: str = ""
    channel: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_active: bool = True
    note: Annotated[str, StringConstraints(max_length=200)] = ""
    seen_at: datetime | None = None


def _rules(principal: Principal) -> QuerySet[BufferRule]:
    """Rules of nodes and channels in scope, and those of none in particular."""
    rows = query_buffer_rules() | query_buffer_rules(by_hand=True)
    if not principal.all_nodes:
        rows = rows.filter(Q(node__isnull=True) | Q(node__code__in=sorted(principal.node_codes)))
    if not principal.all_channels:
        rows = rows.filter(Q(channel_code="") | Q(channel_code__in=sorted(principal.channel_codes)))
    return rows


def _rule(principal: Principal, rule_id: int) -> BufferRule:
    """A rule that the caller may change. Raises NotFound."""
    rule = _rules(principal).filter(pk=rule_id).first()
    if rule is None or (rule.node_id is None and not principal.all_nodes):
        raise NotFound(f"There is no buffer rule {rule_id}.")
    return rule


def _terms(principal: Principal, body: RuleIn) -> RuleTerms:
    """The body as terms. Raises DomainError or NotFound naming the field that means nothing."""
    if not body.node and not principal.all_nodes:
        raise DomainError("Name one of your nodes: a rule for all nodes is for callers of all nodes.", field="node")
    plain = body.dict(exclude={"node", "group", "sku", "channel", "priority", "seen_at"})
    return RuleTerms(
        **plain, node_id=node_named(principal, body.node).pk if body.node else None,
        group_id=_named(NodeGroup.objects.filter(code=body.group), body.group, "group"),
        sku_id=_named(Sku.objects.filter(code=body.sku), body.sku, "sku"),
        channel_code=_channel(principal, body.channel),
    )  # fmt: skip


def _named(found: QuerySet[Any], code: str, field: str) -> int | None:
    if not code:
        return None
    pk = found.values_list("pk", flat=True).first()
    if pk is None:
        raise NotFound(f"There is no {field} {code}.", field=field)
    return int(pk)


def _channel(principal: Principal, code: str) -> str:
    if code and not (principal.sees_channel(code) and SalesChannel.objects.filter(code=code).exists()):
        raise NotFound(f"There is no channel {code}.", field="channel")
    return code


def rule_out(rule: BufferRule, kept: Kept) -> dict[str, Any]:
    """A rule as the API shows it, with what it keeps back now."""
    plain = ("id", "name", "priority", "measure", "amount", "node_kind", "category", "brand", "velocity", "starts_at",
             "ends_at", "is_active", "note", "changed_by", "changed_at")  # fmt: skip
    values = {name: getattr(rule, name) for name in plain}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()} | {
        "node": rule.node.code if rule.node else "", "group": rule.group.code if rule.group else "",
        "sku": rule.sku.code if rule.sku else "", "channel": rule.channel_code, "keeps": asdict(kept),
    }  # fmt: skip


def _applied(applied: Applied) -> dict[str, Any]:
    """Levels that changed, or the job that will change them."""
    return {"changed": applied.changed, "job": str(applied.job.uid) if applied.job else None}


def _preview_out(preview: BufferPreview) -> dict[str, Any]:
    return asdict(preview)


@router.get("/buffers", summary="Buffer rules", response={200: dict[str, Any]})
def buffers(request: HttpRequest, after: int = 0, limit: int = 100) -> Any:
    """The rules in scope by id; `after` pages by the `next` of the page before. `priority` is their order."""
    principal = need(request, "inventory.view")
    size = max(1, min(limit, 500))
    rules = list(_rules(principal).filter(pk__gt=after).order_by("pk")[:size])
    kept = kept_by([rule.pk for rule in rules])
    return {
        "buffers": [rule_out(rule, kept.get(rule.pk, Kept())) for rule in rules],
        "next": rules[-1].pk if len(rules) == size else None,
    }


@router.post("/buffers", summary="Make a buffer rule", response={201: dict[str, Any], **REFUSALS})
@idempotent
def create(request: HttpRequest, body: RuleIn) -> tuple[int, Any]:
    """Make a rule and apply it, at once or by a job."""
    principal = need(request, "inventory.rules")
    saved = services.create_rule(terms=_terms(principal, body), actor=principal.name, priority=body.priority)
    rule = _rule(principal, saved.rule.pk)
    return 201, rule_out(rule, kept_by([rule.pk]).get(rule.pk, Kept())) | {"applied": _applied(saved.applied)}


@router.post("/buffers/preview", summary="What a rule would do", response={200: dict[str, Any], **REFUSALS})
def preview(request: HttpRequest, body: RuleIn, rule: int | None = None) -> Any:
    """Units hidden and freed if the rule were saved, as a new one or in place of `rule`. Writes nothing."""
    principal = need(request, "inventory.rules")
    if rule is not None:
        _rule(principal, rule)
    found = services.preview_rule(terms=_terms(principal, body), rule_id=rule, priority=body.priority)
    return _preview_out(found)


@router.get("/buffers/{rule_id}", summary="One buffer rule", response={200: dict[str, Any], **REFUSALS})
def one(request: HttpRequest, rule_id: int) -> Any:
    """A rule in scope."""
    principal = need(request, "inventory.view")
    rule = _rules(principal).filter(pk=rule_id).first()
    if rule is None:
        raise NotFound(f"There is no buffer rule {rule_id}.")
    return rule_out(rule, kept_by([rule_id]).get(rule_id, Kept()))


@router.put("/buffers/{rule_id}", summary="Change a buffer rule", response={200: dict[str, Any], **REFUSALS})
@idempotent
def change(request: HttpRequest, rule_id: int, body: RuleIn) -> tuple[int, Any]:
    """Change a rule as a whole and apply it."""
    principal = need(request, "inventory.rules")
    _rule(principal, rule_id)
    saved = services.edit_rule(rule_id=rule_id, terms=_terms(principal, body), actor=principal.name,
                               priority=body.priority, seen_at=body.seen_at)  # fmt: skip
    rule = _rule(principal, saved.rule.pk)
    return 200, rule_out(rule, kept_by([rule_id]).get(rule_id, Kept())) | {"applied": _applied(saved.applied)}


@router.delete("/buffers/{rule_id}", summary="Remove a buffer rule", response={200: dict[str, Any], **REFUSALS})
@idempotent
def remove(request: HttpRequest, rule_id: int) -> tuple[int, Any]:
    """Remove a rule; its levels follow the rules after it."""
    principal = need(request, "inventory.rules")
    _rule(principal, rule_id)
    return 200, {"applied": _applied(services.delete_rule(rule_id=rule_id, actor=principal.name))}


@router.post("/buffers/{rule_id}/move", summary="Move a buffer rule", response={200: dict[str, Any], **REFUSALS})
@idempotent
def move(request: HttpRequest, rule_id: int, way: str) -> tuple[int, Any]:
    """One place `up` or `down` in the order of the rules."""
    principal = need(request, "inventory.rules")
    _rule(principal, rule_id)
    if not principal.all_nodes:
        raise Forbidden("The order of the rules counts at all nodes: callers of all nodes set it.")
    if way not in ("up", "down"):
        raise DomainError(f"{way!r} is not a way: up or down.", field="way")
    applied = services.move_rule(rule_id=rule_id, way="up" if way == "up" else "down", actor=principal.name)
    return 200, {"applied": _applied(applied)}
