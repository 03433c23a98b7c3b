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


class LaneRefused(PermanentError):
    """The carrier says that it does not serve this very way, though it offered a price for it."""
