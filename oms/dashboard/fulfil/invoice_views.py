"""The register of tax invoices: a month's, with its sums, for finance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentState
from fulfillment.selectors.held import BEFORE_ROAD
from fulfillment.services import invoice_parcel, whys_not_invoiced
from oms.accounts.access import Principal, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.values import major_units
from oms.dashboard.fulfil.work_views import scoped_shipments, sections
from oms.dashboard.inventory.grid_views import csv_response
from orders.gst.places import place_name
from orders.models import Invoice, InvoiceLine, InvoiceState, TaxRegistration

PAGE_ROWS = 100
#: Of the parcels without an invoice so many are named.
_SHOWN_MISSING = 20
#: How many parcels one press invoices.
_AT_ONCE = 200
_MOST_LOOKED_AT = 2000
#: What left without an invoice is named so long: two months, the one that is declared and the one that runs.
_LATELY = timedelta(days=62)


@dataclass(frozen=True, slots=True)
class Question:
    """What the register is narrowed to: a month, a GSTIN, a state, a text; rows before one of them."""

    month: date
    gstin: str = ""
    state: str = ""
    text: str = ""

    @property
    def narrowed(self) -> bool:
        """Something beside the month."""
        return bool(self.gstin or self.state or self.text)

    @classmethod
    def read(cls, request: HttpRequest) -> Question:
        """From the address; what makes no sense counts as nothing."""
        get = request.GET
        found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", get.get("month", ""))
        today = timezone.localdate()
        return cls(
            month=date(int(found[1]), int(found[2]), 1) if found else today.replace(day=1),
            gstin=get.get("gstin", "")[:15],
            state=get.get("state", "") if get.get("state", "") in InvoiceState.values else "",
            text=" ".join(get.get("q", "").split())[:40],
        )

    def query(self, **more: str) -> str:
        """The address that asks this."""
        values = {"month": f"{self.month:%Y-%m}", "gstin": self.gstin, "state": self.state, "q": self.text} | more
        return "?" + urlencode({key: value for key, value in values.items() if value})

    def rows(self, principal: Principal) -> QuerySet[Invoice]:
        """The invoices that answer it, of parcels in scope."""
        rows = Invoice.objects.filter(issued_on__year=self.month.year, issued_on__month=self.month.month)
        if not principal.sees_everything:
            rows = rows.filter(parcel_uid__in=scoped_shipments(principal).values("uid"))
        if self.gstin:
            rows = rows.filter(registration__gstin=self.gstin)
        if self.state:
            rows = rows.filter(state=self.state)
        if self.text:
            rows = rows.filter(Q(number__icontains=self.text) | Q(order__number__iexact=self.text)
                               | Q(buyer_gstin__iexact=self.text))  # fmt: skip
        return rows


@require_safe
@requires("fulfillment.view")
def register(request: HttpRequest) -> HttpResponse:
    """The invoices of a month, the newest first, with their sums; parcels that should have one and have none."""
    principal = principal_of(request)
    question = Question.read(request)
    rows = question.rows(principal)
    shown = rows.select_related("order", "registration").order_by("-pk")
    mark = request.GET.get("before", "")
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        shown = shown.filter(pk__lt=int(mark))
    page = list(shown[: PAGE_ROWS + 1])
    parcels = dict(Shipment.objects.filter(uid__in=[row.parcel_uid for row in page]).values_list("uid", "pk"))
    context = {
        "tabs": sections(principal, "invoices"), "question": question, "months": _months(question.month),
        "rows": [(row, parcels.get(row.parcel_uid)) for row in page[:PAGE_ROWS]],
        "next_url": question.query(before=str(page[PAGE_ROWS - 1].pk)) if len(page) > PAGE_ROWS else "",
        "sums": _sums(rows), "states": InvoiceState.choices,
        "registrations": [(row.gstin, str(row)) for row in TaxRegistration.objects.all()],
        **_missing(principal), "may_issue": principal.may("fulfillment.work"),
        "may_export": principal.may("orders.export"), "export_query": question.query(),
    }  # fmt: skip
    return render(request, "dashboard/fulfil/invoices.html", context)


def _missing(principal: Principal) -> dict[str, Any]:
    """The parcels without an invoice: how many are still here and have left, and the oldest with what is in the way."""
    rows = _without_invoice(principal)
    here = Count("pk", filter=Q(state__in=BEFORE_ROAD))
    counts = rows.aggregate(missing=Count("pk"), missing_here=here)
    shown = list(rows.select_related("order", "node", "fulfillment_order").order_by("pk")[:_SHOWN_MISSING])
    whys = whys_not_invoiced(shown) if shown else {}
    return {**counts, "missing_gone": counts["missing"] - counts["missing_here"],
            "missing_rows": [(row, whys[row.pk]) for row in shown],
            "missing_unshown": counts["missing"] - len(shown)}  # fmt: skip


def _months(chosen: date) -> list[date]:
    """This month and the twelve before it, and the chosen one."""
    day, found = timezone.localdate().replace(day=1), []
    for _step in range(13):
        found.append(day)
        day = date(day.year - (day.month == 1), (day.month - 2) % 12 + 1, 1)
    return found if chosen in found else [*found, chosen]


def _sums(rows: QuerySet[Invoice]) -> dict[str, Any]:
    """Count and amounts of those that count; how many were cancelled."""
    live = Q(state=InvoiceState.ISSUED)
    names = ("taxable_minor", "cgst_minor", "sgst_minor", "igst_minor", "total_minor")
    return rows.order_by().aggregate(
        issued=Count("pk", filter=live), cancelled=Count("pk", filter=~live),
        **{name: Sum(name, filter=live, default=0) for name in names},
    )  # fmt: skip


def _without_invoice(principal: Principal) -> QuerySet[Shipment]:
    """Parcels of nodes that sell under a registered GSTIN, still here or packed lately, without an invoice."""
    lately = Q(created_at__gte=now() - _LATELY) & ~Q(state=ShipmentState.CANCELLED)
    return (
        scoped_shipments(principal)
        .filter(Q(state__in=BEFORE_ROAD) | lately, node__gstin__in=TaxRegistration.objects.values("gstin"))
        .exclude(fulfillment_order__kind=FulfillmentOrderKind.TRANSFER)
        .exclude(Exists(Invoice.objects.filter(parcel_uid=OuterRef("uid"))))
    )


@require_POST
@requires("fulfillment.work")
def issue_missing(request: HttpRequest) -> HttpResponse:
    """Invoice the parcels that have none, as many as one press takes; what is in the way is said of each."""
    principal = principal_of(request)
    done, refused = 0, []
    # Those that can have none stand first for ever: they do not count.
    for pk, number in _without_invoice(principal).order_by("pk").values_list("pk", "order__number")[:_MOST_LOOKED_AT]:
        if done == _AT_ONCE:
            break
        try:
            invoice_parcel(shipment_id=pk, actor=principal.name)
        except DomainError as error:
            refused.append(f"{number}: {error.message}")
        else:
            done += 1
    text = ngettext("%(n)d invoice issued", "%(n)d invoices issued", done) % {"n": done}
    if refused:
        text += ". " + _("%(n)d not: %(why)s") % {"n": len(refused), "why": " ".join(refused[:3])}
    messages.add_message(request, messages.WARNING if refused else messages.SUCCESS, text)
    return HttpResponseRedirect(reverse("dashboard:fulfil_invoices"))


_HEAD = (
    "GSTIN", "Document", "Number", "Date", "State", "Order", "Buyer GSTIN", "Place of supply", "Rate %",
    "Taxable value", "CGST", "SGST/UTGST", "IGST", "Total", "Place taken from",
)  # fmt: skip


@require_safe
@requires("orders.export")
def export(request: HttpRequest) -> HttpResponseBase:
    """The register as CSV: a row for each invoice and rate, as returns to the tax office want it."""
    question = Question.read(request)
    return csv_response(_lines(question.rows(principal_of(request))), f"invoices-{question.month:%Y-%m}")


def _lines(rows: QuerySet[Invoice]) -> Iterator[list[str]]:
    yield list(_HEAD)
    names = ("taxable_minor", "cgst_minor", "sgst_minor", "igst_minor", "total_minor")
    # Under the names of the columns of the line: several of them have those of the sums.
    sums = {f"sum_{name}": Sum(name) for name in names}
    found = (
        InvoiceLine.objects.filter(invoice__in=rows)
        .values_list("invoice__registration__gstin", "invoice__kind", "invoice__number", "invoice__issued_on",
                     "invoice__state", "invoice__order__number", "invoice__buyer_gstin", "invoice__place_of_supply",
                     "invoice__place_from_postcode", "rate_bp")
        .annotate(**sums).order_by("invoice_id", "rate_bp")
    )  # fmt: skip
    for gstin, kind, number, day, state, order, buyer, place, by_pin, rate, *amounts in found.iterator():
        yield [gstin, kind, number, f"{day:%Y-%m-%d}", state, order, buyer, place_name(place), f"{rate / 100:g}",
               *(str(major_units(amount, "INR")) for amount in amounts), "PIN code" if by_pin else ""]  # fmt: skip
