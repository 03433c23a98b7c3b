"""Reversible actions on one order: hold, release, note, tags, message again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.orders.detail import order_or_404
from oms.dashboard.orders.detail_views import peeked_order, rendered_order
from oms.dashboard.orders.forms import HoldForm
from oms.dashboard.orders.posting import into_modal, is_fragment, with_toast
from oms.notifications.services import resend_many
from orders.models import Order
from orders.services import add_note, place_hold, release_hold, release_orders, set_tags


def done(request: HttpRequest, number: str, text: str, *, undo_url: str = "") -> HttpResponse:
    """Answer a write: the changed order with a message, or a redirect to its page."""
    if is_fragment(request):
        shown = peeked_order if request.POST.get("from") == "peek" else rendered_order
        return with_toast(shown(request, number), text, undo_url=undo_url)
    messages.success(request, text)
    return HttpResponseRedirect(reverse("dashboard:order", args=[number]))


def target_of(request: HttpRequest, order: Order) -> str:
    """What the answer replaces: the page of the order, or the peek at it in the drawer of another page."""
    peek = "peek" in (request.GET.get("from"), request.POST.get("from"))
    return "#drawer-body > [data-pane]" if peek else f"#order-{order.pk}"


def asked(request: HttpRequest, name: str, context: dict[str, object], *, refused: bool = False) -> HttpResponse:
    """Show a form: in the dialog, or as a page of its own. A refused one goes back to where it came from, as 422."""
    status = 422 if refused else 200
    if is_fragment(request):
        response = render(request, f"dashboard/orders/_{name}.html", context, status=status)
        return into_modal(response) if refused else response
    page = {"form_template": f"dashboard/orders/_{name}.html", "is_page": True}
    return render(request, "dashboard/orders/form_page.html", page | context, status=status)


@require_http_methods(["GET", "POST"])
@requires("orders.hold")
def hold(request: HttpRequest, number: str) -> HttpResponse:
    """Hold an order for one more reason. The same reason again changes nothing."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    form = HoldForm(request.POST or None)
    context: dict[str, object] = {"order": order, "form": form, "target": target_of(request, order)}
    if request.method == "GET":
        return asked(request, "hold", context)
    if not form.is_valid():
        return asked(request, "hold", context, refused=True)
    data = form.cleaned_data
    try:
        placed = place_hold(
            order_id=order.pk, reason=data["reason"], source=principal.name, handle=f"manual:{data['reason']}",
            note=data["note"], held_until=data["held_until"], actor=principal.name,
        )  # fmt: skip
    except DomainError as error:
        form.add_error(None, error.message)
        return asked(request, "hold", context, refused=True)
    undo_url = reverse("dashboard:order_release", args=[number, placed.pk])
    return done(request, number, f"{number} is on hold: {placed.get_reason_display()}.", undo_url=undo_url)


@require_POST
@requires("orders.release")
def release(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Clear one hold. Clearing it again changes nothing."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    found = get_object_or_404(order.holds, pk=pk)
    release_hold(hold_id=found.pk, actor=principal.name, note=request.POST.get("note", "").strip()[:300])
    return done(request, number, f"Hold cleared: {found.get_reason_display()}.")


@require_POST
@requires("orders.release")
def release_all(request: HttpRequest, number: str) -> HttpResponse:
    """Clear every hold. An order that is not on hold stays as it is."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    result = release_orders(order_ids=[order.pk], actor=principal.name)
    return done(request, number, f"{number} is released." if result.done else f"{number} was not on hold.")


@require_POST
@requires("orders.note")
def note(request: HttpRequest, number: str) -> HttpResponse:
    """Put a note on the timeline."""
    principal = principal_of(request)
    order = order_or_404(principal, number)

    def work() -> dict[str, object]:
        add_note(order_id=order.pk, text=request.POST.get("text", "")[:500], actor=principal.name)
        return {}

    once_per_form(request, work)
    return done(request, number, "Note added.")


@require_http_methods(["GET", "POST"])
@requires("orders.edit")
def tags(request: HttpRequest, number: str) -> HttpResponse:
    """Replace the tags."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    if request.method == "GET":
        return asked(
            request, "tags", {"order": order, "known": _known_tags(order), "target": target_of(request, order)}
        )
    wanted = [part for part in request.POST.get("tags", "").split(",") if part.strip()][:20]
    set_tags(order_id=order.pk, tags=wanted, actor=principal.name)
    return done(request, number, "Tags saved." if wanted else "Tags removed.")


def _known_tags(order: Order) -> list[str]:
    """Tags of recent orders of the channel, to choose from."""
    recent = Order.objects.filter(channel=order.channel_id).exclude(tags=[]).order_by("-placed_at", "-pk")
    found = {tag for row in recent.values_list("tags", flat=True)[:50] for tag in row}
    return sorted(found)


@require_POST
@requires("orders.note")
def resend_message(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Send a message to the customer once more. Refused while it is still waiting to go out."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    message = get_object_or_404(order.messages_to_customer, pk=pk)

    def work() -> dict[str, object]:
        if not resend_many([message.pk]):
            raise DomainError("This message is about to be sent already, or names nobody to send it to.")
        return {}

    once_per_form(request, work)
    return done(request, number, f"“{message.subject}” is sent again.")
