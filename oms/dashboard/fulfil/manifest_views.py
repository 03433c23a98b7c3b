"""Manifests: what each driver takes, scanned parcel by parcel, and the paper both sign."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from carriers.labels import ManifestData, ManifestRow, manifest_pdf
from fulfillment.models import Manifest, ManifestState, OffManifest, Shipment, ShipmentState
from fulfillment.selectors.handing_over import at_the_dock, manifest_sheet
from fulfillment.selectors.held import held_parcels
from fulfillment.services import (
    Driver,
    add_all,
    add_to_manifest,
    ask_for_pickup,
    cash_of_parcel,
    close_manifest,
    open_manifest,
    picture_of,
    take_out,
)
from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.errors import DomainError, NotFound, PermanentError, TransientError
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.work_views import scoped_manifests, scoped_shipments, sections
from oms.dashboard.orders.posting import is_fragment

PAGE_ROWS = 50


def _manifests(principal: Principal) -> QuerySet[Manifest]:
    return scoped_manifests(principal).select_related("node", "carrier_account")


def _manifest(principal: Principal, pk: int) -> Manifest:
    found = _manifests(principal).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no manifest {pk}.")
    return found


@require_safe
@requires("fulfillment.view")
def manifest_list(request: HttpRequest) -> HttpResponse:
    """Parcels that wait for a driver by node and carrier, then manifests, the open ones first."""
    principal = principal_of(request)
    mark = request.GET.get("before", "")
    closed = _manifests(principal).filter(state=ManifestState.CLOSED)
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        closed = closed.filter(pk__lt=int(mark))
    past = list(closed.annotate(parcels=Count("shipments")).order_by("-pk")[: PAGE_ROWS + 1])
    next_url = f"?before={past[PAGE_ROWS - 1].pk}" if len(past) > PAGE_ROWS else ""
    context = {"tabs": sections(principal, "manifests"), "groups": _groups(principal), "past": past[:PAGE_ROWS],
               "next_url": next_url, "may_edit": principal.may("fulfillment.manifest")}  # fmt: skip
    return render(request, "dashboard/fulfil/manifests.html", context)


def _groups(principal: Principal) -> list[dict[str, object]]:
    """Node and carrier with parcels that wait, with the open manifest where there is one.

    What the node's WMS ships is counted apart: nobody scans it here, but its carrier may have to be asked to come.
    """
    rows = (
        scoped_shipments(principal)
        .filter(state__in=(ShipmentState.LABELLED, ShipmentState.MANIFESTED), carrier_account__isnull=False)
        .values("node_id", "node__code", "node__name", "node__cutoff_at", "carrier_account_id", "carrier_account__name")
        .annotate(
            waiting=Count("pk", filter=Q(state=ShipmentState.LABELLED, fulfillment_order__with_wms=False)),
            with_wms=Count("pk", filter=Q(state=ShipmentState.LABELLED, fulfillment_order__with_wms=True)),
            scanned=Count("pk", filter=Q(state=ShipmentState.MANIFESTED)),
        )
        .order_by("node__code", "carrier_account__name")
    )
    open_ones = {(row.node_id, row.carrier_account_id): row for row in _manifests(principal).filter(state="open")}
    groups: list[dict[str, object]] = [
        dict(row) | {"manifest": open_ones.pop((row["node_id"], row["carrier_account_id"]), None)} for row in rows
    ]
    for left in open_ones.values():
        groups.append({"node_id": left.node_id, "node__code": left.node.code, "node__name": left.node.name,
                       "node__cutoff_at": left.node.cutoff_at, "carrier_account_id": left.carrier_account_id,
                       "carrier_account__name": left.carrier_account.name, "waiting": 0, "scanned": 0,
                       "with_wms": 0, "manifest": left})  # fmt: skip
    return groups


@require_POST
@requires("fulfillment.manifest")
def manifest_open(request: HttpRequest) -> HttpResponse:
    """Open the manifest of a carrier at a node, or go on with the open one."""
    principal = principal_of(request)
    node_text, account_text = request.POST.get("node", ""), request.POST.get("account", "")
    if not (node_text.isdecimal() and account_text.isdecimal()):
        raise NotFound("There is no such carrier or node.")
    node = in_node_scope(Node.objects.filter(pk=int(node_text)), principal, "code").first()
    if (
        node is None or not principal.all_channels
        or not at_the_dock(Shipment.objects.all(), node.pk, int(account_text)).exists()
    ):  # fmt: skip
        raise NotFound("No parcels of this carrier wait there.")
    made = open_manifest(node_id=node.pk, carrier_account_id=int(account_text), actor=principal.name)
    return HttpResponseRedirect(reverse("dashboard:fulfil_manifest", args=[made.pk]))


@require_safe
@requires("fulfillment.view")
def manifest_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Expected, scanned and missing; scan to add; close."""
    return _page(request, _manifest(principal_of(request), pk))


def _sheet(manifest: Manifest) -> dict[str, Any]:
    """The sheet, and which of its parcels may not leave."""
    sheet = manifest_sheet(manifest)
    return {"sheet": sheet, "held": held_parcels([*sheet.scanned, *sheet.missing]).items()}


def _page(request: HttpRequest, manifest: Manifest, problem: str = "", status: int = 200) -> HttpResponse:
    principal = principal_of(request)
    context = {**_sheet(manifest), "manifest": manifest, "problem": problem, "may_print": principal.sees_labels,
               "may_edit": principal.may("fulfillment.manifest"), "tabs": sections(principal, "manifests")}  # fmt: skip
    return render(request, "dashboard/fulfil/manifest.html", context, status=status)


@require_POST
@requires("fulfillment.manifest")
def manifest_scan(request: HttpRequest, pk: int) -> HttpResponse:
    """Add one AWB; a parcel of another carrier stops with its own words."""
    principal = principal_of(request)
    manifest = _manifest(principal, pk)
    code = request.POST.get("code", "").strip()[:80]
    result = "ok"
    try:
        text = once_per_form(request, lambda: _added(add_to_manifest(manifest_id=pk, awb=code, actor=principal.name)))[
            "text"
        ]
    except NotFound:
        result, text = "unknown", _("No parcel %(awb)s waits at this node.") % {"awb": code}
    except DomainError as error:
        result, text = "wrong", error.message
    if not is_fragment(request):
        messages.add_message(request, messages.SUCCESS if result == "ok" else messages.ERROR, text)
        return HttpResponseRedirect(reverse("dashboard:fulfil_manifest", args=[pk]))
    context = {**_sheet(manifest), "manifest": manifest, "may_edit": True, "is_update": True}
    response = render(request, "dashboard/fulfil/_sheet.html", context)
    response["HX-Trigger"] = json.dumps({"scan": {"result": result, "text": text}})
    return response


def _added(shipment: Shipment) -> dict[str, str]:
    return {"text": _("%(number)s is on the list.") % {"number": shipment.order.number}}


@require_POST
@requires("fulfillment.manifest")
def manifest_all(request: HttpRequest, pk: int) -> HttpResponse:
    """Put everything that waits onto the manifest without scanning."""
    principal = principal_of(request)
    manifest = _manifest(principal, pk)

    def act() -> dict[str, int]:
        added = add_all(manifest_id=manifest.pk, actor=principal.name)
        return {"n": added.parcels, "stay": added.stay}

    try:
        done = once_per_form(request, act)
    except DomainError as error:
        return _page(request, manifest, error.message, error.http_status)
    text = ngettext("%(n)d parcel added without a scan.", "%(n)d parcels added without a scan.", done["n"])
    text %= {"n": done["n"]}
    stay = done.get("stay", 0)
    if stay:
        held = ngettext(
            "%(n)d parcel stays: a lot or a serial number in it may not leave.",
            "%(n)d parcels stay: a lot or a serial number in them may not leave.", stay,
        )  # fmt: skip
        text += " " + held % {"n": stay}
    messages.warning(request, text)
    return HttpResponseRedirect(reverse("dashboard:fulfil_manifest", args=[pk]))


@require_POST
@requires("fulfillment.manifest")
def manifest_take_out(request: HttpRequest, pk: int) -> HttpResponse:
    """A parcel that does not leave any more is out of the driver's pile."""
    principal = principal_of(request)
    manifest = _manifest(principal, pk)
    text = request.POST.get("parcel", "")
    if text.isascii() and text.isdecimal() and len(text) < 16:
        take_out(manifest_id=manifest.pk, shipment_id=int(text), actor=principal.name)
    return HttpResponseRedirect(reverse("dashboard:fulfil_manifest", args=[pk]))


@require_POST
@requires("fulfillment.manifest")
def manifest_close(request: HttpRequest, pk: int) -> HttpResponse:
    """The driver took the parcels; stock leaves the books. Closing twice changes nothing."""
    principal = principal_of(request)
    manifest = _manifest(principal, pk)
    name = request.POST.get("driver_name", "").strip()[:120]
    if manifest.state == ManifestState.OPEN and not name:
        return _page(request, manifest, _("Write the driver's name: it is the proof of who took the parcels."), 422)
    try:
        driver = Driver(
            name=name, vehicle=request.POST.get("vehicle", "").strip(), phone=request.POST.get("phone", "").strip(),
            code=request.POST.get("driver_code", "").strip(), signature=picture_of(request.POST.get("signature", "")),
        )  # fmt: skip
        left = once_per_form(
            request, lambda: {"n": len(close_manifest(manifest_id=pk, actor=principal.name, driver=driver))}
        )["n"]
    except DomainError as error:
        return _page(request, _manifest(principal, pk), error.message, error.http_status)
    if left:
        text = ngettext("%(n)d parcel handed to %(driver)s.", "%(n)d parcels handed to %(driver)s.", left)
        messages.success(request, text % {"n": left, "driver": name})
        _say_left_behind(request, pk)
        in_pile = manifest.dropped.select_related("shipment__order").order_by("pk")
        if in_pile:
            text = _("These do not leave with the driver: %(parcels)s. Look whether they are still here.")
            messages.warning(request, text % {"parcels": ", ".join(map(_named, in_pile))})
    return HttpResponseRedirect(reverse("dashboard:fulfil_manifest", args=[pk]))


def _named(row: OffManifest) -> str:
    return f"{row.shipment.order.number} ({row.awb})"


def _say_left_behind(request: HttpRequest, pk: int) -> None:
    stay = Manifest.objects.values_list("left_behind", flat=True).get(pk=pk)
    if stay:
        text = ngettext("%(n)d parcel stays for the next driver.", "%(n)d parcels stay for the next driver.", stay)
        messages.warning(request, text % {"n": stay})


@require_safe
@requires("fulfillment.view")
def manifest_signature(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The driver's signature, as it was drawn."""
    principal = principal_of(request)
    manifest = _manifest(principal, pk)
    principal.require_labels()
    if not manifest.signature or not manifest.signature.storage.exists(manifest.signature.name or ""):
        raise NotFound(f"{manifest} has no signature.")
    return FileResponse(manifest.signature.open("rb"), content_type="image/png")


@require_POST
@requires("fulfillment.manifest")
def pickup(request: HttpRequest) -> HttpResponse:
    """Ask a carrier to come for the parcels that wait at a node; asked again, nothing is asked twice."""
    principal = principal_of(request)
    node_text, account_text = request.POST.get("node", ""), request.POST.get("account", "")
    if not (node_text.isdecimal() and account_text.isdecimal()):
        raise NotFound("There is no such carrier or node.")
    node = in_node_scope(Node.objects.filter(pk=int(node_text)), principal, "code").first()
    if node is None or not principal.all_channels:
        raise NotFound("No parcels of this carrier wait there.")
    try:
        asked = ask_for_pickup(node_id=node.pk, account_id=int(account_text), actor=principal.name)
    except (DomainError, TransientError, PermanentError) as error:
        messages.error(request, str(error))
    else:
        comes, come = _("%(carrier)s comes unasked."), _("%(carrier)s was asked to come on %(day)s.")
        text = come if asked.reference else comes
        messages.success(request, text % {"carrier": asked.carrier, "day": f"{asked.on:%d %b}"})
    return HttpResponseRedirect(reverse("dashboard:fulfil_manifests"))


@require_safe
@requires("fulfillment.view")
def manifest_paper(request: HttpRequest, pk: int) -> HttpResponse:
    """The manifest as A4 PDF, for both signatures."""
    principal = principal_of(request)
    manifest = _manifest(principal, pk)
    principal.require_labels()
    sheet = manifest_sheet(manifest)
    node = manifest.node
    data = ManifestData(
        number=manifest.number, courier_name=manifest.carrier_account.name, node_name=node.name,
        node_lines=tuple(line for line in (node.line1, f"{node.city} {node.postcode}".strip()) if line),
        created_at=timezone.localtime(manifest.closed_at or manifest.created_at), vehicle=manifest.vehicle,
        driver_name=manifest.driver_name, driver_code=manifest.driver_code, signature=_signature(manifest),
        rows=tuple(_row(shipment) for shipment in sheet.scanned), taken_off=tuple(map(_named, sheet.dropped)),
        currency=sheet.scanned[0].order.currency if sheet.scanned else "INR",
    )  # fmt: skip
    response = HttpResponse(manifest_pdf(data), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="manifest-{manifest.number}.pdf"'
    return response


def _signature(manifest: Manifest) -> bytes:
    if not manifest.signature or not manifest.signature.storage.exists(manifest.signature.name or ""):
        return b""
    with manifest.signature.open("rb") as file:
        return bytes(file.read())


def _row(shipment: Shipment) -> ManifestRow:
    order = shipment.order
    return ManifestRow(
        awb=shipment.awb, order_number=order.number, ship_to_name=order.shipping_address.name,
        ship_to_city=order.ship_city, ship_to_postcode=order.ship_postcode, weight_grams=shipment.weight_grams,
        cod_minor=cash_of_parcel(shipment),
    )  # fmt: skip
