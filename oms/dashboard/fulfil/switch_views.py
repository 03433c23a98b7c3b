"""Change the carrier of many parcels that have not left: which ones, what it would mean, the doing, the result."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from carriers.models import CarrierAccount
from fulfillment.models import FulfillmentOrderKind, Shipment
from fulfillment.selectors.handing_over import with_contents
from fulfillment.services.switching import SWITCHABLE, Exchange, preview_change
from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.errors import NotFound
from oms.core.models import Job
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.work_views import scoped_shipments, sections
from oms.dashboard.jobs.access import job_for
from oms.dashboard.orders.posting import is_fragment
from oms.flow.switch_jobs import MOST_PARCELS, SWITCH, refused_parcels, start_switch

_SHOWN = 200
#: Parcels that are asked about before the change: a carrier without a rate card answers for each.
PREVIEWED = 100
#: How long that may keep the browser waiting; what is not asked about by then is counted.
PREVIEW_SECONDS = 20.0


def _parcels(principal: Principal) -> QuerySet[Shipment]:
    """Parcels in scope that travel and have not left."""
    travel = (FulfillmentOrderKind.SHIP, FulfillmentOrderKind.TRANSFER)
    rows = scoped_shipments(principal).filter(state__in=SWITCHABLE, fulfillment_order__kind__in=travel)
    return rows.select_related("booking", "order__channel")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("fulfillment.manifest")
def choose(request: HttpRequest) -> HttpResponse:
    """The parcels that may change, by carrier and node; posted, what the change of the ticked ones would mean."""
    principal = principal_of(request)
    if request.method == "POST":
        return _preview(request, principal)
    rows = _parcels(principal)
    account, node = request.GET.get("account", "")[:40], request.GET.get("node", "")[:40]
    rows = rows.filter(carrier_account__code=account) if account else rows
    rows = rows.filter(node__code=node) if node else rows
    rows = rows.order_by("fulfillment_order__due_at", "pk")
    context = _choices(principal) | {
        "tabs": sections(principal, "labels"), "rows": list(with_contents(rows)[:_SHOWN]), "total": rows.count(),
        "account": account, "node": node, "shown": _SHOWN,
    }  # fmt: skip
    return render(request, "dashboard/fulfil/switch.html", context)


def _choices(principal: Principal) -> dict[str, Any]:
    return {
        "accounts": list(CarrierAccount.objects.filter(is_active=True).order_by("priority", "code")),
        "nodes": list(in_node_scope(Node.objects.filter(is_active=True), principal, "code").order_by("code")),
    }


def _preview(request: HttpRequest, principal: Principal) -> HttpResponse:
    """Asks the carriers, writes nothing; confirmed, it starts."""
    post = request.POST
    ids = sorted({int(text) for text in post.getlist("ids") if text.isdecimal() and len(text) < 19})[:MOST_PARCELS]
    found = list(with_contents(_parcels(principal).filter(pk__in=ids)).order_by("fulfillment_order__due_at", "pk"))
    to, problems = _target(post.get("to", "")), []
    reason = post.get("reason", "").strip()[:200]
    if not found:
        problems.append(("", _("Tick at least one parcel that has not left.")))
    if not reason and post.get("confirmed"):
        problems.append(("id_reason", _("Say why the carrier is changed.")))
    if post.get("confirmed") and not problems:
        return _start(request, principal, [row.pk for row in found], to, reason)
    exchanges = preview_change(found[:PREVIEWED], to.pk if to else None, seconds=PREVIEW_SECONDS)
    context = _choices(principal) | {
        "tabs": sections(principal, "labels"), "rows": exchanges, "unseen": len(found) - len(exchanges), "to": to,
        "ids": [row.pk for row in found], "reason": reason, "problems": problems, "sums": _sums(exchanges),
    }  # fmt: skip
    status = 422 if problems else 200
    return render(request, "dashboard/fulfil/switch_preview.html", context, status=status)


def _target(code: str) -> CarrierAccount | None:
    """The account that is wanted; None for the best of the others."""
    if not code:
        return None
    account = CarrierAccount.objects.filter(code=code[:40], is_active=True).first()
    if account is None:
        raise NotFound(_("There is no such carrier."))
    return account


def _sums(exchanges: list[Exchange]) -> dict[str, Any]:
    """What the change would mean as a whole."""
    able = [each for each in exchanges if each.quote is not None]
    more = sum(each.more_minor or 0 for each in able)
    return {
        "able": len(able), "unable": len(exchanges) - len(able), "more_minor": more, "less_minor": -more,
        "unpriced": sum(each.more_minor is None for each in able),
        "late": sum(each.quote.meets_promise is False for each in able if each.quote is not None),
    }  # fmt: skip


def _start(
    request: HttpRequest, principal: Principal, ids: list[int], to: CarrierAccount | None, reason: str
) -> HttpResponse:
    name = to.name if to else _("the best other carrier")

    def work() -> dict[str, Any]:
        job = start_switch(
            shipment_ids=ids, account_id=to.pk if to else None, to=name, reason=reason, principal=principal
        )
        return {"uid": str(job.uid)}

    uid = once_per_form(request, work)["uid"]
    return HttpResponseRedirect(reverse("dashboard:fulfil_switch_result", args=[uid]))


@require_GET
@requires("fulfillment.manifest")
def result(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Parcel by parcel: the new label, or what was in the way."""
    principal = principal_of(request)
    job = job_for(principal, uid)
    if job.kind != SWITCH:
        raise NotFound(_("This job changes no carriers."))
    if is_fragment(request):
        if not job.is_open:
            # The polled part has ended: the header changes too.
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "dashboard/fulfil/_switch_result.html", _result(job, principal))
    return render(request, "dashboard/fulfil/switch_result.html", _result(job, principal))


def _result(job: Job, principal: Principal) -> dict[str, Any]:
    refused = refused_parcels(job)
    ids: list[int] = job.args["shipment_ids"]
    done = set(ids[: job.done])
    parcels = with_contents(scoped_shipments(principal).filter(pk__in=ids)).in_bulk()
    rows = [
        {"parcel": parcels[pk], "refusal": refused.get(pk, ""), "is_done": pk in done and pk not in refused}
        for pk in sorted(ids, key=lambda pk: (pk not in refused, pk)) if pk in parcels
    ]  # fmt: skip
    return {
        "job": job, "rows": rows, "left": len(ids) - job.done, "refused_ids": list(refused),
        "tabs": sections(principal, "labels"), "may_print": principal.sees_labels,
    }  # fmt: skip
