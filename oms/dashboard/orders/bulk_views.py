"""Many orders at once: the choice, what it will do, the doing, and the result row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.core.posting import once_per_form
from oms.dashboard.jobs.access import job_for
from oms.dashboard.orders.consequences import bulk_consequences
from oms.dashboard.orders.posting import is_fragment
from oms.dashboard.orders.results import result_context
from oms.dashboard.orders.state import read_state
from oms.flow.bulk_jobs import ACTIONS, INLINE_ROWS, MOST_ROWS, retry_refused, start_bulk, undo_hold
from oms.flow.jobs import RUNNERS
from oms.reporting.order_export import csv_text, safe_text
from orders.models import Order
from orders.selectors import hold_reasons, orders_in_scope, orders_matching

#: Actions that a person may start here; `undo_hold` is only reached from a result.
OFFERED = ("hold", "release", "reroute", "cancel", "tag")
#: These show what they will do before they do it.
PREVIEWED = ("reroute", "cancel")
_PROBLEM_FIELDS = {"tag": "id_add", "hold": "id_hold_reason"}


def chosen_ids(request: HttpRequest, principal: Principal) -> list[int]:
    """The orders that a form is about: ticked ones, a frozen list, or all that match. Only those in scope.

    Raises DomainError for none, or for more than one action may take.
    """
    post = request.POST
    orders = orders_in_scope(principal)
    if post.get("select_all") == "1":
        state = read_state(QueryDict(post.get("list", "")), [])
        wanted = orders_matching(state.question, principal)
        ids = list(wanted.order_by("pk").values_list("pk", flat=True)[: MOST_ROWS + 1])
    else:
        texts = [*post.getlist("ids"), *post.get("id_list", "").split(",")]
        numbers = {int(text) for text in texts if text.isdecimal() and len(text) < 19}
        ids = list(orders.filter(pk__in=sorted(numbers)[: MOST_ROWS + 1]).order_by("pk").values_list("pk", flat=True))
    if not ids:
        raise DomainError("No order is selected.", field="ids")
    if len(ids) > MOST_ROWS:
        raise DomainError(f"One action takes at most {MOST_ROWS:,} orders. Filter further.", field="ids")
    return ids


@require_POST
@requires("orders.view")
def bulk(request: HttpRequest, action: str) -> HttpResponse:
    """Do one thing to many orders; first show what it will do where that cannot be taken back by one click."""
    principal = principal_of(request)
    if action not in OFFERED:
        raise NotFound(f"There is no bulk action {action}.")
    principal.require(ACTIONS[action].verb)
    ids = chosen_ids(request, principal)
    args, problem = _arguments(request, action)
    if problem or (action in PREVIEWED and not request.POST.get("confirmed")):
        return _ask(request, action, ids, problem if request.POST.get("confirmed") else "")

    def work() -> dict[str, Any]:
        args["back"] = request.POST.get("list", "")[:1000]
        return {"job": start_bulk(action=action, order_ids=ids, principal=principal, args=args).pk}

    return _show(request, once_per_form(request, work)["job"])


def _arguments(request: HttpRequest, action: str) -> tuple[dict[str, Any], str]:
    """What the action needs to know, and what is missing of it."""
    post = request.POST
    note = post.get("note", "").strip()[:500]
    if action == "hold":
        reason = post.get("reason", "")
        known = reason in dict(hold_reasons())
        return {"reason": reason, "note": note}, "" if known else "Choose why the orders are held."
    if action == "cancel":
        reason = post.get("reason", "").strip()[:200]
        return {"reason": reason}, "" if reason else "Say why the orders are cancelled."
    if action == "tag":
        add, remove = (_tags(post.get(key, "")) for key in ("add", "remove"))
        return {"add": add, "remove": remove}, "" if add or remove else "Write at least one tag."
    return {"note": note}, ""


def _tags(text: str) -> list[str]:
    return [tag.strip().lower()[:40] for tag in text.split(",") if tag.strip()][:20]


def _ask(request: HttpRequest, action: str, ids: Sequence[int], problem: str) -> HttpResponse:
    """The page between the choice and the doing; 422 when something is missing in it."""
    context = {
        "action": action, "what": ACTIONS[action], "ids": ids, "id_list": ",".join(map(str, ids)),
        "back": request.POST.get("list", ""), "problem": problem, "hold_reasons": hold_reasons(),
        "preview": bulk_consequences(action, ids), "post": request.POST,
        "error_rows": [(_PROBLEM_FIELDS.get(action, "id_reason"), problem)],
        "examples": Order.objects.filter(pk__in=ids[:8]).order_by("pk").values_list("number", flat=True),
    }  # fmt: skip
    return render(request, "dashboard/orders/bulk_confirm.html", context, status=422 if problem else 200)


def _show(request: HttpRequest, job_id: int) -> HttpResponseRedirect:
    """Do a small job while the person waits, and show the result or the progress."""
    job = Job.objects.get(pk=job_id)
    if len(job.args["order_ids"]) <= INLINE_ROWS:
        run_slice(job.pk, RUNNERS)
    return HttpResponseRedirect(reverse("dashboard:orders_bulk_result", args=[job.uid]))


@require_GET
@requires("orders.view")
def result(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Row by row: done, refused with the reason, or skipped with the reason."""
    principal = principal_of(request)
    job = job_for(principal, uid)
    if is_fragment(request):
        if not job.is_open:
            # The polled part has ended: the header with its buttons changes too.
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "dashboard/orders/_bulk_result.html", result_context(job, principal, request.GET))
    return render(request, "dashboard/orders/bulk_result.html", result_context(job, principal, request.GET))


@require_GET
@requires("orders.view")
def failures(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The refused and skipped rows as CSV."""
    principal = principal_of(request)
    job = job_for(principal, uid)
    reasons = {"refused": job.result.get("refused", {}), "skipped": job.result.get("skipped", {})}
    ids = [int(key) for rows in reasons.values() for key in rows]
    numbers = dict(orders_in_scope(principal).filter(pk__in=ids).values_list("pk", "number"))
    rows = [["Order", "Result", "Reason"]]
    for word, found in reasons.items():
        rows += [[numbers.get(int(key), key), word, safe_text(reason)] for key, reason in found.items()]
    response = HttpResponse("\ufeff" + csv_text(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="not-done-{str(job.uid)[-6:]}.csv"'
    return response


@require_POST
@requires("orders.view")
def retry(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The same again on the refused rows only."""
    principal = principal_of(request)
    job = job_for(principal, uid)
    return _show(request, once_per_form(request, lambda: {"job": retry_refused(job, principal).pk})["job"])


@require_POST
@requires("orders.view")
def undo(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Take the holds of a bulk action back."""
    principal = principal_of(request)
    job = job_for(principal, uid)
    response = _show(request, once_per_form(request, lambda: {"job": undo_hold(job, principal).pk})["job"])
    messages.success(request, "The holds are taken back.")
    return response
