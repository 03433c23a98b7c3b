"""What can go wrong between us and a carrier."""

from oms.core.errors import DomainError, PermanentError, TransientError


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


class NoPrices(PermanentError):
    """The carrier tells no price, over its API at all or for this very parcel: nothing failed."""


class StillUnderWay(TransientError):
    """The carrier answers, and is not done with this one parcel: others of the account can be asked about."""
