"""What the stock auditor found, and what people decide about it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from inventory.models import StockAudit, StockDifference, StockDifferenceState
from inventory.selectors import ledger_size
from inventory.services import CHOICES, accept_difference, audit_stock, dismiss_difference, ways_to_mend
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.flow.audit_jobs import start_audit
from oms.reporting.stock_audit import ORDER_CHECKS

MOST_SHOWN = 200
#: Postings that are compared while the person waits: about a second's work.
MOST_AT_ONCE = 100_000


def _differences(principal: Principal) -> Any:
    rows = StockDifference.objects.select_related("sku", "node")
    return rows if principal.all_nodes else in_node_scope(rows, principal)


@require_GET
@requires("inventory.view")
def differences(request: HttpRequest) -> HttpResponse:
    """Every open difference in the nodes that this person sees, the ones decided last, and the last runs."""
    principal = principal_of(request)
    found = _differences(principal)
    open_ones = found.filter(state=StockDifferenceState.OPEN).order_by("first_seen_at", "pk")
    rows = [
        {"row": row, "off": row.stored - row.computed,
         "ways": [(key, CHOICES[key]) for key in ways_to_mend(row)]}
        for row in open_ones[:MOST_SHOWN]
    ]  # fmt: skip
    decided = found.exclude(state=StockDifferenceState.OPEN).order_by("-decided_at")[:20]
    context = {
        "audit": StockAudit.objects.order_by("-pk").first(), "rows": rows, "total": open_ones.count(),
        "decided": decided, "history": list(StockAudit.objects.order_by("-pk").defer("found")[:10]),
        "may_check": principal.may("inventory.adjust"), "may_decide": principal.may("inventory.approve"),
    }  # fmt: skip
    return render(request, "dashboard/inventory/differences.html", context)


@require_POST
@requires("inventory.adjust")
def check(request: HttpRequest) -> HttpResponse:
    """Compare everything now; a long ledger is left to a job."""
    if ledger_size() > MOST_AT_ONCE:
        job = start_audit(principal_of(request))
        messages.info(request, _("The check runs in the background; its result shows here when it is done."))
        return HttpResponseRedirect(reverse("dashboard:job", args=[job.uid]))
    run = audit_stock(more=ORDER_CHECKS)
    if run.differences:
        text = ngettext("%(n)s difference found.", "%(n)s differences found.", run.differences)
        messages.warning(request, text % {"n": run.differences})
    else:
        messages.success(request, _("Every number is what the rows below it add up to."))
    return HttpResponseRedirect(reverse("dashboard:stock_differences"))


@require_POST
@requires("inventory.approve")
def decide(request: HttpRequest, difference_id: int) -> HttpResponse:
    """Mend one difference in one of its ways, or leave it as it is with a reason."""
    principal = principal_of(request)
    if not _differences(principal).filter(pk=difference_id).exists():
        raise NotFound(f"There is no difference {difference_id} in your scope.")
    choice, note = request.POST.get("choice", ""), request.POST.get("note", "")
    try:
        if choice == "leave":
            dismiss_difference(difference_id=difference_id, actor=principal.name, note=note)
            messages.success(request, _("Left as it is. It comes back when its numbers change."))
        else:
            accept_difference(difference_id=difference_id, choice=choice, actor=principal.name, note=note)
            messages.success(request, _("Corrected, and written down with your name."))
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("dashboard:stock_differences"))
