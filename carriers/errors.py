"""What can go wrong between us and a carrier."""

from oms.core.errors import DomainError, PermanentError


class BadSignature(DomainError):
    """A tracking webhook's token does not match the account."""

    code = "bad_signature"
    http_status = 401


class NoCarrier(DomainError):
    """No carrier account carries this parcel there."""

    code = "no_carrier"


class LaneNotServed(NoCarrier):
    """Carriers were asked, all answered, and none serves the way of this parcel: from another node one may."""


class NotProven(PermanentError):
    """The carrier was asked about our reference and names no parcel, which of this carrier proves nothing.

    The booking waits for a person, who looks in the carrier's panel and decides.
    """


class LaneRefused(PermanentError):
    """The carrier says that it does not serve this very way, though it offered a price for it."""
