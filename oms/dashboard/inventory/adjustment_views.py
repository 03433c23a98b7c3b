"""Adjustments: asked for, approved by a second person, rejected, withdrawn, taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from fulfillment.selectors.units import units_in_totes
from inventory.models import Node, StockAdjustment, StockAdjustmentState, StockMovement
from inventory.selectors import steps_of
from inventory.services import (
    ADJUSTMENTS,
    COUNTED,
    UNDONE,
    approve_adjustment,
    reason_label,
    refusal_to_undo,
    reject_adjustment,
    undo_adjustment,
    undo_key,
    withdraw_adjustment,
)
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.core.values import major_units
from oms.dashboard.inventory.grid_views import csv_response
from oms.dashboard.photos import photo_response

State = StockAdjustmentState
PAGE_ROWS = 50
MOST_AT_ONCE = 100
TONES = {"waiting": "warn", "posted": "good", "rejected": "off", "withdrawn": "off"}


def adjustments_of(principal: Principal) -> QuerySet[StockAdjustment]:
    """Adjustments at nodes of the person."""
    return in_node_scope(StockAdjustment.objects.all(), principal).select_related("sku", "node", "lot")


def adjustment_for(request: HttpRequest, pk: int) -> StockAdjustment:
    """One adjustment. Raises NotFound."""
    found = adjustments_of(principal_of(request)).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no adjustment {pk}.")
    return found


def effect_of(row: StockAdjustment) -> str:
    """What the reason does to stock, in words."""
    if row.reason in ADJUSTMENTS:
        return ADJUSTMENTS[row.reason].effect
    return _("On hand becomes this number") if row.reason == COUNTED else _("The postings, the other way round")


def _row(row: StockAdjustment, principal: Principal) -> dict[str, Any]:
    own = bool(principal.key) and row.asked_key == principal.key
    waits = row.state == State.WAITING
    return {
        "adjustment": row, "tone": TONES[row.state], "label": reason_label(row.reason), "effect": effect_of(row),
        "may_decide": waits and not own and principal.may("inventory.approve"),
        "may_withdraw": waits and own,
        "may_undo": principal.may("inventory.adjust") and not refusal_to_undo(row, principal.key),
    }  # fmt: skip


@require_safe
@requires("inventory.view")
def adjustments(request: HttpRequest) -> HttpResponse:
    """What people and other systems changed by hand, and what waits for a second person."""
    principal = principal_of(request)
    asked = _asked(request)
    mark = request.GET.get("before", "")
    rows = _shown(principal, asked)
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        rows = rows.filter(pk__lt=int(mark))
    page = list(rows.order_by("-pk")[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    undone = set(
        StockAdjustment.objects.filter(op_key__in=[undo_key(row) for row in page]).values_list("op_key", flat=True)
    )
    shown = [_row(row, principal) for row in page]
    for item in shown:
        item["is_undone"] = undo_key(item["adjustment"]) in undone
        item["may_undo"] = item["may_undo"] and not item["is_undone"]
    waiting = adjustments_of(principal).filter(state=State.WAITING).count()
    context = {
        "rows": shown, "asked": asked, "tabs": _tabs(asked, waiting), "waiting": waiting,
        "nodes": in_node_scope(Node.objects.order_by("code"), principal, "code").values_list("code", "name"),
        "reasons": [(key, effect.label) for key, effect in ADJUSTMENTS.items()]
        + [(COUNTED, reason_label(COUNTED)), (UNDONE, reason_label(UNDONE))],
        "next_url": f"?{urlencode({**asked, 'before': page[-1].pk})}" if more else "",
        "first_url": f"?{urlencode(asked)}" if mark else "", "query": urlencode(asked),
        "may_approve": principal.may("inventory.approve"), "may_export": principal.may("inventory.export"),
        "may_limit": principal.may("inventory.rules"), "any": bool(page) or adjustments_of(principal).exists(),
    }  # fmt: skip
    return render(request, "dashboard/inventory/adjustments/list.html", context)


def _asked(request: HttpRequest) -> dict[str, str]:
    show = request.GET.get("show", "")
    asked = {"show": show if show in ("waiting", "mine", "all") else "all"}
    for name in ("node", "reason", "q"):
        text = request.GET.get(name, "").strip()[:80]
        if text:
            asked[name] = text
    return asked


def _shown(principal: Principal, asked: dict[str, str]) -> QuerySet[StockAdjustment]:
    rows = adjustments_of(principal)
    if node := asked.get("node"):
        rows = rows.filter(node__code=node)
    if reason := asked.get("reason"):
        rows = rows.filter(reason=reason)
    if text := asked.get("q"):
        rows = rows.filter(Q(sku__code__iexact=text) | Q(asked_by__icontains=text) | Q(note__icontains=text))
    if asked["show"] == "waiting":
        return rows.filter(state=State.WAITING)
    return rows.filter(asked_key=principal.key) if asked["show"] == "mine" else rows


def _tabs(asked: dict[str, str], waiting: int) -> list[dict[str, Any]]:
    words = (("all", _("All")), ("waiting", _("To approve")), ("mine", _("Mine")))
    return [
        {"label": label, "url": f"?{urlencode({**asked, 'show': key})}", "active": key == asked["show"],
         "count": waiting if key == "waiting" else "", "tone": "warn" if key == "waiting" and waiting else ""}
        for key, label in words
    ]  # fmt: skip


@require_safe
@requires("inventory.export")
def adjustments_export(request: HttpRequest) -> HttpResponseBase:
    """Everything that the list shows, as CSV."""
    rows = _shown(principal_of(request), _asked(request))

    def parts() -> Iterator[list[str | int]]:
        yield ["Adjustment", "State", "Node", "SKU", "Reason", "Units", "Value", "Lot", "Serial numbers", "Note",
               "Asked by", "Asked at", "Decided by", "Why"]  # fmt: skip
        for row in rows.order_by("-pk").iterator(chunk_size=500):
            yield [f"ADJ-{row.pk}", row.get_state_display(), row.node.code, row.sku.code, reason_label(row.reason),
                   row.quantity, str(major_units(row.value_minor, settings.DEFAULT_CURRENCY)),
                   row.lot.code if row.lot else "", " ".join(row.serials), row.note, row.asked_by,
                   timezone.localtime(row.asked_at).isoformat(timespec="seconds"), row.decided_by,
                   row.decision_note]  # fmt: skip

    return csv_response(parts(), "adjustments")


@require_safe
@requires("inventory.view")
def adjustment(request: HttpRequest, pk: int) -> HttpResponse:
    """One adjustment: what was asked, who decided, what it posted."""
    return _page(request, adjustment_for(request, pk))


def _page(request: HttpRequest, row: StockAdjustment, problem: str = "", status: int = 200) -> HttpResponse:
    principal = principal_of(request)
    undone = StockAdjustment.objects.filter(op_key=undo_key(row)).first()
    item = _row(row, principal)
    postings = StockMovement.objects.filter(
        sku=row.sku, node=row.node, op_key=row.op_key, recorded_at__gte=row.asked_at
    )  # fmt: skip
    context = {
        **item, "undone": undone, "may_undo": item["may_undo"] and undone is None, "problem": problem,
        "why_not": refusal_to_undo(row, principal.key), "postings": list(postings.order_by("leg")[:100]),
        "steps": steps_of("inventory.StockAdjustment", row.pk), "labels": dict(StockAdjustmentState.choices),
        "own": bool(principal.key) and row.asked_key == principal.key,
    }  # fmt: skip
    return render(request, "dashboard/inventory/adjustments/detail.html", context, status=status)


@require_safe
@requires("inventory.view")
def adjustment_photo(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The photo of an adjustment."""
    return photo_response(adjustment_for(request, pk).photo, missing="This adjustment has no photo.")


def _act(request: HttpRequest, row: StockAdjustment, act: Callable[[], StockAdjustment], done: str) -> HttpResponse:
    """Do it once; what is refused is told on the adjustment's page."""
    try:
        once_per_form(request, lambda: {"id": act().pk}, one_action=True)
    except DomainError as error:
        return _page(request, adjustment_for(request, row.pk), error.message, error.http_status)
    messages.success(request, done)
    return HttpResponseRedirect(_back(request, row))


def _back(request: HttpRequest, row: StockAdjustment) -> str:
    """Where the button was: the list, or the adjustment."""
    if request.POST.get("back") == "list":
        return f"{reverse('dashboard:adjustments')}?{urlencode(_asked(request))}"
    return reverse("dashboard:adjustment", args=[row.pk])


@require_POST
@requires("inventory.approve")
def adjustment_approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept and post it."""
    row, principal = adjustment_for(request, pk), principal_of(request)
    note = request.POST.get("note", "").strip()[:200]
    return _act(
        request, row,
        lambda: approve_adjustment(
            adjustment_id=pk, actor=principal.name, actor_key=principal.key, note=note, spoken_for=units_in_totes
        ),
        _("ADJ-%(id)s is approved and posted.") % {"id": pk},
    )  # fmt: skip


@require_POST
@requires("inventory.approve")
def adjustment_reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Say no, and why."""
    row, principal = adjustment_for(request, pk), principal_of(request)
    note = request.POST.get("note", "").strip()[:200]
    return _act(
        request, row,
        lambda: reject_adjustment(adjustment_id=pk, actor=principal.name, actor_key=principal.key, note=note),
        _("ADJ-%(id)s is rejected; no stock changed.") % {"id": pk},
    )  # fmt: skip


@require_POST
@requires("inventory.adjust")
def adjustment_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what waits."""
    row, principal = adjustment_for(request, pk), principal_of(request)
    return _act(
        request, row,
        lambda: withdraw_adjustment(adjustment_id=pk, actor=principal.name, actor_key=principal.key),
        _("ADJ-%(id)s is withdrawn; no stock changed.") % {"id": pk},
    )  # fmt: skip


@require_POST
@requires("inventory.adjust")
def adjustment_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Post it backwards."""
    row, principal = adjustment_for(request, pk), principal_of(request)
    return _act(
        request, row,
        lambda: undo_adjustment(
            adjustment_id=pk, actor=principal.name, actor_key=principal.key, spoken_for=units_in_totes
        ),
        _("ADJ-%(id)s is taken back: stock is as it was before it.") % {"id": pk},
    )  # fmt: skip


@require_POST
@requires("inventory.approve")
def adjustments_approve(request: HttpRequest) -> HttpResponse:
    """Accept the chosen ones, each for itself: one that no longer fits stops no other."""
    principal = principal_of(request)
    ids = [int(text) for text in request.POST.getlist("ids")[:MOST_AT_ONCE] if text.isascii() and text.isdecimal()]
    done, refused = 0, []
    for row in adjustments_of(principal).filter(pk__in=ids, state=State.WAITING).order_by("pk"):
        try:
            approve_adjustment(adjustment_id=row.pk, actor=principal.name, actor_key=principal.key,
                               spoken_for=units_in_totes)  # fmt: skip
        except DomainError as error:
            refused.append(f"ADJ-{row.pk}: {error.message}")
        else:
            done += 1
    if done:
        text = ngettext("%(n)d adjustment approved and posted.", "%(n)d adjustments approved and posted.", done)
        messages.success(request, text % {"n": done})
    for text in refused[:5]:
        messages.error(request, text)
    return HttpResponseRedirect(f"{reverse('dashboard:adjustments')}?{urlencode(_asked(request))}")
