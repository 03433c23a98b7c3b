"""The pack station: a scanner and a screen, no mouse. The last right scan closes the box, and its label prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from carriers.labels import command_sheet_pdf
from carriers.models import Label
from fulfillment.models import FulfillmentOrderKind, PrintJob, Shipment, ShipmentState
from fulfillment.selectors.customs import customs_paper
from fulfillment.selectors.held import held_of_loaded
from fulfillment.selectors.printing import is_away, last_prints
from fulfillment.services import SHORT_REASONS, prove_check, weigh_box, weight_doubt
from oms.accounts.access import principal_of, requires
from oms.core.errors import NotFound
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.bench import OpenBox, Station
from oms.dashboard.fulfil.bench_acts import Said, done_of_check, told
from oms.dashboard.fulfil.bench_commands import (
    HOLD_NOTES,
    PAPERS,
    REPRINT,
    Shortage,
    asked_by,
    command_rows,
    grams_of,
    handled,
    held,
    short,
)
from oms.dashboard.fulfil.invoice_paper import pdf_response
from oms.dashboard.fulfil.label_views import parcel_of
from oms.dashboard.fulfil.work_views import sections
from oms.dashboard.orders.posting import is_fragment
from orders.models import Invoice

#: Signs of a sentence in a header, of which each may take six bytes: proxies take four thousand.
_MOST_SAID = 500


def _station(request: HttpRequest) -> Station:
    return Station(request, principal_of(request))


def _context(request: HttpRequest, station: Station) -> dict[str, Any]:
    opened = station.open_box()
    if opened is None:
        station.put_aside()
    return {
        "station": station, "opened": opened, "reasons": SHORT_REASONS, "hold_notes": HOLD_NOTES,
        "unproven": station.unproven(), "printers": station.printers, "printer": station.printer(),
        "scans": opened.last_scans if opened else [],
        "waiting": station.waiting() if station.node else {},
        "parcels": _labels(station.last_parcels()),
    }  # fmt: skip


def _labels(parcels: Sequence[Shipment]) -> list[dict[str, Any]]:
    """Parcels that were closed last, and whether their labels still have to come. Their contents must be loaded."""
    jobs, held = last_prints(parcels), held_of_loaded(parcels)
    # The carrier's own label is a picture: a printer that speaks ZPL cannot print it, the browser does.
    booked = [parcel.booking_id for parcel in parcels if parcel.pk in jobs]
    pictures = set(Label.objects.filter(booking__in=booked, zpl="").values_list("booking_id", flat=True))
    invoiced = set(
        Invoice.objects.filter(parcel_uid__in=[parcel.uid for parcel in parcels]).values_list("parcel_uid", flat=True)
    )
    return [
        _label(parcel, jobs.get(parcel.pk) if parcel.booking_id not in pictures else None)
        | {"held": held.get(parcel.pk, []), "invoiced": parcel.uid in invoiced, "customs": customs_paper(parcel)}
        for parcel in parcels
    ]


def _label(parcel: Shipment, job: PrintJob | None) -> dict[str, Any]:
    pickup = parcel.fulfillment_order.kind == FulfillmentOrderKind.PICKUP
    coming = not pickup and not parcel.awb and not parcel.problem and parcel.state == ShipmentState.CREATED
    printing, away = (job.ended_at is None, is_away(job.printer)) if job is not None else (False, False)
    return {"parcel": parcel, "pickup": pickup, "coming": coming, "job": job, "printing": printing, "away": away}


@require_safe
@requires("fulfillment.work")
def station(request: HttpRequest) -> HttpResponse:
    """The bench as it stands: an empty one says what waits, an open box what is missing."""
    bench = _station(request)
    asking = request.GET.get("ask", "")
    context = _context(request, bench) | {
        "tabs": sections(principal_of(request), "pack"), "asking": asking if asking in ("short", "hold") else "",
    }  # fmt: skip
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
    packer = principal_of(request).name
    said = once_per_form(request, lambda: asdict(handled(packer, bench, code)))
    return _answer(request, bench, Said(said["result"], said["text"]))


def _answer(request: HttpRequest, bench: Station, said: Said) -> HttpResponse:
    code = request.POST.get("command", "") or request.POST.get("code", "")
    asking = asked_by(code, said)
    if not is_fragment(request):
        # Also where a key was quicker than the script of the page: the question must not be lost with it.
        messages.add_message(request, messages.SUCCESS if said.result == "ok" else messages.ERROR, said.text)
        return HttpResponseRedirect(reverse("dashboard:fulfil_pack") + (f"?ask={asking}" if asking else ""))
    context = _context(request, bench) | {"again": code == REPRINT, "papers": code == PAPERS, "asking": asking}
    response = render(request, "dashboard/fulfil/_bench.html", context)
    response["HX-Trigger"] = json.dumps({"scan": {"result": said.result, "text": said.text[:_MOST_SAID]}})
    return response


# -- what is told beside scans -----------------------------------------------------------------------------------------


def _told(request: HttpRequest, act: Callable[[str, Station, OpenBox], Said]) -> HttpResponse:
    """A form of the bench: once, however often it arrives."""
    bench, packer = _station(request), principal_of(request).name

    def acted() -> Said:
        opened = bench.open_box()
        return act(packer, bench, opened) if opened else Said("wrong", _("Nothing is on the bench."))

    said = once_per_form(request, lambda: asdict(told(acted)))
    return _answer(request, bench, Said(said["result"], said["text"]))


def _number(text: str) -> int:
    """A whole number; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


@require_POST
@requires("fulfillment.work")
def report_short(request: HttpRequest) -> HttpResponse:
    """Units that are not in the tote: which, how many, why."""
    post = request.POST
    shortage = Shortage(_number(post.get("line", "")), _number(post.get("quantity", "")), post.get("reason", "")[:40])
    return _told(request, lambda packer, bench, opened: short(packer, bench, opened, shortage))


@require_POST
@requires("fulfillment.work")
def hold(request: HttpRequest) -> HttpResponse:
    """Put the order on hold with a note."""
    note = " ".join((request.POST.get("note", "") or request.POST.get("words", "")).split())[:500]
    return _told(request, lambda packer, bench, opened: held(packer, bench, opened, note))


@require_POST
@requires("fulfillment.work")
def weigh(request: HttpRequest) -> HttpResponse:
    """What the scale says, in grams or, with a point or comma, in kilograms."""

    def act(packer: str, bench: Station, opened: OpenBox) -> Said:
        grams = grams_of(request.POST.get("weight", ""))
        box = weigh_box(packing_id=opened.packing.pk, grams=grams, packer=packer)
        doubt = weight_doubt(box)
        said = _("Weighed: %(n)d g.") % {"n": box.grams}
        return Said("wrong", doubt) if doubt else done_of_check(packer, bench, said)

    return _told(request, act)


@require_POST
@requires("fulfillment.work")
def check(request: HttpRequest) -> HttpResponse:
    """A step of quality control was done, with its photo where one is wanted."""

    def act(packer: str, bench: Station, opened: OpenBox) -> Said:
        prove_check(
            packing_id=opened.packing.pk, check_id=_number(request.POST.get("check", "")), packer=packer,
            photo=request.FILES.get("photo"),
        )  # fmt: skip
        return done_of_check(packer, bench, _("Checked."))

    return _told(request, act)


@require_POST
@requires("fulfillment.work")
def prove(request: HttpRequest) -> HttpResponse:
    """Whether each printed label is scanned on its box at this station."""
    _station(request).prove_labels(request.POST.get("on") == "1")
    return HttpResponseRedirect(reverse("dashboard:fulfil_pack"))


@require_POST
@requires("fulfillment.work")
def choose_printer(request: HttpRequest) -> HttpResponse:
    """Where the labels of this station come out."""
    bench = _station(request)
    wanted = _number(request.POST.get("printer", ""))
    bench.print_on(next((printer.pk for printer in bench.printers if printer.pk == wanted), None))
    return HttpResponseRedirect(reverse("dashboard:fulfil_pack"))


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
    return render(request, "dashboard/fulfil/_pack_label.html", _labels([parcel])[0])


@require_safe
@requires("fulfillment.work")
def commands(request: HttpRequest) -> HttpResponse:
    """The sheet of command barcodes, to hang beside the bench."""
    return pdf_response(command_sheet_pdf(_("Pack station"), command_rows(_station(request))), "pack-station")
