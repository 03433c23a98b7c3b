"""What connectors share whose carrier publishes no way to book: a person books in the carrier's panel.

The AWB comes from there: typed in for the parcel, or from a range that the carrier allotted (setting `awb_range`).
`CarrierConfig.settings`: `awb` (of this one booking, given by the caller), `void_by_hand` (a person voids parcels in
the panel, and a cancellation here only closes the booking).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from carriers.adapters.manual.awb import clean_awb
from carriers.base import Booked, BookingRequest, CarrierConfig, Rate, RateRequest, TrackingUpdate
from carriers.errors import BadSignature, NoPrices
from oms.core.errors import DomainError, PermanentError

#: Where a carrier sends the token that was agreed with it, unless the setting `webhook_header` names another header.
WEBHOOK_HEADER = "Authorization"


class BookedInPanel:
    """Prices from the account's rate card, AWBs from a person or a range; nothing is sent anywhere."""

    code: str
    name: str

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """The carrier publishes no way to ask: raises NoPrices."""
        raise NoPrices(f"{self.name} publishes no prices over an API: give the account a rate card.")

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Take the AWB that was given to the parcel. Raises PermanentError without one."""
        given = str(config.settings.get("awb", ""))
        if not given:
            raise PermanentError(
                f"{self.name} publishes no way to book: book in its panel and type in the AWB, or give the account "
                "a range."
            )
        try:
            awb = clean_awb(given)
        except DomainError as error:
            raise PermanentError(error.message) from error
        return Booked(awb=awb, courier_name=self.name, external_ids={"reference": request.client_reference})

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """Always None: nothing was sent, so a booking that was not written down never was."""
        return None

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Raises PermanentError, as the carrier still has the parcel, unless `void_by_hand` is set: a person voids."""
        if not config.settings.get("void_by_hand"):
            raise PermanentError(
                f"{self.name} publishes no way to cancel: void {booked.awb} in its panel, and say so with the "
                "account's setting void_by_hand."
            )

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """No scans: the carrier publishes no way to ask."""
        return TrackingUpdate(awb=awb, scans=())


def check_token(config: CarrierConfig, headers: Mapping[str, str]) -> None:
    """Compare the agreed header with `secrets["webhook_token"]`. Raises BadSignature, also when no token is set."""
    name = str(config.settings.get("webhook_header") or WEBHOOK_HEADER).lower()
    given = next((value for key, value in headers.items() if key.lower() == name), "")
    expected = config.secrets.get("webhook_token", "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise BadSignature("The push's token does not match the carrier account.")
