"""Health of the carriers, the page of one account with its quote tester, and rate cards."""

from __future__ import annotations

import hashlib

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from carriers.base import CannotProveAbsence
from carriers.models import CarrierAccount, RateCard, Serviceability
from carriers.registry import ADAPTERS
from carriers.selectors import quotes_for_screen
from carriers.services import settle_unknown, waits_for_a_person
from fulfillment.models import Shipment
from inventory.models import Node
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.dashboard.carriers.forms import QuoteForm
from oms.dashboard.carriers.queries import (
    CarrierRow,
    card_table,
    carrier_row,
    carrier_rows,
    countries_of,
    refused_bookings,
    unsettled_bookings,
)
from oms.dashboard.orders.posting import is_fragment

#: Bookings that one press settles: each costs a call to the carrier.
SETTLED_AT_ONCE = 20


def _version(rows: list[CarrierRow]) -> str:
    shown = [
        (row.account.pk, row.word, row.reason, row.health.booked, row.health.refused, row.health.unknown,
         row.health.last_scan_at, row.health.silent_parcels, row.health.travelling)
        for row in rows
    ]  # fmt: skip
    text = repr(shown)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@require_GET
@requires("carriers.view")
def carrier_list(request: HttpRequest) -> HttpResponse:
    """Every account: how it does now. Polled by the page itself."""
    rows = carrier_rows()
    version = _version(rows)
    if is_fragment(request):
        if request.headers.get("X-Fragment-Version") == version:
            return HttpResponse(status=204)
        return render(request, "dashboard/carriers/_rows.html", {"rows": rows, "version": version})
    problems = [(row, problem) for row in rows for problem in row.health.problems]
    context = {"rows": rows, "version": version, "problems": problems, "cards": RateCard.objects.order_by("name"),
               "may_see_money": principal_of(request).may("finance.view")}  # fmt: skip
    return render(request, "dashboard/carriers/list.html", context)


@require_GET
@requires("carriers.view")
def carrier(request: HttpRequest, code: str) -> HttpResponse:
    """One account: health, what needs somebody, and what it would charge beside the others."""
    principal = principal_of(request)
    row = carrier_row(code)
    account = row.account
    asked = "to" in request.GET
    nodes = in_node_scope(Node.objects.filter(is_active=True), principal, "code")
    first = nodes.order_by("priority", "code").values_list("postcode", flat=True).first()
    form = QuoteForm(request.GET) if asked else QuoteForm(initial={"origin": first or ""})
    quotes = quotes_for_screen(form.request()) if asked and form.is_valid() else None
    unsettled = unsettled_bookings(account, principal)
    uids = [booking.parcel_uid for booking in unsettled if waits_for_a_person(booking)]
    parcels = dict(Shipment.objects.filter(uid__in=uids).values_list("uid", "pk"))
    context = {
        "row": row, "account": account, "form": form, "quotes": quotes,
        "unsettled": [(booking, parcels.get(booking.parcel_uid)) for booking in unsettled],
        "proves_nothing": isinstance(ADAPTERS.get(account.adapter), CannotProveAbsence),
        "refused": refused_bookings(account, principal),
        "countries": countries_of(account),
        "postcodes": Serviceability.objects.filter(account=account).count(),
        "table": card_table(account.rate_card) if account.rate_card is not None else None,
        "may_settle": principal.may("carriers.edit"),
    }  # fmt: skip
    status = 422 if asked and form.errors else 200
    return render(request, "dashboard/carriers/detail.html", context, status=status)


@require_POST
@requires("carriers.edit")
def settle(request: HttpRequest, code: str) -> HttpResponse:
    """Ask the carrier now what became of the bookings that are not certain."""
    principal = principal_of(request)
    account = get_object_or_404(CarrierAccount, code=code)
    ids = [booking.pk for booking in unsettled_bookings(account, principal)][:SETTLED_AT_ONCE]
    settled = settle_unknown(ids) if ids else []
    left = len(ids) - len(settled)
    if not ids:
        messages.info(request, _("Nothing is uncertain."))
    elif left == 0:
        text = ngettext("%(n)s booking is certain now.", "%(n)s bookings are certain now.", len(settled))
        messages.success(request, text % {"n": len(settled)})
    else:
        messages.warning(
            request,
            _("%(done)s certain now, %(left)s still not: the carrier did not answer, or cannot prove it yet.")
            % {"done": len(settled), "left": left},
        )
    return HttpResponseRedirect(reverse("dashboard:carrier", args=[code]))


@require_GET
@requires("carriers.view")
def rate_card(request: HttpRequest, code: str) -> HttpResponse:
    """The zones of a rate card."""
    card = get_object_or_404(RateCard, code=code)
    accounts = CarrierAccount.objects.filter(rate_card=card).order_by("priority", "code")
    context = {"table": card_table(card), "card": card, "accounts": accounts}
    return render(request, "dashboard/carriers/rate_card.html", context)
