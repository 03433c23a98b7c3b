"""What a customer answers to a failed attempt, and that a delivered parcel did not come. No script is needed."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.translation import pgettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from fulfillment.models import AnsweredBy, AnswerKind
from fulfillment.services.answers import Wish, answer_failure
from fulfillment.services.road import dispute
from oms.core.errors import Conflict, DomainError
from oms.portal.story import Parcel, tell
from oms.portal.views import brand_of, page_of, portal_page, show_order, typed
from orders.models import Order

ACTOR = "customer"


def _parcel(order: Order, shipment_id: int) -> Parcel | None:
    """The parcel of this order, as its page shows it."""
    return next((parcel for parcel in tell(order).parcels if parcel.shipment_id == shipment_id), None)


def _to_page(order: Order, token: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('portal:order', args=[token])}?lang={translation.get_language()}")


def _refused(request: HttpRequest, order: Order, token: str, error: DomainError) -> HttpResponse:
    """The page as it is now, with what was wrong: the words of the services are for the people who run them."""
    words = {
        "deliver_on": pgettext("portal", "The courier cannot come on that day. Choose another one."),
        "line1": pgettext("portal", "Give the house, street and landmark in the PIN code of the parcel, or your phone "
                                    "number."),
        "phone": pgettext("portal", "This is not a phone number: it takes ten digits."),
    }  # fmt: skip
    general = pgettext("portal", "That is not possible any more. This is how it stands now.")
    fresh = Order.objects.select_related("channel").get(pk=order.pk)
    return show_order(request, fresh, token, error.http_status, problem=words.get(error.field, general))


def _answer(request: HttpRequest, order: Order, token: str, shipment_id: int, wish: Wish) -> HttpResponseBase:
    parcel = _parcel(order, shipment_id)
    if parcel is None:
        return page_of(request, "missing", 404)
    try:
        if parcel.failure_id is None:
            raise Conflict("The parcel has moved on.")
        answer_failure(failure_id=parcel.failure_id, wish=wish, by=AnsweredBy.CUSTOMER, actor=ACTOR)
    except DomainError as error:
        return _refused(request, order, token, error)
    return _to_page(order, token)


@csrf_exempt
@require_POST
@portal_page
def deliver(request: HttpRequest, order: Order, token: str, parcel: int) -> HttpResponseBase:
    """Once more, as soon as they can or on a day; or with a corrected address or phone number."""
    line1, line2, phone = typed(request, "line1", 200), typed(request, "line2", 200), typed(request, "phone", 32)
    day = request.POST.get("day", "")
    if request.POST.get("kind") == AnswerKind.CORRECT:
        wish = Wish(kind=AnswerKind.CORRECT, line1=line1, line2=line2, phone=phone)
    elif day:
        wish = Wish(kind=AnswerKind.ON_DAY, deliver_on=_day(day))
    else:
        wish = Wish(kind=AnswerKind.AGAIN)
    return _answer(request, order, token, parcel, wish)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@portal_page
def send_back(request: HttpRequest, order: Order, token: str, parcel: int) -> HttpResponseBase:
    """Ask once more, then have it brought back."""
    if request.method == "POST":
        return _answer(request, order, token, parcel, Wish(kind=AnswerKind.RETURN))
    found = _parcel(order, parcel)
    if found is None:
        return page_of(request, "missing", 404)
    if found.failing is None or not found.failing.may_answer:
        return _refused(request, order, token, Conflict("The parcel has moved on."))
    return page_of(request, "send_back", order=order, token=token, brand=brand_of(order), parcel=found)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@portal_page
def not_here(request: HttpRequest, order: Order, token: str, parcel: int) -> HttpResponseBase:
    """What the courier calls delivered did not come: where it may be, then a report. Sending twice reports once."""
    found = _parcel(order, parcel)
    if found is None:
        return page_of(request, "missing", 404)
    if request.method == "POST":
        try:
            dispute(shipment_id=parcel, note=typed(request, "note", 300))
        except DomainError as error:
            return _refused(request, order, token, error)
        return _to_page(order, token)
    if found.doubt is None or not found.doubt.may_say:
        return _to_page(order, token)
    return page_of(request, "not_here", order=order, token=token, brand=brand_of(order), parcel=found)
