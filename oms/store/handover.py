"""Handing over: parcels to drivers by manifest, and the way to what customers collect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.models import FulfillmentOrderKind, Manifest, ManifestState, Shipment, ShipmentState
from fulfillment.selectors.arrivals import awaited_at
from fulfillment.selectors.finding import order_called
from fulfillment.selectors.handing_over import (
    carriers_waiting,
    label_problems,
    manifest_sheet,
    pickups_waiting,
    with_contents,
    without_label,
)
from fulfillment.selectors.held import held_parcels
from fulfillment.selectors.pickups import shelves_of, unstaged, waiting_parcels
from fulfillment.services import (
    Driver,
    add_to_manifest,
    close_manifest,
    open_manifest,
    picture_of,
    take_apart,
    take_out,
)
from inventory.models import Node
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.notifications.links import order_of_token
from oms.store.gate import is_fragment, shipment_here, show, store_page, store_write
from oms.store.pickups import proof_of


@store_page
def handover(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Carriers with their parcels, orders that wait for customers, parcels without a label."""
    here = Shipment.objects.filter(node=node)
    problems = list(with_contents(label_problems(here))[:20])
    labels_coming = without_label(here).filter(problem="").count()
    waiting = pickups_waiting(node.pk)
    shelves = shelves_of(waiting)
    return show(
        request, node, "handover", "handover", carriers=carriers_waiting(node.pk),
        pickups=[(parcel, shelves.get(parcel.pk, "")) for parcel in waiting],
        to_stage=unstaged(waiting_parcels(here)).count(), coming=len(awaited_at(node.pk)), problems=problems,
        labels_coming=labels_coming,
    )  # fmt: skip


@store_write
def manifest_open(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Open the carrier's manifest, or go on with the open one."""
    text = request.POST.get("account", "")
    wanted = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
    if wanted not in {row.account.pk for row in carriers_waiting(node.pk)}:
        raise NotFound("No parcels of this carrier wait here.")
    made = open_manifest(node_id=node.pk, carrier_account_id=wanted, actor=principal_of(request).name)
    return HttpResponseRedirect(reverse("store:manifest", args=[made.pk]))


def _manifest(node: Node, pk: int) -> Manifest:
    found = Manifest.objects.select_related("carrier_account", "node").filter(node=node, pk=pk).first()
    if found is None:
        raise NotFound(f"There is no manifest {pk} in {node.name}.")
    return found


@store_page
def manifest_page(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Expected, scanned and missing parcels of one hand-over."""
    return show(request, node, "manifest", **_sheet(_manifest(node, pk)))


def _sheet(manifest: Manifest) -> dict[str, Any]:
    """The sheet of a hand-over, and which of its parcels may not leave."""
    sheet = manifest_sheet(manifest)
    return {"sheet": sheet, "held": held_parcels([*sheet.scanned, *sheet.missing]).items()}


@store_write
def manifest_scan(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One scanned AWB goes onto the manifest; a parcel of another carrier is refused."""
    manifest = _manifest(node, pk)
    awb = request.POST.get("code", "").strip()
    actor = principal_of(request).name
    result, text = "ok", ""
    try:
        answer = once_per_form(request, lambda: _scanned(add_to_manifest(manifest_id=pk, awb=awb, actor=actor)))
        text = answer["text"]
    except NotFound:
        result, text = "unknown", _("No parcel %(awb)s is waiting here. Set it aside.") % {"awb": awb[:40]}
    except DomainError as error:
        result, text = "wrong", error.message
    if not is_fragment(request):
        messages.add_message(request, messages.SUCCESS if result == "ok" else messages.ERROR, text)
        return HttpResponseRedirect(reverse("store:manifest", args=[pk]))
    response = show(request, node, "_manifest", is_update=True, **_sheet(manifest))
    response["HX-Trigger"] = json.dumps({"scan": {"result": result, "text": text}})
    return response


def _scanned(shipment: Shipment) -> dict[str, str]:
    return {"text": _("%(number)s is on the list.") % {"number": shipment.order.number}}


@store_write
def manifest_out(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """A parcel that does not leave any more is out of the driver's pile."""
    manifest = _manifest(node, pk)
    text = request.POST.get("parcel", "")
    if text.isascii() and text.isdecimal() and len(text) < 16:
        take_out(manifest_id=manifest.pk, shipment_id=int(text), actor=principal_of(request).name)
    return HttpResponseRedirect(reverse("store:manifest", args=[pk]))


@store_write
def manifest_close(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The driver took the parcels. Closing twice changes nothing."""
    manifest = _manifest(node, pk)
    name = request.POST.get("driver_name", "").strip()[:120]
    actor = principal_of(request).name
    if manifest.state == ManifestState.CLOSED:
        return HttpResponseRedirect(reverse("store:manifest", args=[pk]))
    if not name:
        problem = _("Write the driver's name: it is the proof of who took the parcels.")
        return show(request, node, "manifest", status=422, problem=problem, **_sheet(manifest))
    try:
        driver = Driver(
            name=name, vehicle=request.POST.get("vehicle", "").strip(), phone=request.POST.get("phone", "").strip(),
            code=request.POST.get("driver_code", "").strip(), signature=picture_of(request.POST.get("signature", "")),
        )  # fmt: skip
        left = once_per_form(
            request, lambda: {"left": close_manifest(manifest_id=pk, driver=driver, actor=actor)}, one_action=True
        )["left"]
    except DomainError as error:
        sheet = _sheet(_manifest(node, pk))
        return show(request, node, "manifest", status=error.http_status, problem=error.message, **sheet)
    text = ngettext("%(n)d parcel handed to %(driver)s.", "%(n)d parcels handed to %(driver)s.", len(left))
    messages.success(request, text % {"n": len(left), "driver": name})
    return HttpResponseRedirect(reverse("store:handover"))


@store_write
def take_parcel_apart(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """A parcel that may not leave was opened: its units are booked where they belong, the order is routed again."""
    shipment, actor = shipment_here(node, pk), principal_of(request).name
    try:
        once_per_form(request, lambda: {"id": take_apart(shipment_id=pk, actor=actor).pk}, one_action=True)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        text = _("%(number)s is taken apart. Put what is blocked aside and the rest back on the shelf.")
        messages.success(request, text % {"number": shipment.order.number})
    if shipment.manifest_id is not None:
        return HttpResponseRedirect(reverse("store:manifest", args=[shipment.manifest_id]))
    return HttpResponseRedirect(reverse("store:handover"))


@store_write
def handover_scan(request: HttpRequest, node: Node) -> HttpResponseBase:
    """A scan on the hand-over page: the customer's code opens the pickup, an AWB its carrier's manifest."""
    code = request.POST.get("code", "").strip()
    url = next((found for find in (_by_token, _by_number, _by_awb) if (found := find(node, code))), "")
    if not url:
        text = _("Nothing that waits here has the code %(code)s.") % {"code": code[:40]}
        if is_fragment(request):
            response = HttpResponse(status=204)
            response["HX-Trigger"] = json.dumps({"scan": {"result": "unknown", "text": text}})
            return response
        messages.error(request, text)
        return HttpResponseRedirect(reverse("store:handover"))
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


Finder = Callable[[Node, str], str]


def _pickup_url(node: Node, proof: bool, **where: object) -> str:
    rows = Shipment.objects.filter(
        node=node, fulfillment_order__kind=FulfillmentOrderKind.PICKUP, state=ShipmentState.CREATED
    )
    found = rows.filter(**where).order_by("pk").first()
    if found is None:
        return ""
    url = reverse("store:collect", args=[found.pk])
    return f"{url}?proof={proof_of(found)}" if proof else url


def _by_token(node: Node, code: str) -> str:
    """The customer shows the QR code of the tracking page: its address, which nobody else knows."""
    parts = [part for part in urlsplit(code).path.split("/") if part]
    order = order_of_token(parts[1]) if len(parts) == 2 and parts[0] == "t" else None
    return _pickup_url(node, True, order=order.pk) if order else ""


def _by_number(node: Node, code: str) -> str:
    return _pickup_url(node, False, order=order_called(code))


def _by_awb(node: Node, code: str) -> str:
    row = Shipment.objects.filter(node=node, awb=code, state=ShipmentState.LABELLED).exclude(awb="").first()
    open_one = Manifest.objects.filter(
        node=node, carrier_account=row.carrier_account_id if row else None, state=ManifestState.OPEN
    ).first()
    return reverse("store:manifest", args=[open_one.pk]) if row and open_one else ""
