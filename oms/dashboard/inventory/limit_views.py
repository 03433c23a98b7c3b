"""The limits above which an adjustment waits for a second person."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from inventory.models import ApprovalLimit, NodeKind
from inventory.services import drop_limit, set_limit
from oms.accounts.access import principal_of, requires
from oms.core.posting import once_per_form
from oms.core.values import minor_units
from oms.dashboard.inventory.adjustment_forms import LimitForm


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.rules")
def limits(request: HttpRequest) -> HttpResponse:
    """Every limit, and a form that sets one."""
    form = LimitForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        principal_of(request).require_everywhere()
        data = form.cleaned_data
        value = minor_units(data["value"], settings.DEFAULT_CURRENCY)
        once_per_form(request, lambda: {
            "id": set_limit(node_kind=data["node_kind"], units=data["units"], value_minor=value).pk
        })  # fmt: skip
        messages.success(request, _("The limit is set."))
        return HttpResponseRedirect(reverse("dashboard:adjustment_limits"))
    kinds = dict(NodeKind.choices)
    rows: list[dict[str, Any]] = [
        {"limit": row, "kind": kinds.get(row.node_kind, _("Every other node"))}
        for row in ApprovalLimit.objects.order_by("node_kind")
    ]
    context = {"rows": rows, "form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "dashboard/inventory/adjustments/limits.html", context, status=status)


@require_POST
@requires("inventory.rules")
def limit_drop(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a limit away: nodes of its kind follow the general one, or none."""
    principal_of(request).require_everywhere()
    drop_limit(limit_id=pk)
    messages.success(request, _("The limit is gone."))
    return HttpResponseRedirect(reverse("dashboard:adjustment_limits"))
