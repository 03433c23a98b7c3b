"""The customer's page of one order. The address is the only key: whoever has it may read it, nobody can guess it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import localdate
from django.utils.translation import pgettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fulfillment.models import CurbsideVisit, FailedDelivery, RoadTrouble, TroubleKind
from fulfillment.services import cancel_order
from fulfillment.services.curbside import say_here, say_on_way
from oms.accounts.access import public
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.notifications.links import order_of_token, tracking_url
from oms.portal.story import Story, may_cancel, tell
from orders.locks import lock_order
from orders.models import Order

LANGUAGES = ("en", "hi")
View = Callable[..., HttpResponseBase]


def _language(request: HttpRequest) -> str:
    """What the link says, else what the browser asks for."""
    wanted = request.GET.get("lang") or translation.get_language_from_request(request)
    return wanted if wanted in LANGUAGES else "en"


def page_of(request: HttpRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
    """A page of the portal, kept by nobody and told to nobody."""
    # No page here has a form that needs the CSRF token (see `cancel_page`); an empty one keeps it free of cookies.
    here = {"lang": translation.get_language(), "brand": {"name": "OMS"}, "csrf_token": ""} | context
    response = render(request, f"portal/{template}.html", here, status=status)
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


def portal_page(view: Callable[..., HttpResponseBase]) -> View:
    """Find the order of the token and speak the customer's language. Every wrong token gets the same page."""

    @wraps(view)
    def wrapped(request: HttpRequest, token: str = "", **more: Any) -> HttpResponseBase:
        with translation.override(_language(request)):
            order = order_of_token(token)
            if order is None:
                return page_of(request, "missing", 404)
            return view(request, order, token, **more)

    return public(wrapped)


def typed(request: HttpRequest, name: str, most: int) -> str:
    """What a customer typed into a field, in one line, of `most` signs; without NUL, which nobody types."""
    return " ".join(request.POST.get(name, "").replace("\x00", " ").split())[:most]


def brand_of(order: Order) -> dict[str, str]:
    """Who sold it, as the customer knows them."""
    return {"name": order.channel.brand or order.channel.name}


def show_order(request: HttpRequest, order: Order, token: str, status: int = 200, **more: Any) -> HttpResponse:
    """The page of an order as it is now; `more` says what was just done or refused."""
    story: Story = tell(order)
    other = "hi" if translation.get_language() == "en" else "en"
    return page_of(
        request, "order", status, story=story, order=order, token=token, brand=brand_of(order),
        refresh_url=reverse("portal:order", args=[token]), public_url=tracking_url(order), other_lang=other,
        version=_version(order), done=request.GET.get("done", "") == "cancelled" and order.stage == "cancelled", **more,
    )  # fmt: skip


def _version(order: Order) -> str:
    newest = order.shipments.values_list("state", "expected_delivery", "booking__last_scan_at").order_by("pk")
    visit = CurbsideVisit.objects.filter(order=order).values_list("here_at", "bay", "met_at")
    failures = FailedDelivery.objects.filter(shipment__order=order).order_by("pk", "answers")
    answers = failures.values_list("state", "answers__state")
    doubts = RoadTrouble.objects.filter(shipment__order=order, kind=TroubleKind.DISPUTED).order_by("pk")
    said = doubts.values_list("closed_at")
    parts = f"{order.version}{localdate()}{list(newest)}{list(visit)}{list(answers)}{list(said)}"
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


@require_safe
@portal_page
def order_page(request: HttpRequest, order: Order, token: str) -> HttpResponseBase:
    """When it comes, whether that changed, and where each parcel is. Asked again by the page; 204 if unchanged."""
    if request.headers.get("X-Fragment-Version") == _version(order):
        return HttpResponse(status=204)
    return show_order(request, order, token)


# The browser sends no Referer from these pages (and `Origin: null`), so the usual check cannot pass. The token in the
# address takes its place: a foreign page cannot know it.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@portal_page
def cancel_page(request: HttpRequest, order: Order, token: str) -> HttpResponseBase:
    """Ask once more, then cancel the order. Only before it is packed; sending twice cancels once."""
    if request.method != "POST":
        allowed, why = may_cancel(order, list(order.lines.all()))
        if not allowed:
            return show_order(request, order, token, 409 if why else 200, problem=why)
        return page_of(request, "cancel", order=order, token=token, brand=brand_of(order), story=tell(order))
    try:
        _cancel(order)
    except DomainError as error:
        fresh = Order.objects.select_related("channel").get(pk=order.pk)
        return show_order(request, fresh, token, error.http_status, problem=error.message)
    url = reverse("portal:order", args=[token])
    return HttpResponseRedirect(f"{url}?lang={translation.get_language()}&done=cancelled")


def _cancel(order: Order) -> None:
    """Check under the order's lock, so that what is being packed at this moment is not cancelled here."""

    def work() -> None:
        locked = lock_order(order.pk)
        if locked.stage == "cancelled":
            return
        allowed, why = may_cancel(order, list(order.lines.all()))
        if not allowed:
            raise Conflict(why or pgettext("portal", "This order cannot be cancelled any more."))
        cancel_order(order_id=order.pk, reason="Cancelled by the customer on the tracking page", actor="customer")

    run_atomic(work)


# -- in the car before the store ---------------------------------------------------------------------------------------


@csrf_exempt
@require_POST
@portal_page
def on_my_way(request: HttpRequest, order: Order, token: str) -> HttpResponseBase:
    """The customer sets out; the store sees it. Saying so again changes nothing."""
    return _said(request, order, token, lambda: say_on_way(order_id=order.pk))


@csrf_exempt
@require_POST
@portal_page
def here(request: HttpRequest, order: Order, token: str) -> HttpResponseBase:
    """The customer stands in a bay before the store."""
    text = request.POST.get("bay", "")
    bay = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    car = typed(request, "car", 60)
    return _said(request, order, token, lambda: say_here(order_id=order.pk, bay=bay, car=car))


def _said(request: HttpRequest, order: Order, token: str, say: Callable[[], object]) -> HttpResponseBase:
    try:
        say()
    except DomainError as error:
        fresh = Order.objects.select_related("channel").get(pk=order.pk)
        return show_order(request, fresh, token, error.http_status, problem=error.message)
    return HttpResponseRedirect(f"{reverse('portal:order', args=[token])}?lang={translation.get_language()}")


@csrf_exempt
@public
def missing(request: HttpRequest, rest: str = "") -> HttpResponseBase:
    """Anything else below /t/ looks like a wrong token."""
    with translation.override(_language(request)):
        return page_of(request, "missing", 404)
