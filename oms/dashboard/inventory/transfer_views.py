"""Transfers: the list, one transfer, drafting, changing, confirming, cancelling, its paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inventory.models import Node, StockMovement, StockMovementReason, Transfer, TransferState
from inventory.selectors import (
    OPEN_TRANSFERS,
    atp_at,
    lines_of_transfer,
    steps_of,
    with_differences,
    with_units,
)
from inventory.services import (
    StockLine,
    cancel_transfer,
    confirm_transfer,
    draft_transfer,
    edit_transfer,
    lots_in_transit,
    serials_in_transit,
)
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.inventory.grid_views import csv_response
from oms.dashboard.inventory.transfer_access import (
    ICONS,
    TONES,
    allowed_steps,
    page_of,
    require_end,
    transfer_for,
    transfers_of,
)
from oms.dashboard.inventory.transfer_forms import TransferForm
from oms.dashboard.inventory.transfer_paper import transfer_note_pdf

State = TransferState
PAGE_ROWS = 50
MOST_AT_ONCE = 100


@require_safe
@requires("inventory.view")
def transfers(request: HttpRequest) -> HttpResponse:
    """What is on its way between nodes, and what did not come."""
    principal = principal_of(request)
    asked = _asked(request)
    mark = request.GET.get("before", "")
    rows = _shown(principal, asked)
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        rows = rows.filter(pk__lt=int(mark))
    page = list(with_units(rows).order_by("-pk")[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    today = timezone.localdate()
    context = {
        "rows": [
            {"transfer": row, "tone": TONES[row.state], "icon": ICONS.get(row.state, ""),
             "may_confirm": row.state == State.DRAFT,
             "late": row.state == State.SHIPPED and row.expected_on is not None and row.expected_on < today}
            for row in page
        ],
        "tabs": _tabs(principal, asked), "asked": asked, "nodes": _node_choices(principal),
        "next_url": f"?{urlencode({**asked, 'before': page[-1].pk})}" if more else "",
        "first_url": f"?{urlencode(asked)}" if mark else "", "export_query": urlencode(asked),
        "may_move": principal.may("inventory.move"), "may_export": principal.may("inventory.export"),
        "any": bool(page) or transfers_of(principal).exists(),
    }  # fmt: skip
    return render(request, "dashboard/inventory/transfers/list.html", context)


def _asked(request: HttpRequest) -> dict[str, str]:
    """The filter in the address; only what is set."""
    show = request.GET.get("show", "open")
    asked = {"show": show if show in ("open", "differences", "done", "all") else "open"}
    for name in ("node", "q"):
        text = request.GET.get(name, "").strip()[:80]
        if text:
            asked[name] = text
    return asked


def _shown(principal: Principal, asked: dict[str, str]) -> QuerySet[Transfer]:
    rows = transfers_of(principal)
    if node := asked.get("node"):
        rows = rows.filter(Q(from_node__code=node) | Q(to_node__code=node))
    if text := asked.get("q"):
        of_sku = Transfer.objects.filter(lines__sku__code__iexact=text).values("pk")
        rows = rows.filter(Q(number__istartswith=text) | Q(awb__iexact=text) | Q(pk__in=of_sku))
    if asked["show"] == "open":
        return rows.filter(state__in=OPEN_TRANSFERS)
    if asked["show"] == "differences":
        return with_differences(rows, timezone.localdate())
    return rows.exclude(state__in=OPEN_TRANSFERS) if asked["show"] == "done" else rows


def _tabs(principal: Principal, asked: dict[str, str]) -> list[dict[str, Any]]:
    words = (("open", _("Open")), ("differences", _("Differences")), ("done", _("Done")), ("all", _("All")))
    open_ones = transfers_of(principal).filter(state__in=OPEN_TRANSFERS).aggregate(n=Count("pk"))["n"]
    counts = {"open": open_ones, "differences": with_differences(transfers_of(principal), timezone.localdate()).count()}
    return [
        {"label": label, "url": f"?{urlencode({**asked, 'show': key})}", "active": key == asked["show"],
         "count": counts.get(key, ""), "tone": "warn" if key == "differences" and counts[key] else ""}
        for key, label in words
    ]  # fmt: skip


def _node_choices(principal: Principal) -> list[tuple[str, str]]:
    return list(in_node_scope(Node.objects.order_by("code"), principal, "code").values_list("code", "name"))


@require_safe
@requires("inventory.export")
def transfers_export(request: HttpRequest) -> HttpResponseBase:
    """The lines of every transfer that the list shows, as CSV."""
    rows = _shown(principal_of(request), _asked(request))

    def parts() -> Iterator[list[str | int]]:
        yield ["Transfer", "State", "From", "To", "Expected", "SKU", "Wanted", "Picked", "Shipped", "In transit",
               "Received", "Damaged", "Missing", "Over"]  # fmt: skip
        found = rows.select_related("from_node", "to_node").prefetch_related("lines__sku").order_by("-pk")
        for row in found.iterator(chunk_size=200):
            for line in row.lines.all():
                yield [row.number, row.get_state_display(), row.from_node.code, row.to_node.code,
                       row.expected_on.isoformat() if row.expected_on else "", line.sku.code, line.quantity,
                       line.picked_quantity, line.shipped_quantity, line.in_transit_quantity, line.received_quantity,
                       line.damaged_quantity, line.missing_quantity, line.over_quantity]  # fmt: skip

    return csv_response(parts(), "transfers")


@require_safe
@requires("inventory.view")
def transfer(request: HttpRequest, number: str) -> HttpResponse:
    """One transfer: what was wanted, what left, what came, and every step of it."""
    found = transfer_for(request, number)
    return transfer_page(request, found)


def transfer_page(request: HttpRequest, found: Transfer, problem: str = "", status: int = 200) -> HttpResponse:
    """The page of a transfer, also with what was refused."""
    principal = principal_of(request)
    lines = lines_of_transfer(found)
    sku_ids = [line.sku_id for line in lines]
    atp: dict[int, int] = {}
    if found.state == State.DRAFT and principal.sees_node(found.from_node.code):
        atp = atp_at(found.from_node_id, sku_ids)
    lots, serials = _on_road(found, sku_ids)
    context = {
        "transfer": found, "tone": TONES[found.state], "icon": ICONS.get(found.state, ""), "problem": problem,
        "lines": [
            {"line": line, "atp": atp.get(line.sku_id, 0), "short": line.quantity > atp.get(line.sku_id, 0),
             "lots": lots.get(line.sku_id, []), "serials": list(serials.get(line.sku_id, {}))}
            for line in lines
        ],
        "shows_atp": found.state == State.DRAFT and principal.sees_node(found.from_node.code),
        "on_road": found.shipped_at is not None,
        "in_transit": sum(line.in_transit_quantity for line in lines),
        "history": _history(found), "postings": _postings(found, sku_ids), **allowed_steps(principal, found),
    }  # fmt: skip
    return render(request, "dashboard/inventory/transfers/detail.html", context, status=status)


def _on_road(found: Transfer, sku_ids: Sequence[int]) -> tuple[dict[int, Any], dict[int, Any]]:
    if found.state not in (State.SHIPPED, State.RECEIVED):
        return {}, {}
    return lots_in_transit(found, sku_ids), serials_in_transit(found, sku_ids)


def _history(found: Transfer) -> list[dict[str, Any]]:
    """Every step with who took it, newest first; the draft is the first."""
    labels = dict(TransferState.choices)
    rows = [
        {"at": row.at, "actor": row.actor, "what": labels.get(row.to_state, row.to_state), "text": row.reason,
         "tone": TONES.get(row.to_state, "neutral")}
        for row in steps_of("inventory.Transfer", found.pk)
    ]  # fmt: skip
    drafted = {"at": found.created_at, "actor": found.created_by, "what": labels[State.DRAFT], "text": "",
               "tone": "neutral"}  # fmt: skip
    return [*rows, drafted]


def _postings(found: Transfer, sku_ids: Sequence[int]) -> list[dict[str, Any]]:
    """What the transfer did to the ledger, newest first."""
    rows = StockMovement.objects.filter(
        sku__in=sku_ids, node__in=(found.from_node_id, found.to_node_id), reference=found.number,
        recorded_at__gte=found.created_at,
    ).select_related("sku", "node")  # fmt: skip
    reasons = dict(StockMovementReason.choices)
    return [
        {"row": row, "reason": reasons.get(row.reason, row.reason),
         "way": f"{row.get_from_bucket_display().lower()} → {row.get_to_bucket_display().lower()}"}
        for row in rows.order_by("-pk")[:100]
    ]  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.move")
def transfer_new(request: HttpRequest) -> HttpResponse:
    """Draft a transfer. Nothing is reserved before it is confirmed."""
    initial = {"from_node": request.GET.get("from", ""), "to_node": request.GET.get("to", ""),
               "lines": request.GET.get("lines", "")[:2000]}  # fmt: skip
    form = _form(request, initial)
    if request.method == "POST" and form.is_valid():
        name = principal_of(request).name
        try:
            number = once_per_form(
                request, lambda: {"number": draft_transfer(actor=name, **_content(form)).number}, one_action=True
            )["number"]
        except DomainError as error:
            _blame(form, error)
        else:
            messages.success(request, _("%(number)s is drafted. Confirm it to reserve the units.") % {"number": number})
            return HttpResponseRedirect(page_of(Transfer(number=number)))
    return _form_page(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.move")
def transfer_edit(request: HttpRequest, number: str) -> HttpResponse:
    """Change a draft."""
    found = transfer_for(request, number)
    if found.state != State.DRAFT:
        return transfer_page(request, found, _("Only a draft can be changed. Cancel it and draft anew."), 409)
    text = "\n".join(f"{line.sku.code} {line.quantity}" for line in lines_of_transfer(found))
    initial = {"from_node": found.from_node.code, "to_node": found.to_node.code, "lines": text,
               "expected_on": found.expected_on, "note": found.note, "version": found.version}  # fmt: skip
    form = _form(request, initial)
    if request.method == "POST" and form.is_valid():
        name, version = principal_of(request).name, form.cleaned_data["version"] or 0
        try:
            once_per_form(
                request,
                lambda: {"version": edit_transfer(
                    transfer_id=found.pk, version=version, actor=name, **_content(form)
                ).version},
                one_action=True,
            )  # fmt: skip
        except DomainError as error:
            _blame(form, error)
        else:
            return HttpResponseRedirect(page_of(found))
    return _form_page(request, form, found)


def _form(request: HttpRequest, initial: dict[str, Any]) -> TransferForm:
    principal = principal_of(request)
    # Goods may be asked from, and sent to, nodes of others: one of the two must be one's own.
    nodes = Node.objects.filter(is_active=True).order_by("code")
    mine = None if principal.all_nodes else principal.node_codes
    return TransferForm(request.POST or None, nodes=nodes, mine=mine, initial=initial)


def _content(form: TransferForm) -> dict[str, Any]:
    data = form.cleaned_data
    return {
        "from_node_id": data["from_node"].pk, "to_node_id": data["to_node"].pk, "expected_on": data["expected_on"],
        "note": data["note"], "lines": [StockLine(sku.pk, quantity) for sku, quantity in data["lines"]],
    }  # fmt: skip


def _blame(form: TransferForm, error: DomainError) -> None:
    form.add_error(error.field if error.field in form.fields else None, error.message)


def _form_page(request: HttpRequest, form: TransferForm, found: Transfer | None) -> HttpResponse:
    refused = request.method == "POST"
    context = {"form": form, "transfer": found}
    return render(request, "dashboard/inventory/transfers/form.html", context, status=422 if refused else 200)


def version_of(request: HttpRequest) -> int | None:
    """The version of the document that the page showed."""
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None


def done_or_told(request: HttpRequest, found: Transfer, act: Callable[[], Transfer], done: str) -> HttpResponseBase:
    """Do a step once and go back to the transfer; what is refused is told there."""
    try:
        once_per_form(request, lambda: {"state": act().state}, one_action=True)
    except DomainError as error:
        fresh = transfer_for(request, found.number)
        return transfer_page(request, fresh, error.message, error.http_status)
    messages.success(request, done)
    return HttpResponseRedirect(page_of(found))


@require_POST
@requires("inventory.move")
def transfer_confirm(request: HttpRequest, number: str) -> HttpResponseBase:
    """Reserve the units at the first node."""
    found, principal = transfer_for(request, number), principal_of(request)
    require_end(principal, found, first=True)
    version = version_of(request)
    return done_or_told(
        request, found, lambda: confirm_transfer(transfer_id=found.pk, actor=principal.name, version=version),
        _("%(number)s is confirmed: its units are reserved at %(node)s.")
        % {"number": found.number, "node": found.from_node.code},
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.move")
def transfer_cancel(request: HttpRequest, number: str) -> HttpResponseBase:
    """Give a transfer up, after a look at what that does."""
    found, principal = transfer_for(request, number), principal_of(request)
    if found.state != State.DRAFT:
        require_end(principal, found, first=True)
    if request.method != "POST":
        lines = lines_of_transfer(found)
        units = sum(line.picked_quantity if found.state == State.PICKED else line.quantity for line in lines)
        context = {"transfer": found, "units": 0 if found.state == State.DRAFT else units}
        return render(request, "dashboard/inventory/transfers/cancel.html", context)
    version, reason = version_of(request), request.POST.get("reason", "").strip()[:200]
    return done_or_told(
        request, found,
        lambda: cancel_transfer(transfer_id=found.pk, actor=principal.name, reason=reason, version=version),
        _("%(number)s is cancelled.") % {"number": found.number},
    )  # fmt: skip


@require_POST
@requires("inventory.move")
def transfers_confirm(request: HttpRequest) -> HttpResponseBase:
    """Confirm the chosen drafts, each for itself: one that does not fit stops no other."""
    principal = principal_of(request)
    ids = [int(text) for text in request.POST.getlist("ids")[:MOST_AT_ONCE] if text.isascii() and text.isdecimal()]
    rows = transfers_of(principal).select_related("from_node").filter(pk__in=ids).order_by("pk")
    done, refused = 0, []
    for row in rows:
        try:
            require_end(principal, row, first=True)
            confirm_transfer(transfer_id=row.pk, actor=principal.name)
        except DomainError as error:
            refused.append(f"{row.number}: {error.message}")
        else:
            done += 1
    if done:
        text = ngettext("%(n)d transfer confirmed.", "%(n)d transfers confirmed.", done)
        messages.success(request, text % {"n": done})
    for text in refused[:5]:
        messages.error(request, text)
    back = urlencode(_asked(request))
    return HttpResponseRedirect(f"{reverse('dashboard:transfers')}?{back}")


@require_safe
@requires("inventory.view")
def transfer_note(request: HttpRequest, number: str) -> HttpResponseBase:
    """The paper that travels with the goods."""
    found = transfer_for(request, number)
    pdf = transfer_note_pdf(found, lines_of_transfer(found), now())
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{found.number}.pdf"'
    return response
