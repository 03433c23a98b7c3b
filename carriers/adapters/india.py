"""What carriers of India share. Pure."""

from __future__ import annotations

from carriers.base import BookingRequest
from oms.core.errors import PermanentError

#: From this value in paise on, goods on the road need an e-way bill, which no connector of ours sends.
EWAY_BILL_FROM_MINOR = 5_000_000


def refuse_abroad(request: BookingRequest, name: str) -> None:
    """Raises PermanentError for a parcel that is not priced in rupees, or does not stay in India."""
    if request.currency != "INR":
        raise PermanentError(f"{name} is paid in rupees (INR); this parcel is in {request.currency}.")
    if {request.ship_from.country, request.ship_to.country} != {"IN"}:
        raise PermanentError(f"Parcels that cross a border are not booked with {name} here: use another carrier.")


def refuse_without_eway_bill(request: BookingRequest, name: str) -> None:
    """Raises PermanentError for a parcel that needs an e-way bill."""
    if request.declared_value_minor >= EWAY_BILL_FROM_MINOR:
        raise PermanentError(
            f"A parcel worth 50000 rupees or more needs an e-way bill, which is not sent to {name} here: book it in "
            "their panel."
        )
