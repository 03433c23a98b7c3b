"""Cash on delivery: what carriers owe and for how long, what does not agree, remittances, and one parcel's book."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from carriers.models import Booking, CashPosition, Remittance, RemittanceLine
from carriers.services.cash import write_off
from carriers.services.remittances import assign_line, release_line
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.core.values import major_units
from oms.dashboard.carriers.cash_queries import (
    debts,
    excess,
    history,
    overdue,
    remittances,
    short,
    unknown_lines,
)
from oms.reporting.order_export import csv_text, safe_text

_SHOWN = 100
_EXPORTED = 50_000
#: Name of a queue in the address -> what is in it, and its heading.
_QUEUES: dict[str, tuple[Callable[[str], QuerySet[Any]], str]] = {
    "overdue": (overdue, _("Overdue")), "short": (short, _("Paid too little")), "excess": (excess, _("Paid too much")),
    "unknown": (unknown_lines, _("Unknown AWBs")), "remittances": (remittances, _("Remittances")),
}  # fmt: skip


def _reader(request: HttpRequest) -> Principal:
    """Who asks: money of carriers is the whole company's, so it is for people who see everything."""
    principal = principal_of(request)
    principal.require_everywhere()
    return principal


def _chosen(request: HttpRequest) -> tuple[str, str]:
    """The queue and the carrier that the address names."""
    queue = request.GET.get("show", "overdue")
    return queue if queue in _QUEUES else "overdue", request.GET.get("carrier", "")[:40]


@require_GET
@requires("finance.view")
def cash(request: HttpRequest) -> HttpResponse:
    """Who owes how much for how long, and one queue of what needs somebody."""
    principal = _reader(request)
    queue, carrier = _chosen(request)
    counts = {name: rows(carrier).count() for name, (rows, _title) in _QUEUES.items()}
    tabs = [
        {"label": title, "url": f"?show={name}{f'&carrier={carrier}' if carrier else ''}", "active": name == queue,
         "count": counts[name] or "", "tone": "bad" if counts[name] and name not in ("remittances",) else ""}
        for name, (_rows, title) in _QUEUES.items()
    ]  # fmt: skip
    found = debts()
    context = {
        "debts": found, "tabs": tabs, "queue": queue, "carrier": carrier, "rows": _QUEUES[queue][0](carrier)[:_SHOWN],
        "total": counts[queue], "shown": _SHOWN, "may_edit": principal.may("finance.edit"),
        "owed_minor": sum(debt.total_minor for debt in found), "currency": found[0].currency if found else "INR",
        "overdue_minor": sum(debt.overdue_minor for debt in found),
        "several": len({debt.currency for debt in found}) > 1,
    }  # fmt: skip
    return render(request, "dashboard/carriers/cash.html", context)


@require_GET
@requires("finance.view")
def export(request: HttpRequest) -> HttpResponse:
    """The queue that is shown as CSV, in full."""
    _reader(request)
    queue, carrier = _chosen(request)
    rows = _QUEUES[queue][0](carrier)[:_EXPORTED]
    table = [_HEADINGS.get(queue, _POSITION)] + [_cells(queue, row) for row in rows]
    response = HttpResponse("\ufeff" + csv_text(table), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="cash-{queue}.csv"'
    return response


_POSITION = ["Carrier", "AWB", "Order", "Delivered", "Due", "Remitted", "Too much", "Currency"]
_HEADINGS = {
    "unknown": ["Carrier", "UTR", "Paid on", "AWB", "Amount", "Kept back", "Currency", "Note"],
    "remittances": ["Carrier", "UTR", "Paid on", "Parcels", "Amount", "Kept back", "Currency"],
}


def _cells(queue: str, row: Any) -> list[str]:
    if isinstance(row, RemittanceLine):
        paid = row.remittance
        money = [_major(row.amount_minor, paid.currency), _major(row.deducted_minor, paid.currency)]
        return [safe_text(paid.account.name), safe_text(paid.utr), str(paid.paid_on), safe_text(row.awb), *money,
                paid.currency, safe_text(row.note)]  # fmt: skip
    if isinstance(row, Remittance):
        sums: Any = row
        money = [_major(sums.amount or 0, row.currency), _major(sums.deducted or 0, row.currency)]
        return [safe_text(row.account.name), safe_text(row.utr), str(row.paid_on), str(sums.parcels), *money,
                row.currency]  # fmt: skip
    position: CashPosition = row
    amounts = [_major(minor, position.currency)
               for minor in (position.due_minor, position.remitted_minor, position.excess_minor)]  # fmt: skip
    since = position.since.isoformat() if position.since else ""
    return [safe_text(position.account.name), position.booking.awb, position.booking.order_number, since, *amounts,
            position.currency]  # fmt: skip


def _major(minor: int, currency: str) -> str:
    return str(major_units(minor, currency))


@require_GET
@requires("finance.view")
def remittance(request: HttpRequest, pk: int) -> HttpResponse:
    """One payment with its parcels, those that do not agree first."""
    principal = _reader(request)
    paid = get_object_or_404(remittances(), pk=pk)
    lines = paid.lines.select_related("booking").defer("booking__request")
    rows = sorted(lines, key=lambda line: (line.finding == "matched", line.row))
    context = {"paid": paid, "rows": rows, "may_edit": principal.may("finance.edit")}
    return render(request, "dashboard/carriers/remittance.html", context)


@require_GET
@requires("finance.view")
def parcel(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that was booked of one parcel."""
    principal = _reader(request)
    booking = get_object_or_404(Booking.objects.select_related("account").defer("request"), pk=pk)
    position = CashPosition.objects.filter(pk=pk).first()
    context = {
        "booking": booking, "position": position, "rows": history(pk),
        "is_open": position is not None and bool(position.due_minor or position.excess_minor),
        "may_edit": principal.may("finance.edit"),
    }  # fmt: skip
    return render(request, "dashboard/carriers/cash_parcel.html", context)


@require_POST
@requires("finance.edit")
def write_off_parcel(request: HttpRequest, pk: int) -> HttpResponse:
    """Give up what is open of a parcel, with a reason."""
    back = HttpResponseRedirect(reverse("dashboard:cash_parcel", args=[pk]))
    reason, actor = request.POST.get("reason", "")[:300], _reader(request).name

    def work() -> dict[str, Any]:
        return {"minor": write_off(booking_id=pk, reason=reason, actor=actor)}

    return _done(request, back, work, _("It is closed."))


@require_POST
@requires("finance.edit")
def assign(request: HttpRequest, pk: int) -> HttpResponse:
    """Set a payment for an unknown AWB against the parcel that it was meant for."""
    awb, actor = request.POST.get("awb", "")[:60], _reader(request).name

    def work() -> dict[str, Any]:
        return {"awb": assign_line(line_id=pk, awb=awb, actor=actor).awb}

    back = HttpResponseRedirect(f"{reverse('dashboard:cash')}?show=unknown")
    return _done(request, back, work, _("The payment is set against %(awb)s.") % {"awb": awb})


@require_POST
@requires("finance.edit")
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a payment off its parcel, with a reason."""
    line = get_object_or_404(RemittanceLine, pk=pk)
    reason, actor = request.POST.get("reason", "")[:300], _reader(request).name

    def work() -> dict[str, Any]:
        return {"awb": release_line(line_id=pk, reason=reason, actor=actor).awb}

    back = HttpResponseRedirect(reverse("dashboard:cash_remittance", args=[line.remittance_id]))
    return _done(request, back, work, _("The payment is taken off. It stands with the unknown AWBs."))


def _done(
    request: HttpRequest, back: HttpResponse, work: Callable[[], dict[str, Any]], words: str
) -> HttpResponse:  # fmt: skip
    try:
        once_per_form(request, work)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, words)
    return back
