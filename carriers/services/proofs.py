"""Proofs of delivery: what the carrier gives of them, asked for once and kept."""

from __future__ import annotations

import hashlib

from carriers.base import ProvesDelivery, UnknownOutcome
from carriers.models import Booking, BookingState, DeliveryProof
from carriers.registry import ADAPTERS, adapter_for
from carriers.services.accounts import note_failure, note_ok
from carriers.services.network import refuse_open_transaction
from carriers.services.outcomes import call_config
from oms.core.errors import Conflict, NotFound, PermanentError, TransientError

#: Longer documents are no proof of one parcel.
MOST_BYTES = 5 * 1024 * 1024


def proves_delivery(adapter_code: str) -> bool:
    """Carriers of this adapter give a proof of delivery over their API."""
    return isinstance(ADAPTERS.get(adapter_code), ProvesDelivery)


def fetch_proof(booking_id: int, *, actor: str) -> DeliveryProof:
    """The proof that a parcel was delivered; what is kept already is not asked for again. Never inside a transaction.

    Raises NotFound, Conflict for a booking that does not stand or a carrier that gives none, TransientError where it
    did not answer, PermanentError where it has none (yet) or gave something else than a PDF.
    """
    booking = Booking.objects.select_related("account", "proof").filter(pk=booking_id).first()
    if booking is None:
        raise NotFound(f"There is no booking {booking_id}.")
    kept: DeliveryProof | None = getattr(booking, "proof", None)
    if kept is not None:
        return kept
    adapter = adapter_for(booking.account.adapter)
    if booking.state != BookingState.BOOKED or not isinstance(adapter, ProvesDelivery):
        raise Conflict(f"{booking.account.name} gives no proof of delivery of {booking}.")
    refuse_open_transaction("fetch_proof")
    try:
        pdf = adapter.proof_of_delivery(call_config(booking), booking.awb)
    except (TransientError, UnknownOutcome) as error:
        note_failure(booking.account, error)
        raise TransientError(str(error)) from error
    note_ok(booking.account)
    if not pdf.startswith(b"%PDF") or len(pdf) > MOST_BYTES:
        raise PermanentError(f"{booking.account.name} gave {len(pdf)} bytes that are no PDF of up to 5 MB.")
    proof, _ = DeliveryProof.objects.get_or_create(
        booking=booking, defaults={"pdf": pdf, "sha256": hashlib.sha256(pdf).hexdigest(), "fetched_by": actor[:120]}
    )
    return proof
