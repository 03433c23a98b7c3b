"""Parcels without a label: what the carrier said, and three ways on: again, another carrier, a number by hand."""

from __future__ import annotations

import time

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from carriers.models import Booking, BookingState, CarrierAccount, Label
from carriers.selectors import quotes_for_screen, scans_of_booking
from carriers.services import decide_unknown
from carriers.services.bookings import live_booking
from carriers.services.choice import rate_request
from fulfillment.models import PickedUnit, Shipment, ShipmentState
from fulfillment.selectors.customs import customs_paper
from fulfillment.selectors.failures import failures_by_parcel
from fulfillment.selectors.handing_over import label_problems, with_contents, without_label
from fulfillment.selectors.held import held_parcels
from fulfillment.selectors.units import units_of_items
from fulfillment.services import (
    book_shipment,
    booking_request,
    cash_of_parcel,
    parcel_terms,
    take_apart,
    why_not_invoiced,
)
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import Conflict, DomainError, NotFound, PermanentError, TransientError
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.invoice_paper import invoice_of
from oms.dashboard.fulfil.proofs import proof_context
from oms.dashboard.fulfil.work_views import scoped_shipments, sections

_SHOWN = 100
#: How long "try all" may keep the browser waiting.
_RETRY_SECONDS = 20.0


@require_safe
@requires("fulfillment.view")
def label_queue(request: HttpRequest) -> HttpResponse:
    """Every parcel that waits for a person, the first due first."""
    principal = principal_of(request)
    rows = list(with_contents(label_problems(scoped_shipments(principal)))[:_SHOWN])
    coming = without_label(scoped_shipments(principal)).filter(problem="").count()
    context = {"tabs": sections(principal, "labels"), "rows": rows, "coming": coming, "groups": _groups(rows),
               "may_retry": principal.may("fulfillment.work"),
               "may_fix": principal.may("fulfillment.manifest")}  # fmt: skip
    return render(request, "dashboard/fulfil/labels.html", context)


def _groups(rows: list[Shipment]) -> list[tuple[str, int]]:
    """The same words again and again are one cause."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.problem] = counts.get(row.problem, 0) + 1
    return sorted(counts.items(), key=lambda pair: -pair[1])


def parcel_of(principal: Principal, pk: int) -> Shipment:
    found = with_contents(scoped_shipments(principal).filter(pk=pk)).first()
    if found is None:
        raise NotFound(f"There is no parcel {pk}.")
    return found


def _waiting(principal: Principal, pk: int) -> Shipment:
    shipment = parcel_of(principal, pk)
    if shipment.state != ShipmentState.CREATED:
        raise Conflict(f"{shipment.order.number} is {shipment.get_state_display().lower()} already.")
    return shipment


@require_safe
@requires("fulfillment.view")
def parcel(request: HttpRequest, pk: int) -> HttpResponse:
    """One parcel: contents, label to print, scans; for one without a label, the carriers that could take it."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    open_label = shipment.state == ShipmentState.CREATED and shipment.fulfillment_order.kind == "ship"
    may_fix = principal.may("fulfillment.manifest")
    quotes = []
    if open_label and may_fix:
        promised = shipment.order.promised_by
        asked = booking_request(shipment)
        quotes = quotes_for_screen(
            rate_request(asked), promised.date() if promised else None, terms=parcel_terms(shipment, asked),
            fastest=shipment.fulfillment_order.goes_fast,
        )  # fmt: skip
    context = {
        "shipment": shipment, "quotes": quotes, "may_fix": may_fix, "open_label": open_label,
        "may_retry": principal.may("fulfillment.work"),
        "accounts": CarrierAccount.objects.filter(is_active=True) if open_label else [],
        "scans": scans_of_booking(shipment.booking_id) if shipment.booking_id else [],
        "has_label": principal.sees_labels and Label.objects.filter(booking__shipment=shipment).exists(),
        "tabs": sections(principal, "labels" if open_label else ""),
        "invoice": invoice_of(shipment), "not_invoiced": why_not_invoiced(shipment),
        "customs": customs_paper(shipment),
        "named_units": named_units(shipment), "may_print": principal.sees_labels,
        "held": held_parcels([shipment]).get(shipment.pk, []), "cash_minor": cash_of_parcel(shipment),
        "doubt": _doubt(shipment) if open_label else None, "may_decide": principal.may("carriers.edit"),
        "checks": shipment.fulfillment_order.pack_proofs.select_related("check_done").order_by("pk"),
        "attempts": failures_by_parcel([shipment.pk]).get(shipment.pk, []), **proof_context(shipment, principal),
    }  # fmt: skip
    return render(request, "dashboard/fulfil/parcel.html", context)


def named_units(shipment: Shipment) -> list[tuple[str, list[PickedUnit]]]:
    """SKU and the lots or serial numbers of it in the parcel, for SKUs that are kept by them."""
    items = list(shipment.items.all())
    units = units_of_items(items)
    return [(item.line.sku.code, units[item.pk]) for item in items if units.get(item.pk)]


@require_safe
@requires("fulfillment.view")
def label_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The label, 100 x 150 mm."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    principal.require_labels()
    found = Label.objects.filter(booking__shipment=shipment).first()
    if found is None:
        raise NotFound(f"Parcel {pk} has no label.")
    response = HttpResponse(bytes(found.pdf), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="label-{shipment.awb}.pdf"'
    return response


def _doubt(shipment: Shipment) -> Booking | None:
    """The booking of which nobody knows what the carrier made of it."""
    booking = live_booking(shipment.uid)
    return booking if booking is not None and booking.state == BookingState.UNKNOWN else None


@require_POST
@requires("carriers.edit")
def decide_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """A person looked in the carrier's panel: the parcel stands there under an AWB, or it is not there."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    booking = _doubt(shipment)
    there = request.POST.get("answer") == "there"
    awb = request.POST.get("awb", "").strip() if there else ""
    try:
        if booking is None:
            raise Conflict("What the carrier made of this parcel is certain by now.")
        if there and not awb:
            raise DomainError("Type in the AWB under which the carrier has it.")
        decide_unknown(booking.pk, awb=awb, actor=principal.name, reason=request.POST.get("reason", ""))
    except DomainError as error:
        messages.error(request, error.message)
    else:
        said = _("It is booked as %(awb)s.") % {"awb": awb.upper()} if awb else _("It is booked anew.")
        messages.success(request, said)
    return HttpResponseRedirect(reverse("dashboard:fulfil_parcel", args=[pk]))


def _book(shipment: Shipment, *, account_id: int | None = None, awb: str = "") -> str:
    """Book outside of any transaction; what is in the way, or nothing. A parcel never has two live bookings."""
    try:
        booked = book_shipment(shipment.pk, account_id=account_id, awb=awb)
    except (TransientError, PermanentError) as error:
        return str(error)
    except DomainError as error:
        return error.message
    booked.refresh_from_db()
    return "" if booked.awb else booked.problem


@require_POST
@requires("fulfillment.work")
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the carriers again, the best one first."""
    shipment = _waiting(principal_of(request), pk)
    _say(request, shipment, _book(shipment))
    return HttpResponseRedirect(reverse("dashboard:fulfil_labels"))


def _say(request: HttpRequest, shipment: Shipment, problem: str) -> None:
    if problem:
        text = _("%(number)s still has no label: %(problem)s")
        messages.error(request, text % {"number": shipment.order.number, "problem": problem})
        return
    shipment.refresh_from_db()
    text = _("%(number)s has its label: %(courier)s %(awb)s.")
    values = {"number": shipment.order.number, "courier": shipment.courier_name, "awb": shipment.awb}
    messages.success(request, text % values)


@require_POST
@requires("fulfillment.work")
def retry_all(request: HttpRequest) -> HttpResponse:
    """Ask again for every parcel of the list, as many as fit into the time; each has its own result."""
    rows = list(with_contents(label_problems(scoped_shipments(principal_of(request))))[:_SHOWN])
    deadline = time.monotonic() + _RETRY_SECONDS
    done, refused = 0, 0
    for shipment in rows:
        if time.monotonic() > deadline:
            break
        if _book(shipment):
            refused += 1
        else:
            done += 1
    left = len(rows) - done - refused
    text = ngettext("%(n)d label bought", "%(n)d labels bought", done) % {"n": done}
    text += ", " + _("%(n)d still refused") % {"n": refused}
    if left:
        text += ", " + _("%(n)d not tried yet: press again") % {"n": left}
    messages.add_message(request, messages.SUCCESS if not refused and not left else messages.WARNING, f"{text}.")
    return HttpResponseRedirect(reverse("dashboard:fulfil_labels"))


@require_POST
@requires("fulfillment.work")
def take_parcel_apart(request: HttpRequest, pk: int) -> HttpResponse:
    """Open a parcel that may not leave: what may not be sold is put aside, and the order is routed again."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    try:
        once_per_form(request, lambda: {"id": take_apart(shipment_id=shipment.pk, actor=principal.name).pk})
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The parcel of %(number)s is taken apart. The order is routed again.")
                         % {"number": shipment.order.number})  # fmt: skip
    return HttpResponseRedirect(reverse("dashboard:fulfil_parcel", args=[pk]))


@require_POST
@requires("fulfillment.manifest")
def book_with(request: HttpRequest, pk: int) -> HttpResponse:
    """Book with the carrier that a person chose; with a number typed in, for couriers without an API."""
    shipment = _waiting(principal_of(request), pk)
    text = request.POST.get("account", "")
    account = CarrierAccount.objects.filter(pk=int(text), is_active=True).first() if text.isdecimal() else None
    if account is None:
        raise NotFound("There is no such carrier.")
    awb = request.POST.get("awb", "").strip()[:60]
    if "awb" in request.POST and not awb:
        messages.error(request, _("Type the AWB that the courier gave you."))
        return HttpResponseRedirect(reverse("dashboard:fulfil_parcel", args=[pk]))
    problem = _book(shipment, account_id=account.pk, awb=awb)
    _say(request, shipment, problem)
    if problem:
        return HttpResponseRedirect(reverse("dashboard:fulfil_parcel", args=[pk]))
    return HttpResponseRedirect(reverse("dashboard:fulfil_labels"))
