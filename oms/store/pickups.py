"""Orders that customers collect: the shelf, the ready message, the checks at the counter, and the hand-over."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentState
from fulfillment.selectors.arrivals import waiting_transfers
from fulfillment.selectors.held import held_parcels
from fulfillment.selectors.pickups import is_locked, shelves_of
from fulfillment.services import cash_of_parcel
from fulfillment.services.pickups import ID_KINDS, Proof, hand_out, locked_words, stage_parcel, unlock_pickup
from inventory.models import Node
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.notifications.models import Message
from oms.notifications.services import resend
from oms.store.gate import is_fragment, manager_write, shipment_here, show, store_page, store_write

_READY = "ready_for_pickup"


def pickup_here(node: Node, pk: int) -> Shipment:
    """A parcel that its customer collects in this store. Raises NotFound for any other one."""
    shipment = shipment_here(node, pk)
    if shipment.fulfillment_order.kind != FulfillmentOrderKind.PICKUP:
        raise NotFound(f"There is no pickup {pk} in {node.name}.")
    return shipment


def proof_of(shipment: Shipment) -> str:
    """Marks a page that was opened by scanning the customer's own code."""
    return shipment.uid.hex[-12:]


@store_page
def collect_page(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Checks before the goods change hands: code or card, name, money."""
    return _page(request, node, pickup_here(node, pk))


def _page(request: HttpRequest, node: Node, shipment: Shipment, problem: str = "", status: int = 200) -> HttpResponse:
    given = request.POST or request.GET
    locked = is_locked(shipment.order_id)
    problem = problem or (locked_words() if locked else "")
    return show(
        request, node, "collect", status=status, shipment=shipment, problem=problem,
        cod_minor=cash_of_parcel(shipment), held=held_parcels([shipment]).items(), locked=locked,
        coming=waiting_transfers(shipment.order_id), id_kinds=ID_KINDS.items(), form=request.POST,
        proof=proof_of(shipment) if constant_time_compare(given.get("proof", ""), proof_of(shipment)) else "",
        who={"other": given.get("who") == "other", "customer": given.get("who") != "other"},
        how={"card": given.get("how") == "id", "code": given.get("how") != "id"},
        shelf=shelves_of([shipment]).get(shipment.pk, ""), letter=_letter(shipment),
        may_unlock=principal_of(request).may("pickups.unlock"),
        gone=shipment.state in (ShipmentState.CANCELLED, ShipmentState.DELIVERED),
    )  # fmt: skip


def _letter(shipment: Shipment) -> Message | None:
    """The newest ready message of the order."""
    return Message.objects.filter(order=shipment.order_id, template=_READY).order_by("-pk").first()


@store_write
def collect_done(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The customer took the goods. Pressing twice hands over once, and counts a wrong code once."""
    shipment = pickup_here(node, pk)
    actor = principal_of(request).name

    def work() -> dict[str, str]:
        return {"refused": hand_out(shipment_id=shipment.pk, actor=actor, proof=proof).refused}

    try:
        proof = _proof(request, shipment)
        if shipment.order.is_cod and shipment.state == ShipmentState.CREATED and not request.POST.get("paid"):
            raise DomainError(_("Take the money first, then tick the box."), field="paid")
        refused = once_per_form(request, work, one_action=True)["refused"]
    except DomainError as error:
        return _page(request, node, pickup_here(node, pk), error.message, error.http_status)
    if refused:
        return _page(request, node, pickup_here(node, pk), refused, 422)
    messages.success(request, _("%(number)s was handed over.") % {"number": shipment.order.number})
    return HttpResponseRedirect(reverse("store:handover"))


def _proof(request: HttpRequest, shipment: Shipment) -> Proof:
    def text(name: str, most: int) -> str:
        return " ".join(request.POST.get(name, "").split())[:most]

    is_other = request.POST.get("who") == "other"
    other = text("collected_by", 120)
    if is_other and not other:
        raise DomainError(_("Write the name of the person who collects."), field="collected_by")
    shown = constant_time_compare(request.POST.get("proof", ""), proof_of(shipment))
    by_card = request.POST.get("how") == "id"
    if by_card and not is_other and not request.POST.get("name_matches"):
        raise DomainError(_("Compare the name on the card with that of the order, then tick the box."), field="how")
    return Proof(
        code="" if by_card else text("code", 12).replace(" ", ""), has_shown_qr=shown and not by_card,
        id_kind=text("id_kind", 20) if by_card else "", id_last=text("id_last", 8) if by_card else "",
        other=other if is_other else "", relation=text("relation", 60) if is_other else "",
    )  # fmt: skip


@manager_write
def unlock(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """A manager allows five more codes."""
    shipment = pickup_here(node, pk)
    if unlock_pickup(order_id=shipment.order_id, actor=principal_of(request).name):
        messages.success(request, _("%(number)s is unlocked: five more tries.") % {"number": shipment.order.number})
    return HttpResponseRedirect(reverse("store:collect", args=[pk]))


@store_write
def send_again(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The customer says that no message came: the same one is sent again."""
    shipment = pickup_here(node, pk)
    letter = _letter(shipment)
    if letter is None:
        messages.error(request, _("The customer was not written to yet."))
    else:
        found = letter.pk

        def send() -> dict[str, int]:
            resend(message_id=found)
            return {"message": found}

        once_per_form(request, send)
        messages.success(request, _("The message is sent again."))
    return HttpResponseRedirect(reverse("store:collect", args=[pk]))


# -- the shelf ---------------------------------------------------------------------------------------------------------


@store_page
def shelf_page(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Where a parcel lies: its shelf or locker, by scan."""
    shipment = pickup_here(node, pk)
    return show(request, node, "shelf", shipment=shipment, shelf=shelves_of([shipment]).get(pk, ""),
                is_told=_letter(shipment) is not None)  # fmt: skip


@store_write
def shelf_scan(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One scanned or typed code of a shelf: the parcel lies there now, and its customer is told once."""
    shipment = pickup_here(node, pk)
    actor = principal_of(request).name
    code = request.POST.get("code", "")

    def work() -> dict[str, str]:
        return {"shelf": stage_parcel(shipment_id=shipment.pk, shelf=code, actor=actor).shelf}

    try:
        shelf, problem = once_per_form(request, work)["shelf"], ""
    except DomainError as error:
        shelf, problem = "", error.message
    if is_fragment(request) and problem:
        response = HttpResponse(status=204)
        response["HX-Trigger"] = json.dumps({"scan": {"result": "wrong", "text": problem}})
        return response
    if problem:
        messages.error(request, problem)
        url = reverse("store:shelf", args=[pk])
    else:
        messages.success(
            request, _("%(number)s lies on %(shelf)s.") % {"number": shipment.order.number, "shelf": shelf}
        )
        url = reverse("store:handover") + "#pickups"
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
