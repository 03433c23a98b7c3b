"""The pack station: a scanner and a screen, no mouse. The last right scan closes the box, and its label prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from carriers.labels import command_sheet_pdf
from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState, Shipment, ShipmentState
from fulfillment.selectors.boxes import BOXES
from fulfillment.selectors.held import held_parcels
from fulfillment.services import choose_box, close_box, open_for_item, open_packing, scan_into_box, undo_scan
from inventory.selectors import find_sku_by_code_or_barcode
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.bench import LAST_SCANS, OpenBox, Station, boxes
from oms.dashboard.fulfil.label_views import parcel_of
from oms.dashboard.fulfil.work_views import sections
from oms.dashboard.orders.posting import is_fragment
from orders.models import Invoice

#: What stands on the sheet of command barcodes: letters, digits and hyphens, as every scanner reads them.
UNDO, CLOSE, LEAVE, REPRINT = "OMS-UNDO", "OMS-CLOSE", "OMS-LEAVE", "OMS-REPRINT"
_BOX = "OMS-BOX-"


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a scan or a key: `ok`, `wrong` or `unknown`, with a sentence."""

    result: str
    text: str


def _station(request: HttpRequest) -> Station:
    return Station(request, principal_of(request))


def _context(request: HttpRequest, station: Station) -> dict[str, Any]:
    opened = station.open_box()
    if opened is None:
        station.put_aside()
    last = station.last_parcel()
    return {
        "station": station, "opened": opened, "boxes": boxes(),
        "scans": list(opened.packing.scans.select_related("line__sku").order_by("-pk")[:LAST_SCANS]) if opened else [],
        "waiting": station.waiting() if station.node else {}, **_label(last),
    }  # fmt: skip


def _label(parcel: Shipment | None) -> dict[str, Any]:
    """The parcel that was closed last, and whether its label still has to come."""
    if parcel is None:
        return {"parcel": None}
    pickup = parcel.fulfillment_order.kind == FulfillmentOrderKind.PICKUP
    coming = not pickup and not parcel.awb and not parcel.problem and parcel.state == ShipmentState.CREATED
    return {"parcel": parcel, "pickup": pickup, "coming": coming, "held": held_parcels([parcel]).get(parcel.pk, []),
            "invoiced": Invoice.objects.filter(parcel_uid=parcel.uid).exists()}  # fmt: skip


@require_safe
@requires("fulfillment.work")
def station(request: HttpRequest) -> HttpResponse:
    """The bench as it stands: an empty one says what waits, an open box what is missing."""
    bench = _station(request)
    context = _context(request, bench) | {"tabs": sections(principal_of(request), "pack")}
    return render(request, "dashboard/fulfil/pack.html", context)


@require_POST
@requires("fulfillment.work")
def choose_node(request: HttpRequest) -> HttpResponse:
    """Stand at another node."""
    bench = _station(request)
    node = next((node for node in bench.nodes if node.code == request.POST.get("node", "")), None)
    if node is None:
        raise NotFound("There is no such node.")
    bench.choose(node)
    return HttpResponseRedirect(reverse("dashboard:fulfil_pack"))


@require_POST
@requires("fulfillment.work")
def scan(request: HttpRequest) -> HttpResponse:
    """One scanned or typed code: an item, an order, an AWB, or a command."""
    return _done(request, request.POST.get("code", "").strip()[:80])


@require_POST
@requires("fulfillment.work")
def act(request: HttpRequest) -> HttpResponse:
    """A key or a button: the same as the command barcode of that name."""
    return _done(request, request.POST.get("command", "")[:40])


def _done(request: HttpRequest, code: str) -> HttpResponse:
    """Once, however often it arrives: a scan whose answer was lost must not count for the next box."""
    bench = _station(request)
    said = once_per_form(request, lambda: asdict(_handled(request, bench, code)))
    return _answer(request, bench, Said(said["result"], said["text"]))


def _handled(request: HttpRequest, bench: Station, code: str) -> Said:
    if bench.node is None:
        return Said("wrong", _("Choose the node at which you pack."))
    try:
        with transaction.atomic():  # what is refused leaves nothing half-done behind
            if code.startswith("OMS-"):
                return _command(request, bench, code)
            opened = bench.open_box()
            if opened is not None and opened.is_full:
                return Said("wrong", _("This box is full: close it first."))
            return _scanned(request, bench, opened, code) if opened else _begun(request, bench, code)
    except NotFound as error:
        return Said("unknown", error.message)
    except DomainError as error:
        return Said("wrong", error.message)


# -- nothing on the bench ----------------------------------------------------------------------------------------------


def _begun(request: HttpRequest, bench: Station, code: str) -> Said:
    """An order or a parcel by its number, or an item: then the first due order that is this one item."""
    assert bench.node is not None
    packer = principal_of(request).name
    parcel = Shipment.objects.filter(node=bench.node, awb=code).exclude(awb="").order_by("-pk").first()
    if parcel is not None:
        bench.show_parcel(parcel.pk)
        return Said("ok", _("The label of %(order)s.") % {"order": parcel.order.number})
    work = _work_called(bench, code)
    if work is not None:
        bench.put_on_bench(open_packing(fulfillment_order_id=work.pk, packer=packer).pk)
        return Said("ok", _("%(order)s is on the bench.") % {"order": work.order.number})
    sku = find_sku_by_code_or_barcode(code)
    if sku is None:
        return Said("unknown", _("Nobody knows %(code)s: no item, order or label has it.") % {"code": code})
    opened = open_for_item(node_id=bench.node.pk, sku_id=sku.pk, packer=packer)
    if opened is None:
        text = _("No order to pack is one %(sku)s alone. Scan the order of a tote.")
        return Said("wrong", text % {"sku": sku.code})
    bench.put_on_bench(opened.pk)
    box = bench.open_box()
    if box is None:
        return Said("wrong", _("Somebody else was faster. Scan it again."))
    return _scanned(request, bench, box, code)


def _work_called(bench: Station, code: str) -> FulfillmentOrder | None:
    named = Q(number__iexact=code) | Q(order__number__iexact=code)
    rows = FulfillmentOrder.objects.select_related("order").filter(named, node=bench.node)
    to_pack = rows.filter(state=FulfillmentOrderState.PICKED).order_by("pk").first()
    return to_pack or rows.order_by("-pk").first()


# -- an open box -------------------------------------------------------------------------------------------------------


def _scanned(request: HttpRequest, bench: Station, opened: OpenBox, code: str) -> Said:
    """One unit into the box; the last one closes it. What keeps it from closing leaves the unit in the box."""
    done = scan_into_box(packing_id=opened.packing.pk, code=code, packer=principal_of(request).name)
    if not done.is_full:
        name = done.line.sku.name or done.line.sku.code
        text = _("%(sku)s: %(n)d of %(all)d")
        return Said("ok", text % {"sku": name, "n": done.units, "all": done.line.picked})
    try:
        with transaction.atomic():
            return _closed(request, bench)
    except DomainError as error:
        return Said("wrong", error.message)


def _closed(request: HttpRequest, bench: Station) -> Said:
    opened = bench.open_box()
    if opened is None:
        return Said("ok", _("The box is closed."))
    made = close_box(packing_id=opened.packing.pk, plan=opened.plan, packer=principal_of(request).name)
    bench.closed(made[0].pk)
    count = ngettext("%(order)s is packed: %(n)d item.", "%(order)s is packed: %(n)d items.", opened.wanted)
    return Said("ok", count % {"order": opened.work.order.number, "n": opened.wanted})


# -- commands ----------------------------------------------------------------------------------------------------------


def _command(request: HttpRequest, bench: Station, code: str) -> Said:
    opened = bench.open_box()
    if code == REPRINT:
        parcel = bench.last_parcel()
        return Said("ok", _("Printed again.")) if parcel else Said("wrong", _("No parcel was closed here yet."))
    if opened is None:
        return Said("wrong", _("Nothing is on the bench."))
    if code.startswith(_BOX):
        return _boxed(opened, code.removeprefix(_BOX))
    known: dict[str, Callable[[], Said]] = {
        UNDO: lambda: _undone(opened), CLOSE: lambda: _closed(request, bench), LEAVE: lambda: _left(bench),
    }  # fmt: skip
    return known[code]() if code in known else Said("unknown", _("%(code)s is no command.") % {"code": code})


def _boxed(opened: OpenBox, text: str) -> Said:
    box = BOXES[int(text) - 1] if text.isdecimal() and 0 < int(text) <= len(BOXES) else None
    if box is None:
        return Said("unknown", _("There is no box %(text)s.") % {"text": text})
    choose_box(packing_id=opened.packing.pk, box=box.key)
    return Said("ok", _("%(box)s, %(size)s") % {"box": box.label, "size": box.size})


def _undone(opened: OpenBox) -> Said:
    code = undo_scan(packing_id=opened.packing.pk)
    if not code:
        return Said("wrong", _("Nothing is in the box."))
    return Said("ok", _("%(code)s is out of the box again.") % {"code": code})


def _left(bench: Station) -> Said:
    bench.put_aside()
    return Said("ok", _("Put aside: what is in the box stays noted."))


def _answer(request: HttpRequest, bench: Station, said: Said) -> HttpResponse:
    if not is_fragment(request):
        messages.add_message(request, messages.SUCCESS if said.result == "ok" else messages.ERROR, said.text)
        return HttpResponseRedirect(reverse("dashboard:fulfil_pack"))
    again = REPRINT in (request.POST.get("code", ""), request.POST.get("command", ""))
    response = render(request, "dashboard/fulfil/_bench.html", _context(request, bench) | {"again": again})
    response["HX-Trigger"] = json.dumps({"scan": asdict(said)})
    return response


# -- papers ------------------------------------------------------------------------------------------------------------


@require_safe
@requires("fulfillment.work")
def counts(request: HttpRequest) -> HttpResponse:
    """What waits at the node, asked again while the page is open."""
    bench = _station(request)
    if bench.node is None:
        return HttpResponse(status=204)
    return render(request, "dashboard/fulfil/_bench_counts.html", {"waiting": bench.waiting()})


@require_safe
@requires("fulfillment.work")
def label_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """The parcel that was closed last: asked again until its label is there, or somebody must look."""
    parcel = parcel_of(principal_of(request), pk)
    return render(request, "dashboard/fulfil/_pack_label.html", _label(parcel))


@require_safe
@requires("fulfillment.work")
def commands(request: HttpRequest) -> HttpResponse:
    """The sheet of command barcodes, to hang beside the bench."""
    rows = [
        (UNDO, _("Undo the last scan")), (CLOSE, _("Close the box")), (LEAVE, _("Put aside")),
        (REPRINT, _("Print the label again")),
        *((f"{_BOX}{number}", f"{box.label}, {box.size}") for number, box in boxes()),
    ]  # fmt: skip
    response = HttpResponse(command_sheet_pdf(_("Pack station"), rows), content_type="application/pdf")
    response["Content-Disposition"] = 'inline; filename="pack-station.pdf"'
    return response
