"""Whether a page about a parcel has the carrier's proof of delivery to show, or may ask for it."""

from __future__ import annotations

from typing import Any

from carriers.models import DeliveryProof
from carriers.services import proves_delivery
from fulfillment.models import Shipment, ShipmentState
from oms.accounts.access import Principal


def proof_context(shipment: Shipment, principal: Principal) -> dict[str, Any]:
    """`delivery_proof` and whether it `may_have_proof`, for pages about a parcel; it shows who signed, and where."""
    account = shipment.carrier_account
    if account is None or shipment.state != ShipmentState.DELIVERED:
        return {}
    if not principal.sees_labels or not principal.may("orders.view"):
        return {}
    kept = DeliveryProof.objects.filter(booking=shipment.booking_id).defer("pdf").first()
    return {"delivery_proof": kept, "may_have_proof": kept is not None or proves_delivery(account.adapter)}
