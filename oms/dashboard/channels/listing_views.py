"""Listings of a channel: which SKU each one means, and the quantity the channel was told, took and shows."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from channels.models import Listing
from channels.services import map_listing, process_messages, suggest_skus, unmap_listing
from inventory.models import Sku
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.dashboard.channels.account_views import rights_of, tabs_of
from oms.dashboard.channels.queries import channel_rows, listings_shown
from oms.dashboard.channels.reach import account_for
from oms.flow.replay_jobs import INLINE_MESSAGES, outcome_of

ROWS = 100
#: At most so many listings are mapped by one form.
MOST_MAPPED = 200


@require_GET
@requires("channels.view")
def listings(request: HttpRequest, code: str) -> HttpResponse:
    """Unmapped listings first, each with the SKU it looks like."""
    account = account_for(request, code)
    row = channel_rows(principal_of(request), code)[0]
    show, text = request.GET.get("show", ""), request.GET.get("q", "").strip()[:120]
    page = Paginator(listings_shown(account, show, text), ROWS).get_page(request.GET.get("page"))
    unmapped = [listing.external_sku for listing in page.object_list if listing.sku_id is None]
    hints = suggest_skus(unmapped) if unmapped else {}
    rows = [
        {"listing": listing, "hint": next(iter(hints.get(listing.external_sku, [])), None), "drift": _drift(listing)}
        for listing in page
    ]
    filters = [("", _("All")), ("unmapped", _("Unmapped")), ("waiting", _("To send")), ("refused", _("Refused")),
               ("drift", _("Drift"))]  # fmt: skip
    context = {
        "row": row, "account": account, "tabs": tabs_of(row, "listings"), "rows": rows, "page": page, "show": show,
        "q": text, "filters": filters, "has_unmapped": bool(unmapped),
    } | rights_of(principal_of(request))  # fmt: skip
    return render(request, "dashboard/channels/listings.html", context)


def _drift(listing: Listing) -> int | None:
    """How many more the channel shows than it was told; None where one of the two is not known."""
    if listing.reported_quantity is None or listing.sent_quantity is None:
        return None
    return listing.reported_quantity - listing.sent_quantity


@require_POST
@requires("quarantine.fix")
def map_many(request: HttpRequest, code: str) -> HttpResponse:
    """Map every ticked listing to the SKU code beside it. What cannot be mapped is told apart; the rest is done."""
    account = account_for(request, code)
    ticked = [int(pk) for pk in request.POST.getlist("ids") if pk.isdecimal()][:MOST_MAPPED]
    rows = Listing.objects.filter(account=account, pk__in=ticked).order_by("pk")
    wanted = {row: request.POST.get(f"sku-{row.pk}", "").strip() for row in rows}
    known = dict(Sku.objects.filter(code__in=set(wanted.values())).values_list("code", "pk"))
    if not wanted:
        messages.error(request, _("Tick the listings to map."))
    replayed: list[int] = []
    done = 0
    for listing, sku_code in wanted.items():
        if sku_code not in known:
            text = _("%(listing)s is not mapped: there is no SKU %(sku)s.")
            messages.error(request, text % {"listing": listing.external_sku, "sku": sku_code or "–"})
            continue
        replayed += map_listing(
            account_id=account.pk, external_sku=listing.external_sku, sku_id=known[sku_code],
            actor=principal_of(request).name,
        )  # fmt: skip
        done += 1
    if done:
        messages.success(request, _mapped_text(done, replayed))
    return HttpResponseRedirect(f"{reverse('dashboard:listings', args=[code])}?show={request.POST.get('show', '')}")


def _mapped_text(done: int, replayed: list[int]) -> str:
    text = _("Mapped: %(n)s.") % {"n": done}
    return f"{text} {replayed_text(replayed)}" if replayed else text


def replayed_text(ids: list[int]) -> str:
    """What became of messages that a mapping set free; many are left to the workers."""
    if len(ids) > INLINE_MESSAGES:
        return _("%(n)s messages are being processed.") % {"n": len(ids)}
    process_messages(ids)
    return _("Messages replayed: %(counts)s.") % {"counts": outcome_of(ids).sentence}


@require_POST
@requires("quarantine.fix")
def unmap(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    """Forget which SKU a listing means."""
    account = account_for(request, code)
    listing = get_object_or_404(Listing, pk=pk, account=account)
    try:
        unmap_listing(listing_id=listing.pk)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("%(code)s is not mapped any more.") % {"code": listing.external_sku})
    return HttpResponseRedirect(reverse("dashboard:listings", args=[code]))
