"""The last page of the wizard: an import at work, and what came of it."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from channels.imports.types import Kind
from channels.models import InboundMessage, InboundMessageState
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import NotFound
from oms.core.models import Job
from oms.dashboard.jobs.access import job_for
from oms.dashboard.orders.posting import is_fragment
from oms.dashboard.settings.admin_links import admin_list
from oms.dashboard.settings.imports.views import groups_shown, steps_of
from oms.flow.import_jobs import IMPORT, groups_of

ORDERS_SHOWN = 20


def import_job_of(principal: Principal, uid: UUID) -> Job:
    """One import that the person may see. Raises NotFound."""
    job = job_for(principal, uid)
    if job.kind != IMPORT:
        raise NotFound(_("There is no such import."))
    return job


@require_GET
@requires("imports.use")
def import_job(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Progress while it runs, then the result. Polled by the page itself."""
    job = import_job_of(principal_of(request), uid)
    if is_fragment(request) and not job.is_open:
        return HttpResponse(headers={"HX-Refresh": "true"})
    version = f"{job.state}{job.done}"
    if is_fragment(request) and request.headers.get("X-Fragment-Version") == version:
        return HttpResponse(status=204)
    context = {"job": job, "version": version, "steps": steps_of(4), "filename": job.args.get("filename", "")}
    if is_fragment(request):
        return render(request, "dashboard/settings/imports/_progress.html", context)
    return render(request, "dashboard/settings/imports/job.html", context | _result_context(job, request.user.is_staff))


def _result_context(job: Job, is_staff: bool) -> dict[str, Any]:
    result: dict[str, Any] = job.result.get("import") or {}
    if not result:
        return {"result": None}
    kind = cast(Kind, result["kind"])
    messages = InboundMessage.objects.filter(job_id=job.pk)
    waiting = messages.filter(state=InboundMessageState.PENDING).count() if kind == "orders" else 0
    return {
        "result": result, "kind": kind, "waiting": waiting, "links": _links(job, kind, is_staff),
        "orders": _orders(job) if kind == "orders" else [],
        "errors": groups_shown(kind, groups_of(result["errors"])),
        "warnings": groups_shown(kind, groups_of(result["warnings"])),
        "nothing_new": not (result["created"] or result["updated"] or result["failed"]) and result["skipped"],
    }  # fmt: skip


def _orders(job: Job) -> list[dict[str, Any]]:
    """The first orders that this import made."""
    rows = InboundMessage.objects.filter(job_id=job.pk, order__isnull=False).select_related("order")
    rows = rows.only("external_id", "order__number").order_by("row_number")[:ORDERS_SHOWN]
    return [{"number": row.order.number, "external_id": row.external_id} for row in rows if row.order is not None]


def _links(job: Job, kind: Kind, is_staff: bool) -> list[dict[str, str]]:
    """Where what was made is found; the administration only for whom it opens."""
    channel = str(job.args.get("options", {}).get("channel", ""))
    if kind == "orders":
        return [
            {"label": _("Orders of this channel"), "url": f"{reverse('dashboard:orders')}?q=channel:{channel}"},
            {"label": _("Messages of this import"),
             "url": f"{reverse('dashboard:channel', args=[channel])}?job={job.pk}"},
            {"label": _("Quarantine"), "url": f"{reverse('dashboard:quarantine')}?channel={channel}"},
        ]  # fmt: skip
    inventory = {"label": _("Inventory"), "url": "/inventory/"}
    own = {"nodes": (_("Nodes"), admin_list("inventory_node")), "skus": (_("SKUs"), admin_list("inventory_sku"))}
    label, url = own.get(kind, ("", ""))
    return [{"label": label, "url": url}, inventory] if url and is_staff else [inventory]


@require_GET
@requires("imports.use")
def job_rejected(request: HttpRequest, uid: UUID) -> HttpResponseBase:
    """The rows that were refused, with their reasons."""
    job = import_job_of(principal_of(request), uid)
    if not job.result_file:
        raise NotFound(_("This import refused no row."))
    name = job.result_file.name.rsplit("/")[-1]
    return FileResponse(job.result_file.open("rb"), as_attachment=True, filename=name, content_type="text/csv")
